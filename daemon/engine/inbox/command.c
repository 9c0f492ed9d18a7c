/* command.c -- see command.h. Strict on purpose: a misspelled field is refused with its name, rather than an order being counted
 * without its amount. */
#include "engine/inbox/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "gateway/json.h"

enum { COMMAND_POINTS_MAX = 1000000000, COMMAND_ATTEMPTS = 1000000, COMMAND_DEPTH = 16 };
static const int64_t command_amount_max = 1000000000000;
static const int64_t command_time_max = 253402300799999; /* the end of the year 9999 */

enum command_kind { KIND_TEXT, KIND_INTEGER, KIND_YES, KIND_OBJECT, KIND_ARRAY };

static const struct command_rule {
    const char *name;
    enum command_kind kind;
    size_t max; /* bytes */
} command_rules[COMMAND_FIELDS] = {
    [COMMAND_OP] = {"op", KIND_TEXT, 32},
    [COMMAND_ID] = {"id", KIND_TEXT, 100},
    [COMMAND_GATEWAY] = {"gateway", KIND_TEXT, 100},
    [COMMAND_TILL] = {"until", KIND_INTEGER, 20},
    [COMMAND_ATTEMPT] = {"attempt", KIND_INTEGER, 20},
    [COMMAND_FROM] = {"from", KIND_TEXT, 100},
    [COMMAND_AFTER] = {"after", KIND_TEXT, 100},
    [COMMAND_USER] = {"user", KIND_TEXT, 63},
    [COMMAND_CHAT] = {"chat", KIND_TEXT, 64},
    [COMMAND_TAG_NAME] = {"tag", KIND_TEXT, 64},
    [COMMAND_N] = {"points", KIND_INTEGER, 20},
    [COMMAND_REASON] = {"reason", KIND_TEXT, 200},
    [COMMAND_FLOW] = {"flow", KIND_TEXT, 64},
    [COMMAND_NAME] = {"name", KIND_TEXT, 64},
    [COMMAND_ALL] = {"all", KIND_YES, 8},
    [COMMAND_ARGS] = {"args", KIND_OBJECT, 4096},
    [COMMAND_ORDER_ID] = {"order", KIND_TEXT, 100},
    [COMMAND_AMOUNT] = {"amount", KIND_INTEGER, 20},
    [COMMAND_ITEMS] = {"items", KIND_ARRAY, 16384},
    [COMMAND_DATA] = {"data", KIND_OBJECT, 16384},
};

#define FIELD(name) (1U << COMMAND_##name)
enum {
    COMMAND_COMMON =
        FIELD(OP) | FIELD(ID) | FIELD(GATEWAY) | FIELD(TILL) | FIELD(ATTEMPT) | FIELD(CHAT)
};

static const struct {
    const char *name;
    unsigned needs, takes;
} command_ops[COMMAND_OPS] = {
    [COMMAND_TAG] = {"tag", FIELD(USER) | FIELD(TAG_NAME), 0},
    [COMMAND_UNTAG] = {"untag", FIELD(USER) | FIELD(TAG_NAME), 0},
    [COMMAND_POINTS] = {"points", FIELD(USER) | FIELD(N), FIELD(REASON)},
    [COMMAND_ORDER] = {"order", FIELD(USER) | FIELD(ORDER_ID) | FIELD(AMOUNT),
                       FIELD(ITEMS) | FIELD(DATA)},
    [COMMAND_TRIGGER] = {"trigger", FIELD(FLOW) | FIELD(NAME),
                         FIELD(USER) | FIELD(TAG_NAME) | FIELD(ALL) | FIELD(ARGS) | FIELD(FROM) |
                             FIELD(AFTER)},
    [COMMAND_OPT_OUT] = {"opt_out", FIELD(USER), 0},
    [COMMAND_OPT_IN] = {"opt_in", FIELD(USER), 0},
    [COMMAND_FORGET] = {"forget", FIELD(USER), 0},
};

const char *command_op_name(enum command_op op)
{
    return command_ops[op].name;
}

const char *command_field_name(enum command_field field)
{
    return command_rules[field].name;
}

static bool command_is(const struct command_text *t, const char *name)
{
    return t->len == strlen(name) && memcmp(t->s, name, t->len) == 0;
}

/* A stranger's text within a reason: short and clean. */
static void command_quote(struct buf *out, const struct command_text *t)
{
    struct buf clean = {0};
    utf8_clean(&clean, t->s, t->len < 200 ? t->len : 200);
    buf_addc(out, '"');
    buf_add(out, clean.data ? clean.data : "",
            utf8_cut(clean.data ? clean.data : "", clean.len, 40));
    buf_adds(out, clean.len > 40 ? "...\"" : "\"");
    buf_free(&clean);
}

static int command_find_field(const struct command_text *name)
{
    for (int i = 0; i < COMMAND_FIELDS; i++)
        if (command_is(name, command_rules[i].name))
            return i;
    return -1;
}

/* ---- values ---- */

static bool command_integer(const char *s, size_t len, int64_t *out)
{
    size_t i = len && (*s == '-' || *s == '+') ? 1 : 0;
    if (i == len || len - i > 18)
        return false;
    int64_t n = 0;
    for (size_t k = i; k < len; k++) {
        if (s[k] < '0' || s[k] > '9')
            return false;
        n = n * 10 + (s[k] - '0');
    }
    *out = *s == '-' ? -n : n;
    return true;
}

/* Ids go into keys and logs: no control characters, no blanks around. */
static bool command_plain(const struct command_text *v)
{
    if (!v->len || v->s[0] == ' ' || v->s[v->len - 1] == ' ')
        return false;
    for (size_t i = 0; i < v->len; i++)
        if ((unsigned char)v->s[i] < 32 || v->s[i] == 127)
            return false;
    return utf8_valid(v->s, v->len);
}

/* Not nested more deeply than scripts can read it. */
static bool command_is_flat(const struct command_text *v)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < v->len && depth <= COMMAND_DEPTH; i++) {
        char c = v->s[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{'))
            depth++;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
    return depth <= COMMAND_DEPTH;
}

/* It becomes part of a larger text, where a byte order mark, which our reader forgives at the beginning, would be a fault. */
static bool command_json(const struct command_text *v, enum json_type type)
{
    struct json_doc doc = {0};
    if (v->len >= 3 && memcmp(v->s, "\xEF\xBB\xBF", 3) == 0)
        return false;
    char *copy = mem_strndup(v->s, v->len);
    bool ok = utf8_valid(v->s, v->len) && !memchr(v->s, '\0', v->len) && command_is_flat(v) &&
              json_is(json_parse(&doc, copy, v->len), type);
    free(copy);
    json_doc_free(&doc);
    return ok;
}

static const char *command_wrong(const struct command_rule *rule, const struct command_text *v)
{
    int64_t n;
    if (v->len > rule->max)
        return "is too long";
    switch (rule->kind) {
    case KIND_TEXT: return command_plain(v) ? NULL : "must be a text of plain characters";
    case KIND_INTEGER: return command_integer(v->s, v->len, &n) ? NULL : "must be a whole number";
    case KIND_YES: return command_is(v, "yes") ? NULL : "must be yes";
    case KIND_OBJECT: return command_json(v, JSON_OBJECT) ? NULL : "must be a JSON object";
    case KIND_ARRAY: return command_json(v, JSON_ARRAY) ? NULL : "must be a JSON array";
    }
    return NULL;
}

/* ---- the entry ---- */

/* Takes names and values into text[], as offsets first: room may move. */
static bool command_take(struct command *c, const struct command_text *pieces, size_t npairs,
                         struct buf *why)
{
    size_t at[COMMAND_FIELDS], bytes = 0;
    bool given[COMMAND_FIELDS] = {false};
    if (npairs > COMMAND_PAIRS) {
        buf_adds(why, "too many fields");
        return false;
    }
    for (size_t i = 0; i < npairs * 2; i++)
        bytes += pieces[i].len;
    if (bytes > COMMAND_BYTES) {
        buf_adds(why, "the entry is too large");
        return false;
    }
    for (size_t i = 0; i < npairs; i++) {
        const struct command_text *name = &pieces[i * 2], *value = name + 1;
        int field = command_find_field(name);
        const char *wrong = field < 0      ? "is not known"
                            : given[field] ? "is given twice"
                                           : command_wrong(&command_rules[field], value);
        if (wrong) {
            buf_adds(why, "field ");
            command_quote(why, name);
            buf_addf(why, " %s", wrong);
            return false;
        }
        given[field] = true;
        at[field] = c->room.len;
        buf_add(&c->room, value->s, value->len);
        buf_addc(&c->room, '\0');
    }
    for (int i = 0; i < COMMAND_FIELDS; i++)
        c->text[i] = given[i] ? c->room.data + at[i] : NULL;
    return true;
}

static bool command_find_op(struct command *c, struct buf *why)
{
    const char *op = c->text[COMMAND_OP];
    if (!op) {
        buf_adds(why, "field \"op\" is missing");
        return false;
    }
    for (int i = 0; i < COMMAND_OPS; i++) {
        if (strcmp(command_ops[i].name, op) == 0) {
            c->op = (enum command_op)i;
            return true;
        }
    }
    buf_addf(why, "op \"%s\" is not known", op);
    return false;
}

static bool command_check_fields(const struct command *c, struct buf *why)
{
    unsigned needs = command_ops[c->op].needs;
    unsigned takes = needs | command_ops[c->op].takes | COMMAND_COMMON;
    for (int i = 0; i < COMMAND_FIELDS; i++) {
        bool given = c->text[i] != NULL;
        if (given == ((needs >> i & 1) || (given && (takes >> i & 1))))
            continue;
        buf_addf(why, "field \"%s\" %s %s", command_rules[i].name,
                 given ? "does not belong to" : "is missing for", command_ops[c->op].name);
        return false;
    }
    return true;
}

static int64_t command_number(const struct command *c, enum command_field field)
{
    int64_t n = 0;
    if (c->text[field])
        command_integer(c->text[field], strlen(c->text[field]), &n);
    return n;
}

static const char *command_check_values(const struct command *c, const char *gateway)
{
    const char *const *t = c->text;
    if (t[COMMAND_GATEWAY] && strcmp(t[COMMAND_GATEWAY], gateway) != 0)
        return "field \"gateway\" names another gateway than this stream's";
    if (t[COMMAND_N] && (!c->n || c->n > COMMAND_POINTS_MAX || c->n < -COMMAND_POINTS_MAX))
        return "field \"points\" must be between -1000000000 and 1000000000, and not 0";
    if (c->amount < 0 || c->amount > command_amount_max)
        return "field \"amount\" must be cents, between 0 and 1000000000000";
    if (c->until_ms < 0 || c->until_ms > command_time_max)
        return "field \"until\" must be milliseconds since 1970";
    int64_t attempt = command_number(c, COMMAND_ATTEMPT);
    if (attempt < 0 || attempt > COMMAND_ATTEMPTS)
        return "field \"attempt\" is out of range";
    if (t[COMMAND_USER] && strcmp(t[COMMAND_USER], "all") == 0)
        return "field \"user\" names nobody: all is no person"; /* it would @ everybody */
    int places = !!t[COMMAND_CHAT] + !!t[COMMAND_TAG_NAME] + !!t[COMMAND_ALL];
    if (c->op == COMMAND_TRIGGER && places != 1)
        return "trigger needs one of \"chat\", \"tag\" and \"all\"";
    return NULL;
}

struct command *command_parse(const char *gateway, const char *entry,
                              const struct command_text *pieces, size_t npairs, struct buf *why)
{
    struct command *c = MEM_NEW(struct command);
    snprintf(c->entry, sizeof c->entry, "%s", entry);
    bool ok = command_take(c, pieces, npairs, why) && command_find_op(c, why) &&
              command_check_fields(c, why);
    if (ok) {
        c->n = command_number(c, COMMAND_N);
        c->amount = command_number(c, COMMAND_AMOUNT);
        c->until_ms = command_number(c, COMMAND_TILL);
        const char *wrong = command_check_values(c, gateway);
        if (wrong)
            buf_adds(why, wrong);
        ok = !wrong;
    }
    if (ok)
        return c;
    command_free(c);
    return NULL;
}

void command_identity(const struct command *c, struct buf *out)
{
    const char *id = c->text[COMMAND_ID], *order = c->text[COMMAND_ORDER_ID];
    /* a letter before each kind: an order's number is no entry's id */
    buf_addf(out, "%s:%s:%s:%s:%s", command_ops[c->op].name,
             id      ? "i"
             : order ? "o"
                     : "e",
             id      ? id
             : order ? order
                     : c->entry,
             c->text[COMMAND_ATTEMPT] ? c->text[COMMAND_ATTEMPT] : "",
             c->text[COMMAND_AFTER] ? c->text[COMMAND_AFTER] : "");
}

int64_t command_entry_ms(const char *entry)
{
    const char *dash = strchr(entry, '-');
    int64_t ms;
    return dash && command_integer(entry, (size_t)(dash - entry), &ms) && ms >= 0 ? ms : -1;
}

void command_args(const struct command *c, struct buf *out)
{
    if (c->op == COMMAND_TRIGGER && c->text[COMMAND_ARGS])
        buf_adds(out, c->text[COMMAND_ARGS]);
    if (c->op != COMMAND_ORDER)
        return;
    buf_adds(out, "{\"id\":");
    buf_add_json(out, c->text[COMMAND_ORDER_ID], strlen(c->text[COMMAND_ORDER_ID]));
    buf_addf(out, ",\"amount\":%lld", (long long)c->amount);
    if (c->text[COMMAND_ITEMS])
        buf_addf(out, ",\"items\":%s", c->text[COMMAND_ITEMS]);
    if (c->text[COMMAND_DATA])
        buf_addf(out, ",\"data\":%s", c->text[COMMAND_DATA]);
    buf_addc(out, '}');
}
