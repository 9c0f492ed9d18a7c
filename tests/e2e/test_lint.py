"""`sopd check` as a linter: every planted fault is found where it is, and nothing else; nothing is found in what we ship.

Each folder of tests/data/bad-sops is a SOP folder with one fault, laid over sop/. Its file `expect` says what must be found:
"CODE file:line" lines, "args ..." for the command line, "#" for why.
"""

import json
import os
import re

import pytest

from harness import ROOT, lua_value, run

OK, USAGE, PROBLEMS = 0, 2, 3
BAD = os.path.join(ROOT, "tests", "data", "bad-sops")
SHIPPED = os.path.join(ROOT, "sop")
FOLDERS = sorted(name for name in os.listdir(BAD) if os.path.isdir(os.path.join(BAD, name)))
FOUR = """
    "switch", "common", "checkin", { "redpacket", organiser = "幸福生鲜有限公司", contact = "400-000-0000" },
    "welcome", { "chaperone", duty = { "10001" } }
"""


def config_file(box, *sop, playbooks=None):
    settings = {"data_dir": box + "/data", "sop": list(sop),
                "gateways": [{"name": "qq1", "type": "onebot11", "mode": "forward", "url": "ws://127.0.0.1:1/"},
                             {"name": "pg", "type": "playground"}]}
    if playbooks:
        settings["playbooks"] = playbooks
    path = box + "/sopd.lua"
    with open(path, "w", encoding="utf-8") as out:
        out.write("return " + lua_value(settings) + "\n")
    return path


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def read_expect(folder):
    found, args = [], []
    with open(os.path.join(folder, "expect"), encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words and words[0] == "args":
                args = words[1:]
            elif words and words[0] != "#":
                found.append((words[0], words[1]))
    return sorted(found), args


def names_of(folder):
    return sorted(name[:-4] for name in os.listdir(os.path.join(folder, "playbooks")) if name.endswith(".lua"))


def findings(done, notes, *folders):
    """[(code, "file:line")] of a --json document, files as seen from their SOP folder; of notes, those with these codes."""
    found = []
    for one in json.loads(done.stdout)["findings"]:
        if one["severity"] == "note" and one["code"] not in notes:
            continue
        file = one["file"]
        for folder in folders:
            if file.startswith(folder + "/"):
                file = file[len(folder) + 1:]
        found.append((one["code"], "%s:%d" % (file, one["line"])))
    return sorted(set(found))


def lint(box, *args, playbook=None, sop=None):
    """Check of a playbook (its text), laid over what we ship; the document."""
    folder = box + "/sop"
    write(folder + "/playbooks/shop.lua", playbook)
    done = run("check", "--config", config_file(box, folder, sop or SHIPPED, playbooks=["shop"]), "--json", *args)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_there_are_enough_planted_faults():
    assert len(FOLDERS) >= 40
    codes = {code for name in FOLDERS for code, _ in read_expect(os.path.join(BAD, name))[0]}
    listed = re.findall(r"^(L\d+) ", run("check", "--codes").stdout, re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) - codes <= {"L010"}, "each code has a planted fault"


@pytest.mark.parametrize("name", FOLDERS)
def test_planted_fault(box, name):
    folder = os.path.join(BAD, name)
    expected, args = read_expect(folder)
    assert expected, "it says what must be found"
    config = config_file(box, folder, SHIPPED, playbooks=names_of(folder))
    done = run("check", "--config", config, "--json", *args)
    assert findings(done, {code for code, _ in expected}, folder, SHIPPED) == expected
    document = json.loads(done.stdout)
    worst = {one["severity"] for one in document["findings"]}
    assert done.returncode == (PROBLEMS if "error" in worst else OK)
    assert document["good"] == (done.returncode == OK)
    for one in document["findings"]:
        assert one["what"] and one["remedy"] and one["title"]
        if one["file"].startswith("/"):
            assert os.path.exists(one["file"]), "the file is there"
    strict = run("check", "--config", config, "--strict", "--quiet", *args)
    assert strict.returncode == (OK if worst == {"note"} else PROBLEMS)
    plain = run("check", "--config", config, *args)
    assert plain.returncode == done.returncode
    for code, place in expected:
        assert re.search(r"%s: .*\[%s\]$" % (re.escape(place), code), plain.stderr, re.M), plain.stderr


def test_nothing_is_found_in_the_shipped_playbooks(box):
    path = box + "/sopd.lua"
    write(path, 'return { data_dir = "%s/data", sop = { "%s" }, gateways = { { name = "playground", type = "playground" } } }\n'
          % (box, SHIPPED))
    done = run("check", "--config", path, "--json", "--strict")
    assert done.returncode == OK
    assert json.loads(done.stdout)["findings"] == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_is_found_in_the_shipped_flows_on_qq(box, language):
    code, document = lint(box, "--strict", playbook="""return {
      groups = { "qq1:*" }, language = "%s", keepers = true, staff_chat = "qq1:9", staff = { ["qq1:10001"] = "store" },
      flows = { %s },
    }""" % (language, FOUR))
    assert code == OK
    # the greeting of single chats is for platforms that have them: a note, nothing to correct
    assert [(one["code"], one["severity"]) for one in document["findings"]] == [("L025", "note")], document


def test_nothing_is_found_in_the_recipes(box):
    recipes = os.path.join(SHIPPED, "recipes")
    names = sorted(name[:-4] for name in os.listdir(recipes + "/flows"))
    code, document = lint(box, "--strict", sop=recipes, playbook="""return {
      groups = { "qq1:*" }, keepers = true, staff_chat = "qq1:9", staff = { ["qq1:10001"] = "owner" },
      flows = %s, evening_posts = 12,
    }""" % lua_value(names))
    assert code == OK and document["findings"] == []


GOOD = ["谢谢分享,今天的图真好看", "无需转发,发「抢」就能领券", "转发请注明出处", "请勿转发领奖链接,都是骗人的",
        "这张给你点个赞", "为大家的坚持助力加油", "鸡蛋原价 15.9 元,今晚 8 折", "平时 12 元的牛奶今天特价 9.9 元",
        "满 39 减 10", "生活总有曲折,一折腾就到了晚上", "邀请好友请先问群主", "记得转发给没来的同事",
        "本店不砍价,天天实价", "没有转发任务,发「抢」就能领券", "把这张券转发给家人也能用", "特别好看,谢谢分享", "Feel free to share this",
        "请勿 @所有人", "拍得真好\uff01转发给妈妈看看\uff01晚上领券的来店里", "大家别错过", "@ 我就行", "Thank you for sharing, points are booked",
        "Everybody can share: no prize here. Good morning", "Eggs at half price (regular ¥15)"]


@pytest.mark.parametrize("text", GOOD)
def test_wording_that_is_fine(box, text):
    code, document = lint(box, "--strict", playbook="""return { groups = { "qq1:*" },
      flows = { { "common", menu_common = %s } } }""" % lua_value(text))
    assert (code, document["findings"]) == (OK, [])


FINE = {
    "it returns something else somewhere": "if c.text == 'x' then return end return true",
    "it hands its context on, which may wait": "pause(c) return true",
    "it waits": "c:sleep('1s') return true",
    "a function inside it returns true": "local f = function() return true end f()",
    "a string says so": "c:log('return true end')",
}


@pytest.mark.parametrize("why", sorted(FINE))
def test_handlers_of_which_nothing_can_be_told(box, why):
    for name, body in (("first", FINE[why]), ("second", "c:log('here')")):
        write(box + "/sop/flows/%s.lua" % name, """local flow = sop.flow("%s", {})
          local function pause(c) c:sleep("1s") end
          flow:on("poke", function(c) pause(c) end)
          flow:on("message", function(c) %s end)
          return flow""" % (name, body))
    code, document = lint(box, "--strict", playbook='return { groups = { "qq1:*" }, flows = { "first", "second" } }')
    assert (code, document["findings"]) == (OK, []), why


def test_a_narrower_handler_ends_nothing_for_others(box):
    write(box + "/sop/flows/first.lua", """local flow = sop.flow("first", {})
      flow:on("message", { image = true }, function(c) return true end)
      flow:on("join", { private = false }, function(c) return true end)
      return flow""")
    write(box + "/sop/flows/second.lua", """local flow = sop.flow("second", {})
      flow:on("message", function(c) c:log("here") end)
      flow:on("join", function(c) c:log("here") end)
      return flow""")
    code, document = lint(box, "--strict", playbook='return { groups = { "qq1:*" }, flows = { "first", "second" } }')
    assert (code, document["findings"]) == (OK, [])


def test_the_plan_says_when_the_last_group_is_reached(box):
    playbook = 'return { groups = { "qq1:*" }, staff = { ["qq1:1"] = "owner" }, flows = { { "redpacket", organiser = "幸福生鲜有限公司" } } }'
    _, document = lint(box, "--groups", "600", playbook=playbook)
    opens = [one for one in document["plan"] if one["name"] == "opens"]
    # 300 at once at most an hour's burst, then 1,000 an hour: 300 * 3.6 s
    assert opens == [{"playbook": "shop", "flow": "redpacket", "name": "opens", "gateway": "qq1", "groups": 600,
                      "at": "20:00", "last": "20:41:55", "seconds": 2515, "late": 600}]
    _, document = lint(box, "--groups", "600", "--groups", "qq1=100", playbook=playbook)
    assert {one["groups"] for one in document["plan"]} == {100}
    assert document["findings"] == []
    _, document = lint(box, playbook=playbook)
    assert document["plan"] == []
    done = run("check", "--config", box + "/sopd.lua", "--groups", "shop=600")
    assert "shop: redpacket.opens at 20:00 to 600 groups by gateway qq1: the last one is reached at 20:41:55" in done.stdout
    assert done.returncode == OK, "warnings alone do not fail"


def test_the_same_post_of_two_playbooks_is_one(box):
    for name, tag in (("north", "n"), ("south", "s")):
        write(box + "/sop/playbooks/%s.lua" % name,
              'return { groups = { { tag = "%s" } }, flows = { { "redpacket", organiser = "幸福生鲜有限公司" } } }' % tag)
    config = config_file(box, box + "/sop", SHIPPED, playbooks=["north", "south"])

    def plan(*args):
        document = json.loads(run("check", "--config", config, "--json", *args).stdout)
        return [(one["playbook"], one["groups"], one["last"]) for one in document["plan"]
                if (one["name"], one["gateway"]) == ("opens", "qq1")]

    assert plan("--groups", "100") == [("north", 100, "20:06:55")]
    assert plan("--groups", "north=100", "--groups", "south=50") == [("north", 100, "20:06:55"), ("south", 50, "20:10:25")]


def test_ignore(box):
    playbook = 'return { groups = { "qq1:*" }, staff = { ["qq1:1"] = "owner" }, flows = { { "redpacket", organiser = "幸福生鲜有限公司", keep_days = 30 }, { "common", menu_common = "转发朋友圈领券" } } }'
    code, document = lint(box, "--strict", playbook=playbook)
    assert [one["code"] for one in document["findings"]] == ["L070", "L060"], "errors first"
    code, document = lint(box, "--ignore", "L060,L070", playbook=playbook)
    assert code == PROBLEMS and [one["code"] for one in document["findings"]] == ["L070"], "an error stays"
    done = run("check", "--ignore", "L060,L9", "--config", box + "/sopd.lua")
    assert done.returncode == USAGE and "L9" in done.stderr


@pytest.mark.parametrize("groups", ["x", "0", "-1", "qq1=", "=5", "1e3", "99999999"])
def test_groups_is_a_number(groups):
    done = run("check", "--groups=" + groups)
    assert done.returncode == USAGE and "--groups" in done.stderr


def test_json_of_a_configuration_that_cannot_be_read(box):
    done = run("check", "--json", "--config", box + "/nowhere.lua")
    document = json.loads(done.stdout)
    assert done.returncode == PROBLEMS and done.stderr == "" and not document["good"]
    assert document["errors"] == len(document["findings"]) == 1
    assert document["findings"][0]["code"] == "L001" and box + "/nowhere.lua" in document["findings"][0]["file"]


def test_help_and_the_manual_name_every_option_and_code():
    help_text = run("check", "--help").stdout
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as manual:
        manual = manual.read()
    for option in ("--json", "--strict", "--groups", "--ignore", "--codes", "--no-secrets", "--quiet"):
        assert option in help_text and "`%s" % option in manual, option
    for code, severity in re.findall(r"^(L\d+)  (\w+)", run("check", "--codes").stdout, re.M):
        assert re.search(r"^\| %s \| %s \|" % (code, severity), manual, re.M), code


def test_what_a_wecom_group_goes_without(tmp_path):
    """One note for each flow that is different there, and nothing that keeps the flows from running."""
    folder = str(tmp_path / "sop")
    write(folder + "/playbooks/shop.lua", 'return { groups = { "wx1:*" }, private = true, keepers = true, staff = { ["wx1:boss"] = "store" }, flows = {' + FOUR + "} }\n")
    path = str(tmp_path / "sopd.lua")
    with open(path, "w", encoding="utf-8") as out:
        out.write("return " + lua_value({
            "data_dir": str(tmp_path / "data"), "sop": [folder, SHIPPED], "playbooks": ["shop"],
            "gateways": [{"name": "wx1", "type": "wecom", "bot_id": "aib1", "secret": "s"}]}) + "\n")
    done = run("check", "--config", path, "--json")
    assert done.returncode == OK, done.stdout + done.stderr
    notes = {}
    for one in json.loads(done.stdout)["findings"]:
        if one["code"] == "L028":
            name = re.match(r"flow (\w+) on gateway wx1 \(wecom\) goes without (.*)", one["what"])
            assert name and name.group(1) not in notes, one
            notes[name.group(1)] = name.group(2)
    assert sorted(notes) == ["chaperone", "checkin", "common", "redpacket", "switch", "welcome"]
    assert notes["welcome"].startswith("'join' (nobody is greeted in a group;")
    assert "'unmentioned' (only who mentions the bot is answered" in notes["chaperone"]
    assert not [one for one in json.loads(done.stdout)["findings"] if one["code"] == "L025" and one["severity"] != "note"]
