"""Plays tests/data/evening.jsonl (see evening.py there) through a Gateway."""

import json
import os

from . import events
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
        batch = [self._ready(line) for line in self.lines[self.next:end]]
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
            self._shifted[original] = json.dumps(frame, ensure_ascii=False).encode()
        data = self._shifted[original]
        if line.get("pieces"):
            size = len(data) // line["pieces"] + 1
            return "pieces", [data[i:i + size] for i in range(0, len(data), size)]
        return "text", data

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


def users(lines, kind, group=None):
    """Who did that, each once."""
    return {line["user"] for line in lines
            if line["kind"] == kind and (group is None or line["group"] == group)}


