/* crash.c -- see crash.h. */
#include "engine/turn/crash.h"

#include "engine/internal.h"

void engine_die(struct engine *e)
{
    e->redis_up = false; /* no turn goes on, nothing is committed or acknowledged */
    for (struct gw *gw = e->gws; gw; gw = gw->next)
        gw->owner = false; /* no message leaves */
}

size_t engine_committing(const struct engine *e)
{
    return committer_pending(e);
}
