"""Random contacts with histories, random conditions and random moments: small pools, so that boundaries are hit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from lifecycle.audience.state import ConsentChange, ContactState, MembershipFact, MessageFact
from lifecycle.base.units import Duration, Share
from lifecycle.intake import rollup
from lifecycle.intake.facts import EventFact
from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    ConsentLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    Negation,
    PropertyTest,
    SampleLeaf,
    SegmentLeaf,
    Span,
    StageLeaf,
    Test,
    TotalLeaf,
)
from lifecycle.spec.model import Brand, Content, LocalText, Project, Segment, Stage, Topic
from lifecycle.store.engine import Store
from lifecycle.store.tables import accounts, consents, contacts, events, facts, memberships, messages

EPOCH = datetime(2026, 2, 26, tzinfo=UTC)
#: Every random moment is a whole number of these after EPOCH, so that windows begin and end on events.
TICK = timedelta(hours=6)
TICKS = 140
PATHS: tuple[tuple[str, ...], ...] = (("a",), ("b",), ("a", "x"), ("0",))
NAMES = ("Order Completed", "Product Added", "Product Viewed", "Viewed")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, -1, 1.0, 1.5, 0.1, 0.3, 199.99, 200, "", "a", "A", "ab", "b", "1", "true", "قلم",
    "2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T03:00:00.0000001+03:00", "2026-02-30", "2024-02-29",
    "1990-03-31 10:00", ["a", 1], [True, 1.5], [], {"x": 1}, {"x": "a"}, {"x": {"x": None}},
)  # fmt: skip
SCALARS = tuple(value for value in VALUES if isinstance(value, bool | int | float | str))
ZONES = (None, "Asia/Riyadh", "Pacific/Kiritimati", "Pacific/Pago_Pago", "no/such", "")

moments = st.integers(0, TICKS).map(lambda tick: EPOCH + tick * TICK)
durations = st.sampled_from(
    [Duration(6 * 3600), Duration(86400), Duration(7 * 86400), Duration(30 * 86400), Duration(months=1)]
)
shares = st.sampled_from([Share(Decimal(text)) for text in ("0", "0.1", "0.34", "0.5", "1")])
numbers = st.sampled_from([-1, 0, 1, 2, 3, 1.5, 0.1, 0.3, 199.99, Decimal("199.99"), 200, 400.5])


def random_tests(*, numbers_only: bool) -> st.SearchStrategy[tuple[Test, ...]]:
    """Return a strategy of one or two tests, of numbers alone or of anything."""
    ordered = st.sampled_from(["is", "is_not", "at_least", "at_most", "more_than", "less_than"])
    options = [
        st.builds(Test, ordered, numbers),
        st.builds(lambda low, high: Test("between", (low, high)), numbers, numbers),
        st.builds(Test, st.just("exists"), st.booleans()),
        st.builds(Test, st.sampled_from(["in", "not_in"]), st.lists(st.sampled_from(SCALARS), max_size=3).map(tuple)),
    ]
    if not numbers_only:
        options += [
            st.builds(Test, st.sampled_from(["is", "is_not", "contains"]), st.sampled_from(SCALARS)),
            st.builds(
                Test,
                st.sampled_from(["starts_with", "ends_with", "contains"]),
                st.sampled_from(["a", "A", "b", "2026"]),
            ),
            st.builds(Test, st.sampled_from(["before", "after", "at_least", "is"]), moments),
            st.builds(Test, st.sampled_from(["within", "older_than"]), durations),
        ]
    return st.lists(st.one_of(options), min_size=1, max_size=2).map(tuple)


any_tests = random_tests(numbers_only=False)
counted_tests = random_tests(numbers_only=True)
spans = st.one_of(
    st.just(Span()),
    st.builds(lambda within: Span(within=within), durations),
    st.builds(lambda since, until: Span(since=since, until=until), st.none() | moments, st.none() | moments),
)
#: `rating` is kept in a column too
event_paths = st.sampled_from([*PATHS, ("rating",), ("rating", "x")])
wheres = st.lists(st.builds(PropertyTest, event_paths, any_tests), max_size=1).map(tuple)
named = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple)
fact_names = st.sampled_from(
    ["orders.count", "orders.total", "orders.average", "orders.net", "orders.refunded", "orders.first_at",
     "orders.last_at", "cart.total", "cart.items", "views.count", "views.last_at", "views.last_product",
     "views.last_category", "points.balance", "points.tier", "nps.score", "referrals.count"]
)  # fmt: skip
top_facts = st.sampled_from(
    ["orders.count", "orders.total", "orders.average", "orders.last_at", "views.count", "points.balance"]
)
attribute_paths = st.sampled_from([*PATHS, ("email",), ("locale",), ("timezone",), ("external_id",), ("created_at",)])
date_paths = st.sampled_from([("a",), ("b",), ("birthday",), ("birthday",), ("created_at",), ("locale",)])

plain_leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(AttributeLeaf, st.just("contact"), attribute_paths, any_tests),
    st.builds(AttributeLeaf, st.just("account"), st.sampled_from(PATHS), any_tests),
    st.builds(EventLeaf, named, wheres, st.just(()) | counted_tests, spans),
    st.builds(TotalLeaf, named, st.sampled_from(PATHS), counted_tests, wheres, spans),
    st.builds(FactLeaf, fact_names, any_tests),
    st.builds(FactLeaf, top_facts, shares.map(lambda share: (Test("top", share),))),
    st.builds(
        MessageLeaf,
        st.sampled_from(["sent", "delivered", "opened", "clicked", "bounced", "complained"]),
        st.none() | st.sampled_from(["welcome", "cart"]),
        st.none() | st.just("one"),
        st.none() | durations,
        st.none() | st.integers(1, 2),
    ),
    st.builds(ConsentLeaf, st.sampled_from(["offers", "news"])),
    st.builds(
        DateLeaf,
        st.just("contact"),
        date_paths,
        st.sampled_from([None, "year", "month"]),
        st.none() | durations,
        st.none() | durations,
    ),
    st.builds(DateLeaf, st.just("account"), st.just(("a",)), st.sampled_from([None, "year"]), durations),
    st.builds(SampleLeaf, shares, st.sampled_from(["", "s"])),
)


def joined(leaves: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Return conditions made of these leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
            st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
            inner.map(Negation),
        ),
        max_leaves=5,
    )


#: Tests that such facts may well pass or fail.
folded_leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        lambda fact, operator, number: FactLeaf(fact, (Test(operator, number),)),
        st.sampled_from(["orders.count", "orders.average", "cart.items", "views.count"]),
        st.sampled_from(["is", "is_not", "at_least", "at_most", "less_than"]),
        st.sampled_from([0, 1, 2, 10, Decimal("104.995")]),
    ),
    st.builds(
        lambda fact, operator, value: FactLeaf(fact, (Test(operator, value),)),
        st.sampled_from(["views.last_product", "views.last_category"]),
        st.sampled_from(["is", "is_not"]),
        st.sampled_from(["1", "2", "ab"]),
    ),
    st.builds(
        lambda fact, operator, tick: FactLeaf(fact, (Test(operator, EPOCH + tick * TICK),)),
        st.sampled_from(["orders.last_at", "views.last_at"]),
        st.sampled_from(["before", "after"]),
        st.integers(0, 4),
    ),
    st.builds(lambda share: FactLeaf("views.count", (Test("top", share),)), shares),
)

#: Leaves over the events of `visits`, which time alone changes.
clocked_leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        lambda operator, number, within: EventLeaf(("Viewed",), (), (Test(operator, number),), Span(within=within)),
        st.sampled_from(["at_least", "at_most", "is", "is_not"]),
        st.integers(1, 4),
        durations,
    ),
    st.builds(
        lambda operator, number, within: TotalLeaf(
            ("Viewed",), ("total",), (Test(operator, number),), (), Span(within=within)
        ),
        st.sampled_from(["at_least", "at_most"]),
        st.sampled_from([20, 40]),
        durations,
    ),
    st.builds(
        lambda operator, within: FactLeaf("orders.last_at", (Test(operator, within),)),
        st.sampled_from(["within", "older_than"]),
        durations,
    ),
)
#: One to three of them, joined in every way.
clocked = st.builds(
    lambda join, leaves, flipped: join(tuple(Negation(leaf) if flipped else leaf for leaf in leaves)),
    st.sampled_from([AllOf, AnyOf]),
    st.lists(clocked_leaves, min_size=1, max_size=3),
    st.booleans(),
)
#: The events of a busy contact, by their age in ticks.
visits = st.lists(
    st.tuples(st.sampled_from(["Viewed", "Viewed", "Order Completed"]), st.integers(0, 40)), min_size=1, max_size=6
)


def history_of(ages: list[tuple[str, int]], now: datetime) -> list[dict[str, Any]]:
    """Return the events of those ages at `now`."""
    return [
        {"name": name, "at": now - age * TICK, "properties": {"total": 10, "order_id": str(age)}} for name, age in ages
    ]


STAGES = ("first", "second", "third")
stage_leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        StageLeaf,
        st.sampled_from(["is", "is_not", "at_least", "at_most"]),
        st.sampled_from(STAGES),
        st.none() | durations,
    ),
    st.builds(StageLeaf, st.sampled_from(["in", "not_in"]), st.just(("first", "third"))),
)
stageless = joined(st.one_of(plain_leaves, st.just(SegmentLeaf("base"))))
conditions = joined(st.one_of(plain_leaves, plain_leaves, plain_leaves, stage_leaves, st.just(SegmentLeaf("base"))))


def content_of(stages: list[Condition], segments: dict[str, Condition], keep_for: Duration | None = None) -> Content:
    """Return a project with those conditions; the second stage is kept for `keep_for`."""
    text = LocalText("x")
    project = Project(
        "test", Brand(text, "https://example.com"), {}, "en", ("en",), "Africa/Cairo", "SAR",
        topics=(Topic("offers", text), Topic("news", text, default="granted")),
        stages=tuple(
            Stage(name, text, "tofu", when, keep_for if name == "second" else None)
            for name, when in zip(STAGES, stages, strict=False)
        ),
    )  # fmt: skip
    named = {name: Segment(name, text, where) for name, where in segments.items()}
    return Content(project, named, {}, {}, "hash", {})


contents = st.builds(
    lambda base, stages, keep_for: content_of(stages, {"base": base}, keep_for),
    joined(plain_leaves),
    st.lists(stageless, min_size=3, max_size=3),
    st.none() | durations,
)


@dataclass
class Person:
    """A random contact: rows for the tables, without keys."""

    contact: dict[str, Any]
    account: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    stretches: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)


#: A contact of whom nothing is known.
BLANK: dict[str, Any] = {
    "attributes": {}, "timezone": None, "stage": None, "stage_since_at": EPOCH, "email": None, "locale": None,
    "created_at": EPOCH, "identifier": "u", "erased_at": None, "merged_into": None,
}  # fmt: skip

attributes = st.dictionaries(st.sampled_from(["a", "b", "0"]), st.sampled_from(VALUES), max_size=3)
birthdays = st.sampled_from(["1991-03-01", "1992-02-29", "1990-03-31", "2026-03-20", "1999-12-31", "x"])
properties = st.builds(
    lambda found, rating, total, order: {
        **found,
        "rating": rating,
        "total": total,
        "order_id": order,
        "product_id": order,
        "price": total,
        "category": "ab",
    },
    attributes,
    st.sampled_from(VALUES),
    st.sampled_from([10, 19.99, 200, 0.1]),
    st.sampled_from(["1", "2"]),
)
random_events = st.builds(
    lambda name, at, found: {"name": name, "at": at, "properties": found}, st.sampled_from(NAMES), moments, properties
)
random_messages = st.builds(
    lambda campaign, step, state, at, later: {
        "campaign": campaign, "step": step, "state": state, "sending_at": at, "sent_at": at,
        **{f"{name}_at": None if gap is None else at + gap * TICK for name, gap in later.items()},
    },
    st.sampled_from(["welcome", "cart"]),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["sent", "delivered", "bounced", "unknown", "skipped"]),
    moments,
    st.fixed_dictionaries(
        dict.fromkeys(["delivered", "opened", "clicked", "bounced", "complained"], st.none() | st.integers(0, 20))
    ),
)  # fmt: skip
random_consents = st.builds(
    lambda topic, granted, at: {"topic": topic, "granted": granted, "at": at},
    st.sampled_from(["offers", "news"]),
    st.booleans(),
    moments,
)
people = st.builds(
    lambda found, birthday, zone, stage, rest, **lists: Person(
        {
            "attributes": found | ({"birthday": birthday} if birthday else {}),
            "timezone": zone, "stage": stage[0], "stage_since_at": stage[1], **rest,
        },
        **lists,
    ),
    attributes,
    st.none() | birthdays,
    st.sampled_from(ZONES),
    st.tuples(st.none() | st.sampled_from(STAGES), moments),
    st.fixed_dictionaries(
        {
            "email": st.none() | st.just("a@example.com"),
            "locale": st.none() | st.sampled_from(["ar", "ab", "2026-03-01"]),
            "created_at": moments,
            "identifier": st.sampled_from(["u1", "ي", "u3", "u4"]),
            "erased_at": st.sampled_from([None, None, None, EPOCH]),
            "merged_into": st.sampled_from([None, None, None, 1]),
        }
    ),
    account=st.none() | attributes,
    events=st.lists(random_events, max_size=6),
    consents=st.lists(random_consents, max_size=3),
    messages=st.lists(random_messages, max_size=4),
    stretches=st.lists(st.tuples(moments, st.none() | moments), max_size=1),
    kept=st.fixed_dictionaries(
        {
            "points_balance": st.none() | st.sampled_from([0, 1, 200]),
            "points_tier": st.none() | st.sampled_from(["a", "b"]),
            "nps_score": st.none() | st.sampled_from([1, 2]),
            "referrals_count": st.none() | st.sampled_from([0, 1]),
        }
    ),
)  # fmt: skip
crowds = st.lists(people, min_size=1, max_size=4)
#: Contacts of whom nothing is known but what they viewed, put into the cart and bought, within few moments.
shoppers = st.lists(
    st.lists(
        st.builds(
            lambda name, tick, found: {"name": name, "at": EPOCH + tick * TICK, "properties": found},
            st.sampled_from(["Product Viewed", "Product Viewed", "Product Added", "Order Completed"]),
            st.integers(0, 4),
            properties,
        ),
        max_size=5,
    ).map(lambda found: Person(BLANK, events=found)),
    min_size=1,
    max_size=4,
)


@contextmanager
def rolled_back(store: Store) -> Iterator[Connection]:
    """Yield a connection in a transaction of which nothing stays."""
    with store.engine.connect() as connection:
        if store.is_sqlite:
            connection.exec_driver_sql("BEGIN")
        yield connection
        connection.rollback()


def store_people(connection: Connection, crowd: list[Person], *, stretch_name: str = "stage:second") -> list[int]:
    """Write the people into the tables, facts included, as intake and delivery would; return their ids."""
    ids: list[int] = []
    for person in crowd:
        account_id = None
        if person.account is not None:
            statement = insert(accounts).values(external_id=f"a{len(ids)}", attributes=person.account)
            account_id = connection.execute(statement.returning(accounts.c.id)).scalar_one()
        row = {**person.contact, "external_id": f"x{len(ids)}", "account_id": account_id}
        contact_id = connection.execute(insert(contacts).values(row).returning(contacts.c.id)).scalar_one()
        ids.append(contact_id)
        if person.kept:
            connection.execute(insert(facts).values(contact_id=contact_id, orders_count=0, **person.kept))
        for table, rows in ((consents, person.consents), (messages, person.messages)):
            for number, values in enumerate(rows):
                base = {"contact_id": contact_id}
                if table is messages:
                    base |= {
                        "occurrence": str(number), "version": "", "kind": "marketing", "template": "", "priority": 0,
                        "reason": "", "reached_at": EPOCH, "due_at": EPOCH, "message_id": "", "detail": "", "fence": 0,
                        "crashes": 0, "attempts": 0, "data": {}, "links": {},
                    }  # fmt: skip
                else:
                    base |= {"source": "", "text": ""}
                connection.execute(insert(table).values(**base, **values))
        for entered_at, left_at in person.stretches:
            end = None if left_at is None else max(left_at, entered_at)
            connection.execute(
                insert(memberships).values(
                    segment=stretch_name, contact_id=contact_id, entered_at=entered_at, left_at=end, cause="time"
                )
            )
    add_events(connection, {contact_id: person.events for contact_id, person in zip(ids, crowd, strict=True)})
    return ids


def add_events(connection: Connection, found: dict[int, list[dict[str, Any]]]) -> None:
    """Write events and fold them into facts."""
    seen = len(connection.execute(select(events.c.id)).all())
    for contact_id, rows in found.items():
        for values in rows:
            seen += 1
            connection.execute(
                insert(events).values(
                    message_id=f"m{seen}", contact_id=contact_id, received_at=values["at"], live=True, **values
                )
            )
    rollup.fold_again(connection, [contact_id for contact_id, rows in found.items() if rows])


def state_of(person: Person, now: datetime) -> ContactState:
    """Return the contact as it is known at `now`, with row id 1: nothing in it lies after that."""
    row = person.contact
    since = row["stage_since_at"]
    past = sorted((event["at"], number, event) for number, event in enumerate(person.events) if event["at"] <= now)
    state = ContactState(
        id=1, identifier=row["identifier"], created_at=row["created_at"], external_id="x0", email=row["email"],
        locale=row["locale"], timezone=row["timezone"], attributes=row["attributes"], account=person.account or {},
        erased=row["erased_at"] is not None, stage=row["stage"], stage_since_at=min(since, now),
        events=[EventFact(number, event["name"], at, event["properties"]) for at, number, event in past],
        consents=[ConsentChange(**said) for said in sorted(person.consents, key=itemgetter("at")) if said["at"] <= now],
        kept={name.replace("_", ".", 1): value for name, value in person.kept.items()},
    )  # fmt: skip
    for values in person.messages:
        known = {key: value for key, value in values.items() if not isinstance(value, datetime) or value <= now}
        state.messages.append(MessageFact(occurrence="", **known))
    for entered_at, left_at in person.stretches:
        if entered_at <= now:
            end = None if left_at is None or left_at > now else max(left_at, entered_at)
            state.memberships["stage:second"] = MembershipFact(entered_at, end)
    return state
