"""Enrols people whom nothing they did brings in: `lifecycle send`, and what time brings (journey.broadcasts)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select

from lifecycle.audience.ranking import keep_ranking
from lifecycle.journey.advance import BATCH, load_entries, lock_contacts
from lifecycle.journey.contact import ContactTurn, World
from lifecycle.journey.enrol import Opening
from lifecycle.journey.load import load_states
from lifecycle.journey.versions import Versions
from lifecycle.journey.winners import winners
from lifecycle.journey.write import write_turns
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.engine import Store


def enrol_by_hand(
    store: Store,
    versions: Versions,
    content: Content,
    campaign: Campaign,
    openings: Iterable[tuple[int, Opening]],
    key: bytes,
    now: datetime,
    *,
    report: Callable[[int], object] = lambda _count: None,
) -> Counter[str]:
    """Enrol each opening, a batch of contacts in a transaction; return how many by what became of them.

    Keys: `enrolled`, `held_out`, or the reason of the refusal. Saying it twice enrols nobody twice: the occurrence is
    the run's name, or the event's messageId.
    """
    outcome: Counter[str] = Counter()
    for batch in _batches(openings, BATCH):
        with store.write() as connection:
            outcome += enrol_batch(connection, versions, content, campaign, batch, key, now)
        report(len(batch))
    return outcome


def enrol_batch(
    connection: Connection,
    versions: Versions,
    content: Content,
    campaign: Campaign,
    batch: Sequence[tuple[int, Opening]],
    key: bytes,
    now: datetime,
    *,
    without: Select[Any] | None = None,
) -> Counter[str]:
    """Enrol one batch in a transaction that writes; return how many by what became of them, as enrol_by_hand does.

    `without` selects, once the contacts are held, those who are not to be asked in.
    """
    outcome: Counter[str] = Counter()
    ids = lock_contacts(connection, sorted({contact_id for contact_id, _ in batch}), skip=False)
    if without is not None:
        met = set(connection.execute(without).scalars())
        ids = [found for found in ids if found not in met]
    tops = keep_ranking(connection, content, ()).tops
    world = World(content, versions.get, tops, key, winners=winners(connection, content, now))
    states, entries = load_states(connection, ids), load_entries(connection, ids, lock=True)
    made = {found: ContactTurn(world, states[found], entries.get(found, []), now) for found in ids}
    for contact_id, opening in batch:
        if contact_id not in made:
            continue
        tracked = made[contact_id].open(campaign, opening)
        outcome[_outcome(tracked.entry.state, tracked.entry.reason) if tracked else "reentry"] += 1
    write_turns(connection, [turn.turn for turn in made.values()], content, key, now, reviewed=False)
    return outcome


def _outcome(state: str, reason: str) -> str:
    return reason if state in {"refused", "held_out"} else "enrolled"


def _batches(openings: Iterable[tuple[int, Opening]], size: int) -> Iterator[list[tuple[int, Opening]]]:
    iterator = iter(openings)
    while batch := list(islice(iterator, size)):
        yield batch
