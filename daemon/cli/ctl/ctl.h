/* ctl.h -- what the files of `sopd ctl` share: where the daemon is, asking it, and printing tables. */
#ifndef SOPD_CLI_CTL_H
#define SOPD_CLI_CTL_H

#include <stdbool.h>

#include "store/redis.h"

struct cJSON;
struct redisContext;

struct ctl {
    const char *config_file; /* --config, or NULL */
    char *data_dir;
    struct redis_addr redis;
    char *fair;      /* the lib/fair.lua of the configured SOP folders; NULL if there is none */
    char **gateways; /* names, as configured; none with --data-dir */
    int ngateways;
    char *timezone; /* of the configuration; NULL with --data-dir */
    bool json;
    bool quiet;     /* ctl_ask says nothing when there is no daemon */
    int patience_s; /* how long ctl_ask waits for an answer; 0 = 30 s */
};

/* Sends a request to the control socket and returns the answer; NULL after an error was printed. Takes the request. */
struct cJSON *ctl_ask(const struct ctl *c, struct cJSON *request);
/* A blocking connection to Redis, logged in; NULL after an error was printed. The caller frees it with redisFree. */
struct redisContext *ctl_redis(const struct ctl *c);
/* A text, number (0) or truth of an object; "", 0, false if it is not there. */
const char *ctl_string(const struct cJSON *o, const char *key);
double ctl_number(const struct cJSON *o, const char *key);
bool ctl_true(const struct cJSON *o, const char *key);
/* "qq1:700000001": returns the gateway (caller frees), *chat is the rest of `full`. NULL if it has not that form. */
char *ctl_split_chat(const char *full, const char **chat);

/* Appends who gives the command, for the record of edits: "root@host" (ctl_settings.c). */
struct buf;
void ctl_who(struct buf *out);

/* Answers for people (ctl_print.c). */
void ctl_print_status(const struct cJSON *answer);
void ctl_print_gateways(const struct cJSON *answer);
void ctl_print_chats(const struct cJSON *answer);
void ctl_print_flows(const struct cJSON *answer);
void ctl_print_outbox(const struct cJSON *answer);
void ctl_print_alarms(const struct cJSON *answer);
void ctl_print_done(const struct cJSON *answer);
/* For programs (--json): the whole of it, laid out, on standard output. */
void ctl_print_json(const struct cJSON *json);

/* Tables: rows of cells, columns as wide as their widest cell (Chinese counts two). */
struct table;
struct table *table_new(const char *const *titles, int columns);
/* Adds a cell, row by row; NULL is "-". */
void table_cell(struct table *t, const char *text);
void table_number(struct table *t, double n);
/* A wall time in seconds as local date and time; 0 is "-". */
void table_time(struct table *t, double seconds);
/* Prints and frees. `empty` is printed instead of a table without rows. */
void table_print(struct table *t, const char *empty);
/* Columns of a terminal that a text takes. */
int table_width(const char *s);

/* Switches, parameters and pauses, and the record of who changed them: directly in Redis, whether or not the daemon runs
 * (ctl_settings.h). */
int ctl_toggles(struct ctl *c, int argc, char **argv);
int ctl_param(struct ctl *c, int argc, char **argv);
int ctl_pause(struct ctl *c, int argc, char **argv);
int ctl_resume(struct ctl *c, int argc, char **argv);
int ctl_kill(struct ctl *c, int argc, char **argv);
int ctl_audit(struct ctl *c, int argc, char **argv);

/* `account`: levels of accounts. `outbox`: messages under way, and those whose outcome stayed unknown. */
int ctl_account(struct ctl *c, int argc, char **argv);
int ctl_outbox(struct ctl *c, int argc, char **argv);

/* `draws` and `verify-draw`: packets of the flow redpacket and draws of the flow draw, from Redis. `lists`: sales and
 * sign-ups. */
int ctl_draws(struct ctl *c, int argc, char **argv);
int ctl_verify(struct ctl *c, int argc, char **argv);
int ctl_lists(struct ctl *c, int argc, char **argv);
int ctl_report(struct ctl *c, int argc, char **argv);

/* Appends a JSON value (NULL: nil) as a Lua constructor, for a chunk of conf_eval; at most 8 deep. */
void verify_add_value(struct buf *out, const struct cJSON *v, int depth);

/* `experiment`: who got which variant of what flows try, and what came of it; from Redis. */
int ctl_experiment(struct ctl *c, int argc, char **argv);

/* `rollout` and `rollback`: which groups serve which version of a flow. */
int ctl_rollout(struct ctl *c, int argc, char **argv);
int ctl_rollback(struct ctl *c, int argc, char **argv);

/* `tag`: the tags of chats, in Redis. `explain`: where everything that holds in a chat comes from. */
int ctl_tag(struct ctl *c, int argc, char **argv);
int ctl_explain(struct ctl *c, int argc, char **argv);

/* `why`: the timeline of a chat. */
int ctl_why(struct ctl *c, int argc, char **argv);

/* `commands`: the stream of outside systems and its dead letters, from Redis. */
int ctl_inbox(struct ctl *c, int argc, char **argv);

/* `quota`: what is used of which limit. `plan`: when a broadcast would be through. */
int ctl_quota(struct ctl *c, int argc, char **argv);
int ctl_plan(struct ctl *c, int argc, char **argv);

/* `clock`: of a daemon whose clock is turned by hand (serve_clock.h). */
int ctl_clock(struct ctl *c, int argc, char **argv);
int ctl_swap(struct ctl *c, int argc, char **argv);
/* The accounts of a pool, as a table. */
void ctl_print_members(const char *pool, const struct cJSON *accounts);

/* `runs list`, `runs show`, `runs cancel`, `runs retry`; and `migrate`. */
int ctl_runs(struct ctl *c, int argc, char **argv);
int ctl_migrate(struct ctl *c, int argc, char **argv);

/* The packets of a group as JSON, oldest first: the recorded ones, and last the one that is open, with the state "open" and
 * without its seed. Each has "commitment", the SHA-256 of its seed. */
struct draws {
    struct redisContext *redis;
    char *gateway;
    const char *chat;
    struct cJSON *packets; /* an array */
    struct cJSON *drawn;   /* draws of the flow draw, likewise; NULL before drawn_read */
};
/* Only connects; else as draws_open. */
int draws_connect(const struct ctl *c, const char *full_chat, struct draws *d);
/* Reads them; an exit code, after an error was printed. draws_close is due in any case. */
int draws_open(const struct ctl *c, const char *full_chat, struct draws *d);
/* The entries of a list of a flow in the chat, and the fields of a hash (`name` NULL: of the group) as an object; NULL after
 * an error was printed. */
struct cJSON *draws_list(struct draws *d, const char *flow, const char *name, int *code);
struct cJSON *draws_hash(struct draws *d, const char *flow, const char *name, int *code);
/* Adds what was announced; `secret`: takes the seed out, which is not told yet. */
void draws_seal(struct cJSON *record, bool secret);
/* Fills in d->drawn, as packets, the running one last. "entered" is the list of who took part. */
void drawn_read(struct draws *d, int *code);
/* Is it a draw whose seed is not told yet? That comes with the first result. */
bool drawn_secret(const struct cJSON *draw);
void drawn_print_table(const struct cJSON *drawn);
void drawn_print_csv(const struct cJSON *drawn);
/* Adds "grabs", an array in the order of arrival, to a packet. */
int draws_add_grabs(struct draws *d, struct cJSON *packet);
void draws_close(struct draws *d);
/* SHA-256 as 64 hexadecimal digits. */
void draws_sha256(const char *text, char out[65]);
/* A cell of a CSV line, with a comma before it: a text in quotes (one that a spreadsheet would compute gets an apostrophe
 * in front: names are strangers' texts), a number, seconds as UTC; empty if there is none. */
void ctl_csv_text(struct buf *row, const char *text);
void ctl_csv_number(struct buf *row, const struct cJSON *o, const char *key);
void ctl_csv_time(struct buf *row, const struct cJSON *o, const char *key);

/* `keys`: the catalogue of what is kept in Redis; `forget`: has the daemon remove what it keeps of a member. */
int ctl_keys(struct ctl *c, int argc, char **argv);
int ctl_forget(struct ctl *c, int argc, char **argv);
/* `export` and `import`: a chat or a member as one JSON file (docs/redis.md). */
int ctl_export(struct ctl *c, int argc, char **argv);
int ctl_import(struct ctl *c, int argc, char **argv);
/* The gateway that is meant: the given one, or the only one that is configured; NULL after an error was printed. */
const char *ctl_only_gateway(const struct ctl *c, const char *given);

#endif
