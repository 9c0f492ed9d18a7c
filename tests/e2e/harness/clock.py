"""Turns the clock of a daemon that was started with --clock, over its control socket.

An answer means that all that is due at that moment is done and acknowledged. What was emitted by a gateway counts only
when the daemon has read it: settle() waits for a pong, which comes after the frames before it.
"""

import asyncio
import json
import os
import socket
from datetime import datetime

from . import aio


def moment(text):
    """Milliseconds of "2031-03-05T08:00:00+08:00"."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


class Clock:
    def __init__(self, daemon):
        self.path = os.path.join(daemon.config["data_dir"], "control.sock")
        self.next = None    # when something is due, as the last answer said; None: nothing

    def order(self, what, at=None):
        """Sends an order and does not wait; the socket on which the answer comes."""
        request = {"op": "clock", "do": what}
        if at is not None:
            request["at"] = str(at)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.connect(self.path)
        sock.sendall(json.dumps(request).encode() + b"\n")
        return sock

    def wait(self, sock):
        """The answer to an order: the moment in ms."""
        with sock:
            data = b""
            while not data.endswith(b"\n"):
                piece = sock.recv(65536)
                if not piece:
                    raise AssertionError("sopd did not answer when its clock was turned: %r" % data)
                data += piece
        answer = json.loads(data)
        assert answer["ok"], answer
        self.next = answer.get("next")
        return answer["now"]

    def now(self):
        return self.wait(self.order("now"))

    def to_next(self):
        return self.wait(self.order("next"))

    def at(self, when):
        """To a moment (ms or ISO text), by way of all moments before it at which something is due."""
        return self.wait(self.order("at", when))

    def settle(self, *gateways):
        """Waits until what these gateways have emitted is worked off."""
        for gateway in gateways:
            barrier(gateway)
        return self.now()


def barrier(gateway, timeout=10.0):
    """Waits until the daemon has read all that was emitted."""
    async def ping():
        await asyncio.wait_for(await gateway.conn.ws.ping(), timeout)
    aio.run(ping())
