"""One seed is one world: workers, schedulers, a database, a mail server, and all that goes wrong between them.

What runs is the engine's own code (`deliver_batch`, `Scheduler.tick`, `reconcile`, `control`), over a database in
memory; the clock, the mail server, the moment at which each thread goes on, and each fault, are the world's, drawn from
the seed. After the storm everything works, the rest is delivered, and the invariant must hold.
"""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from simulated_limits import Limits
from simulated_process import Beat, Lane, Process
from simulated_server import Compose, Log, Provider
from simulated_store import fresh
from simulated_weather import Facts, Weather, strike
from sqlalchemy import Connection, select

from invariant import OPEN, Row, broken, ledger
from ledger import START, add_contacts, add_rows, cap, make_content, make_parts
from lifecycle.base.clock import ManualClock
from lifecycle.deliver import reconcile, scheduler, send
from lifecycle.deliver.outbox import LEASE_S
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.picking import HELD
from lifecycle.deliver.reconcile import Reconciled, _chunk
from lifecycle.deliver.release import Ready
from lifecycle.deliver.send import RELEASE_HOLDS_S
from lifecycle.deliver.settle import resolve
from lifecycle.providers.base import Outgoing
from lifecycle.store.tables import messages

#: Rounds in which everything works; whatever is open after them is open for ever.
ROUNDS = 300
#: How many seconds one such round takes at least in a world of limits, which let one mail through in some minutes.
LIMITED_S = 60.0
#: Moves in one such round, at most.
MOVES = 20_000


@dataclass(frozen=True, slots=True)
class _Released:
    second: float
    objection: str


class World:
    """Everything that happens under one seed. `live` it once; `wrong` says what must not have been."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.draw = random.Random(seed)  # noqa: S311 - a world, not a secret
        self.clock = ManualClock(START)
        self.store = fresh()
        self.wrong: list[str] = []
        self.trace: list[tuple[float, str, str]] = []
        self.weather = Weather.of(self.draw)
        self.struck = Counter[str]()
        self.away_until = 0.0
        self.facts = Facts(self)
        #: what the server has; how often each row was in doubt; which rows it refused for good
        self.log, self.ambiguous, self.refused = Log(), Counter[int](), set[int]()
        self.released: dict[int, _Released] = {}
        #: providers that may have a row's mail, with the attempt's fence; until when each is out as a whole
        self.doubted: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
        self.denied: set[tuple[int, str, int]] = set()
        self.out: dict[str, float] = {}
        #: rows that kill whoever composes them, and how often they did
        self.poison, self.killed = set[int](), Counter[int]()
        self.processes: list[Process] = []
        self.ticking: dict[str, scheduler.Scheduler] = {}
        self.parts: dict[str, Parts] = {}
        self._named = 0
        self._hints = 0
        self._ticked = -10.0
        self._rows = self._fill()

    # ------------------------------------------------------------ what the parts of the world ask

    @property
    def second(self) -> float:
        """Return the seconds since the beginning."""
        return self.clock.monotonic()

    def note(self, who: str, what: str) -> None:
        """Remember what happened, for whoever reads a failing seed."""
        self.trace.append((self.second, who, what))

    def at(self, lane: Lane, point: str) -> None:
        """See a lane reach a point."""
        self.note(lane.name, point)

    def strikes(self, fault: str) -> bool:
        """Say whether the fault happens now."""
        chance = self.weather.chances.get(fault, 0.0)
        hit = chance > 0 and self.draw.random() < chance
        self.struck[fault] += hit
        return hit

    def skew(self) -> timedelta:
        """Say how wrong a machine's wall clock is."""
        return timedelta(seconds=self.draw.uniform(-40, 40) if self.strikes("skew") else 0)

    def fate(self) -> str:
        """Say what becomes of the next mail; "" is that all goes well."""
        return self.draw.choice(self.weather.fates) if self.weather.fates and self.strikes("mail") else ""

    def release(self, one: Ready) -> None:
        """See a row being released: what was acknowledged before speaks against its mail."""
        self.released[one.row.id] = _Released(self.second, self.facts.objection(one.row))

    def content_leaves(self, mail: Outgoing, provider: str) -> None:
        """See the content of a mail begin."""
        found = self.released.get(mail.row)
        strange = {having for having, _ in self.doubted[mail.row]} - {provider}
        if strange:
            self.wrong.append(f"strayed: row {mail.row} begins at {provider}, and {min(strange)} may have it")
        self.limits.begins(provider, mail.row)
        if found is None:
            self.wrong.append(f"unreleased: row {mail.row} is sent without a release")
        elif self.second - found.second > RELEASE_HOLDS_S:
            self.wrong.append(f"stale: row {mail.row} begins {self.second - found.second:.0f} s after its release")

    def doubt(self, row: int, provider: str, fence: int) -> None:
        """See that a provider may have a mail of that attempt, and nobody knows."""
        self.ambiguous[row] += 1
        if (row, provider, fence) not in self.denied:
            self.doubted[row].add((provider, fence))

    def certain(self, row: int, provider: str, fence: int) -> None:
        """See that a provider has not taken a mail of that attempt, however late that is known."""
        self.denied.add((row, provider, fence))
        self.doubted[row].discard((provider, fence))

    def accept(self, mail: Outgoing, provider: str) -> None:
        """See a server take a mail."""
        self.log.keep(mail)
        self.note(provider, f"has row {mail.row}")
        found = self.released.get(mail.row)
        if found is not None and found.objection:
            self.wrong.append(f"objection: row {mail.row} arrived, and {found.objection} before its release")

    def arrived(self, row: Row) -> int:
        """Return how often the server took the row's mail."""
        return self.log.counts[f"{row.message_id}@rihla.example"]

    # ------------------------------------------------------------ life

    def live(self) -> World:
        """Live through the storm, then in peace until nothing is open, then let a person decide what is in doubt."""
        with self._ours():
            for _ in range(self.draw.randint(100, 500)):
                if self.wrong:
                    break
                fault = next((name for name in self.weather.outside if self.strikes(name)), None)
                if fault is not None:
                    strike(self, fault)
                elif not self._work() and not self._open():
                    break
            if not self.wrong:
                self._peace()
            if not self.wrong:
                self._judge()
            if not self.wrong:
                self._person()
            for process in self.processes:
                process.bury()
        return self

    def story(self) -> str:
        """Return what went wrong, and everything that happened in order."""
        lines = [f"{second:10.2f} s  {who:12} {what}" for second, who, what in self.trace]
        head = [f"seed {self.seed}: {len(self.wrong)} violations", *self.wrong]
        again = f"again: LIFECYCLE_SEED={self.seed} pytest tests/unit/deliver/test_simulated.py"
        return "\n".join([*head, again, "", *lines, "", *map(str, ledger(self.store)), "", *head, again])

    def _fill(self) -> int:
        draw = self.draw
        people = add_contacts(self.store, draw.randint(2, 14))
        self.people = len(people)
        late: dict[str, Any] = {"deadline_at": START + timedelta(hours=6)} if draw.random() < 0.2 else {}
        later = draw.randrange(len(people))
        add_rows(self.store, people[: later + 1], **late)
        if people[later + 1 :]:
            due_at = START + timedelta(seconds=draw.uniform(0, 300))
            add_rows(self.store, people[later + 1 :], due_at=due_at, **late)
        if draw.random() < 0.6:
            add_rows(self.store, people[::2], campaign="receipt")
        if draw.random() < 0.4:
            add_rows(self.store, people[1::2], campaign="loud", priority=90, due_at=START + timedelta(minutes=5))
        self.capped = draw.random() < 0.25
        self.late = bool(late)
        #: in which order mails go by two servers, or by one
        self.providers = draw.choice([("smtp",), ("smtp", "spare"), ("spare", "smtp")])
        if len(self.providers) > 1 and draw.random() < 0.5:
            self.out[self.providers[0]] = draw.uniform(5, 600)
        self.limits = Limits.of(self)
        self.content = make_content(
            caps=[cap(1, "365d")] if self.capped else (), limits=self.limits.written(), providers=self.providers
        )
        rows = ledger(self.store)
        self.campaign_of = {row.id: row.campaign for row in rows}
        if draw.random() < 0.25:
            self.poison = {draw.choice(rows).id}
        #: how many seconds a step takes
        self.pace = draw.choice([0.05, 0.3, 3.0])
        self.limit = draw.choice([4, 8, 500])
        self.rate = draw.choice([None, None, 3.0])
        for _ in range(draw.choice([1, 2, 2, 3])):
            self.worker()
        for _ in range(draw.choice([1, 1, 2])):
            self._process("scheduler")
        return len(rows)

    def _process(self, kind: str) -> Process:
        self._named += 1
        made = Process(self, f"{kind}{self._named}")
        parts = make_parts(
            made.handle, made.clock, *(Provider(made, name) for name in sorted(self.providers)),
            content=self.content, rate_per_s=self.rate, worker=made.name,
        )  # fmt: skip
        self.parts[made.name] = replace(parts, compose=Compose(made))
        if kind == "scheduler":
            self.ticking[made.name] = scheduler.Scheduler(self.parts[made.name], self, deliver_lanes=2)
        self.processes.append(made)
        return made

    def worker(self) -> Process:
        """Start a worker."""
        return self._process("worker")

    def send(self, kind: str, lane: int) -> bool:
        """Take a hint, as the broker does: it may be lost, or come five times."""
        del kind, lane
        self._hints += 0 if self.strikes("hint_lost") else 5 if self.strikes("hint_again") else 1
        return True

    def pass_time(self, seconds: float) -> None:
        """Let time pass for every process that is not stopped: hearts beat."""
        while seconds > 0:
            step = min(seconds, LEASE_S / 4)
            self.clock.advance(timedelta(seconds=step))
            seconds -= step
            for process in self.processes:
                if not process.dead and process.stopped <= self.second:
                    for beat in list(process.beats.values()):
                        beat.beat()

    def _work(self, *, ticks: bool = True) -> bool:
        """Let somebody who can move do so, or else let time pass; say whether anybody could."""
        self._reap()
        workers = [one for one in self._awake() if one.name not in self.ticking and len(one.lanes) < 2]
        if self._hints and workers:
            self._hints -= 1
            process = self.draw.choice(workers)
            parts = self.parts[process.name]
            process.start(lambda: send.deliver_batch(parts, self.limit))
        movable = self._movable()
        if ticks and self.second - self._ticked > (3.0 if not movable else 10.0):
            self._tick()
            movable = self._movable()
        if movable:
            lane = self.draw.choice(movable)
            lane.resume()
            if lane.over:
                lane.process.lanes.remove(lane)
        self.pass_time(self.pace if movable else 5.0)
        return bool(movable)

    def _open(self) -> bool:
        return any(row.state in OPEN for row in ledger(self.store))

    def _movable(self) -> list[Lane]:
        return [lane for one in self._awake() for lane in one.lanes if lane.until <= self.second]

    def _tick(self) -> None:
        self._ticked = self.second
        for process in self._awake():
            if process.name in self.ticking and not process.lanes:
                process.start(self.ticking[process.name].tick)

    def _awake(self) -> list[Process]:
        return [one for one in self.processes if not one.dead and one.stopped <= self.second]

    def _reap(self) -> None:
        """Bury the dead, and start others in their place."""
        for process in [one for one in self.processes if one.dead]:
            process.bury()
            self.processes.remove(process)
            self._process("scheduler" if process.name in self.ticking else "worker")
        for process in self._awake():
            if self.parts[process.name].stop.is_set() and not process.lanes:
                process.dead = True

    def _peace(self) -> None:
        self.note("world", "peace")
        self.weather = Weather.calm()
        self.facts.settle()
        self.away_until = 0.0
        self.out.clear()
        for _ in range(ROUNDS):
            self._until_quiet()
            if self.wrong:
                return
            stopped = any(one.lanes for one in self.processes)
            if not stopped and not self._open():
                return
            soonest = LIMITED_S if self.limits else 5.0
            self.pass_time(5.0 if stopped else max(soonest, self._next() - self.second))

    def _until_quiet(self) -> None:
        """Tick once, then let everything that was begun come to its end, but in processes that are stopped."""
        self._reap()
        self._tick()
        moves = 0
        while any(one.lanes for one in self._awake()) or (self._hints and len(self._awake()) == len(self.processes)):
            self._work(ticks=False)
            moves += 1
            if moves > MOVES:
                self.wrong.append(f"rest: after {moves} moves without a fault something still goes on")
                return

    def _next(self) -> float:
        with self.store.read() as connection:
            due = select(messages.c.due_at).where(messages.c.state.in_(OPEN)).order_by(messages.c.due_at)
            held = select(messages.c.lease_until_at).where(HELD).order_by(messages.c.lease_until_at)
            instants: list[datetime | None] = [connection.execute(query.limit(1)).scalar() for query in (due, held)]
        return min((instant - START).total_seconds() + 0.1 for instant in instants if instant is not None)

    def _judge(self) -> None:
        rows = ledger(self.store)
        self.wrong += broken(rows, self.log.mails, expected=self._rows, ambiguous=self.ambiguous)
        self.wrong += self.facts.unexplained(rows)

    def _person(self) -> None:
        """Decide each `unknown` by what the server has, and deliver what that lets go: nothing is in doubt any more."""
        unknown = [row for row in ledger(self.store) if row.state == "unknown"]
        for row in unknown:
            sent = self.arrived(row) > 0
            self.note("person", f"says that row {row.id} was {'' if sent else 'not '}sent")
            resolve(self.store, self.clock, row.id, sent=sent)
            self.ambiguous[row.id] = max(self.ambiguous[row.id], 1)
            self.doubted.pop(row.id, None)
        if unknown:
            self._peace()
            self._judge()
            left = [row.id for row in ledger(self.store) if row.state == "unknown"]
            self.wrong += [f"unknown: row {row} is still in doubt after a person's word" for row in left]

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """Let hearts beat on the world's time, chunks be small, and logs be silent."""
        said = logging.getLogger("lifecycle.deliver")
        level = said.level
        said.setLevel(logging.CRITICAL + 1)
        small: dict[str, Any] = {"Heartbeat": Beat, "MOST_SENDING": 3, "FINISH_AGAIN_S": 0.0}
        with mock.patch.multiple(send, **small), mock.patch.object(reconcile, "_chunk", self._doubt):
            yield
        said.setLevel(level)

    def _doubt(self, connection: Connection, now: datetime) -> tuple[int, Reconciled]:
        """Reconcile, and count the rows about which a lost worker leaves doubt."""
        lost = select(messages.c.id, messages.c.provider, messages.c.fence).where(
            messages.c.state == "sending", messages.c.lease_until_at < now
        )
        for row in connection.execute(lost):
            self.doubt(row.id, row.provider, row.fence)
        return _chunk(connection, now)


def live(seed: int) -> World:
    """Return the world of the seed, lived."""
    return World(seed).live()
