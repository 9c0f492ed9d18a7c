"""Checklist 83-92 and the bad input of the network side: the link stays, the daemon lives."""

import json
import os
import socket
import time

import pytest

from harness import TEST_SOP, Raw, RawPeer, events as ev, gateway_entry, reserve_port, slow_build, store

G, U = ev.GROUP, ev.USER


@pytest.fixture
def line(bench, napcat):
    napcat.daemon = bench.served(napcat)
    return napcat


def alive(line, mark="活着"):
    """The same link still answers."""
    line.emit(ev.group_msg(G, U, "ping " + mark))
    line.wait_send("pong " + mark)
    assert len(line.conns) == 1, "the link was closed"
    assert line.daemon.running()


def malformed(line):
    return line.daemon.metrics().get("sopd_frames_bad_total", gateway="qq1")


def test_c83_text_frames_that_are_no_event(line):
    frames = ["", "   ", "null", "true", "42", '"x"', "[]", "{}", '{"a":', "[" * 10000, "{" * 10000,
              '{"a":' * 5000, "nul", "\0", "}", '{"post_type":"message"} tail', "[null,1,[[]]]"]
    line.emit_text(*frames)
    alive(line)
    assert malformed(line) >= 8


def test_c83_events_inside_an_array(line):
    event = ev.group_msg(G, U, "ping 数组")
    line.emit_text(json.dumps([event, 5, None]))
    line.wait_send("pong 数组")


def test_c84_invalid_utf8_in_a_nickname(line):
    raw = json.dumps(ev.group_msg(G, U, "ping 乱码", name="NICK"), ensure_ascii=False).encode()
    line.emit_text(raw.replace(b"NICK", b"a\xff\xfe\xc3(b\xed\xa0\x80c\xf8"))
    line.wait_send("pong 乱码")
    seen = store.wait_seen(line.daemon.redis.client)[0]
    assert "\ufffd" in seen["name"] and seen["name"].startswith("a")
    alive(line)


def test_c84_nothing_invalid_is_sent_back(line):
    raw = json.dumps(ev.group_msg(G, U, "说 TEXT"), ensure_ascii=False).encode()
    line.emit_text(raw.replace(b"TEXT", b"\xe4\xb8 \xff x"))
    text = line.wait_send("x").text
    assert "\ufffd" in text
    alive(line)


def test_c85_binary_frames(line):
    line.emit_binary(b"\x00\x01\x02")
    line.emit_binary(os.urandom(70000))
    line.emit_binary(b"")
    line.emit_binary(json.dumps(ev.heartbeat()).encode())
    alive(line)


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud83d", "\\ude00", "\\ud83d\\ud83d", "\\\\u0000"])
def test_c86_bad_escapes_are_replaced(line, escape):
    raw = json.dumps(ev.group_msg(G, U, "ping 转义", name="NICK"), ensure_ascii=False)
    line.emit_text(raw.replace("NICK", "a" + escape + "b"))
    line.wait_send("pong 转义")
    name = store.wait_seen(line.daemon.redis.client)[0]["name"]
    assert name.startswith("a") and name.endswith("b")
    assert ("\\u0000" in name) if escape == "\\\\u0000" else ("\ufffd" in name)


def test_c86_a_paired_surrogate_is_an_emoji(line):
    raw = json.dumps(ev.group_msg(G, U, "ping 表情", name="NICK"), ensure_ascii=False)
    line.emit_text(raw.replace("NICK", "\\ud83d\\ude00"))
    assert store.wait_seen(line.daemon.redis.client)[0]["name"] == "😀"


def test_c86_a_huge_nickname_is_bounded(line):
    line.emit(ev.group_msg(G, U, "ping 长名", name="名" * 350000))
    line.wait_send("pong 长名")
    assert len(store.wait_seen(line.daemon.redis.client)[0]["name"]) < 1000
    alive(line)


WRONG = [1, -1.5, True, None, "x", "", [], {}, [1], {"a": 1}, [[]], 1e308]


def test_c87_wrong_types_in_every_field(line):
    base = [ev.group_msg(G, U, "错型"), ev.private_msg(U, "错型"), ev.join(G, U), ev.leave(G, U), ev.ban(G, U),
            ev.recall(G, U, 5), ev.poke(G, U), ev.upload(G, U, "f", 1),
            ev.request_group(G, U, "flag"), ev.request_friend(U, "flag"), ev.lifecycle(), ev.heartbeat(),
            ev.notice("group_msg_emoji_like", group_id=G, user_id=U, message_id=1,
                      likes=[{"emoji_id": "7", "count": 1}], is_add=True),
            ev.notice("essence", sub_type="add", group_id=G, message_id=1, sender_id=U, operator_id=U)]
    frames = []
    for event in base:
        for field in event:
            if field == "status":
                continue
            for value in WRONG:
                frames.append(json.dumps({**event, field: value}))
            frames.append(json.dumps({k: v for k, v in event.items() if k != field}))
    for data in WRONG:
        frames.append(json.dumps({**base[0], "message": [{"type": "text", "data": data}]}))
        frames.append(json.dumps({**base[0], "message": [{"type": data, "data": {"text": "x"}}]}))
        frames.append(json.dumps({**base[0], "message": [data]}))
        frames.append(json.dumps({**base[0], "sender": {"nickname": data, "card": data, "role": data}}))
        frames.append(json.dumps({"status": data, "retcode": data, "data": data, "echo": data}))
        frames.append(json.dumps({**ev.heartbeat(), "interval": data}))
    for i in range(0, len(frames), 100):
        line.emit_text(*frames[i:i + 100])
    alive_after = 15 if slow_build() else 8
    line.emit(ev.group_msg(G + 1, U, "ping 错型后"))
    line.wait_send("pong 错型后", timeout=alive_after)
    assert line.daemon.running()


def test_c87_wrong_types_in_answers(line):
    for data in WRONG:
        line.queued.setdefault("send_group_msg", []).append(
            Raw({"status": "ok", "retcode": 0, "data": data}))
        line.queued["send_group_msg"].append(
            Raw({"status": "ok", "retcode": 0, "data": {"message_id": data}}))
        line.queued["send_group_msg"].append(
            Raw({"status": "ok", "retcode": data, "data": {"message_id": 1}}))
    for i in range(3 * len(WRONG)):
        line.emit(ev.group_msg(G + i, U, "丢弃 %d" % i))
    line.wait(lambda: not line.queued["send_group_msg"], 8)
    alive(line)


def test_c88_duplicate_keys_first_wins(line):
    raw = json.dumps(ev.group_msg(G, U, "重复键"))
    line.emit_text(raw.replace('"user_id": %d' % U, '"user_id": 111, "user_id": 222', 1))
    assert store.wait_seen(line.daemon.redis.client, text="重复键")[0]["user"] == "111"


def test_c89_odd_numbers_as_ids(line):
    raw = json.dumps(ev.group_msg(G, 12345678901, "怪号"))
    for number in ("1e400", "-0", "1.5", "9007199254740993", "1e5", "-1e400", "0.1e1", "123456789012345678901234567890",
                   "007", "+1", "0x10", "NaN", "Infinity"):
        line.emit_text(raw.replace("12345678901", number))
    alive(line)


def test_c89_long_ids_are_refused(line):
    line.emit(ev.group_msg(G, "9" * 128, "长号"), ev.group_msg("8" * 300, U, "长号"))
    alive(line)
    assert not [e for e in store.business_events(line.daemon.redis.client, name="seen")
                if e.get("text") == "长号"]


def test_c90_action_frame_from_the_peer(line):
    before = line.settle(0.5)
    for i in range(5):
        line.emit_text('{"action":"get_status","params":{"n":%d}}' % i)
    alive(line)
    line.settle(0.2)
    assert [a.action for a in line.actions[before:]] == ["send_group_msg"]
    assert len(line.daemon.log_records(level="warn|error", gateway="qq1")) == 1


def test_c91_flood_of_unknown_answers(line):
    frame = json.dumps({"status": "ok", "retcode": 0, "data": {"message_id": 1}, "echo": "nobody-7"})
    line.emit_text(*[frame] * 2000)
    alive(line, "热身")
    before, log_before = line.daemon.rss_kib(), len(line.daemon.log())
    total = 20000 if slow_build() else 100000
    for _ in range(total // 5000):
        line.emit_text(*[frame] * 5000)
    line.emit(ev.group_msg(G, U, "ping 洪水后"))
    line.wait_send("pong 洪水后", timeout=30)
    assert line.daemon.rss_kib() - before < (30000 if slow_build() else 3000)
    assert len(line.daemon.log()) - log_before < 20000


def test_c92_peer_dies_inside_a_fragmented_message(line):
    raw = json.dumps(ev.group_msg(G, U, "ping 半截")).encode()
    line.settle(0.3, 5)     # an answer to a start-up call must not fall between the pieces
    line.emit_fragments(raw[:40], raw[40:], finish=False)
    line.cut()
    line.wait_link(2)
    line.wait_action("get_login_info", count=2)
    line.emit(ev.group_msg(G, U, "ping 完整"))
    line.wait_send("pong 完整")
    assert not line.sends("pong 半截")
    assert not [e for e in store.business_events(line.daemon.redis.client, name="seen")
                if "半截" in e.get("text", "")]


def test_five_megabyte_frame(line):
    event = ev.group_msg(G, U, "ping 五兆")
    event["raw_message"] = "x" * 5000000
    line.emit(event)
    line.wait_send("pong 五兆")
    line.emit_text("x" * 5000000)
    line.emit(ev.group_msg(G, U + 1, "说 " + "长" * 100000))
    alive(line)


def test_deep_nesting_inside_an_event(line):
    for depth in (60, 500, 900, 5000):
        raw = json.dumps(ev.group_msg(G, U, "深"))
        line.emit_text(raw.replace('"anonymous": null', '"anonymous": ' + "[" * depth + "]" * depth))
    alive(line)


BROKEN_FRAMES = {
    "reserved_bits": b"\xf1\x02{}",
    "reserved_opcode": b"\x83\x00",
    "long_ping": b"\x89\x7e\x01\x00" + b"x" * 256,
    "fragmented_ping": b"\x09\x00",
    "masked_by_a_server": b"\x81\x82\1\2\3\4zz",
    "continuation_of_nothing": b"\x80\x02{}",
    "length_with_the_top_bit": b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    "huge_declared_length": b"\x81\x7f\x00\x00\x7f\xff\xff\xff\xff\xff",
    "close_with_one_byte": b"\x88\x01\x03",
    "close_with_a_bad_code": b"\x88\x02\x00\x01",
    "text_inside_a_message": b"\x01\x01{\x81\x02{}",
    "http_again": b"HTTP/1.1 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("name", sorted(BROKEN_FRAMES))
def test_broken_websocket_frames(line, name):
    conn = line.conn
    line.emit_bytes(BROKEN_FRAMES[name])
    if name == "masked_by_a_server":
        time.sleep(0.3)
    else:
        line.wait_closed(conn, 6)
    if not conn.open:
        line.wait_link(2)
        line.wait_action("get_login_info", count=2)
    line.emit(ev.group_msg(G, U, "ping 之后"))
    line.wait_send("pong 之后")
    assert line.daemon.running()


HANDSHAKES = {
    "rubbish": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n",
    "no_key": b"GET /onebot/v11/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Version: 13\r\n\r\n",
    "old_version": b"GET /onebot/v11/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
    "post": b"POST /onebot/v11/ws HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "huge_header": b"GET /onebot/v11/ws HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200000 + b"\r\n\r\n",
    "many_headers": b"GET /onebot/v11/ws HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n",
    "huge_path": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


def test_bad_handshakes_of_the_reverse_endpoint(bench):
    port = reserve_port()
    redis = bench.redis()
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "gateways": [
        gateway_entry(None, "qq1", mode="reverse", listen="127.0.0.1:%d" % port)]})
    url = "ws://127.0.0.1:%d/onebot/v11/ws" % port
    for name, request in HANDSHAKES.items():
        try:
            with RawPeer(url, request=request, timeout=3) as peer:
                assert peer.status != 101, name
        except (BrokenPipeError, ConnectionResetError):
            pass
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    with RawPeer(url, {"X-Self-ID": str(ev.SELF)}) as peer:
        assert peer.status == 101
        peer.send_frame(1, json.dumps(ev.group_msg(G, U, "ping 半")).encode(), declared=5000)
    for sock in idle:
        sock.close()
    assert daemon.running()
