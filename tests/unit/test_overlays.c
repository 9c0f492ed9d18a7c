/* test_overlays.c -- tags that the configuration gives, and overlays of playbooks: which apply, in which order values hold, what is
 * shared, what is locked, and what is refused. */
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
#include "engine/internal.h"
#include "engine/route/routes.h"
#include "engine/route/routes_plan.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/playbook.h"

static char folder[64];
static struct config *config;
static struct host *host;
static struct book *book;

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
    static const char *const subs[] = {"flows", "playbooks", "playbooks/p", "texts"};
    char path[128];
    strcpy(folder, "/tmp/sopd-overlays-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, subs[i]);
        mkdir(path, 0700);
    }
    write_file("flows/one.lua",
               "local flow = sop.flow('one', { params = {\n"
               "  total = { 'integer', default = 100, min = 1 },\n"
               "  most = { 'integer', default = 20 },\n"
               "  words = { 'strings', default = { 'one' } },\n"
               "  at = { 'clock', default = '20:30' },\n"
               "  hello = { 'text' },\n"
               "  bye = { 'text', default = 'bye' },\n"
               "} })\n"
               "flow:command('words', function(c) c:say(c.params.hello) end)\n"
               "flow:at('at', function(c) c:say(c.params.bye) end)\nreturn flow\n");
    write_file("flows/two.lua",
               "local flow = sop.flow('two', { params = { n = { 'integer', default = 1 } } })\n"
               "flow:command('two', function(c) c:say('2') end)\nreturn flow\n");
    write_file("texts/zh-CN.lua", "return { one = { hello = '你好' } }\n");
    write_file("texts/en.lua", "return { one = { hello = 'hello', bye = 'so long' } }\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Loads the playbook `p` under a configuration with these tags; NULL with the problems in err. */
static struct book *load(const char *playbook, const char *tags, struct buf *err)
{
    char text[2048];
    struct buf warnings = {0};
    write_file("playbooks/p.lua", playbook);
    snprintf(
        text, sizeof text,
        "return { sop = { '%s' }, tags = %s, staff = { ['qq1:1'] = 'owner' },\n"
        "gateways = { { name = 'qq1', type = 'playground' }, { name = 'qq2', type = 'playground' } } }",
        folder, tags);
    config = config_parse(text, strlen(text), "sopd.lua", 0, err);
    if (!config)
        return NULL;
    struct host_opts opts = {.sop = (const char *const *)config->sop};
    host = host_create(&opts);
    book = playbook_load(host, config, 0, err, &warnings);
    buf_free(&warnings);
    return book;
}

static void unload(void)
{
    if (book)
        book_release(book);
    book = NULL;
    if (host)
        host_destroy(host);
    host = NULL;
    config_free(config);
    config = NULL;
}

static void good(const char *playbook, const char *tags)
{
    struct buf err = {0};
    if (!load(playbook, tags, &err))
        fail_msg("refused: %s", buf_cstr(&err));
    buf_free(&err);
}

static void bad(const char *playbook, const char *tags, const char *needle)
{
    struct buf err = {0};
    if (load(playbook, tags, &err))
        fail_msg("taken, although: %s", needle);
    if (!strstr(buf_cstr(&err), needle))
        fail_msg("'%s' is not in:\n%s", needle, buf_cstr(&err));
    buf_free(&err);
    unload();
}

static struct overlay_pick {
    const struct overlay *list[OVERLAYS_MAX];
    int n;
    const struct playbook *head;
} pick;

/* The overlays of a chat, as "region north,store #2". */
static const char *overlays(const char *chat, const char *name, const char *tags)
{
    static struct buf out;
    struct selector_chat c = {"qq1", chat, name, tags, NULL, 0};
    pick.n = overlays_of(book->books[0], &c, pick.list);
    pick.head = overlays_head(book->books[0], pick.list, pick.n);
    buf_reset(&out);
    for (int i = 0; i < pick.n; i++)
        buf_addf(&out, "%s%s %s", i ? "," : "", level_name(pick.list[i]->level),
                 pick.list[i]->name);
    return buf_cstr(&out);
}

static struct values *values_of(int flow, bool *on)
{
    bool unused;
    return overlays_values(pick.head, pick.list, pick.n, flow, on ? on : &unused);
}

/* A value of the chat that overlays() was asked about last, as JSON. */
static const char *value(int flow, const char *param)
{
    static char text[256];
    struct values *v = values_of(flow, NULL);
    char *json = cJSON_PrintUnformatted(values_named(v, book->books[0]->flows[flow].flow, param));
    snprintf(text, sizeof text, "%s", json);
    cJSON_free(json);
    values_release(v);
    return text;
}

#define THREE                                                                                                \
    "return { groups = { 'qq1:*' }, flows = { 'one', 'two' }, overlays = {\n"                                \
    "  { level = 'store', name = 's7', groups = { 'qq1:7' }, flows = { one = { total = 7 } } },\n"           \
    "  { level = 'region', name = 'north', groups = { { tag = 'north' } },\n"                                \
    "    flows = { one = { total = 200, most = 50 }, two = false } },\n"                                     \
    "  { level = 'group', groups = { { name = '*VIP*' } }, flows = { two = true, one = { most = 99 } } },\n" \
    "} }"

static void test_the_narrowest_holds(void **state)
{
    (void)state;
    bool on;
    good(THREE, "{}");
    assert_string_equal(overlays("7", "", "north"), "region north,store s7");
    assert_string_equal(value(0, "total"), "7");
    assert_string_equal(value(0, "most"), "50");
    assert_string_equal(value(0, "at"), "\"20:30\"");
    values_release(values_of(1, &on));
    assert_false(on);
    assert_string_equal(overlays("7", "VIP 1", "north"), "region north,store s7,group #3");
    assert_string_equal(value(0, "most"), "99");
    values_release(values_of(1, &on));
    assert_true(on);
    assert_string_equal(overlays("8", "", ""), "");
    assert_string_equal(value(0, "total"), "100");
    assert_string_equal(overlays("8", NULL, "south,north"), "region north");
    unload();
    assert_int_equal(values_count(), 0);
}

static void test_files_and_order(void **state)
{
    (void)state;
    write_file("playbooks/p/b.lua",
               "return { level = 'store', groups = { 'qq1:7' }, flows = { one = { total = 2 } } }");
    write_file(
        "playbooks/p/a.lua",
        "return { level = 'store', groups = { 'qq1:7' }, flows = { one = { total = 3, most = 3 } } }");
    good(THREE, "{}");
    assert_string_equal(overlays("7", "", ""), "store s7,store a,store b");
    assert_string_equal(value(0, "total"), "2");
    assert_string_equal(value(0, "most"), "3");
    const struct overlay_flow *f = overlay_flow(pick.list[2], 0);
    assert_non_null(strstr(pick.list[2]->file, "playbooks/p/b.lua"));
    assert_int_equal(f->slots[0].line, 1);
    unload();
    write_file("playbooks/p/b.lua", "return { level = 'store',\ngroups = { 'qq1:7' },\n"
                                    "flows = { one = {\ntotal = 0 } } }");
    bad(THREE, "{}", "playbooks/p/b.lua:4: one.total: 0 is below the minimum 1");
    write_file("playbooks/p/b.lua", "return {");
    bad(THREE, "{}", "playbooks/p/b.lua:1");
    char path[128];
    snprintf(path, sizeof path, "%s/playbooks/p/a.lua", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/playbooks/p/b.lua", folder);
    unlink(path);
}

static void test_equal_values_are_one_object(void **state)
{
    (void)state;
    good(THREE, "{}");
    overlays("1", "", "north");
    struct values *a = values_of(0, NULL);
    overlays("2", "", "north,x");
    struct values *b = values_of(0, NULL);
    assert_ptr_equal(a, b);
    overlays("7", "", "north");
    struct values *c = values_of(0, NULL);
    assert_ptr_not_equal(a, c);
    struct binding *x =
        binding_share(book, book->books[0], book->books[0]->flows[0].flow, a, false);
    struct binding *y =
        binding_share(book, book->books[0], book->books[0]->flows[0].flow, b, false);
    assert_ptr_equal(x, y);
    assert_int_equal(cJSON_GetNumberValue(binding_param(x, "total")), 200);
    assert_null(binding_param(x, "none"));
    binding_release(x);
    binding_release(y);
    values_release(c);
    unload();
    assert_int_equal(values_count(), 0);
    assert_int_equal(bindings_count(), 0);
}

static void test_heads(void **state)
{
    (void)state;
    good(
        "return { groups = 'all', timezone = 'Asia/Tokyo', persona = { name = 'a', call = 'b' },\n"
        "staff = { ['qq1:2'] = 'hq' }, flows = { 'one' }, overlays = {\n"
        "  { level = 'region', groups = { 'qq1:*' }, persona = { name = 'n' }, quiet = false,\n"
        "    staff = { ['qq1:3'] = 'region' }, staff_chat = 'qq1:900', day_cutoff = '03:00' },\n"
        "  { level = 'store', groups = { 'qq1:7' }, staff = { ['qq1:4'] = 'store' }, timezone = 'Asia/Seoul',\n"
        "    evening_posts = 2 } } }",
        "{}");
    overlays("8", "", "");
    assert_int_equal(pick.head->nstaff, 2);
    assert_string_equal(pick.head->staff_chat, "qq1:900");
    assert_false(pick.head->has_quiet);
    const struct playbook *region = pick.head;
    overlays("7", "", "");
    assert_int_equal(pick.head->nstaff, 3);
    assert_string_equal(pick.head->staff[2].user, "qq1:4");
    assert_string_equal(zone_name(pick.head->zone), "Asia/Seoul");
    assert_int_equal(pick.head->evening_posts, 2);
    assert_int_equal(pick.head->cutoff_ms, 3 * 3600000);
    assert_string_equal(cJSON_GetObjectItem(pick.head->persona, "name")->valuestring, "n");
    assert_string_equal(cJSON_GetObjectItem(pick.head->persona, "call")->valuestring, "b");
    assert_true(playbook_staff_chat_is(pick.head, "qq1", "900"));
    assert_ptr_equal(pick.head->base, book->books[0]);
    overlays("9", "", "");
    assert_ptr_equal(pick.head, region);
    struct selector_chat other = {"qq2", "1", "", "", NULL, 0};
    assert_int_equal(overlays_of(book->books[0], &other, pick.list), 0);
    unload();
}

static void test_languages(void **state)
{
    (void)state;
    good("return { groups = 'all', flows = { { 'one', bye = '再见' } }, overlays = {\n"
         "  { level = 'store', groups = { 'qq1:7' }, language = 'en' },\n"
         "  { level = 'group', groups = { 'qq1:7' }, flows = { one = { bye = 'ciao' } } },\n"
         "  { level = 'store', groups = { 'qq1:8' }, language = 'en' } } }",
         "{}");
    overlays("8", "", "");
    assert_string_equal(value(0, "hello"), "\"hello\"");
    assert_string_equal(value(0, "bye"),
                        "\"再见\""); /* the playbook's own, whatever the language */
    overlays("7", "", "");
    assert_string_equal(value(0, "bye"), "\"ciao\"");
    overlays("9", "", "");
    assert_string_equal(value(0, "hello"), "\"你好\"");
    unload();
    bad("return { groups = 'all', flows = { 'one' }, overlays = {\n"
        "  { level = 'store', groups = { 'qq1:7' },\n language = 'fr' } } }",
        "{}", "p.lua:3: one.hello has no text");
}

static void test_flows_that_are_off(void **state)
{
    (void)state;
    bool on;
    good("return { groups = 'all', flows = { one = true, two = false }, overlays = {\n"
         "  { level = 'store', groups = { 'qq1:7' }, flows = { two = { n = 5 } } },\n"
         "  { level = 'store', groups = { 'qq1:8' }, flows = { two = true } } } }",
         "{}");
    assert_int_equal(book->books[0]->nflows, 2);
    overlays("9", "", "");
    values_release(values_of(1, &on));
    assert_false(on);
    overlays("7", "", "");
    values_release(values_of(1, &on));
    assert_true(on);
    assert_string_equal(value(1, "n"), "5");
    overlays("8", "", "");
    values_release(values_of(1, &on));
    assert_true(on);
    unload();
    good("return { groups = 'all', flows = { one = true, two = false } }", "{}");
    assert_int_equal(book->books[0]->nflows, 1);
    unload();
}

static void test_locks(void **state)
{
    (void)state;
    bad("return { groups = 'all', flows = { 'one' }, locked = { 'one.total' }, overlays = {\n"
        "  { level = 'store', groups = { 'qq1:7' },\n flows = { one = { total = 5 } } } } }",
        "{}", "p.lua:3: one.total is locked by");
    bad("return { groups = 'all', flows = { 'one' }, locked = { 'one.totl' } }", "{}",
        "locked: flow one has no parameter 'totl'");
    bad("return { groups = 'all', flows = { 'one' }, overlays = {\n"
        "  { level = 'region', groups = { 'qq1:*' }, locked = { 'one.total' }, flows = { one = { total = 9 } } },\n"
        "  { level = 'store', groups = { 'qq1:7' }, flows = { one = { total = 5 } } } } }",
        "{}", "p.lua:3: one.total is locked by");
    good(
        "return { groups = 'all', flows = { 'one' }, overlays = {\n"
        "  { level = 'region', groups = { { tag = 'n' } }, locked = { 'one.total' }, flows = { one = { total = 9 } } },\n"
        "  { level = 'store', groups = { 'qq1:7' }, flows = { one = { total = 5, most = 6 } } } } }",
        "{}");
    overlays("7", "", "");
    assert_string_equal(value(0, "total"), "5");
    overlays("7", "", "n"); /* only the tag says that the lock is meant */
    assert_string_equal(value(0, "total"), "9");
    assert_string_equal(value(0, "most"), "6");
    const struct overlay *by;
    const struct flow *flow = book->books[0]->flows[0].flow;
    int total = (int)(flow_param(flow, "total") - flow_info(flow)->params);
    assert_non_null(overlays_lock(book->books[0], pick.list, pick.n, 0, total, &by));
    assert_ptr_equal(by, pick.list[0]);
    unload();
    assert_int_equal(values_count(), 0);
}

static void test_problems(void **state)
{
    (void)state;
#define WITH(x) "return { groups = 'all', flows = { 'one' }, overlays = { " x " } }"
    bad(WITH("{ groups = { 'qq1:7' } }"), "{}", "level is missing");
    bad(WITH("{ level = 'shop', groups = { 'qq1:7' } }"), "{}",
        "level must be brand, region, store or group");
    bad(WITH("{ level = 'store' }"), "{}", "groups is missing");
    bad(WITH("{ level = 'store', groups = { 'qq1:7' }, flows = { 'one' } }"), "{}",
        "overlays: write flows =");
    bad(WITH("{ level = 'store', groups = { 'qq1:7' }, flows = { on = true } }"), "{}",
        "playbook p has no flow 'on'; did you mean 'one'?");
    bad(WITH("{ level = 'store', groups = { 'qq1:7' }, flows = { two = true } }"), "{}",
        "playbook p has no flow 'two'");
    bad(WITH("{ level = 'store', groups = { 'qq1:7' }, flows = { one = { totals = 3 } } }"), "{}",
        "flow one has no parameter 'totals'; did you mean 'total'?");
    bad(WITH("{ level = 'store', groups = { 'qq1:7' }, flows = { one = 3 } }"), "{}",
        "flow one: expected true, false or a table of parameters");
    bad(WITH("{ level = 'store', groups = { 'qq1:7' }, keepers = true }"), "{}",
        "overlay: unknown key 'keepers'");
    bad(WITH("'x'"), "{}", "overlays: an item is a table");
    bad("return { groups = 'all', flows = { 'one' } }", "{ { groups = { 'qq1:*' } } }",
        "tags: tag is missing");
    bad("return { groups = 'all', flows = { 'one' } }", "{ { tag = 'a,b', groups = { 'qq1:*' } } }",
        "a tag is one word");
    bad("return { groups = 'all', flows = { 'one' } }",
        "{ { tag = 'a', level = 'x', groups = { 'qq1:*' } } }", "level must be");
    bad("return { groups = 'all', flows = { 'one' } }", "{ { tag = 'a' } }", "groups is missing");
}

/* ---- tags and routes ---- */

static struct engine engine;
static struct gw gateway;

static void test_tags(void **state)
{
    (void)state;
    good(
        "return { groups = 'all', flows = { 'one' } }",
        "{ { tag = 'acme', level = 'brand', groups = { 'qq1:*' } },\n"
        "  { tag = 'north', level = 'region', groups = { { name = '*北京*' }, { tag = 's7' } } },\n"
        "  { tag = 's7', level = 'store', groups = { 'qq1:7' } },\n"
        "  { tag = 'vip', groups = { 'qq1:7', { name = '*VIP*' } } },\n"
        "  { tag = 'acme', level = 'store', groups = { 'qq1:7' } } }");
    gateway = (struct gw){.e = &engine, .name = (char *)"qq1"};
    engine = (struct engine){.book = book};
    assert_string_equal(tags_of(&gateway, "7", "一店"), "vip,s7,acme,north");
    assert_string_equal(tags_of(&gateway, "8", "北京二店 VIP"), "vip,north,acme");
    assert_string_equal(tags_of(&gateway, "9", ""), "acme");
    assert_string_equal(tags_of(&gateway, "@5", "北京"), "acme");
    assert_int_equal(tags_rule(&gateway, "7", "", "vip,s7,acme,north", "north")->line, 2);
    gateway.name = (char *)"qq2";
    assert_string_equal(tags_of(&gateway, "7", ""), "");
    unload();
}

static void test_routes_are_shared(void **state)
{
    (void)state;
    good(THREE, "{}");
    gateway = (struct gw){.e = &engine, .name = (char *)"qq1"};
    engine = (struct engine){.book = book, .generation = 1};
    struct routes *a = routes_lookup(&gateway, "1", ""), *b = routes_lookup(&gateway, "2", ""),
                  *c = routes_lookup(&gateway, "7", "");
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_int_equal(a->nbindings, 2);
    assert_ptr_not_equal(a->bindings[0], c->bindings[0]);
    assert_ptr_equal(a->bindings[1],
                     c->bindings[1]); /* what the overlay does not touch is the same */
    assert_int_equal(a->nats, 1);
    struct routes *kept = routes_retain(c);
    routes_clear_cache(&engine);
    assert_int_equal(routes_count(), 1);
    assert_ptr_equal(routes_lookup(&gateway, "7", ""), kept);
    routes_release(kept);
    routes_clear_cache(&engine);
    assert_int_equal(routes_count(), 0);
    unload();
    assert_int_equal(bindings_count(), 0);
    assert_int_equal(values_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_narrowest_holds),
        cmocka_unit_test(test_files_and_order),
        cmocka_unit_test(test_equal_values_are_one_object),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_flows_that_are_off),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_routes_are_shared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
