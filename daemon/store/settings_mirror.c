/* settings_mirror.c -- see settings_mirror.h. A layer is one Redis hash; looking up is in settings_find.c. Callers: store/settings*.c. */
#include "store/settings_mirror.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/settings_layers.h"
#include "store/settings_value.h"

bool mirror_wants(const char *key, size_t len)
{
    return settings_kind_of(key, len) >= 0;
}

struct mirror *mirror_new(void (*news)(void *ud, const struct mirror_news *n), void *ud)
{
    struct mirror *m = MEM_NEW(struct mirror);
    m->news = news;
    m->ud = ud;
    return m;
}

uint64_t mirror_generation(const struct mirror *m)
{
    return m->generation;
}

uint64_t mirror_routes_generation(const struct mirror *m)
{
    return m->routes_generation;
}

size_t mirror_bad(const struct mirror *m)
{
    return m->bad;
}

static void mirror_changed(struct mirror *m, int kind)
{
    m->generation++;
    if (kind != SETTINGS_TOGGLES && kind != SETTINGS_PAUSED)
        m->routes_generation++;
}

/* ---- fields ---- */

static struct field *field_new(struct layer *l, const char *name, size_t len)
{
    struct field *f = MEM_NEW(struct field);
    f->name = mem_strndup(name, len);
    HASH_ADD_KEYPTR(hh, l->fields, f->name, len, f);
    return f;
}

static void field_free(struct mirror *m, struct layer *l, struct field *f)
{
    m->bad -= f->verdict == SETTINGS_BAD;
    HASH_DEL(l->fields, f);
    free(f->name);
    free(f->raw);
    free(f->value);
    free(f->problem);
    free(f);
}

static const char *field_remedy(const struct field *f)
{
    return f->problem ? f->problem + strlen(f->problem) + 1 : "";
}

static void mirror_tell(struct mirror *m, const struct layer *l, const struct field *f, bool edited)
{
    if (!m->news)
        return;
    bool bad = f->verdict == SETTINGS_BAD;
    struct mirror_news n = {.key = l->key,
                            .field = f->name,
                            .value = f->raw,
                            .verdict = f->verdict,
                            .why = f->problem ? f->problem : "",
                            .remedy = field_remedy(f),
                            .kept = bad ? f->value : NULL,
                            .edited = edited,
                            .needs_a_past = bad && !f->value};
    m->news(m->ud, &n);
}

static void mirror_tell_gone(struct mirror *m, const char *key, const char *field)
{
    if (m->news)
        m->news(m->ud, &(struct mirror_news){
                           .key = key, .field = field, .why = "", .remedy = "", .edited = true});
}

/* The value in the form of look-ups, or NULL with why and remedy; ODD ones are told apart by *verdict. */
static char *mirror_judge(const struct mirror *m, int kind, const char *field, const char *raw,
                          size_t len, enum settings_verdict *verdict, struct buf *why,
                          struct buf *remedy)
{
    char *value = settings_value_read(kind, raw, len, m->zone, why, remedy);
    *verdict = !value     ? SETTINGS_BAD
               : m->check ? m->check(m->check_ud, kind, field, value, why, remedy)
                          : SETTINGS_GOOD;
    if (*verdict != SETTINGS_BAD)
        return value;
    free(value);
    return NULL;
}

/* What was in force stays only if it is still right. */
static bool mirror_keeps(const struct mirror *m, int kind, const char *field, const char *value)
{
    enum settings_verdict verdict;
    struct buf why = {0}, remedy = {0};
    char *same = mirror_judge(m, kind, field, value, strlen(value), &verdict, &why, &remedy);
    free(same);
    buf_free(&why);
    buf_free(&remedy);
    return verdict != SETTINGS_BAD;
}

/* "HSET KEY FIELD on" with the names of what is wrong, ready to be pasted. */
static void mirror_add_remedy(struct buf *out, const char *remedy, const char *key,
                              const char *field)
{
    for (const char *p = remedy; *p;) {
        if (strncmp(p, "KEY", 3) == 0) {
            buf_adds(out, key);
            p += 3;
        } else if (strncmp(p, "FIELD", 5) == 0) {
            buf_adds(out, field);
            p += 5;
        } else {
            buf_addc(out, *p++);
        }
    }
}

/* Judges f->raw. True: what is in force, or what is said of it, is another than before. */
static bool mirror_read_field(struct mirror *m, const struct layer *l, struct field *f)
{
    struct buf why = {0}, remedy = {0};
    enum settings_verdict verdict;
    char *value = mirror_judge(m, l->kind, f->name, f->raw, f->len, &verdict, &why, &remedy);
    if (!value && f->value && mirror_keeps(m, l->kind, f->name, f->value))
        value = mem_strdup(f->value);
    bool moved = !value != !f->value || (value && strcmp(value, f->value) != 0);
    bool other = moved || verdict != f->verdict;
    m->bad += (verdict == SETTINGS_BAD) - (f->verdict == SETTINGS_BAD);
    free(f->value);
    free(f->problem);
    f->value = value;
    f->verdict = verdict;
    f->problem = NULL;
    if (verdict != SETTINGS_GOOD) {
        buf_addc(&why, '\0');
        mirror_add_remedy(&why, buf_cstr(&remedy), l->key, f->name);
        f->problem = buf_take(&why);
    }
    if (moved)
        mirror_changed(m, l->kind);
    buf_free(&why);
    buf_free(&remedy);
    return other;
}

/* ---- layers ---- */

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
    struct field *f, *next;
    HASH_ITER (hh, l->fields, f, next)
        field_free(m, l, f);
    m->bad -= l->wrong;
    HASH_DEL(m->layers, l);
    m->count[l->kind]--;
    free(l->key);
    free(l);
}

void mirror_free(struct mirror *m)
{
    struct layer *l, *next;
    HASH_ITER (hh, m->layers, l, next)
        layer_free(m, l);
    free(m);
}

/* A layer that Redis has no more. */
static void layer_gone(struct mirror *m, struct layer *l)
{
    if (l->wrong)
        mirror_tell_gone(m, l->key, "");
    for (struct field *f = l->fields; f; f = f->hh.next)
        mirror_tell_gone(m, l->key, f->name);
    mirror_changed(m, l->kind);
    layer_free(m, l);
}

void mirror_begin(struct mirror *m)
{
    m->pass++;
}

void mirror_sweep(struct mirror *m)
{
    struct layer *l, *next;
    HASH_ITER (hh, m->layers, l, next)
        if (l->pass != m->pass)
            layer_gone(m, l);
}

/* One field as read. True: it is another than before. */
static bool layer_set_field(struct mirror *m, struct layer *l, const char *name, size_t name_len,
                            const char *raw, size_t len)
{
    struct field *f = field_find(l, name, name_len);
    if (f && f->raw && f->len == len && memcmp(f->raw, raw, len) == 0) {
        f->mark = m->mark;
        return false;
    }
    if (!f)
        f = field_new(l, name, name_len);
    free(f->raw);
    f->raw = mem_strndup(raw, len);
    f->len = len;
    f->mark = m->mark;
    mirror_read_field(m, l, f);
    mirror_tell(m, l, f, true);
    return true;
}

bool mirror_set(struct mirror *m, const char *key, size_t n, const char *const *words,
                const size_t *lens)
{
    struct layer *l;
    int kind = settings_kind_of(key, strlen(key));
    if (kind < 0)
        return false;
    HASH_FIND_STR(m->layers, key, l);
    if (n == 0) {
        if (l)
            layer_gone(m, l);
        return l != NULL;
    }
    if (!l)
        l = layer_new(m, key, kind);
    bool changed = l->wrong;
    if (l->wrong)
        mirror_tell_gone(m, key, "");
    m->bad -= l->wrong;
    l->wrong = false;
    l->pass = m->pass;
    m->mark++;
    for (size_t i = 0; i + 1 < n; i += 2)
        changed |= layer_set_field(m, l, words[i], lens[i], words[i + 1], lens[i + 1]);
    struct field *f, *next;
    if (HASH_COUNT(l->fields) != n / 2) {
        HASH_ITER (hh, l->fields, f, next) {
            if (f->mark == m->mark)
                continue;
            changed = true;
            if (f->value)
                mirror_changed(m, kind);
            mirror_tell_gone(m, key, f->name);
            field_free(m, l, f);
        }
    }
    return changed;
}

static const char wrong_value[] = "(no hash)", wrong_why[] = "the key is no hash";

/* Valid until the next call. */
static const char *wrong_remedy(const char *key)
{
    static struct buf out;
    buf_reset(&out);
    mirror_add_remedy(&out, "DEL KEY, then HSET KEY with its fields", key, "");
    return buf_cstr(&out);
}

bool mirror_set_wrong(struct mirror *m, const char *key)
{
    struct layer *l;
    int kind = settings_kind_of(key, strlen(key));
    if (kind < 0)
        return false;
    HASH_FIND_STR(m->layers, key, l);
    if (!l)
        l = layer_new(m, key, kind);
    l->pass = m->pass;
    if (l->wrong)
        return false;
    l->wrong = true;
    m->bad++;
    if (m->news)
        m->news(m->ud, &(struct mirror_news){.key = l->key,
                                             .field = "",
                                             .value = wrong_value,
                                             .verdict = SETTINGS_BAD,
                                             .why = wrong_why,
                                             .remedy = wrong_remedy(l->key),
                                             .edited = true});
    return true;
}

bool mirror_knows(const struct mirror *m, const char *key, const char *field)
{
    struct layer *l;
    HASH_FIND_STR(m->layers, key, l);
    if (l && !*field)
        return l->wrong;
    const struct field *f = field_find(l, field, strlen(field));
    return f && f->raw;
}

void mirror_set_past(struct mirror *m, const char *key, const char *field, const char *value)
{
    struct layer *l;
    HASH_FIND_STR(m->layers, key, l);
    struct field *f = field_find(l, field, strlen(field));
    if (!l || (!f && !l->wrong) || (f && (f->value || f->verdict != SETTINGS_BAD)))
        return;
    struct buf why = {0}, remedy = {0};
    enum settings_verdict verdict;
    char *good = mirror_judge(m, l->kind, field, value, strlen(value), &verdict, &why, &remedy);
    buf_free(&why);
    buf_free(&remedy);
    if (!good)
        return;
    if (!f)
        f = field_new(l, field, strlen(field));
    f->value = good;
    mirror_changed(m, l->kind);
}

/* ---- checking ---- */

void mirror_recheck(struct mirror *m, const struct zone *zone)
{
    m->zone = zone;
    for (struct layer *l = m->layers; l; l = l->hh.next)
        for (struct field *f = l->fields; f; f = f->hh.next)
            if (f->raw && mirror_read_field(m, l, f))
                mirror_tell(m, l, f, false);
}

void mirror_set_check(struct mirror *m, settings_check_fn check, void *ud, const struct zone *zone)
{
    m->check = check;
    m->check_ud = ud;
    mirror_recheck(m, zone);
}

void mirror_each_fault(const struct mirror *m, void (*fn)(void *ud, const struct settings_fault *f),
                       void *ud)
{
    for (const struct layer *l = m->layers; l; l = l->hh.next) {
        if (l->wrong)
            fn(ud,
               &(struct settings_fault){SETTINGS_BAD, l->key, "", wrong_value, wrong_why,
                                        wrong_remedy(l->key), l->fields ? "what was there" : NULL});
        for (const struct field *f = l->fields; f; f = f->hh.next)
            if (f->verdict != SETTINGS_GOOD)
                fn(ud, &(struct settings_fault){f->verdict, l->key, f->name, f->raw, f->problem,
                                                field_remedy(f),
                                                f->verdict == SETTINGS_BAD ? f->value : NULL});
    }
}

void mirror_each_key(const struct mirror *m, void (*fn)(void *ud, const char *key), void *ud)
{
    for (const struct layer *l = m->layers; l; l = l->hh.next)
        fn(ud, l->key);
}
