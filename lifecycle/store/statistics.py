"""Statistics of tables that PostgreSQL has not looked at yet.

Its autovacuum comes round once a minute; a broadcast, or a shop's first day, fills an empty table in a second, and the
planner, which knows nothing of it, then reads all of it to find one contact's rows. Once a table has been looked at,
what is said of it in shares stays true while it grows, and the rest is autovacuum's.
"""

from __future__ import annotations

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text
from sqlmodel import SQLModel

from lifecycle.store.engine import Store

#: A table smaller than that is read whole as fast as otherwise, in octets.
WORTH_IT = 131_072

_NEW = text(
    "SELECT relname FROM pg_class WHERE relname = ANY(:names) AND relkind = 'r' AND pg_table_is_visible(oid)"
    " AND reltuples <= 0 AND pg_relation_size(oid) >= :size ORDER BY relname"
).bindparams(bindparam("names", type_=ARRAY(Text())))


def look_at_new_tables(store: Store) -> list[str]:
    """Let PostgreSQL look at our tables that have grown and that it knows nothing of; return their names."""
    if store.is_sqlite:  # whose plans are made without
        return []
    with store.read() as connection:
        names = list(connection.execute(_NEW, {"names": sorted(SQLModel.metadata.tables), "size": WORTH_IT}).scalars())
    for name in names:
        with store.write() as connection:
            connection.exec_driver_sql(f"ANALYZE {name}")
    return names
