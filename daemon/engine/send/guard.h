/* guard.h -- the limits kept by what really leaves. Owns the times of chats and members; those of accounts are in struct account. */
#ifndef SOPD_ENGINE_SEND_GUARD_H
#define SOPD_ENGINE_SEND_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct account;
struct entry;
struct gw;
struct message;

struct guard_word {
    int64_t at_ms;   /* from then on it may leave; not before now */
    int64_t at_us;   /* the same, as it is */
    int64_t step_us; /* the interval of the limit that says so */
    bool
        account; /* it is one of the account: whatever chat, nothing of that kind may leave before */
};
/* From when on a message may leave by the account. */
struct guard_word guard_ready(struct gw *gw, const struct account *a, const struct message *m,
                              int64_t now_ms);
/* It leaves; or, where that took long to be confirmed, it has only now arrived. */
void guard_take(struct gw *gw, struct account *a, const struct entry *en, int64_t now_ms);
/* At the start: what the last process reserved (hash `pace`) may all have left. */
void guard_load(struct gw *gw);
/* A message of the last process is left over for this chat: what burst there was counts as used up. */
void guard_restart(struct gw *gw, const char *chat, int64_t now_ms);
/* Once a second: now and then, what has passed is taken out of Redis. */
void guard_sweep(struct gw *gw);
void guard_evict(struct gw *gw);
void guard_set_back(struct gw *gw, int64_t ms);
void guard_free(struct gw *gw);

#endif
