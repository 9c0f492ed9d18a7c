/* alarm_out.c -- alarms to the world outside: a POST to the webhook of the configuration, and a command that is run. One of each at a
 * time, in order; what fails is tried again with back-off and given up after an hour; nothing here waits.
 * Owned by alarms: the request that is on its way, the child process. Callers: look/alarm.c once a second. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/look/alarm_part.h"
#include "web/http_client.h"

enum {
    OUT_KEEP_MS = 3600000, /* older than this it is of no use any more */
    HOOK_TIMEOUT_MS = 10000,
    HOOK_WAIT_MS = 1000, /* after the first failure, doubling */
    HOOK_WAIT_MAX_MS = 60000,
    EXEC_TIMEOUT_MS = 10000,
    EXEC_ENV = 16
};

static void out_drop_old(struct alarms *all, struct notices *list, const char *way)
{
    while (list->first && alarm_now(all) - list->first->at_ms > OUT_KEEP_MS) {
        notice_free(notices_take(list));
        alarm_count(way, "dropped");
    }
}

/* ---- the webhook ---- */

static void hook_answer(void *ud, const struct http_answer *a)
{
    struct alarms *all = ud;
    struct alarm_hook *h = &all->hook;
    h->request = 0;
    if (a->status >= 200 && a->status < 300) {
        h->tries = 0;
        h->next_ms = 0;
        notice_free(h->going);
        h->going = NULL;
        alarm_count("webhook", "sent");
        return;
    }
    int64_t wait = HOOK_WAIT_MS << (h->tries < 6 ? h->tries : 6);
    wait = wait < HOOK_WAIT_MAX_MS ? wait : HOOK_WAIT_MAX_MS;
    h->next_ms = clock_mono(all->e->clock) + wait;
    if (h->tries++ % 10 == 0)
        log_warn("the webhook for alarms does not take them; it is tried again", "status",
                 a->status ? log_int(a->status) : NULL, "error", a->error, "waiting",
                 log_int(h->waiting.n), NULL);
    alarm_count("webhook", "failed");
}

static void hook_round(struct alarms *all)
{
    struct alarm_hook *h = &all->hook;
    const struct alarm_conf *c = all->conf;
    const char *why = NULL;
    if (h->request)
        return;
    out_drop_old(all, &h->waiting, "webhook");
    if (h->going && alarm_now(all) - h->going->at_ms > OUT_KEEP_MS) {
        notice_free(h->going);
        h->going = NULL;
        alarm_count("webhook", "dropped");
    }
    if (!c->webhook || !all->e->opts.http || clock_mono(all->e->clock) < h->next_ms)
        return;
    if (!h->going)
        h->going = notices_take(&h->waiting);
    if (!h->going)
        return;
    const char *json = h->going->json;
    const struct http_header headers[] = {{"Content-Type", "application/json"},
                                          {c->header ? c->header : "", c->value ? c->value : ""}};
    struct http_request r = {.method = "POST",
                             .url = c->webhook,
                             .headers = headers,
                             .nheaders = c->value ? 2 : 1,
                             .body = json,
                             .body_len = strlen(json),
                             .timeout_ms = HOOK_TIMEOUT_MS,
                             .configured = true};
    h->request = http_client_ask(all->e->opts.http, &r, hook_answer, all, &why);
    if (!h->request)
        hook_answer(all, &(struct http_answer){.error = why});
}

/* ---- the command ---- */

static void exec_closed(uv_handle_t *handle)
{
    struct alarms *all = handle->data;
    if (all)
        all->exec.running = false;
}

static void exec_ended(uv_process_t *p, int64_t status, int signal)
{
    struct alarms *all = p->data;
    uv_close((uv_handle_t *)p, exec_closed);
    if (!all)
        return;
    all->exec.over = true;
    bool good = status == 0 && signal == 0;
    alarm_count("exec", good ? "sent" : "failed");
    if (!good)
        log_warn("the command for alarms failed", "status", log_int(status), "signal",
                 signal ? log_int(signal) : NULL, NULL);
}

static void exec_env(char **env, int *n, const char *name, const char *value)
{
    struct buf b = {0};
    buf_addf(&b, "%s=%s", name, value ? value : "");
    env[(*n)++] = buf_take(&b);
}

/* Nothing of our own environment, which may hold secrets, but what a program cannot do without. */
static int exec_make_env(const struct notice *n, char **env)
{
    static const char *const kept[] = {"PATH", "HOME", "LANG", "TZ"};
    int count = 0;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (getenv(kept[i]))
            exec_env(env, &count, kept[i], getenv(kept[i]));
    exec_env(env, &count, "SOPD_ALARM", n->state);
    exec_env(env, &count, "SOPD_ALARM_KIND", n->kind);
    exec_env(env, &count, "SOPD_ALARM_GATEWAY", n->gateway);
    exec_env(env, &count, "SOPD_ALARM_WHAT", n->what);
    exec_env(env, &count, "SOPD_ALARM_TEXT", n->text);
    exec_env(env, &count, "SOPD_ALARM_MESSAGE", n->words);
    exec_env(env, &count, "SOPD_ALARM_SINCE", log_int(n->since_ms / 1000));
    exec_env(env, &count, "SOPD_ALARM_JSON", n->json);
    env[count] = NULL;
    return count;
}

static void exec_start(struct alarms *all, const struct notice *n)
{
    struct alarm_exec *x = &all->exec;
    char *env[EXEC_ENV];
    int count = exec_make_env(n, env);
    uv_stdio_container_t io[3] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    uv_process_options_t o = {.file = all->conf->exec[0],
                              .args = all->conf->exec,
                              .env = env,
                              .stdio = io,
                              .stdio_count = 3,
                              .exit_cb = exec_ended};
    x->process.data = all;
    int err = uv_spawn(all->e->opts.loop, &x->process, &o);
    x->running = true;
    x->over = err != 0;
    x->until_ms = clock_mono(all->e->clock) + EXEC_TIMEOUT_MS;
    if (err) {
        log_warn("the command for alarms cannot be run", "file", all->conf->exec[0], "reason",
                 uv_strerror(err), NULL);
        alarm_count("exec", "failed");
        uv_close((uv_handle_t *)&x->process, exec_closed);
    }
    for (int i = 0; i < count; i++)
        free(env[i]);
}

static void exec_round(struct alarms *all)
{
    struct alarm_exec *x = &all->exec;
    if (x->running) {
        if (!x->over && clock_mono(all->e->clock) >= x->until_ms) {
            log_warn("the command for alarms takes more than 10 s and is killed", NULL);
            x->until_ms = INT64_MAX;
            uv_process_kill(&x->process, SIGKILL);
        }
        return;
    }
    out_drop_old(all, &x->waiting, "exec");
    if (!x->waiting.first || !all->conf->exec)
        return;
    struct notice *n = notices_take(&x->waiting);
    exec_start(all, n);
    notice_free(n);
}

/* ---- both ---- */

void alarm_out_round(struct engine *e)
{
    hook_round(e->alarms);
    exec_round(e->alarms);
}

void alarm_out_stop(struct engine *e)
{
    struct alarms *all = e->alarms;
    http_client_cancel(e->opts.http, all->hook.request);
    all->hook.request = 0;
    if (all->exec.running && !all->exec.over)
        uv_process_kill(&all->exec.process, SIGKILL);
}
