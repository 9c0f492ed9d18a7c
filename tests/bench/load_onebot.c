/* load_onebot.c -- what the load generator says: message events of realistic size, and answers to the
 * actions that a bot asks. Owns: the event template. Called by: load.c. */
#include "load_conn.h"
#include "load_dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELF_ID  2100000000u
#define GROUP_ID 700000001u
#define USER_ID  3300000001u

/* A group message as NapCat prints it. '#' runs are patched for each message: the order of `fields`. */
static const char event_text[] =
    "{\"self_id\":##########,\"user_id\":##########,\"time\":##########,\"message_id\":##########,"
    "\"message_seq\":##########,\"real_id\":##########,\"real_seq\":\"##########\","
    "\"message_type\":\"group\",\"sender\":{\"user_id\":##########,\"nickname\":\"春风十里\","
    "\"sex\":\"unknown\",\"age\":0,\"card\":\"朝阳店-小美/北京\",\"area\":\"\",\"level\":\"12\","
    "\"role\":\"member\",\"title\":\"\"},\"raw_message\":\"ping ########\",\"font\":14,"
    "\"sub_type\":\"normal\",\"message\":[{\"type\":\"text\",\"data\":{\"text\":\"ping ########\"}}],"
    "\"message_format\":\"array\",\"post_type\":\"message\",\"group_id\":#########,"
    "\"group_name\":\"朝阳区福利群\",\"anonymous\":null,"
    "\"raw\":{\"msgId\":\"7301845529930183412\",\"peerUid\":\"#########\",\"chatType\":2,"
    "\"msgTime\":\"##########\",\"senderUid\":\"u_Qw7rTzPl0aXcVbNm\",\"elements\":"
    "[{\"elementType\":1,\"elementId\":\"7301845529930184901\",\"extBufForUI\":\"0x\"}]}}";

enum field {
    F_SELF,
    F_USER,
    F_TIME,
    F_MESSAGE,
    F_SEQ,
    F_REAL,
    F_REAL_SEQ,
    F_SENDER,
    F_RAW,
    F_TEXT,
    F_GROUP,
    F_PEER,
    F_MSG_TIME,
    F_COUNT
};

static struct {
    struct load_world world;
    struct load_template event;
    uint32_t sends;
} bot;

static void onebot_init(const struct load_world *world)
{
    bot.world = *world;
    load_template_init(&bot.event, event_text, F_COUNT);
}

static size_t onebot_event_size(void)
{
    return bot.event.len;
}

static void onebot_put_message(struct conn *c, const struct load_message *m)
{
    const struct load_template *t = &bot.event;
    char *event = load_template_put(t, c);
    uint64_t group =
        GROUP_ID + (uint64_t)c->account * bot.world.groups + m->turn % bot.world.groups;
    uint64_t user = USER_ID + m->turn / bot.world.groups % bot.world.users;
    uint64_t id = 1000000000u + m->number; /* ten digits, below 2^31 */
    const uint64_t values[F_COUNT] = {
        [F_SELF] = SELF_ID + c->account,
        [F_USER] = user,
        [F_TIME] = (uint64_t)m->now,
        [F_MESSAGE] = id,
        [F_SEQ] = id,
        [F_REAL] = id,
        [F_REAL_SEQ] = id,
        [F_SENDER] = user,
        [F_RAW] = m->number,
        [F_TEXT] = m->number,
        [F_GROUP] = group,
        [F_PEER] = group,
        [F_MSG_TIME] = (uint64_t)m->now,
    };
    for (size_t f = 0; f < F_COUNT; f++)
        load_template_fill(t, event, f, values[f]);
    if (m->quiet) {
        memcpy(event + t->at[F_RAW] - 5, "note", 4);
        memcpy(event + t->at[F_TEXT] - 5, "note", 4);
    }
}

static void put_text(struct conn *c, const char *text, size_t len)
{
    memcpy(conn_put(c, len), text, len);
}

static void onebot_put_lifecycle(struct conn *c, time_t now)
{
    char text[256];
    int n = snprintf(text, sizeof(text),
                     "{\"time\":%lld,\"self_id\":%u,\"post_type\":\"meta_event\","
                     "\"meta_event_type\":\"lifecycle\",\"sub_type\":\"connect\"}",
                     (long long)now, SELF_ID + c->account);
    put_text(c, text, (size_t)n);
}

static void onebot_put_heartbeat(struct conn *c, time_t now)
{
    char text[256];
    int n = snprintf(text, sizeof(text),
                     "{\"time\":%lld,\"self_id\":%u,\"post_type\":\"meta_event\","
                     "\"meta_event_type\":\"heartbeat\",\"status\":{\"online\":true,\"good\":true},"
                     "\"interval\":15000}",
                     (long long)now, SELF_ID + c->account);
    put_text(c, text, (size_t)n);
}

/* {"status":..,"retcode":..,"data":<data>,..,"echo":<echo as it came>} */
static void put_response(struct conn *c, bool ok, const char *data, size_t data_len,
                         struct load_span echo)
{
    static const char good[] = "{\"status\":\"ok\",\"retcode\":0,\"data\":";
    static const char bad[] = "{\"status\":\"failed\",\"retcode\":1404,\"data\":";
    static const char rest[] = ",\"message\":\"\",\"wording\":\"\",\"echo\":";
    const char *head = ok ? good : bad;
    size_t head_len = ok ? sizeof(good) - 1 : sizeof(bad) - 1;
    if (!echo.p)
        echo = (struct load_span){"null", 4};
    char *p = conn_put(c, head_len + data_len + sizeof(rest) - 1 + echo.len + 1);
    p = mempcpy(p, head, head_len);
    p = mempcpy(p, data, data_len);
    p = mempcpy(p, rest, sizeof(rest) - 1);
    p = mempcpy(p, echo.p, echo.len);
    *p = '}';
}

static void answer_group_list(struct conn *c, struct load_span echo)
{
    char *data = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&data, &len);
    if (!f)
        abort();
    for (unsigned g = 0; g < bot.world.groups; g++)
        fprintf(
            f,
            "%c{\"group_id\":%u,\"group_name\":\"bench %u\",\"member_count\":%u,\"max_member_count\":2000}",
            g ? ',' : '[', GROUP_ID + c->account * bot.world.groups + g, g, bot.world.users);
    fputc(']', f);
    fclose(f);
    put_response(c, true, data, len, echo);
    free(data);
}

/* Everything but sends: small truthful answers, or "unknown action". */
static void answer_other(struct conn *c, struct load_span action, const char *text, size_t len,
                         struct load_span echo)
{
    char data[256] = "null";
    bool ok = true;
    struct load_span group = load_value(text, len, "\"group_id\"");
    struct load_span user = load_value(text, len, "\"user_id\"");
    if (load_span_is(action, "\"get_group_list\"")) {
        answer_group_list(c, echo);
        return;
    }
    if (load_span_is(action, "\"get_login_info\""))
        snprintf(data, sizeof(data), "{\"user_id\":%u,\"nickname\":\"Bench\"}",
                 SELF_ID + c->account);
    else if (load_span_is(action, "\"get_version_info\""))
        strcpy(data,
               "{\"app_name\":\"bench_load\",\"protocol_version\":\"v11\",\"app_version\":\"1\"}");
    else if (load_span_is(action, "\"get_status\""))
        strcpy(data, "{\"online\":true,\"good\":true,\"stat\":{}}");
    else if (load_span_is(action, "\"get_friend_list\"") ||
             load_span_is(action, "\"get_group_member_list\""))
        strcpy(data, "[]");
    else if (load_span_is(action, "\"get_group_msg_history\""))
        strcpy(data, "{\"messages\":[]}");
    else if (load_span_is(action, "\"get_group_member_info\"") && group.p && user.p)
        snprintf(
            data, sizeof(data),
            "{\"group_id\":%.*s,\"user_id\":%.*s,\"nickname\":\"x\",\"card\":\"\",\"role\":\"member\"}",
            (int)group.len, group.p, (int)user.len, user.p);
    else
        ok = false;
    put_response(c, ok, data, strlen(data), echo);
}

static struct load_said onebot_answer(struct conn *c, const char *text, size_t len)
{
    struct load_said nothing = {LOAD_OTHER, 0, 0};
    struct load_span action = load_value(text, len, "\"action\"");
    struct load_span echo = load_value(text, len, "\"echo\"");
    if (!action.p)
        return nothing;
    if (!load_span_is(action, "\"send_group_msg\"") && !load_span_is(action, "\"send_msg\"") &&
        !load_span_is(action, "\"send_private_msg\"")) {
        answer_other(c, action, text, len, echo);
        return nothing;
    }
    char data[48];
    int n = snprintf(data, sizeof(data), "{\"message_id\":-%u}", 100000000u + bot.sends++);
    put_response(c, true, data, (size_t)n, echo);
    return load_said_in(text, len);
}

const struct load_dialect load_onebot = {
    .name = "onebot11",
    .init = onebot_init,
    .event_size = onebot_event_size,
    .put_message = onebot_put_message,
    .put_open = onebot_put_lifecycle,
    .put_heartbeat = onebot_put_heartbeat,
    .answer = onebot_answer,
};
