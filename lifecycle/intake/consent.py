"""What contacts said about topics, and the addresses that are never mailed again.

The latest word (`at`, then arrival) holds. Everything here that takes permission away locks the contact's row first, as
a claim does, so that whichever commits first is seen by the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from lifecycle.base.address import address_hash, address_key
from lifecycle.intake.bulk import allocate, is_sqlite, look_up, upsert
from lifecycle.intake.bulk import insert as insert_rows
from lifecycle.intake.csv_rows import instant
from lifecycle.intake.inbox import leave_word
from lifecycle.intake.payload import Refused, Word
from lifecycle.store import tables

_CONSENTS, _CONTACTS, _SUPPRESSIONS = tables.consents, tables.contacts, tables.suppressions
_COLUMNS = ("contact_id", "topic", "granted", "at", "source", "text")
_HASH = ("address_hash",)


@dataclass(frozen=True, slots=True)
class Said:
    """A word of one contact. `at` is when it was said, or, where that is unknown, None.

    `contact_id` is the row that it is stored of; `speaker` who said it, as `Union` names those who are one by now.
    """

    contact_id: int
    word: Word
    at: datetime | None
    speaker: int


@dataclass(frozen=True, slots=True)
class Union:
    """That the speaker `goes` became the speaker `stays`; rows of contacts are speakers, and any negative number."""

    contact_id: int
    goes: int
    stays: int
    at: datetime


def record(connection: Connection, said: Sequence[Said | Union], now: datetime, *, live: bool) -> list[bool]:
    """Store what was said; return for each whether it was news. The contacts' rows are locked by the caller.

    A word that was stored before, and one that repeats what held at its time without a time of its own, is no news.
    History that does not say when never overrules what the contact has said, but a withdrawal always withdraws.
    Where two who become one disagree, the union withdraws: at its time, but after all that either has said. Words that
    come with it or after it, and are no older, count again.
    """
    speakers = {
        row for each in said for row in ((each.speaker,) if isinstance(each, Said) else (each.goes, each.stays))
    }
    heard = _heard(connection, (row for row in speakers if row > 0))
    news: list[bool] = []
    rows: list[tuple[Any, ...]] = []
    for each in said:
        told = len(rows)
        if isinstance(each, Union):
            rows += _unite(each, heard)
        else:
            words = heard.setdefault(each.speaker, {}).setdefault(each.word.topic, [])
            entry = _entry(each, words, now, live=live)
            if entry is not None:
                _hear(words, entry)
                rows.append((each.contact_id, each.word.topic, entry[1], entry[0], each.word.source, each.word.text))
        news.append(len(rows) > told)
    numbers = allocate(connection, _CONSENTS, len(rows))
    insert_rows(connection, _CONSENTS, ("id", *_COLUMNS), [(n, *row) for n, row in zip(numbers, rows, strict=True)])
    return news


_Entry = tuple[datetime, bool]
#: what each speaker has said of each topic, in order of time
_Heard = dict[int, dict[str, list[_Entry]]]


def _hear(words: list[_Entry], *entries: _Entry) -> None:
    words += entries
    words.sort(key=lambda word: word[0])  # stable: of one instant the later arrival stays last


def _unite(union: Union, heard: _Heard) -> list[tuple[Any, ...]]:
    """Give the words of the one to the other; return the withdrawals that this needs."""
    theirs, ours = heard.pop(union.goes, {}), heard.setdefault(union.stays, {})
    rows = []
    for topic, words in theirs.items():
        known = ours.setdefault(topic, [])
        disagree = bool(known) and known[-1][1] is not words[-1][1]
        _hear(known, *words)
        if disagree:
            at = max(union.at, known[-1][0])
            _hear(known, (at, False))
            rows.append((union.contact_id, topic, False, at, "merge", ""))
    return rows


def _entry(each: Said, words: list[_Entry], now: datetime, *, live: bool) -> _Entry | None:
    granted, own = each.word.granted, each.word.at
    if own is not None:
        return None if (own, granted) in words else (own, granted)
    if each.at is None and not live:
        if words and (granted or words[-1][1] is False):
            return None
        return (max([now, *(at for at, _ in words)]), granted) if words else (now, granted)
    at = each.at or now
    before = [word for word in words if word[0] <= at]
    repeats = bool(before) and (before[-1][1] is granted or (each.at is not None and (at, granted) in before))
    return None if repeats else (at, granted)


def _heard(connection: Connection, contact_ids: Iterable[int]) -> _Heard:
    heard: _Heard = {}
    columns = ("id", "contact_id", "topic", "granted", "at")
    rows = look_up(connection, _CONSENTS, columns, ("contact_id",), [(contact,) for contact in contact_ids])
    for row in sorted(rows, key=lambda row: (row.at, row.id)):
        heard.setdefault(row.contact_id, {}).setdefault(row.topic, []).append((row.at, row.granted))
    return heard


def lock_contact(connection: Connection, contact_id: int) -> None:
    """Lock the contact's row until the transaction ends (SQLite has one writer anyway)."""
    connection.execute(select(_CONTACTS.c.id).where(_CONTACTS.c.id == contact_id).with_for_update())


def state(connection: Connection, contact_id: int) -> dict[str, bool]:
    """Return the last word on each topic that the contact has said anything about."""
    rows = connection.execute(
        select(_CONSENTS.c.topic, _CONSENTS.c.granted)
        .where(_CONSENTS.c.contact_id == contact_id)
        .order_by(_CONSENTS.c.at, _CONSENTS.c.id)
    )
    return {row.topic: row.granted for row in rows}


def grant(connection: Connection, contact_id: int, topic: str, now: datetime, *, source: str, text: str = "") -> None:
    """Record that the contact consents to `topic` from now on."""
    _say(connection, contact_id, (topic,), now, granted=True, source=source, text=text)


def withdraw(
    connection: Connection, contact_id: int, topic: str, now: datetime, *, source: str, text: str = ""
) -> None:
    """Record that the contact does not consent to `topic` from now on."""
    _say(connection, contact_id, (topic,), now, granted=False, source=source, text=text)


def withdraw_all(
    connection: Connection, contact_id: int, topics: Iterable[str], now: datetime, *, source: str, text: str = ""
) -> None:
    """Withdraw every topic: the project's `topics`, and whatever else the contact has consented to."""
    everything = dict.fromkeys(
        [*topics, *(topic for topic, granted in state(connection, contact_id).items() if granted)]
    )
    _say(connection, contact_id, tuple(everything), now, granted=False, source=source, text=text)


def _say(
    connection: Connection,
    contact_id: int,
    topics: tuple[str, ...],
    now: datetime,
    *,
    granted: bool,
    source: str,
    text: str,
) -> None:
    if not topics:
        return
    lock_contact(connection, contact_id)
    row = {"contact_id": contact_id, "granted": granted, "at": now, "source": source, "text": text}
    connection.execute(insert(_CONSENTS), [{**row, "topic": topic} for topic in topics])
    leave_word(connection, [contact_id], "consent")


@dataclass(frozen=True, slots=True)
class Barred:
    """An address that is not to be mailed again, and why."""

    address: str
    reason: str
    at: datetime
    source: str = ""


def read_barred(row: Mapping[str, Any], zone: tzinfo, now: datetime) -> Barred:
    """Read one row of `import suppressions`. Raises Refused with what is wrong."""
    address = str(row.get("email") or row.get("address") or "").strip()
    if "@" not in address:
        raise Refused(f'email: "{address[:100]}" is no address' if address else "email is missing")
    stamp = str(row.get("at") or "").strip()
    at = datetime.fromisoformat(instant(stamp, "at", zone)) if stamp else now
    reason, source = str(row.get("reason") or "imported").strip(), str(row.get("source") or "import").strip()
    return Barred(address, reason, min(at, now), source)


def suppress(connection: Connection, address: str, reason: str, now: datetime, *, source: str = "") -> bool:
    """Never mail the address again, whoever has it; return False when that held before (the first reason stays)."""
    return suppress_all(connection, [Barred(address, reason, now, source)]) == 1


def suppress_all(connection: Connection, barred: Sequence[Barred]) -> int:
    """Suppress the addresses and return how many were not suppressed before."""
    _lock_owners(connection, [address_key(each.address) for each in barred])
    rows = {address_hash(each.address): each for each in barred}
    known = {row[0] for row in look_up(connection, _SUPPRESSIONS, _HASH, _HASH, [(hashed,) for hashed in rows])}
    new = [(hashed, each.reason, each.at, each.source) for hashed, each in sorted(rows.items()) if hashed not in known]
    # on a race the other's reason stays
    upsert(connection, _SUPPRESSIONS, ("address_hash", "reason", "at", "source"), (), new)
    return len(new)


def unsuppress(connection: Connection, address: str) -> bool:
    """Let the address be mailed again; return False when it was not suppressed."""
    found = connection.execute(delete(_SUPPRESSIONS).where(_SUPPRESSIONS.c.address_hash == address_hash(address)))
    return found.rowcount > 0


def suppression(connection: Connection, address: str) -> str | None:
    """Return why the address is suppressed, None when it is not."""
    wanted = select(_SUPPRESSIONS.c.reason).where(_SUPPRESSIONS.c.address_hash == address_hash(address))
    return connection.execute(wanted).scalar()


def _lock_owners(connection: Connection, keys: Sequence[str]) -> None:
    if is_sqlite(connection):
        return
    look_up(
        connection, _CONTACTS, ("id",), ("address_key",), [(key,) for key in keys], tail="ORDER BY t.id FOR UPDATE OF t"
    )
