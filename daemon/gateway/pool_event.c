/* pool_event.c -- what the accounts of a pool report, on its way to the engine: repeats of what another account told are removed, what
 * our own accounts say is no member's doing, ids of messages get the name of the account that they belong to.
 * The key of an event is made of what all accounts agree about, so that it is the same whoever was first, also after a restart. */
#include <stdio.h>
#include <string.h>

#include "gateway/plain.h"
#include "gateway/pool_internal.h"

/* ---- keys and ids ---- */

static void pool_set_key(struct event *e, const char *key)
{
    if (*key)
        e->key = event_string(e, key, strlen(key));
}

static const char *pool_own_id(struct event *e, const struct pool_member *m, const char *id)
{
    static struct buf marked;
    if (!*id)
        return "";
    pool_mark(m, id, &marked);
    return event_string(e, marked.data, marked.len);
}

/* The id by which scripts know a message that this account calls `id`. */
static const char *pool_known_id(struct event *e, const struct pool_member *m,
                                 const struct pool_entry *entry, const char *id)
{
    const struct pool_member *first = entry ? m->pool->slots[entry->first] : NULL;
    if (!first || !entry->ids[entry->first])
        return pool_own_id(e, m, id);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)entry->ids[entry->first]);
    return pool_own_id(e, first, number);
}

static void pool_quotation(struct pool_member *m, const struct pool_chat *c, struct event *e)
{
    if (!*e->reply_to)
        return;
    const char *id = e->reply_to;
    const struct pool_entry *entry =
        pool_seen_by_id(m->pool->seen, c->hash, m->slot, pool_number(id));
    e->reply_to = pool_known_id(e, m, entry, id);
    for (int i = 0; i < e->nsegments; i++) {
        struct segment *s = (struct segment *)&e->segments[i]; /* in the event's own arena */
        if (s->type == SEGMENT_REPLY && strcmp(s->id, id) == 0)
            s->id = e->reply_to;
    }
}

/* Whoever speaks to one of our accounts speaks to us: scripts see one id of ours. */
static void pool_mentions(const struct pool_member *m, struct event *e)
{
    static struct buf text;
    const char *face = pool_face(m->pool);
    bool ours = false, other = false;
    for (int i = 0; i < e->nsegments; i++) {
        struct segment *s = (struct segment *)&e->segments[i]; /* in the event's own arena */
        if (s->type != SEGMENT_AT)
            continue;
        if (!pool_is_self(m->pool, s->id, NULL)) {
            other = true;
            continue;
        }
        ours = true;
        s->id = event_string(e, face, strlen(face));
    }
    if (!ours)
        return;
    e->at_me = true;
    e->at_other = other;
    buf_reset(&text);
    plain_text(&text, e->segments, e->nsegments, face);
    e->text = event_string(e, text.data ? text.data : "", text.len);
}

/* ---- what our own accounts do ---- */

static void pool_own(struct pool_member *m, const struct event *e)
{
    static struct buf marked;
    struct pool *p = m->pool;
    if (e->private_chat) {
        struct event copy = *e;
        if (*e->message_id)
            copy.message_id = pool_mark(m, e->message_id, &marked);
        p->sink.on_own_message(p->sink.ud, &p->base, &copy);
        return;
    }
    struct pool_chat *c = pool_chat_get(p, e->chat, true);
    struct pool_fact f = pool_fact(m, c, e, NULL);
    f.near_s = f.waited_s = 60; /* the acknowledgement has our clock's time */
    f.oldest = true;
    if (pool_seen_by_id(p->seen, c->hash, m->slot, f.id) ||
        pool_seen_match(p->seen, &f, pool_now(p)))
        return;
    pool_seen_add(p->seen, &f, 0, pool_now(p))->ours = true;
    struct event copy = *e;
    if (*e->message_id)
        copy.message_id = pool_mark(m, e->message_id, &marked);
    p->sink.on_own_message(p->sink.ud, &p->base, &copy);
}

static bool pool_others_fit(const struct pool *p, const struct pool_chat *c, int slot)
{
    for (int i = 0; i < p->nmembers; i++)
        if (p->order[i]->slot != slot && pool_fit(p, p->order[i], c) == 3)
            return true;
    return false;
}

/* One of our accounts was muted: another one serves, or the engine holds the chat. False: it is not for the engine. */
static bool pool_own_mute(struct pool *p, struct pool_chat *c, const struct pool_member *whose,
                          struct event *e)
{
    bool ban = strcmp(e->sub, "ban") == 0;
    int64_t now = clock_wall(p->env->clock);
    bool serves = c->serving == whose->slot || c->serving < 0;
    pool_mute(p, c->chat, whose->slot,
              !ban            ? 0
              : e->number > 0 ? now + e->number * 1000
                              : now + POOL_MUTE_MS);
    if ((ban && pool_others_fit(p, c, whose->slot)) || (!ban && !serves))
        return false;
    const char *face = pool_face(p); /* by which the engine knows us */
    e->user = event_string(e, face, strlen(face));
    return true;
}

/* Something that one of our accounts did, or that was done to it. False: it is not for the engine. */
static bool pool_own_event(struct pool_member *m, struct pool_chat *c,
                           const struct pool_member *whose, struct event *e)
{
    struct pool *p = m->pool;
    switch (e->type) {
    case EVENT_MESSAGE: pool_own(m, e); return false;
    case EVENT_JOIN: {
        bool first = !(c->in & (uint8_t)~pool_bit(whose->slot));
        pool_present(p, c, whose->slot, true, "it has joined the group");
        return first;
    }
    case EVENT_LEAVE:
        pool_present(p, c, whose->slot, false, "it is no longer in the group");
        if (c->in)
            return false;
        e->sub = "self";
        return true;
    case EVENT_MUTE: return pool_own_mute(p, c, whose, e);
    case EVENT_POKE:
    case EVENT_FILE:
    case EVENT_REACTION:
    case EVENT_CARD: return false;
    default: return true;
    }
}

/* ---- members' doings ---- */

static uint8_t pool_expected(const struct pool *p, const struct pool_chat *c)
{
    uint8_t mask = 0;
    for (int i = 0; i < p->nmembers; i++)
        if (p->order[i]->well && (c->in & pool_bit(p->order[i]->slot)))
            mask |= pool_bit(p->order[i]->slot);
    return mask;
}

/* Told by another account before. One that has another key is to be remembered as well. */
static void pool_repeated(struct pool_member *m, struct event *e, const struct pool_fact *f,
                          const struct pool_entry *entry)
{
    struct pool *p = m->pool;
    char key[POOL_KEY_ROOM];
    metric_inc(p->m_repeated);
    pool_key(p, e, f, entry->nth, key);
    pool_set_key(e, key);
    if (entry->key != (uint32_t)hash_string(e->key))
        p->sink.on_repeated(p->sink.ud, &p->base, e);
    event_free(e);
}

/* The first message without a sequence: from now on, and over restarts, keys are made of contents, which all accounts can tell. */
static void pool_turn_to_content(struct pool *p, const struct pool_member *m)
{
    if (p->by_content || m->link != LINK_UP)
        return;
    p->by_content = true;
    log_info("an account does not tell the numbers of messages: they are known by their content",
             "pool", p->base.name, "gateway", m->g->name, NULL);
    if (p->watch.keep)
        p->watch.keep(p->watch.ud, "identity", "content");
}

static void pool_group_event(struct pool_member *m, struct event *e)
{
    struct pool *p = m->pool;
    struct pool_chat *c = pool_chat_get(p, e->chat, true);
    struct pool_member *whose;
    bool ours = pool_is_self(p, e->user, &whose);
    if (!(e->type == EVENT_LEAVE && ours && whose == m))
        pool_present(p, c, m->slot, true, "it is in the group");
    if (ours && !pool_own_event(m, c, whose, e)) {
        event_free(e);
        return;
    }
    const struct pool_entry *about =
        e->type == EVENT_MESSAGE
            ? NULL
            : pool_seen_by_id(p->seen, c->hash, m->slot, pool_number(e->message_id));
    if (e->type == EVENT_MESSAGE && !e->seq)
        pool_turn_to_content(p, m);
    struct pool_fact f = pool_fact(m, c, e, about);
    if (about)
        e->message_id = pool_known_id(e, m, about, e->message_id);
    else
        e->message_id = pool_own_id(e, m, e->message_id);
    struct pool_entry *entry = pool_seen_match(p->seen, &f, pool_now(p));
    if (entry && !entry->dropped) {
        pool_repeated(m, e, &f, entry);
        return;
    }
    if (entry)
        entry->dropped = false, f.time_s = entry->time_s;
    else
        entry = pool_seen_add(p->seen, &f, pool_expected(p, c), pool_now(p));
    char key[POOL_KEY_ROOM];
    pool_key(p, e, &f, entry->nth, key);
    pool_set_key(e, key);
    entry->key = (uint32_t)hash_string(e->key);
    if (*e->flag)
        e->flag = pool_own_id(e, m, e->flag);
    if (e->type == EVENT_MESSAGE) {
        pool_quotation(m, c, e);
        pool_mentions(m, e);
        if (!e->history)
            pool_member_expect(p, c, m);
    }
    p->sink.on_event(p->sink.ud, &p->base, e);
}

/* What is between one account and one person: no other account sees it. */
static void pool_private_event(struct pool_member *m, struct event *e)
{
    struct pool *p = m->pool;
    static struct buf key;
    if (pool_is_self(p, e->user, NULL)) {
        if (e->type == EVENT_MESSAGE)
            pool_own(m, e);
        event_free(e);
        return;
    }
    if (e->private_chat && *e->chat == '@') {
        struct pool_user *u = pool_user_get(p, e->chat, true);
        u->slot = m->slot;
        u->refused &= (uint8_t)~pool_bit(m->slot);
    }
    buf_reset(&key);
    buf_addf(&key, "%s:%s", *m->self_id ? m->self_id : m->g->name, e->key);
    e->key = event_string(e, key.data, key.len);
    e->message_id = pool_own_id(e, m, e->message_id);
    e->reply_to = pool_own_id(e, m, e->reply_to);
    if (*e->flag)
        e->flag = pool_own_id(e, m, e->flag);
    p->sink.on_event(p->sink.ud, &p->base, e);
}

static void pool_on_event(void *ud, struct gateway *g, struct event *e)
{
    struct pool_member *m = ud;
    (void)g;
    if (m->pool->stopping || m->stopping) {
        event_free(e);
        return;
    }
    if (!e->history)
        pool_member_heard(m);
    bool invited = e->type == EVENT_REQUEST && strcmp(e->sub, "invite") == 0;
    if (e->private_chat || !*e->chat || invited) /* an invitation is for one account */
        pool_private_event(m, e);
    else
        pool_group_event(m, e);
}

/* Shed before it was handled: the next report of it is news, whoever makes it. */
void pool_unsee(struct gateway *g, const struct event *e)
{
    struct pool *p = (struct pool *)g;
    const char *id;
    struct pool_member *m = pool_marked(p, e->message_id, &id);
    struct pool_chat *c = pool_chat_get(p, e->chat, false);
    struct pool_entry *entry =
        m && c ? pool_seen_by_id(p->seen, c->hash, m->slot, pool_number(id)) : NULL;
    for (int i = 0; entry && e->type == EVENT_MESSAGE && i < p->nmembers; i++) {
        struct pool_member *other = p->order[i];
        int64_t number = entry->ids[other->slot];
        if (!number)
            continue;
        char own[24], key[32];
        struct event copy = *e;
        snprintf(own, sizeof own, "%lld", (long long)number);
        snprintf(key, sizeof key, "m%s", own);
        copy.message_id = own;
        copy.key = key;
        gateway_unsee(other->g, &copy);
    }
    if (entry) {
        entry->dropped = true;
        entry->seen = 0;
        entry->batch = 0;
    }
}

/* ---- the rest of what members tell ---- */

static void pool_on_sent(void *ud, struct gateway *g, uint64_t ticket, const struct send_result *r)
{
    (void)g;
    pool_sent(ud, ticket, r);
}

static void pool_on_sent_late(void *ud, struct gateway *g, uint64_t ticket, const char *message_id)
{
    struct pool_member *m = ud;
    struct pool *p = m->pool;
    static struct buf marked;
    (void)g;
    p->sink.on_sent_late(p->sink.ud, &p->base, ticket,
                         *message_id ? pool_mark(m, message_id, &marked) : "");
}

static void pool_on_own(void *ud, struct gateway *g, const struct event *e)
{
    struct pool_member *m = ud;
    (void)g;
    if (m->pool->stopping || m->stopping)
        return;
    if (!e->history)
        pool_member_heard(m);
    pool_own(m, e);
}

static void pool_on_response(void *ud, struct gateway *g, uint64_t ticket,
                             const struct gateway_response *r)
{
    (void)g;
    pool_response(ud, ticket, r);
}

static void pool_on_state(void *ud, struct gateway *g, const char *reason)
{
    struct pool_member *m = ud;
    struct pool *p = m->pool;
    static struct buf why;
    (void)g;
    pool_member_state(m, reason);
    if (p->stopping || m->stopping)
        return;
    buf_reset(&why);
    buf_addf(&why, "%s: %s", m->g->name, reason ? reason : "");
    p->sink.on_state(p->sink.ud, &p->base, buf_cstr(&why));
}

static void pool_on_chat(void *ud, struct gateway *g, const char *chat, const char *name,
                         bool present)
{
    struct pool_member *m = ud;
    struct pool *p = m->pool;
    (void)g;
    if (p->stopping || m->stopping)
        return;
    struct pool_chat *c = pool_chat_get(p, chat, true);
    pool_present(p, c, m->slot, present,
                 present ? "it is in the group" : "it is no longer in the group");
    if (present || !c->in)
        p->sink.on_chat(p->sink.ud, &p->base, chat, name, present);
    if (present && c->want_ms && c->want_slot < 0)
        pool_wants(p);
}

/* Accounts of the pool are no members for each other. */
static void pool_on_size(void *ud, struct gateway *g, const char *chat, int64_t members)
{
    struct pool_member *m = ud;
    struct pool *p = m->pool;
    (void)g;
    if (p->stopping || m->stopping)
        return;
    const struct pool_chat *c = pool_chat_get(p, chat, true);
    int others = __builtin_popcount(c->in) - 1;
    p->sink.on_size(p->sink.ud, &p->base, chat, members - (others > 0 ? others : 0));
}

static void pool_on_caught_up(void *ud, struct gateway *g, const struct gateway_gap *r)
{
    struct pool_member *m = ud;
    (void)g;
    m->pool->batch++;
    pool_want_done(m, r);
}

static void pool_on_repeated(void *ud, struct gateway *g, const struct event *e)
{
    struct pool_member *m = ud;
    struct pool *p = m->pool;
    (void)g;
    if (e->type == EVENT_JOIN || e->type == EVENT_LEAVE)
        p->sink.on_repeated(p->sink.ud, &p->base, e); /* their keys are not ours */
}

void pool_sink(struct pool_member *m, struct gateway_sink *out)
{
    *out = (struct gateway_sink){.ud = m,
                                 .on_event = pool_on_event,
                                 .on_sent = pool_on_sent,
                                 .on_sent_late = pool_on_sent_late,
                                 .on_own_message = pool_on_own,
                                 .on_response = pool_on_response,
                                 .on_state = pool_on_state,
                                 .on_chat = pool_on_chat,
                                 .on_size = pool_on_size,
                                 .on_caught_up = pool_on_caught_up,
                                 .on_repeated = pool_on_repeated};
}
