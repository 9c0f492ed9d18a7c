"""Small things the whole harness needs: ports nobody else takes, waiting, Lua literals.

Tests run side by side (pytest -n, several ctest jobs), so a port is reserved with a lock file
for as long as this process lives, from a range the kernel does not use for outgoing connections.
"""

import errno
import fcntl
import os
import random
import socket
import tempfile
import time
from datetime import datetime, timezone

PORT_DIR = os.path.join(tempfile.gettempdir(), "sopd-test-ports-%d" % os.getuid())
_port_locks = []
_random = random.Random(os.urandom(8))


def reserve_port():
    """A TCP port on 127.0.0.1 that no other test process will be given."""
    os.makedirs(PORT_DIR, exist_ok=True)
    for _ in range(2000):
        port = _random.randrange(11000, 31000)
        fd = os.open(os.path.join(PORT_DIR, str(port)), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe = socket.socket()
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            finally:
                probe.close()
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EADDRINUSE, errno.EACCES):
                continue
            raise
        _port_locks.append(fd)
        return port
    raise RuntimeError("no free port found")


def wait_until(check, timeout=5.0, every=0.01, what=None):
    """Call check() until it returns something true; that value is returned. Fails after timeout."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError("not within %.1f s: %s" % (timeout, text or check))
        time.sleep(every)


def noon_zone():
    """A time zone in which it is now between 12:00 and 12:59: far from quiet hours and cut-offs."""
    offset = 12 - datetime.now(timezone.utc).hour  # hours to add to UTC: -11 .. 12
    return "Etc/GMT" if offset == 0 else "Etc/GMT%+d" % -offset


class Lua(str):
    """A piece of Lua source that lua_value() writes as it is."""


def lua_value(value, depth=0):
    """The Lua literal of a Python value (None becomes nil)."""
    if isinstance(value, Lua):
        return str(value)
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, bytes):
        return '"' + "".join("\\x%02x" % b for b in value) + '"'
    if isinstance(value, str):
        out = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\0", "\\0")
        return '"' + out + '"'
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        rows = ["%s[%s] = %s" % (pad, lua_value(k), lua_value(v, depth + 1))
                for k, v in value.items() if v is not None]
    else:
        rows = [pad + lua_value(v, depth + 1) for v in value]
    if not rows:
        return "{}"
    return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"
