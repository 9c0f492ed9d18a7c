/* ctl_keys.c -- `sopd ctl keys`: every kind of key that sopd keeps in Redis, as store/keys.c lists them; and `sopd ctl forget`: has
 * the daemon remove what it keeps of a member. Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "store/keys.h"

/* ---- keys ---- */

static const char *keys_holds(enum key_holds holds)
{
    static const char *const names[] = {"plain", "own", "entries", "record", "settings"};
    return names[holds];
}

static int keys_json(void)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "keys");
    for (size_t i = 0; i < key_kinds_count; i++) {
        const struct key_kind *k = &key_kinds[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "key", k->pattern);
        cJSON_AddStringToObject(o, "type", k->type);
        cJSON_AddStringToObject(o, "holds", k->fields);
        cJSON_AddStringToObject(o, "writer", k->writer);
        cJSON_AddStringToObject(o, "lifetime", k->lifetime);
        cJSON_AddStringToObject(o, "member", k->member);
        cJSON_AddStringToObject(o, "kind", keys_holds(k->holds));
        cJSON_AddItemToArray(list, o);
    }
    ctl_print_json(root);
    cJSON_Delete(root);
    return CLI_OK;
}

int ctl_keys(struct ctl *c, int argc, char **argv)
{
    static const char *const titles[] = {"KEY", "TYPE", "WRITTEN BY", "UNTIL", "OF A MEMBER"};
    if (argc > 1)
        return cli_usage("ctl", "keys takes no arguments, not '%s'", argv[1]);
    if (c->json)
        return keys_json();
    struct table *t = table_new(titles, 5);
    for (size_t i = 0; i < key_kinds_count; i++) {
        const struct key_kind *k = &key_kinds[i];
        table_cell(t, k->pattern);
        table_cell(t, k->type);
        table_cell(t, k->writer);
        table_cell(t, k->lifetime);
        table_cell(t, *k->member ? k->member : NULL);
    }
    table_print(t, "");
    return CLI_OK;
}

/* ---- forget ---- */

const char *ctl_only_gateway(const struct ctl *c, const char *given)
{
    if (given)
        return given;
    if (c->ngateways == 1)
        return c->gateways[0];
    cli_usage("ctl", "which gateway? give --gateway G");
    return NULL;
}

static void forget_print(const cJSON *a, const char *member)
{
    bool dry = ctl_true(a, "dry");
    printf("%s %s: %.0f keys, %.0f entries, %.0f entries of others %s, %.0f runs, %.0f messages\n",
           member, dry ? "would be forgotten" : "is forgotten", ctl_number(a, "keys"),
           ctl_number(a, "entries"), ctl_number(a, "anonymised"), "made anonymous",
           ctl_number(a, "runs"), ctl_number(a, "messages"));
    if (!dry)
        printf("logs and backups made before still have the id: see docs/operations.md\n");
}

int ctl_forget(struct ctl *c, int argc, char **argv)
{
    static const struct option options[] = {{"gateway", required_argument, NULL, 'g'},
                                            {"dry-run", no_argument, NULL, 'n'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    const char *gateway = NULL;
    bool dry = false;
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":g:nj", options, NULL)) != -1;) {
        switch (o) {
        case 'g': gateway = optarg; break;
        case 'n': dry = true; break;
        case 'j': c->json = true; break;
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    if (argc - optind != 1)
        return cli_usage("ctl", "it is: forget MEMBER [--gateway G] [--dry-run]");
    if (!(gateway = ctl_only_gateway(c, gateway)))
        return CLI_USAGE;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "forget");
    cJSON_AddStringToObject(request, "gateway", gateway);
    cJSON_AddStringToObject(request, "member", argv[optind]);
    cJSON_AddBoolToObject(request, "dry", dry);
    c->patience_s = 600;
    cJSON *answer = ctl_ask(c, request);
    if (!answer)
        return CLI_FAILED;
    bool ok = ctl_true(answer, "ok");
    if (c->json) {
        ctl_print_json(answer);
    } else if (ok) {
        forget_print(answer, argv[optind]);
    }
    if (!ok)
        fprintf(stderr, "sopd ctl: %s\n", ctl_string(answer, "error"));
    cJSON_Delete(answer);
    return ok ? CLI_OK : CLI_FAILED;
}
