"""The scripted Satori and WeCom peers tested by themselves, with a small client of their own in place of sopd.

Checks against clients and servers that others wrote are in tests/npm.
"""

import base64
import hashlib
import http.client
import json
import subprocess
import time

import pytest
import websockets

from harness import DROP, SILENCE, Ack, Late, Login, Raw, Reply, Satori, WeCom, aio
from harness.satori import RECONNECT, plain, well_formed
from harness.util import wait_until

pytestmark = pytest.mark.needs_no_binary


class Client:
    """A WebSocket client of a few lines that keeps what it gets."""

    def __init__(self, url, first=None):
        self.frames = []
        self.ws = aio.run(self._open(url))
        if first is not None:
            self.send(first)
        self.task = aio.spawn(self._read())

    @staticmethod
    async def _open(url):
        return await websockets.connect(url, compression=None, max_size=None, ping_interval=None)

    async def _read(self):
        async for raw in self.ws:
            self.frames.append(json.loads(raw))

    def send(self, frame):
        aio.run(self.ws.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame)))

    def wait(self, check, timeout=3):
        wait_until(lambda: any(check(f) for f in list(self.frames)), timeout, what=lambda: str(self.frames[-5:]))
        return next(f for f in self.frames if check(f))

    def wait_gone(self, timeout=3):
        wait_until(lambda: self.ws.closed, timeout)
        return self.ws.close_code


# -- Satori ------------------------------------------------------------------------------------------


@pytest.fixture
def satori():
    server = Satori(Login().guild("20002", "一群"), Login("discord", "900").guild("g1", "server", {"c1": "general"})).start()
    yield server
    server.close()


def identify(server, **body):
    return Client(server.url.replace("http", "ws") + "/v1/events", {"op": 3, "body": body})


def call(server, method, params, login=None, keep=None, **headers):
    login = login or server.login
    who = {"Satori-Platform": login.platform, "X-Platform": login.platform, "Satori-User-ID": login.id, "X-Self-ID": login.id}
    who = {} if method == "meta" else who
    link = keep or http.client.HTTPConnection("127.0.0.1", server.port, timeout=3)
    link.request("POST", server.prefix + "/v1/" + method, json.dumps(params), {"Content-Type": "application/json", **who, **headers})
    answer = link.getresponse()
    return answer.status, answer.read().decode()


def test_satori_conversation(satori):
    client = identify(satori)
    ready = client.wait(lambda f: f["op"] == 4)["body"]
    assert [(l["platform"], l["user"]["id"]) for l in ready["logins"]] == [("llonebot", "10001"), ("discord", "900")]
    client.send({"op": 1, "body": {}})
    client.wait(lambda f: f["op"] == 2)
    asked = satori.say(30003, "打卡 <1>")
    event = client.wait(lambda f: f["op"] == 0)["body"]
    assert event["message"] == {"id": asked, "content": "打卡 &lt;1&gt;"} and event["sn"] == 1
    assert event["channel"]["id"] == event["guild"]["id"] == "20002" and asked.startswith("2|20002|")
    status, body = call(satori, "message.create", {"channel_id": "20002", "content": '<quote id="%s"/><at id="30003"/> 好<br/>的' % asked})
    assert status == 200
    sent = satori.wait_send("好\n的")
    assert json.loads(body)[-1]["id"] == sent.message_id and sent.mentions == ["30003"] and sent.quotes == [asked]
    assert sent.chat == "20002" and sent.login is satori.login
    other = satori.logins[1]
    other.say("u7", "hello")
    event = client.wait(lambda f: f["op"] == 0 and f["body"]["login"]["platform"] == "discord")["body"]
    assert event["channel"]["id"] == "c1" and event["guild"]["id"] == "g1" and len(event["message"]["id"]) == 19
    direct = json.loads(call(satori, "user.channel.create", {"user_id": "u7"}, other)[1])
    assert direct["type"] == 1
    call(satori, "message.create", {"channel_id": direct["id"], "content": "psst"}, other)
    assert satori.wait_send("psst").chat == "@u7" and other.sends() and not satori.login.sends("psst")
    page = json.loads(call(satori, "message.list", {"channel_id": "20002", "limit": 1})[1])
    assert page["next"] and len(page["data"]) == 1
    assert json.loads(call(satori, "meta", {})[1])["logins"][1]["user"]["id"] == "900"
    assert satori.violations == []


def test_satori_events_of_members_and_logins(satori):
    client = identify(satori)
    satori.wait_ready()
    satori.join("30009")
    satori.leave("30009", operator="30001")
    satori.button("u8", "vote:1", referrer={"event_id": "E-1"})
    satori.reaction("u8", "m55")
    satori.set_status(RECONNECT, satori.logins[1])
    changed = client.wait(lambda f: f["op"] == 0 and f["body"]["type"] == "login-updated")["body"]["login"]
    assert changed["sn"] == 2 and "user" not in changed
    kinds = [f["body"]["type"] for f in client.frames if f["op"] == 0]
    assert kinds == ["guild-member-added", "guild-member-removed", "interaction/button", "reaction-added", "login-updated"]
    assert "channel" not in client.frames[1]["body"]


@pytest.mark.parametrize("ready, logins", [("never", []), ("twice", [2, 2]), ("empty", [0]), ("null", [None]), ("bare", [2])])
def test_satori_ready_as_wanted(satori, ready, logins):
    satori.ready = ready
    client = identify(satori)
    client.send({"op": 1})
    satori.ready_delay = 0
    client.wait(lambda f: f["op"] == 2)
    wait_until(lambda: len([f for f in client.frames if f["op"] == 4]) == len(logins), 2)
    given = [f["body"]["logins"] for f in client.frames if f["op"] == 4]
    assert [g if g is None else len(g) for g in given] == logins


def test_satori_refuses_and_forgets():
    server = Satori(token="T", style="satori-python").start()
    assert identify(server, token="wrong").wait_gone() == 3000
    assert call(server, "login.get", {})[0] == 401
    client = identify(server, token="T")
    client.wait(lambda f: f["op"] == 4)
    server.say(30003, "eins")
    assert client.wait(lambda f: f["op"] == 0)["body"]["sn"] == 0
    server.close_link(1012)
    assert client.wait_gone() == 1012
    server.say(30003, "zwei")
    again = identify(server, token="T", sn=0, sequence=0)
    assert again.wait(lambda f: f["op"] == 0)["body"]["sn"] == 1
    server.close()


def test_satori_calls_are_answered_as_scripted(satori):
    satori.queued["message.create"] = [500, Reply(404, "method not found"), Late(0.2), DROP, Reply(200, b"[]", chunked=True),
                                       Reply(200, b"", close=True), SILENCE]
    send = {"channel_id": "20002", "content": "x"}
    keep = http.client.HTTPConnection("127.0.0.1", satori.port, timeout=3)
    assert call(satori, "message.create", send, keep=keep)[0] == 500
    assert call(satori, "message.create", send, keep=keep) == (404, "method not found")
    began = time.monotonic()
    assert call(satori, "message.create", send, keep=keep)[0] == 200 and time.monotonic() - began >= 0.2
    assert len({c.request.link for c in satori.actions}) == 1, "kept alive"
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        call(satori, "message.create", send, keep=keep)
    assert call(satori, "message.create", send) == (200, "[]")
    assert call(satori, "message.create", send) == (200, "")
    with pytest.raises(TimeoutError):
        link = http.client.HTTPConnection("127.0.0.1", satori.port, timeout=0.3)
        call(satori, "message.create", send, keep=link)


def test_satori_notes_broken_rules(satori):
    client = Client(satori.url.replace("http", "ws") + "/v1/events", {"op": 1})
    client.send({"op": 3, "body": {"token": ""}})
    client.wait(lambda f: f["op"] == 4)
    call(satori, "message.create", {"channel_id": 20002, "content": "<at id='1'>"}, **{"X-Platform": "other"})
    text = " ".join(satori.violations)
    for rule in ("IDENTIFY is the first frame", "no token where none", "ids are strings", "clean markup", "all four"):
        assert rule in text, (rule, satori.violations)


def test_satori_markup():
    assert plain('<quote id="1"><at id="2"/>old</quote><at id="3" name="A"/> a&lt;b<br/>c') == "@3 a<b\nc"
    for good in ("", "a&amp;b", '<at id="1"/> x', '<button id="say:打卡" type="action">打卡</button>', '<img src="u" no-cache/>', "it's"):
        assert well_formed(good), good
    for bad in ("a & b", "1 < 2", "<b>x", "</b>", "a\nb", '<at id="a>b"/>', "<at id='1'/>", "&nbsp;"):
        assert not well_formed(bad), bad


def test_satori_upload(satori):
    body = (b'--B\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\0\r\n--B--\r\n')
    link = http.client.HTTPConnection("127.0.0.1", satori.port, timeout=3)
    link.request("POST", "/satori/v1/upload.create", body, {
        "Content-Type": "multipart/form-data; boundary=B", "Satori-Platform": "llonebot", "X-Platform": "llonebot",
        "Satori-User-ID": "10001", "X-Self-ID": "10001"})
    url = json.loads(link.getresponse().read())["a"]
    link.request("GET", "/satori/v1/proxy/" + url)
    assert link.getresponse().read() == b"\x89PNG\r\n\0" and satori.violations == []


# -- WeCom -------------------------------------------------------------------------------------------


@pytest.fixture
def wecom():
    server = WeCom().start()
    yield server
    server.close()


def subscribe(server, req_id="aibot_subscribe_1_a", secret=None, bot=None):
    return Client(server.url, frame("aibot_subscribe", req_id, bot_id=bot or server.bot_id, secret=secret or server.secret))


def frame(cmd, req_id, **body):
    return {"cmd": cmd, "headers": {"req_id": req_id}, "body": body}


def acks(client, req_id):
    return [f["errcode"] for f in list(client.frames) if "cmd" not in f and f["headers"]["req_id"] == req_id]


def ask(client, cmd, req_id, **body):
    """The ack of one frame."""
    before = len(acks(client, req_id))
    client.send(frame(cmd, req_id, **body))
    wait_until(lambda: len(acks(client, req_id)) > before, 3, what=lambda: str(client.frames[-3:]))
    return [f for f in client.frames if "cmd" not in f and f["headers"]["req_id"] == req_id][-1]


def test_wecom_conversation(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    assert ask(client, "ping", "ping_2_b")["errcode"] == 0
    asked = wecom.say("lisi", "打卡", chat="wrEXAMPLEgroupA")
    message = client.wait(lambda f: f.get("cmd") == "aibot_msg_callback")
    assert message["body"]["text"]["content"] == "@小助手 打卡" and message["body"]["chattype"] == "group"
    stream = {"msgtype": "stream", "stream": {"id": "s-1", "finish": False, "content": "第"}}
    assert ask(client, "aibot_respond_msg", asked, **stream)["errcode"] == 0
    stream["stream"].update(finish=True, content="第 1 天")
    assert ask(client, "aibot_respond_msg", asked, **stream)["errcode"] == 0
    assert [s.text for s in wecom.sends(chat="wrEXAMPLEgroupA")] == ["第 1 天"]
    assert ask(client, "aibot_send_msg", "p-1", chatid="lisi", chat_type=1, msgtype="markdown", markdown={"content": "hi"})["errcode"] == 0
    assert wecom.wait_send("hi").chat == "@lisi"
    assert wecom.violations == []


def test_wecom_welcome_and_cards(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    came = wecom.enter("lisi")
    assert ask(client, "aibot_respond_msg", came, msgtype="markdown", markdown={"content": "x"})["errcode"] == 846605
    assert ask(client, "aibot_respond_welcome_msg", came, msgtype="text", text={"content": "Hi"})["errcode"] == 0
    pressed = wecom.press("lisi", "say:打卡", "t-1")
    card = {"card_type": "text_notice", "main_title": {"title": "ok"}, "task_id": "t-1"}
    update = {"response_type": "update_template_card", "template_card": card}
    assert ask(client, "aibot_respond_update_msg", pressed, **update)["errcode"] == 42045
    card["card_action"] = {"type": 1, "url": "https://x"}
    assert ask(client, "aibot_respond_update_msg", pressed, **update)["errcode"] == 0
    wecom.welcome_life = 0.05
    late = wecom.enter("wang")
    time.sleep(0.1)
    assert ask(client, "aibot_respond_welcome_msg", late, msgtype="text", text={"content": "Hi"})["errcode"] == 846604
    assert "in time" in wecom.violations[0]


def test_wecom_lets_in_one(wecom):
    refused = subscribe(wecom, secret="wrong")
    refused.wait(lambda f: f.get("errcode") == 853000)
    assert not refused.ws.closed, "the server leaves it open"
    first = subscribe(wecom, "sub-1")
    wecom.wait_ready()
    second = subscribe(wecom, "sub-2")
    first.wait(lambda f: f.get("cmd") == "aibot_event_callback" and f["body"]["event"]["eventtype"] == "disconnected_event")
    assert ask(first, "ping", "ping-1")["errcode"] == 0
    wecom.say("lisi", "hallo")
    second.wait(lambda f: f.get("cmd") == "aibot_msg_callback")
    assert not [f for f in first.frames if f.get("cmd") == "aibot_msg_callback"]
    wecom.kick()
    second.wait(lambda f: f.get("cmd") == "aibot_event_callback")


def test_wecom_acks_as_wanted(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    push = {"chatid": "g", "chat_type": 2, "msgtype": "markdown", "markdown": {"content": "x"}}
    wecom.queued["aibot_send_msg"] = [846607, Ack(0, times=2), SILENCE, Ack(0, req_id="other"), Raw("{oops"), Late(0.1)]
    assert ask(client, "aibot_send_msg", "a", **push)["errcode"] == 846607
    assert ask(client, "aibot_send_msg", "b", **push)["errcode"] == 0
    wait_until(lambda: acks(client, "b") == [0, 0], 2)
    client.send(frame("aibot_send_msg", "c", **push))
    client.send(frame("aibot_send_msg", "d", **push))
    wait_until(lambda: acks(client, "other"), 2)
    assert not acks(client, "c") and not acks(client, "d")
    wecom.respond(wecom.actions[-2])
    wait_until(lambda: acks(client, "c") == [0], 2)


def test_wecom_limits_one_conversation(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    wecom.minute, wecom.per_minute = 0.5, 3
    codes = [ask(client, "aibot_send_msg", "p%d" % i, chatid="g", chat_type=2, msgtype="markdown",
                 markdown={"content": "x"})["errcode"] for i in range(4)]
    assert codes == [0, 0, 0, 45009]
    assert ask(client, "aibot_send_msg", "q", chatid="h", chat_type=2, msgtype="markdown", markdown={"content": "x"})["errcode"] == 0
    time.sleep(0.5)
    assert ask(client, "aibot_send_msg", "r", chatid="g", chat_type=2, msgtype="markdown", markdown={"content": "x"})["errcode"] == 0


def test_wecom_answers_a_ping_wrongly(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    aio.run(client.ws.ping())
    assert wecom.wait_closed(wecom.conns[0]) == 1002 and wecom.violations == ["an RFC 6455 PING"]


def test_wecom_dead_link(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    wecom.dead = True
    client.send(frame("ping", "ping-9"))
    wecom.wait_action("ping")
    wecom.dead = False
    assert ask(client, "ping", "ping-10")["errcode"] == 0 and not acks(client, "ping-9")
    wecom.cut()
    assert client.wait_gone() == 1006


def test_wecom_takes_media(wecom):
    client = subscribe(wecom)
    wecom.wait_ready()
    data = bytes(range(256)) * 5079
    pieces = [data[i:i + 524288] for i in range(0, len(data), 524288)]
    begun = ask(client, "aibot_upload_media_init", "u-1", type="image", filename="a.png", total_size=len(data),
                total_chunks=3, md5=hashlib.md5(data).hexdigest())
    name = begun["body"]["upload_id"]
    assert ask(client, "aibot_upload_media_finish", "u-0", upload_id=name)["errcode"] == 40058
    for i, index in enumerate((2, 0, 0, 1)):
        ask(client, "aibot_upload_media_chunk", "u-c%d" % i, upload_id=name, chunk_index=index,
            base64_data=base64.b64encode(pieces[index]).decode())
    done = ask(client, "aibot_upload_media_finish", "u-2", upload_id=name)
    assert wecom.media[done["body"]["media_id"]] == ("image", "a.png", data) and wecom.violations == []


@pytest.mark.parametrize("size", [0, 31, 32, 1000])
def test_wecom_offers_files(wecom, size):
    made = wecom.put_file(b"x" * size, name="图.png", key=b"k" * 32, star=True)
    link = http.client.HTTPConnection("127.0.0.1", wecom.port, timeout=3)
    link.request("GET", made["url"].split(str(wecom.port))[1])
    answer = link.getresponse()
    assert answer.getheader("Content-Disposition").startswith("attachment; filename*=UTF-8''%E5")
    body = answer.read()
    clear = subprocess.run(["openssl", "enc", "-d", "-aes-256-cbc", "-nopad", "-K", (b"k" * 32).hex(), "-iv", (b"k" * 16).hex()],
                           input=body, capture_output=True, check=True).stdout
    assert clear == b"x" * size + bytes([32 - size % 32]) * (32 - size % 32)
