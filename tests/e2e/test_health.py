"""Is the account really there? The socket is up but it is logged out; heartbeats lie; it is connected and silent; what it posts does not
appear. Each is found, named, raised as an alarm, and over when it is over."""

import json
import threading
import time

import pytest

from harness import SILENCE, TEST_SOP, events as ev, gateway_entry, run, store
from harness.clock import Clock
from harness.util import wait_until

G, TEST, U = ev.GROUP, 700000008, ev.USER
FAST = {"alarms": {"after": "1s", "calm": "1s"}}


def gateway_of(daemon, name="qq1"):
    return [g for g in json.loads(daemon.ctl("gateways", "--json").stdout)["gateways"] if g["name"] == name][0]


def open_alarms(daemon):
    return [a["kind"] for a in json.loads(daemon.ctl("alarms", "--json").stdout)["alarms"] if a["state"] == "open"]


@pytest.mark.parametrize("notice, reason", [
    ({"tag": "KickedOffLine", "message": "signed in elsewhere"}, "kicked"),
    ({"tag": "下线通知", "message": "你的帐号当前登录已失效，请重新登录。"}, "kicked"),
    ({"tag": "", "message": "登录已过期"}, "login_expired"),
    ({"tag": "冻结", "message": "账号存在违规"}, "restricted"),
])
def test_logged_out_while_the_socket_is_up(bench, napcat, notice, reason):
    daemon = bench.served(napcat, config=FAST)
    link = napcat.conn
    napcat.emit(ev.notice("bot_offline", user_id=ev.SELF, **notice))
    wait_until(lambda: open_alarms(daemon) == ["account"], 5)
    g = gateway_of(daemon)
    assert (g["link"], g["account"], g["account_reason"]) == ("up", "offline", reason)
    assert abs(g["account_since"] - time.time()) < 10
    code, body = daemon.get("/healthz")[:2]
    assert code == 503, body
    # NapCat goes on claiming to be online for a while: not believed, nothing is sent
    napcat.emit(ev.heartbeat(online=True), ev.group_msg(G, U, "ping 早就在路上", time=int(time.time()) - 60))
    time.sleep(0.5)
    assert gateway_of(daemon)["account"] == "offline" and not napcat.sends()
    assert napcat.conn is link
    napcat.emit(ev.notice("bot_online", user_id=ev.SELF))
    wait_until(lambda: gateway_of(daemon)["account"] == "online", 5)
    wait_until(lambda: not open_alarms(daemon), 5)
    assert gateway_of(daemon)["account_reason"] == ""
    states = store.business_events(daemon.redis.client, name="gateway_state")
    assert [s["up"] for s in states] == [False, True]


def test_heartbeats_lie_and_sends_time_out(bench):
    lagrange = bench.gateway("lagrange")
    daemon = bench.served(lagrange, config=FAST, entry={"timing": {"timeout": "300ms"}})
    lagrange.answers["send_group_msg"] = None     # no answer at all
    lagrange.answers["send_group_msg"] = SILENCE
    for i in range(5):
        lagrange.emit(ev.group_msg(G + i, U, "ping %d" % i))
    wait_until(lambda: gateway_of(daemon)["account"] in ("offline", "restricted"), 8)
    for _ in range(3):
        lagrange.emit(ev.heartbeat(online=True))
    time.sleep(0.4)
    g = gateway_of(daemon)
    assert (g["link"], g["account_reason"]) == ("up", "timeouts") and g["account"] != "online"
    assert "account" in open_alarms(daemon)


def test_connected_but_silent(bench, napcat):
    daemon = bench.served(napcat, config=FAST, entry={"expect": {"every": "2s"}})
    for i in range(5):      # one group is silent while another one talks: no alarm
        napcat.emit(ev.group_msg(G, U, "大家好 %d" % i))
        time.sleep(0.6)
    assert not open_alarms(daemon)
    for _ in range(6):      # heartbeats are no traffic
        napcat.emit(ev.heartbeat(online=True))
        time.sleep(0.6)
    assert open_alarms(daemon) == ["silent"]
    g = gateway_of(daemon)
    assert (g["link"], g["account"], g["account_reason"]) == ("up", "unknown", "silent")
    assert daemon.health()[1]["status"] == "degraded"
    assert daemon.metrics().get("sopd_gateway_account_online") == 0
    napcat.emit(ev.group_msg(G, U, "我来了"))
    wait_until(lambda: not open_alarms(daemon), 5)
    assert gateway_of(daemon)["account"] == "online"


def test_silence_is_judged_by_what_was_learnt(bench, napcat):
    """What is usual was learnt on other days; now nothing comes in at a busy hour."""
    redis = bench.redis()
    redis.client.hset("sopd:{qq1}:usual", mapping={"19": "40.0 5", "20": "35.0 5", "3": "0.3 5"})
    daemon = bench.served(napcat, redis=redis, config=FAST, args=("--clock", "2031-03-05T19:00:00+08:00"))
    clock = Clock(daemon)
    start = clock.now()
    napcat.emit(ev.group_msg(G, U, "晚上好"))
    clock.settle(napcat)
    time.sleep(1.2)         # it looks once a second
    clock.at(start + 8 * 60000)
    time.sleep(1.2)
    assert not open_alarms(daemon), "eight minutes prove nothing"
    clock.at(start + 15 * 60000)
    wait_until(lambda: open_alarms(daemon) == ["silent"], 5)
    assert "40 of 60 minutes at this hour" in daemon.ctl("alarms").stdout
    napcat.emit(ev.group_msg(G, U, "我来了"))
    wait_until(lambda: not open_alarms(daemon), 5)


def test_silence_at_night_is_usual_and_hours_are_learnt(bench, napcat):
    redis = bench.redis()
    redis.client.hset("sopd:{qq1}:usual", mapping={"3": "0.3 5", "4": "0.2 5"})
    daemon = bench.served(napcat, redis=redis, config=FAST, args=("--clock", "2031-03-05T03:00:00+08:00"))
    clock = Clock(daemon)
    start = clock.now()
    napcat.emit(ev.group_msg(G, U, "睡不着"))
    clock.settle(napcat)
    time.sleep(1.2)
    clock.at(start + 61 * 60000)
    wait_until(lambda: redis.client.hget("sopd:{qq1}:usual", "3").startswith("0."), 5)
    wait_until(lambda: redis.client.hget("sopd:{qq1}:usual", "3").endswith(" 6"), 5)
    assert not open_alarms(daemon)


def canary(bench, gateway, within="600ms", every="1s", **options):
    gateway.groups = {G: "福利一群", TEST: "自检群"}
    return bench.served(gateway, config=FAST, entry={"canary": {"chat": str(TEST), "every": every, "within": within}, **options})


def test_canary_by_echo_and_lost(bench, napcat):
    napcat.report_self = "after"
    daemon = canary(bench, napcat, catchup=0)
    napcat.wait_send("自检", chat=TEST, count=3, timeout=10)
    assert not open_alarms(daemon) and gateway_of(daemon)["last_canary"] > 0
    napcat.report_self = None       # taken with an id, and swallowed
    wait_until(lambda: open_alarms(daemon) == ["canary"], 8)
    g = gateway_of(daemon)
    assert (g["account"], g["account_reason"]) == ("unknown", "canary")
    assert daemon.metrics().get("sopd_canaries_total", outcome="lost") >= 2
    napcat.report_self = "after"
    wait_until(lambda: not open_alarms(daemon), 8)
    assert gateway_of(daemon)["account"] == "online"


def test_canary_by_another_gateway_of_ours(bench):
    a, b = bench.gateway("napcat"), bench.gateway("napcat", self_id=2100000002)
    for g in (a, b):
        g.groups = {G: "福利一群", TEST: "自检群"}
    hears = [True]

    def relay(action):
        if hears[0] and str(action.params.get("group_id")) == str(TEST):
            threading.Thread(target=b.emit, args=(ev.group_msg(TEST, ev.SELF, action.text),)).start()
        return {"message_id": next(a._ids)}
    a.answers["send_group_msg"] = relay
    redis = bench.redis()
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], **FAST, "gateways": [
        gateway_entry(a, "qq1", catchup=0, canary={"chat": str(TEST), "every": "1s", "within": "600ms"}),
        gateway_entry(b, "qq2", catchup=0)]})
    daemon.redis = redis
    a.wait_ready(), b.wait_ready()
    a.wait_send("自检", chat=TEST, count=3, timeout=10)
    assert not open_alarms(daemon)
    hears[0] = False
    wait_until(lambda: open_alarms(daemon) == ["canary"], 8)


def test_canary_by_history(bench, napcat):
    shown = [True]

    def send(action):
        number = next(napcat._ids)
        if shown[0]:
            napcat.history.setdefault(TEST, []).append(
                ev.group_msg(TEST, ev.SELF, action.text, message_id=number, name="小助手"))
        return {"message_id": number}
    napcat.answers["send_group_msg"] = send
    daemon = canary(bench, napcat, within="2s", every="2s")
    napcat.wait_send("自检", chat=TEST, count=3, timeout=12)
    assert not open_alarms(daemon)
    shown[0] = False
    wait_until(lambda: open_alarms(daemon) == ["canary"], 10)


@pytest.mark.parametrize("entry, problem", [
    ({"canary": {"every": "10m"}}, "chat must name a private test group"),
    ({"canary": {"chat": "@1"}}, "chat must name a private test group"),
    ({"canary": {"chat": "1", "every": "10s", "within": "20s"}}, "within must not be longer than every"),
    ({"expect": "sometimes"}, "expect must be"),
    ({"expect": {"from": "08:00", "to": "23:00"}}, "every is missing"),
    ({"expect": {"every": "15m", "from": "08:00"}}, "from and to belong together"),
    ({"expect": {"every": "15m", "from": "8 Uhr", "to": "23:00"}}, "must be a time of day"),
])
def test_mistakes_in_the_configuration(bench, napcat, entry, problem):
    daemon = bench.sopd({"sop": [TEST_SOP], "gateways": [gateway_entry(napcat, **entry)]}, start=False)
    daemon.write_config()
    done = run("check", "--config", daemon.config_path)
    assert done.returncode == 3 and problem in done.stdout + done.stderr, done.stdout + done.stderr


def test_a_reload_keeps_what_is_known(bench, napcat):
    daemon = bench.served(napcat, config=FAST)
    napcat.emit(ev.notice("bot_offline", user_id=ev.SELF, tag="KickedOffLine", message=""))
    wait_until(lambda: open_alarms(daemon) == ["account"], 5)
    since = gateway_of(daemon)["account_since"]
    daemon.config["alarms"] = {"after": "2s", "calm": "500ms"}
    daemon.reload()
    time.sleep(1.2)
    assert open_alarms(daemon) == ["account"] and gateway_of(daemon)["account_since"] == since
    daemon.config["gateways"] = []
    daemon.reload()
    wait_until(lambda: not open_alarms(daemon), 5)
