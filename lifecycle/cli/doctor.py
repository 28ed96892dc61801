"""`lifecycle doctor`: one line for each thing that must work, and what to do about those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.providers.base import Provider
    from lifecycle.report.health import Finding
    from lifecycle.wiring import Engine, Settings

MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "red")}
UNREACHABLE = "is LIFECYCLE_DATABASE_URL right, and the server up?"


@click.command(epilog="Example:  lifecycle doctor --json")
@json_option
@pass_session
def command(session: Session) -> int:
    """Look for what is wrong with the installation.

    Database, broker, mail server, DKIM key, clock, content, and what in the ledger waits for somebody. Exit code 1 when
    something is wrong.
    """
    from rich.text import Text

    from lifecycle.cli.output import console, emit_json

    findings = list(examine(session))
    wrong = sum(finding.verdict == "wrong" for finding in findings)
    if session.json:
        emit_json({"ok": not wrong, "findings": [finding.as_json() for finding in findings]})
        return min(wrong, 1)
    out = console()
    for finding in findings:
        mark, colour = MARKS[finding.verdict]
        out.print(Text.assemble((mark, colour), f" {finding.what:<10} {finding.detail}"))
        if finding.todo and finding.verdict != "ok":
            out.print(Text(f"             {finding.todo}", style="dim"))
    return min(wrong, 1)


def examine(session: Session) -> Iterator[Finding]:
    """Yield every finding; one that fails hides none of the others."""
    engine = session.engine()
    yield _content(engine)
    yield from _database(engine)
    yield _broker(engine.settings.broker_url)
    yield from _mail(engine)
    yield from _hooks(engine)
    yield _dkim(engine)
    yield _links(engine.settings)
    if engine.settings.bounces is not None:
        yield _bounces(engine.settings.bounces)


def _bounces(box: Path) -> Finding:
    def look() -> str:
        from lifecycle.deliver.bounce_box import waiting

        return f"{len(waiting(box)):,} mails wait in {box}"

    return _guarded("bounces", look)


def _guarded(what: str, look: Callable[[], str], todo: str = "") -> Finding:
    """Return what `look` says, or its error as a finding."""
    from lifecycle.base.errors import LifecycleError
    from lifecycle.report.health import Finding

    try:
        return Finding(what, "ok", look())
    except LifecycleError as error:
        return Finding(what, "wrong", error.message, error.hint or todo)
    except OSError as error:
        return Finding(what, "wrong", str(error), todo)


def _content(engine: Engine) -> Finding:
    from lifecycle.base.errors import ContentError
    from lifecycle.plan.diagnose import diagnose
    from lifecycle.spec.project import read_folder

    def look() -> str:
        found = diagnose(read_folder(engine.settings.folder), engine.check_cache)
        errors = sum(each.is_error for each in found)
        if errors:
            raise ContentError(f"errors in the files: {errors:,}", hint="run `lifecycle check`")
        return f"no errors, {len(found):,} warnings"

    return _guarded("content", look)


def _database(engine: Engine) -> Iterator[Finding]:
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from lifecycle.base.errors import LifecycleError
    from lifecycle.report.health import Finding, clock_finding, ledger_findings

    try:
        shown = make_url(engine.settings.database_url).render_as_string(hide_password=True)
        with engine.store.read() as connection:
            yield Finding("database", "ok", f"{shown}, migrated")
            yield clock_finding(connection, engine.clock.now())
            yield from ledger_findings(connection, engine.clock.now())
        in_force = engine.in_force()
    except LifecycleError as error:
        # a connection error sends people here, which is no help to those who are here
        hint = "" if "doctor" in error.hint else error.hint
        yield Finding("database", "wrong", error.message, hint or UNREACHABLE)
        return
    except SQLAlchemyError as error:
        first = str(error).splitlines()[0]
        yield Finding("database", "wrong", first, UNREACHABLE)
        return
    yield from _warm_ups(engine)
    if in_force is None:
        yield Finding("in force", "note", "nothing was applied yet", "`lifecycle apply` puts the files into force")
    else:
        yield Finding("in force", "ok", f"version {in_force.hash[:12]}")


def _warm_ups(engine: Engine) -> Iterator[Finding]:
    """Yield what each warm-up allows today."""
    from lifecycle.base.errors import LifecycleError
    from lifecycle.deliver.standing import warm_ups_today
    from lifecycle.report.health import Finding

    try:
        project = engine.content().project
        with engine.store.read() as connection:
            said = list(warm_ups_today(connection, project, engine.clock))
    except LifecycleError:
        return  # content and database have lines of their own
    yield from (Finding("warm-up", "ok", each) for each in said)


def _broker(url: str | None) -> Finding:
    def look() -> str:
        from lifecycle.deliver.reach import check_broker

        return check_broker(url)

    return _guarded("broker", look)


def _mail(engine: Engine) -> Iterator[Finding]:
    """Yield what each provider that is set up says when it is reached."""
    from lifecycle.base.errors import SettingsError
    from lifecycle.report.health import Finding

    try:
        providers = engine.providers()
    except SettingsError as error:
        yield Finding("mail", "wrong", error.message, error.hint)
        return
    for number, provider in enumerate(providers):
        yield _guarded("mail", partial(_reach, provider, is_default=number == 0), "is its address right?")
        provider.close()
    names = [provider.name for provider in providers]
    yield from _senders(engine, names)
    yield from _stranded(engine, names)


def _reach(provider: Provider, *, is_default: bool) -> str:
    from lifecycle.providers.folder import FolderProvider
    from lifecycle.providers.postmark import PostmarkProvider
    from lifecycle.providers.ses import SesProvider
    from lifecycle.providers.smtp import SmtpProvider

    provider.check()
    match provider:
        case FolderProvider() if is_default:
            return f"mails are written into {provider.folder}; LIFECYCLE_SMTP_URL sends them"
        case FolderProvider():
            return f"the provider folder writes into {provider.folder}"
        case SmtpProvider():
            return f"{provider.url} answers"
        case SesProvider() | PostmarkProvider():
            return f"{provider.where} answers"
        case _:
            return f"{provider.name} answers"


def _senders(engine: Engine, names: list[str]) -> Iterator[Finding]:
    """Yield by whom each sender's mails go that names providers, and the providers that are not set up."""
    from lifecycle.base.errors import LifecycleError
    from lifecycle.report.health import Finding

    try:
        senders = engine.content().project.senders
    except LifecycleError:
        return  # the content has a line of its own
    for name, sender in senders.items():
        there = [provider for provider in sender.providers if provider in names]
        missing = [provider for provider in sender.providers if provider not in names]
        if missing:
            asked = f'sender "{name}" asks for {" and ".join(missing)}, which is not set up'
            yield Finding(
                "senders", "note" if names == ["folder"] else "wrong",
                f"{asked}: its mails go by {_then(there) or names[0]}",
                f"set up {missing[0]}, or change `senders.{name}.provider`; there is {', '.join(names)}",
            )  # fmt: skip
        elif len(there) > 1:
            yield Finding(
                "senders", "ok", f'mails of "{name}" go by {there[0]}; while it is out, by {_then(there[1:])}'
            )


def _stranded(engine: Engine, names: list[str]) -> Iterator[Finding]:
    """Yield the mails that wait for a provider which may have accepted them, and is not set up any more."""
    from lifecycle.base.errors import LifecycleError
    from lifecycle.deliver.standing import stranded
    from lifecycle.report.health import Finding

    try:
        with engine.store.read() as connection:
            found = stranded(connection, names)
    except LifecycleError:
        return
    for provider, rows in found.items():
        detail = f"{rows:,} mails wait for {provider}, which is not set up: it may have accepted them already"
        todo = f"set up {provider} until they are sent, or `lifecycle cancel` their campaign"
        yield Finding("senders", "wrong", detail, todo)


def _then(names: Sequence[str]) -> str:
    """Return names in their order as words."""
    return ", then ".join(names)


def _hooks(engine: Engine) -> Iterator[Finding]:
    """Yield whether a provider that tells what became of its mails is listened to."""
    from lifecycle.base.errors import SettingsError
    from lifecycle.report.health import Finding

    settings = engine.settings
    try:
        hooks = engine.hooks()
    except SettingsError as error:
        yield Finding("hooks", "wrong", error.message, error.hint)
        return
    for name in hooks:
        yield Finding("hooks", "ok", f"{settings.base_url}/hooks/{name} takes its events")
    is_set = (("ses", settings.ses_region, "_SES_TOPIC_ARN"), ("postmark", settings.postmark_token, "_POSTMARK_HOOK"))
    for name, there, variable in is_set:
        if there is not None and name not in hooks:
            todo = f"set LIFECYCLE{variable}, and let {name} post to {settings.base_url}/hooks/{name}"
            yield Finding("hooks", "note", f"bounces and complaints of {name} do not come back", todo)


def _dkim(engine: Engine) -> Finding:
    from lifecycle.base.errors import LifecycleError
    from lifecycle.report.health import Finding

    try:
        signer = engine.signer()
    except LifecycleError as error:
        return Finding(
            "dkim", "wrong", error.message, error.hint or "is LIFECYCLE_DKIM_KEY_FILE the private key, in PEM?"
        )
    if signer is not None:
        return Finding("dkim", "ok", f"signs as {signer.selector}._domainkey.{signer.domain}")
    todo = "set LIFECYCLE_DKIM_DOMAIN, _SELECTOR and _KEY_FILE unless your mail server signs"
    return Finding("dkim", "note" if engine.settings.smtp_url else "ok", "mails are not signed here", todo)


def _links(settings: Settings) -> Finding:
    from lifecycle.report.health import Finding

    if settings.base_url.startswith("https://"):
        return Finding("links", "ok", f"mails point to {settings.base_url}")
    todo = "set LIFECYCLE_BASE_URL to the https:// address under which `lifecycle web` is reached"
    return Finding("links", "note", f"mails point to {settings.base_url}; one-click unsubscribe needs https", todo)
