/* input.c -- what a turn can be caused by (internal.h: struct input), and the identity that makes it happen once. */
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { INPUT_DAY_MS = 86400000 };

struct input *input_event(struct event *e)
{
    struct input *in = MEM_NEW(struct input);
    in->kind = INPUT_EVENT;
    in->event = e;
    return in;
}

void input_free(struct input *in)
{
    if (!in)
        return;
    input_tell(in, RUN_GONE, "the daemon could not do it now");
    event_free(in->event);
    command_free(in->command);
    free(in->flow);
    free(in->name);
    free(in->key);
    free(in->args);
    free(in->user);
    free(in->id);
    free(in);
}

void input_tell(struct input *in, enum run_fit fit, const char *text)
{
    void (*told)(void *ud, enum run_fit fit, const char *text) = in->told;
    in->told = NULL;
    if (told)
        told(in->told_ud, fit, text);
}

static uint64_t input_part(uint64_t h, const char *s)
{
    return hash_more(h, s, strlen(s) + 1);
}

uint64_t input_hash(const struct input *in, const char *chat, int64_t *day, bool *own_time)
{
    const struct command *c = in->command;
    /* what an outside system asks for is the same wherever it happens; a trigger for many chats is another one in each */
    if (c && !c->text[COMMAND_FROM])
        chat = "";
    uint64_t h = input_part(hash_mix((uint64_t)in->kind + 1), chat);
    *own_time = true;
    int64_t when = in->due_ms;
    switch (in->kind) {
    case INPUT_EVENT:
        h = input_part(input_part(h, event_type_name(in->event->type)), in->event->key);
        when = in->event->time_ms;
        /* without a time of the platform's own, a repeat may fall on another day than the first */
        *own_time = in->event->time_ms != in->event->arrived_ms;
        break;
    case INPUT_SCHEDULE:
        h = input_part(input_part(h, in->flow), in->name);
        h = hash_more(h, &in->serial,
                      sizeof in->serial); /* the date: a moved clock time is no second occasion */
        break;
    case INPUT_TIMER:
        h = input_part(h, in->id);
        h = hash_more(h, &in->serial, sizeof in->serial);
        h = hash_more(h, &in->due_ms, sizeof in->due_ms);
        break;
    case INPUT_SAY: h = input_part(h, in->name); break;
    case INPUT_RUN:
        h = input_part(h, in->name);
        h = hash_more(h, &in->why, sizeof in->why);
        h = hash_more(h, &in->serial, sizeof in->serial);
        h = hash_more(h, &in->due_ms, in->why == RUN_DUE ? sizeof in->due_ms : 0);
        break;
    }
    *day = when / INPUT_DAY_MS;
    return h;
}
