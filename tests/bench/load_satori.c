/* load_satori.c -- a Satori server as the load generator plays it: events by WebSocket, calls by HTTP, one login an account, whose
 * address ends in /<account>. Owns: the event template. Called by: load.c. */
#include "load_conn.h"
#include "load_dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELF_ID  2100000000u
#define GROUP_ID 700000001u
#define USER_ID  3300000001u

/* A group message as a server of QQ accounts prints it. '#' runs are patched for each message: the order of `fields`. */
static const char event_text[] =
    "{\"op\":0,\"body\":{\"id\":########,\"sn\":########,\"type\":\"message-created\",\"self_id\":\"##########\","
    "\"platform\":\"llonebot\",\"timestamp\":##########000,\"login\":{\"sn\":1,\"adapter\":\"llonebot\","
    "\"platform\":\"llonebot\",\"user\":{\"id\":\"##########\",\"name\":\"Bench\"},\"status\":1},"
    "\"channel\":{\"id\":\"#########\",\"type\":0,\"name\":\"朝阳区福利群\"},"
    "\"guild\":{\"id\":\"#########\",\"name\":\"朝阳区福利群\",\"avatar\":\"https://p.example/gh/1/640\"},"
    "\"user\":{\"id\":\"##########\",\"name\":\"春风十里\",\"avatar\":\"https://q.example/headimg?spec=640\","
    "\"is_bot\":false},\"member\":{\"nick\":\"朝阳店-小美/北京\",\"avatar\":\"https://q.example/headimg?spec=640\","
    "\"joined_at\":1700000000000,\"roles\":[{\"id\":\"member\",\"name\":\"member\"}]},"
    "\"message\":{\"id\":\"2|#########|########\",\"content\":\"ping ########\"}}}";

enum field {
    F_ID,
    F_SN,
    F_SELF,
    F_TIME,
    F_LOGIN,
    F_CHANNEL,
    F_GUILD,
    F_USER,
    F_PEER,
    F_MESSAGE,
    F_TEXT,
    F_COUNT
};

static struct {
    struct load_world world;
    struct load_template event;
    uint32_t sends;
} server;

static void satori_init(const struct load_world *world)
{
    server.world = *world;
    load_template_init(&server.event, event_text, F_COUNT);
}

static size_t satori_event_size(void)
{
    return server.event.len;
}

static uint64_t group_of(const struct conn *c, uint64_t turn)
{
    return GROUP_ID + (uint64_t)c->account * server.world.groups + turn % server.world.groups;
}

static void satori_put_message(struct conn *c, const struct load_message *m)
{
    const struct load_template *t = &server.event;
    char *event = load_template_put(t, c);
    uint64_t group = group_of(c, m->turn);
    const uint64_t values[F_COUNT] = {
        [F_ID] = m->number,
        [F_SN] = m->number,
        [F_SELF] = SELF_ID + c->account,
        [F_TIME] = (uint64_t)m->now,
        [F_LOGIN] = SELF_ID + c->account,
        [F_CHANNEL] = group,
        [F_GUILD] = group,
        [F_USER] = USER_ID + m->turn / server.world.groups % server.world.users,
        [F_PEER] = group,
        [F_MESSAGE] = m->number,
        [F_TEXT] = m->number,
    };
    for (size_t f = 0; f < F_COUNT; f++)
        load_template_fill(t, event, f, values[f]);
    if (m->quiet)
        memcpy(event + t->at[F_TEXT] - 5, "note", 4);
}

/* Text of the account as a resource. */
static int print_login(char *into, size_t size, unsigned account)
{
    return snprintf(into, size,
                    "{\"sn\":1,\"platform\":\"llonebot\",\"adapter\":\"llonebot\",\"status\":1,"
                    "\"user\":{\"id\":\"%u\",\"name\":\"Bench\"},"
                    "\"features\":[\"message.create\",\"guild.list\",\"guild.plain\"]}",
                    SELF_ID + account);
}

static void answer_frame(struct conn *c, const char *text, size_t len)
{
    char login[256], answer[384];
    int n = 0;
    struct load_span op = load_value(text, len, "\"op\"");
    if (load_span_is(op, "3")) {
        print_login(login, sizeof(login), c->account);
        n = snprintf(answer, sizeof(answer),
                     "{\"op\":4,\"body\":{\"logins\":[%s],\"proxy_urls\":[]}}", login);
    } else if (load_span_is(op, "1")) {
        n = snprintf(answer, sizeof(answer), "{\"op\":2,\"body\":{}}");
    }
    if (n > 0)
        memcpy(conn_put(c, (size_t)n), answer, (size_t)n);
}

static void answer_guilds(struct conn *c)
{
    char *data = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&data, &len);
    if (!f)
        abort();
    fputs("{\"data\":[", f);
    for (unsigned g = 0; g < server.world.groups; g++)
        fprintf(f, "%s{\"id\":\"%llu\",\"name\":\"bench %u\"}", g ? "," : "",
                (unsigned long long)group_of(c, g), g);
    fputs("]}", f);
    fclose(f);
    conn_put_http(c, data, len);
    free(data);
}

static struct load_said satori_answer(struct conn *c, const char *text, size_t len)
{
    struct load_said nothing = {LOAD_OTHER, 0, 0};
    char answer[256];
    if (!c->http) {
        answer_frame(c, text, len);
    } else if (strstr(c->path, "/message.create")) {
        int n =
            snprintf(answer, sizeof(answer), "[{\"id\":\"2|1|%u\"}]", 100000000u + server.sends++);
        conn_put_http(c, answer, (size_t)n);
        return load_said_in(text, len);
    } else if (strstr(c->path, "/guild.list")) {
        answer_guilds(c);
    } else if (strstr(c->path, "/login.get")) {
        conn_put_http(c, answer, (size_t)print_login(answer, sizeof(answer), c->account));
    } else {
        static const char none[] = "{\"data\":[]}";
        conn_put_http(c, none, sizeof(none) - 1);
    }
    return nothing;
}

const struct load_dialect load_satori = {
    .name = "satori",
    .init = satori_init,
    .event_size = satori_event_size,
    .put_message = satori_put_message,
    .answer = satori_answer,
};
