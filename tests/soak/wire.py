"""The platform's end of a WebSocket, made by hand on a bare socket, so that it can misbehave as platforms do: stop reading
and writing without closing, read a few bytes a second, end in the midst of a frame, in either direction."""

import asyncio
import base64
import hashlib
import json
import re
import socket
import struct
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LARGEST = 1 << 26


def frame(opcode, data):
    """A whole frame, unmasked, as servers send them."""
    head = bytes([0x80 | opcode])
    size = len(data)
    if size < 126:
        return head + bytes([size]) + data
    if size < 65536:
        return head + struct.pack("!BH", 126, size) + data
    return head + struct.pack("!BQ", 127, size) + data


def unmask(data, mask):
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")


class Gone(Exception):
    """The connection is over."""


class Wire:
    """One accepted connection. on_text(wire, object) is called for every text frame; send() queues an object."""

    def __init__(self, sock, on_text, on_end):
        self.sock, self.on_text, self.on_end = sock, on_text, on_end
        self.loop = asyncio.get_running_loop()
        self.path, self.open, self.opened = "", False, time.time()
        self.stalled = False        # neither reads nor writes
        self.slow = 0               # reads so many bytes a second; 0: as fast as they come
        self.slowest = (0, 0)       # the last stall or slow time: from, till; what is read until soon after it was written during it
        self.cut_reading = False    # ends in the midst of the next frame of ours that carries a message
        self.cut_writing = False    # ends in the midst of the next frame it sends
        self.held = asyncio.Event()     # set: there is something to write, or the state has changed
        self.out = []
        self.bytes_in = 0
        self.tasks = []

    def start(self):
        self.tasks = [self.loop.create_task(self._run())]
        return self

    def send(self, what):
        if self.open:
            self.out.append(frame(TEXT, json.dumps(what, ensure_ascii=False).encode("utf-8", "surrogatepass")))
            self.held.set()

    def change(self, **state):
        if state.get("stalled") or state.get("slow"):
            self.slowest = (time.time(), 0)
        elif self.stalled or self.slow:
            self.slowest = (self.slowest[0], time.time())
        for name, value in state.items():
            setattr(self, name, value)
        self.held.set()

    def waited_since(self):
        """Since when what is read now may have been on its way: the beginning of a slow time that lasts, or is just over; else now."""
        now, (since, till) = time.time(), self.slowest
        return since if self.slow or till and now - till < 2 else now

    def abort(self, reset=True):
        """Ends at once; reset: with an RST, else with a FIN that no close frame went before."""
        if reset and self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for task in self.tasks:
            task.cancel()
        self._ended()

    def _ended(self):
        was, self.open = self.open, False
        self.sock.close()
        if was:
            self.on_end(self)

    async def _run(self):
        writer = None
        try:
            await self._handshake()
            self.open = True
            writer = self.loop.create_task(self._write())
            self.tasks.append(writer)
            await self._read()
        except (Gone, OSError, ValueError, asyncio.CancelledError):
            pass
        finally:
            if writer:
                writer.cancel()
            self._ended()

    async def _recv(self):
        while self.stalled:
            await asyncio.sleep(0.05)
        size = 65536
        if self.slow:
            size = max(1, self.slow // 10)
            await asyncio.sleep(0.1)
            if self.stalled:
                return b""
        data = await self.loop.sock_recv(self.sock, size)
        if not data:
            raise Gone
        if self.stalled:            # what came in the moment of stalling waits, too
            while self.stalled:
                await asyncio.sleep(0.05)
        self.bytes_in += len(data)
        return data

    async def _handshake(self):
        head = b""
        while b"\r\n\r\n" not in head:
            head += await self._recv()
            if len(head) > 65536:
                raise Gone
        text = head.decode("latin-1")
        self.path = text.split(" ", 2)[1]
        key = re.search(r"(?im)^sec-websocket-key:\s*(\S+)", text)
        if not key:
            raise Gone
        accept = base64.b64encode(hashlib.sha1(key.group(1).encode() + GUID).digest())
        await self.loop.sock_sendall(self.sock, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                     b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    async def _write(self):
        try:
            while True:
                await self.held.wait()
                self.held.clear()
                while self.out:
                    while self.stalled:
                        await asyncio.sleep(0.05)
                    data = self.out.pop(0)
                    if self.cut_writing:
                        await self.loop.sock_sendall(self.sock, data[:len(data) // 2])
                        return self.abort(reset=False)
                    await self.loop.sock_sendall(self.sock, data)
        except OSError:
            self.abort()

    async def _read(self):
        data, parts = bytearray(), bytearray()
        while True:
            data += await self._recv()
            while True:
                if len(data) < 2:
                    break
                opcode, size, at = data[0] & 15, data[1] & 127, 2
                if size == 126:
                    if len(data) < 4:
                        break
                    size, at = struct.unpack_from("!H", data, 2)[0], 4
                elif size == 127:
                    if len(data) < 10:
                        break
                    size, at = struct.unpack_from("!Q", data, 2)[0], 10
                if not data[1] & 128 or size > LARGEST:
                    raise Gone
                if len(data) < at + 4 + size:
                    break
                body = unmask(bytes(data[at + 4:at + 4 + size]), bytes(data[at:at + 4]))
                fin = data[0] & 128
                del data[:at + 4 + size]
                if opcode == PING:
                    self.out.append(frame(PONG, body))
                    self.held.set()
                elif opcode == CLOSE:
                    raise Gone
                elif opcode in (0, TEXT):
                    parts += body
                    if fin:
                        whole, parts = bytes(parts), bytearray()
                        self._text(whole)
                if not self.open:
                    raise Gone

    def _text(self, whole):
        if self.cut_reading and b'"send_' in whole:     # its end was not read: it has not come
            return self.abort()
        self.on_text(self, json.loads(whole))
