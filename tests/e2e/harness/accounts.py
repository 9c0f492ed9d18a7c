"""A platform with several bot accounts in the same groups: what one says, the others hear; each has message ids of its own."""

import itertools
import json
import threading
import time

from . import events as ev
from .gateway import Fail
from .peer import SILENCE

FIRST = ev.SELF


class Account:
    """One bot account: its implementation (a Gateway), the groups that it is in, and what is wrong with it."""

    def __init__(self, platform, gateway, number):
        self.platform, self.gateway, self.number = platform, gateway, number
        self.self_id = gateway.self_id
        self.ids = itertools.count(500000 * (number + 1))
        self.known = {}            # seq -> own message id
        self.shift = 0             # of its clock: seconds
        self.seq = True            # tells the platform's number
        self.deaf = False          # logged out without anybody noticing: hears nothing, its sends have no answer
        self.held = None           # a list: events wait there (a stall)
        gateway.answers["send_group_msg"] = self._send
        gateway.answers["send_private_msg"] = self._dm
        gateway.answers["send_msg"] = self._send

    def id_of(self, seq):
        if seq not in self.known:
            self.known[seq] = next(self.ids)
        return self.known[seq]

    def seq_of(self, message_id):
        return next((s for s, i in self.known.items() if str(i) == str(message_id)), None)

    def hear(self, message):
        group, user, segments, seq, at = message
        if self.deaf or group not in self.gateway.groups:
            return
        segments = [self._translated(s) for s in segments]
        event = ev.group_msg(group, user, segments, message_id=self.id_of(seq), time=at + self.shift)
        event["message_seq"] = event["message_id"]
        if self.seq:
            event["real_seq"] = str(seq)
        self.tell(event)

    def _translated(self, segment):
        if segment["type"] != "reply":
            return segment
        return ev.quote(self.id_of(int(segment["data"]["id"])))

    def tell(self, event):
        """Send an event, if the link is up; from any thread."""
        if self.held is not None:
            self.held.append(event)
            return
        text = json.dumps({**event, "self_id": self.self_id}, ensure_ascii=False)
        from . import aio

        def write():
            for conn in self.gateway.conns:
                if conn.open:
                    self.gateway._write_text(conn, text)
        aio.loop().call_soon_threadsafe(write)

    def release(self):
        held, self.held = self.held, None
        for event in held:
            self.tell(event)

    def _send(self, action):
        if self.deaf:
            return SILENCE
        group = action.params["group_id"]
        if group not in self.gateway.groups:
            return Fail(1200, "不在群里")
        seq = self.platform.posted(self, group, action)
        return {"message_id": self.id_of(seq)}

    def _dm(self, action):
        if self.deaf:
            return SILENCE
        if self.platform.friends is not None and \
                (self.number, action.params["user_id"]) not in self.platform.friends:
            return Fail(1200, "请先添加对方为好友")
        return {"message_id": next(self.ids)}

    # -- what goes wrong -------------------------------------------------------------------------

    def kill(self):
        """Its link is cut, and it cannot be reached any more."""
        self.gateway.stop_listening()
        for conn in list(self.gateway.conns):
            if conn.open:
                self.gateway.cut(conn)

    def revive(self):
        self.gateway.start()

    def kicked(self, group):
        self.gateway.groups.pop(group)
        self.tell({"time": ev.now(), "self_id": self.self_id, "post_type": "notice",
                   "notice_type": "group_decrease", "sub_type": "kick_me", "group_id": group,
                   "operator_id": 3300000009, "user_id": self.self_id})


class Platform:
    def __init__(self, bench, count=2, groups=(ev.GROUP,), persona="napcat"):
        self.lock = threading.Lock()
        self.seq = itertools.count(1001)
        self.posts = []            # (monotonic, account number, group, text)
        self.friends = None        # None: everybody reaches everybody; else {(account number, user)}
        self.echo = True           # what one account says, the others hear
        self.accounts = []
        for i in range(count):
            gateway = bench.gateway(persona, self_id=FIRST + i)
            gateway.groups = {g: "群%d" % (g % 1000) for g in groups}
            self.accounts.append(Account(self, gateway, i))

    def say(self, user, message, group=ev.GROUP, at=None, seq=None, only=None):
        """A member says something; every account in the group hears it. Its number in the group."""
        segments = [ev.text(message)] if isinstance(message, str) else message
        seq = next(self.seq) if seq is None else seq
        at = ev.now() if at is None else at
        for account in self.accounts:
            if only is None or account.number in only:
                account.hear((group, user, segments, seq, at))
        return seq

    def posted(self, account, group, action):
        seq = next(self.seq)
        text = action.text
        with self.lock:
            self.posts.append((time.monotonic(), account.number, group, text))
        segments = [s if s["type"] != "reply" else ev.quote(account.seq_of(s["data"]["id"]) or 1)
                    for s in action.params["message"]]
        for other in self.accounts:
            if other is not account and self.echo:
                other.hear((group, account.self_id, segments, seq, ev.now()))
        return seq

    def texts(self, group=None):
        with self.lock:
            return [p[3] for p in self.posts if group is None or p[2] == group]

    def by(self, text):
        """The accounts that posted exactly this text."""
        with self.lock:
            return [p[1] for p in self.posts if p[3] == text]

    def at(self, text):
        with self.lock:
            return next((p[0] for p in self.posts if p[3] == text), None)
