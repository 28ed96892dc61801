"""`lifecycle doctor`: one line for each thing that must work, and what to do about those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.report.health import Finding
    from lifecycle.wiring import Engine, Settings

MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "red")}
UNREACHABLE = "is LIFECYCLE_DATABASE_URL right, and the server up?"
#: Seconds to wait for a broker's answer.
TIMEOUT_S = 5.0


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
    yield _mail(engine.settings)
    yield _dkim(engine.settings)
    yield _links(engine.settings)


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

    def look() -> str:
        try:
            content = engine.files()
        except ContentError as error:
            raise ContentError(f"{len(error.diagnostics)} errors in the files", hint="run `lifecycle check`") from error
        return f"{len(content.campaigns)} campaigns, {len(content.segments)} segments, no errors"

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
    if in_force is None:
        yield Finding("in force", "note", "nothing was applied yet", "`lifecycle apply` puts the files into force")
    else:
        yield Finding("in force", "ok", f"version {in_force.hash[:12]}")


def _broker(url: str | None) -> Finding:
    def look() -> str:
        from lifecycle.base.errors import SettingsError

        scheme = (url or "").partition("://")[0]
        if url is None:
            return "in this process"
        if scheme in {"redis", "rediss", "unix"}:
            import redis

            try:
                with redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
                    client.ping()
            except (redis.RedisError, ValueError) as error:
                raise SettingsError(f"Redis does not answer: {error}", hint="is LIFECYCLE_BROKER_URL right?") from error
            return "Redis answers"
        if scheme in {"amqp", "amqps"}:
            import socket
            from urllib.parse import urlsplit

            parts = urlsplit(url)
            where = (parts.hostname or "localhost", parts.port or (5671 if scheme == "amqps" else 5672))
            socket.create_connection(where, timeout=TIMEOUT_S).close()
            return "RabbitMQ takes connections"
        raise SettingsError(f'no such broker: "{scheme}"', hint="redis://HOST:6379/0, or nothing at all")

    return _guarded("broker", look, "is LIFECYCLE_BROKER_URL right, and the broker up? no mail is lost meanwhile")


def _mail(settings: Settings) -> Finding:
    def look() -> str:
        from lifecycle.providers.folder import FolderProvider
        from lifecycle.providers.smtp import SmtpProvider

        if settings.smtp_url is None:
            FolderProvider(settings.mail_folder).check()
            return f"mails are written into {settings.mail_folder}; LIFECYCLE_SMTP_URL sends them"
        provider = SmtpProvider(settings.smtp_url)
        try:
            provider.check()
        finally:
            provider.close()
        return f"{provider.url} answers"

    return _guarded("mail", look, "is LIFECYCLE_SMTP_URL right?")


def _dkim(settings: Settings) -> Finding:
    from lifecycle.report.health import Finding

    domain, selector, path = settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file
    given = {"DOMAIN": domain, "SELECTOR": selector, "KEY_FILE": path}
    missing = [f"LIFECYCLE_DKIM_{name}" for name, value in given.items() if value is None]
    if len(missing) == len(given):
        todo = "set LIFECYCLE_DKIM_DOMAIN, _SELECTOR and _KEY_FILE unless your mail server signs"
        return Finding("dkim", "note" if settings.smtp_url else "ok", "mails are not signed here", todo)
    if domain is None or selector is None or path is None:
        return Finding("dkim", "wrong", f"{' and '.join(missing)} not set", "DKIM needs all three")

    def look() -> str:
        from lifecycle.deliver.sign import Signer

        Signer.from_file(domain, selector, path)
        return f"signs as {selector}._domainkey.{domain}"

    return _guarded("dkim", look)


def _links(settings: Settings) -> Finding:
    from lifecycle.report.health import Finding

    if settings.base_url.startswith("https://"):
        return Finding("links", "ok", f"mails point to {settings.base_url}")
    todo = "set LIFECYCLE_BASE_URL to the https:// address under which `lifecycle web` is reached"
    return Finding("links", "note", f"mails point to {settings.base_url}; one-click unsubscribe needs https", todo)
