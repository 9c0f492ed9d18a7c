"""What an event costs on each type of gateway: OneBot 11, Satori and WeCom with the same flow, all running, in short turns, and the floor
with them.

"events": one of 32 messages is answered, the others only commit (a member's number); the answer comes after all that was said before
it in its group, so that all 32 are handled then. "answered": each message gets its answer; on Satori that is an HTTP call, on WeCom a frame
that is acknowledged. There are many groups, because WeCom's gateway takes 28 messages a minute into each.
"""
import contextlib
import statistics
import tempfile
from pathlib import Path

from bench_world import Sopd, child, load_generator

KINDS = ("onebot11", "satori", "wecom")
NAMES = {"onebot11": "OneBot 11", "satori": "Satori", "wecom": "WeCom"}
QUIET = 31
PHASES = {  # a window must hold more than QUIET + 1 messages of each group
    "events": {"groups": 1024, "window": 49152, "quiet": QUIET, "seconds": 1.5},
    "answered": {"groups": 8192, "window": 1024, "quiet": 0, "seconds": 0.7},
}
ROUNDS = 7
MORE = "  queue = { chat = 5000, total = 200000 },\n"
BOUNDS = {"satori": 0.6, "wecom": 0.8}


def floor(opts):
    """Messages a second that the floor answers."""
    with contextlib.ExitStack() as stack:
        folder, bots = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sopd-bench-"))), []
        load = stack.enter_context(load_generator(opts, folder, bots))
        bots.append(stack.enter_context(child([opts.build / "bench_floor", f"ws://127.0.0.1:{load.port}/0", "--write", opts.floor_write],
                                              folder / "floor.log")))
        load.wait("connected", 5)
        load.run(window=opts.window, seconds=1)
        return load.run(window=opts.window, seconds=min(3, opts.seconds))["rate"]


def one(sopd, phase):
    done = sopd.run_counted(**phase)
    used = done["used"]
    return {"rate": done["rate"], "lost": done["lost"], "twice": done["duplicates"], "load_cpu": done["load_cpu_seconds"] / done["seconds"],
            "sopd_cpu": used["sopd_cpu"] * 1e5 / done["answered"], "redis_cpu": used["redis_cpu"] * 1e5 / done["answered"]}


def measure_gateways(opts):
    rounds = [{"floor": floor(opts)} for _ in range(ROUNDS if opts.runs > 1 else 2)]
    for what, phase in PHASES.items():
        with contextlib.ExitStack() as stack:
            phase = dict(phase)
            groups = phase.pop("groups")
            running = {kind: Sopd(opts, stack, groups=groups, dialect=kind, more=MORE) for kind in KINDS}
            for sopd in running.values():
                sopd.load.run(**{**phase, "seconds": 0.3})
            for i, found in enumerate(rounds):
                order = KINDS[i % 3:] + KINDS[:i % 3]   # whoever comes first in a round has no advantage
                found[what] = {kind: one(running[kind], phase) for kind in order}
    return {"rounds": rounds}


def cpu(run):
    return run["sopd_cpu"] + run["redis_cpu"]


def add_gateways(figures, found):
    rounds = found["rounds"]

    def median(value):
        return statistics.median(value(r) for r in rounds)
    figures.add("gateways: the floor's messages", median(lambda r: r["floor"]), "1/s", digits=0)
    for what in ("events", "answered"):
        for kind in KINDS:
            figures.add(f"gateways: {NAMES[kind]}, {what}", median(lambda r, k=kind: r[what][k]["rate"]), "1/s", digits=0)
            figures.add("  / floor", median(lambda r, k=kind: r[what][k]["rate"] / r["floor"]), "", digits=2)
            if kind != "onebot11":
                ratio = median(lambda r, k=kind: r[what][k]["rate"] / r[what]["onebot11"]["rate"])
                figures.add("  / OneBot 11", ratio, "", BOUNDS[kind] if what == "events" else None, at_least=True, digits=2)
                used = median(lambda r, k=kind: cpu(r[what]["onebot11"]) / cpu(r[what][k]))
                figures.add("  / OneBot 11, in processor time", used, "", digits=2)
            figures.add("  CPU of sopd per 100,000", median(lambda r, k=kind: r[what][k]["sopd_cpu"]), "s", digits=2)
            figures.add("  CPU of Redis per 100,000", median(lambda r, k=kind: r[what][k]["redis_cpu"]), "s", digits=2)
            figures.add("  the load generator's processor", median(lambda r, k=kind: r[what][k]["load_cpu"]) * 100, "%", 90, digits=0)
    runs = [r[what][kind] for r in rounds for what in ("events", "answered") for kind in KINDS]
    figures.add("  unanswered, all gateways", sum(r["lost"] for r in runs), "", 0, digits=0)
    figures.add("  answered twice, all gateways", sum(r["twice"] for r in runs), "", 0, digits=0)


PARTS = {"gateways": (measure_gateways, add_gateways)}
