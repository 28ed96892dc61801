"""Every mistake a template can have, with the exact text that a person reads."""

from __future__ import annotations

import os

import pytest
from rendering import Case, all_cases, campaign, checked, mjml

from lifecycle.render import rules, rules_givens, rules_quality, rules_sample
from lifecycle.spec.diagnostics import Rule

CASES = all_cases()
MODULES = {one.__name__ for one in (rules, rules_givens, rules_quality, rules_sample)}
OURS = {code for code, rule in Rule.registry.items() if rule.__module__ in MODULES}


@pytest.mark.parametrize("case", CASES, ids=[case.path.stem for case in CASES])
def test_each_mistake_gives_exactly_its_text(case: Case) -> None:
    """Place, code, message, frame and hint are held; LIFECYCLE_UPDATE_GOLDEN=1 writes what is found instead."""
    found = case.text()
    if os.environ.get("LIFECYCLE_UPDATE_GOLDEN"):
        head = case.path.read_text(encoding="utf-8").partition("--- expected\n")[0]
        case.path.write_text(f"{head}--- expected\n{found}", encoding="utf-8")
        return
    assert f" {case.code}:" in found
    assert found == case.expected


def test_each_code_of_rendering_has_a_case_that_fails() -> None:
    """A rule that nothing can trip is no rule."""
    assert {case.code for case in CASES} == OURS


def test_all_mistakes_of_a_template_are_reported_in_one_run() -> None:
    """Five mistakes, five diagnostics, each at its line."""
    body = """{{ contatc.name }}
<mj-text colour="#333333">{{ cart.total | mony }}</mj-text>
<mj-buton>x</mj-buton>
<mj-text>{{ t('nowhere') }}</mj-text>"""
    found = checked({"templates/mail.mjml": mjml(body)})
    lines = {problem.code: problem.place.line for problem in found}
    assert {"LC503": 5, "LC513": 6, "LC504": 6, "LC512": 7, "LC602": 8}.items() <= lines.items()


@pytest.mark.parametrize("spelling", ["<!--jx7-->", "jx00007xj"])
def test_a_spelling_of_our_own_is_refused(spelling: str) -> None:
    """What stands for Jinja inside the compiler is no text of a template, and no reason to fall over."""
    found = checked({"templates/mail.mjml": mjml(f"{spelling}<mj-text>{spelling}</mj-text>")})
    assert {problem.code for problem in found} == {"LC511"}


def test_a_sound_template_has_nothing_to_report() -> None:
    """No false alarms on the smallest mail that is fine."""
    assert checked({"templates/mail.mjml": mjml("<mj-text>Good morning to all of you</mj-text>")}) == []


def test_a_transactional_template_needs_no_way_out() -> None:
    """Only marketing owes an unsubscribe link."""
    files = {
        "templates/mail.mjml": mjml("<mj-text>Your order is packed.</mj-text>").replace("unsubscribe_url", "view_url")
    }
    receipt = campaign("mail", kind="transactional", topic=None)
    assert checked(files, receipt) == []
    assert [found.code for found in checked(files)] == ["LC701"]
