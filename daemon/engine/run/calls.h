/* calls.h -- what runs ask the world outside (c:http, c:llm): each is asked once its turn is committed, and its answer wakes the run.
 * In memory there are only the questions on their way; that a run waits for one is in its record and in the hash `http`
 * (docs/redis.md), from which another process asks again, or says that nobody knows. Callers: run_turn.c, gw.c, engine.c. */
#ifndef SOPD_ENGINE_CALLS_H
#define SOPD_ENGINE_CALLS_H

#include "engine/internal.h"
#include "engine/run/llm.h"
#include "web/http_client.h"

/* A wait is over so much later than the request itself: web.lua adds it. */
enum { CALL_NET_MS = 1000 };

/* After the commit: asks for a run that has begun to wait (run->asks). */
void call_begin(struct gw *gw, const struct run *run);
/* The run waits no longer: what is on its way is given up. */
void call_end(struct gw *gw, const char *run);
/* Is its question on its way, or its answer here but not taken yet? */
enum call_state { CALL_NONE, CALL_ASKED, CALL_ANSWERED };
enum call_state call_state(const struct gw *gw, const char *run);
/* The turn that took this answer is over. */
void call_taken(struct gw *gw, const char *run, uint64_t serial);
/* Which wait of the run it is. */
uint64_t call_serial(const struct run *run);
/* How long it may take in all. */
int64_t call_span(const struct run *run);
/* May it be asked once more if nobody knows what became of it? */
bool call_repeats(const struct run *run);
/* Nobody knows whether the question of this run was asked: it gets a turn that finds out. */
void call_unsure(struct gw *gw, const char *run, const char *chat);
/* The gateway is ours: runs of earlier processes that wait for an answer get a turn. */
void calls_load(struct gw *gw);
/* None of its questions matters any more. */
void calls_drop(struct gw *gw);

#endif
