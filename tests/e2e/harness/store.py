"""What sopd keeps in Redis, read as the documentation says (docs/redis.md)."""

import json
import os

from .util import wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def key(gateway, *parts):
    return "sopd:{%s}:%s" % (gateway, ":".join(str(p) for p in parts))


def stream(gateway, kind):
    """The key of a stream that outside systems use: events, audit, commands, commands-dead."""
    return "sopd:%s:{%s}" % (kind, gateway)


def business_events(client, gateway="qq1", name=None):
    """The stream of business events, oldest first: a list of dicts with the data laid open."""
    found = []
    for _, fields in client.xrange(stream(gateway, "events")):
        if name is None or fields.get("name") == name:
            data = json.loads(fields.get("data") or "{}")
            found.append({**{"_" + k: v for k, v in fields.items() if k != "data"}, **data})
    return found


TYPES = {"text": str, "user": str, "integer": int, "boolean": bool, "object": dict, "array": list}


def undeclared_events(client):
    """What the daemon itself told (flows may tell what they like) and docs/events.json does not say: a list of texts."""
    with open(os.path.join(ROOT, "docs/events.json"), encoding="utf-8") as text:
        known = json.load(text)["events"]
    wrong = []
    for key in client.scan_iter("sopd:events:*", count=1000):
        for _, fields in client.xrange(key):
            event = known.get(fields.get("name"), {})
            if fields.get("flow") and event.get("flow") != "(daemon)":
                continue
            rules = event.get("data", {})
            data = json.loads(fields["data"])
            good = list(fields) == ["name", "gateway", "chat", "user", "flow", "time", "data"] and all(
                isinstance(value, TYPES.get((rules.get(name) or rules.get(name + "?") or ["?"])[0], ()))
                for name, value in data.items()) and all(name in data for name in rules if not name.endswith("?"))
            if not event or not good:
                wrong.append("%s %s" % (fields.get("name"), fields.get("data")))
    return wrong


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
