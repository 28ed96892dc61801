"""Lives the sample shop: history by import, then weeks in virtual time on the real engine, over real HTTP.

Events reach the engine through POST /v1/batch, opens and clicks through the pixels and redirects of the .eml files that
the engine wrote, unsubscribes through one-click; workers are Dramatiq's, in this process. Only time is made up.
"""

from __future__ import annotations

import base64
import heapq
import http.client
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from sqlalchemy import func, select

from lifecycle.audience.membership import refresh
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import LifecycleError
from lifecycle.demo.mailbox import Visit, react, read_mail
from lifecycle.demo.shoppers import SHOES, Message, Shopper, life, order, shoppers
from lifecycle.intake.messages import accept
from lifecycle.intake.restock import restock
from lifecycle.plan.apply import apply
from lifecycle.runtime import Runtime
from lifecycle.store.tables import contacts, enrolments, messages
from lifecycle.wiring import Engine

#: The shop's first day, the day the engine goes live, and the day the demo ends.
FIRST_DAY = datetime(2026, 7, 1, tzinfo=UTC)
LIVE_DAY = datetime(2026, 10, 1, tzinfo=UTC)
LAST_DAY = datetime(2026, 10, 22, tzinfo=UTC)
#: The clock moves to multiples of this, so that a day is not thousands of moments.
GRAIN = timedelta(minutes=10)
WRITE_KEY = "demo-write-key"
#: Messages in one request or one import transaction.
BATCH = 400


@dataclass(slots=True)
class Lived:
    """What the demo did, for its summary."""

    shoppers: int = 0
    history: int = 0
    events: int = 0
    mails: int = 0
    requests: int = 0
    moments: int = 0
    refused: list[str] = field(default_factory=list)


class Demo:
    """One run of the demo on an engine whose clock is manual and whose provider is the folder."""

    def __init__(self, engine: Engine, clock: ManualClock, *, people: int, seed: int) -> None:
        self.engine = engine
        self.clock = clock
        self.seed = seed
        self.lived = Lived()
        self._people = {one.email: one for one in shoppers(people, seed, FIRST_DAY, LIVE_DAY, LAST_DAY)}
        self._todo: list[tuple[datetime, int, Message | Visit]] = []
        self._numbers = count()
        self._read: set[str] = set()
        self._web: http.client.HTTPConnection | None = None

    def history(self, report: Callable[[int], object]) -> None:
        """Import what happened before the engine went live; it triggers nothing."""
        content = self.engine.files()
        past: list[Message] = []
        for shopper in self._people.values():
            for message in life(shopper, self.seed, LAST_DAY):
                at = datetime.fromisoformat(message["timestamp"])
                if at < LIVE_DAY:
                    past.append(message)
                else:
                    self._later(at, message)
        past.sort(key=lambda message: message["timestamp"])
        for start in range(0, len(past), BATCH):
            batch = past[start : start + BATCH]
            accepted = accept(self.engine.store, batch, clock=self.clock, content=content, live=False)
            self.lived.refused += [rejected.reason for rejected in accepted.rejected]
            report(len(batch))
        apply(self.engine.store, content, None, self.clock.now())
        with self.engine.store.write() as connection:
            refresh(connection, content, self.clock.now(), "import")
        restock(self.engine.store, content.project.brand.url, self.clock.now())
        self.lived.history, self.lived.shoppers = len(past), len(self._people)

    def live(self, runtime: Runtime, report: Callable[[int], object]) -> None:
        """Live the weeks from LIVE_DAY to LAST_DAY; `report` gets the minutes that passed."""
        if runtime.server is None or runtime.schedule is None:
            raise LifecycleError("the demo needs the web server and the scheduler")
        parts = urlsplit(runtime.server.url)
        self._web = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=60)
        while (moment := self._next_moment()) is not None and moment <= LAST_DAY:
            report(int((moment - self.clock.now()).total_seconds() // 60))
            self.clock.move_to(moment)
            self.lived.moments += 1
            self._happen()
            self._work(runtime)
            self._open_mailboxes()
        self._web.close()

    # ------------------------------------------------------------ time

    def _later(self, at: datetime, what: Message | Visit) -> None:
        heapq.heappush(self._todo, (at, next(self._numbers), what))

    def _next_moment(self) -> datetime | None:
        with self.engine.store.read() as connection:
            due = [
                connection.execute(select(func.min(column)).where(condition)).scalar()
                for column, condition in (
                    (enrolments.c.due_at, enrolments.c.due_at.is_not(None)),
                    (messages.c.due_at, messages.c.state.in_(["queued", "deferred"])),
                    (contacts.c.review_at, contacts.c.review_at.is_not(None)),
                )
            ]
        times = [at for at in (*due, self._todo[0][0] if self._todo else None) if at is not None]
        if not times:
            return None
        whole = (max(min(times), self.clock.now()) - FIRST_DAY) // GRAIN + 1
        return FIRST_DAY + whole * GRAIN

    def _work(self, runtime: Runtime) -> None:
        """Let the scheduler look and the workers work, until nothing is due at this moment."""
        for _ in range(50):
            before = self._done()
            if runtime.schedule is not None:
                runtime.schedule.tick()
            runtime.wait_idle()
            if self._done() == before:
                return
            self.clock.advance(timedelta(seconds=1))

    def _done(self) -> tuple[int, ...]:
        with self.engine.store.read() as connection:
            states = connection.execute(select(messages.c.state, func.count()).group_by(messages.c.state)).all()
            turns = connection.execute(select(func.max(enrolments.c.id))).scalar() or 0
        return (turns, *(number for _, number in sorted(states)))

    # ------------------------------------------------------------ what happens

    def _happen(self) -> None:
        batch: list[Message] = []
        while self._todo and self._todo[0][0] <= self.clock.now():
            _, _, what = heapq.heappop(self._todo)
            if isinstance(what, Visit):
                self._visit(what)
            else:
                batch.append(what)
        for start in range(0, len(batch), BATCH):
            self._post(batch[start : start + BATCH])

    def _post(self, batch: Iterable[Message]) -> None:
        body = json.dumps({"batch": list(batch)}).encode()
        credentials = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
        status, answer = self._request("POST", "/v1/batch", body, headers)
        if status != 200:
            self.lived.refused.append(f"POST /v1/batch: {status} {answer[:200]!r}")
        self.lived.events += len(json.loads(body)["batch"])

    def _visit(self, visit: Visit) -> None:
        body = visit.form.encode() if visit.method == "POST" else None
        headers = {"User-Agent": visit.user_agent}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        path = urlsplit(visit.url).path
        status, _ = self._request(visit.method, path, body, headers)
        if status not in {200, 302}:
            self.lived.refused.append(f"{visit.method} {path.split('/')[1]}: {status}")
        self.lived.requests += 1
        if visit.buys:
            self._buy(visit.shopper, visit.at)

    def _buy(self, shopper: Shopper, clicked: datetime) -> None:
        dice = Random(f"order:{self.seed}:{shopper.user_id}:{clicked.isoformat()}")  # noqa: S311 - made-up people
        shoe = dice.choice(SHOES[:4])
        line = {"product_id": shoe[0], "name": shoe[1], "category": shoe[2], "price": shoe[3], "quantity": 1}
        at = clicked + timedelta(minutes=dice.uniform(15, 50))
        for message in order(shopper, dice, at, f"R-{shopper.user_id}-{clicked:%d%H%M%S}", [line], LAST_DAY):
            self._later(datetime.fromisoformat(message["timestamp"]), message)

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._web is None:
            raise LifecycleError("the demo's web server is not up")
        self._web.request(method, path, body, headers)
        with self._web.getresponse() as response:
            return response.status, response.read()

    def _open_mailboxes(self) -> None:
        folder = self.engine.settings.mail_folder
        if not folder.is_dir():
            return
        for path in sorted(folder.rglob("*.eml")):
            if path.name in self._read:
                continue
            self._read.add(path.name)
            self.lived.mails += 1
            self._receive(path)

    def _receive(self, path: Path) -> None:
        mail = read_mail(path)
        shopper = self._people.get(mail.to)
        if shopper is None:
            self.lived.refused.append(f"a mail to {mail.to}, whom nobody knows")
            return
        for visit in react(mail, shopper, self.seed, self.clock.now()):
            self._later(visit.at, visit)
