"""`lifecycle segments`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from lifecycle.cli.moments import read_moment
from lifecycle.cli.output import cell, console, emit_json, print_table
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.audience.headcount import Headcount

at_option = click.option("--at", metavar="TIME", help="As of this instant, facts included; 2026-11-01, or 30d ago.")


@contextmanager
def _asking(session: Session, at: str | None) -> Iterator[tuple[Headcount, Connection, datetime]]:
    from lifecycle.audience.headcount import Headcount
    from lifecycle.audience.past import moment

    content = session.files("segments/")
    when = read_moment(session, at) or session.engine().clock.now()
    with moment(session.engine().store) as connection:
        yield Headcount(connection, content, when), connection, when


@click.group(
    invoke_without_command=True,
    epilog="Examples:  lifecycle segments  ·  lifecycle segments count vip --at 2026-10-01  ·  "
    "lifecycle segments explain vip sara@example.com",
)
@at_option
@json_option
@pass_session
@click.pass_context
def command(context: click.Context, session: Session, at: str | None) -> None:
    """List, count and explain segments.

    Reads the files, not the version in force. Without a subcommand: every segment and how many contacts are in it.
    """
    if context.invoked_subcommand is not None:
        return
    with _asking(session, at) as (asked, _, when):
        counts = asked.counts()
    locale = session.files("segments/").project.default_locale
    rows = [
        {
            "segment": name,
            "label": session.files("segments/").segments[name].label.text(locale, locale),
            "count": counts[name],
            "at": when,
        }
        for name in sorted(counts)
    ]
    if session.json:
        emit_json(rows)
    else:
        print_table(rows, ["segment", "label", "count"])


@command.command(epilog="Example:  lifecycle segments count vip --at 2026-10-01 --json")
@click.argument("name")
@at_option
@json_option
@pass_session
def count(session: Session, name: str, at: str | None) -> None:
    """Count the contacts in a segment."""
    with _asking(session, at) as (asked, _, when):
        found = asked.count(name)
    if session.json:
        emit_json({"segment": name, "count": found, "at": when})
    else:
        click.echo(found)


@command.command(epilog="Example:  lifecycle segments members vip --json")
@click.argument("name")
@at_option
@json_option
@pass_session
def members(session: Session, name: str, at: str | None) -> None:
    """List the contacts in a segment, and since when they are in it as far as that is stored."""
    with _asking(session, at) as (asked, _, _when):
        rows = [{"contact": one.contact, "entered_at": one.entered_at} for one in asked.members(name)]
    if session.json:
        emit_json(rows)
    else:
        print_table(rows, ["contact", "entered_at"])


@command.command(epilog="Example:  lifecycle segments explain vip sara@example.com --at 2026-10-01")
@click.argument("name")
@click.argument("contact")
@at_option
@json_option
@pass_session
def explain(session: Session, name: str, contact: str, at: str | None) -> None:
    """Say why a contact is in a segment or not: each clause with the value it saw.

    CONTACT is an external id or an e-mail address.
    """
    from dataclasses import asdict

    from lifecycle.audience.clauses import clauses
    from lifecycle.audience.setting import Setting
    from lifecycle.journey.load import load_states
    from lifecycle.store.contacts import find_contact

    content = session.files("segments/")
    with _asking(session, at) as (asked, connection, when):
        where = asked.segment(name).where
        contact_id = find_contact(connection, contact)
        state = load_states(connection, [contact_id])[contact_id]
        found = clauses(where, state, Setting.of(content, asked.tops(where)), when)
    member = found[0].holds and not state.erased
    if session.json:
        emit_json(
            {
                "segment": name,
                "contact": contact,
                "at": when,
                "member": member,
                "clauses": [asdict(one) for one in found],
            }
        )
        return
    _print(f"{contact} is {'' if member else 'not '}in {name} at {cell(when)}", found)


def _print(title: str, found: Any) -> None:
    from rich.markup import escape

    out = console()
    out.print(f"[bold]{escape(title)}[/]")
    for clause in found:
        mark = "[green]✓[/]" if clause.holds else "[red]✗[/]"
        saw = "" if clause.saw is None else f"  (saw {escape(clause.saw)})"
        flips = clause.flips_at if clause.saw is not None else None
        until = f"  [dim]until {cell(flips)} at least[/]" if flips else ""
        out.print(f"{'  ' * clause.depth}{mark} {escape(clause.text)}{saw}{until}")
