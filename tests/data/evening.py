#!/usr/bin/python3
"""Writes evening.jsonl: one evening (19:00-22:30) of three groups, as a OneBot 11 gateway reports it.

The same file comes out every time. One JSON object a line:
  t       seconds after 19:00
  kind    what it is for: join, chat, question, checkin, packet, grab, repeat, notice, malformed ...
  frame   the event, sent as a text frame; with "pieces": N, in N fragments with pings between
  text    instead of frame: the text of a frame that is no event
  hex     instead of frame: its bytes, with "opcode" 1 (text) or 2 (binary)

Run it without arguments to write the file next to this script, or with --check to compare.
"""

import json
import os
import random
import sys

START = 1772449200          # 2026-03-02 19:00:00 in Shanghai
SELF = 2100000001
STAFF = 3300000009
GROUPS = [700000001, 700000002, 700000003]
NAMES = {700000001: "福利一群", 700000002: "福利二群", 700000003: "门店三群"}
MEMBERS = 170               # who are in a group from the start
JOINERS = 60                # who join a group this evening
PACKET = {"total": 2000, "shares": 120, "group": 700000001, "grabs": 200, "grabbers": 160}

FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = [
    "小美", "阿强", "婷婷", "大伟", "晓燕", "子涵", "浩然", "雨桐", "建国", "丽华", "俊杰", "思远",
]
CHATTER = [
    "晚上好呀大家", "今天下班好晚", "刚吃完饭", "这个牛奶真不错", "昨天买的草莓很甜", "哈哈哈哈",
    "收到", "好的👌", "孩子终于睡了", "外面下雨了", "有人一起拼单吗", "链接发我一下",
    "我家那位也在群里", "明天早上去店里", "谢谢老板", "太划算了吧", "已下单", "1",
    "[CQ:at,qq=all] 假装的", "{at} 花括号", "a & b <c>", "😀😀😀", "路过", "打卡机坏了哈哈",
    "抢不到啊", "我想签到来着", "红包在哪里都看不到", "楼上说得对", "早点休息", "晚安各位",
    "鸡蛋还有货", "下次还来",
]
QUESTIONS = [
    "几点关门?", "牛奶多少钱一箱?", "门店在哪里", "什么时候有货呀?", "可以送货吗", "退货怎么弄?",
    "这个券怎么用", "明天还有活动吗?", "会员怎么办理?", "停车方便吗?",
]
GRABS = ["抢", "抢红包", "拼手气", " 抢 ", "抢"]
CHECKINS = ["打卡", "签到", "/打卡", " 打卡 ", "打卡", "#签到"]

rng = random.Random(20260302)
lines = []
ids = {group: 1187200000 + 97 * i for i, group in enumerate(GROUPS)}
messages = {group: [] for group in GROUPS}


def member(group, number):
    return 3300000000 + 10000 * (GROUPS.index(group) + 1) + number


def joiner(group, number):
    return 3400000000 + 10000 * (GROUPS.index(group) + 1) + number


def name_of(user):
    return FAMILY[user % len(FAMILY)] + GIVEN[user // 7 % len(GIVEN)]


def add(t, kind, frame=None, **more):
    line = {"t": round(t, 3), "kind": kind}
    if frame is not None:
        line["frame"] = frame
    line.update(more)
    lines.append(line)


def event(t, post_type, **fields):
    return {"time": START + int(t), "self_id": SELF, "post_type": post_type, **fields}


def text(value):
    return {"type": "text", "data": {"text": value}}


def message(t, group, user, segments, role="member", **fields):
    if isinstance(segments, str):
        segments = [text(segments)]
    ids[group] += rng.randrange(1, 9)
    messages[group].append((ids[group], user))
    raw = "".join(s["data"].get("text", "[%s]" % s["type"]) for s in segments if s.get("data"))
    return event(t, "message", message_type="group", sub_type="normal", message_id=ids[group],
                 group_id=group, user_id=user, anonymous=None, message=segments, raw_message=raw, font=14,
                 sender={"user_id": user, "nickname": name_of(user), "card": rng.choice(["", "", "门店-" + name_of(user)]),
                         "role": role, "level": str(rng.randrange(1, 60)), "title": ""},
                 message_format="array", group_name=NAMES[group], **fields)


def notice(t, kind, **fields):
    return event(t, "notice", notice_type=kind, **fields)


def joins():
    """Bursts of ten; NapCat reports four in ten a second time, with or without the operator."""
    for group in GROUPS:
        number = 0
        for burst in range(JOINERS // 10):
            start = 300 + burst * 1700 + GROUPS.index(group) * 240 + rng.random() * 90
            for i in range(10):
                t = start + i * rng.uniform(0.1, 0.9)
                user = joiner(group, number)
                number += 1
                add(t, "join", notice(t, "group_increase", sub_type="approve", group_id=group,
                                      operator_id=0, user_id=user), group=group, user=user)
                if rng.random() < 0.4:
                    again = t + rng.uniform(0.5, 5)
                    add(again, "join_twin", notice(again, "group_increase", sub_type="invite", group_id=group,
                                                   operator_id=member(group, 1), user_id=user),
                        group=group, user=user)


def leaves():
    for group in GROUPS:
        for i in range(12):
            t = rng.uniform(600, 12000)
            user = member(group, 140 + i)
            kicked = i % 4 == 0
            add(t, "leave", notice(t, "group_decrease", sub_type="kick" if kicked else "leave", group_id=group,
                                   operator_id=STAFF if kicked else user, user_id=user), group=group, user=user)


def chatter():
    for group in GROUPS:
        for _ in range(370):
            t = rng.uniform(0, 12500)
            user = member(group, rng.randrange(130))
            content = [text(rng.choice(CHATTER))]
            dice = rng.random()
            if dice < 0.08:
                content = [{"type": "image", "data": {"file": "p.png", "url": "https://files.example/p.png",
                                                      "sub_type": 0}}] + content[:rng.randrange(2)]
            elif dice < 0.14:
                content.insert(0, {"type": "face", "data": {"id": str(rng.randrange(300)), "raw": {"a": 1}}})
            elif dice < 0.19:
                content.insert(0, {"type": "at", "data": {"qq": str(member(group, rng.randrange(130)))}})
            elif dice < 0.23:
                content.insert(0, {"type": "at", "data": {"qq": str(SELF)}})
            add(t, "chat", message(t, group, user, content), group=group, user=user)
        for _ in range(40):
            t = rng.uniform(0, 12500)
            user = member(group, rng.randrange(130))
            add(t, "question", message(t, group, user, rng.choice(QUESTIONS)), group=group, user=user)


def checkins():
    """Seventy of a group check in, a third of them again later."""
    for group in GROUPS:
        for number in range(70):
            user = member(group, number)
            t = rng.uniform(100, 9000)
            add(t, "checkin", message(t, group, user, rng.choice(CHECKINS)), group=group, user=user)
            if number % 3 == 0:
                t += rng.uniform(60, 3000)
                add(t, "checkin_again", message(t, group, user, rng.choice(CHECKINS)), group=group, user=user)
        for number in range(0, 20, 4):
            t = rng.uniform(9500, 12000)
            user = member(group, number)
            word = rng.choice(["我的打卡", "打卡榜"])
            add(t, "board", message(t, group, user, word), group=group, user=user)


def packet():
    """20:00: staff opens a packet, two hundred grabs of 160 people within twenty seconds."""
    group = PACKET["group"]
    t = 3600.0
    add(t, "packet", message(t, group, STAFF, "发红包 %(total)d %(shares)d" % PACKET, role="admin"), group=group,
        user=STAFF)
    grabbers = [member(group, n) for n in range(MEMBERS)][:PACKET["grabbers"]]
    rng.shuffle(grabbers)
    again = [rng.choice(grabbers[:60]) for _ in range(PACKET["grabs"] - PACKET["grabbers"])]
    order = grabbers + again
    head, tail = order[:60], order[60:]
    rng.shuffle(tail)
    for i, user in enumerate(head + tail):
        at = t + 1 + i * 0.1
        add(at, "grab", message(at, group, user, rng.choice(GRABS)), group=group, user=user)


def notices():
    for group in GROUPS:
        for i in range(8):
            t = rng.uniform(50, 12000)
            user = member(group, rng.randrange(130))
            add(t, "notice", notice(t, "notify", sub_type="poke", group_id=group, user_id=user,
                                    target_id=rng.choice([SELF, STAFF]), raw_info=[{"type": "qq"}] * 20))
            t += 1
            add(t, "notice", notice(t, "group_card", group_id=group, user_id=user, card_new="新名片%d" % i,
                                    card_old=""))
        t = rng.uniform(50, 12000)
        user = member(group, 3)
        extras = [
            notice(t, "group_admin", sub_type="set", group_id=group, user_id=user),
            notice(t, "group_ban", sub_type="ban", group_id=group, operator_id=STAFF, user_id=user, duration=600),
            notice(t, "group_ban", sub_type="lift_ban", group_id=group, operator_id=STAFF, user_id=user, duration=0),
            notice(t, "essence", sub_type="add", group_id=group, message_id=1187204412, sender_id=user,
                   operator_id=STAFF),
            notice(t, "group_msg_emoji_like", group_id=group, user_id=user, message_id=1187204412,
                   likes=[{"emoji_id": "76", "count": 1}], is_add=True),
            notice(t, "reaction", sub_type="add", group_id=group, message_id=1187204412, operator_id=user,
                   code="66", count=1),
            notice(t, "notify", sub_type="honor", group_id=group, user_id=user, honor_type="talkative"),
            notice(t, "notify", sub_type="lucky_king", group_id=group, user_id=user, target_id=member(group, 4)),
            notice(t, "notify", sub_type="title", group_id=group, user_id=user, title="群花"),
            notice(t, "notify", sub_type="brand_new", group_id=group, user_id=user),
            notice(t, "unheard_of", group_id=group, user_id=user),
            notice(t, "group_upload", group_id=group, user_id=user,
                   file={"id": "/f-%d" % group, "name": "菜单.pdf", "size": 184320, "busid": 102}),
            message(t, group, user, [{"type": "file", "data": {"file": "菜单.pdf", "file_id": "/f-%d" % group,
                                                               "file_size": "184320"}}]),
            notice(t, "group_recall", group_id=group, user_id=user, operator_id=STAFF, message_id=1),
            notice(t, "group_recall", group_id=group, user_id=user, operator_id=STAFF, message_id=1),
            notice(t, "notify", sub_type="input_status", user_id=user, group_id=0, event_type=1, status_text=""),
            notice(t, "friend_recall", user_id=user, message_id=-1208745511),
            notice(t, "friend_add", user_id=user),
        ]
        for frame in extras:
            add(t, "notice", frame)
            t += 0.2
    for i in range(6):
        t = 200 + i * 1900.0
        flag = "17724492000123%02d" % (i // 2)
        add(t, "request", event(t, "request", request_type="group", sub_type="add", group_id=GROUPS[0],
                                user_id=3500000000 + i // 2, comment="问题:暗号\n答案:牛奶", flag=flag))
    add(700, "request", event(700, "request", request_type="friend", user_id=3500000009, comment=None,
                              flag="1772449900"))
    for i in range(42):
        t = 30 + 300.0 * i
        add(t, "heartbeat", event(t, "meta_event", meta_event_type="heartbeat",
                                  status={"online": True, "good": True}, interval=30000))
    add(0, "lifecycle", event(0, "meta_event", meta_event_type="lifecycle", sub_type="connect"))


def odd_forms():
    """Forms of the checklist that are events all the same."""
    group, user = GROUPS[1], member(GROUPS[1], 120)
    t = 5000.0
    forms = []
    for content in ([], "", {"type": "text", "data": {"text": "单段"}}, None, "字符串 [CQ:face,id=14] &amp;",
                    [{"type": "hologram", "data": {"x": {"y": 1}}}, {"type": "face", "data": None}, {"type": "text"}]):
        frame = message(t, group, user, "x")
        frame["message"] = content
        forms.append(frame)
    no_message = message(t, group, user, "x")
    del no_message["message"]
    forms.append(no_message)
    for change in ({"sender": None}, {"sender": {}}, {"sender": []}, {"sub_type": "anonymous"}, {"user_id": "80000000"},
                   {"time": (START + 5000) * 1000}, {"group_id": str(group)}, {"message_id": -2147483648},
                   {"user_id": SELF}, {"post_type": "message_sent", "user_id": SELF}, {"font": "x", "anonymous": 7}):
        frame = message(t, group, user, "普通一句")
        frame.update(change)
        forms.append(frame)
    for i, frame in enumerate(forms):
        add(t + i, "odd", frame)
    big = message(t + 30, group, user, "大块头")
    big["raw_message"] = "块" * 20000
    add(t + 30, "fragments", big, pieces=9)
    add(t + 31, "fragments", message(t + 31, group, user, "小碎片"), pieces=3)
    same = [message(t + 40 + i, g, member(g, 121), "同号不同群") for i, g in enumerate(GROUPS)]
    for frame in same:
        frame["message_id"] = 555
        add(t + 40, "odd", frame)


def malformed():
    group, user = GROUPS[2], member(GROUPS[2], 122)
    texts = ["", "   ", "null", "true", "42", '"x"', "[]", "{}", '{"a":', "[" * 10000, '{"post_type":1}', "{]", "\x00",
             '{"action":"get_status","params":{},"echo":"x"}',
             '{"status":"ok","retcode":0,"data":null,"echo":"nobody"}', '{"status":"failed","retcode":1200,"echo":null}',
             '{"post_type":"message"}', '{"post_type":"message","message_type":"group"}',
             '{"post_type":"notice","notice_type":7,"group_id":{}}',
             '{"post_type":"meta_event","meta_event_type":"heartbeat","status":[]}',
             '{"post_type":"message","message_type":"group","group_id":1e400,"user_id":-0,"message":5,"message_id":1.5}']
    t = 800.0
    for value in texts * 2:
        add(t, "malformed", text=value)
        t += 190
    nick = json.dumps(message(t, group, user, "乱码名字"), ensure_ascii=False, separators=(",", ":"))
    nick = nick.replace(name_of(user), "N", 1).encode()
    add(t, "odd_bytes", hex=nick.replace(b'"N"', b'"a\xff\xfe\xc3("').hex(), opcode=1)
    add(t + 1, "malformed", hex="00ff01", opcode=2)
    add(t + 2, "malformed", hex="fffefd", opcode=1)
    add(t + 3, "odd_bytes", hex=nick.replace(b'"N"', b'"\\ud83d\\u0000"').replace(
        b'"message_id":', b'"message_id":9').hex(), opcode=1)
    add(t + 4, "odd_bytes", hex=nick.replace(b'"user_id":', b'"user_id":1,"user_id":').replace(
        b'"message_id":', b'"message_id":8').hex(), opcode=1)


def repeats():
    """A hundred and twenty events come a second time, within the next few."""
    lines.sort(key=lambda line: line["t"])
    whole = [i for i, line in enumerate(lines) if line["kind"] in
             ("join", "leave", "chat", "question", "checkin", "checkin_again", "packet", "grab", "request")]
    for i in sorted(rng.sample(whole, 120)):
        later = min(len(lines) - 1, i + rng.randrange(1, 15))
        add(lines[later]["t"] + 0.001, "repeat", lines[i]["frame"], of=lines[i]["kind"])
    lines.sort(key=lambda line: line["t"])


def make():
    joins(), leaves(), chatter(), checkins(), packet(), notices(), odd_forms(), malformed(), repeats()
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "evening.jsonl")
    content = make()
    if "--check" in sys.argv:
        with open(path, encoding="utf-8", newline="") as source:
            sys.exit(0 if source.read() == content else "evening.jsonl is not what this script makes")
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(content)
    print("%d lines" % len(lines))


if __name__ == "__main__":
    main()
