"""Scripts are edited while their runs wait: a course of 28 days, changed on the days 9 and 10 in all the ways there are."""

import json
import os
import re

import pytest

from harness import dump, events as ev, store
from harness.clock import Clock, moment

G1, G2 = 700000001, 700000002
FIRST = 3300000100
START = moment("2031-03-03T10:00:00+08:00")
HOUR, DAY = 3600000, 86400000
MORNING, EVENING = "早上", "晚上"

COURSE = """
local flow = sop.flow("course", {
  title = "课程",
  params = {
    days = { "integer", default = 28, min = 1, max = 60, help = "几天" },
    morning = { "text", default = "第 {day} 天 {who}", help = "每天早上" },
  },
})

flow:command({ "开课" }, function(c)
  c:reply("早上还是晚上?")
  local %(answer)s = c:ask{ timeout = "1h" }
  c.member.when = %(answer)s and %(answer)s.text or "不知道"
  for day = 1, c.params.days do
%(before)s    c:sleep_until{ days = day, at = "09:00" }
    c.member.day = day
    c:say(c.params.morning, { day = day, who = c.user })
  end
%(after)s  c.member.done = "%(version)s"
end)

return flow
"""
VERSIONS = {
    "v1": {"answer": "answer", "before": "", "after": '  c:say("毕业 {who}", { who = c.user })\n'},
    # fits: a local has another name, and what comes after the last wait is new
    "v2": {"answer": "told", "before": "",
           "after": '  c.member.points = 100\n  c:say("恭喜毕业 {who}, 100 分", { who = c.user })\n'},
    # fits those who said something else: a call before the wait
    "v3": {"answer": "told", "before": '    if told and told.text == "晚上" then c:emit("night", { day = day }) end\n',
           "after": '  c:say("再见 {who}", { who = c.user })\n'},
}
FAREWELLS = {"v1": "毕业 %s", "v2": "恭喜毕业 %s, 100 分", "v3": "再见 %s"}


class Course:
    """The SOP folder, the daemon, and people who take the course."""

    def __init__(self, bench, napcat, box):
        self.sop, self.gateway, self.now = os.path.join(box, "sop"), napcat, START
        napcat.groups = {G1: "一班", G2: "二班"}
        self.write("v1")
        self.book(None)
        self.daemon = bench.served(napcat, sop=self.sop, args=("--clock", str(START)))
        napcat.wait_action("get_group_list")
        self.clock = Clock(self.daemon)
        self.clock.settle(napcat)

    def file(self, name, text):
        path = os.path.join(self.sop, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + "~", "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(path + "~", path)

    def write(self, version):
        self.file("flows/course.lua", COURSE % {**VERSIONS[version], "version": version})

    def book(self, morning):
        words = ', morning = "%s"' % morning if morning else ""
        self.file("playbooks/p.lua", 'return { title = "课程", groups = { "qq1:*" }, quiet = false, timezone = "Asia/Shanghai", '
                                     'flows = { { "course"%s } } }\n' % words)

    def reload(self):
        self.daemon.ctl("reload")
        self.clock.now()

    def to(self, day, hour):
        self.now = self.clock.at(START + day * DAY + (hour - 10) * HOUR)

    def say(self, group, user, text):
        self.gateway.emit(ev.group_msg(group, user, text, time=self.now // 1000))
        self.clock.settle(self.gateway)

    def begin(self, group, user, answer):
        self.say(group, user, "开课")
        self.say(group, user, answer)

    def migrate(self, *args):
        done = self.daemon.ctl("--json", "migrate", "course", *args, check=False)
        answer = json.loads(done.stdout)
        assert done.returncode == (1 if answer["differs"] or answer["failed"] else 0), done
        answer["users"] = {run["user"]: run for run in answer["runs"]}
        self.clock.now()
        return answer

    def member(self, group, user):
        return store.member(self.daemon.redis.client, "course", group, user)

    def said(self, user):
        """What was said about a member: [(day or None, text)]."""
        return [a.text for a in self.gateway.sends(text=str(user)) if "还是" not in a.text]

    def runs(self):
        return [k for k in dump(self.daemon.redis.client) if re.match(r"sopd:\{qq1\}:run:", k)]

    def restart(self):
        self.daemon.kill()
        links = len(self.gateway.conns)
        self.daemon.start(args=("--clock", str(self.now)))
        self.gateway.wait_link(links + 1)
        self.clock.settle(self.gateway)


@pytest.fixture
def course(bench, napcat, box):
    return Course(bench, napcat, box)


def test_a_corrected_text_appears_at_once(course):
    course.begin(G1, FIRST, MORNING)
    course.to(2, 8)
    assert course.said(FIRST) == ["第 1 天 %d" % FIRST]
    course.book("早安 {who}, 今天是第 {day} 天")
    course.reload()
    course.to(4, 8)
    assert course.said(FIRST)[1:] == ["早安 %d, 今天是第 %d 天" % (FIRST, day) for day in (2, 3)]
    course.restart()
    course.book("第 {day} 天好, {who}")
    course.reload()
    course.to(5, 8)
    assert course.said(FIRST)[3:] == ["第 4 天好, %d" % FIRST]


def test_a_running_run_keeps_its_version_over_a_restart(course):
    course.begin(G1, FIRST, MORNING)
    course.to(3, 8)
    course.write("v2")
    course.reload()
    course.restart()
    course.to(29, 12)
    assert course.member(G1, FIRST)["done"] == "v1"
    assert course.said(FIRST)[-1] == FAREWELLS["v1"] % FIRST
    assert not course.runs()


ROUNDS = """
local flow = sop.flow("course", {
  title = "课程",
  params = { rounds = { "integer", default = 3, min = 1, max = 9, help = "几轮" }, morning = { "text", default = "-", help = "-" } },
})

flow:command({ "开课" }, function(c, args)
  local day = args.day or 1
  c:sleep_until{ days = 1, at = "09:00" }
  c:say("%s 第 {day} 轮共 {rounds} 轮 {who}", { day = day, rounds = c.params.rounds, who = c.user })
  if day < c.params.rounds then c:continue{ day = day + 1 } end
end)

return flow
"""


def test_a_run_that_continues_is_on_the_newest_version(course):
    """Version and parameters change over with c:continue, no sooner."""
    course.file("flows/course.lua", ROUNDS % "旧")
    course.reload()
    course.say(G1, FIRST, "开课")
    course.to(1, 12)
    course.file("flows/course.lua", (ROUNDS % "新").replace("default = 3", "default = 4"))
    course.reload()
    course.restart()
    course.to(9, 12)
    who = FIRST
    assert course.said(who) == ["旧 第 1 轮共 3 轮 %d" % who, "旧 第 2 轮共 3 轮 %d" % who,
                                "新 第 3 轮共 4 轮 %d" % who, "新 第 4 轮共 4 轮 %d" % who]
    assert not course.runs()


def test_a_course_is_edited_on_the_ninth_day(course):
    """Sixteen members in two groups begin with v1. v2 fits all, and one group is moved to it; v3 fits half."""
    old = [(G1 if i < 8 else G2, FIRST + i, MORNING if i % 2 else EVENING) for i in range(16)]
    for group, user, answer in old:
        course.begin(group, user, answer)
    course.to(9, 8)
    course.book("早安, 第 {day} 天 {who}")
    course.reload()
    course.to(9, 12)

    course.write("v2")
    course.reload()
    second = [(G1, FIRST + 16, MORNING), (G2, FIRST + 17, EVENING)]
    for group, user, answer in second:
        course.begin(group, user, answer)
    before = dump(course.daemon.redis.client, "sopd:{qq1}:run:*")
    told = course.migrate("--dry-run")
    assert (told["fits"], told["current"], told["differs"], told["failed"]) == (16, 2, 0, 0)
    assert dump(course.daemon.redis.client, "sopd:{qq1}:run:*") == before
    told = course.migrate("--chat", "qq1:%d" % G1)
    assert (told["moved"], told["current"], told["differs"], told["failed"]) == (8, 1, 0, 0)

    course.to(10, 12)
    course.write("v3")
    course.reload()
    third = [(G1, FIRST + 18, EVENING), (G2, FIRST + 19, MORNING)]
    for group, user, answer in third:
        course.begin(group, user, answer)
    unfit = {str(user) for _, user, answer in old + second if answer == EVENING}
    told = course.migrate("--dry-run")
    assert (told["fits"], told["current"], told["differs"], told["failed"]) == (9, 2, 9, 0)
    assert set(told["users"]) == unfit
    for run in told["users"].values():      # both sides of the first call that differs
        assert run["result"] == "does not fit", run
        assert re.search(r"the journal has .*, the script .* at flows/course.lua:15$", run["text"]), run
    told = course.migrate()
    assert (told["moved"], told["current"], told["differs"], told["failed"]) == (9, 2, 9, 0)
    assert set(told["users"]) == unfit
    course.restart()
    again = course.migrate("--dry-run")
    assert (again["fits"], again["current"], again["differs"]) == (0, 11, 9)

    course.to(40, 12)
    for group, user, answer in old + second + third:
        begun = 0 if user < FIRST + 16 else 9 if user < FIRST + 18 else 10
        version = "v3" if str(user) not in unfit or begun == 10 else "v2" if group == G1 or begun == 9 else "v1"
        mornings = ["第 %d 天 %d" % (d, user) if begun + d < 9 else "早安, 第 %d 天 %d" % (d, user)
                    for d in range(1, 29)]
        assert course.said(user) == mornings + [FAREWELLS[version] % user], (user, answer, version)
        state = course.member(group, user)
        assert (state["when"], state["day"], state["done"]) == (answer, "28", version)
        assert state.get("points") == ("100" if version == "v2" else None)
    nights = store.business_events(course.daemon.redis.client, name="night")
    assert len(nights) == 28 and {e["_user"] for e in nights} == {str(FIRST + 18)}
    assert not course.runs()
    assert not course.daemon.redis.client.zrange(store.key("qq1", "timers"), 0, -1)
