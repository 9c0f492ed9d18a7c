/* log.c -- see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"

enum { LOG_VALUE_MAX = 512 };

static struct {
    enum log_level level;
    bool journal;
    uint64_t count[4];
    void (*sink)(void *ud, const char *line);
    void *sink_ud;
    struct buf line;
} log_state = {.level = LOG_LEVEL_INFO};

static const char *const log_names[] = {"error", "warn", "info", "debug"};
static const char *const log_priority[] = {"<3>", "<4>", "<6>", "<7>"};

/* JOURNAL_STREAM names the device and inode of the journal's end; it is inherited by children whose stderr goes elsewhere. */
void log_init(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;
    log_state.journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
                        fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

enum log_level log_get_level(void)
{
    return log_state.level;
}

bool log_parse_level(const char *name, enum log_level *out)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, log_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

uint64_t log_count(enum log_level level)
{
    return log_state.count[level];
}

void log_set_sink(void (*sink)(void *ud, const char *line), void *ud)
{
    log_state.sink = sink;
    log_state.sink_ud = ud;
}

static bool log_plain(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return false;
    }
    return true;
}

static void log_add_value(struct buf *b, const char *value)
{
    size_t len = strlen(value);
    size_t cut = utf8_cut(value, len, LOG_VALUE_MAX);
    if (cut == len && log_plain(value) && utf8_valid(value, len)) {
        buf_add(b, value, len);
        return;
    }
    buf_add_json(b, value, cut);
    if (cut < len)
        b->data[b->len - 1] = '.', buf_adds(b, "..\"");
}

static void log_add_time(struct buf *b)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct tm tm;
    gmtime_r(&ts.tv_sec, &tm);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_addf(b, "ts=%s.%03ldZ ", text, ts.tv_nsec / 1000000);
}

static void log_emit(struct buf *b)
{
    buf_addc(b, '\n');
    if (log_state.sink) {
        b->data[b->len - 1] = '\0';
        log_state.sink(log_state.sink_ud, b->data);
        return;
    }
    size_t done = 0;
    while (done < b->len) {
        ssize_t n = write(STDERR_FILENO, b->data + done, b->len - done);
        if (n <= 0)
            break; /* nobody reads our log: better a lost line than a stuck daemon */
        done += (size_t)n;
    }
}

void log_write(enum log_level level, const char *msg, ...)
{
    log_state.count[level]++;
    if (level > log_state.level)
        return;
    struct buf *b = &log_state.line;
    buf_reset(b);
    if (log_state.journal) {
        buf_adds(b, log_priority[level]);
    } else {
        log_add_time(b);
        buf_addf(b, "level=%s ", log_names[level]);
    }
    buf_adds(b, "msg=");
    log_add_value(b, msg);
    va_list ap;
    va_start(ap, msg);
    for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *)) {
        const char *value = va_arg(ap, const char *);
        if (!value)
            continue;
        buf_addc(b, ' ');
        buf_adds(b, key);
        buf_addc(b, '=');
        log_add_value(b, value);
    }
    va_end(ap);
    log_emit(b);
}

const char *log_int(int64_t n)
{
    static char ring[16][24];
    static unsigned next;
    char *out = ring[next++ % 16];
    snprintf(out, sizeof ring[0], "%lld", (long long)n);
    return out;
}

bool log_gate_open(struct log_gate *g, int64_t now_mono_ms, int64_t every_ms)
{
    if (now_mono_ms < g->next_ms) {
        g->missed++;
        return false;
    }
    g->next_ms = now_mono_ms + every_ms;
    return true;
}
