"""Completion for bash: every command that the help names is offered, and the names that a daemon knows."""

import os
import re
import subprocess

from harness import events as ev, wait_until

SOPD = os.environ.get("SOPD_BIN", "sopd")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "scripts", "sopd.bash")


def complete(*words):
    """What bash would offer for the last of these words."""
    line = " ".join("'%s'" % word for word in words)
    code = "source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _sopd; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
        SCRIPT, line, len(words) - 1)
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, timeout=20, cwd="/")
    assert not done.stderr, done.stderr
    return [word for word in done.stdout.split("\n") if word]


def commands(*args):
    text = subprocess.run([SOPD, *args, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  ([a-z][a-z-]*) ", text, re.M))


def test_every_command_is_offered():
    assert set(complete(SOPD, "")) == commands()
    assert complete(SOPD, "ser") == ["serve"]
    assert set(complete(SOPD, "ctl", "")) == commands("ctl") >= {"status", "runs", "why", "explain"}
    assert set(complete(SOPD, "ctl", "param", "")) >= {"get", "set", "unset"}
    assert set(complete(SOPD, "ctl", "runs", "")) >= {"list", "show", "cancel", "retry"}
    assert "--strict" in complete(SOPD, "check", "--s")
    assert "--stuck" in complete(SOPD, "ctl", "runs", "--")


def test_names_come_from_the_daemon(bench, napcat):
    daemon = bench.served(napcat)
    napcat.emit(ev.group_msg(ev.GROUP, ev.USER, "ping 一"))
    napcat.wait_send("pong 一")
    where = [SOPD, "ctl", "--config", daemon.config_path]
    chat = "qq1:%d" % ev.GROUP
    wait_until(lambda: chat in complete(*where, "why", ""), 5, what="the chat to be offered")
    assert complete(*where, "outbox", "q") == ["qq1"]
    assert complete(*where, "quota", "q") == ["qq1"]
    assert complete(*where, "plan", "--kind", "ga") == ["game"]
    assert "echo" in complete(*where, "explain", chat, "")
    assert "echo" in complete(*where, "toggle", "e")
    assert complete(*where, "toggle", "echo", "o") == ["on", "off"]
    daemon.ctl("param", "set", "probe.word", "hi", "--force")
    assert complete(*where, "param", "get", "pro") == ["probe.word"]
    daemon.kill()
    assert complete(*where, "why", "") == []
