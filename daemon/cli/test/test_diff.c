/* test_diff.c -- how what is differs from what should be: Lua values field by field, and the piece of a text that comes nearest to the
 * one wanted. Callers: test_expect.c, test_nearest.c, test_state.c. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/test/test.h"
#include "lua/json.h"

enum { DIFF_DEPTH = 12, DIFF_LINES = 30, DIFF_TEXT = 4096 };

/* ---- values ---- */

struct diff {
    lua_State *L;
    struct buf *out;
    struct buf path;
    bool part; /* fields that are not named may be anything */
    int lines;
};

void diff_add_value(lua_State *L, int idx, struct buf *out)
{
    const char *why = "";
    size_t before = out->len;
    if (lua_isnoneornil(L, idx)) {
        buf_adds(out, "nothing");
    } else if (!json_encode(L, idx, out, &why)) {
        out->len = before;
        buf_addf(out, "(%s)", why);
    }
}

static void diff_line(struct diff *d, int wanted, int got)
{
    if (++d->lines > DIFF_LINES)
        return;
    buf_addf(d->out, "    %s: expected ", d->path.len ? buf_cstr(&d->path) : "it");
    diff_add_value(d->L, wanted, d->out);
    buf_adds(d->out, ", is ");
    diff_add_value(d->L, got, d->out);
    buf_addc(d->out, '\n');
}

struct diff_key {
    const char *name; /* NULL: a number */
    lua_Integer number;
};

static int diff_by_key(const void *a, const void *b)
{
    const struct diff_key *x = a, *y = b;
    if (x->name && y->name)
        return strcmp(x->name, y->name);
    if (x->name || y->name)
        return x->name ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

static bool diff_key_of(lua_State *L, int idx, struct diff_key *out)
{
    *out = (struct diff_key){0};
    if (lua_type(L, idx) == LUA_TSTRING)
        out->name = lua_tostring(L, idx);
    else if (lua_isinteger(L, idx))
        out->number = lua_tointeger(L, idx);
    else
        return false;
    return true;
}

static void diff_push(lua_State *L, int table, const struct diff_key *k)
{
    if (k->name)
        lua_pushstring(L, k->name);
    else
        lua_pushinteger(L, k->number);
    lua_rawget(L, table);
}

/* The keys of the tables, each once, in order; those of `got` only if all of it counts. */
static struct diff_key *diff_keys(struct diff *d, int wanted, int got, size_t *n)
{
    lua_State *L = d->L;
    struct diff_key *keys = NULL, k;
    *n = 0;
    for (int side = 0; side < (d->part ? 1 : 2); side++) {
        lua_pushnil(L);
        while (lua_next(L, side ? got : wanted)) {
            lua_pop(L, 1);
            if (!diff_key_of(L, -1, &k))
                continue;
            if (side) {
                diff_push(L, wanted, &k);
                bool known = !lua_isnil(L, -1);
                lua_pop(L, 1);
                if (known)
                    continue;
            }
            if (*n % 64 == 0)
                keys = mem_realloc(keys, (*n + 64) * sizeof *keys);
            keys[(*n)++] = k;
        }
    }
    if (*n)
        qsort(keys, *n, sizeof *keys, diff_by_key);
    return keys;
}

static void diff_any(struct diff *d, int wanted, int got, int depth);

static void diff_tables(struct diff *d, int wanted, int got, int depth)
{
    lua_State *L = d->L;
    size_t n, before = d->path.len;
    struct diff_key *keys = diff_keys(d, wanted, got, &n);
    for (size_t i = 0; i < n; i++) {
        if (keys[i].name)
            buf_addf(&d->path, "%s%s", before ? "." : "", keys[i].name);
        else
            buf_addf(&d->path, "[%lld]", (long long)keys[i].number);
        diff_push(L, wanted, &keys[i]);
        diff_push(L, got, &keys[i]);
        diff_any(d, lua_absindex(L, -2), lua_absindex(L, -1), depth + 1);
        lua_pop(L, 2);
        d->path.len = before;
    }
    free(keys);
}

static void diff_any(struct diff *d, int wanted, int got, int depth)
{
    lua_State *L = d->L;
    if (lua_compare(L, wanted, got, LUA_OPEQ))
        return;
    if (d->part && lua_isnil(L, got) && lua_isboolean(L, wanted) && !lua_toboolean(L, wanted))
        return; /* false: there is none */
    if (lua_istable(L, wanted) && lua_istable(L, got) && depth < DIFF_DEPTH && lua_checkstack(L, 8))
        diff_tables(d, wanted, got, depth);
    else
        diff_line(d, wanted, got);
}

int diff_values(lua_State *L, int wanted, int got, bool part, struct buf *out)
{
    struct diff d = {.L = L, .out = out, .part = part};
    diff_any(&d, lua_absindex(L, wanted), lua_absindex(L, got), 0);
    if (d.lines > DIFF_LINES)
        buf_addf(out, "    and %d more\n", d.lines - DIFF_LINES);
    buf_free(&d.path);
    return d.lines;
}

/* ---- texts ---- */

static size_t diff_char(const char *s)
{
    size_t n = 1;
    while (((unsigned char)s[n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* How many characters of `wanted` stand at the same places of `s`; *len: how far that reaches. */
static int diff_same(const char *s, const char *wanted, size_t *len)
{
    const char *from = s;
    int same = 0;
    while (*s && *wanted) {
        size_t a = diff_char(s), b = diff_char(wanted);
        same += a == b && memcmp(s, wanted, a) == 0;
        s += a;
        wanted += b;
    }
    *len = (size_t)(s - from);
    return same;
}

double diff_nearest(const char *text, const char *wanted, size_t *at, size_t *len)
{
    int chars = 0, best = 0;
    *at = *len = 0;
    for (const char *p = wanted; *p; p += diff_char(p))
        chars++;
    if (!chars || strlen(text) > DIFF_TEXT || strlen(wanted) > DIFF_TEXT)
        return 0;
    for (const char *p = text; *p; p += diff_char(p)) {
        size_t n;
        int same = diff_same(p, wanted, &n);
        if (same <= best)
            continue;
        best = same;
        *at = (size_t)(p - text);
        *len = n;
    }
    return (double)best / chars;
}
