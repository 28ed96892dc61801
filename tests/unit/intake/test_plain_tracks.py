"""The short way of reading a plain event gives what the long way gives, or leaves the message to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.intake import payload as reading
from lifecycle.intake.payload import Refused, read_message

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)

_names: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        ["u1", "u 1", " u1", "u1 ", " ", "", "a\tb", "a\0b", "\x7f", "سارة", "\ud800", "x" * 500, "x" * 501]
    ),
    st.text(st.characters(max_codepoint=0x180), max_size=5),
    st.sampled_from([None, 7, True, 1.5, ["u"], 10**100]),
)
_times: st.SearchStrategy[Any] = st.sampled_from(
    [
        "2026-10-01T00:00:00Z", "2026-10-31T12:00:00+03:00", "2026-11-01", "2026-10-01T00:00:00",
        " 2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "soon", 5, None,
    ]
)  # fmt: skip
_properties: st.SearchStrategy[Any] = st.sampled_from(
    [
        {},
        {"b": 1, "a": [1.5, None, "x"]},
        {"a": float("nan")},
        {"a": 10**30},
        {"a": "\0"},
        {"a": "\ud800"},
        None,
        [1],
        "x",
    ]
)
_payloads = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "track", "track", "page"])},
    optional={
        "userId": _names, "messageId": _names, "event": _names, "timestamp": _times, "properties": _properties,
        "anonymousId": st.sampled_from(["v", None]),
        "context": st.sampled_from([{}, {"traits": {"email": "a@b.example"}}]),
    },
)  # fmt: skip


def read(payload: Any, *, live: bool) -> Any:
    """Return the message, or why it was refused."""
    try:
        return read_message(payload, 3, NOW, live=live)
    except Refused as refusal:
        return str(refusal)


@given(payload=_payloads, live=st.booleans())
def test_both_ways_read_the_same(payload: Any, live: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """Messages and reasons, whatever stands where."""
    short = read(payload, live=live)
    with patch.object(reading, "_plain_track", lambda *_arguments, **_options: None):
        assert repr(read(payload, live=live)) == repr(short)


def test_a_plain_event_goes_the_short_way() -> None:
    """And one of somebody with an Arabic name the long one."""
    payload = {"type": "track", "userId": "u", "messageId": "m", "event": "Seen", "timestamp": "2026-10-01T00:00:00Z"}
    assert reading._plain_track(payload, 0, NOW, live=False) == read_message(payload, 0, NOW, live=False)
    assert reading._plain_track({**payload, "userId": "سارة"}, 0, NOW, live=False) is None
