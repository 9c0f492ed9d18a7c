"""The four shipped flows through a Satori server, as through OneBot: with ids of QQ and with ids of Discord, with kills in
between, and never twice."""

import re
from collections import Counter

import pytest

from harness import store
from harness.stages import DiscordStage, OneBotStage, SatoriStage


@pytest.fixture(params=[OneBotStage, SatoriStage, DiscordStage], ids=["onebot", "satori-qq", "satori-discord"])
def stage(bench, box, request):
    return request.param(bench, box).open()


def once(stage):
    """Nothing was said twice, and no handler failed."""
    repeated = [what for what, n in Counter((a.chat, a.text) for a in stage.peer.sends()).items() if n > 1]
    assert not repeated, repeated
    assert stage.daemon.metrics().get("sopd_flow_errors_total") == 0, stage.daemon.log()[-3000:]


def test_welcome(stage):
    stage.join("ann", "ben")
    stage.repeat() if stage.last else None
    stage.join("cat")
    stage.leave("cat")
    stage.later(2)
    (place, text), = stage.said()
    assert place == "group" and text.startswith("欢迎 ") and set(re.findall(r"@(\w+)", text)) == {"ann", "ben"}
    stage.leave("ann")
    stage.later(60)
    stage.kill()
    stage.join("ann")
    stage.later(2)
    assert stage.said() == [("group", "回来啦 @ann")]
    once(stage)


def test_checkin(stage):
    stage.say("ann", "打卡")
    stage.repeat()
    stage.say("ben", "今天打卡啦")
    stage.kill()
    stage.repeat()
    stage.say("ben", "打卡")
    assert stage.said()[:1] == [("group", "@ann 打卡 1")]
    done = Counter(e["user"] for e in store.business_events(stage.redis.client, name="checked_in"))
    assert done[stage.user("ann")] == done[stage.user("ben")] == 1
    assert store.member(stage.redis.client, "checkin", stage.group, stage.user("ann"))["marks"] == "x"
    stage.to(1, 9)
    stage.say("ann", "打卡")
    stage.kill()
    stage.to(1, 20, 31)
    assert stage.said()[-1] == ("group", "提醒 @ben")
    stage.to(1, 22, 1)
    assert stage.said() == [("group", "小结 1/2")]
    once(stage)


def test_redpacket(stage):
    stage.say("boss", "发红包")
    assert stage.said()[0][1].startswith("红包")
    stage.say("ann", "抢")
    stage.repeat()
    stage.kill()
    stage.say("ben", "抢红包")
    stage.say("cat", "抢")
    stage.say("boss", "抢")
    stage.later(15)
    grabbed = store.business_events(stage.redis.client, name="grabbed")
    assert [e["user"] for e in grabbed] == [stage.user(n) for n in ("ann", "ben", "cat")]
    said = stage.said()
    assert sorted(place for place, text in said if text.startswith("券码")) == ["@ann", "@ben", "@cat"]
    shown = " ".join(text for place, text in said if place == "group")
    assert all(stage.names[n] in shown or "@" + n in shown for n in ("ann", "ben", "cat")) and "抢完" in shown
    code = next(text.split()[1] for place, text in said if place == "@ann")
    stage.say("boss", "核销 " + code)
    assert [e["user"] for e in store.business_events(stage.redis.client, name="code_used")] == [stage.user("ann")]
    once(stage)


def test_chaperone(stage):
    stage.say("ann", "大家好")
    stage.say("ben", "几点营业呀?", quote=None)
    stage.later(6)
    said = stage.said()
    assert len(said) == 1 and said[0][0] == "group"
    assert "@ann" in said[0][1] and "您好呀" in said[0][1] and "@ben" in said[0][1] and "九点开门" in said[0][1]
    stage.say("cat", "这个怎么退?")
    stage.later(6)
    assert "staff" in [place for place, _ in stage.said()]
    stage.kill()
    stage.later(900)
    said = stage.said()
    assert len(said) == 1 and "@cat" in said[0][1]
    once(stage)


def test_a_quoted_member_is_answered_by_nobody_else(stage):
    """Who quotes another member, or mentions one, does not speak to the bot; who quotes nobody does."""
    stage.say("ann", "大家好")
    stage.later(6)
    stage.said()
    stage.say("ben", "大家好", quote=stage.last_id())
    stage.later(60)
    assert stage.said() == []
    stage.say("ben", "你好", me=True)
    stage.later(6)
    (place, text), = stage.said()
    assert place == "group" and "@ben" in text
    once(stage)


@pytest.mark.parametrize("stage", [SatoriStage, DiscordStage], ids=["satori-qq", "satori-discord"], indirect=True)
def test_a_button_with_a_word_is_as_if_it_were_said(stage):
    stage.press("ann", "say:打卡")
    stage.repeat()
    stage.kill()
    stage.repeat()
    assert stage.said() == [("group", "@ann 打卡 1")]
    done = Counter(e["user"] for e in store.business_events(stage.redis.client, name="checked_in"))
    assert done == {stage.user("ann"): 1}
    once(stage)


@pytest.mark.parametrize("stage", [SatoriStage, DiscordStage], ids=["satori-qq", "satori-discord"], indirect=True)
def test_what_is_said_to_another_account_stays_there(stage):
    stage.server.emit(stage.server.message_event("9", "打卡", login=stage.other, timestamp=stage.now))
    stage.other.join("10")
    stage.later(15)
    assert stage.said() == [] and not stage.other.sends()
