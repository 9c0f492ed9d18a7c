"""How sends end, and what is done about those of which nobody knows: settled by the own message or by history, never blindly sent
again into a group, kept for an admin. And what is done to others (kick, mute ...) once, although answers are lost."""

import json
import signal
import time

import pytest

from harness import Fail, Late, SILENCE, events as ev, store, wait_until

G, U = ev.GROUP, ev.USER
TIMEOUT = Fail(1200, "Timeout: NTEvent serviceAndMethod:NodeIKernelMsgService/sendMsg EventRet: {\"result\":0}")
QUICK = {"settle": "300ms", "resend": "1200ms", "circuit": "2s", "timeout": "700ms"}


def say(gateway, what, group=G, user=U, **fields):
    gateway.emit(ev.group_msg(group, user, what, **fields))


def served(bench, gateway, **options):
    entry = {"timing": QUICK, **options.pop("entry", {})}
    return bench.served(gateway, entry=entry, **options)


def ended(daemon, outcome, count=1, timeout=6):
    daemon.wait_metric("sopd_sends_total", count, timeout, gateway="qq1", outcome=outcome)


def unknown_list(daemon):
    return [json.loads(x) for x in daemon.redis.client.lrange("sopd:{qq1}:unknown", 0, -1)]


def old_message(gateway, group=G):
    """Somebody spoke long before: the history reaches back."""
    return ev.group_msg(group, U + 7, "早上好", time=ev.now() - 600)


@pytest.mark.parametrize("fault", [TIMEOUT, Fail(9000), Fail(46), SILENCE, Fail(100, "SEND_MSG_API_ERROR")])
def test_an_answer_to_a_group_is_never_repeated_blindly(bench, fault):
    """Neither echo nor history: nobody knows, so it is not said twice; an admin is asked."""
    gateway = bench.gateway("gocq" if isinstance(fault, Fail) and fault.retcode == 100 else "napcat")
    daemon = served(bench, gateway)
    gateway.queued["send_group_msg"] = [fault]
    say(gateway, "ping 一")
    gateway.wait_send("pong 一")
    ended(daemon, "unknown")
    time.sleep(0.5)
    assert len(gateway.sends("pong 一")) == 1
    wait_until(lambda: len(unknown_list(daemon)) == 1, 3, what="the list of unknown outcomes")
    assert unknown_list(daemon)[0]["chat"] == str(G)


def test_an_answer_after_the_time_limit_still_tells_that_it_arrived(bench, napcat):
    daemon = served(bench, napcat)
    napcat.queued["send_private_msg"] = [Late(1.0)]     # the limit is 0.7 s, and 1.9 s when it would be sent again
    napcat.emit(ev.private_msg(U, "ping 晚"))
    napcat.wait_send("pong 晚")
    ended(daemon, "sent")
    time.sleep(1.5)
    assert len(napcat.sends("pong 晚")) == 1 and not unknown_list(daemon)


def test_private_answers_are_sent_again_once(bench, napcat):
    daemon = served(bench, napcat)
    napcat.queued["send_private_msg"] = [TIMEOUT]
    napcat.emit(ev.private_msg(U, "ping 私"))
    napcat.wait_send("pong 私", count=2, timeout=6)
    ended(daemon, "sent")
    assert len(napcat.sends("pong 私")) == 2


def test_the_history_shows_that_it_arrived(bench, napcat):
    daemon = served(bench, napcat, entry={"catchup": 20})
    sent = []

    def swallow(action):
        sent.append(action)
        napcat.history[G] = [old_message(napcat),
                             ev.group_msg(G, ev.SELF, action.params["message"], message_id=205119001)]
        return TIMEOUT
    napcat.queued["send_group_msg"] = [swallow]
    say(napcat, "ping 到了")
    napcat.wait_send("pong 到了")
    ended(daemon, "sent")
    time.sleep(1.5)
    assert len(napcat.sends("pong 到了")) == 1


def test_absent_from_a_history_that_reaches_back_it_is_sent_again(bench, napcat):
    daemon = served(bench, napcat, entry={"catchup": 20})
    napcat.history[G] = [old_message(napcat),
                         ev.group_msg(G, ev.SELF, "更早说的", message_id=205118000, time=ev.now() - 300)]
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "ping 丢了")
    first = napcat.wait_send("pong 丢了")
    again = napcat.wait_send("pong 丢了", count=2, timeout=8)
    assert again.time - first.time >= 1.1, "not before `resend` is over"
    ended(daemon, "sent")
    assert daemon.metrics().get("sopd_resends_total", gateway="qq1") == 1


def test_a_page_that_does_not_reach_back_shows_nothing(bench, napcat):
    """The group is busy: the page holds only what was said after our message."""
    daemon = served(bench, napcat, entry={"catchup": 3})

    def page(action):
        later = [ev.group_msg(G, U + i, "聊天 %d" % i, time=ev.now() + 1) for i in range(2)]
        return {"messages": later + [ev.group_msg(G, ev.SELF, "别的话", message_id=205118001, time=ev.now() + 1)]}
    napcat.answers["get_group_msg_history"] = page
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "ping 忙")
    napcat.wait_send("pong 忙")
    ended(daemon, "unknown", timeout=8)
    assert len(napcat.sends("pong 忙")) == 1


def test_an_empty_history_shows_nothing(bench, napcat):
    daemon = served(bench, napcat, entry={"catchup": 20})
    napcat.report_self = "after"
    say(napcat, "ping 先")        # own messages are reported: this connection has an echo
    napcat.wait_send("pong 先")
    ended(daemon, "sent")
    napcat.report_self = None
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "ping 空")
    napcat.wait_send("pong 空")
    ended(daemon, "unknown", timeout=8)
    assert len(napcat.sends("pong 空")) == 1


def test_two_equal_messages_need_two_of_ours(bench, napcat):
    """One was acknowledged before; its copy in the history must not settle the other one."""
    daemon = served(bench, napcat, entry={"catchup": 20})
    say(napcat, "说 一样")
    first = napcat.wait_send("一样")
    ended(daemon, "sent")
    napcat.history[G] = [old_message(napcat),
                         ev.group_msg(G, ev.SELF, first.params["message"], message_id=first.message_id)]
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "说 一样", user=U + 1)
    napcat.wait_send("一样", count=2)
    napcat.wait_send("一样", count=3, timeout=8)       # it was not there: sent again
    ended(daemon, "sent", 2)


def test_the_late_echo_of_an_acknowledged_message_settles_nothing(bench, napcat):
    daemon = served(bench, napcat)
    say(napcat, "说 同文")
    first = napcat.wait_send("同文")
    ended(daemon, "sent")
    napcat.queued["send_group_msg"] = [SILENCE]
    say(napcat, "说 同文", user=U + 1)
    napcat.wait_send("同文", count=2)
    napcat.emit(ev.self_msg(G, first.params["message"], first.message_id))
    ended(daemon, "unknown")
    assert daemon.metrics().get("sopd_sends_total", gateway="qq1", outcome="sent") == 1


def test_what_comes_out_late_is_not_doubled(bench, napcat):
    """The implementation was stuck and posts it while sopd waits to send it again."""
    daemon = served(bench, napcat, entry={"catchup": 20, "timing": {**QUICK, "resend": "3s"}})
    napcat.history[G] = [old_message(napcat), ev.group_msg(G, ev.SELF, "旧", message_id=1, time=ev.now() - 300)]
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "ping 迟")
    action = napcat.wait_send("pong 迟")
    napcat.wait_action("get_group_msg_history")
    time.sleep(0.5)
    napcat.emit(ev.self_msg(G, action.params["message"], 205119002))
    ended(daemon, "sent")
    time.sleep(3)
    assert len(napcat.sends("pong 迟")) == 1


def test_one_that_shows_up_while_it_waits_to_be_sent_again_stays_one(bench, napcat):
    """A stuck link delivers after all what was not in the history: the second try has not left yet, and does not."""
    daemon = served(bench, napcat, entry={"catchup": 20})
    napcat.history[G] = [old_message(napcat), ev.group_msg(G, ev.SELF, "旧", message_id=1, time=ev.now() - 300)]
    napcat.queued["send_group_msg"] = [TIMEOUT]
    say(napcat, "ping 迟")
    sent = napcat.wait_send("pong 迟")
    napcat.emit(ev.ban(G, ev.SELF, duration=60))
    daemon.wait_log("message is sent again: it did not arrive", 6)
    napcat.emit(ev.self_msg(G, sent.params["message"], 205119009))
    ended(daemon, "sent")
    napcat.emit(ev.ban(G, ev.SELF, duration=0, sub_type="lift_ban"))
    time.sleep(0.7)
    assert len(napcat.sends("pong 迟")) == 1


def test_at_all_that_is_refused_goes_without(bench, napcat):
    daemon = served(bench, napcat)
    napcat.queued["send_group_msg"] = [Fail(1200, 'sendMsg {"result": 121, "errMsg": ""}')]
    say(napcat, "全体")
    first = napcat.wait_send("开会")
    second = napcat.wait_send("开会", count=2)
    assert first.mentions == ["all"] and second.mentions == []
    ended(daemon, "sent")


def test_an_admin_decides(bench, napcat):
    daemon = served(bench, napcat)
    napcat.queued["send_group_msg"] = [TIMEOUT, TIMEOUT]
    say(napcat, "ping 甲")
    say(napcat, "ping 乙", group=G + 1)
    ended(daemon, "unknown", 2)
    wait_until(lambda: len(unknown_list(daemon)) == 2, 3, what="both in the list")
    table = daemon.ctl("outbox", "--unknown").stdout
    assert "pong 甲" in table and "pong 乙" in table, table
    ids = {m["message"][0][1]: m["id"] for m in json.loads(daemon.ctl("--json", "outbox", "--unknown").stdout)}
    daemon.ctl("outbox", "resend", ids["pong 甲"])
    napcat.wait_send("pong 甲", count=2)
    daemon.ctl("outbox", "drop", ids["pong 乙"])
    assert unknown_list(daemon) == []
    assert daemon.ctl("outbox", "resend", ids["pong 乙"], check=False).returncode != 0
    time.sleep(0.3)
    assert len(napcat.sends("pong 乙")) == 1


def test_an_admin_need_not_wait(bench, napcat):
    """Its outcome is still being found out."""
    daemon = served(bench, napcat, entry={"timing": {**QUICK, "settle": "30s"}})
    napcat.queued["send_group_msg"] = [TIMEOUT, TIMEOUT]
    for word in ("甲", "乙"):
        say(napcat, "ping " + word)
        napcat.wait_send("pong " + word)
    wait_until(lambda: daemon.ctl("outbox").stdout.count("unknown") == 2, 5, what=lambda: daemon.ctl("outbox").stdout)
    ids = {o["text"]: o["id"] for o in json.loads(daemon.ctl("--json", "outbox").stdout)["outbox"]}
    daemon.ctl("outbox", "resend", ids["pong 甲"])
    napcat.wait_send("pong 甲", count=2)
    daemon.ctl("outbox", "drop", ids["pong 乙"], "--gateway", "qq1")
    ended(daemon, "dropped")
    wait_until(lambda: not store.outbox(daemon.redis.client), 3, what="the outbox to be empty")


def test_a_forgotten_member_leaves_the_list(bench, napcat):
    daemon = served(bench, napcat)
    entry = {"chat": str(G), "flow": "echo", "at": 1, "until": 2, "kind": "answer", "policy": "answer",
             "message": [["at", str(U), "小美"], ["text", " 恭喜小美"]], "id": "1-7", "ended": ev.now() * 1000,
             "written": 1, "resends": 0, "reason": "x"}
    private = {**entry, "chat": "@%d" % U, "id": "1-8"}
    for one in (entry, private):
        daemon.redis.client.lpush("sopd:{qq1}:unknown", json.dumps(one, ensure_ascii=False))
    say(napcat, "ping 在", name="小美")
    napcat.wait_send("pong 在")
    daemon.ctl("forget", str(U), "--gateway", "qq1")
    assert str(U) not in json.dumps(unknown_list(daemon)), unknown_list(daemon)


# -- what is done to others ----------------------------------------------------------------------------


def mute_entry(**more):
    now = ev.now() * 1000
    return json.dumps({"chat": str(G), "flow": "deeds", "at": now, "until": now + 600000, "policy": "answer",
                       "do": {"action": "mute", "user": str(U), "number": 600}, "message": [], **more})


def test_the_kill_switch_holds_actions(bench, napcat):
    daemon = served(bench, napcat)
    daemon.ctl("kill")
    daemon.wait_log("kill switch is on")
    daemon.kill()
    daemon.redis.client.hset("sopd:{qq1}:outbox", "1-900", mute_entry())
    daemon.start()
    napcat.wait_link(2)
    time.sleep(1)
    assert not napcat.find("set_group_ban")
    daemon.ctl("kill", "off")
    napcat.wait_action("set_group_ban")


def test_a_refused_action_is_counted_and_over(bench, napcat):
    daemon = served(bench, napcat)
    napcat.queued["set_group_kick"] = [Fail(1200, "ERR_NOT_GROUP_ADMIN")]
    say(napcat, "踢我")
    napcat.wait_action("set_group_kick")
    daemon.wait_metric("sopd_actions_total", gateway="qq1", action="kick", outcome="failed")
    wait_until(lambda: not store.outbox(daemon.redis.client), 3, what="the outbox to be empty")
    assert len(napcat.find("set_group_kick")) == 1


def test_an_action_is_in_the_commit(bench, napcat):
    """The daemon dies between its commit and the kick: it is done after the restart, once."""
    daemon = served(bench, napcat)
    client = daemon.redis.client

    def waiting():
        return any("b" in one["flags"] and one["cmd"].startswith("eval")
                   for one in client.client_list() if one["name"] == "sopd")
    alive = client.get("sopd:{qq1}:alive")   # written every 5 s: not while Redis is stopped here
    wait_until(lambda: client.get("sopd:{qq1}:alive") != alive, 8, what="the daemon's sign of life")
    client.execute_command("CLIENT", "PAUSE", "10000", "WRITE")
    say(napcat, "踢我")
    wait_until(waiting, 3, what="the commit to wait")
    daemon.signal(signal.SIGSTOP)
    client.execute_command("CLIENT", "UNPAUSE")
    wait_until(lambda: store.outbox(client), 3, what="the commit")
    assert not napcat.find("set_group_kick")
    daemon.kill()
    daemon.start()
    action = napcat.wait_action("set_group_kick", timeout=10)
    assert action.params["user_id"] == U
    wait_until(lambda: not store.outbox(client), 3, what="the outbox to be empty")
    time.sleep(0.3)
    assert len(napcat.find("set_group_kick")) == 1


def test_an_announcement_that_may_have_been_made_is_not_made_again(bench, napcat):
    daemon = served(bench, napcat)
    napcat.answers["_send_group_notice"] = SILENCE
    say(napcat, "公告 今晚八点")
    napcat.wait_action("_send_group_notice")
    daemon.kill()
    assert len(store.outbox(daemon.redis.client)) == 1
    napcat.answers.clear()
    daemon.start()
    daemon.wait_metric("sopd_actions_total", 1, 8, gateway="qq1", action="notice", outcome="unknown")
    assert len(napcat.find("_send_group_notice")) == 1
    wait_until(lambda: not store.outbox(daemon.redis.client), 3, what="the outbox to be empty")
