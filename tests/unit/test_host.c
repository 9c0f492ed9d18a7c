/* test_host.c -- the Lua host: handlers run and end in every way, the fences hold, waits are kept apart. */
#include "fake_turn.h"

static int setup(void **state)
{
    (void)state;
    fake_host_start(8 << 20, 2000000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_host_stop();
    return 0;
}

static void test_ping(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f =
        fake_load("{}", "flow:on('message', function(c) local n = c.text:match('^ping (%d+)$') "
                        "if n then c.member.n = tonumber(n) c:say('pong ' .. n) end end)");
    fake_turn_init(&t, f);
    for (int i = 0; i < 3000; i++) {
        fake_message(&t, "ping 42");
        fake_run(f, 0, &t, &out);
        assert_int_equal(out.status, HOST_DONE);
        assert_string_equal(buf_cstr(&t.sent), "pong 42\n");
        assert_int_equal(t.nwrites, 1);
        assert_string_equal(t.writes[0].argv[0], "HSET");
        assert_string_equal(t.writes[0].argv[1], "sopd:{qq1}:m:t:700000001:3300000001");
        assert_string_equal(t.writes[0].argv[3], "42");
        fake_drop_writes(&t, 0);
        buf_reset(&t.sent);
        t.nsent = 0;
        if (i % 1000 == 0)
            host_idle(fake_host);
    }
    assert_int_equal(t.reads, 0); /* a blind write reads nothing */
    assert_true(flow_memory(f) < 1 << 20);
    fake_turn_end(&t);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

static void test_results(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool stop, pass;
    } cases[] = {{"return true", true, false},
                 {"return false", false, true},
                 {"return nil", false, false},
                 {"return 'x'", false, false},
                 {"", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct turn t;
        struct host_outcome out;
        struct flow *f = fake_script("{}", cases[i].body, &t, &out);
        assert_int_equal(out.status, HOST_DONE);
        assert_int_equal(out.stop, cases[i].stop);
        assert_int_equal(out.pass, cases[i].pass);
        fake_turn_end(&t);
        flow_release(f);
    }
}

static void test_errors(void **state)
{
    (void)state;
    fake_fails("local nothing\nreturn nothing.field", FAILURE_ERROR,
               "flows/t.lua:4: attempt to index a nil value");
    fake_fails("local function f() error('deep') end\nf()", FAILURE_ERROR, "at flows/t.lua:3 in f");
    fake_fails("error({code=7})", FAILURE_ERROR, "(error object is a table value)");
    fake_fails("error()", FAILURE_ERROR, "(error object is a nil value)");
    fake_fails("error(setmetatable({}, {__tostring=function() error('again') end}))", FAILURE_ERROR,
               "error object");
    fake_fails("error(setmetatable({}, {__tostring=function() return 'mine' end}))", FAILURE_ERROR,
               "mine");
    fake_fails("error(setmetatable({}, {__tostring=function() while true do end end}))",
               FAILURE_ERROR, "error object");
    fake_fails("c:sya('x')", FAILURE_ERROR,
               "flows/t.lua:3: c.sya does not exist; did you mean \"say\"?");
    fake_fails("local x = c.usr", FAILURE_ERROR, "did you mean \"user\"");
    fake_fails("sop.imge('x')", FAILURE_ERROR, "sop.imge does not exist; did you mean \"image\"?");
    fake_fails("c.say('x')", FAILURE_ERROR, "with a colon");
    fake_fails("c.user = 5", FAILURE_ERROR, "c.user cannot be set");
    fake_fails("c:board('x'):sett('a', 1)", FAILURE_ERROR,
               "a board has no sett; did you mean \"set\"?");
    fake_fails("total = 5", FAILURE_ERROR, "\"total\" would be a global variable");
    fake_fails("return nme", FAILURE_ERROR, "the name \"nme\" is not known here");
    fake_fails("c:say('x', {}, {polcy='drop'})", FAILURE_ERROR,
               "c:say: there is no option \"polcy\"; did you mean \"policy\"?");
    fake_fails("c:timer('x', {after='1m'})", FAILURE_ERROR, "no flow:timer(\"x\")");
    fake_fails("require('lib.x')", FAILURE_ERROR, "only at the top of a file");
    fake_fails("sop.flow('x')", FAILURE_ERROR, "not inside a handler");
    fake_fails("coroutine.yield(1)", FAILURE_ERROR, "coroutine.yield can only be used inside");
    fake_fails("for i = 1, 30 do c:say('flood') end", FAILURE_ERROR, "20 messages in one turn");
    fake_fails("for i = 1, 3000 do c:board('b'):set('u' .. i, i) end", FAILURE_ERROR,
               "one turn may write at most");
}

static void test_budget(void **state)
{
    (void)state;
    fake_fails("while true do end", FAILURE_BUDGET,
               "flows/t.lua:3: the script used up its instruction budget");
    fake_fails("while true do pcall(function() while true do end end) end", FAILURE_BUDGET,
               "instruction budget");
    fake_fails("while true do pcall(error, 'x') end", FAILURE_BUDGET, "instruction budget");
    fake_fails("while true do xpcall(error, function() while true do end end) end", FAILURE_BUDGET,
               "instruction budget");
    fake_fails(
        "while true do local co = coroutine.wrap(function() while true do end end) pcall(co) end",
        FAILURE_BUDGET, "budget");
    fake_fails("while true do coroutine.wrap(function() end)() end", FAILURE_BUDGET, "budget");
    fake_fails(
        "local t <close> = setmetatable({}, {__close=function() while true do end end}) while true do end",
        FAILURE_BUDGET, "budget");
    fake_fails(
        "coroutine.wrap(function() local t <close> = setmetatable({}, {__close=function() while true do end end}) "
        "while true do end end)()",
        FAILURE_BUDGET, "budget");
    fake_fails("table.move({}, 1, 1e12, 2, {})", FAILURE_BUDGET, "budget");
    fake_fails("table.sort(setmetatable({}, {__len=function() return 1e8 end}), rawequal)",
               FAILURE_BUDGET, "budget");
    fake_fails("table.insert(setmetatable({}, {__len=function() return 1e9 end}), 1, 0)",
               FAILURE_BUDGET, "budget");
    fake_fails("table.concat(setmetatable({}, {__index={}, __len=function() return 1e9 end}))",
               FAILURE_BUDGET, "budget");
    fake_fails("local s = ('a'):rep(5000) for i = 1, 1e9 do s:find('b') end", FAILURE_BUDGET,
               "budget");
    fake_fails("local s = ('x'):rep(1 << 20) while true do local t = s:upper() end", FAILURE_BUDGET,
               "budget");
    fake_fails("local s = ('x'):rep(1 << 20) while true do local n = utf8.len(s) end",
               FAILURE_BUDGET, "budget");
    fake_fails(
        "local a, b = ('x'):rep(1 << 20), ('x'):rep(1 << 20) while true do local e = a == b end",
        FAILURE_BUDGET, "budget");
    fake_ok("local s = (''):rep(1e15) assert(s == '')");
    fake_ok("for i = 1, 100000 do end"); /* a state that was over budget does not stay so */
}

static void test_memory(void **state)
{
    (void)state;
    fake_fails("local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end", FAILURE_MEMORY,
               "memory");
    fake_fails("local s = ('x'):rep(1 << 30)", FAILURE_ERROR, "larger than the memory of a flow");
    fake_fails("local s = 'x' while true do s = s .. s end", FAILURE_MEMORY, "memory");
    fake_fails("local function down(n) return 1 + down(n + 1) end down(1)", FAILURE_MEMORY, "");
    fake_ok(
        "local f f = function() return pcall(f) end f()"); /* the C stack overflows deep inside and is caught there */
    fake_ok(
        "local ok, why = pcall(string.rep, 'x', 1 << 30) assert(not ok and why:find('memory'))");
}

/* Memory runs out at every possible place, while loading and in handlers: always a message, never a crash or a leak. */
static void test_memory_sweep(void **state)
{
    (void)state;
    static const char *folders[2];
    static struct turn t;
    struct flow *f = fake_load(
        "{params={a={'text', default={'x {n}', 'y {n}'}}, t={'table', default={1, {b=2}}}}}",
        "flow:on('message', function(c) c.member.t = {a={1, 2, 'x'}} c:say(c.params.a, {n=c.text}) c:board('b'):set('u', 1) "
        "local x = c.group.y or {} x[1] = c.text:gsub('l', 'L') c.group.y = x sop.match('a(b)', 'ab') c:timer('z', {after=1}) "
        "c:emit('e', {a=c.params.t}) local k = {} for i = 1, 300 do k[i] = ('%d'):format(i) end end)\nflow:timer('z', print)");
    flow_release(f);
    folders[0] = fake_sop;
    int loaded = 0, done = 0, failed = 0;
    for (size_t cap = 4000; cap < 420000; cap += 1999) {
        struct host_opts opts = {.sop = folders, .on_ready = fake_on_ready, .memory_max = cap};
        struct host *h = host_create(&opts);
        struct buf err = {0};
        f = host_load(h, "t", &err);
        assert_true(f ? err.len == 0 : err.len > 0);
        for (int i = 0; f && i < 3; i++) {
            struct host_outcome out;
            fake_turn_init(&t, f);
            fake_message(&t, "hello");
            host_start(f, 0, &t, &t.binding, &fake_how, &out);
            if (out.status == HOST_WAITING) {
                redisReply r = {.type = REDIS_REPLY_ARRAY};
                redis_fn fn = t.fn;
                t.fn = NULL;
                fn(t.fn_ud, &r);
                host_resume(&t, &out);
            }
            done += out.status == HOST_DONE;
            failed += out.status == HOST_FAILED;
            host_idle(h);
            fake_turn_end(&t);
        }
        loaded += f != NULL;
        flow_release(f);
        assert_int_equal(host_coroutines(h), 0);
        host_destroy(h);
        buf_free(&err);
    }
    assert_true(loaded > 10 && done > 30 && failed > 0);
}

static void test_patterns_hold(void **state)
{
    (void)state;
    fake_fails("return ('a'):rep(400):find('a-a-a-a-a-b')", FAILURE_ERROR, "use sop.match");
    fake_fails("return ('a'):rep(100000):find('a*a*a*a*a*a*b')", FAILURE_ERROR,
               "steps on a text of 100000 bytes");
    fake_fails("return sop.match('(a+)+$', ('a'):rep(5000) .. 'b')", FAILURE_ERROR,
               "too many steps");
    fake_fails("return sop.match('(a', 'x')", FAILURE_ERROR, "is wrong at byte");
    fake_fails("return ('x'):rep(100):gsub('%', '')", FAILURE_ERROR, "malformed pattern");
    fake_ok(
        "local text = ('word '):rep(3000) local n = select(2, text:gsub('%S+', '')) assert(n == 3000)");
    fake_ok("local text = ('w'):rep(20000) .. ' 12' assert(text:match('^(%S+)%s+(%d+)$'))");
}

static void test_waits_refused(void **state)
{
    (void)state;
    fake_fails("table.sort({3, 1, 2}, function(a, b) return c.member.x end)", FAILURE_ERROR,
               "cannot do so inside table.sort");
    fake_fails("('abc'):gsub('.', function() return c.member.x end)", FAILURE_ERROR,
               "inside table.sort, string.gsub");
    fake_fails(
        "table.sort({3, 1, 2}, function() coroutine.wrap(function() return c.member.x end)() end)",
        FAILURE_ERROR, "cannot do so inside table.sort");
    fake_fails(
        "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = "
        "function() return c.member.x end}) coroutine.yield() end) coroutine.resume(co) "
        "assert(coroutine.close(co))",
        FAILURE_ERROR, "the closing of a coroutine");
}

static struct flow *begin_wait(struct turn *t, struct host_outcome *out)
{
    struct flow *f = fake_load(
        "{}", "flow:on('message', function(c) c:say('x') local v = c.member.x or pcall(function() "
              "return c.group.y end) c:say('y') end)");
    fake_turn_init(t, f);
    fake_message(t, "hi");
    host_start(f, 0, t, &t->binding, &fake_how, out);
    assert_int_equal(out->status, HOST_WAITING);
    assert_int_equal(host_coroutines(fake_host), 1);
    return f;
}

static void test_store_lost(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = begin_wait(&t, &out);
    assert_true(fake_answer(&t)); /* no Redis: NULL */
    host_resume(&t, &out);
    assert_int_equal(out.status, HOST_FAILED);
    assert_int_equal(out.failure, FAILURE_STORE);
    assert_null(turn_handler(&t));
    fake_turn_end(&t);
    flow_release(f);
    f = fake_load(
        "{}",
        "flow:on('message', function(c) while true do pcall(function() return c.group.y end) end end)");
    fake_turn_init(&t, f);
    t.store_down = true;
    host_start(f, 0, &t, &t.binding, &fake_how, &out);
    if (out.failure != FAILURE_STORE)
        fail_msg("%d %s", out.failure, out.error);
    fake_turn_end(&t);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

/* A handler that reads without end is stopped, although each resume has a budget of its own. */
static void test_endless_reads(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}",
        "flow:on('message', function(c) local h, i = c:hash('h'), 0 while true do i = i + 1 local x = h['f' .. i] end end)\n"
        "flow:on('message', function(c) local h, i = c:hash('h'), 0 while true do i = i + 1 local x = h['f' .. i] "
        "for k = 1, 50000 do end end end)");
    for (int i = 0; i < 2; i++) {
        fake_turn_init(&t, f);
        fake_message(&t, "x");
        host_start(f, i, &t, &t.binding, &fake_how, &out);
        int reads = 0;
        while (out.status == HOST_WAITING) {
            redisReply nil = {.type = REDIS_REPLY_NIL};
            redis_fn fn = t.fn;
            t.fn = NULL;
            fn(t.fn_ud, &nil);
            host_resume(&t, &out);
            reads++;
        }
        assert_int_equal(out.status, HOST_FAILED);
        assert_in_range(reads, 50, 2000);
        assert_non_null(strstr(out.error, i ? "instruction budget" : "more than 2000 reads"));
        fake_turn_end(&t);
    }
    flow_release(f);
}

/* A stopped handler is not woken by its late answer, nor is the next one that uses the same coroutine. */
static void test_stop(void **state)
{
    (void)state;
    static struct turn t, other;
    struct host_outcome out;
    struct flow *f = begin_wait(&t, &out);
    redis_fn late = t.fn;
    void *late_ud = t.fn_ud;
    t.fn = NULL;
    host_stop(&t);
    host_stop(&t);
    assert_int_equal(host_coroutines(fake_host), 0);
    fake_turn_init(&other, f);
    fake_message(&other, "hi");
    host_start(f, 0, &other, &other.binding, &fake_how, &out);
    assert_int_equal(out.status, HOST_WAITING);
    redisReply empty = {.type = REDIS_REPLY_ARRAY};
    late(late_ud, &empty);
    assert_false(t.ready);
    assert_false(other.ready);
    host_resume(&other, &out);
    assert_int_equal(out.status, HOST_WAITING);
    host_stop(&other);
    other.fn = NULL;
    fake_turn_end(&t);
    fake_turn_end(&other);
    flow_release(f);
}

/* A coroutine that the budget ended keeps a <close> variable: closing it later must not run it without the hook. */
static void test_ended_coroutine(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}",
        "local co flow:on('message', function(c) if co then return coroutine.close(co) end\n"
        "co = coroutine.create(function() local t <close> = setmetatable({}, {__close=function() "
        "while true do end end}) while true do end end) coroutine.resume(co) end)");
    fake_turn_init(&t, f);
    fake_message(&t, "x");
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.failure, FAILURE_BUDGET);
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.failure, FAILURE_ERROR);
    assert_non_null(strstr(out.error, "cannot close"));
    fake_turn_end(&t);
    flow_release(f);
}

/* Many turns of one flow wait at once and end in another order. */
static void test_interleaved(void **state)
{
    (void)state;
    enum { N = 40 };
    static struct turn turns[N];
    struct host_outcome out;
    struct flow *f =
        fake_load("{}", "flow:on('message', function(c) c.member.seen = (c.member.seen or 0) + 1 "
                        "c:say(c.text .. c.member.seen) end)");
    for (int i = 0; i < N; i++) {
        char text[20];
        snprintf(text, sizeof text, "m%d-", i);
        fake_turn_init(&turns[i], f);
        fake_message(&turns[i], text);
        host_start(f, 0, &turns[i], &turns[i].binding, &fake_how, &out);
        assert_int_equal(out.status, HOST_WAITING);
    }
    assert_int_equal(host_coroutines(fake_host), N);
    for (int i = N - 1; i >= 0; i--) {
        char number[20], expected[32];
        snprintf(number, sizeof number, "%d", i);
        redisReply field = {.type = REDIS_REPLY_STRING, .str = (char *)"seen", .len = 4};
        redisReply value = {.type = REDIS_REPLY_STRING, .str = number, .len = strlen(number)};
        redisReply *both[] = {&field, &value};
        redisReply r = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = both};
        redis_fn fn = turns[i].fn;
        turns[i].fn = NULL;
        fn(turns[i].fn_ud, &r);
        assert_true(turns[i].ready);
        host_resume(&turns[i], &out);
        assert_int_equal(out.status, HOST_DONE);
        snprintf(expected, sizeof expected, "m%d-%d\n", i, i + 1);
        assert_string_equal(buf_cstr(&turns[i].sent), expected);
        fake_turn_end(&turns[i]);
    }
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

/* A reply that does not fit into the flow's memory ends the handler, not the daemon. */
static void test_large_reply(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = begin_wait(&t, &out);
    enum { N = 40 };
    static redisReply items[N];
    static redisReply *list[N];
    char *big = mem_zero(1 << 20);
    for (int i = 0; i < N; i++) {
        items[i] =
            (redisReply){.type = REDIS_REPLY_STRING, .str = big, .len = (1 << 20) - (size_t)i};
        list[i] = &items[i];
    }
    redisReply r = {.type = REDIS_REPLY_ARRAY, .elements = N, .element = list};
    redis_fn fn = t.fn;
    t.fn = NULL;
    fn(t.fn_ud, &r);
    host_resume(&t, &out);
    assert_int_equal(out.status, HOST_FAILED);
    assert_int_equal(out.failure, FAILURE_MEMORY);
    free(big);
    fake_turn_end(&t);
    flow_release(f);
}

static void test_redis_error(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = begin_wait(&t, &out);
    redisReply r = {.type = REDIS_REPLY_ERROR, .str = (char *)"WRONGTYPE no", .len = 12};
    redis_fn fn = t.fn;
    t.fn = NULL;
    fn(t.fn_ud, &r);
    host_resume(&t, &out);
    assert_int_equal(out.failure, FAILURE_ERROR);
    assert_non_null(strstr(out.error, "flows/t.lua:2: Redis refused a read: WRONGTYPE no"));
    fake_turn_end(&t);
    flow_release(f);
}

/* A context or a proxy kept in an upvalue is refused in the next turn. */
static void test_stale(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}",
        "local old, member, board\nflow:on('message', function(c) if not old then old, member, board = c, c.member, c:board('b') "
        "member.x = 1 return end\nif c.text == '1' then old:say('x') elseif c.text == '2' then "
        "member.x = 2 else board:set('a', 1) end end)");
    static const char *const texts[] = {"0", "1", "2", "3"};
    static const char *const expected[] = {NULL, "belongs to a handler that is over",
                                           "c.member belongs to a handler that is over",
                                           "this board belongs to a handler that is over"};
    for (int i = 0; i < 4; i++) {
        fake_turn_init(&t, f);
        fake_message(&t, texts[i]);
        fake_run(f, 0, &t, &out);
        assert_int_equal(out.status, expected[i] ? HOST_FAILED : HOST_DONE);
        if (expected[i])
            assert_non_null(strstr(out.error, expected[i]));
        fake_turn_end(&t);
    }
    flow_release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ping),          cmocka_unit_test(test_results),
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_memory_sweep),
        cmocka_unit_test(test_patterns_hold), cmocka_unit_test(test_waits_refused),
        cmocka_unit_test(test_store_lost),    cmocka_unit_test(test_endless_reads),
        cmocka_unit_test(test_stop),          cmocka_unit_test(test_ended_coroutine),
        cmocka_unit_test(test_interleaved),   cmocka_unit_test(test_large_reply),
        cmocka_unit_test(test_redis_error),   cmocka_unit_test(test_stale),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
