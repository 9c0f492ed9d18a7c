/* lint_web.c -- flows that ask outside (c:http, c:llm) where the configuration lets nobody be asked. Caller: cli/check/lint.c. */
#include <string.h>

#include "cli/check/lint_internal.h"

/* A boolean parameter of the method's name that is off says that it is not asked; one that is on, that the playbook wants it:
 * that is the place then. */
static bool lint_is_asked(struct linter *k, const char *method, struct place *at)
{
    int line = lint_said_at(k, tokens_method, method);
    const struct param *p = line ? flow_param(k->pf->flow, method) : NULL;
    if (!line || (p && cJSON_IsFalse(lint_value(k, method))))
        return false;
    if (p)
        place_of_flow(k, at);
    else
        place_in_flow(k, line, at);
    return true;
}

void lint_outside(struct linter *k)
{
    struct place at;
    if (!k->config->web.nsites && lint_is_asked(k, "http", &at)) {
        lint_add(k, "L090", at.file, at.line,
                 "flow %s calls c:http, and the configuration lists no address that may be called",
                 k->flow->name);
        place_free(&at);
    }
    if (!k->config->llm.url && lint_is_asked(k, "llm", &at)) {
        lint_add(k, "L091", at.file, at.line,
                 "flow %s calls c:llm, and the configuration has no language model: it will say "
                 "\"off\"",
                 k->flow->name);
        place_free(&at);
    }
}
