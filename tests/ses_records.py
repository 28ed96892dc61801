"""What SES publishes: records as in its documentation. Both ways of publishing, every type, one or more recipients.

Source: Amazon SES Developer Guide, "Examples of event data that Amazon SES publishes to Amazon SNS" (`eventType`) and
"Amazon SNS notification examples for Amazon SES" (`notificationType`); headers that nobody reads are left out.
"""

from __future__ import annotations

from typing import Any

REF = "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"

MAIL: dict[str, Any] = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "source": "Sender Name <sender@example.com>",
    "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
    "sendingAccountId": "123456789012",
    "messageId": REF,
    "destination": ["recipient@example.com"],
    "headersTruncated": False,
    "headers": [
        {"name": "From", "value": "Sender Name <sender@example.com>"},
        {"name": "To", "value": "recipient@example.com"},
        {"name": "Message-ID", "value": "<abc123@shop.example>"},
        {"name": "Subject", "value": "Message sent from Amazon SES"},
    ],
    "commonHeaders": {
        "from": ["Sender Name <sender@example.com>"], "to": ["recipient@example.com"], "messageId": REF,
        "subject": "Message sent from Amazon SES",
    },
    "tags": {"ses:configuration-set": ["ConfigSet"], "ses:source-ip": ["192.0.2.0"]},
}  # fmt: skip

BOUNCE: dict[str, Any] = {
    "eventType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "recipient@example.com",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "reportingMTA": "dsn; mta.example.com",
    },
    "mail": MAIL,
}

#: The older way, with several recipients, two of which bounced without a DSN.
OLD_BOUNCE: dict[str, Any] = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": "jane@example.com"}, {"emailAddress": "richard@example.com"}],
        "timestamp": "2016-01-27T14:59:38.237Z",
        "feedbackId": "00000137860315fd-869464a4-8680-4114-98d3-716fe35851f9-000000",
        "remoteMtaIp": "127.0.2.0",
    },
    "mail": {
        "timestamp": "2016-01-27T14:59:38.237Z",
        "messageId": "00000137860315fd-34208509-5b74-41f3-95c5-22c1edc3c924-000000",
        "source": "john@example.com",
        "destination": ["jane@example.com", "mary@example.com", "richard@example.com"],
    },
}

COMPLAINT: dict[str, Any] = {
    "eventType": "Complaint",
    "complaint": {
        "complainedRecipients": [{"emailAddress": "recipient@example.com"}],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "userAgent": "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36",
        "complaintFeedbackType": "abuse",
        "arrivalDate": "2017-08-05T00:41:02.669Z",
    },
    "mail": MAIL,
}

DELIVERY: dict[str, Any] = {
    "eventType": "Delivery",
    "mail": MAIL,
    "delivery": {
        "timestamp": "2016-10-19T23:21:04.133Z",
        "processingTimeMillis": 11893,
        "recipients": ["recipient@example.com"],
        "smtpResponse": "250 2.6.0 Message received",
        "remoteMtaIp": "123.456.789.012",
        "reportingMTA": "mta.example.com",
    },
}

DELAY: dict[str, Any] = {
    "eventType": "DeliveryDelay",
    "mail": MAIL,
    "deliveryDelay": {
        "timestamp": "2020-06-16T00:25:40.095Z",
        "delayType": "TransientCommunicationFailure",
        "expirationTime": "2020-06-16T00:25:40.914Z",
        "delayedRecipients": [
            {
                "emailAddress": "recipient@example.com",
                "status": "4.4.1",
                "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
            }
        ],
    },
}

REJECT: dict[str, Any] = {"eventType": "Reject", "mail": MAIL, "reject": {"reason": "Bad content"}}

#: Said, and nothing of the mail's way: sending itself, opens, clicks, subscriptions, templates we do not use.
OTHERS: list[dict[str, Any]] = [
    {"eventType": "Send", "mail": MAIL, "send": {}},
    {"eventType": "Open", "mail": MAIL, "open": {"ipAddress": "192.0.2.1", "timestamp": "2017-08-09T22:00:19.652Z"}},
    {"eventType": "Click", "mail": MAIL, "click": {"link": "http://docs.aws.amazon.com/ses/latest/dg/"}},
    {"eventType": "Rendering Failure", "mail": MAIL, "failure": {"errorMessage": "Attribute 'x' is not present"}},
    {"eventType": "Subscription", "mail": MAIL, "subscription": {"contactList": "ContactListName"}},
    {"eventType": "Something of next year", "mail": MAIL},
]
