"""Random campaigns and random lives, for Hypothesis; and the promises that must hold of every one of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume
from hypothesis import strategies as st
from sqlalchemy import select

from journey_worlds import content_of
from ledger import PlainCompose
from lifecycle.base.clock import ManualClock
from lifecycle.base.units import Duration, LocalWindow, parse_time
from lifecycle.deliver import control
from lifecycle.deliver.channel import Channel, Channels
from lifecycle.deliver.parts import Parts
from lifecycle.intake.erase import erase
from lifecycle.journey.backlog import Backlog
from lifecycle.journey.broadcasts import open_due
from lifecycle.journey.policy import ENDS_THAT_CANCEL
from lifecycle.report.balance import balance
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, enrolments, messages
from shop import KEY, Shop

ZONES = ("Asia/Riyadh", "Africa/Cairo", "Europe/London", "America/New_York")
NAMES = ("a", "b")
#: A segment that events enter and time leaves.
SEGMENTS = {"browsing": "{event: [Product Added, Ping], within: 1d}"}

# ---------------------------------------------------------------- campaigns

_waits = st.sampled_from(["30m", "1h", "7h", "1d", "3d"])
_conditions = st.sampled_from(
    ["{contact.vip: true}", "{event: Pong, within: 2d}", "{cart.items: {at_least: 1}}", "{stage: decision}",
     "{not: {contact.vip: true}}", "{orders.count: {at_least: 1}}", "{sample: 50%}"]
)  # fmt: skip


@st.composite
def _steps(draw: st.DrawFn, prefix: str, depth: int = 2) -> str:
    """Return a list of steps in YAML's flow style; ids say where they stand, so that edits keep them."""
    kinds = ["send", "send", "wait", "wait", "until", "update", "emit", "points"]
    kinds += ["wait_for", "branch", "split", "exit"] if depth else []
    made = []
    for number in range(draw(st.integers(1, 3))):
        name = f"{prefix}{number}"

        def inner(way: int, under: str = name) -> str:
            return draw(_steps(f"{under}-{way}-", depth - 1))

        match draw(st.sampled_from(kinds)):
            case "send":
                deadline = draw(st.sampled_from(["", "", ", deadline: 2h", ", deadline: 5d"]))
                made.append(f"{{send: mail, id: {name}{deadline}}}")
            case "wait":
                made.append(f"{{wait: {draw(_waits)}, id: {name}}}")
            case "until":
                made.append(f"{{wait: {{until: '{draw(st.integers(0, 23)):02d}:30'}}, id: {name}}}")
            case "update":
                made.append(f"{{update: {{vip: {draw(st.sampled_from(['true', 'false']))}}}, id: {name}}}")
            case "emit":
                # nothing is triggered by Pong: a campaign that sets itself off again each day never ends, as it says
                made.append(f"{{emit: {{event: Pong}}, id: {name}}}")
            case "points":
                made.append(f"{{points: {{give: 10}}, id: {name}}}")
            case "wait_for":
                ways = f"then: {inner(0)}, on_timeout: {inner(1)}"
                made.append(f"{{wait_for: {{event: Pong, timeout: {draw(_waits)}, {ways}}}, id: {name}}}")
            case "branch":
                arms = f"{{when: {draw(_conditions)}, steps: {inner(0)}}}, {{otherwise: {inner(2)}}}"
                made.append(f"{{branch: [{arms}], id: {name}}}")
            case "split":
                arms = f"{{variant: x, steps: {inner(0)}}}, {{variant: y, steps: {inner(1)}}}"
                made.append(f"{{split: [{arms}], id: {name}}}")
            case _:
                made.append(f"{{exit: enough, id: {name}}}")
                break
    return "[" + ", ".join(made) + "]"


@st.composite
def campaign_texts(draw: st.DrawFn, name: str) -> str:
    """Return a campaign as YAML."""
    trigger = draw(st.sampled_from([
        "{event: Ping}", "{event: [Ping, Product Added], quiet_for: 1h, restart_on: Product Removed}",
        "{event: Product Added, key: properties.cart_id}", "{stage_entered: decision}",
        "{schedule: '0 9 * * *'}", "{event: Product Added, quiet_for: 3h, key: properties.cart_id}",
        "{segment_entered: browsing}", "{segment_left: browsing}",
    ]))  # fmt: skip
    lines = [f"campaign: {name}", "stage: awareness", "topic: offers", f"trigger: {trigger}"]
    lines.append(f"priority: {draw(st.sampled_from([10, 50, 90]))}")
    lines.append(f"reentry: {draw(st.sampled_from(['once', 'always', '{after: 2d}']))}")
    lines.append(f"on_change: {draw(st.sampled_from(['keep', 'migrate', 'restart', 'exit']))}")
    lines += draw(st.sampled_from([[], ["exit_when: {event: Order Completed}"], ["exit_when: {contact.vip: true}"]]))
    lines += draw(st.sampled_from([[], ["goal: {event: Order Completed, within: 5d, value: properties.total}"]]))
    lines += draw(st.sampled_from([[], ["audience: {cart.items: {at_least: 1}}"], ["holdout: 40%"]]))
    lines += draw(
        st.sampled_from([[], ["send_window: {quiet_hours: ignore}"], ["send_window: {weekdays: [mon, thu]}"]])
    )
    return "\n".join([*lines, f"steps: {draw(_steps('s'))}", ""])


@dataclass(frozen=True, slots=True)
class Rules:
    """The project's policies: caps as (at most, per), and quiet hours."""

    caps: tuple[tuple[int, str], ...]
    quiet: tuple[str, str] | None

    def __str__(self) -> str:
        """Return them as YAML."""
        caps = ", ".join(f"{{at_most: {most}, per: {per}}}" for most, per in self.caps)
        quiet = f", quiet_hours: {{from: '{self.quiet[0]}', to: '{self.quiet[1]}'}}" if self.quiet else ""
        return f"{{frequency_caps: [{caps}]{quiet}}}" if self.caps else f"{{{quiet.removeprefix(', ')}}}"


rules = st.builds(
    Rules,
    st.sampled_from([(), ((1, "16h"),), ((2, "1d"), (3, "7d"))]),
    st.sampled_from([None, ("22:00", "08:00"), ("09:00", "17:00")]),
)

# ---------------------------------------------------------------- lives

Act = tuple[int, str, str, str]  # minutes to pass, who, what, how time passes

acts = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 30, 60, 60, 180, 600, 1440, 4000]),
        st.sampled_from(NAMES),
        st.sampled_from(
            ["Ping"] * 4 + ["Pong"] * 2 + ["Product Added"] * 4
            + ["Product Removed", "Checkout Started", "Order Completed", "vip", "plain", "no", "yes", "erase", "edit",
               "pause", "resume", "cancel", "twice", "late"]
        ),
        st.sampled_from(["ticking", "ticking", "ticking", "down"]),
    ),
    min_size=4,
    max_size=24,
)  # fmt: skip


@dataclass
class Life:
    """The engine on a real database, and what was done to it."""

    store: Store
    clock: ManualClock
    rules: Rules
    versions: Sequence[Sequence[str]]
    said: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)
    erased: dict[str, datetime] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    ordered: dict[str, list[datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the first version into force; everybody signs up."""
        try:
            self._contents = [
                content_of(*texts, policies=str(self.rules), segments=SEGMENTS) for texts in self.versions
            ]
        except AssertionError as error:
            # a deadline that nothing can meet, a step behind an exit: `check` refuses those
            assume(not re.search("LC40[345]", str(error)))
            raise
        self.shop = Shop(self.store, self.clock, self._contents[0].files)
        self.shop.parts = Parts(
            store=self.store, clock=self.clock, content=lambda: self.shop.content, compose=PlainCompose(),
            channels=Channels([Channel(self.shop.provider, self.clock)]),
        )  # fmt: skip
        self._edits = 0
        self._number = 0
        for number, name in enumerate(NAMES):
            self.zones[name] = ZONES[number]
            self.say(name, yes=True)
        self.tick()

    def say(self, name: str, *, yes: bool) -> None:
        """Let the contact grant or withdraw."""
        traits = {"email": f"{name}@example.com", "timezone": self.zones[name], "consent": {"offers": yes}}
        self._post("identify", name, traits=traits)
        self.said.setdefault(name, []).append((self.clock.now(), yes))

    def tick(self) -> None:
        """Do what is due now."""
        open_due(self.store, self.shop.versions, KEY, self.clock.now())
        self.shop.work()

    def pass_time(self, minutes: int, how: str) -> None:
        """Let time pass with the engine at work, or down."""
        end = self.clock.now() + timedelta(minutes=minutes)
        if how == "down":
            self.clock.move_to(end)
            self.shop.backlog = Backlog(end)
            return
        while self.clock.now() + timedelta(hours=4) < end:
            self.shop.run_until(self.clock.now() + timedelta(hours=4))
            self.tick()
        self.shop.run_until(end)
        self.tick()

    def act(self, minutes: int, name: str, what: str, how: str) -> None:
        """Let time pass, then do something."""
        self.pass_time(minutes, how)
        if name in self.erased and what not in {"edit", "pause", "resume", "cancel"}:
            return
        match what:
            case "vip" | "plain":
                self._post("identify", name, traits={"vip": what == "vip"})
            case "yes" | "no":
                self.say(name, yes=what == "yes")
            case "erase":
                with self.store.write() as connection:
                    query = select(contacts.c.id).where(contacts.c.external_id == name)
                    erase(connection, connection.execute(query).scalar_one(), self.clock.now())
                self.erased[name] = self.clock.now()
            case "edit":
                self._edits += 1
                self.shop.apply(self._contents[self._edits % len(self._contents)].files)
            case "pause":
                control.pause(self.store, self.clock, "one", "a test")
            case "resume":
                control.resume(self.store, self.clock, "one")
            case "cancel":
                control.cancel(self.store, self.clock, "two")
            case "twice":
                message = self._event(name, "Ping")
                self.shop.post(message, message)
                self.shop.post(message)
            case "late":
                self.shop.post(self._event(name, "Product Added", ago=timedelta(minutes=50)))
            case _:
                self.shop.post(self._event(name, what))
                if what == "Order Completed":
                    self.ordered.setdefault(name, []).append(self.clock.now())
        if how == "ticking":
            self.tick()

    def finish(self) -> None:
        """Resume everything and let all that was begun come to its end; schedules bring nobody new."""
        control.resume(self.store, self.clock, "one")
        self.tick()
        self.shop.run_until(self.clock.now() + timedelta(days=60))

    def _event(self, name: str, event: str, ago: timedelta = timedelta()) -> dict[str, Any]:
        self._number += 1
        product = {"product_id": "p", "price": 10, "quantity": 1, "cart_id": f"c{self._number % 2}", "total": 10}
        properties = product if event != "Order Completed" else {"order_id": f"o{self._number}", "total": 25}
        return {
            "type": "track", "userId": name, "event": event, "messageId": f"m{self._number}",
            "timestamp": (self.clock.now() - ago).isoformat(), "properties": properties,
        }  # fmt: skip

    def _post(self, kind: str, name: str, **more: Any) -> None:
        self._number += 1
        now = self.clock.now().isoformat()
        self.shop.post({"type": kind, "userId": name, "messageId": f"m{self._number}", "timestamp": now, **more})

    # ------------------------------------------------------------ the promises

    def check(self) -> None:
        """Assert every promise over the whole ledger."""
        with self.store.read() as connection:
            ledger = connection.execute(select(messages)).all()
            entries = {row.id: row for row in connection.execute(select(enrolments))}
            names = {row.id: row.identifier for row in connection.execute(select(contacts))}
            added = balance(connection)
        assert added.adds_up, added.as_json()
        assert added.open == 0, "everything comes to its end"
        assert {row.state for row in entries.values()} <= {"completed", "exited", "goal_met", "held_out", "refused"}
        sent = [row for row in ledger if row.state == "sent"]
        keys = Counter((row.campaign, row.step, row.contact_id, row.occurrence) for row in ledger)
        assert set(keys.values()) <= {1}, "one row for each step, contact and occurrence"
        assert len(self.shop.provider.accepted) == len(sent), "what left is what the ledger says"
        for row in sent:
            self._check_one(row, entries[row.enrolment_id], names[row.contact_id])
        for contact_id in names:
            self._check_caps([row.sending_at for row in sent if row.contact_id == contact_id])

    def _check_one(self, row: Any, entry: Any, identifier: str) -> None:
        name = identifier if identifier in NAMES else next(iter(self.erased))
        if entry.reason in ENDS_THAT_CANCEL and entry.ended_at is not None:
            assert row.sent_at <= entry.ended_at, "nothing leaves after exit, goal, cancel or the campaign's end"
        assert row.deadline_at is None or row.sent_at <= row.deadline_at, "deadlines are never passed"
        assert entry.state != "held_out", "the held-out get nothing"
        words = [yes for at, yes in self.said[name] if at <= row.sent_at]
        if len(self.erased) < 2 and identifier in NAMES:
            assert words[-1], "nothing leaves after a withdrawal"
        if identifier not in NAMES and len(self.erased) == 1:
            assert row.sent_at <= self.erased[name], "nothing leaves after an erasure"
        texts = [text for version in self.versions for text in version if f"campaign: {row.campaign}\n" in text]
        if identifier in NAMES and texts and all("exit_when: {event: Order Completed}" in text for text in texts):
            since = [at for at in self.ordered.get(name, []) if entry.opened_at < at < row.sent_at]
            assert not since, "nothing of an entry leaves after the order that ends it"
        ignores = any("quiet_hours: ignore" in text for text in texts)
        if self.rules.quiet is not None and not ignores and identifier in NAMES:
            window = LocalWindow(parse_time(self.rules.quiet[0]), parse_time(self.rules.quiet[1]))
            assert not window.contains(row.sent_at, ZoneInfo(self.zones[name])), "quiet hours are never broken"

    def _check_caps(self, times: list[datetime]) -> None:
        for most, per in self.rules.caps:
            for end in times:
                start = Duration.parse(per).before(end)
                inside = [at for at in times if start < at <= end]
                assert len(inside) <= most, f"never more than {most} in {per}"
