"""How long it is until something, as text: rounded down, in the language's own forms, at the moment of the mail."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rendering import compiled, mail

from lifecycle.render.formats import Formats

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
RIYADH = ZoneInfo("Asia/Riyadh")


@pytest.mark.parametrize(
    ("left", "english", "arabic"),
    [
        (timedelta(days=-3), "0 minutes", "0 دقيقة"),
        (timedelta(seconds=59), "0 minutes", "0 دقيقة"),
        (timedelta(minutes=119, seconds=59), "119 minutes", "119 دقيقة"),
        (timedelta(hours=2), "2 hours", "ساعتان"),
        (timedelta(hours=47, minutes=59), "47 hours", "47 ساعة"),
        (timedelta(days=2), "2 days", "يومان"),
        (timedelta(days=3) - timedelta(seconds=1), "2 days", "يومان"),
        (timedelta(days=10), "10 days", "10 أيام"),
        (timedelta(days=400), "400 days", "400 يوم"),
    ],
)
def test_a_countdown_is_rounded_down_and_in_the_languages_forms(left: timedelta, english: str, arabic: str) -> None:
    """Days from two days on, hours from two hours on, else minutes; what is over is over."""
    told = {locale: Formats(locale, "SAR", RIYADH).countdown(NOW + left, NOW) for locale in ("en", "ar")}
    assert told == {"en": english, "ar": arabic}


def test_a_plain_date_counts_to_the_end_of_the_day_in_the_readers_zone() -> None:
    """At noon in Riyadh there are twelve hours left of the day, in Cairo thirteen."""
    formats = Formats("en", "SAR", RIYADH)
    assert formats.countdown(date(2026, 11, 20), NOW) == "12 hours"
    assert formats.countdown("2026-11-20", NOW, ZoneInfo("Africa/Cairo")) == "13 hours"
    assert formats.countdown(NOW + timedelta(days=5), NOW, digits="arab") == "٥ days"


def test_a_countdown_is_counted_when_the_mail_is_made() -> None:
    """Not when the template is compiled, though all its names may be known then."""
    body = "<mj-text>{{ '2026-11-23T09:00:00Z' | countdown }}</mj-text>"
    scope: dict[str, Any] = {"now": NOW}
    assert mail(body, scope=scope).text.startswith("3 days")
    assert mail(body, scope={"now": NOW + timedelta(days=1)}).text.startswith("2 days")
    assert "countdown" in compiled(body).mjml
