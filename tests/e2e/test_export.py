"""Export and import: a chat with running challenges comes back whole after Redis was wiped, and random data of every type round trips."""

import base64
import json
import os
import random

import pytest

from harness import dump, run
from harness.town import ANN, BEN, BOSS, CAT, DAY, G, HOUR, NAMES, START, Town, naming

CHAT = "qq1:%d" % G


@pytest.fixture
def town(bench, napcat, box):
    town = Town(bench, napcat, box)
    town.box = box
    return town


def ctl(town, *args, code=0):
    done = town.daemon.ctl(*args, check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    return done


def export(town, name="chat.json", *what):
    path = os.path.join(town.box, name)
    ctl(town, "export", *(what or (CHAT,)), "-o", path)
    with open(path, encoding="utf-8") as file:
        return path, json.load(file)


def kept(client):
    """All of the chat, without what belongs to the process or to the moment."""
    skip = ("seen", "epoch", "alive", "health", "since", "pace", "trace", "source-pins", "stage", "left", "outbox", "written", "chats", "pin", "source")
    found = {k: v for k, v in dump(client).items() if "{qq1}:" in k and k.split("{qq1}:")[1].split(":")[0] not in skip}
    found["sopd:{qq1}:pins"] = {pin: n for pin, n in found.get("sopd:{qq1}:pins", {}).items() if n != "0"}
    return found


def restart(town):
    links = len(town.gateway.conns)
    town.daemon.start(args=("--clock", str(town.now)))
    town.gateway.wait_link(links + 1)
    town.clock.settle(town.gateway)


@pytest.mark.parametrize("way", ["stopped", "serving"])
def test_a_running_challenge_goes_on_after_redis_was_wiped(town, way):
    town.play(ANN, BEN, CAT)
    client = town.client
    path, file = export(town)
    assert file["format"] == "sopd-export" and file["version"] == 1 and file["runs"] >= 3 and file["pins"]
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    before = kept(client)
    if way == "stopped":
        town.daemon.stop()
        client.flushall()
        ctl(town, "import", path)
        restart(town)
    else:
        client.flushall()
        town.later(1)                      # it notices that its epoch is gone
        town.say(BOSS, "帮助")
        ctl(town, "import", path, "--replace")
    after = kept(client)
    assert {k: v for k, v in after.items() if k in before} == {k: before[k] for k in before if k in after}
    needed = [k for k in before if not k.split("{qq1}:")[1].startswith(("pin:", "source:"))]     # those of runs that ended stay for a while
    assert not [k for k in needed if k not in after], [k for k in needed if k not in after]
    pins = client.hgetall("sopd:{qq1}:pins")
    assert {p for p, n in pins.items() if n != "0"} <= {m for k in client.scan_iter("sopd:{qq1}:source-pins:*") for m in client.smembers(k)}
    for day in (2, 3):
        town.to(day, 11)
        for user in (ANN, BEN, CAT):
            town.say(user, "打卡")
    assert [client.hget("sopd:{qq1}:m:checkin:%d:%d" % (G, u), "marks") for u in (ANN, BEN, CAT)] == ["xxxx"] * 3
    heard = len(town.gateway.sends())
    town.to(3, 22, 1)                      # the campaign's run posts its evening summary
    assert [a for a in town.gateway.sends()[heard:] if "3" in a.text], [a.text for a in town.gateway.sends()[heard:]]
    assert not client.exists("sopd:{qq1}:parked")
    town.to(12, 12)                        # the end of the challenge and of the coupons' reminders
    assert not client.exists("sopd:{qq1}:parked")
    assert all(int(n) >= 0 for n in client.hgetall("sopd:{qq1}:pins").values())


def test_refuses_what_exists_and_checks_before_it_writes(town):
    town.play(ANN, BEN)
    path, file = export(town)
    client = town.client
    dump = kept      # without what the daemon tidies up by itself
    before = dump(client)
    assert "in the way" in ctl(town, "import", path, code=1).stderr
    assert "could be imported" in ctl(town, "import", path, "--dry-run", "--replace").stdout
    assert dump(client) == before
    bad = os.path.join(town.box, "bad.json")

    def broken(change, word):
        copy = json.loads(json.dumps(file))
        change(copy)
        with open(bad, "w", encoding="utf-8") as out:
            json.dump(copy, out)
        assert word in ctl(town, "import", bad, "--replace", code=3).stderr
        assert dump(client) == before

    broken(lambda f: f.update(version=99), "version is 99")
    broken(lambda f: f.update(format="x"), "none of sopd ctl export")
    broken(lambda f: f["keys"].append({"key": "sopd:{qq1}:epoch", "type": "string", "value": "9"}), "no place")
    broken(lambda f: f["keys"].append({"key": "nonsense", "type": "string", "value": "9"}), "no key of sopd's")
    broken(lambda f: f["keys"][0].update(type="stream"), "not a stream")
    broken(lambda f: f["keys"][0].update(value=5), "its value")
    broken(lambda f: f["keys"].append(f["keys"][0]), "twice")
    broken(lambda f: f.update(pins=[]), "is not in the file")
    broken(lambda f: f["keys"].append({"key": "sopd:{qq2}:g:checkin:%d" % G, "type": "hash", "value": [["a", "1"]]}), "another gateway")
    run_key = next(k for k in file["keys"] if ":run:" in k["key"])
    broken(lambda f: next(k for k in f["keys"] if k["key"] == run_key["key"]).update(value="{}\n"), "run")
    with open(bad, "w", encoding="utf-8") as out:
        out.write("{")
    assert "not JSON" in ctl(town, "import", bad, code=3).stderr
    ctl(town, "import", path, "--replace")
    assert dump(client) == before
    assert client.hget("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN), "marks") == before["sopd:{qq1}:m:checkin:%d:%d" % (G, ANN)]["marks"]


def test_random_data_of_every_type(town):
    """What is in the chat's keys comes back byte for byte, with its time to live, also over something else."""
    rnd, client = random.Random(4), town.daemon.redis.connect()
    raw = __import__("redis").Redis(unix_socket_path=town.daemon.redis.socket)
    town.daemon.stop()
    blob = lambda: bytes(rnd.randrange(256) for _ in range(rnd.randrange(1, 60))) if rnd.random() < 0.5 else "文字%d\n" % rnd.randrange(99)  # noqa: E731
    for i in range(60):
        base = "sopd:{qq1}:%%s:f%d:%d" % (i, G)
        raw.hset(base % "g", mapping={blob(): blob() for _ in range(3)})
        raw.hset(base % "m" + ":u%d" % i, mapping={"name": blob(), "n": i})
        raw.hset(base % "hash" + ":h", mapping={blob(): blob()})
        raw.zadd(base % "board" + ":b", {"u%d" % i: rnd.random() * 1e6, "v": -1.5, "w": 1e300})
        raw.setbit(base % "days" + ":d:u%d" % i, rnd.randrange(400), 1)
        raw.set(base % "count" + ":c", rnd.randrange(10 ** 15))
        raw.rpush(base % "list" + ":l", *[blob() for _ in range(rnd.randrange(1, 300))])
        raw.sadd(base % "set" + ":s", *[blob() for _ in range(5)])
        raw.set(base % "once" + ":u%d:k" % i, "1", px=10 ** 9 + i)
    raw.hset("sopd:toggles:chat:qq1:%d" % G, "checkin", "off")
    raw.hset("sopd:params:chat:qq1:%d" % G, "checkin.days", "9")
    raw.hset("sopd:chat-tags:qq1", str(G), "a,b")

    def everything():
        return {k: (raw.type(k), raw.dump(k) if raw.type(k) in (b"string",) else
                    {b"hash": raw.hgetall, b"set": raw.smembers, b"zset": lambda k: raw.zrange(k, 0, -1, withscores=True),
                     b"list": lambda k: raw.lrange(k, 0, -1)}[raw.type(k)](k), raw.execute_command("PEXPIRETIME", k) > 0)
                for k in raw.scan_iter("*") if b":%d" % G in k or b"chat-tags" in k}
    before = everything()
    path, _ = export(town)
    raw.flushall()
    ctl(town, "import", path)
    assert everything() == before
    raw.hset("sopd:{qq1}:g:f1:%d" % G, "more", "1")
    raw.set("sopd:{qq1}:count:new:%d:c" % G, 5)
    ctl(town, "import", path, "--replace")
    assert everything() == before
    assert not list(raw.scan_iter("*stage*"))
    noted = [(f["what"], f["key"], f["field"]) for _, f in client.xrange("sopd:audit") if f["what"] in ("export", "import")]
    assert noted == [("import", "qq1", str(G))] * 2      # who had it, and who put it back; the export was before the wipe


def test_a_member(town):
    town.play(ANN, BEN)
    town.say(ANN, "退订")
    path, file = export(town, "ann.json", "--member", str(ANN), "--gateway", "qq1")
    assert file["member"] == str(ANN) and file["about"]
    text = json.dumps(file, ensure_ascii=False)
    assert NAMES[ANN] in text and "m:checkin" in text and ":%d\"" % BEN not in json.dumps(file["keys"])
    client = town.client
    before = client.hgetall("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN))
    board = client.zscore("sopd:{qq1}:board:checkin:%d:board" % G, str(ANN))
    other = client.hgetall("sopd:{qq1}:m:checkin:%d:%d" % (G, BEN))
    ctl(town, "forget", str(ANN), "--gateway", "qq1")
    assert not naming(client, ANN)
    ctl(town, "import", path)
    assert client.hgetall("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN)) == before
    assert client.zscore("sopd:{qq1}:board:checkin:%d:board" % G, str(ANN)) == board
    assert client.hgetall("sopd:{qq1}:m:checkin:%d:%d" % (G, BEN)) == other
    town.to(2, 11)
    town.say(ANN, "打卡")
    assert client.hget("sopd:{qq1}:m:checkin:%d:%d" % (G, ANN), "marks") == before["marks"] + "x"


def test_nothing_to_export(town):
    assert "nothing is kept" in ctl(town, "export", "qq1:1", code=1).stderr
    ctl(town, "export", "nonsense", code=2)
    ctl(town, "import", "/nonexistent", code=3)
