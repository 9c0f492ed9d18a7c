"""`sopd ctl report`: tallies of a gateway's groups as figures, by chat, store, day and all together; table, CSV, JSON; also without a daemon."""

import csv
import io
import json
import os
import re

import pytest

from harness import ROOT, run, store
from harness import events as ev
from harness.eveningsop import make_sop
from harness.util import wait_until

A, B, C = ev.GROUP, ev.GROUP + 1, ev.GROUP + 2
DAY = 20514  # 2026-03-02
WEEK = ["--from", "2026-03-02", "--to", "2026-03-08"]


def tally(client, chat, day, **fields):
    client.hset(store.key("qq1", "tally", chat, day), mapping={name.replace("__", "."): n for name, n in fields.items()})


@pytest.fixture(name="daemon")
def daemon_fixture(bench, box):
    gateway = bench.gateway("napcat")
    gateway.groups = {A: "一店群", B: '=1+1 "二店"', C: "空群"}
    daemon = bench.served(gateway, sop=make_sop(box, [{0: "report"}], groups=["qq1:*"]))
    client = daemon.redis.client
    for chat, name in gateway.groups.items():
        client.hset(store.key("qq1", "chats"), chat, json.dumps({"name": name}))
    tally(client, A, DAY, joins=5, leaves=2, members=200, speakers=22, answered=18, messages=90, posts=5, touched=3, reply__8=10, reply__60=8)
    tally(client, A, DAY + 1, members=210, speakers=18, answered=18, messages=60, emit__planned_post__sent=3, emit__planned_post__late=1)
    tally(client, B, DAY, members=100, speakers=30, answered=15, messages=200, calls=1, called=100, responders=12, calls__vote=1,
          called__vote=100, responders__vote=12)
    tally(client, B, DAY - 1, members=90, speakers=9)  # before the days that are asked about
    client.hset("sopd:{qq1}:hash:::report-stores", A, '"018 幸福路"')
    client.hset("sopd:chat-tags:qq1", A, "store-018,north")
    return daemon


def rows(daemon, *args):
    done = daemon.ctl("report", *WEEK, *args, "--json", check=False)
    assert done.returncode == 0, done
    answer = json.loads(done.stdout)
    assert (answer["from"], answer["to"]) == ("2026-03-02", "2026-03-08")
    return answer["rows"]


def test_by_chat(daemon):
    first, second = rows(daemon)
    assert (first["chat"], first["name"], first["store"]) == ("qq1:%d" % A, "一店群", "018 幸福路")
    figures = first["figures"]
    assert (figures["days"], figures["members"], figures["net"], figures["speakers"]) == (2, 205, 3, 40)
    assert abs(figures["interaction"] - 40 / 410) < 1e-9 and figures["band"] == "fair"
    assert abs(figures["coverage"] - 0.9) < 1e-9 and (figures["reply_median"], figures["reply_p90"]) == (8, 60)
    assert figures["effective_touch"] == 0.6 and figures["on_time"] == 0.75 and figures["planned"] == 4
    assert "stickiness" not in figures and "order_value" not in figures and "sum" not in figures
    assert second["figures"]["by_call"]["vote"]["stickiness"] == 0.12 and second["figures"]["band"] == "best"
    assert [row["chat"] for row in rows(daemon, "qq1:%d" % B)] == ["qq1:%d" % B]
    assert rows(daemon, "qq1:%d" % C) == []


def test_by_store_day_and_all(daemon):
    stores = {row["store"]: row["figures"] for row in rows(daemon, "--by", "store")}
    assert stores["018 幸福路"]["speakers"] == 40 and stores[""]["speakers"] == 30
    days = {row["date"]: row["figures"] for row in rows(daemon, "--by", "day")}
    assert sorted(days) == ["2026-03-02", "2026-03-03"]
    assert (days["2026-03-02"]["speakers"], days["2026-03-02"]["members"]) == (52, 300)
    all_, = rows(daemon, "--by", "all")
    assert all_["figures"]["speakers"] == 70 and all_["figures"]["days"] == 2
    assert abs(all_["figures"]["interaction"] - 70 / 510) < 1e-9  # 200 + 210 + 100 members of all days
    assert all_["figures"]["stickiness"] == 0.12


def test_the_groups_of_a_tag_and_of_a_playbook(daemon):
    wait_until(lambda: rows(daemon, "--tag", "north"), 5)  # the daemon learns of tags a moment later
    assert [row["name"] for row in rows(daemon, "--tag", "north")] == ["一店群"]
    assert rows(daemon, "--tag", "nor") == []
    playbook = json.loads(daemon.ctl("explain", "qq1:%d" % A, "--json").stdout)["playbooks"][0]["playbook"]
    assert len(rows(daemon, "--playbook", playbook)) == 2
    assert rows(daemon, "--playbook", "another") == []


def test_csv_and_table(daemon):
    done = daemon.ctl("report", *WEEK, "--csv")
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["name"] for row in table] == ["一店群", "'=1+1 \"二店\""]
    assert (table[0]["from"], table[0]["to"], table[0]["chat"]) == ("2026-03-02", "2026-03-08", "qq1:%d" % A)
    assert (table[0]["coverage"], table[0]["speakers"], table[0]["band"], table[0]["stickiness"]) == ("0.9000", "40", "fair", "")
    # the columns are the figures of the page, all of them
    with open(os.path.join(ROOT, "docs/metrics.md"), encoding="utf-8") as page:
        text = page.read()
    named = set(re.findall(r"^\| `(\w+)` \|", text.split("<!-- figures -->")[1].split("<!-- end -->")[0], re.M)) | set(
        re.findall(r"`(\w+)`", text.split("\nSums (")[1].split(") are 0")[0]))
    assert set(table[0]) - {"from", "to", "chat", "name", "store"} == named - {"by_call"}
    shown = daemon.ctl("report", *WEEK).stdout
    assert "COVERAGE" in shown and "90.0 %" in shown and "一店群" in shown
    assert "nothing was counted" in daemon.ctl("report", "--from", "2020-01-01", "--to", "2020-01-02").stdout
    days = list(csv.DictReader(io.StringIO(daemon.ctl("report", *WEEK, "--by", "day", "--csv").stdout)))
    assert [(row["from"], row["to"]) for row in days] == [("2026-03-02", "2026-03-02"), ("2026-03-03", "2026-03-03")]


def test_many_groups_while_the_daemon_is_down(daemon):
    """Names and tags are read from Redis then, and what is too much for one chunk is added up by parts."""
    before = daemon.ctl("report", *WEEK, "--csv").stdout
    daemon.stop()
    assert daemon.ctl("report", *WEEK, "--csv").stdout == before
    assert [row["name"] for row in rows(daemon, "--tag", "north")] == ["一店群"]
    done = daemon.ctl("report", *WEEK, "--playbook", "evening", check=False)
    assert done.returncode == 1 and "it does not run" in done.stderr
    pipe = daemon.redis.client.pipeline()
    for i in range(450):
        pipe.hset(store.key("qq1", "chats"), 900000 + i, '{"name":"g"}')
        pipe.hset(store.key("qq1", "tally", 900000 + i, DAY), mapping={"members": 10, "speakers": 1})
    pipe.execute()
    for by in ("all", "store", "day"):
        found = rows(daemon, "--by", by)
        figures = next(row["figures"] for row in found if row.get("store", "") == "" and row.get("date", "2026-03-02") == "2026-03-02")
        speakers = {"all": 450 + 70, "store": 450 + 30, "day": 450 + 52}[by]
        assert (figures["speakers"], figures["days"]) == (speakers, 2 if by == "all" else 1), by
    assert len(rows(daemon)) == 452


def test_what_is_refused(daemon):
    for args in (["--by", "week"], ["--from", "yesterday"], ["--to", "2026-13-01"], ["--from", "2026-03-02", "--to", "2026-03-01"],
                 ["--from", "2020-01-01", "--to", "2026-03-01"], ["qq1"], ["qq1:1", "qq1:2"], ["--csv", "--json"], ["--what"]):
        assert daemon.ctl("report", *args, check=False).returncode == 2, args
    assert run("ctl", "report", "--help").returncode == 0
