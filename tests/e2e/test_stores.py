"""Who may redeem which code: stores with a playbook of their own, several groups of one store, cashiers of another one."""

import os
import re

import pytest

from harness import events as ev, store
from harness.eveningsop import make_sop
from harness.util import lua_value, noon_zone

# Store 018 has two groups, each with a playbook; 019 has one; the market group belongs to no store.
NORTH, SOUTH, OTHER, MARKET = 700300001, 700300002, 700300003, 700300004
ANN, BEN, CARL, HEAD = 3900000011, 3900000012, 3900000013, 3900000014     # cashiers: north, south, other; and of headquarters
MEMBER = 3300000021
BOOKS = {"north": (NORTH, "018", {ANN: "store"}), "south": (SOUTH, "018", {BEN: "store"}), "other": (OTHER, "019", {CARL: "store"}),
         "market": (MARKET, "", {})}
TEXTS = {"open_coupon": "开场", "code_dm": "券码[{code}]", "redeemed": "成功", "redeem_used": "用过", "redeem_scope": "不是本店", "redeem_unknown": "没有"}


class Street:
    def __init__(self, bench, box, **params):
        sop = make_sop(box, [])
        os.unlink("%s/playbooks/evening.lua" % sop)
        for name, (group, number, staff) in BOOKS.items():
            flow = {1: "redpacket", "organiser": "福利店", "kind": "coupon", "nightly": False, "shares": 5, "store": number, **TEXTS, **params}
            book = {"groups": ["qq1:%d" % group], "timezone": noon_zone(), "private": name == "north",
                    "staff": {**{"qq1:%d" % user: role for user, role in staff.items()}, "qq1:%d" % HEAD: "hq"}, "flows": [flow]}
            with open("%s/playbooks/%s.lua" % (sop, name), "w", encoding="utf-8") as out:
                out.write("return " + lua_value(book) + "\n")
        self.gateway = bench.gateway("napcat")
        self.gateway.groups = {group: name for name, (group, _, _) in BOOKS.items()}
        self.daemon = bench.served(self.gateway, sop=sop)

    def code(self, group):
        """A member's code that this group has issued."""
        self.gateway.emit(ev.group_msg(group, HEAD, "发红包"))
        self.gateway.wait_send("开场", chat=str(group))
        before = len(self.gateway.sends("券码["))
        self.gateway.emit(ev.group_msg(group, MEMBER, "抢"))
        self.gateway.wait(lambda: len(self.gateway.sends("券码[")) > before)
        return re.search(r"\[(\w+)\]", self.gateway.sends("券码[")[-1].text).group(1)

    def redeem(self, cashier, code, group=None):
        """What the cashier hears, in a group or in private; None: nothing."""
        chat = str(group) if group else "@%d" % cashier
        before = len(self.gateway.sends(chat=chat))
        say = ev.group_msg(group, cashier, "核销 " + code) if group else ev.private_msg(cashier, "核销 " + code)
        self.gateway.emit(say)
        self.gateway.settle(0.3)
        answers = self.gateway.sends(chat=chat)[before:]
        return re.sub(r"^(@\d+ ?)+", "", answers[0].text).strip() if answers else None


@pytest.fixture
def street(bench, box):
    return Street(bench, box)


def test_groups_of_one_store_redeem_for_each_other(street):
    code = street.code(SOUTH)
    assert street.redeem(ANN, code, NORTH) == "成功"
    assert street.redeem(BEN, code, SOUTH) == "用过"
    code = street.code(NORTH)
    assert street.redeem(BEN, code, SOUTH) == "成功"
    events = store.business_events(street.daemon.redis.client, name="code_used")
    assert [event["store"] for event in events] == ["018", "018"]


def test_another_store_is_refused_whoever_asks(street):
    code = street.code(NORTH)
    assert street.redeem(CARL, code, OTHER) == "不是本店"
    assert street.redeem(HEAD, code, OTHER) == "不是本店", "a role in both does not help: the goods are in the other store"
    assert street.redeem(CARL, code, NORTH) is None, "no cashier there"
    assert street.redeem(HEAD, code, NORTH) == "成功"


def test_without_a_store_a_role_in_the_issuing_group_decides(street):
    code = street.code(MARKET)
    assert street.redeem(ANN, code, NORTH) == "不是本店"
    assert street.redeem(HEAD, code, OTHER) == "成功"
    code = street.code(NORTH)
    assert street.redeem(ANN, code) == "成功", "in private"
    code = street.code(OTHER)
    assert street.redeem(ANN, code) == "不是本店", "in private it is the role that counts"


def test_any_cashier_where_the_playbook_says_so(bench, box):
    street = Street(bench, box, scope="any")
    code = street.code(NORTH)
    assert street.redeem(CARL, code, OTHER) == "成功"
