"""Retention: what is older than the configuration keeps goes, by itself, on a clock that the test turns."""

import time

import pytest

from harness import run, wait_until
from harness.town import ANN, BEN, CAT, DAY, G, NAMES, Town

KEEP = {"retention": {"left": "30d", "events": "10d", "audit": "20d"}}


def ages(client, name, now):
    return sorted((now - int(i.split("-")[0])) // DAY for i, f in client.xrange("sopd:%s:{qq1}" % name) if f.get("name") == "old")


def test_streams_by_age(bench, napcat, box):
    """Ids of entries are times of Redis' clock, so this test writes them, and begins today."""
    now = int(time.time() * 1000)
    town = Town(bench, napcat, box, config=KEEP, start=now)
    client = town.client
    for name in ("events", "audit"):
        client.delete("sopd:%s:{qq1}" % name)
        for age in (25, 15, 1):      # trimming is by whole nodes of the stream: of a hundred entries
            for _ in range(300):
                client.xadd("sopd:%s:{qq1}" % name, {"name": "old", "data": "{}"}, id="%d-*" % (now - age * DAY))
    town.later(7200)
    wait_until(lambda: set(ages(client, "events", now)) == {1}, what=lambda: ages(client, "events", now)[-3:])
    wait_until(lambda: set(ages(client, "audit", now)) == {15, 1}, what=lambda: ages(client, "audit", now)[-3:])
    assert len(ages(client, "events", now)) == 300 and len(ages(client, "audit", now)) == 600
    client.delete("sopd:events:{qq1}", "sopd:audit:{qq1}")      # they are no events of sopd's


def test_who_left_long_ago_is_forgotten_in_that_group(bench, napcat, box):
    town = Town(bench, napcat, box, config=KEEP)
    town.play(ANN, BEN, CAT)
    town.leave(ANN)
    town.leave(BEN)
    client = town.client
    assert client.zcard("sopd:{qq1}:left") == 2
    town.to(20, 10)
    town.join(BEN)                          # is back: nothing of him goes
    wait_until(lambda: client.zrange("sopd:{qq1}:left", 0, -1) == ["%d|%d" % (G, ANN)], what=lambda: client.zrange("sopd:{qq1}:left", 0, -1))
    napcat.members[G] = [{"group_id": G, "user_id": BEN, "nickname": "本本", "card": "", "role": "member"}]
    assert client.exists("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN))
    points = client.hgetall("sopd:{qq1}:u:%d" % ANN)
    town.to(33, 12)
    wait_until(lambda: not client.exists("sopd:{qq1}:left"), what=lambda: client.zrange("sopd:{qq1}:left", 0, -1, withscores=True))
    assert not client.exists("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN))
    assert client.zscore("sopd:{qq1}:board:checkin:%d:board" % G, str(ANN)) is None
    assert client.hgetall("sopd:{qq1}:u:%d" % ANN) == points      # what goes with them everywhere stays
    for user in (BEN, CAT):
        assert client.exists("sopd:{qq1}:m:checkin:%d:%d" % (G, user))


def test_who_is_in_the_group_all_the_same_is_not_forgotten(bench, napcat, box):
    """The event of a join was missed: the gateway's list of members decides."""
    town = Town(bench, napcat, box, config=KEEP)
    town.play(ANN, BEN)
    town.leave(ANN)
    napcat.members[G] = [{"group_id": G, "user_id": ANN, "nickname": NAMES[ANN], "card": "", "role": "member"}]
    town.to(33, 12)
    wait_until(lambda: not town.client.exists("sopd:{qq1}:left"), what="the entry to go")
    assert town.client.exists("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN))


@pytest.mark.parametrize("value, word", [({"left": "soon"}, "left"), ({"lefts": "1d"}, "lefts"), ("1d", "retention"), ({"left": "1m"}, "left")])
def test_wrong_times_are_refused(bench, napcat, value, word):
    daemon = bench.served(napcat, config={"retention": value}, start=False)
    daemon.write_config()
    done = run("check", "--config", daemon.config_path)
    assert done.returncode == 3 and word in done.stderr + done.stdout, done.stderr + done.stdout


def test_false_keeps_for_ever(bench, napcat, box):
    town = Town(bench, napcat, box, config={"retention": {"left": False, "events": False}})
    town.play(ANN)
    town.leave(ANN)
    town.to(800, 12)
    town.later(2)
    assert town.client.exists("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN)) and town.client.zcard("sopd:{qq1}:left") == 1
