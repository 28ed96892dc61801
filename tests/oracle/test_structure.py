"""Our HTML has the structure of the official mjml's; each difference is known by name."""

from __future__ import annotations

import re

import pytest
from differences import Difference, compare
from named import NAMED
from official import names, ours, recorded, recorded_html, template

from lifecycle.render.mjml_schema import REFUSED

ALL = names()


@pytest.fixture(scope="module")
def found() -> dict[str, list[Difference]]:
    """Return the differences by template."""
    return {name: compare(name, recorded_html(name), ours(template(name))) for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_our_html_has_the_structure_of_the_official_one(name: str) -> None:
    """Elements, attributes, declarations, Outlook's tables and the rules of style blocks; what is not named fails."""
    differences = compare(name, recorded_html(name), ours(template(name)))
    unknown = [one for one in differences if not any(known.explains(one) for known in NAMED)]
    assert not unknown, "\n" + "\n".join(map(str, unknown))


@pytest.mark.parametrize("known", NAMED, ids=[known.name for known in NAMED])
def test_each_named_difference_is_needed(known: object, found: dict[str, list[Difference]]) -> None:
    """One that explains nothing which no other explains is stale, and would hide what comes."""
    others = [other for other in NAMED if other is not known]
    every = [one for differences in found.values() for one in differences]
    assert [one for one in every if not any(other.explains(one) for other in others)]


def test_names_of_differences_are_unlike_and_have_a_reason() -> None:
    """The table is read by people."""
    assert len({known.name for known in NAMED}) == len(NAMED)
    assert all(len(known.reason) > 15 or known.reason.count(" ") for known in NAMED)


def test_the_templates_have_every_component_that_a_project_may_use() -> None:
    """31 components, but for those that are refused by name: REFUSED says why."""
    used = {tag for name in ALL for tag in re.findall(r"<(mj-[\w-]+)", template(name))}
    components = set(recorded("components")["components"])
    assert len(ALL) >= 44
    assert len(components) == 31
    assert components - used == {"mj-html-attributes"}
    assert components - used <= set(REFUSED)
    assert {"mj-all", "mj-class"} <= used
