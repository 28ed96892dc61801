"""The official mjml: what it was recorded to say, and what it says today when it is installed; and our own pipeline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lifecycle.render.inline import to_html
from lifecycle.render.markup import parse, serialise
from lifecycle.render.mrml import spell_out

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"
RECORDED = HERE.parent / "golden" / "mjml"
INSTALLED = (HERE / "node_modules" / "mjml").is_dir() and shutil.which("node") is not None
#: the version that package.json pins
VERSION: str = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]["mjml"]
UPDATING = bool(os.environ.get("UPDATE_GOLDEN"))

needs_node = pytest.mark.skipif(not INSTALLED, reason="the official mjml is not installed: run `make oracle`")


def names() -> list[str]:
    """Return the names of the templates."""
    return sorted(path.stem for path in TEMPLATES.glob("*.mjml"))


def template(name: str) -> str:
    """Return a template's MJML."""
    return (TEMPLATES / f"{name}.mjml").read_text(encoding="utf-8")


@cache
def ours(source: str) -> str:
    """Return what our compiler makes of plain MJML: the steps of `Templates.page`, without the head of a mail."""
    tree, faults = parse(source)
    assert not faults, faults
    spell_out(tree)
    return to_html(serialise(tree))


def recorded_html(name: str) -> str:
    """Return the HTML that the official mjml gave."""
    return (RECORDED / f"{name}.html").read_text(encoding="utf-8")


@cache
def recorded(what: str) -> dict[str, Any]:
    """Return a JSON of the recording: `verdicts` or `components`."""
    found: dict[str, Any] = json.loads((RECORDED / f"{what}.json").read_text(encoding="utf-8"))
    return found


def ask(argument: str | Path) -> dict[str, Any]:
    """Return what the installed mjml says: of `tables`, or of a folder's templates."""
    command = ["node", str(HERE / "oracle.cjs"), str(argument)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8", timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["mjml"] == VERSION, "another mjml is installed than package.json pins: run `make oracle`"
    return found


def squeezed(html: str) -> str:
    """Return HTML without indents and empty lines, so that a recording is small and its changes are seen."""
    return "\n".join(line.strip() for line in html.splitlines() if line.strip()) + "\n"


def as_json(found: dict[str, Any]) -> str:
    """Return the text of a recording, a line for each thing in it."""
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
