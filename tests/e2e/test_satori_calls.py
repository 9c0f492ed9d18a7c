"""Satori, the way out: calls over HTTP (checklist satori 30-42), what a message is as markup (45-47, 51), the order of sends,
their outcomes, actions, history, pictures.

The rules that hold for every call (four account headers, JSON object, snake_case keys, clean markup ...) are checked by the harness
in every test (Satori._check); a broken one fails the test in which it happened.
"""

import base64
import json
import time

import pytest

from harness import Login, store, wait_until
from harness.peer import SILENCE, Late
from harness.wire import DROP, Reply

G, H, U = "20002", "20003", "30003"


def qq(**fields):
    members = [{"user": {"id": "3000%d" % i, "name": "成员%d" % i}, "roles": [{"id": "member"}]} for i in range(1, 5)]
    return Login("llonebot", "10001", **fields).guild(G, "福利一群", members=members).guild(H, "福利二群")


def discord(**fields):
    return Login("discord", "900", **fields).guild("g1", "server", {"c1": "general", "c2": "games"})


@pytest.fixture
def serve(bench):
    """serve(login, ...): the Satori server and a daemon that serves its logins."""
    def make(*logins, style="koishi", entry=None, config=None, **options):
        server = bench.satori(*logins, style=style, **options)
        server.daemon = bench.served(*server.logins, entry=entry, config=config)
        return server
    return make


def outcome(server, kind, at_least=1, timeout=5.0):
    return server.daemon.wait_metric("sopd_sends_total", at_least, timeout, gateway="qq1", outcome=kind)


def answered(server, text="pong", **terms):
    """A message is asked for and comes: chat serves on."""
    server.login.say(U, "ping 还在")
    return server.wait_send("pong 还在", **terms)


# -- calls: 30-38 --------------------------------------------------------------------------------------

def test_satori_30_headers_with_and_without_token(bench):
    with_token = bench.satori(qq(), token="T0KEN")
    without = bench.satori(discord(), style="satori-python")
    daemon = bench.served(with_token.login, without.login)
    for server, user in ((with_token, U), (without, "77")):
        server.login.say(user, "ping 头")
        call = server.wait_send("pong 头")
        assert [call.headers.get(h) for h in ("Satori-Platform", "X-Platform")] == [server.login.platform] * 2
        assert [call.headers.get(h) for h in ("Satori-User-ID", "X-Self-ID")] == [server.login.id] * 2
    assert with_token.sends()[0].headers.get("Authorization") == "Bearer T0KEN"
    assert all("Authorization" not in c.headers and "authorization" not in c.headers for c in without.actions)
    assert "T0KEN" not in daemon.log()


def test_satori_30_old_server_reads_the_old_headers(serve):
    server = serve(qq(), style="koishi-2023")
    answered(server)


def test_satori_31_no_parameters_is_an_empty_object(serve):
    server = serve(qq(status=0), entry={"timing": {"idle": "600ms", "ping": "200ms"}})
    call = server.wait_action("login.get", timeout=10)
    assert call.request.body == b"{}"


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"[]"], ids=["empty", "null", "object", "list"])
def test_satori_32_bare_successes(serve, body):
    server = serve(qq())
    server.queued["message.create"] = [Reply(200, body)]
    server.queued["guild.member.mute"] = [Reply(200, body)]
    server.login.say(U, "ping 一")
    outcome(server, "sent")
    server.login.say(U, "禁我")
    server.wait_action("guild.member.mute")
    answered(server)
    assert len(server.sends("pong 一")) == 1
    wait_until(lambda: not store.outbox(server.daemon.redis.client), what="the outbox is empty")


def test_satori_33_error_bodies(serve):
    server = serve(qq())
    page = "<html><body>" + "x" * 100000 + "</body></html>"
    server.queued["message.create"] = [Reply(500, "发送失败: " + "长" * 5000), Reply(400, page, "text/html"),
                                       Reply(400, b"\xff\xfe\x00broken\x1b[31m")]
    for i in range(3):
        server.login.say(U, "ping %d" % i)
        server.wait_send("pong %d" % i)
    outcome(server, "failed", 3)
    log = server.daemon.log()
    assert max(len(line) for line in log.splitlines()) < 1500
    assert "xxxx" not in log and "\x1b" not in log
    answered(server)


def test_satori_34_unsupported_is_remembered_for_that_login_only(serve):
    server = serve(qq(), Login("discord", "900").guild("20002", "s", {"20002": "x"}))
    other = server.logins[1]
    server.answers["guild.member.mute"] = lambda call: Reply(501, "not here") if call.login is server.login else {}
    server.answers["reaction.create"] = lambda call: Reply(404, "method not found") if call.login is server.login else {}
    for n in (1, 2, 3):
        for login in (server.login, other):
            login.say(U, "禁我", channel="20002")
            login.say(U, "点赞", channel="20002")
        other.wait_action("guild.member.mute", count=n)
        other.wait_action("reaction.create", count=n)
        server.login.say(U, "ping %d" % n, channel="20002") # the others are through, too
        server.login.wait_send("pong %d" % n)
        server.settle()
    other.wait_action("guild.member.mute", count=3)
    other.wait_action("reaction.create", count=3)
    server.settle()
    assert len(server.login.find("guild.member.mute")) == 1
    assert len(server.login.find("reaction.create")) == 1


def test_satori_35_an_unknown_login_is_asked_for_once(serve):
    server = serve(qq())
    server.answers["message.create"] = Reply(403, "login not found")
    server.login.say(U, "ping 谁")
    server.wait_send("pong 谁")
    server.wait_action("meta")
    server.wait_send("pong 谁", count=3, timeout=10)
    assert len(server.find("meta")) == 1, "a loop of refreshes"
    del server.answers["message.create"]
    outcome(server, "sent", timeout=10)
    wait_until(lambda: not store.outbox(server.daemon.redis.client), what="the outbox is empty")


@pytest.mark.parametrize("reply", [SILENCE, DROP, Reply(200, b"x" * 100, short=10), Reply(502, "<html>"), Reply(504, "")],
                         ids=["timeout", "lost", "half", "502", "504"])
def test_satori_36_a_message_is_never_sent_twice(serve, reply):
    """Nobody knows whether it arrived: it is not sent again. The chat serves on."""
    server = serve(qq(), entry={"timing": {"timeout": "700ms", "settle": "30s", "resend": "60s"}})
    server.queued["message.create"] = [reply]
    server.login.say(U, "ping 一次")
    server.wait_send("pong 一次")
    server.settle(quiet=1.5)
    assert len(server.sends()) == 1
    server.login.say(U, "ping 别处", channel=H)
    server.wait_send("pong 别处", timeout=8)


def test_satori_20_36_the_end_while_a_message_hangs(serve):
    """SIGTERM does not wait for its answer. It may have arrived: it is not sent again by the next process."""
    server = serve(qq(), entry={"timing": {"settle": "30s", "resend": "60s"}})
    daemon = server.daemon
    server.queued["message.create"] = [SILENCE]
    server.login.say(U, "ping 悬着")
    server.wait_send("pong 悬着")
    asked = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - asked < 8
    daemon.start()
    server.wait_link(2)
    server.login.say(U, "ping 别处", channel=H)
    server.wait_send("pong 别处", timeout=8)
    server.settle(quiet=1)
    assert len(server.sends("pong 悬着")) == 1


def test_satori_36_an_echo_settles_it(serve):
    """It arrived although its answer was lost: the server shows our own message."""
    server = serve(qq(), style="koishi", entry={"timing": {"settle": "20s", "resend": "60s"}})
    answered(server)
    server.queued["message.create"] = [lambda call: Late(0, DROP)]
    server.login.say(U, "ping 回声")
    server.wait_send("pong 回声")
    server.emit(server.message_event("10001", "pong 回声"))
    wait_until(lambda: not store.outbox(server.daemon.redis.client), 8, what="the outbox is empty")
    assert len(server.sends("pong 回声")) == 1


def test_satori_36_reads_are_retried_twice(serve):
    server = serve(qq())
    server.answers["guild.member.list"] = Reply(500, "busy")
    since = time.monotonic()
    server.login.say(U, "成员数")
    calls = [server.wait_action("guild.member.list", count=n, timeout=8) for n in (1, 2, 3)]
    assert 0.8 < calls[1].time - calls[0].time < 2 and 2.5 < calls[2].time - calls[1].time < 4.5
    server.settle(quiet=1)
    assert len(server.find("guild.member.list")) == 3 and time.monotonic() - since < 15


def test_satori_37_admin_addresses_are_not_used(serve):
    server = serve(qq())
    server.answers["message.create"] = Reply(403, "login not found")
    server.login.say(U, "ping 谁")
    server.wait_action("meta")
    assert not [c for c in server.actions if c.action.startswith("admin/")]
    server.queued["guild.member.mute"] = [Reply(301, "", headers=[("Location", "/elsewhere")])]
    server.login.say(U, "禁我")
    server.wait_action("guild.member.mute")
    del server.answers["message.create"]
    answered(server, timeout=10)


def test_satori_38_connections(serve):
    server = serve(qq())
    answer = json.dumps([{"id": "7"}]).encode()
    server.queued["message.create"] = [Reply(200, answer, "application/json", chunked=True),
                                       Reply(200, answer, "application/json", close=True),
                                       Reply(200, answer, "application/json", drip=0.02, piece=5)]
    for i in range(12):
        server.login.say(U, "ping %d" % i)
        server.wait_send("pong %d" % i)
    outcome(server, "sent", 12)
    links = [c.request.link for c in server.sends()]
    assert len(set(links)) <= 4, "connections are kept and used again: %s" % links


# -- lists and history: 39, 40 -------------------------------------------------------------------------

def members(ids):
    return [{"user": {"id": str(i), "name": "n%d" % i}} for i in ids]


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}], ids=["missing", "null", "empty"])
def test_satori_39_the_end_of_a_list(serve, end):
    server = serve(qq())
    pages = {None: {"data": members(range(3)), "next": "a"}, "a": {"data": members(range(3, 5)), "next": "b"},
             "b": {"data": members(range(5, 6)), **end}}
    server.answers["guild.member.list"] = lambda call: pages[call.params.get("next")]
    server.login.say(U, "成员数")
    server.wait_send("共 6 人")
    assert len(server.find("guild.member.list")) == 3


def test_satori_39_a_list_that_goes_round(serve):
    server = serve(qq())
    server.answers["guild.member.list"] = lambda call: {"data": members(range(int(call.params.get("next") or 0), 500)), "next": "100"}
    server.login.say(U, "成员数")
    server.wait_send("共 500 人")
    assert len(server.find("guild.member.list")) == 2
    turn = {None: ("a", range(3)), "a": ("b", range(3, 6)), "b": ("a", range(3))}
    server.answers["guild.member.list"] = lambda call: {
        "data": members(turn[call.params.get("next")][1]), "next": turn[call.params.get("next")][0]}
    server.login.say(U, "成员数")
    server.wait_send("共 6 人")


def test_satori_39_a_list_without_end(serve):
    server = serve(qq())
    server.answers["guild.member.list"] = lambda call: {
        "data": members([int(call.params.get("next") or 0)]), "next": str(int(call.params.get("next") or 0) + 1)}
    server.login.say(U, "成员数")
    server.wait_action("guild.member.list", count=500, timeout=20)
    server.settle()
    assert len(server.find("guild.member.list")) == 500
    assert not server.sends("人"), "half a list is no list"
    answered(server)


def test_satori_40_and_19_one_page_of_history(serve):
    server = serve(qq(), style="llonebot")
    server.login.say(U, "ping 先")
    server.wait_send("pong 先")
    server.cut()
    page = [{"id": "2|%s|%d" % (G, 900 + i), "content": "ping 漏%d" % i, "user": {"id": U}, "created_at": int(time.time() * 1000) + i}
            for i in range(3)]
    server.answers["message.list"] = lambda call: {"data": page if call.params["channel_id"] == G else [], "next": "2|%s|900" % G}
    server.wait_link(2)
    server.wait_action("message.list", timeout=10)
    for i in range(3):
        store.wait_seen(server.daemon.redis.client, kind="message", text="ping 漏%d" % i)
    server.settle()
    asked = [c for c in server.find("message.list") if c.params["channel_id"] == G]
    assert asked and not [c for c in asked if "next" in c.params], "its tokens cannot be used there"
    assert asked[0].params["limit"] <= 50


def test_satori_19_stale_commands_of_a_gap_are_not_answered(serve):
    server = serve(qq(), style="llonebot", entry={"timing": {"stale": "1s", "backoff": "2s", "backoff_max": "2s"}})
    answered(server)
    server.settle()
    lost = int(time.time() * 1000)
    server.cut()
    said = {"ping 从前": lost - 600000, "ping 过时": lost + 1}  # before the gap, and in it
    page = [{"id": "2|%s|%d" % (G, 900 + n), "content": text, "user": {"id": U}, "created_at": at} for n, (text, at) in enumerate(said.items())]
    server.answers["message.list"] = lambda call: {"data": page if call.params["channel_id"] == G else []}
    server.wait_link(2)
    store.wait_seen(server.daemon.redis.client, kind="message", text="ping 过时")
    answered(server, count=2)
    server.settle()
    assert not server.sends("pong 过时") and not server.sends("pong 从前")
    seen = store.business_events(server.daemon.redis.client, "qq1", name="seen")
    assert "ping 从前" not in [r.get("text") for r in seen]  # it was handled when it was said


# -- actions: 41, 42 and what the protocol lacks ---------------------------------------------------------

def test_satori_41_durations_are_milliseconds(serve):
    server = serve(qq(), discord())
    server.login.say(U, "禁我")
    assert server.wait_action("guild.member.mute").params == {"guild_id": G, "user_id": U, "duration": 600000}
    server.login.say(U, "解禁我")
    assert server.wait_action("guild.member.mute", count=2).params["duration"] == 0
    server.login.say(U, "全员禁言")
    whole = server.wait_action("channel.mute").params
    assert whole["channel_id"] == G and whole["duration"] == 2591999000 and whole["enable"] is True
    server.login.say(U, "全员解禁")
    assert server.wait_action("channel.mute", count=2).params["duration"] == 0
    server.logins[1].say("77", "禁我", channel="c2")
    call = server.logins[1].wait_action("guild.member.mute")
    assert call.params == {"guild_id": "g1", "user_id": "77", "duration": 600000}, "the guild of the channel"


def test_satori_actions(serve):
    server = serve(qq())
    login = server.login
    login.say(U, "踢我")
    assert login.wait_action("guild.member.kick").params == {"guild_id": G, "user_id": U, "permanent": False}
    login.say(U, "点赞")
    reaction = login.wait_action("reaction.create").params
    assert reaction["channel_id"] == G and reaction["emoji_id"] == reaction["emoji"] == "76" and reaction["message_id"]
    login.say(U, "撤回它", content='<quote id="2|20002|5"/>撤回它')
    assert login.wait_action("message.delete").params == {"channel_id": G, "message_id": "2|20002|5"}
    login.say(U, "成员数")
    login.wait_send("共 4 人")
    for word in ("改名 x", "公告 x", "拍我"): # there is no method for it
        login.say(U, word)
    for action in ("card", "notice", "poke"):
        server.daemon.wait_metric("sopd_actions_total", gateway="qq1", action=action, outcome="failed")
    answered(server)


@pytest.mark.parametrize("type,method", [("guild-member-request", "guild.member.approve"), ("guild-request", "guild.approve"),
                                         ("friend-request", "friend.approve")])
def test_satori_requests_are_answered(serve, type, method):
    server = serve(qq())
    parts = {"user": {"id": "30010"}, "message": {"id": "20002|88|1|0", "content": "让我进来，通过一下"}}
    if type != "friend-request":
        parts["guild"] = {"id": G}
    server.emit(server.event(type, **parts))
    call = server.wait_action(method)
    assert call.params["message_id"] == "20002|88|1|0" and call.params["approve"] is True


REFERRER = {"msgId": "E-1", "_x": {"deepKey": [1, 2.5, -0.0, 1e30, 12345678901234567890], "空": None}, "t": True, "s": "a\"b<&\u00e9\n"}


def test_satori_42_referrer_comes_back_unchanged(serve):
    server = serve(qq())
    server.login.say(U, "ping 引", referrer=REFERRER)
    call = server.wait_send("pong 引")
    assert call.params["referrer"] == REFERRER
    raw = call.request.body.decode()
    assert '"msgId"' in raw and "12345678901234567890" in raw and '"_x"' in raw and "2.5" in raw
    server.login.say("30004", "ping 无")     # answers another one: the newest of the chat is young enough
    assert server.wait_send("pong 无").params["referrer"] == REFERRER
    server.login.say(U, "ping 别处", channel=H)
    assert "referrer" not in server.wait_send("pong 别处").params


# -- what a message is: 45, 47, 51 -----------------------------------------------------------------------

def test_satori_45_people_cannot_write_elements(serve):
    server = serve(qq())
    server.login.say(U, 'ping <at type="all"/>&<b>x</b>')
    assert server.wait_send().content == 'pong &lt;at type="all"/&gt;&amp;&lt;b&gt;x&lt;/b&gt;'


def test_satori_47_lines_mentions_pictures_faces(serve):
    server = serve(qq(), discord())
    server.login.say(U, "长文 2")
    assert "行:" in server.wait_send("第1行").content and "<br/>第2行" in server.sends("第1行")[0].content
    server.login.say(U, "表情")
    content = server.wait_send(where=lambda c: "<img" in c.content).content
    assert content.startswith('<face id="14"/> <img src="https://files.example/b.png"/> <at id="%s"' % U)
    server.logins[1].say("77", "表情", channel="c1")
    assert '<emoji id="14"/>' in server.logins[1].wait_send(where=lambda c: "<img" in c.content).content
    server.login.say(U, "全体")
    assert '<at type="all"/>' in server.wait_send("开会").content


def test_satori_51_quotations(serve):
    server = serve(qq())
    server.login.say(U, "引用", content='<quote id="9"><author id="5"/>ping 旧的</quote>引用', id="2|20002|991")
    call = server.wait_send("看这里")
    assert call.content.startswith('<quote id="2|20002|991"/>')
    server.settle()
    assert not server.sends("pong")


# -- sends: order, private chats, outcomes -----------------------------------------------------------------

def test_satori_order_in_a_chat_and_chats_side_by_side(serve):
    server = serve(qq())
    slow = iter(range(100))
    server.answers["message.create"] = lambda call: Late(0.4 if call.chat == G and next(slow) == 0 else 0)
    server.login.say(U, "连发 5")
    server.wait_send("第 1 条")
    server.login.say(U, "ping 快", channel=H)
    other = server.wait_send("pong 快")
    server.wait_send("第 5 条")
    mine = [c for c in server.sends(chat=G)]
    assert [c.text for c in mine] == ["第 %d 条" % i for i in range(1, 6)]
    assert other.time < mine[1].time, "another chat need not wait"
    assert mine[1].time - mine[0].time >= 0.39, "the next one leaves when the one before is answered"


def test_satori_a_login_whose_calls_hang_holds_nobody_up(serve):
    server = serve(qq(), discord(), entry={"timing": {"timeout": "20s"}})
    other = server.logins[1]
    server.answers["message.create"] = lambda call: SILENCE if call.login is server.login else ...
    for i in range(20):
        server.login.guild(str(50000 + i), "群")
        server.login.say(U, "ping 卡", channel=str(50000 + i))
    server.wait_send("pong 卡", count=8)
    since = time.monotonic()
    for i in range(10):
        other.say("77", "ping %d" % i, channel="c1")
        other.wait_send("pong %d" % i)
    assert time.monotonic() - since < 5


def test_satori_private_channels_are_made_once(serve):
    server = serve(qq(), discord())
    for login in server.logins:
        channel = next(iter(next(iter(login.guilds.values()))["channels"]))
        for _ in range(2):
            login.say(U, "私聊我", channel=channel)
        login.wait_send("悄悄话", count=2, chat="@" + U)
        assert len(login.find("user.channel.create")) == 1
        assert login.find("user.channel.create")[0].params == {"user_id": U}
    server.queued["user.channel.create"] = [Reply(500, "not a friend")] * 3
    server.login.say("30004", "私聊我")
    server.wait_action("user.channel.create", count=5, timeout=8)
    answered(server)
    assert not server.sends(chat="@30004")


def test_satori_private_chat_answers_in_its_channel(serve):
    server = serve(discord())
    server.login.say("77", "ping 私", private=True)
    call = server.wait_send("pong 私")
    assert call.params["channel_id"] == server.login.direct_channel("77")
    assert not server.find("user.channel.create"), "the event named it"


def test_satori_message_ids(serve):
    server = serve(qq())
    server.queued["message.create"] = [[{"id": "2|20002|1"}, {"id": "2|20002|2"}]]
    server.login.say(U, "ping 多")
    outcome(server, "sent")
    server.login.say(U, "撤回它", content='<quote id="2|20002|2"/>撤回它')
    assert server.wait_action("message.delete").params["message_id"] == "2|20002|2"


MUTED = 'EventChecker Failed: {"result":120,"errMsg":"muted"}'


def test_satori_muted_holds_only_that_chat(serve):
    server = serve(qq())
    server.answers["message.create"] = lambda call: Reply(500, MUTED) if call.chat == G else ...
    server.login.say(U, "ping 禁")
    server.wait_send("pong 禁")
    server.login.say(U, "ping 外", channel=H)
    server.wait_send("pong 外")
    server.settle()
    assert len(server.sends(chat=G)) == 1 and store.outbox(server.daemon.redis.client)


def test_satori_crowded_waits_as_long_as_told(serve):
    server = serve(discord())
    server.queued["message.create"] = [Reply(429, '{"message": "You are being rate limited.", "retry_after": 1.5, "global": false}')]
    server.login.say("77", "ping 挤", channel="c1")
    first = server.wait_send("pong 挤")
    server.login.say("77", "ping 二", channel="c2")
    server.wait_send("pong 二")
    again = server.wait_send("pong 挤", count=2, timeout=10)
    assert again.time - first.time >= 1.4
    outcome(server, "sent", 2)


def test_satori_a_token_that_is_refused(serve):
    """By the calls only: nothing was done, it is not tried again and again, and it goes out when the token is good."""
    server = serve(qq())
    server.answers["message.create"] = Reply(401, "invalid token")
    server.login.say(U, "ping 令牌")
    server.wait_send("pong 令牌")
    server.settle(quiet=1.5)
    assert len(server.sends()) == 1
    assert [r for r in server.daemon.log_records(level="error") if "token" in r["msg"]]
    del server.answers["message.create"]
    server.cut() # a new connection: it may be another token
    server.wait_send("pong 令牌", count=2, timeout=10)
    outcome(server, "sent")


# -- pictures ------------------------------------------------------------------------------------------

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")


@pytest.fixture
def pictures(bench, tmp_path):
    """A playbook with a command that shows whatever picture is named."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "flows" / "show.lua").write_text("""local flow = sop.flow("show", { title = "图" })
flow:command("图", { args = true }, function(c) c:say("看", nil, { image = c.args }) end)
flow:command("按钮", function(c) c:say("选", nil, { buttons = { { "甲", value = "v<1>" } } }) end)
return flow
""")
    (tmp_path / "playbooks" / "p.lua").write_text(
        'return { title = "x", groups = { "all" }, quiet = false, flows = { "show" } }\n')

    def make(*logins):
        server = bench.satori(*logins)
        server.daemon = bench.served(*server.logins, sop=str(tmp_path))
        return server
    return make


def test_satori_pictures_are_brought(pictures, tmp_path):
    (tmp_path / "a b.png").write_bytes(PNG)
    server = pictures(qq(features=["message.create", "upload.create", "guild.plain"]))
    coded = base64.b64encode(PNG).decode()
    for n, source in enumerate(["base64://" + coded, "data:image/png;base64," + coded, "file://%s/a%%20b.png" % tmp_path], 1):
        server.login.say(U, "图 " + source)
        call = server.wait_send(count=n, timeout=8)
        url = call.content.split('src="')[1].split('"')[0]
        assert url.startswith("internal:llonebot/10001/")
        name, filename, kind, data = server.uploads[url]
        assert (name, filename, kind, data) == ("file", "picture.png", "image/png", PNG)
    server.login.say(U, "图 https://h.example/a.png?x=1&y=2")
    assert 'src="https://h.example/a.png?x=1&amp;y=2"' in server.wait_send(count=4).content
    assert len(server.uploads) == 3


def test_satori_pictures_without_upload(pictures, tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    server = pictures(qq())
    coded = base64.b64encode(PNG).decode()
    for n, source in enumerate(["base64://" + coded, "file://%s/a.png" % tmp_path], 1):
        server.login.say(U, "图 " + source)
        assert 'src="data:image/png;base64,%s"' % coded in server.wait_send(count=n, timeout=8).content
    server.login.say(U, "图 file:///nowhere/x.png")
    server.daemon.wait_log("cannot be opened")
    (tmp_path / "secret.conf").write_text("token = x")
    server.login.say(U, "图 file://%s/secret.conf" % tmp_path)
    outcome(server, "failed", 2)
    assert not server.find("upload.create") and len(server.sends()) == 2


def test_satori_buttons_by_platform(pictures):
    server = pictures(discord(), qq())
    server.login.say("77", "按钮")
    assert '<button id="v&lt;1&gt;" type="action">甲</button>' in server.wait_send().content
    server.logins[1].say(U, "按钮")
    server.settle()
    assert not server.logins[1].sends()
