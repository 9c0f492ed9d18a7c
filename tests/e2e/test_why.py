"""`sopd ctl why`: event, flow, turn, message, acknowledgement; read back from Redis."""

import json

import pytest

from harness import Fail, events as ev, store, wait_until

G, U = ev.GROUP, ev.USER
CHAT = "qq1:%d" % G


def say(gateway, what, group=G, user=U, **fields):
    gateway.emit(ev.group_msg(group, user, what, **fields))


def why(daemon, *args):
    return json.loads(daemon.ctl("why", *args, "--json").stdout)


def known(daemon, *args, least=1):
    """The timeline, once it has that many entries and every message in it has ended."""
    def look():
        turns = why(daemon, *args)
        outs = [out for turn in turns for out in turn.get("out", [])]
        return turns if len(turns) >= least and all("end" in out for out in outs) else None
    return wait_until(look, 5, what="the timeline to be complete")


def test_from_the_event_to_the_acknowledgement(bench, napcat):
    daemon = bench.served(napcat)
    say(napcat, "说 你好呀", name="小美")
    sent = napcat.wait_send("你好呀")
    turn, = known(daemon, CHAT)
    assert turn["in"] == "message" and turn["user"] == str(U) and turn["name"] == "小美"
    assert turn["said"] == "说 你好呀"
    assert ["echo", "command:说"] in [ran[:2] for ran in turn["ran"]]
    out, = turn["out"]
    assert "你好呀" in out["text"] and out["end"]["as"] == "sent" and out["end"]["message"], (out, sent)
    text = daemon.ctl("why", CHAT).stdout
    assert '小美 (%d) said "说 你好呀"' % U in text
    assert "ran echo command:说, version" in text and "sent after" in text


def test_one_member(bench, napcat):
    daemon = bench.served(napcat)
    say(napcat, "说 甲")
    say(napcat, "说 乙", user=U + 1)
    napcat.wait_send("乙")
    known(daemon, CHAT, least=2)
    assert [turn["said"] for turn in why(daemon, CHAT, str(U + 1))] == ["说 乙"]
    assert len(why(daemon, CHAT, "--limit", "1")) == 1
    assert why(daemon, CHAT, "nobody") == []
    assert "nothing is known" in daemon.ctl("why", CHAT, "nobody").stdout
    assert len(why(daemon, CHAT, "--since", "1h")) == 2


def test_what_did_not_run_is_named(bench, napcat):
    daemon = bench.served(napcat)
    daemon.ctl("toggles", "set", "echo", "off", "--chat", CHAT)
    def refused():
        say(napcat, "说 听不见")
        return [ran for turn in why(daemon, CHAT) for ran in turn.get("ran", []) if len(ran) == 4]
    skipped = wait_until(refused, 5, what="the refusal to show")
    assert skipped[0][:2] == ["echo", "command:说"] and skipped[0][3] == "toggle"
    assert "switched off" in daemon.ctl("why", CHAT).stdout


def test_a_failed_send_says_why(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = Fail(1404, "群不存在")
    say(napcat, "说 出不去")
    turn, = known(daemon, CHAT)
    assert turn["out"][0]["end"]["as"] == "failed" and turn["out"][0]["end"]["reason"]


def test_it_is_short_bounded_and_expires(bench, napcat):
    daemon = bench.served(napcat)
    client = daemon.redis.client
    for i in range(300):
        say(napcat, "说 第%d句" % i, user=U + i % 7)
    wait_until(lambda: client.llen(store.key("qq1", "trace", G)) > 30, 10, what="the trace")
    key = store.key("qq1", "trace", G)
    wait_until(lambda: any("left_out" in json.loads(line) for line in client.lrange(key, 0, -1)), 10,
               what="what was left out to be counted")
    assert client.llen(key) <= 200
    assert 0 < client.ttl(key) <= 7 * 86400


def test_without_a_daemon_and_after_kill(bench, napcat):
    daemon = bench.served(napcat)
    say(napcat, "说 留痕")
    napcat.wait_send("留痕")
    known(daemon, CHAT)
    daemon.kill()
    assert why(daemon, CHAT)[0]["said"] == "说 留痕"


@pytest.mark.parametrize("level, kept", [('"facts"', False), ("false", None)])
def test_words_need_not_be_kept(bench, napcat, level, kept):
    daemon = bench.served(napcat, start=False)
    daemon.config["trace"] = {'"facts"': "facts", "false": False}[level]
    daemon.start()
    napcat.wait_ready()
    say(napcat, "说 秘密")
    napcat.wait_send("秘密")
    if kept is None:
        assert why(daemon, CHAT) == []
        return
    turn, = known(daemon, CHAT)
    assert "秘密" not in json.dumps(turn, ensure_ascii=False)
    assert turn["out"][0]["end"]["as"] == "sent"


def test_wrong_use(bench, napcat):
    daemon = bench.served(napcat)
    for args in (["why"], ["why", "qq1"], ["why", CHAT, "--since", "soon"], ["why", CHAT, "--limit", "x"],
                 ["why", CHAT, "a", "b"]):
        assert daemon.ctl(*args, check=False).returncode == 2, args
