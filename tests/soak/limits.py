"""The platform's limits, kept at its own end with sliding windows over what really arrived, each breach with evidence."""

import bisect
from collections import defaultdict, deque

EVIDENCE = 6
REFUSED_COUNT = 60      # seconds: what does not appear counts in windows up to this long, and not for a day's number


class Rule:
    """At most `count` messages in any `window` seconds, of these kinds, for each account, chat or member."""

    def __init__(self, name, scope, window, count, kinds=None, begins=0):
        self.name, self.scope, self.window, self.count = name, scope, window, count
        self.kinds = frozenset(kinds) if kinds else None
        self.begins = begins            # holds for so many seconds after an account is new
        self.seen = defaultdict(deque)
        self.fullest = 0

    def applies(self, kind, age):
        return (self.kinds is None or kind in self.kinds) and (not self.begins or age < self.begins)


class Limits:
    """rules: dicts of Rule's arguments. note() takes every send that reached the platform, whatever became of it then."""

    def __init__(self, rules):
        self.rules = [Rule(**rule) for rule in rules]
        self.violations = []
        self.late = []          # (from, till): our own process did not run; what came then, came at unknown times
        self.counts = defaultdict(int)
        self.arrivals = []      # (time, account, chat, kind, text), all

    def lagged(self, since, till):
        self.late.append((since, till))
        del self.late[:-2000]

    def lag_within(self, since, till):
        """How long we ourselves did not look, within a window."""
        total = 0.0
        for i in range(bisect.bisect_left(self.late, (since - 60, 0)), len(self.late)):
            a, b = self.late[i]
            total += max(0.0, min(b, till) - max(a, since))
        return total

    def note(self, now, account, age, chat, members, kind, text):
        self.counts[kind] += 1
        self.arrivals.append((now, account, chat, kind, text))
        broken, counted = [], []
        self.last = []
        for rule in self.rules:
            if not rule.applies(kind, age):
                continue
            keys = [account] if rule.scope == "account" else [(account, chat)]
            if rule.scope == "member":
                keys = [(account, m) for m in members]
            for key in keys:
                counted.append((rule, key))
                if self._count(rule, key, now, text):
                    broken.append(rule.name)
        self.last = [(rule, key) for rule, key in counted if rule.window > REFUSED_COUNT]
        return broken

    def forget(self):
        """The last one that was noted did not appear: it counts as an attempt only, not for a day's number."""
        for rule, key in self.last:
            rule.seen[key].pop()
        self.last = []

    def _count(self, rule, key, now, text):
        seen = rule.seen[key]
        seen.append((now, text))
        while seen[0][0] <= now - rule.window:
            seen.popleft()
        if len(seen) <= rule.count:
            rule.fullest = max(rule.fullest, len(seen) / rule.count)
            return False
        # what our own process was late in reading may have come in good time: the window grows by that
        lag = self.lag_within(seen[0][0] - 0.01, now)
        if lag and sum(1 for t, _ in seen if t > now - rule.window + lag) <= rule.count:
            return False
        rule.fullest = max(rule.fullest, len(seen) / rule.count)
        self.violations.append({
            "rule": rule.name, "whose": str(key), "time": now, "count": len(seen), "allowed": rule.count,
            "window": rule.window, "lag": round(lag, 3),
            "evidence": [[round(t - now, 3), x[:60]] for t, x in list(seen)[-EVIDENCE:]]})
        return True

    def report(self):
        by_rule = defaultdict(int)
        for one in self.violations:
            by_rule[one["rule"]] += 1
        return {"violations": len(self.violations), "by_rule": dict(by_rule), "evidence": self.violations[:20],
                "fullest": {rule.name: round(rule.fullest, 2) for rule in self.rules},
                "kinds": dict(self.counts), "sends": len(self.arrivals)}
