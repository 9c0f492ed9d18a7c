/* json.h -- values between Lua, JSON text and cJSON trees.
 * From text and to text goes directly (64-bit integers stay exact, keys are sorted); cJSON is for parameters. */
#ifndef SOPD_LUA_JSON_H
#define SOPD_LUA_JSON_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct cJSON;

/* Pushes a tree as Lua values; NULL pushes nil. May raise (memory). */
void json_push(lua_State *L, const struct cJSON *v);
/* The value at idx as a new tree (caller frees). NULL with *why set: a function in it, too deep, mixed keys. May raise (memory). */
struct cJSON *json_take(lua_State *L, int idx, const char **why);

/* Appends the value at idx as JSON text. False with *why set. Metamethods are not called. May raise (memory): `out` must have
 * an owner that survives it. */
bool json_encode(lua_State *L, int idx, struct buf *out, const char **why);
/* Parses text and pushes one value (null inside an object vanishes). False with *why set, nothing pushed. May raise (memory). */
bool json_decode(lua_State *L, const char *s, size_t len, const char **why);

/* Appends a number as people and JSON write it: 3, 3.0, 0.1. False for infinities and NaN. */
bool json_add_number(lua_State *L, int idx, struct buf *out);
/* How much of s is a JSON number; *is_float tells its kind; 0 = none. */
size_t json_number_span(const char *s, size_t len, bool *is_float);
/* Pushes the number that s (exactly a JSON number) stands for; integers beyond 64 bits become floats. */
void json_push_number(lua_State *L, const char *s, size_t len, bool is_float);

#endif
