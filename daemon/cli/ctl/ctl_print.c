/* ctl_print.c -- the daemon's answers for people: status, gateways, chats, flows, outbox. Caller: ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"

enum { CTL_TEXT = 40 };

static void ctl_print_reload(const cJSON *reload)
{
    char when[32];
    const char *watch = ctl_string(reload, "watch");
    time_t last = (time_t)ctl_number(reload, "last");
    struct tm tm;
    if (!reload)
        return;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&last, &tm));
    printf("reload    changed files are %s; %.0f reloads taken, %.0f refused\n",
           strcmp(watch, "off") == 0    ? "not watched"
           : strcmp(watch, "poll") == 0 ? "looked for every 2 s"
                                        : "taken at once",
           ctl_number(reload, "taken"), ctl_number(reload, "refused"));
    if (!ctl_true(reload, "last_refused"))
        return;
    printf("          REFUSED at %s (%s): an older version runs than lies on disk\n", when,
           ctl_string(reload, "cause"));
    for (const char *at = ctl_string(reload, "text"); *at;) {
        size_t len = strcspn(at, "\n");
        printf("          %.*s\n", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

/* What of the admins' hashes is wrong, paused, or not reported by Redis. */
static void ctl_print_settings(const cJSON *settings)
{
    const cJSON *f, *polled = cJSON_GetObjectItemCaseSensitive(settings, "polled");
    if (cJSON_IsString(polled))
        printf("settings  read every second: Redis reports no changes (%s)\n", polled->valuestring);
    cJSON_ArrayForEach (f, cJSON_GetObjectItemCaseSensitive(settings, "faults")) {
        const cJSON *kept = cJSON_GetObjectItemCaseSensitive(f, "in_force");
        bool bad = strcmp(ctl_string(f, "verdict"), "bad") == 0;
        printf("%s %s %s = %s: %s\n", bad ? "WRONG    " : "unknown  ", ctl_string(f, "key"),
               ctl_string(f, "field"), ctl_string(f, "value"), ctl_string(f, "why"));
        if (bad)
            printf("          in force: %s; %s\n",
                   cJSON_IsString(kept) ? kept->valuestring : "what a weaker layer says",
                   ctl_string(f, "remedy"));
    }
    cJSON_ArrayForEach (f, cJSON_GetObjectItemCaseSensitive(settings, "paused")) {
        const char *until = ctl_string(f, "value");
        double ms = strtod(until, NULL);
        char when[CTL_TEXT] = "";
        time_t end = (time_t)(ms / 1000);
        struct tm tm;
        if (ms > 0)
            strftime(when, sizeof when, " until %Y-%m-%d %H:%M:%S", localtime_r(&end, &tm));
        if (strcmp(until, "no") != 0 && (!(ms > 0) || end > time(NULL)))
            printf("paused    %s in %s%s\n", ctl_string(f, "field"), ctl_string(f, "key"), when);
    }
}

/* Flows that are not served everywhere as they are on disk. */
static void ctl_print_rollouts(const cJSON *rollouts)
{
    const cJSON *flow, *item;
    cJSON_ArrayForEach (flow, rollouts) {
        printf("rollout   %s:", ctl_string(flow, "flow"));
        cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(flow, "serve")) {
            const char *version = ctl_string(item, "version");
            printf("%s %.0f on %s%s", item->prev == item || !item->prev->next ? "" : ",",
                   ctl_number(item, "groups"), version,
                   strcmp(version, ctl_string(flow, "newest")) == 0 ? " (newest)" : "");
        }
        putchar('\n');
    }
}

/* "gateway   qq1: link up since 09:12, account offline since 14:05 (kicked: signed in elsewhere)" */
static void ctl_print_gateway_line(const cJSON *g)
{
    static const char *const parts[][2] = {{"link", "link_since"}, {"account", "account_since"}};
    const char *word = ctl_string(g, "account_reason"), *text = ctl_string(g, "account_text");
    printf("gateway   %s:", ctl_string(g, "name"));
    for (int i = 0; i < 2; i++) {
        time_t since = (time_t)ctl_number(g, parts[i][1]);
        struct tm tm;
        char when[32];
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&since, &tm));
        printf("%s %s %s since %s", i ? "," : "", parts[i][0], ctl_string(g, parts[i][0]), when);
    }
    if (*word)
        printf(" (%s%s%s)", word, *text ? ": " : "", text);
    if (ctl_number(g, "slow") > 1)
        printf(", %s (x%.0f): sopd ctl account", ctl_string(g, "level"), ctl_number(g, "slow"));
    putchar('\n');
}

void ctl_print_status(const cJSON *answer)
{
    const cJSON *health = cJSON_GetObjectItemCaseSensitive(answer, "health"), *item, *flow;
    printf("sopd %s, process %.0f, %s, up %.0f s\n", ctl_string(answer, "version"),
           ctl_number(answer, "pid"), ctl_string(health, "status"), ctl_number(health, "uptime_s"));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(health, "reasons"))
        printf("  %s\n", cJSON_IsString(item) ? item->valuestring : "?");
    const cJSON *redis = cJSON_GetObjectItemCaseSensitive(health, "redis");
    printf("redis     %s (%s)\n", ctl_string(answer, "redis"),
           ctl_true(redis, "up") ? "up" : "down");
    printf("loop lag  %.3f s\nqueued    %.0f inputs, %.0f messages in the outbox\n",
           ctl_number(health, "loop_lag_s"), ctl_number(health, "queued"),
           ctl_number(health, "outbox"));
    printf("config    %s\ndata      %s\n", ctl_string(answer, "config"),
           ctl_string(answer, "data_dir"));
    ctl_print_reload(cJSON_GetObjectItemCaseSensitive(answer, "reload"));
    ctl_print_settings(cJSON_GetObjectItemCaseSensitive(answer, "settings"));
    ctl_print_rollouts(cJSON_GetObjectItemCaseSensitive(answer, "rollouts"));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(health, "gateways"))
        ctl_print_gateway_line(item);
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(health, "alarms"))
        printf("alarm     %s%s%s: %s\n", ctl_string(item, "gateway"),
               *ctl_string(item, "gateway") ? " " : "", ctl_string(item, "kind"),
               ctl_string(item, "text"));
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "playbooks")) {
        printf("playbook  %s (%s):", ctl_string(item, "name"), ctl_string(item, "title"));
        cJSON_ArrayForEach (flow, cJSON_GetObjectItemCaseSensitive(item, "flows"))
            printf(" %s", ctl_string(flow, "name"));
        putchar('\n');
    }
}

void ctl_print_gateways(const cJSON *answer)
{
    static const char *const titles[] = {
        "GATEWAY", "TYPE",       "LINK",       "ACCOUNT",    "WHY",        "SELF",
        "IMPL",    "OWNER",      "CHATS",      "ACTIVE",     "QUEUED",     "OUTBOX",
        "UNKNOWN", "RECONNECTS", "LAST FRAME", "HELD UNTIL", "FIRST SEEN", "PACE"};
    struct table *t = table_new(titles, 18);
    const cJSON *g;
    cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(answer, "gateways")) {
        static const char *const texts[] = {"name",           "type",    "link", "account",
                                            "account_reason", "self_id", "impl"};
        static const char *const numbers[] = {"chats",  "active",  "queued",
                                              "outbox", "unknown", "reconnects"};
        for (int i = 0; i < 7; i++)
            table_cell(t, *ctl_string(g, texts[i]) ? ctl_string(g, texts[i]) : NULL);
        table_cell(t, ctl_true(g, "owner") ? "yes" : "no");
        for (int i = 0; i < 6; i++)
            table_number(t, ctl_number(g, numbers[i]));
        table_time(t, ctl_number(g, "last_rx"));
        table_time(t, ctl_number(g, "held_until"));
        table_time(t, ctl_number(g, "first_seen"));
        char pace[48];
        if (ctl_number(g, "slow") > 1)
            snprintf(pace, sizeof pace, "%.0f %%, %.20s x%.0f", ctl_number(g, "pace"),
                     ctl_string(g, "level"), ctl_number(g, "slow"));
        else
            snprintf(pace, sizeof pace, "%.0f %%", ctl_number(g, "pace"));
        table_cell(t, pace);
    }
    table_print(t, "no gateways are configured");
    cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(answer, "gateways")) {
        const cJSON *accounts = cJSON_GetObjectItemCaseSensitive(g, "accounts");
        if (accounts)
            ctl_print_members(ctl_string(g, "name"), accounts);
    }
}

void ctl_print_chats(const cJSON *answer)
{
    static const char *const titles[] = {"CHAT", "NAME", "TAGS", "QUEUED", "LAST USED"};
    struct table *t = table_new(titles, 5);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "chats")) {
        struct buf full = {0};
        buf_addf(&full, "%s:%s", ctl_string(item, "gateway"), ctl_string(item, "chat"));
        table_cell(t, buf_cstr(&full));
        table_cell(t, ctl_string(item, "name"));
        table_cell(t, ctl_string(item, "tags"));
        table_number(t, ctl_number(item, "queued"));
        table_time(t, ctl_number(item, "last"));
        buf_free(&full);
    }
    table_print(t, "no chats are known yet");
}

void ctl_print_flows(const cJSON *answer)
{
    static const char *const titles[] = {"FLOW", "STATE", "DECIDED BY", "PLAYBOOK", "VERSION"};
    struct table *t = table_new(titles, 5);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "flows")) {
        table_cell(t, ctl_string(item, "flow"));
        table_cell(t, ctl_true(item, "on") ? "on" : "off");
        table_cell(t, ctl_string(item, "why"));
        table_cell(t, ctl_string(item, "playbook"));
        struct buf version = {0};
        buf_addf(&version, "%s%s", ctl_string(item, "version"),
                 ctl_true(item, "newest") ? "" : " (not the newest)");
        table_cell(t, buf_cstr(&version));
        buf_free(&version);
    }
    table_print(t, "no playbook serves this chat");
}

void ctl_print_outbox(const cJSON *answer)
{
    static const char *const titles[] = {"ID",      "CHAT", "FLOW",  "KIND", "STATE",
                                         "CREATED", "DUE",  "UNTIL", "TEXT"};
    struct table *t = table_new(titles, 9);
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(answer, "outbox")) {
        struct buf full = {0}, text = {0};
        const char *words = ctl_string(item, "text");
        buf_addf(&full, "%s:%s", ctl_string(item, "gateway"), ctl_string(item, "chat"));
        words_text(&text, words, strlen(words), CTL_TEXT);
        table_cell(t, ctl_string(item, "id"));
        table_cell(t, buf_cstr(&full));
        table_cell(t, ctl_string(item, "flow"));
        table_cell(t, ctl_string(item, "kind"));
        table_cell(t, ctl_string(item, "state"));
        table_time(t, ctl_number(item, "created"));
        table_time(t, ctl_number(item, "due"));
        table_time(t, ctl_number(item, "until"));
        table_cell(t, buf_cstr(&text));
        buf_free(&full);
        buf_free(&text);
    }
    table_print(t, "the outbox is empty");
}

void ctl_print_done(const cJSON *answer)
{
    const char *text = ctl_string(answer, "text");
    printf("done%s%s\n", *text ? ": " : "", text);
}

void ctl_print_json(const cJSON *json)
{
    char *text = cJSON_Print(json);
    puts(text);
    cJSON_free(text);
}
