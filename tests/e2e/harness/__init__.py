"""The test harness: a real redis-server, the daemon under test, and scripted peers: OneBot 11, Satori, WeCom."""

from . import aio, evening, events, satori, store, wecom
from .gateway import Fail, Gateway
from .peer import SILENCE, Late, Raw
from .rawpeer import RawPeer, handshake
from .redis_server import Redis, dump
from .satori import Login, Satori
from .sopd import (FAST, LOOSE_PACE, ROOT, TEST_SOP, Metrics, Sopd, gateway_entry, parse_logfmt, run,
                   slow_build)
from .util import Lua, lua_value, noon_zone, reserve_port, wait_until
from .wecom import Ack, WeCom
from .wire import DROP, Reply

__all__ = ["DROP", "FAST", "LOOSE_PACE", "ROOT", "SILENCE", "TEST_SOP", "Ack", "Fail", "Gateway", "Late", "Login", "Lua",
           "Metrics", "Raw", "RawPeer", "Redis", "Reply", "Satori", "Sopd", "WeCom", "aio", "dump", "evening", "events",
           "gateway_entry", "handshake", "lua_value", "noon_zone", "parse_logfmt", "reserve_port", "run", "satori",
           "slow_build", "store", "wait_until", "wecom"]
