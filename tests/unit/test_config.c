/* test_config.c -- the configuration file: every key's type, unknown keys, secrets, and all problems in one run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lua/config.h"
#include "lua/luaconf.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sopd-config-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

/* Wraps the keys of a test into a file that is good otherwise. */
static struct config *parse_flags(const char *keys, unsigned flags, struct buf *err)
{
    struct buf b = {0};
    buf_addf(&b, "return {\n  sop = { \"/tmp\" },\n%s\n}\n", keys);
    struct config *c = config_parse(b.data, b.len, "sopd.lua", flags, err);
    buf_free(&b);
    return c;
}

static struct config *good(const char *keys)
{
    struct buf err = {0};
    struct config *c = parse_flags(keys, 0, &err);
    if (!c)
        fail_msg("refused: %s", buf_cstr(&err));
    assert_int_equal(err.len, 0);
    return c;
}

/* Every needle must be in the problems. */
static void bad(const char *keys, ...)
{
    struct buf err = {0};
    struct config *c = parse_flags(keys, 0, &err);
    assert_null(c);
    buf_cstr(&err);
    va_list ap;
    va_start(ap, keys);
    for (const char *needle = va_arg(ap, const char *); needle; needle = va_arg(ap, const char *)) {
        if (!strstr(err.data, needle))
            fail_msg("'%s' is not in:\n%s", needle, err.data);
    }
    va_end(ap);
    buf_free(&err);
}

static const char forward[] =
    "gateways = {\n  { name = \"qq1\", type = \"onebot11\", mode = \"forward\",\n"
    "    url = \"ws://127.0.0.1:3001/\" },\n}";

static void test_whole(void **state)
{
    (void)state;
    setenv("TEST_TOKEN", "s3cret", 1);
    struct config *c = good(
        "data_dir = '/var/lib/x', redis = 'redis://u:p%40ss@db.example:7000/3',\n"
        "http = '127.0.0.1:9180', timezone = 'Europe/Berlin', log = { level = 'debug' },\n"
        "lua = { memory = '16M', instructions = 1000000 }, queue = { chat = 10, total = 100 },\n"
        "streams = { events = 5000, audit = 6000 }, retention = { trace = '2h', tally = false },\n"
        "staff = { ['qq1:10001'] = 'owner', ['qq2:5'] = 'keeper' },\n"
        "gateways = {\n"
        " { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'wss://h:1/x?y=1', token_env = 'TEST_TOKEN',\n"
        "   self_id = 1146222511, timing = { idle = '45s', settle = 0 }, catchup = 20, max_frame = '8M' },\n"
        " { name = 'qq2', type = 'onebot11', mode = 'reverse', listen = '0.0.0.0:8080', token = 'abc',\n"
        "   pace = { account = { { per = '1s', burst = 3 }, { per = '1m', count = 30 } }, jitter = '2s',\n"
        "            member = { per = '5s', kinds = 'game' }, warmup = '1d',\n"
        "            late = { broadcast = { policy = 'merge', limit = '1h' }, dm = { policy = 'drop' } } } },\n"
        "}");
    assert_string_equal(c->data_dir, "/var/lib/x");
    assert_false(c->embedded);
    assert_string_equal(c->redis.host, "db.example");
    assert_string_equal(c->redis.password, "p@ss");
    assert_int_equal(c->redis.db, 3);
    assert_string_equal(c->http_host, "127.0.0.1");
    assert_int_equal(c->http_port, 9180);
    assert_string_equal(c->timezone, "Europe/Berlin");
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->lua_memory, 16 << 20);
    assert_int_equal(c->queue_chat, 10);
    assert_int_equal(c->events_length, 5000);
    assert_int_equal(c->audit_length, 6000);
    assert_int_equal(c->retention.trace_ms, 7200000);
    assert_true(c->retention.tally_ms == RETENTION_EVER);
    assert_int_equal(c->nstaff, 2);
    assert_int_equal(c->ngateways, 2);
    const struct config_gateway *a = &c->gateways[0], *b = &c->gateways[1];
    assert_string_equal(a->conf.token, "s3cret");
    assert_string_equal(a->conf.self_id, "1146222511");
    assert_int_equal(a->conf.idle_ms, 45000);
    assert_int_equal(a->conf.settle_ms, 1);
    assert_int_equal(a->conf.max_frame, 8 << 20);
    assert_int_equal(a->conf.catchup, 20);
    assert_int_equal(a->pace.nrules[PACE_ACCOUNT], 3);
    assert_int_equal(a->pace.rules[PACE_CHAT][0].interval_us, 1500000);
    assert_int_equal(a->pace.jitter, 40);
    assert_int_equal(a->pace.jitter_ms, 0);
    assert_int_equal(a->pace.warmup_ms, 7 * 86400000);
    assert_null(b->conf.path);
    assert_int_equal(b->pace.nrules[PACE_ACCOUNT], 2);
    assert_int_equal(b->pace.rules[PACE_ACCOUNT][0].burst, 3);
    /* 30 in any minute: one, and 29 more in its course */
    assert_int_equal(b->pace.rules[PACE_ACCOUNT][1].interval_us, 2068966);
    assert_int_equal(b->pace.jitter, 0);
    assert_int_equal(b->pace.jitter_ms, 2000);
    assert_int_equal(b->pace.nrules[PACE_MEMBER], 1);
    assert_int_equal(b->pace.rules[PACE_MEMBER][0].kinds, 1 << KIND_GAME);
    assert_int_equal(b->pace.warmup_ms, 86400000);
    assert_int_equal(pace_late(&b->pace, KIND_ANSWER).limit_ms, 120000);
    assert_int_equal(pace_late(&b->pace, KIND_BROADCAST).policy, LATE_MERGE);
    assert_int_equal(pace_late(&b->pace, KIND_BROADCAST).limit_ms, 3600000);
    assert_int_equal(pace_late(&b->pace, KIND_DM).policy, LATE_DROP);
    assert_int_equal(pace_late(&b->pace, KIND_DM).limit_ms, 10000);
    config_free(c);
}

static void test_defaults(void **state)
{
    (void)state;
    unsetenv("STATE_DIRECTORY");
    struct config *c = good(forward);
    assert_string_equal(c->data_dir, "/var/lib/sopd");
    assert_true(c->embedded);
    assert_null(c->http_host);
    assert_string_equal(c->timezone, "Asia/Shanghai");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_true(c->retention.tally_ms == 400 * (int64_t)86400000);
    config_free(c);
}

static void test_unknown_keys(void **state)
{
    (void)state;
    bad("dta_dir = 'x'",
        "sopd.lua:3: configuration: unknown key 'dta_dir'; did you mean 'data_dir'?", NULL);
    bad("gateway = {}", "did you mean 'gateways'?", NULL);
    bad("zzzzzzzzzz = 1", "unknown key 'zzzzzzzzzz'; known are data_dir,", NULL);
    bad("gateways = {\n { name = 'qq1', type = 'onebot11', mode = 'forward',\n url = 'ws://h/',\n tokn = 'x' } }",
        "sopd.lua:6: gateway qq1: unknown key 'tokn'; did you mean 'token'?", NULL);
    bad("'stray'", "a value without a key", NULL);
}

static void test_types(void **state)
{
    (void)state;
    bad("data_dir = 5", "sopd.lua:3: data_dir must be a text, not a number", NULL);
    bad("data_dir = ''", "data_dir is empty", NULL);
    bad("redis = true", "redis must be a text", NULL);
    bad("redis = 'localhost'", "sopd.lua:3: redis:", NULL);
    bad("http = 9180", "http must be a text", NULL);
    bad("http = 'localhost'", "http must be address:port", NULL);
    bad("http = '127.0.0.1:70000'", "http must be address:port", NULL);
    bad("staff = { 'qq1:1' }", "staff: write", NULL);
    bad("staff = { ['10001'] = 'owner' }", "'10001' must be gateway:user", NULL);
    bad("staff = { ['qq1:1'] = 'king' }", "the role of qq1:1 must be keeper, store", NULL);
    bad("gateways = { name = 'qq1' }", "gateways must be a list", NULL);
    bad("gateways = { 'qq1' }", "a gateway must be a table", NULL);
    bad("timezone = 'Asia/Shangri-La'", "timezone 'Asia/Shangri-La' is not known", NULL);
    bad("log = { level = 'loud' }", "log.level must be error, warn, info or debug", NULL);
    bad("log = 'info'", "log must be a table, not a text", NULL);
    bad("lua = { memory = '5X' }", "memory must be a size", NULL);
    bad("lua = { memory = 5 }", "memory must be between", NULL);
    bad("lua = { instructions = 1.5 }", "instructions must be a whole number, not a fraction",
        NULL);
    bad("streams = { event = 5000 }", "events", NULL);
    bad("streams = { events = 10 }", "events is 10; it must be between", NULL);
    bad("queue = { chat = 100, total = 10 }", "total is below chat", NULL);
    bad("sop_watch = \"yes\"", "sop_watch", NULL);
    bad("playbooks = { 7 }", "playbooks: a name must be a text", NULL);
}

static void test_gateways(void **state)
{
    (void)state;
    bad("gateways = { {} }", "a gateway needs a name", "a gateway needs a type", NULL);
    bad("gateways = { { name = '1qq', type = 'onebot11', mode = 'forward', url = 'ws://h/' } }",
        "use a letter", NULL);
    bad("gateways = { { name = 'a', type = 'onebot12' } }",
        "unknown type 'onebot12'; did you mean 'onebot11'?", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11' } }", "mode must be", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forwards', url = 'ws://h/' } }",
        "mode must be", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward' } }", "needs url", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'http://h/' } }",
        "url must be ws://", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://u:p@h/' } }",
        "must not hold a password", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://h/?access_token=x' } }",
        "url must not hold the token", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://h/', listen = '127.0.0.1:1' } }",
        "listen belongs to mode \"reverse\"", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'reverse' } }", "needs listen", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'reverse', listen = '0.0.0.0:80' } }",
        "can be reached from outside: set token_env", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'reverse', listen = '::1:80' } }",
        "listen must be", NULL);
    bad("gateways = { { name = 'a', type = 'playground' }, { name = 'a', type = 'playground' } }",
        "given twice", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'reverse', listen = '127.0.0.1:80' },\n"
        "{ name = 'b', type = 'onebot11', mode = 'reverse', listen = '127.0.0.1:80' } }",
        "sopd.lua:4: gateway a listens on 127.0.0.1:80 already", NULL);
    bad("gateways = { { name = 'a', type = 'playground', pace = 'off' } }",
        "cannot be switched off", NULL);
    bad("gateways = { { name = 'a', type = 'playground', pace = { account = { { burst = 1 } } } } }",
        "needs `per`", NULL);
    bad("gateways = { { name = 'a', type = 'playground', pace = { jitter = '140%' } } }",
        "jitter must be a share", NULL);
    bad("gateways = { { name = 'a', type = 'playground', pace = { late = { posts = {} } } } }",
        "kinds are answer, game", NULL);
    bad("gateways = { { name = 'a', type = 'playground', pace = { late = { dm = { policy = 'x' } } } } }",
        "policy is \"delay\", \"merge\" or \"drop\"", NULL);
    bad("gateways = { { name = 'a', type = 'playground', pace = { chat = { 1, 2, 3, 4, 5, 6, 7, 8, 9 } } } }",
        "needs 1 to 8 limits", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://h/', timing = { idel = '1s' } } }",
        "timing: unknown key 'idel'; did you mean 'idle'?", NULL);
    bad("gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://h/', timing = { idle = 'soon' } } }",
        "idle must be a duration", NULL);
    config_free(good(
        "gateways = { { name = 'a', type = 'onebot11', mode = 'reverse', listen = '[::1]:80' } }"));
    config_free(good(
        "gateways = { { name = 'a', type = 'onebot11', mode = 'reverse', listen = 'localhost:80' } }"));
}

#define FORWARD_WITH(keys) \
    "gateways = { { name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://h/', " keys " } }"

static void test_secrets(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x y", "a+b", "a&b", "a#b", "a%20b", "密码"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        setenv("TEST_TOKEN", wrong[i], 1);
        struct buf err = {0};
        assert_null(parse_flags(FORWARD_WITH("token_env = 'TEST_TOKEN'"), 0, &err));
        assert_non_null(strstr(buf_cstr(&err), "the token contains"));
        assert_null(strstr(err.data, wrong[i])); /* never printed */
        buf_free(&err);
    }
    unsetenv("TEST_TOKEN");
    bad(FORWARD_WITH("token_env = 'TEST_TOKEN'"), "the environment has no variable TEST_TOKEN",
        NULL);
    bad(FORWARD_WITH("token = 'a', token_env = 'TEST_TOKEN'"),
        "give only one of token, token_env and token_file", NULL);
    bad(FORWARD_WITH("token = ''"), "token must be a text that is not empty", NULL);
    bad(FORWARD_WITH("token_file = '/nowhere/x'"), "/nowhere/x cannot be read", NULL);
    bad("redis_password_env = 'X'", "but `redis` is not", NULL);
    struct buf err = {0};
    struct config *c =
        parse_flags(FORWARD_WITH("token_env = 'TEST_TOKEN'"), CONFIG_NO_SECRETS, &err);
    assert_non_null(c);
    config_free(c);
}

static void test_secret_files(void **state)
{
    (void)state;
    char keys[256], path[128];
    write_file("token", "T0ken-x\n", 0600);
    write_file("open", "T0ken-x\n", 0644);
    write_file("empty", "\n", 0600);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    struct config *c = good(FORWARD_WITH("token_file = 'token'"));
    assert_string_equal(c->gateways[0].conf.token, "T0ken-x");
    assert_int_equal(c->warnings.len, 0);
    config_free(c);
    c = good(FORWARD_WITH("token_file = 'open'"));
    assert_non_null(strstr(buf_cstr(&c->warnings), "everybody can read"));
    config_free(c);
    bad(FORWARD_WITH("token_file = 'empty'"), "holds no secret", NULL);
    unsetenv("CREDENTIALS_DIRECTORY");
    snprintf(path, sizeof path, "%s/token", folder);
    snprintf(keys, sizeof keys, FORWARD_WITH("token_file = '%s'"), path);
    config_free(good(keys));
}

static void test_breaker(void **state)
{
    (void)state;
    struct config *c = good(forward);
    assert_int_equal(c->breaker.repeat.count, 5);
    assert_int_equal(c->breaker.pause_ms, 600000);
    assert_int_equal(c->breaker.rounds_any, 30);
    config_free(c);
    struct buf b = {0};
    buf_addf(
        &b,
        "%s, breaker = { ['repeat'] = { count = 3, per = '1m' }, storm = false, pause = '2m',\n"
        "  pingpong = { rounds = 4, within = '1s' } }",
        forward);
    c = good(buf_cstr(&b));
    assert_int_equal(c->breaker.repeat.count, 3);
    assert_int_equal(c->breaker.repeat.per_ms, 60000);
    assert_int_equal(c->breaker.storm.count, 0);
    assert_int_equal(c->breaker.flood.count, 1000);
    assert_int_equal(c->breaker.pause_ms, 120000);
    assert_int_equal(c->breaker.rounds, 4);
    assert_int_equal(c->breaker.within_ms, 1000);
    assert_int_equal(c->breaker.ignore_ms, 600000);
    config_free(c);
    buf_free(&b);
    bad("breaker = { storms = { count = 1 } }", "storms", NULL);
    bad("breaker = { loop = { count = -1 } }", "count", NULL);
    bad("breaker = { loop = true }", "loop", NULL);
    bad("breaker = { pingpong = { rounds = 'x' } }", "rounds", NULL);
}

/* How the connection is made, and how much may wait. */
static void test_wire(void **state)
{
    (void)state;
    setenv("TEST_PROXY", "http://u:p@proxy.example:3128", 1);
    struct config *c = good(
        "queue = { chat = 10, total = 100, bytes = '8M', pause = '5s' },\n"
        "gateways = {\n"
        " { name = 'a', type = 'onebot11', mode = 'forward', url = 'wss://h/', proxy_env = 'TEST_PROXY',\n"
        "   compress = true, fragment = 0 },\n"
        " { name = 'b', type = 'onebot11', mode = 'forward', url = 'ws://h/', proxy = 'none',\n"
        "   compress = { context = true, window = 12 }, fragment = '64K' },\n"
        " { name = 'c', type = 'onebot11', mode = 'forward', url = 'ws://h2/' },\n"
        "}");
    assert_int_equal(c->queue_bytes, 8 << 20);
    assert_int_equal(c->queue_pause_ms, 5000);
    const struct gateway_conf *g[] = {&c->gateways[0].conf, &c->gateways[1].conf,
                                      &c->gateways[2].conf};
    assert_string_equal(g[0]->proxy, "http://u:p@proxy.example:3128");
    assert_true(g[0]->compress && !g[0]->compress_context && !g[0]->fragment);
    assert_string_equal(g[1]->proxy, "none");
    assert_true(g[1]->compress && g[1]->compress_context);
    assert_int_equal(g[1]->compress_window, 12);
    assert_int_equal(g[1]->fragment, 64 << 10);
    assert_null(g[2]->proxy);
    assert_false(g[2]->compress);
    assert_int_equal(g[2]->fragment, 1 << 20);
    config_free(c);
#define FORWARD "gateways = {{ name = 'a', type = 'onebot11', mode = 'forward', url = 'ws://h/', "
    bad(FORWARD "compress = 'yes' }}", "compress must be true", NULL);
    bad(FORWARD "compress = { window = 8 } }}", "window", NULL);
    bad(FORWARD "compress = { bits = 9 } }}", "bits", NULL);
    bad(FORWARD "fragment = 100 }}", "fragment", NULL);
    bad(FORWARD "proxy = 'socks5://h:1' }}", "proxy must be http://", NULL);
    bad(FORWARD "proxy_env = 'TEST_NO_SUCH_VARIABLE' }}", "TEST_NO_SUCH_VARIABLE", NULL);
    bad(FORWARD "tls_cert = '/etc/hostname' }}", "tls_cert and tls_key belong together", NULL);
    bad(FORWARD "tls_cert = '/etc/hostname', tls_key = '/etc/hostname' }}", "without wss://", NULL);
    bad("gateways = {{ name = 'a', type = 'onebot11', mode = 'reverse', listen = '127.0.0.1:1', "
        "proxy = 'http://h' }}",
        "belongs to mode \"forward\"", NULL);
    bad("queue = { bytes = '1K' }," FORWARD "}}", "bytes", NULL);
#undef FORWARD
}

static void test_all_problems_in_one_run(void **state)
{
    (void)state;
    bad("data_dir = 1,\nredis = 2,\nhttp = 3,\ngateways = {\n{ name = 'a', type = 'x' },\n{ nam = 'b' } },\nstaff = 4",
        "sopd.lua:3: data_dir", "sopd.lua:4: redis", "sopd.lua:5: http",
        "sopd.lua:7: unknown type 'x'", "sopd.lua:8: a gateway needs a name",
        "sopd.lua:9: staff must be a table", NULL);
}

/* ---- the sandbox ---- */

static void refused(const char *source, const char *needle)
{
    struct buf err = {0};
    struct conf_value *v = conf_eval(source, strlen(source), "f.lua", &err);
    assert_null(v);
    if (!strstr(buf_cstr(&err), needle))
        fail_msg("'%s' is not in: %s", needle, err.data);
    assert_memory_equal(err.data, "f.lua:", 6);
    buf_free(&err);
}

static void test_sandbox(void **state)
{
    (void)state;
    refused("return {", "f.lua:1:");
    refused("x = = 1", "f.lua:1:");
    refused("return 5", "must return a table");
    refused("\n\nreturn { token = os.getenv('X') }", "f.lua:3: 'os' is not available here");
    refused("return { a = io }", "'io' is not available");
    refused("return { a = abc }", "unknown name 'abc'");
    refused("return { a = require('x') }", "unknown name 'require'");
    refused("return { a = load('return 1') }", "unknown name 'load'");
    refused("return { a = function() end }", "f.lua:1: a value must be");
    refused("while true do end", "runs too long");
    refused("local function f() return 1 + f() end return { a = f() }", "");
    refused("local t = {} while true do t[#t + 1] = {} end", "");
    refused("return { a = ('x'):rep(1 << 40) }", "too long");
    refused("return { a = (''):rep(1 << 40) }", "too long");
    refused("local s = 'x' while true do s = s .. s end", "too much memory");
    refused("local t = {} t.t = t return t", "nested too deeply");
    refused("error('my words')", "my words");
    refused("error({})", "error without a text");
    refused("return { [1.5] = 1 }", "a key must be");
    refused("\x1bLua", "f.lua:1:");
    refused("return { a = ('x'):gsub('x', 'y') }", "gsub");
}

static void test_lines(void **state)
{
    (void)state;
    static const char source[] = "-- a comment { not = 1 }\n"
                                 "local base = { x = 1 } --[[ long\n comment ]]\n"
                                 "return {\n"
                                 "  first = 'a { b', second =\n    [==[ long ]] \n text ]==],\n"
                                 "  third = { 1,\n    2, { deep = true },\n },\n"
                                 "  ['fourth key'] = math.max(1, 2); fifth = base.x,\n"
                                 "}\n";
    struct buf err = {0};
    struct conf_value *v = conf_eval(source, strlen(source), "f.lua", &err);
    assert_non_null(v);
    assert_int_equal(conf_get(v, "first")->line, 5);
    assert_int_equal(conf_get(v, "second")->line, 5);
    assert_int_equal(conf_get(v, "third")->line, 8);
    assert_int_equal(conf_get(v, "third")->entries[1].value.line, 9);
    assert_int_equal(conf_get(&conf_get(v, "third")->entries[2].value, "deep")->line, 9);
    assert_int_equal(conf_get(v, "fourth key")->line, 11);
    assert_int_equal(conf_get(v, "fifth")->line, 11);
    conf_free(v);
}

static void test_lines_of_computed_tables(void **state)
{
    (void)state;
    static const char source[] = "local t = {}\n\nt.alpha = 1\nt.beta = 'x'\nreturn t\n";
    struct buf err = {0};
    struct conf_value *v = conf_eval(source, strlen(source), "f.lua", &err);
    assert_non_null(v);
    assert_int_equal(conf_get(v, "alpha")->line, 3);
    assert_int_equal(conf_get(v, "beta")->line, 4);
    conf_free(v);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const known[] = {"url", "token", "token_env", "listen", NULL};
    assert_string_equal(conf_nearest("tokne", known), "token");
    assert_string_equal(conf_nearest("ulr", known), "url");
    assert_string_equal(conf_nearest("listne", known), "listen");
    assert_null(conf_nearest("persona", known));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_gateways),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_secret_files),
        cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_all_problems_in_one_run),
        cmocka_unit_test(test_sandbox),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_of_computed_tables),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
