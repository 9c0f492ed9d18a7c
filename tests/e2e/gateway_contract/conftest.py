"""Runs every test of this folder for each codec that $SOPD_CONTRACT names (all without it), and makes the daemon that serves it."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from adapters import chosen  # noqa: E402
from contract import wait_link  # noqa: E402
from harness import LOOSE_PACE  # noqa: E402

SOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sop")


def pytest_generate_tests(metafunc):
    if "codec" in metafunc.fixturenames:
        metafunc.parametrize("codec", chosen(), indirect=True, ids=lambda c: c.name)


@pytest.fixture
def codec(request, bench):
    return request.param(bench)


class Served:
    """A daemon that serves the codec under test as the gateway "gw"."""

    def __init__(self, bench, codec):
        self.bench, self.codec = bench, codec

    def __call__(self, ready=True, start=True, config=None, more=(), **fields):
        self.redis = self.bench.redis()
        entries = [{"pace": {"warmup": "0s", **LOOSE_PACE}, "quotas": False, "platform": False, **entry}
                   for entry in [self.codec.entry(**fields), *more]]
        settings = {"redis": self.redis.url, "sop": [SOP], "gateways": entries, "log": {"level": "debug"}, **(config or {})}
        daemon = self.bench.sopd(settings, start=start)
        daemon.redis = self.redis
        if ready and start:
            self.codec.wait_ready()
            wait_link(daemon, "up")
        return daemon


@pytest.fixture
def served(bench, codec):
    if codec.peer is None:
        pytest.skip("it has no peer")
    return Served(bench, codec)
