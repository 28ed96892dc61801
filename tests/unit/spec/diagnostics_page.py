"""Writes docs/diagnostics.md from the rules and their golden cases: `python tests/unit/spec/diagnostics_page.py`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from golden_diagnostics import FOLDER, all_cases

import lifecycle.render
import lifecycle.spec
from lifecycle.spec.diagnostics import Rule

PAGE = Path(__file__).resolve().parents[3] / "docs" / "diagnostics.md"
RENDER_CASES = FOLDER.parent / "diagnostics-render"
_CODE = re.compile(r" (LC\d{3}):")
_BANDS = {
    "LC0": "YAML itself",
    "LC1": "The shape of a file",
    "LC2": "Names between files",
    "LC3": "Conditions and types",
    "LC4": "What a campaign means",
    "LC5": "Templates and MJML",
    "LC6": "Catalogs and locales",
    "LC7": "The quality of a mail",
}
_HEAD = """# Diagnostics

<!-- written by tests/unit/spec/diagnostics_page.py; a test holds it equal -->

`lifecycle check` reports every mistake of every file in one run: `file:line:column`, severity, a permanent code, what
is wrong, the line with a caret under the key or value that is meant, and a hint. An error stops the commands that need
the file (exit code 3); a warning stops nothing. `--format json` prints the same as data. A code is never given to
another mistake and never renumbered.
"""


def load_rules() -> None:
    """Import every module that declares rules."""
    for package in (lifecycle.spec, lifecycle.render):
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("rules"):
                importlib.import_module(f"{package.__name__}.{module.name}")


def page() -> str:
    """Return the page's text."""
    load_rules()
    examples: dict[str, tuple[str, str]] = {}
    for title, expected in _cases():
        for frame in _frames(expected):
            examples.setdefault(_CODE.findall(frame)[0], (title, frame))
    parts = [_HEAD]
    band = ""
    for code, rule in sorted(Rule.registry.items()):
        if code[:3] != band:
            band = code[:3]
            parts.append(f"## {band}xx: {_BANDS[band]}\n")
        parts.append("\n".join(_entry(code, rule, examples.get(code))))
    return "\n".join(parts)


def _cases() -> Iterator[tuple[str, str]]:
    """Yield title and expected text of each golden case: of the YAML files first, then of templates and catalogs."""
    for case in all_cases():
        yield case.title, case.expected
    for path in sorted(RENDER_CASES.glob("*.case")):
        source = path.read_text(encoding="utf-8")
        yield source.splitlines()[0].lstrip("# "), source.partition("--- expected\n")[2]


def _entry(code: str, rule: type[Rule], example: tuple[str, str] | None) -> Iterator[str]:
    summary, _, body = inspect.cleandoc(rule.__doc__ or "").partition("\n")
    yield f"### {code}"
    yield ""
    yield f"{summary} ({rule.severity})"
    if body.strip():
        yield ""
        yield body.strip()
    if example is not None:
        title, frame = example
        yield ""
        yield f"{title}:"
        yield "```"
        yield frame
        yield "```"
    yield ""


def _frames(expected: str) -> list[str]:
    """Return the diagnostics of an expected text, each with its frame."""
    frames: list[list[str]] = []
    for line in expected.splitlines():
        if " | " in line[:9] or line.lstrip().startswith("|") or line.startswith("    "):
            frames[-1].append(line)
        else:
            frames.append([line])
    return ["\n".join(frame) for frame in frames]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
