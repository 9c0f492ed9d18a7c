/* load_wecom.c -- the gateway of WeCom's bots as the load generator plays it; every account is a bot. Owns: the event template.
 * Called by: load.c. */
#include "load_conn.h"
#include "load_dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_ID 700000001u
#define USER_ID  3300000001u

/* A message that mentions the bot in a group. '#' runs are patched for each message: the order of `fields`. */
static const char event_text[] =
    "{\"cmd\":\"aibot_msg_callback\",\"headers\":{\"req_id\":\"Q1w7rTzPl0aXcVbN########\"},\"body\":{"
    "\"msgid\":\"CAIQp8yYxwYYvYKb1oCAAyDz########\",\"aibotid\":\"aibBENCH\",\"chatid\":\"wrBENCHxcVbNm#########\","
    "\"chattype\":\"group\",\"from\":{\"userid\":\"wo##########\"},\"create_time\":##########,\"msgtype\":\"text\","
    "\"text\":{\"content\":\"@Bench ping ########\"},\"response_url\":"
    "\"https://qyapi.example/cgi-bin/aibot/response?response_code=Q1w7rTzPl0aXcVbNmKjHgFdSaPoIuYtReWq\"}}";

enum field { F_REQUEST, F_MESSAGE, F_GROUP, F_USER, F_TIME, F_TEXT, F_COUNT };

static struct {
    struct load_world world;
    struct load_template event;
} gateway;

static void wecom_init(const struct load_world *world)
{
    gateway.world = *world;
    load_template_init(&gateway.event, event_text, F_COUNT);
}

static size_t wecom_event_size(void)
{
    return gateway.event.len;
}

static void wecom_put_message(struct conn *c, const struct load_message *m)
{
    const struct load_template *t = &gateway.event;
    char *event = load_template_put(t, c);
    const uint64_t values[F_COUNT] = {
        [F_REQUEST] = m->number,
        [F_MESSAGE] = m->number,
        [F_GROUP] =
            GROUP_ID + (uint64_t)c->account * gateway.world.groups + m->turn % gateway.world.groups,
        [F_USER] = USER_ID + m->turn / gateway.world.groups % gateway.world.users,
        [F_TIME] = (uint64_t)m->now,
        [F_TEXT] = m->number,
    };
    for (size_t f = 0; f < F_COUNT; f++)
        load_template_fill(t, event, f, values[f]);
    if (m->quiet)
        memcpy(event + t->at[F_TEXT] - 5, "note", 4);
}

/* Every frame is acknowledged. */
static struct load_said wecom_answer(struct conn *c, const char *text, size_t len)
{
    static const char head[] = "{\"headers\":{\"req_id\":",
                      tail[] = "},\"errcode\":0,\"errmsg\":\"ok\"}";
    struct load_said nothing = {LOAD_OTHER, 0, 0};
    struct load_span id = load_value(text, len, "\"req_id\"");
    if (!id.p)
        return nothing;
    char *p = conn_put(c, sizeof(head) - 1 + id.len + sizeof(tail) - 1);
    p = mempcpy(p, head, sizeof(head) - 1);
    p = mempcpy(p, id.p, id.len);
    memcpy(p, tail, sizeof(tail) - 1);
    struct load_span cmd = load_value(text, len, "\"cmd\"");
    bool send =
        load_span_is(cmd, "\"aibot_respond_msg\"") || load_span_is(cmd, "\"aibot_send_msg\"");
    return send ? load_said_in(text, len) : nothing;
}

const struct load_dialect load_wecom = {
    .name = "wecom",
    .init = wecom_init,
    .event_size = wecom_event_size,
    .put_message = wecom_put_message,
    .answer = wecom_answer,
};
