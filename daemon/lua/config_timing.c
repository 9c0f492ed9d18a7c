/* config_timing.c -- the durations of a gateway (`timing`). Each type of gateway has some of them; their defaults are its own.
 * Callers: config_gateway.c and the readers of single types. */
#include <stddef.h>
#include <string.h>

#include "lua/config_internal.h"

#define TIMING_AT(field) offsetof(struct gateway_conf, field)

static const struct {
    const char *key;
    size_t at;
    int64_t least; /* 1: a link cannot live with 0 there */
} timing_fields[] = {
    {"first", TIMING_AT(first_ms), 1},
    {"idle", TIMING_AT(idle_ms), 1},
    {"ping", TIMING_AT(ping_ms), 1},
    {"backoff", TIMING_AT(backoff_ms), 1},
    {"backoff_max", TIMING_AT(backoff_max_ms), 1},
    {"auth_backoff", TIMING_AT(auth_backoff_ms), 1},
    {"auth_backoff_max", TIMING_AT(auth_backoff_max_ms), 1},
    {"limited", TIMING_AT(limited_ms), 1},
    {"ready_reset", TIMING_AT(ready_reset_ms), 1},
    {"timeout", TIMING_AT(timeout_ms), 1},
    {"stale", TIMING_AT(stale_ms), 1},
    {"request_delay", TIMING_AT(request_delay_ms), 0},
    {"catchup", TIMING_AT(catchup_ms), 0},
    {"settle", TIMING_AT(settle_ms), 0},
    {"resend", TIMING_AT(resend_ms), 0},
    {"circuit", TIMING_AT(circuit_ms), 0},
    {"risk_step", TIMING_AT(risk_step_ms), 0},
    {"risk_window", TIMING_AT(risk_window_ms), 0},
};
enum { TIMING_FIELDS = sizeof timing_fields / sizeof timing_fields[0] };

static void timing_read(struct conf_report *r, const struct conf_value *timing, const char *key,
                        struct gateway_conf *conf)
{
    for (int i = 0; i < TIMING_FIELDS; i++) {
        if (strcmp(timing_fields[i].key, key) != 0)
            continue;
        int64_t *ms = (int64_t *)(void *)((char *)conf + timing_fields[i].at);
        if (conf_duration(r, timing, key, timing_fields[i].least, ms) && *ms == 0)
            *ms = 1; /* "at once"; 0 means the default to the gateway */
        return;
    }
}

void config_read_timing(struct conf_report *r, const struct conf_value *v,
                        struct gateway_conf *conf, const char *const *keys)
{
    const struct conf_value *timing = conf_table(r, v, "timing");
    if (!timing)
        return;
    conf_check_keys(r, timing, "timing", keys, false);
    for (int i = 0; keys[i]; i++)
        timing_read(r, timing, keys[i], conf);
    if (conf->backoff_ms && conf->backoff_max_ms && conf->backoff_max_ms < conf->backoff_ms)
        conf_problem(r, conf_get(timing, "backoff_max"), "timing: backoff_max is below backoff");
    if (conf->auth_backoff_ms && conf->auth_backoff_max_ms &&
        conf->auth_backoff_max_ms < conf->auth_backoff_ms)
        conf_problem(r, conf_get(timing, "auth_backoff_max"),
                     "timing: auth_backoff_max is below auth_backoff");
}
