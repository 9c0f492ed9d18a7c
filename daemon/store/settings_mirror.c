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
enum layer_kind { LAYER_TOGGLES, LAYER_PARAMS, LAYER_TAGS };

struct field {
    char *name;
    char *value; /* TOGGLES: "on", "off", "" malformed; TAGS: tags with plain commas */
    char *raw;   /* as written, to see whether it changed */
    UT_hash_handle hh;
};

struct layer {
    char *key;
    enum layer_kind kind;
    uint64_t pass;
    bool wrong; /* no hash; complained about */
    struct field *fields;
    UT_hash_handle hh;
};

struct mirror {
    struct layer *layers;
    uint64_t pass, generation;
};

static const char *const layer_roots[] = {"sopd:toggles", "sopd:params", "sopd:chat-tags"};

/* The kind of a key, -1 if it is none of ours. */
static int mirror_kind(const char *key, size_t len)
{
    for (int i = LAYER_TOGGLES; i <= LAYER_TAGS; i++) {
        size_t n = strlen(layer_roots[i]);
        if (len < n || memcmp(key, layer_roots[i], n) != 0)
            continue;
        if ((len == n && i != LAYER_TAGS) || (len > n + 1 && key[n] == ':'))
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

static struct layer *layer_new(struct mirror *m, const char *key, enum layer_kind kind)
{
    struct layer *l = MEM_NEW(struct layer);
    l->key = mem_strdup(key);
    l->kind = kind;
    HASH_ADD_KEYPTR(hh, m->layers, l->key, strlen(l->key), l);
    return l;
}

static void layer_free(struct mirror *m, struct layer *l)
{
    HASH_DEL(m->layers, l);
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
        layer_free(m, l);
        m->generation++;
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

/* Fills f->value from f->raw. `quiet`: the same value was complained about before. */
static void mirror_read_value(const struct layer *l, struct field *f, bool quiet)
{
    if (l->kind == LAYER_TAGS) {
        f->value = mirror_clean_tags(f->raw);
        return;
    }
    if (l->kind == LAYER_PARAMS) {
        const char *dot = strchr(f->name, '.');
        f->value = mem_strdup(f->raw);
        if (!quiet && (!dot || dot == f->name || !dot[1]))
            mirror_complain(l, f, "a parameter has a name that no flow can have; it is ignored",
                            "name the field flow.parameter: HSET KEY checkin.days 28");
        return;
    }
    const char *word = mirror_parse_toggle(f->raw);
    f->value = mem_strdup(word ? word : "");
    if (!word && !quiet)
        mirror_complain(l, f, "a toggle is neither on nor off; it is ignored",
                        "HSET KEY FLOW on, or off, or HDEL KEY FLOW");
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
            m->generation++;
        }
        return;
    }
    if (!l)
        l = layer_new(m, key, (enum layer_kind)kind);
    l->pass = m->pass;
    l->wrong = false;
    struct layer fresh = {.key = l->key, .kind = l->kind};
    bool same;
    struct field *fields = mirror_read_fields(l, &fresh, n, words, lens, &same);
    if (!same)
        m->generation++;
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
        l = layer_new(m, key, (enum layer_kind)kind);
    else if (l->fields)
        m->generation++;
    field_free_all(&l->fields);
    bool first = !l->wrong;
    l->wrong = true;
    l->pass = m->pass;
    return first;
}

/* ---- who decides ---- */

static const struct layer *mirror_layer(const struct mirror *m, enum layer_kind kind,
                                        const char *scope, const char *a, const char *b)
{
    struct buf key = {0};
    buf_adds(&key, layer_roots[kind]);
    if (scope) {
        buf_addc(&key, ':');
        buf_adds(&key, scope);
    }
    if (a) {
        buf_addc(&key, ':');
        buf_add_key(&key, a);
    }
    if (b) {
        buf_addc(&key, ':');
        buf_add_key(&key, b);
    }
    struct layer *l;
    HASH_FIND(hh, m->layers, key.data, key.len, l);
    buf_free(&key);
    return l;
}

const char *mirror_tags(const struct mirror *m, const char *gw, const char *chat)
{
    const struct field *f = field_find(mirror_layer(m, LAYER_TAGS, NULL, gw, NULL), chat);
    return f ? f->value : "";
}

/* The layers that may decide for a chat, strongest first; returns how many. */
static int mirror_layers(const struct mirror *m, enum layer_kind kind, const char *gw,
                         const char *chat, const struct layer **out)
{
    int n = 0;
    const struct layer *l = chat ? mirror_layer(m, kind, "chat", gw, chat) : NULL;
    if (l)
        out[n++] = l;
    for (const char *p = chat ? mirror_tags(m, gw, chat) : ""; *p && n < MIRROR_LAYERS_MAX - 2;) {
        size_t len = strcspn(p, ",");
        char *tag = mem_strndup(p, len);
        l = mirror_layer(m, kind, "tag", tag, NULL);
        if (l)
            out[n++] = l;
        free(tag);
        p += len + (p[len] == ',');
    }
    l = mirror_layer(m, kind, "gw", gw, NULL);
    if (l)
        out[n++] = l;
    l = mirror_layer(m, kind, NULL, NULL, NULL);
    if (l)
        out[n++] = l;
    return n;
}

enum toggle mirror_toggle(const struct mirror *m, const char *gw, const char *chat,
                          const char *flow)
{
    const struct layer *layers[MIRROR_LAYERS_MAX];
    int n = mirror_layers(m, LAYER_TOGGLES, gw, chat, layers);
    for (int i = 0; i < n; i++) {
        const struct field *f = field_find(layers[i], flow);
        if (f && *f->value)
            return f->value[1] == 'n' ? TOGGLE_ON : TOGGLE_OFF;
    }
    return TOGGLE_UNSET;
}

const char *mirror_param(const struct mirror *m, const char *gw, const char *chat, const char *flow,
                         const char *param)
{
    const struct layer *layers[MIRROR_LAYERS_MAX];
    int n = mirror_layers(m, LAYER_PARAMS, gw, chat, layers);
    struct buf name = {0};
    buf_addf(&name, "%s.%s", flow, param);
    const struct field *f = NULL;
    for (int i = 0; i < n && !f; i++)
        f = field_find(layers[i], buf_cstr(&name));
    buf_free(&name);
    return f ? f->value : NULL;
}

void mirror_each_param(const struct mirror *m, const char *gw, const char *chat, const char *flow,
                       void (*fn)(void *ud, const char *param, const char *value), void *ud)
{
    const struct layer *layers[MIRROR_LAYERS_MAX];
    int n = mirror_layers(m, LAYER_PARAMS, gw, chat, layers);
    size_t len = strlen(flow);
    while (--n >= 0) {
        for (struct field *f = layers[n]->fields; f; f = f->hh.next) {
            if (strncmp(f->name, flow, len) == 0 && f->name[len] == '.' && f->name[len + 1])
                fn(ud, f->name + len + 1, f->value);
        }
    }
}

bool mirror_is_special(const struct mirror *m, const char *gw, const char *chat)
{
    return mirror_layer(m, LAYER_TOGGLES, "chat", gw, chat) ||
           mirror_layer(m, LAYER_PARAMS, "chat", gw, chat) || *mirror_tags(m, gw, chat);
}
