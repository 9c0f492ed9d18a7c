/* log.h -- one line per fact, in logfmt, on stderr.
 *   log_info("gateway ready", "gateway", name, "self", id, NULL);
 * Keys and values alternate and end with NULL; a NULL value leaves its key out. Values are escaped here (quotes, control
 * characters, invalid UTF-8) and cut at 512 bytes, so anything may be passed; never pass tokens or members' message text
 * at info or above. Under systemd (JOURNAL_STREAM) lines carry a <priority> instead of time and level. */
#ifndef SOPD_BASE_LOG_H
#define SOPD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Reads the environment (JOURNAL_STREAM); level defaults to info. */
void log_init(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warn", "info", "debug"; false if it is none of them. */
bool log_parse_level(const char *name, enum log_level *out);
/* Lines counted by level since start, for metrics. */
uint64_t log_count(enum log_level level);
/* Where lines go: a function for the playground (NULL: stderr). */
void log_set_sink(void (*sink)(void *ud, const char *line), void *ud);

void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                               \
    do {                                             \
        if (log_get_level() >= LOG_LEVEL_DEBUG)      \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)

/* A number as text for the call above; one of 16 rotating buffers, valid until 16 calls later. */
const char *log_int(int64_t n);

/* A gate for messages that strangers can provoke: true at most once per `every_ms`; `missed` counts those held back. */
struct log_gate {
    int64_t next_ms;
    uint64_t missed;
};
bool log_gate_open(struct log_gate *g, int64_t now_mono_ms, int64_t every_ms);

#endif
