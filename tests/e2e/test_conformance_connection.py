"""Checklist 1-18: opening, refusing, losing and proving the link.

Times that the protocol gives in tens of seconds are set shorter through the gateway's timing table;
the tests compare them with what was set.
"""

import socket
import threading
import time

import pytest

from harness import SILENCE, TEST_SOP, RawPeer, events as ev, gateway_entry, handshake, reserve_port, store

TOKEN = "T0ken-with/slash=and~tilde"


class Listener:
    """Accepts TCP connections and closes them at once; keeps the times."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.times = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            conn.close()

    def close(self):
        self.sock.close()


def gaps(times):
    return [b - a for a, b in zip(times, times[1:])]


def reverse(bench, token=None, **config):
    """A daemon with a reverse gateway; returns it and the URL."""
    port = reserve_port()
    redis = bench.redis()
    entry = {"name": "qq1", "mode": "reverse", "listen": "127.0.0.1:%d" % port,
             **config}
    if token:
        entry["token"] = token
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP],
                         "gateways": [gateway_entry(None, **entry)]})
    daemon.redis = redis
    return daemon, "ws://127.0.0.1:%d" % port


# -- forward ----------------------------------------------------------------------------------------


def test_c01_forward_handshake_with_token(bench):
    gateway = bench.gateway("napcat", token=TOKEN)
    bench.served(gateway)
    _, path, headers = gateway.attempts[0]
    assert path == "/"
    assert headers.get_all("Authorization") == ["Bearer " + TOKEN]
    assert "Sec-WebSocket-Protocol" not in headers
    assert "Sec-WebSocket-Extensions" not in headers
    assert headers["User-Agent"].startswith("sopd/")
    assert headers["Host"] == "127.0.0.1:%d" % gateway.port


def test_c01_forward_handshake_without_token(bench, napcat):
    bench.served(napcat)
    _, path, headers = napcat.attempts[0]
    assert path == "/" and "Authorization" not in headers


def test_c01_path_and_query_of_the_url_are_kept(bench, napcat):
    bench.served(napcat, entry={"url": napcat.url + "onebot/v11?account=7&x=%20y"})
    assert napcat.attempts[0][1] == "/onebot/v11?account=7&x=%20y"


def test_c02_token_in_the_query(bench):
    gateway = bench.gateway("wechat")
    bench.served(gateway, entry={"token": "a/b=c~d:e", "token_in_query": True,
                                 "url": gateway.url + "?account=7"})
    _, path, headers = gateway.attempts[0]
    assert path.startswith("/?account=7&access_token=")
    given = path.split("access_token=")[1]
    assert given.lower() in ("a%2fb%3dc~d%3ae", "a%2fb%3dc%7ed%3ae")
    assert "Authorization" not in headers


REFUSALS = [
    pytest.param("lagrange", "401", id="c03_http_401"),
    pytest.param("lagrange", "403", id="c04_http_403"),
    pytest.param("napcat", "frame", id="c05_frame_then_close_without_code"),
    pytest.param("llbot", "frame1008", id="c06_frame_then_1008"),
    pytest.param("wechat", "bare1008", id="c06_bare_1008"),
]


@pytest.mark.parametrize("persona, admit", REFUSALS)
def test_c03_c06_refused_token(bench, persona, admit):
    gateway = bench.gateway(persona)
    gateway.admit = admit
    daemon = bench.served(gateway, entry={"token": TOKEN}, ready=False)
    gateway.wait(lambda: len(gateway.attempts) >= 2, 6)
    first, second = gateway.attempts[0][0], gateway.attempts[1][0]
    assert second - first >= 1.1, "auth_backoff is 1.5 s, jitter 20 %"
    errors = daemon.log_records(level="error", gateway="qq1")
    assert len(errors) == 1, errors
    assert TOKEN not in daemon.log()
    gateway.admit = "ok"
    gateway.wait_ready(8)


def test_c07_three_immediate_closes_mean_a_bad_token(bench, napcat):
    napcat.admit = "close"
    bench.served(napcat, entry={"token": TOKEN}, ready=False)
    napcat.wait(lambda: len(napcat.attempts) >= 4, 8)
    waits = gaps([a[0] for a in napcat.attempts])
    assert waits[0] < 0.9 and waits[1] < 0.9
    assert waits[2] >= 1.1, "the third in a row counts as a refused token"


def test_c07_one_immediate_close_is_ordinary(bench, napcat):
    napcat.admit = "close"
    bench.served(napcat, ready=False)
    napcat.wait_link(1)
    napcat.admit = "ok"
    napcat.wait_ready(3)
    assert gaps([a[0] for a in napcat.attempts])[0] < 0.9


def test_c08_silent_peer_is_left_with_growing_delay(bench, napcat):
    napcat.admit = "silent"
    bench.served(napcat, ready=False,
                 entry={"timing": {"first": "500ms", "backoff": "300ms", "backoff_max": "10s"}})
    napcat.wait_link(4, 12)
    for conn in napcat.conns[:3]:
        assert napcat.wait_closed(conn) == 1001
        assert 0.4 <= conn.closed - conn.opened <= 1.5
    pauses = [b.opened - a.closed for a, b in zip(napcat.conns, napcat.conns[1:])]
    assert pauses[0] < pauses[1] < pauses[2], pauses


def test_c09_ready_without_lifecycle(bench, napcat):
    napcat.send_lifecycle = False
    daemon = bench.served(napcat)
    napcat.emit(ev.group_msg(ev.GROUP, ev.USER, "ping 9"))
    napcat.wait_send("pong 9")
    assert daemon.health()[0] == 200


def test_c10_events_before_ready_are_processed(bench, napcat):
    for action in ("get_login_info", "get_version_info", "get_status"):
        napcat.answers[action] = SILENCE
    napcat.send_lifecycle = False
    redis = bench.redis()
    bench.served(napcat, redis=redis, ready=False)
    napcat.wait_link()
    napcat.emit(ev.group_msg(ev.GROUP, ev.USER, "早到的"))
    store.wait_seen(redis.client, text="早到的")


def test_c11_backoff_grows_with_jitter(bench):
    listener = Listener()
    bench.served(entry=None, ready=False, config={"gateways": [{
        "name": "qq1", "type": "onebot11", "mode": "forward",
        "url": "ws://127.0.0.1:%d/" % listener.port,
        "timing": {"backoff": "200ms", "backoff_max": "1600ms"}}]})
    deadline = time.monotonic() + 10
    while len(listener.times) < 7 and time.monotonic() < deadline:
        time.sleep(0.02)
    listener.close()
    waits = gaps(listener.times)
    assert len(waits) >= 5, waits
    for want, got in zip((0.2, 0.4, 0.8, 1.6, 1.6, 1.6), waits):
        assert 0.75 * want <= got <= 1.35 * want + 0.15, waits
    assert len({round(w, 3) for w in waits[3:]}) > 1, "jitter: %s" % waits


def test_c11_backoff_resets_only_after_a_while_of_ready(bench, napcat):
    bench.served(napcat, entry={"timing": {"backoff": "200ms", "backoff_max": "10s",
                                           "ready_reset": "1500ms"}})
    pauses = []
    for i in range(3):                       # ready, and cut at once: the delay grows
        conn = napcat.wait_link(i + 1)
        napcat.wait_action("get_login_info", where=lambda a, c=conn: a.conn is c)
        napcat.cut()
        pauses.append(napcat.wait_link(i + 2).opened - napcat.wait(lambda c=conn: c.closed))
    assert pauses[2] > 1.6 * pauses[0], pauses
    napcat.wait_action("get_login_info", count=4)
    time.sleep(1.8)
    conn = napcat.conn
    napcat.cut()
    again = napcat.wait_link(5).opened - conn.closed
    assert again < 0.6 * pauses[2] and again < 0.45, (pauses, again)


# -- reverse ----------------------------------------------------------------------------------------


def auth(value):
    return [("Authorization", value), ("X-Self-ID", str(ev.SELF))]


def test_c12_reverse_tokens(bench):
    daemon, url = reverse(bench, token="T0ken")
    url += "/onebot/v11/ws"
    assert handshake(url, auth("Bearer T0ken")) == 101
    assert handshake(url, auth("bearer T0ken")) == 101
    assert handshake(url, auth("Token T0ken")) == 101
    assert handshake(url + "?access_token=T0ken") == 101
    assert handshake(url + "?access_token=T0%6ben&x=1") == 101
    assert handshake(url) == 401
    assert handshake(url, auth("Bearer ")) == 401
    assert handshake(url, auth("Bearer")) == 401
    assert handshake(url, auth("Bearer wrong")) == 403
    assert handshake(url, auth("Bearer T0ken2")) == 403
    assert handshake(url, auth("Bearer T0ke")) == 403
    assert handshake(url + "?access_token=wrong") == 403
    assert "T0ken" not in daemon.log()


def test_c12_refused_peers_are_logged_rarely(bench):
    daemon, url = reverse(bench, token="T0ken")
    for _ in range(20):
        assert handshake(url + "/onebot/v11/ws", auth("Bearer wrong")) == 403
    lines = [line for line in daemon.log().splitlines() if "token" in line.lower()]
    assert 1 <= len(lines) <= 2, lines


def test_c12_reverse_without_token(bench):
    _, url = reverse(bench)
    url += "/onebot/v11/ws"
    for value in ("Bearer ", "Bearer", "Bearer anything", "Token x"):
        assert handshake(url, auth(value)) == 101, value
    assert handshake(url) == 101


def test_c13_reverse_roles(bench):
    _, url = reverse(bench)
    url += "/onebot/v11/ws"
    for role in ("universal", "Universal", "Api", "API", "EVENT", "event"):
        assert handshake(url, [("x-client-role", role)]) == 101, role
    assert handshake(url, [("X-Client-Role", "Admin")]) == 400
    assert handshake(url) == 101


def test_c13_reverse_paths(bench):
    _, url = reverse(bench)
    for path in ("/onebot/v11/ws", "/onebot/v11/ws/", "/onebot/v11/", "/onebot/v11", "/onebot",
                 "/ws", "/", "/onebot/v11/api", "/onebot/v11/event", "/onebot/v11/ws?a=1&b=2"):
        assert handshake(url + path) == 101, path
    assert handshake(url + "/elsewhere") == 404
    with RawPeer(url + "/onebot/v11/ws", request=b"GET /onebot/v11/ws HTTP/1.1\r\nHost: x\r\n\r\n") as peer:
        assert peer.status in (400, 426)


def test_c14_reverse_answers_fast_under_load(bench, napcat):
    port = reserve_port()
    daemon = bench.served(napcat, config={"gateways": [
        gateway_entry(napcat), gateway_entry(None, "qq2", mode="reverse",
                                             listen="127.0.0.1:%d" % port)]})
    stop = threading.Event()

    def load():
        n = 0
        while not stop.is_set():
            n += 1
            napcat.emit(*[ev.group_msg(ev.GROUP + i, ev.USER, "ping %d" % n) for i in range(40)])
    worker = threading.Thread(target=load)
    worker.start()
    try:
        took = []
        for _ in range(20):
            with RawPeer("ws://127.0.0.1:%d/onebot/v11/ws" % port) as peer:
                assert peer.status == 101
                took.append(peer.took)
            time.sleep(0.03)
    finally:
        stop.set()
        worker.join()
    assert sorted(took)[10] < 0.2, took
    assert daemon.running()


def test_c15_second_connection_replaces_the_first(bench):
    daemon, url = reverse(bench, timing={"timeout": "20s"})
    first = bench.gateway("napcat", "reverse", target=url + "/onebot/v11/ws", reconnect=None)
    first.wait_ready()
    first.answers["send_group_msg"] = SILENCE
    first.emit(ev.group_msg(ev.GROUP, ev.USER, "丢弃 旧连接"))
    first.wait_send("drop 旧连接")
    second = bench.gateway("napcat", "reverse", target=url + "/onebot/v11/ws")
    second.wait_ready()
    assert first.wait_closed(first.conns[0]) == 1001
    daemon.wait_metric("sopd_sends_total", gateway="qq1", outcome="unknown")
    second.emit(ev.group_msg(ev.GROUP, ev.USER, "ping 新连接"))
    second.wait_send("pong 新连接")
    assert not second.sends("drop")


def test_c16_absent_self_id_is_learned_from_the_first_event(bench):
    daemon, url = reverse(bench)
    gateway = bench.gateway("napcat", "reverse", target=url + "/onebot/v11/ws")
    gateway.headers["X-Self-ID"] = None
    gateway.cut(gateway.wait_link())
    gateway.wait_link(2)
    gateway.wait_ready()
    gateway.emit(ev.group_msg(ev.GROUP, ev.USER, [ev.at(ev.SELF), ev.text(" ping 谁")]))
    gateway.wait_send("pong 谁")
    assert str(ev.SELF) in daemon.ctl("gateways").stdout


def test_c16_textual_self_id_gives_way_to_the_events(bench):
    daemon, url = reverse(bench)
    gateway = bench.gateway("wechat", "reverse", target=url + "/onebot/v11/ws")
    gateway.headers["X-Self-ID"] = "wx-account-7"
    gateway.cut(gateway.wait_link())
    gateway.wait_link(2)
    gateway.wait_ready()
    gateway.emit(ev.group_msg(ev.GROUP, ev.USER, [ev.at(ev.SELF), ev.text(" ping 谁")]))
    gateway.wait_send("pong 谁")
    assert str(ev.SELF) in daemon.ctl("gateways").stdout


# -- liveness ---------------------------------------------------------------------------------------


def test_c17_idle_link_is_pinged_and_kept_while_pongs_come(bench, napcat):
    bench.served(napcat, entry={"timing": {"idle": "2s"}})
    conn = napcat.conn
    time.sleep(4.5)
    assert conn.open and conn.pings >= 2


def test_c17_dead_link_is_replaced(bench, napcat):
    napcat.answer_pings = False
    bench.served(napcat, entry={"timing": {"idle": "2s"}})
    napcat.answers["get_status"] = SILENCE
    conn = napcat.conns[0]
    napcat.answer_pings = True
    code = napcat.wait_closed(conn, 8)
    assert code in (1001, 1006)
    assert 1.5 <= conn.closed - conn.opened <= 6
    assert conn.pings >= 1
    napcat.wait_link(2, 5)


def test_c17_frames_without_pongs_keep_the_link(bench, napcat):
    napcat.answer_pings = False
    bench.served(napcat, entry={"timing": {"idle": "2s"}})
    conn = napcat.conn
    for _ in range(10):
        napcat.emit(ev.group_msg(ev.GROUP, ev.USER, "闲聊"))
        time.sleep(0.4)
    assert conn.open


def test_c17_event_socket_needs_no_pongs(bench):
    _, url = reverse(bench, timing={"idle": "2s"})
    url += "/onebot/v11/ws"
    api = bench.gateway("gocq", "reverse", target=None)
    api.headers["X-Client-Role"], api.send_lifecycle, api.target = "API", False, url
    event = bench.gateway("gocq", "reverse", target=None)
    event.headers["X-Client-Role"], event.answer_pings, event.target = "Event", False, url
    api.start(), event.start()
    api.wait_ready()
    conn = event.wait_link()
    time.sleep(4.5)
    assert conn.open
    event.emit(ev.group_msg(ev.GROUP, ev.USER, "ping 分开"))
    api.wait_send("pong 分开")
    assert event.actions == []


def test_c18_account_offline_holds_the_sends(bench, napcat):
    daemon = bench.served(napcat)
    link = napcat.conn
    napcat.online = False
    napcat.emit(ev.heartbeat(online=False))
    napcat.emit(ev.group_msg(ev.GROUP, ev.USER, "ping 掉线"))
    time.sleep(0.8)
    assert not napcat.sends("pong 掉线") and link.open
    assert "offline" in daemon.ctl("gateways").stdout
    napcat.online = True
    before = len(napcat.actions)
    napcat.emit(ev.heartbeat(online=True))
    napcat.wait_action("get_login_info", since=before)
    napcat.wait_send("pong 掉线")
    assert napcat.conn is link
