"""What tests of settings ask again and again: is a flow on, what was recorded, does the daemon complain."""

import os
import time

from . import events as ev
from .sopd import binary, slow_build

PATIENCE = 3 if os.path.exists(binary()) and slow_build() else 1


def pings(napcat, word, group=ev.GROUP, wait=0.4):
    """Is a ping answered?"""
    napcat.emit(ev.group_msg(group, ev.USER, "ping " + word))
    deadline = time.monotonic() + wait * PATIENCE
    while time.monotonic() < deadline:
        if napcat.sends("pong " + word):
            return True
        time.sleep(0.01)
    return False


def edits(client, start=0):
    """The entries of sopd:audit as (who, what, key, field, before, after)."""
    return [tuple(e[n] for n in ("who", "what", "key", "field", "before", "after"))
            for _, e in client.xrange("sopd:audit")][start:]


def degraded(daemon, word):
    return any(word in reason for reason in daemon.health()[1]["reasons"])
