"""Every code, whichever package declares it, has a mistake that gives it and an entry that explains it."""

from __future__ import annotations

import importlib
import pkgutil
import re

from diagnostics_page import PAGE
from golden_diagnostics import FOLDER

import lifecycle.render
import lifecycle.spec
from lifecycle.spec.diagnostics import Rule


def _codes() -> set[str]:
    """Return the codes of all rules: of modules called rules… and of those that keep a rule beside its code."""
    for package in (lifecycle.spec, lifecycle.render):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return set(Rule.registry)


def _expected_texts() -> str:
    cases = [*FOLDER.glob("*.case"), *FOLDER.with_name("diagnostics-render").glob("*.case")]
    return "".join(case.read_text(encoding="utf-8").partition("--- expected\n")[2] for case in cases)


def test_each_code_has_a_golden_case_that_gives_it() -> None:
    """A rule that nothing can trip is no rule, and a text that nobody read is no help."""
    shown = set(re.findall(r": (?:error|warning) (LC\d{3}):", _expected_texts()))
    assert _codes() - shown == set()


def test_each_code_has_an_entry_in_the_docs_and_each_entry_a_code() -> None:
    """docs/diagnostics.md is where the code of a diagnostic leads."""
    entries = re.findall(r"^### (LC\d{3})$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(entries) == len(set(entries))
    assert set(entries) == _codes()
