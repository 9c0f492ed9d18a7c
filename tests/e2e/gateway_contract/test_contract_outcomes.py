"""How sends end: exactly one outcome each, and nothing said twice in front of everybody."""

import time

from contract import wait_link
from harness import wait_until

OUTCOMES = ("sent", "failed", "unknown", "expired", "dropped", "gone")


def outcomes(daemon):
    metrics = daemon.metrics()
    return {o: int(metrics.get("sopd_sends_total", gateway="gw", outcome=o)) for o in OUTCOMES
            if metrics.get("sopd_sends_total", gateway="gw", outcome=o)}


def wait_outcome(daemon, timeout=8.0, **wanted):
    wait_until(lambda: outcomes(daemon) == wanted, timeout, every=0.05, what=lambda: "%s, is %s" % (wanted, outcomes(daemon)))


def stays(daemon, seconds=0.7, **wanted):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert outcomes(daemon) == wanted
        time.sleep(0.1)


def test_sent(codec, served):
    daemon = served()
    codec.say("announce hello")
    codec.wait_send("hello")
    wait_outcome(daemon, sent=1)
    stays(daemon, 0.3, sent=1)


def test_refused_for_good(codec, served):
    daemon = served()
    codec.answer("fail")
    codec.say("announce hello")
    wait_outcome(daemon, failed=1)
    stays(daemon, failed=1)
    assert len(codec.sends("hello")) == 1


def test_no_answer_is_not_said_twice(codec, served):
    daemon = served()
    codec.answer("never")
    codec.say("announce hello")
    codec.wait_send("hello")
    wait_outcome(daemon, unknown=1)
    stays(daemon, unknown=1)
    assert len(codec.sends("hello")) == 1
    codec.say("ping after")
    codec.wait_send("pong after", timeout=8)


def test_a_late_answer_is_no_second_outcome(codec, served):
    daemon = served()
    codec.answer("late")
    codec.say("announce hello")
    codec.wait_send("hello")
    wait_until(lambda: sum(outcomes(daemon).values()) == 1, 8, what="an outcome")
    time.sleep(1.5)
    assert sum(outcomes(daemon).values()) == 1, outcomes(daemon)
    assert len(codec.sends("hello")) == 1


def test_the_link_is_lost_under_it(codec, served):
    daemon = served()
    codec.answer("lost")
    codec.say("announce hello")
    codec.wait_send("hello")
    wait_outcome(daemon, unknown=1)
    wait_link(daemon, "up")
    assert len(codec.sends("hello")) == 1
    codec.say("ping after")
    codec.wait_send("pong after", timeout=8)


def test_what_was_not_written_leaves_later_once(codec, served):
    """It was wanted while there was no link."""
    daemon = served()
    codec.say("later 700ms hello")
    codec.wait_send("noted")
    codec.close_listener()
    codec.drop()
    wait_link(daemon, "down", "connecting")
    time.sleep(1.0)
    assert not codec.sends("hello")
    codec.open_listener()
    wait_link(daemon, "up")
    codec.wait_send("hello", timeout=8)
    wait_outcome(daemon, sent=2)
    assert len(codec.sends("hello")) == 1


def test_an_unmarked_answer_ends_the_same_way(codec, served):
    """An answer (policy resend) whose outcome nobody knows: at most once more, and one outcome."""
    daemon = served()
    codec.answer("never")
    codec.say("ping a")
    codec.wait_send("pong a")
    wait_until(lambda: sum(outcomes(daemon).values()) == 1, 12, what="an outcome")
    assert 1 <= len(codec.sends("pong a")) <= 2


def test_many_in_a_row_each_has_its_outcome(codec, served):
    daemon = served()
    codec.answer("ok", "fail", "ok", "ok", "fail")
    codec.say("many 8")
    codec.wait_send("no. 8")
    wait_outcome(daemon, sent=6, failed=2)
    assert [codec.reads(a) for a in codec.sends("no.")] == ["no. %d" % i for i in range(1, 9)]


def test_redis_goes_away_in_between(codec, served):
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a #1")
    daemon.redis.pause()
    codec.say("ping b")
    time.sleep(0.5)
    daemon.redis.resume()
    codec.wait_send("pong b #2", timeout=10)
    codec.say("ping c")
    codec.wait_send("pong c #3")
    assert len(codec.sends("pong")) == 3


def test_a_kill_in_between_loses_and_doubles_nothing(codec, served):
    """What was counted stays counted, once; what the platform tells again adds nothing."""
    daemon = served()
    codec.say_many(["ping %d" % i for i in range(1, 21)])
    codec.wait_send("pong")
    daemon.kill()
    daemon.start()
    wait_link(daemon, "up")
    codec.repeat()
    codec.say("ping end")
    sent = codec.wait_send("pong end", timeout=20)
    count = int(codec.reads(sent).split("#")[1])
    numbers = [codec.reads(a).split("#")[1] for a in codec.sends("pong")]
    assert count <= 21 and int(numbers[-1]) == count
    texts = {}
    for a in codec.sends("pong"):   # an answer that may have left before the kill may leave again, with the same number
        text, number = codec.reads(a).split(" #")
        assert texts.setdefault(text, number) == number, "one event was counted twice: " + text
