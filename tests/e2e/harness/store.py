"""What sopd keeps in Redis, read as the documentation says (docs/redis.md)."""

import json

from .util import wait_until


def key(gateway, *parts):
    return "sopd:{%s}:%s" % (gateway, ":".join(str(p) for p in parts))


def business_events(client, gateway="qq1", name=None):
    """The stream of business events, oldest first: a list of dicts with the data laid open."""
    found = []
    for _, fields in client.xrange(key(gateway, "events")):
        if name is None or fields.get("name") == name:
            data = json.loads(fields.get("data") or "{}")
            found.append({**{"_" + k: v for k, v in fields.items() if k != "data"}, **data})
    return found


def wait_seen(client, count=1, gateway="qq1", timeout=5.0, **match):
    """Wait for events that the probe flow saw; a list with at least that many."""
    found = []

    def check():
        found[:] = [e for e in business_events(client, gateway, "seen")
                    if all(e.get(k) == v for k, v in match.items())]
        return len(found) >= count
    wait_until(check, timeout, every=0.02,
               what=lambda: "%d seen events with %s; there are %s" % (
                   count, match, business_events(client, gateway, "seen")[-5:]))
    return found


def member(client, flow, chat, user, gateway="qq1"):
    return client.hgetall(key(gateway, "m", flow, chat, user))


def group(client, flow, chat, gateway="qq1"):
    return client.hgetall(key(gateway, "g", flow, chat))


def outbox(client, gateway="qq1"):
    return {k: json.loads(v) for k, v in client.hgetall(key(gateway, "outbox")).items()}
