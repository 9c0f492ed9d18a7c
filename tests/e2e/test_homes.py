"""Private chats of members whose groups are chosen by tag or name: which playbook serves them, with whose values, and what c:start
says where nothing would."""

import os
import time

import pytest

from harness import events as ev, wait_until

NORTH, SOUTH, SHUT, NOBODY = 700000001, 700000002, 700000003, 700000004
ANN, BEN, CAT = 3300000101, 3300000102, 3300000103

HOUSE = """
local flow = sop.flow("house", { title = "家", params = { name = { "string", default = "?" } } })
local form = flow:run("form", function(c)
  c:say("FORM {name}", { name = c.params.name }, { answer = true })
  local said = c:ask{ timeout = "1h" }
  c:say("GOT {name} {text}", { name = c.params.name, text = said.text })
end)
flow:run("begin", function(c) c:say("BEGUN") end)
flow:timer("later", function(c) c:say("LATER {name}", { name = c.params.name }) end)
flow:command("报名", function(c)
  local id, why = c:start(form, nil, { chat = "@" .. c.user })
  c:say("STARTED {why}", { why = id and "yes" or why })
end)
flow:command("别处", { args = true }, function(c)
  local id, why = c:start("other.run", nil, { chat = c.args ~= "" and c.args or nil })
  c:say("OTHER {why}", { why = id and "yes" or why })
end)
flow:command("私信", function(c) c:dm(c.user, "DM {name}", { name = c.params.name }) end)
flow:command("定时", function(c) c:timer("later", { after = "1s", chat = "@" .. c.user }) end)
flow:command("在哪", function(c) c:say("HERE {name}", { name = c.params.name }) end)
return flow
"""
OTHER = """
local flow = sop.flow("other", { title = "别的" })
flow:run("run", function(c) c:say("RAN") end)
flow:command("别的", function(c) c:say("OTHER HERE") end)
return flow
"""
BOOK = 'return { title = "%s", groups = { %s }, private = %s, quiet = false, timezone = "Asia/Shanghai", flows = { %s } }\n'


def book(name, groups, flows, private="true"):
    return BOOK % (name, groups, private, flows)


BOOKS = {
    "playbooks/north.lua": book("north", '{ tag = "north" }', '{ "house", name = "north" }'),
    "playbooks/a-south.lua": book("south", '{ name = "*南*" }', '{ "house", name = "south" }, "other"'),
    "playbooks/shut.lua": book("shut", '{ tag = "shut" }', '{ "house", name = "shut" }', "false"),
    "playbooks/nobody.lua": book("nobody", '{ tag = "nobody" }', '{ "house", name = "nobody" }, "other"'),
}


@pytest.fixture
def box_sop(box):
    for name, text in {"flows/house.lua": HOUSE, "flows/other.lua": OTHER, **BOOKS}.items():
        path = os.path.join(box, "sop", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
    return os.path.join(box, "sop")


class World:
    def __init__(self, bench, sop, groups=None, tags=None):
        self.gateway = bench.gateway("napcat")
        self.gateway.groups = groups or {NORTH: "北门", SOUTH: "南门", SHUT: "内部"}
        server = bench.redis()
        for group, tag in (tags or {NORTH: "north", SHUT: "shut"}).items():
            server.client.hset("sopd:chat-tags:qq1", str(group), tag)
        self.daemon = bench.served(self.gateway, sop=sop, redis=server)
        self.client = server.client
        self.gateway.wait_action("get_group_list")

    def home(self, user):
        return self.client.get("sopd:{qq1}:home:@%d" % user)

    def say(self, user, text, group=None):
        self.gateway.emit(ev.group_msg(group, user, text) if group else ev.private_msg(user, text))

    def hears(self, text, chat):
        self.gateway.wait(lambda: text in [a.text for a in self.gateway.sends(chat=chat)], 5)

    def heard(self, chat):
        return [a.text for a in self.gateway.sends(chat=chat)]

    def restart(self):
        links = len(self.gateway.conns)
        wait_until(lambda: not self.client.exists("sopd:{qq1}:outbox"))     # nothing is sent twice
        self.daemon.kill()
        self.daemon.start()
        self.gateway.wait_link(links + 1)


@pytest.fixture
def world(bench, box_sop):
    return World(bench, box_sop)


def dm(user):
    return "@%d" % user


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def test_a_form_begun_by_a_group_chosen_by_tag_goes_on_in_private(world):
    world.say(ANN, "报名", NORTH)
    world.hears("FORM north", dm(ANN))
    world.hears("STARTED yes", NORTH)
    assert text(world.home(ANN)) == str(NORTH)
    world.restart()
    world.say(ANN, "138")
    world.hears("GOT north 138", dm(ANN))


def test_who_was_written_to_is_served_as_in_that_group(world):
    world.say(ANN, "私信", NORTH)
    world.say(BEN, "私信", SOUTH)
    world.hears("DM north", dm(ANN))
    world.hears("DM south", dm(BEN))
    for user, name in ((ANN, "north"), (BEN, "south")):
        world.say(user, "在哪")
        world.hears("HERE " + name, dm(user))
    world.restart()
    for user, name in ((ANN, "north"), (BEN, "south")):
        world.say(user, "在哪")
        wait_until(lambda: world.heard(dm(user)).count("HERE " + name) == 2)
    # the group that writes next is the home from then on, in the memory of the daemon, too
    world.say(ANN, "私信", SOUTH)
    world.hears("DM south", dm(ANN))
    world.say(ANN, "在哪")
    world.hears("HERE south", dm(ANN))
    # what only another group's playbook has is served as well
    world.say(BEN, "私信", NORTH)
    world.hears("DM north", dm(BEN))
    world.say(BEN, "别的")
    world.hears("OTHER HERE", dm(BEN))


def test_who_was_never_written_to_is_served_by_all_that_serve_a_group(world):
    world.say(CAT, "在哪")
    world.hears("HERE south", dm(CAT))     # a-south stands before north
    assert world.home(CAT) is None


def test_values_and_toggles_of_the_group_hold_in_private(world):
    world.say(ANN, "私信", NORTH)
    world.hears("DM north", dm(ANN))
    world.client.hset("sopd:params:chat:qq1:%d" % NORTH, "house.name", "special")
    time.sleep(0.15)
    world.say(ANN, "在哪")
    world.hears("HERE special", dm(ANN))
    world.client.hset("sopd:toggles:chat:qq1:%d" % NORTH, "house", "off")
    time.sleep(0.15)
    world.say(ANN, "在哪")
    world.say(ANN, "别的")                 # by its answer the turn before is over
    world.hears("OTHER HERE", dm(ANN))
    assert world.heard(dm(ANN)).count("HERE special") == 1
    world.client.hset("sopd:toggles:chat:qq1:@%d" % ANN, "house", "on")
    time.sleep(0.15)
    world.say(ANN, "在哪")
    wait_until(lambda: world.heard(dm(ANN)).count("HERE special") == 2)


def test_a_playbook_without_private_chats_says_so(bench, box_sop):
    world = World(bench, box_sop, {SHUT: "内部"}, {SHUT: "shut"})
    world.say(ANN, "报名", SHUT)
    world.hears("STARTED that flow does not run in that chat", SHUT)
    world.say(ANN, "私信", SHUT)
    world.hears("DM shut", dm(ANN))
    world.say(ANN, "在哪")
    world.say(ANN, "私信", SHUT)
    wait_until(lambda: world.heard(dm(ANN)).count("DM shut") == 2)
    assert world.home(ANN) is None and "HERE shut" not in world.heard(dm(ANN))


def test_a_group_that_is_seen_later_serves_at_once(bench, box_sop):
    world = World(bench, box_sop, {SHUT: "内部"}, {SHUT: "shut", NORTH: "north"})
    world.say(ANN, "在哪")
    world.say(ANN, "在哪", SHUT)
    world.hears("HERE shut", SHUT)
    assert not world.heard(dm(ANN))
    world.say(BEN, "在哪", NORTH)
    world.hears("HERE north", NORTH)
    world.say(ANN, "在哪")
    world.hears("HERE north", dm(ANN))


def test_what_is_switched_off_there_is_not_begun(world):
    world.say(ANN, "别处", NORTH)
    world.hears("OTHER that flow does not run in that chat", NORTH)
    world.say(ANN, "别处 %d" % SOUTH, NORTH)
    world.hears("RAN", SOUTH)
    world.hears("OTHER yes", NORTH)
    world.client.hset("sopd:toggles:chat:qq1:%d" % SOUTH, "other", "off")
    time.sleep(0.15)
    world.say(ANN, "别处 %d" % SOUTH, NORTH)
    world.hears("OTHER off", NORTH)
    world.client.hset("sopd:toggles", "house", "off")
    time.sleep(0.15)
    world.say(BEN, "私信", NORTH)
    assert world.heard(SOUTH).count("RAN") == 1


def test_explain_names_the_home(world):
    world.say(ANN, "私信", NORTH)
    world.hears("DM north", dm(ANN))

    def told():
        return world.daemon.ctl("explain", "qq1:" + dm(ANN)).stdout
    wait_until(lambda: "as its home, the group %d" % NORTH in told())   # the first time it may have to be read
    assert told().index("north") < told().index("a-south")


def test_timers_in_private_go_by_the_group(world):
    world.say(ANN, "定时", NORTH)
    world.hears("LATER north", dm(ANN))


def test_being_forgotten_takes_the_home_along(world):
    world.say(ANN, "私信", NORTH)
    world.hears("DM north", dm(ANN))
    wait_until(lambda: world.home(ANN) is not None)
    world.client.xadd("sopd:commands:{qq1}", {"op": "forget", "user": str(ANN)})
    wait_until(lambda: world.home(ANN) is None)


def test_a_home_that_is_no_text_is_none(world):
    """Written by hand; others are served meanwhile, and the next message to the member puts it right."""
    world.client.hset("sopd:{qq1}:home:@%d" % CAT, "a", "b")
    world.say(CAT, "在哪")
    world.hears("HERE south", dm(CAT))
    world.say(CAT, "私信", NORTH)
    world.hears("DM north", dm(CAT))
    world.say(CAT, "在哪")
    world.hears("HERE north", dm(CAT))
    assert text(world.home(CAT)) == str(NORTH)


def test_a_group_that_we_have_left_is_no_home_in_anything(world):
    world.say(ANN, "私信", NORTH)
    world.hears("DM north", dm(ANN))
    world.client.hset("sopd:toggles:chat:qq1:%d" % NORTH, "house", "off")
    world.gateway.emit(ev.leave(NORTH, ev.SELF, sub_type="kick_me"))
    wait_until(lambda: not world.client.hexists("sopd:{qq1}:chats", str(NORTH)))
    world.say(ANN, "在哪")
    world.hears("HERE south", dm(ANN))
