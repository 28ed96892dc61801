"""A check that remembers says exactly what a check from nothing says, whatever was edited in between."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edits import EDITS, Edit, at_random, small_sample
from lifecycle.base.ids import content_hash
from lifecycle.plan.diagnose import diagnose
from lifecycle.render import check_facts
from lifecycle.render.check_cache import FILE_NAME, MAX_BYTES, CheckCache, FolderCache, Kept
from lifecycle.spec.diagnostics import Diagnostic

AR = ("cart/discount", "ar")


@cache
def _sound() -> tuple[Kept, list[Diagnostic]]:
    """Return what the check of the sample leaves behind, and what it finds."""
    cache = CheckCache()
    found = diagnose(small_sample(), cache)
    return cache.recall(), found


def _warm() -> CheckCache:
    cache = CheckCache()
    cache.keep(_sound()[0])
    return cache


def _checked_again(before: Kept, after: Kept) -> set[tuple[str, str]]:
    """Return the templates and locales whose findings are not the very ones of before."""
    return {key for key, unit in after.units.items() if before.units.get(key) is not unit}


@cache
def _shared() -> CheckCache:
    """Return one cache for all edits, so that each finds what the one before it left, and has to see it undone."""
    return _warm()


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_a_warm_check_says_what_a_cold_one_says(edit: Edit) -> None:
    """The mistake is found with the cache as without, and nothing is left of the mistakes that were put right."""
    files = edit.on(small_sample())
    found = diagnose(files, _shared())
    assert found == diagnose(files)
    if edit.code is not None:
        assert edit.code in {each.code for each in found} - {each.code for each in _sound()[1]}


@settings(max_examples=12)
@given(st.lists(st.one_of(st.sampled_from(EDITS), st.integers(0, 2**32)), min_size=2, max_size=3))
def test_any_edits_in_a_row_are_checked_with_a_cache_as_without(edits: list[Edit | int]) -> None:
    """Lines lost, moved, doubled, misspelt and taken from elsewhere, in any file, on top of each other."""
    warm, files = _warm(), small_sample()
    for edit in edits:
        try:
            files = at_random(files, edit) if isinstance(edit, int) else edit.on(files)
        except AssertionError:
            continue  # an edit before it took what it would change
        assert diagnose(files, warm) == diagnose(files)


def test_a_segment_is_read_by_the_templates_of_the_campaigns_that_choose_by_it() -> None:
    """Whether a mail can speak of an order depends on the segment that its campaign waits for, in another file."""
    trigger = Edit("campaigns/order-confirmation.yaml", r"  event: .*\n  key: .*", "  segment_entered: loyal")
    warm, files = _warm(), trigger.on(small_sample())
    found = diagnose(files, warm)
    assert found == diagnose(files)
    path = "segments/loyal.yaml"
    files = {**files, path: files[path].partition("where:")[0] + "where: {points.balance: {at_least: 1}}\n"}
    without = diagnose(files)
    assert [each.message for each in without] != [each.message for each in found]
    assert diagnose(files, warm) == without


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        (Edit("locales/ar.yaml", r"^( +)until: صالح", r"\1until: يصلح"), {AR}),
        (Edit("locales/ar.yaml", r"\A", "# a remark\n"), set()),
        (Edit("segments/loyal.yaml", r"\A", "# a remark\n"), set()),
        (
            Edit("templates/cart/discount.sample.yaml", r"\A", "# a remark\n"),
            {("cart/discount", "en"), AR},
        ),
        (
            Edit("campaigns/order-confirmation.yaml", "priority: 100", "priority: 99"),
            {("order/confirmation", locale) for locale in ("en", "ar", "")},
        ),
        (
            Edit("templates/layouts/transactional.mjml", r"\A", "{# a remark #}"),
            {("order/confirmation", locale) for locale in ("en", "ar")},
        ),
    ],
    ids=lambda given: str(given) if isinstance(given, Edit) else None,  # a set has another order in each process
)
def test_an_edit_checks_again_only_the_templates_that_read_it(edit: Edit, again: set[tuple[str, str]]) -> None:
    """One text, one campaign, one layout: what has nothing to do with it is not looked at."""
    warm = _warm()
    diagnose(edit.on(small_sample()), warm)
    assert _checked_again(_sound()[0], warm.recall()) == again


def test_another_version_of_the_engine_believes_nothing_of_the_last() -> None:
    """What decides what is found is part of what was read."""
    warm = _warm()
    with mock.patch.object(check_facts, "checker", return_value="another"):
        assert diagnose(small_sample(), warm) == _sound()[1]
    assert _checked_again(_sound()[0], warm.recall()) == set(_sound()[0].units)


def test_what_is_kept_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    """Names, digests, findings with their places; a process that begins with it checks nothing again."""
    files = EDITS[0].on(small_sample())
    first = FolderCache(tmp_path / "state")
    found = diagnose(files, first)
    second = FolderCache(tmp_path / "state")
    assert second.recall() == first.recall()
    before = second.recall()
    assert diagnose(files, second) == found
    assert _checked_again(before, second.recall()) == set()
    assert [path.name for path in (tmp_path / "state").iterdir()] == [FILE_NAME]


def _signed(body: bytes) -> bytes:
    return f"lifecycle-check-1 {content_hash(body)}\n".encode() + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xff\xfe\x00",
        b"lifecycle-check-1 0\n{}",
        _signed(b"{}"),
        _signed(b"[]"),
        _signed(b"null"),
        _signed(b"not json"),
        _signed(b"[" * 100_000),
        _signed(b'{"base":"","digests":[],"units":[["a","en",[7],[]]]}'),
        _signed(b'{"base":"","digests":[["paths"]],"units":[]}'),
        _signed(b'{"base":"","digests":[],"units":[["a","en",[],[["LC1","fatal","m","p",1,1,1,""]]]]}'),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_cache_is_not_believed_and_is_replaced(tmp_path: Path, data: bytes) -> None:
    """Whatever stands there, the check says what it would say without it."""
    (tmp_path / FILE_NAME).write_bytes(data)
    assert FolderCache(tmp_path).recall() == Kept()
    files = {"lifecycle.yaml": small_sample()["lifecycle.yaml"]}
    assert diagnose(files, FolderCache(tmp_path)) == diagnose(files)


def test_a_cache_with_a_byte_changed_is_not_believed(tmp_path: Path) -> None:
    """A disk that lies, or somebody who edits it by hand."""
    FolderCache(tmp_path).keep(_sound()[0])
    path = tmp_path / FILE_NAME
    data = path.read_bytes()
    assert FolderCache(tmp_path).recall() == _sound()[0]
    path.write_bytes(data.replace(b"en", b"fr", 1))
    assert FolderCache(tmp_path).recall() == Kept()
    path.write_bytes(data[:-40])
    assert FolderCache(tmp_path).recall() == Kept()


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    """The state folder is a file here, as good as a disk that is read-only."""
    (tmp_path / "state").write_text("in the way")
    kept = FolderCache(tmp_path / "state")
    kept.keep(_sound()[0])
    assert kept.recall() == _sound()[0]
    assert FolderCache(tmp_path / "state").recall() == Kept()


def test_what_would_be_too_large_is_not_written(tmp_path: Path) -> None:
    """The file has a bound, so that nobody's disk fills up."""
    FolderCache(tmp_path).keep(Kept(base="x" * MAX_BYTES))
    assert list(tmp_path.iterdir()) == []


def test_what_is_gone_from_the_project_is_gone_from_the_cache() -> None:
    """The cache holds the templates that there are, not all that there ever were."""
    warm = _warm()
    diagnose(Edit("templates/cart/discount.mjml").on(small_sample()), warm)
    assert {name for name, _ in warm.recall().units} == {"order/confirmation"}


def test_the_file_is_data_and_holds_no_text_of_the_project(tmp_path: Path) -> None:
    """JSON, and digests in place of what was read."""
    FolderCache(tmp_path).keep(_sound()[0])
    head, body = (tmp_path / FILE_NAME).read_text(encoding="utf-8").split("\n")
    assert head.startswith("lifecycle-check-1 ")
    assert sorted(json.loads(body)) == ["base", "digests", "units"]
    assert "رحلة" not in json.dumps(json.loads(body), ensure_ascii=False)
