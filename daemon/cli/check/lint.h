/* lint.h -- findings about SOPs: what is wrong or odd in loaded playbooks, flows and texts, each with a stable code.
 * For `sopd check` only: what the start and every reload refuse is in smoke.h. Nothing is connected and no handler is run. */
#ifndef SOPD_CLI_LINT_H
#define SOPD_CLI_LINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct book;
struct config;

/* A note says what is worth knowing and nothing to correct; it never fails a check. */
enum lint_severity { LINT_NOTE, LINT_WARNING, LINT_ERROR };

struct lint_code {
    const char *code; /* "L012": never given another meaning */
    enum lint_severity severity;
    const char *title;
    const char *remedy; /* one sentence, without its full stop */
};

struct finding {
    const struct lint_code *code;
    enum lint_severity severity;
    char *file;
    int line;
    char *what;
    char *playbook, *flow; /* NULL: it is not about one */
    bool told;             /* `what` already says what to do */
};

/* When a post that is due in many groups at the same time has reached the last one. */
struct lint_post {
    char *playbook, *flow, *gateway;
    char *name;             /* the parameter or time */
    int64_t at_ms, last_ms; /* since local midnight */
    int64_t late_ms;        /* as long as it is worth posting */
    int groups;
};

/* How many groups there are, as the operator says: that a playbook serves, or that a gateway is in. */
struct lint_groups {
    const char *name; /* NULL: of all that are not named */
    int n;
};

struct lint {
    struct finding *findings;
    int nfindings;
    struct lint_post *posts;
    int nposts;
    const struct lint_groups *groups; /* borrowed */
    int ngroups;
    const char *ignore; /* codes with commas between, NULL = none; borrowed */
};

/* All codes, in order; the last has code NULL. */
const struct lint_code *lint_codes(void);
/* NULL if there is none such. */
const struct lint_code *lint_code(const char *code);
const char *lint_severity_name(enum lint_severity s);

/* Takes lines "file:line: what" of the loader and of smoke.h over as findings. */
void lint_adopt(struct lint *l, struct buf *lines, enum lint_severity severity);
/* Looks at everything in the book. */
void lint_book(struct lint *l, const struct config *c, const struct book *b);
/* Puts one note in the place of the warnings and notes about playbooks that reach nobody (book_reaches). */
void lint_fold(struct lint *l, const struct book *b);
/* Puts errors first, then warnings, then notes; else the order in which they were found. */
void lint_sort(struct lint *l);
int lint_count(const struct lint *l, enum lint_severity severity);
void lint_free(struct lint *l);

/* ---- lint_print.c ---- */
/* A line each, of that severity: "file:line: what; remedy [code]". */
void lint_print(const struct lint *l, enum lint_severity severity, struct buf *out);
/* "playbook flow: at 20:00 to 600 groups by qq1, the last one at 20:18". */
void lint_print_posts(const struct lint *l, struct buf *out);
void lint_print_codes(struct buf *out);
/* One document with findings and plan. */
void lint_print_json(const struct lint *l, const char *config, int ngateways, int nbooks, bool good,
                     struct buf *out);

#endif
