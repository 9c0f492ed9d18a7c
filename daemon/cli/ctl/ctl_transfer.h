/* ctl_transfer.h -- what exporting (ctl_export.c, ctl_export_member.c) and importing (ctl_import.c) share: reading keys of Redis
 * whole, and the file's format, which docs/redis.md describes. */
#ifndef SOPD_CLI_CTL_TRANSFER_H
#define SOPD_CLI_CTL_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "base/buf.h"
#include "cli/ctl/ctl.h"
#include "store/keys.h"

struct cJSON;
struct redisContext;
struct redisReply;

enum { TRANSFER_VERSION = 1 };

/* A text of Redis as JSON: a string, or {"base64": "..."} where it is none. */
struct cJSON *transfer_text(const char *s, size_t len);
/* The same back; false: it is neither. */
bool transfer_bytes(const struct cJSON *v, struct buf *out);

/* A set of texts, each with another one. */
struct name {
    char *text, *more;
    UT_hash_handle hh;
};
bool name_has(const struct name *set, const char *text);
/* False: it is there already. more may be NULL. */
bool name_add(struct name **set, const char *text, const char *more);
void name_free(struct name **set);

/* What is being gathered. */
struct transfer {
    struct redisContext *redis;
    const char *gateway;
    const char *chat, *member; /* one of them is NULL */
    struct cJSON *keys;        /* whole keys */
    struct cJSON
        *shared; /* members' keys of the gateway: a chat's file brings them where there are none */
    struct cJSON *entries; /* of keys that others share */
    struct cJSON *pins;    /* versions and parameters of its runs, and their sources */
    struct cJSON *about;   /* member: what can be shown, and not put back */
    struct name *seen;     /* keys that are in one of these lists */
    struct name *runs;     /* id, and the pin */
    struct name *people;   /* of a chat */
    int waiting;           /* messages that were not acknowledged: not in the file */
    int code;              /* CLI_NO_REDIS after a failure, which was printed */
};
/* Gathers a chat or a member. False: see code. transfer_free is due in any case. */
bool transfer_gather(struct transfer *t);
void transfer_free(struct transfer *t);
/* A whole key as {"key", "type", "expires", "value"}; NULL: it is gone, or of a kind that is not moved. */
struct cJSON *transfer_key(struct transfer *t, const char *key, size_t len);
/* Wall time, ms. */
int64_t transfer_now(void);
/* An entry of sopd:audit: who did what with this chat or member. */
void transfer_note(struct transfer *t, const char *what, const char *after);
/* A command; NULL after an error was printed. */
struct redisReply *transfer_ask(struct transfer *t, int argc, const char **argv,
                                const size_t *lens);

#endif
