/* test_host_api.c -- what flows declare and what `c` and `sop` offer: loading, messages and templates, times, people, sandbox. */
#include "fake_turn.h"

static int setup(void **state)
{
    (void)state;
    fake_host_start(0, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_host_stop();
    return 0;
}

/* ---- loading ---- */

static void refuse(const char *text, const char *expected)
{
    struct buf err = {0};
    struct flow *f = fake_load_text(text, &err);
    if (f)
        fail_msg("it loaded: %s", text);
    if (!strstr(buf_cstr(&err), expected))
        fail_msg("expected \"%s\" in\n%s\n--- in ---\n%s", expected, buf_cstr(&err), text);
    buf_free(&err);
}

#define FLOW(body)  "local flow = sop.flow('t', {})\n" body "\nreturn flow\n"
#define PARAM(text) "local flow = sop.flow('t', {params={" text "}})\nreturn flow\n"

static void test_load_problems(void **state)
{
    (void)state;
    refuse("local x = = 1", "flows/t.lua:1: unexpected symbol near '='");
    refuse("error('boom')", "flows/t.lua:1: boom");
    refuse("while true do end", "flows/t.lua:1: the script used up its instruction budget");
    refuse("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(10000) .. i end",
           "more memory than a flow may have");
    refuse("return 1", "never calls sop.flow(\"t\"");
    refuse("sop.flow('t', {})", "must end with \"return flow\"");
    refuse("local f = sop.flow('other', {}) return f", "but its file says \"t\"");
    refuse("local f = sop.flow('t', {titel='x'}) return f",
           "there is no option \"titel\"; did you mean \"title\"?");
    refuse("local f = sop.flow('t', {needs={'fly'}}) return f", "\"fly\" is no capability");
    refuse("local f = sop.flow('t', {wants={dmm='x'}}) return f",
           "\"dmm\" is no capability of gateways; did you mean \"dm\"?");
    refuse("local f = sop.flow('t', {needs={dm='x'}}) return f", "needs: give a list");
    refuse("local f = sop.flow('t', {wants={dm=1}}) return f",
           "wants: say what is different without \"dm\"");
    refuse(FLOW("flow:on('join', {value='x'}, function() end)"),
           "value is for flow:on(\"button\")");
    refuse(FLOW("flow:on('button', {value={1}}, function() end)"), "value is a text such as");
    refuse(FLOW("flow:on('button', {value='say:x'}, function() end)"),
           "a button that says a word is no event");
    refuse(FLOW("flow:on('mesage', function() end)"),
           "flows/t.lua:2: flow:on(\"mesage\"): there is no such event; did you mean \"message\"?");
    refuse(FLOW("flow:on('join')"), "must be the function to call");
    refuse(FLOW("flow:comand('x', function() end)"),
           "flow.comand does not exist; did you mean \"command\"?");
    refuse(FLOW("flow:command('x', {rol='keeper'}, function() end)"),
           "there is no option \"rol\"; did you mean \"role\"?");
    refuse(FLOW("flow:command('x', {role='boss'}, function() end)"), "\"boss\" is no role");
    refuse(FLOW("flow:command('x', {remote=true}, function() end)"), "remote is for staff");
    refuse(
        "local flow = sop.flow('t', { params = { who = { 'choice', default = 'hq', values = { 'hq', 'x' } } } })\n"
        "flow:command('x', {role='who'}, function() end)\nreturn flow",
        "parameter who must be a choice of roles");
    refuse("local flow = sop.flow('t', { params = { who = { 'string', default = 'hq' } } })\n"
           "flow:command('x', {role='who'}, function() end)\nreturn flow",
           "parameter who must be a choice of roles");
    refuse(FLOW("flow:command('x', function() end) flow:command({'y', ' X '}, function() end)"),
           "declared twice (line 2)");
    refuse(FLOW("flow:command({}, function() end)"), "give a word");
    refuse(FLOW("flow:at('25:99', function() end)"),
           "neither a parameter of type clock nor a time");
    refuse(FLOW("flow:at('10:00', {late='soon'}, function() end)"), "late must be a duration");
    refuse("local f = sop.flow('t', {late='soon'}) return f", "late must be a duration");
    refuse("local f = sop.flow('t', {late='n', params={n={'integer', default=5}}}) return f",
           "the name of a parameter of type duration");
    refuse(FLOW("flow:timer('a', function() end) flow:timer('a', function() end)"),
           "declared twice");
    refuse(FLOW("flow:say('x')"), "flow.say does not exist");
    refuse(FLOW("x = 5"), "global variable");
    refuse(FLOW("io.open('/etc/passwd')"), "the name \"io\" is not known");
    refuse(FLOW("c:say('x')"), "the name \"c\" is not known");
    refuse(FLOW("print(sop.json(math.random(5)))"), "only be used inside a handler");
    refuse(PARAM("a={'intger'}"), "\"intger\" is no type; did you mean \"integer\"?");
    refuse(PARAM("a={'integer', default='x'}"), "default of t.a: must be an integer, not a string");
    refuse(PARAM("a={'integer', default=5, max=3}"), "t.a: 5 is above the maximum 3");
    refuse(PARAM("a={'integer', min=5, max=3}"), "min is above max");
    refuse(PARAM("a={'integer', defalt=3}"),
           "there is no option \"defalt\"; did you mean \"default\"?");
    refuse(PARAM("a={'choice', default='x'}"), "a choice needs values");
    refuse(PARAM("a={'choice', values={'a','b'}, default='x'}"), "must be one of \"a\", \"b\"");
    refuse(PARAM("a={'clock', default='27:00'}"), "must be a clock time");
    refuse(PARAM("a={'string', min=1}"), "min does not fit its type");
    refuse(PARAM("['a b']={'string'}"), "a name has letters");
    refuse(PARAM("a={'table', default={f=print}}"), "default of t.a: only strings, numbers");
}

/* One run reports all problems. */
static void test_load_all_problems(void **state)
{
    (void)state;
    struct buf err = {0};
    assert_null(fake_load_text(
        "local flow = sop.flow('t', {params={a={'intger'}, b={'integer', default='x'}}})\n"
        "flow:on('jon', function() end)\nflow:command('x', 5)\nreturn flow",
        &err));
    int lines = 0;
    for (const char *p = buf_cstr(&err); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 4);
    assert_null(host_load(fake_host, "missing", &err));
    assert_null(host_load(fake_host, "../t", &err));
    assert_null(host_load(fake_host, "", &err));
    buf_free(&err);
}

static void test_declarations(void **state)
{
    (void)state;
    struct flow *f = fake_load(
        "{title='题', tally=true, needs={'dm', 'at'}, wants={'join', dm='x', echo='y'}, params={words={'strings', default={'打卡', '签到'}}, "
        "one={'strings', default='x'}, at={'clock', default='9:05'}, late={'duration', default=90, min='1m', max='1h'}, "
        "mode={'choice', values={'a', 'b'}, default='b', help='h'}, text={'text'}}}",
        "flow:command('words', {role='keeper', args='glued', private=false}, function() end)\n"
        "flow:command({'甲', '乙'}, function() end)\nflow:at('at', {late='2h'}, function() end)\n"
        "flow:at('20:30', function() end)\nflow:timer('x', function() end)\nflow:on('message', {image=true}, function() end)");
    const struct flow_info *i = flow_info(f);
    assert_string_equal(i->title, "题");
    assert_string_equal(i->file, "flows/t.lua");
    assert_int_equal(i->needs, GATEWAY_DM | GATEWAY_AT);
    assert_int_equal(i->wants, GATEWAY_JOIN | GATEWAY_ECHO); /* what is needed is not only wanted */
    assert_string_equal(i->without[0], "");
    assert_string_equal(i->without[1], "y");
    assert_true(i->tally);
    assert_int_equal(strlen(i->version), 16);
    assert_int_equal(i->nhandlers, 6);
    assert_int_equal(i->nparams, 6);
    const struct handler *h = i->handlers;
    assert_true(h[0].kind == HANDLER_COMMAND && h[0].from_param && h[0].args && h[0].glued &&
                !h[0].in_private && h[0].in_group);
    assert_string_equal(h[0].name, "words");
    assert_string_equal(h[0].role, "keeper");
    assert_int_equal(h[0].line, 2);
    assert_true(!h[1].from_param && h[1].nwords == 2);
    assert_string_equal(h[1].words[1], "乙");
    assert_true(h[2].kind == HANDLER_AT && h[2].from_param && h[2].late_ms == 7200000 &&
                !h[2].in_private);
    assert_true(h[3].late_ms == 1800000 && !h[3].from_param && h[3].nwords == 1);
    assert_true(h[4].kind == HANDLER_TIMER && h[4].late_ms == -1);
    assert_true(h[5].kind == HANDLER_ON && h[5].image && h[5].event == EVENT_MESSAGE);
    assert_int_equal(flow_handler(f, 5)->index, 5);
    assert_null(flow_handler(f, 6));
    assert_int_equal(cJSON_GetArraySize(flow_param(f, "one")->preset), 1);
    assert_string_equal(flow_param(f, "at")->preset->valuestring, "09:05");
    assert_string_equal(flow_param(f, "late")->preset->valuestring, "90s");
    assert_null(flow_param(f, "text")->preset);
    assert_null(flow_param(f, "nope"));
    char version[17];
    memcpy(version, i->version, sizeof version);
    flow_release(f);
    f = fake_load("{}", "");
    assert_string_not_equal(version, flow_info(f)->version);
    flow_release(f);
}

static void test_require(void **state)
{
    (void)state;
    struct buf err = {0};
    fake_write_file(fake_sop, "lib/one.lua", "return { n = 1 + #sop.json({}) }");
    fake_write_file(fake_sop, "lib/deep/two.lua",
                    "local one = require('one') return { n = one.n + 1 }");
    fake_write_file(fake_sop, "lib/a.lua", "return require('b')");
    fake_write_file(fake_sop, "lib/b.lua", "return require('a')");
    fake_write_file(fake_sop, "lib/bad.lua", "local x =\n= 1");
    struct flow *f = fake_load(
        "{}",
        "assert(require('lib.deep.two').n == 4 and require('deep/two').n == 4 and require('one') == require('one'))");
    flow_release(f);
    refuse(FLOW("require('a')"), "require each other in a circle");
    refuse(FLOW("require('bad')"), "lib/bad.lua:2: unexpected symbol");
    refuse(FLOW("require('nope')"), "there is no sop/lib/nope.lua");
    refuse(FLOW("require('../../etc/passwd')"), "give a name such as");
    buf_free(&err);
}

/* ---- messages ---- */

static void says(const char *options, const char *script, const char *expected)
{
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_script(options, script, &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s\n--- in ---\n%s", out.error, script);
    if (strcmp(buf_cstr(&t.sent), expected) != 0)
        fail_msg("sent\n%s--- not ---\n%s--- in ---\n%s", buf_cstr(&t.sent), expected, script);
    fake_turn_end(&t);
    flow_release(f);
}

static void test_say(void **state)
{
    (void)state;
    says("{}", "assert(c:say('你好') == true)", "你好\n");
    says("{}", "c:say('{n} 个', {n=3}) c:say('{{x}} {f} {b}', {f=1.5, b=true})",
         "3 个\n{x} 1.5 true\n");
    says("{}", "c:say('{name}, 我是{bot}, {call}')", "小美, 我是小福, 宝子\n");
    says("{}", "c:say('{at} 来了')", "[at:3300000001] 来了\n");
    says("{}", "c:say('写 {不认识} 和 { 和 }')", "写 {不认识} 和 { 和 }\n");
    says("{}", "c:say('{text}', {text='{at} [CQ:at,qq=1] {x}'})", "{at} [CQ:at,qq=1] {x}\n");
    says("{}", "c:say('{who} 好', {who={sop.at('7'), ' ', sop.at('8')}})", "[at:7] [at:8] 好\n");
    says("{}", "c:say({sop.text('看'), sop.image('http://x/1.png')}) c:say(sop.face(14))",
         "看[image:http://x/1.png]\n[face:14]\n");
    says(
        "{}",
        "c:say('图', nil, {image='http://x', at={'7', '7', '8'}, policy='drop', late='5m', chat='700000002'})",
        "700000002|[at:7] [at:8] 图[image:http://x] drop late=300000\n");
    says("{}", "c:say('引', {}, {quote=true})", "[reply:m1]引\n");
    says("{}", "c:reply('好的') c:reply('{at}好的') c:reply('得 {n} 分', {n=1})",
         "[at:3300000001] 好的\n[at:3300000001]好的\n[at:3300000001] 得 1 分\n");
    says("{}", "c:dm('9', '私聊 {n}', {n=2}) c:staff('报告')",
         "@9|私聊 2\n700000099|报告 late=3600000\n");
    says("{}", "assert(c:format('{at} {n}', {n=2}) == '@小美 2') assert(c:format({'a'}) == 'a')",
         "");
    fake_fails(
        "c:say('{n} 个', {m=3})", FAILURE_ERROR,
        "flows/t.lua:3: the text \"{n} 个\" needs {n}, which was not given; did you mean \"m\"?");
    fake_fails("c:say(('x'):rep(100000))", FAILURE_ERROR, "the message is too long (100000 bytes");
    fake_fails("c:say(nil)", FAILURE_ERROR, "c:say: the text must be a string");
    fake_fails("c:say('{x}', {x=print})", FAILURE_ERROR, "a function cannot be put into a text");
    fake_fails("c:say('x', 'y')", FAILURE_ERROR, "the values for the text are given as a table");
    fake_fails("sop.at()", FAILURE_ERROR, "sop.at: the user must be a string");
    fake_fails("c:say('x', nil, {policy='maybe'})", FAILURE_ERROR,
               "policy is \"resend\" or \"drop\"");
}

static void test_opted_out(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}",
        "flow:on('message', function(c) c:reply('好') c:say('{at} 好') c:say('{w}!', {w=sop.at(c.user)})\n"
        "c:say('x', nil, {at={c.user, '8'}}) local ok, why = c:dm(c.user, 'x') assert(not ok and why == 'opted out') "
        "assert(c:opted_out() and not c:opted_out('8')) c:opt_out(false) c:opt_out(true, '8') end)");
    fake_turn_init(&t, f);
    fake_message(&t, "x");
    t.opted = t.user;
    fake_run(f, 0, &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s", out.error);
    assert_string_equal(buf_cstr(&t.sent), "好\n好\n小美!\n[at:8] x\n");
    assert_string_equal(buf_cstr(&t.acts), "opt_out 3300000001 0\nopt_out 8 1\n");
    fake_turn_end(&t);
    /* in a private chat nobody is @-ed, and the answer goes out */
    fake_turn_init(&t, f);
    t.chat = "@3300000001";
    t.opted = t.user;
    fake_message(&t, "x");
    flow_release(f);
    f = fake_load(
        "{}",
        "flow:on('message', function(c) assert(c.private) c:reply('好') assert(c:dm(c.user, 'y')) end)");
    t.binding.flow = f;
    fake_run(f, 0, &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s", out.error);
    assert_string_equal(buf_cstr(&t.sent), "好\n@3300000001|y\n");
    fake_turn_end(&t);
    flow_release(f);
}

static void test_variants(void **state)
{
    (void)state;
    says(
        "{params={a={'text', default='一种 {n}'}, b={'text', default={'甲', '乙', '丙'}}}}",
        "assert(c.params.a == '一种 {n}' and #c.params.b == 3) local last\n"
        "for i = 1, 200 do local s = c:format(c.params.b) assert(s ~= last) last = s end\n"
        "local seen = {} for i = 1, 50 do seen[c:format({'x', 'y'})] = true end assert(seen.x and seen.y)\n"
        "local ok, why = pcall(c.say, c, c.params.a) assert(not ok and why:find('t.a \"一种 {n}\" needs {n}', 1, true), why)",
        "");
}

static void test_params(void **state)
{
    (void)state;
    says(
        "{params={n={'integer', default=3}, list={'strings', default={'b', 'a'}}, t={'table', default={x={y=1}, l={1, 2}}}, d={'duration', default='10m'}}}",
        "local p = c.params assert(p.n == 3 and p.list[2] == 'a' and #p.list == 2 and p.t.x.y == 1 and p.d == '10m' and p == c.params)\n"
        "assert(table.concat(p.list, '+') == 'b+a' and select('#', table.unpack(p.t.l)) == 2) for i, v in ipairs(p.list) do assert(v) end\n"
        "local keys = {} for k in pairs(p) do keys[#keys + 1] = k end assert(table.concat(keys, ',') == 'd,list,n,t')\n"
        "for _, bad in ipairs({function() p.n = 4 end, function() p.t.x.y = 2 end, function() return p.nn end, function() p.list[3] = 'c' end}) do assert(not pcall(bad)) end\n"
        "local copy = sop.copy(p.t) copy.x.y = 2 assert(p.t.x.y == 1 and sop.json(p.t) == '{\"l\":[1,2],\"x\":{\"y\":1}}')",
        "");
    fake_fails("return c.params.dayz", FAILURE_ERROR, "this flow has no parameter dayz");
}

/* A flow that runs with values of their own in many groups keeps the tables of those that ran last, not of all. */
static void test_params_of_many_groups(void **state)
{
    (void)state;
    struct flow *f = fake_load(
        "{params={t={'table', default=(function() local t = {} for i = 1, 300 do t[i] = i end return t end)()}}}",
        "flow:on('message', function(c) assert(c.params.t[300] == 300) end)");
    size_t before = 0;
    for (int i = 0; i < 800; i++) {
        struct turn t;
        struct host_outcome out;
        fake_turn_init(&t, f);
        fake_message(&t, "hello");
        fake_run(f, 0, &t, &out);
        assert_int_equal(out.status, HOST_DONE);
        t.binding.flow = NULL; /* lives on */
        fake_turn_end(&t);
        before = i == 300 ? flow_memory(f) : before;
    }
    assert_true(flow_memory(f) < before + (1 << 20));
    flow_release(f);
}

/* ---- the rest of c and sop ---- */

static void test_fields(void **state)
{
    (void)state;
    fake_ok(
        "assert(c.user == '3300000001' and c.name == '小美' and c.role == 'member' and c.chat == '700000001' and c.gateway == 'qq1')\n"
        "assert(c.me == '10000' and c.text == 'hello' and c.args == '' and c.command == nil and c.quoted == nil and not c.private)\n"
        "assert(c.event.type == 'message' and c.event.time == 1795320000 and c.message.id == 'm1' and c.message.segments[1].text == 'hello')\n"
        "assert(#c.mentions == 0 and c.persona.name == '小福' and c.chat_name == '福利群' and c.flow == 't' and c.inviter == nil)\n"
        "assert(c.message == c.message and not c.from_bot and tostring(c) == 'context' and c.at_me == false)");
}

static void test_times(void **state)
{
    (void)state;
    fake_ok(
        "assert(c:now() == 1795320000 and os.time() == 1795320000 and c:today() == '2026-11-22' and c:today(1) == '2026-11-23')\n"
        "assert(c:day('2026-11-22') == c:day() and c:date(c:day() - 1) == '2026-11-21' and c:day('2026-02-30') == nil)\n"
        "assert(c:time() == '12:00' and c:time('%Y-%m-%d %H:%M', 0) == '1970-01-01 08:00' and c:date(c:day(), '%m/%d') == '11/22')\n"
        "assert(os.date('%H') == '12' and os.date('!%H') == '04' and os.date('*t').hour == 12)\n"
        "assert(os.time({year=2026, month=11, day=22, hour=12}) == 1795320000 and os.time({year=2026, month=13, day=1, hour=0}) == os.time({year=2027, month=1, day=1, hour=0}))\n"
        "assert(c:moment(c:day() + 1, '09:00') == 1795320000 + 21 * 3600 and c:quiet_until() == nil and c:quiet_until(c:now() + 60) == nil and os.clock() == os.clock())\n"
        "assert(sop.duration('1h30m') == 5400 and sop.duration('500ms') == 0.5)");
    fake_fails("c:time('%Q')", FAILURE_ERROR, "is not a time format");
    fake_fails("os.date('%')", FAILURE_ERROR, "is not a time format");
    fake_fails("c:date(1e15)", FAILURE_ERROR, "not a day of this calendar");
}

static void test_chance(void **state)
{
    (void)state;
    fake_ok(
        "local seen = {} for i = 1, 500 do local n = c:random(1, 6) assert(n >= 1 and n <= 6) seen[n] = true end assert(#seen == 6)\n"
        "local x = math.random() assert(x >= 0 and x < 1) assert(math.random(1) == 1 and c:pick({}) == nil and c:pick({'a'}) == 'a')\n"
        "local s = c:shuffle({1, 2, 3}) assert(#s == 3 and s[1] + s[2] + s[3] == 6)\n"
        "assert(#c:secret() == 32 and #c:secret(4) == 8 and c:secret() ~= c:secret() and c:random(math.mininteger, math.maxinteger))");
    fake_fails("math.random(5, 1)", FAILURE_ERROR, "random: 5 is above 1");
    fake_fails("math.randomseed(1)", FAILURE_ERROR, "not available");
}

static void test_people_and_acts(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_script(
        "{}",
        "assert(c:has_role('member') and not c:has_role('keeper') and c:has_role('hq', 'boss') and c:role_of('boss') == 'owner')\n"
        "assert(c:can('dm') and c:traffic('1m') == 60 and #c:members() == 2 and c:members()[1].name == '甲' and c:display() == '小美')\n"
        "c:recall() c:recall('m9') c:kick('7') c:mute('7', '10m') c:toggle('nope', 'on') c:react('123')\n"
        "local ok, why = c:toggle('nope', 'on') assert(not ok and why) assert(#c:flows() == 0 and #c:roster() == 0)",
        &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s", out.error);
    assert_string_equal(buf_cstr(&t.acts),
                        "act 0 - m1 0\nact 0 - m9 0\nact 1 7 - 0\nact 2 7 - 600\nact 8 - m1 0\n");
    fake_turn_end(&t);
    flow_release(f);
    fake_fails("c:has_role('king')", FAILURE_ERROR, "\"king\" is no role");
    fake_fails("c:can('fly')", FAILURE_ERROR, "is no capability");
    fake_fails("c:toggle('x', 'maybe')", FAILURE_ERROR, "\"on\", \"off\" or \"default\"");
}

static void test_switches(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_script(
        "{}",
        "assert(c:pause('*') and c:pause('*', { till = c:now() + 60, chat = { '7', '8' } }) and c:resume('*', { gateway = true }))\n"
        "local ok, why = c:pause('switch') assert(not ok and why:find('cannot'))\n"
        "ok, why = c:toggle('switch', 'off') assert(not ok and why:find('cannot'))\n"
        "ok, why = c:resume('nope') assert(not ok and why:find('no flow'))\n"
        "local groups, everywhere = c:chats{ role = 'store' }\n"
        "assert(groups[1].chat == '700000002' and groups[1].role == 'store' and groups[1].command == nil and not everywhere)\n"
        "assert(c:chats{ user = 'boss', count = true } == 1 and select(2, c:chats{ user = 'boss' }))\n"
        "assert(#c:pauses() == 0 and #c:commands() == 0 and select(2, c:roster()) == false and c.via == nil)\n"
        "assert(c:command_in('700000002', '打卡名单', { mentions = { '9' } }))",
        &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s", out.error);
    const char *acts = buf_cstr(&t.acts);
    assert_int_equal(strncmp(acts, "pause - * yes\npause 7 * 20", 26), 0);
    assert_non_null(strstr(acts, "pause 8 * 20"));
    assert_non_null(strstr(acts, "Z\npause  * -\nsaid 700000002 打卡名单 1 9\n"));
    fake_turn_end(&t);
    flow_release(f);
    fake_fails("c:chats{ role = 'king' }", FAILURE_ERROR, "\"king\" is no role");
    fake_fails("c:pause('*', { til = 1 })", FAILURE_ERROR, "til");
    fake_fails("c:command_in('7', {})", FAILURE_ERROR, "is a text");
}

static void test_timers(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{}",
        "flow:timer('later', function(c, args) c:say('{w} {n}', {w=args.who, n=args.n}) assert(c.user == nil and c.event.type == 'timer' "
        "and not pcall(function() return c.member end)) end)\n"
        "flow:on('message', function(c) c:timer('later', {after='10m', key='k', args={who='小美', n=2}}) c:timer('later', {at=c:now() + 60})\n"
        "c:timer('later', {at='12:30', chat='7'}) c:cancel_timer('later', 'k')\n"
        "for _, bad in ipairs({{}, {after='x'}, {after=1, at=2}, {at='99:00'}, {after=1, kye='x'}}) do assert(not pcall(c.timer, c, 'later', bad)) end end)");
    fake_turn_init(&t, f);
    fake_message(&t, "x");
    fake_run(f, 1, &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s", out.error);
    assert_string_equal(buf_cstr(&t.acts),
                        "timer - later k 600000 {\"n\":2,\"who\":\"小美\"}\ntimer - later  59877 \n"
                        "timer 7 later  1799877 \ntimer - later k -1 \n");
    fake_turn_end(&t);
    fake_turn_init(&t, f);
    t.cause = CAUSE_TIMER;
    t.user = "";
    t.timer_args = "{\"n\":2,\"who\":\"小美\"}";
    fake_run(f, 0, &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s", out.error);
    assert_string_equal(buf_cstr(&t.sent), "小美 2\n");
    fake_turn_end(&t);
    flow_release(f);
}

static void test_sop(void **state)
{
    (void)state;
    fake_ok(
        "assert(sop.sha256('abc') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')\n"
        "assert(sop.json({b=1, a={1, 2.5, 'x\\n'}}) == '{\"a\":[1,2.5,\"x\\\\n\"],\"b\":1}' and sop.unjson('{\"a\":[1,{}]}').a[1] == 1)\n"
        "local v, why = sop.unjson('{') assert(v == nil and why) assert(sop.unjson('[1] x') == nil)\n"
        "local y, m = sop.match('(\\\\d+)年(\\\\d+)', '2026年11月') assert(y == '2026' and m == '11')\n"
        "assert(sop.match('\\\\p{Han}+', 'ab你好cd') == '你好' and sop.match('x', 'y') == nil and sop.match('(a)|(b)', 'b') == nil)\n"
        "for i = 1, 200 do assert(sop.match('^n' .. i .. '$', 'n' .. i)) end assert(sop.fold(' ABC ') == 'abc')");
}

static void test_sandbox(void **state)
{
    (void)state;
    fake_ok(
        "local out = {} for k, v in pairs({z=1, a=2, [3]='c', [1]='a', [2.5]='f', [true]='t'}) do out[#out + 1] = tostring(k) end\n"
        "assert(table.concat(out, ' ') == '1 2.5 3 a z true', table.concat(out, ' '))\n"
        "local t = {a=1, b=2, c=3} for k in pairs(t) do t[k] = nil end assert(next(t) == nil) assert(next({b=1, a=2}) == 'a' and next({b=1, a=2}, 'a') == 'b')\n"
        "assert(tostring({}) == 'table' and tostring(print) == 'function' and not tostring(coroutine.create(print)):find('0x'))\n"
        "assert(('%s|%d|%q'):format({}, 3, 'x') == 'table|3|\"x\"' and not pcall(string.format, '%p', {}) and ('%5.1f%%'):format(2) == '  2.0%')\n"
        "assert(not pcall(setmetatable, {}, {__gc=print})) assert(getmetatable('') == false)\n"
        "assert(collectgarbage('count') > 0 and not pcall(collectgarbage)) assert(not pcall(function() return load end) and not pcall(function() return debug end))\n"
        "assert(not pcall(function() return os.execute end) or os.execute == nil) assert(string.dump == nil and _VERSION == 'Lua 5.4')\n"
        "local w = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end) assert(w(1) == 2 and w(5) == 10 and not pcall(w))\n"
        "local co = coroutine.create(function() error('x') end) local ok, e = coroutine.resume(co) assert(not ok and e:find('x')) assert(coroutine.close(co) == false)\n"
        "assert(xpcall(function(a) return a end, print, 5)) local ok2, m = xpcall(error, function(e) return 'h' .. e end, 'x') assert(not ok2 and m == 'hx')\n"
        "local st = setmetatable({}, {__pairs=function() return ipairs({7, 8}) end}) local n = 0 for _, v in pairs(st) do n = n + v end assert(n == 15)\n"
        "print('x', {}, nil) c:log('y') assert(('x'):rep(3, ',') == 'x,x,x' and ('x'):rep(0) == '' and ('x'):rep(-1) == '')");
    fake_fails("for k in pairs({[{}]=1}) do end", FAILURE_ERROR,
               "a table with a table as key has no defined order");
    fake_fails("local t = {} t[print] = 1 next(t)", FAILURE_ERROR, "has no defined order");
    fake_fails("pairs(nil)", FAILURE_ERROR, "pairs needs a table");
}

/* Every test above again would take long; this one shows that garbage and references do not grow. */
static void test_no_leaks(void **state)
{
    (void)state;
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_load(
        "{params={x={'text', default={'a {n}', 'b {n}'}}}}",
        "flow:on('message', function(c) c:say(c.params.x, {n=c.text}) c:say('' .. c.text .. '{at}') c.group.x = {1} "
        "c:board('b'):set(c.user, 1) if c.text:find('7$') then error({}) end end)");
    size_t early = SIZE_MAX, late = SIZE_MAX; /* the least seen: right after a collection */
    for (int i = 0; i < 8000; i++) {
        char text[20];
        snprintf(text, sizeof text, "m%d", i);
        fake_turn_init(&t, f);
        fake_message(&t, text);
        fake_run(f, 0, &t, &out);
        fake_turn_end(&t);
        if (i % 10 == 0)
            host_idle(fake_host);
        size_t now = flow_memory(f);
        if (i > 500 && i < 3000 && now < early)
            early = now;
        if (i > 5500 && now < late)
            late = now;
    }
    assert_in_range(late, 1, early + early / 20);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_problems),
        cmocka_unit_test(test_load_all_problems),
        cmocka_unit_test(test_declarations),
        cmocka_unit_test(test_require),
        cmocka_unit_test(test_say),
        cmocka_unit_test(test_opted_out),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_params_of_many_groups),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_people_and_acts),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_sop),
        cmocka_unit_test(test_sandbox),
        cmocka_unit_test(test_no_leaks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
