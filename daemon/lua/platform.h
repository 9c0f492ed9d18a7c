/* platform.h -- what a platform tolerates, as data: <sop folder>/platforms/<name>.lua, a list of limits with their sources. Read for
 * each gateway with the configuration (lua/config_pace.c), and all of them by `sopd check`. docs/gateways.md has the keys. */
#ifndef SOPD_LUA_PLATFORM_H
#define SOPD_LUA_PLATFORM_H

#include "engine/send/pace.h"
#include "lua/luaconf.h"

struct config;

/* One limit as it is written. A window is either `per_ms` (any window of that length) or a calendar one. */
struct platform_limit {
    char name[PACE_NAME];
    enum pace_scope scope;
    unsigned kinds;
    int64_t count, per_ms;
    bool calendar;
    enum quota_per per;
    int burst; /* 0: not said */
    char source[PACE_SOURCE];
};

enum { PLATFORM_LIMITS = 40 };
struct platform {
    struct platform_limit limits[PLATFORM_LIMITS];
    int n;
    int jitter; /* per cent */
    int64_t warmup_ms;
    const struct zone *zone; /* NULL: not said */
};

/* Reads what a table says of one limit over what `l` holds already. `whole`: all that a limit needs must be there. */
void platform_read_limit(struct conf_report *r, const struct conf_value *v, bool whole,
                         struct platform_limit *l);
/* The `kinds` of a limit, if it says any. */
void platform_read_kinds(struct conf_report *r, const struct conf_value *v, unsigned *kinds);
struct platform_limit *platform_find(struct platform *p, const char *name);
/* Reads a file; problems go to err as "file:line: what". False: there are some. */
bool platform_load(const char *path, struct platform *out, struct buf *err);
/* The file of a platform in the first SOP folder (NULL-terminated list) that has one; allocated, NULL if none has. */
char *platform_path(char *const *sop, const char *name);
/* Makes rules and quotas of it. Too many of a kind are a problem at `v`. */
void platform_to_pace(struct conf_report *r, const struct conf_value *v, const struct platform *p,
                      struct pace *out);
/* Every file of platforms in the SOP folders: problems to err (`sopd check`). */
void platform_check_all(char *const *sop, struct buf *err);

#endif
