"""The WeCom gateway's connection: TLS, subscription, heartbeat, take-over, broken frames, shutdown. `wecom N` in a test's
text is the item of the checklist in the protocol's description."""

import json
import ssl
import struct
import time

import pytest
from websockets.frames import OP_CLOSE, OP_PONG

from harness import SILENCE, TEST_SOP, Ack, aio, run, slow_build, store, wait_until
from test_transport import Authority

GROUP = "wrEXAMPLEgroupA"
QUICK = {"ping": "150ms", "timeout": "1s", "ready_reset": "100ms"}
DEBUG = {"log": {"level": "debug"}}


def serve(bench, wecom, timing=None, config=None, **options):
    entry = {"timing": {**QUICK, **(timing or {})}, **options.pop("entry", {})}
    daemon = bench.served(wecom, entry=entry, config={**DEBUG, **(config or {})}, **options)
    wecom.daemon = daemon
    return daemon


def works(wecom, text="ping 好"):
    """A message in a group is answered."""
    since = len(wecom.actions)
    wecom.say("lisi", text, chat=GROUP)
    wecom.wait_send("pong", since=since)


def gateway_row(daemon, name="qq1"):
    return next(g for g in json.loads(daemon.ctl("--json", "gateways").stdout)["gateways"] if g["name"] == name)


# -- TLS -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("pki"))
    return {"ca": Authority(directory), "other": Authority(directory, "stranger")}


def tls_server(bench, files, asked=None):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    if asked is not None:
        tls.sni_callback = lambda sock, name, ctx: asked.append(name)
    wecom = bench.wecom(tls=tls)
    wecom.host = "localhost"
    return wecom


def test_tls_with_its_own_ca(bench, pki):
    """wecom 1: name asked for, certificate checked against tls_ca."""
    asked = []
    wecom = tls_server(bench, pki["ca"].sign("good"), asked)
    serve(bench, wecom, entry={"tls_ca": pki["ca"].pem})
    works(wecom)
    assert asked[0] == "localhost"


def test_bad_certificate_is_refused(bench, pki):
    """wecom 1: and tried again, and told in words; nothing of us is said to a stranger."""
    wecom = tls_server(bench, pki["other"].sign("bad"))
    daemon = serve(bench, wecom, entry={"tls_ca": pki["ca"].pem}, ready=False)
    daemon.wait_log("signed by an unknown CA", count=3)
    assert wecom.actions == [] and wecom.conns == []


# -- subscription ----------------------------------------------------------------------------------------


def test_refused_secret(bench):
    """wecom 4, 63, 64: closed by us, tried again slowly, told to operators; the secret is nowhere to be read."""
    wecom = bench.wecom(secret="SECRET-OF-THE-BOT")
    wecom.bots[wecom.bot_id] = "another"
    daemon = serve(bench, wecom, ready=False)
    daemon.wait_log("the platform refuses bot_id or secret")
    assert wecom.wait_closed(wecom.conns[0]) == 1000        # the server would have kept it open
    wait_until(lambda: gateway_row(daemon)["link"] == "refused", what="refused")
    alarm = wait_until(lambda: store.business_events(daemon.redis.client, name="alarm"), what="the alarm")[0]
    assert alarm["kind"] == "link"
    wecom.bots[wecom.bot_id] = wecom.secret
    wecom.wait_ready()
    works(wecom)
    gaps = [b.opened - a.closed for a, b in zip(wecom.conns, wecom.conns[1:])]
    assert all(gap >= 1.45 for gap in gaps)                 # auth_backoff is 1.5 s in the tests
    assert_unread(daemon, "SECRET-OF-THE-BOT")


def assert_unread(daemon, *secrets):
    """Neither the log at debug level, nor Redis, metrics, ctl and `sopd check` have them."""
    check = run("check", "--config", daemon.config_path, check=False)
    places = {"log": daemon.log(), "metrics": daemon.get("/metrics")[1], "ctl": daemon.ctl("--json", "gateways").stdout,
              "status": daemon.ctl("--json", "status").stdout, "check": check.stdout + check.stderr}
    client = daemon.redis.client
    for key in client.scan_iter(count=1000):
        places["redis " + key] = repr(client.dump(key)) + repr(read_key(client, key))
    for secret in secrets:
        found = [place for place, text in places.items() if secret in text]
        assert found == [], secret


def read_key(client, key):
    kind = client.type(key)
    read = {"string": client.get, "hash": client.hgetall, "set": client.smembers, "stream": client.xrange,
            "list": lambda k: client.lrange(k, 0, -1), "zset": lambda k: client.zrange(k, 0, -1)}[kind]
    return read(key)


def test_subscribed_too_often(bench):
    """wecom 5: the pause is that of `limited`, not of backoff."""
    wecom = bench.wecom()
    wecom.queued["aibot_subscribe"] = [Ack(45009)]
    serve(bench, wecom, {"limited": "800ms"})
    assert wecom.conns[1].opened - wecom.conns[0].closed >= 0.79


def test_no_answer_to_the_subscription(bench):
    """wecom 6"""
    wecom = bench.wecom()
    wecom.queued["aibot_subscribe"] = [SILENCE, SILENCE]
    serve(bench, wecom, {"timeout": "300ms"})
    for conn in wecom.conns[:2]:
        assert 0.28 <= conn.closed - conn.opened < 5
    assert len(wecom.conns) == 3


# -- liveness ----------------------------------------------------------------------------------------------


def test_idle(bench):
    """wecom 7, 12: application pings at their interval, and nothing else; no RFC 6455 PING in twenty intervals."""
    wecom = bench.wecom()
    serve(bench, wecom, {"ping": "100ms"})
    wecom.wait(lambda: len(wecom.link.ping_times) >= 20, 10)
    times = wecom.link.ping_times
    between = [b - a for a, b in zip(times, times[1:])]
    assert 0.09 <= sum(between) / len(between) <= 0.3
    assert wecom.link.pings == 0 and len(wecom.conns) == 1
    assert {a.action for a in wecom.actions} == {"aibot_subscribe", "ping"}


def test_server_ping_is_answered(bench):
    """wecom 8"""
    wecom = bench.wecom()
    serve(bench, wecom)
    aio.run(pong_to(wecom.link.ws))


async def pong_to(ws):
    import asyncio
    await asyncio.wait_for(await ws.ping(), 5)


def test_dead_link(bench):
    """wecom 13: everything is swallowed: cut after two unanswered pings, and connected again."""
    wecom = bench.wecom()
    serve(bench, wecom)
    wecom.dead = True
    first = wecom.conns[0]
    wecom.wait_closed(first)
    assert first.close_code == 1006
    assert first.closed - first.ping_times[-1] >= 0.12
    wecom.dead = False
    wecom.wait_link(2)
    wecom.wait_ready()
    works(wecom)


def broken_frames():
    close = struct.pack("!H", 1001) + b"bye"
    return {
        "masked pong": lambda ws: ws.frame(OP_PONG, b"x", masked=True),
        "masked close": lambda ws: ws.frame(OP_CLOSE, close, masked=True),
        "close of one byte": lambda ws: ws.frame(OP_CLOSE, b"\x03"),
        "close with a code that cannot be": lambda ws: ws.frame(OP_CLOSE, struct.pack("!H", 5) + b"?"),
        "close with broken text": lambda ws: ws.frame(OP_CLOSE, struct.pack("!H", 1000) + b"\xff\xfe"),
        "close too long": lambda ws: ws.frame(OP_CLOSE, close + b"x" * 200),
        "close in pieces": lambda ws: ws.frame(OP_CLOSE, close, fin=False),
        "unknown opcode": lambda ws: ws.frame(11, b"zz"),
        "reserved bits": lambda ws: ws.frame(0x71, b"{}"),
        "noise": lambda ws: ws.transport.write(b"\xf3\x91garbled\x00\xff"),
    }


@pytest.mark.parametrize("name", sorted(broken_frames()))
def test_broken_control_frames(bench, name):
    """wecom 9: an ordinary disconnect, whatever it is."""
    wecom = bench.wecom()
    serve(bench, wecom)
    conn = wecom.link
    wecom._in_loop(lambda: broken_frames()[name](conn.ws))
    wecom._in_loop(lambda: conn.ws.transport.close() if "close" in name and "masked" not in name else None)
    wecom.wait_closed(conn)
    wecom.wait_link(2)
    wecom.wait_ready()
    works(wecom)


def test_fragments_and_binary(bench):
    """wecom 10, 11: put together with pings in between; binary is ignored with a warning; too much ends the link."""
    wecom = bench.wecom()
    daemon = serve(bench, wecom, entry={"max_frame": "64K"})
    frame = json.dumps(wecom._callback(wecom.body("text", "lisi", text={"content": "ping 碎片"}), "r-frag"),
                       ensure_ascii=False).encode()
    wecom.callbacks["r-frag"] = {**json.loads(frame), "_time": time.monotonic()}
    wecom.emit_fragments(*[frame[i:i + 7] for i in range(0, len(frame), 7)], pings=True)
    wecom.wait_send("pong 碎片")
    wecom.emit_binary(frame)
    daemon.wait_log("a binary message is ignored")
    works(wecom)
    conn = wecom.link
    wecom.emit_text("x" * 70000)
    assert wecom.wait_closed(conn) == 1009
    wecom.wait_link(2)
    wecom.wait_ready()
    works(wecom, "ping 又来")


def test_cut_right_after_the_subscription(bench):
    """wecom 17, 22: each time the pause grows, and memory does not."""
    wecom = bench.wecom()
    wecom.queued["aibot_subscribe"] = [cut_after_ack] * 20
    daemon = serve(bench, wecom, {"backoff": "20ms", "backoff_max": "150ms", "ready_reset": "60s"}, ready=False)
    wecom.wait_link(4)
    rss = daemon.rss_kib()
    wecom.wait_link(21, timeout=15)
    gaps = [b.opened - a.closed for a, b in zip(wecom.conns, wecom.conns[1:])]
    assert all(gap >= 0.1 for gap in gaps[4:20]), gaps
    works(wecom.wait_ready())
    assert daemon.rss_kib() - rss < (20480 if slow_build() else 4096)


def cut_after_ack(action):
    """A reply of the scripted peer: the subscription is acknowledged, and TCP ends without a close frame."""
    aio.loop().call_soon(action.conn.ws.transport.close)
    return Ack(0)


# -- another connection has the bot --------------------------------------------------------------------------


def test_superseded(bench):
    """wecom 19: heartbeat stops, we close, do not come back, and raise the alarm."""
    wecom = bench.wecom()
    daemon = serve(bench, wecom)
    conn = wecom.link
    wecom.kick()
    assert wecom.wait_closed(conn) == 1000
    alarm = wait_until(lambda: store.business_events(daemon.redis.client, name="alarm"), what="the alarm")[0]
    assert alarm["kind"] == "account" and "superseded" in alarm["text"]
    row = gateway_row(daemon)
    assert (row["link"], row["account"], row["account_reason"]) == ("down", "offline", "superseded")
    pings = len(conn.ping_times)
    time.sleep(0.6)                                         # six times the longest pause before connecting again
    assert len(wecom.conns) == 1 and len(conn.ping_times) == pings


def test_two_daemons(bench):
    """wecom 20: the second has the bot, the first stays away: two subscriptions in all."""
    wecom = bench.wecom()
    first = serve(bench, wecom)
    second = serve(bench, wecom, name="second")
    wait_until(lambda: gateway_row(first)["account_reason"] == "superseded", what="the first is superseded")
    works(wecom)
    time.sleep(0.6)
    assert len(wecom.find("aibot_subscribe")) == 2
    assert gateway_row(second)["link"] == "up"


def test_changed_and_reloaded(bench):
    """A changed entry makes a new connection; its subscription ends the old one, which must not call that a take-over."""
    wecom = bench.wecom()
    daemon = serve(bench, wecom)
    works(wecom)
    daemon.config["gateways"][0]["names"] = ["助手", wecom.name]
    daemon.reload()
    wecom.wait_link(2)
    wecom.wait_ready()
    works(wecom, "ping 改")
    wecom.wait_closed(wecom.conns[0])
    time.sleep(0.3)
    assert len(wecom.conns) == 2
    assert gateway_row(daemon)["account"] == "online"
    assert "taken the bot over" not in daemon.log()


# -- the end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["connecting", "subscribing", "waiting", "refused", "ready", "superseded"])
def test_shutdown(bench, state):
    """wecom 23: a clean end at once from each state (the harness looks at exit code and sanitizers)."""
    wecom = bench.wecom()
    if state == "subscribing":
        wecom.answers["aibot_subscribe"] = SILENCE
    elif state == "refused":
        wecom.answers["aibot_subscribe"] = Ack(853000)
    elif state == "waiting":
        wecom.stop_listening()
    timing = {"backoff": "60s", "backoff_max": "60s", "timeout": "30s"}
    port = wecom.url
    entry = {"url": "wss" + port[2:], "timing": {**QUICK, "first": "60s"}} if state == "connecting" else {}
    daemon = serve(bench, wecom, None if entry else timing, ready=state in ("ready", "superseded"), entry=entry)
    if state == "connecting":                               # it waits for a TLS handshake that never comes
        wait_until(lambda: wecom.links >= 1, what="a connection")
    elif state == "subscribing":
        wecom.wait_action("aibot_subscribe")
    elif state == "refused":
        daemon.wait_log("refuses bot_id")
    elif state == "waiting":
        daemon.wait_log("connection lost")
    elif state == "superseded":
        wecom.kick()
        daemon.wait_log("taken the bot over")
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 5


# -- configuration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields,words", [
    ({"bot_id": None}, "needs bot_id"),
    ({"bot_id": "a b"}, "BotID of the console"),
    ({"secret": None}, "needs secret_env or secret_file"),
    ({"secret": "a b"}, "blank"),
    ({"url": "https://x"}, "wss://host"),
    ({"url": "wss://u:p@x"}, "must not hold a password"),
    ({"names": []}, "names must be 1 to 16"),
    ({"names": ["@Helper"]}, "without the @"),
    ({"mention": "bold"}, "mention must be"),
    ({"takeover": "1m"}, "at least 5m"),
    ({"mode": "forward"}, "mode"),
    ({"pool": "both"}, "cannot stand in for each other"),
    ({"timing": {"idle": "1s"}}, "idle"),
])
def test_configuration_errors(bench, fields, words):
    """What is wrong is said before anything is connected, without the secret."""
    entry = {"name": "wc1", "type": "wecom", "bot_id": "aibX", "secret": "SECRET-INLINE", "names": ["Helper"], **fields}
    daemon = bench.sopd({"sop": [TEST_SOP], "redis": "redis://127.0.0.1:1/0",
                         "gateways": [{k: v for k, v in entry.items() if v is not None}]}, start=False)
    daemon.write_config()
    done = run("check", "--config", daemon.config_path, check=False)
    assert done.returncode != 0 and words in done.stdout + done.stderr, done.stdout + done.stderr
    assert "SECRET-INLINE" not in done.stdout + done.stderr


def test_one_bot_once(bench):
    entry = {"type": "wecom", "bot_id": "aibX", "secret": "s", "names": "Helper", "scene": 3, "takeover": "10m",
             "mention": "angle", "plug_version": "1"}
    daemon = bench.sopd({"sop": [TEST_SOP], "redis": "redis://127.0.0.1:1/0",
                         "gateways": [{"name": "a", **entry}, {"name": "b", **entry}]}, start=False)
    daemon.write_config()
    done = run("check", "--config", daemon.config_path, check=False)
    assert "bot_id is that of gateway a already" in done.stdout + done.stderr


def test_everything_that_can_be_said(bench):
    """wecom 64: a whole entry is accepted; what is risky is warned of; the secret is in no output."""
    entry = {"name": "wc1", "type": "wecom", "bot_id": "aibX", "secret": "SECRET-INLINE", "names": "Helper", "scene": 3,
             "takeover": "10m", "mention": "angle", "plug_version": "1.0", "url": "ws://wecom.example:8080/path",
             "max_frame": "1M", "proxy": "none", "quotas": False, "expect": False,
             "timing": {"first": "5s", "ping": "20s", "timeout": "5s", "limited": "2m", "backoff": "2s", "backoff_max": "20s",
                        "auth_backoff": "1m", "auth_backoff_max": "5m", "ready_reset": "30s", "stale": "1m"}}
    daemon = bench.sopd({"sop": [TEST_SOP], "redis": "redis://127.0.0.1:1/0", "gateways": [entry]}, start=False)
    daemon.write_config()
    done = run("check", "--config", daemon.config_path, check=False)
    said = done.stdout + done.stderr
    assert "ws:// sends the secret" in said
    assert done.returncode == 0 and "sopd.lua: good" in said
    assert len([line for line in said.splitlines() if "sopd.lua:" in line]) == 2, said    # it is good, and that warning
    assert "SECRET-INLINE" not in said
