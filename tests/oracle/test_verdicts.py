"""Our checker finds an error exactly where the official validator finds one, at the same line; or it is known why."""

from __future__ import annotations

import pytest
from official import names, recorded, template
from verdicts import NAMED, Named, Said, our_errors, their_errors, unlike
from wrong import every

WRONG = every(sorted(recorded("components")["components"]))


def differences() -> list[Said]:
    """Return all that one of the two says alone, of all wrong inputs."""
    said = recorded("verdicts")["wrong"]
    return [
        one
        for name, source in WRONG.items()
        for one in unlike(our_errors(name, source), their_errors(name, said[name]))
    ]


def test_right_templates_have_no_error() -> None:
    """Neither to us nor to the official validator."""
    found = {name: our_errors(name, template(name)) for name in names()}
    assert {name: said for name, said in found.items() if said} == {}
    assert {name: said for name, said in recorded("verdicts")["templates"].items() if said} == {}


def test_wrong_inputs_are_wrong_to_both_at_the_same_line() -> None:
    """What one of them says alone is known by name."""
    unknown = [said for said in differences() if not any(known.explains(said) for known in NAMED)]
    assert not unknown, "\n" + "\n".join(map(str, unknown))


def test_enough_is_tried() -> None:
    """At least 60 inputs are wrong to the official validator, of each kind of error that it knows."""
    said = recorded("verdicts")["wrong"]
    messages = " ".join(error["message"] for errors in said.values() for error in errors)
    assert sum(bool(errors) for errors in said.values()) >= 60
    for kind in ("Color", "Unit", "Enum", "Integer", "Boolean", "is illegal", "cannot be used inside", "doesn't exist"):
        assert kind in messages, kind


@pytest.mark.parametrize("known", NAMED, ids=[known.name for known in NAMED])
def test_each_named_difference_in_judgement_is_needed(known: Named) -> None:
    """One that explains nothing which no other explains is stale."""
    others = [other for other in NAMED if other is not known]
    assert [said for said in differences() if not any(other.explains(said) for other in others)]
