"""From files to Content."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from golden_diagnostics import FOLDER, read_case

from lifecycle.base.errors import UsageError
from lifecycle.base.units import Duration
from lifecycle.spec import model
from lifecycle.spec.conditions import AllOf, EventLeaf, Span, Test
from lifecycle.spec.journey_tests import load_journey_tests
from lifecycle.spec.project import load, read_folder

ROOT = Path(__file__).resolve().parents[3]
HEAD = "campaign: welcome\nstage: awareness\ntopic: offers\ntrigger: {event: Signed Up}\n"


def _campaign(rest: str, head: str = HEAD) -> model.Campaign:
    files = read_case(FOLDER / "base.case", {}).files | {"campaigns/welcome.yaml": head + rest}
    loaded = load(files)
    assert loaded.content is not None, [str(found) for found in loaded.errors]
    return loaded.content.campaigns["welcome"]


def test_the_sample_project_has_no_error_and_no_warning() -> None:
    """What people start from is spotless."""
    files = read_folder(ROOT)
    loaded = load(files)
    assert loaded.diagnostics == []
    assert loaded.content is not None
    tests, found = load_journey_tests(files, loaded.content)
    assert found == []
    assert len(tests) >= 10


def test_each_way_to_wait_is_read() -> None:
    """A duration, a sum of units, a time of day, a date of the event."""
    head = HEAD.replace("Signed Up", "Order Completed")
    steps = _campaign(
        "steps:\n  - wait: 3d\n  - wait: {days: 3, hours: 12}\n"
        '  - wait: {until: "09:00", weekdays: [sun]}\n'
        "  - wait: {until: properties.at, offset: -7d}\n  - send: welcome/hello\n",
        head,
    ).steps
    assert steps[:4] == (
        model.Wait("wait-1", Duration(3 * 86400)),
        model.Wait("wait-2", Duration(3 * 86400 + 12 * 3600)),
        model.Wait("wait-3", until=time(9), weekdays=("sun",)),
        model.Wait("wait-4", date=("at",), offset=Duration(-7 * 86400)),
    )


def test_steps_are_called_by_id_template_or_ordinal_and_naming_one_renames_no_other() -> None:
    """Ordinals count all steps of a kind, in the order of writing, within branches too."""
    steps = _campaign(
        "steps:\n  - wait: 1d\n  - {wait: 1d, id: pause}\n  - branch:\n      - when: {segment: loyal}\n        steps:\n"
        "          - wait: 1d\n      - otherwise: [{send: welcome/hello}]\n  - exit\n"
    ).steps
    ids = [step.id for step in model.walk_steps(steps)]
    assert ids == ["wait-1", "pause", "branch-1", "wait-3", "welcome/hello", "exit-1"]


def test_within_of_a_goal_is_the_goals_and_when_holds_a_window_of_its_own() -> None:
    """The two windows of a goal are told apart by where they stand."""
    beside = _campaign("goal: {event: Order Completed, within: 5d}\nsteps:\n  - send: welcome/hello\n").goal
    inside = _campaign(
        "goal: {when: {event: Order Completed, within: 1d}, within: 5d}\nsteps:\n  - send: welcome/hello\n"
    ).goal
    day, five = Duration(86400), Duration(5 * 86400)
    assert beside == model.Goal(EventLeaf(("Order Completed",)), five)
    assert inside == model.Goal(EventLeaf(("Order Completed",), span=Span(within=day)), five)


def test_several_leaves_of_a_mapping_must_all_hold() -> None:
    """And event takes what refines it from the keys beside it."""
    audience = _campaign(
        "audience: {event: Order Completed, count: 2, segment: loyal}\nsteps:\n  - send: welcome/hello\n"
    ).audience
    assert isinstance(audience, AllOf)
    assert audience.parts[0] == EventLeaf(("Order Completed",), count=(Test("is", 2),))


def test_instants_without_an_offset_are_in_the_projects_zone() -> None:
    """Riyadh is three hours ahead."""
    made = _campaign("starts: 2026-12-01\nsteps:\n  - send: welcome/hello\n")
    assert made.starts == datetime(2026, 11, 30, 21, tzinfo=UTC)


def test_a_broken_file_hides_nothing_of_the_others_and_is_not_called_unknown() -> None:
    """One mistake, one diagnostic."""
    files = read_case(FOLDER / "base.case", {}).files
    files["segments/loyal.yaml"] = "segment: loyal\nwhere: {orders.cuont: 2}\n"
    files["segments/fans.yaml"] = "segment: fans\nwhere: {segment: loyal}\n"
    loaded = load(files)
    assert [found.code for found in loaded.diagnostics] == ["LC301"]
    assert loaded.content is None
    assert loaded.partial is not None
    assert list(loaded.partial.segments) == ["fans"]


def test_the_hash_names_the_texts_and_a_campaigns_hash_its_own() -> None:
    """An edit of one file changes the version, and only its own campaign."""
    files = read_case(FOLDER / "base.case", {}).files
    files["campaigns/welcome.yaml"] = HEAD + "steps:\n  - send: welcome/hello\n"
    first = load(files).content
    again = load(dict(reversed(files.items()))).content
    other = load(files | {"locales/en.yaml": "a: b\n"}).content
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.hash == again.hash != other.hash
    assert first.campaign_hashes == other.campaign_hashes


def test_line_ends_and_hidden_files_do_not_matter(tmp_path: Path) -> None:
    """A checkout on Windows is the same version; editors' files are no content."""
    (tmp_path / "segments").mkdir()
    (tmp_path / "lifecycle.yaml").write_bytes(b"project: p\r\n")
    (tmp_path / "segments" / ".#x.yaml").write_text("x")
    (tmp_path / "segments" / "x.yaml~").write_text("x")
    assert read_folder(tmp_path) == {"lifecycle.yaml": "project: p\n"}


def test_a_folder_without_a_project_is_said_so(tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(UsageError, match=r"no lifecycle\.yaml") as caught:
        read_folder(tmp_path)
    assert "init" in caught.value.hint


def test_the_five_stages_are_there_when_none_are_named() -> None:
    """DESIGN names them; a small project need not."""
    brand = "brand: {name: A, url: https://a.example}\nsenders: {m: {from: a@b.example, name: A}}\n"
    content = load({"lifecycle.yaml": "project: p\n" + brand}).content
    assert content is not None
    names = [stage.stage for stage in content.project.stages]
    assert names == ["awareness", "consideration", "decision", "retention", "advocacy"]


def test_a_journey_test_that_expects_what_the_campaign_never_sends_is_refused() -> None:
    """A test that can never pass is a mistake in the test."""
    files = read_case(FOLDER / "base.case", {}).files
    files["campaigns/welcome.yaml"] = HEAD + "steps:\n  - send: welcome/hello\n"
    files["tests/journeys/a.yaml"] = (
        "test: T\ncampaign: welcome\ngiven: {contact: {consent: {ofers: true}}, events: [{at: 5, event: Signed Up}]}\n"
        "expect:\n  - {at: +1h, send: welcome/helo}\n"
    )
    content = load(files).content
    assert content is not None
    tests, found = load_journey_tests(files, content)
    assert tests == ()
    assert [each.code for each in found] == ["LC203", "LC105"]
    files["tests/journeys/a.yaml"] = (
        files["tests/journeys/a.yaml"].replace("at: 5", "at: +5m").replace("ofers", "offers")
    )
    _, found = load_journey_tests(files, content)
    assert [(each.code, each.hint) for each in found] == [("LC209", 'did you mean "welcome/hello"?')]
