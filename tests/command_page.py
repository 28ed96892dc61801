"""docs/cli.md is written from the commands: `python tests/command_page.py` writes it, a test holds it to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from lifecycle.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cli.md"
#: The width of help on the page and in the golden files.
WIDTH = 100

HEAD = """# The command line

<!-- Written by `python tests/command_page.py` from the commands themselves; edit their docstrings and options. -->

`lifecycle [-C DIR] [--json] COMMAND`. `-C DIR` names the project's folder (else the one you are in). `--json` may stand
before or after the command: then stdout holds JSON and nothing else; progress, notes and errors always go to stderr.
`NO_COLOR` and output that is no terminal get no colour. Nothing prompts unless it is on a terminal.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | failed: the message says why, and what to do |
| 2 | asked wrongly: an unknown command, option or file, or no project here |
| 3 | the content has errors, each shown with its place |
| 4 | the plan is stale: something changed since it was made |
| 5 | partly sent: some mails could not be delivered |
| 130 | interrupted with Ctrl-C |

check, preview, segments, stages, simulate, test, plan and `send --dry-run` read the files; send, run, worker, scheduler
and web follow the version in force; import, rebuild and report the latter, else the files. A contact is named by its
external id, else its e-mail address. Settings are in [operating.md](operating.md).
"""


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Yield each command by its full name (`segments count`), groups before their own commands."""
    context = click.Context(cli)
    for name in COMMANDS:
        found = cli.get_command(context, name)
        assert found is not None
        yield name, found
        if isinstance(found, click.Group):
            for inner in sorted(found.commands):
                yield f"{name} {inner}", found.commands[inner]


def outermost() -> click.Context:
    """Return the context of `lifecycle` itself, at a fixed width."""
    return click.Context(cli, info_name="lifecycle", terminal_width=WIDTH, help_option_names=["-h", "--help"])


def help_of(name: str, command: click.Command) -> str:
    """Return what `lifecycle NAME --help` prints; of `lifecycle` itself for no name."""
    parent = outermost()
    if not name:
        return cli.get_help(parent) + "\n"
    *outer, last = name.split()
    for word in outer:
        group = cli.get_command(parent, word)
        assert group is not None
        parent = click.Context(group, info_name=word, parent=parent)
    return command.get_help(click.Context(command, info_name=last, parent=parent)) + "\n"


def page() -> str:
    """Return docs/cli.md."""
    parts = [HEAD, "| command | does |\n| --- | --- |"]
    parts[-1] += "".join(f"\n| [`{name}`](#{name}) | {line} |" for name, (_, line) in COMMANDS.items()) + "\n"
    for name, command in every_command():
        mark = "##" if " " not in name else "###"
        parts.append(f"{mark} {name}\n\n```text\n{help_of(name, command)}```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
