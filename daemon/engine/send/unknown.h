/* unknown.h -- messages whose outcome stayed unknown, kept for a day so that an admin can look and decide. Part of the engine. */
#ifndef SOPD_ENGINE_SEND_UNKNOWN_H
#define SOPD_ENGINE_SEND_UNKNOWN_H

#include "engine/send/outbox.h"

/* Adds the entry to the list, before it is forgotten. */
void unknown_keep(struct gw *gw, const struct entry *en, const char *reason);

#endif
