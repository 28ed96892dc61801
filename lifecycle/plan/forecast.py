"""What a simulation says, as a report: how many mails on which day, of which campaigns, and why others would not go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from lifecycle.plan.simulate import Simulated
from lifecycle.report.charts import bar
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet
from lifecycle.spec.model import Content

#: A longer time is shown by the days on which something happens.
_MOST_DAYS = 400
_MICROSECOND = timedelta(microseconds=1)


def forecast(done: Simulated, content: Content, *, how: str, bars: bool = False) -> Report:
    """Return the report of a simulation; `how` says what future it assumes. `bars` draws each day, for a terminal."""
    sent = {name: counts["sent"] for name, counts in sorted(done.outcomes.items())}
    days = _days(done)
    busiest = max(days, key=lambda day: days[day].total(), default=None)
    rows = [
        {
            "campaign": name, "sent": sent[name], "not_sent": counts.total() - sent[name],
            "why": ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common() if reason != "sent"),
        }
        for name, counts in sorted(done.outcomes.items(), key=lambda item: (-sent[item[0]], item[0]))
    ]  # fmt: skip
    columns = (
        Column("campaign", "Campaign", "text"), Column("sent", "Sent"), Column("not_sent", "Not sent"),
        Column("why", "Why not", "text"),
    )  # fmt: skip
    most = days[busiest].total() if busiest else 0
    daily = [
        {"day": f"{day:%a %d %b %Y}", "mails": counts.total(), "bar": bar(counts.total(), most),
         "of": ", ".join(f"{name} {count:,}" for name, count in counts.most_common())}
        for day, counts in days.items()
    ]  # fmt: skip
    drawn = (Column("bar", "", "text"),) if bars else ()
    by_day = (Column("day", "Day", "text"), Column("mails", "Mails"), *drawn, Column("of", "Of", "text"))
    return Report(
        title="Simulation",
        period=f"{done.start:%Y-%m-%d %H:%M} to {done.end:%Y-%m-%d %H:%M} UTC",
        currency=content.project.currency,
        data=_data(done),
        sheets=(Sheet("Campaigns", columns, rows), Sheet("By day", by_day, daily)),
        figures=(
            Figure("Mails", sum(sent.values()), note=f"over {len(days)} days"),
            Figure("Would not go", len(done.rows) - sum(sent.values()), note="reasons below"),
            Figure("Busiest day", most, note=f"{busiest:%Y-%m-%d}" if busiest and most else ""),
            Figure("Contacts", done.contacts, note=f"{done.handled:,} events and decisions"),
        ),
        charts=(
            Chart("Mails by day", [(f"{day:%Y-%m-%d}", counts.total()) for day, counts in days.items()], "line"),
            *(
                Chart(name, [(f"{day:%Y-%m-%d}", counts[name]) for day, counts in days.items()], "line")
                for name in sorted(sent, key=lambda name: (-sent[name], name))
                if sent[name] and len(sent) > 1
            ),
        ),
        notes=(how, "Nothing was sent, and nothing was written."),
        nothing_yet="" if len(done.rows) else f"No mail would be due. {how}",
    )


def _data(done: Simulated) -> Mapping[str, Any]:
    return {
        "from": done.start, "to": done.end, "contacts": done.contacts, "handled": done.handled, "rows": len(done.rows),
        "campaigns": {name: dict(counts) for name, counts in sorted(done.outcomes.items())},
        "by_day": {day.isoformat(): dict(counts) for day, counts in sorted(done.by_day.items())},
    }  # fmt: skip


def _days(done: Simulated) -> dict[date, Counter[str]]:
    """Return each day's mails, the days without any too."""
    first, last = done.start.date(), (done.end - _MICROSECOND).date()
    if (last - first).days >= _MOST_DAYS:
        return dict(sorted(done.by_day.items()))
    return {
        day: done.by_day.get(day, Counter())
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
    }
