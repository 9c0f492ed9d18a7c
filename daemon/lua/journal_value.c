/* journal_value.c -- values as text in journals, and back, exactly. JSON where JSON has it; besides, numbers that are not finite
 * (inf, -inf, nan), bytes that are no text (x"6e6f"), and any scalar as a key. Integers and floats stay apart: a float always has
 * a point or an exponent. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "lua/journal.h"

enum { DEPTH_MAX = 24 };

static void need_stack(lua_State *L)
{
    if (!lua_checkstack(L, 6))
        luaL_error(L, "not enough memory");
}

/* ---- values to text ---- */

static void add_value(lua_State *L, struct buf *out, int idx, int depth);

void journal_add_string(struct buf *out, const char *s, size_t len)
{
    if (utf8_valid(s, len)) {
        buf_add_json(out, s, len);
        return;
    }
    buf_adds(out, "x\"");
    char *p = buf_reserve(out, 2 * len);
    for (size_t i = 0; i < len; i++) {
        *p++ = "0123456789abcdef"[(unsigned char)s[i] >> 4];
        *p++ = "0123456789abcdef"[(unsigned char)s[i] & 15];
    }
    out->len += 2 * len;
    buf_addc(out, '"');
}

static void add_float(struct buf *out, double d)
{
    char text[40];
    if (isnan(d)) {
        buf_adds(out, "nan");
    } else if (isinf(d)) {
        buf_adds(out, d > 0 ? "inf" : "-inf");
    } else {
        snprintf(text, sizeof text, "%.17g", d);
        buf_adds(out, text);
        if (!strpbrk(text, ".e"))
            buf_adds(out, ".0");
    }
}

static void add_list(lua_State *L, struct buf *out, int idx, size_t n, int depth)
{
    buf_addc(out, '[');
    for (size_t i = 1; i <= n; i++) {
        if (i > 1)
            buf_addc(out, ',');
        lua_rawgeti(L, idx, (lua_Integer)i);
        add_value(L, out, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    buf_addc(out, ']');
}

/* True if the keys are whole numbers from 1 on, with few gaps (a reply of Redis may have them); *n is the largest. *count: all keys. */
static bool is_list(lua_State *L, int idx, size_t *n, size_t *count)
{
    bool list = true;
    *n = *count = 0;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        ++*count;
        list = list && key > 0;
        if (list && (size_t)key > *n)
            *n = (size_t)key;
    }
    return list && *n <= 2 * *count + 8;
}

struct key {
    const char *s; /* anchored by the table */
    size_t len;
};

static int key_compare(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int c = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
    return c ? c : (x->len > y->len) - (x->len < y->len);
}

static void add_pair(lua_State *L, struct buf *out, int depth)
{
    int top = lua_gettop(L);
    if (out->data[out->len - 1] != '{')
        buf_addc(out, ',');
    add_value(L, out, top - 1, depth + 1);
    buf_addc(out, ':');
    add_value(L, out, top, depth + 1);
}

/* Names in their order, behind other keys: the same table is the same text. */
static void add_map(lua_State *L, struct buf *out, int idx, size_t count, int depth)
{
    struct key few[32], *keys = count > 32 ? mem_alloc(count * sizeof *keys) : few;
    size_t n = 0;
    buf_addc(out, '{');
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            add_pair(L, out, depth);
        } else {
            keys[n].s = lua_tolstring(L, -2, &keys[n].len);
            n++;
        }
    }
    qsort(keys, n, sizeof *keys, key_compare);
    for (size_t i = 0; i < n; i++) {
        lua_pushlstring(L, keys[i].s, keys[i].len);
        lua_pushvalue(L, -1);
        lua_rawget(L, idx);
        add_pair(L, out, depth);
        lua_pop(L, 2);
    }
    buf_addc(out, '}');
    if (keys != few)
        free(keys);
}

static void add_table(lua_State *L, struct buf *out, int idx, int depth)
{
    size_t n, count;
    need_stack(L);
    if (is_list(L, idx, &n, &count))
        add_list(L, out, idx, n, depth);
    else
        add_map(L, out, idx, count, depth);
}

static void add_value(lua_State *L, struct buf *out, int idx, int depth)
{
    size_t len;
    const char *s;
    switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN: buf_adds(out, lua_toboolean(L, idx) ? "true" : "false"); return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx))
            buf_addi(out, lua_tointeger(L, idx));
        else
            add_float(out, lua_tonumber(L, idx));
        return;
    case LUA_TSTRING:
        s = lua_tolstring(L, idx, &len);
        journal_add_string(out, s, len);
        return;
    case LUA_TTABLE:
        if (depth < DEPTH_MAX) {
            add_table(L, out, idx, depth);
            return;
        }
        break;
    default: break;
    }
    buf_adds(out, "null");
}

void journal_add_value(lua_State *L, struct buf *out, int idx)
{
    add_value(L, out, idx, 0);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- text to values ---- */

struct reader {
    lua_State *L;
    const char *p, *end;
};

static bool read_value(struct reader *r, int depth);

static bool take(struct reader *r, char c)
{
    if (r->p >= r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

/* After the backslash. What buf_add_json writes: one letter, or \u00XX. */
static bool read_escape(struct reader *r, luaL_Buffer *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p >= r->end)
        return false;
    char c = *r->p++;
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        luaL_addchar(b, to[at - from]);
        return true;
    }
    if (c != 'u' || r->end - r->p < 4 || r->p[0] != '0' || r->p[1] != '0')
        return false;
    int high = hex_digit(r->p[2]), low = hex_digit(r->p[3]);
    if (high < 0 || high > 7 || low < 0)
        return false;
    luaL_addchar(b, (char)(high << 4 | low));
    r->p += 4;
    return true;
}

static bool read_string(struct reader *r)
{
    const char *start = ++r->p;
    while (r->p < r->end && *r->p != '"' && *r->p != '\\')
        r->p++;
    if (take(r, '"')) {
        lua_pushlstring(r->L, start, (size_t)(r->p - 1 - start));
        return true;
    }
    luaL_Buffer b;
    luaL_buffinit(r->L, &b);
    luaL_addlstring(&b, start, (size_t)(r->p - start));
    while (r->p < r->end && *r->p != '"') {
        if (*r->p != '\\') {
            luaL_addchar(&b, *r->p);
            r->p++;
        } else {
            r->p++;
            if (!read_escape(r, &b))
                return false;
        }
    }
    luaL_pushresult(&b);
    return take(r, '"');
}

static bool read_bytes(struct reader *r)
{
    r->p += 2; /* x" */
    const char *stop = memchr(r->p, '"', (size_t)(r->end - r->p));
    if (!stop || (stop - r->p) % 2)
        return false;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(r->L, &b, (size_t)(stop - r->p) / 2 + 1);
    size_t n = 0;
    bool ok = true;
    for (; r->p < stop; r->p += 2) {
        int high = hex_digit(r->p[0]), low = hex_digit(r->p[1]);
        ok = ok && high >= 0 && low >= 0;
        out[n++] = (char)(ok ? high << 4 | low : 0);
    }
    luaL_pushresultsize(&b, n);
    r->p++;
    return ok;
}

static bool read_number(struct reader *r)
{
    char text[48];
    size_t n = 0;
    bool is_float = false;
    while (r->p < r->end && n < sizeof text - 1 && *r->p && strchr("-+.eE0123456789", *r->p)) {
        is_float = is_float || strchr(".eE", *r->p);
        text[n++] = *r->p++;
    }
    text[n] = '\0';
    char *stop = text;
    if (is_float)
        lua_pushnumber(r->L, strtod(text, &stop));
    else
        lua_pushinteger(r->L, strtoll(text, &stop, 10));
    return n && !*stop;
}

/* The list on top was made of n values with gaps among them: its length shall be what it was when it came from Redis. */
static void widen(lua_State *L, lua_Integer n)
{
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -2, i);
        lua_rawseti(L, -2, i);
    }
    lua_replace(L, -2);
}

static bool read_list(struct reader *r, int depth)
{
    bool gaps = false;
    r->p++;
    lua_newtable(r->L);
    if (take(r, ']'))
        return true;
    for (lua_Integer i = 1;; i++) {
        if (!read_value(r, depth + 1))
            return false;
        gaps = gaps || lua_isnil(r->L, -1);
        lua_rawseti(r->L, -2, i);
        if (take(r, ']')) {
            if (gaps)
                widen(r->L, i);
            return true;
        }
        if (!take(r, ','))
            return false;
    }
}

static bool good_key(lua_State *L)
{
    return !lua_isnil(L, -1) && !(lua_type(L, -1) == LUA_TNUMBER && isnan(lua_tonumber(L, -1)));
}

static bool read_map(struct reader *r, int depth)
{
    r->p++;
    lua_newtable(r->L);
    if (take(r, '}'))
        return true;
    for (;;) {
        if (!read_value(r, depth + 1) || !good_key(r->L) || !take(r, ':') ||
            !read_value(r, depth + 1))
            return false;
        lua_rawset(r->L, -3);
        if (take(r, '}'))
            return true;
        if (!take(r, ','))
            return false;
    }
}

static bool read_word(struct reader *r)
{
    if (take_word(r, "true"))
        lua_pushboolean(r->L, 1);
    else if (take_word(r, "false"))
        lua_pushboolean(r->L, 0);
    else if (take_word(r, "null"))
        lua_pushnil(r->L);
    else if (take_word(r, "nan"))
        lua_pushnumber(r->L, (lua_Number)NAN);
    else if (take_word(r, "inf"))
        lua_pushnumber(r->L, (lua_Number)INFINITY);
    else if (take_word(r, "-inf"))
        lua_pushnumber(r->L, -(lua_Number)INFINITY);
    else
        return false;
    return true;
}

static bool read_value(struct reader *r, int depth)
{
    if (depth > DEPTH_MAX || r->p >= r->end)
        return false;
    need_stack(r->L);
    switch (*r->p) {
    case '"': return read_string(r);
    case '[': return read_list(r, depth);
    case '{': return read_map(r, depth);
    case 'x': return r->end - r->p > 1 && r->p[1] == '"' && read_bytes(r);
    case 't':
    case 'f':
    case 'n':
    case 'i': return read_word(r);
    case '-':
        if (r->end - r->p > 1 && r->p[1] == 'i')
            return read_word(r);
        return read_number(r);
    default: return read_number(r);
    }
}

bool journal_read_value(lua_State *L, const char **p, const char *end)
{
    struct reader r = {L, *p, end};
    bool ok = read_value(&r, 0);
    *p = r.p;
    return ok;
}
