/* ctl_settings.h -- what `sopd ctl` toggle, param, pause, resume, kill and audit have in common: where an edit applies, asking the daemon
 * whether it is right, writing it together with its entry in sopd:audit, and lists of what is set. */
#ifndef SOPD_CLI_CTL_SETTINGS_H
#define SOPD_CLI_CTL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/ctl/ctl.h"
#include "store/settings.h"

struct ctl_setting {
    struct ctl *ctl;
    int kind;         /* enum settings_kind */
    const char *what; /* for the record: "toggle", "pause", ... */
    struct buf key;   /* of the hash */
    struct buf where; /* for people: "everywhere", "in qq1:700000001" */
    struct buf who;
    const char *reason, *lasting, *until; /* --reason; --for, --until as given; else NULL */
    bool force;
    bool scoped; /* --chat, --tag or --gateway was given */
    int n;       /* what is left of the arguments */
    char **rest;
};

/* Reads the options behind the command's name: --chat, --tag, --gateway, --who, --reason, --force, --json, and with `pause` --for and
 * --until. An exit code; usage errors were printed. ctl_setting_free is due in any case. */
int ctl_setting_read(struct ctl_setting *s, struct ctl *c, int kind, bool pause, int argc,
                     char **argv);
void ctl_setting_free(struct ctl_setting *s);
/* Is this right, as far as the daemon knows? Prints why not, and with --force goes on. An exit code. Says so if no daemon answers. */
int ctl_setting_check(const struct ctl_setting *s, const char *field, const char *value);
/* Writes one field, value NULL: removes it, and records it. *before (freed by the caller) is what was there, NULL = nothing. An exit code;
 * errors were printed, success was not. */
int ctl_setting_write(const struct ctl_setting *s, const char *field, const char *value,
                      char **before);
/* The answer of success: in JSON, or the sentence. */
void ctl_setting_done(const struct ctl_setting *s, const char *field, const char *value,
                      const char *before, const char *sentence);
/* Prints everything that is set of this kind, whether or not the daemon runs. `only`: a flow, or NULL. */
int ctl_setting_list(struct ctl *c, int kind, const char *only, const char *none);
/* "sopd:toggles:chat:qq1:7000" as "in qq1:7000", the root as "everywhere". */
void ctl_setting_where(int kind, const char *key, struct buf *out);
/* The zone of the configuration, else that of this machine. */
const struct zone *ctl_zone(const struct ctl *c);

#endif
