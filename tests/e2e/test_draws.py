"""`sopd ctl draws` and `verify-draw`: packets that were played, listed, exported, computed anew, and tampered with."""

import csv
import hashlib
import io
import json
import re

import pytest

from harness import TEST_SOP, events as ev, run, store
from harness.evening import GROUPS, STAFF
from harness.eveningsop import make_sop

G, FULL = ev.GROUP, "qq1:%d" % ev.GROUP
NAMES = ["阿芳", "=1+1", 'a "b", c', "老王", "小李"]
PRIZES = [{"name": "牛奶", "count": 2, "cost": 5}, {"name": "券", "count": 3, "cost": 1}]


class Packets:
    """A group in which packets are opened, grabbed and ended."""

    def __init__(self, bench, box, **params):
        self.gateway = bench.gateway("napcat")
        self.gateway.groups = dict(GROUPS)
        flow = {0: "redpacket", "organiser": "福利店", "nightly": False, "batch": "2s", "day_max": 5000, "lasts": "30s", **params}
        self.daemon = bench.served(self.gateway, sop=make_sop(box, [flow]))
        self.client = self.daemon.redis.client
        self.id = 0

    def key(self, *parts):
        return store.key("qq1", "list", "redpacket", G, *parts)

    def open(self, words):
        """Staff open a packet; what was announced as its hash."""
        self.id += 1
        sent = len(self.gateway.sends(chat=G))
        self.gateway.emit(ev.group_msg(G, STAFF, words))
        self.gateway.wait(lambda: len(self.gateway.sends(chat=G)) > sent, 5)
        return re.search(r"[0-9a-f]{64}", self.gateway.sends(chat=G)[sent].text).group()

    def grab(self, names):
        users = [ev.USER + i for i in range(len(names))]
        for user, name in zip(users, names):
            self.gateway.emit(ev.group_msg(G, user, "抢", name=name))
        self.gateway.wait(lambda: self.client.llen(self.key("grabs-%d" % self.id)) == len(names), 5)

    def wait_end(self):
        self.gateway.wait(lambda: self.client.llen(self.key("packets")) == self.id, 10)

    def ctl(self, *args):
        return self.daemon.ctl(*args, check=False)

    def verify(self, *args):
        return self.ctl("verify-draw", FULL, str(self.id), *args)

    def change(self, name, index, **fields):
        """Changes fields of one entry of a list in Redis; gives back what it was."""
        before = self.client.lindex(self.key(name), index)
        self.client.lset(self.key(name), index, json.dumps({**json.loads(before), **fields}, ensure_ascii=False))
        return before


@pytest.fixture
def points(bench, box):
    packets = Packets(bench, box)
    packets.hash = packets.open("发红包 60 5")
    packets.grab(NAMES)
    packets.wait_end()
    return packets


def test_an_ended_packet_holds(points):
    done = points.verify()
    assert done.returncode == 0, done
    assert "OK, 5 grabs" in done.stdout and points.hash in done.stdout
    assert points.verify(points.hash).returncode == 0
    done = points.verify("0" * 64)
    assert done.returncode == 1 and "not the one whose hash was announced" in done.stdout
    answer = json.loads(points.ctl("--json", "verify-draw", FULL, "1").stdout)
    assert answer == {"ok": True, "packet": 1, "grabs": 5, "commitment": points.hash}


def test_the_first_difference_is_named(points):
    got = [json.loads(g)["got"] for g in points.client.lrange(points.key("grabs-1"), 0, -1)]
    assert sum(got) == 60
    before = points.change("grabs-1", 1, got=got[1] + 1)
    points.change("grabs-1", 3, got=got[3] - 1)
    done = points.verify()
    assert done.returncode == 1
    assert "share 2, of =1+1 (%d): the record says %d, the seed gives %d" % (
        ev.USER + 1, got[1] + 1, got[1]) in done.stdout
    answer = json.loads(points.ctl("verify-draw", FULL, "1", "--json").stdout)
    assert answer["ok"] is False and "share 2" in answer["problem"]
    points.client.lset(points.key("grabs-1"), 1, before)
    assert "share 4" in points.verify().stdout
    points.change("grabs-1", 3, got=got[3])
    assert points.verify().returncode == 0


@pytest.mark.parametrize("where, fields, named", [
    ("packets", {"seed": "0" * 32}, "share"),
    ("packets", {"rest": 1}, "the rest"),
    ("packets", {"total": "60"}, "total"),
    ("packets", {"seed": None}, "seed"),
    ("packets", {"kind": "lottery"}, "kind"),
    ("packets", {"left": 1}, "4 of 5 shares were taken, but there are 5 grabs"),
    ("grabs-1", {"user": str(ev.USER + 1)}, "second of"),
    ("grabs-1", {"got": {"a": [1.5, True]}}, "share 1"),
    ("grabs-1", {"got": 1e300}, "share 1")])
def test_every_part_of_a_record_counts(points, where, fields, named):
    before = points.change(where, 0, **fields)
    done = points.verify()
    assert done.returncode == 1 and named in done.stdout, done
    points.client.lset(points.key(where), 0, before)
    assert points.verify().returncode == 0


def test_a_missing_grab_and_a_damaged_one(points):
    last = points.client.rpop(points.key("grabs-1"))
    assert "5 of 5 shares were taken, but there are 4 grabs" in points.verify().stdout
    points.client.rpush(points.key("grabs-1"), last[:-3])
    done = points.verify()
    assert done.returncode == 1 and "entry 5 is not a JSON object" in done.stderr
    assert points.ctl("draws", FULL).returncode == 1


def test_the_seed_of_an_open_packet_stays_secret(points):
    digest = points.open("发红包 40 8")
    points.grab(NAMES[:3])
    seed = json.loads(points.client.hget(store.key("qq1", "g", "redpacket", G), "packet"))["seed"]
    assert hashlib.sha256(seed.encode()).hexdigest() == digest
    for args in (["draws", FULL], ["draws", FULL, "--json"], ["draws", FULL, "--csv"], ["verify-draw", FULL, "2"]):
        done = points.ctl(*args)
        assert seed not in done.stdout + done.stderr and "open" in done.stdout, args
    assert points.verify().returncode == 1
    ended, current = json.loads(points.ctl("draws", FULL, "--json").stdout)
    assert (ended["state"], current["state"]) == ("closed", "open")
    assert (ended["commitment"], current["commitment"]) == (points.hash, digest)
    assert len(ended["grabs"]) == 5 and len(current["grabs"]) == 3
    points.gateway.emit(ev.group_msg(G, STAFF, "作废"))
    points.wait_end()
    assert points.verify(digest).returncode == 0, "what was taken back was drawn by the rule too"


def test_the_export(points):
    rows = list(csv.DictReader(io.StringIO(points.ctl("draws", FULL, "--csv").stdout)))
    assert [r["name"] for r in rows] == ["阿芳", "'=1+1", 'a "b", c', "老王", "小李"]
    assert [r["user"] for r in rows] == [str(ev.USER + i) for i in range(5)]
    assert sum(int(r["got"]) for r in rows) == 60
    assert {(r["packet"], r["kind"], r["state"], r["total"], r["shares"], r["commitment"]) for r in rows} == {
        ("1", "points", "closed", "60", "5", points.hash)}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["opened"])
    table = points.ctl("draws", FULL).stdout.splitlines()
    assert table[0].split()[:3] == ["ID", "KIND", "STATE"] and table[1].split()[:3] == ["1", "points", "closed"]
    assert points.daemon.stop() == 0
    assert len(json.loads(points.ctl("draws", FULL, "--json").stdout)) == 1, "works while the daemon is down"
    assert points.verify().returncode == 0


def test_prizes_hold_too(bench, box):
    packets = Packets(bench, box, kind="prizes", shares=7, prizes=PRIZES)
    digest = packets.open("发红包")
    names = ["用户%d" % i for i in range(7)]
    packets.grab(names)
    packets.wait_end()
    assert packets.verify(digest).returncode == 0
    rows = list(csv.DictReader(io.StringIO(packets.ctl("draws", FULL, "--csv").stdout)))
    assert sorted(r["what"] for r in rows) == ["", "", "券", "券", "券", "牛奶", "牛奶"]
    blank = [r["what"] for r in rows].index("")
    packets.change("grabs-1", blank, got=1)
    done = packets.verify()
    assert done.returncode == 1
    assert "chance %d, of 用户%d (%d): the record says 牛奶, the seed gives nothing" % (
        blank + 1, blank, ev.USER + blank) in done.stdout


def test_coupons_hold_too(bench, box):
    packets = Packets(bench, box, kind="coupon", shares=3, coupon="饮品券")
    digest = packets.open("发红包")
    packets.grab(NAMES[:3])
    packets.wait_end()
    assert packets.verify(digest).returncode == 0
    packets.change("grabs-1", 2, got=2)
    assert "grab 3" in packets.verify().stdout


def test_wrong_usage(bench, box, points):
    for args, code in ((["draws"], 2), (["draws", "700000001"], 2), (["draws", FULL, "--xml"], 2),
                       (["--json", "draws", FULL, "--csv"], 2), (["verify-draw", FULL], 2),
                       (["verify-draw", FULL, "one"], 2), (["verify-draw", FULL, "0"], 2),
                       (["verify-draw", FULL, "99"], 1), (["verify-draw", "qq1:1", "1"], 1)):
        assert points.ctl(*args).returncode == code, args
    done = points.ctl("draws", "qq1:1")
    assert done.returncode == 0 and "no packets" in done.stdout
    assert run("ctl", "--data-dir", box, "draws", FULL).returncode == 5
    assert run("ctl", "--data-dir", box, "verify-draw", FULL, "1").returncode == 2
    other = bench.sopd({"redis": points.daemon.redis.url, "sop": [TEST_SOP], "gateways": []}, start=False, name="other")
    other.write_config()
    done = other.ctl("verify-draw", FULL, "1", check=False)
    assert done.returncode == 2 and "lib/fair.lua" in done.stderr, "these folders have no such rule"
