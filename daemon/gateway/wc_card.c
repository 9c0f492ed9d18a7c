/* wc_card.c -- the platform's template cards: the rules of their members in tables, a check that names what is wrong before the
 * platform refuses it with a number, and the card that plain buttons become.
 * Pure; callers: wc_part.c, wc_call.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "gateway/jsonout.h"
#include "gateway/wc_out.h"

enum wc_rule_kind { WC_TEXT, WC_BYTES, WC_NUMBER, WC_FLAG, WC_OBJECT, WC_LIST };
enum { WC_MUST = 1, WC_UNIQUE = 2 };
enum {
    WC_TASK_MAX = 128,
    WC_KEY_MAX = 1024,
    WC_BUTTONS = 6,
    WC_LABEL_CHARS = 10,
    WC_TITLE_CHARS = 26,
    WC_SUB_CHARS = 112,
    WC_CARD_MAX = 32 * 1024
};

/* One member. TEXT: at most `max` characters, BYTES: bytes (0: any); NUMBER: from min to max; LIST: min to max objects. */
struct wc_rule {
    const char *key;
    enum wc_rule_kind kind;
    double min, max;
    unsigned flags;
    const struct wc_rule *in;
};

/* Where something leads: used alike in several places. */
#define WC_JUMP                                                         \
    {"url", WC_TEXT, 0, 0, 0, NULL}, {"appid", WC_TEXT, 0, 0, 0, NULL}, \
    {                                                                   \
        "pagepath", WC_TEXT, 0, 0, 0, NULL                              \
    }
#define WC_END                       \
    {                                \
        NULL, WC_TEXT, 0, 0, 0, NULL \
    }

static const struct wc_rule wc_source[] = {{"icon_url", WC_TEXT, 0, 0, 0, NULL},
                                           {"desc", WC_TEXT, 0, 13, 0, NULL},
                                           {"desc_color", WC_NUMBER, 0, 3, 0, NULL},
                                           WC_END};
static const struct wc_rule wc_menu_item[] = {
    {"text", WC_TEXT, 0, 0, WC_MUST, NULL},
    {"key", WC_BYTES, 0, WC_KEY_MAX, WC_MUST | WC_UNIQUE, NULL},
    WC_END};
static const struct wc_rule wc_menu[] = {{"desc", WC_TEXT, 0, 0, 0, NULL},
                                         {"action_list", WC_LIST, 1, 3, WC_MUST, wc_menu_item},
                                         WC_END};
static const struct wc_rule wc_title[] = {
    {"title", WC_TEXT, 0, WC_TITLE_CHARS, 0, NULL}, {"desc", WC_TEXT, 0, 30, 0, NULL}, WC_END};
static const struct wc_rule wc_emphasis[] = {
    {"title", WC_TEXT, 0, 10, 0, NULL}, {"desc", WC_TEXT, 0, 15, 0, NULL}, WC_END};
static const struct wc_rule wc_quote[] = {{"type", WC_NUMBER, 0, 2, 0, NULL},
                                          WC_JUMP,
                                          {"title", WC_TEXT, 0, 0, 0, NULL},
                                          {"quote_text", WC_TEXT, 0, 0, 0, NULL},
                                          WC_END};
static const struct wc_rule wc_row[] = {
    {"type", WC_NUMBER, 0, 3, 0, NULL}, {"keyname", WC_TEXT, 0, 5, WC_MUST, NULL},
    {"value", WC_TEXT, 0, 26, 0, NULL}, {"url", WC_TEXT, 0, 0, 0, NULL},
    {"userid", WC_TEXT, 0, 0, 0, NULL}, WC_END};
static const struct wc_rule wc_jump_rule[] = {{"type", WC_NUMBER, 0, 3, 0, NULL},
                                              {"title", WC_TEXT, 0, 13, WC_MUST, NULL},
                                              WC_JUMP,
                                              {"question", WC_BYTES, 0, 200, 0, NULL},
                                              WC_END};
static const struct wc_rule wc_action[] = {
    {"type", WC_NUMBER, 0, 2, WC_MUST, NULL}, WC_JUMP, WC_END};
static const struct wc_rule wc_column[] = {
    {"title", WC_TEXT, 0, 26, WC_MUST, NULL}, {"desc", WC_TEXT, 0, 112, 0, NULL}, WC_END};
static const struct wc_rule wc_picture[] = {
    {"url", WC_TEXT, 0, 0, WC_MUST, NULL}, {"aspect_ratio", WC_NUMBER, 1.3, 2.25, 0, NULL}, WC_END};
static const struct wc_rule wc_area[] = {
    {"type", WC_NUMBER, 0, 2, 0, NULL},          WC_JUMP,
    {"title", WC_TEXT, 0, 0, 0, NULL},           {"desc", WC_TEXT, 0, 0, 0, NULL},
    {"image_url", WC_TEXT, 0, 0, WC_MUST, NULL}, WC_END};
static const struct wc_rule wc_button[] = {
    {"text", WC_TEXT, 0, WC_LABEL_CHARS, WC_MUST, NULL},
    {"style", WC_NUMBER, 1, 4, 0, NULL},
    {"key", WC_BYTES, 0, WC_KEY_MAX, WC_MUST | WC_UNIQUE, NULL},
    WC_END};
static const struct wc_rule wc_option[] = {{"id", WC_BYTES, 0, 128, WC_MUST | WC_UNIQUE, NULL},
                                           {"text", WC_TEXT, 0, 10, WC_MUST, NULL},
                                           WC_END};
static const struct wc_rule wc_select[] = {
    {"question_key", WC_BYTES, 0, WC_KEY_MAX, WC_MUST | WC_UNIQUE, NULL},
    {"title", WC_TEXT, 0, 13, 0, NULL},
    {"selected_id", WC_BYTES, 0, 128, 0, NULL},
    {"disable", WC_FLAG, 0, 0, 0, NULL},
    {"option_list", WC_LIST, 1, 10, WC_MUST, wc_option},
    WC_END};
static const struct wc_rule wc_check_option[] = {
    {"id", WC_BYTES, 0, 128, WC_MUST | WC_UNIQUE, NULL},
    {"text", WC_TEXT, 0, 11, WC_MUST, NULL},
    {"is_checked", WC_FLAG, 0, 0, 0, NULL},
    WC_END};
static const struct wc_rule wc_checkbox[] = {
    {"question_key", WC_BYTES, 0, WC_KEY_MAX, WC_MUST, NULL},
    {"mode", WC_NUMBER, 0, 1, 0, NULL},
    {"disable", WC_FLAG, 0, 0, 0, NULL},
    {"option_list", WC_LIST, 1, 20, WC_MUST, wc_check_option},
    WC_END};
static const struct wc_rule wc_submit[] = {{"text", WC_TEXT, 0, WC_LABEL_CHARS, WC_MUST, NULL},
                                           {"key", WC_BYTES, 0, WC_KEY_MAX, WC_MUST, NULL},
                                           WC_END};
static const struct wc_rule wc_feedback[] = {{"id", WC_BYTES, 0, 256, WC_MUST, NULL}, WC_END};

static const struct wc_rule wc_card_rules[] = {
    {"source", WC_OBJECT, 0, 0, 0, wc_source},
    {"action_menu", WC_OBJECT, 0, 0, 0, wc_menu},
    {"main_title", WC_OBJECT, 0, 0, 0, wc_title},
    {"emphasis_content", WC_OBJECT, 0, 0, 0, wc_emphasis},
    {"quote_area", WC_OBJECT, 0, 0, 0, wc_quote},
    {"sub_title_text", WC_TEXT, 0, WC_SUB_CHARS, 0, NULL},
    {"horizontal_content_list", WC_LIST, 0, 6, 0, wc_row},
    {"jump_list", WC_LIST, 0, 3, 0, wc_jump_rule},
    {"card_action", WC_OBJECT, 0, 0, 0, wc_action},
    {"vertical_content_list", WC_LIST, 0, 4, 0, wc_column},
    {"card_image", WC_OBJECT, 0, 0, 0, wc_picture},
    {"image_text_area", WC_OBJECT, 0, 0, 0, wc_area},
    {"button_list", WC_LIST, 1, WC_BUTTONS, 0, wc_button},
    {"button_selection", WC_OBJECT, 0, 0, 0, wc_select},
    {"select_list", WC_LIST, 1, 3, 0, wc_select},
    {"checkbox", WC_OBJECT, 0, 0, 0, wc_checkbox},
    {"submit_button", WC_OBJECT, 0, 0, 0, wc_submit},
    {"feedback", WC_OBJECT, 0, 0, 0, wc_feedback},
    WC_END};

static const struct {
    const char *type;
    const char *needs[4];
    bool task; /* task_id is required */
} wc_card_types[] = {
    {"text_notice", {"card_action", NULL}, false},
    {"news_notice", {"main_title", "card_action", NULL}, false},
    {"button_interaction", {"main_title", "button_list", NULL}, true},
    {"vote_interaction", {"main_title", "checkbox", "submit_button", NULL}, true},
    {"multiple_interaction", {"main_title", "select_list", "submit_button", NULL}, true},
};
enum { WC_CARD_TYPES = sizeof wc_card_types / sizeof wc_card_types[0] };

static struct buf wc_why; /* what is wrong, with the way to it */

static const char *wc_wrong(const char *path, const char *key, const char *what)
{
    buf_reset(&wc_why);
    buf_addf(&wc_why, "card: %s%s%s %s", path, *path ? "." : "", key, what);
    return buf_cstr(&wc_why);
}

static const char *wc_wrong_range(const char *path, const char *key, const char *what, double min,
                                  double max)
{
    char text[96];
    snprintf(text, sizeof text, what, min, max);
    return wc_wrong(path, key, text);
}

static const cJSON *wc_member(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static const char *wc_check_members(const cJSON *o, const struct wc_rule *rules, const char *path);

/* No two elements have the same value in a member that must tell them apart. */
static const char *wc_check_unique(const cJSON *list, const struct wc_rule *r, const char *path)
{
    for (const cJSON *a = list->child; a; a = a->next)
        for (const cJSON *b = a->next; b; b = b->next) {
            const char *x = cJSON_GetStringValue(wc_member(a, r->key));
            const char *y = cJSON_GetStringValue(wc_member(b, r->key));
            if (x && y && strcmp(x, y) == 0)
                return wc_wrong(path, r->key, "is the same twice");
        }
    return NULL;
}

static const char *wc_check_list(const cJSON *v, const struct wc_rule *r, const char *path)
{
    char deeper[160];
    int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : -1, i = 0;
    if (n < 0)
        return wc_wrong(path, r->key, "must be a list");
    if (n < r->min || n > r->max)
        return wc_wrong_range(path, r->key, "must have %.0f to %.0f elements", r->min, r->max);
    for (const cJSON *item = v->child; item; item = item->next) {
        snprintf(deeper, sizeof deeper, "%s%s%s[%d]", path, *path ? "." : "", r->key, ++i);
        const char *why = cJSON_IsObject(item) ? wc_check_members(item, r->in, deeper)
                                               : wc_wrong(deeper, "", "must be a table");
        if (why)
            return why;
    }
    for (const struct wc_rule *in = r->in; in->key; in++) {
        const char *why = in->flags & WC_UNIQUE ? wc_check_unique(v, in, r->key) : NULL;
        if (why)
            return why;
    }
    return NULL;
}

static const char *wc_check_text(const cJSON *v, const struct wc_rule *r, const char *path)
{
    const char *s = cJSON_GetStringValue(v);
    if (!s)
        return wc_wrong(path, r->key, "must be a text");
    if (r->flags & WC_MUST && !*s)
        return wc_wrong(path, r->key, "is empty");
    size_t n = r->kind == WC_BYTES ? strlen(s) : utf8_count(s, strlen(s));
    if (r->max > 0 && (double)n > r->max)
        return wc_wrong_range(path, r->key,
                              r->kind == WC_BYTES ? "has %.0f bytes, at most %.0f are allowed"
                                                  : "has %.0f characters, at most %.0f are allowed",
                              (double)n, r->max);
    return NULL;
}

static const char *wc_check_one(const cJSON *v, const struct wc_rule *r, const char *path)
{
    char deeper[160];
    switch (r->kind) {
    case WC_TEXT:
    case WC_BYTES: return wc_check_text(v, r, path);
    case WC_NUMBER:
        if (!cJSON_IsNumber(v) || v->valuedouble < r->min || v->valuedouble > r->max)
            return wc_wrong_range(path, r->key, "must be a number from %g to %g", r->min, r->max);
        return NULL;
    case WC_FLAG: return cJSON_IsBool(v) ? NULL : wc_wrong(path, r->key, "must be true or false");
    case WC_LIST: return wc_check_list(v, r, path);
    case WC_OBJECT: break;
    }
    if (!cJSON_IsObject(v))
        return wc_wrong(path, r->key, "must be a table");
    snprintf(deeper, sizeof deeper, "%s%s%s", path, *path ? "." : "", r->key);
    return wc_check_members(v, r->in, deeper);
}

/* Members that no rule knows pass: the platform may have more by now. */
static const char *wc_check_members(const cJSON *o, const struct wc_rule *rules, const char *path)
{
    for (const struct wc_rule *r = rules; r->key; r++) {
        const cJSON *v = wc_member(o, r->key);
        if (!v && r->flags & WC_MUST)
            return wc_wrong(path, r->key, "is missing");
        const char *why = v ? wc_check_one(v, r, path) : NULL;
        if (why)
            return why;
    }
    const cJSON *type = wc_member(o, "type"), *url = wc_member(o, "url");
    bool leads = rules == wc_action || rules == wc_jump_rule || rules == wc_quote;
    if (leads && cJSON_IsNumber(type) && type->valueint == 1 && !cJSON_IsString(url))
        return wc_wrong(path, "url", "is missing: type 1 is a link");
    return NULL;
}

static bool wc_task_fine(const char *s)
{
    size_t n = strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-@");
    return n && !s[n] && n <= WC_TASK_MAX;
}

/* What this kind of card cannot be without. */
static const char *wc_check_kind(const cJSON *card, int kind)
{
    for (const char *const *need = wc_card_types[kind].needs; *need; need++)
        if (!wc_member(card, *need))
            return wc_wrong("", *need, "is missing: this card_type needs it");
    const cJSON *title = wc_member(wc_member(card, "main_title"), "title");
    if (kind == 0 && !cJSON_IsString(title) && !wc_member(card, "sub_title_text"))
        return wc_wrong("", "main_title.title", "or sub_title_text must be there");
    if (kind == 1 && !wc_member(card, "card_image") && !wc_member(card, "image_text_area"))
        return wc_wrong("", "card_image", "or image_text_area must be there");
    return NULL;
}

static const char *wc_card_task(cJSON *card, bool needed, const char *task_id, const char *unique)
{
    const cJSON *own = wc_member(card, "task_id");
    const char *text = cJSON_GetStringValue(own);
    if (own && (!text || !wc_task_fine(text)))
        return wc_wrong("", "task_id",
                        "must be 1 to 128 letters, digits and any of _ - @, and never come twice");
    const char *set = task_id && *task_id ? task_id : own || !needed ? NULL : unique;
    if (!set)
        return NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(card, "task_id");
    cJSON_AddStringToObject(card, "task_id", set);
    return NULL;
}

static const char *wc_card_look(cJSON *card, const char *task_id, const char *unique)
{
    const char *type = cJSON_GetStringValue(wc_member(card, "card_type"));
    int kind = 0;
    if (!cJSON_IsObject(card))
        return wc_wrong("", "", "is no JSON object");
    while (kind < WC_CARD_TYPES && (!type || strcmp(type, wc_card_types[kind].type) != 0))
        kind++;
    if (kind == WC_CARD_TYPES)
        return wc_wrong("", "card_type",
                        "must be text_notice, news_notice, button_interaction, vote_interaction or "
                        "multiple_interaction");
    const char *why = wc_check_kind(card, kind);
    if (!why)
        why = wc_check_members(card, wc_card_rules, "");
    bool task = wc_card_types[kind].task || wc_member(card, "action_menu");
    return why ? why : wc_card_task(card, task, task_id, unique);
}

const char *wc_card_check(struct buf *out, const char *json, size_t len, const char *task_id,
                          const char *unique)
{
    cJSON *card = len <= WC_CARD_MAX ? cJSON_ParseWithLength(json, len) : NULL;
    const char *why = len > WC_CARD_MAX ? wc_wrong("", "", "is larger than 32 KiB")
                                        : wc_card_look(card, task_id, unique);
    char *text = why ? NULL : cJSON_PrintUnformatted(card);
    if (text)
        buf_adds(out, text);
    else if (!why)
        why = wc_wrong("", "", "cannot be written");
    cJSON_free(text);
    cJSON_Delete(card);
    return why;
}

/* ---- buttons ---- */

static const char *wc_button_wrong(const struct out_segment *s, const struct out_message *m, int at)
{
    if (!s->text_len)
        return "a button has no label";
    if (!*s->id || strlen(s->id) > WC_KEY_MAX)
        return "a button's value must have 1 to 1024 bytes";
    for (int i = 0; i < at; i++)
        if (m->segments[i].type == SEGMENT_BUTTON && strcmp(m->segments[i].id, s->id) == 0)
            return "two buttons have the same value";
    return NULL;
}

/* A label that is too long ends with an ellipsis: what the button does stands in its value. */
static void wc_button_label(struct buf *card, const struct out_segment *s)
{
    if (utf8_count(s->text, s->text_len) <= WC_LABEL_CHARS) {
        buf_add_json(card, s->text, s->text_len);
        return;
    }
    static struct buf label;
    size_t n = 0;
    for (int i = 0; i + 1 < WC_LABEL_CHARS; i++) {
        size_t one = utf8_sequence(s->text + n, s->text_len - n);
        n += one ? one : 1;
    }
    buf_reset(&label);
    buf_add(&label, s->text, n);
    buf_adds(&label, "\xe2\x80\xa6");
    buf_add_json(card, label.data, label.len);
}

/* The first lines of the first card: a title, and what follows it. */
static void wc_button_head(struct buf *out, const char *text, size_t len, bool too)
{
    static const char choose[] = "\xe8\xaf\xb7\xe9\x80\x89\xe6\x8b\xa9"; /* "please choose" */
    const char *nl = memchr(text, '\n', len);
    size_t line = nl ? (size_t)(nl - text) : len;
    bool fits = len && !too && utf8_count(text, line) <= WC_TITLE_CHARS;
    const char *rest = fits ? text + line : text;
    size_t rest_len = too ? 0 : fits ? len - line : len;
    while (rest_len && *rest == '\n')
        rest++, rest_len--;
    buf_adds(out, "{\"card_type\":\"button_interaction\",\"main_title\":{\"title\":");
    buf_add_json(out, fits ? text : choose, fits ? line : sizeof choose - 1);
    buf_addc(out, '}');
    if (!rest_len)
        return;
    buf_adds(out, ",\"sub_title_text\":");
    buf_add_json(out, rest, rest_len);
}

static void wc_button_card(struct buf *card, const struct out_message *m, int *at)
{
    int n = 0;
    buf_adds(card, ",\"button_list\":[");
    for (; *at < m->nsegments && n < WC_BUTTONS; ++*at) {
        const struct out_segment *s = &m->segments[*at];
        if (s->type != SEGMENT_BUTTON)
            continue;
        buf_adds(card, n++ ? ",{\"text\":" : "{\"text\":");
        wc_button_label(card, s);
        buf_adds(card, ",\"style\":1,\"key\":");
        buf_add_json(card, s->id, strlen(s->id));
        buf_addc(card, '}');
    }
    buf_addc(card, ']');
}

const char *wc_card_buttons(const struct out_message *m, const char *text, const char *unique,
                            void (*fn)(void *ud, const char *json, size_t len), void *ud,
                            bool *text_too)
{
    static struct buf card;
    size_t len = strlen(text);
    int left = 0, at = 0;
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    while (len && (*text == '\n' || *text == ' '))
        text++, len--;
    for (int i = 0; i < m->nsegments; i++) {
        if (m->segments[i].type != SEGMENT_BUTTON)
            continue;
        const char *why = wc_button_wrong(&m->segments[i], m, i);
        if (why)
            return why;
        left++;
    }
    *text_too = utf8_count(text, len) > WC_SUB_CHARS;
    for (int n = 0; left > 0; n++, left -= WC_BUTTONS) {
        buf_reset(&card);
        wc_button_head(&card, text, n ? 0 : len, n || *text_too);
        wc_button_card(&card, m, &at);
        buf_addf(&card, ",\"task_id\":\"%s-%d\"}", unique, n);
        fn(ud, card.data, card.len);
    }
    return NULL;
}
