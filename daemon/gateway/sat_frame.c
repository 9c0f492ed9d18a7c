/* sat_frame.c -- one text frame of a Satori server: READY, PONG, META or an event. Nothing that a server sends closes the link here;
 * what makes no sense is counted and dropped. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/sat.h"

enum {
    SAT_OP_EVENT = 0,
    SAT_OP_PONG = 2,
    SAT_OP_READY = 4,
    SAT_OP_META = 5,
    SAT_PROXIES_MAX = 256
};

void sat_proxy_urls(struct sat_hub *h, const struct json *list)
{
    for (int i = 0; i < h->nproxy_urls; i++)
        free(h->proxy_urls[i]);
    free(h->proxy_urls);
    h->proxy_urls = NULL;
    h->nproxy_urls = 0;
    if (!json_is(list, JSON_ARRAY) || !list->len)
        return;
    size_t room = list->len < SAT_PROXIES_MAX ? list->len : SAT_PROXIES_MAX;
    h->proxy_urls = mem_zero(room * sizeof *h->proxy_urls);
    for (const struct json *v = json_first(list); v && (size_t)h->nproxy_urls < room;
         v = json_next(v))
        if (json_is(v, JSON_STRING) && v->len)
            h->proxy_urls[h->nproxy_urls++] = mem_strndup(v->s, v->len);
}

/* Where we are: a cursor for the next IDENTIFY, nothing else. Servers begin again at 0, interleave and skip. */
static void sat_frame_cursor(struct sat_hub *h, const struct json *body)
{
    int64_t sn;
    if (!json_int(json_get(body, "sn"), &sn) && !json_int(json_get(body, "id"), &sn))
        return;
    if (sn < 0)
        return;
    h->has_sn = true;
    h->last_sn = sn;
}

static void sat_frame_unserved(struct sat_hub *h)
{
    h->unserved++;
    metric_inc(metric_counter("sopd_events_unserved_total",
                              "Events of logins that no gateway of the configuration serves.",
                              metric_labels("gateway", h->gateways->base.name, NULL)));
}

static void sat_frame_decode(struct sat *g, const struct json *body)
{
    struct sat_decode d;
    struct event *e = NULL;
    if (sat_lists_event(g, sat_event_type(json_text(json_get(body, "type"))), body))
        return;
    sat_decode_begin(g, &d, false);
    switch (sat_event_decode(&d, body, &e)) {
    case SAT_EVENT: sat_deliver(g, &d, e); break;
    case SAT_OWN: sat_deliver_own(g, e); break;
    case SAT_IGNORED: break;
    case SAT_MALFORMED: sat_count_bad(g->hub, d.why ? d.why : "event"); break;
    }
}

static void sat_frame_event(struct sat_hub *h, const struct json *body)
{
    const char *type = json_text(json_get(body, "type"));
    const char *why = NULL;
    if (!json_is(body, JSON_OBJECT)) {
        sat_count_bad(h, "body");
        return;
    }
    const struct json *proxies = json_get(body, "proxy_urls");
    if (!json_get(body, "type") && proxies) { /* some Koishi: META as op 0 */
        sat_proxy_urls(h, proxies);
        return;
    }
    sat_frame_cursor(h, body);
    if (!type) {
        sat_count_bad(h, "type");
        return;
    }
    h->saw_frame = h->saw_event = true;
    if (strncmp(type, "login-", 6) == 0) {
        sat_login_event(h, type, json_get(body, "login"));
        return;
    }
    struct sat *g = sat_login_owner(h, body, &why);
    if (g) {
        metric_inc(g->meter.in);
        if (!sat_owner_echo(body, g->self_id))
            sat_login_proof(g);
        if (!g->stopping)
            sat_frame_decode(g, body);
        return;
    }
    if (!why) {
        sat_frame_unserved(h);
        return;
    }
    sat_count_bad(h, "owner");
    if (log_gate_open(&h->owner_gate, h->last_rx, 60000))
        log_warn("an event does not say whose it is", "gateway", h->gateways->base.name, "type",
                 type, "why", why, NULL);
}

static void sat_frame_ready(struct sat_hub *h, const struct json *body)
{
    sat_login_table(h, json_get(body, "logins"));
    sat_proxy_urls(h, json_get(body, "proxy_urls"));
    sat_hub_ready(h, false);
}

void sat_frame(struct sat_hub *h, char *data, size_t len)
{
    struct json_doc *doc = sat_json_doc();
    const struct json *o = json_parse(doc, data, len);
    int64_t op = -1;
    if (!o) {
        sat_count_bad(h, "json");
        if (log_gate_open(&h->bad_gate, h->last_rx, 60000))
            log_warn("frame is not JSON", "gateway", h->gateways->base.name, "why", doc->error,
                     "bytes", log_int((int64_t)len), NULL);
        return;
    }
    if (o->type != JSON_OBJECT) {
        sat_count_bad(h, "not_an_object");
        return;
    }
    const struct json *v = json_get(o, "op");
    if (!json_is(v, JSON_NUMBER) || !json_int(v, &op)) {
        sat_count_bad(h, "op");
        return;
    }
    const struct json *body = json_get(o, "body");
    switch (op) {
    case SAT_OP_EVENT: sat_frame_event(h, body); break;
    case SAT_OP_PONG: h->saw_frame = true; break;
    case SAT_OP_READY: sat_frame_ready(h, body); break;
    case SAT_OP_META:
        if (json_is(body, JSON_OBJECT) && json_get(body, "proxy_urls"))
            sat_proxy_urls(h, json_get(body, "proxy_urls"));
        break;
    default: sat_count_bad(h, "op"); break;
    }
}
