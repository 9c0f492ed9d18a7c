/* llm_stream.h -- the answer of a language model that comes in pieces (c:llm with show = true): server-sent events are put together, and
 * what there is of the text so far is shown in the chat, every 2 s at most, once it was looked through for words that must not be
 * said. Part of the engine's questions to the outside. Callers: calls.c. */
#ifndef SOPD_ENGINE_LLM_STREAM_H
#define SOPD_ENGINE_LLM_STREAM_H

#include "engine/internal.h"
#include "engine/run/llm.h"

/* ---- the events ---- */

struct llm_stream {
    struct buf line; /* the one that is not complete */
    struct buf text; /* so far */
    int64_t tokens;  /* as the service says; -1: it has not */
    char finish[24]; /* why it ended, as it says */
    bool begun;      /* there was an event; else what came is an answer in one piece, in `line` */
    bool done;       /* nothing follows */
    const char *error;
};
void llm_stream_init(struct llm_stream *s);
void llm_stream_free(struct llm_stream *s);
/* Takes what came. False: nothing more is needed, s->done or s->error. */
bool llm_stream_feed(struct llm_stream *s, const char *data, size_t len);

/* ---- showing it ---- */

struct llm_show;
struct llm_show_opts {
    struct gw *gw;
    const char *chat;
    const char *ref;           /* of what is answered; NULL: nothing is shown, only put together */
    const char *draft;         /* what the gateway calls it */
    const struct cJSON *words; /* of the flow, too, or NULL; borrowed for the call */
};
struct llm_show *llm_show_new(const struct llm_show_opts *o);
/* Later, when its timer is closed; nothing is shown any more. NULL is allowed. */
void llm_show_free(struct llm_show *s);
/* A piece of the answer. False: it is not wanted any longer. */
bool llm_show_data(struct llm_show *s, int status, const char *data, size_t len);
/* The end: as llm_read, and "draft" if one may be on the screen. */
int64_t llm_show_read(struct llm_show *s, const struct http_answer *a, struct buf *with);

#endif
