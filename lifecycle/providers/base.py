"""What every provider takes and gives back, whatever it speaks underneath.

A provider is thread-safe, sends a batch in its order, and answers for each mail: exactly one `Outcome`, in the order
of the batch. It never raises for a mail's sake, and never tries a mail twice once it may have been accepted.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from lifecycle.base.errors import (
    AmbiguousError,
    DeliveryError,
    MisconfiguredError,
    PermanentError,
    TransientError,
)

#: Asked before a mail is begun and again before its content leaves; False means that it must not be sent any more.
MayBegin: TypeAlias = Callable[[], bool]


class Ending(StrEnum):
    """How a mail's attempt ended."""

    #: the provider took responsibility for it
    ACCEPTED = "accepted"
    #: certainly not accepted, may work later
    DEFERRED = "deferred"
    #: certainly not accepted, will never be
    REJECTED = "rejected"
    #: it may or may not have been accepted
    UNKNOWN = "unknown"
    #: certainly nothing was sent: the lease was lost, or the release grew old
    NOT_BEGUN = "not_begun"
    #: certainly nothing was sent: the provider cannot be used as it is set up
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail ready to leave: one envelope recipient, ever. `data` is RFC 5322 with CRLF, not dot-stuffed."""

    row: int
    message_id: str
    envelope_sender: str
    recipient: str
    data: bytes
    #: the header needs UTF-8 (RFC 6531), because the recipient's local part does
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the mail of ledger row `row`. `code` and `enhanced` are the server's; `detail` is for people."""

    row: int
    ending: Ending
    code: int = 0
    enhanced: str = ""
    detail: str = ""
    #: the provider's own name for the mail, by which its events refer to it
    ref: str | None = None


class Provider(Protocol):
    """A way to send mail."""

    @property
    def name(self) -> str:
        """Return the name under which the ledger records it."""
        ...

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send the mails in order and return an outcome for each, in the same order."""
        ...

    def check(self) -> None:
        """Reach the provider without sending anything. Raises MisconfiguredError with what to do."""
        ...

    def hang_up(self) -> None:
        """Break off whatever waits for an answer, from another thread; each mail still gets its true outcome."""
        ...

    def close(self) -> None:
        """Let go of connections. Sending again opens them again."""
        ...


def send_each(
    batch: Sequence[Outgoing], may_begin: MayBegin, deliver: Callable[[Outgoing, MayBegin], Outcome]
) -> list[Outcome]:
    """Send one after the other; stop at the first that may not begin or meets a misconfigured provider.

    What `deliver` raises becomes an outcome: Transient deferred, Permanent rejected, Ambiguous unknown.
    """
    outcomes: list[Outcome] = []
    for mail in batch:
        try:
            outcome = deliver(mail, may_begin) if may_begin() else not_begun(mail)
        except DeliveryError as error:
            outcome = from_error(mail, error)
        outcomes.append(outcome)
        if outcome.ending in {Ending.NOT_BEGUN, Ending.MISCONFIGURED}:
            break
    rest = batch[len(outcomes) :]
    if rest and outcomes[-1].ending is Ending.MISCONFIGURED:
        last = outcomes[-1]
        outcomes += [Outcome(mail.row, last.ending, last.code, last.enhanced, last.detail) for mail in rest]
    else:
        outcomes += [not_begun(mail) for mail in rest]
    return outcomes


def not_begun(mail: Outgoing) -> Outcome:
    """Return the outcome of a mail of which nothing has left."""
    return Outcome(mail.row, Ending.NOT_BEGUN)


def from_error(mail: Outgoing, error: DeliveryError) -> Outcome:
    """Return the outcome that the error means. An error that says nothing certain is `unknown`."""
    match error:
        case TransientError():
            ending = Ending.DEFERRED
        case PermanentError():
            ending = Ending.REJECTED
        case MisconfiguredError():
            ending = Ending.MISCONFIGURED
        case AmbiguousError() | DeliveryError():
            ending = Ending.UNKNOWN
    detail = f"{error.message}; {error.hint}" if error.hint else error.message
    return Outcome(mail.row, ending, error.code, error.enhanced, detail)


def cut(sock: socket.socket | None) -> None:
    """Cut a connection off, from any thread: whoever waits for an answer finds that the server has hung up."""
    if sock is not None:
        with suppress(OSError):  # not the TLS socket's own way, which takes its state from under who reads
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
