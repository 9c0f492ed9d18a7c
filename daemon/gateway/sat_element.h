/* sat_element.h -- the element markup of Satori: a lenient parser in linear time that never fails, a writer that escapes everything,
 * and the two translations, content -> event and out-going message -> content. Needs no connection.
 * Callers: sat_event.c and sat_history.c (decode), sat_send.c (encode), tests. */
#ifndef SOPD_GATEWAY_SAT_ELEMENT_H
#define SOPD_GATEWAY_SAT_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/event.h"
#include "gateway/gateway.h"

enum {
    SAT_CONTENT_MAX = 256 * 1024, /* bytes of a content that are read; the rest is left out */
    SAT_NODES = 2000,             /* nodes of one content; what follows is one text */
    SAT_ATTRS = 8000,             /* attributes of one content; more are left out */
    SAT_DEPTH = 32,               /* elements inside each other; deeper ones are transparent */
    SAT_SEGMENTS_MAX = 512,
    SAT_SRC_MAX = 4096 /* bytes of a resource's address; a longer one (data:) is left out */
};

/* ---- reading ---- */

struct sat_slice {
    const char *s; /* not terminated */
    uint32_t len;
};
struct sat_attr {
    struct sat_slice key, value;
    bool bare;  /* it stands alone: value is "" */
    bool unset; /* it stood as no-KEY; key is without the "no-" */
};
/* A list in reading order: the children of node i are i + 1 ... i + below. */
struct sat_node {
    bool text;             /* s is text; else the element's name, "" for a fragment */
    struct sat_slice s;    /* text: decoded and trimmed; name: as written, see sat_node_is */
    uint32_t attrs, nattr; /* in sat_tree.attrs */
    uint32_t below;
};
struct sat_tree {
    struct sat_node *nodes;
    struct sat_attr *attrs;
    uint32_t n, nattrs;
    struct sat_work *work; /* sat_element.c */
};

/* Reads content[0..len), which must be UTF-8 and outlive the use of the tree: slices point into it. t may be used again and again. */
void sat_parse(struct sat_tree *t, const char *content, size_t len);
void sat_tree_free(struct sat_tree *t);
bool sat_node_is(const struct sat_node *n, const char *name);
/* NULL: there is none. Key in kebab-case; camelCase of the sender matches, too. */
const struct sat_attr *sat_node_attr(const struct sat_tree *t, const struct sat_node *n,
                                     const char *key);
/* References become characters; never longer than what it was. Appends. */
void sat_unescape(struct buf *out, const char *s, size_t len);

/* Fills segments, text, at_me, at_other and reply_to of e from a content. self_id: "" unknown. */
void sat_elements_decode(struct event *e, const char *content, size_t len, const char *self_id);
/* Only the text for people: what an applicant wrote. In e's arena. */
const char *sat_elements_text(struct event *e, const char *content, size_t len);

/* ---- writing ---- */

void sat_add_text(struct buf *out, const char *s, size_t len);  /* & < > as references */
void sat_add_value(struct buf *out, const char *s, size_t len); /* and " and line breaks */
/* <name ... each sat_put_attr or sat_put_flag ... sat_put_empty (/>) or sat_put_inside (>) and sat_put_close. */
void sat_put_open(struct buf *out, const char *name);
void sat_put_attr(struct buf *out, const char *key, const char *value, size_t len);
void sat_put_flag(struct buf *out, const char *key, bool value);
void sat_put_empty(struct buf *out);
void sat_put_inside(struct buf *out);
void sat_put_close(struct buf *out, const char *name);
/* Text of people: escaped, line breaks as <br/>. */
void sat_put_lines(struct buf *out, const char *s, size_t len);

/* What the encoder must know about the other side. */
struct sat_encode {
    bool faces;   /* has <face> (QQ); else <emoji> */
    bool buttons; /* else a button is refused */
    /* what stands in src for the picture i (of m->segments) instead of its id; NULL: the id */
    const char *(*src)(void *ud, int i);
    void *ud;
};
/* Appends the content. False with `why` (a fixed text): there is nothing to send, or something that cannot be. */
bool sat_elements_encode(struct buf *out, const struct out_message *m, const struct sat_encode *o,
                         const char **why);

#endif
