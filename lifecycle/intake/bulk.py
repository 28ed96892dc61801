"""Many rows at once: numbers for them, inserts, upserts and look-ups by key, each in one statement per batch.

On PostgreSQL rows go in by COPY, on SQLite by the driver's executemany; rows to be replaced and keys to be looked up
travel as one JSON text. Every value is bound; table and column names come from `store.tables`, never from input. JSON
columns take text that is JSON already, so that nothing is serialised twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import psycopg as postgres
from sqlalchemy import Connection, Row, Table, text
from sqlalchemy.types import JSON, TypeEngine

from lifecycle.store.columns import EPOCH, MICROSECOND, Instant


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
        "SELECT json_agg(nextval(pg_get_serial_sequence(CAST(:name AS text), 'id')))"
        " FROM generate_series(1, CAST(:count AS int))"
    )
    return sorted(connection.execute(numbers, {"name": table.name, "count": count}).scalar_one())


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
    connection: Connection, table: Table, keys: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[Any, ...]],
    *, action: str = "",
) -> None:  # fmt: skip
    """Insert rows of `keys` then `columns`; where the keys are there already, `columns` are replaced.

    Without `columns` (all stand in `keys`), rows that are there already stay as they are. `action` is the fixed SQL of
    another change than replacing.
    """
    if not rows:
        return
    names = [*keys, *columns]
    action = action or ", ".join(f"{name} = excluded.{name}" for name in columns)
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {action}" if action else "ON CONFLICT DO NOTHING"
    head = f"INSERT INTO {table.name} ({', '.join(names)})"
    if is_sqlite(connection):
        sql = f"{head} VALUES ({', '.join('?' * len(names))}) {conflict}"
        connection.exec_driver_sql(sql, cast("Any", _plain(connection, table, names, rows)))
        return
    values = ", ".join(_member(connection, table, name, place) for place, name in enumerate(names))
    sql = f"{head} SELECT {values} FROM json_array_elements(CAST(:rows AS json)) AS k(value) {conflict}"  # noqa: S608 - our own names, values bound
    connection.execute(text(sql), {"rows": _as_json(_plain(connection, table, names, rows))})


def update(
    connection: Connection, table: Table, key: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Replace `columns` of the rows with these keys: each of `rows` is the key, then the new values."""
    if not rows:
        return
    names = [key, *columns]
    plain = _plain(connection, table, names, rows)
    if is_sqlite(connection):
        action = ", ".join(f"{name} = ?{place + 2}" for place, name in enumerate(columns))
        sql = f"UPDATE {table.name} SET {action} WHERE {key} = ?1"  # noqa: S608 - our own names, values bound
        connection.exec_driver_sql(sql, cast("Any", plain))
        return
    members = [_member(connection, table, name, place) for place, name in enumerate(names)]
    action = ", ".join(f"{name} = {member}" for name, member in zip(columns, members[1:], strict=True))
    source = "json_array_elements(CAST(:rows AS json)) AS k(value)"
    sql = f"UPDATE {table.name} AS t SET {action} FROM {source} WHERE t.{key} = {members[0]}"  # noqa: S608 - our own names
    connection.execute(text(sql), {"rows": _as_json(plain)})


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
    if is_sqlite(connection):
        match = " AND ".join(f"t.{name} = json_extract(k.value, '$[{place}]')" for place, name in enumerate(by))
        # CROSS JOIN holds SQLite to this order: each key once, the row by its index
        sql = f"SELECT {shown} FROM json_each(:keys) AS k CROSS JOIN {table.name} AS t ON {match}{where}"  # noqa: S608 - our own names
    else:
        match = " AND ".join(f"t.{name} = {_member(connection, table, name, place)}" for place, name in enumerate(by))
        source = "json_array_elements(CAST(:keys AS json)) AS k(value)"
        sql = f"SELECT {shown} FROM {source} JOIN {table.name} AS t ON {match}{where}"  # noqa: S608 - our own names
    parameters = {"keys": _as_json(wanted)}
    statement = text(sql).columns(*(table.c[name] for name in columns))
    return connection.execute(statement, parameters).all()


def delete(connection: Connection, table: Table, by: str, values: Iterable[Any]) -> None:
    """Delete the rows whose column `by` is one of `values`."""
    wanted = [(value,) for value in sorted(set(values))]
    if not wanted:
        return
    if is_sqlite(connection):
        keys = "SELECT json_extract(value, '$[0]') FROM json_each(:keys)"
    else:
        member = _member(connection, table, by, 0)
        keys = f"SELECT {member} FROM json_array_elements(CAST(:keys AS json)) AS k(value)"  # noqa: S608 - our own names
    sql = f"DELETE FROM {table.name} WHERE {by} IN ({keys})"  # noqa: S608 - our own names
    connection.execute(text(sql), {"keys": _as_json(wanted)})


def _member(connection: Connection, table: Table, column: str, place: int) -> str:
    """Return the SQL that takes a column's value out of a row that travels as a JSON array, on PostgreSQL."""
    return f"CAST(k.value ->> {place} AS {_sql_type(connection, table, column)})"


#: Rows travel as one JSON text: the driver writes arrays in Python, item by item, and JSON in C.
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, default=str).encode


def _sql_type(connection: Connection, table: Table, column: str) -> str:
    kind: TypeEngine[Any] = table.c[column].type
    return kind.compile(connection.dialect)


def _microseconds(value: datetime) -> int:
    return (value - EPOCH) // MICROSECOND


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
    if isinstance(kind, Instant):
        # the type's own way costs a third of a bulk insert; a naive instant fails here too
        return _microseconds if is_sqlite(connection) else None
    processor = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return cast("Callable[[Any], Any] | None", processor)
