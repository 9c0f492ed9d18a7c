"""The platform: accounts, groups and members; what is said is kept in histories and told to the accounts; what the accounts
send is held against the limits, and delivered, or not, as the faults of the moment will have it."""

import asyncio
import itertools
import random
import time

from limits import Limits
from wire import Wire

TIMEOUT = "Timeout: NTEvent serviceAndMethod:NodeIKernelMsgService/sendMsg ListenerName:onMsgInfoListUpdate EventRet:\n" \
          "{\n    \"result\": 0,\n    \"errMsg\": \"\"\n}\n"
HOLD = 45           # seconds that the platform's own timeout takes at most to be told
BOT = 3500000001    # another bot, a member like any other to the protocol


class Sent:
    """One message of an account, from its arrival to what became of it."""

    def __init__(self, account, chat, text, segments, kind, fate):
        self.account, self.chat, self.text, self.segments, self.kind = account, chat, text, segments, kind
        self.fate = fate            # what the platform did with it
        self.arrived = time.time()
        self.began = self.arrived   # since when it was on its way, at the earliest
        self.delivered = None       # when it appeared in the chat
        self.acked = None           # when success was answered
        self.shown = None           # when the account could know: own message told, or history read
        self.number = None


class Account:
    """One login: its links, and how it fares."""

    def __init__(self, world, number, salt):
        self.world, self.id, self.salt = world, number, salt
        self.port = 0
        self.links = []
        self.listening = None
        self.online = True          # what it tells of itself
        self.quiet = False          # logged out without a word: it says online, and nothing comes or goes
        self.muted = {}             # group -> until (whole or own)
        self.away = {}              # group -> [(from, till)]: it was no member then; till None: still
        self.fate = None            # what becomes of sends at the moment, see World.fates
        self.late = (0.002, 0.02)   # how long answers take
        self.since = None           # when it first logged in here
        self.echo = True            # own messages are told as message_sent
        self.at_all = 10            # left today
        self.connects = 0

    def member_at(self, group, when):
        return not any(a <= when and (b is None or when < b) for a, b in self.away.get(group, ()))

    def id_of(self, number):
        """Message ids are each account's own."""
        return ((number * 2654435761) ^ self.salt) & 0x7fffffff

    async def listen(self):
        import socket
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.bind(("127.0.0.1", self.port))
        sock.listen(8)
        sock.setblocking(False)
        self.port = sock.getsockname()[1]
        self.listening = (sock, asyncio.get_running_loop().create_task(self._accept(sock)))

    async def _accept(self, sock):
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(sock)
            client.setblocking(False)
            self.since = self.since or time.time()
            self.connects += 1
            self.links.append(Wire(client, self._text, self._ended).start())
            loop.call_later(0.05, self._hello, self.links[-1])

    def _hello(self, wire):
        if wire.open:
            wire.send(self.meta("lifecycle", sub_type="connect"))
            wire.send(self.heartbeat())

    def unlisten(self, reset=True):
        if self.listening:
            sock, task = self.listening
            task.cancel()
            sock.close()
            self.listening = None
        for wire in list(self.links):
            wire.abort(reset)

    def _ended(self, wire):
        if wire in self.links:
            self.links.remove(wire)

    def _text(self, wire, what):
        self.world.action(self, wire, what)

    # -- telling ---------------------------------------------------------------------------------

    def base(self, post_type, when=None, **fields):
        return {"time": int(time.time() if when is None else when), "self_id": self.id, "post_type": post_type, **fields}

    def meta(self, kind, **fields):
        return self.base("meta_event", meta_event_type=kind, **fields)

    def heartbeat(self):
        return self.meta("heartbeat", status={"online": self.online, "good": True}, interval=5000)

    def tell(self, what):
        for wire in self.links:
            wire.send(what)

    def deaf(self):
        return self.quiet or not self.online

    def event(self, message, post_type="message"):
        """How this account sees a message of a group."""
        own = message["user"] == self.id
        number = self.id_of(message["number"])
        event = self.base("message_sent" if own and post_type == "message" else post_type, message["time"],
                          message_type="group", sub_type="normal", message_id=number, message_seq=number, real_id=number,
                          real_seq=str(message["seq"]), group_id=message["group"], user_id=message["user"],
                          message=message["segments"], raw_message=message["text"], font=14, message_format="array",
                          sender={"user_id": message["user"], "nickname": "用户%d" % (message["user"] % 10000),
                                  "card": "", "role": message["role"]})
        return event


class Group:
    def __init__(self, number, name):
        self.number, self.name = number, name
        self.members = {}           # user -> role
        self.history = []           # messages, oldest first
        self.muted = 0              # until when nobody but its owner may speak
        self.seq = itertools.count(1000 + number % 97)


def plain(segments):
    return "".join(s["data"]["text"] if s["type"] == "text" else "@%s" % s["data"]["qq"] if s["type"] == "at"
                   else "[%s]" % s["type"] for s in segments)


class World:
    def __init__(self, settings):
        self.rng = random.Random("world %s" % settings["seed"])
        self.limits = Limits(settings["rules"])
        self.accounts, self.groups = {}, {}
        self.numbers = itertools.count(100000)
        self.sent = []              # of the accounts under test, in order of arrival
        self.listeners = []         # called with (group, message) for what appears in a group
        self.bad = []               # frames that broke the protocol
        self.doubled, self.reordered = settings.get("doubled", 0.03), settings.get("reordered", 0.04)
        self.counts = {"events": 0, "doubled": 0, "reordered": 0, "untold": 0, "actions": 0}

    def later(self, seconds, what, *args):
        asyncio.get_running_loop().call_later(seconds, what, *args)

    # -- what members do -------------------------------------------------------------------------

    def say(self, number, user, segments):
        """A member says something: kept, and told to the accounts in the group. Returns the message; None: the group is muted."""
        group = self.groups[number]
        if group.muted > time.time() and group.members.get(user, "member") == "member":
            return None
        if isinstance(segments, str):
            segments = [{"type": "text", "data": {"text": segments}}]
        message = {"number": next(self.numbers), "seq": next(group.seq), "time": int(time.time()), "at": time.time(),
                   "group": number, "user": user, "segments": segments, "text": plain(segments),
                   "role": group.members.get(user, "member")}
        group.history.append(message)
        for account in self.accounts.values():
            if account.id != user and number in account.groups and account.member_at(number, message["at"]):
                self.tell(account, account.event(message))
        for listener in self.listeners:
            listener(group, message)
        return message

    def whisper(self, account, user, text):
        """A member writes to an account in private."""
        number = account.id_of(next(self.numbers))
        self.tell(account, account.base(
            "message", message_type="private", sub_type="friend", message_id=number, user_id=user, font=14, raw_message=text,
            message=[{"type": "text", "data": {"text": text}}], message_format="array",
            sender={"user_id": user, "nickname": "用户%d" % (user % 10000), "sex": "unknown", "age": 0}))

    def join(self, number, user, twin=False):
        self.groups[number].members[user] = "member"
        for account in self.accounts.values():
            if number in account.groups and account.member_at(number, time.time()):
                event = account.base("notice", notice_type="group_increase", sub_type="approve", group_id=number,
                                     user_id=user, operator_id=0)
                self.tell(account, event)
                if twin:
                    self.later(1.0, self.tell, account, {**event, "sub_type": "invite", "operator_id": 3300000009})

    def leave(self, number, user):
        self.groups[number].members.pop(user, None)
        for account in self.accounts.values():
            if number in account.groups and account.member_at(number, time.time()):
                self.tell(account, account.base("notice", notice_type="group_decrease", sub_type="leave", group_id=number,
                                                user_id=user, operator_id=user))

    def tell(self, account, event, plainly=False):
        """To one account, now; or later, or twice, as platforms do. False: it does not hear."""
        if account.deaf() or not any(w.open for w in account.links):
            self.counts["untold"] += 1
            return False
        self.counts["events"] += 1
        if not plainly and self.rng.random() < self.reordered:
            self.counts["reordered"] += 1
            self.later(self.rng.random() * 2, account.tell, event)
        else:
            account.tell(event)
        if not plainly and self.rng.random() < self.doubled:
            self.counts["doubled"] += 1
            self.later(self.rng.random() * 4, account.tell, event)
        return True

    # -- what accounts do ------------------------------------------------------------------------

    def action(self, account, wire, frame):
        self.counts["actions"] += 1
        name, params = frame.get("action"), frame.get("params")
        if not isinstance(name, str) or not isinstance(params, dict) or not isinstance(frame.get("echo"), str):
            self.bad.append(str(frame)[:200])
            return
        if name in ("send_group_msg", "send_private_msg", "send_msg"):
            return self.send(account, wire, frame, params)
        self.answer(account, wire, frame, self.reply(account, name, params))

    def answer(self, account, wire, frame, reply, seconds=None):
        """reply: data, or (retcode, text) of a failure."""
        out = {"status": "ok", "retcode": 0, "data": reply, "message": "", "wording": "", "echo": frame["echo"],
               "stream": "normal-action"}
        if isinstance(reply, tuple):
            out.update(status="failed", retcode=reply[0], data=None, message=reply[1], wording=reply[1])
        self.later(self.rng.uniform(*account.late) if seconds is None else seconds, wire.send, out)

    def reply(self, account, name, params):
        group = params.get("group_id")
        if name == "get_version_info":
            return {"app_name": "NapCat.Onebot", "app_version": "4.8.0", "protocol_version": "v11"}
        if name == "get_login_info":
            return {"user_id": account.id, "nickname": "小助手"}
        if name == "get_status":
            return {"online": account.online, "good": True, "stat": {}}
        if name == "get_group_list":
            return [self.info(self.groups[g]) for g in account.groups if account.member_at(g, time.time())]
        if name == "get_group_info" and group in self.groups:
            return self.info(self.groups[group])
        if name == "get_group_member_list" and group in self.groups:
            return [self.member(group, u) for u in [account.id, *self.groups[group].members]]
        if name == "get_group_member_info" and group in self.groups:
            return self.member(group, params.get("user_id"))
        if name == "get_group_msg_history":
            return self.history(account, params)
        if name == "get_group_at_all_remain":
            return {"can_at_all": account.at_all > 0, "remain_at_all_count_for_group": account.at_all,
                    "remain_at_all_count_for_uin": account.at_all}
        if name == "get_group_system_msg":
            return {"invited_requests": None, "join_requests": None}
        if name in ("get_friend_list", "get_group_notice"):
            return []
        if name.startswith(("set_", "mark_", "delete_", "_send")):
            return None
        return (1404, "不支持的api " + name)

    def info(self, group):
        return {"group_id": group.number, "group_name": group.name, "member_count": len(group.members) + 1,
                "max_member_count": 500}

    def member(self, group, user):
        return {"group_id": group, "user_id": user, "nickname": "用户%d" % (int(user or 0) % 10000), "card": "",
                "role": self.groups[group].members.get(user, "member")}

    def history(self, account, params):
        """As NapCat has it: `message_seq` is a message id; towards newer by default, older when reversed; it is included."""
        group = self.groups.get(params.get("group_id"))
        if group is None or account.deaf() or not account.member_at(group.number, time.time()):
            return (1200, "消息不存在")
        seen = [m for m in group.history if account.member_at(group.number, m["at"])]
        count = int(params.get("count") or 20)
        anchor = params.get("message_seq") or 0
        place = next((i for i, m in enumerate(seen) if account.id_of(m["number"]) == int(anchor)), None)
        if anchor and place is None:
            return (1200, "消息%s不存在" % anchor)
        if place is None:
            page = seen[-count:]
        elif params.get("reverse_order") or params.get("reverseOrder"):
            page = seen[max(0, place + 1 - count):place + 1]
        else:
            page = seen[place:place + count]
        now = time.time()
        for message in page:
            if message.get("sent") and not message["sent"].shown:
                message["sent"].shown = now
        if not page:
            return (1200, "消息不存在")
        return {"messages": [account.event(m, "message") for m in page]}

    # -- sends -----------------------------------------------------------------------------------

    def kind(self, params, segments, text):
        if "group_id" not in params:
            return "dm"
        if any(s["type"] == "at" and s["data"]["qq"] == "all" for s in segments):
            return "at_all"
        return "broadcast" if "【公告】" in text else "post"

    def send(self, account, wire, frame, params):
        segments = params.get("message")
        if not isinstance(segments, list) or not segments:
            self.bad.append("no message: %s" % str(frame)[:200])
            return
        text = plain(segments)
        chat = params.get("group_id") or "@%s" % params.get("user_id")
        kind = self.kind(params, segments, text)
        members = [s["data"]["qq"] for s in segments if s["type"] == "at"]
        if kind == "dm":
            members = [params.get("user_id")]
        now = time.time()
        broken = self.limits.note(now, account.id, now - account.since, chat, members, kind, text)
        sent = Sent(account.id, chat, text, segments, kind, "delivered")
        sent.began = wire.waited_since()
        self.sent.append(sent)
        if broken:
            sent.fate = "limited"
            self.answer(account, wire, frame, (1200, 'sendMsg EventRet: {"result": 299, "errMsg": "频率过高"}'))
        else:
            self.suffer(account, wire, frame, sent)
        if not sent.delivered:
            self.limits.forget()

    def suffer(self, account, wire, frame, sent):
        """What becomes of it."""
        group, now = sent.chat if isinstance(sent.chat, int) else None, time.time()
        if account.deaf():
            sent.fate = "logged out"
            if self.rng.random() < 0.5:
                self.answer(account, wire, frame, (1200, TIMEOUT), 1.0)
            return
        if group is not None and not account.member_at(group, now):
            sent.fate = "not a member"
            return self.answer(account, wire, frame, (1200, 'sendMsg EventRet: {"result": 110, "errMsg": ""}'))
        if account.muted.get(group, 0) > now:
            sent.fate = "muted"
            return self.answer(account, wire, frame, (1200, 'sendMsg EventRet: {"result": 120, "errMsg": "muted"}'))
        if sent.kind == "at_all":
            if account.at_all <= 0:
                sent.fate = "no @all left"
                return self.answer(account, wire, frame, (1200, 'sendMsg EventRet: {"result": 121, "errMsg": ""}'))
            account.at_all -= 1
        fate = account.fate(sent) if account.fate else None
        if fate is None:
            number = self.deliver(account, sent)
            sent.acked = now
            return self.answer(account, wire, frame, {"message_id": number})
        sent.fate = fate
        if fate == "timeout, delivered":
            self.deliver(account, sent)
            self.answer(account, wire, frame, (1200, TIMEOUT), self.rng.uniform(0.3, 1.5))
        elif fate == "timeout, lost":
            self.answer(account, wire, frame, (1200, TIMEOUT), self.rng.uniform(0.3, 1.5))
        elif fate == "acknowledged, lost":
            sent.acked = now
            self.answer(account, wire, frame, {"message_id": account.id_of(next(self.numbers))})
        elif fate == "unanswered, delivered":
            self.deliver(account, sent)
        elif fate == "unanswered, lost":
            pass
        elif fate == "refused":
            self.answer(account, wire, frame, (1200, 'sendMsg EventRet: {"result": 46, "errMsg": "风控"}'))

    def deliver(self, account, sent):
        """It appears in its chat."""
        sent.delivered = time.time()
        sent.number = next(self.numbers)
        if not isinstance(sent.chat, int):
            return account.id_of(sent.number)
        group = self.groups[sent.chat]
        message = {"number": sent.number, "seq": next(group.seq), "time": int(sent.delivered), "at": sent.delivered,
                   "group": sent.chat, "user": account.id, "segments": sent.segments, "text": sent.text, "role": "member",
                   "sent": sent}
        group.history.append(message)
        if account.echo and not account.deaf() and any(w.open for w in account.links):
            sent.shown = sent.delivered
            account.tell(account.event(message))
        for other in self.accounts.values():
            if other is not account and sent.chat in other.groups and other.member_at(sent.chat, sent.delivered):
                self.tell(other, other.event(message))
        for listener in self.listeners:
            listener(group, message)
        return account.id_of(sent.number)
