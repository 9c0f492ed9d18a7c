"""A busy evening of many groups, at many times the density of a real one: drawn from a seed, then played to a World.

What members do is drawn beforehand; who answers whom (the other bot) depends on what is said to them."""

import asyncio
import random
import time
from collections import defaultdict

from world import BOT, Group

STAFF = 3300000009
STAFF_GROUP = 700000900
CHECKINS = ["打卡", "签到", "/打卡", " 打卡 ", "打卡 早起喝水", "打卡 今天走了一万步", "签到 读书30分钟"]
CHATTER = ["晚上好呀大家", "今天下班好晚", "刚吃完饭", "这个牛奶真不错", "哈哈哈哈", "收到", "好的👌", "孩子终于睡了", "外面下雨了",
           "有人一起拼单吗", "[CQ:at,qq=all] 假装的", "{at} 花括号", "a & b <c>", "抢不到啊", "晚安各位", "下次还来", "1"]
QUESTIONS = ["几点关门?", "牛奶多少钱一箱?", "门店在哪里", "什么时候有货呀?", "可以送货吗", "退货怎么弄?"]
# of a group and a minute of a real busy evening
RATES = {"chat": 3.0, "question": 0.15, "ask": 0.1, "dm": 0.05}
GRABBERS, SHARES, TOTAL = 14, 8, 400


def first_member(index):
    return 3300010000 + index * 1000


def groups_of(count):
    return [700000001 + i for i in range(count)]


class Evening:
    def __init__(self, world, settings):
        self.world, self.seed = world, settings["seed"]
        self.seconds, self.speed = settings["seconds"], settings["speed"]
        self.numbers = groups_of(settings["groups"])
        self.bot_groups = set(self.numbers[:max(1, len(self.numbers) // 6)])
        self.cut = settings["cut"]                      # seconds after the beginning at which a new day begins
        self.members = settings["members"]
        for i, number in enumerate(self.numbers):
            group = world.groups[number] = Group(number, "福利%d群" % (i + 1))
            group.members = {first_member(i) + k: "member" for k in range(self.members)}
            group.members[STAFF] = "owner"
            group.members[BOT] = "member"
        world.groups[STAFF_GROUP] = Group(STAFF_GROUP, "工作群")
        world.groups[STAFF_GROUP].members = {STAFF: "owner"}
        world.listeners.append(self.heard)
        self.checkins, self.grabs, self.joins, self.packets = [], [], [], []
        self.bot_said = defaultdict(list)
        self.broadcasts = []
        self.lines = self.draw()
        self.ended = False

    # -- drawing ---------------------------------------------------------------------------------

    def draw(self):
        rng = random.Random("evening %s" % self.seed)
        lines = []
        for i, number in enumerate(self.numbers):
            self.draw_talk(rng, lines, number, i)
            self.draw_checkins(rng, lines, number, i)
            self.draw_joins(rng, lines, number, i)
        self.draw_packets(rng, lines)
        return sorted(lines, key=lambda line: line[0])

    def draw_talk(self, rng, lines, number, i):
        minutes = self.seconds / 60 * self.speed
        anybody = lambda: first_member(i) + rng.randrange(self.members)  # noqa: E731
        for what, rate in RATES.items():
            for _ in range(int(rate * minutes * rng.uniform(0.7, 1.3))):
                lines.append((rng.uniform(0, self.seconds), what, number, anybody(), rng.random()))

    def draw_checkins(self, rng, lines, number, i):
        """Most check in, some twice, many on both sides of the cut-off, some within seconds of it."""
        for k in range(self.members):
            user = first_member(i) + k
            dice = rng.random()
            if dice < 0.3:
                continue
            moments = [rng.uniform(1, self.seconds - 1)]
            if dice > 0.65:
                moments = [rng.uniform(1, max(1.5, self.cut - 2)), rng.uniform(min(self.cut + 2, self.seconds - 1.5), self.seconds - 1)]
            if dice > 0.9:
                moments.append(self.cut + rng.uniform(-2, 2))
            if rng.random() < 0.25:
                moments.append(min(self.seconds - 0.5, moments[0] + rng.uniform(0.05, 8)))
            for at in moments:
                lines.append((at, "checkin", number, user, rng.random()))

    def draw_joins(self, rng, lines, number, i):
        bursts = max(1, int(self.seconds / 60))
        k = 0
        for _ in range(bursts):
            start = rng.uniform(2, max(3, self.seconds - 15))
            for _ in range(rng.randrange(3, 8)):
                user = first_member(i) + 500000 + k
                k += 1
                at = start + rng.uniform(0, 0.8)
                lines.append((at, "join", number, user, rng.random()))
                if rng.random() < 0.1:
                    lines.append((at + rng.uniform(0.1, 6), "leave", number, user, 0))

    def draw_packets(self, rng, lines):
        """At "20:00" a packet in every third group, and a storm of grabs; in a long evening again and again."""
        for number in self.numbers[1::5]:           # staff call everybody, and soon again, which is too soon
            at = rng.uniform(0.2, 0.6) * self.seconds
            for more in (0, rng.uniform(3, 8)):
                lines.append((at + more, "everybody", number, STAFF, rng.random()))
        start = 0.3 * min(self.seconds, 180)
        while start < self.seconds - 20:
            for i, number in enumerate(self.numbers):
                if i % 3:
                    continue
                at = start + rng.uniform(0, 1.0)
                lines.append((at, "packet", number, STAFF, 0))
                for user in rng.sample(range(self.members), min(GRABBERS, self.members)):
                    for _ in range(1 + (rng.random() < 0.3)):
                        lines.append((at + rng.uniform(0.3, 5), "grab", number, first_member(i) + user, 0))
            start += 180

    # -- playing ---------------------------------------------------------------------------------

    async def play(self):
        began = time.time()
        self.began = began
        for at, what, number, user, dice in self.lines:
            wait = began + at - time.time()
            if wait > 0:
                await asyncio.sleep(wait)
            getattr(self, what)(number, user, dice)
        rest = began + self.seconds - time.time()
        if rest > 0:
            await asyncio.sleep(rest)
        self.ended = True

    def chat(self, number, user, dice):
        text = CHATTER[int(dice * 1e6) % len(CHATTER)]
        segments = [{"type": "text", "data": {"text": text}}]
        if dice < 0.08:
            segments = [{"type": "image", "data": {"file": "p.png", "url": "https://files.example/p.png", "sub_type": 0}}]
        elif dice < 0.14:
            segments.insert(0, {"type": "face", "data": {"id": "76"}})
        elif dice < 0.2:
            segments.insert(0, {"type": "at", "data": {"qq": str(user + 1)}})
        self.world.say(number, user, segments)

    def question(self, number, user, dice):
        self.world.say(number, user, QUESTIONS[int(dice * 1e6) % len(QUESTIONS)])

    def ask(self, number, user, dice):
        """Straight to the account that serves."""
        bot = next(iter(self.world.accounts))
        self.world.say(number, user, [{"type": "at", "data": {"qq": str(bot)}},
                                      {"type": "text", "data": {"text": " " + QUESTIONS[int(dice * 1e6) % len(QUESTIONS)]}}])

    def dm(self, number, user, dice):
        account = next(iter(self.world.accounts.values()))
        self.world.whisper(account, user, "私信我 %d-%d" % (user, int(dice * 1e9)))

    def checkin(self, number, user, dice):
        message = self.world.say(number, user, CHECKINS[int(dice * 1e6) % len(CHECKINS)])
        if message:
            self.checkins.append((message["time"], number, user, message["at"], message["number"]))

    def join(self, number, user, dice):
        self.joins.append((time.time(), number, user))
        self.world.join(number, user, twin=dice < 0.4)

    def leave(self, number, user, dice):
        self.world.leave(number, user)

    def packet(self, number, user, dice):
        self.world.say(number, user, "发红包 %d %d" % (TOTAL, SHARES))
        self.packets.append((time.time(), number))

    def everybody(self, number, user, dice):
        self.world.say(number, user, "全员通知 第%d号" % int(dice * 1e6))

    def grab(self, number, user, dice):
        message = self.world.say(number, user, "抢")
        if message:
            self.grabs.append((message["at"], number, user))

    # -- the other bot ---------------------------------------------------------------------------

    def heard(self, group, message):
        """It answers whatever an account says in its groups, and @-s it: two bots of that kind never stop."""
        if group.number not in self.bot_groups or not message.get("sent") or self.ended:
            return
        said = self.bot_said[group.number]
        said.append(time.time())
        self.world.later(0.2, self.world.say, group.number, BOT, [
            {"type": "at", "data": {"qq": str(message["user"])}},
            {"type": "text", "data": {"text": " 你好呀,收到你说的啦,你是谁呀?"}}])
