"""What all scripted peers have in common: they note what sopd does, let a test wait for it, and write frames.

A peer fills `conns` and `actions`, and has _write(conn, opcode, data, fin). An action has .action (its name), .text,
.chat, .is_send and .conn. Peers that answer frames have _default(action) and _send_answer(action, reply).
"""

import threading
import time

from websockets.frames import OP_BINARY, OP_CONT, OP_PING, OP_TEXT

from . import aio


class Late:
    """Answer after a while; without a reply: as usual."""

    def __init__(self, seconds, reply=...):
        self.seconds, self.reply = seconds, reply


class Raw:
    """Answer with exactly this object (its echo is filled in unless given) or text."""

    def __init__(self, frame):
        self.frame = frame


class _Silence:
    def __repr__(self):
        return "SILENCE"


SILENCE = _Silence()  # no answer (a test may give one later with respond)


class Conn:
    """One WebSocket link, from its opening handshake to its end."""

    def __init__(self, ws, path, headers):
        self.ws, self.path, self.headers = ws, path, headers
        self.opened = time.monotonic()
        self.closed = None
        self.close_code = None
        self.pings = 0
        self.echoes = set()

    @property
    def open(self):
        return self.closed is None


class Peer:
    def __init__(self):
        self.conns = []
        self.attempts = []          # (time, path, headers) of every opening handshake, refused ones too
        self.actions = []
        self.violations = []
        self.answers = {}           # action -> reply, or function(action) -> reply
        self.queued = {}            # action -> [reply, ...] used up first
        self._changed = threading.Condition()

    def _note(self, where, what):
        with self._changed:
            where.append(what)
            self._changed.notify_all()

    def _ended(self, conn):
        with self._changed:
            conn.closed = time.monotonic()
            conn.close_code = conn.ws.close_code
            self._changed.notify_all()

    def respond(self, action, reply=...):
        """Answer an action whose automatic answer was SILENCE; without a reply: as usual."""
        aio.loop().call_soon_threadsafe(self._answer, action, reply)

    def _answer(self, action, reply):
        if reply is SILENCE:
            return
        if isinstance(reply, Late):
            aio.loop().call_later(reply.seconds, self._answer, action, reply.reply)
            return
        if reply is ...:
            reply = self._default(action)
        self._send_answer(action, reply)

    def _reply_for(self, action):
        """What the test wants to be answered; without its word, what _default says."""
        queue = self.queued.get(action.action)
        if queue:
            reply = queue.pop(0)
        elif action.action in self.answers:
            reply = self.answers[action.action]
        else:
            reply = self._default(action)
        return reply(action) if callable(reply) else reply

    # -- what it sends ---------------------------------------------------------------------------

    @property
    def conn(self):
        """The newest open link."""
        for conn in reversed(self.conns):
            if conn.open:
                return conn
        raise AssertionError("sopd is not connected to the gateway")

    def _write_text(self, conn, text):
        self._write(conn, OP_TEXT, text.encode("utf-8", "surrogatepass"))

    def emit_text(self, *frames, conn=None):
        """Send texts (or UTF-8 bytes) as they are, each in a text frame."""
        conn = conn or self.conn

        def write():
            for frame in frames:
                data = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
                self._write(conn, OP_TEXT, data)
        self._in_loop(write)

    def emit_binary(self, data, conn=None):
        conn = conn or self.conn
        self._in_loop(lambda: self._write(conn, OP_BINARY, data))

    def emit_fragments(self, *pieces, pings=False, finish=True, conn=None):
        """One text message in several frames, with a ping after each piece if asked."""
        conn = conn or self.conn

        def write():
            for i, piece in enumerate(pieces):
                data = piece if isinstance(piece, bytes) else piece.encode()
                self._write(conn, OP_TEXT if i == 0 else OP_CONT, data,
                            fin=finish and i == len(pieces) - 1)
                if pings and i < len(pieces) - 1:
                    self._write(conn, OP_PING, b"between")
        self._in_loop(write)

    def emit_bytes(self, data, conn=None):
        """Raw bytes on the TCP connection, whatever they are."""
        conn = conn or self.conn
        self._in_loop(lambda: conn.ws.transport.write(data))

    def close_link(self, code=1000, reason="", conn=None):
        conn = conn or self.conn
        return aio.run(conn.ws.close(code, reason))

    def cut(self, conn=None):
        """The TCP connection is reset, without a close frame."""
        conn = conn or self.conn
        self._in_loop(conn.ws.transport.abort)

    @staticmethod
    def _in_loop(function):
        async def call():
            function()
        aio.run(call())

    # -- waiting and looking ---------------------------------------------------------------------

    def wait(self, check, timeout=5.0, what=None):
        """Wait until check() is true; woken by every frame and every change of a link."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                value = check()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    text = what() if callable(what) else what
                    raise AssertionError("not within %.1f s: %s; actions: %s" % (
                        timeout, text or check, self.actions[-8:]))
                self._changed.wait(min(left, 0.25))

    def wait_link(self, count=1, timeout=10.0):
        """Wait until the count-th link was opened; it is returned."""
        return self.wait(lambda: len(self.conns) >= count and self.conns[count - 1], timeout,
                         "link number %d" % count)

    def wait_closed(self, conn, timeout=10.0):
        self.wait(lambda: conn.closed is not None, timeout, "the link to be closed")
        return conn.close_code

    def find(self, name=None, text=None, chat=None, since=0, where=None):
        """Recorded actions by name, text (substring), chat key and position."""
        found = []
        for action in self.actions[since:]:
            if name is not None and action.action != name:
                continue
            if text is not None and text not in action.text:
                continue
            if chat is not None and action.chat != str(chat):
                continue
            if where is not None and not where(action):
                continue
            found.append(action)
        return found

    def sends(self, text=None, chat=None, since=0, where=None):
        return [a for a in self.find(text=text, chat=chat, since=since, where=where) if a.is_send]

    def wait_action(self, name=None, timeout=5.0, count=1, **terms):
        """Wait for the count-th action that matches."""
        def check():
            found = self.find(name, **terms)
            return len(found) >= count and found[count - 1]
        return self.wait(check, timeout, "action %s %s number %d" % (name, terms, count))

    def wait_send(self, text=None, timeout=5.0, count=1, **terms):
        def check():
            found = self.sends(text=text, **terms)
            return len(found) >= count and found[count - 1]
        return self.wait(check, timeout, "send %r %s number %d" % (text, terms, count))

    def settle(self, quiet=0.3, timeout=10.0):
        """Wait until no action has come for a while."""
        deadline = time.monotonic() + timeout
        seen, since = len(self.actions), time.monotonic()
        while time.monotonic() - since < quiet:
            if time.monotonic() > deadline:
                raise AssertionError("actions keep coming: %s" % self.actions[-5:])
            time.sleep(0.02)
            if len(self.actions) != seen:
                seen, since = len(self.actions), time.monotonic()
        return seen
