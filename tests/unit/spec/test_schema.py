"""The JSON Schemas: valid themselves, not drifted, and never stricter than the language."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for one test
import pytest
import strategies
from golden_diagnostics import Case, all_cases
from hypothesis import HealthCheck, given, settings

from lifecycle.spec.dump import campaign_data, project_data, segment_data
from lifecycle.spec.model import Campaign, Project, Segment
from lifecycle.spec.schema import as_json, schemas
from lifecycle.spec.source import plain_data, read

ROOT = Path(__file__).resolve().parents[3]
_LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


def _check(kind: str, data: Any) -> None:
    jsonschema.Draft7Validator(schemas()[kind]).validate(data)


def test_the_committed_schemas_are_those_of_the_program() -> None:
    """`make schemas` writes them; nobody edits them."""
    for name, schema in schemas().items():
        jsonschema.Draft7Validator.check_schema(schema)
        committed = (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
        assert committed == as_json(schema), "run lifecycle schema --out schemas"


def test_each_reference_within_a_schema_has_its_definition() -> None:
    """An editor would drop the whole file for one that is missing."""
    for schema in schemas().values():
        for pointer in _references(schema):
            assert pointer.removeprefix("#/definitions/") in schema["definitions"]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("project", "lifecycle.yaml"),
        ("segment", "segments/*.yaml"),
        ("campaign", "campaigns/*.yaml"),
        ("journey", "tests/journeys/*.yaml"),
    ],
)
def test_the_sample_project_fits_its_schemas(kind: str, pattern: str) -> None:
    """An editor underlines nothing in it, and each file names its schema in its first line."""
    paths = sorted(ROOT.glob(pattern))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# yaml-language-server: $schema=")
        assert text.splitlines()[0].endswith(f"schemas/{kind}.schema.json")
        node, _ = read(path.name, text)
        assert node is not None
        _check(kind, plain_data(node))


@settings(max_examples=40, suppress_health_check=_LARGE)
@given(strategies.segments)
def test_whatever_segment_the_language_has_fits_the_schema(made: Segment) -> None:
    """The schema is never stricter than `check`."""
    _check("segment", segment_data(made))


@settings(max_examples=15, suppress_health_check=_LARGE)
@given(strategies.campaigns)
def test_whatever_campaign_the_language_has_fits_the_schema(made: Campaign) -> None:
    """The same, with every step and trigger."""
    _check("campaign", campaign_data(made))


@settings(max_examples=15, suppress_health_check=_LARGE)
@given(strategies.projects)
def test_whatever_project_the_language_has_fits_the_schema(made: Project) -> None:
    """The same, for lifecycle.yaml."""
    _check("project", project_data(made))


_SHAPES = [case for case in all_cases() if {found.code for found in case.found()} == {"LC104"}]


@pytest.mark.parametrize("case", _SHAPES, ids=[case.name for case in _SHAPES])
def test_unknown_keys_do_not_fit_the_schema_either(case: Case) -> None:
    """An editor underlines what `check` would refuse."""
    for found in case.found():
        node, _ = read(found.place.path, case.files[found.place.path])
        assert node is not None
        kind = "campaign" if found.place.path.startswith("campaigns") else "segment"
        with pytest.raises(jsonschema.ValidationError):
            _check(kind, copy.deepcopy(plain_data(node)))
