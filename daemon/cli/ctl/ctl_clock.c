/* ctl_clock.c -- `sopd ctl clock`: turns the clock of a daemon that was started with --clock (serve_clock.c), for tests.
 * Caller: ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"

static void ctl_clock_print(const char *what, const cJSON *answer, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(answer, key);
    if (!cJSON_IsNumber(v)) {
        printf("%s nothing is due\n", what);
        return;
    }
    const struct zone *utc = zone_get("UTC");
    int64_t ms = (int64_t)v->valuedouble, clock = zone_clock(utc, ms) / 1000;
    int year, month, day;
    time_civil(zone_day(utc, ms, 0), &year, &month, &day);
    printf("%s %lld %04d-%02d-%02dT%02d:%02d:%02dZ\n", what, (long long)ms, year, month, day,
           (int)(clock / 3600), (int)(clock / 60 % 60), (int)(clock % 60));
}

int ctl_clock(struct ctl *c, int argc, char **argv)
{
    bool at = argc == 3 && strcmp(argv[1], "at") == 0;
    if (!at && argc > 2)
        return cli_usage("ctl", "it is: clock [now | next | at TIME]");
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "clock");
    cJSON_AddStringToObject(request, "do", argc > 1 ? argv[1] : "now");
    if (at)
        cJSON_AddStringToObject(request, "at", argv[2]);
    cJSON *answer = ctl_ask(c, request);
    if (!answer)
        return CLI_FAILED;
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
    if (!ok)
        fprintf(stderr, "sopd ctl: %s\n", error ? error : "the daemon refused");
    if (c->json) {
        ctl_print_json(answer);
    } else if (ok) {
        ctl_clock_print("now ", answer, "now");
        ctl_clock_print("next", answer, "next");
    }
    cJSON_Delete(answer);
    return ok ? CLI_OK : CLI_FAILED;
}
