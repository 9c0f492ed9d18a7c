/* experiment.c -- see experiment.h. An exposure and an outcome are words of the commit script (EXPOSE, OUTCOME), so both happen with
 * their turn, once; the script looks whether the unit is exposed, and nothing is read for it here. */
#include "engine/turn/experiment.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { EXPERIMENT_KEEP_S = 400 * 86400, EXPERIMENT_USERS = 200 };

struct experiment {
    char *name, *def;
    char *outcome, *per; /* names of events; NULL none */
    bool members;        /* units are members, else chats */
    bool stored;         /* Redis has this definition */
    UT_hash_handle hh;
};

static void experiment_clear(struct experiment *x)
{
    free(x->def);
    free(x->outcome);
    free(x->per);
    x->def = x->outcome = x->per = NULL;
}

static char *experiment_text(const cJSON *def, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(def, key));
    return s ? mem_strdup(s) : NULL;
}

static struct experiment *experiment_set(struct gw *gw, const char *name, const char *text)
{
    struct experiment *x;
    HASH_FIND_STR(gw->experiments, name, x);
    if (x && strcmp(x->def, text) == 0)
        return x;
    if (!x) {
        x = MEM_NEW(struct experiment);
        x->name = mem_strdup(name);
        HASH_ADD_KEYPTR(hh, gw->experiments, x->name, strlen(x->name), x);
    }
    experiment_clear(x);
    cJSON *def = cJSON_Parse(text);
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(def, "by"));
    x->def = mem_strdup(text);
    x->outcome = experiment_text(def, "outcome");
    x->per = experiment_text(def, "per");
    x->members = by && strcmp(by, "member") == 0;
    x->stored = false;
    cJSON_Delete(def);
    return x;
}

static void experiments_loaded(void *ud, const struct redisReply *r)
{
    struct gw *gw = ud;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
        experiment_set(gw, r->element[i]->str, r->element[i + 1]->str)->stored = true;
}

void experiments_load(struct gw *gw)
{
    struct buf key = {0};
    gw_key(gw, &key, "experiments");
    redis_command(gw->e->redis, experiments_loaded, gw, 2,
                  (const char *[]){"HGETALL", buf_cstr(&key)}, NULL);
    buf_free(&key);
}

void experiments_free(struct gw *gw)
{
    struct experiment *x, *tmp;
    HASH_ITER (hh, gw->experiments, x, tmp) {
        HASH_DEL(gw->experiments, x);
        experiment_clear(x);
        free(x->name);
        free(x);
    }
}

/* ---- exposures ---- */

static bool experiment_expose(struct turn *t, const struct turn_exposure *x)
{
    enum { HEAD = 6 };
    const char *argv[HEAD + EMIT_WORDS];
    struct buf key = {0}, value = {0}, data = {0};
    const char *unit = x->unit + 2; /* behind "g|" or "m|" */
    turn_key(t, &key, "experiment", x->name, NULL);
    buf_addf(&value, "%s %lld", x->variant, (long long)(x->time_ms / 1000));
    buf_adds(&data, "{\"experiment\":");
    buf_add_json(&data, x->name, strlen(x->name));
    buf_adds(&data, ",\"variant\":");
    buf_add_json(&data, x->variant, strlen(x->variant));
    buf_addf(&data, ",\"by\":\"%s\",\"unit\":", x->unit[0] == 'm' ? "member" : "group");
    buf_add_json(&data, unit, strlen(unit));
    buf_addc(&data, '}');
    argv[0] = "EXPOSE";
    argv[1] = buf_cstr(&key);
    argv[2] = x->unit;
    argv[3] = buf_cstr(&value);
    argv[4] = x->was;
    argv[5] = log_int(EXPERIMENT_KEEP_S);
    emit_words(t, "events", "exposed", x->time_ms, buf_cstr(&data), argv + HEAD);
    bool ok = turn_write(t, HEAD + EMIT_WORDS, argv, NULL);
    buf_free(&key);
    buf_free(&value);
    buf_free(&data);
    return ok;
}

bool turn_expose(struct turn *t, const struct turn_exposure *x)
{
    bool stored = experiment_set(t->gw, x->name, x->def)->stored, ok = true;
    if (!stored || x->fresh) {
        struct buf key = {0};
        gw_key(t->gw, &key, "experiments");
        ok = turn_write(t, 4, (const char *[]){"HSET", buf_cstr(&key), x->name, x->def}, NULL);
        turn_add_after(t, AFTER_EXPERIMENT, x->name);
        t->after->value = mem_strdup(x->def);
        buf_free(&key);
    }
    return ok && (!x->fresh || experiment_expose(t, x));
}

void experiments_stored(struct gw *gw, const char *name, const char *def)
{
    struct experiment *x;
    HASH_FIND_STR(gw->experiments, name, x);
    if (x && strcmp(x->def, def) == 0)
        x->stored = true;
}

/* ---- outcomes ---- */

/* Whom an event is about. */
struct about {
    const char *users[EXPERIMENT_USERS];
    int n, all; /* all: with those for whom there was no room */
};

/* The `users` of its data, or its `user`, or who caused it. */
static void experiment_about(const struct turn *t, const cJSON *data, struct about *out)
{
    const cJSON *users = cJSON_GetObjectItemCaseSensitive(data, "users"), *one;
    const char *user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "user"));
    out->n = out->all = 0;
    cJSON_ArrayForEach (one, users) {
        if (!cJSON_IsString(one))
            continue;
        out->all++;
        if (out->n < EXPERIMENT_USERS)
            out->users[out->n++] = one->valuestring;
    }
    if (!cJSON_IsArray(users) && (user || *turn_user(t)))
        out->users[out->n++] = user ? user : turn_user(t);
}

/* which: 1 an outcome, 2 what outcomes are divided by. */
static bool experiment_count(struct turn *t, const struct experiment *x, char kind,
                             const char *unit, int which, int n)
{
    struct buf key = {0}, field = {0};
    turn_key(t, &key, "experiment", x->name, NULL);
    buf_addf(&field, "%c|%s", kind, unit);
    char place[2] = {(char)('0' + which)};
    bool ok = turn_write(
        t, 5, (const char *[]){"OUTCOME", buf_cstr(&key), buf_cstr(&field), place, log_int(n)},
        NULL);
    buf_free(&key);
    buf_free(&field);
    return ok;
}

static bool experiment_note(struct turn *t, const struct experiment *x, int which,
                            const struct about *about, bool many)
{
    bool ok = true;
    if (!x->members)
        return experiment_count(t, x, 'g', t->chat->key, which, many ? about->all : 1);
    for (int i = 0; ok && i < about->n; i++)
        ok = experiment_count(t, x, 'm', about->users[i], which, 1);
    return ok;
}

bool experiments_outcome(struct turn *t, const char *name, const char *data, size_t len)
{
    struct experiment *x, *tmp;
    cJSON *o = NULL;
    bool ok = true;
    HASH_ITER (hh, t->gw->experiments, x, tmp) {
        struct about about;
        bool outcome = x->outcome && strcmp(x->outcome, name) == 0;
        bool per = x->per && strcmp(x->per, name) == 0;
        if (!outcome && !per)
            continue;
        if (!o)
            o = cJSON_ParseWithLength(data, len);
        bool many = cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(o, "users"));
        experiment_about(t, o, &about);
        ok = ok && (!outcome || experiment_note(t, x, 1, &about, many)) &&
             (!per || experiment_note(t, x, 2, &about, many));
    }
    cJSON_Delete(o);
    return ok;
}
