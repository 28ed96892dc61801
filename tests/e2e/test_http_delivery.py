"""From the ledger over HTTP and back: a row keeps the name that SES or Postmark gave its mail, and events bear it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import add_contacts, add_rows, make_parts, rows_of
from lifecycle.base.clock import ManualClock
from lifecycle.deliver.send import deliver_batch
from lifecycle.providers import ses as ses_file
from lifecycle.providers.base import Provider
from lifecycle.providers.postmark import PostmarkHook
from lifecycle.store.engine import Store
from mail_apis import MailApi, Reply, postmark, ses
from ses_records import DELIVERY

CREDENTIALS = "postmark:correct horse"


@pytest.mark.parametrize("make", [ses, postmark])
def test_a_batch_over_http_is_written_down_as_it_ended(
    store: Store, clock: ManualClock, tmp_path: Path, make: Callable[..., Provider]
) -> None:
    """One accepted, one throttled, one without an answer: three states, one reference; nothing leaves twice."""
    add_rows(store, add_contacts(store, 3))
    replies = (Reply(429, {"message": "slow down"}, match="c2@"), Reply(match="c3@", keep=True))
    with MailApi(tmp_path, *replies) as api:
        provider = make(api)
        deliver_batch(make_parts(store, clock, provider))
        assert deliver_batch(make_parts(store, clock, provider)).claimed == 0
        provider.close()
        assert len(api.requests) == 3
    first, second, third = rows_of(store)
    assert [row.state for row in (first, second, third)] == ["sent", "deferred", "unknown"]
    assert first.provider == provider.name
    assert (second.provider_ref, third.provider_ref) == (None, None)
    if provider.name == "ses":
        record = DELIVERY | {"mail": DELIVERY["mail"] | {"messageId": first.provider_ref}}
        (told,) = ses_file.read_record(json.dumps(record), "event", clock.now())
    else:
        delivered = {
            "RecordType": "Delivery", "MessageID": first.provider_ref, "Recipient": "c1@example.org",
            "DeliveredAt": "2026-11-01T08:59:30Z", "Metadata": api.mails[0]["Metadata"],
        }  # fmt: skip
        headers = {"authorization": "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()}
        (told,) = PostmarkHook(CREDENTIALS).read_events(json.dumps(delivered).encode(), headers)
        assert told.message_id == f"{first.message_id}@rihla.example"
    assert (told.provider, told.ref) == (first.provider, first.provider_ref)
