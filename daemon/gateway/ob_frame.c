/* ob_frame.c -- one complete frame: is it an event, a response, or something that should not come? Events are decoded, freed
 * of repeats, and handed to the engine. Nothing that a peer sends closes the link here; it is counted and dropped. */
#include <string.h>

#include "gateway/ob.h"

bool ob_decode_begin(struct ob *g, struct ob_decode *d, bool history)
{
    int64_t skew = 0;
    if (g->skew_known[0] && (!g->skew_known[1] || g->skew_low[0] < g->skew_low[1]))
        skew = g->skew_low[0];
    else if (g->skew_known[1])
        skew = g->skew_low[1];
    *d = (struct ob_decode){.self_id = g->self_id,
                            .impl = g->impl,
                            .now_ms = clock_wall(g->env.clock),
                            .now_ns = clock_ns(),
                            .skew_ms = skew,
                            .stale_ms = g->conf.stale_ms,
                            .history = history};
    return true;
}

/* The event's account: the first event decides (some bridges call themselves otherwise elsewhere). False: not ours. */
static bool ob_frame_self(struct ob_peer *p, const struct json *o)
{
    struct ob *g = p->g;
    const char *id;
    size_t len;
    enum ob_id_kind kind = ob_id(json_get(o, "self_id"), &id, &len);
    if (kind != OB_ID_OK)
        return kind == OB_ID_NONE;
    if (strlen(g->self_id) == len && memcmp(g->self_id, id, len) == 0) {
        g->self_from_event = true;
        ob_link_proved(p);
        return true;
    }
    bool expected = !g->conf.self_id ||
                    (strlen(g->conf.self_id) == len && memcmp(g->conf.self_id, id, len) == 0);
    if (!expected || g->self_from_event)
        return false;
    g->self_from_event = true;
    ob_link_set_self(g, id, len);
    ob_link_proved(p);
    return true;
}

static void ob_frame_meta(struct ob_peer *p, const struct json *o)
{
    const char *type = json_text(json_get(o, "meta_event_type"));
    if (type && strcmp(type, "heartbeat") == 0)
        ob_link_heartbeat(p, o);
}

/* Notices about the account itself; true if it was one. */
static bool ob_frame_account(struct ob *g, const struct json *o)
{
    const struct json *type = json_get(o, "notice_type");
    const char *name = json_text(type);
    if (!name || strncmp(name, "bot_o", 5) != 0)
        return false;
    if (strcmp(name, "bot_offline") == 0) {
        struct ob_answer a;
        ob_answer_read(o, &a); /* its `message` is a text like that of a response */
        const char *tag = json_text(json_get(o, "tag"));
        struct buf text = {0};
        buf_addf(&text, "%.64s%s%.*s", tag ? tag : "", tag && *a.reason ? ": " : "", OB_REASON_MAX,
                 a.reason);
        ob_login_lost(g, buf_cstr(&text));
        buf_free(&text);
        return true;
    }
    if (strcmp(name, "bot_online") != 0)
        return false;
    ob_login_notice(g);
    return true;
}

/* A group that the account came into or fell out of. */
static void ob_deliver_membership(struct ob *g, const struct event *e)
{
    if (e->type == EVENT_LEAVE && strcmp(e->sub, "self") == 0)
        g->sink.on_chat(g->sink.ud, &g->base, e->chat, "", false);
    else if (e->type == EVENT_JOIN && *g->self_id && strcmp(e->user, g->self_id) == 0)
        g->sink.on_chat(g->sink.ud, &g->base, e->chat, "", true);
}

void ob_repeated(struct ob *g, const struct event *e)
{
    g->sink.on_repeated(g->sink.ud, &g->base, e);
}

void ob_deliver(struct ob *g, struct event *e)
{
    if (e->type == EVENT_JOIN && ob_held_merge(g, e))
        return;
    enum ob_seen_how seen = ob_dedupe(g->account, e, ob_now(g));
    if (seen != OB_SEEN_NEW) {
        metric_inc(g->meter.repeated);
        if (seen == OB_SEEN_NEAR)
            ob_repeated(g, e);
        event_free(e);
        return;
    }
    if (e->late)
        metric_inc(g->meter.late);
    ob_login_proof(g, e);
    ob_deliver_membership(g, e);
    /* NapCat reports a join twice, often first without the inviter: wait a moment for the richer one */
    if (e->type == EVENT_JOIN && !*e->operator_id && g->impl == OB_IMPL_NAPCAT && !e->history) {
        ob_held_join(g, e);
        return;
    }
    if (g->held)
        ob_held_release(g, e);
    g->sink.on_event(g->sink.ud, &g->base, e);
}

static void ob_frame_event(struct ob_peer *p, const struct json *o)
{
    struct ob *g = p->g;
    p->saw_event = true;
    if (!ob_frame_self(p, o)) {
        ob_count_bad(g, "self_id");
        return;
    }
    const struct json *group = json_get(o, "group_id");
    if (group && (group->type == JSON_STRING || group->type == JSON_NUMBER))
        g->string_ids = group->type == JSON_STRING;
    if (ob_frame_account(g, o))
        return;
    struct ob_decode d;
    struct event *e = NULL;
    ob_decode_begin(g, &d, false);
    switch (ob_event_decode(&d, o, &e)) {
    case OB_EVENT: ob_deliver(g, e); break;
    case OB_OWN:
        g->saw_own = true;
        ob_login_send_ok(g);
        g->sink.on_own_message(g->sink.ud, &g->base, e);
        event_free(e);
        break;
    case OB_META: ob_frame_meta(p, o); break;
    case OB_IGNORED: break;
    case OB_MALFORMED: ob_count_bad(g, d.why ? d.why : "event"); break;
    }
}

static void ob_frame_object(struct ob_peer *p, const struct json *o)
{
    struct ob *g = p->g;
    if (!json_is(o, JSON_OBJECT)) {
        ob_count_bad(g, "not_an_object");
        return;
    }
    if (json_is(json_get(o, "post_type"), JSON_STRING)) {
        ob_frame_event(p, o);
        return;
    }
    const struct json *echo = json_get(o, "echo");
    if (echo || json_is(json_get(o, "retcode"), JSON_NUMBER) ||
        json_is(json_get(o, "status"), JSON_STRING)) {
        ob_response(p, o);
        return;
    }
    if (json_is(json_get(o, "action"), JSON_STRING)) {
        if (!g->told_miswired)
            log_error("the peer sends actions: it is another bot, not a OneBot implementation",
                      "gateway", g->base.name, "peer", conn_peer(p->conn), NULL);
        g->told_miswired = true;
        ob_count_bad(g, "action");
        return;
    }
    ob_count_bad(g, "unknown");
}

void ob_frame(struct ob_peer *p, char *data, size_t len)
{
    struct ob *g = p->g;
    struct json_doc *doc = ob_json_doc();
    const struct json *o = json_parse(doc, data, len);
    if (!o) {
        ob_count_bad(g, "json");
        if (log_gate_open(&g->bad_gate, ob_now(g), 60000))
            log_warn("frame is not JSON", "gateway", g->base.name, "why", doc->error, "bytes",
                     log_int((int64_t)len), NULL);
        return;
    }
    if (o->type != JSON_ARRAY) {
        ob_frame_object(p, o);
        return;
    }
    if (!o->len)
        ob_count_bad(g, "not_an_object");
    int left = OB_BATCH_MAX;
    uint64_t gen = p->gen;
    for (const struct json *v = json_first(o); v && left-- > 0 && p->gen == gen; v = json_next(v))
        ob_frame_object(p, v);
}
