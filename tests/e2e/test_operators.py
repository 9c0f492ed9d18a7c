"""What operators do in Redis and with `sopd ctl`: wrong values, the record of edits, a Redis that reports no changes."""

import json
import os
import time

import pytest

from harness import events as ev, wait_until
from harness.operators import PATIENCE, degraded, edits, pings

G, U = ev.GROUP, ev.USER
STATE = "sopd:params:chat:qq1:%d" % G


def gain(napcat, user):
    """How many points somebody gets for the first time: the parameter state.bonus."""
    napcat.emit(ev.group_msg(G, user, "加分"))
    return napcat.wait_send(where=lambda a: str(user) in a.mentions).text


# ---- wrong values ----------------------------------------------------------------------------------------------


def test_a_wrong_value_leaves_the_old_one_in_force(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    client.hset("sopd:params", "state.bonus", "7")
    client.hset(STATE, "state.bonus", "9")
    wait_until(lambda: len(edits(client)) == 2, 3)
    client.hset(STATE, "state.bonus", "900")
    daemon.wait_log("a setting is wrong.*state.bonus.*900 is above the maximum 100.*in_force=9")
    assert "得 9 分" in gain(napcat, U)
    assert daemon.metrics().get("sopd_settings_bad") == 1
    assert degraded(daemon, "wrong")
    status = daemon.ctl("status").stdout
    assert "WRONG" in status and "state.bonus = 900" in status and "in force: 9" in status
    assert edits(client)[-1] == ("redis", "refused", STATE, "state.bonus", "9", "900")
    daemon.stop()
    daemon.start()
    napcat.wait_ready()
    assert "得 9 分" in gain(napcat, U + 1), "also after a restart"
    assert len(edits(client)) == 3, "a restart is no edit"
    client.hset(STATE, "state.bonus", "11")
    wait_until(lambda: daemon.metrics().get("sopd_settings_bad") == 0, 3)
    assert "得 11 分" in gain(napcat, U + 2)
    assert not degraded(daemon, "wrong")
    assert not client.exists("sopd:settings-kept")


def test_unknown_names_are_reported_with_the_nearest(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    client.hset("sopd:toggles", "ecko", "off")
    client.hset("sopd:params", "state.bonsu", "3")
    daemon.wait_log("no playbook runs a flow ecko; did you mean echo")
    daemon.wait_log("the flow state has no parameter bonsu; did you mean bonus")
    assert daemon.metrics().get("sopd_settings_bad") == 0
    assert not degraded(daemon, "wrong")
    assert "unknown" in daemon.ctl("status").stdout


def test_a_reload_checks_everything_anew(bench, napcat, box):
    sop = os.path.join(box, "sop")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    text = 'local flow = sop.flow("days", { params = { n = { "integer", default = 1, max = %d } } })\n' \
           'flow:command("几天", function(c) c:say("{n} 天", { n = c.params.n }) end)\nreturn flow\n'

    def write(most):
        with open(os.path.join(sop, "flows", "days.lua"), "w", encoding="utf-8") as out:
            out.write(text % most)
    write(50)
    with open(os.path.join(sop, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, quiet = false, flows = { "days" } }\n')
    daemon = bench.served(napcat, sop=sop, config={"sop_watch": False})
    client = daemon.redis.client

    def says():
        before = len(napcat.sends("天"))
        napcat.emit(ev.group_msg(G, U, "几天"))
        napcat.wait(lambda: len(napcat.sends("天")) > before, 5)
        return napcat.sends("天")[-1].text
    client.hset("sopd:params", "days.n", "40")
    wait_until(lambda: edits(client), 3)
    assert says() == "40 天"
    write(30)
    daemon.reload()
    daemon.wait_log("days.n.*40 is above the maximum 30")
    assert says() == "1 天", "no value that the new flow refuses is in force"
    write(50)
    daemon.reload()
    wait_until(lambda: daemon.metrics().get("sopd_settings_bad") == 0, 3)
    assert says() == "40 天"
    assert [e[1] for e in edits(client)] == ["edit", "refused", "accepted"]


def test_each_kind_is_checked(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    wrong = {"sopd:toggles": ("echo", "maybe"), "sopd:params": ("state.bonus", "ten"), "sopd:paused": ("echo", "tomorrow"),
             "sopd:staff": ("qq1:1", "boss"), "sopd:versions": ("echo", "latest"),
             "sopd:chat-tags:qq1": (str(G), '["store"]')}
    for key, (field, value) in wrong.items():
        client.hset(key, field, value)
    client.set("sopd:toggles:gw:qq1", "off")
    wait_until(lambda: daemon.metrics().get("sopd_settings_bad") == 7, 3)
    faults = json.loads(daemon.ctl("status", "--json").stdout)["settings"]["faults"]
    assert {(f["key"], f["field"]) for f in faults} == \
        {(k, f) for k, (f, _) in wrong.items()} | {("sopd:toggles:gw:qq1", "")}
    for fault in faults:
        assert fault["why"] and fault["remedy"], fault
    assert pings(napcat, "1"), "none of them does anything"
    assert {e[1] for e in edits(client)} == {"refused"} and len(edits(client)) == 7
    for key in wrong:
        client.delete(key)
    client.delete("sopd:toggles:gw:qq1")
    wait_until(lambda: daemon.metrics().get("sopd_settings_bad") == 0, 3)
    wait_until(lambda: not client.exists("sopd:settings-kept") and not client.exists("sopd:settings-seen"), 3)


# ---- the record ------------------------------------------------------------------------------------------------


def test_each_edit_is_recorded_once_with_two_daemons(bench, napcat):
    daemon = bench.served(napcat)
    second_gateway = bench.gateway("napcat")
    second = bench.served(second_gateway, redis=daemon.redis, name="second", start=False)
    second.config["gateways"][0]["name"] = "qq2"
    second.start()
    second_gateway.wait_ready()
    client = daemon.redis.client
    for i in range(40):
        client.hset("sopd:toggles:chat:qq1:%d" % (G + i % 20), "echo", "off" if i < 20 else "on")
        time.sleep(0.003)
    client.delete("sopd:toggles:chat:qq1:%d" % G)
    wait_until(lambda: len(edits(client)) >= 41, 3)
    time.sleep(0.3)
    assert len(edits(client)) == 41
    second.stop()
    daemon.kill()
    client.hset("sopd:toggles", "echo", "off")
    client.hdel("sopd:toggles:chat:qq1:%d" % (G + 1), "echo")
    daemon.start()
    second.start()
    wait_until(lambda: len(edits(client)) >= 43, 3)
    time.sleep(0.3)
    assert sorted(edits(client, 41)) == [
        ("redis", "edit", "sopd:toggles", "echo", "", "off"),
        ("redis", "edit", "sopd:toggles:chat:qq1:%d" % (G + 1), "echo", "on", "")]


def test_ctl_says_who_it_was(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    daemon.ctl("toggle", "echo", "off", "--who", "mei", "--reason", "too loud")
    wait_until(lambda: not pings(napcat, "a%d" % time.monotonic_ns()), 3)
    daemon.ctl("param", "set", "state.bonus", "5", "--tag", "store")
    daemon.ctl("toggles", "unset", "echo")
    client.hset("sopd:toggles", "state", "on")
    wait_until(lambda: len(edits(client)) == 4, 3)
    assert edits(client)[0] == ("mei", "toggle", "sopd:toggles", "echo", "", "off")
    assert edits(client)[1][1:] == ("param", "sopd:params:tag:store", "state.bonus", "", "5")
    assert "@" in edits(client)[1][0]
    assert edits(client)[2][1:] == ("toggle", "sopd:toggles", "echo", "off", "")
    assert edits(client)[3][0] == "redis"
    shown = daemon.ctl("audit").stdout
    assert "mei" in shown and "too loud" in shown and "toggles echo: - -> off" in shown
    assert "state.bonus" not in daemon.ctl("audit", "--flow", "echo").stdout
    assert "state.bonus" in daemon.ctl("audit", "--flow", "state").stdout
    assert len(json.loads(daemon.ctl("audit", "--who", "mei", "--json").stdout)) == 1
    assert json.loads(daemon.ctl("audit", "--since", "1h", "--limit", "2", "--json").stdout)[-1]["field"] == "state"
    assert json.loads(daemon.ctl("audit", "--key", "sopd:params", "--json").stdout)[0]["after"] == "5"


def test_ctl_refuses_what_is_wrong(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client

    def refused(*args):
        done = daemon.ctl(*args, check=False)
        assert done.returncode == 1, (args, done)
        return done.stderr
    assert "above the maximum 100" in refused("param", "set", "state.bonus", "400")
    assert "did you mean bonus" in refused("param", "set", "state.bonsu", "4")
    assert "did you mean echo" in refused("toggle", "ecko", "off")
    assert "did you mean echo" in refused("pause", "ecko")
    assert not client.exists("sopd:params", "sopd:toggles", "sopd:paused")
    daemon.ctl("toggle", "ecko", "off", "--force")
    assert client.hget("sopd:toggles", "ecko") == "off"
    got = json.loads(daemon.ctl("param", "get", "state.bonus", "--json").stdout)
    assert got["declared"]["max"] == 100 and got["value"] is None
    daemon.stop()
    done = daemon.ctl("param", "set", "state.bonus", "8")
    assert "not checked" in done.stderr and client.hget("sopd:params", "state.bonus") == "8"
    assert "state.bonus" in daemon.ctl("param").stdout
    assert daemon.ctl("pause", "echo", "--until", "then", check=False).returncode == 2
    assert daemon.ctl("pause", "echo", "--for", "1h", "--chat", "nowhere", check=False).returncode == 2


# ---- a Redis that reports no changes ---------------------------------------------------------------------------


@pytest.mark.parametrize("refused", ["-client|tracking", "-client|id", "resetchannels"])
def test_tracking_is_refused(bench, napcat, refused):
    server = bench.redis(tcp=True)
    server.client.execute_command("ACL", "SETUSER", "bot", "on", ">pw", "~*", "&*", "+@all", refused)
    daemon = bench.served(napcat, redis=server,
                          config={"redis": "redis://bot:pw@127.0.0.1:%d" % server.port})
    client = server.client
    assert pings(napcat, "1")
    daemon.wait_log("read every second", 8)
    assert daemon.log().count("read every second") == 1, "said once"
    assert "read every second" in daemon.ctl("status").stdout
    for value, answers in (("off", False), ("on", True), ("off", False)):
        client.hset("sopd:toggles:chat:qq1:%d" % G, "echo", value)
        wait_until(lambda want=answers: pings(napcat, "p%d" % time.monotonic_ns()) is want, 2.6 * PATIENCE, 0.1,
                   "an edit, found by reading")
    client.delete("sopd:toggles:chat:qq1:%d" % G)
    wait_until(lambda: pings(napcat, "q%d" % time.monotonic_ns()), 2.6 * PATIENCE, 0.1)
    assert len(edits(client)) == 4
    assert daemon.log().count("redis connection lost") <= 3


def test_the_subscription_is_cut_in_the_middle(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    assert pings(napcat, "1")
    for i in range(4):
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        client.hset("sopd:toggles", "echo", "off" if i % 2 == 0 else "on")
        wait_until(lambda want=bool(i % 2): pings(napcat, "p%d" % time.monotonic_ns()) is want, 2.6 * PATIENCE, 0.05)
    wait_until(lambda: "Redis reports" not in daemon.ctl("status").stdout, 3)
    client.hset("sopd:toggles", "echo", "off")
    time.sleep(0.1 * PATIENCE)
    assert not pings(napcat, "last"), "at once again"
