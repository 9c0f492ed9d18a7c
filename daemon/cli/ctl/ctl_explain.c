/* ctl_explain.c -- `sopd ctl explain`: what holds in a chat and where it comes from, as the daemon tells it. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"

enum { EXPLAIN_VALUE = 40 }; /* columns of a value in a table */

static const cJSON *explain_list(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* A value on one line, and not too long. */
static void explain_value(const cJSON *v, struct buf *out)
{
    char *json = cJSON_IsString(v) ? NULL : cJSON_PrintUnformatted(v);
    const char *text = json ? json : cJSON_IsString(v) ? v->valuestring : "";
    int width = 0;
    size_t left = strlen(text), from = out->len;
    while (left > 0 && width <= EXPLAIN_VALUE) {
        size_t n = utf8_sequence(text, left);
        n = n ? n : 1;
        if ((unsigned char)*text < ' ')
            buf_addc(out, ' ');
        else
            buf_add(out, text, n);
        width += n > 2 ? 2 : 1;
        text += n;
        left -= n;
    }
    if (left > 0)
        buf_adds(out, "...");
    if (out->len == from)
        buf_adds(out, "\"\"");
    cJSON_free(json);
}

static void explain_cell(struct table *t, const cJSON *v)
{
    struct buf b = {0};
    explain_value(v, &b);
    table_cell(t, buf_cstr(&b));
    buf_free(&b);
}

/* "sopd:params:tag:north, field redpacket.total", "playbooks/demo.lua:12 (overlay north)". */
static void explain_where(const cJSON *o, struct buf *out)
{
    buf_adds(out, ctl_string(o, "where"));
    if (*ctl_string(o, "field"))
        buf_addf(out, ", field %s", ctl_string(o, "field"));
    if (*ctl_string(o, "overlay"))
        buf_addf(out, " (overlay %s)", ctl_string(o, "overlay"));
}

static void explain_where_cell(struct table *t, const cJSON *o)
{
    struct buf b = {0};
    explain_where(o, &b);
    table_cell(t, buf_cstr(&b));
    buf_free(&b);
}

/* ---- the chat ---- */

static void explain_tags(const cJSON *answer)
{
    static const char *const titles[] = {"TAG", "LEVEL", "FROM", "WHERE"};
    struct table *t = table_new(titles, 4);
    const cJSON *o;
    cJSON_ArrayForEach (o, explain_list(answer, "tags")) {
        table_cell(t, ctl_string(o, "tag"));
        table_cell(t, ctl_string(o, "level"));
        table_cell(t, ctl_string(o, "from"));
        explain_where_cell(t, o);
    }
    table_print(t, "no tags");
}

static void explain_head(const cJSON *book, bool all)
{
    const cJSON *o;
    cJSON_ArrayForEach (o, explain_list(book, "head")) {
        const char *from = ctl_string(o, "from");
        if (!all && strcmp(from, "default") == 0)
            continue;
        struct buf value = {0};
        explain_value(explain_list(o, "value"), &value);
        printf("  %s = %s  (%s%s%s)\n", ctl_string(o, "name"), buf_cstr(&value), from,
               *ctl_string(o, "where") ? ", " : "", ctl_string(o, "where"));
        buf_free(&value);
    }
}

static void explain_playbooks(const cJSON *answer, bool all)
{
    const cJSON *book, *o;
    int n = 0;
    cJSON_ArrayForEach (book, explain_list(answer, "playbooks")) {
        n++;
        printf("\nplaybook %s (%s), by %s: %s\n", ctl_string(book, "playbook"),
               ctl_string(book, "title"), ctl_string(book, "by"), ctl_string(book, "where"));
        if (ctl_true(book, "staff_chat"))
            puts("  this is its staff chat: commands only");
        cJSON_ArrayForEach (o, explain_list(book, "overlays"))
            printf("  overlay %s (%s), by %s: %s\n", ctl_string(o, "overlay"),
                   ctl_string(o, "level"), ctl_string(o, "by"), ctl_string(o, "where"));
        explain_head(book, all);
    }
    if (!n)
        puts("\nno playbook serves this chat");
}

static void explain_staff(const cJSON *answer)
{
    static const char *const titles[] = {"STAFF", "ROLE", "FROM", "WHERE"};
    const cJSON *o;
    putchar('\n');
    struct table *t = table_new(titles, 4);
    cJSON_ArrayForEach (o, explain_list(answer, "staff")) {
        table_cell(t, ctl_string(o, "user"));
        table_cell(t, ctl_string(o, "role"));
        table_cell(t, ctl_string(o, "from"));
        explain_where_cell(t, o);
    }
    table_print(t, "nobody is staff here");
    if (ctl_true(answer, "keepers"))
        puts("owners and admins of the group count as keeper");
}

/* ---- flows ---- */

static void explain_flow_list(const cJSON *answer)
{
    static const char *const titles[] = {"FLOW", "STATE", "DECIDED BY", "WHERE", "VERSION"};
    const cJSON *o;
    putchar('\n');
    struct table *t = table_new(titles, 5);
    cJSON_ArrayForEach (o, explain_list(answer, "flows")) {
        struct buf version = {0};
        table_cell(t, ctl_string(o, "flow"));
        table_cell(t, ctl_true(o, "on") ? "on" : "off");
        table_cell(t, ctl_string(o, "why"));
        explain_where_cell(t, o);
        buf_adds(&version, ctl_string(o, "version"));
        if (strcmp(ctl_string(o, "version"), ctl_string(o, "newest")) != 0)
            buf_addf(&version, " (newest is %s; %s)", ctl_string(o, "newest"),
                     ctl_string(o, "version_where"));
        table_cell(t, buf_cstr(&version));
        buf_free(&version);
    }
    table_print(t, "no flow runs here");
}

static void explain_ignored(const cJSON *list, const char *param)
{
    const cJSON *o;
    cJSON_ArrayForEach (o, list) {
        struct buf value = {0}, where = {0};
        explain_value(explain_list(o, "value"), &value);
        explain_where(o, &where);
        printf("  ignored: %s%s%s in %s: %s\n", param, *param ? " = " : "", buf_cstr(&value),
               buf_cstr(&where), ctl_string(o, "problem"));
        buf_free(&value);
        buf_free(&where);
    }
}

static bool explain_shown(const cJSON *param, bool all)
{
    return all || ctl_true(param, "changed") || *ctl_string(param, "locked") ||
           cJSON_GetArraySize(explain_list(param, "ignored")) > 0;
}

static void explain_params(const cJSON *flow, bool all)
{
    static const char *const titles[] = {"PARAMETER", "VALUE", "DEFAULT", "FROM", "WHERE"};
    const cJSON *o;
    printf("\n%s (%s)\n", ctl_string(flow, "flow"), ctl_string(flow, "title"));
    struct table *t = table_new(titles, 5);
    cJSON_ArrayForEach (o, explain_list(flow, "params")) {
        if (!explain_shown(o, all))
            continue;
        struct buf from = {0};
        table_cell(t, ctl_string(o, "param"));
        explain_cell(t, explain_list(o, "value"));
        if (explain_list(o, "default"))
            explain_cell(t, explain_list(o, "default"));
        else
            table_cell(t, NULL);
        buf_addf(&from, "%s%s", ctl_string(o, "from"), *ctl_string(o, "locked") ? ", locked" : "");
        table_cell(t, buf_cstr(&from));
        explain_where_cell(t, o);
        buf_free(&from);
    }
    table_print(t, "  all parameters have their defaults (--all shows them)");
    cJSON_ArrayForEach (o, explain_list(flow, "params"))
        explain_ignored(explain_list(o, "ignored"), ctl_string(o, "param"));
    explain_ignored(explain_list(flow, "ignored"), "");
}

static void explain_faults(const cJSON *answer)
{
    const cJSON *o;
    if (cJSON_GetArraySize(explain_list(answer, "faults")) > 0)
        puts("\nWrong in Redis:");
    cJSON_ArrayForEach (o, explain_list(answer, "faults"))
        printf("  %s: field %s = '%s': %s; %s\n", ctl_string(o, "where"), ctl_string(o, "field"),
               ctl_string(o, "value"), ctl_string(o, "problem"), ctl_string(o, "remedy"));
}

static void explain_print(const cJSON *answer, const char *flow, bool all)
{
    const cJSON *o;
    printf("%s:%s  %s%s\n\n", ctl_string(answer, "gateway"), ctl_string(answer, "chat"),
           *ctl_string(answer, "name") ? ctl_string(answer, "name") : "(name not known)",
           ctl_true(answer, "known") ? "" : "  (no such group is known; this is how it would be)");
    if (*ctl_string(answer, "home"))
        printf("  as its home, the group %s\n", ctl_string(answer, "home"));
    else if (ctl_true(answer, "home_unread"))
        puts("  its home is being read: ask once more");
    explain_tags(answer);
    explain_playbooks(answer, all);
    explain_flow_list(answer);
    cJSON_ArrayForEach (o, explain_list(answer, "flows")) {
        bool any = flow || all;
        const cJSON *p;
        cJSON_ArrayForEach (p, explain_list(o, "params"))
            any = any || explain_shown(p, false);
        if (any)
            explain_params(o, all);
    }
    if (!flow)
        explain_staff(answer);
    explain_faults(answer);
}

int ctl_explain(struct ctl *c, int argc, char **argv)
{
    const char *flow = NULL, *full = NULL, *chat = NULL;
    bool all = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0)
            all = true;
        else if (!full)
            full = argv[i];
        else if (!flow && argv[i][0] != '-')
            flow = argv[i];
        else
            return cli_usage("ctl", "it is: explain GATEWAY:CHAT [FLOW] [--all]");
    }
    char *gateway = full ? ctl_split_chat(full, &chat) : NULL;
    if (!gateway)
        return cli_usage("ctl", "explain needs GATEWAY:CHAT, for example qq1:700000001");
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "explain");
    cJSON_AddStringToObject(request, "gateway", gateway);
    cJSON_AddStringToObject(request, "chat", chat);
    if (flow)
        cJSON_AddStringToObject(request, "flow", flow);
    free(gateway);
    cJSON *answer = ctl_ask(c, request);
    if (!answer)
        return CLI_FAILED;
    bool ok = ctl_true(answer, "ok");
    if (!ok)
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
    if (c->json) {
        ctl_print_json(answer);
    } else if (ok) {
        explain_print(answer, flow, all);
    }
    cJSON_Delete(answer);
    return ok ? CLI_OK : CLI_FAILED;
}
