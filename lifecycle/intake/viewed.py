"""The products that a contact looked at last, for mails: told from the views, newest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lifecycle.intake.facts import VIEW_EVENT, EventFact
from lifecycle.intake.properties import identifier, product_id

#: How many different products a mail may show.
MOST = 10


def last_viewed(newest_first: Iterable[EventFact]) -> list[EventFact]:
    """Return the newest view of each of the last MOST different products among the events, newest first.

    Products are told apart by their id, else their SKU, else their name; a view that names none shows nothing.
    """
    found: dict[str, EventFact] = {}
    for event in newest_first:
        if event.name != VIEW_EVENT:
            continue
        product = product_id(event.properties) or identifier(event.properties.get("name"))
        if product is not None:
            found.setdefault(product, event)
        if len(found) == MOST:
            break
    return list(found.values())
