"""The test harness: a real redis-server, the daemon under test, and a scripted OneBot 11 peer."""

from . import aio, evening, events, store
from .gateway import SILENCE, Fail, Gateway, Late, Raw
from .rawpeer import RawPeer, handshake
from .redis_server import Redis, dump
from .sopd import (FAST, LOOSE_PACE, ROOT, TEST_SOP, Metrics, Sopd, gateway_entry, parse_logfmt, run,
                   slow_build)
from .util import Lua, lua_value, noon_zone, reserve_port, wait_until

__all__ = ["FAST", "LOOSE_PACE", "ROOT", "SILENCE", "TEST_SOP", "Fail", "Gateway", "Late", "Lua", "Metrics",
           "Raw", "RawPeer", "Redis", "Sopd", "aio", "dump", "evening", "events", "gateway_entry", "handshake",
           "lua_value", "noon_zone", "parse_logfmt", "reserve_port", "run", "slow_build", "store", "wait_until"]
