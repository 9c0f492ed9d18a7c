/* test_message.c -- composing messages: cleaning, splitting, mention caps, and the outbox's JSON form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "engine/send/merge.h"
#include "engine/send/message.h"

struct got {
    struct message *list[32];
    int n;
};

static void take(void *ud, struct message *m)
{
    struct got *g = ud;
    g->list[g->n++] = m;
}

static void drop(struct got *g)
{
    for (int i = 0; i < g->n; i++)
        message_free(g->list[i]);
    g->n = 0;
}

static const struct message_head head = {
    .chat = "7", .flow = "f", .created_ms = 5, .until_ms = 9, .resend = true};

static struct out_segment text(const char *s)
{
    return (struct out_segment){.type = SEGMENT_TEXT, .id = "", .text = s, .text_len = strlen(s)};
}

static struct out_segment at(const char *id, const char *name)
{
    return (struct out_segment){
        .type = SEGMENT_AT, .id = id, .text = name, .text_len = strlen(name)};
}

static void test_c69_long_text_is_split_on_paragraphs(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 400; i++)
        buf_adds(&b, i % 10 == 9 ? "一段话。\n" : "一段话。一");
    struct out_segment s = text(buf_cstr(&b));
    struct got g = {.n = 0};
    size_t chars = 0;
    int made = message_compose(&head, &s, 1, NULL, NULL, take, &g);
    assert_true(made >= 2);
    assert_int_equal(made, g.n);
    for (int i = 0; i < g.n; i++) {
        const struct out_segment *t = &g.list[i]->segments[0];
        assert_true(utf8_valid(t->text, t->text_len));
        assert_true(utf8_count(t->text, t->text_len) <= MESSAGE_CHARS);
        if (i + 1 < g.n)
            assert_int_equal(t->text[t->text_len - 1], '\n');
        chars += utf8_count(t->text, t->text_len);
    }
    assert_int_equal(chars, utf8_count(b.data, b.len)); /* nothing is lost */
    drop(&g);
    buf_free(&b);
}

static void test_c68_empty_content_makes_no_message(void **state)
{
    (void)state;
    struct out_segment s[] = {
        text(""), text("\x01\x02"), {.type = SEGMENT_REPLY, .id = "5", .text = ""}};
    struct got g = {.n = 0};
    assert_int_equal(message_compose(&head, s, 3, NULL, NULL, take, &g), 0);
    assert_int_equal(message_compose(&head, s, 0, NULL, NULL, take, &g), 0);
}

static bool not_bob(void *ud, const char *user)
{
    (void)ud;
    return strcmp(user, "bob") != 0;
}

static void test_mentions_are_capped_and_opt_outs_vanish(void **state)
{
    (void)state;
    struct out_segment s[14];
    s[0] = at("bob", "Bob");
    for (int i = 1; i < 13; i++)
        s[i] = at("ann", "Ann");
    s[13] = text(" hello");
    struct got g = {.n = 0};
    assert_int_equal(message_compose(&head, s, 14, not_bob, NULL, take, &g), 1);
    int mentions = 0, names = 0;
    for (int i = 0; i < g.list[0]->nsegments; i++) {
        const struct out_segment *t = &g.list[0]->segments[i];
        mentions += t->type == SEGMENT_AT;
        names += t->type == SEGMENT_TEXT && strcmp(t->text, "Ann") == 0;
        assert_string_not_equal(t->id, "bob");
    }
    assert_int_equal(mentions, MESSAGE_MENTIONS);
    assert_int_equal(names, 2);
    drop(&g);
}

static void test_blank_left_by_a_removed_mention_goes_too(void **state)
{
    (void)state;
    struct out_segment s[] = {at("bob", "Bob"), text(" hi")};
    struct got g = {.n = 0};
    message_compose(&head, s, 2, not_bob, NULL, take, &g);
    assert_int_equal(g.n, 1);
    assert_string_equal(g.list[0]->segments[0].text, "hi");
    drop(&g);
}

static void test_controls_and_bad_bytes_are_cleaned(void **state)
{
    (void)state;
    struct out_segment s = text("a\x07z\xff \xe2\x80\xae end");
    struct got g = {.n = 0};
    message_compose(&head, &s, 1, NULL, NULL, take, &g);
    assert_string_equal(g.list[0]->segments[0].text, "az\xef\xbf\xbd  end");
    drop(&g);
}

static void test_json_round_trip(void **state)
{
    (void)state;
    struct out_segment s[] = {
        at("3300000001", "小美"),
        text(" say \"[CQ:at,qq=all]\"\n"),
        {.type = SEGMENT_IMAGE, .id = "https://e.example/?a=1&b=2", .text = ""}};
    struct message *m = message_new(&head, s, 3);
    struct buf b = {0};
    message_json(m, &b);
    struct message *back = message_parse(b.data, b.len);
    assert_non_null(back);
    assert_string_equal(back->chat, "7");
    assert_string_equal(back->flow, "f");
    assert_int_equal(back->created_ms, 5);
    assert_int_equal(back->until_ms, 9);
    assert_true(back->resend);
    assert_int_equal(back->nsegments, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(back->segments[i].type, s[i].type);
        assert_string_equal(back->segments[i].id, s[i].id);
        assert_string_equal(back->segments[i].text, s[i].text);
    }
    message_free(m);
    message_free(back);
    buf_free(&b);
}

/* What is done instead of said, with every field; and the three policies. */
static void test_actions_and_policies(void **state)
{
    (void)state;
    struct gateway_request kick = {
        .action = ACTION_KICK, .chat = "7", .user = "3300000001", .arg = "a\"b", .number = -9};
    static const struct {
        bool resend, insist;
        const char *policy;
    } policies[] = {{true, false, "\"policy\":\"answer\""},
                    {true, true, "\"policy\":\"resend\""},
                    {false, false, "\"policy\":\"drop\""}};
    for (int i = 0; i < 3; i++) {
        struct message_head h = head;
        h.resend = policies[i].resend;
        h.insist = policies[i].insist;
        struct message *m = message_new(&h, NULL, 0);
        struct buf b = {0};
        m->act = act_copy(&kick);
        message_json(m, &b);
        assert_non_null(strstr(buf_cstr(&b), policies[i].policy));
        struct message *back = message_parse(b.data, b.len);
        assert_non_null(back);
        assert_int_equal(back->resend, policies[i].resend);
        assert_int_equal(back->insist, policies[i].insist);
        assert_non_null(back->act);
        assert_int_equal(back->act->action, ACTION_KICK);
        assert_string_equal(back->act->user, "3300000001");
        assert_string_equal(back->act->chat, "7");
        assert_string_equal(back->act->arg, "a\"b");
        assert_null(back->act->sub);
        assert_int_equal(back->act->number, -9);
        assert_true(act_names(back->act, "3300000001"));
        assert_false(act_names(back->act, "33"));
        message_free(m);
        message_free(back);
        buf_free(&b);
    }
    static const char odd[] = "{\"chat\":\"7\",\"do\":{\"action\":\"explode\"},\"message\":[]}";
    assert_null(message_parse(odd, sizeof odd - 1));
}

static struct out_segment button(const char *value, const char *label)
{
    return (struct out_segment){
        .type = SEGMENT_BUTTON, .id = value, .text = label, .text_len = strlen(label)};
}

/* Buttons stay with the last piece of a text, be it full to the brim; every piece has the ref. */
static void test_buttons_stay_with_the_last_piece(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct got g = {.n = 0};
        struct buf long_text = {0};
        for (int i = 0; i < 2 * MESSAGE_CHARS + more; i++)
            buf_adds(&long_text, "字");
        struct message_head with = head;
        with.ref = "r-1";
        struct out_segment s[] = {text(buf_cstr(&long_text)), button("say:打卡", "打卡"),
                                  button("v1", "好")};
        assert_int_equal(message_compose(&with, s, 3, NULL, NULL, take, &g), more > 0 ? 3 : 2);
        for (int i = 0; i < g.n; i++)
            assert_string_equal(g.list[i]->ref, "r-1");
        const struct message *last = g.list[g.n - 1];
        assert_int_equal(last->nsegments, 3);
        assert_int_equal(last->segments[0].type, SEGMENT_TEXT);
        assert_string_equal(last->segments[2].id, "v1");
        assert_int_equal(g.list[0]->nsegments, 1);
        buf_free(&long_text);
        drop(&g);
    }
}

static void test_refs_buttons_and_cards_outlive_a_restart(void **state)
{
    (void)state;
    struct out_segment s[] = {
        text("x"),
        button("say:a\"b", "甲"),
        {.type = SEGMENT_CARD, .id = "", .text = "{\"n\":1,\"t\":\"a\"}", .text_len = 15}};
    struct message_head with = head;
    struct buf b = {0};
    with.ref = "{\"req_id\":\"r-1\"}";
    with.draft = "0123-1";
    struct message *m = message_new(&with, s, 3);
    message_json(m, &b);
    struct message *back = message_parse(b.data, b.len);
    assert_string_equal(back->ref, with.ref);
    assert_string_equal(back->draft, "0123-1");
    assert_string_equal(back->segments[1].id, "say:a\"b");
    assert_string_equal(back->segments[1].text, "甲");
    assert_int_equal(back->segments[2].type, SEGMENT_CARD);
    assert_string_equal(back->segments[2].text, "{\"n\":1,\"t\":\"a\"}");
    message_free(back);
    message_free(m);
    m = message_new(&head, s, 1); /* what has none costs nothing */
    buf_reset(&b);
    message_json(m, &b);
    assert_null(strstr(buf_cstr(&b), "\"ref\""));
    assert_null(strstr(buf_cstr(&b), "\"draft\""));
    message_free(m);
    buf_free(&b);
}

/* What waited and becomes one message answers what the newer of them did; buttons, cards and what ends a draft stay alone. */
static void test_merged_messages_answer_the_newest(void **state)
{
    (void)state;
    struct out_segment a = text("一"), b = text("二"), pressed[] = {text("三"), button("v", "好")};
    struct message_head with = head;
    with.ref = "old";
    struct message *first = message_new(&with, &a, 1), *plain = message_new(&head, &b, 1);
    with.ref = "new";
    struct message *second = message_new(&with, &b, 1);
    struct message *with_button = message_new(&with, pressed, 2);
    with.draft = "d-1";
    struct message *ends_draft = message_new(&with, &b, 1);
    struct message *both = merge_messages(first, second);
    assert_string_equal(both->ref, "new");
    message_free(both);
    both = merge_messages(first, plain);
    assert_string_equal(both->ref, "old");
    message_free(both);
    assert_null(merge_messages(first, with_button));
    assert_null(merge_messages(first, ends_draft));
    message_free(first);
    message_free(second);
    message_free(plain);
    message_free(with_button);
    message_free(ends_draft);
}

/* Names whose parts stand between bars: ids with bars in them come back as they were. */
static void test_ids_as_parts_of_names(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "700000001", "@3300000001", "2|20002|991", "|", "%7C|%25%", "", "!room:matrix.org"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct buf name = {0}, back = {0};
        buf_add_part(&name, ids[i]);
        size_t len = name.len;
        buf_adds(&name, "|user|x");
        assert_int_equal(buf_read_part(&back, buf_cstr(&name)), len);
        assert_string_equal(buf_cstr(&back), ids[i]);
        buf_free(&name);
        buf_free(&back);
    }
    struct buf old = {0};
    buf_add_part(&old, "700000001");
    assert_string_equal(buf_cstr(&old), "700000001"); /* as they have always been */
    buf_free(&old);
}

static void test_unreadable_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"chat\":\"7\"}",
                                      "{\"chat\":\"7\",\"message\":[]}",
                                      "{\"chat\":\"7\",\"message\":[[\"text\"]]}",
                                      "{\"chat\":\"\",\"message\":[[\"text\",\"x\"]]}",
                                      "{\"chat\":\"7\",\"message\":[[\"nonsense\",\"x\"]]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(message_parse(bad[i], strlen(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c69_long_text_is_split_on_paragraphs),
        cmocka_unit_test(test_c68_empty_content_makes_no_message),
        cmocka_unit_test(test_mentions_are_capped_and_opt_outs_vanish),
        cmocka_unit_test(test_blank_left_by_a_removed_mention_goes_too),
        cmocka_unit_test(test_controls_and_bad_bytes_are_cleaned),
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_actions_and_policies),
        cmocka_unit_test(test_buttons_stay_with_the_last_piece),
        cmocka_unit_test(test_refs_buttons_and_cards_outlive_a_restart),
        cmocka_unit_test(test_merged_messages_answer_the_newest),
        cmocka_unit_test(test_ids_as_parts_of_names),
        cmocka_unit_test(test_unreadable_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
