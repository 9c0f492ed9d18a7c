"""Platforms that give a bot little time, and little room: what opens a single chat is greeted within five seconds at any hour, a
crowd of them too; and one chat that has had too much holds nothing else up."""

import os
import time

import pytest

from harness import ROOT, wait_until
from harness.wecom import RESPOND, WELCOME

SHIPPED = os.path.join(ROOT, "sop")
CROWD = 60
BOOK = """return { title = "t", groups = { "qq1:*" }, private = true, timezone = "Asia/Shanghai", quiet = { "00:00", "23:59" },
  flows = { "common", { "welcome", enter = "你好,我在" }, { "checkin", done = "第{day}天" } } }"""


@pytest.fixture
def sop(box):
    folder = os.path.join(box, "sop")
    os.makedirs(os.path.join(folder, "playbooks"))
    with open(os.path.join(folder, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write(BOOK)
    return [folder, SHIPPED]


def served(bench, sop, wecom, **entry):
    """With the pace and the quotas that a gateway of this type has when nothing is configured."""
    return bench.served(wecom, sop=sop, entry={"pace": None, "quotas": None, "names": ["小助手"], **entry},
                        config={"playbooks": ["p"]})


def test_a_crowd_that_opens_the_chat_is_greeted_in_time(bench, sop):
    """wecom 46: in quiet hours, with the platform's own limits, sixty at once."""
    wecom = bench.wecom()
    served(bench, sop, wecom)
    began = time.monotonic()
    for i in range(CROWD):
        wecom.enter("user-%02d" % i)
    wait_until(lambda: len([a for a in wecom.actions if a.action == WELCOME]) == CROWD, 6, what="all greetings")
    greetings = [a for a in wecom.actions if a.action == WELCOME]
    assert max(a.time for a in greetings) - began < 5
    assert len({a.req_id for a in greetings}) == CROWD and {a.errcode for a in greetings} == {0}
    assert {a.text for a in greetings} == {"你好,我在"}


def test_one_crowded_chat_holds_up_nothing_else(bench, sop):
    """wecom 50: its queue waits; others are answered, and the account is not judged."""
    wecom = bench.wecom()
    daemon = served(bench, sop, wecom)
    wecom.queued[RESPOND] = [45009, 45009, 45009]
    for i in range(3):
        wecom.say("u%d" % i, "打卡", chat="wrFULL")
    wait_until(lambda: any(a.errcode == 45009 for a in wecom.actions), 5, what="the refusal")
    wecom.queued[RESPOND] = []
    wecom.say("lisi", "打卡", chat="wrOTHER")
    wait_until(lambda: [a for a in wecom.sends() if a.chat == "wrOTHER"], 5, what="the other chat's answer")
    metrics = daemon.metrics()
    assert not metrics.get("sopd_risk_signals_total", gateway="qq1")
    assert "chat held: too many messages there" in daemon.log()
