/* Tests of the WeCom codec's connection: subscription, heartbeat, back-off, take-over, shutdown, frames that should not come, commands
 * and their acknowledgements. `wecom N` names the item of the checklist in the protocol's description that a test stands for. */
#include "wecom_world.h"

/* ---- the subscription ---- */

/* wecom 2, 3: nothing before the acknowledgement but the subscription; its ack has no cmd and is known by its req_id */
static void test_subscribe(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->subscribe = WORLD_MUTE;
    w->conf.scene = 7;
    w->conf.plug_version = "1.2";
    w->conf.timeout_ms = 5000;
    w->conf.ping_ms = 40;
    world_create(w);
    world_until(w, w->nframes == 1);
    assert_int_equal(w->state.link, LINK_CONNECTING);
    world_run(w, 120);
    assert_int_equal(w->nframes, 1);
    const char *f = w->frames[0], *req_id = world_field(f, "req_id");
    assert_string_equal(world_field(f, "cmd"), "aibot_subscribe");
    assert_non_null(strstr(f, "\"body\":{\"bot_id\":\"aibBOT\",\"secret\":\"" WORLD_SECRET
                              "\",\"scene\":7,\"plug_version\":\"1.2\"}}"));
    assert_int_equal(strspn(req_id, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(req_id));
    assert_in_range(strlen(req_id), 20, 64);
    world_ack(w, "somebody-elses", 0);
    world_run(w, 30);
    assert_int_equal(w->state.link, LINK_CONNECTING);
    world_ack(w, req_id, 0);
    world_until(w, w->state.link == LINK_UP);
    assert_int_equal(w->state.account, ACCOUNT_ONLINE);
    assert_string_equal(w->state.self_id, "aibBOT");
    assert_int_equal(w->nready, 1);
    world_ack(w, req_id, 853000); /* said twice: the second is nobody's (wecom 54) */
    world_run(w, 30);
    assert_int_equal(w->state.link, LINK_UP);
    world_free(w);
}

/* wecom 4: refused for its secret: the client closes, tries again slowly and ever slower, and is well when it is right */
static void test_refused(void **state)
{
    (void)state;
    static const int codes[] = {853000, 93019, 40001, 40013, 40058};
    struct world *w = world_new();
    w->subscribe = codes[0];
    world_create(w);
    world_until(w, w->state.link == LINK_REFUSED);
    assert_int_equal(w->code, 1000);
    for (int i = 1; i < 5; i++) {
        w->subscribe = codes[i];
        world_until(w, w->ends == i + 1);
    }
    assert_true(w->opened_at[1] - w->ended_at[0] >= 59);
    assert_true(w->opened_at[2] - w->ended_at[1] >= 119);
    assert_true(w->opened_at[3] - w->ended_at[2] >= 239);
    assert_true(w->opened_at[4] - w->ended_at[3] >= 239); /* the greatest pause */
    world_until(w, w->state.link == LINK_REFUSED);
    w->subscribe = 0;
    world_until(w, w->state.link == LINK_UP);
    const char *first = strstr(buf_cstr(&w->log), "refuses bot_id");
    assert_non_null(first);
    assert_null(strstr(first + 1, "refuses bot_id")); /* told once */
    world_free(w);
}

/* wecom 5: subscribed too often: a fixed pause, however short the others are */
static void test_limited(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->subscribe = 45009;
    world_create(w);
    world_until(w, w->ends == 2);
    assert_true(w->opened_at[1] - w->ended_at[0] >= 249);
    world_until(w, w->state.link == LINK_DOWN);
    w->subscribe = 0;
    world_until(w, w->state.link == LINK_UP);
    world_free(w);
}

/* wecom 6: no acknowledgement: closed in time, then an ordinary pause. Also for an answer that says nothing, and -1. */
static void test_unanswered(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->subscribe = WORLD_MUTE;
    world_create(w);
    world_until(w, w->opens == 2);
    assert_in_range(w->ended_at[0] - w->opened_at[0], 195, 2000);
    assert_in_range(w->opened_at[1] - w->ended_at[0], 10, 2000);
    world_until(w, w->nframes == 2);
    world_say(w, "{'headers':{'req_id':'%s'}}", world_field(w->frames[1], "req_id"));
    world_until(w, w->ends == 2);
    w->subscribe = -1;
    world_until(w, w->ends == 3);
    w->subscribe = 0;
    world_until(w, w->state.link == LINK_UP);
    world_free(w);
}

/* wecom 36: errcode as text */
static void test_errcode_text(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->subscribe = WORLD_MUTE;
    world_create(w);
    world_until(w, w->nframes == 1);
    world_say(w, "{'cmd':null,'headers':{'req_id':'%s'},'errcode':'0'}",
              world_field(w->frames[0], "req_id"));
    world_until(w, w->state.link == LINK_UP);
    world_free(w);
}

/* wecom 63: an errmsg that repeats our secret is not kept */
static void test_errmsg_with_secret(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->subscribe = WORLD_MUTE;
    world_create(w);
    world_until(w, w->nframes == 1);
    world_say(w,
              "{'headers':{'req_id':'%s'},'errcode':853000,'errmsg':'bad secret " WORLD_SECRET "'}",
              world_field(w->frames[0], "req_id"));
    world_until(w, w->state.link == LINK_REFUSED);
    world_free(w); /* looks into the log */
}

/* ---- the heartbeat ---- */

/* wecom 7, 12: an application ping at its interval, each with a req_id of its own, and no other pings (the peer looks) */
static void test_heartbeat(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 60;
    world_create(w);
    world_until(w, w->npings == 6);
    for (int i = 1; i < 6; i++)
        assert_in_range(w->ping_at[i] - w->ping_at[i - 1], 30, 2000);
    assert_true(w->ping_at[0] - w->opened_at[0] >= 55);
    for (int i = 1; i < w->nframes; i++) {
        assert_string_equal(world_field(w->frames[i], "cmd"), "ping");
        assert_null(strstr(w->frames[i], "body"));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(world_field(w->frames[i], "req_id"),
                                    world_field(w->frames[k], "req_id"));
    }
    assert_int_equal(w->opens, 1);
    world_free(w);
}

/* wecom 13: two without an answer: cut at the third, connected again */
static void test_dead(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 60;
    w->ping = WORLD_MUTE;
    world_create(w);
    world_until(w, w->ends == 1);
    assert_int_equal(w->npings, 2);
    assert_in_range(w->ended_at[0] - w->opened_at[0], 170, 3000);
    assert_int_equal(w->code, 1006); /* cut: who does not answer is told nothing */
    w->ping = 0;
    world_until(w, w->opens == 2 && w->npings >= 5);
    assert_int_equal(w->opens, 2);
    world_free(w);
}

/* wecom 14: an answer with an error is none */
static void test_heartbeat_error(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 60;
    w->ping = -1;
    world_create(w);
    world_until(w, w->ends == 1);
    assert_int_equal(w->npings, 2);
    world_free(w);
}

/* wecom 14: 846609: subscribed again at once; but not without end when that does not last */
static void test_lost_subscription(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 60;
    w->conf.backoff_ms = w->conf.backoff_max_ms = 2000;
    w->ping = 846609;
    world_create(w);
    world_until(w, w->nsubscribes == 2);
    assert_in_range(w->opened_at[1] - w->ended_at[0], 0, 1500);
    w->ping = 0;
    world_until(w, w->state.link == LINK_UP);
    wc_resubscribe(w->g, "test"); /* right after the subscription */
    world_until(w, w->ends == 2);
    world_run(w, 300);
    assert_int_equal(w->opens, 2);
    world_free(w);
}

/* wecom 16: `pong` is as good as an acknowledgement, and a `ping` of the platform gets its headers back */
static void test_ping_pong(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 60;
    w->conf.timeout_ms = 5000;
    w->ping = w->subscribe = WORLD_MUTE;
    world_create(w);
    world_until(w, w->nframes == 1);
    world_say(w, "{'cmd':'ping','headers':{'req_id':'too early'}}"); /* wecom 2 */
    world_run(w, 50);
    assert_int_equal(w->nframes, 1);
    world_ack(w, world_field(w->frames[0], "req_id"), 0);
    for (int i = 1; i <= 6; i++) {
        world_until(w, w->npings == i);
        world_say(w, "{'cmd':'pong','headers':{'req_id':'whatever'}}");
    }
    assert_int_equal(w->opens, 1);
    w->ping = 0;
    int n = w->nframes;
    world_say(w, "{'cmd':'ping','headers':{'req_id':'srv / 1'}}");
    world_until(w, w->nframes > n);
    assert_string_equal(w->frames[n], "{\"cmd\":\"pong\",\"headers\":{\"req_id\":\"srv / 1\"}}");
    world_free(w);
}

/* wecom 15, 54: the late answer to a ping of the connection before changes nothing */
static void test_stale_ack(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 80;
    w->ping = WORLD_MUTE;
    world_create(w);
    world_until(w, w->npings == 1);
    char old[100];
    snprintf(old, sizeof old, "%s", world_field(w->frames[1], "req_id"));
    conn_close(w->peer, 0, "");
    world_until(w, w->opens == 2 && w->npings == 2);
    world_ack(w, old, 0);
    world_ack(w, old, 846609);
    world_until(w, w->ends == 2); /* the second connection died of its own two unanswered pings */
    assert_int_equal(w->npings, 3);
    assert_int_equal(w->nlate, 2);
    world_free(w);
}

/* The engine has enough for a while: answers that lie unread do not count, neither to heartbeats nor to commands. */
static void test_paused(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct wc_frame f;
    w->conf.ping_ms = 40;
    world_create(w);
    world_until(w, w->npings == 1);
    assert_true(wc_frame_begin(w->g, &f, "aibot_send_msg", NULL));
    buf_adds(f.out, "{}");
    wc_frame_end(&f, WC_FOR_OUT, 5, 100);
    wecom_ops.pause(&w->g->base, true);
    world_run(w, 300);
    world_until(w, w->npings >= 6); /* it goes on telling that we live */
    assert_int_equal(w->ends, 0);
    assert_int_equal(w->nacks, 0);
    wecom_ops.pause(&w->g->base, false);
    world_callback(w, "m-1", "after");
    world_until(w, w->nevents == 1);
    assert_int_equal(w->opens, 1);
    world_free(w);
}

/* ---- connecting again ---- */

/* wecom 17: pauses double up to the greatest, a little at random; only a subscription that lasts makes them short again */
static void test_backoff(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct backoff *b;
    w->refuse = 503;
    world_create(w);
    b = &w->g->retry;
    world_until(w, w->upgrades == 5);
    assert_in_range(b->times, 4, 5);
    w->refuse = 0;
    w->subscribe = -1; /* connected, but not subscribed: no reason to hurry */
    world_until(w, w->ends == 1);
    assert_true(b->times >= 5);
    w->subscribe = 0;
    world_until(w, w->state.link == LINK_UP);
    conn_close(w->peer, 1001, "");
    world_until(w, w->state.link != LINK_UP);
    assert_true(b->times >= 6); /* it did not last */
    w->g->conf.ready_reset_ms = 20;
    world_until(w, w->state.link == LINK_UP);
    world_run(w, 50);
    conn_close(w->peer, 1001, "");
    world_until(w, w->state.link != LINK_UP);
    assert_int_equal(b->times, 1);
    struct rng rng;
    rng_seed(&rng, 3);
    struct backoff mine = {.first_ms = 1000, .max_ms = 30000};
    static const int64_t want[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_in_range(backoff_next(&mine, &rng), want[i] * 8 / 10, want[i] * 12 / 10);
    world_free(w);
}

/* wecom 22: TCP ends right after the subscription's acknowledgement, 20 times: no tight loop, nothing piles up */
static void test_cut_after_ack(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->cut_after_subscribe = true;
    w->conf.backoff_max_ms = 80;
    int64_t began = world_now();
    world_create(w);
    while (w->ends < 20 && world_now() - began < 10000)
        world_turn(w);
    assert_int_equal(w->ends, 20);
    assert_true(world_now() - began >=
                16 + 32 + 64 + 17 * 64); /* 20, 40, 80, 80 ... less a fifth */
    world_until(w, w->g->npending == 0);
    w->cut_after_subscribe = false;
    world_until(w, w->state.link == LINK_UP);
    world_free(w);
}

/* wecom 21: what was told before the connection was lost is not told again */
static void test_repeated(void **state)
{
    (void)state;
    struct world *w = world_ready();
    world_callback(w, "m-1", "one");
    world_callback(w, "m-1", "one");
    world_callback(w, "m-2", "two");
    world_until(w, w->nevents == 2);
    conn_close(w->peer, 0, "");
    world_until(w, w->opens == 2 && w->state.link == LINK_UP);
    assert_int_equal(w->state.reconnects, 1);
    world_callback(w, "m-2", "two");
    world_callback(w, "m-3", "three");
    world_until(w, w->nevents == 3);
    assert_string_equal(w->events[2]->text, "three");
    wecom_ops.unsee(&w->g->base, w->events[1]); /* it was dropped: new when it comes again */
    world_callback(w, "m-2", "two");
    world_until(w, w->nevents == 4);
    world_free(w);
}

/* ---- another connection has the bot ---- */

static void world_superseded(struct world *w)
{
    world_say(
        w,
        "{'cmd':'aibot_event_callback','headers':{'req_id':'srv-77'},'body':{'msgid':'ev-1','create_time':1,"
        "'aibotid':'aibBOT','msgtype':'event','event':{'eventtype':'disconnected_event'}}}");
}

/* wecom 19, 20: we close, stop pinging, tell it, and do not come back */
static void test_superseded(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.ping_ms = 40;
    world_create(w);
    world_until(w, w->state.link == LINK_UP);
    world_superseded(w);
    world_until(w, w->ends == 1);
    int pings = w->npings;
    world_run(w, 400);
    assert_int_equal(w->opens, 1);
    assert_int_equal(w->npings, pings);
    assert_int_equal(w->state.link, LINK_DOWN);
    assert_int_equal(w->state.account, ACCOUNT_OFFLINE);
    assert_string_equal(w->state.account_reason, "superseded");
    assert_non_null(strstr(buf_cstr(&w->log), "another connection has taken the bot over"));
    world_free(w);
}

/* wecom 20: with `takeover` it comes back after the pause, three times a day */
static void test_takeover(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->conf.takeover_ms = 120;
    world_create(w);
    for (int i = 1; i <= 3; i++) {
        world_until(w, w->state.link == LINK_UP);
        assert_int_equal(w->state.account, ACCOUNT_ONLINE);
        world_superseded(w);
        world_until(w, w->opens == i + 1);
        assert_true(w->opened_at[i] - w->ended_at[i - 1] >= 110);
    }
    world_until(w, w->state.link == LINK_UP);
    world_superseded(w);
    world_until(w, w->ends == 4);
    world_run(w, 400);
    assert_int_equal(w->opens, 4);
    world_free(w);
}

/* ---- the end ---- */

/* wecom 23: stopped in every state; world_free looks that no timer and no handle is left */
static void test_stop(void **state)
{
    (void)state;
    struct world *w = world_new(); /* never started */
    struct gateway_env env = {&w->loop, &w->clock, w->transport};
    struct gateway_sink sink = {.ud = w, .on_event = world_event, .on_state = world_state};
    struct buf err = {0};
    w->g = (struct wc *)wecom_ops.create(&env, &w->conf, &sink, &err);
    world_free(w);
    w = world_new(); /* dialling */
    world_create(w);
    assert_int_equal(w->g->state, WC_DIALING);
    world_free(w);
    w = world_new(); /* subscribing */
    w->subscribe = WORLD_MUTE;
    world_create(w);
    world_until(w, w->nsubscribes == 1);
    assert_int_equal(w->g->state, WC_SUBSCRIBING);
    world_free(w);
    w = world_new(); /* waiting to connect again */
    w->conf.backoff_ms = w->conf.backoff_max_ms = 60000;
    w->refuse = 503;
    world_create(w);
    world_until(w, w->g->state == WC_WAITING);
    world_free(w);
    w = world_ready(); /* ready, with a command under way */
    struct wc_frame f;
    assert_true(wc_frame_begin(w->g, &f, "aibot_send_msg", NULL));
    buf_adds(f.out, "{}");
    wc_frame_end(&f, WC_FOR_OUT, 9, 5000);
    world_stop(w);
    assert_int_equal(w->nacks, 1);
    assert_true(w->acks[0].lost && w->acks[0].written);
    world_free(w);
    w = world_ready(); /* closing */
    wc_resubscribe(w->g, "test");
    world_free(w);
    w = world_ready(); /* superseded */
    world_superseded(w);
    world_until(w, w->g->state == WC_SUPERSEDED);
    world_free(w);
    w = world_ready(); /* superseded, and about to come back */
    w->g->conf.takeover_ms = 60000;
    world_superseded(w);
    world_until(w, w->g->state == WC_SUPERSEDED);
    world_free(w);
    buf_free(&err);
}

/* ---- frames ---- */

/* wecom 28, 29, 30, 31: what should not come is dropped; the connection stays */
static void test_odd_frames(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "null",
        "7",
        "true",
        "'text'",
        "[]",
        "[{}]",
        "{",
        "{}",
        "private words",
        "{'cmd':7}",
        "{'cmd':''}",
        "{'cmd':'aibot_get_mcp_config','headers':{'req_id':'x'},'body':{}}",
        "{'headers':{'req_id':'nobodys'},'errcode':0}",
        "{'headers':{'req_id':5},'errcode':0}",
        "{'headers':{'req_id':null},'errcode':846609}",
        "{'headers':null,'errcode':0}",
        "{'headers':[],'errcode':0}",
        "{'errcode':0}",
        "{'cmd':'aibot_msg_callback'}",
        "{'cmd':'aibot_msg_callback','body':null}",
        "{'cmd':'aibot_msg_callback','headers':{'req_id':'x'},'body':[]}",
        "{'cmd':'aibot_msg_callback','headers':{'req_id':'x'},'body':{}}",
        "{'cmd':'aibot_event_callback','headers':{'req_id':'x'},'body':'text'}",
        "{'cmd':'aibot_event_callback','body':{'event':{'eventtype':'auth_change_event'}}}",
        "{'cmd':'pong'}"};
    struct world *w = world_ready();
    int n = w->nframes;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        world_say(w, "%s", odd[i]);
    static const char *const ids[] = {"",
                                      ",'headers':null",
                                      ",'headers':{}",
                                      ",'headers':{'req_id':7}",
                                      ",'headers':{'req_id':null}",
                                      ",'headers':['req_id']"};
    enum { IDS = sizeof ids / sizeof ids[0] };
    for (int i = 0; i < IDS; i++)
        world_say(
            w,
            "{'cmd':'aibot_msg_callback'%s,'body':{'msgid':'n-%d','from':{'userid':'u'},'msgtype':'text',"
            "'text':{'content':'hi'}}}",
            ids[i], i);
    world_say(
        w,
        "{'cmd':'aibot_callback','headers':{'req_id':'q'},'body':{'msgid':'old','from':{'userid':'u'},"
        "'msgtype':'text','text':{'content':'old name'}}}");
    world_until(w, w->nevents == IDS + 1);
    for (int i = 0; i < IDS; i++)
        assert_string_equal(w->events[i]->ref, ""); /* heard, but nothing can be answered */
    assert_non_null(strstr(w->events[IDS]->ref, " q"));
    assert_int_equal(w->nframes, n);
    assert_int_equal(w->opens, 1);
    assert_int_equal(w->state.link, LINK_UP);
    world_free(w);
}

/* wecom 33: raw control bytes, NUL among them, are taken out; TAB and line ends are not */
static void test_control_bytes(void **state)
{
    (void)state;
    static const char frame[] =
        "{\"cmd\":\"aibot_msg_callback\",\"headers\":{\"req_id\":\"r\"},\"body\":{\"msgid\":\"m\",\"from\":{\"userid\":\"u\"},"
        "\"msgtype\":\"text\",\"text\":{\"content\":\"a\0b\001c\013d\re\037f\tg\nh\"}}}";
    struct world *w = world_ready();
    world_say_bytes(w, frame, sizeof frame - 1);
    world_until(w, w->nevents == 1);
    assert_string_equal(w->events[0]->text, "abcdef\tg\nh");
    world_free(w);
}

/* wecom 10: pieces are put together; what is too long ends the connection, and the next one works */
static void test_fragments(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->fragment = 16;
    w->conf.max_frame = 4096;
    world_create(w);
    world_until(w, w->state.link == LINK_UP);
    world_callback(w, "m-1", "in many pieces");
    world_until(w, w->nevents == 1);
    assert_string_equal(w->events[0]->text, "in many pieces");
    char *big = mem_zero(5001);
    memset(big, 'x', 5000);
    world_callback(w, "m-2", big);
    free(big);
    world_until(w, w->opens == 2 && w->state.link == LINK_UP);
    assert_int_equal(w->code, 1009);
    world_callback(w, "m-3", "well again");
    world_until(w, w->nevents == 2);
    world_free(w);
}

/* wecom 35: a thousand levels and a megabyte of text cost neither the stack nor the link */
static void test_monsters(void **state)
{
    (void)state;
    struct world *w = world_ready();
    struct buf b = {0};
    buf_adds(&b, "{\"cmd\":");
    for (int i = 0; i < 1000; i++)
        buf_adds(&b, i & 1 ? "[" : "{\"a\":");
    world_say_bytes(w, b.data, b.len);
    buf_reset(&b);
    buf_adds(&b, "{\"cmd\":\"aibot_msg_callback\",\"headers\":{\"req_id\":\"");
    for (int i = 0; i < 2000; i++)
        buf_addc(&b, 'r'); /* too long to be answered */
    buf_adds(
        &b,
        "\"},\"body\":{\"msgid\":\"m\",\"from\":{\"userid\":\"u\"},\"msgtype\":\"text\",\"text\":{\"content\":\"");
    for (int i = 0; i < 1 << 20; i++)
        buf_addc(&b, 'y');
    buf_adds(&b, "\"}}}");
    world_say_bytes(w, b.data, b.len);
    buf_free(&b);
    world_until(w, w->nevents == 1);
    assert_int_equal(strlen(w->events[0]->text), WC_TEXT_MAX);
    assert_string_equal(w->events[0]->ref, "");
    assert_int_equal(w->opens, 1);
    world_free(w);
}

/* wecom 63: what members write and where their files are is not logged, at no level (world_free looks) */
static void test_nothing_private_in_the_log(void **state)
{
    (void)state;
    struct world *w = world_ready();
    world_callback(w, "m-1", "private words");
    world_say(
        w,
        "{'cmd':'aibot_msg_callback','headers':{'req_id':'r'},'body':{'msgid':'m-2','from':{'userid':'u'},"
        "'msgtype':'image','image':{'url':'https://c/1?s=SECRET-SIGN','aeskey':'SECRET-KEY'},"
        "'response_url':'https://c/r?code=SECRET-SIGN'}}");
    world_say(
        w,
        "{'cmd':'aibot_msg_callback','headers':{'req_id':'r'},'body':{'msgid':'m-3','from':{'userid':'u'},"
        "'msgtype':'poll','poll':{'url':'https://c/1?s=SECRET-SIGN','title':'private words'}}}");
    world_say(w, "{'cmd':'private words','body':{'url':'https://c/1?s=SECRET-SIGN'}}");
    world_say(w, "{'url':'https://c/1?s=SECRET-SIGN', private words");
    world_until(w, w->nevents == 2);
    world_run(w, 30);
    assert_null(strstr(w->events[1]->segments[0].id, "SECRET"));
    world_free(w);
}

/* ---- commands ---- */

static bool world_command(struct world *w, const char *req_id, uint64_t number, int64_t timeout_ms)
{
    struct wc_frame f;
    if (!wc_frame_begin(w->g, &f, "aibot_respond_msg", req_id))
        return false;
    buf_adds(f.out, "{\"n\":1}");
    wc_frame_end(&f, WC_FOR_OUT, number, timeout_ms);
    return true;
}

/* wecom 39, 40, 54: one command of a req_id at a time; the req_id comes back to the byte */
static void test_commands(void **state)
{
    (void)state;
    struct world *w = world_ready();
    static const char odd[] = "a b%\"\\\n\xE6\x89\x93\x01/+=";
    int n = w->nframes;
    assert_true(world_command(w, odd, 1, 5000));
    assert_false(world_command(w, odd, 2, 5000));
    assert_true(wc_pending_has(w->g, odd));
    assert_true(world_command(w, "other", 3, 5000));
    assert_true(world_command(w, NULL, 4, 5000));
    world_until(w, w->nframes == n + 3);
    assert_string_equal(
        w->frames[n],
        "{\"cmd\":\"aibot_respond_msg\",\"headers\":{\"req_id\":\"a b%\\\"\\\\\\n\xE6\x89\x93"
        "\\u0001/+=\"},\"body\":{\"n\":1}}");
    static const char ack[] =
        "{\"headers\":{\"req_id\":\"a b%\\\"\\\\\\n\\u6253\\u0001/+=\"},\"errcode\":0}";
    world_say_bytes(w, ack, sizeof ack - 1);
    world_until(w, w->nacks == 1);
    assert_int_equal(w->acks[0].number, 1);
    assert_int_equal(w->acks[0].errcode, 0);
    assert_true(world_command(w, odd, 5, 5000));
    world_say(w, "{'headers':{'req_id':'other'},'errmsg':'no code'}");
    world_until(w, w->nacks == 2);
    assert_int_equal(w->acks[1].errcode, WC_NO_CODE);
    assert_string_equal(w->acks[1].reason, "no code");
    world_ack(w, "other", 0); /* twice: nobody waits */
    world_until(w, w->nlate == 1);
    assert_int_equal(w->nacks, 2);
    struct wc_frame f;
    assert_true(wc_frame_begin(w->g, &f, "x", "cancelled"));
    wc_frame_cancel(&f);
    assert_false(wc_pending_has(w->g, "cancelled"));
    assert_int_equal(w->state.link, LINK_UP);
    world_free(w);
}

/* wecom 18, 53: without an answer the outcome is not known, at its time limit or at the end of the link; nothing is written twice */
static void test_commands_lost(void **state)
{
    (void)state;
    struct world *w = world_ready();
    int n = w->nframes;
    assert_true(world_command(w, NULL, 1, 80));
    world_until(w, w->nacks == 1);
    assert_true(w->acks[0].lost && w->acks[0].written);
    assert_true(world_command(w, NULL, 2, 5000));
    assert_true(world_command(w, NULL, 3, 5000));
    world_until(w, w->nframes == n + 3);
    conn_close(w->peer, 0, "");
    world_until(w, w->nacks == 3);
    for (int i = 1; i < 3; i++)
        assert_true(w->acks[i].lost && w->acks[i].written);
    assert_false(world_command(w, NULL, 4, 5000));
    world_until(w, w->opens == 2 && w->state.link == LINK_UP);
    world_run(w, 50);
    assert_int_equal(w->nframes, n + 4); /* the subscription, and nothing that was sent before */
    /* 846609 to a command: told, and subscribed again */
    assert_true(world_command(w, "r", 6, 5000));
    world_until(w, w->nframes == n + 5);
    world_ack(w, "r", 846609);
    world_until(w, w->nacks == 4 && w->nsubscribes == 3);
    assert_int_equal(w->acks[3].errcode, 846609);
    world_free(w);
}

/* What cannot be one is refused before it connects. */
static void test_configuration(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct gateway_env env = {&w->loop, &w->clock, w->transport};
    struct gateway_sink sink = {.ud = w};
    struct gateway_conf conf = w->conf;
    struct buf err = {0};
    conf.bot_id = NULL;
    assert_null(wecom_ops.create(&env, &conf, &sink, &err));
    assert_non_null(strstr(buf_cstr(&err), "bot_id"));
    conf = w->conf;
    conf.token = NULL;
    buf_reset(&err);
    assert_null(wecom_ops.create(&env, &conf, &sink, &err));
    assert_non_null(strstr(buf_cstr(&err), "secret"));
    conf = w->conf;
    conf.url = "http://x";
    buf_reset(&err);
    assert_null(wecom_ops.create(&env, &conf, &sink, &err));
    conf = (struct gateway_conf){.name = "wc1", .bot_id = "b", .token = "s"};
    buf_reset(&err);
    w->g = (struct wc *)wecom_ops.create(&env, &conf, &sink, &err);
    assert_non_null(w->g);
    assert_string_equal(w->g->conf.url, "wss://openws.work.weixin.qq.com");
    assert_int_equal(w->g->conf.ping_ms, 30000);
    assert_int_equal(w->g->conf.timeout_ms, 10000);
    assert_int_equal(w->g->conf.first_ms, 15000);
    assert_int_equal(w->g->conf.backoff_ms, 1000);
    assert_int_equal(w->g->conf.backoff_max_ms, 30000);
    assert_int_equal(w->g->conf.limited_ms, 60000);
    assert_int_equal(w->g->conf.auth_backoff_max_ms, 600000);
    assert_int_equal(w->g->conf.max_frame, 4 << 20);
    buf_free(&err);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscribe),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_errcode_text),
        cmocka_unit_test(test_errmsg_with_secret),
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_heartbeat_error),
        cmocka_unit_test(test_lost_subscription),
        cmocka_unit_test(test_ping_pong),
        cmocka_unit_test(test_stale_ack),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_cut_after_ack),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_superseded),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_odd_frames),
        cmocka_unit_test(test_control_bytes),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_monsters),
        cmocka_unit_test(test_nothing_private_in_the_log),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_commands_lost),
        cmocka_unit_test(test_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
