"""`report canvas`: the journey canvas, stage by stage.

What the contact needs, the moment, what the team does, the campaigns and their mails, and the numbers.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from lifecycle.report.attribution import Revenue, revenue_by_step
from lifecycle.report.content import campaign_label, stage_labels, trigger_words
from lifecycle.report.funnel import LEVELS, passages, present
from lifecycle.report.metrics import Journeys, Tally, journeys, tallies
from lifecycle.report.sheet import Chart, Column, Report, Sheet, number
from lifecycle.report.window import Window
from lifecycle.spec.model import Campaign, Content, Send, walk_steps
from lifecycle.store.tables import messages


def canvas(connection: Connection, content: Content, window: Window) -> Report:
    """Return the canvas of every stage, in order."""
    now = present(connection)
    entered = journeys(connection, window)
    tally = tallies(connection, messages.c.campaign, messages.c.step, window=window)
    revenue = revenue_by_step(connection, content.project.policies.attribution_click, window)
    came = passages(connection, {stage.stage: stage.stage for stage in content.project.stages}, window)
    labels = stage_labels(content)
    stages: list[dict[str, Any]] = []
    for stage in content.project.stages:
        own = sorted(
            (each for each in content.campaigns.values() if each.stage == stage.stage), key=lambda each: each.campaign
        )
        campaigns = [_campaign(content, each, entered.get(each.campaign, Journeys()), tally, revenue) for each in own]
        stages.append(
            {
                "stage": stage.stage, "label": labels[stage.stage], "funnel": stage.funnel,
                "level": LEVELS[stage.funnel], "needs": list(stage.needs), "moment": stage.moment,
                "actions": list(stage.actions), "campaigns": campaigns,
                "numbers": {
                    "contacts": now.get(stage.stage, 0), "entered": came.get(stage.stage, (0, 0))[0],
                    **{key: sum(each["numbers"][key] for each in campaigns) for key in _SUMMED},
                    "revenue": number(sum(each["numbers"]["revenue"] for each in campaigns)),
                },
            }
        )  # fmt: skip
    rows = [
        {"stage": stage["label"], "campaign": campaign["label"], "trigger": campaign["trigger"], **mail}
        for stage in stages
        for campaign in stage["campaigns"]
        for mail in campaign["touchpoints"]
    ]
    columns = (
        Column("stage", "Stage", "text"), Column("campaign", "Campaign", "text"), Column("trigger", "Starts", "text"),
        Column("template", "Mail", "text"), Column("sent", "Sent"), Column("opened", "Opened"),
        Column("clicked", "Clicked"), Column("revenue", "Revenue", "money"),
    )  # fmt: skip
    return Report(
        title="Journey canvas",
        period=window.words(ZoneInfo(content.project.timezone)),
        currency=content.project.currency,
        data={"report": "canvas", "window": window.as_json(), "currency": content.project.currency, "stages": stages},
        sheets=(Sheet("Touchpoints", columns, rows),),
        charts=(Chart("Mails by stage", [(stage["label"], stage["numbers"]["sent"]) for stage in stages]),),
        extras={"stages": stages},
    )


_SUMMED = ("sent", "opened", "clicked", "goals")


def _campaign(
    content: Content,
    campaign: Campaign,
    entered: Journeys,
    tally: dict[tuple[Any, ...], Tally],
    revenue: dict[tuple[str, str], Revenue],
) -> dict[str, Any]:
    mails = []
    for step in walk_steps(campaign.steps):
        if isinstance(step, Send):
            one = tally.get((campaign.campaign, step.id), Tally())
            owed = revenue.get((campaign.campaign, step.id), Revenue())
            mails.append(
                {
                    "step": step.id, "template": step.template, "sent": one.sent, "opened": one.opened,
                    "clicked": one.clicked, "revenue": number(owed.revenue),
                }
            )  # fmt: skip
    # steps that an edit took away have sent too, and count for the campaign
    total = sum((one for (name, _), one in tally.items() if name == campaign.campaign), Tally())
    owed_all = sum((one for (name, _), one in revenue.items() if name == campaign.campaign), Revenue())
    return {
        "campaign": campaign.campaign, "label": campaign_label(content, campaign.campaign), "status": campaign.status,
        "trigger": trigger_words(campaign), "topic": campaign.topic, "touchpoints": mails,
        "numbers": {
            "entered": entered.entered, "sent": total.sent, "opened": total.opened, "clicked": total.clicked,
            "goals": entered.goals, "revenue": number(owed_all.revenue),
        },
    }  # fmt: skip
