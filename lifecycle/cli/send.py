"""`lifecycle send`."""

from __future__ import annotations

import contextlib
import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import click

from lifecycle.base.errors import LifecycleError, NotFoundError, UsageError
from lifecycle.cli.output import emit_json, note, plain, print_table, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lifecycle.deliver.parts import Parts
    from lifecycle.journey.enrol import Opening
    from lifecycle.spec.model import Campaign, Content
    from lifecycle.wiring import Engine

EXIT_PARTLY = 5
#: A limit that lets nothing through for longer, in seconds, is left to `lifecycle run`.
MOST_WAIT_S = 60.0
#: How many rows of a dry run are shown on a terminal; all of them are in the file.
SHOWN = 20


@click.command(
    epilog="Examples:  lifecycle send newsletter --dry-run  ·  lifecycle send newsletter --run november  ·  "
    "lifecycle send thank-you --since 2026-11-01 --until 2026-12-01"
)
@click.argument("campaign")
@click.option("--dry-run", is_flag=True, help="Show who would get what; write the mails to --out, send nothing.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where --dry-run writes.  [default: dry-run/CAMPAIGN]",
)
@click.option("--since", metavar="TIME", help="Enrol once for each stored triggering event from here on …")
@click.option("--until", metavar="TIME", help="… to before here.  [default: now]")
@click.option(
    "--to",
    "address",
    metavar="ADDRESS",
    help="Send one test mail there, made out for the first contact; record nothing.",
)
@click.option("--limit", type=click.IntRange(1), help="Enrol at most that many.")
@click.option(
    "--run",
    "run_name",
    metavar="NAME",
    help="What this run is called: the same name mails nobody twice.  [default: today]",
)
@json_option
@pass_session
def command(
    session: Session,
    campaign: str,
    dry_run: bool,
    out: Path | None,
    since: str | None,
    until: str | None,
    address: str | None,
    limit: int | None,
    run_name: str | None,
) -> int:
    """Send a campaign now, or rehearse it with --dry-run.

    Without --since it goes to the campaign's audience as it is now. Saying it twice mails nobody twice. --dry-run reads
    the files, everything else the version in force. Exit 5 means that some mails could not be delivered.
    """
    from lifecycle.base.address import parse_address

    engine = session.engine()
    content = session.files() if dry_run else engine.applied()
    found = _campaign(content, campaign)
    now = engine.clock.now()
    window = _window(since, until, content, now)
    name = run_name or f"{now.date()}"
    if dry_run:
        return _dry_run(
            session, engine, content, found, window, limit, name, out or session.folder / "dry-run" / campaign
        )
    if address is not None:
        return _test_mail(session, engine, content, found, window, name, parse_address(address))
    return _send(session, engine, content, found, window, limit, name)


def _campaign(content: Content, name: str) -> Campaign:
    from lifecycle.spec.diagnostics import did_you_mean

    found = content.campaigns.get(name)
    if found is None:
        raise NotFoundError(f'no campaign "{name}"', hint=did_you_mean(name, content.campaigns))
    if found.status != "live":
        raise UsageError(f'"{name}" is a draft', hint="set `status: live` and apply it")
    return found


def _window(since: str | None, until: str | None, content: Content, now: datetime) -> tuple[datetime, datetime] | None:
    from lifecycle.base.units import parse_instant, parse_zone

    if since is None:
        if until is not None:
            raise UsageError("--until needs --since")
        return None
    zone = parse_zone(content.project.timezone)
    try:
        start = parse_instant(since, zone)
        end = parse_instant(until, zone) if until is not None else now
    except ValueError as error:
        raise UsageError(str(error)) from error
    if start >= end:
        raise UsageError(f"the window is empty: {start.isoformat()} is not before {end.isoformat()}")
    return start, end


def _openings(
    connection: Connection, content: Content, campaign: Campaign, window: tuple[datetime, datetime] | None,
    limit: int | None, name: str, now: datetime,
) -> Iterator[tuple[int, Opening]]:  # fmt: skip
    from itertools import islice

    from lifecycle.audience.setting import Setting
    from lifecycle.journey.openings import audience_openings, event_openings

    found = (
        event_openings(connection, campaign, *window, now)
        if window is not None
        else audience_openings(connection, campaign, Setting.of(content), now, name)
    )
    return islice(found, limit)


def _dry_run(
    session: Session, engine: Engine, content: Content, campaign: Campaign, window: tuple[datetime, datetime] | None,
    limit: int | None, name: str, out: Path,
) -> int:  # fmt: skip
    from lifecycle.audience.setting import Setting
    from lifecycle.journey.openings import outside_audience
    from lifecycle.plan.dry_run import DryRun, write_mail

    now = engine.clock.now()
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with engine.store.read() as connection, progress("rehearsing") as report:
        run = DryRun(connection, content, engine.versions, engine.composer(), engine.settings.secret(), now)
        found = run.rows(campaign, _openings(connection, content, campaign, window, limit, name, now))
        left_out = (
            run.outside(outside_audience(connection, campaign, Setting.of(content), now)) if window is None else ()
        )
        for source in (found, left_out):
            for row in source:
                path = write_mail(out, row)
                rows.append(
                    {
                        "contact": row.contact, "campaign": campaign.campaign, "step": row.step, "outcome": row.outcome,
                        "reason": row.reason, "not_before": row.not_before, "detail": row.detail,
                        "file": path.name if path else None,
                    }
                )  # fmt: skip
                report(1)
    with (out / "who.ndjson").open("w", encoding="utf-8") as file:
        for line in rows:
            file.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
    counts = Counter(line["reason"] or line["outcome"] for line in rows if line["outcome"] == "skipped")
    mails = sum(line["file"] is not None for line in rows)
    if session.json:
        summary = {
            "campaign": campaign.campaign,
            "mails": mails,
            "skipped": dict(counts),
            "out": str(out),
            "rows": rows,
        }
        emit_json(summary)
        return 0
    print_table(rows[:SHOWN], ["contact", "step", "outcome", "reason", "not_before", "file"])
    if len(rows) > SHOWN:
        note(f"… and {len(rows) - SHOWN} more in {out / 'who.ndjson'}")
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    note(f"{mails} mails would be sent" + (f"; not: {reasons}" if reasons else "") + f"; they lie in {out}")
    return 0


def _test_mail(
    session: Session, engine: Engine, content: Content, campaign: Campaign,
    window: tuple[datetime, datetime] | None, name: str, address: str,
) -> int:  # fmt: skip
    from lifecycle.plan.dry_run import DryRun, first_mail
    from lifecycle.providers.base import Ending

    now = engine.clock.now()
    with engine.store.read() as connection:
        run = DryRun(connection, content, engine.versions, engine.composer(), engine.settings.secret(), now)
        found = first_mail(
            run.rows(campaign, _openings(connection, content, campaign, window, None, name, now), to=address)
        )
    if found is None or found.mail is None:
        raise LifecycleError("nobody would get a mail of this campaign now", hint="`--dry-run` says why")
    channels = engine.channels()
    try:
        sender = next((row.sender for row in [found.mail.row]), None)
        outcome = channels.of(sender, content.project).send([found.mail.mail], lambda: True)[0]
    finally:
        channels.close()
    if outcome.ending is not Ending.ACCEPTED:
        raise LifecycleError(f"the test mail was not accepted ({outcome.ending}): {outcome.detail}")
    if session.json:
        emit_json({"to": address, "contact": found.contact, "step": found.step, "outcome": "sent"})
    else:
        note(
            f"sent {found.step} to {address}, made out for {found.contact}; its links lead nowhere, nothing is recorded"
        )
    return 0


def _send(
    session: Session, engine: Engine, content: Content, campaign: Campaign, window: tuple[datetime, datetime] | None,
    limit: int | None, name: str,
) -> int:  # fmt: skip
    from lifecycle.journey.by_hand import enrol_by_hand
    from lifecycle.journey.openings import Chosen
    from lifecycle.store.statistics import look_at_new_tables

    now = engine.clock.now()
    with engine.store.read() as connection:
        openings = Chosen(_openings(connection, content, campaign, window, limit, name, now))
    with progress("enrolling", len(openings)) as report:
        enrolled = enrol_by_hand(
            engine.store, engine.versions, content, campaign, openings, engine.settings.secret(), now, report=report
        )
    look_at_new_tables(engine.store)
    _deliver(engine, campaign.campaign, now)
    outcomes, reasons = _outcome(engine, campaign.campaign, now)
    refused = {reason: count for reason, count in enrolled.items() if reason not in {"enrolled", "held_out"}}
    partly = any(outcomes[state] for state in ("rejected", "failed", "unknown", "deferred"))
    if session.json:
        emit_json(
            {
                "campaign": campaign.campaign, "run": name, "enrolled": enrolled["enrolled"], "refused": refused,
                "outcomes": dict(outcomes), "reasons": dict(reasons),
            }
        )  # fmt: skip
    else:
        said = (outcomes + reasons).most_common()
        if said:
            print_table([{"what": what, "mails": count} for what, count in said])
        else:
            note(f'nobody new to mail in run "{name}"')
        if refused:
            note("not enrolled: " + ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items())))
        waiting = outcomes["queued"] + outcomes["deferred"]
        if waiting:
            why = "quiet hours, a pause, a sending limit, or another try"
            note(f"{waiting} wait ({why}); `lifecycle run` sends them when they are due")
    return EXIT_PARTLY if partly else 0


def _deliver(engine: Engine, campaign: str, now: datetime) -> None:
    """Deliver what is due, with a bar, until nothing more can be done now.

    Contacts with news get their turn first: whoever has just ordered or left must not be mailed, and is not until then.
    """
    from sqlalchemy import func, select

    from lifecycle.deliver.send import deliver_batch
    from lifecycle.store.tables import messages

    due = select(func.count()).where(
        messages.c.campaign == campaign, messages.c.state == "queued", messages.c.due_at <= now
    )
    with engine.store.read() as connection:
        total = connection.execute(due).scalar() or 0
    parts = engine.parts()
    with contextlib.closing(parts.channels), _interruptible(parts), progress("sending", total) as report:
        while not parts.stop.is_set():
            _advance(engine)
            done = deliver_batch(parts)
            report(done.claimed)
            if done.idle and 0 < done.wait_s <= MOST_WAIT_S and not _trouble(parts):
                parts.stop.wait(min(done.wait_s, 1.0))  # the rate that was set
            elif done.idle:
                break
        trouble = _trouble(parts)
    if parts.stop.is_set():
        note("what had begun is finished; the rest stays queued, and the same command goes on with it")
        raise KeyboardInterrupt
    if trouble:
        raise LifecycleError(
            f"mails could not be sent: {trouble}",
            hint="nothing is lost: they stay queued; `lifecycle doctor` looks closer",
        )


@contextlib.contextmanager
def _interruptible(parts: Parts) -> Iterator[None]:
    """Let the first Ctrl-C finish the mail under way and write its outcome; a second one ends at once.

    A server that does not answer is hung up on after a while, as when a worker is told to end.
    """
    from lifecycle.runtime import STOP_S

    late = Timer(STOP_S, parts.channels.hang_up)
    late.daemon = True

    def tell(number: int, _frame: object) -> None:
        signal.signal(number, signal.default_int_handler)
        parts.stop.set()
        late.start()

    before = signal.signal(signal.SIGINT, tell)
    try:
        yield
    finally:
        late.cancel()
        signal.signal(signal.SIGINT, before)


def _advance(engine: Engine) -> None:
    from lifecycle.journey.advance import Stuck, advance

    stuck = Stuck()
    while advance(engine.store, engine.versions, engine.settings.secret(), engine.clock.now(), stuck=stuck).contacts:
        pass


def _trouble(parts: Parts) -> str:
    return parts.channels.trouble(parts.content().project)


def _outcome(engine: Engine, campaign: str, now: datetime) -> tuple[Counter[str], Counter[str]]:
    """Return this run's ledger rows by state, and those that were skipped or cancelled by reason."""
    from sqlalchemy import func, select

    from lifecycle.store.tables import messages

    query = (
        select(messages.c.state, messages.c.reason, func.count())
        .where(messages.c.campaign == campaign, messages.c.reached_at == now)
        .group_by(messages.c.state, messages.c.reason)
    )
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with engine.store.read() as connection:
        for state, reason, count in connection.execute(query):
            if state in {"skipped", "cancelled"}:
                reasons[reason] += count
            else:
                outcomes[state] += count
    return outcomes, reasons
