"""What the contract suite needs to know of each codec: how its scripted peer is started, what a member does there, how the peer
answers sends and goes wrong. Everything else of the suite is the same for all of them.

A new codec needs one subclass of Codec here (and its name in CMakeLists.txt); tests say what is wrong with it.
"""

import os
import re
import time

from codec import EVENTS, TOKEN, Codec
from skeletonpeer import Platform
from harness import DROP, Ack, Fail, Gateway, Login, Reply, events as ev, reserve_port


class OneBot(Codec):
    name, type = "onebot11-forward", "onebot11"
    caps = {"join", "unmentioned", "at", "at_all", "dm", "proactive", "image", "history", "recall", "mute", "kick", "members", "quote",
            "echo"}
    reports = EVENTS - {"enter", "button"}
    group, user, other, odd_user = str(ev.GROUP), str(ev.USER), str(ev.USER + 1), "9007199254740993"
    timing = {"idle": "1200ms"}

    def start(self):
        peer = self.bench.gateway("napcat", token=TOKEN)
        peer.groups[700000001] = "约定"
        return self.prepare(peer)

    def prepare(self, peer):
        for name in ("send_group_msg", "send_private_msg"):
            peer.answers[name] = self.scripted
        return peer

    def emit(self, event):
        self.peer.emit(event)

    def say(self, text, user=None, chat=None):
        self.emit(ev.group_msg(int(chat or self.group), int(user or self.user), text))

    def whisper(self, text, user=None):
        self.emit(ev.private_msg(int(user or self.user), text))

    def repeat(self):
        self.peer.repeat_last(1)

    def say_many(self, texts):
        self.peer.emit(*[ev.group_msg(int(self.group), int(self.user), text) for text in texts])

    def say_old(self, text, age):
        self.emit(ev.group_msg(int(self.group), int(self.user), text, time=ev.now() - age))

    def miss(self, text):
        self.peer.history.setdefault(int(self.group), []).append(ev.group_msg(int(self.group), int(self.user), text))

    def own(self, text):
        self.emit(ev.self_msg(int(self.group), text, ev.next_message_id()))

    def join(self, user):
        self.emit(ev.join(int(self.group), int(user)))

    def leave(self, user):
        self.emit(ev.leave(int(self.group), int(user)))

    def answer_fail(self, action):
        return Fail(1200, "发送失败: 群不存在")

    def refuse(self, yes=True):
        self.peer.admit = "401" if yes else "ok"

    def break_upgrades(self, yes=True):
        self.peer.admit = "500" if yes else "ok"

    def freeze(self, yes=True):
        self.peer.admit = "silent" if yes else "ok"
        self.peer.answer_pings = not yes
        for conn in self.peer.conns:
            conn.ws.answer_pings = not yes

    def chatter(self, n):
        for at in range(0, n, 500):
            self.peer.emit(*[ev.group_msg(int(self.group), 3300000100 + i % 50, "闲聊 %d" % i) for i in range(at, min(at + 500, n))])


class OneBotReverse(OneBot):
    """The implementation connects to sopd."""

    name = "onebot11-reverse"

    def __init__(self, bench):
        self.port = reserve_port()
        super().__init__(bench)

    def start(self):
        peer = Gateway("napcat", mode="reverse", token=TOKEN, target="ws://127.0.0.1:%d/gw" % self.port)
        self.bench.parts.append(peer)
        self.bench.gateways.append(peer)
        peer.start()
        return self.prepare(peer)

    def settings(self):
        return {"type": "onebot11", "mode": "reverse", "listen": "127.0.0.1:%d" % self.port, "path": "/gw", "token": TOKEN}

    def close_listener(self):
        self.peer.reconnect = 1.5

    def open_listener(self):
        self.peer.reconnect = 0.1

    refuse = break_upgrades = None      # it is the one who connects


class WeComBot(Codec):
    name, type = "wecom", "wecom"
    caps = {"proactive", "buttons", "cards", "drafts", "image"}
    reports = {"message", "enter", "button"}
    timing = {"ping": "300ms", "catchup": None, "request_delay": None}
    group, user, other = "wrEXAMPLEgroupA", "zhangsan", "lisi"
    odd_user = "woAJ2GCAAAXtWyujaWJHDDGi0mACAAA"
    burst = 24                  # the platform takes 30 a minute in a chat

    def start(self):
        peer = self.bench.wecom()
        peer.per_minute = None
        peer.bots = {peer.bot_id: TOKEN}
        peer.secret = TOKEN
        for name in ("aibot_respond_msg", "aibot_send_msg"):
            peer.answers[name] = self.scripted
        return peer

    def say(self, text, user=None, chat=None):
        chat = chat or self.group
        body = self.peer.body("text", user or self.user, chat, text={"content": "@%s %s" % (self.peer.name, text)})
        self.emit(body)

    def whisper(self, text, user=None):
        self.emit(self.peer.body("text", user or self.user, text={"content": text}))

    def say_old(self, text, age):
        self.emit(self.peer.body("text", self.user, self.group, time_s=int(time.time()) - age,
                                 text={"content": "@%s %s" % (self.peer.name, text)}))

    def emit(self, body):
        self.last = body
        self.peer.emit(body)

    def repeat(self):
        self.peer.emit(self.last)

    def press(self, sent, value):
        card = sent.params["template_card"]
        self.peer.press(self.user, value, card["task_id"], card_type=card["card_type"])

    def answer_fail(self, action):
        return Ack(40058)

    def refuse(self, yes=True):
        self.peer.bots = {self.peer.bot_id: "another" if yes else TOKEN}

    def break_upgrades(self, yes=True):
        self.peer.admission = lambda path, headers: 500 if yes else None

    def reads(self, action):
        return action.text.replace("\u200b", "")   # what keeps a text from being a mention is not seen

    def mentioned(self, action):
        return re.findall(r"<@([^>]*)>", action.text)

    def chatter(self, n):
        for at in range(0, n, 500):
            self.peer.emit(*[self.peer.body("text", "u%d" % (i % 50), self.group, text={"content": "@小助手 闲聊 %d" % i})
                             for i in range(at, min(at + 500, n))])


class SatoriLogin(Codec):
    name, type = "satori", "satori"
    caps = {"join", "unmentioned", "at", "at_all", "dm", "proactive", "image", "buttons", "history", "recall", "mute", "kick",
            "members", "quote", "echo"}
    reports = {"message", "join", "leave", "recall", "request", "button", "card", "file", "reaction", "chat"}
    group, user, other = "c1", "u1", "u2"
    odd_user = "9007199254740993"
    timing = {"ping": "300ms", "idle": "1200ms"}

    def start(self):
        self.login = Login("discord", "900").guild("g1", "约定", {"c1": "general"})
        self.server = self.bench.satori(self.login, token=TOKEN)
        self.server.answers["message.create"] = self.scripted
        return self.login

    @property
    def attempts(self):
        return self.server.attempts

    def say(self, text, user=None, chat=None):
        self.emit(self.server.message_event(user or self.user, text, channel=chat or self.group))

    def whisper(self, text, user=None):
        self.emit(self.server.message_event(user or self.user, text, private=True))

    def say_old(self, text, age):
        self.emit(self.server.message_event(self.user, text, channel=self.group, timestamp=int((time.time() - age) * 1000)))

    def miss(self, text):
        self.server.message_event(self.user, text, channel=self.group)

    def own(self, text):
        self.emit(self.server.message_event(self.login.id, text, channel=self.group))

    def emit(self, body):
        self.last = body
        self.server.emit(body)

    def repeat(self):
        self.server.emit(self.last)

    def join(self, user):
        self.login.join(user)

    def leave(self, user):
        self.login.leave(user)

    def press(self, sent, value):
        self.login.button(self.user, value)

    def answer_fail(self, action):
        return Reply(400, "content is not acceptable")

    def answer_lost(self, action):
        self.server.conn.ws.transport.abort()
        return DROP

    def drop(self):
        self.server.drop_all()

    def close_listener(self):
        self.server.stop_listening()

    def open_listener(self):
        self.server.start()

    def refuse(self, yes=True):
        self.server.token = "another" if yes else TOKEN

    def settings(self):
        return {**self.login.settings(), "token": TOKEN}

    def break_upgrades(self, yes=True):
        self.server.admit = 500 if yes else "ok"

    def freeze(self, yes=True):
        self.server.dead = yes

    def garbage(self):
        self.peer = self.server
        super().garbage()
        self.peer = self.login

    def chatter(self, n):
        for at in range(0, n, 500):
            self.server.emit(*[self.server.message_event("u%d" % (i % 50), "闲聊 %d" % i, channel=self.group)
                               for i in range(at, min(at + 500, n))])


class Skeleton(Codec):
    """tests/gateway_skeleton: needs the binary tests/sopd_skeleton."""

    name, type = "skeleton", "skeleton"
    caps = {"join", "unmentioned", "at", "dm", "proactive"}
    reports = {"message", "join", "leave"}
    timing = {"idle": "1200ms"}

    def start(self):
        self.last = None
        peer = Platform(TOKEN)
        self.bench._listening(peer)
        peer.answers["send"] = self.scripted
        return peer

    def settings(self):
        return {"type": "skeleton", "url": self.peer.origin("ws") + "/", "token": TOKEN}

    def emit(self, frame):
        self.last = frame
        self.peer.emit(frame)

    def say(self, text, user=None, chat=None):
        self.emit(self.peer.event("message", user or self.user, chat or self.group, text=text))

    def whisper(self, text, user=None):
        self.emit(self.peer.event("message", user or self.user, "@" + (user or self.user), text=text))

    def say_old(self, text, age):
        self.emit(self.peer.event("message", self.user, self.group, text=text, time=int((time.time() - age) * 1000)))

    def repeat(self):
        self.peer.emit(self.last)

    def join(self, user):
        self.emit(self.peer.event("join", user, self.group))

    def leave(self, user):
        self.emit(self.peer.event("leave", user, self.group))

    def answer_fail(self, action):
        return {"ok": False, "why": "no such chat"}

    def refuse(self, yes=True):
        self.peer.token = "another" if yes else TOKEN

    def break_upgrades(self, yes=True):
        self.peer.status = 500 if yes else None

    def chatter(self, n):
        for at in range(0, n, 500):
            self.peer.emit(*[self.peer.event("message", "u%d" % (i % 50), self.group, text="闲聊 %d" % i)
                             for i in range(at, min(at + 500, n))])


class Playground(Codec):
    """It has no peer: only what is known from the configuration is tested."""

    name, type = "playground", "playground"
    caps = {"join", "unmentioned", "at", "at_all", "dm", "proactive", "image", "buttons", "recall", "mute", "kick", "members",
            "quote", "cards", "drafts"}
    reports = {"message", "join", "leave", "poke", "enter", "recall", "request", "button"}

    def start(self):
        return None

    def entry(self, name="gw", **fields):
        return {"name": name, "type": "playground"}


CODECS = {c.name: c for c in (OneBot, OneBotReverse, SatoriLogin, WeComBot, Playground, Skeleton)}


def chosen():
    """Those of $SOPD_CONTRACT (names with commas), else all that the daemon itself has."""
    names = os.environ.get("SOPD_CONTRACT")
    return [CODECS[n] for n in names.split(",")] if names else [c for c in CODECS.values() if c is not Skeleton]
