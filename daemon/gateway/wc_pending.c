/* wc_pending.c -- commands and their acknowledgements. A command is written straight into the socket's buffer; until its acknowledgement
 * comes (the same req_id, no cmd) or its time is over, it stands in a table by req_id, and no second one of that req_id leaves.
 * Entries die with their connection: an acknowledgement on a later one finds nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/wc.h"

enum { WC_CMD_MAX = 32 };

static struct wc_pending **wc_pending_at(struct wc *g, const char *req_id, size_t len)
{
    struct wc_pending **at = &g->pending[hash_bytes(req_id, len) & (WC_PENDING_BUCKETS - 1)];
    while (*at && ((*at)->len != len || memcmp((*at)->req_id, req_id, len) != 0))
        at = &(*at)->next;
    return at;
}

bool wc_pending_has(struct wc *g, const char *req_id)
{
    return *wc_pending_at(g, req_id, strlen(req_id)) != NULL;
}

struct wc_pending *wc_pending_take(struct wc *g, const char *req_id, size_t len)
{
    struct wc_pending **at = wc_pending_at(g, req_id, len), *e = *at;
    if (!e)
        return NULL;
    *at = e->next;
    g->npending--;
    return e;
}

/* ---- writing ---- */

/* "<cmd>_<unix ms>_<8 hex>": the number counts on from a random beginning, so none comes twice in a process. */
static size_t wc_req_id(struct wc *g, const char *cmd, char *out, size_t room)
{
    static uint32_t number;
    static bool begun;
    if (!begun)
        number = (uint32_t)rng_next(&g->rng);
    begun = true;
    int n = snprintf(out, room, "%.*s_%lld_%08x", WC_CMD_MAX, cmd,
                     (long long)clock_wall(g->env.clock), (unsigned)++number);
    return (size_t)n;
}

bool wc_frame_begin_raw(struct wc *g, struct wc_frame *f, const char *cmd, const char *req_id)
{
    char own[96];
    size_t len = req_id ? strlen(req_id) : wc_req_id(g, cmd, own, sizeof own);
    if (!req_id)
        req_id = own;
    if (!g->conn || conn_full(g->conn) || g->npending >= WC_PENDING_MAX || len > WC_REQ_ID_MAX ||
        *wc_pending_at(g, req_id, len))
        return false;
    *f = (struct wc_frame){.g = g};
    f->pending = mem_zero(sizeof *f->pending + len + 1);
    memcpy(f->pending->req_id, req_id, len);
    f->pending->len = len;
    f->pending->start = conn_queued(g->conn);
    f->out = conn_begin(g->conn, &f->start);
    buf_addf(f->out, "{\"cmd\":\"%s\",\"headers\":{\"req_id\":", cmd);
    buf_add_json(f->out, req_id, len);
    buf_adds(f->out, "},\"body\":");
    return true;
}

bool wc_frame_begin(struct wc *g, struct wc_frame *f, const char *cmd, const char *req_id)
{
    return wc_ready(g) && wc_frame_begin_raw(g, f, cmd, req_id);
}

void wc_frame_end(struct wc_frame *f, enum wc_for what, uint64_t number, int64_t timeout_ms)
{
    struct wc *g = f->g;
    struct wc_pending *e = f->pending;
    buf_addc(f->out, '}');
    conn_end(g->conn, f->start);
    metric_inc(g->meter.out);
    e->what = what;
    e->number = number;
    e->timeout_ms = timeout_ms;
    e->deadline = wc_now(g) + timeout_ms;
    struct wc_pending **at = wc_pending_at(g, e->req_id, e->len);
    *at = e;
    g->npending++;
    wc_wake(g, e->deadline);
}

void wc_frame_cancel(struct wc_frame *f)
{
    conn_cancel(f->g->conn, f->start);
    free(f->pending);
}

/* ---- the end of those without an answer ---- */

static void wc_pending_end(struct wc *g, struct wc_pending *e, bool written, const char *reason)
{
    switch (e->what) {
    case WC_FOR_OUT: wc_out_lost(g, e->number, written, reason); break;
    case WC_FOR_SUBSCRIBE:
        if (g->conn && g->state == WC_SUBSCRIBING && !g->closing)
            wc_link_subscribed(g, NULL);
        break;
    case WC_FOR_PING: break; /* it was counted when it was written */
    }
    free(e);
}

/* Takes out those for which the time is over (now 0: all) as a list, so that whoever is told may write again. A command that has not
 * left yet cannot be late: it gets its time anew. */
static struct wc_pending *wc_pending_over(struct wc *g, int64_t now, int64_t *next)
{
    struct wc_pending *over = NULL;
    for (int i = 0; i < WC_PENDING_BUCKETS; i++) {
        for (struct wc_pending **at = &g->pending[i]; *at;) {
            struct wc_pending *e = *at;
            if (now && now >= e->deadline && g->conn && e->start >= conn_written(g->conn))
                e->deadline = now + e->timeout_ms;
            if (now && now < e->deadline) {
                if (!*next || e->deadline < *next)
                    *next = e->deadline;
                at = &e->next;
                continue;
            }
            *at = e->next;
            g->npending--;
            e->next = over;
            over = e;
        }
    }
    return over;
}

void wc_pending_fail_all(struct wc *g, const char *reason)
{
    int64_t next = 0;
    uint64_t written = g->conn ? conn_written(g->conn) : UINT64_MAX;
    for (struct wc_pending *e = wc_pending_over(g, 0, &next), *after; e; e = after) {
        after = e->next;
        wc_pending_end(g, e, e->start < written, reason);
    }
}

void wc_pending_due(struct wc *g, int64_t now)
{
    int64_t next = 0;
    if (!g->npending || g->paused_since)
        return; /* acknowledgements that lie unread do not count */
    for (struct wc_pending *e = wc_pending_over(g, now, &next), *after; e; e = after) {
        after = e->next;
        wc_pending_end(g, e, true, "no answer in time");
    }
    if (next)
        wc_wake(g, next);
}

void wc_pending_delay(struct wc *g, int64_t ms)
{
    for (int i = 0; i < WC_PENDING_BUCKETS; i++)
        for (struct wc_pending *e = g->pending[i]; e; e = e->next)
            e->deadline += ms;
}
