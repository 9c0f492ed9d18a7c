/* test_host_state.c -- durable state against a real redis-server: encodings, exact reads of own writes, structures.
 * The models are compared twice: by the script during the turn, and in Redis after the commit. */
#include "fake_turn.h"

static int setup(void **state)
{
    (void)state;
    fake_redis_start();
    fake_host_start(0, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_host_stop();
    fake_redis_stop();
    return 0;
}

static void redis(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = redisvCommand(fake_redis, fmt, ap);
    va_end(ap);
    assert_non_null(r);
    assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

static void expect(const char *expected, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = redisvCommand(fake_redis, fmt, ap);
    va_end(ap);
    assert_non_null(r);
    char number[32];
    const char *got = r->str;
    if (r->type == REDIS_REPLY_INTEGER) {
        snprintf(number, sizeof number, "%lld", r->integer);
        got = number;
    }
    if (!expected)
        assert_int_equal(r->type, REDIS_REPLY_NIL);
    else if (!got || strcmp(got, expected) != 0)
        fail_msg("%s gave %s, not %s", fmt, got ? got : "nil", expected);
    freeReplyObject(r);
}

/* Runs handlers 0..n-1 of a flow in one turn, then commits. Returns the reads it took. */
static int turn_of(const char *body, int handlers)
{
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load("{}", body);
    fake_turn_init(&t, f);
    fake_message(&t, "hello");
    for (int i = 0; i < handlers; i++) {
        fake_run(f, i, &t, &out);
        if (out.status != HOST_DONE)
            fail_msg("%s\n--- in ---\n%s", out.error, body);
    }
    int reads = t.reads;
    fake_commit(&t);
    fake_turn_end(&t);
    flow_release(f);
    return reads;
}

static int turn_script(const char *script)
{
    struct buf b = {0};
    buf_addf(&b, "flow:on('message', function(c)\n%s\nend)", script);
    int reads = turn_of(buf_cstr(&b), 1);
    buf_free(&b);
    return reads;
}

#define M "sopd:{qq1}:m:t:700000001:3300000001"

static void test_values(void **state)
{
    (void)state;
    redis("FLUSHALL");
    assert_int_equal(
        turn_script(
            "local m = c.member m.i, m.f, m.whole, m.t, m.s, m.d = 12, 0.1, 3.0, true, '字 1', '12'\n"
            "m.j, m.q, m.u, m.word, m.z, m.id = {a=1, list={1, 2}}, '\"x', '{x', 'true', '', '3300000000000000000001'\n"
            "m.big, m.neg, m.exp, m.lead = math.maxinteger, -5, '1e5', '007' m[5] = 'five'"),
        0);
    expect("12", "HGET " M " i");
    expect("0.1", "HGET " M " f");
    expect("3.0", "HGET " M " whole");
    expect("true", "HGET " M " t");
    expect("字 1", "HGET " M " s");
    expect("\"12\"", "HGET " M " d");
    expect("{\"a\":1,\"list\":[1,2]}", "HGET " M " j");
    expect("\"\\\"x\"", "HGET " M " q");
    expect("\"true\"", "HGET " M " word");
    expect("", "HGET " M " z");
    expect("3300000000000000000001", "HGET " M " id");
    expect("007", "HGET " M " lead");
    expect("five", "HGET " M " 5");
    redis("HSET " M " hand %s", "{not json");
    redis("HSET " M " json %s", "[1,{\"k\":null,\"b\":\"\\u4f60\\ud83d\\ude00\"}]");
    assert_int_equal(
        turn_script(
            "local m = c.member assert(m.i == 12 and math.type(m.i) == 'integer' and m.f == 0.1 and math.type(m.whole) == 'float')\n"
            "assert(m.t == true and m.s == '字 1' and m.d == '12' and m.j.a == 1 and #m.j.list == 2 and m.q == '\"x')\n"
            "assert(m.u == '{x' and m.word == 'true' and m.z == '' and m.id == '3300000000000000000001' and m.absent == nil)\n"
            "assert(m.big == math.maxinteger and m.neg == -5 and m.exp == '1e5' and m.lead == '007' and m[5] == 'five')\n"
            "assert(m.hand == '{not json' and m.json[1] == 1 and m.json[2].k == nil and m.json[2].b == '你😀')"),
        1); /* one HGETALL */
}

static void test_nested_tables(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_script("c.member.t = {n=1, list={}} c.member.u = {1} c.member.same = {k=1}");
    turn_script(
        "local t = c.member.t t.n = 2 t.list[1] = 'a' c.member.u = nil assert(c.member.same.k == 1)");
    expect("{\"list\":[\"a\"],\"n\":2}", "HGET " M " t");
    expect(NULL, "HGET " M " u");
    turn_script("local t = {x=1} c.member.t = t t.x = 5");
    expect("{\"x\":5}", "HGET " M " t");
    fake_fails("c.member.t = {f=function() end}", FAILURE_ERROR,
               "c.member.t cannot hold this value");
    fake_fails("c.member.t = print", FAILURE_ERROR, "c.member.t cannot hold a function");
    fake_fails("local t = {} t.t = t c.member.t = t", FAILURE_ERROR, "nested too deeply");
    fake_fails("c.member.t = {1, 2, a=3}", FAILURE_ERROR, "both named entries and numbered ones");
    fake_fails("c.member.t = {[1]=1, [5]=2}", FAILURE_ERROR, "gaps");
    fake_fails("c.member.n = 0/0", FAILURE_ERROR, "not finite");
    fake_fails("c.member[{}] = 1", FAILURE_ERROR, "names of fields are strings");
    fake_fails("local t = {} c.member.t = t t.f = print", FAILURE_ERROR,
               "c.member.t cannot hold this value");
}

static void test_pairs_and_others(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_script(
        "c.group.b, c.group.a, c.group.gone = 1, 2, 3 c.profile.points = 7 c:member_of('9').x = 'y'");
    expect("7", "HGET sopd:{qq1}:u:3300000001 points");
    expect("y", "HGET sopd:{qq1}:m:t:700000001:9 x");
    turn_script(
        "c.group.c, c.group.gone = 5, nil local out = {} for k, v in pairs(c.group) do out[#out + 1] = k .. v end\n"
        "assert(table.concat(out, ' ') == 'a2 b1 c5', table.concat(out, ' '))\n"
        "assert(c:member_of(c.user) == c.member or true) c.member.z = 1 assert(c:member_of(c.user).z == 1)\n"
        "assert(c:profile_of(c.user).points == 7)");
    turn_script(
        "local h = c:hash('codes', {scope='gateway'}) h.k1 = 'v1' h[12] = {1} assert(h.k1 == 'v1' and h.nope == nil)");
    expect("v1", "HGET sopd:{qq1}:hash:::codes k1");
    turn_script(
        "local h = c:hash('codes', {scope='gateway'}) h.k1 = nil local n = 0 for k, v in pairs(h) do n = n + 1 assert(k == '12') end "
        "assert(n == 1) c:drop(h) assert(h['12'] == nil) h.fresh = 1 for k in pairs(h) do assert(k == 'fresh') end");
    expect("1", "HLEN sopd:{qq1}:hash:::codes");
}

static void test_add(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_script(
        "assert(c:add(c.profile, 'points', 5) == 5) assert(c:add(c.profile, 'points') == 6 and c.profile.points == 6)");
    expect("6", "HGET sopd:{qq1}:u:3300000001 points");
    turn_of(
        "flow:on('message', function(c) c:add(c.profile, 'points', 4) end)\n"
        "flow:on('message', function(c) assert(c.profile.points == 10) c:add(c.profile, 'points', -1) c.profile.other = 'x' end)\n"
        "flow:on('message', function(c) assert(c.profile.points == 9 and c.profile.other == 'x') c.profile.points = 100 "
        "assert(c:add(c.profile, 'points', 1) == 101) end)",
        3);
    expect("101", "HGET sopd:{qq1}:u:3300000001 points");
    fake_fails("c.member.name = 'x' c:add(c.member, 'name', 1)", FAILURE_ERROR, "holds a string");
    turn_of(
        "flow:on('message', function(c) local h = c:hash('h') c:add(h, 'n', 2) end)\n"
        "flow:on('message', function(c) local h = c:hash('h') assert(h.n == 2) h.n = nil end)\n"
        "flow:on('message', function(c) local h = c:hash('h') assert(h.n == nil) c:add(h, 'n', 3) end)",
        3);
    expect("3", "HGET sopd:{qq1}:hash:t:700000001:h n");
}

/* What one handler wrote, the next handlers of the turn see, in every structure. */
static void test_handlers_share(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_of(
        "flow:on('message', function(c) c.group.x = 1 c:board('b'):set('u', 3) c:days('d'):mark(5) c:counter('n'):add(2) "
        "c:list('l'):push('a') c:set('s'):add('q') assert(c:once('k')) assert(c:limit('r', 1, '1m')) c:tag('vip') end)\n"
        "flow:on('message', function(c) assert(c.group.x == 1) assert(c:board('b'):get('u') == 3) assert(c:days('d'):has(5)) "
        "assert(c:counter('n'):get() == 2) assert(c:list('l'):range()[1] == 'a') assert(c:set('s'):has('q')) "
        "assert(not c:once('k')) assert(not c:limit('r', 1, '1m')) assert(c:has_tag('vip')) "
        "c:board('b'):remove('u') c:days('d'):clear() c:list('l'):shift() c:set('s'):clear() c:untag('vip') c.group.x = nil end)\n"
        "flow:on('message', function(c) assert(c.group.x == nil) assert(not c:board('b'):get('u')) assert(c:board('b'):count() == 0) "
        "assert(not c:days('d'):has(5)) assert(c:list('l'):len() == 0) assert(c:set('s'):count() == 0) assert(not c:has_tag('vip')) end)",
        3);
    expect("0", "EXISTS sopd:{qq1}:g:t:700000001");
    expect("2", "GET sopd:{qq1}:count:t:700000001:n");
}

static void test_once_and_limit(void **state)
{
    (void)state;
    redis("FLUSHALL");
    assert_int_equal(
        turn_script(
            "assert(c:once('a')) assert(not c:once('a')) assert(c:once('a', {scope='group'})) assert(c:once('b', {ttl='1h'}))"),
        3);
    turn_script("assert(not c:once('a')) assert(not c:once('b'))");
    redisReply *r = redisCommand(fake_redis, "PTTL sopd:{qq1}:once:t:700000001:3300000001:b");
    assert_in_range(r->integer, 3500000, 3600000);
    freeReplyObject(r);
    turn_script(
        "for i = 1, 3 do assert(c:limit('x', 3, '1m'), i) end local ok, wait = c:limit('x', 3, '1m') assert(not ok and wait == 20, wait)\n"
        "assert(c:limit('x', 3, '1m', {scope='group'}))");
    turn_script("assert(not c:limit('x', 3, '1m'))");
    fake_fails("c:limit('x', 0, '1m')", FAILURE_ERROR, "must be above 0");
    fake_fails("c:once('x', {ttl='soon'})", FAILURE_ERROR, "must be a duration");
    fake_fails("c:once('')", FAILURE_ERROR, "must be a string that is not empty");
}

static void test_board(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_script(
        "local b = c:board('p') for i = 1, 20 do b:set('u' .. (10 + i), i % 5) end b:set('half', 2.5)");
    turn_script(
        "local b = c:board('p') local top = b:top(3) assert(#top == 3 and top[1].id == 'u14' and top[2].id == 'u19' and top[3].place == 1)\n"
        "b:set('u14', 0) b:set('new', 4) assert(b:top(1)[1].id == 'new') assert(b:place('new') == 1 and b:place('u19') == 1 and b:place('u13') == 5)\n"
        "assert(b:get('half') == 2.5 and b:count() == 22 and b:place('nobody') == nil and b:remove('half') and not b:remove('half') and b:count() == 21)");
    turn_script(
        "local b = c:board('p') assert(b:add('u14', 3) == 3) assert(b:add('fresh') == 1) b:clear() assert(b:count() == 0 and #b:top() == 0) b:set('z', 1) "
        "assert(b:top()[1].id == 'z' and b:place('z') == 1)");
    expect("1", "ZCARD sopd:{qq1}:board:t:700000001:p");
}

static const char model_script[] =
    "local model = { board = {}, set = {}, list = {}, days = {} }\n"
    "local function check(c)\n"
    "  local b, want = c:board('b'), {}\n"
    "  for id, score in pairs(model.board) do want[#want + 1] = { id = id, score = score } end\n"
    "  table.sort(want, function(x, y) if x.score ~= y.score then return x.score > y.score end return x.id < y.id end)\n"
    "  local n = c:random(1, 8)\n"
    "  local top = b:top(n)\n"
    "  assert(#top == math.min(n, #want), 'length of top')\n"
    "  local place\n"
    "  for i, e in ipairs(top) do\n"
    "    if i == 1 or want[i].score ~= want[i - 1].score then place = i end\n"
    "    assert(e.id == want[i].id and e.score == want[i].score and e.place == place, 'top ' .. i)\n"
    "  end\n"
    "  assert(b:count() == #want, 'count')\n"
    "  local some = 'u' .. c:random(1, 12)\n"
    "  local higher = 1\n"
    "  for _, e in ipairs(want) do if model.board[some] and e.score > model.board[some] then higher = higher + 1 end end\n"
    "  assert((b:place(some)) == (model.board[some] and higher or nil), 'place')\n"
    "  assert(table.concat(c:set('s'):all(), ',') == table.concat((function() local l = {} for k in pairs(model.set) do l[#l + 1] = k end return l end)(), ','), 'set')\n"
    "  local i, j = c:random(-6, 6), c:random(-6, 6)\n"
    "  local len = #model.list\n"
    "  local from, to = i < 0 and len + i + 1 or i, j < 0 and len + j + 1 or j\n"
    "  local part = table.concat(c:list('l'):range(i, j), ',')\n"
    "  assert(part == table.concat(model.list, ',', math.max(from, 1), math.max(math.min(to, len), 0)), part)\n"
    "  assert(c:list('l'):len() == len)\n"
    "  local d, marks = c:days('d'), 0\n"
    "  for k = 0, 30 do marks = marks + (model.days[k] and 1 or 0) assert(d:has(k) == (model.days[k] or false)) end\n"
    "  assert(d:count(0, 30) == marks and d:count() == marks)\n"
    "end\n"
    "local ops = {\n"
    "  function(c) local id, n = 'u' .. c:random(1, 12), c:random(-3, 3) c:board('b'):set(id, n) model.board[id] = n end,\n"
    "  function(c) local id = 'u' .. c:random(1, 12) c:board('b'):remove(id) model.board[id] = nil end,\n"
    "  function(c) local id = 'u' .. c:random(1, 12) c:board('b'):add(id, 2) model.board[id] = (model.board[id] or 0) + 2 end,\n"
    "  function(c) local id = 's' .. c:random(1, 6) assert(c:set('s'):add(id) == not model.set[id]) model.set[id] = true end,\n"
    "  function(c) local id = 's' .. c:random(1, 6) assert(c:set('s'):remove(id) == (model.set[id] or false)) model.set[id] = nil end,\n"
    "  function(c) local v = 'v' .. c:random(1, 99) c:list('l'):push(v) table.insert(model.list, v) end,\n"
    "  function(c) assert(c:list('l'):pop() == table.remove(model.list)) end,\n"
    "  function(c) assert(c:list('l'):shift() == table.remove(model.list, 1)) end,\n"
    "  function(c) local n = c:random(1, 5) c:list('l'):trim(n) while #model.list > n do table.remove(model.list, 1) end end,\n"
    "  function(c) local k = c:random(0, 30) assert(c:days('d'):mark(k) == not model.days[k]) model.days[k] = true end,\n"
    "  function(c) local k = c:random(0, 30) assert(c:days('d'):clear(k) == (model.days[k] or false)) model.days[k] = nil end,\n"
    "  function(c) if c:random(1, 6) == 1 then c:board('b'):clear() model.board = {} end end,\n"
    "  function(c) if c:random(1, 6) == 1 then c:set('s'):clear() model.set = {} end end,\n"
    "  function(c) if c:random(1, 6) == 1 then c:list('l'):clear() model.list = {} end end,\n"
    "  function(c) if c:random(1, 6) == 1 then c:days('d'):clear() model.days = {} end end,\n"
    "}\n"
    "local function step(c) for _ = 1, c:random(0, 6) do c:pick(ops)(c) if c:random(1, 3) == 1 then check(c) end end check(c) end\n"
    "flow:on('message', step) flow:on('message', step)";

/* Random operations on a board, a set, a list and a day set, compared with plain tables inside and across turns. */
static void test_random_model(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    redis("FLUSHALL");
    struct flow *f = fake_load("{}", model_script);
    for (int turn = 0; turn < 150; turn++) {
        fake_turn_init(&t, f);
        fake_message(&t, "x");
        rng_seed(&t.rng, (uint64_t)turn + 1);
        for (int i = 0; i < 2; i++) {
            fake_run(f, i, &t, &out);
            if (out.status != HOST_DONE)
                fail_msg("turn %d: %s", turn, out.error);
        }
        fake_commit(&t);
        fake_turn_end(&t);
    }
    flow_release(f);
}

/* A handler that fails has written nothing, and the next one does not see it. */
static void test_failure_undone(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    redis("FLUSHALL");
    struct flow *f = fake_load(
        "{}",
        "flow:on('message', function(c) c.group.x = 1 c:counter('n'):add(1) error('no') end)\n"
        "flow:on('message', function(c) assert(c.group.x == nil) assert(c:counter('n'):get() == 0) c.group.y = 2 end)");
    fake_turn_init(&t, f);
    fake_message(&t, "x");
    fake_run(f, 0, &t, &out);
    assert_int_equal(out.failure, FAILURE_ERROR);
    fake_run(f, 1, &t, &out);
    assert_int_equal(out.status, HOST_DONE);
    assert_int_equal(t.nwrites, 1);
    fake_turn_end(&t);
    flow_release(f);
}

static void test_emit(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_script("c:emit('checked_in', {day=3}) c:audit('kick', {who='x'}) c:emit('plain')");
    expect("2", "XLEN sopd:events:{qq1}");
    expect("1", "XLEN sopd:audit:{qq1}");
    fake_fails("c:emit('x', 'text')", FAILURE_ERROR, "must be a table");
}

static void test_many_fields(void **state)
{
    (void)state;
    redis("FLUSHALL");
    turn_script("for i = 1, 1000 do c.group['f' .. i] = i end");
    turn_script(
        "for i = 1, 1000 do assert(c.group['f' .. i] == i) end for i = 1, 1000, 2 do c.group['f' .. i] = nil end");
    expect("500", "HLEN sopd:{qq1}:g:t:700000001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nested_tables),
        cmocka_unit_test(test_pairs_and_others),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_handlers_share),
        cmocka_unit_test(test_once_and_limit),
        cmocka_unit_test(test_board),
        cmocka_unit_test(test_random_model),
        cmocka_unit_test(test_failure_undone),
        cmocka_unit_test(test_emit),
        cmocka_unit_test(test_many_fields),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
