/* lint.c -- see lint.h: the list of findings, lines of others taken over, and the order of the checks. Caller: cli/check/check.c. */
#include "cli/check/lint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/check/lint_internal.h"

/* ---- the list ---- */

static bool lint_known(const struct lint *l, const struct finding *f)
{
    for (int i = 0; i < l->nfindings; i++) {
        const struct finding *o = &l->findings[i];
        if (o->code == f->code && o->line == f->line && strcmp(o->file, f->file) == 0 &&
            strcmp(o->what, f->what) == 0)
            return true;
    }
    return false;
}

static void lint_drop(struct finding *f)
{
    free(f->file);
    free(f->what);
    free(f->playbook);
    free(f->flow);
}

/* Takes ownership of its strings. */
static void lint_keep(struct lint *l, struct finding f)
{
    bool ignored = f.severity != LINT_ERROR && l->ignore && strstr(l->ignore, f.code->code);
    if (ignored || lint_known(l, &f)) {
        lint_drop(&f);
        return;
    }
    l->findings = mem_realloc(l->findings, ((size_t)l->nfindings + 1) * sizeof *l->findings);
    l->findings[l->nfindings++] = f;
}

static void lint_add_list(struct linter *k, const struct lint_code *code,
                          enum lint_severity severity, const char *file, int line, const char *fmt,
                          va_list ap)
{
    char *what = NULL;
    if (vasprintf(&what, fmt, ap) < 0)
        what = mem_strdup(code->title);
    lint_keep(k->out, (struct finding){.code = code,
                                       .severity = severity,
                                       .file = mem_strdup(file),
                                       .line = line > 0 ? line : 1,
                                       .what = what,
                                       .playbook = mem_strdup(k->p ? k->p->name : NULL),
                                       .flow = mem_strdup(k->flow ? k->flow->name : NULL)});
}

void lint_add(struct linter *k, const char *code, const char *file, int line, const char *fmt, ...)
{
    const struct lint_code *c = lint_code(code);
    va_list ap;
    va_start(ap, fmt);
    lint_add_list(k, c, c->severity, file, line, fmt, ap);
    va_end(ap);
}

void lint_add_as(struct linter *k, const char *code, enum lint_severity severity, const char *file,
                 int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    lint_add_list(k, lint_code(code), severity, file, line, fmt, ap);
    va_end(ap);
}

/* ---- what others found ---- */

static size_t lint_name(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '-')
        n++;
    return n;
}

/* "checkin.days: ..." */
static bool lint_is_value(const char *what)
{
    size_t n = lint_name(what);
    size_t m = n && what[n] == '.' ? lint_name(what + n + 1) : 0;
    return m && what[n + 1 + m] == ':';
}

/* The loader says what is wrong in sentences; here each gets its code. */
static const char *lint_classify(const char *file, const char *what, enum lint_severity severity)
{
    static const struct {
        const char *piece, *code;
    } pieces[] = {
        {"has no parameter '", "L002"},     {"needs a value for '", "L004"},
        {" has no text: give one", "L005"}, {"there is no flow '", "L006"},
        {"there is no gateway ", "L007"},   {", which the flow never gives", "L011"},
        {" has a lone brace", "L012"},      {"the second hears it only if", "L020"},
        {" has a blank word", "L022"},      {" has no word; that command", "L023"},
        {", which gateway ", "L030"},       {" is locked by ", "L009"},
        {" has no flow '", "L006"},
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        if (strstr(what, pieces[i].piece))
            return pieces[i].code;
    }
    if (strncmp(file, "flows/", 6) == 0 || strncmp(file, "lib/", 4) == 0)
        return "L008";
    if (severity != LINT_ERROR)
        return "L010";
    return lint_is_value(what) ? "L003" : "L001";
}

static void lint_adopt_line(struct lint *l, const char *line, size_t len,
                            enum lint_severity severity)
{
    char *text = mem_strndup(line, len), *what = text;
    char *file = NULL;
    int number = 1;
    for (char *p = strchr(text, ':'); p && !file; p = strchr(p + 1, ':')) {
        char *end = p + 1;
        long n = isdigit((unsigned char)*end) ? strtol(end, &end, 10) : 0;
        if (n > 0 && end[0] == ':' && end[1] == ' ') {
            file = mem_strndup(text, (size_t)(p - text));
            number = (int)n;
            what = end + 2;
        }
    }
    char *colon = strstr(text, ": ");
    if (!file) { /* the file as a whole */
        file = colon ? mem_strndup(text, (size_t)(colon - text)) : mem_strdup("configuration");
        what = colon ? colon + 2 : text;
    }
    const struct lint_code *code = lint_code(lint_classify(file, what, severity));
    lint_keep(l, (struct finding){.code = code,
                                  .severity = severity,
                                  .file = file,
                                  .line = number,
                                  .what = mem_strdup(what),
                                  .told = true});
    free(text);
}

void lint_adopt(struct lint *l, struct buf *lines, enum lint_severity severity)
{
    for (const char *p = buf_cstr(lines); *p;) {
        size_t len = strcspn(p, "\n");
        if (len)
            lint_adopt_line(l, p, len, severity);
        p += len + (p[len] != '\0');
    }
}

/* ---- what the checks ask for ---- */

const cJSON *lint_value(const struct linter *k, const char *param)
{
    return cJSON_GetObjectItemCaseSensitive(k->pf->params, param);
}

const struct config_gateway *lint_gateway(const struct linter *k, int *i)
{
    while (*i < k->config->ngateways) {
        const struct config_gateway *g = &k->config->gateways[(*i)++];
        for (int j = 0; j < k->p->nselectors; j++) {
            const struct selector *s = &k->p->selectors[j];
            if (!s->gateway || strcmp(s->gateway, config_gateway_key(g)) == 0)
                return g;
        }
    }
    return NULL;
}

bool lint_has(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strstr(text, *words))
            return true;
    }
    return false;
}

/* ---- the checks ---- */

void lint_flow(struct linter *k)
{
    lint_at_all(k);
    lint_text_values(k);
    lint_wording(k);
    lint_lottery(k);
    lint_outside(k);
    lint_wants(k);
}

static void lint_playbook(struct linter *k)
{
    struct buf unused = {0};
    k->root = conf_load(k->p->file, &unused); /* it has loaded before: here for its lines */
    lint_load_texts(k, k->p->language);
    lint_selectors(k);
    lint_handlers(k);
    lint_times(k);
    lint_text_files(k);
    for (int i = 0; i < k->p->nflows; i++) {
        k->pf = &k->p->flows[i];
        k->flow = flow_info(k->pf->flow);
        lint_flow(k);
    }
    k->pf = NULL;
    k->flow = NULL;
    lint_overlays(k);
    conf_free(k->root);
    k->root = NULL;
    buf_free(&unused);
}

void lint_book(struct lint *l, const struct config *c, const struct book *b)
{
    struct linter k = {.out = l, .config = c, .book = b};
    for (int i = 0; i < 2 * b->nbooks;
         i++) { /* those that nobody has last: what all share is not theirs */
        k.p = b->books[i % b->nbooks];
        if (book_reaches(b, k.p) == (i < b->nbooks))
            lint_playbook(&k);
    }
    k.p = NULL;
    lint_broadcasts(&k);
    for (int i = 0; i < k.ntexts; i++) {
        conf_free(k.texts[i].root);
        free(k.texts[i].language);
        free(k.texts[i].path);
    }
    free(k.texts);
}

/* ---- playbooks that reach nobody ---- */

/* The playbook that a finding is about, if nobody is served by it. */
static const struct playbook *lint_unheard(const struct book *b, const struct finding *f)
{
    for (int i = 0; i < b->nbooks; i++) {
        const struct playbook *p = b->books[i];
        bool about =
            f->playbook ? strcmp(f->playbook, p->name) == 0 : strcmp(f->file, p->file) == 0;
        for (int j = 0; j < p->noverlays && !f->playbook; j++)
            about |= strcmp(f->file, p->overlays[j].file) == 0;
        if (about)
            return book_reaches(b, p) ? NULL : p;
    }
    return NULL;
}

void lint_fold(struct lint *l, const struct book *b)
{
    int kept = 0, warnings = 0, notes = 0;
    struct buf what = {0};
    const struct lint_code *code = lint_code("L034");
    for (int i = 0; i < l->nfindings; i++) {
        struct finding f = l->findings[i];
        if (f.severity == LINT_ERROR || !lint_unheard(b, &f)) {
            l->findings[kept++] = f;
            continue;
        }
        warnings += f.severity == LINT_WARNING;
        notes += f.severity == LINT_NOTE;
        lint_drop(&f);
    }
    l->nfindings = kept;
    if (!warnings && !notes)
        return;
    const char *file = NULL;
    buf_adds(&what, "the configuration gives no group the tag of:");
    for (int i = 0; i < b->nbooks; i++) {
        if (book_reaches(b, b->books[i]))
            continue;
        buf_addf(&what, " %s", b->books[i]->name);
        file = file ? file : b->books[i]->file;
    }
    buf_addf(&what, "; %d warning%s and %d note%s about them left out", warnings,
             warnings == 1 ? "" : "s", notes, notes == 1 ? "" : "s");
    lint_keep(l, (struct finding){.code = code,
                                  .severity = code->severity,
                                  .file = mem_strdup(file),
                                  .line = 1,
                                  .what = buf_take(&what)});
    buf_free(&what);
}

/* ---- the result ---- */

void lint_sort(struct lint *l)
{
    for (int i = 1; i < l->nfindings; i++) {
        struct finding f = l->findings[i];
        int j = i;
        for (; j > 0 && l->findings[j - 1].severity < f.severity; j--)
            l->findings[j] = l->findings[j - 1];
        l->findings[j] = f;
    }
}

int lint_count(const struct lint *l, enum lint_severity severity)
{
    int n = 0;
    for (int i = 0; i < l->nfindings; i++)
        n += l->findings[i].severity == severity;
    return n;
}

void lint_free(struct lint *l)
{
    for (int i = 0; i < l->nfindings; i++)
        lint_drop(&l->findings[i]);
    for (int i = 0; i < l->nposts; i++) {
        free(l->posts[i].playbook);
        free(l->posts[i].flow);
        free(l->posts[i].gateway);
        free(l->posts[i].name);
    }
    free(l->findings);
    free(l->posts);
    *l = (struct lint){0};
}
