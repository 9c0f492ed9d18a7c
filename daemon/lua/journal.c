/* journal.c -- see journal.h. A value is written as JSON where JSON has it; besides, numbers that are not finite (inf, -inf, nan),
 * bytes that are no text (x"6e6f"), and any scalar as a key. Integers and floats stay apart: a float always has a point or an
 * exponent. One result stands alone unless it is a table; any other number of results is a list. */
#include "lua/journal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/hash.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 24, HASH_DIGITS = 8 };

void journal_clear(struct journal *j)
{
    buf_free(&j->lines);
    memset(j, 0, sizeof *j);
}

void journal_replay(struct journal *j, const char *lines, size_t len)
{
    j->on = true;
    j->at = lines;
    j->end = lines + len;
}

void journal_live(struct journal *j)
{
    j->at = j->end = NULL;
}

bool journal_full(const struct journal *j)
{
    return j->entries > JOURNAL_ENTRIES || j->bytes > JOURNAL_BYTES;
}

/* ---- hashes ---- */

static uint64_t hash_value(lua_State *L, int idx, uint64_t h)
{
    int type = lua_type(L, idx);
    size_t len;
    if (type == LUA_TSTRING) {
        const char *s = lua_tolstring(L, idx, &len);
        return hash_more(h ^ 's', s, len);
    }
    if (type == LUA_TNUMBER && lua_isinteger(L, idx)) {
        lua_Integer n = lua_tointeger(L, idx);
        return hash_more(h ^ 'i', &n, sizeof n);
    }
    if (type == LUA_TNUMBER) {
        lua_Number n = lua_tonumber(L, idx);
        return hash_more(h ^ 'n', &n, sizeof n);
    }
    if (type == LUA_TBOOLEAN)
        type += 16 * (1 + lua_toboolean(L, idx));
    return hash_mix(h ^ (uint64_t)(type + 1));
}

uint32_t journal_hash(lua_State *L, int from, int to)
{
    uint64_t h = 1;
    while (to >= from && lua_isnil(L, to))
        to--;
    for (int i = from; i <= to; i++)
        h = hash_value(L, i, h);
    return (uint32_t)(h ^ h >> 32);
}

uint32_t journal_hash_spec(const char *spec, size_t len)
{
    static const char due[] = "\"due\":"; /* inside a string its quotes would have backslashes */
    const char *at = memmem(spec, len, due, sizeof due - 1), *end = spec + len;
    uint64_t h = 1;
    if (at) {
        h = hash_more(h, spec, (size_t)(at - spec));
        for (at += sizeof due - 1; at < end && strchr("-+.eE0123456789", *at) && *at;)
            at++;
    } else {
        at = spec;
    }
    h = hash_more(h, at, (size_t)(end - at));
    return (uint32_t)(h ^ h >> 32);
}

/* ---- values to text ---- */

static void add_value(lua_State *L, struct buf *out, int idx, int depth);

static void add_string(struct buf *out, const char *s, size_t len)
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

/* True if the keys are whole numbers from 1 on, with few gaps (a reply of Redis may have them); *n is the largest. */
static bool is_list(lua_State *L, int idx, size_t *n)
{
    size_t count = 0;
    bool list = true;
    *n = 0;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        count++;
        list = list && key > 0;
        if (list && (size_t)key > *n)
            *n = (size_t)key;
    }
    return list && *n <= 2 * count + 8;
}

static void add_table(lua_State *L, struct buf *out, int idx, int depth)
{
    size_t n, count = 0;
    luaL_checkstack(L, 6, "journal");
    if (is_list(L, idx, &n)) {
        add_list(L, out, idx, n, depth);
        return;
    }
    buf_addc(out, '{');
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        int top = lua_gettop(L);
        if (count++)
            buf_addc(out, ',');
        add_value(L, out, top - 1, depth + 1);
        buf_addc(out, ':');
        add_value(L, out, top, depth + 1);
    }
    buf_addc(out, '}');
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
        add_string(out, s, len);
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

/* ---- recording ---- */

static size_t line_begin(struct journal *j, char kind, uint32_t hash)
{
    size_t start = j->lines.len;
    char *p = buf_reserve(&j->lines, HASH_DIGITS + 2);
    *p++ = kind;
    for (int i = HASH_DIGITS - 1; i >= 0; i--)
        *p++ = "0123456789abcdef"[hash >> 4 * i & 15];
    *p = ' ';
    j->lines.len += HASH_DIGITS + 2;
    return start;
}

static void line_end(struct journal *j, size_t start)
{
    buf_addc(&j->lines, '\n');
    j->entries++;
    j->bytes += j->lines.len - start;
}

void journal_add_call(struct journal *j, lua_State *L, char kind, uint32_t hash, int from, int to)
{
    size_t start = line_begin(j, kind, hash);
    if (from == to && !lua_istable(L, from)) {
        add_value(L, &j->lines, from, 0);
    } else if (from <= to) {
        buf_addc(&j->lines, '[');
        for (int i = from; i <= to; i++) {
            if (i > from)
                buf_addc(&j->lines, ',');
            add_value(L, &j->lines, i, 0);
        }
        buf_addc(&j->lines, ']');
    }
    line_end(j, start);
}

void journal_add_error(struct journal *j, lua_State *L, char kind, uint32_t hash)
{
    size_t start = line_begin(j, kind, hash), len;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    buf_addc(&j->lines, '!');
    add_string(&j->lines, text ? text : "?", text ? len : 1);
    line_end(j, start);
}

void journal_add_wait(struct journal *j, uint32_t hash, const char *spec, size_t len)
{
    size_t start = line_begin(j, '?', hash);
    buf_add(&j->lines, spec, len);
    line_end(j, start);
}

void journal_add_wake(struct journal *j, const char *wake, size_t len)
{
    size_t start = j->lines.len;
    buf_addc(&j->lines, '!');
    buf_add(&j->lines, wake, len);
    line_end(j, start);
}

int64_t journal_position(const struct journal *j)
{
    return (int64_t)j->entries << 32 | (int64_t)j->lines.len;
}

void journal_cut(struct journal *j, int64_t position)
{
    size_t len = (size_t)(position & 0xFFFFFFFF);
    int entries = (int)(position >> 32);
    if (position < 0 || len > j->lines.len || entries > j->entries)
        return; /* from before a wait */
    j->bytes -= j->lines.len - len;
    j->lines.len = len;
    j->entries = entries;
}

/* ---- replaying ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_hash(struct journal_line *line)
{
    uint32_t hash = 0;
    line->hashed = false;
    if (line->len < HASH_DIGITS || line->kind == '!')
        return;
    for (int i = 0; i < HASH_DIGITS; i++) {
        int digit = hex_digit(line->text[i]);
        if (digit < 0)
            return;
        hash = hash << 4 | (uint32_t)digit;
    }
    line->hashed = true;
    line->hash = hash;
    line->text += HASH_DIGITS;
    line->len -= HASH_DIGITS;
    if (line->len && *line->text == ' ') {
        line->text++;
        line->len--;
    }
}

bool journal_peek(struct journal *j, struct journal_line *line)
{
    while (j->at && j->at < j->end) {
        const char *newline = memchr(j->at, '\n', (size_t)(j->end - j->at));
        const char *stop = newline ? newline : j->end;
        if (*j->at == '+' || stop == j->at) {
            j->at = newline ? newline + 1 : stop;
            continue;
        }
        line->kind = *j->at;
        line->text = j->at + 1;
        line->len = (size_t)(stop - line->text);
        read_hash(line);
        return true;
    }
    return false;
}

bool journal_next(struct journal *j, struct journal_line *line)
{
    if (!journal_peek(j, line))
        return false;
    const char *start = j->at, *stop = line->text + line->len;
    j->at = stop < j->end ? stop + 1 : stop;
    j->entries++;
    j->bytes += (size_t)(j->at - start);
    return true;
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
        out[n++] = (char)(high << 4 | low);
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
    luaL_checkstack(r->L, 6, "journal");
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

/* The results that stand in a list. */
static int read_results(struct reader *r, int top)
{
    r->p++;
    if (take(r, ']'))
        return r->p == r->end ? 0 : JOURNAL_DAMAGED;
    do {
        if (!read_value(r, 0))
            return JOURNAL_DAMAGED;
    } while (take(r, ','));
    return take(r, ']') && r->p == r->end ? lua_gettop(r->L) - top : JOURNAL_DAMAGED;
}

int journal_results(lua_State *L, const struct journal_line *line)
{
    struct reader r = {L, line->text, line->text + line->len};
    int top = lua_gettop(L), n = 0;
    if (!line->len)
        return 0;
    if (*r.p == '!') {
        r.p++;
        n = read_value(&r, 0) && r.p == r.end ? JOURNAL_RAISED : JOURNAL_DAMAGED;
    } else if (*r.p == '[') {
        n = read_results(&r, top);
    } else {
        n = read_value(&r, 0) && r.p == r.end ? 1 : JOURNAL_DAMAGED;
    }
    if (n == JOURNAL_DAMAGED)
        lua_settop(L, top);
    return n;
}
