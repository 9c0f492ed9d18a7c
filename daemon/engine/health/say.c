/* say.c -- see say.h. */
#include "engine/health/say.h"

#include <string.h>

#include "engine/internal.h"

void say_in(struct gw *gw, const char *chat, const char *id, const char *text, int64_t late_ms,
            bool drop)
{
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_SAY;
    in->name = mem_strdup(id);
    in->args = mem_strdup(text);
    in->due_ms = clock_wall(gw->e->clock);
    in->late_ms = late_ms;
    in->drop = drop;
    chat_push_front(chat_get(gw, chat, true), in); /* a full queue must not keep it out */
}

void say_turn(struct turn *t)
{
    const struct input *in = t->input;
    struct out_segment s = {
        .type = SEGMENT_TEXT, .id = "", .text = in->args, .text_len = strlen(in->args)};
    struct turn_message m = {.segments = &s,
                             .nsegments = 1,
                             .answer = true,
                             .anytime = true,
                             .late_ms = in->late_ms,
                             .policy = in->drop ? POLICY_DROP : POLICY_DEFAULT};
    const char *why = turn_send(t, &m);
    if (why)
        log_warn("the daemon cannot say something", "gateway", t->gw->name, "chat", t->chat->key,
                 "reason", why, NULL);
}
