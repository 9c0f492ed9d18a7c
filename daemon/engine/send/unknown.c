/* unknown.c -- messages whose outcome stayed unknown: neither the chat nor its history told, and their policy was not to send them
 * again. They are kept in a list of Redis, the latest 200 of a day, for `sopd ctl outbox --unknown`; an admin who has looked into the
 * chat may let one leave again (`resend`) or strike it off (`drop`). Callers: outbox.c, admin. */
#include "engine/send/unknown.h"

#include <stdlib.h>
#include <string.h>

#include "engine/send/outbox_parts.h"

enum { UNKNOWN_MOST = 200, UNKNOWN_KEEP_S = 86400, UNKNOWN_LATE_MS = 1800000 };

void unknown_keep(struct gw *gw, const struct entry *en, const char *reason)
{
    static struct buf key, json;
    char id[40], last[16];
    if (en->message->act)
        return;
    outbox_print_id(en->id, id);
    buf_reset(&key), buf_reset(&json);
    gw_key(gw, &key, "unknown");
    message_json(en->message, &json);
    json.len--; /* the brace: more follows */
    buf_addf(&json, ",\"id\":\"%s\",\"ended\":%lld,\"written\":%lld,\"resends\":%d,\"reason\":", id,
             (long long)clock_wall(gw->e->clock), (long long)en->written_ms, en->resends);
    buf_add_json(&json, reason, strlen(reason));
    buf_addc(&json, '}');
    snprintf(last, sizeof last, "%d", UNKNOWN_MOST - 1);
    const char *push[] = {"LPUSH", buf_cstr(&key), buf_cstr(&json)};
    const char *trim[] = {"LTRIM", push[1], "0", last};
    const char *keep[] = {"EXPIRE", push[1], log_int(UNKNOWN_KEEP_S)};
    redis_command(gw->e->redis, NULL, NULL, 3, push, NULL);
    redis_command(gw->e->redis, NULL, NULL, 4, trim, NULL);
    redis_command(gw->e->redis, NULL, NULL, 3, keep, NULL);
}

/* A new entry of the outbox, with a time of its own; it is in Redis before it is marked and written. */
static const char *unknown_again(struct gw *gw, struct message *m)
{
    struct buf key = {0}, json = {0};
    char id[40];
    uint64_t n = gw->next_id++;
    m->until_ms = clock_wall(gw->e->clock) + UNKNOWN_LATE_MS;
    m->from_ms = 0;
    free(m->run); /* its run was told long ago */
    m->run = NULL;
    outbox_print_id(n, id);
    gw_key(gw, &key, "outbox");
    message_json(m, &json);
    bool ok = redis_command(gw->e->redis, NULL, NULL, 4,
                            (const char *[]){"HSET", buf_cstr(&key), id, buf_cstr(&json)}, NULL);
    buf_free(&key);
    buf_free(&json);
    if (!ok) {
        message_free(m);
        return "redis is away";
    }
    log_info("message is sent again: an admin said so", "gateway", gw->name, "chat", m->chat,
             "flow", m->flow, "id", id, NULL);
    struct entry *en = outbox_new(gw, n, m);
    outbox_requeue(gw, en, clock_wall(gw->e->clock));
    engine_spin(gw->e);
    return NULL;
}

const char *engine_outbox_order(struct engine *e, const char *gateway, const char *id,
                                const char *message, bool resend)
{
    struct gw *gw = engine_gw(e, gateway);
    uint64_t n;
    if (!gw || !gw->owner || !gw->loaded)
        return "that gateway is not served here";
    if (!outbox_parse_id(id, &n))
        return "that is no id of a message";
    if (outbox_order(gw, n, resend))
        return NULL;
    if (!message)
        return "no message of that id has an unknown outcome";
    if (outbox_find(gw, n))
        return "that message is on its way again already";
    struct message *m = message_parse(message, strlen(message));
    if (!m)
        return "its entry is not readable";
    if (!resend) {
        message_free(m);
        return NULL;
    }
    return unknown_again(gw, m);
}
