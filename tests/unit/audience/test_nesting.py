"""What conditions may not do: go round in circles, nest without end, name what is not there."""

from __future__ import annotations

import pytest
from audience_worlds import EPOCH, content_of
from sqlalchemy import select

from lifecycle.audience.clauses import clauses
from lifecycle.audience.compile import compile_condition
from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.setting import MAX_NESTING, Setting
from lifecycle.audience.state import ContactState
from lifecycle.base.errors import ContentError
from lifecycle.spec import conditions as c
from lifecycle.store.tables import contacts

STATE = ContactState(1, "u", EPOCH)
HOLDS = c.AllOf(())


def deep(levels: int) -> c.Condition:
    """Return a condition nested that deep."""
    found: c.Condition = HOLDS
    for _ in range(levels):
        found = c.Negation(found)
    return found


@pytest.mark.parametrize(
    ("asked", "segments", "stages", "message"),
    [
        (deep(MAX_NESTING + 1), {}, [], "nested more than 16"),
        (c.SegmentLeaf("a"), {"a": c.SegmentLeaf("b"), "b": c.SegmentLeaf("a")}, [], "circle: a → b → a"),
        (c.SegmentLeaf("a"), {}, [], 'no segment "a"'),
        (c.StageLeaf("is", "fourth"), {}, [HOLDS], 'no stage "fourth"'),
        (c.StageLeaf("is", "first"), {}, [c.StageLeaf("is", "first")], "asks for a stage"),
        (c.StageLeaf("is", "first"), {"a": c.StageLeaf("is", "first")}, [c.SegmentLeaf("a")], "asks for a stage"),
    ],
)
def test_what_cannot_be_asked_is_refused_alike_by_both(
    asked: c.Condition, segments: dict[str, c.Condition], stages: list[c.Condition], message: str
) -> None:
    """The evaluator and the compiler raise the same ContentError; neither recurses without end."""
    setting = Setting.of(content_of(stages, segments))
    with pytest.raises(ContentError, match=message):
        evaluate(asked, STATE, setting, EPOCH)
    with pytest.raises(ContentError, match=message):
        compile_condition(asked, setting, EPOCH)


def test_sixteen_deep_is_allowed() -> None:
    """The limit is on what nobody writes."""
    setting = Setting.of(content_of([], {}))
    assert evaluate(deep(MAX_NESTING), STATE, setting, EPOCH)
    compile_condition(deep(MAX_NESTING), setting, EPOCH)


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb", "", "x" * 201])
def test_a_property_with_a_name_that_no_path_can_hold_is_refused(key: str) -> None:
    """SQLite's JSON paths know no escapes, so such a name never reaches one."""
    leaf = c.AttributeLeaf("contact", (key,), (c.Test("is", 1),))
    with pytest.raises(ContentError, match="cannot name"):
        compile_condition(leaf, Setting.of(content_of([], {})), EPOCH)


def test_values_are_bound_and_never_part_of_the_sql() -> None:
    """Neither a name nor a value of the content can break out of its place."""
    nasty = "x'); DROP TABLE contacts; --"
    leaf = c.AttributeLeaf("contact", (nasty,), (c.Test("is", nasty),))
    found = select(contacts.c.id).where(compile_condition(leaf, Setting.of(content_of([], {})), EPOCH)).compile()
    assert "DROP" not in str(found)
    assert nasty in found.params.values()


def test_clauses_show_each_part_with_the_value_it_saw() -> None:
    """The parts of a named segment stand below it."""
    size = c.AttributeLeaf("contact", ("size",), (c.Test("at_least", 40),))
    setting = Setting.of(content_of([], {"large": size}))
    state = ContactState(1, "u", EPOCH, attributes={"size": 39.5})
    asked = c.AllOf((c.SegmentLeaf("large"), c.Negation(c.ConsentLeaf("news"))))
    seen = [(one.depth, one.text, one.holds, one.saw) for one in clauses(asked, state, setting, EPOCH)]
    assert seen == [
        (0, "all", False, None),
        (1, "segment: large", False, None),
        (2, "contact.size: {at_least: 40}", False, "39.5"),
        (1, "not", False, None),
        (2, "consent: news", True, "granted by default"),
    ]
