"""Checklist 71-82: pacing, breakers, quotas, history, lists, and two links to one account."""

import json
import time

import pytest

from harness import Fail, SILENCE, TEST_SOP, events as ev, gateway_entry, reserve_port, store, wait_until

G, U = ev.GROUP, ev.USER


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def gaps(actions):
    return [b.time - a.time for a, b in zip(actions, actions[1:])]


def test_c71_replies_of_a_group_are_spread(bench, napcat):
    daemon = bench.served(napcat, entry={"pace": {"account": [{"per": "10ms", "burst": 1}],
                                                  "chat": [{"per": "250ms", "burst": 1}]}})
    say(napcat, "连发 8")
    napcat.wait_send("第 8 条", timeout=6)
    sends = napcat.sends()
    assert [a.text for a in sends] == ["第 %d 条" % i for i in range(1, 9)]
    waits = gaps(sends)
    assert min(waits) >= 0.15 and sum(waits) >= 0.24 * len(waits), waits
    daemon.wait_metric("sopd_sends_total", 8, gateway="qq1", outcome="sent")


def test_c71_account_limit_holds_over_groups(bench, napcat):
    bench.served(napcat, entry={"pace": {"account": [{"per": "200ms", "burst": 2}],
                                         "chat": [{"per": "10ms", "burst": 5}]}})
    for i in range(6):
        say(napcat, "ping %d" % i, group=G + i)
    napcat.wait_send("pong", count=6, timeout=6)
    times = [a.time for a in napcat.sends()]
    assert times[5] - times[0] >= 0.65, times
    assert times[1] - times[0] <= 0.15, "the burst of two goes out at once"


def test_c71_pace_survives_a_restart(bench, napcat):
    daemon = bench.served(napcat, entry={"pace": {"account": [{"per": "10ms", "burst": 10}],
                                                  "chat": [{"per": "500ms", "burst": 1}]}})
    say(napcat, "连发 6")
    napcat.wait_send("第 2 条")
    daemon.kill()
    daemon.start()
    napcat.wait_send("第 6 条", timeout=10)
    sends = napcat.sends()
    first_after = [a for a in sends if a.conn is napcat.conns[-1]]
    waits = gaps(first_after)
    assert min(waits) >= 0.3 and sum(waits) >= 0.45 * len(waits), waits


def test_c72_three_unknown_results_open_the_breaker(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = Fail(1200, "Timeout: NTEvent")
    for i in range(3):
        say(napcat, "丢弃 %d" % i)
        napcat.wait_send("drop %d" % i)
    daemon.wait_metric("sopd_circuit_opens_total", gateway="qq1")
    say(napcat, "丢弃 3")
    say(napcat, "丢弃 4", group=G + 1)
    time.sleep(0.8)
    assert len(napcat.sends()) == 3
    assert len(daemon.log_records(gateway="qq1", level="warn|error", msg="(?i)paused")) == 1
    napcat.answers.clear()                   # the pause is 3 s here; one probe, and all is well again
    napcat.wait_send("drop 3", timeout=8)
    napcat.wait_send("drop 4")


def test_c73_muted_failure_holds_that_group_only(bench, napcat):
    bench.served(napcat)
    napcat.answers["send_group_msg"] = lambda a: (
        Fail(1200, 'EventChecker Failed: sendMsg {"result": 120, "errMsg": ""}')
        if a.params["group_id"] == G else {"message_id": 5})
    say(napcat, "ping 1")
    napcat.wait_send("pong 1")
    say(napcat, "ping 2")
    say(napcat, "ping 3", group=G + 1)
    napcat.wait_send("pong 3")
    time.sleep(0.5)
    assert not napcat.sends("pong 2")
    napcat.answers.clear()
    napcat.emit(ev.ban(G, ev.SELF, 0, sub_type="lift_ban"))
    napcat.wait_send("pong 2")


def test_c74_at_all_only_with_quota(bench, napcat):
    bench.served(napcat)
    say(napcat, "全体")
    action = napcat.wait_send("开会")
    assert action.mentions == ["all"]
    asked = napcat.find("get_group_at_all_remain")
    assert asked and asked[0].time <= action.time


@pytest.mark.parametrize("quota", [
    {"can_at_all": False, "remain_at_all_count_for_group": 5, "remain_at_all_count_for_uin": 5},
    {"can_at_all": True, "remain_at_all_count_for_group": 0, "remain_at_all_count_for_uin": 5},
    {"can_at_all": True, "remain_at_all_count_for_group": 5, "remain_at_all_count_for_uin": 0}])
def test_c74_without_quota_nobody_is_called(bench, napcat, quota):
    napcat.answers["get_group_at_all_remain"] = quota
    daemon = bench.served(napcat)
    say(napcat, "全体")
    daemon.wait_log("(?i)@all|everybody|quota")
    say(napcat, "ping 之后")
    napcat.wait_send("pong 之后")
    assert not [a for a in napcat.sends() if "all" in a.mentions]
    wait_until(lambda: not store.outbox(daemon.redis.client), 3, what="the outbox to be empty")


def test_c74_unknown_quota_means_once_a_day(bench):
    gateway = bench.gateway("lagrange")
    gateway.answers["get_group_at_all_remain"] = Fail(404)
    bench.served(gateway)
    gateway.emit(ev.group_admin(G, ev.SELF))
    say(gateway, "全体")
    say(gateway, "全体", user=U + 1)
    say(gateway, "ping 之后")
    gateway.wait_send("pong 之后")
    gateway.settle(0.3)
    assert sum("all" in a.mentions for a in gateway.sends()) <= 1


def missed(gateway, count, first_id=8001, group=G):
    """The link is lost, messages come in the meantime, the link is back: they are in the history."""
    conn = gateway.conn
    gateway.stop_listening()
    gateway.wait_closed(conn)
    page = [ev.group_msg(group, U + i, "累计", message_id=first_id + i, message_seq=first_id + i)
            for i in range(count)]
    return page


ANCHORS = [("napcat", {"message_seq"}), ("llbot", {"message_seq"}), ("lagrange", {"message_id"}),
           ("gocq", {"message_seq"})]


@pytest.mark.parametrize("persona, anchors", ANCHORS)
def test_c75_history_after_a_gap(bench, persona, anchors):
    gateway = bench.gateway(persona)
    daemon = bench.served(gateway, entry={"catchup": 20})
    known = ev.group_msg(G, U, "累计", message_id=8000, message_seq=8000)
    gateway.emit(known)
    gateway.wait_send("累计 1")
    gateway.history[G] = [known] + missed(gateway, 5)
    gateway.start()
    conn = gateway.wait_link(2)
    asked = gateway.wait_action("get_group_msg_history", timeout=8, where=lambda a: a.conn is conn)
    assert asked.params["group_id"] == G
    extra = set(asked.params) - {"group_id", "count", "reverse_order", "reverseOrder"}
    assert extra <= anchors, asked.params
    if persona != "gocq" and "count" in asked.params:
        assert isinstance(asked.params["count"], int)
    gateway.wait_send("累计 6", timeout=8)
    assert store.group(daemon.redis.client, "state", G)["total"] == "6", "one is known, five are new"


def test_c75_paging_backwards(bench, napcat):
    """A gap longer than a page: older pages are asked for until what is known is reached."""
    daemon = bench.served(napcat, entry={"catchup": 100})
    known = ev.group_msg(G, U, "累计", message_id=8000)
    napcat.emit(known)
    napcat.wait_send("累计 1")
    everything = [known] + missed(napcat, 45)
    for i, event in enumerate(everything):
        event["time"] += i // 4

    def page(action):
        ids = [m["message_id"] for m in everything]
        anchor = action.params.get("message_seq")
        end = ids.index(int(anchor)) + 1 if anchor else len(ids)
        return {"messages": everything[max(0, end - 20):end]}
    napcat.answers["get_group_msg_history"] = page
    napcat.start()
    napcat.wait_send("累计 46", timeout=15)
    assert store.group(daemon.redis.client, "state", G)["total"] == "46"


def test_c76_overlapping_disordered_history(bench, napcat):
    daemon = bench.served(napcat, entry={"catchup": 20})
    known = ev.group_msg(G, U, "累计", message_id=8000, time=ev.now() - 2)
    napcat.emit(known)
    napcat.wait_send("累计 1")
    new = missed(napcat, 5)
    for i, event in enumerate(new):
        event["time"] += i
    napcat.history[G] = [new[4], None, new[1], new[1], {"message_id": 1}, known, new[0], 7, new[3], new[2],
                         {**new[0], "message": None, "message_id": 9999}]
    napcat.start()
    napcat.wait_link(2)
    napcat.wait_send("累计 6", timeout=8)
    assert store.group(daemon.redis.client, "state", G)["total"] == "6"
    texts = [a.text for a in napcat.sends("累计")]
    assert texts == sorted(texts), "oldest first"
    asked = len(napcat.find("get_group_msg_history"))
    time.sleep(1.5)
    assert len(napcat.find("get_group_msg_history")) <= asked + 1


def test_c76_history_that_is_too_old_counts_but_is_not_answered(bench, napcat):
    """Down for twenty minutes: what was said then counts, and is not answered any more."""
    daemon = bench.served(napcat, entry={"catchup": 20})
    client = daemon.redis.client
    say(napcat, "累计")
    napcat.wait_send("累计 1")
    assert daemon.stop() == 0
    client.set(store.key("qq1", "alive"), int((time.time() - 1200) * 1000))
    napcat.history[G] = [ev.group_msg(G, U, "累计", message_id=8100 + i, time=ev.now() - 900 + i) for i in range(3)]
    daemon.start()
    wait_until(lambda: store.group(client, "state", G)["total"] == "4", 8, what="the history to be counted")
    napcat.settle(0.4)
    assert len(napcat.sends("累计")) == 1


PENDING = [
    ("gocq", "get_group_system_msg", {"invited_requests": None, "join_requests": [
        {"request_id": 1767225774012345, "requester_uin": 3300000007, "requester_nick": "a",
         "message": "答案:b", "group_id": G, "group_name": "x", "checked": False, "actor": 0},
        {"request_id": 11, "requester_uin": 3300000008, "group_id": G, "checked": True}]}),
    ("llbot", "get_group_system_msg", {"invited_requests": [], "join_requests": [
        {"request_id": 1767225774012345, "requester_uin": "3300000007", "message": "",
         "group_id": G, "checked": False}]}),
    ("napcat", "get_group_system_msg", {"InvitedRequest": [], "invited_requests": [], "join_requests": [
        {"request_id": 1767225774012345, "invitor_uin": 3300000007, "requester_nick": "a",
         "message": "", "group_id": G, "checked": False}]}),
    ("lagrange", "get_group_requests", [
        {"time": 1, "post_type": "request", "request_type": "group", "sub_type": "add", "group_id": G,
         "user_id": 3300000007, "comment": "", "flag": "1767225774012345"}]),
]


@pytest.mark.parametrize("persona, action, data", PENDING)
def test_c77_pending_requests_are_read_at_the_start(bench, persona, action, data):
    gateway = bench.gateway(persona)
    gateway.answers[action] = data
    daemon = bench.served(gateway)
    seen = store.wait_seen(daemon.redis.client, kind="request", timeout=8)
    assert [(e["flag"], e["user"]) for e in seen] == [("1767225774012345", "3300000007")]


def test_c78_member_list_of_3000(bench, napcat):
    daemon = bench.served(napcat)
    napcat.members[G] = [
        {"group_id": G, "user_id": 3300000000 + i, "nickname": "成员%d" % i * 3, "card": "", "sex": "unknown",
         "age": 0, "area": "", "join_time": 1700000000 + i, "last_sent_time": 0, "level": "1",
         "role": "member", "unfriendly": False, "title": "", "title_expire_time": 0,
         "card_changeable": True} for i in range(3000)]
    assert len(json.dumps(napcat.members[G])) > 700000
    before = daemon.rss_kib()
    for i in range(3):
        say(napcat, "成员数", user=U + i)
    napcat.wait_send("共 3000 人", count=3, timeout=8)
    assert daemon.rss_kib() - before < 40 * 1024


def test_c80_announcements_and_reactions(bench, napcat):
    bench.served(napcat)
    say(napcat, "公告 明天八点开抢")
    notice = napcat.wait_action("_send_group_notice")
    assert notice.params["content"] == "明天八点开抢"
    assert all(isinstance(v, str) for k, v in notice.params.items() if k != "group_id"), "options are strings"
    napcat.emit(ev.group_msg(G, U, "点赞", message_id=7788))
    like = napcat.wait_action("set_msg_emoji_like")
    assert str(like.params["message_id"]) == "7788" and like.params["emoji_id"] == "76" and like.params["set"] is True


def test_c80_reaction_of_lagrange(bench):
    gateway = bench.gateway("lagrange")
    bench.served(gateway)
    gateway.emit(ev.group_msg(G, U, "点赞", message_id=7788))
    like = gateway.wait_action("set_group_reaction")
    assert like.params["code"] == "76" and like.params["is_add"] is True and like.params["group_id"] == G


def test_c81_start_up_calls_once_per_link(bench, napcat):
    bench.served(napcat)
    time.sleep(1.5)
    for link in range(2):
        calls = [a for a in napcat.actions if a.conn is napcat.conns[link]]
        names = [a.action for a in calls]
        for name in ("get_login_info", "get_status", "get_group_list"):
            assert names.count(name) == 1, names
        assert names.count("get_group_system_msg") <= 1
        assert names.index("get_login_info") < names.index("get_group_list")
        if link == 0:
            napcat.cut()
            napcat.wait_link(2)
            time.sleep(1.5)


def test_c82_two_links_to_one_account(bench, napcat):
    port = reserve_port()
    redis = bench.redis()
    both = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "gateways": [
        gateway_entry(napcat, "qq1"),
        gateway_entry(None, "qq2", mode="reverse", listen="127.0.0.1:%d" % port)]})
    other = bench.gateway("napcat", "reverse", target="ws://127.0.0.1:%d/onebot/v11/ws" % port)
    napcat.wait_ready(), other.wait_ready()
    event = ev.group_msg(G, U, "ping 双线", message_id=4321)
    napcat.emit(event)
    other.emit(event)
    time.sleep(1.0)
    assert len(napcat.sends("pong 双线")) + len(other.sends("pong 双线")) == 1
    assert both.log_records(level="warn|error", msg="(?i)same account|account")


def test_c31_answers_wait_while_the_link_is_down(bench, napcat):
    """Committed answers go out when the link is back, in order, each once."""
    daemon = bench.served(napcat, entry={"pace": {"account": [{"per": "1ms", "burst": 100}],
                                                  "chat": [{"per": "300ms", "burst": 1}]}})
    say(napcat, "连发 5")
    napcat.wait_send("第 2 条")
    napcat.stop_listening()
    for conn in napcat.conns:
        if conn.open:
            napcat.cut(conn)
    time.sleep(0.8)
    napcat.start()
    napcat.wait_send("第 5 条", timeout=10)
    texts = [a.text for a in napcat.sends()]
    assert texts == sorted(texts) and len(texts) == len(set(texts)) == 5, texts
    assert daemon.running()


def test_c29_no_answer_at_all_is_unknown(bench, napcat):
    daemon = bench.served(napcat, entry={"timing": {"timeout": "600ms"}})
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "丢弃 无声")
    napcat.wait_send("drop 无声")
    daemon.wait_metric("sopd_sends_total", 1, gateway="qq1", outcome="unknown")
    time.sleep(1)
    assert len(napcat.sends()) == 1
