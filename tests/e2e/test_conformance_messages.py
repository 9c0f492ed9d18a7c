"""Checklist 59-70: message content in both directions."""

import time

import pytest

from harness import events as ev, store

G, U = ev.GROUP, ev.USER


@pytest.fixture
def gocq(bench):
    """A gateway that reports messages as CQ text."""
    gateway = bench.gateway("gocq")
    gateway.daemon = bench.served(gateway)
    return gateway


def cq_event(text):
    event = ev.group_msg(G, U, "x")
    event["message"] = event["raw_message"] = text
    return event


VECTORS = [("a,b", "a,b"), ("[x]", "&#91;x&#93;"), ("&amp;", "&amp;amp;"), ("&#91;", "&amp;#91;"),
           ("https://e.example/?a=1&b=2,3", "https://e.example/?a=1&amp;b=2,3"),
           ("1 &lt; 2", "1 &lt; 2"), ("&#44;", "&amp;#44;")]


@pytest.mark.parametrize("plain, encoded", VECTORS)
def test_c59_c60_cq_text_is_decoded_once(gocq, plain, encoded):
    gocq.emit(cq_event(encoded))
    assert store.wait_seen(gocq.daemon.redis.client)[0]["text"] == plain


@pytest.mark.parametrize("text", ["[CQ:at,qq=1", "[CQ:,a=b]", "[CQ:at qq=1]", "[cq:at,qq=1]"])
def test_c61_broken_codes_are_literal_text(gocq, text):
    gocq.emit(cq_event(text))
    assert store.wait_seen(gocq.daemon.redis.client)[0]["text"] == text


@pytest.mark.parametrize("text, kind", [("[CQ:image,file=a.png,]", "image"), ("[CQ:face]", "face")])
def test_c62_lenient_codes(gocq, text, kind):
    gocq.emit(cq_event(text))
    segments = store.wait_seen(gocq.daemon.redis.client)[0]["segments"]
    assert [s["type"] for s in segments] == [kind]


@pytest.mark.parametrize("persona", ["napcat", "gocq"])
def test_c63_user_text_is_only_text(bench, persona):
    gateway = bench.gateway(persona)
    bench.served(gateway)
    evil = "[CQ:at,qq=all] {at} &#91;CQ:image,file=file:///etc/passwd&#93;"
    gateway.emit(ev.group_msg(G, U, "说 " + evil))
    action = gateway.wait_send()
    assert action.params["message"] == [{"type": "text", "data": {"text": evil}}]


def test_c63_names_cannot_mention_either(bench, napcat):
    bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, "问", name="[CQ:at,qq=all]"))
    action = napcat.wait_send()
    assert [s["type"] for s in action.params["message"]] == ["at", "text"]
    assert action.mentions == [str(U)]


def test_c64_segment_values_are_strings(bench, napcat):
    bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, "表情"))
    message = napcat.wait_send().params["message"]
    kinds = [s["type"] for s in message]
    assert kinds.count("face") == 1 and kinds.count("image") == 1 and kinds.count("at") == 1
    assert [s["data"]["id"] for s in message if s["type"] == "face"] == ["14"]
    napcat.emit(ev.group_msg(G, U, "引用", message_id=1187204777))
    message = napcat.wait_send("看这里").params["message"]
    assert message[0] == {"type": "reply", "data": {"id": "1187204777"}}, "reply comes first"
    assert message[1] == {"type": "at", "data": {"qq": str(U)}}
    assert message[2]["data"]["text"].startswith(" "), "an @ is followed by a blank"


@pytest.mark.parametrize("qq", [str(ev.SELF), ev.SELF])
def test_c65_at_compares_as_text(bench, napcat, qq):
    daemon = bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, [{"type": "at", "data": {"qq": qq}}, ev.text(" 在吗")]))
    seen = store.wait_seen(daemon.redis.client)[0]
    assert seen["at_me"] is True and seen["text"].strip() == "在吗"


@pytest.mark.parametrize("message", [
    [ev.quote(1187204001), ev.at(ev.SELF), ev.text("\u3000ping 1")],
    [ev.text(""), ev.at(ev.SELF), ev.text(" ping 1")],
    [ev.at(ev.SELF), ev.text("ping 1")],
    [ev.text("\u200b ping 1 ")],
    [ev.text("/ping 1")], [ev.text("#ping 1")], [ev.text("!ping 1")],
    [ev.text("PING 1")], [ev.text("\uff50\uff49\uff4e\uff47 1")], [ev.text("ping"), ev.text(" 1")],
], ids=["reply_at_blank", "empty_first", "no_blank", "zero_width", "slash", "hash", "bang", "case",
        "full_width", "split"])
def test_c66_commands_are_recognised(bench, napcat, message):
    bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, message))
    napcat.wait_send("pong 1")


def test_c66_a_command_inside_a_sentence_is_none(bench, napcat):
    bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, "今天 ping 一下"), ev.group_msg(G, U, "我说 说 什么"))
    napcat.emit(ev.group_msg(G, U, "pinging"))
    napcat.emit(ev.group_msg(G, U, "问"))
    napcat.wait_send("答")
    assert len(napcat.sends()) == 1


def test_c67_unknown_segments_stay_opaque(bench, napcat):
    daemon = bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, [
        {"type": "hologram", "data": {"x": {"y": 1}}}, {"type": "face", "data": None},
        {"type": "text"}, {"data": {"text": "无类型"}}, ev.text("尾"), "not an object", None, 7]))
    seen = store.wait_seen(daemon.redis.client)[0]
    assert "[hologram]" in seen["text"] and seen["text"].rstrip().endswith("尾")
    assert [s for s in seen["segments"] if s.get("kind") == "hologram"]


def test_c68_empty_content_is_not_sent(bench, napcat):
    daemon = bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, "空的"), ev.group_msg(G, U, "说 \u0001\u0002"))
    napcat.emit(ev.group_msg(G, U, "问"))
    napcat.wait_send("答")
    napcat.settle(0.3)
    assert len(napcat.sends()) == 1
    assert daemon.running()


def test_c68_control_characters_are_taken_out(bench, napcat):
    bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, "说 a\u0007b\u001bc\td"))
    assert napcat.wait_send().text == "abc\td"


def test_c69_long_text_is_split_at_lines(bench, napcat):
    bench.served(napcat)
    napcat.emit(ev.group_msg(G, U, "长文 40"))
    napcat.wait_send("第40行", timeout=8)
    pieces = [a.text for a in napcat.sends()]
    assert len(pieces) >= 3
    assert all(len(p) <= 1500 for p in pieces)
    assert all(p.startswith("第") for p in pieces), "split between lines"
    lines = [line for p in pieces for line in p.split("\n") if line]
    assert len(lines) == 40 and lines[0].startswith("第1行") and lines[39].startswith("第40行")


def test_c69_text_without_lines_is_split_between_characters(bench, napcat):
    bench.served(napcat)
    word = "汉😀" * 2000
    napcat.emit(ev.group_msg(G, U, "长句 2000"))
    deadline = time.monotonic() + 8
    while sum(len(a.text) for a in napcat.sends()) < len(word) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "".join(a.text for a in napcat.sends()) == word
