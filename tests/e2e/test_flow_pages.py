"""docs/flows: a page for every flow of sop/flows in English, one of the same shape in Chinese, and an index of both.

What a page says is compared with what the flow declares (harness/declared.lua) and with sop/texts/zh-CN.lua: the parameters and their defaults, the staff
commands and their least roles, what is said in the sample chat, the events."""

import glob
import json
import os
import re
import shutil
import subprocess

import pytest

from harness import ROOT

pytestmark = pytest.mark.needs_no_binary
FLOWS = sorted(os.path.basename(p)[:-4] for p in glob.glob(ROOT + "/sop/flows/*.lua"))
FOLDERS = {"en": "docs/flows", "zh-CN": "docs/flows/zh-CN"}
INDEX = {"en": "docs/flows/README.md", "zh-CN": "docs/flows/README.zh-CN.md"}
PAGES = [(flow, language) for flow in FLOWS for language in FOLDERS]
# Headings that mean the same; every page has the last four.
HEADINGS = {"A sample chat": "聊天样例", "What it does": "做什么", "Members": "群友", "Parameters": "参数", "Staff commands": "管理命令",
            "What it costs": "消息量", "Metrics": "指标"}
ALWAYS = ("Parameters", "Staff commands", "What it costs", "Metrics")
# What the sample chats have from a playbook, or put together from names and numbers only.
OF_THE_PLAYBOOK = ("周一好呀,新的一周从一杯热豆浆开始", "春分时令菜到店,荠菜 5.9 元/斤", "春分到,荠菜 5.9 元/斤,今天只到了 20 斤", "@小美 我们每天 8:00 到 22:00 营业",
                   "手机号是多少?只用来联系这次活动", "@小美 今日鲜品现在 7折,20:30 起 6折")
EMPTY = {"", "none", "empty", "{}", "无", "空", "-"}
ELSEWHERE = {"above", "as above", "below", "见上", "见下"}  # the page has it, or it is too long for a cell
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.S | re.M)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def page(flow, language):
    return read(FOLDERS[language], flow + ".md")


@pytest.fixture(scope="module", name="dump")
def dump_fixture():
    lua = shutil.which("lua5.4") or shutil.which("lua")
    if not lua:
        pytest.skip("no lua")
    files = sorted(glob.glob(ROOT + "/sop/flows/*.lua"))
    done = subprocess.run([lua, os.path.join(os.path.dirname(__file__), "harness", "declared.lua"), ROOT, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", name="declared")
def declared_fixture(dump):
    return dump["flows"]


def headings(text):
    return re.findall(r"^(#+) (.*)$", FENCE.sub("", text), re.M)


def section(text, title):
    parts = re.split(r"^## ", text, flags=re.M)
    return next((p.split("\n", 1)[1] for p in parts if p.split("\n", 1)[0].startswith(title)), None)


def rows(text):
    """The rows of all tables, as lists of cells, without the heads."""
    found = []
    lines = FENCE.sub("", text).split("\n")
    for i, line in enumerate(lines):
        if line.startswith("|") and not re.match(r"^[|\- :]+$", line) and not (i + 1 < len(lines) and re.match(r"^\|[|\- :]+$", lines[i + 1])):
            found.append([cell.strip().replace("\x00", "|") for cell in line.replace("\\|", "\x00").strip("|").split("|")])
    return found


# ---- both languages ----

@pytest.mark.parametrize("flow", FLOWS)
def test_both_languages_have_the_same_shape(flow):
    english, chinese = page(flow, "en"), page(flow, "zh-CN")
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    for (_, ours), (_, theirs) in zip(headings(english), headings(chinese)):
        for name, translated in HEADINGS.items():
            assert ours.startswith(name) == theirs.startswith(translated), (ours, theirs)
    blocks = [[(lang, body.count("\n"), [re.split(r"\s+(?:#|--) ", line)[0].rstrip() for line in body.split("\n")] if lang else None)
               for _, lang, body in FENCE.findall(text)] for text in (english, chinese)]
    assert blocks[0] == blocks[1]
    shape = [[(len(row), re.findall(r"`([a-z_]+)`", row[0])) for row in rows(text)] for text in (english, chinese)]
    assert shape[0] == shape[1]
    links = [sorted(re.sub(r"^(\.\./)+", "", u) for u in re.findall(r"\]\(([^)\s]+)\)", text)) for text in (english, chinese)]
    assert links[0] == links[1]
    # Outside of the table of parameters, whose words are each language's own, the same names are in code.
    names = [set(re.findall(r"`([a-z_]+)`", FENCE.sub("", text).replace(section(text, title), ""))) for text, title in
             ((english, "Parameters"), (chinese, HEADINGS["Parameters"]))]
    assert names[0] == names[1]


@pytest.mark.parametrize("flow", FLOWS)
def test_chinese_is_for_who_reads_no_english(flow):
    """Sentences, not words left over: outside of code, names of flows and links, the Chinese page is Chinese."""
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", FENCE.sub("", page(flow, "zh-CN")))
    english = re.findall(r"[A-Za-z][a-z]+(?:[ ,]+[A-Za-z][a-z]+){3,}", text)
    assert not english, english


@pytest.mark.parametrize("flow, language", PAGES)
def test_the_sections_that_every_page_has(flow, language):
    text = page(flow, language)
    assert text.startswith("# %s" % flow), "the title begins with the name of the flow"
    assert re.search(r"^```\n", text, re.M), "a sample chat"
    for name in ALWAYS:
        assert section(text, name if language == "en" else HEADINGS[name]) is not None, name


# ---- what the flow declares ----

def agrees(kind, value, cell):
    cell = cell.strip().strip("`")
    if kind == "boolean":
        return cell == ("true" if value else "false")
    if kind in ("integer", "number"):
        return cell == str(value)
    if value in ("", [], None):
        return cell in EMPTY
    if cell in ELSEWHERE:
        return kind in ("strings", "table")
    if kind == "table":
        return cell not in EMPTY
    if kind == "strings":
        words = [w for w in re.split(r"\s*(?:\.\.\.|…|,|、)\s*", cell) if w]
        return all(word in value or all(w in value for w in word.split()) for word in words) and bool(words)
    return cell == str(value)


def parameters(text, language):
    """{name: the cell of its default} of the tables of the section."""
    found = {}
    for row in rows(section(text, "Parameters" if language == "en" else HEADINGS["Parameters"])):
        names = re.findall(r"`(\w+)`", row[0])
        cell = row[1].strip()
        parts = re.split(r"\s*;\s*" if ";" in cell else r"\s*,\s*", cell)
        if len(parts) != len(names):
            parts = [cell] * len(names)
        for name, part in zip(names, parts):
            found[name] = part
    return found


@pytest.mark.parametrize("flow, language", PAGES)
def test_the_parameters_are_those_of_the_flow(flow, language, declared):
    params = declared[flow]["params"]
    shown = parameters(page(flow, language), language)
    plain = {name for name, p in params.items() if p["type"] != "text"}
    assert set(shown) - set(params) == set(), "no such parameter"
    assert plain - set(shown) == set(), "not in the table"
    wrong = {name: (cell, params[name].get("default")) for name, cell in shown.items()
             if name in plain and not agrees(params[name]["type"], params[name].get("default"), cell)}
    assert not wrong


@pytest.mark.parametrize("flow, language", PAGES)
def test_the_texts_that_a_page_names_are_there(flow, language, declared):
    body = section(page(flow, language), "Parameters" if language == "en" else HEADINGS["Parameters"])
    named = {n for line in re.findall(r"^(?:Texts: |文案:)(.*?)(?:\n\n|\Z)", body, re.M | re.S) for n in re.findall(r"`(\w+)`", line)}
    assert named - {n for n, p in declared[flow]["params"].items() if p["type"] == "text"} == set()


@pytest.mark.parametrize("flow, language", PAGES)
def test_every_staff_command_is_in_a_table(flow, language, declared):
    commands = [c for c in declared[flow]["commands"] if c.get("role")]
    cells = [" ; ".join(row[:2]).replace("`", "") for row in rows(page(flow, language))]
    for command in commands:
        shown = [cell for cell in cells if any(re.search(r"(?:^|[;,、·/] ?)%s(?=$|[\s,、·;|]|[^\w])" % re.escape(word), cell) for word in command["words"])]
        assert any(command["role"] in cell for cell in shown), (command["words"], command["role"], shown)


# ---- the sample chat ----

def sample(text):
    """What is said in the first block: [who, line], the lines of one message one by one; remarks in brackets are none."""
    body = next(body for _, lang, body in FENCE.findall(text) if not lang)
    who, column = None, 0
    for line in body.split("\n"):
        head = re.match(r"^((?:\w{3} )?(?:\d\d:\d\d)?\s*)([\u4e00-\u9fff]{2,3}|\[[^\]]+\])(\s+)(\S.*)$", line)
        indent = len(line) - len(line.lstrip())
        if head and indent < 8 and (line[0] != " " or head.group(1).strip()):
            who, column = head.group(2), head.start(4)
            yield who, re.sub(r"^\([^)]*\)\s*", "", head.group(4))
        elif who and line.strip() and indent >= 4 and indent <= column + 8 and not re.match(r"^\s*(\(|\.\.\.|…)", line):
            yield who, line.strip()
        elif not line.startswith(" "):
            who = None


def bare(line):
    return re.sub(r"\s", "", line)


def patterns(declared):
    """One pattern for each line of each text of the flows that says something itself."""
    found = []
    for flow in declared.values():
        for variants in dict(flow["texts"]).values():
            for variant in variants:
                for line in variant.split("\n"):
                    plain = bare(re.sub(r"\{[^}]*\}", "\x00", line))
                    if len(re.sub(r"[\x00\W]", "", plain)) >= 3:
                        found.append(".*?".join(re.escape(p) for p in plain.split("\x00")))
    return re.compile("|".join(sorted(set(found), key=len, reverse=True)))


@pytest.mark.parametrize("flow, language", PAGES)
def test_the_sample_chat_is_what_the_flows_say(flow, language, declared):
    said = list(sample(page(flow, language)))
    known = patterns(declared)
    wrong = [line for who, line in said if who == "小福" and line not in OF_THE_PLAYBOOK and not known.search(bare(line)) and len(re.sub(r"\W", "", line)) > 12
             and len(re.findall("[\u4e00-\u9fff]", line)) > 6]
    assert not wrong, "no text of a flow has this"
    assert sum(who == "小福" for who, _ in said) >= 1 or flow == "orders"


@pytest.mark.parametrize("flow, language", PAGES)
def test_the_commands_of_the_sample_chat_exist(flow, language, declared):
    """What staff say there are commands; and of a flow that members command, one of them is used."""
    words = [w for f in declared.values() for c in f["commands"] for w in c["words"]]
    starts = tuple(sorted(set(words), key=len, reverse=True))
    said = list(sample(page(flow, language)))
    for who, line in said:
        if who in ("店长", "总部") and not line.startswith("@"):
            heads = line.startswith(starts)
            assert heads or re.match(r"^(时间|名额|地点|截止|提货|审核|\S+ \d)", line) or "开" in line, line
    own = tuple(w for c in declared[flow]["commands"] for w in c["words"])
    assert not own or any(line.startswith(own) for who, line in said if who != "小福")


# ---- events, tests, the index ----

@pytest.mark.parametrize("flow, language", PAGES)
def test_the_events_and_tests_that_a_page_names(flow, language):
    text = page(flow, language)
    metrics = section(text, "Metrics" if language == "en" else HEADINGS["Metrics"])
    first = {n for row in rows(metrics) for n in re.findall(r"`([a-z_]+)`", row[0].split("`from`")[0])}
    assert first - set(json.loads(read("docs", "events.json"))["events"]) == set()
    for path in re.findall(r"\b(?:sop|tests|docs)/[\w/]+\.\w+", text):
        assert os.path.exists(os.path.join(ROOT, path)), path
    assert "sop/tests/%s_test.lua" % flow in text


@pytest.mark.parametrize("language", INDEX)
def test_the_index_has_every_flow_and_its_playbooks(language, dump):
    lines = {re.match(r"\[(\w+)\]", row[0]).group(1): row for row in rows(read(INDEX[language])) if re.match(r"\[\w+\]\(", row[0])}
    assert sorted(lines) == FLOWS
    for flow, row in lines.items():
        assert set(re.findall(r"`([\w-]+)`", row[-1])) == {name for name, flows in dump["playbooks"].items() if flow in flows}, flow
        assert "(%s%s.md)" % ("" if language == "en" else "zh-CN/", flow) in row[0]


def test_the_two_indexes_have_the_same_shape():
    english, chinese = read(INDEX["en"]), read(INDEX["zh-CN"])
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    shapes = [[(re.findall(r"\[(\w+)\]", row[0]), re.findall(r"`([\w-]+)`", row[-1])) for row in rows(text)] for text in (english, chinese)]
    assert shapes[0] == shapes[1]
