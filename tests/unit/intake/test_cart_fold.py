"""What each event does to a cart and to what it comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.intake.facts import FACT_EVENTS, EventFact, FactSheet, fold

START = datetime(2026, 10, 1, tzinfo=UTC)
SHOE: dict[str, Any] = {"product_id": "a", "name": "Madar", "price": 100, "quantity": 1, "url": "/madar"}
SOCK: dict[str, Any] = {"product_id": "b", "name": "Sock", "price": "9.5", "quantity": 2}


def after(*told: tuple[str, dict[str, Any]]) -> FactSheet:
    """Return the facts after these events, in the order of time."""
    sheet = FactSheet()
    for number, (name, properties) in enumerate(told):
        fold(sheet, EventFact(number, name, START + timedelta(minutes=number), properties))
    return sheet


def lines(sheet: FactSheet) -> list[tuple[str, int]]:
    """Return the products in the cart with their quantities."""
    assert sheet.cart is not None
    return [(line.get("product_id") or line.get("sku"), line["quantity"]) for line in sheet.cart["lines"]]


#: event, properties, what is left in the cart, and what it comes to
CASES: list[tuple[str, dict[str, Any], list[tuple[str, int]], str]] = [
    ("Product Added", {**SHOE, "quantity": 2}, [("a", 3), ("b", 2)], "319"),
    ("Wishlist Product Added to Cart", SOCK, [("a", 1), ("b", 4)], "138"),
    ("Product Updated", {"product_id": "a", "quantity": 5}, [("a", 5), ("b", 2)], "519"),
    ("Product Updated", {"product_id": "a", "price": 80}, [("a", 1), ("b", 2)], "99"),
    ("Product Updated", {"product_id": "a", "quantity": 0}, [("b", 2)], "19"),
    ("Product Updated", {"product_id": "c", "price": 1, "quantity": 3}, [("a", 1), ("b", 2), ("c", 3)], "122"),
    ("Product Updated", {"product_id": "c", "price": 1}, [("a", 1), ("b", 2)], "119"),
    ("Product Removed", {"product_id": "b", "quantity": 1}, [("a", 1), ("b", 1)], "109.5"),
    ("Product Removed", {"product_id": "b", "quantity": 9}, [("a", 1)], "100"),
    ("Product Removed", {"product_id": "b", "quantity": None}, [("a", 1)], "100"),
    ("Product Removed", {"product_id": "b"}, [("a", 1)], "100"),
    ("Product Removed", {"product_id": "never"}, [("a", 1), ("b", 2)], "119"),
    ("Cart Updated", {"products": [{**SHOE, "quantity": 4}]}, [("a", 4)], "400"),
    ("Cart Viewed", {"products": [SOCK]}, [("b", 2)], "19"),
    ("Checkout Started", {"value": 119}, [("a", 1), ("b", 2)], "119"),
    ("Checkout Started", {"products": []}, [], "0"),
    ("Cart Cleared", {}, [], "0"),
    ("Order Completed", {"order_id": 1, "total": 119}, [], "0"),
]


@pytest.mark.parametrize(("event", "properties", "left", "total"), CASES)
def test_an_event_changes_the_cart_and_its_total(
    event: str, properties: dict[str, Any], left: list[tuple[str, int]], total: str
) -> None:
    """One shoe and two socks are in it before."""
    sheet = after(("Product Added", SHOE), ("Product Added", SOCK), (event, properties))
    assert lines(sheet) == left
    assert sheet.cart_total == Decimal(total)
    assert sheet.cart_items == sum(quantity for _, quantity in left)


def test_every_event_of_the_cart_is_among_those_that_change_one() -> None:
    """An event that the table above leaves out would be folded by nobody's intention."""
    named = {event for event, *_ in CASES}
    assert named == {name for name in FACT_EVENTS if not name.startswith("Order ")} | {"Order Completed"}


def test_what_a_whole_cart_leaves_unsaid_is_still_known() -> None:
    """A checkout that names products without their prices does not make the cart worth nothing."""
    sheet = after(("Product Added", SHOE), ("Checkout Started", {"products": [{"product_id": "a", "quantity": 2}]}))
    assert sheet.cart is not None
    assert sheet.cart["lines"] == [{**SHOE, "quantity": 2}]
    assert sheet.cart_total == 200


def test_a_product_is_known_again_by_its_sku_where_the_id_is_not_said() -> None:
    """And two ids are two products, whatever their names."""
    added = {**SHOE, "sku": "S-1"}
    assert lines(after(("Product Added", added), ("Product Removed", {"sku": "S-1"}))) == []
    assert lines(after(("Product Added", added), ("Product Added", {**SHOE, "product_id": "z"}))) == [
        ("a", 1), ("z", 1),
    ]  # fmt: skip


def test_variants_are_lines_of_their_own_and_a_removal_without_one_takes_the_latest() -> None:
    """Black and white of one shoe; the next line goes with the next removal."""
    black, white = {**SHOE, "variant": "black"}, {**SHOE, "variant": "white"}
    told = [("Product Added", black), ("Product Added", white), ("Product Removed", {"product_id": "a"})]
    sheet = after(*told)
    assert sheet.cart is not None
    assert [line["variant"] for line in sheet.cart["lines"]] == ["black"]
    assert lines(after(*told, ("Product Removed", {"product_id": "a", "variant": "white"}))) == [("a", 1)]
    assert lines(after(*told, ("Product Removed", {"product_id": "a"}))) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(FACT_EVENTS)),
            st.fixed_dictionaries(
                {},
                optional={
                    "product_id": st.sampled_from(["a", 1, None, ["x"]]), "sku": st.sampled_from(["s", None]),
                    "variant": st.sampled_from(["v", "w", None]),
                    "quantity": st.sampled_from([-1, 0, 1, 2.5, "x", None]),
                    "price": st.sampled_from([1, "2.5", None, {}]), "cart_id": st.sampled_from([1, "c", None, []]),
                    "products": st.lists(st.fixed_dictionaries({"product_id": st.just("a")}) | st.none(), max_size=2),
                },
            ),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_line_is_ever_empty_and_the_total_is_that_of_the_lines(told: Any) -> None:
    """Whatever is sent, in whatever types."""
    sheet = after(*told)
    if sheet.cart is None:
        return
    assert all(line["quantity"] > 0 for line in sheet.cart["lines"])
    prices = {"1": Decimal(1), "2.5": Decimal("2.5")}
    assert sheet.cart_total == sum(
        prices.get(str(line.get("price")), Decimal(0)) * line["quantity"] for line in sheet.cart["lines"]
    )
