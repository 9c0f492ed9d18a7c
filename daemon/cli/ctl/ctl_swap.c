/* ctl_swap.c -- `sopd ctl swap`: which account of a pool serves which groups, and moving groups to another one. Callers: cli/ctl/ctl.c;
 * ctl_print.c for the accounts of pools. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ctl/ctl.h"

static const char swap_usage[] =
    "it is: swap POOL [--show], swap POOL FROM TO [CHAT...] or swap POOL --auto [CHAT...]";

void ctl_print_members(const char *pool, const cJSON *accounts)
{
    static const char *const titles[] = {"POOL",  "GATEWAY", "LINK",   "ACCOUNT", "SELF",
                                         "STATE", "GROUPS",  "SERVES", "PINNED"};
    static const char *const texts[] = {"name", "link", "account", "self_id", "state"};
    static const char *const numbers[] = {"groups", "serves", "pinned"};
    struct table *t = table_new(titles, 9);
    const cJSON *m;
    cJSON_ArrayForEach (m, accounts) {
        table_cell(t, pool);
        for (int i = 0; i < 5; i++)
            table_cell(t, ctl_string(m, texts[i]));
        for (int i = 0; i < 3; i++)
            table_number(t, ctl_number(m, numbers[i]));
    }
    table_print(t, "the pool has no accounts");
}

static void swap_print_chats(const cJSON *answer)
{
    static const char *const titles[] = {"GROUP", "SERVED BY", "PINNED TO"};
    struct table *t = table_new(titles, 3);
    const cJSON *o;
    cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(answer, "chats")) {
        table_cell(t, ctl_string(o, "chat"));
        table_cell(t, *ctl_string(o, "serves") ? ctl_string(o, "serves") : "nobody");
        table_cell(t, ctl_string(o, "pinned"));
    }
    table_print(t, "no groups are known yet");
}

/* What was moved, and the groups in which the new account is not. */
static void swap_print_moved(const cJSON *answer, const char *to)
{
    const cJSON *not_in = cJSON_GetObjectItemCaseSensitive(answer, "not_in"), *chat;
    int moved = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(answer, "moved"));
    if (to)
        printf("%d group%s moved to %s\n", moved, moved == 1 ? "" : "s", to);
    else
        printf("%d group%s served in the configured order again\n", moved,
               moved == 1 ? " is" : "s are");
    cJSON_ArrayForEach (chat, not_in)
        printf("%s is not in %s: let it join the group first, then ask again\n", to,
               chat->valuestring ? chat->valuestring : "?");
}

struct swap_words {
    const char *pool, *from, *to, *reason, *who;
    bool automatic, show, force;
    cJSON *chats;
};

static bool swap_read(struct swap_words *w, int argc, char **argv)
{
    const char *words[64];
    int n = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--auto") == 0)
            w->automatic = true;
        else if (strcmp(argv[i], "--show") == 0)
            w->show = true;
        else if (strcmp(argv[i], "--force") == 0)
            w->force = true;
        else if (strcmp(argv[i], "--reason") == 0 && i + 1 < argc)
            w->reason = argv[++i];
        else if (strcmp(argv[i], "--who") == 0 && i + 1 < argc)
            w->who = argv[++i];
        else if (argv[i][0] == '-' || n == 64)
            return false;
        else
            words[n++] = argv[i];
    }
    int at = 1;
    if (n < 1 || (w->show && (w->automatic || n > 1)) || (!w->automatic && n == 2))
        return false;
    w->pool = words[0];
    if (!w->automatic && n > 2) {
        w->from = words[1];
        w->to = words[2];
        at = 3;
    }
    for (; at < n; at++) { /* GATEWAY:CHAT is as good */
        size_t own = strlen(w->pool);
        bool full = strncmp(words[at], w->pool, own) == 0 && words[at][own] == ':';
        cJSON_AddItemToArray(w->chats, cJSON_CreateString(words[at] + (full ? own + 1 : 0)));
    }
    return true;
}

int ctl_swap(struct ctl *c, int argc, char **argv)
{
    struct swap_words w = {.chats = cJSON_CreateArray()};
    struct buf who = {0};
    if (!swap_read(&w, argc, argv)) {
        cJSON_Delete(w.chats);
        return cli_usage("ctl", "%s", swap_usage);
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "swap");
    cJSON_AddStringToObject(request, "pool", w.pool);
    if (w.from)
        cJSON_AddStringToObject(request, "from", w.from);
    if (w.to)
        cJSON_AddStringToObject(request, "to", w.to);
    if (w.reason)
        cJSON_AddStringToObject(request, "reason", w.reason);
    ctl_who(&who);
    cJSON_AddStringToObject(request, "who", w.who ? w.who : buf_cstr(&who));
    cJSON_AddBoolToObject(request, "auto", w.automatic);
    cJSON_AddBoolToObject(request, "force", w.force);
    cJSON_AddItemToObject(request, "chats", w.chats);
    buf_free(&who);
    cJSON *answer = ctl_ask(c, request);
    if (!answer)
        return CLI_FAILED;
    int code = CLI_OK;
    if (!ctl_true(answer, "ok")) {
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
        code = CLI_FAILED;
    } else if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(answer, "not_in"))) {
        code = CLI_FAILED;
    }
    if (c->json) {
        ctl_print_json(answer);
    } else if (ctl_true(answer, "ok")) {
        if (w.to || w.automatic)
            swap_print_moved(answer, w.to);
        else
            swap_print_chats(answer);
        ctl_print_members(w.pool, cJSON_GetObjectItemCaseSensitive(answer, "accounts"));
    }
    cJSON_Delete(answer);
    return code;
}
