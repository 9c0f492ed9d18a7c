/* ctl_why.c -- `sopd ctl why`: what came into a chat, what ran because of it, what was said, and what became of that. Read from the
 * trace in Redis (engine/look/trace.h), also while the daemon is down. Caller: ctl.c. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/ctl/ctl.h"
#include "cli/ctl/ctl_runs.h"
#include "store/keys.h"

enum { WHY_LIMIT = 30, WHY_TEXT = 60 };

struct why {
    struct ctl *ctl;
    redisContext *redis;
    char *gateway;
    const char *chat, *member;
    int64_t since_ms;
    long limit;
    cJSON *turns; /* oldest first; their messages have "end" once it is known */
};

/* ---- reading ---- */

static char *why_key(const struct why *w, const char *kind, const char *chat)
{
    struct buf key = {0};
    key_of_gateway(&key, w->gateway, kind);
    if (chat) {
        buf_addc(&key, ':');
        buf_add_key(&key, chat);
    }
    return buf_take(&key);
}

static cJSON *why_find_out(const struct why *w, const char *id)
{
    cJSON *turn, *out;
    cJSON_ArrayForEach (turn, w->turns) {
        cJSON_ArrayForEach (out, cJSON_GetObjectItemCaseSensitive(turn, "out"))
            if (strcmp(ctl_string(out, "id"), id) == 0)
                return out;
    }
    return NULL;
}

/* One line: a turn joins the list, the end of a message joins the message. */
static void why_line(struct why *w, const char *text, size_t len)
{
    cJSON *line = cJSON_ParseWithLength(text, len);
    const char *ended = ctl_string(line, "end");
    cJSON *out = *ended ? why_find_out(w, ended) : NULL;
    if (out && !cJSON_HasObjectItem(out, "end"))
        cJSON_AddItemToObject(out, "end", line);
    else if (cJSON_IsObject(line) && !*ended)
        cJSON_AddItemToArray(w->turns, line);
    else
        cJSON_Delete(line); /* its turn is older than what is kept */
}

static int why_read(struct why *w, const char *chat)
{
    char *key = why_key(w, "trace", chat);
    redisReply *r = redisCommand(w->redis, "LRANGE %s 0 -1", key);
    free(key);
    int code = CLI_OK;
    if (!r || r->type != REDIS_REPLY_ARRAY) {
        fprintf(stderr, "sopd ctl: the trace cannot be read: %s\n", r ? r->str : w->redis->errstr);
        code = CLI_NO_REDIS;
    }
    for (size_t i = 0; code == CLI_OK && i < r->elements; i++)
        why_line(w, r->element[i]->str, r->element[i]->len);
    freeReplyObject(r);
    return code;
}

/* Private messages end in the trace of their own chat. */
static void why_read_ends(struct why *w)
{
    struct buf seen = {0};
    cJSON *turn, *out;
    buf_adds(&seen, "\n");
    cJSON_ArrayForEach (turn, w->turns) {
        cJSON_ArrayForEach (out, cJSON_GetObjectItemCaseSensitive(turn, "out")) {
            const char *to = ctl_string(out, "to");
            struct buf name = {0};
            buf_addf(&name, "\n%s\n", to);
            if (*to && !strstr(buf_cstr(&seen), buf_cstr(&name))) {
                buf_adds(&seen, buf_cstr(&name) + 1);
                char *key = why_key(w, "trace", to);
                redisReply *r = redisCommand(w->redis, "LRANGE %s 0 -1", key);
                free(key);
                for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
                    if (strstr(r->element[i]->str, "\"end\":"))
                        why_line(w, r->element[i]->str, r->element[i]->len);
                freeReplyObject(r);
            }
            buf_free(&name);
        }
    }
    buf_free(&seen);
}

static bool why_names(const cJSON *turn, const char *member)
{
    if (strcmp(ctl_string(turn, "user"), member) == 0 ||
        strcmp(ctl_string(turn, "name"), member) == 0)
        return true;
    struct buf at = {0};
    buf_addf(&at, "@%s", member);
    const cJSON *out;
    bool found = false;
    cJSON_ArrayForEach (out, cJSON_GetObjectItemCaseSensitive(turn, "out"))
        found |= strcmp(ctl_string(out, "to"), buf_cstr(&at)) == 0 ||
                 strstr(ctl_string(out, "text"), buf_cstr(&at));
    buf_free(&at);
    return found;
}

/* Leaves what was asked for: of the member, since then, the last `limit`. */
static void why_select(struct why *w)
{
    cJSON *turn = w->turns->child;
    while (turn) {
        cJSON *next = turn->next;
        bool stays = ctl_number(turn, "t") >= (double)w->since_ms &&
                     (!w->member || why_names(turn, w->member));
        if (!stays)
            cJSON_Delete(cJSON_DetachItemViaPointer(w->turns, turn));
        turn = next;
    }
    while (w->limit && cJSON_GetArraySize(w->turns) > w->limit)
        cJSON_DeleteItemFromArray(w->turns, 0);
}

/* ---- for people ---- */

static const struct {
    const char *in, *words;
} why_causes[] = {{"schedule", "its time of day came"},
                  {"timer", "a timer was due"},
                  {"due", "the wait of a run was over"},
                  {"sent", "the outcome of a message was known"},
                  {"cancel", "a run was ended"},
                  {"retry", "a run was tried again"},
                  {"migrate", "a run was moved"},
                  {"answer", "an answer from outside"},
                  {"ask", "a question to the outside was left open"}};

static void why_who(const cJSON *turn, struct buf *out)
{
    const char *user = ctl_string(turn, "user"), *name = ctl_string(turn, "name");
    words_text(out, *name ? name : user, strlen(*name ? name : user), WHY_TEXT);
    if (*name)
        buf_addf(out, " (%s)", user);
}

static void why_cause(const cJSON *turn, struct buf *out)
{
    const char *in = ctl_string(turn, "in"), *said = ctl_string(turn, "said");
    for (size_t i = 0; i < sizeof why_causes / sizeof why_causes[0]; i++) {
        if (strcmp(why_causes[i].in, in) == 0) {
            buf_adds(out, why_causes[i].words);
            return;
        }
    }
    why_who(turn, out);
    if (strcmp(in, "message") == 0) {
        buf_adds(out, *said ? " said \"" : " said something");
        words_text(out, said, strlen(said), WHY_TEXT);
        buf_adds(out, *said ? "\"" : "");
    } else {
        buf_addf(out, ": %s", in);
    }
    if (ctl_true(turn, "history"))
        buf_adds(out, " (found in the history)");
}

static void why_print_ran(const struct why *w, const cJSON *turn)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(turn, "ran")) {
        const char *part[4] = {"", "", "", ""};
        for (int i = 0; i < 4; i++) {
            const char *s = cJSON_GetStringValue(cJSON_GetArrayItem(item, i));
            part[i] = s ? s : "";
        }
        if (!*part[3])
            printf("    ran %s %s%s%.8s\n", part[0], part[1], *part[2] ? ", version " : "",
                   part[2]);
        else if (strcmp(part[3], "role") == 0)
            printf("    %s %s is for staff: no answer\n", part[0], part[1]);
        else if (strcmp(part[3], "late") == 0)
            printf("    %s %s came too late and was left out\n", part[0], part[1]);
        else
            printf("    %s %s did not run, the flow is %s: sopd ctl explain %s:%s %s\n", part[0],
                   part[1], strcmp(part[3], "toggle") == 0 ? "switched off" : part[3], w->gateway,
                   w->chat, part[0]);
    }
    int writes = (int)ctl_number(turn, "writes");
    if (writes)
        printf("    wrote %d value%s\n", writes, writes == 1 ? "" : "s");
}

static void why_end(struct why *w, const cJSON *turn, const cJSON *out, struct buf *text)
{
    const cJSON *end = cJSON_GetObjectItemCaseSensitive(out, "end");
    if (end) {
        const char *message = ctl_string(end, "message"), *reason = ctl_string(end, "reason");
        buf_adds(text, ctl_string(end, "as"));
        buf_addf(text, " after %.1f s", (ctl_number(end, "t") - ctl_number(turn, "t")) / 1000);
        if (*message)
            buf_addf(text, ", message %s", message);
        if (*reason)
            buf_addf(text, ": %s", reason);
        return;
    }
    if (*ctl_string(out, "shed")) {
        buf_addf(text, "left out: %s", ctl_string(out, "shed"));
        return;
    }
    if (ctl_number(out, "wait") < 0) {
        buf_adds(text, "left out: it could not have left in time");
        return;
    }
    char *key = why_key(w, "outbox", NULL);
    redisReply *r = redisCommand(w->redis, "HEXISTS %s %s", key, ctl_string(out, "id"));
    bool waits = r && r->type == REDIS_REPLY_INTEGER && r->integer == 1;
    buf_adds(text, waits ? "still in the outbox: sopd ctl outbox" : "its end is not known");
    freeReplyObject(r);
    free(key);
}

static void why_print_out(struct why *w, const cJSON *turn)
{
    const cJSON *out;
    cJSON_ArrayForEach (out, cJSON_GetObjectItemCaseSensitive(turn, "out")) {
        struct buf text = {0};
        const char *words = ctl_string(out, "text"), *to = ctl_string(out, "to");
        buf_addf(&text, "    -> %s", ctl_string(out, "flow"));
        if (*to)
            buf_addf(&text, " to %s", to);
        if (*words) {
            buf_adds(&text, " \"");
            words_text(&text, words, strlen(words), WHY_TEXT);
            buf_addc(&text, '"');
        }
        if (ctl_number(out, "unmentioned") > 0)
            buf_addf(&text, " (%.0f not @-ed: enough reached them today)",
                     ctl_number(out, "unmentioned"));
        buf_addf(&text, " [%s] ", ctl_string(out, "id"));
        why_end(w, turn, out, &text);
        puts(buf_cstr(&text));
        buf_free(&text);
    }
}

/* What the queue had no room for. */
static void why_print_shed(const cJSON *turn, const char *when)
{
    double events = ctl_number(turn, "shed"), wanted = ctl_number(turn, "wanted");
    printf("%s  too much at once: %.0f messages were not looked at", when, events + wanted);
    if (wanted > 0)
        printf(", %.0f of them commands or the like", wanted);
    printf(" (in %.0f s; queue in the configuration)\n",
           (ctl_number(turn, "t") - ctl_number(turn, "from")) / 1000);
}

static void why_print(struct why *w)
{
    const cJSON *turn;
    if (!w->turns->child)
        puts(
            "nothing is known of that: the trace keeps the last 200 lines of a chat for 7 days, and only what changed or "
            "said something, or was refused");
    cJSON_ArrayForEach (turn, w->turns) {
        struct buf text = {0};
        time_t at = (time_t)(ctl_number(turn, "t") / 1000);
        struct tm tm;
        char when[32];
        localtime_r(&at, &tm);
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
        if (cJSON_HasObjectItem(turn, "left_out")) {
            printf("%s  very busy: %.0f more lines were not kept\n", when,
                   ctl_number(turn, "left_out"));
            continue;
        }
        if (cJSON_HasObjectItem(turn, "note")) {
            printf("%s  %s\n", when, ctl_string(turn, "note"));
            continue;
        }
        if (cJSON_HasObjectItem(turn, "shed")) {
            why_print_shed(turn, when);
            continue;
        }
        why_cause(turn, &text);
        const char *chat = ctl_string(turn, "chat");
        printf("%s  %s%s%s\n", when, buf_cstr(&text), strcmp(chat, w->chat) != 0 ? ", in " : "",
               strcmp(chat, w->chat) != 0 ? chat : "");
        buf_free(&text);
        why_print_ran(w, turn);
        why_print_out(w, turn);
    }
}

/* ---- the command ---- */

static int why_options(struct why *w, int argc, char **argv)
{
    static const struct option options[] = {
        {"limit", required_argument, NULL, 'n'}, {"since", required_argument, NULL, 's'}, {0}};
    w->limit = WHY_LIMIT;
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":n:s:", options, NULL)) != -1;) {
        char *end;
        int64_t span;
        if (o == 'n') {
            w->limit = strtol(optarg, &end, 10);
            if (*end || w->limit < 0)
                return cli_usage("ctl", "--limit: '%s' is no number", optarg);
        } else if (o == 's') {
            if (!time_parse_duration(optarg, &span))
                return cli_usage("ctl", "--since: '%s' is no duration like 2h or 3d", optarg);
            w->since_ms = (int64_t)time(NULL) * 1000 - span;
        } else {
            return cli_bad_option("ctl", o, argv);
        }
    }
    if (argc - optind < 1 || argc - optind > 2)
        return cli_usage("ctl", "it is: why GATEWAY:CHAT [MEMBER] [--limit N] [--since 2h]");
    w->gateway = ctl_split_chat(argv[optind], &w->chat);
    if (!w->gateway)
        return cli_usage("ctl", "'%s' is not GATEWAY:CHAT, for example qq1:700000001",
                         argv[optind]);
    w->member = argc - optind == 2 ? argv[optind + 1] : NULL;
    return CLI_OK;
}

/* The daemon writes the trace once a second; the last of it is wanted now. It goes out with the loop iteration that answers, so
 * the second answer says that it has. Without a daemon there is nothing to wait for. */
static void why_flush(struct ctl *c)
{
    struct ctl quiet = *c;
    quiet.quiet = true;
    for (int i = 0; i < 2; i++) {
        cJSON *request = cJSON_CreateObject();
        cJSON_AddStringToObject(request, "op", "flush-trace");
        cJSON_Delete(ctl_ask(&quiet, request));
    }
}

int ctl_why(struct ctl *c, int argc, char **argv)
{
    struct why w = {.ctl = c, .turns = cJSON_CreateArray()};
    int code = why_options(&w, argc, argv);
    if (code == CLI_OK) {
        why_flush(c);
        w.redis = ctl_redis(c);
        code = w.redis ? why_read(&w, w.chat) : CLI_NO_REDIS;
    }
    if (code == CLI_OK) {
        why_read_ends(&w);
        why_select(&w);
        if (c->json) {
            ctl_print_json(w.turns);
        } else {
            why_print(&w);
        }
    }
    if (w.redis)
        redisFree(w.redis);
    cJSON_Delete(w.turns);
    free(w.gateway);
    return code;
}
