/* test_keys.c -- for sopd's own tests: with SOPD_KEYS_DIR set, `sopd test` notes the keys that each case leaves in Redis, a line
 * "type key" each, in a file of that folder. A test compares all of them with the catalogue (tests/e2e/check_keys.py).
 * Callers: cli/test/test_world.c. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/test/test.h"

static void keys_note(struct world *w, FILE *f, const char *key)
{
    redisReply *type = world_redis(w, 2, (const char *[]){"TYPE", key});
    if (type && type->str)
        fprintf(f, "%s %s\n", type->str, key);
    freeReplyObject(type);
}

void test_note_keys(struct world *w)
{
    const char *dir = getenv("SOPD_KEYS_DIR");
    struct buf path = {0};
    if (!dir || !*dir)
        return;
    buf_addf(&path, "%s/test-%d.keys", dir, (int)getpid());
    redisReply *all = world_redis(w, 2, (const char *[]){"KEYS", "*"});
    FILE *f = all && all->elements ? fopen(buf_cstr(&path), "a") : NULL;
    for (size_t i = 0; f && i < all->elements; i++)
        keys_note(w, f, all->element[i]->str);
    if (f)
        fclose(f);
    freeReplyObject(all);
    buf_free(&path);
}
