"""Whatever JSON is posted, behind whatever signature or password: a clean error or feedback that can be stored."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.base.errors import HookError
from lifecycle.providers.feedback import Feedback
from lifecycle.providers.postmark import PostmarkHook
from lifecycle.providers.ses import read_record
from ses_records import BOUNCE, COMPLAINT, DELAY, DELIVERY, OLD_BOUNCE, REJECT
from sns import NOW

CREDENTIALS = "postmark:correct horse"
BASIC = {"authorization": "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()}
POSTMARK: list[dict[str, Any]] = [
    {
        "RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "MessageID": "m", "Metadata": {"message-id": "x"},
        "Details": "smtp;550 5.1.1", "Email": "john@example.com", "BouncedAt": "2026-11-01T08:59:30Z",
    },
    {"RecordType": "Delivery", "MessageID": "m", "Recipient": "a@b.example", "DeliveredAt": "2026-11-01T08:59:30Z"},
    {
        "RecordType": "SubscriptionChange", "MessageID": "m", "Recipient": "a@b.example", "SuppressSending": True,
        "SuppressionReason": "HardBounce", "Origin": "Recipient", "ChangedAt": "2026-11-01T08:59:30Z",
    },
]  # fmt: skip

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["\ud800", "\0", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "9" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, one in inside for each in [(*path, key), *places(one, (*path, key))]]


@st.composite
def spoilt(draw: st.DrawFn, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a record with something else in one place."""
    record: dict[str, Any] = deepcopy(draw(st.sampled_from(records)))
    *path, last = draw(st.sampled_from(places(record)))
    holder: Any = record
    for key in path:
        holder = holder[key]
    holder[last] = draw(ANYTHING)
    return record


def storable(found: list[Feedback]) -> bool:
    """Say whether a database takes all of it."""
    texts = [text or "" for one in found for text in (one.event, one.ref, one.message_id, one.recipient, one.detail)]
    return all("\0" not in text and text.encode() is not None for text in [*texts, *(one.raw for one in found)])


@given(spoilt([BOUNCE, OLD_BOUNCE, COMPLAINT, DELIVERY, DELAY, REJECT]))
def test_no_record_of_ses_breaks_us(record: dict[str, Any]) -> None:
    """One field is anything at all."""
    try:
        found = read_record(json.dumps(record), "event", NOW)
    except HookError:
        return
    assert storable(found)


@given(spoilt(POSTMARK))
def test_no_record_of_postmark_breaks_us(record: dict[str, Any]) -> None:
    """One field is anything at all."""
    try:
        found = PostmarkHook(CREDENTIALS).read_events(json.dumps(record).encode(), BASIC)
    except HookError:
        return
    assert storable(found)


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_time_at_the_end_of_the_calendar_is_a_clean_error(instant: str) -> None:
    """It has no UTC."""
    record = POSTMARK[1] | {"DeliveredAt": instant}
    with pytest.raises(HookError):
        PostmarkHook(CREDENTIALS).read_events(json.dumps(record).encode(), BASIC)
