/* ctl_toggles.c -- `sopd ctl toggles` and `toggle`: lists and turns switches of flows, directly in Redis, so it works whether or not the
 * daemon runs. Callers: cli/ctl/ctl.c. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/ctl/ctl_settings.h"

static bool ctl_redis_login(redisContext *ctx, const struct redis_addr *a)
{
    redisReply *r = NULL;
    bool ok = true;
    if (a->password) {
        r = a->user ? redisCommand(ctx, "AUTH %s %s", a->user, a->password)
                    : redisCommand(ctx, "AUTH %s", a->password);
        ok = r && r->type != REDIS_REPLY_ERROR;
        freeReplyObject(r);
    }
    if (ok && a->db) {
        r = redisCommand(ctx, "SELECT %d", a->db);
        ok = r && r->type != REDIS_REPLY_ERROR;
        freeReplyObject(r);
    }
    return ok;
}

redisContext *ctl_redis(const struct ctl *c)
{
    const struct redis_addr *a = &c->redis;
    struct timeval timeout = {5, 0};
    redisContext *ctx = a->path ? redisConnectUnixWithTimeout(a->path, timeout)
                                : redisConnectWithTimeout(a->host, a->port, timeout);
    struct buf where = {0};
    redis_addr_print(a, &where);
    if (ctx && !ctx->err) {
        redisSetTimeout(ctx, timeout);
        if (ctl_redis_login(ctx, a)) {
            buf_free(&where);
            return ctx;
        }
    }
    fprintf(stderr, "sopd ctl: Redis at %s cannot be reached: %s\n", buf_cstr(&where),
            ctx && ctx->err ? ctx->errstr : "it refused to let us in");
    buf_free(&where);
    if (ctx)
        redisFree(ctx);
    return NULL;
}

/* value NULL: what a weaker layer says holds again. */
static int toggles_write(const struct ctl_setting *s, const char *flow, const char *value)
{
    char *before;
    struct buf said = {0};
    int code = value ? ctl_setting_check(s, flow, value) : CLI_OK;
    if (code == CLI_OK)
        code = ctl_setting_write(s, flow, value, &before);
    else
        return code;
    const char *where = buf_cstr((struct buf *)&s->where);
    bool same = value ? before && strcmp(before, value) == 0 : !before;
    if (value)
        buf_addf(&said, "%s is %s %s%s", flow, value, where, same ? ", as it was" : " now");
    else
        buf_addf(&said, "%s is not switched %s%s", flow, where,
                 same ? "; nothing to do" : " any more");
    if (code == CLI_OK)
        ctl_setting_done(s, flow, value, before, buf_cstr(&said));
    buf_free(&said);
    free(before);
    return code;
}

static int toggles_run(struct ctl_setting *s, bool set)
{
    if (s->n != (set ? 2 : 1))
        return cli_usage(
            "ctl",
            set ? "it is: toggle FLOW on|off|default [--chat GATEWAY:CHAT | --tag TAG | --gateway GATEWAY]"
                : "toggles unset needs FLOW");
    if (set && strcmp(s->rest[1], "default") == 0)
        set = false;
    else if (set && strcmp(s->rest[1], "on") != 0 && strcmp(s->rest[1], "off") != 0)
        return cli_usage("ctl", "a toggle is on, off or default, not '%s'", s->rest[1]);
    s->what = "toggle";
    return toggles_write(s, s->rest[0], set ? s->rest[1] : NULL);
}

int ctl_toggles(struct ctl *c, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : NULL;
    bool shorthand = strcmp(argv[0], "toggle") == 0, set = shorthand;
    if (!verb)
        return ctl_setting_list(c, SETTINGS_TOGGLES, NULL,
                                "no toggles are set; flows run as their playbooks say");
    if (!shorthand) {
        set = strcmp(verb, "set") == 0;
        if (!set && strcmp(verb, "unset") != 0)
            return cli_usage("ctl", "toggles knows set and unset, not '%s'", verb);
        argc--;
        argv++;
    }
    struct ctl_setting s;
    int code = ctl_setting_read(&s, c, SETTINGS_TOGGLES, false, argc, argv);
    if (code == CLI_OK)
        code = toggles_run(&s, set);
    ctl_setting_free(&s);
    return code;
}
