"""Several accounts as one gateway: what they report counts once, one of them serves, another takes over."""

import json
import os
import random
import threading
import time

import pytest

from harness import SILENCE, events as ev, gateway_entry, store, wait_until
from harness.accounts import Platform
from harness.sopd import run

GROUP, OTHER = ev.GROUP, ev.GROUP + 1
U1, U2, U3 = 3300000001, 3300000002, 3300000003
KILLS = int(os.environ.get("SOPD_POOL_KILLS", "3"))


def entries(platform, pool="qq1", **fields):
    names = [pool] + ["spare%d" % i for i in range(1, len(platform.accounts))]
    return [gateway_entry(a.gateway, n, pool=pool, **fields)
            for a, n in zip(platform.accounts, names)]


def pool_of(bench, platform, back="1s", redis=None, wait=True, **fields):
    config = {"gateways": entries(platform, pool_back=back, **fields), "log": {"level": os.environ.get("SOPD_LOG", "info")}}
    daemon = bench.served(config=config, redis=redis)
    if wait:
        ready(daemon, platform)
    return daemon


def ctl(daemon, *args, check=True):
    return json.loads(daemon.ctl("--json", *args, check=check).stdout)


def members(daemon):
    gateways = ctl(daemon, "gateways")["gateways"]
    assert [g["name"] for g in gateways] == ["qq1"]
    return gateways[0]["accounts"]


def ready(daemon, platform, count=None, timeout=8.0):
    """All accounts (or so many) are well and know their groups."""
    count = len(platform.accounts) if count is None else count
    wait_until(lambda: sum(1 for m in members(daemon) if m["well"] and m["groups"]) >= count,
               timeout, what="the accounts to be well")


def answered(platform, text, timeout=5.0):
    wait_until(lambda: platform.by(text), timeout, what=text)
    return platform.by(text)


def pings(daemon, user=U1, group=GROUP):
    return int(store.member(daemon.redis.client, "echo", group, user).get("pings", 0))


def quiet(platform, seconds=0.4):
    seen = len(platform.posts)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        if len(platform.posts) != seen:
            seen, end = len(platform.posts), time.monotonic() + seconds


def test_events_count_once_and_the_first_account_serves(bench):
    p = Platform(bench, 3)
    daemon = pool_of(bench, p)
    for i in range(20):
        p.say(U1, "ping %d" % i)
    answered(p, "pong 19")
    quiet(p)
    assert sorted(p.texts()) == sorted("pong %d" % i for i in range(20))
    assert {n for _, n, _, _ in p.posts} == {0}
    assert pings(daemon) == 20
    assert daemon.metrics().get("sopd_pool_repeated_total", gateway="qq1") >= 40


@pytest.mark.parametrize("seq", [True, False], ids=["numbered", "by-content"])
def test_real_repeats_of_a_member_all_count(bench, seq):
    p = Platform(bench)
    for a in p.accounts:
        a.seq = seq
    daemon = pool_of(bench, p)
    at = ev.now()
    for _ in range(3):                         # the same words three times in one second
        p.say(U1, "ping 同", at=at)
    wait_until(lambda: pings(daemon) == 3, 5, what="three pings")
    quiet(p)
    assert pings(daemon) == 3
    assert p.texts() == ["pong 同"] * 3


@pytest.mark.parametrize("seq", [True, False], ids=["numbered", "by-content"])
def test_clocks_apart_and_late_reports(bench, seq):
    p = Platform(bench)
    for a in p.accounts:
        a.seq = seq
    p.accounts[1].shift = 1
    daemon = pool_of(bench, p)
    p.accounts[0].held = []                    # the first account stalls; the spare tells all
    said = [p.say(U1, "ping %d" % i, at=ev.now() - 5 + i) for i in range(5)]  # answers take numbers in between
    p.say(U1, "ping 4", at=ev.now())
    wait_until(lambda: pings(daemon) == 6, 5, what="six pings")
    p.accounts[0].release()
    time.sleep(0.5)
    quiet(p)
    assert pings(daemon) == 6
    daemon.kill()
    daemon.start()
    ready(daemon, p)
    if seq:                                    # after a restart only the key tells: the same by the other account
        for i, number in enumerate(said):
            p.say(U1, "ping %d" % i, seq=number, only=[1])
        time.sleep(0.5)
        assert pings(daemon) == 6


def test_joins_leaves_and_recalls_count_once(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p)

    def notice(kind, shift=(0, 0), **fields):
        for a, s in zip(p.accounts, shift):
            a.tell({"time": ev.now() + s, "self_id": 0, "post_type": "notice", "notice_type": kind,
                    "group_id": GROUP, **fields})
    before = daemon.metrics()
    notice("group_increase", (0, 1), sub_type="approve", user_id=U3, operator_id=0)
    notice("group_decrease", (0, 1), sub_type="leave", user_id=U2, operator_id=0)
    notice("notify", (0, 1), sub_type="poke", user_id=U1, target_id=p.accounts[0].self_id)
    seq = p.say(U1, "随便说说")
    for a in p.accounts:
        a.tell({"time": ev.now(), "self_id": 0, "post_type": "notice", "notice_type": "group_recall",
                "group_id": GROUP, "user_id": U1, "operator_id": U1, "message_id": a.id_of(seq)})
    time.sleep(2.0)                            # joins are held a moment
    after = daemon.metrics()
    for kind in ("join", "leave", "poke", "recall"):
        count = [m.get("sopd_events_total", gateway="qq1", type=kind) for m in (before, after)]
        assert count[1] - count[0] == 1, kind


def test_the_spare_takes_over_and_gives_back(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p, back="2s")
    p.say(U1, "ping a")
    assert answered(p, "pong a") == [0]
    p.accounts[0].kill()
    time.sleep(0.2)
    p.say(U1, "ping b")
    assert answered(p, "pong b") == [1]
    p.accounts[0].revive()
    ready(daemon, p)
    p.say(U1, "ping c")
    assert answered(p, "pong c") == [1]        # not at once: it may go again
    assert [m["state"] for m in members(daemon)] == ["back", "well"]
    wait_until(lambda: members(daemon)[0]["serves"] == 1, 6, what="hand-back")
    p.say(U1, "ping d")
    assert answered(p, "pong d") == [0]
    assert pings(daemon) == 4
    moves = store.business_events(daemon.redis.client, name="pool_moved")
    assert len(moves) == 2
    alarms = store.business_events(daemon.redis.client, name="alarm")
    assert "takeover" in str(alarms)


def test_logged_out_without_a_close_is_found_by_what_others_hear(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p)
    p.accounts[0].deaf = True
    began = time.monotonic()
    for i in range(12):
        p.say(U1, "ping %d" % i)
        time.sleep(1.0)
        if any(n == 1 for _, n, _, _ in list(p.posts)):
            break
    first = min(t for t, n, _, _ in p.posts if n == 1)
    assert first - began < 10, "take-over after %.1f s" % (first - began)
    assert [m["state"] for m in members(daemon)][0] == "deaf"
    p.say(U1, "ping z")
    assert answered(p, "pong z") == [1]
    p.accounts[0].kill()                       # its sends need not be waited for at the end


def test_an_account_whose_sends_have_no_answer_is_relieved(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p, timing={"timeout": "60s"})
    p.accounts[0].gateway.answers["send_group_msg"] = SILENCE      # it hears, and cannot speak
    began = time.monotonic()
    for i in range(20):
        p.say(U1 + i, "ping %d" % i)
        time.sleep(0.7)
        if p.posts:
            break
    assert p.posts and p.posts[0][1] == 1
    assert p.posts[0][0] - began < 12
    assert members(daemon)[0]["state"] == "held"
    p.accounts[0].kill()


def test_offline_by_heartbeat_and_kicked_from_one_group(bench):
    p = Platform(bench, groups=(GROUP, OTHER))
    daemon = pool_of(bench, p)
    p.accounts[0].kicked(GROUP)
    wait_until(lambda: members(daemon)[0]["groups"] == 1, 3)
    p.say(U1, "ping a")
    p.say(U2, "ping b", group=OTHER)
    assert answered(p, "pong a") == [1]
    assert answered(p, "pong b") == [0]
    p.accounts[0].gateway.online = False
    p.accounts[0].tell({"time": ev.now(), "self_id": 0, "post_type": "meta_event",
                        "meta_event_type": "heartbeat", "interval": 5000,
                        "status": {"online": False, "good": False}})
    wait_until(lambda: not members(daemon)[0]["well"], 3)
    p.say(U2, "ping c", group=OTHER)
    assert answered(p, "pong c") == [1]


def test_both_down_then_one_back(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p)
    for a in p.accounts:
        a.kill()
    wait_until(lambda: not any(m["well"] for m in members(daemon)), 3)
    p.accounts[1].revive()
    ready(daemon, p, 1)
    p.say(U1, "ping a")
    assert answered(p, "pong a") == [1]


def test_an_unknown_send_is_settled_by_the_other_account(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p, timing={"timeout": "60s", "settle": "5s", "resend": "60s"})
    first = p.accounts[0]

    def lost(action):
        p.posted(first, action.params["group_id"], action)      # it is in the group,
        threading.Timer(0.05, first.kill).start()               # and its answer never comes
        return SILENCE
    first.gateway.queued["send_group_msg"] = [lost]
    p.say(U1, "ping a")
    answered(p, "pong a")
    wait_until(lambda: not store.outbox(daemon.redis.client), 4, what="the outbox to be empty")
    quiet(p, 0.6)
    assert p.by("pong a") == [0]
    assert daemon.metrics().get("sopd_resends_total", gateway="qq1") == 0


def test_mentions_quotes_and_recalls_across_accounts(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p)
    p.say(U1, [ev.at(p.accounts[1].self_id), ev.text(" ping a")])   # whoever speaks to the spare speaks to us
    answered(p, "pong a")
    p.accounts[0].held = []                                         # only the spare hears the question,
    seq = p.say(U1, "引用")
    wait_until(lambda: any("看这里" in t for t in p.texts()), 5)
    send = p.accounts[0].gateway.sends(text="看这里")[0]
    kinds = [s["type"] for s in send.params["message"]]
    assert "reply" not in kinds                                     # which the server cannot quote
    p.accounts[0].release()
    seq = p.say(U2, "引用")
    wait_until(lambda: len(p.accounts[0].gateway.sends(text="看这里")) == 2, 5)
    send = p.accounts[0].gateway.sends(text="看这里")[1]
    quote = [s["data"]["id"] for s in send.params["message"] if s["type"] == "reply"]
    assert quote == [str(p.accounts[0].id_of(seq))]
    victim = p.say(U3, "坏话")
    time.sleep(0.2)
    p.accounts[0].kill()
    time.sleep(0.2)
    p.say(U1, [ev.quote(victim), ev.text("撤回它")])                # recalled through the spare, by its own id
    recall = p.accounts[1].gateway.wait(lambda: p.accounts[1].gateway.find("delete_msg"), 5)[0]
    assert str(recall.params["message_id"]) == str(p.accounts[1].id_of(victim))
    assert daemon.running


def test_a_private_message_goes_by_the_account_that_reaches_the_user(bench):
    p = Platform(bench)
    p.friends = {(1, U1)}
    daemon = pool_of(bench, p)
    p.say(U1, "私聊我")
    p.accounts[1].gateway.wait(lambda: p.accounts[1].gateway.sends(text="悄悄话"), 5)
    assert daemon.metrics().get("sopd_sends_total", gateway="qq1", outcome="failed") == 0


def test_swap_moves_groups_and_is_kept(bench):
    p = Platform(bench, groups=(GROUP, OTHER))
    p.accounts[1].gateway.groups.pop(OTHER)
    daemon = pool_of(bench, p)
    p.say(U1, "ping a")
    assert answered(p, "pong a") == [0]
    answer = ctl(daemon, "swap", "qq1", "qq1", "spare1", "--reason", "封号", check=False)
    assert answer["moved"] == [str(GROUP)] and answer["not_in"] == [str(OTHER)]
    p.say(U1, "ping b")
    assert answered(p, "pong b") == [1]
    client = daemon.redis.client
    assert client.hgetall("sopd:{qq1}:pool") == {"chat:%d" % GROUP: "spare1"}
    audit = [e for _, e in client.xrange("sopd:audit") if e["what"] == "swap"]
    assert audit and audit[-1]["reason"] == "封号"
    daemon.kill()
    daemon.start()
    ready(daemon, p)
    p.say(U1, "ping c")
    assert answered(p, "pong c") == [1]
    shown = ctl(daemon, "swap", "qq1")
    assert {c["chat"]: c["serves"] for c in shown["chats"]} == {str(GROUP): "spare1", str(OTHER): "qq1"}
    daemon.ctl("swap", "qq1", "--auto")
    p.say(U1, "ping d")
    assert answered(p, "pong d") == [0]
    assert not client.exists("sopd:{qq1}:pool")
    assert pings(daemon) == 4


def test_a_plain_gateway_becomes_a_pool_and_its_account_changes(bench):
    p = Platform(bench)
    daemon = bench.served(config={"gateways": [gateway_entry(p.accounts[0].gateway, "qq1")]})
    p.accounts[0].gateway.wait_ready()
    p.say(U1, "ping a")
    answered(p, "pong a")
    daemon.config["gateways"] = entries(p)
    daemon.write_config()
    daemon.reload()
    ready(daemon, p)
    p.accounts[0].kill()
    time.sleep(0.2)
    p.say(U1, "ping b")
    assert answered(p, "pong b") == [1]
    assert pings(daemon) == 2                          # the state is where it was
    keys = {k.split(":")[1] for k in daemon.redis.client.keys("sopd:{*")}
    assert keys == {"{qq1}"}


def test_another_account_at_a_gateway_that_stands_alone(bench):
    p = Platform(bench)
    first, second = p.accounts
    entry = gateway_entry(first.gateway, "qq1", self_id=first.self_id)
    daemon = bench.served(config={"gateways": [entry]})
    first.gateway.wait_ready()
    p.say(U1, "ping a")
    answered(p, "pong a")
    before = set(daemon.redis.client.keys("sopd:{*")) - {"sopd:{qq1}:outbox"}       # of the answer that is under way
    daemon.config["gateways"] = [gateway_entry(second.gateway, "qq1", self_id=second.self_id)]
    daemon.write_config()
    daemon.reload()
    second.gateway.wait_ready()
    time.sleep(0.2)
    p.say(U1, "ping b")
    assert answered(p, "pong b") == [1]
    assert pings(daemon) == 2
    assert before <= set(daemon.redis.client.keys("sopd:{*"))      # all of it under the gateway's name


def test_reload_takes_one_account_out_and_leaves_the_others(bench):
    p = Platform(bench, 3)
    daemon = pool_of(bench, p)
    kept = p.accounts[0].gateway.conn
    daemon.config["gateways"] = [daemon.config["gateways"][0], daemon.config["gateways"][2]]
    daemon.write_config()
    daemon.reload()
    wait_until(lambda: len(members(daemon)) == 2, 3)
    assert kept.open
    p.say(U1, "ping a")
    assert answered(p, "pong a") == [0]
    daemon.config["gateways"].reverse()                # another order of preference
    daemon.write_config()
    daemon.reload()
    p.say(U1, "ping b")
    assert answered(p, "pong b") == [2]
    assert kept.open


def test_reload_with_other_limits_makes_the_pool_anew(bench):
    p = Platform(bench)
    daemon = pool_of(bench, p)
    first = [a.gateway.conn for a in p.accounts]
    for entry in daemon.config["gateways"]:
        entry["pace"] = {"account": [{"per": "2ms", "burst": 9}], "chat": [{"per": "2ms", "burst": 9}]}
    daemon.write_config()
    daemon.reload()
    wait_until(lambda: not any(c.open for c in first), 3)
    ready(daemon, p)
    p.say(U1, "ping a")
    assert answered(p, "pong a") == [0]


def test_check_refuses_what_is_no_pool(bench):
    cases = [
        ([{"name": "a", "pool": "p"}, {"name": "p"}], "is not in it"),
        ([{"name": "a", "pool": "b"}, {"name": "b", "pool": "c"}], "is not in it"),
        ([{"name": "a", "pool": "p", "self_id": 7}, {"name": "b", "pool": "p", "self_id": 7}], "are the same"),
        ([{"name": "a", "pool": "p q"}], "use a letter"),
        ([{"name": "a", "pool_back": "1m"}], "belongs to an account of a pool"),
    ]
    for i, (given, words) in enumerate(cases):
        config = [{"type": "onebot11", "mode": "forward", "url": "ws://127.0.0.1:%d/" % (3001 + k), **g}
                  for k, g in enumerate(given)]
        daemon = bench.sopd({"gateways": config}, start=False, name="check%d" % i)
        daemon.write_config()
        result = run("check", "--config", daemon.config_path)
        assert words in result.stdout + result.stderr, (given, result.stdout, result.stderr)


def test_the_serving_account_is_killed_again_and_again_under_load(bench):
    """The pool test of the issue; SOPD_POOL_KILLS=20 for its long form, SOPD_POOL_CONTENT=1: without the platform's numbers."""
    p = Platform(bench, 2, groups=[GROUP + i for i in range(4)])
    for a in p.accounts:
        a.seq = not os.environ.get("SOPD_POOL_CONTENT")
    daemon = pool_of(bench, p, back="1s")
    rng = random.Random(7)
    said, gaps = {}, []
    serial = 0

    def talk(seconds):
        nonlocal serial
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            group = GROUP + rng.randrange(4)
            serial += 1
            said[serial] = group
            p.say(U1 + serial % 600, "ping n%d" % serial, group=group)
            time.sleep(0.01)
    for kill in range(KILLS):
        talk(0.5)
        server = max(p.posts)[1]
        began = time.monotonic()
        p.accounts[server].kill()
        talk(0.6)
        for group in range(GROUP, GROUP + 4):
            wait_until(lambda: any(t > began and n != server and g == group
                                   for t, n, g, _ in list(p.posts)), 10, what="group %d" % group)
            gaps.append(min(t for t, n, g, _ in list(p.posts)
                            if t > began and n != server and g == group) - began)
        if kill == KILLS // 2:
            daemon.kill()                              # and sopd itself, once
            daemon.start()
            ready(daemon, p, 1)
        p.accounts[server].revive()
        ready(daemon, p)
        time.sleep(0.4)

    def counted():
        client = daemon.redis.client
        return sum(int(client.hget(k, "pings")) for k in client.keys("sopd:{qq1}:m:echo:*"))
    p.say(U1, "ping last", group=GROUP)
    answered(p, "pong last", 10)
    quiet(p, 1.0)
    heard = {"pong n%d" % n for n in said}
    gaps.sort()
    print("take-over: p50 %.0f ms, max %.0f ms of %d" % (
        gaps[len(gaps) // 2] * 1000, gaps[-1] * 1000, len(gaps)))
    assert gaps[-1] < 10
    twice = [t for t in set(p.texts()) if p.texts().count(t) > 1]
    assert not twice, twice
    assert counted() == len(said) + 1, (counted(), len(said))
    assert heard <= set(p.texts())             # and every one of them was answered, once
