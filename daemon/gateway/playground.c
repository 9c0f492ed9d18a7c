/* playground.c -- see playground.h. Owns: groups with their members, names, results that wait to be reported. */
#include "gateway/playground.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "gateway/plain.h"
#include "gateway/playground_internal.h"

/* ---- people ---- */

static struct play_person *play_find(struct playground *g, const char *name)
{
    for (struct play_person *p = g->people; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static bool play_id_taken(const struct playground *g, const char *id)
{
    if (strcmp(id, PLAY_SELF) == 0)
        return true;
    for (const struct play_person *p = g->people; p; p = p->next)
        if (strcmp(p->id, id) == 0)
            return true;
    return false;
}

const char *playground_user(struct gateway *base, const char *name)
{
    struct playground *g = (struct playground *)base;
    if (strcmp(name, g->self_name) == 0)
        return PLAY_SELF;
    struct play_person *p = play_find(g, name);
    if (p)
        return p->id;
    p = MEM_NEW(struct play_person);
    p->name = mem_strdup(name);
    uint64_t h = hash_string(name);
    do
        snprintf(p->id, sizeof p->id, "%u", (unsigned)(100000000 + h++ % 900000000));
    while (play_id_taken(g, p->id));
    p->next = g->people;
    g->people = p;
    return p->id;
}

const char *playground_name(struct gateway *base, const char *user)
{
    struct playground *g = (struct playground *)base;
    if (strcmp(user, PLAY_SELF) == 0)
        return g->self_name;
    for (const struct play_person *p = g->people; p; p = p->next)
        if (strcmp(p->id, user) == 0)
            return p->name;
    return user;
}

const char *playground_private(struct gateway *base, const char *name)
{
    struct playground *g = (struct playground *)base;
    snprintf(g->private_key, sizeof g->private_key, "@%s", playground_user(base, name));
    return g->private_key;
}

/* ---- groups ---- */

static struct play_group *play_group(struct playground *g, const char *chat)
{
    for (struct play_group *p = g->groups; p; p = p->next)
        if (strcmp(p->id, chat) == 0)
            return p;
    return NULL;
}

static struct play_member *play_member(struct play_group *group, const char *user)
{
    for (struct play_member *m = group ? group->members : NULL; m; m = m->next)
        if (strcmp(m->user, user) == 0)
            return m;
    return NULL;
}

void play_size(struct playground *g, const char *chat)
{
    const struct play_group *group = play_group(g, chat);
    if (group && g->link == LINK_UP)
        g->sink.on_size(g->sink.ud, &g->base, group->id, (int64_t)group->nmembers);
}

static struct play_member *play_enter(struct playground *g, const char *chat, const char *user)
{
    struct play_group *group = play_group(g, chat);
    struct play_member *m = play_member(group, user);
    if (m || !group)
        return m;
    m = MEM_NEW(struct play_member);
    snprintf(m->user, sizeof m->user, "%s", user);
    m->role = "member";
    m->joined_s = clock_wall(g->env.clock) / 1000;
    m->next = group->members;
    group->members = m;
    group->nmembers++;
    play_size(g, chat);
    return m;
}

static void play_exit(struct playground *g, const char *chat, const char *user)
{
    struct play_group *group = play_group(g, chat);
    for (struct play_member **at = group ? &group->members : NULL; at && *at; at = &(*at)->next) {
        struct play_member *m = *at;
        if (strcmp(m->user, user) != 0)
            continue;
        *at = m->next;
        group->nmembers--;
        free(m);
        return;
    }
}

void playground_add_group(struct gateway *base, const char *chat, const char *name)
{
    struct playground *g = (struct playground *)base;
    struct play_group *group = play_group(g, chat);
    if (!group) {
        group = MEM_NEW(struct play_group);
        group->id = mem_strdup(chat);
        struct play_group **at = &g->groups;
        while (*at)
            at = &(*at)->next;
        *at = group;
    }
    free(group->name);
    group->name = mem_strdup(name);
    if (g->link == LINK_UP)
        g->sink.on_chat(g->sink.ud, &g->base, group->id, group->name, true);
}

void playground_set_self_name(struct gateway *base, const char *name)
{
    struct playground *g = (struct playground *)base;
    free(g->self_name);
    g->self_name = mem_strdup(name);
}

void playground_set_role(struct gateway *base, const char *chat, const char *name, const char *role)
{
    static const char *const roles[] = {"owner", "admin", "member"};
    struct playground *g = (struct playground *)base;
    struct play_member *m = play_enter(g, chat, playground_user(base, name));
    for (int i = 0; m && i < 3; i++)
        if (strcmp(roles[i], role) == 0)
            m->role = roles[i];
}

void playground_admit(struct gateway *base, const char *chat, const char *name, const char *role,
                      int64_t joined_s)
{
    struct playground *g = (struct playground *)base;
    playground_set_role(base, chat, name, role);
    struct play_member *m = play_member(play_group(g, chat), playground_user(base, name));
    if (m)
        m->joined_s = joined_s;
}

int64_t playground_last_id(const struct gateway *base)
{
    return ((const struct playground *)base)->last_id;
}

void playground_set_last_id(struct gateway *base, int64_t id)
{
    ((struct playground *)base)->last_id = id;
}

void playground_set_watch(struct gateway *base, const struct playground_watch *watch)
{
    ((struct playground *)base)->watch = *watch;
}

/* ---- what happens ---- */

static void play_next_id(struct playground *g)
{
    snprintf(g->message_id, sizeof g->message_id, "%lld", (long long)++g->last_id);
}

struct event *play_event(struct playground *g, enum event_type type, const char *chat,
                         const char *name)
{
    struct event *e = event_new(type, 0);
    const struct play_group *group = play_group(g, chat);
    const char *user = playground_user(&g->base, name);
    e->chat = event_string(e, chat, strlen(chat));
    e->chat_name = group ? event_string(e, group->name, strlen(group->name)) : "";
    e->private_chat = *chat == '@';
    e->user = event_string(e, user, strlen(user));
    e->name = event_string(e, name, strlen(name));
    const struct play_member *m = play_member(play_group(g, chat), user);
    e->role = m ? m->role : "";
    e->arrived_ms = clock_wall(g->env.clock);
    e->time_ms = e->arrived_ms - g->ago_ms;
    e->history = g->ago_ms > 0;
    e->late = g->ago_ms > 120000; /* as the default of other gateways */
    e->arrived_ns = clock_ns();
    return e;
}

void play_key(struct playground *g, struct event *e)
{
    char key[64];
    int n = snprintf(key, sizeof key, "%s%lld", event_type_name(e->type), (long long)++g->last_id);
    e->key = event_string(e, key, (size_t)n);
}

/* The platform wants its own word back with what answers this. */
static void play_set_ref(struct playground *g, struct event *e)
{
    char ref[80];
    if (g->platform != PLAY_AS_WECOM)
        return;
    int n = snprintf(ref, sizeof ref, "re:%s", e->key);
    e->ref = event_string(e, ref, (size_t)n);
}

void play_emit(struct playground *g, struct event *e)
{
    if (g->link == LINK_UP && !g->stopping && play_hears(g, e)) {
        play_set_ref(g, e);
        if (e->type == EVENT_MESSAGE || e->type == EVENT_BUTTON)
            play_opens(g, e->chat);
        char chat[EVENT_ID_MAX + 1];
        snprintf(chat, sizeof chat, "%s", e->chat);
        g->sink.on_event(g->sink.ud, &g->base, e);
        play_size(g, chat); /* joins and leaves are counted in it already */
    } else {
        event_free(e);
    }
}

/* The person whose name stands behind the @ at s, the longest that fits; its length, 0 if nobody. */
static size_t play_mention(struct playground *g, const char *s, const char **id)
{
    static const char everybody[] = "全体成员";
    size_t best = 0, n = strlen(g->self_name);
    if (strncmp(s, g->self_name, n) == 0) {
        best = n;
        *id = PLAY_SELF;
    }
    for (const struct play_person *p = g->people; p; p = p->next) {
        n = strlen(p->name);
        if (n > best && strncmp(s, p->name, n) == 0) {
            best = n;
            *id = p->id;
        }
    }
    if (strncmp(s, everybody, sizeof everybody - 1) == 0 && sizeof everybody - 1 > best) {
        best = sizeof everybody - 1;
        *id = "all";
    }
    return best;
}

static void play_segment(struct event *e, struct segment *list, enum segment_type type,
                         const char *kind, const char *id, const char *text, size_t len)
{
    struct segment *s = &list[e->nsegments++];
    s->type = type;
    s->kind = kind;
    s->id = event_string(e, id, strlen(id));
    s->text = event_string(e, text, len);
}

static void play_segments(struct playground *g, struct event *e, const char *quoted,
                          const char *text, bool image)
{
    size_t room = 3;
    for (const char *p = text; *p; p++)
        room += *p == '@' ? 2 : 0;
    struct segment *list = event_room(e, room * sizeof *list);
    e->segments = list;
    if (quoted)
        play_segment(e, list, SEGMENT_REPLY, "reply", quoted, "", 0);
    const char *from = text, *p = text;
    while (*p) {
        const char *id = "";
        size_t n = *p == '@' ? play_mention(g, p + 1, &id) : 0;
        if (!n) {
            p++;
            continue;
        }
        if (p > from)
            play_segment(e, list, SEGMENT_TEXT, "text", "", from, (size_t)(p - from));
        play_segment(e, list, SEGMENT_AT, "at", id, p + 1, n);
        p = from = p + 1 + n;
    }
    if (p > from)
        play_segment(e, list, SEGMENT_TEXT, "text", "", from, (size_t)(p - from));
    if (image)
        play_segment(e, list, SEGMENT_IMAGE, "image", "file:///playground.png", "", 0);
}

static const char *play_speak(struct playground *g, const char *chat, const char *name,
                              const char *quoted, const char *text, bool image)
{
    play_enter(g, chat, playground_user(&g->base, name));
    struct event *e = play_event(g, EVENT_MESSAGE, chat, name);
    play_next_id(g);
    size_t n = strlen(g->message_id);
    e->message_id = event_string(e, g->message_id, n);
    char *key = event_room(e, n + 2);
    key[0] = 'm';
    memcpy(key + 1, g->message_id, n);
    e->key = key;
    if (quoted)
        e->reply_to = event_string(e, quoted, strlen(quoted));
    play_segments(g, e, quoted, text, image);
    e->at_me = e->private_chat;
    for (int i = 0; i < e->nsegments; i++) {
        if (e->segments[i].type != SEGMENT_AT)
            continue;
        if (strcmp(e->segments[i].id, PLAY_SELF) == 0)
            e->at_me = true;
        else
            e->at_other = true;
    }
    struct buf plain = {0};
    plain_text(&plain, e->segments, e->nsegments, PLAY_SELF);
    e->text = event_string(e, plain.data, plain.len);
    buf_free(&plain);
    play_emit(g, e);
    return g->message_id;
}

const char *playground_say(struct gateway *base, const char *chat, const char *name,
                           const char *text)
{
    return play_speak((struct playground *)base, chat, name, NULL, text, false);
}

const char *playground_reply(struct gateway *base, const char *chat, const char *name,
                             const char *message_id, const char *text)
{
    return play_speak((struct playground *)base, chat, name, message_id, text, false);
}

const char *playground_image(struct gateway *base, const char *chat, const char *name,
                             const char *caption)
{
    return play_speak((struct playground *)base, chat, name, NULL, caption ? caption : "", true);
}

static void play_operator(struct playground *g, struct event *e, const char *name)
{
    const char *id = name ? playground_user(&g->base, name) : "";
    e->operator_id = event_string(e, id, strlen(id));
}

void playground_join(struct gateway *base, const char *chat, const char *name, const char *inviter)
{
    struct playground *g = (struct playground *)base;
    play_enter(g, chat, playground_user(base, name));
    struct event *e = play_event(g, EVENT_JOIN, chat, name);
    play_operator(g, e, inviter);
    e->sub = inviter ? "invite" : "approve";
    play_key(g, e);
    play_emit(g, e);
}

static void play_leave(struct playground *g, const char *chat, const char *name,
                       const char *operator_id)
{
    play_exit(g, chat, playground_user(&g->base, name));
    struct event *e = play_event(g, EVENT_LEAVE, chat, name);
    e->operator_id = event_string(e, operator_id, strlen(operator_id));
    e->sub = *operator_id ? "kick" : "leave";
    play_key(g, e);
    play_emit(g, e);
}

void playground_leave(struct gateway *base, const char *chat, const char *name, const char *kicker)
{
    play_leave((struct playground *)base, chat, name, kicker ? playground_user(base, kicker) : "");
}

void playground_poke(struct gateway *base, const char *chat, const char *name, const char *target)
{
    struct playground *g = (struct playground *)base;
    struct event *e = play_event(g, EVENT_POKE, chat, name);
    const char *id = target ? playground_user(base, target) : PLAY_SELF;
    e->target = event_string(e, id, strlen(id));
    e->at_me = strcmp(id, PLAY_SELF) == 0;
    play_key(g, e);
    play_emit(g, e);
}

void playground_enter(struct gateway *base, const char *name)
{
    struct playground *g = (struct playground *)base;
    struct event *e = play_event(g, EVENT_ENTER, playground_private(base, name), name);
    play_key(g, e);
    play_emit(g, e);
}

void playground_recall(struct gateway *base, const char *chat, const char *name,
                       const char *message_id)
{
    struct playground *g = (struct playground *)base;
    struct event *e = play_event(g, EVENT_RECALL, chat, name);
    e->message_id = event_string(e, message_id, strlen(message_id));
    e->operator_id = e->user;
    play_key(g, e);
    play_emit(g, e);
}

void playground_request(struct gateway *base, const char *chat, const char *name,
                        const char *comment)
{
    struct playground *g = (struct playground *)base;
    struct event *e = play_event(g, EVENT_REQUEST, chat, name);
    struct segment *s = event_room(e, sizeof *s);
    e->sub = *chat == '@' ? "friend" : "add";
    e->segments = s;
    play_segment(e, s, SEGMENT_TEXT, "text", "", comment, strlen(comment));
    e->text = s->text;
    play_key(g, e);
    e->flag = e->key;
    play_emit(g, e);
}

void playground_fail_sends(struct gateway *base, enum send_outcome outcome, const char *reason,
                           int count)
{
    struct playground *g = (struct playground *)base;
    g->fail_outcome = outcome;
    g->fail_count = count;
    free(g->fail_reason);
    g->fail_reason = mem_strdup(reason ? reason : "");
}

void playground_set_state(struct gateway *base, enum gateway_link link,
                          enum gateway_account account)
{
    struct playground *g = (struct playground *)base;
    g->link = link;
    g->account = account;
    g->sink.on_state(g->sink.ud, &g->base, "set by hand");
}

unsigned playground_pending(const struct gateway *base)
{
    return ((const struct playground *)base)->nresults;
}

void play_kick(struct playground *g, const char *chat, const char *user)
{
    play_leave(g, chat, playground_name(&g->base, user), PLAY_SELF);
}

struct gateway_member *play_members(struct playground *g, const char *chat, size_t *n)
{
    struct play_group *group = play_group(g, chat);
    *n = 0;
    if (!group)
        return NULL;
    struct gateway_member *list = mem_zero((group->nmembers + 1) * sizeof *list);
    for (const struct play_member *m = group->members; m; m = m->next)
        list[(*n)++] = (struct gateway_member){m->user, playground_name(&g->base, m->user), m->role,
                                               m->joined_s};
    return list;
}

const char *play_chat_name(struct playground *g, const char *chat)
{
    const struct play_group *group = play_group(g, chat);
    return group ? group->name : *chat == '@' ? playground_name(&g->base, chat + 1) : chat;
}
