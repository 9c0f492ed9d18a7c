"""What comes in: every event once, in order, whole."""

import time

import pytest

from contract import relink, wait_link


def test_an_event_counts_once(codec, served):
    """The platform tells it again at once: the same turn, one answer."""
    served()
    codec.say("ping a")
    codec.wait_send("pong a #1")
    codec.repeat()
    codec.repeat()
    codec.say("ping b")
    codec.wait_send("pong b #2")
    assert len(codec.sends("pong")) == 2


def test_an_event_counts_once_over_a_new_link(codec, served):
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a #1")
    relink(codec, daemon)
    codec.repeat()
    codec.say("ping b")
    codec.wait_send("pong b #2")
    assert len(codec.sends("pong")) == 2


def test_an_event_counts_once_over_a_kill(codec, served):
    """kill -9, and the platform tells it again: Redis knows."""
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a #1")
    daemon.wait_metric("sopd_sends_total", outcome="sent", gateway="gw")
    daemon.kill()
    daemon.start()
    wait_link(daemon, "up")
    codec.repeat()
    codec.say("ping b")
    codec.wait_send("pong b #2")
    assert len(codec.sends("pong")) == 2


def test_the_order_of_a_chat_is_kept(codec, served):
    served()
    n = codec.burst
    codec.say_many(["ping %d" % i for i in range(1, n + 1)])
    codec.wait_send("pong %d #%d" % (n, n), timeout=10)
    numbers = [codec.reads(a).split("#")[1] for a in codec.sends("pong")]
    assert numbers == [str(i) for i in range(1, n + 1)]


def test_ids_arrive_exactly(codec, served):
    served()
    codec.say("who", user=codec.odd_user)
    sent = codec.wait_send("user=")
    assert codec.reads(sent).startswith("user=%s chat=%s name=" % (codec.odd_user, codec.group))
    assert sent.chat == codec.group


def test_a_private_chat_is_the_person(codec, served):
    served()
    if codec.whisper("who") is False:
        pytest.skip("there are no private chats")
    sent = codec.wait_send("user=")
    assert "chat=@%s " % codec.user in codec.reads(sent)
    assert sent.chat == "@" + codec.user


def test_joins_and_leaves(codec, served):
    if "join" not in codec.reports:
        pytest.skip("it has no such events")
    daemon = served()
    codec.join(codec.other)
    codec.wait_send("welcome %s" % codec.other)
    codec.leave(codec.other)
    daemon.wait_metric("sopd_events_total", gateway="gw", type="leave")


def test_an_old_message_counts_and_is_not_answered(codec, served):
    """It was said ten minutes ago: what it does to state counts, nobody wants the answer now."""
    daemon = served()
    codec.say_old("ping old", 600)
    daemon.wait_metric("sopd_events_late_total", gateway="gw")
    codec.say("ping new")
    codec.wait_send("pong new #2")
    assert not codec.sends("pong old")


def test_our_own_messages_start_nothing(codec, served):
    served()
    if codec.own("ping self") is False:
        pytest.skip("it never reports them")
    codec.say("ping a")
    codec.wait_send("pong a #1")
    assert not codec.sends("pong self")


def test_what_was_missed_comes_from_the_history_once(codec, served):
    if "history" not in codec.caps:
        pytest.skip("it has no history")
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a #1")
    codec.close_listener()
    codec.drop()
    wait_link(daemon, "down", "connecting")
    codec.miss("ping missed")
    codec.open_listener()
    codec.wait_send("pong missed #2", timeout=12)
    relink(codec, daemon)
    codec.say("ping b")
    codec.wait_send("pong b #3")
    time.sleep(0.3)
    assert len(codec.sends("pong missed")) == 1


def test_garbage_is_counted_and_harms_nothing(codec, served):
    daemon = served()
    links = len(codec.peer.conns)
    codec.say("ping a")
    codec.wait_send("pong a")
    codec.garbage()
    codec.say("ping b")
    codec.wait_send("pong b #2")
    assert len(codec.peer.conns) == links, "the link was given up"
    daemon.wait_metric("sopd_frames_bad_total", 3, gateway="gw")


def test_a_flood_takes_no_memory(codec, served):
    daemon = served(config={"log": {"level": "info"}})
    codec.chatter(500)
    codec.say("ping a")
    codec.wait_send("pong a", timeout=20)
    before = daemon.rss_kib()
    codec.chatter(4000)
    codec.say("ping b")
    codec.wait_send("pong b", timeout=20)
    assert daemon.rss_kib() - before < 24 * 1024, (before, daemon.rss_kib())


def test_a_toggle_silences_it_and_brings_it_back(codec, served):
    daemon = served()
    codec.say("ping a")
    codec.wait_send("pong a #1")
    daemon.ctl("toggle", "contract", "off", "--gateway", "gw")
    time.sleep(0.3)
    codec.say("ping b")
    time.sleep(0.3)
    daemon.ctl("toggle", "contract", "on", "--gateway", "gw")
    time.sleep(0.3)
    codec.say("ping c")
    codec.wait_send("pong c #2")
    assert not codec.sends("pong b")
