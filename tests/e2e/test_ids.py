"""Ids as platforms make them: with every sign that our own names use, and as long as they may be. Chats and people of such ids go through
the keys in Redis, runs, timers, switches, staff, export, transfer and forgetting like any other, and never get mixed up."""

import json
import os
import time

import pytest

from harness import dump, events as ev, store, wait_until

LONG = "x" * 122 + "|:/@!"
CHATS = ["!room:matrix.org", "2|20002|991", "2", "a b:{c}%7C|d/e$", "odd*?[x]@", LONG]
ANN, BEN = "@ann:matrix.org", "ben|2:%7C {x}"
FLOW = """
local flow = sop.flow("ids", { title = "号", params = { word = { "string", default = "甲" }, daily = { "clock", default = "03:33" } } })
flow:on("join", { private = false }, function(c) c.member.joined = true end)
flow:command("记", { args = true }, function(c)
  c.member.n = (c.member.n or 0) + 1
  c:add(c.profile, "n", 1)
  c.group.last = c.user
  c:board("top"):add(c.user, 1)
  c:list("log"):push({ user = c.user, n = c.member.n })
  c:set("seen"):add(c.user)
  c:days("on", c.user):mark(3)
  c:tag("记过")
  if c:once("first") then c:emit("seen", { text = "first " .. c.args, chat = c.chat, user = c.user }) end
  c:say("{word}{n} {args}", { word = c.params.word, n = c.member.n, args = c.args })
end)
flow:command("词", { args = true }, function(c) c:say("{word} {args}", { word = c.params.word, args = c.args }) end)
flow:command("定时", { args = true }, function(c)
  c:timer("tick", { after = "200ms", key = c.user, args = { text = c.args } })
end)
flow:timer("tick", function(c, args) c:say("到点 {text} {n}", { text = args.text, n = c.member.n or 0 }, { answer = true }) end)
flow:command("问", { args = true }, function(c)
  c:say("问 {args}", { args = c.args })
  local answer = c:ask{ timeout = "1h" }
  c:say("答 {args} {text}", { args = c.args, text = answer and answer.text or "无" })
end)
flow:command("谁", { role = "store", args = true }, function(c) c:say("店员 {args} {role}", { args = c.args, role = c.role }) end)
flow:command("叫", { args = true }, function(c) c:staff("叫 {args} {user}", { args = c.args, user = c.user }) end)
flow:command("私", { args = true }, function(c) c:dm(c.user, "私下 {args}", { args = c.args }) end)
return flow
"""
STAFF = "!staff|room:matrix.org"
BOOK = """return { title = "t", groups = { "all" }, quiet = false, private = true, timezone = "Asia/Shanghai",
  staff_chat = "qq1:%s", staff = { ["qq1:%s"] = "store" }, flows = { "ids", { "ids" } } }"""


@pytest.fixture
def town(bench, box, napcat):
    folder = os.path.join(box, "sop")
    book = BOOK.replace(', { "ids" }', "") % (STAFF, ANN)
    for name, text in (("flows/ids.lua", FLOW), ("playbooks/p.lua", book)):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    daemon = bench.served(napcat, sop=folder)
    napcat.daemon = daemon
    return napcat


def say(town, chat, user, text):
    town.emit(ev.private_msg(user, text) if chat is None else ev.group_msg(chat, user, text))


def heard(town, text):
    """The message with this text; where it went."""
    wait_until(lambda: [a for a in town.sends() if a.text == text], 6, what=text)
    found = [a for a in town.sends() if a.text == text]
    assert len(found) == 1, [(a.chat, a.text) for a in found]
    return found[0]


def shows(daemon, words, *args):
    """A command of ctl shows them all: the daemon takes a moment to see an edit."""
    def look():
        text = daemon.ctl(*args).stdout
        return all(word in text for word in words)
    wait_until(look, 3, what=lambda: (words, daemon.ctl(*args).stdout))


def took(town, chat, word, i):
    """The chat says that word from now on; an edit of parameters takes a moment."""
    for k in range(40):
        say(town, chat, BEN, "词 %d-%d" % (i, k))
        wait_until(lambda: [a for a in town.sends() if a.text.endswith(" %d-%d" % (i, k))], 6, what="the word")
        answer = [a for a in town.sends() if a.text.endswith(" %d-%d" % (i, k))][0]
        if answer.text.startswith(word):
            assert str(answer.chat) == chat
            return
    raise AssertionError("chat %r never said %s" % (chat, word))


def percent(chat):
    return "".join("%%%02X" % b if b <= 32 or chr(b) in ":{}%" or b == 127 else chr(b) for b in chat.encode())


def test_each_chat_and_person_is_itself(town):
    client = town.daemon.redis.client
    for i, chat in enumerate(CHATS):
        for user in (ANN, BEN):
            say(town, chat, user, "记 %d" % i)
            say(town, chat, user, "记 %d" % i)
    for i, chat in enumerate(CHATS):
        wait_until(lambda: len([a for a in town.sends() if a.text == "甲2 %d" % i]) == 2, 6, what="chat %r" % chat)
        assert {str(a.chat) for a in town.sends() if a.text.endswith(" %d" % i)} == {chat}
        assert client.hget("sopd:{qq1}:m:ids:%s:%s" % (percent(chat), percent(BEN)), "n") == "2"
        assert client.zscore("sopd:{qq1}:board:ids:%s:top" % percent(chat), ANN) == 2
    assert client.hget("sopd:{qq1}:u:%s" % percent(ANN), "n") == str(2 * len(CHATS))
    firsts = store.business_events(client, name="seen")
    assert sorted((e["chat"], e["user"]) for e in firsts) == sorted((c, u) for c in CHATS for u in (ANN, BEN))


def test_private_chats(town):
    """A private chat with "@ann:matrix.org" is "@@ann:matrix.org"."""
    for i, user in enumerate((ANN, BEN)):
        say(town, None, user, "问 %d" % i)
        assert str(heard(town, "问 %d" % i).params["user_id"]) == user
        say(town, None, user, "好")
        assert str(heard(town, "答 %d 好" % i).params["user_id"]) == user
        say(town, CHATS[0], user, "私 %d" % i)
        assert str(heard(town, "私下 %d" % i).params["user_id"]) == user


def test_runs_and_timers_outlive_a_restart(town):
    for i, chat in enumerate(CHATS):
        say(town, chat, BEN, "问 %d" % i)
        heard(town, "问 %d" % i)
    town.daemon.stop()
    town.daemon.start()
    town.wait_ready()
    for i, chat in enumerate(CHATS):
        say(town, chat, ANN, "别人说的")
        say(town, chat, BEN, "答案%d" % i)
        assert str(heard(town, "答 %d 答案%d" % (i, i)).chat) == chat
        say(town, chat, BEN, "定时 %d" % i)
        assert str(heard(town, "到点 %d 0" % i).chat) == chat
    client = town.daemon.redis.client
    wait_until(lambda: not client.zcard("sopd:{qq1}:timers") and not client.hlen("sopd:{qq1}:timer"), 5, what="no timer left")


def test_staff(town):
    for i, chat in enumerate(CHATS):
        say(town, chat, BEN, "谁 %d" % i)
        say(town, chat, ANN, "谁 %d" % i)
        assert str(heard(town, "店员 %d store" % i).chat) == chat
        say(town, chat, BEN, "叫 %d" % i)
        assert str(heard(town, "叫 %d %s" % (i, BEN)).chat) == STAFF


def test_switches_and_parameters_of_a_chat(town):
    daemon = town.daemon
    for i, chat in enumerate(CHATS):
        say(town, chat, BEN, "记 %d" % i)
        heard(town, "甲1 %d" % i)
    for i, chat in enumerate(CHATS):
        daemon.ctl("param", "set", "ids.word", "乙", "--chat", "qq1:" + chat)
        shows(daemon, ("乙", "sopd:params:chat:qq1:" + percent(chat)), "explain", "qq1:" + chat, "ids")
        took(town, chat, "乙", i)
    other = "off"
    for i, chat in enumerate(CHATS):                # each in turn is off, the others are not
        daemon.ctl("toggle", "ids", "off", "--chat", "qq1:" + chat)
        shows(daemon, (" off ",), "flows", "qq1:" + chat)
        for k, where in enumerate(CHATS):
            say(town, where, ANN, "记 %s%d-%d" % (other, i, k))
        for k in range(len(CHATS)):
            if k != i:
                heard(town, "乙%d %s%d-%d" % (i + 1 if k > i else i, other, i, k))
        assert not [a for a in town.sends() if a.text.endswith(" %s%d-%d" % (other, i, i))]
        daemon.ctl("toggle", "ids", "default", "--chat", "qq1:" + chat)
        shows(daemon, (" on ",), "flows", "qq1:" + chat)
        assert "乙" in daemon.ctl("why", "qq1:" + chat, BEN).stdout


def test_what_operators_look_at(town):
    daemon = town.daemon
    for i, chat in enumerate(CHATS):
        say(town, chat, BEN, "问 %d" % i)
        heard(town, "问 %d" % i)
    for chat in CHATS:
        runs = json.loads(daemon.ctl("--json", "runs", "list", "--gateway", "qq1", "--chat", chat).stdout)
        runs = runs if isinstance(runs, list) else runs["runs"]
        assert [(r["chat"], r["user"]) for r in runs] == [(chat, BEN)]
        daemon.ctl("runs", "show", runs[0]["id"])
        kept = json.loads(daemon.ctl("--json", "export", "qq1:" + chat).stdout)
        assert percent(chat) in json.dumps(kept, ensure_ascii=False)
        others = [c for c in CHATS if c != chat and ":%s:" % percent(c) in json.dumps(kept, ensure_ascii=False)]
        assert not others, "nothing of another chat is in it"
    shown = json.loads(daemon.ctl("--json", "chats", "qq1").stdout)
    assert all(c in json.dumps(shown, ensure_ascii=False) for c in CHATS)
    daemon.ctl("tag", "qq1:" + CHATS[1], "+vip")
    shows(daemon, (CHATS[1],), "tag", "list", "vip")
    daemon.ctl("pause", "ids", "--chat", "qq1:" + CHATS[2])
    shows(daemon, (percent(CHATS[2]),), "pause")
    daemon.ctl("resume", "ids", "--chat", "qq1:" + CHATS[2])
    daemon.ctl("outbox")


def test_export_and_forget(town):
    daemon, client = town.daemon, town.daemon.redis.client
    for i, chat in enumerate(CHATS):
        for user in (ANN, BEN):
            say(town, chat, user, "记 %d" % i)
        say(town, chat, BEN, "问 %d" % i)
        heard(town, "问 %d" % i)
        town.emit(ev.leave(chat, ANN))
    wait_until(lambda: client.zcard("sopd:{qq1}:left") == len(CHATS), 5, what="who left")
    kept = json.loads(daemon.ctl("--json", "export", "--gateway", "qq1", "--member", BEN).stdout)
    assert json.dumps(kept).count('"n"') >= len(CHATS)
    done = json.loads(daemon.ctl("--json", "forget", BEN, "--gateway", "qq1").stdout)
    assert done["runs"] == len(CHATS), done
    left = {key: value for key, value in dump(client).items() if percent(BEN) in key or BEN in repr(value)}
    left = {key: value for key, value in left.items() if ":pace" not in key and ":trace" not in key}
    assert not left
    for chat in CHATS:
        assert client.hget("sopd:{qq1}:m:ids:%s:%s" % (percent(chat), percent(ANN)), "n") == "1"
