"""A real redis-server of the test's own: unix socket, own directory, start, stop, kill, restart."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import redis

from .util import reserve_port, wait_until


# What tests write where another type belongs, to see what becomes of it: no key that sopd leaves.
SPOILT = {"x", "off", "somebody was here", "somebody's own"}


class Redis:
    """redis-server under a short private directory (a unix socket path holds about 100 bytes)."""

    def __init__(self, tcp=False, append_only=False, args=(), acl=None):
        self.dir = tempfile.mkdtemp(prefix="sopd-redis-")
        self.socket = os.path.join(self.dir, "redis.sock")
        self.port = reserve_port() if tcp else 0
        self.append_only = append_only
        self.args = list(args)
        self.acl = acl  # (user, password): the default user is switched off then
        self.process = None
        self._client = None

    @property
    def url(self):
        return "unix://" + self.socket

    def tcp_url(self, db=0):
        auth = "%s:%s@" % self.acl if self.acl else ""
        return "redis://%s127.0.0.1:%d/%d" % (auth, self.port, db)

    @property
    def client(self):
        """A redis-py client with decoded answers, made anew after each restart."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def connect(self, db=0):
        user, password = self.acl if self.acl else (None, None)
        return redis.Redis(unix_socket_path=self.socket, db=db, username=user, password=password,
                           decode_responses=True, encoding_errors="replace", socket_timeout=10)

    def start(self):
        command = [shutil.which("redis-server") or "redis-server",
                   "--port", str(self.port), "--bind", "127.0.0.1",
                   "--unixsocket", self.socket, "--dir", self.dir, "--save", "",
                   "--appendonly", "yes" if self.append_only else "no",
                   "--appendfsync", "everysec", "--daemonize", "no",
                   "--logfile", os.path.join(self.dir, "redis.log"), *self.args]
        if self.acl:
            acl_path = os.path.join(self.dir, "users.acl")
            with open(acl_path, "w", encoding="utf-8") as out:
                out.write("user default off\nuser %s on >%s ~* &* +@all\n" % self.acl)
            command += ["--aclfile", acl_path]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._client = None
        wait_until(self._answers, timeout=10, what="redis-server to answer")
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError("redis-server ended with %s" % self.process.returncode)
        try:
            return self.client.ping()
        except (redis.ConnectionError, redis.BusyLoadingError):
            self._client = None
            return False

    def note_keys(self):
        """What a test leaves in Redis, for check_keys.py: with SOPD_KEYS_DIR set, a line "type key" each."""
        folder = os.environ.get("SOPD_KEYS_DIR")
        if not folder or not self.process or self.process.poll() is not None:
            return
        try:
            client = self.connect()
            kinds = {key: client.type(key) for key in client.scan_iter("sopd:*", 1000)}
            found = ["%s %s\n" % (kind, key) for key, kind in kinds.items() if kind != "string" or client.get(key) not in SPOILT]
        except redis.RedisError:      # it does not answer, or not to us: other tests leave the same keys
            return
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "e2e-%d.keys" % os.getpid()), "a", encoding="utf-8") as out:
            out.writelines(found)

    def stop(self):
        """An orderly end: data is kept when append_only is on."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self._client = None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._client = None

    def pause(self):
        """Stops answering without closing anything (SIGSTOP)."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def restart(self, away=0.0):
        self.stop()
        time.sleep(away)
        return self.start()

    def close(self):
        self.note_keys()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)


def dump(client, match="sopd:*"):
    """Every key as a plain Python value: {key: value}. Sets and maps compare equal when they are."""
    readers = {
        "string": client.get,
        "hash": client.hgetall,
        "set": lambda k: set(client.smembers(k)),
        "list": lambda k: client.lrange(k, 0, -1),
        "zset": lambda k: dict(client.zrange(k, 0, -1, withscores=True)),
        "stream": lambda k: [fields for _, fields in client.xrange(k)],
    }
    kinds = {key: client.type(key) for key in sorted(client.scan_iter(match, 1000))}
    return {key: readers[kind](key) for key, kind in kinds.items() if kind != "none"}   # none: expired by now
