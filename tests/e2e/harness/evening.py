"""Plays tests/data/evening.jsonl (see evening.py there) through a Gateway."""

import json
import os

from . import events, satori
from .sopd import ROOT

PATH = os.path.join(ROOT, "tests", "data", "evening.jsonl")
GROUPS = {700000001: "福利一群", 700000002: "福利二群", 700000003: "门店三群"}
STAFF = 3300000009
PACKET = {"total": 2000, "shares": 120, "group": 700000001}


def load():
    with open(PATH, encoding="utf-8") as source:
        return [json.loads(line) for line in source]


class Player:
    """Emits the lines in order. The time of an event becomes the moment of its emission; a line that
    repeats an earlier frame repeats it with the same time."""

    def __init__(self, gateway, lines=None, inviter=None):
        """inviter: who let the newcomers in; without it the first report of a join does not say (as in
        NapCat), and sopd waits a second for the one that does."""
        self.gateway = gateway
        self.lines = load() if lines is None else lines
        self.inviter = inviter
        self.next = 0
        self._shifted = {}
        self._sent = []     # (kind, what) of the lines emitted, for repeat_last

    @property
    def done(self):
        return self.next >= len(self.lines)

    def play(self, count=None):
        """Emit the next lines (all that are left without a count)."""
        end = len(self.lines) if count is None else min(len(self.lines), self.next + count)
        batch = [ready for ready in map(self._ready, self.lines[self.next:end]) if ready[1]]
        self.next = end
        self._sent.extend(batch)
        self._emit(batch)

    def repeat_last(self, count=20):
        self._emit(self._sent[-count:])

    def _ready(self, line):
        if "text" in line:
            return "text", line["text"].encode("utf-8", "surrogatepass")
        if "hex" in line:
            data = bytes.fromhex(line["hex"])
            if line["opcode"] == 2:
                return "binary", data
            return "text", self._shift_bytes(data)
        original = json.dumps(line["frame"], ensure_ascii=False)
        if original not in self._shifted:
            frame = dict(line["frame"])
            if line["kind"] == "join" and self.inviter:
                frame["operator_id"] = self.inviter
            stamp = frame.get("time")
            if isinstance(stamp, int):
                frame["time"] = events.now() * (1000 if stamp > 10**11 else 1)
            self._shifted[original] = self._wire(frame)
        data = self._shifted[original]
        if line.get("pieces"):
            size = len(data) // line["pieces"] + 1
            return "pieces", [data[i:i + size] for i in range(0, len(data), size)]
        return "text", data

    def _wire(self, frame):
        """The bytes that tell of it; empty: this platform does not."""
        return json.dumps(frame, ensure_ascii=False).encode()

    @staticmethod
    def _shift_bytes(data):
        start = data.find(b'"time":')
        if start < 0:
            return data
        return data[:start + 7] + str(events.now()).encode() + data[start + 17:]

    def _emit(self, batch):
        conn = self.gateway.conn
        texts = []
        for kind, what in batch:
            if kind == "text":
                texts.append(what)
                continue
            self.gateway.emit_text(*texts, conn=conn)
            texts = []
            if kind == "binary":
                self.gateway.emit_binary(what, conn=conn)
            else:
                self.gateway.emit_fragments(*what, pings=True, conn=conn)
        if texts:
            self.gateway.emit_text(*texts, conn=conn)


class SatoriPlayer(Player):
    """The same evening, as a Satori server of a QQ account tells it."""

    def _ready(self, line):
        kind, what = super()._ready(line)
        return ("text" if kind == "pieces" and not what[0] else kind), what

    def _wire(self, frame):
        stamp, group = frame.get("time"), str(frame.get("group_id"))
        stamp = stamp * 1000 if isinstance(stamp, int) and stamp < 10**11 else stamp
        if frame.get("post_type") == "message" and frame.get("message_type") == "group":
            body = self._message(frame, group, stamp)
        else:
            kind = {"group_increase": "guild-member-added", "group_decrease": "guild-member-removed"}.get(frame.get("notice_type"))
            if kind is None:
                return b""
            operator = {"operator": {"id": str(frame["operator_id"])}} if frame.get("operator_id") else {}
            body = self.gateway.member_event(kind, frame["user_id"], group, timestamp=stamp, **operator)
        return json.dumps({"op": 0, "body": body}, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def _message(self, frame, group, stamp):
        message = frame.get("message")
        if isinstance(message, str):
            message = [events.text(message)]
        sender = frame.get("sender") if isinstance(frame.get("sender"), dict) else {}
        return self.gateway.message_event(
            frame.get("user_id"), channel=group, content="".join(map(_markup, message if isinstance(message, list) else ())),
            id="2|%s|%s" % (group, frame.get("message_id")), name=sender.get("nickname"), nick=sender.get("card"), timestamp=stamp)


def _markup(segment):
    data = (segment.get("data") if isinstance(segment, dict) else None) or {}
    kind = segment.get("type") if isinstance(segment, dict) else None
    if kind == "text":
        return satori.escape(str(data.get("text", "")))
    if kind == "at":
        return '<at type="all"/>' if data.get("qq") == "all" else '<at id="%s"/>' % data.get("qq")
    if kind == "image":
        return '<img src="%s"/>' % satori.escape(str(data.get("url") or data.get("file")))
    return '<face id="%s"/>' % data.get("id") if kind == "face" else ""


def users(lines, kind, group=None):
    """Who did that, each once."""
    return {line["user"] for line in lines
            if line["kind"] == kind and (group is None or line["group"] == group)}


