"""Recorded histories under tests/replay: read, lived through again, and compared with what was decided then.

A folder holds `history.yaml` (what it shows, from when to when, where the engine stood still), `content/` (the project
it ran under), `events.ndjson` (Segment messages as they arrived: at `receivedAt`, or else at their timestamp) and what
was decided: `decisions.ndjson` as `lifecycle simulate` gives it, `enrolments.ndjson` and `mails.ndjson` as a real run
on a clock that is moved by hand left them in the database.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select

from ledger import PlainCompose
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import accept
from lifecycle.journey.broadcasts import open_due
from lifecycle.journey.timed import slots
from lifecycle.plan.simulate import as_row, simulate
from lifecycle.spec.model import Content
from lifecycle.spec.project import read_folder
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, enrolments, messages
from shop import KEY, Shop, content_of

FOLDER = Path(__file__).parent / "replay"
#: Intake of a rehearsal stands here, as that of `lifecycle simulate` does: no timestamp lies in its future.
_AFTER_ALL = ManualClock(datetime(9000, 1, 1, tzinfo=UTC))
#: What arrives at the instant of a timer arrives before it: the clock stops this long before each arrival.
_MOMENT = timedelta(milliseconds=1)

#: A recorded row, and rows by the file that holds them.
Row = dict[str, Any]
Records = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class History:
    """One recorded history."""

    folder: Path

    @property
    def name(self) -> str:
        """Return what it is about."""
        return self.folder.name

    @cached_property
    def about(self) -> dict[str, Any]:
        """Return what history.yaml says: shows, from, to, down, rehearsal_differs."""
        found: dict[str, Any] = yaml.safe_load((self.folder / "history.yaml").read_text(encoding="utf-8"))
        return found

    @cached_property
    def content(self) -> Content:
        """Return the content that it ran under."""
        return content_of(read_folder(self.folder / "content"))

    @cached_property
    def events(self) -> list[Row]:
        """Return its messages in the order of arrival."""
        return sorted(_read(self.folder / "events.ndjson"), key=_arrival)

    @property
    def start(self) -> datetime:
        """Return its first instant."""
        return datetime.fromisoformat(self.about["from"]).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """Return the instant at which it is over."""
        return datetime.fromisoformat(self.about["to"]).astimezone(UTC)

    def recorded(self) -> Records:
        """Return what was decided then; nothing where nothing was recorded yet."""
        return {path.stem: _read(path) if path.is_file() else [] for path in map(self._path, _FILES)}

    def record(self, found: Records) -> None:
        """Write what is decided now over what was decided then."""
        for name, rows in found.items():
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            self._path(name).write_text("".join(lines), encoding="utf-8")

    def replay(self, rehearsal: Store, real: Store) -> Records:
        """Live through it in virtual time and for real, each in a database of its own that is empty."""
        decisions = self._rehearse(rehearsal)
        self._live(real)
        return {"decisions": decisions, "enrolments": _enrolments(real), "mails": _mails(real)}

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.ndjson"

    def _rehearse(self, store: Store) -> list[Row]:
        payloads = [{key: value for key, value in event.items() if key != "receivedAt"} for event in self.events]
        done = accept(store, payloads, clock=_AFTER_ALL, content=self.content, live=False)
        assert not done.rejected, done.rejected
        found = simulate(store, self.content, self.start, self.end, replay=True)
        return [_plain(as_row(row)) for row in found.rows]

    def _live(self, store: Store) -> None:
        clock = ManualClock(self.start - timedelta(minutes=1))
        shop = Shop(store, clock, self.content.files, PlainCompose())
        shop.work()
        for at, payloads in self._stops():
            if not self._is_down(clock.now()):
                shop.run_until(at - _MOMENT)
            clock.move_to(at)
            shop.post(*payloads)
            if not self._is_down(at):
                shop.work()
                if open_due(store, shop.versions, KEY, at):
                    shop.work()
        shop.run_until(self.end - _MOMENT)

    def _stops(self) -> Iterator[tuple[datetime, list[Row]]]:
        """Yield the instants at which something arrives, time brings something, or the engine stops or goes on."""
        arrivals = {at: list(events) for at, events in groupby(self.events, key=_arrival)}
        zones = {event["traits"]["timezone"] for event in self.events if "timezone" in event.get("traits", {})}
        zones.add(self.content.project.timezone)
        campaigns = self.content.campaigns.values()
        found = (slot for each in campaigns for slot in slots(each, self.content, self.start, self.end - _MOMENT))
        timed = {slot.at for slot in found if slot.zones is None or slot.zones & zones}
        for at in sorted({*arrivals, *timed, *(at for pair in self._downs for at in pair)}):
            yield at, arrivals.get(at, [])

    @cached_property
    def _downs(self) -> list[tuple[datetime, datetime]]:
        spans = [(span["from"], span["to"]) for span in self.about.get("down", ())]
        return [(_instant(begins), _instant(ends)) for begins, ends in spans]

    def _is_down(self, at: datetime) -> bool:
        return any(begins <= at < ends for begins, ends in self._downs)


_FILES = ("decisions", "enrolments", "mails")


def histories() -> list[History]:
    """Return every recorded history, by name."""
    return [History(path.parent) for path in sorted(FOLDER.glob("*/history.yaml"))]


def differences(then: Records, now: Records) -> list[str]:
    """Return, in words, who was decided otherwise: a line for the contact, campaign and step, then each row."""
    found = []
    for file, rows in now.items():
        before, after = (Counter(json.dumps(row, ensure_ascii=False) for row in side) for side in (then[file], rows))
        gone = [json.loads(line) for line in (before - after).elements()]
        new = [json.loads(line) for line in (after - before).elements()]
        for about in sorted({_about(row) for row in [*gone, *new]}):
            found.append(f"{' · '.join(about)} ({file})")
            was, is_now = ([row for row in side if _about(row) == about] for side in (gone, new))
            # one row against one: only what is otherwise is worth reading
            alike = len(was) == len(is_now) == 1
            same = {key for key in was[0] if was[0][key] == is_now[0].get(key)} if alike else set()
            for word, side in (("then", was), ("now", is_now)):
                found += [f"  {word:<4}  {text}" for text in [_told(row, same) for row in side] or ["nothing"]]
    if not found:  # the same rows: only their order is another
        found = [f"the rows of {file} come in another order" for file, rows in now.items() if list(then[file]) != rows]
    return found


def _about(row: Row) -> tuple[str, ...]:
    return (row["contact"], row["campaign"], *([row["step"]] if "step" in row else []))


def _told(row: Row, same: AbstractSet[str]) -> str:
    known = {"contact", "campaign", "step", *same}
    return ", ".join(f"{key} {value or 'none'}" for key, value in row.items() if key not in known)


def _enrolments(store: Store) -> list[Row]:
    named = _name(), enrolments
    query = select(*named).join(contacts, contacts.c.id == enrolments.c.contact_id)
    columns = ("entry_key", "occurrence", "state", "reason", "arm", "opened_at", "activated_at", "ended_at",
               "goal_at", "goal_value", "variants")  # fmt: skip
    return _rows(store, query, ("contact", "campaign", *columns), ("opened_at", "campaign", "contact", "occurrence"))


def _mails(store: Store) -> list[Row]:
    query = select(_name(), messages).join(contacts, contacts.c.id == messages.c.contact_id)
    columns = ("occurrence", "state", "reason", "variant", "reached_at", "deadline_at", "sent_at")
    return _rows(store, query, ("contact", "campaign", "step", *columns), ("reached_at", "campaign", "contact", "step"))


def _name() -> Any:
    return func.coalesce(contacts.c.external_id, contacts.c.email, contacts.c.identifier).label("contact")


def _rows(store: Store, query: Any, columns: Sequence[str], order: Sequence[str]) -> list[Row]:
    with store.read() as connection:
        found = [_plain({name: getattr(row, name) for name in columns}) for row in connection.execute(query)]
    return sorted(found, key=lambda row: (*(str(row[name]) for name in order), json.dumps(row)))


def _plain(row: Row) -> Row:
    return {key: value if isinstance(value, dict | None) else _text(value) for key, value in row.items()}


def _text(value: Any) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _arrival(event: Row) -> datetime:
    return _instant(event.get("receivedAt") or event["timestamp"])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
