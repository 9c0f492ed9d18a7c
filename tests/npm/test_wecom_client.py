"""The vendor's own client (@wecom/aibot-node-sdk) speaks with the scripted WeCom gateway: it speaks the real protocol."""

import base64

import pytest

from conftest import b64
from harness import SILENCE, WeCom

pytestmark = pytest.mark.needs_no_binary


@pytest.fixture
def wecom():
    server = WeCom().start()
    yield server
    server.close()
    assert not server.violations


@pytest.fixture
def client(wecom, program):
    client = program("wecom_client.js", wecom.url, wecom.bot_id, wecom.secret)
    client.ask("connect")
    client.wait(event="authenticated")
    wecom.wait_ready()
    return client


def test_a_question_is_answered_by_a_stream(wecom, client):
    req_id = wecom.say("lisi", "打卡", chat="wrEXAMPLEgroupA")
    frame = client.wait(event="message.text")["frame"]
    assert frame["headers"]["req_id"] == req_id and frame["body"]["chattype"] == "group"
    assert client.ask("stream", frame=frame, stream="s-1", content="第", finish=False)["errcode"] == 0
    assert client.ask("stream", frame=frame, stream="s-1", content="第 1 天", finish=True)["errcode"] == 0
    assert wecom.wait_send(chat="wrEXAMPLEgroupA").text == "第 1 天"
    with pytest.raises(RuntimeError):   # nothing may follow the end of a stream
        client.ask("stream", frame=frame, stream="s-1", content="x", finish=True)
    assert wecom.violations and "after finish" in wecom.violations.pop()


def test_a_welcome_a_card_and_its_update(wecom, client):
    wecom.enter("lisi")
    entered = client.wait(event="event.enter_chat")["frame"]
    client.ask("welcome", frame=entered, body={"msgtype": "text", "text": {"content": "Hi"}})
    assert wecom.wait_action("aibot_respond_welcome_msg").errcode == 0
    wecom.say("lisi", "vote")
    asked = client.wait(event="message.text")["frame"]
    card = {"card_type": "button_interaction", "main_title": {"title": "Deploy?"}, "task_id": "t-1",
            "button_list": [{"text": "Yes", "style": 1, "key": "say:yes"}]}
    client.ask("card", frame=asked, card=card)
    wecom.press("lisi", "say:yes", "t-1")
    pressed = client.wait(event="event.template_card_event")["frame"]
    assert pressed["body"]["event"]["template_card_event"]["event_key"] == "say:yes"
    client.ask("update", frame=pressed, users=["lisi"], card={
        "card_type": "text_notice", "main_title": {"title": "Done"}, "task_id": "t-1", "card_action": {"type": 1, "url": "https://x"}})
    assert wecom.wait_action("aibot_respond_update_msg").errcode == 0


def test_messages_of_all_kinds_arrive(wecom, client):
    picture = wecom.put_file(b"\x89PNG" * 1000, name="图 1.png", star=True)
    wecom.show("image", "lisi", **picture)
    wecom.show("file", "lisi", **picture)
    wecom.show("video", "lisi", **picture)
    wecom.show("voice", "lisi", content="你好")
    wecom.mixed("lisi", "@小助手 看", picture)
    wecom.feedback("lisi", "trace_1", 2, content="wrong", inaccurate_reason_list=[3])
    for kind in ("image", "file", "video", "voice", "mixed"):
        assert client.wait(event="message." + kind)["frame"]["body"][kind]
    assert client.wait(event="event.feedback_event")["frame"]["body"]["event"]["feedback_event"]["id"] == "trace_1"
    got = client.ask("download", **picture)
    assert base64.b64decode(got["data"]) == b"\x89PNG" * 1000 and got["filename"] == "图 1.png"


def test_a_push_and_its_media(wecom, client):
    assert client.ask("push", chat="lisi", body={"msgtype": "markdown", "markdown": {"content": "hi"}})["errcode"] == 0
    assert "chat_type" in wecom.violations.pop(), "the client of the vendor leaves it to the gateway; sopd must not"
    data = bytes(range(256)) * 5079
    done = client.ask("upload", type="image", name="a.png", data=b64(data))
    assert wecom.media[done["media_id"]] == ("image", "a.png", data)
    wecom.queued["aibot_send_msg"] = [846607]
    with pytest.raises(RuntimeError, match="846607"):
        client.ask("push", chat="wr", body={"msgtype": "markdown", "markdown": {"content": "hi"}})
    wecom.violations.pop()


def test_a_dead_link_is_made_anew(wecom, client):
    wecom.answers["ping"] = SILENCE
    wecom.wait_link(2)
    del wecom.answers["ping"]
    wecom.wait(lambda: len(wecom.find("aibot_subscribe")) >= 2 and wecom.subscribed, 8)
    wecom.cut(wecom.link)
    wecom.wait_link(3)


def test_another_connection_takes_the_bot(wecom, client, program):
    other = program("wecom_client.js", wecom.url, wecom.bot_id, wecom.secret)
    other.ask("connect")
    other.wait(event="authenticated")
    client.wait(event="event.disconnected_event")
    first = wecom.conns[0]
    wecom.wait_closed(first)
    assert len(wecom.conns) == 2, "it does not come back by itself"
    wecom.say("lisi", "hallo")
    other.wait(event="message.text")


def test_a_wrong_secret_is_told(wecom, program):
    client = program("wecom_client.js", wecom.url, wecom.bot_id, "wrong")
    client.ask("connect")
    told = client.wait(event="error")["frame"]
    assert "853000" in str(told) or "uth" in str(told), told
