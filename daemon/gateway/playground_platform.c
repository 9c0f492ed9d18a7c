/* playground_platform.c -- what platform the playground is, and what that platform remembers while the daemon restarts: the buttons
 * that stand under the bot's messages, and the chats in which somebody has written to it.
 * Owns: that memory. Callers: playground.c, playground_gateway.c, whoever drives the playground. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/playground_internal.h"

enum {
    PLAY_BUTTONS = 64, /* the newest that can still be pressed */
    PLAY_ALL = GATEWAY_JOIN | GATEWAY_UNMENTIONED | GATEWAY_AT | GATEWAY_AT_ALL | GATEWAY_DM |
               GATEWAY_PROACTIVE | GATEWAY_IMAGE | GATEWAY_BUTTONS | GATEWAY_RECALL | GATEWAY_MUTE |
               GATEWAY_KICK | GATEWAY_MEMBERS | GATEWAY_QUOTE | GATEWAY_CARDS | GATEWAY_DRAFTS,
    PLAY_WECOM =
        GATEWAY_PROACTIVE | GATEWAY_IMAGE | GATEWAY_BUTTONS | GATEWAY_CARDS | GATEWAY_DRAFTS
};

struct play_button {
    char *chat, *message_id, *label, *value;
};

struct play_opened {
    struct play_opened *next;
    char *chat;
};

struct play_memory {
    struct play_button buttons[PLAY_BUTTONS]; /* a ring; the newest before `at` */
    unsigned at, n;
    struct play_opened *opened;
};

unsigned play_all_caps(void)
{
    return PLAY_ALL;
}

unsigned playground_caps(const struct gateway *base)
{
    const struct playground *g = (const struct playground *)base;
    return (g->platform == PLAY_AS_WECOM ? PLAY_WECOM : PLAY_ALL) & ~g->lacks;
}

bool playground_set_platform(struct gateway *base, const char *name)
{
    static const struct {
        const char *name;
        enum play_platform platform;
    } known[] = {{"any", PLAY_AS_ANY}, {"wecom", PLAY_AS_WECOM}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        ((struct playground *)base)->platform = known[i].platform;
        return true;
    }
    return false;
}

void playground_fail_for(struct gateway *base, int64_t ms)
{
    ((struct playground *)base)->fail_retry_ms = ms;
}

/* ---- memory ---- */

static struct play_memory *play_memory(struct playground *g)
{
    if (!g->memory)
        g->memory = MEM_NEW(struct play_memory);
    return g->memory;
}

static void play_button_clear(struct play_button *b)
{
    free(b->chat);
    free(b->message_id);
    free(b->label);
    free(b->value);
}

struct play_memory *playground_take_memory(struct gateway *base)
{
    struct playground *g = (struct playground *)base;
    struct play_memory *m = g->memory;
    g->memory = NULL;
    return m;
}

void playground_give_memory(struct gateway *base, struct play_memory *m)
{
    struct playground *g = (struct playground *)base;
    playground_free_memory(g->memory);
    g->memory = m;
}

void playground_free_memory(struct play_memory *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < PLAY_BUTTONS; i++)
        play_button_clear(&m->buttons[i]);
    while (m->opened) {
        struct play_opened *next = m->opened->next;
        free(m->opened->chat);
        free(m->opened);
        m->opened = next;
    }
    free(m);
}

/* ---- chats that are open to the bot ---- */

static bool play_is_open(const struct play_memory *m, const char *chat)
{
    const struct play_opened *o = m ? m->opened : NULL;
    while (o && strcmp(o->chat, chat) != 0)
        o = o->next;
    return o != NULL;
}

void play_opens(struct playground *g, const char *chat)
{
    struct play_memory *m = play_memory(g);
    if (play_is_open(m, chat))
        return;
    struct play_opened *o = MEM_NEW(struct play_opened);
    o->chat = mem_strdup(chat);
    o->next = m->opened;
    m->opened = o;
}

bool play_hears(const struct playground *g, const struct event *e)
{
    unsigned caps = playground_caps(&g->base);
    switch (e->type) {
    case EVENT_MESSAGE: return (caps & GATEWAY_UNMENTIONED) || e->at_me || e->private_chat;
    case EVENT_JOIN:
    case EVENT_LEAVE: return caps & GATEWAY_JOIN;
    case EVENT_POKE:
    case EVENT_RECALL: return g->platform != PLAY_AS_WECOM;
    default: return true;
    }
}

const char *play_refuses(const struct playground *g, const struct out_message *m)
{
    if (g->platform != PLAY_AS_WECOM || (m->ref && *m->ref) || play_is_open(g->memory, m->chat))
        return NULL;
    return "nobody has written to the bot in this chat yet";
}

/* ---- buttons ---- */

void play_note_buttons(struct playground *g, const struct out_message *m, const char *message_id)
{
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type != SEGMENT_BUTTON)
            continue;
        struct play_memory *memory = play_memory(g);
        struct play_button *b = &memory->buttons[memory->at];
        memory->at = (memory->at + 1) % PLAY_BUTTONS;
        memory->n += memory->n < PLAY_BUTTONS;
        play_button_clear(b);
        *b = (struct play_button){mem_strdup(m->chat), mem_strdup(message_id),
                                  mem_strndup(m->segments[i].text, m->segments[i].text_len),
                                  mem_strdup(m->segments[i].id)};
    }
}

bool playground_find_button(const struct gateway *base, const char *chat, const char *label,
                            const char **message_id, const char **value)
{
    const struct play_memory *m = ((const struct playground *)base)->memory;
    for (unsigned i = 1; m && i <= m->n; i++) {
        const struct play_button *b = &m->buttons[(m->at + PLAY_BUTTONS - i) % PLAY_BUTTONS];
        if (strcmp(b->chat, chat) != 0 || strcmp(b->label, label) != 0)
            continue;
        *message_id = b->message_id;
        *value = b->value;
        return true;
    }
    return false;
}

void playground_press(struct gateway *base, const char *chat, const char *name,
                      const char *message_id, const char *value)
{
    struct playground *g = (struct playground *)base;
    struct event *e = play_event(g, EVENT_BUTTON, chat, name);
    e->message_id = event_string(e, message_id, strlen(message_id));
    e->text = event_string(e, value, strlen(value));
    play_key(g, e);
    play_emit(g, e);
}
