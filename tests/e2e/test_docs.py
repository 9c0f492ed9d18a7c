"""The commands that the pages print, run as they stand there: every ```sh block of docs/*.md, docs/flows/*.md and the READMEs, and whole commands in their text, against a daemon in which
the shipped flows have been played; what cannot be run is named below, with the reason. The first SOP of the READMEs is written and played."""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

from harness import ROOT, run, town
from harness.sopd import binary
from harness.town import ANN, BEN, BOSS, CAT, G, Town

MEI = 3300000001
town.NAMES[MEI] = "小美"

# Commands that are not run here, by how they begin.
NOT_RUN = {
    "scripts/setup": "installs packages",
    "scripts/build": "builds",
    "scripts/run": "tests/e2e/test_scripts.py runs it",
    "scripts/test": "is what runs this",
    "scripts/soak": "half an hour; ctest soak runs a minute of it",
    "git pull": "the sources of whoever runs this",
    "sudo ": "needs root and systemd; ctest systemd.example checks what is installed",
    "sopd serve": "stays in the foreground; every test here starts it so",
    "chown -R --reference=": "tests/e2e/test_backup.py runs it",
    "mv ": "tests/e2e/test_backup.py runs the chapter as a whole",
    "sopd play --config ": "a prompt; tests/e2e/test_play.py types at it",
    "systemctl ": "the same",
    "redis-server ": "the same",
    "until ": "the same",
    "redis-cli -s ": "the same",
}
# Commands that end with another exit code than 0 here, and why.
CODES = {
    "sopd check --strict": (3, "the playbook of the test has warnings"),
    "sopd ctl resume qq1:700000001 checkin": (1, "it does not rest there"),
    "sopd ctl swap": (1, "the gateway of the test is one account"),
}
DESK = """local flow = sop.flow("desk", { title = "前台" })
flow:trigger("arrived", function(c) c:say("到货啦") end)
flow:command("预约", function(c)
  c:ask{ timeout = "24h" }
end)
flow:command("出错", function(c)
  c:ask{ timeout = "24h" }
  if c.group.broken then error("坏了") end
end)
flow:command("弄坏", function(c) c.group.broken = true end)
flow:command("修好", function(c) c.group.broken = nil end)
return flow
"""


def pages():
    return [os.path.relpath(p, ROOT) for p in sorted(sum((glob.glob(ROOT + g) for g in ("/docs/*.md", "/docs/flows/*.md", "/README*.md")), []))]


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def commands(page):
    """The commands of a page, one text each; a here-document belongs to its command."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", read(page), re.S | re.M):
        for command in re.findall(r"^(?!#)(\S.*?<<'X'\n.*?^X$|\S.*)$", block, re.M | re.S if "<<'X'" in block else re.M):
            yield re.sub(r"\s+# .*$", "", command)
    for span in re.findall(r"`((?:sopd ctl|redis-cli) [^`\n]*)`", read(page)):   # in the text: those that are whole
        if re.search(r"\d\d|\{", span) and not re.search(r"\b[A-Z]{3,}|\.\.\.", span):
            yield span


class Desk:
    """The daemon that the commands are run against, and what stands for the names that a page makes up."""

    def __init__(self, bench, napcat, box):
        self.box = box
        self.town = Town(bench, napcat, box)
        self.daemon, self.client = self.town.daemon, self.town.client
        with open(self.town.sop + "/flows/desk.lua", "w", encoding="utf-8") as out:
            out.write(DESK)
        book = self.town.sop + "/playbooks/town.lua"
        text = town.BOOK % (G, BOSS, town.STAFF_CHAT, ' "orders", "desk", "calendar", "ladder", "vote",')
        with open(book, "w", encoding="utf-8") as out:
            out.write(text.replace('groups = { "qq1:%d" }' % G, 'groups = { "qq1:*" }'))
        self.ctl("reload")
        self.play()
        self.shims()

    def ctl(self, *args):
        done = self.daemon.ctl(*args)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout

    def play(self):
        self.town.play(MEI)
        self.ctl("tag", "qq1:%d" % G, "+store,north,pilot")
        self.ctl("rollout", "checkin", "hold")
        self.town.say(ANN, "预约")
        self.run = json.loads(self.ctl("runs", "list", "--flow", "desk", "--json"))["runs"][0]["id"]
        self.town.say(BOSS, "弄坏")
        for user in (BEN, CAT):
            self.town.say(user, "出错")
            self.town.say(user, "好")
        self.town.say(BOSS, "修好")
        self.failed = json.loads(self.ctl("runs", "list", "--stuck", "--json"))["runs"][0]["id"]
        trial = {"name": "welcome_greet", "flow": "welcome", "by": "group", "variants": ["A", "B"], "outcome": "checked_in", "per": "greeted"}
        self.client.hset("sopd:{qq1}:experiments", "welcome_greet", json.dumps(trial))
        self.client.hset("sopd:{qq1}:experiment:welcome_greet", "g|%d" % G, "A 1772416800 3 12")
        self.packet = json.loads(self.ctl("draws", "qq1:%d" % G, "--json"))[0]
        self.client.xadd("sopd:commands:{qq1}", {"op": "dance"})
        self.town.later(60)
        self.dead = self.client.xrange("sopd:commands-dead:{qq1}")[0][0]

    def shims(self):
        """A folder for PATH: `sopd` is the program, `redis-cli` talks to the test's Redis and fails at errors."""
        self.bin, self.work = self.box + "/bin", self.box + "/work"
        os.makedirs(self.bin)
        os.makedirs(self.work)
        os.symlink(binary(), self.bin + "/sopd")
        with open(self.bin + "/redis-cli", "w", encoding="utf-8") as out:
            out.write('#!/bin/sh\nexec %s -s %s -e "$@"\n' % (shutil.which("redis-cli"), self.daemon.redis.socket))
        os.chmod(self.bin + "/redis-cli", 0o755)

    def forms(self, command):
        """A command without what is optional, and with it; names that a page makes up become ones that are there."""
        short = re.sub(r"\s*\[[^\]]*\](?=\s|$)", "", command) if command.startswith("sopd") else command
        full = re.sub(r"\[(.*?)\](?=\s|$)", r"\1", command) if command.startswith("sopd") else command
        for text in dict.fromkeys((short, full)):
            for name, value in (("ID...", self.failed if "retry" in text else self.run), (" ID", " " + self.run), ("00c0ffee00c0ffee", self.run),
                                ("MEMBER", "小美"), ("TAG", "pilot"), ("--who W", "--who mei"), ("--key K", "--key sopd:params"),
                                ("--flow F", "--flow checkin"), ("--gateway G", "--gateway qq1"), ("--chat C", "--chat qq1:%d" % G),
                                ("--limit N", "--limit 5"), ("1795343572122-0", self.dead), ("verify-draw qq1:%d 12" % G, "verify-draw qq1:%d 1" % G),
                                ("HASH", self.packet["commitment"]), ("/etc/sopd/sopd.lua", self.daemon.config_path), ("/backup", self.work),
                                ("/usr/share/sopd/sop", os.path.join(ROOT, "sop")), ("/etc/sopd/sop/", self.town.sop + "/"),
                                (" && git push", ""), (" | jq", " | cat #"), ("block 5000", "block 1")):
                text = text.replace(name, value)
            yield text

    def shell(self, command):
        env = {**os.environ, "PATH": self.bin + ":" + os.environ["PATH"], "SOPD_CONFIG": self.daemon.config_path}
        return subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=self.work, env=env, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("page", [p for p in pages() if any(not c.startswith(tuple(NOT_RUN)) for c in commands(p))])
def test_the_commands_of_a_page(bench, napcat, box, page):
    desk = Desk(bench, napcat, box)
    wrong, count = [], 0
    for command in commands(page):
        if command.startswith(tuple(NOT_RUN)):
            continue
        for form in desk.forms(command):
            done = desk.shell(form)
            code = next((c for start, (c, _) in CODES.items() if command.startswith(start)), 0)
            count += 1
            if done.returncode != code:
                wrong.append("%s: %d\n%s%s" % (form, done.returncode, done.stdout[-300:], done.stderr[-300:]))
    assert not wrong, "\n".join(wrong)
    assert count
    assert desk.daemon.running()


def test_no_exception_is_left_over():
    every = [c for page in pages() for c in commands(page)]
    assert [n for n in (*NOT_RUN, *CODES) if not any(c.startswith(n) for c in every)] == []


# ---- commands in the text ----

def help_of(*command):
    return run(*command, "--help").stdout


def test_commands_in_the_text_are_those_that_exist():
    """Every `sopd ...` and `$ sopd ...` of a page: the command is there, and has the options that are written behind it."""
    every = help_of("ctl")
    names = set(re.findall(r"^  ([a-z][a-z-]+)(?: |$)", every, re.M))
    common = {"--json", "--config", "--data-dir", "--help"}
    wrong = []
    for page in pages():
        spans = re.findall(r"`((?:sopd|build/sopd) [^`\n]+)`|^\$ (sopd .+)$|^\d\d:\d\d  \$ (sopd .+)$", read(page), re.M)
        for span in {re.sub(r"\s+#.*", "", "".join(s)) for s in spans}:
            words = span.split()[1:]
            command = ["ctl", words[1]] if words[0] == "ctl" and len(words) > 1 else words[:1]
            if command[0] == "ctl" and len(command) > 1 and command[1] not in names | {"...", "--json", "--help"}:
                wrong.append("%s: %s" % (page, span))
                continue
            options = set(re.findall(r"(?<![\w-])--[a-z-]+", span)) - common
            text = help_of(*command) if options else ""
            wrong += ["%s: %s has no %s" % (page, span, o) for o in options if o not in text]
    assert wrong == []


# ---- README ----

@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_sop_of_the_readme(box, page):
    """Steps 1 to 5 as they are written: the flow, the playbook, the words at the prompt, another word, the switch."""
    text = read(page)
    sop = box + "/sop"
    shutil.copytree(os.path.join(ROOT, "sop"), sop)
    flow = re.search(r"^   ```lua\n(   -- hello\.lua .*?)^   ```", text, re.S | re.M).group(1)
    assert "`sop/flows/hello.lua`" in text and '`flows = { "hello", "switch", ... }`' in text
    with open(sop + "/flows/hello.lua", "w", encoding="utf-8") as out:
        out.write(re.sub(r"^   ", "", flow, flags=re.M))
    own = re.search(r'`(\{ "hello", text = ".*?" \})`', text).group(1)
    off = re.search(r"`(店长: .*? 关)`", text).group(1)
    demo = read("sop", "playbooks", "demo.lua")
    assert '    "switch",\n' in demo

    def play(entry, lines):
        with open(sop + "/playbooks/demo.lua", "w", encoding="utf-8") as out:
            out.write(demo.replace('    "switch",\n', '    %s,\n    "switch",\n' % entry, 1))
        done = run("play", "--sop", sop, "--plain", "--data-dir", "%s/data-%d" % (box, len(entry)), input="\n".join(lines) + "\n", timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    said = play('"hello"', ["小美: 你好"] * 4)
    assert re.findall(r"第 (\d) 次", said) == ["1", "2", "3"], said
    said = play(own, ["小美: 你好", off, "小美: 你好", "小王: 你好"])
    assert said.count("来啦") == 1 and "打招呼" in said, said


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_configuration_of_the_readme(box, page):
    """Connecting NapCat: the configuration and the playbook pass the check, forward and reverse."""
    text = read(page)
    blocks = [re.sub(r"^   ", "", b, flags=re.M) for b in re.findall(r"^   ```lua\n(   return .*?)^   ```", text, re.S | re.M)]
    config, book = blocks
    reverse = re.search(r'`(\{ name = "qq1", .*? mode = "reverse", .*?\})`', text).group(1)
    shutil.copytree(os.path.join(ROOT, "sop"), box + "/sop")
    with open(box + "/sop/playbooks/first.lua", "w", encoding="utf-8") as out:
        out.write(book)
    for entry in (None, reverse):
        with open(box + "/sopd.lua", "w", encoding="utf-8") as out:
            out.write(re.sub(r"^ *\{ name = .*$", lambda m: entry or m.group(), config, flags=re.M))
        done = run("check", "--config", box + "/sopd.lua", env={**os.environ, "QQ1_TOKEN": "a-token"})
        assert done.returncode == 0, done.stdout + done.stderr


def test_help_of_one_command():
    assert "on|off|default" in help_of("ctl", "toggle") and "SCOPE: --chat" in help_of("ctl", "toggle")
    assert "verify-draw" not in help_of("ctl", "runs") and "--all-stuck" in help_of("ctl", "runs")
    assert run("ctl", "toggle", "--help").returncode == 0
    assert help_of("ctl", "nonsense") == help_of("ctl")


@pytest.mark.parametrize("command, code", [
    ("status", 1), ("explain qq1:1", 1), ("forget 1", 1), ("tag list", 5), ("tag qq1:1 +x", 5), ("toggles", 5), ("toggle checkin on", 5), ("param", 5),
    ("pause", 5), ("audit", 5), ("draws qq1:1", 5), ("runs list", 5), ("migrate checkin", 5), ("rollout", 5), ("why qq1:1", 5), ("commands", 5),
    ("export qq1:1", 5), ("import none.json", 3), ("nonsense", 2), ("toggle checkin", 2), ("why qq1", 2)])
def test_exit_codes_where_nothing_runs(box, command, code):
    """As the table of docs/operations.md says."""
    with open(box + "/sopd.lua", "w", encoding="utf-8") as out:
        out.write('return { data_dir = "%s/data", sop = { "%s/sop" }, gateways = { { name = "qq1", type = "playground" } } }' % (box, ROOT))
    done = run("ctl", "--config", box + "/sopd.lua", *command.split())
    assert done.returncode == code and done.stderr and not done.stdout, (done.stdout, done.stderr)
