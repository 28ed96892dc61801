"""Server-sent events: every open page hears of each new version. Source: HTML standard, 9.2."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

#: how often a quiet line says that it is still there, so that a page that went away is noticed
PULSE_S = 15


class Hub:
    """Brings what any thread tells to all listeners of one event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Queue[bytes | None], asyncio.AbstractEventLoop] = {}
        self._closed = False

    def tell(self, data: Mapping[str, Any]) -> None:
        """Send an event to everybody who listens."""
        self._put(_event(data))

    def close(self) -> None:
        """End all lines, so that the server need not wait for them."""
        with self._lock:
            self._closed = True
        self._put(None)

    def _put(self, message: bytes | None) -> None:
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, message)

    async def listen(self, first: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """Yield `first` and then each event, until the hub is closed or the listener leaves."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        with self._lock:
            self._listeners[queue] = asyncio.get_running_loop()
            closed = self._closed
        try:
            yield b"retry: 500\n" + _event(first)
            while not closed:
                try:
                    message = await asyncio.wait_for(queue.get(), PULSE_S)
                except TimeoutError:
                    message = b": still here\n\n"
                if message is None:
                    return
                yield message
        finally:
            with self._lock:
                del self._listeners[queue]


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
