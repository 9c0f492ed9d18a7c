/* claims.c -- what turns that are not over mean to do once in all groups of a gateway (turn.h: turn_claim). A gateway has one owner, so its
 * memory decides between turns that run at the same time; between one and a later one the key in Redis does, which the first has
 * committed. Owns struct claim: in the table of the gw, and listed by its turn. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

struct claim {
    char *key;
    const struct turn *turn;
    struct claim *next; /* of the turn */
    UT_hash_handle hh;
};

bool turn_claim(struct turn *t, const char *key)
{
    struct claim *c;
    HASH_FIND_STR(t->gw->claims, key, c);
    if (c)
        return c->turn == t;
    c = MEM_NEW(struct claim);
    c->key = mem_strdup(key);
    c->turn = t;
    c->next = t->claims;
    t->claims = c;
    HASH_ADD_KEYPTR(hh, t->gw->claims, c->key, strlen(c->key), c);
    return true;
}

void claims_release(struct turn *t)
{
    while (t->claims) {
        struct claim *c = t->claims;
        t->claims = c->next;
        HASH_DEL(t->gw->claims, c);
        free(c->key);
        free(c);
    }
}
