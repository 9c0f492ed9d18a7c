/* test_settings_checks.c -- wrong values and what stays in force instead, alarms, the record of edits, and Redis servers that report no
 * changes. */
#include "settings_fixture.h"

/* ---- a check as those give it who know flows ---- */

static int most = 31;

static enum settings_verdict check(void *ud, int kind, const char *field, const char *value,
                                   struct buf *why, struct buf *remedy)
{
    (void)ud;
    (void)remedy;
    if (kind == SETTINGS_TOGGLES && strcmp(field, "wellcome") == 0) {
        buf_adds(why, "there is no such flow; did you mean welcome?");
        return SETTINGS_ODD;
    }
    if (kind != SETTINGS_PARAMS || strcmp(field, "checkin.days") != 0 || atoi(value) <= most)
        return SETTINGS_GOOD;
    buf_addf(why, "checkin.days: %s is above the maximum %d", value, most);
    return SETTINGS_BAD;
}

static void begin_checked(void)
{
    settings = settings_create(&loop, &now, &addr, on_changed, NULL);
    settings_set_check(settings, check, NULL, NULL);
    assert_int_not_equal(run_until(is_loaded, 3000), -1);
}

/* The daemon ends and another one begins. */
static void restart(void)
{
    closed = false;
    settings_destroy(settings, on_closed, NULL);
    settings = NULL;
    assert_int_not_equal(run_until(is_closed, 3000), -1);
    begin_checked();
}

static bool is_quiet(void)
{
    return settings_quiet(settings);
}

static void settle(void)
{
    run_until(NULL, 60);
    assert_int_not_equal(run_until(is_quiet, 2000), -1);
}

static void edit(const char *command)
{
    assert_true(fixture_do(&server, command));
    settle();
}

/* The entries of the audit stream from the n-th on as "who what key field before after", a line each. */
static const char *audit(size_t from)
{
    static const char *const shown[] = {"who", "what", "key", "field", "before", "after"};
    static struct buf out;
    buf_reset(&out);
    redisReply *r = redisCommand(server.client, "XRANGE sopd:audit - +");
    for (size_t i = from; i < r->elements; i++) {
        const redisReply *fields = r->element[i]->element[1];
        for (size_t s = 0; s < 6; s++)
            for (size_t f = 0; f + 1 < fields->elements; f += 2)
                if (strcmp(fields->element[f]->str, shown[s]) == 0)
                    buf_addf(&out, "%s%s", s ? " " : "",
                             *fields->element[f + 1]->str ? fields->element[f + 1]->str : "-");
        buf_addc(&out, '\n');
    }
    freeReplyObject(r);
    return buf_cstr(&out);
}

static void count_fault(void *ud, const struct settings_fault *f)
{
    buf_addf(ud, "%s %s %s|%s\n", f->key, f->field, f->value, f->kept ? f->kept : "-");
}

static const char *faults(void)
{
    static struct buf out;
    buf_reset(&out);
    settings_each_fault(settings, count_fault, &out);
    return buf_cstr(&out);
}

/* ---- wrong values ---- */

static void test_the_old_value_stays(void **state)
{
    (void)state;
    begin_checked();
    edit("HSET sopd:params checkin.days 28");
    edit("HSET sopd:params:gw:qq1 checkin.days 21");
    edit("HSET sopd:params:gw:qq1 checkin.days 99");
    assert_string_equal(param_in("qq1", "5", "checkin.days"),
                        "21"); /* not 28: it is this field's */
    assert_int_equal(warnings, 1);
    assert_string_equal(faults(), "sopd:params:gw:qq1 checkin.days 99|21\n");
    edit("HSET sopd:params:gw:qq1 checkin.days 77"); /* another wrong one: the good one stays */
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "21");
    restart();
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "21");
    assert_int_equal(settings_bad(settings), 1);
    edit("HSET sopd:params:gw:qq1 checkin.days 14");
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "14");
    assert_int_equal(settings_bad(settings), 0);
    assert_int_equal(asked("EXISTS sopd:settings-kept"), 0);
    edit("HSET sopd:params:gw:qq1 checkin.days 88");
    edit("HDEL sopd:params:gw:qq1 checkin.days");
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "28");
    assert_int_equal(settings_bad(settings), 0);
    assert_int_equal(asked("EXISTS sopd:settings-kept"), 0);
}

static void test_wrong_from_the_start(void **state)
{
    (void)state;
    fixture_do(&server, "HSET sopd:params checkin.days 7");
    fixture_do(&server, "HSET sopd:params:gw:qq1 checkin.days 99");
    begin_checked();
    settle();
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "7");
    restart();
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "7");
    assert_int_equal(settings_bad(settings), 1);
}

static void test_wrong_while_nobody_looked(void **state)
{
    (void)state;
    begin_checked();
    edit("HSET sopd:toggles:chat:qq1:5 welcome off");
    closed = false;
    settings_destroy(settings, on_closed, NULL);
    run_until(is_closed, 3000);
    fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome perhaps");
    begin_checked();
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_OFF);
    assert_string_equal(faults(), "sopd:toggles:chat:qq1:5 welcome perhaps|off\n");
}

static void test_a_key_that_is_no_hash(void **state)
{
    (void)state;
    begin_checked();
    edit("HSET sopd:toggles welcome off checkin off");
    edit("SET sopd:toggles nonsense");
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_OFF);
    assert_int_equal(settings_bad(settings), 1);
    restart();
    assert_int_equal(toggle_in("qq1", "5", "checkin"), TOGGLE_OFF);
    assert_int_equal(settings_bad(settings), 1);
    fixture_do(&server, "DEL sopd:toggles");
    edit("HSET sopd:toggles checkin off");
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_UNSET);
    assert_int_equal(toggle_in("qq1", "5", "checkin"), TOGGLE_OFF);
    assert_int_equal(settings_bad(settings), 0);
}

static void test_flows_change(void **state)
{
    (void)state;
    begin_checked();
    edit("HSET sopd:params checkin.days 30");
    most = 20;
    settings_recheck(settings, NULL);
    settle();
    assert_null(param_in("qq1", "5", "checkin.days"));
    assert_int_equal(settings_bad(settings), 1);
    most = 31;
    settings_recheck(settings, NULL);
    settle();
    assert_string_equal(param_in("qq1", "5", "checkin.days"), "30");
    assert_int_equal(settings_bad(settings), 0);
    assert_string_equal(audit(0), "redis edit sopd:params checkin.days - 30\n"
                                  "sopd refused sopd:params checkin.days 30 30\n"
                                  "sopd accepted sopd:params checkin.days 30 30\n");
}

static void test_a_flow_that_nobody_knows(void **state)
{
    (void)state;
    begin_checked();
    edit("HSET sopd:toggles wellcome off");
    assert_int_equal(warnings, 1);
    assert_int_equal(settings_bad(settings), 0);
    assert_string_equal(faults(), "sopd:toggles wellcome off|-\n");
    assert_int_equal(toggle_in("qq1", "5", "wellcome"), TOGGLE_OFF);
}

static void test_values_that_are_no_texts(void **state)
{
    (void)state;
    char *long_text = malloc(70000);
    memset(long_text, 'x', 69999);
    long_text[69999] = '\0';
    fixture_do(&server, "HSET sopd:params checkin.text %s", long_text);
    fixture_do(&server, "HSET sopd:params checkin.name %b", "a\0b", (size_t)3);
    fixture_do(&server, "HSET sopd:chat-tags:qq1 5 %s 6 a,b", "[\"a\",\"b\"]");
    begin_checked();
    settle();
    assert_int_equal(settings_bad(settings), 3);
    assert_null(param_in("qq1", "5", "checkin.text"));
    assert_string_equal(settings_tags(settings, "qq1", "5"), "");
    assert_string_equal(settings_tags(settings, "qq1", "6"), "a,b");
    free(long_text);
}

/* ---- the record ---- */

static struct settings *other;

static bool others_loaded(void)
{
    return settings_loaded(other) && settings_quiet(other) && settings_quiet(settings);
}

static void test_each_edit_once(void **state)
{
    (void)state;
    begin_checked();
    other = settings_create(&loop, &now, &addr, NULL, NULL);
    assert_int_not_equal(run_until(others_loaded, 3000), -1);
    edit("HSET sopd:toggles welcome off checkin on");
    edit("HSET sopd:toggles welcome off"); /* nothing new */
    edit("HSET sopd:toggles welcome on");
    edit("HDEL sopd:toggles welcome");
    edit("DEL sopd:toggles");
    run_until(others_loaded, 1000);
    const char *all = audit(0);
    assert_string_equal(all, "redis edit sopd:toggles welcome - off\n"
                             "redis edit sopd:toggles checkin - on\n"
                             "redis edit sopd:toggles welcome off on\n"
                             "redis edit sopd:toggles welcome on -\n"
                             "redis edit sopd:toggles checkin on -\n");
    for (int i = 0; i < 300; i++) {
        char command[96];
        snprintf(command, sizeof command, "HSET sopd:toggles:chat:qq1:%d welcome %s", i % 100,
                 i % 200 < 100 ? "off" : "on");
        fixture_do(&server, command);
        if (i % 50 == 49)
            run_until(others_loaded, 1000);
    }
    settle();
    run_until(others_loaded, 1000);
    assert_int_equal(asked("XLEN sopd:audit"), 305);
    closed = false;
    settings_destroy(other, on_closed, NULL);
    assert_int_not_equal(run_until(is_closed, 3000), -1);
}

static void test_edits_while_nobody_looked(void **state)
{
    (void)state;
    begin_checked();
    edit("HSET sopd:toggles welcome off checkin off");
    edit("HSET sopd:toggles:gw:qq1 welcome on");
    restart();
    assert_int_equal(asked("XLEN sopd:audit"), 3); /* a restart is no edit */
    closed = false;
    settings_destroy(settings, on_closed, NULL);
    run_until(is_closed, 3000);
    fixture_do(&server, "HSET sopd:toggles welcome on");
    fixture_do(&server, "HDEL sopd:toggles checkin");
    fixture_do(&server, "DEL sopd:toggles:gw:qq1");
    fixture_do(&server, "HSET sopd:toggles:gw:qq2 welcome off");
    begin_checked();
    settle();
    const char *late = audit(3);
    assert_non_null(strstr(late, "redis edit sopd:toggles welcome off on\n"));
    assert_non_null(strstr(late, "redis edit sopd:toggles checkin off -\n"));
    assert_non_null(strstr(late, "redis edit sopd:toggles:gw:qq1 welcome on -\n"));
    assert_non_null(strstr(late, "redis edit sopd:toggles:gw:qq2 welcome - off\n"));
    assert_int_equal(asked("XLEN sopd:audit"), 7);
    restart();
    assert_int_equal(asked("XLEN sopd:audit"), 7);
}

static void send_edit(const char *what, const struct settings_edit *edits, int n)
{
    struct buf cmd = {0};
    settings_edit_command(&cmd, "root@host", what, "a test", 1700000000000, edits, n);
    assert_int_equal(redisAppendFormattedCommand(server.client, buf_cstr(&cmd), cmd.len), 0);
    void *r = NULL;
    redisGetReply(server.client, &r);
    redisReply *reply = r;
    assert_int_equal(reply->type, n > 1 ? REDIS_REPLY_ERROR : REDIS_REPLY_ARRAY);
    freeReplyObject(r);
    buf_free(&cmd);
}

static void test_who_it_was(void **state)
{
    (void)state;
    begin_checked();
    send_edit("toggle", &(struct settings_edit){"sopd:toggles", "welcome", "off"}, 1);
    settle();
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_OFF);
    send_edit("toggle", &(struct settings_edit){"sopd:toggles", "welcome", "off"}, 1);
    send_edit("toggle", &(struct settings_edit){"sopd:toggles", "welcome", NULL}, 1);
    settle();
    fixture_do(&server, "MULTI");
    fixture_do(&server, "HSET sopd:settings-by %s alice", "sopd:toggles checkin");
    fixture_do(&server, "HSET sopd:toggles checkin off");
    edit("EXEC");
    edit("HSET sopd:toggles checkin on");
    assert_string_equal(audit(0), "root@host toggle sopd:toggles welcome - off\n"
                                  "root@host toggle sopd:toggles welcome off -\n"
                                  "alice edit sopd:toggles checkin - off\n"
                                  "redis edit sopd:toggles checkin off on\n");
    assert_int_equal(asked("EXISTS sopd:settings-by"), 0);
    fixture_do(&server, "SET sopd:toggles:gw:qq1 x");
    struct settings_edit both[] = {{"sopd:toggles", "welcome", "off"},
                                   {"sopd:toggles:gw:qq1", "welcome", "off"}};
    send_edit("toggle", both, 2); /* none of them */
    assert_int_equal(asked("HEXISTS sopd:toggles welcome"), 0);
}

static void test_no_scripts(void **state)
{
    (void)state;
    fixture_do(&server, "ACL SETUSER sopd on >pw ~* &* +@all -@scripting");
    addr.user = strdup("sopd");
    addr.password = strdup("pw");
    fixture_do(&server, "HSET sopd:toggles welcome off checkin maybe");
    begin_checked();
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_OFF);
    edit("HSET sopd:toggles welcome on");
    assert_int_equal(toggle_in("qq1", "5", "welcome"), TOGGLE_ON);
    assert_int_equal(asked("EXISTS sopd:audit"), 0);
}

/* ---- no reports ---- */

static bool welcome_is_off(void)
{
    return toggle_in("qq1", "5", "welcome") == TOGGLE_OFF;
}

static bool welcome_is_on(void)
{
    return toggle_in("qq1", "5", "welcome") == TOGGLE_ON;
}

/* Made, changed, made by another client with a new key: each within two seconds. */
static void check_polling(const char *refused)
{
    fixture_do(&server, "ACL SETUSER sopd on >pw ~* &* +@all %s", refused);
    addr.user = strdup("sopd");
    addr.password = strdup("pw");
    begin_checked();
    run_until(NULL, 200);
    assert_non_null(settings_polled(settings));
    fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome off");
    assert_in_range(run_until(welcome_is_off, 3000), 0, 2100);
    fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome on");
    assert_in_range(run_until(welcome_is_on, 3000), 0, 2100);
    fixture_do(&server, "DEL sopd:toggles:chat:qq1:5");
    fixture_do(&server, "HSET sopd:toggles welcome off");
    assert_in_range(run_until(welcome_is_off, 3000), 0, 2100);
    assert_int_equal(warnings, 1);
}

static void test_tracking_is_refused(void **state)
{
    (void)state;
    check_polling("-client|tracking");
}

static void test_client_id_is_refused(void **state)
{
    (void)state;
    check_polling("-client|id");
}

static bool is_heard(void)
{
    return !settings_polled(settings);
}

/* The channel may not be subscribed: hiredis ends the link; it must not be made anew again and again. */
static void test_subscribing_is_refused(void **state)
{
    (void)state;
    fixture_do(&server, "ACL SETUSER sopd on >pw ~* resetchannels +@all");
    addr.user = strdup("sopd");
    addr.password = strdup("pw");
    begin_checked();
    run_until(NULL, 2500);
    assert_non_null(settings_polled(settings));
    int before = warnings;
    run_until(NULL, 1500);
    assert_int_equal(warnings, before);
    fixture_do(&server, "HSET sopd:toggles welcome off");
    assert_in_range(run_until(welcome_is_off, 3000), 0, 2100);
}

/* Granted, and then switched off behind our back: found by the slow poll, or at the latest when the link is made anew. */
static void test_the_subscriber_dies_again_and_again(void **state)
{
    (void)state;
    begin_checked();
    assert_int_not_equal(run_until(is_heard, 2000), -1);
    for (int i = 0; i < 5; i++) {
        fixture_do(&server, "CLIENT KILL TYPE pubsub");
        fixture_do(&server, "HSET sopd:toggles:chat:qq1:5 welcome %s", i % 2 ? "on" : "off");
        assert_in_range(run_until(i % 2 ? welcome_is_on : welcome_is_off, 4000), 0, 2100);
    }
    assert_int_not_equal(run_until(is_heard, 3000), -1);
}

/* ---- cost ---- */

/* One edit in a hash of 500 fields reads it once, and a crowd of edits is read in few readings. */
static void test_many_edits_of_one_hash(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        fixture_do(&server, "HSET sopd:toggles:tag:store flow%d off", i);
    begin_checked();
    settle();
    uint64_t routes = settings_routes_generation(settings);
    struct metric *reads = metric_counter("sopd_redis_commands_total", "",
                                          metric_labels("link", "sopd-settings", NULL));
    double before = metric_value(reads);
    for (int i = 0; i < 500; i++)
        redisAppendCommand(server.client, "HSET sopd:toggles:tag:store flow%d on", i);
    for (int i = 0; i < 500; i++) {
        void *r = NULL;
        redisGetReply(server.client, &r);
        freeReplyObject(r);
    }
    settle();
    assert_true(metric_value(reads) - before < 200);
    assert_int_equal(settings_routes_generation(settings), routes);
    struct settings_place at = {"qq1", "5", "store", NULL};
    assert_int_equal(settings_toggle(settings, &at, "flow499", NULL), TOGGLE_ON);
    assert_int_equal(asked("XLEN sopd:audit"), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_old_value_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_from_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_while_nobody_looked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_that_is_no_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flows_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flow_that_nobody_knows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_that_are_no_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_edit_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edits_while_nobody_looked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_scripts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tracking_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_id_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subscribing_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_subscriber_dies_again_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_edits_of_one_hash, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
