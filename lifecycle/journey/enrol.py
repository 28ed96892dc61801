"""Whether a trigger enrols: one open entry for a contact, campaign and key; re-entry; the campaign's dates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.intake.facts import EventFact
from lifecycle.intake.properties import identifier
from lifecycle.journey import machine
from lifecycle.journey.entry import AFTER_EVENTS, Decided, Entry, Transition
from lifecycle.journey.known import Known
from lifecycle.journey.matching import matches, property_at
from lifecycle.spec.model import Campaign, EventTrigger, Reentry

#: Entries that the engine itself may bring about for one contact, campaign and key within that long. Campaigns can set
#: each other off by events and attributes of their own; past this they go round in a circle, and it is cut.
OWN_ENTRIES, OWN_WITHIN = 10, timedelta(hours=1)

#: States of an entry that count for re-entry: it was activated, held out included (both arms are treated alike).
_ENTERED = frozenset({"active", "completed", "exited", "goal_met", "held_out"})


@dataclass(frozen=True, slots=True)
class Opening:
    """A trigger that fired: when, by which event (None for a segment's edge or by hand), and the entry's name (10)."""

    at: datetime
    occurrence: str
    event: EventFact | None = None
    entry_key: str = ""
    #: `send` does not wait for quiet: the campaign is wanted now
    immediate: bool = False


def is_running(campaign: Campaign, at: datetime) -> bool:
    """Say whether the campaign takes anyone in at `at`."""
    if campaign.status != "live":
        return False
    return (campaign.starts is None or at >= campaign.starts) and (campaign.ends is None or at < campaign.ends)


def opening_by_event(campaign: Campaign, event: EventFact) -> Opening | None:
    """Return the opening that `event` is for the campaign, None when it does not trigger it."""
    trigger = campaign.trigger
    if not isinstance(trigger, EventTrigger) or event.name not in trigger.events:
        return None
    if not matches(trigger.where, event):
        return None
    found = property_at(event, trigger.key) if trigger.key else None
    return Opening(event.at, event.message_id or f"event:{event.id}", event, identifier(found) or "")


def enrol(
    campaign: Campaign, version: str, opening: Opening, entries: Sequence[Entry], known: Known, now: datetime
) -> Transition | None:
    """Open an entry, refuse it with its reason, or return None when the trigger means nothing to an open entry."""
    event_id = opening.event.id if opening.event is not None else None
    entry = Entry(
        campaign=campaign.campaign,
        contact_id=known.state.id,
        occurrence=opening.occurrence,
        version=version,
        state="waiting",
        opened_at=opening.at,
        anchor_at=opening.at,
        entry_key=opening.entry_key,
        trigger_event_id=event_id,
        last_event_id=event_id if event_id is not None else AFTER_EVENTS,
    )
    same = [found for found in entries if found.key == entry.key]
    if any(found.is_open for found in same):
        return None
    if any(found.occurrence == entry.occurrence for found in same):
        return machine.refuse(entry, "duplicate", opening.at)
    if known.state.erased:
        return machine.refuse(entry, "erased", opening.at)
    if not _may_reenter(campaign.reentry, same, opening.at, known) or _goes_round(opening, same):
        return machine.refuse(entry, "reentry", opening.at)
    trigger = campaign.trigger
    if isinstance(trigger, EventTrigger) and trigger.quiet_for is not None and not opening.immediate:
        due_at = trigger.quiet_for.after(opening.at, known.zone)
        detail = {"due_at": due_at, "event": opening.event.name if opening.event else None}
        return Transition(replace(entry, due_at=due_at), (Decided(opening.at, "opened", detail=detail),))
    return machine.activate(campaign, entry, known, opening.at, now)


def _may_reenter(reentry: Reentry, same: Iterable[Entry], at: datetime, known: Known) -> bool:
    activations = [found.activated_at for found in same if found.activated_at and found.state in _ENTERED]
    if not activations or reentry.mode == "always":
        return True
    if reentry.mode == "once" or reentry.after is None:
        return False
    return at >= reentry.after.after(max(activations), known.zone)


def _goes_round(opening: Opening, same: Iterable[Entry]) -> bool:
    if opening.event is not None and not opening.event.message_id.startswith("emit:"):
        return False
    since = opening.at - OWN_WITHIN
    return sum(1 for found in same if found.activated_at and since < found.activated_at <= opening.at) >= OWN_ENTRIES
