/* gateway.c -- the names of gateway.h's values, and the table of gateway types. */
#include "gateway/gateway.h"

#include <string.h>

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
    static const char *const names[] = {"sent",    "failed", "at_all",  "muted", "crowded",
                                        "limited", "risk",   "unknown", "unwritten"};
    enum { NAMES = sizeof names / sizeof names[0] };
    return (unsigned)outcome < NAMES ? names[outcome] : "unknown";
}

const struct gateway_ops *gateway_ops_find(const char *type)
{
    static const struct gateway_ops *const all[] = {&onebot11_ops, &playground_ops};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i]->type, type) == 0)
            return all[i];
    return NULL;
}
