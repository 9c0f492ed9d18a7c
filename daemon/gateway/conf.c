/* conf.c -- see conf.h. */
#include "gateway/conf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "gateway/transport.h"

enum { CONF_TICK_MS = 1000, CONF_TICK_LEAST_MS = 10 };

/* ---- every field, once ---- */

#define CONF_AT(field) offsetof(struct gateway_conf, field)

static const size_t conf_strings[] = {
    CONF_AT(name),        CONF_AT(type),           CONF_AT(mode),    CONF_AT(url),
    CONF_AT(listen),      CONF_AT(path),           CONF_AT(token),   CONF_AT(self_id),
    CONF_AT(tls_ca),      CONF_AT(tls_cert),       CONF_AT(tls_key), CONF_AT(proxy),
    CONF_AT(canary_chat), CONF_AT(login_platform), CONF_AT(bot_id),  CONF_AT(plug_version),
    CONF_AT(pool),
};
static const size_t conf_numbers[] = {
    CONF_AT(first_ms),         CONF_AT(idle_ms),          CONF_AT(backoff_ms),
    CONF_AT(backoff_max_ms),   CONF_AT(auth_backoff_ms),  CONF_AT(auth_backoff_max_ms),
    CONF_AT(ready_reset_ms),   CONF_AT(timeout_ms),       CONF_AT(stale_ms),
    CONF_AT(request_delay_ms), CONF_AT(catchup_ms),       CONF_AT(settle_ms),
    CONF_AT(resend_ms),        CONF_AT(circuit_ms),       CONF_AT(risk_step_ms),
    CONF_AT(risk_window_ms),   CONF_AT(ping_ms),          CONF_AT(scene),
    CONF_AT(limited_ms),       CONF_AT(takeover_ms),      CONF_AT(pool_back_ms),
    CONF_AT(canary_every_ms),  CONF_AT(canary_within_ms), CONF_AT(expect_ms),
    CONF_AT(expect_from_ms),   CONF_AT(expect_to_ms),
};
static const size_t conf_flags[] = {
    CONF_AT(token_in_query),   CONF_AT(tls_insecure), CONF_AT(compress),
    CONF_AT(compress_context), CONF_AT(resume),       CONF_AT(mention_angle),
};
enum {
    CONF_STRINGS = sizeof conf_strings / sizeof conf_strings[0],
    CONF_NUMBERS = sizeof conf_numbers / sizeof conf_numbers[0],
    CONF_FLAGS = sizeof conf_flags / sizeof conf_flags[0]
};

static const char **conf_string_at(struct gateway_conf *c, int i)
{
    return (const char **)(void *)((char *)c + conf_strings[i]);
}

static const char *conf_string_of(const struct gateway_conf *c, int i)
{
    return *(const char *const *)(const void *)((const char *)c + conf_strings[i]);
}

static bool conf_is_secret(int i)
{
    return conf_strings[i] == CONF_AT(token) || conf_strings[i] == CONF_AT(proxy);
}

/* ---- copy, free, compare ---- */

static const char *const *conf_names_copy(const char *const *names)
{
    size_t n = 0;
    while (names && names[n])
        n++;
    if (!n)
        return NULL;
    const char **copy = mem_zero((n + 1) * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(names[i]);
    return copy;
}

static void conf_names_free(const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++)
        free((char *)names[i]);
    free((void *)names);
}

void gateway_conf_copy(struct gateway_conf *to, const struct gateway_conf *from)
{
    *to = *from;
    for (int i = 0; i < CONF_STRINGS; i++)
        *conf_string_at(to, i) = mem_strdup(conf_string_of(from, i));
    if (to->token && !*to->token) {
        free((char *)to->token);
        to->token = NULL;
    }
    to->names = conf_names_copy(from->names);
    to->channels = conf_names_copy(from->channels);
}

void gateway_conf_free(struct gateway_conf *c)
{
    for (int i = 0; i < CONF_STRINGS; i++) {
        char *s = (char *)conf_string_of(c, i);
        if (s && conf_is_secret(i))
            explicit_bzero(s, strlen(s));
        free(s);
    }
    conf_names_free(c->names);
    conf_names_free(c->channels);
    *c = (struct gateway_conf){0};
}

static bool conf_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool conf_same_names(const char *const *a, const char *const *b)
{
    size_t i = 0;
    if (!a || !b)
        return (!a || !*a) && (!b || !*b);
    while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
        i++;
    return !a[i] && !b[i];
}

bool gateway_conf_equal_numbers(const struct gateway_conf *a, const struct gateway_conf *b)
{
    const char *x = (const char *)a, *y = (const char *)b;
    for (int i = 0; i < CONF_NUMBERS; i++)
        if (memcmp(x + conf_numbers[i], y + conf_numbers[i], sizeof(int64_t)) != 0)
            return false;
    for (int i = 0; i < CONF_FLAGS; i++)
        if (x[conf_flags[i]] != y[conf_flags[i]])
            return false;
    return a->compress_window == b->compress_window && a->fragment == b->fragment &&
           a->max_frame == b->max_frame && a->catchup == b->catchup && a->expect == b->expect;
}

bool gateway_conf_equal(const struct gateway_conf *a, const struct gateway_conf *b)
{
    for (int i = 0; i < CONF_STRINGS; i++)
        if (!conf_same(conf_string_of(a, i), conf_string_of(b, i)))
            return false;
    return conf_same_names(a->names, b->names) && conf_same_names(a->channels, b->channels) &&
           gateway_conf_equal_numbers(a, b);
}

/* ---- defaults ---- */

void gateway_conf_default(int64_t *ms, int64_t value)
{
    if (*ms <= 0)
        *ms = value;
}

void gateway_conf_defaults(struct gateway_conf *c)
{
    if (!c->max_frame)
        c->max_frame = 64u << 20;
    gateway_conf_default(&c->first_ms, 10000);
    gateway_conf_default(&c->idle_ms, 90000);
    gateway_conf_default(&c->backoff_ms, 1000);
    gateway_conf_default(&c->backoff_max_ms, 60000);
    gateway_conf_default(&c->auth_backoff_ms, 60000);
    gateway_conf_default(&c->auth_backoff_max_ms, 900000);
    gateway_conf_default(&c->ready_reset_ms, 60000);
    gateway_conf_default(&c->timeout_ms, 60000);
    gateway_conf_default(&c->stale_ms, 120000);
    gateway_conf_default(&c->request_delay_ms, 1000);
    gateway_conf_default(&c->catchup_ms, 1000);
}

int64_t gateway_conf_tick(const struct gateway_conf *c)
{
    const int64_t all[] = {c->first_ms, c->idle_ms, c->timeout_ms, c->backoff_ms, c->ping_ms};
    int64_t tick = CONF_TICK_MS;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] && all[i] / 4 < tick)
            tick = all[i] / 4;
    return tick < CONF_TICK_LEAST_MS ? CONF_TICK_LEAST_MS : tick;
}

/* ---- checks, connections ---- */

bool gateway_conf_check_token(const struct gateway_conf *c, struct buf *err)
{
    for (const char *s = c->token ? c->token : ""; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch > ' ' && ch < 0x7F && !(c->token_in_query && strchr("+&#%", ch)))
            continue;
        buf_adds(err, c->token_in_query
                          ? "the token has a blank, non-ASCII character or one of + & # %"
                          : "the token has a blank, control or non-ASCII character");
        return false;
    }
    return true;
}

void gateway_conf_target(const struct gateway_conf *c, const char *url, struct conn_target *out)
{
    *out = (struct conn_target){.url = url,
                                .ca = c->tls_ca,
                                .cert = c->tls_cert,
                                .key = c->tls_key,
                                .proxy = c->proxy,
                                .insecure = c->tls_insecure,
                                .timeout_ms = c->first_ms};
}

void gateway_conf_opts(const struct gateway_conf *c, const struct conn_handler *handler, void *ud,
                       size_t max_queue, struct conn_opts *out)
{
    *out =
        (struct conn_opts){.handler = handler,
                           .ud = ud,
                           .max_message = c->max_frame,
                           .max_queue = max_queue,
                           .fragment = c->fragment,
                           .compress = c->compress,
                           .deflate = {.keep = c->compress_context, .window = c->compress_window}};
}
