/* optout.c -- who asked not to be @-ed and not to be written to: a mirror of the set `optout` in memory.
 * Of a member who was forgotten only a veil stays, a keyed hash of the id: enough to go on obeying, not enough to read who it was.
 * Callers: gw.c reads the set, turns ask and change it, forget_entry.c puts veils on. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "store/scrub.h"

static const char optout_mark[] = "hmac:";

static bool optout_find(const struct gw *gw, const char *user)
{
    const struct optout *o;
    HASH_FIND_STR(gw->optout, user, o);
    return o != NULL;
}

void optout_set(struct gw *gw, const char *user, bool out)
{
    struct optout *o;
    HASH_FIND_STR(gw->optout, user, o);
    bool veil = strncmp(user, optout_mark, sizeof optout_mark - 1) == 0;
    if (out && !o) {
        o = MEM_NEW(struct optout);
        o->user = mem_strdup(user);
        HASH_ADD_KEYPTR(hh, gw->optout, o->user, strlen(o->user), o);
        gw->veils += veil;
    } else if (!out && o) {
        gw->veils -= veil;
        HASH_DEL(gw->optout, o);
        free(o->user);
        free(o);
    }
}

void optout_key(struct gw *gw, const char *secret)
{
    free(gw->optout_key);
    gw->optout_key = mem_strdup(secret);
}

/* The secret is made when it is needed first; only the owner of the gateway makes it. */
static void optout_make_key(struct gw *gw)
{
    struct buf key = {0};
    unsigned char bytes[16];
    char secret[33];
    RAND_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
    optout_key(gw, secret);
    gw_key(gw, &key, "optout-key");
    redis_command(gw->e->redis, NULL, NULL, 3, (const char *[]){"SET", buf_cstr(&key), secret},
                  NULL);
    buf_free(&key);
}

void optout_veil(struct gw *gw, const char *user, struct buf *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!gw->optout_key)
        optout_make_key(gw);
    HMAC(EVP_sha256(), gw->optout_key, (int)strlen(gw->optout_key), (const unsigned char *)user,
         strlen(user), digest, &len);
    buf_adds(out, optout_mark);
    for (int i = 0; i < 16; i++)
        buf_addf(out, "%02x", digest[i]);
    buf_cstr(out);
}

bool optout_has(struct gw *gw, const char *user)
{
    static struct buf veil;
    if (strcmp(user, SCRUB_NOBODY) == 0 || optout_find(gw, user))
        return true; /* who was forgotten is spoken to by nobody */
    if (!gw->veils)
        return false;
    buf_reset(&veil);
    optout_veil(gw, user, &veil);
    return optout_find(gw, veil.data);
}
