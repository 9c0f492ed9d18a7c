"""sopd play: the playground, fed from a script."""

import os
import re
import shutil

import pytest

from harness import ROOT, run

SHIPPED = os.path.join(ROOT, "sop")


def play(box, script, *args):
    path = os.path.join(box, "script.txt")
    with open(path, "w", encoding="utf-8") as out:
        out.write(script)
    return run("play", "--sop", SHIPPED, "--script", path, "--data-dir", box + "/data", *args, timeout=60)


def test_a_check_in_is_answered(box):
    done = play(box, "小美: 打卡\n")
    assert done.returncode == 0, done.stderr
    assert re.search("小美: 打卡\n.*@小美", done.stdout), done.stdout


def test_lines_on_stdin_without_colours(box):
    done = run("play", "--sop", SHIPPED, "--plain", "--data-dir", box + "/data", input="小美: 打卡\n", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) >= 1


def test_a_transcript_is_repeatable(box):
    script = ("/join 小王\n/time +20s\n小美: 打卡\n小美: 打卡\n小王: 你好\n/time +1d\n小美: 打卡\n/state\n"
              "/leave 小王\n")
    first = play(box, script)
    second = run("play", "--sop", SHIPPED, "--script", box + "/script.txt", "--data-dir", box + "/data2", timeout=60)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout


def test_the_clock_can_be_turned(box):
    done = play(box, "小美: 打卡\n/time +1d\n小美: 打卡\n/time +1d\n小美: 我的打卡\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"2|两|二", done.stdout.split("我的打卡", 1)[-1]), done.stdout


def test_joins_are_greeted_together(box):
    done = play(box, "/join 小王\n/join 小李\n/time +15s\n")
    assert done.returncode == 0, done.stderr
    greetings = [line for line in done.stdout.splitlines() if "小王" in line and "小李" in line]
    assert len(greetings) == 1, done.stdout


@pytest.mark.parametrize("line", ["/help", "/state", "/at 小美 你好", "/image 小美"])
def test_commands_of_the_prompt(box, line):
    done = play(box, "小美: 你好\n" + line + "\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_an_unknown_command_is_said(box):
    done = play(box, "/dance\n小美: 打卡\n")
    assert "/dance" in done.stdout + done.stderr and "/help" in done.stdout + done.stderr


def test_a_missing_script(box):
    done = run("play", "--sop", SHIPPED, "--script", box + "/nothing.txt", "--data-dir", box + "/data")
    assert done.returncode in (1, 2) and "nothing.txt" in done.stderr


def test_no_daemon_is_left_behind(box):
    play(box, "小美: 打卡\n")
    for entry in os.listdir("/proc"):
        try:
            assert box not in os.readlink("/proc/%s/cwd" % entry), entry
        except OSError:
            continue


def test_buttons_are_shown_and_pressed(box):
    """A button is a word in brackets; /press says it."""
    sop = os.path.join(box, "sop")
    shutil.copytree(os.path.join(ROOT, "tests", "sop", "platforms"), sop)
    os.makedirs(os.path.join(sop, "playbooks"))
    with open(os.path.join(sop, "playbooks", "demo.lua"), "w", encoding="utf-8") as out:
        out.write('return { title = "t", groups = { "playground:*" }, quiet = false, flows = { "press" } }')
    done = run("play", "--sop", sop, "--plain", "--data-dir", box + "/data", timeout=60,
               input="小美: 菜单\n/press 小王 打卡\n/press 小王 没有\n")
    assert done.returncode == 0, done.stderr
    assert "今天做什么\n    [打卡] [看看我的]\n" in done.stdout
    assert "@小王 第 1 次,按的" in done.stdout and "no button 没有" in done.stdout
