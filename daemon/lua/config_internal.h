/* config_internal.h -- what the three files of the configuration reader share. */
#ifndef SOPD_LUA_CONFIG_INTERNAL_H
#define SOPD_LUA_CONFIG_INTERNAL_H

#include "lua/config.h"
#include "lua/luaconf.h"

/* Reads one entry of `gateways` into g (config_gateway.c). Problems go to r. */
void config_read_gateway(struct conf_report *r, struct config *c, const struct conf_value *v,
                         struct config_gateway *g, unsigned flags);
/* The limits of the gateway's platform, with `platform`, `quotas` and `attention`, into g->pace (config_pace.c). */
void config_read_platform(struct conf_report *r, const struct config *c, const struct conf_value *v,
                          struct config_gateway *g);
/* `pool` and `pool_back`, when the rest of g is read (config_pool.c). */
void config_read_pool(struct conf_report *r, struct config *c, const struct conf_value *v,
                      struct config_gateway *g);
/* The single types: their keys, and which of `timing` they have. */
void config_read_satori(struct conf_report *r, struct config *c, const struct conf_value *v,
                        struct config_gateway *g, unsigned flags);
/* Whose limits hold for a login of that platform (config_satori.c). */
const char *config_satori_platform(const struct gateway_conf *conf);
void config_read_wecom(struct conf_report *r, struct config *c, const struct conf_value *v,
                       struct config_gateway *g, unsigned flags);
void config_read_timing(struct conf_report *r, const struct conf_value *v,
                        struct gateway_conf *conf, const char *const *keys);
/* A copy of a string; NULL without one. */
char *config_copy(struct conf_report *r, const struct conf_value *v, const char *key);
/* A file that must be readable, absolute. */
char *config_readable(struct conf_report *r, const struct config *c, const struct conf_value *v,
                      const char *key);
bool config_name_good(const char *s);     /* of a gateway or a pool */
void config_read_zones(struct config *c); /* when the time zone is known: the days of quotas */
/* Reads `http_client` and `llm` (config_http.c), after the time zone. */
void config_read_web(struct conf_report *r, struct config *c, const struct conf_value *root,
                     unsigned flags);
/* Resolves <stem>, <stem>_env or <stem>_file of a table (config_secret.c). The secret is allocated; NULL if none is
 * set or a problem was reported. `inline_too`: the plain key may hold the secret itself. */
char *config_secret(struct conf_report *r, struct config *c, const struct conf_value *table,
                    const char *stem, bool inline_too, unsigned flags);
/* The value whose key names the secret, for messages; NULL if the table has none. */
const struct conf_value *config_secret_at(const struct conf_value *table, const char *stem);
/* A path of the file, made absolute from the folder in which the configuration stands. */
char *config_path(const struct config *c, const char *path);
/* `tags` (config_tags.c). */
void config_read_tags(struct conf_report *r, struct config *c, const struct conf_value *root);
void config_free_tags(struct config *c);
/* Adds a line to c->warnings. */
void config_warn(struct config *c, const struct conf_report *r, const struct conf_value *v,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* config_alarms.c: `alarms`, after the gateways and the time zone; `canary` and `expect` of a gateway. */
void config_read_alarms(struct conf_report *r, struct config *c, const struct conf_value *root,
                        unsigned flags);
/* TLS, proxy, compression, sizes of frames (config_wire.c). */
void config_read_wire(struct conf_report *r, struct config *c, const struct conf_value *v,
                      struct gateway_conf *conf, unsigned flags);
/* What every gateway with a WebSocket link may have, but for the address: TLS, proxy, sizes, `catchup` (with its default), `timing` (with
 * one key of the type's own, or NULL), `canary` and `expect` (config_gateway.c). */
void config_read_link(struct conf_report *r, struct config *c, const struct conf_value *v,
                      struct gateway_conf *conf, unsigned flags, int catchup, const char *own_time);
void config_read_health(struct conf_report *r, const struct conf_value *v,
                        struct gateway_conf *conf);
/* config.c: is there a gateway of that name? */
bool config_has_gateway(const struct config *c, const char *full, size_t len);

/* config_late.c: `jitter`, `warmup` and `late` of `pace` */
void config_read_late(struct conf_report *r, const struct conf_value *pace, struct pace *out);

/* config_breaker.c */
void config_read_breaker(struct conf_report *r, struct config *c, const struct conf_value *root);
/* config_retention.c */
void config_read_retention(struct conf_report *r, struct config *c, const struct conf_value *root);

#endif
