"""Roll-outs: which version of a flow a group serves, in rings and back, while a challenge runs."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import dump, events as ev, gateway_entry, lua_value, slow_build, store, wait_until
from harness.clock import Clock, moment
from harness.sopd import ROOT, binary

GROUPS = 500
FIRST = 700000001
PILOT = [FIRST + i for i in range(10)]
NORTH = [FIRST + i for i in range(5, 60)]           # five of them are pilots, too
PROBES = [PILOT[0], PILOT[7], NORTH[-1], FIRST + 200, FIRST + GROUPS - 1]
U = 3300000001
START = moment("2031-03-03T10:00:00+08:00")
DAY = 86400000
WITHIN = 3.0 if slow_build() else 0.5

FLOW = """
local flow = sop.flow("challenge", {
  title = "打卡",
  params = {
    days = { "integer", default = %(days)d },
    words = { "strings", default = { "打卡" } },
    text = { "text", default = "%(text)s {n} 天" },
    extra = { "text" },
    %(params)s
  },
})
flow:command("words", function(c)
  if not c:once("day:" .. c:today()) then return c:say("今天打过了") end
  c.member.streak = (c.member.streak or 0) + 1
  c:board("streak"):set(c.user, c.member.streak)
  c:say(c.params.text, { n = c.member.streak })
  %(after)s
end)
flow:command({ "%(ask)s" }, function(c)
  c:say(c.params.extra)
  local a = c:ask{ timeout = "30d" }
  c:say("%(text)s答 {a} {d}", { a = a and a.text or "无", d = c.params.days })
  %(last)s
end)
return flow
"""
VERSIONS = {
    "v1": {"text": "旧", "days": 21, "params": "", "after": "", "ask": "报名"},
    "v2": {"text": "新", "days": 28, "params": 'gift = { "string", default = "茶" },',
           "after": 'c.member.gift = c.params.gift', "ask": "加入"},
    "v3": {"text": "再新", "days": 28, "params": "", "after": "", "ask": "加入"},
    "broken": {"text": "坏", "days": 28, "params": "", "after": 'error("坏了")', "ask": "加入"},
}


class Tree:
    """The SOP folder."""

    def __init__(self, box):
        self.path = os.path.join(box, "sop")
        self.edit("v1")
        self.book()

    def file(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + "~", "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(path + "~", path)

    def edit(self, version, **parts):
        self.file("flows/challenge.lua", FLOW % {"last": "", **VERSIONS[version], **parts})

    def book(self, ring=None, **params):
        fields = {"extra": "叫什么?", **params}
        if ring is not None:
            fields["ring"] = ring
        self.file("playbooks/p.lua", 'return { title = "P", groups = { "qq1:*" }, timezone = "Asia/Shanghai", '
                  'quiet = false, flows = { { "challenge", %s } } }\n' % ", ".join(
                      "%s = %s" % (k, lua_value(v)) for k, v in fields.items()))


class World:
    """A daemon that serves many groups, and what they are answered."""

    def __init__(self, bench, gateway, tree, groups=range(FIRST, FIRST + GROUPS), clock=True, **options):
        self.bench, self.gateway, self.tree, self.groups = bench, gateway, tree, list(groups)
        gateway.groups = {g: "群%d" % g for g in self.groups}
        self.args = ("--clock", str(START)) if clock else ()
        self.daemon = bench.served(gateway, sop=tree.path, args=self.args, **options)
        self.redis = self.daemon.redis.client
        gateway.wait_action("get_group_list")
        wait_until(lambda: len(json.loads(self.daemon.ctl("--json", "chats").stdout)["chats"]) >= len(self.groups),
                   10, every=0.1, what="all groups")
        self.tag()

    def tag(self):
        tags = {}
        for name, groups in (("north", NORTH), ("pilot", PILOT)):
            for g in groups:
                if g in self.groups:
                    tags.setdefault(str(g), []).append(name)
        self.redis.hset("sopd:chat-tags:qq1", mapping={g: ",".join(t) for g, t in tags.items()})

    def ctl(self, *args, check=True):
        done = self.daemon.ctl("--json", *args, check=check)
        return json.loads(done.stdout)

    def newest(self):
        return self.state()["newest"]

    def state(self):
        return self.ctl("rollout", "challenge")

    def served(self):
        """version -> number of groups."""
        out = {}
        for item in self.state()["serve"]:
            out[item["version"]] = out.get(item["version"], 0) + int(item["groups"])
        return out

    def edit(self, version, **parts):
        """Changes the file and waits until the daemon has taken it. Returns the version."""
        before = self.newest()
        self.tree.edit(version, **parts)
        self.daemon.ctl("reload")
        return self.taken(before)

    def taken(self, before):
        def look():
            state = self.state()
            return state["newest"] != before and state["ready"] and state["newest"]
        return wait_until(look, 10, every=0.02, what="the edit to be taken")

    def say(self, group, words, user=U):
        """What the group is answered."""
        before = len(self.gateway.sends(chat=str(group)))
        self.gateway.emit(ev.group_msg(group, user, words))
        wait_until(lambda: len(self.gateway.sends(chat=str(group))) > before, 5,
                   what=lambda: "an answer in %d:\n%s" % (group, self.daemon.log()[-2000:]))
        return self.gateway.sends(chat=str(group))[-1].text

    def members(self, users=(U,)):
        """Everybody's state, for comparison."""
        out = {}
        for g in self.groups:
            for u in users:
                out[g, u] = store.member(self.redis, "challenge", g, u)
        return out

    def restart(self, kill=False):
        self.daemon.kill() if kill else self.daemon.stop()
        self.daemon.start(args=self.args)
        self.gateway.wait_ready()


def ask(daemon, **request):
    """One request of the control socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(os.path.join(daemon.config["data_dir"], "control.sock"))
        sock.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(sock.makefile().read())


@pytest.fixture
def tree(box):
    return Tree(box)


@pytest.fixture
def world(bench, napcat, tree):
    return World(bench, napcat, tree)


@pytest.fixture
def small(bench, napcat, tree):
    """20 groups and the real clock."""
    return World(bench, napcat, tree, groups=range(FIRST, FIRST + 20), clock=False)


def check_in_everywhere(world, groups):
    """One member of each group checks in at once. group -> answer."""
    since = {g: len(world.gateway.sends(chat=str(g))) for g in groups}
    world.gateway.emit(*[ev.group_msg(g, U, "打卡") for g in groups])
    wait_until(lambda: all(len(world.gateway.sends(chat=str(g))) > since[g] for g in groups), 20, every=0.05,
               what=lambda: "%d answers" % len(groups))
    return {g: world.gateway.sends(chat=str(g))[-1].text for g in groups}


def test_out_to_ten_then_all_then_back(world):
    """In the middle of a challenge: nobody's streak is lost, and each group is where it should be at each moment."""
    clock, v1 = Clock(world.daemon), world.newest()
    assert set(check_in_everywhere(world, world.groups).values()) == {"旧 1 天"}
    world.say(PROBES[1], "报名")                    # waits on v1 through all of it
    world.ctl("rollout", "challenge", "hold")
    v2 = world.edit("v2")
    assert world.served() == {v1: GROUPS}, "held: the edit reaches nobody"
    dry = world.ctl("rollout", "challenge", "to", "pilot", "--dry-run")
    assert {(s["version"], s["groups"]) for s in dry["then"]} == {(v1, GROUPS - 10), (v2, 10)}
    assert world.served() == {v1: GROUPS}
    world.ctl("rollout", "challenge", "to", "pilot")
    assert world.served() == {v1: GROUPS - 10, v2: 10}
    clock.at(START + DAY)
    answers = check_in_everywhere(world, world.groups)
    assert {g for g, a in answers.items() if a == "新 2 天"} == set(PILOT)
    assert {a for g, a in answers.items() if g not in PILOT} == {"旧 2 天"}
    started = time.monotonic()
    world.ctl("rollout", "challenge", "to", "all")
    took = time.monotonic() - started
    assert world.served() == {v2: GROUPS}
    assert took < WITHIN, took
    clock.at(START + 2 * DAY)
    assert set(check_in_everywhere(world, world.groups).values()) == {"新 3 天"}
    assert world.say(PROBES[1], "旺旺") == "旧答 旺旺 21", "the run went on as it began"
    back = world.ctl("rollback", "challenge")
    assert back["arrived"] and world.served() == {v1: GROUPS - 10, v2: 10}
    world.ctl("rollback", "challenge")
    assert world.served() == {v1: GROUPS}
    clock.at(START + 3 * DAY)
    assert set(check_in_everywhere(world, world.groups).values()) == {"旧 4 天"}
    assert {m["streak"] for m in world.members().values()} == {"4"}
    assert world.say(PROBES[3], "打卡") == "今天打过了"


def test_restart_kill_and_an_edit_while_it_was_down(world):
    """A ring in the playbook; the file is changed while no sopd runs; kill -9 in between."""
    world.tree.book(ring="pilot")
    v1 = world.newest()
    world.daemon.ctl("reload")
    clock = Clock(world.daemon)
    check_in_everywhere(world, PROBES)
    world.daemon.stop()
    world.tree.edit("v2")
    world.daemon.start(args=("--clock", str(START + DAY)))
    world.gateway.wait_ready()
    v2 = world.newest()
    assert v1 != v2 and world.served() == {v1: GROUPS - 10, v2: 10}
    answers = check_in_everywhere(world, PROBES)
    assert [a[0] for a in answers.values()] == ["新", "新", "旧", "旧", "旧"]
    world.daemon.kill()
    world.daemon.start(args=("--clock", str(START + 2 * DAY)))
    world.gateway.wait_ready()
    answers = check_in_everywhere(world, PROBES)
    assert [a for a in answers.values()] == ["新 3 天", "新 3 天", "旧 3 天", "旧 3 天", "旧 3 天"]
    world.ctl("rollout", "challenge", "to", "north")
    world.restart(kill=True)
    assert world.served() == {v1: GROUPS - len(set(NORTH + PILOT)), v2: len(set(NORTH + PILOT))}
    world.ctl("rollback", "challenge")
    world.ctl("rollback", "challenge")
    world.restart(kill=True)
    assert world.served() == {v1: GROUPS}, "the file on disk is v2 still"
    assert clock


def test_the_shipped_challenge_goes_on(bench, napcat, box):
    """checkin itself: who was moved to and fro has what they have who were never moved, to the last field."""
    path = os.path.join(box, "shipped")
    shutil.copytree(os.path.join(ROOT, "sop"), path, ignore=shutil.ignore_patterns("playbooks", "tests"))
    tree = Tree.__new__(Tree)
    tree.path = path
    tree.file("playbooks/p.lua", 'return { groups = { "qq1:*" }, timezone = "Asia/Shanghai", quiet = false, '
              'flows = { "switch", "common", { "checkin", ring = "pilot", days = 7 } } }\n')
    world = World(bench, napcat, tree, groups=[PILOT[0], FIRST + 300])
    clock, source = Clock(world.daemon), os.path.join(path, "flows/checkin.lua")
    users = (U, U + 1, U + 2)

    def state(group):
        return {k.replace(str(group), "G"): v
                for k, v in dump(world.redis, "sopd:{qq1}:*:checkin:%d*" % group).items() if ":once:" not in k}
    served = []
    for day in range(6):
        if day:
            clock.at(START + day * DAY)
        for group in world.groups:
            for n, user in enumerate(users):
                if (day + n) % 4 != 3:               # each misses days of their own
                    napcat.emit(ev.group_msg(group, user, "打卡", name="甲%d" % n))
                    clock.settle(napcat)
        if day == 1:
            with open(source, encoding="utf-8") as file:
                text = file.read()
            tree.file("flows/checkin.lua", text + "-- edited\n")
            world.daemon.ctl("reload")
            wait_until(lambda: world.ctl("rollout", "checkin")["ready"], 5)
        elif day == 2:
            world.ctl("rollout", "checkin", "to", "all")
            world.ctl("rollback", "checkin")
            world.restart(kill=True)
            clock = Clock(world.daemon)
            clock.at(START + day * DAY)
        elif day == 3:
            world.ctl("rollback", "checkin")
        elif day == 4:
            world.ctl("rollout", "checkin", "to", "pilot")
        served.append({g["chat"]: g["version"] for g in ask(world.daemon, op="rollout", flow="checkin",
                                                            groups=True)["flows"][0]["groups"]})
        a, b = state(world.groups[0]), state(world.groups[1])
        assert a == b and len(a) > 4, (day, a, b)
    assert len({v[str(FIRST + 300)] for v in served}) == 1, "never moved"
    assert [v[str(PILOT[0])] != v[str(FIRST + 300)] for v in served] == [False, True, True, False, True, True]


# -- rings of the playbook ---------------------------------------------------------------------------


def test_a_ring_in_the_playbook_gets_edits_at_once(small):
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    assert small.served() == {v1: 20}
    v2 = small.edit("v2")
    assert small.served() == {v1: 10, v2: 10}
    assert small.say(PILOT[0], "打卡")[0] == "新" and small.say(FIRST + 15, "打卡")[0] == "旧"
    v3 = small.edit("v3")
    assert small.served() == {v1: 10, v3: 10}, "the next edit, too"
    small.ctl("rollback", "challenge")
    assert small.served() == {v1: 10, v2: 10}
    small.ctl("rollout", "challenge", "to", "all", "--version", v2[:6])
    assert small.served() == {v2: 20}
    small.ctl("rollback", "challenge")
    small.ctl("rollback", "challenge")
    assert small.served() == {v1: 20}


def test_the_playbook_alone_rolls_out(small):
    """ring = "pilot", then { "pilot", "north" }, then "all"; edit and ring in one go as well."""
    v1 = small.newest()
    small.tree.edit("v2")
    small.tree.book(ring="pilot")
    v2 = small.taken(v1)
    assert small.served() == {v1: 10, v2: 10}
    small.tree.book(ring=["pilot", "north"])
    wait_until(lambda: small.served() == {v2: 20}, 5, what="the wider ring")
    small.tree.book(ring=["pilot"])
    v3 = small.edit("v3")
    assert small.served() == {v2: 10, v3: 10}, "north is not in the ring any more, and stays"
    small.tree.book(ring="all")
    wait_until(lambda: small.served() == {v3: 20}, 5, what="everybody")
    assert not [k for k in small.redis.scan_iter("sopd:versions*")]
    v1again = small.edit("v1")
    assert v1again == v1 and small.served() == {v1: 20}


def test_who_is_in_the_pilot_ring_stays_in_it(small):
    """A group with the tags north and pilot gets edits with the pilots, although north comes first."""
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    v2 = small.edit("v2")
    small.ctl("rollout", "challenge", "to", "north")
    assert small.served() == {v2: 20}
    v3 = small.edit("v3")
    assert small.served() == {v2: 10, v3: 10}
    assert small.say(PILOT[7], "打卡")[:2] == "再新"
    assert v1


def test_a_new_flow_begins_in_its_ring(small):
    small.tree.file("flows/extra.lua", 'local flow = sop.flow("extra", { title = "x" })\n'
                    'flow:command({ "新玩法" }, function(c) c:say("玩") end)\nreturn flow\n')
    small.tree.file("playbooks/q.lua", 'return { groups = { "qq1:*" }, quiet = false, flows = { { "extra", ring = "pilot" } } }\n')
    wait_until(lambda: small.daemon.log_records(msg="^roll-out of a changed flow$"), 5, what="the new flow")
    wait_until(lambda: small.ctl("rollout", "extra")["ready"], 5)
    assert small.say(PILOT[0], "新玩法") == "玩"
    small.gateway.emit(ev.group_msg(FIRST + 15, U, "新玩法"))
    small.say(FIRST + 15, "打卡")
    assert not small.gateway.sends("玩", chat=str(FIRST + 15))
    small.ctl("rollout", "extra", "to", "all")
    assert small.say(FIRST + 15, "新玩法") == "玩"
    small.ctl("rollback", "extra")
    serve = {s["version"]: s["groups"] for s in small.ctl("rollout", "extra")["serve"]}
    assert serve.pop("none") == 10 and list(serve.values()) == [10]
    small.ctl("rollback", "extra")
    assert [s["version"] for s in small.ctl("rollout", "extra")["serve"]] == ["none"], "as before: nobody"


# -- one command back --------------------------------------------------------------------------------


def test_an_edit_that_reached_everybody_is_taken_back(small):
    v1 = small.newest()
    v2 = small.edit("v2")
    v3 = small.edit("v3")
    assert small.served() == {v3: 20}
    started = time.monotonic()
    done = small.daemon.ctl("rollback", "challenge").stdout
    took = time.monotonic() - started
    assert took < WITHIN and v2 in done and "edits reach nobody" in done
    assert small.served() == {v2: 20} and small.say(FIRST, "打卡")[0] == "新"
    small.ctl("rollback", "challenge")
    assert small.served() == {v1: 20}
    v4 = small.edit("v3", text="修好")
    assert small.served() == {v1: 20}
    small.ctl("rollout", "challenge", "free")
    assert small.served() == {v4: 20} and small.say(FIRST + 1, "打卡") == "修好 1 天"
    assert small.daemon.ctl("rollback", "challenge", check=False).returncode == 0, "free is a step as well"


def test_back_while_no_daemon_runs(small):
    v1 = small.newest()
    small.edit("v2")
    small.daemon.stop()
    done = small.daemon.ctl("rollback", "challenge")
    assert "no daemon runs" in done.stdout
    small.restart()
    assert small.served() == {v1: 20}


def test_nothing_to_take_back_and_wrong_words(small):
    def refused(*args):
        done = small.daemon.ctl(*args, check=False)
        return done.returncode, done.stderr
    assert refused("rollback", "challenge")[0] == 1
    assert refused("rollout", "nosuch")[0] == 1
    assert refused("rollout", "challenge", "to", "pilot")[0] == 1, "everybody serves it already"
    assert refused("rollout", "challenge", "sideways")[0] == 2
    code, error = refused("rollout", "challenge", "to", "all", "--version", "0123456789abcdef")
    assert code == 1 and small.newest() in error


def test_every_step_is_audited(small):
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    v2 = small.edit("v2")
    small.ctl("rollout", "challenge", "to", "all")
    small.ctl("rollback", "challenge", "--reason", "少了一天")
    rows = [f for _, f in small.redis.xrange("sopd:audit") if f["field"] == "challenge"]
    seen = [(r["what"], r["key"], r["before"], r["after"], r["reason"]) for r in rows]
    tag = "sopd:versions:tag:pilot"
    assert seen == [("rollout", "sopd:versions", "", v1, "edit"), ("rollout", tag, "", v2, "edit"),
                    ("rollout", "sopd:versions", v1, v2, "to"), ("rollout", tag, v2, "", "to"),
                    ("rollout", tag, "", v2, "back: 少了一天"),
                    ("rollout", "sopd:versions", v2, v1, "back: 少了一天")]
    assert all(r["who"] and int(r["time"]) for r in rows)


# -- what an old version runs with -------------------------------------------------------------------


def test_an_old_version_keeps_what_only_it_knows(small):
    """Parameters and texts that are gone from the files; defaults are each version's own; wording is today's."""
    small.edit("v1", params='bonus = { "integer", default = 1 },', after='c.member.bonus = c.params.bonus '
               'c.member.days = c.params.days')
    small.tree.book(ring="pilot", bonus=7)
    small.daemon.ctl("reload")
    old = small.newest()
    small.tree.edit("v2", after='c.member.days = c.params.days')
    small.tree.book(ring="pilot", extra="换个说法")
    small.taken(old)
    small.say(FIRST + 15, "打卡")
    small.say(PILOT[0], "打卡")
    assert store.member(small.redis, "challenge", FIRST + 15, U)["bonus"] == "7"
    assert store.member(small.redis, "challenge", FIRST + 15, U)["days"] == "21"
    assert store.member(small.redis, "challenge", PILOT[0], U)["days"] == "28"
    assert small.say(FIRST + 15, "报名") == "换个说法"
    small.redis.hset("sopd:params", mapping={"challenge.bonus": "9", "challenge.days": "30"})
    small.restart(kill=True)
    small.say(FIRST + 16, "打卡")
    assert store.member(small.redis, "challenge", FIRST + 16, U)["bonus"] == "9", "and Redis has the last word"
    assert store.member(small.redis, "challenge", FIRST + 16, U)["days"] == "30"


def test_what_an_overlay_gave_an_old_version_stays(small):
    """A store's own value of a parameter that the new version does not have any more."""
    small.edit("v1", params='bonus = { "integer", default = 1 },', after='c.member.bonus = c.params.bonus')
    book = ('return { groups = { "qq1:*" }, quiet = false, flows = { { "challenge", extra = "?", ring = "pilot"%s } }, overlays = {\n'
            '{ level = "region", name = "n", groups = { { tag = "north" } }, flows = { challenge = { %s } } },\n'
            '{ level = "group", name = "s", groups = { "qq1:%d" }, flows = { challenge = { %s } } } } }\n')
    small.tree.file("playbooks/p.lua", book % (", bonus = 7", "bonus = 8", FIRST + 16, "bonus = 9"))
    small.daemon.ctl("reload")
    old = small.newest()
    small.tree.edit("v2")
    small.tree.file("playbooks/p.lua", book % ("", 'text = "北 {n}"', FIRST + 16, 'extra = "!"'))
    small.taken(old)
    small.redis.hdel("sopd:chat-tags:qq1", str(FIRST + 17))
    for kill in (False, True):
        if kill:
            small.restart(kill=True)
        wait_until(lambda: small.state()["ready"], 5)
        for group, bonus, text in ((FIRST + 15, "8", "北"), (FIRST + 16, "9", "北"), (FIRST + 17, "7", "旧")):
            assert small.say(group, "打卡", U + kill)[0] == text, "today's wording"
            assert store.member(small.redis, "challenge", group, U + kill)["bonus"] == bonus
        assert small.say(PILOT[0], "打卡", U + kill)[0] == "新"


def test_a_run_of_the_pilot_goes_on_after_the_way_back(small):
    """It began on v2, with a text that v1 does not have; its group is served by v1 again, and then by v2."""
    small.tree.file("texts/zh-CN.lua", 'return { challenge = { bye = "走好" } }\n')
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    v1 = small.newest()
    v2 = small.edit("v2", params='bye = { "text" },', after="", last="c:say(c.params.bye)")
    small.say(PILOT[0], "加入")
    small.say(PILOT[1], "加入")
    small.say(FIRST + 15, "报名")
    runs = {v["version"]: v["runs"] for v in small.state()["versions"]}
    assert runs == {v1: 1, v2: 2}
    small.ctl("rollback", "challenge")
    assert small.say(PILOT[0], "小明")
    wait_until(lambda: [a.text for a in small.gateway.sends(chat=str(PILOT[0]))][1:] == ["新答 小明 28", "走好"], 5)
    small.restart(kill=True)
    small.ctl("rollout", "challenge", "to", "all")
    small.say(PILOT[1], "小红")
    wait_until(lambda: [a.text for a in small.gateway.sends(chat=str(PILOT[1]))][1:] == ["新答 小红 28", "走好"], 5)
    assert small.say(FIRST + 15, "小刚") == "旧答 小刚 21"
    assert small.say(FIRST + 15, "加入") == "叫什么?", "new runs are on v2"


# -- a bad pilot, other daemons, other layers --------------------------------------------------------


def test_a_version_that_fails_in_the_pilot_ring_touches_nobody_else(small):
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    small.edit("broken", text="坏")
    for n in range(5):
        small.gateway.emit(ev.group_msg(PILOT[0], U + n, "打卡"))
    wait_until(lambda: small.daemon.log_records(msg="paused"), 5, what="a pause")

    def flows(group):
        return {f["flow"]: f for f in small.ctl("flows", "qq1:%d" % group)["flows"]}["challenge"]
    assert not flows(PILOT[0])["on"] and flows(PILOT[0])["version"] != v1
    assert flows(FIRST + 15)["on"] and flows(FIRST + 15)["version"] == v1
    assert small.say(FIRST + 15, "打卡") == "旧 1 天"
    small.ctl("rollback", "challenge")
    assert flows(PILOT[0])["on"], "another version gets a new chance at once"
    assert small.say(PILOT[0], "打卡") == "旧 1 天", "and what failed counted for nobody"


def test_a_bad_file_is_refused_and_nobody_moves(small):
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    small.tree.file("flows/challenge.lua", "return nil +\n")
    wait_until(lambda: small.daemon.log_records(msg="^reload refused"), 5, what="a refusal")
    assert small.served() == {v1: 20} and small.newest() == v1


def test_a_second_daemon_follows(small, bench, box):
    """On another machine whose files are still the old ones."""
    other = Tree(os.path.join(box, "other"))
    gateway = bench.gateway("napcat")
    gateway.groups = {PILOT[0]: "a", FIRST + 15: "b"}
    second = bench.sopd({"redis": small.daemon.redis.url, "sop": [other.path],
                         "gateways": [gateway_entry(gateway, "qq2")]}, name="second")
    gateway.wait_ready()
    other.file("playbooks/p.lua", open(os.path.join(other.path, "playbooks/p.lua")).read().replace("qq1", "qq2"))
    second.ctl("reload")
    small.redis.hset("sopd:chat-tags:qq2", str(PILOT[0]), "pilot")

    def answer(group, user):
        before = len(gateway.sends(chat=str(group)))
        gateway.emit(ev.group_msg(group, user, "打卡"))
        wait_until(lambda: len(gateway.sends(chat=str(group))) > before, 5, what="an answer of the second")
        return gateway.sends(chat=str(group))[-1].text[0]
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    v1 = small.newest()
    small.edit("v2")
    time.sleep(0.1)
    assert answer(PILOT[0], U) == "新" and answer(FIRST + 15, U) == "旧"
    second.kill()
    second.start()
    gateway.wait_link(count=2)
    gateway.wait_ready()
    assert answer(PILOT[0], U + 1) == "新" and answer(FIRST + 15, U + 1) == "旧"
    assert small.served()[v1] == 10, "the old files of the second moved nobody"
    small.ctl("rollout", "challenge", "to", "all")
    time.sleep(0.1)
    assert answer(FIRST + 15, U + 2) == "新"
    small.ctl("rollback", "challenge")
    time.sleep(0.1)
    assert answer(FIRST + 15, U + 3) == "旧"


def test_a_pin_of_one_group_and_a_version_that_is_not_there(small):
    v1 = small.newest()
    v2 = small.edit("v2")
    one = "sopd:versions:chat:qq1:%d" % FIRST
    small.redis.hset(one, "challenge", v1)
    wait_until(lambda: small.served() == {v1: 1, v2: 19}, 2)
    small.ctl("rollout", "challenge", "to", "all")
    assert small.served() == {v1: 1, v2: 19}, "what an admin pinned by hand stays"
    small.redis.hset(one, "challenge", "0123456789abcdef")
    wait_until(lambda: small.served() == {v2: 20}, 2)
    wait_until(lambda: small.daemon.log_records(msg="cannot be loaded"), 2)
    assert small.daemon.log_records(msg="cannot be loaded")[-1]["version"] == "0123456789abcdef"
    assert small.say(FIRST, "打卡")[0] == "新"


# -- what is kept ------------------------------------------------------------------------------------


def test_machines_that_are_gone_are_forgotten(small):
    """Containers have a new name with every start."""
    small.redis.hset("sopd:rollout-seen", mapping={"challenge|%08x" % n: "0123456789abcdef|" for n in range(60)})
    v2 = small.edit("v2")
    wait_until(lambda: len(small.redis.hgetall("sopd:rollout-seen")) == 3, 5, what="three fields")
    assert small.redis.hget("sopd:rollout-seen", "challenge") == v2 + "|"


def test_old_versions_are_collected(small):
    """The last five stay, and what is pinned, runs are on, or a step can bring back."""
    first = small.newest()
    small.say(FIRST, "报名")
    small.redis.hset("sopd:versions:tag:north", "challenge", first)
    versions = [small.edit("v3", text="第%d" % n) for n in range(18)]
    kept = {k.rsplit(":", 1)[1] for k in small.redis.scan_iter("sopd:version:challenge:*")}
    assert kept == set(small.redis.zrange("sopd:version-list:challenge", 0, -1))
    assert first in kept and set(versions[-5:]) <= kept
    assert not kept & set(versions[:5]) and len(kept) <= 13, len(kept)
    assert small.redis.llen("sopd:rollout-steps:challenge") == 10
    assert small.say(FIRST, "旺旺") == "旧答 旺旺 21"
    for _ in range(10):
        small.ctl("rollback", "challenge")
    assert set(small.served()) <= {first, versions[7]}
    assert small.say(FIRST + 18, "打卡") == "旧 1 天" and small.say(FIRST + 1, "打卡") == "第7 1 天"


def test_memory_of_a_version(small):
    v1 = small.newest()
    small.ctl("rollout", "challenge", "hold")
    small.edit("v2")
    state = small.state()
    assert state["loaded"] == 1 and state["memory"] < 1 << 20, state
    small.ctl("rollout", "challenge", "free")
    wait_until(lambda: small.state()["loaded"] == 0, 5, what="v1 to be let go")
    assert v1


# -- in between --------------------------------------------------------------------------------------


def test_a_timer_of_the_new_version_waits_for_it(small):
    """v1 does not know it: it is not lost on the way back, and comes when v2 serves again."""
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    small.edit("v2", after='c:timer("late", { after = "300ms" })',
               last='end) flow:timer("late", function(c) c:say("到点")')
    small.say(PILOT[0], "打卡")
    small.ctl("rollback", "challenge")
    time.sleep(0.8)
    assert not small.gateway.sends("到点")
    small.ctl("rollout", "challenge", "to", "pilot")
    wait_until(lambda: small.gateway.sends("到点", chat=str(PILOT[0])), 8, what="the timer")
    small.say(PILOT[0], "打卡")
    assert len(small.gateway.sends("到点")) == 1


def test_killed_at_any_moment_of_an_edit(small):
    """Whatever was written of it: pilots serve the new file, everybody else what was in force before."""
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    for n in range(10):
        small.tree.edit("v3", text="第%d" % n)
        os.kill(small.daemon.pid, signal.SIGHUP)
        time.sleep(0.0015 * n)
        small.restart(kill=True)
        state = small.state()
        assert small.served() == {v1: 10, state["newest"]: 10}, n
        assert small.say(PILOT[0], "打卡", U + n) == "第%d 1 天" % n
        assert small.say(FIRST + 15, "打卡", U + n) == "旧 1 天"
        assert len([s for s in state["steps"] if s["version"] == state["newest"]]) == 1, state["steps"]


def test_killed_at_any_moment_of_a_step(small):
    """The command is cut off: the step happened, or it did not; taking it back is right either way."""
    v1 = small.newest()
    small.ctl("rollout", "challenge", "hold")
    v2 = small.edit("v2")
    for n in range(8):
        process = subprocess.Popen(
            [binary(), "ctl", "--config", small.daemon.config_path, "rollout", "challenge", "to", "all"],
            stdout=subprocess.DEVNULL)
        time.sleep(0.002 * n)
        process.kill()
        process.wait()
        wait_until(lambda: small.state()["ready"], 5)
        time.sleep(0.02)
        assert small.served() in ({v1: 20}, {v2: 20})
        steps = small.state()["steps"]
        if steps[0]["what"] == "to":
            small.ctl("rollback", "challenge")
        assert small.served() == {v1: 20}


def test_steps_under_traffic(small):
    """To all and back, ten times, while members talk: each is counted once and answered once, by one of both."""
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    small.edit("v3")
    stop = threading.Event()
    errors = []

    def move():
        while not stop.is_set():
            for step in (("rollout", "challenge", "to", "all"), ("rollback", "challenge")):
                done = small.daemon.ctl(*step, check=False)
                errors.extend([done.stderr] if done.returncode else [])
    mover = threading.Thread(target=move)
    mover.start()
    sent = 0
    for user in range(U, U + 60):
        small.gateway.emit(*[ev.group_msg(g, user, "打卡") for g in small.groups])
        sent += len(small.groups)
        time.sleep(0.02)
    wait_until(lambda: len(small.gateway.sends()) >= sent, 20, every=0.1, what="all answers")
    stop.set()
    mover.join()
    small.gateway.settle()
    assert not errors, errors[0]
    texts = [a.text for a in small.gateway.sends()]
    assert len(texts) == sent and set(texts) == {"旧 1 天", "再新 1 天"}
    assert {m["streak"] for m in small.members(range(U, U + 60)).values()} == {"1"}
    assert not small.daemon.log_records(level="error")


def test_redis_is_away_when_a_file_changes(small):
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    small.daemon.redis.pause()
    small.tree.edit("v2")
    wait_until(lambda: small.daemon.log_records(msg="^reloaded$", summary="changed flow"), 5, what="the reload")
    for g in (FIRST, FIRST + 15):
        small.gateway.emit(ev.group_msg(g, U, "打卡"))
    time.sleep(0.3)
    small.daemon.redis.resume()
    wait_until(lambda: small.gateway.sends(chat=str(FIRST + 15)), 15, what="an answer")
    assert small.gateway.sends(chat=str(FIRST + 15))[-1].text == "旧 1 天"
    wait_until(lambda: small.state()["ready"], 10)
    assert small.served() == {v1: 10, small.newest(): 10}


def test_two_daemons_share_a_folder(small, bench):
    """Both see the edit: it is one step."""
    gateway = bench.gateway("napcat")
    gateway.groups = {1: "a"}
    small.tree.file("playbooks/p.lua", open(os.path.join(small.tree.path, "playbooks/p.lua")).read().replace(
        '"qq1:*"', '"all"').replace('"challenge",', '"challenge", ring = "pilot",'))
    second = bench.sopd({"redis": small.daemon.redis.url, "sop": [small.tree.path],
                         "gateways": [gateway_entry(gateway, "qq2")]}, name="second")
    gateway.wait_ready()
    small.daemon.ctl("reload")
    v1 = small.newest()
    for n in range(3):
        version = small.edit("v3", text="第%d" % n)
        wait_until(lambda: json.loads(second.ctl("--json", "rollout", "challenge").stdout)["newest"] == version, 5)
    wait_until(lambda: second.log_records(msg="^reloaded$", cause="files changed") and len(
        small.redis.hgetall("sopd:rollout-seen")) >= 2, 5)
    steps = small.state()["steps"]
    assert [s["what"] for s in steps] == ["edit"] * 3
    rows = [f for _, f in small.redis.xrange("sopd:audit") if f["field"] == "challenge"]
    assert [r["key"].rsplit(":", 1)[1] for r in rows] == ["versions", "pilot", "pilot", "pilot"], rows
    assert small.served() == {v1: 10, version: 10}


def test_what_people_see(small):
    v1 = small.newest()
    small.tree.book(ring="pilot")
    small.daemon.ctl("reload")
    v2 = small.edit("v2")
    small.say(FIRST + 15, "报名")
    assert small.daemon.metrics().get("sopd_flow_groups_behind", flow="challenge") == 10
    text = small.daemon.ctl("rollout", "challenge").stdout
    assert "in rings: edits reach pilot at once" in text and v1 in text and v2 in text
    rows = [line.split() for line in text.splitlines()]
    assert [v2, "newest", "tag", "pilot", "10"] in rows and [v1, "-", "all", "10"] in rows
    assert [r[-1] for r in rows if r and r[0] == v1][-1] == "1", "a run"
    assert "rollout   challenge:" in small.daemon.ctl("status").stdout
    assert "10 on %s (newest)" % v2 in small.daemon.ctl("status").stdout
    assert "%s (not the newest)" % v1 in small.daemon.ctl("flows", "qq1:%d" % (FIRST + 15)).stdout
    assert "%s (not" % v2 not in small.daemon.ctl("flows", "qq1:%d" % FIRST).stdout
    dry = small.daemon.ctl("rollout", "challenge", "to", "all", "--dry-run").stdout
    for line in ("  new parameter gift", "  new command 加入", "  without command 报名"):
        assert line in dry.splitlines(), dry
    assert "challenge" in small.daemon.ctl("rollout").stdout
    dry = small.daemon.ctl("rollout", "challenge", "to", "pilto", "--dry-run").stdout
    assert "sopd:versions:tag:pilto decides for no known group" in dry
    assert small.served() == {v1: 10, v2: 10}


@pytest.mark.parametrize("line, word", [
    ('{ "challenge", extra = "?", ring = 5 }', "ring: a ring is a tag"),
    ('{ "challenge", extra = "?", ring = "a,b" }', "ring: a ring is a tag"),
    ('{ "challenge", extra = "?", ring = { tag = "a" } }', "ring must be a tag or a list"),
    ('{ "challenge", extra = "?", rings = "pilot" }', "no parameter 'rings'"),
    ('{ "challenge", extra = "?", ring = { "pilot", "north" } }', None),
    ('{ "challenge", extra = "?", ring = "all" }', None),
])
def test_ring_in_a_playbook_is_checked(tree, box, line, word):
    config = os.path.join(box, "c.lua")
    with open(config, "w", encoding="utf-8") as out:
        out.write('return { data_dir = %s, sop = { %s }, gateways = { { name = "qq1", type = "playground" } } }\n' % (
            json.dumps(box), json.dumps(tree.path)))
    tree.file("playbooks/p.lua", 'return { groups = { "qq1:*" }, quiet = false, flows = { %s } }\n' % line)
    done = subprocess.run([binary(), "check", "--config", config], capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert (done.returncode == 3 and word in output) if word else done.returncode == 0, output


def test_redis_does_not_tell_of_edits(bench, napcat, tree):
    """CLIENT TRACKING is refused: settings are read every second, and the ring holds meanwhile."""
    redis = bench.redis(args=["--rename-command", "SUBSCRIBE", ""])
    small = World(bench, napcat, tree, groups=range(FIRST, FIRST + 20), clock=False, redis=redis)
    v1 = small.newest()
    tree.book(ring="pilot")
    small.daemon.ctl("reload")
    wait_until(lambda: small.served() == {v1: 20}, 5)
    time.sleep(1.2)                                  # the tags, too, are read
    tree.edit("v2")
    small.daemon.ctl("reload")
    for n in range(12):
        assert small.say(FIRST + 15, "打卡", U + n)[0] == "旧"
        assert small.say(PILOT[0], "打卡", U + n)[0] == "新" or n == 0
        time.sleep(0.1)
    assert small.served() == {v1: 10, small.newest(): 10}
    small.tree.edit("v3")
    small.daemon.ctl("reload")
    wait_until(lambda: small.state()["steps"][0]["version"] == small.newest(), 5, what="the step")
    small.daemon.ctl("rollback", "challenge")        # before the daemon has read what it wrote itself
    small.daemon.ctl("rollback", "challenge")
    wait_until(lambda: small.served() == {v1: 20}, 5)
    assert small.say(PILOT[0], "打卡", U + 99)[0] == "旧"
