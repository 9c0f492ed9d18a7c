/* ob_pressure.c -- when one side is faster than the other. In: the engine has enough, so nothing is read and TCP holds the peer back;
 * neither its silence nor answers that lie unread count against it. Out: a peer that does not read gets no more than a socket's
 * worth, requests that have not left cannot be late, and a link on which nothing moves any more is given up. */
#include "gateway/conf.h"
#include "gateway/ob.h"

enum { OB_SOCKET_FULL = 256 * 1024 /* bytes waiting for the socket: sends stay in the outbox */ };

void ob_conn_opts(const struct ob *g, struct ob_peer *p, struct conn_opts *out)
{
    gateway_conf_opts(&g->conf, &ob_link_handler, p, OB_QUEUE_MAX, out);
}

bool ob_pressure_room(struct ob_peer *p)
{
    if (conn_waiting(p->conn) < OB_SOCKET_FULL)
        return true;
    conn_flush(
        p->conn); /* much was queued in this turn of the loop: only what the socket did not take counts */
    return conn_waiting(p->conn) < OB_SOCKET_FULL;
}

/* ---- reading ---- */

static void ob_peer_pause(struct ob_peer *p, bool pause)
{
    int64_t now = ob_now(p->g);
    if (pause == (p->paused_since != 0))
        return;
    conn_pause(p->conn, pause);
    if (pause) {
        p->paused_since = now;
        return;
    }
    int64_t lost = now - p->paused_since;
    p->paused_since = 0;
    p->last_rx = now;
    for (uint32_t i = 0; i < p->nslots; i++)
        p->slots[i].deadline += lost;
}

void ob_pause(struct gateway *base, bool pause)
{
    struct ob *g = (struct ob *)base;
    for (int i = 0; i < OB_ROLES; i++)
        if (g->peers[i].state == OB_OPEN)
            ob_peer_pause(&g->peers[i], pause);
}

/* ---- writing ---- */

/* False: the link is cut, because the peer has taken nothing for as long as an answer may take. */
bool ob_pressure_moves(struct ob_peer *p, int64_t now)
{
    uint64_t written = conn_written(p->conn);
    if (!conn_waiting(p->conn) || written != p->wrote) {
        p->wrote = written;
        p->wrote_at = now;
        return true;
    }
    if (now - p->wrote_at < p->g->conf.timeout_ms)
        return true;
    log_warn("the peer does not read", "gateway", p->g->base.name, "waiting",
             log_int((int64_t)conn_waiting(p->conn)), "seconds",
             log_int((now - p->wrote_at) / 1000), NULL);
    p->closing = true;
    conn_close(p->conn, 0, "it does not read");
    return false;
}
