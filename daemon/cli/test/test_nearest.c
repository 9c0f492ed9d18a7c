/* test_nearest.c -- an expected message that was not seen: which of those that were said comes nearest, and what of it is not as
 * expected. Callers: test_expect.c. */
#include <lauxlib.h>
#include <string.h>

#include "cli/test/test.h"

/* A line, weighed against a filter: one for each thing that is as expected, less for what is nearly so. */
struct nearest {
    double weight;
    struct buf wrong; /* what is not as expected, a line each */
};

static void nearest_is_wrong(struct nearest *n, const char *what)
{
    buf_addf(&n->wrong, "        %s\n", what);
}

/* Calls fn for each text of the field, which is a text or a list of them. */
static void nearest_each(lua_State *L, int idx, const char *field, struct nearest *n,
                         const struct world_line *line,
                         void (*fn)(struct nearest *n, const struct world_line *line,
                                    const char *text))
{
    int type = lua_getfield(L, idx, field);
    if (type == LUA_TSTRING)
        fn(n, line, lua_tostring(L, -1));
    for (lua_Integer i = 1; type == LUA_TTABLE; i++) {
        bool more = lua_rawgeti(L, -1, i) == LUA_TSTRING;
        if (more)
            fn(n, line, lua_tostring(L, -1));
        lua_pop(L, 1);
        if (!more)
            break;
    }
    lua_pop(L, 1);
}

static void nearest_text(struct nearest *n, const struct world_line *line, const char *text)
{
    size_t at, len;
    if (strstr(line->text, text)) {
        n->weight += 1;
        return;
    }
    double like = diff_nearest(line->text, text, &at, &len);
    n->weight += like * 0.9;
    buf_addf(&n->wrong, "        text: there is no \"%s\"", text);
    if (like >= 0.5)
        buf_addf(&n->wrong, ", but \"%.*s\"", (int)len, line->text + at);
    buf_addc(&n->wrong, '\n');
}

static void nearest_any(struct nearest *n, const struct world_line *line, const char *text)
{
    if (strstr(line->text, text))
        n->weight += 1;
}

static void nearest_at(struct nearest *n, const struct world_line *line, const char *name)
{
    for (int i = 0; i < line->nnames; i++) {
        if (strcmp(line->names[i], name) != 0)
            continue;
        n->weight += 1;
        return;
    }
    buf_addf(&n->wrong, "        at: %s is not @-ed", name);
    for (int i = 0; i < line->nnames; i++)
        buf_addf(&n->wrong, "%s%s", i ? ", " : ", but ", line->names[i]);
    buf_addc(&n->wrong, '\n');
}

static void nearest_weigh(lua_State *L, int idx, const struct world_line *line, struct nearest *n)
{
    n->weight = 0;
    buf_reset(&n->wrong);
    if (strcmp(line->chat, expect_chat(L, idx)) == 0)
        n->weight += 0.5;
    else
        nearest_is_wrong(n, "it is in another chat");
    nearest_each(L, idx, "text", n, line, nearest_text);
    nearest_each(L, idx, "at", n, line, nearest_at);
    double before = n->weight;
    nearest_each(L, idx, "any", n, line, nearest_any);
    bool any = lua_getfield(L, idx, "any") != LUA_TNIL;
    if (any && n->weight == before)
        nearest_is_wrong(n, "any: there is none of them");
    lua_getfield(L, idx, "plain");
    if (lua_toboolean(L, -1) && line->nnames)
        nearest_is_wrong(n, "plain: somebody is @-ed");
    lua_pop(L, 2);
    const char *pattern = script_field(L, idx, "match");
    if (pattern && expect_matches(L, line->text, pattern))
        n->weight += 1;
    else if (pattern)
        nearest_is_wrong(n, "match: the pattern does not fit");
}

void expect_add_nearest(lua_State *L, int idx, struct buf *out)
{
    const struct world *w = world_of(L);
    const struct world_line *best = NULL;
    struct nearest n = {0}, top = {.weight = 0.6}; /* the right chat alone is not near */
    for (size_t i = 0; i < w->nlines; i++) {
        const struct world_line *line = &w->lines[i];
        if (line->kind != LINE_BOT)
            continue;
        nearest_weigh(L, idx, line, &n);
        if (i < w->first)
            nearest_is_wrong(&n, "it was said before: an expectation in between looked at it");
        else if (line->claimed)
            nearest_is_wrong(&n, "an expectation has found it already");
        n.weight -= i < w->first ? 1 : line->claimed ? 0.4 : 0;
        if (n.weight < top.weight || !n.wrong.len)
            continue;
        best = line;
        top.weight = n.weight;
        buf_reset(&top.wrong);
        buf_add(&top.wrong, n.wrong.data, n.wrong.len);
    }
    if (best) {
        buf_adds(out, "  nearest:\n    ~ ");
        world_print_line(w, best, out);
        buf_add(out, top.wrong.data, top.wrong.len);
        buf_adds(out, "  seen:\n");
    }
    buf_free(&n.wrong);
    buf_free(&top.wrong);
}
