/* test_host_runs.c -- handlers that wait: recorded, parked, woken, dropped and brought back from their journal, with the same
 * writes and messages as if nothing had happened; and journals that do not fit. */
#include "fake_turn.h"

#include "base/clock.h"

static int setup(void **state)
{
    (void)state;
    fake_redis_start();
    fake_host_start(8 << 20, 2000000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_host_stop();
    fake_redis_stop();
    return 0;
}

/* One run through all its waits: what it wrote and sent, and its journal. */
struct story {
    struct buf did, journal, wait, error;
    enum host_status status;
    enum host_failure failure;
    struct buf again;
    int parks;
};

static void story_free(struct story *s)
{
    buf_free(&s->did);
    buf_free(&s->journal);
    buf_free(&s->wait);
    buf_free(&s->error);
    buf_free(&s->again);
}

/* Moves what the turn did into the story. */
static void story_take(struct story *s, struct turn *t)
{
    for (int i = 0; i < t->nwrites; i++) {
        for (int j = 0; j < t->writes[i].argc; j++) {
            buf_add(&s->did, t->writes[i].argv[j], t->writes[i].len[j]);
            buf_addc(&s->did, ' ');
            for (size_t k = 0; k < s->did.len; k++)
                if (!s->did.data[k])
                    s->did.data[k] = '0';
        }
        buf_addc(&s->did, '\n');
    }
    buf_add(&s->did, t->sent.data, t->sent.len);
    buf_add(&s->did, t->acts.data, t->acts.len);
    buf_adds(&s->did, "--\n");
    buf_reset(&t->sent);
    buf_reset(&t->acts);
    t->nsent = 0;
    fake_commit(t);
}

static void story_outcome(struct story *s, struct turn *t, const struct host_outcome *out)
{
    s->status = out->status;
    s->failure = out->failure;
    if (out->status == HOST_FAILED) {
        buf_adds(&s->error, out->error);
        fake_drop_writes(t, 0);
    }
    if (out->again)
        buf_adds(&s->again, out->again);
    if (out->status == HOST_PARKED) {
        s->parks++;
        buf_add(&s->journal, out->journal, out->journal_len);
        buf_reset(&s->wait);
        buf_adds(&s->wait, out->wait);
    }
    story_take(s, t);
}

static struct coro *story_replay(struct flow *f, struct turn *t, struct story *s)
{
    struct host_outcome out;
    struct host_how how = {
        .seed = 7, .record = true, .journal = buf_cstr(&s->journal), .journal_len = s->journal.len};
    int64_t time_ms = t->time_ms, now_ms = t->now_ms;
    t->time_ms = t->now_ms = 1795320000123; /* the engine gives those of the start */
    int reads = t->reads;
    host_start(f, 0, t, &t->binding, &how, &out);
    t->time_ms = time_ms;
    t->now_ms = now_ms;
    if (out.status != HOST_PARKED)
        fail_msg("the replay failed: %s\n%s", out.error ? out.error : "?", buf_cstr(&s->journal));
    assert_string_equal(out.wait, buf_cstr(&s->wait));
    assert_int_equal(out.journal_len, 0);
    assert_int_equal(t->nwrites, 0);
    assert_int_equal(t->nsent, 0);
    assert_int_equal(t->acts.len, 0);
    assert_int_equal(t->reads, reads);
    return out.parked;
}

/* Tells the run through; `with` are the results of its waits, NULL ends. drop: it is brought back before every wake. */
static void story_tell(const char *script, const char *const *with, bool drop, struct story *s)
{
    static struct turn t;
    struct host_outcome out;
    freeReplyObject(redisCommand(fake_redis, "FLUSHALL"));
    memset(s, 0, sizeof *s);
    struct buf body = {0};
    buf_addf(&body, "flow:on('message', function(c, args)\n%s\nend)\n", script);
    struct flow *f = fake_load(
        "{ params = { text = { 'text', default = 'hello {name}' }, n = { 'integer', default = 3 } } }",
        buf_cstr(&body));
    buf_free(&body);
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    t.record = true;
    fake_run(f, 0, &t, &out);
    story_outcome(s, &t, &out);
    for (int i = 0; s->status == HOST_PARKED && with[i]; i++) {
        struct coro *parked = out.parked;
        struct buf wake = {0};
        t.now_ms += 60000;
        t.time_ms += 59000;
        buf_addf(&wake, "{\"now\":%lld,\"time\":%lld,\"with\":%s}", (long long)t.now_ms,
                 (long long)t.time_ms, with[i]);
        if (drop) {
            host_drop(parked);
            assert_int_equal(host_coroutines(fake_host), 0);
            parked = story_replay(f, &t, s);
        }
        t.mark = 0;
        host_wake(parked, &t, &t.binding, buf_cstr(&wake), &out);
        fake_finish(&t, &out);
        story_outcome(s, &t, &out);
        buf_free(&wake);
    }
    if (s->status == HOST_PARKED)
        host_drop(out.parked);
    assert_int_equal(host_coroutines(fake_host), 0);
    fake_turn_end(&t);
    flow_release(f);
}

/* Live and with a replay before every wake: all must be the same. Returns what it did. */
static void story_same(const char *script, const char *const *with, enum host_status status,
                       struct story *live)
{
    struct story replayed;
    story_tell(script, with, false, live);
    if (live->status != status)
        fail_msg("status %d: %s\n--- in ---\n%s", live->status, buf_cstr(&live->error), script);
    story_tell(script, with, true, &replayed);
    assert_int_equal(replayed.status, status);
    assert_string_equal(buf_cstr(&live->did), buf_cstr(&replayed.did));
    assert_string_equal(buf_cstr(&live->journal), buf_cstr(&replayed.journal));
    assert_string_equal(buf_cstr(&live->error), buf_cstr(&replayed.error));
    assert_string_equal(buf_cstr(&live->again), buf_cstr(&replayed.again));
    assert_int_equal(live->parks, replayed.parks);
    story_free(&replayed);
}

#define ANSWER \
    "{\"event\":{\"type\":\"message\",\"user\":\"3300000001\",\"text\":\"yes\",\"id\":\"m2\"}}"
static const char *const answers[] = {ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, NULL};

static void same(const char *script, const char *expected)
{
    struct story s;
    story_same(script, answers, HOST_DONE, &s);
    if (!strstr(buf_cstr(&s.did), expected))
        fail_msg("expected \"%s\" in\n%s\n--- in ---\n%s", expected, buf_cstr(&s.did), script);
    story_free(&s);
}

/* ---- tests ---- */

static void test_lazy_recording(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}", "flow:on('message', function(c) c:say('a') c:ask() c:say('b') end)\n"
              "flow:on('message', function(c) c:say('c') end)\nflow:run('r', function(c) end)");
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    assert_false(host_records(f, 0));
    assert_true(host_records(f, 2));
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.status, HOST_FAILED);
    assert_int_equal(out.failure, FAILURE_RECORD);
    assert_true(host_records(f, 0));
    assert_false(host_records(f, 1));
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.status, HOST_PARKED);
    assert_non_null(strstr(out.wait, "\"kind\":\"ask\""));
    assert_null(turn_handler(&t));
    struct coro *parked = out.parked;
    fake_run(f, 1, &t, &out); /* the parked one holds no turn */
    assert_int_equal(out.status, HOST_DONE);
    host_wake(parked, &t, &t.binding, "{\"now\":5,\"time\":6,\"with\":{\"timeout\":true}}", &out);
    assert_int_equal(out.status, HOST_DONE);
    assert_string_equal(buf_cstr(&t.sent), "a\na\nc\nb\n");
    fake_run(f, 0, &t, &out);
    host_drop(out.parked);
    assert_int_equal(host_coroutines(fake_host), 0);
    fake_turn_end(&t);
    flow_release(f);
}

static void test_ask(void **state)
{
    (void)state;
    same("c.member.n = 1 c:say('how many?') local a = c:ask{ timeout = '10m' } "
         "c.member.n = c.member.n + 1 c:say('got ' .. a.text .. ' ' .. c.member.n)",
         "got yes 2");
    same(
        "for i = 1, 4 do c.group.rounds = (c.group.rounds or 0) + 1 c:ask() c:board('b'):add(c.user, i) end "
        "c:say(tostring(c.group.rounds))",
        "4");
    same("local n = c:random(1000) c:sleep('1h') c:say(n .. c.role .. #c:members())", "995member2");
    struct story s;
    story_tell(
        "local secret = c:secret(4) c.profile.x = secret c:sleep('1h') local same = c.profile.x == secret "
        "c:sleep('1h') c:say(tostring(same) .. c.role .. #c:members())",
        answers, true, &s);
    assert_non_null(strstr(buf_cstr(&s.did), "truemember2"));
    story_free(&s);
}

static void test_everywhere(void **state)
{
    (void)state;
    same("local ok, a = pcall(function() return c:ask() end) c:say(tostring(ok) .. a.text)",
         "trueyes");
    same("local ok, why = pcall(function() c:ask() error('no', 0) end) c:say(why) c:ask()", "no");
    same(
        "local ok, a = xpcall(function() return c:ask() end, tostring) c:say(tostring(ok) .. a.text)",
        "trueyes");
    same(
        "local t = setmetatable({}, {__index = function(_, k) return k .. c:ask().text end}) c:say(t.hi)",
        "hiyes");
    same(
        "local t = setmetatable({}, {__add = function(a, b) return c:ask().text .. b end}) c:say(t + 5)",
        "yes5");
    same(
        "local n = 0 for a in function() n = n + 1 if n < 4 then return c:ask().text end end do c:say(a .. n) "
        "end",
        "yes3");
    same("local t = setmetatable({}, {__pairs = function() c:ask() return next, {a = 1}, nil end}) "
         "for k, v in pairs(t) do c:say(k .. v) end",
         "a1");
    same(
        "local t = setmetatable({}, {__call = function(self, x) return c:ask().text .. x end}) c:say(t('z'))",
        "yesz");
}

static void test_own_coroutines(void **state)
{
    (void)state;
    same(
        "for text, n in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(c:ask().text, i) end end) do "
        "c:say(text .. n) end",
        "yes3");
    same(
        "local co = coroutine.create(function(x) local y = coroutine.yield(x .. c:ask().text) return y .. "
        "c:ask().text end) local ok, a = coroutine.resume(co, 'a') c:say(a) ok, a = coroutine.resume(co, 'b') "
        "c:say(a) c:say(coroutine.status(co))",
        "byes\ndead");
    same(
        "local function inner() return coroutine.wrap(function() c.member.a = 1 c:ask() return c.member.a end)() end "
        "local outer = coroutine.wrap(function() coroutine.yield(inner()) coroutine.yield(inner() + 1) end) "
        "c:say(outer() .. outer())",
        "12");
    same("local co = coroutine.create(function() c:ask() error('broken', 0) end) "
         "local ok, why = coroutine.resume(co) c:say(tostring(ok) .. why)",
         "falsebroken");
    same(
        "local ok, why = pcall(coroutine.wrap(function() local x = c.member.q c:ask() error('broken', 0) end)) "
        "c:say(why)",
        "broken");
}

/* A coroutine whose handler came to nothing while it waited is nobody else's. */
static void test_abandoned_coroutine(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}",
        "local co flow:on('message', function(c) co = coroutine.create(function() c:say('a') c:ask() "
        "c:say('b') end) coroutine.resume(co) end)\nflow:on('message', function(c) "
        "c:say(tostring(select(2, coroutine.resume(co))) .. tostring(pcall(coroutine.close, co))) end)");
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.failure, FAILURE_RECORD); /* coroutine.resume does not swallow it */
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.status, HOST_PARKED);
    host_drop(out.parked);
    fake_run(f, 1, &t, &out);
    assert_int_equal(out.status, HOST_DONE);
    assert_string_equal(buf_cstr(&t.sent),
                        "a\na\ncannot resume a coroutine that waits for an answerfalse\n");
    fake_turn_end(&t);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

static void test_refused_waits(void **state)
{
    (void)state;
    struct story s;
    story_tell("table.sort({3, 1, 2}, function(a, b) c:ask() return a < b end)", answers, false,
               &s);
    assert_int_equal(s.status, HOST_FAILED);
    assert_non_null(strstr(buf_cstr(&s.error), "cannot do so inside table.sort"));
    story_free(&s);
    same(
        "local ok, why = pcall(string.gsub, 'a', 'a', function() c:ask() end) c:say(tostring(ok)) c:ask()",
        "false");
}

static void test_time_and_chance(void **state)
{
    (void)state;
    struct story s;
    story_same(
        "local function now() return table.concat({os.time(), os.date('%H:%M:%S'), c:now(), c:today(), "
        "math.random(1000000), c:random(), c:pick({1,2,3,4,5,6,7,8})}, ' ') end "
        "c:say(now()) c:ask() c:say(now()) c:sleep('1h') c:say(now())",
        answers, HOST_DONE, &s);
    assert_non_null(strstr(buf_cstr(&s.did), "1795320000 12:00:00 1795320000"));
    assert_non_null(strstr(buf_cstr(&s.did), "1795320059 12:00:59"));
    assert_non_null(strstr(buf_cstr(&s.did), "1795320118 12:01:58"));
    story_free(&s);
}

static void test_results_round_trip(void **state)
{
    (void)state;
    freeReplyObject(redisCommand(fake_redis, "FLUSHALL"));
    /* bytes that are no text come from Redis and go back to it */
    same(
        "local b = c:hash('h') c:set('s'):add('\\255\\0\\n\"\\\\x') for _, m in ipairs(c:set('s'):all()) do "
        "b[tostring(#m)] = m end c:ask() for _, m in ipairs(c:set('s'):all()) do b.again = m end c:ask() "
        "c.group.len = #b.again c:say(tostring(b['6'] == '\\255\\0\\n\"\\\\x'))",
        "true");
    same(
        "c.group.t = {a = {1, 2.5, {x = false}}, s = '中文'} c.group.f = 1.0 c.group.i = 1 c:ask() "
        "local t = c.group.t c:say(math.type(c.group.f) .. math.type(c.group.i) .. t.s .. t.a[2] .. "
        "tostring(t.a[3].x)) c:ask() c.group.done = c.group.t",
        "floatinteger中文2.5false");
}

/* What may change while a run waits was told once. */
static void test_facts(void **state)
{
    (void)state;
    same(
        "local function facts() return table.concat({c.me, c.chat_name, c.role, tostring(c:can('dm')), "
        "tostring((c:quiet_until())), tostring(c:opted_out('5')), #c:roster(), #c:flows()}, ' ') end "
        "c:say(facts()) c:ask() c:emit('x', {f = facts()})",
        "10000 福利群 member true nil false 0 0");
}

static void test_errors_are_answers(void **state)
{
    (void)state;
    same("local ok, why = pcall(function() for i = 1, 30 do c:say('x' .. i) end end) "
         "c.group.ok = ok c:ask() c.group.why = why c:say('after')",
         "20 messages in one turn");
    freeReplyObject(redisCommand(fake_redis, "FLUSHALL"));
    same("c:counter('x'):add(1) local ok, why = pcall(function() return c:hash('x').y end) c:ask() "
         "c:say(tostring(ok))",
         "true");
}

static void test_continue(void **state)
{
    (void)state;
    struct story s;
    story_same(
        "c.group.n = 5 c:ask() c.group.n = 6 pcall(function() c:continue{ day = 2 } end) c:say('never')",
        answers, HOST_DONE, &s);
    assert_string_equal(buf_cstr(&s.again), "{\"day\":2}");
    assert_null(strstr(buf_cstr(&s.did), "never"));
    assert_non_null(strstr(buf_cstr(&s.did), " n 6 "));
    story_free(&s);
    story_same("c:ask() local co = coroutine.create(function() c.group.n = 6 c:cancel() end) "
               "coroutine.resume(co) c:say('never')",
               answers, HOST_DONE, &s);
    assert_int_equal(s.again.len, 0);
    assert_null(strstr(buf_cstr(&s.did), "never"));
    assert_non_null(strstr(buf_cstr(&s.did), " n 6 "));
    story_free(&s);
    story_same("c:continue()", answers, HOST_DONE, &s);
    assert_string_equal(buf_cstr(&s.again), "null");
    story_free(&s);
}

static void test_arguments(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load("{}", "flow:on('message', function(c, args) c:say(type(args) .. "
                                     "tostring(args.x)) end)");
    static const char *const given[] = {"", "null", "{\"x\":5}"};
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    for (int i = 0; i < 3; i++) {
        t.timer_args = given[i];
        fake_run(f, 0, &t, &out);
        assert_int_equal(out.status, HOST_DONE);
    }
    assert_string_equal(buf_cstr(&t.sent), "tablenil\ntablenil\ntable5\n");
    fake_turn_end(&t);
    flow_release(f);
}

static void test_runs_of_others(void **state)
{
    (void)state;
    same("local id = c:start('other.go', {a = 1}, {user = '5', key = 'k'}) c:ask() c:cancel(id) "
         "c:say(id)",
         "start other run:go - 5 {\"a\":1} other|k");
}

/* ---- journals that do not fit ---- */

static void stuck(const char *first, const char *second, const char *text)
{
    static struct turn t;
    struct host_outcome out;
    struct story s;
    story_tell(first, answers + 5, false, &s);
    assert_int_equal(s.status, HOST_PARKED);
    struct buf body = {0};
    buf_addf(&body, "flow:on('message', function(c)\n%s\nend)\n", second);
    struct flow *f = fake_load("{}", buf_cstr(&body));
    buf_free(&body);
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    struct host_how how = {
        .seed = 7, .journal = buf_cstr(&s.journal), .journal_len = s.journal.len};
    host_start(f, 0, &t, &t.binding, &how, &out);
    assert_int_equal(out.status, HOST_FAILED);
    if (!strstr(out.error, text))
        fail_msg("expected \"%s\" in\n%s", text, out.error);
    assert_int_equal(out.failure, FAILURE_STUCK);
    assert_int_equal(t.nwrites, 0);
    assert_int_equal(t.nsent, 0);
    story_free(&s);
    fake_turn_end(&t);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

static void test_stuck(void **state)
{
    (void)state;
    stuck(
        "local x = c.group.x c:ask() c:ask()", "c:say('hi') c:ask() c:ask()",
        "entry 1: the journal has a read of a whole hash (R) here, the script sends a message (s) at "
        "flows/t.lua:3");
    stuck(
        "c:say('x') c:ask() c:ask()", "pcall(function() c:dm('5', 'x') end) c:ask() c:ask()",
        "entry 1: the journal has a message (s) here, the script asks whether somebody opted out (o)");
    stuck("c:say('x') c:ask() c:ask()", "c:staff('x') c:ask() c:ask()",
          "a message (s) of other arguments here, the script sends a message at flows/t.lua:3");
    stuck("c:ask() c:ask()", "c:ask() c:say('more') c:ask()",
          "the journal has a waiting call (?) here, the script sends a message (s)");
    stuck("c:ask() c:ask()", "c:ask{from='7'} c:ask()",
          "a waiting call (?) of other arguments here");
    stuck("c:ask() c:ask()", "c:ask()",
          "entry 4: the journal has a waiting call (?) here, the script ends");
    stuck(
        "c:ask() c:ask()", "c:ask() error('oops')",
        "entry 4: the journal has a waiting call (?) here, the script fails: flows/t.lua:3: oops");
    stuck("c:ask() c:ask()", "c:ask() c:continue()", "the script calls c:continue");
    stuck("c:ask() c:ask()", "coroutine.wrap(function() pcall(c.say, c, 'x') end)()",
          "the script sends a message (s)");
}

static void test_other_text_fits(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct story s;
    story_tell(
        "c:say('one {name} {x}', {x = 1}) c:say('two') c:dm('5', 'x') local t = c:format('a {name}') "
        "c:ask() c:ask() c:say(t)",
        answers + 5, false, &s);
    struct flow *f = fake_load(
        "{}",
        "flow:on('message', function(c)\nc:say('new {name} {y}', {x = 1}) c:say({'a', 'b'}) "
        "c:dm('5', 'x{name}') local t = c:format('other {name}') c:ask() c:ask() c:say(t) end)");
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    struct coro *parked = story_replay(f, &t, &s);
    host_wake(parked, &t, &t.binding, "{\"now\":1,\"time\":1,\"with\":{}}", &out);
    fake_finish(&t, &out);
    assert_int_equal(out.status, HOST_DONE);
    assert_string_equal(buf_cstr(&t.sent), "a 小美\n"); /* what c:format made then */
    story_free(&s);
    fake_turn_end(&t);
    flow_release(f);
}

/* The journal without its lines of that kind. */
static void story_lacks(struct story *s, char kind)
{
    struct buf rest = {0};
    for (const char *p = buf_cstr(&s->journal); *p;) {
        size_t n = strcspn(p, "\n") + 1;
        if (*p != kind)
            buf_add(&rest, p, n);
        p += n;
    }
    assert_true(rest.len < s->journal.len);
    buf_free(&s->journal);
    s->journal = rest;
}

/* c:display asked nobody but the own flow once: runs from then go on, and later names are recorded as ever. */
static void test_journals_without_names(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct story s;
    static const char script[] =
        "local who = c:display('42') c:say('hi ' .. who) c:ask() c:ask() c:say(who .. c:display('43'))";
    story_tell(script, answers + 5, false, &s);
    story_lacks(&s, 'D');
    struct buf body = {0};
    buf_addf(&body, "flow:on('message', function(c)\n%s\nend)\n", script);
    struct flow *f = fake_load("{}", buf_cstr(&body));
    buf_free(&body);
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    struct coro *parked = story_replay(f, &t, &s);
    host_wake(parked, &t, &t.binding, "{\"now\":1,\"time\":1,\"with\":{}}", &out);
    fake_finish(&t, &out);
    assert_int_equal(out.status, HOST_DONE);
    assert_string_equal(buf_cstr(&t.sent), "4243\n");
    story_free(&s);
    fake_turn_end(&t);
    flow_release(f);
}

/* ---- limits ---- */

static void test_limits(void **state)
{
    (void)state;
    static const char *with[1002];
    for (int i = 0; i < 1001; i++)
        with[i] = "{\"late\":0}";
    struct story s;
    story_tell("while true do pcall(function() c:sleep('1m') end) end", with, false, &s);
    assert_int_equal(s.status, HOST_FAILED);
    assert_int_equal(s.failure, FAILURE_ERROR);
    assert_non_null(strstr(buf_cstr(&s.error),
                           "this run has recorded 2000 calls since it began; loops "
                           "that go on for long should call c:continue(...)"));
    assert_int_equal(s.parks, 1000);
    story_free(&s);
    story_tell("for i = 1, 40 do c:hash('h' .. i).x = ('x'):rep(20000) end c:ask() "
               "for i = 1, 40 do local x = c:hash('h' .. i).x end",
               answers, false, &s);
    assert_int_equal(s.status, HOST_FAILED);
    assert_non_null(strstr(buf_cstr(&s.error), "has recorded 256 KiB"));
    story_free(&s);
    /* a long but legal run: each segment has its own budget, in the replay too */
    story_same(
        "local n = 0 for i = 1, 6 do for k = 1, 900000 do n = n + k end c:ask() end c:say(tostring(n))",
        answers, HOST_DONE, &s);
    story_free(&s);
}

static double time_of(struct flow *f, struct turn *t, bool record, int calls)
{
    struct host_outcome out;
    double best = 1e9;
    t->record = record;
    for (int i = 0; i < 200; i++) {
        uint64_t start = clock_ns();
        fake_run(f, 0, t, &out);
        double ns = (double)(clock_ns() - start) / calls;
        best = ns < best ? ns : best;
        assert_int_equal(out.status, HOST_DONE);
    }
    return best;
}

static void test_recording_time(void **state)
{
    (void)state;
    static struct turn t;
    struct flow *f = fake_load("{}", "flow:on('message', function(c)\nfor i = 1, 1000 do local x = "
                                     "c:opted_out('5') end end)");
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    double plain = time_of(f, &t, false, 1000), recorded = time_of(f, &t, true, 1000);
    print_message("a call takes %.0f ns, recorded %.0f ns\n", plain, recorded);
    fake_turn_end(&t);
    flow_release(f);
}

/* Events have lines of their own: a write in their place is something else. */
static void test_events(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load("{}", "flow:on('message', function(c) c:emit('seen', {n = 1}) "
                                     "c:say('a') c:ask() c:emit('over') end)");
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    t.record = true;
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.status, HOST_PARKED);
    struct buf journal = {0};
    buf_add(&journal, out.journal, out.journal_len);
    assert_int_equal(buf_cstr(&journal)[0], 'e');
    host_drop(out.parked);
    struct host_how how = {
        .seed = 7, .record = true, .journal = journal.data, .journal_len = journal.len};
    host_start(f, 0, &t, &t.binding, &how, &out);
    assert_int_equal(out.status, HOST_PARKED);
    host_drop(out.parked);
    journal.data[0] = 'w';
    host_start(f, 0, &t, &t.binding, &how, &out);
    assert_int_equal(out.status, HOST_FAILED);
    assert_int_equal(out.failure, FAILURE_STUCK);
    assert_non_null(
        strstr(out.error, "the journal has a write (w) here, the script tells an event (e)"));
    buf_free(&journal);
    fake_turn_end(&t);
    flow_release(f);
}

static void test_replay_time(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}", "flow:on('message', function(c)\nfor i = 1, 240 do c.group['f' .. i % 7] = i "
              "local x = c:hash('h' .. i % 9).v c:say('day {i}', {i = i}) c:sleep('1m') end end)");
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    t.record = true;
    struct buf journal = {0};
    uint64_t start = clock_ns();
    fake_run(f, 0, &t, &out);
    while (out.status == HOST_PARKED) {
        buf_add(&journal, out.journal, out.journal_len);
        fake_drop_writes(&t, 0);
        t.nsent = 0;
        struct coro *parked = out.parked;
        if (journal.len > 30000) {
            host_drop(parked);
            break;
        }
        host_wake(parked, &t, &t.binding,
                  "{\"now\":1795320000123,\"time\":1795320000123,\"with\":{}}", &out);
        fake_finish(&t, &out);
    }
    int entries = 0;
    for (size_t i = 0; i < journal.len; i++)
        entries += journal.data[i] == '\n';
    double live = (double)(clock_ns() - start) / 1e6, best = 1e9;
    struct host_how how = {.seed = 7, .journal = buf_cstr(&journal), .journal_len = journal.len};
    for (int i = 0; i < 20; i++) {
        start = clock_ns();
        host_start(f, 0, &t, &t.binding, &how, &out);
        double ms = (double)(clock_ns() - start) / 1e6;
        best = ms < best ? ms : best;
        if (out.status != HOST_PARKED)
            fail_msg("%s", out.error);
        host_drop(out.parked);
    }
    print_message("live %.2f ms, replay %.3f ms for %d entries, %zu bytes: %.3f ms per 1000\n",
                  live, best, entries, journal.len, best * 1000 / entries);
    assert_true(best * 1000 / entries < 10);
    buf_free(&journal);
    fake_turn_end(&t);
    flow_release(f);
}

/* ---- versions ---- */

static void test_source(void **state)
{
    (void)state;
    struct buf err = {0};
    size_t len;
    fake_write_file(fake_sop, "lib/words.lua", "return { hi = '你好 \\\\ \\\"' }");
    struct flow *f = fake_load(
        "{}", "local w = require('words') flow:on('message', function(c) c:say(w.hi) end)");
    const char *source = flow_source(f, &len);
    fake_write_file(fake_sop, "lib/words.lua", "return { hi = 'changed' }");
    struct flow *old = host_load_from(fake_host, "t", source, len, &err);
    if (!old)
        fail_msg("%s", buf_cstr(&err));
    assert_string_equal(flow_info(f)->version, flow_info(old)->version);
    struct flow *changed = host_load(fake_host, "t", &err);
    assert_string_not_equal(flow_info(changed)->version, flow_info(old)->version);
    static struct turn t;
    struct host_outcome out;
    fake_turn_init(&t, old);
    fake_message(&t, "hello");
    fake_run(old, 0, &t, &out);
    assert_string_equal(buf_cstr(&t.sent), "你好 \\ \"\n");
    fake_turn_end(&t);
    assert_null(host_load_from(fake_host, "t", "{\"flows/t.lua\":\"require('words')\"}", 34, &err));
    assert_non_null(strstr(buf_cstr(&err), "there is no sop/lib/words.lua"));
    assert_null(host_load_from(fake_host, "t", "nonsense", 8, &err));
    buf_free(&err);
    flow_release(f);
    flow_release(old);
    flow_release(changed);
}

static void test_handler_ids(void **state)
{
    (void)state;
    struct flow *f = fake_load(
        "{ params = { when = { 'clock', default = '20:30' } } }",
        "flow:on('join', function() end) flow:on('join', {group = false}, function() end) "
        "flow:command({'a', 'b'}, function() end) flow:at('when', function() end) "
        "flow:timer('x', function() end) local r = flow:run('board', function() end)");
    static const char *const ids[] = {"on:join", "on:join#2", "command:a",
                                      "at:when", "timer:x",   "run:board"};
    for (int i = 0; i < 6; i++) {
        assert_string_equal(flow_handler(f, i)->id, ids[i]);
        assert_ptr_equal(flow_handler_by_id(f, ids[i]), flow_handler(f, i));
    }
    assert_int_equal(flow_handler(f, 5)->kind, HANDLER_RUN);
    assert_null(flow_handler_by_id(f, "run:x"));
    assert_ptr_equal(flow_host(f), fake_host);
    flow_release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lazy_recording),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_everywhere),
        cmocka_unit_test(test_own_coroutines),
        cmocka_unit_test(test_refused_waits),
        cmocka_unit_test(test_abandoned_coroutine),
        cmocka_unit_test(test_time_and_chance),
        cmocka_unit_test(test_results_round_trip),
        cmocka_unit_test(test_errors_are_answers),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_runs_of_others),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_other_text_fits),
        cmocka_unit_test(test_journals_without_names),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_replay_time),
        cmocka_unit_test(test_recording_time),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_handler_ids),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
