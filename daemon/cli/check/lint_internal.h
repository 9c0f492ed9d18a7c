/* lint_internal.h -- what the files of the linter share. */
#ifndef SOPD_CLI_LINT_INTERNAL_H
#define SOPD_CLI_LINT_INTERNAL_H

#include <cjson/cJSON.h>

#include "cli/check/lint.h"
#include "engine/route/book.h"
#include "gateway/gateway.h"
#include "lua/config.h"
#include "lua/host.h"
#include "lua/luaconf.h"

/* A file of texts: of a language, in one SOP folder. */
struct lint_texts {
    char *language, *path;
    struct conf_value *root; /* NULL: that folder has none */
};

struct linter {
    struct lint *out;
    const struct config *config;
    const struct book *book;
    struct lint_texts *texts;
    int ntexts;
    /* what is looked at */
    const struct playbook *p;
    struct conf_value *root; /* p's file */
    const struct playbook_flow *pf;
    const struct flow_info *flow;
    const struct overlay *overlay; /* whose values are in pf; NULL: the playbook's own */
    const struct conf_value *overlay_table;
};

/* ---- lint.c ---- */
/* Adds a finding, unless it is there already or to be ignored. */
void lint_add(struct linter *k, const char *code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same with a severity that is not the code's own. */
void lint_add_as(struct linter *k, const char *code, enum lint_severity severity, const char *file,
                 int line, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
const cJSON *lint_value(const struct linter *k, const char *param);
/* The gateways of the configuration that k->p may serve; NULL ends. `i` begins with 0. */
const struct config_gateway *lint_gateway(const struct linter *k, int *i);

/* ---- lint_place.c ---- */
struct place {
    const char *file;
    int line;
    const struct conf_value *value; /* what is written there, NULL = unknown */
    char *own;                      /* freed by place_free */
};
/* The file of the flow (k->flow), and a line in it. */
void place_in_flow(const struct linter *k, int line, struct place *out);
/* Where the playbook lists the flow. */
void place_of_flow(const struct linter *k, struct place *out);
/* Where the value of a parameter is written: playbook, texts, or the flow's own default. */
void place_of_param(struct linter *k, const char *param, struct place *out);
void place_free(struct place *p);
/* The playbook's own value of a parameter, NULL if it gives none. */
const struct conf_value *lint_given(const struct linter *k, const char *param);
/* Loads, once, what the SOP folders have of a language. */
void lint_load_texts(struct linter *k, const char *language);
/* Calls fn for each string in a parameter's value, with its place. `key`: the nearest name around it, the parameter's at the top. */
typedef void lint_string_fn(struct linter *k, const struct param *p, const char *key,
                            const char *text, const struct place *at);
void lint_each_string(struct linter *k, const struct param *p, lint_string_fn *fn);

/* ---- lint_tokens.c ---- */
/* Does the function that is given to a handler declared in that line of the source always end with `return true`, without
 * waiting? False if it cannot be told. */
bool tokens_always_true(const char *source, int line);
/* The first line in which `name = {` is written, as a parameter is declared; 0 = nowhere. */
int tokens_param_line(const char *source, const char *name);
/* The line in which `sop.<name>` is written, 0 = nowhere. */
int tokens_sop_name(const char *source, const char *name);
/* The line of the first call of a method of that name (`c:http{...}`), 0 = none. */
int tokens_method(const char *source, const char *name);

/* All checks of k->pf, the flow k->flow. lint.c */
void lint_flow(struct linter *k);

/* ---- the checks; each looks at k->p, or at k->flow in it ---- */
void lint_handlers(struct linter *k); /* lint_handlers.c: one playbook */
void lint_at_all(struct linter *k);   /* lint_consent.c: one flow */
void lint_selectors(
    struct linter *k); /* lint_consent.c: playbook against the others, and its staff */
void lint_text_values(struct linter *k); /* lint_texts.c: one flow */
void lint_text_files(struct linter *k);  /* lint_texts.c: names in files of texts */
void lint_overlays(struct linter *k);    /* lint_overlays.c: those of one playbook */
void lint_wording(struct linter *k);     /* lint_words.c: one flow */
void lint_lottery(struct linter *k);     /* lint_lottery.c: one flow */
void lint_times(struct linter *k);       /* lint_times.c: one playbook */
void lint_broadcasts(struct linter *k);  /* lint_times.c: all playbooks, by gateway */
void lint_outside(struct linter *k);     /* lint_web.c: one flow */
void lint_wants(struct linter *k);       /* lint_wants.c: one flow */

/* Is one of the NULL-terminated words in the text? */
bool lint_has(const char *text, const char *const *words);

/* Does the configuration have the gateway of "gateway:..."? lint_consent.c */
bool lint_gateway_known(const struct linter *k, const char *address);

/* Where a source of the flow says the name, as `find` (one of tokens_...) sees it: its own file's line, 1 for a shared file;
 * 0 = nowhere. lint_tokens.c */
int lint_said_at(const struct linter *k, int (*find)(const char *source, const char *name),
                 const char *name);

#endif
