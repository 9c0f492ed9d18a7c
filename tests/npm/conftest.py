"""The harness of tests/e2e, and the programs of this folder as processes."""

import base64
import itertools
import json
import os
import subprocess
import sys
import threading
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from harness.fixtures import *  # noqa: E402,F401,F403
from harness.fixtures import (pytest_collection_modifyitems, pytest_configure,  # noqa: E402,F401
                              pytest_runtest_makereport)

PACKAGES = os.environ.get("SOPD_NPM", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "npm"))


class Program:
    """A program of this folder: orders go in, news come out."""

    def __init__(self, name, *args):
        modules = os.path.join(PACKAGES, "server" if "server" in name else "clients", "node_modules")
        assert os.path.isdir(modules), "no packages in %s: run tests/npm/install" % modules
        self.news = []
        self.errors = []
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self.process = subprocess.Popen(["node", os.path.join(HERE, name), *map(str, args)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "NODE_PATH": modules, "NODE_ENV": "production"})
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._complain, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                try:
                    self.news.append(json.loads(line))
                except ValueError:
                    self.errors.append(line)
                self._changed.notify_all()

    def _complain(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def wait(self, timeout=8.0, since=0, **fields):
        """The first news with these fields."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for one in self.news[since:]:
                    if all(one.get(k) == v for k, v in fields.items()):
                        return one
                left = deadline - time.monotonic()
                assert left > 0 and self.process.poll() is None, "no %s; news: %s; errors: %s" % (
                    fields, self.news[-6:], "".join(self.errors[-30:]))
                self._changed.wait(min(left, 0.25))

    def order(self, do, **fields):
        id = next(self._ids)
        self.process.stdin.write(json.dumps({"id": id, "do": do, **fields}) + "\n")
        self.process.stdin.flush()
        return id

    def ask(self, do, timeout=8.0, **fields):
        """The value of an order; what it failed with is raised."""
        done = self.wait(timeout, done=self.order(do, **fields))
        if "error" in done:
            raise RuntimeError(done["error"])
        return done.get("value")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


@pytest.fixture
def program(request):
    made = []

    def make(name, *args):
        made.append(Program(name, *args))
        return made[-1]
    yield make
    for one in made:
        one.close()


def b64(data):
    return base64.b64encode(data).decode()
