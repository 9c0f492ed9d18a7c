/* release_part.h -- what release.c (who serves what) and release_step.c (what an edit does to it) share; nobody else includes it. */
#ifndef SOPD_ENGINE_RELEASE_PART_H
#define SOPD_ENGINE_RELEASE_PART_H

#include "engine/internal.h"
#include "engine/release/release.h"
#include "store/rollout.h"

/* A version that is not the one on disk. */
struct release {
    struct release *next;
    struct engine *e;
    char *flow;
    char version[17];
    enum { RELEASE_ASKED, RELEASE_CAME, RELEASE_LOADED, RELEASE_BAD } state;
    bool wanted; /* some layer names it */
    char *text;  /* CAME: as it is in Redis; NULL: it is not there */
    struct flow *f;
    /* the values in force when it was written down, by playbook, and by playbook and overlay; may be NULL */
    struct cJSON *params, *overlays;
};

/* A flow of the book. */
struct release_flow {
    struct release_flow *next;
    char *name;
    struct flow *newest; /* borrowed from the book */
    char *ring;          /* tags that get edits first, with commas, in order; "" everybody */
    bool named;          /* some layer says something about it */
    char *before;        /* version in the book before, NULL: none */
};

/* A value that is as good as written: it counts before Redis has told us so. */
struct release_assume {
    struct release_assume *next;
    char *key, *flow, *value; /* NULL: not set */
    char *was;                /* what the settings said then */
    bool written;
    int64_t until_ms; /* monotonic, once written */
};

struct releases {
    struct release *list;
    struct release_flow *flows;
    struct release_assume *assumed;
    int64_t checked_ms; /* monotonic: when Redis was asked about those */
    struct book *book;  /* borrowed: the engine's */
    int asked;          /* sources on their way */
    uint64_t settled;   /* settings generation whose wishes are in `list` */
    bool stale;         /* assumptions changed: look again */
    bool look, looking; /* release_step.c: the files must be looked at; answers are awaited */
    bool looked;        /* once */
    struct release_look *answers; /* all of them are here */
    char host[9];                 /* this machine's folders, for sopd:rollout-seen */
    char by[80];
};

/* Of the book; NULL if it has no such flow. */
struct release_flow *release_flow_of(struct releases *r, const char *name);
struct flow *release_in_book(const struct book *b, const char *flow);
struct release *release_loaded(const struct releases *r, const char *flow, const char *version);
void release_drop(struct release *l);
/* Is it one of "a,b,c"? */
bool release_has_word(const char *list, const char *word, size_t len);
/* The value of one hash now: what is assumed, else what the settings hold; NULL: not set. */
const char *release_now(struct engine *e, const char *key, const char *flow);
void release_assume(struct engine *e, const char *key, const char *flow, const char *value,
                    bool written);
/* Drops the interim ones of a flow. */
void release_unassume(struct engine *e, const char *flow);
/* Routes must be built anew, when what they need is loaded. */
void release_stale(struct engine *e);
/* Keeps a loaded flow as a version that is not on disk. */
void release_keep(struct engine *e, struct flow *f, const struct book *of);
/* The parameters of a flow by playbook: {"store":{"days":28,...}}. */
struct cJSON *release_book_params(const struct book *b, const char *flow);
/* Those of its overlays: {"store":{"north":{"days":14}}}. */
struct cJSON *release_book_overlays(const struct book *b, const char *flow);

/* release_step.c */
void release_look_start(struct engine *e);
void release_look_go(struct engine *e); /* with r->answers */
void release_look_free(struct release_look *l);

/* release_sweep.c */
void release_sweep(struct engine *e, const char *flow);

#endif
