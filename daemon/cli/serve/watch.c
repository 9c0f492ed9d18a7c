/* watch.c -- see watch.h. Owns the libuv handles of the watched paths and two timers. Each folder is watched itself, and a file
 * only if it is a link or the configuration: notices of a folder name its files, but not what a link in it points to.
 * After every notice, all is looked at anew, so a path that was replaced gets a new handle. Callers: cli/serve/serve.c. */
#include "cli/serve/watch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    WATCH_REST_MS = 250,      /* so long after the last change it is at rest */
    WATCH_MOST_MS = 2000,     /* but no longer than this after the first one */
    WATCH_POLL_MS = 2000,     /* without notices, or while something is missing */
    WATCH_SAFETY_MS = 10000,  /* beside notices */
    WATCH_DEPTH = 8,          /* of folders; ends circles of links */
    WATCH_PATHS = 4096,       /* more are looked at, but not watched */
    WATCH_FILE_MAX = 16 << 20 /* a larger file is known by its size and time */
};

/* A path that the kernel tells us about. */
struct watch_path {
    uv_fs_event_t event; /* first: its close callback frees the whole */
    struct watch *watch;
    char *path;
    bool folder, found; /* found: by the look that is under way */
    bool stale;         /* perhaps it is another one by now, even if with the same inode number */
    dev_t dev;
    ino_t ino;
};

struct watch {
    uv_loop_t *loop;
    char *config;
    char **sop;
    void (*changed)(void *ud);
    void *ud;
    uv_timer_t settle, poll;
    int closing; /* timers that are not closed yet */
    struct watch_path **paths;
    int npaths;
    uint64_t first_ms; /* of the changes that settle; 0 = none */
    uint64_t times;    /* of inodes, sizes and times at the last look */
    uint64_t content;  /* what was looked at last, by watch_seen or before `changed` */
    bool on, refused, missing;
    struct buf file; /* what is being read */
};

/* What a look at the disk does with a path that it finds. */
struct watch_look {
    struct watch *watch;
    void (*folder)(struct watch *w, const char *path, const struct stat *st);
    void (*file)(struct watch *w, const char *path, const struct stat *st);
};

/* ---- looking ---- */

static bool watch_is_lua(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

static void watch_look_folder(const struct watch_look *k, const char *path, int depth)
{
    struct stat st;
    DIR *dir = depth < WATCH_DEPTH && stat(path, &st) == 0 ? opendir(path) : NULL;
    if (!dir)
        return;
    if (k->folder)
        k->folder(k->watch, path, &st);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct buf b = {0};
        buf_addf(&b, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && stat(buf_cstr(&b), &st) == 0) {
            if (S_ISDIR(st.st_mode))
                watch_look_folder(k, b.data, depth + 1);
            else if (S_ISREG(st.st_mode) && watch_is_lua(e->d_name))
                k->file(k->watch, b.data, &st);
        }
        buf_free(&b);
    }
    closedir(dir);
}

/* The parent of a link that stands for a folder or the configuration: turning the link is an event there. */
static void watch_look_link(const struct watch_look *k, const char *path)
{
    struct stat st;
    if (!k->folder || lstat(path, &st) != 0 || !S_ISLNK(st.st_mode))
        return;
    char *parent = mem_strdup(path), *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    if (stat(slash ? parent : ".", &st) == 0)
        k->folder(k->watch, slash ? parent : ".", &st);
    free(parent);
}

static void watch_look(const struct watch_look *k)
{
    static const char *const parts[] = {"flows", "lib", "texts", "playbooks", "platforms"};
    struct watch *w = k->watch;
    struct stat st;
    watch_look_link(k, w->config);
    w->missing = stat(w->config, &st) != 0;
    if (!w->missing)
        k->file(w, w->config, &st);
    for (char **sop = w->sop; *sop; sop++) {
        watch_look_link(k, *sop);
        if (stat(*sop, &st) != 0)
            w->missing = true;
        else if (k->folder)
            k->folder(w, *sop, &st);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            struct buf b = {0};
            buf_addf(&b, "%s/%s", *sop, parts[i]);
            watch_look_folder(k, buf_cstr(&b), 0);
            buf_free(&b);
        }
    }
}

/* ---- two sums over all files, each the same in whatever order they are found ---- */

static void watch_sum_times(struct watch *w, const char *path, const struct stat *st)
{
    const int64_t facts[] = {(int64_t)st->st_dev,          (int64_t)st->st_ino,
                             (int64_t)st->st_size,         (int64_t)st->st_mtim.tv_sec,
                             (int64_t)st->st_mtim.tv_nsec, (int64_t)st->st_ctim.tv_sec,
                             (int64_t)st->st_ctim.tv_nsec};
    w->times += hash_mix(hash_more(hash_string(path), facts, sizeof facts));
}

static uint64_t watch_times(struct watch *w)
{
    uint64_t before = w->times, now;
    const struct watch_look look = {.watch = w, .file = watch_sum_times};
    w->times = 0;
    watch_look(&look);
    now = w->times;
    w->times = before;
    return now;
}

/* False: it cannot be read, or not whole. */
static bool watch_read(struct watch *w, const char *path, size_t size)
{
    FILE *in = size <= WATCH_FILE_MAX ? fopen(path, "rbe") : NULL;
    buf_reset(&w->file);
    if (!in)
        return false;
    size_t n;
    do {
        n = fread(buf_reserve(&w->file, 65536), 1, 65536, in);
        w->file.len += n;
    } while (n && w->file.len <= WATCH_FILE_MAX);
    bool ok = !ferror(in);
    fclose(in);
    return ok;
}

static void watch_sum_content(struct watch *w, const char *path, const struct stat *st)
{
    uint64_t h = hash_string(path);
    if (watch_read(w, path, (size_t)st->st_size)) {
        h = hash_more(h, w->file.data ? w->file.data : "", w->file.len);
    } else {
        const int64_t facts[] = {(int64_t)st->st_size, (int64_t)st->st_mtim.tv_sec,
                                 (int64_t)st->st_mtim.tv_nsec, (int64_t)st->st_mode};
        h = hash_more(h, facts, sizeof facts);
    }
    w->content += hash_mix(h);
}

/* Looks at everything; true if it is not what was looked at last. */
static bool watch_content(struct watch *w)
{
    uint64_t before = w->content;
    const struct watch_look look = {.watch = w, .file = watch_sum_content};
    w->times = watch_times(w); /* first: a change between the two is seen again, not missed */
    w->content = 0;
    watch_look(&look);
    buf_free(&w->file);
    return w->content != before;
}

/* ---- the kernel's notices ---- */

static void watch_settle(struct watch *w);

/* Names that say nothing of our files: swap and backup files of editors. A turned "..data" link says a lot. */
static bool watch_is_noise(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    return len && ((name[0] == '.' && name[1] != '.') || name[len - 1] == '~');
}

/* A path that is deleted or moved reports its own name. */
static bool watch_is_itself(const struct watch_path *p, const char *name)
{
    const char *slash = strrchr(p->path, '/');
    return !name || strcmp(name, slash ? slash + 1 : p->path) == 0;
}

static void watch_on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct watch_path *p = (struct watch_path *)event;
    if ((events & UV_RENAME) && watch_is_itself(p, name))
        p->stale = true;
    else if (status == 0 && p->folder && watch_is_noise(name))
        return;
    watch_settle(p->watch);
}

static void watch_closed_path(uv_handle_t *handle)
{
    free(handle);
}

static void watch_close_path(struct watch *w, int i)
{
    struct watch_path *p = w->paths[i];
    w->paths[i] = w->paths[--w->npaths];
    free(p->path);
    uv_close((uv_handle_t *)&p->event, watch_closed_path);
}

static void watch_refuse(struct watch *w, const char *path, int code)
{
    if (!w->refused)
        log_warn("the kernel does not tell of changed files; they are looked at every 2 s instead",
                 "path", path, "reason", uv_strerror(code), "remedy",
                 "raise fs.inotify.max_user_instances and max_user_watches", NULL);
    w->refused = true;
}

static void watch_add_path(struct watch *w, const char *path, const struct stat *st, bool folder)
{
    for (int i = 0; i < w->npaths; i++) {
        struct watch_path *p = w->paths[i];
        if (strcmp(p->path, path) == 0 && p->dev == st->st_dev && p->ino == st->st_ino &&
            !p->stale) {
            p->found = true;
            return;
        }
    }
    if (w->refused || w->npaths >= WATCH_PATHS)
        return;
    struct watch_path *p = MEM_NEW(struct watch_path);
    p->watch = w;
    p->folder = folder;
    p->found = true;
    p->dev = st->st_dev;
    p->ino = st->st_ino;
    p->path = mem_strdup(path);
    w->paths = mem_realloc(w->paths, ((size_t)w->npaths + 1) * sizeof(struct watch_path *));
    w->paths[w->npaths++] = p;
    uv_fs_event_init(w->loop, &p->event);
    int code = uv_fs_event_start(&p->event, watch_on_event, path, 0);
    if (code == 0)
        return;
    watch_close_path(w, w->npaths - 1);
    if (code != UV_ENOENT && code != UV_ENOTDIR && code != UV_EACCES)
        watch_refuse(w, path, code); /* else it went away just now, or the reload will say why */
}

static void watch_add_folder(struct watch *w, const char *path, const struct stat *st)
{
    watch_add_path(w, path, st, true);
}

static void watch_add_file(struct watch *w, const char *path, const struct stat *st)
{
    struct stat own;
    if (path == w->config || (lstat(path, &own) == 0 && S_ISLNK(own.st_mode)))
        watch_add_path(w, path, st, false);
}

static void watch_drop_paths(struct watch *w, bool all)
{
    for (int i = w->npaths - 1; i >= 0; i--) {
        if (all || !w->paths[i]->found)
            watch_close_path(w, i);
    }
}

/* Watches what is there now, and nothing else. */
static void watch_paths(struct watch *w)
{
    const struct watch_look look = {.watch = w, .folder = watch_add_folder, .file = watch_add_file};
    bool refused = w->refused;
    if (refused && w->npaths == 0)
        return;
    for (int i = 0; i < w->npaths; i++)
        w->paths[i]->found = false;
    watch_look(&look);
    watch_drop_paths(w, w->refused);
}

/* ---- timers ---- */

static void watch_on_poll(uv_timer_t *timer);

static void watch_plan_poll(struct watch *w)
{
    uint64_t every = w->refused || w->missing ? WATCH_POLL_MS : WATCH_SAFETY_MS;
    uv_timer_start(&w->poll, watch_on_poll, every, 0);
}

static void watch_on_settled(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    w->first_ms = 0;
    watch_paths(w); /* before the content: what changes from now on gives a notice */
    bool changed = watch_content(w);
    watch_plan_poll(w);
    if (changed)
        w->changed(w->ud);
}

static void watch_settle(struct watch *w)
{
    uint64_t now = uv_now(w->loop), rest = WATCH_REST_MS;
    if (!w->on)
        return;
    if (!w->first_ms)
        w->first_ms = now;
    if (now + rest > w->first_ms + WATCH_MOST_MS)
        rest = w->first_ms + WATCH_MOST_MS > now ? w->first_ms + WATCH_MOST_MS - now : 0;
    uv_timer_start(&w->settle, watch_on_settled, rest, 0);
}

static void watch_on_poll(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    bool was_missing = w->missing;
    uint64_t times = watch_times(w);
    if (times != w->times || (was_missing && !w->missing)) {
        w->times = times;
        watch_settle(w);
    }
    watch_plan_poll(w);
}

/* ---- life ---- */

struct watch *watch_create(uv_loop_t *loop, const char *config, char *const *sop,
                           void (*changed)(void *ud), void *ud)
{
    struct watch *w = MEM_NEW(struct watch);
    int n = 0;
    w->loop = loop;
    w->config = mem_strdup(config);
    w->changed = changed;
    w->ud = ud;
    while (sop[n])
        n++;
    w->sop = mem_zero(((size_t)n + 1) * sizeof *w->sop);
    for (int i = 0; i < n; i++)
        w->sop[i] = mem_strdup(sop[i]);
    uv_timer_init(loop, &w->settle);
    uv_timer_init(loop, &w->poll);
    w->settle.data = w->poll.data = w;
    return w;
}

void watch_seen(struct watch *w)
{
    if (w->on)
        watch_paths(w);
    watch_content(w);
}

void watch_enable(struct watch *w, bool on)
{
    if (on == w->on)
        return;
    w->on = on;
    w->refused = false;
    if (!on) {
        uv_timer_stop(&w->settle);
        uv_timer_stop(&w->poll);
        watch_drop_paths(w, true);
        w->first_ms = 0;
        return;
    }
    watch_paths(w);
    watch_settle(w); /* what changed since it was looked at last */
    watch_plan_poll(w);
}

const char *watch_how(const struct watch *w)
{
    return !w || !w->on ? "off" : w->refused ? "poll" : "inotify";
}

static void watch_closed_timer(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    if (--w->closing > 0)
        return;
    for (char **p = w->sop; *p; p++)
        free(*p);
    free(w->sop);
    free(w->paths);
    free(w->config);
    free(w);
}

void watch_destroy(struct watch *w)
{
    if (!w)
        return;
    watch_drop_paths(w, true);
    w->on = false;
    w->closing = 2;
    uv_close((uv_handle_t *)&w->settle, watch_closed_timer);
    uv_close((uv_handle_t *)&w->poll, watch_closed_timer);
}
