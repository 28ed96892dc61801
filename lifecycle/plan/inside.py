"""What an edit makes of somebody inside a campaign. Pure: `plan` counts, `apply` does it, `simulate` goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from lifecycle.base.errors import NotFoundError
from lifecycle.base.units import parse_zone
from lifecycle.journey import paths
from lifecycle.journey.entry import BEGINS, Entry
from lifecycle.spec.model import Campaign, Content, EventTrigger

Becomes: TypeAlias = Literal["kept", "migrated", "restarted", "exited", "campaign_ended"]


@dataclass(frozen=True, slots=True)
class Edit:
    """The version in force (None: none yet), the one that follows it, when, and older versions by hash."""

    before: Content | None
    after: Content
    at: datetime
    version: Callable[[str], Content]

    def ends(self, name: str) -> bool:
        """Say whether the campaign is no longer there, or no longer live."""
        new = self.after.campaigns.get(name)
        return new is None or new.status != "live"

    def changes(self, name: str) -> bool:
        """Say whether the campaign's own file changed."""
        before = self.before.campaign_hashes.get(name) if self.before is not None else None
        return before is not None and before != self.after.campaign_hashes.get(name)

    def goes_live(self, name: str) -> bool:
        """Say whether the campaign takes people in from now on and did not before."""
        old = self.before.campaigns.get(name) if self.before is not None else None
        return not self.ends(name) and (old is None or old.status != "live")

    def begins_anew(self, name: str) -> bool:
        """Say whether the campaign's clock begins at this edit: it goes live, or is triggered otherwise than before."""
        if self.ends(name) or self.goes_live(name) or self.before is None:
            return not self.ends(name)
        old, new = self.before.campaigns[name], self.after.campaigns[name]
        return (old.trigger, old.enroll) != (new.trigger, new.enroll)

    def fate(self, entry: Entry) -> tuple[Becomes, Entry]:
        """Return what becomes of an open entry, and the entry as it goes on from here."""
        new = self.after.campaigns.get(entry.campaign)
        if new is None or self.ends(entry.campaign):
            return "campaign_ended", self._ended(entry, "campaign_ended")
        if not self.changes(entry.campaign):
            return "kept", entry
        match new.on_change:
            case "keep":
                return "kept", entry
            case "exit":
                return "exited", self._ended(entry, "campaign_ended")
            case "restart":
                return "restarted", self._restarted(entry, new)
            case "migrate":
                return self._migrated(entry, new)

    def _ended(self, entry: Entry, reason: str) -> Entry:
        return replace(entry, state="exited", reason=reason, ended_at=self.at, due_at=None)

    def _restarted(self, entry: Entry, new: Campaign) -> Entry:
        """The new steps from the first on. Steps that were reached under the same id are not reached again."""
        if entry.state == "waiting":
            return self._waiting(entry, new)
        return replace(
            entry, version=self.after.hash, position=(0,), due_at=self.at, context={BEGINS: True}, variants={}
        )

    def _migrated(self, entry: Entry, new: Campaign) -> tuple[Becomes, Entry]:
        """The new steps from the step of the same id on; a wait that has begun ends when it would have ended."""
        if entry.state == "waiting":
            return "migrated", self._waiting(entry, new)
        old = self._pinned(entry)
        step = paths.step_at(old.steps, entry.position) if old is not None else None
        position = paths.find(new.steps, step.id) if step is not None else None
        found = paths.step_at(new.steps, position) if position is not None else None
        if step is None or position is None or found is None:
            return "exited", self._ended(entry, "step_removed")
        moved = replace(entry, version=self.after.hash, position=position)
        if type(step) is not type(found):  # another kind of step of that id: it has not begun
            moved = replace(moved, due_at=self.at, context={**entry.context, BEGINS: True})
        return "migrated", moved

    def _waiting(self, entry: Entry, new: Campaign) -> Entry:
        """The new quiet time, from the last event on."""
        quiet = new.trigger.quiet_for if isinstance(new.trigger, EventTrigger) else None
        zone = parse_zone(self.after.project.timezone)
        due_at = quiet.after(entry.anchor_at, zone) if quiet is not None else self.at
        return replace(entry, version=self.after.hash, due_at=due_at)

    def _pinned(self, entry: Entry) -> Campaign | None:
        try:
            return self.version(entry.version).campaigns.get(entry.campaign)
        except NotFoundError:
            return None
