/* ctl_rollout.c -- `sopd ctl rollout` and `rollback`: which groups serve which version of a flow, and moving them. All that is changed are
 * fields of `sopd:versions...` (and the mark of a held flow): one step in Redis, with what undoes it. The daemon, if it runs, tells what
 * groups there are; without one the edits work as well. Reading is in ctl_rollout_read.c, printing in ctl_rollout_show.c. Callers:
 * cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_rollout.h"

enum { ROLLOUT_WAIT_MS = 3000, ROLLOUT_POLL_MS = 20 };

/* ---- steps ---- */

static int64_t rollout_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct rollout_step *rollout_step(struct rollout *r, const char *what, const char *version)
{
    return rollout_step_new(r->flow, what, buf_cstr(&r->who), rollout_now(), r->newest, version);
}

static void rollout_put(const struct rollout *r, struct rollout_step *s, const char *key,
                        const char *value)
{
    rollout_step_add(s, key, rollout_layer(r, key), value);
}

static bool rollout_is_open(const char *value)
{
    return !value || strcmp(value, "newest") == 0;
}

static bool rollout_is_tag(const char *key)
{
    return strncmp(key, ROLLOUT_ROOT ":tag:", strlen(ROLLOUT_ROOT ":tag:")) == 0;
}

/* From now on edits reach nobody: what follows the files stays where it is. */
static struct rollout_step *rollout_plan_hold(struct rollout *r)
{
    struct rollout_step *s = rollout_step(r, "hold", r->newest);
    const cJSON *layer;
    if (rollout_is_open(rollout_layer(r, ROLLOUT_ROOT)))
        rollout_put(r, s, ROLLOUT_ROOT, r->newest);
    cJSON_ArrayForEach (layer, r->layers) {
        const char *key = cJSON_GetArrayItem(layer, 0)->valuestring;
        if (strcmp(key, ROLLOUT_ROOT) != 0 &&
            rollout_is_open(cJSON_GetArrayItem(layer, 1)->valuestring))
            rollout_put(r, s, key, r->newest);
    }
    rollout_put(r, s, ROLLOUT_HOLD, "yes");
    return s;
}

static struct rollout_step *rollout_plan_go(struct rollout *r)
{
    struct rollout_step *s = rollout_step(r, "go", r->newest);
    rollout_put(r, s, ROLLOUT_HOLD, NULL);
    return s;
}

static void rollout_drop_tags(const struct rollout *r, struct rollout_step *s)
{
    const cJSON *layer;
    cJSON_ArrayForEach (layer, r->layers) {
        const char *key = cJSON_GetArrayItem(layer, 0)->valuestring;
        if (rollout_is_tag(key))
            rollout_put(r, s, key, NULL);
    }
}

static struct rollout_step *rollout_plan_free(struct rollout *r)
{
    struct rollout_step *s = rollout_step(r, "free", r->newest);
    rollout_drop_tags(r, s);
    rollout_put(r, s, ROLLOUT_ROOT, NULL);
    rollout_put(r, s, ROLLOUT_HOLD, NULL);
    return s;
}

/* NULL after an error was printed. */
static struct rollout_step *rollout_plan_to(struct rollout *r, const char *ring,
                                            const char *version)
{
    struct buf key = {0};
    const char *root = rollout_layer(r, ROLLOUT_ROOT);
    struct rollout_step *s = rollout_step(r, "to", version);
    if (strcmp(ring, "all") == 0) {
        rollout_put(r, s, ROLLOUT_ROOT, version);
        rollout_drop_tags(r, s);
        return s;
    }
    rollout_tag_key(&key, ring);
    if (rollout_is_open(root) && strcmp(version, r->newest) == 0) {
        fprintf(stderr,
                "sopd ctl: every group serves %s already; `sopd ctl rollback %s` takes it back, "
                "`sopd ctl rollout %s hold` before an edit keeps it from reaching everybody\n",
                version, r->flow, r->flow);
        rollout_step_free(s);
        s = NULL;
    } else {
        if (rollout_is_open(root))
            rollout_put(r, s, ROLLOUT_ROOT, r->newest); /* the others stay where they are */
        rollout_put(r, s, buf_cstr(&key), version);
    }
    buf_free(&key);
    return s;
}

/* ---- doing ---- */

static bool rollout_write(struct rollout *r, const struct rollout_step *s)
{
    struct buf resp = {0};
    void *reply = NULL;
    rollout_step_command(s, &resp);
    bool ok =
        !resp.len || (redisAppendFormattedCommand(r->redis, resp.data, resp.len) == REDIS_OK &&
                      redisGetReply(r->redis, &reply) == REDIS_OK);
    buf_free(&resp);
    const redisReply *answer = reply;
    if (!ok || (answer && answer->type == REDIS_REPLY_ERROR)) {
        fprintf(stderr, "sopd ctl: Redis: %s\n", ok ? answer->str : r->redis->errstr);
        ok = false;
    }
    freeReplyObject(reply);
    return ok;
}

/* First what undoes it, then it: whoever is cut off between them has a step that undoes nothing. */
static bool rollout_push_step(struct rollout *r, const struct rollout_step *s)
{
    struct buf key = {0};
    char *json = rollout_step_print(s);
    rollout_steps_key(&key, r->flow);
    redisReply *reply =
        rollout_redis(r, "EVAL %s 1 %s %s %s", rollout_push, buf_cstr(&key), json, "");
    bool ok = reply;
    freeReplyObject(reply);
    free(json);
    buf_free(&key);
    return ok;
}

/* The daemon has read what was written. */
static bool rollout_arrived(const struct rollout *r, const struct rollout_step *s)
{
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(r->told, "layers"), *layer;
    if (!ctl_true(r->told, "ready"))
        return false;
    for (int i = 0; i < s->nchanges; i++) {
        const struct rollout_change *c = &s->changes[i];
        const char *value = NULL;
        cJSON_ArrayForEach (layer, layers)
            if (strcmp(cJSON_GetArrayItem(layer, 0)->valuestring, c->key) == 0)
                value = cJSON_GetArrayItem(layer, 1)->valuestring;
        bool same = value && c->after ? strcmp(value, c->after) == 0 : value == c->after;
        if (!same && strcmp(c->key, ROLLOUT_HOLD) != 0)
            return false;
    }
    return true;
}

static bool rollout_wait(struct rollout *r, const struct rollout_step *s)
{
    for (int ms = 0; ms < ROLLOUT_WAIT_MS && rollout_ask(r, NULL); ms += ROLLOUT_POLL_MS) {
        if (rollout_arrived(r, s))
            return true;
        usleep(ROLLOUT_POLL_MS * 1000);
    }
    return false;
}

static void rollout_tell_json(const struct rollout *r, const struct rollout_step *s, bool arrived)
{
    cJSON *o = cJSON_CreateObject();
    char *step = rollout_step_print(s);
    cJSON_AddTrueToObject(o, "ok");
    cJSON_AddStringToObject(o, "flow", r->flow);
    cJSON_AddBoolToObject(o, "dry", r->dry);
    cJSON_AddBoolToObject(o, "arrived", arrived);
    cJSON_AddItemToObject(o, "step", cJSON_Parse(step));
    static const char *const lists[] = {"serve", "then"};
    for (int i = 0; i < 2; i++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->told, lists[i]);
        if (list)
            cJSON_AddItemToObject(o, lists[i], cJSON_Duplicate(list, 1));
    }
    ctl_print_json(o);
    cJSON_Delete(o);
    free(step);
}

/* A ring that decides for no group is perhaps misspelt. */
static void rollout_note_nobody(const struct rollout *r, const struct rollout_step *s,
                                const char *list)
{
    const cJSON *item;
    for (int i = 0; strcmp(s->what, "to") == 0 && i < s->nchanges; i++) {
        const struct rollout_change *c = &s->changes[i];
        bool any = !rollout_is_tag(c->key) || !c->after;
        cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(r->told, list))
            any = any || strcmp(ctl_string(item, "key"), c->key) == 0;
        if (!any)
            printf("%s decides for no known group: none has that tag, or stronger settings do\n",
                   c->key);
    }
}

static void rollout_tell(struct rollout *r, const struct rollout_step *s, bool arrived)
{
    if (r->ctl->json) {
        rollout_tell_json(r, s, arrived);
        return;
    }
    if (!s->nchanges)
        printf("%s: nothing changes\n", r->flow);
    if (r->dry)
        rollout_show_dry(r, s);
    else if (r->told)
        rollout_print_groups(r, "serve");
    if (r->told)
        rollout_note_nobody(r, s, r->dry ? "then" : "serve");
    if (!r->dry && s->nchanges && !arrived)
        puts(r->told ? "the daemon has not taken it yet; `sopd ctl rollout FLOW` shows when"
                     : "written; no daemon runs here");
    if (!r->dry)
        printf("%s\n", rollout_state(r));
}

/* Reads again what changes have made of it. */
static void rollout_update(struct rollout *r, const struct rollout_step *s)
{
    for (int i = 0; i < s->nchanges; i++)
        if (strcmp(s->changes[i].key, ROLLOUT_HOLD) == 0)
            r->held = s->changes[i].after;
    rollout_read_layers(r);
}

/* Takes the step. back: it undoes one, which goes from the list. */
static int rollout_do(struct rollout *r, struct rollout_step *s, bool back)
{
    int code = CLI_OK;
    bool arrived = true;
    if (!s)
        return CLI_FAILED;
    s->reason = mem_strdup(r->reason);
    if (r->dry) {
        rollout_ask(r, s);
    } else if (s->nchanges) {
        if ((!back && !rollout_push_step(r, s)) || !rollout_write(r, s))
            code = CLI_NO_REDIS;
        else
            rollout_update(r, s);
        arrived = code == CLI_OK && rollout_wait(r, s);
    }
    if (code == CLI_OK)
        rollout_tell(r, s, arrived);
    rollout_step_free(s);
    return code;
}

/* ---- commands ---- */

/* The whole version that `text` begins; NULL after an error was printed. The caller frees it. */
static char *rollout_find_version(struct rollout *r, const char *text)
{
    struct buf key = {0};
    rollout_list_key(&key, r->flow);
    redisReply *reply = rollout_redis(r, "ZREVRANGE %s 0 -1", buf_cstr(&key));
    char *found = NULL;
    int n = 0;
    for (size_t i = 0; reply && i < reply->elements; i++) {
        if (strncmp(reply->element[i]->str, text, strlen(text)) != 0)
            continue;
        n++;
        free(found);
        found = mem_strdup(reply->element[i]->str);
    }
    if (reply && n != 1) {
        fprintf(stderr,
                "sopd ctl: %s version of %s begins with %s; there are:", n ? "more than one" : "no",
                r->flow, text);
        for (size_t i = 0; i < reply->elements; i++)
            fprintf(stderr, " %s", reply->element[i]->str);
        fputc('\n', stderr);
        free(found);
        found = NULL;
    }
    freeReplyObject(reply);
    buf_free(&key);
    return found;
}

static int rollout_to(struct rollout *r, const char *ring, const char *version)
{
    char *v = version ? rollout_find_version(r, version) : mem_strdup(r->newest);
    int code = v ? rollout_do(r, rollout_plan_to(r, ring, v), false) : CLI_FAILED;
    free(v);
    return code;
}

static const char rollout_usage[] =
    "it is: rollout [FLOW [hold [off] | to RING|all [--version V] | free]] [--dry-run] [--reason TEXT]";

static int rollout_verb(struct rollout *r, int n, char **words, const char *version)
{
    const char *verb = n > 0 ? words[0] : "";
    bool to = strcmp(verb, "to") == 0;
    if (version && !to)
        return cli_usage("ctl", "--version belongs to rollout FLOW to RING");
    if (!n)
        return rollout_show(r);
    if (to && n == 2)
        return rollout_to(r, words[1], version);
    if (strcmp(verb, "free") == 0 && n == 1)
        return rollout_do(r, rollout_plan_free(r), false);
    if (strcmp(verb, "hold") == 0 && n == 1)
        return rollout_do(r, rollout_plan_hold(r), false);
    if (strcmp(verb, "hold") == 0 && n == 2 && strcmp(words[1], "off") == 0)
        return rollout_do(r, rollout_plan_go(r), false);
    return cli_usage("ctl", "%s", rollout_usage);
}

/* Options in any place; what is left are words. Returns an exit code. */
static int rollout_options(struct rollout *r, int argc, char **argv, const char **version)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"version", required_argument, NULL, 'v'},
                                            {"reason", required_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":nj", options, NULL)) != -1;) {
        switch (o) {
        case 'n': r->dry = true; break;
        case 'v': *version = optarg; break;
        case 'r': r->reason = optarg; break;
        case 'j': r->ctl->json = true; break;
        default: return cli_bad_option("ctl", o, argv);
        }
    }
    return CLI_OK;
}

int ctl_rollout(struct ctl *c, int argc, char **argv)
{
    struct rollout r = {.ctl = c};
    const char *version = NULL;
    int code = rollout_options(&r, argc, argv, &version), n = argc - optind;
    char **words = argv + optind;
    if (code == CLI_OK && n > 3)
        code = cli_usage("ctl", "%s", rollout_usage);
    if (code == CLI_OK)
        code = rollout_open(&r, c, n ? words[0] : NULL);
    if (code == CLI_OK)
        code = n ? rollout_verb(&r, n - 1, words + 1, version) : rollout_show_all(&r);
    rollout_close(&r);
    return code;
}

static const char *rollback_now(void *ud, const char *key)
{
    return rollout_layer(ud, key);
}

static int rollback(struct rollout *r)
{
    struct buf key = {0};
    rollout_steps_key(&key, r->flow);
    redisReply *top = rollout_redis(r, "LINDEX %s 0", buf_cstr(&key));
    int code = top ? CLI_OK : CLI_NO_REDIS;
    struct rollout_step *s =
        top && top->type == REDIS_REPLY_STRING ? rollout_step_parse(r->flow, top->str) : NULL;
    if (top && !s) {
        fprintf(stderr, "sopd ctl: there is no step of %s that could be taken back\n", r->flow);
        code = CLI_FAILED;
    }
    if (s) {
        code = rollout_do(
            r, rollout_step_undo(s, r->newest, buf_cstr(&r->who), rollout_now(), rollback_now, r),
            true);
        if (code == CLI_OK && !r->dry) {
            redisReply *popped =
                rollout_redis(r, "EVAL %s 1 %s %s", rollout_pop, buf_cstr(&key), top->str);
            code = popped ? CLI_OK : CLI_NO_REDIS;
            freeReplyObject(popped);
        }
    }
    rollout_step_free(s);
    freeReplyObject(top);
    buf_free(&key);
    return code;
}

int ctl_rollback(struct ctl *c, int argc, char **argv)
{
    struct rollout r = {.ctl = c};
    const char *version = NULL;
    int code = rollout_options(&r, argc, argv, &version);
    if (code == CLI_OK && (argc - optind != 1 || version))
        code = cli_usage("ctl", "it is: rollback FLOW [--dry-run] [--reason TEXT]");
    if (code == CLI_OK)
        code = rollout_open(&r, c, argv[optind]);
    if (code == CLI_OK)
        code = rollback(&r);
    rollout_close(&r);
    return code;
}
