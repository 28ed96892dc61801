"""Signing up by a form, and confirming it (double opt-in).

The form may only add: it never changes what is known of an address that we know. With `consent: single` the sign-up
is consent. With `consent: double` it is the event `Subscription Requested`, on which a transactional campaign mails the
confirmation link; the consent, with the words agreed to, comes with the click on the button behind that link.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from lifecycle.base.address import address_key
from lifecycle.base.clock import Clock
from lifecycle.base.errors import UsageError
from lifecycle.engagement.addressee import living_contact
from lifecycle.intake.consent import state
from lifecycle.intake.messages import accept
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store
from lifecycle.store.tables import consents, contacts, enrolments, events, messages

#: What a sign-up that needs no confirmation, or a confirmed one, is recorded as.
SIGNED_UP = "Signed Up"
#: What a sign-up that waits for its confirmation is recorded as; the confirmation mail's campaign is triggered by it.
REQUESTED = "Subscription Requested"
#: The source of a consent that was confirmed.
CONFIRMED_BY = "double-opt-in"


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a form said. `text` is the consent text as it stood beside the button."""

    email: str
    topic: str
    text: str
    locale: str | None = None
    source: str = "form"


def sign_up(store: Store, content: Content, clock: Clock, form: SignUp) -> None:
    """Store a sign-up. Raises UsageError for what is no address, StoreError when nothing was stored."""
    now = clock.now().isoformat()
    with store.read() as connection:
        known = connection.execute(
            select(contacts.c.id).where(contacts.c.address_key == address_key(form.email)).limit(1)
        ).scalar()
    single = content.project.policies.consent == "single"
    traits: dict[str, Any] = {"email": form.email}
    if known is None and form.locale is not None:
        traits["locale"] = form.locale
    if single:
        word = {"granted": True, "at": now, "source": form.source, "text": form.text}
        traits["consent"] = {form.topic: word}
    properties = {"source": form.source, "topic": form.topic, "consent_text": form.text, "locale": form.locale}
    said = {key: value for key, value in properties.items() if value}
    event = {
        "event": SIGNED_UP if single else REQUESTED,
        "properties": said,
        "context": {"traits": {"email": form.email}},
    }
    key = secrets.token_hex(16)
    payloads: list[Mapping[str, Any]] = [
        {"type": "identify", "messageId": f"sign-up:{key}:who", "timestamp": now, "traits": traits},
        {"type": "track", "messageId": f"sign-up:{key}", "timestamp": now, **event},
    ]
    taken = accept(store, payloads, clock=clock, content=content, live=True)
    if taken.rejected:
        raise UsageError(taken.rejected[0].reason)


def asked_about(connection: Connection, message_row: int) -> tuple[int, str] | None:
    """Return the contact and the topic that a confirmation mail asks about; None when it asks about none.

    The topic is that of the sign-up which triggered the mail, else the mail's own.
    """
    asked = connection.execute(
        select(messages.c.contact_id, messages.c.topic, events.c.properties)
        .outerjoin(enrolments, enrolments.c.id == messages.c.enrolment_id)
        .outerjoin(events, events.c.id == enrolments.c.trigger_event_id)
        .where(messages.c.id == message_row)
    ).one_or_none()
    if asked is None:
        return None
    topic = (asked.properties or {}).get("topic") or asked.topic
    return (asked.contact_id, topic) if isinstance(topic, str) else None


def confirm(store: Store, content: Content | None, clock: Clock, contact_id: int, topic: str) -> Row[Any] | None:
    """Record the consent, with the words of the last sign-up, and the sign-up itself, in one transaction.

    Return the contact, None when it is gone. Confirming again changes nothing. Raises StoreError when nothing was
    stored.
    """
    at = clock.now().isoformat()
    with store.read() as connection:
        contact = living_contact(connection, contact_id)
        if contact is None or contact.erased_at is not None:
            return None
        if state(connection, contact.id).get(topic):
            return contact
        text = _agreed_text(connection, contact.id, topic)
        said = connection.execute(
            select(func.count()).where(consents.c.contact_id == contact.id, consents.c.topic == topic)
        ).scalar_one()
    user = {"userId": contact.external_id} if contact.external_id else {}
    email = {"email": contact.email} if contact.email and not user else {}
    word = {"granted": True, "at": at, "source": CONFIRMED_BY, "text": text}
    # two clicks at once make one sign-up: both count the same words before
    key = f"confirmed:{contact.id}:{topic}:{said}"
    payloads: list[Mapping[str, Any]] = [
        {
            "type": "identify", "messageId": f"{key}:consent", "timestamp": at,
            "traits": {**email, "consent": {topic: word}}, **user,
        },
        {
            "type": "track", "messageId": key, "timestamp": at, "event": SIGNED_UP, "context": {"traits": email},
            "properties": {"source": CONFIRMED_BY, "topic": topic}, **user,
        },
    ]  # fmt: skip
    taken = accept(store, payloads, clock=clock, content=content, live=True)
    return None if taken.rejected else contact


def _agreed_text(connection: Connection, contact_id: int, topic: str) -> str:
    asked = connection.execute(
        select(events.c.properties)
        .where(events.c.contact_id == contact_id, events.c.name == REQUESTED)
        .order_by(events.c.at.desc(), events.c.id.desc())
        .limit(20)
    ).scalars()
    return next((str(said.get("consent_text", "")) for said in asked if said.get("topic") == topic), "")
