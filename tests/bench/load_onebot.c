/* load_onebot.c -- what the load generator says: message events of realistic size, and answers to the
 * actions that a bot asks. Owns: the event template. Called by: load.c. */
#include "load_onebot.h"

#include "load_conn.h"

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
    struct onebot_world world;
    size_t at[F_COUNT];  /* where each run of '#' begins */
    size_t len[F_COUNT]; /* and how long it is */
    uint32_t sends;
} bot;

void onebot_init(const struct onebot_world *world)
{
    bot.world = *world;
    size_t n = 0;
    for (size_t i = 0; i < sizeof(event_text) - 1;) {
        size_t run = strspn(event_text + i, "#");
        if (run > 0 && n < F_COUNT) {
            bot.at[n] = i;
            bot.len[n++] = run;
        }
        i += run ? run : 1;
    }
    if (n != F_COUNT)
        abort();
}

size_t onebot_event_size(void)
{
    return sizeof(event_text) - 1;
}

static void patch(char *event, enum field f, uint64_t value)
{
    for (char *p = event + bot.at[f] + bot.len[f]; p > event + bot.at[f]; value /= 10)
        *--p = (char)('0' + value % 10);
}

void onebot_put_ping(struct conn *c, uint32_t number, uint64_t turn, time_t now)
{
    char *event = conn_put(c, sizeof(event_text) - 1);
    memcpy(event, event_text, sizeof(event_text) - 1);
    uint64_t group = GROUP_ID + (uint64_t)c->account * bot.world.groups + turn % bot.world.groups;
    uint64_t user = USER_ID + turn / bot.world.groups % bot.world.users;
    uint64_t id = 1000000000u + number; /* ten digits, below 2^31 */
    patch(event, F_SELF, SELF_ID + c->account);
    patch(event, F_USER, user);
    patch(event, F_SENDER, user);
    patch(event, F_TIME, (uint64_t)now);
    patch(event, F_MSG_TIME, (uint64_t)now);
    patch(event, F_MESSAGE, id);
    patch(event, F_REAL, id);
    patch(event, F_SEQ, id);
    patch(event, F_REAL_SEQ, id);
    patch(event, F_RAW, number);
    patch(event, F_TEXT, number);
    patch(event, F_GROUP, group);
    patch(event, F_PEER, group);
}

static void put_text(struct conn *c, const char *text, size_t len)
{
    memcpy(conn_put(c, len), text, len);
}

void onebot_put_lifecycle(struct conn *c, time_t now)
{
    char text[256];
    int n = snprintf(text, sizeof(text),
                     "{\"time\":%lld,\"self_id\":%u,\"post_type\":\"meta_event\","
                     "\"meta_event_type\":\"lifecycle\",\"sub_type\":\"connect\"}",
                     (long long)now, SELF_ID + c->account);
    put_text(c, text, (size_t)n);
}

void onebot_put_heartbeat(struct conn *c, time_t now)
{
    char text[256];
    int n = snprintf(text, sizeof(text),
                     "{\"time\":%lld,\"self_id\":%u,\"post_type\":\"meta_event\","
                     "\"meta_event_type\":\"heartbeat\",\"status\":{\"online\":true,\"good\":true},"
                     "\"interval\":15000}",
                     (long long)now, SELF_ID + c->account);
    put_text(c, text, (size_t)n);
}

/* A stretch of the frame that was received. */
struct span {
    const char *p;
    size_t len;
};

/* The raw value behind `key` (given with quotes): a string with its quotes, or a bare token. */
static struct span value_of(const char *text, size_t len, const char *key)
{
    struct span none = {NULL, 0};
    const char *end = text + len;
    const char *p = memmem(text, len, key, strlen(key));
    if (!p)
        return none;
    p += strlen(key);
    while (p < end && (*p == ' ' || *p == ':'))
        p++;
    const char *q = p;
    if (q < end && *q == '"') {
        for (q++; q < end && *q != '"'; q++)
            if (*q == '\\')
                q++;
        q++;
    } else {
        while (q < end && *q != ',' && *q != '}' && *q != ' ')
            q++;
    }
    return q <= end ? (struct span){p, (size_t)(q - p)} : none;
}

static bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

/* {"status":..,"retcode":..,"data":<data>,..,"echo":<echo as it came>} */
static void put_response(struct conn *c, bool ok, const char *data, size_t data_len,
                         struct span echo)
{
    static const char good[] = "{\"status\":\"ok\",\"retcode\":0,\"data\":";
    static const char bad[] = "{\"status\":\"failed\",\"retcode\":1404,\"data\":";
    static const char rest[] = ",\"message\":\"\",\"wording\":\"\",\"echo\":";
    const char *head = ok ? good : bad;
    size_t head_len = ok ? sizeof(good) - 1 : sizeof(bad) - 1;
    if (!echo.p)
        echo = (struct span){"null", 4};
    char *p = conn_put(c, head_len + data_len + sizeof(rest) - 1 + echo.len + 1);
    p = mempcpy(p, head, head_len);
    p = mempcpy(p, data, data_len);
    p = mempcpy(p, rest, sizeof(rest) - 1);
    p = mempcpy(p, echo.p, echo.len);
    *p = '}';
}

static void answer_group_list(struct conn *c, struct span echo)
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
static void answer_other(struct conn *c, struct span action, const char *text, size_t len,
                         struct span echo)
{
    char data[256] = "null";
    bool ok = true;
    struct span group = value_of(text, len, "\"group_id\"");
    struct span user = value_of(text, len, "\"user_id\"");
    if (span_is(action, "\"get_group_list\"")) {
        answer_group_list(c, echo);
        return;
    }
    if (span_is(action, "\"get_login_info\""))
        snprintf(data, sizeof(data), "{\"user_id\":%u,\"nickname\":\"Bench\"}",
                 SELF_ID + c->account);
    else if (span_is(action, "\"get_version_info\""))
        strcpy(data,
               "{\"app_name\":\"bench_load\",\"protocol_version\":\"v11\",\"app_version\":\"1\"}");
    else if (span_is(action, "\"get_status\""))
        strcpy(data, "{\"online\":true,\"good\":true,\"stat\":{}}");
    else if (span_is(action, "\"get_friend_list\"") || span_is(action, "\"get_group_member_list\""))
        strcpy(data, "[]");
    else if (span_is(action, "\"get_group_msg_history\""))
        strcpy(data, "{\"messages\":[]}");
    else if (span_is(action, "\"get_group_member_info\"") && group.p && user.p)
        snprintf(
            data, sizeof(data),
            "{\"group_id\":%.*s,\"user_id\":%.*s,\"nickname\":\"x\",\"card\":\"\",\"role\":\"member\"}",
            (int)group.len, group.p, (int)user.len, user.p);
    else
        ok = false;
    put_response(c, ok, data, strlen(data), echo);
}

/* The number that p begins with, up to `below`; *p moves behind it and one blank. */
static uint64_t number_at(const char **p, const char *end, uint64_t below)
{
    uint64_t value = 0;
    for (; *p < end && **p >= '0' && **p <= '9' && value < below; (*p)++)
        value = value * 10 + (uint64_t)(**p - '0');
    if (*p < end)
        (*p)++;
    return value;
}

struct onebot_said onebot_answer(struct conn *c, const char *text, size_t len)
{
    struct onebot_said said = {ONEBOT_OTHER, 0, 0};
    struct span action = value_of(text, len, "\"action\"");
    struct span echo = value_of(text, len, "\"echo\"");
    if (!action.p)
        return said;
    if (!span_is(action, "\"send_group_msg\"") && !span_is(action, "\"send_msg\"") &&
        !span_is(action, "\"send_private_msg\"")) {
        answer_other(c, action, text, len, echo);
        return said;
    }
    char data[48];
    int n = snprintf(data, sizeof(data), "{\"message_id\":-%u}", 100000000u + bot.sends++);
    put_response(c, true, data, (size_t)n, echo);
    const char *pong = memmem(text, len, "pong ", 5);
    const char *slept = pong ? NULL : memmem(text, len, "slept ", 6);
    const char *p = pong ? pong + 5 : slept ? slept + 6 : NULL;
    if (!p)
        return said;
    said.kind = pong ? ONEBOT_PONG : ONEBOT_SLEPT;
    said.number = (uint32_t)number_at(&p, text + len, 1u << 31);
    said.due_ms = slept ? number_at(&p, text + len, 1ull << 50) : 0;
    return said;
}
