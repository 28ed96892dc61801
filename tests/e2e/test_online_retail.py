"""A year of real orders, imported with one command and the map in `examples/`, gives the reference figures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from databases import fresh_postgres
from lifecycle.cli.main import run
from lifecycle.intake.properties import amount
from lifecycle.store import tables
from lifecycle.store.engine import Store

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("LIFECYCLE_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
FILE = DATA / "online_retail.csv.gz"
#: The day on which the reference figures count who has lapsed.
REFERENCE = datetime(2011, 12, 10, tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"MISSING DATA: {FILE} (or set LIFECYCLE_SHARED_DATA)")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def imported(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, Any]]]:
    """Yield the database after the one command, and what the command printed."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copy(REPOSITORY / "lifecycle.yaml", folder)
    out = folder / "out.json"
    url = f"sqlite:///{folder / 'shop.db'}"
    if request.param == "postgresql":
        url = fresh_postgres(request.getfixturevalue("postgres_server"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIFECYCLE_DATABASE_URL", url)
        printed: list[str] = []
        patch.setattr("click.echo", lambda text="", **_options: printed.append(str(text)))
        if request.param == "postgresql":
            assert run(["-C", str(folder), "migrate"]) == 0
            printed.clear()
        map_file = REPOSITORY / "examples" / "online_retail.yaml"
        arguments = ["import", "events", str(FILE), "--map", str(map_file), "--rejects", str(out), "--strict", "--json"]
        assert run(["-C", str(folder), *arguments]) == 0, printed
    made = Store(url)
    yield made, json.loads("\n".join(printed[printed.index(next(p for p in printed if p.startswith("{"))) :]))
    made.close()


def value(store: Store, statement: Any) -> Any:
    """Return the one value of a query."""
    with store.read() as connection:
        return connection.execute(statement).scalar_one()


def test_every_row_is_accounted_for(imported: tuple[Store, dict[str, Any]]) -> None:
    """Read, made into events, or left out by the map; none rejected."""
    _, printed = imported
    assert printed == {
        "read": 541_909, "stored": 22_186, "duplicates": 0, "rejected": 0, "skipped": 135_120, "contacts": 4_371,
        "reject_file": None,
    }  # fmt: skip


def test_customers_orders_and_revenue_equal_the_reference(imported: tuple[Store, dict[str, Any]]) -> None:
    """To the penny; refunds stand beside and do not disturb."""
    store, _ = imported
    facts = tables.facts.c
    buyers = facts.orders_count > 0
    assert value(store, select(func.count()).where(buyers)) == 4_338
    assert value(store, select(func.sum(facts.orders_count))) == 18_532
    assert value(store, select(func.sum(facts.orders_total))).quantize(Decimal("0.01")) == Decimal("8911407.90")
    refunded = value(store, select(func.sum(facts.orders_refunded)))
    net = value(store, select(func.sum(facts.orders_net)).where(buyers))
    of_buyers = value(store, select(func.sum(facts.orders_refunded)).where(buyers))
    assert refunded > 0
    assert net == value(store, select(func.sum(facts.orders_total))) - of_buyers


def test_the_distribution_of_orders_equals_the_reference(imported: tuple[Store, dict[str, Any]]) -> None:
    """Repeat customers, one to nine orders, ten and more."""
    store, _ = imported
    count = tables.facts.c.orders_count
    with store.read() as connection:
        rows = connection.execute(select(count, func.count()).where(count > 0).group_by(count))
        found: dict[int, int] = {row[0]: row[1] for row in rows}
    assert [found[n] for n in range(1, 10)] == [1493, 835, 508, 388, 242, 172, 143, 98, 68]
    assert sum(contacts for orders, contacts in found.items() if orders >= 10) == 391
    assert sum(contacts for orders, contacts in found.items() if orders >= 2) == 2_845


@pytest.mark.parametrize(("days", "lapsed"), [(90, 1_449), (180, 861)])
def test_the_lapsed_equal_the_reference(imported: tuple[Store, dict[str, Any]], days: int, lapsed: int) -> None:
    """Local times are London's, so that the last order falls on the right side of the day."""
    last = tables.facts.c.orders_last_at
    assert value(imported[0], select(func.count()).where(last < REFERENCE - timedelta(days=days))) == lapsed


def test_guests_are_no_contacts_and_the_others_have_an_address_and_consent(
    imported: tuple[Store, dict[str, Any]],
) -> None:
    """4,371 customers, 33 of them with cancellations alone."""
    store, _ = imported
    contacts, consents = tables.contacts.c, tables.consents.c
    assert value(store, select(func.count()).select_from(tables.contacts)) == 4_371
    assert value(store, select(func.count()).where(contacts.email.like("c%@example.com"))) == 4_371
    assert value(store, select(func.count(consents.contact_id.distinct())).where(consents.granted)) == 4_371
    first = select(contacts.email).where(contacts.external_id == "17850")
    assert value(store, first) == "c17850@example.com"


def test_an_order_has_its_lines_and_their_sum(imported: tuple[Store, dict[str, Any]]) -> None:
    """Exact duplicates of a line are two lines."""
    store, _ = imported
    with store.read() as connection:
        events = connection.execute(
            select(tables.events.c.properties).where(tables.events.c.name == "Order Completed").limit(500)
        ).scalars()
        for properties in events:
            lines = properties["products"]
            total = sum((amount(each["price"]) or Decimal(0)) * each["quantity"] for each in lines)
            assert total == amount(properties["total"])


def test_the_import_ran_as_history(imported: tuple[Store, dict[str, Any]]) -> None:
    """Nobody is enrolled by orders of the past, and stages are up to date without anybody having heard of it."""
    store, _ = imported
    assert value(store, select(func.count()).select_from(tables.inbox)) == 0
    assert value(store, select(func.count()).select_from(tables.enrolments)) == 0
    stages = select(func.count()).where(tables.contacts.c.stage == "retention")
    assert value(store, stages) == 4_338
