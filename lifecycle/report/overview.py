"""`report overview` and `report campaign NAME`: what was sent, what came of it, and that it adds up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from lifecycle.base.errors import NotFoundError
from lifecycle.report.attribution import Revenue, by_campaign, revenue_by_step
from lifecycle.report.balance import Balance, balance
from lifecycle.report.content import campaign_label, campaign_order, trigger_words
from lifecycle.report.metrics import Journeys, Tally, journeys, sent_by_day, tallies
from lifecycle.report.people import people, topics
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet, number
from lifecycle.report.window import Window
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import Content, Send, walk_steps
from lifecycle.store.tables import messages

#: How a table of messages is headed, behind what its rows are about.
NUMBER_COLUMNS = (
    Column("sent", "Sent"),
    Column("delivered", "Delivered"),
    Column("open_rate", "Opened", "share"),
    Column("click_rate", "Clicked", "share"),
    Column("unsubscribed", "Unsubscribed"),
    Column("bounced", "Bounced"),
)
_MONEY = (Column("orders", "Orders"), Column("revenue", "Revenue", "money"))
NOTHING_YET = (
    "Nothing yet. Import contacts and events (`lifecycle import`), put the content into force (`lifecycle apply`) and "
    "start the engine (`lifecycle run`); or see a shop at work with `lifecycle demo`."
)


def overview(connection: Connection, content: Content, window: Window) -> Report:
    """Return the report of everything: every campaign's messages, goals and revenue, consents, and the balance."""
    zone = ZoneInfo(content.project.timezone)
    tally = {group[0]: each for group, each in tallies(connection, messages.c.campaign, window=window).items()}
    entered = journeys(connection, window)
    revenue = by_campaign(revenue_by_step(connection, content.project.policies.attribution_click, window))
    rows = [
        {
            "campaign": name,
            "label": campaign_label(content, name),
            "stage": content.campaigns[name].stage if name in content.campaigns else None,
            **_numbers(tally.get(name, Tally()), entered.get(name, Journeys()), revenue.get(name, Revenue())),
        }
        for name in campaign_order(content, set(tally) | set(entered))
    ]
    total = sum(tally.values(), Tally())
    totals = _numbers(total, _sum_journeys(entered), sum(revenue.values(), Revenue()))
    adds = balance(connection, window=window)
    days = sent_by_day(connection, zone, window)
    counted = people(connection)
    consenting = topics(connection, content, window)
    data = {
        "report": "overview", "window": window.as_json(), "currency": content.project.currency, **counted,
        "totals": totals, "balance": adds.as_json(), "campaigns": rows, "topics": consenting,
        "sent_by_day": {f"{day}": count for day, count in days.items()},
    }  # fmt: skip
    head = (Column("label", "Campaign", "text"), Column("entered", "Entered"))
    return Report(
        title="Overview",
        period=window.words(zone),
        currency=content.project.currency,
        data=data,
        sheets=(
            Sheet("Campaigns", (*head, *NUMBER_COLUMNS, Column("goals", "Goals"), *_MONEY), rows),
            _topic_sheet(consenting),
            balance_sheet(adds),
        ),
        figures=(Figure("Contacts", counted["contacts"]), *_figures(totals)),
        charts=(
            *_daily(days),
            Chart(
                "Revenue by campaign",
                [(row["label"], row["revenue"]) for row in rows if row["revenue"]],
                "bars",
                "whole_money",
            ),
        ),
        notes=_notes(adds, content),
        alarms=_alarms(adds),
        nothing_yet=NOTHING_YET if not counted["contacts"] and not adds.selected else "",
    )


def campaign_report(connection: Connection, content: Content, window: Window, name: str) -> Report:
    """Return the report of one campaign, step by step. Raises NotFoundError."""
    entered = journeys(connection, window).get(name)
    known = content.campaigns.get(name)
    if known is None and entered is None and not balance(connection, name).selected:
        raise NotFoundError(
            f'no campaign "{name}"', hint=did_you_mean(name, content.campaigns) or "`lifecycle report` lists them"
        )
    zone = ZoneInfo(content.project.timezone)
    tally = {
        group[0]: each for group, each in tallies(connection, messages.c.step, window=window, campaign=name).items()
    }
    revenue = revenue_by_step(connection, content.project.policies.attribution_click, window)
    written = [step.id for step in walk_steps(known.steps) if isinstance(step, Send)] if known is not None else []
    rows = [
        {"step": step, **_numbers(tally.get(step, Tally()), None, revenue.get((name, step), Revenue()))}
        for step in [*written, *sorted(set(tally) - set(written))]
    ]
    adds = balance(connection, name, window=window)
    taken = entered or Journeys()
    totals = _numbers(sum(tally.values(), Tally()), taken, by_campaign(revenue).get(name, Revenue()))
    days = sent_by_day(connection, zone, window, name)
    data = {
        "report": "campaign", "campaign": name, "label": campaign_label(content, name),
        "stage": known.stage if known else None, "trigger": trigger_words(known) if known else None,
        "status": known.status if known else "removed", "window": window.as_json(),
        "currency": content.project.currency, "totals": totals, "balance": adds.as_json(),
        "enrolments": taken.as_json(), "steps": rows, "sent_by_day": {f"{day}": count for day, count in days.items()},
    }  # fmt: skip
    states = [{"what": state, "enrolments": count} for state, count in taken.by_state.items()]
    why = [{"what": reason, "enrolments": count} for reason, count in taken.reasons.items()]
    return Report(
        title=f"Campaign: {campaign_label(content, name)}",
        period=window.words(zone),
        currency=content.project.currency,
        data=data,
        sheets=(
            Sheet("Mails", (Column("step", "Step", "text"), *NUMBER_COLUMNS, *_MONEY), rows),
            Sheet(
                "Enrolments",
                (Column("what", "State, and why", "text"), Column("enrolments", "Enrolments")),
                states + why,
            ),
            balance_sheet(adds),
        ),
        figures=(Figure("Entered", taken.entered), *_figures(totals)),
        charts=_daily(days),
        notes=_notes(adds, content),
        alarms=_alarms(adds),
        nothing_yet="" if adds.selected or entered else f"Nothing yet: nobody has entered {name} in this period.",
    )


def _numbers(tally: Tally, entered: Journeys | None, revenue: Revenue) -> dict[str, Any]:
    journey: dict[str, Any] = {}
    if entered is not None:
        journey = {"entered": entered.entered, "goals": entered.goals, "goal_value": number(entered.goal_value)}
    return {**tally.as_json(), **journey, "orders": revenue.orders, "revenue": number(revenue.revenue)}


def _sum_journeys(entered: Mapping[str, Journeys]) -> Journeys:
    values = list(entered.values())
    return Journeys(
        entered=sum(each.entered for each in values),
        goals=sum(each.goals for each in values),
        goal_value=sum((each.goal_value for each in values), Decimal(0)),
    )


def _figures(totals: Mapping[str, Any]) -> tuple[Figure, ...]:
    return (
        Figure("Sent", totals["sent"]),
        Figure("Delivered", totals["delivered_rate"], "share", "of sent"),
        Figure("Opened", totals["open_rate"], "share", "of delivered, humans only"),
        Figure("Clicked", totals["click_rate"], "share", "of delivered, humans only"),
        Figure("Goals", totals["goals"]),
        Figure("Revenue", totals["revenue"], "whole_money", "after a click, net of refunds"),
    )


def _daily(days: Mapping[date, int]) -> tuple[Chart, ...]:
    """Return the chart of mails by day, with the days on which none left."""
    if not days:
        return ()
    first, last = min(days), max(days)
    every = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return (Chart("Sent by day", [(f"{day}", days.get(day, 0)) for day in every], "line"),)


def balance_sheet(adds: Balance) -> Sheet:
    """Return the ledger's sum as a table, term by term."""
    terms = [("selected", adds.selected), ("open", adds.open), ("sent", adds.sent), ("delivered", adds.delivered)]
    terms += [("bounced later", adds.bounced), ("rejected", adds.rejected), ("failed", adds.failed)]
    terms += [("unknown", adds.unknown)]
    terms += [(f"skipped: {reason}", count) for reason, count in adds.skipped.items()]
    terms += [(f"cancelled: {reason}", count) for reason, count in adds.cancelled.items()]
    terms += [(f"astray: {what}", count) for what, count in adds.astray.items()]
    rows = [{"what": what, "messages": count} for what, count in terms if count or what == "selected"]
    return Sheet("Where every message went", (Column("what", "Outcome", "text"), Column("messages", "Messages")), rows)


def _topic_sheet(rows: list[dict[str, Any]]) -> Sheet:
    columns = (
        Column("label", "Topic", "text"), Column("consenting", "Consenting"), Column("granted", "Granted"),
        Column("withdrawn", "Withdrawn"),
    )  # fmt: skip
    return Sheet("Consent", columns, rows)


def _notes(adds: Balance, content: Content) -> tuple[str, ...]:
    window = content.project.policies.attribution_click
    owed = f"Revenue is of orders within {window} of a contact's last click, net of refunds."
    return ("The ledger adds up.", owed) if adds.adds_up else (owed,)


def _alarms(adds: Balance) -> tuple[str, ...]:
    broken = "" if adds.adds_up else "The ledger does not add up: run lifecycle doctor."
    unknown = f"{adds.unknown:,} messages may or may not have been sent: see lifecycle outbox." if adds.unknown else ""
    return tuple(filter(None, (broken, unknown)))
