"""What flows and playbooks declare, and `sopd check` believes: shared words, schedules that say nothing, items of different days, texts
in tables, tags that nobody has; and that everything we ship is clean, whoever has which tag."""

import json
import os
import re

import pytest

from harness import ROOT, lua_value, run

SHIPPED = os.path.join(ROOT, "sop")
HEAD = 'groups = { "qq1:*" }, staff_chat = "qq1:9", staff = { ["qq1:10001"] = "owner" }'


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def config(box, sops, playbooks=None, tags=()):
    settings = {"data_dir": box + "/data", "sop": list(sops),
                "gateways": [{"name": "qq1", "type": "onebot11", "mode": "forward", "url": "ws://127.0.0.1:1/"},
                             {"name": "pg", "type": "playground"}],
                "tags": [{"tag": tag, "groups": ["qq1:*"]} for tag in tags]}
    if playbooks:
        settings["playbooks"] = playbooks
    write(box + "/sopd.lua", "return " + lua_value(settings) + "\n")
    return box + "/sopd.lua"


def flow(box, name, body, options=""):
    write(box + "/sop/flows/%s.lua" % name, 'local flow = sop.flow("%s", { %s })\n%s\nreturn flow\n' % (name, options, body))


def lint(box, *args, flows, head=HEAD, sops=None):
    write(box + "/sop/playbooks/shop.lua", "return { %s, flows = { %s } }\n" % (head, flows))
    done = run("check", "--config", config(box, sops or [box + "/sop", SHIPPED], ["shop"]), "--json", *args)
    document = json.loads(done.stdout)
    return [one["code"] for one in document["findings"]], document


# ---- what we ship ----

def tags_of_shipped():
    tags = []
    for name in sorted(os.listdir(SHIPPED + "/playbooks")):
        if name.endswith(".lua"):
            with open(SHIPPED + "/playbooks/" + name, encoding="utf-8") as book:
                tags += re.findall(r'tag = "([\w-]+)"', book.read())
    return sorted(set(tags))


@pytest.mark.parametrize("tags", ["none", "all"])
def test_nothing_is_found_in_any_shipped_playbook(box, tags):
    given = tags_of_shipped() if tags == "all" else []
    assert tags == "none" or len(given) >= 8
    path = config(box, [SHIPPED], tags=given)
    for args in ([], ["--all"]):
        done = run("check", "--config", path, "--json", "--strict", *args)
        document = json.loads(done.stdout)
        assert document["playbooks"] >= 9
        assert document["findings"] == [], document["findings"]
        assert done.returncode == 0
    done = run("check", "--config", path)
    assert done.stderr == ""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_is_found_in_any_shipped_flow(box, language):
    """Those that promise prizes say who promises; likes is for brands that were warned, and has a page about it; checkin and signup
    both mean 报名 and 签到, so a group with both gives one of them other words."""
    names = sorted(name[:-4] for name in os.listdir(SHIPPED + "/flows") if name.endswith(".lua"))
    promise = 'organiser = "幸福生鲜有限公司", contact = "400-000-0000"'
    flows = ["switch", "common"] + [name for name in names if name not in ("switch", "common", "likes")]
    own = {"signup": 'apply_words = { "参加活动" }, checkin_words = { "我到了" }', "redpacket": promise, "draw": promise, "contest": promise}
    listed = ", ".join('{ "%s", %s }' % (name, own[name]) if name in own else '"%s"' % name for name in flows)
    codes, document = lint(box, flows=listed, head=HEAD + ', keepers = true, evening_posts = 30, language = "%s"' % language)
    bad = [(one["code"], one["what"]) for one in document["findings"] if one["severity"] != "note"]
    assert bad == [], bad


# ---- shared words ----

SAID = 'flow:command({ "查" }, %s function(c) return false end)'


@pytest.mark.parametrize("first,second,found", [("", "", ["L020"]), ("{ shared = true },", "", []), ("", "{ shared = true },", ["L020"]),
                                                ("{ shared = true },", "{ shared = true },", [])])
def test_the_first_of_two_says_that_it_shares(box, first, second, found):
    flow(box, "one", SAID % first)
    flow(box, "two", SAID % second)
    codes, _ = lint(box, flows='"one", "two"')
    assert codes == found


@pytest.mark.parametrize("shared,found", [("shared = true", []), ("shared = false", ["L021"])])
def test_a_shared_word_before_one_for_staff(box, shared, found):
    flow(box, "one", SAID % ("{ %s }," % shared))
    flow(box, "two", SAID % '{ role = "store" },')
    codes, _ = lint(box, flows='"one", "two"')
    assert codes == found


def test_a_role_of_a_parameter_is_that_of_the_playbook(box):
    flow(box, "one", SAID % '{ role = "least" },', 'params = { least = { "choice", default = "hq", values = { "store", "hq" } } }')
    head = 'groups = { "qq1:*" }, staff = { ["qq1:1"] = "store" }'
    assert lint(box, flows='"one"', head=head)[0] == ["L027"]
    assert lint(box, flows='{ "one", least = "store" }', head=head)[0] == []


@pytest.mark.parametrize("option", ['flow:command("查", { shared = 1 }, function() end)', 'flow:at("09:00", { posts = "no" }, function() end)',
                                    'flow:on("join", { shared = true }, function() end)', 'flow:command("查", { posts = false }, function() end)'])
def test_options_are_looked_at(box, option):
    flow(box, "one", option)
    codes, document = lint(box, flows='"one"')
    assert codes == ["L008"] and ("shared" in document["findings"][0]["what"] or "posts" in document["findings"][0]["what"])


# ---- times ----

def test_what_only_prepares_is_no_post(box):
    flow(box, "one", 'flow:at("04:05", function() end)')
    flow(box, "two", 'flow:at("plan_at", { posts = false }, function() end)', 'params = { plan_at = { "clock", default = "04:10" } }')
    codes, document = lint(box, "--groups", "600", flows='"one", "two"')
    assert codes == ["L040", "L042"] or codes == ["L042", "L040"]
    assert [one["flow"] for one in document["plan"] if one["gateway"] == "qq1"] == ["one"]


@pytest.mark.parametrize("on,found", [("true", ["L043"]), ("false", [])])
def test_the_time_of_what_is_off_is_none(box, on, found):
    flow(box, "one", 'flow:on("join", function() end)', 'params = { board = { "boolean", default = %s }, board_at = { "clock", default = "05:00" } }' % on)
    assert lint(box, flows='"one"')[0] == found


def plan_of(box, items):
    flow(box, "one", 'flow:on("join", function() end)', 'params = { posts = { "table", default = {} } }')
    codes, document = lint(box, "--groups", "600", flows='{ "one", posts = { %s } }' % items)
    return codes, [one["last"] for one in document["plan"] if one["gateway"] == "qq1"]


@pytest.mark.parametrize("other,met", [
    ("weekday = 2", False), ("weekday = { 2, 3 }", False), ("weekday = { 1, 2 }", True), ("", True), ("every = 3, from = \"2026-01-05\"", True),
    ('date = "2026-03-02"', True),   # a Monday
    ('date = "2026-03-03"', False), ('festival = "中秋"', False), ('date = { "2026-03-03", "2026-03-09" }', True), ("weekday = 2, shift = \"after\"", True)])
def test_items_of_different_days_are_not_added_up(box, other, met):
    codes, last = plan_of(box, '{ at = "12:00", weekday = 1 }, { at = "12:00", %s }' % other)
    alone = plan_of(box, '{ at = "12:00" }')[1][0]
    assert last == [alone, "13:53:52" if met and last[1] == "13:53:52" else last[1]]
    assert (last[1] != alone) == met, last


def test_seven_posts_of_seven_days_are_no_full_evening(box):
    flow(box, "one", 'flow:on("join", function() end)', 'params = { posts = { "table", default = {} } }')
    week = ", ".join('{ at = "20:00", weekday = %d }' % day for day in range(1, 8))
    assert lint(box, flows='{ "one", posts = { %s } }' % week)[0] == []
    assert lint(box, flows='{ "one", posts = { %s } }' % ", ".join(['{ at = "20:00", weekday = 5 }'] * 7))[0] == ["L044"]
    assert lint(box, flows='{ "one", posts = { %s } }' % ", ".join(['{ at = "20:00", date = "2026-03-08" }'] * 7))[0] == ["L044"]


# ---- texts ----

def test_a_text_that_the_flow_leaves_empty_may_be_empty(box):
    params = 'params = { note = { "text", default = "" }, said = { "text", default = "好" } }'
    flow(box, "one", 'flow:on("join", function(c) c:say(c.params.note) c:say(c.params.said) end)', params)
    assert lint(box, flows='"one"')[0] == []
    assert lint(box, flows='{ "one", note = "" }')[0] == []
    assert lint(box, flows='{ "one", said = "" }')[0] == ["L013"]


def test_texts_in_tables(box):
    params = 'params = { posts = { "table", default = {}, texts = { "text", "more" } } }'
    flow(box, "one", 'flow:on("join", function(c) c:say(c.params.posts[1].text, { day = 1 }) end)', params)
    assert lint(box, flows='{ "one", posts = { { text = "第 {day} 天", other = "{nothing}" } } }')[0] == []
    assert lint(box, flows='{ "one", posts = { { text = "第 {dya} 天" } } }')[0] == ["L011"]
    assert lint(box, flows='{ "one", posts = { a = { b = { more = { "早", "第 {dya} 天" } } } } }')[0] == ["L011"]
    assert lint(box, flows='{ "one", posts = { { text = "第 {day 天" } } }')[0] == ["L012"]
    flow(box, "one", "", 'params = { posts = { "string", default = "", texts = { "text" } } }')
    assert lint(box, flows='"one"')[0] == ["L008"]


@pytest.mark.parametrize("name,found", [("said", ["L073"]), ("staff_how", []), ("use_list", [])])
def test_what_only_staff_read_promises_nobody_a_discount(box, name, found):
    flow(box, "one", 'flow:on("join", function(c) c:say(c.params.%s) end)' % name, 'params = { %s = { "text", default = "今晚 8 折" } }' % name)
    assert lint(box, flows='"one"')[0] == found


# ---- lotteries ----

@pytest.mark.parametrize("params,body,found", [
    ('prize = { "string", default = "牛奶" }', "c:reply(c.params.announce)", False),                   # for the best
    ('prize = { "string", default = "牛奶" }', "if c:random(10) == 1 then c:reply(c.params.announce) end", True),
    ('organiser = { "string", default = "幸福生鲜有限公司" }', "c:reply(c.params.announce)", True)])
def test_what_a_lottery_is(box, params, body, found):
    flow(box, "one", 'flow:command("参加", function(c) %s end)' % body, 'params = { announce = { "text", default = "来玩" }, %s }' % params)
    codes, _ = lint(box, flows='"one"')
    assert ("L051" in codes) == found, codes


def test_a_draw_without_an_organiser(box):
    assert "L057" in lint(box, flows='"draw"')[0]


# ---- the menu ----

@pytest.mark.parametrize("menu", ['"nothing"', '"words"', "true"])
def test_the_line_of_the_menu_is_a_text(box, menu):
    flow(box, "one", 'flow:command("words", function() end)', 'params = { words = { "strings", default = { "查" } } }, menu = ' + menu)
    codes, document = lint(box, flows='"one"')
    assert codes == ["L008"] and "menu" in document["findings"][0]["what"]


def test_a_parameter_that_moved_says_where(box):
    codes, document = lint(box, flows='{ "common", menu_redpacket = "抢" }')
    assert codes == ["L002"]
    assert document["findings"][0]["what"] == "flow common has no parameter 'menu_redpacket' any more; it is redpacket.menu_line now"


# ---- tags that nobody has ----

def test_playbooks_of_nobody_are_one_line(box):
    odd = 'flows = { { "common", help_words = {}, menu_common = { "a", "a" } } }'
    write(box + "/sop/playbooks/here.lua", 'return { groups = { "qq1:*" }, flows = { "common" } }')
    for name in ("north", "south"):
        write(box + "/sop/playbooks/%s.lua" % name, 'return { groups = { { tag = "%s" } }, %s }' % (name, odd))
    sops = [box + "/sop", SHIPPED]

    def found(*args, tags=()):
        path = config(box, sops, ["here", "north", "south"], tags)
        return [(one["code"], os.path.basename(one["file"])) for one in json.loads(run("check", "--config", path, "--json", *args).stdout)["findings"]
                if one["code"] != "L028"]

    assert found() == [("L034", "north.lua")]
    assert sorted(found("--all")) == [("L014", "north.lua"), ("L014", "south.lua"), ("L023", "north.lua"), ("L023", "south.lua")]
    assert sorted(found(tags=["south"])) == [("L014", "south.lua"), ("L023", "south.lua"), ("L034", "north.lua")]
    write(box + "/sop/playbooks/north.lua", 'return { groups = { { tag = "north" } }, flows = { { "common", menu_common = "{nobody_gives}" } } }')
    assert ("L011", "north.lua") in found(), "a problem is always named"
    done = run("check", "--config", config(box, sops, ["here", "south"]))
    assert "no group the tag of: south; 2 warnings and 0 notes about them left out" in done.stderr
