/* test_command.c -- entries of sopd:commands checked (engine/inbox/command.h): what is taken, what is refused and why, what tells one from
 * another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/inbox/command.h"

enum { PIECES = 128 };

/* The entry of these names and values (NULL ends), each in a block of its own, so that a sanitizer sees every byte too many. */
static struct command *parse(struct buf *why, const char *const *words)
{
    struct command_text pieces[PIECES] = {{0}};
    size_t n = 0;
    for (; words[n]; n++) {
        char *copy = mem_alloc(strlen(words[n]) + 1);
        memcpy(copy, words[n], strlen(words[n]));
        pieces[n] = (struct command_text){copy, strlen(words[n])};
    }
    buf_reset(why);
    struct command *c = command_parse("qq1", "1795343572122-0", pieces, n / 2, why);
    for (size_t i = 0; i < n; i++)
        free((char *)pieces[i].s);
    return c;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void refused(const char *part, const char *const *words)
{
    struct buf why = {0};
    struct command *c = parse(&why, words);
    assert_null(c);
    if (!strstr(buf_cstr(&why), part))
        fail_msg("\"%s\" is not in: %s", part, buf_cstr(&why));
    buf_free(&why);
}

static void args_are(const char *wanted, const char *const *words)
{
    struct buf why = {0}, args = {0};
    struct command *c = parse(&why, words);
    if (!c)
        fail_msg("%s", buf_cstr(&why));
    command_args(c, &args);
    assert_string_equal(buf_cstr(&args), wanted);
    buf_free(&args);
    buf_free(&why);
    command_free(c);
}

static void test_taken(void **state)
{
    struct buf why = {0};
    (void)state;
    struct command *c = parse(&why, WORDS("op", "points", "user", "3300000001", "points", "-30",
                                          "reason", "问卷 (2026)", "gateway", "qq1", "chat",
                                          "700000001", "until", "1795343572122"));
    assert_non_null(c);
    assert_int_equal(c->op, COMMAND_POINTS);
    assert_int_equal(c->n, -30);
    assert_int_equal(c->until_ms, 1795343572122);
    assert_string_equal(c->text[COMMAND_REASON], "问卷 (2026)");
    assert_string_equal(c->text[COMMAND_CHAT], "700000001");
    assert_null(c->text[COMMAND_ID]);
    assert_false(command_is_many(c));
    command_free(c);
    c = parse(&why, WORDS("op", "trigger", "flow", "a", "name", "b", "all", "yes"));
    assert_non_null(c);
    assert_true(command_is_many(c));
    command_free(c);
    buf_free(&why);
}

static void test_args(void **state)
{
    (void)state;
    args_are("{\"id\":\"A \\\"1\\\"\",\"amount\":1250,\"items\":[1],\"data\":{\"a\":{}}}",
             WORDS("op", "order", "user", "33", "order", "A \"1\"", "amount", "1250", "items",
                   "[1]", "data", "{\"a\":{}}"));
    args_are("{\"id\":\"A\",\"amount\":0}",
             WORDS("op", "order", "user", "33", "order", "A", "amount", "0"));
    args_are("{\"x\": \"]}\"}", WORDS("op", "trigger", "flow", "a", "name", "b", "chat", "7",
                                      "args", "{\"x\": \"]}\"}"));
    args_are("", WORDS("op", "trigger", "flow", "a", "name", "b", "chat", "7"));
    args_are("", WORDS("op", "tag", "user", "33", "tag", "x"));
}

static void test_refused(void **state)
{
    char longer[300];
    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    refused("field \"op\" is missing", WORDS("user", "33"));
    refused("op \"dance\" is not known", WORDS("op", "dance"));
    refused("field \"user\" is missing for tag", WORDS("op", "tag", "tag", "x"));
    refused("field \"flow\" does not belong to tag",
            WORDS("op", "tag", "tag", "x", "user", "33", "flow", "a"));
    refused("field \"amout\" is not known", WORDS("op", "order", "amout", "1"));
    refused("field \"user\" is given twice",
            WORDS("op", "tag", "user", "33", "user", "33", "tag", "x"));
    refused("field \"user\" must be a text", WORDS("op", "tag", "user", "", "tag", "x"));
    refused("field \"user\" must be a text", WORDS("op", "tag", "user", " 33", "tag", "x"));
    refused("field \"user\" must be a text", WORDS("op", "tag", "user", "3\n3", "tag", "x"));
    refused("field \"user\" must be a text", WORDS("op", "tag", "user", "\xff", "tag", "x"));
    refused("all is no person", WORDS("op", "opt_out", "user", "all"));
    refused("field \"user\" is too long", WORDS("op", "tag", "user", longer, "tag", "x"));
    refused("field \"xxxxxxxx", WORDS(longer, "x"));
    refused("names another gateway",
            WORDS("op", "tag", "user", "33", "tag", "x", "gateway", "qq2"));
    refused("field \"all\" must be yes",
            WORDS("op", "trigger", "flow", "a", "name", "b", "all", "1"));
    refused("trigger needs one of", WORDS("op", "trigger", "flow", "a", "name", "b"));
    refused("trigger needs one of",
            WORDS("op", "trigger", "flow", "a", "name", "b", "chat", "7", "tag", "x"));
    for (const char *const *n =
             WORDS("", "-", "+", "1.5", "1e3", " 1", "1 ", "0x1", "99999999999999999999");
         *n; n++)
        refused("field \"points\"", WORDS("op", "points", "user", "33", "points", *n));
    refused("not 0", WORDS("op", "points", "user", "33", "points", "0"));
    refused("must be between", WORDS("op", "points", "user", "33", "points", "1000000001"));
    refused("must be cents", WORDS("op", "order", "user", "33", "order", "A", "amount", "-1"));
    for (const char *const *j =
             WORDS("", "x", "{}", "[", "[1,]", "[1] x", "[\"\xff\"]", "\xEF\xBB\xBF[1]");
         *j; j++)
        refused("field \"items\" must be a JSON array",
                WORDS("op", "order", "user", "33", "order", "A", "amount", "1", "items", *j));
    refused("field \"args\" must be a JSON object",
            WORDS("op", "trigger", "flow", "a", "name", "b", "chat", "7", "args", "[]"));
    refused("field \"args\" must be a JSON object",
            WORDS("op", "trigger", "flow", "a", "name", "b", "chat", "7", "args",
                  "{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}"));
}

static void test_sizes(void **state)
{
    struct command_text pieces[PIECES];
    struct buf why = {0};
    (void)state;
    for (int i = 0; i < PIECES; i++)
        pieces[i] = (struct command_text){"x", 1};
    assert_null(command_parse("qq1", "1-0", pieces, COMMAND_PAIRS + 1, &why));
    assert_string_equal(buf_cstr(&why), "too many fields");
    char *big = mem_zero(COMMAND_BYTES + 1);
    pieces[1] = (struct command_text){big, COMMAND_BYTES + 1};
    buf_reset(&why);
    assert_null(command_parse("qq1", "1-0", pieces, 1, &why));
    assert_string_equal(buf_cstr(&why), "the entry is too large");
    buf_reset(&why);
    assert_null(command_parse("qq1", "1-0", pieces, 0, &why));
    assert_string_equal(buf_cstr(&why), "field \"op\" is missing");
    free(big);
    buf_free(&why);
}

static void identity(char out[200], const char *const *words)
{
    struct buf why = {0}, id = {0};
    struct command *c = parse(&why, words);
    assert_non_null(c);
    command_identity(c, &id);
    snprintf(out, 200, "%s", buf_cstr(&id));
    buf_free(&id);
    buf_free(&why);
    command_free(c);
}

static void test_identity(void **state)
{
    char one[200], other[200];
    (void)state;
    identity(one, WORDS("op", "order", "user", "33", "order", "A", "amount", "1"));
    identity(other, WORDS("op", "order", "user", "34", "order", "A", "amount", "2"));
    assert_string_equal(one, other); /* the order says which it is */
    identity(other,
             WORDS("op", "order", "user", "33", "order", "A", "amount", "1", "attempt", "1"));
    assert_string_not_equal(one, other);
    identity(other, WORDS("op", "order", "user", "33", "order", "B", "amount", "1", "id", "A"));
    assert_string_not_equal(one, other);
    identity(one, WORDS("op", "tag", "user", "33", "tag", "x", "id", "7"));
    identity(other, WORDS("op", "untag", "user", "33", "tag", "x", "id", "7"));
    assert_string_not_equal(one, other);
    identity(one, WORDS("op", "trigger", "flow", "a", "name", "b", "all", "yes", "id", "7"));
    identity(other, WORDS("op", "trigger", "flow", "a", "name", "b", "all", "yes", "id", "7",
                          "after", "70"));
    assert_string_not_equal(one, other);
    assert_int_equal(command_entry_ms("1795343572122-3"), 1795343572122);
    assert_int_equal(command_entry_ms("0-1"), 0);
    assert_int_equal(command_entry_ms("x-1"), -1);
    assert_int_equal(command_entry_ms("12"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),    cmocka_unit_test(test_args),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
