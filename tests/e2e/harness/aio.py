"""One asyncio loop in a background thread, so that tests read as straight lines."""

import asyncio
import threading

_loop = None
_lock = threading.Lock()


def loop():
    """The loop of this process, started at first use."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="harness-loop", daemon=True).start()
    return _loop


def run(coro, timeout=30.0):
    """Run a coroutine in the loop and wait for its result."""
    return asyncio.run_coroutine_threadsafe(coro, loop()).result(timeout)


def spawn(coro):
    """Start a coroutine in the loop; its future is returned."""
    return asyncio.run_coroutine_threadsafe(coro, loop())


def end_server(server):
    """Close an asyncio server: it takes no more connections when this returns."""
    async def close():
        server.close()
        await server.wait_closed()
    run(close())
