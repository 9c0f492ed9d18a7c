"""What must be true at the end: each check takes the platform's report, Redis and the daemon's own figures, and returns
(name, ok, text, [details])."""

import re
from collections import Counter, defaultdict

from evening import BOT, STAFF_GROUP, TOTAL

DAY = 86400
DONE = "打卡成功"
ALARM_WITHIN = 60
SAME = 1.0          # seconds: two deliveries nearer than this were on their way together
PING_PONG = 40      # answers to another bot in one group in ten minutes; without a breaker there are hundreds


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def check_limits(report):
    limits = report["limits"]
    lines = ["%s: %d in %.2f s, %d allowed, of %s: %s" % (
        one["rule"], one["count"], one["window"], one["allowed"], one["whose"], one["evidence"]) for one in limits["evidence"][:6]]
    text = "%d messages arrived (%s); fullest windows: %s" % (
        limits["sends"], ", ".join("%s %d" % item for item in sorted(limits["kinds"].items())),
        ", ".join("%s %d %%" % (name, 100 * share) for name, share in limits["fullest"].items()))
    if limits["violations"]:
        text = "%d VIOLATIONS %s; %s" % (limits["violations"], limits["by_rule"], text)
    return "limits", not limits["violations"], text, lines


def repeats(report):
    """Pairs of deliveries of one text in one chat: (first, second)."""
    last, pairs = {}, []
    for sent in sorted((s for s in report["sent"] if s["delivered"]), key=lambda s: s["delivered"]):
        key = (sent["chat"], sent["text"])
        if key in last:
            pairs.append((last[key], sent))
        last[key] = sent
    return pairs


def unique(sent):
    """Texts that a correct daemon says once: they carry a place, a number or a seal."""
    return bool(re.search(DONE + "|【|封存|种子|第 ?[0-9]+ ?位", sent["text"]))


def check_duplicates(report):
    blind, unknowable, said_again, unshown = [], [], 0, 0
    for a, b in repeats(report):
        if a["acked"] and not unique(a):
            said_again += 1         # small talk may come back
        elif a["delivered"] > b["began"] - SAME:
            unknowable.append((a, b))
        elif a["kind"] == "dm" and not a["acked"]:
            unshown += 1            # this platform shows nobody what was said in private
        else:
            blind.append((a, b))
    lines = ["%s to %s: first at %.1f (%s, acknowledged %s, shown %s), again at %.1f (%s): %r" % (
        a["kind"], a["chat"], a["arrived"] - report["began"], a["fate"], bool(a["acked"]),
        a["shown"] and round(a["shown"] - report["began"], 1), b["arrived"] - report["began"], b["fate"], a["text"][:70])
        for a, b in blind[:8]]
    return "duplicates", not blind, "%d blind; %d that were on their way together, %d private and without an answer; %d texts said again by intent" % (
        len(blind), len(unknowable), unshown, said_again), lines


def check_checkins(report, client, store, cut, gateway="qq1"):
    """Each member's days, in Redis, as the platform can show them."""
    wanted = defaultdict(set)
    hidden = set()
    for when, group, user, visible in report["checkins"]:
        if visible:
            wanted[(group, user)].add((when - cut) // DAY)
        else:
            hidden.add((group, user))
    told = defaultdict(list)
    for event in store.business_events(client, gateway, "checked_in"):
        told[(int(event["_chat"]), int(event["user"]))].append(event)
    lines, counted, lost = [], 0, 0
    pipe = client.pipeline(transaction=False)
    people = sorted(set(wanted) | hidden | set(told))
    for group, user in people:
        pipe.hgetall(store.key(gateway, "m", "checkin", group, user))
        pipe.zscore(store.key(gateway, "board", "checkin", group, "board"), user)
    found = pipe.execute()
    numbers = defaultdict(list)
    for i, (group, user) in enumerate(people):
        member, score = found[2 * i], found[2 * i + 1]
        days = wanted.get((group, user), set())
        marks, events = member.get("marks", ""), told.get((group, user), [])
        counted += marks.count("x")
        if member.get("n"):
            numbers[group].append(int(member["n"]))
        if marks.count("x") < len(days):
            lost += len(days) - marks.count("x")
        good = marks == "x" * len(days) and len(events) == len(days) and (not days or score == len(days) * 1000 + len(days))
        if not good:
            times = ["%+d" % (when - cut) for when, g, u, v in report["checkins"] if (g, u) == (group, user)]
            lines.append("%s in %s: said it at %s s from the cut-off: marks %r, board %s, told %s" % (
                user, group, times, marks, score, [(e.get("day"), e.get("streak")) for e in events]))
    for group, ns in numbers.items():
        if sorted(ns) != list(range(1, len(ns) + 1)):
            lines.append("numbers of the members of %s: %s" % (group, sorted(ns)[:20]))
    total = sum(len(days) for days in wanted.values())
    return "check-ins", not lines, "%d said, %d member-days wanted, %d counted, %d lost, %d members wrong" % (
        len(report["checkins"]), total, counted, lost, len(lines)), lines[:10]


def check_packets(report, client, store, gateway="qq1"):
    """Shares add up, nobody has two, points are what was grabbed."""
    lines, points = [], Counter()
    opened = {(e["_chat"], e["id"]): e for e in store.business_events(client, gateway, "packet_opened")}
    closed = {(e["_chat"], e["id"]): e for e in store.business_events(client, gateway, "packet_closed")}
    grabs = defaultdict(list)
    for event in store.business_events(client, gateway, "grabbed"):
        grabs[(event["_chat"], event["id"])].append(event)
        points[event["user"]] += event["amount"]
    for key, packet in opened.items():
        got = grabs.get(key, [])
        if len({e["user"] for e in got}) != len(got):
            lines.append("%s: somebody grabbed twice" % (key,))
        if len(got) > packet["shares"] or sum(e["amount"] for e in got) > TOTAL or any(e["amount"] < 1 for e in got):
            lines.append("%s: %d grabs, %d in all" % (key, len(got), sum(e["amount"] for e in got)))
        if len(got) == packet["shares"] and sum(e["amount"] for e in got) != TOTAL:
            lines.append("%s: empty, and %d of %d given" % (key, sum(e["amount"] for e in got), TOTAL))
        end = closed.get(key)
        if end and (end["grabs"] != len(got) or end["spent"] != sum(e["amount"] for e in got)):
            lines.append("%s: closed with %s, but %d grabs" % (key, end, len(got)))
    for user, amount in points.items():
        had = client.hget(store.key(gateway, "u", user), "points")
        if had != str(amount):
            lines.append("%s has %s points, grabbed %d" % (user, had, amount))
    if set(grabs) - set(opened):
        lines.append("grabs of packets that were not opened: %s" % sorted(set(grabs) - set(opened))[:3])
    asked = len(report["packets"])
    if len(opened) > asked:
        lines.append("%d packets were asked for, %d opened" % (asked, len(opened)))
    return "red packets", not lines, "%d asked for, %d opened, %d closed, %d grabs by %d members" % (
        asked, len(opened), len(closed), sum(len(g) for g in grabs.values()), len(points)), lines[:8]


def check_greetings(report, client, store, gateway="qq1"):
    joined = {(group, user) for _, group, user in report["joins"]}
    named = Counter()
    for sent in report["sent"]:
        if sent["delivered"]:
            for user in sent["at"]:
                if user.isdigit() and (sent["chat"], int(user)) in joined:
                    named[(sent["chat"], int(user))] += 1
    told = Counter((int(e["_chat"]), int(u)) for e in store.business_events(client, gateway, "greeted") for u in e["users"])
    lines = ["%s greeted %d times in %s" % (user, n, group) for (group, user), n in named.items() if n > 1]
    lines += ["%s in %s: told %d times as greeted" % (user, group, n) for (group, user), n in told.items() if n > 1]
    return "greetings", not lines, "%d joined, %d greeted, %d of these greetings arrived" % (
        len(joined), len(told), len(named)), lines[:6]


def check_ping_pong(report):
    """What was said to the other bot, by group: in any ten minutes."""
    most, where, total = 0, None, 0
    by_group = defaultdict(list)
    for sent in report["sent"]:
        if str(BOT) in sent["at"] and sent["delivered"]:
            by_group[sent["chat"]].append(sent["delivered"])
    for group, times in by_group.items():
        total += len(times)
        for i, begin in enumerate(times):
            n = sum(1 for t in times[i:] if t < begin + 600)
            if n > most:
                most, where = n, group
    heard = sum(len(v) for v in report["bot"].values())
    return "ping-pong", most <= PING_PONG, "the other bot spoke %d times and was answered %d times, at most %d in ten minutes in one group (%s)" % (
        heard, total, most, where), []


def check_latency(report):
    """Answers to check-ins: how soon they came, and none after its time."""
    asked = defaultdict(list)
    for when, group, user, _ in report["checkins"]:
        asked[(group, str(user))].append(when)
    waits = []
    for sent in report["sent"]:
        if sent["delivered"] and DONE in sent["text"] and sent["at"]:
            before = [t for t in asked.get((sent["chat"], sent["at"][0]), []) if t <= sent["delivered"]]
            if before:
                waits.append(sent["delivered"] - max(before))
    return "answers", True, "%d check-ins were answered, after %.1f s (median), %.1f s (99 %%), %.1f s at most" % (
        len(waits), percentile(waits, 0.5), percentile(waits, 0.99), max(waits or [0])), []


def answers_missing(report, counted):
    """How many of the check-ins that count were not answered."""
    return counted - len({s["text"] for s in report["sent"] if s["delivered"] and DONE in s["text"]})


TAKEN_OVER = {"logout": 10, "offline": 10, "restart": 10}   # within so many seconds, as is promised


def check_pool(report):
    """Of several accounts: how soon another one spoke after the one that served was struck."""
    waits, lines = [], []
    for fault in report["faults"]:
        limit = TAKEN_OVER.get(fault["kind"])
        if not limit or "began" not in fault:
            continue
        spoke = [s["delivered"] for s in report["sent"] if s["delivered"] and s["delivered"] > fault["began"]
                 and s["account"] != fault["account"] and s["chat"] != STAFF_GROUP]
        wait = min(spoke) - fault["began"] if spoke else 999
        waits.append(wait)
        if wait > limit:
            lines.append("%s at %.1f s: the other account spoke after %.1f s" % (fault["kind"], fault["began"] - report["began"], wait))
    return "pool", not lines, "%d times the account that served was struck, another one spoke after %.1f s (median), %.1f s at most" % (
        len(waits), percentile(waits, 0.5), max(waits or [0])), lines


ALARMED = {
    "logout": lambda e: e["_name"] in ("alarm", "gateway_state"),
    "offline": lambda e: e["_name"] == "alarm" or e["_name"] == "gateway_state" and e.get("account") == "offline",
    "restart": lambda e: e["_name"] == "alarm" or e["_name"] == "gateway_state" and e.get("link") != "up",
    "mute": lambda e: e["_name"] == "alarm",
    "kick": lambda e: e["_name"] == "alarm",
}


def check_alarms(report, events, staff, posted):
    """Each planned trouble that must be told was told by an event within a minute; and to people, by staff chat and webhook."""
    missing, waits, asked = [], [], 0
    for fault in report["faults"]:
        if not fault.get("alarm") or "ended" not in fault:
            continue
        asked += 1
        fits = [float(e["_time"]) / 1000 for e in events if ALARMED[fault["kind"]](e)]
        group = fault.get("group")
        if group:
            fits = [float(e["_time"]) / 1000 for e in events if ALARMED[fault["kind"]](e) and str(group) in str(e)]
        after = [t - fault["began"] for t in fits if fault["began"] - 1 <= t <= fault["began"] + ALARM_WITHIN]
        if after:
            waits.append(max(0.0, min(after)))
        else:
            missing.append("%s at %.0f s (%.0f s long)%s: no event within %d s" % (
                fault["kind"], fault["began"] - report["began"], fault["seconds"], " in %s" % group if group else "", ALARM_WITHIN))
    text = "%d troubles had to be told, %d were, after %.0f s at most; %d messages in the staff chat, %d posts to the webhook" % (
        asked, len(waits), max(waits or [0]), len(staff), len(posted))
    return "alarms", not missing, text, missing[:10]


def staff_messages(report):
    return [s for s in report["sent"] if s["chat"] == STAFF_GROUP and s["delivered"]]
