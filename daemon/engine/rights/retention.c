/* retention.c -- what is older than the configuration keeps goes: entries of streams by age, and members who left a group long ago,
 * in that group. Once an hour a gateway, a few at a time; nothing waits for it. Who left stands in the sorted set `left` from the event
 * on, and leaves it by coming back. Before somebody is forgotten the gateway is asked for the members of the group, where it
 * can tell: a join may have been missed. Callers: gw.c. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/rights/forget.h"

enum { RETENTION_EVERY_MS = 3600000, RETENTION_SOON_MS = 5000, RETENTION_MOST = FORGET_SUBJECTS };

struct retention_chat {
    struct gw *gw;
    char *chat;
    char *users[RETENTION_MOST];
    int n;
};

static void left_key(const struct gw *gw, struct buf *out)
{
    gw_key(gw, out, "left");
    buf_cstr(out);
}

void retention_member(const char *chat, const char *user, struct buf *out)
{
    buf_add_part(out, chat);
    buf_addf(out, "|%s", user);
}

/* ---- who left ---- */

void retention_event(struct gw *gw, const struct event *e)
{
    struct buf key = {0}, member = {0};
    bool leave = e->type == EVENT_LEAVE;
    if ((!leave && e->type != EVENT_JOIN) || !*e->user || e->private_chat)
        return;
    left_key(gw, &key);
    retention_member(e->chat, e->user, &member);
    if (leave)
        redis_command(gw->e->redis, NULL, NULL, 4,
                      (const char *[]){"ZADD", key.data, log_int(e->time_ms), buf_cstr(&member)},
                      NULL);
    else
        redis_command(gw->e->redis, NULL, NULL, 3,
                      (const char *[]){"ZREM", key.data, buf_cstr(&member)}, NULL);
    buf_free(&key);
    buf_free(&member);
}

static void retention_drop(struct retention_chat *c)
{
    for (int i = 0; i < c->n; i++)
        free(c->users[i]);
    free(c->chat);
    free(c);
}

static bool retention_is_there(const struct gateway_response *r, const char *user)
{
    for (size_t i = 0; r && r->ok && i < r->nmembers; i++)
        if (strcmp(r->members[i].user, user) == 0)
            return true;
    return false;
}

/* Who is in the group all the same has come back; the others are forgotten there. */
static void retention_forget(void *ud, const struct gateway_response *r)
{
    struct retention_chat *c = ud;
    struct gw *gw = c->gw;
    struct forget *f = NULL;
    struct buf key = {0};
    left_key(gw, &key);
    for (int i = 0; r && i < c->n; i++) {
        struct buf member = {0};
        if (retention_is_there(r, c->users[i])) {
            retention_member(c->chat, c->users[i], &member);
            redis_command(gw->e->redis, NULL, NULL, 3,
                          (const char *[]){"ZREM", key.data, buf_cstr(&member)}, NULL);
        } else if (!f) {
            f = forget_begin(gw, c->users[i], NULL, c->chat, "retention", false);
        } else {
            forget_add(f, c->users[i], c->chat);
        }
        buf_free(&member);
    }
    buf_free(&key);
    retention_drop(c);
}

/* The members of one chat at a time: those of the first entry's. */
static void retention_found(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    if (!r || r->type != REDIS_REPLY_ARRAY || !r->elements || gw->forgets)
        return;
    struct retention_chat *c = MEM_NEW(struct retention_chat);
    c->gw = gw;
    for (size_t i = 0; i < r->elements; i++) {
        struct buf chat = {0};
        const char *bar = r->element[i]->str + buf_read_part(&chat, r->element[i]->str);
        if (*bar && bar[1] && !c->chat)
            c->chat = mem_strdup(buf_cstr(&chat));
        if (*bar && bar[1] && strcmp(c->chat, buf_cstr(&chat)) == 0)
            c->users[c->n++] = mem_strdup(bar + 1);
        buf_free(&chat);
    }
    gw->retention_ms = clock_wall(gw->e->clock) + RETENTION_SOON_MS; /* there may be more */
    static const struct gateway_response unknown = {.ok = false};
    struct gateway_request q = {.action = ACTION_MEMBERS, .chat = c->chat ? c->chat : ""};
    bool can = gw->gateway && gateway_can(gw->gateway, GATEWAY_MEMBERS) && gw->was_up;
    if (!c->n)
        retention_drop(c);
    else if (!can || !gw_ask(gw, &q, retention_forget, c))
        retention_forget(c, &unknown);
}

/* ---- streams ---- */

/* Ids of entries are times of Redis' clock. Ours may be turned by hand, far ahead of it: then its time counts. */
static int64_t retention_now(const struct gw *gw)
{
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    int64_t now = clock_wall(gw->e->clock), ms = (int64_t)real.tv_sec * 1000;
    return now < ms ? now : ms;
}

static void retention_trim(struct gw *gw, const char *name, bool own, int64_t keep_ms)
{
    struct buf key = {0};
    if (!keep_ms || keep_ms == RETENTION_EVER)
        return;
    buf_addf(&key, "sopd:%s", name);
    if (own) {
        buf_adds(&key, ":{");
        buf_add_key(&key, gw->name);
        buf_addc(&key, '}');
    }
    redis_command(gw->e->redis, NULL, NULL, 5,
                  (const char *[]){"XTRIM", buf_cstr(&key), "MINID", "~",
                                   log_int(retention_now(gw) - keep_ms)},
                  NULL);
    buf_free(&key);
}

void retention_round(struct gw *gw)
{
    const struct retention *keep = &gw->e->opts.retention;
    int64_t now = clock_wall(gw->e->clock);
    if (now < gw->retention_ms || !gw->owner || !gw->loaded || !gw->e->redis_up || gw->forgets)
        return;
    gw->retention_ms = now + RETENTION_EVERY_MS;
    retention_trim(gw, "events", true, keep->events_ms);
    retention_trim(gw, "audit", true, keep->audit_ms);
    retention_trim(gw, "commands-dead", true, keep->commands_ms);
    retention_trim(gw, "audit", false, keep->audit_ms);
    if (!keep->left_ms || keep->left_ms == RETENTION_EVER)
        return;
    struct buf key = {0};
    left_key(gw, &key);
    redis_command(gw->e->redis, retention_found, gw, 7,
                  (const char *[]){"ZRANGEBYSCORE", key.data, "-inf", log_int(now - keep->left_ms),
                                   "LIMIT", "0", "32"},
                  NULL);
    buf_free(&key);
}
