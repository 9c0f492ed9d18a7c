/* test_lines.c -- what was said and done in a case: its lines, and the transcript that --transcript writes: every line, then the
 * state that the case left in Redis, in an order and a form that repeat.
 * Owns: the lines of the world. Callers: test_world.c, test_people.c, test_expect.c, test.c. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "cli/serve/daemon.h"
#include "cli/serve/stage.h"
#include "cli/test/test.h"

/* ---- lines ---- */

struct world_line *world_add_line(struct world *w, enum world_line_kind kind, const char *chat,
                                  const char *who, const char *text)
{
    if (w->nlines % 64 == 0)
        w->lines = mem_realloc(w->lines, (w->nlines + 64) * sizeof *w->lines);
    struct world_line *line = &w->lines[w->nlines++];
    *line = (struct world_line){.kind = kind,
                                .at_ms = clock_wall(&w->daemon->clock),
                                .chat = mem_strdup(chat),
                                .who = mem_strdup(who),
                                .text = mem_strdup(text)};
    return line;
}

void world_free_lines(struct world *w)
{
    for (size_t i = 0; i < w->nlines; i++) {
        struct world_line *line = &w->lines[i];
        for (int k = 0; k < line->nnames; k++)
            free(line->names[k]);
        free(line->names);
        free(line->chat);
        free(line->who);
        free(line->text);
        free(line->id);
        free(line->answers);
    }
    free(w->lines);
    w->lines = NULL;
    w->nlines = w->first = 0;
    w->checked = false;
}

/* "[店员群] " before what was not said in the group. */
static void world_add_place(const struct world *w, const char *chat, struct buf *out)
{
    if (*chat == '@')
        buf_addf(out, "[私聊 %s] ", playground_name(w->gateway, chat + 1));
    else if (strcmp(chat, WORLD_STAFF) == 0)
        buf_adds(out, "[店员群] ");
    else if (strcmp(chat, WORLD_GROUP) != 0)
        buf_addf(out, "[%s] ", chat);
}

void world_time_text(const struct world *w, int64_t at_ms, char *out, size_t size)
{
    int64_t day = zone_day(w->zone, at_ms, 0), s = zone_clock(w->zone, at_ms) / 1000;
    int year, month, mday;
    time_civil(day, &year, &month, &mday);
    snprintf(out, size, "%04d-%02d-%02d %02d:%02d:%02d", year, month, mday, (int)(s / 3600),
             (int)(s / 60 % 60), (int)(s % 60));
}

void world_print_line(const struct world *w, const struct world_line *line, struct buf *out)
{
    char time[32];
    world_time_text(w, line->at_ms, time, sizeof time);
    buf_addf(out, "%s ", time);
    world_add_place(w, line->chat, out);
    const char *who = line->kind == LINE_MEMBER ? line->who : playground_name(w->gateway, "10000");
    buf_addf(out, "%s%s", who, line->kind == LINE_ACTION ? " * " : ": ");
    for (const char *c = line->text; *c; c++) { /* further lines of a message are set in */
        buf_addc(out, *c);
        if (*c == '\n')
            buf_adds(out, "        ");
    }
    buf_addc(out, '\n');
}

/* ---- the state that is left ---- */

struct dump_pair {
    const char *name, *value;
};

static int dump_by_name(const void *a, const void *b)
{
    const struct dump_pair *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order || !x->value || !y->value ? order : strcmp(x->value, y->value);
}

/* Keys that tell of the process rather than of the SOPs: how often it started, when which message may leave. */
static bool dump_wanted(const char *key)
{
    static const char prefix[] = "sopd:{" STAGE_GATEWAY "}:";
    static const char *const own[] = {"epoch",  "alive", "pace",    "quota",
                                      "health", "since", "unknown", NULL};
    if (strncmp(key, prefix, sizeof prefix - 1) != 0)
        return strncmp(key, "sopd:llm:", 9) != 0; /* a restart asks once more, and that costs */
    key += sizeof prefix - 1;
    for (int i = 0; own[i]; i++)
        if (strcmp(key, own[i]) == 0)
            return false;
    return strncmp(key, "seen:", 5) != 0;
}

/* Bitmaps as hexadecimal digits, texts with their further lines set in. */
static void dump_bytes(const char *s, size_t len, struct buf *out)
{
    bool text = utf8_valid(s, len);
    for (size_t i = 0; i < len; i++)
        text = text && ((unsigned char)s[i] >= 0x20 || s[i] == '\n' || s[i] == '\t');
    for (size_t i = 0; i < len; i++) {
        if (!text)
            buf_addf(out, "%02x", (unsigned char)s[i]);
        else if (s[i] == '\n')
            buf_adds(out, "\n      ");
        else
            buf_addc(out, s[i]);
    }
}

/* Field by field, or member by member; sorted unless Redis keeps an order. */
static void dump_list(const redisReply *r, bool pairs, bool sorted, struct buf *out)
{
    size_t n = pairs ? r->elements / 2 : r->elements;
    struct dump_pair *list = mem_alloc((n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = pairs ? (struct dump_pair){r->element[i * 2]->str, r->element[i * 2 + 1]->str}
                        : (struct dump_pair){r->element[i]->str, NULL};
    if (sorted)
        qsort(list, n, sizeof *list, dump_by_name);
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "    %s%s", list[i].name, list[i].value ? " = " : "");
        if (list[i].value)
            dump_bytes(list[i].value, strlen(list[i].value), out);
        buf_addc(out, '\n');
    }
    free(list);
}

/* Entries without their ids, which are real times. */
static void dump_stream(const redisReply *r, struct buf *out)
{
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *fields = r->element[i]->element[1];
        buf_adds(out, "    -");
        for (size_t k = 0; k + 1 < fields->elements; k += 2)
            buf_addf(out, " %s=%s", fields->element[k]->str, fields->element[k + 1]->str);
        buf_addc(out, '\n');
    }
}

/* Messages that are not out: their ids tell the process that made them. */
static bool dump_is_box(const char *key)
{
    static const char prefix[] = "sopd:{" STAGE_GATEWAY "}:";
    return strncmp(key, prefix, sizeof prefix - 1) == 0 &&
           (strcmp(key + sizeof prefix - 1, "outbox") == 0 ||
            strcmp(key + sizeof prefix - 1, "written") == 0);
}

static void dump_key(struct world *w, const char *key, struct buf *out)
{
    static const struct {
        const char *type, *words[5];
        int n;
        bool pairs, sorted;
    } kinds[] = {{"string", {"GET"}, 2, false, false},
                 {"hash", {"HGETALL"}, 2, true, true},
                 {"set", {"SMEMBERS"}, 2, false, true},
                 {"list", {"LRANGE", "0", "-1"}, 4, false, false},
                 {"zset", {"ZRANGE", "0", "-1", "WITHSCORES"}, 5, true, false},
                 {"stream", {"XRANGE", "-", "+"}, 4, false, false}};
    redisReply *type = world_redis(w, 2, (const char *[]){"TYPE", key});
    for (size_t i = 0; type && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].type, type->str) != 0)
            continue;
        bool box = dump_is_box(key);
        const char *argv[] = {box ? "HVALS" : kinds[i].words[0], key, kinds[i].words[1],
                              kinds[i].words[2], kinds[i].words[3]};
        redisReply *r = world_redis(w, kinds[i].n, argv);
        buf_addf(out, "  %s (%s)\n", key, type->str);
        if (r && r->type == REDIS_REPLY_STRING) {
            buf_adds(out, "    ");
            dump_bytes(r->str, r->len, out);
            buf_addc(out, '\n');
        } else if (r && strcmp(type->str, "stream") == 0) {
            dump_stream(r, out);
        } else if (r) {
            dump_list(r, kinds[i].pairs && !box, kinds[i].sorted, out);
        }
        if (r)
            freeReplyObject(r);
    }
    if (type)
        freeReplyObject(type);
}

static void dump_state(struct world *w, struct buf *out)
{
    redisReply *r = world_redis(w, 2, (const char *[]){"KEYS", "sopd:*"});
    size_t n = r && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
    struct dump_pair *keys = mem_alloc((n + 1) * sizeof *keys);
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct dump_pair){r->element[i]->str, NULL};
    qsort(keys, n, sizeof *keys, dump_by_name);
    for (size_t i = 0; i < n; i++)
        if (dump_wanted(keys[i].name))
            dump_key(w, keys[i].name, out);
    free(keys);
    if (r)
        freeReplyObject(r);
}

void world_write_transcript(struct world *w, const char *title)
{
    struct buf out = {0};
    if (!w->transcript)
        return;
    buf_addf(&out, "=== %s\n", title);
    for (size_t i = 0; i < w->nlines; i++)
        world_print_line(w, &w->lines[i], &out);
    buf_adds(&out, "--- kept\n");
    dump_state(w, &out);
    fwrite(out.data, 1, out.len, w->transcript);
    buf_free(&out);
}
