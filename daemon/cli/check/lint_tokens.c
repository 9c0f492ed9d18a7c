/* lint_tokens.c -- what can be told of a handler without running it, from the words of its source.
 * The source has been compiled before, so that it may be taken to be right; what this reader does not understand, it does not tell.
 * Callers: lint_handlers.c, lint_consent.c, lint_web.c. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <string.h>

#include "cli/check/lint_internal.h"

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_OTHER };

struct tokens {
    const char *p; /* after the token */
    int line;      /* of the token's end */
    enum token_kind kind;
    const char *text; /* the token; NAME, OTHER (one character) */
    size_t len;
};

/* The length of "[[", "[==[" at s, 0 if there is none. */
static size_t tokens_long(const char *s)
{
    size_t n = 1;
    while (*s == '[' && s[n] == '=')
        n++;
    return *s == '[' && s[n] == '[' ? n + 1 : 0;
}

/* Behind a long bracket that begins at t->p with n characters. */
static void tokens_skip_long(struct tokens *t, size_t n)
{
    const char *p = t->p + n;
    for (; *p; p++) {
        t->line += *p == '\n';
        size_t m = 1;
        while (*p == ']' && p[m] == '=')
            m++;
        if (*p == ']' && p[m] == ']' && m + 1 == n) {
            p += n;
            break;
        }
    }
    t->p = p;
}

static void tokens_skip_blank(struct tokens *t)
{
    for (;;) {
        if (isspace((unsigned char)*t->p)) {
            t->line += *t->p++ == '\n';
        } else if (t->p[0] == '-' && t->p[1] == '-') {
            t->p += 2;
            size_t n = tokens_long(t->p);
            if (n)
                tokens_skip_long(t, n);
            else
                t->p += strcspn(t->p, "\n");
        } else {
            return;
        }
    }
}

static void tokens_string(struct tokens *t)
{
    char quote = *t->p++;
    while (*t->p && *t->p != quote) {
        t->line += *t->p == '\n';
        t->p += t->p[0] == '\\' && t->p[1] ? 2 : 1;
    }
    t->p += *t->p != '\0';
}

static bool tokens_next(struct tokens *t)
{
    tokens_skip_blank(t);
    t->text = t->p;
    size_t n = tokens_long(t->p);
    if (!*t->p) {
        t->kind = TOKEN_END;
    } else if (isalnum((unsigned char)*t->p) || *t->p == '_') {
        t->kind = TOKEN_NAME; /* numbers, too: nobody asks for them */
        while (isalnum((unsigned char)*t->p) || *t->p == '_')
            t->p++;
    } else if (n) {
        t->kind = TOKEN_STRING;
        tokens_skip_long(t, n);
    } else if (*t->p == '"' || *t->p == '\'') {
        t->kind = TOKEN_STRING;
        tokens_string(t);
    } else {
        t->kind = TOKEN_OTHER;
        t->p++;
    }
    t->len = (size_t)(t->p - t->text);
    return t->kind != TOKEN_END;
}

static bool tokens_is(const struct tokens *t, const char *word)
{
    return t->kind != TOKEN_STRING && t->len == strlen(word) && memcmp(t->text, word, t->len) == 0;
}

static bool tokens_is_any(const struct tokens *t, const char *const *words)
{
    for (; *words; words++) {
        if (tokens_is(t, *words))
            return true;
    }
    return false;
}

/* Does what follows begin with these words? */
static bool tokens_follow(struct tokens t, const char *const *words)
{
    for (; *words; words++) {
        if (!tokens_next(&t) || !tokens_is(&t, *words))
            return false;
    }
    return true;
}

/* What a function says about itself. */
struct tokens_body {
    bool other;  /* it returns something else somewhere, waits, or hands its context on */
    bool at_end; /* its last statement is `return true` */
    int depth;   /* open blocks, 1 = the function's own */
    int inner;   /* depth at which a function inside it began, 0 = none */
};

static void tokens_return(struct tokens_body *b, const struct tokens *t)
{
    static const char *const at_end[] = {"true", "end", NULL},
                             *const inside[] = {"true", "else", NULL},
                             *const inside_if[] = {"true", "elseif", NULL};
    bool yes =
        tokens_follow(*t, at_end) || tokens_follow(*t, inside) || tokens_follow(*t, inside_if);
    b->other |= !yes;
    b->at_end = b->depth == 1 && yes;
}

static void tokens_block(struct tokens_body *b, const struct tokens *t)
{
    static const char *const open[] = {"function", "if", "do", "repeat", NULL}, *const close[] = {
                                                                                    "end", "until",
                                                                                    NULL};
    if (tokens_is_any(t, open)) { /* for and while have their `do` */
        b->depth++;
        if (tokens_is(t, "function") && !b->inner)
            b->inner = b->depth;
    } else if (tokens_is_any(t, close)) {
        if (b->inner == b->depth)
            b->inner = 0;
        b->depth--;
    }
}

/* From behind `function` to its end. */
static bool tokens_body_true(struct tokens t)
{
    static const char *const waits[] = {"ask", "sleep", "sleep_until", "gather", "wait", "http",
                                        "llm", "goto",  "continue",    "error",  NULL};
    static const char *const alone[] = {"(", "c", ")", NULL}, *const first[] = {"(", "c", ",",
                                                                                NULL};
    struct tokens_body b = {.depth = 1};
    while (b.depth > 0 && tokens_next(&t)) {
        if (!b.inner && tokens_is(&t, "return")) {
            tokens_return(&b, &t);
            continue;
        }
        tokens_block(&b, &t);
        b.other |= tokens_is_any(&t, waits);
        b.other |= t.kind == TOKEN_NAME && (tokens_follow(t, alone) || tokens_follow(t, first));
    }
    return b.depth == 0 && b.at_end && !b.other;
}

bool tokens_always_true(const char *source, int line)
{
    static const char *const head[] = {"(", "c", ")", NULL};
    struct tokens t = {.p = source, .line = 1};
    while (tokens_next(&t) && t.line <= line) {
        if (t.line == line && tokens_is(&t, "function") && tokens_follow(t, head)) {
            for (int i = 0; i < 3; i++)
                tokens_next(&t);
            return tokens_body_true(t);
        }
    }
    return false;
}

int tokens_param_line(const char *source, const char *name)
{
    static const char *const rest[] = {"=", "{", NULL};
    struct tokens t = {.p = source, .line = 1};
    while (tokens_next(&t)) {
        if (tokens_is(&t, name) && tokens_follow(t, rest))
            return t.line;
    }
    return 0;
}

int tokens_sop_name(const char *source, const char *name)
{
    const char *const rest[] = {".", name, NULL};
    struct tokens t = {.p = source, .line = 1};
    while (tokens_next(&t)) {
        if (tokens_is(&t, "sop") && tokens_follow(t, rest))
            return t.line;
    }
    return 0;
}

int tokens_method(const char *source, const char *name)
{
    static const char *const parens[] = {"(", NULL}, *const braces[] = {"{", NULL};
    struct tokens t = {.p = source, .line = 1};
    bool named = false; /* the token before is a name */
    while (tokens_next(&t)) {
        if (named && tokens_is(&t, ":") && tokens_next(&t) && tokens_is(&t, name) &&
            (tokens_follow(t, parens) || tokens_follow(t, braces)))
            return t.line;
        named = t.kind == TOKEN_NAME;
    }
    return 0;
}

int lint_said_at(const struct linter *k, int (*find)(const char *source, const char *name),
                 const char *name)
{
    size_t len = 0;
    const char *text = flow_source(k->pf->flow, &len);
    cJSON *sources = text ? cJSON_ParseWithLength(text, len) : NULL;
    const cJSON *v;
    int line = 0;
    cJSON_ArrayForEach (v, sources) {
        int found = cJSON_IsString(v) ? find(v->valuestring, name) : 0;
        if (found)
            line = strcmp(v->string, k->flow->file) == 0 ? found : line ? line : 1;
    }
    cJSON_Delete(sources);
    return line;
}
