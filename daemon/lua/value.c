/* value.c -- how values look in Redis: what stands in a hash field, a list or a set.
 * Integers and floats as decimal text, booleans as true and false, tables as JSON, strings raw; a string that would read as
 * one of the others is written as a JSON string. People read and edit these with redis-cli. */
#include <string.h>

#include "lua/json.h"
#include "lua/state.h"

enum { VALUE_MAX = 1 << 20 };

enum form { FORM_STRING, FORM_INTEGER, FORM_FLOAT, FORM_TRUE, FORM_FALSE, FORM_JSON };

static bool fits_integer(const char *s, size_t len)
{
    bool negative = *s == '-';
    static const char limit[] = "9223372036854775807", low[] = "9223372036854775808";
    size_t n = len - negative;
    if (negative && n == 1 && s[1] == '0')
        return false; /* "-0" is not how an integer is written */
    if (n != 19)
        return n < 19;
    return memcmp(s + negative, negative ? low : limit, 19) <= 0;
}

static enum form form_of(const char *s, size_t len)
{
    bool is_float = false;
    if (!len)
        return FORM_STRING;
    switch (*s) {
    case '{':
    case '[':
    case '"': return FORM_JSON;
    case 't': return len == 4 && memcmp(s, "true", 4) == 0 ? FORM_TRUE : FORM_STRING;
    case 'f': return len == 5 && memcmp(s, "false", 5) == 0 ? FORM_FALSE : FORM_STRING;
    default:
        if (json_number_span(s, len, &is_float) != len)
            return FORM_STRING;
        if (is_float)
            return FORM_FLOAT;
        return fits_integer(s, len) ? FORM_INTEGER : FORM_STRING;
    }
}

void value_decode(lua_State *L, const char *s, size_t len)
{
    const char *why;
    switch (form_of(s, len)) {
    case FORM_INTEGER: json_push_number(L, s, len, false); break;
    case FORM_FLOAT: json_push_number(L, s, len, true); break;
    case FORM_TRUE:
    case FORM_FALSE: lua_pushboolean(L, *s == 't'); break;
    case FORM_JSON:
        if (!json_decode(L, s, len, &why))
            lua_pushlstring(L, s, len); /* somebody wrote it by hand: it is what it is */
        break;
    case FORM_STRING: lua_pushlstring(L, s, len); break;
    }
}

static int refuse(lua_State *L, const char *what, const char *name, const char *why)
{
    return fence_fail(L, "%s%s%s %s", what, name ? "." : "", name ? name : "", why);
}

static void refuse_length(lua_State *L, size_t len, const char *what, const char *name)
{
    if (len > VALUE_MAX)
        refuse(L, what, name, "cannot hold this value: it is longer than 1 MiB");
}

static void encode_json(lua_State *L, int idx, const char *what, const char *name)
{
    struct buf *out = &flow_of(L)->host->scratch2;
    const char *why = NULL;
    buf_reset(out);
    if (!json_encode(L, idx, out, &why)) {
        lua_pushfstring(L, "cannot hold this value: %s", why);
        refuse(L, what, name, lua_tostring(L, -1));
    }
    refuse_length(L, out->len, what, name);
    lua_pushlstring(L, out->data, out->len);
}

void value_encode(lua_State *L, int idx, const char *what, const char *name)
{
    size_t len;
    const char *s;
    switch (lua_type(L, idx)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, idx, &len);
        refuse_length(L, len, what, name);
        if (form_of(s, len) == FORM_STRING)
            lua_pushvalue(L, idx);
        else
            encode_json(L, idx, what, name);
        break;
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TTABLE: encode_json(L, idx, what, name); break;
    default:
        lua_pushfstring(L, "cannot hold a %s: only strings, numbers, booleans and tables of them",
                        luaL_typename(L, idx));
        refuse(L, what, name, lua_tostring(L, -1));
    }
}
