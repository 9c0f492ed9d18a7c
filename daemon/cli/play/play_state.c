/* play_state.c -- `/state` of the playground: what is in Redis, in an order that repeats.
 * Reads with a link of its own. Keys that tell nothing about the SOP (epoch, seen, pace, versions that runs need) are left out. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/play/play.h"
#include "store/redis.h"

struct state_key {
    char *key;
    char *text; /* its values, one line */
};

struct state {
    struct play *p;
    char *word;
    struct state_key *keys;
    size_t n, left;
};

struct state_read {
    struct state *s;
    size_t at;
};

static int state_by_key(const void *a, const void *b)
{
    const struct state_key *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static void state_done(struct state *s)
{
    struct play *p = s->p;
    if (s->n == 0)
        term_print(STYLE_DIM, "nothing is kept%s%s", *s->word ? " that matches " : "", s->word);
    for (size_t i = 0; i < s->n; i++) {
        term_print(STYLE_PLAIN, "%s = %s", s->keys[i].key, s->keys[i].text ? s->keys[i].text : "?");
        free(s->keys[i].key);
        free(s->keys[i].text);
    }
    free(s->keys);
    free(s->word);
    free(s);
    play_settle(p);
}

struct state_pair {
    const char *name, *value;
};

static int state_by_name(const void *a, const void *b)
{
    const struct state_pair *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Fields of a hash and members of a set in order of their names; a sorted set and a list keep theirs. */
static void state_print_pairs(struct buf *out, const redisReply *r, size_t step, bool sort)
{
    size_t n = r->elements / step;
    struct state_pair *pairs = mem_zero((n + 1) * sizeof *pairs);
    for (size_t i = 0; i < n; i++) {
        pairs[i].name = r->element[i * step]->str ? r->element[i * step]->str : "";
        pairs[i].value =
            step == 2 && r->element[i * step + 1]->str ? r->element[i * step + 1]->str : NULL;
    }
    if (sort && n)
        qsort(pairs, n, sizeof *pairs, state_by_name);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s%s%s%s", i ? ", " : "", pairs[i].name, pairs[i].value ? "=" : "",
                 pairs[i].value ? pairs[i].value : "");
    free(pairs);
}

static void state_on_value(void *ud, const redisReply *r)
{
    struct state_read *read = ud;
    struct state *s = read->s;
    struct buf out = {0};
    const char *key = s->keys[read->at].key;
    if (r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 && r->element[0]->str &&
        r->element[1]->type == REDIS_REPLY_ARRAY) {
        const char *type = r->element[0]->str;
        bool pairs = strcmp(type, "hash") == 0 || strcmp(type, "zset") == 0;
        state_print_pairs(&out, r->element[1], pairs ? 2 : 1,
                          strcmp(type, "hash") == 0 || strcmp(type, "set") == 0);
    } else if (r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
               r->element[1]->type == REDIS_REPLY_INTEGER) {
        buf_addf(&out, "(%lld entries)", r->element[1]->integer);
    } else if (r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 && r->element[1]->str) {
        const char *text = r->element[1]->str;
        bool bitmap = strstr(key, ":days:") != NULL;
        for (int i = 0; bitmap && i < (int)r->element[1]->len; i++)
            buf_addf(&out, "%02x", (unsigned char)text[i]);
        if (!bitmap)
            buf_adds(&out, text);
    }
    s->keys[read->at].text = buf_take(&out);
    free(read);
    if (--s->left == 0)
        state_done(s);
}

/* One script per key: its type and its values in one answer. */
static const char state_script[] =
    "local t = redis.call('TYPE', KEYS[1]).ok\n"
    "if t == 'hash' then return { t, redis.call('HGETALL', KEYS[1]) } end\n"
    "if t == 'set' then return { t, redis.call('SMEMBERS', KEYS[1]) } end\n"
    "if t == 'list' then return { t, redis.call('LRANGE', KEYS[1], 0, 99) } end\n"
    "if t == 'zset' then return { t, redis.call('ZREVRANGE', KEYS[1], 0, 99, 'WITHSCORES') } end\n"
    "if t == 'stream' then return { t, redis.call('XLEN', KEYS[1]) } end\n"
    "return { t, redis.call('GET', KEYS[1]) or '' }";

static bool state_is_noise(const char *key)
{
    static const char *const words[] = {"}:epoch", "}:seen:", "}:pace", "}:quota:", "}:outbox",
                                        "}:sched", "}:alive", "}:pin:", "}:pins",   "}:source"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(key, words[i]))
            return true;
    }
    return false;
}

static void state_on_keys(void *ud, const redisReply *r)
{
    struct state *s = ud;
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const char *key = r->element[i]->str;
        if (state_is_noise(key) || (*s->word && !strstr(key, s->word)))
            continue;
        s->keys = mem_realloc(s->keys, (s->n + 1) * sizeof *s->keys);
        s->keys[s->n++] = (struct state_key){mem_strdup(key), NULL};
    }
    if (s->n == 0) {
        state_done(s);
        return;
    }
    qsort(s->keys, s->n, sizeof *s->keys, state_by_key);
    s->left = s->n;
    for (size_t i = 0; i < s->n; i++) {
        struct state_read *read = MEM_NEW(struct state_read);
        *read = (struct state_read){s, i};
        const char *argv[] = {"EVAL", state_script, "1", s->keys[i].key};
        if (!redis_command(s->p->redis, state_on_value, read, 4, argv, NULL))
            state_on_value(read, NULL);
    }
}

void play_state(struct play *p, const char *word)
{
    struct state *s = MEM_NEW(struct state);
    s->p = p;
    s->word = mem_strdup(word);
    const char *argv[] = {"KEYS", "sopd:*"};
    if (!redis_command(p->redis, state_on_keys, s, 2, argv, NULL))
        state_on_keys(s, NULL);
    redis_flush(p->redis);
}
