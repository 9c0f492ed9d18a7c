/* skeleton.h -- what the two files of the codec "skeleton" share: skeleton.c (its link and its life) and skeleton_frame.c (what comes
 * in, what goes out). It is the smallest whole codec, to be copied for a new platform: docs/gateways.md, "Writing a fifth gateway in a
 * day", goes through it, and tests/e2e/gateway_contract runs it like every other one.
 *
 * Its platform speaks JSON over one WebSocket, a frame each; the token is the bearer of the handshake:
 *   in   {"type":"hello","id":"bot","name":"..."}                                   first: who we are
 *        {"type":"message","id":"m1","chat":"g1","user":"u1","name":"...","text":"...","time":ms}   chat "@u1": a private one
 *        {"type":"join"|"leave","id":"e1","chat":"g1","user":"u1"}
 *        {"type":"answer","n":5,"ok":true,"id":"m2"}, {...,"ok":false,"why":"..."}
 *   out  {"type":"send","n":5,"chat":"g1","parts":["text",{"at":"u1"},"text"]} */
#ifndef SOPD_TESTS_SKELETON_H
#define SOPD_TESTS_SKELETON_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/metrics.h"
#include "gateway/backoff.h"
#include "gateway/gateway.h"
#include "gateway/json.h"
#include "gateway/meter.h"
#include "gateway/seen.h"
#include "gateway/transport.h"
#include "gateway/wake.h"

enum {
    SKELETON_PENDING = 256,           /* sends that may wait for their answer */
    SKELETON_REFUSED = 32,            /* calls that wait to be refused */
    SKELETON_QUEUE = 4 * 1024 * 1024, /* bytes that may wait for the socket */
    SKELETON_FULL = 256 * 1024,       /* beyond that, messages stay in the outbox */
    SKELETON_SEEN = 4096,
    SKELETON_WINDOW_S = 600,
    SKELETON_TEXT_MAX = 64 * 1024
};

struct skeleton_send {
    uint64_t n, ticket; /* n 0: free */
    uint64_t start;     /* conn_queued before its frame: has it left? */
    int64_t deadline;
    bool told; /* as unknown; its answer may come yet */
};

struct skeleton {
    struct gateway base;
    struct gateway_env env;
    struct gateway_sink sink;
    struct gateway_conf conf;
    struct wake wake;
    struct conn *conn;
    struct backoff pause, auth_pause;
    struct rng rng;
    struct seen *seen;
    struct json_doc doc;
    struct gateway_meter meter;
    enum gateway_link link;
    bool open, ready, stopping, pinged;
    char self_id[EVENT_ID_MAX + 1];
    int64_t opened, ready_since, last_rx, next_dial; /* monotonic; 0 = not */
    int64_t last_rx_wall;
    uint64_t reconnects, next_n;
    struct skeleton_send sends[SKELETON_PENDING];
    unsigned pending;
    uint64_t refused[SKELETON_REFUSED];
    int nrefused;
    void (*done)(void *ud);
    void *done_ud;
};

static inline int64_t skeleton_now(const struct skeleton *g)
{
    return clock_mono(g->env.clock);
}

/* skeleton_frame.c */
void skeleton_event(struct skeleton *g, const struct json *o, enum event_type type);
void skeleton_unsee(struct gateway *base, const struct event *e);
bool skeleton_send(struct gateway *base, const struct out_message *m, uint64_t ticket);
void skeleton_answer(struct skeleton *g, const struct json *o);
/* Ends the sends whose time is over, or all, because the link is lost. */
void skeleton_overdue(struct skeleton *g, int64_t now, bool all);

#endif
