"""`lifecycle check` and `lifecycle schema`, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from golden_diagnostics import FOLDER, read_case

from lifecycle.cli.main import run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project on disk, without templates, and with one misspelt segment."""
    files = read_case(FOLDER / "base.case", {}).files
    for path, text in files.items():
        if not path.startswith("templates/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "segments" / "fans.yaml").write_text("segment: fans\nwhere: {segment: loyall}\n", encoding="utf-8")
    return tmp_path


def test_errors_go_to_stdout_with_frames_the_count_to_stderr_and_the_exit_code_is_3(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal, an editor and CI each read their part."""
    assert run(["-C", str(project), "check"]) == 3
    printed = capsys.readouterr()
    assert printed.out.startswith('segments/fans.yaml:2:18: error LC201: unknown segment "loyall"\n')
    assert printed.err.strip() == "3 files: 1 error, 0 warnings"


def test_paths_narrow_what_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All is checked; only the errors of the named files count."""
    assert run(["-C", str(project), "check", "segments/loyal.yaml"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["-C", str(project), "check", "segments"]) == 3
    assert run(["-C", str(project), "check", "nowhere.yaml"]) == 2


@pytest.mark.parametrize("arguments", [["check", "--format", "json"], ["check", "--json"], ["--json", "check"]])
def test_json_comes_whichever_way_it_is_asked_for(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """The same list, with nothing else on stdout."""
    assert run(["-C", str(project), *arguments]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [(each["code"], each["file"], each["line"]) for each in found] == [("LC201", "segments/fans.yaml", 2)]


def test_without_a_project_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, no empty success."""
    assert run(["-C", str(tmp_path), "check"]) == 2
    assert "there is no lifecycle.yaml" in capsys.readouterr().err


def test_schemas_are_written_where_editors_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four files, each a draft-07 schema."""
    assert run(["-C", str(tmp_path), "schema", "--out", "schemas"]) == 0
    names = sorted(path.name for path in (tmp_path / "schemas").iterdir())
    assert names == [f"{kind}.schema.json" for kind in ("campaign", "journey", "project", "segment")]
    capsys.readouterr()
    assert run(["-C", str(tmp_path), "schema"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"campaign", "journey", "project", "segment"}


def test_a_send_without_its_template_is_one_mistake_not_two(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The names and the templates are checked apart, and both notice."""
    (project / "segments" / "fans.yaml").unlink()
    (project / "campaigns").mkdir()
    (project / "campaigns" / "hello.yaml").write_text(
        "campaign: hello\nstage: awareness\ntopic: offers\ntrigger: {event: Signed Up}\n"
        "goal: {event: Order Completed}\nsteps:\n  - send: hello/there\n"
    )
    assert run(["-C", str(project), "check", "--json"]) == 3
    assert [each["code"] for each in json.loads(capsys.readouterr().out)] == ["LC205"]
