"""Hot reload: SOPs and configuration are taken when they change on disk, if they are good."""

import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from harness import Lua, events as ev, lua_value, run, slow_build, wait_until

G, U = ev.GROUP, ev.USER
WITHIN = 4.0 if slow_build() else 1.0

FLOW = """
local flow = sop.flow("%(name)s", { title = "%(name)s", params = {
  words = { "strings", default = { "%(word)s" } },
  text = { "text", default = "%(text)s" },
} })
%(head)s
flow:command("words", function(c) %(body)s end)
return flow
"""


class Tree:
    """A SOP folder, edited as people and their tools do it."""

    def __init__(self, box):
        self.path = os.path.join(box, "sop")
        for sub in ("flows", "playbooks"):
            os.makedirs(os.path.join(self.path, sub))
        self.flow("one", "喂", "旧的")
        self.playbook(["one"])

    def write(self, name, text):
        """In place: cut to nothing, then written."""
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as out:
            out.write(text)

    def replace(self, name, text):
        """Beside it, then renamed over it."""
        self.write(name + ".new~", text)
        os.rename(os.path.join(self.path, name + ".new~"), os.path.join(self.path, name))

    def flow_text(self, name, word, text, head="", body="c:say(c.params.text)"):
        return FLOW % {"name": name, "word": word, "text": text, "head": head, "body": body}

    def flow(self, name, word, text, write=None, **parts):
        (write or self.write)("flows/%s.lua" % name, self.flow_text(name, word, text, **parts))

    def playbook(self, flows, name="p", write=None, groups=("all",)):
        entries = [flow if isinstance(flow, str) else Lua("{ %s }" % ", ".join(
            [lua_value(flow[0])] + ["%s = %s" % (k, lua_value(v)) for k, v in flow[1].items()]))
            for flow in flows]
        (write or self.write)("playbooks/%s.lua" % name, "return " + lua_value(
            {"groups": list(groups), "flows": entries}) + "\n")

    def remove(self, name):
        path = os.path.join(self.path, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


@pytest.fixture
def tree(box):
    return Tree(box)


@pytest.fixture
def daemon(bench, napcat, tree):
    served = bench.served(napcat, sop=tree.path)
    ask(napcat, "喂", "旧的")
    return served


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def ask(gateway, word, answer, within=5.0):
    """Says the word until the answer comes: how long that took."""
    started = time.monotonic()

    def once():
        before = len(gateway.sends())
        say(gateway, word)
        deadline = time.monotonic() + (1.0 if slow_build() else 0.2)
        while len(gateway.sends()) == before and time.monotonic() < deadline:
            time.sleep(0.005)                        # nobody knows the word yet
        return gateway.sends() and gateway.sends()[-1].text == answer
    wait_until(once, within, every=0.03, what="%r as the answer to %r; last: %r" % (
        answer, word, gateway.sends()[-1:]))
    return time.monotonic() - started


def asks_same(gateway, word, answer, seconds=1.5):
    """Whatever was done to the files, this is still the answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = len(gateway.sends())
        say(gateway, word)
        gateway.wait_send(timeout=3.0, count=before + 1)
        assert gateway.sends()[-1].text == answer
        time.sleep(0.05)


def reloads(daemon, result="taken"):
    return int(daemon.metrics().get("sopd_reloads_total", result=result))


def wait_reloads(daemon, count, result="taken", timeout=6.0):
    wait_until(lambda: reloads(daemon, result) >= count, timeout, every=0.05,
               what=lambda: "reload %d to be %s:\n%s" % (count, result, daemon.log()[-3000:]))


def status(daemon):
    return daemon.ctl("status").stdout


# -- edits that are good -----------------------------------------------------------------------------


def test_an_edited_flow_is_taken_at_once(daemon, napcat, tree):
    tree.flow("one", "喂", "新的")
    took = ask(napcat, "喂", "新的")
    assert took < WITHIN, took
    assert len(napcat.conns) == 1, "the link is kept"
    record = daemon.log_records(msg="^reloaded$")[-1]
    assert record["cause"] == "files changed" and "changed flow one" in record["summary"]
    assert any(line == "RELOADING=1" for _, line in daemon.notifications)


def test_an_edited_text_is_taken_at_once(daemon, napcat, tree):
    """The folder of texts comes later than the daemon; the flow stays the object it is."""
    tree.flow("one", "喂", "原文", body='c:say(c.params.text, { day = 3 })')
    ask(napcat, "喂", "原文")
    os.makedirs(tree.path + "/texts")
    tree.write("texts/zh-CN.lua", 'return { one = { text = "第 {day} 天" } }\n')
    assert ask(napcat, "喂", "第 3 天") < WITHIN
    tree.replace("texts/zh-CN.lua", 'return { one = { text = "又是第 {day} 天" } }\n')
    assert ask(napcat, "喂", "又是第 3 天") < WITHIN
    assert "changed flow" not in daemon.log_records(msg="^reloaded$")[-1]["summary"]
    tree.remove("texts")
    ask(napcat, "喂", "原文")


def test_a_file_replaced_by_rename(daemon, napcat, tree):
    for i in range(3):
        tree.flow("one", "喂", "第 %d 版" % i, write=tree.replace)
        assert ask(napcat, "喂", "第 %d 版" % i) < WITHIN


def test_many_files_at_once_are_one_reload(daemon, napcat, tree):
    """A new flow, its playbook, and a library that two flows require, as git writes them: in the wrong order."""
    shared = 'local words = require("words")'
    tree.playbook(["one", "two"])
    time.sleep(0.1)
    tree.flow("two", "早", "-", head=shared, body="c:say(words.morning)")
    tree.flow("one", "喂", "-", head=shared, body="c:say(words.hello)")
    time.sleep(0.1)
    os.makedirs(tree.path + "/lib")
    tree.write("lib/words.lua", 'return { hello = "你好", morning = "早上好" }\n')
    ask(napcat, "喂", "你好")
    ask(napcat, "早", "早上好")
    assert (reloads(daemon), reloads(daemon, "refused")) == (1, 0)
    tree.write("lib/words.lua", 'return { hello = "您好", morning = "您早" }\n')
    assert ask(napcat, "喂", "您好") < WITHIN
    ask(napcat, "早", "您早")
    summary = daemon.log_records(msg="^reloaded$")[-1]["summary"]
    assert "changed flow one" in summary and "changed flow two" in summary


def test_a_library_in_a_folder_of_its_own(daemon, napcat, tree):
    os.makedirs(tree.path + "/lib/shop")
    tree.write("lib/shop/words.lua", 'return { hello = "甲" }\n')
    tree.flow("one", "喂", "-", head='local words = require("shop.words")', body="c:say(words.hello)")
    ask(napcat, "喂", "甲")
    tree.write("lib/shop/words.lua", 'return { hello = "乙" }\n')
    assert ask(napcat, "喂", "乙") < WITHIN
    tree.remove("lib/shop")                          # and again, perhaps with the same inode
    os.makedirs(tree.path + "/lib/shop")
    tree.write("lib/shop/words.lua", 'return { hello = "丙" }\n')
    ask(napcat, "喂", "丙")
    tree.write("lib/shop/words.lua", 'return { hello = "丁" }\n')
    assert ask(napcat, "喂", "丁") < WITHIN


def test_playbooks_come_and_go(daemon, napcat, tree):
    tree.flow("two", "早", "早上好")
    tree.playbook(["two"], name="q")
    ask(napcat, "早", "早上好")
    tree.remove("playbooks/q.lua")
    tree.remove("flows/two.lua")
    wait_until(lambda: "removed playbook q" in daemon.log(), 5)
    before = len(napcat.sends())
    say(napcat, "早")
    ask(napcat, "喂", "旧的")
    assert len(napcat.sends()) == before + 1, "nobody answers to the word any more"
    assert "removed flow two" in daemon.log_records(msg="^reloaded$")[-1]["summary"]


def test_the_configuration_too(daemon, napcat, tree):
    daemon.config["log"] = {"level": "debug"}
    daemon.write_config()
    wait_reloads(daemon, 1)
    assert len(napcat.conns) == 1, "the link is kept"
    # by rename, as editors do it
    daemon.config["staff"] = {"qq1:%d" % U: "owner"}
    path, daemon.config_path = daemon.config_path, daemon.config_path + ".new"
    daemon.write_config()
    daemon.config_path = path
    os.rename(path + ".new", path)
    wait_reloads(daemon, 2)
    daemon.config["log"] = {"level": "info"}
    daemon.write_config()
    wait_reloads(daemon, 3)


def test_links_are_followed(bench, napcat, tree, box):
    """A deployment that turns a link from one release to the next, and a file that is a link."""
    first, current = box + "/release-1", box + "/current"
    shutil.copytree(tree.path, first)
    os.symlink(first, current)
    daemon = bench.served(napcat, sop=current)
    ask(napcat, "喂", "旧的")
    tree.flow("one", "喂", "第二版")
    os.symlink(tree.path, current + ".new")
    os.rename(current + ".new", current)
    assert ask(napcat, "喂", "第二版") < WITHIN
    outside = box + "/outside.lua"
    with open(outside, "w", encoding="utf-8") as out:
        out.write(tree.flow_text("one", "喂", "外面"))
    tree.remove("flows/one.lua")
    os.symlink(outside, tree.path + "/flows/one.lua")
    assert ask(napcat, "喂", "外面") < WITHIN
    with open(outside, "w", encoding="utf-8") as out:
        out.write(tree.flow_text("one", "喂", "外面改了"))
    assert ask(napcat, "喂", "外面改了") < WITHIN
    assert reloads(daemon, "refused") == 0


def test_a_configuration_that_is_a_link(daemon, napcat, tree):
    path = daemon.config_path
    os.rename(path, path + ".1")
    os.symlink(path + ".1", path)
    time.sleep(0.6)
    assert reloads(daemon) + reloads(daemon, "refused") == 0, "the same content"
    text = open(path, encoding="utf-8").read()
    with open(path + ".2", "w", encoding="utf-8") as out:
        out.write("-- another\n" + text)
    os.symlink(path + ".2", path + ".new")
    os.rename(path + ".new", path)
    wait_reloads(daemon, 1, timeout=2.0)
    os.unlink(path + ".1")
    with open(path + ".2", "a", encoding="utf-8") as out:
        out.write("-- more\n")
    wait_reloads(daemon, 2, timeout=2.0)
    asks_same(napcat, "喂", "旧的", seconds=0.1)


def test_nothing_changed_is_no_reload(daemon, napcat, tree):
    os.utime(tree.path + "/flows/one.lua")
    tree.flow("one", "喂", "旧的")                    # written again with the same content
    tree.write("flows/.one.lua.swp", "x" * 5000)
    tree.write("flows/one.lua~", "x")
    tree.write("flows/README.md", "read me")
    os.makedirs(tree.path + "/flows/.git")
    time.sleep(1.2)
    assert (reloads(daemon), reloads(daemon, "refused")) == (0, 0)


# -- edits that are not --------------------------------------------------------------------------------


def test_a_bad_version_is_refused_once_and_the_old_one_goes_on(daemon, napcat, tree):
    good = tree.flow_text("one", "喂", "修好了")
    tree.write("flows/one.lua", good.replace("return flow", "return flow flow"))
    wait_reloads(daemon, 1, "refused")
    asks_same(napcat, "喂", "旧的", seconds=3.0)
    refused = daemon.log_records(msg="reload refused")
    problems = daemon.log_records(msg="^problem$")
    assert len(refused) == 1 and len(problems) == 1, "said once, not at every look"
    assert refused[0]["cause"] == "files changed" and refused[0]["problems"] == "1"
    assert re.search(r"flows/one\.lua:\d+: ", problems[0]["at"])
    assert daemon.metrics().get("sopd_reload_refused") == 1
    shown = status(daemon)
    assert "REFUSED" in shown and problems[0]["at"] in shown
    os.utime(tree.path + "/flows/one.lua")
    time.sleep(0.6)
    assert reloads(daemon, "refused") == 1
    tree.write("flows/one.lua", good)
    assert ask(napcat, "喂", "修好了") < WITHIN
    assert daemon.metrics().get("sopd_reload_refused") == 0
    assert "REFUSED" not in status(daemon)


def test_back_to_the_version_that_runs(daemon, napcat, tree):
    good = tree.flow_text("one", "喂", "旧的")
    tree.write("flows/one.lua", "not Lua at all")
    wait_reloads(daemon, 1, "refused")
    tree.write("flows/one.lua", good)
    wait_reloads(daemon, 1)
    assert daemon.metrics().get("sopd_reload_refused") == 0
    ask(napcat, "喂", "旧的")


def test_every_problem_of_every_file_is_named(daemon, napcat, tree):
    tree.flow("two", "早", "早上好")
    tree.write("flows/three.lua", "local flow = = 1\n")            # used by nobody
    tree.playbook(["one", ("two", {"wrods": ["早安"]}), "four"])
    os.makedirs(tree.path + "/texts")
    tree.write("texts/zh-CN.lua", "return { one = { text = 1, }\n")
    wait_reloads(daemon, 1, "refused")
    time.sleep(0.5)
    told = "\n".join(r["at"] for r in daemon.log_records(msg="^problem$"))
    for what in (r"flows/three\.lua:1: ", r"playbooks/p\.lua:\d+: .*wrods.*words", r"no flow 'four'",
                 r"texts/zh-CN\.lua:\d+: "):
        assert re.search(what, told), (what, told)
    asks_same(napcat, "喂", "旧的", seconds=0.5)


BAD = [
    ("unknown variable", {"text": "第 {dya} 天", "body": "c:say(c.params.text, { day = 1 })"},
     r"flows/one\.lua:\d+: .*one\.text.*\{dya\}.*did you mean \{day\}"),
    ("endless", {"text": "x", "head": "while true do end"}, r"flows/one\.lua:\d+: "),
    ("greedy", {"text": "x", "head": "local t = {} for i = 1, 1e9 do t[i] = {} end"}, r"flows/one\.lua:\d+: "),
    ("unknown event", {"text": "x", "head": 'flow:on("jion", function(c) end)'}, r"did you mean .*join"),
    ("library that is missing", {"text": "x", "head": 'require("nothing")'}, r"flows/one\.lua:\d+: .*nothing"),
    ("error at load", {"text": "x", "head": 'local n = nil; n.x = 1'}, r"flows/one\.lua:\d+: "),
]


@pytest.mark.parametrize("parts, pattern", [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_is_refused(daemon, napcat, tree, parts, pattern):
    parts = dict(parts)
    tree.flow("one", "喂", parts.pop("text"), **parts)
    wait_reloads(daemon, 1, "refused", timeout=20)
    told = "\n".join(r["at"] for r in daemon.log_records(msg="^problem$"))
    assert re.search(pattern, told), told
    asks_same(napcat, "喂", "旧的", seconds=0.4)
    done = run("check", "--config", daemon.config_path)
    assert done.returncode == 3 and re.search(pattern, done.stderr), "sopd check says the same"


def test_a_flow_that_is_used_and_deleted(daemon, napcat, tree):
    tree.remove("flows/one.lua")
    wait_reloads(daemon, 1, "refused")
    assert any("no flow 'one'" in r["at"] for r in daemon.log_records(msg="^problem$"))
    asks_same(napcat, "喂", "旧的", seconds=0.4)
    tree.flow("one", "喂", "回来了")
    ask(napcat, "喂", "回来了")


def test_the_whole_folder_goes_and_comes_back(daemon, napcat, tree):
    shutil.copytree(tree.path, tree.path + ".copy")
    shutil.rmtree(tree.path)
    wait_reloads(daemon, 1, "refused")
    asks_same(napcat, "喂", "旧的", seconds=0.4)
    shutil.move(tree.path + ".copy", tree.path)
    tree.flow("one", "喂", "搬回来了")
    ask(napcat, "喂", "搬回来了")
    tree.flow("one", "喂", "照常")
    assert ask(napcat, "喂", "照常") < WITHIN


def test_a_bad_configuration(daemon, napcat, tree):
    good = open(daemon.config_path, encoding="utf-8").read()
    with open(daemon.config_path, "w", encoding="utf-8") as out:
        out.write(good.replace('["http"]', '["htpp"]'))
    wait_reloads(daemon, 1, "refused")
    assert any("htpp" in r["at"] and "sopd.lua:" in r["at"] for r in daemon.log_records(msg="^problem$"))
    with open(daemon.config_path, "w", encoding="utf-8") as out:
        out.write(good)
    wait_reloads(daemon, 1)
    asks_same(napcat, "喂", "旧的", seconds=0.2)


# -- when, and how ---------------------------------------------------------------------------------


def test_sighup_and_ctl_do_it_too(daemon, napcat, tree):
    tree.flow("one", "喂", "信号")
    daemon.signal(signal.SIGHUP)
    assert ask(napcat, "喂", "信号") < WITHIN
    tree.flow("one", "喂", "命令")
    done = daemon.ctl("reload")
    assert "changed flow one" in done.stdout
    ask(napcat, "喂", "命令", within=1.0)
    time.sleep(0.8)
    assert reloads(daemon) == 2, "what was looked at on demand is not looked at again"
    tree.write("flows/one.lua", "return")
    done = daemon.ctl("reload", check=False)
    assert done.returncode == 1 and "flows/one.lua:" in done.stderr
    daemon.signal(signal.SIGHUP)
    wait_reloads(daemon, 2, "refused")
    assert len(daemon.log_records(msg="reload refused")) == 2, "asked for twice, said twice"
    assert daemon.log_records(msg="reload refused")[-1]["cause"] == "SIGHUP"


def test_switched_off(bench, napcat, tree):
    daemon = bench.served(napcat, sop=tree.path, config={"sop_watch": False})
    ask(napcat, "喂", "旧的")
    tree.flow("one", "喂", "新的")
    asks_same(napcat, "喂", "旧的", seconds=1.2)
    assert "not watched" in status(daemon)
    daemon.config["sop_watch"] = None                # its default
    daemon.reload()
    ask(napcat, "喂", "新的", within=1.0)
    tree.flow("one", "喂", "更新的")
    assert ask(napcat, "喂", "更新的") < WITHIN
    daemon.config["sop_watch"] = False
    daemon.write_config()
    wait_reloads(daemon, 3)
    tree.flow("one", "喂", "最新的")
    asks_same(napcat, "喂", "更新的", seconds=1.0)


REFUSING = r"""
#include <errno.h>
int inotify_init(void) { errno = EMFILE; return -1; }
int inotify_init1(int flags) { (void)flags; errno = EMFILE; return -1; }
"""


@pytest.mark.skipif(slow_build(), reason="a sanitizer wants to be loaded first")
def test_without_notices_of_the_kernel(bench, napcat, tree, box):
    with open(box + "/refuse.c", "w") as out:
        out.write(REFUSING)
    built = subprocess.run(["cc", "-shared", "-fPIC", "-o", box + "/refuse.so", box + "/refuse.c"])
    if built.returncode:
        pytest.skip("no C compiler")
    daemon = bench.served(napcat, sop=tree.path, env={"LD_PRELOAD": box + "/refuse.so"})
    ask(napcat, "喂", "旧的")
    assert len(daemon.log_records(msg="kernel does not tell")) == 1
    assert "every 2 s" in status(daemon)
    for i in range(2):
        tree.flow("one", "喂", "看到 %d" % i)
        ask(napcat, "喂", "看到 %d" % i, within=5)
    tree.write("flows/one.lua", "return")
    wait_reloads(daemon, 1, "refused")
    time.sleep(4.5)
    assert reloads(daemon, "refused") == 1


# -- while it works -----------------------------------------------------------------------------------


def test_reloads_in_the_middle_of_traffic(bench, napcat, tree):
    """500 messages a second while flow, library and text change: each is answered once, wholly by one version."""
    seconds, rate = (4, 100) if slow_build() else (4, 500)
    head = 'local lib = require("version")'
    body = ('c.member.n = (c.member.n or 0) + 1; c:say("{a}{b}{n} {w}", '
            '{ a = lib.v, b = "%s", n = c.member.n, w = c.args })')
    os.makedirs(tree.path + "/lib")

    def version(v):
        tree.replace("lib/version.lua", 'return { v = "%s" }\n' % v)
        flow = tree.flow_text("one", "喂", "x", head=head, body=body % v)
        tree.write("flows/one.lua", flow.replace('"words", ', '"words", { args = true }, '))
    version("a")
    daemon = bench.served(napcat, sop=tree.path)
    stop, expected = threading.Event(), []

    def edit():
        for i in range(1, 26):
            if stop.wait(0.45):
                return
            version("abcdefghijklmnopqrstuvwxyz"[i])
    editor = threading.Thread(target=edit)
    editor.start()
    started = time.monotonic()
    n = 0
    while time.monotonic() - started < seconds:
        while n < (time.monotonic() - started) * rate:
            say(napcat, "喂 %d" % n, group=G + n % 20, user=U + n % 200)
            expected.append(n)
            n += 1
        time.sleep(0.005)
    stop.set()
    editor.join()
    napcat.wait(lambda: len(napcat.sends()) >= n, 30, "all answers")
    napcat.settle(0.4)
    answers = [a.text for a in napcat.sends()]
    assert sorted(int(t.split()[1]) for t in answers) == expected
    assert all(t[0] == t[1] for t in answers), "no answer of half a version"
    assert len({t[0] for t in answers}) >= 3
    assert reloads(daemon) >= 3 and reloads(daemon, "refused") == 0
    assert daemon.metrics().get("sopd_flow_errors_total") == 0
    per_member = {}
    for t in answers:
        word = int(t.split()[1])
        per_member.setdefault(word % 200, []).append(int(re.search(r"\d+", t).group()))
    for counts in per_member.values():
        assert sorted(counts) == list(range(1, len(counts) + 1)), "every count once"


def test_a_turn_that_runs_finishes_with_its_version(bench, napcat, tree):
    """Redis is slow: turns that have begun wait for it over a reload, and what comes behind them is new."""
    body = 'local n = c.member.n or 0; c.member.n = n + 1; c:say("%s " .. n)'
    tree.flow("one", "喂", "x", body=body % "旧")
    daemon = bench.served(napcat, sop=tree.path)
    ask(napcat, "喂", "旧 0")
    os.kill(daemon.redis.process.pid, signal.SIGSTOP)
    try:
        say(napcat, "喂")
        say(napcat, "喂")
        time.sleep(0.2)
        tree.flow("one", "喂", "x", body=body % "新")
        daemon.wait_log("msg=reloaded", 5)
    finally:
        os.kill(daemon.redis.process.pid, signal.SIGCONT)
    napcat.wait_send("新 2", timeout=5)
    assert [a.text for a in napcat.sends()] == ["旧 0", "旧 1", "新 2"]


def test_warm_state_of_unchanged_flows(daemon, napcat, tree):
    """A flow that did not change keeps its Lua state when others do."""
    tree.flow("warm", "数", "x", head="local n = 0", body="n = n + 1; c:say(tostring(n))")
    tree.playbook(["one", "warm"])
    ask(napcat, "数", "1")
    for i in range(3):
        tree.flow("one", "喂", "改 %d" % i)
        ask(napcat, "喂", "改 %d" % i)
        say(napcat, "数")
        napcat.wait_send("%d" % (i + 2))


def test_two_hundred_reloads_cost_nothing(daemon, napcat, tree):
    """Neither memory nor descriptors: half of them change a flow, every tenth is refused."""
    rounds = 40 if slow_build() else 200
    fds = "/proc/%d/fd" % daemon.pid

    def reload(i):
        if i % 10 == 9:
            tree.write("flows/one.lua", "return")
            assert daemon.ctl("reload", check=False).returncode == 1
            return
        tree.flow("one", "喂", "第 %d 版" % (i // 2))
        daemon.ctl("reload")
    for i in range(20):
        reload(i)
    ask(napcat, "喂", "第 9 版")
    rss, open_fds = daemon.rss_kib(), len(os.listdir(fds))
    for i in range(20, 20 + rounds):
        reload(i)
    tree.flow("one", "喂", "最后")
    daemon.ctl("reload")
    ask(napcat, "喂", "最后")
    grown = daemon.rss_kib() - rss
    print("RSS grew by %d KiB over %d reloads" % (grown, rounds))
    assert slow_build() or grown < 1024, grown
    assert len(os.listdir(fds)) <= open_fds + 1


def test_old_versions_go_although_chats_were_served_by_them(daemon, napcat, tree):
    """Each of many groups spoke last under another version: none of these is kept for it."""
    rounds = 20 if slow_build() else 120
    ballast = 'local t = {} for i = 1, 4000 do t["k" .. i] = "v" .. i end'

    def round_(i):
        tree.flow("one", "喂", "第 %d 版" % i, head=ballast, body="t[1] = 1; c:say(c.params.text)")
        daemon.ctl("reload")
        say(napcat, "喂", group=G + i)
        napcat.wait_send("第 %d 版" % i, chat=str(G + i))
    for i in range(10):
        round_(i)
    rss = daemon.rss_kib()
    for i in range(10, 10 + rounds):
        round_(i)
    grown = daemon.rss_kib() - rss
    print("RSS grew by %d KiB over %d versions" % (grown, rounds))
    assert slow_build() or grown < 4096, grown


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_to_the_files_the_last_state_counts(daemon, napcat, tree, seed):
    """Random edits, good and bad, in every manner; each time they rest, what runs is what lies there."""
    rng = random.Random(seed)
    writers = [tree.write, tree.replace]

    def folder_again(name):
        path = os.path.join(tree.path, name)
        shutil.copytree(path, path + ".copy")
        shutil.rmtree(path)
        if rng.random() < 0.5:
            time.sleep(rng.random() * 0.4)
        shutil.move(path + ".copy", path)

    def folder_replaced(name):
        path = os.path.join(tree.path, name)
        old = "%s.%d" % (path, rng.randrange(1 << 30))
        os.rename(path, old)
        shutil.copytree(old, path)

    deeds = [
        lambda: tree.flow("one", "喂", "版 %d" % rng.randrange(100), write=rng.choice(writers)),
        lambda: rng.choice(writers)("flows/one.lua", "local = %d" % rng.randrange(100)),
        lambda: tree.remove("flows/one.lua") if os.path.exists(tree.path + "/flows/one.lua") else None,
        lambda: tree.flow("two", "早", "早 %d" % rng.randrange(100), write=rng.choice(writers)),
        lambda: folder_again("flows"),
        lambda: folder_again("playbooks"),
        lambda: folder_replaced("flows"),
        lambda: os.utime(tree.path + "/playbooks/p.lua"),
        lambda: tree.playbook(["one"], write=rng.choice(writers)),
    ]
    for round_ in range(6):
        for _ in range(rng.randrange(1, 8)):
            rng.choice(deeds)()
            time.sleep(rng.choice([0, 0, 0.01, 0.1, 0.35]))
        tree.flow("one", "喂", "定 %d" % round_, write=rng.choice(writers))
        assert ask(napcat, "喂", "定 %d" % round_) < 2 * WITHIN
    assert daemon.metrics().get("sopd_reload_refused") == 0


# -- runs that wait ------------------------------------------------------------------------------------

ASKS = """
local flow = sop.flow("one", { params = { text = { "text" } } })
flow:command("报名", function(c)
  c:say("%(v)s:几岁?")
  local answer = c:ask{ timeout = "1h" }
  c:say("%(v)s:{age} 岁", { age = answer.text })
  c:say(c.params.text)
end)
return flow
"""


def asking(tree, version, text):
    tree.write("texts/zh-CN.lua", 'return { one = { text = "%s" } }\n' % text)
    tree.write("flows/one.lua", ASKS % {"v": version})


@pytest.fixture
def asked(bench, napcat, tree):
    """A daemon whose first member was asked by version 甲."""
    os.makedirs(tree.path + "/texts")
    asking(tree, "甲", "旧文")
    served = bench.served(napcat, sop=tree.path)
    say(napcat, "报名")
    napcat.wait_send("甲:几岁?")
    return served


def answered(napcat, user, *texts):
    before = len(napcat.sends())
    say(napcat, "18", user=user)
    napcat.wait(lambda: len(napcat.sends()) >= before + len(texts), 5, texts)
    assert [a.text for a in napcat.sends()[before:]] == list(texts)


def test_a_run_that_waits_keeps_its_version_and_has_the_newest_text(asked, napcat, tree):
    asking(tree, "乙", "新文")
    asked.wait_log("msg=reloaded")
    say(napcat, "报名", user=U + 1)
    napcat.wait_send("乙:几岁?")
    answered(napcat, U, "甲:18 岁", "新文")
    answered(napcat, U + 1, "乙:18 岁", "新文")


def test_a_run_outlives_many_reloads_and_a_restart(asked, napcat, tree):
    for i in range(30):
        asking(tree, "第 %d 版" % i, "文 %d" % i)
        asked.ctl("reload")
    asked.kill()
    asked.start()
    napcat.wait_link(2)
    answered(napcat, U, "甲:18 岁", "文 29")


def test_a_run_whose_flow_was_taken_out(asked, napcat, tree):
    """Its playbook does not have the flow any more: the run ends or goes on, but nothing else is disturbed."""
    tree.flow("two", "早", "早上好")
    tree.playbook(["two"])
    asked.wait_log("removed flow one")
    say(napcat, "18")
    ask(napcat, "早", "早上好")
    assert asked.running() and asked.metrics().get("sopd_flow_errors_total") == 0
