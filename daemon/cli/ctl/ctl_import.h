/* ctl_import.h -- what ctl_import.c (writes) and ctl_import_check.c (reads and checks a file) share. */
#ifndef SOPD_CLI_CTL_IMPORT_H
#define SOPD_CLI_CTL_IMPORT_H

#include "cli/ctl/ctl_transfer.h"

/* A file of `sopd ctl export` that is good in every part; NULL after its faults were printed. */
struct cJSON *import_read(const char *path);
/* Is it a hash that admins edit? Those are outside the gateway's slot. */
bool import_is_setting(const struct cJSON *key);

#endif
