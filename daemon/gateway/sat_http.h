/* sat_http.h -- calls of a Satori server: POST {base}/{method} with the headers of an account. One call knows nothing of chats or
 * queues. Callers: sat_send.c, sat_call.c, sat_history.c, sat_upload.c, sat_login.c, sat_held.c, sat_lists.c. */
#ifndef SOPD_GATEWAY_SAT_HTTP_H
#define SOPD_GATEWAY_SAT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/json.h"

struct sat;
struct sat_hub;

enum {
    SAT_REASON_MAX = 200,       /* bytes of a reason that scripts and logs see */
    SAT_ERROR_MAX = 512,        /* bytes of an error's text that are looked at */
    SAT_CALLS_MAX = 2000,       /* calls of one gateway without an answer */
    SAT_ANSWER_MAX = 8 << 20,   /* bytes of an answer */
    SAT_UPLOAD_MS = 120 * 1000, /* time for an upload */
    SAT_UPLOAD_MAX = 20 << 20   /* bytes of a picture */
};

/* What an answer means, by its status and the words of its body. */
enum sat_result {
    SAT_DONE,      /* 2xx */
    SAT_REFUSED,   /* the platform or the server says no */
    SAT_NO_METHOD, /* 404 of the method, 405, 501: this login has none such */
    SAT_NO_AUTH,   /* our token is wrong */
    SAT_NO_LOGIN,  /* the server does not know the login, or not any more */
    SAT_BROKEN,    /* 5xx: asking once more may help */
    SAT_LOST,      /* written, but no answer came or half of one */
    SAT_UNWRITTEN  /* never left us */
};

struct sat_http_answer {
    bool ok; /* result is SAT_DONE */
    enum sat_result result;
    int status; /* 0: there is no answer */
    const struct json
        *data;          /* parsed with sat_json_doc(); NULL if there is none. Valid during fn */
    const char *reason; /* bounded and clean; "" if ok */
    const char *text;   /* not ok: the first SAT_ERROR_MAX bytes of the body, terminated; "" else */
    int64_t retry_ms;   /* the server says how long to wait; 0 it does not */
};
typedef void sat_http_fn(void *ud, const struct sat_http_answer *a);

/* Asks once. json_body: an object. fn is called once, from the loop, never from within, and never after sat_http_stop or
 * sat_http_cancel. 0: not taken (nothing was written): the gateway has no login, or too many calls are under way. */
uint64_t sat_http_call(struct sat *g, const char *method, const char *json_body, sat_http_fn *fn,
                       void *ud);
/* The same for what only reads: asked again after 1 s and after 3 s if the server has failed or the answer was lost. */
uint64_t sat_http_read(struct sat *g, const char *method, const char *json_body, sat_http_fn *fn,
                       void *ud);
/* upload.create: one file. */
uint64_t sat_http_upload(struct sat *g, const char *filename, const char *type, const void *data,
                         size_t len, sat_http_fn *fn, void *ud);
/* A call without the headers of an account; it ends with the hub, whose client is destroyed. */
uint64_t sat_http_meta(struct sat_hub *h, const char *path, const char *json_body, sat_http_fn *fn,
                       void *ud);
void sat_http_hub_end(
    struct sat_hub *h); /* the calls of sat_http_meta are over: fn is not called */
void sat_http_cancel(struct sat *g, uint64_t id);
/* Has the login the method? No only if the server said so: in its features it need not stand. */
bool sat_http_has(const struct sat *g, const char *method);

void sat_http_learn(struct sat *g); /* the login may be another one now: nothing is lacking */
void sat_http_stop(struct sat *g);  /* cancels all; no fn is called any more */
void sat_http_tick(struct sat *g, int64_t now); /* what is to be asked again */

/* ---- for tests ---- */

/* Reads status and body; *data is left alone. */
enum sat_result sat_http_result(int status, const char *text);
/* "retry_after": 1.5 or "retry after 7" somewhere in the text, in ms; 0: none. */
int64_t sat_http_retry_ms(const char *text);

#endif
