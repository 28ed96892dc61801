"""The loop on real databases: everything in one transaction, two loops at once, and nobody in the way of the others."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from lifecycle.deliver.control import cancel
from lifecycle.journey import advance as advancing
from lifecycle.journey.advance import Stuck, advance, due_contacts
from lifecycle.journey.contact import ContactTurn
from lifecycle.journey.write import write_turns
from lifecycle.store.tables import (
    contacts,
    decisions,
    enrolments,
    events,
    inbox,
    memberships,
    messages,
    stage_transitions,
)
from shop import KEY, Shop, edited, with_file

if TYPE_CHECKING:
    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

HOUR = timedelta(hours=1)
CART = {"cart_id": "c1", "product_id": "sahra", "name": "Sahra", "price": 549, "quantity": 1}
LOOP = """
campaign: echo
stage: decision
topic: offers
trigger: {event: Signed Up}
reentry: always
steps:
  - send: welcome/hello
  - emit: {event: Signed Up}
"""


def _rows(store: Store, table: Any) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)))


def test_a_turn_writes_all_or_nothing(store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails at its last write: enrolments, decisions, ledger and inbox are as before; once repaired, all is done."""
    shop = Shop(store, clock)
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    stuck = Stuck()

    def fail(*_: object) -> None:
        raise RuntimeError("the disk of a test")

    with monkeypatch.context() as patch:
        patch.setattr(advancing, "clear_inbox", fail)
        advance(store, shop.versions, KEY, clock.now(), stuck=stuck)
    assert _rows(store, enrolments) == []
    assert _rows(store, messages) == []
    assert len(_rows(store, inbox)) == 2
    assert advance(store, shop.versions, KEY, clock.now(), stuck=stuck).contacts == 0, "left alone for a while"
    clock.advance(timedelta(minutes=11))
    shop.work()
    assert [row.step for row in shop.ledger()] == ["welcome/hello"]
    assert _rows(store, inbox) == []


def test_a_contact_that_breaks_the_engine_stops_nobody_else(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One turn fails and one contact's rows cannot be written: both are set aside, and are not mailed."""
    shop = Shop(store, clock)
    for name in ("ali", "badr", "sara"):
        shop.contact(name)
        shop.track(name, "Signed Up")
    run, write = ContactTurn.run, write_turns

    def run_but(self: ContactTurn, *args: Any, **more: Any) -> Any:
        if self.turn.state.external_id == "ali":
            raise ZeroDivisionError
        return run(self, *args, **more)

    def write_but(connection: Any, turns: Any, *args: Any, **more: Any) -> Any:
        if any(turn.state.external_id == "badr" for turn in turns):
            raise OverflowError("points beyond the column")
        return write(connection, turns, *args, **more)

    monkeypatch.setattr(ContactTurn, "run", run_but)
    monkeypatch.setattr(advancing, "write_turns", write_but)
    stuck = Stuck()
    while advance(store, shop.versions, KEY, clock.now(), stuck=stuck).contacts:
        pass
    shop.work_mails()
    assert [contact for _, contact, _ in shop.sent()] == ["sara"]
    with store.read() as connection:
        waiting = set(connection.execute(select(inbox.c.contact_id)).scalars())
        names = set(connection.execute(select(contacts.c.external_id).where(contacts.c.id.in_(waiting))).scalars())
    assert names == {"ali", "badr"}


def test_five_loops_at_once_give_each_contact_one_turn(store: Store, clock: ManualClock) -> None:
    """Contacts are held while they have their turn, and what is loaded is loaded after that."""
    shop = Shop(store, clock)
    names = [f"contact-{number}" for number in range(30)]
    for name in names:
        shop.contact(name)
        shop.track(name, "Signed Up")
    gate = threading.Barrier(5)
    failed: list[BaseException] = []

    def loop() -> None:
        try:
            gate.wait()
            while advance(store, shop.versions, KEY, clock.now(), limit=7).contacts:
                pass
        except BaseException as error:  # noqa: BLE001 - the main thread asserts
            failed.append(error)

    threads = [threading.Thread(target=loop) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    while advance(store, shop.versions, KEY, clock.now()).contacts:  # what another held is left to the next look
        pass
    assert len(shop.entries("welcome")) == 30
    assert len(shop.ledger()) == 30
    assert len([row for row in _rows(store, decisions) if row.decision == "activated"]) == 30


def test_a_cancel_during_a_turn_is_not_undone_by_it(store: Store, clock: ManualClock) -> None:
    """The operator cancels while a turn has the enrolment in its hands: one waits for the other."""
    if store.is_sqlite:
        pytest.skip("SQLite has one writer: there is no during")
    shop = Shop(store, clock)
    shop.contact("sara")
    shop.track("sara", "Product Added", **CART)
    shop.work()
    clock.advance(HOUR)
    loaded, cancelled = threading.Event(), threading.Event()
    load = advancing.load_entries

    def load_slowly(*args: Any, **more: Any) -> Any:
        found = load(*args, **more)
        loaded.set()
        cancelled.wait(0.3)  # a cancel that does not wait for us would be done by then
        return found

    def cancel_meanwhile() -> None:
        loaded.wait(10)
        cancel(store, clock, "cart-abandonment")
        cancelled.set()

    thread = threading.Thread(target=cancel_meanwhile)
    thread.start()
    advancing.load_entries = load_slowly
    try:
        advance(store, shop.versions, KEY, clock.now())
    finally:
        advancing.load_entries = load
    thread.join()
    [entry] = shop.entries("cart-abandonment")
    assert (entry.state, entry.reason) == ("exited", "cancelled")
    shop.run_until(clock.now() + timedelta(days=5))
    assert shop.sent() == []


def test_campaigns_that_trigger_themselves_by_emitted_events_stop(store: Store, clock: ManualClock) -> None:
    """The circle is cut after ten rounds in an hour; the engine comes to rest."""
    shop = Shop(store, clock, with_file("campaigns/echo.yaml", LOOP))
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    shop.work()
    entered = [row for row in shop.entries("echo") if row.state == "completed"]
    assert len(entered) == 10
    assert shop.entries("echo")[-1].reason == "reentry"
    assert max(len(row.message_id) for row in _rows(store, events)) < 60


def test_memberships_and_transitions_are_stored_with_their_time_and_cause(store: Store, clock: ManualClock) -> None:
    """By the event that brought them, at its instant, not at that of the turn."""
    shop = Shop(store, clock)
    shop.contact("sara")
    shop.work()
    start = clock.now()
    clock.advance(timedelta(minutes=20))
    shop.track("sara", "Order Completed", start + timedelta(minutes=5), order_id="o", total=100)
    shop.work()
    moved = [row for row in _rows(store, stage_transitions) if row.cause == "Order Completed"]
    assert [(row.before, row.after, row.at) for row in moved] == [
        ("awareness", "retention", start + timedelta(minutes=5))
    ]
    stays = [row for row in _rows(store, memberships) if row.cause == "Order Completed"]
    assert stays
    assert {row.entered_at for row in stays} == {start + timedelta(minutes=5)}


def test_a_mail_held_overnight_is_called_back_by_an_order(store: Store, clock: ManualClock) -> None:
    """Its campaign has no step left; the order still comes before the morning, and the ledger says why."""
    files = edited(
        "campaigns/cart-abandonment.yaml", ("send_window: {quiet_hours: ignore}", "send_window: {quiet_hours: keep}")
    )
    files = {**files, "campaigns/cart-abandonment.yaml": _first_step_only(files["campaigns/cart-abandonment.yaml"])}
    shop = Shop(store, clock, files)
    shop.contact("sara", timezone="Asia/Riyadh")
    clock.move_to(clock.now().replace(hour=19, minute=30))
    shop.track("sara", "Product Added", **CART)
    shop.run_until(clock.now() + 2 * HOUR)
    [held] = shop.ledger(step="cart/reminder")
    assert (held.state, held.reason) == ("queued", "quiet_hours")
    assert shop.entries("cart-abandonment")[0].state == "completed"
    shop.track("sara", "Order Completed", order_id="o", total=549)
    shop.run_until(clock.now() + timedelta(days=1))
    [row] = shop.ledger(step="cart/reminder")
    assert (row.state, row.reason) == ("cancelled", "goal_met")
    assert shop.entries("cart-abandonment")[0].state == "goal_met"


def _first_step_only(text: str) -> str:
    head, steps = text.split("steps:\n", 1)
    return head + "steps:\n" + steps.split("\n", 1)[0] + "\n"


def test_an_erased_contact_goes_nowhere(store: Store, clock: ManualClock) -> None:
    """Erased in mid-journey: nothing is sent, every open row says so, and the engine comes to rest."""
    from lifecycle.intake.erase import erase

    shop = Shop(store, clock)
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    shop.work()
    with store.write() as connection:
        found = connection.execute(select(contacts.c.id)).scalar_one()
        erase(connection, found, clock.now())
        connection.execute(insert(inbox).values(contact_id=found, event_id=None))
    shop.run_until(clock.now() + timedelta(days=30))
    assert len(shop.sent()) == 1
    assert {(row.state, row.reason) for row in shop.entries("welcome")} == {("exited", "erased")}
    assert not [row for row in _rows(store, memberships) if row.left_at is None]


def test_merged_contacts_go_on_as_one(store: Store, clock: ManualClock) -> None:
    """Both were being welcomed; the furthest goes on, and each mail comes once to the one who is left."""
    shop = Shop(store, clock)
    shop.contact("sara")
    shop.post({"type": "track", "messageId": "a1", "anonymousId": "anon", "event": "Signed Up",
               "timestamp": clock.now().isoformat()})  # fmt: skip
    shop.track("sara", "Signed Up")
    shop.work()
    clock.advance(HOUR)
    shop.post({"type": "identify", "messageId": "a2", "anonymousId": "anon", "userId": "sara", "traits": {},
               "timestamp": clock.now().isoformat()})  # fmt: skip
    shop.run_until(clock.now() + timedelta(days=10))
    assert [step for _, _, step in shop.sent()] == ["welcome/hello", "welcome/fit", "welcome/first-run"]
    reasons = sorted(row.reason for row in shop.entries("welcome"))
    assert reasons == ["completed", "merged"]


def test_due_contacts_are_found_without_reading_the_whole_inbox(store: Store, clock: ManualClock) -> None:
    """A contact with thousands of events does not hide the others, and one that is stuck is passed by."""
    shop = Shop(store, clock)
    for name in ("busy", "sara"):
        shop.contact(name)
    shop.work()
    with store.write() as connection:
        ids = list(connection.execute(select(contacts.c.id).order_by(contacts.c.id)).scalars())
        connection.execute(insert(inbox), [{"contact_id": ids[0], "event_id": None} for _ in range(1000)])
        connection.execute(insert(inbox).values(contact_id=ids[1], event_id=None))
        connection.execute(update(contacts).values(review_at=None))
    with store.read() as connection:
        assert due_contacts(connection, clock.now(), 10) == ids[:1]
        assert due_contacts(connection, clock.now(), 10, without=frozenset(ids[:1])) == ids[1:]
