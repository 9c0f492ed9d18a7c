/* lint_wants.c -- flows that go on without something that a gateway lacks: one note for each such flow and gateway, which says what
 * is different there (what a flow cannot do without is refused, cli/serve/smoke.c). Caller: cli/check/lint.c. */
#include "cli/check/lint_internal.h"

/* "join (newcomers are not greeted), at": what of it the gateway lacks. */
static void wants_print(const struct flow_info *f, unsigned caps, struct buf *out)
{
    int n = 0;
    for (unsigned bit = 1; bit && bit <= f->wants; bit <<= 1) {
        if (!(f->wants & bit))
            continue;
        const char *without = f->without[n++];
        if (caps & bit)
            continue;
        buf_addf(out, "%s'%s'", out->len ? ", " : "", gateway_cap_name(bit));
        if (*without)
            buf_addf(out, " (%s)", without);
    }
}

void lint_wants(struct linter *k)
{
    struct place at;
    const struct config_gateway *g;
    for (int i = 0; (g = lint_gateway(k, &i));) {
        struct buf lacks = {0};
        wants_print(k->flow, gateway_caps_of(&g->conf), &lacks);
        if (lacks.len) {
            place_of_flow(k, &at);
            lint_add(k, "L028", at.file, at.line, "flow %s on gateway %s (%s) goes without %s",
                     k->flow->name, g->conf.name, g->conf.type, buf_cstr(&lacks));
            place_free(&at);
        }
        buf_free(&lacks);
    }
}
