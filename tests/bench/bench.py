#!/usr/bin/python3
"""Measure sopd against the floor and print a table of figures, targets and verdicts.

The floor (bench_floor) is libuv + libwebsockets with its defaults + cJSON: it answers from C, without Lua and
without Redis. The load generator (bench_load) plays the OneBot side for both, with the same events. Floor and
sopd take turns; each figure is the median over the runs. Everything is on loopback and in a temporary folder.
Runs that wait are measured once (about 8 minutes and 2 GiB of Redis for a million of them): what they take, how fast one wakes,
a storm of timers, the replay of a long journal.

Exit code: 0 all targets met, 1 some missed, 2 something could not be measured.
"""
import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

import bench_flows
import bench_gateways
import bench_governor
import bench_runs
import bench_toggles
from bench_world import HERE, MIB, BenchError, Sopd, child, cpu_seconds, load_generator, rss_bytes

ROOT = HERE.parent.parent
PARTS = {**bench_runs.PARTS, **bench_toggles.PARTS, **bench_governor.PARTS, **bench_gateways.PARTS, **bench_flows.PARTS}


# ---- the floor ----------------------------------------------------------------------------------------------


def measure_floor(opts, write):
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sopd-bench-")))
        bots = []
        load = stack.enter_context(load_generator(opts, folder, bots))
        url = f"ws://127.0.0.1:{load.port}/0"
        floor = stack.enter_context(child([opts.build / "bench_floor", url, "--write", write], folder / "floor.log"))
        bots.append(floor)
        load.wait("connected", 5)
        load.run(window=opts.window, seconds=1)
        before = cpu_seconds(floor.pid)
        windowed = load.run(window=opts.window, seconds=opts.seconds)
        cpu = cpu_seconds(floor.pid) - before
        paced = load.run(rate=1000, seconds=opts.seconds)
        return {"windowed": windowed, "paced": paced, "cpu_seconds": cpu, "rss": rss_bytes(floor.pid)}


# ---- sopd ---------------------------------------------------------------------------------------------------


def measure_sopd(opts):
    with contextlib.ExitStack() as stack:
        sopd = Sopd(opts, stack)
        sopd.load.run(window=opts.window, seconds=1)
        windowed = sopd.run_counted(window=opts.window, seconds=opts.seconds)
        paced = sopd.run_counted(rate=1000, seconds=opts.seconds)
        return {"windowed": windowed, "paced": paced, "ready_seconds": sopd.ready_seconds, "idle_rss": sopd.idle_rss}


def measure_accounts(opts):
    """RSS with many accounts, every group of every account active."""
    accounts, groups = opts.accounts, opts.account_groups
    with contextlib.ExitStack() as stack:
        sopd = Sopd(opts, stack, accounts, groups, users=20)
        samples = []

        def sample():
            samples.append(rss_bytes(sopd.process.pid))

        rate = 5000
        done = sopd.load.run(sample, rate=rate, seconds=max(5, 3 * accounts * groups / rate))
        sample()
        return {"accounts": accounts, "groups": groups, "answered": done["answered"], "lost": done["lost"],
                "idle_rss": sopd.idle_rss, "rss": max(samples)}


def measure_soak(opts):
    """RSS over a long load: flat means that the last fifth uses no more than the second."""
    with contextlib.ExitStack() as stack:
        sopd = Sopd(opts, stack)
        samples = []
        done = sopd.load.run(lambda: samples.append((round(time.monotonic(), 2), rss_bytes(sopd.process.pid))),
                             rate=opts.soak_rate, seconds=opts.soak)
        values = [rss for _, rss in samples]
        fifth = max(1, len(values) // 5)
        early, late = statistics.median(values[fifth:2 * fifth] or values), statistics.median(values[-fifth:])
        return {"seconds": opts.soak, "rate": opts.soak_rate, "answered": done["answered"], "lost": done["lost"],
                "early_rss": early, "late_rss": late, "growth": late / early - 1,
                "samples": samples[::max(1, len(samples) // 200)]}


# ---- the report ---------------------------------------------------------------------------------------------


def git(*words):
    answer = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "processors": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "load_average": os.getloadavg()[0]}


def median_of(runs, value):
    values = [value(run) for run in runs]
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def cpu_per_100k(run):
    used = run["windowed"]["used"]
    return (used["sopd_cpu"] + used["redis_cpu"]) * 100_000 / run["windowed"]["answered"]


def script_us_per_turn(run):
    used = run["windowed"]["used"]
    return used["script_us"] / (used["turns"] or run["windowed"]["answered"])


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, target=None, at_least=False, digits=1):
        met = None
        if target is not None and value is not None:
            met = value >= target if at_least else value <= target
        self.rows.append({"name": name, "value": value, "unit": unit, "target": target,
                          "relation": ">=" if at_least else "<=", "met": met, "digits": digits})

    def print(self):
        print(f"{'figure':<46} {'measured':>12} {'target':>12}  verdict")
        for row in self.rows:
            value = "not measured" if row["value"] is None else f"{row['value']:,.{row['digits']}f}"
            target = "" if row["target"] is None else f"{row['relation']} {row['target']:g}"
            verdict = "" if row["target"] is None else {True: "pass", False: "FAIL", None: "?"}[row["met"]]
            print(f"{row['name'] + ', ' + row['unit'] if row['unit'] else row['name']:<46} {value:>12} {target:>12}  {verdict}")


def add_floor_figures(figures, floors, other):
    figures.add("floor: messages", median_of(floors, lambda r: r["windowed"]["rate"]), "1/s", digits=0)
    figures.add("floor: median latency at 1,000/s", median_of(floors, lambda r: r["paced"]["latency_us"]["p50"]), "us")
    figures.add("floor: CPU per 100,000 messages",
                median_of(floors, lambda r: r["cpu_seconds"] * 1e5 / r["windowed"]["answered"]), "s", digits=2)
    if other:
        figures.add("floor, one write per WRITEABLE: messages", median_of(other, lambda r: r["windowed"]["rate"]), "1/s", digits=0)


def add_sopd_figures(figures, report):
    runs, floors = report["sopd"], report["floor"]
    rate = median_of(runs, lambda r: r["windowed"]["rate"])
    floor_rate = median_of(floors, lambda r: r["windowed"]["rate"])
    latency = median_of(runs, lambda r: r["paced"]["latency_us"]["p50"])
    floor_latency = median_of(floors, lambda r: r["paced"]["latency_us"]["p50"])
    figures.add("sopd: messages", rate, "1/s", digits=0)
    figures.add("sopd / floor: messages", rate / floor_rate, "", 0.6, at_least=True, digits=2)
    figures.add("sopd + Redis: CPU per 100,000 messages", median_of(runs, cpu_per_100k), "s", 6, digits=2)
    figures.add("  of which sopd", median_of(
        runs, lambda r: r["windowed"]["used"]["sopd_cpu"] * 1e5 / r["windowed"]["answered"]), "s", digits=2)
    figures.add("commit script per turn", median_of(runs, script_us_per_turn), "us of Redis", 30)
    figures.add("  turns in one script call", median_of(
        runs, lambda r: r["windowed"]["answered"] / max(1, r["windowed"]["used"]["script_calls"])), "", digits=1)
    figures.add("sopd: median latency at 1,000/s", latency, "us")
    figures.add("sopd / floor: median latency at 1,000/s", latency / max(1, floor_latency), "", 2, digits=2)
    figures.add("sopd: p99 latency at 1,000/s", median_of(runs, lambda r: r["paced"]["latency_us"]["p99"]), "us")
    figures.add("unanswered messages, all runs", sum(r["windowed"]["lost"] + r["paced"]["lost"] for r in runs), "", 0, digits=0)
    figures.add("answers given twice, all runs",
                sum(r["windowed"]["duplicates"] + r["paced"]["duplicates"] for r in runs), "", 0, digits=0)
    figures.add("RSS idle", median_of(runs, lambda r: r["idle_rss"] / MIB), "MiB", 12)
    figures.add("ready to serve", median_of(runs, lambda r: r["ready_seconds"] * 1000), "ms", 300)


def add_memory_figures(figures, report):
    many, soak = report.get("accounts"), report.get("soak")
    if many:
        figures.add(f"RSS, {many['accounts']} accounts x {many['groups']} groups", many["rss"] / MIB, "MiB", 48)
        figures.add("  unanswered there", many["lost"], "", 0, digits=0)
    if soak:
        figures.add(f"RSS growth, {soak['seconds']:g} s at {soak['rate']}/s", soak["growth"] * 100, "%", 2, digits=2)
        figures.add("  RSS at its end", soak["late_rss"] / MIB, "MiB")
        figures.add("  unanswered there", soak["lost"], "", 0, digits=0)


def warnings_of(report):
    for kind in ("floor", "sopd"):
        for run in report[kind]:
            bot = run["cpu_seconds"] if kind == "floor" else run["windowed"]["used"]["sopd_cpu"]
            if run["windowed"]["load_cpu_seconds"] > bot:
                yield f"the load generator used more processor time than {kind}: the rate may be the generator's"
    if report["sopd"] and report["sopd"][0]["windowed"]["used"]["turns"] is None:
        yield "sopd offers no sopd_turns_total: turns were taken to be the answered messages"


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="folder of the binaries (default: build)")
    parser.add_argument("--sopd", type=Path, help="the sopd to measure (default: sopd in the build folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole report there")
    parser.add_argument("--quick", action="store_true", help="one short run of each: a look, not a measurement")
    parser.add_argument("--only", choices=["floor", "speed", "accounts", "soak", *PARTS], action="append",
                        help="only this part; may be given several times")
    parser.add_argument("--all-flows", action="append_const", const="flows", dest="only",
                        help="what many flows cost: the same as --only flows")
    parser.add_argument("--flow-groups", type=int, default=5000, help="groups of that part (default 5,000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of floor and of sopd, in turn (default 3)")
    parser.add_argument("--seconds", type=float, default=5, help="length of each measured phase (default 5)")
    parser.add_argument("--window", type=int, default=1024, help="messages in flight (default 1024)")
    parser.add_argument("--groups", type=int, default=128, help="groups of the one account (default 128)")
    parser.add_argument("--accounts", type=int, default=200, help="accounts of the memory run (default 200)")
    parser.add_argument("--account-groups", type=int, default=50, help="groups of each of them (default 50)")
    parser.add_argument("--soak", type=float, default=60,
                        help="seconds of the flatness run (default 60; 600 for the ten-minute promise; 0: none)")
    parser.add_argument("--soak-rate", type=int, default=5000, help="messages a second in that run (default 5000)")
    parser.add_argument("--sleepers", type=int, default=1_000_000, help="runs that wait, in thousands (default 1,000,000)")
    parser.add_argument("--wake-seconds", type=int, default=60, help="how long they are woken, each way (default 60)")
    parser.add_argument("--edits", type=int, default=1000, help="edits of toggles under load (default 1,000: 50 s)")
    parser.add_argument("--storm", type=int, default=100_000, help="timers that are due at once (default 100,000)")
    parser.add_argument("--floor-write", choices=["receive", "writeable"], default="receive",
                        help="how the floor writes: from the receive callback (default, the faster floor), or the "
                             "textbook's one lws_write per WRITEABLE callback")
    parser.add_argument("--keep", action="store_true", help="keep configuration and logs of the runs")
    opts = parser.parse_args()
    if opts.quick:
        opts.runs, opts.seconds, opts.soak = 1, 2, min(opts.soak, 10)
        opts.sleepers, opts.storm, opts.wake_seconds = min(opts.sleepers, 50_000), min(opts.storm, 20_000), min(opts.wake_seconds, 10)
        opts.edits = min(opts.edits, 200)
    opts.build = opts.build.resolve()
    opts.sopd = opts.sopd.resolve() if opts.sopd else opts.build / "sopd"
    opts.only = set(opts.only or ["floor", "speed", "accounts", "soak", *PARTS])
    return opts


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(opts, report):
    other = "writeable" if opts.floor_write == "receive" else "receive"
    for i in range(opts.runs if opts.only & {"floor", "speed"} else 0):
        say(f"run {i + 1} of {opts.runs}: floor")
        report["floor"].append(measure_floor(opts, opts.floor_write))
        if "floor" in opts.only and i == 0:
            report["floor_other"].append(measure_floor(opts, other))
        if "speed" in opts.only:
            say(f"run {i + 1} of {opts.runs}: sopd")
            report["sopd"].append(measure_sopd(opts))
    if "accounts" in opts.only:
        say(f"memory: {opts.accounts} accounts x {opts.account_groups} groups")
        report["accounts"] = measure_accounts(opts)
    if "soak" in opts.only and opts.soak > 0:
        say(f"flatness: {opts.soak:g} s at {opts.soak_rate}/s")
        report["soak"] = measure_soak(opts)
    for part, (measure_part, _) in PARTS.items():
        if part in opts.only:
            say(part)
            report[part] = measure_part(opts)


def main():
    opts = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that every child is ended
    for binary in ([opts.sopd] if opts.only - {"floor"} else []) + [opts.build / "bench_floor", opts.build / "bench_load"]:
        if not os.access(binary, os.X_OK):
            say(f"bench: {binary} is not there; scripts/build makes it")
            return 2
    report = {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain")),
              "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(),
              "options": {k: str(v) if isinstance(v, Path) else v for k, v in vars(opts).items() if k != "only"},
              "floor": [], "floor_other": [], "sopd": []}
    failure = None
    try:
        measure(opts, report)
    except (BenchError, OSError, redis.RedisError) as error:
        failure = str(error)
    figures = Figures()
    if report["floor"]:
        add_floor_figures(figures, report["floor"], report["floor_other"] if opts.floor_write == "receive" else [])
    if report["sopd"]:
        add_sopd_figures(figures, report)
    add_memory_figures(figures, report)
    for part, (_, add) in PARTS.items():
        if part in report:
            add(figures, report[part])
    print(f"commit {report['commit'][:12] or 'none'}{' (with changes)' if report['dirty'] else ''}, {report['machine']['cpu']}, "
          f"{report['machine']['processors']} processors, kernel {report['machine']['kernel']}")
    figures.print()
    report["figures"], report["warnings"], report["failure"] = figures.rows, sorted(set(warnings_of(report))), failure
    for warning in report["warnings"]:
        print(f"note: {warning}")
    if failure:
        print(f"bench: {failure}", file=sys.stderr)
    if opts.json:
        opts.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if failure:
        return 2
    return 0 if all(row["met"] is not False for row in figures.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
