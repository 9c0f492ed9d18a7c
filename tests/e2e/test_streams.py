"""Business events out, commands in: what CRM, BI and shop systems see and say (docs/events.md, docs/operations.md "Other systems")."""

import json
import os
import random
import re
import shlex
import threading
import time

import pytest
import redis as redis_py

from harness import ROOT, TEST_SOP, events as ev, slow_build, store, wait_until

G, U = ev.GROUP, ev.USER
IN, DEAD = store.stream("qq1", "commands"), store.stream("qq1", "commands-dead")
OUT = store.stream("qq1", "events")
OUTSIDE = os.path.join(ROOT, "tests/sop/outside")
BOOK = """return {
  title = "外部系统", groups = { "qq1:*", "qq2:*" }, timezone = "Asia/Shanghai", quiet = { "04:00", "04:01" },
  staff = { ["qq1:10001"] = "owner" }, flows = { "state", "shop" },
}
"""


@pytest.fixture
def shop(bench, napcat, box):
    """A daemon with the flow `shop`; its Redis writes every command through."""
    def make(start=True, config=None, **options):
        folder = os.path.join(box, "sop")
        os.makedirs(os.path.join(folder, "playbooks"), exist_ok=True)
        with open(os.path.join(folder, "playbooks/outside.lua"), "w", encoding="utf-8") as out:
            out.write(BOOK)
        settings = {"playbooks": ["outside"]}
        settings.update(config or {})
        return bench.served(napcat, sop=[folder, OUTSIDE, TEST_SOP], config=settings, start=start, **options)
    return make


def add(client, op, stream=IN, **fields):
    return client.xadd(stream, {"op": op, **fields})


def done(client, timeout=8.0):
    wait_until(lambda: client.xlen(IN) == 0, timeout, what=lambda: "%d commands still wait" % client.xlen(IN))


def points(client, user=U):
    return int(client.hget(store.key("qq1", "u", user), "points") or 0)


def dead(client):
    return [fields for _, fields in client.xrange(DEAD)]


def test_orders_points_tags_and_triggers(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    add(client, "trigger", flow="shop", name="evening", chat=G)      # the groups are known from here on
    napcat.wait_send("没有活动")
    began = time.monotonic()
    add(client, "order", user=U, chat=G, order="A1001", amount=1250, items='[{"name":"鸡蛋"}]')
    napcat.wait_send("下单 A1001:1250 分,鸡蛋")
    assert time.monotonic() - began < (5 if slow_build() else 0.5)
    add(client, "points", user=U, points=30, reason="问卷")
    add(client, "points", user=U, points=-5, id="p1")
    add(client, "points", user=U, points=-5, id="p1")
    add(client, "order", user=U, order="A1001", amount=1250)        # again, and nobody knows where
    add(client, "tag", user=U, tag="bought")
    add(client, "trigger", flow="shop", name="evening", chat=G, args='{"what":"八折"}')
    napcat.wait_send("今晚 八折")
    done(client)
    assert points(client) == 25
    assert client.smembers(store.key("qq1", "tags", U)) == {"bought"}
    order = store.business_events(client, name="order")
    assert [(e["_user"], e["_chat"], e["order"], e["amount"], e["source"]) for e in order] == [
        (str(U), str(G), "A1001", 1250, "commands")]
    assert [e["n"] for e in store.business_events(client, name="points")] == [30, -5]
    assert daemon.metrics().get("sopd_commands_total", gateway="qq1", op="points", outcome="done") == 2
    assert daemon.metrics().get("sopd_commands_total", gateway="qq1", op="points", outcome="duplicate") == 1
    assert not dead(client)


def test_what_is_wrong_goes_to_the_dead_letters_and_holds_nothing_up(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    pipe = client.pipeline()
    pipe.xadd(IN, {"anything": "else"})
    pipe.xadd(IN, {"op": "points", "user": b"\xff\xfe", "points": "1"})
    pipe.xadd(IN, {"op": "points", "user": "a\x00b", "points": "1"})
    pipe.xadd(IN, {"op": "order", "user": U, "order": "x", "amount": "1", "data": '{"x":"%s"}' % ("y" * 70000)})
    pipe.xadd(IN, {"op": "tag", **{"f%d" % i: "x" for i in range(4000)}})
    pipe.xadd(IN, {"op": "order", "user": U, "order": "x", "amount": "1", "items": "[" * 5000 + "]" * 5000})
    pipe.xadd(IN, {"op": "trigger", "flow": "shop", "name": "broken", "chat": G})
    pipe.xadd(IN, {"op": "points", "user": U, "points": "7"})
    pipe.execute()
    done(client)
    assert points(client) == 7
    reasons = [d["dead-reason"] for d in dead(client)]
    assert len(reasons) == 7, reasons
    for reason, part in zip(sorted(reasons), sorted([
            'field "anything" is not known', 'field "user" must be a text', 'field "user" must be a text',
            "the entry is too large", "too many fields", 'field "items" must be a JSON array', "its handler failed"])):
        assert reason.startswith(part), reasons
    broken = [d for d in dead(client) if d.get("name") == "broken"][0]
    assert "坏了" in broken["dead-reason"] and broken["op"] == "trigger" and broken["chat"] == str(G)
    assert store.group(client, "shop", G) == {}, "what a handler that failed wrote is undone"
    assert abs(int(broken["dead-time"]) / 1000 - time.time()) < 60
    for entry in dead(client):
        assert sum(len(k) + len(v) for k, v in entry.items()) < 80000
    assert daemon.metrics().get("sopd_commands_total", gateway="qq1", op="trigger", outcome="dead") == 1


def test_a_group_that_is_not_known_yet_is_waited_for(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    add(client, "trigger", flow="shop", name="evening", chat=G + 77)
    add(client, "points", user=U, points=1)
    wait_until(lambda: points(client) == 1, 5)
    assert client.xlen(IN) == 1
    napcat.emit(ev.group_msg(G + 77, U, "大家好"))
    napcat.wait_send("没有活动")
    done(client)


def chapter():
    with open(os.path.join(ROOT, "docs/operations.md"), encoding="utf-8") as page:
        return re.search(r"^## Other systems$(.*?)^## ", page.read(), re.S | re.M).group(1)


def test_the_examples_of_the_documentation(shop, napcat):
    client = shop().redis.client
    napcat.emit(ev.group_msg(700000001, U, "大家好"))
    wait_until(lambda: client.hexists(store.key("qq1", "chats"), "700000001"), 5)
    lines = re.findall(r"^redis-cli (xadd .*)$", chapter(), re.M)
    assert len(lines) == 5
    for line in lines:
        client.execute_command(*shlex.split(line))
    done(client)
    assert points(client, 3300000001) == 30
    assert client.smembers(store.key("qq1", "tags", 3300000001)) == {"bought"}
    assert store.business_events(client, name="order")[0]["items"] == [{"name": "鸡蛋", "n": 2}]
    assert sorted(d["dead-reason"] for d in dead(client)) == [
        'flow "arrivals" is not served in this chat', "no group that it names has this trigger"]

    # the two users that it proposes can do their work and nothing else
    for line in re.findall(r"`(ACL SETUSER .*?)`", chapter()):
        client.execute_command(*line.replace("PASSWORD", "pw").split())
    seller, reader = (redis_py.Redis(unix_socket_path=client.connection_pool.connection_kwargs["path"], username=name,
                                     password="pw", decode_responses=True) for name in ("shop", "bi"))
    seller.xadd(IN, {"op": "points", "user": U, "points": 1})
    reader.xgroup_create(OUT, "bi", id="0")
    assert reader.xreadgroup("bi", "one", {OUT: ">"}, count=100)
    for wrong in (lambda: seller.xlen(IN), lambda: seller.xadd(OUT, {"a": 1}), lambda: reader.get("sopd:toggles"),
                  lambda: reader.xadd(OUT, {"a": 1})):
        with pytest.raises(redis_py.exceptions.NoPermissionError):
            wrong()


def test_ctl_shows_retries_and_drops(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    add(client, "trigger", flow="nope", name="evening", chat=G, id="t-1")
    add(client, "dance", user=U)
    done(client)
    wait_until(lambda: len(dead(client)) == 2, 5)
    table = daemon.ctl("commands").stdout
    assert "DEAD LETTER" in table and 'flow "nope" is not served in this chat' in table and "dance" in table
    answer = json.loads(daemon.ctl("commands", "qq1", "--json").stdout)
    assert answer[0]["gateway"] == "qq1" and answer[0]["dead"] == 2 and answer[0]["waiting"] == 0
    letters = {letter["fields"]["op"]: letter for letter in answer[0]["letters"]}
    assert letters["trigger"]["fields"]["flow"] == "nope"

    # put back as it is: refused again, and known as another attempt although its id is the same
    daemon.ctl("commands", "--retry", letters["trigger"]["id"])
    wait_until(lambda: any(d.get("attempt") == "1" for d in dead(client)), 5)
    assert len(dead(client)) == 2
    daemon.ctl("commands", "--drop", letters["dance"]["id"])
    assert len(dead(client)) == 1
    assert daemon.ctl("commands", "--drop", letters["dance"]["id"], check=False).returncode == 1
    assert daemon.ctl("commands", "--limit", "0", check=False).returncode == 2

    # a handler that failed because of something else works the second time
    daemon.ctl("commands", "--drop", "all")
    client.set(store.key("qq1", "u", U), "somebody's own")
    add(client, "points", user=U, points=5, id="p-5")
    done(client)
    wait_until(lambda: len(dead(client)) == 1, 5)
    assert "holds a string" in dead(client)[0]["dead-reason"] or "WRONGTYPE" in dead(client)[0]["dead-reason"]
    client.delete(store.key("qq1", "u", U))
    assert "1 dead letter put back" in daemon.ctl("commands", "--retry", "all").stdout
    wait_until(lambda: points(client) == 5, 5)
    done(client)
    assert not dead(client)
    # without a daemon and without a configuration
    daemon.stop()
    add(client, "points", user=U, points=5)
    assert json.loads(daemon.ctl("commands", "--json").stdout)[0]["waiting"] == 1


def test_each_once_under_twenty_kills(shop, napcat):
    """Points of 40 members by entries that come all the time, some of them twice, and orders with their flow."""
    daemon = shop(redis=None)
    client = daemon.redis.client
    rng = random.Random(20261122)
    want, stop, added, orders = {}, threading.Event(), [0], [0]

    def produce():
        own = daemon.redis.connect()
        while not stop.is_set():
            pipe = own.pipeline()
            for _ in range(rng.randint(1, 60)):
                user, n = str(U + rng.randint(0, 39)), rng.choice([-3, 1, 2, 5, 11])
                fields = {"op": "points", "user": user, "points": n}
                if rng.random() < 0.3:
                    fields["chat"] = G + rng.randint(0, 3)
                if rng.random() < 0.3:
                    fields["id"] = "p%d" % added[0]
                    if rng.random() < 0.5:
                        pipe.xadd(IN, fields)
                pipe.xadd(IN, fields)
                added[0] += 1
                want[user] = want.get(user, 0) + n
            for _ in range(rng.randint(0, 3)):
                pipe.xadd(IN, {"op": "order", "user": U, "chat": G, "order": "o%d" % orders[0], "amount": 100})
                orders[0] += 1
            pipe.execute()
            time.sleep(0.01)

    for i in range(4):
        napcat.emit(ev.group_msg(G + i, U, "大家好"))
    worker = threading.Thread(target=produce)
    worker.start()
    try:
        for _ in range(20):
            time.sleep(rng.uniform(0.02, 0.3))
            daemon.kill()
            daemon.start()
    finally:
        stop.set()
        worker.join()
    done(client, 30)
    got = {u: points(client, u) for u in want}
    assert got == want, "%d entries" % added[0]
    spent = client.hgetall(store.key("qq1", "u", U))
    assert (int(spent["orders"]), int(spent["spent"])) == (orders[0], 100 * orders[0])
    assert len(store.business_events(client, name="order")) == orders[0]
    assert len(store.business_events(client, name="points")) == added[0]
    assert not dead(client)
    assert added[0] > 500, added


def test_each_once_while_redis_goes_away(shop, bench, napcat):
    server = bench.redis(append_only=True)
    server.client.config_set("appendfsync", "always")
    daemon = shop(redis=server)
    total = 0
    for i in range(6):
        for n in range(40):
            try:
                add(server.client, "points", user=U, points=1, id="r%d-%d" % (i, n))
            except (redis_py.ConnectionError, redis_py.TimeoutError):
                continue
        if i % 2:
            server.restart(away=0.2)
        for n in range(40):     # a sender that does not know how it went asks again
            wait_until(lambda i=i, n=n: safely(lambda: add(server.client, "points", user=U, points=1,
                                                           id="r%d-%d" % (i, n))), 10)
        total += 40
    wait_until(lambda: safely(lambda: server.client.xlen(IN) == 0), 15)
    assert points(server.client) == total
    assert len(store.business_events(server.client, name="points")) == total
    assert daemon.running()


def test_each_once_when_another_process_takes_the_gateway(shop, bench, napcat):
    first = shop()
    client = first.redis.client
    napcat.emit(ev.group_msg(G, U, "大家好"))
    total = 0

    def more(n):
        nonlocal total
        pipe = client.pipeline()
        for i in range(n):
            pipe.xadd(IN, {"op": "points", "user": U + i % 7, "points": 1, **({"chat": G} if i % 2 else {})})
        pipe.execute()
        total += n
    more(300)
    config = {k: v for k, v in first.config.items() if k not in ("data_dir", "http")}
    second = bench.sopd(config, name="two", start=False)
    second.start(ready=False)
    for _ in range(40):
        more(20)
        time.sleep(0.02)
    second.wait_log("gateway is ours", 10)
    first.wait_log("another process has taken the gateway", 10)
    more(100)
    done(client, 15)
    assert sum(points(client, U + i) for i in range(7)) == total
    assert len(store.business_events(client, name="points")) == total
    assert not dead(client)


def test_forget_removes_a_member(shop, napcat):
    client = shop().redis.client
    add(client, "points", user=U, points=5)
    add(client, "tag", user=U, tag="vip")
    add(client, "points", user=U + 1, points=5)
    done(client)
    add(client, "forget", user=U)
    wait_until(lambda: not client.exists(store.key("qq1", "u", U), store.key("qq1", "tags", U)), 8)
    assert points(client, U + 1) == 5
    wait_until(lambda: [e["user"] for e in store.business_events(client, name="points")] == [str(U + 1)], 8)


def safely(fn):
    try:
        return fn()
    except (redis_py.ConnectionError, redis_py.TimeoutError):
        return None


def test_five_thousand_entries_starve_nobody(shop, napcat):
    daemon = shop(start=False)
    client = daemon.redis.client
    count = 1000 if slow_build() else 5000
    pipe = client.pipeline()
    for i in range(count):
        pipe.xadd(IN, {"op": "points", "user": U + i % 50, "points": 1, "chat": G})
    pipe.execute()
    daemon.start()
    napcat.wait_ready()
    waits, before = [], daemon.rss_kib()
    while client.xlen(IN):
        began = time.monotonic()
        napcat.emit(ev.group_msg(G, U, "累计"))
        napcat.wait_send("累计 %d" % (len(waits) + 1))
        waits.append(time.monotonic() - began)
    assert sum(points(client, U + i) for i in range(50)) == count
    if waits:
        print("members waited at most %.3f s, %d times; memory %+d KiB" % (max(waits), len(waits), daemon.rss_kib() - before))
        assert max(waits) < (5 if slow_build() else 0.5)
    assert daemon.rss_kib() - before < 20000


def test_a_trigger_for_all_groups_reaches_each_once(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    groups = [str(G + i) for i in range(120)]
    for group in groups:
        napcat.emit(ev.group_msg(int(group), U, "大家好"))
    wait_until(lambda: client.hlen(store.key("qq1", "chats")) >= len(groups), 10)
    add(client, "trigger", flow="shop", name="evening", all="yes", args='{"what":"满减"}', id="all-1")
    time.sleep(0.02)
    daemon.kill()
    add(client, "trigger", flow="shop", name="evening", all="yes", args='{"what":"满减"}', id="all-1")
    daemon.start()
    done(client, 15)
    fired = [e["_chat"] for e in store.business_events(client, name="triggered")]
    assert sorted(fired) == sorted(groups)
    assert not dead(client)


def recipe():
    """The worker of docs/events.md, as it stands there, with short waits and an end."""
    with open(os.path.join(ROOT, "docs/events.md"), encoding="utf-8") as page:
        code = re.search(r"^```python\n(.*?)^```", page.read(), re.S | re.M).group(1)
    for was, now in ((r"redis\.Redis\(.*?\)", "client"), (r'me = (.*), "worker1"', r"me = \1, worker"), (r"\.\.\.  +#.*", "stored.append((entry, data))"),
                     ("while True:", "for _ in range(rounds):"), ("min_idle_time=60000", "min_idle_time=idle"), ("block=5000", "block=20")):
        code, n = re.subn(was, now, code)
        assert n == 1, was
    return compile(code, "docs/events.md", "exec")


def test_a_consumer_group_reads_events_and_another_claims_what_one_left(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    worker, stored = recipe(), []

    def work(name, store_, rounds=2, idle=0):
        exec(worker, {"client": client, "worker": name, "stored": store_, "rounds": rounds, "idle": idle})

    work("worker1", stored)                     # makes the group
    for i in range(10):
        add(client, "points", user=U, points=i + 1)
    done(client)

    class Dies(list):
        """Stores three, and is killed before it acknowledges the third."""
        def append(self, item):
            super().append(item)
            if len(self) == 3:
                raise KeyboardInterrupt

    first = Dies()
    with pytest.raises(KeyboardInterrupt):
        work("worker1", first)
    assert client.xpending(OUT, "crm")["pending"] == 8
    work("worker2", stored)
    assert client.xpending(OUT, "crm")["pending"] == 0
    seen = {entry: data["n"] for entry, data in list(first) + stored}
    assert sorted(seen.values()) == list(range(1, 11))
    assert len(first) + len(stored) == 11, "one came twice, under the same entry"


def test_streams_are_cut_at_their_length(shop, napcat):
    daemon = shop(config={"streams": {"events": 1000, "audit": 1000}})
    client = daemon.redis.client
    pipe = client.pipeline()
    for i in range(3000):
        pipe.xadd(IN, {"op": "points", "user": U + i % 20, "points": 1})
    pipe.execute()
    done(client, 20)
    assert 1000 <= client.xlen(OUT) <= 1200, "cut by whole nodes of a hundred"
    assert daemon.running()


def test_the_state_of_a_gateway_is_told(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    assert not store.business_events(client, name="gateway_state")
    links = len(napcat.conns)
    napcat.cut()
    napcat.wait_link(links + 1)
    states = []

    def check():
        states[:] = store.business_events(client, name="gateway_state")
        return len(states) >= 2
    wait_until(check, 10)
    assert [s["up"] for s in states[:2]] == [False, True]
    assert states[0]["_gateway"] == "qq1" and states[0]["_chat"] == ""


def test_a_flow_that_fails_and_a_run_that_fails_are_told(shop, napcat):
    daemon = shop()
    client = daemon.redis.client
    for i in range(6):
        add(client, "trigger", flow="shop", name="broken", chat=G)
    done(client)
    wait_until(lambda: store.business_events(client, name="flow_paused"), 5)
    paused = store.business_events(client, name="flow_paused")
    assert len(paused) == 1
    assert (paused[0]["_flow"], paused[0]["_chat"], paused[0]["minutes"]) == ("shop", str(G), 10)
    assert "坏了" in paused[0]["error"]
    add(client, "trigger", flow="shop", name="late_error", chat=G + 1)
    napcat.emit(ev.group_msg(G + 1, U, "大家好"))
    wait_until(lambda: store.business_events(client, name="run_failed"), 8)
    failed = store.business_events(client, name="run_failed")[0]
    assert failed["_flow"] == "shop" and re.fullmatch("[0-9a-f]{16}", failed["run"]) and "later" in failed["error"]
