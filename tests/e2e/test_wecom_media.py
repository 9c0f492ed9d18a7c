"""Pictures through the WeCom gateway: where they come from, their upload, what members send. `wecom N` in a test's text is the
item of the checklist in the protocol's description."""

import base64
import hashlib
import os
import time

import pytest

from harness import SILENCE, Late, store, wait_until

GROUP = "wrEXAMPLEgroupA"
RESPOND, PUSH = "aibot_respond_msg", "aibot_send_msg"
INIT, CHUNK, FINISH = ("aibot_upload_media_" + step for step in ("init", "chunk", "finish"))
FLOW = r'''
local flow = sop.flow("album", { title = "相册" })
flow:command("图", { args = true }, function(c)
  local sent, why = c:say("看", nil, { image = c.args, wait = true })
  c:emit("told", { sent = sent and true or false, why = why })
end)
flow:on("message", { image = true }, function(c)
  for _, part in ipairs(c.message.segments) do
    if part.type == "image" then
      local sent, why = c:say("转发", nil, { image = part.id, wait = true })
      c:emit("told", { sent = sent and true or false, why = why })
    end
  end
end)
flow:command("在吗", function(c) c:say("在") end)
return flow
'''
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def wecom(bench):
    return bench.wecom()


@pytest.fixture
def serve(bench, box, wecom):
    root = os.path.join(box, "album")
    for folder in ("flows", "playbooks"):
        os.makedirs(os.path.join(root, folder))
    with open(os.path.join(root, "flows", "album.lua"), "w", encoding="utf-8") as out:
        out.write(FLOW)
    with open(os.path.join(root, "playbooks", "p.lua"), "w", encoding="utf-8") as out:
        out.write('return { groups = { "all" }, private = true, quiet = false, timezone = "Asia/Shanghai", flows = { "album" } }\n')

    def start(timing=None, **fields):
        wecom.daemon = bench.served(wecom, sop=root, entry={"timing": {"timeout": "2s", **(timing or {})}, **fields},
                                    config={"log": {"level": "debug"}})
        return wecom.daemon
    yield start
    if getattr(wecom, "daemon", None):      # wecom 63
        log = wecom.daemon.log()
        assert "SECRET-SIGN" not in log and "aeskey" not in log and wecom.secret not in log
        for reply in getattr(wecom, "keys_sent", ()):
            assert reply not in log


def told(wecom, count=1, timeout=8):
    def found():
        rows = store.business_events(wecom.daemon.redis.client, name="told")
        return len(rows) >= count and rows
    return wait_until(found, timeout, what="told")[count - 1]


def shown(wecom, count=1, timeout=8):
    """The picture of the count-th message with one, as the platform has it."""
    action = wecom.wait_action(timeout=timeout, count=count, where=lambda a: a.kind == "image")
    return wecom.media[action.params["image"]["media_id"]]


def picture(size, seed=b"a"):
    return PNG + (hashlib.sha256(seed).digest() * (size // 32 + 1))[:size - len(PNG)]


def test_picture_of_an_address(serve, wecom):
    """Fetched, uploaded with its md5 in three pieces (wecom 56), sent; the second time the platform has it already."""
    serve()
    data = picture(1300000)
    url = wecom.put_file(data, key=b"")["url"]
    wecom.say("lisi", "图 " + url, chat=GROUP)
    assert shown(wecom) == ("image", "image.png", data)
    assert told(wecom)["sent"] is True
    sizes = [len(base64.b64decode(c.params["base64_data"])) for c in wecom.find(CHUNK)]
    assert sizes == [524288, 524288, 251424]
    assert [c.params["chunk_index"] for c in wecom.find(CHUNK)] == [0, 1, 2]
    assert wecom.find(INIT)[0].params["md5"] == hashlib.md5(data).hexdigest()
    texts = [a for a in wecom.actions if a.is_send]
    assert texts[0].text == "看" and texts[0].action == RESPOND and texts[1].kind == "image"
    wecom.say("lisi", "图 " + url, chat=GROUP)
    assert told(wecom, 2)["sent"] is True and len(wecom.find(INIT)) == 1


def test_picture_of_a_file_and_of_base64(serve, wecom, box):
    serve()
    path = os.path.join(box, "poster.jpg")
    with open(path, "wb") as out:
        out.write(b"\xff\xd8\xff" + b"j" * 1000)
    wecom.say("lisi", "图 file://" + path)
    assert shown(wecom)[1:] == ("image.jpg", b"\xff\xd8\xff" + b"j" * 1000)
    wecom.say("lisi", "图 base64://" + base64.b64encode(b"GIF89a" + b"g" * 50).decode())
    assert shown(wecom, 2)[1:] == ("image.gif", b"GIF89a" + b"g" * 50)
    with open(path, "wb") as out:
        out.write(b"root:x:0:0")
    wecom.say("lisi", "图 file://" + path)      # no picture: not a byte of it leaves
    assert "PNG, JPEG or GIF" in told(wecom, 3)["why"]
    wecom.say("lisi", "图 file:///nowhere/x.png")
    assert "cannot be opened" in told(wecom, 4)["why"]
    wecom.say("lisi", "图 base64://" + "A" * 20)
    assert "PNG, JPEG or GIF" in told(wecom, 5)["why"]


def test_picture_that_cannot_be_had(serve, wecom):
    serve()
    for i, (reply, why) in enumerate([({"status": 404}, "HTTP 404"), ({"short": 100}, "broken answer"), ({"drop": True}, "")]):
        wecom.say("lisi", "图 " + wecom.put_file(picture(3000), key=b"", **reply)["url"])
        row = told(wecom, i + 1)
        assert row["sent"] is False and "only 1 of 2 parts arrived" in row["why"] and why in row["why"]
    url = wecom.put_file(picture(10 * 1024 * 1024 + 1), key=b"")["url"]
    wecom.say("lisi", "图 " + url)      # wecom 55: not uploaded
    assert "too large" in told(wecom, 4)["why"]
    assert not wecom.find(INIT)


def test_a_platform_in_our_own_network(bench, serve, wecom):
    """It may have pictures beside it; from a public one no private address is fetched (unit test picture_of_an_address)."""
    outside = bench.wecom()
    serve()
    wecom.say("lisi", "图 " + outside.put_file(picture(3000), key=b"")["url"])
    assert told(wecom)["sent"] is True


def test_what_a_member_sent_is_passed_on(serve, wecom):
    """Fetched, decrypted (wecom 59: a key without padding, too), uploaded, sent."""
    serve()
    data = picture(70000)
    wecom.show("image", "lisi", **wecom.put_file(data))
    assert shown(wecom)[2] == data
    other = picture(5000, b"b")
    wecom.mixed("lisi", "@%s 看这个" % wecom.name, wecom.put_file(other, padding=False))
    assert shown(wecom, 2)[2] == other
    assert told(wecom, 2)["sent"] is True


def test_what_cannot_be_opened(serve, wecom):
    """wecom 60, 62: a wrong padding, an expired address: said, and asked once."""
    serve()
    wecom.show("image", "lisi", **wecom.put_file(picture(4063), tail=b"\x21" * 33))
    assert "does not end as it should" in told(wecom)["why"]
    asked = []
    found = wecom.put_file(picture(1000), status=403)
    original = wecom.answer_http

    def count(request):
        asked.append(request.path)
        return original(request)
    wecom.answer_http = count
    wecom.show("image", "lisi", **found)
    assert "has expired" in told(wecom, 2)["why"]
    assert len(asked) == 1
    row = wecom.put_file(picture(1000))
    row["aeskey"] = row["aeskey"][:42]
    wecom.show("image", "lisi", **row)
    assert "malformed" in told(wecom, 3)["why"]
    assert not wecom.find(INIT)


def test_pieces_are_tried_again(serve, wecom):
    """wecom 57: twice, then it is given up."""
    serve()
    wecom.queued[CHUNK] = [45033, -1]
    wecom.say("lisi", "图 " + wecom.put_file(picture(3000), key=b"")["url"])
    assert told(wecom)["sent"] is True
    assert len(wecom.find(CHUNK)) == 3
    wecom.answers[CHUNK] = -1
    wecom.say("lisi", "图 " + wecom.put_file(picture(3001), key=b"")["url"])
    assert "refuses the file" in told(wecom, 2)["why"]
    assert len(wecom.find(CHUNK)) == 6


def test_an_upload_survives_the_connection(serve, wecom):
    """wecom 57: after the next subscription it goes on with the same id."""
    serve()
    data = picture(2000000)
    wecom.queued[CHUNK] = [..., SILENCE, SILENCE, SILENCE]
    wecom.queued[CHUNK][0] = lambda action: wecom._default(action)
    wecom.say("lisi", "图 " + wecom.put_file(data, key=b"")["url"])
    wecom.wait_action(CHUNK, count=4)
    wecom.cut()
    assert shown(wecom)[2] == data
    assert told(wecom)["sent"] is True
    assert len(wecom.find(INIT)) == 1 and len({c.params["upload_id"] for c in wecom.find(CHUNK)}) == 1
    assert len(wecom.find(CHUNK)) == 7


def test_pings_come_on_time_during_an_upload(serve, wecom):
    """wecom 58: 10 MB in 20 pieces to a platform that takes its time; a heartbeat, and an answer, never wait for long."""
    serve(timing={"ping": "200ms", "timeout": "5s"})
    data = picture(10 * 1024 * 1024)
    wecom.answers[CHUNK] = Late(0.1)
    wecom.say("lisi", "图 " + wecom.put_file(data, key=b"")["url"])
    wecom.wait_action(CHUNK)
    asked = time.monotonic()
    wecom.say("wangwu", "在吗")
    assert wecom.wait_send("在").time - asked < 1
    assert shown(wecom, timeout=15)[2] == data
    times = [t for t in wecom.link.ping_times if t >= wecom.find(CHUNK)[0].time]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(gaps) >= 3 and max(gaps) < 0.9, gaps


def test_shutdown_while_pictures_are_on_their_way(serve, wecom):
    """Nothing is left behind, whatever was being fetched or uploaded."""
    daemon = serve()
    wecom.answers[CHUNK] = SILENCE
    wecom.say("lisi", "图 " + wecom.put_file(picture(3000), key=b"")["url"])
    wecom.say("wangwu", "图 " + wecom.put_file(picture(200000), key=b"", drip=0.05, piece=100)["url"])
    wecom.wait_action(CHUNK)
    assert daemon.stop() in (0, None)
