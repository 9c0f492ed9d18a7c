"""A scripted OneBot 11 implementation: the peer that sopd talks to in the tests.

Forward mode: it listens and sopd connects. Reverse mode: it connects to sopd. Personas give it the
habits of the implementations found in the field. Everything sopd sends is recorded with its time and
checked at once against the rules that hold for every action frame; close() of the fixture fails the
test when one was broken.
"""

import asyncio
import http
import itertools
import json
import re
import time

import websockets
from websockets.frames import OP_CLOSE
from websockets.legacy.client import WebSocketClientProtocol
from websockets.legacy.framing import Frame
from websockets.legacy.server import WebSocketServerProtocol

from . import aio, events
from .peer import Conn, Peer, Raw
from .util import wait_until


class Persona:
    """What differs between implementations, as far as the bot side can see it."""

    def __init__(self, name, app_name, **habits):
        self.name = name
        self.app_name = app_name
        self.http_refusal = habits.get("http_refusal")        # None: refuses after the upgrade
        self.close_code = habits.get("close_code")            # of a refusal after the upgrade
        self.refusal_frame = habits.get("refusal_frame", True)
        self.unknown = habits.get("unknown", 1404)            # retcode of an unknown action; 0: fake ok
        self.lifecycle = habits.get("lifecycle", True)
        self.string_messages = habits.get("string_messages", False)
        self.first_id = habits.get("first_id", 205113000)
        self.id_step = habits.get("id_step", 1)
        self.error_text = habits.get("error_text", "message")  # key of the human text, or None
        self.auth_scheme = habits.get("auth_scheme", "Bearer")
        self.role = habits.get("role", "Universal")
        self.self_as_message = habits.get("self_as_message", False)


PERSONAS = {
    "napcat": Persona("napcat", "NapCat.Onebot"),
    "llbot": Persona("llbot", "LLOneBot", close_code=1008, first_id=-771230000, id_step=-1),
    "lagrange": Persona("lagrange", "Lagrange.OneBot", http_refusal=403, unknown=404,
                        error_text=None, role="Api", self_as_message=True),
    "gocq": Persona("gocq", "go-cqhttp", http_refusal=401, unknown=404, string_messages=True,
                    error_text="msg", auth_scheme="Token", first_id=-1208745511),
    "wechat": Persona("wechat", "wechat-onebot-bridge", close_code=1008, refusal_frame=False,
                      unknown=0, lifecycle=False, role=None),
}


class Fail:
    """Answer with a failure."""

    def __init__(self, retcode, message="", status="failed", **fields):
        self.retcode, self.message, self.status, self.fields = retcode, message, status, fields


class Action:
    """One action frame from sopd."""

    def __init__(self, frame, conn, raw):
        self.time = time.monotonic()
        self.frame, self.conn, self.raw = frame, conn, raw
        self.action = frame.get("action")
        self.params = frame.get("params")
        self.echo = frame.get("echo")
        self.message_id = None

    @property
    def text(self):
        """The text of a send: text segments joined, an @ as @id."""
        out = []
        for segment in (self.params or {}).get("message") or []:
            data = segment.get("data") or {}
            if segment.get("type") == "text":
                out.append(str(data.get("text")))
            elif segment.get("type") == "at":
                out.append("@%s" % data.get("qq"))
        return "".join(out)

    @property
    def mentions(self):
        return [s["data"]["qq"] for s in (self.params or {}).get("message") or []
                if s.get("type") == "at"]

    @property
    def is_send(self):
        return self.action.startswith("send_") and "msg" in self.action

    @property
    def chat(self):
        params = self.params or {}
        return str(params["group_id"]) if "group_id" in params else "@%s" % params.get("user_id")

    def __repr__(self):
        return "%s %s" % (self.action, json.dumps(self.params, ensure_ascii=False))


class _Link:
    """What both protocol classes add: pings are counted and, if asked, not answered."""

    conn = None
    answer_pings = True

    async def pong(self, data=b""):
        if self.conn is not None:
            self.conn.pings += 1
        if self.answer_pings:
            await super().pong(data)


class _ServerLink(_Link, WebSocketServerProtocol):
    pass


class _ClientLink(_Link, WebSocketClientProtocol):
    pass


MODERATION_BOOLEANS = {"set_group_admin": "enable", "set_group_whole_ban": "enable",
                       "set_group_add_request": "approve", "set_friend_add_request": "approve"}
VOID_ACTIONS = {"delete_msg", "set_group_ban", "set_group_whole_ban", "set_group_kick",
                "set_group_card", "set_group_admin", "set_group_add_request",
                "set_friend_add_request", "set_msg_emoji_like", "group_poke",
                "mark_msg_as_read", "_send_group_notice", "set_group_special_title"}


class Gateway(Peer):
    """mode "forward": start() listens, url is what goes into sopd's configuration.
    mode "reverse": target is sopd's URL, start() connects and keeps reconnecting."""

    def __init__(self, persona="napcat", mode="forward", token=None, target=None,
                 self_id=events.SELF, reconnect=0.1):
        super().__init__()
        self.persona = PERSONAS[persona] if isinstance(persona, str) else persona
        self.mode, self.token, self.target = mode, token, target
        self.self_id = self_id
        self.reconnect = reconnect
        self.port = None
        self.groups = {events.GROUP: "福利一群"}
        self.members = {}           # group -> [member dict]
        self.history = {}           # group -> [message event]
        self.admit = "ok"           # ok | 401 | 403 | 404 | frame | frame1008 | bare1008 | close | silent
        self.answer_pings = True
        self.send_lifecycle = self.persona.lifecycle
        self.report_self = None     # None | "before" | "after": message_sent around the answer
        self.headers = {}           # extra headers of a reverse handshake
        self.query = ""
        self.online = True
        self.emitted = []           # the events given out, for repeat_last()
        self._ids = itertools.count(self.persona.first_id, self.persona.id_step)
        self._server = None
        self._dialer = None

    # -- life ------------------------------------------------------------------------------------

    @property
    def url(self):
        return "ws://127.0.0.1:%d/" % self.port

    def settings(self):
        """What its gateway needs in sopd's configuration."""
        fields = {"type": "onebot11", "mode": self.mode}
        if self.mode == "forward":
            fields["url"] = self.url
        return {**fields, "token": self.token} if self.token else fields

    def start(self):
        if self.mode == "forward":
            aio.run(self._listen())
        else:
            self._dialer = aio.spawn(self._dial())
        return self

    async def _listen(self):
        self._server = await websockets.serve(
            self._serve, "127.0.0.1", self.port or 0, create_protocol=_ServerLink,
            process_request=self._admission, compression=None, ping_interval=None,
            max_size=None, max_queue=None, close_timeout=1)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self):
        """Refuse connections (the port is kept for start())."""
        aio.end_server(self._server)

    def close(self):
        if self._dialer:
            self._dialer.cancel()
        for conn in self.conns:
            if conn.open:
                aio.loop().call_soon_threadsafe(conn.ws.transport.abort)
        if self._server:
            self.stop_listening()

    async def _admission(self, path, headers):
        self._note(self.attempts, (time.monotonic(), path, headers))
        status = None
        if self.admit in ("401", "403", "404", "500"):
            status = int(self.admit)
        elif self.token is not None and self.persona.http_refusal and not self._token_ok(path, headers):
            status = self.persona.http_refusal
        if status is None:
            return None
        return http.HTTPStatus(status), [("Content-Type", "text/plain")], b"refused\n"

    def _token_ok(self, path, headers):
        given = headers.get("Authorization", "").partition(" ")[2]
        match = re.search(r"[?&]access_token=([^&]*)", path)
        return given == self.token or bool(match and match.group(1) == self.token)

    async def _serve(self, ws, path):
        conn = self._opened(ws, path, ws.request_headers)
        if self.admit in ("frame", "frame1008"):
            return await self._refuse(conn, self.admit == "frame1008" and 1008 or None, True)
        if self.admit == "bare1008":
            return await self._refuse(conn, 1008, False)
        if self.admit == "close":
            return await self._refuse(conn, None, False)
        if self.token is not None and not self._token_ok(path, ws.request_headers):
            return await self._refuse(conn, self.persona.close_code, self.persona.refusal_frame)
        await self._converse(conn)

    async def _refuse(self, conn, code, frame):
        if frame:
            reply = {"status": "failed", "retcode": 1403, "data": None,
                     "message": "token验证失败", "wording": "token验证失败"}
            if code is None:
                reply["echo"] = None
                reply["stream"] = "normal-action"
            await conn.ws.send(json.dumps(reply))
        body = b"" if code is None else code.to_bytes(2, "big") + b"invalid access token"
        self._write(conn, OP_CLOSE, body)
        await asyncio.sleep(0.05)
        conn.ws.transport.close()
        self._ended(conn)

    async def _dial(self):
        while True:
            try:
                ws = await self._connect_once()
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError) as error:
                self.last_error = error
                await asyncio.sleep(self.reconnect)
                continue
            conn = self._opened(ws, self.target, self.headers)
            await self._converse(conn)
            if self.reconnect is None:
                return
            await asyncio.sleep(self.reconnect)

    def _connect_once(self):
        headers = {"X-Self-ID": str(self.self_id)}
        if self.persona.role:
            headers["X-Client-Role"] = "Universal"
        if self.token is not None:
            headers["Authorization"] = "%s %s" % (self.persona.auth_scheme, self.token)
        headers.update(self.headers)
        headers = {k: v for k, v in headers.items() if v is not None}
        self._note(self.attempts, (time.monotonic(), self.target, headers))
        return websockets.connect(self.target + self.query, create_protocol=_ClientLink,
                                  extra_headers=headers, compression=None, ping_interval=None,
                                  max_size=None, max_queue=None, open_timeout=5, close_timeout=1)

    def _opened(self, ws, path, headers):
        conn = Conn(ws, path, headers)
        ws.conn, ws.answer_pings = conn, self.answer_pings
        self._note(self.conns, conn)
        return conn

    async def _converse(self, conn):
        if self.send_lifecycle and self.admit != "silent":
            await self._send(conn, json.dumps(self._own(events.lifecycle())))
        try:
            async for raw in conn.ws:
                self._received(conn, raw)
        except websockets.ConnectionClosed:
            pass
        self._ended(conn)

    # -- what sopd sends -------------------------------------------------------------------------

    def _received(self, conn, raw):
        if isinstance(raw, bytes):
            self.violations.append("binary frame: %r" % raw[:80])
            return
        try:
            frame = json.loads(raw)
        except ValueError:
            self.violations.append("not JSON: %r" % raw[:200])
            return
        action = Action(frame, conn, raw)
        self._check(action)
        self._note(self.actions, action)
        if self.admit != "silent":
            self._answer(action, self._reply_for(action))

    def _check(self, action):
        """The rules for every action frame (checklist 19, 33, 35, 63, 64, 68 and section 2.1)."""
        def rule(ok, what):
            if not ok:
                self.violations.append("%s: %s" % (what, action.raw[:300]))
        params, echo = action.params, action.echo
        rule(isinstance(action.action, str) and re.fullmatch(r"[a-z_]+", action.action or ""),
             "action is a plain name")
        rule(isinstance(params, dict), "params is an object")
        rule(isinstance(echo, str) and echo.isascii() and 0 < len(echo) <= 32,
             "echo is a short ASCII string")
        rule(echo not in action.conn.echoes, "echo is unique")
        action.conn.echoes.add(echo)
        rule(not re.search(r"_(async|rate_limited)$", action.action or ""), "no suffixes")
        if not isinstance(params, dict):
            return
        if action.action == "set_group_ban":
            rule(isinstance(params.get("duration"), int), "duration is always given")
        if action.action in MODERATION_BOOLEANS:
            rule(isinstance(params.get(MODERATION_BOOLEANS[action.action]), bool), "a JSON boolean")
        if "flag" in params:
            rule(isinstance(params["flag"], str), "flag is a string")
        if action.action.startswith("send_") and "msg" in action.action:
            self._check_send(action, params, rule)

    def _check_send(self, action, params, rule):
        if "private" in action.action and self.persona.name not in ("llbot", "gocq"):
            rule("group_id" not in params, "a private send carries no group_id")
        if "group" in action.action:
            rule("user_id" not in params, "a group send carries no user_id")
        rule(not re.search(r'"(group_id|user_id)": ?[0-9.]*[eE]', action.raw), "ids are exact")
        if "forward" in action.action:
            return
        message = params.get("message")
        rule(isinstance(message, list) and message, "message is an array that is not empty")
        for segment in message if isinstance(message, list) else ():
            data = segment.get("data")
            rule(isinstance(data, dict) and all(isinstance(v, str) for v in data.values()),
                 "segment data holds strings")
            rule(segment.get("type") != "text" or data.get("text"), "no empty text")

    def _default(self, action):
        name, params = action.action, action.params or {}
        if name == "get_version_info":
            if self.persona.name == "wechat":
                return {}
            return {"app_name": self.persona.app_name, "app_version": "4.0.0",
                    "protocol_version": "v11"}
        if name == "get_login_info":
            return {"user_id": self.self_id, "nickname": "小助手"}
        if name == "get_status":
            return {"online": self.online, "good": True, "stat": {}}
        if name == "get_group_list":
            return [self._group_info(group) for group in self.groups]
        if name == "get_group_info":
            return self._group_info(params.get("group_id"))
        if name == "get_group_member_list":
            return self.members.get(params.get("group_id"), [])
        if name == "get_group_member_info":
            for member in self.members.get(params.get("group_id"), []):
                if str(member["user_id"]) == str(params.get("user_id")):
                    return member
            return {"group_id": params.get("group_id"), "user_id": params.get("user_id"),
                    "nickname": "用户", "card": "", "role": "member"}
        if name == "get_friend_list":
            return []
        if name == "get_group_system_msg":
            return {"invited_requests": None, "join_requests": None}
        if name == "get_group_msg_history":
            return {"messages": self.history.get(params.get("group_id"), [])[-20:]}
        if name == "get_group_at_all_remain":
            return {"can_at_all": True, "remain_at_all_count_for_group": 5,
                    "remain_at_all_count_for_uin": 5}
        if name.startswith("send_") and "msg" in name:
            return {"message_id": next(self._ids)}
        if name in VOID_ACTIONS:
            return None
        if self.persona.unknown == 0:
            return {}
        return Fail(self.persona.unknown, "不支持的api " + name)

    def _group_info(self, group):
        return {"group_id": group, "group_name": self.groups.get(group, "群"),
                "member_count": len(self.members.get(group, [])), "max_member_count": 500}

    def _send_answer(self, action, reply):
        frame = self._frame(action, reply)
        if isinstance(reply, dict) and "message_id" in reply:
            action.message_id = reply["message_id"]
        is_send = action.action.startswith("send_") and action.message_id is not None
        if self.report_self == "before" and is_send:
            self._report(action)
        self._write_text(action.conn, frame)
        if self.report_self == "after" and is_send:
            self._report(action)

    def _frame(self, action, reply):
        if isinstance(reply, Raw):
            if isinstance(reply.frame, str):
                return reply.frame
            return json.dumps({"echo": action.echo, **reply.frame}, ensure_ascii=False)
        if isinstance(reply, Fail):
            frame = {"status": reply.status, "retcode": reply.retcode, "data": None}
            if self.persona.error_text and reply.message:
                frame[self.persona.error_text] = frame["wording"] = reply.message
            frame.update(reply.fields)
        else:
            frame = {"status": "ok", "retcode": 0}
            if reply is not None or self.persona.name != "napcat":
                frame["data"] = reply
            if self.persona.name in ("napcat", "llbot"):
                frame["message"] = frame["wording"] = ""
        frame["echo"] = action.echo
        if self.persona.name == "napcat":
            frame["stream"] = "normal-action"
        return json.dumps(frame, ensure_ascii=False)

    def _report(self, action):
        """The account's own message comes back as an event."""
        group = action.params.get("group_id")
        if group is None:
            return
        event = self._own(events.self_msg(group, action.params["message"], action.message_id))
        if self.persona.self_as_message:
            event["post_type"] = "message"
        self._write_text(action.conn, json.dumps(event, ensure_ascii=False))

    # -- what it sends ---------------------------------------------------------------------------

    def _own(self, event):
        event["self_id"] = self.self_id
        return event

    def _shape(self, event):
        """Messages in the form this implementation reports them."""
        if "message" in event and isinstance(event["message"], list) and self.persona.string_messages:
            return {**event, "message": event["raw_message"]}
        return event

    def _write(self, conn, opcode, data, fin=True):
        if conn.closed is None and not conn.ws.transport.is_closing() and conn.ws.open:
            Frame(fin, opcode, data).write(conn.ws.transport.write, mask=conn.ws.is_client)

    async def _send(self, conn, text):
        self._write_text(conn, text)

    def emit(self, *list_of_events, conn=None):
        """Send events, each in a text frame of its own."""
        frames = []
        for event in list_of_events:
            if "self_id" in event:
                event = {**event, "self_id": self.self_id} if event["self_id"] == events.SELF else event
            frames.append(json.dumps(self._shape(event), ensure_ascii=False))
        self.emitted.extend(frames)
        self.emit_text(*frames, conn=conn)

    def repeat_last(self, count=20):
        self.emit_text(*self.emitted[-count:])

    # -- waiting and looking ---------------------------------------------------------------------

    def wait_ready(self, timeout=10.0):
        """Wait until sopd is connected and has made its start-up calls on the open link."""
        self.wait(lambda: any(a.action == "get_login_info" and a.conn.open for a in list(self.actions)),
                  timeout, "get_login_info")
        return self


def wait_all_closed(gateway, timeout=5.0):
    wait_until(lambda: not any(c.open for c in gateway.conns), timeout, what="all links closed")
