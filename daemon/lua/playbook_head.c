/* playbook_head.c -- the head of a playbook that overlays can change as well: who is staff, when, in which voice.
 * Callers: lua/playbook.c, playbook_overlays.c. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/playbook_internal.h"

/* ---- staff ---- */

static void head_read_staff_chat(struct loader *l, struct playbook *p,
                                 const struct conf_value *root)
{
    const char *chat = NULL;
    if (!conf_string(&l->report, root, "staff_chat", &chat))
        return;
    const char *colon = strchr(chat, ':');
    if (!colon || colon == chat || !colon[1])
        conf_problem(&l->report, conf_get(root, "staff_chat"),
                     "staff_chat must be \"gateway:group\"");
    p->staff_chat = mem_strdup(chat);
}

static void head_read_staff(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const struct conf_value *v = conf_table(&l->report, root, "staff");
    if (!v)
        return;
    if (v->nlist > 0)
        conf_problem(&l->report, &v->entries[0].value,
                     "staff: write [\"gateway:user\"] = \"role\"");
    p->staff = mem_zero(((size_t)v->nentries + 1) * sizeof *p->staff);
    for (int i = v->nlist; i < v->nentries; i++) {
        const struct conf_entry *e = &v->entries[i];
        int role = e->value.type == CONF_STRING ? role_parse(e->value.string) : -1;
        const char *colon = strchr(e->key, ':');
        if (!colon || colon == e->key || !colon[1])
            conf_problem(&l->report, &e->value, "staff: '%s' must be gateway:user", e->key);
        if (role < 0)
            conf_problem(&l->report, &e->value,
                         "staff: the role of %s must be keeper, store, region, hq or owner",
                         e->key);
        p->staff[p->nstaff++] =
            (struct staff){mem_strdup(e->key), (enum role)(role < 0 ? 0 : role)};
    }
}

/* ---- when ---- */

static bool head_clock(struct loader *l, const struct conf_value *v, const char *what, int64_t *out)
{
    if (v->type == CONF_STRING && time_parse_clock(v->string, out))
        return true;
    conf_problem(&l->report, v, "%s must be a time of day like \"22:30\"", what);
    return false;
}

static void head_read_quiet(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const struct conf_value *v = conf_get(root, "quiet");
    if (!v)
        return;
    if (v->type == CONF_BOOLEAN && !v->boolean) {
        p->has_quiet = false;
        return;
    }
    if (v->type != CONF_TABLE || v->nlist != 2 || v->nentries != 2) {
        conf_problem(&l->report, v, "quiet must be { \"22:30\", \"07:30\" } or false");
        return;
    }
    head_clock(l, &v->entries[0].value, "quiet", &p->quiet_from_ms);
    head_clock(l, &v->entries[1].value, "quiet", &p->quiet_to_ms);
    p->has_quiet = p->quiet_from_ms != p->quiet_to_ms;
}

static void head_read_times(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const char *zone = NULL;
    if (conf_string(&l->report, root, "timezone", &zone)) {
        p->zone = zone_get(zone);
        if (!p->zone)
            conf_problem(&l->report, conf_get(root, "timezone"),
                         "timezone '%s' is not known to this system (names look like "
                         "Asia/Shanghai)",
                         zone);
    }
    const struct conf_value *cutoff = conf_get(root, "day_cutoff");
    if (cutoff && head_clock(l, cutoff, "day_cutoff", &p->cutoff_ms) && p->cutoff_ms > 43200000)
        conf_problem(&l->report, cutoff,
                     "day_cutoff must be between 00:00 and 12:00: a day begins then");
    head_read_quiet(l, p, root);
}

/* ---- in which voice ---- */

static bool head_language_good(const char *s)
{
    return *s && strlen(s) <= 32 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               strlen(s);
}

/* How many posts that bots begin may reach a member in a day, for those of this playbook. */
static void head_read_attention(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const struct conf_value *v = conf_get(root, "attention");
    int64_t count = 0;
    if (v && v->type == CONF_BOOLEAN && !v->boolean)
        p->attention = -1;
    else if (conf_integer(&l->report, root, "attention", 1, 1000, &count))
        p->attention = (int)count;
}

static void head_read_voice(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const char *language = NULL;
    int64_t posts = 0;
    if (conf_string(&l->report, root, "language", &language)) {
        if (!head_language_good(language)) {
            conf_problem(&l->report, conf_get(root, "language"),
                         "language must be a name like \"zh-CN\" (a file in sop/texts/)");
            language = "zh-CN";
        }
        free(p->language);
        p->language = mem_strdup(language);
    }
    if (conf_integer(&l->report, root, "evening_posts", 0, 1000, &posts))
        p->evening_posts = (int)posts;
    head_read_attention(l, p, root);
    const struct conf_value *persona = conf_table(&l->report, root, "persona");
    if (persona && persona->nlist > 0)
        conf_problem(&l->report, persona,
                     "persona: values need names, for example { name = \"小福\" }");
    if (persona && persona->nentries) {
        cJSON_Delete(p->persona);
        p->persona = conf_to_json(persona);
    }
}

void loader_read_head(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    for (int i = 0; i < HEAD_KEYS; i++) {
        const struct conf_value *v = conf_get(root, head_key_name((enum head_key)i));
        p->lines[i] = v ? v->line : 0;
    }
    head_read_staff_chat(l, p, root);
    head_read_staff(l, p, root);
    head_read_times(l, p, root);
    head_read_voice(l, p, root);
}
