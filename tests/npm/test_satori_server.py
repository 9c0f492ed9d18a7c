"""sopd at the Satori server that others wrote (@satorijs/server), with two accounts on it: it speaks the real protocol.

That server reads the older account headers, gives a login no number, and its events name the account outside of `login`.
"""

import pytest

from harness import LOOSE_PACE, TEST_SOP, reserve_port, wait_until
from harness.sopd import FAST

TOKEN = "T-0-K"


@pytest.fixture
def server(program):
    port = reserve_port()
    server = program("satori_server.js", port, TOKEN)
    server.port = port
    server.wait(event="listening")
    return server


def entry(server, name, platform, id, **fields):
    return {"name": name, "type": "satori", "url": "http://127.0.0.1:%d/satori" % server.port, "token": TOKEN,
            "login": {"platform": platform, "id": id}, "quotas": False, "pace": {"warmup": "0s", **LOOSE_PACE},
            "timing": FAST, **fields}


@pytest.fixture
def daemon(bench, server):
    redis = bench.redis()
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "staff": {"qq1:u1": "owner"}, "gateways": [
        entry(server, "qq1", "discord", "900"), entry(server, "qq2", "kook", "77")]})
    for name in ("qq1", "qq2"):
        daemon.wait_metric("sopd_gateway_up", gateway=name, timeout=10)
    return daemon


def message(channel, user, content, id, guild="g1"):
    direct = channel.startswith("private:")
    event = {"type": "message-created", "channel": {"id": channel, "type": 1 if direct else 0}, "user": {"id": user, "name": "Ann"},
             "message": {"id": id, "content": content}}
    return event if direct else {**event, "guild": {"id": guild}, "member": {"nick": "Annie"}}


def test_messages_are_heard_and_answered_by_the_account_that_heard_them(server, daemon):
    server.ask("happen", login="discord:900", event=message("c1", "u7", "说 你好 &lt;1&gt;", "m-1"))
    said = server.wait(login="discord:900", channel="c1")
    assert said["content"] == "你好 &lt;1&gt;"
    server.ask("happen", login="kook:77", event=message("c9", "u8", "说 酷", "m-2"))
    assert server.wait(login="kook:77", channel="c9")["content"] == "酷"


def test_an_answer_names_whom_it_answers(server, daemon):
    server.ask("happen", login="discord:900", event=message("c1", "u7", "引用", "m-3"))
    said = server.wait(login="discord:900", channel="c1")["content"]
    assert '<at id="u7"' in said and '<quote id="m-3"/>' in said and "看这里" in said


def test_a_member_joins(server, daemon):
    server.ask("happen", login="discord:900", event={
        "type": "guild-member-added", "guild": {"id": "c1"}, "channel": {"id": "c1", "type": 0}, "user": {"id": "u9", "name": "Neu"},
        "member": {"user": {"id": "u9"}}})
    daemon.wait_metric("sopd_events_total", gateway="qq1", type="join")


def test_an_account_goes_offline_and_comes_back(server, daemon):
    server.ask("status", login="discord:900", status=0)
    daemon.wait_log("qq1.*(offline|OFFLINE)")
    server.ask("status", login="discord:900", status=1)
    server.ask("happen", login="discord:900", event=message("c1", "u7", "说 又来", "m-5"))
    assert server.wait(login="discord:900", content="又来")


def test_a_private_chat(server, daemon):
    server.ask("happen", login="kook:77", event=message("private:u8", "u8", "说 悄悄", "m-7"))
    assert server.wait(login="kook:77", channel="private:u8")["content"] == "悄悄"


def test_a_message_that_is_told_twice_counts_once(server, daemon):
    for _ in range(3):
        server.ask("happen", login="discord:900", event=message("c1", "u7", "ping 一", "m-8"))
    server.wait(login="discord:900", content="pong 一")
    server.ask("happen", login="discord:900", event=message("c1", "u7", "ping 二", "m-9"))
    server.wait(login="discord:900", content="pong 二")
    assert [n["content"] for n in server.news if "sent" in n] == ["pong 一", "pong 二"]


def test_the_server_dies_and_comes_back(server, daemon, program):
    server.process.kill()
    server.process.wait(5)
    daemon.wait_log("connection lost")
    again = program("satori_server.js", server.port, TOKEN)
    again.wait(event="listening")
    for name in ("qq1", "qq2"):
        wait_until(lambda n=name: daemon.metrics().get("sopd_gateway_up", gateway=n) == 1, 10, 0.05)
    again.ask("happen", login="discord:900", event=message("c1", "u7", "ping 三", "m-10"))
    again.wait(login="discord:900", content="pong 三")


def test_a_wrong_token_is_refused(bench, server):
    redis = bench.redis()
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "gateways": [
        entry(server, "qq1", "discord", "900", token="SeCrEt-WrOnG")]})
    daemon.wait_log("refused|token", timeout=10)
    assert daemon.metrics().get("sopd_gateway_up", gateway="qq1") == 0 and "SeCrEt-WrOnG" not in daemon.log()
