/* settings_mirror.c -- see settings_mirror.h. A layer is one Redis hash. Who decides: the chat's layer, then those of its
 * tags in the order in which they are written, then the gateway's, then the global one. Callers: store/settings.c. */
#include "store/settings_mirror.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum { MIRROR_VALUE_MAX = 65536, MIRROR_LAYERS_MAX = 24 };
/* The kinds of settings.h, and the tags of chats, which have no layers. */
enum { KIND_TAGS = SETTINGS_KINDS, MIRROR_KINDS };

struct field {
    char *name;
    char *value; /* normalised, see settings.h; NULL: malformed */
    char *raw;   /* as written, to see whether it changed */
    UT_hash_handle hh;
};

struct layer {
    char *key;
    int kind;
    uint64_t pass;
    bool wrong; /* no hash; complained about */
    struct field *fields;
    UT_hash_handle hh;
};

struct mirror {
    struct layer *layers;
    unsigned count[MIRROR_KINDS]; /* layers of each kind: most lookups end at 0 */
    uint64_t pass, generation, routes_generation;
};

static const char *const mirror_roots[MIRROR_KINDS] = {
    [SETTINGS_TOGGLES] = "sopd:toggles",   [SETTINGS_PARAMS] = "sopd:params",
    [SETTINGS_PAUSED] = "sopd:paused",     [SETTINGS_STAFF] = "sopd:staff",
    [SETTINGS_VERSIONS] = "sopd:versions", [KIND_TAGS] = "sopd:chat-tags"};

/* The kind of a key, -1 if it is none of ours. */
static int mirror_kind(const char *key, size_t len)
{
    for (int i = 0; i < MIRROR_KINDS; i++) {
        size_t n = strlen(mirror_roots[i]);
        if (len < n || memcmp(key, mirror_roots[i], n) != 0)
            continue;
        if ((len == n && i != KIND_TAGS) || (len > n + 1 && key[n] == ':'))
            return i;
    }
    return -1;
}

bool mirror_wants(const char *key, size_t len)
{
    return mirror_kind(key, len) >= 0;
}

struct mirror *mirror_new(void)
{
    return MEM_NEW(struct mirror);
}

static void field_free_all(struct field **fields)
{
    struct field *f = *fields;
    HASH_CLEAR(hh, *fields); /* the table goes, the elements stay linked */
    while (f) {
        struct field *next = f->hh.next;
        free(f->name);
        free(f->value);
        free(f->raw);
        free(f);
        f = next;
    }
}

static struct layer *layer_new(struct mirror *m, const char *key, int kind)
{
    struct layer *l = MEM_NEW(struct layer);
    m->count[kind]++;
    l->key = mem_strdup(key);
    l->kind = kind;
    HASH_ADD_KEYPTR(hh, m->layers, l->key, strlen(l->key), l);
    return l;
}

static void layer_free(struct mirror *m, struct layer *l)
{
    HASH_DEL(m->layers, l);
    m->count[l->kind]--;
    field_free_all(&l->fields);
    free(l->key);
    free(l);
}

void mirror_free(struct mirror *m)
{
    struct layer *l, *next;
    HASH_ITER (hh, m->layers, l, next) {
        layer_free(m, l);
    }
    free(m);
}

uint64_t mirror_generation(const struct mirror *m)
{
    return m->generation;
}

uint64_t mirror_routes_generation(const struct mirror *m)
{
    return m->routes_generation;
}

static void mirror_changed(struct mirror *m, int kind)
{
    m->generation++;
    if (kind != SETTINGS_TOGGLES && kind != SETTINGS_PAUSED)
        m->routes_generation++;
}

void mirror_begin(struct mirror *m)
{
    m->pass++;
}

void mirror_sweep(struct mirror *m)
{
    struct layer *l, *next;
    HASH_ITER (hh, m->layers, l, next) {
        if (l->pass == m->pass)
            continue;
        mirror_changed(m, l->kind);
        layer_free(m, l);
    }
}

/* ---- values ---- */

/* "on" and "off", and what people write instead of them; NULL: malformed. */
static const char *mirror_parse_toggle(const char *s)
{
    static const char *const on[] = {"on", "1", "true", "yes", "开"};
    static const char *const off[] = {"off", "0", "false", "no", "关"};
    while (*s == ' ')
        s++;
    size_t n = strcspn(s, " \r\n");
    for (int i = 0; i < 5; i++) {
        if (strlen(on[i]) == n && strncasecmp(s, on[i], n) == 0)
            return "on";
        if (strlen(off[i]) == n && strncasecmp(s, off[i], n) == 0)
            return "off";
    }
    return NULL;
}

/* "a, b,c" as "a,b,c"; the full-width comma counts. */
static char *mirror_clean_tags(const char *s)
{
    struct buf out = {0};
    while (*s) {
        size_t n = strcspn(s, ",");
        const char *wide = strstr(s, "，");
        size_t skip = n + (s[n] == ',');
        if (wide && (size_t)(wide - s) < n) {
            n = (size_t)(wide - s);
            skip = n + strlen("，");
        }
        size_t from = 0, to = n;
        while (from < to && (s[from] == ' ' || s[from] == '\t'))
            from++;
        while (to > from && (s[to - 1] == ' ' || s[to - 1] == '\t'))
            to--;
        if (to > from) {
            if (out.len)
                buf_addc(&out, ',');
            buf_add(&out, s + from, to - from);
        }
        s += skip;
    }
    return buf_take(&out);
}

static void mirror_complain(const struct layer *l, const struct field *f, const char *msg,
                            const char *remedy)
{
    log_warn(msg, "key", l->key, "field", f->name, "value", f->raw, "remedy", remedy, NULL);
}

/* "yes", or the moment in ms until which it holds; NULL: malformed. */
static char *mirror_parse_pause(const char *s)
{
    const char *word = mirror_parse_toggle(s);
    if (word)
        return strcmp(word, "on") == 0 ? mem_strdup("yes") : NULL;
    size_t n = strspn(s, "0123456789");
    return n >= 12 && !s[n] ? mem_strdup(s) : NULL;
}

/* Fills f->value from f->raw. `quiet`: the same value was complained about before. */
static void mirror_read_value(const struct layer *l, struct field *f, bool quiet)
{
    if (l->kind == KIND_TAGS) {
        f->value = mirror_clean_tags(f->raw);
        return;
    }
    if (l->kind == SETTINGS_TOGGLES) {
        const char *word = mirror_parse_toggle(f->raw);
        f->value = word ? mem_strdup(word) : NULL;
        if (!word && !quiet)
            mirror_complain(l, f, "a toggle is neither on nor off; it is ignored",
                            "HSET KEY FLOW on, or off, or HDEL KEY FLOW");
        return;
    }
    if (l->kind == SETTINGS_PAUSED) {
        f->value = mirror_parse_pause(f->raw);
        if (!f->value && !quiet)
            mirror_complain(l, f, "a pause is neither yes nor a time; it is ignored",
                            "HSET KEY FLOW yes, or HDEL KEY FLOW");
        return;
    }
    f->value = mem_strdup(f->raw);
    if (l->kind != SETTINGS_PARAMS)
        return;
    const char *dot = strchr(f->name, '.');
    if (!quiet && (!dot || dot == f->name || !dot[1]))
        mirror_complain(l, f, "a parameter has a name that no flow can have; it is ignored",
                        "name the field flow.parameter: HSET KEY checkin.days 28");
}

static struct field *field_find(const struct layer *l, const char *name)
{
    struct field *f = NULL;
    if (l)
        HASH_FIND_STR(l->fields, name, f);
    return f;
}

static struct field *mirror_read_fields(const struct layer *old, struct layer *l, size_t n,
                                        const char *const *words, const size_t *lens, bool *same)
{
    l->fields = NULL;
    *same = n / 2 == HASH_COUNT(old->fields);
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (lens[i] > MIRROR_VALUE_MAX || lens[i + 1] > MIRROR_VALUE_MAX)
            continue;
        struct field *f = MEM_NEW(struct field);
        f->name = mem_strndup(words[i], lens[i]);
        f->raw = mem_strndup(words[i + 1], lens[i + 1]);
        if (field_find(l, f->name)) { /* cannot be, but two of a name would not be freed */
            free(f->name);
            free(f->raw);
            free(f);
            continue;
        }
        const struct field *before = field_find(old, f->name);
        bool equal = before && strcmp(before->raw, f->raw) == 0;
        *same &= equal;
        mirror_read_value(l, f, equal);
        HASH_ADD_KEYPTR(hh, l->fields, f->name, strlen(f->name), f);
    }
    return l->fields;
}

void mirror_set(struct mirror *m, const char *key, size_t n, const char *const *words,
                const size_t *lens)
{
    struct layer *l;
    int kind = mirror_kind(key, strlen(key));
    if (kind < 0)
        return;
    HASH_FIND_STR(m->layers, key, l);
    if (n == 0) {
        if (l) {
            layer_free(m, l);
            mirror_changed(m, kind);
        }
        return;
    }
    if (!l)
        l = layer_new(m, key, kind);
    l->pass = m->pass;
    l->wrong = false;
    struct layer fresh = {.key = l->key, .kind = l->kind};
    bool same;
    struct field *fields = mirror_read_fields(l, &fresh, n, words, lens, &same);
    if (!same)
        mirror_changed(m, kind);
    struct field *old = l->fields;
    l->fields = fields;
    field_free_all(&old);
}

bool mirror_set_wrong(struct mirror *m, const char *key)
{
    struct layer *l;
    int kind = mirror_kind(key, strlen(key));
    if (kind < 0)
        return false;
    HASH_FIND_STR(m->layers, key, l);
    if (!l)
        l = layer_new(m, key, kind);
    else if (l->fields)
        mirror_changed(m, kind);
    field_free_all(&l->fields);
    bool first = !l->wrong;
    l->wrong = true;
    l->pass = m->pass;
    return first;
}

/* ---- who decides ---- */

static const struct layer *mirror_layer(const struct mirror *m, int kind, const char *scope,
                                        const char *a, size_t a_len, const char *b)
{
    static struct buf key;
    buf_reset(&key);
    buf_adds(&key, mirror_roots[kind]);
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
    if (!m->count[KIND_TAGS])
        return "";
    const struct field *f =
        field_find(mirror_layer(m, KIND_TAGS, NULL, gw, strlen(gw), NULL), chat);
    return f ? f->value : "";
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
    for (const char *p = at->tags ? at->tags : ""; *p && n < MIRROR_LAYERS_MAX - 2;) {
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
    const struct layer *layers[MIRROR_LAYERS_MAX];
    int n = mirror_layers(m, kind, at, layers);
    for (int i = 0; i < n; i++) {
        const struct field *f = field_find(layers[i], field);
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
    const struct layer *layers[MIRROR_LAYERS_MAX];
    int n = mirror_layers(m, kind, at, layers);
    while (--n >= 0) {
        const struct field *f = field ? field_find(layers[n], field) : layers[n]->fields;
        for (; f; f = field ? NULL : f->hh.next)
            if (f->value)
                fn(ud, &(struct settings_value){layers[n]->key, f->name, f->value});
    }
}

bool mirror_is_special(const struct mirror *m, const char *gw, const char *chat)
{
    static const int kinds[] = {SETTINGS_PARAMS, SETTINGS_STAFF, SETTINGS_VERSIONS};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (m->count[kinds[i]] && mirror_layer(m, kinds[i], "chat", gw, strlen(gw), chat))
            return true;
    return false;
}
