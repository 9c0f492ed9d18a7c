"""serve --clock: time stands still until a test turns it, and an answer means that all is done that was due."""

import os

import pytest

from harness import TEST_SOP, events as ev, run, store
from harness.clock import Clock, moment

G = ev.GROUP
START = "2031-03-05T08:00:00+08:00"
HOUR = 3600 * 1000


def clock_sop(box, at="20:30"):
    sop = os.path.join(box, "clock")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    os.symlink(os.path.join(TEST_SOP, "flows", "clock.lua"), os.path.join(sop, "flows", "clock.lua"))
    with open(os.path.join(sop, "playbooks", "clock.lua"), "w", encoding="utf-8") as out:
        out.write('return { title = "时钟", groups = { "qq1:*" }, quiet = false, timezone = "Asia/Shanghai", '
                  'flows = { { "clock", at = "%s" } } }\n' % at)
    return sop


@pytest.fixture
def turned(bench, napcat, box):
    """A daemon with the clock flow whose clock stands at 08:00."""
    daemon = bench.served(napcat, sop=clock_sop(box), args=("--clock", START))
    daemon.clock = Clock(daemon)
    napcat.wait_action("get_group_list")
    daemon.clock.settle(napcat)
    return daemon


def say(gateway, daemon, text, now):
    gateway.emit(ev.group_msg(G, ev.USER, text, time=now // 1000))
    return daemon.clock.settle(gateway)


def test_the_clock_stands_still(turned):
    start = moment(START)
    assert turned.clock.now() == start
    assert turned.clock.now() == start
    assert turned.clock.next == start + 12 * HOUR + 30 * 60000       # the schedule of 20:30
    assert run("ctl", "--config", turned.config_path, "status").returncode == 0


def test_from_one_due_moment_to_the_next(turned, napcat):
    start = moment(START)
    for minutes in (90, 30):
        say(napcat, turned, "定时 %dm" % minutes, start)         # the same key: the later one replaces
    assert turned.clock.next == start + 30 * 60000
    assert not napcat.sends()
    assert turned.clock.to_next() == start + 30 * 60000
    assert [a.text for a in napcat.sends()] == ["时间到 %d" % ev.USER]
    assert turned.clock.to_next() == moment("2031-03-05T20:30:00+08:00")
    assert [a.text for a in napcat.sends()][1:] == ["到点了 1"]


def test_all_that_is_due_on_the_way_happens_in_order(turned, napcat):
    start = moment(START)
    say(napcat, turned, "定时 26h", start)
    assert turned.clock.at(start + 72 * HOUR) == start + 72 * HOUR
    assert [a.text for a in napcat.sends()] == ["到点了 1", "时间到 %d" % ev.USER, "到点了 2", "到点了 3"]
    events = store.group(turned.redis.client, "clock", G)
    assert events["rung"] == "3" and events["timers"] == "1"


def test_the_clock_goes_on_after_a_kill(turned, napcat):
    start = moment(START)
    say(napcat, turned, "定时 2h", start)
    turned.kill()
    turned.start(args=("--clock", str(start + HOUR)))
    napcat.wait_link(2)
    clock = Clock(turned)
    assert clock.now() == start + HOUR
    assert clock.to_next() == start + 2 * HOUR
    assert len(napcat.sends("时间到")) == 1


def test_ctl_clock(turned):
    def ctl(*args):
        return turned.ctl("clock", *args, check=False)
    assert ctl().stdout.startswith("now  %d 2031-03-05T00:00:00Z\nnext " % moment(START))
    assert "2031-03-05T12:30:00Z" in ctl("next").stdout.splitlines()[0]
    assert "2031-03-06T00:00:00Z" in ctl("at", "2031-03-06T08:00:00+08:00").stdout.splitlines()[0]
    assert "2031-03-06T00:00:00Z" in ctl("now").stdout
    assert ctl("at", "tomorrow").returncode == 1
    assert ctl("sometimes").returncode == 1
    assert ctl("at").returncode == 1
    assert ctl("at", "1", "2").returncode == 2


def test_a_real_clock_is_not_turned(bench, napcat):
    daemon = bench.served(napcat)
    refused = daemon.ctl("clock", "next", check=False)
    assert refused.returncode == 1 and "--clock" in refused.stderr


@pytest.mark.parametrize("text", ["", "soon", "2031-03-05", "2031-03-05T25:00:00", "2031-03-05T08:00:00+8", "-5"])
def test_a_start_that_is_no_time(text):
    done = run("serve", "--clock", text)
    assert done.returncode == 2 and "--clock" in done.stderr


NIGHT = """local flow = sop.flow("night", { title = "夜里" })
flow:command("晚点", function(c) c:timer("later", { after = "1m", key = c.user }) end)
flow:command("在吗", function(c) c:reply("在") end)
flow:timer("later", function(c) c:say("早 {who}", { who = c.user }) end)
return flow
"""


@pytest.mark.parametrize("how", ["goes on", "is killed"])
def test_what_waits_for_the_morning_holds_up_no_answer(bench, napcat, box, how):
    """And it leaves in the morning, each message at its distance from the one before, also after a death in the night."""
    sop = os.path.join(box, "night")
    for name, text in (("flows/night.lua", NIGHT), ("playbooks/night.lua", 'return { groups = { "qq1:*" }, timezone = "Asia/Shanghai", '
                       'quiet = { "22:30", "07:30" }, flows = { "night" } }')):
        os.makedirs(os.path.dirname(os.path.join(sop, name)), exist_ok=True)
        with open(os.path.join(sop, name), "w", encoding="utf-8") as out:
            out.write(text)
    evening, morning = moment("2031-03-05T23:00:00+08:00"), moment("2031-03-06T07:30:00+08:00")
    pace = {"account": [{"per": "1s", "burst": 1}], "chat": [{"per": "2s", "burst": 1}], "jitter": "0s"}
    daemon = bench.served(napcat, sop=sop, args=("--clock", str(evening)), entry={"pace": pace})
    clock = Clock(daemon)
    napcat.wait_action("get_group_list")
    clock.settle(napcat)

    def say(user, text):
        napcat.emit(ev.group_msg(G, user, text, time=clock.now() // 1000))
        clock.settle(napcat)
    for user in range(3):
        say(ev.USER + user, "晚点")
    clock.at(evening + 5 * 60000)
    assert not napcat.sends()
    if how == "is killed":
        daemon.kill()
        daemon.start(args=("--clock", str(evening + 5 * 60000)))
        napcat.wait_link(2)
        clock = Clock(daemon)
    say(ev.USER, "在吗")
    assert len(napcat.sends("在")) == 1
    assert clock.at(morning - 1000) and len(napcat.sends()) == 1

    times = []
    while len(times) < 3 and clock.to_next() < morning + 60000:
        times += [clock.now()] * (len(napcat.sends("早")) - len(times))
    assert [a.text for a in napcat.sends("早")] == ["早 %d" % (ev.USER + i) for i in range(3)]
    assert times[0] >= morning and times[1] - times[0] >= 1900 and times[2] - times[1] >= 1900, times
