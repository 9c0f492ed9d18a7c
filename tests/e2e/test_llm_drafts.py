"""c:llm{ show = true } where the platform shows drafts (WeCom): an answer that grows, looked through before anybody sees it, and that ends
in one bubble, also across a death."""

import pytest

from harness import wait_until
from harness.outside import sse
from test_http import outside, web_sop  # noqa: F401

@pytest.fixture
def wecom(bench, box, outside):
    line = bench.wecom()
    line.daemon = bench.served(line, sop=web_sop(box), config={"llm": {"url": outside.url + "/v1", "model": "m", "words": ["博彩"]}})
    return line


def shown(line):
    """What was on the screen, one after the other: (stream, content, finished)."""
    return [(a.params["stream"]["id"], a.params["stream"]["content"], bool(a.params["stream"].get("finish")))
            for a in list(line.actions) if a.kind == "stream"]


def told(line, text, seconds=10):
    wait_until(lambda: any(text in content and finished for _, content, finished in shown(line)), seconds, what=lambda: shown(line))


def test_a_draft_grows_into_the_answer(wecom, outside):
    outside.llm = sse("一", "二", "三", "四", "五", pause=0.9)
    wecom.say("lisi", "显 数", chat="wrG")
    told(wecom, "一二三四五(完)", 12)
    frames = shown(wecom)
    drafts = [content for _, content, finished in frames if not finished and content.strip("…. ")]
    assert drafts[0] == "一" and all("一二三四五".startswith(d) for d in drafts)
    assert 2 <= len(drafts) <= 4                                              # 4.5 s, every 2 s at most
    assert len({name for name, _, _ in frames}) == 1 and [f for _, _, f in frames].count(True) == 1
    assert not wecom.violations


def test_a_forbidden_word_is_never_shown(wecom, outside):
    outside.llm = [sse("来玩", "博彩", "吧", pause=0.8, keep=20), sse("今天打折", "吧", pause=0.8), sse("好", pause=0.2)]
    wecom.say("lisi", "显 一", chat="wrG")
    told(wecom, "没有:refused")
    wecom.say("lisi", "显 二", chat="wrG")                                    # a word of the flow's own
    wait_until(lambda: len([1 for _, c, f in shown(wecom) if f and "refused" in c]) == 2, 10)
    assert not any("博彩" in c or "打折" in c for _, c, _ in shown(wecom))


def test_killed_while_it_is_shown(wecom, outside):
    """The next process asks again, and goes on in the same bubble."""
    outside.llm = [sse("春", "眠", pause=4.0), sse("春眠", "不觉晓", pause=0.5)]
    wecom.say("lisi", "显 诗", chat="wrG")
    wait_until(lambda: shown(wecom), 5)
    wecom.daemon.kill()
    wecom.daemon.start()
    told(wecom, "春眠不觉晓(完)", 12)
    assert len([1 for _, c, f in shown(wecom) if "完" in c]) == 1
    assert len({name for name, _, _ in shown(wecom)}) == 1 and not wecom.violations
