/* test_guard.c -- the limits kept by what leaves (guard.c, pace.c), the order in which it does (heap.c), and two messages as one
 * (merge.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/internal.h"
#include "engine/send/merge.h"

enum { RULES = 5, SENDS = 20000, MS = 1000000 };

struct world {
    struct gw gw;
    struct account a;
};

static void world_free(struct world *w)
{
    guard_free(&w->gw);
}

static struct entry entry(uint64_t id, const char *chat, enum send_kind kind, const char *user)
{
    struct out_segment list[] = {{.type = SEGMENT_TEXT, .id = "", .text = "x", .text_len = 1},
                                 {.type = SEGMENT_AT, .id = user, .text = ""}};
    struct message_head head = {.chat = chat, .flow = "f", .kind = kind};
    return (struct entry){.id = id, .message = message_new(&head, list, user ? 2 : 1)};
}

/* Whether it may leave now; then it does. */
static bool leaves(struct world *w, const struct entry *en, int64_t now)
{
    if (guard_ready(&w->gw, &w->a, en->message, now).at_ms > now)
        return false;
    guard_take(&w->gw, &w->a, en, now);
    return true;
}

/* ---- every limit, in any window ---- */

/* What left, of one limit. */
struct seen {
    int64_t at[SENDS];
    int n;
};

static int most_within(const struct seen *s, int64_t window)
{
    int most = 0, first = 0;
    for (int i = 0; i < s->n; i++) {
        while (s->at[i] - s->at[first] >= window)
            first++;
        most = i - first + 1 > most ? i - first + 1 : most;
    }
    return most;
}

static const struct {
    enum pace_scope scope;
    unsigned kinds;
    int64_t count, per_ms;
    int burst;
} limits[RULES] = {
    {PACE_ACCOUNT, KINDS_ALL, 40, 10000, 10}, {PACE_ACCOUNT, KINDS_ALL, 1, 100, 1},
    {PACE_CHAT, KINDS_ALL, 12, 5000, 4},      {PACE_CHAT, 1 << KIND_GAME, 3, 4000, 1},
    {PACE_MEMBER, KINDS_ALL, 2, 3000, 1},
};

static void pace_of_limits(struct pace *p)
{
    for (int i = 0; i < RULES; i++)
        pace_add_rule(p, limits[i].scope, limits[i].kinds,
                      pace_interval(limits[i].count, limits[i].per_ms * 1000, limits[i].burst),
                      limits[i].burst);
}

/* Random messages for an hour, as fast as the guard lets them; in every window of every limit there are no more than it says. */
static void test_no_window_sees_more_than_its_limit(void **state)
{
    (void)state;
    static const char *const chats[] = {"1", "2", "3"}, *const users[] = {"7", "8", NULL};
    static struct seen all, chat[3], game[3], user[2];
    struct world w = {0};
    struct rng rng;
    rng_seed(&rng, 5);
    pace_of_limits(&w.gw.pace);
    w.gw.pace.jitter = 40;
    uint64_t id = 1;
    for (int64_t now = MS; now < MS + 3600000; now += 1 + (int64_t)rng_below(&rng, 40)) {
        if (rng_below(&rng, 400) == 0)
            now += (int64_t)rng_below(&rng, 30000); /* nobody says anything */
        int c = (int)rng_below(&rng, 3), u = (int)rng_below(&rng, 3);
        enum send_kind kind = (enum send_kind)rng_below(&rng, 3);
        struct entry en = entry(id++, chats[c], kind, users[u]);
        if (leaves(&w, &en, now)) {
            all.at[all.n++] = now;
            chat[c].at[chat[c].n++] = now;
            if (kind == KIND_GAME)
                game[c].at[game[c].n++] = now;
            if (u < 2)
                user[u].at[user[u].n++] = now;
        }
        message_free(en.message);
    }
    assert_true(all.n > 2000);
    /* 2 ms: what the guard lets pass as being on time */
    assert_in_range(most_within(&all, 10000 - 2), 30, 40);
    assert_int_equal(most_within(&all, 100 - 2), 1);
    for (int c = 0; c < 3; c++) {
        assert_in_range(most_within(&chat[c], 5000 - 2), 8, 12);
        assert_in_range(most_within(&game[c], 4000 - 2), 1, 3);
    }
    for (int u = 0; u < 2; u++)
        assert_in_range(most_within(&user[u], 3000 - 2), 1, 2);
    world_free(&w);
}

static void test_jitter_is_drawn_once_and_only_lengthens(void **state)
{
    (void)state;
    struct world w = {0};
    pace_add_rule(&w.gw.pace, PACE_ACCOUNT, KINDS_ALL, 1000000, 1);
    w.gw.pace.jitter = 40;
    int64_t last = 0, least = INT64_MAX, most = 0, first = MS, now = MS;
    int n = 0;
    for (uint64_t id = 1; n < 500; id++, n++) {
        struct entry en = entry(id, "1", KIND_ANSWER, NULL);
        assert_int_equal(pace_jitter(&w.gw.pace, id), pace_jitter(&w.gw.pace, id));
        now = guard_ready(&w.gw, &w.a, en.message, now).at_ms;
        assert_true(leaves(&w, &en, now));
        int64_t gap = now - last;
        if (last) {
            least = gap < least ? gap : least;
            most = gap > most ? gap : most;
        }
        last = now;
        message_free(en.message);
    }
    assert_in_range(least, 998, 1050); /* never shorter than the spacing */
    assert_in_range(most, 1750, 1801); /* 40 % more and 40 % less than 1.4 of it */
    assert_in_range((last - first) / (n - 1), 1360, 1440);
    world_free(&w);
}

static void test_a_slow_account_has_longer_intervals(void **state)
{
    (void)state;
    struct world w = {.a = {.warm = 25, .slow = 2}};
    pace_add_rule(&w.gw.pace, PACE_ACCOUNT, KINDS_ALL, 1000000, 1);
    struct entry en = entry(1, "1", KIND_ANSWER, NULL);
    assert_int_equal(account_stretch(&w.a), 8000);
    assert_true(leaves(&w, &en, MS));
    assert_false(leaves(&w, &en, MS + 7900));
    struct guard_word g = guard_ready(&w.gw, &w.a, en.message, MS + 7900);
    assert_true(g.account);
    assert_in_range(g.at_ms, MS + 7990, MS + 8000);
    assert_true(leaves(&w, &en, MS + 8000));
    message_free(en.message);
    world_free(&w);
}

static void test_a_restart_uses_up_what_burst_there_was(void **state)
{
    (void)state;
    struct world w = {0};
    pace_add_rule(&w.gw.pace, PACE_CHAT, KINDS_ALL, 1000000, 5);
    pace_add_rule(&w.gw.pace, PACE_CHAT, KINDS_ALL, 5000000, 300); /* of an hour: not used up */
    account_get(&w.gw, "g");
    struct entry en = entry(1, "1", KIND_ANSWER, NULL);
    guard_restart(&w.gw, "1", MS);
    assert_true(leaves(&w, &en, MS));
    assert_false(leaves(&w, &en, MS + 10));
    assert_true(leaves(&w, &en, MS + 1000));
    message_free(en.message);
    world_free(&w);
    account_free(&w.gw);
}

/* ---- the order ---- */

static void test_the_heap_gives_due_ones_first_then_urgent_ones(void **state)
{
    (void)state;
    struct heap h = {0};
    struct entry list[200];
    struct rng rng;
    rng_seed(&rng, 9);
    for (int i = 0; i < 200; i++) {
        list[i] = entry((uint64_t)i + 1, "1", (enum send_kind)rng_below(&rng, SEND_KINDS), NULL);
        list[i].due_ms = (int64_t)rng_below(&rng, 20);
        heap_add(&h, &list[i]);
    }
    for (int i = 0; i < 200; i += 7)
        heap_remove(&h, &list[i]);
    for (int i = 1; i < 200; i += 5) {
        if (list[i].heap_at) {
            list[i].due_ms += 7;
            heap_moved(&h, &list[i]);
        }
    }
    const struct entry *last = NULL;
    for (struct entry *en; (en = heap_first(&h)); last = en) {
        heap_remove(&h, en);
        if (!last)
            continue;
        assert_true(last->due_ms <= en->due_ms);
        if (last->due_ms == en->due_ms) {
            assert_true(last->message->kind <= en->message->kind);
            if (last->message->kind == en->message->kind)
                assert_true(last->id < en->id);
        }
    }
    for (int i = 0; i < 200; i++)
        message_free(list[i].message);
    heap_free(&h);
}

/* ---- two as one ---- */

static struct out_segment seg(enum segment_type type, const char *id, const char *text)
{
    return (struct out_segment){.type = type, .id = id, .text = text, .text_len = strlen(text)};
}

static struct message *made(const struct out_segment *list, int n)
{
    struct message_head head = {.chat = "7", .flow = "f", .late = LATE_MERGE, .until_ms = 9};
    return message_new(&head, list, n);
}

static void test_two_messages_become_one(void **state)
{
    (void)state;
    struct out_segment one[] = {seg(SEGMENT_AT, "1", "甲"), seg(SEGMENT_TEXT, "", " 你好")};
    struct out_segment two[] = {seg(SEGMENT_AT, "1", "甲"), seg(SEGMENT_AT, "2", "乙"),
                                seg(SEGMENT_TEXT, "", " 再见")};
    struct message *a = made(one, 2), *b = made(two, 3), *both = merge_messages(a, b);
    struct buf text = {0};
    assert_non_null(both);
    message_plain(both, &text);
    assert_string_equal(buf_cstr(&text), "@1 你好\n甲@2 再见");
    const char *users[4];
    assert_int_equal(message_members(both, users, 4), 2);
    assert_int_equal(both->until_ms, 9);
    assert_int_equal(both->late, LATE_MERGE);
    buf_free(&text);
    message_free(a), message_free(b), message_free(both);
}

static void test_what_does_not_fit_stays_two(void **state)
{
    (void)state;
    char longer[800];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    struct out_segment text = seg(SEGMENT_TEXT, "", longer), quote = seg(SEGMENT_REPLY, "5", "");
    struct out_segment all = seg(SEGMENT_AT, "all", "");
    struct out_segment many[12];
    char ids[12][4];
    for (int i = 0; i < 12; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        many[i] = seg(SEGMENT_AT, ids[i], "");
    }
    struct message *x = made(&text, 1), *q = made(&quote, 1), *e = made(&all, 1);
    struct message *m6 = made(many, 6), *m12 = made(many + 6, 6);
    assert_null(merge_messages(x, x)); /* 1500 characters are the most */
    assert_null(merge_messages(q, q));
    assert_null(merge_messages(q, e));
    assert_null(merge_messages(m6, m12)); /* ten mentions are the most */
    struct message *same = merge_messages(m6, m6);
    assert_non_null(same);
    message_free(x), message_free(q), message_free(e), message_free(m6), message_free(m12);
    message_free(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_window_sees_more_than_its_limit),
        cmocka_unit_test(test_jitter_is_drawn_once_and_only_lengthens),
        cmocka_unit_test(test_a_slow_account_has_longer_intervals),
        cmocka_unit_test(test_a_restart_uses_up_what_burst_there_was),
        cmocka_unit_test(test_the_heap_gives_due_ones_first_then_urgent_ones),
        cmocka_unit_test(test_two_messages_become_one),
        cmocka_unit_test(test_what_does_not_fit_stays_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
