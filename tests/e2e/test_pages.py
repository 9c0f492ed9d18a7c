"""The pages agree with the program: links and anchors, configuration keys, metrics, names of the Lua API, decisions, the two READMEs.

The program's side is read from the sources, so that a new key, metric or name fails here until a page has it."""

import glob
import os
import re
import shutil
import subprocess

import pytest

from harness import ROOT

pytestmark = pytest.mark.needs_no_binary
FLOW_PAGES = sorted(os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, "docs", "flows", "**", "*.md"), recursive=True))
PAGES = sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")) + [os.path.join(ROOT, p) for p in FLOW_PAGES] + glob.glob(os.path.join(ROOT, "README*.md")) +
               glob.glob(os.path.join(ROOT, "tests", "*", "README.md")))
FENCE = re.compile(r"^( *)```.*?^\1```$", re.S | re.M)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def sources(pattern):
    return {os.path.relpath(path, ROOT): read(path) for path in sorted(glob.glob(os.path.join(ROOT, pattern), recursive=True))}


def anchors(text):
    """The anchors that GitHub gives to the headings of a page."""
    found = {}
    for title in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M):
        name = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).replace(" ", "-")
        count = found.get(name, 0)
        found[name] = count + 1
        yield "%s-%d" % (name, count) if count else name


def chapter(text, title):
    return re.split(r"^## ", text.split("\n## %s\n" % title, 1)[1], flags=re.M)[0]


def first_cells(text):
    """The names in code in the first cells of all tables: | `a`, `b` | ..."""
    return {name for cell in re.findall(r"^\| ([^|]*) \|", text, re.M) for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("page", [os.path.relpath(p, ROOT) for p in PAGES])
def test_links_lead_somewhere(page):
    text = FENCE.sub("", read(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        assert os.path.exists(os.path.join(ROOT, path)), "%s links to %s" % (page, target)
        if anchor:
            assert anchor in set(anchors(read(path))), "%s links to %s" % (page, target)
    for name in re.findall(r"\b(docs/\w+\.md|sop/[\w/]+\.lua|scripts/[\w.]+\w)\b", read(page)):
        made = name == "sop/flows/hello.lua" or name.startswith("sop/playbooks/")  # by the reader
        assert made or os.path.exists(os.path.join(ROOT, name)), "%s names %s" % (page, name)


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/lua.md", "docs/redis.md", "docs/recipes.md"])
def test_the_contents_are_in_the_order_of_the_page(page):
    """Every chapter is named in the contents, once, and in its place."""
    text = read(page)
    contents = re.findall(r"\(#([\w\-]+)\)", text.split("\n## ", 1)[0])
    if not contents:
        pytest.skip("no contents")
    chapters = list(anchors("\n".join(re.findall(r"^## .*$", FENCE.sub("", text), re.M))))
    assert contents == [a for a in anchors(text) if a in contents]
    assert not set(chapters) - set(contents)


# Where the keys of the configuration are declared: the array in the source, and the chapter that must have each of them.
KEYS = [("config.c", "config_keys", "Configuration"), ("config_gateway.c", "keys", "Configuration"), ("config_http.c", "keys", "Configuration"),
        ("config.c", "keys|lua_keys|queue_keys", "Configuration"), ("config_retention.c", "keys", "Retention"), ("config_breaker.c", "keys", "The breaker"),
        ("config_tags.c", "keys", "Tags, and who decided")]


@pytest.mark.parametrize("source, arrays, title", KEYS)
def test_every_configuration_key_is_described(source, arrays, title):
    declared = re.findall(r"static const char \*const (?:%s)\[\] = \{(.*?)\}" % arrays, read("daemon", "lua", source), re.S)
    assert declared
    text = chapter(read("docs", "operations.md"), title)
    for name in {n for keys in declared for n in re.findall(r'"(\w+)"', keys)}:
        assert re.search(r"`%s`|\b%s = |`[^`\n]*\b%s\b[^`\n]*`" % (name, name, name), text), "%s of %s" % (name, source)


def test_the_tables_name_no_key_that_is_not_read():
    known = set()
    for text in sources("daemon/lua/config*.c").values():
        known |= set(re.findall(r'"(\w+)"', text))
    table = chapter(read("docs", "operations.md"), "Configuration")
    assert first_cells(table) - known == set()


def metrics():
    """{name: the files that register it}"""
    found = {}
    for path, text in sources("daemon/**/*.c").items():
        for name in re.findall(r'"(sopd_[a-z_]+)', text):
            found.setdefault(name, set()).add(path)
    return found


def test_every_metric_is_listed_and_no_other():
    text = read("docs", "operations.md")
    listed = set(re.findall(r"\bsopd_[a-z_]+", chapter(text, "Health and metrics")))
    known = metrics()
    assert set(known) - listed == set(), "not in docs/operations.md"
    for page in PAGES:
        assert set(re.findall(r"\bsopd_[a-z]+_[a-z_]+", read(page))) - set(known) - {"sopd_bench_pin"} == set(), page
    assert {n: f for n, f in known.items() if len(f) > 1} == {}, "two files register one name"


def test_decisions_are_numbered():
    numbers = [int(n) for n in re.findall(r"^## (\d+)\. ", read("docs", "decisions.md"), re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == len(re.findall(r"^## ", read("docs", "decisions.md"), re.M))
    for path, text in {**sources("daemon/**/*.[ch]"), **sources("docs/*.md"), **sources("tests/**/*.py")}.items():
        for number in re.findall(r"decisions\.md[^.\n]{0,12}\b(\d+)\b", text):
            assert int(number) in numbers, "%s names decision %s" % (path, number)


# ---- names of the Lua API ----

CLASSES = {"board": "Board", "days": "Days", "counter": "Counter", "list": "List", "set": "Set"}


def api():
    """What scripts see, from the prelude and context.c: {(kind, name)}; kind is Context, Flow, Sop, Board ..."""
    names = set()
    for text in sources("daemon/lua/prelude/*.lua").values():
        for name in re.findall(r"^function (?:M|S\.methods|made)\.(\w+)", text, re.M) + re.findall(r"^(?:M|S\.methods)\.(\w+) = ", text, re.M):
            names.add(("Context", name))
        names |= {("Flow", n) for n in re.findall(r"^function methods\.(\w+)", text, re.M)}
        names |= {("Sop", n) for n in re.findall(r"^(?:function )?(?:S\.)?sop\.(\w+)", text, re.M)}
        names |= {(CLASSES[kind], n) for kind, n in re.findall(r"^function (board|days|counter|list|set):(\w+)", text, re.M)}
    fields = re.search(r"fields\[\] = \{(.*?)\n\};", read("daemon", "lua", "context.c"), re.S).group(1)
    return names | {("Context", n) for n in re.findall(r'\{"(\w+)", FIELD_', fields)}


def test_every_name_of_the_lua_api_is_in_lua_md():
    text = read("docs", "lua.md")
    missing = []
    for kind, name in sorted(api()):
        shown = {"Context": r"\bc[:.]%s\b", "Flow": r"\bflow:%s\b", "Sop": r"\bsop\.%s\b"}.get(kind, r"[:`]%s[(`]")
        if not re.search(shown % name, text):
            missing.append("%s %s" % (kind, name))
    assert missing == []


def test_every_name_of_the_lua_api_is_annotated_and_no_other():
    text = read("sop", "types", "sopd.lua")
    annotated = {(kind, name) for kind, name in re.findall(r"^function (\w+)[:.](\w+)", text, re.M)}
    annotated = {("Sop" if kind == "sop" else kind, name) for kind, name in annotated}
    annotated |= {("Context", n) for n in re.findall(r"^Context\.(\w+) = ", text, re.M)}
    for kind in ("Context", "Sop"):
        part = re.search(r"---@class sopd\.%s\n((?:---@.*\n)*)" % kind, text).group(1)
        annotated |= {(kind, n) for n in re.findall(r"---@field (\w+)", part)}
    assert api() - annotated == set()
    assert annotated - api() == set()


def test_lua_md_names_nothing_that_is_not_there():
    text = read("docs", "lua.md")
    known = {name for kind, name in api() if kind == "Context"}
    assert set(re.findall(r"\bc:(\w+)", text)) - known == set()
    known = {name for kind, name in api() if kind == "Sop"} | {"test"}  # of `sopd test`
    assert set(re.findall(r"\bsop\.(\w+)\(", text)) - known == set()


@pytest.mark.parametrize("page", ["docs/lua.md", "docs/recipes.md", "docs/operations.md", "docs/gateways.md", "README.md", *FLOW_PAGES])
def test_lua_on_the_page_is_lua(page):
    """Every example is a chunk, or a part of one: an item of a table, a value, the body of a function."""
    luac = shutil.which("luac5.4") or shutil.which("luac")
    if not luac:
        pytest.skip("no luac")
    ways = ("%s", "return {\n%s\n}", "local _ = %s", "local c, flow, g, t\nlocal function f()\n%s\nend")
    for block in re.findall(r"^ *```lua\n(.*?)^ *```", read(page), re.S | re.M):
        done = [subprocess.run([luac, "-p", "-"], input=(way % block if way != "%s" else block).encode(), capture_output=True, check=False) for way in ways]
        assert any(d.returncode == 0 for d in done), block + done[0].stderr.decode()


# ---- README ----

def code(text):
    """The code blocks of a page without their comments, for what is translated are the comments."""
    blocks = []
    for _, lang, body in re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.S | re.M):
        if lang in ("sh", "lua"):
            blocks.append([re.split(r"\s+(?:#|--) |^-- ", line)[0].rstrip() for line in body.split("\n")])
        else:
            blocks.append([len(body.split("\n"))])
    return blocks


def test_the_two_readmes_have_the_same_shape():
    english, chinese = read("README.md"), read("README.zh-CN.md")
    assert code(english) == code(chinese)
    headings = [re.findall(r"^(#+) ", FENCE.sub("", t), re.M) for t in (english, chinese)]
    assert headings[0] == headings[1]
    spans = [sorted(s for s in re.findall(r"`([^`\n]+)`", FENCE.sub("", t)) if s.isascii()) for t in (english, chinese)]
    assert spans[0] == spans[1]
    links = [[u for u in re.findall(r"\]\(([^)]+)\)", t) if "README" not in u] for t in (english, chinese)]
    assert sorted(links[0]) == sorted(links[1])
