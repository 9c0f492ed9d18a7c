/* The cards of the WeCom codec: the platform's rules are kept, and what breaks them is named. */
#include "wecom_out_world.h"

static struct buf out;

/* Single quotes stand for double ones. */
static const char *check(const char *quoted, const char *task_id)
{
    char text[4096];
    snprintf(text, sizeof text, "%s", quoted);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    buf_reset(&out);
    return wc_card_check(&out, text, strlen(text), task_id, "unique-1");
}

static void fine(const char *quoted)
{
    const char *why = check(quoted, NULL);
    if (why)
        print_error("%s\n", why);
    assert_null(why);
}

static void wrong(const char *quoted, const char *part)
{
    const char *why = check(quoted, NULL);
    assert_non_null(why);
    if (!strstr(why, part))
        fail_msg("%s is not in: %s", part, why);
    assert_int_equal(out.len, 0);
}

static void samples(void **state)
{
    (void)state;
    fine(
        "{'card_type':'text_notice','source':{'desc':'ops','desc_color':1},'main_title':{'title':'Disk 91%','desc':'host-7'},"
        "'emphasis_content':{'title':'91%','desc':'used'},'horizontal_content_list':[{'keyname':'owner','value':'lisi','type':3,"
        "'userid':'lisi'}],'card_action':{'type':1,'url':'https://intra.example/h7'}}");
    assert_null(strstr(buf_cstr(&out), "task_id")); /* not needed there */
    fine(
        "{'card_type':'news_notice','main_title':{'title':'Release 2.4'},'card_image':{'url':'https://intra.example/p.png',"
        "'aspect_ratio':1.6},'vertical_content_list':[{'title':'fixes','desc':'12'}],'card_action':{'type':1,'url':'https://i.example/r'}}");
    fine(
        "{'card_type':'button_interaction','main_title':{'title':'Deploy?'},'button_list':[{'text':'Yes','style':1,'key':'dep_yes'},"
        "{'text':'No','style':2,'key':'dep_no'}],'task_id':'dep-20260401-1'}");
    assert_non_null(strstr(buf_cstr(&out), "\"task_id\":\"dep-20260401-1\""));
    fine(
        "{'card_type':'vote_interaction','main_title':{'title':'Lunch'},'checkbox':{'question_key':'lunch','mode':0,'option_list':"
        "[{'id':'a','text':'noodles'},{'id':'b','text':'rice'}]},'submit_button':{'text':'Send','key':'lunch_go'}}");
    assert_non_null(strstr(buf_cstr(&out), "\"task_id\":\"unique-1\"")); /* made */
    fine(
        "{'card_type':'multiple_interaction','main_title':{'title':'Report'},'select_list':[{'question_key':'lvl','title':'level',"
        "'selected_id':'1','option_list':[{'id':'1','text':'low'},{'id':'2','text':'high'}]}],'submit_button':{'text':'Send','key':'rep_go'},"
        "'task_id':'rep-7','of_tomorrow':{'x':1}}");
    assert_non_null(strstr(buf_cstr(&out), "of_tomorrow")); /* what we do not know passes */
}

static void rules(void **state)
{
    (void)state;
    wrong("nonsense", "no JSON object");
    wrong("[]", "no JSON object");
    wrong("{'card_type':'poster'}", "card_type must be");
    wrong("{'card_type':'text_notice','main_title':{'title':'x'}}", "card_action is missing");
    wrong("{'card_type':'text_notice','card_action':{'type':1,'url':'https://x.example'}}",
          "sub_title_text");
    wrong("{'card_type':'text_notice','main_title':{'title':'x'},'card_action':{'type':1}}",
          "card_action.url is missing");
    wrong(
        "{'card_type':'text_notice','main_title':{'title':'一二三四五六七八九十一二三四五六七八九十一二三四五六七'},"
        "'card_action':{'type':1,'url':'https://x.example'}}",
        "main_title.title has 27 characters, at most 26");
    wrong("{'card_type':'news_notice','main_title':{'title':'x'},'card_action':{'type':0}}",
          "image_text_area");
    wrong(
        "{'card_type':'news_notice','main_title':{'title':'x'},'card_action':{'type':0},'card_image':{'url':'u','aspect_ratio':3}}",
        "card_image.aspect_ratio must be a number from 1.3 to 2.25");
    wrong("{'card_type':'button_interaction','main_title':{'title':'x'},'button_list':[]}",
          "button_list must have 1 to 6");
    wrong(
        "{'card_type':'button_interaction','main_title':{'title':'x'},'button_list':[{'text':'a','key':'k'},{'text':'b','key':'k'}]}",
        "the same twice");
    wrong(
        "{'card_type':'button_interaction','main_title':{'title':'x'},'button_list':[{'text':'elevenchars','key':'k'}]}",
        "button_list[1].text has 11 characters");
    wrong(
        "{'card_type':'button_interaction','main_title':{'title':'x'},'button_list':[{'text':'a'}]}",
        "button_list[1].key is missing");
    wrong(
        "{'card_type':'button_interaction','main_title':{'title':'x'},'button_list':[{'text':'a','key':'k','style':5}]}",
        "style must be");
    wrong(
        "{'card_type':'button_interaction','main_title':{'title':'x'},'button_list':[{'text':'a','key':'k'}],'task_id':'a b'}",
        "task_id must be");
    wrong(
        "{'card_type':'button_interaction','main_title':'x','button_list':[{'text':'a','key':'k'}]}",
        "main_title must be a table");
    wrong(
        "{'card_type':'vote_interaction','main_title':{'title':'x'},'checkbox':{'question_key':'q','option_list':[{'id':'a','text':'b'}]}}",
        "submit_button is missing");
}

/* wecom 46: an update has the task_id of the card that was pressed */
static void task_id_of_an_update(void **state)
{
    (void)state;
    const char *card =
        "{'card_type':'text_notice','main_title':{'title':'Approved'},'task_id':'other','card_action':{'type':0}}";
    assert_null(check(card, "task-1"));
    assert_non_null(strstr(buf_cstr(&out), "\"task_id\":\"task-1\""));
    assert_null(strstr(buf_cstr(&out), "other"));
}

/* ---- buttons ---- */

struct cards {
    char *list[8];
    int n;
};

static void collect(void *ud, const char *json, size_t len)
{
    struct cards *c = ud;
    struct buf again = {0};
    const char *why = wc_card_check(&again, json, len, NULL, "x"); /* it keeps the rules itself */
    if (why)
        print_error("%s\n", why);
    assert_null(why);
    buf_free(&again);
    c->list[c->n++] = mem_strndup(json, len);
}

static const char *buttons(struct cards *c, int n, const char *label, const char *text, bool *too)
{
    struct out_segment s[20];
    static char keys[20][8];
    for (int i = 0; i < n; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i);
        s[i] = (struct out_segment){
            .type = SEGMENT_BUTTON, .id = keys[i], .text = label, .text_len = strlen(label)};
    }
    struct out_message m = {.chat = "wrA", .segments = s, .nsegments = n};
    c->n = 0;
    return wc_card_buttons(&m, text, "u1", collect, c, too);
}

static void forget(struct cards *c)
{
    for (int i = 0; i < c->n; i++)
        free(c->list[i]);
    c->n = 0;
}

static void buttons_become_a_card(void **state)
{
    (void)state;
    struct cards c;
    bool too;
    assert_null(buttons(&c, 2, "打卡", "今天打卡了吗?", &too));
    assert_int_equal(c.n, 1);
    assert_false(too);
    assert_string_equal(
        c.list[0],
        "{\"card_type\":\"button_interaction\",\"main_title\":{\"title\":\"今天打卡了吗?\"},\"button_list\":["
        "{\"text\":\"打卡\",\"style\":1,\"key\":\"k0\"},{\"text\":\"打卡\",\"style\":1,\"key\":\"k1\"}],\"task_id\":\"u1-0\"}");
    forget(&c);
    assert_null(buttons(&c, 1, "好", "第一行\n第二行,说得多一些", &too));
    assert_non_null(
        strstr(c.list[0], "{\"title\":\"第一行\"},\"sub_title_text\":\"第二行,说得多一些\""));
    forget(&c);
}

static void many_buttons_and_long_texts(void **state)
{
    (void)state;
    struct cards c;
    bool too;
    struct buf text = {0};
    for (int i = 0; i < 150; i++)
        buf_adds(&text, "长");
    assert_null(buttons(&c, 14, "十二个字的标签太长了一点", buf_cstr(&text), &too));
    assert_true(too); /* the text leaves as a message of its own */
    assert_int_equal(c.n, 3);
    assert_non_null(strstr(c.list[0], "\"text\":\"十二个字的标签太长…\""));
    assert_null(strstr(c.list[0], "长长"));
    assert_non_null(strstr(c.list[2], "\"key\":\"k13\""));
    assert_non_null(strstr(c.list[2], "\"task_id\":\"u1-2\""));
    forget(&c);
    assert_string_equal(buttons(&c, 1, "", "x", &too), "a button has no label");
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples),
        cmocka_unit_test(rules),
        cmocka_unit_test(task_id_of_an_update),
        cmocka_unit_test(buttons_become_a_card),
        cmocka_unit_test(many_buttons_and_long_texts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&out);
    return failed;
}
