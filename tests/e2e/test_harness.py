"""The harness tested by itself, with a small bot side of its own in place of sopd."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
import websockets

from harness import (ROOT, SILENCE, Fail, Gateway, Late, Raw, RawPeer, Redis, aio, dump, evening,
                     events as ev)
from harness.sopd import Metrics, parse_logfmt
from harness.util import lua_value, wait_until

pytestmark = pytest.mark.needs_no_binary


class Bot:
    """A bot side of a few lines: connects, sends actions, keeps what it gets."""

    def __init__(self, url, token=None):
        self.frames, self.raw = [], []
        headers = {"Authorization": "Bearer " + token} if token else {}
        self.ws = aio.run(self._open(url, headers))
        self.task = aio.spawn(self._read())

    @staticmethod
    async def _open(url, headers):
        return await websockets.connect(url, extra_headers=headers, compression=None)

    async def _read(self):
        async for raw in self.ws:
            self.raw.append(raw)
            try:
                self.frames.append(raw if isinstance(raw, bytes) else json.loads(raw))
            except (ValueError, RecursionError):
                pass

    def wait_raw(self, check, timeout=3):
        wait_until(lambda: check(self.raw), timeout)

    def call(self, action, echo, **params):
        aio.run(self.ws.send(json.dumps({"action": action, "params": params, "echo": echo})))

    def wait(self, check, timeout=3):
        async def poll():
            while not [f for f in self.frames if check(f)]:
                await asyncio.sleep(0.01)
            return [f for f in self.frames if check(f)][0]
        return aio.run(asyncio.wait_for(poll(), timeout))

    def answer(self, echo):
        return self.wait(lambda f: isinstance(f, dict) and f.get("echo") == echo)


@pytest.fixture
def peer():
    gateway = Gateway("napcat").start()
    yield gateway
    gateway.close()


def test_forward_answers_and_records(peer):
    bot = Bot(peer.url)
    bot.call("get_login_info", "a-1")
    assert bot.answer("a-1")["data"]["user_id"] == ev.SELF
    bot.call("send_group_msg", "a-2", group_id=ev.GROUP, message=[ev.at(ev.USER), ev.text(" hi")])
    assert bot.answer("a-2")["data"]["message_id"] == 205113000
    sent = peer.wait_send("hi")
    assert sent.text == "@%d hi" % ev.USER and sent.chat == str(ev.GROUP)
    assert peer.violations == []
    assert bot.wait(lambda f: f.get("meta_event_type") == "lifecycle")


def test_broken_rules_are_noted(peer):
    bot = Bot(peer.url)
    bot.call("send_group_msg", "same", group_id=ev.GROUP, message="text")
    bot.call("set_group_ban", "same", group_id=ev.GROUP, user_id=1)
    bot.answer("same")
    peer.wait_action("set_group_ban")
    broken = " ".join(peer.violations)
    assert "message is an array" in broken and "unique" in broken and "duration" in broken


def test_scripted_answers(peer):
    bot = Bot(peer.url)
    peer.queued["get_status"] = [Fail(1200, "Timeout"), Late(0.1, {"x": 1}), Raw({"echo": 7}), SILENCE]
    for i in range(4):
        bot.call("get_status", "b-%d" % i)
    assert bot.answer("b-0")["retcode"] == 1200
    assert bot.answer("b-1")["data"] == {"x": 1}
    assert bot.answer(7) == {"echo": 7}
    peer.respond(peer.wait_action("get_status", count=4))
    assert bot.answer("b-3")["data"]["online"] is True


def test_emits_every_kind_of_frame(peer):
    bot = Bot(peer.url)
    peer.wait_link()
    peer.emit(ev.group_msg(ev.GROUP, ev.USER, "你好"))
    peer.emit_fragments('{"a":', '"b"', "}", pings=True)
    peer.emit_binary(b"\0\1")
    assert bot.wait(lambda f: isinstance(f, dict) and f.get("message_type") == "group")
    assert bot.wait(lambda f: f == {"a": "b"})
    assert bot.wait(lambda f: f == b"\0\1")
    before = len(bot.frames)
    peer.repeat_last(20)
    bot.wait(lambda f: len(bot.frames) > before)


@pytest.mark.parametrize("persona, token_seen", [("gocq", 401), ("lagrange", 403)])
def test_http_refusals(persona, token_seen):
    gateway = Gateway(persona, token="T").start()
    with pytest.raises(websockets.InvalidStatusCode) as error:
        Bot(gateway.url, "wrong")
    assert error.value.status_code == token_seen and len(gateway.attempts) == 1
    Bot(gateway.url, "T")
    gateway.close()


@pytest.mark.parametrize("persona, code, frame", [("napcat", 1005, True), ("llbot", 1008, True),
                                                  ("wechat", 1008, False)])
def test_refusals_after_the_upgrade(persona, code, frame):
    gateway = Gateway(persona, token="T").start()
    bot = Bot(gateway.url, "wrong")
    aio.run(bot.ws.wait_closed())
    assert bot.ws.close_code == code
    assert [f["retcode"] for f in bot.frames] == ([1403] if frame else [])
    gateway.close()


def test_reverse_mode_connects_and_comes_back():
    seen = []

    async def serve(ws, path):
        seen.append((path, ws.request_headers))
        await ws.send(json.dumps({"action": "get_status", "params": {}, "echo": "1"}))
        await ws.recv()
        await ws.close(1001)

    async def listen():
        return await websockets.serve(serve, "127.0.0.1", 0, compression=None)
    server = aio.run(listen())
    port = server.sockets[0].getsockname()[1]
    gateway = Gateway("gocq", "reverse", token="T", target="ws://127.0.0.1:%d/x" % port).start()
    gateway.wait_link(2)
    gateway.close()
    server.close()
    assert seen[0][1]["Authorization"] == "Token T" and seen[0][1]["X-Self-ID"] == str(ev.SELF)


def test_raw_peer_sees_the_status():
    gateway = Gateway("gocq", token="T").start()
    with RawPeer(gateway.url) as peer:
        assert peer.status == 401
    with RawPeer(gateway.url, {"Authorization": "Bearer T"}) as peer:
        assert peer.status == 101 and peer.header("Sec-WebSocket-Accept")
    gateway.close()


def test_redis_of_our_own():
    server = Redis(append_only=True).start()
    server.client.hset("sopd:{q}:u:1", "a", "1")
    server.client.sadd("sopd:{q}:tags:1", "x")
    server.restart()
    assert dump(server.client) == {"sopd:{q}:u:1": {"a": "1"}, "sopd:{q}:tags:1": {"x"}}
    directory = server.dir
    server.close()
    assert directory


def test_redis_with_a_user_and_a_port():
    server = Redis(tcp=True, acl=("sopd", "pw")).start()
    assert server.tcp_url(2) == "redis://sopd:pw@127.0.0.1:%d/2" % server.port
    assert server.connect(db=2).set("a", "1")
    server.close()


def test_small_readers():
    assert lua_value({"a": [1, True, 'x"y']}) == (
        '{\n  ["a"] = {\n    1,\n    true,\n    "x\\"y"\n  }\n}')
    line = 'ts=2026-11-22T04:00:00.123Z level=info msg="gateway \\"ready\\"" gateway=qq1'
    assert parse_logfmt(line) == {"ts": "2026-11-22T04:00:00.123Z", "level": "info",
                                  "msg": 'gateway "ready"', "gateway": "qq1"}
    metrics = Metrics('# HELP a b\n# TYPE a counter\na{x="1",y="2"} 3\na{x="2"} 4\nb 1.5e3\n')
    assert metrics.get("a") == 7 and metrics.get("a", x="1") == 3 and metrics.get("b") == 1500


def test_the_evening_is_what_its_script_makes():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "data", "evening.py"), "--check"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = evening.load()
    kinds = {line["kind"] for line in lines}
    assert len(lines) >= 2000 and sum(line["kind"] == "grab" for line in lines) == 200
    assert kinds >= {"join", "join_twin", "chat", "question", "checkin", "packet", "repeat", "malformed", "odd"}
    assert len(evening.users(lines, "grab")) == 160


def test_the_player_emits_every_line_and_repeats(peer):
    bot = Bot(peer.url)
    peer.wait_link()
    lines = [line for line in evening.load() if "hex" not in line]  # this bot side refuses bad UTF-8
    player = evening.Player(peer, lines)
    player.play(5)
    while not player.done:
        player.play(500)
    player.repeat_last(20)
    peer.emit_text('{"the":"end"}')
    events = []
    malformed = 0

    bot.wait_raw(lambda raw: '{"the":"end"}' in raw, 10)
    for raw in list(bot.raw):
        try:
            frame = json.loads(raw)
        except (ValueError, RecursionError):
            malformed += 1
            continue
        if isinstance(frame, dict) and "post_type" in frame:
            events.append(frame)
    assert malformed >= 10 and len(events) > 2300
    messages = [(e["group_id"], e["message_id"], e["time"]) for e in events
                if e.get("message_type") == "group" and e.get("sub_type") == "normal" and "time" in e]
    assert len(set(messages)) < len(messages), "repeats carry the same id and time"
