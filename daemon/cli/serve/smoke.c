/* smoke.c -- see smoke.h. Callers: cli/check/check.c, cli/serve/daemon.c, cli/serve/reload.c. */
#include "cli/serve/smoke.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/route/book.h"
#include "gateway/gateway.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/luaconf.h"

enum { SMOKE_NAME_MAX = 60 }; /* of a template's variable, as in lua/prelude/message.lua */

/* A command word of the playbook. */
struct smoke_word {
    const struct handler *handler;
    const char *flow;
    char *text; /* folded */
};

struct smoke {
    const struct config *config;
    struct buf *problems, *warnings;
    /* of the flow that is looked at */
    const struct playbook *book;
    const struct flow_info *flow;
    cJSON *sources;           /* {"flows/x.lua": "...", ...} */
    const cJSON *params;      /* of the playbook */
    struct smoke_word *words; /* of the playbook so far */
    int nwords;
    const char *text_name; /* the parameter */
    const char *file;      /* where it stands, if that is known; else it is looked for */
    int line;
};

/* ---- what gateways can do ---- */

/* May a playbook's selector mean groups of this gateway? Tags and names are known only at run time: they may. */
static bool smoke_may_serve(const struct playbook *p, const char *gateway)
{
    for (int i = 0; i < p->nselectors; i++) {
        const struct selector *s = &p->selectors[i];
        if (!s->gateway || strcmp(s->gateway, gateway) == 0)
            return true;
    }
    return false;
}

static void smoke_needs(struct smoke *k, const struct gateway_conf *conf)
{
    unsigned caps = gateway_caps_of(conf);
    for (unsigned bit = 1; bit && bit <= k->flow->needs; bit <<= 1) {
        if ((k->flow->needs & bit) && !(caps & bit))
            buf_addf(k->problems, "%s:1: flow %s needs '%s', which gateway %s (%s) cannot do\n",
                     k->book->file, k->flow->name, gateway_cap_name(bit), conf->name, conf->type);
    }
}

/* ---- words in sources ---- */

static bool smoke_is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Does `word` stand by itself anywhere but in a template: not as part of a longer word, not as {word}? */
static bool smoke_has_word(const char *in, const char *word)
{
    size_t len = strlen(word);
    bool head = smoke_is_word(word[0]), tail = smoke_is_word(word[len - 1]);
    for (const char *p = strstr(in, word); p; p = strstr(p + 1, word)) {
        char before = p > in ? p[-1] : ' ', after = p[len];
        if (!(head && smoke_is_word(before)) && !(tail && smoke_is_word(after)) &&
            !(before == '{' && after == '}'))
            return true;
    }
    return false;
}

/* Is it written anywhere in the value: as a key or in a text? */
static bool smoke_in_json(const cJSON *v, const char *word)
{
    if (cJSON_IsString(v) && smoke_has_word(v->valuestring, word))
        return true;
    const cJSON *item;
    cJSON_ArrayForEach (item, v) {
        if ((item->string && strcmp(item->string, word) == 0) || smoke_in_json(item, word))
            return true;
    }
    return false;
}

/* Does anything that the flow can put into a text bear this name? Its sources are asked for the word, and its parameters that
 * are no texts, so that a name is doubted only when nothing could give it. */
static bool smoke_given(const struct smoke *k, const struct flow *f, const char *name)
{
    static const char *const known[] = {"at", "name", "bot", "call"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i]) == 0)
            return true;
    }
    const cJSON *v;
    cJSON_ArrayForEach (v, k->sources) {
        if (cJSON_IsString(v) && smoke_has_word(v->valuestring, name))
            return true;
    }
    cJSON_ArrayForEach (v, k->params) {
        const struct param *p = flow_param(f, v->string);
        if (p && p->type != PARAM_TEXT && smoke_in_json(v, name))
            return true;
    }
    return smoke_in_json(k->book->persona, name);
}

/* The name of a table's field in the sources that is nearest to what was written: that is how values are given. Caller frees. */
static char *smoke_nearest(const struct smoke *k, const char *name)
{
    const char **names = mem_zero(sizeof *names);
    size_t n = 0;
    const cJSON *v;
    cJSON_ArrayForEach (v, k->sources) {
        for (const char *p = cJSON_IsString(v) ? v->valuestring : ""; *p;) {
            size_t len = 0, blanks;
            while (isalnum((unsigned char)p[len]) || p[len] == '_')
                len++;
            blanks = strspn(p + len, " ");
            if (len && len <= SMOKE_NAME_MAX && p[len + blanks] == '=' &&
                p[len + blanks + 1] != '=') {
                names = mem_realloc(names, (n + 2) * sizeof *names);
                names[n++] = mem_strndup(p, len);
                names[n] = NULL;
            }
            p += len ? len : 1;
        }
    }
    char *near = mem_strdup(conf_nearest(name, names));
    for (size_t i = 0; i < n; i++)
        free((char *)names[i]);
    free(names);
    return near;
}

/* ---- where a text stands ---- */

/* The line of a file that holds the piece, 0 if none does. */
static int smoke_line_in(const char *path, const char *piece)
{
    char *line = NULL;
    size_t size = 0;
    int n = 0, found = 0;
    FILE *in = fopen(path, "re");
    while (in && !found && getline(&line, &size, in) > 0) {
        n++;
        if (strstr(line, piece))
            found = n;
    }
    free(line);
    if (in)
        fclose(in);
    return found;
}

/* Writes "file:line" of a text: a playbook's own, one of the language, or the flow's default. The line is that of the piece in
 * question, which is as good as the text's own. */
static void smoke_place(const struct smoke *k, const char *piece, struct buf *out)
{
    int line = k->file ? k->line : smoke_line_in(k->book->file, piece);
    if (k->file) {
        buf_addf(out, "%s:%d", k->file, line);
        return;
    }
    if (line) {
        buf_addf(out, "%s:%d", k->book->file, line);
        return;
    }
    for (int i = 0; i < 2 * k->config->nsop && !line; i++) {
        struct buf path = {0};
        const char *sop = k->config->sop[i % k->config->nsop];
        if (i < k->config->nsop)
            buf_addf(&path, "%s/texts/%s.lua", sop, k->book->language);
        else
            buf_addf(&path, "%s/%s", sop, k->flow->file);
        line = smoke_line_in(buf_cstr(&path), piece);
        if (line)
            buf_addf(out, "%s:%d", buf_cstr(&path), line);
        buf_free(&path);
    }
    if (!line)
        buf_addf(out, "%s:1", k->book->file);
}

/* ---- texts ---- */

static void smoke_variable(struct smoke *k, const struct flow *f, const char *name, size_t len)
{
    char *word = mem_strndup(name, len);
    if (!smoke_given(k, f, word)) {
        struct buf piece = {0};
        buf_addf(&piece, "{%s}", word);
        smoke_place(k, buf_cstr(&piece), k->problems);
        char *near = smoke_nearest(k, word);
        buf_addf(k->problems, ": the text %s.%s needs {%s}, which the flow never gives%s%s%s\n",
                 k->flow->name, k->text_name, word,
                 near ? "; did you mean {" : "; write {{ for a brace", near ? near : "",
                 near ? "}?" : "");
        free(near);
        buf_free(&piece);
    }
    free(word);
}

/* `at`: the brace, in `text`. It is looked for with what stands around it on its line. */
static void smoke_brace(struct smoke *k, const char *text, const char *at)
{
    static const char ends[] = "\n\"'\\";
    struct buf piece = {0};
    const char *from = at;
    while (from > text && at - from < SMOKE_NAME_MAX && !strchr(ends, from[-1]))
        from--;
    buf_add(&piece, from, (size_t)(at - from) + strcspn(at, ends));
    smoke_place(k, buf_cstr(&piece), k->warnings);
    buf_addf(k->warnings,
             ": the text %s.%s has a lone brace, which is shown as it is; {{ and }} say so\n",
             k->flow->name, k->text_name);
    buf_free(&piece);
}

/* Takes a template apart as `parse` of lua/prelude/message.lua does. */
static void smoke_template(struct smoke *k, const struct flow *f, const char *text)
{
    for (const char *p = text + strcspn(text, "{}"); *p; p += strcspn(p, "{}")) {
        const char *close = p[0] == '{' ? strchr(p, '}') : NULL;
        size_t len = close ? (size_t)(close - p) - 1 : 0;
        if (p[1] == p[0]) {
            p += 2;
        } else if (len && len <= SMOKE_NAME_MAX && strcspn(p + 1, "{\n") > len) {
            smoke_variable(k, f, p + 1, len);
            p = close + 1;
        } else {
            smoke_brace(k, text, p++);
        }
    }
}

/* A text, or a list of variants. */
static void smoke_variants(struct smoke *k, const struct flow *f, const cJSON *v)
{
    const cJSON *item;
    if (cJSON_IsString(v))
        smoke_template(k, f, v->valuestring);
    cJSON_ArrayForEach (item, v) {
        if (cJSON_IsString(item))
            smoke_template(k, f, item->valuestring);
    }
}

/* Those fields of a table that the flow says are texts. */
static void smoke_fields(struct smoke *k, const struct flow *f, const struct param *p,
                         const cJSON *v)
{
    const cJSON *item;
    cJSON_ArrayForEach (item, v) {
        bool text = false;
        for (int i = 0; i < p->ntexts && item->string; i++)
            text |= strcmp(p->texts[i], item->string) == 0;
        if (text)
            smoke_variants(k, f, item);
        else
            smoke_fields(k, f, p, item);
    }
}

static void smoke_value(struct smoke *k, const struct flow *f, const struct param *p,
                        const cJSON *v)
{
    k->text_name = p->name;
    if (p->type == PARAM_TEXT)
        smoke_variants(k, f, v);
    else if (p->ntexts)
        smoke_fields(k, f, p, v);
}

static void smoke_texts(struct smoke *k, const struct flow *f)
{
    for (int i = 0; i < k->flow->nparams; i++) {
        const struct param *p = &k->flow->params[i];
        smoke_value(k, f, p, cJSON_GetObjectItemCaseSensitive(k->params, p->name));
    }
}

/* ---- commands ---- */

static bool smoke_blank(const char *s)
{
    return s[strspn(s, " \t\n/#!")] == '\0';
}

static bool smoke_any_blank(const cJSON *v)
{
    const cJSON *item;
    if (cJSON_IsString(v))
        return smoke_blank(v->valuestring);
    cJSON_ArrayForEach (item, v)
        if (cJSON_IsString(item) && smoke_blank(item->valuestring))
            return true;
    return false;
}

/* Notes a word of a command; a second one that is heard in the same place, from the same people, is never reached unless the
 * first declines, which it may be declared to do. */
static void smoke_word(struct smoke *k, const struct handler *h, const char *text)
{
    struct buf folded = {0};
    utf8_fold(&folded, text, strlen(text));
    for (int i = 0; i < k->nwords; i++) {
        const struct smoke_word *w = &k->words[i];
        const struct handler *o = w->handler;
        bool meet = (h->in_group && o->in_group) || (h->in_private && o->in_private);
        if (o != h && meet && !o->shared && strcmp(o->role, h->role) == 0 &&
            strcmp(w->text, buf_cstr(&folded)) == 0)
            buf_addf(
                k->warnings,
                "%s:1: '%s' is a command of %s and of %s (line %d); the second hears it only if "
                "the first declines\n",
                k->book->file, text, w->flow, k->flow->name, h->line);
    }
    k->words = mem_realloc(k->words, ((size_t)k->nwords + 1) * sizeof *k->words);
    k->words[k->nwords++] =
        (struct smoke_word){.handler = h, .flow = k->flow->name, .text = buf_take(&folded)};
}

static void smoke_command(struct smoke *k, const struct handler *h)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(k->params, h->name), *item;
    for (int i = 0; i < h->nwords && !h->from_param; i++)
        smoke_word(k, h, h->words[i]);
    if (!h->from_param)
        return;
    if (cJSON_IsString(v))
        smoke_word(k, h, v->valuestring);
    cJSON_ArrayForEach (item, v) {
        if (cJSON_IsString(item))
            smoke_word(k, h, item->valuestring);
    }
    if (smoke_any_blank(v))
        buf_addf(k->problems, "%s:1: %s.%s has a blank word; nobody can say that command\n",
                 k->book->file, k->flow->name, h->name);
    else if (cJSON_IsArray(v) && !v->child)
        buf_addf(k->warnings, "%s:1: %s.%s has no word; that command is never heard\n",
                 k->book->file, k->flow->name, h->name);
}

static void smoke_commands(struct smoke *k)
{
    for (int i = 0; i < k->flow->nhandlers; i++) {
        if (k->flow->handlers[i].kind == HANDLER_COMMAND)
            smoke_command(k, &k->flow->handlers[i]);
    }
}

static void smoke_forget_words(struct smoke *k)
{
    for (int i = 0; i < k->nwords; i++)
        free(k->words[i].text);
    free(k->words);
    k->words = NULL;
    k->nwords = 0;
}

/* ---- overlays ---- */

static bool smoke_is_command(const struct smoke *k, const char *param)
{
    for (int i = 0; i < k->flow->nhandlers; i++) {
        const struct handler *h = &k->flow->handlers[i];
        if (h->kind == HANDLER_COMMAND && h->from_param && strcmp(h->name, param) == 0)
            return true;
    }
    return false;
}

static void smoke_slot(struct smoke *k, const struct flow *f, const struct value_slot *slot)
{
    const struct param *p = &k->flow->params[slot->param];
    k->line = slot->line;
    k->text_name = p->name;
    if (smoke_is_command(k, p->name) && smoke_any_blank(slot->value))
        buf_addf(k->problems, "%s:%d: %s.%s has a blank word; nobody can say that command\n",
                 k->file, k->line, k->flow->name, p->name);
    if (k->sources)
        smoke_value(k, f, p, slot->value);
}

/* What overlays say of the flow that is looked at, the n-th of the playbook. */
static void smoke_overlays(struct smoke *k, const struct flow *f, int n)
{
    for (int i = 0; i < k->book->noverlays; i++) {
        const struct overlay_flow *o = overlay_flow(&k->book->overlays[i], n);
        k->file = k->book->overlays[i].file;
        for (int j = 0; o && j < o->n; j++)
            smoke_slot(k, f, &o->slots[j]);
    }
    k->file = NULL;
}

/* ---- the book ---- */

static void smoke_flow(struct smoke *k, const struct flow *f, int n)
{
    size_t len = 0;
    const char *sources = flow_source(f, &len);
    k->flow = flow_info(f);
    for (int i = 0; i < k->config->ngateways; i++) {
        const struct gateway_conf *conf = &k->config->gateways[i].conf;
        if (smoke_may_serve(k->book, config_gateway_key(&k->config->gateways[i])))
            smoke_needs(k, conf);
    }
    smoke_commands(k);
    k->sources = sources ? cJSON_ParseWithLength(sources, len) : NULL;
    if (k->sources) /* else nothing is known of what it gives */
        smoke_texts(k, f);
    smoke_overlays(k, f, n);
    cJSON_Delete(k->sources);
    k->sources = NULL;
}

static int smoke_lines(const struct buf *b)
{
    int n = 0;
    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

void smoke_book(const struct config *c, const struct book *b, bool all, struct buf *problems,
                struct buf *warnings)
{
    struct buf unheard = {0};
    struct smoke k = {.config = c, .problems = problems};
    for (int i = 0; i < b->nbooks; i++) {
        k.book = b->books[i];
        k.warnings = all || book_reaches(b, k.book) ? warnings : &unheard;
        for (int j = 0; j < k.book->nflows; j++) {
            k.params = k.book->flows[j].params;
            smoke_flow(&k, k.book->flows[j].flow, j);
        }
        smoke_forget_words(&k);
    }
    if (unheard.len)
        buf_addf(warnings,
                 "%s:1: %d warning%s about playbooks for tags that the configuration gives to no "
                 "group: left out here; `sopd check --all` lists them\n",
                 b->config ? b->config : "configuration", smoke_lines(&unheard),
                 smoke_lines(&unheard) == 1 ? "" : "s");
    buf_free(&unheard);
}
