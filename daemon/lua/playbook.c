/* playbook.c -- see playbook.h. The head of a playbook: whom it serves, when, in which voice. Its flows are read in
 * playbook_flows.c. Callers: cli/ (serve, check, play). */
#include "lua/playbook.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/playbook_internal.h"

enum { PLAYBOOK_EVENING_POSTS = 6 };

static int playbook_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **loader_list(const char *folder, const char *sub)
{
    struct buf path = {0};
    buf_addf(&path, "%s/%s", folder, sub);
    DIR *dir = opendir(buf_cstr(&path));
    buf_free(&path);
    if (!dir)
        return NULL;
    char **names = mem_zero(sizeof *names);
    size_t n = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.' || len <= 4 || strcmp(e->d_name + len - 4, ".lua") != 0)
            continue;
        names = mem_realloc(names, (n + 2) * sizeof *names);
        names[n++] = mem_strndup(e->d_name, len - 4);
        names[n] = NULL;
    }
    closedir(dir);
    qsort(names, n, sizeof *names, playbook_by_name);
    return names;
}

void loader_free_list(char **names)
{
    for (char **p = names; p && *p; p++)
        free(*p);
    free(names);
}

/* ---- whom it serves ---- */

static bool playbook_knows_gateway(const struct config *c, const char *name)
{
    for (int i = 0; i < c->ngateways; i++) {
        if (strcmp(c->gateways[i].conf.name, name) == 0)
            return true;
    }
    return false;
}

static void playbook_warn_gateway(struct loader *l, const struct conf_value *v, const char *name)
{
    if (strcmp(name, "playground") == 0) /* `sopd play` makes it; the demo names it everywhere */
        return;
    if (!playbook_knows_gateway(l->config, name))
        buf_addf(l->warnings, "%s:%d: there is no gateway %s in the configuration\n",
                 l->report.file, v->line, name);
}

/* "all", "qq1:*", "qq1:700000001". */
static bool playbook_read_name(struct loader *l, const struct conf_value *v, struct selector *s)
{
    const char *text = v->string, *colon = strchr(text, ':');
    if (strcmp(text, "all") == 0) {
        s->kind = SELECT_ALL;
        return true;
    }
    if (!colon || colon == text || !colon[1]) {
        conf_problem(
            &l->report, v,
            "groups: '%s' must be \"gateway:group\", \"gateway:*\", \"all\", { tag = ... } or "
            "{ name = ... }",
            text);
        return false;
    }
    s->gateway = mem_strndup(text, (size_t)(colon - text));
    s->kind = strcmp(colon + 1, "*") == 0 ? SELECT_GATEWAY : SELECT_CHAT;
    s->value = s->kind == SELECT_CHAT ? mem_strdup(colon + 1) : NULL;
    if (s->value && strchr(s->value, '*'))
        conf_problem(
            &l->report, v,
            "groups: '%s': * stands for all groups of a gateway only; patterns go by name: "
            "{ name = \"*...*\" }",
            text);
    playbook_warn_gateway(l, v, s->gateway);
    return true;
}

static bool playbook_read_selector(struct loader *l, const struct conf_value *v, struct selector *s)
{
    static const char *const keys[] = {"tag", "name", NULL};
    if (v->type == CONF_STRING)
        return playbook_read_name(l, v, s);
    if (v->type != CONF_TABLE || v->nentries != 1) {
        conf_problem(
            &l->report, v,
            "groups: an item is \"gateway:group\", \"all\", { tag = \"...\" } or { name = \"...\" }");
        return false;
    }
    conf_check_keys(&l->report, v, "groups", keys, false);
    const char *text = NULL;
    if (conf_string(&l->report, v, "tag", &text))
        s->kind = SELECT_TAG;
    else if (conf_string(&l->report, v, "name", &text))
        s->kind = SELECT_NAME;
    else
        return false;
    if (s->kind == SELECT_TAG && (!*text || strchr(text, ',')))
        conf_problem(&l->report, v, "groups: a tag is one word without a comma");
    s->value = mem_strdup(text);
    return true;
}

static void playbook_read_groups(struct loader *l, struct playbook *p,
                                 const struct conf_value *root)
{
    const struct conf_value *v = conf_get(root, "groups");
    if (!v) {
        conf_problem(
            &l->report, root,
            "groups is missing: which groups this playbook serves, for example groups = { \"qq1:*\" }");
        return;
    }
    bool single = v->type == CONF_STRING;
    if (!single && (v->type != CONF_TABLE || v->nlist != v->nentries || v->nlist == 0)) {
        conf_problem(
            &l->report, v,
            "groups must be a list, for example { \"qq1:700000001\", { tag = \"store\" } }");
        return;
    }
    int n = single ? 1 : v->nlist;
    p->selectors = mem_zero((size_t)n * sizeof *p->selectors);
    for (int i = 0; i < n; i++) {
        struct selector *s = &p->selectors[p->nselectors];
        if (playbook_read_selector(l, single ? v : &v->entries[i].value, s))
            p->nselectors++;
    }
}

static void playbook_read_staff(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const struct conf_value *v = conf_table(&l->report, root, "staff");
    const char *chat = NULL;
    if (conf_string(&l->report, root, "staff_chat", &chat)) {
        const char *colon = strchr(chat, ':');
        if (!colon || colon == chat || !colon[1])
            conf_problem(&l->report, conf_get(root, "staff_chat"),
                         "staff_chat must be \"gateway:group\"");
        p->staff_chat = mem_strdup(chat);
    }
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

/* ---- when, and in which voice ---- */

static bool playbook_clock(struct loader *l, const struct conf_value *v, const char *what,
                           int64_t *out)
{
    if (v->type == CONF_STRING && time_parse_clock(v->string, out))
        return true;
    conf_problem(&l->report, v, "%s must be a time of day like \"22:30\"", what);
    return false;
}

static void playbook_read_quiet(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const struct conf_value *v = conf_get(root, "quiet");
    p->has_quiet = true;
    time_parse_clock("22:30", &p->quiet_from_ms);
    time_parse_clock("07:30", &p->quiet_to_ms);
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
    playbook_clock(l, &v->entries[0].value, "quiet", &p->quiet_from_ms);
    playbook_clock(l, &v->entries[1].value, "quiet", &p->quiet_to_ms);
    p->has_quiet = p->quiet_from_ms != p->quiet_to_ms;
}

static void playbook_read_times(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const char *zone = l->config->timezone;
    conf_string(&l->report, root, "timezone", &zone);
    p->zone = zone_get(zone);
    if (!p->zone)
        conf_problem(&l->report, conf_get(root, "timezone"),
                     "timezone '%s' is not known to this system (names look like "
                     "Asia/Shanghai)",
                     zone);
    const struct conf_value *cutoff = conf_get(root, "day_cutoff");
    time_parse_clock("04:00", &p->cutoff_ms);
    if (cutoff && playbook_clock(l, cutoff, "day_cutoff", &p->cutoff_ms) && p->cutoff_ms > 43200000)
        conf_problem(&l->report, cutoff,
                     "day_cutoff must be between 00:00 and 12:00: a day begins then");
    playbook_read_quiet(l, p, root);
}

static bool playbook_language_good(const char *s)
{
    return *s && strlen(s) <= 32 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               strlen(s);
}

static void playbook_read_voice(struct loader *l, struct playbook *p, const struct conf_value *root)
{
    const char *language = "zh-CN", *title = p->name;
    conf_string(&l->report, root, "title", &title);
    conf_string(&l->report, root, "language", &language);
    if (!playbook_language_good(language)) {
        conf_problem(&l->report, conf_get(root, "language"),
                     "language must be a name like \"zh-CN\" (a file in sop/texts/)");
        language = "zh-CN";
    }
    p->title = mem_strdup(title);
    p->language = mem_strdup(language);
    const struct conf_value *persona = conf_table(&l->report, root, "persona");
    if (persona && persona->nlist > 0)
        conf_problem(&l->report, persona,
                     "persona: values need names, for example { name = \"小福\" }");
    p->persona = persona && persona->nentries ? conf_to_json(persona) : cJSON_CreateObject();
}

static struct playbook *playbook_read(struct loader *l, const char *name, const char *path,
                                      const struct conf_value *root)
{
    static const char *const keys[] = {
        "title",   "groups",     "private", "timezone", "quiet", "day_cutoff",    "language",
        "persona", "staff_chat", "staff",   "keepers",  "flows", "evening_posts", NULL};
    struct playbook *p = MEM_NEW(struct playbook);
    int64_t posts = PLAYBOOK_EVENING_POSTS;
    l->report = (struct conf_report){.file = path, .out = l->err};
    p->name = mem_strdup(name);
    p->file = mem_strdup(path);
    p->private_chats = true;
    conf_check_keys(&l->report, root, "playbook", keys, false);
    conf_boolean(&l->report, root, "private", &p->private_chats);
    conf_boolean(&l->report, root, "keepers", &p->keepers);
    conf_integer(&l->report, root, "evening_posts", 0, 1000, &posts);
    p->evening_posts = (int)posts;
    playbook_read_groups(l, p, root);
    playbook_read_staff(l, p, root);
    playbook_read_times(l, p, root);
    playbook_read_voice(l, p, root);
    loader_read_flows(l, p, root);
    l->problems += l->report.problems;
    return p;
}

/* ---- finding the files ---- */

static bool playbook_wanted(const struct config *c, const char *name)
{
    if (!c->playbooks)
        return true;
    for (char **p = c->playbooks; *p; p++) {
        if (strcmp(*p, name) == 0)
            return true;
    }
    return false;
}

static bool playbook_known(const struct book *b, const char *name)
{
    for (int i = 0; i < b->nbooks; i++) {
        if (strcmp(b->books[i]->name, name) == 0)
            return true;
    }
    return false;
}

static void playbook_load_file(struct loader *l, struct book *b, const char *folder,
                               const char *name)
{
    struct buf path = {0};
    buf_addf(&path, "%s/playbooks/%s.lua", folder, name);
    struct conf_value *root = conf_load(buf_cstr(&path), l->err);
    if (root) {
        b->books = mem_realloc(b->books, ((size_t)b->nbooks + 1) * sizeof *b->books);
        b->books[b->nbooks++] = playbook_read(l, name, path.data, root);
    } else {
        l->problems++;
    }
    conf_free(root);
    buf_free(&path);
}

static void playbook_load_folder(struct loader *l, struct book *b, const char *folder)
{
    char **names = loader_list(folder, "playbooks");
    for (int i = 0; names && names[i]; i++) {
        if (playbook_wanted(l->config, names[i]) && !playbook_known(b, names[i]))
            playbook_load_file(l, b, folder, names[i]);
    }
    loader_free_list(names);
}

static bool playbook_exists(const struct config *c, const char *name)
{
    bool found = false;
    for (int i = 0; i < c->nsop && !found; i++) {
        char **names = loader_list(c->sop[i], "playbooks");
        for (int j = 0; names && names[j]; j++)
            found |= strcmp(names[j], name) == 0;
        loader_free_list(names);
    }
    return found;
}

static void playbook_check_wanted(struct loader *l)
{
    for (char **p = l->config->playbooks; p && *p; p++) {
        if (playbook_exists(l->config, *p))
            continue;
        buf_addf(l->err, "%s:1: there is no playbook '%s' in any playbooks/ folder of `sop`\n",
                 l->config->file ? l->config->file : "configuration", *p);
        l->problems++;
    }
}

/* Every flow file, whether a playbook uses it or not. */
static void playbook_load_flows(struct loader *l)
{
    l->report = (struct conf_report){.file = l->config->file ? l->config->file : "configuration",
                                     .out = l->err};
    for (int i = 0; i < l->config->nsop; i++) {
        char **names = loader_list(l->config->sop[i], "flows");
        for (int j = 0; names && names[j]; j++)
            loader_flow(l, names[j], NULL);
        loader_free_list(names);
    }
    l->problems += l->report.problems;
}

struct book *playbook_load(struct host *h, const struct config *c, unsigned flags, struct buf *err,
                           struct buf *warnings)
{
    struct loader l = {.host = h, .config = c, .err = err, .warnings = warnings};
    struct book *b = book_new();
    for (int i = 0; i < c->nsop; i++)
        playbook_load_folder(&l, b, c->sop[i]);
    playbook_check_wanted(&l);
    if (flags & PLAYBOOK_ALL_FLOWS)
        playbook_load_flows(&l);
    b->staff = mem_zero(((size_t)c->nstaff + 1) * sizeof *b->staff);
    for (int i = 0; i < c->nstaff; i++)
        b->staff[b->nstaff++] = (struct staff){mem_strdup(c->staff[i].user), c->staff[i].role};
    loader_free(&l);
    if (b->nbooks == 0 && l.problems == 0)
        buf_addf(warnings, "%s:1: there is no playbook in the folders of `sop`\n",
                 c->file ? c->file : "configuration");
    if (l.problems == 0)
        return b;
    book_release(b);
    return NULL;
}
