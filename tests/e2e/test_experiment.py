"""Experiments with a real daemon: a unit is exposed once and an outcome counted once, over repeats, restarts and kill -9; what
`sopd ctl experiment` says of it, and how it ends."""

import csv
import io
import json
import os
import re

import pytest

from harness import events as ev, gateway_entry, run, store, wait_until

G, U = ev.GROUP, ev.USER
GROUPS = [G + i for i in range(12)]
FLOW = '''
local flow = sop.flow("trial", { title = "试验" })
flow:command("看", function(c)
  local variant = c:experiment("texts", { "A", "B" }, { outcome = "redeemed_here", per = "greeted", units = 12 })
  c.group.seen = true
  c:emit("greeted", { users = { c.user }, seconds = { 1 } })
  c:say("看 {v}", { v = variant })
end)
flow:command("我", function(c)
  c:say("我 {v}", { v = c:experiment("own", { "A", "B", "C" }, { by = "member", outcome = "order" }) })
end)
flow:command("众", function(c)
  local users = {}
  for i = 1, 300 do users[i] = tostring(3300000000 + i) end
  c:emit("greeted", { users = users })
  c:say("众人")
end)
flow:command("改", { args = true }, function(c)
  c:experiment("texts", { "A", "B" }, { outcome = "redeemed_there", per = "greeted", units = 12 })
  if c.args == "" then error("on purpose") end
  c:say("改了")
end)
flow:command("果", function(c)
  local names = {}
  for i, e in ipairs(c:experiments()) do names[i] = e.name end
  c:say("果 {names}", { names = table.concat(names, " ") })
end)
flow:command("用", function(c)
  c:emit("redeemed_here", {})
  c:say("用了")
end)
return flow
'''
FAST = {k: [{"per": "1ms", "burst": 100}] for k in ("account", "chat")}
BOOK = 'return { groups = "all", quiet = false, timezone = "Asia/Shanghai", flows = { "trial" } }\n'


@pytest.fixture
def sop(box):
    for name, text in (("flows/trial.lua", FLOW), ("playbooks/trial.lua", BOOK)):
        path = os.path.join(box, "sop", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    return os.path.join(box, "sop")


@pytest.fixture
def served(bench, sop):
    gateway = bench.gateway("napcat")
    gateway.groups = {g: "群%d" % g for g in GROUPS}
    daemon = bench.served(gateway, sop=sop, entry={"pace": FAST})
    daemon.gateway, daemon.client = gateway, daemon.redis.client
    return daemon


def say(daemon, group, word, user=U):
    """Says it and waits for the answer: its text."""
    def answers():
        return [a.text for a in daemon.gateway.sends(word, chat=group)]
    before = len(answers())
    daemon.gateway.emit(ev.group_msg(group, user, word))
    daemon.gateway.wait(lambda: len(answers()) > before, 5)
    return answers()[before]


def again(daemon):
    links = len(daemon.gateway.conns)
    daemon.kill()
    daemon.start()
    daemon.gateway.wait_link(links + 1)
    daemon.gateway.wait_ready()


def units(daemon, name):
    return {k: v.split() for k, v in daemon.client.hgetall(store.key("qq1", "experiment", name)).items()}


def exposed(daemon, name):
    return [e for e in store.business_events(daemon.client, name="exposed") if e["experiment"] == name]


def test_a_unit_is_exposed_once_and_counts_once(served):
    answers = {g: say(served, g, "看") for g in GROUPS}
    assert set(answers.values()) == {"看 A", "看 B"}
    for g in GROUPS[:4]:
        say(served, g, "用", U + 1)
    again(served)
    served.gateway.repeat_last(4)                       # as platforms do: what was handled before is handled once
    assert {g: say(served, g, "看", U + 2) for g in GROUPS} == answers
    assert len(exposed(served, "texts")) == 12
    for g in GROUPS[:2]:
        say(served, g, "用", U + 3)                     # counted by the new process, which read that there is an experiment
    found = units(served, "texts")
    assert sorted(found) == sorted("g|%d" % g for g in GROUPS)
    for i, g in enumerate(GROUPS):
        variant, _, outcomes, per = found["g|%d" % g]
        assert ("看 " + variant, int(outcomes), int(per)) == (answers[g], 2 if i < 2 else 1 if i < 4 else 0, 2), (i, found)


def test_an_event_of_many_members_counts_all_of_them(served):
    say(served, G, "看")
    say(served, G, "众")
    assert units(served, "texts")["g|%d" % G][3] == "301"


def test_what_a_failed_handler_says_of_it_is_said_again(served):
    say(served, G, "看")
    key = store.key("qq1", "experiments")
    assert json.loads(served.client.hget(key, "texts"))["outcome"] == "redeemed_here"
    served.gateway.emit(ev.group_msg(G, U, "改"))
    served.wait_log("on purpose")
    served.gateway.emit(ev.group_msg(G, U, "改 好"))
    served.gateway.wait_send("改了")
    assert json.loads(served.client.hget(key, "texts"))["outcome"] == "redeemed_there"


def test_a_chat_that_moves_keeps_its_variant(served, box):
    """Exported, taken away, put back: even where the assignment by name would say something else."""
    say(served, G, "看")
    key, field, path = store.key("qq1", "experiment", "texts"), "g|%d" % G, os.path.join(box, "chat.json")
    served.client.hset(key, field, "A 1772416800 3 12")      # by its name it has B
    served.ctl("export", "qq1:%d" % G, "-o", path)
    served.client.hdel(key, field)
    served.ctl("import", path, "--replace")
    assert served.client.hget(key, field) == "A 1772416800 3 12"
    assert say(served, G, "看") == "看 A"


def test_orders_from_outside_count_for_the_member(served):
    said = {u: say(served, G, "我", u) for u in range(U, U + 6)}
    for u in (U, U, U + 1, U + 9):
        served.client.xadd("sopd:commands:{qq1}", {"op": "order", "user": str(u), "order": "o%d" % served.client.incr("n"), "amount": "100"})
    wait_until(lambda: not served.client.xlen("sopd:commands:{qq1}"), 5)
    served.client.delete("n")
    found = units(served, "own")
    assert {u: "我 " + found["m|%d" % u][0] for u in said} == said and len(found) == 6
    assert [found["m|%d" % u][2] for u in sorted(said)] == ["2", "1", "0", "0", "0", "0"]
    answer, = json.loads(served.ctl("experiment", "own", "--json").stdout)
    assert answer["units"] == 6 and sum(arm["hits"] for arm in answer["arms"]) == 2 and len(answer["pairs"]) == 2
    served.ctl("forget", str(U), "--gateway", "qq1")
    wait_until(lambda: len(units(served, "own")) == 5, 5)
    assert "m|%d" % U not in units(served, "own")
    assert all(e["unit"] != str(U) for e in exposed(served, "own"))


def test_what_ctl_says_and_how_it_ends(served):
    answers = {g: say(served, g, "看") for g in GROUPS}
    a, b = ([g for g in GROUPS if answers[g] == "看 " + v] for v in "AB")
    for g in b:
        for i in range(3 + g % 2):
            say(served, g, "用", U + i)
    text = served.ctl("experiment", "texts").stdout
    assert re.search(r"^A +%d +0 +%d +%d +0\.0 %%" % (len(a), len(a), len(a)), text, re.M), text
    assert re.search(r"^B is better than A by [\d.]+ points \([\d.]+ to [\d.]+\)$", text, re.M), text
    assert "note:" not in text                          # all of the 12 that were planned
    answer, = json.loads(served.ctl("--json", "experiment").stdout)
    assert answer["winner"] == "B" and answer["units"] == 12 and not answer.get("warning")
    rows = list(csv.DictReader(io.StringIO(served.ctl("experiment", "--csv").stdout)))
    assert [(r["variant"], int(r["units"])) for r in rows] == [("A", len(a)), ("B", len(b))]
    assert abs(float(rows[1]["difference"]) - answer["pairs"][0]["difference"]) < 1e-9 and rows[1]["verdict"] == "better"

    assert "all units get B" in served.ctl("experiment", "texts", "--keep", "B").stdout
    assert served.client.ttl(store.key("qq1", "experiment", "texts")) == -1      # nobody is exposed any more: it must not end by itself
    before = units(served, "texts")
    assert {say(served, g, "看") for g in GROUPS} == {"看 B"}
    say(served, b[0], "用")
    assert units(served, "texts") == before and "kept: all get B" in served.ctl("experiment", "texts").stdout
    served.ctl("experiment", "texts", "--keep", "none")
    assert say(served, a[0], "看") == "看 A"
    served.ctl("experiment", "texts", "--drop")
    assert not served.client.exists(store.key("qq1", "experiment", "texts"))
    assert say(served, a[0], "看") == "看 A" and len(units(served, "texts")) == 1
    assert len([f for _, f in served.client.xrange("sopd:audit") if f["what"] == "experiment"]) == 3


def test_without_a_configuration(bench, sop):
    """--data-dir says where the embedded Redis is, and nothing of gateways: they are found."""
    gateway = bench.gateway("napcat")
    daemon = bench.sopd({"sop": [sop], "gateways": [gateway_entry(gateway)]})
    gateway.wait_ready()
    gateway.emit(ev.group_msg(G, U, "我"))
    gateway.wait_send("我 ")
    done = run("ctl", "--data-dir", daemon.config["data_dir"], "experiment", "--json", check=True)
    assert [(e["name"], e["units"]) for e in json.loads(done.stdout)] == [("own", 1)]


@pytest.mark.parametrize("args, code", [(["none"], 1), (["texts", "--keep", "C"], 1), (["--keep", "B"], 2), (["texts", "x"], 2),
                                        (["texts", "--keep", "B", "--drop"], 2), (["texts", "--csv", "--json"], 2), (["--wrong"], 2)])
def test_wrong_use(served, args, code):
    say(served, G, "看")
    done = served.ctl("experiment", *args, check=False)
    assert done.returncode == code and done.stderr, done


def test_a_wrong_key_fails_nobody(served):
    """Somebody edited Redis: the answers go on, nothing is counted."""
    served.client.set(store.key("qq1", "experiment", "own"), "x")
    served.gateway.emit(ev.group_msg(G, U, "用"))
    served.gateway.wait_send("用了")
    served.client.delete(store.key("qq1", "experiment", "own"))
    served.client.hset(store.key("qq1", "experiment", "texts"), "g|%d" % G, "nonsense")
    assert say(served, G, "看") in ("看 A", "看 B")
    assert say(served, G, "用") == "用了"
    for name, text in (("odd", '{"name":"odd","by":"group"}'), ("list", "[1]"), ("none", "")):
        served.client.hset(store.key("qq1", "experiments"), name, text)
    done = served.ctl("experiment", "--json")
    assert [e["name"] for e in json.loads(done.stdout)] == ["texts"] and done.stderr.count("cannot be read") == 3
    assert say(served, G, "果") == "果 texts"
