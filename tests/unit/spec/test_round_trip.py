"""What the language can express, it can also say: a model dumped as YAML and loaded again is equal.

Each kind of leaf, test, trigger, step and section is tried on its own, so that a failure shrinks to a few words; then
the files as wholes. Each run also says which fields it has seen with a value other than their default: all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import pytest
import strategies
import strategies_campaigns
import strategies_conditions
import strategies_projects
from fields_seen import FieldsSeen, names_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecycle.spec import conditions, decode_campaign, decode_project, model
from lifecycle.spec.conditions import AttributeLeaf, Operator
from lifecycle.spec.decode import Reading
from lifecycle.spec.decode_condition import condition
from lifecycle.spec.decode_steps import KINDS, StepReader
from lifecycle.spec.decode_tests import FITTING
from lifecycle.spec.diagnostics import as_text
from lifecycle.spec.dump import as_yaml, campaign_data, project_data, segment_data, trigger_data
from lifecycle.spec.dump_conditions import condition_data
from lifecycle.spec.dump_steps import step_data
from lifecycle.spec.source import MapNode, Node, plain_data, read

_LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def _loaded(data: Any, decode: Callable[[Node, Reading], Any]) -> Any:
    """Return what `decode` makes of the data once they were written as YAML and read again."""
    text = as_yaml({"made": data})
    node, found = read("x.yaml", text)
    assert not [each for each in found if each.is_error], text
    assert isinstance(node, MapNode)
    reading = Reading(locales=strategies.LOCALES)
    try:
        return decode(node.entries[0].value, reading)
    except Exception as error:
        frames = "\n".join(as_text(each, {"x.yaml": text}) for each in reading.found)
        raise AssertionError(f"{error!r}\n{frames}") from error


def _survives(
    strategy: st.SearchStrategy[Any],
    write: Callable[[Any], Any],
    decode: Callable[[Node, Reading], Any],
    examples: int,
) -> None:
    @settings(max_examples=examples, suppress_health_check=_LARGE)
    @given(strategy)
    def survives(made: Any) -> None:
        assert _loaded(write(made), decode) == made

    survives()


def _steps(node: Node, reading: Reading) -> Any:
    return StepReader(reading).steps(node, reading)


@pytest.mark.parametrize("text", strategies.AWKWARD, ids=ascii)
def test_each_awkward_text_survives_as_key_and_as_value(text: str) -> None:
    """Alone, and in a list: what YAML trips over is quoted."""
    node, found = read("x.yaml", as_yaml({"a": text, "b": [text], text: {text: text}}))
    assert found == []
    assert isinstance(node, MapNode)
    assert plain_data(node) == {"a": text, "b": [text], text: {text: text}}


@pytest.mark.parametrize("operator", FITTING["any"])
def test_any_test_survives(operator: Operator) -> None:
    """Every operator with every value that it takes."""
    leaf = strategies_conditions.one_test(operator).map(lambda tests: AttributeLeaf("contact", ("x",), tests))
    _survives(leaf, condition_data, condition, 25)


@pytest.mark.parametrize("name", strategies_conditions.LEAVES)
def test_any_leaf_survives(name: str) -> None:
    """Every leaf, with each of its refinements."""
    _survives(strategies_conditions.LEAVES[name], condition_data, condition, 25)


def test_conditions_within_conditions_survive() -> None:
    """All, any and not."""
    _survives(strategies_conditions.conditions(3), condition_data, condition, 60)


@pytest.mark.parametrize("name", strategies_campaigns.TRIGGERS)
def test_any_trigger_survives(name: str) -> None:
    """Every trigger, with each of its keys."""
    _survives(strategies_campaigns.TRIGGERS[name], trigger_data, decode_campaign.trigger, 25)


@pytest.mark.parametrize("kind", [*strategies_campaigns.EFFECTS, *strategies_campaigns.WAYS])
def test_any_step_survives(kind: str) -> None:
    """Every step, with each of its keys."""
    one = strategies_campaigns.step_of(kind).map(lambda step: (step,))
    _survives(one, lambda made: [step_data(step) for step in made], _steps, 25)


@pytest.mark.parametrize("section", strategies_projects.SECTIONS)
def test_any_section_of_the_project_survives(section: str) -> None:
    """Every key of lifecycle.yaml."""
    _survives(strategies_projects.project_with(section), project_data, decode_project.project, 25)


def test_any_segment_survives() -> None:
    """The file as a whole."""
    _survives(strategies_campaigns.segments, segment_data, decode_campaign.segment, 30)


def test_any_campaign_survives() -> None:
    """The file as a whole, steps two levels deep."""
    _survives(strategies_campaigns.campaigns, campaign_data, decode_campaign.campaign, 40)


def test_any_project_survives() -> None:
    """The file as a whole."""
    _survives(strategies_projects.projects(), project_data, decode_project.project, 20)


def test_the_strategies_reach_every_field_of_the_model() -> None:
    """No key is left out: each field of each dataclass was seen with a value that is not its default.

    Every strategy is drawn from here once more (without YAML), so that the test stands on its own.
    """
    seen = FieldsSeen()

    def look(made: Any) -> None:
        seen.note(made)

    whole = (strategies_campaigns.segments, strategies_campaigns.campaigns, strategies_projects.projects())
    kinds = [*strategies_campaigns.EFFECTS, *strategies_campaigns.WAYS]
    for strategy in (
        *strategies_conditions.LEAVES.values(),
        *strategies_campaigns.TRIGGERS.values(),
        strategies_campaigns.goals(),
        *(strategies_campaigns.step_of(kind) for kind in kinds),
        *map(strategies_projects.project_with, strategies_projects.SECTIONS),
        *whole,
    ):
        settings(max_examples=25, suppress_health_check=_LARGE, derandomize=True)(given(strategy)(look))()
    wanted = {name for kind in _language() for name in names_of(kind)}
    assert wanted - seen.names == set()


def _language() -> list[type[Any]]:
    """Return the dataclasses that files are made of."""
    found = [
        kind
        for module in (conditions, model)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if is_dataclass(kind) and kind.__module__ == module.__name__ and not kind.__name__.startswith("_")
    ]
    found.remove(model.Content)  # all files together, in no file
    assert len(found) > 40
    return found


def test_the_strategies_have_every_leaf_and_step_by_name() -> None:
    """A new word of the language has no way around these tests."""
    assert {name.split()[0] for name in strategies_campaigns.EFFECTS} | set(strategies_campaigns.WAYS) == set(KINDS)
    assert set(conditions.FACTS) <= set(strategies_conditions.LEAVES)
    assert set(strategies_conditions.VALUES) == set(FITTING["any"]) | {"top"}
