"""What the outbound governor costs: answers as fast as they go, with one limit for the account and one for its chats, and with as many as
the platform of QQ accounts has; the same binary, both at once, in turn. The limits are so loose that nothing waits for them.
"""
import contextlib
import statistics

from bench_world import Sopd

LOOSE = '{{ per = "1s", count = 1000000, burst = 500000{} }}'
ANY, POSTS, GAMES, ALL = LOOSE.format(""), LOOSE.format(', kinds = { "broadcast", "dm", "at_all" }'), \
    LOOSE.format(', kinds = "game"'), LOOSE.format(', kinds = "at_all"')
FEW = f'{{ account = {ANY}, chat = {ANY}, warmup = "0s" }}'
MANY = f'{{ account = {{ {ANY}, {ANY}, {ANY}, {POSTS} }}, chat = {{ {ANY}, {ANY}, {GAMES}, {ALL} }}, jitter = "40%", warmup = "7d" }}'
ROUNDS = 7


def one(sopd, opts):
    done = sopd.run_counted(window=opts.window, seconds=opts.seconds)
    used = done["used"]
    return {"rate": done["rate"], "lost": done["lost"], "script_us": used["script_us"] / max(1, used["turns"] or done["answered"]),
            "cpu": (used["sopd_cpu"] + used["redis_cpu"]) * 1e5 / done["answered"]}


def measure_governor(opts):
    with contextlib.ExitStack() as stack:
        pair = [Sopd(opts, stack, pace=pace) for pace in (FEW, MANY)]
        for sopd in pair:
            sopd.load.run(window=opts.window, seconds=1)
        rounds = []
        for i in range(ROUNDS if opts.runs > 1 else 2):
            both = [None, None]
            for which in ((0, 1) if i % 2 else (1, 0)):  # whoever comes first in a round has no advantage
                both[which] = one(pair[which], opts)
            rounds.append(both)
        return {"rounds": rounds}


def add_governor(figures, found):
    few, many = zip(*found["rounds"])
    figures.add("governor: messages with few limits", statistics.median(r["rate"] for r in few), "1/s", digits=0)
    figures.add("governor: messages with all limits", statistics.median(r["rate"] for r in many), "1/s", digits=0)
    cost = statistics.median(1 - b["rate"] / a["rate"] for a, b in found["rounds"])
    figures.add("governor: throughput that it costs", cost * 100, "%", 3, digits=2)
    figures.add("  CPU of sopd and Redis that it costs",
                100 * statistics.median(b["cpu"] / a["cpu"] - 1 for a, b in found["rounds"]), "%", digits=2)
    figures.add("  commit script per turn, few limits", statistics.median(r["script_us"] for r in few), "us of Redis")
    figures.add("  commit script per turn, all limits", statistics.median(r["script_us"] for r in many), "us of Redis")
    figures.add("  unanswered", sum(r["lost"] for r in few + many), "", 0, digits=0)


PARTS = {"governor": (measure_governor, add_governor)}
