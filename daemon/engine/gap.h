/* gap.h -- what was said while nothing could be heard, and how it is made up for. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_GAP_H
#define SOPD_ENGINE_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Chats of a gateway with a gap; NULL in struct gw: none. */
struct gaps;
struct chat;
struct event;
struct gateway_gap;
struct gw;
struct input;

/* The link (or the account, or the platform's stream) was away since then and works again: the history of all chats that are served
 * is read. why: a word for the log, a literal. Callable from any callback. */
void gap_open(struct gw *gw, int64_t since_ms, const char *why);
/* Events of that chat had to be dropped before they were handled: its history since then is read when the queue is short again. */
void gap_ask(struct gw *gw, const char *chat, int64_t since_ms);
/* The link is away: what comes of groups now (timers, early events) waits for what was missed, for a while. */
void gap_begin(struct gw *gw);
/* An input joins the queue of its chat: may its turns begin? Sets c->gap if not. Only while gw->gaps is there. */
void gap_hold(struct chat *c, const struct input *in);
/* Where in the queue it belongs: what a history brings stands before what happened after it. */
struct input **gap_place(struct chat *c, const struct input *in);
/* A history event came in; a chat's history is through. */
void gap_event(struct gw *gw, const struct event *e);
void gap_read(struct gw *gw, const struct gateway_gap *r);
/* Each iteration: asks for the next chats, lets go what waited long enough. */
void gap_run(struct gw *gw);
/* Is anything still to be read? */
bool gap_busy(const struct gw *gw);
/* How many inputs wait because the link is away. */
size_t gap_held(const struct gw *gw);
void gap_free(struct gw *gw);

#endif
