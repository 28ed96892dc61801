"""The server: uvicorn with uvloop and httptools, in the foreground or in a thread, on a port of its own choosing if 0.

It keeps its own access log, when asked: method, the first part of the path, status and time; no tokens, no addresses.
"""

from __future__ import annotations

import logging
import socket
import time
from threading import Event as ThreadEvent
from threading import Thread
from typing import Self

import uvicorn

from lifecycle.base.errors import SettingsError
from lifecycle.web.asgi import App, Event, Receive, Scope, Send

log = logging.getLogger("lifecycle.web.access")

#: How long requests may finish when the server stops.
GRACE_S = 10
#: Connections that wait to be accepted.
BACKLOG = 2048


class Server:
    """A server on `host` and `port` (0: a free one; `port` then tells which). The port is taken when this is made."""

    def __init__(
        self,
        app: App,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        access_log: bool = False,
        proxies: str | None = None,
    ) -> None:
        """Bind. Raises SettingsError when the address cannot be had.

        `proxies` are the addresses, comma-separated, whose X-Forwarded-For is believed; None believes nobody.
        """
        self._socket = _bind(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._up = ThreadEvent()
        self._thread: Thread | None = None
        self._server = _Announcing(
            uvicorn.Config(
                logged(app) if access_log else app,
                http="httptools",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=proxies is not None,
                forwarded_allow_ips=proxies,
                timeout_graceful_shutdown=GRACE_S,
            ),
            self._up,
        )

    @property
    def url(self) -> str:
        """Return the address of the front page, without the slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or `stop`; requests that have begun are finished."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> None:
        """Serve in a thread; return when requests are answered. Raises SettingsError when it does not come up."""
        self._thread = Thread(target=self.run, name="web", daemon=True)
        self._thread.start()
        if not self._up.wait(30) or not self._server.started:
            raise SettingsError("the web server did not start", hint="its log says why")

    def stop(self) -> None:
        """End gracefully, and wait for that when it runs in a thread."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(GRACE_S + 5)
            self._thread = None
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


class _Announcing(uvicorn.Server):
    """Says when it is up, or never will be."""

    def __init__(self, config: uvicorn.Config, up: ThreadEvent) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self._up.set()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="is it in use? --port 0 takes a free one"
        ) from error
    return made


def logged(app: App) -> App:
    """Wrap `app` in an access log without tokens and addresses."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noted(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        try:
            await app(scope, receive, noted)
        finally:
            log.info(
                "%s %s %d %.1f ms",
                scope["method"],
                shown_path(scope["path"]),
                status,
                (time.perf_counter() - began) * 1e3,
            )

    return wrapped


def shown_path(path: str) -> str:
    """Return the path as logs may show it: what follows the first part is a token, a code or a name."""
    first, _, rest = path[1:].partition("/")
    return f"/{first[:20]}/…" if rest and first != "v1" else f"/{path[1:40]}"
