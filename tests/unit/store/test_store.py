"""The database: two kinds of transaction, exact columns, migrations that equal the tables."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, inspect, select, text
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel

from lifecycle.base.errors import NotFoundError, SettingsError, StoreError
from lifecycle.intake.facts import FactSheet
from lifecycle.store.columns import Instant, Json, Money
from lifecycle.store.contacts import find_contact
from lifecycle.store.engine import Store
from lifecycle.store.migrate import _config, current_revision, head_revision, migrate, prepare
from lifecycle.store.once import add_once
from lifecycle.store.tables import contacts, events, facts, memberships, orders, suppressions

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 1, 9, 30, 15, 123456, tzinfo=UTC)


def _contact(connection, **values):
    row = {"identifier": "x", "attributes": {}, "created_at": NOW, **values}
    return connection.execute(contacts.insert().values(row).returning(contacts.c.id)).scalar_one()


def shape(store: Store) -> dict[str, Any]:
    """Return columns, keys and indexes of every table."""
    with store.read() as connection:
        look = inspect(connection)
        return {
            name: (
                sorted((each["name"], str(each["type"]), each["nullable"]) for each in look.get_columns(name)),
                look.get_pk_constraint(name)["constrained_columns"],
                sorted(str((each["name"], each["column_names"], each["unique"])) for each in look.get_indexes(name)),
            )
            for name in sorted(look.get_table_names())
        }


# a server writes the expression in its own words, so that Alembic cannot compare it; the next test holds its values
@pytest.mark.filterwarnings("ignore:Computed default on events")
def test_the_migrations_make_the_tables_that_the_code_declares(store: Store, tmp_path: Path) -> None:
    """Autogenerate finds nothing to do after the migrations, on both databases."""
    SQLModel.metadata.drop_all(store.engine)
    assert migrate(store) == (None, head_revision())
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False, "compare_server_default": True})
        found = [
            change for change in compare_metadata(context, SQLModel.metadata) if "alembic_version" not in str(change)
        ]
    assert found == []
    assert migrate(store) == (head_revision(), head_revision())


@pytest.mark.filterwarnings("ignore:Computed default on events")
def test_every_migration_has_a_way_back_and_up_again(store: Store) -> None:
    """Revision by revision down to nothing, each as it was before; then up to what the code declares."""
    SQLModel.metadata.drop_all(store.engine)
    revisions = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    standing = {}
    for revision in reversed(revisions):
        migrate(store, revision)
        standing[revision] = shape(store)
    for revision in revisions[1:]:
        config = _config()
        with store.write() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, revision)
        assert shape(store) == standing[revision], revision
    assert migrate(store) == (revisions[-1], head_revision())
    assert shape(store) == standing[revisions[0]]


def test_a_database_of_the_first_day_is_filled_on_the_way_up(store: Store) -> None:
    """The average comes from the sums that are stored, rounded as the fold rounds; views wait for a rebuild."""
    SQLModel.metadata.drop_all(store.engine)
    migrate(store, "0001")
    sums = [(3, "10"), (2, "0.0001"), (2, "0.0003"), (2, "-0.0003"), (7, "-8911407.9041"), (1, "99999999999.9999")]
    old = text("INSERT INTO facts (contact_id, orders_count, orders_total) VALUES (:contact, :count, :total)")
    old = old.bindparams(bindparam("total", type_=Money))
    with store.write() as connection:
        rows = [{"contact": n, "count": count, "total": Decimal(total)} for n, (count, total) in enumerate(sums)]
        connection.execute(old, [*rows, {"contact": 6, "count": 0, "total": None}])
    assert migrate(store) == ("0001", head_revision())
    with store.read() as connection:
        found = connection.execute(
            select(facts.c.orders_average, facts.c.views_count).order_by(facts.c.contact_id)
        ).all()
    averages = [FactSheet(count=count, total=Decimal(total)).average for count, total in sums]
    assert [tuple(row) for row in found] == [(average, 0) for average in [*averages, None]]
    assert [str(average) for average in averages[1:4]] == ["0.0000", "0.0002", "-0.0002"]


def test_what_events_came_to_is_known_of_those_that_were_there_before(store: Store) -> None:
    """Numbers alone, to the ten-thousandth away from zero, as totals add them up; the same when they come later."""
    totals = [199.99, -0.00005, 0.00005, 10**11, 10**11 + 1, 10**30, "12", True, None, {"a": 1}, 0, 1e-9, -20]
    found = [{"total": value} for value in totals] + [{}, {"x": {"total": 5}}]
    SQLModel.metadata.drop_all(store.engine)
    migrate(store, "0007")
    _events(store, 0, found)
    assert migrate(store) == ("0007", head_revision())
    _events(store, len(found), found)
    with store.read() as connection:
        rows = connection.execute(select(events.c.worth).order_by(events.c.id)).scalars().all()
    once = [1_999_900, -1, 1, 10**15, None, None, None, None, None, None, 0, 0, -200_000, None, None]
    assert rows == [*once, *once]


def _events(store: Store, first: int, found: list[dict[str, Any]]) -> None:
    old = text(
        "INSERT INTO events (id, message_id, contact_id, name, at, received_at, live, properties)"
        " VALUES (:id, :key, 1, 'Order Completed', :at, :at, :live, :properties)"
    ).bindparams(bindparam("at", type_=Instant), bindparam("properties", type_=Json))
    rows = [
        {"id": n, "key": f"m{n}", "at": NOW, "live": False, "properties": properties}
        for n, properties in enumerate(found, first + 1)
    ]
    with store.write() as connection:
        connection.execute(old, rows)


def test_stays_and_reviews_of_before_are_kept_and_of_two_that_began_at_once_one(store: Store) -> None:
    """The open one, if one of them is. When to look again is when to wake."""
    SQLModel.metadata.drop_all(store.engine)
    migrate(store, "0009")
    later = NOW + timedelta(hours=1)
    stays = [
        (1, "vip", NOW, later),
        (1, "vip", later, NOW + timedelta(hours=2)),
        (1, "vip", later, None),
        (2, "vip", NOW, later),
    ]
    contact = text("INSERT INTO contacts (identifier, attributes, created_at, review_at) VALUES ('x', '{}', :at, :at)")
    stay = text(
        "INSERT INTO memberships (contact_id, segment, entered_at, left_at, cause) VALUES (:c, :s, :e, :l, 'i')"
    )
    with store.write() as connection:
        connection.execute(contact.bindparams(bindparam("at", type_=Instant)), {"at": NOW})
        instants = stay.bindparams(bindparam("e", type_=Instant), bindparam("l", type_=Instant))
        connection.execute(instants, [dict(zip("csel", row, strict=True)) for row in stays])
    assert migrate(store) == ("0009", head_revision())
    with store.read() as connection:
        assert connection.execute(select(contacts.c.review_at, contacts.c.wake_at)).one() == (NOW, NOW)
        found = select(memberships.c.contact_id, memberships.c.entered_at, memberships.c.left_at)
        rows = connection.execute(found.order_by(memberships.c.contact_id, memberships.c.entered_at)).all()
    assert [tuple(row) for row in rows] == [(1, NOW, later), (1, later, None), (2, NOW, later)]


def test_sqlite_is_migrated_at_first_use_and_postgresql_when_somebody_says_so(store: Store) -> None:
    """PostgreSQL is refused with what to do."""
    SQLModel.metadata.drop_all(store.engine)
    if store.is_sqlite:
        prepare(store)
        assert current_revision(store) == head_revision()
        return
    with pytest.raises(StoreError, match="is empty") as caught:
        prepare(store)
    assert "lifecycle migrate" in caught.value.hint
    assert not inspect(store.engine).has_table("contacts")


def test_instants_and_money_come_back_as_they_went_in(store: Store) -> None:
    """To the microsecond and to the ten-thousandth; a naive datetime is refused."""
    with store.write() as connection:
        number = _contact(connection)
        row = {"contact_id": number, "order_id": "o", "total": Decimal("8911407.9041"), "refunded": Decimal("0.1")}
        connection.execute(orders.insert().values(row | {"at": NOW}))
    with store.read() as connection:
        found = connection.execute(select(orders.c.total, orders.c.refunded, orders.c.at)).one()
    assert tuple(found) == (Decimal("8911407.9041"), Decimal("0.1"), NOW)
    with pytest.raises(StatementError, match="naive"), store.write() as connection:
        _contact(connection, created_at=NOW.replace(tzinfo=None))


def test_a_failed_write_leaves_nothing_and_a_later_one_works(store: Store) -> None:
    """The transaction is rolled back whole."""

    def broken() -> None:
        with store.write() as connection:
            _contact(connection)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        broken()
    with store.read() as connection:
        assert connection.execute(select(contacts.c.id)).all() == []
    with store.write() as connection:
        _contact(connection)


def test_writers_wait_for_each_other(store: Store) -> None:
    """Eight threads add one each, none fails."""
    failures: list[Exception] = []

    def add(number: int) -> None:
        try:
            with store.write() as connection:
                _contact(connection, identifier=f"u{number}")
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as connection:
        assert len(connection.execute(select(contacts.c.id)).all()) == 8


def test_a_row_is_added_once(store: Store) -> None:
    """The second time nothing changes, and one is told."""
    row = {"address_hash": "h", "reason": "hard bounce", "at": NOW, "source": ""}
    with store.write() as connection:
        assert add_once(connection, suppressions, row) == "h"
        assert add_once(connection, suppressions, {**row, "reason": "other"}) is None
        assert connection.execute(select(suppressions.c.reason)).scalars().all() == ["hard bounce"]


def test_a_contact_is_found_by_any_of_its_names_and_through_merges(store: Store) -> None:
    """External id first, then the address without case; a merged one leads to what it became."""
    with store.write() as connection:
        kept = _contact(connection, external_id="u1", email="Sara@Example.com", address_key="sara@example.com")
        _contact(connection, external_id="u2", merged_into=kept)
    with store.read() as connection:
        assert {find_contact(connection, name) for name in ("u1", "SARA@example.com", "u2")} == {kept}
        with pytest.raises(NotFoundError, match="nobody"):
            find_contact(connection, "nobody")


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://localhost/x", "oracle://x"])
def test_a_url_that_is_no_database_of_ours_is_refused(url: str) -> None:
    """With what is expected."""
    with pytest.raises(SettingsError):
        Store(url)


def test_a_database_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    """A file that is no database, and a server that is not there; the password is not shown."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database at all, only some text that is long enough" * 20)
    with pytest.raises(StoreError, match=r"broken\.db"):
        prepare(Store(f"sqlite:///{broken}"))
    with pytest.raises(StoreError) as caught:
        prepare(Store("postgresql://me:secret@127.0.0.1:1/none"))
    assert "secret" not in caught.value.message
