/* test_satori_events.c -- Satori event bodies become events: messages, joins, requests, buttons and the rest, in every shape that
 * servers give them (satori 25, 26, 54 to 64). */
#include "satori_world.h"

static struct sat_world *world_pair(void)
{
    struct sat_world *w = sat_world_new();
    sat_world_add(w, "llonebot", "10001");
    sat_world_add(w, "discord", "900");
    sat_world_ready(w);
    return w;
}

/* An event body of the discord login 900. */
#define discord(w, type, rest)                                                                   \
    sat_world_frame(w,                                                                           \
                    "{'op':0,'body':{'sn':2,'type':'" type "','timestamp':%lld,'login':{'sn':2," \
                    "'platform':'discord','user':{'id':'900'}}," rest "}}",                      \
                    (long long)clock_wall(&(w)->clock))

#define GROUP "'channel':{'id':'20002','type':0,'name':'dev'},'guild':{'id':'20002','name':'dev'},"
#define CHANNEL \
    "'channel':{'id':'c1','type':0,'name':'general'},'guild':{'id':'g1','name':'server'},"

static void test_a_message(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "message-created",
                       GROUP
                       "'user':{'id':'30003','name':'Ann'},'member':{'nick':'Annie','roles':["
                       "{'id':'3'}]},'message':{'id':'2|20002|991','content':'hello &lt;b&gt; "
                       "<at id=\\'10001\\'/> x'},'referrer':{'msg_id':'A','_x':{'camelCase':[1,2."
                       "50,null]}}");
    const struct event *e = sat_world_last(w);
    assert_int_equal(e->type, EVENT_MESSAGE);
    assert_ptr_equal(w->of[0], &w->g[0]->base);
    assert_string_equal(e->chat, "20002");
    assert_string_equal(e->user, "30003");
    assert_string_equal(e->name, "Annie");
    assert_string_equal(e->role, "admin");
    assert_string_equal(e->message_id, "2|20002|991");
    assert_string_equal(e->key, "m2|20002|991");
    assert_string_equal(e->chat_name, "dev");
    assert_int_equal(e->seq, 991); /* the same number for other accounts of a pool */
    assert_true(e->at_me);
    assert_false(e->private_chat);
    assert_string_equal(e->ref,
                        "{\"msg_id\":\"A\",\"_x\":{\"camelCase\":[1,2.50,null]}}"); /* satori 42 */
    assert_string_equal(sat_referrer(w->g[0], "20002"), e->ref);
    assert_null(sat_referrer(w->g[1], "20002"));
    sat_world_free(w);
}

/* satori 54 */
static void test_own_messages_are_not_events(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':'10001'},'message':{'id':'m1','content':'ours'}");
    assert_int_equal(w->nevents, 0);
    assert_int_equal(w->nown, 1);
    assert_string_equal(w->own_text, "ours");
    assert_true(w->g[0]->saw_own);
    /* in a private chat: it belongs to the other side, which was heard there before */
    sat_world_llonebot(
        w, "message-created",
        "'channel':{'id':'dm7','type':1},'user':{'id':'30003'},'message':{'id':'m2','"
        "content':'hi'}");
    assert_string_equal(sat_world_last(w)->chat, "@30003");
    assert_true(sat_world_last(w)->at_me);
    assert_string_equal(sat_direct(w->g[0], "30003"), "dm7");
    sat_world_llonebot(
        w, "message-created",
        "'channel':{'id':'dm7','type':1},'user':{'id':'10001'},'message':{'id':'m3','"
        "content':'hello'}");
    assert_int_equal(w->nown, 2);
    assert_string_equal(w->own_chat, "@30003");
    sat_world_free(w);
}

/* satori 55 */
static void test_other_names_of_events(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "message", GROUP "'user':{'id':'1'},'message':{'id':'a','content':'x'}");
    assert_int_equal(sat_world_last(w)->type, EVENT_MESSAGE);
    sat_world_llonebot(w, "guild-member-deleted", "'guild':{'id':'20002'},'user':{'id':'1'}");
    assert_int_equal(sat_world_last(w)->type, EVENT_LEAVE);
    assert_string_equal(sat_world_last(w)->sub, "leave");
    static const char *const reactions[] = {"reaction-deleted", "reaction-deleted/one",
                                            "reaction-deleted/all", "reaction-deleted/emoji",
                                            "reaction-removed"};
    for (int i = 0; i < 5; i++) {
        sat_world_frame(
            w,
            "{'op':0,'body':{'type':'%s','timestamp':1770000000000,'platform':'llonebot','self_id':"
            "'10001'," GROUP "'user':{'id':'u%d'},'message':{'id':'m55'},'emoji':{'id':'up'}}}",
            reactions[i], i);
        assert_int_equal(w->nevents, 3 + i);
        assert_int_equal(sat_world_last(w)->type, EVENT_REACTION);
        assert_string_equal(sat_world_last(w)->sub, "remove");
        assert_string_equal(sat_world_last(w)->text, "up");
    }
    sat_world_llonebot(w, "guild-deleted", "'guild':{'id':'20002'}");
    assert_string_equal(sat_world_last(w)->sub, "self");
    assert_int_equal(w->nout, 1);
    assert_string_equal(w->last_out, "20002");
    sat_world_free(w);
}

/* satori 56 */
static void test_resources_inside_the_message(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(
        w, "message-created",
        "'channel':null,'user':null,'message':{'id':'m1','content':'x','channel':{'id':'20002','"
        "type':0},'guild':{'id':'20002'},'member':{'user':{'id':'30003','name':'Ann'},'nick':null}}");
    assert_string_equal(sat_world_last(w)->chat, "20002");
    assert_string_equal(sat_world_last(w)->user, "30003");
    assert_string_equal(sat_world_last(w)->name, "Ann");
    sat_world_llonebot(
        w, "guild-member-removed",
        "'guild':{'id':'20002'},'member':{'user':{'id':'30009'}},'operator':{'id':'5'}");
    assert_string_equal(sat_world_last(w)->user, "30009");
    assert_string_equal(sat_world_last(w)->sub, "kick");
    assert_string_equal(sat_world_last(w)->operator_id, "5");
    sat_world_free(w);
}

/* satori 57 */
static void test_a_join_finds_its_chat(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(
        w, "guild-member-added",
        "'guild':{'id':'20002'},'user':{'id':'30009','name':'New'},'member':{'user':{'id':"
        "'30009'}}");
    const struct event *e = sat_world_last(w);
    assert_int_equal(e->type, EVENT_JOIN);
    assert_string_equal(e->chat, "20002");
    assert_string_equal(e->user, "30009");
    assert_string_equal(e->name, "New");
    assert_memory_equal(e->key, "join30009.", 10);
    /* with a channel of its own */
    discord(w, "guild-member-added", CHANNEL "'user':{'id':'u1','name':'One'}");
    assert_string_equal(sat_world_last(w)->chat, "c1");
    /* the configured channel of the guild */
    static const char *pairs[] = {"g8", "c80", "g9", "c99", NULL};
    w->g[1]->conf.channels = pairs;
    discord(w, "guild-member-added", "'guild':{'id':'g9'},'user':{'id':'u2','name':'Two'}");
    assert_string_equal(sat_world_last(w)->chat, "c99");
    w->g[1]->conf.channels = NULL;
    assert_int_equal(w->ncalls, 0);
    sat_world_free(w);
}

/* satori 57: the first text channel of the guild, and the name, are asked for. */
static void test_a_join_asks_for_channel_and_name(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(w, "guild-member-added", "'guild':{'id':'g1'},'user':{'id':'u1'}");
    discord(w, "guild-member-added", "'guild':{'id':'g1'},'user':{'id':'u2','name':'Two'}");
    assert_int_equal(w->nevents, 0);
    assert_int_equal(w->ncalls, 1); /* once for both */
    assert_string_equal(w->calls[0].method, "channel.list");
    assert_string_equal(w->calls[0].body, "{\"guild_id\":\"g1\"}");
    assert_string_equal(w->calls[0].user, "900");
    sat_world_answer(
        w, &w->calls[0], 200,
        "{'data':[{'id':'v1','type':3},{'id':'k1','type':2},{'id':'c7','type':0},{'id':'c8','type':0}]"
        "}");
    assert_int_equal(w->nevents, 1);
    assert_string_equal(sat_world_last(w)->user, "u2");
    assert_string_equal(sat_world_last(w)->chat, "c7");
    assert_string_equal(sat_guild(w->g[1], "c7"), "g1");
    const struct sat_asked_call *c = sat_world_call(w, "guild.member.get");
    assert_non_null(c);
    assert_string_equal(c->body, "{\"guild_id\":\"g1\",\"user_id\":\"u1\"}");
    sat_world_answer(w, c, 200, "{'user':{'id':'u1','name':'One'},'nick':'Uno'}");
    assert_int_equal(w->nevents, 2);
    assert_string_equal(sat_world_last(w)->name, "Uno");
    assert_string_equal(sat_world_last(w)->chat, "c7");
    /* remembered; and the message of a newcomer does not overtake his join */
    discord(w, "guild-member-added", "'guild':{'id':'g1'},'user':{'id':'u3'}");
    assert_int_equal(w->nevents, 2);
    discord(w, "message-created",
            "'channel':{'id':'c7','type':0},'guild':{'id':'g1'},'user':{'id':'u3','name':"
            "'Three'},'message':{'id':'m1','content':'hi'}");
    assert_int_equal(w->nevents, 4);
    assert_int_equal(w->events[2]->type, EVENT_JOIN);
    assert_string_equal(w->events[2]->name, "u3");
    assert_int_equal(w->events[3]->type, EVENT_MESSAGE);
    sat_world_free(w);
}

/* satori 57: nobody can say where. */
static void test_a_join_without_any_channel(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(w, "guild-member-added", "'guild':{'id':'g1'},'user':{'id':'u1','name':'One'}");
    sat_world_answer(w, &w->calls[0], 500, "no such guild");
    assert_int_equal(w->nevents, 0);
    assert_int_equal((int)sat_world_bad(w, "no_chat"), 1);
    discord(w, "guild-member-added", "'guild':{'id':'g2'},'user':{'id':'u1','name':'One'}");
    sat_held_tick(w->g[1], sat_now(w->g[1]) + 6000); /* no answer at all */
    assert_int_equal(w->g[1]->nheld, 0);
    assert_int_equal((int)sat_world_bad(w, "no_chat"), 2);
    sat_world_free(w);
}

/* satori 58 */
static void test_we_do_not_greet_ourselves(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "guild-member-added", "'guild':{'id':'20002'},'user':{'id':'10001'}");
    assert_int_equal(w->nin,
                     1); /* the group is ours; the engine knows the account and greets nobody */
    assert_string_equal(w->last_in, "20002");
    assert_int_equal(w->nevents, 0);
    assert_int_equal(w->ncalls, 0);
    sat_world_free(w);
}

/* satori 59 */
static void test_buttons(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(
        w, "interaction/button",
        CHANNEL
        "'user':{'id':'u8','name':'Eight'},'message':{'id':'m9'},'button':{'id':'say:\xE6\x89\x93\xE5\x8D\xA1'},"
        "'referrer':{'event_id':'E-1'}");
    const struct event *e = sat_world_last(w);
    assert_int_equal(e->type, EVENT_BUTTON);
    assert_string_equal(e->text, "say:\xE6\x89\x93\xE5\x8D\xA1");
    assert_string_equal(e->chat, "c1");
    assert_string_equal(e->user, "u8");
    assert_string_equal(e->message_id, "m9");
    assert_string_equal(e->ref, "{\"event_id\":\"E-1\"}");
    discord(w, "interaction/button", CHANNEL "'user':{'id':'u8'}");
    discord(w, "interaction/button", CHANNEL "'user':{'id':'u8'},'button':{'id':null}");
    assert_int_equal(w->nevents, 1);
    assert_int_equal((int)sat_world_bad(w, "button"), 2);
    sat_world_frame(
        w,
        "{'op':0,'body':{'sn':77,'type':'interaction/button','timestamp':1,'login':{'sn':2,'platform':"
        "'discord','user':{'id':'900'}}," CHANNEL "'user':{'id':'u8'},'button':{'id':7}}}");
    assert_string_equal(sat_world_last(w)->text, "7");
    sat_world_free(w);
}

static void test_commands(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(w, "interaction/command",
            CHANNEL
            "'user':{'id':'u8'},'argv':{'name':'roll','arguments':['2d6',3,{},null],'options':{}}");
    assert_int_equal(sat_world_last(w)->type, EVENT_MESSAGE);
    assert_string_equal(sat_world_last(w)->text, "roll 2d6 3");
    assert_true(sat_world_last(w)->at_me);
    discord(w, "interaction/command",
            CHANNEL "'user':{'id':'u8'},'message':{'id':'m1','content':'/sign now'}");
    assert_string_equal(sat_world_last(w)->text, "/sign now");
    sat_world_free(w);
}

static void test_requests(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(
        w, "guild-member-request",
        "'guild':{'id':'20002'},'user':{'id':'30010'},'member':{'user':{'id':'30010'}},'message':{'id'"
        ":'20002|88|1|0','content':'let me &amp; him in'}");
    const struct event *e = sat_world_last(w);
    assert_int_equal(e->type, EVENT_REQUEST);
    assert_string_equal(e->sub, "add");
    assert_string_equal(e->chat, "20002");
    assert_string_equal(e->flag, "20002|88|1|0");
    assert_string_equal(e->text, "let me & him in");
    sat_world_llonebot(w, "friend-request",
                       "'user':{'id':'30011'},'message':{'id':'f1','content':'hi'}");
    assert_string_equal(sat_world_last(w)->sub, "friend");
    assert_string_equal(sat_world_last(w)->chat, "@30011");
    sat_world_llonebot(w, "guild-request",
                       "'guild':{'id':'20003'},'user':{'id':'30012'},'message':{'id':'i1'}");
    assert_string_equal(sat_world_last(w)->sub, "invite");
    assert_string_equal(sat_world_last(w)->chat, "20003");
    sat_world_llonebot(w, "friend-request", "'user':{'id':'30011'}");
    assert_int_equal((int)sat_world_bad(w, "flag"), 1);
    assert_int_equal(w->nevents, 3);
    sat_world_free(w);
}

static void test_messages_taken_back_and_changed(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(w, "message-deleted", CHANNEL "'user':{'id':'u1'},'message':{'id':'m1'}");
    assert_int_equal(sat_world_last(w)->type, EVENT_RECALL);
    assert_string_equal(sat_world_last(w)->message_id, "m1");
    assert_string_equal(sat_world_last(w)->operator_id, "u1");
    discord(w, "message-deleted",
            CHANNEL "'user':{'id':'u1'},'operator':{'id':'o1'},'message':{'id':'m2'}");
    assert_string_equal(sat_world_last(w)->operator_id, "o1");
    discord(w, "message-updated",
            CHANNEL "'user':{'id':'u1'},'message':{'id':'m3','content':'new text'}");
    assert_int_equal(sat_world_last(w)->type, EVENT_OTHER);
    assert_string_equal(sat_world_last(w)->sub, "message-updated");
    assert_string_equal(sat_world_last(w)->text, "new text");
    discord(w, "guild-member-updated", CHANNEL "'user':{'id':'u1'},'member':{'nick':'Neu'}");
    assert_int_equal(sat_world_last(w)->type, EVENT_CARD);
    assert_string_equal(sat_world_last(w)->text, "Neu");
    discord(w, "channel-updated", CHANNEL "'user':null");
    assert_int_equal(sat_world_last(w)->type, EVENT_CHAT);
    assert_string_equal(sat_world_last(w)->text, "general");
    assert_string_equal(w->last_name, "general");
    discord(w, "channel-added", "'channel':{'id':'c5','type':0,'name':'five'},'guild':{'id':'g1'}");
    assert_string_equal(w->last_in, "c5");
    assert_string_equal(sat_guild(w->g[1], "c5"), "g1");
    discord(w, "channel-deleted", "'channel':{'id':'c5','type':0},'guild':{'id':'g1'}");
    assert_string_equal(w->last_out, "c5");
    assert_int_equal(w->nevents, 5);
    sat_world_free(w);
}

/* satori 62 */
static void test_times(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    long long now = clock_wall(&w->clock);
    const char *head =
        "{'op':0,'body':{'type':'message-created','platform':'llonebot','self_id':'10001'," GROUP
        "'user':{'id':'1'},";
    sat_world_frame(w, "%s'timestamp':%lld,'message':{'id':'a','content':'x'}}}", head, now / 1000);
    assert_int_equal(sat_world_last(w)->time_ms, now / 1000 * 1000);
    sat_world_frame(w, "%s'timestamp':%lld,'message':{'id':'b','content':'x'}}}", head, now - 5000);
    assert_int_equal(sat_world_last(w)->time_ms, now - 5000);
    sat_world_frame(w, "%s'message':{'id':'c','content':'x','created_at':%lld}}}", head,
                    now - 7000);
    assert_int_equal(sat_world_last(w)->time_ms, now - 7000);
    sat_world_frame(w, "%s'timestamp':null,'message':{'id':'d','content':'x'}}}", head);
    assert_in_range(sat_world_last(w)->time_ms, now, now + 60000);
    sat_world_frame(w, "%s'timestamp':%lld.5,'message':{'id':'e','content':'x'}}}", head, now);
    assert_int_equal(sat_world_last(w)->time_ms, now);
    sat_world_frame(w, "%s'timestamp':%lld,'message':{'id':'f','content':'x'}}}", head,
                    now - 600000);
    assert_true(sat_world_last(w)->late);
    sat_world_free(w);
}

/* satori 25, 26 */
static void test_ids_and_nulls(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_frame(
        w,
        "{'op':0,'body':{'type':'message-created','timestamp':null,'login':{'sn':null,'platform':'llonebot',"
        "'user':{'id':10001}},'channel':{'id':20002,'type':0,'name':null},'guild':null,'member':null,"
        "'operator':null,'referrer':null,'user':{'id':30003,'name':null,'nick':null},'message':{'id':"
        "9007199254740993,'content':'x','quote':null}}}");
    assert_string_equal(sat_world_last(w)->chat, "20002");
    assert_string_equal(sat_world_last(w)->user, "30003");
    assert_string_equal(sat_world_last(w)->name, "30003");
    assert_string_equal(sat_world_last(w)->message_id, "9007199254740993");
    assert_string_equal(sat_world_last(w)->ref, "");
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':{'a':1}},'message':{'id':'a','content':'x'}");
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':'1'},'message':{'id':[1],'content':'x'}");
    sat_world_llonebot(w, "message-created",
                       "'channel':{'id':{}},'user':{'id':'1'},'message':{'id':'b','content':'x'}");
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':1.5},'message':{'id':'a','content':'x'}");
    assert_int_equal((int)sat_world_bad(w, "id"), 4);
    assert_int_equal(w->nevents, 1);
    sat_world_free(w);
}

/* satori 63; and channels that are no chats */
static void test_what_is_ignored(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "internal", "'_type':'notice','_data':{'a':1}");
    sat_world_llonebot(w, "something-new", GROUP "'user':{'id':'1'}");
    sat_world_llonebot(w, "guild-role-created", "'guild':{'id':'1'},'role':{'id':'2'}");
    sat_world_llonebot(w, "guild-emoji-added", "'emoji':{'id':'2'}");
    sat_world_llonebot(w, "message-created",
                       "'channel':{'id':'c','type':2},'guild':{'id':'g'},'user':{'id':'1'},'"
                       "message':{'id':'a','content':'x'}");
    sat_world_llonebot(w, "message-created",
                       "'channel':{'id':'c','type':3},'guild':{'id':'g'},'user':{'id':'1'},'"
                       "message':{'id':'b','content':'x'}");
    assert_int_equal(w->nevents, 0);
    const char *const reasons[] = {"type", "body", "id", "no_chat", "no_user", "event"};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        assert_int_equal((int)sat_world_bad(w, reasons[i]), 0);
    sat_world_free(w);
}

/* satori 64: each login's events are its gateway's, and its calls bear its headers. */
static void test_two_logins_on_one_connection(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':'1'},'message':{'id':'a','content':'x'}");
    discord(w, "message-created", CHANNEL "'user':{'id':'1'},'message':{'id':'a','content':'x'}");
    assert_int_equal(w->nevents, 2);
    assert_ptr_equal(w->of[0], &w->g[0]->base);
    assert_ptr_equal(w->of[1], &w->g[1]->base);
    assert_true(sat_http_call(w->g[0], "user.get", "{}", NULL, NULL) != 0);
    assert_true(sat_http_call(w->g[1], "user.get", "{}", NULL, NULL) != 0);
    assert_string_equal(w->calls[0].platform, "llonebot");
    assert_string_equal(w->calls[0].user, "10001");
    assert_string_equal(w->calls[1].platform, "discord");
    assert_string_equal(w->calls[1].user, "900");
    sat_world_free(w);
}

/* satori 17; membership by what happened, not by its number */
static void test_repeats(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    for (int i = 0; i < 3; i++)
        sat_world_llonebot(w, "message-created",
                           GROUP "'user':{'id':'1'},'message':{'id':'a','content':'x'}");
    assert_int_equal(w->nevents, 1);
    gateway_unsee(&w->g[0]->base, w->events[0]);
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':'1'},'message':{'id':'a','content':'x'}");
    assert_int_equal(w->nevents, 2);
    const char *join =
        "{'op':0,'body':{'type':'guild-member-added','timestamp':%lld,'platform':'llonebot','self_id':"
        "'10001','guild':{'id':'20002'},'user':{'id':'5','name':'F'}}}";
    long long now = clock_wall(&w->clock);
    sat_world_frame(w, join, now);
    sat_world_frame(w, join, now);
    assert_int_equal(w->nevents, 3);
    sat_world_frame(w, join, now - 59000); /* told with another time */
    assert_int_equal(w->nevents, 3);
    sat_world_frame(w, join, now - 400000); /* replayed: another join */
    assert_int_equal(w->nevents, 4);
    /* a message with that id in another chat is another one */
    sat_world_llonebot(w, "message-created",
                       "'channel':{'id':'7','type':0},'user':{'id':'1'},'message':{'id':'a','"
                       "content':'x'}");
    assert_int_equal(w->nevents, 5);
    sat_world_free(w);
}

static void test_a_message_of_the_history(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    struct json_doc doc = {0};
    long long old = clock_wall(&w->clock) - 20LL * 86400000;
    char text[512];
    snprintf(
        text, sizeof text,
        "{\"id\":\"h1\",\"content\":\"old\",\"user\":{\"id\":\"30003\",\"name\":\"Ann\"},\"created_at\":%lld}",
        old);
    struct event *e = NULL;
    const struct json *v = json_parse(&doc, text, strlen(text));
    assert_int_equal(sat_event_message(w->g[1], v, "c1", &e), SAT_EVENT);
    assert_true(e->history);
    assert_string_equal(e->chat, "c1");
    assert_int_equal(e->time_ms, old); /* not taken for a wrong clock */
    sat_deliver_history(w->g[1], e);
    assert_int_equal(w->nevents, 1);
    discord(w, "message-created",
            CHANNEL "'user':{'id':'30003'},'message':{'id':'h1','content':'old'}");
    assert_int_equal(w->nevents, 1); /* the same message */
    char own[] =
        "{\"id\":\"h2\",\"content\":\"ours\",\"user\":{\"id\":\"900\"},\"created_at\":1770000000000}";
    v = json_parse(&doc, own, sizeof own - 1);
    assert_int_equal(sat_event_message(w->g[1], v, "c1", &e), SAT_OWN);
    sat_deliver_own(w->g[1], e);
    assert_int_equal(w->nown, 1);
    assert_false(w->g[1]->saw_own); /* what a history says is no echo */
    char none[] = "[]";
    v = json_parse(&doc, none, 2);
    assert_int_equal(sat_event_message(w->g[1], v, "c1", &e), SAT_MALFORMED);
    json_doc_free(&doc);
    sat_world_free(w);
}

static void test_roles_and_files(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    discord(w, "message-created",
            CHANNEL "'user':{'id':'1'},'member':{'roles':[{'id':'4','name':'owner'}]},'message':{"
                    "'id':'a','content':'x'}");
    assert_string_equal(sat_world_last(w)->role, ""); /* there a role is what its people call so */
    sat_world_llonebot(w, "message-created",
                       GROUP "'user':{'id':'1'},'member':{'roles':['member','owner']},'message':{'"
                             "id':'b','content':'x'}");
    assert_string_equal(sat_world_last(w)->role, "owner");
    sat_world_llonebot(w, "message-created",
                       GROUP
                       "'user':{'id':'1'},'message':{'id':'c','content':'<file src=\\'http://h/"
                       "a.pdf\\' title=\\'a.pdf\\'/>'}");
    assert_int_equal(sat_world_last(w)->type, EVENT_FILE);
    assert_string_equal(sat_world_last(w)->text, "a.pdf");
    /* satori 51: what is quoted is not said; where it was quoted from is known, in the old way, too */
    sat_world_llonebot(w, "message-created",
                       GROUP
                       "'user':{'id':'1'},'message':{'id':'d','content':'<quote id=\\'9\\'><author "
                       "id=\\'5\\'/>old</quote>new'}");
    assert_string_equal(sat_world_last(w)->text, "new");
    assert_string_equal(sat_world_last(w)->reply_to, "9");
    sat_world_llonebot(w, "message-created",
                       GROUP
                       "'user':{'id':'1'},'message':{'id':'e','content':'new','quote':{'id':'8',"
                       "'content':'old'}}");
    assert_string_equal(sat_world_last(w)->reply_to, "8");
    sat_world_free(w);
}

static void test_a_long_referrer_is_left_out(void **state)
{
    (void)state;
    struct sat_world *w = world_pair();
    char *big = mem_alloc(EVENT_REF_MAX + 2);
    memset(big, 'x', EVENT_REF_MAX + 1);
    big[EVENT_REF_MAX + 1] = '\0';
    sat_world_frame(
        w,
        "{'op':0,'body':{'type':'message-created','platform':'llonebot','self_id':'10001'," GROUP
        "'user':{'id':'1'},'referrer':{'a':'%s'},'message':{'id':'a','content':'x'}}}",
        big);
    assert_int_equal(w->nevents, 1);
    assert_string_equal(sat_world_last(w)->ref, "");
    free(big);
    sat_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message),
        cmocka_unit_test(test_own_messages_are_not_events),
        cmocka_unit_test(test_other_names_of_events),
        cmocka_unit_test(test_resources_inside_the_message),
        cmocka_unit_test(test_a_join_finds_its_chat),
        cmocka_unit_test(test_a_join_asks_for_channel_and_name),
        cmocka_unit_test(test_a_join_without_any_channel),
        cmocka_unit_test(test_we_do_not_greet_ourselves),
        cmocka_unit_test(test_buttons),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_messages_taken_back_and_changed),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ids_and_nulls),
        cmocka_unit_test(test_what_is_ignored),
        cmocka_unit_test(test_two_logins_on_one_connection),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_a_message_of_the_history),
        cmocka_unit_test(test_roles_and_files),
        cmocka_unit_test(test_a_long_referrer_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
