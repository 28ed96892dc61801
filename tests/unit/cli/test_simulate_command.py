"""`lifecycle simulate --events`: a file of any date is replayed by its own timestamps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.base.clock import SystemClock
from lifecycle.cli.init import copy_sample
from lifecycle.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

LINE = {"product_id": "p", "name": "Madar", "price": 10, "quantity": 1}


def test_events_dated_years_from_now_are_replayed_when_they_say(tmp_path: Path) -> None:
    """No timestamp of a file is clamped to the day on which it is replayed; who ordered gets no reminder."""
    shop, out, source = tmp_path / "shop", tmp_path / "rows.ndjson", tmp_path / "events.ndjson"
    copy_sample(shop)
    messages = []
    for name in ("lina", "omar"):
        traits = {"email": f"{name}@example.com", "consent": {"offers": True}}
        messages += [
            {"type": "identify", "userId": name, "timestamp": "2041-03-01T09:00:00Z", "traits": traits},
            {"type": "track", "userId": name, "timestamp": "2041-03-01T10:00:00Z", "event": "Product Added",
             "properties": {"cart_id": name, **LINE}},
        ]  # fmt: skip
    bought = {"order_id": "o1", "total": 10}
    messages.append(
        {"type": "track", "userId": "omar", "timestamp": "2041-03-01T10:40:00Z", "event": "Order Completed",
         "properties": bought}
    )  # fmt: skip
    source.write_text("\n".join(json.dumps(message) for message in messages), encoding="utf-8")
    command = ["simulate", "--events", f"{source}", "--from", "2041-03-01", "--to", "2041-03-02", "--out", f"{out}"]
    assert run(["-C", f"{shop}", *command, "--campaign", "cart-abandonment"]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["at"], row["step"], row["contact"], row["outcome"]) for row in rows] == [
        ("2041-03-01T11:00:00Z", "cart/reminder", "lina", "sent")
    ]


def test_the_past_as_the_pattern_is_drawn_by_day_and_campaign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the terminal and as one page; the same seed gives the same bytes."""
    shop, source = tmp_path / "shop", tmp_path / "events.ndjson"
    copy_sample(shop)
    now = SystemClock().now()
    lines = []
    for number in range(6):
        traits = {"email": f"c{number}@example.com", "consent": {"offers": True}}
        at = (now - timedelta(days=40)).isoformat()
        lines.append({"type": "identify", "userId": f"c{number}", "timestamp": at, "traits": traits})
        at = (now - timedelta(days=number + 1)).isoformat()
        bought = {"order_id": f"o{number}", "total": 10}
        order = {"type": "track", "event": "Order Completed", "userId": f"c{number}", "timestamp": at}
        lines.append({**order, "messageId": f"m{number}", "properties": bought})
    source.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert run(["-C", f"{shop}", "import", "events", f"{source}"]) == 0
    start = now.isoformat()
    written = []
    for name in ("a", "b"):
        out, page = tmp_path / f"{name}.ndjson", tmp_path / f"{name}.html"
        command = ["simulate", "--from", start, "--to", "14d", "--pattern", "7d", "--seed", "3"]
        assert run(["-C", f"{shop}", *command, "--out", f"{out}", "--html", f"{page}"]) == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"order/confirmation") == 12
    shown = capsys.readouterr().out
    assert "By day" in shown
    assert "█" in shown
    assert "each lives those of somebody in its stage (seed 3)" in shown
    drawn = page.read_text(encoding="utf-8")
    assert drawn.count("<svg") > 2
    assert "order-confirmation" in drawn


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pattern", "soon"], "--pattern: a duration"),
        (["--pattern", "-3d"], "--pattern looks back"),
        (["--pattern", "0d"], "--pattern looks back"),
        (["--pattern", "7d", "--events", "EVENTS"], "--events brings its own future"),
        (["--html", "/nowhere/at/all.html"], "cannot write"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A usage error, never a traceback."""
    shop, source = tmp_path / "shop", tmp_path / "events.ndjson"
    copy_sample(shop)
    source.write_text("")
    wanted = [f"{source}" if each == "EVENTS" else each for each in arguments]
    assert run(["-C", f"{shop}", "simulate", *wanted]) == 2
    assert said in capsys.readouterr().err
