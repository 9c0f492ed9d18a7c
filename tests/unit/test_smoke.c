/* test_smoke.c -- what is looked at in a book before anybody is served by it: texts, capabilities, command words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/serve/smoke.h"
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
    strcpy(folder, "/tmp/sopd-smoke-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    static const char *const subs[] = {"flows", "playbooks", "texts", "lib"};
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "%s/%s", folder, subs[i]);
        mkdir(text, 0700);
    }
    write_file("lib/vars.lua", "return { prize = 'from a library' }\n");
    write_file("flows/one.lua", "local vars = require('vars')\n"
                                "local flow = sop.flow('one', { needs = { 'history' }, params = {\n"
                                "  words = { 'strings', default = { 'hi' } },\n"
                                "  extra = { 'table', default = { place = 'here' } },\n"
                                "  text = { 'text' },\n"
                                "} })\n"
                                "flow:command('words', function(c)\n"
                                "  local vars = { day = 1, ['天数'] = 2 }\n"
                                "  c:say(c.params.text, vars)\n"
                                "end)\n"
                                "flow:command('bye', { private = false }, function(c) end)\n"
                                "flow:command('bye', { role = 'store' }, function(c) end)\n"
                                "return flow\n");
    snprintf(text, sizeof text,
             "return { sop = { '%s' }, gateways = {\n"
             "  { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://127.0.0.1:1/' },\n"
             "  { name = 'pg', type = 'playground' } } }",
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

/* Loads a playbook of the flow with these parameters, and looks. */
static void look(const char *groups, const char *params, struct buf *problems, struct buf *warnings)
{
    char text[1024];
    struct buf err = {0};
    const char *quote = *groups == '{' ? "" : "'"; /* a selector of its own, or a text */
    snprintf(text, sizeof text, "return { groups = { %s%s%s }, flows = {\n  { 'one',\n  %s } } }\n",
             quote, groups, quote, params);
    write_file("playbooks/p.lua", text);
    struct book *b = playbook_load(host, config, 0, &err, warnings);
    if (!b)
        fail_msg("%s", buf_cstr(&err));
    buf_reset(problems);
    buf_reset(warnings);
    smoke_book(config, b, false, problems, warnings);
    book_release(b);
    buf_free(&err);
}

static void good(const char *params)
{
    struct buf problems = {0}, warnings = {0};
    look("qq1:*", params, &problems, &warnings);
    if (problems.len || warnings.len)
        fail_msg("%s: %s%s", params, buf_cstr(&problems), buf_cstr(&warnings));
    buf_free(&problems);
    buf_free(&warnings);
}

/* `where`: problems or warnings; each piece must be in it. */
static void bad(bool warning, const char *groups, const char *params, const char *first,
                const char *second)
{
    struct buf problems = {0}, warnings = {0};
    look(groups, params, &problems, &warnings);
    struct buf *told = warning ? &warnings : &problems;
    if (!strstr(buf_cstr(told), first) || !strstr(told->data, second))
        fail_msg("%s: wanted '%s' and '%s' in: %s", params, first, second, told->data);
    if (warning)
        assert_int_equal(problems.len, 0);
    buf_free(&problems);
    buf_free(&warnings);
}

static void test_texts(void **state)
{
    (void)state;
    good("text = 'no variable'");
    good("text = '{at} {name} {bot} {call} {day} {天数} {prize} {place}'");
    good("text = { 'one {day}', 'two {{dya}} }}' }");
    bad(false, "qq1:*", "text = 'on {dya}'", "p.lua:3: ", "{dya}, which the flow never gives");
    bad(false, "qq1:*", "text = 'on {dya}'", "p.lua:3: ", "did you mean {day}?");
    bad(false, "qq1:*", "text = { 'fine', 'on {somethingelse}' }", "one.text",
        "write {{ for a brace");
    bad(false, "qq1:*", "text = '{days}'", "{days}", "did you mean {day}?");
    bad(true, "qq1:*", "text = 'a } b'", "p.lua:3: ", "lone brace");
    bad(true, "qq1:*", "text = 'an open {day'", "p.lua:3: ", "lone brace");
    bad(true, "qq1:*", "text = 'ends in {'", "p.lua:3: ", "lone brace");
    bad(true, "qq1:*", "text = '{}'", "p.lua:3: ", "lone brace");
}

static void test_texts_of_the_language(void **state)
{
    (void)state;
    write_file("texts/zh-CN.lua", "return {\n  one = {\n    text = '第 {dya} 天',\n  },\n}\n");
    bad(false, "qq1:*", "words = { 'hi' }", "texts/zh-CN.lua:3: ", "{dya}");
    write_file("texts/zh-CN.lua", "return { one = { text = '第 {day} 天' } }\n");
    good("words = { 'hi' }");
}

static void test_commands(void **state)
{
    (void)state;
    bad(false, "qq1:*", "text = 'x', words = { 'hi', ' / ' }", "one.words", "blank word");
    bad(true, "qq1:*", "text = 'x', words = {}", "one.words", "never heard");
    bad(true, "qq1:*", "text = 'x', words = { 'hi', 'BYE' }", "'bye' is a command of one",
        "and of one (line");
}

/* A tag that the configuration gives to nobody: odd things are one line, problems are problems. */
static void test_playbooks_of_nobody(void **state)
{
    (void)state;
    struct buf problems = {0}, warnings = {0};
    look("{ tag = 'x' }", "text = 'a } b', words = {}", &problems, &warnings);
    assert_non_null(strstr(buf_cstr(&warnings), ": 2 warnings about playbooks for tags that"));
    assert_null(strstr(warnings.data, "lone brace"));
    assert_null(strchr(strchr(warnings.data, '\n') + 1, '\n'));
    look("{ tag = 'x' }", "text = '{dya}'", &problems, &warnings);
    assert_non_null(strstr(buf_cstr(&problems), "{dya}, which the flow never gives"));
    assert_int_equal(warnings.len, 0);
    buf_free(&problems);
    buf_free(&warnings);
}

static void test_capabilities(void **state)
{
    (void)state;
    bad(false, "pg:*", "text = 'x'", "p.lua:1: ", "needs 'history', which gateway pg (playground)");
    bad(false, "all", "text = 'x'", "p.lua:1: ", "gateway pg (playground)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts_of_the_language, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_playbooks_of_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capabilities, setup, teardown),
    };
    return cmocka_run_group_tests_name("smoke", tests, NULL, NULL);
}
