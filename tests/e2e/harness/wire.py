"""A server of this process that speaks HTTP/1.1 and WebSocket on one port, byte by byte, so that a test can make it do
what a library would refuse: masked frames, broken ones, half answers."""

import asyncio
import base64
import hashlib
import itertools
import os
import struct
import time

from websockets.frames import OP_BINARY, OP_CLOSE, OP_CONT, OP_PING, OP_PONG

from . import aio
from .peer import SILENCE, Conn, Late, Peer

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
REASONS = {101: "Switching Protocols", 200: "OK", 301: "Moved Permanently", 302: "Found", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway"}
LONGEST_HEAD = 1 << 20


class Headers(dict):
    """Header fields by lower-case name; get() takes any case."""

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Request:
    """One HTTP request. `link` is the number of its TCP connection: equal numbers, kept alive."""

    def __init__(self, method, target, headers, body, link, chunked=False):
        self.time = time.monotonic()
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")
        self.link, self.chunked = link, chunked


class Reply:
    """An HTTP answer as a test wants it.

    chunked: without a length; close: "Connection: close"; short: the TCP connection is dropped after so many bytes of the
    body; drip: seconds between pieces of `piece` bytes; drop: the TCP connection ends instead of an answer.
    """

    def __init__(self, status=200, body=b"", kind="text/plain; charset=utf-8", headers=(), chunked=False, close=False,
                 short=None, drip=None, piece=1, drop=False):
        self.status, self.kind, self.headers = status, kind, list(headers)
        self.body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        self.chunked, self.close, self.short, self.drip, self.piece, self.drop = chunked, close, short, drip, piece, drop


DROP = Reply(drop=True)


class Socket:
    """The server's end of one WebSocket."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.transport = reader, writer, writer.transport
        self.close_code = None          # what the client said; 1006 without a close frame
        self.close_sent = False
        self.pings = {}
        self._names = itertools.count(1)
        self.masked = True              # every frame of the client so far was
        self.fragmented = 0             # messages that came in several frames

    def frame(self, opcode, data, fin=True, masked=False):
        if self.transport.is_closing():
            return
        size = len(data)
        bit = 0x80 if masked else 0
        head = bytes([(0x80 if fin else 0) | opcode])
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += struct.pack("!BH", bit | 126, size)
        else:
            head += struct.pack("!BQ", bit | 127, size)
        if masked:
            key = os.urandom(4)
            head, data = head + key, unmask(key, data)
        self.writer.write(head + data)

    async def ping(self):
        """Sends a ping; the future of its pong."""
        name = b"%d" % next(self._names)
        self.pings[name] = asyncio.get_running_loop().create_future()
        self.frame(OP_PING, name)
        return self.pings[name]

    async def close(self, code=1000, reason=""):
        if not self.close_sent:
            self.close_sent = True
            self.frame(OP_CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())
        await asyncio.sleep(0)

    async def messages(self, on_ping):
        """Yields (opcode, bytes) of whole messages until the connection ends."""
        kind, pieces = None, []
        while True:
            try:
                fin, opcode, data = await self._next()
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close_code = self.close_code or 1006
                return
            if opcode == OP_CLOSE:
                self.close_code = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
                await self.close(self.close_code if len(data) >= 2 else None)
                return
            if opcode == OP_PING:
                on_ping(data)
            elif opcode == OP_PONG:
                waiting = self.pings.pop(data, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
            else:
                kind = opcode if opcode != OP_CONT else kind
                pieces.append(data)
                if fin:
                    self.fragmented += len(pieces) > 1
                    yield kind, b"".join(pieces)
                    pieces = []

    async def _next(self):
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            size, = struct.unpack("!Q", await self.reader.readexactly(8))
        if second & 0x80:
            key = await self.reader.readexactly(4)
            data = unmask(key, await self.reader.readexactly(size))
        else:
            self.masked = False
            data = await self.reader.readexactly(size)
        return bool(first & 0x80), first & 0x0F, data


def unmask(key, data):
    """RFC 6455 masking, in one big number."""
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")


class Port(Peer):
    """A peer that listens on one port for both. Subclasses have on_link(conn), on_text(conn, text), answer_http(request)
    -> Reply, Late or SILENCE, and may refuse an upgrade with admission(path, headers) -> status or None."""

    host = "127.0.0.1"                  # how it is called in URLs

    def __init__(self, tls=None):
        super().__init__()
        self.tls, self.port = tls, None
        self.requests = []              # every HTTP request
        self.dead = False               # swallows everything, says nothing
        self.links = 0                  # TCP connections so far
        self._server = None
        self._writers = set()

    def start(self):
        aio.run(self._listen())
        return self

    async def _listen(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port or 0, ssl=self.tls,
                                                  limit=LONGEST_HEAD, backlog=200)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self):
        """Refuse connections (the port is kept for start())."""
        aio.end_server(self._server)

    def drop_all(self):
        """Every TCP connection is reset."""
        def drop():
            for writer in list(self._writers):
                writer.transport.abort()
        self._in_loop(drop)

    def close(self):
        if self._server is not None:
            self.stop_listening()
        self.drop_all()

    def origin(self, scheme):
        return "%s%s://%s:%d" % (scheme, "s" if self.tls else "", self.host, self.port)

    async def _serve(self, reader, writer):
        self.links += 1
        link = self.links
        self._writers.add(writer)
        try:
            while True:
                request = await self._request(reader, link)
                if request is None:
                    break
                if "websocket" in (request.headers.get("Upgrade") or "").lower():
                    await self._upgrade(request, reader, writer)
                    break
                self._note(self.requests, request)
                if not await self._respond(request, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    @staticmethod
    async def _request(reader, link):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        method, target, _ = head[0].split(" ", 2)
        headers = Headers()
        for line in head[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        chunked = (headers.get("Transfer-Encoding") or "").lower() == "chunked"
        if chunked:
            body = b""
            while True:
                size = int((await reader.readline()).split(b";")[0], 16)
                body += (await reader.readexactly(size + 2))[:-2]
                if size == 0:
                    break
        else:
            body = await reader.readexactly(int(headers.get("Content-Length") or 0))
        return Request(method, target, headers, body, link, chunked)

    # -- WebSocket -------------------------------------------------------------------------------

    def admission(self, path, headers):
        return None

    async def _upgrade(self, request, reader, writer):
        self._note(self.attempts, (time.monotonic(), request.target, request.headers))
        status = self.admission(request.target, request.headers)
        if status is not None:
            await self._respond(request, writer, Reply(status, "refused\n", close=True))
            return
        key = request.headers.get("Sec-WebSocket-Key", "").encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        writer.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())
        conn = Conn(Socket(reader, writer), request.target, request.headers)
        self._note(self.conns, conn)
        try:
            self.on_link(conn)
            async for opcode, data in conn.ws.messages(lambda data: self.on_ping(conn, data)):
                self._message(conn, opcode, data)
        finally:
            if not conn.ws.masked:
                self.violations.append("a frame of the client was not masked")
            self._ended(conn)
            self.on_gone(conn)

    def _message(self, conn, opcode, data):
        if opcode == OP_BINARY:
            self.violations.append("binary frame: %r" % data[:80])
            return
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            self.violations.append("not UTF-8: %r" % data[:200])
            return
        self.on_text(conn, text)

    def on_link(self, conn):
        pass

    def on_gone(self, conn):
        pass

    def on_ping(self, conn, data):
        conn.pings += 1
        if not self.dead:
            conn.ws.frame(OP_PONG, data)

    def _write(self, conn, opcode, data, fin=True, masked=False):
        if conn.closed is None and not conn.ws.close_sent:
            conn.ws.frame(opcode, data, fin, masked)

    # -- HTTP ------------------------------------------------------------------------------------

    async def _respond(self, request, writer, reply=None):
        """Writes the answer; False when the connection ends with it."""
        if reply is None:
            reply = SILENCE if self.dead else self.answer_http(request)
        while isinstance(reply, Late):
            await asyncio.sleep(reply.seconds)
            reply = reply.reply
        if reply is SILENCE:
            await asyncio.sleep(3600)
        if reply.drop:
            writer.transport.abort()
            return False
        head = ["HTTP/1.1 %d %s" % (reply.status, REASONS.get(reply.status, "X")), "Content-Type: " + reply.kind]
        head += ["%s: %s" % item for item in reply.headers]
        head.append("Transfer-Encoding: chunked" if reply.chunked else "Content-Length: %d" % len(reply.body))
        if reply.close:
            head.append("Connection: close")
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
        body = b"" if request.method == "HEAD" else reply.body
        if reply.short is not None:
            writer.write(body[:reply.short])
            await writer.drain()
            return False
        if reply.drip is not None:
            for at in range(0, len(body), reply.piece):
                writer.write(body[at:at + reply.piece])
                await asyncio.sleep(reply.drip)
        elif reply.chunked:
            for at in range(0, len(body), 1000):
                piece = body[at:at + 1000]
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(body)
        await writer.drain()
        return not reply.close
