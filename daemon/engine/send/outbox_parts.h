/* outbox_parts.h -- what the files of the outbox share: outbox.c, outbox_settle.c, outbox_load.c, unknown.c, act.c. */
#ifndef SOPD_ENGINE_SEND_OUTBOX_PARTS_H
#define SOPD_ENGINE_SEND_OUTBOX_PARTS_H

#include "engine/internal.h"

struct entry *outbox_find(struct gw *gw, uint64_t id);
/* A new entry, on no list but the table's; takes m. */
struct entry *outbox_new(struct gw *gw, uint64_t id, struct message *m);
/* It waits for its turn (again). */
void outbox_requeue(struct gw *gw, struct entry *en, int64_t due_ms);
void outbox_done_as(struct gw *gw, struct entry *en, const char *outcome, const char *reason,
                    const char *message_id);

/* It has become a part of another one, and is gone from Redis already. */
void outbox_merged(struct gw *gw, struct entry *en, const char *into);

/* ---- outbox_settle.c ---- */
/* Its outcome is unknown; the next look at it is due at at_ms. */
void settle_begin(struct gw *gw, struct entry *en, int64_t at_ms);
/* A message of ours with that id is accounted for: seen again, it settles nothing. */
void settle_note_id(struct gw *gw, const char *chat, const char *message_id);

#endif
