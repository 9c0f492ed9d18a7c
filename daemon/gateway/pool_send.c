/* pool_send.c -- what leaves a pool: by the account that serves the chat, with message ids that this account knows. Outcomes go back to
 * the engine, but for what another account can still do: a refusal because one account is muted or is no friend.
 * An id that scripts see bears the name of its account, "qq1:205113001": so it can always be told whose it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/pool_internal.h"

/* ---- ids ---- */

int64_t pool_number(const char *id)
{
    char *end;
    if (!*id || strlen(id) > 19)
        return 0;
    errno = 0;
    long long n = strtoll(id, &end, 10);
    return *end || errno || *id == '+' || *id == ' ' ? 0 : n;
}

const char *pool_mark(const struct pool_member *m, const char *id, struct buf *out)
{
    buf_reset(out);
    buf_adds(out, m->g->name);
    buf_addc(out, ':');
    buf_adds(out, id);
    return buf_cstr(out);
}

struct pool_member *pool_marked(const struct pool *p, const char *marked, const char **id)
{
    const char *colon = marked ? strchr(marked, ':') : NULL;
    *id = marked;
    if (!colon)
        return NULL;
    struct pool_member *m = pool_member_named(p, marked, (size_t)(colon - marked));
    if (m)
        *id = colon + 1;
    return m;
}

/* What `by` calls the message; NULL: it does not know it. room: for a number. */
static const char *pool_id_for(struct pool *p, const struct pool_member *by, const char *chat,
                               const char *marked, char room[24])
{
    const char *id;
    const struct pool_member *owner = pool_marked(p, marked, &id);
    if (!owner || owner == by)
        return id; /* unmarked: from before it was a pool */
    const struct pool_entry *e =
        chat ? pool_seen_by_id(p->seen, hash_string(chat), owner->slot, pool_number(id)) : NULL;
    if (!e || !e->ids[by->slot])
        return NULL;
    snprintf(room, 24, "%lld", (long long)e->ids[by->slot]);
    return room;
}

/* ---- sends ---- */

static void pool_ticket_add(struct pool *p, const struct pool_member *m,
                            const struct out_message *o, uint64_t ticket)
{
    size_t n = strlen(o->chat) + 1;
    struct pool_ticket *t = mem_zero(sizeof *t + n);
    t->ticket = ticket;
    t->slot = m->slot;
    memcpy(t->chat, o->chat, n);
    if (*o->chat != '@')
        t->what = pool_what_out(o->chat, m->self_id, o);
    HASH_ADD(hh, p->tickets, ticket, sizeof t->ticket, t);
}

static void pool_ticket_drop(struct pool *p, struct pool_ticket *t)
{
    HASH_DEL(p->tickets, t);
    free(t);
}

void pool_tickets_free(struct pool *p)
{
    struct pool_ticket *t, *tmp;
    HASH_ITER (hh, p->tickets, t, tmp)
        pool_ticket_drop(p, t);
}

bool pool_send(struct gateway *g, const struct out_message *o, uint64_t ticket)
{
    struct pool *p = (struct pool *)g;
    struct pool_member *m = pool_server(p, o->chat);
    struct out_segment *room = NULL;
    struct out_message own = *o;
    char number[24];
    if (!m || !m->well)
        return false;
    for (int i = 0; i < o->nsegments; i++) {
        if (o->segments[i].type != SEGMENT_REPLY)
            continue;
        room = mem_alloc((size_t)o->nsegments * sizeof *room);
        memcpy(room, o->segments, (size_t)o->nsegments * sizeof *room);
        own.segments = room;
        const char *id = pool_id_for(p, m, o->chat, o->segments[i].id, number);
        if (id) {
            room[i].id = id;
        } else { /* this account cannot quote it: the answer goes out without */
            memmove(room + i, room + i + 1, (size_t)(o->nsegments - i - 1) * sizeof *room);
            own.nsegments--;
        }
        break;
    }
    bool taken = own.nsegments > 0 && m->g->ops->send(m->g, &own, ticket);
    if (taken)
        pool_ticket_add(p, m, &own, ticket);
    free(room);
    return taken;
}

/* The message is in the chat: it gets its ids, and what other accounts tell of it is a repeat. */
static void pool_note_sent(struct pool *p, const struct pool_member *m, const struct pool_ticket *t,
                           const char *id)
{
    const struct pool_chat *c = pool_chat_get(p, t->chat, true);
    struct pool_fact f = {.chat = c->hash,
                          .what = t->what,
                          .id = pool_number(id),
                          .time_s = clock_wall(p->env->clock) / 1000,
                          .slot = m->slot,
                          .near_s = 60,
                          .waited_s = 60,
                          .oldest = true};
    if (pool_seen_by_id(p->seen, c->hash, m->slot, f.id) ||
        pool_seen_match(p->seen, &f, pool_now(p)))
        return;
    pool_seen_add(p->seen, &f, 0, pool_now(p))->ours = true;
}

static int64_t pool_muted_until(const struct pool_chat *c, int slot)
{
    return c->muted ? c->muted[slot] : 0;
}

/* A refusal that another account need not get: the engine may send it again at once. */
static bool pool_another(struct pool *p, const struct pool_member *m, const struct pool_ticket *t,
                         struct send_result *r)
{
    if (*t->chat != '@') {
        const struct pool_chat *c = pool_chat_get(p, t->chat, true);
        if (r->outcome != SEND_MUTED)
            return false;
        int64_t now = clock_wall(p->env->clock);
        if (r->retry_ms <= now) /* the platform may have told us before until when */
            r->retry_ms = pool_muted_until(c, m->slot);
        if (r->retry_ms <= now)
            r->retry_ms = now + POOL_MUTE_MS;
        pool_mute(p, t->chat, m->slot, r->retry_ms);
        int next = pool_choose(p, c);
        return next >= 0 && next != m->slot && pool_fit(p, p->slots[next], c) == 3;
    }
    if (r->outcome != SEND_FAILED)
        return false;
    struct pool_user *u = pool_user_get(p, t->chat, true);
    u->refused |= pool_bit(m->slot);
    for (int i = 0; i < p->nmembers; i++)
        if (!(u->refused & pool_bit(p->order[i]->slot)) && pool_fit(p, p->order[i], NULL))
            return true;
    u->refused = 0; /* nobody reaches them now: the next message tries again */
    return false;
}

void pool_sent(struct pool_member *m, uint64_t ticket, const struct send_result *r)
{
    struct pool *p = m->pool;
    static struct buf marked;
    struct pool_ticket *t;
    struct send_result own = *r;
    HASH_FIND(hh, p->tickets, &ticket, sizeof ticket, t);
    if (r->outcome == SEND_SENT) {
        if (t && *t->chat != '@')
            pool_note_sent(p, m, t, r->message_id);
        if (*r->message_id)
            own.message_id = pool_mark(m, r->message_id, &marked);
    } else if (t && pool_another(p, m, t, &own)) {
        own = (struct send_result){
            .outcome = SEND_UNWRITTEN, .message_id = "", .reason = "another account takes it"};
    }
    if (t)
        pool_ticket_drop(p, t);
    p->sink.on_sent(p->sink.ud, &p->base, ticket, &own);
}

/* ---- actions ---- */

/* Who does it, and by which id. NULL: nobody who could is there. */
static struct pool_member *pool_caller(struct pool *p, const struct gateway_request *r,
                                       const char **arg, char room[24])
{
    bool message = r->action == ACTION_RECALL || r->action == ACTION_REACT;
    struct pool_member *m = pool_server(p, r->chat);
    *arg = r->arg;
    if ((!message && r->action != ACTION_ANSWER_REQUEST) || !r->arg)
        return m;
    const char *id;
    struct pool_member *owner = pool_marked(p, r->arg, &id);
    if (!owner) {
        *arg = id;
        return m;
    }
    *arg = id;
    if (owner->well || !message)
        return owner;
    *arg = m ? pool_id_for(p, m, r->chat, r->arg, room) : NULL;
    return *arg ? m : NULL;
}

bool pool_call(struct gateway *g, const struct gateway_request *r, uint64_t ticket)
{
    struct pool *p = (struct pool *)g;
    char room[24];
    const char *arg;
    struct gateway_request own = *r;
    struct pool_member *m = pool_caller(p, r, &arg, room);
    own.arg = arg;
    return m && m->well && m->g->ops->call(m->g, &own, ticket);
}

/* Our other accounts are no members of a group. */
void pool_response(struct pool_member *m, uint64_t ticket, const struct gateway_response *r)
{
    struct pool *p = m->pool;
    struct gateway_response own = *r;
    struct gateway_member *list = NULL;
    if (r->nmembers) {
        list = mem_alloc(r->nmembers * sizeof *list);
        own.nmembers = 0;
        for (size_t i = 0; i < r->nmembers; i++) {
            struct pool_member *whose = NULL;
            if (pool_is_self(p, r->members[i].user, &whose) && whose != m)
                continue;
            list[own.nmembers] = r->members[i];
            if (whose)
                list[own.nmembers].user = pool_face(p);
            own.nmembers++;
        }
        own.members = list;
    }
    p->sink.on_response(p->sink.ud, &p->base, ticket, &own);
    free(list);
}

/* ---- history ---- */

static struct pool_member *pool_reader(const struct pool *p, const struct pool_chat *c, bool sure)
{
    struct pool_member *best = NULL;
    for (int i = 0; i < p->nmembers; i++) {
        struct pool_member *m = p->order[i];
        bool can = m->well && gateway_can(m->g, GATEWAY_HISTORY);
        if (!can || (c->out & pool_bit(m->slot)) || (sure && !(c->in & pool_bit(m->slot))))
            continue;
        if (!best || m->slot == c->serving)
            best = m;
    }
    return best;
}

static void pool_want_give_up(struct pool *p, struct pool_chat *c)
{
    struct gateway_gap gap = {.chat = c->chat,
                              .since_ms = c->want_ms,
                              .why = "no account that is in the group can read it",
                              .again = true};
    c->want_ms = 0;
    c->want_slot = -1;
    p->sink.on_caught_up(p->sink.ud, &p->base, &gap);
}

/* Asks the account that serves the chat, else one that is in it; until the lists of groups are known it waits a moment. */
static void pool_want(struct pool *p, struct pool_chat *c)
{
    int64_t waited = pool_now(p) - c->want_at;
    if (c->want_slot >= 0 && p->slots[c->want_slot] && p->slots[c->want_slot]->well)
        return;
    c->want_slot = -1;
    struct pool_member *m = pool_reader(p, c, waited < POOL_WANT_MS / 4);
    if (m) {
        c->want_slot = m->slot;
        gateway_catch_up(m->g, c->chat, c->want_ms);
    } else if (waited >= POOL_WANT_MS) {
        pool_want_give_up(p, c);
    }
}

void pool_wants(struct pool *p)
{
    struct pool_chat *c, *tmp;
    HASH_ITER (hh, p->chats, c, tmp)
        if (c->want_ms)
            pool_want(p, c);
}

void pool_catch_up(struct gateway *g, const char *chat, int64_t since_ms)
{
    struct pool *p = (struct pool *)g;
    if (*chat == '@')
        return;
    struct pool_chat *c = pool_chat_get(p, chat, true);
    bool sooner = c->want_ms && since_ms >= c->want_ms && c->want_slot >= 0;
    if (!c->want_ms || since_ms < c->want_ms)
        c->want_ms = since_ms;
    c->want_at = pool_now(p);
    if (!sooner)
        c->want_slot = -1;
    pool_want(p, c);
}

void pool_want_done(struct pool_member *m, const struct gateway_gap *r)
{
    struct pool *p = m->pool;
    struct pool_chat *c = pool_chat_get(p, r->chat, false);
    if (!c || !c->want_ms || c->want_slot != m->slot)
        return; /* somebody else was asked in the meantime */
    c->want_ms = 0;
    c->want_slot = -1;
    p->sink.on_caught_up(p->sink.ud, &p->base, r);
}
