/* test_rollout.c -- steps of a roll-out and what undoes them (store/rollout.h): whatever was done in whatever order, taking a step back
 * gives every group again what it was served before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/rollout.h"

static const char *const pilot = "sopd:versions:tag:pilot";

/* What Redis holds of one flow, and the version on disk. "" = not set. */
struct world {
    char root[20], tag[20], hold[20], newest[20];
    unsigned versions;
};

static char *world_hash(struct world *w, const char *key)
{
    return strcmp(key, ROLLOUT_ROOT) == 0   ? w->root
           : strcmp(key, ROLLOUT_HOLD) == 0 ? w->hold
                                            : w->tag;
}

static const char *world_now(void *ud, const char *key)
{
    const char *value = world_hash(ud, key);
    return *value ? value : NULL;
}

static const char *world_all(const struct world *w)
{
    return *w->root && strcmp(w->root, "newest") != 0 ? w->root : w->newest;
}

static const char *world_pilot(const struct world *w)
{
    return !*w->tag ? world_all(w) : strcmp(w->tag, "newest") == 0 ? w->newest : w->tag;
}

static void world_apply(struct world *w, const struct rollout_step *s)
{
    for (int i = 0; i < s->nchanges; i++) {
        char *hash = world_hash(w, s->changes[i].key);
        const char *before = s->changes[i].before, *after = s->changes[i].after;
        assert_string_equal(hash, before ? before : "");
        snprintf(hash, 20, "%s", after ? after : "");
    }
}

static void world_edit(struct world *w)
{
    snprintf(w->newest, sizeof w->newest, "%016x", ++w->versions);
}

static void world_put(struct world *w, struct rollout_step *s, const char *key, const char *value)
{
    rollout_step_add(s, key, world_now(w, key), value);
}

/* A random step, as the daemon (0, 1) or an admin makes it; NULL: an edit that reaches nobody. */
static struct rollout_step *world_step(struct world *w, struct rng *rng)
{
    char from[20];
    bool open = !*w->root || strcmp(w->root, "newest") == 0;
    unsigned kind = (unsigned)rng_below(rng, 5);
    snprintf(from, sizeof from, "%s", w->newest);
    if (kind < 2)
        world_edit(w);
    struct rollout_step *s =
        rollout_step_new("f", kind < 2 ? "edit" : "to", "me", 1, from, w->newest);
    switch (kind) {
    case 0: /* without a ring */
        s->everybody = open;
        if (!open) {
            rollout_step_free(s);
            return NULL;
        }
        break;
    case 1: /* with one */
        if (open)
            world_put(w, s, ROLLOUT_ROOT, from);
        world_put(w, s, pilot, w->newest);
        break;
    case 2:
        world_put(w, s, ROLLOUT_ROOT, w->newest);
        world_put(w, s, pilot, NULL);
        break;
    case 3:
        world_put(w, s, ROLLOUT_ROOT, NULL);
        world_put(w, s, pilot, NULL);
        break;
    case 4:
        world_put(w, s, ROLLOUT_ROOT, world_all(w));
        world_put(w, s, ROLLOUT_HOLD, "yes");
        break;
    }
    return s;
}

enum { STEPS = 12 };
struct past {
    char *json, all[20], pilot[20];
};

static int world_wander(struct world *w, struct rng *rng, struct past *past)
{
    int n = 0;
    for (int i = 0; i < STEPS; i++) {
        struct past *p = &past[n];
        snprintf(p->all, sizeof p->all, "%s", world_all(w));
        snprintf(p->pilot, sizeof p->pilot, "%s", world_pilot(w));
        char root[20];
        snprintf(root, sizeof root, "%s", w->root);
        struct rollout_step *s = world_step(w, rng);
        if (s) {
            p->json = rollout_step_print(s);
            world_apply(w, s);
            rollout_step_free(s);
            n++;
        }
    }
    return n;
}

static void test_back_is_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct world w = {.versions = 0};
        struct past past[STEPS];
        struct rng rng;
        rng_seed(&rng, seed);
        world_edit(&w);
        int n = world_wander(&w, &rng, past);
        while (n-- > 0) {
            struct rollout_step *s = rollout_step_parse("f", past[n].json);
            assert_non_null(s);
            struct rollout_step *u = rollout_step_undo(s, w.newest, "me", 2, world_now, &w);
            world_apply(&w, u);
            assert_string_equal(world_all(&w), past[n].all);
            assert_string_equal(world_pilot(&w), past[n].pilot);
            rollout_step_free(u);
            rollout_step_free(s);
            free(past[n].json);
        }
    }
}

static void test_text_of_a_step(void **state)
{
    (void)state;
    struct rollout_step *s = rollout_step_new("f", "edit", "sopd@x", 7, "a", "b");
    struct buf id = {0};
    rollout_step_add(s, ROLLOUT_ROOT, NULL, "a");
    rollout_step_add(s, pilot, "a", "a"); /* nothing changes */
    rollout_step_id(s, &id);
    assert_string_equal(buf_cstr(&id), "edit:a:b");
    char *json = rollout_step_print(s);
    assert_string_equal(
        json, "{\"id\":\"edit:a:b\",\"what\":\"edit\",\"at\":7,\"by\":\"sopd@x\",\"from\":\"a\","
              "\"version\":\"b\",\"set\":[[\"sopd:versions\",null,\"a\"]]}");
    assert_null(rollout_step_parse("f", "{\"what\":1}"));
    assert_null(rollout_step_parse("f", "nonsense"));
    free(json);
    buf_free(&id);
    rollout_step_free(s);
}

static void test_keys(void **state)
{
    (void)state;
    struct buf key = {0};
    rollout_version_key(&key, "check:in", "0123456789abcdef");
    assert_string_equal(buf_cstr(&key), "sopd:version:check%3Ain:0123456789abcdef");
    buf_reset(&key);
    rollout_tag_key(&key, "华东");
    assert_string_equal(buf_cstr(&key), "sopd:versions:tag:华东");
    assert_true(rollout_is_version("0123456789abcdef"));
    assert_false(rollout_is_version("0123456789abcdeF"));
    assert_false(rollout_is_version("newest"));
    buf_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_back_is_back),
                                       cmocka_unit_test(test_text_of_a_step),
                                       cmocka_unit_test(test_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
