"""Diagnostics as the page shows them: with the line they stand in, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lifecycle.render.source import ROOT
from lifecycle.spec.diagnostics import Diagnostic

#: how much of a long line is shown on either side, in characters
_AROUND = 160


def as_shown(found: Iterable[Diagnostic], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return each with its place, and the line in three parts: before, what is meant, behind."""
    return [_one(each, files) for each in found]


def _one(found: Diagnostic, files: Mapping[str, str]) -> dict[str, Any]:
    place = found.place
    lines = files.get(place.path, "").split("\n")
    line = lines[place.line - 1] if 1 <= place.line <= len(lines) else ""
    start = min(place.column - 1, len(line))
    end = min(start + max(place.length, 1), len(line))
    before, meant, behind = line[:start], line[start:end], line[end:]
    if len(before) > _AROUND:
        before = "…" + before[-_AROUND:]
    if len(meant) + len(behind) > 2 * _AROUND:
        meant, behind = meant[: 2 * _AROUND], behind[: max(_AROUND - len(meant), 0)] + "…"
    return {
        "code": found.code, "severity": str(found.severity), "message": found.message, "hint": found.hint,
        "file": place.path, "line": place.line, "column": place.column, "frame": [before, meant, behind],
    }  # fmt: skip


def owners(template: str, reads: Iterable[str]) -> frozenset[str]:
    """Return the files whose mistakes are a template's: its own, its sample, what it extends and includes."""
    folder, _, stem = f"{ROOT}{template}".rpartition("/")
    own = {path for path in reads if path.startswith(ROOT)}
    return frozenset({f"{folder}/{stem}.mjml", f"{folder}/{stem}.sample.yaml", *own})
