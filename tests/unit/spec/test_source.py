"""Strict YAML: YAML 1.2's scalars, places in characters, and an end to everything hostile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.spec.diagnostics import as_text
from lifecycle.spec.project import load
from lifecycle.spec.source import MapNode, plain_data, read

T = TypeVar("T")

PROJECT = """project: p
brand: {name: A, url: https://a.example}
senders: {m: {from: a@b.example, name: A}}
"""


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-12-01", "2026-12-01"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("-1.5", -1.5),
        ("+7", 7),
        ("+40m", "+40m"),
        ("~", None),
        ("", None),
        ("true", True),
        ('"true"', "true"),
        ("'1'", "1"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    """What YAML 1.1 reads as booleans, sixties and octals is text or decimal here."""
    node, _ = read("x.yaml", f"key: {written}")
    assert node is not None
    assert plain_data(node) == {"key": value}


def test_places_are_in_characters_whatever_the_script() -> None:
    """Emoji and Arabic before a value do not move its column."""
    node, found = read("x.yaml", '"😀é": [ عربي, "ب" ]\n')
    assert found == []
    assert isinstance(node, MapNode)
    entry = node.entries[0]
    assert (entry.key.place.column, entry.key.place.length) == (1, 4)
    items = entry.value.items  # type: ignore[union-attr]
    assert [(item.place.column, item.place.length) for item in items] == [(9, 4), (15, 3)]


HOSTILE = {
    "brackets": "[" * 100_000,
    "braces": "{a: " * 50_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 50_000,
    "indents": "\n".join(" " * n + "a:" for n in range(1000)),
    "aliases": "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(1000)),
    "merges": "a: &a {x: 1}\n" + "b: {<<: *a}\n" * 1000,
    "python": "a: !!python/object/apply:os.system [x]\n",
    "nul": "a: \0\n",
    "bytes": "a: \udcff\udcfe\n",
    "huge scalar": 'a: "' + "x" * 990_000 + '"\n',
    "too large": "a: " + "x" * 5_000_000,
    "many values": "a: [" + "1," * 200_000 + "]",
    "many keys": "\n".join(f"k{n}: {n}" for n in range(200_000)),
    "many unknown leaves": "segment: x\nwhere:\n  all:\n" + "    - {orders.cuont: 1}\n" * 20_000,
    "digits": "a: " + "9" * 100_000,
    "folded": "a: >\n" + "\n" * 900_000,
    "quotes": "a: " + "'" * 200_001,
    "tabs": "a:\n\tb:\n\t\tc: 1\n",
    "directive": "%YAML 9.9\n---\na: 1\n",
    "bom": "\ufeffa: 1\n",
    "crlf": "a: 1\r\nb: 2\r\n",
    "arabic keys": "مفتاح: ١\n",
    "long words": "segment: x\nwhere: {" + "o" * 100_000 + ": 1}\n",
    "long zone": "timezone: " + "A" * 100_000 + "\n",
}


#: calls of functions, Python's and C's, that reading one hostile file may take: what a slow machine does in a second
_MOST_CALLS = 1_000_000


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_ends_in_a_diagnostic_and_soon(name: str) -> None:
    """Never a traceback, and never much work: counted in calls, since seconds depend on who else uses the machine.

    benchmarks/hostile.py prints the seconds.
    """
    segment = {"lifecycle.yaml": PROJECT, "segments/x.yaml": HOSTILE[name]}
    project = {"lifecycle.yaml": HOSTILE[name]}
    for files in (segment, project):
        loaded, calls = counted(partial(load, files))
        assert loaded.errors
        for found in loaded.diagnostics:
            as_text(found, files).encode()
        assert calls < _MOST_CALLS


def counted(work: Callable[[], T]) -> tuple[T, int]:
    """Return what `work` returns, and how many functions it called."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        made = work()
    finally:
        sys.setprofile(before)
    return made, calls


@given(st.text(max_size=60))
def test_any_text_at_all_is_read_or_refused(text: str) -> None:
    """No input reaches a traceback, in any kind of file."""
    for path in ("lifecycle.yaml", "segments/x.yaml", "campaigns/x.yaml"):
        loaded = load({"lifecycle.yaml": PROJECT, path: text})
        for found in loaded.diagnostics:
            as_text(found, {path: text})


_FRAGMENTS = st.sampled_from(
    [
        "a",
        ": ",
        "- ",
        "\n",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "event",
        "steps",
        "where",
        "send",
        "wait",
        "3d",
        '"',
        "#",
        ",",
        "within",
    ]
)


@given(st.lists(_FRAGMENTS, max_size=30).map("".join))
def test_any_shape_of_yaml_is_read_or_refused(text: str) -> None:
    """The same, with texts that look like content."""
    head = "campaign: x\nstage: awareness\ntopic: t\ntrigger: {event: A}\nsteps:\n  "
    load(
        {"lifecycle.yaml": PROJECT, "campaigns/x.yaml": head + text, "segments/x.yaml": "segment: x\nwhere:\n  " + text}
    )
