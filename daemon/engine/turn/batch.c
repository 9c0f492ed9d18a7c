/* batch.c -- the words that a batch of turns is for the commit script (store/commit.lua says which). Caller: committer.c. */
#include "engine/turn/batch.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "engine/send/quota.h"

enum { SEEN_SHARDS = 64, SEEN_KEEP_S = 3 * 86400, BATCH_SENDS = BATCH_TURNS * 20 };

void batch_text(struct batch *b, const char *s, size_t len)
{
    buf_add_bulk(&b->words, s, len);
    b->n++;
}

void batch_int(struct batch *b, int64_t n)
{
    buf_add_bulk_int(&b->words, n);
    b->n++;
}

/* Is it the first rule of its scope that concerns these kinds? */
static bool batch_leads(const struct pace_rule *rules, int i)
{
    for (int k = 0; k < i; k++)
        if (rules[k].kinds == rules[i].kinds)
            return false;
    return true;
}

/* Those of the same kinds as rule i. */
static void batch_group(struct batch *b, const struct pace_rule *rules, int n, int i, unsigned sent)
{
    char kinds[SEND_KINDS + 1];
    int count = 0, len = pace_rule_kinds(&rules[i], kinds);
    for (int k = i; k < n; k++)
        count += rules[k].kinds == rules[i].kinds;
    batch_text(b, kinds, (size_t)len);
    batch_text(b, kinds, (rules[i].kinds & sent) == sent ? 0 : (size_t)len);
    batch_int(b, count);
    for (int k = i; k < n; k++) {
        if (rules[k].kinds != rules[i].kinds)
            continue;
        batch_int(b, rules[k].interval_us);
        batch_int(b, pace_tolerance(&rules[k]));
    }
}

/* The rules of one scope, by the kinds that they concern. Those that concern none of the kinds that are sent are left out: most batches
 * are nothing but answers. */
static void batch_rules(struct batch *b, const struct pace *p, enum pace_scope scope, unsigned sent)
{
    const struct pace_rule *rules = p->rules[scope];
    int n = p->nrules[scope], groups = 0;
    for (int i = 0; i < n; i++)
        groups += (rules[i].kinds & sent) && batch_leads(rules, i);
    batch_int(b, groups);
    for (int i = 0; i < n; i++)
        if ((rules[i].kinds & sent) && batch_leads(rules, i))
            batch_group(b, rules, n, i, sent);
}

static void batch_seen_key(struct gw *gw, struct buf *key, int64_t day, unsigned shard)
{
    buf_reset(key);
    gw_key(gw, key, "seen");
    buf_addc(key, ':');
    buf_addi(key, day);
    buf_addc(key, ':');
    buf_addi(key, shard);
}

/* True when this process has not yet given that set its time to live. */
static bool batch_first_touch(struct gw *gw, int64_t day, unsigned shard)
{
    uint64_t bit = (uint64_t)1 << shard;
    unsigned slot = (unsigned)day & 3;
    if ((gw->seen_day >> (slot * 16) & 0xFFFF) != ((uint64_t)day & 0xFFFF)) {
        gw->seen_day &= ~((uint64_t)0xFFFF << (slot * 16));
        gw->seen_day |= ((uint64_t)day & 0xFFFF) << (slot * 16);
        gw->seen_touched[slot] = 0;
    }
    bool first = !(gw->seen_touched[slot] & bit);
    gw->seen_touched[slot] |= bit;
    return first;
}

/* By whom, as what and to whom the sends of a batch go, by position. */
static struct {
    const char *chats[BATCH_SENDS];
    char flags[BATCH_SENDS + 1];
    int nchats;
    struct account *accounts[BATCH_SENDS];
    int naccounts;
    struct {
        int account;
        enum send_kind kind;
    } lines[BATCH_SENDS];
    int nlines;
    const char **members;
    int nmembers, members_cap;
} to;

static int batch_chat(const char *chat, enum send_kind kind)
{
    int i = 0;
    while (i < to.nchats && to.chats[i] != chat && strcmp(to.chats[i], chat) != 0)
        i++;
    if (i == to.nchats) {
        to.chats[to.nchats++] = chat;
        to.flags[i] = '-';
    }
    if (!send_kind_urgent(kind))
        to.flags[i] = 'b';
    return i + 1;
}

static int batch_line(struct account *a, enum send_kind kind)
{
    for (int i = 0; i < to.nlines; i++)
        if (to.lines[i].kind == kind && to.accounts[to.lines[i].account - 1] == a)
            return i + 1;
    int who = 0;
    while (who < to.naccounts && to.accounts[who] != a)
        who++;
    if (who == to.naccounts)
        to.accounts[to.naccounts++] = a;
    to.lines[to.nlines].account = who + 1;
    to.lines[to.nlines].kind = kind;
    return ++to.nlines;
}

static int batch_member(const char *user)
{
    for (int i = 0; i < to.nmembers; i++)
        if (strcmp(to.members[i], user) == 0)
            return i + 1;
    if (to.nmembers == to.members_cap) {
        to.members_cap = to.members_cap ? to.members_cap * 2 : 64;
        to.members = mem_realloc(to.members, (size_t)to.members_cap * sizeof *to.members);
    }
    to.members[to.nmembers++] = user;
    return to.nmembers;
}

/* Whom a message reaches by name, if there are limits of members. */
static void batch_send_members(struct batch *b, const struct message *m)
{
    const char *users[MESSAGE_MENTIONS + 1];
    int n = message_members(m, users, MESSAGE_MENTIONS + 1);
    batch_int(b, n);
    for (int i = 0; i < n; i++)
        batch_int(b, batch_member(users[i]));
}

static struct quota_batch quotas;

static void batch_send(struct batch *b, struct gw *gw, struct turn_out *o)
{
    static struct buf json;
    const struct message *m = o->message;
    char id[40];
    if (!o->id)
        o->id = gw->next_id++;
    outbox_print_id(o->id, id);
    batch_text(b, id, strlen(id));
    batch_int(b, batch_line(account_of(gw, m->chat), m->kind));
    batch_int(b, batch_chat(m->chat, m->kind));
    batch_int(b, o->not_before_ms * 1000);
    batch_int(b, o->latest_ms * 1000);
    int64_t jitter = pace_jitter(&gw->pace, o->id);
    batch_int(b, m->late == LATE_MERGE ? -1 - jitter : jitter);
    if (gw->pace.nrules[PACE_MEMBER])
        batch_send_members(b, m);
    buf_reset(&json);
    message_json(m, &json);
    batch_text(b, json.data, json.len);
    b->n += quota_words(&quotas, gw, m, account_of(gw, m->chat)->name, o->attention, &b->words);
}

static void batch_names(struct batch *b, const char *const *names, int n)
{
    batch_int(b, n);
    for (int i = 0; i < n; i++)
        batch_text(b, names[i], strlen(names[i]));
}

void batch_keys(struct batch *b, const struct gw *gw)
{
    static const char *const kinds[] = {"epoch", "pace", "outbox"};
    static struct buf key;
    batch_int(b, 3 + (quotas.n ? QUOTA_PERS * 2 : 0));
    for (int i = 0; i < 3; i++) {
        buf_reset(&key);
        gw_key(gw, &key, kinds[i]);
        batch_text(b, key.data, key.len);
    }
    b->n += quota_keys(&quotas, gw, clock_wall(gw->e->clock), &b->words);
}

void batch_concerned(struct batch *b, const struct gw *gw)
{
    unsigned sent = 0;
    for (int i = 0; i < to.nlines; i++)
        sent |= 1u << to.lines[i].kind;
    batch_rules(b, &gw->pace, PACE_ACCOUNT, sent);
    batch_rules(b, &gw->pace, PACE_CHAT, sent);
    batch_rules(b, &gw->pace, PACE_MEMBER,
                KINDS_ALL); /* the sends say their members if there are any */
    batch_int(b, to.naccounts);
    for (int i = 0; i < to.naccounts; i++) {
        batch_text(b, to.accounts[i]->name, strlen(to.accounts[i]->name));
        batch_int(b, account_stretch(to.accounts[i]));
    }
    batch_int(b, to.nlines);
    for (int i = 0; i < to.nlines; i++) {
        batch_int(b, to.lines[i].account);
        batch_int(b, to.lines[i].kind);
    }
    batch_names(b, to.chats, to.nchats);
    batch_text(b, to.flags, (size_t)to.nchats);
    if (gw->pace.nrules[PACE_MEMBER])
        batch_names(b, to.members, to.nmembers);
    b->n += quota_head(&quotas, gw, clock_wall(gw->e->clock), &b->words);
    quota_begin(&quotas);
    to.nchats = to.nlines = to.naccounts = to.nmembers = 0;
}

void batch_turn(struct batch *b, struct turn *t, bool again)
{
    static struct buf key;
    struct gw *gw = t->gw;
    unsigned shard = (unsigned)(t->hash % SEEN_SHARDS);
    batch_seen_key(gw, &key, t->day, shard);
    batch_text(b, key.data, key.len);
    batch_int(b, batch_first_touch(gw, t->day, shard) || again ? SEEN_KEEP_S : 0);
    buf_reset(&key);
    if (!t->own_time)
        batch_seen_key(gw, &key, t->day - 1, shard);
    batch_text(b, key.data ? key.data : "", key.len);
    batch_int(b, (int64_t)t->hash);
    batch_int(b, t->nops);
    buf_add(&b->words, t->ops.data, t->ops.len);
    b->n += t->nargs;
    batch_int(b, t->nouts);
    for (struct turn_out *o = t->outs; o; o = o->next)
        batch_send(b, gw, o);
}
