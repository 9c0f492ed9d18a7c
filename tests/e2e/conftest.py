"""Makes the harness and its fixtures known to the tests of this folder."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.fixtures import *  # noqa: E402,F401,F403
from harness.fixtures import (pytest_collection_modifyitems, pytest_configure,  # noqa: E402,F401
                              pytest_runtest_makereport)
