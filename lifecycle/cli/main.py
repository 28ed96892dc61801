"""`lifecycle`: finds a command's module when it is called, so that `--help` answers at once."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from lifecycle.base.errors import ContentError, LifecycleError, StalePlanError, UsageError

#: Each command: the module that holds it (its attribute `command`, or NAME_command) and its line in --help, in the
#: order of a working day. A test holds the lines equal to the commands' own first lines.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a project that passes `check`."),
    "demo": ("demo", "Run the sample shop over months of events, then say what to look at."),
    "check": ("check", "Report every error in the content, with its place."),
    "schema": ("schema", "Write the JSON Schemas for editors."),
    "import": ("import_", "Import contacts, events, messages or suppressions from a file."),
    "segments": ("segments", "List, count and explain segments."),
    "stages": ("stages", "Show the stages: counts, transitions, time in stage."),
    "preview": ("preview", "Show the mails while they are written."),
    "plan": ("plan", "Show what `apply` would change, and for whom."),
    "apply": ("apply", "Put the content into force."),
    "send": ("send", "Send a campaign now, or rehearse it with --dry-run."),
    "simulate": ("simulate", "Show the mails of a future, or of a past, in virtual time; nothing is sent."),
    "test": ("test", "Run the journey tests."),
    "explain": ("explain", "Say why a contact did or did not get its mails."),
    "run": ("run", "Run web, scheduler and workers in one process."),
    "worker": ("run", "Run workers only."),
    "scheduler": ("run", "Run the scheduler only."),
    "web": ("run", "Run the web server only."),
    "pause": ("campaigns", "Hold a campaign's mails until it is resumed."),
    "resume": ("campaigns", "Let a paused campaign go on."),
    "cancel": ("campaigns", "Cancel a campaign's open mails and enrolments."),
    "report": ("report", "Report engagement, revenue, funnels and lift."),
    "contact": ("contact", "Show, export, erase or suppress one contact."),
    "tickets": ("tickets", "List and close tickets."),
    "outbox": ("outbox", "Show the ledger's states and ages; resolve unknown."),
    "bounces": ("bounces", "Read what came back: bounces and complaints."),
    "doctor": ("doctor", "Look for what is wrong with the installation."),
    "rebuild": ("rebuild", "Fold everybody's facts again from the events."),
    "migrate": ("migrate", "Bring the database to this version."),
}

EXIT_FAILED, EXIT_USAGE, EXIT_CONTENT, EXIT_STALE, EXIT_PARTLY, EXIT_INTERRUPTED = 1, 2, 3, 4, 5, 130


class LazyGroup(click.Group):
    """Imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of COMMANDS."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, None for an unknown name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lifecycle.cli.{COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, f"{cmd_name}_command", None) or module.command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Say what was meant when the name is unknown."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from lifecycle.spec.diagnostics import did_you_mean

            hint = did_you_mean(args[0], COMMANDS)
            raise click.UsageError(f'no command "{args[0]}"' + (f"; {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Examples:  lifecycle init shop  ·  lifecycle -C shop check  ·  lifecycle send welcome --dry-run",
)
@click.option("-C", "folder", type=click.Path(path_type=Path), default=Path(), help="The project's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.version_option(package_name="lifecycle", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, folder: Path, *, as_json: bool) -> None:
    """Lifecycle email as code: checked like a compiler, planned with the people it reaches, sent once."""
    from lifecycle.cli.session import Session

    context.obj = Session(folder.resolve(), as_json=as_json)
    context.call_on_close(context.obj.close)


def main() -> None:
    """Run the command line; exit codes are those of DESIGN section 6."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. A person's mistake never ends in a traceback."""
    try:
        result = cli.main(args=arguments, prog_name="lifecycle", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE if isinstance(error, click.UsageError) else EXIT_FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except SystemExit:
        # click and rich exit by themselves only when the reader went away (`lifecycle … | head`): not our failure
        return 0
    except LifecycleError as error:
        return _fail(error)
    return result if isinstance(result, int) else 0


def _fail(error: LifecycleError) -> int:
    from lifecycle.cli.output import show_error

    show_error(error)
    match error:
        case UsageError():
            return EXIT_USAGE
        case ContentError():
            return EXIT_CONTENT
        case StalePlanError():
            return EXIT_STALE
        case _:
            return EXIT_FAILED
