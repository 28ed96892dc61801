"""How many people two campaigns would mail at once: the number behind a warning, for a shop that has a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from lifecycle.audience.headcount import Headcount
from lifecycle.base.errors import LifecycleError
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.model import Content
from lifecycle.spec.rules_overlap import overlaps
from lifecycle.store.engine import Store


def with_people(
    found: Sequence[Diagnostic], content: Content | None, database_url: str, now: datetime
) -> list[Diagnostic]:
    """Return the findings, those of two campaigns for the same people (LC411) with how many they are now.

    Without a database, or with one that cannot be asked, they stay as they are: a check never needs one, and never
    makes or changes one.
    """
    if content is None or not _is_there(database_url):
        return list(found)
    known = {overlap.diagnostic(): overlap for overlap in overlaps(content)}
    counted: dict[Diagnostic, Diagnostic] = {}
    try:
        store = Store(database_url)
        try:
            with store.read() as connection:
                people = Headcount(connection, content, now)
                counted = {
                    each: known[each].diagnostic(people.matching(known[each].both)) for each in found if each in known
                }
        finally:
            store.close()
    except (LifecycleError, SQLAlchemyError, OSError):
        return list(found)
    return [counted.get(each, each) for each in found]


def _is_there(database_url: str) -> bool:
    url = make_url(database_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
