"""Member rights: forgetting leaves no key and no value, and takes nothing from others; from the command line and in the chat."""

import json

import pytest

from harness import dump, events as ev, wait_until
from harness.town import ANN, BEN, BOSS, CAT, G, HOUR, NAMES, Town, naming, texts


@pytest.fixture
def town(bench, napcat, box):
    return Town(bench, napcat, box)


def others(client, *gone):
    """What is kept of others, key by key: their own keys, and their entries on boards and in sets."""
    kept = {}
    for key, value in dump(client).items():
        if any(":%s" % who in key for who in (BEN, CAT)):
            kept[key] = value
        elif isinstance(value, (dict, set)) and (":board:" in key or ":set:" in key):
            kept[key] = {m: value[m] if isinstance(value, dict) else 1 for m in value if m not in [str(g) for g in gone]}
    return {key: value for key, value in kept.items() if "trace" not in key and "limit" not in key and value}


def forget(town, *args, check=True):
    done = town.daemon.ctl("--json", "forget", str(ANN), "--gateway", "qq1", *args, check=check)
    return json.loads(done.stdout)


def test_forgets_everything_that_the_shipped_flows_keep(town):
    town.play(ANN, BEN, CAT)
    town.say(ANN, "退订")
    town.later(60)
    client = town.client
    before = naming(client, ANN, NAMES[ANN])
    kinds = {key.split(":")[2] for key in before if "{qq1}:" in key[:12]}
    assert {"m", "u", "board", "list", "once", "optout", "run"} <= kinds, before
    kept = others(client, ANN)
    dry = forget(town, "--dry-run")
    now = naming(client, ANN, NAMES[ANN])
    moment = "sopd:{qq1}:pace"          # when the next message may leave: it goes by itself when that has passed
    assert dry["keys"] > 5 and [k for k in now if k != moment] == [k for k in before if k != moment]
    done = forget(town)
    assert done["keys"] >= dry["keys"] and done["runs"] >= 1, done
    left = naming(client, ANN, NAMES[ANN])
    assert not left, {key: texts(client)[key][:600] for key in left}
    assert others(client, ANN) == kept
    assert [m for m in client.smembers("sopd:{qq1}:optout") if m.startswith("hmac:")]


def test_the_others_go_on(town):
    town.play(ANN, BEN, CAT)
    forget(town)
    town.to(2, 11)
    for user in (BEN, CAT):
        town.say(user, "打卡")
    town.to(2, 20, 31)
    town.to(2, 22, 1)
    town.say(BOSS, "打卡名单")
    client = town.client
    assert client.hget("sopd:{qq1}:m:checkin:%d:%d" % (G, BEN), "marks") == "xxx"
    assert not client.hkeys("sopd:{qq1}:parked"), client.hgetall("sopd:{qq1}:parked")
    assert not [a.text for a in town.gateway.sends() if "~" in a.mentions]
    grabs = [json.loads(g) for g in client.lrange("sopd:{qq1}:list:redpacket:%d:grabs-1" % G, 0, -1)]
    assert [g["user"] for g in grabs] == ["~", str(BEN), str(CAT)] and grabs[0]["name"] == "~"   # draws are kept, without the person
    town.say(ANN, "打卡")           # who comes back begins anew
    town.say(ANN, "报名")
    town.say(ANN, "打卡")
    assert client.hget("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN), "n") == "4"


def test_the_opt_out_stays_in_force_without_the_id(town):
    town.play(ANN, BEN)
    town.say(ANN, "退订")
    forget(town)
    town.daemon.restart() if hasattr(town.daemon, "restart") else None
    town.say(ANN, "报名")
    heard = len(town.gateway.sends())
    town.say(ANN, "打卡")
    assert all(str(ANN) not in [str(m) for m in a.mentions] for a in town.gateway.sends()[heard:])
    town.say(ANN, "恢复")
    assert not town.client.smembers("sopd:{qq1}:optout")


def test_a_stopped_daemon_goes_on_with_it(town):
    town.play(ANN, BEN)
    town.daemon.kill()
    town.client.hset("sopd:{qq1}:forgetting", str(ANN), '{"by":"member","at":1}')
    town.daemon.start(args=("--clock", str(town.now)))
    wait_until(lambda: not naming(town.client, ANN, NAMES[ANN]), timeout=15, what=lambda: naming(town.client, ANN, NAMES[ANN]))


def test_goes_on_after_a_kill(town):
    """kill -9 in the middle, twice: the next process finishes it."""
    town.play(ANN, BEN)
    client = town.client
    pipe = client.pipeline()
    for i in range(3000):
        pipe.hset("sopd:{qq1}:m:seed:%d:u%d" % (G, i), "by", '"%s"' % (ANN if i % 2 else BEN))
    pipe.execute()
    client.xadd("sopd:commands:{qq1}", {"op": "forget", "user": str(ANN)})
    for _ in range(2):
        wait_until(lambda: client.exists("sopd:{qq1}:forgetting"), what="the order")
        town.daemon.kill()
        assert client.hget("sopd:{qq1}:forgetting", str(ANN))
        town.daemon.start(args=("--clock", str(town.now)))
    wait_until(lambda: not client.exists("sopd:{qq1}:forgetting"), timeout=20, what="the end")
    assert not naming(client, ANN, NAMES[ANN])
    assert client.hget("sopd:{qq1}:m:seed:%d:u0" % G, "by") == '"%d"' % BEN


def test_refuses_what_it_cannot_do(town):
    done = town.daemon.ctl("--json", "forget", "1", "--gateway", "nobody", check=False)
    assert done.returncode == 1 and "no such gateway" in done.stderr
    assert town.daemon.ctl("forget", check=False).returncode == 2
    assert forget(town)["keys"] == 0     # of whom nothing is kept


def seed(client, who, name):
    """Every kind of key and every form in which a member can stand in it, beside others."""
    u, other = str(who), str(BEN)
    j = lambda v: json.dumps(v, ensure_ascii=False)  # noqa: E731
    k = "sopd:{qq1}:%s"
    client.hset(k % "m:seed:%d:%s" % (G, u), mapping={"name": name, "n": "1"})
    client.hset(k % "m:seed:%d:%s" % (G, other), mapping={"name": "本本", "inviter": '"%s"' % u, "n": "2"})
    client.hset(k % "g:seed:%d" % G, mapping={
        "list": j([u, other]), "map": j({u: 1, other: 2}), "deep": j({"a": [{"user": u, "x": 1}, {"user": other, "x": 2}]}),
        "by": j({"by": u, "by_name": name, "n": 12345678901234567}), "only": '"%s"' % u, "lucky": j({"lucky": name, "best": 1}), "number": u})
    client.hset(k % "hash:seed:%d:h" % G, mapping={u: "1", other: "1", "q|" + u: "1", "code": j({"user": u, "name": name})})
    client.hset(k % "hash:seed::wide", mapping={"c1": j({"chat": str(G), "user": u}), "c2": j({"chat": str(G), "user": other, "by": u})})
    client.zadd(k % "board:seed:%d:b" % G, {u: 1, other: 2})
    client.sadd(k % "set:seed:%d:s" % G, u, other, "x|" + u)
    client.rpush(k % "list:seed:%d:l" % G, other, u, j({"user": u, "name": name, "got": 3}), j({"user": other, "name": "本本"}), "第一名 %s" % name)
    client.set(k % "days:seed:%d:d:%s" % (G, u), "x")
    client.set(k % "once:seed:%d:%s:k" % (G, u), "1")
    client.set(k % "once:seed:%d::to|%s" % (G, u), "1")
    client.set(k % "limit:seed:%d:%s:k" % (G, u), "1")
    client.hset(k % "u:" + u, mapping={"points": "3"})
    client.hset(k % "u:" + other, mapping={"points": "3", "friend": '"%s"' % u})
    client.sadd(k % "tags:" + u, "vip")
    client.sadd(k % "optout", u, other)
    client.zadd(k % "left", {"%d|%s" % (G, u): 1, "%d|%s" % (G, other): 1})
    far = 4102444800000
    for key, user in (("a", u), (u, ""), ("b", other)):
        timer = "seed|%d|t|%s" % (G, key)
        client.zadd(k % "timers", {timer: far})
        client.hset(k % "timer", timer, j({"flow": "seed", "chat": str(G), "name": "t", "key": key, "user": user, "due": far, "serial": "0", "args": {"for": [u, other]}}))
    client.hset(k % "waits:%d" % G, mapping={"00000000000000aa": j({"kind": "ask", "from": [other, u], "flow": "seed", "since": 1})})
    client.hset(k % "parked", mapping={"00000000000000aa": j({"status": "failed", "at": 1, "error": "x", "chat": str(G), "wake": {"with": {"event": {"user": u, "name": name}}}})})
    client.hset(k % "run-keys:%d" % G, mapping={"seed|" + u: "00000000000000ab", "seed|" + other: "00000000000000aa"})
    client.set(k % "run:00000000000000aa", '{"pin":"p","on":"run:x","chat":"%d","user":"%s","now":1}\nr01234567 ["%s","%s"]\n?01234567 {"kind":"ask","from":["%s"]}\n' % (G, other, u, other, u))
    client.set(k % "run:00000000000000ab", '{"pin":"p","on":"run:x","chat":"%d","user":"%s","now":1}\n?01234567 {"kind":"sleep","due":%d}\n' % (G, u, far))
    client.set(k % "run:00000000000000ac", '{"pin":"p","on":"run:x","chat":"@%s","now":1}\n?01234567 {"kind":"sleep","due":%d}\n' % (u, far))
    client.hset(k % "pace", "@%s|1" % u, "5")
    client.hset(k % "put-off", "run|00000000000000ac|@" + u, "1 seed")
    client.rpush(k % "trace:%d" % G, j({"t": 1, "user": u, "name": name, "said": "hi"}), j({"t": 2, "user": other}))
    client.rpush(k % "trace:@" + u, j({"t": 1}))
    client.hset(k % "g:seed:@" + u, "x", "1")
    for stream in ("events", "audit", "commands-dead"):
        for user in (u, other):
            client.xadd("sopd:%s:{qq1}" % stream, {"name": "n", "user": user, "time": "5", "data": j({"users": [user], "name": name if user == u else "本本"})})
    client.hset("sopd:staff", mapping={"qq1:" + u: "keeper", "qq1:" + other: "keeper", "qq9:" + u: "keeper"})
    client.hset("sopd:staff:chat:qq1:%d" % G, "qq1:" + u, "store")
    client.hset("sopd:toggles:chat:qq1:@" + u, "checkin", "off")
    client.hset("sopd:chat-tags:qq1", mapping={"@" + u: "a", str(G): "b"})


def test_every_kind_of_place(town):
    client, name = town.client, NAMES[ANN]
    town.say(BEN, "大家好呀")
    seed(client, ANN, name)
    kept = {key: value for key, value in dump(client).items() if ":%d" % BEN in key and "inviter" not in value and "friend" not in value}
    forget(town)
    left = {key: text for key, text in texts(client).items() if str(ANN) in key or str(ANN) in text or name in text}
    assert set(left) <= {"sopd:staff", "sopd:settings-seen", "sopd:audit"}, left       # roles of another gateway belong to somebody else
    assert all("qq1:%d" % ANN not in text for text in left.values()), left
    assert client.hgetall("sopd:staff") == {"qq1:%d" % BEN: "keeper", "qq9:%d" % ANN: "keeper"}
    other, k = str(BEN), "sopd:{qq1}:%s"
    group = {f: json.loads(v) for f, v in client.hgetall(k % "g:seed:%d" % G).items()}
    assert group == {"list": [other], "map": {other: 2}, "deep": {"a": [{"user": other, "x": 2}]}, "by": {"by": "~", "by_name": "~", "n": 12345678901234567},
                     "lucky": {"lucky": "~", "best": 1}}
    assert client.hgetall(k % "hash:seed:%d:h" % G) == {other: "1"}
    assert list(client.hgetall(k % "hash:seed::wide")) == ["c2"]
    assert client.zrange(k % "board:seed:%d:b" % G, 0, -1) == [other] and client.smembers(k % "set:seed:%d:s" % G) == {other}
    pieces = client.lrange(k % "list:seed:%d:l" % G, 0, -1)
    assert pieces[:2] == [other, "~"] and json.loads(pieces[2]) == {"user": "~", "name": "~", "got": 3} and pieces[4] == "第一名 ~"
    assert client.hkeys(k % "timer") == ["seed|%d|t|b" % G] and json.loads(client.hget(k % "timer", "seed|%d|t|b" % G))["args"] == {"for": ["~", other]}
    assert json.loads(client.hget(k % "waits:%d" % G, "00000000000000aa"))["from"] == [other, "~"]
    assert client.get(k % "run:00000000000000aa").splitlines()[1:] == ['r******** ["~","%s"]' % other, '?******** {"kind":"ask","from":["~"]}']
    assert not client.exists(k % "run:00000000000000ab", k % "run:00000000000000ac")
    assert client.hget(k % "m:seed:%d:%s" % (G, other), "n") == "2" and client.hget(k % "u:" + other, "points") == "3"
    assert [f["user"] for _, f in client.xrange("sopd:events:{qq1}") if f["name"] == "n"] == [other]
    assert sorted(f["user"] for _, f in client.xrange("sopd:audit:{qq1}") if f["name"] == "n") == sorted([other, "~"])
    assert {key: value for key, value in dump(client).items() if key in kept} == kept
    assert client.smembers(k % "optout") > {other} and len(client.smembers(k % "optout")) == 2
    client.delete("sopd:events:{qq1}", "sopd:audit:{qq1}")      # they are no events of sopd's


def test_two_at_once_and_much_else(town):
    """Large keys are gone through in windows; the traffic goes on meanwhile, and two members at once get in nobody's way."""
    client = town.client
    pipe = client.pipeline()
    for i in range(3000):
        pipe.hset("sopd:{qq1}:hash:seed:%d:big" % G, "f%d" % i, json.dumps({"user": str(ANN if i % 3 == 0 else CAT if i % 3 == 1 else BEN)}))
        pipe.rpush("sopd:{qq1}:list:seed:%d:big" % G, str(ANN if i % 2 else BEN))
        pipe.zadd("sopd:{qq1}:board:seed:%d:big" % G, {"%d|%d" % (i, ANN if i % 2 else CAT): i})
        pipe.hset("sopd:{qq1}:m:seed:%d:u%d" % (G, i), "n", i)
        pipe.xadd("sopd:events:{qq1}", {"name": "x", "user": str(ANN if i % 2 else BEN), "data": "{}"})
    pipe.execute()
    import threading
    other = threading.Thread(target=lambda: town.daemon.ctl("forget", str(CAT), "--gateway", "qq1"))
    other.start()
    done = forget(town)
    other.join()
    assert done["entries"] >= 1000 + 1500 + 1500 and done["anonymised"] >= 1500
    assert not naming(client, ANN, CAT)
    assert client.hlen("sopd:{qq1}:hash:seed:%d:big" % G) == 1000 and client.llen("sopd:{qq1}:list:seed:%d:big" % G) == 3000
    assert len(list(client.scan_iter("sopd:{qq1}:m:seed:*", 1000))) == 3000
    client.delete("sopd:events:{qq1}")


def test_in_the_chat(town):
    town.play(ANN, BEN, CAT)
    kept = others(town.client, ANN)
    town.say(ANN, "我的数据")
    wait_until(lambda: [a for a in town.gateway.sends() if "打卡挑战的记录" in a.text and a.params.get("user_id") == ANN], what="a private message")
    town.say(ANN, "删除我的数据")
    assert [a for a in town.gateway.sends() if "确认删除" in a.text]
    town.later(20)
    town.say(ANN, "确认删除")
    wait_until(lambda: not naming(town.client, ANN, NAMES[ANN]), timeout=10, what=lambda: {k: texts(town.client)[k][:300] for k in naming(town.client, ANN, NAMES[ANN])})
    assert others(town.client, ANN) == kept
    audit = [f for _, f in town.client.xrange("sopd:audit:{qq1}") if f["name"] == "member_forgotten"]
    assert len(audit) == 1 and json.loads(audit[0]["data"])["asked"] == "member"
    assert not town.client.exists("sopd:{qq1}:forgetting")


def test_by_the_stream_of_commands(town):
    town.play(ANN, BEN)
    town.client.xadd("sopd:commands:{qq1}", {"op": "forget", "user": str(ANN)})
    wait_until(lambda: not naming(town.client, ANN, NAMES[ANN]), timeout=10,
               what=lambda: {k: texts(town.client)[k][:300] for k in naming(town.client, ANN, NAMES[ANN])})
    assert town.client.exists("sopd:{qq1}:m:checkin:%d:%d" % (G, BEN))
    wait_until(lambda: not town.client.exists("sopd:{qq1}:forgetting"), what="the end")
    assert [json.loads(f["data"])["asked"] for _, f in town.client.xrange("sopd:audit:{qq1}") if f["name"] == "member_forgotten"] == ["command"]


def test_messages_of_the_night(town):
    """What is held back until the morning loses the member: private messages go, mentions and names are taken out of the group's."""
    town.play(ANN, BEN)
    town.to(1, 23)                      # quiet hours
    town.join(ANN, BEN)
    client = town.client
    far = town.now + 8 * HOUR
    box = {"9-1": {"chat": "@%d" % ANN, "flow": "x", "at": town.now, "from": far, "until": far + HOUR, "policy": "drop", "message": [["text", "早"]]},
           "9-2": {"chat": str(G), "flow": "x", "at": town.now, "from": far, "until": far + HOUR, "policy": "drop",
                   "message": [["at", str(ANN)], ["text", " 早呀 %s 和本本 " % NAMES[ANN]], ["at", str(BEN)]]}}
    town.daemon.kill()
    for entry, message in box.items():
        client.hset("sopd:{qq1}:outbox", entry, json.dumps(message, ensure_ascii=False))
    links = len(town.gateway.conns)
    town.daemon.start(args=("--clock", str(town.now)))
    town.gateway.wait_link(links + 1)
    done = forget(town)
    assert done["messages"] == 1 and not naming(client, ANN, NAMES[ANN])
    kept = [json.loads(m)["message"] for m in client.hvals("sopd:{qq1}:outbox") if json.loads(m)["flow"] == "x"]
    assert kept == [[["text", " 早呀 ~ 和本本 "], ["at", str(BEN)]]]
