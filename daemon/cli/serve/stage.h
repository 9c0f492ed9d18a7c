/* stage.h -- what `sopd play` and `sopd test` share: where the SOPs are, a folder of their own, and the people of the playground
 * that playbooks name as staff. */
#ifndef SOPD_CLI_STAGE_H
#define SOPD_CLI_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct book;
struct gateway;
struct zone;

#define STAGE_GATEWAY "playground" /* the name of its gateway */

/* The SOP folder: `given`, ./sop, that of the source tree the binary was built in, or what was installed beside it. Caller
 * frees; NULL: there is none. */
char *stage_find_sop(const char *given);
/* A new folder <TMPDIR>/<prefix>XXXXXX, for the caller to free; NULL with a line in err. */
char *stage_make_dir(const char *prefix, struct buf *err);
/* Removes a folder and all that is in it. */
void stage_remove_dir(const char *path);
/* The string as a Lua literal. */
void stage_add_quoted(struct buf *b, const char *s, size_t len);
/* "2026-03-05 09:00" or "2026-03-05" in that zone. False: it is neither. */
bool stage_parse_moment(const struct zone *zone, const char *text, int64_t *out);
/* People of the playground are called by name; where the book names staff of it, the names become ids. */
void stage_name_staff(struct gateway *g, struct book *b);
/* The persona's name, as the book says. */
const char *stage_bot_name(const struct book *b);

#endif
