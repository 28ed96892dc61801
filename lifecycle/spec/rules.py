"""All rules that look across files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from lifecycle.spec.decode import Reading
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.model import Content
from lifecycle.spec.rules_campaigns import check_campaigns
from lifecycle.spec.rules_cycles import check_cycles
from lifecycle.spec.rules_locales import check_locales
from lifecycle.spec.rules_nobody import check_people
from lifecycle.spec.rules_overlap import check_overlaps
from lifecycle.spec.rules_references import check_references
from lifecycle.spec.rules_types import check_uses


def check_all(content: Content, reading: Reading, declared: Mapping[str, AbstractSet[str]]) -> Iterator[Diagnostic]:
    """Yield what is wrong between the files. `declared` holds, by kind, ids that broken files meant to declare too."""
    yield from check_references(content, reading.references, declared)
    yield from check_uses(content, reading.uses)
    yield from check_cycles(content)
    yield from check_campaigns(content)
    yield from check_locales(content)
    yield from check_overlaps(content)
    yield from check_people(content)
