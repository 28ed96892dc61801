"""One SMTP connection and one mail at a time on it: what each answer means, and what is certain when it breaks.

Until the final dot has left, a broken connection is a certain "not accepted" (a server takes responsibility only with
its answer to the dot). From the dot to its answer nothing is certain. Source: RFC 5321 4.1.1.4, 4.2.5, 4.5.3.2.
"""

from __future__ import annotations

import re
import smtplib
import socket
from collections.abc import Callable
from contextlib import suppress

from lifecycle.base.address import ascii_domain
from lifecycle.base.errors import (
    AmbiguousError,
    DeliveryError,
    MisconfiguredError,
    PermanentError,
    TransientError,
)
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, not_begun

#: Seconds to wait for an answer to a command. Source: RFC 5321 4.5.3.2.2 to 4.5.3.2.4.
COMMAND_TIMEOUT_S = 300.0
#: Seconds to wait for the answer to the final dot. Source: RFC 5321 4.5.3.2.6.
DOT_TIMEOUT_S = 600.0

#: Answers that mean that we are not let in at all: authentication required or refused, encryption required.
_NOT_LET_IN = frozenset({530, 534, 535, 538})
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


class StaleConnectionError(Exception):
    """The server hung up between two mails; nothing of this mail has left, so a new connection may try it."""


class Session:
    """An open connection, not thread-safe. After each mail `usable` says whether it may go on; if not, drop it."""

    def __init__(self, connection: smtplib.SMTP) -> None:
        self.connection = connection
        self.usable = True
        self._used = False
        self._pipelining = connection.has_extn("pipelining")
        self._utf8 = connection.has_extn("smtputf8")
        self._size = connection.has_extn("size")
        self._eight = connection.has_extn("8bitmime")
        if connection.sock is not None:
            # the dot must not wait for the acknowledgement of the body
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        """Send one mail. Raises DeliveryError, or StaleConnectionError when an idle connection turned out dead."""
        sender, recipient = self._paths(mail)
        try:
            refusal = self._envelope(mail, sender, recipient)
        except (OSError, smtplib.SMTPException) as error:
            self.usable = False
            if self._used and _hung_up(error):
                raise StaleConnectionError from error
            raise TransientError(f"the connection broke before the content: {_words(error)}") from error
        if refusal is not None:
            self._used = True
            raise refusal
        if not may_begin():
            self.usable = False  # hanging up instead of the dot is the one way out of DATA
            return not_begun(mail)
        return self._content(mail)

    def close(self) -> None:
        """Say QUIT when the connection is in order, and hang up."""
        with suppress(OSError, smtplib.SMTPException):
            if self.usable:
                self._timeout(5.0)
                self.connection.quit()
        self.connection.close()

    # ------------------------------------------------------------ the envelope

    def _paths(self, mail: Outgoing) -> tuple[str, str]:
        if not mail.recipient.rpartition("@")[0].isascii() or mail.smtputf8:
            if not self._utf8:
                raise PermanentError(
                    "the server takes no internationalised addresses (SMTPUTF8)", code=550, enhanced="5.6.7"
                )
            return mail.envelope_sender, mail.recipient
        return mail.envelope_sender, _ascii(mail.recipient)

    def _envelope(self, mail: Outgoing, sender: str, recipient: str) -> DeliveryError | None:
        """Say MAIL, RCPT and DATA; return None when the server waits for the content, else what its refusal means."""
        utf8 = not (sender.isascii() and recipient.isascii()) or mail.smtputf8
        eight = utf8 or not mail.data.isascii()  # our own mails are 7-bit, but for headers that name such an address
        if eight and not self._eight:
            return PermanentError("the server takes no 8-bit content (8BITMIME)", code=554, enhanced="5.6.3")
        options = f" SIZE={len(mail.data)}" if self._size else ""
        options += (" SMTPUTF8" if utf8 else "") + (" BODY=8BITMIME" if eight else "")
        commands = [f"MAIL FROM:<{sender}>{options}", f"RCPT TO:<{recipient}>", "DATA"]
        if any("\r" in command or "\n" in command for command in commands):
            return PermanentError("an address contains a line break", code=501, enhanced="5.1.3")
        self.connection.command_encoding = "utf-8" if utf8 else "ascii"
        self._timeout(COMMAND_TIMEOUT_S)
        return self._together(commands) if self._pipelining else self._in_turn(commands)

    def _in_turn(self, commands: list[str]) -> DeliveryError | None:
        for command in commands:
            code, answer = self.connection.docmd(command)
            refusal = self._judge(command, code, answer)
            if refusal is not None:
                if self.usable and command is not commands[0]:
                    self._reset()
                return refusal
        return None

    def _together(self, commands: list[str]) -> DeliveryError | None:
        """Send the three at once and read three answers. Source: RFC 2920 3.1."""
        self.connection.send("".join(command + "\r\n" for command in commands).encode())
        refusal: DeliveryError | None = None
        for command in commands:
            code, answer = self.connection.getreply()
            refusal = refusal or self._judge(command, code, answer)
        if refusal is not None and self.usable:
            if code == 354:
                # the server waits for content although it refused the envelope: the way out is to hang up
                self.usable = False
            else:
                self._reset()
        return refusal

    def _judge(self, command: str, code: int, answer: bytes) -> DeliveryError | None:
        wanted = 354 if command == "DATA" else 250
        if code == wanted or (command.startswith("RCPT") and code == 251):
            return None
        verb = command.split(" ", 1)[0]
        if code == -1:
            raise smtplib.SMTPServerDisconnected("the server hung up")
        if code == 421:
            self.usable = False
            if self._used and verb == "MAIL":
                raise smtplib.SMTPServerDisconnected(_text(answer))
        return refused(verb, code, answer)

    def _reset(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            code, _ = self.connection.rset()
            self.usable = code == 250
            return
        self.usable = False

    # ------------------------------------------------------------ the content

    def _content(self, mail: Outgoing) -> Outcome:
        data = mail.data.replace(b"\n.", b"\n..") if b"\n." in mail.data else mail.data
        if data.startswith(b"."):
            data = b"." + data
        ending = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            self.connection.send(data + ending)
        except (OSError, smtplib.SMTPException) as error:
            # the kernel did not take all of it, so the dot has not left
            self.usable = False
            raise TransientError(f"the connection broke in the middle of the content: {_words(error)}") from error
        try:
            self._timeout(DOT_TIMEOUT_S)
            code, answer = self.connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.usable = False
            raise AmbiguousError(f"no answer to the end of the content: {_words(error)}") from error
        if code == -1:
            self.usable = False
            raise AmbiguousError("the server hung up without an answer to the end of the content")
        self._used = True
        if code == 421:
            self.usable = False
        if 200 <= code < 300:
            return Outcome(mail.row, Ending.ACCEPTED, code, enhanced_code(answer), _text(answer))
        if 400 <= code < 600:
            raise refused("the content", code, answer)
        self.usable = False
        raise AmbiguousError(f"a senseless answer to the end of the content: {code} {_text(answer)}", code=code)

    def _timeout(self, seconds: float) -> None:
        if self.connection.sock is not None:
            self.connection.sock.settimeout(seconds)


def refused(what: str, code: int, answer: bytes) -> DeliveryError:
    """Return the error that a negative answer means: 4xx transient, 5xx permanent, not let in misconfigured."""
    text = f"{what} was answered {code} {_text(answer)}"
    enhanced = enhanced_code(answer)
    if code in _NOT_LET_IN:
        hint = "check user and password in LIFECYCLE_SMTP_URL"
        return MisconfiguredError(text, code=code, enhanced=enhanced, hint=hint)
    kind: Callable[..., DeliveryError] = PermanentError if 500 <= code < 600 else TransientError
    return kind(text, code=code, enhanced=enhanced)


def enhanced_code(answer: bytes) -> str:
    """Return the RFC 3463 code that the answer begins with, else ""."""
    found = _ENHANCED.match(answer.decode(errors="replace"))
    return found[1] if found else ""


def _text(answer: bytes) -> str:
    return " ".join(answer.decode(errors="replace").split())[:300]


def _words(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__


def _hung_up(error: BaseException) -> bool:
    return isinstance(error, smtplib.SMTPServerDisconnected | ConnectionError)


def _ascii(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"
