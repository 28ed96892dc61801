"""Values of the content language, for Hypothesis: small ones, so that a failure shrinks to what is wrong.

Each kind of leaf, trigger, step and section is a strategy of its own under a name; `wholes` has the files.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from hypothesis import strategies as st

from lifecycle.base.units import Duration, LocalWindow, Share

LOCALES = ("en", "ar")

#: What YAML, or a reader of it, is known to trip over.
AWKWARD = (
    "no", "off", "null", "~", "true", "12:30", "1e3", "0x1F", "010", "1_000", ".inf", "-", "- a", "a: b", "a:", "# no",
    "a # b", " before", "behind ", "'", '"', '\\"', "it's", "{a}", "[a]", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">",
    "<<", "?", "a\nb", "a\n", "\na", "a\n\n  b\n", "a\tb", "مرحبا", "«عربي» 12", "\u200f", "😀", "👩‍👩‍👧",
    "a\x85b", "a\u2028b", "a\u2029", "\ufeffa", "\xa0a\xa0", "2026-12-01", "=", "%", "\\", "\\n", "---", "...", "- - -",
    "a" * 130, "a b " * 40,
)  # fmt: skip
#: Characters that a file may hold as they are or escaped.
_CHARACTERS = st.characters(exclude_categories=["Cs", "Cn", "Co"])

words = st.one_of(
    st.sampled_from(AWKWARD), st.text(_CHARACTERS, min_size=1, max_size=8).filter(lambda word: bool(word.strip()))
)
names = st.sampled_from(["loyal", "vip-2", "a.b", "x_1", "no", "null", "12", "1e3", "on", "true", "010", "2026-12-01"])
events = st.sampled_from(["Order Completed", "طلب", "yes", "12:30", "a: b", "# no", " x ", "a\nb", "null"])
event_lists = st.lists(events, min_size=1, max_size=2).map(tuple)
numbers = st.one_of(st.integers(-(10**12), 10**12), st.floats(-1e9, 1e9, allow_nan=False))
scalars = st.one_of(numbers, st.booleans(), words)
data: st.SearchStrategy[Any] = st.recursive(
    st.one_of(scalars, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(words, inner, max_size=2)),
    max_leaves=3,
)
maps = st.dictionaries(words, data, max_size=2)
_path_names = st.sampled_from(["total", "cart_id", "first name", "مدينة", "no", "1", "a: b", "#x", "😀"])
paths = st.lists(_path_names, min_size=1, max_size=3).map(tuple)
durations = st.one_of(
    st.builds(lambda n, unit: Duration.parse(f"{n}{unit}"), st.integers(1, 1000), st.sampled_from("smhdw")),
    st.builds(lambda n, unit: Duration.parse(f"{n}{unit}"), st.integers(1, 90), st.sampled_from(["mo", "y"])),
)
offsets = st.one_of(
    st.just(Duration()), durations, durations.map(lambda found: Duration(-found.seconds, -found.months))
)
shares = st.integers(0, 1_000_000).map(lambda n: Share.parse(f"{n / 10_000:.4f}%"))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1))  # noqa: DTZ001 - wall-clock time
instants = moments.map(lambda found: found.replace(tzinfo=UTC))
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(LocalWindow, times, times)
weekdays = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), max_size=2).map(tuple)
owners = st.sampled_from(["contact", "account"])
every = st.sampled_from(["year", "month"])


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw None, or from the strategy."""
    return st.one_of(st.none(), strategy)


def blank_or(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw empty text, or from the strategy."""
    return st.one_of(st.just(""), strategy)
