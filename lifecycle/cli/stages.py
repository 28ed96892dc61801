"""`lifecycle stages`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lifecycle.cli.moments import read_moment
from lifecycle.cli.output import emit_json, print_table
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lifecycle.audience.headcount import Passage, Stays
    from lifecycle.spec.model import Content

_DAY_S = 86400


@click.command(
    epilog="Examples:  lifecycle stages  ·  lifecycle stages --since 30d  ·  lifecycle stages --at 2026-10-01 --json"
)
@click.option("--since", metavar="TIME", help="Transitions after this instant; 2026-11-01, or 30d ago. Default: all.")
@click.option("--at", metavar="TIME", help="Counts as of this instant, transitions up to it. Default: now.")
@json_option
@pass_session
def command(session: Session, since: str | None, at: str | None) -> None:
    """Show the stages: counts, transitions, time in stage.

    Counts are computed from the files at that instant; transitions, conversion (the share of contacts who came to a
    stage and went on to a later one) and time in stage are those that were stored as they happened.
    """
    from dataclasses import asdict

    from lifecycle.audience.headcount import Headcount, passages, stays
    from lifecycle.audience.past import moment

    content = session.files("segments/")
    start = read_moment(session, since)
    when = read_moment(session, at) or session.engine().clock.now()
    with moment(session.engine().store) as connection:
        counts = Headcount(connection, content, when).stages()
        moved = passages(connection, start, when)
        stayed = stays(connection, content, start, when)
    rows = _rows(content, counts, stayed)
    transitions = [asdict(one) for one in moved]
    if session.json:
        none = counts.get(None, 0)
        emit_json({"at": when, "since": start, "stages": rows, "no_stage": none, "transitions": transitions})
        return
    _print(rows, moved, counts.get(None, 0))


def _rows(content: Content, counts: Mapping[str | None, int], stayed: Mapping[str, Stays]) -> list[dict[str, Any]]:
    locale = content.project.default_locale
    return [
        {
            "stage": stage.stage,
            "label": stage.label.text(locale, locale),
            "funnel": stage.funnel,
            "contacts": counts[stage.stage],
            "came": stayed[stage.stage].contacts,
            "went_on": stayed[stage.stage].onward,
            "conversion": stayed[stage.stage].conversion,
            "median_s": stayed[stage.stage].median_s,
            "mean_s": stayed[stage.stage].mean_s,
        }
        for stage in content.project.stages
    ]


def _print(rows: Sequence[Mapping[str, Any]], moved: Sequence[Passage], without: int) -> None:
    shown = [
        {
            **row,
            "went on": "–" if row["conversion"] is None else f"{row['went_on']:,} ({row['conversion']:.1%})",
            "median days": "–" if row["median_s"] is None else f"{row['median_s'] / _DAY_S:,.1f}",
        }
        for row in rows
    ]
    print_table(shown, ["stage", "label", "funnel", "contacts", "came", "went on", "median days"])
    if without:
        click.echo(f"{without:,} in no stage")
    if moved:
        named = [
            {"from": one.before or "(none)", "to": one.after or "(none)", "contacts": one.contacts, "moves": one.moves}
            for one in moved
        ]
        print_table(named, title="Transitions")
