"""What goes wrong in a simulated world, how often, and what was acknowledged to whom meanwhile."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from simulated_server import FATES
from sqlalchemy import delete, insert

from invariant import Row
from ledger import withdraw
from lifecycle.base.address import key_hash
from lifecycle.deliver.control import cancel, pause, resume
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.picking import MOST_CRASHES
from lifecycle.deliver.settle import MOST_ATTEMPTS
from lifecycle.store.tables import inbox, suppressions

if TYPE_CHECKING:
    from simulated import World

#: Faults that come from outside, between two moves, and the chance of each at a move, in a world that has them.
OUTSIDE = {
    "kill": 0.02, "stop": 0.03, "terminate": 0.01, "away": 0.01, "sleep": 0.006, "night": 0.003, "jump": 0.006,
    "unsubscribe": 0.015, "suppress": 0.01, "news": 0.02, "looked": 0.03, "pause": 0.02, "resume": 0.03,
    "cancel": 0.002, "outage": 0.04,
}  # fmt: skip
#: Faults that come in the middle of a move, and the chance of each where it can happen.
INSIDE = {
    "skew": 0.3, "die_inside": 0.03, "cut": 0.03, "unanswered": 0.03, "hint_lost": 0.2, "hint_again": 0.2,
}  # fmt: skip
#: The chance that a mail meets one of the world's fates.
MISHAP = 0.4
#: After these a claim may run out without an outcome, whichever row is in it.
LEAVE_CLAIMS = ("kill", "stop", "away", "sleep", "night", "die_inside", "cut", "unanswered", "mail", "skew", "jump")


@dataclass(frozen=True, slots=True)
class Weather:
    """The chance of each fault; a world has about half of them, so that each is seen with and without each other."""

    chances: dict[str, float] = field(default_factory=dict)
    outside: Sequence[str] = ()
    fates: Sequence[str] = ()

    @classmethod
    def of(cls, draw: random.Random) -> Weather:
        """Draw one."""
        scale = draw.choice([0.3, 1.0, 2.0])
        chances = {name: chance * scale for name, chance in {**OUTSIDE, **INSIDE}.items() if draw.random() < 0.5}
        if draw.random() < 0.7:
            chances["mail"] = MISHAP
        fates = [fate for fate in FATES if draw.random() < 0.5]
        return cls(chances, [name for name in OUTSIDE if name in chances], fates)

    @classmethod
    def calm(cls) -> Weather:
        """Return that of a world in which everything works."""
        return cls()


def strike(world: World, fault: str) -> None:
    """Let a fault from outside happen."""
    world.note("world", fault)
    draw = world.draw
    # one that is doing something, as a rule: an idle process is not missed
    process = draw.choice([one for one in world.processes if one.lanes and draw.random() < 0.8] or world.processes)
    match fault:
        case "kill":
            world.note(process.name, "is killed")
            process.bury()
        case "stop":
            process.stopped = world.second + draw.uniform(1, 400)
            world.note(process.name, f"is stopped until {process.stopped:.0f} s")
        case "terminate":
            world.parts[process.name].stop.set()
        case "away":
            world.away_until = world.second + draw.uniform(0.5, 120)
        case "sleep":  # the machine is suspended, with everything on it
            world.clock.advance(timedelta(seconds=draw.uniform(30, 3600)))
        case "jump":  # of the wall clock, either way
            process.clock.skew = timedelta(seconds=draw.uniform(-300, 300))
        case "outage":  # of one server, as a whole
            out = draw.choice(world.providers)
            world.out[out] = world.second + draw.uniform(1, 900)
            world.note(out, f"is out until {world.out[out]:.0f} s")
        case "night":
            for each in world.processes:
                each.bury()
            world.clock.advance(timedelta(hours=12))
        case _:
            world.facts.change(fault)


class Facts:
    """What people and operators were told is done."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.unsubscribed, self.suppressed, self.busy = set[int](), set[int](), set[int]()
        self.paused, self.cancelled = set[str](), set[str]()

    def objection(self, row: Claimed) -> str:
        """Return what speaks against a mail now, "" when nothing does."""
        if row.is_marketing and row.contact_id in self.unsubscribed:
            return f"contact {row.contact_id} had unsubscribed"
        if row.contact_id in self.suppressed:
            return f"contact {row.contact_id} was suppressed"
        if row.contact_id in self.busy:
            return f"contact {row.contact_id} had news that the journey had not looked at"
        if row.campaign in self.cancelled:
            return f"campaign {row.campaign} was cancelled"
        if row.campaign in self.paused:
            return f"campaign {row.campaign} was paused"
        return ""

    def change(self, what: str) -> None:
        """Acknowledge something to somebody."""
        world, draw = self._world, self._world.draw
        contact = draw.randint(1, 14)
        campaign = draw.choice(["news", "news", "receipt", "loud"])
        match what:
            case "unsubscribe" if contact <= world.people:
                withdraw(world.store, contact, world.clock.now())
                self.unsubscribed.add(contact)
            case "suppress" if contact <= world.people and contact not in self.suppressed:
                row = {"address_hash": key_hash(f"c{contact}@example.org"), "reason": "bounced", "source": ""}
                with world.store.write() as connection:
                    connection.execute(insert(suppressions).values(at=world.clock.now(), **row))
                self.suppressed.add(contact)
            case "news" if contact <= world.people:
                with world.store.write() as connection:
                    connection.execute(insert(inbox).values(contact_id=contact))
                self.busy.add(contact)
            case "looked":
                self._looked()
            case "pause":
                pause(world.store, world.clock, campaign, "operator")
                self.paused.add(campaign)
            case "resume":
                resume(world.store, world.clock, campaign)
                self.paused.discard(campaign)
            case "cancel":
                cancel(world.store, world.clock, campaign)
                self.cancelled.add(campaign)
        world.note("people", f"{what}: contact {contact}, campaign {campaign}")

    def settle(self) -> None:
        """Resume what is paused, and look at all news."""
        self._looked()
        for campaign in sorted(self.paused):
            resume(self._world.store, self._world.clock, campaign)
        self.paused.clear()

    def _looked(self) -> None:
        with self._world.store.write() as connection:
            connection.execute(delete(inbox))
        self.busy.clear()

    def unexplained(self, rows: Sequence[Row]) -> list[str]:
        """Return the rows whose state nothing that happened accounts for."""
        world = self._world
        found = [
            f"unexplained: row {row.id} is {row.state}/{row.reason}, without a cause"
            for row in rows
            if not self._explained(row)
        ]
        if world.poison and not any(world.struck[fault] for fault in LEAVE_CLAIMS):
            neighbours = [row.id for row in rows if row.reason == "quarantined" and row.id not in world.poison]
            found += [f"quarantine: row {row} is, and killed nobody" for row in neighbours]
        if not world.struck["stop"] and not world.struck["sleep"] and not world.struck["unanswered"]:
            killers = [row for row, times in world.killed.items() if times > MOST_CRASHES]
            found += [f"quarantine: row {row} killed {world.killed[row]} times" for row in killers]
        if world.capped:
            people = [row.contact_id for row in rows if row.kind == "marketing" and world.arrived(row)]
            found += [f"cap: contact {one} was mailed twice" for one in set(people) if people.count(one) > 1]
        return found

    def _explained(self, row: Row) -> bool:
        match row.state, row.reason:
            case "skipped", "not_consented":
                return row.contact_id in self.unsubscribed
            case "skipped", "suppressed":
                return row.contact_id in self.suppressed
            case "skipped", "frequency_capped":
                return self._world.capped
            case "skipped", "past_deadline":
                return self._world.late
            case (("skipped" | "cancelled"), reason):
                return reason == "cancelled" and row.campaign in self.cancelled
            case "rejected", _:
                return row.id in self._world.refused
            case "failed", "quarantined":
                return True
            case "failed", _:
                return row.attempts >= MOST_ATTEMPTS
        return True
