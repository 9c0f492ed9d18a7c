/* scrub.c -- see scrub.h. JSON is walked as text and copied span by span; what is no JSON ends the walk, and is a plain text. */
#include "store/scrub.h"

#include <stdlib.h>
#include <string.h>

#include "store/scrub_words.h"

enum { SCRUB_DEPTH = 64 };

/* ---- JSON as text ---- */

struct walk {
    const struct scrub *s;
    enum scrub_way way;
    const char *p, *end;
    int depth;
    bool bad;      /* it is no JSON */
    bool texts;    /* names inside longer strings go, too */
    struct buf *o; /* where the copy goes */
    bool changed;
};

static void walk_blanks(struct walk *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
        w->p++;
}

/* Passes over one value. */
static void walk_skip(struct walk *w)
{
    int depth = 0;
    do {
        walk_blanks(w);
        if (w->p >= w->end) {
            w->bad = true;
            return;
        }
        char c = *w->p;
        if (c == '"') {
            w->p = scrub_string_end(w->p, w->end);
            if (!w->p) {
                w->p = w->end;
                w->bad = true;
                return;
            }
        } else if (c == '[' || c == '{') {
            depth++;
            w->p++;
        } else if (c == ']' || c == '}') {
            depth--;
            w->p++;
        } else if (c == ',' || c == ':') {
            w->p++;
            continue;
        } else {
            while (w->p < w->end && !strchr(",:]}[{\" \t\r\n", *w->p))
                w->p++;
        }
    } while (depth > 0);
}

/* ---- strings in their place ---- */

/* What stands beside a string in its object. */
struct beside {
    bool about;       /* the object is about the member: its user, id or member says so */
    const char *from; /* the object's text, and the name of the member that holds the string */
    const char *key;
    size_t key_len;
};

/* The string member `key` of the object at `from`; false if there is none. */
static bool walk_member(const struct walk *w, const char *from, const char *key, size_t key_len,
                        struct buf *out)
{
    struct walk in = {.p = from + 1, .end = w->end};
    for (;;) {
        walk_blanks(&in);
        const char *name = in.p, *stop;
        if (in.p >= in.end || *in.p != '"' || !(stop = scrub_string_end(in.p, in.end)))
            return false;
        in.p = stop;
        walk_blanks(&in);
        if (in.p >= in.end || *in.p++ != ':')
            return false;
        walk_blanks(&in);
        if ((size_t)(stop - name) == key_len + 2 && memcmp(name + 1, key, key_len) == 0 &&
            in.p < in.end && *in.p == '"') {
            const char *close = scrub_string_end(in.p, in.end);
            if (!close)
                return false;
            buf_reset(out);
            scrub_unescape(in.p + 1, close - 1, out);
            return true;
        }
        walk_skip(&in);
        walk_blanks(&in);
        if (in.bad || in.p >= in.end || *in.p++ != ',')
            return false;
    }
}

static const char *const walk_ids[] = {"user", "id", "member"};

static bool walk_about(const struct walk *w, const char *from)
{
    static struct buf value;
    for (size_t i = 0; i < sizeof walk_ids / sizeof *walk_ids; i++)
        if (walk_member(w, from, walk_ids[i], strlen(walk_ids[i]), &value) &&
            scrub_is_user(w->s, value.data, value.len))
            return true;
    return false;
}

/* Whose name is it? That of the id beside it: user for name, by for by_name. Without one it is theirs where the object is about
 * them, or where it is no name of a thing. */
static bool walk_name_is_theirs(const struct walk *w, const struct beside *b)
{
    static struct buf value;
    if (!b || !b->from)
        return true;
    if (b->key_len == 4 && memcmp(b->key, "name", 4) == 0) {
        for (size_t i = 0; i < sizeof walk_ids / sizeof *walk_ids; i++)
            if (walk_member(w, b->from, walk_ids[i], strlen(walk_ids[i]), &value))
                return scrub_is_user(w->s, value.data, value.len);
        return b->about;
    }
    if (b->key_len > 5 && memcmp(b->key + b->key_len - 5, "_name", 5) == 0 &&
        walk_member(w, b->from, b->key, b->key_len - 5, &value))
        return scrub_is_user(w->s, value.data, value.len);
    return b->about || (b->key_len == 5 && memcmp(b->key, "lucky", 5) == 0);
}

static void walk_put(struct walk *w, const char *text, size_t len)
{
    buf_add_json(w->o, text, len);
    w->changed = true;
}

/* A string value. OURS: it is the id itself. */
static enum scrubbed walk_string(struct walk *w, const struct beside *b)
{
    static struct buf text, clean;
    const char *from = w->p, *stop = scrub_string_end(w->p, w->end);
    if (!stop) {
        w->bad = true;
        return SCRUB_NONE;
    }
    w->p = stop;
    buf_reset(&text), buf_reset(&clean);
    scrub_unescape(from + 1, stop - 1, &text);
    if (scrub_is_user(w->s, text.data, text.len)) {
        walk_put(w, SCRUB_NOBODY, 1);
        return SCRUB_OURS;
    }
    if (scrub_is_name(w->s, text.data, text.len) && walk_name_is_theirs(w, b)) {
        walk_put(w, SCRUB_NOBODY, 1);
        return SCRUB_PART;
    }
    bool any = scrub_replace_user(w->s, text.data, text.len, &clean);
    if (w->texts && !scrub_is_name(w->s, text.data, text.len))
        any = scrub_replace_names(w->s, &clean, 0) || any;
    if (any) {
        walk_put(w, clean.data, clean.len);
        return SCRUB_PART;
    }
    buf_add(w->o, from, (size_t)(stop - from));
    return SCRUB_NONE;
}

static enum scrubbed walk_value(struct walk *w, const struct beside *b);

/* Takes back what was copied since `mark`, with the comma before it. */
static void walk_back(struct walk *w, size_t mark)
{
    w->o->len = mark;
    w->changed = true;
}

static enum scrubbed walk_array(struct walk *w)
{
    bool first = true;
    buf_addc(w->o, '[');
    w->p++;
    walk_blanks(w);
    while (!w->bad && w->p < w->end && *w->p != ']') {
        size_t mark = w->o->len;
        if (!first)
            buf_addc(w->o, ',');
        if (walk_value(w, NULL) == SCRUB_OURS && w->way == SCRUB_DROP)
            walk_back(w, mark);
        else
            first = false;
        walk_blanks(w);
        if (w->p < w->end && *w->p == ',') {
            w->p++;
            walk_blanks(w);
        } else if (w->p >= w->end || *w->p != ']') {
            w->bad = true;
        }
    }
    w->bad = w->bad || w->p >= w->end;
    w->p++;
    buf_addc(w->o, ']');
    return SCRUB_NONE;
}

/* One member of an object; false: it was left out. */
static bool walk_pair(struct walk *w, struct beside *b, bool first)
{
    size_t mark = w->o->len;
    const char *name = w->p, *stop = *w->p == '"' ? scrub_string_end(w->p, w->end) : NULL;
    if (!stop) {
        w->bad = true;
        return true;
    }
    if (!first)
        buf_addc(w->o, ',');
    b->key = name + 1;
    b->key_len = (size_t)(stop - name) - 2;
    bool theirs = scrub_names(w->s, b->key, b->key_len);
    enum scrubbed key = walk_string(w, NULL);
    walk_blanks(w);
    if (w->p >= w->end || *w->p != ':') {
        w->bad = true;
        return true;
    }
    w->p++;
    buf_addc(w->o, ':');
    walk_blanks(w);
    (void)key;
    const char *value_at = w->p;
    enum scrubbed value = walk_value(w, b);
    bool object = value == SCRUB_OURS && value_at < w->end && *value_at == '{';
    if (w->way == SCRUB_DROP && (theirs || object)) {
        walk_back(w, mark);
        return false;
    }
    return true;
}

static enum scrubbed walk_object(struct walk *w)
{
    struct beside b = {.about = walk_about(w, w->p), .from = w->p};
    bool first = true;
    buf_addc(w->o, '{');
    w->p++;
    walk_blanks(w);
    while (!w->bad && w->p < w->end && *w->p != '}') {
        if (walk_pair(w, &b, first))
            first = false;
        walk_blanks(w);
        if (w->p < w->end && *w->p == ',') {
            w->p++;
            walk_blanks(w);
        } else if (w->p >= w->end || *w->p != '}') {
            w->bad = true;
        }
    }
    w->bad = w->bad || w->p >= w->end;
    w->p++;
    buf_addc(w->o, '}');
    return b.about ? SCRUB_OURS : SCRUB_NONE;
}

static enum scrubbed walk_value(struct walk *w, const struct beside *b)
{
    enum scrubbed found = SCRUB_NONE;
    walk_blanks(w);
    if (w->bad || w->p >= w->end || ++w->depth > SCRUB_DEPTH) {
        w->bad = true;
    } else if (*w->p == '"') {
        found = walk_string(w, b);
    } else if (*w->p == '[') {
        found = walk_array(w);
    } else if (*w->p == '{') {
        found = walk_object(w);
    } else {
        const char *from = w->p;
        walk_skip(w);
        w->bad = w->bad || w->p == from;
        buf_add(w->o, from, (size_t)(w->p - from));
    }
    w->depth--;
    return found;
}

/* ---- whole values ---- */

static bool scrub_looks_json(const char *text, size_t len)
{
    return len > 1 && (*text == '{' || *text == '[' || *text == '"');
}

static enum scrubbed scrub_json(const struct scrub *s, enum scrub_way way, bool texts,
                                const char *text, size_t len, struct buf *out, bool *bad)
{
    size_t from = out->len;
    struct walk w = {.s = s, .way = way, .p = text, .end = text + len, .o = out, .texts = texts};
    enum scrubbed found = walk_value(&w, NULL);
    walk_blanks(&w);
    *bad = w.bad || w.p != w.end;
    if (*bad || !w.changed)
        out->len = from;
    if (*bad)
        return SCRUB_NONE;
    if (found == SCRUB_OURS && way == SCRUB_DROP) {
        out->len = from;
        return SCRUB_OURS;
    }
    return w.changed ? SCRUB_PART : SCRUB_NONE;
}

enum scrubbed scrub_value(const struct scrub *s, enum scrub_way way, const char *text, size_t len,
                          struct buf *out)
{
    bool bad = true;
    if (scrub_looks_json(text, len)) {
        enum scrubbed found = scrub_json(s, way, false, text, len, out, &bad);
        if (!bad)
            return found;
    }
    if (scrub_is_user(s, text, len) || scrub_is_name(s, text, len)) {
        if (way == SCRUB_KEEP)
            buf_adds(out, SCRUB_NOBODY);
        return way == SCRUB_KEEP ? SCRUB_PART : SCRUB_OURS;
    }
    if (way == SCRUB_KEEP)
        return scrub_text(s, text, len, out);
    return scrub_replace_user(s, text, len, out) ? SCRUB_PART : SCRUB_NONE;
}

/* ---- records of runs ---- */

static bool scrub_mentions(const struct scrub *s, const char *text, size_t len)
{
    for (int i = 0; i < s->nnames; i++)
        if (memmem(text, len, s->names[i], strlen(s->names[i])))
            return true;
    return scrub_names(s, text, len);
}

/* "r1a2b3c4d [...]": what follows the kind and the hash, as texts that people read where it is one. Kinds of calls that give texts
 * are f and s; inputs (+) and wakes (!) have no hash. */
static void scrub_line(const struct scrub *s, const char *line, size_t len, bool first,
                       struct buf *out)
{
    bool bad = false, hashed = !first && *line != '+' && *line != '!' && len > 10;
    size_t skip = first ? 0 : hashed ? 10 : 1;
    if (hashed) {
        buf_addc(out, *line);
        if (*line == 'W') /* looked for by its hash */
            buf_add(out, line + 1, 9);
        else
            buf_adds(out, "******** ");
        skip += line[10] == '!' && len > 11;
        buf_add(out, line + 10, skip - 10);
    } else {
        buf_add(out, line, skip < len ? skip : len);
    }
    if (skip >= len)
        return;
    bool texts = !first && (*line == 'f' || *line == 's');
    size_t before = out->len;
    if (scrub_json(s, SCRUB_KEEP, texts, line + skip, len - skip, out, &bad) != SCRUB_PART || bad) {
        out->len = before;
        buf_add(out, line + skip, len - skip);
    }
}

enum scrubbed scrub_record(const struct scrub *s, const char *text, size_t len, struct buf *out)
{
    if (!scrub_mentions(s, text, len))
        return SCRUB_NONE;
    size_t from = out->len;
    for (const char *p = text, *end = text + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        if (stop > p)
            scrub_line(s, p, (size_t)(stop - p), p == text, out);
        if (nl)
            buf_addc(out, '\n');
        p = nl ? nl + 1 : end;
    }
    if (out->len - from == len && memcmp(out->data + from, text, len) == 0) {
        out->len = from;
        return SCRUB_NONE;
    }
    return SCRUB_PART;
}

/* ---- names ---- */

void scrub_find_names(const struct scrub *s, const char *text, size_t len,
                      void (*fn)(void *ud, const char *name), void *ud)
{
    static struct buf value;
    struct walk w = {.s = s, .end = text + len};
    for (const char *p = text; p < w.end; p++) {
        if (*p != '{')
            continue;
        if (walk_about(&w, p) && walk_member(&w, p, "name", 4, &value) && value.len)
            fn(ud, buf_cstr(&value));
        if (walk_member(&w, p, "by", 2, &value) && scrub_is_user(s, value.data, value.len) &&
            walk_member(&w, p, "by_name", 7, &value) && value.len)
            fn(ud, buf_cstr(&value));
    }
}
