/* json.c -- see json.h. Nothing here owns heap memory of its own, so that an error of Lua may pass through everywhere. */
#include "lua/json.h"

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "lua/state.h"

enum { DEPTH_MAX = 32, NUMBER_MAX = 64 };

/* ---- numbers ---- */

static int float_text(double d, char *out, size_t size)
{
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(out, size, "%.*g", digits, d);
        if (strtod(out, NULL) == d)
            break;
    }
    if (!strpbrk(out, ".eE"))
        n += snprintf(out + n, size - (size_t)n, ".0");
    return n;
}

bool json_add_number(lua_State *L, int idx, struct buf *out)
{
    if (lua_isinteger(L, idx)) {
        buf_addi(out, lua_tointeger(L, idx));
        return true;
    }
    double d = lua_tonumber(L, idx);
    if (!isfinite(d))
        return false;
    char text[NUMBER_MAX];
    buf_add(out, text, (size_t)float_text(d, text, sizeof text));
    return true;
}

static size_t digits_span(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n] >= '0' && s[n] <= '9')
        n++;
    return n;
}

size_t json_number_span(const char *s, size_t len, bool *is_float)
{
    size_t at = len && s[0] == '-' ? 1 : 0;
    size_t n = digits_span(s + at, len - at);
    if (!n || (n > 1 && s[at] == '0'))
        return 0;
    at += n;
    *is_float = false;
    if (at < len && s[at] == '.') {
        n = digits_span(s + at + 1, len - at - 1);
        if (!n)
            return 0;
        at += n + 1;
        *is_float = true;
    }
    if (at < len && (s[at] == 'e' || s[at] == 'E')) {
        size_t sign = at + 1 < len && (s[at + 1] == '+' || s[at + 1] == '-') ? 1 : 0;
        n = digits_span(s + at + 1 + sign, len - at - 1 - sign);
        if (!n)
            return 0;
        at += 1 + sign + n;
        *is_float = true;
    }
    return at;
}

/* Digits that say an integer in the one way that it is written: no leading zeros, and it surely fits. */
static bool plain_integer(const char *s, size_t len, lua_Integer *out)
{
    enum { SURE = 18 };
    bool minus = len > 0 && *s == '-';
    size_t i = minus;
    if (i == len || len - i > SURE || (s[i] == '0' && len > 1))
        return false;
    lua_Integer n = 0;
    for (; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        n = n * 10 + (s[i] - '0');
    }
    *out = minus ? -n : n;
    return true;
}

void json_push_number(lua_State *L, const char *s, size_t len, bool is_float)
{
    lua_Integer plain;
    if (!is_float && plain_integer(s, len, &plain)) {
        lua_pushinteger(L, plain);
        return;
    }
    char text[NUMBER_MAX * 8];
    size_t n = len < sizeof text - 1 ? len : sizeof text - 1;
    memcpy(text, s, n);
    text[n] = '\0';
    if (!is_float && n <= 20) {
        long long i = strtoll(text, NULL, 10);
        char back[NUMBER_MAX];
        snprintf(back, sizeof back, "%lld", i);
        if (strcmp(back, text) == 0 || strcmp(text, "-0") == 0) {
            lua_pushinteger(L, (lua_Integer)i);
            return;
        }
    }
    lua_pushnumber(L, strtod(text, NULL));
}

/* ---- Lua to text ---- */

struct encoder {
    lua_State *L;
    struct buf *out;
    const char *why;
};

struct key {
    const char *s;
    size_t len;
};

static bool encode_value(struct encoder *e, int idx, int depth);

static bool encode_fail(struct encoder *e, const char *why)
{
    e->why = why;
    return false;
}

/* Counts entries; *list = true if the keys are exactly 1..n. False: keys that JSON has no place for. */
static bool encode_survey(struct encoder *e, int idx, size_t *count, bool *list)
{
    lua_State *L = e->L;
    size_t n = 0, strings = 0;
    lua_Integer top = 0;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        n++;
        if (lua_type(L, -1) == LUA_TSTRING) {
            strings++;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1) {
            if (lua_tointeger(L, -1) > top)
                top = lua_tointeger(L, -1);
        } else {
            lua_pop(L, 1);
            return encode_fail(e, "its keys must be names or the numbers 1 to n");
        }
    }
    if (strings && strings != n)
        return encode_fail(e, "it has both named entries and numbered ones");
    if (!strings && (size_t)top != n)
        return encode_fail(e, "its numbers have gaps: use tostring for the keys");
    *count = n;
    *list = !strings && n > 0;
    return true;
}

static int key_compare(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int c = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
    return c ? c : (x->len > y->len) - (x->len < y->len);
}

static bool encode_list(struct encoder *e, int idx, size_t count, int depth)
{
    buf_addc(e->out, '[');
    for (size_t i = 1; i <= count; i++) {
        if (i > 1)
            buf_addc(e->out, ',');
        lua_rawgeti(e->L, idx, (lua_Integer)i);
        bool ok = encode_value(e, lua_gettop(e->L), depth + 1);
        lua_pop(e->L, 1);
        if (!ok)
            return false;
    }
    buf_addc(e->out, ']');
    return true;
}

/* Keys are sorted in a userdata; their bytes are anchored by the table. */
static bool encode_object(struct encoder *e, int idx, size_t count, int depth)
{
    lua_State *L = e->L;
    struct key *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    size_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        keys[n].s = lua_tolstring(L, -1, &keys[n].len);
        n++;
    }
    qsort(keys, n, sizeof *keys, key_compare);
    bool ok = true;
    buf_addc(e->out, '{');
    for (size_t i = 0; ok && i < n; i++) {
        if (i)
            buf_addc(e->out, ',');
        buf_add_json(e->out, keys[i].s, keys[i].len);
        buf_addc(e->out, ':');
        lua_pushlstring(L, keys[i].s, keys[i].len);
        lua_rawget(L, idx);
        ok = encode_value(e, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    buf_addc(e->out, '}');
    lua_pop(L, 1);
    return ok;
}

/* Frozen tables (parameters) are empty in front of their data: look behind. */
static int encode_unwrap(lua_State *L, int idx)
{
    if (!lua_getmetatable(L, idx))
        return idx;
    lua_pushliteral(L, "frozen");
    lua_rawget(L, -2);
    lua_replace(L, -2);
    if (lua_istable(L, -1))
        return lua_gettop(L);
    return idx;
}

static bool encode_table(struct encoder *e, int idx, int depth)
{
    lua_State *L = e->L;
    size_t count;
    bool list, ok;
    if (depth >= DEPTH_MAX)
        return encode_fail(e, "it is nested too deeply, or contains itself");
    if (!lua_checkstack(L, 8))
        return encode_fail(e, "there is not enough memory");
    int top = lua_gettop(L);
    idx = encode_unwrap(L, idx);
    ok = encode_survey(e, idx, &count, &list);
    if (ok && list)
        ok = encode_list(e, idx, count, depth);
    else if (ok)
        ok = encode_object(e, idx, count, depth);
    lua_settop(L, top);
    return ok;
}

static bool encode_value(struct encoder *e, int idx, int depth)
{
    size_t len;
    const char *s;
    switch (lua_type(e->L, idx)) {
    case LUA_TNIL: buf_adds(e->out, "null"); return true;
    case LUA_TBOOLEAN: buf_adds(e->out, lua_toboolean(e->L, idx) ? "true" : "false"); return true;
    case LUA_TNUMBER:
        return json_add_number(e->L, idx, e->out) || encode_fail(e, "a number in it is not finite");
    case LUA_TSTRING:
        s = lua_tolstring(e->L, idx, &len);
        buf_add_json(e->out, s, len);
        return true;
    case LUA_TTABLE: return encode_table(e, idx, depth);
    default:
        return encode_fail(e, "only strings, numbers, booleans and tables of them can be stored");
    }
}

bool json_encode(lua_State *L, int idx, struct buf *out, const char **why)
{
    struct encoder e = {L, out, NULL};
    if (encode_value(&e, lua_absindex(L, idx), 0))
        return true;
    *why = e.why;
    return false;
}

/* ---- text to Lua ---- */

struct decoder {
    lua_State *L;
    const char *p, *end;
    const char *why;
};

static bool decode_value(struct decoder *d, int depth);

static bool decode_fail(struct decoder *d, const char *why)
{
    d->why = why;
    return false;
}

static void decode_blank(struct decoder *d)
{
    while (d->p < d->end && (*d->p == ' ' || *d->p == '\t' || *d->p == '\n' || *d->p == '\r'))
        d->p++;
}

static bool decode_take(struct decoder *d, char c)
{
    decode_blank(d);
    if (d->p >= d->end || *d->p != c)
        return false;
    d->p++;
    return true;
}

static bool decode_word(struct decoder *d, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(d->end - d->p) < n || memcmp(d->p, word, n) != 0)
        return decode_fail(d, "this is not JSON");
    d->p += n;
    return true;
}

static int decode_hex(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static void add_code(luaL_Buffer *b, uint32_t c)
{
    if (c < 0x80) {
        luaL_addchar(b, (char)c);
    } else if (c < 0x800) {
        luaL_addchar(b, (char)(0xC0 | c >> 6));
        luaL_addchar(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        luaL_addchar(b, (char)(0xE0 | c >> 12));
        luaL_addchar(b, (char)(0x80 | (c >> 6 & 63)));
        luaL_addchar(b, (char)(0x80 | (c & 63)));
    } else {
        luaL_addchar(b, (char)(0xF0 | c >> 18));
        luaL_addchar(b, (char)(0x80 | (c >> 12 & 63)));
        luaL_addchar(b, (char)(0x80 | (c >> 6 & 63)));
        luaL_addchar(b, (char)(0x80 | (c & 63)));
    }
}

static bool decode_unicode(struct decoder *d, luaL_Buffer *b)
{
    int c = d->end - d->p >= 4 ? decode_hex(d->p) : -1;
    if (c < 0)
        return decode_fail(d, "a \\u escape is damaged");
    d->p += 4;
    uint32_t code = (uint32_t)c;
    if (code >= 0xD800 && code < 0xDC00 && d->end - d->p >= 6 && d->p[0] == '\\' &&
        d->p[1] == 'u') {
        int low = decode_hex(d->p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
            d->p += 6;
        }
    }
    add_code(b, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return true;
}

static bool decode_escape(struct decoder *d, luaL_Buffer *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (d->p >= d->end)
        return decode_fail(d, "a string does not end");
    char c = *d->p++;
    if (c == 'u')
        return decode_unicode(d, b);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at)
        return decode_fail(d, "an unknown escape");
    luaL_addchar(b, to[at - from]);
    return true;
}

static bool decode_string(struct decoder *d)
{
    const char *start = ++d->p;
    while (d->p < d->end && *d->p != '"' && *d->p != '\\')
        d->p++;
    if (d->p < d->end && *d->p == '"') { /* the usual case: no escapes */
        lua_pushlstring(d->L, start, (size_t)(d->p++ - start));
        return true;
    }
    luaL_Buffer b;
    luaL_buffinit(d->L, &b);
    luaL_addlstring(&b, start, (size_t)(d->p - start));
    while (d->p < d->end && *d->p != '"') {
        if (*d->p == '\\') {
            d->p++;
            if (!decode_escape(d, &b))
                return false;
        } else {
            luaL_addchar(&b, *d->p);
            d->p++;
        }
    }
    if (d->p >= d->end)
        return decode_fail(d, "a string does not end");
    d->p++;
    luaL_pushresult(&b);
    return true;
}

static bool decode_list(struct decoder *d, int depth)
{
    d->p++;
    lua_newtable(d->L);
    if (decode_take(d, ']'))
        return true;
    for (lua_Integer i = 1;; i++) {
        if (!decode_value(d, depth + 1))
            return false;
        lua_rawseti(d->L, -2, i);
        if (decode_take(d, ']'))
            return true;
        if (!decode_take(d, ','))
            return decode_fail(d, "a list does not end");
    }
}

static bool decode_object(struct decoder *d, int depth)
{
    d->p++;
    lua_newtable(d->L);
    if (decode_take(d, '}'))
        return true;
    for (;;) {
        decode_blank(d);
        if (d->p >= d->end || *d->p != '"')
            return decode_fail(d, "a name is missing in an object");
        if (!decode_string(d))
            return false;
        if (!decode_take(d, ':'))
            return decode_fail(d, "a colon is missing in an object");
        if (!decode_value(d, depth + 1))
            return false;
        lua_rawset(d->L, -3);
        if (decode_take(d, '}'))
            return true;
        if (!decode_take(d, ','))
            return decode_fail(d, "an object does not end");
    }
}

static bool decode_number(struct decoder *d)
{
    bool is_float = false;
    size_t n = json_number_span(d->p, (size_t)(d->end - d->p), &is_float);
    if (!n)
        return decode_fail(d, "this is not JSON");
    json_push_number(d->L, d->p, n, is_float);
    d->p += n;
    return true;
}

static bool decode_value(struct decoder *d, int depth)
{
    if (depth > DEPTH_MAX)
        return decode_fail(d, "it is nested too deeply");
    luaL_checkstack(d->L, 8, "JSON");
    decode_blank(d);
    switch (d->p < d->end ? *d->p : '\0') {
    case '{': return decode_object(d, depth);
    case '[': return decode_list(d, depth);
    case '"': return decode_string(d);
    case 't': lua_pushboolean(d->L, 1); return decode_word(d, "true");
    case 'f': lua_pushboolean(d->L, 0); return decode_word(d, "false");
    case 'n': lua_pushnil(d->L); return decode_word(d, "null");
    default: return decode_number(d);
    }
}

bool json_decode(lua_State *L, const char *s, size_t len, const char **why)
{
    struct decoder d = {L, s, s + len, NULL};
    int top = lua_gettop(L);
    bool ok = decode_value(&d, 0);
    if (ok) {
        decode_blank(&d);
        if (d.p < d.end)
            ok = decode_fail(&d, "something follows the value");
    }
    if (ok)
        return true;
    lua_settop(L, top);
    *why = d.why;
    return false;
}

/* ---- cJSON ---- */

static void push_number(lua_State *L, double d)
{
    if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == (double)(int64_t)d)
        lua_pushinteger(L, (lua_Integer)d);
    else
        lua_pushnumber(L, d);
}

void json_push(lua_State *L, const cJSON *v)
{
    luaL_checkstack(L, 4, "parameters");
    if (!v || cJSON_IsNull(v)) {
        lua_pushnil(L);
    } else if (cJSON_IsBool(v)) {
        lua_pushboolean(L, cJSON_IsTrue(v));
    } else if (cJSON_IsNumber(v)) {
        push_number(L, v->valuedouble);
    } else if (cJSON_IsString(v)) {
        lua_pushstring(L, v->valuestring);
    } else {
        lua_newtable(L);
        lua_Integer i = 0;
        const cJSON *child;
        cJSON_ArrayForEach (child, v) {
            json_push(L, child);
            if (cJSON_IsArray(v))
                lua_rawseti(L, -2, ++i);
            else
                lua_setfield(L, -2, child->string);
        }
    }
}

cJSON *json_take(lua_State *L, int idx, const char **why)
{
    struct buf *text = &flow_of(L)->host->scratch2;
    buf_reset(text);
    if (!json_encode(L, idx, text, why))
        return NULL;
    cJSON *v = cJSON_Parse(buf_cstr(text));
    if (!v)
        *why = "a text in it has a zero byte";
    return v;
}
