/* The way out of the WeCom codec without a connection: which command a message becomes, what each acknowledgement means for it, answers
 * that are shown while they are made, limits of a conversation, uploads. The clock is the test's. */
#include "base/utf8.h"
#include "wecom_out_world.h"

static struct out_world *w;

static int setup(void **state)
{
    (void)state;
    w = out_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    out_free(w);
    return 0;
}

static void expect(int i, uint64_t ticket, enum send_outcome outcome)
{
    assert_true(w->nresults > i);
    assert_int_equal(w->results[i].ticket, ticket);
    if (w->results[i].outcome != outcome)
        fail_msg("result %d is %d (%s)", i, w->results[i].outcome, w->results[i].reason);
}

/* ---- which command ---- */

/* wecom 39, 41 */
static void answer_is_a_finished_stream(void **state)
{
    (void)state;
    out_send(w, 1, "wrA", "m1000000000 g r-%201%2F%E4%B8%AD%22x", NULL, "12:00");
    assert_int_equal(w->nframes, 1);
    assert_string_equal(out_last(w)->cmd, "aibot_respond_msg");
    assert_string_equal(out_last(w)->req_id, "r- 1/中\"x");
    out_has(out_last(w), "{\"msgtype\":\"stream\",\"stream\":{\"id\":\"");
    out_has(out_last(w), ",\"finish\":true,\"content\":\"12:00\"}}");
    assert_int_equal(w->nresults, 0);
    out_ack(w, 0, 0);
    expect(0, 1, SEND_SENT);
    assert_int_equal(w->g.out->njobs, 0);
}

/* wecom 47, 48 */
static void push_names_the_type_of_chat(void **state)
{
    (void)state;
    out_send(w, 1, "wrExampleA", "", NULL, "# report");
    assert_string_equal(out_last(w)->cmd, "aibot_send_msg");
    assert_string_equal(
        out_last(w)->body,
        "{\"chatid\":\"wrExampleA\",\"chat_type\":2,\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"# report\"}}");
    out_send(w, 2, "@lisi", NULL, NULL, "hi");
    assert_string_equal(
        out_last(w)->body,
        "{\"chatid\":\"lisi\",\"chat_type\":1,\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"hi\"}}");
    out_send(w, 3, "@lisi", out_ref('c', "r-9"), NULL,
             "you pressed");         /* a press cannot be answered */
    assert_int_equal(w->nframes, 2); /* after the one before */
    out_ack(w, 1, 0);
    assert_string_equal(out_last(w)->cmd, "aibot_send_msg");
}

/* Nothing but a card, and nothing at all. */
static void no_text(void **state)
{
    (void)state;
    static const char json[] =
        "{\"card_type\":\"text_notice\",\"sub_title_text\":\"x\",\"card_action\":{\"type\":0}}";
    struct out_segment s = {
        .type = SEGMENT_CARD, .id = "", .text = json, .text_len = sizeof json - 1};
    struct out_message m = {.chat = "wrA", .segments = &s, .nsegments = 1};
    assert_true(wc_send(&w->g.base, &m, 1));
    out_has(out_last(w), ",\"msgtype\":\"template_card\",\"template_card\":{\"card_type\":");
    out_ack(w, 0, 0);
    expect(0, 1, SEND_SENT);
    s.text_len = 5;
    assert_true(wc_send(&w->g.base, &m, 2));
    m.nsegments = 0;
    assert_true(wc_send(&w->g.base, &m, 3));
    wc_out_flush(&w->g);
    expect(1, 2, SEND_CLOSED);
    assert_string_equal(w->results[2].reason, "the message is empty");
}

/* A day later the same run goes on. */
static void old_message_is_not_answered(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    w->clock.wall_ms += 86400000;
    out_send(w, 1, "@lisi", ref, NULL, "day 2");
    assert_string_equal(out_last(w)->cmd, "aibot_send_msg");
}

/* wecom 46 */
static void welcome_in_time_or_never(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-7"));
    out_send(w, 1, "@lisi", ref, NULL, "Hi, **you**");
    assert_string_equal(out_last(w)->cmd, "aibot_respond_welcome_msg");
    assert_string_equal(out_last(w)->body,
                        "{\"msgtype\":\"text\",\"text\":{\"content\":\"Hi, **you**\"}}");
    out_send(w, 2, "@lisi", ref, NULL, "more"); /* there is one welcome only */
    out_ack(w, 0, 0);
    assert_string_equal(out_last(w)->cmd, "aibot_send_msg");
    out_ack(w, 1, 0);

    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-8"));
    w->clock.wall_ms += 4900;
    out_send(w, 3, "@lisi", ref, NULL, "too late");
    expect(2, 3, SEND_CLOSED);
    assert_int_equal(w->nframes, 2);
    w->clock.wall_ms += 120000; /* a run that goes on minutes later: no welcome any more */
    out_send(w, 4, "@lisi", ref, NULL, "news");
    assert_string_equal(out_last(w)->cmd, "aibot_send_msg");

    out_send(w, 5, "@wangwu", NULL, NULL, "x");
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-9"));
    out_send(w, 6, "@wangwu", ref, NULL, "waits behind x");
    w->clock.wall_ms += 5000;
    out_ack(w, 3, 0);
    expect(4, 6, SEND_CLOSED);
    assert_int_equal(w->nframes, 4);
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-10"));
    out_send(w, 7, "@wangwu", ref, NULL, "hello");
    out_ack(w, 4, 846604); /* no push in its place: it would be late */
    expect(5, 7, SEND_FAILED);
    assert_int_equal(w->nframes, 5);
}

/* wecom 46: written into a connection that was lost, it is no welcome when its time is over */
static void welcome_that_did_not_leave(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-7"));
    out_send(w, 1, "@lisi", ref, NULL, "Hi");
    w->g.closing = true;
    out_lose(w, 0, false);
    w->g.closing = false;
    expect(0, 1, SEND_UNWRITTEN);
    out_send(w, 1, "@lisi", ref, NULL, "Hi");
    assert_string_equal(out_last(w)->cmd, "aibot_respond_welcome_msg");
    w->g.closing = true;
    out_lose(w, 1, false);
    w->g.closing = false;
    w->clock.wall_ms += 4900;
    out_send(w, 1, "@lisi", ref, NULL, "Hi");
    expect(2, 1, SEND_CLOSED);
    assert_int_equal(w->nframes, 2);
}

/* ---- acknowledgements ---- */

/* wecom 45 */
static void refused_answer_is_pushed_once(void **state)
{
    (void)state;
    static const int codes[] = {846604, 846605, 846606};
    for (int i = 0; i < 3; i++) {
        int n = w->nframes;
        char req_id[16];
        snprintf(req_id, sizeof req_id, "r-%d", i);
        out_send(w, 1, "@lisi", out_ref('m', req_id), NULL, "x");
        out_ack(w, n, codes[i]);
        assert_int_equal(w->nframes, n + 2);
        assert_string_equal(out_last(w)->cmd, "aibot_send_msg");
        out_ack(w, n + 1, i == 2 ? 846604 : 0);
        expect(i, 1, i == 2 ? SEND_FAILED : SEND_SENT);
    }
    assert_int_equal(w->nframes, 6);
    out_send(w, 9, "@lisi", out_ref('m', "r-9"), NULL,
             "x"); /* another stream, then a push, then no more */
    out_ack(w, 6, 846608);
    assert_string_equal(w->frames[7].cmd, "aibot_respond_msg");
    assert_string_not_equal(out_field(w->frames[6].body, "id"), out_field(w->frames[7].body, "id"));
    out_ack(w, 7, 846608);
    assert_string_equal(w->frames[8].cmd, "aibot_send_msg");
    out_ack(w, 8, 846608);
    assert_int_equal(w->nframes, 9);
    expect(3, 9, SEND_FAILED);
}

/* wecom 53, 18 */
static void no_answer_is_unknown(void **state)
{
    (void)state;
    out_send(w, 1, "wrA", NULL, NULL, "x");
    out_lose(w, 0, true);
    expect(0, 1, SEND_UNKNOWN);
    assert_int_equal(w->nframes, 1);
    struct wc_ack ok = {0}; /* it comes after all */
    const char *req_id = w->frames[0].req_id;
    assert_true(wc_out_late(&w->g, req_id, strlen(req_id), &ok));
    assert_int_equal(w->nlate, 1);
    assert_false(wc_out_late(&w->g, req_id, strlen(req_id), &ok));
    assert_false(wc_out_late(&w->g, "stranger", 8, &ok)); /* wecom 54 */
    out_send(w, 2, "wrA", NULL, NULL, "y");
    out_send(w, 3, "wrA", NULL, NULL, "z");
    w->g.closing = true;
    out_lose(w, 1, false);
    expect(1, 2, SEND_UNWRITTEN);
    expect(2, 3, SEND_UNWRITTEN);
    w->g.closing = false;
    out_send(w, 4, "wrA", NULL, NULL, "q");
    out_ack(w, 2, WC_NO_CODE);
    expect(3, 4, SEND_UNKNOWN);
}

static void codes(void **state)
{
    (void)state;
    out_send(w, 1, "wrA", NULL, NULL, "x");
    out_ack(w, 0, -1); /* busy: once more after a second */
    assert_int_equal(w->nframes, 1);
    out_pass(w, 1000);
    assert_int_equal(w->nframes, 2);
    out_ack(w, 1, -1);
    expect(0, 1, SEND_FAILED);
    out_send(w, 2, "wrA", NULL, NULL, "x");
    out_ack(w, 2, 45033); /* fewer at a time */
    assert_int_equal(w->g.out->width, WC_FLIGHT_MAX / 2);
    out_pass(w, 2000);
    out_ack(w, 3, 0);
    expect(1, 2, SEND_SENT);
    out_send(w, 3, "wrA", NULL, NULL, "x");
    out_ack(w, 4, 846609); /* no subscription: it did not count */
    expect(2, 3, SEND_UNWRITTEN);
    assert_int_equal(w->nresubscribed, 1);
    out_send(w, 4, "wrA", NULL, NULL, "x");
    out_ack(w, 5, 40008);
    expect(3, 4, SEND_FAILED);
    out_send(w, 5, "wrA", NULL, NULL, "x");
    out_ack(w, 6, 12345);
    expect(4, 5, SEND_FAILED);
    out_send(w, 6, "wrA", NULL, NULL, "x");
    out_ack(w, 7, 93001);
    expect(5, 6, SEND_CLOSED);
    out_send(w, 7, "wrA", NULL, NULL, "x"); /* not asked again ... */
    expect(6, 7, SEND_CLOSED);
    assert_int_equal(w->nframes, 8);
    wc_out_heard(&w->g, "wrA"); /* ... until somebody speaks there */
    out_send(w, 8, "wrA", NULL, NULL, "x");
    assert_int_equal(w->nframes, 9);
    out_ack(w, 8, 93008);
    expect(7, 8, SEND_CLOSED);
    assert_string_equal(w->gone, "wrA");
}

/* wecom 50 */
static void crowded_conversation_waits_alone(void **state)
{
    (void)state;
    out_send(w, 1, "wrA", NULL, NULL, "x");
    out_ack(w, 0, 45009);
    expect(0, 1, SEND_CROWDED);
    assert_int_equal(w->results[0].retry_ms, clock_wall(&w->clock) + 60000);
    out_send(w, 2, "wrA", NULL, NULL, "x"); /* not even tried */
    expect(1, 2, SEND_CROWDED);
    out_send(w, 3, "wrB", NULL, NULL, "x");
    assert_int_equal(w->nframes, 2);
    out_ack(w, 1, 0);
    expect(2, 3, SEND_SENT);
    for (int i = 0, want = 120; i < 5;
         i++, want = want * 2 < 600 ? want * 2 : 600) { /* doubled, to 10 minutes */
        int64_t step = w->results[w->nresults - (i ? 1 : 2)].retry_ms - clock_wall(&w->clock);
        out_pass(w, step);
        out_send(w, 9, "wrA", NULL, NULL, "x");
        out_ack(w, w->nframes - 1, 45009);
        assert_int_equal(w->results[w->nresults - 1].retry_ms, clock_wall(&w->clock) + 1000 * want);
    }
    out_send(w, 4, "wrC", NULL, NULL, "x"); /* nobody has written there: said twice, it is so */
    out_ack(w, w->nframes - 1, 846607);
    assert_int_equal(w->results[w->nresults - 1].outcome, SEND_CROWDED);
    out_pass(w, 60000);
    out_send(w, 4, "wrC", NULL, NULL, "x");
    out_ack(w, w->nframes - 1, 846607);
    assert_int_equal(w->results[w->nresults - 1].outcome, SEND_CLOSED);
}

/* wecom 49 */
static void limit_of_a_minute(void **state)
{
    (void)state;
    int64_t began = wc_now(&w->g);
    int sent = 0;
    for (int i = 0; i < 31; i++) {
        out_pass(w, 100);
        out_send(w, (uint64_t)i, "wrA", i % 2 ? out_ref('m', "r-1") : NULL, NULL, "x");
        if (w->nframes > sent)
            out_ack(w, sent++, 0);
    }
    assert_int_equal(sent, 28);
    assert_int_equal(w->results[30].outcome, SEND_CROWDED);
    assert_int_equal(w->results[30].retry_ms - clock_wall(&w->clock),
                     began + 100 + 60000 - wc_now(&w->g));
    out_send(w, 99, "wrB", NULL, NULL, "x");
    assert_int_equal(w->nframes, 29);
    out_ack(w, 28, 0);
    out_pass(w, 60000);
    out_send(w, 100, "wrA", NULL, NULL, "x");
    assert_int_equal(w->nframes, 30);
    out_ack(w, 29, 0);
}

static void limit_of_an_hour(void **state)
{
    (void)state;
    struct wc_window win = {0};
    int64_t now = 5000000;
    for (int i = 0; i < WC_PER_HOUR; i++, now += 2500) {
        assert_int_equal(wc_window_free(&win, now, 0), now);
        wc_window_take(&win, now);
    }
    int64_t at = wc_window_free(&win, now, 0);
    assert_true(at > now);
    while (at > now) {
        now = at;
        at = wc_window_free(&win, now, 0);
    }
    assert_in_range(now, 5000000 + 3300000, 5000000 + 3900000);
    assert_int_equal(wc_window_free(&win, now + 7200000, 0), now + 7200000);
}

/* wecom 40 */
static void one_frame_at_a_time(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    for (uint64_t i = 1; i <= 3; i++)
        out_send(w, i, "@lisi", ref, NULL, "x");
    assert_int_equal(w->nframes, 1);
    out_ack(w, 0, 0);
    assert_int_equal(w->nframes, 2);
    out_lose(w, 1, true); /* or its time is over */
    assert_int_equal(w->nframes, 3);
    out_ack(w, 2, 0);
    expect(2, 3, SEND_SENT);
}

static void long_text_leaves_in_frames(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 4000; i++)
        buf_adds(&text, "好好学习\n");
    out_send(w, 1, "@lisi", NULL, NULL, buf_cstr(&text)); /* 52,000 bytes */
    out_ack(w, 0, 0);
    assert_int_equal(w->nresults, 0);
    out_ack(w, 1, 40058);
    expect(0, 1, SEND_FAILED); /* and not once more: a part is there */
    assert_non_null(strstr(w->results[0].reason, "only 1 of 3 parts arrived"));
    buf_free(&text);
}

/* ---- drafts ---- */

/* wecom 42 */
static void draft_is_shown_and_ended(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    out_draft(w, "@lisi", ref, "d-1", "Work");
    assert_int_equal(w->nframes, 1);
    out_has(&w->frames[0], "\"finish\":false,\"content\":\"Work\"");
    out_draft(w, "@lisi", ref, "d-1", "Work in"); /* while one is under way: the newest counts */
    out_draft(w, "@lisi", ref, "d-1", "Work in pro");
    out_pass(w, 5000);
    assert_int_equal(w->nframes, 1);
    out_ack(w, 0, 0);
    assert_int_equal(w->nframes, 2);
    out_has(&w->frames[1], "\"finish\":false,\"content\":\"Work in pro\"");
    out_ack(w, 1, 0);
    out_draft(w, "@lisi", ref, "d-1", "Work in progress"); /* not so soon */
    out_pass(w, 1000);
    assert_int_equal(w->nframes, 2);
    out_pass(w, 1000);
    assert_int_equal(w->nframes, 3);
    out_draft(w, "@lisi", ref, "d-1", "Work in progress, do");
    out_send(w, 1, "@lisi", ref, "d-1",
             "Work in progress, done"); /* waits for the acknowledgement only */
    assert_int_equal(w->nframes, 3);
    out_ack(w, 2, 0);
    assert_int_equal(w->nframes, 4);
    out_has(&w->frames[3], "\"finish\":true,\"content\":\"Work in progress, done\"");
    for (int i = 1; i < 4; i++) {
        assert_string_equal(out_field(w->frames[i].body, "id"), out_field(w->frames[0].body, "id"));
        assert_string_equal(w->frames[i].req_id, "r-1");
    }
    out_ack(w, 3, 0);
    expect(0, 1, SEND_SENT);
    out_draft(w, "@lisi", ref, "d-2", ""); /* nothing to show */
    out_pass(w, 10000);
    assert_int_equal(w->nframes, 4); /* nothing comes after the end */
}

/* wecom 44 */
static void draft_rolls_over_in_time(void **state)
{
    (void)state;
    char ref[300], first[40];
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    out_draft(w, "@lisi", ref, "d-1", "one ");
    out_ack(w, 0, 0);
    out_pass(w, 319000);
    assert_int_equal(w->nframes, 1);
    out_pass(w, 2000);
    assert_int_equal(w->nframes, 2);
    out_has(&w->frames[1], "\"finish\":true,\"content\":\"one \"");
    snprintf(first, sizeof first, "%s", out_field(w->frames[0].body, "id"));
    assert_string_equal(out_field(w->frames[1].body, "id"), first);
    out_ack(w, 1, 0);
    out_draft(w, "@lisi", ref, "d-1", "one two ");
    out_has(&w->frames[2], "\"finish\":false,\"content\":\"two \"");
    assert_string_not_equal(out_field(w->frames[2].body, "id"), first);
    out_ack(w, 2, 0);
    out_send(w, 1, "@lisi", ref, "d-1", "one two three");
    out_has(&w->frames[3], "\"finish\":true,\"content\":\"two three\"");
    assert_string_equal(out_field(w->frames[3].body, "id"), out_field(w->frames[2].body, "id"));
    out_ack(w, 3, 0);
    expect(0, 1, SEND_SENT);

    out_draft(w, "@lisi", ref, "d-3", "all of it"); /* finished by time, and then that was all */
    out_ack(w, 4, 0);
    out_pass(w, 321000);
    out_ack(w, 5, 0);
    out_send(w, 2, "@lisi", ref, "d-3", "all of it");
    expect(1, 2, SEND_SENT);
    assert_int_equal(w->nframes, 6);
}

/* wecom 43 */
static void long_draft_rolls_over(void **state)
{
    (void)state;
    char ref[300];
    struct buf text = {0};
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    for (int i = 0; i < 1700; i++)
        buf_adds(&text, "0123456789\n");
    out_draft(w, "@lisi", ref, "d-1", buf_cstr(&text));
    out_ack(w, 0, 0);
    for (int i = 0; i < 300; i++)
        buf_adds(&text, "abcdefghij\n");
    out_pass(w, 2000);
    out_draft(w, "@lisi", ref, "d-1", buf_cstr(&text));
    out_has(&w->frames[1], "\"finish\":true");
    assert_true(strlen(out_field(w->frames[1].body, "content")) < 24000);
    out_ack(w, 1, 0);
    out_pass(w, 2000);
    assert_int_equal(w->nframes, 3);
    out_has(&w->frames[2], "\"finish\":false,\"content\":\"abcdefghij");
    out_ack(w, 2, 0);
    buf_adds(&text, "end");
    out_send(w, 1, "@lisi", ref, "d-1", buf_cstr(&text));
    out_has(&w->frames[3], "\"finish\":true,\"content\":\"abcdefghij");
    out_ack(w, 3, 0);
    expect(0, 1, SEND_SENT);
    buf_free(&text);
}

static void draft_that_is_refused(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    out_draft(w, "@lisi", ref, "d-1", "one");
    out_ack(w, 0, 846605);
    out_pass(w, 3000);
    out_draft(w, "@lisi", ref, "d-1", "one two");
    assert_int_equal(w->nframes, 1);
    out_send(w, 1, "@lisi", ref, "d-1", "one two three"); /* the message itself finds its way */
    out_ack(w, 1, 846605);
    assert_string_equal(out_last(w)->cmd, "aibot_send_msg");
    out_has(out_last(w), "one two three");
    out_ack(w, 2, 0);
    expect(0, 1, SEND_SENT);
    out_draft(w, "@lisi", out_ref('m', "r-2"), "d-2", "a");
    out_ack(w, 3, 846608); /* too old, it says: another one */
    out_draft(w, "@lisi", out_ref('m', "r-2"), "d-2", "ab");
    out_pass(w, 2000);
    assert_string_not_equal(out_field(w->frames[3].body, "id"), out_field(w->frames[4].body, "id"));
    out_draft(w, "wrA", "", "d-4", "no message to answer"); /* quietly nothing */
    assert_int_equal(w->nframes, 5);
}

/* The end of a bubble that never left: its text stands in the next one. */
static void end_of_a_bubble_is_lost(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    out_draft(w, "@lisi", ref, "d-1", "one ");
    out_ack(w, 0, 0);
    out_draft(w, "@lisi", ref, "d-1", "one two ");
    out_pass(w, 321000);
    out_has(&w->frames[1], "\"finish\":true,\"content\":\"one two \"");
    w->g.closing = true;
    out_lose(w, 1, false);
    w->g.closing = false;
    out_send(w, 1, "@lisi", ref, "d-1", "one two three");
    out_has(&w->frames[2], "\"content\":\"one two three\"");
    out_ack(w, 2, 0);
    expect(0, 1, SEND_SENT);
}

/* Refreshes leave room for messages. */
static void drafts_use_up_no_allowance(void **state)
{
    (void)state;
    char ref[300], text[200] = "";
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    for (int i = 0; i < 50; i++) {
        text[i] = 'x';
        out_draft(w, "@lisi", ref, "d-1", text);
        if (!out_last(w)->over)
            out_ack(w, w->nframes - 1, 0);
        out_pass(w, 1000);
    }
    assert_in_range(w->nframes, 15, WC_PER_MINUTE - 8);
    int n = w->nframes;
    if (!out_last(w)->over)
        out_ack(w, n - 1, 0);
    out_send(w, 1, "@lisi", ref, "d-1", text);
    assert_int_equal(w->nframes, n + 1);
    out_ack(w, n, 0);
    expect(0, 1, SEND_SENT);
}

/* ---- drafts whose end is no text, or is refused ---- */

/* wecom 42: buttons, a card or a picture end it as well: the bubble is finished as it stands, then they follow */
static void draft_ended_without_text(void **state)
{
    (void)state;
    static const char json[] =
        "{\"card_type\":\"text_notice\",\"sub_title_text\":\"x\",\"card_action\":{\"type\":0}}";
    static const struct out_segment says[][2] = {
        {{.type = SEGMENT_TEXT, .id = "", .text = "Half done", .text_len = 9},
         {.type = SEGMENT_BUTTON, .id = "v", .text = "Yes", .text_len = 3}},
        {{.type = SEGMENT_TEXT, .id = "", .text = "", .text_len = 0},
         {.type = SEGMENT_CARD, .id = "", .text = json, .text_len = sizeof json - 1}},
        {{.type = SEGMENT_TEXT, .id = "", .text = "", .text_len = 0},
         {.type = SEGMENT_BUTTON, .id = "v", .text = "Yes", .text_len = 3}}};
    for (int i = 0; i < 3; i++) {
        char ref[300], req_id[8], draft[8];
        int n = w->nframes;
        snprintf(req_id, sizeof req_id, "r-%d", i);
        snprintf(draft, sizeof draft, "d-%d", i);
        snprintf(ref, sizeof ref, "%s", out_ref('m', req_id));
        out_draft(w, "@lisi", ref, draft, "Half");
        out_ack(w, n, 0);
        struct out_message m = {
            .chat = "@lisi", .segments = says[i], .nsegments = 2, .ref = ref, .draft = draft};
        assert_true(wc_send(&w->g.base, &m, 1));
        assert_int_equal(w->nframes, n + 2);
        out_has(out_last(w), i ? "\"finish\":true,\"content\":\"Half\""
                               : "\"finish\":true,\"content\":\"Half done\"");
        assert_string_equal(out_field(w->frames[n].body, "id"), out_field(out_last(w)->body, "id"));
        out_ack(w, n + 1, 0);
        out_has(out_last(w), "\"msgtype\":\"template_card\"");
        assert_null(strstr(out_last(w)->body, "Half"));
        out_ack(w, n + 2, 0);
        expect(i, 1, SEND_SENT);
        out_pass(w, 400000);
        assert_int_equal(w->nframes, n + 3); /* nothing comes after the end */
    }
}

/* wecom 42, 44: a bubble whose end was refused is finished when it may be, not given up, and not at once again and again */
static void refused_end_of_a_bubble(void **state)
{
    (void)state;
    char ref[300];
    static const struct {
        int code, pause;
    } refusals[] = {{45009, 60000}, {-1, 2000}};
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    out_draft(w, "@lisi", ref, "d-1", "one ");
    out_ack(w, 0, 0);
    out_pass(w, 321000);
    out_has(out_last(w), "\"finish\":true,\"content\":\"one \"");
    for (int i = 0; i < 2; i++) {
        out_ack(w, i + 1, refusals[i].code);
        out_pass(w, refusals[i].pause - 100);
        assert_int_equal(w->nframes, i + 2);
        out_pass(w, 100);
        assert_int_equal(w->nframes, i + 3);
        out_has(out_last(w), "\"finish\":true,\"content\":\"one \"");
        assert_string_equal(out_field(w->frames[0].body, "id"), out_field(out_last(w)->body, "id"));
    }
    out_ack(w, 3, 0);
    out_send(w, 1, "@lisi", ref, "d-1", "one two");
    out_has(out_last(w), "\"finish\":true,\"content\":\"two\"");
    out_ack(w, 4, 0);
    expect(0, 1, SEND_SENT);
}

/* A draft that begins anew (another model is asked) while the last frame is under way. */
static void draft_that_becomes_shorter(void **state)
{
    (void)state;
    char ref[300];
    struct buf text = {0};
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-1"));
    for (int i = 0; i < 2000; i++)
        buf_adds(&text, "0123456789\n");
    out_draft(w, "@lisi", ref, "d-1", buf_cstr(&text)); /* its first bubble is full */
    out_draft(w, "@lisi", ref, "d-1", "new");
    w->g.closing = true;
    out_lose(w, 0, false);
    w->g.closing = false;
    out_send(w, 1, "@lisi", ref, "d-1", "new text");
    out_has(out_last(w), "\"finish\":true,\"content\":\"new text\"");
    out_ack(w, 1, 0);
    expect(0, 1, SEND_SENT);
    buf_free(&text);
}

/* ---- refusals that say less than they seem to ---- */

/* wecom 50: 846607 also means "too many"; where somebody has written it means nothing else, however often it is said */
static void never_contacted_or_crowded(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        out_send(w, 1, "wrA", i ? NULL : out_ref('m', "r-1"), NULL, "x");
        if (!i) { /* an answer: somebody wrote */
            out_ack(w, 0, 0);
            continue;
        }
        out_ack(w, w->nframes - 1, 846607);
        expect(i, 1, SEND_CROWDED);
        out_pass(w, w->results[i].retry_ms - clock_wall(&w->clock));
    }
    for (int i = 3; i < 5; i++) { /* an answer that was refused itself */
        out_send(w, 2, "@lisi", out_ref('m', "r-2"), NULL, "x");
        out_ack(w, w->nframes - 1, 846607);
        expect(i, 2, SEND_CROWDED);
        out_pass(w, w->results[i].retry_ms - clock_wall(&w->clock));
    }
    wc_out_heard(&w->g, "wrA");
    out_send(w, 3, "wrA", NULL, NULL, "x");
    out_ack(w, w->nframes - 1, 846607);
    expect(5, 3, SEND_CROWDED);
}

/* wecom 46: what could only leave after the pause is no welcome, and no push in its place */
static void crowded_welcome_is_abandoned(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-7"));
    out_send(w, 1, "@lisi", ref, NULL, "Hi");
    out_ack(w, 0, 45009);
    expect(0, 1, SEND_CLOSED);
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-8")); /* not even tried: it is known */
    out_send(w, 2, "@lisi", ref, NULL, "Hi");
    expect(1, 2, SEND_CLOSED);
    assert_int_equal(w->nframes, 1);
}

/* wecom 46: a rush in the morning: who has been greeted is known for as long as it matters */
static void many_welcomes(void **state)
{
    (void)state;
    enum { USERS = 500 };
    static char refs[USERS][300];
    for (int i = 0; i < 2 * USERS; i++) {
        char chat[16], req_id[16];
        int user = i % USERS;
        snprintf(chat, sizeof chat, "@u%d", user);
        snprintf(req_id, sizeof req_id, "r-%d", user);
        if (i < USERS)
            snprintf(refs[user], sizeof refs[user], "%s", out_ref('w', req_id));
        out_send(w, (uint64_t)i, chat, refs[user], NULL, i < USERS ? "Hi" : "one thing more");
        assert_string_equal(out_last(w)->cmd,
                            i < USERS ? "aibot_respond_welcome_msg" : "aibot_send_msg");
        out_ack(w, i, 0);
    }
}

/* wecom 46: what cannot be sent at all takes nothing from the welcome */
static void unusable_welcome_is_none(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('w', "r-7"));
    struct out_message m = {.chat = "@lisi", .ref = ref};
    assert_true(wc_send(&w->g.base, &m, 1));
    wc_out_flush(&w->g);
    expect(0, 1, SEND_CLOSED);
    out_send(w, 2, "@lisi", ref, NULL, "Hi");
    assert_string_equal(out_last(w)->cmd, "aibot_respond_welcome_msg");
}

/* The late acknowledgement of one part says nothing about the others. */
static void late_answer_of_a_part(void **state)
{
    (void)state;
    struct buf text = {0};
    struct wc_ack ok = {0};
    for (int i = 0; i < 4000; i++)
        buf_adds(&text, "0123456789\n");
    out_send(w, 1, "@lisi", NULL, NULL, buf_cstr(&text));
    out_lose(w, 0, true);
    expect(0, 1, SEND_UNKNOWN);
    wc_out_late(&w->g, w->frames[0].req_id, strlen(w->frames[0].req_id), &ok);
    assert_int_equal(w->nlate, 0);
    buf_free(&text);
}

/* What the platform says is cut between characters. */
static void long_reason(void **state)
{
    (void)state;
    struct wc_ack a = {.errcode = 12345};
    a.reason[0] = 'x';
    for (int i = 0; i < 66; i++)
        memcpy(a.reason + 1 + 3 * i, "错", 3);
    out_send(w, 1, "wrA", NULL, NULL, "x");
    w->frames[0].over = true;
    wc_out_answer(&w->g, w->frames[0].number, &a);
    expect(0, 1, SEND_FAILED);
    size_t n = strlen(w->results[0].reason);
    assert_in_range(n, WC_REASON_MAX - 2, WC_REASON_MAX);
    assert_true(utf8_valid(w->results[0].reason, n));
}

/* ---- card updates ---- */

/* wecom 46 */
static void card_update(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('c', "r-5"));
    struct gateway_request r = {
        .action = ACTION_CARD_UPDATE,
        .chat = "wrA",
        .arg = ref,
        .text =
            "{\"card_type\":\"text_notice\",\"main_title\":{\"title\":\"ok\"},\"card_action\":{\"type\":0}}"};
    assert_true(wc_call(&w->g.base, &r, 1));
    assert_string_equal(out_last(w)->cmd, "aibot_respond_update_msg");
    assert_string_equal(out_last(w)->req_id, "r-5");
    out_has(out_last(w), "{\"response_type\":\"update_template_card\",\"template_card\":{");
    out_has(out_last(w), "\"task_id\":\"task-1\"");
    out_ack(w, 0, 0);
    assert_true(w->answers[0].ok);
    assert_true(wc_call(&w->g.base, &r, 2));
    wc_out_flush(&w->g);
    assert_string_equal(w->answers[1].reason, "the card was changed already");
    snprintf(ref, sizeof ref, "%s", out_ref('c', "r-6"));
    w->clock.wall_ms += 4900;
    assert_true(wc_call(&w->g.base, &r, 3));
    wc_out_flush(&w->g);
    assert_non_null(strstr(w->answers[2].reason, "too late"));
    r.action = ACTION_KICK;
    assert_true(wc_call(&w->g.base, &r, 4));
    wc_out_flush(&w->g);
    assert_false(w->answers[3].ok);
    assert_int_equal(w->nframes, 1);
}

/* wecom 46: what did not leave has changed no card: it may be tried again, as long as there is time */
static void card_update_that_did_not_leave(void **state)
{
    (void)state;
    char ref[300];
    snprintf(ref, sizeof ref, "%s", out_ref('c', "r-5"));
    struct gateway_request r = {
        .action = ACTION_CARD_UPDATE,
        .chat = "wrA",
        .arg = ref,
        .text =
            "{\"card_type\":\"text_notice\",\"main_title\":{\"title\":\"ok\"},\"card_action\":{\"type\":0}}"};
    assert_true(wc_call(&w->g.base, &r, 1));
    out_lose(w, 0, false);
    assert_true(w->answers[0].unwritten);
    assert_true(wc_call(&w->g.base, &r, 2));
    out_ack(w, 1, 846609); /* no subscription: not done */
    assert_true(w->answers[1].unwritten && !w->answers[1].ok);
    assert_true(wc_call(&w->g.base, &r, 3));
    assert_int_equal(w->nframes, 3);
    struct gateway_request other = r; /* another one meanwhile */
    assert_true(wc_call(&w->g.base, &other, 4));
    wc_out_flush(&w->g);
    assert_string_equal(w->answers[2].reason, "the card was changed already");
    out_lose(w, 2, true);
    assert_true(w->answers[3].lost);
    assert_true(wc_call(&w->g.base, &r, 5)); /* nobody knows: not again */
    wc_out_flush(&w->g);
    assert_string_equal(w->answers[4].reason, "the card was changed already");
    snprintf(ref, sizeof ref, "%s", out_ref('m', "r-6"));
    out_send(w, 9, "@lisi", ref, NULL, "x");
    snprintf(ref, sizeof ref, "%s", out_ref('c', "r-6")); /* that req_id has a frame under way */
    assert_false(wc_call(&w->g.base, &r, 6));
}

/* ---- uploads ---- */

struct upload_end {
    int n;
    char media_id[64], why[200];
};

static void upload_done(void *ud, struct wc *g, const char *media_id, const char *why)
{
    struct upload_end *e = ud;
    (void)g;
    e->n++;
    snprintf(e->media_id, sizeof e->media_id, "%s", media_id ? media_id : "");
    snprintf(e->why, sizeof e->why, "%s", why ? why : "");
}

static const char *upload(const char *type, size_t size, struct upload_end *e)
{
    struct buf data = {0};
    memset(buf_reserve(&data, size + 16), 'z', size + 16);
    memcpy(data.data, "\x89PNG\r\n\x1a\n", 8);
    data.len = size;
    struct wc_print print;
    assert_true(wc_fingerprint(data.data, data.len, &print));
    const struct wc_file file = {.type = type, .name = "chart.png", .print = &print};
    const char *why = wc_upload(&w->g, &file, &data, upload_done, e);
    buf_free(&data);
    return why;
}

/* An acknowledgement with a body: {"upload_id":"UP-1"} and the like. */
static void out_ack_body(int i, const char *key, const char *value)
{
    struct json body[2] = {{.type = JSON_OBJECT, .len = 1},
                           {.type = JSON_STRING,
                            .key = key,
                            .klen = (uint32_t)strlen(key),
                            .s = value,
                            .len = (uint32_t)strlen(value)}};
    struct wc_ack a = {.errcode = 0, .body = body};
    assert_false(w->frames[i].over);
    w->frames[i].over = true;
    wc_out_answer(&w->g, w->frames[i].number, &a);
}

/* wecom 55 */
static void sizes_are_checked_here(void **state)
{
    (void)state;
    struct upload_end e = {0};
    assert_non_null(upload("file", 1, &e));
    assert_non_null(upload("file", 5, &e));
    assert_non_null(upload("file", WC_FILE_MAX + 1, &e));
    assert_non_null(upload("image", WC_IMAGE_MAX + 1, &e));
    assert_non_null(upload("voice", 100, &e)); /* no AMR */
    assert_non_null(upload("poem", 100, &e));
    assert_int_equal(w->nframes, 0);
    assert_null(upload("file", 6, &e));
    assert_int_equal(w->nframes, 1);
    assert_int_equal(e.n, 0);
}

/* wecom 56 */
static void upload_in_pieces(void **state)
{
    (void)state;
    struct upload_end e = {0};
    assert_null(upload("image", 1300000, &e));
    assert_string_equal(out_last(w)->cmd, "aibot_upload_media_init");
    out_has(
        out_last(w),
        "{\"type\":\"image\",\"filename\":\"chart.png\",\"total_size\":1300000,\"total_chunks\":3,\"md5\":\"");
    out_ack_body(0, "upload_id", "UP-1");
    assert_int_equal(w->nframes, 4); /* up to four at once */
    static const size_t sizes[] = {524288, 524288, 251424};
    for (int i = 0; i < 3; i++) {
        char want[64];
        const char *body = w->frames[i + 1].body, *data = strstr(body, "\"base64_data\":\"");
        snprintf(want, sizeof want, "{\"upload_id\":\"UP-1\",\"chunk_index\":%d,", i);
        assert_non_null(strstr(body, want));
        assert_non_null(data);
        assert_int_equal(strcspn(data + 15, "\""), (sizes[i] + 2) / 3 * 4);
    }
    out_ack(w, 2, 0);
    out_ack(w, 1, 0);
    assert_int_equal(w->nframes, 4);
    out_ack(w, 3, 0);
    assert_string_equal(out_last(w)->cmd, "aibot_upload_media_finish");
    assert_string_equal(out_last(w)->body, "{\"upload_id\":\"UP-1\"}");
    out_ack_body(4, "media_id", "MEDIA-1");
    assert_int_equal(e.n, 1);
    assert_string_equal(e.media_id, "MEDIA-1");
    assert_null(w->g.out->uploads);
}

/* A poster for many groups: whoever wants it meanwhile gets the same. */
static void the_same_is_uploaded_once(void **state)
{
    (void)state;
    struct upload_end e = {0};
    for (int i = 0; i < 40; i++)
        assert_null(upload("image", 600000, &e));
    assert_int_equal(w->nframes, 1);
    out_ack_body(0, "upload_id", "UP-1");
    out_ack(w, 1, 0);
    out_ack(w, 2, 0);
    out_ack_body(3, "media_id", "MEDIA-1");
    assert_int_equal(w->nframes, 4);
    assert_int_equal(e.n, 40);
    for (size_t i = 0; i < 16; i++)
        assert_null(upload("image", 1000 + i, &e));
    assert_non_null(upload("image", 5000, &e)); /* enough is in memory */
}

/* wecom 57 */
static void pieces_are_tried_again(void **state)
{
    (void)state;
    struct upload_end e = {0};
    assert_null(upload("image", 600000, &e));
    out_ack_body(0, "upload_id", "UP-1");
    out_ack(w, 2, 0);
    out_ack(w, 1, -1); /* the first try */
    assert_int_equal(w->nframes, 3);
    out_pass(w, 500);
    out_ack(w, 3, -1); /* the second */
    out_pass(w, 500);
    assert_int_equal(w->nframes, 4);
    out_pass(w, 500);
    out_ack(w, 4, -1); /* the third and last */
    out_pass(w, 60000);
    assert_int_equal(w->nframes, 5);
    assert_int_equal(e.n, 1);
    assert_string_equal(e.why, "the platform refuses the file");
}

/* wecom 57 */
static void upload_survives_the_connection(void **state)
{
    (void)state;
    struct upload_end e = {0};
    assert_null(upload("image", 1300000, &e));
    out_ack_body(0, "upload_id", "UP-1");
    out_ack(w, 1, 0);
    w->g.closing = true;
    for (int round = 0; round < 4; round++) { /* however often: this counts as no try */
        out_lose(w, w->nframes - 2, true);
        out_lose(w, w->nframes - 1, false);
        out_pass(w, 30000);
        int n = w->nframes;
        w->g.closing = false;
        wc_out_ready(&w->g);
        assert_int_equal(w->nframes, n + 2);
        out_has(&w->frames[n], "{\"upload_id\":\"UP-1\",\"chunk_index\":1,");
        out_has(&w->frames[n + 1], "{\"upload_id\":\"UP-1\",\"chunk_index\":2,");
        w->g.closing = true;
    }
    w->g.closing = false;
    out_ack(w, w->nframes - 1, 0);
    out_ack(w, w->nframes - 2, 0);
    out_ack_body(w->nframes - 1, "media_id", "MEDIA-1");
    assert_string_equal(e.media_id, "MEDIA-1");
}

/* wecom 58: while a piece waits for the socket no other one does; a heartbeat is behind one at most */
static void one_piece_in_the_buffer(void **state)
{
    (void)state;
    struct upload_end e = {0};
    assert_null(upload("file", WC_FILE_MAX, &e)); /* 40 pieces, two at a time */
    out_ack_body(0, "upload_id", "UP-1");
    assert_int_equal(w->nframes, 3);
    w->waiting = 700000;
    out_ack(w, 1, 0);
    out_ack(w, 2, 0);
    out_pass(w, 20);
    assert_int_equal(w->nframes, 3);
    w->waiting = 0;
    out_pass(w, 20);
    assert_int_equal(w->nframes, 5);
}

static const char png[] = "base64://iVBORw0KGgpaWlpaWlpaWg==";

static void send_image(uint64_t ticket, const char *chat, const char *ref, const char *source)
{
    struct out_segment s[2] = {{.type = SEGMENT_TEXT, .id = "", .text = "look", .text_len = 4},
                               {.type = SEGMENT_IMAGE, .id = source, .text = "", .text_len = 0}};
    struct out_message m = {.chat = chat, .segments = s, .nsegments = 2, .ref = ref};
    assert_true(wc_send(&w->g.base, &m, ticket));
    wc_out_flush(&w->g);
}

static void picture_is_uploaded_once(void **state)
{
    (void)state;
    send_image(1, "@lisi", out_ref('m', "r-1"), png);
    out_ack(w, 0, 0);
    assert_string_equal(w->frames[1].cmd, "aibot_upload_media_init");
    out_ack_body(1, "upload_id", "UP-1");
    out_ack(w, 2, 0);
    out_ack_body(3, "media_id", "MEDIA-1");
    assert_string_equal(out_last(w)->cmd, "aibot_respond_msg");
    assert_string_equal(out_last(w)->body,
                        "{\"msgtype\":\"image\",\"image\":{\"media_id\":\"MEDIA-1\"}}");
    out_ack(w, 4, 846606); /* the second reply that is no stream */
    assert_string_equal(
        out_last(w)->body,
        "{\"chatid\":\"lisi\",\"chat_type\":1,\"msgtype\":\"image\",\"image\":{\"media_id\":\"MEDIA-1\"}}");
    out_ack(w, 5, 0);
    expect(0, 1, SEND_SENT);
    send_image(2, "wrA", NULL, png); /* the same again: the platform has it */
    out_ack(w, 6, 0);
    out_has(out_last(w), "\"media_id\":\"MEDIA-1\"");
    out_ack(w, 7, 0);
    expect(1, 2, SEND_SENT);
    send_image(3, "wrB", NULL, "base64://bm8gcGljdHVyZQ==");
    out_ack(w, 8, 0);
    expect(2, 3, SEND_CLOSED);
    send_image(4, "wrC", NULL, "wecom:0123456789abcdef"); /* nobody knows it any more */
    out_ack(w, 9, 0);
    expect(3, 4, SEND_CLOSED);
    send_image(5, "wrC", NULL, "ftp://x");
    out_ack(w, 10, 0);
    expect(4, 5, SEND_CLOSED);
}

/* ---- by HTTP, with a client that asks nobody ---- */

static struct {
    uint64_t id;
    char url[200];
    bool configured, public_only;
    int n, redirects;
} asked;

static void ask(void *ud, uint64_t id, const struct http_request *r)
{
    (void)ud;
    asked.id = id;
    asked.configured = r->configured;
    asked.public_only = r->public_only;
    asked.redirects = r->redirects;
    asked.n++;
    snprintf(asked.url, sizeof asked.url, "%s", r->url);
}

static void answer(int status, const char *error, const char *body, size_t len)
{
    struct http_answer a = {.status = status, .error = error, .body = body, .body_len = len};
    http_client_answer(w->g.out->http, asked.id, &a);
    wc_out_flush(&w->g);
}

static void http_begin(uv_loop_t *loop)
{
    uv_loop_init(loop);
    w->g.env.loop = loop;
    w->g.out->http_conf = (struct http_conf){.requests = 4, .body_max = 1 << 20};
    w->g.out->http = http_client_create(
        &(struct http_client_opts){.loop = loop, .conf = &w->g.out->http_conf, .fake = ask});
    w->g.out->http_open = true;
    memset(&asked, 0, sizeof asked);
}

static void http_end(uv_loop_t *loop)
{
    wc_out_stop(&w->g);
    while (!wc_out_gone(&w->g))
        uv_run(loop, UV_RUN_ONCE);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void picture_of_an_address(void **state)
{
    (void)state;
    uv_loop_t loop;
    http_begin(&loop);
    send_image(1, "wrA", NULL, "http://10.0.0.1/x.png"); /* the client refuses private ones then */
    out_ack(w, 0, 0);
    assert_string_equal(asked.url, "http://10.0.0.1/x.png");
    assert_true(asked.configured && asked.public_only);
    answer(0, "not allowed: this is a private address", NULL, 0);
    expect(0, 1, SEND_CLOSED);
    w->g.conf.url = "ws://192.168.1.5:8080/"; /* the platform is in our own network */
    send_image(2, "wrA", NULL, "http://10.0.0.1/x.png");
    out_ack(w, 1, 0);
    assert_false(asked.public_only);
    answer(200, NULL, "\x89PNG\r\n\x1a\nzzzzzzzz", 16);
    assert_string_equal(out_last(w)->cmd, "aibot_upload_media_init");
    http_end(&loop);
    assert_int_equal(w->results[1].ticket, 2);
}

/* wecom 62, 63 */
static void expired_address(void **state)
{
    (void)state;
    uv_loop_t loop;
    http_begin(&loop);
    w->media = (struct wc_media){.url = "https://cos.example/x?sign=SECRET",
                                 .aeskey = "",
                                 .until_ms = clock_wall(&w->clock) + 300000};
    send_image(1, "wrA", NULL, "wecom:0123456789abcdef");
    out_ack(w, 0, 0);
    assert_int_equal(asked.redirects, 3);
    answer(403, NULL, "no", 2);
    expect(0, 1, SEND_CLOSED);
    assert_non_null(strstr(w->results[0].reason, "has expired"));
    assert_null(strstr(w->results[0].reason, "SECRET"));
    out_pass(w, 300001);
    send_image(2, "wrA", NULL, "wecom:0123456789abcdef"); /* not even asked */
    out_ack(w, 1, 0);
    expect(1, 2, SEND_CLOSED);
    assert_int_equal(asked.n, 1);
    http_end(&loop);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(answer_is_a_finished_stream),
        CASE(push_names_the_type_of_chat),
        CASE(no_text),
        CASE(old_message_is_not_answered),
        CASE(welcome_in_time_or_never),
        CASE(welcome_that_did_not_leave),
        CASE(refused_answer_is_pushed_once),
        CASE(no_answer_is_unknown),
        CASE(codes),
        CASE(crowded_conversation_waits_alone),
        CASE(limit_of_a_minute),
        CASE(limit_of_an_hour),
        CASE(one_frame_at_a_time),
        CASE(long_text_leaves_in_frames),
        CASE(draft_is_shown_and_ended),
        CASE(draft_rolls_over_in_time),
        CASE(long_draft_rolls_over),
        CASE(draft_that_is_refused),
        CASE(end_of_a_bubble_is_lost),
        CASE(drafts_use_up_no_allowance),
        CASE(draft_ended_without_text),
        CASE(refused_end_of_a_bubble),
        CASE(draft_that_becomes_shorter),
        CASE(never_contacted_or_crowded),
        CASE(crowded_welcome_is_abandoned),
        CASE(unusable_welcome_is_none),
        CASE(many_welcomes),
        CASE(late_answer_of_a_part),
        CASE(long_reason),
        CASE(card_update),
        CASE(card_update_that_did_not_leave),
        CASE(sizes_are_checked_here),
        CASE(upload_in_pieces),
        CASE(the_same_is_uploaded_once),
        CASE(pieces_are_tried_again),
        CASE(upload_survives_the_connection),
        CASE(one_piece_in_the_buffer),
        CASE(picture_is_uploaded_once),
        CASE(picture_of_an_address),
        CASE(expired_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
