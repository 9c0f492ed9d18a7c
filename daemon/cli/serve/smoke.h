/* smoke.h -- what is looked at in a book that has loaded, before anybody is served by it: mistakes that would otherwise show
 * in front of a group. No handler is run. For `sopd check`, the start and every reload. */
#ifndef SOPD_CLI_SMOKE_H
#define SOPD_CLI_SMOKE_H

#include <stdbool.h>

#include "base/buf.h"

struct book;
struct config;

/* Adds a line "file:line: what; remedy" to problems for what cannot work, and to warnings for what is odd:
 * - a flow that needs what a gateway of its playbook cannot do;
 * - a text with a {name} that its flow never gives (the message would fail when it is due), or with a lone brace;
 * - command words that are blank, commands without a word, and words that two commands share.
 * Warnings about playbooks that reach nobody (book_reaches) are summed up in one line, unless `all`. */
void smoke_book(const struct config *c, const struct book *b, bool all, struct buf *problems,
                struct buf *warnings);

#endif
