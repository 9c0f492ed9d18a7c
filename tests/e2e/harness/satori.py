"""A scripted Satori v1 server: WebSocket events and HTTP calls on one port, with as many logins as a test wants.

Styles give it the habits of the servers found in the field. Everything sopd sends is recorded and checked at once against
the rules that hold for every frame and call; the fixture fails the test when one was broken.
"""

import asyncio
import html
import itertools
import json
import re
import time
from email.parser import BytesParser

from .peer import SILENCE, Late
from .wire import Port, Reply

EVENT, PING, PONG, IDENTIFY, READY, META = range(6)
OFFLINE, ONLINE, CONNECT, DISCONNECT, RECONNECT = range(5)
BASIC = ["message.create", "message.get", "message.delete", "message.list", "channel.get", "channel.list", "guild.get", "guild.list",
         "guild.member.get", "guild.member.list", "guild.member.kick", "guild.member.mute", "user.get", "user.channel.create",
         "reaction.create", "login.get"]
META_CALLS = ("meta", "admin/login.list")


class Style:
    """What differs between servers, as far as the application side can see it."""

    def __init__(self, name, **habits):
        self.name = name
        self.reads = habits.get("reads", "satori")              # which account headers: "satori" or "x"
        self.cursor = habits.get("cursor")                      # the key of IDENTIFY that makes it replay
        self.first_sn = habits.get("first_sn", 1)
        self.legacy = habits.get("legacy", False)               # id, self_id and platform beside the login
        self.bare = habits.get("bare", False)                   # events without a login at all
        self.refusal = habits.get("refusal", (4004, "invalid token"))
        self.ready_without_token = habits.get("ready_without_token", True)
        self.identify_first = habits.get("identify_first", False)
        self.read_timeout = habits.get("read_timeout")          # seconds of silence after which it hangs up
        self.pong_body = habits.get("pong_body", True)
        self.meta = habits.get("meta", True)                    # has /meta
        self.meta_as_event = habits.get("meta_as_event", False)
        self.wrong_token = habits.get("wrong_token", 403)
        self.unknown_login = habits.get("unknown_login", 403)
        self.failure = habits.get("failure", 500)
        self.own = habits.get("own")                            # None | "before" | "after": own messages come back
        self.unparsable_next = habits.get("unparsable_next", False)


STYLES = {
    "koishi": Style("koishi", legacy=True, meta_as_event=True, own="after"),
    "koishi-2023": Style("koishi-2023", reads="x", legacy=True, meta=False),
    "llonebot": Style("llonebot", legacy=True, meta=False, unparsable_next=True),
    "chronocat": Style("chronocat", legacy=True, bare=True, meta=False, refusal=(3000, "Unauthorized"),
                       ready_without_token=False, wrong_token=401),
    "satori-python": Style("satori-python", cursor="sequence", first_sn=0, refusal=(3000, "Unauthorized"),
                           identify_first=True, read_timeout=12.0, pong_body=False, wrong_token=401,
                           unknown_login=401),
}


class Login:
    """One account of the server.

    plain: a guild is its one channel (guild.plain), as on QQ. ids: how its messages are numbered: "llonebot" (2|peer|seq),
    "discord" (a snowflake), "koishi" (a plain number).
    """

    def __init__(self, platform="llonebot", id="10001", name="小助手", status=ONLINE, features=None, plain=None,
                 ids=None, adapter=None):
        self.platform, self.id, self.name, self.status = platform, str(id), name, status
        self.plain = platform in ("llonebot", "chronocat", "onebot", "red") if plain is None else plain
        self.features = BASIC + (["guild.plain"] if self.plain else []) if features is None else features
        self.ids = ids or {"llonebot": "llonebot", "discord": "discord"}.get(platform, "koishi")
        self.adapter = adapter or platform
        self.server = None
        self.sn = None                  # on the present server
        self.guilds = {}                # guild id -> {"id", "name", "channels": {id: name}, "members": [GuildMember]}
        self.history = {}               # channel id -> [Message], oldest first
        self.direct = {}                # channel id -> user id
        self._numbers = itertools.count(1000)

    def guild(self, id, name="群", channels=None, members=()):
        """Adds a guild; without channels a plain one has itself, another one has its id with "-c" behind."""
        if channels is None:
            channels = {id: name} if self.plain else {id + "-c": name}
        self.guilds[id] = {"id": id, "name": name, "channels": dict(channels), "members": list(members)}
        return self

    def guild_of(self, channel):
        for guild in self.guilds.values():
            if channel in guild["channels"]:
                return guild
        return None

    def direct_channel(self, user):
        channel = "private:%s" % user if self.plain else "dm%s" % user
        self.direct[channel] = str(user)
        return channel

    def next_id(self, channel):
        number = next(self._numbers)
        if self.ids == "llonebot":
            peer = self.direct.get(channel)
            return "%d|%s|%d" % (1 if peer else 2, peer or channel, number)
        if self.ids == "discord":
            return str(1180000000000000000 + number)
        return str(number)

    def user(self):
        return {"id": self.id, "name": self.name, "is_bot": self.platform not in ("llonebot", "chronocat")}

    # as a gateway of its own

    def settings(self):
        """What its gateway needs in sopd's configuration."""
        fields = {"type": "satori", "url": self.server.url, "login": {"platform": self.platform, "id": self.id}}
        return {**fields, "token": self.server.token} if self.server.token else fields

    @property
    def conn(self):
        return self.server.conn

    @property
    def conns(self):
        return self.server.conns

    @property
    def actions(self):
        return self.find()

    def say(self, user, text="", **fields):
        return self.server.say(user, text, login=self, **fields)

    def join(self, user, guild=None, **parts):
        self.server.join(user, guild, login=self, **parts)

    def leave(self, user, guild=None, **parts):
        self.server.leave(user, guild, login=self, **parts)

    def button(self, user, id, **parts):
        self.server.button(user, id, login=self, **parts)

    def _mine(self, where):
        return lambda call: call.login is self and (where is None or where(call))

    def find(self, name=None, text=None, where=None, **terms):
        return self.server.find(name, text, where=self._mine(where), **terms)

    def sends(self, text=None, where=None, **terms):
        return self.server.sends(text, where=self._mine(where), **terms)

    def wait_action(self, name=None, timeout=5.0, count=1, where=None, **terms):
        return self.server.wait_action(name, timeout, count, where=self._mine(where), **terms)

    def wait_send(self, text=None, timeout=5.0, count=1, where=None, **terms):
        return self.server.wait_send(text, timeout, count, where=self._mine(where), **terms)

    def wait_ready(self, timeout=10.0):
        self.server.wait_ready(timeout)
        return self

    def wait_link(self, count=1, timeout=10.0):
        return self.server.wait_link(count, timeout)

    def settle(self, quiet=0.3, timeout=10.0):
        return self.server.settle(quiet, timeout)

    def resource(self):
        return {"sn": self.sn, "platform": self.platform, "adapter": self.adapter, "status": self.status,
                "user": self.user(), "features": self.features}


class Call:
    """One HTTP call from sopd. action: the method ("message.create"), or the path below the base where it is none."""

    def __init__(self, request, action, params):
        self.time = request.time
        self.request, self.action, self.params = request, action, params
        self.headers = request.headers
        self.platform = request.headers.get("Satori-Platform") or request.headers.get("X-Platform")
        self.account = request.headers.get("Satori-User-ID") or request.headers.get("X-Self-ID")
        self.login = None
        self.message_id = None

    @property
    def content(self):
        return (self.params or {}).get("content") or ""

    @property
    def is_send(self):
        return self.action == "message.create"

    @property
    def text(self):
        """The content for people: an @ as @id, a line break as such, the rest without its markup."""
        return plain(self.content)

    @property
    def mentions(self):
        return re.findall(r'<at [^>]*?id="([^"]*)"', self.content)

    @property
    def quotes(self):
        return [html.unescape(q) for q in re.findall(r'<quote [^>]*?id="([^"]*)"', self.content)]

    @property
    def buttons(self):
        """{text: id} of the buttons that were sent."""
        found = {}
        for attributes, inside in re.findall(r"<button ([^>]*[^/])>(.*?)</button>", self.content):
            id = re.search(r'\bid="([^"]*)"', attributes)
            found[html.unescape(inside)] = html.unescape(id.group(1)) if id else None
        return found

    @property
    def chat(self):
        channel = str((self.params or {}).get("channel_id"))
        user = self.login.direct.get(channel) if self.login else None
        return "@" + user if user else channel

    def __repr__(self):
        return "%s/%s %s %s" % (self.platform, self.account, self.action, json.dumps(self.params, ensure_ascii=False))


def plain(content):
    content = re.sub(r"<quote\b[^>]*/>|<quote\b.*?</quote>", "", content, flags=re.S)
    content = re.sub(r'<at [^>]*?id="([^"]*)"[^>]*>', r"@\1", content)
    content = re.sub(r'<at [^>]*?type="all"[^>]*>', "@all", content)
    content = re.sub(r"<br\s*/?>", "\n", content)
    return html.unescape(re.sub(r"</?[a-z][^>]*>", "", content))


def escape(text):
    """Text as content."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text.replace("\n", "<br/>")


def now_ms():
    return int(time.time() * 1000)


class Satori(Port):
    """Servers of all styles. `url` is what goes into sopd's configuration."""

    def __init__(self, *logins, style="koishi", token=None, prefix="/satori", tls=None):
        super().__init__(tls)
        self.style = STYLES[style] if isinstance(style, str) else style
        self.token, self.prefix = token, prefix
        self.logins = []
        self.proxy_urls = []
        self.admit = "ok"               # or an HTTP status for the upgrade, or "close", "refuse"
        self.ready = "ok"               # ok | never | twice | empty | null | bare (no proxy_urls)
        self.ready_delay = 0.0
        self.silent = False             # no answers on the WebSocket: no READY, no PONG, no events
        self.answer_pings = True        # the PING of the protocol
        self.identified = []            # the bodies of IDENTIFY, in order
        self.frames = []                # (time, conn, frame) of all that came by WebSocket
        self.files = {}                 # path or URL -> bytes, for /files/... and the proxy
        self.uploads = {}               # URL -> (name, filename, type, bytes)
        self.replay_gap = 0.1
        self.page = 50                  # entries of a list page
        self._sn = itertools.count(self.style.first_sn)
        self._login_sn = itertools.count(1)
        self._past = []                 # the last events, for those who replay
        for login in logins or (Login().guild("20002", "福利一群"),):
            self.add_login(login)

    def add_login(self, login):
        login.server, login.sn = self, next(self._login_sn)
        self.logins.append(login)
        return login

    @property
    def login(self):
        """The first account, which is meant where none is named."""
        return self.logins[0]

    @property
    def url(self):
        return self.origin("http") + self.prefix

    def restart(self):
        """The server process begins anew: links end, numbers start again."""
        self._sn = itertools.count(self.style.first_sn)
        self._login_sn = itertools.count(1)
        self._past = []
        for login in self.logins:
            login.sn = next(self._login_sn)
        self.drop_all()

    # -- the WebSocket -----------------------------------------------------------------------------

    def rule(self, ok, what, shown):
        if not ok:
            self.violations.append("%s: %s" % (what, str(shown)[:300]))

    def admission(self, path, headers):
        self.rule(path.split("?")[0] == self.prefix + "/v1/events", "the events are at {base}/v1/events", path)
        return self.admit if isinstance(self.admit, int) else None

    def on_link(self, conn):
        conn.identified, conn.ping_times, conn.heard = None, [], time.monotonic()
        if self.admit == "close":
            asyncio.get_running_loop().create_task(conn.ws.close(1000))
        elif not self.style.ready_without_token and self.token is None:
            conn.identified = conn.opened
        if self.style.read_timeout:
            asyncio.get_running_loop().create_task(self._hang_up(conn))

    async def _hang_up(self, conn):
        while conn.open:
            left = conn.heard + self.style.read_timeout - time.monotonic()
            if left <= 0:
                self.violations.append("nothing was heard for %s s" % self.style.read_timeout)
                conn.ws.transport.abort()
                return
            await asyncio.sleep(left)

    def on_text(self, conn, text):
        conn.heard = time.monotonic()
        try:
            frame = json.loads(text)
        except ValueError:
            self.violations.append("not JSON: %r" % text[:200])
            return
        first = not any(c is conn for _, c, _ in self.frames[-1000:])
        self._note(self.frames, (conn.heard, conn, frame))
        op = frame.get("op") if isinstance(frame, dict) else None
        self.rule(op in (PING, IDENTIFY), "an application sends PING and IDENTIFY only", text)
        self.rule(not first or op == IDENTIFY, "IDENTIFY is the first frame", text)
        if op == IDENTIFY:
            self.rule(first, "IDENTIFY is sent once", text)
            self._identify(conn, frame.get("body"))
        elif op == PING:
            conn.ping_times.append(conn.heard)
            if self.answer_pings and not self.silent and not self.dead:
                self.send(conn, {"op": PONG, "body": {}} if self.style.pong_body else {"op": PONG})

    def _identify(self, conn, body):
        self.rule(isinstance(body, dict), "IDENTIFY has a body", body)
        body = body if isinstance(body, dict) else {}
        self._note(self.identified, body)
        if self.token is None:
            self.rule("token" not in body, "no token where none is configured", body)
        if self.silent or self.dead:
            return
        if self.admit == "refuse" or (self.token is not None and body.get("token") != self.token):
            asyncio.get_running_loop().create_task(conn.ws.close(*self.style.refusal))
            return
        conn.identified = time.monotonic()
        if self.ready == "never" or (self.token is None and not self.style.ready_without_token):
            return
        asyncio.get_running_loop().create_task(self._make_ready(conn, body))

    async def _make_ready(self, conn, body):
        if self.ready_delay:
            await asyncio.sleep(self.ready_delay)
        for _ in range(2 if self.ready == "twice" else 1):
            self.send(conn, {"op": READY, "body": self._ready_body()})
        if self.style.cursor and self.style.cursor in body:
            for event in [e for e in self._past if e["sn"] > body[self.style.cursor]][-100:]:
                await asyncio.sleep(self.replay_gap)
                self.send(conn, {"op": EVENT, "body": event})

    def _ready_body(self):
        body = {"logins": [login.resource() for login in self.logins], "proxy_urls": self.proxy_urls}
        if self.ready == "empty":
            body["logins"] = []
        elif self.ready == "null":
            body["logins"] = None
        elif self.ready == "bare":
            del body["proxy_urls"]
        return body

    def send(self, conn, frame):
        """In the loop only."""
        self._write_text(conn, json.dumps(frame, ensure_ascii=False))

    def emit_frame(self, *frames, conn=None):
        self.emit_text(*(json.dumps(frame, ensure_ascii=False) for frame in frames), conn=conn)

    def send_ready(self, conn=None):
        self.emit_frame({"op": READY, "body": self._ready_body()}, conn=conn)

    def send_meta(self, proxy_urls, conn=None):
        self.proxy_urls = proxy_urls
        self.emit_frame({"op": EVENT if self.style.meta_as_event else META, "body": {"proxy_urls": proxy_urls}}, conn=conn)

    # -- events ------------------------------------------------------------------------------------

    def event(self, type, login=None, timestamp=None, sn=..., **parts):
        """The body of an event, numbered unless sn is given (None: without)."""
        login = login or self.login
        number = next(self._sn) if sn is ... else sn
        body = {"sn": number, "type": type, "timestamp": now_ms() if timestamp is None else timestamp,
                "login": {"sn": login.sn, "platform": login.platform, "user": login.user()}}
        if self.style.legacy:
            body.update(id=number, platform=login.platform, self_id=login.id)
        if self.style.bare:
            del body["login"]
        if number is None:
            body.pop("sn")
            body.pop("id", None)
        body.update(parts)
        return body

    def emit(self, *bodies, conn=None):
        """Sends events; None as a link: to the newest one. While no link is open they are only kept for a replay."""
        self._past = (self._past + [b for b in bodies if "sn" in b])[-100:]
        if conn is None and not any(c.open for c in self.conns):
            return
        if not self.silent and not self.dead:
            self.emit_frame(*({"op": EVENT, "body": body} for body in bodies), conn=conn)

    def message_event(self, user, text="", channel=None, login=None, content=None, id=None, name=None, nick=None, roles=("member",),
                      private=False, type="message-created", timestamp=None, **parts):
        """The body of message-created. text is escaped, content is markup as it is."""
        login = login or self.login
        user = str(user)
        if private:
            channel = login.direct_channel(user)
        channel = channel or next(iter(next(iter(login.guilds.values()))["channels"]))
        content = escape(text) if content is None else content
        message = {"id": login.next_id(channel) if id is None else id, "content": content}
        guild = login.guild_of(channel)
        body = {"channel": {"id": channel, "type": 1 if private else 0}, "user": {"id": user, "name": name or "用户%s" % user[-4:]},
                "message": message}
        if not private:
            body["channel"]["name"] = guild["channels"][channel] if guild else channel
            body["guild"] = {"id": guild["id"] if guild else channel, "name": guild["name"] if guild else "群"}
            body["member"] = {"nick": nick, "roles": [{"id": r, "name": r} for r in roles]} if nick else {
                "roles": [{"id": r, "name": r} for r in roles]}
        stamp = now_ms() if timestamp is None else timestamp
        login.history.setdefault(channel, []).append({**message, "channel": body["channel"], "user": body["user"],
                                                      **({"guild": body["guild"]} if "guild" in body else {}), "created_at": stamp})
        return self.event(type, login, stamp, **{**body, **parts})

    def say(self, user, text="", **fields):
        """A member speaks; the id of the message is returned. Fields: see message_event."""
        body = self.message_event(user, text, **fields)
        self.emit(body)
        return body["message"]["id"]

    def member_event(self, type, user, guild=None, login=None, timestamp=None, name=None, **parts):
        login = login or self.login
        guild = guild or next(iter(login.guilds))
        person = {"id": str(user)}
        if name:
            person["name"] = name
        return self.event(type, login, timestamp, guild={"id": guild}, user=person, member={"user": person}, **parts)

    def join(self, user, guild=None, login=None, **parts):
        login = login or self.login
        place = login.guilds[guild or next(iter(login.guilds))]
        place["members"].append({"user": {"id": str(user), "name": parts.get("name") or "用户%s" % str(user)[-4:]}})
        self.emit(self.member_event("guild-member-added", user, guild, login, **parts))

    def leave(self, user, guild=None, login=None, operator=None, **parts):
        if operator:
            parts["operator"] = {"id": str(operator)}
        self.emit(self.member_event("guild-member-removed", user, guild, login, **parts))

    def button(self, user, id, channel=None, login=None, **parts):
        """A press. With a referrer, as the QQ platform has it, if given."""
        login = login or self.login
        channel = channel or next(iter(next(iter(login.guilds.values()))["channels"]))
        self.emit(self.event("interaction/button", login, channel={"id": channel, "type": 0}, user={"id": str(user)},
                             button={"id": id}, **parts))

    def reaction(self, user, message_id, emoji="thumbsup", channel=None, login=None, type="reaction-added", **parts):
        login = login or self.login
        channel = channel or next(iter(next(iter(login.guilds.values()))["channels"]))
        self.emit(self.event(type, login, channel={"id": channel, "type": 0}, user={"id": str(user)},
                             message={"id": message_id}, emoji={"id": emoji}, **parts))

    def login_event(self, type, login, full=True):
        resource = login.resource()
        if not full:
            resource = {k: resource[k] for k in ("sn", "adapter", "status")}
        self.emit({**self.event(type, login), "login": resource})

    def set_status(self, status, login=None, tell=True, full=None):
        """The state of an account changes; user and platform are left out while it is not online, unless asked for."""
        login = login or self.login
        login.status = status
        if tell:
            self.login_event("login-updated", login, status == ONLINE if full is None else full)

    def remove_login(self, login):
        self.logins.remove(login)
        self.login_event("login-removed", login)

    # -- calls -------------------------------------------------------------------------------------

    def answer_http(self, request):
        base = self.prefix + "/v1/"
        if request.path.startswith("/files/"):
            return self._file(request.path[len("/files/"):])
        if not request.path.startswith(base):
            self.violations.append("a call outside of the base: %s" % request.target)
            return Reply(404, "not found")
        action = request.target[len(base):]
        if request.method == "GET" and action.startswith("proxy/"):
            return self._file(action[len("proxy/"):])
        return self._call(request, action)

    def _file(self, name):
        data = self.files.get(name, self.uploads.get(name))
        data = data[3] if isinstance(data, tuple) else data
        return Reply(404, "no such file") if data is None else Reply(200, data, "application/octet-stream")

    def _call(self, request, action):
        params = None
        if action != "upload.create":
            try:
                params = json.loads(request.body)
            except ValueError:
                self.violations.append("the body is not JSON: %s %r" % (action, request.body[:200]))
        call = Call(request, action, params)
        call.login = next((l for l in self.logins if (l.platform, l.id) == (call.platform, call.account)), None)
        self._check(call)
        self._note(self.actions, call)
        return self._as_reply(call, self._reply_for(call))

    def _as_reply(self, call, reply):
        if isinstance(reply, Late):
            return Late(reply.seconds, self._as_reply(call, self._default(call) if reply.reply is ... else reply.reply))
        if reply is ...:
            reply = self._default(call)
        if reply is SILENCE or isinstance(reply, Reply):
            return reply
        if isinstance(reply, int) and not isinstance(reply, bool):
            return Reply(reply, "scripted failure %d" % reply)
        if call.is_send and isinstance(reply, list) and reply and isinstance(reply[-1], dict):
            call.message_id = reply[-1].get("id")
        return Reply(200, json.dumps(reply, ensure_ascii=False), "application/json")

    def _check(self, call):
        """The rules for every call (checklist 30, 31, 41, 46, 47 and section 3.1)."""
        request, headers = call.request, call.headers

        def rule(ok, what):
            self.rule(ok, what, "%s %s %s" % (call.action, dict(headers), request.body[:200]))
        rule(request.method == "POST" or call.action.startswith("internal/"), "calls are POST")
        rule(not request.chunked and headers.get("Content-Length") is not None, "a Content-Length")
        wanted = None if self.token is None else "Bearer " + self.token
        if self.admit != "refuse":
            rule(headers.get("Authorization") == wanted or self.token is not None, "no Authorization without a token")
        given = [headers.get(h) for h in ("Satori-Platform", "X-Platform", "Satori-User-ID", "X-Self-ID")]
        if call.action.startswith(META_CALLS):
            rule(given == [None] * 4, "meta calls carry no account")
        else:
            rule(all(given) and given[0] == given[1] and given[2] == given[3], "all four account headers")
        if call.action == "upload.create":
            rule((headers.get("Content-Type") or "").startswith("multipart/form-data"), "uploads are multipart")
            return
        rule((headers.get("Content-Type") or "").startswith("application/json"), "the body is JSON")
        rule(isinstance(call.params, dict), "the body is an object")
        if not isinstance(call.params, dict) or call.action.startswith("internal/"):
            return
        rule(all(re.fullmatch("[a-z_]+", k) for k in call.params), "keys are snake_case")
        rule(all(v is not None for v in call.params.values()), "what is optional is left out")
        rule(all(isinstance(v, str) for k, v in call.params.items() if k.endswith("_id")), "ids are strings")
        if "content" in call.params:
            rule(isinstance(call.params["content"], str) and well_formed(call.params["content"]), "content is clean markup")

    def _refusal(self, call):
        """The plain answer where the account or the token is wrong."""
        if self.token is not None and call.headers.get("Authorization") != "Bearer " + self.token:
            return Reply(self.style.wrong_token, "invalid token")
        if call.action.startswith(META_CALLS):
            return None if self.style.meta else Reply(404, "method not found")
        names = ("Satori-Platform", "Satori-User-ID") if self.style.reads == "satori" else ("X-Platform", "X-Self-ID")
        if not any((l.platform, l.id) == tuple(call.headers.get(n) for n in names) for l in self.logins):
            return Reply(self.style.unknown_login, "login not found")
        return None

    def _default(self, call):
        refusal = self._refusal(call)
        if refusal is not None:
            return refusal
        handler = getattr(self, "_do_" + call.action.replace(".", "_").replace("/", "_"), None)
        known = call.login.features if call.login else None
        if handler is None or (known and call.action in BASIC and call.action not in known):
            return Reply(404, "method not found")
        return handler(call.login, call.params or {}, call)

    def _do_meta(self, _login, _params, _call):
        return {"logins": [l.resource() for l in self.logins], "proxy_urls": self.proxy_urls}

    def _do_admin_login_list(self, _login, _params, _call):
        return [l.resource() for l in self.logins]

    def _do_login_get(self, login, _params, _call):
        return login.resource()

    def _do_message_create(self, login, params, call):
        channel = params.get("channel_id")
        if channel not in login.direct and login.guild_of(channel) is None:
            return Reply(self.style.failure, "channel %s not found" % channel)
        message = {"id": login.next_id(channel), "content": params["content"], "channel": {"id": channel, "type": int(channel in login.direct)},
                   "user": login.user(), "created_at": now_ms()}
        call.message_id = message["id"]
        login.history.setdefault(channel, []).append(message)
        if self.style.own:
            guild = login.guild_of(channel)
            body = self.event("message-created", login, message["created_at"], message={"id": message["id"], "content": message["content"]},
                              channel=message["channel"], user=login.user(), **({"guild": {"id": guild["id"]}} if guild else {}))
            for conn in [c for c in self.conns if c.open]:
                asyncio.get_running_loop().call_later(0 if self.style.own == "before" else 0.01,
                                                      self.send, conn, {"op": EVENT, "body": body})
        return [message]

    def _found(self, login, params):
        for message in login.history.get(params.get("channel_id"), ()):
            if message["id"] == params.get("message_id"):
                return message
        return None

    def _do_message_get(self, login, params, _call):
        return self._found(login, params) or Reply(self.style.failure, "message not found")

    def _do_message_delete(self, login, params, _call):
        found = self._found(login, params)
        if found is None:
            return Reply(self.style.failure, "message not found")
        login.history[params["channel_id"]].remove(found)
        return {}

    def _do_message_list(self, login, params, _call):
        """direction "before" only, ascending unless asked otherwise, as the servers of the field."""
        messages = login.history.get(params.get("channel_id"), [])
        end, limit = len(messages), min(params.get("limit") or self.page, self.page)
        token = params.get("next")
        if token is not None:
            if self.style.unparsable_next and not token.isdigit():
                return Reply(500, "invalid sequence")
            end = next((i for i, m in enumerate(messages) if m["id"] == token or m["id"].endswith("|" + token)), 0)
        page = messages[max(0, end - limit):end]
        answer = {"data": page[::-1] if params.get("order") == "desc" else page}
        if end > limit and page:
            answer["next"] = answer["prev"] = page[0]["id"]
        return answer

    def _do_user_channel_create(self, login, params, _call):
        return {"id": login.direct_channel(params["user_id"]), "type": 1}

    def _do_user_get(self, _login, params, _call):
        return {"id": params["user_id"], "name": "用户%s" % params["user_id"][-4:]}

    def _do_guild_get(self, login, params, _call):
        guild = login.guilds.get(params.get("guild_id"))
        return {"id": guild["id"], "name": guild["name"]} if guild else Reply(self.style.failure, "guild not found")

    def _do_guild_list(self, login, params, _call):
        return self._paged([{"id": g["id"], "name": g["name"]} for g in login.guilds.values()], params)

    def _do_channel_get(self, login, params, _call):
        guild = login.guild_of(params.get("channel_id"))
        if guild is None:
            return Reply(self.style.failure, "channel not found")
        return {"id": params["channel_id"], "type": 0, "name": guild["channels"][params["channel_id"]]}

    def _do_channel_list(self, login, params, _call):
        guild = login.guilds.get(params.get("guild_id"))
        if guild is None:
            return Reply(self.style.failure, "guild not found")
        return self._paged([{"id": i, "type": 0, "name": n} for i, n in guild["channels"].items()], params)

    def _do_guild_member_list(self, login, params, _call):
        guild = login.guilds.get(params.get("guild_id"))
        return self._paged(guild["members"], params) if guild else Reply(self.style.failure, "guild not found")

    def _do_guild_member_get(self, login, params, _call):
        for member in (login.guilds.get(params.get("guild_id")) or {"members": ()})["members"]:
            if member["user"]["id"] == params.get("user_id"):
                return member
        return Reply(self.style.failure, "member not found")

    def _paged(self, entries, params):
        start = int(params.get("next") or 0)
        page = {"data": entries[start:start + self.page]}
        if start + self.page < len(entries):
            page["next"] = str(start + self.page)
        return page

    def _void(self, _login, _params, _call):
        return {}

    _do_guild_member_kick = _do_guild_member_approve = _do_guild_approve = _do_friend_approve = _void
    _do_reaction_create = _do_reaction_delete = _do_reaction_clear = _do_message_update = _void
    _do_guild_member_role_set = _do_guild_member_role_unset = _do_channel_mute = _void

    def _do_guild_member_mute(self, _login, params, call):
        self.rule(isinstance(params.get("duration"), int), "duration is a number of milliseconds", call)
        return {}

    def _do_friend_list(self, _login, params, _call):
        return self._paged([], params)

    def _do_upload_create(self, login, _params, call):
        head = b"Content-Type: " + call.headers["content-type"].encode() + b"\r\n\r\n"
        answer = {}
        for part in BytesParser().parsebytes(head + call.request.body).get_payload():
            name = part.get_param("name", header="content-disposition")
            url = "internal:%s/%s/_tmp/%d-%s" % (login.platform, login.id, len(self.uploads), name)
            self.rule(name and part.get("Content-Type"), "a part has a name and a type", call)
            self.uploads[url] = (name, part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
            answer[name] = url
        return answer

    # -- waiting and looking -----------------------------------------------------------------------

    def wait_ready(self, timeout=10.0):
        """Wait until sopd has identified itself on the open link and was let in."""
        self.wait(lambda: any(c.open and c.identified for c in list(self.conns)), timeout, "IDENTIFY")
        return self


TAG = re.compile(r"<(/?)([a-z][a-z0-9:-]*)((?:\s+[a-zA-Z][\w:-]*(?:=\"[^\"<>]*\")?)*)\s*(/?)>")


def well_formed(content):
    """Every < opens a tag, every tag is closed, references are complete, nothing is a raw line break."""
    if "\n" in content:
        return False
    stack, at = [], 0
    for match in TAG.finditer(content):
        if not _clean(content[at:match.start()]):
            return False
        at = match.end()
        closing, name, attributes, empty = match.groups()
        if not _references(attributes):
            return False
        if closing:
            if not stack or stack.pop() != name:
                return False
        elif not empty:
            stack.append(name)
    return not stack and _clean(content[at:])


def _clean(text):
    return "<" not in text and ">" not in text and _references(text)


def _references(text):
    return not re.search(r"&(?!(?:amp|lt|gt|quot|#39|#\d+|#x[0-9a-fA-F]+);)", text)
