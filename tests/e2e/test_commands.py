"""tests/data/commands.tsv, line by line on the real daemon: what members type, and what it does.

Every line has a group of its own, brought into its situation first; then all lines are said at once. Every text of the flows is replaced by
its own name, so that the answer tells which it is. By hand, for some lines only:

    SOPD_LINES='补卡' python3 -m pytest test_commands.py       # lines whose text, situation or expectation contains this
"""

import collections
import json
import os
import re
import shutil

import pytest

from harness import ROOT, events as ev, lua_value, store
from harness.clock import Clock, moment

PATH = os.path.join(ROOT, "tests", "data", "commands.tsv")
FLOWS = ("switch", "common", "checkin", "redpacket", "welcome")
# The flows of the library stand together in the groups of their own situations: a word of one must not be taken by another.
LIBRARY = ("switch", "common", "signup", "presale", "vote", "contest", "draw", "voucher", "redpacket", "checkin", "referral", "segment", "ladder", "live",
           "calendar", "likes", "handoff", "faq", "report", "welcome")
SETTINGS = {
    "signup": {"ask_in": "group", "questions": [{"key": "name", "ask": "signup.question", "type": "text"}]},
    "contest": {"organiser": "幸福路店"}, "draw": {"organiser": "幸福路店"}, "ladder": {"begins": "10:01", "rungs": ["10:30 9折", "11:00 8折"], "weekdays": ["5"]},
    "segment": {"score_message": 0}, "likes": {"open": True}, "report": {"daily": False},
    "faq": {"values": {"hours": "8:00-22:00"}, "faq": [{"ask": ["营业", "几点开"], "answer": "faq.answer {hours}"}]},
}
DAYS_AGO, TODAY = moment("2026-03-02T10:00:00+08:00"), moment("2026-03-06T10:00:00+08:00")
DAY = 86400000
KINDS = {"message", "private", "reply", "quoting", "pasted", "forward", "card"}
SITUATIONS = {"new", "done", "missed", "photo", "text", "signup", "packet", "grabbed", "won", "out", "member", "store", "keeper", "host"}
# Situations of the library, and what staff ("!") and the member say to get there.
SCENES = {
    "lib": (), "clerk": (), "vote": ("!发起投票 吃什么 | 火锅 | 烤肉 | 粥",), "contest": ("!征集 给新店起名",), "draw": ("!抽奖 草莓 1份 30分钟",),
    "drawn": ("!抽奖 草莓 1份 30分钟", "参加", "!开奖"), "sale": ("!接龙 周三鲜货\n鸡蛋 12.8元/板 限50 每人2\n鲜牛奶 9.9元",), "egg": ("!接龙 鸡蛋 12.8元/板",),
    "ordered": ("!接龙 周三鲜货\n鸡蛋 12.8元/板 限50 每人2\n鲜牛奶 9.9元", "+2 鸡蛋"), "form": ("!开报名 周末茶会\n时间 周六14:00\n名额 30",),
    "applied": ("!开报名 周末茶会\n时间 周六14:00\n名额 30", "报名", "小明"), "live": ("!直播排期 3月7日 20:00 春季新品",),
    "booked": ("!直播排期 3月7日 20:00 春季新品", "预约"), "voucher": ("!发券 亲友券 @self",), "likes": ("!集赞确认",),
}
SITUATIONS |= set(SCENES)
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
BOSS = 3900000000


def check_letter(body):
    return LETTERS[sum((i + 1) * LETTERS.index(c) for i, c in enumerate(body)) % 31]


def other(letter, steps=1):
    return LETTERS[(LETTERS.index(letter) + steps) % 31]


FORMS = {
    "lower": str.lower,
    "spaced": lambda code: code[:4] + " " + code[4:],
    "dashed": lambda code: code[:4] + "-" + code[4:],
    "wide": lambda code: "".join(chr(ord(c) + 0xFEE0) for c in code),
    "wrong": lambda code: code[:7] + (other(code[7]) if code[7].isupper() or code[7].isdigit() else other(code[7].upper()).lower()),
    "unknown": lambda code: other(code[0]) + code[1:7] + check_letter(other(code[0]) + code[1:7]),
}


class Line:
    """One line of the table, and the group and the people it is played with."""

    def __init__(self, number, n, fields):
        self.number = number
        self.situation, self.kind, self.expected, typed = fields
        self.typed = typed.encode("utf-8").decode("utf-8").replace("\\n", "\n")
        self.typed = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m.group(1), 16)), self.typed)
        self.shown = typed
        self.group = 700100000 + n
        self.user, self.amy, self.leo = (3300000000 + n * 10 + k for k in range(3))
        self.code = None
        assert self.situation in SITUATIONS and self.kind in KINDS, "line %d: %s" % (number, fields)

    @property
    def chat(self):
        return "@%d" % self.user if self.kind == "private" else str(self.group)

    def role(self):
        return {"store": "store", "clerk": "store", "keeper": "keeper", "host": "keeper"}.get(self.situation)

    def text(self):
        def code(match):
            value = self.code
            for form in match.group(1).split("|")[1:]:
                value = FORMS[form](value)
            return value
        return re.sub(r"\{code((?:\|\w+)*)\}", code, self.typed)

    def segments(self, text):
        known = {"@bot": ev.at(ev.SELF), "@小美": ev.at(self.amy), "@小王": ev.at(self.leo), "@self": ev.at(self.user), "@all": ev.at("all"),
                 "{photo}": ev.image(), "{face}": {"type": "face", "data": {"id": "76"}}}
        pieces = re.split("(%s)" % "|".join(map(re.escape, known)), text)
        return [known.get(piece) or ev.text(piece) for piece in pieces if piece]

    def event(self, at):
        text, own = self.text(), "哈哈"
        if self.kind == "reply":
            message = [ev.quote(4711)] + self.segments(text)
        elif self.kind == "quoting":
            message = [ev.quote(4712), ev.text(own)]
        elif self.kind == "pasted":
            message = [ev.text("「小美:%s」\n- - - - - - - - - - - - - - -\n%s" % (text, own))]
        elif self.kind == "forward":
            message = [{"type": "forward", "data": {"id": "7777", "content": [ev.group_msg(self.group, self.amy, text)]}}]
        elif self.kind == "card":
            message = [{"type": "json", "data": {"data": json.dumps({"app": "com.tencent.structmsg", "prompt": text})}}]
        else:
            message = self.segments(text)
        if self.kind == "private":
            return ev.private_msg(self.user, message, time=at // 1000)
        return ev.group_msg(self.group, self.user, message, name="阿明", time=at // 1000)


def load():
    lines = []
    with open(PATH, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            if line.strip() and not line.startswith("# ") and line[0] != "#":
                lines.append(Line(number, len(lines), line.rstrip("\n").split("\t", 3)))
    return lines


def text_names(flow):
    with open(os.path.join(ROOT, "sop", "flows", flow + ".lua"), encoding="utf-8") as source:
        return re.findall(r'^\s+(\w+) = \{ "text"', source.read(), re.M)


def make_sop(box, lines):
    """The shipped flows with a playbook for each kind of group; every text says its name."""
    sop = os.path.join(box, "sop")
    for folder in ("flows", "lib", "texts"):
        shutil.copytree(os.path.join(ROOT, "sop", folder), os.path.join(sop, folder))
    os.makedirs(os.path.join(sop, "playbooks"))
    staff = {"qq1:%d" % line.user: line.role() for line in lines if line.role()}
    staff["qq1:%d" % BOSS] = "hq"
    kinds = {"all": ({}, {}), "photo": ({"proof": "photo"}, {}), "text": ({"proof": "text"}, {}), "signup": ({"join": "signup"}, {}),
             "won": ({}, {"kind": "coupon"}), "library": ({}, {})}
    for kind, (checkin, packet) in kinds.items():
        own = {"checkin": checkin, "redpacket": {"nightly": False, "organiser": "幸福路店", "contact": "店长", "lasts": "60m", **packet}}
        flows = [{1: flow, **{name: "%s.%s" % (flow, name) for name in text_names(flow)}, **own.get(flow, {}), **SETTINGS.get(flow, {})}
                 for flow in (LIBRARY if kind == "library" else FLOWS)]
        like = {"won": ("won", "member", "store"), "library": tuple(SCENES)}.get(kind, (kind,))
        groups = ["qq1:%d" % line.group for line in lines if line.situation in like]
        if kind == "all":
            groups = ["qq1:*"]
        if not groups:
            continue
        book = {"title": kind, "groups": groups, "timezone": "Asia/Shanghai", "staff_chat": "qq1:700000099", "staff": staff, "flows": flows}
        with open(os.path.join(sop, "playbooks", kind + ".lua"), "w", encoding="utf-8") as out:
            out.write("return " + lua_value(book) + "\n")
    return sop


class Stage:
    """The daemon with all groups, and its clock."""

    def __init__(self, bench, box, lines):
        self.lines = lines
        self.gateway = bench.gateway("napcat")
        self.gateway.groups = {line.group: "%d群" % line.number for line in lines}
        self.daemon = bench.served(self.gateway, sop=make_sop(box, lines), args=("--clock", str(DAYS_AGO)))
        self.gateway.wait_action("get_group_list")
        self.clock, self.now = Clock(self.daemon), DAYS_AGO
        self.client = self.daemon.redis.client
        self.clock.settle(self.gateway)

    def at(self, when):
        self.now = when
        self.clock.at(when)

    def say(self, situations, text, who=lambda line: line.user):
        said = [ev.group_msg(line.group, who(line), line.segments(text) if "@" in text else text, name="阿明", time=self.now // 1000)
                for line in self.lines if line.situation in situations]
        if said:
            self.gateway.emit(*said)
        self.clock.settle(self.gateway)

    def prepare(self):
        for day in range(2):
            self.at(DAYS_AGO + day * DAY)
            self.say({"missed"}, "打卡")
            self.say({"keeper"}, "打卡", lambda line: line.amy)
        self.at(TODAY)
        self.say({"done"}, "打卡")
        self.say({"out"}, "退订")
        self.say({"packet", "grabbed", "host", "won", "member", "store"}, "发红包", lambda line: BOSS)
        self.say({"grabbed", "won"}, "抢")
        self.say({"member", "store"}, "抢", lambda line: line.leo)
        for step in range(max(map(len, SCENES.values()))):
            for name, steps in SCENES.items():
                if step < len(steps):
                    self.say({name}, steps[step].lstrip("!"), (lambda line: BOSS) if steps[step][0] == "!" else (lambda line: line.user))
        self.at(TODAY + 60000)
        by_group = {str(line.group): line for line in self.lines}
        for key in self.client.scan_iter("*codes*"):
            if self.client.type(key) != "hash":
                continue
            for code, record in self.client.hgetall(key).items():
                line = by_group.get(json.loads(record).get("chat"))
                if line:
                    line.code = code
        missing = [line.number for line in self.lines if "{code" in line.typed and not line.code]
        assert not missing, "no code was issued for %s" % missing[:5]

    def play(self):
        """Says all lines; what became of each: { line number: outcome }."""
        self.at(self.now + DAY // 24 // 60)
        sends, events = len(self.gateway.sends()), len(store.business_events(self.client))
        self.gateway.emit(*[line.event(self.now) for line in self.lines])
        self.clock.settle(self.gateway)
        self.at(self.now + 2000)
        heard, happened = {}, {}
        for action in self.gateway.sends()[sends:]:
            heard.setdefault(action.chat, []).append(re.sub(r"^(@\d+ ?)+", "", action.text.split("\n")[0]).strip())
        for event in store.business_events(self.client)[events:]:
            happened.setdefault(event["_chat"], []).append("event:" + event["_name"])
        result = {}
        for line in self.lines:
            told = heard.get(line.chat, []) + ([] if line.kind == "private" else heard.get("@%d" % line.user, []))
            told += happened.get(line.chat, [])
            expected = line.expected in told and line.expected.startswith("event:")
            result[line.number] = line.expected if expected else (told or ["-"])[0]
        return result


@pytest.mark.needs_no_binary
def test_every_flow_is_typed():
    """Each flow that members command has its lines, and so have remarks that look like commands and are none."""
    with open(os.path.join(ROOT, "docs", "events.json"), encoding="utf-8") as source:
        owner = {"event:" + name: entry["flow"] for name, entry in json.load(source)["events"].items()}
    lines = load()
    answers = collections.Counter(owner.get(line.expected, line.expected.split(".")[0]) for line in lines)
    few = {flow: answers[flow] for flow in LIBRARY if answers[flow] < (5 if flow in ("likes", "calendar", "report") else 15)}
    assert set(few) <= {"welcome"}
    assert answers["-"] >= 250


def test_what_people_type(bench, box):
    lines = load()
    assert len(lines) >= 1300
    wanted = os.environ.get("SOPD_LINES")
    if wanted:
        lines = [line for line in lines if wanted in "\t".join((line.shown, line.situation, line.expected))]
    stage = Stage(bench, box, lines)
    stage.prepare()
    result = stage.play()
    wrong = ["commands.tsv:%d: %s %s %r: %s is expected, it was %s" % (
        line.number, line.situation, line.kind, line.shown, line.expected, result[line.number])
        for line in lines if result[line.number] != line.expected]
    assert not wrong, "%d of %d lines differ\n%s" % (len(wrong), len(lines), "\n".join(wrong))
