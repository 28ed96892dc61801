"""Companies: several people under one, each with a role there; what becomes of a company concerns all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from arrivals import identify, refreshed, rows, take, track

from journey_worlds import project
from lifecycle.audience.membership import refresh
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import accept
from lifecycle.journey.advance import advance
from lifecycle.journey.versions import Versions
from lifecycle.plan.apply import apply
from lifecycle.spec.model import Content
from lifecycle.spec.project import load
from lifecycle.store import tables
from lifecycle.store.engine import Store

KEY = b"a key of tests, long enough"
PAGE = Path(__file__).parents[3] / "docs" / "audience.md"


def example() -> Content:
    """Return a project with the segment that docs/audience.md gives as its example of companies."""
    block = re.search(r"^```yaml companies\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    content = load({"lifecycle.yaml": project(), "segments/pro-deciders.yaml": block[1]}).content
    assert content is not None
    return content


CONTENT = example()


def group(user: str, company: str | None, **traits: Any) -> dict[str, Any]:
    """Return a group message."""
    return {"type": "group", "userId": user, "groupId": company, "messageId": f"g-{user}-{company}", "traits": traits}


def bring(store: Store, clock: ManualClock, *payloads: Any, live: bool) -> None:
    """Take in what happened, as the API does and the journey after it, or as an import does."""
    if live:
        apply(store, CONTENT, None, clock.now())
    taken = accept(store, payloads, clock=clock, content=CONTENT, live=live)
    assert not taken.rejected
    if live:
        while advance(store, Versions(store), KEY, clock.now()).contacts:
            pass
    else:
        with store.write() as connection:
            refresh(connection, CONTENT, clock.now(), "import", taken.touched)


def inside(store: Store) -> list[str]:
    """Return who is in the segment, by userId or, for who was merged, by row."""
    names = {row["id"]: row["external_id"] or str(row["id"]) for row in rows(store, tables.contacts)}
    return sorted(
        names[row["contact_id"]]
        for row in rows(store, tables.memberships)
        if row["segment"] == "pro-deciders" and row["left_at"] is None
    )


@pytest.mark.parametrize("live", [True, False])
def test_a_change_of_the_plan_moves_everybody_at_the_company(store: Store, clock: ManualClock, *, live: bool) -> None:
    """Whoever's message told it: the buyer and the owner enter, the intern does not, and they leave together."""
    people = [
        group("omar", "acme", name="Acme", plan="free", role="owner"),
        group("sara", "acme", role="buyer"),
        group("ina", "acme", role="intern"),
        group("lone", "other", plan="pro", role="buyer"),
    ]
    bring(store, clock, *people, live=live)
    assert inside(store) == ["lone"]
    bring(store, clock, group("ina", "acme", plan="pro"), live=live)
    assert inside(store) == ["lone", "omar", "sara"]
    bring(store, clock, group("omar", "acme", plan="free"), live=live)
    assert inside(store) == ["lone"]
    assert refreshed(store, clock, CONTENT) == set()


def test_a_colleague_inside_a_campaign_is_looked_at_after_an_import(store: Store, clock: ManualClock) -> None:
    """History leaves work for whoever is inside: the company's new plan may be what ends the campaign."""
    from arrivals import enrol

    take(store, clock, group("a", "acme", plan="pro"), group("b", "acme"), group("c", "acme"), live=False)
    enrol(store, clock, 2, "active", [0])
    taken = take(store, clock, group("a", "acme", plan="free"), live=False)
    assert taken.touched == {1, 2, 3}
    assert [row["contact_id"] for row in rows(store, tables.inbox)] == [2]


def test_who_was_merged_or_erased_is_nobodys_colleague(store: Store, clock: ManualClock) -> None:
    """Their rows are there and get no turn, so they are never enrolled again."""
    bring(store, clock, group("a", "acme", plan="free", role="owner"), group("b", "acme", role="buyer"), live=True)
    bring(store, clock, {"type": "alias", "userId": "a", "previousId": "b", "messageId": "m"}, live=True)
    bring(store, clock, group("a", "acme", plan="pro"), live=True)
    assert inside(store) == ["a"]
    assert [row["account_id"] for row in rows(store, tables.contacts)] == [1, None]


def test_the_role_is_the_persons_and_the_other_traits_are_the_companys(store: Store, clock: ManualClock) -> None:
    """Also where the client tells it among the traits of its user; null takes it away."""
    said = {"context": {"traits": {"role": "buyer", "email": "sara@acme.example"}}}
    take(store, clock, {**group("sara", "acme", plan="pro", employees=12), **said}, group("omar", "acme", role="owner"))
    assert [row["attributes"] for row in rows(store, tables.contacts)] == [{"role": "buyer"}, {"role": "owner"}]
    assert rows(store, tables.accounts)[0]["attributes"] == {"plan": "pro", "employees": 12}
    take(store, clock, group("omar", "acme", role=None))
    assert rows(store, tables.contacts)[1]["attributes"] == {}


def test_a_role_ends_with_the_company_it_was_at(store: Store, clock: ManualClock) -> None:
    """The buyer of one company is not the buyer of the next, unless somebody says so; who leaves has no company."""
    take(store, clock, identify("sara", role="buyer"), group("sara", "acme"))
    assert rows(store, tables.contacts)[0]["attributes"] == {"role": "buyer"}  # told before the company was
    take(store, clock, group("sara", "globex"))
    found = rows(store, tables.contacts)[0]
    assert (found["account_id"], found["attributes"]) == (2, {})
    take(store, clock, group("sara", "acme", role="owner"))
    assert rows(store, tables.contacts)[0]["attributes"] == {"role": "owner"}
    take(store, clock, group("sara", None))
    found = rows(store, tables.contacts)[0]
    assert (found["account_id"], found["attributes"]) == (None, {})


@pytest.mark.parametrize("live", [True, False])
def test_who_moves_or_leaves_is_no_longer_concerned(store: Store, clock: ManualClock, *, live: bool) -> None:
    """The old company's plan means nothing to him, the new one's does."""
    bring(store, clock, group("sara", "acme", plan="pro", role="buyer"), group("omar", "free", plan="free"), live=live)
    assert inside(store) == ["sara"]
    bring(store, clock, group("sara", "free", role="buyer"), live=live)
    assert inside(store) == []
    bring(store, clock, group("omar", "free", plan="pro"), live=live)
    assert inside(store) == ["sara"]
    bring(store, clock, group("sara", None), live=live)
    assert inside(store) == []
    assert refreshed(store, clock, CONTENT) == set()


@pytest.mark.parametrize("company", ["", "  ", {}])
def test_only_null_says_that_somebody_leaves(store: Store, clock: ManualClock, company: Any) -> None:
    """A client that lost the company's id must not take people out of it."""
    take(store, clock, group("sara", "acme"))
    assert len(take(store, clock, group("sara", company)).rejected) == 1
    nameless = {"type": "group", "userId": "sara", "messageId": "n", "traits": {}}
    assert "groupId is missing" in take(store, clock, nameless).rejected[0].reason
    assert rows(store, tables.contacts)[0]["account_id"] == 1


@pytest.mark.parametrize(
    ("old", "new", "role"),
    [
        ([group("old", "acme")], [group("new", "globex", role="owner")], None),
        ([group("old", "acme", role="buyer")], [group("new", "globex", role="owner")], "buyer"),
        ([identify("old", role="buyer")], [group("new", "globex", role="owner")], "owner"),
        ([group("old", "acme")], [group("new", "acme", role="owner")], "owner"),
        ([group("old", "acme")], [identify("new", role="owner")], "owner"),
    ],
)
def test_a_merge_never_joins_one_company_and_the_role_at_another(
    store: Store, clock: ManualClock, old: list[Any], new: list[Any], role: str | None
) -> None:
    """The role comes from the company that stays."""
    take(store, clock, *old, *new, {"type": "alias", "userId": "old", "previousId": "new", "messageId": "m"})
    assert rows(store, tables.contacts)[0]["attributes"].get("role") == role


def test_a_company_of_many_is_told_in_one_import(store: Store, clock: ManualClock) -> None:
    """Ten thousand colleagues cost one query each way, and each of them is brought up."""
    names = [f"u{number}" for number in range(10_000)]
    take(store, clock, *(group(name, "acme", role="buyer") for name in names), live=False)
    bring(store, clock, group("u0", "acme", plan="pro"), live=False)
    assert len(inside(store)) == len(names)


def test_an_event_of_a_colleague_concerns_nobody_else(store: Store, clock: ManualClock) -> None:
    """Only what becomes of the company is shared; what one does is his own."""
    take(store, clock, group("a", "acme", plan="pro"), group("b", "acme"), live=False)
    taken = take(store, clock, track("a", "Seen", "m"), group("a", "acme", plan="pro"))
    assert taken.touched == {1}
