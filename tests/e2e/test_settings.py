"""Toggles, parameters and tags that admins write with any Redis client."""

import time

from harness import events as ev, wait_until

G, U = ev.GROUP, ev.USER


def probe(napcat, group=G):
    """Does the flow answer here now? A second flow's answer tells that the turn is over."""
    n = ev.next_message_id()
    napcat.emit(ev.group_msg(group, U, "ping %d" % n))
    napcat.emit(ev.group_msg(group, U, "限次"), ev.group_msg(group, U, "存取", message_id=n + 500000))
    napcat.wait(lambda: [a for a in napcat.sends("存好了", chat=group) if a.time > probe.since], 5)
    probe.since = time.monotonic()
    return bool(napcat.sends("pong %d" % n))


probe.since = 0


def test_a_toggle_is_obeyed_within_100_ms(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    assert probe(napcat)
    for value, answers in (("off", False), ("on", True), ("off", False)):
        client.hset("sopd:toggles", "echo", value)
        time.sleep(0.1)
        assert probe(napcat) is answers
    client.hdel("sopd:toggles", "echo")
    time.sleep(0.1)
    assert probe(napcat)


def test_precedence_of_toggles(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    assert probe(napcat)
    client.hset("sopd:toggles", "echo", "off")
    client.hset("sopd:toggles:gw:qq1", "echo", "on")
    time.sleep(0.1)
    assert probe(napcat)
    client.hset("sopd:chat-tags:qq1", str(G), "store,north")
    client.hset("sopd:toggles:tag:north", "echo", "off")
    time.sleep(0.15)
    assert not probe(napcat)
    assert probe(napcat, G + 1)
    client.hset("sopd:toggles:chat:qq1:%d" % G, "echo", "on")
    time.sleep(0.1)
    assert probe(napcat)
    client.delete("sopd:toggles:chat:qq1:%d" % G, "sopd:toggles:tag:north", "sopd:toggles:gw:qq1")
    time.sleep(0.15)
    assert not probe(napcat)


def test_parameters_are_overridden(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client

    def gain(user):
        napcat.emit(ev.group_msg(G, user, "加分"))
        return napcat.wait_send(where=lambda a: str(user) in a.mentions).text
    assert "得 1 分" in gain(U)
    client.hset("sopd:params", "state.bonus", "7")
    time.sleep(0.1)
    assert "得 7 分" in gain(U + 1)
    client.hset("sopd:params:chat:qq1:%d" % G, "state.bonus", "9")
    time.sleep(0.1)
    assert "得 9 分" in gain(U + 2)
    client.hset("sopd:params:chat:qq1:%d" % G, "state.bonus", "a lot")
    daemon.wait_log("state.bonus")
    assert "得 9 分" in gain(U + 3), "the last good value of that very field stays"


def test_toggles_survive_a_redis_restart(bench, napcat):
    server = bench.redis(append_only=True)
    daemon = bench.served(napcat, redis=server)
    server.client.hset("sopd:toggles", "echo", "off")
    time.sleep(0.1)
    assert not probe(napcat)
    server.restart()
    wait_until(lambda: daemon.health()[1]["redis"]["up"], 10)
    assert not probe(napcat)
    server.client.hset("sopd:toggles", "echo", "on")
    wait_until(lambda: probe(napcat), 4, 0.1, "the toggle, once the subscription is back too")


def test_toggles_after_the_subscription_was_cut(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    assert probe(napcat)
    for value, answers in (("off", False), ("on", True)):
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        client.hset("sopd:toggles", "echo", value)
        wait_until(lambda want=answers: probe(napcat) is want, 5, 0.1, "the toggle to be obeyed")


def test_ctl_shows_and_sets_toggles(bench, napcat):
    daemon = bench.served(napcat)
    assert probe(napcat)
    daemon.ctl("toggles", "set", "echo", "off")
    time.sleep(0.1)
    assert not probe(napcat)
    assert "echo" in daemon.ctl("toggles").stdout
    for args in (["status"], ["gateways"], ["chats"], ["flows", "qq1:%d" % G], ["outbox"]):
        assert daemon.ctl(*args).stdout, args
    assert "qq1" in daemon.ctl("gateways").stdout
    assert str(G) in daemon.ctl("chats").stdout
