/* ctl_runs_find.c -- finds runs in Redis for `sopd ctl runs` and `migrate` (ctl_runs.h). Reading is done here and not by the
 * daemon: there may be a million of them, and looking must cost the daemon nothing and work while it is down.
 * Goes through the keys with SCAN, reads the beginnings of a step's records in one pipeline (headers are what is filtered by), and
 * whole records only of those that are wanted. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"
#include "store/keys.h"

enum { RUNS_BEGINNING = 2048, RUNS_GATEWAY_MAX = 64 };

struct ctl_pin {
    char *key; /* of the pin in Redis */
    cJSON *json;
    UT_hash_handle hh;
};

struct ctl_chat {
    char *key; /* "<gateway>|<chat>" */
    char *name;
    UT_hash_handle hh;
};

/* One step: ids of one or more gateways that were found together. */
struct step {
    struct runs *r;
    const struct runs_filter *filter;
    bool (*fn)(void *ud, struct ctl_run *run);
    void *ud;
    struct step_run {
        char gateway[RUNS_GATEWAY_MAX];
        char id[RUN_ID_LEN + 1];
    } * runs;
    size_t n, cap;
    bool at_once; /* few: read them whole, without a look at their headers before */
    bool ended;
};

/* ---- Redis ---- */

static void runs_key(struct buf *key, const char *gateway, const char *kind, const char *id)
{
    key_of_gateway(key, gateway, kind);
    if (id) {
        buf_addc(key, ':');
        buf_add_key(key, id);
    }
}

static int runs_broken(struct runs *r)
{
    fprintf(stderr, "sopd ctl: Redis: %s\n", r->redis->errstr);
    return CLI_NO_REDIS;
}

/* The next answer of a pipeline; NULL: the connection is lost. The caller frees it. */
static redisReply *runs_reply(struct runs *r)
{
    void *reply = NULL;
    return redisGetReply(r->redis, &reply) == REDIS_OK ? reply : NULL;
}

int runs_open(struct runs *r, const struct ctl *c)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    memset(r, 0, sizeof *r);
    r->ctl = c;
    r->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    r->redis = ctl_redis(c);
    return r->redis ? CLI_OK : CLI_NO_REDIS;
}

void runs_close(struct runs *r)
{
    struct ctl_pin *p, *next_pin;
    struct ctl_chat *chat, *next_chat;
    HASH_ITER (hh, r->pins, p, next_pin) {
        HASH_DEL(r->pins, p);
        cJSON_Delete(p->json);
        free(p->key);
        free(p);
    }
    HASH_ITER (hh, r->chats, chat, next_chat) {
        HASH_DEL(r->chats, chat);
        free(chat->key);
        free(chat->name);
        free(chat);
    }
    cJSON_Delete(r->loaded);
    if (r->redis)
        redisFree(r->redis);
}

/* ---- what runs refer to ---- */

const char *ctl_pin_flow(const struct ctl_pin *p)
{
    return p ? ctl_string(p->json, "flow") : "";
}

const char *ctl_pin_version(const struct ctl_pin *p)
{
    return p ? ctl_string(p->json, "version") : "";
}

const struct cJSON *ctl_pin_params(const struct ctl_pin *p)
{
    return p ? cJSON_GetObjectItemCaseSensitive(p->json, "params") : NULL;
}

/* Reads a pin once. NULL: it is not there. */
static const struct ctl_pin *runs_pin(struct runs *r, const char *gateway, const char *id)
{
    struct buf key = {0};
    struct ctl_pin *p = NULL;
    if (!*id)
        return NULL;
    runs_key(&key, gateway, "pin", id);
    HASH_FIND_STR(r->pins, buf_cstr(&key), p);
    if (!p) {
        redisReply *reply = redisCommand(r->redis, "GET %s", buf_cstr(&key));
        p = MEM_NEW(struct ctl_pin);
        if (reply && reply->type == REDIS_REPLY_STRING)
            p->json = cJSON_ParseWithLength(reply->str, reply->len);
        freeReplyObject(reply);
        p->key = buf_take(&key);
        HASH_ADD_KEYPTR(hh, r->pins, p->key, strlen(p->key), p);
    }
    buf_free(&key);
    return cJSON_IsObject(p->json) ? p : NULL;
}

const char *runs_chat_name(struct runs *r, const char *gateway, const char *chat)
{
    struct buf key = {0}, hash = {0};
    struct ctl_chat *found = NULL;
    buf_addf(&key, "%s|%s", gateway, chat);
    HASH_FIND_STR(r->chats, buf_cstr(&key), found);
    if (!found) {
        runs_key(&hash, gateway, "chats", NULL);
        redisReply *reply = redisCommand(r->redis, "HGET %s %s", buf_cstr(&hash), chat);
        cJSON *json = reply && reply->type == REDIS_REPLY_STRING
                          ? cJSON_ParseWithLength(reply->str, reply->len)
                          : NULL;
        found = MEM_NEW(struct ctl_chat);
        found->name = mem_strdup(ctl_string(json, "name"));
        found->key = buf_take(&key);
        HASH_ADD_KEYPTR(hh, r->chats, found->key, strlen(found->key), found);
        cJSON_Delete(json);
        freeReplyObject(reply);
    }
    buf_free(&key);
    buf_free(&hash);
    return found->name;
}

const char *runs_newest(struct runs *r, const char *flow)
{
    const cJSON *item;
    if (!r->asked) {
        struct ctl quiet = *r->ctl;
        cJSON *request = cJSON_CreateObject();
        quiet.quiet = r->asked = true;
        cJSON_AddStringToObject(request, "op", "flows");
        r->loaded = ctl_ask(&quiet, request);
    }
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(r->loaded, "flows")) {
        if (strcmp(ctl_string(item, "flow"), flow) == 0)
            return ctl_string(item, "version");
    }
    return NULL;
}

/* ---- steps ---- */

bool runs_is_id(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return n == RUN_ID_LEN && !text[n];
}

static void step_add(struct step *s, const char *gateway, size_t len, const char *id)
{
    if (len >= RUNS_GATEWAY_MAX || !runs_is_id(id))
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->runs = mem_realloc(s->runs, s->cap * sizeof *s->runs);
    }
    struct step_run *run = &s->runs[s->n++];
    memcpy(run->gateway, gateway, len);
    run->gateway[len] = 0;
    memcpy(run->id, id, sizeof run->id);
}

/* Of "sopd:{qq1}:run:<id>". */
static void step_add_key(struct step *s, const char *key)
{
    const char *gateway = key + strlen("sopd:{"), *end = strchr(key, '}');
    if (end && strncmp(end, "}:run:", 6) == 0)
        step_add(s, gateway, (size_t)(end - gateway), end + 6);
}

static bool step_chat_fits(const struct runs_filter *f, const struct ctl_run *run, const char *chat)
{
    const char *bare;
    if (strcmp(f->chat, chat) == 0)
        return true;
    char *gateway = ctl_split_chat(f->chat, &bare);
    bool fits = gateway && strcmp(gateway, run->gateway) == 0 && strcmp(bare, chat) == 0;
    free(gateway);
    return fits;
}

/* A run without a readable record is known by what it was parked with. */
static bool step_fits(const struct runs_filter *f, const struct ctl_run *run)
{
    const char *chat = ctl_string(run->header ? run->header : run->parked, "chat");
    const char *flow = run->pin ? ctl_pin_flow(run->pin) : ctl_string(run->parked, "flow");
    return (!f->chat || step_chat_fits(f, run, chat)) && (!f->flow || strcmp(f->flow, flow) == 0) &&
           (!f->user || strcmp(f->user, run_record_user(run->header)) == 0);
}

static void step_append(struct step *s, const struct step_run *run, bool whole)
{
    struct buf key = {0};
    runs_key(&key, run->gateway, "run", run->id);
    redisAppendCommand(s->r->redis, whole ? "GET %s" : "GETRANGE %s 0 %d", buf_cstr(&key),
                       RUNS_BEGINNING - 1);
    if (whole) {
        buf_reset(&key);
        runs_key(&key, run->gateway, "parked", NULL);
        redisAppendCommand(s->r->redis, "HGET %s %s", buf_cstr(&key), run->id);
    }
    buf_free(&key);
}

/* Looks at one run that was read and hands it on if it fits. Keeps what it needs again in `again`. */
static void step_look(struct step *s, const struct step_run *at, const redisReply *data,
                      const redisReply *parked, bool whole, struct step *again)
{
    struct ctl_run run = {.gateway = at->gateway};
    memcpy(run.id, at->id, sizeof run.id);
    if (data && data->type == REDIS_REPLY_STRING && data->len) {
        run.data = data->str;
        run.len = data->len;
        run.whole = whole || data->len < RUNS_BEGINNING;
        run.header = run_record_header(run.data, run.len);
    }
    if (parked && parked->type == REDIS_REPLY_STRING)
        run.parked = cJSON_ParseWithLength(parked->str, parked->len);
    if (run.header)
        run.pin = runs_pin(s->r, run.gateway, ctl_string(run.header, "pin"));
    if (!whole && run.data && !run.header && !run.whole) {
        step_add(again, at->gateway, strlen(at->gateway), at->id); /* a long first line */
    } else if ((run.data || run.parked) && (run.parked || !s->filter->stuck) &&
               step_fits(s->filter, &run)) {
        if (!whole && s->filter->whole)
            step_add(again, at->gateway, strlen(at->gateway), at->id);
        else
            s->ended = !s->fn(s->ud, &run);
    }
    cJSON_Delete(run.header);
    cJSON_Delete(run.parked);
}

/* Reads the records of the step in one pipeline. `again` takes those of which more must be read; NULL: these are read whole. */
static int step_read(struct step *s, struct step *again)
{
    bool whole = !again;
    int code = CLI_OK;
    redisReply **replies = mem_zero((s->n + 1) * 2 * sizeof *replies);
    for (size_t i = 0; i < s->n; i++)
        step_append(s, &s->runs[i], whole);
    for (size_t i = 0; i < s->n * (whole ? 2 : 1) && code == CLI_OK; i++) {
        replies[whole ? i : i * 2] = runs_reply(s->r);
        if (!replies[whole ? i : i * 2])
            code = runs_broken(s->r);
    }
    for (size_t i = 0; i < s->n && code == CLI_OK && !s->ended; i++)
        step_look(s, &s->runs[i], replies[i * 2], replies[i * 2 + 1], whole, again);
    for (size_t i = 0; i < s->n * 2; i++)
        freeReplyObject(replies[i]);
    free(replies);
    s->n = 0;
    return code;
}

/* Works the step off: first the beginnings, then what is wanted whole. */
static int step_run(struct step *s)
{
    struct step again = {.r = s->r, .filter = s->filter, .fn = s->fn, .ud = s->ud};
    if (s->at_once)
        return step_read(s, NULL);
    int code = step_read(s, &again);
    if (code == CLI_OK && again.n && !s->ended) {
        code = step_read(&again, NULL);
        s->ended = again.ended;
    }
    free(again.runs);
    return code;
}

/* ---- ways to find them ---- */

/* Goes on with a SCAN or HSCAN; what it found is in the reply, which the caller frees. NULL: the connection is lost, or refused. */
static redisReply *runs_scan(struct runs *r, const char *key, const char *pattern, char cursor[32],
                             int *code)
{
    redisReply *reply =
        key ? redisCommand(r->redis, "HSCAN %s %s COUNT 500", key, cursor)
            : redisCommand(r->redis, "SCAN %s MATCH %s COUNT 1000", cursor, pattern);
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        snprintf(cursor, 32, "%s", reply->element[0]->str);
        return reply;
    }
    if (reply)
        fprintf(stderr, "sopd ctl: Redis: %s\n", reply->str ? reply->str : "a strange answer");
    *code = reply ? CLI_FAILED : runs_broken(r);
    freeReplyObject(reply);
    return NULL;
}

static int runs_each_parked_of(struct step *s, const char *gateway)
{
    struct buf key = {0};
    char cursor[32] = "0";
    int code = CLI_OK;
    runs_key(&key, gateway, "parked", NULL);
    do {
        redisReply *reply = runs_scan(s->r, buf_cstr(&key), NULL, cursor, &code);
        if (!reply)
            break;
        for (size_t i = 0; i + 1 < reply->element[1]->elements; i += 2)
            step_add(s, gateway, strlen(gateway), reply->element[1]->element[i]->str);
        freeReplyObject(reply);
        code = step_run(s);
    } while (code == CLI_OK && !s->ended && strcmp(cursor, "0") != 0);
    buf_free(&key);
    return code;
}

/* Of every gateway that has parked runs: the keys `parked` are looked for, as SCAN finds them. */
static int runs_each_parked(struct step *s)
{
    char cursor[32] = "0";
    int code = CLI_OK;
    do {
        redisReply *reply = runs_scan(s->r, NULL, "sopd:{*}:parked", cursor, &code);
        for (size_t i = 0; reply && i < reply->element[1]->elements && code == CLI_OK; i++) {
            const char *gateway = reply->element[1]->element[i]->str + strlen("sopd:{");
            const char *end = strchr(gateway, '}');
            char *name = end ? mem_strndup(gateway, (size_t)(end - gateway)) : NULL;
            if (name && strcmp(end, "}:parked") == 0)
                code = runs_each_parked_of(s, name);
            free(name);
        }
        freeReplyObject(reply);
    } while (code == CLI_OK && !s->ended && strcmp(cursor, "0") != 0);
    return code;
}

static int runs_each_key(struct step *s, const char *pattern)
{
    char cursor[32] = "0";
    int code = CLI_OK;
    do {
        redisReply *reply = runs_scan(s->r, NULL, pattern, cursor, &code);
        if (!reply)
            break;
        for (size_t i = 0; i < reply->element[1]->elements; i++)
            step_add_key(s, reply->element[1]->element[i]->str);
        freeReplyObject(reply);
        code = step_run(s);
    } while (code == CLI_OK && !s->ended && strcmp(cursor, "0") != 0);
    return code;
}

int runs_each(struct runs *r, const struct runs_filter *f,
              bool (*fn)(void *ud, struct ctl_run *run), void *ud)
{
    struct step s = {.r = r, .filter = f, .fn = fn, .ud = ud, .at_once = f->stuck};
    struct buf pattern = {0};
    int code;
    if (f->stuck && f->gateway) {
        code = runs_each_parked_of(&s, f->gateway);
    } else if (f->stuck) {
        code = runs_each_parked(&s);
    } else {
        runs_key(&pattern, f->gateway ? f->gateway : "*", "run", "*");
        code = runs_each_key(&s, buf_cstr(&pattern));
    }
    buf_free(&pattern);
    free(s.runs);
    return code;
}

struct find {
    bool (*fn)(void *ud, struct ctl_run *run);
    void *ud;
    bool found;
};

static bool find_one(void *ud, struct ctl_run *run)
{
    struct find *f = ud;
    f->found = true;
    f->fn(f->ud, run);
    return false;
}

int runs_find(struct runs *r, const char *gateway, const char *id,
              bool (*fn)(void *ud, struct ctl_run *run), void *ud)
{
    const struct runs_filter all = {0};
    const struct ctl *c = r->ctl;
    struct find f = {.fn = fn, .ud = ud};
    struct step s = {.r = r, .filter = &all, .fn = find_one, .ud = &f, .at_once = true};
    if (gateway)
        step_add(&s, gateway, strlen(gateway), id);
    for (int i = 0; !gateway && i < c->ngateways; i++)
        step_add(&s, c->gateways[i], strlen(c->gateways[i]), id);
    int code = step_run(&s);
    if (code == CLI_OK && !f.found &&
        !gateway) { /* of a gateway that the configuration does not name */
        struct buf pattern = {0};
        runs_key(&pattern, "*", "run", id);
        code = runs_each_key(&s, buf_cstr(&pattern));
        buf_free(&pattern);
    }
    free(s.runs);
    return code;
}
