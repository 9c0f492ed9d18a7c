"""The figures of runs: a million that sleep, a storm of timers, the replay of a long journal.

The members of each group are told apart by their number (runs/sop/flows/waiter.lua): the first 500 become runs that wait for them,
the next 500 sleep for a month, and so on. The load generator goes through all groups with one member, then with the next.
"""
import contextlib
import time

from bench_world import MIB, BenchError, Sopd, rss_bytes

SLEEPERS = 0            # the first member of each kind
SHORT_SLEEPERS = 1000
STORM = 1100
LONG_JOURNALS = 1200
PLAIN = 1500
USERS = 2000
WAKES = 200             # a second
SHORT_SLEEP = 75        # seconds, as in waiter.lua


def used_memory(sopd):
    """Bytes that Redis uses, and how many of them remember the ids of turns (for three days)."""
    time.sleep(1)
    sopd.redis.execute_command("MEMORY PURGE")
    seen = sum(sopd.redis.memory_usage(key, samples=0) or 0 for key in sopd.redis.scan_iter("sopd:*:seen:*", 1000))
    return sopd.redis.info("memory")["used_memory"], seen


def first(member, groups):
    """The load generator's turn with which that member begins."""
    return {"from": member * groups}


def count_runs(sopd):
    return sum(int(n) for n in sopd.redis.hvals("sopd:{bench0}:pins"))


def measure_sleepers(opts):
    groups = max(20, opts.sleepers // 1000)
    runs = groups * 1000
    with contextlib.ExitStack() as stack:
        sopd = Sopd(opts, stack, groups=groups, users=USERS, sop="runs/sop")
        empty_rss = sopd.idle_rss
        before, _ = used_memory(sopd)
        peak = []
        begun = time.monotonic()
        made = sopd.load.run(lambda: peak.append(rss_bytes(sopd.process.pid)), window=opts.window, messages=runs, seconds=900,
                             **first(SLEEPERS, groups))
        found = {"runs": count_runs(sopd), "made_seconds": time.monotonic() - begun, "made_lost": made["lost"],
                 "empty_rss": empty_rss, "made_rss": max(peak, default=0)}
        if found["runs"] != runs:
            raise BenchError(f"{runs} runs were to be made, there are {found['runs']}")
        after, seen = used_memory(sopd)
        found.update(redis_bytes=after - before, seen_bytes=seen)
        sopd.restart()
        found.update(ready_seconds=sopd.ready_seconds, rss=sopd.idle_rss)
        seconds = opts.wake_seconds
        found["asks"] = sopd.load.run(rate=WAKES, seconds=seconds, messages=WAKES * seconds, **first(SLEEPERS, groups))
        found["asks_rss"] = rss_bytes(sopd.process.pid)
        found["timers"] = wake_timers(sopd, groups, seconds)
        found["timers_rss"] = rss_bytes(sopd.process.pid)
        return found


def wake_timers(sopd, groups, seconds):
    """As many timers a second come due as were set a second, SHORT_SLEEP later, when a new process serves them."""
    begun = time.monotonic()
    sopd.load.run(rate=WAKES, seconds=seconds, messages=WAKES * seconds, **first(SHORT_SLEEPERS, groups))
    sopd.restart()
    if time.monotonic() - begun > SHORT_SLEEP - 1:
        raise BenchError("the restart took so long that timers were due before it")
    return sopd.load.run(silent=1, slept=WAKES * seconds, seconds=SHORT_SLEEP + seconds)


def measure_storm(opts):
    groups = max(20, opts.storm // 100)
    timers = groups * 100
    with contextlib.ExitStack() as stack:
        sopd = Sopd(opts, stack, groups=groups, users=USERS, sop="runs/sop")
        sopd.load.run(window=opts.window, seconds=1, **first(PLAIN, groups))
        messages = sopd.load.run(window=opts.window, seconds=opts.seconds)
        time.sleep(max(0, 60 - time.time() % 60) + 0.5 if time.time() % 60 > 15 else 0)
        due = time.time() // 60 * 60 + 60
        sopd.load.run(window=opts.window, messages=timers, seconds=120, **first(STORM, groups))
        if time.time() > due - 1 or sopd.redis.zcount("sopd:{bench0}:timers", due * 1000, due * 1000) != timers:
            raise BenchError(f"{timers} timers could not be set within a minute")
        time.sleep(due - 0.1 - time.time())
        storm = sopd.run_counted(rate=500, slept=timers, seconds=60, **first(PLAIN, groups))
        return {"timers": timers, "groups": groups, "messages": messages, "storm": storm, "rss": rss_bytes(sopd.process.pid)}


def measure_replay(opts):
    groups, runs = 100, 100
    with contextlib.ExitStack() as stack:
        sopd = Sopd(opts, stack, groups=groups, users=USERS, sop="runs/sop")
        sopd.load.run(window=4, messages=runs, seconds=60, **first(LONG_JOURNALS, groups))
        keys = list(sopd.redis.scan_iter("sopd:{bench0}:run:*"))
        entries = sum(sopd.redis.get(key).count(b"\n") for key in keys) / max(1, len(keys))
        sopd.restart()
        plain = sopd.load.run(rate=50, messages=runs, seconds=20, **first(PLAIN, groups))
        replay = sopd.load.run(rate=50, messages=runs, seconds=20, **first(LONG_JOURNALS, groups))
        again = sopd.load.run(rate=50, messages=runs, seconds=20, **first(LONG_JOURNALS, groups))
        return {"runs": len(keys), "lines": entries, "plain": plain, "replay": replay, "again": again}


# ---- the report ---------------------------------------------------------------------------------------------


def ms(phase, share, kind="latency_us"):
    return phase[kind][share] / 1000


def add_sleepers(figures, found):
    runs, empty = found["runs"], found["empty_rss"]
    timers = found["timers"]["slept"]
    name = f"{runs:,} runs"
    figures.add(f"{name}: RSS over empty, after a start", (found["rss"] - empty) / MIB, "MiB", 64)
    figures.add("  after waking some by messages", (found["asks_rss"] - empty) / MIB, "MiB", 64)
    figures.add("  after waking some by timers", (found["timers_rss"] - empty) / MIB, "MiB", 64)
    figures.add("  at most while they were made", (found["made_rss"] - empty) / MIB, "MiB")
    figures.add("  ready to serve", found["ready_seconds"] * 1000, "ms", 1000)
    figures.add("  Redis per run", (found["redis_bytes"] - found["seen_bytes"]) / runs, "bytes", 700, digits=0)
    figures.add("    besides, ids of turns, kept for three days", found["seen_bytes"] / runs, "bytes", digits=0)
    figures.add("  made", runs / found["made_seconds"], "1/s", digits=0)
    figures.add(f"  wake by a message, {WAKES}/s: median", ms(found["asks"], "p50"), "ms", digits=2)
    figures.add("    p99", ms(found["asks"], "p99"), "ms", 5, digits=2)
    figures.add(f"  wake by a timer, {WAKES}/s: median", ms(timers, "p50", "late_us"), "ms", digits=2)
    figures.add("    p99", ms(timers, "p99", "late_us"), "ms", 5, digits=2)
    figures.add("  wakes that did not come", found["asks"]["lost"] + found["made_lost"] + found["asks"]["sent"] - timers["count"], "", 0,
                digits=0)
    figures.add("  wakes that came twice", found["asks"]["duplicates"] + timers["duplicates"], "", 0, digits=0)


def add_storm(figures, found):
    storm, rate = found["storm"], found["messages"]["rate"]
    slept = storm["slept"]
    woken = slept["count"] / slept["seconds"] if slept["seconds"] else 0
    figures.add(f"storm of {found['timers']:,} timers: worked off", woken, "1/s", digits=0)
    figures.add("  messages of the same run", rate, "1/s", digits=0)
    figures.add("  timers / messages", woken / rate, "", 0.5, at_least=True, digits=2)
    figures.add("  members answered meanwhile: median", ms(storm, "p50"), "ms", digits=2)
    figures.add("    p99", ms(storm, "p99"), "ms", 100, digits=2)
    figures.add("  RSS at its end", found["rss"] / MIB, "MiB")
    figures.add("  timers that did not come", found["timers"] - slept["count"] + storm["lost"], "", 0, digits=0)
    figures.add("  timers that came twice", slept["duplicates"] + storm["duplicates"], "", 0, digits=0)


def add_replay(figures, found):
    figures.add(f"replay of a journal of {found['lines']:,.0f} lines: median", ms(found["replay"], "p50"), "ms", digits=2)
    figures.add("  p99", ms(found["replay"], "p99"), "ms", 10, digits=2)
    figures.add("  the same run once more, in memory: median", ms(found["again"], "p50"), "ms", digits=2)
    figures.add("  a plain message: median", ms(found["plain"], "p50"), "ms", digits=2)
    figures.add("  unanswered", sum(found[k]["lost"] for k in ("plain", "replay", "again")), "", 0, digits=0)


PARTS = {"sleepers": (measure_sleepers, add_sleepers), "storm": (measure_storm, add_storm), "replay": (measure_replay, add_replay)}
