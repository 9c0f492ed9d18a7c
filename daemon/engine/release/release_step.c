/* release_step.c -- what a changed file means for the groups: which of them get the new version at once, and which stay on the one
 * before. It is decided by what Redis remembers (sopd:rollout-seen: what was on disk last), so an edit counts as well if it came while
 * no sopd ran. Order of writing: the version itself, the step that can be undone, the layers, last what was seen; whoever dies
 * on the way finds the same difference again, and does it again. Callers: release.c. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/release/release_part.h"

enum { LOOK_CONFIRM_MS = 90000, LOOK_MACHINES = 50 };

/* A key as a table of texts. */
struct look_pair {
    char *name, *value;
    struct look_pair *next;
};

struct release_look {
    struct engine *e;
    struct look_pair *seen, *held,
        *known; /* known: flow -> "1" if the version on disk is in Redis */
    int pending;
    bool lost;
};

static void look_free_pairs(struct look_pair *p)
{
    while (p) {
        struct look_pair *next = p->next;
        free(p->name);
        free(p->value);
        free(p);
        p = next;
    }
}

void release_look_free(struct release_look *l)
{
    if (!l)
        return;
    look_free_pairs(l->seen);
    look_free_pairs(l->held);
    look_free_pairs(l->known);
    free(l);
}

static void look_put(struct look_pair **list, const char *name, const char *value)
{
    struct look_pair *p = MEM_NEW(struct look_pair);
    p->name = mem_strdup(name);
    p->value = mem_strdup(value);
    p->next = *list;
    *list = p;
}

static const char *look_get(const struct look_pair *p, const char *name)
{
    for (; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p->value;
    return NULL;
}

/* ---- asking ---- */

struct look_ask {
    struct release_look *l;
    struct look_pair **into;
    char *flow; /* EXISTS */
};

/* One answer less to wait for. */
static void look_answered_one(struct release_look *l)
{
    if (--l->pending > 0)
        return;
    l->e->releases->looking = false;
    if (l->lost) {
        l->e->releases->look = true; /* once more when Redis is back */
        release_look_free(l);
        return;
    }
    l->e->releases->answers = l;
    engine_spin(l->e);
}

static void look_answered(void *ud, const struct redisReply *r)
{
    struct look_ask *a = ud;
    struct release_look *l = a->l;
    l->lost = l->lost || !r || r->type == REDIS_REPLY_ERROR;
    if (r && r->type == REDIS_REPLY_ARRAY)
        for (size_t i = 0; i + 1 < r->elements; i += 2)
            look_put(a->into, r->element[i]->str, r->element[i + 1]->str);
    if (r && r->type == REDIS_REPLY_INTEGER && r->integer)
        look_put(a->into, a->flow, "1");
    free(a->flow);
    free(a);
    look_answered_one(l);
}

static void look_ask(struct release_look *l, const char *command, const char *key,
                     struct look_pair **into, const char *flow)
{
    struct look_ask *a = MEM_NEW(struct look_ask);
    *a = (struct look_ask){l, into, mem_strdup(flow)};
    l->pending++;
    if (redis_command(l->e->redis, look_answered, a, 2, (const char *[]){command, key}, NULL))
        return;
    look_answered(a, NULL);
}

void release_look_start(struct engine *e)
{
    struct releases *r = e->releases;
    struct release_look *l = MEM_NEW(struct release_look);
    struct buf key = {0};
    l->e = e;
    l->pending = 1; /* until all are asked */
    r->look = false;
    r->looking = true;
    look_ask(l, "HGETALL", ROLLOUT_SEEN, &l->seen, "");
    look_ask(l, "HGETALL", ROLLOUT_HOLD, &l->held, "");
    for (const struct release_flow *f = r->flows; f; f = f->next) {
        buf_reset(&key);
        rollout_version_key(&key, f->name, flow_info(f->newest)->version);
        look_ask(l, "EXISTS", buf_cstr(&key), &l->known, f->name);
    }
    buf_free(&key);
    look_answered_one(l);
}

/* ---- writing ---- */

static void look_written(void *ud, const struct redisReply *r)
{
    struct engine *e = ud;
    struct releases *rel = e->releases;
    if (!r || r->type == REDIS_REPLY_ERROR) {
        rel->look = true;
        return;
    }
    int64_t until = clock_mono(e->clock) + LOOK_CONFIRM_MS;
    for (struct release_assume *a = rel->assumed; a; a = a->next)
        if (a->written && !a->until_ms)
            a->until_ms = until;
}

static void look_command(struct engine *e, redis_fn fn, int argc, const char *const *argv)
{
    redis_command(e->redis, fn, e, argc, argv, NULL);
}

/* What a reader wants to compare: names of parameters with their types, and command words. */
static cJSON *look_declares(const struct flow *f)
{
    static const char *const types[] = {"integer", "number", "boolean",  "string", "strings",
                                        "text",    "clock",  "duration", "choice", "table"};
    const struct flow_info *info = flow_info(f);
    cJSON *o = cJSON_CreateObject(), *params = cJSON_AddObjectToObject(o, "params"),
          *handlers = cJSON_AddArrayToObject(o, "handlers"),
          *words = cJSON_AddArrayToObject(o, "commands");
    for (int i = 0; i < info->nparams; i++)
        cJSON_AddStringToObject(params, info->params[i].name, types[info->params[i].type]);
    for (int i = 0; i < info->nhandlers; i++) {
        const struct handler *h = &info->handlers[i];
        cJSON_AddItemToArray(handlers, cJSON_CreateString(h->id));
        for (int w = 0; h->kind == HANDLER_COMMAND && !h->from_param && w < h->nwords; w++)
            cJSON_AddItemToArray(words, cJSON_CreateString(h->words[w]));
        if (h->kind == HANDLER_COMMAND && h->from_param) {
            const struct param *p = flow_param(f, h->name);
            const cJSON *preset = p ? p->preset : NULL, *word;
            cJSON_ArrayForEach (word, preset)
                if (cJSON_IsString(word))
                    cJSON_AddItemToArray(words, cJSON_CreateString(word->valuestring));
        }
    }
    return o;
}

/* What is written of the version on disk, but for who and when. */
static void look_describe(struct engine *e, const struct release_flow *f, struct buf *out)
{
    const struct flow_info *info = flow_info(f->newest);
    size_t len;
    const char *files = flow_source(f->newest, &len);
    cJSON *parts[] = {look_declares(f->newest), release_book_params(e->book, f->name),
                      release_book_overlays(e->book, f->name)};
    static const char *const names[] = {"declares", "params", "overlays"};
    buf_adds(out, "\"title\":");
    buf_add_json(out, info->title, strlen(info->title));
    for (int i = 0; i < 3; i++) {
        char *text = cJSON_PrintUnformatted(parts[i]);
        buf_addf(out, ",\"%s\":", names[i]);
        buf_adds(out, text);
        cJSON_free(text);
        cJSON_Delete(parts[i]);
    }
    buf_adds(out, ",\"files\":");
    buf_add(out, files, len);
    buf_addc(out, '}');
}

static void look_write(struct engine *e, const struct release_flow *f, const struct buf *described,
                       const char *mark)
{
    const char *version = flow_info(f->newest)->version;
    struct buf key = {0}, text = {0}, field = {0};
    buf_addf(&text, "{\"by\":\"%s\",\"at\":%lld,", e->releases->by,
             (long long)clock_wall(e->clock));
    buf_add(&text, described->data, described->len);
    rollout_version_key(&key, f->name, version);
    redis_command(e->redis, NULL, NULL, 3, (const char *[]){"SET", buf_cstr(&key), buf_cstr(&text)},
                  (const size_t[]){3, key.len, text.len});
    buf_reset(&key);
    rollout_list_key(&key, f->name);
    look_command(
        e, NULL, 5,
        (const char *[]){"ZADD", buf_cstr(&key), "NX", log_int(clock_wall(e->clock)), version});
    buf_addf(&field, "%s|stored", f->name);
    look_command(e, NULL, 4, (const char *[]){"HSET", ROLLOUT_SEEN, buf_cstr(&field), mark});
    buf_free(&key);
    buf_free(&text);
    buf_free(&field);
}

/* The version on disk, so that groups can be served by it when it is not on disk any more; nothing if it is there. */
static void look_store(struct engine *e, const struct release_flow *f, const struct release_look *l)
{
    struct buf described = {0}, field = {0};
    char mark[40];
    look_describe(e, f, &described);
    snprintf(mark, sizeof mark, "%s:%016llx", flow_info(f->newest)->version,
             (unsigned long long)hash_bytes(described.data, described.len));
    buf_addf(&field, "%s|stored", f->name);
    const char *stored = look_get(l->seen, buf_cstr(&field));
    if (!look_get(l->known, f->name) || !stored || strcmp(stored, mark) != 0)
        look_write(e, f, &described, mark);
    buf_free(&described);
    buf_free(&field);
}

/* The step and its layers, in Redis and at once here. */
static void look_apply(struct engine *e, const struct rollout_step *s)
{
    struct buf key = {0}, id = {0}, resp = {0};
    char *json = rollout_step_print(s);
    rollout_steps_key(&key, s->flow);
    rollout_step_id(s, &id);
    look_command(e, NULL, 6,
                 (const char *[]){"EVAL", rollout_push, "1", buf_cstr(&key), json, buf_cstr(&id)});
    rollout_step_command(s, &resp);
    if (resp.len)
        redis_send(e->redis, buf_cstr(&resp), resp.len, settings_edited, e->opts.settings);
    for (int i = 0; i < s->nchanges; i++)
        release_assume(e, s->changes[i].key, s->flow, s->changes[i].after, true);
    log_info("roll-out of a changed flow", "flow", s->flow, "what", s->what, "from", s->from, "to",
             s->version, "layers", log_int(s->nchanges), NULL);
    free(json);
    buf_free(&key);
    buf_free(&id);
    buf_free(&resp);
}

/* ---- deciding ---- */

struct look_layers {
    struct engine *e;
    struct rollout_step *step;
};

static void look_free_layer(void *ud, const struct settings_value *v)
{
    struct look_layers *l = ud;
    if (strncmp(v->key, ROLLOUT_ROOT ":tag:", strlen(ROLLOUT_ROOT ":tag:")) == 0)
        rollout_step_add(l->step, v->key, v->value, NULL);
}

/* Tags of `ring` that `before` does not list get the version. */
static void look_give(struct engine *e, const char *flow, const char *ring, const char *before,
                      struct rollout_step *s)
{
    struct buf key = {0};
    for (const char *p = ring; *p;) {
        size_t n = strcspn(p, ",");
        bool had = false;
        for (const char *q = before; *q && !had;) {
            size_t m = strcspn(q, ",");
            had = m == n && memcmp(p, q, n) == 0;
            q += m + (q[m] == ',');
        }
        buf_reset(&key);
        buf_adds(&key, ROLLOUT_ROOT ":tag:");
        buf_add_key_n(&key, p, n);
        if (!had)
            rollout_step_add(s, buf_cstr(&key), release_now(e, buf_cstr(&key), flow), s->version);
        p += n + (p[n] == ',');
    }
    buf_free(&key);
}

/* "version|ring" of the last look. */
struct look_state {
    char version[17];
    const char *ring;
};

static bool look_parse(const char *text, struct look_state *out)
{
    const char *bar = text ? strchr(text, '|') : NULL;
    if (!bar || bar - text != ROLLOUT_VERSION)
        return false;
    memcpy(out->version, text, ROLLOUT_VERSION);
    out->version[ROLLOUT_VERSION] = '\0';
    out->ring = bar + 1;
    return true;
}

static bool look_open(const char *value)
{
    return !value || strcmp(value, "newest") == 0;
}

/* A flow that nobody was served by before: only its ring is. */
static void look_new(struct engine *e, const struct release_flow *f)
{
    const char *version = flow_info(f->newest)->version;
    struct rollout_step *s =
        rollout_step_new(f->name, "new", e->releases->by, clock_wall(e->clock), version, version);
    rollout_step_add(s, ROLLOUT_ROOT, NULL, "none");
    look_give(e, f->name, f->ring, "", s);
    look_apply(e, s);
    rollout_step_free(s);
}

/* The files are not what they were at the last look. */
static void look_changed(struct engine *e, const struct release_flow *f,
                         const struct look_state *was, bool held)
{
    const char *version = flow_info(f->newest)->version,
               *root = release_now(e, ROLLOUT_ROOT, f->name);
    bool edited = strcmp(was->version, version) != 0;
    struct rollout_step *s = rollout_step_new(f->name, edited ? "edit" : "ring", e->releases->by,
                                              clock_wall(e->clock), was->version, version);
    if (!*f->ring && *was->ring && !held) {
        struct look_layers l = {e, s};
        settings_everywhere(e->opts.settings, SETTINGS_VERSIONS, f->name, look_free_layer, &l);
        rollout_step_add(s, ROLLOUT_ROOT, root, NULL);
    } else if (*f->ring && !held) {
        if (edited && look_open(root))
            rollout_step_add(s, ROLLOUT_ROOT, root, was->version);
        if (edited || (root && !look_open(root) && strcmp(root, version) != 0))
            look_give(e, f->name, f->ring, edited ? "" : was->ring, s);
    }
    s->everybody = edited && look_open(root) && !*f->ring && !*was->ring;
    if (s->nchanges || s->everybody)
        look_apply(e, s);
    else if (edited)
        log_info("a changed flow is held: no group is served by the new version", "flow", f->name,
                 "from", was->version, "to", version, "remedy", "sopd ctl rollout FLOW to RING",
                 NULL);
    rollout_step_free(s);
}

/* Containers have a new name with every start: what so many left behind goes. */
static void look_prune(struct release_look *l, const char *flow, const char *own)
{
    size_t len = strlen(flow);
    int n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (const struct look_pair *p = l->seen; p; p = p->next) {
            if (strncmp(p->name, flow, len) != 0 || p->name[len] != '|' ||
                strcmp(p->name, own) == 0 || strcmp(p->name + len, "|stored") == 0)
                continue;
            n += pass == 0;
            if (pass == 1)
                look_command(l->e, NULL, 3, (const char *[]){"HDEL", ROLLOUT_SEEN, p->name});
        }
        if (n < LOOK_MACHINES)
            return;
    }
}

static void look_flow(struct release_look *l, const struct release_flow *f)
{
    struct engine *e = l->e;
    struct buf own = {0}, now = {0};
    struct look_state was;
    bool known = look_get(l->known, f->name);
    buf_addf(&own, "%s|%s", f->name, e->releases->host);
    buf_addf(&now, "%s|%s", flow_info(f->newest)->version, f->ring);
    const char *all = look_get(l->seen, f->name), *mine = look_get(l->seen, buf_cstr(&own));
    bool same_all = all && strcmp(all, buf_cstr(&now)) == 0,
         same_mine = mine && strcmp(mine, buf_cstr(&now)) == 0;
    look_store(e, f, l);
    if (!look_parse(all, &was)) {
        if (*f->ring && !known && l->seen && !release_now(e, ROLLOUT_ROOT, f->name))
            look_new(e, f);
    } else if (!same_all && (mine ? !same_mine : !known)) {
        look_changed(e, f, &was, look_get(l->held, f->name));
    } else if (!same_all) {
        buf_reset(&now); /* older files on another machine: they count when they change */
        buf_adds(&now, all);
        same_all = true;
    }
    look_prune(l, f->name, buf_cstr(&own));
    if (!same_all || !same_mine) {
        char *host = mem_strdup(buf_cstr(&own));
        buf_reset(&own);
        buf_addf(&own, "%s|%s", flow_info(f->newest)->version, f->ring);
        look_command(
            e, NULL, 6,
            (const char *[]){"HSET", ROLLOUT_SEEN, f->name, buf_cstr(&now), host, buf_cstr(&own)});
        free(host);
    }
    buf_free(&own);
    buf_free(&now);
}

void release_look_go(struct engine *e)
{
    struct releases *r = e->releases;
    struct release_look *l = r->answers;
    r->answers = NULL;
    if (r->look) { /* the files changed again meanwhile */
        release_look_free(l);
        return;
    }
    for (const struct release_flow *f = r->flows; f; f = f->next) {
        release_unassume(e, f->name);
        look_flow(l, f);
    }
    look_command(e, look_written, 1, (const char *[]){"PING"});
    for (const struct release_flow *f = r->flows; f; f = f->next)
        release_sweep(e, f->name);
    release_look_free(l);
    r->looked = true;
}
