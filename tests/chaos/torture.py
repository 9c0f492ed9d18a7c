#!/usr/bin/python3
"""The torture: weeks of check-in and onboarding under kill -9.

A story (story.py) is played to a daemon whose clock is turned from moment to moment, once undisturbed and once with
the daemon killed at random points: a little after events were emitted, or after the clock was turned to something
due, or in the middle of starting again. After a kill it starts at the same virtual time; the platform shows it what it
may have missed, by its history or by repeating. Redis is ended, by SIGTERM and by kill -9, in the midst of work, too.

What reached each chat, in order, and what is in Redis at the end must be equal in both, apart from messages whose
outcome was unknown when the daemon died (docs/decisions.md): an answer is sent again then, a broadcast is not. The
daemon logs each, and each is counted here.

    SOPD_BIN=build/sopd tests/chaos/torture.py --kills 200 --seed 7
"""

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from difflib import SequenceMatcher

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(os.path.dirname(HERE), "e2e")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from harness import ROOT, dump, events as ev, lua_value, store  # noqa: E402
from harness.clock import Clock  # noqa: E402
from harness.fixtures import Bench  # noqa: E402
from story import DAY, INVITER, SECOND, Story, start_ms  # noqa: E402

AGAIN = 0.12            # so often the new process is killed while it starts
REPEATS = 20            # events that some platforms repeat after a reconnect
HISTORY = 60            # messages that the platform keeps for each group
LAST = 12 * 3600 * SECOND
HOW = ["after events", "while turning", "while starting"]

FLOWS = {"store": ["common", ("checkin", {}), ("welcome", {"onboarding": True}), "trial"],
         "club": ["common", ("checkin", {"proof": "photo", "remind_names": 3}),
                  ("welcome", {"onboarding": True, "touch_by": "at"}), "trial"]}


ONE_VARIANT = """local texts = (function()
%s
end)()
for _, flow in pairs(texts) do
  for name, text in pairs(flow) do
    if type(text) == "table" then flow[name] = text[1] end
  end
end
return texts
"""


def make_sop(box, groups):
    """The shipped flows, and one that does nothing but wait, under two playbooks, half of the groups each. Of each text only the first variant: which one is
    taken hangs on the one before, and that is not remembered over a restart."""
    sop = os.path.join(box, "sop")
    for folder in ("playbooks", "texts", "flows"):
        os.makedirs(os.path.join(sop, folder), exist_ok=True)
    shutil.copytree(os.path.join(ROOT, "sop", "lib"), os.path.join(sop, "lib"))
    for flow in ("common", "checkin", "welcome"):
        shutil.copy(os.path.join(ROOT, "sop", "flows", flow + ".lua"), os.path.join(sop, "flows"))
    shutil.copy(os.path.join(HERE, "sop", "flows", "trial.lua"), os.path.join(sop, "flows"))
    with open(os.path.join(ROOT, "sop", "texts", "zh-CN.lua"), encoding="utf-8") as source, \
            open(os.path.join(sop, "texts", "zh-CN.lua"), "w", encoding="utf-8") as out:
        out.write(ONE_VARIANT % source.read())
    for i, (name, flows) in enumerate(FLOWS.items()):
        book = {"title": name, "groups": ["qq1:%d" % g for g in groups[i::2]], "private": False,
                "timezone": "Asia/Shanghai", "quiet": ["23:00", "07:30"], "day_cutoff": "04:00",
                "staff": {"qq1:%d" % INVITER: "store"}, "staff_chat": "qq1:700000099", "keepers": False}
        lines = []
        for flow in flows:
            flow, params = flow if isinstance(flow, tuple) else (flow, {})
            lines.append('    { "%s", %s },' % (flow, ", ".join("%s = %s" % (k, lua_value(v)) for k, v in params.items())))
        with open(os.path.join(sop, "playbooks", name + ".lua"), "w", encoding="utf-8") as out:
            out.write("return " + lua_value(book)[:-2] + ',\n  ["flows"] = {\n' + "\n".join(lines) + "\n  },\n}\n")
    return sop


class Plan:
    """Where the disturbed run is disturbed: points are ("emit" or "turn", virtual ms), with the seconds that the work
    there took undisturbed. A kill comes at any moment of these seconds."""

    def __init__(self, points, rng, kills, redis):
        self.rng, self.seconds = rng, points
        turns = [p for p in points if p[0] == "turn"]
        emits = [p for p in points if p[0] == "emit"]
        half = min(kills // 2, len(turns))
        chosen = rng.sample(turns, half) + rng.sample(emits, min(kills - half, len(emits)))
        rng.shuffle(chosen)
        self.at = {point: "kill" for point in chosen}
        middle = [p for p in emits if p not in self.at][len(emits) // 5:]
        for i, point in enumerate(rng.sample(middle, min(redis, len(middle)))):
            self.at[point] = "redis kill" if i % 2 == 0 else "redis stop"

    def take(self, point):
        return self.at.pop(point, None)

    def delay(self, point):
        return self.seconds[point] * 1.1 * self.rng.random()


class Play:
    """One run of the story: a gateway, a Redis, a daemon, and a clock."""

    def __init__(self, bench, name, story, sop, shows_own=True):
        self.story, self.name = story, name
        self.gateway = bench.gateway("napcat", "forward")
        self.gateway.groups = {g: "打卡%d群" % (i + 1) for i, g in enumerate(story.groups)}
        self.gateway.answers["send_group_msg"] = self.on_send
        self.shows_own = shows_own                  # does the platform's history hold our own messages?
        self.held = {}                              # group -> messages that its history does not show yet
        self.now = start_ms()
        self.sent = []                              # (virtual ms, chat, text, link)
        self.points = {}
        self.counts = Counter()
        self.plan = None
        ev.now = lambda: self.now // 1000
        redis = bench.redis(append_only=True, args=["--appendfsync", "always"])
        self.daemon = bench.served(self.gateway, sop=sop, name=name, redis=redis, args=self.args(),
                                   entry={"catchup": 40, "timing": {"catchup": "1ms", "first": "2s"}})
        self.clock = Clock(self.daemon)
        self.gateway.wait_action("get_group_list")
        self.settle()

    def args(self):
        return ("--clock", str(self.now))

    # -- the platform ----------------------------------------------------------------------------

    def on_send(self, action):
        """The platform takes a message; it runs in the gateway's thread."""
        number = next(self.gateway._ids)
        group = action.params["group_id"]
        if self.shows_own:
            self.remember(int(group), ev.self_msg(int(group), action.params["message"], number, time=self.now // 1000))
        return {"message_id": number}

    def remember(self, group, message):
        kept = self.gateway.history.setdefault(group, [])
        kept.append(message)
        del kept[:-HISTORY]

    def transcript(self):
        """What reached each chat, in order: {chat: [(text, link, virtual ms)]}."""
        found = defaultdict(list)
        links = {id(conn): i for i, conn in enumerate(self.gateway.conns)}
        for action in self.gateway.sends():
            found[action.chat].append((action.text, links[id(action.conn)], action.time))
        return found

    # -- the course ------------------------------------------------------------------------------

    def settle(self):
        self.clock.settle(self.gateway)

    def point(self, kind):
        """Notes that something happens here; what the plan has in store for this point."""
        point = (kind, self.now)
        return point, self.plan.take(point) if self.plan else None

    def turn(self, target):
        """Turns the clock, from one moment at which something is due to the next."""
        while self.now < target:
            due = self.clock.next
            is_due = due is not None and due <= target
            self.now = due if is_due and due > self.now else target
            point, what = self.point("turn") if is_due else (None, None)
            if what == "kill":
                before = self.handled()
                with self.clock.order("at", self.now):
                    self.kill("while turning", point, {}, before)
                continue
            began = time.monotonic()
            self.clock.at(self.now)
            if point:
                self.points[point] = time.monotonic() - began

    def play(self, plan=None):
        self.plan = plan
        began = time.monotonic()
        for when, by_group in self.story.moments:
            self.turn(when)
            self.emit(by_group)
        self.turn(start_ms() + self.story.days * DAY + LAST)
        self.settle()
        self.seconds = time.monotonic() - began
        return self

    def emit(self, by_group):
        for group, events in by_group.items():
            for event in events:
                if event["post_type"] == "message":
                    self.remember(group, event)
        point, what = self.point("emit")
        before = self.handled() if what == "kill" else 0
        began = time.monotonic()
        self.gateway.emit(*[event for events in by_group.values() for event in events])
        if what == "kill":
            self.kill("after events", point, by_group, before)
        elif what:
            self.redis(what, point)
        self.settle()
        self.points[point] = time.monotonic() - began

    def redis(self, what, point):
        """Redis goes away in the midst of work and comes back; the daemon stays."""
        time.sleep(self.plan.delay(point))
        server = self.daemon.redis
        server.kill() if what == "redis kill" else server.stop()
        self.counts["Redis " + what[6:]] += 1
        server.start()

    def kill(self, how, point, by_group, before):
        time.sleep(self.plan.delay(point))
        self.daemon.kill()
        self.counts["kills " + how] += 1
        dead = self.look_at_the_dead()
        again = self.plan.rng.random() < AGAIN
        while again:
            self.start(ready=False)
            time.sleep(self.plan.rng.random() * 0.06)
            self.daemon.kill()
            self.counts["kills while starting"] += 1
            again = self.plan.rng.random() < AGAIN
        self.recover(by_group)
        after = self.handled()
        self.counts["kills before anything was committed" if dead == before else
                    "kills after all was committed" if dead == after else "kills between commits"] += 1

    def handled(self):
        """How many inputs of this day are marked as handled."""
        pipe = self.daemon.redis.client.pipeline(transaction=False)
        for shard in range(64):
            pipe.scard(store.key("qq1", "seen", self.now // DAY, shard))
        return sum(pipe.execute())

    def look_at_the_dead(self):
        """How much of the work at hand had reached Redis?"""
        client = self.daemon.redis.client
        if client.hlen(store.key("qq1", "outbox")):
            self.counts["kills with messages on their way"] += 1
        # as the process itself notes every five seconds that it is alive; it had no time to here
        client.set(store.key("qq1", "alive"), self.now)
        return self.handled()

    def start(self, ready=True):
        self.daemon.start(ready=ready, args=self.args())

    def recover(self, by_group):
        """A new process at the same virtual time. The platform shows what may be missing: messages in its history, and
        everything by repeating; where other events than messages are missing, the history lags behind."""
        rng, gateway = self.plan.rng, self.gateway
        began = time.monotonic()
        repeated = []
        for group, events in by_group.items():
            messages = all(event["post_type"] == "message" for event in events)
            if not messages:
                ids = {event.get("message_id") for event in events}
                kept = gateway.history.get(group, [])
                self.held[group] = [m for m in kept if m["message_id"] in ids and m["user_id"] != gateway.self_id]
                kept[:] = [m for m in kept if m not in self.held[group]]
            if not messages or rng.random() < 0.5:
                repeated += events
        links = len(gateway.conns)
        if self.daemon.process.poll() is not None:
            self.start()
        conn = gateway.wait_link(links + 1)
        since = max(0, len(gateway.actions) - 50)
        gateway.wait_action("get_login_info", since=since, where=lambda a: a.conn is conn)
        if repeated and rng.random() < 0.5:
            old = [f for f in gateway.emitted[-REPEATS:]]
            gateway.emit_text(*old)
        if repeated:
            gateway.emit_text(*[json.dumps(event, ensure_ascii=False) for event in repeated])
        asked = lambda: len(gateway.find("get_group_msg_history", since=since,  # noqa: E731
                                         where=lambda a: a.conn is conn)) >= len(self.story.groups)
        gateway.wait(asked, 10, "the history of all groups to be read")
        self.settle()
        for group, messages in self.held.items():
            for message in messages:
                self.remember(group, message)
        self.held = {}
        self.counts["seconds of recovering"] += time.monotonic() - began

    # -- the end ---------------------------------------------------------------------------------

    def logged(self, msg, **fields):
        return self.daemon.log_records(msg=msg, **fields)

    def problems(self):
        """Lines of the log that should not be there."""
        return [r for r in self.daemon.log_records(level="error")
                if not re.search("redis|Redis", r["msg"] + r.get("reason", ""))]


# ---- comparing -------------------------------------------------------------------------------------

# What belongs to a process or to the machine's own clock; and versions, which are collected now and then, when no run has them.
VOLATILE = re.compile(r":(epoch|alive|pace|left|seen:.*|limit:.*|chats|pin:.*|source.*|trace:.*|version:.*|health|usual|unknown)$")


def state(client):
    found = {}
    for key, value in dump(client).items():
        if VOLATILE.search(key):
            continue
        if key.startswith("sopd:events:"):     # chats run side by side: only the order within one counts
            chats = defaultdict(list)
            for event in value:
                if event.get("name") == "gap":     # what was read again after a kill
                    continue
                chats[event.get("chat")].append(json.dumps(event, sort_keys=True, ensure_ascii=False))
            value = dict(chats)
            if not value:
                continue
        if key.endswith(":pins"):
            value = {pin: n for pin, n in value.items() if n != "0"}
        if ":run:" in key:
            value = [journal_line(line) for line in value.split("\n")]
        found[key] = value
    return found


def journal_line(line):
    """The order of fields in a recorded object is nobody's concern."""
    head, brace, rest = line.partition("{" if line[:1] in "{?!+" else "[")
    try:
        return head + json.dumps(json.loads(brace + rest), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return line


def state_differences(want, got):
    lines = []
    for key in sorted(set(want) | set(got)):
        a, b = want.get(key), got.get(key)
        if a == b:
            continue
        if isinstance(a, dict) and isinstance(b, dict):
            for field in sorted(set(a) | set(b), key=str):
                if a.get(field) != b.get(field):
                    lines.append("%s %s: undisturbed %s" % (key, field, first_difference(a.get(field), b.get(field))))
        else:
            lines.append("%s: undisturbed %s" % (key, first_difference(a, b)))
    return lines


def first_difference(a, b):
    if isinstance(a, list) and isinstance(b, list):
        for i in range(max(len(a), len(b))):
            x, y = a[i] if i < len(a) else None, b[i] if i < len(b) else None
            if x != y:
                return "[%d] %s, disturbed %s (%d and %d entries)" % (i, x, y, len(a), len(b))
    return "%s, disturbed %s" % (str(a)[:600], str(b)[:600])


class Comparison:
    """The transcripts of two runs, chat by chat."""

    def __init__(self, calm, wild):
        self.duplicates = self.lost = self.moved = self.messages = 0
        self.lines = []
        want, got = calm.transcript(), wild.transcript()
        for chat in sorted(set(want) | set(got)):
            self.chat(chat, [m[0] for m in want.get(chat, [])], got.get(chat, []))

    def chat(self, chat, want, got):
        self.messages += len(want)
        missing, extra = [], []
        for what, a, b, c, d in SequenceMatcher(None, want, [m[0] for m in got], False).get_opcodes():
            if what != "equal":
                missing += want[a:b]
                extra += got[c:d]
        lost = Counter(missing)
        for text, link, _ in extra:
            if lost[text] > 0:
                lost[text] -= 1
                self.moved += 1
                self.lines.append("%s: in another place: %r" % (chat, text))
            elif any(other != link for t, other, _ in got if t == text):
                self.duplicates += 1        # the other copy went out over a link that died, or after it did
            else:
                self.lines.append("%s: too much: %r" % (chat, text))
        for text in +lost:
            self.lost += lost[text]
            self.lines.append("%s: missing: %r" % (chat, text))


# ---- the whole -------------------------------------------------------------------------------------

def torture(bench, box, seed, days=28, members=500, groups=10, kills=200, redis=5, shows_own=True, out=print):
    """Plays both runs and compares. Gives the lines of what differs and must not, and the number of kills; out gets a
    report."""
    rng = random.Random(seed)
    story = Story(seed, days, members, groups)
    sop = make_sop(box, story.groups)
    out("seed %d: %d members in %d groups, %d days, %d events at %d moments" % (
        seed, members, groups, days, story.count(), len(story.moments)))
    calm = Play(bench, "calm", story, sop).play()
    out("undisturbed: %.1f s, %d messages, %d moments at which something was due" % (
        calm.seconds, len(calm.gateway.sends()), sum(1 for p in calm.points if p[0] == "turn")))
    calm.daemon.stop()
    wild = Play(bench, "wild", story, sop, shows_own).play(Plan(calm.points, rng, kills, redis))
    total = sum(wild.counts["kills " + how] for how in HOW)
    out("disturbed: %.1f s, %d kills" % (wild.seconds, total))
    for what, n in sorted(wild.counts.items()):
        out("  %-40s %s" % (what, n if isinstance(n, int) else "%.1f" % n))
    return judge(calm, wild, out), total


def judge(calm, wild, out):
    told = Comparison(calm, wild)
    again = len(wild.logged("message is sent again"))
    unknown = len(wild.logged("message not sent", outcome="unknown"))
    out("messages: %d; arrived twice: %d (the daemon counts %d sent again); lost: %d (the daemon counts %d broadcasts "
        "with unknown outcome); in another place: %d" % (
            told.messages, told.duplicates, again, told.lost, unknown, told.moved))
    bad = []
    if told.duplicates > again:
        bad.append("%d messages arrived twice, %d were counted" % (told.duplicates, again))
    if told.lost > unknown:
        bad.append("%d messages are missing, %d were counted" % (told.lost, unknown))
    if told.moved:
        bad.append("%d messages came in another order" % told.moved)
    bad += [line for line in told.lines if "too much" in line]
    for line in told.lines:
        out("  " + line)
    found = state_differences(state(calm.daemon.redis.client), state(wild.daemon.redis.client))
    out("state: %d keys, %d differences" % (len(state(wild.daemon.redis.client)), len(found)))
    lines = bad + found
    for play in (calm, wild):
        lines += ["log of the %s run: %s" % (play.name, r) for r in play.problems()[:5]]
    return lines


def main():
    parser = argparse.ArgumentParser(description="Weeks of check-in and onboarding under kill -9.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--redis", type=int, default=5, help="how often Redis is ended")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--no-own", action="store_true", help="the platform's history lacks our own messages")
    parser.add_argument("--keep", action="store_true", help="keep configuration, logs and data")
    given = parser.parse_args()
    seed = random.randrange(10**6) if given.seed is None else given.seed
    box = tempfile.mkdtemp(prefix="sopd-torture-")
    bench = Bench(box)
    try:
        lines, _ = torture(bench, box, seed, given.days, given.members, given.groups, given.kills, given.redis,
                           not given.no_own)
        for line in lines[:40]:
            print(line)
        print("%s: seed %d, %d differences" % ("NOT EQUAL" if lines else "equal", seed, len(lines)))
    finally:
        bench.close()
        if given.keep:
            print("kept:", box)
        else:
            shutil.rmtree(box, ignore_errors=True)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
