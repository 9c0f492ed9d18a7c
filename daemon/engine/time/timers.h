/* timers.h -- what timers.c (reads due timers from Redis) and timers_held.c (keeps what was read and hands it to the chats)
 * share; nobody else includes it. */
#ifndef SOPD_ENGINE_TIMERS_H
#define SOPD_ENGINE_TIMERS_H

#include "engine/internal.h"

/* WINDOW are taken at a time, the next ones when fewer than LOW are left; CHAT of one chat, so that a chat that is slow or has
 * crowds of them does not keep the others out; ACTIVE are in queues of chats or in turns, so that members are answered in
 * between. */
enum { TIMERS_WINDOW = 2048, TIMERS_LOW = 2048, TIMERS_CHAT = 1024, TIMERS_ACTIVE = 160 };

enum timer_status {
    TIMER_FETCHED, /* its body was asked for */
    TIMER_HELD,    /* waits for its predecessor in its chat */
    TIMER_ACTIVE,  /* in the queue of its chat, or its turn runs */
    TIMER_PUT_OFF  /* its turn was refused: not before a while */
};

/* A timer that was taken: it is still in Redis, and not taken a second time while it is here. */
struct timer {
    char *id;
    enum timer_status status;
    int64_t due_ms;
    struct timer_chat *group;
    struct input *input; /* made of its body; NULL: of a run */
    char *chat;          /* of the input */
    bool dropped;        /* FETCHED: cancelled or moved meanwhile */
    bool refused;        /* ACTIVE: its turn did not remove it */
    int tries;           /* how often it was refused */
    int64_t until_ms;    /* PUT_OFF: monotonic */
    struct timer *next;  /* HELD */
    UT_hash_handle hh;
};

/* The timers of one chat, in their order; one at a time is active. */
struct timer_chat {
    char *key;
    struct timer *first, *last; /* HELD */
    unsigned busy;              /* all of it but PUT_OFF */
    bool active, waiting;       /* waiting: on the list of those that may go on */
    bool passed; /* one of it was passed over in this scan: those after it are, too */
    struct timer_chat *next;
    UT_hash_handle hh;
};

struct timer_state {
    int64_t next_ms; /* wall: when to look into Redis */
    bool fetching;
    bool more;    /* the scan goes on behind what it has seen */
    bool restart; /* what it has passed may be taken now: from the front again */
    size_t skip;  /* how many at the front it has passed over */
    size_t asked; /* of the window that is being read */
    struct timer *taken;
    struct timer_chat *chats;
    struct timer_chat *waiting, **waiting_tail;
    unsigned busy, active, put_off;
    unsigned fed, extra; /* handed out since looked_ms; how many more than ACTIVE may be */
    int64_t looked_ms;   /* monotonic */
    bool feeding;
    int64_t put_off_ms;    /* monotonic: when to look at them again */
    struct timer **window; /* in the order of Redis, while bodies are awaited */
    size_t nwindow;
    struct log_gate gate;
    struct metric *m_late;
};

/* The id of a run's timer is run|<16 hex digits>|<chat>; it has no body. */
bool held_is_run(const char *id);
/* Takes one, FETCHED; NULL: it is on its way already, or was passed over (counted in *passed). */
struct timer *held_take(struct gw *gw, const char *id, int64_t due_ms, size_t *passed);
/* A FETCHED one takes its place in its chat: with the input made of its body (taken over), or as that of a run. */
void held_add(struct gw *gw, struct timer *t, struct input *input, const char *chat);
/* It is not taken any more. */
void held_release(struct gw *gw, struct timer *t);
/* The clock by which timers are put off: a real one cannot be set; a virtual one is the only that passes. */
static inline int64_t timers_time(const struct gw *gw)
{
    return gw->e->clock->frozen ? clock_wall(gw->e->clock) : clock_mono(gw->e->clock);
}
/* It is put off, and read again after that time. */
void held_put_off(struct gw *gw, struct timer *t, int64_t ms);
/* Hands out what may go on. */
void held_feed(struct gw *gw);
/* Turns that wait for something slow must not use up what may be active: when little moves, more may. */
void held_widen(struct gw *gw);
/* A new scan begins. */
void held_scan(struct timer_state *s);
/* Forgets all that is not active: it is read again. */
void held_forget(struct gw *gw);
/* Looks at those put off: true if some may be tried again. */
bool held_look(struct gw *gw);
void held_free(struct timer_state *s);

#endif
