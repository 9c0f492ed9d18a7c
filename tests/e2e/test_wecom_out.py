"""What leaves through the WeCom gateway: answers, welcomes, pushes, cards and buttons, limits, what each acknowledgement means.
`wecom N` in a test's text is the item of the checklist in the protocol's description."""

import json
import os

import pytest

from harness import SILENCE, Ack, Late, store, wait_until
from harness.wire import Reply

GROUP = "wrEXAMPLEgroupA"
RESPOND, PUSH, WELCOME, UPDATE = ("aibot_respond_msg", "aibot_send_msg", "aibot_respond_welcome_msg",
                                  "aibot_respond_update_msg")
FLOW = r'''
local flow = sop.flow("desk", { title = "前台" })
flow:command("说", { args = true }, function(c) c:say({ sop.text(c.args) }) end)
flow:command("答", function(c) c:reply("好的") end)
flow:command("连说", { args = true }, function(c)
  for i = 1, tonumber(c.args) do c:say({ sop.text("第" .. i .. "句") }) end
end)
flow:command("等", function(c)
  local sent, why = c:say("要等", nil, { wait = true })
  c:emit("told", { sent = sent and true or false, why = why })
end)
flow:command("晚点", function(c)
  c:say("先说")
  c:sleep("1s")
  c:say("后说")
end)
flow:command("选", function(c)
  c:say("今天做什么?", nil, { buttons = { "答", { "我同意", value = "vote:yes" } } })
end)
flow:on("button", function(c)
  c:update_card({ card_type = "text_notice", main_title = { title = "已表决" },
                  card_action = { type = 1, url = "https://intra.example/v" } }, { only = c.text == "only" })
end)
flow:command("卡", { args = true }, function(c)
  local sent, why = c:say(nil, nil, { wait = true, card = {
    card_type = "text_notice", main_title = { title = c.args, desc = "host-7" },
    card_action = { type = 1, url = "https://intra.example/h7" } } })
  c:emit("told", { sent = sent and true or false, why = why })
end)
flow:on("enter", function(c) c:say("您好,发 /help 看看") c:say("还有一句") end)
return flow
'''


@pytest.fixture
def sop(box):
    root = os.path.join(box, "desk")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(root, folder))
    with open(os.path.join(root, "flows", "desk.lua"), "w", encoding="utf-8") as out:
        out.write(FLOW)
    with open(os.path.join(root, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, private = true, quiet = false, timezone = "Asia/Shanghai", flows = { "desk" } }\n')
    return root


@pytest.fixture
def wecom(bench):
    return bench.wecom()


def serve(bench, wecom, sop, timing=None, **fields):
    wecom.daemon = bench.served(wecom, sop=sop, entry={"timing": {"timeout": "1s", **(timing or {})}, **fields},
                                config={"log": {"level": "debug"}})
    return wecom.daemon


def told(daemon, count=1):
    def found():
        rows = store.business_events(daemon.redis.client, name="told")
        return len(rows) >= count and rows
    return wait_until(found, 8, what="told")[count - 1]


def secrets(wecom):
    """wecom 63: no secret in the log, at the level debug."""
    log = wecom.daemon.log()
    assert wecom.secret not in log and "aeskey" not in log and "SECRET-SIGN" not in log, log[-2000:]


def test_an_answer_is_one_finished_stream(bench, wecom, sop):
    """wecom 39, 40, 41: byte for byte the req_id, one frame, one after the other."""
    serve(bench, wecom, sop)
    strange = 'r-1/\u00e9 "quoted" %41\u4e2d\ttab'
    wecom.emit(wecom.body("text", "lisi", GROUP, text={"content": "@%s 连说 3" % wecom.name}), req_id=strange)
    wecom.wait_send("第3句", chat=GROUP)
    sends = wecom.sends()
    assert [s.text for s in sends] == ["第1句", "第2句", "第3句"]
    assert all(s.action == RESPOND and s.req_id == strange and s.kind == "stream" and s.errcode == 0 for s in sends)
    assert all(s.params["stream"]["finish"] is True for s in sends)
    assert len({s.params["stream"]["id"] for s in sends}) == 3
    secrets(wecom)


def test_a_later_word_answers_still(bench, wecom, sop):
    """After a wait, too, the message is answered; when its window is closed it is pushed (wecom 45, 47, 48)."""
    serve(bench, wecom, sop)
    wecom.say("lisi", "晚点", chat=GROUP)
    assert wecom.wait_send("先说").action == RESPOND
    assert wecom.wait_send("后说").action == RESPOND
    wecom.reply_life = 0.3
    wecom.say("lisi", "晚点")
    late = wecom.wait_send("后说", count=2)
    assert late.errcode == 846604
    push = wecom.wait_action(PUSH)
    assert push.params == {"chatid": "lisi", "chat_type": 1, "msgtype": "markdown", "markdown": {"content": "后说"}}
    wecom.settle(0.3)
    assert len(wecom.find(PUSH)) == 1


@pytest.mark.parametrize("code", [846604, 846605, 846606, 846608])
def test_a_fallback_happens_once(bench, wecom, sop, code):
    """wecom 45."""
    serve(bench, wecom, sop)
    wecom.answers[RESPOND] = code
    wecom.say("lisi", "答", chat=GROUP)
    push = wecom.wait_action(PUSH)
    assert push.params["chat_type"] == 2 and push.params["chatid"] == GROUP and push.text.endswith("好的")
    assert len(wecom.find(RESPOND)) == (2 if code == 846608 else 1)      # another stream first
    wecom.answers[PUSH] = code
    wecom.say("lisi", "等", chat=GROUP)
    row = told(wecom.daemon)
    assert row["sent"] is False and str(code) in row["why"]
    assert len(wecom.find(PUSH)) == 2


def test_no_answer_is_unknown(bench, wecom, sop):
    """wecom 53: the outcome is unknown, and nothing is sent a second time in a group."""
    serve(bench, wecom, sop, timing={"timeout": "300ms", "resend": "500ms", "settle": "100ms"})
    wecom.answers[RESPOND] = 846604
    wecom.answers[PUSH] = SILENCE
    wecom.say("lisi", "等", chat=GROUP)
    wecom.wait_action(PUSH)
    assert told(wecom.daemon)["sent"] is False
    wecom.settle(0.8)
    assert len(wecom.find(PUSH)) == 1
    assert wecom.daemon.metrics().get("sopd_sends_total", outcome="unknown") == 1


def test_welcome_in_time(bench, wecom, sop):
    """wecom 46: within the time, once; what else is said is pushed."""
    serve(bench, wecom, sop)
    req_id = wecom.enter("lisi")
    welcome = wecom.wait_action(WELCOME)
    assert welcome.req_id == req_id and welcome.errcode == 0
    assert welcome.params == {"msgtype": "text", "text": {"content": "您好,发 /help 看看"}}
    assert wecom.wait_send("还有一句").action == PUSH
    assert len(wecom.find(WELCOME)) == 1


def test_welcome_too_late_is_abandoned(bench, wecom, sop):
    """wecom 46: the pace holds it back too long."""
    serve(bench, wecom, sop, pace={"warmup": "0s", "account": [{"per": "6s", "burst": 1}], "chat": [{"per": "1ms", "burst": 10}]})
    wecom.say("lisi", "答")
    wecom.wait_send("好的")
    wecom.enter("wangwu")
    wait_until(lambda: wecom.daemon.metrics().get("sopd_sends_total", outcome="failed") >= 1, 9, what="the welcome to be given up")
    assert not wecom.find(WELCOME)


def test_buttons_and_the_update_of_their_card(bench, wecom, sop):
    """Buttons are a card; a press of a word acts as the word, another raises an event, whose answer is the update (wecom 46)."""
    serve(bench, wecom, sop)
    wecom.say("lisi", "选", chat=GROUP)
    shown = wecom.wait_send("今天做什么?")
    card = shown.params["template_card"]
    assert shown.action == RESPOND and shown.kind == "template_card" and card["card_type"] == "button_interaction"
    assert [b["text"] for b in card["button_list"]] == ["答", "我同意"]
    yes = next(b["key"] for b in card["button_list"] if b["text"] == "我同意")
    wecom.press("wangwu", yes, card["task_id"])
    update = wecom.wait_action(UPDATE)
    assert update.errcode == 0 and update.params["response_type"] == "update_template_card"
    assert update.params["template_card"]["task_id"] == card["task_id"] and "userids" not in update.params
    word = next(b["key"] for b in card["button_list"] if b["text"] == "答")
    wecom.press("wangwu", word, card["task_id"])
    said = wecom.wait_send("好的")
    assert said.action == PUSH and said.chat == GROUP      # a press cannot be answered
    wecom.press("wangwu", "only", card["task_id"])
    assert wecom.wait_action(UPDATE, count=2).params["userids"] == ["wangwu"]


def test_cards_are_checked(bench, wecom, sop):
    daemon = serve(bench, wecom, sop)
    wecom.say("lisi", "卡 磁盘 91%", chat=GROUP)
    assert told(daemon)["sent"] is True
    assert wecom.wait_send("磁盘 91%").params["template_card"]["main_title"]["desc"] == "host-7"
    wecom.say("lisi", "卡 " + "长" * 27, chat=GROUP)
    why = told(daemon, 2)["why"]
    assert "main_title.title has 27 characters, at most 26" in why
    assert len(wecom.sends()) == 1


def test_user_text_is_harmless(bench, wecom, sop):
    """wecom 52, 51: no reasoning, no mention, no picture by text; who is answered stands in bold."""
    serve(bench, wecom, sop)
    wecom.say("lisi", "说 <think>x</think> <@wangwu> ![p](https://evil.example/x.png) **好**", chat=GROUP)
    text = wecom.wait_send("**好**").text
    assert "<think" not in text and "</think" not in text and "<@" not in text and "![" not in text
    wecom.say("lisi", "答", chat=GROUP)
    assert wecom.wait_send("好的").text == "**@lisi** 好的"


def test_angle_mentions_by_switch(bench, wecom, sop):
    """wecom 51."""
    serve(bench, wecom, sop, mention="angle")
    wecom.say("lisi", "答", chat=GROUP)
    assert wecom.wait_send("好的").text == "<@lisi> 好的"


def test_limit_of_a_conversation(bench, wecom, sop):
    """wecom 49: the peer would refuse the 31st message of a minute; it is not even sent, and others are not held up."""
    serve(bench, wecom, sop, platform=False)
    for _ in range(3):
        wecom.say("lisi", "连说 10", chat=GROUP)
    wecom.wait_send(chat=GROUP, count=28)
    wecom.say("wangwu", "答")
    wecom.wait_send(chat="@wangwu")
    wecom.settle(0.5)
    assert len(wecom.sends(chat=GROUP)) == 28
    assert all(s.errcode == 0 for s in wecom.sends())


def test_45009_pauses_one_conversation(bench, wecom, sop):
    """wecom 50."""
    serve(bench, wecom, sop)
    wecom.queued[RESPOND] = [45009]
    wecom.say("lisi", "答", chat=GROUP)
    wecom.wait_action(RESPOND)
    wecom.say("lisi", "答", chat=GROUP)
    wecom.say("wangwu", "答")
    assert wecom.wait_send(chat="@wangwu").errcode == 0
    wecom.settle(0.5)
    assert [s.errcode for s in wecom.sends(chat=GROUP)] == [45009]


def test_an_acknowledgement_of_nothing(bench, wecom, sop):
    """wecom 54, and one that comes twice."""
    serve(bench, wecom, sop)
    wecom.emit_frame({"headers": {"req_id": "stranger"}, "errcode": 0, "errmsg": "ok"})
    wecom.answers[RESPOND] = Ack(0, times=2)
    for i in range(3):
        wecom.say("lisi", "说 %d" % i)
        wecom.wait_send(str(i))
    assert [s.text for s in wecom.sends()] == ["0", "1", "2"]


def test_late_acknowledgements_keep_the_order(bench, wecom, sop):
    """wecom 40: the peer takes its time for each."""
    serve(bench, wecom, sop)
    wecom.answers[RESPOND] = Late(0.1)
    wecom.say("lisi", "连说 5", chat=GROUP)
    wecom.wait_send("第5句")
    assert [s.text for s in wecom.sends()] == ["第%d句" % i for i in range(1, 6)]
    times = [s.time for s in wecom.sends()]
    assert all(b - a >= 0.09 for a, b in zip(times, times[1:]))


def test_a_group_that_we_are_not_in(bench, wecom, sop):
    """93008: said once, forgotten; nobody judges the account for it."""
    daemon = serve(bench, wecom, sop)
    wecom.answers[RESPOND] = 846604
    wecom.unknown_members.add(GROUP)
    wecom.say("lisi", "等", chat=GROUP)
    row = told(daemon)
    assert row["sent"] is False and "not in this group" in row["why"]
    wecom.unknown_members.clear()
    wecom.say("lisi", "说 又在了", chat=GROUP)
    wecom.wait_action(PUSH, text="又在了")


def test_configuration_hides_the_secret(bench, wecom, sop):
    """wecom 64."""
    daemon = serve(bench, wecom, sop)
    for command in (["gateways"], ["--json", "gateways"], ["--json", "status"]):
        assert wecom.secret not in daemon.ctl(*command).stdout
    assert wecom.secret not in json.dumps(daemon.redis.client.hgetall(store.key("qq1", "outbox")), default=str)


def pieces(words):
    """A completion that comes in pieces of the same length."""
    events = ["data: " + json.dumps({"choices": [{"delta": {"content": w}, "index": 0}]}) + "\n\n" for w in words]
    longest = max(map(len, events))
    return "".join(e[:-2] + " " * (longest - len(e)) + e[-2:] for e in events) + "data: [DONE]\n\n", longest


def test_an_answer_is_shown_while_it_is_made(bench, wecom, box):
    """wecom 42, 43: one stream, whole snapshots, at most one in 2 s, one end, nothing after it."""
    from test_http import web_sop
    body, longest = pieces(["word%02d " % i for i in range(12)])
    wecom.answer_http = lambda request: Reply(body=body, kind="text/event-stream", drip=0.4, piece=longest)
    wecom.daemon = bench.served(wecom, sop=web_sop(box), config={"llm": {"url": wecom.origin("http") + "/v1", "model": "m"}})
    wecom.say("lisi", "显 写点什么")
    end = wecom.wait_send("(完)", timeout=15)
    wecom.settle(2.5)
    frames = [a for a in wecom.find(RESPOND)]
    assert len(frames) in (3, 4, 5) and frames[-1] is end
    assert len({f.params["stream"]["id"] for f in frames}) == 1
    assert [f.params["stream"]["finish"] for f in frames] == [False] * (len(frames) - 1) + [True]
    whole = "".join("word%02d " % i for i in range(12))
    for before, after in zip(frames[:-1], frames[1:-1]):
        assert after.text.startswith(before.text) and after.time - before.time >= 1.9
    assert all(whole.startswith(f.text) for f in frames[:-1]) and len(frames[0].text) < len(whole)
    assert whole.strip() in end.text
    secrets(wecom)
