"""`lifecycle plan`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.output import console, emit_json, note, print_table
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.plan.build import CampaignPlan, Plan

#: More files than that are counted by folder.
MOST_FILES = 20

_MARKS = {"added": "[green]+[/]", "changed": "[yellow]~[/]", "removed": "[red]-[/]"}


@click.command(epilog="Example:  lifecycle plan --out plan.json && lifecycle apply --plan plan.json")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan for `apply --plan`.")
@json_option
@pass_session
def command(session: Session, out: Path | None) -> None:
    """Show what `apply` would change, and for whom.

    Files and campaigns; who is inside each and what becomes of them; the first day's mails by hour; campaigns that
    would mail the same people at once. Nothing is written.
    """
    from lifecycle.plan.build import build_plan, save_plan

    engine = session.engine()
    content = session.files()
    plan = build_plan(engine.store, content, engine.in_force(), engine.versions, engine.clock.now())
    if out is not None:
        save_plan(plan, out)
    if session.json:
        emit_json(asdict(plan))
    else:
        _print(plan)
    if out is not None:
        note(f"the plan is in {out}; `lifecycle apply --plan {out}` refuses it once it is stale")


def _files(plan: Plan) -> list[str]:
    """Return a line for each file; for each folder and change when there are many."""
    if len(plan.files) <= MOST_FILES:
        return [f"  {_MARKS[change]} {path}" for path, change in plan.files.items()]
    counts = Counter((path.partition("/")[0], change) for path, change in plan.files.items())
    return [f"  {_MARKS[change]} {folder}: {count}" for (folder, change), count in sorted(counts.items())]


def _fates(found: CampaignPlan) -> str:
    """Return what becomes of those inside: how many of each fate, where they share none."""
    if len(found.fates) < 2:
        return found.becomes
    return found.becomes + " (" + ", ".join(f"{fate} {count}" for fate, count in sorted(found.fates.items())) + ")"


def _print(plan: Plan) -> None:
    terminal = console()
    if plan.is_empty:
        terminal.print(f"nothing to do: {plan.after[:12]} is in force")
        return
    terminal.print(f"version {(plan.before or 'none')[:12]} → {plan.after[:12]}")
    for line in _files(plan):
        terminal.print(line)
    if plan.campaigns:
        rows = [
            {"": found.change, "campaign": found.campaign, "audience now": found.audience,
             "enter at once": found.enters, "inside": found.inside, "they": _fates(found),
             "mails cancelled": found.cancelled}
            for found in plan.campaigns
        ]  # fmt: skip
        print_table(rows, title="Campaigns and the people inside")
    if plan.first_day:
        hours = [
            {
                "hour": hour,
                "mails": sum(counts.values()),
                "of": ", ".join(f"{name} {count}" for name, count in counts.items()),
            }
            for hour, counts in plan.first_day.items()
        ]
        print_table(hours, title="The first day, for those inside and those who enter at once")
    if plan.dropped:
        reasons = [
            {"campaign": name, "mails": sum(counts.values()),
             "because": ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))}
            for name, counts in plan.dropped.items()
        ]  # fmt: skip
        print_table(reasons, title="Due on the first day, and would not go")
    for first, second, count in plan.conflicts:
        note(f"warning: {first} and {second} have the same trigger, and {count} people are in both audiences")
