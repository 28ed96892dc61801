"""The JSON Schemas: valid themselves, not drifted, helpful, and of one mind with `check` about shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for one test
import pytest
import strategies_campaigns
import strategies_conditions
import strategies_projects
from golden_diagnostics import Case, all_cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_keys import properties_of

from lifecycle.spec import decode_campaign, decode_project
from lifecycle.spec.decode import Decoder, Reading
from lifecycle.spec.dump import as_yaml, campaign_data, project_data, segment_data, trigger_data
from lifecycle.spec.dump_conditions import condition_data
from lifecycle.spec.dump_steps import step_data
from lifecycle.spec.journey_tests import journey_test
from lifecycle.spec.schema import as_json, schemas
from lifecycle.spec.source import plain_data, read

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = schemas()
_LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
#: The folder of each kind of file.
_FOLDERS = {"segments": "segment", "campaigns": "campaign", "tests": "journey"}


def _fits(kind: str, data: Any) -> bool:
    return bool(jsonschema.Draft7Validator(SCHEMAS[kind]).is_valid(data))


def _kind(path: str) -> str:
    return _FOLDERS.get(path.split("/", maxsplit=1)[0], "project")


def _data(path: str, text: str) -> Any:
    node, _ = read(path, text)
    assert node is not None
    return plain_data(node)


def test_the_committed_schemas_are_those_of_the_program() -> None:
    """`lifecycle schema --out schemas` writes them; nobody edits them."""
    for name, schema in SCHEMAS.items():
        jsonschema.Draft7Validator.check_schema(schema)
        committed = (ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
        assert committed == as_json(schema), "run lifecycle schema --out schemas"


# ---------------------------------------------------------------- what an editor shows


ALL = [(kind, path, value) for kind, schema in SCHEMAS.items() for path, _, value in properties_of(schema, kind)]


def test_every_key_says_what_it_is_for() -> None:
    """An editor shows the description beside the key. Draft-07 has none beside $ref, so no property is a bare one."""
    assert len(ALL) > 300
    assert [f"{kind}: {path}" for kind, path, value in ALL if not value.get("description")] == []


def test_every_key_offers_what_may_stand_behind_it() -> None:
    """Options, a default or an example, its own or those of what it refers to; or it is made of keys that do."""
    assert [f"{kind}: {path}" for kind, path, value in ALL if not _offers(value, SCHEMAS[kind])] == []


_TELLING = {"enum", "examples", "default", "properties", "patternProperties"}


def _offers(value: Any, whole: dict[str, Any]) -> bool:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return name in {"steps", "step", "condition"} or _offers(whole["definitions"][name], whole)
    if {"enum", "examples", "default", "properties", "patternProperties"} & set(value) or value.get(
        "type"
    ) == "boolean":
        return True
    inner = [value[keyword] for keyword in ("items", "additionalProperties") if isinstance(value.get(keyword), dict)]
    return any(_offers(each, whole) for each in (*inner, *value.get("anyOf", ()), *value.get("allOf", ())))


def test_each_reference_within_a_schema_has_its_definition_and_stands_alone() -> None:
    """An editor would drop the whole file for one that is missing, and draft-07 ignores what stands beside $ref."""
    for schema in SCHEMAS.values():
        for holder in _references(schema):
            assert list(holder) == ["$ref"]
            assert holder["$ref"].removeprefix("#/definitions/") in schema["definitions"]


def _references(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        own = [node] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def test_each_example_fits_what_it_is_an_example_of() -> None:
    """An editor offers them; what it inserts must not be underlined."""
    for kind, path, value in ALL:
        resolver = {**value, "definitions": SCHEMAS[kind]["definitions"]}
        for example in value.get("examples", ()):
            jsonschema.Draft7Validator(resolver).validate(example), path


#: A campaign and a project that have each key with a default at `DEFAULT`, one at a time.
_CAMPAIGN = "campaign: a\nstage: s\ntopic: t\ntrigger: {event: A}\nsteps: [exit]\n"
_PROJECT = "project: p\nbrand: {name: A, url: https://a.example}\nsenders: {m: {from: a@b.example, name: A}}\n"
_STEP = "campaign: a\nstage: s\ntopic: t\ntrigger: {event: A}\nsteps: [{%s}]\n"
_TRIGGER = "campaign: a\nstage: s\ntopic: t\ntrigger: {%s}\nsteps: [exit]\n"
_DEFAULTS: dict[str, str] = {
    "campaign.status": _CAMPAIGN + "status: DEFAULT",
    "campaign.kind": _CAMPAIGN + "kind: DEFAULT",
    "campaign.priority": _CAMPAIGN + "priority: DEFAULT",
    "campaign.reentry": _CAMPAIGN + "reentry: DEFAULT",
    "campaign.enroll": _CAMPAIGN + "enroll: DEFAULT",
    "campaign.on_change": _CAMPAIGN + "on_change: DEFAULT",
    "campaign.send_window.quiet_hours": _CAMPAIGN + "send_window: {quiet_hours: DEFAULT}",
    "campaign.send_window.then": _CAMPAIGN + "send_window: {then: DEFAULT}",
    "campaign.trigger.timezone": _TRIGGER % "at: 2026-12-01T09:00, timezone: DEFAULT",
    "campaign.trigger.date.offset": _TRIGGER % "date: {of: contact.x, offset: DEFAULT}",
    "campaign.trigger.date.at": _TRIGGER % "date: {of: contact.x, at: DEFAULT}",
    "step.wait.offset": _STEP % "wait: {until: properties.x, offset: DEFAULT}",
    "step.split.weight": _STEP % "split: {a: {steps: [exit], weight: DEFAULT}, b: {steps: [exit]}}",
    "step.coupon.as": _STEP % "coupon: {percent: 10, as: DEFAULT}",
    "project.timezone": _PROJECT + "timezone: DEFAULT",
    "project.currency": _PROJECT + "currency: DEFAULT",
    "project.locales": _PROJECT + "locales: DEFAULT",
    "project.topics.default": _PROJECT + "topics: {t: {default: DEFAULT}}",
    "project.policies.quiet_hours.then": _PROJECT
    + 'policies: {quiet_hours: {from: "22:00", to: "08:00", then: DEFAULT}}',
    "project.policies.attribution.click": _PROJECT + "policies: {attribution: {click: DEFAULT}}",
    "project.policies.consent": _PROJECT + "policies: {consent: DEFAULT}",
    "project.surveys.scale": _PROJECT + "surveys: {a: {kind: csat, scale: DEFAULT}}",
    "project.webhooks.method": _PROJECT + "webhooks: {a: {url: https://a.example, method: DEFAULT}}",
}  # fmt: skip
#: Keys that cannot be left out alone: their mapping is, with them.
_WITH_THEIR_MAPPING = {"project.policies.attribution.click": "policies: {attribution: {click: DEFAULT}}"}


def test_every_default_of_a_schema_is_the_models() -> None:
    """To write the default is to write nothing."""
    declared = {path: value["default"] for _, path, value in ALL if "default" in value}
    assert set(declared) == set(_DEFAULTS)
    for path, text in _DEFAULTS.items():
        key = path.rpartition(".")[2]
        pair = _WITH_THEIR_MAPPING.get(path, f"{key}: DEFAULT")
        assert pair in text
        written = text.replace("DEFAULT", json.dumps(declared[path]))
        left_out = text.replace(f", {pair}", "").replace(pair, "")
        if f"{{{pair}}}" in text:
            left_out = text.replace(f"{{{pair}}}", "{}")
        decode: Decoder[Any] = decode_project.project if path.startswith("project") else decode_campaign.campaign
        assert _decoded(decode, written) == _decoded(decode, left_out), path


def _decoded(decode: Decoder[Any], text: str) -> Any:
    node, found = read("x.yaml", text)
    assert node is not None
    reading = Reading(found=found)
    try:
        return decode(node, reading)
    except Exception as error:
        raise AssertionError(f"{reading.found}\n{text}") from error


# ---------------------------------------------------------------- of one mind with check


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("project", "lifecycle.yaml"),
        ("segment", "segments/*.yaml"),
        ("campaign", "campaigns/*.yaml"),
        ("journey", "tests/journeys/*.yaml"),
    ],
)
def test_the_sample_project_fits_its_schemas_and_each_file_names_its_own(kind: str, pattern: str) -> None:
    """An editor underlines nothing in it: the first line leads from the file to a schema that is there."""
    paths = sorted(ROOT.glob(pattern))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        head = text.splitlines()[0]
        assert head.startswith("# yaml-language-server: $schema=")
        target = (path.parent / head.partition("$schema=")[2]).resolve()
        assert target == ROOT / "schemas" / f"{kind}.schema.json"
        jsonschema.Draft7Validator(SCHEMAS[kind]).validate(_data(path.name, text))


def _never_stricter(kind: str, strategy: st.SearchStrategy[Any], write: Callable[[Any], Any], examples: int) -> None:
    validator = jsonschema.Draft7Validator(SCHEMAS[kind])

    @settings(max_examples=examples, suppress_health_check=_LARGE)
    @given(strategy)
    def fits(made: Any) -> None:
        # through YAML, as an editor reads it
        validator.validate(_data("x.yaml", as_yaml(write(made))))

    fits()


@pytest.mark.parametrize("name", strategies_conditions.LEAVES)
def test_whatever_leaf_the_language_has_fits_the_schema(name: str) -> None:
    """The schema is never stricter than `check`."""
    leaf = strategies_conditions.LEAVES[name]
    _never_stricter("segment", leaf, lambda made: {"segment": "x", "where": condition_data(made)}, 15)


@pytest.mark.parametrize("name", strategies_campaigns.TRIGGERS)
def test_whatever_trigger_the_language_has_fits_the_schema(name: str) -> None:
    """The same, for what starts a campaign."""
    frame = {"campaign": "x", "stage": "y", "steps": ["exit"]}
    trigger = strategies_campaigns.TRIGGERS[name]
    _never_stricter("campaign", trigger, lambda made: {**frame, "trigger": trigger_data(made)}, 15)


@pytest.mark.parametrize("kind", [*strategies_campaigns.EFFECTS, *strategies_campaigns.WAYS])
def test_whatever_step_the_language_has_fits_the_schema(kind: str) -> None:
    """The same, for what happens in it."""
    frame = {"campaign": "x", "stage": "y", "trigger": "manual"}
    step = strategies_campaigns.step_of(kind)
    _never_stricter("campaign", step, lambda made: {**frame, "steps": [step_data(made)]}, 15)


def test_whatever_segment_and_campaign_the_language_has_fits_the_schema() -> None:
    """The same, for whole files."""
    _never_stricter("segment", strategies_campaigns.segments, segment_data, 20)
    _never_stricter("campaign", strategies_campaigns.campaigns, campaign_data, 20)


@pytest.mark.parametrize("section", strategies_projects.SECTIONS)
def test_whatever_section_the_language_has_fits_the_schema(section: str) -> None:
    """The same, for lifecycle.yaml."""
    _never_stricter("project", strategies_projects.project_with(section), project_data, 15)


#: Shapes that no schema of draft-07 can hold, or none that an editor would make sense of.
_BEYOND_A_SCHEMA = {
    "LC109": "ids are given by the reader",
    "LC110": "a schema does not know the file's name",
    "LC111": "nor that two items are alike in one key",
    "LC112": "nor the path of a key",
    "LC113": "nor the file's name",
    "LC114": "nor that a file is missing",
    "LC115": "nor that items ascend",
    "LC119": "nor count steps within steps",
    "LC120": "nor that two items name one domain",
    "LC121": "nor compare two values",
}
_BEYOND_BY_CASE = {
    "shape-locale-not-available": "what one key says is an option of another",
    "shape-quiet-hours-all-day": "two values are equal",
    "shape-otherwise-first": "the order of a list",
    "shape-time-zone": "the names of all zones",
    "shape-duration-endless": "arithmetic",
    "condition-goal-value-without-event": "a key far below decides",
}
_ERROR = re.compile(r"^(\S+?):\d+:\d+: error (LC1\d\d):", re.MULTILINE)
_SHAPES = [
    (case, path)
    for case in all_cases()
    for path in sorted({path for path, code in _ERROR.findall(case.expected) if code not in _BEYOND_A_SCHEMA})
]


@pytest.mark.parametrize(("case", "path"), _SHAPES, ids=[f"{case.name}:{_kind(path)}" for case, path in _SHAPES])
def test_an_editor_underlines_the_shapes_that_check_refuses(case: Case, path: str) -> None:
    """Each golden case of the shape of a file: unknown key, wrong type, no option, missing, excluded, out of range."""
    fits = _fits(_kind(path), _data(path, case.files[path]))
    assert fits == (case.name in _BEYOND_BY_CASE)


def test_no_exception_outlives_its_reason() -> None:
    """Each case that a schema cannot refuse is one of those tried."""
    assert set(_BEYOND_BY_CASE) <= {case.name for case, _ in _SHAPES}


def test_a_journey_test_of_the_wrong_shape_is_underlined() -> None:
    """The fourth kind of file has no golden cases of its own."""
    sound = "test: T\ncampaign: a\ngiven: {events: [{at: +5m, event: A}]}\nexpect: nothing\n"
    assert _fits("journey", _data("x.yaml", sound))
    assert _decoded(journey_test, sound)
    for old, new in (("expect: nothing", "expect: none"), ("+5m", "5"), ("event: A", "evnt: A"), ("campaign: a\n", "")):
        assert not _fits("journey", _data("x.yaml", sound.replace(old, new)))
        with pytest.raises(AssertionError):
            _decoded(journey_test, sound.replace(old, new))
