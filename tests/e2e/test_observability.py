"""What an operator sees: logs, health, metrics."""

import os
import re
import socket
import time

from harness import SILENCE, events as ev, parse_logfmt, store, wait_until

G, U = ev.GROUP, ev.USER


def say(gateway, what, group=G, user=U, **fields):
    gateway.emit(ev.group_msg(group, user, what, **fields))


def test_logs_are_logfmt_without_secrets_or_texts(bench):
    gateway = bench.gateway("napcat", token="T0ken-very-secret")
    daemon = bench.served(gateway)
    say(gateway, "说 私密的内容", name="名字\n level=error msg=forged\x1b[31m")
    gateway.wait_send("私密的内容")
    say(gateway, "普通错误", name="x\ny")
    daemon.wait_metric("sopd_flow_errors_total")
    log = daemon.log()
    for line in log.splitlines():
        record = parse_logfmt(line)
        assert record and record["level"] in ("debug", "info", "warn", "error"), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"]), line
    assert "T0ken" not in log and "私密的内容" not in log
    assert "\x1b" not in log and "msg=forged" not in log.replace('\\"', "")
    assert daemon.log_records(gateway="qq1", msg="(?i)ready|connected")


def test_journald_priorities(bench, napcat):
    daemon = bench.served(napcat, start=False)
    err = open(daemon.log_path, "ab")
    stat = os.fstat(err.fileno())
    err.close()
    daemon.env["JOURNAL_STREAM"] = "%d:%d" % (stat.st_dev, stat.st_ino)
    daemon.start()
    napcat.wait_ready()
    lines = daemon.log().splitlines()
    assert lines and all(re.match(r"<[0-7]>", line) for line in lines), lines[:5]
    assert "ts=" not in daemon.log()


def test_health_is_truthful(bench, napcat):
    daemon = bench.served(napcat)
    status, body = daemon.health()
    assert status == 200 and body["status"] == "ok", body
    napcat.admit = "silent"
    napcat.cut()
    wait_until(lambda: "qq1" in str(daemon.health()[1]) and
               daemon.health()[1] != body, 5, what="the lost link to show")
    napcat.admit = "ok"
    napcat.wait(lambda: napcat.conns[-1].open, 10)
    wait_until(lambda: daemon.health()[1]["status"] == "ok", 10, what="health to be ok again")


def test_http_answers_only_what_it_should(bench, napcat):
    daemon = bench.served(napcat)
    assert daemon.get("/elsewhere")[0] == 404
    assert daemon.get("/healthz?x=1")[0] == 200
    host, port = daemon.http.split(":")
    for request in (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                    b"rubbish\r\n\r\n", b"GET /" + b"x" * 50000 + b" HTTP/1.1\r\n\r\n",
                    b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n"):
        with socket.create_connection((host, int(port)), 3) as sock:
            try:
                sock.sendall(request)
                answer = sock.recv(100)
                assert not answer.startswith(b"HTTP/1.1 200"), request[:60]
            except ConnectionError:
                pass
    idle = [socket.create_connection((host, int(port))) for _ in range(50)]
    assert daemon.get("/healthz")[0] == 200
    for sock in idle:
        sock.close()


def test_metrics_count_what_happens(bench, napcat):
    daemon = bench.served(napcat)
    for i in range(5):
        say(napcat, "ping %d" % i)
    event = ev.group_msg(G, U, "累计")
    napcat.emit(event)
    napcat.wait_send("累计 1")
    napcat.emit(event)
    napcat.emit(ev.join(G, U + 5))
    napcat.emit_text("{", "nope")
    daemon.wait_metric("sopd_sends_total", 6, gateway="qq1", outcome="sent")
    daemon.wait_metric("sopd_frames_bad_total", 2, gateway="qq1")
    daemon.wait_metric("sopd_events_total", 1, gateway="qq1", type="join")
    metrics = daemon.metrics()
    assert metrics.get("sopd_duplicates_total") + metrics.get("sopd_events_repeated_total") >= 1
    assert metrics.get("sopd_events_total", gateway="qq1", type="message") >= 6
    assert metrics.get("sopd_events_total", gateway="qq1", type="join") == 1
    assert metrics.get("sopd_turns_total") >= 6
    assert metrics.get("sopd_commits_total") >= 1
    assert metrics.get("sopd_frames_bad_total", gateway="qq1") == 2
    for name in ("sopd_turn_seconds_count", "sopd_handle_seconds_count", "sopd_loop_seconds_count"):
        assert metrics.get(name) > 0, name
    names = sorted(metrics.names())
    assert metrics.get("sopd_lua_memory_bytes", flow="echo") > 10000
    for pattern in ("sopd_.*queue", "sopd_.*outbox", "sopd_redis_.*seconds_count", "sopd_gateway_.*up"):
        assert [n for n in names if re.match(pattern, n)], (pattern, names)
    assert "# HELP sopd_events_total" in metrics.text and "# TYPE sopd_events_total counter" in metrics.text


def test_unknown_sends_are_counted(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "丢弃 x")
    napcat.wait_send("drop x")
    daemon.kill()
    daemon.start()
    napcat.wait_link(2)
    daemon.wait_metric("sopd_sends_total", 1, 10, outcome="unknown")
    time.sleep(0.5)
    assert len(napcat.sends("drop x")) == 1
    wait_until(lambda: not store.outbox(daemon.redis.client), 20)
