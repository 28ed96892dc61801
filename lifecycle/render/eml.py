"""A rendered mail as a .eml file that a mail program opens; for looking at, never for sending."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from lifecycle.render.render import Rendered
from lifecycle.spec.model import Project


def as_eml(mail: Rendered, project: Project, locale: str) -> bytes:
    """Return subject, sender and both parts as a message marked as a draft (X-Unsent)."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    sender = project.sender(None)
    message["Subject"] = mail.subject
    message["From"] = f'"{sender.name.text(locale, project.default_locale)}" <{sender.address}>'
    message["To"] = '"Preview" <preview@example.com>'
    message["X-Unsent"] = "1"
    message.set_content(mail.text, cte="base64")
    message.add_alternative(mail.html, subtype="html", cte="base64")
    return message.as_bytes()
