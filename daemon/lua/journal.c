/* journal.c -- see journal.h. Values are written and read in journal_value.c. One result stands alone unless it is a table; any
 * other number of results is a list. */
#include "lua/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { HASH_DIGITS = 8 };

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

/* ---- recording ---- */

static size_t line_begin(struct journal *j, char kind, uint32_t hash)
{
    size_t start = j->lines.len;
    j->open = true;
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
    j->open = false;
    j->entries++;
    j->bytes += j->lines.len - start;
}

void journal_add_call(struct journal *j, lua_State *L, char kind, uint32_t hash, int from, int to)
{
    size_t start = line_begin(j, kind, hash);
    if (from == to && !lua_istable(L, from)) {
        journal_add_value(L, &j->lines, from);
    } else if (from <= to) {
        buf_addc(&j->lines, '[');
        for (int i = from; i <= to; i++) {
            if (i > from)
                buf_addc(&j->lines, ',');
            journal_add_value(L, &j->lines, i);
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
    journal_add_string(&j->lines, text ? text : "?", text ? len : 1);
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

static void read_hashed(struct journal_line *line, uint32_t hash)
{
    line->hashed = true;
    line->hash = hash;
    line->text += HASH_DIGITS;
    line->len -= HASH_DIGITS;
    if (line->len && *line->text == ' ') {
        line->text++;
        line->len--;
    }
}

static void read_hash(struct journal_line *line)
{
    uint32_t hash = 0;
    line->hashed = line->any = false;
    if (line->len < HASH_DIGITS || line->kind == '!')
        return;
    if (memcmp(line->text, "********", HASH_DIGITS) == 0) {
        read_hashed(line, 0);
        line->any = true;
        return;
    }
    for (int i = 0; i < HASH_DIGITS; i++) {
        int digit = hex_digit(line->text[i]);
        if (digit < 0)
            return;
        hash = hash << 4 | (uint32_t)digit;
    }
    read_hashed(line, hash);
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

/* The results that stand in a list. */
static int read_results(lua_State *L, const char *p, const char *end)
{
    int top = lua_gettop(L);
    if (end - p == 2 && p[1] == ']')
        return 0;
    do {
        p++; /* the bracket, a comma */
        if (!journal_read_value(L, &p, end) || p >= end)
            return JOURNAL_DAMAGED;
    } while (*p == ',');
    return *p == ']' && p + 1 == end ? lua_gettop(L) - top : JOURNAL_DAMAGED;
}

int journal_results(lua_State *L, const struct journal_line *line)
{
    const char *p = line->text, *end = p + line->len;
    int top = lua_gettop(L), n = 0;
    if (!line->len)
        return 0;
    if (*p == '[') {
        n = read_results(L, p, end);
    } else {
        n = *p == '!' ? JOURNAL_RAISED : 1;
        p += *p == '!';
        if (!journal_read_value(L, &p, end) || p != end)
            n = JOURNAL_DAMAGED;
    }
    if (n == JOURNAL_DAMAGED)
        lua_settop(L, top);
    return n;
}
