"""pytest fixtures, shared by tests/e2e and tests/chaos.

Every test gets what it asks for from factories, and everything made is closed, and examined, at its
end: a daemon that died, a sanitizer report, an action frame against the rules fail the test.
"""

import os
import shutil
import tempfile

import pytest

from redis.exceptions import RedisError

from . import Gateway, Redis, Satori, Sopd, TEST_SOP, WeCom, gateway_entry, store
from .sopd import binary


def pytest_collection_modifyitems(config, items):
    if os.path.exists(binary()) or "SOPD_BIN" in os.environ:
        return
    skip = pytest.mark.skip(reason="no binary at %s (set SOPD_BIN)" % binary())
    for item in items:
        if "needs_no_binary" not in item.keywords:
            item.add_marker(skip)


def pytest_configure(config):
    config.addinivalue_line("markers", "needs_no_binary: the test does not run sopd")


@pytest.fixture
def box(request):
    """The test's own directory with a short path; kept when $SOPD_KEEP is set."""
    directory = tempfile.mkdtemp(prefix="sopd-e2e-")
    yield directory
    if os.environ.get("SOPD_KEEP"):
        print("kept:", directory)
    else:
        shutil.rmtree(directory, ignore_errors=True)


class Bench:
    """Makes the parts of a test and puts them together."""

    def __init__(self, directory):
        self.dir = directory
        self.parts = []
        self.gateways = []

    def redis(self, **options):
        server = Redis(**options).start()
        self.parts.append(server)
        return server

    def gateway(self, *args, **options):
        gateway = Gateway(*args, **options)
        if gateway.mode == "forward" or gateway.target:
            gateway.start()
        self.parts.append(gateway)
        self.gateways.append(gateway)
        return gateway

    def satori(self, *logins, **options):
        return self._listening(Satori(*logins, **options))

    def wecom(self, **options):
        return self._listening(WeCom(**options))

    def _listening(self, peer):
        self.parts.append(peer.start())
        self.gateways.append(peer)
        return peer

    def sopd(self, config, env=None, start=True, name="sopd", **start_options):
        daemon = Sopd(os.path.join(self.dir, name), config, env)
        self.parts.append(daemon)
        if start:
            daemon.start(**start_options)
        return daemon

    def served(self, *gateways, sop=TEST_SOP, redis=None, entry=None, config=None, start=True,
               ready=True, **options):
        """A daemon with its own external Redis that serves these gateways (qq1, qq2, ...): Gateways, WeComs, logins of a
        Satori."""
        redis = redis or self.redis()
        entries = [gateway_entry(gateway, "qq%d" % (i + 1), **(entry or {}))
                   for i, gateway in enumerate(gateways)]
        settings = {"redis": redis.url, "sop": [sop] if isinstance(sop, str) else sop,
                    "staff": {"qq1:10001": "owner"}, "gateways": entries}
        settings.update(config or {})
        daemon = self.sopd(settings, start=start, **options)
        daemon.redis = redis
        if start and ready:
            for gateway in gateways:
                gateway.wait_ready()
        return daemon

    def undeclared(self):
        """Events of the daemon that docs/events.json does not declare, where Redis is still there."""
        found = []
        for part in self.parts:
            if isinstance(part, Redis):
                try:
                    found += store.undeclared_events(part.client)
                except RedisError:
                    pass
        return found

    def close(self):
        problems = ["an event that is not declared: " + e for e in self.undeclared()[:3]]
        for part in sorted(self.parts, key=lambda p: not isinstance(p, Sopd)):
            try:
                part.close()
            except AssertionError as error:
                problems.append(str(error))
        for gateway in self.gateways:
            problems += ["sopd broke a rule: " + v for v in gateway.violations[:5]]
        assert not problems, "\n".join(problems)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the daemon's log."""
    outcome = yield
    report = outcome.get_result()
    bench = getattr(item, "funcargs", {}).get("bench")
    if report.when == "call" and report.failed and bench is not None:
        for part in bench.parts:
            if isinstance(part, Sopd):
                report.sections.append(("sopd log", part.log()[-4000:]))


@pytest.fixture
def bench(box):
    """The factory of the test's parts."""
    bench = Bench(box)
    yield bench
    bench.close()


@pytest.fixture
def napcat(bench):
    """A forward gateway of the most common kind, listening."""
    return bench.gateway("napcat")
