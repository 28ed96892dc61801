"""LC4xx about time: waits, deadlines, quiet hours, send windows and goals that get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator

from lifecycle.base.units import Duration
from lifecycle.spec.diagnostics import Diagnostic, Severity
from lifecycle.spec.model import Campaign, Content, EventTrigger, Send
from lifecycle.spec.opening_hours import opening_hours
from lifecycle.spec.paths import Passage, passages
from lifecycle.spec.place import Place
from lifecycle.spec.rules_campaigns import CampaignRule, place_of


def sends(campaign: Campaign) -> Iterator[tuple[Passage, Send, Place]]:
    """Yield each send that a way leads to, with its place."""
    for passage in passages(campaign):
        if passage.reached and isinstance(passage.step, Send):
            yield passage, passage.step, passage.step.place or place_of(campaign)


def _deadlines(campaign: Campaign) -> Iterator[tuple[Passage, Duration, Place]]:
    for passage, step, place in sends(campaign):
        if step.deadline is not None:
            yield passage, step.deadline, step.deadline_place or place


def _held_s(passage: Passage, campaign: Campaign, content: Content) -> int:
    """Return for how long quiet hours hold a mail in any case, because it always falls due at one time of day."""
    if passage.wall is None:
        return 0
    return min((held for _, held in opening_hours(campaign, content.project).at(passage.wall)), default=0)


class DeadlinePassed(CampaignRule):
    """The waits before this mail are longer than its deadline: it is never sent.

    `deadline` counts from the trigger (or the last event that restarted the clock) and includes the waits before, and
    the quiet hours that it always falls into.
    """

    code = "LC404"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Add up the shortest way to each send."""
        for passage, deadline, place in _deadlines(campaign):
            if passage.soonest_s > deadline.approximate_s():
                waited = Duration(int(passage.soonest_s))
                message = f"the deadline of {deadline} has passed before this mail: the waits take {waited} or more"
                yield cls.at(place, message)
                continue
            held = _held_s(passage, campaign, content)
            if held and passage.soonest_s + held > deadline.approximate_s() and passage.wall is not None:
                message = (
                    f"the deadline of {deadline} has passed before this mail: it falls due at "
                    f"{passage.wall.time:%H:%M} and is held for {Duration(held)}"
                )
                yield cls.at(place, message, hint="send_window: {quiet_hours: ignore} sends it at night too")


class QuietPastDeadline(CampaignRule):
    """Quiet hours are longer than the deadline: what falls due as they begin is never sent.

    A mail that falls due in quiet hours, or outside the campaign's send window, is held until they end, and skipped if
    that is past its deadline.
    """

    code = "LC405"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Hold each deadline against the longest time for which mail is held."""
        hours = opening_hours(campaign, content.project)
        if hours.never or not hours.longest_s:
            return
        own = campaign.send_window.hours is not None or campaign.send_window.weekdays
        held = f"quiet hours of {Duration(hours.longest_s)} hold"
        if own:
            held = f"the send window is shut for {Duration(hours.longest_s)} at a time, which holds"
        hint = "" if own else "send_window: {quiet_hours: ignore} sends it at night too"
        for passage, deadline, place in _deadlines(campaign):
            if passage.wall is not None:
                continue  # it falls due at one time of day: LC404 knows for how long it is held
            if passage.soonest_s + hours.longest_s > deadline.approximate_s() >= passage.soonest_s:
                yield cls.at(place, f"{held} this mail past its deadline of {deadline}", hint=hint)


class NeverOpen(CampaignRule):
    """The send window never lets this mail through.

    Quiet hours and the campaign's own hours leave no minute of the week, or the mail always falls due while they are
    shut and `then: skip` gives it up. Fix: widen the window, or wait until a time at which it is open.
    """

    code = "LC414"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look for an open minute, and at mails that fall due at one time of day."""
        hours = opening_hours(campaign, content.project)
        window = campaign.send_window
        if hours.never:
            both = window.hours is not None and window.quiet_hours == "keep"
            message = "the send window lies within the quiet hours: no mail of this campaign ever leaves"
            hint = "send_window: {quiet_hours: ignore}, or hours outside of them"
            yield cls.at(window.place or place_of(campaign), message if both else "", hint=hint if both else "")
            return
        for passage, _, place in sends(campaign):
            found = list(hours.at(passage.wall)) if passage.wall is not None else []
            if passage.wall is not None and found and all(then == "skip" for then, _ in found):
                message = f"it always falls due at {passage.wall.time:%H:%M}, when the window is shut, and is skipped"
                yield cls.at(place, message, hint="then: next would hold it until the window opens")


class AlwaysHeld(CampaignRule):
    """The mail always falls due while the window is shut, and waits until it opens.

    `wait: {until: "23:00"}` before a send, with quiet hours from 22:00: the mail leaves in the morning. Fix: wait until
    the time that is meant, or ignore quiet hours.
    """

    code = "LC415"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look at mails that fall due at one time of day."""
        hours = opening_hours(campaign, content.project)
        if hours.never:
            return
        for passage, step, place in sends(campaign):
            if passage.wall is None:
                continue
            found = list(hours.at(passage.wall))
            held = _held_s(passage, campaign, content)
            if step.deadline is not None and passage.soonest_s + held > step.deadline.approximate_s():
                continue  # LC404
            if held and all(then == "next" for then, _ in found):
                minutes = passage.wall.time.hour * 60 + passage.wall.time.minute + held // 60
                opens = f"{minutes // 60 % 24:02}:{minutes % 60:02}"
                message = f"it falls due at {passage.wall.time:%H:%M}, when the window is shut, and waits until {opens}"
                yield cls.at(place, message)


class AfterTheGoal(CampaignRule):
    """The mail leaves after the goal's time is over: nothing that it brings about is counted.

    `within` of the goal counts from the beginning of the journey. Fix: a longer `within`, or a shorter wait.
    """

    code = "LC416"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Hold the shortest way to each send against the goal's time."""
        del content
        goal, trigger = campaign.goal, campaign.trigger
        if goal is None or goal.within is None:
            return
        quiet = trigger.quiet_for.approximate_s() if isinstance(trigger, EventTrigger) and trigger.quiet_for else 0.0
        for passage, _, place in sends(campaign):
            after = passage.soonest_s - quiet
            if after >= goal.within.approximate_s():
                message = f"it leaves {Duration(int(after))} after the start, and the goal counts within {goal.within}"
                yield cls.at(place, message, hint="a longer within: in the goal, or a shorter wait")
