"""`lifecycle check`: the compiler. Every mistake in every file, each with its place; needs no database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.base.errors import UsageError
from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session
from lifecycle.wiring import STATE_FOLDER

if TYPE_CHECKING:
    from lifecycle.spec.diagnostics import Diagnostic
    from lifecycle.spec.model import Content

EXIT_CONTENT = 3


@click.command(epilog="Example:  lifecycle check campaigns/welcome.yaml")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print the findings."
)
@json_option
@pass_session
def command(session: Session, paths: tuple[Path, ...], form: str) -> int:
    """Report every error in the content, with its place.

    With PATHS (files or folders), only what stands there is shown; all of it is checked either way. Exit code 3 means
    that there are errors; warnings alone give 0. No database is needed; if there is one, it says how many people two
    campaigns would both mail.
    """
    from lifecycle.plan.diagnose import diagnose_loaded
    from lifecycle.render.check_cache import FolderCache
    from lifecycle.spec.diagnostics import as_json, as_text
    from lifecycle.spec.project import load, read_folder

    files = read_folder(session.folder)
    wanted = [_inside(path, session.folder) for path in paths]
    cache = FolderCache(session.folder / STATE_FOLDER)
    loaded = load(files)
    everything = _with_people(diagnose_loaded(files, loaded, cache), loaded.partial, session)
    found = [each for each in everything if _covers(wanted, each.place.path)]
    if session.json or form == "json":
        emit_json(as_json(found))
    else:
        for diagnostic in found:
            click.echo(as_text(diagnostic, files))
    errors = sum(each.is_error for each in found)
    checked = sum(_covers(wanted, path) for path in files)
    note(f"{_count(checked, 'file')}: {_count(errors, 'error')}, {_count(len(found) - errors, 'warning')}")
    return EXIT_CONTENT if errors else 0


def _with_people(found: list[Diagnostic], content: Content | None, session: Session) -> list[Diagnostic]:
    """Return the findings with the number of people whom two campaigns would both mail, if there is a database."""
    from lifecycle.plan.overlap import with_people
    from lifecycle.spec.rules_overlap import SamePeopleAtOnce

    if any(each.code == SamePeopleAtOnce.code for each in found):
        engine = session.engine()
        return with_people(found, content, engine.settings.database_url, engine.clock.now())
    return found


def _inside(path: Path, folder: Path) -> str:
    """Return the path as diagnostics name it. It is looked for from here, then from the project's folder."""
    for candidate in (path.absolute(), folder / path):
        if candidate.exists() and candidate.resolve().is_relative_to(folder.resolve()):
            return candidate.resolve().relative_to(folder.resolve()).as_posix()
    raise UsageError(f"nothing at {path} in {folder}", hint="name a file or folder of the project")


def _covers(wanted: Sequence[str], path: str) -> bool:
    return not wanted or any(each in {".", path} or path.startswith(f"{each}/") for each in wanted)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
