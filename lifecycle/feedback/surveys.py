"""Answers to surveys. The Net Promoter question has scores from 0 to 10; the last answer is the fact `nps.score`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from lifecycle.base.ids import content_hash
from lifecycle.intake.facts import SURVEY_ANSWERED
from lifecycle.store.tables import events, facts, inbox

#: Comments are kept up to here, in characters.
MAX_COMMENT = 2000


def answer(
    connection: Connection, contact_id: int, survey: str, occurrence: str, score: int, comment: str, at: datetime
) -> bool:
    """Store an answer and the score; return False when this very answer was stored before.

    `occurrence` names the asking (the message's row); a changed mind is another answer to it. The caller holds the
    contact's row. Raises ValueError for a score that is none.
    """
    if not 0 <= score <= 10:
        raise ValueError("a score is from 0 to 10")
    comment = comment.strip()[:MAX_COMMENT].replace("\0", "")
    message_id = f"survey:{survey}:{occurrence}:{content_hash(str(score), comment)}"
    if connection.execute(select(events.c.id).where(events.c.message_id == message_id)).scalar() is not None:
        return False
    properties: dict[str, Any] = {"survey": survey, "score": score}
    if comment:
        properties["comment"] = comment
    row = {"message_id": message_id, "contact_id": contact_id, "name": SURVEY_ANSWERED, "at": at, "received_at": at}
    made = connection.execute(insert(events).values(**row, properties=properties, live=True).returning(events.c.id))
    connection.execute(insert(inbox).values(contact_id=contact_id, event_id=made.scalar_one()))
    kept = update(facts).where(facts.c.contact_id == contact_id).values(nps_score=score)
    if connection.execute(kept).rowcount == 0:
        connection.execute(insert(facts).values(contact_id=contact_id, orders_count=0, nps_score=score))
    return True
