/* ctl_export.c -- `sopd ctl export`: everything that is kept of a chat or of a member, as one JSON file (docs/redis.md, Files of
 * export). Read straight from Redis, whether or not the daemon runs: what changes meanwhile may be in it or not. Callers: ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/ctl/ctl_transfer.h"

/* Puts a list into the file; the file owns it from then on. */
static int export_list(cJSON *file, const char *name, cJSON **list)
{
    int n = cJSON_GetArraySize(*list);
    cJSON_AddItemToObject(file, name, *list);
    *list = NULL;
    return n;
}

static cJSON *export_file(struct transfer *t, int *keys)
{
    cJSON *file = cJSON_CreateObject();
    cJSON_AddStringToObject(file, "format", "sopd-export");
    cJSON_AddNumberToObject(file, "version", TRANSFER_VERSION);
    cJSON_AddStringToObject(file, "by", "sopd " SOPD_VERSION);
    cJSON_AddNumberToObject(file, "made", (double)transfer_now());
    cJSON_AddStringToObject(file, "gateway", t->gateway);
    cJSON_AddStringToObject(file, t->chat ? "chat" : "member", t->chat ? t->chat : t->member);
    cJSON_AddNumberToObject(file, "runs", HASH_COUNT(t->runs));
    cJSON_AddNumberToObject(file, "waiting_messages", t->waiting);
    *keys = export_list(file, "keys", &t->keys);
    export_list(file, "shared", &t->shared);
    export_list(file, "entries", &t->entries);
    export_list(file, "pins", &t->pins);
    if (t->member)
        export_list(file, "about", &t->about);
    return file;
}

/* Members' data: readable by the owner only. */
static int export_write(const char *path, const char *text)
{
    mode_t before = umask(0077);
    FILE *f = path ? fopen(path, "w") : stdout;
    umask(before);
    bool ok = f && fprintf(f, "%s\n", text) > 0;
    ok = f && (path ? fclose(f) : fflush(f)) == 0 && ok;
    if (!ok)
        fprintf(stderr, "sopd ctl: %s cannot be written\n", path ? path : "the output");
    return ok ? CLI_OK : CLI_FAILED;
}

static int export_run(const struct ctl *c, struct transfer *t, const char *path)
{
    int keys, code;
    t->redis = ctl_redis(c);
    if (!t->redis)
        return CLI_NO_REDIS;
    if (!transfer_gather(t))
        return t->code;
    cJSON *file = export_file(t, &keys);
    char *text = cJSON_Print(file);
    if (!keys) {
        fprintf(stderr, "sopd ctl: nothing is kept of %s in %s\n", t->chat ? t->chat : t->member,
                t->gateway);
        code = CLI_FAILED;
    } else {
        code = export_write(path, text);
        transfer_note(t, "export", path ? path : "");
    }
    if (path && code == CLI_OK)
        printf("%s: %d keys, %.0f runs\n", path, keys, ctl_number(file, "runs"));
    if (t->waiting)
        fprintf(stderr, "sopd ctl: %d messages are still to be sent; they are not in the file\n",
                t->waiting);
    cJSON_free(text);
    cJSON_Delete(file);
    return code;
}

int ctl_export(struct ctl *c, int argc, char **argv)
{
    static const struct option options[] = {{"member", required_argument, NULL, 'm'},
                                            {"gateway", required_argument, NULL, 'g'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    const char *path = NULL, *gateway = NULL;
    char *owned = NULL;
    struct transfer t = {0};
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":m:g:o:j", options, NULL)) != -1;) {
        switch (o) {
        case 'm': t.member = optarg; break;
        case 'g': gateway = optarg; break;
        case 'o': path = optarg; break;
        case 'j': break; /* it is JSON */
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    if (argc - optind != (t.member ? 0 : 1))
        return cli_usage("ctl", "it is: export GATEWAY:CHAT | --member MEMBER [--gateway G]");
    if (t.member) {
        t.gateway = ctl_only_gateway(c, gateway);
    } else {
        t.gateway = owned = ctl_split_chat(argv[optind], &t.chat);
        if (!owned)
            return cli_usage("ctl", "'%s' is not GATEWAY:CHAT, for example qq1:700000001",
                             argv[optind]);
    }
    int code = t.gateway ? export_run(c, &t, path) : CLI_USAGE;
    transfer_free(&t);
    free(owned);
    return code;
}
