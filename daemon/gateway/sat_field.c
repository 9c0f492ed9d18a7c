/* sat_field.c -- the pieces of an event body: ids, texts for people, keys, resources that stand here or there, and a sub-tree as the
 * text that it was. Every field may be missing, null, of a wrong type, or hostile. Callers: sat_event.c, sat_notice.c and whoever
 * reads answers. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/sat.h"

enum sat_id_kind sat_id(const struct json *v, const char **s, size_t *len)
{
    *s = "";
    *len = 0;
    if (!v || v->type == JSON_NULL)
        return SAT_ID_NONE;
    if ((v->type != JSON_STRING && v->type != JSON_NUMBER) || v->len > SAT_ID_MAX)
        return SAT_ID_BAD;
    if (v->type == JSON_NUMBER &&
        (memchr(v->s, '.', v->len) || memchr(v->s, 'e', v->len) || memchr(v->s, 'E', v->len)))
        return SAT_ID_BAD;
    for (size_t i = 0; i < v->len; i++)
        if ((unsigned char)v->s[i] < 0x20 || v->s[i] == 0x7F)
            return SAT_ID_BAD;
    if (!v->len)
        return SAT_ID_NONE;
    *s = v->s;
    *len = v->len;
    return SAT_ID_OK;
}

const char *sat_event_id(struct sat_decode *d, struct event *e, const struct json *v)
{
    const char *s;
    size_t len;
    if (sat_id(v, &s, &len) == SAT_ID_BAD) {
        d->why = "id";
        return NULL;
    }
    return event_string(e, s, len);
}

const char *sat_event_text(struct event *e, const struct json *v, size_t max)
{
    return json_is(v, JSON_STRING) ? event_text(e, v->s, v->len, max) : "";
}

static const struct json *sat_object(const struct json *v)
{
    return json_is(v, JSON_OBJECT) ? v : NULL;
}

const struct json *sat_event_part(const struct json *o, const char *key)
{
    const struct json *v = sat_object(json_get(o, key));
    if (!v)
        v = sat_object(json_get(json_get(o, "message"), key));
    if (!v)
        v = sat_object(json_get(json_get(o, "member"), key));
    if (!v) /* message.member.user */
        v = sat_object(json_get(json_get(json_get(o, "message"), "member"), key));
    return v;
}

static void sat_print_children(struct buf *out, const struct json *v)
{
    bool object = v->type == JSON_OBJECT, first = true;
    buf_addc(out, object ? '{' : '[');
    for (const struct json *c = json_first(v); c; c = json_next(c)) {
        if (!first)
            buf_addc(out, ',');
        first = false;
        if (object) {
            buf_add_json(out, c->key, c->klen);
            buf_addc(out, ':');
        }
        sat_json_print(out, c);
    }
    buf_addc(out, object ? '}' : ']');
}

/* Recursion is bounded by JSON_DEPTH. */
void sat_json_print(struct buf *out, const struct json *v)
{
    switch (v->type) {
    case JSON_NULL: buf_adds(out, "null"); break;
    case JSON_FALSE: buf_adds(out, "false"); break;
    case JSON_TRUE: buf_adds(out, "true"); break;
    case JSON_NUMBER: buf_add(out, v->s, v->len); break;
    case JSON_STRING: buf_add_json(out, v->s, v->len); break;
    default: sat_print_children(out, v); break;
    }
}
