"""Calendar quotas and the attention of members: counted with the turn's own commit, kept over restarts, shown by `sopd ctl quota`."""

import json
import os

import pytest

from harness import ROOT, events as ev, lua_value, noon_zone, run, wait_until
from harness.clock import Clock, moment

G = ev.GROUP
NOON = "2031-03-05T12:00:00+08:00"
MINUTE = 60000
HOUR = 60 * MINUTE

BELL = """local flow = sop.flow("bell", { title = "铃" })
flow:command("约", { args = true }, function(c) c:timer("ring", { after = c.args, key = c.args, args = { who = c.user } }) end)
flow:command("喊", { args = true }, function(c) c:timer("call", { after = c.args, key = c.args, args = { who = c.user } }) end)
flow:command("写", { args = true }, function(c) c:timer("write", { after = c.args, key = c.args, args = { who = c.user } }) end)
flow:command("在吗", function(c) c:reply("在") end)
flow:timer("ring", function(c, args) c:say("当") end)
flow:timer("call", function(c, args) c:say("叮 {who}", { who = sop.at(args.who, "小美") }) end)
flow:timer("write", function(c, args)
  local id, why = c:dm(args.who, "悄悄话", nil, { wait = true })
  c:emit("wrote", { id = id or "", why = why or "" })
end)
return flow
"""
LIMIT = '{ name = "%s", scope = "%s", kinds = %s, count = %s, per = "%s", source = "test", quality = "ours", checked = "2026-11-22" }'
POSTS = LIMIT % ("post-day", "chat", '{ "broadcast", "at_all" }', 2, "day")
ATTENTION = LIMIT % ("attention", "member", '{ "broadcast", "dm" }', 2, "business day")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def folder(box, *limits, playbook="", zone="Asia/Shanghai"):
    sop = os.path.join(box, "bell")
    write(sop + "/flows/bell.lua", BELL)
    write(sop + "/playbooks/bell.lua", 'return { groups = { "qq1:*" }, timezone = "Asia/Shanghai", %s flows = { "bell" } }' % playbook)
    write(sop + "/platforms/onebot11.lua",
          'return { title = "test", zone = "%s", jitter = 0, warmup = "0s", limits = { %s } }' % (zone, ", ".join(limits)))
    return sop


class Hall:
    """A daemon with the flow bell, whose clock is turned."""

    def __init__(self, bench, napcat, sop, **entry):
        self.napcat, self.sent = napcat, 0
        self.daemon = bench.served(napcat, sop=sop, args=("--clock", NOON), entry={"quotas": None, **entry})
        self.clock = Clock(self.daemon)
        napcat.wait_action("get_group_list")
        self.clock.settle(napcat)

    def say(self, text, user=ev.USER):
        self.napcat.emit(ev.group_msg(G, user, text, time=self.clock.now() // 1000))
        self.clock.settle(self.napcat)

    def events(self, name):
        entries = self.daemon.redis.client.xrange("sopd:events:{qq1}")
        return [fields for _, fields in entries if fields.get("event") == name or fields.get("name") == name]

    def pass_time(self, ms):
        """The texts of what was sent meanwhile."""
        self.clock.at(self.clock.now() + ms)
        self.clock.settle(self.napcat)
        new = [a.text for a in self.napcat.sends()[self.sent:]]
        self.sent += len(new)
        return new

    def ctl(self, *args):
        done = run("ctl", "--config", self.daemon.config_path, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ledger(self):
        """{limit: {whom: used}}"""
        gateway, = json.loads(self.ctl("quota", "qq1", "--json"))["gateways"]
        return {limit["name"]: {row["whom"]: row["used"] for row in limit["used"]} for limit in gateway["limits"] if limit["name"]}


def test_posts_of_a_day_are_counted_and_answers_are_not(bench, napcat, box):
    hall = Hall(bench, napcat, folder(box, POSTS))
    for minutes in (20, 21, 22):
        hall.say("约 %dm" % minutes)
    assert hall.pass_time(30 * MINUTE) == ["当", "当"]
    for _ in range(4):
        hall.say("在吗")
    assert len(hall.pass_time(MINUTE)) == 4
    assert hall.ledger() == {"post-day": {str(G): 2}}
    assert hall.daemon.metrics().get("sopd_sends_total", outcome="quota") == 1

    hall.daemon.kill()                                    # it is in Redis
    hall.daemon.start(args=("--clock", str(moment(NOON) + HOUR)))
    napcat.wait_link(2)
    hall.clock = Clock(hall.daemon)
    assert hall.ledger() == {"post-day": {str(G): 2}}
    hall.say("约 20m")
    assert hall.pass_time(30 * MINUTE) == []
    hall.say("约 21h")
    assert hall.pass_time(22 * HOUR) == ["当"], "the next day"


def test_the_ledger_for_people(bench, napcat, box):
    hall = Hall(bench, napcat, folder(box, POSTS, ATTENTION))
    hall.say("喊 20m")
    hall.pass_time(30 * MINUTE)
    lines = hall.ctl("quota").splitlines()
    assert lines[0] == "gateway qq1"
    posts, = [line for line in lines if line.startswith("post-day")]
    assert str(G) in posts and "2 a day" in posts and "broadcast, at_all" in posts and "test (ours, 2026-11-22)" in posts
    attention, = [line for line in lines if line.startswith("attention")]
    assert str(ev.USER) in attention and "2 a business day" in attention
    frees = {limit["name"]: limit["used"][0]["frees"]
             for limit in json.loads(hall.ctl("quota", "--json"))["gateways"][0]["limits"] if limit["used"]}
    assert frees["post-day"] == moment("2031-03-06T00:00:00+08:00") / 1000
    assert frees["attention"] == moment("2031-03-06T04:00:00+08:00") / 1000


def test_a_member_is_mentioned_so_often_a_day(bench, napcat, box):
    hall = Hall(bench, napcat, folder(box, ATTENTION))
    for minutes in (20, 21, 22):
        hall.say("喊 %dm" % minutes)
    hall.say("喊 23m", ev.USER + 1)
    assert hall.pass_time(30 * MINUTE) == ["叮 @%d" % ev.USER] * 2 + ["叮 小美", "叮 @%d" % (ev.USER + 1)]
    hall.say("写 20m")
    assert hall.pass_time(30 * MINUTE) == [], "a private message is one too many"
    hall.clock.settle(napcat)
    wrote, = hall.events("wrote")
    assert "enough was written" in str(wrote), "the script is told"
    metrics = hall.daemon.metrics()
    assert metrics.get("sopd_mentions_left_out_total", gateway="qq1") == 1
    assert metrics.get("sopd_sends_total", outcome="attention") == 1
    for text in ("喊 3h", "写 17h"):                       # 03:xx is still today, 18:xx is not
        hall.say(text)
    assert hall.pass_time(4 * HOUR) == ["叮 小美"]
    assert hall.pass_time(20 * HOUR) == ["悄悄话"]


def test_why_tells_what_was_left_out(bench, napcat, box):
    """By the real clock: a turned one keeps no trace. At noon: near its end a day's quota puts off instead of leaving out."""
    daemon = bench.served(napcat, sop=folder(box, POSTS, ATTENTION, playbook="quiet = false,", zone=noon_zone()),
                          entry={"quotas": None}, config={"timezone": noon_zone()})
    chat = "qq1:%d" % G
    for text in ("喊 100ms", "喊 110ms", "喊 120ms", "写 130ms"):
        napcat.emit(ev.group_msg(G, ev.USER, text))
    wait_until(lambda: len(napcat.sends()) == 2)
    wait_until(lambda: "left out: enough was written to this member today" in daemon.ctl("why", chat).stdout)
    why = daemon.ctl("why", chat).stdout
    assert "left out: a quota of messages is used up" in why
    assert wait_until(lambda: daemon.metrics().get("sopd_sends_total", outcome="attention") == 1)


def test_what_was_put_aside_is_the_same_after_a_restart(bench, napcat, box):
    """A message without a mention that was left out waits in the outbox while the account is muted, and leaves without it."""
    hall = Hall(bench, napcat, folder(box, LIMIT % ("attention", "member", '{ "broadcast" }', 1, "business day")))
    hall.say("喊 20m")
    assert hall.pass_time(30 * MINUTE) == ["叮 @%d" % ev.USER]
    hall.say("喊 20m")
    napcat.emit(ev.ban(G, ev.SELF, 3600))
    hall.clock.settle(napcat)
    assert hall.pass_time(25 * MINUTE) == []
    entry, = [json.loads(v) for v in hall.daemon.redis.client.hgetall("sopd:{qq1}:outbox").values()]
    assert entry["plain"] == [str(ev.USER)]


@pytest.mark.parametrize("playbook,texts", [("attention = false,", ["叮 @%d" % ev.USER] * 3),
                                            ("attention = 1,", ["叮 @%d" % ev.USER, "叮 小美", "叮 小美"])])
def test_a_playbook_has_its_own_word(bench, napcat, box, playbook, texts):
    hall = Hall(bench, napcat, folder(box, ATTENTION, playbook=playbook))
    for minutes in (20, 21, 22):
        hall.say("喊 %dm" % minutes)
    assert hall.pass_time(30 * MINUTE) == texts


@pytest.mark.parametrize("entry,limits", [
    ({}, {"post-day": 2, "attention": 2, "gap": 1}),
    ({"quotas": False}, {"gap": 1}),
    ({"quotas": {"post-day": 9, "attention": False}}, {"post-day": 9, "gap": 1}),
    ({"quotas": {"gap": {"per": "9s"}, "own": {"scope": "account", "kinds": "dm", "count": 5, "per": "month"}}, "attention": 7},
     {"post-day": 2, "attention": 7, "gap": 1, "own": 5}),
    ({"pace": {"chat": [{"per": "1ms", "burst": 9}]}}, {"post-day": 2, "attention": 2, "gap": 1}),
    ({"platform": "slack"}, {"chat-gap": 1, "account-minute": 300, "attention": 6}),
], ids=["as it is", "no quotas", "numbers", "tables", "pace", "another platform"])
def test_what_the_configuration_changes(bench, napcat, box, entry, limits):
    gap = LIMIT % ("gap", "account", '"all"', 1, "2ms")
    daemon = bench.served(napcat, sop=[folder(box, POSTS, ATTENTION, gap, zone=noon_zone()), os.path.join(ROOT, "sop")],
                          entry={"quotas": None, "pace": None, **entry}, config={"playbooks": ["bell"]})
    done = run("ctl", "--config", daemon.config_path, "quota", "--json")
    found = json.loads(done.stdout)["gateways"][0]["limits"]
    assert {one["name"]: one["count"] for one in found if one["name"]} == limits
    if "own" in limits:
        assert {one["interval_us"] for one in found if one["name"] == "gap"} == {9e6}
        assert {one["source"].split(":")[0] for one in found if one["name"] in ("own", "gap")} == {daemon.config_path}


@pytest.mark.parametrize("entry,problem", [
    ('platform = "icq"', "there is no platforms/icq.lua"),
    ("quotas = true", "quotas must be false, or a table"),
    ('quotas = { ["post-day"] = "many" }', "post-day must be a number above 0"),
    ("quotas = { nothing = 5 }", "the platform has no limit nothing"),
    ('quotas = { ["post-day"] = { per = "fortnight" } }', "per"),
    ("attention = 0", "attention"),
    ('quotas = { ["post-day"] = { kinds = "advert" } }', "kinds"),
])
def test_a_wrong_setting_is_said_with_its_line(box, entry, problem):
    sop = folder(box, POSTS, ATTENTION)
    path = box + "/sopd.lua"
    write(path, 'return {\n  data_dir = %s, sop = { %s },\n  gateways = { { name = "qq1", type = "onebot11", mode = "forward", '
                'url = "ws://127.0.0.1:1/",\n    %s } },\n}\n' % (lua_value(box + "/data"), lua_value(sop), entry))
    done = run("check", "--config", path)
    assert done.returncode == 3
    assert any(line.startswith(path + ":4: ") and problem in line for line in done.stderr.splitlines()), done.stderr


def test_the_playground_has_no_quotas(box):
    """And none of the platform's rates: SOP tests and `sopd play` run as fast as ever."""
    path = box + "/sopd.lua"
    write(path, 'return { data_dir = %s, sop = { %s }, playbooks = { "shop" }, gateways = { { name = "pg", type = "playground" } } }\n'
          % (lua_value(box + "/data"), lua_value(box + "/own") + ", " + lua_value(os.path.join(ROOT, "sop"))))
    write(box + "/own/playbooks/shop.lua", 'return { groups = { "pg:*" }, flows = { { "checkin", remind = "20:00" } } }')
    plan = json.loads(run("check", "--config", path, "--json", "--groups", "500").stdout)["plan"]
    assert plan and {one["seconds"] for one in plan} == {0}


QUIET = """local flow = sop.flow("late", { title = "晚" })
flow:at("22:29", function(c) for i = 1, 4 do c:say("第{i}条", { i = i }) end end)
flow:at("22:28", function(c) c:say("夜宵", nil, { anytime = true, late = "10m" }) end)
return flow
"""


def test_no_post_leaks_into_the_quiet_hours(bench, napcat, box):
    """Four posts at 22:29, 20 seconds apart: the one that would leave at 22:30 is left out. What may be said at any time is."""
    sop = os.path.join(box, "late")
    write(sop + "/flows/late.lua", QUIET)
    write(sop + "/playbooks/late.lua", 'return { groups = { "qq1:*" }, timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, flows = { "late" } }')
    pace = {"account": [{"per": "1ms"}], "chat": [{"per": "20s"}], "jitter": "0s", "warmup": "0s"}
    daemon = bench.served(napcat, sop=sop, args=("--clock", "2031-03-05T22:20:00+08:00"), entry={"pace": pace})
    clock = Clock(daemon)
    napcat.wait_action("get_group_list")
    clock.settle(napcat)
    clock.at("2031-03-05T23:30:00+08:00")
    texts = [a.text for a in napcat.sends(chat=G)]
    assert texts[0] == "夜宵" and texts[1:] in (["第1条", "第2条", "第3条"], ["第1条", "第2条"])
    clock.at("2031-03-06T09:00:00+08:00")
    assert len(napcat.sends(chat=G)) == len(texts)


NIGHT = """local flow = sop.flow("night", { title = "夜" })
flow:at("23:10", function(c) c:say("到点") end)
flow:command("提醒我", function(c)
  c:timer("remind", { after = "5m", key = c.user, args = { who = c.user } })
  c:reply("好的")
end)
flow:timer("remind", function(c, args)
  c:say("提醒")
  c:say("开奖", nil, { kind = "game" })
  c:dm(args.who, "私下提醒")
  c:say("夜宵", nil, { anytime = true })
end)
flow:on("join", function(c) c:say("欢迎") end)
flow:command("等会", function(c) c:reply("嗯"); c:sleep("5m"); c:say("醒了") end)
flow:trigger("push", function(c) c:say("推送") end)
return flow
"""


def test_every_way_of_speaking_up_keeps_the_quiet_hours(bench, napcat, box):
    """Schedules, timers, games, private messages, greetings, runs that wake, orders of outside systems: all wait for the morning.
    An answer and what a script says at any time on purpose do not."""
    sop = os.path.join(box, "night")
    write(sop + "/flows/night.lua", NIGHT)
    write(sop + "/playbooks/night.lua",
          'return { groups = { "qq1:*" }, timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, flows = { "night" } }')
    daemon = bench.served(napcat, sop=sop, args=("--clock", "2031-03-05T23:00:00+08:00"))
    clock = Clock(daemon)
    napcat.wait_action("get_group_list")
    clock.settle(napcat)
    for text in ("提醒我", "等会"):
        napcat.emit(ev.group_msg(G, ev.USER, text, time=clock.now() // 1000))
        clock.settle(napcat)
    napcat.emit(ev.join(G, ev.USER + 5, operator=ev.USER + 9, time=clock.now() // 1000))
    clock.settle(napcat)
    daemon.redis.client.xadd("sopd:commands:{qq1}", {"op": "trigger", "flow": "night", "name": "push", "chat": G})
    wait_until(lambda: clock.now() and not daemon.redis.client.xlen("sopd:commands:{qq1}"))
    clock.at("2031-03-06T07:29:59+08:00")
    spoken = ["@%d 好的" % ev.USER, "@%d 嗯" % ev.USER, "夜宵"]
    assert [a.text for a in napcat.sends()] == spoken
    clock.at("2031-03-06T07:45:00+08:00")
    morning = [a.text for a in napcat.sends()][len(spoken):]
    assert sorted(morning) == sorted(["到点", "提醒", "开奖", "私下提醒", "欢迎", "醒了", "推送"])


def test_the_ledger_shows_rates_that_are_busy(bench, napcat, box):
    hall = Hall(bench, napcat, folder(box, LIMIT % ("slow", "account", '"all"', 1, "1h")), pace=None)
    assert hall.ledger() == {"slow": {}}
    hall.say("在吗")
    row, = [r for limit in json.loads(hall.ctl("quota", "--json"))["gateways"][0]["limits"] for r in limit["used"]]
    assert row["used"] == 1 and row["whom"] in ("qq1", str(ev.SELF))
    assert row["frees"] == pytest.approx(moment(NOON) / 1000 + 3600, abs=60)


def test_an_edited_file_holds_at_once(bench, napcat, box):
    sop = folder(box, POSTS, zone=noon_zone())
    daemon = bench.served(napcat, sop=sop, entry={"quotas": None})

    def counts():
        found = json.loads(daemon.ctl("quota", "--json").stdout)["gateways"][0]["limits"]
        return {one["name"]: one["count"] for one in found if one["name"]}
    assert counts() == {"post-day": 2}
    folder(box, LIMIT % ("post-day", "chat", '"begun"', 5, "day"))
    wait_until(lambda: counts() == {"post-day": 5})
    write(sop + "/platforms/onebot11.lua", "return { limits = { { name = 5 } } }")
    done = run("ctl", "--config", daemon.config_path, "reload")
    assert done.returncode == 1 and "platforms/onebot11.lua:1: a limit needs a count" in done.stderr
    assert counts() == {"post-day": 5}
