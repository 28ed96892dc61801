"""`report deliverability`: what recipients' mail hosts do with our mail, by domain and day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, or_, select

from lifecycle.report.balance import ACCEPTED_STATES
from lifecycle.report.metrics import share
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet
from lifecycle.report.sql import MailDomain, QuarterHour, count_if, instant_of
from lifecycle.report.window import Window
from lifecycle.spec.model import Content
from lifecycle.store.tables import contacts, messages

_COUNTS = ("sent", "rejected", "bounced", "complained", "deferred")
#: Past these, mail hosts begin to turn a sender away. Source: STANDARDS, the brakes.
WORST_BOUNCE_RATE, WORST_COMPLAINT_RATE = 0.05, 0.001
#: Rates over fewer mails than this say nothing.
ENOUGH = 100


def deliverability(connection: Connection, content: Content, window: Window) -> Report:
    """Return counts by recipient's domain, and by domain and local day of the project's zone."""
    zone = ZoneInfo(content.project.timezone)
    by_day: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0] * len(_COUNTS))
    by_domain: dict[str, list[int]] = defaultdict(lambda: [0] * len(_COUNTS))
    for domain, quarter, *counts in connection.execute(_select(window)):
        day = instant_of(quarter).astimezone(zone).date()
        for target in (by_day[day, domain], by_domain[domain]):
            for index, count in enumerate(counts):
                target[index] += int(count)
    domains = [{"domain": domain, **_numbers(counts)} for domain, counts in by_domain.items()]
    domains.sort(key=lambda row: (-row["sent"], row["domain"]))
    days = [{"day": f"{day}", "domain": domain, **_numbers(by_day[day, domain])} for day, domain in sorted(by_day)]
    columns = (
        *(Column(name, name.capitalize()) for name in _COUNTS),
        Column("bounce_rate", "Bounced of sent", "share"), Column("complaint_rate", "Complained of sent", "share"),
    )  # fmt: skip
    daily = (Column("day", "Day", "text"), Column("domain", "Domain", "text"), *columns)
    total = _numbers([sum(row[name] for row in domains) for name in _COUNTS])
    return Report(
        title="Deliverability",
        period=window.words(zone),
        currency=content.project.currency,
        data={
            "report": "deliverability",
            "window": window.as_json(),
            "totals": total,
            "domains": domains,
            "days": days,
        },
        sheets=(
            Sheet("By domain", (Column("domain", "Domain", "text"), *columns), domains),
            Sheet("By day and domain, newest first", daily, days[::-1]),
        ),
        listing=Sheet("By day and domain", daily, days),
        figures=(
            Figure("Sent", total["sent"]),
            Figure("Bounced", total["bounce_rate"], "share", "of sent"),
            Figure("Complained", total["complaint_rate"], "share", "of sent"),
            Figure("Rejected", total["rejected"]),
            Figure("Deferred", total["deferred"]),
        ),
        charts=(Chart("Sent by domain", [(row["domain"] or "(none)", row["sent"]) for row in domains[:12]]),)
        if domains
        else (),
        alarms=tuple(_warnings(domains)),
        nothing_yet="" if domains else "Nothing yet: no mail has been tried in this period.",
    )


def _select(window: Window) -> Any:
    """Return the select of (domain, quarter of an hour, counts) over rows that met a provider.

    Deferred are those that took, or will take, more than one attempt.
    """
    state = messages.c.state
    tried_at = func.coalesce(messages.c.sent_at, messages.c.sending_at, messages.c.due_at, type_=messages.c.due_at.type)
    put_off = or_(state == "deferred", messages.c.attempts > 1)
    domain = MailDomain(func.coalesce(messages.c.address, contacts.c.email))
    quarter = QuarterHour(tried_at)
    return (
        select(
            domain, quarter,
            count_if(state.in_(ACCEPTED_STATES)), count_if(state == "rejected"), count_if(state == "bounced"),
            count_if(messages.c.complained_at.is_not(None)), count_if(put_off),
        )
        .outerjoin(contacts, contacts.c.id == messages.c.contact_id)
        .where(or_(state.in_((*ACCEPTED_STATES, "rejected")), messages.c.complained_at.is_not(None), put_off))
        .where(window.covers(tried_at))
        .group_by(domain, quarter)
    )  # fmt: skip


def _numbers(counts: list[int]) -> dict[str, Any]:
    named = dict(zip(_COUNTS, counts, strict=True))
    return {
        **named,
        "bounce_rate": share(named["bounced"], named["sent"]),
        "complaint_rate": share(named["complained"], named["sent"]),
    }


def _warnings(domains: list[dict[str, Any]]) -> list[str]:
    """Say which domains are close to turning us away, once enough was sent to know."""
    found = []
    for row in domains:
        if row["sent"] < ENOUGH:
            continue
        if row["bounce_rate"] >= WORST_BOUNCE_RATE:
            found.append(f"{row['domain']}: {row['bounce_rate']:.1%} bounced; clean the list before mailing on.")
        if row["complaint_rate"] >= WORST_COMPLAINT_RATE:
            found.append(
                f"{row['domain']}: {row['complaint_rate']:.2%} complained; mail fewer people there, less often."
            )
    return found
