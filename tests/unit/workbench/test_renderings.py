"""What each mail is known to be made of, and what is made again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edits import small_sample
from lifecycle.render.compile import Compiled
from lifecycle.spec.model import Content
from lifecycle.spec.project import load
from lifecycle.workbench.renderings import PLAIN, Renderings


def content(**changes: str) -> Content:
    """Return two of the sample's mails, with some files changed (named by their last part)."""
    files = {
        path: changes.get(path.rpartition("/")[2].partition(".")[0], text) for path, text in small_sample().items()
    }
    found = load(files).partial
    assert found is not None
    return found


def test_a_mail_is_made_of_its_own_files_and_of_nobody_elses() -> None:
    """Also when others are asked for in between: their mistakes are not its own."""
    made = Renderings(content())
    made.effective("cart/discount", "ar")
    made.at_hand("cart/discount", "en")
    files = made.get("order/confirmation", "en").files
    assert "templates/order/confirmation.mjml" in files
    assert "templates/partials/goods.mjml" in files
    assert [path for path in files if "cart/" in path] == []
    made._templates.notes.begin()
    made.effective("cart/discount", "ar")
    made.at_hand("cart/discount", "en")
    assert made._templates.notes.reads == set()


def test_a_new_version_keeps_the_mails_that_read_nothing_new() -> None:
    """A partial that one of them includes makes that one again; the campaign of a mail is read too."""
    first = Renderings(content())
    for name in ("cart/discount", "order/confirmation"):
        first.get(name, "en")
    coupon = small_sample()["templates/partials/coupon.mjml"]
    second = Renderings(content(coupon=coupon + " "), last=first)
    assert {name for name, _ in second.made()} == {"order/confirmation"}
    third = Renderings(content(), last=second)
    third.get("cart/discount", "en")
    sent = third.content.campaigns["order-confirmation"]
    assert sent.place is not None
    changed = dict(third.content.files) | {sent.place.path: third.content.files[sent.place.path] + "\n"}
    fourth = Renderings(replace(third.content, files=changed), last=third)
    assert {name for name, _ in fourth.made()} == {"cart/discount"}


def test_a_mistake_of_ours_stops_one_mail_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at that mail, and the others are made."""
    made = Renderings(content())
    compile_ = made._templates.compile

    def broken(template: str, locale: str) -> Compiled:
        if template == "cart/discount":
            raise ZeroDivisionError("by nought")
        return compile_(template, locale)

    monkeypatch.setattr(made._templates, "compile", broken)
    assert "ZeroDivisionError: by nought" in made.get("cart/discount", "en").people[PLAIN].wrong
    assert made.get("order/confirmation", "en").people[PLAIN].mail is not None
