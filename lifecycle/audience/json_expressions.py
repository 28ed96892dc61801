"""What stands at a place in a JSON document, in SQL: spelt in two ways, with one meaning. Values are bound.

JSON is walked by object keys only (`->` with a text on PostgreSQL, a quoted label on SQLite), never into lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, ColumnElement, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from lifecycle.audience.expressions import Exact
from lifecycle.base.errors import ContentError
from lifecycle.store.columns import Instant, Json

#: What a key of JSON may look like in a condition: SQLite's labels know no escapes.
_KEY = re.compile(r'[^"\\\x00-\x1f]{1,200}')


def json_keys(path: tuple[str, ...]) -> list[ColumnElement[str]]:
    """Return the path's keys as bound texts. Raises ContentError for a key that a condition cannot name."""
    for key in path:
        if not _KEY.fullmatch(key):
            raise ContentError(
                f"a condition cannot name the property {key!r}", hint='no quotes, no "\\", no control characters'
            )
    return [literal(key, String()) for key in path]


class _JsonAt(FunctionElement[Any]):
    """Arguments: the document, then the keys."""

    inherit_cache = True


def _pg_at(element: _JsonAt, compiler: SQLCompiler, kw: dict[str, Any], skip: int = 0) -> str:
    parts = [compiler.process(clause, **kw) for clause in element.clauses]
    return "(" + " -> ".join(parts[: len(parts) - skip]) + ")"


def _lite_at(element: _JsonAt, compiler: SQLCompiler, kw: dict[str, Any], skip: int = 0) -> str:
    document, *keys = [compiler.process(clause, **kw) for clause in element.clauses]
    labels = " || '\".\"' || ".join(keys[: len(keys) - skip])
    return f"{document}, '$.\"' || {labels} || '\"'"


class JsonExists(_JsonAt):
    """There is something other than null."""

    inherit_cache = True
    type = Boolean()


class JsonNumber(_JsonAt):
    """The number there, NULL for anything else."""

    inherit_cache = True
    type = Exact()


class JsonText(_JsonAt):
    """The text there, NULL for anything else."""

    inherit_cache = True
    type = String()


class JsonBoolean(_JsonAt):
    """Whether it is true there; NULL for anything but true and false."""

    inherit_cache = True
    type = Boolean()


class JsonListHas(_JsonAt):
    """There is a list, and the last argument, a JSON scalar, is one of its items."""

    inherit_cache = True
    type = Boolean()


@compiles(JsonExists)
def _exists(element: JsonExists, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(json_type({_lite_at(element, compiler, kw)}) <> 'null')"


@compiles(JsonExists, "postgresql")
def _exists_pg(element: JsonExists, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(jsonb_typeof{_pg_at(element, compiler, kw)} <> 'null')"


@compiles(JsonNumber)
def _number(element: JsonNumber, compiler: SQLCompiler, **kw: Any) -> str:
    at = _lite_at(element, compiler, kw)
    return f"CASE WHEN json_type({at}) IN ('integer', 'real') THEN json_extract({at}) END"


@compiles(JsonNumber, "postgresql")
def _number_pg(element: JsonNumber, compiler: SQLCompiler, **kw: Any) -> str:
    at = _pg_at(element, compiler, kw)
    return f"CASE WHEN jsonb_typeof{at} = 'number' THEN {at}::numeric END"


@compiles(JsonText)
def _text(element: JsonText, compiler: SQLCompiler, **kw: Any) -> str:
    at = _lite_at(element, compiler, kw)
    return f"CASE WHEN json_type({at}) = 'text' THEN json_extract({at}) END"


@compiles(JsonText, "postgresql")
def _text_pg(element: JsonText, compiler: SQLCompiler, **kw: Any) -> str:
    at = _pg_at(element, compiler, kw)
    return f"CASE WHEN jsonb_typeof{at} = 'string' THEN {at} #>> '{{}}' END"


@compiles(JsonBoolean)
def _boolean(element: JsonBoolean, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CASE json_type({_lite_at(element, compiler, kw)}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"


@compiles(JsonBoolean, "postgresql")
def _boolean_pg(element: JsonBoolean, compiler: SQLCompiler, **kw: Any) -> str:
    at = _pg_at(element, compiler, kw)
    return f"CASE WHEN jsonb_typeof{at} = 'boolean' THEN {at}::boolean END"


@compiles(JsonListHas)
def _list_has(element: JsonListHas, compiler: SQLCompiler, **kw: Any) -> str:
    at = _lite_at(element, compiler, kw, skip=1)
    wanted = compiler.process(list(element.clauses)[-1], **kw)
    kind = "CASE {} WHEN 'real' THEN 'integer' ELSE {} END"
    same_kind = (
        f"{kind.format('item.type', 'item.type')} = {kind.format(f'json_type({wanted})', f'json_type({wanted})')}"
    )
    found = (
        f"SELECT 1 FROM json_each({at}) AS item"  # noqa: S608 - every part is compiled, every value bound
        f" WHERE {same_kind} AND item.value = json_extract({wanted}, '$')"
    )
    return f"(json_type({at}) = 'array' AND EXISTS ({found}))"


@compiles(JsonListHas, "postgresql")
def _list_has_pg(element: JsonListHas, compiler: SQLCompiler, **kw: Any) -> str:
    at = _pg_at(element, compiler, kw, skip=1)
    wanted = compiler.process(list(element.clauses)[-1], **kw)
    return f"(jsonb_typeof{at} = 'array' AND {at} @> {wanted})"


def json_scalar(value: Any) -> ColumnElement[Any]:
    """Return a scalar as a bound JSON document, for JsonListHas."""
    return literal(value, Json)


class JsonLookup(FunctionElement[Any]):
    """The instant that a bound table, from texts to microseconds since 1970, has for a text; NULL where it has none."""

    inherit_cache = True
    type = Instant()

    def __init__(self, table: Mapping[str, int], key: ColumnElement[str]) -> None:
        super().__init__(literal(dict(table), Json), key)


@compiles(JsonLookup)
def _lookup(element: JsonLookup, compiler: SQLCompiler, **kw: Any) -> str:
    table, key = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"json_extract({table}, '$.\"' || {key} || '\"')"


@compiles(JsonLookup, "postgresql")
def _lookup_pg(element: JsonLookup, compiler: SQLCompiler, **kw: Any) -> str:
    table, key = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(timestamptz 'epoch' + ({table} ->> ({key}))::bigint * interval '1 microsecond')"
