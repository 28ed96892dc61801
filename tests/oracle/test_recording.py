"""The recording is what the official mjml says today; `UPDATE_GOLDEN=1 pytest tests/oracle/test_recording.py` makes it.

Needs `make oracle`. Read what changed before committing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from official import HERE, RECORDED, TEMPLATES, UPDATING, VERSION, as_json, ask, names, needs_node, recorded, squeezed
from wrong import every


def today(folder: Path) -> dict[str, str]:
    """Return the files of the recording as the installed mjml gives them; `folder` is for the wrong inputs."""
    tables = ask("tables")
    wrong = every(sorted(tables["components"]))
    numbers = {f"{number:03}": name for number, name in enumerate(wrong)}
    for number, name in numbers.items():
        (folder / f"{number}.mjml").write_text(wrong[name], encoding="utf-8")
    right, refused = ask(TEMPLATES)["files"], ask(folder)["files"]
    verdicts: dict[str, Any] = {
        "mjml": VERSION,
        "templates": {name: found["errors"] for name, found in right.items()},
        "wrong": {numbers[number]: found["errors"] for number, found in refused.items()},
    }
    pages = {f"{name}.html": squeezed(found["html"]) for name, found in right.items()}
    return {**pages, "components.json": as_json(tables), "verdicts.json": as_json(verdicts)}


@needs_node
def test_the_recording_is_what_mjml_says_today(tmp_path: Path) -> None:
    """HTML of each template, errors of each wrong input, and the tables of its components."""
    found = today(tmp_path)
    if UPDATING:
        RECORDED.mkdir(exist_ok=True)
        for path in RECORDED.iterdir():
            path.unlink()
        for name, text in found.items():
            (RECORDED / name).write_text(text, encoding="utf-8")
    kept = {path.name: path.read_text(encoding="utf-8") for path in RECORDED.iterdir()}
    assert sorted(kept) == sorted(found)
    assert [name for name in found if found[name] != kept[name]] == []


def test_the_recording_is_of_the_version_that_is_pinned() -> None:
    """Whoever raises the version in package.json records anew; none is named loosely."""
    assert recorded("verdicts")["mjml"] == recorded("components")["mjml"] == VERSION
    assert VERSION.replace(".", "").isdigit()


def test_every_template_is_recorded() -> None:
    """And nothing is recorded of which there is no template."""
    assert sorted(path.stem for path in RECORDED.glob("*.html")) == names()


@pytest.mark.parametrize("name", ["package-lock.json", ".npmrc", "package.json"])
def test_no_registry_is_named(name: str) -> None:
    """Each machine takes its own; a lock file names versions and checksums alone."""
    text = (HERE / name).read_text(encoding="utf-8")
    assert 'resolved":' not in text
    assert "registry=" not in text
    assert name != "package-lock.json" or json.loads(text)["packages"]["node_modules/mjml"]["integrity"]
