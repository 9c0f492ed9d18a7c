"""Pauses, their end, what goes on after them, and the kill switch."""

import os
import time

import pytest

from harness import TEST_SOP, events as ev, store, wait_until
from harness.operators import PATIENCE, degraded, edits, pings

G, U = ev.GROUP, ev.USER


# ---- pauses ----------------------------------------------------------------------------------------------------


def test_a_pause_and_its_end(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    assert pings(napcat, "1")
    daemon.ctl("pause", "echo", "--chat", "qq1:%d" % G)
    wait_until(lambda: not pings(napcat, "x%d" % time.monotonic_ns()), 3)
    assert pings(napcat, "2", G + 1), "only there"
    assert "paused" in daemon.ctl("flows", "qq1:%d" % G).stdout
    assert "paused    echo" in daemon.ctl("status").stdout
    assert client.hgetall("sopd:toggles") == {}
    done = daemon.ctl("resume", "echo", "--chat", "qq1:%d" % G)
    assert "goes on" in done.stdout
    wait_until(lambda: pings(napcat, "y%d" % time.monotonic_ns()), 3)
    daemon.ctl("pause", "echo", "--for", "2s")
    assert client.hget("sopd:paused", "echo").startswith("20")
    wait_until(lambda: not pings(napcat, "z%d" % time.monotonic_ns()), 1.5)
    wait_until(lambda: pings(napcat, "w%d" % time.monotonic_ns()), 4, what="the pause to end by itself")
    client.hset("sopd:paused:gw:qq1", "*", "yes")
    wait_until(lambda: not pings(napcat, "v%d" % time.monotonic_ns()), 3)
    done = daemon.ctl("resume", "all")
    assert "still paused: everything on qq1" in done.stderr
    daemon.ctl("resume", "all", "--gateway", "qq1")
    wait_until(lambda: pings(napcat, "u%d" % time.monotonic_ns()), 3)


def clock_sop(box, at="00:00"):
    sop = os.path.join(box, "clock")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    for flow in ("ring", "clock", "echo"):
        os.symlink(os.path.join(TEST_SOP, "flows", flow + ".lua"), os.path.join(sop, "flows", flow + ".lua"))
    with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, quiet = false, timezone = "Asia/Shanghai", '
                  'flows = { "ring", { "clock", at = "%s" }, "echo" } }\n' % at)
    return sop


@pytest.mark.parametrize("how", ["timer", "run"])
@pytest.mark.parametrize("off", [("sopd:paused", "yes"), ("sopd:toggles", "off")], ids=["paused", "switched off"])
def test_what_was_put_off_goes_on_at_once(bench, napcat, box, how, off):
    daemon = bench.served(napcat, sop=clock_sop(box))
    client = daemon.redis.client
    napcat.emit(ev.group_msg(G, U, "闹钟 %s 5 700 0 0" % how))
    napcat.wait_send("5 个")
    client.hset(off[0], "ring", off[1])
    time.sleep(1.6)
    assert not store.business_events(client, name="rang")
    assert client.zcard(store.key("qq1", "timers")) == 5, "they sleep on"
    client.hdel(off[0], "ring")
    from_then = time.monotonic()
    wait_until(lambda: len(store.business_events(client, name="rang")) == 5, 3 * PATIENCE)
    assert time.monotonic() - from_then < 1.2 * PATIENCE
    assert not client.exists(store.key("qq1", "put-off"))


def test_runs_go_on_after_a_restart_in_between(bench, napcat, box):
    daemon = bench.served(napcat, sop=clock_sop(box))
    client = daemon.redis.client
    napcat.emit(ev.group_msg(G, U, "闹钟 run 3 500 0 0"))
    napcat.wait_send("3 个")
    client.hset("sopd:paused", "ring", "yes")
    wait_until(lambda: client.hlen(store.key("qq1", "put-off")) == 3, 3)
    daemon.kill()
    daemon.start()
    napcat.wait_ready()
    client.hdel("sopd:paused", "ring")
    wait_until(lambda: len(store.business_events(client, name="rang")) == 3, 2.5 * PATIENCE)


def test_a_schedule_that_came_due_under_a_pause(bench, napcat, box):
    soon = time.time() + 8 * 3600 + 4
    at = time.strftime("%H:%M:%S", time.gmtime(soon))
    daemon = bench.served(napcat, sop=clock_sop(box, at))
    client = daemon.redis.client
    assert pings(napcat, "1")           # the group is known
    client.hset("sopd:paused", "clock", "yes")
    time.sleep(max(0, soon - 8 * 3600 - time.time()) + 1.2)
    assert not napcat.sends("到点了")
    client.hdel("sopd:paused", "clock")
    napcat.wait_send("到点了 1", 2)
    time.sleep(0.5)
    assert len(napcat.sends("到点了")) == 1


# ---- the kill switch -------------------------------------------------------------------------------------------


def test_the_kill_switch(bench, napcat):
    slow = {"account": [{"per": "400ms"}], "chat": [{"per": "1ms", "burst": 1000}]}
    daemon = bench.served(napcat, entry={"pace": slow})
    client = daemon.redis.client
    napcat.emit(ev.group_msg(G, U, "连发 8"))
    napcat.wait_send("第 2 条")
    daemon.ctl("kill", "--reason", "a wrong price")
    time.sleep(0.2)
    said = len(napcat.sends("条"))
    assert degraded(daemon, "kill switch")
    napcat.emit(ev.group_msg(G, U, "ping dead"))
    time.sleep(1.5)
    assert len(napcat.sends("条")) == said, "nothing leaves"
    assert not napcat.sends("pong")
    assert client.hlen(store.key("qq1", "outbox")) == 8 - said
    assert "held" in daemon.ctl("outbox").stdout
    daemon.kill()
    daemon.start()
    napcat.wait_ready()
    time.sleep(1.0)
    assert len(napcat.sends("条")) == said, "nor after a restart"
    daemon.ctl("kill", "off")
    napcat.wait(lambda: len(napcat.sends("第 8 条")) == 1, 10)
    texts = [a.text for a in napcat.sends("条")]
    assert texts == ["第 %d 条" % (i + 1) for i in range(8)], "each once, in order"
    assert edits(client)[0][1:] == ("kill", "sopd:paused", "*", "", "yes")
    assert edits(client)[-1][1] == "kill"
    assert pings(napcat, "alive", wait=2)


def test_everything_is_paused_for_a_while(bench, napcat):
    slow = {"account": [{"per": "300ms"}], "chat": [{"per": "1ms", "burst": 1000}]}
    daemon = bench.served(napcat, entry={"pace": slow})
    napcat.emit(ev.group_msg(G, U, "连发 4"))
    napcat.wait_send("第 1 条")
    then = time.monotonic()
    done = daemon.ctl("pause", "all", "--for", "3s")
    assert "nothing is sent either" in done.stdout
    time.sleep(0.2)
    said = len(napcat.sends("条"))
    assert degraded(daemon, "kill switch")
    napcat.wait(lambda: len(napcat.sends("条")) == 4, 9)
    assert said < 4 and napcat.sends("条")[said].time - then > 2.9, "not before the end of the pause"
    wait_until(lambda: not degraded(daemon, "kill switch"), 2)


def test_the_switch_still_answers_when_all_is_killed(bench, napcat, box):
    sop = os.path.join(box, "sop")
    os.makedirs(os.path.join(sop, "playbooks"))
    with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, quiet = false, staff = { ["qq1:%d"] = "owner" }, flows = { "switch", "welcome" } }\n' % U)
    shipped = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(TEST_SOP))), "sop")
    daemon = bench.served(napcat, sop=[sop, shipped], config={"playbooks": ["p"]})
    daemon.redis.client.hset("sopd:paused", "*", "yes")
    daemon.wait_log("the kill switch is on")
    napcat.emit(ev.group_msg(G, U, "开关"))
    napcat.wait_send()


def test_messages_that_are_too_late_expire_under_the_kill_switch(bench, napcat, box):
    sop = os.path.join(box, "sop")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    with open(os.path.join(sop, "flows", "late.lua"), "w", encoding="utf-8") as out:
        out.write('local flow = sop.flow("late", {})\nflow:command("两条", function(c)\n'
                  '  c:say("第零条")\n  c:say("短命", nil, { late = "2s" })\n  c:say("长命", nil, { late = "1h" })\nend)\nreturn flow\n')
    with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, quiet = false, flows = { "late" } }\n')
    slow = {"account": [{"per": "900ms"}], "chat": [{"per": "1ms", "burst": 1000}]}
    daemon = bench.served(napcat, sop=sop, entry={"pace": slow})
    napcat.emit(ev.group_msg(G, U, "两条"))
    napcat.wait_send("第零条")
    daemon.redis.client.hset("sopd:paused", "*", "yes")
    daemon.wait_log("outcome=expired", 6)
    daemon.redis.client.hdel("sopd:paused", "*")
    napcat.wait_send("长命", 5)
    assert not napcat.sends("短命")
