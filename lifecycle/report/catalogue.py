"""Every report by its name: the command line and the dashboard ask here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sqlalchemy import Connection

from lifecycle.base.errors import UsageError
from lifecycle.report.canvas import canvas
from lifecycle.report.cohorts import cohorts
from lifecycle.report.deliverability import deliverability
from lifecycle.report.funnel import funnel
from lifecycle.report.lift import lift
from lifecycle.report.overview import campaign_report, overview
from lifecycle.report.sheet import Report
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.model import Content

OfAll: TypeAlias = Callable[[Connection, Content, Window], Report]
OfCampaign: TypeAlias = Callable[[Connection, Content, Window, str], Report]

#: Reports about everything.
OF_ALL: dict[str, OfAll] = {
    "overview": overview,
    "funnel": funnel,
    "canvas": canvas,
    "cohorts": cohorts,
    "deliverability": deliverability,
}
#: Reports about one campaign.
OF_CAMPAIGN: dict[str, OfCampaign] = {"campaign": campaign_report, "lift": lift}
NAMES = ("overview", "campaign", "funnel", "canvas", "lift", "cohorts", "deliverability")


def build(
    connection: Connection, content: Content, name: str, campaign: str | None = None, *, window: Window = ALL_TIME
) -> Report:
    """Return the report of that name. Raises UsageError for a campaign too many or too few, NotFoundError."""
    if name in OF_CAMPAIGN:
        if campaign is None:
            known = ", ".join(sorted(content.campaigns)) or "none yet"
            raise UsageError(
                f"report {name} needs a campaign", hint=f"lifecycle report {name} NAME; there are: {known}"
            )
        return OF_CAMPAIGN[name](connection, content, window, campaign)
    if campaign is not None:
        raise UsageError(f'report {name} takes no "{campaign}"', hint=f"lifecycle report campaign {campaign}")
    return OF_ALL[name](connection, content, window)
