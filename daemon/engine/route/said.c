/* said.c -- staff commands that are given elsewhere, in private or in the staff chat: c:command_in puts one into the queue of its
 * group as a timer that is due at once, so that it is part of the commit and outlives a crash; when it is handed out it becomes the
 * message that the group's staff commands, and nothing else, see (event.via). Callers: the Lua API, timers.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

enum { SAID_TEXT_MAX = 1024, SAID_AT_MAX = 20, SAID_LATE_MS = 600000 };

static const char said_name[] = "#said";

const char *turn_said_in(struct turn *t, const char *chat, const char *text,
                         const char *const *mentions, int nmentions)
{
    if (strlen(text) > SAID_TEXT_MAX || nmentions > SAID_AT_MAX)
        return "the command is too long";
    if (!*turn_user(t))
        return "nobody said it";
    if (t->input->event && t->input->event->late)
        return NULL; /* heard hours later, after a gap: nobody means it any more */
    struct buf json = {0}, key = {0};
    const char *name = turn_name(t);
    const char *const fields[] = {"text", text, "name", name, "via", t->chat->key};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i += 2) {
        buf_addf(&json, "%s\"%s\":", i ? "," : "{", fields[i]);
        buf_add_json(&json, fields[i + 1], strlen(fields[i + 1]));
    }
    buf_adds(&json, ",\"at\":[");
    for (int i = 0; i < nmentions; i++) {
        buf_adds(&json, i ? "," : "");
        buf_add_json(&json, mentions[i], strlen(mentions[i]));
    }
    buf_adds(&json, "]}");
    buf_addf(&key, "%016llx", (unsigned long long)rng_next(&t->rng));
    const char *why =
        turn_timer_in(t, chat, said_name, buf_cstr(&key), t->now_ms, buf_cstr(&json), NULL);
    buf_free(&json);
    buf_free(&key);
    return why;
}

static const char *said_keep(struct event *e, const cJSON *args, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(args, name));
    return s ? event_string(e, s, strlen(s)) : "";
}

/* The text, and behind it those who are @-ed. */
static void said_segments(struct event *e, const cJSON *list)
{
    int n = cJSON_GetArraySize(list) + 1, i = 0;
    struct segment *s = event_room(e, (size_t)n * sizeof *s);
    s[i++] = (struct segment){SEGMENT_TEXT, "text", "", e->text};
    const cJSON *one;
    cJSON_ArrayForEach (one, list) {
        const char *id = cJSON_GetStringValue(one);
        if (id)
            s[i++] = (struct segment){SEGMENT_AT, "at", event_string(e, id, strlen(id)), ""};
    }
    e->segments = s;
    e->nsegments = i;
}

void said_begin(struct gw *gw, struct input *in, const char *chat)
{
    if (strcmp(in->name, said_name) != 0)
        return;
    cJSON *args = cJSON_Parse(in->args ? in->args : "{}");
    struct event *e = event_new(EVENT_MESSAGE, 0);
    bool stale = clock_wall(gw->e->clock) - in->due_ms > SAID_LATE_MS;
    e->chat = event_string(e, chat, strlen(chat));
    e->key = event_string(e, in->key, strlen(in->key));
    e->user = event_string(e, in->user, strlen(in->user));
    e->name = said_keep(e, args, "name");
    e->text = stale ? "" : said_keep(e, args, "text"); /* nobody waits for it any more */
    e->via = said_keep(e, args, "via");
    e->time_ms = e->arrived_ms = in->due_ms;
    e->arrived_ns = clock_ns();
    e->at_me = true;
    said_segments(e, cJSON_GetObjectItemCaseSensitive(args, "at"));
    if (stale)
        log_warn("a command of staff comes too late and is not obeyed", "gateway", gw->name, "chat",
                 chat, NULL);
    cJSON_Delete(args);
    in->kind = INPUT_EVENT;
    in->event = e;
}
