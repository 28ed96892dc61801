"""`lifecycle plan` in the terminal: the people, by what becomes of them, and the mails that would not go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifecycle.base.clock import ManualClock
from lifecycle.cli import plan as command
from lifecycle.plan.build import build_plan
from shop import Shop, content_of, edited

if TYPE_CHECKING:
    from datetime import datetime

    import pytest

    from lifecycle.store.engine import Store

CART = "campaigns/cart-abandonment.yaml"


def test_a_plan_says_who_enters_what_becomes_of_those_inside_and_what_would_not_go(
    store: Store, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two wait with a bag, one of whom has had his mails of the day; both go on in the new steps."""
    shop = Shop(store, clock)
    shop.contact("lina")
    shop.contact("omar", consent={"offers": False})
    shop.work()
    for name in ("lina", "omar"):
        shop.track(name, "Product Added", cart_id=name, product_id="p", name="P", price=9, quantity=1)
    shop.work()
    content = content_of(edited(CART, ("reentry:", "on_change: migrate\nreentry:")))
    plan = build_plan(store, content, shop.content, shop.versions, clock.now())
    command._print(plan)
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "changed cart-abandonment" in shown
    assert "go on in the new steps, from the step of the same id" in shown
    assert f"{_hour(clock.now())} 1 cart-abandonment 1" in shown
    assert "Due on the first day, and would not go campaign mails because" in shown
    assert "cart-abandonment 1 not_consented 1" in shown


def _hour(now: datetime) -> str:
    return f"{now:%Y-%m-%dT}{now.hour + 1:02}:00Z"
