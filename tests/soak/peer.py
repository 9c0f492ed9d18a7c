#!/usr/bin/python3
"""The platform as a process of its own, so that Python's speed elsewhere does not distort it: reads its settings as the first
line of stdin, then commands, a line each; writes JSON lines to stdout; at the end a report to a file.

    begin           the evening and the faults begin (which follow each other on their own)
    calm            the faults end, what is muted speaks again
    finish PATH     writes the report, and ends
"""

import asyncio
import gc
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from evening import STAFF_GROUP, Evening  # noqa: E402
from faults import Faults, draw  # noqa: E402
from world import Account, World  # noqa: E402

TICK = 0.01


class Peer:
    def __init__(self, settings):
        self.settings = settings
        self.world = World(settings)
        self.evening = Evening(self.world, settings)
        mine = []
        for i, one in enumerate(settings["accounts"]):
            account = Account(self.world, one["id"], 7919 * (i + 1))
            account.groups = {STAFF_GROUP} if one.get("staff") else set(self.evening.numbers)
            account.echo = one.get("echo", True)
            self.world.accounts[account.id] = account
            if not one.get("staff"):
                mine.append(account)
        self.faults = Faults(self.world, mine, settings["faults"], settings["seed"])

    async def run(self):
        loop = asyncio.get_running_loop()
        for account in self.world.accounts.values():
            await account.listen()
        self.tell(ready={str(a.id): a.port for a in self.world.accounts.values()})
        loop.create_task(self.tick())
        loop.create_task(self.beat())
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while True:
            line = (await reader.readline()).decode().strip()
            if not line:
                return
            word, _, rest = line.partition(" ")
            if word == "begin":
                loop.create_task(self.begin())
            elif word == "calm":
                self.calm()
                self.tell(calm=True)
            elif word == "state":
                self.tell(state={"sends": len(self.world.limits.arrivals), "violations": len(self.world.limits.violations)})
            elif word == "finish":
                self.finish(rest)
                return

    def tell(self, **what):
        print(json.dumps(what), flush=True)

    async def begin(self):
        self.faults.start()
        await self.evening.play()
        self.tell(done=True)

    def calm(self):
        for account in self.world.accounts.values():
            account.fate, account.quiet, account.online = None, False, True

    async def tick(self):
        """When we ourselves do not run, what arrives meanwhile has no time of arrival: the limits must know."""
        last = time.time()
        while True:
            await asyncio.sleep(TICK)
            now = time.time()
            if now - last > 3 * TICK:
                self.world.limits.lagged(last, now)
            last = now

    async def beat(self):
        while True:
            await asyncio.sleep(5)
            for account in self.world.accounts.values():
                account.tell(account.heartbeat())

    def finish(self, path):
        world, evening = self.world, self.evening
        sent = [{"account": s.account, "chat": s.chat, "text": s.text, "kind": s.kind, "fate": s.fate, "arrived": s.arrived, "began": s.began,
                 "delivered": s.delivered, "acked": s.acked, "shown": s.shown,
                 "at": [x["data"]["qq"] for x in s.segments if x["type"] == "at"]} for s in world.sent]
        visible = [(t, g, u, any(a.member_at(g, at) for a in world.accounts.values() if g in a.groups))
                   for t, g, u, at, _ in evening.checkins]
        report = {
            "limits": world.limits.report(), "sent": sent, "checkins": visible, "grabs": evening.grabs,
            "joins": evening.joins, "packets": evening.packets, "began": evening.began, "counts": world.counts,
            "bot": {g: said for g, said in evening.bot_said.items()}, "bad": world.bad,
            "faults": self.faults.plan,
            "connects": {a.id: a.connects for a in world.accounts.values()},
            "away": {a.id: {g: v for g, v in a.away.items()} for a in world.accounts.values()},
            "cpu": time.process_time(), "late": [b - a for a, b in world.limits.late],
        }
        with open(path, "w", encoding="utf-8") as out:
            json.dump(report, out, ensure_ascii=False)


def main():
    gc.freeze()
    settings = json.loads(sys.stdin.buffer.raw.read(1 << 20).split(b"\n")[0])
    if settings.get("plan"):
        print(json.dumps(draw(**settings["plan"])))
        return
    asyncio.run(Peer(settings).run())


if __name__ == "__main__":
    main()
