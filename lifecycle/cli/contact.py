"""`lifecycle contact`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.cli.output import cell, console, emit_json, note, plain
from lifecycle.cli.session import Session, json_option, pass_session


@click.group(
    epilog="Examples:  lifecycle contact show sara@example.com  ·  lifecycle contact export u-17 --out sara.json  ·  "
    "lifecycle contact erase u-17 --yes"
)
def command() -> None:
    """Show, export, erase or suppress one contact.

    A contact is named by its external id, else by its e-mail address.
    """


@command.command(epilog="Example:  lifecycle contact show sara@example.com")
@click.argument("contact")
@json_option
@pass_session
def show(session: Session, contact: str) -> None:
    """Show who a contact is: names, attributes, stage, consent, segments, facts.

    And who was merged into it, when and by what: a merge cannot be undone.
    """
    from lifecycle.intake.export import overview
    from lifecycle.store.contacts import find_contact

    with session.engine().store.read() as connection:
        found = overview(connection, find_contact(connection, contact))
    if session.json:
        emit_json(found)
        return
    _print(found)


@command.command(epilog="Example:  lifecycle contact export sara@example.com --out sara.json")
@click.argument("contact")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file; default: stdout.")
@json_option
@pass_session
def export(session: Session, contact: str, out: Path | None) -> None:
    """Export everything that is stored of a contact, as JSON."""
    from lifecycle.intake.export import export as collect
    from lifecycle.store.contacts import find_contact

    with session.engine().store.read() as connection:
        found = collect(connection, find_contact(connection, contact))
    if out is None:
        emit_json(found)
        return
    try:
        out.write_text(json.dumps(plain(found), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from error
    note(f"wrote {out}")


@command.command(epilog="Example:  lifecycle contact erase sara@example.com --yes")
@click.argument("contact")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def erase(session: Session, contact: str, *, yes: bool) -> None:
    """Erase a contact for good; its addresses stay suppressed, by their hashes.

    Names, addresses, attributes and the contents of events go. What adds up stays without a name: counts of orders, the
    ledger's outcomes. There is no way back.
    """
    from lifecycle.intake.erase import erase as forget
    from lifecycle.store.contacts import find_contact

    engine = session.engine()
    with engine.store.read() as connection:
        row = find_contact(connection, contact)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("erasing cannot be undone", hint="say --yes")
        click.confirm(f"Erase {contact} for good?", abort=True, err=True)
    with engine.store.write() as connection:
        forget(connection, row, engine.clock.now())
    _done(session, {"contact": contact, "erased": True}, f"erased {contact}")


@command.command(epilog="Example:  lifecycle contact suppress sara@example.com --reason 'asked by phone'")
@click.argument("contact")
@click.option("--reason", default="by_hand", show_default=True, help="Why, for whoever looks later.")
@json_option
@pass_session
def suppress(session: Session, contact: str, reason: str) -> None:
    """Never mail an address again, marketing or not. CONTACT may be an address that nobody has yet."""
    from lifecycle.intake.consent import suppress as bar

    engine = session.engine()
    address = _address(session, contact)
    with engine.store.write() as connection:
        new = bar(connection, address, reason, engine.clock.now(), source="command line")
    said = f"suppressed {address}" if new else f"{address} was suppressed already"
    _done(session, {"address": address, "suppressed": True, "changed": new}, said)


@command.command(epilog="Example:  lifecycle contact unsuppress sara@example.com")
@click.argument("contact")
@json_option
@pass_session
def unsuppress(session: Session, contact: str) -> None:
    """Let an address be mailed again. Consent is another matter, and stays as it is."""
    from lifecycle.intake.consent import unsuppress as allow

    address = _address(session, contact)
    with session.engine().store.write() as connection:
        changed = allow(connection, address)
    said = f"{address} can be mailed again" if changed else f"{address} was not suppressed"
    _done(session, {"address": address, "suppressed": False, "changed": changed}, said)


def _address(session: Session, name: str) -> str:
    """Return the address of the contact of that name, or the name itself where it is an address that nobody has."""
    from lifecycle.intake.export import overview
    from lifecycle.store.contacts import find_contact

    with session.engine().store.read() as connection:
        try:
            email = overview(connection, find_contact(connection, name))["email"]
        except NotFoundError:
            if "@" not in name:
                raise
            return name
    if not email:
        raise UsageError(f"{name} has no e-mail address")
    return str(email)


def _print(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        if isinstance(value, dict):
            for key, inner in value.items():
                if inner is not None and key != "attributes":
                    table.add_row(f"{name}.{key}", _said(inner))
        elif name == "identities":
            for identity in value:
                table.add_row(identity["kind"].replace("_", " "), cell(identity["value"]))
        elif name == "merged":
            for gone in value:
                table.add_row(name, _merge(gone))
            if value:
                table.add_row("", "a merge cannot be undone")
        elif value is not None and name not in {"id", "identifier"}:
            table.add_row(name.replace("_", " "), _said(value))
    console().print(table)


def _merge(gone: dict[str, Any]) -> str:
    when = f"{cell(gone['at'])} by {str(gone['cause']).replace('_', ' ')}" if gone["at"] else "before this was recorded"
    return f"{cell(gone['contact'])}, {when}" + (f", message {cell(gone['message_id'])}" if gone["message_id"] else "")


def _said(value: Any) -> str:
    if isinstance(value, list):
        return cell(", ".join(map(str, value)) or None)
    return cell(json.dumps(plain(value), ensure_ascii=False) if isinstance(value, dict) else value)


def _done(session: Session, data: dict[str, Any], text: str) -> None:
    if session.json:
        emit_json(data)
    else:
        note(text)
