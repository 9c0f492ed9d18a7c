"""Alarms: within a minute in the staff chat, by another gateway if this one is down, at a webhook and at a command; once, and over when
it is over. Times are those of docs/operations.md, shortened by `after` and `calm`."""

import json
import os
import time

import pytest

from harness import TEST_SOP, events as ev, gateway_entry, run, store
from harness.outside import Outside
from harness.util import reserve_port, wait_until

G, STAFF, U = ev.GROUP, 700000009, ev.USER
FAST = {"after": "1s", "calm": "1s"}


@pytest.fixture
def hook():
    server = Outside().start()
    yield server
    server.close()


def told(hook, **fields):
    """What the webhook got."""
    bodies = [json.loads(body) for _, path, _, body in hook.requests if path == "/alarm"]
    return [b for b in bodies if all(b.get(k) == v for k, v in fields.items())]


def two(bench, alarms, **config):
    """Gateways qq1 and qq2 of two accounts; both sit in the staff group."""
    a, b = bench.gateway("napcat"), bench.gateway("napcat", self_id=2100000002)
    a.groups = b.groups = {G: "福利一群", STAFF: "员工群"}
    daemon = bench.served(a, b, config={"alarms": {**FAST, **alarms}, **config})
    wait_until(lambda: [c["chat"] for c in json.loads(daemon.ctl("chats", "--json").stdout)["chats"]].count(str(STAFF)) == 2, 5)
    return a, b, daemon


def test_a_gateway_goes_down_and_another_one_says_so(bench, hook):
    a, b, daemon = two(bench, {"staff": ["qq1:%d" % STAFF], "webhook": hook.url + "/alarm"})
    a.stop_listening()
    cut = time.monotonic()
    said = b.wait_send("qq1 连不上了", timeout=15)
    after = time.monotonic() - cut
    assert said.chat == str(STAFF) and "影响" in said.text and "怎么办" in said.text
    wait_until(lambda: told(hook, state="open"), 10)
    first = told(hook, state="open")[0]
    assert (first["gateway"], first["kind"], first["repeats"]) == ("qq1", "link", 0)
    assert first["since"] <= first["time"] and "no link" in first["text"] and "连不上" in first["message"]
    assert after < 10 and first["time"] - first["since"] < 60000
    print("staff %.1f s after the cut" % after)
    time.sleep(2.5)
    assert len(told(hook)) == 1 and len(b.sends("连不上了")) == 1, "told once"
    listed = json.loads(daemon.ctl("alarms", "--json").stdout)["alarms"]
    assert [(x["state"], x["gateway"], x["kind"]) for x in listed] == [("open", "qq1", "link")]
    assert "qq1" in daemon.ctl("alarms").stdout and "alarm     qq1 link" in daemon.ctl("status").stdout
    assert daemon.metrics().get("sopd_alarms_open", kind="link") == 1
    assert [x["kind"] for x in daemon.health()[1]["alarms"]] == ["link"]
    events = store.business_events(daemon.redis.client, name="alarm")
    assert len(events) == 1 and events[0]["kind"] == "link"
    a.start()
    wait_until(lambda: told(hook, state="over"), 15)
    wait_until(lambda: a.sends("已恢复") or b.sends("已恢复"), 5)
    assert store.business_events(daemon.redis.client, name="alarm_over")[0]["over"] > 0
    assert daemon.metrics().get("sopd_alarms_open", default=-1, kind="link") == 0
    assert json.loads(daemon.ctl("alarms", "--json").stdout)["alarms"][0]["state"] == "over"


def test_flapping_is_one_alarm(bench, hook):
    a, b, daemon = two(bench, {"staff": ["qq2:%d" % STAFF], "webhook": hook.url + "/alarm", "calm": "400ms"})
    for _ in range(4):
        a.emit(ev.heartbeat(online=False))
        wait_until(lambda: told(hook, state="open"), 5)
        time.sleep(0.2)
        a.emit(ev.heartbeat(online=True))
        time.sleep(0.2)
    wait_until(lambda: told(hook, state="over"), 15)
    assert [b["state"] for b in told(hook)] == ["open", "over"]
    assert told(hook)[1]["repeats"] >= 2
    wait_until(lambda: b.sends("已恢复"), 5)
    assert len(b.sends("掉线")) == 2 and "反复" in b.sends("已恢复")[0].text


def test_redis_away_is_told_by_the_webhook(bench, napcat, hook):
    daemon = bench.served(napcat, config={"alarms": {**FAST, "webhook": hook.url + "/alarm", "staff": "qq1:%d" % STAFF}})
    daemon.redis.kill()
    killed = time.monotonic()
    wait_until(lambda: told(hook, kind="redis", state="open"), 15)
    print("webhook %.1f s after Redis was killed" % (time.monotonic() - killed))
    assert told(hook, kind="redis")[0]["gateway"] == ""
    assert daemon.get("/healthz")[0] == 503
    daemon.redis.start()
    wait_until(lambda: told(hook, kind="redis", state="over"), 20)
    wait_until(lambda: napcat.sends("数据库"), 10)
    assert store.business_events(daemon.redis.client, name="alarm_over")


def test_a_webhook_that_is_down_gets_them_later_and_in_order(bench, napcat):
    server = Outside()
    daemon = bench.served(napcat, config={"alarms": {**FAST, "webhook": server.url + "/alarm"}})
    napcat.emit(ev.heartbeat(online=False))
    daemon.wait_log("alarm.*kind=account", timeout=5)
    daemon.wait_log("the webhook for alarms does not take them", timeout=5)
    napcat.emit(ev.heartbeat(online=True))
    daemon.wait_log("alarm over", timeout=10)
    napcat.emit(ev.group_msg(G, U, "ping 照常"))
    napcat.wait_send("pong 照常")
    server.start()
    try:
        wait_until(lambda: len(told(server)) == 2, 15)
        assert [b["state"] for b in told(server)] == ["open", "over"]
        wait_until(lambda: daemon.metrics().get("sopd_alarm_posts_total", way="webhook", outcome="sent") == 2, 5)
    finally:
        server.close()


def test_webhook_token_and_command(bench, napcat, hook, box, monkeypatch):
    script, out = os.path.join(box, "hook"), os.path.join(box, "out")
    with open(script, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\necho "$1|$SOPD_ALARM|$SOPD_ALARM_KIND|$SOPD_ALARM_GATEWAY|$SOPD_ALARM_TEXT|$HOOK_TOKEN" >> %s\nsleep 60\n' % out)
    os.chmod(script, 0o755)
    daemon = bench.served(napcat, env={"HOOK_TOKEN": "s3cret"}, config={"alarms": {
        **FAST, "webhook": hook.url + "/alarm", "webhook_token_env": "HOOK_TOKEN", "exec": [script, "one arg"]}})
    napcat.emit(ev.notice("bot_offline", user_id=ev.SELF, tag="KickedOffLine", message="signed in elsewhere"))
    wait_until(lambda: os.path.exists(out) and open(out, encoding="utf-8").read(), 10)
    line = open(out, encoding="utf-8").read().strip().split("|")
    assert line[:4] == ["one arg", "open", "account", "qq1"] and "kicked" in line[4] and line[5] == ""
    wait_until(lambda: told(hook), 5)
    headers = [h for _, path, h, _ in hook.requests if path == "/alarm"][0]
    assert headers["authorization"] == "Bearer s3cret" and headers["content-type"] == "application/json"
    assert "s3cret" not in daemon.log()
    napcat.emit(ev.group_msg(G, U, "大家好"))
    assert daemon.health()[1]["loop_lag_s"] < 1, "a command that hangs holds nothing up"


def test_open_alarms_survive_a_restart(bench, napcat, hook):
    daemon = bench.served(napcat, config={"alarms": {**FAST, "webhook": hook.url + "/alarm"}})
    napcat.online = False
    napcat.emit(ev.heartbeat(online=False))
    wait_until(lambda: told(hook, state="open"), 5)
    wait_until(lambda: daemon.redis.client.hgetall("sopd:{qq1}:alarms"), 5)
    before = json.loads(daemon.ctl("gateways", "--json").stdout)["gateways"][0]
    time.sleep(1.1)
    daemon.stop()
    daemon.start()
    napcat.wait_ready()
    wait_until(lambda: json.loads(daemon.ctl("gateways", "--json").stdout)["gateways"][0]["account"] == "offline", 10)
    after = json.loads(daemon.ctl("gateways", "--json").stdout)["gateways"][0]
    assert after["account_since"] == before["account_since"] and after["account_reason"] == "logged_out"
    time.sleep(1.5)
    assert len(told(hook, state="open")) == 1, "a restart repeats nothing"
    listed = json.loads(daemon.ctl("alarms", "--json").stdout)["alarms"]
    assert [x["state"] for x in listed] == ["open"] and abs(listed[0]["since"] - before["account_since"]) < 5
    napcat.online = True
    napcat.emit(ev.heartbeat(online=True))
    wait_until(lambda: told(hook, state="over"), 10)
    assert not daemon.redis.client.hgetall("sopd:{qq1}:alarms")


def test_a_wrong_token_is_an_alarm_at_once(bench, hook):
    gateway = bench.gateway("napcat", token="right")
    bench.served(gateway, entry={"token": "wrong"}, ready=False,
                 config={"alarms": {"after": "40s", "webhook": hook.url + "/alarm"}})
    wait_until(lambda: told(hook, kind="link", state="open"), 10)
    assert "token" in told(hook)[0]["text"]


@pytest.mark.parametrize("alarms, problem", [
    ({"staff": "qq9:1"}, "there is no gateway qq9"),
    ({"staff": "qq1"}, "must be gateway:chat"),
    ({"webhook": "ftp://x/"}, "alarms.webhook"),
    ({"webhook_token_env": "HOME"}, "a token without a webhook"),
    ({"exec": "true"}, "by its whole path"),
    ({"after": "2m"}, "at most 45s"),
    ({"stuff": 1}, "stuff"),
])
def test_mistakes_in_the_configuration(bench, alarms, problem):
    daemon = bench.sopd({"sop": [TEST_SOP], "gateways": [dict(gateway_entry(), mode="forward", url="ws://127.0.0.1:%d/" % reserve_port())],
                         "alarms": alarms}, start=False)
    daemon.write_config()
    done = run("check", "--config", daemon.config_path)
    assert done.returncode == 3 and problem in done.stdout + done.stderr, done.stdout + done.stderr
