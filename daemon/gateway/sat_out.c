/* sat_out.c -- the way out of one gateway as a whole: its life, what it can do, results that are told a moment later. */
#include "gateway/sat_out.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void sat_out_init(struct sat *g)
{
    struct sat_out *o = MEM_NEW(struct sat_out);
    o->ready_tail = &o->ready;
    o->late_tail = &o->late;
    g->out = o;
}

void sat_out_free(struct sat *g)
{
    free(g->out);
    g->out = NULL;
}

/* ---- results ---- */

void sat_out_late(struct sat *g, enum sat_late_kind kind, uint64_t ticket, const char *reason)
{
    struct sat_late *l = MEM_NEW(struct sat_late);
    *l = (struct sat_late){.kind = kind, .ticket = ticket, .reason = reason};
    *g->out->late_tail = l;
    g->out->late_tail = &l->next;
    sat_wake(g->hub, sat_now(g));
}

void sat_out_flush(struct sat *g)
{
    struct sat_out *o = g->out;
    struct sat_late *list = o->late;
    o->late = NULL;
    o->late_tail = &o->late;
    while (list) {
        struct sat_late *l = list;
        list = l->next;
        if (l->kind == SAT_LATE_RESPONSE)
            sat_responded(g, l->ticket, SAT_REFUSED, l->reason);
        else
            sat_sent(g, l->ticket, l->kind == SAT_LATE_FAILED ? SEND_FAILED : SEND_UNWRITTEN, "",
                     l->reason, 0);
        free(l);
    }
}

void sat_out_tick(struct sat *g, int64_t now)
{
    sat_out_flush(g);
    sat_http_tick(g, now);
    sat_send_next(g);
    sat_history_next(g);
}

/* ---- life ---- */

void sat_out_ready(struct sat *g)
{
    sat_http_learn(g);
    g->out->hold_until = 0;
    sat_history_next(g);
}

void sat_out_down(struct sat *g, const char *why)
{
    sat_send_end(g, why, false);
}

void sat_out_stop(struct sat *g)
{
    sat_out_flush(g);
    sat_send_end(g, "the gateway was stopped", true);
    sat_call_end(g, "the gateway was stopped");
    sat_history_end(g);
    sat_http_stop(g);
}

unsigned sat_out_pending(const struct sat *g)
{
    return g->out->nasked + g->out->nposts;
}

/* ---- what it can do ---- */

bool sat_qq(const struct sat *g)
{
    static const char *const platforms[] = {"llonebot", "chronocat", "onebot", "red",
                                            "napcat",   "lagrange",  "icqq"};
    for (size_t i = 0; i < sizeof platforms / sizeof platforms[0]; i++)
        if (strcmp(g->platform, platforms[i]) == 0)
            return true;
    return false;
}

/* Of a platform; "": any, at best. */
static unsigned sat_platform_caps(const char *platform)
{
    /* those for which Satori servers make real buttons of <button> */
    static const char *const buttons[] = {"",     "discord", "telegram", "qq",   "qqguild",
                                          "kook", "lark",    "feishu",   "slack"};
    unsigned caps = GATEWAY_JOIN | GATEWAY_UNMENTIONED | GATEWAY_AT | GATEWAY_AT_ALL |
                    GATEWAY_PROACTIVE | GATEWAY_IMAGE | GATEWAY_QUOTE | GATEWAY_ECHO;
    for (size_t i = 0; i < sizeof buttons / sizeof buttons[0]; i++)
        if (strcmp(platform, buttons[i]) == 0)
            caps |= GATEWAY_BUTTONS;
    if (strcmp(platform, "qq") ==
        0) /* its API for bots: mentions only, and posts only as answers */
        caps &= ~(unsigned)(GATEWAY_UNMENTIONED | GATEWAY_PROACTIVE | GATEWAY_JOIN);
    return caps;
}

static const struct {
    const char *method;
    unsigned cap;
} sat_methods_of[] = {{"user.channel.create", GATEWAY_DM},    {"message.delete", GATEWAY_RECALL},
                      {"guild.member.mute", GATEWAY_MUTE},    {"guild.member.kick", GATEWAY_KICK},
                      {"guild.member.list", GATEWAY_MEMBERS}, {"message.list", GATEWAY_HISTORY}};

unsigned sat_caps_of(const struct gateway_conf *conf)
{
    unsigned caps = sat_platform_caps(conf->login_platform ? conf->login_platform : "");
    for (size_t i = 0; i < sizeof sat_methods_of / sizeof sat_methods_of[0]; i++)
        caps |= sat_methods_of[i].cap;
    return conf->catchup ? caps : caps & ~(unsigned)GATEWAY_HISTORY;
}

unsigned sat_caps(const struct gateway *base)
{
    const struct sat *g = (const struct sat *)base;
    unsigned caps = sat_caps_of(&g->conf);
    if (*g->platform)
        caps &= sat_platform_caps(g->platform) | ~sat_platform_caps("");
    for (size_t i = 0; i < sizeof sat_methods_of / sizeof sat_methods_of[0]; i++)
        if (sat_feature(g, sat_methods_of[i].method) == SAT_NO ||
            !sat_http_has(g, sat_methods_of[i].method))
            caps &= ~sat_methods_of[i].cap;
    return g->saw_own ? caps : caps & ~(unsigned)GATEWAY_ECHO;
}
