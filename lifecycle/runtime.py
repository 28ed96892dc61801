"""The engine at work: web, scheduler and workers, in one process or each in its own; started, stopped, never lost.

Stopping finishes what has begun and hands the rest back; killing loses nothing either, it only takes a lease's time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lifecycle.audience.touched import is_left_alone, refresh_touched
from lifecycle.base.errors import LifecycleError, UsageError
from lifecycle.deliver.actors import HINT_AGAIN_S, Hints, Lanes, declare_actors, drain, start_workers
from lifecycle.deliver.bounce_box import read_box, sent_by
from lifecycle.deliver.brakes import LOOKS_BACK, brake
from lifecycle.deliver.brokers import make_broker
from lifecycle.deliver.scheduler import Scheduler
from lifecycle.deliver.send import deliver_batch
from lifecycle.intake.restock import restock
from lifecycle.journey.advance import Stuck, advance
from lifecycle.journey.backlog import Backlog
from lifecycle.journey.broadcasts import Budget, open_due
from lifecycle.store.statistics import look_at_new_tables

if TYPE_CHECKING:
    import dramatiq

    from lifecycle.web.serve import Server
    from lifecycle.wiring import Engine

log = logging.getLogger("lifecycle")

#: Seconds between two looks for new orders to count, for what mails recommend.
RESTOCK_S = 3600.0
#: Seconds between two looks for tables that the database knows nothing of.
STATISTICS_S = 2.0
#: Seconds between two looks for what imports that died have left undone.
TOUCHED_S = 30.0
#: Seconds between two looks into the bounce box.
BOUNCES_S = 10.0
#: Seconds between two looks at how many of the campaigns' mails bounce.
BRAKES_S = 30.0
#: Seconds in which the mails under way may end when it is told to stop; then their connections are cut, and what has
#: become of them is written, or they are left to the reconciler. Together less than the minute that operators give it.
STOP_S, CUT_S = 20.0, 30.0
#: Contacts that a broadcast takes in between two ticks of the scheduler, so that receipts do not wait for it.
BROADCAST_CONTACTS = 1000


class Runtime:
    """The parts that were asked for. A context manager: starts them on the way in, stops them on the way out."""

    def __init__(self, engine: Engine, *, web: bool = True, scheduler: bool = True, workers: bool = True) -> None:
        if engine.settings.broker_url is None and not (scheduler and workers) and (scheduler or workers):
            raise UsageError(
                "scheduler and worker apart need a broker between them",
                hint="set LIFECYCLE_BROKER_URL=redis://…, or use `lifecycle run`",
            )
        self.engine = engine
        self.parts = engine.parts() if scheduler or workers else None
        self.server: Server | None = None
        self._stuck = Stuck()
        self._backlog = Backlog(engine.clock.now())
        self._budget = Budget(BROADCAST_CONTACTS)
        self._web = web
        self._scheduler = scheduler
        self._workers = workers
        self._broker: dramatiq.Broker | None = None
        self._pool: dramatiq.Worker | None = None
        self._thread: threading.Thread | None = None
        self._beside: dict[str, threading.Thread] = {}
        self._begun: dict[str, float] = {}
        self._braked_to: datetime | None = None
        self._trouble: dict[str, str] = {}
        self.schedule: Scheduler | None = None

    def advance_all(self) -> None:
        """Give every contact its turn that has something new or due."""
        engine = self.engine
        while not self._stopping():
            key, now = engine.settings.secret(), engine.clock.now()
            done = advance(engine.store, engine.versions, key, now, stuck=self._stuck, backlog=self._backlog)
            if not done.contacts:
                return

    def open_due(self) -> bool:
        """Enrol whoever is due by time: schedules, broadcasts, anniversaries; say whether more are."""
        engine = self.engine
        open_due(engine.store, engine.versions, engine.settings.secret(), engine.clock.now(), self._budget)
        return self._budget.is_spent

    def keep_shelf(self) -> None:
        """Count the orders anew, once an hour, and beside the scheduler: with many orders it takes seconds."""
        failing = "the orders were not counted, so recommendations stay as they are"
        self._beside_every(RESTOCK_S, "stocktaking", self._restock, failing)

    def read_bounces(self) -> None:
        """Look into the bounce box, every ten seconds, and beside the scheduler: it may be full."""
        if self.engine.settings.bounces is not None:
            self._beside_every(BOUNCES_S, "postman", self._read_bounces, "the bounce box waits")

    def keep_statistics(self) -> None:
        """Let PostgreSQL look at tables that have just filled, every two seconds, and beside the scheduler."""
        if not self.engine.store.is_sqlite:
            work = partial(look_at_new_tables, self.engine.store)
            self._beside_every(STATISTICS_S, "statistics", work, "the tables were not looked at")

    def refresh_touched(self) -> None:
        """Make up for imports that died before their refresh; beside the scheduler, since that may take a while."""
        failing = "segments and stages are not yet up to an import that died"
        self._beside_every(TOUCHED_S, "touched", self._refresh_touched, failing)

    def _refresh_touched(self) -> None:
        engine = self.engine
        now = engine.clock.now()
        with engine.store.read() as connection:
            if not is_left_alone(connection, now):
                return
        content = engine.applied()
        with engine.store.write() as connection:
            refresh_touched(connection, content, now)
        log.info("an import had ended before segments and stages were brought up to it: now they are")

    def press_brakes(self) -> None:
        """Hold campaigns that bounce too often, twice a minute, and beside the scheduler: counting takes a moment."""
        self._beside_every(BRAKES_S, "brakes", self._press_brakes, "the brakes were not looked at")

    def _press_brakes(self) -> None:
        engine = self.engine
        now = engine.clock.now()
        since = self._braked_to or now - LOOKS_BACK
        # what is told is committed a moment after it was taken
        brake(engine.store, engine.clock, since - timedelta(minutes=5))
        self._braked_to = now

    def _beside_every(self, seconds: float, name: str, work: Callable[[], object], failing: str) -> None:
        """Do the work unless it was begun less than that long ago; in a thread, unless time is virtual.

        Work that fails is done again when its time has come; `failing` says what that leaves undone, once.
        """
        monotonic = self.engine.clock.monotonic()
        if name in self._begun and monotonic - self._begun[name] < seconds:
            return
        self._begun[name] = monotonic
        if self._thread is None:  # virtual time waits for all that a tick does
            self._try(name, work, failing)
        elif name not in self._beside or not self._beside[name].is_alive():
            self._beside[name] = threading.Thread(
                target=self._try, args=(name, work, failing), name=name, daemon=True
            )  # fmt: skip
            self._beside[name].start()

    def _try(self, name: str, work: Callable[[], object], failing: str) -> None:
        trouble = ""
        try:
            work()
        except LifecycleError as error:
            trouble = error.message
            if trouble != self._trouble.get(name):
                log.warning("%s: %s", failing, trouble)
        self._trouble[name] = trouble

    def _read_bounces(self) -> None:
        engine = self.engine
        box = engine.settings.bounces
        if box is None:
            return
        found = read_box(
            box, engine.tokens, engine.take_feedback, engine.clock.now(),
            sent_of=sent_by(engine.store), stopping=self._stopping,
        )  # fmt: skip
        if found.mails:
            log.info("bounce box: %s; %d new", found, found.taken)

    def _restock(self) -> None:
        engine = self.engine
        restock(engine.store, engine.applied().project.brand.url, engine.clock.now())

    def deliver_all(self) -> None:
        """Deliver until nothing more is due; a limit that soon lets more through is waited for, for a moment."""
        if self.parts is None:
            return
        waited_s = 0.0
        while not self._stopping():
            done = deliver_batch(self.parts)
            if not done.idle:
                waited_s = 0.0
            elif 0 < done.wait_s <= HINT_AGAIN_S - waited_s:
                waited_s += done.wait_s
                self.parts.stop.wait(done.wait_s)
            else:
                return

    def start(self, *, ticking: bool = True) -> Self:
        """Start everything. Without `ticking` the scheduler only ticks when it is told to (virtual time)."""
        if self.parts is not None:
            self.engine.applied()
            self._broker = make_broker(self.engine.settings.broker_url)
            lanes = Lanes()
            declare_actors(self._broker, deliver=self.deliver_all, advance=self.advance_all, lanes=lanes)
            if self._workers:
                # each look at Redis costs a millisecond; virtual time waits for the workers at every moment
                poll_ms = 300 if ticking else 2
                self._pool = start_workers(self._broker, self.engine.settings.workers + 1, poll_ms=poll_ms)
            if self._scheduler:
                self.schedule = Scheduler(
                    self.parts,
                    Hints(self._broker, self.engine.clock, lanes),
                    deliver_lanes=self.engine.settings.workers,
                    chores=[
                        self.open_due,
                        self.keep_shelf,
                        self.read_bounces,
                        self.press_brakes,
                        self.keep_statistics,
                        self.refresh_touched,
                    ],
                )
                if ticking:
                    self._thread = threading.Thread(target=self.schedule.run, name="scheduler", daemon=True)
                    self._thread.start()
        if self._web:
            from lifecycle.web.app import create_app
            from lifecycle.web.serve import Server

            settings = self.engine.settings
            app = create_app(self.engine.web_parts())
            self.server = Server(app, settings.host, settings.port, access_log=True, proxies=settings.proxies)
            self.server.start()
        return self

    def stop(self) -> None:
        """Stop: no new work, finish what has begun, hand back what is claimed. Waits for no server for ever."""
        if self.parts is not None:
            self.parts.stop.set()
        late = threading.Timer(STOP_S, self._hang_up)
        late.daemon = True
        if self._pool is not None:
            late.start()
        if self.server is not None:
            self.server.stop()
        for thread in (self._thread, *self._beside.values()):
            if thread is not None:
                thread.join(30)
        if self._pool is not None:
            self._pool.stop(timeout=round((STOP_S + CUT_S) * 1000))
        late.cancel()
        if self._broker is not None:
            self._broker.close()
        if self.parts is not None:
            self.parts.channels.close()

    def _hang_up(self) -> None:
        log.warning("a mail server has not answered for %g s: its connections are cut", STOP_S)
        if self.parts is not None:
            self.parts.channels.hang_up()

    def wait_idle(self) -> None:
        """Wait until every hint that was given has been worked off. In-process broker only."""
        if self._broker is not None and self._pool is not None:
            drain(self._broker, self._pool)

    def _stopping(self) -> bool:
        return self.parts is not None and self.parts.stop.is_set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
