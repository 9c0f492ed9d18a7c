/* wc_image.c -- the pictures of messages: fetched from where the flow says (http, a file, base64, what a member just sent), checked, and
 * uploaded unless the platform has that very picture already. Owns the fetches. Callers: wc_send.c, wc_out.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "gateway/memo.h"
#include "gateway/wc_out.h"

enum { WC_IMAGE_GET_MS = 30000, WC_IMAGE_REDIRECTS = 3 };

/* One picture on its way to us; a file is read in the loop's thread pool. */
struct wc_fetch {
    struct wc_fetch *next;
    struct wc *g;
    uint64_t job, http;
    uv_fs_t fs;
    uv_file file;
    struct buf data;
};

static void wc_fetch_free(struct wc_fetch *f)
{
    struct wc_fetch **at = &f->g->out->fetches;
    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
    buf_free(&f->data);
    free(f);
}

/* ---- from bytes to the platform's id ---- */

static uint64_t wc_image_job(void *ud)
{
    return (uint64_t)(uintptr_t)ud;
}

static void wc_image_uploaded(void *ud, struct wc *g, const char *media_id, const char *why)
{
    wc_job_fetched(g, wc_image_job(ud), media_id, why);
}

/* Takes the data. */
static void wc_image_have(struct wc *g, uint64_t job, struct buf *data)
{
    struct wc_print print;
    char name[24];
    const char *type = wc_image_type(data->data, data->len), *why = NULL, *known;
    if (!type)
        why = "this is no PNG, JPEG or GIF picture";
    else if (!wc_fingerprint(data->data, data->len, &print))
        why = "the picture cannot be hashed";
    known = why ? NULL : memo_get(g->out->media, print.sha256, wc_now(g));
    snprintf(name, sizeof name, "image.%s", type ? type : "");
    const struct wc_file file = {.type = "image", .name = name, .print = &print};
    if (!why && !known)
        why = wc_upload(g, &file, data, wc_image_uploaded, (void *)(uintptr_t)job);
    if (why || known)
        wc_job_fetched(g, job, known, why);
    buf_free(data);
}

/* ---- sources ---- */

static void wc_image_downloaded(void *ud, struct wc *g, struct buf *data, const char *name,
                                const char *why)
{
    (void)name;
    if (why)
        wc_job_fetched(g, wc_image_job(ud), NULL, why);
    else
        wc_image_have(g, wc_image_job(ud), data);
}

static void wc_image_answer(void *ud, const struct http_answer *a)
{
    struct wc_fetch *f = ud;
    struct wc *g = f->g;
    uint64_t job = f->job;
    char why[96] = "";
    struct buf data = {0};
    if (a->error)
        snprintf(why, sizeof why, "the picture cannot be fetched: %s", a->error);
    else if (a->status < 200 || a->status > 299)
        snprintf(why, sizeof why, "the picture cannot be fetched: HTTP %d", a->status);
    else
        buf_add(&data, a->body, a->body_len);
    wc_fetch_free(f);
    if (*why)
        wc_job_fetched(g, job, NULL, why);
    else
        wc_image_have(g, job, &data);
}

/* What a flow names may be anywhere but in our own network, unless the platform itself is there. */
static const char *wc_image_http(struct wc *g, uint64_t job, const char *url)
{
    struct http_url own;
    struct http_client *http = wc_http(g);
    const char *why = NULL;
    char base[512];
    snprintf(base, sizeof base, "http%s", g->conf.url + 2); /* ws://..., wss://... */
    bool inside = !http_url_parse(base, &own) && http_host_private(own.host);
    struct http_request r = {.method = "GET",
                             .url = url,
                             .timeout_ms = WC_IMAGE_GET_MS,
                             .answer_max = WC_IMAGE_MAX,
                             .redirects = WC_IMAGE_REDIRECTS,
                             .again = 1,
                             .configured = true,
                             .public_only = !inside};
    struct wc_fetch *f = MEM_NEW(struct wc_fetch);
    f->g = g;
    f->job = job;
    f->http = http ? http_client_ask(http, &r, wc_image_answer, f, &why) : 0;
    if (!f->http) {
        free(f);
        return why ? why : "the picture cannot be fetched";
    }
    f->next = g->out->fetches;
    g->out->fetches = f;
    return NULL;
}

static void wc_image_closed(uv_fs_t *fs)
{
    struct wc_fetch *f = fs->data;
    uv_fs_req_cleanup(fs);
    struct wc *g = f->g;
    struct buf data = f->data;
    uint64_t job = f->job;
    f->data = (struct buf){0};
    wc_fetch_free(f);
    g->out->reading--;
    if (g->out->stopped) {
        buf_free(&data);
        wc_wake(g, 0);
        return;
    }
    wc_image_have(g, job, &data);
}

static void wc_image_read(uv_fs_t *fs)
{
    struct wc_fetch *f = fs->data;
    if (fs->result > 0) {
        f->data.len = f->data.cap = (size_t)fs->result; /* what it does not need is given back */
        f->data.data = mem_realloc(f->data.data, f->data.len);
    }
    uv_fs_req_cleanup(fs);
    uv_fs_close(fs->loop, fs, f->file, wc_image_closed);
}

static void wc_image_opened(uv_fs_t *fs)
{
    struct wc_fetch *f = fs->data;
    f->file = (uv_file)fs->result;
    uv_fs_req_cleanup(fs);
    if (f->file < 0) {
        struct wc *g = f->g;
        uint64_t job = f->job;
        wc_fetch_free(f);
        g->out->reading--;
        if (g->out->stopped)
            wc_wake(g, 0);
        else
            wc_job_fetched(g, job, NULL, "the picture's file cannot be opened");
        return;
    }
    uv_buf_t into = uv_buf_init(buf_reserve(&f->data, WC_IMAGE_MAX + 1), WC_IMAGE_MAX + 1);
    uv_fs_read(fs->loop, fs, f->file, &into, 1, 0, wc_image_read);
}

static const char *wc_image_file(struct wc *g, uint64_t job, const char *path)
{
    struct wc_fetch *f = MEM_NEW(struct wc_fetch);
    f->g = g;
    f->job = job;
    f->fs.data = f;
    f->next = g->out->fetches;
    g->out->fetches = f;
    g->out->reading++;
    if (uv_fs_open(g->env.loop, &f->fs, path, O_RDONLY | O_NONBLOCK, 0, wc_image_opened) == 0)
        return NULL;
    g->out->reading--;
    wc_fetch_free(f);
    return "the picture's file cannot be opened";
}

static const char *wc_image_base64(struct wc *g, uint64_t job, const char *s, size_t len)
{
    struct buf data = {0};
    if (len / 4 * 3 > WC_IMAGE_MAX)
        return "a picture may have 10 MB at most";
    if (!base64_decode(&data, s, len)) {
        buf_free(&data);
        return "the picture's base64 is broken";
    }
    wc_image_have(g, job, &data);
    return NULL;
}

static const char *wc_image_sent(struct wc *g, uint64_t job, const char *id)
{
    struct wc_media m;
    if (!wc_vault_get(g, id, &m))
        return "the picture is not known any more: what members send can be used for 5 minutes";
    return wc_download(g, &m, WC_IMAGE_MAX, wc_image_downloaded, (void *)(uintptr_t)job);
}

void wc_image_get(struct wc *g, uint64_t job, const char *source, size_t len)
{
    char *s = mem_strndup(source, len);
    const char *why = strncmp(s, "base64://", 9) == 0  ? wc_image_base64(g, job, s + 9, len - 9)
                      : strncmp(s, "wecom:", 6) == 0   ? wc_image_sent(g, job, s)
                      : strncmp(s, "file:///", 8) == 0 ? wc_image_file(g, job, s + 7)
                      : strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0
                          ? wc_image_http(g, job, s)
                          : "a picture is an http, file:/// or base64:// address";
    free(s);
    if (why)
        wc_job_fetched(g, job, NULL, why);
}

void wc_images_free(struct wc *g)
{
    for (struct wc_fetch *f = g->out->fetches, *next; f; f = next) {
        next = f->next;
        if (!f->http)
            continue; /* the thread pool has it: wc_out_gone waits */
        http_client_cancel(g->out->http, f->http);
        wc_fetch_free(f);
    }
}
