"""Many rows at once: numbers for them, inserts, upserts and look-ups by key, each in one statement per batch.

On PostgreSQL rows go in by COPY, on SQLite by the driver's executemany; rows to be replaced and keys to be looked up
travel as JSON, on PostgreSQL a column at a time. Every value is bound; table and column names come from `store.tables`,
never from input. JSON columns take text that is JSON already, so that nothing is serialised twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import psycopg as postgres
from sqlalchemy import Column, Connection, Dialect, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import JSON, TypeEngine

from lifecycle.intake.bulk_values import Columns, Rows, as_json, bound, copied, found
from lifecycle.store.columns import dumps

#: Rows from which on a thread is worth its start.
_MANY = 1_000


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
        "SELECT min(n), max(n), CASE WHEN max(n) - min(n) >= count(n) THEN json_agg(n) END FROM (SELECT nextval(s.name)"
        " AS n FROM (SELECT CAST(pg_get_serial_sequence(CAST(:name AS text), 'id') AS regclass) AS name OFFSET 0) AS s,"
        " generate_series(1, CAST(:count AS int))) AS numbers"
    )
    first, last, scattered = connection.execute(numbers, {"name": table.name, "count": count}).one()
    return range(first, last + 1) if scattered is None else sorted(scattered)


def insert(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """Insert rows of values in the order of `columns`. Raises RacedError where one is there already."""
    if rows:
        _insert(connection, table, dict(zip(columns, zip(*rows, strict=True), strict=True)))


def add(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, once: bool = False) -> None:
    """Insert rows as SQLAlchemy's `insert` takes them: JSON as objects, and what is left out by the table's defaults.

    All name the same columns. With `once`, one that is there already stays as it is. Raises RacedError otherwise.
    """
    if not rows:
        return
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for column in table.c:
        if column.name not in columns and column.default is not None:
            columns[column.name] = [_default(column)] * len(rows)
        if isinstance(column.type, JSON) and column.name in columns:
            columns[column.name] = list(map(_json_text, columns[column.name]))
    if once:
        upsert(connection, table, list(columns), (), list(zip(*columns.values(), strict=True)))
    else:
        _insert(connection, table, columns)


def _json_text(value: Any) -> str | None:
    # most are empty, and a writer of JSON takes its time over those too
    return None if value is None else repr(value) if value in ({}, []) else dumps(value)


def _default(column: Column[Any]) -> Any:
    made = cast("Any", column.default)
    return made.arg(None) if made.is_callable else made.arg


@contextmanager
def inserting(connection: Connection, table: Table, columns: Columns) -> Iterator[None]:
    """Insert rows as `insert` does; many of them, on PostgreSQL, while the body computes and leaves `connection` alone.

    The server takes its time over a COPY, and a thread that waits for it takes none of ours.
    """
    count = len(next(iter(columns.values())))
    if is_sqlite(connection) or count < _MANY:
        if count:
            _insert(connection, table, columns)
        yield
        return
    lines = copied(connection, table, columns)
    with ThreadPoolExecutor(1, "copy") as aside:
        copying = aside.submit(_copy, connection, table, columns, lines)
        yield
        copying.result()


def _insert(connection: Connection, table: Table, columns: Columns) -> None:
    if not is_sqlite(connection):
        _copy(connection, table, columns, copied(connection, table, columns))
        return
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names, values bound
    connection.exec_driver_sql(sql, cast("Any", bound(connection, table, columns)))


def _copy(connection: Connection, table: Table, columns: Iterable[str], lines: Iterable[str]) -> None:
    sql = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    driver = cast("postgres.Connection", connection.connection.dbapi_connection)
    try:
        with driver.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            for block in lines:
                copy.write(block)
    except (postgres.errors.UniqueViolation, postgres.errors.DeadlockDetected) as error:
        raise RacedError from error
    except postgres.Error as error:
        raise DBAPIError.instance(sql, None, error, postgres.Error, dialect=connection.dialect) from error


def upsert(
    connection: Connection, table: Table, keys: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[Any, ...]],
    *, action: str = "",
) -> None:  # fmt: skip
    """Insert rows of `keys` then `columns`; where the keys are there already, `columns` are replaced.

    Without `columns` (all stand in `keys`), rows that are there already stay as they are. `action` is the fixed SQL of
    another change than replacing.
    """
    upserting(connection, table, keys, columns, rows, action=action)()


def upserting(
    connection: Connection, table: Table, keys: Sequence[str], columns: Sequence[str], rows: Rows, *, action: str = ""
) -> Callable[[], Any]:
    """Make everything ready for `upsert`, without `connection`, and return what does it."""
    if not rows:
        return tuple
    names = [*keys, *columns]
    action = action or ", ".join(f"{name} = excluded.{name}" for name in columns)
    conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {action}" if action else "ON CONFLICT DO NOTHING"
    head = f"INSERT INTO {table.name} ({', '.join(names)})"
    if is_sqlite(connection):
        insert_sql = f"{head} VALUES ({', '.join('?' * len(names))}) {conflict}"
        values = bound(connection, table, dict(zip(names, zip(*rows, strict=True), strict=True)))
        return lambda: connection.exec_driver_sql(insert_sql, cast("Any", values))
    source, members, parameters = _sent(connection, table, names, rows)
    sql = f"{head} SELECT {', '.join(members)} FROM {source} {conflict}"  # noqa: S608 - our own names
    return lambda: connection.execute(text(sql), parameters)


def update(
    connection: Connection, table: Table, key: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]],
    *, held: str = "", also: str = "", only: str = "",
) -> int:  # fmt: skip
    """Replace `columns` of the rows with these keys: each of `rows` is the key, then the new values; return how many.

    With `held`, the values end with what that column must have. `also` is fixed SQL of more changes, and `only` a fixed
    SQL condition, on `t`.
    """
    if not rows:
        return 0
    names = [key, *columns, *((held,) if held else ())]
    only = f" AND {only}" if only else ""
    if is_sqlite(connection):
        action = ", ".join([*(f"{name} = ?" for name in columns), *((also,) if also else ())])
        where = " AND ".join(f"t.{name} = ?" for name in (key, held) if name)
        sql = f"UPDATE {table.name} AS t SET {action} WHERE {where}{only}"  # noqa: S608 - our own names, values bound
        by_column = dict(zip(names, zip(*rows, strict=True), strict=True))
        for name in (key, held):
            if name:
                by_column[name] = by_column.pop(name)  # the last marks
        return connection.exec_driver_sql(sql, cast("Any", bound(connection, table, by_column))).rowcount
    source, members, parameters = _sent(connection, table, names, rows)
    new = zip(columns, members[1:], strict=False)
    action = ", ".join([*(f"{name} = {member}" for name, member in new), *((also,) if also else ())])
    where = f"t.{key} = {members[0]}" + (f" AND t.{held} = {members[-1]}" if held else "")
    sql = f"UPDATE {table.name} AS t SET {action} FROM {source} WHERE {where}{only}"  # noqa: S608 - our own names
    return connection.execute(text(sql), parameters).rowcount


def look_up(
    connection: Connection, table: Table, columns: Sequence[str], by: Sequence[str], keys: Iterable[tuple[Any, ...]],
    *, only: str = "", tail: str = "",
) -> Sequence[Any]:  # fmt: skip
    """Return `columns` of the rows whose `by` columns equal one of `keys`, as named tuples.

    `only` is a fixed SQL condition on `t`, `tail` what ends the statement (an order, a lock).
    """
    return ask(connection, table, columns, by, keys, only=only, tail=tail)()


def ask(
    connection: Connection, table: Table, columns: Sequence[str], by: Sequence[str], keys: Iterable[tuple[Any, ...]],
    *, only: str = "", tail: str = "",
) -> Callable[[], Sequence[Any]]:  # fmt: skip
    """Ask for rows as `look_up` does, and return what makes them of the answer, which no longer needs `connection`."""
    wanted = sorted(set(keys))
    if not wanted:
        return tuple
    shown = ", ".join(f"t.{name}" for name in columns)
    where = (f" WHERE {only}" if only else "") + f" {tail}"
    if is_sqlite(connection):
        match = " AND ".join(f"t.{name} = json_extract(k.value, '$[{place}]')" for place, name in enumerate(by))
        # CROSS JOIN holds SQLite to this order: each key once, the row by its index
        sql = f"SELECT {shown} FROM json_each(:keys) AS k CROSS JOIN {table.name} AS t ON {match}{where}"  # noqa: S608 - our own names
        # read to its end: what is still being read outlives a rollback, and keeps the next transaction from beginning
        rows = connection.execute(text(sql), {"keys": _as_json(wanted)}).all()
        return lambda: found(connection, table, columns, rows)
    source, members, parameters = _sent(connection, table, by, wanted)
    match = " AND ".join(f"t.{name} = {member}" for name, member in zip(by, members, strict=True))
    sql = f"SELECT {shown} FROM {source} JOIN {table.name} AS t ON {match}{where}"  # noqa: S608 - our own names
    answer = connection.execute(text(sql), parameters)
    return lambda: found(connection, table, columns, answer.all())


def hold(connection: Connection, table: Table, ids: Iterable[int], *, only: str) -> int:
    """Lock the rows of those ids, in order, until the transaction ends; return how many are there.

    `only` is a fixed SQL condition on `t` that they have to meet.
    """
    wanted = sorted(ids)
    if not wanted:
        return 0
    if is_sqlite(connection):
        among, lock = "(SELECT value FROM json_each(:ids))", ""
    else:
        # an array, which one pass over the index answers in order
        among, lock = "ANY(ARRAY(SELECT CAST(json_array_elements_text(CAST(:ids AS json)) AS bigint)))", "FOR UPDATE"
    sign = "IN" if is_sqlite(connection) else "="
    held = f"SELECT t.* FROM {table.name} AS t WHERE t.id {sign} {among} ORDER BY t.id {lock}"  # noqa: S608 - our own names
    # the condition stands outside: PostgreSQL guesses that it holds for few, and would plan for those
    sql = f"SELECT count(*) FILTER (WHERE {only}) FROM ({held}) AS t"  # noqa: S608 - our own names
    return int(connection.execute(text(sql), {"ids": _as_json(wanted)}).scalar_one())


def delete(connection: Connection, table: Table, by: str, values: Iterable[Any]) -> None:
    """Delete the rows whose column `by` is one of `values`."""
    wanted = [(value,) for value in sorted(set(values))]
    if not wanted:
        return
    if is_sqlite(connection):
        keys, parameters = "SELECT json_extract(value, '$[0]') FROM json_each(:keys)", {"keys": _as_json(wanted)}
    else:
        source, members, parameters = _sent(connection, table, (by,), wanted)
        keys = f"SELECT {members[0]} FROM {source}"  # noqa: S608 - our own names
    sql = f"DELETE FROM {table.name} WHERE {by} IN ({keys})"  # noqa: S608 - our own names
    connection.execute(text(sql), parameters)


def _sent(
    connection: Connection, table: Table, columns: Sequence[str], rows: Rows
) -> tuple[str, list[str], dict[str, str]]:
    """Return the SQL of rows that travel to PostgreSQL, that of each of their values, and what is bound to it.

    They travel as a JSON array for each column: one for each row would be parsed again for each of its values.
    """
    places = range(len(columns))
    arrays = ", ".join(f"json_array_elements_text(CAST(:c{place} AS json))" for place in places)
    source = f"ROWS FROM ({arrays}) AS k({', '.join(f'c{place}' for place in places)})"
    members = [f"CAST(k.c{place} AS {_sql_type(connection.dialect, table, columns[place])})" for place in places]
    sent = as_json(connection, table, dict(zip(columns, zip(*rows, strict=True), strict=True)))
    return source, members, {f"c{place}": array for place, array in enumerate(sent)}


#: Keys travel to SQLite as one JSON text: it has no arrays.
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, default=str).encode


@cache
def _sql_type(dialect: Dialect, table: Table, column: str) -> str:
    kind: TypeEngine[Any] = table.c[column].type
    return kind.compile(dialect)
