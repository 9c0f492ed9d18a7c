/* llm_stream.c -- see llm_stream.h. */
#include "engine/run/llm_stream.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum {
    STREAM_LINE_MAX = 64 << 10, /* of one event; also of an answer in one piece */
    STREAM_TEXT_MAX = 64 << 10, /* of which LLM_TEXT_MAX are given to the flow */
    SHOW_EVERY_MS = 2000
};

/* ---- the events ---- */

void llm_stream_init(struct llm_stream *s)
{
    memset(s, 0, sizeof *s);
    s->tokens = -1;
}

void llm_stream_free(struct llm_stream *s)
{
    buf_free(&s->line);
    buf_free(&s->text);
}

static void stream_take_choice(struct llm_stream *s, const cJSON *json)
{
    const cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "choices"), 0);
    const cJSON *delta = cJSON_GetObjectItemCaseSensitive(choice, "delta");
    const char *piece = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(delta, "content"));
    const char *why =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(choice, "finish_reason"));
    const cJSON *usage = cJSON_GetObjectItemCaseSensitive(json, "usage");
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(usage, "total_tokens");
    if (why)
        snprintf(s->finish, sizeof s->finish, "%s", why);
    if (cJSON_IsNumber(total) && total->valuedouble >= 0 && total->valuedouble < 1e7)
        s->tokens = (int64_t)total->valuedouble;
    if (piece && s->text.len + strlen(piece) > STREAM_TEXT_MAX)
        s->error = "too large";
    else if (piece)
        buf_adds(&s->text, piece);
}

/* One line, without its end. What is no data (comments, names of events, empty ones) says nothing. */
static void stream_take_line(struct llm_stream *s, const char *line, size_t len)
{
    if (len < 5 || memcmp(line, "data:", 5) != 0)
        return;
    line += 5;
    len -= 5;
    if (len && *line == ' ') {
        line++;
        len--;
    }
    s->begun = true;
    if (len == 6 && memcmp(line, "[DONE]", 6) == 0) {
        s->done = true;
        return;
    }
    cJSON *json = cJSON_ParseWithLength(line, len);
    if (!cJSON_IsObject(json) || cJSON_HasObjectItem(json, "error"))
        s->error = "broken answer";
    else
        stream_take_choice(s, json);
    cJSON_Delete(json);
}

bool llm_stream_feed(struct llm_stream *s, const char *data, size_t len)
{
    buf_add(&s->line, data, len);
    const char *p = s->line.data, *stop = p + s->line.len;
    for (const char *nl; !s->done && !s->error && p < stop; p = nl + 1) {
        nl = memchr(p, '\n', (size_t)(stop - p));
        if (!nl)
            break;
        size_t n = (size_t)(nl - p);
        if (!s->begun && *p == '{') /* no event: an answer in one piece, of several lines */
            break;
        stream_take_line(s, p, n && p[n - 1] == '\r' ? n - 1 : n);
    }
    buf_consume(&s->line, (size_t)(p - s->line.data));
    if (s->line.len > STREAM_LINE_MAX)
        s->error = "too large";
    return !s->done && !s->error;
}

/* ---- showing it ---- */

struct llm_show {
    struct llm_stream stream;
    struct gw *gw; /* NULL: freed, but for the timer */
    char *chat, *ref, *draft;
    char **words;
    uv_timer_t timer;
    uint64_t shown_ms; /* of the loop; 0: nothing was */
    size_t shown_len;
    bool refused;
};

static char **show_words(const cJSON *list)
{
    const cJSON *w;
    int n = 0;
    char **out = mem_zero(((size_t)cJSON_GetArraySize(list) + 1) * sizeof *out);
    cJSON_ArrayForEach (w, list) {
        struct buf word = {0};
        if (cJSON_IsString(w))
            utf8_fold(&word, w->valuestring, strlen(w->valuestring));
        if (word.len)
            out[n++] = buf_take(&word);
        buf_free(&word);
    }
    return out;
}

struct llm_show *llm_show_new(const struct llm_show_opts *o)
{
    struct llm_show *s = MEM_NEW(struct llm_show);
    llm_stream_init(&s->stream);
    s->gw = o->gw;
    s->chat = mem_strdup(o->chat);
    s->ref = mem_strdup(o->ref);
    s->draft = mem_strdup(o->draft);
    s->words = show_words(o->words);
    uv_timer_init(o->gw->e->opts.loop, &s->timer);
    uv_unref((uv_handle_t *)&s->timer);
    s->timer.data = s;
    return s;
}

static void show_closed(uv_handle_t *h)
{
    struct llm_show *s = h->data;
    llm_stream_free(&s->stream);
    for (char **w = s->words; *w; w++)
        free(*w);
    free(s->words);
    free(s->chat);
    free(s->ref);
    free(s->draft);
    free(s);
}

void llm_show_free(struct llm_show *s)
{
    if (!s)
        return;
    s->gw = NULL;
    uv_close((uv_handle_t *)&s->timer, show_closed);
}

static bool show_forbidden(const struct llm_show *s, const struct buf *text)
{
    const struct llm_conf *conf = s->gw->e->opts.llm;
    return (conf && llm_forbidden(conf->words, text)) || llm_forbidden(s->words, text);
}

/* Without the beginning of a character whose rest is still to come. */
static size_t show_whole(const char *s, size_t len)
{
    size_t n = len;
    while (n && len - n < 3 && ((unsigned char)s[n - 1] & 0xC0) == 0x80)
        n--;
    return n && (unsigned char)s[n - 1] >= 0xC0 && !utf8_sequence(s + n - 1, len - n + 1) ? n - 1
                                                                                          : len;
}

/* Called by the timer, so never from within libcurl. What is shown is what would be given to the flow if it ended here. */
static void show_now(uv_timer_t *t)
{
    struct llm_show *s = t->data;
    struct buf text = {0};
    if (!s->gw || s->refused)
        return;
    buf_cstr(&s->stream.text);
    llm_clean(s->stream.text.data, &text);
    text.len = show_whole(text.data, text.len);
    s->refused = show_forbidden(s, &text);
    if (text.len && text.len != s->shown_len && !s->refused) {
        const struct out_segment segment = {
            .type = SEGMENT_TEXT, .id = "", .text = text.data, .text_len = text.len};
        const struct out_message m = {.chat = s->chat,
                                      .segments = &segment,
                                      .nsegments = 1,
                                      .ref = s->ref,
                                      .draft = s->draft};
        gateway_draft(s->gw->gateway, &m);
        s->shown_ms = uv_now(t->loop);
        s->shown_len = text.len;
    }
    buf_free(&text);
}

static bool show_able(const struct llm_show *s)
{
    return s->ref && s->gw->gateway && gateway_can(s->gw->gateway, GATEWAY_DRAFTS);
}

bool llm_show_data(struct llm_show *s, int status, const char *data, size_t len)
{
    if (status != 200)
        return true; /* what stands in it is not shown to anybody */
    if (!llm_stream_feed(&s->stream, data, len) || s->refused)
        return false;
    if (s->stream.text.len && show_able(s) && !uv_is_active((uv_handle_t *)&s->timer)) {
        uint64_t now = uv_now(s->timer.loop), next = s->shown_ms + SHOW_EVERY_MS;
        uv_timer_start(&s->timer, show_now, s->shown_ms && next > now ? next - now : 0, 0);
    }
    return true;
}

/* What stopped it, as llm_read has to be told: NULL if the text is whole. */
static const char *show_problem(const struct llm_show *s, const struct http_answer *a)
{
    const struct llm_stream *in = &s->stream;
    if (s->refused)
        return "refused";
    if (in->error)
        return in->error;
    if (in->done || *in->finish)
        return NULL;                              /* also if the connection broke after that */
    return a->error ? a->error : "broken answer"; /* it broke off */
}

int64_t llm_show_read(struct llm_show *s, const struct http_answer *a, struct buf *with)
{
    struct llm_stream *in = &s->stream;
    struct llm_text t = {.used = -1};
    uv_timer_stop(&s->timer);
    if (a->body_len && !a->error &&
        a->status == 200) /* it was not asked for in pieces after all (tests) */
        llm_stream_feed(in, a->body, a->body_len);
    if ((in->begun || in->error) && (a->status == 200 || a->error)) {
        t.why = show_problem(s, a);
        t.content = t.why ? NULL : buf_cstr(&in->text);
        t.refused = strcmp(in->finish, "content_filter") == 0;
        t.used = in->tokens;
        llm_write(s->gw->e->opts.llm, &t, with);
    } else {
        struct http_answer whole = *a;
        whole.body = buf_cstr(&in->line);
        whole.body_len = in->line.len;
        t.used = llm_read(s->gw->e->opts.llm, &whole, with);
    }
    if (show_able(s) && with->len && with->data[with->len - 1] == '}') {
        with->len--;
        buf_adds(with, ",\"draft\":");
        buf_add_json(with, s->draft, strlen(s->draft));
        buf_addc(with, '}');
    }
    return t.used;
}
