"""What members say and do in WeCom, as it reaches a flow. `wecom N` in a test's text is the item of the checklist in the
protocol's description. The probe flow turns what reached a handler into a business event; the tests read it there."""

import json
import time

import pytest

from harness import store, wait_until
from test_wecom_link import DEBUG, QUICK, assert_unread

GROUP = "wrEXAMPLEgroupA"
NAMES = ["小助手", "Helper Two", "Helper"]


@pytest.fixture
def line(bench):
    """A bot that is served; .seen(...) waits for probe events, .fence() for everything sent before."""
    wecom = bench.wecom()
    daemon = bench.served(wecom, entry={"names": NAMES, "timing": QUICK}, config=DEBUG)
    wecom.daemon = daemon
    wecom.seen = lambda count=1, **match: store.wait_seen(daemon.redis.client, count, **match)

    def fence():
        mark = "fence %d" % time.monotonic_ns()
        wecom.say("fence", mark)
        wecom.seen(text=mark)
        return [e for e in store.business_events(daemon.redis.client, name="seen")
                if not str(e.get("text", "")).startswith("fence ")]
    wecom.fence = fence
    return wecom


def test_kinds_in_a_single_chat(line):
    """wecom 24: text, voice, picture, file, video, mixed."""
    line.say("lisi", "你好")
    said = line.seen(text="你好")[0]
    assert (said["chat"], said["user"], said["name"], said["private"], said["at_me"]) == ("@lisi", "lisi", "lisi", True, True)
    line.show("voice", "lisi", content="我要打卡")
    assert line.seen(text="我要打卡")[0]["segments"][0]["type"] == "voice"
    for kind in ("image", "file", "video"):
        line.show(kind, "lisi", url="https://cos.example/%s?sign=SECRET-SIGN" % kind, aeskey="SECRET-KEY")
        segment = line.seen(text="[%s]" % kind)[0]["segments"][0]
        assert segment["type"] == kind and segment["id"].startswith("wecom:")
    line.mixed("lisi", "看", {"url": "https://cos.example/a", "aeskey": "K"}, {"msgtype": "sticker", "sticker": {}},
               {"msgtype": "voice", "voice": {"content": "说"}}, chat=None)
    assert [s["type"] for s in line.seen(text="看[image]说")[0]["segments"]] == ["text", "image", "voice"]


def test_kinds_in_a_group(line):
    """wecom 24, 26, 27: the bot's name is taken off, the group's id keeps its case and finds the way back."""
    chat = "wrAbCxYZ_-Qq09"
    line.say("lisi", "ping 大小写", chat=chat)
    assert line.wait_send("pong 大小写").chat == chat
    assert line.seen(text="ping 大小写")[0]["chat"] == chat
    line.mixed("lisi", "@Helper Two 看", {"url": "https://cos.example/a", "aeskey": "K"}, chat=chat)
    found = line.seen(text="看[image]")[0]
    assert [s["type"] for s in found["segments"]] == ["at", "text", "image"]
    assert found["segments"][0]["text"] == "Helper Two"


@pytest.mark.parametrize("said,heard", [
    ("@小助手 一", "一"), ("@小助手\u3000二", "二"), ("@小助手\u2005三", "三"), ("@Helper Two  四", "四"),
    ("@Helper 五 @Helper", "五 @Helper"), ("六 @Helper", "六 @Helper"), ("@Helpers 七", "@Helpers 七")])
def test_the_name_at_the_start(line, said, heard):
    """wecom 26"""
    line.say("lisi", said, chat=GROUP, mention=False)
    assert line.seen(text=heard)[0]["at_me"] is True


def test_quotes(line):
    """wecom 25: of every kind; their words are no part of the text, and no command is heard in them."""
    picture = {"url": "https://cos.example/q", "aeskey": "K"}
    quotes = [({"msgtype": "text", "text": {"content": "ping 引用"}}, "ping 引用"),
              ({"msgtype": "image", "image": picture}, "[image]"),
              ({"msgtype": "mixed", "mixed": {"msg_item": [{"msgtype": "text", "text": {"content": "a"}},
                                                           {"msgtype": "image", "image": picture}]}}, "a[image]"),
              ({"msgtype": "voice", "voice": {"content": "说过"}}, "说过"),
              ({"msgtype": "file", "file": picture}, "[file]"),
              ({"msgtype": "video", "video": picture}, "[video]")]
    for i, (quote, text) in enumerate(quotes):
        line.say("lisi", "问题 %d" % i, chat=GROUP, quote=quote)
        segments = line.seen(text="问题 %d" % i)[0]["segments"]
        assert segments[0]["type"] == "reply" and segments[0]["text"] == text
    line.fence()
    assert line.sends("pong") == []


def test_events(line):
    """wecom 37: the single chat is opened, a card is pressed (nested and flat), an answer is judged."""
    line.enter("wang")
    entered = line.seen(kind="enter")[0]
    assert (entered["chat"], entered["user"], entered["private"]) == ("@wang", "wang", True)
    items = {"selected_item": [{"question_key": "q1", "option_ids": {"option_id": ["a", "b"]}}]}
    line.press("lisi", "approve", "vote-42", card_type="vote_interaction", selected_items=items)
    pressed = line.seen(kind="button", event_text="approve")[0]
    assert (pressed["chat"], pressed["user"], pressed["message_id"], pressed["sub"]) == (
        GROUP, "lisi", "vote-42", "vote_interaction")
    assert [(s["kind"], s["id"], s["text"]) for s in pressed["segments"]] == [("selected", "q1", "a"), ("selected", "q1", "b")]
    one = {"selected_item": {"question_key": "q1", "option_ids": {"option_id": "z"}}}
    line.press("lisi", "flat", "vote-43", nested=False, selected_items=one)
    assert line.seen(kind="button", event_text="flat")[0]["segments"][0]["text"] == "z"
    line.press("lisi", "approve", "vote-42")
    line.seen(2, kind="button", event_text="approve")        # pressed again is told again
    line.feedback("lisi", "trace_1", 2, content="不对", inaccurate_reason_list=[3])
    judged = line.seen(kind="other", sub="feedback")[0]
    assert (judged["chat"], judged["event_text"], judged["number"], judged["message_id"]) == ("@lisi", "不对", 2, "trace_1")


def test_a_word_on_a_button(line):
    """A pressed button that says a word is that word, said to the bot; the answer goes to the group as a push."""
    line.press("lisi", "say:ping 按钮", "t-1")
    assert line.wait_send("pong 按钮").chat == GROUP


def test_told_twice(line):
    """wecom 21: a msgid counts once, also on the next connection."""
    twice = line.body("text", "lisi", GROUP, text={"content": "@Helper ping 一次"})
    line.emit(twice)
    line.emit(twice)
    line.wait_send("pong 一次")
    line.cut()
    line.wait_link(2)
    line.wait_ready()
    line.emit(twice)
    line.emit(line.callbacks[line.press("lisi", "once", "t-9")]["body"])
    line.fence()
    assert len(line.seen(kind="button", event_text="once")) == 1
    assert len(line.seen(text="ping 一次")) == 1
    assert len(line.sends("pong 一次")) == 1


def test_what_is_not_known(line):
    """wecom 28, 29, 30, 31, 32: ignored; the connection stays, and nothing is answered."""
    before = len(line.find(where=lambda a: a.action != "ping"))
    text = {"msgtype": "text", "text": {"content": "ping 乱"}}
    for raw in ("", "{", "null", "[]", "7", "\"x\"", "{}", "[{\"cmd\":\"aibot_msg_callback\"}]"):
        line.emit_text(raw, conn=line.link)
    for frame in ({"cmd": "aibot_get_mcp_config", "headers": {"req_id": "x"}, "body": {}},
                  {"cmd": "aibot_msg_callback", "headers": {"req_id": "x"}},
                  {"cmd": "aibot_msg_callback", "headers": {"req_id": "x"}, "body": None},
                  {"cmd": "aibot_msg_callback", "headers": {"req_id": "x"}, "body": []},
                  {"cmd": "aibot_msg_callback", "headers": {"req_id": "x"}, "body": {**text, "chattype": "single"}},
                  {"headers": {"req_id": "nobody"}, "errcode": 0}, {"headers": {"req_id": 7}, "errcode": 846609},
                  {"errcode": 0}):
        line.emit_frame(frame)
    for kind in ("poll", "stream", "appmsg", "location"):
        line.emit(line.body(kind, "lisi", GROUP, **{kind: {"title": "t"}}))
    line.emit(line.event_body("enter_check_update", "lisi"), line.event_body("auth_change_event", None),
              line.event_body("enter_chat", None))
    assert line.fence() == []
    assert len(line.find(where=lambda a: a.action != "ping")) == before
    assert len(line.conns) == 1
    line.daemon.wait_metric("sopd_events_ignored_total", what="msgtype", at_least=4)
    line.daemon.wait_metric("sopd_events_ignored_total", what="eventtype", at_least=2)


@pytest.mark.parametrize("headers", [None, {}, {"req_id": 5}, {"req_id": None}, ["req_id"], "x"])
def test_without_a_req_id(line, headers):
    """wecom 30: heard; the answer goes as a push, because nothing names what it answers."""
    body = line.body("text", "lisi", GROUP, text={"content": "@Helper ping 无号"})
    frame = {"cmd": "aibot_msg_callback", "headers": headers, "body": body}
    line.emit_frame({k: v for k, v in frame.items() if v is not None})
    answer = line.wait_send("pong 无号")
    assert answer.action == "aibot_send_msg" and answer.chat == GROUP


def test_odd_req_id(line):
    """wecom 39: comes back to the byte."""
    odd = "r 1/+=%00\"\\\n打😀"
    line.say("lisi", "ping 怪", chat=GROUP)     # its own; then one by hand
    line.wait_send("pong 怪")
    body = line.body("text", "lisi", GROUP, text={"content": "@Helper ping 更怪"})
    line.emit(body, req_id=odd)
    assert line.wait_send("pong 更怪").req_id == odd


def test_strange_bytes(line):
    """wecom 33, 34: raw control bytes, NUL, CR; bytes that are no UTF-8; half surrogates."""
    frame = json.dumps(line._callback(line.body("text", "lisi", text={"content": "@@"}), "r-raw"))
    for content, heard in ((b"a\x00b\x01c\x0bd\re\x1ff", "abcdef"), (b"ok \xff\xfe\xc3(", "ok \ufffd\ufffd\ufffd("),
                           (b"x\\ud800y\\udc00z", "x\ufffdy\ufffdz"), (b"tab\there", "tab\there")):
        raw = frame.replace("m-", "m-%s" % content.hex()).encode().replace(b"@@", content)
        line.emit_text(raw)
        line.seen(text=heard)
    assert len(line.conns) == 1


def test_big_and_deep(line):
    """wecom 35: a thousand levels, a text of a megabyte, ten thousand items: bounded, and the chat goes on."""
    line.say("lisi", "ping 前", chat=GROUP)
    line.wait_send("pong 前")
    rss = line.daemon.rss_kib()
    line.emit_text("{\"a\":" * 1000 + "1" + "}" * 1000, "[" * 100000, conn=line.link)
    line.say("lisi", "长" * 350000, chat=GROUP)
    line.mixed("lisi", *["x"] * 10000)
    line.say("lisi", "ping 后", chat=GROUP)
    line.wait_send("pong 后")
    assert len(line.conns) == 1
    assert line.daemon.rss_kib() - rss < 40 << 10


def test_numbers_as_text(line):
    """wecom 36, 38: times of either kind; of two members with one name the first."""
    for time_s in (int(time.time()), str(int(time.time())), "soon", None, 1.5, -3):
        body = line.body("text", "lisi", text={"content": "t %r" % (time_s,)}, time_s=time_s)
        line.emit(body)
        seen = line.seen(text="t %r" % (time_s,))[0]
        assert abs(seen["event_time"] - time.time()) < 60
    line.emit_text('{"cmd":"aibot_msg_callback","cmd":"pong","headers":{"req_id":"r-d","req_id":"no"},"body":{"msgid":"d-1",'
                   '"chattype":"single","chattype":"group","from":{"userid":"lisi","userid":"wang"},"msgtype":"text",'
                   '"text":{"content":"first","content":"second"},"text":7}}', conn=line.link)
    assert line.seen(text="first")[0]["user"] == "lisi"


def test_nothing_secret_is_kept(line):
    """wecom 63: addresses, keys and response_url are in no log, in Redis, in no list."""
    secret = {"url": "https://cos.example/a?sign=SECRET-SIGN", "aeskey": "SECRET-KEY"}
    line.show("image", "lisi", **secret)
    line.mixed("lisi", "@Helper 看", secret, response_url="https://qyapi.example/r?response_code=SECRET-CODE")
    line.say("lisi", "ping 引", chat=GROUP, quote={"msgtype": "image", "image": secret},
             response_url="https://qyapi.example/r?response_code=SECRET-CODE")
    line.wait_send("pong 引")
    line.emit(line.body("poll", "lisi", GROUP, poll=secret))
    line.press("lisi", "k", "t", response_url="https://qyapi.example/r?response_code=SECRET-CODE")
    line.fence()
    assert_unread(line.daemon, "SECRET-SIGN", "SECRET-KEY", "SECRET-CODE", line.secret)


def test_the_group_is_known(line):
    """A group that speaks is one of ours: sopd lists it."""
    line.say("lisi", "ping 群", chat=GROUP)
    line.wait_send("pong 群")
    wait_until(lambda: GROUP in line.daemon.ctl("chats").stdout, what="the group in the list")
