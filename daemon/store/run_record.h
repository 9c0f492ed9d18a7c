/* run_record.h -- the record of a run as it lies in Redis (docs/redis.md, key run), taken apart for reading.
 * The engine and the Lua host write records and have readers of their own that know what each line means to them; this one
 * only looks, for `sopd ctl runs`. A record that is read points into the text it was read from. */
#ifndef SOPD_STORE_RUN_RECORD_H
#define SOPD_STORE_RUN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct cJSON;

/* One line of the journal: a letter for an outside call, or one of these. */
enum { RUN_LINE_WAIT = '?', RUN_LINE_INPUT = '+', RUN_LINE_WAKE = '!' };
struct run_line {
    char kind;
    uint32_t hash;    /* of a call's or wait's arguments; 0 for inputs and wakes */
    const char *text; /* what follows, not terminated */
    size_t len;
    int entry; /* its number, from 1, as errors of stuck runs count; 0 for inputs */
};

struct run_record {
    struct cJSON *header; /* an object */
    struct run_line *lines;
    int nlines;
    int entries; /* all but inputs: what the limit of a journal counts */
    int calls;   /* lines that are outside calls */
    int waits;   /* lines that are waiting calls */
};

/* Takes a record apart; `data` must live as long as it. False with err filled (a sentence without a full stop): what is in
 * *out is what could be read up to there. run_record_free is due in both cases. */
bool run_record_read(struct run_record *out, const char *data, size_t len, struct buf *err);
/* Its first line alone, from the beginning of a record that was cut off: NULL if no whole line is there or it is no object. */
struct cJSON *run_record_header(const char *data, size_t len);
/* Whose run it is: named in the header, or by the event that started it; "" if nobody's. */
const char *run_record_user(const struct cJSON *header);
void run_record_free(struct run_record *r);

/* The wait it stands at: the last `?` line, with no wake after it; NULL if it is not waiting. */
const struct run_line *run_record_waiting(const struct run_record *r);
/* Inputs that were gathered for that wait so far. */
int run_record_gathered(const struct run_record *r);
/* The wall time (ms) of its last turn: of the last wake, else of its start. */
int64_t run_record_last_ms(const struct run_record *r);
/* The text of a line as JSON (caller frees); NULL if it is none. */
struct cJSON *run_line_json(const struct run_line *l);

#endif
