"""The commit script (daemon/store/commit.lua) on a real Redis: whole or not at all, once, by the owner, paced."""

from pathlib import Path

import pytest

SCRIPT = (Path(__file__).parents[2] / "daemon" / "store" / "commit.lua").read_text()
KEYS = ["sopd:{g}:epoch", "sopd:{g}:pace", "sopd:{g}:outbox"]
NOW = 1_700_000_000_000_000  # microseconds
MINUTE = 60_000_000


def turn(ident, ops=(), sends=(), seen="sopd:{g}:seen:1:0", keep=100, other=""):
    """sends: (outbox id, chat, not before, latest)"""
    return dict(ident=ident, ops=list(ops), sends=list(sends), seen=seen, keep=keep, other=other)


def commit(client, *turns, epoch=1, now=NOW, account=(), chat=()):
    chats = []
    for t in turns:
        for send in t["sends"]:
            if send[1] not in chats:
                chats.append(send[1])
    args = [epoch, now, len(account), *[x for limit in account for x in limit],
            len(chat), *[x for limit in chat for x in limit], len(chats), *chats, len(turns)]
    for t in turns:
        args += [t["seen"], t["keep"], t["other"], t["ident"], len(t["ops"])]
        for op in t["ops"]:
            args += [len(op), *op]
        args.append(len(t["sends"]))
        for oid, to, earliest, latest in t["sends"]:
            args += [oid, chats.index(to) + 1, earliest, latest, 0, '{"to":"%s"}' % to]
    return client.eval(SCRIPT, 3, *KEYS, *args)


pytestmark = pytest.mark.needs_no_binary


@pytest.fixture
def db(bench):
    client = bench.redis().client
    client.set(KEYS[0], 1)
    return client


def test_writes_messages_and_identity_arrive_together(db):
    got = commit(db, turn(5, [["HSET", "h", "a", "1"], ["ZADD", "z", "2", "m"]], [("1-1", "c", 0, NOW + MINUTE)]))
    assert got == [0, 0, 0]
    assert db.hgetall("h") == {"a": "1"} and db.zscore("z", "m") == 2
    assert db.hgetall(KEYS[2]) == {"1-1": '{"to":"c"}'}
    assert db.sismember("sopd:{g}:seen:1:0", 5) and 0 < db.ttl("sopd:{g}:seen:1:0") <= 100


def test_a_turn_counts_once(db):
    first = turn(5, [["RPUSH", "l", "x"]], [("1-1", "c", 0, NOW + MINUTE)])
    again = turn(5, [["RPUSH", "l", "x"]], [("1-2", "c", 0, NOW + MINUTE)])
    assert commit(db, first) == [0, 0, 0]
    assert commit(db, again) == [0, 1]
    assert commit(db, again, turn(6, [["RPUSH", "l", "y"]])) == [0, 1, 0]
    assert db.lrange("l", 0, -1) == ["x", "y"] and list(db.hgetall(KEYS[2])) == ["1-1"]


def test_a_turn_counts_once_within_one_batch(db):
    assert commit(db, turn(5, [["RPUSH", "l", "x"]]), turn(5, [["RPUSH", "l", "x"]])) == [0, 0, 1]
    assert db.lrange("l", 0, -1) == ["x"]


def test_yesterdays_set_is_looked_into_when_asked(db):
    db.sadd("sopd:{g}:seen:0:0", 5)
    assert commit(db, turn(5, [["SET", "k", "v"]], other="sopd:{g}:seen:0:0")) == [0, 1]
    assert not db.exists("k")


def test_only_the_owner_commits(db):
    db.set(KEYS[0], 2)
    assert commit(db, turn(5, [["SET", "k", "v"]])) == [-1, "2"]
    db.delete(KEYS[0])
    assert commit(db, turn(5, [["SET", "k", "v"]])) == [-1, ""]
    assert not db.exists("k") and not db.exists("sopd:{g}:seen:1:0")


def test_a_key_of_another_kind_undoes_nothing_because_nothing_was_done(db):
    db.set("wrong", "text")
    got = commit(db, turn(5, [["SET", "k", "v"], ["HSET", "wrong", "a", "1"]], [("1-1", "c", 0, NOW + MINUTE)]),
                 turn(6, [["SET", "other", "v"]]))
    assert got[:2] == [0, 2] and "wrong holds a string where a hash belongs" in got[2] and got[3] == 0
    assert not db.exists("k") and db.get("other") == "v" and not db.exists(KEYS[2])
    db.delete("wrong")
    assert commit(db, turn(5, [["SET", "k", "v"], ["HSET", "wrong", "a", "1"]])) == [0, 0]


def test_a_single_write_that_fails_leaves_the_turn_open(db):
    db.set("wrong", "text")
    got = commit(db, turn(5, [["HSET", "wrong", "a", "1"]]))
    assert got[:2] == [0, 2] and "WRONGTYPE" in got[2]
    assert not db.sismember("sopd:{g}:seen:1:0", 5)


def test_a_counter_that_is_no_number_refuses_the_turn(db):
    db.hset("h", "n", "many")
    got = commit(db, turn(5, [["SET", "k", "v"], ["HINCRBY", "h", "n", "1"]]))
    assert got[1] == 2 and "is no integer" in got[2] and not db.exists("k")


def over(run, timers="timers", pins="pins"):
    return ["OVER", "run:" + run, timers, "run|" + run + "|c", pins, "pin"]


def test_the_end_of_a_run_takes_all_of_it_away(db):
    db.hset("pins", "pin", 3)
    db.zadd("timers", {"run|a|c": 1, "run|b|c": 1, "run|c|c": 1})
    for run in "abc":
        db.set("run:" + run, "record")
    assert commit(db, turn(1, [over("a")]), turn(2, [["SET", "k", "v"], over("b")])) == [0, 0, 0]
    assert db.keys("run:*") == ["run:c"] and db.zrange("timers", 0, -1) == ["run|c|c"]
    assert db.hget("pins", "pin") == "1" and db.get("k") == "v"
    assert commit(db, turn(1, [over("a")])) == [0, 1] and db.hget("pins", "pin") == "1"  # once
    db.set("text", "text")
    got = commit(db, turn(3, [over("c", timers="text")]), turn(4, [["SET", "k", "w"], over("c", pins="text")]))
    assert got[1] == 2 and "text holds a string where a zset belongs" in got[2]
    assert got[3] == 2 and "where a hash belongs" in got[4]
    assert db.get("k") == "v" and db.exists("run:c") and db.hget("pins", "pin") == "1"


def test_pacing_per_chat_and_account(db):
    chat = [(1_500_000, 0)]  # one per 1.5 s
    sends = [("1-%d" % i, "a", 0, NOW + MINUTE) for i in range(3)]
    assert commit(db, turn(1, sends=sends), chat=chat) == [0, 0, 0, 1500, 3000]
    assert commit(db, turn(2, sends=[("1-9", "a", 0, NOW + MINUTE), ("1-8", "b", 0, NOW + MINUTE)]), chat=chat) == \
        [0, 0, 4500, 0]
    account = [(800_000, 2 * 800_000)]  # bursts of three
    got = commit(db, turn(3, sends=[("2-%d" % i, "x%d" % i, 0, NOW + MINUTE) for i in range(5)]), account=account)
    assert got == [0, 0, 0, 0, 0, 800, 1600]


def test_what_cannot_leave_in_time_is_shed_and_takes_no_place(db):
    chat = [(10_000_000, 0)]
    sends = [("1-%d" % i, "a", 0, NOW + 15_000_000) for i in range(3)]
    assert commit(db, turn(1, sends=sends), chat=chat) == [0, 0, 0, 10000, -1]
    assert sorted(db.hkeys(KEYS[2])) == ["1-0", "1-1"]
    later = [("1-5", "a", 0, NOW + 10 * MINUTE)]
    assert commit(db, turn(2, sends=later), chat=chat) == [0, 0, 20000]


def test_not_before_is_kept(db):
    assert commit(db, turn(1, sends=[("1-1", "a", NOW + 5_000_000, NOW + MINUTE)]), chat=[(1000, 0)]) == [0, 0, 5000]


def test_what_is_held_back_takes_no_place(db):
    limits = {"chat": [(1_500_000, 0)], "account": [(800_000, 0)]}
    held = [("1-%d" % i, "a", NOW + 60 * MINUTE, NOW + 90 * MINUTE) for i in range(3)]
    assert commit(db, turn(1, sends=held), **limits) == [0, 0] + [3600000] * 3
    assert commit(db, turn(2, sends=[("2-1", "a", 0, NOW + 2 * MINUTE)]), **limits) == [0, 0, 0]


def test_a_large_batch(db):
    turns = [turn(i, [["HSET", "h%d" % i, "n", str(i)]], [("1-%d" % i, "c%d" % i, 0, NOW + MINUTE)]) for i in range(64)]
    assert commit(db, *turns, chat=[(1, 0), (2, 0)], account=[(1, 1000)]) == [0] + [0, 0] * 64
    assert db.hlen(KEYS[2]) == 64 and db.hget("h63", "n") == "63"
