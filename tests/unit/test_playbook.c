/* test_playbook.c -- playbooks into books: selectors, times, voices, flows and their parameters, texts by language, and all
 * problems in one run; and which playbook serves which chat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/timefmt.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/playbook.h"

static char folder[64];
static struct config *config;
static struct host *host;

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    char text[512];
    struct buf err = {0};
    strcpy(folder, "/tmp/sopd-playbook-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    static const char *const subs[] = {"flows", "playbooks", "texts"};
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%s/%s", folder, subs[i]);
        mkdir(text, 0700);
    }
    write_file("flows/hello.lua", "local flow = sop.flow('hello', { title = 'Hello', params = {\n"
                                  "  days = { 'integer', default = 28, min = 1, max = 366 },\n"
                                  "  words = { 'strings', default = { 'hi' } },\n"
                                  "  at = { 'clock', default = '20:30' },\n"
                                  "  text = { 'text' },\n"
                                  "} })\n"
                                  "flow:command('words', function(c) c:say('hi') end)\n"
                                  "return flow\n");
    write_file("flows/bye.lua",
               "local flow = sop.flow('bye', { params = { who = { 'string' } } })\n"
               "flow:command('bye', function(c) c:say('bye') end)\nreturn flow\n");
    write_file("flows/broken.lua", "local flow = sop.flow('broken', {})\nlocal x = = 1\n");
    write_file("texts/zh-CN.lua", "return { hello = { text = { '你好', '您好' } } }\n");
    write_file("texts/en.lua", "return { hello = { text = 'hello' } }\n");
    snprintf(
        text, sizeof text,
        "return { sop = { '%s' }, timezone = 'Asia/Tokyo', staff = { ['qq1:1'] = 'owner' },\n"
        "gateways = { { name = 'qq1', type = 'playground' }, { name = 'qq2', type = 'playground' } } }",
        folder);
    config = config_parse(text, strlen(text), "sopd.lua", 0, &err);
    if (!config)
        fail_msg("%s", buf_cstr(&err));
    struct host_opts opts = {.sop = (const char *const *)config->sop};
    host = host_create(&opts);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    host_destroy(host);
    config_free(config);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static struct book *good(const char *text)
{
    struct buf err = {0}, warnings = {0};
    write_file("playbooks/one.lua", text);
    struct book *b = playbook_load(host, config, 0, &err, &warnings);
    if (!b)
        fail_msg("refused: %s", buf_cstr(&err));
    buf_free(&warnings);
    return b;
}

static void bad(const char *text, ...)
{
    struct buf err = {0}, warnings = {0};
    write_file("playbooks/one.lua", text);
    assert_null(playbook_load(host, config, 0, &err, &warnings));
    buf_cstr(&err);
    va_list ap;
    va_start(ap, text);
    for (const char *needle = va_arg(ap, const char *); needle; needle = va_arg(ap, const char *)) {
        if (!strstr(err.data, needle))
            fail_msg("'%s' is not in:\n%s", needle, err.data);
    }
    va_end(ap);
    buf_free(&err);
    buf_free(&warnings);
}

static void test_defaults(void **state)
{
    (void)state;
    struct book *b = good("return { groups = 'all', flows = { 'hello' } }");
    assert_int_equal(b->nbooks, 1);
    const struct playbook *p = b->books[0];
    assert_string_equal(p->name, "one");
    assert_string_equal(p->title, "one");
    assert_string_equal(zone_name(p->zone), "Asia/Tokyo");
    assert_true(p->private_chats && p->has_quiet && !p->keepers && p->tally == 0);
    assert_int_equal(p->quiet_from_ms, (22 * 60 + 30) * 60000);
    assert_int_equal(p->quiet_to_ms, (7 * 60 + 30) * 60000);
    assert_int_equal(p->cutoff_ms, 4 * 3600000);
    assert_string_equal(p->language, "zh-CN");
    assert_int_equal(b->nstaff, 1);
    assert_string_equal(b->staff[0].user, "qq1:1");
    assert_int_equal(p->nflows, 1);
    const cJSON *params = p->flows[0].params;
    assert_int_equal(cJSON_GetObjectItem(params, "days")->valueint, 28);
    assert_string_equal(cJSON_GetObjectItem(params, "at")->valuestring, "20:30");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(params, "text")), 2);
    book_release(b);
}

static void test_everything_given(void **state)
{
    (void)state;
    struct book *b = good(
        "return { title = '演示', groups = { 'qq1:7', 'qq2:*', { tag = 'store' }, { name = '*福利*' } },\n"
        "private = false, timezone = 'Asia/Shanghai', quiet = { '23:00', '06:00' }, day_cutoff = '03:00',\n"
        "language = 'en', persona = { name = '小福', emoji = 1 }, staff_chat = 'qq1:99', keepers = true, tally = true,\n"
        "staff = { ['qq1:5'] = 'keeper' },\n"
        "flows = { { 'bye', who = 'you' }, hello = { days = 7, words = 'one', at = '9:05' } } }");
    const struct playbook *p = b->books[0];
    assert_int_equal(p->nselectors, 4);
    assert_int_equal(p->selectors[0].kind, SELECT_CHAT);
    assert_string_equal(p->selectors[0].gateway, "qq1");
    assert_string_equal(p->selectors[0].value, "7");
    assert_int_equal(p->selectors[1].kind, SELECT_GATEWAY);
    assert_int_equal(p->selectors[2].kind, SELECT_TAG);
    assert_int_equal(p->selectors[3].kind, SELECT_NAME);
    assert_false(p->private_chats);
    assert_true(p->keepers);
    assert_int_equal(p->tally, 1);
    assert_string_equal(p->staff_chat, "qq1:99");
    assert_int_equal(p->staff[0].role, ROLE_KEEPER);
    assert_string_equal(cJSON_GetObjectItem(p->persona, "name")->valuestring, "小福");
    assert_string_equal(flow_info(p->flows[0].flow)->name,
                        "bye"); /* the list's order, then names */
    const cJSON *params = p->flows[1].params;
    assert_int_equal(cJSON_GetObjectItem(params, "days")->valueint, 7);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(params, "words")), 1);
    assert_string_equal(cJSON_GetObjectItem(params, "at")->valuestring, "09:05");
    assert_string_equal(cJSON_GetObjectItem(params, "text")->valuestring, "hello");
    book_release(b);
    b = good(
        "return { groups = 'all', quiet = false, tally = false, flows = { hello = true, broken = false } }");
    assert_false(b->books[0]->has_quiet);
    assert_int_equal(b->books[0]->tally, -1);
    assert_int_equal(b->books[0]->nflows, 1);
    book_release(b);
}

static void test_problems(void **state)
{
    (void)state;
    bad("return {}", "playbooks/one.lua:1: groups is missing", "flows is missing", NULL);
    bad("return { groups = 'all', flows = { 'helo' } }", "there is no flow 'helo'",
        "did you mean 'hello'?", NULL);
    bad("return { groups = 'all', flows = { 'broken' } }", "flows/broken.lua:2:", NULL);
    bad("return { groups = 'all', flows = { 'bye' } }", "flow bye needs a value for 'who'", NULL);
    bad("return { groups = 'all', flows = { hello = 5 } }", "expected true, false or a table",
        NULL);
    bad("return { groups = 'all', flows = { 'hello', { 'hello' } } }", "flow hello is listed twice",
        NULL);
    bad("return { groups = 'all', flows = {} }", "flows is empty", NULL);
    bad("return { groups = {}, flows = { 'hello' } }", "groups must be a list", NULL);
    bad("return { groups = { '7' }, flows = { 'hello' } }", "'7' must be \"gateway:group\"", NULL);
    bad("return { groups = { 'qq1:7*' }, flows = { 'hello' } }", "patterns go by name", NULL);
    bad("return { groups = { { tga = 'x' } }, flows = { 'hello' } }", "did you mean 'tag'?", NULL);
    bad("return { groups = 'all', language = 'fr', flows = { 'hello' } }", "hello.text has no text",
        "sop/texts/fr.lua", NULL);
    bad("return { groups = 'all', language = '../x', flows = { 'hello' } }",
        "language must be a name", NULL);
    bad("return { groups = 'all', quiet = { '25:00', '1' }, flows = { 'hello' } }",
        "quiet must be a time of day", NULL);
    bad("return { groups = 'all', day_cutoff = '13:00', flows = { 'hello' } }",
        "day_cutoff must be between", NULL);
    bad("return { groups = 'all', staff = { ['qq1:1'] = 'boss' }, flows = { 'hello' } }",
        "the role of qq1:1", NULL);
    bad("return { groups = 'all', staff_chat = 'x', flows = { 'hello' } }", "staff_chat must be",
        NULL);
}

static void test_all_problems_in_one_run(void **state)
{
    (void)state;
    bad("return {\n  groups = 'all',\n  timezone = 'Asia/Shangai',\n  quite = 1,\n  flows = {\n    'broken',\n"
        "    { 'hello', days = 400, dyas = 1 },\n    'nothing',\n  },\n}",
        "one.lua:3: timezone 'Asia/Shangai'",
        "one.lua:4: playbook: unknown key 'quite'; did you mean 'quiet'?",
        "flows/broken.lua:2:", "one.lua:7: ", "366",
        "one.lua:7: flow hello has no parameter 'dyas'; did you mean 'days'?",
        "one.lua:8: there is no flow 'nothing'", NULL);
}

static void test_two_files(void **state)
{
    (void)state;
    write_file("playbooks/two.lua", "return { groups = { 'qq9:1' }, flows = { 'hello' } }");
    struct buf err = {0}, warnings = {0};
    write_file("playbooks/one.lua", "return { groups = 'all', flows = { 'hello' } }");
    struct book *b = playbook_load(host, config, 0, &err, &warnings);
    assert_non_null(b);
    assert_int_equal(b->nbooks, 2);
    struct buf all = {0};
    assert_null(playbook_load(host, config, PLAYBOOK_ALL_FLOWS, &all, &all));
    assert_non_null(strstr(buf_cstr(&all), "flows/broken.lua:2:")); /* though no playbook uses it */
    buf_free(&all);
    assert_ptr_equal(b->books[0]->flows[0].flow, b->books[1]->flows[0].flow); /* loaded once */
    assert_non_null(strstr(buf_cstr(&warnings), "two.lua:1: there is no gateway qq9"));
    book_release(b);
    buf_free(&warnings);
    char path[128];
    snprintf(path, sizeof path, "%s/playbooks/two.lua", folder);
    unlink(path);
}

static int matches(const struct book *b, const char *gw, const char *chat, const char *name,
                   const char *tags)
{
    return playbook_matches(b->books[0], gw, chat, name, tags);
}

static void test_matching(void **state)
{
    (void)state;
    struct book *b = good(
        "return { groups = { 'qq1:7', { tag = 'store' }, { name = '*福利?群' } }, flows = { 'hello' } }");
    assert_int_equal(matches(b, "qq1", "7", "", ""), SELECT_CHAT);
    assert_int_equal(matches(b, "qq2", "7", "", ""), -1);
    assert_int_equal(matches(b, "qq2", "8", "", "a,store"), SELECT_TAG);
    assert_int_equal(matches(b, "qq2", "8", "", "stores"), -1);
    assert_int_equal(matches(b, "qq2", "8", "早起福利一群", ""), SELECT_NAME);
    assert_int_equal(matches(b, "qq2", "8", "早起福利群", ""), -1);
    assert_int_equal(matches(b, "qq1", "7", "早起福利一群", "store"), SELECT_CHAT);
    assert_int_equal(matches(b, "qq1", "@55", "", ""),
                     SELECT_GATEWAY); /* private chats of a served gateway */
    assert_int_equal(matches(b, "qq2", "@55", "", ""), -1);
    book_release(b);
    b = good("return { groups = 'all', private = false, flows = { 'hello' } }");
    assert_int_equal(matches(b, "qq1", "7", "", ""), SELECT_ALL);
    assert_int_equal(matches(b, "qq1", "@7", "", ""), -1);
    book_release(b);
    b = good("return { groups = { 'qq1:@7' }, private = false, flows = { 'hello' } }");
    assert_int_equal(matches(b, "qq1", "@7", "", ""), SELECT_CHAT);
    assert_int_equal(matches(b, "qq1", "@8", "", ""), -1);
    book_release(b);
}

static void test_bindings_keep_their_book(void **state)
{
    (void)state;
    struct book *b = good("return { groups = 'all', flows = { 'hello' } }");
    struct playbook_flow *f = &b->books[0]->flows[0];
    struct binding *n = binding_new(b, b->books[0], f->flow, values_retain(f->values));
    struct binding *same = binding_retain(n);
    book_release(b);
    assert_string_equal(same->playbook->name, "one");
    binding_release(n);
    assert_string_equal(flow_info(same->flow)->name, "hello");
    binding_release(same);
}

static void test_roles(void **state)
{
    (void)state;
    assert_int_equal(role_parse("keeper"), ROLE_KEEPER);
    assert_int_equal(role_parse("king"), -1);
    assert_string_equal(role_name(ROLE_OWNER), "owner");
    assert_true(ROLE_MEMBER < ROLE_KEEPER && ROLE_HQ < ROLE_OWNER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything_given),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_all_problems_in_one_run),
        cmocka_unit_test(test_two_files),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_bindings_keep_their_book),
        cmocka_unit_test(test_roles),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
