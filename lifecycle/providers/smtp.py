"""SMTP, with one pooled connection for each thread.

`smtp://user:password@host:587` asks for STARTTLS where it is offered, `smtp+starttls://` insists on it, `smtps://` is
TLS from the start. Credentials never leave over a plain connection, except to this machine itself.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from lifecycle.base.clock import Clock, SystemClock
from lifecycle.base.errors import MisconfiguredError, SettingsError, TransientError
from lifecycle.providers.base import MayBegin, Outcome, Outgoing, cut, not_begun, send_each
from lifecycle.providers.smtp_session import COMMAND_TIMEOUT_S, Session, StaleConnectionError

#: Seconds to wait for a connection, its TLS included.
CONNECT_TIMEOUT_S = 30.0
#: Seconds to wait for the greeting, and for each answer until mails may go. Source: RFC 5321 4.5.3.2.1.
GREETING_TIMEOUT_S = COMMAND_TIMEOUT_S
#: The same for somebody who waits before a terminal.
CHECK_TIMEOUT_S = 30.0
#: A connection that has been idle for longer is closed, not used: a server may hang up after five minutes (RFC 5321
#: 4.5.3.2.7), and what is between may forget it sooner, without a word, so that the next command waits in vain.
IDLE_S = 60.0

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class SmtpUrl:
    """Where the server is and how to get in."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> SmtpUrl:
        """Read `smtp://`, `smtps://` or `smtp+starttls://`, `USER:PASSWORD@` being optional. Raises SettingsError."""
        hint = "smtp://HOST:PORT, smtp+starttls://USER:PASSWORD@HOST or smtps://USER:PASSWORD@HOST"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"LIFECYCLE_SMTP_URL cannot be read: {error}", hint=hint) from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError("LIFECYCLE_SMTP_URL is no SMTP URL", hint=hint)
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], user, password)

    def __str__(self) -> str:
        """Return it without the credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class _Telling(smtplib.SMTP):
    """Tells `connected` of itself when it has a socket, before it waits for the greeting."""

    connected: Callable[[smtplib.SMTP, socket.socket], None]

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self.connected(self, found)
        return found


class _Smtp(_Telling):
    def __init__(
        self, url: SmtpUrl, helo: str | None, connected: Callable[[smtplib.SMTP, socket.socket], None]
    ) -> None:
        self.connected = connected
        super().__init__(url.host, url.port, helo, timeout=CONNECT_TIMEOUT_S)


class _Smtps(_Telling, smtplib.SMTP_SSL):
    """The same with TLS from the start."""

    def __init__(
        self, url: SmtpUrl, helo: str | None, connected: Callable[[smtplib.SMTP, socket.socket], None]
    ) -> None:
        self.connected = connected
        context = ssl.create_default_context()
        smtplib.SMTP_SSL.__init__(self, url.host, url.port, helo, timeout=CONNECT_TIMEOUT_S, context=context)


class SmtpProvider:
    """Sends through one server. Thread-safe: each thread has a connection of its own."""

    name = "smtp"

    def __init__(self, url: str, *, helo: str | None = None, clock: Clock | None = None) -> None:
        self.url = SmtpUrl.parse(url)
        self._helo = helo
        self._clock = clock or SystemClock()
        self._local = threading.local()
        self._open: set[Session] = set()
        #: connections on which no mail may go yet
        self._arriving: set[smtplib.SMTP] = set()
        self._hung_up = False
        self._lock = threading.Lock()

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send the batch over this thread's connection, opening it when there is none."""
        self._leave_idle()
        try:
            return send_each(batch, may_begin, self._deliver)
        finally:
            self._local.used_at = self._clock.monotonic()

    def check(self) -> None:
        """Connect, log in and say goodbye. Raises MisconfiguredError."""
        self._connect(CHECK_TIMEOUT_S).close()

    def hang_up(self) -> None:
        """Cut every connection, whatever is under way on it: those who wait for an answer wait no longer."""
        with self._lock:
            self._hung_up = True
            connections = [*self._arriving, *(session.connection for session in self._open)]
        for connection in connections:
            cut(connection.sock)

    def close(self) -> None:
        """Close the connections of every thread; call it when none of them is sending."""
        with self._lock:
            open_sessions, self._open = self._open, set()
            self._hung_up = False
        for session in open_sessions:
            session.close()
        self._local = threading.local()

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        session = self._session()
        try:
            return session.deliver(mail, may_begin)
        except StaleConnectionError:
            self._drop(session)
            if self._hung_up:
                return not_begun(mail)
            session = self._session()
            return session.deliver(mail, may_begin)
        except TransientError as error:
            if self._hung_up and not error.code:  # no answer: it was us
                return not_begun(mail)
            raise
        finally:
            if not session.usable:
                self._drop(session)

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None or not session.usable:
            session = self._connect(GREETING_TIMEOUT_S)
            self._local.session = session
            with self._lock:
                self._open.add(session)
        return session

    def _leave_idle(self) -> None:
        session: Session | None = getattr(self._local, "session", None)
        if session is not None and self._clock.monotonic() - self._local.used_at > IDLE_S:
            self._drop(session, politely=True)

    def _drop(self, session: Session, *, politely: bool = False) -> None:
        self._local.session = None
        with self._lock:
            self._open.discard(session)
        session.usable = session.usable and politely
        session.close()

    def _connect(self, timeout_s: float) -> Session:
        met: list[smtplib.SMTP] = []

        def connected(connection: smtplib.SMTP, made: socket.socket) -> None:
            made.settimeout(timeout_s)
            met.append(connection)
            with self._lock:
                self._arriving.add(connection)

        try:
            return self._arrive(connected)
        finally:
            with self._lock:
                self._arriving.difference_update(met)

    def _arrive(self, connected: Callable[[smtplib.SMTP, socket.socket], None]) -> Session:
        where = str(self.url)
        try:
            connection = (_Smtps if self.url.scheme == "smtps" else _Smtp)(self.url, self._helo, connected)
        except (smtplib.SMTPException, OSError) as error:
            raise MisconfiguredError(
                f"cannot reach the mail server {where}: {_reason(error)}",
                code=getattr(error, "smtp_code", 0),
                hint="check LIFECYCLE_SMTP_URL, and that the server is up; the mails wait",
            ) from error
        try:
            self._log_in(connection)
        except (smtplib.SMTPException, OSError) as error:
            connection.close()
            raise MisconfiguredError(
                f"the mail server {where} does not let us in: {_reason(error)}",
                code=getattr(error, "smtp_code", 0),
                hint="check user and password in LIFECYCLE_SMTP_URL; the mails wait",
            ) from error
        except MisconfiguredError:
            connection.close()
            raise
        return Session(connection)

    def _log_in(self, connection: smtplib.SMTP) -> None:
        url = self.url
        connection.ehlo_or_helo_if_needed()
        encrypted = url.scheme == "smtps"
        offered = connection.has_extn("starttls")
        if url.scheme == "smtp+starttls" and not offered:
            raise MisconfiguredError(f"{url} offers no STARTTLS", hint="use smtps:// or another port (587)")
        if not encrypted and offered and (url.scheme == "smtp+starttls" or url.host not in _LOCAL):
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo()
            encrypted = True
        if url.user is None:
            return
        if not encrypted and url.host not in _LOCAL:
            raise MisconfiguredError(
                f"{url} offers no encryption, so the password is not sent", hint="use smtps:// or smtp+starttls://"
            )
        connection.login(url.user, url.password or "")


def _reason(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        return f"{error.smtp_code} {answer.decode(errors='replace') if isinstance(answer, bytes) else answer}"
    return str(error).strip() or type(error).__name__
