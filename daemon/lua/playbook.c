/* playbook.c -- see playbook.h. Finds the files of playbooks and reads whom each serves; the rest is read in playbook_head.c,
 * playbook_flows.c and playbook_overlays.c. Callers: cli/ (serve, check, play). */
#include "lua/playbook.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "lua/playbook_internal.h"
#include "lua/selectors.h"

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
        if (strcmp(config_gateway_key(&c->gateways[i]), name) == 0)
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

void loader_read_groups(struct loader *l, const struct conf_value *table, const char *missing,
                        struct selector **out, int *n)
{
    const struct conf_value **at = NULL;
    *n = selectors_read(&l->report, table, missing, out, &at);
    for (int i = 0; i < *n; i++)
        if ((*out)[i].gateway)
            playbook_warn_gateway(l, at[i], (*out)[i].gateway);
    free(at);
}

static void playbook_defaults(struct loader *l, struct playbook *p)
{
    p->private_chats = true;
    p->has_quiet = true;
    time_parse_clock("22:30", &p->quiet_from_ms);
    time_parse_clock("07:30", &p->quiet_to_ms);
    time_parse_clock("04:00", &p->cutoff_ms);
    p->evening_posts = PLAYBOOK_EVENING_POSTS;
    p->language = mem_strdup("zh-CN");
    p->persona = cJSON_CreateObject();
    p->zone = zone_get(l->config->timezone);
}

static struct playbook *playbook_read(struct loader *l, const char *folder, const char *name,
                                      const char *path, const struct conf_value *root)
{
    static const char *const keys[] = {
        "title",    "groups",   "private",       "timezone",   "quiet",   "day_cutoff",
        "language", "persona",  "staff",         "staff_chat", "keepers", "flows",
        "locked",   "overlays", "evening_posts", "attention",  "tally",   NULL};
    struct playbook *p = MEM_NEW(struct playbook);
    const char *title = name;
    l->report = (struct conf_report){.file = path, .out = l->err};
    p->name = mem_strdup(name);
    p->file = mem_strdup(path);
    playbook_defaults(l, p);
    conf_check_keys(&l->report, root, "playbook", keys, false);
    conf_boolean(&l->report, root, "private", &p->private_chats);
    conf_boolean(&l->report, root, "keepers", &p->keepers);
    bool tally = false;
    if (conf_boolean(&l->report, root, "tally", &tally))
        p->tally = tally ? 1 : -1;
    conf_string(&l->report, root, "title", &title);
    p->title = mem_strdup(title);
    loader_read_groups(
        l, root,
        "groups is missing: which groups this playbook serves, for example groups = { \"qq1:*\" }",
        &p->selectors, &p->nselectors);
    loader_read_head(l, p, root);
    loader_read_flows(l, p, root);
    loader_read_overlays(l, p, folder, root);
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
        b->books[b->nbooks++] = playbook_read(l, folder, name, path.data, root);
    } else {
        l->problems++;
    }
    conf_free(root);
    buf_free(&path);
}

/* Overlays of nobody: a folder that is called like no playbook beside it. */
static void playbook_warn_strays(struct loader *l, const char *folder, char *const *names)
{
    struct buf path = {0};
    buf_addf(&path, "%s/playbooks", folder);
    DIR *dir = opendir(buf_cstr(&path));
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        struct buf sub = {0};
        int i = 0;
        buf_addf(&sub, "playbooks/%s", e->d_name);
        char **own = e->d_name[0] == '.' ? NULL : loader_list(folder, buf_cstr(&sub));
        while (names && names[i] && strcmp(names[i], e->d_name) != 0)
            i++;
        if (own && own[0] && !(names && names[i]))
            buf_addf(l->warnings,
                     "%s/%s/%s.lua:1: there is no playbook %s beside the folder; this overlay is "
                     "nobody's\n",
                     folder, buf_cstr(&sub), own[0], e->d_name);
        loader_free_list(own);
        buf_free(&sub);
    }
    if (dir)
        closedir(dir);
    buf_free(&path);
}

static void playbook_load_folder(struct loader *l, struct book *b, const char *folder)
{
    char **names = loader_list(folder, "playbooks");
    playbook_warn_strays(l, folder, names);
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

static void playbook_take_tags(struct book *b, const struct config *c)
{
    struct buf content = {0};
    b->config = mem_strdup(c->file ? c->file : "configuration");
    b->sop = mem_zero(((size_t)c->nsop + 1) * sizeof *b->sop);
    for (int i = 0; i < c->nsop; i++)
        b->sop[i] = mem_strdup(c->sop[i]);
    b->tags = mem_zero(((size_t)c->ntags + 1) * sizeof *b->tags);
    for (int i = 0; i < c->ntags; i++) {
        struct tag_rule *t = &b->tags[b->ntags++];
        *t = c->tags[i];
        t->tag = mem_strdup(t->tag);
        t->selectors = mem_zero(((size_t)t->nselectors + 1) * sizeof *t->selectors);
        buf_addf(&content, "%s %d", t->tag, (int)t->level);
        for (int j = 0; j < t->nselectors; j++) {
            const struct selector *s = &c->tags[i].selectors[j];
            selector_print(s, &content);
            t->selectors[j] =
                (struct selector){s->kind, mem_strdup(s->gateway), mem_strdup(s->value)};
        }
    }
    b->tags_content = hash_string(buf_cstr(&content));
    buf_free(&content);
}

static void playbook_press_in(struct loader *l, struct book *b, const char *language)
{
    int folder;
    const struct conf_value *text = NULL;
    if (!language || cJSON_GetObjectItemCaseSensitive(b->press, language))
        return;
    text = loader_text(l, language, "buttons", "instead", &folder);
    bool good = text && (text->type == CONF_STRING || (text->type == CONF_TABLE && text->nlist));
    if (good)
        cJSON_AddItemToObject(b->press, language, conf_to_json(text));
}

/* What stands for buttons where there are none, in the languages of the playbooks: texts that belong to no flow. */
static void playbook_take_press(struct loader *l, struct book *b)
{
    b->press = cJSON_CreateObject();
    for (int i = 0; i < b->nbooks; i++) {
        const struct playbook *p = b->books[i];
        playbook_press_in(l, b, p->language);
        for (int j = 0; j < p->noverlays; j++)
            if (p->overlays[j].head)
                playbook_press_in(l, b, p->overlays[j].head->language);
    }
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
    playbook_take_tags(b, c);
    playbook_take_press(&l, b);
    book_ready(b);
    loader_free(&l);
    if (b->nbooks == 0 && l.problems == 0)
        buf_addf(warnings, "%s:1: there is no playbook in the folders of `sop`\n",
                 c->file ? c->file : "configuration");
    if (l.problems == 0)
        return b;
    book_release(b);
    return NULL;
}
