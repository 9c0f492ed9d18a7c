"""`sopd ctl keys`, docs/redis.md and what a daemon really writes are the same."""

import json
import os
import re
import subprocess
import sys

from harness import ROOT, run
from harness.town import ANN, BEN, Town

TYPES = {"sorted set": "zset", "as it will be": "any"}


def catalogue():
    return json.loads(run("ctl", "--data-dir", "/", "--json", "keys").stdout)["keys"]


def plain(key):
    return re.sub(r"<[^>]*>", "<>", key)


def page():
    """The rows of docs/redis.md: {key: (type, writer, kept)}."""
    rows, inside = {}, False
    with open(os.path.join(ROOT, "docs", "redis.md"), encoding="utf-8") as lines:
        for line in lines:
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
            inside = bool(cells) and (inside or cells == ["key", "type", "holds", "written by", "kept"])
            if not inside or not cells[0].startswith("`"):
                continue
            assert len(cells) == 5, line
            key = plain(cells[0].strip("`"))
            assert key not in rows, "%s is there twice" % cells[0]
            rows[key] = (TYPES.get(cells[1], cells[1]), cells[3].replace("\\|", "|"), cells[4].replace("\\|", "|"))
    return rows


def test_the_page_lists_the_catalogue():
    rows = page()
    for kind in catalogue():
        wanted = (kind["type"], kind["writer"], kind["lifetime"])
        row = "| `%s` | %s | %s | %s | %s |" % (kind["key"], kind["type"], kind["holds"], kind["writer"], kind["lifetime"])
        assert rows.pop(plain(kind["key"]), None) == wanted, "docs/redis.md should say: " + row
    assert not rows, "not in store/keys.c: %s" % list(rows)


def test_for_people_and_for_programs():
    text = run("ctl", "--data-dir", "/", "keys").stdout
    for kind in catalogue():
        assert kind["key"] in text
        assert all(kind[field] for field in ("holds", "writer", "lifetime", "type")), kind
    assert run("ctl", "--data-dir", "/", "keys", "x", check=False).returncode == 2


def test_keys_that_tests_leave_are_compared(bench, napcat, box, monkeypatch):
    folder = os.path.join(box, "keys")
    monkeypatch.setenv("SOPD_KEYS_DIR", folder)
    town = Town(bench, napcat, box)
    town.play(ANN, BEN)
    town.daemon.redis.note_keys()
    check = [sys.executable, os.path.join(ROOT, "tests", "e2e", "check_keys.py"), os.environ["SOPD_BIN"], folder]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    town.client.set("sopd:{qq1}:surprise:%d" % ANN, "1")
    town.client.set("sopd:{qq1}:board:checkin:1:board", "1")
    town.daemon.redis.note_keys()
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    town.client.flushall()          # they are no keys that sopd leaves
    assert done.returncode == 1 and "sopd:{qq0}:surprise" in done.stdout and "says zset" in done.stdout, done.stdout
    monkeypatch.delenv("SOPD_KEYS_DIR")
    assert subprocess.run(check[:-1] + [box], capture_output=True, check=False).returncode == 77
