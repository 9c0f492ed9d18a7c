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
        out.write('return { title = "时钟", groups = { "qq1:*" }, timezone = "Asia/Shanghai", '
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
