/* wc_vault.c -- where the pictures and files are that members sent. The platform gives an address (a signed one: whoever has it can read
 * the file) and a key, both good for five minutes. Neither may lie in Redis, a journal or a log, and after a restart they would be dead
 * anyhow: so they are kept here, the newest WC_MEDIA_MAX of a bot, wiped when their place is taken or the gateway ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/wc.h"

static const char wc_media_prefix[] = "wecom:";

struct wc_kept {
    uint64_t id; /* 0: empty */
    char *url, *aeskey;
    int64_t until_ms;
};
struct wc_vault {
    struct wc_kept kept[WC_MEDIA_MAX];
    unsigned at;
};

static void wc_wipe(char **s)
{
    if (*s)
        explicit_bzero(*s, strlen(*s));
    free(*s);
    *s = NULL;
}

static void wc_kept_clear(struct wc_kept *k)
{
    wc_wipe(&k->url);
    wc_wipe(&k->aeskey);
    k->id = 0;
}

void wc_vault_put(struct wc *g, const char *url, const char *aeskey, char *id)
{
    if (!g->vault)
        g->vault = MEM_NEW(struct wc_vault);
    int64_t now = clock_wall(g->env.clock);
    for (int i = 0; i < WC_MEDIA_MAX; i++)
        if (g->vault->kept[i].id && g->vault->kept[i].until_ms <= now)
            wc_kept_clear(&g->vault->kept[i]);
    struct wc_kept *k = &g->vault->kept[g->vault->at++ % WC_MEDIA_MAX];
    wc_kept_clear(k);
    k->id = rng_next(&g->rng) | 1;
    k->url = mem_strdup(url);
    k->aeskey = mem_strdup(aeskey);
    k->until_ms = now + WC_MEDIA_MS;
    char hex[17];
    buf_hex64(hex, k->id);
    snprintf(id, WC_MEDIA_ID, "%s%s", wc_media_prefix, hex);
}

bool wc_vault_get(struct wc *g, const char *id, struct wc_media *out)
{
    size_t n = sizeof wc_media_prefix - 1;
    char hex[17];
    for (int i = 0; g->vault && strncmp(id, wc_media_prefix, n) == 0 && i < WC_MEDIA_MAX; i++) {
        const struct wc_kept *k = &g->vault->kept[i];
        buf_hex64(hex, k->id);
        if (!k->id || strcmp(id + n, hex) != 0)
            continue;
        *out = (struct wc_media){k->url, k->aeskey, k->until_ms};
        return true;
    }
    return false;
}

void wc_vault_free(struct wc *g)
{
    for (int i = 0; g->vault && i < WC_MEDIA_MAX; i++)
        wc_kept_clear(&g->vault->kept[i]);
    free(g->vault);
    g->vault = NULL;
}
