"""Satori checklist 1-20: opening, identifying, what makes a link ready, losing it, coming back.

Times that the protocol gives in tens of seconds are set shorter through `timing`; the tests compare with what was set.
"""

import time

import pytest

from harness import Login, gateway_entry
from harness.satori import IDENTIFY, ONLINE, PING, PONG, RECONNECT
from harness.outside import signed
from harness.util import wait_until

TOKEN = "T0ken-with/slash=and~tilde"


def alive(satori, login=None, text="ping x"):
    """A member speaks and is answered."""
    login = login or satori.login
    before = len(login.sends("pong x"))
    login.say(30003, text)
    login.wait_send("pong x", timeout=15, count=before + 1)


def gaps(times):
    return [b - a for a, b in zip(times, times[1:])]


def times_of(satori, op, conn=None):
    return [t for t, c, frame in satori.frames if frame.get("op") == op and (conn is None or c is conn)]


@pytest.mark.parametrize("shape", ["plain", "slash", "v1", "v1-slash", "no-prefix"])
def test_satori_01_the_url_in_any_shape(bench, shape):
    satori = bench.satori(prefix="" if shape == "no-prefix" else "/satori/x")
    tail = {"plain": "", "slash": "/", "v1": "/v1", "v1-slash": "/v1/", "no-prefix": ""}[shape]
    bench.served(satori.login, entry={"url": satori.url + tail})
    _, path, headers = satori.attempts[0]
    assert path == satori.prefix + "/v1/events"
    assert "Sec-WebSocket-Protocol" not in headers
    alive(satori)  # calls go to the same base: the peer refuses others


def test_satori_01_https_for_calls_and_wss_for_events(bench, box):
    context, ca = signed(box)
    satori = bench.satori(tls=context)
    assert satori.url.startswith("https://")
    daemon = bench.served(satori.login, entry={"tls_ca": ca})
    daemon.wait_log("gateway ready")
    alive(satori)


def test_satori_08_a_refused_certificate_is_a_matter_of_configuration(bench, box):
    context, _ = signed(box)
    satori = bench.satori(tls=context)
    daemon = bench.served(satori.login, ready=False, entry={"timing": {"auth_backoff": "600ms"}})
    daemon.wait_log("connection lost.*how=TLS")
    assert not satori.identified


def test_satori_02_identify_comes_first_without_a_token(bench):
    satori = bench.satori(style="satori-python")
    bench.served(satori.login)
    assert satori.frames[0][2]["op"] == IDENTIFY
    assert satori.identified == [{}]
    assert "Authorization" not in satori.wait_action("guild.list").headers


def test_satori_02_the_token_goes_with_it(bench):
    satori = bench.satori(token=TOKEN)
    daemon = bench.served(satori.login)
    assert satori.identified == [{"token": TOKEN}]
    assert satori.wait_action("guild.list").headers.get("Authorization") == "Bearer " + TOKEN
    assert TOKEN not in daemon.log()


def test_satori_03_the_cursor_of_a_reconnect(bench):
    satori = bench.satori(style="satori-python")  # counts from 0
    bench.served(satori.login)
    alive(satori)
    satori.cut()
    satori.wait_link(2)
    wait_until(lambda: len(satori.identified) == 2)
    assert satori.identified[0] == {}
    assert satori.identified[1] == {"sn": 0, "sequence": 0}


def test_satori_03_no_cursor_without_events_or_resume(bench):
    satori = bench.satori()
    bench.served(satori.login, entry={"resume": False})
    alive(satori)
    satori.cut()
    wait_until(lambda: len(satori.identified) == 2)
    assert satori.identified[1] == {}


def test_satori_04_ready_replaces_the_table(bench):
    one, two = Login("llonebot", "10001").guild("20002"), Login("discord", "900").guild("g1", "s", {"c1": "general"})
    satori = bench.satori(one, two)
    daemon = bench.served(one, two)
    alive(satori, one)
    satori.logins.remove(two)
    satori.send_ready()
    daemon.wait_log("the Satori server has no such login.*gateway=qq2")
    satori.logins.append(two)
    satori.send_ready()
    alive(satori, two)
    alive(satori, one)


def test_satori_04_a_login_without_ids_becomes_usable(bench):
    satori = bench.satori(Login("llonebot", "10001", status=RECONNECT).guild("20002"))
    login = satori.login
    whole = login.resource
    login.resource = lambda: {k: v for k, v in whole().items() if k not in ("user", "platform")}
    daemon = bench.served(login, ready=False)
    daemon.wait_log("the Satori server has no such login")
    login.resource, login.status = whole, ONLINE
    satori.login_event("login-updated", login)
    daemon.wait_log("gateway ready")
    alive(satori)


@pytest.mark.parametrize("ready", ["empty", "null"])
def test_satori_05_ready_without_logins(bench, ready):
    satori = bench.satori()
    satori.ready = ready
    daemon = bench.served(satori.login, ready=False)
    daemon.wait_log("the Satori server has no such login")
    satori.login_event("login-added", satori.login)
    daemon.wait_log("gateway ready")
    alive(satori)


def test_satori_05_ready_without_proxy_urls(bench):
    satori = bench.satori()
    satori.ready = "bare"
    bench.served(satori.login)
    alive(satori)


def test_satori_06_a_server_that_says_nothing_is_left(bench):
    satori = bench.satori()
    satori.silent = True
    daemon = bench.served(satori.login, ready=False, entry={"timing": {"first": "300ms"}})
    daemon.wait_log("no READY from the Satori server")
    satori.wait_link(3)
    satori.silent = False
    daemon.wait_log("gateway ready")
    alive(satori)


def test_satori_06_without_ready_but_alive_is_degraded(bench):
    satori = bench.satori(style="chronocat")
    daemon = bench.served(satori.login, ready=False, entry={"timing": {"first": "400ms", "ping": "100ms"}})
    daemon.wait_log("no READY from the Satori server, but it talks to us")
    daemon.wait_log("gateway ready")
    alive(satori)
    assert len(satori.conns) == 1


def test_satori_07_an_event_before_ready(bench):
    satori = bench.satori()
    satori.ready_delay = 1.0
    daemon = bench.served(satori.login, ready=False)
    wait_until(lambda: satori.identified)
    satori.login.say(30003, "ping early")
    satori.login.wait_send("pong early")
    daemon.wait_log("gateway ready")


@pytest.mark.parametrize("style", ["koishi", "satori-python"])
def test_satori_08_a_refused_token(bench, style):
    satori = bench.satori(style=style, token=TOKEN)
    daemon = bench.served(satori.login, ready=False,
                          entry={"token": "another-secret", "timing": {"auth_backoff": "600ms", "auth_backoff_max": "600ms"}})
    daemon.wait_log("refuses our token")
    wait_until(lambda: len(satori.attempts) == 3, 6)
    assert min(gaps([a[0] for a in satori.attempts])) >= 0.55  # never the short pauses
    assert len(daemon.log_records(level="error", msg="the Satori server refuses our token: set the token of this server")) == 1
    assert "another-secret" not in daemon.log()
    satori.token = "another-secret"
    daemon.wait_log("gateway ready")


def test_satori_09_a_frame_that_is_not_understood(bench):
    satori = bench.satori()
    daemon = bench.served(satori.login)
    satori.close_link(4000)
    satori.wait_link(2)
    alive(satori)
    assert daemon.metrics().get("sopd_frames_bad_total", gateway="qq1", why="close_4000") == 1
    daemon.wait_log("did not understand our frame")


def test_satori_10_ready_twice(bench):
    satori = bench.satori()
    satori.ready = "twice"
    daemon = bench.served(satori.login, entry={"timing": {"ping": "200ms"}})
    alive(satori)
    wait_until(lambda: len(times_of(satori, PING)) >= 5)
    assert min(gaps(times_of(satori, PING)[:5])) > 0.12  # one timer
    assert len(daemon.log_records(msg="gateway ready")) == 1


def test_satori_11_12_pings_keep_a_strict_server(bench):
    satori = bench.satori(style="satori-python")
    satori.style.read_timeout, was = 0.8, satori.style.read_timeout  # 12 s there, ping every 9 s
    try:
        bench.served(satori.login, entry={"timing": {"ping": "600ms"}})
        time.sleep(2.5)
        assert len(satori.conns) == 1 and satori.conn.open
        assert satori.frames[0][2]["op"] == IDENTIFY
        first = satori.conns[0].opened
        assert times_of(satori, PING)[0] - first >= 0.5
    finally:
        satori.style.read_timeout = was


def test_satori_13_missing_pongs_alone_are_no_death(bench):
    satori = bench.satori()
    satori.answer_pings = False
    bench.served(satori.login, entry={"timing": {"ping": "100ms", "idle": "1200ms"}})
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        satori.emit_frame({"op": PONG})  # any frame counts, with body or without
        time.sleep(0.3)
    assert len(satori.conns) == 1


def test_satori_13_silence_is(bench):
    satori = bench.satori()
    daemon = bench.served(satori.login, entry={"timing": {"ping": "100ms", "idle": "600ms"}})
    satori.silent = True
    silent = time.monotonic()
    daemon.wait_log("the Satori server is silent")
    satori.silent = False
    satori.wait_link(2)
    assert 0.4 <= satori.conns[1].opened - silent <= 3
    alive(satori)


def test_satori_14_pauses_grow_and_are_spread(bench):
    satori = bench.satori()
    satori.admit = "close"
    daemon = bench.served(satori.login, ready=False, entry={"timing": {"backoff": "100ms", "backoff_max": "800ms"}})
    wait_until(lambda: len(satori.attempts) >= 7, 10)
    pauses = gaps([a[0] for a in satori.attempts])[:6]
    for pause, want in zip(pauses, [0.1, 0.2, 0.4, 0.8, 0.8, 0.8]):
        assert want * 0.75 <= pause <= want * 1.25 + 0.3, pauses
    satori.admit = "ok"
    daemon.wait_log("gateway ready")


def test_satori_14_a_short_life_does_not_reset_them(bench):
    satori = bench.satori()
    daemon = bench.served(satori.login, entry={"timing": {"backoff": "100ms", "backoff_max": "10s", "ready_reset": "60s"}})
    for n in range(1, 5):
        daemon.wait_log("gateway ready", count=n)
        satori.cut()
    daemon.wait_log("gateway ready", count=5)
    assert satori.conns[4].opened - satori.conns[3].closed > 0.6


def test_satori_15_a_restart_counts_from_the_start(bench):
    satori = bench.satori(style="satori-python")
    bench.served(satori.login)
    for n in range(5):
        satori.login.say(30003, "ping %d" % n)
    satori.login.wait_send("pong 4")
    satori.restart()
    satori.wait_link(2)
    satori.wait_ready()
    satori.login.say(30003, "ping again")
    satori.login.wait_send("pong again")


def test_satori_16_out_of_order_numbers(bench):
    satori = bench.satori()
    daemon = bench.served(satori.login)
    bodies = [satori.message_event(30003, "ping n%d" % sn, sn=sn) for sn in (50, 7, 51, 8)]
    satori.emit(*bodies)
    for sn in (50, 7, 51, 8):
        satori.login.wait_send("pong n%d" % sn)
    time.sleep(0.3)  # what the server tells of our own messages carries numbers, too
    before = daemon.metrics().get("sopd_events_total", gateway="qq1", type="message")
    satori.emit(satori.message_event(30003, "nobody answers this", sn=0))
    daemon.wait_metric("sopd_events_total", before + 1, gateway="qq1", type="message")
    satori.cut()
    wait_until(lambda: len(satori.identified) == 2)
    assert satori.identified[1]["sn"] == 0  # the most recent one that carried a number


def test_satori_17_replayed_events_count_once(bench):
    satori = bench.satori(style="satori-python")
    daemon = bench.served(satori.login)
    body = satori.message_event(30003, "ping once")
    satori.emit(body)
    satori.login.wait_send("pong once")
    satori.cut()
    satori.wait_link(2)
    satori.wait_ready()
    satori.emit({**body, "sn": 400}, {**body, "sn": 401})
    alive(satori)
    assert len(satori.login.sends("pong once")) == 1
    assert daemon.metrics().get("sopd_events_repeated_total", gateway="qq1") >= 2


def test_satori_18_an_event_without_number_moves_nothing(bench):
    satori = bench.satori()
    daemon = bench.served(satori.login)
    before = daemon.metrics().get("sopd_events_total", gateway="qq1", type="message")
    satori.emit(satori.message_event(30003, "nobody answers this", sn=41))  # an answer would be told back, with a number
    satori.emit(satori.message_event(30003, "nor this", sn=None))
    daemon.wait_metric("sopd_events_total", before + 2, gateway="qq1", type="message")
    satori.send_meta(["https://cdn.example/"])
    satori.cut()
    wait_until(lambda: len(satori.identified) == 2)
    assert satori.identified[1]["sn"] == 41


def test_satori_20_the_end_in_any_state(bench):
    satori = bench.satori()
    states = [("refuse", {}), ("ok", {"silent": True}), ("ok", {"ready": "never"}), ("ok", {"ready": "empty"}), ("ok", {})]
    for n, (admit, fields) in enumerate(states):
        satori.admit, satori.silent, satori.ready = admit, False, "ok"
        for name, value in fields.items():
            setattr(satori, name, value)
        before = len(satori.attempts)
        daemon = bench.served(satori.login, ready=False, name="sopd%d" % n)
        wait_until(lambda: len(satori.attempts) > before)
        daemon.stop()  # by SIGTERM; anything but a clean end fails the test
        wait_until(lambda: not any(c.open for c in satori.conns))


def test_satori_logins_share_one_connection(bench):
    one, two = Login("llonebot", "10001").guild("20002"), Login("discord", "900").guild("g1", "s", {"c1": "general"})
    three = Login("kook", "77").guild("k1", "k", {"k1c": "x"})
    satori = bench.satori(one, two, three)
    daemon = bench.served(one, two)
    alive(satori, one)
    alive(satori, two)
    assert len(satori.conns) == 1
    daemon.wait_log("logins of the Satori server that no gateway serves.*kook 77")
    satori.login.server.say(1, "ping nobody", login=three)
    alive(satori, one)
    assert daemon.metrics().get("sopd_events_unserved_total") == 1
    assert not three.sends()


def test_satori_one_gateway_less_leaves_the_others(bench):
    one, two = Login("llonebot", "10001").guild("20002"), Login("discord", "900").guild("g1", "s", {"c1": "general"})
    satori = bench.satori(one, two)
    daemon = bench.served(one, two)
    alive(satori, one)
    daemon.config["gateways"] = [gateway_entry(two, "qq2")]
    daemon.write_config()
    daemon.reload()
    alive(satori, two)
    assert len(satori.conns) == 1
    daemon.config["gateways"] = [gateway_entry(two, "qq2"), gateway_entry(one, "qq1")]
    daemon.write_config()
    daemon.reload()
    daemon.wait_log("gateway ready.*gateway=qq1", count=2)
    alive(satori, one)
    assert len(satori.conns) == 1


def test_satori_several_logins_and_no_choice(bench):
    satori = bench.satori(Login("llonebot", "10001").guild("20002"), Login("discord", "900").guild("g1"))
    daemon = bench.served(satori.login, ready=False, entry={"login": None})
    daemon.wait_log("has several logins: say which one.*llonebot 10001, discord 900")


def test_satori_the_only_login_needs_no_name(bench):
    satori = bench.satori()
    bench.served(satori.login, entry={"login": None})
    alive(satori)
