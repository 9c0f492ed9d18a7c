"""The adapter of a codec to the contract suite: what each of them says differently. See adapters.py."""

from harness import SILENCE, Late

TOKEN = "s3cret-t0ken-0f-the-suite"
QUICK = {"first": "2s", "backoff": "100ms", "backoff_max": "400ms", "auth_backoff": "700ms", "auth_backoff_max": "1400ms",
         "ready_reset": "60s", "settle": "300ms", "resend": "1200ms", "circuit": "2s", "catchup": "50ms", "timeout": "900ms",
         "request_delay": "0s"}


EVENTS = {"message", "join", "leave", "poke", "recall", "request", "enter", "button", "mute", "admin", "card", "file", "reaction",
          "essence", "honor", "chat"}


class Codec:
    """One gateway of a type with its peer. `caps`: what it can do, by the names of docs/gateways.md; `reports`: the events that
    it can raise."""

    name = type = None
    caps, reports = set(), set()
    group = "g1"                # the chat key of a group
    user, other = "u1", "u2"
    odd_user = "u-9007199254740993"     # an id that no float may touch
    limit = 4000                # characters that surely do not fit one message
    burst = 40                  # messages that it lets through at once
    quiet_link = False          # its link does not die of silence (nothing proves it dead)
    timing = {}
    fields = {}                 # more of its configuration

    def __init__(self, bench):
        self.bench = bench
        self.script = []        # answers to the next sends, used up one by one
        self.peer = self.start()

    # -- the peer --------------------------------------------------------------------------------

    def start(self):
        raise NotImplementedError

    def entry(self, name="gw", **fields):
        """Its entry in `gateways`, without what all have."""
        timing = {k: v for k, v in {**QUICK, **self.timing, **fields.pop("timing", {})}.items() if v is not None}
        return {"name": name, "timing": timing, **self.settings(), **self.fields, **fields}

    def settings(self):
        return self.peer.settings()

    def secret(self):
        """Its secret as it must not appear anywhere."""
        return TOKEN

    def wait_ready(self, timeout=10.0):
        self.peer.wait_ready(timeout)
        return self

    @property
    def attempts(self):
        return self.peer.attempts

    # -- what people do --------------------------------------------------------------------------

    def say(self, text, user=None, chat=None):
        """A member speaks to the bot in a group."""
        raise NotImplementedError

    def whisper(self, text, user=None):
        """A person writes to the bot directly. False: there is no such thing."""
        raise NotImplementedError

    def repeat(self):
        """The last event of `say` comes again, exactly."""
        raise NotImplementedError

    def say_many(self, texts):
        for text in texts:
            self.say(text)

    def say_old(self, text, age):
        """A message that the platform gave so many seconds ago comes in now."""
        raise NotImplementedError

    def miss(self, text):
        """A member speaks while nobody listens: only the history has it (with the capability `history`)."""
        raise NotImplementedError

    def own(self, text):
        """The platform reports a message of our own account. False: it never does."""
        return False

    def join(self, user):
        raise NotImplementedError

    def leave(self, user):
        raise NotImplementedError

    def press(self, sent, value):
        """A member presses the button of that value under the message."""
        raise NotImplementedError

    # -- what comes out --------------------------------------------------------------------------

    def sends(self, text=None, **terms):
        return self.peer.sends(text, **terms)

    def wait_send(self, text=None, timeout=5.0, count=1, **terms):
        return self.peer.wait_send(text, timeout=timeout, count=count, **terms)

    def reads(self, action):
        """What a person reads in the message."""
        return action.text

    def mentioned(self, action):
        """Whom the platform would notify."""
        return action.mentions

    # -- going wrong -----------------------------------------------------------------------------

    def answer(self, *kinds):
        """How the next sends are answered: ok, fail, never, late (after 1.3 s: beyond `timeout`), lost (the link ends)."""
        self.script += kinds

    def scripted(self, action):
        if not action.is_send or not self.script:
            return ...
        return getattr(self, "answer_" + self.script.pop(0))(action)

    def answer_ok(self, action):
        return ...

    def answer_never(self, action):
        return SILENCE

    def answer_late(self, action):
        return Late(1.3)

    def answer_fail(self, action):
        raise NotImplementedError

    def answer_lost(self, action):
        self.peer.conn.ws.transport.abort()
        return SILENCE

    def drop(self):
        """The link is reset, if there is one."""
        if any(c.open for c in self.peer.conns):
            self.peer.cut()

    def close_listener(self):
        self.peer.stop_listening()

    def open_listener(self):
        self.peer.start()

    def refuse(self, yes=True):
        """From now on (or no longer) our secret is wrong; what is connected stays."""
        raise NotImplementedError

    def break_upgrades(self, yes=True):
        """From now on every attempt ends with HTTP 500."""
        raise NotImplementedError

    def freeze(self, yes=True):
        """It swallows everything and says nothing."""
        self.peer.dead = yes

    def mute_handshake(self):
        """Connections are taken, but nothing makes them ready."""
        self.freeze()

    def garbage(self):
        """Frames that are no frames of the protocol."""
        deep = "[" * 200 + "]" * 200
        self.peer.emit_text("", "null", "[]", "17", "{", '{"a":', '"text"', "\x00", deep, "x" * 70000, '{"op":0}', '{"cmd":7}',
                            '{"type":null}', b"\xff\xfe\xfd", '{"post_type":{},"message":[[]]}', '{"headers":[],"body":3}',
                            '{"op":0,"body":{"type":"message-created","login":7,"message":"x"}}', '{"op":99,"body":[]}')

    def chatter(self, n):
        """n frames of talk that is not for the bot."""
        raise NotImplementedError
