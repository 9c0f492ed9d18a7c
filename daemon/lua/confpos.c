/* confpos.c -- see confpos.h. A scanner of Lua's tokens, and a walk over them that only knows table constructors.
 * Callers: lua/luaconf.c. */
#include "lua/confpos.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CONFPOS_NODES_MAX = 100000, CONFPOS_DEPTH_MAX = 64, CONFPOS_LOOKS_MAX = 5000000 };

struct confpos_node {
    char *key;
    int first, last, next; /* children are a list, newest at its end */
    int cursor;            /* the child behind the one found last: lists are read in order */
    int items;             /* list items seen so far */
    int line;
};

struct confpos {
    const char *source;
    size_t len;
    struct confpos_node *nodes;
    int n;
    int root;
    long looks; /* comparisons so far: a hostile file shall not cost minutes */
};

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_NUMBER, TOKEN_SIGN };
struct token {
    enum token_kind kind;
    char sign;        /* SIGN: its first byte; `==` and its like are '?' */
    const char *text; /* NAME, STRING (without quotes), NUMBER */
    size_t len;
    int line;
};

struct scanner {
    const char *p, *end;
    int line;
};

/* The level of a long bracket at p ("[[" 0, "[=[" 1, ...), -1 if there is none. */
static int scan_long_level(const struct scanner *s, const char *p)
{
    int level = 0;
    if (p >= s->end || *p != '[')
        return -1;
    for (p++; p < s->end && *p == '='; p++)
        level++;
    return p < s->end && *p == '[' ? level : -1;
}

static void scan_long(struct scanner *s, int level, struct token *t)
{
    s->p += level + 2;
    t->text = s->p;
    for (; s->p < s->end; s->p++) {
        if (*s->p == '\n')
            s->line++;
        if (*s->p != ']' || s->end - s->p < level + 2 || s->p[level + 1] != ']')
            continue;
        int i = 1;
        while (i <= level && s->p[i] == '=')
            i++;
        if (i <= level)
            continue;
        t->len = (size_t)(s->p - t->text);
        s->p += level + 2;
        return;
    }
    t->len = (size_t)(s->p - t->text);
}

static void scan_quoted(struct scanner *s, struct token *t)
{
    char quote = *s->p++;
    t->text = s->p;
    while (s->p < s->end && *s->p != quote && *s->p != '\n') {
        if (*s->p == '\\' && s->p + 1 < s->end) {
            s->p++;
            if (*s->p == '\n')
                s->line++;
        }
        s->p++;
    }
    t->len = (size_t)(s->p - t->text);
    if (s->p < s->end)
        s->p++;
}

static void scan_blank(struct scanner *s)
{
    while (s->p < s->end) {
        if (isspace((unsigned char)*s->p)) {
            s->line += *s->p++ == '\n';
        } else if (s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] == '-') {
            struct token skip;
            s->p += 2;
            int level = scan_long_level(s, s->p);
            if (level >= 0)
                scan_long(s, level, &skip);
            else
                while (s->p < s->end && *s->p != '\n')
                    s->p++;
        } else {
            return;
        }
    }
}

static bool scan_is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct token scan_next(struct scanner *s)
{
    scan_blank(s);
    struct token t = {.kind = TOKEN_END, .line = s->line, .text = s->p};
    if (s->p >= s->end)
        return t;
    int level = scan_long_level(s, s->p);
    if (level >= 0) {
        t.kind = TOKEN_STRING;
        scan_long(s, level, &t);
    } else if (*s->p == '"' || *s->p == '\'') {
        t.kind = TOKEN_STRING;
        scan_quoted(s, &t);
    } else if (scan_is_name(*s->p)) {
        t.kind = isdigit((unsigned char)*s->p) ? TOKEN_NUMBER : TOKEN_NAME;
        while (s->p < s->end && (scan_is_name(*s->p) || (t.kind == TOKEN_NUMBER && *s->p == '.')))
            s->p++;
        t.len = (size_t)(s->p - t.text);
    } else {
        t.kind = TOKEN_SIGN;
        t.sign = *s->p++;
        if (s->p < s->end && *s->p == '=' && strchr("=~<>", t.sign)) {
            s->p++;
            t.sign = '?';
        }
    }
    return t;
}

static bool token_is(const struct token *t, char sign)
{
    return t->kind == TOKEN_SIGN && t->sign == sign;
}

static int confpos_add(struct confpos *p, int parent, const char *key, size_t len, int line)
{
    if (p->n >= CONFPOS_NODES_MAX)
        return -1;
    if ((p->n & (p->n - 1)) == 0)
        p->nodes = mem_realloc(p->nodes, (p->n ? (size_t)p->n * 2 : 1) * sizeof *p->nodes);
    int id = p->n++;
    p->nodes[id] = (struct confpos_node){.key = mem_strndup(key, len),
                                         .first = -1,
                                         .last = -1,
                                         .next = -1,
                                         .cursor = -1,
                                         .line = line};
    if (parent >= 0) {
        struct confpos_node *up = &p->nodes[parent];
        if (up->last >= 0)
            p->nodes[up->last].next = id;
        else
            up->first = id;
        up->last = id;
    }
    return id;
}

static int confpos_add_item(struct confpos *p, int parent, int line)
{
    struct buf key = {0};
    buf_addi(&key, ++p->nodes[parent].items);
    int id = confpos_add(p, parent, key.data, key.len, line);
    buf_free(&key);
    return id;
}

static void confpos_table(struct confpos *p, struct scanner *s, int node, int depth);

/* One entry of a constructor whose first token is `t`: notes its key, then walks to the `,` `;` or `}` behind it, into
 * a constructor if its value begins with one. Returns false at the end of the constructor. */
static bool confpos_entry(struct confpos *p, struct scanner *s, struct token t, int node, int depth)
{
    struct scanner ahead = *s;
    struct token second = scan_next(&ahead);
    int child;
    if (t.kind == TOKEN_NAME && token_is(&second, '=')) {
        child = confpos_add(p, node, t.text, t.len, t.line);
        *s = ahead;
        t = scan_next(s);
    } else if (token_is(&t, '[')) {
        child = confpos_add(p, node, second.text, second.len, t.line);
        *s = ahead;
        do
            t = scan_next(s);
        while (t.kind != TOKEN_END && !token_is(&t, '='));
        t = scan_next(s);
    } else {
        child = confpos_add_item(p, node, t.line);
    }
    if (child < 0)
        return false;
    int open = 0;
    if (token_is(&t, '{') && depth < CONFPOS_DEPTH_MAX) {
        confpos_table(p, s, child, depth + 1);
        t = scan_next(s);
    }
    for (; t.kind != TOKEN_END; t = scan_next(s)) {
        if (t.kind != TOKEN_SIGN)
            continue;
        if (open == 0 && (t.sign == ',' || t.sign == ';'))
            return true;
        if (t.sign == '{' || t.sign == '(' || t.sign == '[')
            open++;
        if (t.sign == '}' || t.sign == ')' || t.sign == ']') {
            if (open == 0)
                return false;
            open--;
        }
    }
    return false;
}

/* Walks a constructor; its `{` is read already. */
static void confpos_table(struct confpos *p, struct scanner *s, int node, int depth)
{
    for (;;) {
        struct token t = scan_next(s);
        if (t.kind == TOKEN_END || token_is(&t, '}'))
            return;
        if (token_is(&t, ',') || token_is(&t, ';'))
            continue;
        if (!confpos_entry(p, s, t, node, depth))
            return;
    }
}

struct confpos *confpos_scan(const char *source, size_t len)
{
    struct confpos *p = MEM_NEW(struct confpos);
    p->source = source;
    p->len = len;
    p->root = -1;
    struct scanner s = {source, source + len, 1}, at = s;
    int line = 0;
    for (struct token t = scan_next(&s); t.kind != TOKEN_END; t = scan_next(&s)) {
        if (t.kind != TOKEN_NAME || t.len != 6 || memcmp(t.text, "return", 6) != 0)
            continue;
        struct scanner ahead = s;
        struct token open = scan_next(&ahead);
        if (token_is(&open, '{')) { /* the last one is the file's own */
            at = ahead;
            line = open.line;
        }
    }
    if (line > 0) {
        p->root = confpos_add(p, -1, "", 0, line);
        confpos_table(p, &at, p->root, 0);
    }
    return p;
}

void confpos_free(struct confpos *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        free(p->nodes[i].key);
    free(p->nodes);
    free(p);
}

int confpos_root(const struct confpos *p)
{
    return p->root;
}

int confpos_child(struct confpos *p, int node, const char *key)
{
    if (node < 0 || p->nodes[node].first < 0)
        return -1;
    struct confpos_node *up = &p->nodes[node];
    int start = up->cursor >= 0 ? up->cursor : up->first, i = start;
    do {
        if (++p->looks > CONFPOS_LOOKS_MAX)
            return -1;
        if (strcmp(p->nodes[i].key, key) == 0) {
            up->cursor = p->nodes[i].next;
            return i;
        }
        i = p->nodes[i].next >= 0 ? p->nodes[i].next : up->first;
    } while (i != start);
    return -1;
}

int confpos_line(const struct confpos *p, int node)
{
    return node >= 0 ? p->nodes[node].line : 1;
}

int confpos_search(struct confpos *p, const char *key, int from)
{
    size_t n = strlen(key);
    int line = 1;
    if (p->looks > CONFPOS_LOOKS_MAX)
        return from;
    p->looks += (long)(p->len / 16);
    for (const char *c = p->source; n > 0 && c + n <= p->source + p->len; c++) {
        if (line >= from && memcmp(c, key, n) == 0 && (c == p->source || !scan_is_name(c[-1])) &&
            (c + n == p->source + p->len || !scan_is_name(c[n])))
            return line;
        line += *c == '\n';
    }
    return from;
}
