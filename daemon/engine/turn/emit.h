/* emit.h -- business events and audit entries. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TURN_EMIT_H
#define SOPD_ENGINE_TURN_EMIT_H

#include "engine/inbox/inbox.h"

enum { STREAM_LENGTH = 1000000, STREAM_DEAD_LENGTH = 100000 };
/* sopd:<kind>:{<gateway>}, the keys that outside systems use. */
void gw_stream_key(const struct gw *gw, struct buf *out, const char *kind);
/* What adds such an entry: its words for turn_write, which hold until the next event is told. */
enum { EMIT_WORDS = 20 };
struct turn;
void emit_words(const struct turn *t, const char *kind, const char *name, int64_t time_ms,
                const char *data, const char *argv[EMIT_WORDS]);
/* Events of this turn: a flow failed so often that it is paused here; a run cannot go on. */
void turn_tell_failure(struct turn *t, const char *name, const char *error, int64_t minutes);
void turn_tell_run(struct turn *t, const char *name, const char *flow, const char *error);
/* Tells an event that no turn causes. name: a literal; data: a JSON object. */
void gw_tell(struct gw *gw, const char *name, const char *data);
/* Link or account has changed, perhaps. */
void news_state(struct gw *gw, const char *reason);
void news_round(struct gw *gw);
void news_run(struct gw *gw); /* hands to Redis what waits */
void news_free(struct gw *gw);

#endif
