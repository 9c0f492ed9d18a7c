/* pattern.h -- matching of Lua patterns that counts its steps, so that no pattern can hold the loop.
 * Lua's own matcher runs inside C where the instruction hook does not see it, and takes minutes for `a*a*a*b`. This one is
 * written anew after the reference manual (6.4.1), keeps its meaning, and gives up when its steps are used up. */
#ifndef SOPD_LUA_PATTERN_H
#define SOPD_LUA_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATTERN_CAPTURES = 32, PATTERN_DEPTH = 200 };

struct capture {
    const char *start;
    ptrdiff_t len; /* CAPTURE_OPEN, CAPTURE_POSITION or the length */
};
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct pattern {
    const char *text, *text_end; /* what is searched */
    const char *p, *p_end;       /* the pattern, without its leading ^ */
    bool anchored;
    int64_t steps;     /* left */
    const char *error; /* why it gave up or what is wrong with the pattern; NULL = nothing */
    int depth;
    int ncaptures;
    struct capture captures[PATTERN_CAPTURES];
};

/* Prepares; steps is the most that all matches of it together may take. */
void pattern_init(struct pattern *m, const char *text, size_t len, const char *p, size_t plen,
                  int64_t steps);
/* Tries to match at exactly that place. The end of the match, or NULL: no match, or m->error is set. */
const char *pattern_at(struct pattern *m, const char *at);
/* The first match at or after *from; *from becomes its start. */
const char *pattern_search(struct pattern *m, const char **from);

#endif
