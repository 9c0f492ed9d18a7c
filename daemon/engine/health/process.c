/* process.c -- alarms about the process as a whole: Redis away or not taking writes, the disk, the loop. Looks once a second; asks Redis
 * how its files are four times a minute, and the disk once a minute, never waiting for either.
 * Owned by the engine. Callers: engine.c; turn/committer.c for what Redis refuses. */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/health/health.h"
#include "engine/internal.h"
#include "engine/look/alarm.h"
#include "engine/look/alarm_part.h"

enum {
    PROCESS_INFO_MS = 15000,
    PROCESS_DISK_MS = 60000,
    PROCESS_STORE_MS = 30000,       /* without a refusal for so long: it is well again */
    PROCESS_DISK_LEAST = 256 << 20, /* bytes that must be free */
};
static const double PROCESS_LAG_S = 1.0;

static void process_redis(struct engine *e, int64_t mono)
{
    struct process_watch *w = &e->process;
    if (e->redis_up) {
        w->redis_ms = 0;
        alarm_clear_process(e, "redis", "");
        return;
    }
    if (!w->redis_ms)
        w->redis_ms = mono;
    if (mono - w->redis_ms >= alarms_after_ms(e))
        alarm_raise_process(e, "redis", "",
                            "Redis cannot be reached: nothing is answered, inputs are queued");
}

void process_refused(struct engine *e, const char *answer)
{
    struct buf text = {0};
    if (!e->opts.alarms)
        return;
    buf_addf(&text, "Redis refuses to write: %.160s", answer);
    alarm_raise_process(e, "store", "", buf_cstr(&text));
    buf_free(&text);
}

/* "name:value" of an INFO answer: is the value this one? */
static bool process_says(const char *info, const char *name, const char *value)
{
    const char *at = strstr(info, name);
    size_t n = strlen(name);
    return at && at[n] == ':' && strncmp(at + n + 1, value, strlen(value)) == 0;
}

static void process_info(void *ud, const struct redisReply *r)
{
    struct engine *e = ud;
    if (!r || r->type != REDIS_REPLY_STRING)
        return; /* not allowed, or away: other signs must do */
    if (process_says(r->str, "aof_last_write_status", "err"))
        process_refused(e, "its append-only file cannot be written (disk full?)");
    else if (process_says(r->str, "rdb_last_bgsave_status", "err"))
        process_refused(e, "its last snapshot failed (disk full, or memory?)");
}

static void process_disk_done(uv_fs_t *req)
{
    struct engine *e = req->data;
    struct process_watch *w = &e->process;
    const uv_statfs_t *s = req->result == 0 ? req->ptr : NULL;
    w->disk_busy = false;
    if (s && s->f_bavail * s->f_bsize < PROCESS_DISK_LEAST) {
        struct buf text = {0};
        buf_addf(&text, "only %llu MiB are free on the disk of data_dir",
                 (unsigned long long)(s->f_bavail * s->f_bsize >> 20));
        alarm_raise_process(e, "disk", "", buf_cstr(&text));
        buf_free(&text);
    } else if (s) {
        alarm_clear_process(e, "disk", "");
    }
    uv_fs_req_cleanup(req);
}

static void process_disk(struct engine *e, int64_t mono)
{
    struct process_watch *w = &e->process;
    const char *folder = e->alarms->conf->folder;
    if (!folder || w->disk_busy || mono < w->disk_next_ms)
        return;
    w->disk_next_ms = mono + PROCESS_DISK_MS;
    w->disk.data = e;
    w->disk_busy = uv_fs_statfs(e->opts.loop, &w->disk, folder, process_disk_done) == 0;
}

void process_round(struct engine *e)
{
    struct process_watch *w = &e->process;
    int64_t mono = clock_mono(e->clock);
    if (!e->opts.alarms || e->stopping)
        return;
    process_redis(e, mono);
    if (e->redis_up && mono >= w->info_next_ms) {
        w->info_next_ms = mono + PROCESS_INFO_MS;
        redis_command(e->redis, process_info, e, 2, (const char *[]){"INFO", "persistence"}, NULL);
    }
    if (alarm_raised_ago(e, "store") >= PROCESS_STORE_MS)
        alarm_clear_process(e, "store", "");
    double lag = e->lag_now > e->lag_before ? e->lag_now : e->lag_before;
    if (lag >= PROCESS_LAG_S && e->reported_ready)
        alarm_raise_process(e, "loop", "", "one iteration of the loop took more than a second");
    else
        alarm_clear_process(e, "loop", "");
    process_disk(e, mono);
}
