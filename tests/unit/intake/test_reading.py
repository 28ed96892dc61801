"""Lines of NDJSON as they are read: what is JSON, what is stored of it, and how much of a file is held at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from arrivals import rows

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import LifecycleError
from lifecycle.intake import reading
from lifecycle.intake.files import Line
from lifecycle.intake.importing import Import
from lifecycle.intake.payload import Refused, payload_id
from lifecycle.intake.reading import Reader, Source, parse_json
from lifecycle.store import tables
from lifecycle.store.engine import Store


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 12345678901234567890123, "b": -9223372036854775809, "c": 18446744073709551616}',
        '{"a": 1, "a": 2}',
        '{"a": 1e16, "b": 1.10, "c": -0.0, "d": 123456789012345678.5, "e": 5e-324}',
        '{"a": "\\ud83d\\ude00 \\/ \\u0007 \x7f", "ب": null}',
        '{"a": NaN, "b": 1e400, "c": -Infinity}',
        '{"a": "\\ud800"}',
        '  {"a": 1}\r\n',
    ],
)
def test_a_line_means_what_json_says_that_it_means(text: str) -> None:
    """The fast reader gives what the standard library gives, or leaves the line to it."""
    assert repr(parse_json(Line(1, text))) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text", ['{"a": 01}', '{"a": 1.}', "{'a': 1}", '{"a": "\x01"}', '{"a": 1} x', "", '{"a":' * 9999]
)
def test_what_is_no_json_is_refused_in_the_same_words_as_ever(text: str) -> None:
    """Whichever reader has noticed."""
    with pytest.raises(Refused, match="no JSON: "):
        parse_json(Line(1, text))


def test_properties_are_stored_as_they_were_sent(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    """Numbers of any size, texts with everything that means something to a COPY, and empty things."""
    properties: dict[str, Any] = {
        "big": 12345678901234567890123, "float": 1e16, "exact": 0.1, "null": None, "empty": {}, "list": [[], [None]],
        "text": 'a\\b\\N\\.\n\r\t"\x7f\u2028', "سلة": "خوذة 😀", "NaN": "null",
    }  # fmt: skip
    names = ["\\N", "a\tb", "a\nb", "\\", "سارة", "x\\\\y"]
    path = tmp_path / "events.ndjson"
    lines = [
        {"userId": name, "event": f"{name} {place}", "messageId": f"{place}{name}", "properties": properties}
        for place, name in enumerate(names)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert Import("events", path, store, clock).run().stored == len(names)
    found = rows(store, tables.events)
    assert [row["properties"] for row in found] == [properties] * len(names)
    assert [(row["message_id"], row["name"]) for row in found] == [(line["messageId"], line["event"]) for line in lines]
    assert [row["external_id"] for row in rows(store, tables.contacts)] == names


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("NaN", "no JSON"),
        ("1e400", "no JSON"),
        ('"\\u0000"', "NUL"),
        ('"\\ud800"', "surrogate"),
        ('{"\\u0000": 1}', "NUL"),
    ],
)  # fmt: skip
def test_what_no_database_can_hold_is_rejected_with_its_line(
    store: Store, clock: ManualClock, tmp_path: Path, value: str, words: str
) -> None:
    """And the lines around it are stored."""
    path = tmp_path / "events.ndjson"
    line = '{{"userId": "u", "event": "Seen", "messageId": "{}", "properties": {{"a": {}}}}}\n'
    path.write_text(line.format(1, 1) + line.format(2, value) + line.format(3, 3), encoding="utf-8")
    outcome = Import("events", path, store, clock).run()
    assert (outcome.read, outcome.stored, outcome.rejected) == (3, 2, 1)
    assert outcome.reject_file is not None
    rejected = json.loads(outcome.reject_file.read_text(encoding="utf-8"))
    assert rejected["reject_line"] == 2
    assert words in rejected["reject_reason"]


def test_the_id_of_a_message_without_one_never_changes() -> None:
    """It was stored with the events of years, and tells them from new ones."""
    payload = {"type": "track", "userId": "سارة", "properties": {"b": 1e16, "a": [True]}}
    assert payload_id(payload) == "hash:79fb2276e3ba788d84e3a81d359d4547"
    assert payload_id(dict(reversed(payload.items()))) == payload_id(payload)


def chunks(path: Path, clock: ManualClock, **options: Any) -> list[Any]:
    """Return the chunks of a file of events."""
    return list(Reader(Source("events", path, options.pop("size", 1_000), 10**9, **options), clock).chunks())


def test_a_chunk_holds_so_many_rows_whether_they_are_good_or_bad(clock: ManualClock, tmp_path: Path) -> None:
    """A file of nothing but rejects does not fill the memory either."""
    path = tmp_path / "events.ndjson"
    path.write_text('{"userId": "u", "event": "Seen"}\n{\n' * 50, encoding="utf-8")
    found = chunks(path, clock, size=10)
    assert [len(chunk.values) + len(chunk.refused) for chunk in found] == [10] * 10 + [0]
    assert [refusal.line for chunk in found for refusal in chunk.refused] == list(range(2, 101, 2))
    assert [chunk.read for chunk in found] == [10] * 10 + [0]


def test_rows_of_another_width_fill_a_chunk_too(clock: ManualClock, tmp_path: Path) -> None:
    """A CSV file that was cut at the wrong place is refused piece by piece."""
    path = tmp_path / "events.csv"
    path.write_text("contact,event\n" + "u,Seen,x\n" * 25, encoding="utf-8")
    assert [len(chunk.refused) for chunk in chunks(path, clock, size=10)] == [10, 10, 5]


def test_a_chunk_holds_so_many_bytes_however_few_rows_that_is(
    clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five thousand lines of a megabyte would be five gigabytes."""
    monkeypatch.setattr(reading, "MOST_BYTES", 10_000)
    path = tmp_path / "events.ndjson"
    line = json.dumps({"userId": "u", "event": "Seen", "properties": {"a": "x" * 3_000}}) + "\n"
    path.write_text(line * 50, encoding="utf-8")
    assert max(len(chunk.values) for chunk in chunks(path, clock)) == 4


def test_what_comes_before_a_damage_is_handed_over_before_it_is_told(clock: ManualClock, tmp_path: Path) -> None:
    """The rows of a chunk that was not full yet, too."""
    path = tmp_path / "events.ndjson"
    path.write_text('{"userId": "u", "event": "Seen"}\n' * 25, encoding="utf-8")
    steps = Reader(Source("events", path, 10, 33 * 24), clock).chunks()
    assert [len(next(steps).values) for _ in range(3)] == [10, 10, 4]
    with pytest.raises(LifecycleError, match="at line 25"):
        next(steps)
