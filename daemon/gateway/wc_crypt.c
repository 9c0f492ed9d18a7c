/* wc_crypt.c -- the few things that media need of cryptography: opening what members sent (AES-256-CBC with the padding of the
 * platform), fingerprints. Owns nothing. Callers: wc_download.c, wc_media.c, wc_image.c. */
#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "gateway/wc_out.h"

enum { WC_KEY = 32, WC_BLOCK = 16 };

/* NULL, or what is wrong with it. */
static const char *wc_key(const char *aeskey, struct buf *key)
{
    size_t len = strlen(aeskey);
    bool shape = len == 43 || (len == 44 && aeskey[43] == '=' && aeskey[42] != '=');
    if (!shape || !base64_decode(key, aeskey, len) || key->len != WC_KEY)
        return "the key of the file is malformed";
    return NULL;
}

/* Takes the padding off: blocks of 32 bytes, although the cipher has 16. */
static bool wc_unpad(struct buf *out, size_t from)
{
    size_t len = out->len - from;
    unsigned char n = len ? (unsigned char)out->data[out->len - 1] : 0;
    if (!n || n > WC_PAD_MAX || n > len)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out->data[out->len - 1 - i] != n)
            return false;
    out->len -= n;
    return true;
}

static bool wc_cbc(const unsigned char *key, const char *data, size_t len, char *to)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok =
        ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key) &&
        EVP_CIPHER_CTX_set_padding(ctx, 0) &&
        EVP_DecryptUpdate(ctx, (unsigned char *)to, &n, (const unsigned char *)data, (int)len) &&
        EVP_DecryptFinal_ex(ctx, (unsigned char *)to + n, &last);
    EVP_CIPHER_CTX_free(ctx);
    return ok && (size_t)n + (size_t)last == len;
}

const char *wc_decrypt(const char *aeskey, const char *data, size_t len, struct buf *out)
{
    struct buf key = {0};
    size_t from = out->len;
    const char *why = wc_key(aeskey, &key);
    if (!why && (!len || len % WC_BLOCK || len > WC_DOWNLOAD_MAX))
        why = "the file is no whole number of cipher blocks";
    if (!why && !wc_cbc((unsigned char *)key.data, data, len, buf_reserve(out, len)))
        why = "the file cannot be decrypted";
    if (!why) {
        out->len += len;
        if (!wc_unpad(out, from))
            why = "the file does not end as it should: another key, or damaged";
    }
    if (why)
        out->len = from;
    if (key.data)
        explicit_bzero(key.data, key.cap);
    buf_free(&key);
    return why;
}

static int wc_hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t wc_percent(const char *s, size_t len, char *out)
{
    bool code = len >= 3 && *s == '%' && wc_hex_value(s[1]) >= 0 && wc_hex_value(s[2]) >= 0;
    *out = code ? (char)(wc_hex_value(s[1]) * 16 + wc_hex_value(s[2])) : *s;
    return code ? 3 : 1;
}

static void wc_hex(const unsigned char *digest, unsigned n, char *out)
{
    for (unsigned i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[2 * n] = '\0';
}

bool wc_fingerprint(const void *data, size_t len, struct wc_print *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    *out->md5 = '\0';
    if (EVP_Digest(data, len, digest, &n, EVP_md5(), NULL) && n == 16)
        wc_hex(digest, n, out->md5); /* else: the platform can do without */
    if (!EVP_Digest(data, len, digest, &n, EVP_sha256(), NULL) || n != 32)
        return false;
    wc_hex(digest, n, out->sha256);
    return true;
}
