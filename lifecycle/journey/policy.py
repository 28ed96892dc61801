"""Whether a message may leave now. Pure; asked in the transaction that commits `sending`, and by every rehearsal.

The order of the questions is the order in which reasons are given: what ends the campaign or the contact first, then
what the contact wants, then what is late, then what must wait, and the caps last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from lifecycle.audience.state import ContactState, MessageFact
from lifecycle.base.instants import read_instant
from lifecycle.base.units import LocalWindow, next_wall, parse_zone
from lifecycle.spec.model import WEEKDAYS, Campaign, Content, FrequencyCap, Kind, Weekday

#: Ledger states that use up a frequency cap.
CAPPED_STATES = frozenset({"sending", "sent", "delivered", "bounced", "unknown"})
#: Ends of an enrolment that take its open messages with them.
ENDS_THAT_CANCEL = frozenset(
    {"exit_condition", "goal_met", "not_in_audience", "cancelled", "campaign_ended", "erased", "merged"}
)


@dataclass(frozen=True, slots=True)
class Release:
    """A message that asks to leave. `ended` is the reason for which its enrolment ended, "" while it has not."""

    campaign: str
    kind: Kind
    topic: str | None
    deadline_at: datetime | None
    ended: str = ""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Go:
    """It may leave now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Ask again at `until`; `reason` says what holds it."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """It never leaves. `state` is `skipped`, or `cancelled` where the campaign or the enrolment ended."""

    reason: str
    state: str = "skipped"


Judgement: TypeAlias = Go | Hold | Skip

#: The attribute in which the preference centre keeps until when a contact wants no marketing (ISO 8601).
PAUSED_UNTIL = "mail_paused_until"
#: How soon a message of a paused campaign asks again.
PAUSED_AGAIN = timedelta(minutes=1)


def judge(release: Release, state: ContactState, content: Content, now: datetime) -> Judgement:
    """Say whether the message may leave at `now`, given the content in force and all that is known of the contact."""
    campaign = content.campaigns.get(release.campaign)
    if campaign is None or campaign.status != "live" or (campaign.ends is not None and campaign.ends <= now):
        return Skip("campaign_ended", "cancelled")
    if release.ended in ENDS_THAT_CANCEL:
        return Skip("duplicate" if release.ended == "merged" else release.ended, "cancelled")
    if state.erased:
        return Skip("erased", "cancelled")
    if not state.email:
        return Skip("no_address")
    if state.suppressed is not None:
        return Skip("suppressed")
    marketing = release.kind == "marketing"
    if marketing and not _consents(release, state, content, now):
        return Skip("not_consented")
    if release.deadline_at is not None and now > release.deadline_at:
        return Skip("past_deadline")
    if release.paused:
        return Hold(now + PAUSED_AGAIN, "campaign_paused")
    if not marketing:
        return Go()
    opening = next_opening(campaign, content, state, now)
    if isinstance(opening, Skip):
        return opening
    if opening > now:
        if release.deadline_at is not None and opening > release.deadline_at:
            return Skip("past_deadline")
        return Hold(opening, "quiet_hours")
    if broken_cap(release.topic, state.messages, content, state, now) is not None:
        return Skip("frequency_capped")
    return Go()


def _consents(release: Release, state: ContactState, content: Content, now: datetime) -> bool:
    topic = content.project.topic(release.topic or "")
    if is_paused(state, now):
        return False
    return topic is not None and state.consents_to(topic.topic, now, default=topic.default == "granted")


def is_paused(state: ContactState, now: datetime) -> bool:
    """Say whether the contact asked for a break that still lasts: marketing of that time is skipped, never piled up."""
    until = state.attributes.get(PAUSED_UNTIL)
    end = read_instant(until) if isinstance(until, str) else None
    return end is not None and now < end


def zone_of(state: ContactState, content: Content) -> tzinfo:
    """Return the contact's zone, else the project's."""
    return _zone(state.timezone, content.project.timezone)


@lru_cache(maxsize=1024)
def _zone(wanted: str | None, fallback: str) -> ZoneInfo:
    if wanted:
        try:
            return parse_zone(wanted)
        except ValueError:  # a contact's bad zone must not stop its mail
            return parse_zone(fallback)
    return parse_zone(fallback)


def next_opening(campaign: Campaign, content: Content, state: ContactState, now: datetime) -> datetime | Skip:
    """Return the first instant from `now` on at which quiet hours and the campaign's own window let mail through.

    Skip(quiet_hours) when it is shut now and what shuts it says `skip`.
    """
    zone = zone_of(state, content)
    quiet = content.project.policies.quiet_hours if campaign.send_window.quiet_hours == "keep" else None
    window = campaign.send_window
    instant = now
    for _ in range(32):  # each turn passes quiet hours, the start of the window or a midnight; a week has seven of each
        if quiet is not None and quiet.window.contains(instant, zone):
            if quiet.then == "skip":
                return Skip("quiet_hours")
            instant = quiet.window.next_end(instant, zone)
        elif not _open(window.hours, window.weekdays, instant, zone):
            if window.then == "skip":
                return Skip("quiet_hours")
            instant = _next_start(window.hours, instant, zone)
        else:
            return instant
    return Skip("quiet_hours")


def _open(hours: LocalWindow | None, weekdays: tuple[Weekday, ...], instant: datetime, zone: tzinfo) -> bool:
    if weekdays and WEEKDAYS[instant.astimezone(zone).weekday()] not in weekdays:
        return False
    return hours is None or hours.contains(instant, zone)


def _next_start(hours: LocalWindow | None, instant: datetime, zone: tzinfo) -> datetime:
    midnight = next_wall(instant, time(), zone)
    return midnight if hours is None else min(midnight, next_wall(instant, hours.start, zone))


def broken_cap(
    topic: str | None, messages: Iterable[MessageFact], content: Content, state: ContactState, now: datetime
) -> FrequencyCap | None:
    """Return the first cap that one more marketing message of `topic` at `now` would exceed, else None.

    Windows are (now - per, now], over what is in sending, sent, delivered, bounced or unknown.
    """
    caps = content.project.policies.frequency_caps
    if not caps:
        return None
    taken = [m for m in messages if m.kind == "marketing" and m.state in CAPPED_STATES and m.sending_at is not None]
    zone = zone_of(state, content)
    for cap in caps:
        if cap.topic is not None and cap.topic != topic:
            continue
        since = cap.per.before(now, zone)
        used = sum(
            1 for m in taken
            if m.sending_at is not None and since < m.sending_at <= now and (cap.topic is None or m.topic == cap.topic)
        )  # fmt: skip
        if used >= cap.at_most:
            return cap
    return None
