/* event_json.h -- an event as JSON text and back: what a run keeps of its first input and of what it was woken by (docs/redis.md,
 * key run). Empty strings, zeros and false are left out. */
#ifndef SOPD_ENGINE_EVENT_JSON_H
#define SOPD_ENGINE_EVENT_JSON_H

#include "gateway/event.h"

struct buf;
struct json;

/* Appends the event as one JSON object. */
void event_json_write(const struct event *e, struct buf *out);
/* The event of such an object, as event_new makes it; NULL if it is none. */
struct event *event_json_read(const struct json *o, const char *chat);

#endif
