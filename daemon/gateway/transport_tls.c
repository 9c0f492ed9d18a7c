/* transport_tls.c -- TLS between a socket and the frames, by OpenSSL over memory: what comes in is fed, what goes out is taken, so all
 * reading and writing stays in one place. (libwebsockets 4.1.6 starts TLS before TCP in its RAW role, and its own WebSocket role
 * reads byte by byte.) TLS 1.2 at least; name and chain are checked unless the gateway says tls_insecure; SNI is sent.
 * Owns: the contexts, one per set of files; a file that was renewed is read anew for the next connection. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/transport_internal.h"

enum { TLS_PIECE = 64 * 1024, TLS_FILES = 3 };

struct tls_context {
    struct tls_context *next;
    bool server, insecure;
    char *files[TLS_FILES]; /* ca, cert, key */
    struct timespec times[TLS_FILES];
    SSL_CTX *ctx;
};

struct conn_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct buf cipher;
    size_t cipher_at;
    char host[256];
};

/* ---- contexts ---- */

static int tls_no_password(char *buf, int size, int rwflag, void *ud)
{
    (void)rwflag, (void)ud;
    if (size > 0)
        *buf = '\0';
    return 0; /* else OpenSSL asks at the terminal */
}

static const char *tls_reason(void)
{
    unsigned long e = ERR_peek_last_error();
    const char *text = e ? ERR_reason_error_string(e) : NULL;
    return text ? text : "no further reason given";
}

static bool tls_load(SSL_CTX *ctx, const struct tls_context *c, const char **bad)
{
    const char *ca = c->files[0], *cert = c->files[1], *key = c->files[2];
    if (!c->server && !c->insecure &&
        (ca ? SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1
            : SSL_CTX_set_default_verify_paths(ctx) != 1)) {
        *bad = ca ? ca : "the system's certificates";
        return false;
    }
    if (cert && SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
        *bad = cert;
        return false;
    }
    if (key && (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
                SSL_CTX_check_private_key(ctx) != 1)) {
        *bad = key;
        return false;
    }
    return true;
}

static SSL_CTX *tls_make(const struct tls_context *c, struct buf *err)
{
    const char *bad = "the defaults";
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(c->server ? TLS_server_method() : TLS_client_method());
    if (ctx) {
        SSL_CTX_set_default_passwd_cb(ctx, tls_no_password);
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_verify(ctx, c->server || c->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    }
    if (ctx && tls_load(ctx, c, &bad))
        return ctx;
    buf_addf(err, "TLS cannot be set up with %s (%s)", bad, tls_reason());
    SSL_CTX_free(ctx);
    return NULL;
}

static bool tls_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Has a file changed since it was read? Notes the times. */
static bool tls_changed(struct tls_context *c)
{
    bool changed = false;
    for (int i = 0; i < TLS_FILES; i++) {
        struct stat st;
        if (!c->files[i] || stat(c->files[i], &st) != 0)
            continue;
        changed = changed || st.st_mtim.tv_sec != c->times[i].tv_sec ||
                  st.st_mtim.tv_nsec != c->times[i].tv_nsec;
        c->times[i] = st.st_mtim;
    }
    return changed;
}

static SSL_CTX *tls_current(struct tls_context *c, struct buf *err)
{
    if (!tls_changed(c) && c->ctx)
        return c->ctx;
    struct buf why = {0};
    SSL_CTX *ctx = tls_make(c, &why);
    if (ctx) {
        SSL_CTX_free(c->ctx);
        c->ctx = ctx;
    } else if (c->ctx) {
        log_error("renewed TLS files are not usable: the ones before stay", "reason",
                  buf_cstr(&why), NULL);
    } else {
        buf_adds(err, buf_cstr(&why));
    }
    buf_free(&why);
    return c->ctx;
}

static void tls_context_free(struct tls_context *c)
{
    for (int i = 0; i < TLS_FILES; i++)
        free(c->files[i]);
    SSL_CTX_free(c->ctx);
    free(c);
}

struct tls_context *tls_context_get(struct transport *t, bool server, const char *ca,
                                    const char *cert, const char *key, bool insecure,
                                    struct buf *err)
{
    for (struct tls_context *c = t->tls; c; c = c->next)
        if (c->server == server && c->insecure == insecure && tls_same(c->files[0], ca) &&
            tls_same(c->files[1], cert) && tls_same(c->files[2], key))
            return c;
    struct tls_context *c = MEM_NEW(struct tls_context);
    c->server = server;
    c->insecure = insecure;
    c->files[0] = mem_strdup(ca);
    c->files[1] = mem_strdup(cert);
    c->files[2] = mem_strdup(key);
    if (!tls_current(c, err)) {
        tls_context_free(c);
        return NULL;
    }
    c->next = t->tls;
    t->tls = c;
    return c;
}

void tls_contexts_free(struct transport *t)
{
    while (t->tls) {
        struct tls_context *next = t->tls->next;
        tls_context_free(t->tls);
        t->tls = next;
    }
}

/* ---- one connection ---- */

/* The name that the certificate must be for; an address is no name to ask for. */
static void tls_expect(struct conn_tls *s, bool insecure)
{
    unsigned char address[16];
    s->host[strcspn(s->host, "%")] = '\0';
    bool numeric =
        inet_pton(AF_INET, s->host, address) == 1 || inet_pton(AF_INET6, s->host, address) == 1;
    if (!numeric)
        SSL_set_tlsext_host_name(s->ssl, s->host);
    if (insecure)
        return;
    if (numeric)
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), s->host);
    else
        SSL_set1_host(s->ssl, s->host);
}

bool conn_tls_begin(struct conn *c, struct tls_context *context, const char *host)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    struct buf err = {0};
    SSL_CTX *ctx = tls_current(context, &err);
    buf_free(&err);
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    if (!ssl)
        return false;
    struct conn_tls *s = MEM_NEW(struct conn_tls);
    s->ssl = ssl;
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(s->in, -1);
    SSL_set_bio(ssl, s->in, s->out);
    c->tls = s;
    if (!host) {
        SSL_set_accept_state(ssl);
        return true;
    }
    snprintf(s->host, sizeof s->host, "%s", host);
    SSL_set_connect_state(ssl);
    SSL_set_alpn_protos(ssl, alpn, sizeof alpn - 1);
    tls_expect(s, context->insecure);
    return true;
}

void conn_tls_free(struct conn *c)
{
    if (!c->tls)
        return;
    SSL_free(c->tls->ssl);
    buf_free(&c->tls->cipher);
    free(c->tls);
    c->tls = NULL;
}

bool conn_tls_shaking(const struct conn *c)
{
    return c->tls && !SSL_is_init_finished(c->tls->ssl);
}

/* What the check of the peer's certificate found, in words that say what to do. */
static const char *tls_verdict(const struct conn_tls *s, struct buf *text)
{
    long v = SSL_get_verify_result(s->ssl);
    switch (v) {
    case X509_V_OK: return NULL;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        buf_addf(text, "the certificate is for another name than %s", s->host);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED: buf_adds(text, "the certificate has expired"); break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        buf_adds(text, "the certificate is not valid yet (is the clock right?)");
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        buf_adds(text, "the certificate is self-signed (tls_ca can name it)");
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        buf_adds(text, "the certificate is signed by an unknown CA (tls_ca can name it)");
        break;
    default: buf_addf(text, "the certificate is refused: %s", X509_verify_cert_error_string(v));
    }
    return buf_cstr(text);
}

static void tls_failed(struct conn *c)
{
    struct buf text = {0};
    if (!tls_verdict(c->tls, &text)) {
        unsigned long e = ERR_peek_error();
        int reason = ERR_GET_REASON(e);
        if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
            buf_adds(&text, "the peer does not speak TLS at that port");
        else if (reason == SSL_R_UNSUPPORTED_PROTOCOL ||
                 reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
            buf_adds(&text, "the peer speaks no TLS 1.2 or newer");
        else if (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)
            buf_adds(&text, "the peer wants a client certificate (tls_cert, tls_key)");
        else if (e && ERR_reason_error_string(e))
            buf_addf(&text, "TLS: %s", ERR_reason_error_string(e));
        else
            buf_adds(&text, "TLS failed");
    }
    conn_note_end(c, c->was_open ? CONN_END_CLOSED : CONN_END_TLS, 0, WSFRAME_ABNORMAL,
                  buf_cstr(&text), text.len);
    buf_free(&text);
}

/* Moves what OpenSSL wants to send into our buffer. */
static void tls_take(struct conn_tls *s)
{
    for (size_t n; (n = BIO_ctrl_pending(s->out)) > 0;) {
        char *to = buf_reserve(&s->cipher, n);
        int got = BIO_read(s->out, to, (int)n);
        if (got <= 0)
            return;
        s->cipher.len += (size_t)got;
    }
}

/* 1: all left. 0: the socket is full. -1: it is gone. */
static int tls_push(struct conn *c)
{
    struct conn_tls *s = c->tls;
    tls_take(s);
    while (s->cipher_at < s->cipher.len) {
        ssize_t n = conn_send(c, s->cipher.data + s->cipher_at, s->cipher.len - s->cipher_at);
        if (n <= 0)
            return (int)n;
        s->cipher_at += (size_t)n;
    }
    buf_reset(&s->cipher);
    s->cipher_at = 0;
    if (s->cipher.cap > 4 * TLS_PIECE)
        buf_free(&s->cipher);
    return 1;
}

int conn_tls_write(struct conn *c)
{
    struct conn_tls *s = c->tls;
    for (;;) {
        int rc = tls_push(c);
        if (rc <= 0 || c->out_at == c->out.len || !SSL_is_init_finished(s->ssl))
            return rc;
        size_t left = c->out.len - c->out_at;
        ERR_clear_error();
        int n =
            SSL_write(s->ssl, c->out.data + c->out_at, left < TLS_PIECE ? (int)left : TLS_PIECE);
        if (n <= 0)
            return -1;
        c->out_at += (size_t)n;
        c->written += (uint64_t)n;
    }
}

/* Shakes hands. 1: it is done. 0: more must come. -1: it failed, and the reason is noted. */
static int tls_shake(struct conn *c)
{
    struct conn_tls *s = c->tls;
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);
    int error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, rc);
    if (rc != 1 && error != SSL_ERROR_WANT_READ)
        tls_failed(c);
    tls_push(c); /* an alert, too, tells the peer why */
    return rc == 1 ? 1 : error == SSL_ERROR_WANT_READ ? 0 : -1;
}

int conn_tls_start(struct conn *c)
{
    return tls_shake(c) < 0 ? -1 : 0;
}

int conn_tls_rx(struct conn *c, const char *data, size_t len,
                int (*take)(struct conn *c, char *data, size_t len), int (*secure)(struct conn *c))
{
    static char plain[TLS_PIECE];
    struct conn_tls *s = c->tls;
    if (len && BIO_write(s->in, data, (int)len) != (int)len)
        return -1;
    if (!SSL_is_init_finished(s->ssl)) {
        int rc = tls_shake(c);
        if (rc <= 0)
            return rc;
        if (secure(c))
            return -1;
    }
    for (;;) {
        ERR_clear_error();
        int n = SSL_read(s->ssl, plain, sizeof plain);
        if (n > 0) {
            if (take(c, plain, (size_t)n) || c->state == CONN_DEAD)
                return -1;
            continue;
        }
        int error = SSL_get_error(s->ssl, n);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN)
            tls_failed(c);
        tls_push(c);
        return error == SSL_ERROR_WANT_READ ? 0 : -1;
    }
}
