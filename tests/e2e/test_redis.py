"""External Redis: how it is reached, and what happens while it is away."""

import threading
import time

from harness import TEST_SOP, events as ev, gateway_entry, slow_build, store, wait_until

G, U = ev.GROUP, ev.USER


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def test_tcp_with_user_and_database(bench, napcat):
    server = bench.redis(tcp=True, acl=("sopd", "pw-1"))
    daemon = bench.sopd({"redis": server.tcp_url(3), "sop": [TEST_SOP], "gateways": [gateway_entry(napcat)]})
    napcat.wait_ready()
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    assert store.group(server.connect(db=3), "state", G) == {"total": "1"}
    assert server.connect(db=0).dbsize() == 0
    assert "pw-1" not in daemon.log()


def test_wrong_password_is_said_and_tried_again(bench, napcat):
    server = bench.redis(tcp=True, acl=("sopd", "right"))
    daemon = bench.sopd({"redis": server.tcp_url().replace("right", "wrong"), "sop": [TEST_SOP],
                         "gateways": [gateway_entry(napcat)]}, start=False)
    daemon.start(ready=False)
    daemon.wait_log("(?i)WRONGPASS|password", timeout=8)
    assert "wrong@" not in daemon.log()
    assert daemon.running()


def test_a_redis_that_is_not_there_yet(bench, napcat):
    server = bench.redis()
    server.stop()
    daemon = bench.sopd({"redis": server.url, "sop": [TEST_SOP], "gateways": [gateway_entry(napcat)]},
                        start=False)
    daemon.start(ready=False)
    daemon.wait_log("(?i)redis", timeout=5)
    time.sleep(0.5)
    assert daemon.running()
    server.start()
    daemon.wait_notified("READY=1", 10)
    napcat.wait_ready()
    say(napcat, "累计")
    napcat.wait_send("累计 1")


def away_under_load(bench, napcat, leave, come_back, seconds, notice=5):
    """Load on five groups while Redis is away; returns the daemon. Nothing committed is lost."""
    server = bench.redis(append_only=True)
    server.client.config_set("appendfsync", "always")
    daemon = bench.served(napcat, redis=server)
    stop = threading.Event()
    sent = [0] * 5

    def load():
        while not stop.is_set():
            for i in range(5):
                napcat.emit(ev.group_msg(G + i, U, "累计"))
                sent[i] += 1
            time.sleep(0.01)
    worker = threading.Thread(target=load)
    worker.start()
    try:
        napcat.wait_send("累计 10")
        leave(server)
        left = time.monotonic()
        wait_until(lambda: daemon.health()[0] == 503, notice, what="/healthz to say 503")
        assert daemon.health()[1]["redis"]["up"] is False
        assert napcat.conn.open
        time.sleep(max(0, seconds - (time.monotonic() - left)))
        come_back(server)
        wait_until(lambda: daemon.health()[0] == 200, 10, what="/healthz to say 200 again")
    finally:
        stop.set()
        worker.join()
    dropped = 0

    def settled():
        nonlocal dropped
        dropped = daemon.metrics().get("sopd_inputs_shed_total")
        done = sum(int(store.group(server.client, "state", G + i).get("total", 0)) for i in range(5))
        return done + dropped == sum(sent)
    wait_until(settled, 60 if slow_build() else 20, every=0.1,
               what=lambda: "%s events to be counted, %s dropped, %s" % (
                   sum(sent), dropped, [store.group(server.client, "state", G + i) for i in range(5)]))
    for i in range(5):
        answers = [a.text for a in napcat.sends(chat=G + i)]
        assert len(set(answers)) == len(answers), "an answer was given twice"
    assert len(napcat.conns) == 1
    return daemon


def test_redis_stopped_and_started_under_load(bench, napcat):
    away_under_load(bench, napcat, lambda s: s.stop(), lambda s: s.start(), 3)


def test_redis_killed_and_started_under_load(bench, napcat):
    away_under_load(bench, napcat, lambda s: s.kill(), lambda s: s.start(), 1)


def test_redis_hanging_under_load(bench, napcat):
    away_under_load(bench, napcat, lambda s: s.pause(), lambda s: s.resume(), 1, 15)


def test_the_queue_is_bounded_while_redis_is_away(bench, napcat):
    server = bench.redis()
    daemon = bench.served(napcat, redis=server, config={"queue": {"total": 5000, "pause": "2s"}})
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    server.stop()
    wait_until(lambda: daemon.health()[0] == 503, 5)
    before = daemon.rss_kib()
    for _ in range(30):
        napcat.emit(*[ev.group_msg(G + i % 50, U + i, "累计") for i in range(1000)])
    daemon.wait_metric("sopd_inputs_shed_total", timeout=15)
    assert daemon.rss_kib() - before < (400000 if slow_build() else 60000)
    server.start()
    wait_until(lambda: daemon.health()[0] == 200, 10)
    # as long as the queue is full, and the gateway was not read for long enough, what comes is shed
    wait_until(lambda: daemon.metrics().get("sopd_queue_inputs") < 4000, 60, what="room in the queue")
    say(napcat, "ping 回来")
    napcat.wait_send("pong 回来", timeout=60)


def test_a_flushed_redis_does_not_stop_service(bench, napcat):
    """FLUSHALL and SCRIPT FLUSH by somebody: scripts are loaded again, the epoch is taken again."""
    daemon = bench.served(napcat)
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    daemon.redis.client.script_flush()
    say(napcat, "累计")
    napcat.wait_send("累计 2")


def test_a_key_of_the_wrong_kind_hurts_only_its_turn(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    client.set(store.key("qq1", "g", "state", G), "somebody was here")
    say(napcat, "累计")
    daemon.wait_log("level=error")
    say(napcat, "ping 还行")
    say(napcat, "累计", group=G + 1)
    napcat.wait_send("pong 还行")
    napcat.wait_send("累计 1", chat=G + 1)
    client.delete(store.key("qq1", "g", "state", G))
    say(napcat, "累计")
    napcat.wait_send("累计 1", chat=G)


def test_losing_the_epoch_stops_the_sends(bench, napcat):
    """Another process took the gateway: this one commits nothing more."""
    daemon = bench.served(napcat)
    client = daemon.redis.client
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    client.incrby(store.key("qq1", "epoch"), 5)
    say(napcat, "累计")
    daemon.wait_log("(?i)owner|epoch")
    time.sleep(0.5)
    assert store.group(client, "state", G)["total"] == "1"
    assert not napcat.sends("累计 2")


def test_a_second_daemon_takes_over(bench, napcat):
    """Two daemons with the same gateway, by mistake: the later one serves, each event is answered once."""
    first = bench.served(napcat)
    conn = napcat.conn
    settings = {k: v for k, v in first.config.items() if k not in ("data_dir", "http")}
    second = bench.sopd(settings, name="second")
    newer = napcat.wait_link(2)
    napcat.wait_action("get_login_info", where=lambda a: a.conn is newer)
    for i in range(10):
        event = ev.group_msg(G, U, "累计")
        for link in (conn, newer):
            if link.open:
                napcat.emit(event, conn=link)
    napcat.wait_send("累计 10")
    napcat.settle(0.4)
    assert store.group(first.redis.client, "state", G)["total"] == "10"
    sends = napcat.sends("累计")
    assert len(sends) == 10 and all(a.conn is newer for a in sends)
    first.wait_log("(?i)owner|epoch|another")
    assert second.health()[0] == 200 and first.running()
    assert first.health()[1]["gateways"][0]["owner"] is False


def test_clients_are_named(bench, napcat):
    daemon = bench.served(napcat)
    names = [c["name"] for c in daemon.redis.client.client_list()]
    assert any(n.startswith("sopd") for n in names), names
