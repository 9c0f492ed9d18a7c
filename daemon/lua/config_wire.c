/* config_wire.c -- how a gateway's connection is made: TLS files, proxy, compression, sizes of frames.
 * Callers: lua/config_gateway.c. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "lua/config_internal.h"

static void wire_read_compress(struct conf_report *r, const struct conf_value *v,
                               struct gateway_conf *conf)
{
    static const char *const keys[] = {"context", "window", NULL};
    const struct conf_value *compress = conf_get(v, "compress");
    int64_t window = 0;
    if (!compress)
        return;
    if (compress->type == CONF_BOOLEAN) {
        conf->compress = compress->boolean;
        return;
    }
    if (compress->type != CONF_TABLE) {
        conf_problem(r, compress,
                     "compress must be true, false or { context = true, window = 12 }");
        return;
    }
    conf_check_keys(r, compress, "compress", keys, false);
    conf->compress = true;
    conf_boolean(r, compress, "context", &conf->compress_context);
    if (conf_integer(r, compress, "window", 9, 15, &window))
        conf->compress_window = (int)window;
}

/* The address is looked at closely when the gateway is made; what is surely wrong is said here, without its password. */
static void wire_read_proxy(struct conf_report *r, struct config *c, const struct conf_value *v,
                            struct gateway_conf *conf, unsigned flags)
{
    const struct conf_value *at = config_secret_at(v, "proxy");
    if (!at)
        return;
    char *proxy = config_secret(r, c, v, "proxy", true, flags);
    if (conf->mode && strcmp(conf->mode, "reverse") == 0)
        conf_problem(r, at, "proxy belongs to mode \"forward\"; with \"reverse\" nobody is called");
    else if (proxy && !(flags & CONFIG_NO_SECRETS) && strcmp(proxy, "none") != 0 &&
             strncasecmp(proxy, "http://", 7) != 0)
        conf_problem(r, at, "proxy must be http://[user:password@]host[:port], or \"none\"");
    if (flags & CONFIG_NO_SECRETS && at != conf_get(v, "proxy")) {
        free(proxy); /* it was not looked up */
        proxy = NULL;
    }
    conf->proxy = proxy;
}

void config_read_wire(struct conf_report *r, struct config *c, const struct conf_value *v,
                      struct gateway_conf *conf, unsigned flags)
{
    int64_t n = 0;
    if (conf_size(r, v, "max_frame", 65536, 1 << 30, &n))
        conf->max_frame = (size_t)n;
    conf->fragment = 1u << 20;
    if (conf_size(r, v, "fragment", 0, 1 << 30, &n)) {
        conf->fragment = (size_t)n;
        if (n && n < 1024)
            conf_problem(r, conf_get(v, "fragment"), "fragment must be at least \"1K\", or 0");
    }
    wire_read_compress(r, v, conf);
    wire_read_proxy(r, c, v, conf, flags);
    if ((conf->tls_cert == NULL) != (conf->tls_key == NULL))
        conf_problem(r, v, "tls_cert and tls_key belong together");
    if (conf->tls_cert && conf->url && strncmp(conf->url, "wss://", 6) != 0 &&
        strncmp(conf->url, "https://", 8) != 0)
        conf_problem(r, conf_get(v, "tls_cert"),
                     "tls_cert is of no use without wss:// (Satori: https://) in the url");
}
