/* metrics.c -- see metrics.h. Format: prometheus.io, "Exposition formats", text format 0.0.4. */
#include "base/metrics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/mem.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

static const double metric_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                       0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                       1,      2.5,     5,      10,    60};
enum { METRIC_BOUNDS = sizeof metric_bounds / sizeof metric_bounds[0] };

struct metric {
    char *key; /* name{labels} */
    char *labels;
    double value; /* histogram: the sum */
    uint64_t count;
    uint64_t *buckets;
    struct metric_family *family;
    struct metric *next;
    UT_hash_handle hh;
};

struct metric_family {
    char *name;
    char *help;
    enum metric_kind kind;
    struct metric *first, **tail;
    struct metric_family *next;
    UT_hash_handle hh;
};

enum { METRIC_HOOKS = 16 };

static struct {
    struct metric *by_key;
    struct metric_family *by_name, *first, **tail;
    struct {
        void (*fn)(void *ud);
        void *ud;
    } hooks[METRIC_HOOKS];
    int nhooks;
} metrics;

static struct metric_family *metric_family_get(const char *name, const char *help,
                                               enum metric_kind kind)
{
    struct metric_family *f;
    HASH_FIND_STR(metrics.by_name, name, f);
    if (f)
        return f;
    f = MEM_NEW(struct metric_family);
    f->name = mem_strdup(name);
    f->help = mem_strdup(help);
    f->kind = kind;
    f->tail = &f->first;
    if (!metrics.tail)
        metrics.tail = &metrics.first;
    *metrics.tail = f;
    metrics.tail = &f->next;
    HASH_ADD_KEYPTR(hh, metrics.by_name, f->name, strlen(f->name), f);
    return f;
}

static struct metric *metric_get(const char *name, const char *help, const char *labels,
                                 enum metric_kind kind)
{
    struct buf key = {0};
    buf_addf(&key, "%s{%s}", name, labels ? labels : "");
    struct metric *m;
    HASH_FIND(hh, metrics.by_key, buf_cstr(&key), key.len, m);
    if (m) {
        buf_free(&key);
        return m;
    }
    m = MEM_NEW(struct metric);
    m->key = buf_take(&key);
    m->labels = labels ? mem_strdup(labels) : NULL;
    m->family = metric_family_get(name, help, kind);
    if (kind == METRIC_HISTOGRAM)
        m->buckets = mem_zero(METRIC_BOUNDS * sizeof *m->buckets);
    *m->family->tail = m;
    m->family->tail = &m->next;
    HASH_ADD_KEYPTR(hh, metrics.by_key, m->key, strlen(m->key), m);
    return m;
}

struct metric *metric_counter(const char *name, const char *help, const char *labels)
{
    return metric_get(name, help, labels, METRIC_COUNTER);
}

struct metric *metric_gauge(const char *name, const char *help, const char *labels)
{
    return metric_get(name, help, labels, METRIC_GAUGE);
}

struct metric *metric_histogram(const char *name, const char *help, const char *labels)
{
    return metric_get(name, help, labels, METRIC_HISTOGRAM);
}

void metric_add(struct metric *m, double n)
{
    m->value += n;
}

void metric_set(struct metric *m, double value)
{
    m->value = value;
}

void metric_observe(struct metric *m, double seconds)
{
    m->value += seconds;
    m->count++;
    for (int i = 0; i < METRIC_BOUNDS; i++) {
        if (seconds <= metric_bounds[i]) {
            m->buckets[i]++;
            return;
        }
    }
}

double metric_value(const struct metric *m)
{
    return m->value;
}

static void metric_add_label(struct buf *b, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n') {
            buf_adds(b, "\\n");
        } else {
            if (*value == '"' || *value == '\\')
                buf_addc(b, '\\');
            buf_addc(b, *value);
        }
    }
}

const char *metric_labels(const char *key, ...)
{
    static struct buf ring[8];
    static unsigned next;
    struct buf *b = &ring[next++ % 8];
    buf_reset(b);
    va_list ap;
    va_start(ap, key);
    for (; key; key = va_arg(ap, const char *)) {
        buf_addf(b, "%s%s=\"", b->len ? "," : "", key);
        metric_add_label(b, va_arg(ap, const char *));
        buf_addc(b, '"');
    }
    va_end(ap);
    return buf_cstr(b);
}

void metrics_on_render(void (*fn)(void *ud), void *ud)
{
    if (metrics.nhooks < METRIC_HOOKS) {
        metrics.hooks[metrics.nhooks].fn = fn;
        metrics.hooks[metrics.nhooks++].ud = ud;
    }
}

static void metric_render_histogram(struct buf *out, const struct metric *m)
{
    const char *name = m->family->name, *labels = m->labels ? m->labels : "";
    const char *comma = *labels ? "," : "";
    uint64_t total = 0;
    for (int i = 0; i < METRIC_BOUNDS; i++) {
        total += m->buckets[i];
        buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma, metric_bounds[i],
                 (unsigned long long)total);
    }
    buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
             (unsigned long long)m->count);
    const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    buf_addf(out, "%s_sum%s%s%s %.9g\n", name, open, labels, close, m->value);
    buf_addf(out, "%s_count%s%s%s %llu\n", name, open, labels, close, (unsigned long long)m->count);
}

void metrics_render(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (int i = 0; i < metrics.nhooks; i++)
        metrics.hooks[i].fn(metrics.hooks[i].ud);
    for (const struct metric_family *f = metrics.first; f; f = f->next) {
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
        for (const struct metric *m = f->first; m; m = m->next) {
            if (f->kind == METRIC_HISTOGRAM)
                metric_render_histogram(out, m);
            else if (m->labels)
                buf_addf(out, "%s{%s} %.17g\n", f->name, m->labels, m->value);
            else
                buf_addf(out, "%s %.17g\n", f->name, m->value);
        }
    }
}

void metrics_reset(void)
{
    struct metric_family *f = metrics.first;
    HASH_CLEAR(hh, metrics.by_key);
    HASH_CLEAR(hh, metrics.by_name);
    while (f) {
        struct metric_family *next_family = f->next;
        for (struct metric *m = f->first; m;) {
            struct metric *next = m->next;
            free(m->key);
            free(m->labels);
            free(m->buckets);
            free(m);
            m = next;
        }
        free(f->name);
        free(f->help);
        free(f);
        f = next_family;
    }
    memset(&metrics, 0, sizeof metrics);
}
