/* sat_out.h -- what the files of the way out of the Satori codec (sat_http.c, sat_send.c, sat_call.c, sat_history.c, sat_upload.c,
 * sat_out.c) share: the state of one gateway's calls. Nobody else includes it, tests excepted. */
#ifndef SOPD_GATEWAY_SAT_OUT_H
#define SOPD_GATEWAY_SAT_OUT_H

#include "gateway/sat.h"
#include "gateway/sat_element.h"
#include "gateway/sat_http.h"

enum {
    SAT_FLYING =
        8, /* messages of one gateway on their way at once; in a chat one after the other */
    SAT_BUCKETS = 64,     /* of the table of chats that have messages to send */
    SAT_POSTS_MAX = 4096, /* messages that wait here; more are not taken */
    SAT_HOLD_MS = 1000,   /* after a message that could not leave nothing is taken for so long */
    SAT_HOLD_AUTH_MS = 60000,
    SAT_PAGES_MAX = 500, /* pages of one list */
    SAT_JOBS_MAX = 2000, /* chats whose history is to be read */
    SAT_READERS = 4      /* chats whose history is read side by side */
};

struct sat_asked; /* sat_http.c: a call without an answer */
struct sat_lane;  /* sat_send.c: a chat that has messages to send */
struct sat_ask;   /* sat_call.c: an action under way */
struct sat_job;   /* sat_history.c: a chat whose history is to be read */
struct sat_load;  /* sat_upload.c: pictures that are brought to the server */

/* A result that must not be reported inside the call that it answers. */
enum sat_late_kind { SAT_LATE_FAILED, SAT_LATE_UNWRITTEN, SAT_LATE_RESPONSE };
struct sat_late {
    struct sat_late *next;
    enum sat_late_kind kind; /* of a send, or a response that is a refusal */
    uint64_t ticket;
    const char *reason; /* a fixed text */
};

struct sat_out {
    struct sat_asked *asked;
    unsigned nasked;
    uint64_t last_id;
    uint64_t lacking; /* bits of sat_http.c's table: methods that the login does not have */
    /* sends */
    struct sat_lane *lanes[SAT_BUCKETS];
    struct sat_lane *ready, **ready_tail; /* lanes that may begin with their next message */
    unsigned flying, nposts;
    int64_t hold_until; /* monotonic: nothing is taken before */
    struct sat_late *late, **late_tail;
    /* the rest */
    struct sat_ask *asks;
    struct sat_job *jobs;
    unsigned reading;
    int64_t next_read; /* monotonic: the next chat may be read */
    bool history_own;  /* the platform's history has our own messages */
    struct sat_load *loads;
};

/* ---- sat_send.c ---- */
void sat_sent(struct sat *g, uint64_t ticket, enum send_outcome outcome, const char *id,
              const char *reason, int64_t retry_ms);
/* What an answer to message.create means. *retry_ms: from now, 0 unknown. Tests call it. */
enum send_outcome sat_send_outcome(const struct sat_http_answer *a, int64_t *retry_ms);
/* The id in an answer to message.create: of the last message. False: it names none. */
bool sat_send_id(const struct json *data, char id[SAT_ID_MAX + 1]);
void sat_send_next(struct sat *g); /* begins what may begin */
/* Everything that has not begun is reported as unwritten; `all`: what is on its way as unknown, too. */
void sat_send_end(struct sat *g, const char *why, bool all);
/* The DIRECT channel in an answer to user.channel.create is noted and returned; NULL: there is none in it. */
const char *sat_direct_answer(struct sat *g, const char *user, const struct json *data);
/* Adds "referrer": for a message to a chat that answers `ref` ("" = it answers nothing). */
void sat_send_referrer(struct sat *g, struct buf *out, const char *chat, const char *ref);

/* ---- sat_call.c ---- */
void sat_call_end(struct sat *g, const char *why);
void sat_responded(struct sat *g, uint64_t ticket, enum sat_result result, const char *reason);

/* ---- sat_history.c ---- */
void sat_history_next(struct sat *g);
void sat_history_end(struct sat *g);

/* ---- sat_upload.c ---- */
/* A copy of a message that outlives the call that brought it. */
struct out_message *sat_message_copy(const struct out_message *m);
void sat_message_free(struct out_message *m);
/* Pictures of a message that the server cannot fetch by itself. When all of them are settled, fn gets the addresses (one for each
 * segment, NULL where the id is good as it is), or why it failed. Never from within. `m` must stay until then. */
typedef void sat_load_fn(void *ud, const char *const *src, const char *why);
bool sat_upload_needed(const struct sat *g, const struct out_message *m);
struct sat_load *sat_upload_begin(struct sat *g, const struct out_message *m, sat_load_fn *fn,
                                  void *ud);
void sat_upload_cancel(struct sat *g, struct sat_load *l);

/* ---- sat_out.c ---- */
void sat_out_late(struct sat *g, enum sat_late_kind kind, uint64_t ticket, const char *reason);
bool sat_qq(const struct sat *g); /* a QQ account, whatever serves it */

#endif
