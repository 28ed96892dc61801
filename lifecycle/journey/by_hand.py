"""`lifecycle send`: enrols people because somebody said so, through the same turns as every other trigger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from sqlalchemy import select

from lifecycle.audience.membership import load_tops
from lifecycle.journey.advance import BATCH, load_entries
from lifecycle.journey.contact import ContactTurn, Turn, World
from lifecycle.journey.enrol import Opening
from lifecycle.journey.load import load_states
from lifecycle.journey.versions import Versions
from lifecycle.journey.write import write_turns
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts


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
        ids = sorted({contact_id for contact_id, _ in batch})
        with store.write() as connection:
            connection.execute(
                select(contacts.c.id).where(contacts.c.id.in_(ids)).order_by(contacts.c.id).with_for_update()
            ).all()
            world = World(content, versions.get, load_tops(connection, content, now), key)
            states, entries = load_states(connection, ids), load_entries(connection, ids)
            turns: dict[int, tuple[ContactTurn, Turn]] = {}
            for contact_id, opening in batch:
                if contact_id not in turns:
                    made = ContactTurn(world, states[contact_id], entries.get(contact_id, []), now)
                    turns[contact_id] = (made, made.turn)
                tracked = turns[contact_id][0].open(campaign, opening)
                outcome[_outcome(tracked.entry.state, tracked.entry.reason) if tracked else "reentry"] += 1
            write_turns(connection, [turn for _, turn in turns.values()], content, key, now, reviewed=False)
        report(len(batch))
    return outcome


def _outcome(state: str, reason: str) -> str:
    return reason if state in {"refused", "held_out"} else "enrolled"


def _batches(openings: Iterable[tuple[int, Opening]], size: int) -> Iterator[list[tuple[int, Opening]]]:
    iterator = iter(openings)
    while batch := list(islice(iterator, size)):
        yield batch
