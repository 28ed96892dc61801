"""HTTP to a provider's API: one kept connection for each thread, and what is certain when it breaks.

It never tries twice. Until the request has left whole, a broken connection is a certain "not accepted": a server cannot
act on JSON that is cut off. From then to its answer nothing is certain. An idle connection is looked at before it is
used, so that one which the server has closed meanwhile is not found out by losing a mail on it (RFC 9112 9.3.1, 9.6).
"""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lifecycle.base.clock import Clock
from lifecycle.base.errors import AmbiguousError, MisconfiguredError, SettingsError, TransientError
from lifecycle.providers.base import cut

#: Seconds to wait for a connection.
CONNECT_TIMEOUT_S = 30.0
#: Seconds to wait for an answer, once the request has left.
ANSWER_TIMEOUT_S = 120.0
#: A connection that has been idle for longer is not used again: servers and what is between close them silently.
IDLE_S = 20.0
#: More than any answer of an API, in bytes.
MAX_ANSWER_BYTES = 256 * 1024

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def data(self) -> dict[str, Any]:
        """Return the JSON object in the body; {} when there is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class HttpSession:
    """Connections to one API. Thread-safe: each thread has its own. `setting` is the variable to look at in errors."""

    def __init__(
        self, endpoint: str, clock: Clock, *, setting: str, answer_timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        try:
            parts = urlsplit(endpoint)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"{setting} cannot be read: {error}", hint="https://HOST") from error
        host = parts.hostname or ""
        is_plain = parts.scheme == "http" and host in _LOCAL
        if (
            not host
            or parts.path.strip("/")
            or parts.query
            or parts.username
            or not (is_plain or parts.scheme == "https")
        ):
            raise SettingsError(f"{setting} is no https address without a path", hint="https://HOST")
        self.host, self._port, self._is_plain = host, port, is_plain
        #: what goes into the header Host
        self.authority = parts.netloc
        self._clock = clock
        self._setting = setting
        self._answer_timeout_s = answer_timeout_s
        self._local = threading.local()
        self._open: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, may_begin: Callable[[], bool]
    ) -> Answer | None:
        """Send one request and return its answer, whatever its status; None when it may not begin any more.

        Raises MisconfiguredError when there is no connection, TransientError when the request did not leave whole,
        AmbiguousError when it left and no answer came.
        """
        connection = self._connection()
        if not may_begin():
            return None
        try:
            return self._exchange(connection, method, path, headers, body)
        except BaseException:
            self._drop(connection)
            raise

    def hang_up(self) -> None:
        """Cut every connection: those who wait for an answer wait no longer."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            cut(connection.sock)

    def close(self) -> None:
        """Close the connections of every thread; call it when none of them is sending."""
        with self._lock:
            open_connections, self._open = self._open, set()
        for connection in open_connections:
            connection.close()
        self._local = threading.local()

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        try:
            connection.request(method, path, body=body or None, headers=dict(headers))
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(f"the connection broke before the request had left: {_words(error)}") from error
        try:
            if connection.sock is not None:
                connection.sock.settimeout(self._answer_timeout_s)
            response = connection.getresponse()
            content = response.read(MAX_ANSWER_BYTES)
            whole = response.isclosed()
        except (OSError, http.client.HTTPException) as error:
            raise AmbiguousError(f"no answer to the request: {_words(error)}") from error
        if response.will_close or not whole:
            self._drop(connection)
        self._local.used_at = self._clock.monotonic()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def _connection(self) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is not None:
            idle_s = self._clock.monotonic() - self._local.used_at
            if kept.sock is not None and 0 <= idle_s <= IDLE_S and not _has_ended(kept.sock):
                return kept
            self._drop(kept)
        connection = self._connect()
        self._local.connection = connection
        self._local.used_at = self._clock.monotonic()
        with self._lock:
            self._open.add(connection)
        return connection

    def _connect(self) -> http.client.HTTPConnection:
        if self._is_plain:
            connection = http.client.HTTPConnection(self.host, self._port, timeout=CONNECT_TIMEOUT_S)
        else:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(self.host, self._port, timeout=CONNECT_TIMEOUT_S, context=context)
        # the library must not open a connection behind our back
        connection.auto_open = 0
        try:
            connection.connect()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            connection.close()
            raise MisconfiguredError(
                f"cannot reach {self.authority}: {_words(error)}",
                hint=f"check {self._setting} and the network; the mails wait",
            ) from error
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        self._local.connection = None
        with self._lock:
            self._open.discard(connection)
        connection.close()


def fetch(url: str) -> bytes:
    """Return what an https address answers with 200, following nothing. Raises OSError."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=10.0, context=context)
    try:
        connection.request("GET", f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/")
        response = connection.getresponse()
        if response.status != 200:
            raise OSError(f"{parts.hostname} answered {response.status}")
        return response.read(MAX_ANSWER_BYTES)
    except http.client.HTTPException as error:
        raise OSError(_words(error)) from error
    finally:
        connection.close()


def _has_ended(idle: socket.socket) -> bool:
    """Say whether something waits to be read: on an idle connection that is its end, or nonsense."""
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(idle, selectors.EVENT_READ)
            return bool(waiting.select(0))
    except (OSError, ValueError):
        return True


def _words(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
