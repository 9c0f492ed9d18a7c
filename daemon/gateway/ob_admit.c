/* ob_admit.c -- reverse connections: who may come in, and which of the gateway's connections it becomes. */
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

#include "gateway/ob.h"

/* Is path equal to base + tail, with or without a slash at the end? */
static bool ob_path_is(const char *path, const char *base, const char *tail)
{
    size_t nb = strlen(base), nt = strlen(tail);
    while (nb && base[nb - 1] == '/')
        nb--;
    if (strncmp(path, base, nb) != 0 || strncmp(path + nb, tail, nt) != 0)
        return false;
    const char *rest = path + nb + nt;
    return !*rest || strcmp(rest, "/") == 0;
}

bool ob_path_served(const char *conf_path, const char *path, enum ob_role *role)
{
    static const char *const usual[] = {"/", "/onebot/v11/ws", "/onebot/v11", "/onebot", "/ws"};
    const char *const *bases = conf_path ? &conf_path : usual;
    size_t n = conf_path ? 1 : sizeof usual / sizeof usual[0];
    for (size_t i = 0; i < n; i++) {
        *role = OB_UNIVERSAL;
        if (ob_path_is(path, bases[i], ""))
            return true;
        *role = OB_API;
        if (ob_path_is(path, bases[i], "/api"))
            return true;
        *role = OB_EVENTS;
        if (ob_path_is(path, bases[i], "/event"))
            return true;
    }
    return false;
}

/* The token that was offered: behind "Bearer" or "Token" in the header, else in the query. */
static const char *ob_offered_token(const struct upgrade_request *r, size_t *len)
{
    static const char *const schemes[] = {"Bearer", "Token"};
    const char *h = r->authorization;
    while (*h == ' ')
        h++;
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (strncasecmp(h, schemes[i], n) == 0 && (h[n] == ' ' || !h[n])) {
            h += n;
            break;
        }
    }
    while (*h == ' ' || *h == '\t')
        h++;
    size_t n = strlen(h);
    while (n && (h[n - 1] == ' ' || h[n - 1] == '\t'))
        n--;
    if (!n) {
        h = r->query_token;
        n = strlen(h);
    }
    *len = n;
    return h;
}

/* Compares digests, so that time tells neither content nor length. */
static bool ob_token_equal(const char *want, const char *got, size_t len)
{
    unsigned char a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)want, strlen(want), a);
    SHA256((const unsigned char *)got, len, b);
    return CRYPTO_memcmp(a, b, sizeof a) == 0;
}

static bool ob_decimal(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n && !s[n];
}

struct ob_admission ob_admit_check(const struct gateway_conf *conf, const struct upgrade_request *r)
{
    struct ob_admission a = {.status = 404, .role = OB_UNIVERSAL};
    if (!ob_path_served(conf->path, r->path, &a.role))
        return a;
    if (conf->token) {
        size_t len;
        const char *token = ob_offered_token(r, &len);
        a.status = !len ? 401 : ob_token_equal(conf->token, token, len) ? 101 : 403;
        if (a.status != 101)
            return a;
    }
    static const char *const roles[OB_ROLES] = {"universal", "api", "event"};
    if (*r->role) {
        int i = 0;
        while (i < OB_ROLES && strcasecmp(roles[i], r->role) != 0)
            i++;
        if (i == OB_ROLES) {
            a.status = 400;
            return a;
        }
        a.role = (enum ob_role)i;
    }
    /* some bridges send the account's name where others send its number: only a different number is refused */
    bool other = conf->self_id && ob_decimal(conf->self_id) && ob_decimal(r->self_id) &&
                 strcmp(conf->self_id, r->self_id) != 0;
    a.status = other ? 403 : 101;
    return a;
}

static void ob_admit_log(struct ob *g, const struct upgrade_request *r, int status)
{
    if (!log_gate_open(&g->admit_gate, ob_now(g), 60000))
        return;
    const char *why = status == 401   ? "no token"
                      : status == 403 ? "wrong token or account"
                                      : "unknown X-Client-Role";
    log_warn("connection refused", "gateway", g->base.name, "peer", r->peer, "agent", r->agent,
             "status", log_int(status), "reason", why, NULL);
}

int ob_admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts)
{
    struct ob *g = ud;
    struct ob_admission a = ob_admit_check(&g->conf, r);
    if (a.status != 101 || g->stopping) {
        if (a.status != 404)
            ob_admit_log(g, r, a.status);
        return g->stopping ? 404 : a.status;
    }
    g->admitted++;
    ob_conn_opts(g, &g->peers[a.role], opts);
    return 101;
}
