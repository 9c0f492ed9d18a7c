"""Satori checklist 21-29 and 54-64 against the running daemon: hostile frames, what events become, accounts that come and go."""

import json
import os
import signal
import time

import pytest

from harness import Login, store
from harness.satori import CONNECT, EVENT, OFFLINE, ONLINE, RECONNECT
from harness.peer import Late
from harness.util import wait_until
from harness.wire import Reply

MIB = 1 << 20


@pytest.fixture
def pair(bench):
    """A llonebot and a discord login of one server, and the daemon that serves both."""
    one = Login("llonebot", "10001").guild("20002", "一群")
    two = Login("discord", "900").guild("g1", "server", {"c1": "general", "c2": "random"})
    satori = bench.satori(one, two)
    satori.daemon = bench.served(one, two)
    satori.daemon.wait_log("gateway ready", count=2)
    satori.one, satori.two = one, two
    return satori


def alive(satori, login=None):
    login = login or satori.login
    before = len(login.sends("pong x"))
    login.say(30003, "ping x")
    login.wait_send("pong x", timeout=15, count=before + 1)


def seen(daemon, kind, gateway="qq1"):
    """What the probe flow saw of that kind of event, when it has seen any."""
    def found():
        return [r for r in store.business_events(daemon.redis.client, gateway, name="seen") if r["kind"] == kind]
    return wait_until(found, 5, what="events of kind " + kind)


def bad(satori, why):
    return satori.daemon.metrics().get("sopd_frames_bad_total", gateway="qq1", why=why)


def test_satori_21_to_24_nonsense_leaves_the_link_alone(pair):
    texts = ["", "hello", "[]", "17", "null", '"x"', "{", '{"body":{}}', '{"op":"0","body":{}}', '{"op":6}', '{"op":-1}',
             '{"op":1000000000}', '{"op":0}', '{"op":0,"body":null}', '{"op":0,"body":{}}', '{"op":0,"body":{"type":7}}',
             '{"op":0,"body":{"type":"message-created"}}', '{"op":4,"body":7}'[:-1]]
    pair.emit_text(*texts)
    pair.emit_binary(b'{"op":0}')
    alive(pair)
    assert len(pair.conns) == 1
    assert bad(pair, "json") >= 4 and bad(pair, "op") == 5 and bad(pair, "body") == 2 and bad(pair, "binary") == 1
    assert bad(pair, "owner") == 1
    pair.daemon.wait_log("an event does not say whose it is")


def test_satori_25_26_numbers_and_nulls(pair):
    pair.emit(pair.event("message-created", channel={"id": 20002, "type": 0, "name": None}, guild=None, member=None, operator=None,
                         user={"id": 30003, "name": None}, message={"id": 77, "content": "ping null", "quote": None}))
    pair.one.wait_send("pong null")
    assert pair.one.sends("pong null")[0].chat == "20002"


def test_satori_27_pieces_and_sizes(pair):
    body = json.dumps({"op": EVENT, "body": pair.message_event(30003, "ping " + "长" * 3000)})
    raw = body.encode()
    pair.emit_fragments(raw[:10], raw[10:500], raw[500:], pings=True)
    wait_until(lambda: pair.one.sends())
    big = pair.message_event(30003, "ping big")
    big["_data"] = "x" * (7 * MIB)
    pair.emit(big)
    pair.one.wait_send("pong big")
    assert len(pair.conns) == 1
    huge = pair.message_event(30003, "ping huge")
    huge["_data"] = "x" * (9 * MIB)
    pair.one.history["20002"].pop()  # or it would be found there after the gap
    pair.emit(huge)
    pair.wait_link(2)
    pair.wait_ready()
    alive(pair)
    assert not pair.one.sends("pong huge")


def test_satori_28_29_depth_and_bad_bytes(pair):
    pair.emit_text('{"op":0,"body":' + "[" * 100000 + "]" * 100000 + "}")
    event = json.dumps({"op": EVENT, "body": pair.message_event(30003, "ping bad#bytes")}).replace("bad#bytes", "bad\\ud800bytes")
    pair.emit_text(event)
    wait_until(lambda: pair.one.sends())
    assert "�" in pair.one.sends()[0].text
    alive(pair)
    assert len(pair.conns) == 1


def test_satori_54_own_messages_come_back_and_are_not_answered(pair):
    pair.one.say("10001", "ping self")
    pair.say("10001", "ping self", login=pair.one, private=True)
    alive(pair)
    assert not pair.one.sends("pong self")


def test_satori_57_58_joins(pair):
    pair.emit(pair.member_event("guild-member-added", "10001", "20002", pair.one))
    pair.one.join("30009", name="Neu")
    pair.two.join("u7", name="Seven")  # no channel in it: the first text channel is asked for
    (first,), (second,) = seen(pair.daemon, "join"), seen(pair.daemon, "join", "qq2")
    assert (first["user"], first["chat"], first["name"]) == ("30009", "20002", "Neu")  # nobody greets himself
    assert (second["user"], second["chat"], second["name"]) == ("u7", "c1", "Seven")


def test_satori_59_a_button(bench):
    login = Login("qq", "777", plain=True, features=["message.create"]).guild("c9", "群")
    satori = bench.satori(login)
    daemon = bench.served(login)
    satori.button("u8", "say:ping button", channel="c9", message={"id": "m1"}, referrer={"event_id": "E-1", "camelCase": {"_x": [1, None]}})
    send = login.wait_send("pong button")
    assert send.params["referrer"] == {"event_id": "E-1", "camelCase": {"_x": [1, None]}}  # satori 42
    satori.emit(satori.event("interaction/button", login, channel={"id": "c9", "type": 0}, user={"id": "u8"}))
    satori.button("u8", "say:ping again", channel="c9", message={"id": "m1"})
    login.wait_send("pong again")
    assert daemon.metrics().get("sopd_frames_bad_total", why="button") == 1


def test_satori_60_an_account_that_goes_and_comes(pair):
    pair.set_status(RECONNECT, pair.two)  # without user and platform: known by its number
    pair.daemon.wait_log("account is offline.*gateway=qq2.*cause=reconnecting")
    alive(pair, pair.one)
    pair.set_status(ONLINE, pair.two)
    pair.daemon.wait_log("account online again.*gateway=qq2")
    alive(pair, pair.two)
    pair.set_status(OFFLINE, pair.two)
    pair.daemon.wait_log("account is offline.*gateway=qq2.*cause=logged_out")
    pair.two.status = ONLINE
    alive(pair, pair.two)  # a message proves that it is online


def test_satori_60_a_poll_finds_it_online(bench):
    satori = bench.satori(Login("llonebot", "10001", status=CONNECT).guild("20002"))
    daemon = bench.served(satori.login, ready=False, entry={"timing": {"idle": "600ms", "ping": "100ms"}})
    daemon.wait_log("account is offline")
    satori.login.wait_action("login.get")
    satori.login.status = ONLINE  # nobody tells: LLOneBot has no login events
    daemon.wait_log("account online again")
    alive(satori)


def three_messages(satori, login):
    """They wait in the queue: the first hangs, then fails."""
    satori.queued["message.create"] = [Late(0.8, Reply(500, "TypeError: x is undefined"))]
    login.say(40000, "连发 3")
    login.wait_send()


def all_wait(satori):
    """The first has failed, the others are kept."""
    satori.daemon.wait_metric("sopd_sends_total", 1, gateway="qq2", outcome="failed")
    assert len(store.outbox(satori.daemon.redis.client, "qq2")) == 2
    alive(satori, satori.one)  # whose sends go on
    assert len(satori.two.sends()) == 1


def both_go_out(satori):
    calls = [satori.two.wait_send(count=n) for n in (2, 3)]
    assert len({c.text for c in calls} | {satori.two.sends()[0].text}) == 3 and calls[0].text < calls[1].text
    wait_until(lambda: not store.outbox(satori.daemon.redis.client, "qq2"), 5, what="the outbox is empty")
    alive(satori, satori.two)
    assert len(satori.two.sends()) == 4


def test_satori_60_the_queue_goes_out_when_it_is_online(pair):
    three_messages(pair, pair.two)
    pair.set_status(RECONNECT, pair.two)
    all_wait(pair)
    pair.set_status(ONLINE, pair.two)
    both_go_out(pair)


def test_satori_61_messages_of_a_removed_login_wait_for_it(pair):
    three_messages(pair, pair.two)
    pair.remove_login(pair.two)
    all_wait(pair)
    assert not [c for c in pair.actions if c.is_send and c.login is None]
    pair.add_login(pair.two)
    pair.login_event("login-added", pair.two)
    both_go_out(pair)


def test_satori_61_a_login_is_removed_and_added(pair):
    pair.remove_login(pair.two)
    pair.daemon.wait_log("gateway down.*gateway=qq2.*the login was removed")
    alive(pair, pair.one)
    pair.add_login(pair.two)
    pair.login_event("login-added", pair.two)
    pair.daemon.wait_log("gateway up.*gateway=qq2", count=2)
    alive(pair, pair.two)
    assert len(pair.conns) == 1


def test_satori_62_seconds(pair):
    now = int(time.time())
    pair.one.say(30003, "ping seconds", timestamp=now)
    pair.one.wait_send("pong seconds")
    assert pair.daemon.metrics().get("sopd_events_late_total", gateway="qq1") == 0


def test_satori_63_internal_events(pair):
    before = pair.daemon.log().count("level=warn")
    pair.emit(pair.event("internal", _type="notice", _data={"a": 1}), pair.event("never-heard-of"))
    alive(pair)
    assert pair.daemon.log().count("level=warn") == before


def test_satori_64_headers_of_two_logins(pair):
    alive(pair, pair.one)
    alive(pair, pair.two)
    for call in pair.actions:
        login = pair.one if call.platform == "llonebot" else pair.two
        assert (call.platform, call.account) == (login.platform, login.id)
        assert call.headers.get("X-Platform") == login.platform and call.headers.get("X-Self-ID") == login.id


def test_satori_groups_are_known_by_name(pair):
    def listed(name):
        return name in pair.daemon.ctl("chats").stdout
    wait_until(lambda: listed("一群") and listed("general"), 5)


def test_satori_back_pressure_stops_reading(bench):
    """The engine has enough while Redis stands still: the socket is not read, nobody is cut off for the silence, nothing is lost."""
    one, two = Login("llonebot", "10001").guild("20002"), Login("discord", "900").guild("g1", "s", {"c1": "general"})
    satori = bench.satori(one, two)
    daemon = bench.served(one, two, config={"queue": {"chat": 50, "total": 300}}, entry={"timing": {"ping": "200ms", "idle": "700ms"}})
    alive(satori, one)
    os.kill(daemon.redis.process.pid, signal.SIGSTOP)
    try:
        satori.emit(*[satori.message_event(30003 + n % 50, "记一下 %d" % n, login=one) for n in range(1500)],
                    *[satori.message_event(30003 + n % 50, "ping n%d" % n, login=one) for n in range(1500)])
        daemon.wait_metric("sopd_gateway_pauses_total", timeout=5)
        time.sleep(1.5)  # more than `idle`
        assert len(satori.conns) == 1 and satori.conn.open
    finally:
        os.kill(daemon.redis.process.pid, signal.SIGCONT)
    two.say(30003, "ping x")  # the other login of the connection, behind all of that
    two.wait_send("pong x", timeout=20)
    wait_until(lambda: daemon.metrics().get("sopd_gateway_reading_paused") == 0, 10)
    assert len(satori.conns) == 1
