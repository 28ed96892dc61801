"""The README and docs/ are executed: commands in the command line, Python as Python, content by the loader."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lifecycle.spec.project import load, read_folder
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: A whole content file has one of these at its top.
WHOLE = re.compile(r"^(project|segment|campaign|test):", re.MULTILINE)
FOLDERS = {"segment": "segments", "campaign": "campaigns", "test": "tests/journeys"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def runs(self) -> bool:
        """Say whether the block is to be executed."""
        return not self.mark.startswith("no-run")


def blocks(language: str) -> Iterator[Any]:
    """Yield the blocks in that language, each named by its page and line."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            if found[1] == language:
                line = text[: found.start()].count("\n") + 1
                page = path.relative_to(ROOT).as_posix()
                yield pytest.param(Block(page, line, language, found[2] or "", found[3]), id=f"{page}:{line}")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh sample project's folder."""
    folder = tmp_path_factory.mktemp("docs")
    Terminal(folder).ok("init", "project")
    return folder / "project"


@pytest.fixture
def project(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a copy of it, as the working directory: pages are read by somebody who stands in their project."""
    folder = shutil.copytree(sample, tmp_path / "project")
    monkeypatch.chdir(folder)
    return Terminal(folder)


@pytest.mark.parametrize("block", [*blocks("console"), *blocks("python")])
def test_block_that_does_not_run_says_why(block: Block) -> None:
    """`no-run` without a reason would hide a page that is wrong."""
    assert block.runs or re.fullmatch(r"no-run \(.{8,}\)", block.mark), block.mark


@pytest.mark.parametrize("block", [one for one in blocks("console") if one.values[0].runs])
def test_commands_of_a_page_run(block: Block, project: Terminal) -> None:
    """Each line that begins with `$ ` ends with 0; a `lifecycle` command runs on the sample project."""
    lines = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    assert lines, "a console block without a command"
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "lifecycle", f"{line}: only lifecycle can be run here; say why with no-run (…)"
        project.ok(*words[1:])


@pytest.mark.parametrize("block", [one for one in blocks("python") if one.values[0].runs])
def test_python_of_a_page_runs(block: Block, project: Terminal) -> None:
    """The block is a program of its own."""
    code = compile("\n" * block.line + block.text, str(ROOT / block.page), "exec")
    exec(code, {"__name__": "__page__"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("block", [one for one in blocks("yaml") if not one.values[0].mark])
def test_content_file_of_a_page_checks(block: Block, project: Terminal) -> None:
    """A block that is a whole content file takes the place of the file of that name, and the project still checks."""
    found = WHOLE.search(block.text)
    if found is None:
        pytest.skip("a fragment, not a whole file")
    files = dict(read_folder(project.folder))
    if found[1] == "project":
        files["lifecycle.yaml"] = block.text
    else:
        name = re.search(rf"^{found[1]}: *(.+)$", block.text, re.MULTILINE)
        assert name is not None
        files[f"{FOLDERS[found[1]]}/{name[1].strip().lower().replace(' ', '-')}.yaml"] = block.text
    loaded = load(files)
    assert [one for one in loaded.diagnostics if one.is_error] == []


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_links_inside_the_project_lead_somewhere(path: Path) -> None:
    """A link to a file or a heading that is not there is found here, not by a reader."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        there = (path.parent / file) if file else path
        if not there.exists() or (heading and there.suffix == ".md" and heading not in anchors(there)):
            dead.append(target)
    assert dead == []


def anchors(path: Path) -> set[str]:
    """Return the headings of a page as GitHub names them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_page_is_named_in_the_index() -> None:
    """docs/index.md leads to every page."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "index.md" or f"({path.name})" in index, path.name


def test_pages_name_no_machine() -> None:
    """No path of a developer's machine stands in a page."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(?:home|Users|root|work)/", text), path
