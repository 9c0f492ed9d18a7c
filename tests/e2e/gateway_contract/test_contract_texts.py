"""What goes out: texts as they are, and nothing of what a member wrote becomes an order."""

import os

import pytest

from codec import EVENTS
from harness import lua_value, run

HOSTILE = [
    "😀 héllo 汉字 ﷽ 👩🏽 é 🇨🇳",
    "<at type=\"all\"/> <at id=\"1\"/> &lt;b&gt; <img src=\"http://x/\"/>",
    "[CQ:at,qq=all] [CQ:image,file=http://x/]",
    "<@all> <@zhangsan>",
    "{name} {{ %s %n \\n ${x} `rm`",
    '{"type":"at","id":"all"} "," \'',
    "</message></quote>]]>--><!--",
]


@pytest.fixture
def daemon(served):
    return served()


def test_a_members_text_goes_round_and_notifies_nobody(codec, daemon):
    for i, text in enumerate(HOSTILE):
        codec.say("echo " + text)
        sent = codec.wait_send(count=i + 1)
        assert codec.reads(sent) == text
        assert codec.mentioned(sent) == []


def test_a_long_text_arrives_whole(codec, daemon):
    whole = "汉😀" * (codec.limit // 2)
    codec.say("long %d" % (codec.limit // 2))
    text = ""
    for i in range(1, 100):
        text += codec.reads(codec.wait_send(count=i, timeout=10)).strip()
        if len(text.replace("\n", "")) >= len(whole):
            break
    assert text.replace("\n", "") == whole


def test_a_mention_notifies_one_or_is_a_name(codec, daemon):
    codec.say("mention")
    sent = codec.wait_send("hello")
    assert codec.mentioned(sent) in ([], [codec.user])
    if "at" in codec.caps:
        assert codec.mentioned(sent) == [codec.user]


def test_what_it_cannot_do_is_an_error_value(codec, daemon):
    """Each is refused with a reason, or done; and the flow goes on."""
    codec.say("caps")
    said = codec.reads(codec.wait_send("caps: ", timeout=8))[len("caps: "):]
    answers = dict(part.split(" ", 1) for part in said.split("; "))
    for cap in ("dm", "image", "at_all", "recall", "mute", "kick"):
        if cap in codec.caps:
            assert answers[cap] == "ok", answers
        else:
            assert answers[cap].startswith("no: this gateway"), answers


def test_check_knows_what_it_can_do(codec, box):
    """`sopd check` refuses a flow that needs more than the gateway has, before anything is connected."""
    every = ["join", "unmentioned", "at", "at_all", "dm", "proactive", "image", "buttons", "history", "recall", "mute", "kick",
             "members", "quote", "cards", "drafts"]
    sop = os.path.join(box, "sop")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    for cap in every:
        with open(os.path.join(sop, "flows", "need_%s.lua" % cap), "w") as out:
            out.write('local flow = sop.flow("need_%s", { title = "x", needs = { "%s" } })\n'
                      'flow:command("x %s", function(c) c:say("x") end)\nreturn flow\n' % (cap, cap, cap))
    with open(os.path.join(sop, "playbooks", "p.lua"), "w") as out:
        out.write("return " + lua_value({"title": "x", "groups": ["all"], "flows": ["need_" + c for c in every]}) + "\n")
    config = os.path.join(box, "sopd.lua")
    with open(config, "w") as out:
        out.write("return " + lua_value({"data_dir": box, "sop": [sop], "gateways": [{**codec.entry(), "platform": False}]}) + "\n")
    done = run("check", "--config", config)
    lacks = {c for c in every if "flow need_%s needs '%s', which gateway gw (%s) cannot do" % (c, c, codec.type) in
             done.stdout + done.stderr}
    assert lacks == set(every) - codec.caps, done.stdout + done.stderr
    assert (done.returncode == 0) == (not lacks)


def test_check_knows_what_it_reports(codec, box):
    """A handler for an event that the gateway never raises is pointed out."""
    sop = os.path.join(box, "sop")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(sop, folder))
    for kind in EVENTS:
        with open(os.path.join(sop, "flows", "on_%s.lua" % kind), "w") as out:
            out.write('local flow = sop.flow("on_%s", { title = "x" })\n'
                      'flow:on("%s", function(c) c:say("x") end)\nreturn flow\n' % (kind, kind))
    with open(os.path.join(sop, "playbooks", "p.lua"), "w") as out:
        out.write("return " + lua_value({"title": "x", "groups": ["all"], "flows": ["on_" + k for k in sorted(EVENTS)]}) + "\n")
    config = os.path.join(box, "sopd.lua")
    with open(config, "w") as out:
        out.write("return " + lua_value({"data_dir": box, "sop": [sop], "gateways": [{**codec.entry(), "platform": False}]}) + "\n")
    done = run("check", "--config", config)
    never = {k for k in EVENTS if "waits for '%s', which no gateway" % k in done.stdout + done.stderr}
    assert never == EVENTS - codec.reports, done.stdout + done.stderr


def test_buttons(codec, daemon):
    codec.say("press")
    if "buttons" not in codec.caps:
        codec.say("ping a")
        codec.wait_send("pong a")
        return
    sent = codec.wait_send("choose")
    codec.press(sent, "va")
    codec.wait_send("pressed va")
