/* notify.h -- tells systemd how we are (sd_notify's protocol: datagrams to $NOTIFY_SOCKET), without its library.
 * Without that variable every call does nothing. */
#ifndef SOPD_ADMIN_NOTIFY_H
#define SOPD_ADMIN_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the environment once; the variables are removed, so that children do not inherit them. */
void notify_init(void);
/* Sends "READY=1" and its like; several lines may be joined with \n. */
void notify_send(const char *state);
void notify_ready(const char *status);
/* "RELOADING=1" with the monotonic time that systemd wants to see; notify_ready ends it. */
void notify_reloading(void);
void notify_stopping(void);
/* Asks for more time while we start, in ms. */
void notify_extend(int64_t ms);
/* Milliseconds between two watchdog calls (half of what systemd allows), 0 = no watchdog. */
int64_t notify_watchdog_ms(void);
void notify_watchdog(void);
void notify_close(void);

#endif
