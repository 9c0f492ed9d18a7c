/* confpos.h -- where each key of a table constructor stands in its source: lines for messages about values, which Lua
 * itself does not keep. Finds the `return { ... }` of a file and follows its nested constructors; keys made in other
 * ways are looked for as words. */
#ifndef SOPD_LUA_CONFPOS_H
#define SOPD_LUA_CONFPOS_H

#include <stddef.h>

struct confpos;

/* Never NULL; a source that it cannot follow gives no positions. `source` is borrowed until confpos_free. */
struct confpos *confpos_scan(const char *source, size_t len);
void confpos_free(struct confpos *p);

/* Nodes are numbers; -1 = unknown. */
int confpos_root(const struct confpos *p);
/* The entry `key` (a name, or the number of a list item as text) of the table at `node`. */
int confpos_child(struct confpos *p, int node, const char *key);
int confpos_line(const struct confpos *p, int node);
/* The first line from `from` on that holds `key` as a word, else `from`. */
int confpos_search(struct confpos *p, const char *key, int from);

#endif
