/* Scrubbing: a member is taken out of JSON, texts and records; what is not theirs stays byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "store/keys.h"
#include "store/scrub.h"

static char ann_one[] = "小安", ann_two[] = "安安子";
static char *const ann_names[] = {ann_one, ann_two};
static const struct scrub ann = {
    .user = "3300000101", .user_len = 10, .names = ann_names, .nnames = 2};
static const struct scrub nobody_known = {.user = "3300000101", .user_len = 10};

static void check_value(enum scrub_way way, const char *in, enum scrubbed found, const char *want)
{
    struct buf out = {0};
    assert_int_equal(scrub_value(&ann, way, in, strlen(in), &out), found);
    if (found == SCRUB_PART)
        assert_string_equal(buf_cstr(&out), want);
    else
        assert_int_equal(out.len, 0);
    buf_free(&out);
}

static void drop(const char *in, const char *want)
{
    check_value(SCRUB_DROP, in, want ? SCRUB_PART : SCRUB_NONE, want);
}

static void keep(const char *in, const char *want)
{
    check_value(SCRUB_KEEP, in, want ? SCRUB_PART : SCRUB_NONE, want);
}

static void test_what_is_not_theirs_stays(void **state)
{
    (void)state;
    drop("{\"a\":1.0,\"b\":9007199254740993,\"c\":[ 1,2 ],\"d\":\"\\u4e2d\\n\"}", NULL);
    drop("[true,null,-1.5e3]", NULL);
}

static void test_lists(void **state)
{
    (void)state;
    drop("[\"1\",\"3300000101\",\"2\"]", "[\"1\",\"2\"]");
    drop("[\"3300000101\"]", "[]");
    drop("[\"3300000101\", \"2\", 1e9]", "[\"2\",1e9]");
    keep("[\"1\",\"3300000101\",\"2\"]", "[\"1\",\"~\",\"2\"]");
    drop("[\"13300000101\",\"33000001012\"]", NULL); /* longer numbers are other ids */
    drop("[3300000101]", NULL);                      /* numbers are no ids */
}

static void test_objects(void **state)
{
    (void)state;
    check_value(SCRUB_DROP, "{\"user\":\"3300000101\",\"at\":5}", SCRUB_OURS, NULL);
    check_value(SCRUB_DROP, "\"3300000101\"", SCRUB_OURS, NULL);
    check_value(SCRUB_DROP, "小安", SCRUB_OURS, NULL);
    drop("{\"3300000101\":{\"n\":1},\"2\":{\"n\":2.50}}", "{\"2\":{\"n\":2.50}}");
    drop("{\"day\":3,\"users\":[\"3300000101\",\"7\"]}", "{\"day\":3,\"users\":[\"7\"]}");
    drop("[{\"user\":\"3300000101\"},{\"user\":\"7\"}]", "[{\"user\":\"7\"}]");
    drop("{\"code\":\"K7\",\"user\":\"7\",\"by\":\"3300000101\",\"by_name\":\"小安\"}",
         "{\"code\":\"K7\",\"user\":\"7\",\"by\":\"~\",\"by_name\":\"~\"}");
    drop("{\"a\":{\"user\":\"3300000101\",\"x\":1},\"b\":2}", "{\"b\":2}");
    keep("{\"user\":\"3300000101\",\"name\":\"安安子\",\"got\":17,\"after\":3}",
         "{\"user\":\"~\",\"name\":\"~\",\"got\":17,\"after\":3}");
}

static void test_names_of_others_and_of_things_stay(void **state)
{
    (void)state;
    drop("{\"user\":\"7\",\"name\":\"小安\"}", NULL);
    drop("{\"name\":\"小安\",\"count\":1}", NULL); /* a prize of that name */
    keep("{\"user\":\"7\",\"by\":\"8\",\"by_name\":\"小安\"}", NULL);
    drop("{\"lucky\":\"小安\",\"best\":9}", "{\"lucky\":\"~\",\"best\":9}");
    keep("{\"what\":\"小安牌牛奶\"}", NULL);
}

static void test_texts(void **state)
{
    (void)state;
    struct buf out = {0};
    assert_int_equal(scrub_text(&ann, "恭喜小安、安安子 @3300000101!",
                                strlen("恭喜小安、安安子 @3300000101!"), &out),
                     SCRUB_PART);
    assert_string_equal(buf_cstr(&out), "恭喜~、~ @~!");
    buf_reset(&out);
    assert_int_equal(scrub_text(&nobody_known, "小安", 6, &out), SCRUB_NONE);
    buf_free(&out);
    keep("总榜:小安 7 天,老王 6 天", "总榜:~ 7 天,老王 6 天");
}

static void test_short_ids_need_signs_around_them(void **state)
{
    (void)state;
    const struct scrub twelve = {.user = "12", .user_len = 2};
    assert_false(scrub_names(&twelve, "packet.12", 9));
    assert_false(scrub_names(&twelve, "in-12", 5));
    assert_true(scrub_names(&twelve, "onboard|12", 10));
    assert_true(scrub_names(&twelve, "@12", 3));
    assert_false(scrub_names(&twelve, "@123", 4));
    assert_true(scrub_names(&ann, "onboard|3300000101", 18));
}

static void test_records(void **state)
{
    (void)state;
    static const char record[] = "{\"pin\":\"p\",\"on\":\"run:campaign\",\"chat\":\"7\"}\n"
                                 "r0a1b2c3d [\"3300000101\",\"8\"]\n"
                                 "R0a1b2c3d {\"name\":\"小安\",\"x\":1.50}\n"
                                 "f0a1b2c3d \"小安 3 天\"\n"
                                 "W0a1b2c3d null\n"
                                 "s0a1b2c3d !\"小安 left\"\n"
                                 "?0a1b2c3d {\"kind\":\"ask\",\"from\":[\"3300000101\"]}\n"
                                 "+{\"user\":\"3300000101\",\"name\":\"小安\",\"text\":\"hi\"}\n"
                                 "!{\"now\":1,\"time\":1,\"with\":{}}\n";
    static const char want[] = "{\"pin\":\"p\",\"on\":\"run:campaign\",\"chat\":\"7\"}\n"
                               "r******** [\"~\",\"8\"]\n"
                               "R******** {\"name\":\"小安\",\"x\":1.50}\n"
                               "f******** \"~ 3 天\"\n"
                               "W0a1b2c3d null\n"
                               "s******** !\"~ left\"\n"
                               "?******** {\"kind\":\"ask\",\"from\":[\"~\"]}\n"
                               "+{\"user\":\"~\",\"name\":\"~\",\"text\":\"hi\"}\n"
                               "!{\"now\":1,\"time\":1,\"with\":{}}\n";
    struct buf out = {0};
    assert_int_equal(scrub_record(&ann, record, sizeof record - 1, &out), SCRUB_PART);
    assert_string_equal(buf_cstr(&out), want);
    buf_reset(&out);
    assert_int_equal(scrub_record(&ann, "{\"pin\":\"p\"}\n", 12, &out), SCRUB_NONE);
    buf_free(&out);
}

static void note(void *ud, const char *name)
{
    buf_addf(ud, "%s;", name);
}

static void test_finds_names(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"user\":\"3300000101\",\"name\":\"A\"},{\"user\":\"7\",\"name\":\"B\"},"
        "{\"by_name\":\"C\",\"by\":\"3300000101\"}]";
    struct buf out = {0};
    scrub_find_names(&ann, text, sizeof text - 1, note, &out);
    assert_string_equal(buf_cstr(&out), "A;C;");
    buf_free(&out);
}

/* Whatever it is given: no crash, and what it makes of JSON has nothing of theirs. */
static void test_damaged_and_random_texts(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"a\":[\"3300000101\",{\"user\":\"3300000101\",\"b\":\"x\\\"y\"}],\"3300000101\":1}",
        "[[[[[",
        "{\"a\":",
        "\"\\u00",
        "{\"user\":\"3300000101\"",
        "[,]",
        "{}",
        "\"",
        "[\"3300000101\"]x"};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        struct buf in = {0}, out = {0};
        buf_adds(&in, seeds[rng_below(&rng, 9)]);
        for (uint64_t n = rng_below(&rng, 4); n > 0 && in.len; n--)
            in.data[rng_below(&rng, in.len)] = "\"{}[],:\\0a"[rng_below(&rng, 10)];
        enum scrub_way way = rng_below(&rng, 2) ? SCRUB_DROP : SCRUB_KEEP;
        char *exact = malloc(in.len + 1); /* of exactly this size, for the sanitizer */
        memcpy(exact, in.data, in.len);
        if (scrub_value(&ann, way, exact, in.len, &out) == SCRUB_PART)
            assert_false(scrub_names(&ann, out.data, out.len));
        scrub_record(&ann, exact, in.len, &out);
        scrub_find_names(&ann, exact, in.len, note, &out);
        free(exact);
        buf_free(&in);
        buf_free(&out);
    }
}

static void test_keys_are_taken_apart(void **state)
{
    (void)state;
    struct key k;
    static const char days[] = "sopd:{qq1}:days:checkin:7%3A1:in-20514:group";
    assert_true(key_parse(days, sizeof days - 1, &k));
    assert_string_equal(k.part[KEY_GATEWAY], "qq1");
    assert_string_equal(k.part[KEY_CHAT], "7:1");
    assert_string_equal(k.part[KEY_USER], "group");
    assert_string_equal(k.part[KEY_NAME], "in-20514");
    key_free(&k);
    static const char codes[] = "sopd:{qq1}:hash:redpacket::codes";
    assert_true(key_parse(codes, sizeof codes - 1, &k));
    assert_string_equal(k.part[KEY_CHAT], "");
    key_free(&k);
    static const char staff[] = "sopd:staff:chat:qq1:7";
    assert_true(key_parse(staff, sizeof staff - 1, &k));
    assert_int_equal(k.kind->holds, KEY_SETTINGS);
    key_free(&k);
    assert_false(key_parse("sopd:{qq1}:nothing:7", 20, &k));
    assert_false(key_parse("other", 5, &k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_theirs_stays),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_names_of_others_and_of_things_stay),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_short_ids_need_signs_around_them),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_finds_names),
        cmocka_unit_test(test_damaged_and_random_texts),
        cmocka_unit_test(test_keys_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
