"""The map file of `import events --map`: what the columns of a foreign CSV file mean (docs/importing.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lifecycle.base.errors import ContentError, UsageError
from lifecycle.base.units import parse_zone
from lifecycle.intake.csv_expressions import OPERATORS, Check, Constant, Product, Text, Value, check
from lifecycle.spec import rules_shape as rules
from lifecycle.spec.decode import Decoder, Fields, Reading, Refused, every, listed, mapped, suggest, wrong_type
from lifecycle.spec.decode_tests import clause_tests
from lifecycle.spec.decode_values import boolean, event_name, formatted, text
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place
from lifecycle.spec.source import Entry, ListNode, MapNode, Node, ScalarNode, read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowTest:
    """What a row has to be: every check of one of the alternatives holds. No alternatives: any row."""

    alternatives: tuple[tuple[Check, ...], ...] = ()

    def fits(self, cells: dict[str, str]) -> bool:
        """Say whether the row is so."""
        # plain loops: this runs for every row of the file
        for checks in self.alternatives:
            for holds in checks:
                if not holds(cells):
                    break
            else:
                return True
        return False


@dataclass(frozen=True, slots=True)
class ContactMap:
    """How a row names its contact, and what it says of it."""

    external_id: Value | None
    email: Value | None
    traits: Mapping[str, Value] = field(default_factory=dict)
    consent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What an event is called, and its properties, for the rows that fit `when` (None: all)."""

    event: str
    when: RowTest | None
    properties: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class CsvMap:
    """A map file. Rows that `skip` fits, and rows that no case fits, are left out."""

    contact: ContactMap
    cases: tuple[Case, ...]
    timestamp: Value
    message_id: Value | None = None
    zone: tzinfo | None = None
    skip: RowTest = RowTest()
    group_by: str | None = None
    items: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    #: where each column is named, for the header to be held against
    columns: tuple[tuple[str, Place], ...] = ()
    path: str = ""
    source: str = ""

    def hold_against(self, header: Sequence[str]) -> None:
        """Raise ContentError for each column that the map names and the file does not have."""
        known = set(header)
        missing = [
            rules.BadFormat.at(place, f'the file has no column "{name}"', hint=suggest(name, header))
            for name, place in self.columns
            if name not in known
        ]
        if missing:
            raise _content_error(self.path, self.source, missing)


def load_map(path: Path) -> CsvMap:
    """Read a map file. Raises UsageError when it cannot be opened, ContentError with every mistake in it."""
    try:
        source = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return parse_map(str(path), source)


def parse_map(path: str, source: str) -> CsvMap:
    """Read the text of a map file. Raises ContentError with every mistake in it."""
    node, found = read(path, source)
    reading = Reading(found=found)
    decoded = None
    if node is not None:
        try:
            decoded = _MapReader(reading).map(node, path, source)
        except Refused:
            decoded = None
    errors = [each for each in reading.found if each.is_error]
    if decoded is None or errors:
        raise _content_error(path, source, errors)
    return decoded


def _content_error(path: str, source: str, errors: Sequence[Diagnostic]) -> ContentError:
    error = ContentError(f"{path} has errors", diagnostics=errors, hint="docs/importing.md describes map files")
    error.files = {path: source}
    return error


class _MapReader:
    """Decodes one map file, remembering where columns are named."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._columns: list[tuple[str, Place]] = []

    def map(self, node: Node, path: str, source: str) -> CsvMap:
        fields = Fields(node, "a map file", self._reading)
        zone = fields.maybe("timezone", formatted(parse_zone, "a time zone"))
        skip = fields.optional("skip", self._row_test, RowTest())
        group_by = fields.maybe("group_by", self._column)
        contact = fields.required("contact", self._contact, hint="contact: {external_id: …, email: …}")
        timestamp = fields.required("timestamp", self._value, hint='as timestamp: "{InvoiceDate}"')
        message_id = fields.maybe("message_id", self._value)
        items = fields.optional("items", mapped(self._item), {})
        cases = fields.required("cases", listed(self._case, least=1), hint="cases: [{event: Order Completed, …}]")
        fields.close()
        return CsvMap(
            contact, cases, timestamp, message_id, zone, skip, group_by, items, tuple(self._columns), path, source
        )  # fmt: skip

    def _contact(self, node: Node, reading: Reading) -> ContactMap:
        fields = Fields(node, "a contact", reading)
        external_id = fields.maybe("external_id", self._value)
        email = fields.maybe("email", self._value)
        traits = fields.optional("traits", mapped(self._named), {})
        consent = fields.optional("consent", mapped(_consent), {})
        if not fields.refused and external_id is None and email is None:
            fields.report(rules.MissingKey.at(fields.node.place, '"external_id" or "email" is missing in a contact'))
        fields.close()
        return ContactMap(external_id, email, traits, consent)

    def _case(self, node: Node, reading: Reading) -> Case:
        fields = Fields(node, "a case", reading)
        when = fields.maybe("when", self._row_test)
        event = fields.required("event", event_name)
        properties = fields.optional("properties", mapped(self._named), {})
        fields.close()
        return Case(event, when, properties)

    def _item(self, entry: Entry, reading: Reading) -> dict[str, Value]:
        return mapped(self._named, least=1)(entry.value, reading)

    def _named(self, entry: Entry, reading: Reading) -> Value:
        return self._value(entry.value, reading)

    def _row_test(self, node: Node, reading: Reading) -> RowTest:
        nodes = node.items if isinstance(node, ListNode) else (node,)
        return RowTest(every([partial(self._all_of, each, reading) for each in nodes], reading))

    def _all_of(self, node: Node, reading: Reading) -> tuple[Check, ...]:
        if not isinstance(node, MapNode):
            wrong_type(node, reading, "columns and their tests", hint='as {Quantity: {at_most: 0}} or {CustomerID: ""}')
        return every([partial(self._check, entry, reading) for entry in node.entries], reading)

    def _check(self, entry: Entry, reading: Reading) -> Check:
        self._columns.append((entry.name, entry.key.place))
        tests = clause_tests(entry.value, reading)
        for test in tests:
            if test.operator not in OPERATORS:
                place = test.place or entry.value.place
                reading.refuse(rules.NotAnOption.at(place, f'"{test.operator}" is no test of a column'))
        return check(entry.name, tests)

    def _column(self, node: Node, reading: Reading) -> str:
        name = text(node, reading)
        self._columns.append((name, node.place))
        return name

    def _value(self, node: Node, reading: Reading) -> Value:
        if isinstance(node, MapNode):
            return self._expression(node, reading)
        if not isinstance(node, ScalarNode) or node.value is None:
            wrong_type(node, reading, "a value", hint='text with "{Column}" in it, a number, or {sum: A * B}')
        if not isinstance(node.value, str):
            return Constant(node.value)
        return self._remembered(node, formatted(Text.parse, "text with columns")(node, reading))

    def _expression(self, node: MapNode, reading: Reading) -> Value:
        fields = Fields(node, "an expression", reading)
        key = fields.one_of(("number", "sum"))
        product = None
        if key is not None:
            product = fields.required(key, formatted(partial(Product.parse, summed=key == "sum"), "an expression"))
        fields.close()
        if product is None:
            raise Refused
        return self._remembered(node.entries[0].value, product)

    def _remembered(self, node: Node, value: Text | Product) -> Value:
        self._columns.extend((name, node.place) for name in value.columns)
        return value


_words: Decoder[str] = text


def _consent(entry: Entry, reading: Reading) -> Any:
    """Read `true`, or `{granted, source, text}`: the time is that of the row."""
    if isinstance(entry.value, MapNode):
        fields = Fields(entry.value, "a consent", reading)
        said = {
            "granted": fields.required("granted", boolean),
            "source": fields.optional("source", _words, ""),
            "text": fields.optional("text", _words, ""),
        }
        fields.close()
        return said
    return {"granted": boolean(entry.value, reading)}
