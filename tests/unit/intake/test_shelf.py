"""What the shop's orders say of its products: what they are, and what goes with what."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import combinations
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.intake.recommend import MOST, cross_sell, popular, upsell
from lifecycle.intake.shelf import LAST_BUYERS, Product, Shelf, Stocktaking

SHOP = "https://www.rihla.example"


def line(product: str, price: Any = 100, **more: Any) -> dict[str, Any]:
    """Return a product of an order as a shop sends it."""
    return {"product_id": product, "name": product.title(), "price": price, "category": "road", **more}


def shelf_of(*orders: tuple[int, list[Any]]) -> Shelf:
    """Return the shelf after orders of (contact, lines), the newest first."""
    taking = Stocktaking(SHOP)
    for number, (contact, lines) in enumerate(orders):
        taking.add(contact, {"order_id": f"R-{number}", "products": lines})
    return taking.shelf()


@given(st.lists(st.tuples(st.integers(1, 6), st.sets(st.sampled_from("abcdef"), min_size=1)), max_size=40))
def test_closeness_is_the_cosine_of_the_orders_that_have_both(orders: list[tuple[int, set[str]]]) -> None:
    """Against counting by hand; pairs of one order, and products of one buyer, are left out."""
    found = shelf_of(*((contact, [line(name) for name in names]) for contact, names in orders))
    alone = Counter(name for _, names in orders for name in names)
    pairs = Counter(pair for _, names in orders for pair in combinations(sorted(names), 2))
    buyers = {name: {contact for contact, names in orders if name in names} for name in alone}
    known = {name for name, who in buyers.items() if len(who) > 1}
    assert {name: product.sold for name, product in found.products.items()} == {n: len(buyers[n]) for n in known}
    expected = {
        pair: count / sqrt(alone[pair[0]] * alone[pair[1]])
        for pair, count in pairs.items()
        if count > 1 and known.issuperset(pair)
    }
    told = {(name, other): close for name, near in found.together.items() for other, close in near}
    assert told == expected | {(other, name): close for (name, other), close in expected.items()}
    for near in found.together.values():
        assert near == sorted(near, key=lambda each: (-each[1], each[0]))


def test_an_order_that_comes_twice_counts_once() -> None:
    """By contact and order id: two contacts may have orders of one number."""
    taking = Stocktaking(SHOP)
    for contact in (1, 1, 2):
        taking.add(contact, {"order_id": "R-1", "products": [line("a"), line("b")]})
    assert taking.shelf().together == {"a": [("b", 1.0)], "b": [("a", 1.0)]}
    once = Stocktaking(SHOP)
    once.add(1, {"order_id": "R-1", "products": [line("a"), line("b")]})
    once.add(1, {"order_id": "R-1", "products": [line("a"), line("b")]})
    assert once.shelf() == Shelf()


def test_a_product_is_what_most_of_its_last_buyers_say() -> None:
    """A new price is shown once most of the last buyers paid it; what one buyer says is shown to nobody else."""
    liar = (99, [line("a", 1, name="Visit evil.example", url=f"{SHOP}/shoes/free")])
    honest = [(buyer, [line("a", 429, url=f"{SHOP}/shoes/a")]) for buyer in range(20)]
    assert shelf_of(liar, *honest).products["a"] == Product(
        "a", "A", Decimal(429), "road", f"{SHOP}/shoes/a", None, sold=21
    )
    dearer = [(100 + buyer, [line("a", 449)]) for buyer in range(LAST_BUYERS // 2 + 1)]
    assert shelf_of(*dearer, *honest).products["a"].price == Decimal(449)


def test_one_person_cannot_put_a_product_on_the_shelf() -> None:
    """However often they order it, from however many of the shop's pages."""
    assert shelf_of(*((1, [line("a"), line("b")]) for _ in range(50))) == Shelf()


def test_pages_and_pictures_that_a_mail_must_not_lead_to_are_left_out() -> None:
    """A page is one of the shop's own; both are https."""
    wrong = (
        "https://evil.example/", "http://rihla.example/a", "javascript:alert(1)", "https://rihla.example.evil.example/",
        "https://a:b@rihla.example/", 7, "https://[", f"{SHOP}/ a", "//rihla.example/a",
    )  # fmt: skip
    for url in wrong:
        told = [line("a", url=url, image_url="http://cdn.example/a.png")]
        product = shelf_of((1, told), (2, told)).products["a"]
        assert (product.url, product.image_url) == (None, None), url
    told = [line("a", url="https://shop.rihla.example/a", image_url="https://cdn.example/a.png")]
    product = shelf_of((1, told), (2, told)).products["a"]
    assert (product.url, product.image_url) == ("https://shop.rihla.example/a", "https://cdn.example/a.png")


def test_whatever_stands_in_an_order_is_an_order_or_nothing() -> None:
    """Nulls, texts, lists in lists, ten thousand lines: no error, and nothing made up."""
    odd: list[Any] = [None, 3, "x", [], {"product_id": None}, {"product_id": {}}, {"product_id": "a", "name": 7}]
    taking = Stocktaking(SHOP)
    for contact in (1, 2):
        many = [line(str(number)) for number in range(10_000)]
        wrong: list[Any] = [None, "x", {}, odd, many]
        for listed in wrong:
            taking.add(contact, {"products": listed})
    found = taking.shelf()
    assert "a" not in found.products
    assert len(found.products) == 20
    for price in (0, -3, "cheap", None, float("nan"), 10**30):
        free = shelf_of(*((contact, [line("a", price)]) for contact in (1, 2)))
        assert free.products["a"].price is None


def test_a_grocers_pairs_are_counted_of_the_newest_orders_as_far_as_memory_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closeness stays true of the orders that are counted; what the older ones sold is known all the same."""
    monkeypatch.setattr("lifecycle.intake.shelf.MOST_PAIRS", 6)
    new = [(1, [line("a"), line("b"), line("c")]), (2, [line("a"), line("b"), line("c")])]
    old = [(3, [line("a"), line("d")]), (4, [line("a"), line("d")])]
    found = shelf_of(*new, *old)
    assert found.together["a"] == [("b", 1.0), ("c", 1.0)]
    assert found.products["d"].sold == 2


def _shelf(**prices: tuple[str, int, int]) -> Shelf:
    products = {
        name: Product(name, name.title(), Decimal(price), kind, None, None, sold)
        for name, (kind, price, sold) in prices.items()
    }
    return Shelf(products)


def test_a_step_up_is_dearer_in_the_same_category_and_not_twice_as_dear() -> None:
    """The best selling first; of two in the bag the dearer counts; what they own or have is left out."""
    shelf = _shelf(a=("road", 100, 9), b=("road", 150, 3), c=("road", 200, 5), d=("road", 201, 9), e=("kit", 150, 9))
    assert [(product.product_id, below) for product, below in upsell(shelf, ["a"])] == [("c", "a"), ("b", "a")]
    assert [(product.product_id, below) for product, below in upsell(shelf, ["a", "b"])] == [("d", "b"), ("c", "b")]
    assert [product.product_id for product, _ in upsell(shelf, ["a"], {"c"})] == ["b"]
    assert upsell(shelf, ["nothing"]) == []
    assert upsell(shelf, []) == []


def test_cross_selling_adds_up_over_the_bag_and_says_because_of_what() -> None:
    """B is near to both; c is nearer to one. What is in the bag, owned or no longer there is left out."""
    shelf = _shelf(a=("x", 1, 1), b=("x", 1, 1), c=("x", 1, 1), d=("x", 1, 1))
    near = {"a": [("c", 0.5), ("b", 0.4), ("gone", 0.3)], "d": [("b", 0.3), ("a", 0.2)]}
    shelf = Shelf(shelf.products, near)
    assert [(product.product_id, why) for product, why in cross_sell(shelf, ["a", "d", "a"])] == [
        ("b", "a"),
        ("c", "a"),
    ]
    assert [product.product_id for product, _ in cross_sell(shelf, ["a", "d"], {"b"})] == ["c"]


def test_a_mail_gets_four_of_each_at_most() -> None:
    """And always the same ones: of equal sellers the cheaper, and then by their ids."""
    shelf = _shelf(**{name: ("road", 100 + place, 5) for place, name in enumerate("hgfedcba")})
    assert [product.product_id for product in popular(shelf, [])] == list("hgfe")
    assert [product.product_id for product in popular(shelf, ["g"], {"h"})] == list("fedc")
    assert len(upsell(shelf, ["h"])) == MOST
