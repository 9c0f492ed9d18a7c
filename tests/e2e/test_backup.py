"""The commands of docs/operations.md, "Backup and restore": run as they stand there, with the folders of the test."""

import os
import re
import subprocess

from harness import ROOT, wait_until
from harness.sopd import binary
from harness.town import ANN, BEN, G, Town


def blocks():
    """The shell blocks of the chapter: all of Redis, its restore, one chat."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        chapter = file.read().split("## Backup and restore\n")[1].split("\n## ")[0]
    found = re.findall(r"```sh\n(.*?)```", chapter, re.S)
    assert len(found) == 3
    return found


class Shell:
    def __init__(self, town, box):
        self.town, self.backup = town, os.path.join(box, "b")
        os.makedirs(self.backup)

    def run(self, text):
        text = text.replace("/var/lib/sopd", self.town.daemon.config["data_dir"]).replace("/backup", self.backup)
        text = text.replace("sopd ctl", "%s ctl --config %s" % (binary(), self.town.daemon.config_path))
        for piece in re.split(r"^(systemctl \w+ sopd)$", text, flags=re.M):
            if piece == "systemctl stop sopd":
                self.town.daemon.stop()
            elif piece == "systemctl start sopd":
                links = len(self.town.gateway.conns)
                self.town.daemon.start(args=("--clock", str(self.town.now)))
                self.town.gateway.wait_link(links + 1)
            elif piece.strip():
                done = subprocess.run(["bash", "-e", "-c", piece], capture_output=True, text=True, timeout=30, check=False)
                assert done.returncode == 0, (piece, done.stdout, done.stderr)


def marks(town, user):
    """The days of a member, from the embedded Redis."""
    answer = subprocess.run(["redis-cli", "-s", os.path.join(town.daemon.config["data_dir"], "redis.sock"), "hget",
                             "sopd:{qq1}:m:checkin:%d:%d" % (G, user), "marks"], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def test_the_commands_of_the_page(bench, napcat, box):
    town = Town(bench, napcat, box, embedded=True)
    shell = Shell(town, box)
    save, restore, one_chat = blocks()
    town.play(ANN, BEN)
    assert marks(town, ANN) == "xx"
    shell.run(save)
    shell.run(one_chat.splitlines()[0])
    town.to(2, 11)
    town.say(ANN, "打卡")
    assert marks(town, ANN) == "xxx"
    shell.run("\n".join(one_chat.splitlines()[1:]))      # the chat as it was, under a daemon that serves it
    assert marks(town, ANN) == "xx"
    town.say(ANN, "补卡")
    shell.run(restore)                                   # all of Redis as it was
    wait_until(lambda: marks(town, ANN) == "xx", what=lambda: marks(town, ANN))
    town.to(2, 12)
    town.say(ANN, "打卡")
    town.say(BEN, "打卡")
    assert marks(town, ANN) == marks(town, BEN) == "xxx"
