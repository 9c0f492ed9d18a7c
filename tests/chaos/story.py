"""What happens in the torture: the same from the same seed.

Groups of one gateway over some virtual weeks. People come, alone and in crowds, sign up, check in at all hours, forget it
and make it up, send photos, ask, answer, chat, opt out, leave and come back, or never say a word. A story is a list of
moments; at a moment each group may have a few events, which the platform reports in that order.
"""

import random
from datetime import datetime, timedelta, timezone

from harness import events as ev

ZONE = timezone(timedelta(hours=8))
START = datetime(2031, 3, 3, 6, 0, tzinfo=ZONE)      # a Monday
FIRST_GROUP, FIRST_USER = 700000101, 3300100001
INVITER = 3300000009
SECOND, MINUTE, HOUR, DAY = 1000, 60000, 3600000, 86400000

# How often, per day: a check-in, a made-up day after a missed one, a question, chatter.
HABITS = {"keen": (0.93, 0.6, 0.05, 0.15), "casual": (0.6, 0.25, 0.06, 0.1), "late": (0.75, 0.4, 0.03, 0.05),
          "quiet": (0.12, 0.0, 0.01, 0.02), "silent": (0.0, 0.0, 0.0, 0.0)}
SHARES = ["keen"] * 8 + ["casual"] * 6 + ["late"] * 2 + ["quiet"] * 2 + ["silent"] * 2

CHECK_INS = ["打卡", "打卡", "打卡", "签到", "打卡 今天跑了{n}公里", "打卡第{n}天", "早起喝水{n}杯 打卡"]
CHATTER = ["大家早上好", "今天的菜真新鲜", "哈哈哈哈", "收到", "周末有活动吗", "谢谢{n}号店员", "我住城东", "1", "好的"]
QUESTIONS = ["请问怎么参加打卡?", "积分有什么用呀", "第一次来, 有新人券吗?", "几点截止?"]
ANSWERS = ["小太阳{n}", "好的", "新手", "想减肥{n}斤", "会坚持的", "+1", "{n}", "老顾客介绍的"]


def ms(moment):
    return int(moment.timestamp() * 1000)


def start_ms():
    return ms(START)


class Story:
    def __init__(self, seed, days=28, members=500, groups=10):
        self.rng = random.Random("story %s" % seed)
        self.days, self.groups = days, [FIRST_GROUP + i for i in range(groups)]
        self.found = {}                 # ms -> {group: [(order, what, user, text)]}
        self.order = 0
        self.users = {}
        for i in range(members):
            self.member(self.groups[i % groups], FIRST_USER + i)
        self.moments = self.to_moments()

    # -- one life --------------------------------------------------------------------------------

    def add(self, when, group, what, user, text=None):
        if start_ms() < when < start_ms() + self.days * DAY:
            self.order += 1
            self.found.setdefault(when, {}).setdefault(group, []).append((self.order, what, user, text))

    def at(self, day, hour, minute=0, second=0):
        return ms(START.replace(hour=0)) + day * DAY + hour * HOUR + minute * MINUTE + second * SECOND

    def some_time(self, low=7, high=22):
        """A time of a day in steps of ten minutes: many groups talk in the same moment."""
        return self.rng.randrange(low * 6, high * 6) * 10 * MINUTE

    def pick(self, texts):
        return self.rng.choice(texts).replace("{n}", str(self.rng.randrange(1, 10)))

    def member(self, group, user):
        rng = self.rng
        self.users[user] = group
        kind = rng.choice(SHARES)
        day = min(rng.choice([0] * 6 + [1, 2, 3, 4, 6, 9]), self.days // 3)
        joined = self.at(day, 0) + self.some_time(8, 23) + rng.choice([0, 0, 4, 8]) * SECOND
        self.add(joined, group, "join", user)
        if rng.random() < 0.06:     # reported twice, or gone again before anybody said hello
            self.add(joined + rng.choice([0, 5 * SECOND]), group, rng.choice(["join", "leave"]), user)
        if kind != "silent":
            self.newcomer(group, user, joined)
        left = back = None
        if rng.random() < 0.15:
            left = joined + rng.randrange(1, 20) * DAY + self.some_time(0, 20)
            if rng.random() < 0.6:
                back = left + rng.choice([10 * MINUTE, 3 * HOUR, DAY, 4 * DAY])
            self.add(left, group, "leave", user)
            if back:
                self.add(back, group, "join", user)
        if rng.random() < 0.06:
            stop = self.at(rng.randrange(day, self.days), 0) + self.some_time()
            if not left or stop < left:
                self.add(stop, group, "say", user, "退订")
                if rng.random() < 0.3:
                    self.add(stop + 2 * DAY, group, "say", user, "恢复")
        for d in range(day + 1, self.days):
            present = not left or self.at(d + 1, 0) < left or (back and self.at(d, 0) > back)
            if present:
                self.day(group, user, d, kind)

    def newcomer(self, group, user, joined):
        """What newcomers say, mostly after they were greeted, some at once."""
        rng = self.rng
        wait = rng.choice([6, 15, 30, 90, 600]) * SECOND
        if rng.random() < 0.5:
            self.add(joined + wait, group, "say", user, self.pick(CHATTER + QUESTIONS))
            self.add(joined + wait + 20 * SECOND, group, "say", user, self.pick(ANSWERS))
        if rng.random() < 0.6:
            then = joined + wait + rng.choice([40 * SECOND, 2 * HOUR])
            self.add(then, group, "say", user, "报名")
            if rng.random() < 0.7:
                self.add(then + rng.choice([5, 20, 300]) * SECOND, group, "say", user, self.pick(ANSWERS))
        if rng.random() < 0.4:
            self.add(joined + 12 * MINUTE, group, "say", user, self.pick(ANSWERS))
        if rng.random() < 0.3:
            self.trial(group, user, joined + rng.choice([HOUR, DAY, 2 * DAY]))

    def trial(self, group, user, when):
        """The flow that does nothing but wait (sop/flows/trial.lua): questions, answers to them and past them."""
        rng = self.rng
        if rng.random() < 0.3:      # said before the question, and not meant for it
            self.add(when - rng.choice([10, 60]) * SECOND, group, "say", user, "17 号见")
        self.add(when, group, "say", user, "试炼")
        for _ in range(rng.choice([0, 1, 1, 1, 2, 4])):
            when += rng.choice([5, 30, 240, 590, 600]) * SECOND
            self.add(when, group, "say", user, self.pick(ANSWERS + ["{n}公里", "{n}"]))
        if rng.random() < 0.1:
            self.add(when + rng.randrange(1, 20) * DAY, group, "say", user, "放弃试炼")

    def day(self, group, user, day, kind):
        rng = self.rng
        done, makes_up, asks, chats = HABITS[kind]
        low, high = (20, 24) if kind == "late" else (7, 22)
        when = self.at(day, 0) + self.some_time(low, high)
        if rng.random() < done:
            if rng.random() < 0.1:
                when = self.at(day, *rng.choice([(20, 30), (22, 0), (10, 0), (3, 59, 59), (0, 0)]))
            what = "photo" if rng.random() < 0.3 else "say"
            self.add(when, group, what, user, self.pick(CHECK_INS))
            if rng.random() < 0.04:
                self.add(when + 30 * SECOND, group, "say", user, "打卡")
        elif rng.random() < makes_up:
            self.add(when + DAY, group, "say", user, "补卡")
        if rng.random() < asks:
            self.add(when + rng.choice([0, 5]) * MINUTE, group, "say", user, rng.choice(["我的打卡", "打卡榜", "帮助"]))
        if rng.random() < chats:
            self.add(self.at(day, 0) + self.some_time(), group, rng.choice(["say", "say", "photo"]), user,
                     self.pick(CHATTER))
        if rng.random() < 0.01:
            self.add(when + HOUR, group, "say", user, "试炼抢答")
            for i in range(rng.choice([1, 3, 4])):
                grabber = rng.choice([u for u, g in self.users.items() if g == group])
                self.add(when + HOUR + rng.choice([3, 60, 299, 300]) * SECOND, group, "say", grabber, "抢")
        if rng.random() < 0.03:
            self.add(self.at(day, 10) + rng.choice([2 * SECOND, 5 * MINUTE]), group, "say", user, self.pick(ANSWERS))

    # -- as a list -------------------------------------------------------------------------------

    def to_moments(self):
        """[(ms, {group: [event, ...]})]: the events as the platform reports them."""
        number = 1000000
        moments = []
        for when in sorted(self.found):
            by_group = {}
            for group in sorted(self.found[when]):
                for _, what, user, text in sorted(self.found[when][group]):
                    number += 1
                    by_group.setdefault(group, []).append(self.event(when // 1000, group, what, user, text, number))
            moments.append((when, by_group))
        return moments

    @staticmethod
    def event(seconds, group, what, user, text, number):
        if what == "join":
            return ev.join(group, user, operator=INVITER, time=seconds)
        if what == "leave":
            return ev.leave(group, user, time=seconds)
        segments = [ev.text(text)]
        if what == "photo":
            segments.append(ev.image("https://files.example/%d.png" % number))
        return ev.group_msg(group, user, segments, message_id=number, name="会员%d" % (user % 10000), time=seconds)

    def count(self):
        return sum(len(events) for _, by_group in self.moments for events in by_group.values())
