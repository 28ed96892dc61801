"""Catalogs that nobody writes by hand: all end in diagnostics, with work that grows with their size alone."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendering import content

from lifecycle.render.catalogs import read_catalogs
from lifecycle.render.parity import check_catalogs
from lifecycle.spec.diagnostics import Diagnostic, as_text
from lifecycle.spec.source import MAX_PER_FILE

#: calls of functions, Python's and C's, that one hostile catalog may take
_MOST_CALLS = 1_000_000
_MANY = 2_500
#: odd, and no mistake
_SOUND = {"half tags", "half links", "half braces", "long tag"}

HOSTILE = {
    "brackets": "[" * 100_000,
    "braces": "{a: " * 50_000,
    "indents": "\n".join(" " * n + "a:" for n in range(1000)),
    "aliases": "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(1000)),
    "merges": "a: &a {x: y}\n" + "b: {<<: *a}\n" * 1000,
    "python": "a: !!python/object/apply:os.system [x]\n",
    "nul": "a: \0\n",
    "bytes": "a: \udcff\udcfe\n",
    "too large": "a: " + "x" * 5_000_000,
    "many values": "a: [" + "1," * 200_000 + "]",
    "bom and tabs": "\ufeffa:\n\tb: c\n",
    "long key": "k" * 100_000 + ":\n" + "".join(f"  a{n}: x\n" for n in range(_MANY)),
    "many plurals": "".join(f"a{n}: {{one: x}}\nb{n}: {{few: x, other: y}}\n" for n in range(_MANY // 6)),
    "many forms": "a:\n  one: x\n  other: '{count}'\n" + "".join(f"  fwe{n}: x\n" for n in range(_MANY)),
    "many strays": "".join(f"stray{n}: x\n" for n in range(_MANY)),
    "many placeholders": "".join(f"k{n}: '{{p{n}}}'\n" for n in range(_MANY)),
    "placeholders in one text": "k1: '" + "".join(f"{{p{n}}}" for n in range(80_000)) + "'\n",
    "open tags": "k1: '" + "<b>" * 200_000 + "'\n",
    "half tags": "k1: '" + "<b " * 200_000 + "'\n",
    "long tag": "k1: '<" + "b" * 900_000 + "'\n",
    "half links": "k1: '" + "href " * 150_000 + "'\n",
    "half braces": "k1: '" + "{k" * 300_000 + "'\n",
    "leading zeros": "".join(f"k{n}: 0{n}\n" for n in range(_MANY)),
}
MODEL = "".join(f"k{n}: text {n}\n" for n in range(_MANY))


def checked(arabic: str) -> list[Diagnostic]:
    """Return what is wrong with an Arabic catalog beside an English one of many texts."""
    files = {"locales/en.yaml": MODEL, "locales/ar.yaml": arabic}
    found: list[Diagnostic] = []
    found += check_catalogs(content(files), read_catalogs(files, found))
    for problem in found:
        as_text(problem, files).encode()
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_catalog_ends_in_diagnostics_and_soon(name: str) -> None:
    """Never a traceback, no more than a person reads, and never work that grows with the square of the size."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = checked(HOSTILE[name])
    finally:
        sys.setprofile(before)
    assert (name in _SOUND) == (found == [])
    assert len(found) <= 3 * MAX_PER_FILE
    assert calls < _MOST_CALLS


@given(st.text(alphabet=st.sampled_from("ab:{}[]'\"\n -<>/&*!?|#,.~\u0645\u0661\t"), max_size=80))
def test_any_text_at_all_is_a_catalog_or_is_refused(text: str) -> None:
    """No input reaches a traceback, and what is read can be looked up."""
    files = {"locales/en.yaml": "a: x\n", "locales/ar.yaml": text}
    found: list[Diagnostic] = []
    catalogs = read_catalogs(files, found)
    found += check_catalogs(content(files), catalogs)
    for key, entry in catalogs["ar"].items():
        assert entry.key.name == key
        assert entry.places.keys() == entry.forms.keys()
    for problem in found:
        as_text(problem, files)


def test_carriage_returns_and_arabic_keys_are_read_as_they_are() -> None:
    """Windows' line ends do not move a line, nor does Arabic move a column."""
    found: list[Diagnostic] = []
    catalogs = read_catalogs({"locales/en.yaml": "مفتاح: نص\r\nb: x\r\nb: y\r\n"}, found)
    assert catalogs["en"]["مفتاح"].forms == {"": "نص"}
    assert [(problem.code, problem.place.line, problem.place.column) for problem in found] == [("LC009", 3, 1)]
