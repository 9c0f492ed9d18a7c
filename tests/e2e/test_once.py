"""What is committed once counts once, whatever happens to the memory of the daemon and to its link to Redis."""

import json
import os
import time

import pytest

from harness import events as ev, store, wait_until
from harness.outside import Outside

HERE, THERE = 700000001, 700000002
WORD = "甲乙丙丁戊己庚辛壬癸"

FLOW = """
local flow = sop.flow("once", { title = "一次" })

flow:command("收集", function(c)
  local list = c:gather{ events = { "leave" }, window = "1h", max = 4 }
  local users = {}
  for i, one in ipairs(list) do users[i] = one.user end
  c:emit("gathered", { users = users })
end)

local asker = flow:run("asker", function(c)
  local answer = c:ask{ commands = { "%s" }, timeout = "1h" }
  c:emit("answered", { command = answer and answer.command })
end)

flow:command("提问", function(c) c:start(asker, nil, { key = "asker" }) end)

flow:command("领", function(c) c:say(c:once("gift", { scope = "gateway" }) and "FIRST" or "AGAIN") end)

flow:command("挂", function(c) c.group.hung = true end)

flow:command("摘", function(c)
  if c.group.hung then c.group.hung = nil end
end)

flow:command("停", function(c) c:cancel{ key = "asker", chat = "%d" } end)

flow:command("投", { args = true }, function(c)
  local answer, why = c:http{ url = c.args, json = { user = c.user } }
  c:emit("posted", { status = answer and answer.status, why = why })
end)

flow:command("关门", function(c)
  c:toggle("once", "on")
  c:pause("*", { till = c:now() + 3600 })
  c:resume("*")
  c:pause("other")
  c:say("CLOSED")
end)

flow:command("装满", function(c)
  for i = 1, 1995 do c:emit("filled", { i = i }) end
  c:say("FULL")
  local answer = c:ask{ timeout = "1h" }
  c:say("ANSWERED {text}", { text = answer.text })
end)

return flow
""" % (WORD, THERE)
PLAYBOOK = 'return { title = "t", groups = { "all" }, quiet = false, timezone = "Asia/Shanghai", flows = { "once", "other" } }\n'


OTHER = 'local flow = sop.flow("other", { title = "别的" })\nflow:command("别的", function(c) c:say("OTHER") end)\nreturn flow\n'


@pytest.fixture
def outside():
    server = Outside().start()
    yield server
    server.close()


@pytest.fixture
def served(bench, box, outside):
    for name, text in (("flows/once.lua", FLOW), ("flows/other.lua", OTHER), ("playbooks/once.lua", PLAYBOOK)):
        path = os.path.join(box, "sop", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    gateway = bench.gateway("napcat")
    # what is freed becomes garbage at once
    daemon = bench.served(gateway, sop=os.path.join(box, "sop"), env={"MALLOC_PERTURB_": "165"},
                          config={"http_client": {"allow": [outside.url + "/"]}})
    daemon.gateway, daemon.client = gateway, daemon.redis.client
    return daemon


def again(daemon):
    """Killed and started: nothing is in memory."""
    links = len(daemon.gateway.conns)
    daemon.kill()
    daemon.start()
    daemon.gateway.wait_link(links + 1)
    daemon.gateway.wait_ready()


def waits(daemon, group):
    return daemon.client.hgetall(store.key("qq1", "waits", group))


def gathered(daemon):
    run, = waits(daemon, HERE)
    return daemon.client.get(store.key("qq1", "run", run)).count("\n+")


def lose_the_link(daemon, frame):
    """The commit of this event reaches Redis, and its link is lost before it is carried out: it is asked again."""
    def link():
        return next(one for one in daemon.client.client_list() if one["name"] == "sopd")
    daemon.client.execute_command("CLIENT", "PAUSE", "10000", "WRITE")
    daemon.gateway.emit(frame)
    wait_until(lambda: "b" in link()["flags"], 3, what="the commit to wait")
    time.sleep(0.1)
    before = link()["id"]
    daemon.client.client_kill_filter(_id=before)
    daemon.client.execute_command("CLIENT", "UNPAUSE")
    wait_until(lambda: any(one["name"] == "sopd" and one["id"] != before for one in daemon.client.client_list()), 5)


def test_a_repeated_event_is_gathered_once_even_if_its_commit_is_asked_again(served):
    first, second, third, fourth = (ev.leave(HERE, 3300000100 + i) for i in range(4))
    served.gateway.emit(ev.group_msg(HERE, ev.USER, "收集"))
    wait_until(lambda: waits(served, HERE), 5)
    served.gateway.emit(first)
    wait_until(lambda: gathered(served) == 1, 5)
    again(served)
    served.gateway.emit(second)     # the run is in memory now
    wait_until(lambda: gathered(served) == 2, 5)
    lose_the_link(served, first)
    served.gateway.emit(third)
    served.gateway.emit(fourth)
    wait_until(lambda: store.business_events(served.client, name="gathered"), 5)
    event, = store.business_events(served.client, name="gathered")
    assert event["users"] == ["33000001%02d" % i for i in range(4)]


def test_a_repeated_event_asks_outside_once_even_if_its_commit_is_asked_again(served, outside):
    frame = ev.group_msg(HERE, ev.USER, "投 %s/echo" % outside.url)
    served.gateway.emit(frame)
    wait_until(lambda: store.business_events(served.client, name="posted"), 5)
    again(served)
    lose_the_link(served, frame)
    served.gateway.emit(ev.group_msg(HERE, ev.USER, "投 %s/text" % outside.url))    # its turn comes after that one
    wait_until(lambda: len(store.business_events(served.client, name="posted")) == 2, 5)
    assert [len(outside.asked(path)) for path in ("/echo", "/text")] == [1, 1]
    assert not served.client.exists(store.key("qq1", "http"))


def test_an_answer_is_whole_though_its_run_is_cancelled_meanwhile(served):
    for _ in range(3):
        served.gateway.emit(ev.group_msg(THERE, ev.USER, "提问"))
        wait_until(lambda: waits(served, THERE), 5)
        again(served)
        told = len(store.business_events(served.client, name="answered"))
        # both in one frame's time: the answer's turn fetches the run while the other chat's turn ends it
        served.gateway.emit_text(*[json.dumps(frame) for frame in (
            ev.group_msg(HERE, ev.USER, "停"), ev.group_msg(THERE, ev.USER, WORD))])
        wait_until(lambda: not waits(served, THERE), 5)
        wait_until(lambda: not served.client.hgetall(store.key("qq1", "run-keys", THERE)), 5)
        wait_until(lambda: not list(served.client.scan_iter(store.key("qq1", "run", "*"))), 5)
        for event in store.business_events(served.client, name="answered")[told:]:
            assert event.get("command") == WORD
    assert served.log_records(level="error") == []


def audit(daemon):
    return [(e["who"], e["what"], e["field"]) for _, e in daemon.client.xrange("sopd:audit")]


def allow(daemon, *keys):
    daemon.client.execute_command("ACL", "SETUSER", "default", "resetkeys", *keys)


def test_a_switch_that_staff_turned_is_turned_after_a_crash(served):
    edits, paused = store.key("qq1", "edits"), "sopd:paused:chat:qq1:%d" % HERE
    toggles = paused.replace("paused", "toggles")
    served.gateway.emit(ev.group_msg(HERE, ev.USER, "关门"))
    served.gateway.wait_send("CLOSED")
    wait_until(lambda: not served.client.exists(edits), 5)
    assert (served.client.hkeys(paused), served.client.hgetall(toggles)) == (["other"], {"once": "on"})
    before = audit(served)
    served.client.delete(paused, toggles)
    # the commit passes, and what follows it does not: as if the daemon had died between the two
    allow(served, "~sopd:{qq1}:*", "~sopd:settings-*", "~sopd:events:*", "~sopd:audit")
    served.gateway.emit(ev.group_msg(HERE, ev.USER, "关门"))
    served.gateway.wait_send("CLOSED", count=2)
    wait_until(lambda: served.log_records(msg="settings were not edited"), 5)
    assert served.client.hlen(edits) > 0
    served.kill()
    allow(served, "allkeys")
    assert not served.client.exists(paused, toggles)
    served.client.hset(edits, "0000000000001-00", '{"edits":[["%s","stale","yes"]]}' % paused)
    served.start()
    wait_until(lambda: not served.client.exists(edits), 5)
    assert (served.client.hkeys(paused), served.client.hgetall(toggles)) == (["other"], {"once": "on"})
    assert audit(served)[-3:] == before[-3:]
    assert len(served.log_records(msg="a switch that staff turned was lost, and comes too late now")) == 1


def test_a_run_that_writes_as_much_as_a_turn_may_is_kept(served):
    """What the engine has to write about the run finds its place, too."""
    served.gateway.emit(ev.group_msg(HERE, ev.USER, "装满"))
    served.gateway.wait_send("FULL")
    wait_until(lambda: waits(served, HERE), 5)
    again(served)
    served.gateway.emit(ev.group_msg(HERE, ev.USER, "嗯"))
    served.gateway.wait_send("ANSWERED 嗯")
    assert not waits(served, HERE)
    assert not list(served.client.scan_iter(store.key("qq1", "run", "*")))


def test_once_for_a_member_in_all_groups_is_once_in_the_same_moment(served):
    groups = [HERE + 10 + i for i in range(20)]
    for user in (ev.USER, ev.USER + 1):
        served.gateway.emit(*[ev.group_msg(group, user, "领") for group in groups])
    served.gateway.wait(lambda: len([a for a in served.gateway.sends() if a.text in ("FIRST", "AGAIN")]) == 40, 10)
    assert len(served.gateway.sends("FIRST")) == 2
    assert len(store_keys(served.client, "sopd:{qq1}:once:once::*")) == 2
    served.kill()
    links = len(served.gateway.conns)
    served.start()
    served.gateway.wait_link(links + 1)
    served.gateway.emit(ev.group_msg(THERE, ev.USER, "领"))
    served.gateway.wait(lambda: served.gateway.sends("AGAIN", chat=THERE), 5)


def store_keys(client, pattern):
    return list(client.scan_iter(match=pattern, count=1000))


def test_a_command_that_changed_nothing_is_not_obeyed_later_instead(served):
    """Told again after a death, it would come behind what was said after it."""
    hung = store.key("qq1", "g", "once", HERE)
    take, hang = ev.group_msg(HERE, ev.USER, "摘"), ev.group_msg(HERE, ev.USER, "挂")
    served.gateway.emit(take)
    served.gateway.emit(hang)
    wait_until(lambda: served.client.hget(hung, "hung") == "true", 5)
    again(served)
    served.gateway.emit(take)
    served.gateway.emit(hang)
    served.gateway.emit(ev.group_msg(THERE, ev.USER, "别的"))
    wait_until(lambda: served.gateway.sends(), 5)
    assert served.client.hget(hung, "hung") == "true"
