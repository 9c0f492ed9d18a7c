/* test_param.c -- values for parameters: from playbooks (param_check) and as text from Redis (param_parse). */
#include "fake_turn.h"

static struct flow *flow;

static int setup(void **state)
{
    (void)state;
    fake_host_start(0, 0);
    flow = fake_load(
        "{params={i={'integer', min=1, max=366}, n={'number', max=1}, b={'boolean'}, s={'string'}, ss={'strings'}, text={'text'}, "
        "clock={'clock', min='08:00'}, d={'duration', min='1m', max='1h'}, c={'choice', values={'a', 'b'}}, t={'table'}}}",
        "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flow_release(flow);
    fake_host_stop();
    return 0;
}

struct value {
    const char *name, *given, *expected; /* expected: JSON, or "!" and a part of the message */
};

static void judge(const struct value *v, cJSON *got, struct buf *err)
{
    if (*v->expected == '!') {
        if (got || !strstr(buf_cstr(err), v->expected + 1))
            fail_msg("%s = %s: expected \"%s\" in \"%s\"", v->name, v->given, v->expected + 1,
                     buf_cstr(err));
    } else {
        char *text = got ? cJSON_PrintUnformatted(got) : NULL;
        if (!text || strcmp(text, v->expected) != 0)
            fail_msg("%s = %s gave %s (%s), not %s", v->name, v->given, text ? text : "nothing",
                     buf_cstr(err), v->expected);
        free(text);
        assert_int_equal(err->len, 0);
    }
    cJSON_Delete(got);
    buf_free(err);
}

static void test_check(void **state)
{
    (void)state;
    static const struct value values[] = {
        {"i", "28", "28"},
        {"i", "400", "!t.i: 400 is above the maximum 366"},
        {"i", "0", "!below the minimum 1"},
        {"i", "1.5", "!is not a whole number"},
        {"i", "\"28\"", "!t.i: must be an integer, not a string"},
        {"i", "null", "!not nothing"},
        {"i", "1e300", "!is not a whole number"},
        {"n", "0.5", "0.5"},
        {"n", "2", "!above the maximum 1"},
        {"b", "true", "true"},
        {"b", "1", "!must be true or false, not a number"},
        {"s", "\"x\"", "\"x\""},
        {"s", "[]", "!not a table"},
        {"ss", "\"x\"", "[\"x\"]"},
        {"ss", "[\"x\",\"y\"]", "[\"x\",\"y\"]"},
        {"ss", "[]", "[]"},
        {"ss", "{}", "[]"},
        {"ss", "[1]", "!a string or a list"},
        {"ss", "{\"a\":\"b\"}", "!a string or a list"},
        {"text", "\"x\"", "\"x\""},
        {"text", "[\"x\"]", "[\"x\"]"},
        {"text", "[]", "!at least one variant"},
        {"clock", "\"9:05\"", "\"09:05\""},
        {"clock", "\"24:00\"", "\"24:00\""},
        {"clock", "\"20:30:15\"", "\"20:30:15\""},
        {"clock", "\"07:00\"", "!below the minimum 28800 seconds"},
        {"clock", "\"x\"", "!must be a clock time"},
        {"d", "\"10m\"", "\"10m\""},
        {"d", "90", "\"90s\""},
        {"d", "\"2h\"", "!above the maximum 3600 seconds"},
        {"d", "\"soon\"", "!must be a duration"},
        {"c", "\"a\"", "\"a\""},
        {"c", "\"z\"", "!must be one of \"a\", \"b\""},
        {"c", "3", "!must be one of"},
        {"t", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"t", "5", "!must be a table"},
        {"nope", "5", "!no such parameter"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf err = {0};
        cJSON *given = cJSON_Parse(values[i].given);
        assert_non_null(given);
        judge(&values[i], param_check(flow, values[i].name, given, &err), &err);
        cJSON_Delete(given);
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const struct value values[] = {
        {"i", "28", "28"},
        {"i", " 28 ", "28"},
        {"i", "x", "!must be an integer"},
        {"i", "", "!must be an integer"},
        {"i", "0x", "!must be an integer"},
        {"n", "0.25", "0.25"},
        {"n", "inf", "!must be a number"},
        {"b", "true", "true"},
        {"b", "off", "false"},
        {"b", "开", "true"},
        {"b", "maybe", "!true or false"},
        {"s", "28", "\"28\""},
        {"ss", "打卡,签到", "[\"打卡\",\"签到\"]"},
        {"ss", " 甲 ,乙\xEF\xBC\x8C丙、丁,", "[\"甲\",\"乙\",\"丙\",\"丁\"]"},
        {"ss", "", "[]"},
        {"ss", "[\"a,b\"]", "[\"a,b\"]"},
        {"text", "你好, {at}", "\"你好, {at}\""},
        {"text", "[\"a\",\"b\"]", "[\"a\",\"b\"]"},
        {"text", "[坏", "\"[坏\""},
        {"clock", "20:30", "\"20:30\""},
        {"d", "30m", "\"30m\""},
        {"c", "b", "\"b\""},
        {"t", "{\"a\":1}", "{\"a\":1}"},
        {"t", "x", "!must be a table"},
        {"nope", "x", "!no such parameter"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf err = {0};
        judge(&values[i], param_parse(flow, values[i].name, values[i].given, &err), &err);
    }
}

static void test_long(void **state)
{
    (void)state;
    struct buf text = {0}, err = {0};
    for (int i = 0; i < 30000; i++)
        buf_addc(&text, 'x');
    assert_null(param_parse(flow, "s", buf_cstr(&text), &err));
    assert_non_null(strstr(buf_cstr(&err), "too long"));
    assert_null(param_parse(flow, "text", buf_cstr(&text), &err));
    buf_free(&text);
    buf_free(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check), cmocka_unit_test(test_parse),
                                       cmocka_unit_test(test_long)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
