"""`rebuild`: what was stored wrongly is found, told and put right; where all is well nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from lifecycle.base.clock import ManualClock
from lifecycle.intake import rebuild
from lifecycle.intake.messages import accept
from lifecycle.store.engine import Store
from lifecycle.store.migrate import migrate
from lifecycle.store.tables import contacts, facts, memberships, orders, stage_transitions
from terminal import Terminal

SHOP = Path(__file__).parents[3]
START = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Terminal, Store]]:
    """Yield a terminal in a shop of forty customers with orders, carts and views, and its database."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    store = Store(url)
    migrate(store)
    kinds = (
        ("Order Completed", {"order_id": "o", "total": 90.5}), ("Product Viewed", {"product_id": "a"}),
        ("Product Added", {"product_id": "a", "price": 10}), ("Order Refunded", {"order_id": "o", "total": 5}),
    )  # fmt: skip
    payloads = [
        {
            "type": "track", "userId": f"u{n % 40}", "event": kinds[n % 3 or n % 4][0], "messageId": f"m{n}",
            "timestamp": (START + timedelta(minutes=n)).isoformat(), "properties": kinds[n % 3 or n % 4][1],
        }
        for n in range(240)
    ]  # fmt: skip
    accept(store, payloads, clock=ManualClock(START + timedelta(days=2)), content=None, live=False)
    yield Terminal(SHOP, LIFECYCLE_DATABASE_URL=url), store
    store.close()


def _all(store: Store) -> Any:
    with store.read() as connection:
        return [connection.execute(select(table).order_by(*table.primary_key)).all() for table in (facts, orders)]


def _spoil(store: Store) -> None:
    """Do to stored facts what only an error could."""
    with store.write() as connection:
        connection.execute(update(facts).where(facts.c.contact_id == 1).values(orders_total=Decimal(1)))
        connection.execute(update(facts).where(facts.c.contact_id == 2).values(views_count=99))
        connection.execute(delete(facts).where(facts.c.contact_id == 3))
        connection.execute(delete(orders).where(orders.c.contact_id == 4))
        connection.execute(update(facts).where(facts.c.contact_id == 5).values(cart={"lines": [], "cart_id": "x"}))
        connection.execute(insert(orders).values(contact_id=6, order_id="ghost", total=1, refunded=0))


def test_where_all_is_well_nothing_differs_and_nothing_changes(shop: tuple[Terminal, Store]) -> None:
    """The first one brings stages and segments up, as an apply would; the second one finds nothing to do."""
    terminal, store = shop
    before = _all(store)
    first = terminal.json("rebuild")
    assert (first["contacts"], first["differed"], first["stages"]) == (40, 0, 40)
    assert first["memberships"] > 0
    said = terminal.type("rebuild")
    assert said.out == "40 contacts, the facts of 0 differed from what was stored, 0 memberships and 0 stages changed\n"
    assert (said.code, said.err) == (0, "")
    assert _all(store) == before
    with store.read() as connection:
        assert set(connection.execute(select(stage_transitions.c.cause)).scalars()) == {"rebuild"}
        assert len(connection.execute(select(memberships)).all()) >= first["memberships"]


def test_what_differs_is_told_put_right_and_told_no_more(shop: tuple[Terminal, Store]) -> None:
    """Six people's facts: a sum, a count, a row that is gone, an order that is gone, a cart, an order of nobody's."""
    terminal, store = shop
    right = _all(store)
    _spoil(store)
    wrong = _all(store)
    checked = terminal.type("rebuild", "--check", "--json")
    assert (checked.code, checked.json) == (1, {"contacts": 40, "differed": 6})
    assert _all(store) == wrong
    assert terminal.json("rebuild")["differed"] == 6
    assert _all(store) == right
    again = terminal.type("rebuild", "--check")
    assert (again.code, again.out) == (0, "40 contacts, the facts of 0 differed from what was stored\n")


def test_stages_and_segments_follow_the_facts(shop: tuple[Terminal, Store]) -> None:
    """Somebody whose orders had been lost goes back to where he belongs."""
    terminal, store = shop
    terminal.type("rebuild")
    with store.write() as connection:
        buyer = connection.execute(select(contacts.c.id).where(contacts.c.stage == "retention").limit(1)).scalar_one()
        connection.execute(update(contacts).where(contacts.c.id == buyer).values(stage="awareness"))
        connection.execute(delete(facts).where(facts.c.contact_id == buyer))
    found = terminal.json("rebuild")
    assert (found["differed"], found["stages"]) == (1, 1)
    with store.read() as connection:
        stage = connection.execute(select(contacts.c.stage).where(contacts.c.id == buyer)).scalar_one()
    assert stage == "retention"


def test_a_rebuild_that_is_stopped_is_begun_again(
    shop: tuple[Terminal, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was put right before stays right, and nothing else was touched."""
    terminal, store = shop
    right = _all(store)
    _spoil(store)
    monkeypatch.setattr(rebuild, "BATCH", 2)
    going = rebuild.rebuild

    def stopped(store: Store, *, on_progress: Any) -> Any:
        batches: list[int] = []

        def stop(contacts: int) -> None:
            on_progress(contacts)
            batches.append(contacts)
            if len(batches) == 2:
                raise KeyboardInterrupt

        return going(store, on_progress=stop)

    with monkeypatch.context() as once:
        once.setattr(rebuild, "rebuild", stopped)
        assert terminal.type("rebuild").code == 130
    assert terminal.json("rebuild")["differed"] == 2
    assert _all(store) == right


def test_content_with_errors_does_not_keep_facts_from_being_rebuilt(tmp_path: Path) -> None:
    """As with an import: stages and segments wait for better content."""
    (tmp_path / "lifecycle.yaml").write_text("project: shop\n", encoding="utf-8")
    said = Terminal(tmp_path).type("rebuild")
    assert (said.code, said.out) == (0, "0 contacts, the facts of 0 differed from what was stored\n")
    assert "stages and segments are not looked at" in said.err
