"""What every command gets: the project's folder, how to print, and the engine, opened when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lifecycle.base.errors import ContentError, UsageError
from lifecycle.wiring import Engine, Settings

if TYPE_CHECKING:
    from lifecycle.spec.model import Content

Command = TypeVar("Command", bound=Callable[..., Any])


class Session:
    """One call of the command line."""

    def __init__(self, folder: Path, *, as_json: bool = False) -> None:
        self.folder = folder
        self.json = as_json
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """Return the engine of the project in `folder`. Raises UsageError when there is no project."""
        if self._engine is None:
            if not (self.folder / "lifecycle.yaml").is_file():
                raise UsageError(
                    f"no lifecycle.yaml in {self.folder}",
                    hint="run this in a project's folder, name one with -C DIR, or make one with `lifecycle init DIR`",
                )
            self._engine = Engine(Settings.read(self.folder))
        return self._engine

    def files(self, *needs: str, checked: bool = False) -> Content:
        """Return the content on disk. Raises ContentError, which prints every diagnostic (exit 3).

        `needs` are the folders that must be free of errors; without any, all. `checked` looks at the templates too.
        """
        engine = self.engine()
        try:
            return engine.checked_files() if checked else engine.files(*needs)
        except ContentError as error:
            from lifecycle.spec.project import read_folder

            error.files = read_folder(self.folder)
            raise

    def close(self) -> None:
        """Close what was opened."""
        if self._engine is not None:
            self._engine.close()


pass_session = click.make_pass_decorator(Session)


def json_option(command: Command) -> Command:
    """Let `--json` stand behind the command as well as before it."""

    def remember(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            context.ensure_object(Session).json = True

    option = click.option("--json", is_flag=True, expose_value=False, callback=remember, help="Print JSON on stdout.")
    return option(command)
