/* chat.h -- one conversation: its queue, its running turn, its pauses; and the register of chats that are known. Part of engine/internal.h. */
#ifndef SOPD_ENGINE_TURN_CHAT_H
#define SOPD_ENGINE_TURN_CHAT_H

#include "engine/turn/shed.h"

enum waits_state { WAITS_UNKNOWN, WAITS_LOADING, WAITS_LOADED };

struct chat {
    struct gw *gw;
    char *key;
    char *name; /* "" unknown */
    struct input *first, **tail;
    unsigned queued;
    unsigned staying;                  /* of those, known to be what must not be shed */
    unsigned shed_events, shed_wanted; /* what `why` was not told of yet, and since when (wall) */
    int64_t shed_from_ms;
    struct turn *turn; /* running or committing */
    struct routes *routes;
    uint64_t routes_generation;
    int64_t last_ms; /* monotonic: when it was last used */
    bool ready;      /* on the gw's ready list */
    bool gap;        /* its inputs wait for its history: gap.c */
    struct chat *ready_next;
    struct pause *pauses;
    uint16_t traffic[CHAT_TRAFFIC]; /* messages per 10 s, by time / 10 s modulo the size */
    int64_t traffic_at;             /* the last step counted */
    int64_t tally_size, tally_day;  /* how many were in it, as counted last: tally.c */
    struct wait *waits;             /* runs of this chat that wait for events: waits.c */
    unsigned nwaits, waits_cap;
    enum waits_state waits_state;
    char *home; /* of a private chat: see route/home.h; NULL: none */
    enum waits_state home_state;
    UT_hash_handle hh;
};

struct pause {
    struct pause *next;
    char *flow;
    int64_t failures[PAUSE_FAILURES]; /* monotonic times, ring */
    int at;
    int64_t until_ms; /* monotonic; 0 = not paused */
    const char *why;  /* a literal; NULL: "failing" */
};

/* A chat that is known to exist (roster, registry) whether in memory or not. */
struct known {
    char *key;
    char *name;
    bool caught_up; /* schedules that it missed were offered */
    int64_t size;   /* how many are in it besides us; 0 = not known */
    struct routes *routes;
    uint64_t routes_generation;
    UT_hash_handle hh;
};

struct chat *chat_get(struct gw *gw, const char *key, bool create);
void chat_push(struct chat *c, struct input *in); /* takes in; sheds it when the queue is full */
struct input *chat_take(struct chat *c);          /* the oldest */
void chat_push_front(struct chat *c, struct input *in); /* after Redis was lost under its turn */
bool chat_loading(const struct chat *c); /* something of it is being read from Redis */
void chat_wake(struct chat *c);          /* onto the ready list if it has something to do */
void chat_drop_timer(struct chat *c,
                     const char *id); /* a queued timer input that was replaced or cancelled */
bool chat_flow_paused(const struct chat *c, const char *flow);
/* Why it is, "failing" or "looping". */
const char *chat_pause_why(const struct chat *c, const char *flow);
/* It rests for so long. why: a literal. */
void chat_pause_flow(struct chat *c, const char *flow, int64_t ms, const char *why);
/* Counts a failure; true when this one paused the flow. */
bool chat_count_failure(struct chat *c, const char *flow);
void chat_note_message(struct chat *c);
int64_t chat_traffic(const struct chat *c, int64_t window_ms);
void chat_evict(struct gw *gw);
void chat_free(struct chat *c);
void known_set(struct gw *gw, const char *chat, const char *name, bool store);
void known_remove(struct gw *gw, const char *chat);
const char *known_name(const struct gw *gw, const char *chat);

#endif
