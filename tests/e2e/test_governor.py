"""What leaves an account: answers first, within every limit at the receiving end, merged or dropped when late, slowly when new."""

import json
import os
import random
import time
from collections import Counter

import pytest

from harness import SILENCE, events as ev, store, wait_until
from harness.util import noon_zone

G, U = ev.GROUP, ev.USER
ACCOUNT = "qq1"

FLOW = """
local flow = sop.flow("gov", { title = "调速" })

-- 播 N: one post to each of N groups
flow:command("播", { args = true }, function(c)
  local base = math.tointeger(tonumber(c.chat))
  for i = 1, math.tointeger(tonumber(c.args)) do
    c:timer("post", { chat = tostring(base + i), after = "0s", args = { n = i } })
  end
end)

flow:timer("post", function(c, args)
  c:say("POST {n}", { n = args.n })
end)

flow:command("问", { args = true }, function(c) c:say("ANSWER {a}", { a = c.args }) end)

flow:command("并", { args = true }, function(c)
  c.group.lines = (c.group.lines or 0) + 1
  c:say("L{n}", { n = c.group.lines }, { if_late = "merge", at = c.args ~= "" and { c.args } or nil, late = "5m" })
end)

flow:command("丢", { args = true }, function(c)
  c:say("D{a}", { a = c.args }, { if_late = "drop", late = "2s" })
end)

-- 乱 KIND N: N messages of a kind
flow:command("乱", { args = true }, function(c)
  local kind, n = c.args:match("^(%a+) (%d+)$")
  for i = 1, math.tointeger(tonumber(n)) do
    if kind == "reply" then
      c:reply("REPLY {i}", { i = i }, { late = "5m" })
    elseif kind == "answer" then
      c:say("ANSWER {i}", { i = i }, { late = "5m" })
    else
      c:say("{k} {i}", { k = kind, i = i }, { kind = kind, answer = false, late = "5m" })
    end
  end
end)

return flow
"""


@pytest.fixture
def sop(box):
    folder = os.path.join(box, "gov-sop")
    for part in ("flows", "playbooks"):
        os.makedirs(os.path.join(folder, part))
    with open(os.path.join(folder, "flows", "gov.lua"), "w", encoding="utf-8") as out:
        out.write(FLOW)
    with open(os.path.join(folder, "playbooks", "gov.lua"), "w", encoding="utf-8") as out:
        out.write('return { title = "t", groups = { "all" }, quiet = false, timezone = "%s", flows = { "gov" } }\n' % noon_zone())
    return folder


def traced(daemon, chat=G):
    """How messages to a chat ended, as `sopd ctl why` knows it."""
    turns = json.loads(daemon.ctl("why", "qq1:%s" % chat, "--json").stdout)
    found = Counter()
    for turn in turns:
        for out in turn.get("out", []):
            found[(out.get("end") or {}).get("as") or ("shed" if out.get("wait", 0) < 0 else "?")] += 1
    return found


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def served(bench, gateway, sop, pace, **options):
    pace.setdefault("warmup", "0s")
    pace.setdefault("jitter", "0%")
    return bench.served(gateway, sop=sop, entry={"pace": pace}, **options)


def times(gateway, text=None):
    return [a.time for a in gateway.sends(text)]


def most_within(moments, window):
    """The most of them in any window of that length."""
    most, first = 0, 0
    for i, moment in enumerate(moments):
        while moment - moments[first] >= window:
            first += 1
        most = max(most, i - first + 1)
    return most


def outcomes(daemon, outcome):
    return daemon.metrics().get("sopd_sends_total", outcome=outcome)


# -- priorities --------------------------------------------------------------------------------------


def test_answers_do_not_wait_for_a_broadcast(bench, napcat, sop):
    """100 groups at 50 ms are 5 s of broadcast; whoever asks meanwhile is answered at once, and the limit is kept by the sum."""
    daemon = served(bench, napcat, sop, {"account": [{"per": "50ms"}], "chat": [{"per": "10ms"}]})
    say(napcat, "播 100")
    napcat.wait_send("POST 1")
    asked = {}
    for i in range(12):
        time.sleep(0.3)
        asked[i] = time.monotonic()
        say(napcat, "问 %d" % i, group=G + 500 + i)
    napcat.wait(lambda: len(napcat.sends("POST")) == 100, 15, "the whole broadcast")
    waited = {i: napcat.sends("ANSWER %d" % i)[0].time - asked[i] for i in asked}
    assert max(waited.values()) < 0.4, waited
    everything = times(napcat)
    assert len(everything) == 112 and most_within(everything, 0.96) <= 20, "one in 50 ms"
    assert outcomes(daemon, "expired") + outcomes(daemon, "shed") == 0


# -- late: merge, drop -------------------------------------------------------------------------------


def test_what_waits_for_a_chat_becomes_one_message(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"account": [{"per": "1ms", "burst": 1000}], "chat": [{"per": "2s"}]})
    for i in range(6):
        say(napcat, "并 %s" % (U + i % 2 if i % 3 else ""))
        napcat.wait(lambda: True, 1)
    napcat.wait_send("L1")
    napcat.wait_send("L6", timeout=6)
    texts = [a.text for a in napcat.sends()]
    assert texts[0] == "L1" and len(texts) == 2, texts
    second = napcat.sends()[1]
    assert [line.split(" ")[-1] for line in second.text.split("\n")] == ["L%d" % i for i in range(2, 7)]
    assert sorted(second.mentions) == sorted({str(U), str(U + 1)}), "everybody once"
    wait_until(lambda: not store.outbox(daemon.redis.client), 3, 0.05, "an empty outbox")
    assert outcomes(daemon, "merged") == 4 and outcomes(daemon, "sent") == 2
    assert traced(daemon) == {"merged": 4, "sent": 2}


def lines_of(client):
    """What waits in the outbox, line by line."""
    found = []
    for entry in store.outbox(client).values():
        text = "".join(s[1] for s in entry["message"] if s[0] == "text")
        found += [line.strip() for line in text.split("\n")]
    return found


def test_a_kill_in_the_middle_of_merging_loses_and_doubles_nothing(bench, napcat, sop):
    """Every line that was committed is in the outbox exactly once, wherever the process died."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    daemon = served(bench, napcat, sop, {"account": [{"per": "1ms", "burst": 1000}], "chat": [{"per": "4m"}],
                                         "late": {"answer": {"policy": "merge", "limit": "1h"}}})
    client = daemon.redis.client
    say(napcat, "并")
    napcat.wait_send("L1")
    for _ in range(4):
        napcat.emit(*[ev.group_msg(G, U + i, "并") for i in range(30)])
        time.sleep(rng.uniform(0, 0.03))
        daemon.kill()
        committed = int(store.group(client, "gov", G)["lines"])
        found = sorted(lines_of(client), key=lambda line: int(line[1:]))
        wanted = ["L%d" % i for i in range(2, committed + 1)]
        assert found == wanted, "seed %d" % seed
        links = len(napcat.conns)
        daemon.start()
        napcat.wait_link(links + 1)
        napcat.wait_ready()


def test_what_is_late_is_dropped_if_told_so(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"account": [{"per": "1ms", "burst": 1000}], "chat": [{"per": "4s"}]})
    for i in range(5):
        say(napcat, "丢 %d" % i)
    napcat.wait_send("D0")
    wait_until(lambda: outcomes(daemon, "shed") == 4, 3, 0.05, "four of them shed")
    time.sleep(4.2)
    assert [a.text for a in napcat.sends()] == ["D0"]
    assert traced(daemon) == {"sent": 1, "shed": 4}


# -- warm-up -----------------------------------------------------------------------------------------


def gaps(gateway, daemon, count=5):
    before = len(gateway.sends())
    for i in range(count):
        say(gateway, "问 %d" % i, group=G + i)
    gateway.wait(lambda: len(gateway.sends()) >= before + count, 8, "all answers")
    moments = times(gateway)[before:]
    return [b - a for a, b in zip(moments, moments[1:])]


PACE = {"account": [{"per": "100ms"}], "chat": [{"per": "1ms", "burst": 100}], "warmup": "7d"}


def test_a_new_account_begins_slowly(bench, napcat, sop):
    daemon = served(bench, napcat, sop, dict(PACE))
    assert min(gaps(napcat, daemon)) > 0.38, "a quarter of its pace"
    since = daemon.redis.client.hgetall(store.key("qq1", "since"))
    assert list(since) == [str(napcat.self_id)] and time.time() * 1000 - int(since[str(napcat.self_id)]) < 60000
    shown = daemon.ctl("gateways").stdout
    assert "25 %" in shown, shown
    daemon.stop()
    client = daemon.redis.client
    client.hset(store.key("qq1", "since"), str(napcat.self_id), int((time.time() - 6.5 * 86400) * 1000))
    links = len(napcat.conns)
    daemon.start()
    napcat.wait_link(links + 1)
    napcat.wait_ready()
    assert 0.1 < min(gaps(napcat, daemon)) < 0.2, "nine tenths of it, in the last seventh"


def test_an_account_of_an_older_installation_is_not_new(bench, napcat, sop):
    redis = bench.redis()
    redis.client.hset(store.key("qq1", "chats"), str(G), '{"name":"群"}')
    daemon = served(bench, napcat, sop, dict(PACE), redis=redis)
    assert max(gaps(napcat, daemon)) < 0.3
    assert redis.client.hgetall(store.key("qq1", "since")) == {str(napcat.self_id): "0"}


# -- a gateway that answers nothing ------------------------------------------------------------------


def test_a_gateway_that_stalls_gets_nothing_more(bench, napcat, sop):
    daemon = served(bench, napcat, sop, {"account": [{"per": "100ms"}, {"per": "10s", "count": 40, "burst": 8}],
                                         "chat": [{"per": "1ms", "burst": 100}]})
    say(napcat, "问 前")
    napcat.wait_send("ANSWER 前")
    held = []
    napcat.answers["send_group_msg"] = lambda action: held.append(action) or SILENCE
    napcat.answers["get_status"] = SILENCE
    for i in range(30):
        say(napcat, "问 %d" % i, group=G + i)
    time.sleep(5)
    assert len(held) <= 8, "no more than the smallest burst is under way"
    count = len(held)
    time.sleep(1)
    assert len(held) == count, "and nothing more is written"
    del napcat.answers["send_group_msg"], napcat.answers["get_status"]
    for action in held:
        napcat.respond(action)
    napcat.wait(lambda: len({a.text for a in napcat.sends()}) == 31, 20, "all answers")
    assert len(napcat.sends()) == 31, "each once"
    assert most_within(times(napcat)[1 + count:], 0.9) <= 9
    assert daemon.running()


# -- every limit, in any window ----------------------------------------------------------------------

LIMITS = {
    "account": [{"per": "2s", "count": 40, "burst": 10}, {"per": "30ms"}],
    "chat": [{"per": "1s", "count": 10, "burst": 3}, {"per": "2s", "count": 4, "burst": 2, "kinds": "game"},
             {"per": "2s", "count": 2, "kinds": ["broadcast", "dm"]}],
    "member": [{"per": "1s", "count": 3}],
}
GRACE = 0.05    # what the test's own loop may be late


def seconds(text):
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])


def kind_of(action):
    return {"game": "game", "broadcast": "broadcast"}.get(action.text.split(" ")[0], "answer")


def owners(scope, action):
    return [""] if scope == "account" else [action.chat] if scope == "chat" else action.mentions


def violations(actions):
    """Every limit that was broken at this end, in any sliding window."""
    found = []
    for scope, limits in LIMITS.items():
        for limit in limits:
            kinds = limit.get("kinds", ["answer", "game", "broadcast"])
            by_owner = {}
            for action in actions:
                if kind_of(action) in kinds:
                    for owner in owners(scope, action):
                        by_owner.setdefault(owner, []).append(action.time)
            window, most = seconds(limit["per"]), limit.get("count", 1)
            if window < 0.1:    # a mere spacing: over many of them, or our own delays would count
                window, most = window * 20, 20
            for owner, moments in by_owner.items():
                seen = most_within(moments, window - GRACE)
                if seen > most:
                    found.append("%s %s %s: %d" % (scope, owner, limit, seen))
    return found


def throw(gateway, rng):
    """One random thing that makes the bot talk."""
    kind = rng.choice(["answer", "answer", "reply", "reply", "game", "broadcast"])
    say(gateway, "乱 %s %d" % (kind, rng.choice([1, 1, 1, 2, 3])), group=G + rng.randrange(12), user=U + rng.randrange(9))


def test_no_limit_is_broken_in_any_window(bench, napcat, sop):
    """Random messages of all kinds for 8 s, with a lost link and a kill -9 in between: a checker at this end sees no violation."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    daemon = served(bench, napcat, sop, dict(LIMITS, jitter="20%"))
    until = time.monotonic() + 8
    events = [time.monotonic() + 2.5, time.monotonic() + 5]
    while time.monotonic() < until:
        for _ in range(rng.choice([0, 0, 1, 2, 8])):
            throw(napcat, rng)
        time.sleep(rng.uniform(0.01, 0.12))
        if not events or time.monotonic() < events[0]:
            continue
        events.pop(0)
        links = len(napcat.conns)
        if events:
            napcat.cut()
        else:
            daemon.kill()
            daemon.start()
        napcat.wait_link(links + 1)
        napcat.wait_ready()
    time.sleep(1)
    actions = [a for a in napcat.find() if a.action == "send_group_msg"]
    assert len(actions) > 80, "it was a busy time: %d" % len(actions)
    assert {kind_of(a) for a in actions} == {"answer", "game", "broadcast"}
    assert not violations(actions), "seed %d: %s" % (seed, violations(actions))
