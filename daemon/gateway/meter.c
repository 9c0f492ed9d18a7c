/* meter.c -- see meter.h. */
#include "gateway/meter.h"

#include <stddef.h>

#include "base/metrics.h"

void gateway_meter_init(struct gateway_meter *m, const char *gateway)
{
    static const char frames[] = "Complete frames, by direction.";
    m->in = metric_counter("sopd_frames_total", frames,
                           metric_labels("gateway", gateway, "dir", "in", NULL));
    m->out = metric_counter("sopd_frames_total", frames,
                            metric_labels("gateway", gateway, "dir", "out", NULL));
    const char *own = metric_labels("gateway", gateway, NULL);
    m->reconnects =
        metric_counter("sopd_reconnects_total", "Connections opened after the first.", own);
    m->up = metric_gauge("sopd_gateway_up", "1 while the gateway is connected and ready.", own);
    m->late = metric_counter("sopd_events_late_total",
                             "Events older than the stale limit on arrival.", own);
    m->repeated = metric_counter("sopd_events_repeated_total",
                                 "Events that the gateway had reported before.", own);
}

void gateway_meter_bad(const char *gateway, const char *why)
{
    metric_inc(metric_counter("sopd_frames_bad_total",
                              "Frames or events dropped as malformed, by reason.",
                              metric_labels("gateway", gateway, "why", why, NULL)));
}
