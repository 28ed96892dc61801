"""All rules that look across files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from lifecycle.spec.decode import Reference
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.model import Content
from lifecycle.spec.rules_references import check_references


def check_all(
    content: Content, references: Sequence[Reference], declared: Mapping[str, AbstractSet[str]]
) -> Iterator[Diagnostic]:
    """Yield what is wrong between the files. `declared` holds, by kind, ids that broken files meant to declare too."""
    yield from check_references(content, references, declared)
