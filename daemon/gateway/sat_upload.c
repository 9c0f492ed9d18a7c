/* sat_upload.c -- pictures that the server cannot fetch by itself: data: and base64:// texts and file:// paths are brought with
 * upload.create where the login has it, else they go into the message as a data: address. Files are read by a thread; what does not
 * begin like a picture goes nowhere.
 * Owns: the loads, one a message. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "gateway/sat_out.h"

struct sat_item {
    struct sat_load *load;
    char *id;        /* what the message names */
    struct buf data; /* of the picture */
    const char *why; /* it cannot be had */
    bool upload;     /* it goes to the server */
    bool settled;
    uint64_t call;
    char *src; /* what stands in the message */
};

struct sat_load {
    struct sat_load *next;
    struct sat *g; /* NULL: cancelled while the thread is at it */
    sat_load_fn *fn;
    void *ud;
    uv_work_t work;
    bool uploads; /* the login has upload.create */
    int n;
    struct sat_item items[]; /* one for each segment */
};

/* ---- a copy of a message ---- */

struct out_message *sat_message_copy(const struct out_message *m)
{
    struct out_message *c = MEM_NEW(struct out_message);
    struct out_segment *list = mem_zero(((size_t)m->nsegments + 1) * sizeof *list);
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        list[i] = (struct out_segment){.type = s->type,
                                       .id = mem_strdup(s->id),
                                       .text = s->text ? mem_strndup(s->text, s->text_len) : NULL,
                                       .text_len = s->text ? s->text_len : 0};
    }
    c->chat = mem_strdup(m->chat);
    c->segments = list;
    c->nsegments = m->nsegments;
    return c;
}

void sat_message_free(struct out_message *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->nsegments; i++) {
        free((void *)(uintptr_t)m->segments[i].id);
        free((void *)(uintptr_t)m->segments[i].text);
    }
    free((void *)(uintptr_t)m->segments);
    free((void *)(uintptr_t)m->chat);
    free(m);
}

/* ---- what a picture is given as ---- */

static bool sat_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool sat_uploads(const struct sat *g)
{
    return sat_feature(g, "upload.create") == SAT_YES && sat_http_has(g, "upload.create");
}

static bool sat_picture_needs(const struct sat *g, const struct out_segment *s)
{
    if (s->type != SEGMENT_IMAGE || !s->id)
        return false;
    return sat_starts(s->id, "base64://") || sat_starts(s->id, "file://") ||
           (sat_starts(s->id, "data:") && strstr(s->id, ";base64,") && sat_uploads(g));
}

bool sat_upload_needed(const struct sat *g, const struct out_message *m)
{
    for (int i = 0; i < m->nsegments; i++)
        if (sat_picture_needs(g, &m->segments[i]))
            return true;
    return false;
}

static const struct {
    const char *head, *type, *name;
    size_t len;
} sat_pictures[] = {{"\x89PNG", "image/png", "picture.png", 4},
                    {"\xFF\xD8\xFF", "image/jpeg", "picture.jpg", 3},
                    {"GIF8", "image/gif", "picture.gif", 4},
                    {"RIFF", "image/webp", "picture.webp", 4},
                    {"BM", "image/bmp", "picture.bmp", 2}};

/* Index into sat_pictures by the first bytes, -1: it is none that is known. */
static int sat_picture_kind(const struct buf *data)
{
    for (int i = 0; i < (int)(sizeof sat_pictures / sizeof sat_pictures[0]); i++)
        if (data->len > sat_pictures[i].len &&
            memcmp(data->data, sat_pictures[i].head, sat_pictures[i].len) == 0)
            return i;
    return -1;
}

static int sat_hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The path of a file:// address. */
static char *sat_path(const char *url)
{
    struct buf b = {0};
    for (const char *s = url + 7; *s; s++) {
        bool escaped = *s == '%' && sat_hex(s[1]) >= 0 && sat_hex(s[2]) >= 0;
        buf_addc(&b, escaped ? (char)(sat_hex(s[1]) << 4 | sat_hex(s[2])) : *s);
        s += escaped ? 2 : 0;
    }
    return buf_take(&b);
}

/* The picture as a data: address. */
static char *sat_data_url(const struct buf *data)
{
    struct buf b = {0};
    buf_adds(&b, "data:");
    buf_adds(&b, sat_pictures[sat_picture_kind(data)].type);
    buf_adds(&b, ";base64,");
    base64_encode(&b, data->data, data->len);
    return buf_take(&b);
}

/* ---- the thread ---- */

/* NULL, or why not. */
static const char *sat_file_read(const char *path, struct buf *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return "the picture's file cannot be opened";
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > SAT_UPLOAD_MAX) {
        close(fd);
        return "the picture's file is none, or longer than 20 MiB";
    }
    size_t want = (size_t)st.st_size;
    char *to = buf_reserve(out, want + 1);
    while (out->len < want) {
        ssize_t n = read(fd, to + out->len, want - out->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        out->len += (size_t)n;
    }
    close(fd);
    return out->len == want ? NULL : "the picture's file cannot be read";
}

/* NULL, or why there is none. */
static const char *sat_item_read(struct sat_item *it)
{
    const char *payload = sat_starts(it->id, "base64://") ? it->id + 9 : NULL;
    if (sat_starts(it->id, "file://")) {
        char *path = sat_path(it->id);
        const char *why = sat_file_read(path, &it->data);
        free(path);
        return why;
    }
    if (!payload)
        payload = strstr(it->id, ";base64,") + 8;
    if (!base64_decode(&it->data, payload, strlen(payload)))
        return "the picture is no base64";
    return NULL;
}

/* Everything that takes long: reading, and base64 both ways. */
static void sat_load_work(uv_work_t *w)
{
    struct sat_load *l = w->data;
    for (int i = 0; i < l->n; i++) {
        struct sat_item *it = &l->items[i];
        if (it->settled)
            continue;
        it->why = sat_item_read(it);
        if (!it->why && sat_picture_kind(&it->data) < 0)
            it->why =
                "the picture is none"; /* a path may come from a member's words: no other file of ours gets out */
        if (!it->why && !l->uploads)
            it->src = sat_data_url(&it->data);
    }
}

/* ---- the end ---- */

static void sat_load_free(struct sat_load *l)
{
    for (int i = 0; i < l->n; i++) {
        free(l->items[i].id);
        free(l->items[i].src);
        buf_free(&l->items[i].data);
    }
    free(l);
}

static void sat_load_unlink(struct sat_load *l)
{
    struct sat_load **at = &l->g->out->loads;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
}

/* All are settled, or one cannot be had. */
static void sat_load_end(struct sat_load *l, const char *why)
{
    sat_load_fn *fn = l->fn;
    void *ud = l->ud;
    const char **src = mem_zero(((size_t)l->n + 1) * sizeof *src);
    for (int i = 0; i < l->n; i++) {
        src[i] = l->items[i].src;
        if (l->items[i].call)
            sat_http_cancel(l->g, l->items[i].call);
    }
    sat_load_unlink(l);
    fn(ud, src, why);
    free(src);
    sat_load_free(l);
}

void sat_upload_cancel(struct sat *g, struct sat_load *l)
{
    bool working = l->work.data != NULL;
    for (int i = 0; i < l->n; i++)
        if (l->items[i].call)
            sat_http_cancel(g, l->items[i].call);
    sat_load_unlink(l);
    l->g = NULL;
    if (!working) /* else the thread's end frees it */
        sat_load_free(l);
}

static void sat_load_look(struct sat_load *l)
{
    for (int i = 0; i < l->n; i++)
        if (!l->items[i].settled)
            return;
    sat_load_end(l, NULL);
}

/* ---- to the server ---- */

static void sat_on_uploaded(void *ud, const struct sat_http_answer *a)
{
    struct sat_item *it = ud;
    struct sat_load *l = it->load;
    const struct json *url = json_get(a->data, "file");
    it->call = 0;
    it->settled = true;
    if (a->ok && !url) /* some name the part otherwise: it is the only one */
        url = json_first(a->data);
    if (a->ok && json_text(url) && url->len && url->len <= SAT_SRC_MAX)
        it->src = mem_strndup(url->s, url->len);
    else if (a->result == SAT_NO_METHOD || a->ok)
        it->src = sat_data_url(&it->data);
    else
        it->why = "the picture could not be brought to the server";
    if (it->why)
        sat_load_end(l, it->why);
    else
        sat_load_look(l);
}

static void sat_load_go(struct sat_load *l)
{
    for (int i = 0; i < l->n; i++) {
        struct sat_item *it = &l->items[i];
        if (it->why) {
            sat_load_end(l, it->why);
            return;
        }
        if (it->settled)
            continue;
        int kind = sat_picture_kind(&it->data);
        if (l->uploads)
            it->call = sat_http_upload(l->g, sat_pictures[kind].name, sat_pictures[kind].type,
                                       it->data.data, it->data.len, sat_on_uploaded, it);
        if (!it->call && !it->src)
            it->src = sat_data_url(&it->data);
        it->settled = !it->call;
    }
    sat_load_look(l);
}

static void sat_load_worked(uv_work_t *w, int status)
{
    struct sat_load *l = w->data;
    (void)status;
    w->data = NULL;
    if (l->g)
        sat_load_go(l);
    else
        sat_load_free(l);
}

struct sat_load *sat_upload_begin(struct sat *g, const struct out_message *m, sat_load_fn *fn,
                                  void *ud)
{
    struct sat_load *l = mem_zero(sizeof *l + (size_t)m->nsegments * sizeof *l->items);
    l->g = g;
    l->fn = fn;
    l->ud = ud;
    l->n = m->nsegments;
    l->uploads = sat_uploads(g);
    for (int i = 0; i < m->nsegments; i++) {
        l->items[i].load = l;
        l->items[i].settled = !sat_picture_needs(g, &m->segments[i]);
        if (!l->items[i].settled)
            l->items[i].id = mem_strdup(m->segments[i].id);
    }
    l->next = g->out->loads;
    g->out->loads = l;
    l->work.data = l;
    uv_queue_work(g->env.loop, &l->work, sat_load_work, sat_load_worked);
    return l;
}
