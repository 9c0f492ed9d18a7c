/* setting_check.h -- what the loaded flows say of a setting that somebody wrote into Redis: is it for a flow that there is, and a value
 * that its declaration allows? Callers: cli/serve/daemon.c (for store/settings.h), admin/control_settings.c. */
#ifndef SOPD_LUA_SETTING_CHECK_H
#define SOPD_LUA_SETTING_CHECK_H

#include "store/settings.h"

struct book;
struct cJSON;
struct flow;

/* As settings_check_fn. The value has the form that its kind asks for. */
enum settings_verdict setting_check(const struct book *book, int kind, const char *field,
                                    const char *value, struct buf *why, struct buf *remedy);
/* A flow of that name as loaded, NULL if no playbook runs it. */
const struct flow *setting_flow(const struct book *book, const char *name);
/* How a parameter is declared, for people and programs: {"flow", "param", "type", "help", "default", "min", "max", "values"}. NULL: there is
 * no such flow or parameter. The caller frees it. */
struct cJSON *setting_describe(const struct book *book, const char *field);

#endif
