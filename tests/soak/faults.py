"""What the platform does to an account: drawn from a seed before it begins, so that a run can be repeated, and carried out.

Two tracks: what concerns the account or its link comes one after the other, with a pause to recover in between; mutes and
kicks concern single groups and happen beside it."""

import asyncio
import random
import time

# kind -> (seconds in a short run, in a long one, must be told within 60 s when it lasts in a long run)
ACCOUNT = {
    "stall": (6, 32, False),                     # the link neither reads nor writes
    "logout": (9, 75, True),                     # without a word: says online, nothing comes, sends fail or vanish
    "timeout, delivered": (2.5, 12, False),      # answers 1200 "Timeout", and the message is in the chat
    "offline": (6, 20, True),                    # the notice bot_offline, then back
    "restart": (3, 9, True),                     # the platform's process ends and comes back
    "timeout, lost": (2, 8, False),              # answers 1200 "Timeout", and the message is nowhere
    "unanswered, delivered": (2, 8, False),
    "unanswered, lost": (2, 8, False),
    "acknowledged, lost": (1, 5, False),         # silent loss: nobody can know
    "refused": (1, 5, False),                    # risk control
    "slow": (4, 20, False),                      # reads 200 bytes a second
    "late": (4, 20, False),                      # answers come late and out of order
    "cut": (0, 0, False),
    "cut writing": (0, 0, False),                # in the midst of a frame of the platform's
    "cut reading": (0, 0, False),                # in the midst of a frame of ours
}
GROUP = {"mute": (5, 30, True), "whole mute": (5, 30, False), "kick": (6, 40, True)}
FIRST = ["stall", "logout", "timeout, delivered"]     # in every run, however short
PAUSE = (1.5, 20)
FATES = {kind for kind in ACCOUNT if "," in kind or kind == "refused"}
CALM = (6, 12)      # seconds at the beginning and at the end in which nothing is done


def draw(seed, seconds, groups, only=None):
    """The plan: a list of {"at", "kind", "seconds", "group"?, "alarm"}, `at` in seconds after the evening's beginning."""
    rng = random.Random("faults %s" % seed)
    long = seconds > 240
    plan = []
    kinds = [k for k in ACCOUNT if only is None or k in only]
    rest = [k for k in kinds if k not in FIRST]
    rng.shuffle(rest)
    queue = [k for k in FIRST if k in kinds] + rest
    room = seconds - sum(CALM)
    if not long:                # as many as there is room for
        while queue and sum(1.2 * ACCOUNT[k][0] + 1.4 * PAUSE[0] for k in queue) > room:
            queue.pop()
    rng.shuffle(queue)
    at, i = CALM[0], 0
    while queue:
        kind = queue[i % len(queue)]
        lasts = ACCOUNT[kind][long] * rng.uniform(0.8, 1.2)
        if at + lasts > seconds - CALM[1] or (i == len(queue) and not long):
            break
        plan.append({"at": round(at, 2), "kind": kind, "seconds": round(lasts, 2), "alarm": ACCOUNT[kind][2] and long})
        at += lasts + PAUSE[long] * rng.uniform(0.6, 1.4)
        i += 1
        if i % len(queue) == 0 and long:
            rng.shuffle(queue)
    kinds = [k for k in GROUP if only is None or k in only]
    at = CALM[0] + rng.uniform(0, 5)
    while kinds:
        kind = rng.choice(kinds)
        lasts = GROUP[kind][long] * rng.uniform(0.8, 1.2)
        if at + lasts > seconds - CALM[1]:
            break
        plan.append({"at": round(at, 2), "kind": kind, "seconds": round(lasts, 2), "group": rng.choice(groups),
                     "alarm": GROUP[kind][2] and long})
        at += lasts + PAUSE[long] * rng.uniform(0.5, 1.5)
    return sorted(plan, key=lambda fault: fault["at"])


class Faults:
    """Carries a plan out: on the only account, or, of several in the same groups, on the one that serves at that moment."""

    def __init__(self, world, accounts, plan, seed):
        self.world, self.accounts, self.plan = world, accounts, plan
        self.rng = random.Random("fate %s" % seed)

    def start(self):
        loop = asyncio.get_running_loop()
        for fault in self.plan:
            loop.call_later(fault["at"], lambda f=fault: loop.create_task(self.run(f)))

    def serving(self):
        """Who sent last."""
        for sent in reversed(self.world.sent):
            if any(sent.account == account.id for account in self.accounts):
                return self.world.accounts[sent.account]
        return self.accounts[0]

    async def run(self, fault):
        account = self.serving() if len(self.accounts) > 1 else self.accounts[0]
        fault["began"], fault["account"] = time.time(), account.id
        await Deed(self.world, account, self.rng).do(fault)
        fault["ended"] = time.time()


class Deed:
    """One fault of one account."""

    def __init__(self, world, account, rng):
        self.world, self.account, self.rng = world, account, rng

    async def do(self, fault):
        if fault["kind"] in FATES:
            await self.fate(fault, fault["kind"])
        else:
            await getattr(self, fault["kind"].replace(" ", "_"))(fault)

    async def fate(self, fault, kind):
        """Most sends of this while end so, the others as usual."""
        self.account.fate = lambda sent: kind if self.rng.random() < 0.8 else None
        await asyncio.sleep(fault["seconds"])
        self.account.fate = None

    async def stall(self, fault):
        wires = list(self.account.links)
        for wire in wires:
            wire.change(stalled=True)
        await asyncio.sleep(fault["seconds"])
        for wire in wires:
            wire.change(stalled=False)

    async def slow(self, fault):
        wires = list(self.account.links)
        for wire in wires:
            wire.change(slow=200)
        await asyncio.sleep(fault["seconds"])
        for wire in wires:
            wire.change(slow=0)

    async def late(self, fault):
        usual, self.account.late = self.account.late, (0.1, 2.5)
        await asyncio.sleep(fault["seconds"])
        self.account.late = usual

    async def logout(self, fault):
        """Ends, as the seed will have it, with a new link or in silence."""
        self.account.quiet = True
        fault["relink"] = self.rng.random() < 0.5
        await asyncio.sleep(fault["seconds"])
        self.account.quiet = False
        if fault["relink"]:
            for wire in list(self.account.links):
                wire.abort(False)

    async def offline(self, fault):
        account = self.account
        account.tell(account.base("notice", notice_type="bot_offline", user_id=account.id, tag="BotOfflineEvent",
                                  message="账号下线"))
        account.online = False
        account.tell(account.heartbeat())
        await asyncio.sleep(fault["seconds"])
        account.online = True
        account.tell(account.heartbeat())

    async def restart(self, fault):
        self.account.unlisten(self.rng.random() < 0.5)
        await asyncio.sleep(fault["seconds"])
        await self.account.listen()

    async def cut(self, fault):
        for wire in list(self.account.links):
            wire.abort(self.rng.random() < 0.5)

    async def cut_writing(self, fault):
        for wire in self.account.links:
            wire.change(cut_writing=True)

    async def cut_reading(self, fault):
        for wire in self.account.links:
            wire.change(cut_reading=True)

    # -- single groups ---------------------------------------------------------------------------

    def ban(self, fault, user, duration, sub_type="ban"):
        told = self.world.tell(self.account, self.account.base(
            "notice", notice_type="group_ban", sub_type=sub_type, group_id=fault["group"], user_id=user,
            operator_id=3300000009, duration=duration), plainly=True)
        fault["alarm"] = fault["alarm"] and told      # what was not told cannot be known

    async def mute(self, fault):
        self.account.muted[fault["group"]] = time.time() + fault["seconds"]
        self.ban(fault, self.account.id, int(fault["seconds"]) + 1)
        await asyncio.sleep(fault["seconds"])

    async def whole_mute(self, fault):
        self.account.muted[fault["group"]] = self.world.groups[fault["group"]].muted = time.time() + fault["seconds"]
        self.ban(fault, 0, -1)
        await asyncio.sleep(fault["seconds"])
        self.ban(fault, 0, 0, "lift_ban")

    async def kick(self, fault):
        account, group = self.account, fault["group"]
        # nobody may find itself in a race with the kick: what is told before it is read before it
        told = self.world.tell(account, account.base("notice", notice_type="group_decrease", sub_type="kick_me", group_id=group,
                                                     user_id=account.id, operator_id=3300000009), plainly=True)
        fault["alarm"] = fault["alarm"] and told
        gaps = account.away.setdefault(group, [])
        gaps.append((time.time(), None))
        await asyncio.sleep(fault["seconds"])
        gaps[-1] = (gaps[-1][0], time.time())
        self.world.tell(account, account.base("notice", notice_type="group_increase", sub_type="invite", group_id=group,
                                              user_id=account.id, operator_id=3300000009), plainly=True)
