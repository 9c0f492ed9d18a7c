"""The breaker: scripts that repeat themselves, loop or flood are stopped in their chat; two robots do not talk to each other for
ever; people who type fast are never taken for either."""

import json
import os
import time

import pytest

from harness import events as ev, gateway_entry, wait_until

G, U = ev.GROUP, ev.USER
BOT = 3300009999

TALK = """
local flow = sop.flow("talk", { title = "说话" })
flow:command("广播", { args = true }, function(c)
  c:timer("post", { after = "5ms", key = c.args, args = { text = c.args } })
end)
flow:timer("post", function(c, args) c:say(args.text, nil, { anytime = true }) end)
-- re-arms itself for ever: field complaint "a timed task repeats in a loop"
flow:command("循环", function(c) c:timer("spin", { after = "5ms", key = "x", args = { n = 1 } }) end)
flow:timer("spin", function(c, args)
  c.group.spins = (c.group.spins or 0) + 1
  c:timer("spin", { after = "5ms", key = "x", args = { n = args.n + 1 } })
end)
local storm = flow:run("storm", function(c)
  for i = 1, 100 do
    c:say("第 {i} 条广播", { i = i }, { anytime = true })
    c:sleep("5ms")
  end
end)
flow:command("刷屏", function(c) c:start(storm, {}) c:reply("好") end)
flow:command("打卡", function(c) c:reply("今天已打过卡啦") end)
flow:command("抢", function(c) c:say("{who} 抢到了", { who = c.user }) end)
return flow
"""
CHATTY = """
-- answers whatever anybody says
local chatty = sop.flow("chatty", { title = "有问必答" })
chatty:on("message", function(c)
  if not c.command and c.text ~= "" then c:say("我听到你说的话啦,谢谢你和我聊天") end
end)
return chatty
"""
BOOK = """return { title = "t", groups = { "all" }, quiet = false, private = true, timezone = "Asia/Shanghai",
                  flows = { "talk", "chatty" } }"""


@pytest.fixture
def sop(box):
    folder = os.path.join(box, "sop")
    for name, text in (("flows/talk.lua", TALK), ("flows/chatty.lua", CHATTY), ("playbooks/p.lua", BOOK)):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    return folder


def say(gateway, what, group=G, user=U, **fields):
    gateway.emit(ev.group_msg(group, user, what, **fields))


def served(bench, gateway, sop, breaker=None, **options):
    config = {"breaker": breaker} if breaker else {}
    return bench.served(gateway, sop=sop, config=config, **options)


def trips(daemon, why):
    return daemon.metrics().get("sopd_breaker_trips_total", why=why)


def events(daemon, name):
    return [json.loads(f["data"]) for _, f in daemon.redis.client.xrange("sopd:events:{qq1}")
            if f["name"] == name]


def test_the_same_post_again_and_again_is_stopped(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    for i in range(8):
        say(napcat, "广播 大家早上好")
        time.sleep(0.12)
    daemon.wait_metric("sopd_breaker_trips_total", why="repeat")
    napcat.settle(0.3)
    assert len(napcat.sends("大家早上好")) == 5
    wait_until(lambda: events(daemon, "flow_stopped"), 3, what="the business event")
    assert events(daemon, "flow_stopped")[0]["flow"] == "talk"
    wait_until(lambda: any(a["kind"] == "breaker" for a in events(daemon, "alarm")), 5, what="the alarm")
    why = daemon.ctl("why", "qq1:%d" % G).stdout
    assert "the same text too often" in why and "left out" in why and "rests in chat" in why, why
    assert "looping" in daemon.ctl("flows", "qq1:%d" % G).stdout
    # elsewhere, and another text, nothing is stopped; a command of a person lets it go on here
    say(napcat, "广播 大家早上好", group=G + 1)
    napcat.wait_send("大家早上好", chat=G + 1)
    daemon.ctl("resume", "qq1:%d" % G, "talk")
    say(napcat, "打卡")
    napcat.wait_send("今天已打过卡啦")


def test_a_timer_that_turns_in_a_loop_is_stopped(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"loop": {"count": 20, "per": "1m"}})
    say(napcat, "循环")
    daemon.wait_metric("sopd_breaker_trips_total", timeout=8, why="loop")
    key = "sopd:{qq1}:g:talk:%d" % G
    before = int(daemon.redis.client.hget(key, "spins"))
    time.sleep(0.7)
    assert before <= int(daemon.redis.client.hget(key, "spins")) <= before + 2 and before <= 25


def test_a_run_that_floods_is_stopped(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"storm": {"count": 10, "per": "1m"}})
    say(napcat, "刷屏")
    daemon.wait_metric("sopd_breaker_trips_total", timeout=8, why="storm")
    napcat.settle(0.4)
    assert 5 <= len(napcat.sends("条广播")) <= 11


def test_the_same_answer_to_many_members_is_normal(bench, napcat, sop):
    """An evening's check-in: sixty members, the same words."""
    daemon = served(bench, napcat, sop)
    for i in range(60):
        say(napcat, "打卡", user=U + i)
    napcat.wait_send("今天已打过卡啦", count=60, timeout=10)
    assert not trips(daemon, "repeat") and not trips(daemon, "flood")


def test_a_red_packet_storm_is_normal(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    for i in range(80):
        say(napcat, "抢", user=U + i)
    for i in range(80):
        say(napcat, "抢", user=U + i % 7)
    napcat.wait_send("抢到了", count=150, timeout=12)
    assert daemon.metrics().get("sopd_breaker_trips_total") == 0
    assert daemon.metrics().get("sopd_ignored_messages_total") == 0


def test_a_fast_member_is_no_robot(bench, napcat, sop):
    """Twenty messages as fast as they are answered, long ones among them; then the same command twenty times."""
    daemon = served(bench, napcat, sop)
    for i in range(20):
        say(napcat, "我说第 %d 句话,今天天气真的不错呀" % i if i % 3 else "哈哈")
        napcat.wait_send("我听到你说的话啦", count=i + 1)
    for i in range(20):
        say(napcat, "打卡", user=U + 1)
        napcat.wait_send("今天已打过卡啦", count=i + 1)
    assert daemon.metrics().get("sopd_ignored_messages_total") == 0
    assert daemon.metrics().get("sopd_breaker_trips_total") == 0


def pingpong(gateway, words, rounds, user=BOT, group=G, typed=None):
    """Answers each of sopd's messages at once, as a robot does; returns how many were answered."""
    for i in range(rounds):
        count = len(gateway.sends("我听到", chat=group))
        say(gateway, words, group=group, user=user)
        try:
            gateway.wait_send("我听到", count=count + 1, chat=group, timeout=1.2)
        except AssertionError:
            return i
    return rounds


def test_two_robots_stop_talking(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    answered = pingpong(napcat, "亲亲你好呀,我是小爱同学,有什么可以帮到你", 20)
    assert 6 <= answered <= 9, answered
    assert daemon.metrics().get("sopd_breaker_trips_total", why="pingpong") == 1
    wait_until(lambda: events(daemon, "member_ignored"), 3, what="the business event")
    assert events(daemon, "member_ignored")[0]["user"] == str(BOT)
    wait_until(lambda: any(a["kind"] == "pingpong" for a in events(daemon, "alarm")), 5, what="the alarm")
    assert "like a robot" in daemon.ctl("why", "qq1:%d" % G).stdout
    say(napcat, "你好")                                    # everybody else is answered
    napcat.wait_send("我听到", count=answered + 1)


def test_a_robot_that_repeats_us_stops_too(bench, napcat, sop):
    served(bench, napcat, sop)
    i = 0
    while i < 15:
        count = len(napcat.sends("我听到"))
        say(napcat, [ev.at(ev.SELF), ev.text(" 第%d次: 我听到你说的话啦,谢谢你和我聊天" % i)], user=BOT)
        try:
            napcat.wait_send("我听到", count=count + 1, timeout=1.2)
        except AssertionError:
            break
        i += 1
    assert 5 <= i <= 9, i


def test_a_robot_is_ignored_longer_each_time(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"pingpong": {"ignore": "2s", "rounds": 3}})
    words = "亲亲你好呀,我是小爱同学,有什么可以帮到你"
    assert pingpong(napcat, words, 10) < 10
    time.sleep(1.2)
    assert 0 < pingpong(napcat, words, 10) < 10
    time.sleep(1.3)
    assert pingpong(napcat, words, 1) == 0, "four seconds now"
    assert daemon.metrics().get("sopd_breaker_trips_total", why="pingpong") == 2


def test_an_account_of_ours_is_never_answered(bench, sop):
    one = bench.gateway("napcat")
    two = bench.gateway("napcat", self_id=ev.SELF + 1)
    daemon = served(bench, one, sop, entry=None)
    daemon.config["gateways"].append(gateway_entry(two, "qq2"))
    daemon.reload()
    two.wait_ready()
    time.sleep(0.3)
    say(one, "打卡", user=ev.SELF + 1)
    say(one, "打卡", user=U)
    one.wait_send("今天已打过卡啦")
    time.sleep(0.4)
    assert len(one.sends("今天已打过卡啦")) == 1
    assert daemon.metrics().get("sopd_ignored_messages_total", why="own") == 1


def test_it_can_be_switched_off(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"repeat": False, "storm": False, "pingpong": False})
    for i in range(8):
        say(napcat, "广播 大家早上好")
        time.sleep(0.1)
    napcat.wait_send("大家早上好", count=8)
    assert daemon.metrics().get("sopd_breaker_trips_total") == 0
