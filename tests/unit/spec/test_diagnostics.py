"""Every mistake of the content language, with the exact text that a person reads."""

from __future__ import annotations

import os

import pytest
from diagnostics_page import PAGE, load_rules, page
from golden_diagnostics import FOLDER, Case, all_cases, read_case

from lifecycle.spec.diagnostics import Diagnostic, Rule, as_json, as_text, did_you_mean
from lifecycle.spec.place import Place
from lifecycle.spec.project import load

CASES = list(all_cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_mistake_gives_exactly_its_text(case: Case) -> None:
    """Place, code, message, frame and hint are held; LIFECYCLE_UPDATE_GOLDEN=1 writes what is found instead."""
    if os.environ.get("LIFECYCLE_UPDATE_GOLDEN"):
        case.write()
        return
    assert case.text() == case.expected


def test_the_base_project_of_the_cases_is_sound() -> None:
    """So that each case shows its own mistake and nothing else."""
    assert load(read_case(FOLDER / "base.case", {}).files).diagnostics == []


def test_each_code_of_the_language_has_a_case_that_fails() -> None:
    """A rule that nothing can trip is no rule."""
    load_rules()
    seen = {found.code for case in CASES for found in case.found()}
    ours = {code for code, rule in Rule.registry.items() if rule.__module__.startswith("lifecycle.spec.")}
    assert ours - seen == set()


def test_the_page_of_diagnostics_is_what_the_rules_say() -> None:
    """docs/diagnostics.md has an entry for each code and has not drifted."""
    text = page()
    assert PAGE.read_text(encoding="utf-8") == text, "run python tests/unit/spec/diagnostics_page.py"
    assert all(f"### {code}\n" in text for code in Rule.registry)


def test_the_example_of_the_design_comes_out_to_the_letter() -> None:
    """The contract shows this line; so does the program."""
    case = next(case for case in CASES if case.name == "shape-unknown-key-in-a-wait")
    lines = case.text().splitlines()
    assert lines[0] == 'campaigns/welcome.yaml:14:9: error LC104: unknown key "dayz" in a wait step'
    assert lines[1] == " 14 |         dayz: 3"
    assert lines[2] == '    |         ^^^^ did you mean "days"?'


def test_a_taken_code_is_refused() -> None:
    """Two mistakes never share a code."""
    with pytest.raises(ValueError, match="LC104 is UnknownKey already"):
        type("Another", (Rule,), {"code": "LC104", "__doc__": "Another."})


def test_json_says_what_the_text_says() -> None:
    """Editors and CI read the same places."""
    case = next(case for case in CASES if case.name == "names-segment")
    assert as_json(case.found()) == [
        {
            "code": "LC201",
            "severity": "error",
            "message": 'unknown segment "loyall"',
            "hint": 'did you mean "loyal"?',
            "file": "campaigns/welcome.yaml",
            "line": 4,
            "column": 28,
            "length": 6,
        }
    ]


def test_a_frame_is_never_wider_than_a_screen_nor_holds_control_characters() -> None:
    """A line of a million characters is shown around its caret."""
    found = Diagnostic("LC104", Rule.registry["LC104"].severity, "m", Place("x", 1, 500_000, 9))
    text = as_text(found, {"x": "a\x1b" * 400_000})
    assert max(len(line) for line in text.splitlines()) < 140
    assert "\x1b" not in text


def test_nothing_is_suggested_for_what_nobody_meant() -> None:
    """Far words and endless words get no suggestion."""
    assert not did_you_mean("zzz", ["days"])
    assert not did_you_mean("d" * 100_000, ["days"])
    assert did_you_mean("Dayz", ["hours", "days"]) == 'did you mean "days"?'
