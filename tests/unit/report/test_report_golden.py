"""Every report of one small, fixed history, as JSON, held to files under tests/golden/report.

`UPDATE_GOLDEN=1 pytest tests/unit/report/test_report_golden.py` writes them anew: read what changed before committing.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from lifecycle.report.catalogue import NAMES, OF_CAMPAIGN, build
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

GOLDEN = Path(__file__).parents[2] / "golden" / "report"
DAY = 24


def _history(pen: Any) -> None:
    """Eight contacts, most things that can become of a mail, and three customers."""
    people = [pen.contact(f"p{index}", stage="awareness") for index in range(8)]
    for index, person in enumerate(people):
        pen.transition(person, None, "awareness", index)
        pen.consent(person, "offers", granted=index != 7, hour=index)
        held = index == 5
        pen.enrolment(
            person,
            "held_out" if held else "goal_met" if index < 2 else "completed",
            hour=index,
            arm="held_out" if held else "treated",
            reason="held_out" if held else "goal_met" if index < 2 else "",
            goal_at=pen.at(3 * DAY) if index < 2 else None,
            goal_value=Decimal("199.50") if index < 2 else None,
        )
    for index, (state, reason) in enumerate(
        [("delivered", ""), ("sent", ""), ("sent", ""), ("bounced", ""), ("unknown", ""), ("skipped", "held_out"),
         ("queued", ""), ("skipped", "not_consented")]
    ):  # fmt: skip
        engaged = index < 2
        row = pen.message(
            people[index], state, hour=index, reason=reason,
            address=f"p{index}@{'one' if index % 2 else 'two'}.example",
            delivered_at=pen.at(1) if state == "delivered" else None,
            provider="ses" if state == "delivered" else "smtp",
            opened_at=pen.at(10 + index) if engaged else None, clicked_at=pen.at(11 + index) if engaged else None,
            unsubscribed_at=pen.at(12) if index == 1 else None,
        )  # fmt: skip
        if engaged:
            pen.hit(row, people[index], "click", 11 + index)
            pen.order(people[index], f"O{index}", 20 + index, "199.50", refunded="99.50" if index else "0")
            pen.transition(people[index], "awareness", "retention", 20 + index)
        pen.hit(row, people[index], "open", index + 0.1, verdict="machine")
    pen.message(people[0], "cancelled", step="tips", reason="goal_met", hour=2 * DAY)
    pen.order(people[0], "O9", 40 * DAY, "10")
    pen.order(people[4], "O4", 35 * DAY, "80")


def test_reports_of_a_fixed_history_are_what_they_were(store: Store, content: Content, pen: Any) -> None:
    """Each report, the same on both databases, number for number."""
    _history(pen)
    with store.read() as connection:
        found = {
            name: build(connection, content, name, "welcome" if name in OF_CAMPAIGN else None).data for name in NAMES
        }
    for name, data in found.items():
        written = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
        file = GOLDEN / f"{name}.json"
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.mkdir(parents=True, exist_ok=True)
            file.write_text(written, encoding="utf-8")
        assert written == file.read_text(encoding="utf-8"), name
