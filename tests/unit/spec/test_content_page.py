"""Each example of docs/content.md is executed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from schema_keys import properties_of

from lifecycle.spec import decode_campaign, decode_project
from lifecycle.spec.conditions import FACTS
from lifecycle.spec.decode import Reading
from lifecycle.spec.decode_condition import condition
from lifecycle.spec.decode_steps import KINDS, StepReader
from lifecycle.spec.decode_tests import FITTING
from lifecycle.spec.journey_tests import journey_test
from lifecycle.spec.schema import schemas
from lifecycle.spec.source import read

PAGE = Path(__file__).resolve().parents[3] / "docs" / "content.md"
EXAMPLES = re.findall(r"^```yaml (\w+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
DECODERS: dict[str, Callable[[Any, Reading], Any]] = {
    "project": decode_project.project,
    "segment": decode_campaign.segment,
    "campaign": decode_campaign.campaign,
    "trigger": decode_campaign.trigger,
    "goal": decode_campaign.goal,
    "condition": condition,
    "steps": lambda node, reading: StepReader(reading).steps(node, reading),
    "journey": journey_test,
}


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_each_example_of_the_page_loads(kind: str, text: str) -> None:
    """The docs are never ahead of the program, nor behind it."""
    node, found = read("content.md", text)
    assert node is not None
    reading = Reading(found=found)
    assert DECODERS[kind](node, reading) is not None
    assert reading.found == []


def test_every_key_of_every_schema_stands_on_the_page() -> None:
    """What an editor offers is explained in words: as code, not as a word that happens to be in a sentence."""
    text = PAGE.read_text(encoding="utf-8")
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    keys = {key for kind, schema in schemas().items() for _, key, _ in properties_of(schema, kind)}
    assert len(keys) > 130
    assert {key for key in keys if not re.search(rf"(?<![\w.]){re.escape(key)}(?!\w)", code)} == set()


def test_the_page_has_an_example_of_each_kind_of_file_and_names_each_word() -> None:
    """Every fact, test and step of the language stands on it."""
    assert set(DECODERS) == {kind for kind, _ in EXAMPLES}
    text = PAGE.read_text(encoding="utf-8")
    for word in (*FACTS, *FITTING["any"], *KINDS):
        assert re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", text), word
