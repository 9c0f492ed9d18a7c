"""One group with the four shipped flows, on whatever platform a test names: members join, speak and press, the clock is
turned, and what the bot says is read back, always in the same words."""

import os
import shutil

from . import events as ev
from .clock import Clock, moment
from .satori import Login
from .sopd import ROOT, gateway_entry
from .util import lua_value

START = moment("2031-03-03T10:00:00+08:00")
MINUTE, HOUR, DAY = 60000, 3600000, 86400000
WORDS = {   # what the flows say, short, so that a test can tell each
    "welcome": {"gather": "1s", "greet": "欢迎 {names}", "back": "回来啦 {names}", "enter": "您好 {name}"},
    "checkin": {"done": "打卡 {day}", "already": "打过了", "reminder": "提醒 {names}", "day_summary": "小结 {count}/{members}"},
    "redpacket": {"nightly": False, "organiser": "福利店", "kind": "prizes", "shares": 3, "open_prizes": "红包", "results": "结果 {lines}",
                  "result_prize": "得{what}", "code_dm": "券码 {code}", "closed_empty": "抢完", "closed_time": "时间到",
                  "prizes": [{"name": "牛奶", "count": 3, "cost": 5}]},
    "chaperone": {"window": "5s", "greeting": "您好呀", "question_words": ["怎么"], "faq": [{"ask": ["营业"], "answer": "九点开门"}]},
}


class Stage:
    """Subclasses know how a platform tells and hears. peer: what bench.served takes; group, staff_chat: chat keys."""

    names = {"ann": "安安", "ben": "本本", "cat": "卡特", "boss": "店长"}

    def __init__(self, bench, box):
        self.bench, self.now, self.heard, self._flows = bench, START, 0, {}
        self.sop = os.path.join(box, "sop")
        self.build()

    def flows(self):
        """{flow: parameters} of the playbook."""
        return WORDS

    def open(self):
        """The playbook is written and the daemon started."""
        for folder in ("flows", "lib", "texts"):
            shutil.copytree(os.path.join(ROOT, "sop", folder), os.path.join(self.sop, folder))
        os.makedirs(os.path.join(self.sop, "playbooks"))
        flows = ['"common"'] + ["{ \"%s\", %s }" % (name, ", ".join("%s = %s" % (k, lua_value(v)) for k, v in params.items()))
                                for name, params in self.flows().items()]
        with open(os.path.join(self.sop, "playbooks", "stage.lua"), "w", encoding="utf-8") as out:
            out.write('return { title = "群", groups = { "qq1:%s" }, quiet = false, timezone = "Asia/Shanghai", private = true,\n'
                      'staff = { ["qq1:%s"] = "store" }, staff_chat = "qq1:%s", flows = { %s } }\n'
                      % (self.group, self.user("boss"), self.staff_chat, ", ".join(flows)))
        self.redis = self.bench.redis()
        self.daemon = self.bench.sopd({"redis": self.redis.url, "sop": [self.sop], "gateways": [gateway_entry(self.peer, "qq1")]},
                                      args=("--clock", str(self.now)))
        self.ready()
        self.clock = Clock(self.daemon)
        self.settle()
        return self

    def ready(self):
        self.peer.wait_ready()
        self.daemon.wait_metric("sopd_gateway_up", gateway="qq1", timeout=10)

    def kill(self):
        """kill -9, and a new start at the same moment."""
        self.daemon.kill()
        links = len(self.peer.conns)
        self.daemon.start(args=("--clock", str(self.now)))
        self.peer.wait_link(links + 1)
        self.ready()
        self.settle()

    def settle(self):
        """What was emitted is worked off, and what was to be sent was answered."""
        self.clock.settle(self.peer)
        self.peer.settle(0.1)
        self.clock.now()

    def later(self, seconds):
        self.now = self.clock.at(self.now + int(seconds * 1000))
        self.settle()

    def to(self, day, hour, minute=0):
        self.now = self.clock.at(START + day * DAY + (hour - 10) * HOUR + minute * MINUTE)
        self.settle()

    def said(self):
        """What was said since the last call: (chat, text with the users' short names)."""
        sends = self.peer.sends()
        new, self.heard = sends[self.heard:], len(sends)
        return [(self.place(a.chat), self.readable(a.text)) for a in new]

    def place(self, chat):
        if chat == self.group:
            return "group"
        if chat == self.staff_chat:
            return "staff"
        return "@" + self.short(chat[1:]) if chat.startswith("@") else chat

    def short(self, user):
        return next((name for name in self.names if self.user(name) == user), user)

    def readable(self, text):
        for name in self.names:
            text = text.replace("@" + self.user(name), "@" + name)
        return text


class OneBotStage(Stage):
    def build(self):
        self.peer = self.bench.gateway("napcat")
        self.group, self.staff_chat = "700000001", "700000099"
        self.peer.groups = {int(self.group): "幸福里", int(self.staff_chat): "值班"}
        self.last = None

    def user(self, name):
        return str({"ann": 3300000101, "ben": 3300000102, "cat": 3300000103, "boss": 3300000199}[name])

    def ready(self):
        super().ready()
        self.peer.wait_action("get_group_list", where=lambda a: a.conn.open)

    def emit(self, event):
        self.last = event
        self.peer.emit(event)
        self.settle()

    def say(self, name, text, private=False, quote=None, me=False):
        parts = ([ev.quote(quote)] if quote else []) + ([ev.at(ev.SELF), ev.text(" " + text)] if me else [ev.text(text)])
        fields = {"name": self.names[name], "time": self.now // 1000}
        if private:
            return self.emit(ev.private_msg(int(self.user(name)), parts, **fields))
        return self.emit(ev.group_msg(int(self.group), int(self.user(name)), parts, **fields))

    def last_id(self):
        """The number of the message that was said last."""
        return self.last["message_id"]

    def join(self, *names):
        for name in names:
            self.peer.emit(ev.join(int(self.group), int(self.user(name)), operator=3300000198, time=self.now // 1000))
        self.settle()

    def leave(self, name):
        self.emit(ev.leave(int(self.group), int(self.user(name)), time=self.now // 1000))

    def repeat(self):
        self.peer.emit(self.last)
        self.settle()


class SatoriStage(Stage):
    """plain: as on QQ, where a guild is its only channel, and ids are numbers."""

    style, platform = "llonebot", "llonebot"

    def build(self):
        if self.platform == "llonebot":
            login = Login().guild("20002", "幸福里").guild("20009", "值班")
            self.group, self.staff_chat = "20002", "20009"
        else:
            login = Login(self.platform, "900").guild("g1", "幸福里", {"c1": "general"}).guild("g9", "值班", {"c9": "duty"})
            self.group, self.staff_chat = "c1", "c9"
        self.other = Login("kook", "77").guild("k1", "别处", {"k1-c": "别处"})
        self.server = self.bench.satori(login, self.other, style=self.style, token="T")
        self.peer = login
        self.last = None

    def user(self, name):
        number = {"ann": "30101", "ben": "30102", "cat": "30103", "boss": "30199"}[name]
        return number if self.platform == "llonebot" else "u" + number

    def emit(self, body):
        self.last = body
        self.server.emit(body)
        self.settle()

    def say(self, name, text, private=False, quote=None, me=False):
        content = None
        if quote or me:
            content = ('<quote id="%s"/>' % quote if quote else "") + (
                '<at id="%s"/> ' % self.peer.id if me else "") + text
        self.emit(self.server.message_event(self.user(name), text, channel=None if private else self.group, login=self.peer, private=private,
                                            content=content, name=self.names[name], timestamp=self.now))

    def join(self, *names):
        guild = self.peer.guild_of(self.group)["id"]
        for name in names:
            self.peer.join(self.user(name), guild, name=self.names[name], timestamp=self.now)
        self.settle()

    def last_id(self):
        return self.last["message"]["id"]

    def press(self, name, button):
        self.emit(self.server.event("interaction/button", self.peer, self.now, channel={"id": self.group, "type": 0},
                                    user={"id": self.user(name), "name": self.names[name]}, button={"id": button},
                                    message={"id": "2|1|1"}))

    def leave(self, name):
        self.emit(self.server.member_event("guild-member-removed", self.user(name), self.peer.guild_of(self.group)["id"], self.peer,
                                           self.now))

    def repeat(self):
        """The server replays it; a message also under another number."""
        self.server.emit(self.last)
        if "message" in self.last and self.last["type"] == "message-created":
            self.server.emit({**self.last, "sn": self.last["sn"] + 1000})
        self.settle()


class DiscordStage(SatoriStage):
    """A guild with a channel of its own id, ids that are no numbers, own messages that come back."""

    style, platform = "koishi", "discord"


class WeComStage(Stage):
    """Only what calls the bot arrives, nobody is seen to come or go."""

    def build(self):
        self.peer = self.bench.wecom()
        self.group, self.staff_chat = "wrEXAMPLEgroupA", "wrEXAMPLEstaff"
        self.last = None

    def user(self, name):
        return name

    def emit(self, body):
        self.last = body
        self.peer.emit(body)
        self.settle()

    def say(self, name, text, private=False, quote=None, me=True):
        chat = None if private else self.group
        text = "@%s %s" % (self.peer.name, text) if chat else text
        more = {"quote": {"msgtype": "text", "text": {"content": quote}}} if quote else {}
        self.emit(self.peer.body("text", name, chat, text={"content": text}, time_s=self.now // 1000, **more))

    def enter(self, name):
        self.peer.enter(name)
        self.settle()

    def press(self, name, button, task):
        body = self.peer.event_body("template_card_event", name, self.group, card_type="button_interaction", event_key=button, task_id=task)
        self.emit({**body, "create_time": self.now // 1000})

    def repeat(self):
        """The same message once more, with another req_id."""
        self.peer.emit(self.last)
        self.settle()
