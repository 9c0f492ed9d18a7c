/* mem.h -- allocation that cannot fail quietly.
 * For small, bounded objects of the daemon's own. Sizes that a peer decides are checked against a limit first.
 * On exhaustion these log one line and abort(): systemd starts us again and everything durable is in Redis. */
#ifndef SOPD_BASE_MEM_H
#define SOPD_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size); /* uninitialised; size 0 is allowed */
void *mem_zero(size_t size);  /* zero-filled */
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);            /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n); /* always terminated */

#define MEM_NEW(type) ((type *)mem_zero(sizeof(type)))

#endif
