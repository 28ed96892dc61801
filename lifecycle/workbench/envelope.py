"""The header that a mail would leave with, for looking at: the fields that a send writes, with the sample's tokens."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes
from email.policy import default

from lifecycle.base.address import ascii_domain
from lifecycle.base.errors import RenderError
from lifecycle.deliver.mime import Mail, build
from lifecycle.render.render import Rendered
from lifecycle.render.sample import SAMPLE_ADDRESSES, SAMPLE_NOW
from lifecycle.render.usage import campaigns_of, sends
from lifecycle.spec.model import BroadcastTrigger, Content, ManualTrigger, ScheduleTrigger, Sender

_BY_HAND = (BroadcastTrigger, ScheduleTrigger, ManualTrigger)


def sender_of(content: Content, template: str) -> Sender:
    """Return who sends the template: as the first campaign's step says, else the project's first sender."""
    campaign = next(iter(campaigns_of(content, template)), None)
    name = sends(campaign, template)[0].sender if campaign is not None else None
    senders = content.project.senders
    return senders[name] if name is not None and name in senders else content.project.sender(None)


def header_of(
    mail: Rendered, content: Content, template: str, locale: str, recipient: str, at: datetime = SAMPLE_NOW
) -> tuple[list[tuple[str, str]], str]:
    """Return the header's fields, decoded, and the header as it goes over the wire. Raises RenderError."""
    raw = build(_mail(mail, content, template, locale, recipient, at)).partition(b"\r\n\r\n")[0]
    message = message_from_bytes(raw, policy=default)
    fields = [(name, str(value)) for name, value in message.items()]
    return fields, raw.decode(errors="replace").replace("\r\n", "\n")


def _mail(mail: Rendered, content: Content, template: str, locale: str, recipient: str, at: datetime) -> Mail:
    project, sender = content.project, sender_of(content, template)
    campaign = next(iter(campaigns_of(content, template)), None)
    domain = ascii_domain(sender.address.rpartition("@")[2])
    topic = project.topic(campaign.topic or "") if campaign is not None else None
    marketing = campaign is None or campaign.kind != "transactional"
    if campaign is None:
        feedback = None
    else:
        step = sends(campaign, template)[0].id
        feedback = f"{campaign.campaign}:{step}:{campaign.topic or campaign.kind}:{project.project}"
    listed = None
    if marketing and topic is not None:
        label = topic.label.text(locale, project.default_locale)
        listed = label, f"{topic.topic}.{project.project}.{domain}"
    return Mail(
        message_id=f"preview@{domain}",
        date=at,
        sender_name=sender.name.text(locale, project.default_locale),
        sender_address=sender.address,
        recipient=recipient or "preview@example.com",
        reply_to=sender.reply_to,
        subject=mail.subject,
        html=mail.html,
        text=mail.text,
        unsubscribe_url=SAMPLE_ADDRESSES.unsubscribe_url if marketing else None,
        list_id=listed,
        feedback_id=feedback,
        auto_submitted=campaign is not None and not isinstance(campaign.trigger, _BY_HAND),
    )


def header_or_reason(
    mail: Rendered, content: Content, template: str, locale: str, recipient: str, at: datetime = SAMPLE_NOW
) -> tuple[list[tuple[str, str]], str]:
    """Return the same, and no fields but the reason when a header cannot be written."""
    try:
        return header_of(mail, content, template, locale, recipient, at)
    except RenderError as error:
        return [], error.message
