/* forget.h -- what the files of forgetting share (forget.c: the job and its steps; forget_entry.c: what becomes of each entry), and
 * what the engine calls. A job goes over all keys of a gateway in small windows, takes away what names its members, and goes over
 * them again until a pass finds nothing. It never waits inside a callback, and what it does may be done twice. */
#ifndef SOPD_ENGINE_FORGET_H
#define SOPD_ENGINE_FORGET_H

#include "engine/internal.h"
#include "store/keys.h"
#include "store/scrub.h"

struct redisReply;

enum { FORGET_NAMES = 8, FORGET_SUBJECTS = 32 };

/* One member, everywhere or in one chat. */
struct forget_subject {
    char *user, *encoded; /* as in names of keys */
    char *chat;           /* NULL: everywhere */
    char *names[FORGET_NAMES];
    int nnames;
};

/* Where something was found. */
struct forget_hit {
    struct forget_hit *next;
    char *key, *type;
    bool named; /* by its name */
};

struct forget {
    struct forget *next;
    struct gw *gw;
    struct forget_subject subjects[FORGET_SUBJECTS];
    int nsubjects;
    char *by;
    bool dry;  /* nothing is changed in this pass */
    bool kept; /* it stands in Redis and goes on after a restart */
    void (*told)(void *ud, const struct engine_forgotten *r);
    void *ud;
    struct engine_forgotten result;

    bool pending;      /* an answer is awaited */
    uint64_t next_ns;  /* not before */
    uint64_t until_ns; /* for what is on its way to the gateway */
    bool scanning, quiet;
    bool settle;  /* a setting was taken away: daemons note that in the audit stream in a moment */
    char *cursor; /* of the keys */
    struct forget_hit *hits, **hits_tail;
    char *inner;               /* cursor inside the first hit; NULL: not begun */
    struct buf words;          /* changes to apply, RESP bulk strings */
    size_t nwords;             /* how many strings */
    struct forget_hit *cancel; /* runs to end: key = id, type = chat */
    bool changed;              /* this pass found something, or a new name */
};

/* ---- forget.c ---- */
/* Begins a job. name: how they are called, or NULL. */
struct forget *forget_begin(struct gw *gw, const char *user, const char *name, const char *chat,
                            const char *by, bool dry);

/* ---- forget_job.c ---- */
/* One more member for a job that has not begun; false: it is full. */
bool forget_add(struct forget *f, const char *user, const char *chat);
/* Adds a name of a member, once. */
void forget_add_name(struct forget *f, struct forget_subject *s, const char *name);
/* One change: words until NULL. */
void forget_change(struct forget *f, const char *word, const char *key,
                   const struct buf *const *more);
void forget_cancel(struct forget *f, const char *id, const char *chat);
void forget_drop_hits(struct forget_hit **list);
/* What they are looked for by. */
struct scrub forget_scrub(const struct forget_subject *s);

/* ---- forget_entry.c ---- */
/* Does its name say that the key is theirs? */
bool forget_is_named(const struct forget *f, const struct forget_hit *hit);
/* It goes, whole. name: what the hash says they are called, NULL: nothing. */
void forget_named(struct forget *f, const struct forget_hit *hit, const char *name);
/* An entry of a key that has a text of theirs; `list`: the fields of a stream's entry. False: not now, its chat is busy. */
bool forget_entry(struct forget *f, const struct forget_hit *hit, const struct redisReply *a,
                  const struct redisReply *b);
/* Is it the private chat with that member? */
bool forget_is_private(const struct forget_subject *s, const char *chat);

/* ---- forget_memory.c ---- */
/* Messages that wait to be sent; soon: also those that should leave just now, but do not. True: none is left that names them. */
bool forget_outbox(struct forget *f, bool soon);
/* Chats, opt-outs and the like in memory. */
void forget_memory(struct forget *f);

/* ---- the engine calls ---- */
void forget_start(struct gw *gw); /* the gateway is ours: what was begun goes on */
void forget_run(struct gw *gw);   /* the next step, if one is due */
bool forget_busy(const struct gw *gw);
void forget_free(struct gw *gw);
/* import.c: the same for chats that are put back */
void import_run(struct gw *gw);
void import_free(struct gw *gw);
/* The turn that asked for it (turn_forget) is committed. */
void forget_ordered(const struct turn *t, const char *user, const char *by);

#endif
