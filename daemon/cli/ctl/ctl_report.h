/* ctl_report.h -- what `sopd ctl report` reads and what it prints. Shared by ctl_report.c, ctl_report_figures.c and ctl_report_print.c. */
#ifndef SOPD_CLI_CTL_REPORT_H
#define SOPD_CLI_CTL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;

enum report_by { REPORT_BY_CHAT, REPORT_BY_STORE, REPORT_BY_DAY, REPORT_BY_ALL };
enum report_form { REPORT_TABLE, REPORT_CSV, REPORT_JSON };

/* Prints rows: objects of "chat", "name", "store" or "date", and "figures" (sop.figures). */
void report_print(const struct cJSON *rows, enum report_by by, enum report_form form, int64_t from,
                  int64_t to);

/* Figures of a list of tallies, with `sum`: their sum, which is a tally. NULL after an error was printed. */
struct cJSON *report_figures(const struct cJSON *tallies);
/* The sum of a list of tallies; NULL after an error was printed. */
struct cJSON *report_sum(const struct cJSON *tallies);
/* Adds a long list up by parts, in place, for a chunk has its limits. All are of the same days, or sums of the same. */
bool report_fold(struct cJSON *tallies);

#endif
