"""The commit script (daemon/store/commit.lua) on a real Redis: whole or not at all, once, by the owner, paced."""

from pathlib import Path

import pytest

SCRIPT_FILE = Path(__file__).parents[2] / "daemon" / "store" / "commit.lua"
SCRIPT = SCRIPT_FILE.read_text()
KEYS = ["sopd:{g}:epoch", "sopd:{g}:pace", "sopd:{g}:outbox"]
NOW = 1_700_000_000_000_000  # microseconds
MINUTE = 60_000_000


QUOTA_KEYS = ["sopd:{g}:quota:" + k for k in ("day:1", "day:2", "business:1", "business:2", "month:1", "month:2")]
WINDOW_ENDS = (NOW + 10 * MINUTE, NOW + 60 * MINUTE, NOW + 1000 * MINUTE)
DAY, BUSINESS, MONTH = 1, 2, 3
ANSWER, GAME, BROADCAST, DM, AT_ALL = range(5)


def turn(ident, ops=(), sends=(), seen="sopd:{g}:seen:1:0", keep=100, other=""):
    """sends: (outbox id, chat, not before, latest[, options of send])"""
    return dict(ident=ident, ops=list(ops), sends=list(sends), seen=seen, keep=keep, other=other)


def send(oid, chat, latest=MINUTE, not_before=0, **options):
    """options: kind, account, members, jitter (thousandths), quotas [(window 1-3, field, limit, whom)]"""
    return (oid, chat, not_before, NOW + latest, options)


def place(known, item):
    if item not in known:
        known.append(item)
    return known.index(item) + 1


def rules(limits):
    """(interval, tolerance[, kinds]) each; those of the same kinds in one group."""
    groups = {}
    for limit in limits:
        groups.setdefault("".join(str(k) for k in limit[2]) if len(limit) > 2 else "", []).append(limit)
    words = [len(groups)]
    for kinds, members in groups.items():
        words += [kinds, kinds, len(members), *[x for limit in members for x in limit[:2]]]
    return words


def commit(client, *turns, epoch=1, now=NOW, account=(), chat=(), member=(), stretch=None):
    chats, bulk, lines, accounts, members, body, counters = [], set(), [], [], [], [], []
    for t in turns:
        body += [t["seen"], t["keep"], t["other"], t["ident"], len(t["ops"])]
        for op in t["ops"]:
            body += [len(op), *op]
        body.append(len(t["sends"]))
        for oid, to, earliest, latest, *more in t["sends"]:
            how = more[0] if more else {}
            kind, by = how.get("kind", ANSWER), place(accounts, how.get("account", "g"))
            if kind > GAME:
                bulk.add(to)
            body += [oid, place(lines, (by, kind)), place(chats, to), earliest, latest, how.get("jitter", 0)]
            if member:
                body += [len(how.get("members", ()))] + [place(members, m) for m in how.get("members", ())]
            quotas = how.get("quotas", ())
            body += ['{"to":"%s"}' % to, len(quotas)]
            for window, field, limit, whom in quotas:
                body += [place(counters, (window, field)), limit, whom]
    head = [epoch, now, *rules(account), *rules(chat), *rules(member), len(accounts)]
    for name in accounts:
        head += [name, (stretch or {}).get(name, 1000)]
    head += [len(lines), *[x for line in lines for x in line]]
    head += [len(chats), *chats, "".join("b" if c in bulk else "-" for c in chats)]
    if member:
        head += [len(members), *members]
    head.append(len(counters))
    if counters:
        head += [*WINDOW_ENDS, *[x for counter in counters for x in counter]]
    keys = KEYS + (QUOTA_KEYS if counters else [])
    return client.eval(SCRIPT, len(keys), *keys, *head, len(turns), *body)


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


def test_answers_do_not_queue_up_behind_a_broadcast(db):
    account = [(1_000_000, 0)]
    posts = [send("1-%d" % i, "c%d" % i, 60 * MINUTE, kind=BROADCAST) for i in range(5)]
    assert commit(db, turn(1, sends=posts), account=account) == [0, 0, 0, 1000, 2000, 3000, 4000]
    assert commit(db, turn(2, sends=[send("2-1", "c9"), send("2-2", "c8", kind=GAME)]), account=account) == [0, 0, 0, 1000]
    # and what they take is not left for the broadcast
    assert commit(db, turn(3, sends=[send("3-1", "c7", kind=BROADCAST, latest=60 * MINUTE)]), account=account) == [0, 0, 7000]


def test_a_broadcast_waits_for_answers_before_it(db):
    account = [(1_000_000, 0)]
    assert commit(db, turn(1, sends=[send("1-%d" % i, "a") for i in range(3)]), account=account) == [0, 0, 0, 1000, 2000]
    assert commit(db, turn(2, sends=[send("2-1", "b", kind=BROADCAST)]), account=account) == [0, 0, 3000]


def test_limits_of_a_kind_concern_that_kind(db):
    chat = [(1_000_000, 0), (10_000_000, 0, [GAME]), (60_000_000, 0, [BROADCAST, AT_ALL])]
    sends = [send("1-1", "a", kind=GAME), send("1-2", "a", kind=GAME), send("1-3", "a"), send("1-4", "b", kind=BROADCAST),
             send("1-5", "b", kind=AT_ALL), send("1-6", "b", kind=DM)]
    assert commit(db, turn(1, sends=sends), chat=chat) == [0, 0, 0, 10000, 2000, 0, 60000, 2000]
    assert {f for f in db.hkeys(KEYS[1]) if f.startswith("b|")} == {"b|b", "b|24b"}


def test_one_busy_chat_does_not_hold_up_the_others(db):
    limits = {"account": [(100_000, 0)], "chat": [(10_000_000, 0)]}
    sends = [send("1-1", "a"), send("1-2", "a"), send("1-3", "a"), send("1-4", "b"), send("1-5", "c")]
    assert commit(db, turn(1, sends=sends), **limits) == [0, 0, 0, 10000, 20000, 300, 400]


def test_the_times_of_several_limits_are_in_one_field(db):
    commit(db, turn(1, sends=[send("1-1", "a")]), chat=[(1_000_000, 0), (3_000_000, 9_000_000), (5_000_000, 0)])
    assert db.hgetall(KEYS[1]) == {"a|": "%d,%d,%d" % (NOW + 1_000_000, NOW + 3_000_000, NOW + 5_000_000)}
    assert commit(db, turn(2, sends=[send("1-2", "a")]), chat=[(1_000_000, 0), (3_000_000, 9_000_000), (5_000_000, 0)]) == [0, 0, 5000]
    # a limit more than before begins with nothing
    assert commit(db, turn(3, sends=[send("1-3", "a")]), chat=[(1_000_000, 0), (3_000_000, 9_000_000), (5_000_000, 0), (1000, 0)]) == \
        [0, 0, 10000]


def test_every_account_has_its_own_times(db):
    account = [(1_000_000, 0)]
    sends = [send("1-1", "a", account="p1"), send("1-2", "b", account="p2"), send("1-3", "c", account="p1")]
    assert commit(db, turn(1, sends=sends), account=account) == [0, 0, 0, 0, 1000]
    assert {f for f in db.hkeys(KEYS[1]) if f.startswith("a|")} == {"a|p1|", "a|p2|"}


def test_a_new_or_suspect_account_is_slower(db):
    limits = {"account": [(1_000_000, 0)], "chat": [(2_000_000, 0)], "stretch": {"slow": 4000}}
    sends = [send("1-%d" % i, "a", account="slow") for i in range(3)]
    assert commit(db, turn(1, sends=sends), **limits) == [0, 0, 0, 8000, 16000]


def test_members_are_not_called_too_often(db):
    member = [(30_000_000, 30_000_000)]  # two at once, then one in 30 s
    sends = [send("1-%d" % i, "c%d" % i, members=["7", "8"] if i else ["7"]) for i in range(3)]
    assert commit(db, turn(1, sends=sends), member=member) == [0, 0, 0, 0, 30000]
    assert commit(db, turn(2, sends=[send("2-1", "x", members=["9"])]), member=member) == [0, 0, 0]
    assert set(db.hkeys(KEYS[1])) == {"m|7|", "m|8|", "m|9|"}


def test_jitter_makes_a_spacing_longer_and_leaves_bursts_alone(db):
    sends = [send("1-%d" % i, "a", jitter=500) for i in range(3)]
    assert commit(db, turn(1, sends=sends), chat=[(1_000_000, 0)]) == [0, 0, 0, 1500, 3000]
    sends = [send("2-%d" % i, "b", jitter=500) for i in range(4)]
    assert commit(db, turn(2, sends=sends), chat=[(1_000_000, 1_000_000)]) == [0, 0, 0, 0, 1000, 2000]


def test_what_may_join_another_waits_without_taking_a_place(db):
    chat = [(10_000_000, 0)]
    joins = dict(jitter=-1, latest=15_000_000)
    assert commit(db, turn(1, sends=[send("1-%d" % i, "a", **joins) for i in range(4)]), chat=chat) == \
        [0, 0, 0, 10000, 10000, 10000]
    assert commit(db, turn(2, sends=[send("2-1", "a")]), chat=chat) == [0, 0, 10000]


def test_what_has_passed_is_swept_out_of_pace(db):
    sweep = SCRIPT_FILE.with_name("pace_sweep.lua").read_text()
    commit(db, turn(1, sends=[send("1-%d" % i, "c%d" % i) for i in range(300)]), chat=[(1_000_000, 0)])
    db.hset(KEYS[1], "a1", NOW - MINUTE)  # of an older version
    commit(db, turn(2, sends=[send("2-1", "late")]), chat=[(1_000_000, 0)], now=NOW + MINUTE)
    cursor = "0"
    for _ in range(20):
        cursor = db.eval(sweep, 1, KEYS[1], cursor, NOW + MINUTE)
        if cursor == "0":
            break
    assert db.hkeys(KEYS[1]) == ["late|"]


def test_two_messages_become_one_in_one_step(db):
    merge = SCRIPT_FILE.with_name("merge.lua").read_text()
    db.hset(KEYS[2], mapping={"1-1": "a", "1-2": "b"})

    def join(*words, epoch=1):
        return db.eval(merge, 2, KEYS[0], KEYS[2], epoch, *words)

    assert join("1-1", "1-2", "ab", epoch=2) == -1 and db.hlen(KEYS[2]) == 2
    assert join("1-1", "1-2", "ab") == 1 and db.hgetall(KEYS[2]) == {"1-1": "ab"}
    assert join("1-1", "1-2", "ab") == 2, "asked again after a lost answer"
    assert join("1-1", "1-3", "abc") == 0 and db.hgetall(KEYS[2]) == {"1-1": "ab"}, "it was taken out meanwhile"


def day_quota(limit, field="c|c|post-day", whom="q"):
    return {"kind": BROADCAST, "quotas": [(DAY, field, limit, whom)]}


def test_a_quota_that_is_used_up_sheds(db):
    got = commit(db, turn(1, sends=[send("1-%d" % i, "c", **day_quota(2)) for i in range(3)]))
    assert got == [0, 0, 0, 0, -2]
    assert sorted(db.hkeys(KEYS[2])) == ["1-0", "1-1"]
    assert db.hgetall(QUOTA_KEYS[0]) == {"c|c|post-day": "2"} and 0 < db.ttl(QUOTA_KEYS[0]) <= 3 * 86400
    assert commit(db, turn(2, sends=[send("1-9", "c", **day_quota(2))])) == [0, 0, -2]  # counted in another commit
    assert commit(db, turn(3, sends=[send("1-10", "c", **day_quota(3))])) == [0, 0, 0]


def test_a_full_day_puts_off_to_the_next_where_that_is_soon_enough(db):
    late = [send("1-%d" % i, "c", latest=20 * MINUTE, **day_quota(1)) for i in range(3)]
    got = commit(db, turn(1, sends=late), account=[(1000, 0)])
    assert got == [0, 0, 0, 600000, -2]  # at the end of the window; and that one is full then, too
    assert db.hgetall(QUOTA_KEYS[0]) == {"c|c|post-day": "1"} and db.hgetall(QUOTA_KEYS[1]) == {"c|c|post-day": "1"}
    assert '"from2":%d' % (WINDOW_ENDS[0] // 1000) in db.hget(KEYS[2], "1-1")


def test_what_is_held_back_counts_in_the_window_in_which_it_leaves(db):
    tomorrow = NOW + 11 * MINUTE
    held = ("1-1", "c", tomorrow, tomorrow + MINUTE, day_quota(1))
    assert commit(db, turn(1, sends=[held])) == [0, 0, 660000]
    assert db.hgetall(QUOTA_KEYS[1]) == {"c|c|post-day": "1"} and not db.exists(QUOTA_KEYS[0])
    assert commit(db, turn(2, sends=[("1-2", "c", tomorrow, tomorrow + MINUTE, day_quota(1))])) == [0, 0, -2]


def test_a_member_who_was_reached_often_enough_is_not_mentioned(db):
    db.hset(QUOTA_KEYS[2], mapping={"m|7|attention": 6})
    quotas = [(BUSINESS, "m|7|attention", 6, "u7"), (BUSINESS, "m|8|attention", 6, "u8")]
    got = commit(db, turn(1, sends=[send("1-1", "c", kind=BROADCAST, quotas=quotas)]))
    assert got == [0, 0, "0\x1f7"]
    assert db.hget(KEYS[2], "1-1").endswith(',"plain":["7"]}')
    assert db.hgetall(QUOTA_KEYS[2]) == {"m|7|attention": "6", "m|8|attention": "1"}
    private = send("1-2", "@7", kind=DM, quotas=[(BUSINESS, "m|7|attention", 6, "m")])
    assert commit(db, turn(2, sends=[private])) == [0, 0, -3]


def test_what_a_limit_sheds_is_not_counted(db):
    sends = [send("1-1", "c", latest=0, **day_quota(5)), send("1-2", "c", latest=0, **day_quota(5))]
    assert commit(db, turn(1, sends=sends), chat=[(MINUTE, 0)]) == [0, 0, 0, -1]
    assert db.hgetall(QUOTA_KEYS[0]) == {"c|c|post-day": "1"}
    assert commit(db, turn(1, sends=sends), chat=[(MINUTE, 0)]) == [0, 1]  # nor what was committed before
    assert db.hgetall(QUOTA_KEYS[0]) == {"c|c|post-day": "1"}


def test_a_month_and_many_counters_at_once(db):
    sends = [send("1-%d" % i, "c%d" % i, kind=BROADCAST, quotas=[(DAY, "c|c%d|post-day" % i, 1, "q"), (MONTH, "a|g|month", 900, "q")])
             for i in range(1000)]
    got = commit(db, turn(1, sends=sends))
    assert got[2:].count(0) == 900 and got[2:].count(-2) == 100
    assert db.hget(QUOTA_KEYS[4], "a|g|month") == "900" and db.hlen(QUOTA_KEYS[0]) == 900
    assert db.ttl(QUOTA_KEYS[4]) > 60 * 86400


# ---- what is counted: TALLY ----

VOICES, TALLIED = "sopd:{g}:voices:c:20000", "sopd:{g}:tally:c:20000"
NOW_MS = NOW // 1000


def spoke(user, ms=NOW_MS, touch=7200000):
    return ["TALLY", "SPOKE", VOICES, TALLIED, "sopd:{g}:u:" + user, user, ms, 20000, 259200, 1000, touch]


def said(number, what, *users):
    return ["TALLY", "SAID", VOICES, TALLIED, 259200, 1000, number, what, *users]


def test_counts_are_added_once_and_expire(db):
    ops = [["HSET", "h", "a", "1"], ["TALLY", "ADD", TALLIED, 1000, "count.x", 2, "members", "=7", "count.x", 3]]
    assert commit(db, turn(1, ops), turn(1, ops)) == [0, 0, 1]
    assert commit(db, turn(1, ops)) == [0, 1]
    assert db.hgetall(TALLIED) == {"count.x": "5", "members": "7"} and 990 < db.ttl(TALLIED) <= 1000
    assert commit(db, turn(2, [["TALLY", "ADD", TALLIED, 0, "members", "=6", "count.x", -1]])) == [0, 0]
    assert db.hgetall(TALLIED) == {"count.x": "4", "members": "6"}


def test_a_turn_that_is_not_applied_counts_nothing(db):
    db.set("h", "text")
    got = commit(db, turn(1, [["HSET", "h", "a", "1"], spoke("7"), ["TALLY", "ADD", TALLIED, 1000, "x", 1]], [send("1-1", "c")]))
    assert got[:2] == [0, 2] and not db.exists(TALLIED, VOICES)


def test_nothing_that_is_counted_fails_a_turn(db):
    for key in (VOICES, TALLIED, "sopd:{g}:u:7"):
        db.set(key, "text")
    ops = [["HSET", "h", "a", "1"], spoke("7"), ["TALLY", "FIRST", "sopd:{g}:u:7", 20000, ""],
           ["TALLY", "ORDER", "sopd:{g}:u:7", TALLIED, 1000, 20003], ["TALLY", "ADD", TALLIED, 1000, "x", 1, "members", "=3"], said(1, "p", "7")]
    assert commit(db, turn(1, ops, [send("1-1", "c")])) == [0, 0, 0]
    db.delete(VOICES)
    assert commit(db, turn(2, ops, [send("1-2", "c")])) == [0, 0, 0]
    assert db.hget("h", "a") == "1" and db.hget(KEYS[2], "1-2")
    db.delete(TALLIED, "sopd:{g}:u:7")     # no process of sopd leaves such keys


def test_who_speaks_is_one_speaker_and_waits_from_the_first_word(db):
    commit(db, turn(1, [spoke("7", NOW_MS - 90000)]), turn(2, [spoke("7", NOW_MS - 5000)]), turn(3, [spoke("8")]))
    assert db.hgetall(TALLIED) == {"messages": "3", "speakers": "2"}
    assert db.hget(VOICES, "7") == "%d,2,%d,0" % (NOW_MS - 90000, NOW_MS - 90000)
    assert db.hget("sopd:{g}:u:7", "tally.first") == "20000" and 259100 < db.ttl(VOICES) <= 259200
    commit(db, turn(4, [said(1, "a", "7", "9")], [send("1-1", "c")]))     # 9 never spoke
    commit(db, turn(5, [said(1, "a", "7")], [send("1-2", "c")]))          # nothing new to answer
    assert db.hget(TALLIED, "reply.90") == "1" and db.hget(TALLIED, "answered") == "1" and db.hget(TALLIED, "answers") == "2"
    commit(db, turn(6, [spoke("7", NOW_MS - 3000), said(1, "a", "7")], [send("1-3", "c")]))
    assert db.hget(TALLIED, "reply.3") == "1" and db.hget(TALLIED, "answered") == "1"


@pytest.mark.parametrize("seconds", [0, 1, 9, 42, 99, 100, 104, 105, 149, 994, 995, 1049, 4321, 54321, 86399, -5])
def test_steps_of_the_histogram_are_at_most_5_percent_apart(db, seconds):
    commit(db, turn(1, [spoke("7", NOW_MS - seconds * 1000), said(1, "a", "7")], [send("1-1", "c")]))
    step, = [int(f[6:]) for f in db.hgetall(TALLIED) if f.startswith("reply.")]
    assert abs(step - max(seconds, 0)) <= 0.05 * max(seconds, 0) and len(str(step).rstrip("0")) <= 2


def test_the_time_is_the_one_at_which_the_answer_leaves(db):
    db.hset(VOICES, "7", "%d,1,%d,0" % (NOW_MS, NOW_MS))
    sends = [send("1-%d" % i, "c", latest=10 * MINUTE) for i in range(3)]
    assert commit(db, turn(1, [said(3, "a", "7")], sends), chat=[(20_000_000, 0)]) == [0, 0, 0, 20000, 40000]
    assert db.hget(TALLIED, "reply.40") == "1" and db.hget(TALLIED, "answers") == "1"


def test_what_does_not_leave_is_neither_answer_nor_post(db):
    db.hset(VOICES, "7", "%d,1,%d,0" % (NOW_MS, NOW_MS))
    late = [send("1-1", "c", latest=0), send("1-2", "c", latest=0)]
    assert commit(db, turn(1, [said(1, "p", "7"), said(2, "a", "7")], late), chat=[(MINUTE, 0)]) == [0, 0, 0, -1]
    assert db.hgetall(TALLIED) == {"posts": "1", "answered": "1", "reply.0": "1"}


def test_whose_mention_became_a_plain_name_is_not_answered(db):
    db.hset(QUOTA_KEYS[2], mapping={"m|7|attention": 6})
    for user in ("7", "77"):
        db.hset(VOICES, user, "%d,1,%d,0" % (NOW_MS, NOW_MS))
    quotas = [(BUSINESS, "m|%s|attention" % u, 6, "u" + u) for u in ("7", "77")]
    assert commit(db, turn(1, [said(1, "p", "7", "77")], [send("1-1", "c", kind=BROADCAST, quotas=quotas)])) == [0, 0, "0\x1f7"]
    assert db.hget(TALLIED, "answered") == "1" and db.hget(VOICES, "77").endswith(",,1") and db.hget(VOICES, "7").endswith(",0")


def test_a_post_has_reached_the_group_when_somebody_speaks_soon(db):
    commit(db, turn(1, [said(1, "p"), said(2, "p")], [send("1-1", "c"), send("1-2", "c")]))
    commit(db, turn(2, [spoke("7", NOW_MS - 1)]))                 # said before it
    assert "touched" not in db.hgetall(TALLIED)
    commit(db, turn(3, [spoke("7", NOW_MS + 7200000)]), turn(4, [spoke("8", NOW_MS + 7200000)]))
    assert db.hget(TALLIED, "touched") == "2" and not db.hexists(VOICES, "")
    commit(db, turn(5, [said(1, "p")], [send("1-3", "c")]), turn(6, [spoke("8", NOW_MS + 7200001)]))
    assert db.hget(TALLIED, "touched") == "2" and db.hget(TALLIED, "posts") == "3" and not db.hexists(VOICES, "")


def test_the_first_order_of_a_member_converts(db):
    profile = "sopd:{g}:u:7"
    commit(db, turn(1, [["TALLY", "FIRST", profile, 20000, ""]]), turn(2, [["TALLY", "FIRST", profile, 20001, ""]]))
    for i, day in enumerate((20003, 20004)):
        commit(db, turn(3 + i, [["TALLY", "ORDER", profile, TALLIED, 1000, day]]))
    commit(db, turn(9, [["TALLY", "ORDER", "sopd:{g}:u:8", TALLIED, 1000, 20003]]))        # nobody knows since when
    assert db.hgetall(TALLIED) == {"converted": "2", "cycle.3": "1"}
    assert db.hgetall(profile) == {"tally.first": "20000", "tally.order": "20003"}


# ---- experiments ----

EXPOSED = "sopd:{g}:experiment:x"


def expose(variant, was="", unit="g|1"):
    return ("EXPOSE", EXPOSED, unit, variant + " 1700000000", was, 1000, "XADD", "sopd:audit:{g}", "*", "variant", variant)


def outcome(which, n, unit="g|1"):
    return ("OUTCOME", EXPOSED, unit, which, n)


def test_experiments_in_the_script(db):
    stream = "sopd:audit:{g}"
    commit(db, turn(1, [outcome(1, 1), expose("A"), outcome(1, 1), outcome(2, 3)]))
    assert db.hgetall(EXPOSED) == {"g|1": "A 1700000000 1 3"}       # what came before it was shown does not count
    assert 0 < db.ttl(EXPOSED) <= 1000
    commit(db, turn(2, [expose("A"), expose("B"), outcome(1, 2), outcome(1, 1, "g|2")]))
    assert db.hgetall(EXPOSED) == {"g|1": "A 1700000000 3 3"} and db.xlen(stream) == 1
    commit(db, turn(2, [outcome(1, 5)]))                            # the same turn again
    assert db.hgetall(EXPOSED) == {"g|1": "A 1700000000 3 3"}
    commit(db, turn(3, [expose("B", was="A"), outcome(2, 1)]))      # A is no variant any more
    assert db.hgetall(EXPOSED) == {"g|1": "B 1700000000 0 1"} and db.xlen(stream) == 2
    db.hset(EXPOSED, "keep", "B")
    commit(db, turn(4, [outcome(1, 1)]))
    assert db.hget(EXPOSED, "g|1") == "B 1700000000 0 1"


def test_experiments_never_fail_a_turn(db):
    db.set(EXPOSED, "x")
    assert commit(db, turn(1, [expose("A"), outcome(1, 1), ("HSET", "sopd:{g}:g:f:1", "a", "1")]))[1] == 0
    assert db.hget("sopd:{g}:g:f:1", "a") == "1"
    db.delete(EXPOSED)
    db.hset(EXPOSED, "g|1", "nonsense")
    assert commit(db, turn(2, [outcome(1, 1), expose("A")]))[1] == 0
    assert db.hget(EXPOSED, "g|1") == "nonsense"
