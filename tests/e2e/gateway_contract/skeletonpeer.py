"""The scripted platform of tests/gateway_skeleton: JSON frames over one WebSocket. See skeleton.c for the protocol."""

import itertools
import json
import time

from harness import aio
from harness.peer import SILENCE, Late
from harness.wire import Port


class Send:
    """One frame from sopd."""

    action, is_send = "send", True

    def __init__(self, frame, conn):
        self.time, self.conn, self.frame = time.monotonic(), conn, frame
        self.n, self.chat, self.parts = frame.get("n"), frame.get("chat"), frame.get("parts") or []

    @property
    def text(self):
        return "".join(p if isinstance(p, str) else "@" + p["at"] for p in self.parts)

    @property
    def mentions(self):
        return [p["at"] for p in self.parts if isinstance(p, dict)]

    def __repr__(self):
        return json.dumps(self.frame, ensure_ascii=False)


class Platform(Port):
    def __init__(self, token):
        super().__init__()
        self.token, self.status = token, None
        self.ready = []                 # links that were greeted
        self._ids = itertools.count(1)

    def admission(self, path, headers):
        if self.status is None and headers.get("Authorization") != "Bearer " + self.token:
            return 401
        return self.status

    def on_link(self, conn):
        if not self.dead:
            self._write_text(conn, json.dumps({"type": "hello", "id": "bot", "name": "小助手"}))
            self._note(self.ready, conn)

    def on_text(self, conn, text):
        frame = json.loads(text)
        if frame.get("type") != "send" or not isinstance(frame.get("n"), int) or not frame.get("parts"):
            self.violations.append("no frame of the protocol: " + text[:200])
            return
        send = Send(frame, conn)
        self._note(self.actions, send)
        if not self.dead:
            self._answer(send, self._reply_for(send))

    def _default(self, send):
        return {"ok": True, "id": "m%d" % next(self._ids)}

    def _answer(self, send, reply):
        if isinstance(reply, Late):
            aio.loop().call_later(reply.seconds, self._answer, send, reply.reply)
        elif reply is not SILENCE:
            reply = self._default(send) if reply is ... else reply
            self._write_text(send.conn, json.dumps({"type": "answer", "n": send.n, **reply}))

    def emit(self, *frames):
        self.emit_text(*(json.dumps(f, ensure_ascii=False) for f in frames))

    def event(self, type, user, chat, **fields):
        return {"type": type, "id": "e%d" % next(self._ids), "chat": chat, "user": user, "name": "用户", "time": int(time.time() * 1000),
                **fields}

    def wait_ready(self, timeout=10.0):
        self.wait(lambda: any(c.open for c in self.ready), timeout, "a link that was greeted")
