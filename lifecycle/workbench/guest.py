"""A contact whose real data mails are shown with, instead of a sample's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lifecycle.audience.state import ContactState
from lifecycle.base.errors import UsageError
from lifecycle.intake.shelf import Shelf
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.render.scope import build
from lifecycle.render.usage import campaigns_of
from lifecycle.spec.model import Content, EventTrigger

if TYPE_CHECKING:
    from lifecycle.store.engine import Store


@dataclass(frozen=True, slots=True)
class Guest:
    """What is known of a contact at `now`, and what may be recommended to it.

    `name` is how it was asked for: its external id, else its email.
    """

    name: str
    state: ContactState
    now: datetime
    shelf: Shelf = field(default_factory=Shelf)


def load_guest(store: Store, name: str, now: datetime) -> Guest:
    """Return a contact by its external id, else its email; nothing is written. Raises NotFoundError."""
    from lifecycle.intake.restock import load_shelf
    from lifecycle.journey.load import load_states
    from lifecycle.store.contacts import find_contact

    with store.read() as connection:
        row = find_contact(connection, name)
        return Guest(name, load_states(connection, [row])[row], now, load_shelf(connection))


def guest_scope(guest: Guest, content: Content, template: str, locale: str) -> dict[str, Any]:
    """Return the scope of a contact; what only an enrolment would make (a coupon) comes from the sample.

    Raises UsageError when no campaign sends the template: then there is no telling what it would know.
    """
    campaign = next(iter(campaigns_of(content, template)), None)
    if campaign is None:
        raise UsageError(f"no campaign sends {template}", hint="without --for it is shown with its sample")
    trigger = campaign.trigger
    names = trigger.events if isinstance(trigger, EventTrigger) else ()
    event = next((past for past in reversed(guest.state.events) if past.name in names), None)
    real = build(
        guest.state, content, campaign, now=guest.now, event=event, context={}, addresses=SAMPLE_ADDRESSES,
        locale=locale, data={}, shelf=guest.shelf,
    )  # fmt: skip
    sample = sample_scope(content, template, locale)
    made = {
        name: sample[name] for name in ("coupon", "referral") if name in sample and not real.get(name, {}).get("code")
    }
    return real | made
