"""Every command has help, an example, a place in docs/cli.md and a golden --help; `--help` imports nothing heavy."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys

import click
import pytest

from command_page import PAGE, ROOT, every_command, help_of, page
from lifecycle.cli.main import COMMANDS, cli
from terminal import Terminal

GOLDEN = ROOT / "tests" / "golden" / "help"
EVERY = dict(every_command())
HEAVY = ("sqlalchemy", "sqlmodel", "fastapi", "pydantic", "rich", "dramatiq", "mjml", "premailer", "jinja2", "yaml")


@pytest.mark.parametrize("name", COMMANDS)
def test_first_line_of_help_is_the_line_in_the_list(name: str) -> None:
    """The list of `lifecycle --help` is written by hand, so that it imports nothing; it must not drift."""
    first = inspect.cleandoc(EVERY[name].help or "").splitlines()[0]
    assert first == COMMANDS[name][1]


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_help_and_an_example_that_names_it(name: str) -> None:
    """An example is a whole line that can be typed."""
    command = EVERY[name]
    assert command.help
    assert "Example" in (command.epilog or "")
    assert (
        f"lifecycle {name}" in (command.epilog or "")
        or f" lifecycle {name.split(maxsplit=1)[0]} " in f" {command.epilog} "
    )


@pytest.mark.parametrize("name", EVERY)
def test_every_option_and_argument_is_explained(name: str) -> None:
    """An option without a sentence is a riddle."""
    for parameter in EVERY[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("name", ["", *EVERY])
def test_help_is_as_in_the_golden_file(name: str) -> None:
    """Whoever changes what people read sees it in the diff; UPDATE_GOLDEN=1 writes the files."""
    path = GOLDEN / f"{name.replace(' ', '-') or 'lifecycle'}.txt"
    said = help_of(name, EVERY.get(name, cli))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(said, encoding="utf-8")
    assert path.is_file(), f"no golden file: UPDATE_GOLDEN=1 writes {path.name}"
    assert said == path.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_command() -> None:
    """A removed command takes its file with it."""
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {"lifecycle", *(name.replace(" ", "-") for name in EVERY)}


def test_page_of_the_commands_is_up_to_date() -> None:
    """docs/cli.md is generated; `python tests/command_page.py` writes it."""
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("send", "--help"), ("run", "--help")])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    """Held by what is imported, not by a stopwatch."""
    code = (
        "import sys; from lifecycle.cli.main import run; "
        f"code = run({list(words)!r}); "
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules)); "
        "print(heavy, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=Terminal(ROOT).environ()
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout


def test_every_setting_is_in_the_page_for_operators() -> None:
    """docs/operating.md has a row for each LIFECYCLE_* variable that wiring reads, and names no other."""
    source = (ROOT / "lifecycle" / "wiring.py").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:text|number|flag)\("([A-Z_]+)"', source))
    assert read >= {"DATABASE_URL", "SMTP_URL", "WRITE_KEYS"}
    documented = set(re.findall(r"`LIFECYCLE_([A-Z_]+)", (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")))
    assert documented == read
