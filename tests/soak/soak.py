#!/usr/bin/python3
"""The soak: a busy evening, many times as dense as a real one, on a platform that enforces its limits and punishes.

    SOPD_BIN=build/sopd tests/soak/soak.py --minutes 30 --seed 7
    SOPD_BIN=build/sopd tests/soak/soak.py --seconds 60 --seed 7 --kills 3 --pauses 2

The platform is a process of its own (peer.py). At the end its report, Redis and the daemon's figures are held against
each other (model.py); a table is printed, and the exit code is 1 when anything is wrong. README.md says what it proves.
"""

import argparse
import http.server
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(os.path.dirname(HERE), "e2e")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import model  # noqa: E402
from evening import STAFF, STAFF_GROUP, groups_of  # noqa: E402
from harness import ROOT, lua_value, noon_zone, reserve_port, slow_build, store, wait_until  # noqa: E402
from harness.fixtures import Bench  # noqa: E402

SELF, SPARE, SECOND = 2100000001, 2100000002, 2100000009
CUT_HOUR = 4            # the local hour in which the day ends; the minute is the evening's
DRAIN = 45              # seconds that the outbox may take to be empty at the end; long runs: four times that
GROWTH_KIB = 16384      # that the daemon may grow after it is warm
FAQ = [{"ask": ["关门", "几点"], "answer": ["我们每天 8:00 到 22:00 营业", "早 8 点开门,晚 10 点打烊"]},
       {"ask": ["牛奶"], "answer": ["一箱 59.9,今晚有券"]}, {"ask": ["门店", "在哪"], "answer": "在幸福路 18 号"}]

# The limits of the platform, in its own minutes: a minute is 60 seconds / speed. What sopd is told (a file of platforms, as for any
# platform) stays a little below, as an operator would have it, for what the network does to distances.
def rules(speed, posts, warm):
    """What the platform enforces."""
    minute = 60.0 / speed
    begun = ["broadcast", "at_all"]
    return [
        {"name": "new account/min", "scope": "account", "window": minute, "count": 25, "begins": warm / 7},
        {"name": "account/min", "scope": "account", "window": minute, "count": 55},
        {"name": "account/6s", "scope": "account", "window": minute / 10, "count": 16},
        {"name": "group/min", "scope": "chat", "window": minute, "count": 32},
        {"name": "group/6s", "scope": "chat", "window": minute / 10, "count": 9},
        {"name": "posts/min", "scope": "account", "window": minute, "count": 25, "kinds": begun},
        {"name": "posts/6s", "scope": "account", "window": minute / 10, "count": 5, "kinds": begun},
        {"name": "posts/day", "scope": "chat", "window": 86400, "count": posts, "kinds": begun},
        {"name": "@all/h", "scope": "chat", "window": 54 * minute, "count": 1, "kinds": ["at_all"]},
        {"name": "@all/day", "scope": "account", "window": 86400, "count": 10, "kinds": ["at_all"]},
        {"name": "DMs/min", "scope": "member", "window": minute, "count": 8, "kinds": ["dm"]},
    ]


def platform_file(speed, posts, warm, zone):
    """What sopd knows of it: sop/platforms/soak.lua."""
    def limit(name, scope, count, seconds, kinds=None, burst=None):
        per = seconds if isinstance(seconds, str) else "%dms" % (seconds * 1000 / speed)
        return {"name": name, "scope": scope, "kinds": kinds, "count": count, "per": per, "burst": burst,
                "source": "tests/soak", "quality": "ours", "checked": "2026-11-22"}
    begun = ["broadcast", "dm", "at_all"]
    return {"title": "soak", "zone": zone, "jitter": 40, "warmup": "%ds" % warm, "limits": [
        limit("account-gap", "account", 1, 0.8), limit("account-minute", "account", 40, 60, burst=10),
        limit("post-gap", "account", 1, 3, begun), limit("post-day", "chat", posts, "day", begun[:1] + begun[2:]),
        limit("at-all-hour", "chat", 1, 3600, "at_all"),
        limit("chat-gap", "chat", 1, 1.5), limit("chat-minute", "chat", 20, 60, burst=8),
        limit("game-gap", "chat", 1, 5, "game")]}


def timing(seconds, speed):
    """The waiting times of a real gateway, in the platform's time; those that concern the link itself stay as they are."""
    short = seconds <= 240
    return {"first": "3s", "backoff": "100ms", "backoff_max": "1s", "auth_backoff": "1500ms", "settle": "1s", "resend": "3s",
            "circuit": "4s" if short else "8s", "catchup": "50ms", "timeout": "4s", "stale": "10s", "request_delay": "100ms",
            "risk_step": "2s" if short else "6s", "risk_window": "4s" if short else "6s"}


def make_sop(box, numbers, cut, staff_chat):
    """The shipped flows under a playbook whose day ends during the evening."""
    sop = os.path.join(box, "sop")
    for folder in ("playbooks", "flows", "platforms"):
        os.makedirs(os.path.join(sop, folder))
    for folder in ("lib", "texts"):
        os.symlink(os.path.join(ROOT, "sop", folder), os.path.join(sop, folder))
    for name in os.listdir(os.path.join(ROOT, "sop", "flows")):
        os.symlink(os.path.join(ROOT, "sop", "flows", name), os.path.join(sop, "flows", name))
    os.symlink(os.path.join(HERE, "sop", "flows", "notice.lua"), os.path.join(sop, "flows", "notice.lua"))
    local = time.gmtime(cut)
    offset = (CUT_HOUR - local.tm_hour + 12) % 24 - 12
    book = {"title": "晚间", "groups": ["qq1:%d" % n for n in numbers], "private": True,
            "timezone": "Etc/GMT" if offset == 0 else "Etc/GMT%+d" % -offset, "quiet": ["12:00", "12:01"],
            "day_cutoff": "%02d:%02d" % (CUT_HOUR, local.tm_min),
            "staff": {"qq1:%d" % STAFF: "store"}, "staff_chat": staff_chat, "keepers": False}
    flows = ["notice", "common", "switch", ("welcome", {"gather": "1s"}),
             ("checkin", {"remind": "23:58", "summary": "23:59", "done": model.DONE + "!第 {day} 天,连续 {streak} 天,今天第 {place} 位",
                          "already": "{day} 天啦,今天打过了"}),
             ("redpacket", {"organiser": "福利店", "contact": "群里 @店长", "nightly": False, "packet_max": 100000,
                            "day_max": 1000000, "group_max": 100000000, "lasts": "30s", "batch": "2s"}),
             ("chaperone", {"window": "8s", "busy": 900, "posts": 120, "again": "2m", "faq": FAQ})]
    lines = []
    for flow in flows:
        flow, params = flow if isinstance(flow, tuple) else (flow, {})
        lines.append('    { "%s", %s },' % (flow, ", ".join("%s = %s" % (k, lua_value(v)) for k, v in params.items())))
    with open(os.path.join(sop, "playbooks", "evening.lua"), "w", encoding="utf-8") as out:
        out.write("return " + lua_value(book)[:-2] + ',\n  ["flows"] = {\n' + "\n".join(lines) + "\n  },\n}\n")
    return sop


class Platform:
    """The other process."""

    def __init__(self, settings):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "peer.py")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.said = []
        self.command(json.dumps(settings))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, word, timeout):
        def check():
            assert self.process.poll() is None or any(word in s for s in self.said), "the platform ended"
            return next((s[word] for s in self.said if word in s), None)
        return wait_until(check, timeout, 0.05, word + " from the platform")

    def finish(self, path):
        self.command("finish " + path)
        self.process.wait(60)
        with open(path, encoding="utf-8") as source:
            return json.load(source)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


class Webhook:
    """Takes what alarms post."""

    def __init__(self):
        self.got = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.got.append((time.time(), body.decode("utf-8", "replace")))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.port = reserve_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/alarm" % self.port


class Soak:
    def __init__(self, bench, box, given):
        self.bench, self.box, self.given = bench, box, given
        self.seconds = given.seconds or given.minutes * 60
        self.rng = random.Random("soak %s" % given.seed)
        self.numbers = groups_of(given.groups)
        self.figures = []               # (seconds, rss, metrics that are watched)
        self.totals = {}                # counters over all lives of the daemon
        self.webhook = Webhook()
        self.extra = []                 # what soak.py itself did
        self.parts()

    def parts(self):
        given = self.given
        self.began, self.cut = self.moments()
        self.posts = 6 if self.seconds > 240 else 2     # a group and day
        self.warm = int(min(420, self.seconds / 5)) if self.seconds > 240 else 1    # seconds until a new account may do what others may
        plan = [] if given.no_faults else self.plan()
        echo = self.rng.random() < 0.7          # does this platform tell own messages?
        self.platform = Platform({
            "seed": given.seed, "seconds": self.seconds, "speed": given.speed, "groups": given.groups,
            "members": given.members or int(6 + 8 * self.seconds / 60), "cut": self.cut - self.began, "rules": rules(given.speed, self.posts, self.warm),
            "faults": plan,
            "accounts": [{"id": SELF, "echo": echo}] + [{"id": SPARE, "echo": echo}] * given.pool + [{"id": SECOND, "staff": True}],
            **({"doubled": 0, "reordered": 0} if given.no_faults else {})})
        self.bench.parts.append(self.platform)
        ports = self.platform.wait("ready", 20)
        self.redis = self.bench.redis(append_only=True)
        sop = make_sop(self.box, self.numbers, self.cut, "qq2:%d" % STAFF_GROUP)
        with open(os.path.join(sop, "platforms", "soak.lua"), "w", encoding="utf-8") as out:
            out.write("return " + lua_value(platform_file(given.speed, self.posts, self.warm, noon_zone())) + "\n")
        self.daemon = self.bench.sopd({
            "redis": self.redis.url, "sop": [sop], "staff": {"qq1:10001": "owner"}, "alarms": {"staff": "qq2:%d" % STAFF_GROUP, "webhook": self.webhook.url, "after": "2s", "calm": "3s"},
            "gateways": self.gateways(ports)})

    def gateways(self, ports):
        """The account, or a pool of two that is named like it, and another account for the staff."""
        entry = {"type": "onebot11", "mode": "forward", "timing": timing(self.seconds, self.given.speed), "catchup": 1000,
                 "platform": "soak"}
        expect = {"every": "%ds" % (3 if self.seconds <= 240 else 15)}
        url = "ws://127.0.0.1:%d/"
        mine = [{"name": "qq1", "url": url % ports[str(SELF)]}]
        if self.given.pool:
            mine = [{"name": "qq1a", "pool": "qq1", "pool_back": "5s", "url": url % ports[str(SELF)]},
                    {"name": "qq1b", "pool": "qq1", "pool_back": "5s", "url": url % ports[str(SPARE)]}]
        return [{**entry, "expect": expect, **one} for one in mine] + \
            [{**entry, "name": "qq2", "url": url % ports[str(SECOND)], "expect": False}]

    def plan(self):
        kinds = self.given.only.split(";") if self.given.only else None
        done = subprocess.run([sys.executable, os.path.join(HERE, "peer.py")], capture_output=True, text=True, input=json.dumps(
            {"plan": {"seed": self.given.seed, "seconds": self.seconds, "groups": self.numbers, "only": kinds}}) + "\n", check=True)
        return json.loads(done.stdout)

    def moments(self):
        """When the evening begins, and when, within it, the day ends: at a full minute, as playbooks have it."""
        began = time.time() + 5
        if self.given.cut:
            began += (60 - self.given.cut - began % 60) % 60
            return began, began + self.given.cut
        while not 6 <= 60 - began % 60 <= min(54, self.seconds - 6):
            began += 0.5
        cut = began + 60 - began % 60
        return began, cut + 60 * int(max(0, self.seconds * 0.4 - 60) / 60)

    # -- the course ------------------------------------------------------------------------------

    def run(self):
        names = ["qq1a", "qq1b"] if self.given.pool else ["qq1"]
        wait_until(lambda: all(self.daemon.metrics().get("sopd_gateway_up", gateway=name) for name in names), 20, 0.1,
                   lambda: "%s to be up: %s" % (names, [s for s in self.daemon.metrics().samples if "gateway" in s[0]]))
        while time.time() < self.began:
            time.sleep(0.02)
        self.platform.command("begin")
        self.cpu = self.cpu_of()
        todo = self.troubles()
        while not any("done" in s for s in self.platform.said):
            assert self.platform.process.poll() is None, "the platform ended"
            now = time.time() - self.began
            while todo and todo[0][0] <= now:
                todo.pop(0)[1]()
            self.look()
            time.sleep(min(1.0, max(0.05, todo[0][0] - now)) if todo else 1.0)
        self.platform.command("calm")
        self.drain()
        self.cpu = self.cpu_of() - self.cpu
        report = self.platform.finish(os.path.join(self.box, "report.json"))
        return self.judge(report)

    def troubles(self):
        """What comes from outside the platform: broadcasts, and, if asked for, kills and pauses of Redis."""
        todo = []
        for i in range(max(3, int(self.seconds / 180))):
            todo.append((self.seconds * self.rng.uniform(0.1, 0.85), lambda i=i: self.broadcast(i)))
        for _ in range(self.given.kills):
            todo.append((self.seconds * self.rng.uniform(0.15, 0.85), self.kill))
        for _ in range(self.given.pauses):
            todo.append((self.seconds * self.rng.uniform(0.15, 0.85), self.pause))
        return sorted(todo, key=lambda what: what[0])

    def broadcast(self, i):
        self.redis.client.xadd(store.stream("qq1", "commands"), {
            "op": "trigger", "flow": "notice", "name": "notice", "all": "yes", "id": "notice-%d" % i,
            "args": json.dumps({"text": "第 %d 条" % i})})
        self.extra.append((time.time(), "broadcast"))

    def kill(self):
        self.keep_counters()
        self.daemon.kill()
        self.extra.append((time.time(), "kill"))
        time.sleep(self.rng.uniform(0, 2))
        self.daemon.start()

    def pause(self):
        self.redis.pause()
        self.extra.append((time.time(), "pause of Redis"))
        time.sleep(self.rng.uniform(0.5, 4))
        self.redis.resume()

    def look(self):
        """The daemon's figures of this moment."""
        try:
            metrics = self.daemon.metrics()
        except (OSError, ValueError):
            return
        self.figures.append((time.time(), self.daemon.rss_kib(), metrics.get("sopd_outbox_messages", gateway="qq1"),
                             metrics.get("sopd_queue_inputs", gateway="qq1"), metrics.get("sopd_loop_lag_seconds")))

    def keep_counters(self):
        """The counters of a daemon that is about to die."""
        try:
            for name, labels, value in self.daemon.metrics().samples:
                if name.endswith("_total"):
                    key = (name, tuple(sorted(labels.items())))
                    self.totals[key] = self.totals.get(key, 0) + value
        except (OSError, ValueError):
            pass

    def count(self, name, **labels):
        return int(sum(v for (n, l), v in self.totals.items()
                       if n == name and all(dict(l).get(k) == w for k, w in labels.items())))

    def drain(self):
        """All is calm: what was committed has its end, what was asked is answered."""
        deadline = time.time() + DRAIN * (4 if self.seconds > 240 else 1)
        left = 1
        while time.time() < deadline:
            self.look()
            left = self.redis.client.hlen(store.key("qq1", "outbox"))
            if not left and self.daemon.queued() == 0 and time.time() > self.began + self.seconds + 8:
                break
            time.sleep(0.3)
        self.left = left
        self.keep_counters()

    def cpu_of(self):
        """Seconds of processor that the daemon has used since its start."""
        with open("/proc/%d/stat" % self.daemon.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # -- the end ---------------------------------------------------------------------------------

    def judge(self, report):
        client = self.redis.client
        events = store.business_events(client)
        self.report = report
        rows = [model.check_limits(report), model.check_duplicates(report), model.check_checkins(report, client, store, self.cut),
                model.check_packets(report, client, store), model.check_greetings(report, client, store),
                model.check_ping_pong(report), model.check_latency(report),
                model.check_alarms(report, events, model.staff_messages(report), self.webhook.got),
                self.check_outbox(report, client), self.check_memory(), self.check_log(report), self.check_frames(report)]
        return rows + ([model.check_pool(report)] if self.given.pool else [])

    def check_outbox(self, report, client):
        sends = {o: self.count("sopd_sends_total", gateway="qq1", outcome=o)
                 for o in sorted({dict(l).get("outcome") for (n, l) in self.totals if n == "sopd_sends_total"})}
        mine = [s for s in report["sent"] if s["account"] != SECOND]
        lost = sum(1 for s in mine if s["acked"] and not s["delivered"])
        text = "ended as %s; resent %d, shed inputs %d; on the platform: %d arrived, %d appeared, %d lost without a word" % (
            ", ".join("%s %d" % item for item in sends.items()), self.count("sopd_resends_total", gateway="qq1"),
            self.count("sopd_inputs_shed_total", gateway="qq1"), len(mine), sum(1 for s in mine if s["delivered"]), lost)
        # every check-in has one answer: what did not arrive has an end of another kind
        missing = model.answers_missing(report, len(store.business_events(client, name="checked_in")))
        others = sum(sends.values()) - sends.get("sent", 0) + lost
        text += "; %d check-ins without an answer" % missing
        silently = missing > others and not self.given.kills      # counters die with their process
        lines = ["%s: %s" % item for item in list(client.hgetall(store.key("qq1", "outbox")).items())[:5]]
        if self.left:
            text = "%d LEFT in the outbox; " % self.left + text
        if silently:
            text = "SILENTLY LOST: %d check-ins without an answer, %d messages with an end other than sent; " % (missing, others) + text
        return "messages", not self.left and not silently, text, lines

    def check_memory(self):
        rss = [kib for when, kib, *_ in self.figures]
        if not rss:
            return "memory", False, "no figures", []
        warm = max(rss[:max(1, len(rss) // 3)])
        growth = rss[-1] - warm
        text = "%d KiB when warm, %d at most, %d at the end; outbox %d, queue %d at most; loop %.0f ms at most; sopd used %.0f %% of a core, the platform %.0f %%" % (
            warm, max(rss), rss[-1], max(f[2] for f in self.figures), max(f[3] for f in self.figures),
            1000 * max(f[4] for f in self.figures), 100 * self.cpu / self.seconds, 100 * self.report["cpu"] / self.seconds)
        # a sanitizer keeps what was freed for a while
        return "memory", self.given.kills > 0 or growth < GROWTH_KIB or slow_build(), text, []

    # msg of lines at error level that a fault of the plan explains
    PLANNED = re.compile("^((the )?account |alarm|redis (away|connection)|gateway)", re.I)

    def check_log(self, report):
        """Lines at error level belong to something that was planned."""
        records = [r for r in self.daemon.log_records(level="error")]
        lines = [str(r)[:300] for r in records if not self.PLANNED.search(r["msg"])]
        flow_errors = self.count("sopd_flow_errors_total")
        if flow_errors:
            lines.append("%d handlers failed: %s" % (flow_errors, [str(r)[:300] for r in self.daemon.log_records(msg="handler|flow")][:3]))
        lines += store.undeclared_events(self.redis.client)[:3]
        return "log", not lines, "%d lines at error level, %d of them unplanned" % (len(records), len(lines)), lines[:8]

    def check_frames(self, report):
        kinds = {}
        for fault in report["faults"]:
            if "began" in fault:
                kinds[fault["kind"]] = kinds.get(fault["kind"], 0) + 1
        text = "%d events told (%d twice, %d out of order, %d not at all), %d actions; %s; %d links; lag of the platform %.2f s in all, %.2f s at most" % (
            report["counts"]["events"], report["counts"]["doubled"], report["counts"]["reordered"], report["counts"]["untold"],
            report["counts"]["actions"], ", ".join("%d × %s" % (n, k) for k, n in kinds.items()) or "no faults",
            sum(n for account, n in report["connects"].items() if account != str(SECOND)), sum(report["late"]), max(report["late"] or [0]))
        return "platform", not report["bad"], text, report["bad"][:5]


def soak(bench, box, given, out=print):
    """One run; the rows of the table and whether all is well."""
    one = Soak(bench, box, given)
    out("seed %d: %.0f s at %d times, %d groups, the day ends after %.0f s%s" % (
        given.seed, one.seconds, given.speed, given.groups, one.cut - one.began,
        ", %d kills, %d pauses" % (given.kills, given.pauses) if given.kills or given.pauses else ""))
    rows = one.run()
    for name, ok, text, lines in rows:
        out("%-12s %-5s %s" % (name, "ok" if ok else "WRONG", text))
        for line in lines:
            out("             - " + line)
    return rows


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seconds", type=float, default=0, help="instead of --minutes")
    parser.add_argument("--speed", type=int, default=20, help="how many times as dense as a real evening")
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--members", type=int, default=0, help="of each group; by default more for longer runs")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--cut", type=int, default=0, help="seconds after the beginning at which the day ends: to repeat a run exactly")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 of the daemon")
    parser.add_argument("--pauses", type=int, default=0, help="pauses of Redis")
    parser.add_argument("--pool", action="store_true", help="two accounts in the same groups; faults meet the one that serves")
    parser.add_argument("--only", default="", help="only these faults, separated by semicolons")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep configuration, log, report")
    given = parser.parse_args(argv)
    if given.seed is None:
        given.seed = random.randrange(10**6)
    return given


def main():
    given = arguments()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    box = tempfile.mkdtemp(prefix="sopd-soak-")
    bench = Bench(box)
    bad = ["it did not end"]
    try:
        rows = soak(bench, box, given)
        bad = [name for name, ok, *_ in rows if not ok]
    finally:
        try:
            bench.close()
        except AssertionError as error:
            print("at the end:", error)
            bad = bad or ["end"]
        if given.keep:
            print("kept:", box)
        else:
            shutil.rmtree(box, ignore_errors=True)
    print("%s: seed %d%s" % ("WRONG" if bad else "all well", given.seed, " (%s)" % ", ".join(bad) if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    sys.exit(main())
