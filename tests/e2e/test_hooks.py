"""`POST /hooks/{provider}` over a real server: what providers tell of mails, and who else knocks there."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import StoreError
from lifecycle.deliver.feedback import take_feedback
from lifecycle.intake.consent import suppression
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.postmark import PostmarkHook
from lifecycle.providers.ses import SesHook
from lifecycle.store.engine import Store
from lifecycle.web.hooks import MAX_HOOK_BYTES
from ses_records import BOUNCE, OLD_BOUNCE, OTHERS
from sns import ARN, NOW, Sns, confirmation, notification, signed
from website import Website

CREDENTIALS = "postmark:correct horse"
BASIC = {"Authorization": "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()}
DELIVERY = {
    "RecordType": "Delivery", "MessageID": "00000000-0000-0000-0000-000000000000", "Recipient": "john@example.com",
    "DeliveredAt": "2026-11-01T08:59:30.2735393Z", "Details": "250 OK",
}  # fmt: skip


class Ledger:
    """Takes what is told, each telling once, as delivery does."""

    def __init__(self) -> None:
        self.told: list[Feedback] = []
        self.error: Exception | None = None

    def take(self, feedback: Sequence[Feedback]) -> int:
        """Return how much was new."""
        if self.error is not None:
            raise self.error
        known = {one.event for one in self.told}
        new = [one for one in feedback if one.event not in known]
        self.told += new
        return len(new)


@pytest.fixture
def ledger() -> Ledger:
    """Return where it is written down."""
    return Ledger()


@pytest.fixture
def sns() -> Sns:
    """Return what SNS answers."""
    return Sns()


@pytest.fixture
def site(store: Store, ledger: Ledger, sns: Sns) -> Iterator[Website]:
    """Yield a site that listens to both."""
    clock = ManualClock(NOW)
    hooks = {"ses": SesHook(ARN, clock, sns.fetch), "postmark": PostmarkHook(CREDENTIALS)}
    with Website(store, clock, patient=False, hooks=hooks, feedback=ledger.take) as made:
        yield made


def post(site: Website, provider: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Post and return status and JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = site.browser.post(f"/hooks/{provider}", content=content, headers=headers)
    return answer.status_code, answer.json()


def test_what_providers_tell_is_taken(site: Website, ledger: Ledger) -> None:
    """Each in its own way: signed, and by password."""
    text = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
    assert post(site, "ses", signed(notification(BOUNCE)), text) == (200, {"taken": 1})
    assert post(site, "ses", signed(notification(OLD_BOUNCE)), text) == (200, {"taken": 2})
    assert post(site, "postmark", DELIVERY, BASIC) == (200, {"taken": 1})
    assert [one.kind for one in ledger.told] == [Kind.HARD] * 3 + [Kind.DELIVERED]


def test_what_comes_again_is_acknowledged_and_counts_once(site: Website, ledger: Ledger) -> None:
    """Providers repeat themselves; so may whoever recorded a request."""
    body = signed(notification(BOUNCE))
    assert [post(site, "ses", body)[1] for _ in range(3)] == [{"taken": 1}, {"taken": 0}, {"taken": 0}]
    assert [post(site, "postmark", DELIVERY, BASIC)[1] for _ in range(2)] == [{"taken": 1}, {"taken": 0}]
    assert len(ledger.told) == 2


def test_what_is_forged_is_refused_and_nothing_is_written(
    site: Website, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """403 in JSON, one line in the log, without addresses."""
    with caplog.at_level(logging.WARNING, "lifecycle.web"):
        assert post(site, "ses", signed(notification(BOUNCE), MessageId="x"))[0] == 403
        assert post(site, "ses", notification(BOUNCE))[0] == 403
        assert post(site, "postmark", DELIVERY)[0] == 403
        status, answer = post(site, "postmark", b"{", {"Authorization": "Basic d3Jvbmc6cGFzc3dvcmQ="})
    assert (status, answer["code"], ledger.told) == (403, "forged", [])
    assert [record.message.split(":")[0] for record in caplog.records] == ["hook ses"] * 2 + ["hook postmark"] * 2
    assert "example.com" not in caplog.text


def test_what_cannot_be_read_is_a_400(site: Website, ledger: Ledger) -> None:
    """Signed or not: never a 500."""
    assert post(site, "ses", signed(notification("no record")))[0] == 400
    for body in (b"", b"nonsense", b"\xff", b"[]"):
        assert post(site, "ses", body)[1]["code"] == "garbled"
        assert post(site, "postmark", body, BASIC)[1]["code"] == "garbled"
    assert ledger.told == []


def test_what_says_nothing_of_a_mail_is_acknowledged(site: Website, ledger: Ledger, sns: Sns) -> None:
    """Also the handshake, which fetches what SNS asks for."""
    assert post(site, "ses", signed(notification(OTHERS[0]))) == (200, {"taken": 0})
    assert post(site, "ses", signed(confirmation())) == (200, {"taken": 0})
    assert sns.fetched[-1] == confirmation()["SubscribeURL"]
    assert ledger.told == []


def test_body_is_limited(site: Website) -> None:
    """One octet more than the limit is a 413; what is below is looked at."""
    assert post(site, "postmark", b" " * (MAX_HOOK_BYTES + 1), BASIC)[0] == 413
    assert post(site, "postmark", b" " * MAX_HOOK_BYTES, BASIC)[0] == 400


def test_what_cannot_be_written_shall_come_again(site: Website, ledger: Ledger, sns: Sns) -> None:
    """The database, or SNS's certificate: 503, and the same request is taken later."""
    ledger.error = StoreError("the database is gone")
    status, answer = post(site, "postmark", DELIVERY, BASIC)
    assert (status, "database" in answer["message"]) == (503, False)
    ledger.error = None
    sns.is_down = True
    assert post(site, "ses", signed(notification(BOUNCE)))[0] == 503
    sns.is_down = False
    assert post(site, "ses", signed(notification(BOUNCE))) == (200, {"taken": 1})
    assert post(site, "postmark", DELIVERY, BASIC) == (200, {"taken": 1})


def test_provider_that_is_not_set_up_has_no_hook(site: Website, store: Store) -> None:
    """A clean 404 in JSON; a GET is none either; without anybody to take it, 503."""
    assert post(site, "smtp", {})[1]["code"] == "no_such_hook"
    assert site.browser.get("/hooks/ses").status_code == 405
    assert site.browser.post("/hooks/ses/more").status_code == 404
    with Website(store, hooks={"postmark": PostmarkHook(CREDENTIALS)}) as deaf:
        assert post(deaf, "postmark", DELIVERY, BASIC)[0] == 503


def test_one_address_knocks_only_so_often(site: Website) -> None:
    """Room for a provider that tells of a whole broadcast, none for guessing for ever."""
    codes = {post(site, "postmark", b"{}")[0] for _ in range(2001)}
    assert codes == {403, 429}


def test_a_bounce_that_postmark_tells_of_ends_the_mail_and_suppresses_the_address(store: Store) -> None:
    """From the webhook to the ledger, with nothing in between made up; told again, nothing more happens."""
    clock = ManualClock(NOW)
    told = {
        "RecordType": "Bounce", "ID": 4323372036, "Type": "HardBounce", "TypeCode": 1, "MessageID": "ref-1",
        "Email": "sara@example.com", "BouncedAt": "2026-11-01T08:59:30Z", "Details": "550 5.1.1 no such user",
    }  # fmt: skip
    hooks = {"postmark": PostmarkHook(CREDENTIALS)}

    def take(feedback: Sequence[Feedback]) -> int:
        return take_feedback(store, clock, feedback).applied

    with Website(store, clock, hooks=hooks, feedback=take) as made:
        made.add_contact(1)
        made.add_mail(1, provider="postmark", provider_ref="ref-1", address="sara@example.com")
        first, second = (post(made, "postmark", told, BASIC) for _ in range(2))
        assert (first, second) == ((200, {"taken": 1}), (200, {"taken": 0}))
        assert made.mail(1).state == "bounced"
        with store.read() as connection:
            assert suppression(connection, "sara@example.com") == "hard_bounce"
