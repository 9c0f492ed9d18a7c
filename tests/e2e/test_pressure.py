"""Back-pressure: much at once, a Redis that does not answer, a peer that does not read. What is a command is done once and in its
order; chatter goes first, and is counted; memory has a limit."""

import os
import threading
import time

import pytest

from harness import TEST_SOP, aio, events as ev, slow_build, store, wait_until

G, U = ev.GROUP, ev.USER

FLOW = """local flow = sop.flow("press", { title = "压力" })
flow:command("记", { args = true }, function(c)
  local n = math.tointeger(tonumber(c.args)) or 0
  if n <= (c.group.last or 0) then c.group.wrong = (c.group.wrong or 0) + 1 end
  c.group.last = n
  c.group.count = (c.group.count or 0) + 1
end)
flow:command("问", function(c)
  local answer = c:ask{ timeout = "10m" }
  c.group.answer = answer and answer.text or "none"
end)
flow:on("join", function(c) c.group.joins = (c.group.joins or 0) + 1 end)
flow:command("报", { args = true }, function(c) c:say("第 " .. c.args .. " 号 " .. string.rep("长", 4000)) end)
return flow
"""
BOOK = 'return { title = "压力", groups = { "all" }, quiet = false, private = false, flows = { "press" } }\n'


@pytest.fixture
def sop(box):
    """An SOP in which a message that is no command is of interest to nobody."""
    root = os.path.join(box, "sop")
    for name, text in (("flows/press.lua", FLOW), ("playbooks/press.lua", BOOK)):
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        with open(os.path.join(root, name), "w", encoding="utf-8") as out:
            out.write(text)
    return root


def count(daemon, groups=(G,), field="count"):
    return sum(int(store.group(daemon.redis.client, "press", g).get(field, 0)) for g in groups)


def serve(bench, gateway, sop, queue=None, **options):
    daemon = bench.served(gateway, sop=sop, config={"queue": queue or {}}, **options)
    gateway.emit(*[ev.group_msg(G, U, "记 1")])
    wait_until(lambda: count(daemon) == 1, 10, what="the first command")
    return daemon


def shed(daemon, **labels):
    return daemon.metrics().get("sopd_inputs_shed_total", **labels)


def mixed(group, commands, chatter, start=2):
    """That many commands, numbered, each followed by its share of chatter."""
    each = chatter // commands
    out = []
    for n in range(start, start + commands):
        out.append(ev.group_msg(group, U + n % 50, "记 %d" % n))
        out += [ev.group_msg(group, U + (n + k) % 50, "哈哈 %d %d" % (n, k)) for k in range(each)]
    return out


def away(server, seconds):
    """Redis does not answer for a while, without closing anything."""
    server.client.client_pause(int(seconds * 1000), all=True)


# -- bursts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 100])
def test_ten_thousand_events_at_once_while_redis_pauses(bench, napcat, sop, groups):
    daemon = serve(bench, napcat, sop, {"chat": 200, "total": 2500})
    per = 1000 // groups
    burst = [e for rank in zip(*[mixed(G + g, per, per * 9) for g in range(groups)]) for e in rank]
    assert len(burst) == 10000
    napcat.emit(*[ev.group_msg(G + g, U, "哈") for g in range(groups)])  # who waits for answers there is read
    time.sleep(0.3)
    before = daemon.rss_kib()
    away(daemon.redis, 3)
    began = time.monotonic()
    napcat.emit(*burst)
    wait_until(lambda: daemon.metrics().get("sopd_events_total", type="message") >= 10001 + groups, 15,
               what="all to be read")
    grown = daemon.rss_kib() - before
    assert grown < (200000 if slow_build() else 16000), grown
    all_groups = [G + g for g in range(groups)]
    wait_until(lambda: count(daemon, all_groups) == 1001, 15,
               what=lambda: "1001 commands, are %d" % count(daemon, all_groups))
    assert time.monotonic() - began < 8 or slow_build(), "back within seconds after the pause"
    wait_until(lambda: daemon.queued() == 0, 5)
    assert count(daemon, all_groups) == 1001 and count(daemon, all_groups, "wrong") == 0
    assert shed(daemon, what="chatter") >= 9000 - 2500
    assert shed(daemon) == shed(daemon, what="chatter") + shed(daemon, what="event"), "no command was shed"
    assert daemon.metrics().get("sopd_gateway_pauses_total") == 0
    assert len(napcat.conns) == 1


def test_commands_beyond_the_limit_hold_the_peer_back(bench, napcat, sop):
    """What must not be shed is not read: TCP makes the peer wait, and nothing is lost."""
    daemon = serve(bench, napcat, sop, {"chat": 50, "total": 300}, entry={"timing": {"idle": "3s"}})
    before = daemon.rss_kib()
    away(daemon.redis, 4)
    napcat.emit(*[ev.group_msg(G + n % 5, U, "记 %d" % (2 + n)) for n in range(6000)])
    daemon.wait_metric("sopd_gateway_pauses_total", timeout=5)
    assert daemon.metrics().get("sopd_gateway_reading_paused") == 1
    assert daemon.queued() < 2000, "what was read before it was noticed comes in, and no more"
    assert daemon.rss_kib() - before < (200000 if slow_build() else 12000)
    groups = [G + g for g in range(5)]
    wait_until(lambda: count(daemon, groups) == 6001, 15, what=lambda: "6001, are %d" % count(daemon, groups))
    assert count(daemon, groups, "wrong") == 0 and shed(daemon) == 0
    assert len(napcat.conns) == 1, "silence while it is not read does not count against the peer"
    assert daemon.metrics().get("sopd_gateway_reading_paused") == 0
    napcat.emit(ev.group_msg(G, U, "记 99999"))
    wait_until(lambda: count(daemon, groups) == 6002, 5)


def test_what_cannot_be_held_back_any_longer_is_shed_loudly(bench, napcat, sop):
    daemon = serve(bench, napcat, sop, {"chat": 50, "total": 200, "pause": "1s"})
    away(daemon.redis, 5)
    napcat.emit(*[ev.group_msg(G, U, "记 %d" % (2 + n)) for n in range(5000)],
                *[ev.join(G, U + n) for n in range(20)])
    daemon.wait_metric("sopd_inputs_shed_total", timeout=8, what="message")
    daemon.wait_metric("sopd_inputs_shed_total", timeout=8, what="join", at_least=20)
    assert daemon.log_records(msg="alarm", kind="shed", text="commands are shed")
    wait_until(lambda: daemon.metrics().get("sopd_queue_inputs") == 0, 15)
    wait_until(lambda: count(daemon) + shed(daemon, what="message") == 5001, 10,
               what=lambda: "%d done, %d shed" % (count(daemon), shed(daemon, what="message")))
    assert count(daemon, field="wrong") == 0
    time.sleep(1.2)
    told = daemon.ctl("why", "qq1:%d" % G, "--limit", "0").stdout
    assert "too much at once" in told and "of them commands" in told, told


def test_answers_joins_and_commands_outlive_chatter(bench, napcat, sop):
    daemon = serve(bench, napcat, sop, {"chat": 20, "total": 1000})
    napcat.emit(ev.group_msg(G, U + 1, "问"))
    wait_until(lambda: any("waits" in k for k in daemon.redis.client.scan_iter("sopd:*waits*")), 5)
    away(daemon.redis, 2)
    napcat.emit(ev.group_msg(G, U + 2, "哈"), ev.group_msg(G, U + 1, "我是答案"), ev.join(G, U + 9),
                ev.group_msg(G, U + 3, "记 2"), *[ev.group_msg(G, U + 4, "水 %d" % n) for n in range(3000)],
                ev.group_msg(G, U + 3, "记 3"))
    wait_until(lambda: count(daemon) == 3, 10)
    wait_until(lambda: store.group(daemon.redis.client, "press", G).get("answer") == "我是答案", 5)
    assert count(daemon, field="joins") == 1 and count(daemon, field="wrong") == 0
    assert shed(daemon) > 2500 and shed(daemon) == shed(daemon, what="chatter")


def test_bytes_are_bounded_too(bench, napcat):
    """Long messages that a flow would see: few in number, much in bytes."""
    daemon = bench.served(napcat, sop=TEST_SOP, config={"queue": {"bytes": "1M"}})
    napcat.emit(ev.group_msg(G, U, "ping 先"))
    napcat.wait_send("pong 先")
    before = daemon.rss_kib()
    away(daemon.redis, 2)
    napcat.emit(*[ev.group_msg(G + n % 3, U, "长" * 5000) for n in range(800)], ev.group_msg(G, U, "ping 后"))
    napcat.wait_send("pong 后", timeout=10)
    assert daemon.rss_kib() - before < (200000 if slow_build() else 12000)
    assert shed(daemon, what="event") > 500
    assert daemon.metrics().get("sopd_queue_bytes") == 0


# -- slow Redis -------------------------------------------------------------------------------------


def test_redis_with_a_second_of_latency(bench, napcat, sop):
    daemon = serve(bench, napcat, sop, {"chat": 100, "total": 5000})
    stop = threading.Event()

    def slow():
        while not stop.is_set():
            away(daemon.redis, 0.9)
            time.sleep(1.0)
    worker = threading.Thread(target=slow)
    worker.start()
    try:
        for n in range(2, 302):
            napcat.emit(ev.group_msg(G, U, "记 %d" % n), ev.group_msg(G, U, "哈"))
            time.sleep(0.01)
    finally:
        stop.set()
        worker.join()
    wait_until(lambda: count(daemon) == 301, 15, what=lambda: "301, are %d" % count(daemon))
    assert count(daemon, field="wrong") == 0 and len(napcat.conns) == 1


# -- a peer that does not read ------------------------------------------------------------------------


def test_a_slow_reader_stops_writing_not_reading(bench, napcat, sop):
    """Messages stay in the outbox while the socket is full; what comes in is handled; then each leaves once."""
    daemon = serve(bench, napcat, sop, entry={"timing": {"timeout": "30s", "idle": "30s"}})
    conn, total = napcat.conn, 1200
    before = daemon.rss_kib()
    aio.loop().call_soon_threadsafe(conn.ws.transport.pause_reading)
    napcat.emit(*[ev.group_msg(G + n % 40, U, "报 %d" % n) for n in range(total)], conn=conn)
    wait_until(lambda: daemon.metrics().get("sopd_gateway_socket_bytes") > 200000, 10, what="the socket to be full")
    assert daemon.metrics().get("sopd_gateway_socket_bytes") < 600000
    napcat.emit(*[ev.group_msg(G, U, "记 %d" % n) for n in range(2, 52)], conn=conn)
    wait_until(lambda: count(daemon) == 51, 10, what="commands to be done while nothing can leave")
    assert daemon.metrics().get("sopd_outbox_messages") > 100
    assert daemon.rss_kib() - before < (300000 if slow_build() else 45000), "about 10 KiB a waiting message"
    aio.loop().call_soon_threadsafe(conn.ws.transport.resume_reading)
    napcat.wait(lambda: len(napcat.sends("号")) >= total, 20, lambda: "all, are %d" % len(napcat.sends("号")))
    napcat.settle()
    texts = [a.text[:12] for a in napcat.sends("号")]
    assert len(texts) == len(set(texts)) == total, "each once"
    assert len(napcat.conns) == 1


def test_a_peer_that_never_reads_again_is_given_up(bench, napcat, sop):
    """What had not left the socket's buffer is known not to have left: it stays in the outbox, and nothing leaves twice."""
    daemon = serve(bench, napcat, sop, entry={"timing": {"timeout": "2s", "idle": "30s"}})
    conn, total = napcat.conn, 1200
    aio.loop().call_soon_threadsafe(conn.ws.transport.pause_reading)
    napcat.emit(*[ev.group_msg(G + n % 40, U, "报 %d" % n) for n in range(total)], conn=conn)
    daemon.wait_log("the peer does not read", timeout=10)
    napcat.wait_link(2)
    frame = 4000 * 3
    most = (13 << 20) // frame    # what two kernels and our own socket buffer may hold (4 + 6 MiB, 256 KiB, and some)
    lost = daemon.metrics().get("sopd_sends_total", outcome="unknown")
    waiting = daemon.metrics().get("sopd_outbox_messages")
    assert waiting + lost >= total - len(napcat.sends("号")) - most and waiting >= total - most - 50
    texts = [a.text[:12] for a in napcat.sends("号")]
    assert len(texts) == len(set(texts))
