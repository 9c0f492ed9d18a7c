/* What members send to a WeCom bot: keys, padding, file names (wecom 59-61). */
#include "wecom_out_world.h"

#include <openssl/evp.h>

static const unsigned char key[32] = "0123456789abcdefghijklmnopqrstu";
static char key44[64], key43[64];

/* Encrypts what stands there, padding included. */
static void seal(struct buf *out, const char *data, size_t len)
{
    int n = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    buf_reset(out);
    EVP_EncryptUpdate(ctx, (unsigned char *)buf_reserve(out, len + 16), &n,
                      (const unsigned char *)data, (int)len);
    out->len = (size_t)n;
    EVP_CIPHER_CTX_free(ctx);
}

static struct buf sealed, opened;

/* `pad` bytes of value `value` behind so many of content. */
static const char *padded(size_t content, size_t pad, char value)
{
    char data[256];
    memset(data, 'x', sizeof data);
    memset(data + content, value, pad);
    seal(&sealed, data, content + pad);
    buf_reset(&opened);
    return wc_decrypt(key44, sealed.data, sealed.len, &opened);
}

/* wecom 60 */
static void padding(void **state)
{
    (void)state;
    static const unsigned char good[] = {1, 16, 17, 32};
    for (int i = 0; i < 4; i++) {
        size_t content = 64 - good[i];
        assert_null(padded(content, good[i], (char)good[i]));
        assert_int_equal(opened.len, content);
        assert_memory_equal(opened.data, "xxxxx", 5);
    }
    assert_null(padded(0, 32, 32)); /* an empty file */
    assert_int_equal(opened.len, 0);
    assert_non_null(padded(48, 16, 0));
    assert_non_null(padded(31, 33, 33));
    assert_non_null(padded(48, 16, 20)); /* 16 of the 20 are there */
    assert_non_null(padded(0, 16, 20));  /* longer than the file */
    assert_int_equal(opened.len, 0);
    assert_null(padded(48, 16, 16));
    assert_non_null(wc_decrypt(key44, sealed.data, sealed.len - 1, &opened));
    assert_non_null(wc_decrypt(key44, sealed.data, 0, &opened));
}

/* wecom 59 */
static void keys(void **state)
{
    (void)state;
    char bad[160];
    assert_null(padded(48, 16, 16));
    buf_reset(&opened);
    assert_null(wc_decrypt(key43, sealed.data, sealed.len, &opened));
    snprintf(bad, sizeof bad, "%.42s", key43);
    assert_non_null(wc_decrypt(bad, sealed.data, sealed.len, &opened));
    snprintf(bad, sizeof bad, "%s=", key44); /* 45 */
    assert_non_null(wc_decrypt(bad, sealed.data, sealed.len, &opened));
    snprintf(bad, sizeof bad, "%.42s==", key43); /* 44, but 31 bytes */
    assert_non_null(wc_decrypt(bad, sealed.data, sealed.len, &opened));
    snprintf(bad, sizeof bad, "%.42s!", key43);
    assert_non_null(wc_decrypt(bad, sealed.data, sealed.len, &opened));
    assert_non_null(wc_decrypt("", sealed.data, sealed.len, &opened));
    snprintf(bad, sizeof bad, "A%s", key43 + 1); /* another key: the end is wrong */
    assert_non_null(wc_decrypt(bad, sealed.data, sealed.len, &opened));
}

static void name(const char *disposition, const char *want)
{
    char out[256];
    wc_file_name(disposition, out, sizeof out);
    assert_string_equal(out, want);
}

/* wecom 61 */
static void file_names(void **state)
{
    (void)state;
    name("attachment; filename=\"a.pdf\"; filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf", "报告.pdf");
    name("attachment; filename*=utf-8'zh'%E6%8A%A5.pdf; filename=\"a.pdf\"", "报.pdf");
    name("attachment; filename=\"%E6%8A%A5%E5%91%8A.pdf\"", "报告.pdf");
    name("attachment; filename=plain.txt", "plain.txt");
    name("attachment; FileName = \"100%.txt\"", "100%.txt");
    name("attachment; filename=\"../../etc/passwd\"", "passwd");
    name("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fshadow", "shadow");
    name("attachment; filename=\"C:\\\\temp\\\\x.doc\"", "x.doc");
    name("attachment; filename=\"..\"", "");
    name("attachment; filename=\"a%00%0ab.txt\"", "a b.txt");
    name("attachment", "");
    name("", "");
    name("attachment; filename*=", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(padding), cmocka_unit_test(keys),
                                       cmocka_unit_test(file_names)};
    EVP_EncodeBlock((unsigned char *)key44, key, 32);
    snprintf(key43, sizeof key43, "%.43s", key44);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&sealed);
    buf_free(&opened);
    return failed;
}
