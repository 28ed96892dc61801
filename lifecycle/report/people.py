"""Who there is to mail: contacts, and what they consent to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, func, select

from lifecycle.report.sql import count_if
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.model import Content
from lifecycle.store.tables import consents, contacts

#: Neither merged into another contact nor erased.
ALIVE = and_(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))


def people(connection: Connection) -> dict[str, int]:
    """Return how many contacts there are now, and how many of them have an address."""
    row = connection.execute(
        select(func.count(), count_if(contacts.c.email.is_not(None))).select_from(contacts).where(ALIVE)
    ).one()
    return {"contacts": row[0], "with_address": int(row[1])}


def topics(connection: Connection, content: Content, window: Window = ALL_TIME) -> list[dict[str, Any]]:
    """Return, for each topic, who consents at the window's end, and the grants and withdrawals inside the window."""
    granted = consents.c.granted
    last = func.row_number().over(
        partition_by=(consents.c.contact_id, consents.c.topic), order_by=(consents.c.at.desc(), consents.c.id.desc())
    )
    words = (
        select(consents.c.topic, granted, last.label("age"))
        .join(contacts, contacts.c.id == consents.c.contact_id)
        .where(ALIVE, Window(None, window.until).covers(consents.c.at))
        .subquery()
    )
    said = select(words.c.topic, count_if(words.c.granted), count_if(~words.c.granted)).where(words.c.age == 1)
    moved = select(consents.c.topic, count_if(granted), count_if(~granted)).where(window.covers(consents.c.at))
    now = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(said.group_by(words.c.topic))}
    changes = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(moved.group_by(consents.c.topic))}
    everyone = people(connection)["contacts"]
    rows = []
    for topic in content.project.topics:
        yes, no = now.get(topic.topic, (0, 0))
        given, withdrawn = changes.get(topic.topic, (0, 0))
        rows.append(
            {
                "topic": topic.topic,
                "label": topic.label.text(content.project.default_locale, "en"),
                "consenting": everyone - no if topic.default == "granted" else yes,
                "granted": given,
                "withdrawn": withdrawn,
            }
        )
    return rows
