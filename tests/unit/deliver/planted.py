"""Defects put into the engine on purpose: a harness that does not see them proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from sqlalchemy import Connection, Integer, Table, Update, bindparam, update

from lifecycle.deliver import outbox, reconcile, release, send, settle, taking
from lifecycle.deliver.channel import Channel, Channels
from lifecycle.deliver.release import Released
from lifecycle.deliver.settle import Settled
from lifecycle.intake import bulk
from lifecycle.journey.policy import Go, Judgement, Skip, judge
from lifecycle.providers.base import Ending
from lifecycle.spec.model import Project
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages


@contextmanager
def checkpoint_at_fetch() -> Iterator[None]:
    """Rows are `sent` as soon as they are claimed, as by an offset that is committed at the fetch."""

    def claimed_is_sent(store: Store, *args: Any, **options: Any) -> outbox.Batch:
        batch = outbox.claim(store, *args, **options)
        with store.write() as connection:
            connection.execute(
                update(messages)
                .where(messages.c.worker == batch.worker)
                .values(state="sent", worker=None, sent_at=messages.c.due_at)
            )
        return batch

    def everything_goes(_connection: Any, ready: Any, *_args: Any, **_options: Any) -> Released:
        return Released(go=list(ready))

    with mock.patch.multiple(send, claim=claimed_is_sent, release=everything_goes):
        yield


def _unguarded(statement: Update) -> Update:
    """Return the statement without its guard; what the guard compares with is still handed to it."""
    bare = statement._clone()
    bare._where_criteria = (messages.c.id == bindparam("row"), bindparam("held", type_=Integer) > -1)
    return bare


def _careless(
    connection: Connection, table: Table, key: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]],
    *, held: str = "", also: str = "", only: str = "",
) -> int:  # fmt: skip
    """Write as `bulk.update` does, whatever the rows must be."""
    del only
    if held:
        rows = [row[:-1] for row in rows]
    return _UPDATE(connection, table, key, columns, rows, also=also)


_UPDATE = bulk.update


@contextmanager
def missing_fence() -> Iterator[None]:
    """Whoever held a row once writes to it, whoever holds it now."""
    guarded = {release: ("_HELD", "_ENDED", "_FULL", "_PARKED"), outbox: ("_HAND_BACK",)}
    with ExitStack() as stack:
        for module, names in guarded.items():
            for name in names:
                stack.enter_context(mock.patch.object(module, name, _unguarded(getattr(module, name))))
        stack.enter_context(mock.patch.object(bulk, "update", _careless))
        stack.enter_context(mock.patch.object(release._Known, "ours", return_value=True))
        yield


@contextmanager
def consent_not_asked() -> Iterator[None]:
    """Consent was asked when the mail was queued, and is not again."""

    def trusting(*args: Any) -> Judgement:
        said = judge(*args)
        return Go() if isinstance(said, Skip) and said.reason in {"not_consented", "suppressed"} else said

    with mock.patch.object(release, "judge", trusting):
        yield


@contextmanager
def new_name_at_a_retry() -> Iterator[None]:
    """Each attempt has a Message-ID of its own, so that no receiver can see that it is the same mail."""

    def renamed(*args: Any, **options: Any) -> outbox.Batch:
        batch = outbox.claim(*args, **options)
        batch.rows = [replace(row, message_id=f"{row.message_id}{row.attempts or ''}") for row in batch.rows]
        return batch

    with mock.patch.object(send, "claim", renamed):
        yield


@contextmanager
def unknown_is_retried() -> Iterator[None]:
    """A marketing mail whose answer never came is taken for one that was not accepted."""
    outcome = settle._outcome

    def optimistic(one: Settled, now: Any) -> Any:
        lost = one.outcome.ending is Ending.UNKNOWN
        return outcome(replace(one, outcome=replace(one.outcome, ending=Ending.DEFERRED)) if lost else one, now)

    with mock.patch.object(settle, "_outcome", optimistic):
        yield


@contextmanager
def crash_is_retried() -> Iterator[None]:
    """What a lost worker was sending is queued again, whatever it is."""
    with mock.patch.object(reconcile, "_becomes", return_value={"state": "queued"}):
        yield


@contextmanager
def no_quarantine() -> Iterator[None]:
    """A row may kill its workers for ever."""
    with mock.patch.object(reconcile, "MOST_CRASHES", 10**6):
        yield


@contextmanager
def lease_not_asked() -> Iterator[None]:
    """A worker goes on with what it holds, however long it slept, and however old its release has grown."""
    with (
        mock.patch.object(outbox.Lease, "alive", return_value=True),
        mock.patch.object(send, "RELEASE_HOLDS_S", float("inf")),
    ):
        yield


@contextmanager
def nothing_reconciled() -> Iterator[None]:
    """Nobody looks for what lost workers held."""
    with mock.patch("lifecycle.deliver.scheduler.reconcile"):
        yield


def _elsewhere(channels: Channels, row: outbox.Claimed, project: Project) -> tuple[Channel, ...]:
    route = channels.route(row.sender, project)
    return tuple(channel for channel in route if channel.name != row.provider) or route


@contextmanager
def unknown_fails_over() -> Iterator[None]:
    """A provider that did not answer is taken for one that is out: the mail goes by the next one."""
    outcome = settle._outcome

    def passed_on(one: Settled, now: Any) -> Any:
        if one.outcome.ending is not Ending.UNKNOWN:
            return outcome(one, now)
        return settle._RETURNED, (one.provider, "no answer", one.row.due_at)

    with mock.patch.object(settle, "_outcome", passed_on), mock.patch.object(Channels, "route_of", _elsewhere):
        yield


@contextmanager
def crash_fails_over() -> Iterator[None]:
    """A receipt that a lost worker was sending goes by the next provider."""
    with mock.patch.object(Channels, "route_of", _elsewhere):
        yield


@contextmanager
def limit_not_written() -> Iterator[None]:
    """Each transaction sees the limit as it was at the beginning."""
    with mock.patch.object(taking.Taking, "write"):
        yield


#: Each with the invariant that it must be seen to break.
PLANTED: dict[Callable[[], Any], str] = {
    checkpoint_at_fetch: "lost",
    missing_fence: "twice",
    consent_not_asked: "objection",
    new_name_at_a_retry: "stranger",
    unknown_is_retried: "twice",
    crash_is_retried: "twice",
    no_quarantine: "open",
    lease_not_asked: "stale",
    nothing_reconciled: "open",
    unknown_fails_over: "strayed",
    crash_fails_over: "strayed",
    limit_not_written: "limit",
}
