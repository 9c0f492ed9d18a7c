/* play_setup.h -- the playground's configuration, folders and first moment (play_setup.c), for play.c. */
#ifndef SOPD_CLI_PLAY_SETUP_H
#define SOPD_CLI_PLAY_SETUP_H

#include "cli/play/play.h"

struct play_options {
    const char *script, *sop, *playbook, *data_dir, *start, *config;
};

/* Makes the data directory, the configuration and the daemon (not started). Returns an exit code with err filled. */
int play_setup(struct play *p, const struct play_options *o, struct buf *err);
/* Playbooks and flows anew. */
bool play_setup_reload(struct play *p, struct buf *out);
/* Where the history of lines is kept; NULL: nowhere. */
const char *play_setup_history(const struct play *p);
/* Remembers the moment at which the session ends, so that the next one in this data directory begins later. */
void play_setup_save_clock(const struct play *p);
/* Removes a data directory that was made for the session, closes the log, frees. */
void play_setup_clean(struct play *p);

#endif
