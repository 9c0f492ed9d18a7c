"""Checklist 19-36: action frames, responses, outcomes of sends, big frames.

The rules that hold for every action frame are checked by the harness in every test (Gateway._check);
a broken one fails the test in which it happened.
"""

import json
import time

import pytest

from harness import Fail, Raw, SILENCE, aio, events as ev, store

G, U = ev.GROUP, ev.USER


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def outcome(daemon, kind, at_least=1, timeout=5.0):
    """Wait until that many sends of qq1 ended so."""
    return daemon.wait_metric("sopd_sends_total", at_least, timeout, gateway="qq1", outcome=kind)


def test_c19_params_and_unique_echo(bench, napcat):
    bench.served(napcat)
    for i in range(30):
        say(napcat, "ping %d" % i, user=U + i)
    napcat.wait_send(count=30)
    echoes = [a.echo for a in napcat.actions]
    assert len(set(echoes)) == len(echoes)
    assert all(isinstance(a.params, dict) for a in napcat.actions)
    napcat.cut()
    napcat.wait_link(2)
    napcat.wait_action("get_login_info", count=2)
    echoes = [a.echo for a in napcat.actions]
    assert len(set(echoes)) == len(echoes), "an echo was used again after the reconnect"


def test_c20_answers_in_reverse_order(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "ping 甲", G)
    say(napcat, "ping 乙", G + 1)
    first, second = napcat.wait_send("pong 甲"), napcat.wait_send("pong 乙")
    napcat.respond(second, Fail(1200, "user not in group"))
    outcome(daemon, "failed")
    assert daemon.metrics().get("sopd_sends_total", gateway="qq1", outcome="sent") == 0
    assert len(store.outbox(daemon.redis.client)) == 1
    napcat.respond(first, {"message_id": 11})
    outcome(daemon, "sent")
    failed = daemon.log_records(chat=str(G + 1), level="warn|error|info")
    assert failed, "the refusal names its chat"
    assert not store.outbox(daemon.redis.client)


def test_c21_late_answer_is_ignored(bench, napcat):
    daemon = bench.served(napcat, entry={"timing": {"timeout": "700ms"}})
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "丢弃 慢")
    action = napcat.wait_send("drop 慢")
    outcome(daemon, "unknown")
    napcat.respond(action, Fail(1200, "too late"))
    napcat.answers.clear()
    say(napcat, "ping 后来")
    napcat.wait_send("pong 后来")
    outcome(daemon, "sent")
    metrics = daemon.metrics()
    assert metrics.get("sopd_sends_total", gateway="qq1", outcome="failed") == 0
    assert metrics.get("sopd_sends_total", gateway="qq1", outcome="unknown") == 1


def test_c22_unknown_echo_is_ignored(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "ping 回声")
    action = napcat.wait_send("pong 回声")
    for echo in (7, "elsewhere", "", None, True, {"a": 1}, [1], 1e300):
        napcat.respond(action, Raw({"status": "failed", "retcode": 1200, "data": None, "echo": echo}))
    time.sleep(0.2)
    assert daemon.metrics().get("sopd_sends_total", gateway="qq1", outcome="failed") == 0
    if action.echo.isdigit():
        napcat.respond(action, Raw({"status": "ok", "retcode": 0, "data": {"message_id": 1},
                                    "echo": int(action.echo)}))
    else:
        napcat.respond(action, {"message_id": 1})
    outcome(daemon, "sent")


ANSWERS = [
    pytest.param({"status": "ok", "retcode": 0}, "sent", id="c23_no_data"),
    pytest.param({"status": "ok", "retcode": 1}, "failed", id="c24_ok_with_retcode_1"),
    pytest.param({"status": "failed", "retcode": 200, "data": None}, "failed", id="c25_failed_200"),
    pytest.param({"status": "some text", "retcode": 0, "data": None}, "sent", id="c25_free_status"),
    pytest.param({"retcode": 0}, "sent", id="c25_no_status"),
    pytest.param({"status": "ok", "retcode": "0"}, "sent", id="c25_retcode_as_text"),
    pytest.param({"status": "failed", "retcode": 100, "msg": "GROUP_NOT_FOUND", "data": None},
                 "failed", id="c25_gocq_words"),
    pytest.param({}, "failed", id="c26_echo_alone"),
    pytest.param({"status": "ok", "retcode": 0, "data": "text"}, "sent", id="c23_data_is_text"),
    pytest.param({"status": "ok", "retcode": 0, "data": []}, "sent", id="c23_data_is_a_list"),
    pytest.param({"status": "failed", "retcode": 9000, "data": None}, "unknown", id="c29_lagrange_9000"),
]


@pytest.mark.parametrize("answer, wanted", ANSWERS)
def test_c23_c26_reading_an_answer(bench, answer, wanted):
    gateway = bench.gateway("lagrange")
    daemon = bench.served(gateway)
    gateway.answers["send_group_msg"] = Raw(answer)
    say(gateway, "丢弃 x")
    gateway.wait_send("drop x")
    outcome(daemon, wanted)
    metrics = daemon.metrics()
    assert metrics.get("sopd_sends_total", gateway="qq1") == 1, metrics.text
    gateway.answers.clear()
    say(gateway, "ping 之后")
    gateway.wait_send("pong 之后")


def test_c24_async_is_accepted_and_its_result_not_awaited(bench):
    gateway = bench.gateway("lagrange")
    daemon = bench.served(gateway)
    gateway.answers["send_group_msg"] = Raw({"status": "async", "retcode": 1, "data": None})
    say(gateway, "丢弃 x")
    gateway.wait_send("drop x")
    gateway.answers.clear()
    say(gateway, "ping 之后")
    gateway.wait_send("pong 之后")
    time.sleep(0.7)
    assert len(gateway.sends("drop x")) == 1
    assert daemon.metrics().get("sopd_sends_total", gateway="qq1", outcome="failed") == 0


def test_c27_events_between_request_and_response(bench, napcat):
    daemon = bench.served(napcat)
    napcat.report_self = "before"
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "ping 1")
    action = napcat.wait_send("pong 1")
    say(napcat, "插一句")
    napcat.emit(ev.heartbeat())
    store.wait_seen(daemon.redis.client, text="插一句")
    assert len(store.outbox(daemon.redis.client)) == 1
    napcat.respond(action, {"message_id": 5})
    outcome(daemon, "sent")


@pytest.mark.parametrize("retcode", [1404, 404])
def test_c28_unsupported_action_is_not_called_again(bench, napcat, retcode):
    napcat.answers["get_group_msg_history"] = Fail(retcode, "不支持的api")
    groups = [G + i for i in range(4)]
    napcat.groups = {g: "群%d" % g for g in groups}
    daemon = bench.served(napcat, entry={"catchup": 20})
    for group in groups:
        say(napcat, "ping 1", group)
    napcat.wait_send(count=4)
    outcome(daemon, "sent", 4)
    napcat.cut()
    conn = napcat.wait_link(2)
    napcat.wait_action("get_group_msg_history", timeout=8, where=lambda a: a.conn is conn)
    time.sleep(2.5)
    asked = napcat.find("get_group_msg_history", where=lambda a: a.conn is conn)
    assert len(asked) == 1, asked


def test_c29_timeout_text_means_unknown_and_no_second_send(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = Fail(
        1200, 'Timeout: NTEvent serviceAndMethod:NodeIKernelMsgService/sendMsg EventRet: {"result":0}')
    say(napcat, "丢弃 风控")
    napcat.wait_send("drop 风控")
    outcome(daemon, "unknown")
    time.sleep(2)
    assert len(napcat.sends("drop 风控")) == 1
    assert daemon.metrics().get("sopd_sends_total", gateway="qq1", outcome="failed") == 0


def test_c30_unknown_is_settled_by_the_own_message(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = Fail(1200, "Timeout: NTEvent")
    say(napcat, "ping 迟到")
    action = napcat.wait_send("pong 迟到")
    napcat.emit(ev.self_msg(G, action.params["message"], 205119999))
    outcome(daemon, "sent")
    time.sleep(0.5)
    assert len(napcat.sends("pong 迟到")) == 1
    assert not store.outbox(daemon.redis.client)


def test_c31_lost_link_leaves_sends_unknown_and_sends_the_rest(bench, napcat):
    daemon = bench.served(napcat, entry={"pace": {"account": [{"per": "1ms", "burst": 1000}],
                                                  "chat": [{"per": "600ms", "burst": 1}]}})
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "丢弃 已写")
    napcat.wait_send("drop 已写")
    say(napcat, "ping 未写")
    napcat.cut()
    napcat.answers.clear()
    outcome(daemon, "unknown")
    napcat.wait_link(2)
    napcat.wait_send("pong 未写", timeout=8)
    time.sleep(1)
    assert len(napcat.sends("drop 已写")) == 1
    assert len(napcat.sends("pong 未写")) == 1


@pytest.mark.parametrize("message_id", [-2147483648, 2147483647, "wx-77", 0, None, "", 9007199254740991])
def test_c32_message_ids_of_every_shape(bench, napcat, message_id):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = Raw({"status": "ok", "retcode": 0,
                                            "data": {"message_id": message_id}})
    say(napcat, "ping id")
    napcat.wait_send("pong id")
    outcome(daemon, "sent")
    time.sleep(0.2)
    assert len(napcat.sends()) == 1 and not store.outbox(daemon.redis.client)


def test_c33_ban_always_has_a_duration(bench, napcat):
    bench.served(napcat)
    say(napcat, "禁我")
    action = napcat.wait_action("set_group_ban")
    assert action.params == {"group_id": G, "user_id": U, "duration": 600}
    say(napcat, "踢我")
    kick = napcat.wait_action("set_group_kick")
    assert kick.params["user_id"] == U and kick.params.get("reject_add_request") is False


def test_c33_switches_are_booleans(bench, napcat):
    bench.served(napcat)
    for word, enable in (("全员禁言", True), ("全员解禁", False)):
        say(napcat, word)
        action = napcat.wait_action("set_group_whole_ban", where=lambda a: a.params["enable"] is enable)
        assert action.params == {"group_id": G, "enable": enable}
    say(napcat, "解禁我")
    assert napcat.wait_action("set_group_ban").params["duration"] == 0
    say(napcat, "改名 店员-小美")
    assert napcat.wait_action("set_group_card").params == {"group_id": G, "user_id": U, "card": "店员-小美"}


@pytest.mark.parametrize("flag", ["1767225774012345", "700000044|1767225775000000|1|0",
                                  "seq-700000001-2-filtered", "u_x/Y=="])
@pytest.mark.parametrize("sub_type", ["add", "invite"])
def test_c34_c52_c54_requests_are_answered(bench, napcat, flag, sub_type):
    bench.served(napcat)
    event = ev.request_group(G, 3300000007, flag, sub_type=sub_type, comment="请通过")
    napcat.emit(event, event)
    sent = time.monotonic()
    action = napcat.wait_action("set_group_add_request")
    assert action.params == {"flag": flag, "sub_type": sub_type, "type": sub_type, "approve": True, "reason": ""}
    assert 0.9 <= action.time - sent <= 3.5, "not too quick for NapCat, not too late"
    napcat.settle(0.5)
    assert len(napcat.find("set_group_add_request")) == 1


def test_c34_refusals_and_friends(bench, napcat):
    bench.served(napcat, entry={"timing": {"request_delay": "100ms"}})
    napcat.emit(ev.request_group(G, 3300000007, "17", comment="拒绝我"))
    action = napcat.wait_action("set_group_add_request")
    assert action.params["approve"] is False and action.params["reason"] == "人满了"
    napcat.emit(ev.request_friend(3300000008, "1767225769", comment="通过一下"))
    action = napcat.wait_action("set_friend_add_request")
    assert action.params["flag"] == "1767225769" and action.params["approve"] is True


@pytest.mark.parametrize("persona", ["napcat", "lagrange", "wechat", "llbot"])
def test_c35_private_send_has_one_target(bench, persona):
    gateway = bench.gateway(persona)
    bench.served(gateway)
    say(gateway, "私聊我", user=3300000001)
    action = gateway.wait_action("send_private_msg")
    if persona not in ("llbot",):
        assert "group_id" not in action.params
    assert action.params["user_id"] == 3300000001
    assert '3300000001' in action.raw and "e+" not in action.raw
    gateway.emit(ev.private_msg(4100000002, "ping 单聊"))
    reply = gateway.wait_action("send_private_msg", text="pong 单聊")
    assert reply.params["user_id"] == 4100000002


def test_c35_temporary_chat_is_answered_without_the_group(bench, napcat):
    bench.served(napcat)
    event = ev.private_msg(3300000002, "ping 临时", sub_type="group", temp_source=0)
    event["sender"]["group_id"] = G
    napcat.emit(event)
    action = napcat.wait_action("send_private_msg")
    assert set(action.params) & {"group_id", "user_id"} == {"user_id"}


def test_c35_text_ids_are_sent_as_strings(bench):
    gateway = bench.gateway("wechat")
    bench.served(gateway)
    event = ev.group_msg("34567@chatroom", "wxid_abc", "ping 微信")
    del event["message_id"], event["sub_type"]
    gateway.emit(event)
    action = gateway.wait_send("pong 微信")
    assert action.params["group_id"] == "34567@chatroom"


def test_c36_big_fragmented_frame_with_pings_between(bench, napcat):
    daemon = bench.served(napcat)
    event = ev.group_msg(G, U, "ping 巨大")
    event["padding"] = "大" * 600000
    data = json.dumps(event, ensure_ascii=False).encode()
    assert len(data) > 1500000
    size = 37777
    pieces = [data[i:i + size] for i in range(0, len(data), size)]
    napcat.emit_fragments(*pieces, pings=True)
    napcat.wait_send("pong 巨大")
    aio.run(napcat.conn.ws.ping())
    assert daemon.running()


def test_c36_frame_beyond_the_limit_is_closed_with_1009(bench, napcat):
    daemon = bench.served(napcat, entry={"max_frame": 1000000})
    conn = napcat.conn
    event = '{"post_type":"message","padding":"' + "x" * 1200000 + '"}'
    napcat.emit_text(event)
    assert napcat.wait_closed(conn) in (1009, 1006)
    napcat.wait_link(2)
    say(napcat, "ping 活着")
    napcat.wait_send("pong 活着")
    assert daemon.running()


def test_c36_limit_counts_over_fragments(bench, napcat):
    bench.served(napcat, entry={"max_frame": 1000000})
    conn = napcat.conn
    napcat.settle(0.3, 5)     # no answer to a start-up call between the pieces
    napcat.emit_fragments(*(["[" + "1," * 50000] + ["1," * 50000] * 15), finish=False)
    assert napcat.wait_closed(conn) in (1009, 1006)
    napcat.wait_link(2)
