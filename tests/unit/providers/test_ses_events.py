"""What SES publishes over SNS: only what our topic signed is read, and every record means one thing a recipient."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import ForgedError, GarbledError, HookError, SettingsError, UnverifiedError
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.ses import SesHook, read_record
from ses_records import BOUNCE, COMPLAINT, DELAY, DELIVERY, OLD_BOUNCE, OTHERS, REF, REJECT
from sns import ARN, CERTIFICATE_URL, NOW, Sns, certificate, confirmation, notification, signed

EVENT = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"


@pytest.fixture
def sns() -> Sns:
    """Return what certificates are fetched from."""
    return Sns()


@pytest.fixture
def hook(sns: Sns) -> SesHook:
    """Return the webhook of our topic."""
    return SesHook(ARN, ManualClock(NOW), sns.fetch)


def read(record: Any) -> list[Feedback]:
    """Return what a record means."""
    return read_record(json.dumps(record), EVENT, NOW)


def bounce(kind: str, sub: str, status: str = "") -> Kind:
    """Return what a bounce of that type means."""
    record = deepcopy(BOUNCE)
    record["bounce"] |= {"bounceType": kind, "bounceSubType": sub}
    record["bounce"]["bouncedRecipients"][0]["status"] = status
    return read(record)[0].kind


class TestSignature:
    """Who may tell us something."""

    @pytest.mark.parametrize("version", ["1", "2"])
    @pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon SES Email Event Notification"}, {"Subject": None}])
    def test_what_our_topic_signed_is_read(self, hook: SesHook, version: str, subject: dict[str, Any]) -> None:
        """Both versions; a subject is signed where there is one."""
        found = hook.read_events(signed(notification(BOUNCE, SignatureVersion=version, **subject)), {})
        assert [(one.kind, one.ref) for one in found] == [(Kind.HARD, REF)]

    @pytest.mark.parametrize(
        "change",
        [
            {"Message": json.dumps(DELIVERY)}, {"MessageId": "another"}, {"Timestamp": "2026-11-01T08:59:31.000Z"},
            {"Subject": "added"}, {"Signature": ""}, {"Signature": "%%%"}, {"Signature": "QUJD"},
            {"SignatureVersion": "2"}, {"SignatureVersion": "3"}, {"Type": "UnsubscribeConfirmation"},
        ],
    )  # fmt: skip
    def test_a_change_after_signing_is_refused(self, hook: SesHook, change: dict[str, Any]) -> None:
        """Whatever is changed, and a signature that is none."""
        with pytest.raises(ForgedError):
            hook.read_events(signed(notification(BOUNCE), **change), {})

    def test_another_topic_is_refused_before_anything_is_fetched(self, hook: SesHook, sns: Sns) -> None:
        """Anybody can have a topic at AWS, with a signature that fits."""
        with pytest.raises(ForgedError, match="topic"):
            hook.read_events(signed(notification(BOUNCE, TopicArn=ARN + "2")), {})
        assert sns.fetched == []

    @pytest.mark.parametrize(
        "url",
        [
            "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", "https://evil.example/sns.pem",
            "http://sns.eu-west-1.amazonaws.com/a.pem", "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/a.pem", "https://sns.us-east-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com/a.crt", "https://sns.eu-west-1.amazonaws.com/?a.pem", "",
            "https://s3.eu-west-1.amazonaws.com/a.pem", "https://[::1/a.pem", "https://127.0.0.1/a.pem",
            "https://sns.eu-west-1.amazonaws.com\\@evil.example/a.pem", "file:///etc/a.pem",
            "https://sns.eu-west-1.amazonaws.com/a\r\nHost: evil.example/.pem",
        ],
    )  # fmt: skip
    def test_certificate_comes_from_sns_of_our_region_alone(self, hook: SesHook, sns: Sns, url: str) -> None:
        """Nothing is fetched from anywhere else."""
        with pytest.raises(ForgedError):
            hook.read_events(signed(notification(BOUNCE, SigningCertURL=url)), {})
        assert sns.fetched == []

    @pytest.mark.parametrize("off", [timedelta(hours=-1, seconds=-1), timedelta(hours=1, seconds=1)])
    def test_what_is_not_of_this_hour_is_refused(self, hook: SesHook, off: timedelta) -> None:
        """A recorded request is worth nothing tomorrow."""
        with pytest.raises(ForgedError, match="hour"):
            hook.read_events(signed(notification(BOUNCE, Timestamp=(NOW + off).isoformat())), {})

    def test_certificate_is_fetched_once(self, hook: SesHook, sns: Sns) -> None:
        """And kept."""
        for _ in range(3):
            hook.read_events(signed(notification(BOUNCE)), {})
        assert sns.fetched == [CERTIFICATE_URL]

    @pytest.mark.parametrize("pem", [certificate(NOW - timedelta(days=1)), b"<html>not found</html>", b""])
    def test_expired_certificate_or_none_is_refused(self, hook: SesHook, sns: Sns, pem: bytes) -> None:
        """Whatever else fits."""
        sns.pem = pem
        with pytest.raises(ForgedError, match="certificate"):
            hook.read_events(signed(notification(BOUNCE)), {})

    def test_certificate_that_cannot_be_fetched_is_nobodys_forgery(self, hook: SesHook, sns: Sns) -> None:
        """SNS may post it again."""
        sns.is_down = True
        with pytest.raises(UnverifiedError):
            hook.read_events(signed(notification(BOUNCE)), {})
        sns.is_down = False
        assert len(hook.read_events(signed(notification(BOUNCE)), {})) == 1

    def test_raw_delivery_is_refused_with_what_to_do(self, hook: SesHook) -> None:
        """It carries no signature at all."""
        with pytest.raises(ForgedError, match="raw message delivery"):
            hook.read_events(json.dumps(BOUNCE).encode(), {"x-amz-sns-rawdelivery": "true"})

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"nonsense",
            b"[]",
            b"null",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"TopicArn": 7}',
            b'{"TopicArn": "\\ud800"}',
            b"{}",
            b'"text"',
            b"1e999",
        ],
    )
    def test_garbage_is_a_clean_error(self, hook: SesHook, body: bytes) -> None:
        """Never another exception."""
        with pytest.raises(HookError):
            hook.read_events(body, {})

    @pytest.mark.parametrize("change", [{"Timestamp": 7}, {"Timestamp": "soon"}, {"Message": {}}, {"Type": "Other"}])
    def test_fields_of_another_shape_are_a_clean_error(self, hook: SesHook, change: dict[str, Any]) -> None:
        """Also behind a signature."""
        with pytest.raises(HookError):
            hook.read_events(signed(notification(BOUNCE) | change), {})

    def test_setting_that_is_no_topic_says_what_one_looks_like(self) -> None:
        """At the start, not with the first event."""
        with pytest.raises(SettingsError, match="LIFECYCLE_SES_TOPIC_ARN"):
            SesHook("mail-events", ManualClock(NOW), Sns().fetch)


class TestSubscription:
    """The handshake."""

    def test_our_topics_subscription_is_confirmed(self, hook: SesHook, sns: Sns) -> None:
        """By fetching what SNS asks for."""
        message = confirmation()
        assert hook.read_events(signed(message), {}) == []
        assert sns.fetched == [CERTIFICATE_URL, message["SubscribeURL"]]

    def test_another_topic_or_a_forged_one_is_not(self, hook: SesHook, sns: Sns) -> None:
        """Else anybody could let us fetch."""
        for message, change in ((confirmation(TopicArn=ARN + "x"), {}), (confirmation(), {"Token": "another"})):
            with pytest.raises(ForgedError):
                hook.read_events(signed(message, **change), {})
        assert not any("Confirm" in url for url in sns.fetched)

    @pytest.mark.parametrize("url", ["https://evil.example/?Action=ConfirmSubscription", "http://169.254.169.254/", ""])
    def test_address_elsewhere_is_not_fetched_even_when_it_is_signed(self, hook: SesHook, sns: Sns, url: str) -> None:
        """No way into the network from here."""
        with pytest.raises(ForgedError):
            hook.read_events(signed(confirmation(SubscribeURL=url)), {})
        assert sns.fetched == [CERTIFICATE_URL]

    def test_end_of_a_subscription_is_only_noted(self, hook: SesHook, sns: Sns) -> None:
        """Nothing is fetched: it would subscribe again."""
        assert hook.read_events(signed(confirmation(Type="UnsubscribeConfirmation")), {}) == []
        assert sns.fetched == [CERTIFICATE_URL]

    def test_first_word_of_event_publishing_is_no_record(self, hook: SesHook) -> None:
        """SES says so once, in plain text."""
        words = "Successfully validated SNS topic for Amazon SES event publishing."
        assert hook.read_events(signed(notification(words)), {}) == []


class TestRecords:
    """What they mean."""

    def test_bounce_carries_everything_that_is_known(self) -> None:
        """Kind, mail, recipient, status, words, time, and the bounce's own name."""
        (found,) = read(BOUNCE)
        assert found == Feedback(
            Kind.HARD, "ses", BOUNCE["bounce"]["feedbackId"], datetime(2017, 8, 5, 0, 41, 2, 669000, tzinfo=UTC),
            ref=REF, message_id="abc123@shop.example", recipient="recipient@example.com", enhanced="5.1.1",
            detail="Permanent General smtp; 550 5.1.1 user unknown", raw=json.dumps(BOUNCE),
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("record", "kind"),
        [
            (BOUNCE, Kind.HARD), (COMPLAINT, Kind.COMPLAINED), (DELIVERY, Kind.DELIVERED), (DELAY, Kind.DELAYED),
            (REJECT, Kind.BLOCKED),
        ],
    )  # fmt: skip
    def test_each_type_in_both_ways_of_publishing(self, record: dict[str, Any], kind: Kind) -> None:
        """`eventType` and `notificationType` say the same."""
        old = {"notificationType" if key == "eventType" else key: value for key, value in record.items()}
        for each in (record, old):
            assert [(one.kind, one.ref, one.recipient) for one in read(each)] == [(kind, REF, "recipient@example.com")]

    def test_several_recipients_are_told_apart(self) -> None:
        """One for each, with names of their own; the one who did not bounce is not among them."""
        found = read(OLD_BOUNCE)
        assert [(one.kind, one.recipient) for one in found] == [
            (Kind.HARD, "jane@example.com"), (Kind.HARD, "richard@example.com"),
        ]  # fmt: skip
        assert len({one.event for one in found}) == 2
        assert all(one.message_id is None for one in found)

    def test_the_same_telling_has_the_same_name(self, hook: SesHook) -> None:
        """A replay within the hour, and the same bounce by both ways, count once downstream."""
        again = signed(notification(BOUNCE, MessageId="another-message"))
        first, second = hook.read_events(signed(notification(BOUNCE)), {}), hook.read_events(again, {})
        assert [one.event for one in first] == [one.event for one in second]
        assert read(DELIVERY)[0].event == EVENT

    @pytest.mark.parametrize(
        ("kind", "sub", "status", "means"),
        [
            ("Permanent", "General", "5.1.1", Kind.HARD), ("Permanent", "General", "", Kind.HARD),
            ("Permanent", "NoEmail", "", Kind.HARD), ("Permanent", "Suppressed", "5.1.1", Kind.HARD),
            ("Permanent", "OnAccountSuppressionList", "5.7.1", Kind.HARD),
            ("Permanent", "General", "5.7.1", Kind.BLOCKED), ("Permanent", "General", "5.4.4", Kind.BLOCKED),
            ("Permanent", "General", "5.3.4", Kind.BLOCKED), ("Permanent", "General", "5.2.2", Kind.SOFT),
            ("Permanent", "UnsubscribedRecipient", "", Kind.BLOCKED),
            ("Transient", "General", "4.4.7", Kind.SOFT), ("Transient", "General", "5.0.0", Kind.SOFT),
            ("Transient", "MailboxFull", "5.2.2", Kind.SOFT), ("Transient", "CustomTimeoutExceeded", "", Kind.SOFT),
            ("Transient", "MessageTooLarge", "5.3.4", Kind.BLOCKED), ("Transient", "ContentRejected", "", Kind.BLOCKED),
            ("Transient", "AttachmentRejected", "", Kind.BLOCKED),
            ("Undetermined", "Undetermined", "", Kind.BLOCKED), ("Undetermined", "Undetermined", "5.1.1", Kind.HARD),
            ("Undetermined", "Undetermined", "4.2.1", Kind.SOFT), ("Next year's", "", "", Kind.BLOCKED),
        ],
    )  # fmt: skip
    def test_bounces_mean_what_their_type_and_status_say(self, kind: str, sub: str, status: str, means: Kind) -> None:
        """What is not known to be the address's fault never suppresses it."""
        assert bounce(kind, sub, status) is means

    def test_report_that_it_is_no_spam_is_no_complaint(self) -> None:
        """Some mailbox providers tell of that button too."""
        record = deepcopy(COMPLAINT)
        record["complaint"]["complaintFeedbackType"] = "not-spam"
        assert read(record) == []

    @pytest.mark.parametrize("record", OTHERS)
    def test_what_we_do_not_follow_is_taken_and_says_nothing(self, record: dict[str, Any]) -> None:
        """SNS shall not post it again."""
        assert read(record) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"bounce": None}, {"bounce": []}, {"bounce": {}}, {"mail": "x"}, {"bounce": {"bouncedRecipients": [7]}},
            {"bounce": {"bouncedRecipients": [{"emailAddress": 7}]}}, {"mail": {"messageId": {}}},
            {"bounce": BOUNCE["bounce"] | {"timestamp": "soon"}}, {"mail": {"headers": [{"name": "Message-ID"}, 7]}},
            {"eventType": 7},
        ],
    )  # fmt: skip
    def test_record_of_another_shape_is_a_clean_error_or_nothing(self, change: dict[str, Any]) -> None:
        """Never another exception."""
        try:
            found = read(BOUNCE | change)
        except GarbledError:
            return
        assert all(one.provider == "ses" for one in found)
