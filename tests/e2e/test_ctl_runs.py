"""`sopd ctl runs` and `sopd ctl migrate`: records as docs/redis.md has them, and runs of a real daemon."""

import json
import os
import re
import time

import pytest

from harness import TEST_SOP, events as ev, run, store
from harness.util import wait_until

G = str(ev.GROUP)
MEI, LI = "3300000001", "3300000002"
PIN = "00000000000000aa"


def ms(seconds=0):
    return int((time.time() + seconds) * 1000)


def j(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def message(user, name, text):
    return {"type": "message", "user": user, "name": name, "text": text, "id": "1", "time": ms()}


class Records:
    """A Redis without a daemon, with runs written by hand."""

    def __init__(self, bench, box):
        self.redis = bench.redis()
        self.client = self.redis.client
        self.daemon = bench.sopd({"redis": self.redis.url, "sop": [TEST_SOP], "gateways": [
            {"name": "qq1", "type": "playground"}]}, start=False)
        self.daemon.write_config()
        self.pin(PIN, "signup", "1f3a5b7c9d0e1f3a", {"days": 28, "remind": "20:30"})

    def pin(self, pin, flow, version, params, gateway="qq1"):
        self.client.set(store.key(gateway, "pin", pin), j({"flow": flow, "version": version, "params": params}))

    def run(self, number, *lines, gateway="qq1", raw=None, **header):
        """Writes the record of run `number`; returns its id."""
        run_id = "%016x" % number
        head = {"pin": PIN, "on": "command:报名", "chat": G, "user": MEI, "now": ms(-60), "time": ms(-60),
                "cause": "event", "event": message(MEI, "小美", "报名 阿强"), "word": "报名", "rest": "阿强"}
        head.update(header)
        text = j({k: v for k, v in head.items() if v is not None}) + "\n" + "".join(l + "\n" for l in lines)
        self.client.set(store.key(gateway, "run", run_id), text if raw is None else raw)
        return run_id

    def park(self, run_id, status, error, **more):
        self.client.hset(store.key("qq1", "parked"), run_id, j(
            {"status": status, "at": ms(), "error": error, "chat": G, "flow": "signup", **more}))

    def ctl(self, *args, code=0):
        done = self.daemon.ctl(*args, check=False)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr + done.stdout

    def list(self, *args):
        return json.loads(self.ctl("runs", "list", "--json", *args))["runs"]


@pytest.fixture
def records(bench, box):
    return Records(bench, box)


def ask(due=None, **spec):
    return "?0011aabb " + j({"kind": "ask", "from": [MEI], "due": due or ms(600), **spec})


def wake(**given):
    return "!" + j({"now": ms(), "time": ms(), "with": given})


# ---- list ----------------------------------------------------------------------------------------


def test_no_runs(records):
    assert records.ctl("runs", "list") == "no runs\n"
    assert records.ctl("runs", "list", "--stuck") == "no runs are stuck\n"
    assert records.list() == []


def test_a_list_shows_what_each_waits_for(records):
    records.client.hset(store.key("qq1", "chats"), G, j({"name": "福利群"}))
    records.run(1, "r00000001 3", "w00000002", ask(), now=ms(-50))
    records.run(2, '?00000003 {"kind":"sleep","due":%d}' % 1796086800000, now=ms(-40))
    records.run(3, "?00000004 " + j({"kind": "gather", "events": ["join"], "due": 1796086800000}), now=1796086790000,
                event=None, user=None, cause="start")
    out = records.ctl("runs")
    first, second, third = out.splitlines()[1:4]
    assert re.match(r"0000000000000001 +qq1:%s +signup +1f3a5b7c +小美 \(%s\) +20\S+ \S+ +2 +an answer of 小美 until" % (
        G, MEI), first), out
    assert "until 2026-" in second
    assert re.search(r"  0 +joins, 10 s window until ", third), out
    one, two, three = records.list()
    assert one["id"] == "0000000000000001" and one["chat_name"] == "福利群" and one["flow"] == "signup"
    assert one["state"] == "waiting" and one["calls"] == 2 and one["waits"]["kind"] == "ask"
    assert "newest" not in one  # no daemon to ask
    assert two["waits"]["due"] == 1796086800000
    assert three["user"] == ""


@pytest.mark.parametrize("spec, words", [
    ({"kind": "ask"}, "an answer of anyone"),
    ({"kind": "ask", "from": [MEI, LI]}, "an answer of 小美 or %s" % LI),
    ({"kind": "ask", "from": ["1", "2", "3", "4", "5"]}, "an answer of 1, 2 or 3 others"),
    ({"kind": "ask", "match": "^\\d+$"}, "an answer of anyone that fits /^\\d+$/"),
    ({"kind": "ask", "commands": ["+1", "取消"]}, '"+1" or "取消" of anyone'),
    ({"kind": "ask", "leave": MEI}, "an answer of anyone, or 小美 leaves"),
    ({"kind": "gather", "events": ["join", "message"], "max": 3}, "joins and messages"),
    ({"kind": "sent"}, "its message to be sent")])
def test_waits_in_words(records, spec, words):
    records.run(1, "?00000003 " + j(spec))
    assert records.list()[0]["waits_for"] == words


def test_gathered_inputs_are_counted(records):
    now = ms()
    records.run(1, "?00000003 " + j({"kind": "gather", "events": ["join"], "due": now + 60000}),
                "+" + j({"type": "join", "user": LI, "name": "小李"}), now=now)
    assert records.list()[0]["waits_for"].startswith("joins, 1 min window, 1 so far until ")


def test_what_is_overdue_says_so(records):
    records.run(1, ask(due=ms(-120)))
    assert records.list()[0]["waits_for"].endswith(" (overdue)")


def test_filters(records):
    records.pin("00000000000000bb", "checkin", "77", {})
    records.pin(PIN, "signup", "88", {}, gateway="qq2")
    records.run(1, ask())
    records.run(2, ask(), pin="00000000000000bb", user=LI)
    records.run(3, ask(), chat="700000002")
    records.run(4, ask(), gateway="qq2")
    records.run(5, ask(), rest="长" * 3000)  # a first line that is longer than what is read at once
    records.client.set(store.key("qq1", "run-keys", G), "x")
    records.client.set(store.key("qq1", "run", "not-an-id"), "x")

    def ids(*args):
        return [int(r["id"], 16) for r in records.list(*args)]
    assert sorted(ids()) == [1, 2, 3, 4, 5]
    assert ids("--gateway", "qq2") == [4]
    assert sorted(ids("--chat", G)) == [1, 2, 4, 5]
    assert sorted(ids("--chat", "qq1:" + G)) == [1, 2, 5]
    assert ids("--flow", "checkin") == [2] and ids("--user", LI) == [2]
    assert ids("--flow", "checkin", "--user", MEI) == []
    assert len(ids("--limit", "2")) == 2
    assert json.loads(records.ctl("runs", "list", "--json", "--limit", "2"))["more"] is True
    assert "There are more than 2" in records.ctl("runs", "list", "--limit", "2")
    assert json.loads(records.ctl("runs", "list", "--json", "--limit", "0"))["more"] is False


def test_stuck_and_damaged_ones(records):
    stuck = records.run(1, "r00000001 3", ask())
    records.run(2, ask())
    gone = "%016x" % 9
    records.park(stuck, "stuck", "call 1: the journal has a read, the script writes\nsecond line",
                 wake={"now": ms(), "time": ms(), "with": {"timeout": True}})
    records.park(gone, "failed", "signup.lua:7: oh")
    assert {r["id"]: r["state"] for r in records.list("--stuck")} == {stuck: "stuck", gone: "failed"}
    assert [r["id"] for r in records.list("--stuck", "--gateway", "qq1", "--flow", "nothing")] == []
    out = records.ctl("runs", "list", "--stuck")
    assert "stuck: call 1: the journal has a read, the script writes\n" in out
    assert "failed: signup.lua:7: oh" in out
    records.run(3, raw="no JSON\n")
    records.run(4, "r00000001 1", "what is this")
    assert {int(r["id"], 16): r["state"] for r in records.list()} == {1: "stuck", 2: "waiting", 3: "damaged", 4: "damaged"}
    assert "line 3 is not a journal line" in records.ctl("runs", "list")


def test_many(records):
    with records.client.pipeline(transaction=False) as pipe:
        real, records.client = records.client, pipe
        for i in range(5000):
            records.run(i, ask(), chat="7%08d" % (i % 50))
        records.client = real
        pipe.execute()
    assert len(records.list("--limit", "0")) == 5000
    assert len(records.list("--limit", "0", "--chat", "700000007")) == 100
    assert len(records.list()) == 200


# ---- show ----------------------------------------------------------------------------------------


def test_a_timeline(records):
    run_id = records.run(
        0xAB, "r00000001 3", 'r00000002 "x"', "w00000003", 's00000004 "say"', 's00000004 ["dm:%s",true]' % MEI, ask(), wake(event=message(MEI, "小美", "阿强\n!")),
        "w00000005", "?00000006 " + j({"kind": "sleep", "due": 1796086800000}), wake(late=5000),
        "?00000007 " + j({"kind": "gather", "events": ["join"], "due": ms(10)}),
        "+" + j({"type": "join", "user": LI, "name": "小李"}))
    out = records.ctl("runs", "show", run_id)
    lines = [line[21:] if line[:1] in "2 " else line for line in out.splitlines()]
    for expected in ("run        " + run_id, "flow       signup, version 1f3a5b7c9d0e1f3a", "user       小美 (%s)" % MEI,
                     "pinned     days = 28", '小美 said "报名 阿强"; handler command:报名', '  read 2 values: 3, "x"',
                     "  wrote a value", "  2 messages: to the chat, in private to 小美", '小美 said "阿强 !"', "the time came, 5 s late",
                     "collected: 小李 joined"):
        assert expected in lines, (expected, out)
    assert 'remind = "20:30"' in out and "state      waits for joins" in out
    answer = json.loads(records.ctl("runs", "show", run_id, "--json"))
    assert answer["params"] == {"days": 28, "remind": "20:30"} and answer["calls"] == 6
    what = [t["what"] for t in answer["timeline"]]
    assert what == ["in", "did", "did", "did", "waits", "in", "did", "waits", "in", "waits", "in"]
    assert answer["timeline"][1]["results"] == [3, "x"]
    assert [t.get("entry") for t in answer["timeline"]] == [None, 1, 3, 4, 6, 7, 8, 9, 10, 11, None]
    raw = records.ctl("runs", "show", run_id, "--raw")
    assert raw == records.client.get(store.key("qq1", "run", run_id))


def test_show_of_a_stuck_one_has_both_sides(records):
    run_id = records.run(1, ask())
    records.park(run_id, "stuck", "call 1:\n  recorded: read\n  script: write",
                 wake={"now": ms(), "time": ms(), "with": {"event": message(MEI, "小美", "好的")}})
    out = records.ctl("runs", "show", run_id)
    assert "stuck since" in out and "recorded: read" in out and "script: write" in out
    assert '小美 said "好的"' in out


def test_show_finds_runs_of_other_gateways(records):
    run_id = records.run(7, ask(), gateway="old")
    assert "old:" + G in records.ctl("runs", "show", run_id)
    assert "old:" + G in records.ctl("runs", "show", run_id, "--gateway", "old")
    assert "there is no run" in records.ctl("runs", "show", run_id, "--gateway", "qq1", code=1)
    assert "there is no run" in records.ctl("runs", "show", "f" * 16, code=1)
    done = run("ctl", "--data-dir", records.daemon.config["data_dir"], "runs", "list")
    assert done.returncode == 5  # its embedded Redis does not run


def test_strangers_texts_do_not_reach_the_terminal(records):
    evil = "a\x1b[31m\u202eb\nc"
    run_id = records.run(1, ask(), event=message(MEI, evil, evil))
    for out in (records.ctl("runs", "list"), records.ctl("runs", "show", run_id)):
        assert "\x1b" not in out and "\u202e" not in out and "b c" in out


@pytest.mark.parametrize("args", [
    ("runs", "walk"), ("runs", "show"), ("runs", "show", "xyz"), ("runs", "list", "--limit", "x"),
    ("runs", "list", "--limit", "-1"), ("runs", "list", "extra"), ("runs", "show", "0" * 16, "--stuck"),
    ("runs", "show", "0" * 16, "--raw", "--json"), ("runs", "list", "--nothing"), ("runs", "list", "--chat"),
    ("runs", "cancel"), ("runs", "cancel", "1"), ("runs", "retry"), ("runs", "retry", "0" * 16, "--all-stuck"),
    ("runs", "retry", "0" * 16, "--flow", "x"), ("migrate",), ("migrate", "a", "b"), ("migrate", "a", "--stuck")])
def test_wrong_usage(records, args):
    records.ctl(*args, code=2)


def test_orders_need_the_daemon(records):
    run_id = records.run(1, ask())
    records.park(run_id, "failed", "oh")
    for args in (("runs", "cancel", run_id), ("runs", "retry", run_id), ("runs", "retry", "--all-stuck"),
                 ("migrate", "signup")):
        assert "no daemon answers" in records.ctl(*args, code=1)
    assert "there is no run" in records.ctl("runs", "cancel", "f" * 16, code=1)


# ---- a real daemon -------------------------------------------------------------------------------

FLOW = """
local flow = sop.flow("waits", { title = "等待", params = { days = { "integer", default = 3 } } })
local first

flow:command("报名", function(c)
  c:reply("起个昵称吧")
  local answer = c:ask{ timeout = "10m" }
  if not answer then return c:reply("超时啦") end
  c.member.nick = answer.text
  -- between
  c:reply("睡吧{n}", { n = answer.text })
  c:sleep("1h")
  c:say("醒了")
end)

flow:command("出错", function(c)
  local answer = c:ask{ timeout = "10m" }
  error("broken " .. answer.text)
end)

flow:command("收集", function(c)
  local list = c:gather{ events = { "join" }, window = "10m", max = 2 }
  c:say("来了{n}位", { n = #list })
end)

local onboard = flow:run("onboard", function(c, args)
  c:sleep(args.first or "1h")
  c:continue{ first = "2h" }
end)

flow:command("开始", function(c)
  c:reply(c:start(onboard, { first = "3h" }, { key = "one", user = c.user }) and "开始了" or "已经有了")
end)

flow:command("不定", function(c)
  first = first or c.user
  if c.user ~= first then c.member.second = true end
  local answer = c:ask{ timeout = "10m" }
  c:reply("收到{t}", { t = answer.text })
end)

return flow
"""
PLAYBOOK = 'return { title = "t", groups = { "all" }, quiet = false, timezone = "Asia/Shanghai", flows = { "waits" } }\n'


class Served:
    """A daemon with the flow above in a folder of its own."""

    CONFIG = {"sop_watch": False}

    def __init__(self, bench, box):
        self.sop = box + "/sop"
        self.write("flows/waits.lua", FLOW)
        self.write("playbooks/waits.lua", PLAYBOOK)
        self.gateway = bench.gateway("napcat")
        self.daemon = bench.served(self.gateway, sop=self.sop, config=self.CONFIG)
        self.client = self.daemon.redis.client

    def write(self, name, text):
        path = os.path.join(self.sop, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def say(self, text, user=ev.USER, reply=None):
        """Somebody says something; waits for the answer, if one is expected."""
        before = len(self.gateway.sends())
        self.gateway.emit(ev.group_msg(ev.GROUP, user, text, name="小%d" % (user % 10)))
        if reply:
            self.gateway.wait_send(reply, since=0, count=1)
            self.gateway.wait(lambda: len(self.gateway.sends()) > before, 5)

    def ctl(self, *args, code=0):
        done = self.daemon.ctl(*args, check=False)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    def runs(self, *args):
        return json.loads(self.daemon.ctl("runs", "list", "--json", *args).stdout)["runs"]

    def wait_runs(self, count, *args, **fields):
        def check():
            found[:] = [r for r in self.runs(*args) if all(r.get(k) == v for k, v in fields.items())]
            return len(found) == count
        found = []
        wait_until(check, 5, every=0.1, what=lambda: "%d runs with %s: %s" % (count, fields, self.runs()))
        return found

    def edit(self, before, after):
        text = FLOW.replace(before, after)
        assert text != FLOW
        self.write("flows/waits.lua", text)
        self.daemon.reload()

    def restart(self):
        assert self.daemon.stop() == 0
        self.daemon.start()
        self.gateway.wait_ready()


@pytest.fixture
def served(bench, box):
    return Served(bench, box)


def test_a_run_of_the_daemon_is_listed_and_shown(served):
    served.say("报名", reply="起个昵称吧")
    waiting, = served.wait_runs(1)
    assert waiting["flow"] == "waits" and waiting["user"] == str(ev.USER) and waiting["newest"] is True
    assert waiting["state"] == "waiting" and waiting["waits_for"].startswith("an answer of 小")
    out = served.ctl("runs", "show", waiting["id"])
    assert 'said "报名"; handler command:报名' in out and "a message to the chat" in out and "days = 3" in out
    served.say("阿强", reply="睡吧阿强")
    wait_until(lambda: served.runs()[0]["waits"]["kind"] == "sleep", 5)
    out = served.ctl("runs", "show", waiting["id"])
    assert 'said "阿强"' in out and "waits until" in out
    assert served.ctl("runs", "show", waiting["id"], "--raw").count("\n?") == 2


def test_a_gathering_run(served):
    served.say("收集")
    gathering, = served.wait_runs(1)
    assert gathering["waits_for"].startswith("joins, 10 min window until ")
    served.gateway.emit(ev.join(ev.GROUP, ev.USER + 1))
    wait_until(lambda: "1 so far" in served.runs()[0]["waits_for"], 5)
    assert "collected: %d joined" % (ev.USER + 1) in served.ctl("runs", "show", gathering["id"])
    served.gateway.emit(ev.join(ev.GROUP, ev.USER + 2))
    served.gateway.wait_send("来了2位")
    served.wait_runs(0)


def test_a_started_run(served):
    served.say("开始", reply="开始了")
    wait_until(lambda: [r.get("waits", {}).get("kind") for r in served.runs()] == ["sleep"], 5)
    started, = served.runs("--user", str(ev.USER))
    out = served.ctl("runs", "show", started["id"])
    assert started["handler"] == "run:onboard"
    assert 'started by a script; handler run:onboard, given {"first":"3h"}' in out
    served.say("开始", reply="已经有了")
    served.ctl("runs", "cancel", started["id"])
    assert served.client.hlen(store.key("qq1", "run-keys", G)) == 0
    served.say("开始")
    served.wait_runs(1)


def test_runs_are_listed_while_the_daemon_is_down(served):
    served.say("报名", reply="起个昵称吧")
    waiting, = served.wait_runs(1)
    assert served.daemon.stop() == 0
    assert "an answer of" in served.ctl("runs", "list")
    out = served.ctl("runs", "show", waiting["id"])
    assert "a message to the chat" in out and "newest" not in out
    assert "no daemon answers" in served.ctl("runs", "cancel", waiting["id"], code=1)


def test_cancel(served):
    served.say("报名", reply="起个昵称吧")
    waiting, = served.wait_runs(1)
    assert "cancelled" in served.ctl("runs", "cancel", waiting["id"])
    assert served.runs() == []
    assert served.client.hlen(store.key("qq1", "waits", G)) == 0
    assert served.client.zcard(store.key("qq1", "timers")) == 0
    served.say("阿强")
    served.gateway.settle()
    assert not served.gateway.sends("睡吧")
    assert "there is no run" in served.ctl("runs", "cancel", waiting["id"], code=1)


def test_cancel_several_and_one_that_is_not(served):
    for i in range(5):
        served.say("报名", user=ev.USER + i)
    ids = [r["id"] for r in served.wait_runs(5)]
    out = served.ctl("runs", "cancel", *ids, "f" * 16, code=1)
    assert out.count("cancelled") == 5 and "there is no run " + "f" * 16 in out
    assert served.runs() == []


def test_a_failed_run_is_repaired_migrated_and_retried(served):
    served.say("出错")
    failed, = served.wait_runs(1)
    assert "it is neither stuck nor failed" in served.ctl("runs", "retry", failed["id"], code=1)
    served.say("啊")
    failed, = served.wait_runs(1, "--stuck", state="failed")
    assert "broken 啊" in failed["error"]
    out = served.ctl("runs", "show", failed["id"])
    assert "failed since" in out and "broken 啊" in out and 'said "啊"' in out
    assert "failed: " in served.ctl("runs", "retry", failed["id"], code=1)  # it fails as before
    served.edit('error("broken " .. answer.text)', 'c:reply("好了{t}", { t = answer.text })')
    assert "failed: " in served.ctl("runs", "retry", failed["id"], code=1)  # on its own version still
    assert "1 moved" in served.ctl("migrate", "waits")
    assert "tried again" in served.ctl("runs", "retry", "--all-stuck")
    served.gateway.wait_send("好了啊")
    assert served.runs() == [] and served.client.hlen(store.key("qq1", "parked")) == 0
    assert "no runs are stuck" in served.ctl("runs", "retry", "--all-stuck")


def test_a_stuck_run_has_both_sides(served):
    served.say("不定", user=ev.USER)
    served.say("不定", user=ev.USER + 1)
    served.wait_runs(2)
    served.restart()
    served.say("乙", user=ev.USER + 1)
    stuck, = served.wait_runs(1, "--stuck", state="stuck")
    assert re.search(r"the journal has a write .* the script waits .* flows/waits.lua:\d+", stuck["error"])
    assert stuck["user"] == str(ev.USER + 1)
    out = served.ctl("runs", "show", stuck["id"])
    assert "stuck since" in out and "the script waits" in out and 'said "乙"' in out
    served.ctl("runs", "retry", stuck["id"], code=1)
    assert served.wait_runs(1, "--stuck")[0]["id"] == stuck["id"]
    served.ctl("runs", "cancel", stuck["id"])
    assert served.runs("--stuck") == [] and len(served.runs()) == 1


def test_migrate_moves_exactly_those_that_fit(served):
    for i in range(6):
        served.say("报名", user=ev.USER + i)
    served.wait_runs(6)
    for i in range(2):
        served.say("阿强", user=ev.USER + i)
    wait_until(lambda: sorted(r["waits"]["kind"] for r in served.runs()) == ["ask"] * 4 + ["sleep"] * 2, 5)
    assert "0 moved, 6 on it already" in served.ctl("migrate", "waits")
    served.edit("-- between", 'c:counter("x"):add(1)')
    assert all(r["newest"] is False for r in served.runs())
    assert "*" in served.ctl("runs", "list") and "sopd ctl migrate FLOW" in served.ctl("runs", "list")
    before = {k: served.client.get(k) for k in served.client.keys(store.key("qq1", "run", "*"))}
    out = served.ctl("migrate", "waits", "--dry-run", code=1)
    assert "4 would be moved, 0 on it already, 2 do not fit" in out
    assert {k: served.client.get(k) for k in served.client.keys(store.key("qq1", "run", "*"))} == before
    answer = json.loads(served.daemon.ctl("migrate", "waits", "--json", check=False).stdout)
    assert (answer["moved"], answer["differs"], answer["current"], answer["failed"]) == (4, 2, 0, 0)
    assert {r["user"] for r in answer["runs"]} == {str(ev.USER), str(ev.USER + 1)}
    assert all(r["result"] == "does not fit" and r["text"] for r in answer["runs"])
    assert {r["user"]: r["newest"] for r in served.runs()} == {
        str(ev.USER + i): i >= 2 for i in range(6)}
    assert "0 moved, 4 on it already, 2 do not fit" in served.ctl("migrate", "waits", code=1)
    served.say("阿珍", user=ev.USER + 3, reply="睡吧阿珍")  # on the new version
    assert served.client.get(store.key("qq1", "count", "waits", G, "x")) == "1"


def test_migrate_leaves_runs_alone_whose_flow_is_not_served(served):
    served.say("报名", reply="起个昵称吧")
    served.wait_runs(1)
    served.write("playbooks/waits.lua", PLAYBOOK.replace('"all"', '"qq1:700000002"'))
    served.edit("-- between", 'c:counter("x"):add(1)')
    for args in (("migrate", "waits", "--dry-run"), ("migrate", "waits")):
        out = served.ctl(*args, code=1)
        assert "does not run in this chat" in out and "1 failed" in out
    assert served.runs("--stuck") == [] and served.runs()[0]["state"] == "waiting"


def test_a_moved_run_survives_a_restart(served):
    served.say("报名", reply="起个昵称吧")
    served.wait_runs(1)
    served.edit("睡吧", "好梦")
    assert "1 moved" in served.ctl("migrate", "waits")
    served.restart()
    served.say("阿珍", reply="好梦阿珍")
    assert served.wait_runs(1)[0]["newest"] is True
    assert len(served.client.keys(store.key("qq1", "pin", "*"))) == 2  # the old one is collected later
    pins = served.client.hgetall(store.key("qq1", "pins"))
    assert sorted(pins.values()) == ["0", "1"]


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_gathered_moves_along(served, restarted):
    served.say("收集")
    served.wait_runs(1)
    served.gateway.emit(ev.join(ev.GROUP, ev.USER + 1))
    wait_until(lambda: "1 so far" in served.runs()[0]["waits_for"], 5)
    served.edit("来了", "欢迎")
    if restarted:
        served.restart()
    assert "1 would be moved" in served.ctl("migrate", "waits", "--dry-run")
    assert "1 moved" in served.ctl("migrate", "waits")
    assert "1 so far" in served.runs()[0]["waits_for"]
    served.gateway.emit(ev.join(ev.GROUP, ev.USER + 2))
    served.gateway.wait_send("欢迎2位")
    served.wait_runs(0)


def test_orders_that_cannot_be(served):
    assert "the daemon has no flow nothing" in served.ctl("migrate", "nothing", code=1)
    assert "waits, version" in served.ctl("migrate", "waits")
    served.client.set(store.key("old", "run", "0" * 16), j({"pin": PIN, "chat": G}) + "\n")
    assert "there is no such gateway" in served.ctl("runs", "cancel", "0" * 16, code=1)
