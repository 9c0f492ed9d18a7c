/* capi_time.c -- days, dates and clock times for the prelude and for os.time/os.date, in the playbook's zone.
 * Milliseconds inside, seconds where scripts see them. Only computes: the turn's time itself comes from capi.c. */
#include <string.h>
#include <time.h>

#include "base/timefmt.h"
#include "engine/route/book.h"
#include "engine/turn/turn.h"
#include "lua/state.h"

enum { FORMAT_MAX = 200, TEXT_MAX = 1024 };

static const struct zone *zone_of(lua_State *L)
{
    const struct coro *co = flow_of(L)->running;
    const struct zone *z = co ? co->binding->playbook->zone : NULL;
    return z ? z : zone_get("UTC");
}

static int64_t cutoff_of(lua_State *L)
{
    const struct coro *co = flow_of(L)->running;
    return co ? co->binding->playbook->cutoff_ms : 0;
}

/* day_of(ms): the business day that contains the moment. */
static int time_day_of(lua_State *L)
{
    lua_pushinteger(L, zone_day(zone_of(L), luaL_checkinteger(L, 1), cutoff_of(L)));
    return 1;
}

/* Milliseconds after midnight at which the playbook's day begins. */
static int time_cutoff(lua_State *L)
{
    lua_pushinteger(L, cutoff_of(L));
    return 1;
}

/* moment(day, clock_ms): when that calendar day shows that clock time, in ms. */
static int time_moment(lua_State *L)
{
    lua_pushinteger(L, zone_moment(zone_of(L), luaL_checkinteger(L, 1), luaL_checkinteger(L, 2)));
    return 1;
}

/* calendar_day(ms), clock_ms(ms): of the ordinary date. */
static int time_calendar_day(lua_State *L)
{
    int64_t ms = luaL_checkinteger(L, 1);
    lua_pushinteger(L, zone_day(zone_of(L), ms, 0));
    lua_pushinteger(L, zone_clock(zone_of(L), ms));
    return 2;
}

static int time_parse_date_text(lua_State *L)
{
    int64_t day;
    if (!time_parse_date(luaL_checkstring(L, 1), &day))
        return 0;
    lua_pushinteger(L, day);
    return 1;
}

static int time_parse_clock_text(lua_State *L)
{
    int64_t ms;
    if (!time_parse_clock(luaL_checkstring(L, 1), &ms))
        return 0;
    lua_pushinteger(L, ms);
    return 1;
}

static int time_parse_duration_text(lua_State *L)
{
    int64_t ms;
    if (!time_parse_duration(luaL_checkstring(L, 1), &ms))
        return 0;
    lua_pushinteger(L, ms);
    return 1;
}

static void check_day(lua_State *L, int64_t day)
{
    if (day < -700000 || day > 2900000)
        fence_fail(L, "%lld is not a day of this calendar", (long long)day);
}

static int time_date_text(lua_State *L)
{
    struct buf *out = &flow_of(L)->host->scratch;
    int64_t day = luaL_checkinteger(L, 1);
    check_day(L, day);
    buf_reset(out);
    time_add_date(out, day);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

/* A broken-down time of that moment at that offset from UTC. */
static void break_down(int64_t ms, int64_t offset_ms, const char *zone, struct tm *tm)
{
    int64_t local = ms + offset_ms, day = local / 86400000, rest = local % 86400000;
    if (rest < 0) {
        rest += 86400000;
        day--;
    }
    int y, m, d, jan1;
    memset(tm, 0, sizeof *tm);
    time_civil(day, &y, &m, &d);
    jan1 = (int)(day - time_day(y, 1, 1));
    tm->tm_year = y - 1900;
    tm->tm_mon = m - 1;
    tm->tm_mday = d;
    tm->tm_yday = jan1;
    tm->tm_wday = time_weekday(day) % 7;
    tm->tm_hour = (int)(rest / 3600000);
    tm->tm_min = (int)(rest / 60000 % 60);
    tm->tm_sec = (int)(rest / 1000 % 60);
    tm->tm_gmtoff = (long)(offset_ms / 1000);
    tm->tm_zone = zone;
}

static void check_format(lua_State *L, const char *fmt, size_t len)
{
    static const char known[] = "aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%s";
    if (len > FORMAT_MAX)
        fence_fail(L, "a time format may have at most %d bytes", FORMAT_MAX);
    for (size_t i = 0; i < len; i++) {
        if (fmt[i] != '%')
            continue;
        i++;
        if (i >= len || !fmt[i] || !strchr(known, fmt[i]))
            fence_fail(L, "\"%s\" is not a time format: %%%c is unknown", fmt,
                       i < len ? fmt[i] : ' ');
    }
}

/* format(fmt, ms, utc): strftime in the playbook's zone. */
static int time_format(lua_State *L)
{
    size_t len;
    const char *fmt = luaL_checklstring(L, 1, &len);
    int64_t ms = luaL_checkinteger(L, 2);
    const struct zone *z = lua_toboolean(L, 3) ? zone_get("UTC") : zone_of(L);
    struct tm tm;
    char text[TEXT_MAX];
    check_format(L, fmt, len);
    check_day(L, ms / 86400000);
    break_down(ms, zone_offset(z, ms), zone_name(z), &tm);
    size_t n = *fmt ? strftime(text, sizeof text, fmt, &tm) : 0;
    lua_pushlstring(L, text, n);
    return 1;
}

/* ---- os ---- */

static int64_t now_ms(lua_State *L)
{
    const struct coro *co = flow_of(L)->running;
    return co ? co->time_ms : 0;
}

static int64_t time_field(lua_State *L, const char *name, int64_t missing)
{
    lua_getfield(L, 1, name);
    int ok = 1;
    int64_t v = lua_isnil(L, -1) ? missing : lua_tointegerx(L, -1, &ok);
    lua_pop(L, 1);
    if (!ok || v < -1000000000000 || v > 1000000000000)
        fence_fail(L, "os.time: field %s is not a usable number", name);
    if (v == INT64_MIN)
        fence_fail(L, "os.time: field %s is missing", name);
    return v;
}

static int os_time(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_pushinteger(L, now_ms(L) / 1000);
        return 1;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t year = time_field(L, "year", INT64_MIN), month = time_field(L, "month", INT64_MIN) - 1;
    int64_t mday = time_field(L, "day", INT64_MIN);
    int64_t clock =
        (time_field(L, "hour", 12) * 60 + time_field(L, "min", 0)) * 60 + time_field(L, "sec", 0);
    year += month / 12;
    month %= 12;
    if (month < 0) {
        month += 12;
        year--;
    }
    if (year < 0 || year > 9999)
        return fence_fail(L, "os.time: the year %lld is out of range", (long long)year);
    int64_t day = time_day((int)year, (int)month + 1, 1) + mday - 1 + clock / 86400;
    clock %= 86400;
    if (clock < 0) {
        clock += 86400;
        day--;
    }
    check_day(L, day);
    lua_pushinteger(L, zone_moment(zone_of(L), day, clock * 1000) / 1000);
    return 1;
}

static void set_number(lua_State *L, const char *name, int n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, name);
}

static int os_date_table(lua_State *L, int64_t ms, const struct zone *z)
{
    struct tm tm;
    break_down(ms, zone_offset(z, ms), zone_name(z), &tm);
    lua_createtable(L, 0, 9);
    set_number(L, "year", tm.tm_year + 1900);
    set_number(L, "month", tm.tm_mon + 1);
    set_number(L, "day", tm.tm_mday);
    set_number(L, "hour", tm.tm_hour);
    set_number(L, "min", tm.tm_min);
    set_number(L, "sec", tm.tm_sec);
    set_number(L, "yday", tm.tm_yday + 1);
    set_number(L, "wday", tm.tm_wday + 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "isdst");
    return 1;
}

static int os_date(lua_State *L)
{
    const char *fmt = luaL_optstring(L, 1, "%c");
    int64_t ms = lua_isnoneornil(L, 2) ? now_ms(L) : luaL_checkinteger(L, 2) * 1000;
    bool utc = *fmt == '!';
    check_day(L, ms / 86400000);
    if (strcmp(fmt + utc, "*t") == 0)
        return os_date_table(L, ms, utc ? zone_get("UTC") : zone_of(L));
    lua_settop(L, 0);
    lua_pushstring(L, fmt + utc);
    lua_pushinteger(L, ms);
    lua_pushboolean(L, utc);
    return time_format(L);
}

/* Processor time would differ between a run and its replay: the turn's time serves. */
static int os_clock(lua_State *L)
{
    lua_pushnumber(L, (double)now_ms(L) / 1000);
    return 1;
}

static int os_difftime(lua_State *L)
{
    lua_pushnumber(L, luaL_checknumber(L, 1) - luaL_checknumber(L, 2));
    return 1;
}

void sandbox_open_time(lua_State *L)
{
    static const luaL_Reg list[] = {{"time", os_time},
                                    {"date", os_date},
                                    {"clock", os_clock},
                                    {"difftime", os_difftime},
                                    {NULL, NULL}};
    luaL_newlib(L, list);
    lua_setglobal(L, "os");
}

void capi_time(lua_State *L)
{
    static const luaL_Reg list[] = {{"day_of", time_day_of},
                                    {"moment", time_moment},
                                    {"cutoff", time_cutoff},
                                    {"calendar_day", time_calendar_day},
                                    {"parse_date", time_parse_date_text},
                                    {"parse_clock", time_parse_clock_text},
                                    {"parse_duration", time_parse_duration_text},
                                    {"date_text", time_date_text},
                                    {"format_time", time_format},
                                    {NULL, NULL}};
    luaL_setfuncs(L, list, 0);
}
