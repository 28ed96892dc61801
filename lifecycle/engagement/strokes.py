"""What a batch of hits reads and writes, each in one statement that is one step of the database.

The writer shares its process with the web server. Every step of SQLite gives the interpreter's lock away and waits to
get it back, up to 5 ms under load; a step for each row would make a batch of a hundred hits take half a second. So rows
travel as one JSON text, in and out. On PostgreSQL they travel as arrays and by COPY.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from lifecycle.intake import bulk
from lifecycle.store.columns import EPOCH, MICROSECOND, dumps
from lifecycle.store.tables import hits

HIT_COLUMNS = ("message_row", "contact_id", "kind", "link", "at", "method", "user_agent", "ip", "verdict", "why")

_READ_SQLITE = """
    SELECT json_group_array(json_array(
        m.id, m.contact_id, coalesce(m.delivered_at, m.sent_at, m.sending_at),
        m.opened_at IS NOT NULL, m.clicked_at IS NOT NULL{more}
    )) FROM json_each(:rows) AS k CROSS JOIN messages AS m ON m.id = k.value
"""
_READ_POSTGRES = """
    SELECT CAST(json_agg(json_build_array(
        m.id, m.contact_id,
        CAST(extract(epoch FROM coalesce(m.delivered_at, m.sent_at, m.sending_at)) * 1000000 AS bigint),
        m.opened_at IS NOT NULL, m.clicked_at IS NOT NULL{more}
    )) AS text) FROM messages AS m WHERE m.id = ANY(CAST(:rows AS bigint[]))
"""
_EXTRACTED = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(HIT_COLUMNS)))
_HITS_SQLITE = text(
    f"INSERT INTO hits ({', '.join(HIT_COLUMNS)}) "  # noqa: S608 - our own names
    f"SELECT {_EXTRACTED} FROM json_each(:rows)"
)
_MARK_SQLITE = {
    column: text(
        f"UPDATE messages SET {column} = json_extract(k.value, '$[1]') FROM json_each(:rows) AS k "  # noqa: S608 - our own names
        f"WHERE messages.id = json_extract(k.value, '$[0]') AND messages.{column} IS NULL"
    )
    for column in ("opened_at", "clicked_at")
}
_MARK_POSTGRES = {
    column: text(
        f"UPDATE messages SET {column} = k.first FROM unnest(CAST(:ids AS bigint[]), CAST(:firsts AS timestamptz[])) "  # noqa: S608 - our own names
        f"AS k(id, first) WHERE messages.id = k.id AND messages.{column} IS NULL"
    )
    for column in ("opened_at", "clicked_at")
}
_READ = {
    ("sqlite", True): text(_READ_SQLITE.format(more=", m.template_hash, json(m.links)")),
    ("sqlite", False): text(_READ_SQLITE.format(more="")),
    ("postgresql", True): text(_READ_POSTGRES.format(more=", m.template_hash, m.links")),
    ("postgresql", False): text(_READ_POSTGRES.format(more="")),
}


class Mail(NamedTuple):
    """What judging a hit needs of a ledger row. `delivered_at` is the best known instant, None when it never left."""

    id: int
    contact_id: int
    delivered_at: datetime | None
    is_opened: bool
    is_clicked: bool
    template_hash: str | None = None
    links: Mapping[str, str] = {}


def read_mails(connection: Connection, rows: Iterable[int], *, links: bool) -> dict[int, Mail]:
    """Return the ledger rows by messages.id; their template and own links only if asked: those cost most."""
    wanted = sorted(set(rows))
    on_sqlite = bulk.is_sqlite(connection)
    statement = _READ[connection.dialect.name, links]
    found = connection.execute(statement, {"rows": dumps(wanted) if on_sqlite else wanted}).scalar()
    mails = {}
    for row in json.loads(found) if found else ():
        delivered = None if row[2] is None else EPOCH + timedelta(microseconds=row[2])
        own = (row[5], row[6] or {}) if links else ()
        mails[row[0]] = Mail(row[0], row[1], delivered, bool(row[3]), bool(row[4]), *own)
    return mails


def store_hits(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert hits: values in the order of HIT_COLUMNS."""
    if bulk.is_sqlite(connection):
        place = HIT_COLUMNS.index("at")
        plain = [(*row[:place], _microseconds(row[place]), *row[place + 1 :]) for row in rows]
        connection.execute(_HITS_SQLITE, {"rows": json.dumps(plain)})
    else:
        bulk.insert(connection, hits, HIT_COLUMNS, rows)


def mark_first(connection: Connection, column: str, firsts: Mapping[int, datetime]) -> None:
    """Write `opened_at` or `clicked_at` of ledger rows that have none yet.

    In the order of keys, so that two web processes never wait for each other in a circle.
    """
    if not firsts:
        return
    keys = sorted(firsts)
    if bulk.is_sqlite(connection):
        pairs = json.dumps([(key, _microseconds(firsts[key])) for key in keys])
        connection.execute(_MARK_SQLITE[column], {"rows": pairs})
    else:
        connection.execute(_MARK_POSTGRES[column], {"ids": keys, "firsts": [firsts[key] for key in keys]})


def _microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND
