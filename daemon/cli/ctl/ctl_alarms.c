/* ctl_alarms.c -- `sopd ctl alarms` for people: what is open, and what is over. Caller: ctl.c. */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/buf.h"
#include "cli/ctl/ctl.h"

void ctl_print_alarms(const cJSON *answer)
{
    static const char *const titles[] = {"STATE", "GATEWAY", "KIND",    "WHAT",
                                         "SINCE", "OVER",    "REPEATS", "TEXT"};
    struct table *t = table_new(titles, 8);
    const cJSON *a;
    cJSON_ArrayForEach (a, cJSON_GetObjectItemCaseSensitive(answer, "alarms")) {
        const char *gateway = ctl_string(a, "gateway"), *what = ctl_string(a, "what");
        table_cell(t, ctl_string(a, "state"));
        table_cell(t, *gateway ? gateway : "(process)");
        table_cell(t, ctl_string(a, "kind"));
        table_cell(t, *what ? what : NULL);
        table_time(t, ctl_number(a, "since"));
        table_time(t, ctl_number(a, "over"));
        table_number(t, ctl_number(a, "repeats"));
        table_cell(t, ctl_string(a, "text"));
    }
    table_print(t, "no alarms");
}
