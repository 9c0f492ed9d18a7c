/* ctl_pause.c -- `sopd ctl pause`, `resume` and `kill`: flows that say nothing for a while, and the switch that stops everything.
 * Directly in Redis, so they work whether or not the daemon runs; only the pause of a flow that failed too often is the daemon's own.
 * Callers: cli/ctl/ctl.c. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_settings.h"
#include "store/settings_value.h"

static const char pause_usage[] =
    "it is: pause FLOW|all [--for 2h | --until 2026-11-22T20:00] [--reason WHY] [--chat GATEWAY:CHAT "
    "| --tag TAG | --gateway GATEWAY]";
static const char resume_usage[] =
    "it is: resume FLOW|all [--chat GATEWAY:CHAT | --tag TAG | --gateway GATEWAY], or resume "
    "GATEWAY:CHAT FLOW";

static const char *pause_field(const char *flow)
{
    return strcmp(flow, "all") == 0 ? "*" : flow;
}

static const char *pause_name(const char *field)
{
    return strcmp(field, "*") == 0 ? "everything" : field;
}

/* The value to write: "yes", or the end as the zone of the configuration shows it. An exit code. */
static int pause_end(const struct ctl_setting *s, struct buf *value)
{
    int64_t ms, now = (int64_t)time(NULL) * 1000;
    if (s->lasting && s->until)
        return cli_usage("ctl", "give --for or --until, not both");
    if (!s->lasting && !s->until) {
        buf_adds(value, "yes");
        return CLI_OK;
    }
    if (s->lasting && !time_parse_duration(s->lasting, &ms))
        return cli_usage("ctl", "--for needs a duration such as 30m, 2h or 1d, not '%s'",
                         s->lasting);
    if (s->until && !time_parse_moment(s->until, ctl_zone(s->ctl), &ms))
        return cli_usage("ctl", "--until needs a time such as 2026-11-22T20:00, not '%s'",
                         s->until);
    if (s->lasting)
        ms = (now + ms + 1999) / 1000 * 1000; /* in whole seconds, and never less than was said */
    if (ms <= now)
        return cli_usage("ctl", "that moment has passed");
    time_add_moment(value, ctl_zone(s->ctl), ms);
    return CLI_OK;
}

static int pause_write(struct ctl_setting *s, const char *field)
{
    struct buf value = {0}, said = {0};
    char *before = NULL;
    int code = pause_end(s, &value);
    const char *until = buf_cstr(&value);
    if (code == CLI_OK)
        code = ctl_setting_check(s, field, until);
    if (code == CLI_OK)
        code = ctl_setting_write(s, field, until, &before);
    buf_addf(&said, "%s is paused %s", pause_name(field), buf_cstr(&s->where));
    if (strcmp(until, "yes") != 0)
        buf_addf(&said, " until %s", until);
    if (strcmp(field, "*") == 0 && !s->scoped)
        buf_adds(&said, "; nothing is sent either. `sopd ctl resume all` ends it");
    if (code == CLI_OK)
        ctl_setting_done(s, field, until, before, buf_cstr(&said));
    buf_free(&value);
    buf_free(&said);
    free(before);
    return code;
}

int ctl_pause(struct ctl *c, int argc, char **argv)
{
    struct ctl_setting s;
    int code = ctl_setting_read(&s, c, SETTINGS_PAUSED, true, argc, argv);
    s.what = "pause";
    if (code == CLI_OK && s.n == 0 && !s.scoped)
        code = ctl_setting_list(c, SETTINGS_PAUSED, NULL, "nothing is paused");
    else if (code == CLI_OK && s.n != 1)
        code = cli_usage("ctl", "%s", pause_usage);
    else if (code == CLI_OK)
        code = pause_write(&s, pause_field(s.rest[0]));
    ctl_setting_free(&s);
    return code;
}

/* ---- resume ---- */

/* The pauses that still hold, of this flow or of everything, as the daemon knows them. */
static void resume_tell_others(const struct ctl_setting *s, const char *field)
{
    struct ctl quiet = *s->ctl;
    cJSON *request = cJSON_CreateObject();
    quiet.quiet = true;
    cJSON_AddStringToObject(request, "op", "settings");
    cJSON_AddNumberToObject(request, "kind", SETTINGS_PAUSED);
    cJSON *answer = ctl_ask(&quiet, request);
    const cJSON *v;
    cJSON_ArrayForEach (v, cJSON_GetObjectItemCaseSensitive(answer, "values")) {
        const char *other = ctl_string(v, "field"), *key = ctl_string(v, "key");
        bool own = strcmp(other, field) == 0 && strcmp(key, buf_cstr((struct buf *)&s->key)) == 0;
        if (own || (strcmp(other, field) != 0 && strcmp(other, "*") != 0) ||
            settings_pause_end(ctl_string(v, "value")) <= (int64_t)time(NULL) * 1000)
            continue;
        struct buf where = {0};
        ctl_setting_where(SETTINGS_PAUSED, key, &where);
        fprintf(stderr, "still paused: %s %s\n", pause_name(other), buf_cstr(&where));
        buf_free(&where);
    }
    cJSON_Delete(answer);
}

/* The pause of a flow that failed too often: the daemon has it. */
static bool resume_failing(const struct ctl *c, const char *full, const char *flow)
{
    const char *chat;
    char *gateway = ctl_split_chat(full, &chat);
    struct ctl quiet = *c;
    quiet.quiet = true;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "op", "resume");
    cJSON_AddStringToObject(request, "gateway", gateway);
    cJSON_AddStringToObject(request, "chat", chat);
    cJSON_AddStringToObject(request, "flow", flow);
    cJSON *answer = ctl_ask(&quiet, request);
    bool ended = ctl_true(answer, "ok");
    cJSON_Delete(answer);
    free(gateway);
    return ended;
}

static int resume_write(struct ctl_setting *s, const char *field, const char *chat)
{
    struct buf said = {0};
    char *before = NULL;
    int code = ctl_setting_write(s, field, NULL, &before);
    bool failing = code == CLI_OK && chat && resume_failing(s->ctl, chat, field);
    if (before || failing)
        buf_addf(&said, "%s goes on %s%s", pause_name(field), buf_cstr(&s->where),
                 failing ? "; it had failed too often" : "");
    else
        buf_addf(&said, "%s is not paused %s; nothing to do", pause_name(field),
                 buf_cstr(&s->where));
    if (code == CLI_OK) {
        ctl_setting_done(s, field, NULL, before, buf_cstr(&said));
        resume_tell_others(s, field);
    }
    bool nothing = code == CLI_OK && chat && !before && !failing;
    buf_free(&said);
    free(before);
    return nothing ? CLI_FAILED : code;
}

int ctl_resume(struct ctl *c, int argc, char **argv)
{
    struct ctl_setting s;
    char option[] = "--chat";
    char *words[] = {argv[0], option, argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL, NULL};
    bool short_form = argc == 3 && strchr(argv[1], ':') && argv[2][0] != '-';
    int code = short_form ? ctl_setting_read(&s, c, SETTINGS_PAUSED, false, 4, words)
                          : ctl_setting_read(&s, c, SETTINGS_PAUSED, false, argc, argv);
    s.what = "resume";
    if (code == CLI_OK && s.n != 1)
        code = cli_usage("ctl", "%s", resume_usage);
    else if (code == CLI_OK)
        code = resume_write(&s, pause_field(s.rest[0]), short_form ? argv[1] : NULL);
    ctl_setting_free(&s);
    return code;
}

/* ---- kill ---- */

static int kill_write(struct ctl_setting *s, bool on)
{
    char *before;
    int code = ctl_setting_write(s, "*", on ? "yes" : NULL, &before);
    const char *said =
        on       ? "the kill switch is on: no handler runs and nothing is sent, in every daemon. "
                   "`sopd ctl kill off` ends it"
        : before ? "the kill switch is off; what waited leaves as far as it is still timely"
                 : "the kill switch was not on";
    if (code == CLI_OK)
        ctl_setting_done(s, "*", on ? "yes" : NULL, before, said);
    free(before);
    return code;
}

int ctl_kill(struct ctl *c, int argc, char **argv)
{
    struct ctl_setting s;
    int code = ctl_setting_read(&s, c, SETTINGS_PAUSED, false, argc, argv);
    bool on = code == CLI_OK && (s.n == 0 || strcmp(s.rest[0], "on") == 0);
    s.what = "kill";
    if (code == CLI_OK && (s.scoped || s.n > 1 || (!on && strcmp(s.rest[0], "off") != 0)))
        code = cli_usage("ctl",
                         "it is: kill [on|off] [--reason WHY]; for less than everything: pause");
    else if (code == CLI_OK)
        code = kill_write(&s, on);
    ctl_setting_free(&s);
    return code;
}
