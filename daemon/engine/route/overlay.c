/* overlay.c -- the overlays of playbooks (book.h): which apply to a chat, and what a flow's values and the playbook's head are under
 * them. Owns the views: playbooks with another head, one for each chain of overlays that has one.
 * Callers: routes_build.c, explain.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/route/book.h"

/* ---- which apply ---- */

struct overlay_search {
    const struct playbook *playbook;
    int found[OVERLAYS_MAX];
    int n;
};

static void overlay_found(void *ud, int owner, const struct selector *s)
{
    struct overlay_search *f = ud;
    int j = f->n;
    (void)s;
    for (int i = 0; i < f->n; i++)
        if (f->found[i] == owner)
            return;
    if (f->n == OVERLAYS_MAX)
        return;
    for (f->n++; j > 0 && f->found[j - 1] > owner; j--)
        f->found[j] = f->found[j - 1];
    f->found[j] = owner;
}

int overlays_of(const struct playbook *p, const struct selector_chat *c, const struct overlay **out)
{
    struct overlay_search f = {.playbook = p};
    if (!p->index)
        return 0;
    selector_index_each(p->index, c, overlay_found, &f);
    for (int i = 0; i < f.n; i++)
        out[i] = &p->overlays[f.found[i]];
    return f.n;
}

const struct overlay_flow *overlay_flow(const struct overlay *o, int f)
{
    for (int i = 0; i < o->nflows; i++)
        if (o->flows[i].flow == f)
            return &o->flows[i];
    return NULL;
}

void overlay_clear(struct overlay *o)
{
    for (int i = 0; i < o->nflows; i++) {
        for (int j = 0; j < o->flows[i].n; j++)
            cJSON_Delete(o->flows[i].slots[j].value);
        free(o->flows[i].slots);
    }
    for (int i = 0; i < o->nselectors; i++)
        selector_clear(&o->selectors[i]);
    if (o->head) {
        for (int i = 0; i < o->head->nstaff; i++)
            free(o->head->staff[i].user);
        free(o->head->staff);
        free(o->head->language);
        free(o->head->staff_chat);
        cJSON_Delete(o->head->persona);
        free(o->head);
    }
    free(o->name);
    free(o->own_file);
    free(o->selectors);
    free(o->flows);
    free(o->locks);
}

/* ---- the head ---- */

struct view_key {
    const struct playbook *under;
    const struct overlay *by;
};
struct playbook_view {
    struct view_key key;
    struct playbook playbook;
    struct staff *own_staff; /* when it is freed: what it does not share */
    cJSON *own_persona;
    UT_hash_handle hh;
};

void playbook_views_free(struct playbook *p)
{
    struct playbook_view *v, *tmp;
    for (v = p->views; v; v = v->hh.next) {
        if (v->playbook.staff != v->key.under->staff)
            v->own_staff = v->playbook.staff; /* the names belong to playbook and overlays */
        if (v->playbook.persona != v->key.under->persona)
            v->own_persona = v->playbook.persona;
    }
    HASH_ITER (hh, p->views, v, tmp) { /* each looks at the one that it changes: they go together */
        HASH_DEL(p->views, v);
        free(v->own_staff);
        cJSON_Delete(v->own_persona);
        free(v);
    }
}

/* Staff adds up. */
static void overlay_add_staff(struct playbook *to, const struct playbook *head)
{
    struct staff *all = mem_zero((size_t)(to->nstaff + head->nstaff) * sizeof *all);
    if (to->nstaff)
        memcpy(all, to->staff, (size_t)to->nstaff * sizeof *all);
    memcpy(all + to->nstaff, head->staff, (size_t)head->nstaff * sizeof *all);
    to->staff = all;
    to->nstaff += head->nstaff;
}

/* A persona merges by name. */
static cJSON *overlay_persona(const cJSON *under, const cJSON *own)
{
    cJSON *out = cJSON_Duplicate(under, 1);
    const cJSON *v;
    cJSON_ArrayForEach (v, own) {
        cJSON_DeleteItemFromObjectCaseSensitive(out, v->string);
        cJSON_AddItemToObject(out, v->string, cJSON_Duplicate(v, 1));
    }
    return out;
}

static void overlay_take_head(struct playbook *to, const struct playbook *head)
{
    const int *lines = head->lines;
    if (lines[HEAD_TIMEZONE])
        to->zone = head->zone;
    if (lines[HEAD_QUIET]) {
        to->has_quiet = head->has_quiet;
        to->quiet_from_ms = head->quiet_from_ms;
        to->quiet_to_ms = head->quiet_to_ms;
    }
    if (lines[HEAD_DAY_CUTOFF])
        to->cutoff_ms = head->cutoff_ms;
    if (lines[HEAD_LANGUAGE])
        to->language = head->language;
    if (lines[HEAD_EVENING_POSTS])
        to->evening_posts = head->evening_posts;
    if (lines[HEAD_ATTENTION])
        to->attention = head->attention;
    if (lines[HEAD_STAFF_CHAT])
        to->staff_chat = head->staff_chat;
    if (lines[HEAD_PERSONA])
        to->persona = overlay_persona(to->persona, head->persona);
    if (lines[HEAD_STAFF] && head->nstaff)
        overlay_add_staff(to, head);
}

static const struct playbook *overlay_view(struct playbook *p, const struct playbook *under,
                                           const struct overlay *by)
{
    struct playbook_view *v = NULL;
    struct view_key key;
    memset(&key, 0, sizeof key);
    key.under = under;
    key.by = by;
    HASH_FIND(hh, p->views, &key, sizeof key, v);
    if (v)
        return &v->playbook;
    v = MEM_NEW(struct playbook_view);
    v->key = key;
    v->playbook = *under;
    v->playbook.views = NULL;
    v->playbook.base = p;
    v->playbook.under = under;
    v->playbook.by = by;
    overlay_take_head(&v->playbook, by->head);
    HASH_ADD(hh, p->views, key, sizeof v->key, v);
    return &v->playbook;
}

const struct playbook *overlays_head(const struct playbook *p, const struct overlay *const *list,
                                     int n)
{
    const struct playbook *head = p;
    for (int i = 0; i < n; i++)
        if (list[i]->head)
            head = overlay_view((struct playbook *)p, head, list[i]); /* a cache in it */
    return head;
}

/* ---- values ---- */

static const struct param_lock *overlay_find_lock(const struct param_lock *locks, int n, int f,
                                                  int param)
{
    for (int i = 0; i < n; i++)
        if (locks[i].flow == f && locks[i].param == param)
            return &locks[i];
    return NULL;
}

const struct param_lock *overlays_lock(const struct playbook *p, const struct overlay *const *list,
                                       int n, int f, int param, const struct overlay **by)
{
    const struct param_lock *l = overlay_find_lock(p->locks, p->nlocks, f, param);
    const struct overlay *unused;
    by = by ? by : &unused;
    *by = NULL;
    for (int i = 0; i < n && !l; i++) {
        *by = list[i];
        l = overlay_find_lock(list[i]->locks, list[i]->nlocks, f, param);
    }
    return l;
}

/* The values of an overlay without those that a wider one locks. */
static struct values *overlay_unlocked(struct values *base, const struct overlay_flow *o,
                                       uint64_t locked)
{
    uint64_t hash = hash_more(hash_bytes(&o->slots, sizeof o->slots), &locked, sizeof locked);
    struct values *v = values_find(base, hash);
    if (v)
        return v;
    struct value_slot *slots = mem_zero((size_t)o->n * sizeof *slots);
    int n = 0;
    for (int i = 0; i < o->n; i++) {
        if (i < 64 && (locked >> i & 1))
            continue;
        slots[n] = o->slots[i];
        slots[n++].value = cJSON_Duplicate(o->slots[i].value, 1);
    }
    return values_take(base, hash, slots, n);
}

static struct values *overlay_values(const struct playbook *p, const struct overlay *const *list,
                                     int at, int f, struct values *base)
{
    const struct overlay_flow *o = overlay_flow(list[at], f);
    uint64_t locked = 0;
    bool locks = false;
    if (!o || !o->n)
        return values_retain(base);
    for (int i = 0; i < at; i++)
        locks |= list[i]->nlocks > 0;
    for (int i = 0; locks && i < o->n && i < 64; i++) {
        const struct overlay *by;
        const struct param_lock *l = overlays_lock(p, list, at, f, o->slots[i].param, &by);
        if (l && (!by || by->level < list[at]->level))
            locked |= UINT64_C(1) << i;
    }
    return locked ? overlay_unlocked(base, o, locked) : values_over(base, o->slots, o->n);
}

static struct values *overlays_root(const struct playbook *head, const struct playbook_flow *pf)
{
    for (int i = 0; head->by && i < pf->nlanguages; i++)
        if (strcmp(pf->languages[i].language, head->language) == 0)
            return values_over(pf->values, pf->languages[i].slots, pf->languages[i].n);
    return values_retain(pf->values);
}

struct values *overlays_values(const struct playbook *head, const struct overlay *const *list,
                               int n, int f, bool *on)
{
    const struct playbook *p = head->base ? head->base : head;
    const struct playbook_flow *pf = &p->flows[f];
    struct values *v = overlays_root(head, pf);
    *on = !pf->off;
    for (int i = 0; i < n; i++) {
        const struct overlay_flow *o = overlay_flow(list[i], f);
        if (o && o->on >= 0)
            *on = o->on;
        struct values *next = overlay_values(p, list, i, f, v);
        values_release(v);
        v = next;
    }
    return v;
}
