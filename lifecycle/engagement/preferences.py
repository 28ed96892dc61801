"""What a contact chose: topics, language, a pause; and leaving with one click.

Every change appends to `consents` or changes the contact, and leaves an inbox row, in the caller's transaction, which
holds the contact's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, update

from lifecycle.base.units import parse_instant
from lifecycle.engagement.addressee import Addressee, addressee
from lifecycle.engagement.hits import Sighting, note
from lifecycle.intake.consent import grant, state, withdraw
from lifecycle.intake.inbox import leave_word
from lifecycle.journey.policy import PAUSED_UNTIL
from lifecycle.spec.model import Topic
from lifecycle.store.tables import contacts, messages


@dataclass(frozen=True, slots=True)
class Preferences:
    """What holds for a contact. `topics` says for each topic whether mails may come; `paused_until_at` may be past."""

    topics: Mapping[str, bool]
    locale: str | None = None
    paused_until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a contact asks for. None leaves as it is; `resume` ends a pause; `text` is the wording it agreed to."""

    topics: Mapping[str, bool] = field(default_factory=dict)
    locale: str | None = None
    pause_until_at: datetime | None = None
    resume: bool = False
    text: str = ""


def read_preferences(connection: Connection, contact: Row[Any], topics: Iterable[Topic]) -> Preferences:
    """Return what holds for `contact` (a row) today."""
    said = state(connection, contact.id)
    return Preferences(
        {topic.topic: said.get(topic.topic, topic.default == "granted") for topic in topics},
        contact.locale,
        _instant((contact.attributes or {}).get(PAUSED_UNTIL)),
    )


def save_choice(connection: Connection, contact: Row[Any], choice: Choice, *, at: datetime, source: str) -> None:
    """Put a choice into force. `contact` is a row that the caller holds locked.

    A topic that the contact has not spoken about is recorded even when the answer equals the default: it is its word
    from now on. Repeating a word changes nothing.
    """
    said = state(connection, contact.id)
    for topic, granted in choice.topics.items():
        if said.get(topic) is not granted:
            change = grant if granted else withdraw
            change(connection, contact.id, topic, at, source=source, text=choice.text)
    values: dict[str, Any] = {}
    if choice.locale is not None:
        values["locale"] = choice.locale
    if choice.resume or choice.pause_until_at is not None:
        attributes = {key: value for key, value in (contact.attributes or {}).items() if key != PAUSED_UNTIL}
        if choice.pause_until_at is not None:
            attributes[PAUSED_UNTIL] = choice.pause_until_at.isoformat()
        values["attributes"] = attributes
    if values:
        connection.execute(update(contacts).where(contacts.c.id == contact.id).values(values))
        leave_word(connection, [contact.id], "attribute")


def unsubscribe(connection: Connection, sighting: Sighting, topics: Iterable[str], *, source: str) -> Addressee | None:
    """Withdraw consent to the topic of the message that `sighting` names, or to all `topics` when it has none.

    Return whom it was for, None when there is no such message. Doing it again changes nothing but the raw hits.
    """
    found = addressee(connection, sighting.message_row, lock=True)
    if found is None:
        return None
    topic = found.message.topic
    leaving = [topic] if topic is not None else list(topics)
    save_choice(connection, found.contact, Choice(topics=dict.fromkeys(leaving, False)), at=sighting.at, source=source)
    connection.execute(
        update(messages)
        .where(messages.c.id == sighting.message_row, messages.c.unsubscribed_at.is_(None))
        .values(unsubscribed_at=sighting.at)
    )
    note(connection, sighting, found.message)
    return found


def _instant(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return parse_instant(text)
    except ValueError:
        return None
