"""SMTP, with one pooled connection for each thread.

`smtp://user:password@host:587` asks for STARTTLS where it is offered, `smtp+starttls://` insists on it, `smtps://` is
TLS from the start. Credentials never leave over a plain connection, except to this machine itself.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from lifecycle.base.errors import MisconfiguredError, SettingsError
from lifecycle.providers.base import MayBegin, Outcome, Outgoing, send_each
from lifecycle.providers.smtp_session import Session, StaleConnectionError

#: Seconds to wait for a connection and for its greeting.
CONNECT_TIMEOUT_S = 30.0

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
        return f"{self.scheme}://{self.host}:{self.port}"


class SmtpProvider:
    """Sends through one server. Thread-safe: each thread has a connection of its own."""

    name = "smtp"

    def __init__(self, url: str, *, helo: str | None = None) -> None:
        self.url = SmtpUrl.parse(url)
        self._helo = helo
        self._local = threading.local()
        self._open: set[Session] = set()
        self._lock = threading.Lock()

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send the batch over this thread's connection, opening it when there is none."""
        return send_each(batch, may_begin, self._deliver)

    def check(self) -> None:
        """Connect, log in and say goodbye. Raises MisconfiguredError."""
        self._connect().close()

    def close(self) -> None:
        """Close the connections of every thread; call it when none of them is sending."""
        with self._lock:
            open_sessions, self._open = self._open, set()
        for session in open_sessions:
            session.close()
        self._local = threading.local()

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        session = self._session()
        try:
            return session.deliver(mail, may_begin)
        except StaleConnectionError:
            self._drop(session)
            session = self._session()
            return session.deliver(mail, may_begin)
        finally:
            if not session.usable:
                self._drop(session)

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None or not session.usable:
            session = self._connect()
            self._local.session = session
            with self._lock:
                self._open.add(session)
        return session

    def _drop(self, session: Session) -> None:
        self._local.session = None
        with self._lock:
            self._open.discard(session)
        session.usable = False
        session.close()

    def _connect(self) -> Session:
        where = str(self.url)
        try:
            connection = self._greet()
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

    def _greet(self) -> smtplib.SMTP:
        url = self.url
        if url.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(url.host, url.port, self._helo, timeout=CONNECT_TIMEOUT_S, context=context)
        return smtplib.SMTP(url.host, url.port, self._helo, timeout=CONNECT_TIMEOUT_S)

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
