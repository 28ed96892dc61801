"""What `send` would do now: the same openings, turns, release and mails; nothing is written and nothing leaves."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from lifecycle.audience.ranking import load_tops
from lifecycle.audience.state import ContactState, MessageFact
from lifecycle.base.errors import RenderError
from lifecycle.deliver.compose import Composer, Composition, MailEntry
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.release import Ready
from lifecycle.journey.advance import BATCH, load_entries
from lifecycle.journey.backlog import Backlog
from lifecycle.journey.contact import ContactTurn, Tracked, World
from lifecycle.journey.enrol import Opening
from lifecycle.journey.entry import Entry, PassOver, Reach
from lifecycle.journey.load import load_states
from lifecycle.journey.policy import Go, Hold, Release, Skip, judge
from lifecycle.journey.versions import Versions
from lifecycle.journey.write import message_values
from lifecycle.spec.model import Campaign, Content


@dataclass(frozen=True, slots=True)
class DryRow:
    """What one contact would get of one step, or why not. `not_before` is set when quiet hours would hold it."""

    contact: str
    step: str
    outcome: str
    reason: str = ""
    not_before: datetime | None = None
    mail: Ready | None = None
    detail: str = ""


class DryRun:
    """One rehearsal of `send`. Yields a row for each mail, and one for each contact that would get none."""

    def __init__(
        self,
        connection: Connection,
        content: Content,
        versions: Versions,
        composer: Composer,
        key: bytes,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._content = content
        self._composer = composer
        self._now = now
        self._key = key
        self._shelf = composer.shelf(connection)
        self._world = World(content, versions.get, load_tops(connection, content), key)

    def rows(
        self, campaign: Campaign, openings: Iterable[tuple[int, Opening]], *, to: str | None = None
    ) -> Iterator[DryRow]:
        """Yield the rows of the openings, in their order. With `to`, mails are made out to that address."""
        iterator = iter(openings)
        while batch := list(islice(iterator, BATCH)):
            ids = sorted({contact_id for contact_id, _ in batch})
            states, entries = load_states(self._connection, ids), load_entries(self._connection, ids)
            for contact_id, some in groupby(batch, key=lambda pair: pair[0]):
                state = states[contact_id]
                if to is not None:
                    state.email = to
                turn = ContactTurn(self._world, state, entries.get(contact_id, []), self._now)
                for _, opening in some:
                    yield from self._one(campaign, state, turn.open(campaign, opening))

    def outside(self, contact_ids: Iterable[int]) -> Iterator[DryRow]:
        """Yield a row for each contact whom the audience leaves out."""
        iterator = iter(contact_ids)
        while batch := list(islice(iterator, BATCH)):
            for state in load_states(self._connection, batch, histories=False).values():
                yield DryRow(name_of(state), "", "skipped", "not_in_audience")

    def _one(self, campaign: Campaign, state: ContactState, tracked: Tracked | None) -> Iterator[DryRow]:
        name = name_of(state)
        if tracked is None:
            yield DryRow(name, "", "skipped", "reentry", detail="is in this campaign now")
            return
        if tracked.entry.state == "refused":
            yield DryRow(name, "", "skipped", tracked.entry.reason)
            return
        reached = False
        for effect in tracked.effects:
            match effect:
                case PassOver():
                    reached = True
                    yield DryRow(name, effect.step.id, "skipped", effect.reason)
                case Reach():
                    reached = True
                    yield self._released(campaign, state, tracked.entry, effect)
                case _:
                    continue
        if not reached:
            yield DryRow(name, "", "skipped", "", not_before=tracked.entry.due_at, detail="would wait first")

    def _released(self, campaign: Campaign, state: ContactState, entry: Entry, effect: Reach) -> DryRow:
        name, step = name_of(state), effect.step
        asking = Release(campaign.campaign, campaign.kind, campaign.topic, effect.deadline_at)
        judged = judge(asking, state, self._content, self._now)
        if isinstance(judged, Skip):
            return DryRow(name, step.id, "skipped", judged.reason)
        row = self._row(campaign, state, entry, effect)
        mail_entry = MailEntry(entry.trigger_event_id, entry.context)
        entries = {row.enrolment_id or 0: mail_entry}
        composition = Composition(self._composer, self._content, {state.id: state}, entries, self._shelf)
        try:
            made = composition.one(row, self._now)
        except RenderError as error:
            return DryRow(name, step.id, "skipped", "render_error", detail=f"{error.where} {error.message}".strip())
        if not isinstance(made, Ready):
            return DryRow(name, step.id, "skipped", made.reason, detail=made.detail)
        state.messages.append(
            MessageFact(
                campaign.campaign,
                step.id,
                entry.occurrence,
                "sent",
                campaign.topic,
                campaign.kind,
                sending_at=self._now,
            )
        )
        match judged:
            case Go():
                return DryRow(name, step.id, "sent", mail=made)
            case Hold(until=until, reason=reason):
                return DryRow(name, step.id, "held", reason, not_before=until, mail=made)

    def _row(self, campaign: Campaign, state: ContactState, entry: Entry, effect: Reach) -> Claimed:
        values = message_values(effect, entry, campaign, self._key, self._now, Backlog())
        wanted: dict[str, Any] = {name: values.get(name) for name in Claimed.__dataclass_fields__}
        # no row exists: the links of a rehearsed mail lead nowhere
        wanted |= {"id": 0, "enrolment_id": -1, "contact_id": state.id, "fence": 0, "crashes": 0, "attempts": 0}
        return Claimed(**wanted)


def name_of(state: ContactState) -> str:
    """Return the contact's name everywhere: its external id, else its e-mail address."""
    return state.external_id or state.email or state.identifier


def write_mail(folder: Path, row: DryRow) -> Path | None:
    """Write the row's mail as .eml, .html and .txt; return the .eml's path, None when there is no mail."""
    if row.mail is None:
        return None
    stem = re.sub(r"[^\w.@+-]+", "_", f"{row.contact}-{row.step}")[:120]
    data = row.mail.mail.data
    path = folder / f"{stem}.eml"
    path.write_bytes(data)
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    if isinstance(parsed, EmailMessage):
        for kind, ending in (("html", "html"), ("plain", "txt")):
            part = parsed.get_body((kind,))
            if part is not None:
                path.with_name(f"{stem}.{ending}").write_text(str(part.get_content()), encoding="utf-8")
    return path


def first_mail(rows: Iterable[DryRow]) -> DryRow | None:
    """Return the first row that has a mail."""
    return next((row for row in rows if row.mail is not None), None)
