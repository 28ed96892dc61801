"""A ranking that is kept, held against one that is counted from the beginning."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from lifecycle.audience.ranking import Ranking, _standing, find_boundary
from lifecycle.audience.setting import wanted_tops
from lifecycle.spec.model import Content
from lifecycle.store.tables import facts


def hold_against_counted(connection: Connection, content: Content, kept: Ranking) -> None:
    """Hold who is inside each top share against who is by the facts. Raises AssertionError."""
    for top in wanted_tops(content):
        counted = find_boundary(connection, top, facts)
        assert _inside(connection, top[0], kept.tops[top]) == _inside(connection, top[0], counted)


def _inside(connection: Connection, fact: str, boundary: Any) -> set[int]:
    standing = _standing(fact, facts).subquery("standing")
    rows = connection.execute(select(standing.c.place, standing.c.contact_id)).all()
    return {row.contact_id for row in rows if (row.place, row.contact_id) <= (boundary.place, boundary.contact_id)}
