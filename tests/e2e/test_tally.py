"""What is counted of groups (docs/metrics.md): once each, through repeats, deaths of the daemon and of its link to Redis; nothing elsewhere."""

import os
import time

import pytest

from harness import events as ev, store, wait_until

HERE, THERE = 700000001, 700000002
ANN, BEN, CAT, ROBOT = 3300000101, 3300000102, 3300000103, 3300000104
DAY_MS = 86400000

FLOW = """
local flow = sop.flow("counts", { title = "计数", tally = true })

flow:command("数", { args = true }, function(c)
  c:count("asked")
  c:emit("counted", { outcome = "ok", amount = 30 })
  c:reply("好")
end)

flow:command("失败", function(c)
  c:count("failed")
  c:say("NEVER")
  error("on purpose")
end)

flow:command("慢慢", function(c)
  c:count("slow")
  c:sleep("1s")
  c:count("later")
  c:say("DONE")
end)

flow:command("问", function(c)
  c:count("asking")
  local answer = c:ask{ timeout = "1h" }
  c:count("answering")
  c:reply("ANSWER {text}", { text = answer.text })
end)

flow:command("喊", function(c) c:say("CALL {id}", { id = c:called("draw", { id = "1" }) or "nil" }) end)
flow:command("到", function(c) c:responded("draw") end)
flow:command("私聊", function(c) c:dm(c.user, "PRIVATE") end)
flow:command("巨大", function(c)
  c:count("huge", math.maxinteger)
  c:count("huge", 2)
  c:emit("vast", { amount = 1e300 })
  c:say("VAST")
end)
flow:command("几人", function(c) c:say("SIZE {n}", { n = c:size() or "unknown" }) end)

return flow
"""
PLAIN = 'local flow = sop.flow("plain", { title = "不计" })\nflow:command("在吗", function(c) c:count("plain") c:emit("counted", {}) c:say("HERE {n}", { n = #c:tally() }) end)\nreturn flow\n'
BOOK = 'return { title = "t", groups = { %s }, quiet = false, timezone = "Asia/Shanghai", flows = { %s }%s }\n'


def write(box, name, text):
    path = os.path.join(box, "sop", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


class Office:
    def __init__(self, bench, box, books, config=None, members=None, **options):
        write(box, "flows/counts.lua", FLOW)
        write(box, "flows/plain.lua", PLAIN)
        for i, book in enumerate(books):
            write(box, "playbooks/b%d.lua" % i, BOOK % book)
        self.gateway = bench.gateway("napcat")
        self.gateway.groups = {HERE: "这里", THERE: "那里"}
        self.gateway.members.update(members or {})
        self.daemon = bench.served(self.gateway, sop=os.path.join(box, "sop"), config=config, **options)
        self.client = self.daemon.redis.client

    def emit(self, *frames):
        for frame in frames:
            self.gateway.emit(frame)

    def say(self, user, text, group=HERE, **fields):
        frame = ev.group_msg(group, user, text, **fields)
        self.emit(frame)
        return frame

    def tally(self, group=HERE):
        """All days together: none of these tests begins at midnight."""
        sums = {}
        for key in self.client.scan_iter(store.key("qq1", "tally", group, "*")):
            for field, n in self.client.hgetall(key).items():
                sums[field] = sums.get(field, 0) + int(n)
        return sums

    def wait(self, group=HERE, **fields):
        fields = {name.replace("__", "."): n for name, n in fields.items()}
        wait_until(lambda: fields.items() <= self.tally(group).items(), what=lambda: self.tally(group))
        return self.tally(group)

    def kill(self):
        links = len(self.gateway.conns)
        self.daemon.kill()
        self.daemon.start()
        self.gateway.wait_link(links + 1)
        self.gateway.wait_ready()


@pytest.fixture
def office(bench, box):
    return Office(bench, box, [('"all"', '"counts"', "")])


def test_people_are_counted_and_robots_are_not(office):
    first = office.say(ANN, "大家好")
    office.say(ANN, "有人吗")
    office.say(BEN, "数")
    office.gateway.wait_send("好")
    robot = ev.group_msg(HERE, ROBOT, "我是机器人")
    robot["sender"]["is_robot"] = True
    office.emit(robot, first, ev.self_msg(HERE, "手机上发的", 987654))      # none of them counts: robot, repeat, own
    office.emit(ev.join(HERE, CAT), ev.leave(HERE, BEN))
    got = office.wait(joins=1, leaves=1, messages=3, speakers=2)
    office.say(CAT, "再见")
    got = office.wait(messages=4)
    assert got["speakers"] == 3 and got["answers"] == 1 and got["answered"] == 1 and got["reply.0"] == 1, got
    assert got["count.asked"] == 1 and got["emit.counted"] == 1 and got["emit.counted.ok"] == 1 and got["amount.counted"] == 30, got
    assert not office.tally(THERE)


def test_what_an_event_did_counts_once_through_deaths(office):
    """Killed right after its commit, and the platform tells it again to the next process."""
    frames = [ev.group_msg(HERE, ANN, "数"), ev.join(HERE, CAT), ev.leave(HERE, BEN)]
    for round_ in range(3):
        office.emit(*frames)
        office.wait(messages=1, joins=1, leaves=1, count__asked=1)
        office.kill()
    office.emit(*frames)
    office.say(BEN, "好的")
    got = office.wait(messages=2)
    assert (got["count.asked"], got["emit.counted"], got["speakers"], got["answers"], got["joins"], got["leaves"]) == (1, 1, 2, 1, 1, 1), got


def test_a_kill_at_any_moment_loses_and_doubles_nothing(office):
    """What the platform keeps telling until it was handled is counted once, whenever the daemon dies."""
    sent = []
    for i in range(4):
        frames = [ev.group_msg(HERE, 3300001000 + i * 20 + k, "数" if k % 5 == 0 else "第%d句" % k) for k in range(20)]
        sent += frames
        office.emit(*frames)
        time.sleep(0.003 * i)           # somewhere in the middle of them
        office.kill()
    for frame in sent:
        office.emit(frame)
    got = office.wait(messages=80, speakers=80)
    assert got["count.asked"] == got["emit.counted"] == 16 and got["answers"] == 16, got
    office.emit(*sent)
    office.say(CAT, "完")
    assert office.wait(messages=81)["speakers"] == 81


def test_a_commit_that_is_asked_again_counts_once(office):
    def link():
        return next(one for one in office.client.client_list() if one["name"] == "sopd")
    office.say(BEN, "先说一句")
    office.wait(messages=1)
    office.client.execute_command("CLIENT", "PAUSE", "10000", "WRITE")
    office.say(ANN, "数")
    wait_until(lambda: "b" in link()["flags"], 3, what="the commit to wait")
    before = link()["id"]
    office.client.client_kill_filter(_id=before)
    office.client.execute_command("CLIENT", "UNPAUSE")
    office.gateway.wait_send("好")
    office.say(BEN, "完")
    got = office.wait(messages=3)
    assert got["count.asked"] == 1 and got["speakers"] == 2 and got["answers"] == 1, got


def test_a_handler_that_fails_counts_nothing_and_a_run_counts_once(office):
    office.say(ANN, "失败")
    office.daemon.wait_log("on purpose")
    office.say(ANN, "慢慢")
    office.say(BEN, "问")
    office.wait(count__slow=1, count__asking=1)
    office.kill()
    office.gateway.wait_send("DONE")
    office.say(BEN, "答")
    office.gateway.wait_send("ANSWER 答")
    got = office.wait(count__answering=1, count__later=1, messages=4)
    assert "count.failed" not in got and got["count.slow"] == 1 and got["count.asking"] == 1, got


def test_a_wrong_key_fails_no_turn(office):
    day = int((time.time() + 8 * 3600 - 4 * 3600) // 86400)
    office.client.set(store.key("qq1", "tally", HERE, day), "text")
    office.client.lpush(store.key("qq1", "voices", HERE, day), "text")
    office.say(ANN, "数")
    office.gateway.wait_send("好")
    assert store.business_events(office.client, name="counted")
    assert not office.daemon.log_records(level="error")
    office.client.delete(store.key("qq1", "tally", HERE, day), store.key("qq1", "voices", HERE, day))
    office.say(ANN, "数")
    office.wait(messages=1, count__asked=1)


def test_who_is_asked_and_who_responds(bench, box):
    members = {HERE: [{"group_id": HERE, "user_id": u, "nickname": str(u), "card": "", "role": "member"} for u in (ev.SELF, ANN, BEN, CAT)]}
    office = Office(bench, box, [('"all"', '"counts"', "")], members=members)
    office.gateway.wait_action("get_group_list")
    office.say(ANN, "几人")
    office.gateway.wait_send("SIZE 3")
    office.emit(ev.join(HERE, 3300000999, operator=ANN))
    office.say(ANN, "喊")
    office.gateway.wait_send("CALL 1")
    for user in (BEN, BEN, CAT):
        office.say(user, "到")
    got = office.wait(responders=2, messages=5)
    assert (got["calls"], got["called"], got["members"], got["emit.called"], got["emit.responded"]) == (1, 4, 4, 1, 2), got
    told, = store.business_events(office.client, name="called")
    assert (told["what"], told["id"], told["members"]) == ("draw", "1", 4)
    assert {e["_user"] for e in store.business_events(office.client, name="responded")} == {str(BEN), str(CAT)}


def test_the_list_of_members_says_how_many_where_nothing_else_does(office):
    office.gateway.wait_action("get_group_list")        # which says 0: it does not know
    office.say(ANN, "几人")
    office.gateway.wait_send("SIZE unknown")
    office.gateway.members[HERE] = [{"group_id": HERE, "user_id": u, "nickname": str(u), "card": "", "role": "member"} for u in (ev.SELF, ANN, BEN)]
    office.say(ANN, "喊")
    office.gateway.wait_send("CALL 1")
    assert office.wait(calls=1)["called"] == 2
    office.say(ANN, "几人")
    office.gateway.wait_send("SIZE 2")
    office.wait(members=2)


def test_what_does_not_fit_is_not_counted(office):
    office.say(ANN, "巨大")
    office.gateway.wait_send("VAST")
    got = office.wait(messages=1, emit__vast=1)
    assert got["count.huge"] == 2**63 - 1 and "amount.vast" not in got, got


def order(office, user, number, chat=HERE, amount=1250):
    fields = {"op": "order", "user": user, "order": number, "amount": amount}
    if chat:
        fields["chat"] = chat
    office.client.xadd("sopd:commands:{qq1}", fields)


def test_a_first_order_converts_and_a_second_does_not(bench, box):
    start = 1767233700000       # 2026-01-01 10:15 in Shanghai
    office = Office(bench, box, [('"all"', '"counts"', "")], args=("--clock", str(start)))
    office.emit(ev.join(HERE, ANN, time=start // 1000))
    office.say(BEN, "大家好", time=start // 1000)
    office.wait(joins=1, speakers=1)
    assert office.client.hget(store.key("qq1", "u", ANN), "tally.first") == "20454"
    office.daemon.ctl("clock", "at", str(start + 3 * DAY_MS))
    for user, number in ((ANN, "A1"), (ANN, "A2"), (CAT, "C1"), (ANN, "A1")):
        order(office, user, number)
    got = office.wait(emit__order=3, converted=2)
    assert got["amount.order"] == 3750 and got["cycle.3"] == 1 and got["cycle.3"] == sum(n for f, n in got.items() if f.startswith("cycle.")), got
    assert office.client.hget(store.key("qq1", "u", CAT), "tally.order") == "20457"


def test_an_order_that_names_no_group_counts_where_its_member_is_at_home(office):
    order(office, CAT, "C1", chat=None)         # nobody knows her
    office.say(ANN, "私聊", group=THERE)
    office.gateway.wait_send("PRIVATE")
    office.wait(THERE, messages=1)
    order(office, ANN, "A1", chat=None, amount=500)
    got = office.wait(THERE, emit__order=1, amount__order=500, converted=1)
    assert got["cycle.0"] == 1 and not office.tally(HERE), got
    office.daemon.wait_metric("sopd_tally_total", gateway="qq1", what="orders", playbook="b0")


def test_nothing_is_counted_elsewhere_and_nothing_is_written(bench, box):
    office = Office(bench, box, [('"qq1:%d"' % HERE, '"plain"', ""), ('"qq1:%d"' % THERE, '"counts"', ", tally = false")])
    before = office.client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    for group in (HERE, THERE):
        for i in range(20):
            office.say(ANN, "第%d句" % i, group=group)
    office.say(ANN, "在吗")
    office.gateway.wait_send("HERE 1")
    assert office.client.info("commandstats")["cmdstat_evalsha"]["calls"] - before == 1
    office.say(ANN, "数", group=THERE)
    office.gateway.wait_send("好")
    assert not [k for k in office.client.scan_iter("*") if ":tally:" in k or ":voices:" in k or ":called:" in k]
    assert "sopd_tally_total" not in office.daemon.metrics().names()


def test_a_playbook_says_that_it_counts(bench, box):
    office = Office(bench, box, [('"all"', '"plain"', ", tally = true")])
    office.say(ANN, "在吗")
    office.wait(messages=1, count__plain=1)
    metrics = office.daemon.metrics()
    office.daemon.wait_metric("sopd_tally_total", gateway="qq1", playbook="b0", what="messages")
    assert metrics.get("sopd_tally_total", gateway="qq1", playbook="b0", what="joins") == 0


def test_it_is_kept_as_long_as_the_configuration_says(bench, box):
    office = Office(bench, box, [('"all"', '"counts"', "")], config={"retention": {"tally": "30d"}})
    office.say(ANN, "喊")
    office.gateway.wait_send("CALL 1")
    office.say(BEN, "到")
    office.wait(messages=2, emit__responded=1)
    for kind, seconds in (("tally", 30 * 86400), ("called", 30 * 86400), ("voices", 3 * 86400), ("responded", 2 * 86400)):
        key, = office.client.scan_iter(store.key("qq1", kind, HERE, "*"))
        assert seconds - 60 < office.client.ttl(key) <= seconds, (key, office.client.ttl(key))


def test_whoever_is_forgotten_is_no_voice_any_more(office):
    office.say(ANN, "喊")
    office.gateway.wait_send("CALL 1")
    for user in (ANN, BEN):
        office.say(user, "到")
    office.wait(emit__responded=2, messages=3)
    before = office.tally()
    office.daemon.ctl("forget", str(ANN), "--gateway", "qq1")
    for kind in ("voices", "responded"):
        key, = office.client.scan_iter(store.key("qq1", kind, HERE, "*"))
        assert office.client.hexists(key, str(BEN)) and not office.client.hexists(key, str(ANN)), office.client.hgetall(key)
    assert not office.client.exists(store.key("qq1", "u", ANN))
    assert office.tally() == before


def test_why_is_not_told_of_what_only_counts(office):
    """Two hundred lines of chatter would leave no room for what happened."""
    office.say(ANN, "数")
    office.gateway.wait_send("好")
    for i in range(10):
        office.say(ANN, "第%d句" % i)
    office.wait(messages=11)
    office.say(ANN, "数")
    office.wait(messages=12)
    key = store.key("qq1", "trace", HERE)
    turns = lambda: [line for line in office.client.lrange(key, 0, -1) if '"out"' in line]
    wait_until(lambda: len(turns()) == 2, what=lambda: office.client.lrange(key, 0, -1))
    assert not [line for line in office.client.lrange(key, 0, -1) if "第" in line]
    assert '"writes":1' in turns()[0]           # the event; not what was counted


def test_joins_count_where_the_flow_is_switched_off(office):
    office.client.hset("sopd:toggles", "counts", "off")
    wait_until(lambda: "counts" in office.daemon.ctl("toggles").stdout, what="the toggle")
    office.emit(ev.join(HERE, ANN))
    office.say(ANN, "数")
    got = office.wait(joins=1, messages=1)
    assert "count.asked" not in got
