"""An account that the platform does not put up with is slowed down, then only answers, then falls silent, and comes back step by
step; a restart forgets nothing of it, and an admin can end it."""

import json
import os
import time

import pytest

from harness import Fail, SILENCE, events as ev, gateway_entry, wait_until
from harness.accounts import Platform

G, U = ev.GROUP, ev.USER
LIMIT = Fail(1200, 'sendMsg {"result": 299, "errMsg": "limit"}')
RISK = Fail(1200, 'sendMsg {"result": 46, "errMsg": ""}')
TIMEOUT = Fail(1200, "Timeout: NTEvent")
TIMES = {"settle": "200ms", "resend": "1s", "circuit": "1s", "risk_step": "1s", "risk_window": "20s"}

POSTS = """
local flow = sop.flow("posts", { title = "群发" })
flow:command("广播", { args = true }, function(c)
  c:timer("post", { after = "10ms", key = c.args, args = { text = c.args } })
end)
flow:timer("post", function(c, args) c:say(args.text, nil, { anytime = true }) end)
flow:command("ping", { args = true }, function(c) c:say("pong " .. c.args) end)
flow:command("丢弃", { args = true }, function(c) c:say("drop " .. c.args, nil, { policy = "drop" }) end)
return flow
"""
BOOK = """return { title = "t", groups = { "all" }, quiet = false, private = true, timezone = "Asia/Shanghai", flows = { "posts" } }"""


def say(gateway, what, group=G, user=U, **fields):
    gateway.emit(ev.group_msg(group, user, what, **fields))


@pytest.fixture
def sop(box):
    folder = os.path.join(box, "sop")
    for name, text in (("flows/posts.lua", POSTS), ("playbooks/p.lua", BOOK)):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    return folder


def served(bench, gateway, sop, timing=None, **entry):
    return bench.served(gateway, sop=sop, entry={"timing": {**TIMES, **(timing or {})}, **entry})


def account(daemon, name="qq1"):
    answer = json.loads(daemon.ctl("--json", "account").stdout)
    return {a["account"]: a for a in answer["accounts"]}.get(name, {"level": "normal", "slow": 1})


def level(daemon, want, slow=None, timeout=6):
    def check():
        a = account(daemon)
        return a["level"] == want and (slow is None or a["slow"] == slow)
    wait_until(check, timeout, what=lambda: "level %s x%s, it is %s" % (want, slow, account(daemon)))


def told(daemon, name="account_level"):
    return [json.loads(f["data"]) for _, f in daemon.redis.client.xrange("sopd:events:{qq1}")
            if f["name"] == name]


def test_limits_slow_it_down_and_good_outcomes_bring_it_back(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    napcat.queued["send_group_msg"] = [RISK]
    say(napcat, "丢弃 一")
    level(daemon, "slow", 2)
    assert json.loads(daemon.redis.client.hget("sopd:{qq1}:accounts", "qq1"))["slow"] == 2
    assert daemon.metrics().get("sopd_risk_signals_total", gateway="qq1", signal="risk_control") == 1
    wait_until(lambda: told(daemon), 3, what="the business event")
    assert told(daemon)[0]["level"] == "slow" and told(daemon)[0]["was"] == "normal"
    wait_until(lambda: any(a["kind"] == "account_slow" for a in told(daemon, "alarm")), 5, what="the alarm")
    for i in range(4):                       # three good ones, and a second has passed
        say(napcat, "ping %d" % i)
        napcat.wait_send("pong %d" % i)
        time.sleep(0.4)
    level(daemon, "normal", 1)
    wait_until(lambda: not daemon.redis.client.exists("sopd:{qq1}:accounts"), 3, what="Redis to forget it")


def test_intervals_are_longer_while_it_is_slow(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"risk_step": "60s"},
                    pace={"account": [{"per": "1ms", "burst": 100}], "chat": [{"per": "150ms", "burst": 1}]})
    daemon.ctl("account", "qq1", "slow")     # four times
    level(daemon, "slow", 4)
    for i in range(3):
        say(napcat, "ping %d" % i)
    napcat.wait_send("pong 2", timeout=5)
    times = [a.time for a in napcat.sends("pong")]
    assert times[2] - times[1] >= 0.5, times


def test_quiet_lets_answers_out_and_holds_what_nobody_asked_for(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"risk_step": "60s"})
    daemon.ctl("account", "qq1", "quiet")
    level(daemon, "quiet", 8)
    say(napcat, "广播 大家好")
    time.sleep(0.5)
    say(napcat, "ping 问")
    napcat.wait_send("pong 问")
    time.sleep(0.5)
    assert not napcat.sends("大家好")
    assert "大家好" in daemon.ctl("outbox").stdout
    daemon.ctl("account", "qq1", "qq1", "normal")
    napcat.wait_send("大家好")
    assert account(daemon)["level"] == "normal"


def test_one_signal_after_the_other_makes_it_quiet(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"risk_step": "60s", "circuit": "60s"})
    for i, (want, slow) in enumerate((("slow", 2), ("slow", 4), ("slow", 8), ("quiet", 8))):
        napcat.queued["send_group_msg"] = [RISK]
        say(napcat, "丢弃 %d" % i, group=G + i)
        level(daemon, want, slow)
        say(napcat, "ping %d" % i, group=G + i)      # a good one between: not three in a row
        napcat.wait_send("pong %d" % i)
    assert "quiet x8" in daemon.ctl("gateways").stdout and "quiet (x8)" in daemon.ctl("status").stdout
    assert daemon.metrics().get("sopd_account_slow", gateway="qq1", account="qq1") == 8
    assert "risk control" in json.dumps(daemon.health()[1]["reasons"])
    status = daemon.ctl("account").stdout
    assert "quiet" in status and "risk_control" in status, status


def test_three_in_a_row_silence_it_and_one_probe_decides(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    napcat.answers["send_group_msg"] = RISK
    for i in range(3):
        say(napcat, "丢弃 %d" % i, group=G + i)
        napcat.wait_send("drop %d" % i)
    daemon.wait_metric("sopd_circuit_opens_total", gateway="qq1")
    level(daemon, "held")
    count = len(napcat.sends())
    say(napcat, "ping 等")
    time.sleep(0.5)
    assert len(napcat.sends()) == count
    napcat.answers.clear()
    napcat.wait_send("pong 等", timeout=6)              # the probe
    level(daemon, "quiet")
    wait_until(lambda: [e["level"] for e in told(daemon)][-2:] == ["held", "quiet"], 3, what="both to be told")


def test_a_bad_probe_silences_it_longer(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    napcat.answers["send_group_msg"] = RISK
    for i in range(3):
        say(napcat, "丢弃 %d" % i, group=G + i)
    level(daemon, "held")
    say(napcat, "丢弃 3")
    daemon.wait_metric("sopd_circuit_opens_total", 2, timeout=8, gateway="qq1")
    a = account(daemon)
    assert a["level"] == "held" and a["until"] - a["since"] >= 1.9, a


def test_what_was_under_way_does_not_lengthen_the_pause(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"timeout": "600ms", "circuit": "3s"})
    napcat.answers["send_group_msg"] = SILENCE
    for i in range(12):
        say(napcat, "丢弃 %d" % i, group=G + i % 6)
    daemon.wait_metric("sopd_circuit_opens_total", gateway="qq1")
    time.sleep(1)
    assert daemon.metrics().get("sopd_circuit_opens_total", gateway="qq1") == 1


def test_messages_that_arrived_after_all_end_the_pause(bench, napcat, sop):
    """Three times "Timeout" although delivered: the echo comes a moment later."""
    daemon = served(bench, napcat, sop, timing={"settle": "3s", "circuit": "60s"})
    napcat.answers["send_group_msg"] = TIMEOUT
    actions = []
    for i in range(3):
        say(napcat, "ping %d" % i, group=G + i)
        actions.append(napcat.wait_send("pong %d" % i))
    level(daemon, "held")
    napcat.answers.clear()
    for i, action in enumerate(actions):
        napcat.emit(ev.self_msg(G + i, action.params["message"], 205117000 + i))
    wait_until(lambda: account(daemon)["level"] != "held", 5, what="the pause to end")
    daemon.wait_metric("sopd_sends_total", 3, gateway="qq1", outcome="sent")


def test_a_restart_forgets_nothing(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"risk_step": "60s"})
    napcat.queued["send_group_msg"] = [RISK]
    say(napcat, "丢弃 一")
    level(daemon, "slow", 2)
    daemon.kill()
    daemon.start()
    napcat.wait_link(2)
    level(daemon, "slow", 2)
    daemon.ctl("account", "qq1", "normal")
    level(daemon, "normal", 1)


def test_being_muted_and_removed_counts(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"risk_step": "60s"})
    napcat.emit(ev.ban(G, ev.SELF, 600))
    daemon.wait_metric("sopd_risk_signals_total", gateway="qq1", signal="muted")
    wait_until(lambda: any(a["kind"] == "muted" for a in told(daemon, "alarm")), 5, what="the alarm")
    assert account(daemon)["level"] == "normal"
    napcat.emit(ev.leave(G + 1, ev.SELF, sub_type="kick_me", operator=U))
    level(daemon, "slow", 2)


def test_a_mute_that_only_a_refused_send_tells_of_is_an_alarm(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    napcat.answers["send_group_msg"] = Fail(1200, 'EventChecker Failed: sendMsg {"result": 120, "errMsg": ""}')
    say(napcat, "ping 禁")
    wait_until(lambda: any(a["kind"] == "muted" and a["what"] == str(G) for a in told(daemon, "alarm")), 5, what="the alarm")
    napcat.answers.clear()
    napcat.emit(ev.ban(G, ev.SELF, 0, sub_type="lift_ban"))
    napcat.wait_send("pong 禁")


def test_a_group_limit_holds_that_group_and_is_not_tried_for_ever(bench, napcat, sop):
    daemon = served(bench, napcat, sop, timing={"risk_step": "60s"})
    napcat.answers["send_group_msg"] = lambda a: LIMIT if a.params["group_id"] == G else {"message_id": 7}
    say(napcat, "丢弃 满")
    napcat.wait_send("drop 满")
    say(napcat, "ping 别处", group=G + 1)
    napcat.wait_send("pong 别处", chat=G + 1)
    time.sleep(0.5)
    assert len(napcat.sends("drop 满")) == 1
    assert account(daemon)["slow"] == 2


def test_a_group_in_which_members_talk_is_not_muted(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    napcat.emit(ev.ban(G, 0, -1))              # the whole group; its lift is never told
    time.sleep(0.2)
    say(napcat, "ping 解", role="admin")
    time.sleep(0.4)
    assert not napcat.sends("pong 解")
    say(napcat, "大家好", user=U + 1)         # that may have been on its way before the mute
    time.sleep(0.4)
    assert not napcat.sends("pong 解")
    say(napcat, "还在吗", user=U + 1, time=ev.now() + 4)
    napcat.wait_send("pong 解")
    assert daemon.running()


def test_a_single_timeout_is_no_reason(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "丢弃 一")
    daemon.wait_metric("sopd_risk_signals_total", gateway="qq1", signal="no_answer")
    assert account(daemon)["level"] == "normal"


def test_each_account_of_a_pool_has_its_own_level(bench):
    platform = Platform(bench, 2)
    names = ["qq1", "spare1"]
    entries = [gateway_entry(a.gateway, n, pool="qq1", timing={**TIMES, "risk_step": "60s"})
               for a, n in zip(platform.accounts, names)]
    daemon = bench.served(config={"gateways": entries})
    daemon.wait_metric("sopd_gateway_up", gateway="qq1")
    serving = platform.accounts[0].gateway
    serving.queued["send_group_msg"] = [RISK]
    say(serving, "丢弃 池")
    wait_until(lambda: account(daemon)["slow"] == 2 or account(daemon, "spare1")["slow"] == 2, 8, what="a slow account")
    levels = sorted(account(daemon, n)["slow"] for n in names)
    assert levels == [1, 2], levels


def test_wrong_orders_are_refused(bench, napcat, sop):
    daemon = served(bench, napcat, sop)
    assert daemon.ctl("account", "nope", "normal", check=False).returncode == 1
    assert daemon.ctl("account", "qq1", "other", "slow", check=False).returncode == 1
    assert daemon.ctl("account", "slow", check=False).returncode == 2
