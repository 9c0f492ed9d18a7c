/* ws_end.h -- the end of tests with a transport: everything is closed, and nothing is left on the loop. */
#ifndef SOPD_TESTS_WS_END_H
#define SOPD_TESTS_WS_END_H

#include "gateway/transport.h"

static inline void ws_freed(void *ud)
{
    *(bool *)ud = true;
}

/* l: NULL if there is none. */
static inline void ws_end(uv_loop_t *loop, struct listener *l, struct transport *t)
{
    bool freed = false;
    listener_close(l);
    transport_destroy(t, ws_freed, &freed);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_true(freed);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
