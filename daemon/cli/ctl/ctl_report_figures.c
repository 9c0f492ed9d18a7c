/* ctl_report_figures.c -- the arithmetic of `sopd ctl report`, which is not written here a second time: daemon/lua/prelude/figures.lua
 * runs with the tallies as one chunk in the sandbox of lua/luaconf.h. Callers: cli/ctl/ctl_report.c. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_report.h"
#include "lua/luaconf.h"

extern const char embed_figures_lua[];
extern const unsigned long embed_figures_lua_len;
extern const char embed_figures_run_lua[];
extern const unsigned long embed_figures_run_lua_len;

enum { REPORT_BATCH = 200 };

cJSON *report_figures(const cJSON *tallies)
{
    struct buf chunk = {0}, err = {0};
    const cJSON *tally;
    buf_adds(&chunk, "local S = { sop = {} }\n(function(...) ");
    buf_add(&chunk, embed_figures_lua, embed_figures_lua_len);
    buf_adds(&chunk, "\nend)(nil, S)\nlocal tallies = {\n");
    cJSON_ArrayForEach (tally, tallies) {
        verify_add_value(&chunk, tally, 0);
        buf_adds(&chunk, ",\n");
    }
    buf_adds(&chunk, "}\nreturn (function(...)\n");
    buf_add(&chunk, embed_figures_run_lua, embed_figures_run_lua_len);
    buf_adds(&chunk, "\nend)(S, tallies)\n");
    struct conf_value *value = conf_eval(buf_cstr(&chunk), chunk.len, "figures.lua", &err);
    cJSON *figures = value ? conf_to_json(value) : NULL;
    if (!figures)
        fprintf(stderr, "sopd ctl: the figures cannot be computed: %s", buf_cstr(&err));
    conf_free(value);
    buf_free(&chunk);
    buf_free(&err);
    return figures;
}

cJSON *report_sum(const cJSON *tallies)
{
    cJSON *figures = report_figures(tallies);
    cJSON *sum = cJSON_DetachItemFromObjectCaseSensitive(figures, "sum");
    cJSON_Delete(figures);
    return sum;
}

bool report_fold(cJSON *tallies)
{
    while (cJSON_GetArraySize(tallies) > REPORT_BATCH) {
        cJSON *part = cJSON_CreateArray();
        for (int i = 0; i < REPORT_BATCH; i++)
            cJSON_AddItemToArray(part, cJSON_DetachItemFromArray(tallies, 0));
        cJSON *sum = report_sum(part);
        cJSON_Delete(part);
        if (!sum)
            return false;
        cJSON_AddItemToArray(tallies, sum);
    }
    return true;
}
