/* test_ws_tls.c -- wss in both roles, with certificates made here: verified by default, a custom CA, the explicit way
 * without any check, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "base/mem.h"
#include "gateway/transport.h"
#include "ws_end.h"

static char dir[] = "/tmp/sopd-tls-XXXXXX";
static char cert_path[64], key_path[64], other_path[64];

/* A self-signed certificate for localhost, which is its own CA. */
static void make_certificate(const char *cert, const char *key)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_set_version(x, 2);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, pkey);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_subject_alt_name, "DNS:localhost"},
                      {NID_basic_constraints, "critical,CA:TRUE"}};
    for (int i = 0; i < 2; i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_sign(x, pkey, EVP_sha256());
    FILE *f = fopen(cert, "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = fopen(key, "w");
    PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(pkey);
}

struct world {
    uv_loop_t loop;
    struct transport *t;
    struct listener *l;
    struct conn *client, *server;
    int opened, ended, messages;
    struct conn_end_info end;
    char end_reason[200], last[64];
};

static void say(struct conn *c, const char *text)
{
    size_t start;
    buf_adds(conn_begin(c, &start), text);
    conn_end(c, start);
}

static void client_open(void *ud, struct conn *c)
{
    struct world *w = ud;
    w->client = c;
    w->opened++;
    say(c, "hello");
}
static void client_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    struct world *w = ud;
    (void)c;
    (void)binary;
    w->messages++;
    snprintf(w->last, sizeof w->last, "%.*s", (int)len, data);
}
static void alive(void *ud, struct conn *c)
{
    (void)ud;
    (void)c;
}
static void client_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    struct world *w = ud;
    (void)c;
    w->client = NULL;
    w->ended++;
    w->end = *info;
    snprintf(w->end_reason, sizeof w->end_reason, "%s", info->reason);
}
static void server_open(void *ud, struct conn *c)
{
    ((struct world *)ud)->server = c;
}
static void server_message(void *ud, struct conn *c, char *data, size_t len, bool binary)
{
    (void)ud;
    (void)binary;
    char text[64];
    snprintf(text, sizeof text, "%.*s too", (int)len, data);
    say(c, text);
}
static void server_end(void *ud, struct conn *c, const struct conn_end_info *info)
{
    (void)c;
    (void)info;
    ((struct world *)ud)->server = NULL;
}
static const struct conn_handler client = {client_open, client_message, alive, client_end};
static const struct conn_handler server = {server_open, server_message, alive, server_end};

static int refuse; /* HTTP status for upgrades, 0 = accept */

static int admit(void *ud, const struct upgrade_request *r, struct conn_opts *opts)
{
    (void)r;
    *opts = (struct conn_opts){
        .handler = &server, .ud = ud, .max_message = 1 << 20, .max_queue = 1 << 20};
    return refuse ? refuse : 101;
}

static struct world *world_new(void)
{
    struct world *w = MEM_NEW(struct world);
    struct buf err = {0};
    uv_loop_init(&w->loop);
    w->t = transport_create(&w->loop, 0, &err);
    assert_non_null(w->t);
    struct listen_opts lo = {
        .address = "127.0.0.1:0", .cert = cert_path, .key = key_path, .admit = admit, .ud = w};
    w->l = transport_listen(w->t, &lo, &err);
    if (!w->l)
        fail_msg("listen: %s", buf_cstr(&err));
    buf_free(&err);
    return w;
}

static void world_free(struct world *w)
{
    ws_end(&w->loop, w->l, w->t);
    free(w);
}

static void dial(struct world *w, const char *host, const char *ca, bool insecure)
{
    char url[64];
    struct buf err = {0};
    snprintf(url, sizeof url, "wss://%s:%d/", host, listener_port(w->l));
    struct conn_target target = {.url = url, .ca = ca, .insecure = insecure, .timeout_ms = 3000};
    struct conn_opts opts = {
        .handler = &client, .ud = w, .max_message = 1 << 20, .max_queue = 1 << 20};
    if (!conn_connect(w->t, &target, &opts, &err))
        fail_msg("connect: %s", buf_cstr(&err));
    buf_free(&err);
}

static void until(struct world *w, const int *n, int want)
{
    uint64_t end = uv_hrtime() + 8000000000u;
    while (*n < want && uv_hrtime() < end)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    if (*n < want)
        fail_msg("nothing happened (%s)", w->end_reason);
}

static void test_custom_ca(void **state)
{
    (void)state;
    struct world *w = world_new();
    dial(w, "localhost", cert_path, false);
    until(w, &w->messages, 1);
    assert_string_equal(w->last, "hello too");
    conn_close(w->client, 1000, "");
    until(w, &w->ended, 1);
    world_free(w);
}

static void test_insecure_must_be_said(void **state)
{
    (void)state;
    struct world *w = world_new();
    dial(w, "127.0.0.1", NULL, true);
    until(w, &w->messages, 1);
    world_free(w);
}

static void refused(const char *host, const char *ca)
{
    struct world *w = world_new();
    dial(w, host, ca, false);
    until(w, &w->ended, 1);
    assert_int_equal(w->end.kind, CONN_END_TLS);
    assert_int_equal(w->opened, 0);
    assert_string_not_equal(w->end_reason, "");
    world_free(w);
}

static void test_unknown_ca_is_refused(void **state)
{
    (void)state;
    refused("localhost", NULL);
    refused("localhost", other_path);
}

static void test_wrong_name_is_refused(void **state)
{
    (void)state;
    refused("127.0.0.1", cert_path);
}

static void test_plain_client_gets_nothing(void **state)
{
    (void)state;
    struct world *w = world_new();
    char url[64];
    struct buf err = {0};
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", listener_port(w->l));
    struct conn_target target = {.url = url, .timeout_ms = 1500};
    struct conn_opts opts = {
        .handler = &client, .ud = w, .max_message = 1 << 20, .max_queue = 1 << 20};
    assert_non_null(conn_connect(w->t, &target, &opts, &err));
    until(w, &w->ended, 1);
    assert_int_equal(w->opened, 0);
    buf_free(&err);
    world_free(w);
}

static struct listener *listen_with(struct world *w, const char *cert, struct buf *err)
{
    struct listen_opts lo = {
        .address = "localhost:0", .cert = cert, .key = key_path, .admit = admit, .ud = w};
    buf_reset(err);
    return transport_listen(w->t, &lo, err);
}

static void test_files_are_named_in_errors(void **state)
{
    (void)state;
    struct world *w = MEM_NEW(struct world);
    struct buf err = {0};
    uv_loop_init(&w->loop);
    w->t = transport_create(&w->loop, 0, &err);
    assert_null(listen_with(w, "/nonexistent.pem", &err));
    assert_non_null(strstr(buf_cstr(&err), "/nonexistent.pem"));
    w->l = listen_with(w, cert_path, &err);
    assert_non_null(w->l);
    assert_null(listen_with(w, other_path, &err)); /* one certificate for all */
    assert_int_not_equal(err.len, 0);
    buf_free(&err);
    world_free(w);
}

static void test_refusal_over_tls(void **state)
{
    (void)state;
    struct world *w = world_new();
    refuse = 403;
    dial(w, "localhost", cert_path, false);
    until(w, &w->ended, 1);
    refuse = 0;
    assert_int_equal(w->end.kind, CONN_END_HTTP);
    assert_int_equal(w->end.status, 403);
    world_free(w);
}

static int setup(void **state)
{
    (void)state;
    log_init();
    log_set_level(getenv("TEST_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    if (!mkdtemp(dir))
        return -1;
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", dir);
    snprintf(key_path, sizeof key_path, "%s/key.pem", dir);
    snprintf(other_path, sizeof other_path, "%s/other.pem", dir);
    make_certificate(other_path, key_path);
    make_certificate(cert_path, key_path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(cert_path);
    unlink(key_path);
    unlink(other_path);
    rmdir(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_custom_ca),
        cmocka_unit_test(test_insecure_must_be_said),
        cmocka_unit_test(test_unknown_ca_is_refused),
        cmocka_unit_test(test_wrong_name_is_refused),
        cmocka_unit_test(test_plain_client_gets_nothing),
        cmocka_unit_test(test_files_are_named_in_errors),
        cmocka_unit_test(test_refusal_over_tls),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, setup, teardown);
}
