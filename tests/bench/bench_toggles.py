"""How fast edited toggles take effect: 1,000 edits at random groups under 1,000 messages a second, seen in two daemons on one Redis.

The harness of the end-to-end tests plays the gateways: what counts here is the time from the edit to the first obeyed message, a
message being enough to tell.
"""
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from bench_world import HERE, BenchError

sys.path.insert(0, str(HERE.parent / "e2e"))


def measure_toggles(opts):
    os.environ["SOPD_BIN"] = str(opts.sopd)
    from harness.fixtures import Bench
    from harness.switching import Switching
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sopd-bench-"))
        bench = Bench(folder)
        stack.callback(bench.close)
        gateways = [bench.gateway("napcat", self_id=2100000001 + i) for i in range(2)]
        first = bench.served(gateways[0], config={"log": {"level": "warn"}})
        second = bench.served(gateways[1], redis=first.redis, name="second", start=False)
        second.config["gateways"][0]["name"] = "qq2"
        second.start()
        gateways[1].wait_ready()
        try:
            found = Switching(first.redis.client, gateways).run(opts.edits, per_second=20)
        except AssertionError as error:
            raise BenchError(str(error)) from None
        recorded = [e for _, e in first.redis.client.xrange("sopd:audit") if e["key"].startswith("sopd:toggles")]
        found["recorded"] = len(recorded)
        found["log"] = Path(first.log_path).read_text()[-2000:]
        return found


def add_toggles(figures, found):
    figures.add(f"toggles: {found['edits']} edits at {found['rate']:.0f} messages/s, p50", found["p50"], "ms")
    figures.add("toggles: p99", found["p99"], "ms", 100)
    figures.add("toggles: longest", found["max"], "ms")
    figures.add("toggles: missed", found["missed"], "", 0, digits=0)
    figures.add("toggles: edits in the audit stream", found["recorded"], "", found["edits"], at_least=True, digits=0)


PARTS = {"toggles": (measure_toggles, add_toggles)}
