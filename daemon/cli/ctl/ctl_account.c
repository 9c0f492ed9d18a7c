/* ctl_account.c -- `sopd ctl account`: how far the platform seems to put up with each account, and an admin's word on it.
 * Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"

static bool account_is_level(const char *word)
{
    return strcmp(word, "normal") == 0 || strcmp(word, "slow") == 0 || strcmp(word, "quiet") == 0;
}

static void account_print(const cJSON *answer)
{
    static const char *const titles[] = {"GATEWAY", "ACCOUNT",    "LEVEL", "INTERVALS",
                                         "SINCE",   "HELD UNTIL", "BY",    "WHY"};
    struct table *t = table_new(titles, 8);
    const cJSON *a;
    cJSON_ArrayForEach (a, cJSON_GetObjectItemCaseSensitive(answer, "accounts")) {
        bool normal = strcmp(ctl_string(a, "level"), "normal") == 0;
        struct buf slow = {0};
        buf_addf(&slow, "x%.0f", ctl_number(a, "slow"));
        table_cell(t, ctl_string(a, "gateway"));
        table_cell(t, ctl_string(a, "account"));
        table_cell(t, ctl_string(a, "level"));
        table_cell(t, buf_cstr(&slow));
        table_time(t, ctl_number(a, "since"));
        table_time(t, ctl_number(a, "until"));
        table_cell(t, normal ? NULL : ctl_string(a, "by"));
        table_cell(t, ctl_string(a, "reason"));
        buf_free(&slow);
    }
    table_print(t, "no account has sent anything yet");
}

int ctl_account(struct ctl *c, int argc, char **argv)
{
    const char *level = argc > 2 && account_is_level(argv[argc - 1]) ? argv[argc - 1] : NULL;
    int names = argc - 1 - (level != NULL);
    if (names > 2 || (names > 1 && !level) || (names == 1 && account_is_level(argv[1])))
        return cli_usage("ctl", "it is: account [GATEWAY] or account GATEWAY [ACCOUNT] "
                                "normal|slow|quiet");
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "accounts");
    if (names > 0)
        cJSON_AddStringToObject(request, "gateway", argv[1]);
    if (names > 1)
        cJSON_AddStringToObject(request, "account", argv[2]);
    if (level)
        cJSON_AddStringToObject(request, "level", level);
    cJSON *answer = ctl_ask(c, request);
    if (!answer)
        return CLI_FAILED;
    int code = ctl_true(answer, "ok") ? CLI_OK : CLI_FAILED;
    if (code != CLI_OK)
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
    if (c->json)
        ctl_print_json(answer);
    else if (code == CLI_OK)
        account_print(answer);
    cJSON_Delete(answer);
    return code;
}
