/* account.c -- the accounts of a gateway (account.h). */
#include "engine/send/account.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

struct account *account_get(struct gw *gw, const char *name)
{
    struct account *a;
    HASH_FIND_STR(gw->accounts, name, a);
    if (a)
        return a;
    a = MEM_NEW(struct account);
    a->name = mem_strdup(name);
    a->slow = 1;
    HASH_ADD_KEYPTR(hh, gw->accounts, a->name, strlen(a->name), a);
    return a;
}

struct account *account_of(struct gw *gw, const char *chat)
{
    const char *name = gw->gateway ? gateway_account_of(gw->gateway, chat) : NULL;
    if (name)
        return account_get(gw, name);
    return gw->accounts ? gw->accounts : account_get(gw, gw->name);
}

int64_t account_held_until(const struct gw *gw, int64_t now_ms)
{
    int64_t until = 0;
    for (const struct account *a = gw->accounts; a; a = a->hh.next)
        if (a->hold_until_ms > now_ms && a->hold_until_ms > until)
            until = a->hold_until_ms;
    return until;
}

void account_set_back(struct gw *gw, int64_t ms)
{
    for (struct account *a = gw->accounts; a; a = a->hh.next) {
        int64_t *const times[] = {&a->hold_until_ms, &a->level_ms, &a->bad_ms, &a->held_ms,
                                  &a->lost_ms};
        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
            if (*times[i])
                *times[i] -= ms;
        for (int i = 0; i < PACE_RULES; i++)
            a->guard_us[i] -= ms * 1000;
    }
}

void account_free(struct gw *gw)
{
    struct account *a, *tmp;
    HASH_ITER (hh, gw->accounts, a, tmp) {
        HASH_DEL(gw->accounts, a);
        free(a->name);
        free(a);
    }
}
