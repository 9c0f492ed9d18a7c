/* meter.h -- the metrics that every gateway with a connection has, under the same names whatever it speaks.
 * The handles live as long as the process; a meter needs no end. Callers: onebot11.c and the other codecs. */
#ifndef SOPD_GATEWAY_METER_H
#define SOPD_GATEWAY_METER_H

struct metric;

struct gateway_meter {
    struct metric *in, *out, /* complete frames */
        *reconnects, *up,    /* connections after the first; 1 while connected and ready */
        *late, *repeated;    /* events: older than the stale limit on arrival; reported before */
};

void gateway_meter_init(struct gateway_meter *m, const char *gateway);
/* A frame or event was dropped as malformed; why: a fixed word. */
void gateway_meter_bad(const char *gateway, const char *why);

#endif
