/* keys.h -- the catalogue of everything that sopd keeps in Redis: one entry for each kind of key, as docs/redis.md lists them.
 * `sopd ctl keys` prints it, forgetting and exporting take keys apart by it, and a test compares it with the page and with
 * what the other tests leave behind. */
#ifndef SOPD_STORE_KEYS_H
#define SOPD_STORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum key_part { KEY_GATEWAY, KEY_CHAT, KEY_USER, KEY_FLOW, KEY_NAME, KEY_PARTS };

/* How data of one chat or member lies in it. */
enum key_holds {
    KEY_PLAIN,   /* nothing of a member: nobody is looked for in it */
    KEY_OWN,     /* the name of the key says whose it is; values may name others */
    KEY_ENTRIES, /* one key for many: entries name members */
    KEY_RECORD,  /* a run: header and journal */
    KEY_SETTINGS /* edited by admins */
};

struct buf;

struct key_kind {
    const char *pattern; /* "sopd:{<gateway>}:m:<flow>:<chat>:<user>" */
    const char *type;    /* as TYPE says */
    enum key_holds holds;
    const char *fields;   /* what stands in it, for people */
    const char *writer;   /* who writes it */
    const char *lifetime; /* when it goes */
    const char *member;   /* what it holds of a member; "" nothing */
};

extern const struct key_kind key_kinds[];
extern const size_t key_kinds_count;

/* A key taken apart: its kind and the parts that its pattern names, decoded. */
struct key {
    const struct key_kind *kind;
    char *part[KEY_PARTS]; /* NULL: it has none */
};
/* False (out is empty) if it is no key of sopd's. key_free is due in both cases. */
bool key_parse(const char *text, size_t len, struct key *out);
void key_free(struct key *k);
/* Appends "sopd:{<gateway>}:<kind>", the gateway's name encoded as key parts are. */
void key_of_gateway(struct buf *out, const char *gateway, const char *kind);
/* The word after the gateway, "m"; for keys without one the word after "sopd:". Points into a static text. */
const char *key_word(const struct key_kind *kind, size_t *len);

#endif
