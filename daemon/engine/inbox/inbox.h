/* inbox.h -- what outside systems ask for: inbox.c reads it, command_turn.c does it. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_INBOX_INBOX_H
#define SOPD_ENGINE_INBOX_INBOX_H

#include "engine/turn/committer.h"

/* Begins to read the stream of commands (once); it needs ownership, and waits until the gateway is loaded. */
void inbox_start(struct gw *gw);
void inbox_run(struct gw *gw); /* asks for more if there is room */
void inbox_flush(struct gw *gw);
bool inbox_quiet(const struct gw *gw); /* nothing read is still to be done */
/* Ends its connection; done may be NULL. */
void inbox_stop(struct gw *gw, void (*done)(void *ud), void *ud);
void inbox_free(struct gw *gw);
/* Moves an entry to the dead letters. op: its name, "?" if it has none. */
void inbox_dead(struct gw *gw, const char *op, const char *entry, const char *reason);
/* Counts and logs that it went there. */
void inbox_note_dead(struct gw *gw, const char *op, const char *entry, const char *reason);
/* Takes an entry out of the stream of which nothing is to be applied. */
void inbox_drop(struct gw *gw, const struct command *c);
/* Writes what the command of this turn asks for. Before any handler runs. */
void command_begin(struct turn *t);
/* A handler of the turn failed. */
void command_failed(struct turn *t, const char *error);
/* The commit was answered. */
void command_committed(struct turn *t, enum commit_status status, const char *text, bool again);
/* The handler that a trigger is for, in this chat; NULL: there is none. */
struct route *command_routes(struct chat *chat, const struct command *c);

#endif
