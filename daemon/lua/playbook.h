/* playbook.h -- reads the playbooks of the SOP folders and builds the book (engine/route/book.h) that the engine serves by.
 * Flows are loaded through the host; parameters are checked against what each flow declares, and texts are looked up in
 * sop/texts/<language>.lua. A book is whole or not at all: any problem and there is none. */
#ifndef SOPD_LUA_PLAYBOOK_H
#define SOPD_LUA_PLAYBOOK_H

#include "base/buf.h"
#include "engine/route/book.h"

struct config;
struct host;

/* Loads <sop>/playbooks/<name>.lua: those the configuration lists, else all (a name in an earlier folder hides the same name
 * in a later one). NULL with every problem of every file in err, a line each; lines that do not stop us (an unknown
 * gateway) go to warnings. */
struct book *playbook_load(struct host *h, const struct config *c, unsigned flags, struct buf *err,
                           struct buf *warnings);

enum {
    PLAYBOOK_ALL_FLOWS =
        1 /* load flows that no playbook uses too: their problems count (sopd check) */
};

#endif
