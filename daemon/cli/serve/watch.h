/* watch.h -- tells when the configuration or a SOP folder has changed on disk, and has come to rest.
 * What counts is content: the configuration and every *.lua file below flows/, lib/, texts/ and playbooks/. However an editor,
 * git or a deployment writes them (in place, by rename, many at once, folders that come later, links that are turned), one
 * call comes when nothing more happened for a moment, and none when the content is what was looked at last. The kernel's
 * notices (inotify) make it quick; a look at the files' times every few seconds catches what gives no notices (network
 * file systems) and stands in where the kernel refuses. For the loop thread. */
#ifndef SOPD_CLI_WATCH_H
#define SOPD_CLI_WATCH_H

#include <stdbool.h>
#include <uv.h>

struct watch;

/* Idle until watch_enable. `config` and the NULL-terminated folders are copied. `changed` is called from a timer of the loop. */
struct watch *watch_create(uv_loop_t *loop, const char *config, char *const *sop,
                           void (*changed)(void *ud), void *ud);
/* Takes what is on disk now as known: to be called before it is loaded, so that a change during the load counts. */
void watch_seen(struct watch *w);
void watch_enable(struct watch *w, bool on);
/* "inotify", "poll" (where inotify was refused) or "off". */
const char *watch_how(const struct watch *w);
/* Closes its handles; the memory goes when the loop has closed them. NULL is allowed. */
void watch_destroy(struct watch *w);

#endif
