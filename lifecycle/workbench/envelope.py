"""The header that a mail would leave with, for looking at: the fields that a send writes, with the sample's tokens."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes
from email.policy import default

from lifecycle.base.address import ascii_domain
from lifecycle.base.errors import RenderError
from lifecycle.deliver.fields import feedback_id, is_triggered, list_id
from lifecycle.deliver.mime import Mail, build
from lifecycle.render.render import Rendered
from lifecycle.render.sample import SAMPLE_ADDRESSES, SAMPLE_NOW
from lifecycle.render.usage import campaigns_of, sends
from lifecycle.spec.model import Content, Sender


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
    marketing = campaign is None or campaign.kind != "transactional"
    feedback = None
    if campaign is not None:
        step = sends(campaign, template)[0].id
        feedback = feedback_id(project, campaign.campaign, step, campaign.topic or campaign.kind)
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
        list_id=list_id(project, campaign.topic, locale, domain) if marketing and campaign is not None else None,
        feedback_id=feedback,
        auto_submitted=campaign is not None and is_triggered(campaign),
    )


def header_or_reason(
    mail: Rendered, content: Content, template: str, locale: str, recipient: str, at: datetime = SAMPLE_NOW
) -> tuple[list[tuple[str, str]], str]:
    """Return the same, and no fields but the reason when a header cannot be written."""
    try:
        return header_of(mail, content, template, locale, recipient, at)
    except RenderError as error:
        return [], error.message
