"""Runs the daemon under test: writes its configuration, starts it, watches it, ends it.

The binary is $SOPD_BIN (build/sopd of this checkout without it). Readiness is the READY=1 that sopd
sends to NOTIFY_SOCKET. What it wrote to stderr is kept in a file; close() fails when the daemon died
by itself, or a sanitizer reported something, or the end by SIGTERM was not clean.
"""

import functools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from .util import lua_value, reserve_port, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TEST_SOP = os.path.join(ROOT, "tests", "e2e", "sop")
SANITIZER = re.compile(
    r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|DEADLYSIGNAL")
LOOSE_PACE = {"account": [{"per": "1ms", "burst": 10000}], "chat": [{"per": "1ms", "burst": 10000}]}
FAST = {"first": "2s", "backoff": "100ms", "backoff_max": "400ms", "auth_backoff": "1500ms",
        "auth_backoff_max": "3s", "ready_reset": "60s", "settle": "300ms",
        "resend": "2s", "circuit": "3s", "catchup": "100ms"}


def binary():
    return os.environ.get("SOPD_BIN") or os.path.join(ROOT, "build", "sopd")


@functools.lru_cache(None)
def slow_build():
    """True when the binary carries sanitizers: times are stretched then."""
    if os.environ.get("SOPD_SLOW", "") not in ("", "0"):
        return True
    with open(binary(), "rb") as source:
        return b"__asan_init" in source.read()


def gateway_entry(gateway=None, name="qq1", **fields):
    """The configuration of one gateway that fits a scripted peer: a Gateway, a WeCom, or a login of a Satori."""
    entry = {"name": name, "type": "onebot11", "pace": LOOSE_PACE, "quotas": False,
             "timing": {**FAST, **fields.pop("timing", {})}}
    if gateway is not None:
        entry.update(gateway.settings())
    if entry["type"] == "wecom":        # there is no history
        entry["timing"].pop("catchup", None)
    entry.update(fields)
    if isinstance(entry["pace"], dict): # every test meets a fresh account
        entry["pace"] = {"warmup": "0s", **entry["pace"]}
    return {k: v for k, v in entry.items() if v is not None}


class Metrics:
    """One reading of /metrics."""

    LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            match = self.LINE.match(line)
            if match:
                labels = dict(self.LABEL.findall(match.group(2) or ""))
                self.samples.append((match.group(1), labels, float(match.group(3))))
            else:
                assert not line or line.startswith("#"), "not Prometheus text: %r" % line

    def get(self, name, default=0.0, **labels):
        """The sum over the samples of that name that carry these labels."""
        values = [v for n, l, v in self.samples
                  if n == name and all(l.get(k) == w for k, w in labels.items())]
        return sum(values) if values else default

    def names(self):
        return {n for n, _, _ in self.samples}


class Sopd:
    """One daemon: a directory, a configuration, and the process while it runs."""

    def __init__(self, directory, config, env=None):
        self.dir = str(directory)
        self.http = "127.0.0.1:%d" % reserve_port()
        self.config = {"data_dir": os.path.join(self.dir, "data"), "http": self.http, **config}
        self.config_path = os.path.join(self.dir, "sopd.lua")
        self.log_path = os.path.join(self.dir, "sopd.log")
        self.env = {**os.environ, **(env or {})}
        self.env.pop("JOURNAL_STREAM", None)
        self.env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
        self.env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        self.process = None
        self.expected_end = False
        self.notifications = []
        self._notify = None
        os.makedirs(self.dir, exist_ok=True)

    # -- starting and ending ---------------------------------------------------------------------

    def write_config(self):
        with open(self.config_path, "w", encoding="utf-8") as out:
            out.write("return " + lua_value(self.config) + "\n")

    def start(self, ready=True, timeout=20.0, args=()):
        self.write_config()
        return self.start_as_is(ready, timeout, args)

    def start_as_is(self, ready=True, timeout=20.0, args=()):
        """Start with the configuration file that is there."""
        self._listen_notify()
        self.expected_end = False
        self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        self.started = time.monotonic()
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [binary(), "serve", "--config", self.config_path, *args], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, env=self.env, cwd=self.dir, start_new_session=True)
        log.close()
        if ready:
            self.wait_notified("READY=1", timeout)
            self.ready_after = time.monotonic() - self.started
        return self

    def _listen_notify(self):
        path = os.path.join(self.dir, "notify")
        if len(path) > 100:
            path = "\0sopd-test-%d-%d" % (os.getpid(), id(self))
        if self._notify is not None:
            self._notify.close()
        if os.path.exists(path):
            os.unlink(path)
        self.notifications = []
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(path)
        self.env["NOTIFY_SOCKET"] = path.replace("\0", "@")
        threading.Thread(target=self._read_notify, args=(self._notify, self.notifications),
                         daemon=True).start()

    @staticmethod
    def _read_notify(sock, into):
        while True:
            try:
                data = sock.recv(4096)
            except OSError:
                return
            for line in data.decode("utf-8", "replace").splitlines():
                into.append((time.monotonic(), line))

    def wait_notified(self, line, timeout=20.0, count=1):
        def check():
            if sum(1 for _, got in self.notifications if got == line) >= count:
                return True
            if self.process.poll() is not None:
                self.expected_end = True
                raise AssertionError("sopd ended with %s before %s:\n%s" % (
                    self.process.returncode, line, self.log()[-3000:]))
            return False
        wait_until(check, timeout, what=lambda: "%s from sopd:\n%s" % (line, self.log()[-3000:]))

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=12.0):
        """SIGTERM; the exit code is returned."""
        self.expected_end = True
        if self.running():
            self.process.terminate()
        return self.process.wait(timeout)

    def wait_exit(self, timeout=12.0):
        self.expected_end = True
        return self.process.wait(timeout)

    def kill(self):
        """kill -9, as the power cut does it. An embedded Redis is left to its fate."""
        self.expected_end = True
        self.process.kill()
        self.process.wait(10)

    def reload(self, timeout=10.0):
        """SIGHUP, and wait until sopd says it is ready again."""
        self.write_config()
        ready = sum(1 for _, got in self.notifications if got == "READY=1")
        self.signal(signal.SIGHUP)
        self.wait_notified("READY=1", timeout, ready + 1)

    def close(self):
        """End of the test: everything that went wrong unseen becomes a failure."""
        problems = []
        if self.process is not None and not self.expected_end:
            code = self.process.poll()
            if code is not None:
                problems.append("sopd died by itself with %s" % code)
            else:
                try:
                    code = self.stop()
                    if code != 0:
                        problems.append("SIGTERM ended with exit code %s" % code)
                except subprocess.TimeoutExpired:
                    problems.append("SIGTERM did not end sopd")
        if self.running():
            self.process.kill()
            self.process.wait(10)
        self._end_embedded_redis()
        if self._notify is not None:
            self._notify.close()
        found = SANITIZER.search(self.log())
        if found:
            problems.append("sanitizer report:\n" + self.log()[max(0, found.start() - 200):][:4000])
        assert not problems, "\n".join(problems) + "\nlog:\n" + self.log()[-3000:]

    def _end_embedded_redis(self):
        """After kill -9 the embedded Redis may live on: end exactly that one, by its directory."""
        if "redis" in self.config:
            return
        data = os.path.realpath(self.config["data_dir"])
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                cwd = os.readlink("/proc/%s/cwd" % entry)
                exe = os.readlink("/proc/%s/exe" % entry)
            except OSError:
                continue
            if cwd.startswith(data) and "redis" in os.path.basename(exe):
                os.kill(int(entry), signal.SIGKILL)

    # -- looking ---------------------------------------------------------------------------------

    def log(self, this_run=False):
        try:
            with open(self.log_path, "rb") as source:
                if this_run:
                    source.seek(self.log_start)
                return source.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def log_records(self, **fields):
        """Log lines as dicts, those whose fields match (a pattern each)."""
        found = []
        for line in self.log().splitlines():
            record = parse_logfmt(line)
            if record and all(re.search(p, record.get(k, "")) for k, p in fields.items()):
                found.append(record)
        return found

    def wait_log(self, pattern, timeout=5.0, count=1):
        regex = re.compile(pattern)
        wait_until(lambda: len(regex.findall(self.log())) >= count, timeout, every=0.03,
                   what=lambda: "log line /%s/ in:\n%s" % (pattern, self.log()[-3000:]))

    def get(self, path, timeout=5.0):
        """(status, body) of a GET on sopd's HTTP port."""
        try:
            with urllib.request.urlopen("http://%s%s" % (self.http, path), timeout=timeout) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self):
        """(status, parsed body) of /healthz."""
        status, body = self.get("/healthz")
        return status, json.loads(body)

    def queued(self):
        """Inputs that wait for their turn."""
        return self.health()[1]["queued"]

    def metrics(self):
        status, body = self.get("/metrics")
        assert status == 200, (status, body)
        return Metrics(body)

    def wait_metric(self, name, at_least=1, timeout=5.0, **labels):
        last = [0]

        def check():
            last[0] = self.metrics().get(name, **labels)
            return last[0] >= at_least
        wait_until(check, timeout, every=0.03,
                   what=lambda: "%s%s >= %s, is %s" % (name, labels, at_least, last[0]))
        return last[0]

    def ctl(self, *args, check=True):
        return run("ctl", "--config", self.config_path, *args, check=check, env=self.env)

    def rss_kib(self):
        with open("/proc/%d/status" % self.pid) as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def open_files(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))


def parse_logfmt(line):
    """A logfmt line as a dict, or None when it is something else."""
    record = {}
    for match in re.finditer(r'(\w[\w.-]*)=("(?:[^"\\]|\\.)*"|\S*)', line):
        value = match.group(2)
        record[match.group(1)] = json_unquote(value) if value.startswith('"') else value
    return record if "msg" in record else None


def json_unquote(value):
    try:
        return json.loads(value)
    except ValueError:
        return value[1:-1]


def run(*args, check=False, timeout=30, input=None, env=None, cwd=None):
    """Run a sopd subcommand to its end; a CompletedProcess with text output."""
    environment = dict(env or os.environ)
    environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    environment.pop("NOTIFY_SOCKET", None)
    done = subprocess.run([binary(), *args], capture_output=True, timeout=timeout, text=True,
                          input=input, env=environment, cwd=cwd, errors="replace",
                          stdin=subprocess.DEVNULL if input is None else None)
    report = SANITIZER.search(done.stderr)
    assert not report, done.stderr
    assert not check or done.returncode == 0, "%s: %s\n%s\n%s" % (
        shlex.join(args), done.returncode, done.stdout, done.stderr)
    return done
