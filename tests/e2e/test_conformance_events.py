"""Checklist 37-58: every kind of event, its twins, its odd forms.

The probe flow turns what reached a handler into a business event; the tests read it there.
"""

import time

import pytest

from harness import events as ev, store

G, U = ev.GROUP, ev.USER


@pytest.fixture
def line(bench, napcat):
    """A NapCat gateway that is served; .seen(...) waits for probe events."""
    daemon = bench.served(napcat)
    napcat.daemon = daemon
    napcat.seen = lambda count=1, **match: store.wait_seen(daemon.redis.client, count, **match)

    def fence(group=G):
        """Everything emitted before is through when this returns."""
        mark = "fence %d" % ev.next_message_id()
        napcat.emit(ev.group_msg(group, 3999999999, mark))
        napcat.seen(text=mark)
        return [e for e in store.business_events(daemon.redis.client, name="seen")
                if not str(e.get("text", "")).startswith("fence ")]
    napcat.fence = fence
    return napcat


def test_c37_heartbeat_is_no_response(line):
    for status in ({"online": True, "good": True}, {}, {"online": None}):
        event = ev.heartbeat()
        event["status"] = status
        line.emit(event)
    assert line.fence() == []
    line.emit(ev.group_msg(G, U, "ping 1"))
    line.wait_send("pong 1")


def test_c38_lifecycle_with_odd_time(line):
    line.emit(ev.lifecycle(time=1400000000), {**ev.lifecycle(), "_post_method": 2, "time": "x"})
    line.fence()
    assert len(line.conns) == 1 and line.conn.open


@pytest.mark.parametrize("private", [False, True], ids=["group", "private"])
def test_c39_array_and_string_are_the_same(bench, private):
    message = [ev.quote(1187204001), ev.at(ev.SELF), ev.text(" 你好 [CQ:x] & a,b"),
               {"type": "face", "data": {"id": "14"}}]
    seen = []
    for persona in ("napcat", "gocq"):
        gateway = bench.gateway(persona)
        daemon = bench.served(gateway, name=persona)
        if private:
            gateway.emit(ev.private_msg(U, message, message_id=77))
        else:
            gateway.emit(ev.group_msg(G, U, message, message_id=77))
        found = store.wait_seen(daemon.redis.client)[0]
        seen.append({k: found.get(k) for k in ("kind", "chat", "user", "name", "text", "at_me",
                                               "private", "quoted", "message_id", "segments")})
    assert seen[0] == seen[1]
    assert seen[0]["text"].strip().startswith("你好 [CQ:x] & a,b")
    assert seen[0]["chat"] == ("@%d" % U if private else str(G))


@pytest.mark.parametrize("message", [[], "", {"type": "text", "data": {"text": ""}}, None, ...],
                         ids=["list", "text", "single", "null", "missing"])
def test_c40_empty_content_is_kept(line, message):
    event = ev.group_msg(G, U, "x")
    event["raw_message"] = ""
    if message is ...:
        del event["message"]
    else:
        event["message"] = message
    line.emit(event)
    found = line.seen(kind="message", user=str(U))[0]
    assert found["text"] == ""


def test_c40_single_segment_object(line):
    line.emit(ev.group_msg(G, U, {"type": "text", "data": {"text": "ping 单个"}}))
    line.wait_send("pong 单个")


@pytest.mark.parametrize("sender, name", [
    (..., str(U)), (None, str(U)), ({}, str(U)), ({"nickname": ""}, str(U)),
    ({"nickname": "小美"}, "小美"), ({"nickname": "小美", "card": ""}, "小美"),
    ({"nickname": "小美", "card": "福利-小美"}, "福利-小美"),
    ({"nickname": "小美", "card": None, "role": None, "level": 3}, "小美")])
def test_c41_sender_may_be_partial(line, sender, name):
    event = ev.group_msg(G, U, "我是谁")
    if sender is ...:
        del event["sender"]
    else:
        event["sender"] = sender
    line.emit(event)
    assert line.seen(text="我是谁")[0]["name"] == name


def test_c42_own_messages_trigger_nothing(line):
    own = ev.self_msg(G, "ping 自己", 991)
    as_message = ev.group_msg(G, ev.SELF, "ping 自己")
    as_text_id = ev.group_msg(G, str(ev.SELF), "ping 自己")
    system = ev.group_msg(G, U, "ping 系统", sub_type="notice")
    line.emit(own, as_message, as_text_id, system)
    line.fence()
    line.settle(0.3)
    assert not line.sends()


def test_c43_same_message_id_counts_once_per_group(line):
    event = ev.group_msg(G, U, "累计", message_id=555)
    line.emit(event, event, dict(event))
    line.emit(ev.group_msg(G + 1, U, "累计", message_id=555))
    line.fence()
    line.fence(G + 1)
    client = line.daemon.redis.client
    assert store.group(client, "state", G)["total"] == "1"
    assert store.group(client, "state", G + 1)["total"] == "1"
    metrics = line.daemon.metrics()
    assert metrics.get("sopd_duplicates_total") + metrics.get("sopd_events_repeated_total") >= 2


def test_c43_after_a_reconnect_too(line):
    line.emit(ev.group_msg(G, U, "累计", message_id=556))
    line.wait_send("累计 1")
    line.cut()
    line.wait_link(2)
    line.repeat_last(1)
    line.emit(ev.group_msg(G, U, "累计", message_id=557))
    line.wait_send("累计 2")
    line.fence()
    assert store.group(line.daemon.redis.client, "state", G)["total"] == "2"


def test_c44_join_reported_twice_is_one(line):
    line.emit(ev.join(G, 3300000005, operator=0, sub_type="approve"))
    time.sleep(0.2)
    line.emit(ev.join(G, 3300000005, operator=3300000009, sub_type="invite"))
    line.emit(ev.join(G, 3300000006, operator=0))
    line.seen(2, kind="join")
    time.sleep(1.5)
    line.emit(ev.join(G, 3300000006, operator=3300000009))
    joins = {e["user"]: e.get("operator") for e in line.fence() if e["kind"] == "join"}
    assert joins == {"3300000005": "3300000009", "3300000006": None}
    assert len(line.seen(2, kind="join")) == 2


def test_c44_our_own_coming_is_told_to_no_flow(line):
    line.emit(ev.join(G + 7, ev.SELF, operator=3300000009, sub_type="invite"), ev.join(G + 7, 3300000011))
    line.seen(1, kind="join")
    assert [e["user"] for e in line.fence() if e["kind"] == "join"] == ["3300000011"]
    line.emit(ev.group_msg(G + 7, U, "ping 新群"))
    line.wait_send("pong 新群", chat=G + 7)


def test_c45_upload_notice_and_file_message_are_one(line):
    file_segment = {"type": "file", "data": {"file": "schedule.pdf", "file_id": "/f-1",
                                             "file_size": "184320"}}
    line.emit(ev.upload(G, U, "schedule.pdf", 184320), ev.group_msg(G, U, [file_segment]))
    line.emit(ev.group_msg(G, U + 1, [file_segment]), ev.upload(G, U + 1, "schedule.pdf", 184320))
    time.sleep(0.3)
    found = [e for e in line.fence() if e["user"] in (str(U), str(U + 1))]
    assert sorted(e["user"] for e in found) == [str(U), str(U + 1)], found


def test_c46_whole_group_mute_whatever_the_duration(line):
    for i, duration in enumerate((-1, 268435455, 0)):
        line.emit(ev.ban(G, 0, duration, time=ev.now() - 20 + 2 * i))
        line.seen(i + 1, kind="mute", sub="ban")
        line.emit(ev.ban(G, 0, 0, sub_type="lift_ban", time=ev.now() - 19 + 2 * i))
        line.seen(i + 1, kind="mute", sub="lift_ban")
    line.emit(ev.group_msg(G, U, "ping 解禁"))
    line.wait_send("pong 解禁")


def test_c46_whole_group_mute_holds_a_plain_member(line):
    line.emit(ev.ban(G, 0, -1))
    line.seen(kind="mute")
    line.emit(ev.group_msg(G, U, "ping 全禁"))
    line.emit(ev.group_msg(G + 1, U, "ping 别群"))
    line.wait_send("pong 别群")
    time.sleep(0.3)
    assert not line.sends("pong 全禁")
    line.emit(ev.ban(G, 0, 0, sub_type="lift_ban"))
    line.wait_send("pong 全禁")


def test_c47_ban_on_self_holds_that_group(line):
    line.emit(ev.ban(G, ev.SELF, 600))
    line.fence()
    line.emit(ev.group_msg(G, U, "ping 被禁"))
    line.emit(ev.group_msg(G + 1, U, "ping 别群"))
    line.wait_send("pong 别群")
    time.sleep(0.5)
    assert not line.sends("pong 被禁")
    line.emit(ev.ban(G, ev.SELF, 0, sub_type="lift_ban"))
    line.wait_send("pong 被禁")


def test_c47_short_ban_ends_by_itself(line):
    line.emit(ev.ban(G, ev.SELF, 2))
    line.fence()
    line.emit(ev.group_msg(G, U, "ping 短禁"))
    action = line.wait_send("pong 短禁", timeout=8)
    assert action.time - line.actions[0].time >= 0.5


@pytest.mark.parametrize("event", [
    ev.leave(G, ev.SELF, operator=3300000009, sub_type="kick_me"),
    ev.leave(G, ev.SELF, operator=0, sub_type="disband"),
    ev.notice("group_dismiss", group_id=G, user_id=3300000009),
], ids=["kick_me", "disband", "group_dismiss"])
def test_c48_removed_from_the_group(line, event):
    line.emit(ev.ban(G, ev.SELF, 600))
    line.fence()
    line.emit(ev.group_msg(G, U, "ping 没了"))
    line.seen(text="ping 没了")
    line.emit({**event, "time": ev.now()})
    time.sleep(0.3)
    line.emit(ev.ban(G, ev.SELF, 0, sub_type="lift_ban"))
    line.emit(ev.group_msg(G + 1, U, "ping 还在"))
    line.wait_send("pong 还在")
    time.sleep(0.3)
    assert not line.sends("pong 没了")
    assert not store.outbox(line.daemon.redis.client)


def test_c49_recall_of_an_unknown_message(line):
    line.emit(ev.recall(G, U, 424242), ev.recall(G, U, 424242, operator=3300000009))
    line.emit({**ev.notice("friend_recall"), "user_id": U, "message_id": -1208745511})
    found = [e for e in line.fence() if e["kind"] == "recall"]
    assert len([e for e in found if e["chat"] == str(G)]) == 1
    assert not line.daemon.log_records(level="error")


def test_c50_pokes(line):
    huge = [{"col": "1", "nm": "", "type": "qq", "uid": "u_x" * 20}] * 4000
    line.emit(ev.poke(G, U, raw_info=huge))
    line.emit(ev.notify("poke", user_id=U + 1, target_id=ev.SELF, sender_id=U + 2))
    line.emit(ev.poke(G, ev.SELF, U))
    line.emit(ev.notify("poke", user_id=U, target_id=U, sender_id=ev.SELF))
    found = [e for e in line.fence() if e["kind"] == "poke"]
    assert sorted(e["user"] for e in found) == [str(U), str(U + 2)], found


def test_c51_unknown_notices_are_generic_events(line):
    line.emit(ev.notify("something_new", group_id=G, user_id=U, x={"y": [1]}))
    line.emit(ev.notice("novelty", group_id=G, user_id=U + 1))
    found = [e for e in line.fence() if e["kind"] == "other"]
    assert {e["user"] for e in found} == {str(U), str(U + 1)}
    assert not line.daemon.log_records(level="error|warn")


def test_c51_typing_notices_are_dropped_without_noise(line):
    line.emit(ev.notify("input_status", user_id=U, group_id=0, event_type=1, status_text="..."))
    line.fence()
    assert not line.daemon.log_records(level="error|warn")


def test_c52_request_with_the_same_flag_is_one(line):
    event = ev.request_group(G, 3300000007, "1767225774012345", comment="问题:a\n答案:b")
    line.emit(event, {**event, "time": event["time"] + 1})
    line.emit(ev.request_group(G, 3300000008, "1767225774012346"))
    found = [e for e in line.fence() if e["kind"] == "request"]
    assert sorted(e["flag"] for e in found) == ["1767225774012345", "1767225774012346"]


@pytest.mark.parametrize("comment", [None, ..., "", "第一行\n第二行\r\n第三行"],
                         ids=["null", "absent", "empty", "lines"])
def test_c53_request_comments(line, comment):
    event = ev.request_friend(3300000006, "flag|-1")
    if comment is ...:
        del event["comment"]
    else:
        event["comment"] = comment
    line.emit(event)
    assert line.seen(kind="request")[0]["flag"] == "flag|-1"


def test_c54_add_and_invite_are_told_apart(line):
    line.emit(ev.request_group(G, 3300000007, "a1", sub_type="add"))
    line.emit(ev.request_group(G + 9, 3300000001, "700000044|1767225775000000|1|0", sub_type="invite"))
    found = line.seen(2, kind="request")
    assert {e["flag"]: e["sub"] for e in found} == {
        "a1": "add", "700000044|1767225775000000|1|0": "invite"}


def test_c55_time_in_milliseconds_and_missing(line):
    now = time.time()
    line.emit(ev.group_msg(G, U, "毫秒", time=int(now * 1000)))
    event = ev.group_msg(G, U, "没有")
    del event["time"]
    line.emit(event)
    line.emit(ev.group_msg(G, U, "太远", time=4000000000))
    for text in ("毫秒", "没有", "太远"):
        seen = line.seen(text=text)[0]
        stamp = float(seen["time"])
        stamp = stamp / 1000 if stamp > 1e11 else stamp
        assert abs(stamp - now) < 10, seen


def test_c56_old_message_is_recorded_but_not_answered(line):
    line.emit(ev.group_msg(G, U, "ping 旧", time=ev.now() - 200))
    line.emit(ev.group_msg(G, U, "ping 新", time=ev.now() - 60))
    line.wait_send("pong 新")
    line.seen(text="ping 旧")
    line.settle(0.3)
    assert not line.sends("pong 旧")
    assert store.member(line.daemon.redis.client, "echo", G, U)["pings"] == "2"


def test_c57_bot_offline(line):
    line.online = False
    line.emit(ev.notice("bot_offline", user_id=ev.SELF, tag="KickedOffLine", message="signed in elsewhere"))
    line.daemon.wait_log("level=(warn|error).*offline")
    assert "offline" in line.daemon.ctl("gateways").stdout
    link = line.conn
    line.emit(ev.group_msg(G, U, "ping 掉线"))
    time.sleep(0.5)
    assert not line.sends() and link.open


def test_c58_extension_notices_parse(line):
    line.emit(
        ev.notice("group_card", group_id=G, user_id=U, card_new="Zhou | Shenzhen", card_old="x"),
        ev.notice("essence", sub_type="add", group_id=G, message_id=1187204412, sender_id=U,
                  operator_id=3300000009),
        ev.notice("group_msg_emoji_like", group_id=G, user_id=U, message_id=1187204412,
                  likes=[{"emoji_id": "76", "count": 1}], is_add=True),
        ev.notice("reaction", sub_type="add", group_id=G, message_id=1187204413,
                  operator_id=U, code="66", count=1),
        ev.notify("title", group_id=G, user_id=U, title="Organiser"),
        ev.notify("honor", group_id=G, user_id=U, honor_type="talkative"),
        ev.notify("lucky_king", group_id=G, user_id=U, target_id=U + 1),
        ev.notice("group_admin", sub_type="set", group_id=G, user_id=U),
        ev.notify("group_name", group_id=G, user_id=U, name_new="新群名"),
        ev.notice("offline_file", user_id=U, file={"name": "cv.pdf", "size": 90112, "url": "http://x"}),
        ev.notice("friend_add", user_id=3300000006))
    found = {e["kind"] for e in line.fence()}
    assert {"card", "essence", "reaction", "honor", "admin"} <= found
    card = line.seen(kind="card")[0]
    assert card["event_text"] == "Zhou | Shenzhen"
    reactions = line.seen(2, kind="reaction")
    assert {e["event_text"] for e in reactions} == {"76", "66"}
    assert not line.daemon.log_records(level="error")
