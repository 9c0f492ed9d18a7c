"""What a platform that gives little time does not want late, and what people are told when one chat has had too much; by the clock.
`wecom N` in a test's text is the item of the checklist in the protocol's description."""

import json
import time

from harness import wait_until
from harness.clock import Clock
from harness.outside import sse
from harness.wire import Reply
from test_alarms import FAST
from test_satori_calls import discord
from test_http import outside   # noqa: F401 (fixture)
from test_wecom_out import GROUP, PUSH, RESPOND, UPDATE, WELCOME, serve, sop, wecom   # noqa: F401 (fixtures)

START = "2031-03-05T08:00:00+08:00"


def test_what_is_committed_late_is_abandoned(bench, wecom, sop):
    """wecom 46, by the clock: Redis keeps the turns waiting. A welcome and a card's update that still are in time leave within 5 s; those
    that are not, do not leave at all, and nothing is pushed in their place."""
    daemon = serve(bench, wecom, sop)
    wecom.say("lisi", "选", chat=GROUP)
    card = wecom.wait_send("今天做什么?").params["template_card"]
    yes = next(b["key"] for b in card["button_list"] if b["text"] == "我同意")

    def both(user, pause):
        daemon.redis.client.client_pause(pause, all=True)
        began = time.monotonic()
        wecom.enter(user)
        wecom.press(user, yes, card["task_id"])
        return began
    began = both("wangwu", 1500)
    for action in (WELCOME, UPDATE):
        assert 1 < wecom.wait_action(action, timeout=5).time - began < 5
    assert wecom.wait_send("还有一句", chat="@wangwu").action == PUSH
    began = both("zhaoliu", 5600)
    wait_until(lambda: daemon.metrics().get("sopd_sends_total", outcome="failed") >= 1, 9, what="the welcome to be given up")
    assert time.monotonic() - began > 5
    wecom.settle(1.0)
    assert len(wecom.find(WELCOME)) == 1 and len(wecom.find(UPDATE)) == 1
    assert not [s for s in wecom.sends(chat="@zhaoliu") if "/help" in s.text]
    assert not wecom.violations


def test_a_draft_ends_with_buttons(bench, wecom, sop, outside):
    """wecom 42: the bubble that grew is finished, then comes the card; the text is not said twice."""
    with open(sop + "/flows/desk.lua", encoding="utf-8") as file:
        text = file.read()
    with open(sop + "/flows/desk.lua", "w", encoding="utf-8") as file:
        file.write(text.replace("return flow", """flow:command("问", function(c)
          c:say(c:llm { prompt = "写", show = true }, nil, { buttons = { "答" } })
        end)
        return flow"""))
    outside.llm = sse("一", "二三", pause=0.5)
    wecom.daemon = bench.served(wecom, sop=sop, config={"llm": {"url": outside.url + "/v1", "model": "m"}})
    wecom.say("lisi", "问", chat=GROUP)
    wait_until(lambda: any(a.kind == "template_card" for a in wecom.sends()), 10, what="the card")
    frames = wecom.find(RESPOND)
    assert [a.kind for a in frames] == ["stream"] * (len(frames) - 1) + ["template_card"] and len(frames) >= 3
    streams = [a.params["stream"] for a in frames[:-1]]
    assert len({s["id"] for s in streams}) == 1 and [s["finish"] for s in streams] == [False] * (len(streams) - 1) + [True]
    assert streams[-1]["content"] == "一二三" and "一二三" not in json.dumps(frames[-1].params, ensure_ascii=False)
    assert not wecom.violations


def test_a_chat_that_is_crowded_for_long_is_an_alarm(bench):
    """Told when the platform takes nothing there for more than two minutes, over when it does again; the other chat goes on."""
    server = bench.satori(discord())
    daemon = bench.served(server.login, args=("--clock", START), config={"alarms": FAST})
    clock = Clock(daemon)
    server.queued["message.create"] = [
        Reply(429, '{"message": "You are being rate limited.", "retry_after": 90, "global": false}'),
        Reply(429, '{"message": "You are being rate limited.", "retry_after": 300, "global": false}')]

    def alarms():
        return {a["state"]: a for a in json.loads(daemon.ctl("alarms", "--json").stdout)["alarms"] if a["kind"] == "crowded"}
    server.login.say("77", "ping 短", channel="c2")
    server.wait_send("pong 短")
    server.login.say("77", "ping 挤", channel="c1")
    server.wait_send("pong 挤")
    daemon.wait_log("alarm.*kind=crowded", timeout=5)
    found = alarms()["open"]
    assert found["gateway"] == "qq1" and "c1" in found["text"] and "5 min" in found["text"]
    assert daemon.metrics().get("sopd_alarms_open", kind="crowded") == 1       # a minute and a half is none
    assert not daemon.metrics().get("sopd_risk_signals_total", gateway="qq1")
    clock.at(clock.now() + 301000)
    daemon.wait_log("alarm over.*kind=crowded", timeout=10)
    assert "open" not in alarms()
    server.login.say("77", "ping 好", channel="c1")
    server.wait_send("pong 好")
