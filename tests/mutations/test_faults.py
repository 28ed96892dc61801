"""Every seeded fault in the sample project is caught: the right code, line, column and length, and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter

import pytest
from checking import check, told
from faults import Fault, all_faults

import lifecycle.render
import lifecycle.spec
from lifecycle.spec.diagnostics import Rule, as_text
from shop import sample_files

FAULTS = list(all_faults())
#: Rules without a fault here; each has its golden case.
ELSEWHERE = {
    *("LC004", "LC005", "LC006", "LC018", "LC119", "LC211", "LC704"),  # limits, which no slip of the hand reaches
    *("LC114", "LC501", "LC517"),  # no project at all; what LC205 says first; what MJML alone refuses
    *("LC116", "LC213", "LC414", "LC415", "LC419", "LC520", "LC706"),  # the sample has nothing of the kind to break
    *("LC614", "LC615", "LC616"),  # the sample's templates are one for both locales
}


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.id for fault in FAULTS])
def test_each_fault_is_reported_where_it_stands_and_nothing_else_is(fault: Fault) -> None:
    """A mistake gives the diagnostics that its block marks, to the column, and no other file is blamed for it."""
    mutant, expected = fault.seed(sample_files())
    assert expected, f"{fault.id} marks nothing"
    found = check(mutant)
    assert told(found) == expected, "\n".join([fault.title, *(as_text(each, mutant) for each in found)])


def test_the_sample_itself_has_neither_errors_nor_warnings() -> None:
    """Else a fault's diagnostics would drown, and the first thing that a newcomer sees would be blame."""
    assert check(sample_files()) == []


def test_there_are_faults_enough_and_each_kind_of_file_has_them() -> None:
    """At least 150, some of them in Arabic, and every rule that a hand can trip is tripped."""
    for package in (lifecycle.spec, lifecycle.render):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    by_kind = Counter(change.path.split("/")[0] for fault in FAULTS for change in fault.changes)
    assert len(FAULTS) >= 150
    assert {"lifecycle.yaml", "segments", "campaigns", "templates", "locales", "tests"} <= set(by_kind)
    arabic = [
        fault
        for fault in FAULTS
        if any("\u0600" <= char <= "\u06ff" for each in fault.changes for char in each.new or "")
    ]
    assert len(arabic) >= 30
    assert set(Rule.registry) - ELSEWHERE - {code for fault in FAULTS for code in fault.codes} == set()
