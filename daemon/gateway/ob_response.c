/* ob_response.c -- responses: matched by echo, read by the few fields that implementations agree on, classified into what
 * it means for a message that was to be sent. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "gateway/ob.h"

enum { OB_NO_RETCODE = -32768 };

static void ob_answer_text(const struct json *o, struct ob_answer *a, const char *status)
{
    static const char *const fields[] = {"message", "wording", "msg"};
    const struct json *v = NULL;
    for (int i = 0; i < 3; i++) {
        v = json_get(o, fields[i]);
        if (json_is(v, JSON_STRING) && v->len)
            break;
        v = NULL;
    }
    struct buf clean = {0};
    const char *text = v ? v->s : status;
    size_t len = v ? v->len : strlen(status);
    utf8_clean(&clean, text, utf8_cut(text, len, OB_REASON_MAX));
    size_t n = utf8_cut(clean.data, clean.len, OB_REASON_MAX);
    if (n)
        memcpy(a->reason, clean.data, n);
    a->reason[n] = '\0';
    buf_free(&clean);
}

void ob_answer_read(const struct json *o, struct ob_answer *a)
{
    const char *status = json_text(json_get(o, "status"));
    const struct json *rc = json_get(o, "retcode");
    a->reason[0] = '\0';
    a->data = json_get(o, "data");
    if (!status)
        status = "";
    if (!json_int(rc, &a->retcode))
        a->retcode = strcmp(status, "ok") == 0 && !rc ? 0 : OB_NO_RETCODE;
    if (strcmp(status, "async") == 0) {
        a->result = OB_ACCEPTED;
        return;
    }
    if (a->retcode == 0 && strcmp(status, "failed") != 0) {
        a->result = OB_OK;
        return;
    }
    a->result = OB_FAILED;
    ob_answer_text(o, a, status);
}

/* "result": N or "result":N somewhere in the text. */
static bool ob_answer_result(const char *text, const char *number)
{
    for (const char *p = text; (p = strstr(p, "\"result\"")) != NULL;) {
        p += 8;
        while (*p == ' ' || *p == ':')
            p++;
        size_t n = strlen(number);
        if (strncmp(p, number, n) == 0 && !(p[n] >= '0' && p[n] <= '9'))
            return true;
    }
    return false;
}

static const struct {
    const char *text;
    enum ob_class class;
} ob_class_texts[] = {
    {"rich media transfer failed", OB_CLASS_MEDIA},
    {"ERR_NOT_GROUP_ADMIN", OB_CLASS_PERMISSION},
    {"cannot ban owner", OB_CLASS_PERMISSION},
    {"cannot ban admin", OB_CLASS_PERMISSION},
    {"PERMISSION_DENIED", OB_CLASS_PERMISSION},
    {"NOT_MANAGEABLE", OB_CLASS_PERMISSION},
    {"user not in group", OB_CLASS_NOT_FOUND},
    {"No such request", OB_CLASS_NOT_FOUND},
    {"GROUP_NOT_FOUND", OB_CLASS_NOT_FOUND},
    {"MEMBER_NOT_FOUND", OB_CLASS_NOT_FOUND},
    {"MESSAGE_NOT_FOUND", OB_CLASS_NOT_FOUND},
    {"FLAG_NOT_FOUND", OB_CLASS_NOT_FOUND},
    {"FLAG_HAS_BEEN_CHECKED", OB_CLASS_HANDLED},
    {"packetBackend", OB_CLASS_UNSUPPORTED},
    {"API_NOT_FOUND", OB_CLASS_UNSUPPORTED},
    {"SEND_MSG_API_ERROR", OB_CLASS_UNKNOWN},
    {"Timeout", OB_CLASS_UNKNOWN},
    {"\xe9\xa3\x8e\xe6\x8e\xa7", OB_CLASS_RISK}, /* "risk control" in Chinese */
};

/* QQ's own numbers: Lagrange gives them as retcode, NapCat inside its text. */
static enum ob_class ob_class_number(const struct ob_answer *a, enum ob_impl impl)
{
    static const struct {
        const char *text;
        int number;
        enum ob_class class;
    } numbers[] = {{"120", 120, OB_CLASS_MUTED},
                   {"121", 121, OB_CLASS_AT_ALL},
                   {"299", 299, OB_CLASS_LIMITED},
                   {"46", 46, OB_CLASS_RISK},
                   {"110", 110, OB_CLASS_NOT_FOUND}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        bool direct = impl != OB_IMPL_GOCQ && a->retcode == numbers[i].number;
        if (direct || ob_answer_result(a->reason, numbers[i].text))
            return numbers[i].class;
    }
    return OB_CLASS_OTHER;
}

enum ob_class ob_answer_class(const struct ob_answer *a, enum ob_impl impl)
{
    if (a->retcode == 1404 || a->retcode == 404)
        return OB_CLASS_UNSUPPORTED;
    enum ob_class class = ob_class_number(a, impl);
    if (class != OB_CLASS_OTHER)
        return class;
    if (a->retcode == 9000)
        return OB_CLASS_UNKNOWN;
    for (size_t i = 0; i < sizeof ob_class_texts / sizeof ob_class_texts[0]; i++)
        if (strstr(a->reason, ob_class_texts[i].text))
            return ob_class_texts[i].class;
    return OB_CLASS_OTHER;
}

enum send_outcome ob_send_outcome(const struct ob_answer *a, enum ob_impl impl)
{
    if (a->result == OB_OK)
        return SEND_SENT;
    if (a->result == OB_ACCEPTED)
        return SEND_UNKNOWN; /* the result never comes */
    switch (ob_answer_class(a, impl)) {
    case OB_CLASS_UNKNOWN: return SEND_UNKNOWN;
    case OB_CLASS_MUTED: return SEND_MUTED;
    case OB_CLASS_LIMITED: return SEND_LIMITED;
    case OB_CLASS_RISK: return SEND_RISK;
    case OB_CLASS_AT_ALL: return SEND_AT_ALL;
    default: return SEND_FAILED;
    }
}

/* ---- what the peer is ---- */

static void ob_version_answer(struct ob *g, const struct ob_answer *a)
{
    static const struct {
        const char *prefix;
        enum ob_impl impl;
    } known[] = {{"NapCat.Onebot", OB_IMPL_NAPCAT},
                 {"LLOneBot", OB_IMPL_LLBOT},
                 {"Lagrange.OneBot", OB_IMPL_LAGRANGE},
                 {"go-cqhttp", OB_IMPL_GOCQ}};
    const struct json *name = json_get(a->data, "app_name"),
                      *version = json_get(a->data, "app_version");
    g->impl = OB_IMPL_GENERIC;
    if (a->result != OB_OK || !json_text(name))
        return;
    for (size_t i = 0; i < 4; i++)
        if (strncasecmp(name->s, known[i].prefix, strlen(known[i].prefix)) == 0)
            g->impl = known[i].impl;
    struct buf text = {0};
    utf8_clean(&text, name->s, utf8_cut(name->s, name->len, 40));
    if (json_text(version)) {
        buf_addc(&text, ' ');
        utf8_clean(&text, version->s, utf8_cut(version->s, version->len, 30));
    }
    snprintf(g->impl_name, sizeof g->impl_name, "%s", buf_cstr(&text));
    buf_free(&text);
}

static void ob_login_answer(struct ob_peer *p, const struct ob_answer *a)
{
    struct ob *g = p->g;
    const char *id;
    size_t len;
    if (a->result != OB_OK)
        return;
    const struct json *nick = json_get(a->data, "nickname");
    if (json_text(nick)) {
        struct buf text = {0};
        utf8_clean(&text, nick->s, utf8_cut(nick->s, nick->len, OB_NAME_MAX));
        snprintf(g->self_name, sizeof g->self_name, "%s", buf_cstr(&text));
        buf_free(&text);
    }
    bool ok = ob_id(json_get(a->data, "user_id"), &id, &len) == OB_ID_OK;
    bool other = ok && g->conf.self_id &&
                 (strlen(g->conf.self_id) != len || memcmp(g->conf.self_id, id, len) != 0);
    if (other && log_gate_open(&g->admit_gate, ob_now(g), 60000))
        log_error("the gateway is logged in with another account than self_id says", "gateway",
                  g->base.name, NULL);
    if (ok && !other && !g->self_from_event)
        ob_link_set_self(g, id, len);
    if (ok && !other)
        ob_link_proved(p);
    ob_login_answered(g);
}

static void ob_status_answer(struct ob *g, const struct ob_answer *a)
{
    const struct json *online = json_get(a->data, "online");
    if (a->result == OB_OK && online && (online->type == JSON_TRUE || online->type == JSON_FALSE))
        ob_login_claim(g, online->type == JSON_TRUE, "get_status");
}

/* ---- dispatch ---- */

/* The platform's id of what was sent, where the answer has it. */
static void ob_sent_id(const struct ob_answer *a, char id[OB_ID_MAX + 1])
{
    const char *s;
    size_t len;
    if (ob_id(json_get(a->data, "message_id"), &s, &len) != OB_ID_OK)
        return;
    memcpy(id, s, len);
    id[len] = '\0';
}

static void ob_send_answer(struct ob *g, const struct ob_pending *e, const struct ob_answer *a)
{
    enum send_outcome outcome = ob_send_outcome(a, g->impl);
    char id[OB_ID_MAX + 1] = "";
    if (outcome == SEND_SENT)
        ob_sent_id(a, id);
    if (outcome != SEND_UNKNOWN)
        ob_login_send_ok(g);
    else if (a->result == OB_FAILED)
        ob_login_send_late(g); /* NapCat's own timeout, which comes before ours */
    const char *reason = a->result == OB_ACCEPTED ? "accepted without a result" : a->reason;
    ob_sent(g, e->ticket, outcome, id, reason, 0);
}

static void ob_response_dispatch(struct ob_peer *p, const struct ob_pending *e,
                                 const struct ob_answer *a)
{
    struct ob *g = p->g;
    if (a->result == OB_FAILED && ob_answer_class(a, g->impl) == OB_CLASS_UNSUPPORTED &&
        e->what != OB_FOR_SEND)
        p->unsupported |= 1ull << e->name;
    switch ((enum ob_for)e->what) {
    case OB_FOR_NOBODY: break;
    case OB_FOR_SEND: ob_send_answer(g, e, a); break;
    case OB_FOR_CALL: ob_call_answer(g, e, a); break;
    case OB_FOR_VERSION: ob_version_answer(g, a); break;
    case OB_FOR_LOGIN: ob_login_answer(p, a); break;
    case OB_FOR_STATUS: ob_status_answer(g, a); break;
    case OB_FOR_GROUPS: ob_groups_answer(g, a); break;
    case OB_FOR_REQUESTS: ob_requests_answer(g, a); break;
    case OB_FOR_HISTORY: ob_history_answer(g, e->ticket, a); break;
    }
}

/* A send that was given up is answered after all: that it arrived is worth knowing, whatever else the answer says is not. */
static bool ob_response_late(struct ob *g, const struct json *echo, const struct ob_answer *a)
{
    uint64_t ticket = echo && echo->type == JSON_STRING ? ob_late_take(g, echo->s, echo->len) : 0;
    if (!ticket)
        return false;
    if (ob_send_outcome(a, g->impl) != SEND_SENT)
        return true;
    char id[OB_ID_MAX + 1] = "";
    ob_sent_id(a, id);
    ob_login_send_ok(g);
    g->sink.on_sent_late(g->sink.ud, &g->base, ticket, id);
    return true;
}

/* A response that matches nothing: perhaps a verdict on our token, perhaps the answer to the only open question. */
static struct ob_pending *ob_response_stray(struct ob_peer *p, const struct json *echo,
                                            const struct ob_answer *a)
{
    struct ob *g = p->g;
    bool refused =
        a->retcode == 1403 || a->retcode == 1401 || a->retcode == 401 || a->retcode == 403;
    bool no_echo = !echo || echo->type == JSON_NULL || (echo->type == JSON_STRING && !echo->len);
    if (refused && a->result == OB_FAILED) {
        ob_link_auth_failed(p, "response 1403");
        return NULL;
    }
    bool ours = a->retcode == 1400 || a->retcode == 1404 || a->retcode == 404;
    if (no_echo && ours && p->npending == 1)
        for (uint32_t i = 0; i < p->nslots; i++)
            if (p->slots[i].used)
                return &p->slots[i];
    ob_count_bad(g, "stray_response");
    if (log_get_level() >= LOG_LEVEL_DEBUG && log_gate_open(&g->stray_gate, ob_now(g), 1000))
        log_debug("response to nothing", "gateway", g->base.name, "missed",
                  log_int((int64_t)g->stray_gate.missed), NULL);
    return NULL;
}

void ob_response(struct ob_peer *p, const struct json *o)
{
    const struct json *echo = json_get(o, "echo");
    struct ob_pending *e = NULL;
    if (echo && (echo->type == JSON_STRING || echo->type == JSON_NUMBER))
        e = ob_pending_find(p, echo->s, echo->len);
    struct ob_answer a;
    ob_answer_read(o, &a);
    if (!e && ob_response_late(p->g, echo, &a))
        return;
    if (!e)
        e = ob_response_stray(p, echo, &a);
    if (!e)
        return;
    const char *stream = json_text(json_get(o, "stream"));
    const char *kind = json_text(json_get(json_get(o, "data"), "type"));
    if (stream && strcmp(stream, "stream-action") == 0 && kind && strcmp(kind, "stream") == 0)
        return; /* more of it follows */
    struct ob_pending copy = *e;
    ob_pending_done(p, e);
    ob_response_dispatch(p, &copy, &a);
}

void ob_response_lost(struct ob *g, const struct ob_pending *e, enum send_outcome outcome,
                      const char *reason)
{
    switch ((enum ob_for)e->what) {
    case OB_FOR_SEND: ob_sent(g, e->ticket, outcome, "", reason, 0); break;
    case OB_FOR_CALL: ob_call_lost(g, e->ticket, outcome, reason); break;
    case OB_FOR_HISTORY: ob_history_failed(g, e->ticket, reason); break;
    default: break;
    }
}
