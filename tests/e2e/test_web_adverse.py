"""c:http and c:llm against servers that are as bad as they come: a clear error value each time, limits kept, and the chats served on."""

import asyncio
import time

import pytest

from harness import events as ev, slow_build, store, wait_until
from harness.outside import Outside, self_signed, signed, sse
from test_http import G, U, ask, outside, serve, waiting, web_sop  # noqa: F401

PATIENCE = 1.5 if slow_build() else 0.5


def pong(napcat, n, group=G + 50):
    """How long an answer in a chat takes that has nothing to do with it."""
    start = time.time()
    napcat.emit(ev.group_msg(group, U, "ping %s" % n))
    wait_until(lambda: any("pong %s" % n in s.text for s in napcat.sends()), 10)
    return time.time() - start


def chat_goes_on(napcat, seconds):
    took = []
    end = time.time() + seconds
    while time.time() < end:
        took.append(pong(napcat, "%d-%d" % (time.monotonic_ns(), len(took))))
        time.sleep(0.05)
    took.sort()
    assert took[len(took) // 2] < PATIENCE / 2 and took[-1] < PATIENCE * 2, took[-3:]


CASES = [
    ("/stall", "timeout"), ("/drip", "timeout"), ("/dripheader", "timeout"), ("/gigabyte", "too large"), ("/endless", "too large"),
    ("/early", "broken answer"), ("/longheader", "没有:"), ("/headers/100000", "too large"), ("/headers/500", "得到:200 ok"),
    ("/chunks/0", "broken answer"), ("/chunks/1", "broken answer"), ("/chunks/2", "broken answer"), ("/chunks/3", "没有:"),
    ("/chunks/4", "broken answer"), ("/chunks/5", "broken answer"), ("/chunks/6", "没有:")]


def test_each_has_its_error(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside, more=("echo",))
    before = daemon.rss_kib()
    for i, (path, _) in enumerate(CASES):
        napcat.emit(ev.group_msg(G + i, U, "取 %s%s" % (outside.url, path)))
    chat_goes_on(napcat, 2.0)
    for i, (path, wanted) in enumerate(CASES):
        wait_until(lambda: any(s.params.get("group_id") == G + i and wanted in s.text for s in napcat.sends()), 8,
                   what=lambda: "%s for %s, but %s" % (wanted, path, [s.text for s in napcat.sends() if s.params.get("group_id") == G + i]))
    assert waiting(daemon) == 0
    assert daemon.rss_kib() - before < (200000 if slow_build() else 40000)


def test_a_crowd_of_the_worst(bench, napcat, box, outside):
    """Sixty at a time that pour without end, stall and drip: no more memory than the limits allow, and nobody else waits."""
    daemon = serve(bench, napcat, box, outside, more=("echo",), requests=20, body=1 << 20)
    pong(napcat, "first")
    before, most = daemon.rss_kib(), 0
    paths = ("/endless", "/stall", "/gigabyte", "/drip", "/headers/100000", "/circle")
    napcat.emit(*[ev.group_msg(G + i, U, "慢取 %s%s" % (outside.url, paths[i % 6])) for i in range(60)])
    end = time.time() + 4
    while time.time() < end:
        assert pong(napcat, time.monotonic_ns()) < PATIENCE * 2
        most = max(most, daemon.rss_kib())
    assert most - before < (400000 if slow_build() else 60000), "%d KiB more" % (most - before)
    assert outside.most_open <= 20
    done = store.business_events(daemon.redis.client, name="web")
    assert {e.get("why") for e in done if e.get("why")} == {"too large"}


def test_round_in_circles(bench, napcat, box, outside):
    serve(bench, napcat, box, outside)
    ask(napcat, "取 %s/circle 3" % outside.url, "得到:302")
    assert len(outside.asked("/circle")) == 4
    ask(napcat, "取 %s/round/1 2" % outside.url, "得到:302")
    assert [r[1] for r in outside.asked("/round")] == ["/round/1", "/round/2", "/round/3"]


def test_a_bomb_stays_packed(bench, napcat, box, outside):
    """sopd asks for nothing packed and unpacks nothing: 100 MB of zeros stay the 100 KB that came, which is too much for a run."""
    daemon = serve(bench, napcat, box, outside)
    before = daemon.rss_kib()
    ask(napcat, "取 %s/bomb" % outside.url, "没有:too large")
    assert "accept-encoding" not in outside.requests[-1][2]
    assert daemon.rss_kib() - before < (100000 if slow_build() else 15000)


@pytest.mark.parametrize("name, days, wanted", [
    ("IP:127.0.0.1", 2, "得到:200"), ("IP:127.0.0.1", -1, "没有:tls"), ("IP:127.0.0.2", 2, "没有:tls"), ("DNS:other.example", 2, "没有:tls")])
def test_certificates(bench, napcat, box, name, days, wanted):
    """Signed by whom we trust, but expired, or for somebody else; nothing of the request is written then."""
    context, authority = signed(box, name, days)
    server = Outside(tls=context).start()
    daemon = serve(bench, napcat, box, allow=[server.url + "/"], ca=authority)
    ask(napcat, "投 %s/text" % server.url, wanted)
    assert len(server.requests) == (1 if wanted == "得到:200" else 0)
    server.close()
    del daemon


def test_signed_by_nobody(bench, napcat, box):
    context, _ = self_signed(box)
    server = Outside(tls=context).start()
    serve(bench, napcat, box, allow=[server.url + "/"])
    ask(napcat, "投 %s/text" % server.url, "没有:tls")
    assert not server.requests
    server.close()


def test_no_way_into_private_networks(bench, napcat, box, outside):
    """A listed name that leads to a private address is not followed there, whatever it looked like when it was listed; who means it says so.
    (127.1 stands for any name: what it is resolved to is looked at, not its letters.)"""
    url = "http://127.1:%d" % outside.port
    daemon = serve(bench, napcat, box, allow=[url + "/", outside.url + "/"])
    ask(napcat, "取 %s/text" % url, "没有:not allowed: this is a private address")
    assert not outside.requests
    assert daemon.metrics().get("sopd_http_requests_total", result="refused") == 1
    ask(napcat, "取 %s/text" % outside.url, "得到:200")
    daemon.config["http_client"]["allow"][0] = {"url": url + "/", "private": True}
    daemon.write_config()
    daemon.process.send_signal(1)
    wait_until(lambda: "msg=reloaded" in daemon.log(), 5)
    ask(napcat, "取 %s/text" % url, "得到:200")


def test_asked_once_more_only_what_may_be(bench, napcat, box, outside):
    """A connection that is lost before an answer: a GET is asked once more, an order never, also not by libcurl on a new connection."""
    serve(bench, napcat, box, outside)
    ask(napcat, "取 %s/text" % outside.url, "得到:200")                      # a connection that is kept
    ask(napcat, "投 %s/garbage" % outside.url, "没有:broken answer")
    assert [r[0] for r in outside.asked("/garbage")] == ["POST"]
    outside.lose = True
    ask(napcat, "取 %s/a" % outside.url, "没有:broken answer")
    ask(napcat, "投 %s/b" % outside.url, "没有:broken answer")
    assert len(outside.asked("/a")) == 2 and len(outside.asked("/b")) == 1


# ---- the model, in pieces ----

def test_a_stream(bench, napcat, box, outside):
    """Where nothing can be shown (QQ) the answer is put together all the same."""
    daemon = serve(bench, napcat, box, outside, llm={"words": ["博彩"]})
    half = "春".encode()
    torn = [b'data: {"choices":[{"delta":{"content":"' + half[:2], half[2:] + b'"}}]}\n\n']
    outside.llm = [
        sse("春眠", "不觉", "晓😀"), sse(*torn, "眠"), sse("<think>博彩?", "</think>好"), "好的", sse("好", done=False, keep=0.1),
        sse("来玩", "博彩", "吧", pause=0.05, keep=30), sse("来", "打", "折", pause=0.05), sse("好", finish=None, done=False), sse(finish="stop"),
        sse("好", {"error": {"message": "overloaded"}}, "好"), sse("好", b"data: {\"cho\n\n"), sse("好", finish="content_filter"), 500,
        sse(*["好" * 2000] * 40), sse(b"data: " + b"x" * 100000), sse("好", keep=30)]
    for wanted in ("春眠不觉晓😀(完)", "春眠(完)", "好(完)", "好的(完)", "好(完)", "没有:refused", "没有:refused", "没有:broken answer", "没有:empty",
                   "没有:broken answer", "没有:broken answer", "没有:refused", "没有:status 500", "没有:too large", "没有:too large", "好(完)"):
        start = time.time()
        ask(napcat, "显 春天", wanted)
        assert time.time() - start < 5                                       # [DONE] ends it, and so does a forbidden word
    assert b'"stream":true' in outside.requests[0][3].replace(b" ", b"")
    assert daemon.redis.client.hgetall(daemon.redis.client.keys("sopd:llm:*")[0])["calls"] == "16"


async def never_ends(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while True:
        writer.write('data: {"choices":[{"delta":{"content":"好"}}]}\n\n'.encode())
        await writer.drain()
        await asyncio.sleep(0.01)


def test_a_stream_without_end(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside, more=("echo",), llm={"timeout": "3s"})
    before = daemon.rss_kib()
    outside.llm = never_ends
    for i in range(10):
        napcat.emit(ev.group_msg(G + i, U, "短显 春天"))
    chat_goes_on(napcat, 2)
    wait_until(lambda: len([s for s in napcat.sends() if "没有:timeout" in s.text]) == 10, 8)
    assert daemon.rss_kib() - before < (100000 if slow_build() else 10000)


# ---- budgets ----

def test_a_share_of_the_budget(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside, llm={"calls_per_day": 100, "flows": {"web": {"calls_per_day": 2}, "*": {"calls_per_day": 50}}})
    ask(napcat, "写 春天", "好的")
    ask(napcat, "显 春天", "好的(完)")
    ask(napcat, "写 春天", "没有:budget")
    day = daemon.redis.client.hgetall(daemon.redis.client.keys("sopd:llm:*")[0])
    assert day["calls"] == day["calls:web"] == "2" and day["tokens"] == day["tokens:web"] == "60"
