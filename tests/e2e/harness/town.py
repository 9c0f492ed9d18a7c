"""A group in which all shipped flows are really played, on a clock that the test turns: what they keep in Redis is what the tests of
member rights, export and retention look at."""

import os
import shutil

from . import events as ev
from .clock import Clock, moment
from .sopd import ROOT, gateway_entry

G = 700000001
STAFF_CHAT = 700000099
ANN, BEN, CAT, BOSS = 3300000101, 3300000102, 3300000103, 3300000199
NAMES = {ANN: "安安小栗子", BEN: "本本", CAT: "卡特", BOSS: "店长"}
START = moment("2031-03-03T10:00:00+08:00")
MINUTE, HOUR, DAY = 60000, 3600000, 86400000

BOOK = """return {
  title = "镇", groups = { "qq1:%d" }, timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" },
  staff = { ["qq1:%d"] = "store" }, staff_chat = "qq1:%d",
  flows = {
    "common", "switch",
    { "welcome", gather = "1s", onboarding = true, ask = true },
    { "checkin", cohort = "fixed", days = 7, remind = "20:30", summary = "22:00" },
    { "redpacket", nightly = false, kind = "prizes", shares = 4, consolation = 2, organiser = "福利店",
      prizes = { { name = "牛奶", count = 4, cost = 5 } } },
    { "chaperone", window = "5s" },%s
  },
}
"""


class Town:
    def __init__(self, bench, gateway, box, config=None, more="", start=START, embedded=False, **options):
        self.sop, self.gateway, self.now = os.path.join(box, "sop"), gateway, start
        gateway.groups = {G: "幸福里", STAFF_CHAT: "值班"}
        for folder in ("flows", "lib", "texts"):
            shutil.copytree(os.path.join(ROOT, "sop", folder), os.path.join(self.sop, folder))
        os.makedirs(os.path.join(self.sop, "playbooks"))
        with open(os.path.join(self.sop, "playbooks", "town.lua"), "w", encoding="utf-8") as out:
            out.write(BOOK % (G, BOSS, STAFF_CHAT, more))
        if embedded:
            self.daemon = bench.sopd({"sop": [self.sop], "gateways": [gateway_entry(gateway, "qq1")]}, args=("--clock", str(start)))
            gateway.wait_ready()
        else:
            self.daemon = bench.served(gateway, sop=self.sop, config=config, args=("--clock", str(start)), **options)
            self.client = self.daemon.redis.client
        gateway.wait_action("get_group_list")
        self.clock = Clock(self.daemon)
        self.clock.settle(gateway)

    def to(self, day, hour, minute=0, second=0):
        self.now = self.clock.at(START + day * DAY + (hour - 10) * HOUR + minute * MINUTE + second * 1000)

    def later(self, seconds):
        self.now = self.clock.at(self.now + seconds * 1000)

    def emit(self, event):
        self.gateway.emit(event)
        self.clock.settle(self.gateway)

    def say(self, user, *parts, private=False):
        message = list(parts) if len(parts) > 1 else parts[0]
        if private:
            self.emit(ev.private_msg(user, message, name=NAMES[user], time=self.now // 1000))
        else:
            self.emit(ev.group_msg(G, user, message, name=NAMES[user], time=self.now // 1000))

    def join(self, *users):
        for user in users:
            self.gateway.emit(ev.join(G, user, time=self.now // 1000))
        self.clock.settle(self.gateway)
        self.later(70)

    def leave(self, user):
        self.emit(ev.leave(G, user, time=self.now // 1000))

    def play(self, *users):
        """Two days of everything, by these members."""
        self.join(*users)
        for user in users:
            self.say(user, "报名")
        for day in (0, 1):
            self.to(day, 11)
            for user in users:
                self.say(user, "打卡")
                self.say(user, "大家好呀")
                self.say(user, "鸡蛋怎么卖?")
            self.later(30)
        self.say(BOSS, "补记 ", ev.at(users[0]), ev.text(" 昨天"))
        self.to(1, 12)
        self.say(BOSS, "发红包")
        for user in users:
            self.say(user, "抢")
        self.later(15)
        for user in users:
            self.say(user, "我的券")
            self.say(user, "我的打卡")
        self.later(900)


def texts(client):
    """Everything in Redis as one text a key: {key: text}."""
    found = {}
    for key in client.scan_iter("*", 1000):
        kind = client.type(key)
        read = {"string": client.get, "hash": client.hgetall, "set": client.smembers, "zset": lambda k: client.zrange(k, 0, -1, withscores=True),
                "list": lambda k: client.lrange(k, 0, -1), "stream": client.xrange}.get(kind)
        found[key] = str(read(key)) if read else ""
    return found


def naming(client, *words):
    """The keys that hold one of these words, in their name or inside."""
    return sorted(key for key, text in texts(client).items() if any(str(w) in key or str(w) in text for w in words))
