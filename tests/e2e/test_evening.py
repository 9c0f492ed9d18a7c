"""The recorded evening through a real WebSocket, with the shipped flows."""

import time
from collections import Counter

import pytest

from harness import Login, dump, evening, events as ev, reserve_port, slow_build, store, wait_until
from harness.eveningsop import make_sop


@pytest.fixture(params=["forward", "reverse", "satori"])
def evening_run(bench, box, request):
    """The whole evening, played as fast as the daemon takes it."""
    config = {"queue": {"chat": 5000, "total": 20000}}
    if request.param == "satori":
        login = Login("llonebot", str(ev.SELF))
        for group, name in {**evening.GROUPS, 700000099: "值班"}.items():
            login.guild(str(group), name)
        gateway = bench.satori(login, style="llonebot")
        daemon = bench.served(login, sop=make_sop(box), config=config)
        return played(gateway, daemon, evening.SatoriPlayer(gateway))
    listen = "127.0.0.1:%d" % reserve_port()
    gateway = bench.gateway("napcat", request.param, target="ws://%s/onebot/v11/ws" % listen)
    gateway.groups = dict(evening.GROUPS)
    entry = {"listen": listen} if request.param == "reverse" else None
    daemon = bench.served(gateway, sop=make_sop(box), entry=entry, config=config)
    return played(gateway, daemon, evening.Player(gateway))


def played(gateway, daemon, player):
    while not player.done:
        player.play(100)
        time.sleep(0.05)
    wait_until(lambda: daemon.queued() == 0, 60 if slow_build() else 20, 0.05,
               "the queues to be empty")
    gateway.settle(3, 60)
    wait_until(lambda: not store.outbox(daemon.redis.client), 30, 0.1, "the outbox to be empty")
    gateway.daemon, gateway.lines = daemon, player.lines
    return gateway


def mentions(gateway, users):
    """How often each of these was called in a group message."""
    wanted = {str(u) for u in users}
    return Counter(user for a in gateway.sends() for user in a.mentions if user in wanted)


def test_the_evening_has_its_effects(evening_run):
    gateway, lines = evening_run, evening_run.lines
    client = gateway.daemon.redis.client
    assert gateway.daemon.metrics().get("sopd_flow_errors_total") == 0, gateway.daemon.log()[-3000:]
    assert len(gateway.conns) == 1, "one link the whole evening"

    joiners = evening.users(lines, "join")
    greeted = mentions(gateway, joiners)
    assert set(greeted) == {str(u) for u in joiners}, "every joiner is greeted"
    assert set(greeted.values()) == {1}, "once: %s" % [u for u, n in greeted.items() if n != 1]

    check_ins(client, lines)
    packet(client, lines)
    assert max(len(a.mentions) for a in gateway.sends()) <= 10
    assert not [v for v in dump(client) if "None" in v or "nil" in v.split(":")]


def check_ins(client, lines):
    """Everybody who checked in, once, whatever was repeated."""
    done = Counter((e["_chat"], e["user"]) for e in store.business_events(client, name="checked_in"))
    wanted = {(str(group), str(u)) for group in evening.GROUPS for u in evening.users(lines, "checkin", group)}
    assert set(done) == wanted and set(done.values()) == {1}
    for group, user in wanted:
        assert store.member(client, "checkin", group, user)["marks"] == "x"


def packet(client, lines):
    """The shares add up to the packet; nobody has two; whoever came first has one."""
    grabbed = store.business_events(client, name="grabbed")
    assert len(grabbed) == evening.PACKET["shares"]
    assert len({e["user"] for e in grabbed}) == len(grabbed)
    assert sum(e["amount"] for e in grabbed) == evening.PACKET["total"]
    assert all(e["amount"] >= 1 for e in grabbed)
    for e in grabbed:
        assert client.hget(store.key("qq1", "u", e["user"]), "points") == str(e["amount"])
    order = []
    for line in lines:
        if line["kind"] == "grab" and str(line["user"]) not in order:
            order.append(str(line["user"]))
    assert [e["user"] for e in grabbed] == order[:evening.PACKET["shares"]], "by arrival"


def test_a_quick_leaver_is_not_greeted(bench, box):
    gateway = bench.gateway("napcat")
    gateway.groups = dict(evening.GROUPS)
    bench.served(gateway, sop=make_sop(box))
    group = next(iter(evening.GROUPS))
    gateway.emit(ev.join(group, 3400000001), ev.join(group, 3400000002))
    gateway.emit(ev.leave(group, 3400000001))
    sent = gateway.wait_send(where=lambda a: "3400000002" in a.mentions, timeout=8)
    assert "3400000001" not in sent.mentions
    gateway.settle(1.5)
    assert not mentions(gateway, [3400000001])
