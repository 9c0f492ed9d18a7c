/* wc_media.c -- uploads over the same socket: init, pieces of 512 KiB, finish. Pieces go side by side as far as the platform likes it; a
 * new one is written only when the one before has left our buffer, so a heartbeat never waits behind more than one. A piece is
 * tried again twice, and a lost connection costs nothing: the upload goes on with its id on the next one.
 * Owns the uploads and the data in them. Callers: wc_image.c, wc_out.c; tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "gateway/jsonout.h"
#include "gateway/memo.h"
#include "gateway/wc_out.h"

enum {
    WC_UPLOADS = 16, /* so many pictures are in memory at most */
    WC_TRIES = 3,
    WC_TRY_MS = 500,
    WC_BACKLOG = 64 * 1024,
    WC_LOOK_MS = 20,
    WC_UPLOAD_LIFE_MS = 29 * 60000,
    WC_WHOLE = 127, /* in a number, in place of a piece: init or finish */
    WC_ID_MAX = 255
};
enum wc_phase { WC_INIT, WC_CHUNKS, WC_FINISH };
enum wc_chunk_state { WC_UNSENT, WC_FLYING, WC_DONE };

struct wc_chunk {
    uint8_t state, tries;
    uint64_t number;
    int64_t due; /* mono */
};
struct wc_waiter {
    struct wc_waiter *next;
    wc_media_fn fn;
    void *ud;
};
struct wc_upload {
    struct wc_upload *next;
    unsigned slot;
    enum wc_phase phase;
    struct wc_print print;
    char type[8], upload_id[WC_ID_MAX + 1];
    char *name;
    struct buf data;
    unsigned nchunks, done, flying;
    struct wc_chunk whole, chunks[WC_CHUNKS_MAX];
    int64_t started;
    struct wc_waiter *waiters; /* who wants it, the first one first */
};

/* ---- what may be uploaded ---- */

const char *wc_image_type(const char *data, size_t len)
{
    if (len > 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "png";
    if (len > 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        return "jpg";
    if (len > 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0))
        return "gif";
    return NULL;
}

static const char *wc_upload_check(const char *type, const struct buf *data)
{
    static const struct {
        const char *type, *why;
        size_t max;
    } kinds[] = {{"image", "a picture may have 10 MB at most", WC_IMAGE_MAX},
                 {"voice", "a voice message may have 2 MB at most", WC_VOICE_MAX},
                 {"video", "a video may have 10 MB at most", WC_VIDEO_MAX},
                 {"file", "a file may have 20 MB at most", WC_FILE_MAX}};
    if (data->len < WC_MEDIA_LEAST)
        return "a file must have more than 5 bytes";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].type, type) != 0)
            continue;
        if (data->len > kinds[i].max)
            return kinds[i].why;
        bool wrong = i == 0 ? !wc_image_type(data->data, data->len)
                     : i == 1
                         ? memcmp(data->data, "#!AMR", 5) != 0
                         : i == 2 && (data->len < 12 || memcmp(data->data + 4, "ftyp", 4) != 0);
        return wrong ? "the platform takes pictures as PNG, JPEG or GIF, voice as AMR, video as MP4"
                     : NULL;
    }
    return "there is no such kind of file";
}

/* ---- frames ---- */

static uint64_t wc_upload_number(struct wc *g, const struct wc_upload *u, unsigned chunk)
{
    return wc_number(g->out, WC_OWNER_UPLOAD, u->slot << 7 | chunk);
}

static bool wc_upload_begin(struct wc *g, struct wc_frame *f, const struct wc_upload *u)
{
    static const char *const commands[] = {"aibot_upload_media_init", "aibot_upload_media_chunk",
                                           "aibot_upload_media_finish"};
    return wc_frame_begin(g, f, commands[u->phase], NULL);
}

static void wc_upload_end(struct wc_frame *f, struct wc_chunk *c, uint64_t number)
{
    c->state = WC_FLYING;
    c->number = number;
    wc_frame_end(f, WC_FOR_OUT, number, 3 * wc_out_ack_ms(f->g));
}

static void wc_upload_whole(struct wc *g, struct wc_upload *u, int64_t now)
{
    struct wc_frame f;
    int64_t at = u->phase == WC_INIT ? wc_window_free(&g->out->upload_window, now, 0) : now;
    if (u->whole.state == WC_FLYING)
        return;
    at = at > u->whole.due ? at : u->whole.due;
    if (at > now || !wc_upload_begin(g, &f, u)) {
        wc_wake(g, at > now ? at : now + WC_LOOK_MS);
        return;
    }
    buf_addc(f.out, '{');
    if (u->phase == WC_FINISH) {
        jsonout_string(f.out, "upload_id", u->upload_id);
    } else {
        wc_window_take(&g->out->upload_window, now);
        jsonout_string(f.out, "type", u->type);
        jsonout_string(f.out, "filename", u->name);
        jsonout_int(f.out, "total_size", (int64_t)u->data.len);
        jsonout_int(f.out, "total_chunks", u->nchunks);
        if (*u->print.md5)
            jsonout_string(f.out, "md5", u->print.md5);
    }
    buf_addc(f.out, '}');
    wc_upload_end(&f, &u->whole, wc_upload_number(g, u, WC_WHOLE));
}

static bool wc_upload_chunk(struct wc *g, struct wc_upload *u, unsigned i)
{
    struct wc_frame f;
    size_t at = (size_t)i * WC_CHUNK, rest = u->data.len - at;
    if (!wc_upload_begin(g, &f, u))
        return false;
    buf_addc(f.out, '{');
    jsonout_string(f.out, "upload_id", u->upload_id);
    jsonout_int(f.out, "chunk_index", i);
    jsonout_raw(f.out, "base64_data", "\"");
    base64_encode(f.out, u->data.data + at, rest < WC_CHUNK ? rest : WC_CHUNK);
    buf_adds(f.out, "\"}");
    u->flying++;
    wc_upload_end(&f, &u->chunks[i], wc_upload_number(g, u, i));
    return true;
}

static void wc_upload_chunks(struct wc *g, struct wc_upload *u, int64_t now)
{
    unsigned together = u->nchunks <= 4 ? u->nchunks : u->nchunks <= 10 ? 3 : 2;
    for (unsigned i = 0; i < u->nchunks && u->flying < together; i++) {
        struct wc_chunk *c = &u->chunks[i];
        if (c->state != WC_UNSENT)
            continue;
        if (c->due > now) {
            wc_wake(g, c->due);
            continue;
        }
        if (conn_waiting(g->conn) > WC_BACKLOG || !wc_upload_chunk(g, u, i)) {
            wc_wake(g, now + WC_LOOK_MS);
            return;
        }
    }
}

/* ---- life ---- */

static void wc_upload_free(struct wc *g, struct wc_upload *u)
{
    struct wc_upload **at = &g->out->uploads;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    for (struct wc_waiter *w = u->waiters, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    buf_free(&u->data);
    free(u->name);
    free(u);
}

static void wc_upload_wait(struct wc_upload *u, wc_media_fn fn, void *ud)
{
    struct wc_waiter *w = MEM_NEW(struct wc_waiter), **at = &u->waiters;
    w->fn = fn;
    w->ud = ud;
    while (*at)
        at = &(*at)->next;
    *at = w;
}

static void wc_upload_finish(struct wc *g, struct wc_upload *u, const char *media_id,
                             const char *why)
{
    struct wc_waiter *w = u->waiters, *next;
    u->waiters = NULL;
    if (media_id)
        memo_put(g->out->media, u->print.sha256, media_id, wc_now(g));
    wc_upload_free(g, u);
    for (; w; w = next) {
        next = w->next;
        w->fn(w->ud, g, media_id, why);
        free(w);
    }
    wc_uploads_tick(g, wc_now(g));
}

static void wc_upload_step(struct wc *g, struct wc_upload *u, int64_t now)
{
    if (now - u->started > WC_UPLOAD_LIFE_MS) {
        wc_upload_finish(g, u, NULL, "the upload took longer than the platform allows");
        return;
    }
    if (!wc_ready(g))
        return;
    if (u->phase == WC_CHUNKS)
        wc_upload_chunks(g, u, now);
    else
        wc_upload_whole(g, u, now);
}

void wc_uploads_tick(struct wc *g, int64_t now)
{
    if (g->out->uploads) /* one after the other */
        wc_upload_step(g, g->out->uploads, now);
}

static unsigned wc_upload_slot(const struct wc *g)
{
    unsigned taken = 0, slot = 0;
    for (const struct wc_upload *u = g->out->uploads; u; u = u->next)
        taken |= 1u << u->slot;
    while (taken >> slot & 1)
        slot++;
    return slot;
}

/* The same content is on its way already. */
static struct wc_upload *wc_upload_same(struct wc *g, const struct wc_file *file)
{
    struct wc_upload *u = g->out->uploads;
    while (u &&
           (strcmp(u->type, file->type) != 0 || strcmp(u->print.sha256, file->print->sha256) != 0))
        u = u->next;
    return u;
}

const char *wc_upload(struct wc *g, const struct wc_file *file, struct buf *data, wc_media_fn fn,
                      void *ud)
{
    const char *why = wc_upload_check(file->type, data);
    struct wc_upload *u = why ? NULL : wc_upload_same(g, file), **at = &g->out->uploads;
    unsigned slot = wc_upload_slot(g);
    if (!why && !u && (slot >= WC_UPLOADS || g->out->stopped))
        why = "too many files wait to be uploaded";
    if (why)
        return why;
    if (u) {
        wc_upload_wait(u, fn, ud);
        return NULL;
    }
    u = MEM_NEW(struct wc_upload);
    u->print = *file->print;
    snprintf(u->type, sizeof u->type, "%s", file->type);
    u->slot = slot;
    u->name = mem_strdup(file->name);
    u->data = *data;
    *data = (struct buf){0};
    u->nchunks = (unsigned)((u->data.len + WC_CHUNK - 1) / WC_CHUNK);
    u->started = wc_now(g);
    wc_upload_wait(u, fn, ud);
    while (*at)
        at = &(*at)->next;
    *at = u;
    wc_uploads_tick(g, u->started);
    return NULL;
}

void wc_uploads_free(struct wc *g)
{
    while (g->out->uploads)
        wc_upload_free(g, g->out->uploads);
}

/* ---- answers ---- */

/* The frame of that number; the piece is -1 for init and finish. */
static struct wc_upload *wc_upload_of(struct wc *g, uint64_t number, struct wc_chunk **chunk)
{
    unsigned slot = (unsigned)(number >> 7 & 31), i = (unsigned)(number & 127);
    struct wc_upload *u = g->out->uploads;
    while (u && u->slot != slot)
        u = u->next;
    if (!u || (i != WC_WHOLE && i >= u->nchunks))
        return NULL;
    *chunk = i == WC_WHOLE ? &u->whole : &u->chunks[i];
    if ((*chunk)->state != WC_FLYING || (*chunk)->number != number)
        return NULL;
    u->flying -= i != WC_WHOLE;
    return u;
}

/* Once more after a moment, twice. False: it was tried often enough. */
static bool wc_upload_again(struct wc *g, struct wc_chunk *c)
{
    c->state = WC_UNSENT;
    if (++c->tries >= WC_TRIES)
        return false;
    c->due = wc_now(g) + WC_TRY_MS * c->tries;
    wc_wake(g, c->due);
    return true;
}

static const char *wc_upload_text(const struct wc_ack *a, const char *key)
{
    const char *s = json_text(json_get(a->body, key));
    return s && *s && strlen(s) <= WC_ID_MAX ? s : NULL;
}

static void wc_upload_good(struct wc *g, struct wc_upload *u, struct wc_chunk *c,
                           const struct wc_ack *a)
{
    const char *id = wc_upload_text(a, u->phase == WC_INIT ? "upload_id" : "media_id");
    c->state = WC_DONE;
    if (u->phase == WC_CHUNKS) {
        if (++u->done < u->nchunks)
            return;
        u->phase = WC_FINISH;
    } else if (!id) {
        wc_upload_finish(g, u, NULL, "the platform gave no id for the file");
        return;
    } else if (u->phase == WC_FINISH) {
        char media_id[WC_ID_MAX + 1];
        memcpy(media_id, id, strlen(id) + 1);
        wc_upload_finish(g, u, media_id, NULL);
        return;
    } else {
        memcpy(u->upload_id, id, strlen(id) + 1);
        u->phase = WC_CHUNKS;
    }
    u->whole = (struct wc_chunk){0};
}

void wc_upload_answer(struct wc *g, uint64_t number, const struct wc_ack *a)
{
    struct wc_chunk *c;
    struct wc_upload *u = wc_upload_of(g, number, &c);
    enum wc_class class = wc_error_class(a->errcode);
    if (!u)
        return;
    if (class == WC_CLASS_OK)
        wc_upload_good(g, u, c, a);
    else if (class == WC_CLASS_UNSUBSCRIBED)
        c->state = WC_UNSENT; /* on the next connection */
    else if (class == WC_CLASS_LIMIT || !wc_upload_again(g, c))
        wc_upload_finish(g, u, NULL,
                         class == WC_CLASS_LIMIT ? "too many uploads"
                                                 : "the platform refuses the file");
    wc_uploads_tick(g, wc_now(g));
}

void wc_upload_lost(struct wc *g, uint64_t number)
{
    struct wc_chunk *c;
    struct wc_upload *u = wc_upload_of(g, number, &c);
    if (!u)
        return;
    if (!wc_ready(g)) /* the connection: it goes on with the next one */
        c->state = WC_UNSENT;
    else if (!wc_upload_again(g, c))
        wc_upload_finish(g, u, NULL, "the platform does not answer to the upload");
}
