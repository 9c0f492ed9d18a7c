"""Flows that misbehave: the daemon, the other flows and the other chats do not notice."""

import os
import re
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from harness import TEST_SOP, events as ev, noon_zone, run, slow_build, store, wait_until

G, U = ev.GROUP, ev.USER
STAFF_CHAT = "700000099"


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def unharmed(daemon, napcat, group=G):
    """Nothing of the failed handler was done; everybody else is served."""
    napcat.emit(ev.group_msg(group, U, "ping 同群"), ev.group_msg(G + 7, U, "ping 别群"))
    napcat.wait_send("pong 同群", timeout=8)
    napcat.wait_send("pong 别群", timeout=8)
    assert store.member(daemon.redis.client, "bad", group, U) == {}
    assert not napcat.sends("不该出现")
    assert daemon.running() and len(napcat.conns) == 1


FAILURES = [
    ("死循环", r"(?i)instruction|budget|too long"),
    ("吃内存", r"(?i)memory"),
    ("一次吃光", r"(?i)memory|too (long|large|big)"),
    ("大串", r"(?i)too (long|large|big)|steps"),
    ("表错误", r"code|table"),
    ("普通错误", r"nothing"),
    ("回溯", r"(?i)pattern"),
    ("正则回溯", r"(?i)match limit|pattern"),
    ("洪水", r"(?i)more than \d+ messages"),
    ("深递归", r"(?i)stack overflow|not enough memory"),
    ("错名", r"sya"),
]


@pytest.mark.parametrize("command, reason", FAILURES)
def test_a_bad_handler_is_contained(bench, napcat, command, reason):
    daemon = bench.served(napcat)
    say(napcat, command)
    daemon.wait_metric("sopd_flow_errors_total", 1, 40 if slow_build() else 12, flow="bad")
    unharmed(daemon, napcat)
    errors = daemon.log_records(level="error", flow="bad")
    assert len(errors) >= 1
    text = "\n".join(line for line in daemon.log().splitlines() if "bad" in line)
    assert "bad.lua:" in text, "the traceback names script and line"
    assert re.search(reason, text), text[-2000:]


def test_the_loop_goes_on_during_a_long_handler(bench, napcat):
    """A handler that uses up its budget holds the loop only for a moment."""
    daemon = bench.served(napcat)
    say(napcat, "死循环")
    started = time.monotonic()
    assert daemon.health()[0] in (200, 503)
    assert time.monotonic() - started < (8 if slow_build() else 1.0)


def test_memory_comes_back_after_a_glutton(bench, napcat):
    daemon = bench.served(napcat)
    say(napcat, "ping 先")
    napcat.wait_send("pong 先")
    before = daemon.rss_kib()
    for i in range(3):
        say(napcat, "吃内存", group=G + i)
    daemon.wait_metric("sopd_flow_errors_total", 3, 40 if slow_build() else 12, flow="bad")
    say(napcat, "ping 后")
    napcat.wait_send("pong 后")
    assert daemon.rss_kib() - before < (500000 if slow_build() else 60000)


LITTER = """local flow = sop.flow("litter", { title = "乱" })
flow:command("乱丢", function(c)
  local all = {}
  for i = 1, 40000 do all[i] = { i } end
  c:say("丢了 " .. #all)
end)
return flow
"""


def test_garbage_is_collected_while_nothing_happens(bench, napcat, box):
    """Lua by itself collects only while it makes something: what an evening left would stay until the next."""
    for name, text in (("flows/litter.lua", LITTER),
                       ("playbooks/t.lua", 'return { groups = { "all" }, quiet = false, flows = { "litter" } }')):
        path = os.path.join(box, "sop", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    daemon = bench.served(napcat, sop=os.path.join(box, "sop"))

    def used():
        return daemon.metrics().get("sopd_lua_memory_bytes", flow="litter")
    before = used()
    say(napcat, "乱丢")
    napcat.wait_send("丢了 40000", timeout=20)
    wait_until(lambda: used() < before + 300000, 20, what=lambda: "%d of %d bytes are left" % (used() - before, before))


def test_five_failures_in_a_minute_pause_the_flow_there(bench, napcat):
    daemon = bench.served(napcat)
    for i in range(5):
        say(napcat, "普通错误")
    told = napcat.wait_send(chat=STAFF_CHAT, timeout=8)
    assert "bad" in told.text or "坏流程" in told.text
    daemon.wait_metric("sopd_flow_errors_total", 5, flow="bad")
    say(napcat, "普通错误")
    unharmed(daemon, napcat)
    assert daemon.metrics().get("sopd_flow_errors_total", flow="bad") == 5, "paused: not run any more"
    assert len(napcat.sends(chat=STAFF_CHAT)) == 1
    say(napcat, "普通错误", group=G + 1)
    daemon.wait_metric("sopd_flow_errors_total", 6, flow="bad")
    assert "failing" in daemon.ctl("flows", "qq1:%d" % G).stdout
    daemon.ctl("resume", "qq1:%d" % G, "bad")
    say(napcat, "普通错误")
    daemon.wait_metric("sopd_flow_errors_total", 7, flow="bad")


def test_a_flow_with_a_syntax_error_at_start(bench, napcat, box):
    sop = box + "/sop"
    os.makedirs(sop + "/flows"), os.makedirs(sop + "/playbooks")
    with open(sop + "/flows/broken.lua", "w", encoding="utf-8") as out:
        out.write("local flow = sop.flow('broken', {})\nreturn flow flow\n")
    with open(sop + "/playbooks/p.lua", "w", encoding="utf-8") as out:
        out.write("return { groups = { 'all' }, quiet = false, flows = { 'broken' } }\n")
    daemon = bench.served(napcat, sop=sop, start=False)
    done = run("serve", "--config", write_config(daemon))
    assert done.returncode == 3 and "broken.lua:2" in done.stderr


def write_config(daemon):
    daemon.write_config()
    return daemon.config_path


def test_state_values_come_back_as_they_were(bench, napcat):
    daemon = bench.served(napcat)
    say(napcat, "存取")
    napcat.wait_send("存好了")
    assert store.member(daemon.redis.client, "state", G, U) == {
        "s": "字 1", "n": "12", "b": "true", "t": '{"a":1,"list":[1,2]}', "digits": '"12"'}
    say(napcat, "取出")
    napcat.wait_send("字 1|13|true|2|string")


def test_state_of_every_kind(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    say(napcat, "加分")
    napcat.wait_send("得 1 分")
    say(napcat, "加分")
    napcat.wait_send("加过了")
    key = store.key
    assert store.member(client, "state", G, U) == {"points": "1"}
    assert store.group(client, "state", G) == {"total": "1"}
    assert client.hget(key("qq1", "u", U), "visits") == "1"
    assert client.zscore(key("qq1", "board", "state", G, "points"), U) == 1
    assert client.get(key("qq1", "count", "state", G, "all")) == "1"
    assert client.smembers(key("qq1", "tags", U)) == {"有分"}
    assert client.type(key("qq1", "days", "state", G, "seen", U)) == "string"
    once = list(client.scan_iter(key("qq1", "once", "state", G, U, "*")))
    assert len(once) == 1 and client.ttl(once[0]) > 0


def test_limit_holds(bench, napcat):
    bench.served(napcat)
    for _ in range(5):
        say(napcat, "限次")
    say(napcat, "ping 完")
    napcat.wait_send("pong 完")
    assert len(napcat.sends("可以")) == 2


def test_one_turn_at_a_time_in_order(bench, napcat):
    daemon = bench.served(napcat)
    for i in range(200):
        say(napcat, "累计", user=U + i % 7)
    napcat.wait_send("累计 200", timeout=15)
    numbers = [int(a.text.split()[1]) for a in napcat.sends("累计")]
    assert numbers == list(range(1, 201))
    assert daemon.metrics().get("sopd_duplicates_total") == 0


def test_timers(bench, napcat, box):
    daemon = bench.served(napcat, sop=clock_sop(box))
    say(napcat, "定时 1s")
    say(napcat, "定时 1s", user=U + 1)
    say(napcat, "定时 1s", user=U + 2)
    say(napcat, "不定了", user=U + 2)
    napcat.wait_send("时间到 %d" % U, timeout=4)
    napcat.wait_send("时间到 %d" % (U + 1))
    napcat.settle(0.5)
    assert len(napcat.sends("时间到")) == 2
    assert store.group(daemon.redis.client, "clock", G)["timers"] == "2"


def test_timers_survive_kill(bench, napcat, box):
    daemon = bench.served(napcat, sop=clock_sop(box))
    say(napcat, "定时 1s")
    wait_until(lambda: daemon.redis.client.zcard(store.key("qq1", "timers")) == 1, 5)
    daemon.kill()
    time.sleep(1.2)
    daemon.start()
    napcat.wait_send("时间到", timeout=8)
    time.sleep(0.3)
    daemon.kill()
    daemon.start()
    napcat.wait_link(3)
    time.sleep(0.7)
    assert len(napcat.sends("时间到")) == 1


def clock_sop(box, at=None, zone=None):
    """A SOP folder with the clock flow only; by default far from quiet hours, at whatever time the suite runs."""
    zone = zone or noon_zone()
    sop = box + "/clock"
    os.makedirs(sop + "/playbooks", exist_ok=True)
    if not os.path.exists(sop + "/flows"):
        os.symlink(TEST_SOP + "/flows", sop + "/flows")
    with open(sop + "/playbooks/p.lua", "w", encoding="utf-8") as out:
        params = "{ 'clock', at = '%s' }" % at if at else "'clock'"
        out.write("return { groups = { 'all' }, quiet = false, timezone = '%s', flows = { %s } }\n" % (zone, params))
    return sop


def local_clock(seconds_from_now, zone):
    return (datetime.now(ZoneInfo(zone)) + timedelta(seconds=seconds_from_now)).strftime("%H:%M:%S")


def test_a_schedule_runs_once_per_date_and_group(bench, napcat, box):
    zone = noon_zone()
    napcat.groups = {G: "一", G + 1: "二"}
    daemon = bench.served(napcat, sop=clock_sop(box, local_clock(3, zone), zone))
    for group in (G, G + 1):
        napcat.wait_send("到点了 1", chat=group, timeout=8)
    daemon.kill()
    daemon.start()
    napcat.wait_link(2)
    time.sleep(1.0)
    assert len(napcat.sends("到点了")) == 2


def test_a_missed_schedule_runs_late_within_its_limit(bench, napcat, box):
    zone = noon_zone()
    sop = clock_sop(box, local_clock(3, zone), zone)
    daemon = bench.served(napcat, sop=sop)
    daemon.kill()
    time.sleep(3.5)
    assert not napcat.sends("到点了")
    daemon.start()
    napcat.wait_send("到点了 1", timeout=8)
    assert len(napcat.sends("到点了")) == 1


def test_a_schedule_beyond_its_late_limit_is_left_out(bench, napcat, box):
    zone = noon_zone()
    bench.served(napcat, sop=clock_sop(box, local_clock(-45 * 60, zone), zone))
    say(napcat, "定时 1s")
    napcat.wait_send("时间到", timeout=5)
    assert not napcat.sends("到点了")
