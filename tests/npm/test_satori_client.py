"""The adapter of Koishi and its kin (@satorijs/adapter-satori) speaks with the scripted Satori server: it speaks the real
protocol."""

import pytest

from harness import Login, Reply, Satori
from harness.satori import OFFLINE, ONLINE
from harness.util import wait_until

pytestmark = pytest.mark.needs_no_binary


@pytest.fixture
def satori():
    server = Satori(Login().guild("20002", "一群", members=[{"user": {"id": "30003", "name": "Ann"}, "nick": "Annie"}]),
                    Login("discord", "900", "helper").guild("g1", "server", {"c1": "general"}), token="T", style="satori-python").start()
    yield server
    server.close()
    strange = [v for v in server.violations if not v.startswith("what is optional is left out")]
    assert not strange, strange     # this client sends null


@pytest.fixture
def client(satori, program):
    client = program("satori_client.js", satori.url, "T")
    wait_until(lambda: len(client.ask("logins")) == 2, 10)
    return client


def test_it_knows_the_accounts(client):
    assert {(l["login"], l["status"], l["name"]) for l in client.ask("logins")} == {
        ("llonebot:10001", 1, "小助手"), ("discord:900", 1, "helper")}


def test_messages_arrive_and_are_answered(satori, client):
    asked = satori.say("30003", content='<quote id="9"/><at id="10001" name="小助手"/> 打卡 &lt;1&gt;<br/>好')
    got = client.wait(event="message-created")
    assert got["message"] == asked and got["guild"] == got["channel"] == "20002" and not got["direct"]
    kinds = [kind for kind, _ in got["elements"]]
    assert kinds == ["at", "text", "br", "text"] and got["elements"][1][1] == {"content": " 打卡 <1>"}
    assert got["quote"] == "9" and got["elements"][0][1] == {"id": "10001", "name": "小助手"}
    made = client.ask("call", login="llonebot:10001", method="createMessage", args=["20002", '<quote id="%s"/>第 1 天<br/>&lt;b&gt;' % asked])
    sent = satori.wait_send("第 1 天\n<b>")
    assert made[0]["id"] == sent.message_id and sent.quotes == [asked] and sent.login is satori.login
    satori.logins[1].say("u7", "psst", private=True)
    got = client.wait(event="message-created", platform="discord")
    assert got["direct"] and got["channel"] == "dmu7"
    assert client.ask("call", login="discord:900", method="createDirectChannel", args=["u7"])["id"] == "dmu7"


def test_events_of_members_buttons_and_reactions(satori, client):
    satori.join("30009", name="新人")
    satori.leave("30009", operator="30001")
    satori.button("u8", "vote:1", login=satori.logins[1], referrer={"event_id": "E-1"})
    satori.reaction("u8", "m55", login=satori.logins[1])
    assert client.wait(event="guild-member-added")["user"] == "30009"
    assert client.wait(event="guild-member-removed")["guild"] == "20002"
    pressed = client.wait(event="interaction/button")
    assert pressed["button"] == "vote:1" and pressed["referrer"] in ({"event_id": "E-1"}, {"eventId": "E-1"})
    assert client.wait(event="reaction-added")["message"] == "m55"


def test_calls(satori, client):
    def call(method, *args, login="llonebot:10001"):
        return client.ask("call", login=login, method=method, args=list(args))
    assert call("getGuildList")["data"] == [{"id": "20002", "name": "一群"}]
    assert call("getChannelList", "g1", login="discord:900")["data"][0]["id"] == "c1"
    assert call("getGuildMemberList", "20002")["data"][0]["nick"] == "Annie"
    assert call("getLogin")["user"]["id"] == "10001"
    satori.say("30003", "eins")
    assert [m["content"] for m in call("getMessageList", "20002")["data"]] == ["eins"]
    call("muteGuildMember", "20002", "30003", 600000)
    assert satori.wait_action("guild.member.mute").params["duration"] == 600000
    satori.queued["guild.get"] = [Reply(404, "method not found")]
    with pytest.raises(RuntimeError):
        call("getGuild", "20002")


def test_an_account_goes_and_comes(satori, client):
    def status():
        return {l["login"]: l["status"] for l in client.ask("logins")}["discord:900"]
    satori.set_status(OFFLINE, satori.logins[1], full=True)
    wait_until(lambda: status() == OFFLINE, 5)
    satori.set_status(ONLINE, satori.logins[1])
    wait_until(lambda: status() == ONLINE, 5)


def test_it_comes_back_and_resumes(satori, client):
    satori.say("30003", "vorher")
    client.wait(event="message-created")
    satori.drop_all()
    satori.wait_link(2)
    satori.wait(lambda: len(satori.identified) == 2, 10)
    assert satori.identified[1]["sn"] == 0, "the number of the last event, also when it is 0"
