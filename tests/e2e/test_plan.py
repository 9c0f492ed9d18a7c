"""`sopd ctl plan`: when a broadcast would be through. It is held against one that is really sent."""

import json
import os
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness import events as ev, noon_zone, run, slow_build, wait_until

ZONE = timezone(timedelta(hours=8))
GROUPS = 60

NEWS = """local flow = sop.flow("news", { title = "新闻", params = { at = { "clock", default = "23:59" } } })
flow:at("at", function(c) c:say("头条") end)
return flow
"""
LIMITS = """return { title = "test", zone = "%s", jitter = 40, warmup = "0s", limits = {
  { name = "gap", scope = "account", kinds = "broadcast", count = 1, per = "40ms", source = "test", quality = "ours", checked = "2026-11-22" },
  { name = "minute", scope = "account", count = 1200, per = "1m", burst = 20, source = "test", quality = "ours", checked = "2026-11-22" },
  { name = "post-day", scope = "chat", kinds = "broadcast", count = %d, per = "day", source = "test", quality = "ours", checked = "2026-11-22" },
} }
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def folder(box, at=None, head="quiet = false,", posts=2):
    at = at or soon(12 * 3600).strftime("%H:%M:%S")     # not within these tests, and nothing to make up for
    sop = os.path.join(box, "news")
    write(sop + "/flows/news.lua", NEWS)
    write(sop + "/playbooks/news.lua",
          'return { groups = { "qq1:*" }, timezone = "Asia/Shanghai", %s flows = { { "news", at = "%s" } } }' % (head, at))
    write(sop + "/platforms/onebot11.lua", LIMITS % (noon_zone(), posts))
    return sop


def serve(bench, napcat, box, groups=GROUPS, **options):
    napcat.groups = {700000001 + i: "群%d" % i for i in range(groups)}
    daemon = bench.served(napcat, sop=folder(box, **options), entry={"quotas": None, "pace": None})
    wait_until(lambda: len(json.loads(daemon.ctl("chats", "qq1", "--json").stdout)["chats"]) == groups)
    return daemon


def plan(daemon, *args):
    done = run("ctl", "--config", daemon.config_path, "plan", *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def soon(seconds):
    when = datetime.now(ZONE) + timedelta(seconds=seconds)
    return when.replace(microsecond=0)


def test_the_plan_and_the_broadcast_agree(bench, napcat, box):
    """The plan is made before; the last group is reached when it said, within some per cent of the time it takes."""
    begin = soon(3)
    daemon = serve(bench, napcat, box, at=begin.strftime("%H:%M:%S"))
    planned = plan(daemon, "news")
    account, = planned["accounts"]
    assert planned["groups"] == planned["sent"] == GROUPS and planned["shed"] == 0
    assert account["first"] == begin.timestamp() and account["account"] in ("qq1", str(ev.SELF))
    assert account["limits"] == [{"limit": "gap", "messages": GROUPS - 1}]
    takes = account["last"] - account["first"]
    assert takes == pytest.approx((GROUPS - 1) * 0.040 * 1.4, rel=0.01)

    wait_until(lambda: len(napcat.sends("头条")) >= 1, timeout=8)
    offset = time.time() - time.monotonic()
    halfway = plan(daemon, "--gateway", "qq1")           # what the broadcast has reserved comes first
    assert halfway["accounts"][0]["first"] == pytest.approx(account["last"], abs=1.0)
    wait_until(lambda: len(napcat.sends("头条")) == GROUPS, timeout=15)
    times = [a.time + offset for a in napcat.sends("头条")]
    slack = 1.5 if slow_build() else 0.3
    assert times[0] == pytest.approx(account["first"], abs=slack)
    assert times[-1] == pytest.approx(account["last"], abs=takes * 0.08 + slack)

    again = plan(daemon, "news", "--at", str(int(time.time() * 1000) + 60000))
    assert again["sent"] == GROUPS and again["accounts"][0]["quota"] == 0   # the second of two a day
    twice = plan(daemon, "news", "--messages", "2", "--at", str(int(time.time() * 1000) + 60000))
    assert (twice["sent"], twice["accounts"][0]["quota"]) == (GROUPS, GROUPS)


def test_what_would_be_left_out(bench, napcat, box):
    daemon = serve(bench, napcat, box, groups=30, at="22:29:59", head='quiet = { "22:30", "07:30" },')
    late = plan(daemon, "news", "--late", "500ms")
    account, = late["accounts"]
    assert account["too_late"] == late["shed"] > 0 and late["sent"] + late["shed"] == 30
    assert account["last"] - account["first"] <= 0.5
    night = plan(daemon, "news")["accounts"][0]          # one second until the quiet hours
    assert night["last"] - night["first"] < 1 and night["sent"] + night["too_late"] == 30 and night["too_late"] > 5
    day = datetime.now(ZONE).date() + timedelta(days=1)
    held = plan(daemon, "news", "--at", "%sT23:00:00" % day)["accounts"][0]
    morning = datetime(day.year, day.month, day.day, 7, 30, tzinfo=ZONE) + timedelta(days=1)
    assert held["quiet"] == 30 and held["first"] == morning.timestamp()


def test_numbers_instead_of_groups(bench, napcat, box):
    daemon = serve(bench, napcat, box, groups=1)
    many = plan(daemon, "--chats", "600", "--kind", "broadcast", "--late", "10m")
    account, = many["accounts"]
    assert (many["sent"], many["groups"]) == (600, 600)
    assert account["last"] - account["first"] == pytest.approx(599 * 0.056, rel=0.01)
    answers = plan(daemon, "--chats", "600", "--kind", "game", "--late", "10m")["accounts"][0]   # the gap is for broadcasts
    assert answers["limits"] == [{"limit": "minute", "messages": 580}]
    assert answers["last"] - answers["first"] == pytest.approx(580 * 60 / 1180, rel=0.01)
    table = run("ctl", "--config", daemon.config_path, "plan", "--chats", "10").stdout
    assert "HELD UP BY" in table and "gap (9)" in table and table.endswith("10 messages to 10 groups.\n")
    before = daemon.redis.client.dbsize()
    plan(daemon, "news")
    assert daemon.redis.client.dbsize() == before and not napcat.sends()


@pytest.mark.parametrize("args,why", [
    ([], "it is: plan"), (["news", "--chats", "3"], "it is: plan"), (["--chats", "0"], "it is: plan"),
    (["--kind", "advert", "--chats", "3"], "it is: plan"), (["--at", "soon", "news"], "it is: plan"),
    (["nothing"], "no playbook runs that flow"), (["news.noon"], "no time of day of that name"),
    (["news", "--gateway", "qq9"], "there is no such gateway"),
])
def test_what_cannot_be_planned(bench, napcat, box, args, why):
    daemon = serve(bench, napcat, box, groups=1)
    done = run("ctl", "--config", daemon.config_path, "plan", *args)
    assert done.returncode != 0 and why in done.stderr
