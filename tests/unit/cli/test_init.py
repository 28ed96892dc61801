"""`lifecycle init`: what comes out is right, names what to change, and never costs anybody a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.spec.project import load, read_folder
from terminal import Terminal


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_a_new_project_checks_without_a_warning_and_its_journey_tests_pass(tmp_path: Path, locale: str) -> None:
    """In either default locale, each with both languages."""
    said = Terminal(tmp_path).ok("init", "shop", "--locale", locale)
    assert "lifecycle -C shop check" in said.err
    assert "make it yours" in said.err
    inside = Terminal(tmp_path / "shop")
    assert inside.ok("check").err.endswith("0 errors, 0 warnings\n")
    inside.ok("test")
    content = load(read_folder(tmp_path / "shop")).content
    assert content is not None
    assert content.project.default_locale == locale
    assert content.project.locales[0] == locale
    assert set(content.project.locales) == {"en", "ar"}
    assert content.project.project == "shop"


@pytest.mark.parametrize(("locale", "word"), [("en", "Make it yours"), ("ar", "اجعله متجرك")])
def test_what_to_change_first_stands_on_top_in_the_readers_language(tmp_path: Path, locale: str, word: str) -> None:
    """Each key of the list is one of the file, so that nobody looks for it in vain."""
    Terminal(tmp_path).ok("init", "shop", "--locale", locale)
    text = (tmp_path / "shop" / "lifecycle.yaml").read_text(encoding="utf-8")
    head, rest = text.split("\nproject:")
    assert word in head
    for key in ("brand", "name", "url", "postal_address", "colours", "senders", "from", "reply_to", "locales"):
        assert key in head
        assert f"{key}:" in rest
    assert all(line.startswith("#") for line in head.splitlines())


def test_each_file_of_a_new_project_leads_its_editor_to_a_schema(tmp_path: Path) -> None:
    """The first line of each names a schema that came along."""
    Terminal(tmp_path).ok("init", "shop")
    made = tmp_path / "shop"
    paths = [made / "lifecycle.yaml", *(made / "segments").glob("*"), *(made / "campaigns").glob("*")]
    paths += (made / "tests" / "journeys").glob("*")
    assert len(paths) > 20
    for path in paths:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema="), path
        assert (path.parent / first.partition("$schema=")[2]).resolve().is_relative_to(made.resolve() / "schemas")
        assert (path.parent / first.partition("$schema=")[2]).is_file(), path


def test_files_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    """Beside other files a project may be made; over one of its own it may not, and then nothing is written."""
    (tmp_path / "shop").mkdir()
    notes = tmp_path / "shop" / "notes.txt"
    ignore = tmp_path / "shop" / ".gitignore"
    notes.write_text("mine", encoding="utf-8")
    ignore.write_text("mine too\n", encoding="utf-8")
    terminal = Terminal(tmp_path)
    terminal.ok("init", "shop")
    assert (notes.read_text(encoding="utf-8"), ignore.read_text(encoding="utf-8")) == ("mine", "mine too\n")

    other = tmp_path / "other"
    (other / "campaigns").mkdir(parents=True)
    (other / "campaigns" / "welcome.yaml").write_text("mine", encoding="utf-8")
    said = terminal.type("init", "other")
    assert said.code == 2
    assert "welcome.yaml is there already" in said.err
    assert [path.name for path in other.rglob("*") if path.is_file()] == ["welcome.yaml"]


def test_a_folder_that_cannot_be_written_is_said_so_and_nothing_is_left(tmp_path: Path) -> None:
    """A file stands where a folder should be: in the way there, and further in."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    terminal = Terminal(tmp_path)
    said = terminal.type("init", "file/shop")
    assert said.code == 2
    assert "cannot write" in said.err
    assert "Traceback" not in said.err

    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "templates").write_text("", encoding="utf-8")
    said = terminal.type("init", "half")
    assert said.code == 2
    assert [path.name for path in (tmp_path / "half").rglob("*") if path.is_file()] == ["templates"]


@pytest.mark.parametrize(
    ("given", "name"), [("Rihla Shop!", "rihla-shop"), ("رحلة", "shop"), ("-- no --", "no"), ("x" * 200, "x" * 100)]
)
def test_any_name_becomes_an_id(tmp_path: Path, given: str, name: str) -> None:
    """A project's name goes into links and file names."""
    Terminal(tmp_path).ok("init", "shop", "--name", given)
    content = load(read_folder(tmp_path / "shop")).content
    assert content is not None
    assert content.project.project == name
