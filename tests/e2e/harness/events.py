"""Makes OneBot 11 events. Every function returns a dict that a Gateway can emit."""

import itertools
import time as clock

SELF = 2100000001
GROUP = 700000001
USER = 3300000001

_ids = itertools.count(1187204000)


def now():
    return int(clock.time())


def next_message_id():
    return next(_ids)


def text(value):
    return {"type": "text", "data": {"text": value}}


def at(user):
    return {"type": "at", "data": {"qq": str(user)}}


def quote(message_id):
    return {"type": "reply", "data": {"id": str(message_id)}}


def image(url="https://files.example/a.png"):
    return {"type": "image", "data": {"file": "a.png", "url": url}}


def _base(post_type, self_id=SELF, time=None, **fields):
    event = {"time": now() if time is None else time, "self_id": self_id, "post_type": post_type}
    event.update(fields)
    return event


def _segments(message):
    return [text(message)] if isinstance(message, str) else message


def cq(segments):
    """The CQ text of segments, as the implementations put it into raw_message."""
    def escape(value, comma):
        value = value.replace("&", "&amp;").replace("[", "&#91;").replace("]", "&#93;")
        return value.replace(",", "&#44;") if comma else value
    out = []
    for segment in segments:
        if not isinstance(segment, dict) or "type" not in segment:
            continue
        if segment["type"] == "text":
            out.append(escape((segment.get("data") or {}).get("text", ""), False))
        else:
            fields = "".join(",%s=%s" % (k, escape(str(v), True))
                             for k, v in (segment.get("data") or {}).items())
            out.append("[CQ:%s%s]" % (segment["type"], fields))
    return "".join(out)


def group_msg(group, user, message, message_id=None, name=None, role="member", card="", **fields):
    segments = _segments(message)
    event = _base("message", message_type="group", sub_type="normal",
                  message_id=next_message_id() if message_id is None else message_id,
                  group_id=group, user_id=user, anonymous=None, message=segments,
                  raw_message=cq(segments) if isinstance(segments, list) else "", font=0,
                  sender={"user_id": user, "nickname": name or "用户%s" % str(user)[-4:],
                          "card": card, "role": role, "level": "1", "title": ""})
    event.update(fields)
    return event


def private_msg(user, message, message_id=None, name=None, sub_type="friend", **fields):
    segments = _segments(message)
    event = _base("message", message_type="private", sub_type=sub_type,
                  message_id=next_message_id() if message_id is None else message_id,
                  user_id=user, message=segments,
                  raw_message=cq(segments) if isinstance(segments, list) else "", font=0,
                  sender={"user_id": user, "nickname": name or "用户%s" % str(user)[-4:],
                          "sex": "unknown", "age": 0})
    event.update(fields)
    return event


def self_msg(group, message, message_id, self_id=SELF, **fields):
    """The account's own message, as message_sent."""
    event = group_msg(group, self_id, message, message_id=message_id, self_id=self_id, **fields)
    event["post_type"] = "message_sent"
    event["message_sent_type"] = "self"
    return event


def notice(notice_type, **fields):
    return _base("notice", notice_type=notice_type, **fields)


def notify(sub_type, **fields):
    return notice("notify", sub_type=sub_type, **fields)


def join(group, user, operator=0, sub_type="approve", **fields):
    return notice("group_increase", sub_type=sub_type, group_id=group, user_id=user,
                  operator_id=operator, **fields)


def leave(group, user, operator=None, sub_type="leave", **fields):
    return notice("group_decrease", sub_type=sub_type, group_id=group, user_id=user,
                  operator_id=user if operator is None else operator, **fields)


def ban(group, user, duration=600, operator=3300000009, sub_type="ban", **fields):
    return notice("group_ban", sub_type=sub_type, group_id=group, user_id=user,
                  operator_id=operator, duration=duration, **fields)


def group_admin(group, user, sub_type="set", **fields):
    return notice("group_admin", sub_type=sub_type, group_id=group, user_id=user, **fields)


def recall(group, user, message_id, operator=None, **fields):
    return notice("group_recall", group_id=group, user_id=user, message_id=message_id,
                  operator_id=user if operator is None else operator, **fields)


def poke(group, user, target=SELF, **fields):
    return notify("poke", group_id=group, user_id=user, target_id=target, **fields)


def upload(group, user, name, size, **fields):
    return notice("group_upload", group_id=group, user_id=user,
                  file={"id": "/f-" + name, "name": name, "size": size, "busid": 102}, **fields)


def request_group(group, user, flag, sub_type="add", comment="", **fields):
    return _base("request", request_type="group", sub_type=sub_type, group_id=group, user_id=user,
                 comment=comment, flag=flag, **fields)


def request_friend(user, flag, comment="", **fields):
    return _base("request", request_type="friend", user_id=user, comment=comment, flag=flag,
                 **fields)


def lifecycle(**fields):
    return _base("meta_event", meta_event_type="lifecycle", sub_type="connect", **fields)


def heartbeat(online=True, good=True, interval=30000, **fields):
    return _base("meta_event", meta_event_type="heartbeat",
                 status={"online": online, "good": good}, interval=interval, **fields)
