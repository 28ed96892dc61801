"""Map files: what they compute, and how their mistakes are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from arrivals import rows
from test_importing import run, write

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import ContentError
from lifecycle.intake.csv_map import load_map, parse_map
from lifecycle.intake.importing import Outcome
from lifecycle.store import tables
from lifecycle.store.engine import Store

MAP = """\
timezone: Europe/London
skip:
  - Customer: ""
  - Price: {at_most: 0}
group_by: Invoice
timestamp: "{Date}"
contact:
  external_id: "{Customer}"
  email: "c{Customer}@shop.example"
  traits: {country: "{Country}"}
  consent: {offers: true}
items:
  products: {product_id: "{Code}", quantity: {number: Quantity}}
cases:
  - when: {Invoice: {starts_with: C}}
    event: Order Refunded
    properties: {order_id: "{Invoice}", total: {sum: -Quantity * Price}}
  - when: {Quantity: {more_than: 0}}
    event: Order Completed
    properties: {order_id: "{Invoice}", total: {sum: Quantity * Price}, currency: GBP, ship.fee: 4.5}
"""

ROWS = """\
Invoice,Code,Quantity,Date,Price,Customer,Country
1,a,2,2011-07-01 10:00:00,1.10,7,UK
1,b,1,2011-07-01 10:00:00,0.05,7,UK
2,a,1,2011-07-01 11:00:00,3.00,,UK
1,a,2,2011-07-01 10:00:00,1.10,7,UK
C3,a,-2,2011-08-01 10:00:00,1.10,8,EIRE
4,a,-2,2011-07-02 10:00:00,1.10,7,UK
5,z,1,2011-07-02 10:00:00,0,7,UK
6,b,1,2011-07-03 10:00:00,1.00,7,UK
6,b,one,2011-07-03 10:00:00,1.00,7,UK
7,b,1,yesterday,1.00,7,UK
7,b,1,2011-07-03 10:00:00,1.00,7,UK
"""


@pytest.fixture
def outcome(store: Store, clock: ManualClock, tmp_path: Path) -> Any:
    """Import ROWS by MAP."""
    csv_map = load_map(write(tmp_path / "map.yaml", MAP))
    return run("events", write(tmp_path / "rows.csv", ROWS), store, clock, csv_map=csv_map)


def test_rows_become_events_by_group_and_case(outcome: Outcome, store: Store) -> None:
    """Wherever the rows of a group stand; equal rows are kept; sums are exact; local times have their offset."""
    order, refund, third = rows(store, tables.events)
    assert order["properties"] == {
        "order_id": "1", "total": 4.45, "currency": "GBP", "ship": {"fee": 4.5},
        "products": [{"product_id": code, "quantity": n} for code, n in (("a", 2), ("b", 1), ("a", 2))],
    }  # fmt: skip
    assert order["at"].isoformat() == "2011-07-01T09:00:00+00:00"
    assert (refund["name"], refund["properties"]["total"]) == ("Order Refunded", 2.2)
    assert third["properties"]["order_id"] == "6"
    assert [(row["email"], row["attributes"]) for row in rows(store, tables.contacts)] == [
        ("c7@shop.example", {"country": "UK"}), ("c8@shop.example", {"country": "EIRE"}),
    ]  # fmt: skip
    assert [row["at"] for row in rows(store, tables.consents)] == [order["at"], refund["at"]]


def test_rows_that_the_map_leaves_out_are_counted_and_those_that_it_cannot_read_rejected(outcome: Outcome) -> None:
    """An event with a bad row is rejected whole: a wrong total is worse than none."""
    assert (outcome.read, outcome.stored, outcome.skipped, outcome.rejected) == (11, 3, 4, 2)
    assert outcome.reject_file is not None
    found = outcome.reject_file.read_text().splitlines()[1:]
    assert [line.split(",")[7] for line in found] == ["11", "12"]
    assert all("not an instant" in line and "2 rows of this event" in line for line in found)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("timezone: Europe/London", "timezone: Europe/Londn"), 1, "Londn"),
        (("group_by: Invoice", "group_bye: Invoice"), 5, "group_by"),
        (('timestamp: "{Date}"\n', ""), 1, "timestamp"),
        (('"{Date}"', '"{Date"'), 6, "braces"),
        (("at_most: 0", "at_mots: 0"), 4, "at_most"),
        (("at_most: 0", "older_than: 3d"), 4, "no test of a column"),
        (("sum: Quantity * Price", "sum: Quantity *"), 20, "expression"),
        (("sum: Quantity * Price", "som: Quantity * Price"), 20, "som"),
        (("offers: true", "offers: maybe"), 11, "true or false"),
        (("event: Order Refunded", "event: ''"), 16, "empty"),
        (("cases:", "cases: []\nx:"), 14, "empty"),
    ],
)
def test_a_mistake_in_a_map_is_reported_at_its_line(change: tuple[str, str], line: int, words: str) -> None:
    """With the file's name, as content is."""
    with pytest.raises(ContentError) as caught:
        parse_map("map.yaml", MAP.replace(*change))
    found = caught.value.diagnostics
    assert any(each.place.line == line and words in f"{each.message} {each.hint}" for each in found), found


def test_a_column_that_the_file_does_not_have_is_reported_where_the_map_names_it(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """Before a row is read, with what may have been meant."""
    csv_map = load_map(write(tmp_path / "map.yaml", MAP.replace("{Customer}@", "{Custmer}@")))
    with pytest.raises(ContentError) as caught:
        run("events", write(tmp_path / "rows.csv", ROWS), store, clock, csv_map=csv_map)
    [found] = caught.value.diagnostics
    assert (found.place.line, found.hint) == (9, 'did you mean "Customer"?')


@pytest.mark.parametrize(
    "text", ["", "[]", "a: &x 1", "\t", "cases: 3", "contact: {}\ncases: [{}]\ntimestamp: x", "{" * 5000]
)
def test_any_text_as_a_map_ends_in_diagnostics(text: str) -> None:
    """Never in a traceback."""
    with pytest.raises(ContentError):
        parse_map("map.yaml", text)
