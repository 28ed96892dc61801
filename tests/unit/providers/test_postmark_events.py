"""What Postmark posts: only with our password, and every record means one thing.

Records are those of Postmark's documentation, "Webhooks": bounce, delivery, spam complaint, subscription change.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lifecycle.base.errors import ForgedError, GarbledError, HookError, SettingsError
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.postmark import PostmarkHook

CREDENTIALS = "postmark:correct horse: battery"

BOUNCE: dict[str, Any] = {
    "RecordType": "Bounce",
    "MessageStream": "outbound",
    "ID": 4323372036854775807,
    "Type": "HardBounce",
    "TypeCode": 1,
    "Name": "Hard bounce",
    "Tag": "Test",
    "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
    "Metadata": {"message-id": "id1@shop.example"},
    "ServerID": 23,
    "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
    "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
    "Email": "john@example.com",
    "From": "sender@example.com",
    "BouncedAt": "2019-11-05T16:33:54.9070259Z",
    "DumpAvailable": True,
    "Inactive": True,
    "CanActivate": True,
    "Subject": "Test subject",
    "Content": "<Full dump of bounce>",
}
DELIVERY: dict[str, Any] = {
    "RecordType": "Delivery",
    "MessageStream": "outbound",
    "ServerID": 23,
    "MessageID": "00000000-0000-0000-0000-000000000000",
    "Recipient": "john@example.com",
    "Tag": "welcome-email",
    "DeliveredAt": "2014-08-01T13:28:10.2735393-04:00",
    "Details": "Test delivery webhook details",
    "Metadata": {"example": "value", "example_2": "value"},
}
COMPLAINT: dict[str, Any] = BOUNCE | {
    "RecordType": "SpamComplaint", "ID": 42, "Type": "SpamComplaint", "TypeCode": 100001, "Name": "Spam complaint",
    "Description": "The subscriber explicitly marked this message as spam.", "Details": "Test spam complaint details",
}  # fmt: skip
CHANGE: dict[str, Any] = {
    "RecordType": "SubscriptionChange",
    "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
    "ServerID": 123456,
    "MessageStream": "outbound",
    "ChangedAt": "2020-02-01T10:53:34.416071Z",
    "Recipient": "bounced-address@wildbit.com",
    "Origin": "Recipient",
    "SuppressSending": True,
    "SuppressionReason": "HardBounce",
    "Tag": "my-tag",
    "Metadata": {"example": "value", "example_2": "value"},
}


def basic(credentials: str) -> dict[str, str]:
    """Return the header that carries them."""
    return {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def read(record: Any) -> list[Feedback]:
    """Return what a record means that came with our password."""
    return PostmarkHook(CREDENTIALS).read_events(json.dumps(record).encode(), basic(CREDENTIALS))


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"authorization": ""}, {"authorization": "Basic"}, {"authorization": "Basic %%%"},
        basic("postmark:wrong"), basic(CREDENTIALS + "x"), basic(CREDENTIALS[:-1]), basic(""),
        {"authorization": "Bearer " + base64.b64encode(CREDENTIALS.encode()).decode()},
        {"authorization": "Basic " + "a" * 100_000}, {"authorization": "Basic é"},
    ],
)  # fmt: skip
def test_without_our_password_nothing_is_read(headers: dict[str, str]) -> None:
    """Not even looked at: the body is no JSON at all."""
    with pytest.raises(ForgedError) as caught:
        PostmarkHook(CREDENTIALS).read_events(b"not read", headers)
    assert "horse" not in caught.value.message


@pytest.mark.parametrize("setting", ["", "user", "user:", ":password-alone", "user:short"])
def test_setting_that_is_no_user_and_password_is_refused(setting: str) -> None:
    """At the start, not with the first event."""
    with pytest.raises(SettingsError, match="LIFECYCLE_POSTMARK_HOOK"):
        PostmarkHook(setting)


def test_bounce_carries_everything_that_is_known() -> None:
    """Kind, mail by both of its names, recipient, status, words, time, and the bounce's number."""
    (found,) = read(BOUNCE)
    assert found == Feedback(
        Kind.HARD, "postmark", "bounce:4323372036854775807", datetime(2019, 11, 5, 16, 33, 54, 907025, tzinfo=UTC),
        ref="883953f4-6105-42a2-a16a-77a8eac79483", message_id="id1@shop.example", recipient="john@example.com",
        enhanced="5.1.1", detail="HardBounce smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        raw=json.dumps(BOUNCE),
    )  # fmt: skip


def test_delivery_and_complaint() -> None:
    """With their times, in whatever zone and with seven digits."""
    (delivery,), (complaint,) = read(DELIVERY), read(COMPLAINT)
    assert (delivery.kind, delivery.recipient, delivery.message_id) == (Kind.DELIVERED, "john@example.com", None)
    assert delivery.at == datetime(2014, 8, 1, 17, 28, 10, 273539, tzinfo=UTC)
    assert (complaint.kind, complaint.event) == (Kind.COMPLAINED, "bounce:42")


@pytest.mark.parametrize(
    ("kind", "details", "means"),
    [
        ("HardBounce", "smtp;550 5.1.1 no such user", Kind.HARD), ("HardBounce", "", Kind.HARD),
        ("HardBounce", "smtp;554 5.7.1 rejected by policy", Kind.BLOCKED),
        ("HardBounce", "smtp;552 5.2.2 mailbox full", Kind.SOFT),
        ("BadEmailAddress", "", Kind.HARD), ("SoftBounce", "smtp;452 4.2.2 full", Kind.SOFT),
        ("SoftBounce", "smtp;550 5.1.1 said softly", Kind.SOFT), ("DnsError", "", Kind.SOFT),
        ("Transient", "smtp;421 later", Kind.DELAYED), ("Blocked", "smtp;550 5.1.1 listed", Kind.BLOCKED),
        ("SpamNotification", "", Kind.BLOCKED), ("VirusNotification", "", Kind.BLOCKED),
        ("DMARCPolicy", "", Kind.BLOCKED), ("Unknown", "", Kind.BLOCKED), ("ManuallyDeactivated", "", Kind.BLOCKED),
        ("SMTPApiError", "", Kind.BLOCKED), ("SpamComplaint", "", Kind.COMPLAINED),
        ("Unsubscribe", "", Kind.COMPLAINED), ("Unconfirmed", "", Kind.BLOCKED),
        ("AutoResponder", "", None), ("AddressChange", "", None), ("Subscribe", "", None), ("OpenRelayTest", "", None),
        ("ChallengeVerification", "", None), ("InboundError", "", None), ("Next year's", "", None),
    ],
)  # fmt: skip
def test_bounces_mean_what_their_type_says(kind: str, details: str, means: Kind | None) -> None:
    """A hard one is believed unless the server's own status blames policy or a full mailbox."""
    found = read(BOUNCE | {"Type": kind, "Details": details})
    assert [one.kind for one in found] == ([] if means is None else [means])


@pytest.mark.parametrize(
    ("change", "means"),
    [
        ({}, Kind.HARD), ({"SuppressionReason": "SpamComplaint"}, Kind.COMPLAINED),
        ({"SuppressionReason": "ManualSuppression"}, Kind.COMPLAINED),
        ({"SuppressionReason": "ManualSuppression", "Origin": "Customer"}, None),
        ({"SuppressionReason": "ManualSuppression", "Origin": "Admin"}, None),
        ({"SuppressSending": False, "SuppressionReason": None}, None),
    ],
)  # fmt: skip
def test_suppressions_at_postmark_mean_what_their_reason_says(change: dict[str, Any], means: Kind | None) -> None:
    """A reactivation there frees nobody here."""
    assert [one.kind for one in read(CHANGE | change)] == ([] if means is None else [means])


@pytest.mark.parametrize("record", ["Open", "Click", "Inbound", "SMTPApiError", "Something of next year"])
def test_what_we_do_not_follow_is_taken_and_says_nothing(record: str) -> None:
    """Postmark shall not post it again."""
    assert read({"RecordType": record, "MessageID": "x"}) == []


def test_the_same_telling_has_the_same_name() -> None:
    """However often it is posted; two bounces, and a delivery, have different ones."""
    assert read(BOUNCE)[0].event == read(BOUNCE)[0].event
    assert len({read(each)[0].event for each in (BOUNCE, COMPLAINT, DELIVERY, CHANGE)}) == 4


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"RecordType": 7}', b'{"RecordType": ""}'],
)
def test_garbage_is_a_clean_error(body: bytes) -> None:
    """Never another exception."""
    with pytest.raises(GarbledError):
        PostmarkHook(CREDENTIALS).read_events(body, basic(CREDENTIALS))


@pytest.mark.parametrize(
    "change",
    [
        {"ID": None}, {"ID": "x"}, {"Email": {}}, {"BouncedAt": None}, {"BouncedAt": "soon"}, {"Metadata": []},
        {"Metadata": {"message-id": 7}}, {"Email": "\ud800"}, {"Details": []}, {"MessageID": 7}, {"Type": []},
    ],
)  # fmt: skip
def test_fields_of_another_shape_are_a_clean_error(change: dict[str, Any]) -> None:
    """Nothing is guessed."""
    with pytest.raises(HookError):
        read(BOUNCE | change)
