"""Plain sockets for what a WebSocket library hides: handshakes, refusals, half frames."""

import base64
import os
import socket
import time
from urllib.parse import urlsplit


def upgrade_request(path, host, headers):
    lines = ["GET %s HTTP/1.1" % path, "Host: %s" % host, "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
    lines += ["%s: %s" % item for item in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class RawPeer:
    """A TCP client of sopd's reverse endpoint."""

    def __init__(self, url, headers=(), request=None, timeout=5.0):
        parts = urlsplit(url)
        path = parts.path + ("?" + parts.query if parts.query else "")
        self.sock = socket.create_connection((parts.hostname, parts.port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        items = headers.items() if isinstance(headers, dict) else headers
        started = time.monotonic()
        self.sock.sendall(request or upgrade_request(path or "/", parts.netloc, items))
        self.head = self._head()
        self.took = time.monotonic() - started
        first = self.head.split(b"\r\n", 1)[0].split(b" ")
        self.status = int(first[1]) if len(first) > 1 and first[1].isdigit() else 0

    def _head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            try:
                piece = self.sock.recv(4096)
            except (ConnectionError, socket.timeout):
                break
            if not piece:
                break
            data += piece
        head, _, self.rest = data.partition(b"\r\n\r\n")
        return head

    def header(self, name):
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode()
        return None

    def send_frame(self, opcode, payload, fin=True, declared=None):
        """A masked frame; declared: a length in its head that is not the payload's."""
        length = len(payload) if declared is None else declared
        head = bytes([(0x80 if fin else 0) | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + length.to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + length.to_bytes(8, "big")
        mask = b"\1\2\3\4"
        body = bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
        self.sock.sendall(head + mask + body)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def handshake(url, headers=(), timeout=5.0):
    """The HTTP status of one opening handshake."""
    with RawPeer(url, headers, timeout=timeout) as peer:
        return peer.status
