"""The soak (soak.py) in a minute, and its own tools: limits that count right, faults that repeat, checks that can fail."""

import asyncio
import socket

import pytest

import model
from faults import ACCOUNT, FIRST, draw
from limits import Limits
from soak import arguments, soak
from wire import TEXT, Wire, frame, unmask

SECONDS = 60


@pytest.mark.parametrize("how", [[], ["--pool"]], ids=["one_account", "pool"])
def test_a_busy_minute_on_a_platform_that_punishes(bench, box, request, how):
    seed = request.config.getoption("--seed")
    given = arguments(["--seconds", str(SECONDS)] + how + ([] if seed is None else ["--seed", str(seed)]))
    said = []
    rows = soak(bench, box, given, said.append)
    assert all(ok for _, ok, *_ in rows), "\n".join(said)


# ---- limits ----------------------------------------------------------------------------------------

def note(limits, times, chat=1, kind="post", age=100):
    for t in times:
        limits.note(t, 9, age, chat, [5], kind, "text at %.1f" % t)
    return len(limits.violations)


@pytest.mark.needs_no_binary
def test_windows_slide():
    rule = {"name": "chat", "scope": "chat", "window": 1.0, "count": 2}
    assert note(Limits([rule]), [0.0, 0.6, 1.1, 1.7]) == 0
    limits = Limits([rule])
    assert note(limits, [0.0, 0.6, 0.9]) == 1
    found = limits.violations[0]
    assert found["count"] == 3 and found["allowed"] == 2 and len(found["evidence"]) == 3
    assert note(Limits([rule]), [0.0, 0.1]) == 0 and note(Limits([dict(rule, count=1)]), [0.0, 0.1]) == 1
    two = Limits([rule])
    note(two, [0.0, 0.1], chat=1)
    assert note(two, [0.2, 0.3], chat=2) == 0, "each chat for itself"
    day = Limits([dict(rule, window=86400)])
    assert note(day, [0.0, 0.6, 0.9]) == 1
    day.forget()
    assert len(day.rules[0].seen[(9, 1)]) == 2, "what does not appear is not counted for the day"
    account = Limits([dict(rule, scope="account")])
    note(account, [0.0, 0.1], chat=1)
    assert note(account, [0.2], chat=2) == 1, "all chats together"


@pytest.mark.needs_no_binary
def test_rules_hold_for_kinds_and_for_new_accounts():
    rule = {"name": "dm", "scope": "member", "window": 1.0, "count": 1, "kinds": ["dm"]}
    assert note(Limits([rule]), [0.0, 0.1]) == 0
    assert note(Limits([rule]), [0.0, 0.1], kind="dm") == 1
    new = {"name": "new", "scope": "account", "window": 1.0, "count": 1, "begins": 60}
    assert note(Limits([new]), [0.0, 0.1], age=59) == 1
    assert note(Limits([new]), [0.0, 0.1], age=61) == 0


@pytest.mark.needs_no_binary
def test_our_own_lateness_is_nobodys_violation():
    rule = {"name": "chat", "scope": "chat", "window": 1.0, "count": 2}
    limits = Limits([rule])
    limits.lagged(0.5, 1.0)         # what was read at 1.0 came at any time since 0.5
    assert note(limits, [0.0, 1.0, 1.0]) == 0
    limits = Limits([rule])
    limits.lagged(0.9, 1.0)
    assert note(limits, [0.5, 1.0, 1.0]) == 1


# ---- faults ----------------------------------------------------------------------------------------

@pytest.mark.needs_no_binary
def test_a_seed_draws_one_plan():
    groups = [1, 2, 3]
    assert draw(7, 60, groups) == draw(7, 60, groups) != draw(8, 60, groups)
    for seed in range(30):
        plan = draw(seed, 60, groups)
        kinds = [f["kind"] for f in plan]
        assert set(FIRST) <= set(kinds), "seed %d: %s" % (seed, kinds)
        account = [f for f in plan if f["kind"] in ACCOUNT]
        assert all(a["at"] + a["seconds"] <= b["at"] for a, b in zip(account, account[1:])), "one after the other"
        assert all(f["at"] + f["seconds"] <= 60 for f in plan)
    assert set(ACCOUNT) <= {f["kind"] for f in draw(1, 1800, groups)}, "a long run has them all"


# ---- the wire --------------------------------------------------------------------------------------

def conversation(*chunks, cut_reading=False):
    """What a wire makes of these bytes: the texts, and whether it is still open."""
    async def run():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        texts = []
        wire = Wire(ours, lambda w, what: texts.append(what), lambda w: None).start()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(theirs, b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        head = await loop.sock_recv(theirs, 4096)
        wire.change(cut_reading=cut_reading)
        for chunk in chunks:
            await loop.sock_sendall(theirs, chunk)
            await asyncio.sleep(0.02)
        open_still = wire.open
        wire.abort()
        theirs.close()
        return head, texts, open_still
    return asyncio.run(run())


def masked(text, mask=b"\x11\x22\x33\x44"):
    whole = frame(TEXT, text.encode())
    at = {126: 4, 127: 10}.get(whole[1], 2)
    return whole[:1] + bytes([whole[1] | 128]) + whole[2:at] + mask + unmask(whole[at:], mask)


@pytest.mark.needs_no_binary
def test_frames_are_read_however_they_come():
    head, texts, still = conversation(masked('{"a": 1}') + masked('{"b": "%s"}' % ("x" * 70000)))
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head and still
    assert texts[0] == {"a": 1} and len(texts[1]["b"]) == 70000
    data = masked('{"a": "一二三"}')
    assert conversation(*[data[i:i + 1] for i in range(len(data))])[1] == [{"a": "一二三"}]
    assert conversation(masked('{"action": "get_status"}') + masked('{"action": "send_group_msg"}'), cut_reading=True)[1:] == \
        ([{"action": "get_status"}], False)


# ---- the checks ------------------------------------------------------------------------------------

def sent(text, at, delivered=True, acked=False, chat=1, shown=None, mentions=(), began=None, kind="post"):
    return {"account": 9, "chat": chat, "text": text, "kind": kind, "fate": "", "arrived": at, "at": list(mentions),
            "began": at if began is None else began,
            "delivered": at + 0.01 if delivered else None, "acked": at + 0.02 if acked else None, "shown": shown}


@pytest.mark.needs_no_binary
def test_duplicates_are_told_apart():
    def blind(*messages):
        return check(*messages)[2].split(" ")[0]

    def check(*messages):
        return model.check_duplicates({"sent": list(messages), "began": 0})
    done = "@1 打卡成功!第 1 天"
    assert blind(sent(done, 1), sent(done, 60)) == "1", "the platform could show the first"
    assert not check(sent(done, 1), sent(done, 60))[1]
    assert blind(sent(done, 1, delivered=False), sent(done, 60)) == "0", "it had not arrived"
    assert blind(sent(done, 1), sent(done, 1.5)) == "0", "both were on their way"
    assert blind(sent(done, 1), sent(done, 60, chat=2)) == "0"
    assert blind(sent(done, 30), sent(done, 60, began=20)) == "0", "the second was stuck in a link that did not read"
    assert blind(sent(done, 10), sent(done, 60, began=20)) == "1"
    assert blind(sent(done, 1, kind="dm"), sent(done, 60)) == "0", "nobody shows private messages"
    assert blind(sent("哈哈", 1, acked=True), sent("哈哈", 60, acked=True)) == "0", "said again by intent"
    assert blind(sent(done, 1, acked=True), sent(done, 60, acked=True)) == "1"


@pytest.mark.needs_no_binary
def test_ping_pong_is_counted_by_group():
    def check(times):
        return model.check_ping_pong({"sent": [sent("你好", t, chat=1, mentions=["3500000001"]) for t in times], "bot": {}})[1]
    assert check(range(0, model.PING_PONG))
    assert not check(range(0, model.PING_PONG + 1))
    assert check(range(0, 1000 * model.PING_PONG, 1000))


@pytest.mark.needs_no_binary
def test_alarms_are_missed():
    fault = {"kind": "offline", "at": 0, "seconds": 20, "alarm": True, "began": 100.0, "ended": 120.0}

    def check(*events):
        return model.check_alarms({"faults": [fault], "began": 0}, list(events), [], [])[1]
    assert not check()
    assert not check({"_name": "gateway_state", "_time": "170000", "account": "offline"}), "too late"
    assert check({"_name": "gateway_state", "_time": "130000", "account": "offline"})
    assert not check({"_name": "gateway_state", "_time": "130000", "account": "online"})
