/* metrics.h -- counters, gauges and histograms, kept where they are counted and rendered for Prometheus.
 * A metric is found or made once (metric_counter and friends, which search by name and labels) and then used through its
 * pointer, which stays valid until metrics_reset. Names follow Prometheus: sopd_..._total, ..._seconds, ..._bytes. */
#ifndef SOPD_BASE_METRICS_H
#define SOPD_BASE_METRICS_H

#include <stdint.h>

struct buf;
struct metric;

/* `labels` is what stands between the braces, built by metric_labels, or NULL. `help` is used the first time. */
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/* Seconds, with buckets from 100 us to 60 s. */
struct metric *metric_histogram(const char *name, const char *help, const char *labels);

void metric_add(struct metric *m, double n);
static inline void metric_inc(struct metric *m)
{
    metric_add(m, 1);
}
void metric_set(struct metric *m, double value);
void metric_observe(struct metric *m, double seconds);
double metric_value(const struct metric *m);

/* `key="value",...` from key, value, ..., NULL; one of 8 rotating buffers. */
const char *metric_labels(const char *key, ...) __attribute__((sentinel));

/* Functions that set gauges just before they are rendered. */
void metrics_on_render(void (*fn)(void *ud), void *ud);
/* All metrics in Prometheus text format, version 0.0.4. */
void metrics_render(struct buf *out);
/* Forgets everything (tests, and the last line of main). */
void metrics_reset(void);

#endif
