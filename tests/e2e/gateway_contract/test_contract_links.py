"""Links: they come back, without hurry, and say what is wrong; the daemon ends whatever they do."""

import time

import pytest

from contract import link, relink, wait_link
from harness import LOOSE_PACE, events as ev, slow_build, wait_until


def attempts_in(codec, seconds):
    before = len(codec.attempts)
    time.sleep(seconds)
    return len(codec.attempts) - before


def test_it_comes_back(codec, served):
    daemon = served()
    for i in range(3):
        relink(codec, daemon)
        codec.say("ping %d" % i)
        codec.wait_send("pong %d" % i)
    assert daemon.metrics().get("sopd_reconnects_total", gateway="gw") >= 3
    assert daemon.metrics().get("sopd_gateway_up", gateway="gw") == 1


def test_links_that_come_and_go_leave_nothing_behind(codec, served):
    daemon = served(timing={"backoff": "10ms", "backoff_max": "20ms"}, config={"log": {"level": "info"}})
    codec.say("ping a")
    codec.wait_send("pong a")
    before = None
    for i in range(16):
        if i == 4:
            before = daemon.rss_kib(), daemon.open_files()
        relink(codec, daemon)
    assert daemon.rss_kib() - before[0] < (20480 if slow_build() else 4096)     # sanitizers keep what was freed
    assert daemon.open_files() <= before[1] + 8, "12 links: less than one file each (connections for calls are kept)"


def test_attempts_grow_apart(codec, served):
    """100 ms doubling to 400 ms: no tight loop, and no sleep for ever."""
    if codec.break_upgrades is None:
        pytest.skip("the peer connects")
    daemon = served()
    codec.break_upgrades()
    codec.drop()
    wait_link(daemon, "down", "connecting", "refused")
    made = attempts_in(codec, 2.0)
    assert 1 <= made <= 14, made
    codec.break_upgrades(False)
    wait_link(daemon, "up")
    codec.say("ping a")
    codec.wait_send("pong a")


def test_a_refused_secret_is_said_and_tried_slowly(codec, served):
    if codec.refuse is None:
        pytest.skip("the peer connects")
    codec.refuse()
    daemon = served(ready=False)
    wait_link(daemon, "refused")
    made = attempts_in(codec, 1.5)
    assert made <= 3, made
    assert link(daemon) == "refused"
    assert daemon.log_records(level="error", gateway="gw"), "an error in the log"
    codec.refuse(False)
    wait_link(daemon, "up", timeout=6)
    codec.say("ping a")
    codec.wait_send("pong a")
    assert codec.secret() not in daemon.log()


def test_no_secret_in_the_log_at_any_level(codec, served):
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a")
    relink(codec, daemon)
    daemon.ctl("gateways")
    assert codec.secret() not in daemon.log()
    assert codec.secret() not in daemon.get("/metrics")[1] + daemon.get("/healthz")[1]
    assert codec.secret() not in daemon.ctl("gateways").stdout + daemon.ctl("status").stdout


def test_a_peer_that_says_nothing_is_given_up(codec, served):
    if codec.quiet_link:
        pytest.skip("nothing proves its link dead")
    daemon = served()
    codec.freeze()
    wait_link(daemon, "down", "connecting", timeout=12)
    codec.freeze(False)
    wait_link(daemon, "up", timeout=12)
    codec.say("ping a")
    codec.wait_send("pong a")


def test_ends_while_it_connects(codec, served):
    codec.mute_handshake()
    daemon = served(ready=False)
    wait_until(lambda: codec.attempts, 5, what="an attempt")
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < (12 if slow_build() else 6)


def test_ends_while_it_waits_to_connect(codec, served):
    codec.close_listener()
    daemon = served(ready=False)
    time.sleep(0.3)
    assert daemon.stop() == 0
    codec.open_listener()


def test_ends_while_it_is_ready(codec, served):
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a")
    assert daemon.stop() == 0
    wait_until(lambda: not any(c.open for c in codec.peer.conns), 3, what="the links to be closed")


def test_ends_with_sends_without_an_answer(codec, served):
    daemon = served()
    codec.answer("never")
    codec.say("announce hello")
    codec.wait_send("hello")
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < (12 if slow_build() else 8)
    daemon.start()
    wait_link(daemon, "up")
    codec.say("ping a")
    codec.wait_send("pong a", timeout=8)
    time.sleep(0.5)
    assert len(codec.sends("hello")) == 1, "it may have arrived"


def test_a_reload_takes_it_out_and_puts_it_back(codec, served):
    daemon = served()
    gateways = daemon.config["gateways"]
    other = {"name": "other", "type": "playground"}
    daemon.config["gateways"] = [other]
    daemon.reload()
    wait_until(lambda: not any(c.open for c in codec.peer.conns), 5, what="the link to be closed")
    daemon.config["gateways"] = gateways
    daemon.reload()
    wait_link(daemon, "up")
    codec.say("ping a")
    codec.wait_send("pong a")


def test_another_gateway_does_not_feel_it(codec, served, bench):
    """While this one is refused, cut and silent, the neighbour answers at once."""
    neighbour = bench.gateway("napcat")
    daemon = served(more=[{"name": "next", "timing": {"backoff": "100ms"}, "pace": {"warmup": "0s", **LOOSE_PACE},
                           **neighbour.settings()}])
    neighbour.wait_ready()
    wait_link(daemon, "up", name="next")
    slowest = 0

    def well(step):
        nonlocal slowest
        begun = time.monotonic()
        neighbour.emit(ev.group_msg(ev.GROUP, ev.USER, "ping " + step))
        neighbour.wait_send("pong " + step)
        slowest = max(slowest, time.monotonic() - begun)
    well("before")
    codec.drop()
    well("cut")
    if codec.break_upgrades:
        codec.break_upgrades()
        codec.drop() if link(daemon) == "up" else None
        well("refused")
        codec.break_upgrades(False)
    wait_link(daemon, "up")
    codec.garbage()
    well("garbage")
    codec.answer("never")
    codec.say("announce hello")
    well("no answers")
    codec.freeze()
    well("frozen")
    codec.freeze(False)
    assert slowest < (5 if slow_build() else 1), slowest
    assert link(daemon, "next") == "up"
