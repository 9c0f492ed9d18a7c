/* parts.h -- what the inner headers of engine/ begin with. Included by them only. */
#ifndef SOPD_ENGINE_PARTS_H
#define SOPD_ENGINE_PARTS_H

#include <uthash.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "engine/inbox/command.h"
#include "engine/send/message.h"
#include "engine/turn/turn.h"
#include "store/settings.h"

struct cJSON;
struct chat;
struct gw;
struct routes;
struct flight;
struct forget;
struct import;
struct run;
struct run_load;
struct wait;
struct call;

enum { CHAT_TRAFFIC = 60, CHAT_TRAFFIC_MS = 10000 };
enum { PAUSE_FAILURES = 5, PAUSE_WINDOW_MS = 60000, PAUSE_MS = 600000 };

#endif
