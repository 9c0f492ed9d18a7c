/* test_gateway_seen.c -- the window table, the memory of texts and the pauses between attempts that codecs share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "gateway/backoff.h"
#include "gateway/memo.h"
#include "gateway/seen.h"

static int64_t at(int64_t s)
{
    return 1000000 + s * 1000;
}

/* ---- seen ---- */

static void test_a_key_is_new_once(void **state)
{
    (void)state;
    struct seen *s = seen_new(64, 600);
    assert_false(seen_check(s, 7, at(0), 60));
    assert_true(seen_check(s, 7, at(1), 60));
    assert_false(seen_check(s, 8, at(1), 60));
    assert_int_equal(seen_count(s), 2);
    seen_free(s);
    seen_free(NULL);
}

static void test_a_key_is_new_again_after_its_window(void **state)
{
    (void)state;
    struct seen *s = seen_new(64, 600);
    assert_false(seen_check(s, 7, at(0), 60));
    assert_true(seen_check(s, 7, at(60), 60));
    assert_false(seen_check(s, 7, at(61), 60));
    assert_true(seen_check(s, 7, at(120), 60)); /* noted anew by the call before */
    seen_free(s);
}

static void test_each_asks_with_a_window_of_its_own(void **state)
{
    (void)state;
    struct seen *s = seen_new(64, 600);
    seen_add(s, 7, 11, at(0), at(5));
    assert_null(seen_find(s, 7, at(100), 60));
    const struct seen_entry *e = seen_find(s, 7, at(100), 600);
    assert_non_null(e);
    assert_int_equal(e->extra, 11);
    assert_int_equal(e->time_s, at(5) / 1000);
    seen_free(s);
}

static void test_what_is_forgotten_is_new(void **state)
{
    (void)state;
    struct seen *s = seen_new(64, 600);
    seen_add(s, 7, 0, at(0), 0);
    seen_add(s, 7, 0, at(1), 0);
    seen_add(s, 7 + 64, 0, at(1), 0); /* in the same bucket */
    seen_forget(s, 7, at(2));
    assert_null(seen_find(s, 7, at(2), 600));
    assert_non_null(seen_find(s, 7 + 64, at(2), 600));
    seen_forget(s, 12345, at(2)); /* never seen */
    assert_false(seen_check(s, 7, at(3), 600));
    assert_true(seen_check(s, 7, at(3), 600));
    seen_free(s);
}

static void test_a_flood_takes_no_more_than_its_bound(void **state)
{
    (void)state;
    struct seen *s = seen_new(1024, 600);
    for (uint64_t i = 0; i < 100000; i++)
        assert_false(seen_check(s, hash_mix(i), at((int64_t)i / 1000), 600));
    assert_int_equal(seen_count(s), 1024);
    assert_true(seen_bytes(s) < 1024 * 32 + 256);
    for (uint64_t i = 100000 - 1024; i < 100000; i++) /* the latest ones are all there */
        assert_true(seen_check(s, hash_mix(i), at(100), 600));
    assert_null(seen_find(s, hash_mix(100000 - 1025), at(100), 600));
    seen_free(s);
}

static void test_what_is_too_old_makes_room_before_it_grows(void **state)
{
    (void)state;
    struct seen *s = seen_new(4096, 60);
    for (int t = 0; t < 100; t++)
        for (uint64_t i = 0; i < 60; i++)
            seen_check(s, hash_mix((uint64_t)t * 60 + i), at(t * 61), 60);
    assert_true(seen_bytes(s) < 256 * 32);
    seen_free(s);
}

static void test_keys_of_one_bucket_stay_apart_while_the_oldest_go(void **state)
{
    (void)state;
    struct seen *s = seen_new(64, 600);
    for (uint64_t i = 0; i < 1000; i++) { /* all in two buckets */
        assert_false(seen_check(s, (i << 20) | (i & 1), at((int64_t)i / 100), 600));
        if (i % 3 == 0)
            seen_forget(s, (i << 20) | (i & 1), at((int64_t)i / 100));
    }
    for (uint64_t i = 1000 - 60; i < 1000; i++)
        assert_int_equal(seen_find(s, (i << 20) | (i & 1), at(10), 600) != NULL, i % 3 != 0);
    seen_free(s);
}

/* ---- memo ---- */

static void test_memo_remembers_and_replaces(void **state)
{
    (void)state;
    struct memo *m = memo_new(8, 0);
    assert_null(memo_get(m, "a", 0));
    memo_put(m, "a", "1", 0);
    memo_put(m, "a", "22", 0);
    memo_put(m, "", "", 0);
    assert_string_equal(memo_get(m, "a", 1000000000), "22");
    assert_string_equal(memo_get(m, "", 0), "");
    assert_int_equal(memo_count(m), 2);
    memo_drop(m, "a");
    memo_drop(m, "a");
    assert_null(memo_get(m, "a", 0));
    memo_free(m);
    memo_free(NULL);
}

static void test_memo_forgets_the_least_used(void **state)
{
    (void)state;
    struct memo *m = memo_new(3, 0);
    memo_put(m, "a", "1", 0);
    memo_put(m, "b", "2", 0);
    memo_put(m, "c", "3", 0);
    assert_string_equal(memo_get(m, "a", 0), "1");
    memo_put(m, "d", "4", 0);
    assert_null(memo_get(m, "b", 0));
    assert_string_equal(memo_get(m, "a", 0), "1");
    assert_int_equal(memo_count(m), 3);
    memo_clear(m);
    assert_int_equal(memo_count(m), 0);
    memo_free(m);
}

static void test_memo_forgets_what_is_too_old(void **state)
{
    (void)state;
    struct memo *m = memo_new(3, 5000);
    memo_put(m, "a", "1", 1000);
    assert_string_equal(memo_get(m, "a", 5999), "1"); /* being read makes it no younger */
    assert_null(memo_get(m, "a", 6000));
    assert_int_equal(memo_count(m), 0);
    memo_free(m);
}

/* ---- back-off ---- */

static void test_backoff_doubles_to_its_limit_and_starts_again(void **state)
{
    (void)state;
    struct backoff b = {.first_ms = 1000, .max_ms = 10000};
    const int64_t expected[] = {1000, 2000, 4000, 8000, 10000, 10000};
    for (int i = 0; i < 6; i++)
        assert_int_equal(backoff_next(&b, NULL), expected[i]);
    backoff_reset(&b);
    assert_int_equal(backoff_next(&b, NULL), 1000);
    b.times = 4000000000U; /* after weeks */
    assert_int_equal(backoff_next(&b, NULL), 10000);
}

static void test_backoff_spreads_by_a_fifth_and_never_above_the_limit(void **state)
{
    (void)state;
    struct rng rng;
    int64_t low = 1 << 30, high = 0;
    rng_seed(&rng, 42);
    for (int i = 0; i < 2000; i++) {
        struct backoff b = {.first_ms = 1000, .max_ms = 60000};
        int64_t ms = backoff_next(&b, &rng);
        low = ms < low ? ms : low;
        high = ms > high ? ms : high;
    }
    assert_in_range(low, 800, 815);
    assert_in_range(high, 1185, 1200);
    for (int i = 0; i < 2000; i++) {
        struct backoff b = {.first_ms = 1000, .max_ms = 60000, .times = 30};
        assert_in_range(backoff_next(&b, &rng), 48000, 60000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_new_once),
        cmocka_unit_test(test_a_key_is_new_again_after_its_window),
        cmocka_unit_test(test_each_asks_with_a_window_of_its_own),
        cmocka_unit_test(test_what_is_forgotten_is_new),
        cmocka_unit_test(test_a_flood_takes_no_more_than_its_bound),
        cmocka_unit_test(test_what_is_too_old_makes_room_before_it_grows),
        cmocka_unit_test(test_keys_of_one_bucket_stay_apart_while_the_oldest_go),
        cmocka_unit_test(test_memo_remembers_and_replaces),
        cmocka_unit_test(test_memo_forgets_the_least_used),
        cmocka_unit_test(test_memo_forgets_what_is_too_old),
        cmocka_unit_test(test_backoff_doubles_to_its_limit_and_starts_again),
        cmocka_unit_test(test_backoff_spreads_by_a_fifth_and_never_above_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
