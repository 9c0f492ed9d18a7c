"""What the parts of the bench share: processes, the load generator, and a sopd with its Redis."""
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import redis

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


class BenchError(Exception):
    """Something could not be started or measured."""


# ---- processes ----------------------------------------------------------------------------------------------


def cpu_seconds(pid):
    """Processor time of a process and of the children it has waited for (Redis forks to rewrite its log)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def rss_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"process {pid} has no RSS: is it gone?")


@contextlib.contextmanager
def child(command, log, **options):
    """A process that is ended, by its own pid, when the block is left."""
    with open(log, "ab") as out:
        options.setdefault("stdout", out)
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen([str(word) for word in command], stderr=out, **options)
    process.log = log
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def alive(process):
    if process.poll() is not None:
        tail = Path(process.log).read_text(errors="replace")[-2000:]
        raise BenchError(f"{process.args[0]} ended with code {process.returncode}:\n{tail}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Load:
    """The load generator, driven over its stdin and stdout."""

    def __init__(self, process, bots):
        self.process, self.bots, self.buffer = process, bots, b""
        self.port = self.wait("listening", 5)["port"]

    def wait(self, event, seconds, each=None):
        """The next line of that kind; calls `each` a few times a second meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                answer = json.loads(line)
                if answer["event"] == event:
                    return answer
                if answer["event"] == "refused":
                    raise BenchError(f"the load generator refused a run: {answer}")
                continue
            if select.select([self.process.stdout], [], [], 0.25)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    raise BenchError("the load generator ended")
                self.buffer += data
            elif each:
                each()
            for bot in self.bots:
                alive(bot)
        raise BenchError(f"no '{event}' from the load generator within {seconds} s")

    def run(self, each=None, **phase):
        words = " ".join(f"{name}={value}" for name, value in phase.items())
        self.process.stdin.write(f"run {words}\n".encode())
        self.process.stdin.flush()
        done = self.wait("done", phase["seconds"] + 30, each)
        if done["answered"] == 0 and not phase.get("silent"):
            raise BenchError(f"nothing was answered: {done}")
        return done


@contextlib.contextmanager
def load_generator(opts, folder, bots, accounts=1, groups=None, users=200, dialect="onebot11"):
    command = [opts.build / "bench_load", "--control", "--dialect", dialect, "--accounts", accounts,
               "--groups", groups or opts.groups, "--users", users]
    with child(command, folder / "load.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Load(process, bots)


# ---- sopd ---------------------------------------------------------------------------------------------------


BREAKER = ("repeat", "answers", "storm", "flood", "loop")


GATEWAYS = {  # of bench_load, by the dialect that it speaks
    "onebot11": 'mode = "forward", url = "ws://127.0.0.1:{port}/{i}"',
    "satori": 'url = "http://127.0.0.1:{port}/{i}", login = {{ platform = "llonebot", id = "{self}" }}',
    "wecom": 'url = "ws://127.0.0.1:{port}/{i}", bot_id = "bench{i}", secret = "bench", names = {{ "Bench" }}',
}


def write_config(path, socket_path, http_port, load_port, accounts, sop, pace=None, dialect="onebot11", more=""):
    limit = '{ { per = "1ms", burst = 1000000000 } }'
    gateways = "".join(
        f'    {{ name = "bench{i}", type = "{dialect}", '
        f"{GATEWAYS[dialect].format(port=load_port, i=i, self=2100000000 + i)},\n"
        f"      pace = {pace or f'{{ account = {limit}, chat = {limit} }}'} }},\n"
        for i in range(accounts))
    much = '{ count = 1000000, per = "1s" }'  # all is looked at, as ever, and nothing is too much
    path.write_text(f"""return {{
  data_dir = "{path.parent / 'data'}",
  redis = "unix://{socket_path}",
  http = "127.0.0.1:{http_port}",
  sop = {{ "{HERE / sop}" }},
  breaker = {{ {", ".join(f'["{key}"] = {much}' for key in BREAKER)}, pingpong = false }},
{more}  gateways = {{
{gateways}  }},
}}
""")


class Sopd:
    """A running sopd with its Redis and the load generator it is connected to."""

    def __init__(self, opts, stack, accounts=1, groups=None, users=200, sop="sop", pace=None,
                 dialect="onebot11", more=""):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sopd-bench-")))
        if opts.keep:
            stack.callback(shutil.copytree, folder, tempfile.mkdtemp(prefix="sopd-bench-kept-"), dirs_exist_ok=True,
                           ignore=lambda where, names: [n for n in names if n.endswith((".sock", ".notify"))])
        self.opts, self.folder, self.http_port = opts, folder, free_port()
        (folder / "data").mkdir()
        self.start_redis(stack, folder)
        self.bots = [self.redis_process]
        self.load = stack.enter_context(load_generator(opts, folder, self.bots, accounts, groups, users, dialect))
        write_config(folder / "sopd.lua", folder / "redis.sock", self.http_port, self.load.port, accounts, sop, pace, dialect, more)
        self.life = stack.enter_context(contextlib.ExitStack())
        self.start()

    def start(self):
        self.start_sopd(self.opts, self.life, self.folder)
        self.bots.append(self.process)
        self.load.wait("connected", 30)
        time.sleep(2)  # the greetings of the gateways, and then rest
        self.idle_rss = rss_bytes(self.process.pid)

    def restart(self):
        """Ends sopd and starts it again on what is in Redis."""
        self.bots.remove(self.process)
        self.life.close()
        self.start()

    def start_redis(self, stack, folder):
        path = folder / "redis.sock"
        command = ["redis-server", "--port", 0, "--unixsocket", path, "--dir", folder, "--appendonly", "yes",
                   "--appendfsync", "everysec", "--save", "", "--loglevel", "warning"]
        self.redis_process = stack.enter_context(child(command, folder / "redis.log"))
        self.redis = redis.Redis(unix_socket_path=str(path))
        stack.callback(self.redis.close)
        for _ in range(200):
            with contextlib.suppress(redis.ConnectionError):
                if self.redis.ping():
                    return
            alive(self.redis_process)
            time.sleep(0.02)
        raise BenchError("redis-server does not answer")

    def start_sopd(self, opts, stack, folder):
        """Starts it and measures the time to READY=1, which it sends when it can serve."""
        notify_path = str(folder / "sopd.notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify_path)
        notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(notify_path)
        notify.settimeout(10)
        environment = {**os.environ, "NOTIFY_SOCKET": notify_path}
        environment.pop("WATCHDOG_USEC", None)
        begun = time.monotonic()
        self.process = stack.enter_context(
            child([opts.sopd, "serve", "--config", folder / "sopd.lua"], folder / "sopd.log", env=environment))
        try:
            while "READY=1" not in notify.recv(4096).decode().split("\n"):
                pass
        except socket.timeout:
            alive(self.process)
            raise BenchError("sopd did not say READY=1 within 10 s") from None
        self.ready_seconds = time.monotonic() - begun

    def turns(self):
        """Turns so far by sopd's own count, or None if it offers no such metric."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        found = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(("sopd_turns_total ", "sopd_turns_total{"))]
        return sum(found) if found else None

    def counters(self):
        stats = self.redis.info("commandstats")
        scripts = [stats[name] for name in stats if name in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall")]
        return {"turns": self.turns(), "script_us": sum(s["usec"] for s in scripts),
                "script_calls": sum(s["calls"] for s in scripts),
                "sopd_cpu": cpu_seconds(self.process.pid), "redis_cpu": cpu_seconds(self.redis_process.pid)}

    def run_counted(self, **phase):
        before = self.counters()
        done = self.load.run(**phase)
        after = self.counters()
        done["used"] = {name: None if before[name] is None or after[name] is None else after[name] - before[name]
                        for name in before}
        return done
