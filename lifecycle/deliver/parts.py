"""What delivery is built from. `wiring` makes it; tests and rehearsals make their own."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from lifecycle.base.clock import Clock
from lifecycle.deliver.channel import Channels
from lifecycle.deliver.outbox import LEASE_S, Claimed
from lifecycle.deliver.release import Ready, Spoiled
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store


class Composing(Protocol):
    """Makes the mails of some rows."""

    def one(self, row: Claimed, stamp: datetime) -> Ready | Spoiled:
        """Make one mail, dated `stamp`. Raises RenderError for this recipient's mail alone."""
        ...

    def record(self, connection: Connection, ready: Sequence[Ready]) -> None:
        """Store what the mails refer to, in the transaction that releases them."""
        ...


class Compose(Protocol):
    """Makes mails of ledger rows."""

    def begin(self, connection: Connection, rows: Sequence[Claimed], content: Content) -> Composing:
        """Load what the mails of `rows` need, in a few queries for all of them."""
        ...


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything `deliver_batch`, the reconciler and the scheduler use."""

    store: Store
    clock: Clock
    #: the version in force
    content: Callable[[], Content]
    compose: Compose
    channels: Channels
    worker: str = field(default_factory=_worker_name)
    lease_s: float = LEASE_S
    #: set to make every loop end after what it is just doing
    stop: threading.Event = field(default_factory=threading.Event)
    #: held by the thread whose row is quarantined if this process dies: a second such row would go with it
    last_chance: threading.Lock = field(default_factory=threading.Lock)
