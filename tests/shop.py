"""The sample shop on a real store, a clock that stands still and a memory provider: what end-to-end tests live in."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from lifecycle.base.clock import ManualClock
from lifecycle.base.tokens import Tokens
from lifecycle.deliver.channel import Channel, Channels
from lifecycle.deliver.compose import Composer
from lifecycle.deliver.parts import Compose, Parts
from lifecycle.deliver.send import deliver_batch
from lifecycle.intake.messages import accept
from lifecycle.journey.advance import advance
from lifecycle.journey.backlog import Backlog
from lifecycle.journey.versions import Versions
from lifecycle.plan.apply import apply
from lifecycle.plan.explain import Story, explain
from lifecycle.providers.memory import MemoryProvider
from lifecycle.spec.model import Content
from lifecycle.spec.project import load, read_folder
from lifecycle.store.contacts import find_contact
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, enrolments, inbox, messages

ROOT = Path(__file__).resolve().parent.parent
KEY = b"a key of tests, long enough"


@cache
def sample_files() -> dict[str, str]:
    """Return the sample project's files by path."""
    return read_folder(ROOT)


def content_of(files: Mapping[str, str]) -> Content:
    """Return the content; fails with the diagnostics when there is an error in it."""
    loaded = load(files)
    assert loaded.content is not None, loaded.diagnostics
    assert not [found for found in loaded.diagnostics if found.is_error], loaded.diagnostics
    return loaded.content


class Shop:
    """Puts the content into force and lets time pass."""

    def __init__(
        self, store: Store, clock: ManualClock, files: Mapping[str, str] | None = None, compose: Compose | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.content = content_of(files if files is not None else sample_files())
        self.versions = Versions(store)
        self.provider = MemoryProvider()
        self.tokens = Tokens(KEY)
        self.parts = Parts(
            store=store,
            clock=clock,
            content=lambda: self.content,
            compose=compose or Composer(self.tokens, "http://shop.test"),
            channels=Channels([Channel(self.provider, clock)]),
        )
        #: since when the engine is back, for tests in which it was away
        self.backlog: Backlog | None = None
        apply(store, self.content, None, clock.now())
        self._sent = 0

    def apply(self, files: Mapping[str, str]) -> None:
        """Put other content into force."""
        content = content_of(files)
        apply(self.store, content, self.content, self.clock.now())
        self.content = content

    def contact(self, name: str, **traits: Any) -> None:
        """Sign a contact up, with consent to everything unless `consent` says otherwise."""
        granted = {topic.topic: True for topic in self.content.project.topics}
        known = {"email": f"{name}@example.com", "consent": granted, **traits}
        self.post(
            {"type": "identify", "messageId": f"{name}-identify-{self.clock.now()}", "userId": name, "traits": known}
        )

    def track(self, who: str, event: str, at: datetime | None = None, /, **properties: Any) -> None:
        """Record an event of the contact, now or at `at`."""
        when = at or self.clock.now()
        self.post(
            {
                "type": "track", "messageId": f"{who}-{event}-{when.isoformat()}", "userId": who, "event": event,
                "timestamp": when.isoformat(), "properties": properties,
            }
        )  # fmt: skip

    def post(self, *payloads: Mapping[str, Any], live: bool = True) -> None:
        """Take in messages as the API does."""
        done = accept(self.store, payloads, clock=self.clock, content=self.content, live=live)
        assert not done.rejected, done.rejected

    def work(self) -> None:
        """Advance and deliver until nothing is due now."""
        for _ in range(100):
            moved = advance(self.store, self.versions, KEY, self.clock.now(), backlog=self.backlog).contacts
            moved += deliver_batch(self.parts).claimed
            if not moved:
                return
        raise AssertionError("the engine does not come to rest")

    def work_mails(self) -> None:
        """Deliver until nothing is due, whatever the journey has still to do."""
        while deliver_batch(self.parts).claimed:
            pass

    def run_until(self, end: datetime) -> None:
        """Let time pass from one due moment to the next, working at each."""
        self.work()
        while (due := self._next_due()) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now() + timedelta(microseconds=1)))
            self.work()
        self.clock.move_to(end)
        self.work()

    def sent(self) -> list[tuple[datetime, str, str]]:
        """Return what the ledger says was sent: (instant, contact, step), in order."""
        query = (
            select(messages.c.sent_at, contacts.c.external_id, messages.c.step)
            .join(contacts, contacts.c.id == messages.c.contact_id)
            .where(messages.c.state == "sent")
            .order_by(messages.c.sent_at, messages.c.id)
        )
        with self.store.read() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def ledger(self, **where: Any) -> list[Any]:
        """Return ledger rows, oldest first."""
        query = select(messages).order_by(messages.c.id)
        for name, value in where.items():
            query = query.where(messages.c[name] == value)
        with self.store.read() as connection:
            return list(connection.execute(query))

    def entries(self, campaign: str) -> list[Any]:
        """Return the campaign's enrolments, oldest first."""
        query = select(enrolments).where(enrolments.c.campaign == campaign).order_by(enrolments.c.id)
        with self.store.read() as connection:
            return list(connection.execute(query))

    def explain(self, name: str, campaign: str | None = None) -> Story:
        """Return the contact's story."""
        with self.store.read() as connection:
            return explain(connection, find_contact(connection, name), self.content, self.clock.now(), campaign)

    def mails(self) -> list[email.message.EmailMessage]:
        """Return the mails that left since the last call, parsed."""
        new = self.provider.accepted[self._sent :]
        self._sent = len(self.provider.accepted)
        return [email.message_from_bytes(mail.data, policy=email.policy.default) for mail in new]

    def _next_due(self) -> datetime | None:
        columns = (
            (enrolments.c.due_at, enrolments.c.due_at.is_not(None)),
            (messages.c.due_at, messages.c.state.in_(["queued", "deferred"])),
            (contacts.c.review_at, contacts.c.review_at.is_not(None)),
        )
        with self.store.read() as connection:
            if connection.execute(select(func.count()).select_from(inbox)).scalar():
                return self.clock.now()
            found = [connection.execute(select(func.min(column)).where(there)).scalar() for column, there in columns]
        return min((at for at in found if at is not None), default=None)


def edited(path: str, *changes: tuple[str, str]) -> dict[str, str]:
    """Return the sample files with texts of one of them replaced; each must be there."""
    files = dict(sample_files())
    for before, after in changes:
        assert before in files[path], (path, before)
        files[path] = files[path].replace(before, after)
    return files


def with_file(path: str, text: str) -> dict[str, str]:
    """Return the sample files and one more."""
    return {**sample_files(), path: text}
