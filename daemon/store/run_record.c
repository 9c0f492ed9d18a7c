/* run_record.c -- see run_record.h. Callers: cli/ctl_runs*.c. */
#include "store/run_record.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { RUN_HASH_DIGITS = 8 };

static bool run_record_hash(const char *s, size_t len, uint32_t *out)
{
    uint32_t value = 0;
    if (len < RUN_HASH_DIGITS)
        return false;
    *out = 0;
    if (memcmp(s, "********", RUN_HASH_DIGITS) == 0) /* of a run that named a forgotten member */
        return true;
    for (int i = 0; i < RUN_HASH_DIGITS; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

static bool run_record_line(struct run_record *r, const char *s, size_t len)
{
    struct run_line l = {.kind = *s, .text = s + 1, .len = len - 1};
    if (l.kind != RUN_LINE_INPUT)
        l.entry = ++r->entries;
    if (l.kind != RUN_LINE_INPUT && l.kind != RUN_LINE_WAKE) {
        bool call = (l.kind >= 'a' && l.kind <= 'z') || (l.kind >= 'A' && l.kind <= 'Z');
        if (!(call || l.kind == RUN_LINE_WAIT) || !run_record_hash(l.text, l.len, &l.hash))
            return false;
        l.text += RUN_HASH_DIGITS;
        l.len -= RUN_HASH_DIGITS;
        if (l.len && *l.text == ' ') {
            l.text++;
            l.len--;
        }
        r->calls += call;
        r->waits += !call;
    }
    r->lines[r->nlines++] = l;
    return true;
}

struct cJSON *run_record_header(const char *data, size_t len)
{
    const char *end = len ? memchr(data, '\n', len) : NULL; /* data may be NULL then */
    cJSON *header = end ? cJSON_ParseWithLength(data, (size_t)(end - data)) : NULL;
    if (cJSON_IsObject(header))
        return header;
    cJSON_Delete(header);
    return NULL;
}

static int run_record_count(const char *data, size_t len)
{
    int n = 0;
    for (const char *at = data; (at = memchr(at, '\n', len - (size_t)(at - data))); at++)
        n++;
    return n;
}

bool run_record_read(struct run_record *out, const char *data, size_t len, struct buf *err)
{
    memset(out, 0, sizeof *out);
    out->header = run_record_header(data, len);
    if (!out->header) {
        buf_adds(err, "its first line is not a JSON object");
        return false;
    }
    out->lines = mem_alloc(((size_t)run_record_count(data, len) + 1) * sizeof *out->lines);
    const char *at = (const char *)memchr(data, '\n', len) + 1, *end = data + len;
    for (int number = 2; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop || (stop > at && !run_record_line(out, at, (size_t)(stop - at)))) {
            buf_addf(err, "line %d is %s", number, stop ? "not a journal line" : "cut off");
            return false;
        }
        at = stop + 1;
    }
    return true;
}

const char *run_record_user(const struct cJSON *header)
{
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(header, "event");
    const char *user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(header, "user"));
    if (!user)
        user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "user"));
    return user ? user : "";
}

void run_record_free(struct run_record *r)
{
    cJSON_Delete(r->header);
    free(r->lines);
    memset(r, 0, sizeof *r);
}

const struct run_line *run_record_waiting(const struct run_record *r)
{
    int i = r->nlines - 1;
    while (i >= 0 && r->lines[i].kind == RUN_LINE_INPUT)
        i--;
    return i >= 0 && r->lines[i].kind == RUN_LINE_WAIT ? &r->lines[i] : NULL;
}

int run_record_gathered(const struct run_record *r)
{
    int n = 0;
    while (n < r->nlines && r->lines[r->nlines - 1 - n].kind == RUN_LINE_INPUT)
        n++;
    return n;
}

static int64_t run_record_now(const cJSON *o)
{
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(o, "now");
    return cJSON_IsNumber(now) ? (int64_t)now->valuedouble : 0;
}

int64_t run_record_last_ms(const struct run_record *r)
{
    int64_t ms = 0;
    for (int i = r->nlines - 1; i >= 0 && !ms; i--) {
        if (r->lines[i].kind != RUN_LINE_WAKE)
            continue;
        cJSON *wake = run_line_json(&r->lines[i]);
        ms = run_record_now(wake);
        cJSON_Delete(wake);
    }
    return ms ? ms : run_record_now(r->header);
}

struct cJSON *run_line_json(const struct run_line *l)
{
    return cJSON_ParseWithLength(l->text, l->len);
}
