"""Many rows at once: numbers for them, inserts, upserts and look-ups by key, each in one statement per batch.

On PostgreSQL rows go in by COPY and keys as arrays, on SQLite by the driver's executemany and keys as one JSON text.
Every value is bound; table and column names come from `store.tables`, never from input. JSON columns take text that is
JSON already, so that nothing is serialised twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import psycopg as postgres
from sqlalchemy import Connection, Row, Table, text
from sqlalchemy.types import JSON, TypeEngine

from lifecycle.store.columns import dumps


class RacedError(Exception):
    """Another transaction wrote the same row first: begin again, and it will be seen."""


def is_sqlite(connection: Connection) -> bool:
    """Say whether the transaction is the only one that writes."""
    return connection.dialect.name == "sqlite"


def allocate(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return `count` ascending values for the `id` of rows that this transaction will insert."""
    if not count:
        return ()
    if is_sqlite(connection):
        top = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table.name}").scalar_one()  # noqa: S608 - our own table
        return range(top + 1, top + 1 + count)
    numbers = text(
        "SELECT nextval(pg_get_serial_sequence(CAST(:name AS text), 'id')) FROM generate_series(1, CAST(:count AS int))"
    )
    return sorted(connection.execute(numbers, {"name": table.name, "count": count}).scalars())


def insert(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of values in the order of `columns`. Raises RacedError where one is there already."""
    if not rows:
        return
    names = ", ".join(columns)
    if is_sqlite(connection):
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names, values bound
        connection.exec_driver_sql(sql, cast("Any", _plain(connection, table, columns, rows)))
        return
    driver = cast("postgres.Connection", connection.connection.dbapi_connection)
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in _plain(connection, table, columns, rows):
                copy.write_row(row)
    except postgres.errors.UniqueViolation as error:
        raise RacedError from error


def upsert(
    connection: Connection, table: Table, keys: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of `keys` then `columns`; where the keys are there already, `columns` are replaced.

    Without `columns` (all stand in `keys`), rows that are there already stay as they are.
    """
    if not rows:
        return
    names = [*keys, *columns]
    action = ", ".join(f"{name} = excluded.{name}" for name in columns)
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {action}" if action else "ON CONFLICT DO NOTHING"
    head = f"INSERT INTO {table.name} ({', '.join(names)})"
    if is_sqlite(connection):
        sql = f"{head} VALUES ({', '.join('?' * len(names))}) {conflict}"
        connection.exec_driver_sql(sql, cast("Any", _plain(connection, table, names, rows)))
        return
    arrays = ", ".join(f"CAST(:{name} AS {_sql_type(connection, table, name)}[])" for name in names)
    sql = f"{head} SELECT * FROM unnest({arrays}) {conflict}"  # noqa: S608 - our own names, values bound
    values = zip(*_plain(connection, table, names, rows), strict=True)
    connection.execute(text(sql), {name: list(column) for name, column in zip(names, values, strict=True)})


def look_up(
    connection: Connection, table: Table, columns: Sequence[str], by: Sequence[str], keys: Iterable[tuple[Any, ...]],
    *, only: str = "", tail: str = "",
) -> Sequence[Row[Any]]:  # fmt: skip
    """Return `columns` of the rows whose `by` columns equal one of `keys`.

    `only` is a fixed SQL condition on `t`, `tail` what ends the statement (an order, a lock).
    """
    wanted = sorted(set(keys))
    if not wanted:
        return ()
    shown = ", ".join(f"t.{name}" for name in columns)
    where = (f" WHERE {only}" if only else "") + f" {tail}"
    parameters: dict[str, Any]
    if is_sqlite(connection):
        match = " AND ".join(f"t.{name} = json_extract(k.value, '$[{place}]')" for place, name in enumerate(by))
        # CROSS JOIN holds SQLite to this order: each key once, the row by its index
        sql = f"SELECT {shown} FROM json_each(:keys) AS k CROSS JOIN {table.name} AS t ON {match}{where}"  # noqa: S608 - our own names
        parameters = {"keys": dumps(wanted)}
    else:
        arrays = ", ".join(f"CAST(:{name} AS {_sql_type(connection, table, name)}[])" for name in by)
        match = " AND ".join(f"t.{name} = k.{name}" for name in by)
        sql = f"SELECT {shown} FROM unnest({arrays}) AS k({', '.join(by)}) JOIN {table.name} AS t ON {match}{where}"  # noqa: S608 - our own names
        parameters = {name: [key[place] for key in wanted] for place, name in enumerate(by)}
    statement = text(sql).columns(*(table.c[name] for name in columns))
    return connection.execute(statement, parameters).all()


def delete(connection: Connection, table: Table, by: str, values: Iterable[Any]) -> None:
    """Delete the rows whose column `by` is one of `values`."""
    wanted = sorted(set(values))
    if not wanted:
        return
    if is_sqlite(connection):
        sql = f"DELETE FROM {table.name} WHERE {by} IN (SELECT value FROM json_each(:keys))"  # noqa: S608 - our own names
        connection.execute(text(sql), {"keys": dumps(wanted)})
        return
    sql = f"DELETE FROM {table.name} WHERE {by} = ANY(CAST(:keys AS {_sql_type(connection, table, by)}[]))"  # noqa: S608 - our own names
    connection.execute(text(sql), {"keys": wanted})


def _sql_type(connection: Connection, table: Table, column: str) -> str:
    kind: TypeEngine[Any] = table.c[column].type
    return kind.compile(connection.dialect)


def _plain(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Iterable[tuple[Any, ...]]:
    """Return the rows with each value as the driver takes it."""
    found = [_converter(connection, table, name) for name in columns]
    if not any(found):
        return rows
    changed = [(place, convert) for place, convert in enumerate(found) if convert is not None]
    plain = []
    for row in rows:
        values = list(row)
        for place, convert in changed:
            if values[place] is not None:
                values[place] = convert(values[place])
        plain.append(tuple(values))
    return plain


def _converter(connection: Connection, table: Table, column: str) -> Callable[[Any], Any] | None:
    kind = table.c[column].type
    if isinstance(kind, JSON):
        return None
    processor = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return cast("Callable[[Any], Any] | None", processor)
