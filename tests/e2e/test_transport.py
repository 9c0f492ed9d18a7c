"""The wire: TLS with real certificates, proxies, IPv6, compression, messages of many megabytes and in many pieces."""

import asyncio
import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib

import pytest
import websockets

from harness import (TEST_SOP, Gateway, RawPeer, aio, events as ev, gateway_entry, reserve_port, slow_build, store,
                     wait_until)
from harness import gateway as harness_gateway

G, U = ev.GROUP, ev.USER
SECRET = "geheim-7f3a"


def say(gateway, what, **options):
    gateway.emit(ev.group_msg(G, U, what), **options)


class Wire(Gateway):
    """A gateway with TLS, compression or another address."""

    def __init__(self, name="localhost", host="127.0.0.1", tls=None, compression=None, port=None):
        super().__init__("napcat")
        self.name, self.host, self.tls, self.compression, self.port = name, host, tls, compression, port

    @property
    def url(self):
        return "%s://%s:%d/" % ("wss" if self.tls else "ws", self.name, self.port)

    async def _listen(self):
        self._server = await websockets.serve(
            self._serve, self.host, self.port or 0, create_protocol=harness_gateway._ServerLink,
            process_request=self._admission, compression=self.compression, ping_interval=None, max_size=None,
            max_queue=None, close_timeout=1, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]


def wire(bench, **options):
    gateway = Wire(**options).start()
    bench.parts.append(gateway)
    bench.gateways.append(gateway)
    return gateway


# -- certificates -----------------------------------------------------------------------------------


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    """A CA in a directory, and what it signs."""

    def __init__(self, directory, name="ca"):
        self.dir, self.name = directory, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=" + name, "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"))
        self.pem = self.path(name + ".pem")

    def path(self, name):
        return os.path.join(self.dir, name)

    def sign(self, name, hosts="DNS:localhost,IP:127.0.0.1,IP:::1", days=2):
        key, csr, pem, ext = (self.path("%s.%s" % (name, e)) for e in ("key", "csr", "pem", "ext"))
        with open(ext, "w", encoding="ascii") as out:
            out.write("subjectAltName=%s\n" % hosts)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                "-keyout", key, "-out", csr)
        openssl("x509", "-req", "-in", csr, "-CA", self.pem, "-CAkey", self.path(self.name + ".key"),
                "-CAcreateserial", "-days", str(days), "-extfile", ext, "-out", pem)
        return pem, key


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("pki"))
    ca, other = Authority(directory), Authority(directory, "stranger")
    return {"ca": ca, "good": ca.sign("good"), "elsewhere": ca.sign("elsewhere", "DNS:elsewhere.example"),
            "expired": ca.sign("expired", days=-1), "stranger": other.sign("unknown"), "bot": ca.sign("bot"),
            "self": (other.pem, other.path("stranger.key"))}


def context(files, **options):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    for name, value in options.items():
        setattr(tls, name, value)
    return tls


@pytest.mark.parametrize("which,words", [
    ("elsewhere", "certificate is for another name than localhost"), ("expired", "certificate has expired"),
    ("stranger", "signed by an unknown CA"), ("self", "certificate is self-signed")])
def test_wrong_certificates_are_refused_and_named(bench, pki, which, words):
    gateway = wire(bench, tls=context(pki[which]))
    daemon = bench.served(gateway, entry={"tls_ca": pki["ca"].pem}, ready=False)
    daemon.wait_log(words)
    time.sleep(0.3)
    assert not gateway.conns
    assert len(daemon.log_records(level="error|warn", gateway="qq1")) == 1


def test_the_right_certificate_and_the_name_that_was_asked_for(bench, pki):
    asked = []
    tls = context(pki["good"])
    tls.sni_callback = lambda sock, name, ctx: asked.append((name, sock.version()))
    gateway = wire(bench, tls=tls)
    bench.served(gateway, entry={"tls_ca": pki["ca"].pem})
    say(gateway, "ping 对")
    gateway.wait_send("pong 对")
    assert asked[0][0] == "localhost"
    by_address = wire(bench, name="127.0.0.1", tls=context(pki["good"]))
    bench.served(by_address, entry={"tls_ca": pki["ca"].pem}, name="second")


class Blunt:
    """A TLS server that says why it refuses (asyncio's hangs up without a word), and does nothing else."""

    def __init__(self, tls):
        self.tls, self.server = tls, socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
                with self.tls.wrap_socket(client, server_side=True) as s:
                    s.recv(4096)
            except ssl.SSLError:
                client.close()
            except OSError:
                return

    @property
    def url(self):
        return "wss://localhost:%d/" % self.port


def refused(bench, tls, pki, words):
    blunt = Blunt(tls)
    daemon = bench.sopd({"redis": bench.redis().url, "sop": [TEST_SOP], "gateways": [gateway_entry(
        None, "qq1", mode="forward", url=blunt.url, tls_ca=pki["ca"].pem)]}, name="refused")
    daemon.wait_log(words)
    blunt.server.close()


def test_a_server_that_asks_who_we_are(bench, pki):
    tls = context(pki["good"], verify_mode=ssl.CERT_REQUIRED)
    tls.load_verify_locations(pki["ca"].pem)
    refused(bench, tls, pki, "wants a client certificate")
    gateway = wire(bench, tls=tls)
    cert, key = pki["bot"]
    bench.served(gateway, entry={"tls_ca": pki["ca"].pem, "tls_cert": cert, "tls_key": key})
    say(gateway, "ping 认识")
    gateway.wait_send("pong 认识")


def test_no_tls_where_tls_is_expected(bench, napcat):
    daemon = bench.served(napcat, ready=False, entry={"url": napcat.url.replace("ws://", "wss://")})
    daemon.wait_log("does not speak TLS")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_older_than_1_2_is_refused(bench, pki):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    except (ssl.SSLError, ValueError):
        pytest.skip("this machine's OpenSSL has no TLS 1.1 to refuse")
    tls.load_cert_chain(*pki["good"])
    refused(bench, tls, pki, "no TLS 1.2 or newer")


def test_a_renewed_certificate_is_served_without_a_restart(bench, pki, box):
    port = reserve_port()
    files = [os.path.join(box, n) for n in ("cert.pem", "key.pem")]
    for source, target in zip(pki["elsewhere"], files):
        shutil.copy(source, target)
    daemon = bench.sopd({"redis": bench.redis().url, "sop": [TEST_SOP], "gateways": [gateway_entry(
        None, "qq1", mode="reverse", listen="127.0.0.1:%d" % port, tls_cert=files[0], tls_key=files[1])]})
    trust = ssl.create_default_context(cafile=pki["ca"].pem)

    def visit():
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with trust.wrap_socket(plain, server_hostname="localhost") as tls:
                return tls.version()
    with pytest.raises(ssl.SSLError):
        visit()
    for source, target in zip(pki["good"], files):
        shutil.copy(source, target + ".new")
        os.replace(target + ".new", target)
    assert visit() == "TLSv1.3"
    assert daemon.running()


# -- proxies ----------------------------------------------------------------------------------------


class Proxy:
    """An HTTP proxy that knows CONNECT; status: what it answers instead."""

    def __init__(self, user=None, status=None, reach=None):
        self.user, self.status, self.reach = user, status, reach
        self.asked = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        text = head.decode()
        self.asked.append(text)
        if self.status == "nonsense":
            client.sendall(b"220 mail.example ESMTP\r\n")
            return client.close()
        want = "Basic " + base64.b64encode((self.user or "").encode()).decode()
        status = 407 if self.user and want not in text else self.status
        if status:
            client.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            return client.close()
        host, _, port = text.split()[1].rpartition(":")
        remote = socket.create_connection((self.reach or host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for a, b in ((client, remote), (remote, client)):
            threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.server.close()


@pytest.fixture
def proxy():
    made = []

    def make(**options):
        made.append(Proxy(**options))
        return made[-1]
    yield make
    for p in made:
        p.close()


def test_ws_and_wss_through_a_proxy_with_a_password(bench, pki, proxy, napcat):
    door = proxy(user="bot:" + SECRET)
    own = "http://bot:%s@127.0.0.1:%d" % (SECRET, door.port)
    safe = wire(bench, tls=context(pki["good"]))
    daemon = bench.served(napcat, safe, entry={"proxy": own, "tls_ca": pki["ca"].pem})
    for gateway in (napcat, safe):
        say(gateway, "ping 代理")
        gateway.wait_send("pong 代理")
    assert sorted(a.split()[1] for a in door.asked) == sorted(
        ["127.0.0.1:%d" % napcat.port, "localhost:%d" % safe.port])
    assert SECRET not in daemon.log() and base64.b64encode(b"bot:" + SECRET.encode()).decode() not in daemon.log()


@pytest.mark.parametrize("options,own,words", [
    ({"user": "bot:" + SECRET}, "http://127.0.0.1:%d", "the proxy wants a user and password"),
    ({"user": "bot:" + SECRET}, "http://bot:wrong@127.0.0.1:%d", "the proxy refuses our user and password"),
    ({"status": 403}, "http://127.0.0.1:%d", "the proxy does not allow a connection to that address"),
    ({"status": 502}, "http://127.0.0.1:%d", "the proxy cannot reach the address"),
    ({"status": "nonsense"}, "http://127.0.0.1:%d", "what should be a proxy is none"),
    (None, "http://127.0.0.1:1", "the proxy: Connection refused")])
def test_what_a_proxy_may_say(bench, proxy, napcat, options, own, words):
    door = proxy(**options) if options is not None else None
    daemon = bench.served(napcat, ready=False, entry={"proxy": own % door.port if door else own})
    daemon.wait_log(words)
    assert not napcat.conns and SECRET not in daemon.log()


def test_the_environment_names_a_proxy(bench, proxy):
    """http_proxy is for ws; what is on this machine, and in no_proxy, goes straight; "none" does, too."""
    door = proxy(reach="127.0.0.1")
    env = {"http_proxy": "http://127.0.0.1:%d" % door.port, "no_proxy": "inside.example, .corp"}
    far, near = wire(bench, name="qq.outside.example"), wire(bench)
    bench.served(far, near, env=env)
    say(far, "ping 远")
    far.wait_send("pong 远")
    assert [a.split()[1] for a in door.asked] == ["qq.outside.example:%d" % far.port], "localhost went straight"
    spared = wire(bench, name="a.corp")
    daemon = bench.served(spared, env=env, ready=False, name="spared")
    daemon.wait_log("name not found|cannot connect", timeout=10)
    own = wire(bench, name="qq.outside.example")
    daemon = bench.served(own, env=env, ready=False, name="own", entry={"proxy": "none"})
    daemon.wait_log("name not found|cannot connect", timeout=10)
    assert len(door.asked) == 1


# -- IPv6 -------------------------------------------------------------------------------------------


def need_v6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip("this machine has no IPv6 loopback: %s" % error)


def test_ipv6_both_ways(bench, pki):
    need_v6()
    gateway = wire(bench, name="[::1]", host="::1")
    safe = wire(bench, name="[::1]", host="::1", tls=context(pki["good"]))
    bench.served(gateway, safe, entry={"tls_ca": pki["ca"].pem})
    for g in (gateway, safe):
        say(g, "ping 六")
        g.wait_send("pong 六")
    assert gateway.attempts[0][2]["Host"] == "[::1]:%d" % gateway.port
    port = reserve_port()
    bench.sopd({"redis": bench.redis().url, "sop": [TEST_SOP], "gateways": [
        gateway_entry(None, "qq1", mode="reverse", listen="[::]:%d" % port, token="t")]}, name="reverse")
    for word, host in (("六", "[::1]"), ("四", "127.0.0.1")):
        back = bench.gateway("napcat", mode="reverse", target="ws://%s:%d/" % (host, port), token="t")
        back.wait_ready()
        say(back, "ping " + word)
        back.wait_send("pong " + word)
        back.close()


# -- compression ------------------------------------------------------------------------------------


def extensions(gateway):
    return [e.name for e in gateway.conn.ws.extensions]


@pytest.mark.parametrize("compress", [True, {"context": True}, {"window": 10}, {"context": True, "window": 12}])
def test_compression_forward(bench, pki, compress):
    gateway = wire(bench, compression="deflate", tls=context(pki["good"]) if compress is True else None)
    bench.served(gateway, entry={"compress": compress, "tls_ca": pki["ca"].pem})
    assert extensions(gateway) == ["permessage-deflate"]
    packed = gateway.conn.ws.extensions[0]
    for n in range(20):
        aio.run(gateway.conn.ws.send(json.dumps(ev.group_msg(G, U, "长文 %d" % (40 + n)), ensure_ascii=False)))
    gateway.wait_send("第59行", timeout=8)
    assert packed.local_no_context_takeover is not (isinstance(compress, dict) and compress.get("context", False))


def test_compression_is_not_offered_unless_asked_for(bench, napcat):
    gateway = wire(bench, compression="deflate")
    bench.served(gateway)
    assert extensions(gateway) == [] and "Sec-WebSocket-Extensions" not in gateway.attempts[0][2]


def reverse(bench, **entry):
    port = reserve_port()
    daemon = bench.sopd({"redis": bench.redis().url, "sop": [TEST_SOP], "gateways": [
        gateway_entry(None, "qq1", mode="reverse", listen="127.0.0.1:%d" % port, **entry)]})
    return daemon, "ws://127.0.0.1:%d/onebot/v11/ws" % port


@pytest.mark.parametrize("compress", [True, False])
def test_compression_reverse(bench, compress):
    _, url = reverse(bench, compress=compress)

    async def visit():
        async with websockets.connect(url, compression="deflate", extra_headers={"X-Self-ID": str(ev.SELF)}) as ws:
            used = [e.name for e in ws.extensions]
            event = ev.group_msg(G, U, "长文 60")
            await ws.send(json.dumps(event, ensure_ascii=False))
            while True:
                frame = json.loads(await asyncio.wait_for(ws.recv(), 8))
                if "第60行" in json.dumps(frame, ensure_ascii=False):
                    return used
                data = {"user_id": ev.SELF, "nickname": "x"} if frame["action"] == "get_login_info" else {}
                await ws.send(json.dumps({"status": "ok", "retcode": 0, "data": data, "echo": frame["echo"]}))
    assert aio.run(visit()) == (["permessage-deflate"] if compress else [])


def test_a_zip_bomb_ends_at_max_frame(bench):
    daemon, url = reverse(bench, compress=True, max_frame="1M")
    before = daemon.rss_kib()
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = pack.compress(b"x" * (128 << 20)) + pack.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 1 << 20
    with RawPeer(url, {"X-Self-ID": str(ev.SELF), "Sec-WebSocket-Extensions": "permessage-deflate"}) as peer:
        assert peer.header("Sec-WebSocket-Extensions").startswith("permessage-deflate")
        peer.send_frame(0x40 | 0x1, bomb[:-4])
        assert close_code(peer) == 1009
    assert daemon.running()
    assert daemon.rss_kib() - before < (100000 if slow_build() else 8000)


def read_frames(peer, seconds=5.0):
    """(opcode, fin, payload) of what sopd sends."""
    data = peer.rest
    peer.sock.settimeout(seconds)

    def need(n):
        nonlocal data
        while len(data) < n:
            piece = peer.sock.recv(65536)
            if not piece:
                raise EOFError
            data += piece
        out, data = data[:n], data[n:]
        return out
    while True:
        try:
            first, second = need(2)
            length = second & 127
            if length > 125:
                length = int.from_bytes(need(2 if length == 126 else 8), "big")
            yield first & 15, bool(first & 128), need(length)
        except (EOFError, ConnectionError):
            return


def close_code(peer):
    return next(int.from_bytes(p[:2], "big") for op, _, p in read_frames(peer) if op == 8)


# -- much, and in pieces -------------------------------------------------------------------------------


def test_a_message_of_megabytes_in_every_cut(bench, napcat):
    """Whole, in halves, in a thousand pieces with pings in between, in pieces of one byte at the end."""
    daemon = bench.served(napcat, entry={"max_frame": "16M"})

    def frame(word, size):
        event = ev.group_msg(G, U, "ping " + word)
        event["padding"] = "x" * size
        return json.dumps(napcat._own(event), ensure_ascii=False).encode()
    napcat.emit_text(frame("整", 8 << 20))
    napcat.wait_send("pong 整", timeout=8)
    data = frame("半", 8 << 20)
    napcat.emit_fragments(data[:len(data) // 2], data[len(data) // 2:], pings=True)
    napcat.wait_send("pong 半", timeout=8)
    data = frame("千", 4 << 20)
    step = len(data) // 1000 + 1
    napcat.emit_fragments(*[data[i:i + step] for i in range(0, len(data), step)], pings=True)
    napcat.wait_send("pong 千", timeout=8)
    data = frame("尾", 2000)
    napcat.emit_fragments(data[:-300], *[data[i:i + 1] for i in range(len(data) - 300, len(data))], b"", pings=True)
    napcat.wait_send("pong 尾", timeout=8)
    assert len(napcat.conns) == 1
    data = frame("过", 16 << 20)
    napcat.emit_fragments(data[:9 << 20], data[9 << 20:])
    assert napcat.wait_closed(napcat.conns[0]) == 1009
    napcat.wait_link(2)
    assert daemon.rss_kib() < 400000 if slow_build() else 90000


def test_long_messages_leave_in_pieces(bench):
    _, url = reverse(bench, fragment="1K")
    with RawPeer(url, {"X-Self-ID": str(ev.SELF)}) as peer:
        peer.send_frame(1, json.dumps(ev.group_msg(G, U, "长文 200"), ensure_ascii=False).encode())
        login, pieces = False, []
        for op, fin, payload in read_frames(peer):
            if op == 9:
                continue
            pieces.append((op, payload))
            if not fin:
                continue
            message = json.loads(b"".join(p for _, p in pieces))
            if message["action"] == "get_login_info":
                login = True
                peer.send_frame(1, json.dumps({"status": "ok", "retcode": 0, "echo": message["echo"],
                                               "data": {"user_id": ev.SELF, "nickname": "x"}}).encode())
            if message["action"].startswith("send_"):
                break
            pieces = []
    assert login and len(pieces) > 2
    assert [op for op, _ in pieces] == [1] + [0] * (len(pieces) - 1)
    assert all(len(p) == 1024 for _, p in pieces[:-1])
    assert "第1行" in json.dumps(message, ensure_ascii=False)
