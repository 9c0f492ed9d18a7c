/* fence.c -- the limits of a state: memory, instructions, and errors that say where the script was.
 * The allocator is the memory fence, the count hook the time fence. Both end a handler, never the daemon. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lua/state.h"

enum { FRAMES_MAX = 10, MESSAGE_MAX = 2000, WORK_BYTES = 64, SLICE_NS = 1000000000 };

void *fence_alloc(void *ud, void *p, size_t osize, size_t nsize)
{
    struct state_memory *m = ud;
    size_t old = p ? osize : 0; /* with p == NULL, osize is a type tag */
    if (nsize == 0) {
        pool_realloc(&m->pool, p, old, 0);
        m->used -= old;
        return NULL;
    }
    if (nsize > old && m->used + (nsize - old) > m->cap)
        return NULL; /* refuse growth, never a shrink */
    void *q = pool_realloc(&m->pool, p, old, nsize);
    if (!q)
        return NULL;
    m->used += nsize - old;
    if (nsize > old)
        m->work += (int64_t)(nsize - old);
    return q;
}

void fence_where(lua_State *L, char *out, size_t size)
{
    lua_Debug ar;
    *out = '\0';
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.source[0] == '@') {
            snprintf(out, size, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
}

const char *fence_message(const struct flow *f)
{
    if (f->kill && f->kill != KILL_BUDGET)
        return buf_cstr(&f->host->killed);
    return "the script used up its instruction budget; is there a loop that does not end?";
}

static int raise_kill(lua_State *L, const char *message)
{
    char where[128];
    lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1); /* raise again at the next instruction */
    fence_where(L, where, sizeof where);
    if (flow_of(L)->kill == KILL_STUCK) /* it says where */
        *where = '\0';
    lua_pushfstring(L, "%s%s", where, message);
    return lua_error(L);
}

/* The net below the budget, for work in C that nothing else charges (comparing long strings again and again): a second of wall
 * time and a further one of processor time. A machine that merely stalls does not end handlers. */
static bool too_slow(struct flow *f)
{
    if (clock_ns() - f->slice_ns < SLICE_NS)
        return false;
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    uint64_t cpu = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    if (!f->slice_cpu)
        f->slice_cpu = cpu;
    return cpu - f->slice_cpu > SLICE_NS;
}

static void fence_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    struct flow *f = flow_of(L);
    if (!f->kill) {
        f->budget -= HOOK_EVERY + f->memory.work / WORK_BYTES;
        f->memory.work = 0;
        if (f->budget > 0 && !too_slow(f))
            return;
        f->kill = KILL_BUDGET;
    }
    raise_kill(L, fence_message(f));
}

void fence_install(lua_State *L)
{
    lua_sethook(L, fence_hook, LUA_MASKCOUNT, HOOK_EVERY);
}

bool fence_ended(lua_State *T)
{
    return lua_gethookcount(T) == 1;
}

void fence_begin(struct flow *f, int64_t budget)
{
    f->budget = budget;
    f->memory.work = 0;
    f->slice_ns = clock_ns();
    f->slice_cpu = 0;
    f->kill = KILL_NONE;
}

void fence_charge(lua_State *L, int64_t n)
{
    struct flow *f = flow_of(L);
    f->budget -= n;
    if (f->budget <= 0 && !f->kill)
        fence_kill(L, KILL_BUDGET, fence_message(f));
}

int fence_kill(lua_State *L, enum kill why, const char *message)
{
    struct buf *killed = &flow_of(L)->host->killed;
    flow_of(L)->kill = why;
    buf_reset(killed);
    buf_adds(killed, message);
    return raise_kill(L, message);
}

int fence_kill_again(lua_State *L)
{
    return raise_kill(L, fence_message(flow_of(L)));
}

int fence_fail(lua_State *L, const char *fmt, ...)
{
    char where[128], text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fence_where(L, where, sizeof where);
    lua_pushfstring(L, "%s%s", where, text);
    return lua_error(L);
}

/* Any value can be an error, and turning it into text may raise. */
static int error_text(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING) {
        if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
            lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
            return 1;
        }
        lua_pop(L, 1);
    }
    luaL_tolstring(L, 1, NULL);
    return 1;
}

static void describe_frames(lua_State *from, struct buf *out)
{
    lua_Debug ar;
    int shown = 0;
    for (int level = 0; shown < FRAMES_MAX && lua_getstack(from, level, &ar); level++) {
        lua_getinfo(from, "Sln", &ar);
        if (ar.source[0] != '@')
            continue;
        buf_addf(out, "\n  at %s:%d", ar.short_src, ar.currentline);
        if (*ar.what == 'm')
            buf_adds(out, " (main chunk)");
        else if (ar.name)
            buf_addf(out, " in %s", ar.name);
        else
            buf_addf(out, " in the function of line %d", ar.linedefined);
        shown++;
    }
}

void fence_describe(struct flow *f, lua_State *from, struct buf *out)
{
    lua_State *L = f->L;
    int base = lua_gettop(L);
    size_t start = out->len;
    const char *text = NULL;
    size_t len = 0;
    if (from != L && lua_checkstack(L, 3)) {
        lua_pushcfunction(L, error_text);
        lua_xmove(from, L, 1);
    } else if (from == L && lua_checkstack(L, 3)) {
        lua_pushcfunction(L, error_text);
        lua_insert(L, -2);
        base--;
    }
    f->budget += STATE_BUDGET / 10; /* a __tostring may run, but not for long */
    if (lua_gettop(L) > base && lua_pcall(L, 1, 1, 0) == LUA_OK)
        text = lua_tolstring(L, -1, &len);
    if (text)
        buf_add(out, text, len < MESSAGE_MAX ? len : MESSAGE_MAX);
    else
        buf_adds(out, "(error object without a text)");
    lua_settop(L, base);
    fence_install(L); /* it was set to one instruction if that was too long */
    for (size_t i = start; i < out->len; i++)
        if ((unsigned char)out->data[i] < ' ' && out->data[i] != '\n' && out->data[i] != '\t')
            out->data[i] = '?';
    describe_frames(from, out);
}
