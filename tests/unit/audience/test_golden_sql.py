"""The SQL of each leaf, on both databases, as text that a reviewer reads. UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from audience_worlds import content_of
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from lifecycle.audience.compile import COUNTS, compile_condition
from lifecycle.audience.setting import Setting
from lifecycle.base.units import Duration, Share
from lifecycle.spec import conditions as c
from lifecycle.store.tables import contacts

GOLDEN = Path(__file__).parents[2] / "golden" / "sql"
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]
DAY, MONTH = Duration(86400), Duration(months=1)
VIEWED = c.EventLeaf(("Product Viewed",), span=c.Span(within=DAY))


def on(operator: c.Operator, value: object) -> c.AttributeLeaf:
    """Return one test of an attribute that is a trait."""
    return c.AttributeLeaf("contact", ("size",), (c.Test(operator, value),))


CASES: dict[str, c.Condition] = {
    "test-is-text": on("is", "EU 42"),
    "test-is-number": on("is", Decimal("42.5")),
    "test-is-true": on("is", True),  # noqa: FBT003 - the value of a test
    "test-is_not": on("is_not", "EU 42"),
    "test-in": on("in", ("EU 42", 42)),
    "test-not_in": on("not_in", ("EU 42",)),
    "test-at_least": on("at_least", 42),
    "test-at_most": on("at_most", 42),
    "test-more_than": on("more_than", 42),
    "test-less_than": on("less_than", 42),
    "test-between": on("between", (40, 44)),
    "test-contains": on("contains", "42"),
    "test-starts_with": on("starts_with", "EU"),
    "test-ends_with": on("ends_with", "42"),
    "test-exists": on("exists", True),  # noqa: FBT003 - the value of a test
    "test-missing": on("exists", False),  # noqa: FBT003 - the value of a test
    "test-before": on("before", NOW),
    "test-after": on("after", NOW),
    "test-within": on("within", DAY),
    "test-older_than": on("older_than", MONTH),
    "test-top": c.FactLeaf("orders.total", (c.Test("top", Share.parse("10%")),)),
    "attribute-column": c.AttributeLeaf("contact", ("locale",), (c.Test("starts_with", "ar"),)),
    "attribute-account": c.AttributeLeaf("account", ("plan", "name"), (c.Test("is", "pro"),)),
    "event": VIEWED,
    "event-where-count": c.EventLeaf(
        ("Order Completed", "Order Updated"),
        (c.PropertyTest(("total",), (c.Test("at_least", 200),)),),
        (c.Test("at_least", 2),),
        c.Span(since=NOW.replace(month=1), until=NOW),
    ),
    "event-where-rating": c.EventLeaf(
        ("Review Submitted",), (c.PropertyTest(("rating",), (c.Test("at_least", 4), c.Test("is_not", "x"))),)
    ),
    "total": c.TotalLeaf(("Order Completed",), ("total",), (c.Test("at_least", 2000),), span=c.Span(within=MONTH)),
    "total-of-another": c.TotalLeaf(
        ("Order Completed",), ("revenue",), (c.Test("at_least", 2000),), span=c.Span(within=MONTH)
    ),
    "fact": c.FactLeaf("orders.total", (c.Test("at_least", Decimal("99.99")),)),
    "fact-count-zero": c.FactLeaf("orders.count", (c.Test("at_most", 1),)),
    "fact-views": c.AllOf(
        (
            c.FactLeaf("views.count", (c.Test("less_than", 3),)),
            c.FactLeaf("views.last_at", (c.Test("within", DAY),)),
            c.FactLeaf("views.last_category", (c.Test("is_not", "road"),)),
        )
    ),
    "fact-instant": c.FactLeaf("orders.last_at", (c.Test("older_than", Duration(90 * 86400)),)),
    "message": c.MessageLeaf("opened", campaign="welcome", step="hello", within=DAY),
    "message-last": c.MessageLeaf("clicked", last=10),
    "consent": c.ConsentLeaf("offers"),
    "date": c.DateLeaf("contact", ("birthday",), "year", Duration(2 * 86400)),
    "sample": c.SampleLeaf(Share.parse("10%"), "autumn"),
    "stage": c.StageLeaf("is", "first"),
    "stage-at_least-for": c.StageLeaf("at_least", "second", DAY),
    "segment": c.SegmentLeaf("viewers"),
    "all-any-not": c.AllOf((VIEWED, c.AnyOf((c.ConsentLeaf("offers"), c.Negation(c.ConsentLeaf("news")))))),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", CASES)
def test_a_condition_compiles_to_the_sql_that_was_reviewed(name: str, dialect: str) -> None:
    """Full text and parameters; a change here is a change of every query, and is to be looked at."""
    content = content_of(
        [VIEWED, c.FactLeaf("orders.count", (c.Test("at_least", 1),))], {"viewers": VIEWED}, keep_for=DAY
    )
    expression = compile_condition(CASES[name], Setting.of(content), NOW)
    found = select(contacts.c.id).where(COUNTS, expression).compile(dialect=DIALECTS[dialect])
    # which zones have another date is a matter of the tz database
    shown = {key: "zones" if key.startswith("timezone") else value for key, value in found.params.items()}
    lines = [str(found), "", *(f"-- {key} = {value!r}" for key, value in sorted(shown.items()))]
    text = "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"
    path = GOLDEN / f"{name}.{dialect}.sql"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 writes the new text"


def test_no_golden_file_is_left_over() -> None:
    """Each file belongs to a case."""
    expected = {f"{name}.{dialect}.sql" for name in CASES for dialect in DIALECTS}
    assert {path.name for path in GOLDEN.glob("*.sql")} == expected
