"""Nobody heard what was said for a while: the line was down, sopd was restarted, the account was logged out. It is read
from the history, counts with its own time, and is not answered late.

SOPD_GAP_MINUTES=5 runs the long form as well: a real outage of that many minutes, without a turned clock."""

import os
import shutil
import time

import pytest

from harness import Fail, LOOSE_PACE, ROOT, SILENCE, events as ev, store, wait_until
from harness.clock import Clock, moment

G = 700000001
SECOND, MINUTE, HOUR = 1000, 60000, 3600000
EVENING = moment("2031-03-03T20:00:00+08:00")
BASE = 3300000100
PAGE = 20


class Platform:
    """A gateway whose groups go on while nobody listens: it keeps what was said, and shows it as its kind of implementation does."""

    def __init__(self, bench, persona="napcat"):
        self.gateway = bench.gateway(persona)
        self.kind = self.gateway.persona.name
        self.kept = {}
        self.ids = iter(range(9001, 10**6))
        self.reads = []
        self.order = lambda page: page
        self.gateway.answers["get_group_msg_history"] = self.history

    def said(self, user, text, when, group=G):
        """A message of that moment (ms), which only the history knows."""
        number = next(self.ids)
        event = ev.group_msg(group, user, text, message_id=number, message_seq=number, time=when // 1000)
        self.kept.setdefault(group, []).append(event)
        return event

    def say(self, user, text, when, group=G):
        event = self.said(user, text, when, group)
        self.gateway.emit(event)
        return event

    def history(self, action):
        """Pages as in the field: NapCat by message id towards older, LLBot and go-cqhttp by sequence, Lagrange by message id."""
        p = action.params
        self.reads.append(action)
        kept = self.kept.get(int(p["group_id"]), [])
        ids = [m["message_id"] for m in kept]
        count = PAGE if self.kind == "gocq" else p["count"]
        end = len(kept)
        if self.kind == "napcat" and p.get("message_seq"):
            assert p["reverse_order"] is True
            end = ids.index(int(p["message_seq"])) + 1
        elif self.kind == "lagrange" and p.get("message_id"):
            end = ids.index(int(p["message_id"])) + 1
        elif self.kind in ("llbot", "gocq") and p.get("message_seq"):
            end = sum(1 for number in ids if number <= p["message_seq"])
        if not kept[:end] and self.kind in ("napcat", "lagrange", "gocq"):
            return Fail(200 if self.kind == "lagrange" else 1200, "no messages")
        return {"messages": self.order(kept[max(0, end - count):end])}

    def cut(self):
        conn = self.gateway.conn
        self.gateway.stop_listening()
        self.gateway.wait_closed(conn)

    def back(self):
        links = len(self.gateway.conns)
        self.gateway.start()
        return self.gateway.wait_link(links + 1)


class Club:
    """The shipped check-in in some groups, at eight in the evening of a turned clock."""

    def __init__(self, bench, box, persona="napcat", groups=1, flows=(), entry=None, start=EVENING, **params):
        self.platform = Platform(bench, persona)
        self.gateway = self.platform.gateway
        self.groups = [G + i for i in range(groups)]
        self.gateway.groups = {g: "打卡%d群" % g for g in self.groups}
        sop = os.path.join(box, "sop")
        for folder in ("flows", "lib", "texts"):
            shutil.copytree(os.path.join(ROOT, "sop", folder), os.path.join(sop, folder))
        os.makedirs(os.path.join(sop, "playbooks"))
        params = {"done": "打卡成功", "recovered": "都记上啦 {count}", "recovered_part": "先补 {count}", **params}
        words = ", ".join("%s = %s" % (k, v if isinstance(v, int) else '"%s"' % v) for k, v in params.items())
        with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
            out.write('return { title = "群", groups = { "qq1:*" }, quiet = false, timezone = "Asia/Shanghai", day_cutoff = "04:00", '
                      'flows = { "common", { "checkin", %s }, %s } }\n' % (words, ", ".join('"%s"' % f for f in flows)))
        self.now = start
        ev_time = lambda: self.now // 1000                          # noqa: E731
        self.restore, ev.now = ev.now, ev_time
        self.daemon = bench.served(self.gateway, sop=sop, args=self.args(), entry={"pace": LOOSE_PACE, **(entry or {})})
        self.client = self.daemon.redis.client
        self.gateway.wait_action("get_group_list")
        self.clock = Clock(self.daemon)
        self.clock.settle(self.gateway)
        for group in self.groups:
            self.platform.say(BASE + 99, "今晚几点打卡呀", self.now, group)
        self.clock.settle(self.gateway)
        self.heard = len(self.gateway.sends())

    def args(self):
        return ("--clock", str(self.now))

    def away(self, milliseconds=5 * MINUTE):
        """Time goes by while the line is down."""
        self.now = self.clock.at(self.now + milliseconds)

    def back(self, wait=True):
        conn = self.platform.back()
        if wait:
            self.settle()
        return conn

    def settle(self):
        wait_until(lambda: self.daemon.metrics().get("sopd_gateway_up", gateway="qq1") == 1, 8, what="the gateway to be up")
        self.clock.settle(self.gateway)

    def said(self):
        texts = [a.text for a in self.gateway.sends()[self.heard:]]
        return texts

    def checked(self, group=None):
        """Who checked in, and when: {user: [ms]}."""
        found = {}
        for e in store.business_events(self.client, name="checked_in"):
            if group is None or e["_chat"] == str(group):
                found.setdefault(int(e["user"]), []).append(int(e["_time"]))
        return found

    def gaps(self):
        return store.business_events(self.client, name="gap")


@pytest.fixture
def club(bench, box):
    made = []

    def make(*args, **options):
        made.append(Club(bench, box, *args, **options))
        return made[-1]
    yield make
    for one in made:
        ev.now = one.restore


@pytest.mark.parametrize("persona", ["napcat", "llbot", "lagrange", "gocq"])
def test_five_minutes_of_the_check_in_hour(club, persona):
    """Every check-in of the outage counts, with its own time; nobody is answered late; one word for all."""
    c = club(persona, groups=3)
    c.platform.cut()
    wanted = {}
    for group in c.groups:
        for i in range(45):                       # more than two pages
            when = c.now + (i * 4 + 2) * SECOND   # in the first three minutes
            c.platform.said(BASE + i, "打卡", when, group)
            wanted.setdefault(group, {})[BASE + i] = [when]
    c.away()
    c.back()
    for group in c.groups:
        assert c.checked(group) == wanted[group]
    assert sorted(c.said()) == ["都记上啦 45"] * 3
    (whole,) = [e for e in c.gaps() if e["chat"] == ""]
    assert (whole["chats"], whole["messages"], whole["complete"]) == (3, 135, True), whole
    assert c.daemon.metrics().get("sopd_gap_messages_total", gateway="qq1") == 135


def test_the_latest_are_answered_as_ever(club):
    """What was said just before the line came back is no older than any other message."""
    c = club()
    c.platform.cut()
    c.platform.said(BASE, "打卡", c.now + 30 * SECOND)
    c.platform.said(BASE + 1, "打卡", c.now + 4 * MINUTE + 50 * SECOND)
    c.away()
    c.back()
    assert sorted(c.checked()) == [BASE, BASE + 1]
    assert c.said() == ["@%d 打卡成功" % (BASE + 1), "都记上啦 1"]


def test_around_the_hour_at_which_the_day_changes(club):
    """Four o'clock lies in the gap: what was said before counts for the old day."""
    c = club(start=moment("2031-03-04T03:58:00+08:00"), recovered_within="0s")
    c.platform.cut()
    for minute in (1, 4):
        c.platform.said(BASE, "打卡", c.now + minute * MINUTE)
    c.away(20 * MINUTE)
    c.back()
    assert [e["day"] for e in store.business_events(c.client, name="checked_in")] == [1, 2]
    assert c.said() == []


def test_history_out_of_order_and_repeated_live(club):
    """A page that has its newest first, elements twice, and the platform tells the missed ones again by itself."""
    c = club()
    c.platform.order = lambda page: list(reversed(page)) + [None] + page[:3]
    c.platform.cut()
    missed = [c.platform.said(BASE + i, "打卡", c.now + i * SECOND // 2) for i in range(30)]
    c.away()
    c.back(wait=False)
    c.gateway.emit(*missed[10:20])
    c.settle()
    c.gateway.emit(*missed)
    c.settle()
    checked = [int(e["user"]) for e in store.business_events(c.client, name="checked_in")]
    assert checked == [BASE + i for i in range(30)], "once each, in the order of speaking"
    assert c.said() == ["都记上啦 30"]


def test_history_that_breaks_off(club):
    """The second page cannot be had: what there is counts, and the rest is said to be missing."""
    c = club()
    c.platform.cut()
    for i in range(40):
        c.platform.said(BASE + i, "打卡", c.now + i * SECOND)
    whole = c.platform.history
    c.gateway.answers["get_group_msg_history"] = lambda a: Fail(1200, "?") if a.params.get("message_seq") else whole(a)
    c.away()
    c.back()
    assert sorted(c.checked()) == [BASE + i for i in range(20, 40)]
    assert c.said() == ["先补 20"]
    assert [(e["messages"], e["complete"]) for e in c.gaps()] == [(20, False), (20, False)]
    assert c.daemon.metrics().get("sopd_gaps_total", gateway="qq1", outcome="incomplete") == 1
    assert c.daemon.log_records(msg="gap filled", level="warn", incomplete="1")


def test_more_than_catchup_allows(club):
    c = club(entry={"catchup": 30})
    c.platform.cut()
    for i in range(50):
        c.platform.said(BASE + i, "打卡", c.now + i * SECOND)
    c.away()
    c.back()
    assert sorted(c.checked()) == [BASE + i for i in range(20, 50)], "the latest thirty"
    assert "catchup" in c.gaps()[-1]["why"]


def test_restart_in_the_gap(club):
    """sopd dies while the line is down, and dies once more while it reads the history."""
    c = club()
    c.clock.at(c.now + 6 * SECOND)                 # notes that it is alive
    c.now += 6 * SECOND
    c.clock.at(c.now)
    wait_until(lambda: c.client.get(store.key("qq1", "alive")), 5, what="the mark of life")
    c.platform.cut()
    for i in range(45):
        c.platform.said(BASE + i, "打卡", c.now + (i + 2) * SECOND)
    c.away()
    c.daemon.kill()
    c.gateway.queued["get_group_msg_history"] = [SILENCE]
    c.platform.back_later = c.gateway.start()
    links = len(c.gateway.conns)
    c.daemon.start(args=c.args())
    c.gateway.wait_link(links + 1)
    c.gateway.wait_action("get_group_msg_history")
    c.daemon.kill()
    links = len(c.gateway.conns)
    c.daemon.start(args=c.args())
    c.gateway.wait_link(links + 1)
    c.settle()
    wait_until(lambda: len(c.checked()) == 45, 5, what="45 check-ins")
    assert all(len(times) == 1 for times in c.checked().values())
    assert c.said() == ["都记上啦 45"]


def test_live_messages_wait_for_the_missed_ones(club):
    """Who speaks while the history is read does not overtake those who spoke before."""
    c = club()
    c.platform.cut()
    missed = [c.platform.said(BASE + i, "打卡", c.now + 4 * MINUTE + i * SECOND) for i in range(3)]
    c.away()
    c.gateway.queued["get_group_msg_history"] = [SILENCE]
    c.back(wait=False)
    asked = c.gateway.wait_action("get_group_msg_history")
    live = c.platform.say(BASE + 50, "打卡", c.now)
    time.sleep(0.3)
    assert c.checked() == {}, "it waits"
    c.gateway.respond(asked, {"messages": missed + [live]})
    c.settle()
    order = [int(e["user"]) for e in store.business_events(c.client, name="checked_in")]
    assert order == [BASE, BASE + 1, BASE + 2, BASE + 50]
    assert "@%d 打卡成功" % (BASE + 50) in c.said()


def test_groups_in_which_people_speak_come_first(club):
    """Twelve groups, a few at a time: the one with a live message is next."""
    c = club(groups=12)
    c.platform.cut()
    c.away()
    c.gateway.queued["get_group_msg_history"] = [{"messages": [ev.group_msg(G, BASE, "早", time=c.now // 1000 - 9999)]}]
    c.gateway.answers["get_group_msg_history"] = SILENCE
    c.back(wait=False)
    asked = lambda: c.gateway.find("get_group_msg_history")                                # noqa: E731
    wait_until(lambda: len(asked()) == 5, 5, what="one, and when it was answered four groups at a time")
    rest = [g for g in c.groups if g not in [int(a.params["group_id"]) for a in asked()]]
    c.platform.say(BASE, "打卡", c.now, rest[-1])
    time.sleep(0.3)
    c.gateway.respond(asked()[1], {"messages": []})
    wait_until(lambda: len(asked()) == 6, 5, what="the next")
    assert int(asked()[5].params["group_id"]) == rest[-1]
    c.gateway.answers["get_group_msg_history"] = c.platform.history
    for action in asked()[2:]:
        c.gateway.respond(action, {"messages": c.platform.kept[int(action.params["group_id"])]})
    c.settle()
    assert list(c.checked()) == [BASE]


def test_a_question_is_answered_in_the_gap(club, bench, box):
    """Who answers in time is heard, even where sopd comes to know it after the question's time; and it goes on."""
    flow = """local flow = sop.flow("ask", { title = "问" })
flow:command("报名", function(c)
  c:reply("怎么称呼?")
  local answer = c:ask{ timeout = "4m" }
  c:say(answer and "你好 " .. answer.text or "没等到")
end)
flow:command("长谈", function(c)
  c:reply("住哪里?")
  local answer = c:ask{ timeout = "30m" }
  c:say(answer and "住在 " .. answer.text or "没等到")
end)
return flow
"""
    real = os.makedirs

    def makedirs(path, *args, **options):
        real(path, *args, **options)
        if path.endswith("playbooks"):
            with open(os.path.join(os.path.dirname(path), "flows", "ask.lua"), "w", encoding="utf-8") as out:
                out.write(flow)
    os.makedirs = makedirs
    try:
        c = club(flows=["ask"])
    finally:
        os.makedirs = real
    c.platform.say(BASE, "报名", c.now)
    c.platform.say(BASE + 1, "长谈", c.now)
    c.settle()
    c.heard = len(c.gateway.sends())
    c.platform.cut()
    c.platform.said(BASE, "小美", c.now + MINUTE)
    c.platform.said(BASE + 1, "杭州", c.now + MINUTE)
    c.away()
    c.back()
    assert c.said() == ["住在 杭州"], "the short talk is over, by its own clock; its time-out was not told either"


def test_own_messages_in_the_history_settle_unknown_sends(club):
    """Its answer was lost with the line: the history shows that it was said, so it is not said again."""
    c = club()
    c.gateway.answers["send_group_msg"] = SILENCE
    c.platform.say(BASE, "打卡", c.now)
    sent = c.gateway.wait_send("打卡成功")
    own = ev.self_msg(G, sent.params["message"], next(c.platform.ids), time=c.now // 1000)
    own["message_seq"] = own["message_id"]
    c.platform.kept[G].append(own)
    c.platform.cut()
    del c.gateway.answers["send_group_msg"]
    c.back(wait=False)
    wait_until(lambda: not store.outbox(c.client), 8, what="the outbox to be empty")
    assert c.said() == ["@%d 打卡成功" % BASE]


def test_newcomers_of_the_gap_are_greeted_together(club):
    """Some platforms tell afterwards who came: one greeting, not one each."""
    c = club(flows=["welcome"])
    c.platform.cut()
    missed = [ev.join(G, BASE + i, BASE + 98, "invite", time=(c.now + i * 5 * SECOND) // 1000) for i in range(9)]
    c.away()
    c.back()
    c.gateway.emit(*missed)
    c.settle()
    c.clock.at(c.now + MINUTE)
    (greeting,) = c.gateway.sends()[c.heard:]
    assert sorted(int(u) for u in greeting.mentions) == [BASE + i for i in range(9)]


def test_no_history(club):
    """Where nothing can be read that is said, counted, and told; the rest goes on."""
    c = club(entry={"catchup": 0})
    c.platform.cut()
    c.platform.said(BASE, "打卡", c.now + MINUTE)
    c.away()
    c.back()
    c.platform.say(BASE + 1, "打卡", c.now)
    c.settle()
    assert list(c.checked()) == [BASE + 1]
    (gap,) = c.gaps()
    assert not gap["complete"] and "catchup" in gap["why"]
    assert c.daemon.metrics().get("sopd_gaps_total", gateway="qq1", outcome="unread") == 1


def test_logged_out_while_the_link_stays(club):
    """The platform logs the account out and in again; the link never breaks."""
    c = club()
    c.gateway.online = False
    c.gateway.emit(ev.heartbeat(online=False))
    wait_until(lambda: "offline" in c.daemon.ctl("gateways").stdout, 5, what="the account to be offline")
    c.platform.said(BASE, "打卡", c.now + MINUTE)
    c.away()
    c.gateway.online = True
    c.gateway.emit(ev.heartbeat(online=True))
    wait_until(lambda: c.checked() == {BASE: [c.now - 4 * MINUTE]}, 8, what=lambda: c.checked())
    c.settle()
    assert c.said() == ["都记上啦 1"] and len(c.gateway.conns) == 1


SHED = """local flow = sop.flow("press", { title = "压力" })
flow:command("记", { args = true }, function(c) c:set("seen"):add(c.args) end)
return flow
"""


def test_what_had_to_be_shed_is_read_again(bench, box):
    """Redis stands still for so long that even commands are shed: the history brings them back when there is room."""
    platform = Platform(bench)
    sop = os.path.join(box, "sop")
    for name, text in (("flows/press.lua", SHED), ("playbooks/press.lua", 'return { title = "压力", groups = { "all" }, quiet = false, flows = { "press" } }\n')):
        os.makedirs(os.path.dirname(os.path.join(sop, name)), exist_ok=True)
        with open(os.path.join(sop, name), "w", encoding="utf-8") as out:
            out.write(text)
    daemon = bench.served(platform.gateway, sop=sop, config={"queue": {"chat": 20, "total": 50, "pause": "1s"}})
    platform.gateway.wait_action("get_group_list")
    daemon.redis.client.client_pause(4000, all=True)
    now = int(time.time() * 1000)
    platform.gateway.emit(*[platform.said(BASE, "记 %d" % i, now) for i in range(400)])
    daemon.wait_metric("sopd_inputs_shed_total", what="message")
    seen = lambda: daemon.redis.client.scard("sopd:{qq1}:set:press:%d:seen" % G)            # noqa: E731
    wait_until(lambda: seen() == 400, 15, what=lambda: "400 commands, are %d of %s" % (
        seen(), daemon.redis.client.keys("sopd:{qq1}:*press*")))


@pytest.mark.skipif(not os.environ.get("SOPD_GAP_MINUTES"), reason="the long form: SOPD_GAP_MINUTES=5")
def test_a_real_outage(bench, box):
    minutes = float(os.environ["SOPD_GAP_MINUTES"])
    platform = Platform(bench)
    gateway = platform.gateway
    sop = os.path.join(box, "sop")
    for folder in ("flows", "lib", "texts"):
        shutil.copytree(os.path.join(ROOT, "sop", folder), os.path.join(sop, folder))
    os.makedirs(os.path.join(sop, "playbooks"))
    with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { title = "群", groups = { "qq1:*" }, quiet = false, timezone = "Asia/Shanghai", flows = { "common", { "checkin", done = "好" } } }\n')
    daemon = bench.served(gateway, sop=sop)
    gateway.wait_action("get_group_list")
    platform.say(BASE, "打卡", int(time.time() * 1000))
    gateway.wait_send("好")
    platform.cut()
    end, n = time.monotonic() + minutes * 60, 0
    while time.monotonic() < end:
        n += 1
        platform.said(BASE + n, "打卡", int(time.time() * 1000))
        time.sleep(1)
    platform.back()
    client = daemon.redis.client
    wait_until(lambda: len(store.business_events(client, name="checked_in")) == n + 1, 30, what="%d check-ins" % (n + 1))
    answered = len(gateway.sends("好"))
    assert answered <= 1 + 125, "only those of the last two minutes"
