"""What a WeCom group gets from the four shipped flows (docs/gateways.md): who opens the single chat is greeted within five seconds,
who mentions the bot is answered, check-in and red packet with a mention; with kills in between, and never twice."""

import time
from collections import Counter

import pytest

from harness import store, wait_until
from harness.stages import WeComStage, WORDS


class Desk(WeComStage):
    def flows(self):
        coupon = {k: v for k, v in WORDS["redpacket"].items() if k not in ("prizes", "open_prizes", "result_prize", "code_dm")}
        return {**WORDS, "redpacket": {**coupon, "kind": "coupon", "coupon": "满减券", "open_coupon": "红包", "result_coupon": "得{what}",
                                       "mine": "有{count}张 {lines}", "mine_line": "{code}", "show_codes": True}}


@pytest.fixture
def stage(bench, box):
    return Desk(bench, box).open()


def once(stage):
    repeated = [what for what, n in Counter((a.chat, a.text) for a in stage.peer.sends()).items() if n > 1]
    assert not repeated, repeated
    assert stage.daemon.metrics().get("sopd_flow_errors_total") == 0, stage.daemon.log()[-3000:]
    assert not [a for a in stage.peer.actions if a.errcode not in (0, None)], stage.peer.actions


def test_who_opens_the_chat_is_greeted_in_time(stage):
    began = time.monotonic()
    stage.enter("ann")
    greeting = stage.peer.wait_action("aibot_respond_welcome_msg")
    assert greeting.text.startswith("您好") and greeting.time - began < 1 and greeting.errcode == 0
    stage.kill()
    stage.enter("ben")
    stage.peer.wait_action("aibot_respond_welcome_msg", count=2)
    assert [place for place, _ in stage.said()] == ["@ann", "@ben"]


def test_who_mentions_it_is_answered(stage):
    stage.say("ann", "大家好")
    stage.later(4)
    stage.say("ben", "几点营业呀?")
    stage.repeat()
    stage.later(4)
    said = stage.said()
    assert [place for place, _ in said] == ["group", "group"] and "您好呀" in said[0][1] and "九点开门" in said[1][1]
    assert {a.action for a in stage.peer.sends()} == {"aibot_respond_msg"}, "answers, not posts"
    once(stage)


def test_checkin(stage):
    stage.say("ann", "打卡")
    stage.repeat()
    stage.kill()
    stage.repeat()
    stage.say("ben", "打卡")
    said = stage.said()
    assert [place for place, _ in said] == ["group"] * 2 and all("打卡 1" in text for _, text in said)
    assert {a.action for a in stage.peer.sends()} == {"aibot_respond_msg"}
    done = Counter(e["user"] for e in store.business_events(stage.redis.client, name="checked_in"))
    assert done == {"ann": 1, "ben": 1}
    stage.to(1, 9)
    stage.say("ann", "打卡")
    stage.kill()
    stage.to(1, 20, 31)
    last = stage.said()[-1]
    assert last[0] == "group" and last[1].startswith("提醒") and "ben" in last[1]
    stage.to(1, 22, 1)
    assert stage.said() == [("group", "小结 1/2")]
    assert stage.peer.sends()[-1].action == "aibot_send_msg", "nobody asked: a post"
    once(stage)


def test_a_button_with_a_word_is_as_if_it_were_said(stage):
    stage.press("ann", "say:打卡", "t-1")
    stage.repeat()
    stage.kill()
    stage.repeat()
    (place, text), = stage.said()
    assert place == "group" and "打卡 1" in text
    done = Counter(e["user"] for e in store.business_events(stage.redis.client, name="checked_in"))
    assert done == {"ann": 1}
    once(stage)


def test_redpacket(stage):
    stage.say("boss", "发红包")
    assert stage.said()[0][1].startswith("红包")
    stage.say("ann", "抢")
    stage.repeat()
    stage.kill()
    stage.say("ben", "抢红包")
    stage.say("cat", "抢")
    stage.later(15)
    assert [e["user"] for e in store.business_events(stage.redis.client, name="grabbed")] == ["ann", "ben", "cat"]
    said = stage.said()
    shown = " ".join(text for _, text in said)
    assert {place for place, _ in said} == {"group"} and all(name in shown for name in ("ann", "ben", "cat")) and "抢完" in shown
    stage.say("ann", "我的券", private=True)
    place, text = stage.said()[-1]
    assert place == "@ann" and text.startswith("有1张")
    stage.say("boss", "核销 " + text.split()[1])
    assert [e["user"] for e in store.business_events(stage.redis.client, name="code_used")] == ["ann"]
    once(stage)


def test_the_limit_of_a_group_delays_and_loses_nothing(stage):
    """A busy evening: more than thirty messages a minute into one group."""
    for number in range(40):
        stage.peer.say("m%02d" % number, "打卡", chat=stage.group, time_s=stage.now // 1000)
    stage.settle()
    first = len(stage.peer.sends())
    assert 20 <= first <= 30 and not [a for a in stage.peer.actions if a.errcode == 45009]
    done = Counter(e["user"] for e in store.business_events(stage.redis.client, name="checked_in"))
    assert len(done) == 40 and set(done.values()) == {1}
    waiting = store.outbox(stage.redis.client)
    assert first + len(waiting) == 40, "what is not sent yet waits in the outbox"


def test_another_connection_takes_the_bot(stage):
    stage.peer.kick()
    stage.daemon.wait_log("another connection|superseded", timeout=5)
    stage.peer.wait_closed(stage.peer.conns[0])
    wait_until(lambda: stage.daemon.metrics().get("sopd_gateway_up", gateway="qq1") == 0, 5)
    assert len(stage.peer.conns) == 1
