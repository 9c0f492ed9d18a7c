/* settings_find.c -- looking into the mirror (settings_mirror.h): which layers apply to a chat, and who decides: the chat's layer, then those
 * of its tags in the order in which they are written, then the gateway's, then the global one. Callers: store/settings.c. */
#include <string.h>

#include "base/buf.h"
#include "store/settings_layers.h"
#include "store/settings_value.h"

enum { FIND_LAYERS_MAX = 24 };

static const struct layer *mirror_layer(const struct mirror *m, int kind, const char *scope,
                                        const char *a, size_t a_len, const char *b)
{
    static struct buf key;
    buf_reset(&key);
    buf_adds(&key, settings_root(kind));
    if (scope) {
        buf_addc(&key, ':');
        buf_adds(&key, scope);
    }
    if (a) {
        buf_addc(&key, ':');
        buf_add_key_n(&key, a, a_len);
    }
    if (b) {
        buf_addc(&key, ':');
        buf_add_key(&key, b);
    }
    struct layer *l;
    HASH_FIND(hh, m->layers, key.data, key.len, l);
    return l;
}

const char *mirror_tags(const struct mirror *m, const char *gw, const char *chat)
{
    if (!m->count[SETTINGS_TAGS])
        return "";
    const struct field *f =
        field_find(mirror_layer(m, SETTINGS_TAGS, NULL, gw, strlen(gw), NULL), chat, strlen(chat));
    return f && f->value ? f->value : "";
}

/* The layers that may decide for a chat, strongest first; returns how many. */
static int mirror_layers(const struct mirror *m, int kind, const struct settings_place *at,
                         const struct layer **out)
{
    int n = 0;
    if (!m->count[kind])
        return 0;
    size_t gw_len = strlen(at->gw);
    const struct layer *l =
        at->chat ? mirror_layer(m, kind, "chat", at->gw, gw_len, at->chat) : NULL;
    if (l)
        out[n++] = l;
    l = at->home && kind != SETTINGS_STAFF ? mirror_layer(m, kind, "chat", at->gw, gw_len, at->home)
                                           : NULL;
    if (l)
        out[n++] = l;
    for (const char *p = at->tags ? at->tags : ""; *p && n < FIND_LAYERS_MAX - 2;) {
        size_t len = strcspn(p, ",");
        l = mirror_layer(m, kind, "tag", p, len, NULL);
        if (l)
            out[n++] = l;
        p += len + (p[len] == ',');
    }
    l = mirror_layer(m, kind, "gw", at->gw, gw_len, NULL);
    if (l)
        out[n++] = l;
    l = mirror_layer(m, kind, NULL, NULL, 0, NULL);
    if (l)
        out[n++] = l;
    return n;
}

bool mirror_find(const struct mirror *m, enum settings_kind kind, const struct settings_place *at,
                 const char *field, struct settings_value *out)
{
    const struct layer *layers[FIND_LAYERS_MAX];
    int n = mirror_layers(m, kind, at, layers);
    size_t len = n ? strlen(field) : 0;
    for (int i = 0; i < n; i++) {
        const struct field *f = field_find(layers[i], field, len);
        if (!f || !f->value)
            continue;
        *out = (struct settings_value){layers[i]->key, f->name, f->value};
        return true;
    }
    return false;
}

void mirror_each(const struct mirror *m, enum settings_kind kind, const struct settings_place *at,
                 const char *field, void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    const struct layer *layers[FIND_LAYERS_MAX];
    int n = mirror_layers(m, kind, at, layers);
    while (--n >= 0) {
        const struct field *f =
            field ? field_find(layers[n], field, strlen(field)) : layers[n]->fields;
        for (; f; f = field ? NULL : f->hh.next)
            if (f->value)
                fn(ud, &(struct settings_value){layers[n]->key, f->name, f->value});
    }
}

void mirror_everywhere(const struct mirror *m, int kind, const char *field,
                       void (*fn)(void *ud, const struct settings_value *v), void *ud)
{
    if (!m->count[kind])
        return;
    for (const struct layer *l = m->layers; l; l = l->hh.next) {
        if (l->kind != kind)
            continue;
        const struct field *f = field ? field_find(l, field, strlen(field)) : l->fields;
        for (; f; f = field ? NULL : f->hh.next)
            if (f->value)
                fn(ud, &(struct settings_value){l->key, f->name, f->value});
    }
}
