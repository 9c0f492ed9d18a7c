"""Staff in the chat: commands in the group, in private and in the staff chat; roles that Redis gives and takes; the switch that stays."""

import json
import os
import re
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness import ROOT, events as ev, slow_build, store, wait_until
from harness.clock import Clock

NORTH, SOUTH, THIRD, DESK = 700000001, 700000002, 700000003, 700000099
AMY, BOSS, CLERK, REGION, HQ = 3300000001, 3300000010, 3300000011, 3300000012, 3300000013
STAFF_CHAT = '{ name = "值班群" }'
PATIENCE = 4 if slow_build() else 1

TEXTS = {
    "switched_on": "SWITCHED_ON {title}", "switched_off": "SWITCHED_OFF {title}", "already": "ALREADY", "state_on": "ON {title} {where}",
    "state_off": "OFF {title} {where}", "state_paused": "PAUSED {title} {where}", "state_paused_till": "PAUSED {title} {till} {where}",
    "state_failing": "FAILING {title}", "refused": "REFUSED", "paused": "ALL_PAUSED", "paused_till": "ALL_PAUSED {till}", "resumed": "ALL_RESUMED",
    "nothing_paused": "NOTHING_PAUSED", "which": "WHICH {command} {lines}", "no_group": "NO_GROUP {word}", "roster": "ROSTER {lines}",
    "roster_line": "{name}={role}@{where};", "staff_help": "STAFF_HELP {lines}", "all_pause_ask": "SURE {count}", "all_paused": "STOPPED {count}",
    "all_resumed": "BACK {count}", "all_resume_ask": "SURE_BACK {count}", "still_paused": "STILL {where}", "flow_off": "FLOW_OFF {group}", "which_many": "MANY {count}",
}
BROKEN = """local flow = sop.flow("broken", { title = "坏的" })
flow:command({ "坏" }, function() error("broken on purpose") end)
flow:command({ "好" }, function(c) c:say("FINE") end)
return flow
"""


def lua(value):
    return json.dumps(value, ensure_ascii=False)


def book(title, groups, staff, extra=""):
    texts = ", ".join("%s = %s" % (name, lua(text)) for name, text in TEXTS.items())
    return """return {
  title = %s, groups = { %s }, staff = { %s }, staff_chat = "qq1:%d", quiet = { "04:00", "04:01" }, evening_posts = 20, %s
  flows = {
    { "switch", %s },
    { "common", stopped = "STOPPED_ATS", resumed = "OPTED_IN", resumed_already = "OPTED_IN_ALREADY", menu = "MENU {lines}", seen = "SEEN" },
    { "checkin", done = "DONE", already = "AGAIN", staff_list = "LIST {done}/{missing}", staff_noted = "NOTED" },
    { "redpacket", organiser = "小店", contact = "400", nightly = false, staff_opened = "OPENED {id}" },
    "broken",
  },
}
""" % (lua(title), ", ".join(g if isinstance(g, str) else '"qq1:%d"' % g for g in groups), ", ".join('["qq1:%d"] = "%s"' % s for s in staff), DESK, extra, texts)


@pytest.fixture
def tree(box):
    """Two stores: one playbook for the north and a third group, one for the south, each with its own staff."""
    root = os.path.join(box, "sop")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(root, folder))
    files = {"flows/broken.lua": BROKEN,
             "playbooks/north.lua": book("北店", (NORTH, THIRD, STAFF_CHAT), [(BOSS, "store")]),
             "playbooks/south.lua": book("南店", (SOUTH,), [(CLERK, "store")])}
    for name, text in files.items():
        with open(os.path.join(root, name), "w", encoding="utf-8") as out:
            out.write(text)
    return root


class Staff:
    """The daemon, and people who speak to it."""

    def __init__(self, bench, tree):
        self.bench = bench
        self.napcat = bench.gateway("napcat")
        self.napcat.groups = {NORTH: "福利一群", SOUTH: "福利二群", THIRD: "团购群", DESK: "值班群"}
        self.daemon = bench.served(self.napcat, sop=[tree, os.path.join(ROOT, "sop")], config={"playbooks": ["north", "south"], "staff": {}})
        self.client = self.daemon.redis.client
        for group in (NORTH, SOUTH, THIRD, DESK):
            self.napcat.emit(ev.group_msg(group, AMY + 90, "在"))
        wait_until(lambda: self.client.hlen(store.key("qq1", "chats")) >= 4, 5)

    def says(self, user, text, chat=None, role="member"):
        """In a group, or in private without one. Returns how many messages were sent before."""
        before = len(self.napcat.find())
        self.napcat.emit(ev.private_msg(user, text) if chat is None else ev.group_msg(chat, user, text, role=role))
        return before

    def hears(self, user, text, wanted, chat=None, where=None, **options):
        """The answer, which must contain the word and come to where it was said, or to `where`."""
        since, place = time.monotonic(), where or chat or "@%d" % user

        def answers(**terms):
            return [a for a in self.napcat.sends(**terms) if a.time >= since]
        self.says(user, text, chat, **options)
        self.napcat.wait(lambda: answers(text=wanted, chat=place), 5 * PATIENCE, what="%s after %s" % (wanted, text))
        return answers(text=wanted, chat=place)[-1]

    def silent(self, user, text, chat=None, wait=0.25, **options):
        """Nothing is sent, once what was edited before is effective."""
        time.sleep(0.1 * PATIENCE)
        since = time.monotonic()
        self.says(user, text, chat, **options)
        time.sleep(wait * PATIENCE)
        heard = [a.text for a in self.napcat.sends() if a.time >= since]
        assert not heard, "%s was answered with %s" % (text, heard)

    def audit(self, name):
        return [json.loads(e["data"]) for _, e in self.client.xrange(store.stream("qq1", "audit")) if e["name"] == name]

    def edits(self):
        return [tuple(e[n] for n in ("who", "what", "key", "field", "before", "after")) for _, e in self.client.xrange("sopd:audit")]


@pytest.fixture
def staff(bench, tree):
    return Staff(bench, tree)


def test_in_the_group_and_in_private(staff):
    staff.hears(BOSS, "开关 打卡 关", "SWITCHED_OFF 打卡挑战", NORTH)
    staff.silent(AMY, "打卡", NORTH)
    staff.hears(AMY, "打卡", "DONE", THIRD)
    answer = staff.hears(CLERK, "开关 打卡 关", "SWITCHED_OFF 打卡挑战")
    assert "福利二群" in answer.text and not staff.napcat.sends("SWITCHED_OFF", chat=SOUTH)
    staff.silent(AMY, "打卡", SOUTH)
    staff.hears(BOSS, "开关 福利一群 打卡 开", "SWITCHED_ON")
    time.sleep(0.1 * PATIENCE)
    staff.hears(AMY, "打卡", "DONE", NORTH)
    staff.hears(BOSS, "打卡名单 团购群", "LIST 1/0")
    staff.hears(BOSS, "补记 %d @%d" % (THIRD, AMY + 1), "NOTED")
    staff.hears(CLERK, "发红包 100 10", "OPENED 1")
    staff.napcat.wait_send("10", chat=SOUTH)
    staff.hears(CLERK, "作废", "1")
    key = "sopd:toggles:chat:qq1:%d"
    mine = [e for e in staff.edits() if e[1] == "toggle"]
    assert mine[0] == ("qq1:%d" % BOSS, "toggle", key % NORTH, "checkin", "", "off")
    assert mine[1] == ("qq1:%d" % CLERK, "toggle", key % SOUTH, "checkin", "", "off")
    assert mine[2] == ("qq1:%d" % BOSS, "toggle", key % NORTH, "checkin", "off", "on")
    first = staff.audit("toggle")[0]
    assert first["flow"] == "checkin" and first["before"]["state"] == "on" and first["after"]["state"] == "off"
    assert staff.audit("packet_opened")[0]["by"] == str(CLERK)
    assert staff.audit("packet_void")[0]["before"] == "open"
    assert staff.audit("checkin_noted")[0]["after"] == "s"


def test_which_group_is_asked_and_outlives_kill_9(staff):
    asked = staff.hears(BOSS, "开关 打卡 关", "WHICH 开关 打卡 关")
    assert "福利一群" in asked.text and "团购群" in asked.text and "福利二群" not in asked.text
    number = asked.text.split(". 团购群")[0][-1]
    staff.daemon.kill()
    staff.daemon.start()
    staff.napcat.wait_ready()
    answer = staff.hears(BOSS, number, "SWITCHED_OFF 打卡挑战")
    assert "团购群" in answer.text
    assert staff.client.hget("sopd:toggles:chat:qq1:%d" % THIRD, "checkin") == "off"
    assert not staff.client.exists("sopd:toggles:chat:qq1:%d" % NORTH)
    assert len(staff.audit("toggle")) == 1
    staff.hears(AMY, "打卡", "DONE", NORTH)
    staff.silent(AMY, "打卡", THIRD)


def test_in_the_staff_chat(staff):
    asked = staff.hears(BOSS, "开关 打卡 关", "WHICH", DESK)
    assert "值班群" not in asked.text
    staff.hears(BOSS, "1", "SWITCHED_OFF", DESK)
    staff.hears(BOSS, "暂停 福利一群", "ALL_PAUSED", DESK)
    staff.silent(AMY, "打卡", NORTH)
    staff.silent(AMY, "开关", DESK)


def test_members_and_staff_of_other_stores_hear_nothing(staff):
    commands = ("开关", "开关 打卡 关", "暂停", "恢复 打卡", "名单", "全部暂停", "打卡暂停", "打卡名单", "发红包 100")
    for text in commands:
        staff.silent(AMY, text, NORTH, 0.05)
        staff.silent(AMY, text, None, 0.05)
        staff.silent(CLERK, text, NORTH, 0.05)
    staff.hears(CLERK, "打卡名单 福利一群", "NO_GROUP 福利一群")
    staff.hears(AMY, "打卡", "DONE", NORTH)
    assert not staff.client.exists("sopd:toggles:chat:qq1:%d" % NORTH)


def test_a_role_in_redis_is_effective_within_100_ms(staff):
    layers = ("sopd:staff:chat:qq1:%d" % NORTH, "sopd:staff:tag:pilot", "sopd:staff:gw:qq1", "sopd:staff")
    staff.client.hset("sopd:chat-tags:qq1", str(NORTH), "pilot")
    took, state = [], "关"
    for n in range(16):
        key = layers[n % len(layers)]
        staff.client.hset(key, "qq1:%d" % HQ, "keeper")
        began = time.monotonic()
        since = len(staff.napcat.sends("SWITCHED"))
        while len(staff.napcat.sends("SWITCHED")) == since and time.monotonic() - began < 2:
            staff.says(HQ, "开关 打卡 " + state, NORTH)
            time.sleep(0.01)
        took.append(time.monotonic() - began)
        staff.napcat.settle(0.05)
        state = "开" if state == "关" else "关"
        staff.client.hdel(key, "qq1:%d" % HQ)
        time.sleep(0.1 * PATIENCE)
        since = len(staff.napcat.find())
        staff.says(HQ, "开关 打卡 " + state, NORTH)
        time.sleep(0.05)
        assert len(staff.napcat.find()) == since, "the role was taken"
    print("roles effective after (ms):", [round(t * 1000) for t in took])
    assert max(took) < 0.1 * PATIENCE


def test_platform_admins_are_no_keepers_unless_the_playbook_says_so(staff):
    staff.silent(AMY, "开关", NORTH, role="admin")
    staff.silent(AMY, "名单", NORTH, role="owner")


def test_everything_at_once(staff):
    staff.client.hset("sopd:staff:gw:qq1", "qq1:%d" % HQ, "hq")
    time.sleep(0.1 * PATIENCE)
    staff.hears(HQ, "全部暂停", "SURE 3")
    staff.daemon.kill()
    staff.daemon.start()
    staff.napcat.wait_ready()
    staff.hears(HQ, "确认", "STOPPED 3")
    wait_until(lambda: staff.client.hget("sopd:paused:gw:qq1", "*") == "yes", 3)
    time.sleep(0.1 * PATIENCE)
    for group in (NORTH, SOUTH, THIRD):
        staff.silent(AMY, "打卡", group)
    staff.hears(AMY, "退订", "STOPPED_ATS", NORTH)
    staff.hears(BOSS, "恢复", "STILL", NORTH)
    staff.hears(HQ, "全部恢复", "SURE_BACK 3")
    staff.hears(HQ, "确认", "BACK 3")
    time.sleep(0.1 * PATIENCE)
    staff.hears(AMY + 1, "打卡", "DONE", SOUTH)
    assert [e[:2] for e in staff.edits() if e[2] == "sopd:paused:gw:qq1"] == [("qq1:%d" % HQ, "pause"), ("qq1:%d" % HQ, "resume")]


def test_the_switch_stays_under_everything(staff):
    staff.client.hset("sopd:toggles", "switch", "off")
    staff.client.hset("sopd:toggles:chat:qq1:%d" % NORTH, "switch", "off")
    staff.client.hset("sopd:paused:chat:qq1:%d" % NORTH, "switch", "yes")
    staff.client.hset("sopd:paused", "*", "yes")
    time.sleep(0.1 * PATIENCE)
    staff.hears(BOSS, "开关 打卡 关", "SWITCHED_OFF", NORTH)
    staff.hears(BOSS, "开关 开关 关", "REFUSED", NORTH)
    staff.hears(BOSS, "开关 打卡 开 团购群", "SWITCHED_ON")
    staff.silent(AMY, "帮助", NORTH)
    staff.client.delete("sopd:paused")
    time.sleep(0.1 * PATIENCE)
    staff.hears(AMY, "帮助", "MENU", NORTH)


def test_a_flow_that_rests_after_failures_is_woken_and_the_switch_never_rests(staff, tree):
    for _ in range(5):
        staff.says(AMY, "坏", NORTH)
    staff.daemon.wait_log("flow paused in this chat")
    staff.hears(BOSS, "开关 坏的", "FAILING 坏的", NORTH)
    staff.silent(AMY, "好", NORTH)
    staff.hears(BOSS, "恢复", "ALL_RESUMED", NORTH)
    staff.hears(AMY, "好", "FINE", NORTH)
    with open(os.path.join(ROOT, "sop", "flows", "switch.lua"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(tree, "flows", "switch.lua"), "w", encoding="utf-8") as out:
        out.write(text.replace("\nreturn flow\n", '\nflow:command({ "坏开关" }, function() error("on purpose") end)\nreturn flow\n'))
    staff.daemon.reload()
    for _ in range(7):
        staff.says(AMY, "坏开关", NORTH)
    staff.daemon.wait_log("flow=switch.*on purpose", count=7)
    staff.hears(BOSS, "开关 坏的", "ON 坏的", NORTH)


def test_an_overlay_cannot_take_the_switch_away(staff, tree):
    path = os.path.join(tree, "playbooks", "north.lua")
    with open(path, "w", encoding="utf-8") as out:
        out.write(book("北店", (NORTH, THIRD, STAFF_CHAT), [(BOSS, "store")],
                       'overlays = { { level = "group", name = "x", groups = { "qq1:%d" }, flows = { switch = false, checkin = false } } },' % NORTH))
    staff.daemon.reload()
    staff.hears(BOSS, "开关 打卡", "OFF 打卡挑战", NORTH)
    staff.silent(AMY, "打卡", NORTH)


def test_the_roster_tells_where_roles_come_from(staff):
    staff.client.hset("sopd:staff:chat:qq1:%d" % NORTH, "qq1:%d" % CLERK, "keeper")
    staff.client.hset("sopd:staff", "qq1:%d" % HQ, "hq")
    time.sleep(0.1 * PATIENCE)
    text = staff.hears(BOSS, "名单", "ROSTER", NORTH).text
    for entry in ("%d=总部@所有群" % HQ, "店员@方案", "%d=群管理@本群" % CLERK):
        assert entry in text, text


def test_help_shows_what_the_role_may_do(staff):
    staff.client.hset("sopd:staff:chat:qq1:%d" % NORTH, "qq1:%d" % CLERK, "keeper")
    time.sleep(0.1 * PATIENCE)
    keeper = staff.hears(CLERK, "帮助", "STAFF_HELP", NORTH).text
    clerk = staff.hears(BOSS, "帮助", "STAFF_HELP", NORTH).text
    assert "核销" not in keeper and "核销" in clerk and "发红包" in keeper
    assert "全部暂停" not in clerk and len(clerk.splitlines()) <= 8
    private = staff.hears(CLERK, "帮助", "STAFF_HELP").text
    assert "核销" in private, "in the south they are a clerk"
    staff.napcat.wait_send("MENU", chat="@%d" % CLERK)


def test_five_hundred_groups(bench, tree):
    """Who looks after many: the question, the scope, and the pause of all of them."""
    napcat = bench.gateway("napcat")
    first, count = 700001000, 500
    napcat.groups = {first + n: "%s%03d群" % ("北" if n % 2 else "南", n) for n in range(count)}
    with open(os.path.join(tree, "playbooks", "all.lua"), "w", encoding="utf-8") as out:
        out.write(book("全部", (), []).replace('groups = {  }', 'groups = { "qq1:*" }'))
    daemon = bench.served(napcat, sop=[tree, os.path.join(ROOT, "sop")], config={"playbooks": ["all"], "staff": {}})
    client = daemon.redis.client
    napcat.emit(*[ev.group_msg(group, AMY, "在") for group in napcat.groups])
    wait_until(lambda: client.hlen(store.key("qq1", "chats")) >= count, 20)
    pipe = client.pipeline()
    for group, name in napcat.groups.items():
        pipe.hset("sopd:chat-tags:qq1", str(group), "north" if name[0] == "北" else "south")
    pipe.hset("sopd:staff:tag:north", "qq1:%d" % REGION, "region")
    pipe.hset("sopd:staff", "qq1:%d" % HQ, "hq")
    pipe.execute()
    time.sleep(0.5 * PATIENCE)

    def hears(user, text, wanted):
        since = time.monotonic()
        napcat.emit(ev.private_msg(user, text))
        napcat.wait(lambda: [a for a in napcat.sends(wanted, chat="@%d" % user) if a.time >= since], 10 * PATIENCE)
        return round((time.monotonic() - since) * 1000)
    took = {"which": hears(HQ, "开关 打卡 关", "%d" % count), "one": hears(HQ, "开关 北001群 打卡 关", "SWITCHED_OFF"),
            "ask": hears(REGION, "全部暂停", "SURE 250"), "all": hears(REGION, "确认", "STOPPED 250")}
    wait_until(lambda: sum(client.hget("sopd:paused:chat:qq1:%d" % g, "*") == "yes" for g in napcat.groups) == 250, 10 * PATIENCE)
    assert not any(client.exists("sopd:paused:chat:qq1:%d" % g) for g, name in napcat.groups.items() if name[0] == "南")
    time.sleep(0.5 * PATIENCE)  # the daemon hears of its own edits
    took["back"] = hears(REGION, "全部恢复", "SURE_BACK 250") + hears(REGION, "确认", "BACK 250")
    wait_until(lambda: not any(client.exists("sopd:paused:chat:qq1:%d" % g) for g in napcat.groups), 10 * PATIENCE)
    print("with %d groups (ms):" % count, took)
    assert max(took.values()) < 500 * PATIENCE


# ---- docs/operations.md, "A day of an admin" --------------------------------------------------------------------

NAMES = {AMY: "小美", CLERK: "小林", BOSS: "小陈", REGION: "老周"}
DAY = "2031-03-05T%s:00+08:00"


class Day:
    """A day of the clock: what people say, what the bot says, what is typed at a shell. SOPD_TRANSCRIPT=1 prints it."""

    def __init__(self, bench, tree):
        path = os.path.join(tree, "playbooks")
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        with open(os.path.join(path, "stores.lua"), "w", encoding="utf-8") as out:
            out.write("""return {
  title = "门店群", groups = { "qq1:*" }, staff_chat = "qq1:%d", staff = { ["qq1:%d"] = "store" }, timezone = "Asia/Shanghai",
  flows = { "switch", "common", "checkin", { "redpacket", kind = "coupon", shares = 2, organiser = "幸福生鲜", contact = "前台" } },
}
""" % (DESK, BOSS))
        self.napcat = bench.gateway("napcat")
        self.napcat.groups = {NORTH: "福利一群", SOUTH: "福利二群", DESK: "值班群"}
        self.daemon = bench.served(self.napcat, sop=[tree, os.path.join(ROOT, "sop")], args=("--clock", DAY % "07:00"),
                                   config={"playbooks": ["stores"], "staff": {"qq1:%d" % REGION: "region"},
                                           "retention": {"audit": False}})  # the entries are older than this day
        self.client, self.clock, self.lines = self.daemon.redis.client, Clock(self.daemon), []
        self.napcat.wait_action("get_group_list")
        for group in self.napcat.groups:
            self.napcat.emit(ev.group_msg(group, AMY, "早", name="小美", time=self.now() // 1000))
        self.clock.settle(self.napcat)
        self.seen = len(self.napcat.sends())

    def now(self):
        return self.clock.now()

    def note(self, text):
        self.lines.append("%s  %s" % (datetime.fromtimestamp(self.now() / 1000, timezone(timedelta(hours=8))).strftime("%H:%M"), text))

    def answers(self):
        """What was said since the last time."""
        self.clock.settle(self.napcat)
        time.sleep(0.15 * PATIENCE)  # an edit that follows a commit
        self.clock.settle(self.napcat)
        new = self.napcat.sends()[self.seen:]
        self.seen += len(new)
        for action in new:
            place = "私聊" if action.chat[0] == "@" else self.napcat.groups[int(action.chat)]
            text = action.text
            for user, name in NAMES.items():
                text = text.replace("@%d" % user, "@" + name).replace(str(user), name)
            self.note("[%s] 小福: %s" % (place, text.replace("\n", "\n               ")))
        return "\n".join(a.text for a in new)

    def at(self, clock):
        self.clock.at(DAY % clock)
        return self.answers()

    def says(self, user, text, group=None):
        self.note("[%s] %s: %s" % (self.napcat.groups[group] if group else "私聊", NAMES[user], text))
        stamp = {"name": NAMES[user], "time": self.now() // 1000}
        self.napcat.emit(ev.group_msg(group, user, text, **stamp) if group else ev.private_msg(user, text, **stamp))
        return self.answers()

    def ctl(self, *words):
        out = self.daemon.ctl(*words).stdout
        self.note("$ sopd ctl %s\n%s" % (" ".join(words), out.rstrip()))
        return out

    def redis(self, *words):
        self.note("$ redis-cli %s" % " ".join(words))
        self.client.execute_command(*words)
        time.sleep(0.15 * PATIENCE)


def test_a_day_of_an_admin(bench, tree):
    day = Day(bench, tree)
    day.at("07:30")
    assert "link up" in day.ctl("status")
    assert "打卡挑战" in day.says(BOSS, "开关 福利一群")
    day.at("09:00")
    day.redis("HSET", "sopd:staff:chat:qq1:%d" % NORTH, "qq1:%d" % CLERK, "store")
    assert "店员" in day.says(BOSS, "名单 福利一群")
    assert "核销" in day.says(CLERK, "帮助")
    day.at("11:00")
    assert "13:00" in day.says(CLERK, "暂停 2小时")
    assert day.says(AMY, "打卡", NORTH) == ""
    assert "paused" in day.ctl("flows", "qq1:%d" % NORTH)
    day.at("13:01")
    assert "1" in day.says(AMY, "打卡", NORTH)
    day.at("15:00")
    assert "1. 福利一群" in day.says(BOSS, "打卡名单")
    assert "小美" in day.says(BOSS, "1")
    day.at("19:30")
    day.ctl("param", "set", "redpacket.shares", "3", "--chat", "qq1:%d" % NORTH, "--who", "mei", "--reason", "more guests tonight")
    day.at("20:00")
    day.says(AMY, "抢", NORTH)
    day.at("20:11")
    code = re.search("[2-9A-HJKMNP-Z]{8}", "\n".join(line for line in day.lines if "私聊" in line)).group(0)
    assert code in day.says(CLERK, "核销 " + code)
    assert day.says(CLERK, "核销 " + code)
    assert "redpacket.shares" in day.ctl("explain", "qq1:%d" % NORTH, "redpacket")
    day.at("21:00")
    day.says(REGION, "全部暂停")
    assert "2" in day.says(REGION, "确认")
    assert day.says(AMY, "帮助", SOUTH)
    assert day.says(AMY, "我的打卡", SOUTH) == ""
    day.says(REGION, "全部恢复")
    day.says(REGION, "确认")
    day.at("22:00")
    day.says(BOSS, "开关 福利一群")
    audit = day.ctl("audit", "--limit", "40")
    day.ctl("outbox")
    if os.environ.get("SOPD_TRANSCRIPT"):
        print("\n" + "\n".join(day.lines))
    assert "mei" in audit and "qq1:%d" % REGION in audit
    names = [e["name"] for _, e in day.client.xrange(store.stream("qq1", "audit"))]
    for name in ("paused", "staff_looked", "code_redeemed", "code_refused", "paused_all", "resumed_all"):
        assert name in names, names
