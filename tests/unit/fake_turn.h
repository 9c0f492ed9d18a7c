/* fake_turn.h -- the engine as the Lua host sees it, for the host's tests: turns whose reads are answered by a real redis-server
 * (or by nobody), whose writes are kept as words and committed on demand, and whose messages are kept as text.
 * Included once by a test; it takes the place of engine/turn/turn.c. */
#ifndef SOPD_TESTS_FAKE_TURN_H
#define SOPD_TESTS_FAKE_TURN_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/turn/turn.h"
#include "lua/host.h"

enum { FAKE_WRITES = 4000 };
#define FAKE_API __attribute__((unused)) static /* each test uses a part of these */

struct fake_write {
    int argc;
    char **argv;
    size_t *len;
};

struct turn {
    enum turn_cause cause;
    struct event *event;
    const char *gateway, *chat, *chat_name, *self, *user, *word, *args, *timer_args;
    unsigned caps;
    struct binding binding;
    struct value_slot *slots; /* of its values: the flow's defaults */
    struct playbook playbook;
    struct book book;
    int64_t time_ms, now_ms, due_ms, quiet_until;
    struct rng rng;
    void *handler;
    struct fake_write writes[FAKE_WRITES];
    int nwrites, mark;
    struct buf sent; /* one line per message: chat|segments */
    int nsent;
    struct buf acts;   /* one line per act, timer, opt-out, toggle */
    const char *opted; /* a user who opted out */
    /* the pending read */
    struct buf command;
    redis_fn fn;
    void *fn_ud;
    void (*ask_fn)(void *ud, const struct gateway_response *r);
    void *ask_ud;
    bool store_down;
    int reads;
    bool ready;
    bool record; /* fake_run keeps a journal */
};

static redisContext *fake_redis;
static pid_t fake_redis_pid;
static char fake_dir[] = "/tmp/sopd-test-XXXXXX";

/* ---- a real Redis ---- */

FAKE_API void fake_redis_start(void)
{
    char sock[64];
    assert_non_null(mkdtemp(fake_dir));
    snprintf(sock, sizeof sock, "%s/r.sock", fake_dir);
    fake_redis_pid = fork();
    if (fake_redis_pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", sock, "--save", "",
               "--appendonly", "no", "--dir", fake_dir, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && !fake_redis; i++) {
        redisContext *c = redisConnectUnix(sock);
        if (c && !c->err)
            fake_redis = c;
        else if (c)
            redisFree(c);
        if (!fake_redis)
            usleep(10000);
    }
    assert_non_null(fake_redis);
}

FAKE_API void fake_redis_stop(void)
{
    char command[80];
    if (fake_redis)
        redisFree(fake_redis);
    fake_redis = NULL;
    if (fake_redis_pid > 0) {
        kill(fake_redis_pid, SIGKILL);
        waitpid(fake_redis_pid, NULL, 0);
        snprintf(command, sizeof command, "rm -rf %s", fake_dir);
        if (system(command) != 0)
            perror("rm");
    }
}

FAKE_API redisReply *fake_ask(const char *resp, size_t len)
{
    void *reply = NULL;
    assert_int_equal(redisAppendFormattedCommand(fake_redis, resp, len), REDIS_OK);
    assert_int_equal(redisGetReply(fake_redis, &reply), REDIS_OK);
    return reply;
}

/* ---- turns ---- */

static uint32_t fake_binding_id;
static const struct host_how fake_how __attribute__((unused)) = {.seed = 7};

FAKE_API void fake_turn_init(struct turn *t, struct flow *f)
{
    memset(t, 0, sizeof *t);
    t->gateway = "qq1";
    t->chat = "700000001";
    t->chat_name = "福利群";
    t->self = "10000";
    t->user = "3300000001";
    t->word = t->args = t->timer_args = "";
    t->caps = ~0u;
    t->time_ms = t->now_ms = 1795320000123; /* 2026-11-22 12:00:00 in Shanghai */
    t->playbook.zone = zone_get("Asia/Shanghai");
    t->playbook.cutoff_ms = 4 * 3600000;
    t->playbook.name = (char *)"demo";
    t->playbook.persona = cJSON_Parse("{\"name\":\"小福\",\"call\":\"宝子\"}");
    t->playbook.staff_chat = (char *)"qq1:700000099";
    t->binding.id = ++fake_binding_id;
    t->binding.playbook = &t->playbook;
    t->binding.book = &t->book;
    t->binding.flow = f;
    int nparams = f ? flow_info(f)->nparams : 0;
    t->slots = calloc((size_t)nparams + 1, sizeof *t->slots);
    for (int i = 0; i < nparams; i++)
        t->slots[i].value = (cJSON *)flow_info(f)->params[i].preset;
    t->binding.values = values_root(t->slots, nparams);
    rng_seed(&t->rng, 7);
}

FAKE_API void fake_drop_writes(struct turn *t, int keep)
{
    while (t->nwrites > keep) {
        struct fake_write *w = &t->writes[--t->nwrites];
        for (int i = 0; i < w->argc; i++)
            free(w->argv[i]);
        free(w->argv);
        free(w->len);
    }
}

FAKE_API void fake_turn_end(struct turn *t)
{
    if (t->binding.flow)
        host_forget_binding(t->binding.flow, &t->binding);
    fake_drop_writes(t, 0);
    buf_free(&t->sent);
    buf_free(&t->acts);
    buf_free(&t->command);
    values_release(t->binding.values);
    free(t->slots);
    cJSON_Delete(t->playbook.persona);
    event_free(t->event);
    t->event = NULL;
}

/* Sends the writes to Redis, as a commit would. */
FAKE_API void fake_commit(struct turn *t)
{
    for (int i = 0; i < t->nwrites; i++) {
        struct fake_write *w = &t->writes[i];
        redisReply *r = redisCommandArgv(fake_redis, w->argc, (const char **)w->argv, w->len);
        assert_non_null(r);
        if (r->type == REDIS_REPLY_ERROR)
            fail_msg("%s %s: %s", w->argv[0], w->argv[1], r->str);
        freeReplyObject(r);
    }
    fake_drop_writes(t, 0);
}

FAKE_API void fake_message(struct turn *t, const char *text)
{
    struct event *e = event_new(EVENT_MESSAGE, 0);
    struct segment *s = event_room(e, sizeof *s);
    e->text = event_string(e, text, strlen(text));
    e->user = event_string(e, t->user, strlen(t->user));
    e->name = "小美";
    e->chat = t->chat;
    e->message_id = "m1";
    e->role = "member";
    e->time_ms = t->time_ms;
    *s = (struct segment){SEGMENT_TEXT, "text", "", e->text};
    e->segments = s;
    e->nsegments = 1;
    event_free(t->event);
    t->event = e;
}

FAKE_API void fake_on_ready(void *ud, struct turn *t)
{
    (void)ud;
    t->ready = true;
}

/* Answers what the turn waits for. False: nothing. */
FAKE_API bool fake_answer(struct turn *t)
{
    if (t->ask_fn) {
        static const struct gateway_member members[] = {{"1", "甲", "owner", 5},
                                                        {"2", "乙", "member", 6}};
        struct gateway_response r = {.ok = true, .members = members, .nmembers = 2};
        void (*fn)(void *, const struct gateway_response *) = t->ask_fn;
        t->ask_fn = NULL;
        fn(t->ask_ud, &r);
        return true;
    }
    if (!t->fn)
        return false;
    redis_fn fn = t->fn;
    t->fn = NULL;
    redisReply *r = fake_redis ? fake_ask(t->command.data, t->command.len) : NULL;
    fn(t->fn_ud, r);
    if (r)
        freeReplyObject(r);
    return true;
}

/* Answers until the handler no longer waits for Redis or the gateway. */
FAKE_API void fake_finish(struct turn *t, struct host_outcome *out)
{
    while (out->status == HOST_WAITING) {
        assert_true(fake_answer(t));
        assert_true(t->ready);
        t->ready = false;
        host_resume(t, out);
    }
}

/* Runs one handler to its end, or until it parks. */
FAKE_API void fake_run(struct flow *f, int index, struct turn *t, struct host_outcome *out)
{
    t->mark = t->nwrites;
    struct host_how how = {.seed = 7, .record = t->record || host_records(f, index)};
    host_start(f, index, t, &t->binding, &how, out);
    fake_finish(t, out);
    if (out->status == HOST_FAILED)
        fake_drop_writes(t, t->mark);
}

/* ---- turn.h ---- */

enum turn_cause turn_cause(const struct turn *t)
{
    return t->cause;
}
const struct event *turn_event(const struct turn *t)
{
    return t->event;
}
const char *turn_gateway(const struct turn *t)
{
    return t->gateway;
}
const char *turn_chat(const struct turn *t)
{
    return t->chat;
}
const char *turn_chat_name(const struct turn *t)
{
    return t->chat_name;
}
const char *turn_self(const struct turn *t)
{
    return t->self;
}
unsigned turn_caps(const struct turn *t)
{
    return t->caps;
}
const struct binding *turn_binding(const struct turn *t)
{
    return &t->binding;
}
const char *turn_user(const struct turn *t)
{
    return t->user;
}
const char *turn_name(const struct turn *t)
{
    return t->event ? t->event->name : "";
}
const char *turn_word(const struct turn *t)
{
    return t->word;
}
bool turn_refused(const struct turn *t)
{
    (void)t;
    return false;
}
const char *turn_args(const struct turn *t)
{
    return t->args;
}
const char *turn_timer_args(const struct turn *t)
{
    return t->timer_args;
}
int64_t turn_due_ms(const struct turn *t)
{
    return t->due_ms;
}
int64_t turn_time_ms(const struct turn *t)
{
    return t->time_ms;
}
int64_t turn_now_ms(const struct turn *t)
{
    return t->now_ms;
}
struct rng *turn_rng(struct turn *t)
{
    return &t->rng;
}
void turn_set_handler(struct turn *t, void *handler)
{
    t->handler = handler;
}
void *turn_handler(const struct turn *t)
{
    return t->handler;
}
bool turn_tallied(const struct turn *t, int64_t *day)
{
    (void)t, (void)day;
    return false;
}

int64_t turn_tally_keep(const struct turn *t)
{
    (void)t;
    return 0;
}

void turn_count(struct turn *t, const char *field, int64_t n, int64_t day)
{
    (void)t, (void)field, (void)n, (void)day;
}

void turn_count_event(struct turn *t, const char *name, const char *data, size_t len)
{
    (void)t, (void)name, (void)data, (void)len;
}

int64_t turn_size(const struct turn *t)
{
    (void)t;
    return -1;
}

int64_t turn_traffic(const struct turn *t, int64_t window_ms)
{
    return t->event ? window_ms / 1000 : 0;
}
int64_t turn_quiet_until(const struct turn *t, int64_t at_ms)
{
    (void)at_ms;
    return t->quiet_until;
}

enum role turn_role(const struct turn *t, const char *user, const char *platform_role)
{
    (void)t;
    if (strcmp(user, "boss") == 0)
        return ROLE_OWNER;
    return strcmp(platform_role, "admin") == 0 ? ROLE_KEEPER : ROLE_MEMBER;
}

bool turn_opted_out(const struct turn *t, const char *user)
{
    return t->opted && strcmp(t->opted, user) == 0;
}
void turn_each_flow(struct turn *t, const char *chat,
                    void (*fn)(void *ud, const struct turn_flow *f), void *ud)
{
    (void)chat;
    const struct playbook *p = turn_binding(t)->playbook;
    for (int i = 0; i < p->nflows; i++) {
        const struct flow_info *info = flow_info(p->flows[i].flow);
        bool on = strcmp(info->name, "off") != 0;
        fn(ud, &(struct turn_flow){info->name, info->title, on, "playbook", NULL, NULL});
    }
}
void turn_each_pause(struct turn *t, const char *chat,
                     void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    (void)t, (void)chat, (void)fn, (void)ud;
}
void turn_each_staff(const struct turn *t, const char *chat,
                     void (*fn)(void *ud, const struct turn_staff *s), void *ud)
{
    (void)chat;
    const struct playbook *p = turn_binding(t)->playbook;
    const struct book *b = turn_binding(t)->book;
    for (int i = 0; i < b->nstaff; i++)
        fn(ud, &(struct turn_staff){strchr(b->staff[i].user, ':') + 1, b->staff[i].role,
                                    "configuration", NULL});
    for (int i = 0; i < p->nstaff; i++)
        fn(ud, &(struct turn_staff){strchr(p->staff[i].user, ':') + 1, p->staff[i].role, "playbook",
                                    NULL});
}
void turn_each_group(struct turn *t, const char *user, enum role least, unsigned which,
                     void (*fn)(void *ud, const struct turn_group *g), void *ud)
{
    (void)t, (void)user, (void)which;
    fn(ud, &(struct turn_group){.chat = "700000002", .name = "demo", .role = least});
}
bool turn_role_everywhere(const struct turn *t, const char *user, enum role least)
{
    (void)t, (void)least;
    return strcmp(user, "boss") == 0;
}
void turn_each_command(struct turn *t, const char *chat, const char *user,
                       void (*fn)(void *ud, const struct turn_command *c), void *ud)
{
    (void)t, (void)chat, (void)user, (void)fn, (void)ud;
}
const char *turn_said_in(struct turn *t, const char *chat, const char *text,
                         const char *const *mentions, int nmentions)
{
    buf_addf(&t->acts, "said %s %s %d %s\n", chat, text, nmentions, nmentions ? mentions[0] : "-");
    return NULL;
}

bool turn_read(struct turn *t, const char *resp, size_t len, redis_fn fn, void *ud)
{
    assert_null(t->fn);
    t->reads++;
    if (t->store_down)
        return false;
    buf_reset(&t->command);
    buf_add(&t->command, resp, len);
    t->fn = fn;
    t->fn_ud = ud;
    return true;
}

void turn_key(const struct turn *t, struct buf *out, const char *kind, ...)
{
    buf_addf(out, "sopd:{%s}:%s", t->gateway, kind);
    va_list ap;
    va_start(ap, kind);
    for (const char *part = va_arg(ap, const char *); part; part = va_arg(ap, const char *)) {
        buf_addc(out, ':');
        buf_add_key(out, part);
    }
    va_end(ap);
}

bool turn_write(struct turn *t, int argc, const char *const *argv, const size_t *argvlen)
{
    if (t->nwrites == 2000)
        return false;
    struct fake_write *w = &t->writes[t->nwrites++];
    w->argc = argc;
    w->argv = mem_alloc(sizeof *w->argv * (size_t)argc);
    w->len = mem_alloc(sizeof *w->len * (size_t)argc);
    for (int i = 0; i < argc; i++) {
        w->len[i] = argvlen ? argvlen[i] : strlen(argv[i]);
        w->argv[i] = mem_alloc(w->len[i] + 1);
        memcpy(w->argv[i], argv[i], w->len[i]);
        w->argv[i][w->len[i]] = '\0';
    }
    return true;
}

bool turn_expose(struct turn *t, const struct turn_exposure *x)
{
    const char *argv[] = {"HSET", "fake:experiment", x->unit, x->variant};
    return !x->fresh || turn_write(t, 4, argv, NULL);
}

bool turn_emit(struct turn *t, const char *kind, const char *name, int64_t time_ms,
               const char *data, size_t len)
{
    char key[64], time[24];
    const char *argv[] = {"XADD", key,       "MAXLEN",   "~",    "1000000", "*",    "name",
                          name,   "gateway", t->gateway, "chat", t->chat,   "user", t->user,
                          "flow", "x",       "time",     time,   "data",    data};
    size_t lens[20];
    snprintf(key, sizeof key, "sopd:%s:{%s}", kind, t->gateway);
    snprintf(time, sizeof time, "%lld", (long long)time_ms);
    for (int i = 0; i < 20; i++)
        lens[i] = i == 19 ? len : strlen(argv[i]);
    return turn_write(t, 20, argv, lens);
}

FAKE_API bool fake_is_key(const struct fake_write *w, const char *key, size_t len)
{
    return w->argc > 1 && w->len[1] == len && memcmp(w->argv[1], key, len) == 0;
}

int turn_writes_of(const struct turn *t, const char *key, size_t len)
{
    int n = 0;
    for (int i = 0; i < t->nwrites; i++)
        n += fake_is_key(&t->writes[i], key, len);
    return n;
}

void turn_each_write(const struct turn *t, const char *key, size_t len,
                     void (*fn)(void *ud, int argc, const char *const *argv, const size_t *argvlen),
                     void *ud)
{
    for (int i = 0; i < t->nwrites; i++)
        if (fake_is_key(&t->writes[i], key, len))
            fn(ud, t->writes[i].argc, (const char *const *)t->writes[i].argv, t->writes[i].len);
}

const char *turn_send(struct turn *t, const struct turn_message *m)
{
    static const char *const kinds[] = {"text", "at", "image", "face", "reply"};
    if (t->nsent == 20)
        return "more than 20 messages in one turn";
    if (m->chat && m->chat[0] == '@' && !(t->caps & GATEWAY_DM))
        return "this gateway cannot write to a person directly (dm)";
    t->nsent++;
    if (m->gateway && strcmp(m->gateway, t->gateway) != 0)
        buf_addf(&t->sent, "%s:", m->gateway);
    if (m->chat)
        buf_addf(&t->sent, "%s|", m->chat);
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        if (s->type == SEGMENT_TEXT)
            buf_add(&t->sent, s->text, s->text_len);
        else
            buf_addf(&t->sent, "[%s:%s]", kinds[s->type], s->id);
    }
    if (m->policy)
        buf_adds(&t->sent, m->policy == POLICY_DROP ? " drop" : " resend");
    if (m->late_ms)
        buf_addf(&t->sent, " late=%lld", (long long)m->late_ms);
    buf_addc(&t->sent, '\n');
    return NULL;
}

const char *turn_act(struct turn *t, const struct gateway_request *r)
{
    buf_addf(&t->acts, "act %d %s %s %lld\n", r->action, r->user ? r->user : "-",
             r->arg ? r->arg : "-", (long long)r->number);
    return NULL;
}

const char *turn_ask(struct turn *t, const struct gateway_request *r,
                     void (*fn)(void *ud, const struct gateway_response *r), void *ud)
{
    assert_int_equal(r->action, ACTION_MEMBERS);
    t->ask_fn = fn;
    t->ask_ud = ud;
    return NULL;
}

const char *turn_timer_in(struct turn *t, const char *chat, const char *name, const char *key,
                          int64_t due_ms, const char *args, const char *user)
{
    buf_addf(&t->acts, "timer %s %s %s %lld %s%s\n", chat ? chat : "-", name, key,
             (long long)(due_ms < 0 ? -1 : due_ms - t->now_ms), args, user ? " nobody's" : "");
    return NULL;
}

bool turn_claim(struct turn *t, const char *key)
{
    (void)t;
    return strcmp(key, "taken") != 0;
}

bool turn_is_late(const struct turn *t)
{
    const struct event *e = turn_event(t);
    return e && e->late;
}

bool turn_answering(const struct turn *t)
{
    const struct event *e = t->event;
    return e && (e->type == EVENT_MESSAGE || e->type == EVENT_BUTTON || e->type == EVENT_ENTER ||
                 e->type == EVENT_POKE);
}

const char *turn_run_id(const struct turn *t)
{
    (void)t;
    return "00000000000000aa";
}

const char *turn_run_start(struct turn *t, const char *flow, const char *handler, const char *chat,
                           const char *user, const char *args, const char *key, char id[17])
{
    buf_addf(&t->acts, "start %s %s %s %s %s %s\n", flow, handler, chat ? chat : "-", user,
             *args ? args : "-", key ? key : "-");
    snprintf(id, 17, "00000000000000bb");
    return NULL;
}

void turn_run_cancel(struct turn *t, const char *chat, const char *id, const char *key)
{
    buf_addf(&t->acts, "cancel %s %s %s\n", chat ? chat : "-", id, key ? key : "-");
}

int64_t turn_llm_timeout(const struct turn *t)
{
    (void)t;
    return 8000;
}

void turn_opt_out(struct turn *t, const char *user, bool out)
{
    buf_addf(&t->acts, "opt_out %s %d\n", user, out);
}

void turn_forget(struct turn *t, const char *user)
{
    buf_addf(&t->acts, "forget %s\n", user);
}

bool turn_set(struct turn *t, enum turn_setting what, const char *chat, const char *field,
              const char *value)
{
    buf_addf(&t->acts, "%s %s %s %s\n", what == SETTING_TOGGLE ? "toggle" : "pause",
             chat ? chat : "-", field, value ? value : "-");
    return true;
}

/* ---- flows from strings ---- */

FAKE_API void fake_write_file(const char *dir, const char *path, const char *text)
{
    char name[300], *slash;
    snprintf(name, sizeof name, "%s/%s", dir, path);
    for (slash = strchr(name + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *out = fopen(name, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* ---- a host with one folder, and scripts run in it ---- */

static struct host *fake_host;
static char fake_sop[] = "/tmp/sopd-host-XXXXXX";
static const char *fake_folders[2];

FAKE_API void fake_host_start(size_t memory, int64_t budget)
{
    assert_non_null(mkdtemp(fake_sop));
    fake_folders[0] = fake_sop;
    struct host_opts opts = {
        .sop = fake_folders, .on_ready = fake_on_ready, .memory_max = memory, .budget = budget};
    fake_host = host_create(&opts);
}

FAKE_API void fake_host_stop(void)
{
    char command[80];
    host_destroy(fake_host);
    snprintf(command, sizeof command, "rm -rf %s", fake_sop);
    if (system(command) != 0)
        perror("rm");
}

/* Loads a file of this text as flow "t"; NULL with the problems in err. */
FAKE_API struct flow *fake_load_text(const char *text, struct buf *err)
{
    fake_write_file(fake_sop, "flows/t.lua", text);
    return host_load(fake_host, "t", err);
}

/* Loads `local flow = sop.flow("t", <options>)`, the body, `return flow`; fails the test if that fails. */
FAKE_API struct flow *fake_load(const char *options, const char *body)
{
    struct buf text = {0}, err = {0};
    buf_addf(&text, "local flow = sop.flow('t', %s)\n%s\nreturn flow\n", options, body);
    struct flow *f = fake_load_text(buf_cstr(&text), &err);
    if (!f)
        fail_msg("%s", buf_cstr(&err));
    buf_free(&text);
    buf_free(&err);
    return f;
}

/* Runs a script as the body of a handler for the message "hello", with params from `options`; the caller looks at t and
 * calls fake_turn_end and flow_release. */
FAKE_API struct flow *fake_script(const char *options, const char *script, struct turn *t,
                                  struct host_outcome *out)
{
    struct buf body = {0};
    buf_addf(&body, "flow:on('message', function(c)\n%s\nend)", script);
    struct flow *f = fake_load(options, buf_cstr(&body));
    buf_free(&body);
    fake_turn_init(t, f);
    fake_message(t, "hello");
    fake_run(f, 0, t, out);
    return f;
}

/* Runs a script that must succeed. */
FAKE_API void fake_ok(const char *script)
{
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_script("{}", script, &t, &out);
    if (out.status != HOST_DONE)
        fail_msg("%s\n--- in ---\n%s", out.error, script);
    fake_turn_end(&t);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

/* Runs a script that must fail like this. */
FAKE_API void fake_fails(const char *script, enum host_failure failure, const char *text)
{
    static struct turn t;
    struct host_outcome out;
    struct flow *f = fake_script("{}", script, &t, &out);
    if (out.status != HOST_FAILED)
        fail_msg("it did not fail: %s", script);
    if (!strstr(out.error, text))
        fail_msg("expected \"%s\" in\n%s\n--- in ---\n%s", text, out.error, script);
    assert_int_equal(out.failure, failure);
    assert_int_equal(t.nwrites, 0);
    fake_turn_end(&t);
    flow_release(f);
    assert_int_equal(host_coroutines(fake_host), 0);
}

#endif
