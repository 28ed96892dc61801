"""`report funnel`: the stages as a sales funnel, from the stored transitions.

Conversion is by contact: of those who entered a stage in the window, how many went on to any later one, whenever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, func, literal, select

from lifecycle.report.content import stage_labels
from lifecycle.report.metrics import share
from lifecycle.report.people import ALIVE
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet, number
from lifecycle.report.sql import ElapsedS
from lifecycle.report.window import Window
from lifecycle.spec.model import Content
from lifecycle.store.tables import contacts, stage_transitions

#: The funnel's levels, in order, and what people call them.
LEVELS: Mapping[str, str] = {"tofu": "Top of funnel", "mofu": "Middle", "bofu": "Bottom", "post": "After the sale"}


def present(connection: Connection) -> dict[str | None, int]:
    """Return how many contacts are in each stage now; None is those in no stage."""
    counted = select(contacts.c.stage, func.count()).where(ALIVE).group_by(contacts.c.stage)
    return {row[0]: row[1] for row in connection.execute(counted)}


def passages(connection: Connection, level_of: Mapping[str, str], window: Window) -> dict[str, tuple[int, int]]:
    """Return, for each level, the contacts who entered it in the window, and those of them who went on to a later one.

    `level_of` maps stages to levels; levels rank in the order in which they first come. Moving between two stages of
    one level enters nothing.
    """
    ranks = {level: index for index, level in enumerate(dict.fromkeys(level_of.values()))}
    if not ranks:
        return {}
    table = stage_transitions
    rank_after = case({stage: ranks[level] for stage, level in level_of.items()}, value=table.c.after, else_=-1)
    rank_before = case({stage: ranks[level] for stage, level in level_of.items()}, value=table.c.before, else_=-1)
    furthest = func.max(rank_after).over(
        partition_by=table.c.contact_id, order_by=(table.c.at, table.c.id), rows=(1, None)
    )
    moves = select(
        table.c.contact_id, table.c.at, rank_after.label("rank"), rank_before.label("came_from"),
        furthest.label("furthest_after"),
    ).subquery()  # fmt: skip
    entered = and_(moves.c.rank >= 0, moves.c.rank != moves.c.came_from, window.covers(moves.c.at))
    went_on = case((moves.c.furthest_after > moves.c.rank, moves.c.contact_id))
    counted = (
        select(moves.c.rank, func.count(moves.c.contact_id.distinct()), func.count(went_on.distinct()))
        .where(entered)
        .group_by(moves.c.rank)
    )
    names = list(ranks)
    return {names[rank]: (came, on) for rank, came, on in connection.execute(counted)}


def median_stay_s(connection: Connection, window: Window) -> dict[str, float]:
    """Return each stage's median stay in seconds, over the stays that ended in the window."""
    table = stage_transitions
    # without its type, SQLite would compare whole microseconds with a text
    following = func.lead(table.c.at, type_=table.c.at.type)
    left_at = following.over(partition_by=table.c.contact_id, order_by=(table.c.at, table.c.id))
    stays = select(table.c.after.label("stage"), table.c.at, left_at.label("left_at")).subquery()
    lengths = (
        select(stays.c.stage, ElapsedS(stays.c.left_at, stays.c.at).label("length_s"))
        .where(stays.c.stage.is_not(None), stays.c.left_at.is_not(None), window.covers(stays.c.left_at))
        .subquery()
    )
    ranked = select(
        lengths.c.stage, lengths.c.length_s,
        func.row_number().over(partition_by=lengths.c.stage, order_by=lengths.c.length_s).label("rank"),
        func.count().over(partition_by=lengths.c.stage).label("of"),
    ).subquery()  # fmt: skip
    # the middle one, or the two middle ones: 2 * rank is of or of + 2 when `of` is even, of + 1 when it is odd
    middle = and_(ranked.c.rank * 2 >= ranked.c.of, ranked.c.rank * 2 <= ranked.c.of + literal(2))
    averaged = select(ranked.c.stage, func.avg(ranked.c.length_s)).where(middle).group_by(ranked.c.stage)
    return {stage: float(middle_s) for stage, middle_s in connection.execute(averaged)}


def funnel(connection: Connection, content: Content, window: Window) -> Report:
    """Return the funnel by stage and by level."""
    now = present(connection)
    stages = content.project.stages
    labels = stage_labels(content)
    by_stage = passages(connection, {stage.stage: stage.stage for stage in stages}, window)
    by_level = passages(connection, {stage.stage: stage.funnel for stage in stages}, window)
    stays = median_stay_s(connection, window)
    rows = [
        {
            "stage": stage.stage, "label": labels[stage.stage], "funnel": stage.funnel,
            "contacts": now.get(stage.stage, 0),
            **_passage(by_stage.get(stage.stage, (0, 0)), last=stage is stages[-1]),
            "median_stay_s": number(stays.get(stage.stage)),
        }
        for stage in stages
    ]  # fmt: skip
    used = [level for level in LEVELS if any(stage.funnel == level for stage in stages)]
    levels = [
        {
            "funnel": level, "label": LEVELS[level],
            "contacts": sum(now.get(stage.stage, 0) for stage in stages if stage.funnel == level),
            **_passage(by_level.get(level, (0, 0)), last=level == used[-1]),
        }
        for level in used
    ]  # fmt: skip
    named = {stage.stage for stage in stages}
    unstaged = sum(count for stage, count in now.items() if stage not in named)
    data = {"report": "funnel", "window": window.as_json(), "stages": rows, "funnel": levels, "unstaged": unstaged}
    passage = (
        Column("contacts", "Here now"), Column("entered", "Entered"), Column("went_on", "Went on"),
        Column("conversion_rate", "Of entered", "share"),
    )  # fmt: skip
    moved = any(row["entered"] for row in rows)
    return Report(
        title="Funnel",
        period=window.words(ZoneInfo(content.project.timezone)),
        currency=content.project.currency,
        data=data,
        sheets=(
            Sheet(
                "Stages",
                (Column("label", "Stage", "text"), *passage, Column("median_stay_s", "Median stay", "length")),
                rows,
            ),
            Sheet("Funnel", (Column("label", "Level", "text"), *passage), levels),
        ),
        figures=tuple(Figure(row["label"], row["contacts"], "count", "here now") for row in rows),
        charts=(
            Chart("Entered in this period", [(row["label"], row["entered"]) for row in rows]),
            Chart("Here now", [(row["label"], row["contacts"]) for row in rows]),
        ),
        notes=(
            f"{unstaged:,} contacts are in no stage." if unstaged else "",
            "Went on: entered the stage in this period and reached a later one, whenever. Stays: those that ended.",
        ),
        nothing_yet="" if moved or any(now.values()) else "Nothing yet: no contact has come into a stage.",
    )


def _passage(counts: tuple[int, int], *, last: bool) -> dict[str, Any]:
    """Return entered and went_on; nothing comes behind the last."""
    entered, went_on = counts
    return {
        "entered": entered,
        "went_on": None if last else went_on,
        "conversion_rate": None if last else share(went_on, entered),
    }
