"""The fixtures of tests/e2e, and the seed of a run that is to be repeated."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from harness.fixtures import *  # noqa: E402,F401,F403
from harness.fixtures import (pytest_collection_modifyitems, pytest_configure,  # noqa: E402,F401
                              pytest_runtest_makereport)


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=None, help="the seed of a run that is to be repeated")
