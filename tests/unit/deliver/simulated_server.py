"""The mail server of a simulated world, and the provider through which a process speaks with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from invariant import Arrival
from ledger import PlainCompose, PlainComposition
from lifecycle.base.errors import AmbiguousError, MisconfiguredError, PermanentError, TransientError
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.release import Ready, Spoiled
from lifecycle.journey.load import load_states
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, not_begun, send_each
from lifecycle.spec.model import Content

if TYPE_CHECKING:
    from simulated_process import Process

#: What may become of a mail, beside being accepted.
FATES = (
    "unreachable", "refused 4xx", "refused 5xx", "421", "cut before the dot", "dot 4xx", "dot 5xx",
    "cut after the dot, kept", "cut after the dot, dropped", "late answer", "slow",
)  # fmt: skip

#: How long the server waits for the next byte. Source: RFC 5321 4.5.3.2.7.
PATIENCE_S = 300.0


class Provider:
    """Speaks with one server for one process."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self.name = name

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send the batch as every provider does."""
        outcomes = send_each(batch, may_begin, self._deliver)
        for one in outcomes:
            if one.ending not in {Ending.ACCEPTED, Ending.UNKNOWN}:
                self._process.world.certain(one.row, self.name, self._process.fences[one.row])
        return outcomes

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        process, world = self._process, self._process.world
        fate = world.fate()
        process.at(f"begins row {mail.row}" + f" ({fate})" * bool(fate), world.draw.uniform(1, 30) * (fate == "slow"))
        if world.second < world.out.get(self.name, 0.0):
            raise MisconfiguredError("this server is out")
        match fate:
            case "unreachable":
                raise MisconfiguredError("cannot reach the mail server")
            case "refused 4xx" | "421":
                raise TransientError("try again", code=450)
            case "refused 5xx":
                world.refused.add(mail.row)
                raise PermanentError("no such user", code=550)
        if not may_begin():
            return not_begun(mail)
        world.content_leaves(mail, self.name)
        began = world.second
        process.at(f"sends the content of row {mail.row}")
        if world.second - began > PATIENCE_S:
            raise TransientError("the server had hung up")
        match fate:
            case "cut before the dot":
                raise TransientError("cut")
            case "dot 4xx":
                raise TransientError("the content was answered 451", code=451)
            case "dot 5xx":
                world.refused.add(mail.row)
                raise PermanentError("the content was answered 554", code=554)
            case "cut after the dot, dropped":
                return self._unknown(mail)
        world.accept(mail, self.name)
        process.at(f"waits for the answer to row {mail.row}", world.draw.uniform(5, 600) * (fate == "late answer"))
        if fate == "cut after the dot, kept":
            return self._unknown(mail)
        return Outcome(mail.row, Ending.ACCEPTED, 250)

    def _unknown(self, mail: Outgoing) -> Outcome:
        self._process.world.doubt(mail.row, self.name, self._process.fences[mail.row])
        raise AmbiguousError("no answer to the dot")

    def check(self) -> None:
        """It is there."""

    def hang_up(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open."""


class Compose(PlainCompose):
    """Composes for one process. A poisonous row kills it."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    def begin(self, connection: Connection, rows: Sequence[Claimed], content: Content) -> Composition:
        """Load the contacts."""
        del content
        return Composition(self, load_states(connection, {row.contact_id for row in rows}, histories=False))


class Composition(PlainComposition):
    """The mails of some rows, told to the world."""

    compose: Compose

    def one(self, row: Claimed, stamp: datetime) -> Ready | Spoiled:
        """Make a mail, or die of it."""
        process = self.compose.process
        if row.id in process.world.poison:
            process.world.killed[row.id] += 1
            process.die(f"of row {row.id}")
        return super().one(row, stamp)

    def record(self, connection: Connection, ready: Sequence[Ready]) -> None:
        """Tell the world what this transaction releases."""
        del connection
        for one in ready:
            self.compose.process.fences[one.row.id] = one.row.fence
            self.compose.process.world.release(one)


class Log:
    """What the server has accepted."""

    def __init__(self) -> None:
        self.mails: list[Arrival] = []
        self.counts = Counter[str]()

    def keep(self, mail: Outgoing) -> int:
        """Store a mail before its answer; return how often its Message-ID came."""
        date = re.search(rb"^Date: (.*)\r$", mail.data, re.MULTILINE)
        name = re.search(rb"^Message-ID: <(.*)>\r$", mail.data, re.MULTILINE)
        assert date is not None
        assert name is not None
        self.mails.append(Arrival(mail.recipient, name[1].decode(), date[1].decode()))
        self.counts[name[1].decode()] += 1
        return self.counts[name[1].decode()]
