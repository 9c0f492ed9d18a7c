"""The shipped campaign and packet are edited, and killed, while they run: what was begun goes on, what comes next is new."""

import os
import shutil

import pytest

from harness import ROOT, dump, events as ev, store
from harness.clock import Clock, moment

G = 700000001
ANN, BEN, BOSS = 3300000101, 3300000102, 3300000199
START = moment("2031-03-03T10:00:00+08:00")
MINUTE, HOUR, DAY = 60000, 3600000, 86400000
TEXTS = {"done": "打卡 {day}", "reminder": "提醒 {names}", "day_summary": "小结 {count}/{members}", "final_board": "总榜 {finished}/{members}"}
PACKET = {"organiser": "福利店", "open_points": "红包", "results": "结果 {lines}", "result_points": "得{amount}", "closed_empty": "抢完", "closed_time": "时间到"}


class Group:
    """A SOP folder of its own with the shipped flows, the daemon, and a group."""

    def __init__(self, bench, napcat, box):
        self.sop, self.gateway, self.now, self.heard = os.path.join(box, "sop"), napcat, START, 0
        for folder in ("flows", "lib", "texts"):
            shutil.copytree(os.path.join(ROOT, "sop", folder), os.path.join(self.sop, folder))
        os.makedirs(os.path.join(self.sop, "playbooks"))
        self.book()
        self.daemon = bench.served(napcat, sop=self.sop, args=("--clock", str(START)))
        napcat.wait_action("get_group_list")
        self.clock = Clock(self.daemon)
        self.clock.settle(napcat)

    def book(self, texts=None, **params):
        params = {"cohort": "fixed", "days": 4, **params}
        checkin = ["%s = %s" % (k, v if isinstance(v, int) else '"%s"' % v) for k, v in {**TEXTS, **params, **(texts or {})}.items()]
        packet = ['%s = "%s"' % pair for pair in PACKET.items()]
        self.file("playbooks/p.lua", lambda _: 'return { title = "群", groups = { "qq1:*" }, quiet = false, timezone = "Asia/Shanghai", '
                  'staff = { ["qq1:%d"] = "store" }, flows = { "common", { "checkin", %s }, '
                  '{ "redpacket", nightly = false, shares = 4, %s } } }\n' % (BOSS, ", ".join(checkin), ", ".join(packet)))

    def file(self, name, change):
        path = os.path.join(self.sop, name)
        text = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as old:
                text = old.read()
        with open(path + "~", "w", encoding="utf-8") as out:
            out.write(change(text))
        os.rename(path + "~", path)

    def edit(self, name, old, new):
        def change(text):
            assert text.count(old) == 1, (text.count(old), old)
            return text.replace(old, new)
        self.file("%s.lua" % name, change)
        self.reload()

    def reload(self, **more):
        done = self.daemon.ctl("reload", **more)
        self.clock.now()
        return done

    def to(self, day, hour, minute=0, second=0):
        self.now = self.clock.at(START + day * DAY + (hour - 10) * HOUR + minute * MINUTE + second * 1000)

    def say(self, user, text):
        self.gateway.emit(ev.group_msg(G, user, text, time=self.now // 1000))
        self.clock.settle(self.gateway)

    def hear(self):
        """What was said since the last call."""
        texts = [a.text for a in self.gateway.sends()]
        new, self.heard = texts[self.heard:], len(texts)
        return new

    def kill(self):
        self.daemon.kill()
        links = len(self.gateway.conns)
        self.daemon.start(args=("--clock", str(self.now)))
        self.gateway.wait_link(links + 1)
        self.clock.settle(self.gateway)

    def runs(self):
        return [key for key in dump(self.daemon.redis.client) if key.startswith("sopd:{qq1}:run:")]


@pytest.fixture
def group(bench, napcat, box):
    return Group(bench, napcat, box)


def test_a_campaign_is_edited_in_the_middle(group):
    group.say(ANN, "打卡")
    group.say(BEN, "打卡")
    group.to(0, 22)
    assert group.hear() == ["@%d 打卡 1" % ANN, "@%d 打卡 1" % BEN, "小结 2/2"]
    campaign = group.runs()
    assert len(campaign) == 1

    # at noon: other words at once, other code and another time from the evening on
    group.to(1, 12)
    group.say(ANN, "打卡")
    group.book({"reminder": "别忘了 {names}"}, summary="21:30")
    group.edit("lib/evening", 'c:emit("reminded",', 'c.group.edited = "v2"\n  c:emit("reminded",')
    group.kill()
    group.to(1, 20, 30)
    assert group.hear() == ["@%d 打卡 2" % ANN, "别忘了 @%d" % BEN]
    assert store.group(group.daemon.redis.client, "checkin", G)["edited"] == "v2"

    # between the two posts: this evening is finished as it began, the next one is new
    group.edit("lib/evening", "local function sum_up(c)\n", 'local function sum_up(c)\n  c:say("第三版")\n')
    group.kill()
    group.to(1, 22)
    assert group.hear() == ["小结 1/2"]
    assert group.runs() == campaign
    group.to(2, 11)
    group.say(ANN, "打卡")
    group.to(2, 22)
    assert group.hear() == ["@%d 打卡 3" % ANN, "第三版", "小结 1/2"]

    # a script that cannot be loaded changes nothing
    group.file("flows/checkin.lua", lambda text: text + "\nend\n")
    group.reload(check=False)
    group.to(3, 11)
    group.say(ANN, "打卡")
    group.to(4, 9)
    said = group.hear()
    assert [text for text in said if "证书" not in text] == ["第三版", "小结 1/2", "总榜 1/2"]
    assert not group.runs()


def test_the_platforms_time_decides_which_day_it_is(group):
    group.say(ANN, "打卡")
    group.to(1, 4, 1)                   # the day ends at four; this was said before and took its time
    late = START + 17 * HOUR + 59 * MINUTE
    group.gateway.emit(ev.group_msg(G, ANN, "打卡", time=late // 1000))
    group.gateway.emit(ev.group_msg(G, BEN, "打卡", time=late // 1000))
    group.clock.settle(group.gateway)
    group.say(BEN, "打卡")
    days = [(e["user"], e["day"]) for e in store.business_events(group.daemon.redis.client, name="checked_in")]
    assert days == [(str(ANN), 1), (str(BEN), 1), (str(BEN), 2)]


def test_a_packet_is_edited_while_people_grab(group):
    group.say(BOSS, "发红包 40 4")
    group.say(ANN, "抢")
    group.to(0, 10, 0, 5)
    assert "红包" in group.hear()[0]
    group.say(BEN, "抢")
    group.edit("flows/redpacket", "local function post_results(c, packet)\n", 'local function post_results(c, packet)\n  c:say("第二版")\n')
    group.kill()
    group.to(0, 10, 0, 10)              # the batch that had begun: as it began
    said = group.hear()
    assert len(said) == 1 and said[0].startswith("结果 @%d 得" % BEN), said
    group.say(ANN + 20, "抢")
    group.kill()
    group.to(0, 10, 0, 20)              # the next one: new
    said = group.hear()
    assert len(said) == 2 and said[0] == "第二版" and said[1].startswith("结果"), said
    group.to(0, 10, 11)
    assert len([text for text in group.hear() if "时间到" in text]) == 1
    closed = store.business_events(group.daemon.redis.client, name="packet_closed")
    grabs = store.business_events(group.daemon.redis.client, name="grabbed")
    assert len(closed) == 1 and closed[0]["grabs"] == 3 and closed[0]["spent"] == sum(g["amount"] for g in grabs)
    assert not group.runs()
