/* gateway.c -- the names of gateway.h's values, and the table of gateway types. */
#include "gateway/gateway.h"

#include <string.h>

#include "base/buf.h"

static const struct {
    const char *name;
    unsigned cap;
} gateway_caps[] = {
    {"join", GATEWAY_JOIN},       {"unmentioned", GATEWAY_UNMENTIONED},
    {"at", GATEWAY_AT},           {"at_all", GATEWAY_AT_ALL},
    {"dm", GATEWAY_DM},           {"proactive", GATEWAY_PROACTIVE},
    {"image", GATEWAY_IMAGE},     {"buttons", GATEWAY_BUTTONS},
    {"history", GATEWAY_HISTORY}, {"recall", GATEWAY_RECALL},
    {"mute", GATEWAY_MUTE},       {"kick", GATEWAY_KICK},
    {"members", GATEWAY_MEMBERS}, {"quote", GATEWAY_QUOTE},
    {"echo", GATEWAY_ECHO},       {"cards", GATEWAY_CARDS},
    {"drafts", GATEWAY_DRAFTS},
};
enum { GATEWAY_CAPS = sizeof gateway_caps / sizeof gateway_caps[0] };

unsigned gateway_cap_parse(const char *name)
{
    for (int i = 0; i < GATEWAY_CAPS; i++)
        if (strcmp(gateway_caps[i].name, name) == 0)
            return gateway_caps[i].cap;
    return 0;
}

const char *gateway_cap_name(unsigned one_cap)
{
    for (int i = 0; i < GATEWAY_CAPS; i++)
        if (gateway_caps[i].cap == one_cap)
            return gateway_caps[i].name;
    return "unknown";
}

const char *gateway_link_name(enum gateway_link link)
{
    static const char *const names[] = {"down", "connecting", "up", "refused"};
    return (unsigned)link < 4 ? names[link] : "unknown";
}

const char *gateway_account_name(enum gateway_account account)
{
    static const char *const names[] = {"unknown", "online", "offline", "restricted"};
    return (unsigned)account < 4 ? names[account] : "unknown";
}

const char *send_outcome_name(enum send_outcome outcome)
{
    static const char *const names[] = {"sent",    "failed",  "at_all", "muted",   "closed",
                                        "crowded", "limited", "risk",   "unknown", "unwritten"};
    enum { NAMES = sizeof names / sizeof names[0] };
    return (unsigned)outcome < NAMES ? names[outcome] : "unknown";
}

static const struct gateway_ops *gateway_more; /* see gateway_ops_add */

void gateway_ops_add(const struct gateway_ops *ops)
{
    gateway_more = ops;
}

const struct gateway_ops *gateway_ops_find(const char *type)
{
    static const struct gateway_ops *const all[] = {&onebot11_ops, &playground_ops, &satori_ops,
                                                    &wecom_ops};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i]->type, type) == 0)
            return all[i];
    return gateway_more && strcmp(gateway_more->type, type) == 0 ? gateway_more : NULL;
}

/* ---- calls that need not be there ---- */

static void gateway_no_sent_late(void *ud, struct gateway *g, uint64_t ticket,
                                 const char *message_id)
{
    (void)ud, (void)g, (void)ticket, (void)message_id;
}

static void gateway_no_event(void *ud, struct gateway *g, const struct event *e)
{
    (void)ud, (void)g, (void)e;
}

static void gateway_no_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                            bool present)
{
    (void)ud, (void)g, (void)chat, (void)name, (void)present;
}

static void gateway_no_size(void *ud, struct gateway *g, const char *chat, int64_t members)
{
    (void)ud, (void)g, (void)chat, (void)members;
}

static void gateway_no_caught_up(void *ud, struct gateway *g, const struct gateway_gap *r)
{
    (void)ud, (void)g, (void)r;
}

void gateway_sink_complete(struct gateway_sink *sink)
{
    if (!sink->on_sent_late)
        sink->on_sent_late = gateway_no_sent_late;
    if (!sink->on_own_message)
        sink->on_own_message = gateway_no_event;
    if (!sink->on_repeated)
        sink->on_repeated = gateway_no_event;
    if (!sink->on_chat)
        sink->on_chat = gateway_no_chat;
    if (!sink->on_size)
        sink->on_size = gateway_no_size;
    if (!sink->on_caught_up)
        sink->on_caught_up = gateway_no_caught_up;
}

struct gateway *gateway_create(const struct gateway_env *env, const struct gateway_conf *conf,
                               const struct gateway_sink *sink, struct buf *err)
{
    const struct gateway_ops *ops = gateway_ops_find(conf->type);
    struct gateway_sink whole = *sink;
    if (!ops) {
        buf_addf(err, "there is no type %s", conf->type);
        return NULL;
    }
    gateway_sink_complete(&whole);
    return ops->create(env, conf, &whole, err);
}

bool gateway_can(const struct gateway *g, unsigned caps)
{
    unsigned has = g->ops->caps(g);
    if (!g->ops->catch_up)
        has &= ~(unsigned)GATEWAY_HISTORY;
    if (!g->ops->draft)
        has &= ~(unsigned)GATEWAY_DRAFTS;
    return (has & caps) == caps;
}

void gateway_catch_up(struct gateway *g, const char *chat, int64_t since_ms)
{
    if (g->ops->catch_up)
        g->ops->catch_up(g, chat, since_ms);
}

int gateway_catch_up_many(const struct gateway *g)
{
    return g->ops->catch_up_many ? g->ops->catch_up_many(g) : 1;
}

void gateway_pause(struct gateway *g, bool pause)
{
    if (g->ops->pause)
        g->ops->pause(g, pause);
}

void gateway_unsee(struct gateway *g, const struct event *e)
{
    if (g->ops->unsee)
        g->ops->unsee(g, e);
}

const char *gateway_account_of(const struct gateway *g, const char *chat)
{
    return g->ops->account_of ? g->ops->account_of(g, chat) : NULL;
}

void gateway_draft(struct gateway *g, const struct out_message *m)
{
    if (g->ops->draft)
        g->ops->draft(g, m);
}

/* ---- types ---- */

unsigned gateway_caps_of(const struct gateway_conf *conf)
{
    const struct gateway_ops *ops = conf->type ? gateway_ops_find(conf->type) : NULL;
    return ops && ops->caps_of ? ops->caps_of(conf) : ~0u;
}

bool gateway_reports(const char *type, enum event_type event)
{
    const unsigned engine = 1U << EVENT_ORDER | 1U << EVENT_TRIGGER | 1U << EVENT_GAP;
    const struct gateway_ops *ops = type ? gateway_ops_find(type) : NULL;
    return !ops || ((ops->events | engine) & 1U << event);
}
