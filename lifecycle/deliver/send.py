"""One batch of mail, from the claim to its outcomes. A plain function: actors call it, and so do tests.

claim → for each 50: compose → one transaction (settle the 50 before, release these) → send. So at most 50 rows are in
`sending` for a connection, and each costs two writes, of which neighbours share the commits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from lifecycle.audience.setting import asks_of_sending
from lifecycle.base.errors import RenderError, StoreError
from lifecycle.deliver.channel import Channel, first_open
from lifecycle.deliver.feedback import take_feedback
from lifecycle.deliver.heartbeat import Heartbeat
from lifecycle.deliver.outbox import BATCH, Batch, Claimed, claim, hand_back
from lifecycle.deliver.parts import Composing, Parts
from lifecycle.deliver.release import MOST_SENDING, Ready, Released, Spoiled, release
from lifecycle.deliver.settle import Settled, settle
from lifecycle.intake.inbox import leave_word
from lifecycle.providers.base import Ending, Outcome
from lifecycle.providers.feedback import Feedback, bounce_kind
from lifecycle.spec.model import Content

log = logging.getLogger("lifecycle.deliver")

#: How old a release may be when a mail is begun, in seconds: what was checked at the release still holds then.
RELEASE_HOLDS_S = 20.0
#: A chunk is made as large as can be sent in that many seconds at the pace of the last one.
CHUNK_S = 5.0
#: How old a contact's history may be when its mail is composed, in seconds. Whether it may leave is asked afresh.
KNOWN_S = 2.0
#: How soon a row asks again whose mail a provider may have accepted that is not set up here.
STRANDED_AGAIN = timedelta(minutes=1)
#: How often, and how many seconds apart, the last outcomes are written again when the database is away.
FINISH_ATTEMPTS, FINISH_AGAIN_S = 30, 2.0


@dataclass(slots=True)
class Delivered:
    """What one batch came to. `wait_s` is how long nothing more can be done although rows are due (rate, pause)."""

    claimed: int = 0
    endings: dict[Ending, int] = field(default_factory=dict)
    #: rows that were ended without an attempt, by reason
    ended: dict[str, int] = field(default_factory=dict)
    held: int = 0
    #: outcomes that came after the lease was lost and found nothing to resolve
    stale: int = 0
    wait_s: float = 0.0
    #: rows that were put into the queue of a sending limit
    parked: int = 0

    @property
    def idle(self) -> bool:
        """Say whether there was nothing to do."""
        return not self.claimed and not self.parked

    @property
    def accepted(self) -> int:
        """Return how many mails a provider took."""
        return self.endings.get(Ending.ACCEPTED, 0)


def deliver_batch(parts: Parts, limit: int = BATCH) -> Delivered:
    """Claim up to `limit` due rows and see each to its outcome. Raises StoreError; what was claimed comes back then."""
    content = parts.content()
    result = Delivered()
    mine = parts.last_chance.acquire(blocking=False)
    try:
        batch = _claim(parts, content, limit, last_chances=mine)
        if mine and not batch.is_last_chance:
            parts.last_chance.release()
            mine = False
        return _deliver(parts, content, batch, result)
    finally:
        if mine:
            parts.last_chance.release()


def _claim(parts: Parts, content: Content, limit: int, *, last_chances: bool) -> Batch:
    channels, project = parts.channels, content.project
    return claim(
        parts.store, parts.clock, parts.worker, limit,
        lease_s=parts.lease_s, shut=channels.shut(project), last_chances=last_chances,
        limited=channels.limited(project),
    )  # fmt: skip


def _deliver(parts: Parts, content: Content, batch: Batch, result: Delivered) -> Delivered:
    result.claimed, result.parked = len(batch.rows), batch.parked
    if not batch.rows:
        result.wait_s = max(batch.wait_s, parts.channels.wait_s(content.project))
        return result
    with Heartbeat(parts.store, batch):
        _Run(parts, content, batch, result).all()
    return result


class _Run:
    """One claimed batch on its way."""

    def __init__(self, parts: Parts, content: Content, batch: Batch, result: Delivered) -> None:
        self.parts = parts
        self.content = content
        self.batch = batch
        self.result = result
        #: sent, not yet written
        self.ended: list[Settled] = []
        self.stale = 0
        #: claimed, not yet released
        self.waiting = {row.id: row for row in batch.rows}
        self.size = MOST_SENDING
        #: composes the rows in `known`, as they were at `known_at` (seconds, monotonic)
        self.composing: Composing | None = None
        self.known: set[int] = set()
        self.known_at = 0.0

    def all(self) -> None:
        """Send everything; whatever happens, write what is known and hand back what was not begun."""
        try:
            for route, rows in self._by_route():
                if route:
                    self._route(route, rows)
        finally:
            self._finish()

    def _finish(self) -> None:
        """Write what is known. A database that is away is waited for: what was sent must not become unknown lightly."""
        for attempt in range(FINISH_ATTEMPTS):
            try:
                with self.parts.store.write() as connection:
                    self._settle(connection)
                    self._hand_back(connection)
            except StoreError as error:
                if attempt + 1 == FINISH_ATTEMPTS:
                    raise
                if attempt == 0:
                    log.warning("what became of mails is not written yet, and tried again: %s", error.message)
                threading.Event().wait(FINISH_AGAIN_S)
            else:
                self._settled()
                return

    def _hand_back(self, connection: Connection) -> None:
        channels, project = self.parts.channels, self.content.project
        left = list(self.waiting.values())
        stranded = [row for row in left if not channels.route_of(row, project)]
        hand_back(connection, [row for row in left if row not in stranded])
        hand_back(connection, stranded, self.parts.clock.now() + STRANDED_AGAIN)

    def _by_route(self) -> Iterator[tuple[Sequence[Channel], list[Claimed]]]:
        """Yield the rows that may go by the same channels, with these in their order."""
        project, channels = self.content.project, self.parts.channels
        found: dict[tuple[str, ...], tuple[Sequence[Channel], list[Claimed]]] = {}
        for row in self.batch.rows:
            route = channels.route_of(row, project)
            found.setdefault(tuple(channel.name for channel in route), (route, []))[1].append(row)
        yield from (found[names] for names in sorted(found))

    def _route(self, route: Sequence[Channel], rows: list[Claimed]) -> None:
        while rows and not self.parts.stop.is_set() and self.batch.lease.alive():
            # asked at each chunk: the first one may be out by now, or work again
            channel = first_open(route)
            if channel is None:
                self.result.wait_s = min((each.paused_s() for each in route), default=0.0)
                return
            composing = self._knows(rows)
            # whether one that was out works again is tried with one mail
            size = 1 if channel.trouble else self.size
            chunk, rows = rows[:size], rows[size:]
            if self._chunk(channel, composing, chunk):
                return

    def _knows(self, rows: list[Claimed]) -> Composing:
        """Return what composes the first of `rows`. It knows all of them, so that a fast batch loads them once."""
        now = self.parts.clock.monotonic()
        if self.composing is None or now - self.known_at > KNOWN_S or rows[0].id not in self.known:
            with self.parts.store.read() as connection:
                self.composing = self.parts.compose.begin(connection, rows, self.content)
            self.known, self.known_at = {row.id for row in rows}, now
        return self.composing

    def _chunk(self, channel: Channel, composing: Composing, rows: list[Claimed]) -> bool:
        """Compose, release and send; say whether a limit of the provider lets no more through."""
        parts, clock = self.parts, self.parts.clock
        stamp = clock.now()
        composed = [_compose(composing, row, stamp) for row in rows]
        with parts.store.write() as connection:
            self._settle(connection)
            decided = release(
                connection, composed, self.content, clock,
                provider=channel.name, limiting=parts.channels.limiting(self.content.project),
            )  # fmt: skip
            # before the commit: a process that is stopped right after it wakes up with a release that has grown old
            released = clock.monotonic()
            composing.record(connection, decided.go)
        self._settled()
        for row in rows:
            del self.waiting[row.id]
        self._count(decided)
        if not decided.go:
            return decided.full > 0
        lease = self.batch.lease

        def may_begin() -> bool:
            held = lease.alive() and clock.monotonic() - released <= RELEASE_HOLDS_S
            return held and not parts.stop.is_set()

        outcomes = channel.send([one.mail for one in decided.go], may_begin)
        self.ended = [
            Settled(one.row, outcome, channel.name) for one, outcome in zip(decided.go, outcomes, strict=True)
        ]
        self._pace(outcomes, clock.monotonic() - released)
        return decided.full > 0

    def _pace(self, outcomes: list[Outcome], took_s: float) -> None:
        """Fit the next chunk to the server, so that a slow one does not let releases grow old."""
        begun = sum(1 for one in outcomes if one.ending not in {Ending.NOT_BEGUN, Ending.MISCONFIGURED})
        per_mail = took_s / max(begun, 1)
        self.size = MOST_SENDING if per_mail <= 0 else max(1, min(MOST_SENDING, int(CHUNK_S / per_mail)))

    def _settle(self, connection: Connection) -> None:
        if not self.ended:
            return
        self.stale = settle(connection, self.ended, self.parts.clock.now())
        if asks_of_sending(self.content):
            accepted = {one.row.contact_id for one in self.ended if one.outcome.ending is Ending.ACCEPTED}
            leave_word(connection, accepted, "message")

    def _settled(self) -> None:
        """Count what is committed now."""
        for one in self.ended:
            ending = one.outcome.ending
            self.result.endings[ending] = self.result.endings.get(ending, 0) + 1
        self.result.stale += self.stale
        # when somebody else has decided about one of them, it is not known which answers count
        refused = [one for one in self.ended if one.outcome.ending is Ending.REJECTED and not self.stale]
        self.ended, self.stale = [], 0
        told = list(_told(refused, self.parts.clock.now()))
        if told:
            take_feedback(self.parts.store, self.parts.clock, told)

    def _count(self, decided: Released) -> None:
        self.result.held += decided.held
        self.result.parked += decided.parked
        for reason, number in decided.ended.items():
            self.result.ended[reason] = self.result.ended.get(reason, 0) + number


def _told(refused: Sequence[Settled], now: datetime) -> Iterator[Feedback]:
    """Yield what the server said at once: a refusal is a bounce without a mail to tell of it."""
    for one in refused:
        outcome = one.outcome
        event = f"{one.provider}:refused:{one.row.id}:{one.row.fence}"
        about = {"enhanced": outcome.enhanced, "detail": outcome.detail}
        yield Feedback(bounce_kind(outcome.enhanced, outcome.code), one.provider, event, now, one.row.id, **about)


def _compose(composing: Composing, row: Claimed, stamp: datetime) -> Ready | Spoiled:
    try:
        # a transactional mail that is sent again says the same Date
        return composing.one(row, stamp if row.is_marketing else row.sending_at or stamp)
    except RenderError as error:
        where = f"{error.where}: " if error.where else ""
        return Spoiled(row, "render_error", where + error.message)
    except Exception as error:  # one recipient's data must not stop the neighbours
        log.exception("message %s cannot be rendered", row.id)
        return Spoiled(row, "render_error", f"{type(error).__name__}: {error}")


def drain(parts: Parts, *, for_s: float = 30.0) -> int:
    """Deliver batch after batch until nothing is due or may go, or `for_s` are over; return the rows claimed."""
    started = parts.clock.monotonic()
    claimed = 0
    while not parts.stop.is_set():
        result = deliver_batch(parts)
        claimed += result.claimed
        if result.idle or result.wait_s > 0 or parts.clock.monotonic() - started >= for_s:
            break
    return claimed
