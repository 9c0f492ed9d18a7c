"""What many flows cost: 5,000 groups that are served by one flow, by four, and by all that are shipped; the same load for each, in turn.
The flow that is measured comes first and answers, so that all else is what the others add: their commands to compare with and their
listeners to line up. How long that takes is counted in instructions (callgrind), for time on a busy machine says little about
microseconds: messages that are commands, remarks and questions, none of which the measured flow takes from the others.
"""
import contextlib
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench_world import HERE, MIB, BenchError, Sopd, rss_bytes

SHIPPED = HERE.parent.parent / "sop"
FOUR = ["welcome", "chaperone", "checkin", "redpacket"]
ALWAYS = ["switch", "common"]
ROUNDS = 5
ROUTER = "routes_match"
BOOK = """return {{
  title = "Bench", groups = {{ "all" }}, private = false, timezone = "Asia/Shanghai", quiet = false, language = "zh-CN",
  flows = {{ {flows} }},
}}
"""


def kinds_of_playbook():
    shipped = sorted(path.stem for path in (SHIPPED / "flows").glob("*.lua"))
    rest = [name for name in shipped if name not in FOUR + ALWAYS]
    return {"one": [], "four": ALWAYS + FOUR, "all": ALWAYS + FOUR + rest}


def folder_for(stack, folder, flows):
    """A folder of SOPs as shipped, with the measured flow and one playbook, that runs it with these."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("tests", "playbooks"))
    shutil.copy(HERE / "sop" / "flows" / "ping.lua", folder / "flows")
    (folder / "playbooks").mkdir()
    names = ", ".join(f'"{name}"' for name in ["ping", *flows])
    (folder / "playbooks" / "bench.lua").write_text(BOOK.format(flows=names))
    stack.callback(shutil.rmtree, folder)
    return folder


# ---- instructions of the router ---------------------------------------------------------------------------------------


SAID = ["打卡", "我的打卡", "今天天气真好啊", "请问几点关门?", "哈哈哈哈", "+1", "我的券", "抢", "/帮助", "谢谢老板", "这个怎么卖呀",
        "昨天买的草莓很甜,孩子一口气吃了一盒,周末再来", "👍", "投 2", "排队两个小时了", "收到", "我来看看", "有人吗", "邀请码", "起名 好邻居"]
TALK = """local t = sop.test("route", {{ playbook = {{ flows = {{ {flows} }} }}, start = "2026-03-02 10:00" }})
local said = {{ {said} }}
t:case("talk", function(g)
  for i = 1, {times} do
    for _, text in ipairs(said) do g:says("m" .. i, text) end
  end
end)
"""
SHORT, LONG = 2, 8


def instructions(opts, folder, flows, times):
    """What the router took, in instructions, for so many rounds of talk."""
    test = folder / "route_test.lua"
    test.write_text(TALK.format(flows=", ".join(f'"{name}"' for name in ["ping", *flows]), times=times,
                                said=", ".join(f'"{text}"' for text in SAID)))
    out = folder / "callgrind"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--toggle-collect={ROUTER}", f"--callgrind-out-file={out}", "--trace-children=no",
         opts.sopd, "test", "--sop", folder, test], capture_output=True, text=True, timeout=300, check=False)
    total = re.search(r"^(?:summary|totals): (\d+)", out.read_text() if out.exists() else "", re.M)
    if done.returncode != 0 or not total:
        raise BenchError(f"the router could not be measured: {(done.stdout + done.stderr)[-2000:]}")
    return int(total.group(1))


def route_cost(opts, folder, flows):
    more = instructions(opts, folder, flows, LONG) - instructions(opts, folder, flows, SHORT)
    return more / (LONG - SHORT) / len(SAID)


# ---- all of it --------------------------------------------------------------------------------------------------------


def one(sopd, opts):
    done = sopd.run_counted(window=opts.window, seconds=opts.seconds)
    used = done["used"]
    return {"rate": done["rate"], "lost": done["lost"], "sopd_cpu": used["sopd_cpu"] * 1e5 / done["answered"],
            "cpu": (used["sopd_cpu"] + used["redis_cpu"]) * 1e5 / done["answered"]}


def measure_flows(opts):
    books = kinds_of_playbook()
    with contextlib.ExitStack() as stack:
        worlds = {}
        for kind, flows in books.items():
            folder = folder_for(stack, Path(tempfile.mkdtemp(prefix="sopd-bench-sop-")), flows)
            worlds[kind] = Sopd(opts, stack, groups=opts.flow_groups, sop=folder)
        for sopd in worlds.values():  # every group once, and a little more
            sopd.load.run(window=opts.window, seconds=max(2, opts.flow_groups / 5000))
        rounds = []
        kinds = list(worlds)
        for i in range(ROUNDS if opts.runs > 1 else 1):
            order = kinds if i % 2 else kinds[::-1]  # whoever comes first has no advantage
            rounds.append({kind: one(worlds[kind], opts) for kind in order})
        found = {"flows": {kind: len(flows) for kind, flows in books.items()}, "groups": opts.flow_groups, "rounds": rounds,
                 "idle": {kind: sopd.idle_rss for kind, sopd in worlds.items()},
                 "rss": {kind: rss_bytes(sopd.process.pid) for kind, sopd in worlds.items()}}
    if shutil.which("valgrind"):
        with tempfile.TemporaryDirectory(prefix="sopd-bench-sop-") as parent:
            for kind in ("four", "all"):
                folder = Path(parent) / kind
                folder.mkdir()
                shutil.copytree(SHIPPED, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("tests", "playbooks"))
                shutil.copy(HERE / "sop" / "flows" / "ping.lua", folder / "flows")
                found.setdefault("route", {})[kind] = route_cost(opts, folder, books[kind])
    return found


def add_flows(figures, found):
    for kind in found["flows"]:
        name = {"one": "1 flow", "four": "4 flows", "all": f"all {found['flows']['all'] - len(ALWAYS)} flows"}[kind]
        rounds = [r[kind] for r in found["rounds"]]
        figures.add(f"{found['groups']} groups, {name}: messages", statistics.median(r["rate"] for r in rounds), "1/s", digits=0)
        figures.add("  CPU of sopd per 100,000", statistics.median(r["sopd_cpu"] for r in rounds), "s", digits=2)
        figures.add("  RSS idle", found["idle"][kind] / MIB, "MiB")
        figures.add("  RSS when every group has spoken", found["rss"][kind] / MIB, "MiB")
        figures.add("  unanswered", sum(r["lost"] for r in rounds), "", 0, digits=0)
    figures.add("all flows / 1 flow: messages",
                statistics.median(r["all"]["rate"] / r["one"]["rate"] for r in found["rounds"]), "", digits=2)
    figures.add("all flows / 4 flows: CPU of sopd",
                statistics.median(r["all"]["sopd_cpu"] / r["four"]["sopd_cpu"] for r in found["rounds"]), "", digits=2)
    route = found.get("route")
    figures.add("router, 4 flows: instructions per message", route and route["four"], "", digits=0)
    figures.add("router, all flows: instructions per message", route and route["all"], "", digits=0)
    figures.add("router: what it grows from 4 to all flows", route and (route["all"] / route["four"] - 1) * 100, "%", 20)


PARTS = {"flows": (measure_flows, add_flows)}
