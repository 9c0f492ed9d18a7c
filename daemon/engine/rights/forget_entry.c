/* forget_entry.c -- what becomes of each place in which a member is named: see forget.h. Keys of their own go; shared hashes, sets
 * and boards lose their entries; lists keep their length (places count, draws must be kept), so their pieces stay without the id
 * and the name; runs of others go on, runs of theirs end. */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rights/forget.h"
#include "store/run_record.h"

static bool word_is(const struct key *k, const char *name)
{
    size_t len;
    const char *w = k->kind ? key_word(k->kind, &len) : NULL;
    return w && strlen(name) == len && memcmp(w, name, len) == 0;
}

/* Is this key of the place in which the member is forgotten? */
static bool subject_at(const struct forget_subject *s, const struct key *k)
{
    return !s->chat || (k->part[KEY_CHAT] && strcmp(k->part[KEY_CHAT], s->chat) == 0);
}

bool forget_is_private(const struct forget_subject *s, const char *chat)
{
    return chat && *chat == '@' && strcmp(chat + 1, s->user) == 0;
}

/* ---- keys ---- */

static bool subject_names_key(const struct forget_subject *s, const struct key *k)
{
    struct scrub scrub = forget_scrub(s);
    if (k->kind->holds == KEY_PLAIN || k->kind->holds == KEY_RECORD || !subject_at(s, k))
        return false;
    if (k->part[KEY_USER] && strcmp(k->part[KEY_USER], s->user) == 0)
        return true;
    if (forget_is_private(s, k->part[KEY_CHAT]))
        return true;
    const char *name = k->part[KEY_NAME];
    return name && k->kind->holds != KEY_SETTINGS && scrub_names(&scrub, name, strlen(name));
}

/* A key of another's gateway is looked at by nobody but that gateway's owner. */
static bool key_is_ours(const struct forget *f, const struct key *k)
{
    const char *gw = k->part[KEY_GATEWAY];
    return !gw || strcmp(gw, f->gw->name) == 0;
}

bool forget_is_named(const struct forget *f, const struct forget_hit *hit)
{
    struct key k;
    bool is = false;
    if (key_parse(hit->key, strlen(hit->key), &k) && key_is_ours(f, &k))
        for (int i = 0; !is && i < f->nsubjects; i++)
            is = subject_names_key(&f->subjects[i], &k);
    key_free(&k);
    return is;
}

void forget_named(struct forget *f, const struct forget_hit *hit, const char *name)
{
    struct key k;
    key_parse(hit->key, strlen(hit->key), &k);
    for (int i = 0; name && i < f->nsubjects; i++)
        if (k.part[KEY_USER] && strcmp(k.part[KEY_USER], f->subjects[i].user) == 0)
            forget_add_name(f, &f->subjects[i], name);
    key_free(&k);
    f->result.keys++;
    forget_change(f, "del", hit->key, NULL);
}

/* ---- entries ---- */

/* One place that is being changed. */
struct place {
    struct forget *f;
    const struct forget_hit *hit;
    struct key key;
    const char *a, *b; /* field, member or place; value or piece */
    size_t alen, blen;
};

static struct buf place_text(const char *s, size_t len)
{
    return (struct buf){.data = (char *)s, .len = len};
}

static void place_change(struct place *p, const char *word, const struct buf *value)
{
    struct buf a = place_text(p->a, p->alen), b = place_text(p->b, p->blen);
    const struct buf *words[4] = {&a, &b, value, NULL};
    forget_change(p->f, word, p->hit->key, words);
}

static void place_remove(struct place *p, const char *word)
{
    struct buf a = place_text(p->a, p->alen);
    p->f->result.entries++;
    forget_change(p->f, word, p->hit->key, (const struct buf *[]){&a, NULL});
}

static void place_note_name(void *ud, const char *name)
{
    struct forget_subject *const *pair = ud;
    forget_add_name((struct forget *)pair[1], pair[0], name);
}

/* What is said about them elsewhere tells how they are called. */
static void place_find_names(struct place *p)
{
    for (int i = 0; i < p->f->nsubjects; i++) {
        struct forget_subject *s = &p->f->subjects[i];
        struct scrub scrub = forget_scrub(s);
        struct forget_subject *pair[2] = {s, (struct forget_subject *)(void *)p->f};
        if (!s->chat)
            scrub_find_names(&scrub, p->b, p->blen, place_note_name, pair);
    }
}

/* A value without all of them. */
static enum scrubbed place_scrub(struct place *p, enum scrub_way way, struct buf *out)
{
    static struct buf next;
    enum scrubbed found = SCRUB_NONE;
    buf_reset(out);
    buf_add(out, p->b, p->blen);
    for (int i = 0; i < p->f->nsubjects; i++) {
        struct scrub scrub = forget_scrub(&p->f->subjects[i]);
        buf_reset(&next);
        if (!subject_at(&p->f->subjects[i], &p->key))
            continue;
        enum scrubbed one = scrub_value(&scrub, way, out->data, out->len, &next);
        if (one == SCRUB_OURS)
            return one;
        if (one == SCRUB_PART) {
            buf_reset(out);
            buf_add(out, next.data, next.len);
            found = one;
        }
    }
    return found;
}

static bool place_names(const struct place *p, const char *text, size_t len)
{
    for (int i = 0; i < p->f->nsubjects; i++) {
        struct scrub scrub = forget_scrub(&p->f->subjects[i]);
        if (subject_at(&p->f->subjects[i], &p->key) && scrub_names(&scrub, text, len))
            return true;
    }
    return false;
}

static void place_field(struct place *p, enum scrub_way way)
{
    static struct buf out;
    if (place_names(p, p->a, p->alen)) {
        p->f->result.entries++;
        place_change(p, "hdel", NULL);
        return;
    }
    enum scrubbed found = place_scrub(p, way, &out);
    if (found == SCRUB_OURS) {
        p->f->result.entries++;
        place_change(p, "hdel", NULL);
    } else if (found == SCRUB_PART) {
        p->f->result.anonymised++;
        place_change(p, "hset", &out);
    }
}

static void place_piece(struct place *p)
{
    static struct buf out;
    if (place_scrub(p, SCRUB_KEEP, &out) == SCRUB_NONE)
        return;
    p->f->result.anonymised++;
    place_change(p, "lset", &out);
}

/* ---- entries of the engine's own keys ---- */

/* Roles: the field is gateway:user. */
static void place_setting(struct place *p)
{
    size_t n = strlen(p->f->gw->name);
    bool theirs = false;
    for (int i = 0; i < p->f->nsubjects; i++) {
        const struct forget_subject *s = &p->f->subjects[i];
        const char *rest = p->a + n + 1;
        if (word_is(&p->key, "staff"))
            theirs = theirs || (p->alen > n && strncmp(p->a, p->f->gw->name, n) == 0 &&
                                p->a[n] == ':' && strcmp(rest, s->user) == 0 && !s->chat);
        else
            theirs = theirs || (word_is(&p->key, "chat-tags") && forget_is_private(s, p->a));
    }
    if (theirs) {
        p->f->result.entries++;
        p->f->settle = true;
        place_change(p, "hdel", NULL);
    }
}

/* `flow|chat|name|key`, `run|<id>|<chat>`, `chat|user`: in one chat only what says so is theirs. */
static bool place_in_chat(const struct place *p)
{
    for (int i = 0; i < p->f->nsubjects; i++) {
        const struct forget_subject *s = &p->f->subjects[i];
        struct scrub user = forget_scrub(s);
        struct scrub chat = {.user = s->chat ? s->chat : "",
                             .user_len = s->chat ? strlen(s->chat) : 0};
        if (s->chat && word_is(&p->key, "left"))
            continue; /* goes last: forget_left */
        if (scrub_names(&user, p->a, p->alen) && (!s->chat || scrub_names(&chat, p->a, p->alen)))
            return true;
    }
    return false;
}

static void place_timer_entry(struct place *p)
{
    if (!place_in_chat(p))
        return;
    place_remove(p, "zrem");
    if (!p->f->dry)
        timers_drop(p->f->gw, p->a);
}

static void place_timer(struct place *p)
{
    cJSON *o = cJSON_ParseWithLength(p->b, p->blen);
    const char *user = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "user"));
    const char *chat = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "chat"));
    bool theirs = place_in_chat(p);
    for (int i = 0; user && chat && i < p->f->nsubjects; i++) {
        const struct forget_subject *s = &p->f->subjects[i];
        theirs = theirs || (strcmp(user, s->user) == 0 && (!s->chat || strcmp(chat, s->chat) == 0));
    }
    cJSON_Delete(o);
    if (!theirs) {
        place_field(p, SCRUB_KEEP);
        return;
    }
    struct buf zset = {0}, id = place_text(p->a, p->alen);
    p->f->result.entries++;
    place_change(p, "hdel", NULL);
    gw_key(p->f->gw, &zset, "timers");
    forget_change(p->f, "zrem", buf_cstr(&zset), (const struct buf *[]){&id, NULL});
    if (!p->f->dry)
        timers_drop(p->f->gw, p->a);
    buf_free(&zset);
}

static void place_waits(struct place *p)
{
    size_t before = p->f->nwords;
    place_field(p, SCRUB_KEEP);
    struct chat *c =
        p->key.part[KEY_CHAT] ? chat_get(p->f->gw, p->key.part[KEY_CHAT], false) : NULL;
    if (c && p->f->nwords != before)
        waits_forget(c);
}

static void place_opt_out(struct place *p)
{
    for (int i = 0; i < p->f->nsubjects; i++) {
        const struct forget_subject *s = &p->f->subjects[i];
        if (s->chat || strcmp(s->user, p->a) != 0)
            continue;
        struct buf veil = {0};
        place_remove(p, "srem");
        if (p->f->dry)
            continue;
        optout_veil(p->f->gw, s->user, &veil);
        forget_change(p->f, "sadd", p->hit->key, (const struct buf *[]){&veil, NULL});
        optout_set(p->f->gw, s->user, false);
        optout_set(p->f->gw, buf_cstr(&veil), true);
        buf_free(&veil);
    }
}

/* ---- runs ---- */

/* Theirs: it ends. Another's that names them: its record is written without them, while no turn of its chat can see it. */
static bool place_run(struct place *p)
{
    static struct buf out, next;
    struct gw *gw = p->f->gw;
    cJSON *head = run_record_header(p->b, p->blen);
    const char *user = head ? run_record_user(head) : "";
    const char *chat = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(head, "chat"));
    const char *id = p->key.part[KEY_NAME];
    bool theirs = false, some = false, now = true;
    buf_reset(&out);
    buf_add(&out, p->b, p->blen);
    for (int i = 0; chat && i < p->f->nsubjects; i++) {
        const struct forget_subject *s = &p->f->subjects[i];
        struct scrub scrub = forget_scrub(s);
        if (s->chat && strcmp(s->chat, chat) != 0)
            continue;
        theirs = theirs || strcmp(user, s->user) == 0 || forget_is_private(s, chat);
        buf_reset(&next);
        if (scrub_record(&scrub, out.data, out.len, &next) == SCRUB_PART) {
            buf_reset(&out);
            buf_add(&out, next.data, next.len);
            some = true;
        }
    }
    if (theirs) {
        forget_cancel(p->f, id, chat);
    } else if (some) {
        struct chat *c = chat_get(gw, chat, false);
        struct run *run = run_find(gw, id);
        now = p->f->dry || ((!c || !c->turn) && (!run || !run->busy));
        if (now && run && !p->f->dry)
            run_forget(run);
        struct buf old = place_text(p->b, p->blen);
        if (now) {
            p->f->result.anonymised++;
            forget_change(p->f, "set", p->hit->key, (const struct buf *[]){&old, &out, NULL});
        }
    }
    cJSON_Delete(head);
    return now;
}

/* ---- streams ---- */

static bool place_stream_names(const struct place *p, const struct redisReply *fields)
{
    for (size_t i = 1; i < fields->elements; i += 2)
        for (int k = 0; k < p->f->nsubjects; k++) {
            struct scrub scrub = forget_scrub(&p->f->subjects[k]);
            if (!p->f->subjects[k].chat &&
                scrub_names(&scrub, fields->element[i]->str, fields->element[i]->len))
                return true;
        }
    return false;
}

/* A field of such an entry: it is about them, so their names go wherever they stand in it. */
static void place_stream_field(struct place *p, const struct redisReply *field, struct buf *out)
{
    struct buf next = {0};
    p->b = field->str;
    p->blen = field->len;
    if (place_scrub(p, SCRUB_KEEP, out) == SCRUB_NONE) {
        buf_reset(out);
        buf_add(out, field->str, field->len);
    }
    for (int i = 0; i < p->f->nsubjects; i++) {
        struct scrub scrub = forget_scrub(&p->f->subjects[i]);
        buf_reset(&next);
        if (!p->f->subjects[i].chat &&
            scrub_text(&scrub, out->data, out->len, &next) == SCRUB_PART) {
            buf_reset(out);
            buf_add(out, next.data, next.len);
        }
    }
    buf_free(&next);
}

/* Entries of a stream cannot be changed. Events go; what staff did stays known, as a new entry with the old time. */
static void place_stream(struct place *p, const struct redisReply *fields)
{
    enum { WORDS = 64 };
    struct buf texts[WORDS] = {{0}};
    const struct buf *words[WORDS + 1];
    size_t n = fields->elements < WORDS ? fields->elements : WORDS;
    if (!place_stream_names(p, fields))
        return;
    if (word_is(&p->key, "audit")) {
        for (size_t i = 0; i < n; i++) {
            if (i % 2)
                place_stream_field(p, fields->element[i], &texts[i]);
            else
                buf_add(&texts[i], fields->element[i]->str, fields->element[i]->len);
            words[i] = &texts[i];
        }
        words[n] = NULL;
        p->f->result.anonymised++;
        forget_change(p->f, "xadd", p->hit->key, words);
        for (size_t i = 0; i < n; i++)
            buf_free(&texts[i]);
    }
    place_remove(p, "xdel");
}

/* ---- dispatch ---- */

static bool place_hash(struct place *p)
{
    if (p->key.kind && p->key.kind->holds == KEY_SETTINGS)
        place_setting(p);
    else if (word_is(&p->key, "timer"))
        place_timer(p);
    else if (word_is(&p->key, "waits"))
        place_waits(p);
    else if (word_is(&p->key, "g") || word_is(&p->key, "m") || word_is(&p->key, "u") ||
             word_is(&p->key, "hash"))
        place_field(p, SCRUB_DROP);
    else
        place_field(p, SCRUB_KEEP); /* the engine's own, whose form must stay */
    return true;
}

static bool place_member(struct place *p, const char *word)
{
    if (word_is(&p->key, "timers") || word_is(&p->key, "left"))
        place_timer_entry(p);
    else if (word_is(&p->key, "optout"))
        place_opt_out(p);
    else if (place_names(p, p->a, p->alen))
        place_remove(p, word);
    return true;
}

bool forget_entry(struct forget *f, const struct forget_hit *hit, const struct redisReply *a,
                  const struct redisReply *b)
{
    struct place p = {.f = f, .hit = hit, .a = a->str, .alen = a->len, .b = b->str, .blen = b->len};
    bool done = true;
    if (key_parse(hit->key, strlen(hit->key), &p.key) && !key_is_ours(f, &p.key)) {
        key_free(&p.key);
        return true;
    }
    if (p.b && b->type == REDIS_REPLY_STRING)
        place_find_names(&p);
    if (b->type == REDIS_REPLY_ARRAY)
        place_stream(&p, b);
    else if (strcmp(hit->type, "hash") == 0)
        done = place_hash(&p);
    else if (strcmp(hit->type, "list") == 0)
        place_piece(&p);
    else if (strcmp(hit->type, "set") == 0)
        done = place_member(&p, "srem");
    else if (strcmp(hit->type, "zset") == 0)
        done = place_member(&p, "zrem");
    else if (word_is(&p.key, "run"))
        done = place_run(&p);
    key_free(&p.key);
    return done;
}
