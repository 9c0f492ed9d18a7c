"""A scripted gateway of WeCom's intelligent bots (企业微信智能机器人, long connection): WebSocket, and the files of media by
HTTP, on one port.

Everything sopd sends is recorded and checked at once against the rules that hold for every frame; the fixture fails the test
when one was broken.
"""

import base64
import hashlib
import itertools
import json
import math
import os
import re
import subprocess
import time
from collections import deque
from urllib.parse import quote as percent

from websockets.frames import OP_PONG

from .peer import Raw
from .wire import Port, Reply

BOT, SECRET = "aibEXAMPLE0001", "EXAMPLE-SECRET"
GROUP = "wrEXAMPLEgroupA"
SUBSCRIBE, RESPOND, WELCOME = "aibot_subscribe", "aibot_respond_msg", "aibot_respond_welcome_msg"
UPDATE, PUSH, UPLOAD = "aibot_respond_update_msg", "aibot_send_msg", "aibot_upload_media_"
REPLIES = (RESPOND, WELCOME, UPDATE)
LONGEST_CONTENT, LONGEST_CHUNK = 20480, 512 * 1024
MEDIA_LIMIT = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}


class Ack:
    """An acknowledgement as a test wants it. req_id: another one than the frame's; times: how often it is sent; body: for
    media; do: what a success has as its effect is done all the same."""

    def __init__(self, errcode=0, errmsg=None, body=None, req_id=..., times=1, **fields):
        self.errcode, self.body, self.req_id, self.times, self.fields = errcode, body, req_id, times, fields
        self.errmsg = errmsg or ("ok" if errcode == 0 else "scripted, hint: [%d], from ip: 127.0.0.1" % errcode)


class Frame:
    """One frame from sopd. action: its cmd; params: its body."""

    def __init__(self, frame, conn, raw):
        self.time = time.monotonic()
        self.frame, self.conn, self.raw = frame, conn, raw
        self.action = frame.get("cmd")
        headers = frame.get("headers")
        self.req_id = headers.get("req_id") if isinstance(headers, dict) else None
        self.params = frame.get("body")
        self.answers = None         # the callback whose req_id it carries
        self.errcode = None         # what it was answered
        self.bot = getattr(conn, "bot", None)

    @property
    def is_send(self):
        """An answer, a push or a welcome that people see as a message; a stream's last frame only."""
        if self.action not in (RESPOND, WELCOME, PUSH):
            return False
        return not (self.kind == "stream" and not self.params["stream"].get("finish"))

    @property
    def kind(self):
        return (self.params or {}).get("msgtype")

    @property
    def text(self):
        """What people read: content of text, markdown or stream, or the title of a card."""
        body = self.params if isinstance(self.params, dict) else {}
        inner = body.get(self.kind) if self.kind else None
        if isinstance(inner, dict) and "content" in inner:
            return inner["content"]
        card = body.get("template_card")
        return str((card.get("main_title") or {}).get("title", "")) if isinstance(card, dict) else ""

    @property
    def mentions(self):
        """Members are named in plain text here; whom it is about can only be read."""
        return re.findall(r"@([\w-]+)", self.text)

    @property
    def chat(self):
        if self.answers is not None:
            return chat_of(self.answers)
        body = self.params if isinstance(self.params, dict) else {}
        return ("@" if body.get("chat_type") == 1 else "") + str(body.get("chatid"))

    def __repr__(self):
        text = json.dumps(self.params, ensure_ascii=False)
        return "%s %s %s" % (self.action, self.req_id, text if len(text) < 400 else text[:400] + "...")


def chat_of(callback):
    body = callback["body"]
    return body["chatid"] if body.get("chattype") == "group" else "@" + body["from"]["userid"]


class WeCom(Port):
    """`url` is what goes into sopd's configuration. Several bots: bots = {bot id: secret}."""

    def __init__(self, bot_id=BOT, secret=SECRET, name="小助手", tls=None):
        super().__init__(tls)
        self.bot_id, self.secret, self.name = bot_id, secret, name
        self.bots = {bot_id: secret}
        self.subscribed = {}            # bot id -> the link that has it
        self.callbacks = {}             # req_id -> callback frame, as long as it may be answered
        self.minute = 60.0              # the window of the limit
        self.per_minute = 30            # messages to one conversation; None: no limit
        self.stream_life = 600.0
        self.welcome_life = 5.0         # of a welcome and of a card's update
        self.reply_life = 86400.0
        self.need_contact = False       # a push only to whom has written before
        self.contacted = set()
        self.uploads = {}               # upload id -> dict
        self.media = {}                 # media id -> (type, filename, bytes)
        self.files = {}                 # path -> Reply
        self.streams = {}               # stream id -> [time of its first frame, finished, req_id]
        self.unknown_members = set()    # of chats: 93008 for a push there
        self._sent = {}                 # chat -> times
        self._numbers = itertools.count(1001)
        self._used = set()              # req_ids of the client's own frames

    @property
    def url(self):
        return self.origin("ws") + "/"

    def settings(self):
        """What its gateway needs in sopd's configuration."""
        return {"type": "wecom", "url": self.url, "bot_id": self.bot_id, "secret": self.secret, "names": [self.name]}

    @property
    def link(self):
        """The link that has the bot."""
        conn = self.subscribed.get(self.bot_id)
        if conn is None or not conn.open:
            raise AssertionError("sopd has not subscribed")
        return conn

    def rule(self, ok, what, shown):
        if not ok:
            self.violations.append("%s: %s" % (what, repr(shown)[:400]))

    # -- what sopd sends -------------------------------------------------------------------------

    def on_link(self, conn):
        conn.bot, conn.state, conn.unacked, conn.ping_times = None, "new", {}, []

    def on_gone(self, conn):
        if self.subscribed.get(conn.bot) is conn:
            del self.subscribed[conn.bot]

    def on_ping(self, conn, data):
        """As the real one: a frame that no client may accept, so that a PING by accident breaks the test."""
        conn.pings += 1
        self.violations.append("an RFC 6455 PING")
        conn.ws.frame(OP_PONG, data, masked=True)

    def on_text(self, conn, text):
        try:
            frame = json.loads(text)
        except ValueError:
            self.violations.append("not JSON: %r" % text[:200])
            return
        if not isinstance(frame, dict):
            self.violations.append("not an object: %r" % text[:200])
            return
        action = Frame(frame, conn, text)
        action.answers = self.callbacks.get(action.req_id)
        self._check(action)
        if action.action == "ping":
            conn.ping_times.append(action.time)
        self._note(self.actions, action)
        if not self.dead:
            self._answer(action, self._reply_for(action))

    def _check(self, action):
        """The rules for every frame (checklist 2, 39, 40, 42, 43, 47, 48 and sections 4, 8.1)."""
        conn, name, req_id = action.conn, action.action, action.req_id

        def rule(ok, what):
            self.rule(ok, what, action.raw)
        if name == "pong":
            return
        rule(isinstance(name, str), "a cmd")
        rule(isinstance(req_id, str) and req_id, "a req_id")
        rule(name == SUBSCRIBE or conn.state in ("subscribed", "taken"), "nothing before the subscription's ack")
        rule(name != SUBSCRIBE or conn.state == "new", "one subscription on a connection")
        if name not in REPLIES:
            rule(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", req_id or ""), "its own req_id is short and plain")
            rule(req_id not in self._used and req_id not in self.callbacks, "its own req_id is unique")
            self._used.add(req_id)
        rule(req_id not in conn.unacked, "one frame of a req_id without an ack at a time")
        conn.unacked[req_id] = action
        body = action.params
        if isinstance(body, dict) and name in (RESPOND, PUSH):
            rule(body.get("msgtype") != "text", "text is not for answers and pushes")
            for kind in ("stream", "markdown"):
                content = (body.get(kind) or {}).get("content", "")
                rule(len(content.encode()) <= LONGEST_CONTENT, "content is at most 20480 bytes")
        if name == PUSH:
            rule(isinstance(body, dict) and body.get("chat_type") in (1, 2), "a push has a chat_type")
        if name == RESPOND and isinstance(body, dict) and body.get("msgtype") == "stream":
            stream = self.streams.get(body["stream"].get("id"))
            rule(stream is None or not stream[1], "nothing after finish")

    def _send_answer(self, action, reply):
        if isinstance(reply, int):
            reply = Ack(reply)
        conn = action.conn
        if reply is None or conn.closed is not None:
            return
        if isinstance(reply, Raw):
            frame = reply.frame if isinstance(reply.frame, str) else json.dumps(
                {"headers": {"req_id": action.req_id}, **reply.frame}, ensure_ascii=False)
            self._write_text(conn, frame)
            return
        action.errcode = reply.errcode
        conn.unacked.pop(action.req_id, None)
        frame = {"headers": {"req_id": action.req_id if reply.req_id is ... else reply.req_id},
                 "errcode": reply.errcode, "errmsg": reply.errmsg, **reply.fields}
        if reply.body is not None:
            frame["body"] = reply.body
        for _ in range(reply.times):
            self._write_text(conn, json.dumps(frame, ensure_ascii=False))

    def _default(self, action):
        conn, name = action.conn, action.action
        if name == SUBSCRIBE:
            return self._subscribe(conn, action.params or {})
        if name == "pong":
            return None
        if conn.state == "taken":
            return Ack(0) if name == "ping" else Ack(846609)
        if conn.state != "subscribed":
            return Ack(846609)
        if name == "ping":
            return Ack(0)
        if name.startswith(UPLOAD):
            return self._upload(name[len(UPLOAD):], action.params or {})
        if name in REPLIES:
            return self._reply(action)
        if name == PUSH:
            return self._push(action)
        return Ack(40058)

    def _subscribe(self, conn, body):
        bot = body.get("bot_id")
        if bot not in self.bots or body.get("secret") != self.bots[bot]:
            return Ack(853000, "invalid bot_id or secret, hint: [1770000000], from ip: 127.0.0.1")
        old = self.subscribed.get(bot)
        conn.bot, conn.state = bot, "subscribed"
        with self._changed:
            self.subscribed[bot] = conn
            self._changed.notify_all()
        if old is not None and old.open:
            self._take_over(old)
        return Ack(0)

    def _take_over(self, old):
        """The old link is told, gets no more callbacks, and its pings are still acknowledged."""
        old.state = "taken"
        self._write_text(old, json.dumps(self._callback(disconnected(old.bot), None)))

    def kick(self):
        """Another client, which is not here, subscribes with the bot."""
        conn = self.link
        self._in_loop(lambda: (self.subscribed.pop(conn.bot), self._take_over(conn)))

    def _crowded(self, chat):
        times = self._sent.setdefault(chat, deque())
        while times and times[0] <= time.monotonic() - self.minute:
            times.popleft()
        if self.per_minute is not None and len(times) >= self.per_minute:
            return True
        times.append(time.monotonic())
        return False

    def _reply(self, action):
        source, body = action.answers, action.params or {}
        if source is None:
            return Ack(846605)
        kind = source["body"].get("event", {}).get("eventtype") if source["body"]["msgtype"] == "event" else "message"
        if kind != {RESPOND: "message", WELCOME: "enter_chat", UPDATE: "template_card_event"}[action.action]:
            return Ack(846605)
        age = action.time - source["_time"]
        life = self.reply_life if action.action == RESPOND else self.welcome_life
        if age > life:
            self.rule(action.action == RESPOND, "a welcome and a card's update come in time or not at all", action.raw)
            return Ack(846604)
        if action.action == UPDATE:
            return self._update(source, body)
        if action.action == WELCOME and body.get("msgtype") not in ("text", "template_card"):
            return Ack(40008)
        if action.action == RESPOND and body.get("msgtype") == "text":
            return Ack(40008)
        if body.get("msgtype") == "stream":
            return self._stream(action, body["stream"])
        if source.get("_answered"):
            return Ack(846606)
        if self._crowded(action.chat):
            return Ack(45009)
        source["_answered"] = True
        return Ack(0)

    def _update(self, source, body):
        event = source["body"]["event"]
        pressed = event.get("template_card_event", event)
        card = body.get("template_card") or {}
        if card.get("task_id") != pressed.get("task_id"):
            return Ack(40058)
        if card.get("card_type") in ("text_notice", "news_notice") and not card.get("card_action"):
            return Ack(42045)
        return Ack(0)

    def _stream(self, action, stream):
        name, now = stream.get("id"), action.time
        known = self.streams.get(name)
        if known is None:
            if self._crowded(action.chat):
                return Ack(45009)
            known = self.streams[name] = [now, False, action.req_id]
        if now - known[0] > self.stream_life:
            return Ack(846608)
        if known[2] != action.req_id or known[1]:
            return Ack(846605)
        known[1] = bool(stream.get("finish"))
        return Ack(0)

    def _push(self, action):
        body, chat = action.params or {}, action.chat
        if body.get("msgtype") not in ("markdown", "template_card", "file", "image", "voice", "video"):
            return Ack(40008)
        if chat in self.unknown_members:
            return Ack(93008)
        if self.need_contact and chat not in self.contacted:
            return Ack(846607)
        if body["msgtype"] in MEDIA_LIMIT and (body.get(body["msgtype"]) or {}).get("media_id") not in self.media:
            return Ack(40058)
        return Ack(45009) if self._crowded(chat) else Ack(0)

    # -- media -------------------------------------------------------------------------------------

    def _upload(self, step, body):
        if step == "init":
            size, chunks = body.get("total_size"), body.get("total_chunks")
            fits = (body.get("type") in MEDIA_LIMIT and isinstance(size, int) and 5 < size <= MEDIA_LIMIT[body["type"]]
                    and chunks == math.ceil(size / LONGEST_CHUNK) and chunks <= 100 and body.get("filename"))
            self.rule(fits, "an upload's announcement fits", body)
            if not fits:
                return Ack(40058)
            name = "UP-%d" % next(self._numbers)
            self.uploads[name] = {**body, "chunks": {}}
            return Ack(0, body={"upload_id": name})
        upload = self.uploads.get(body.get("upload_id"))
        if upload is None:
            return Ack(40058)
        if step == "chunk":
            index = body.get("chunk_index")
            data = base64.b64decode(body.get("base64_data", ""), validate=True)
            self.rule(isinstance(index, int) and 0 <= index < upload["total_chunks"] and 0 < len(data) <= LONGEST_CHUNK,
                      "a chunk is one of those announced", (index, len(data)))
            upload["chunks"][index] = data
            return Ack(0)
        data = b"".join(upload["chunks"].get(i, b"") for i in range(upload["total_chunks"]))
        if len(upload["chunks"]) != upload["total_chunks"] or len(data) != upload["total_size"]:
            return Ack(40058, "chunks are missing")
        if "md5" in upload and upload["md5"] != hashlib.md5(data).hexdigest():
            return Ack(40058, "md5 mismatch")
        media = "MEDIA-%d" % next(self._numbers)
        self.media[media] = (upload["type"], upload["filename"], data)
        return Ack(0, body={"type": upload["type"], "media_id": media, "created_at": str(int(time.time()))})

    def put_file(self, data, name="chart.png", key=None, tail=None, star=False, padding=True, **reply):
        """Offers a file, encrypted as the platform does it; {"url", "aeskey"}. key: 32 bytes, b"": not encrypted. tail: bytes
        in the place of the right padding; padding: of the base64 key; reply: fields of wire.Reply."""
        path = "/files/%d" % next(self._numbers)
        disposition = "attachment; filename*=UTF-8''%s" % percent(name) if star else 'attachment; filename="%s"' % percent(name)
        key = os.urandom(32) if key is None else key
        found = {"url": self.origin("http") + path + "?sign=SECRET-SIGN"}
        if key:
            data = encrypt(data, key, tail)
            text = base64.b64encode(key).decode()
            found["aeskey"] = text if padding else text.rstrip("=")
        self.files[path] = Reply(**{"body": data, "kind": "application/octet-stream",
                                    "headers": [("Content-Disposition", disposition)], **reply})
        return found

    def answer_http(self, request):
        if request.method != "GET":
            return Reply(405, "GET only")
        return self.files.get(request.path, Reply(404, "<html>no such object</html>"))

    # -- what it sends -----------------------------------------------------------------------------

    def _callback(self, body, req_id):
        name = "aibot_event_callback" if body.get("msgtype") == "event" else "aibot_msg_callback"
        return {"cmd": name, "headers": {"req_id": req_id or "r-%d" % next(self._numbers)}, "body": body}

    def emit(self, *bodies, req_id=None, conn=None):
        """Sends callbacks; the req_id of the last one is returned. While nobody has subscribed they are lost, as they are."""
        frames, last = [], None
        for body in bodies:
            frame = self._callback(body, req_id)
            last = frame["headers"]["req_id"]
            frames.append(json.dumps(frame, ensure_ascii=False))
            self.callbacks[last] = {**frame, "_time": time.monotonic()}
            if isinstance(body.get("from"), dict) and body["msgtype"] != "event":
                self.contacted.add(chat_of(frame))
        conn = conn or self.subscribed.get(self.bot_id)
        if conn is not None and conn.open and not self.dead:
            self.emit_text(*frames, conn=conn)
        return last

    def emit_frame(self, frame, conn=None):
        self.emit_text(json.dumps(frame, ensure_ascii=False), conn=conn or self.link)

    def body(self, msgtype, user, chat=None, msgid=None, time_s=None, **fields):
        """The body of a callback; fields that are None are left out."""
        body = {"msgid": msgid or "m-%d" % next(self._numbers), "aibotid": self.bot_id,
                "chatid": chat, "chattype": "group" if chat else "single", "from": {"userid": user} if user else None,
                "create_time": int(time.time()) if time_s is None else time_s, "msgtype": msgtype, **fields}
        return {k: v for k, v in body.items() if v is not None}

    def say(self, user, text, chat=None, mention=True, **fields):
        """A member writes; in a group he has to call the bot. The req_id is returned."""
        if chat and mention:
            text = "@%s %s" % (self.name, text)
        return self.emit(self.body("text", user, chat, text={"content": text}, **fields))

    def show(self, kind, user, chat=None, **content):
        """image, file, video (url, aeskey) or voice (content) in a single chat."""
        return self.emit(self.body(kind, user, chat, **{kind: content}))

    def mixed(self, user, *items, chat=GROUP, **fields):
        """Texts and dicts of a picture, as one message."""
        items = [{"msgtype": "text", "text": {"content": i}} if isinstance(i, str) else
                 i if "msgtype" in i else {"msgtype": "image", "image": i} for i in items]
        return self.emit(self.body("mixed", user, chat, mixed={"msg_item": items}, **fields))

    def event_body(self, kind, user=None, chat=None, nested=True, msgid=None, **data):
        event = {"eventtype": kind, kind: data} if nested and data else {"eventtype": kind, **data}
        return self.body("event", user, chat, msgid=msgid or "e-%d" % next(self._numbers), event=event)

    def enter(self, user):
        """A member opens the single chat, for the first time on this day."""
        return self.emit(self.event_body("enter_chat", user))

    def press(self, user, key, task_id, chat=GROUP, card_type="button_interaction", nested=True, **data):
        return self.emit(self.event_body("template_card_event", user, chat, nested, card_type=card_type, event_key=key,
                                         task_id=task_id, **data))

    def feedback(self, user, id, type=1, **data):
        return self.emit(self.event_body("feedback_event", user, id=id, type=type, **data))

    # -- waiting and looking -----------------------------------------------------------------------

    def wait_ready(self, timeout=10.0):
        """Wait until sopd has subscribed."""
        self.wait(lambda: self.bot_id in self.subscribed, timeout, "the subscription")
        return self


def disconnected(bot):
    return {"msgid": "ev-%d" % time.monotonic_ns(), "create_time": int(time.time()), "aibotid": bot, "msgtype": "event",
            "event": {"eventtype": "disconnected_event"}}


def encrypt(data, key, tail=None):
    """AES-256-CBC, the IV is the key's beginning, PKCS#7 in blocks of 32 bytes; or `tail` in the padding's place."""
    pad = 32 - len(data) % 32
    data += bytes([pad]) * pad if tail is None else tail
    whole = len(data) // 16 * 16
    done = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", key.hex(), "-iv", key[:16].hex()],
                          input=data[:whole], capture_output=True, check=True).stdout
    return done + data[whole:]      # what does not fill a block makes the length wrong, as a test wants it
