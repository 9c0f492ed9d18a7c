"""How fast an edit of a toggle takes effect, seen by the members: with the edit and the messages that follow it.

Groups of several gateways (each with its own daemon, on one Redis) are full of talk. Toggles of random groups are edited, in the
layer of the chat (one daemon) or of a tag (all of them), and after each edit the group says something again and again. The first
message from which on all are obeyed is when the edit took effect; an edit that the last message does not obey is missed.
"""

import random
import time

from . import events

TAG = "t%d"
PROBES = (0, 1, 2, 3, 5, 7, 10, 14, 20, 30, 45, 70, 100, 150)      # ms after the edit
REST = 0.25             # a group is left alone for so long after its last probe


class Edit:
    def __init__(self, group, on, gateways):
        self.group, self.on, self.gateways = group, on, gateways
        self.begun = self.done = 0.0
        self.probes = {gateway: [] for gateway in gateways}     # (time, number)

    def effect(self, gateway, answered):
        """Milliseconds until it was obeyed in that gateway, from the begin of the command; None: it was not."""
        took = None
        for at, number in self.probes[gateway]:
            if (number in answered) is not self.on:
                took = None
            elif took is None:
                took = (at - self.begun) * 1000
        return took


class Switching:
    """`groups` groups in each gateway, `rate` messages a second in all, edits spread evenly over the time."""

    def __init__(self, client, gateways, groups=500, rate=1000, seed=7):
        self.client, self.gateways, self.groups, self.rate = client, gateways, groups, rate
        self.random = random.Random(seed)
        self.number = 0
        self.state = {}                     # key -> what was written last
        self.busy = {}                      # group -> until when
        self.edits = []
        self.due = []                       # (when, edit, gateway)
        for index in range(len(gateways)):
            client.hset("sopd:chat-tags:qq%d" % (index + 1),
                        mapping={str(events.GROUP + g): TAG % g for g in range(groups)})

    def say(self, gateway, group):
        self.number += 1
        self.gateways[gateway].emit(events.group_msg(events.GROUP + group, events.USER + group % 50,
                                                     "ping %d" % self.number))
        return self.number

    def edit(self):
        """Turns one group round: those with an even number by their tag in all gateways, the others in one of them."""
        now = time.monotonic()
        group = self.random.choice([g for g in range(self.groups) if self.busy.get(g, 0) < now])
        gateway = self.random.randrange(len(self.gateways))
        key = "sopd:toggles:tag:" + TAG % group if group % 2 == 0 else \
            "sopd:toggles:chat:qq%d:%d" % (gateway + 1, events.GROUP + group)
        on = not self.state.get(key, True)
        self.state[key] = on
        edit = Edit(group, on, range(len(self.gateways)) if group % 2 == 0 else [gateway])
        edit.begun = time.monotonic()
        self.client.hset(key, "echo", "on" if on else "off")
        edit.done = time.monotonic()
        self.edits.append(edit)
        self.busy[group] = edit.done + PROBES[-1] / 1000 + REST
        for gateway in edit.gateways:
            self.due += [(edit.done + ms / 1000, edit, gateway) for ms in PROBES]
        self.due.sort(key=lambda d: d[0])

    def run(self, edits, per_second):
        begun = time.monotonic()
        said = made = 0
        while made < edits or self.due:
            now = time.monotonic()
            if made < edits and now >= begun + made / per_second:
                self.edit()
                made += 1
            while self.due and self.due[0][0] <= time.monotonic():
                _, edit, gateway = self.due.pop(0)
                number = self.say(gateway, edit.group)
                edit.probes[gateway].append((time.monotonic(), number))
                said += 1
            talk = int((time.monotonic() - begun) * self.rate) - said
            for _ in range(min(talk, 5)):
                self.say(self.random.randrange(len(self.gateways)), self.random.randrange(self.groups))
                said += 1
            if talk <= 0 and not (self.due and self.due[0][0] <= time.monotonic() + 0.001):
                time.sleep(0.0005)
        time.sleep(0.5)
        for gateway in self.gateways:
            gateway.settle(0.3)
        return self.result(said / (time.monotonic() - begun - 0.8))

    def result(self, rate):
        answered = [{int(a.text.split()[1]) for a in gateway.sends("pong ")} for gateway in self.gateways]
        effects = [(edit, gateway, edit.effect(gateway, answered[gateway]))
                   for edit in self.edits for gateway in edit.gateways]
        took = sorted(ms for _, _, ms in effects if ms is not None)
        commands = sorted((edit.done - edit.begun) * 1000 for edit in self.edits)

        def at(values, share):
            return values[min(len(values) - 1, int(len(values) * share))] if values else None
        return {"edits": len(self.edits), "seen": len(effects), "missed": sum(ms is None for _, _, ms in effects),
                "p50": at(took, 0.5), "p99": at(took, 0.99), "max": at(took, 1), "rate": rate,
                "command_p50": at(commands, 0.5), "command_p99": at(commands, 0.99)}
