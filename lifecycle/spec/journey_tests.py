"""tests/journeys/*.yaml: what a contact does, and the mails that must come of it. `lifecycle test` runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from lifecycle.base.units import Duration, parse_zone
from lifecycle.spec import rules_shape
from lifecycle.spec.decode import Fields, Reading, Refused, listed, wrong_type
from lifecycle.spec.decode_values import any_duration, data_map, event_name, instant, integer, name, step_id, text
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean, in_order
from lifecycle.spec.model import Campaign, Content, Send, walk_steps
from lifecycle.spec.place import Place
from lifecycle.spec.rules_references import UnknownStep, check_references, templates
from lifecycle.spec.source import MapNode, Node, ScalarNode, read

FOLDER = "tests/journeys/"


@dataclass(frozen=True, slots=True)
class GivenEvent:
    """An event that the contact causes, that long after the test's start."""

    at: Duration
    event: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """Who and what. `contact` holds traits, with `consent: {TOPIC: true}`; `start` is None where any day will do.

    `points` is the balance at the start; None: the contact has no points yet.
    """

    contact: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[GivenEvent, ...] = ()
    start: datetime | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A mail at that time after the start; `send` is a step's id or its template. `where` holds of the ledger's row."""

    at: Duration
    send: str
    to: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class JourneyTest:
    """One test. An empty `expect` is `nothing`: no mail at all."""

    test: str
    campaign: str
    given: Given
    expect: tuple[Expected, ...]
    path: str = field(default="", compare=False)
    place: Place | None = field(default=None, compare=False, repr=False)


def load_journey_tests(
    files: Mapping[str, str], content: Content, declared: Mapping[str, AbstractSet[str]] = MappingProxyType({})
) -> tuple[tuple[JourneyTest, ...], list[Diagnostic]]:
    """Return the tests in the order of their files, and what is wrong with those that do not read. Never raises.

    `declared` holds, by kind, ids that broken files meant to declare: that they are broken has been said.
    """
    reading = Reading(zone=parse_zone(content.project.timezone), locales=content.project.locales)
    tests: list[JourneyTest] = []
    for path in sorted(files):
        if not path.startswith(FOLDER):
            continue
        if path.endswith(".yml"):
            reading.found.append(rules_shape.WrongExtension.at(Place(path, 1, 1)))
        node, found = read(path, files[path])
        reading.found += found
        if node is None:
            continue
        reading.begin()
        try:
            made = journey_test(node, reading)
        except Refused:
            continue
        tests.append(made)
        reading.found += _unknown_sends(made, content)
    reading.found += check_references(content, reading.references, declared)
    return tuple(tests), in_order(reading.found)


def journey_test(node: Node, reading: Reading) -> JourneyTest:
    """Read one test."""
    fields = Fields(node, "a journey test", reading)
    made = JourneyTest(
        fields.required("test", text),
        fields.required("campaign", lambda node, _: reading.refer("campaign", name(node, reading), node.place)),
        fields.optional("given", _given, Given()),
        fields.required("expect", _expect, hint="the mails, or expect: nothing"),
        path=fields.node.place.path,
        place=fields.place("test"),
    )
    fields.close()
    return made


def _given(node: Node, reading: Reading) -> Given:
    fields = Fields(node, "given", reading)
    made = Given(
        fields.optional("contact", _contact, {}),
        fields.optional("events", listed(_event), ()),
        fields.maybe("start", instant),
        fields.maybe("points", integer(0, 1_000_000_000)),
    )
    fields.close()
    return made


def _contact(node: Node, reading: Reading) -> Mapping[str, Any]:
    found = data_map(node, reading)
    consent = node.get("consent") if isinstance(node, MapNode) else None
    if isinstance(consent, MapNode):
        for entry in consent.entries:
            reading.refer("topic", entry.name, entry.key.place)
    elif consent is not None:
        wrong_type(consent, reading, "a mapping of topics", hint="as consent: {offers: true}")
    return found


def _since_start(node: Node, reading: Reading) -> Duration:
    """Read how long after the start: `+40m`."""
    found = any_duration(node, reading)
    if found.approximate_s() < 0:
        reading.refuse(rules_shape.OutOfRange.at(node.place, "nothing is before the test's start"))
    return found


def _event(node: Node, reading: Reading) -> GivenEvent:
    fields = Fields(node, "an event", reading, hint="as {at: +0m, event: Signed Up}")
    made = GivenEvent(
        fields.required("at", _since_start),
        fields.required("event", event_name),
        fields.maybe("properties", data_map) or {},
    )
    fields.close()
    return made


def _expect(node: Node, reading: Reading) -> tuple[Expected, ...]:
    if isinstance(node, ScalarNode):
        if node.text != "nothing":
            wrong_type(node, reading, "a list of mails, or the word nothing", hint=did_you_mean(node.text, ["nothing"]))
        return ()
    return listed(_expected, least=1)(node, reading)


def _expected(node: Node, reading: Reading) -> Expected:
    fields = Fields(node, "an expected mail", reading, hint="as {at: +1h, send: cart/reminder}")
    made = Expected(
        fields.required("at", _since_start),
        fields.required("send", step_id),
        fields.maybe("to", text),
        fields.maybe("where", data_map) or {},
        place=fields.value_place("send"),
    )
    fields.close()
    return made


def _unknown_sends(test: JourneyTest, content: Content) -> Iterator[Diagnostic]:
    campaign = content.campaigns.get(test.campaign)
    if campaign is None:
        return
    written = templates(content)
    if any(isinstance(step, Send) and step.template not in written for step in walk_steps(campaign.steps)):
        return  # one of its sends names no template: what follows from that would only confuse
    known = list(_send_names(campaign))
    for expected in test.expect:
        if expected.send not in known and expected.place is not None:
            message = f'the campaign "{test.campaign}" sends no "{expected.send}"'
            yield UnknownStep.at(expected.place, message, hint=did_you_mean(expected.send, known))


def _send_names(campaign: Campaign) -> Iterator[str]:
    for step in walk_steps(campaign.steps):
        if isinstance(step, Send):
            yield from (step.id, step.template)
