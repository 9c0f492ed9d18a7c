"""Bad days of the surroundings: a Redis that refuses, a peer that does not read, TLS that does not fit, reloads in a row."""

import os
import signal
import socket
import ssl
import subprocess
import time

import pytest
import websockets

from harness import (TEST_SOP, Gateway, aio, events as ev, gateway_entry, reserve_port, run, slow_build, store,
                     wait_until)
from harness import gateway as harness_gateway

G, U = ev.GROUP, ev.USER


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def total(daemon, group=G):
    return int(store.group(daemon.redis.client, "state", group).get("total", 0))


# -- Redis that answers, but refuses ----------------------------------------------------------------


def refuses(bench, napcat, begin, end):
    """Events that come while Redis refuses writes are worked off when it accepts them again."""
    daemon = bench.served(napcat)
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    begin(daemon.redis)
    for i in range(5):
        say(napcat, "累计", user=U + i)
    time.sleep(1.0)
    assert daemon.running() and napcat.conns[0].open
    assert len(napcat.sends()) == 1, "nothing that is not committed is sent"
    end(daemon.redis)
    napcat.wait_send("累计 6", timeout=12)
    assert total(daemon) == 6
    texts = [a.text for a in napcat.sends()]
    assert texts == ["累计 %d" % i for i in range(1, 7)]


def test_redis_became_a_replica(bench, napcat):
    refuses(bench, napcat, lambda r: r.client.replicaof("127.0.0.1", 1), lambda r: r.client.replicaof("NO", "ONE"))


def test_redis_is_out_of_memory(bench, napcat):
    refuses(bench, napcat,
            lambda r: (r.client.config_set("maxmemory-policy", "noeviction"), r.client.config_set("maxmemory", 1)),
            lambda r: r.client.config_set("maxmemory", 0))


def test_redis_is_busy_with_a_script(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.connect()
    client.config_set("busy-reply-threshold", 100)
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    slow = daemon.redis.connect()
    slow.connection_pool.connection_kwargs["socket_timeout"] = 20
    future = aio.loop().run_in_executor(None, lambda: slow.eval(
        "local t = redis.call('TIME')[1] + 3 while tonumber(redis.call('TIME')[1]) < t do end return 1", 0))
    time.sleep(0.3)
    for i in range(5):
        say(napcat, "累计", user=U + i)
    napcat.wait_send("累计 6", timeout=15)
    assert total(daemon) == 6 and len(napcat.sends("累计")) == 6
    assert future is not None


def test_connections_killed_by_an_admin(bench, napcat):
    daemon = bench.served(napcat)
    for i in range(1, 9):
        say(napcat, "累计")
        if i % 2:
            daemon.redis.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    napcat.wait_send("累计 8", timeout=12)
    assert total(daemon) == 8 and len(napcat.sends("累计")) == 8


# -- a peer that does not read ----------------------------------------------------------------------


def test_redis_loads_its_data(bench, napcat):
    """A big append-only file: the server answers LOADING for a while after its start."""
    server = bench.redis(append_only=True)
    daemon = bench.served(napcat, redis=server)
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    server.client.config_set("key-load-delay", 300)
    server.client.eval("for i = 1, 3000 do redis.call('SET', 'x' .. i, string.rep('y', 100)) end", 0)
    server.args = ["--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024"]
    server.stop()
    for i in range(5):
        say(napcat, "累计", user=U + i)
    server.start()
    napcat.wait_send("累计 6", timeout=15)
    assert total(daemon) == 6 and len(napcat.sends("累计")) == 6


def test_a_peer_that_stops_reading_costs_bounded_memory(bench, napcat):
    daemon = bench.served(napcat, entry={"timing": {"timeout": "60s", "idle": "60s"}})
    say(napcat, "ping 先")
    napcat.wait_send("pong 先")
    before = daemon.rss_kib()
    conn = napcat.conn
    aio.loop().call_soon_threadsafe(conn.ws.transport.pause_reading)
    for i in range(400):
        napcat.emit(*[ev.group_msg(G + i % 40, U + n, "长文 12") for n in range(5)], conn=conn)
    time.sleep(3)
    grown = daemon.rss_kib() - before
    assert grown < (400000 if slow_build() else 40000), grown
    assert daemon.health()[0] in (200, 503)
    aio.loop().call_soon_threadsafe(conn.ws.transport.resume_reading)
    napcat.wait(lambda: len(napcat.sends("第1行")) > 100 or len(napcat.conns) > 1, 15)


def test_two_hundred_links_that_come_and_go(bench, napcat):
    daemon = bench.served(napcat, entry={"timing": {"backoff": "1ms", "backoff_max": "2ms"}})
    fds = len(os.listdir("/proc/%d/fd" % daemon.pid))
    for i in range(200):
        conn = napcat.wait_link(i + 1)
        napcat.cut(conn)
    napcat.wait_link(201)
    say(napcat, "ping 还在")
    napcat.wait_send("pong 还在")
    assert len(os.listdir("/proc/%d/fd" % daemon.pid)) <= fds + 2


# -- reloads and signals ----------------------------------------------------------------------------


def test_many_reloads_under_load(bench, napcat):
    daemon = bench.served(napcat)
    say(napcat, "ping 0")
    napcat.wait_send("pong 0")
    before = daemon.rss_kib()
    for i in range(30):
        for n in range(10):
            say(napcat, "累计", user=U + n)
        daemon.signal(signal.SIGHUP)
        time.sleep(0.03)
    napcat.wait_send("累计 300", timeout=20)
    assert total(daemon) == 300
    assert len(napcat.conns) == 1
    assert daemon.rss_kib() - before < (300000 if slow_build() else 30000)


def test_a_reload_with_a_broken_configuration_changes_nothing(bench, napcat):
    daemon = bench.served(napcat)
    with open(daemon.config_path, "w", encoding="utf-8") as out:
        out.write("return {\n  data_dri = 1,\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"sopd\.lua:\d+")
    say(napcat, "ping 照旧")
    napcat.wait_send("pong 照旧")
    assert any(line == "RELOADING=1" for _, line in daemon.notifications)
    wait_until(lambda: [line for _, line in daemon.notifications].count("READY=1") >= 2, 5)


def test_sigterm_while_redis_is_away(bench, napcat):
    daemon = bench.served(napcat)
    daemon.redis.stop()
    say(napcat, "累计")
    time.sleep(0.3)
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 6.5


def test_sigterm_during_the_start(bench, napcat):
    daemon = bench.served(napcat, start=False)
    for delay in (0.0, 0.005, 0.01, 0.02, 0.05):
        daemon.start(ready=False)
        time.sleep(delay)
        assert daemon.stop() in (0, -signal.SIGTERM)


def test_the_lock_holds_with_an_external_redis_too(bench, napcat):
    daemon = bench.served(napcat)
    done = run("serve", "--config", daemon.config_path)
    assert done.returncode == 4 and str(daemon.pid) in done.stderr


def test_the_http_port_is_taken(bench, napcat):
    daemon = bench.served(napcat)
    other = bench.sopd({"redis": daemon.redis.url, "sop": [TEST_SOP], "gateways": []}, start=False, name="other")
    other.config["http"] = daemon.http
    other.start(ready=False)
    assert other.wait_exit() == 1 and daemon.http.split(":")[1] in other.log()


def test_the_reverse_port_is_taken(bench, napcat):
    taken = socket.create_server(("127.0.0.1", 0))
    listen = "127.0.0.1:%d" % taken.getsockname()[1]
    redis = bench.redis()
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "gateways": [
        gateway_entry(napcat), gateway_entry(None, "qq2", mode="reverse", listen=listen)]}, start=False)
    daemon.start(ready=False)
    wait_until(lambda: listen.split(":")[1] in daemon.log(), 5, what="the port to be named")
    assert daemon.wait_exit() == 1
    taken.close()


# -- the pace that nobody has set -------------------------------------------------------------------


def test_default_pace(bench, napcat):
    daemon = bench.sopd({"redis": bench.redis().url, "sop": [TEST_SOP], "gateways": [
        {"name": "qq1", "type": "onebot11", "mode": "forward", "url": napcat.url, "pace": {"warmup": "0s"}}]})
    napcat.wait_ready()
    say(napcat, "连发 3")
    napcat.wait_send("第 3 条", timeout=10)
    times = [a.time for a in napcat.sends()]
    assert all(b - a >= 1.4 for a, b in zip(times, times[1:])), times
    assert daemon.running()


# -- TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(box):
    """A self-signed certificate for 127.0.0.1: (certificate file, key file)."""
    cert, key = box + "/cert.pem", box + "/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


class SecureGateway(Gateway):
    """A gateway that speaks wss://."""

    def __init__(self, cert, key, **options):
        super().__init__("napcat", **options)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)

    @property
    def url(self):
        return "wss://localhost:%d/" % self.port

    async def _listen(self):
        self._server = await websockets.serve(
            self._serve, "127.0.0.1", self.port or 0, create_protocol=harness_gateway._ServerLink,
            process_request=self._admission, compression=None, ping_interval=None, max_size=None,
            max_queue=None, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]


def secure(bench, certificate):
    gateway = SecureGateway(*certificate).start()
    bench.parts.append(gateway)
    bench.gateways.append(gateway)
    return gateway


def test_wss_forward_with_a_private_ca(bench, certificate):
    gateway = secure(bench, certificate)
    bench.served(gateway, entry={"tls_ca": certificate[0]})
    say(gateway, "ping 加密")
    gateway.wait_send("pong 加密")
    say(gateway, "长文 40")
    gateway.wait_send("第40行", timeout=8)


def test_wss_forward_insecure_by_request(bench, certificate):
    gateway = secure(bench, certificate)
    bench.served(gateway, entry={"tls_insecure": True})
    say(gateway, "ping 加密")
    gateway.wait_send("pong 加密")


def test_wss_with_an_unknown_certificate_is_refused(bench, certificate):
    gateway = secure(bench, certificate)
    daemon = bench.served(gateway, ready=False)
    daemon.wait_log("(?i)certificate|tls", timeout=8)
    time.sleep(1.0)
    assert not gateway.conns and daemon.running()
    assert len(daemon.log_records(level="error|warn", gateway="qq1")) == 1


def test_wss_reverse(bench, certificate):
    port = reserve_port()
    cert, key = certificate
    redis = bench.redis()
    bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "gateways": [
        gateway_entry(None, "qq1", mode="reverse", listen="127.0.0.1:%d" % port, tls_cert=cert, tls_key=key)]})
    context = ssl.create_default_context(cafile=cert)

    async def visit():
        async with websockets.connect("wss://localhost:%d/onebot/v11/ws" % port, ssl=context, compression=None,
                                      extra_headers={"X-Self-ID": str(ev.SELF)}) as ws:
            return await ws.recv()
    assert "get_" in aio.run(visit())
