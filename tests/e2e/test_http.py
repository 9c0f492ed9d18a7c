"""c:http and c:llm against a real server: what comes back, whom nobody may call, deaths in between, crowds."""

import json
import os
import time

import pytest

from harness import TEST_SOP, events as ev, run, slow_build, store, wait_until
from harness.outside import Outside, self_signed

G, U = ev.GROUP, ev.USER


@pytest.fixture
def outside():
    server = Outside().start()
    yield server
    server.close()


def web_sop(box, *more):
    sop = os.path.join(box, "web")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    flows = ("web",) + more
    for flow in flows:
        os.symlink(os.path.join(TEST_SOP, "flows", flow + ".lua"), os.path.join(sop, "flows", flow + ".lua"))
    with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, quiet = false, timezone = "Asia/Shanghai", flows = { %s } }\n' % ", ".join('"%s"' % f for f in flows))
    return sop


def serve(bench, napcat, box, outside=None, more=(), llm=None, **client):
    config = {}
    if outside and "allow" not in client:
        client["allow"] = [outside.url + "/"]
    if client:
        config["http_client"] = client
    if llm:
        config["llm"] = {"url": outside.url + "/v1", "model": "m", **llm}
    return bench.served(napcat, sop=web_sop(box, *more), config=config)


def ask(napcat, text, wanted, group=G, timeout=8.0):
    before = len(napcat.sends())
    napcat.emit(ev.group_msg(group, U, text))
    wait_until(lambda: any(wanted in s.text for s in napcat.sends()[before:]), timeout,
               what=lambda: "%s after %s, but %s" % (wanted, text, [s.text for s in napcat.sends()[before:]]))


def waiting(daemon):
    return daemon.redis.client.hlen(store.key("qq1", "http"))


def test_what_comes_back(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside)
    ask(napcat, "取 %s/text" % outside.url, "得到:200 hello 你好")
    ask(napcat, "取 %s/json?x=%%E7%%89%%9B" % outside.url, '"price": 12')
    ask(napcat, "取 %s/status/503" % outside.url, "得到:503 no")
    ask(napcat, "投 %s/echo" % outside.url, '"method": "POST"')
    sent = outside.asked("/echo")[0]
    assert json.loads(sent[3]) == {"user": str(U)}
    assert sent[2]["content-type"] == "application/json" and sent[2]["user-agent"].startswith("sopd/")
    assert waiting(daemon) == 0
    assert daemon.metrics().get("sopd_http_requests_total", result="ok") == 3


def test_what_goes_wrong(bench, napcat, box, outside):
    serve(bench, napcat, box, outside, body=1048576)
    ask(napcat, "取 %s/never" % outside.url, "没有:timeout")
    ask(napcat, "取 %s/huge/3000000" % outside.url, "没有:too large")
    ask(napcat, "取 %s/huge/200000" % outside.url, "没有:too large")     # more than a run keeps
    ask(napcat, "取 %s/broken" % outside.url, "没有:broken answer")
    ask(napcat, "取 %s/garbage" % outside.url, "没有:broken answer")
    outside.close()
    ask(napcat, "取 %s/text" % outside.url, "没有:no connection")


def test_a_host_that_nobody_knows(bench, napcat, box, outside):
    serve(bench, napcat, box, allow=["http://no-such-host.invalid/", outside.url])
    start = time.time()
    napcat.emit(ev.group_msg(G, U, "取 http://no-such-host.invalid/x"))
    ask(napcat, "取 %s/text" % outside.url, "得到:200", group=G + 1, timeout=1.5)     # the loop goes on meanwhile
    assert time.time() - start < 1.5
    wait_until(lambda: any("没有:" in s.text for s in napcat.sends()), 5)


def test_only_what_is_listed(bench, napcat, box, outside):
    other = Outside().start()
    daemon = serve(bench, napcat, box, allow=[outside.url + "/api/"])
    host = outside.url.split("//")[1]
    for url in (outside.url + "/text", outside.url + "/api", outside.url + "/apix/y", outside.url + "/api/../text",
                outside.url + "/api/%2e%2e/text", other.url + "/api/x", "http://user@%s/api/x" % host,
                "http://%s@127.0.0.1:%d/api/x" % (host, other.port), "file:///etc/passwd", "ftp://%s/api/x" % host,
                "https://%s/api/x" % host, "http://localhost:%d/api/x" % outside.port):
        ask(napcat, "取 " + url, "没有:")
    assert not outside.requests and not other.requests
    ask(napcat, "取 %s/api/x" % outside.url, "得到:200")
    assert "http_client.allow" in daemon.log()
    other.close()


def test_nothing_configured(bench, napcat, box, outside):
    serve(bench, napcat, box)
    ask(napcat, "取 %s/text" % outside.url, "没有:not allowed: add the address to http_client.allow")
    ask(napcat, "写 春天", "没有:off")
    assert not outside.requests


def test_redirects(bench, napcat, box, outside):
    other = Outside().start()
    serve(bench, napcat, box, outside)
    to = outside.url + "/to/"
    ask(napcat, "取 %s/text" % to, "得到:302")                         # not followed unless asked for
    ask(napcat, "取 %s%s/text 3" % (to, outside.url), "得到:200 hello")
    ask(napcat, "取 %s%s%s/text 1" % (to, to, outside.url), "得到:302")  # one, not two
    ask(napcat, "取 %s%s/text 3" % (to, other.url), "没有:not allowed")
    ask(napcat, "取 %sfile:///etc/passwd 3" % to, "没有:")
    ask(napcat, "取 %s%s%s%s%s/text 3" % (to, to, to, to, outside.url), "得到:302")
    assert not other.requests
    other.close()


def test_the_token_of_a_site_is_sent_there_and_shown_nowhere(bench, napcat, box, outside):
    second = Outside().start()
    token = os.path.join(box, "token")
    with open(token, "w") as out:
        out.write("geheim-4711\n")
    os.chmod(token, 0o600)
    daemon = serve(bench, napcat, box, allow=[{"url": outside.url + "/", "token_file": token},
                                              {"url": second.url + "/", "token_file": token, "header": "X-Api-Key"}])
    ask(napcat, "取 %s/text" % outside.url, "得到:200")
    assert outside.requests[-1][2]["authorization"] == "Bearer geheim-4711"
    ask(napcat, "取 %s/text" % second.url, "得到:200")
    assert second.requests[-1][2]["x-api-key"] == "geheim-4711"
    ask(napcat, "取 %s/to/%s/text 1" % (outside.url, second.url), "得到:200")
    assert "authorization" not in second.requests[-1][2] and "x-api-key" not in second.requests[-1][2]
    assert "geheim" not in daemon.log()
    record = store.business_events(daemon.redis.client, name="web")
    assert "geheim" not in str(record)
    second.close()


def test_tls(bench, napcat, box):
    context, cert = self_signed(box)
    server = Outside(tls=context).start()
    daemon = serve(bench, napcat, box, allow=[server.url + "/"])
    ask(napcat, "取 %s/text" % server.url, "没有:tls")
    assert not server.requests
    daemon.config["http_client"]["ca"] = cert
    daemon.stop()
    daemon.start()
    napcat.wait_ready()
    ask(napcat, "取 %s/text" % server.url, "得到:200 hello")
    server.close()


def test_killed_while_it_is_asked(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside)
    napcat.emit(ev.group_msg(G, U, "慢取 %s/slow/1.5" % outside.url))
    napcat.emit(ev.group_msg(G + 1, U, "投 %s/slow/1.5" % outside.url))
    wait_until(lambda: len(outside.requests) == 2, 5)
    daemon.kill()
    daemon.start()
    napcat.wait_ready()
    wait_until(lambda: any("没有:unknown" in s.text for s in napcat.sends()), 8)
    wait_until(lambda: any("得到:200 slow" in s.text for s in napcat.sends()), 8)
    assert sorted(r[0] for r in outside.requests) == ["GET", "GET", "POST"]      # an order is never sent twice
    assert waiting(daemon) == 0
    time.sleep(0.3)
    assert len([s for s in napcat.sends() if "slow" in s.text]) == 1


def test_killed_again_and_again(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside, requests=100)
    for n in range(40):
        napcat.emit(ev.group_msg(G + n % 8, U + n, "慢取 %s/slow/0.7/%d" % (outside.url, n)))
    for _ in range(3):
        time.sleep(0.4)
        daemon.kill()
        daemon.start()
        napcat.wait_ready()
    client = daemon.redis.client
    wait_until(lambda: waiting(daemon) == 0 and len(store.business_events(client, name="web")) == 40, 20,
               what=lambda: "%d waiting, %d done" % (waiting(daemon), len(store.business_events(client, name="web"))))
    assert all(e["status"] == 200 for e in store.business_events(client, name="web"))


def test_a_clean_stop_while_it_is_asked(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside)
    napcat.emit(ev.group_msg(G, U, "慢取 %s/slow/1" % outside.url))
    wait_until(lambda: outside.requests, 5)
    start = time.time()
    daemon.stop()
    assert time.time() - start < 3
    daemon.start()
    napcat.wait_ready()
    wait_until(lambda: any("得到:200 slow" in s.text for s in napcat.sends()), 8)


def test_redis_goes_away_while_it_is_asked(bench, napcat, box, outside):
    redis = bench.redis(append_only=True, args=["--appendfsync", "always"])
    daemon = bench.served(napcat, sop=web_sop(box), redis=redis, config={"http_client": {"allow": [outside.url]}})
    napcat.emit(ev.group_msg(G, U, "慢取 %s/slow/0.5" % outside.url))
    wait_until(lambda: outside.requests, 5)
    redis.kill()
    time.sleep(1.0)
    redis.start()
    wait_until(lambda: any("得到:200 slow" in s.text for s in napcat.sends()), 15)
    assert len([s for s in napcat.sends() if "slow" in s.text]) == 1
    del daemon


def test_a_reload_lists_more(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, allow=["https://example.invalid/"])
    ask(napcat, "取 %s/text" % outside.url, "没有:not allowed")
    daemon.config["http_client"]["allow"].append(outside.url)
    daemon.write_config()
    daemon.process.send_signal(1)
    wait_until(lambda: "msg=reloaded" in daemon.log(), 5)
    ask(napcat, "取 %s/text" % outside.url, "得到:200")


@pytest.mark.parametrize("setting", [("sopd:toggles", "web", "off"), ("sopd:paused", "*", "yes")])
def test_switched_off_while_it_is_asked(bench, napcat, box, outside, setting):
    daemon = serve(bench, napcat, box, outside)
    client = daemon.redis.client
    napcat.emit(ev.group_msg(G, U, "投 %s/slow/0.7" % outside.url))
    wait_until(lambda: outside.requests, 5)
    client.hset(*setting)
    time.sleep(1.2)
    assert not napcat.sends()
    client.hdel(*setting[:2])
    wait_until(lambda: any("得到:200 slow" in s.text for s in napcat.sends()), 8)     # the answer was kept
    assert len(outside.requests) == 1


def test_answers_with_bytes_at_random(bench, napcat, box, outside):
    n = 60 if slow_build() else 150
    daemon = serve(bench, napcat, box, outside, requests=20)
    napcat.emit(*[ev.group_msg(G + i % 16, U + i, "取 %s/mangled/%d" % (outside.url, i)) for i in range(n)])
    client = daemon.redis.client
    wait_until(lambda: len(store.business_events(client, name="web")) == n, 30,
               what=lambda: "%d of %d" % (len(store.business_events(client, name="web")), n))
    assert waiting(daemon) == 0
    ask(napcat, "取 %s/text" % outside.url, "得到:200")


def test_two_hundred_at_once_under_load(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside, more=("probe",), requests=200)
    n = 200
    napcat.emit(*[ev.group_msg(G + i, U + i, "慢取 %s/slow/1.0/%d" % (outside.url, i)) for i in range(n)])
    seconds, start = 3, time.time()
    for tick in range(seconds * 20):                       # 1,000 messages a second beside them
        napcat.emit(*[ev.group_msg(G + i, U, "大家好 %d.%d" % (tick, i)) for i in range(50)])
        time.sleep(max(0, start + (tick + 1) / 20 - time.time()))
    client = daemon.redis.client
    wait_until(lambda: len(store.business_events(client, name="web")) == n, 15,
               what=lambda: "%d of %d" % (len(store.business_events(client, name="web")), n))
    assert all(e["status"] == 200 for e in store.business_events(client, name="web"))
    assert outside.most_open > (50 if slow_build() else 150)
    assert waiting(daemon) == 0
    wait_until(lambda: len(store.business_events(client, name="seen")) >= seconds * 1000, 20)
    metrics = daemon.metrics()
    slow = metrics.get("sopd_loop_seconds_count") - metrics.get("sopd_loop_seconds_bucket", le="0.25")
    assert slow == 0 or slow_build(), "%d iterations of the loop took more than a quarter of a second" % slow


def test_no_more_at_once_than_configured(bench, napcat, box, outside):
    daemon = serve(bench, napcat, box, outside, requests=4)
    napcat.emit(*[ev.group_msg(G + i, U + i, "慢取 %s/slow/0.2/%d" % (outside.url, i)) for i in range(24)])
    client = daemon.redis.client
    wait_until(lambda: len(store.business_events(client, name="web")) == 24, 15)
    assert outside.most_open == 4


def test_the_model(bench, napcat, box, outside):
    key = os.path.join(box, "key")
    with open(key, "w") as out:
        out.write("sk-geheim\n")
    os.chmod(key, 0o600)
    daemon = serve(bench, napcat, box, outside, llm={"key_file": key, "timeout": "1s", "calls_per_day": 6, "words": ["博彩", "ABC"]})
    outside.llm = ["春眠不觉晓", 500, "来玩博彩吧", "全角ABC也算", 3.0]
    ask(napcat, "写 春天", "春眠不觉晓")
    sent = outside.requests[-1]
    assert sent[1] == "/v1/chat/completions" and sent[2]["authorization"] == "Bearer sk-geheim"
    assert json.loads(sent[3])["messages"] == [{"role": "user", "content": "春天"}] and json.loads(sent[3])["model"] == "m"
    ask(napcat, "写 春天", "没有:status 500")
    ask(napcat, "写 春天", "没有:refused")
    ask(napcat, "写 春天", "没有:refused")
    ask(napcat, "写 春天", "没有:timeout")
    outside.llm = "好"
    ask(napcat, "写 春天", "好")
    ask(napcat, "写 春天", "没有:budget")
    assert len(outside.requests) == 6
    assert "geheim" not in daemon.log()
    client = daemon.redis.client
    day = client.keys("sopd:llm:*")
    assert len(day) == 1 and client.hget(day[0], "calls") == "6" and client.ttl(day[0]) > 86400
    client.hset(day[0], "calls", 5)                     # all processes share it
    ask(napcat, "写 春天", "好")
    ask(napcat, "写 春天", "没有:budget")


@pytest.mark.parametrize("text, problem", [
    ('http_client = { allow = { "api.example.com" } }', "an address begins with https"),
    ('http_client = { allow = { "https://u:p@example.com/" } }', "http_client.allow"),
    ('http_client = { allow = { { url = "https://example.com/", token_env = "NO_SUCH_ONE" } } }', "NO_SUCH_ONE"),
    ('http_client = { alow = {} }', "allow"),
    ('llm = { model = "m" }', "llm.url is missing"),
    ('llm = { url = "https://example.com/v1" }', "llm.model is missing"),
    ('llm = { url = "https://example.com/v1", model = "m", timeout = "5m" }', "llm.timeout is at most 60s"),
    ('llm = { url = "https://example.com/v1", model = "m", words = "no-file.txt" }', "no-file.txt"),
    ('llm = { url = "https://example.com/v1", model = "m", flows = { "poem" } }', "llm.flows: write a flow's name"),
    ('llm = { url = "https://example.com/v1", model = "m", flows = { poem = { calls = 3 } } }', "calls"),
    ('llm = { url = "https://example.com/v1", model = "m", flows = { poem = { tokens_per_day = -1 } } }', "tokens_per_day"),
    ('http_client = { allow = { { url = "https://example.com/", private = 1 } } }', "private"),
])
def test_a_wrong_configuration(box, text, problem):
    path = os.path.join(box, "sopd.lua")
    with open(path, "w", encoding="utf-8") as out:
        out.write('return { data_dir = "%s", sop = { "%s" }, gateways = {}, %s }\n' % (box, TEST_SOP, text))
    result = run("check", "--config", path)
    assert result.returncode != 0 and problem in result.stdout + result.stderr
