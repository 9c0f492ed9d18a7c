/* message.c -- see message.h. */
#include "engine/send/message.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

static const struct {
    enum segment_type type;
    const char *name;
} message_kinds[] = {{SEGMENT_TEXT, "text"},    {SEGMENT_AT, "at"},       {SEGMENT_IMAGE, "image"},
                     {SEGMENT_FACE, "face"},    {SEGMENT_REPLY, "reply"}, {SEGMENT_CARD, "card"},
                     {SEGMENT_BUTTON, "button"}};
enum { MESSAGE_KINDS = sizeof message_kinds / sizeof message_kinds[0] };

static const char *message_kind_name(enum segment_type type)
{
    for (int k = 0; k < MESSAGE_KINDS; k++)
        if (message_kinds[k].type == type)
            return message_kinds[k].name;
    return "text";
}

static char *message_put(char **at, const char *s, size_t len)
{
    char *to = *at;
    if (len)
        memcpy(to, s, len);
    to[len] = '\0';
    *at += len + 1;
    return to;
}

struct message *message_new(const struct message_head *head, const struct out_segment *segments,
                            int nsegments)
{
    size_t size = sizeof(struct message) + (size_t)nsegments * sizeof(struct out_segment);
    const char *ref = head->ref ? head->ref : "", *draft = head->draft ? head->draft : "";
    size_t strings = strlen(head->chat) + strlen(head->flow) + strlen(ref) + strlen(draft) + 4;
    for (int i = 0; i < nsegments; i++)
        strings += (segments[i].id ? strlen(segments[i].id) : 0) + segments[i].text_len + 2;
    struct message *m = mem_alloc(size + strings);
    struct out_segment *copy = (struct out_segment *)(void *)(m + 1);
    char *at = (char *)(copy + nsegments);
    m->chat = message_put(&at, head->chat, strlen(head->chat));
    m->flow = message_put(&at, head->flow, strlen(head->flow));
    m->ref = message_put(&at, ref, strlen(ref));
    m->draft = message_put(&at, draft, strlen(draft));
    m->created_ms = head->created_ms;
    m->from_ms = head->from_ms;
    m->until_ms = head->until_ms;
    m->resend = head->resend;
    m->insist = head->insist;
    m->cause = 0;
    m->act = NULL;
    m->answer = head->answer;
    m->kind = head->kind;
    m->late = head->late;
    m->run = NULL;
    for (int i = 0; i < nsegments; i++) {
        const struct out_segment *s = &segments[i];
        copy[i].type = s->type;
        copy[i].id = message_put(&at, s->id ? s->id : "", s->id ? strlen(s->id) : 0);
        copy[i].text = message_put(&at, s->text, s->text_len);
        copy[i].text_len = s->text_len;
    }
    m->segments = copy;
    m->nsegments = nsegments;
    return m;
}

void message_free(struct message *m)
{
    if (!m)
        return;
    free(m->run);
    act_free(m->act);
    free(m);
}

void message_set_run(struct message *m, const char *run)
{
    free(m->run);
    m->run = mem_strdup(run);
}

void message_unmention(struct message *m, const char *user)
{
    struct out_segment *list = (struct out_segment *)m->segments; /* behind it in its own block */
    for (int i = 0; i < m->nsegments; i++) {
        if (list[i].type != SEGMENT_AT || strcmp(list[i].id, user) != 0)
            continue;
        list[i].type = SEGMENT_TEXT;
        if (!list[i].text_len) { /* no name came with it */
            list[i].text = list[i].id;
            list[i].text_len = strlen(list[i].id);
        }
        list[i].id = "";
    }
}

static void message_json_text(struct buf *out, const char *key, const char *text)
{
    if (!*text)
        return;
    buf_addf(out, ",\"%s\":", key);
    buf_add_json(out, text, strlen(text));
}

void message_json(const struct message *m, struct buf *out)
{
    buf_adds(out, "{\"chat\":");
    buf_add_json(out, m->chat, strlen(m->chat));
    buf_adds(out, ",\"flow\":");
    buf_add_json(out, m->flow, strlen(m->flow));
    buf_adds(out, ",\"at\":");
    buf_addi(out, m->created_ms);
    if (m->from_ms) {
        buf_adds(out, ",\"from\":");
        buf_addi(out, m->from_ms);
    }
    buf_adds(out, ",\"until\":");
    buf_addi(out, m->until_ms);
    buf_adds(out, ",\"kind\":\"");
    buf_adds(out, send_kind_name(m->kind));
    buf_addc(out, '"');
    if (m->late != LATE_DELAY) {
        buf_adds(out, ",\"late\":\"");
        buf_adds(out, late_policy_name(m->late));
        buf_addc(out, '"');
    }
    buf_adds(out, m->insist   ? ",\"policy\":\"resend\""
                  : m->resend ? ",\"policy\":\"answer\""
                              : ",\"policy\":\"drop\"");
    message_json_text(out, "ref", m->ref);
    message_json_text(out, "draft", m->draft);
    if (m->act)
        act_json(m->act, out);
    if (m->run)
        message_json_text(out, "run", m->run);
    buf_adds(out, m->answer ? ",\"answer\":true,\"message\":[" : ",\"message\":[");
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        buf_adds(out, i ? ",[\"" : "[\"");
        buf_adds(out, message_kind_name(s->type));
        buf_adds(out, "\",");
        buf_add_json(out, s->type == SEGMENT_TEXT ? s->text : s->id,
                     s->type == SEGMENT_TEXT ? s->text_len : strlen(s->id));
        if (s->type != SEGMENT_TEXT && s->text_len) {
            buf_addc(out, ',');
            buf_add_json(out, s->text, s->text_len);
        }
        buf_addc(out, ']');
    }
    buf_adds(out, "]}");
}

static bool message_parse_segment(const cJSON *item, struct out_segment *s)
{
    const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
    const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(item, 1));
    const char *more = cJSON_GetStringValue(cJSON_GetArrayItem(item, 2));
    if (!kind || !value)
        return false;
    for (int k = 0; k < MESSAGE_KINDS; k++) {
        if (strcmp(kind, message_kinds[k].name) != 0)
            continue;
        s->type = message_kinds[k].type;
        s->id = s->type == SEGMENT_TEXT ? "" : value;
        s->text = s->type == SEGMENT_TEXT ? value : (more ? more : "");
        s->text_len = strlen(s->text);
        return true;
    }
    return false;
}

static double message_number(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

static const char *message_string(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return s ? s : "";
}

/* What the commit found out and wrote behind the entry: mentions to be left out, and the window it was put off to. */
static void message_parse_quota(struct message *m, const cJSON *o)
{
    const cJSON *user;
    cJSON_ArrayForEach (user, cJSON_GetObjectItemCaseSensitive(o, "plain"))
        if (cJSON_IsString(user))
            message_unmention(m, user->valuestring);
    int64_t from = (int64_t)message_number(o, "from2");
    if (from > m->from_ms)
        m->from_ms = from;
}

struct message *message_parse(const char *json, size_t len)
{
    cJSON *o = cJSON_ParseWithLength(json, len);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "message");
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    struct message *m = NULL;
    struct out_segment *segments = mem_zero((size_t)n * sizeof *segments);
    struct gateway_request *act = act_parse(o);
    bool ok = (n > 0 || act) && *message_string(o, "chat");
    for (int i = 0; ok && i < n; i++)
        ok = message_parse_segment(cJSON_GetArrayItem(list, i), &segments[i]);
    if (ok) {
        struct message_head head = {
            .chat = message_string(o, "chat"),
            .flow = message_string(o, "flow"),
            .ref = message_string(o, "ref"),
            .draft = message_string(o, "draft"),
            .created_ms = (int64_t)message_number(o, "at"),
            .from_ms = (int64_t)message_number(o, "from"),
            .until_ms = (int64_t)message_number(o, "until"),
            .resend = strcmp(message_string(o, "policy"), "drop") != 0,
            .insist = strcmp(message_string(o, "policy"), "resend") == 0,
            .answer = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "answer")),
        };
        /* entries of older versions say no kind */
        if (!send_kind_parse(message_string(o, "kind"), &head.kind))
            head.kind = head.answer ? KIND_ANSWER : *head.chat == '@' ? KIND_DM : KIND_BROADCAST;
        late_policy_parse(message_string(o, "late"), &head.late);
        m = message_new(&head, segments, n);
        m->act = act;
        act = NULL;
        if (*message_string(o, "run"))
            message_set_run(m, message_string(o, "run"));
        message_parse_quota(m, o);
    }
    act_free(act);
    free(segments);
    cJSON_Delete(o);
    return m;
}

static int message_add_member(const char **users, int n, int max, const char *user)
{
    for (int i = 0; i < n; i++)
        if (strcmp(users[i], user) == 0)
            return n;
    if (n < max)
        users[n++] = user;
    return n;
}

int message_members(const struct message *m, const char **users, int max)
{
    int n = 0;
    if (*m->chat == '@')
        n = message_add_member(users, n, max, m->chat + 1);
    for (int i = 0; i < m->nsegments; i++)
        if (m->segments[i].type == SEGMENT_AT && strcmp(m->segments[i].id, "all") != 0)
            n = message_add_member(users, n, max, m->segments[i].id);
    return n;
}

void message_plain(const struct message *m, struct buf *out)
{
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        if (s->type == SEGMENT_TEXT)
            buf_add(out, s->text, s->text_len);
        else if (s->type == SEGMENT_AT)
            buf_addf(out, "@%s", s->id);
    }
}

void message_shown(const struct message *m, struct buf *out)
{
    message_plain(m, out);
    for (int i = 0; i < m->nsegments; i++) {
        const struct out_segment *s = &m->segments[i];
        if (s->type == SEGMENT_CARD)
            buf_adds(out, "[card]");
        else if (s->type == SEGMENT_BUTTON)
            buf_addf(out, " [%.*s]", (int)s->text_len, s->text);
    }
}

/* ---- composing ---- */

/* The piece under construction. */
struct composer {
    const struct message_head *head;
    struct out_segment *segments;
    int n, cap, mentions, images;
    size_t chars;
    struct buf *texts; /* owned copies of cleaned texts, one per segment that needs one */
    int ntexts;
    int made;
    void (*fn)(void *ud, struct message *m);
    void *ud;
};

static void composer_emit(struct composer *c)
{
    bool content = false;
    for (int i = 0; i < c->n; i++)
        content = content || c->segments[i].type != SEGMENT_REPLY;
    if (content) {
        c->fn(c->ud, message_new(c->head, c->segments, c->n));
        c->made++;
    }
    c->n = c->mentions = c->images = 0;
    c->chars = 0;
}

static void composer_add(struct composer *c, enum segment_type type, const char *id,
                         const char *text, size_t len)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->segments = mem_realloc(c->segments, (size_t)c->cap * sizeof *c->segments);
    }
    c->segments[c->n++] =
        (struct out_segment){.type = type, .id = id, .text = text, .text_len = len};
}

/* Bytes of s that make at most `chars` characters, preferably ending after a line break. */
static size_t composer_cut(const char *s, size_t len, size_t chars)
{
    size_t i = 0, count = 0, line = 0;
    while (i < len && count < chars) {
        size_t n = utf8_sequence(s + i, len - i);
        i += n ? n : 1;
        count++;
        if (s[i - 1] == '\n')
            line = i;
    }
    return i < len && line > i / 2 ? line : i;
}

static void composer_text(struct composer *c, const char *s, size_t len)
{
    while (len) {
        if (c->chars >= MESSAGE_CHARS)
            composer_emit(c); /* not sooner: buttons and pictures stay with the last piece */
        size_t room = MESSAGE_CHARS - c->chars;
        size_t n = composer_cut(s, len, room);
        if (n < len && c->chars > 0 && n < len / 2 && utf8_count(s, len) <= MESSAGE_CHARS) {
            composer_emit(c); /* it fits whole into the next piece */
            continue;
        }
        composer_add(c, SEGMENT_TEXT, "", s, n);
        c->chars += utf8_count(s, n);
        s += n;
        len -= n;
        if (len)
            composer_emit(c);
    }
}

/* Cleans a text into a buffer that lives until the end of message_compose. */
static const struct buf *composer_clean(struct composer *c, const char *s, size_t len)
{
    struct buf *b = &c->texts[c->ntexts++];
    utf8_clean(b, s, len);
    buf_cstr(b);
    return b;
}

static void composer_at(struct composer *c, const struct out_segment *s, bool keep)
{
    if (keep && c->mentions < MESSAGE_MENTIONS) {
        c->mentions++;
        composer_add(c, SEGMENT_AT, s->id, s->text, s->text_len);
    } else if (keep && s->text_len) {
        const struct buf *name = composer_clean(c, s->text, s->text_len);
        composer_text(c, name->data, name->len);
    }
}

int message_compose(const struct message_head *head, const struct out_segment *segments,
                    int nsegments, bool (*keep_at)(void *ud, const char *user), void *keep_ud,
                    void (*fn)(void *ud, struct message *m), void *ud)
{
    struct composer c = {.head = head, .fn = fn, .ud = ud};
    c.texts = mem_zero((size_t)(nsegments ? nsegments : 1) * sizeof *c.texts);
    bool trim = true; /* a blank at the very start, left behind by a mention that was taken out */
    for (int i = 0; i < nsegments; i++) {
        const struct out_segment *s = &segments[i];
        if (s->type == SEGMENT_TEXT) {
            const struct buf *b = composer_clean(&c, s->text, s->text_len);
            size_t skip = 0;
            while (trim && skip < b->len && b->data[skip] == ' ')
                skip++;
            composer_text(&c, b->data + skip, b->len - skip);
        } else if (s->type == SEGMENT_AT) {
            composer_at(&c, s, !keep_at || keep_at(keep_ud, s->id));
        } else if (s->type != SEGMENT_IMAGE || c.images++ < MESSAGE_IMAGES) {
            composer_add(&c, s->type, s->id, s->text, s->text_len);
        }
        trim = trim && c.n == 0 && c.made == 0;
    }
    if (c.n)
        composer_emit(&c);
    for (int i = 0; i < c.ntexts; i++)
        buf_free(&c.texts[i]);
    free(c.texts);
    free(c.segments);
    return c.made;
}
