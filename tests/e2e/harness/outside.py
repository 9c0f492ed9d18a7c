"""The world outside: an HTTP server of this process that answers as paths say, slowly, wrongly, or in crowds.

    /text        200 with a text              /json       200 with JSON             /echo    what was sent, as JSON
    /status/N    that status                  /to/URL     a redirect (302) to URL   /slow/N  after N seconds
    /huge/N      N bytes without a length     /broken     ends in the middle        /never   no answer at all
    /mangled/N   bytes at random, by seed     /garbage    nothing but such bytes
    /v1/chat/completions                      what `llm` (a list of replies, or one) says: a text, a status, seconds until one, a function
                                              async def(writer) that writes what it likes
and, to be as bad as they come:
    /drip        a byte of the body a second  /dripheader  of the header            /stall   a header, then nothing
    /gigabyte    says so, and begins          /endless   chunks without an end      /early   closes in the header
    /circle      302 to itself                /round/N   302 to /round/N+1          /chunks/N  nonsense in place of chunks
    /bomb        gzip, 100 KB for 100 MB      /headers/N N header lines             /longheader  a line of 1 MB
"""

import asyncio
import gzip
import json
import os
import random
import ssl
import subprocess
import threading
from urllib.parse import unquote

from .util import reserve_port


class Outside:
    def __init__(self, tls=None):
        self.port = reserve_port()
        self.requests = []          # (method, path, headers, body), in order of arrival
        self.llm = "好的"
        self.lose = False           # requests are read, and the connection closed
        self.open = self.most_open = 0
        self._tls = tls
        self._server = None
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("https" if self._tls else "http", self.port)

    def start(self):
        self._thread.start()
        assert self._started.wait(5)
        return self

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end)
            self._thread.join(5)

    def _end(self):
        self._server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: self._loop.call_later(0.05, self._loop.stop))

    def asked(self, path):
        return [r for r in self.requests if r[1].startswith(path)]

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls, backlog=500))
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._server.wait_closed())
        self._loop.close()

    async def _serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if ":" in line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((method, path, headers, body))
        if self.lose:
            return False
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            return await self._answer(method, path, headers, body, writer)
        finally:
            self.open -= 1

    async def _answer(self, method, path, headers, body, writer):
        def reply(status, text, kind="text/plain; charset=utf-8", extra=""):
            data = text if isinstance(text, bytes) else text.encode()
            writer.write(("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (status, kind, len(data), extra)).encode()
                         + (b"" if method == "HEAD" else data))

        part = path.split("?")[0].split("/")
        if part[1] == "json":
            reply(200, '{"price": 12, "name": "牛奶"}', "application/json")
        elif part[1] == "echo":
            reply(200, json.dumps({"method": method, "headers": headers, "body": body.decode()}), "application/json")
        elif part[1] == "status":
            reply(int(part[2]), "no")
        elif part[1] == "to":
            reply(302, "", extra="Location: %s\r\n" % unquote(path[4:]))
        elif part[1] == "slow":
            await asyncio.sleep(float(part[2]))
            reply(200, "slow " + (part[3] if len(part) > 3 else ""))
        elif part[1] == "huge":
            writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")
            for _ in range(int(part[2]) // 65536 + 1):
                writer.write(b"x" * 65536)
                await writer.drain()
            return False
        elif part[1] == "broken":
            writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\nhalf")
            return False
        elif part[1] == "garbage":
            writer.write(os.urandom(4000) + b"\r\n\r\n")
            return False
        elif part[1] == "mangled":
            writer.write(mangled(int(part[2])))
            return False
        elif part[1] in BAD:
            return await BAD[part[1]](part, writer)
        elif part[1] == "never":
            await asyncio.sleep(60)
        elif path == "/v1/chat/completions":
            if not await self._completion(reply, writer):
                return False
        else:
            reply(200, "hello 你好")
        await writer.drain()
        return True

    async def _completion(self, reply, writer):
        what = self.llm.pop(0) if isinstance(self.llm, list) and self.llm else self.llm
        if callable(what):
            return await what(writer)
        if isinstance(what, int):
            reply(what, '{"error": {"message": "no"}}', "application/json")
            return True
        if isinstance(what, float):
            await asyncio.sleep(what)
            what = "late"
        reply(200, json.dumps({"choices": [{"message": {"role": "assistant", "content": what}, "finish_reason": "stop"}],
                               "usage": {"total_tokens": 30}}), "application/json")
        return True


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def _pour(writer, head, piece, pause=0.0, times=10**9):
    writer.write(head)
    for _ in range(times):
        writer.write(piece)
        await writer.drain()
        if pause:
            await asyncio.sleep(pause)
    return False


async def _drip(part, writer):
    return await _pour(writer, OK + b"Content-Length: 10000\r\n\r\n", b"x", 1.0)


async def _dripheader(part, writer):
    return await _pour(writer, OK, b"X: y\r\n", 1.0)


async def _stall(part, writer):
    await _pour(writer, OK + b"Content-Length: 10\r\n\r\n", b"", 0, 1)
    await asyncio.sleep(60)


async def _gigabyte(part, writer):
    return await _pour(writer, OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * 65536, 0, 15259)


async def _endless(part, writer):
    return await _pour(writer, CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n")


async def _early(part, writer):
    return await _pour(writer, b"HTTP/1.1 200 OK\r\nContent-Le", b"", 0, 1)


async def _round(part, writer):
    to = "/circle" if part[1] == "circle" else "/round/%d" % (int(part[2]) + 1)
    await _pour(writer, ("HTTP/1.1 302 X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % to).encode(), b"", 0, 1)
    return True


async def _chunks(part, writer):
    rubbish = (b"zz\r\nabc\r\n", b"-5\r\nabcde\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nabc", b"5\r\nabc", b"3\r\nabcdefgh\r\n0\r\n\r\n",
               b"\r\n\r\n\r\n", b"7fffffffffffffff\r\n" + b"x" * 100000)[int(part[2])]
    return await _pour(writer, CHUNKED, rubbish, 0, 1)


async def _bomb(part, writer):
    packed = gzip.compress(bytes(100 << 20), 9)
    return await _pour(writer, OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed), packed, 0, 1)


async def _headers(part, writer):
    lines = b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(int(part[2])))
    return await _pour(writer, OK + lines + b"Content-Length: 2\r\n\r\nok", b"", 0, 1)


async def _longheader(part, writer):
    return await _pour(writer, OK + b"X: " + b"y" * (1 << 20) + b"\r\nContent-Length: 2\r\n\r\nok", b"", 0, 1)


BAD = {"drip": _drip, "dripheader": _dripheader, "stall": _stall, "gigabyte": _gigabyte, "endless": _endless, "early": _early, "circle": _round,
       "round": _round, "chunks": _chunks, "bomb": _bomb, "headers": _headers, "longheader": _longheader}


def sse(*pieces, finish="stop", done=True, tokens=30, pause=0.0, keep=None):
    """An answer in pieces, for Outside.llm. keep: seconds that the connection stays open after the last of them."""
    async def answer(writer):
        writer.write(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in [{"choices": [{"delta": {"content": p}}]} if isinstance(p, str) else p for p in pieces] \
                + ([{"choices": [{"delta": {}, "finish_reason": finish}]}] if finish else []) \
                + ([{"choices": [], "usage": {"total_tokens": tokens}}] if tokens else []) + (["[DONE]"] if done else []):
            data = event if isinstance(event, bytes) else ("data: %s\n\n" % (event if isinstance(event, str) else json.dumps(event, ensure_ascii=False))).encode()
            for part in (data[:len(data) // 2], data[len(data) // 2:]):       # cut anywhere, also within a character
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await writer.drain()
            await asyncio.sleep(pause)
        if keep is not None:
            await asyncio.sleep(keep)
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
    return answer


def mangled(seed):
    """An answer with some of its bytes changed, left out, or repeated."""
    source = random.Random(seed)
    data = bytearray(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: %s\r\nContent-Length: 27\r\n\r\n{\"price\": 12, \"name\": \"x\"}"
                     % (b"y" * source.choice((1, 100, 5000))))
    if source.random() < 0.3:
        data = bytearray(data.replace(b"Content-Length: 27", b"Transfer-Encoding: chunked").replace(b"{", b"1b\r\n{") + b"\r\n0\r\n\r\n")
    for _ in range(source.randrange(1, 8)):
        at, kind = source.randrange(len(data)), source.randrange(4)
        if kind == 0:
            data[at] = source.randrange(256)
        elif kind == 1:
            del data[at:at + source.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = data[max(0, at - 20):at] * source.randrange(1, 5)
        else:
            data[at:at] = bytes(source.randrange(256) for _ in range(source.randrange(1, 9)))
    return bytes(data)


def self_signed(directory):
    """(server context, certificate file) for 127.0.0.1 that nobody has signed."""
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def signed(directory, name="IP:127.0.0.1", days=2):
    """(server context, the authority's certificate) with a certificate for that name, which ends after so many days."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)
    if not os.path.exists(os.path.join(directory, "ca.pem")):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    with open(os.path.join(directory, "server.ext"), "w") as out:
        out.write("subjectAltName=%s\n" % name)
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", str(days),
            "-extfile", "server.ext")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, "server.pem"), os.path.join(directory, "server.key"))
    return context, os.path.join(directory, "ca.pem")
