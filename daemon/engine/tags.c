/* tags.c -- the tags of a chat: those that admins gave it in Redis. Playbooks and the layers of settings go by them.
 * Callers: router.c, inspect.c. */
#include "engine/internal.h"

const char *tags_of(const struct gw *gw, const char *chat, const char *name)
{
    (void)name;
    const struct settings *s = gw->e->opts.settings;
    return s ? settings_tags(s, gw->name, chat) : "";
}
