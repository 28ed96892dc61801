"""What an import remembers from batch to batch is never older than the database, and no more than it has to be."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from arrivals import rows, take, track
from sqlalchemy import Connection, text, update

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import StoreError
from lifecycle.intake import importing, known, rebuild
from lifecycle.intake.bulk import RacedError, hold, inserting
from lifecycle.intake.erase import erase
from lifecycle.intake.importing import Import
from lifecycle.intake.known import Known
from lifecycle.store import tables
from lifecycle.store.engine import Store

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(store: Store, clock: ManualClock, path: Path, *, between: Callable[[int], Any] = lambda _number: None) -> Any:
    """Import events; `between` is called behind each batch with its number, from 1."""
    job = Import("events", path, store, clock)
    calls: list[int] = []

    def told(_bytes: int) -> None:
        calls.append(1)
        between(len(calls))

    job.on_progress = told
    return job.run()


def write(path: Path, messages: Iterable[dict[str, Any]]) -> Path:
    """Write messages as NDJSON."""
    path.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
    return path


def seen(number: int, user: str = "u1") -> dict[str, Any]:
    """Return an event."""
    at = (START + timedelta(minutes=number)).isoformat()
    return track(user, "Order Completed", f"m{number}", timestamp=at, properties={"order_id": number, "total": 2})


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows a batch."""
    monkeypatch.setattr(importing, "BATCH", 10)


def test_somebody_erased_between_two_batches_gets_no_further_events(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """The row that the import remembers is not his any more: a new contact has the name."""

    def erase_him(number: int) -> None:
        if number == 2:
            with store.write() as connection:
                erase(connection, 1, clock.now())

    path = write(tmp_path / "e.ndjson", [seen(number) for number in range(40)])
    assert run(store, clock, path, between=erase_him).stored == 40
    owners = [row["contact_id"] for row in rows(store, tables.events)]
    assert owners == [1] * 20 + [2] * 20
    assert [row["external_id"] for row in rows(store, tables.contacts)] == [None, "u1"]


def test_somebody_merged_between_two_batches_has_his_events_with_who_stays(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """And the facts are those of both."""

    def merge_them(number: int) -> None:
        if number == 2:
            take(store, clock, {"type": "alias", "userId": "u1", "previousId": "u2", "messageId": "a"}, live=False)

    path = write(tmp_path / "e.ndjson", [seen(number, f"u{1 + number % 2}") for number in range(40)])
    assert run(store, clock, path, between=merge_them).stored == 40
    assert {row["contact_id"] for row in rows(store, tables.events)} == {1}
    kept = rows(store, tables.facts), rows(store, tables.orders)
    assert [(row["contact_id"], row["orders_count"]) for row in kept[0]] == [(1, 40)]
    rebuild.rebuild(store)
    assert (rows(store, tables.facts), rows(store, tables.orders)) == kept


def test_duplicates_are_found_also_after_many_batches_without_any(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """The import stops looking for them, and looks again when it meets one."""
    take(store, clock, *[seen(number) for number in range(455, 463)], live=False)
    path = write(tmp_path / "e.ndjson", [seen(number) for number in [*range(500), *range(30)]])
    outcome = run(store, clock, path)
    assert (outcome.stored, outcome.duplicates) == (492, 38)
    events = rows(store, tables.events)
    assert len(events) == 500
    assert [row["orders_count"] for row in rows(store, tables.facts)] == [500]
    assert Known().expects_duplicates


def test_a_batch_that_meets_another_writers_events_is_stored_again(
    store: Store, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it had stored of contacts, facts and undeclared things is undone with it."""
    monkeypatch.setattr(known, "_WARY", 1)

    def another(number: int) -> None:
        take(store, clock, seen(number * 10 + 5), live=False)

    path = write(tmp_path / "e.ndjson", [seen(number, f"u{number % 7}") for number in range(40)])
    outcome = run(store, clock, path, between=another)
    assert (outcome.stored, outcome.duplicates) == (37, 3)
    assert len(rows(store, tables.contacts)) == 7
    kept = rows(store, tables.facts), rows(store, tables.orders)
    rebuild.rebuild(store)
    assert (rows(store, tables.facts), rows(store, tables.orders)) == kept


def test_memory_does_not_grow_with_the_file(
    clock: ManualClock, tmp_path: Path, sqlite_tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times the rows, the same peak."""
    monkeypatch.setattr(importing, "BATCH", 100)

    def peak(count: int) -> int:
        database = tmp_path / f"{count}.db"
        database.write_bytes(sqlite_tables.read_bytes())
        store = Store(f"sqlite:///{database}")
        path = write(tmp_path / f"{count}.ndjson", (seen(number, f"u{number % 7}") for number in range(count)))
        tracemalloc.start()
        run(store, clock, path)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        store.close()
        return found

    peak(200)  # what is loaded once
    assert peak(5_000) < 1.2 * peak(1_000)


def test_what_an_import_remembers_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten million contacts are not held in memory."""
    monkeypatch.setattr(known, "_MOST_NAMES", 5)
    remembered = Known()
    for number in range(100):
        remembered.learn({f"u{number}": number})
        everybody = remembered.rows(f"u{n}" for n in range(100))
        assert 1 <= sum(row is not None for row in everybody) <= 5
        assert everybody[number] == number


def test_only_rows_that_are_as_wanted_are_held(store: Store, clock: ManualClock) -> None:
    """The number tells whether all of them are."""
    take(store, clock, *[seen(number, f"u{number}") for number in range(4)])
    contacts = tables.contacts
    with store.write() as connection:
        connection.execute(update(contacts).where(contacts.c.id == 2).values(merged_into=1))
        assert hold(connection, contacts, {1, 2, 3, 99}, only="t.merged_into IS NULL") == 2
        assert hold(connection, contacts, (), only="t.merged_into IS NULL") == 0


def many(connection: Connection, count: int) -> Any:
    """Return what inserts so many suppressions."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    columns: dict[str, list[Any]] = {
        "address_hash": [str(number) for number in range(count)], "reason": [""] * count, "at": [now] * count,
        "source": ["x"] * count,
    }  # fmt: skip
    return inserting(connection, tables.suppressions, columns)


@pytest.mark.parametrize("count", [0, 3, 2_000])
def test_rows_are_there_when_the_body_that_they_were_inserted_beside_ends(store: Store, count: int) -> None:
    """Few, many, none."""
    with store.write() as connection, many(connection, count):
        pass
    assert len(rows(store, tables.suppressions)) == count


def test_rows_that_are_there_already_are_a_race_that_was_lost(store: Store) -> None:
    """Told when the body has ended, and nothing of the transaction stays."""
    with store.write() as connection, many(connection, 1):
        pass
    if store.is_sqlite:
        return  # it says so at once, as any of its inserts
    with pytest.raises(RacedError), store.write() as connection, many(connection, 2_000):
        pass
    assert len(rows(store, tables.suppressions)) == 1


def test_an_error_in_the_body_undoes_what_was_inserted_beside_it(store: Store) -> None:
    """It waits for the insert, so that the connection can be rolled back."""
    with pytest.raises(ZeroDivisionError), store.write() as connection, many(connection, 2_000):
        raise ZeroDivisionError
    assert rows(store, tables.suppressions) == []


def test_a_store_that_is_settled_has_everything(store: Store) -> None:
    """What need not be settled at once is there all the same."""
    with store.write(settled=False) as connection, many(connection, 2):
        pass
    store.settle()
    assert len(rows(store, tables.suppressions)) == 2


def insert_in_no_time(store: Store) -> None:
    """Insert more than the server has time for."""
    with store.write() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 1"))
        with many(connection, 50_000):
            pass


def test_a_copy_that_the_server_breaks_off_is_the_databases_error(store: Store) -> None:
    """Told as any other failure of the database (a full disk, a lost connection), without a traceback."""
    if store.is_sqlite:
        return  # its inserts are SQLAlchemy's, which does so
    with pytest.raises(StoreError, match="canceling statement"):
        insert_in_no_time(store)
    assert rows(store, tables.suppressions) == []
