"""Build the MIME message of each sample mail, against Python's `EmailMessage` with the same headers and bodies.

    python benchmarks/mime.py [TEMPLATE …]

Both run in this process in turns. What they build has to parse equal: headers as a reader gets them, both bodies to the
letter. Prints each mail and, over all of them, the ratio; at least 20.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from lifecycle.deliver.mime import Mail, build
from lifecycle.render.compile import Templates
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, SAMPLE_NOW, sample_scope
from lifecycle.render.source import template_names
from lifecycle.spec.project import load, read_folder

ROUNDS = 7
MAILS = 100
AT_LEAST = 20
_NAMES = ("From", "To", "Subject", "Message-ID", "Date", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")


def plain_way(mail: Mail) -> bytes:
    """Return the mail as nearly everybody builds it."""
    made = EmailMessage(policy=policy.SMTP)
    made["Date"] = format_datetime(mail.date)
    made["Message-ID"] = f"<{mail.message_id}>"
    made["From"] = f"{mail.sender_name} <{mail.sender_address}>"
    made["To"] = mail.recipient
    made["Subject"] = mail.subject
    made["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
    made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made["Feedback-ID"] = str(mail.feedback_id)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    return made.as_bytes()


#: finds the sample's own links, as a composer's pattern finds a recipient's
_TOKEN = SAMPLE_ADDRESSES.click_url.rpartition("/")[2]
_LINKS = re.compile(r"(https://mail\.example/[a-z]+/[A-Za-z0-9_.-]+)")


def read(data: bytes) -> tuple[dict[str, str], list[str]]:
    """Return the headers and the bodies as a mail client sees them."""
    parsed: Any = message_from_bytes(data, policy=policy.default)
    bodies = [parsed.get_body((kind,)).get_content().rstrip("\n") for kind in ("plain", "html")]
    # `EmailMessage` folds a long List-Unsubscribe into an encoded word: its blanks are the fold's
    return {name: "".join(str(parsed[name]).split()) for name in _NAMES}, bodies


def recipients(mail: Mail) -> list[Mail]:
    """Return the mail as many recipients get it: each has links and a name of his own, and a mail that is his alone."""

    def own(text: str, number: int) -> str:
        # of the same length, as tokens are; a thousand names, some of them in Arabic
        token = f"{number:07d}".translate(str.maketrans("0123456789", "aqZxSwEdCv"))
        name = f"{('Sara', 'سارة')[number % 2]}{number}"
        return text.replace(_TOKEN, _TOKEN[:-7] + token).replace("Sara", name).replace("سارة", name)

    return [
        replace(mail, message_id=f"{number}{mail.message_id}", html=own(mail.html, number), text=own(mail.text, number))
        for number in range(MAILS)
    ]


def per_mail(make: Callable[[Mail], bytes], mails: list[Mail]) -> float:
    start = time.process_time()
    for mail in mails:
        make(mail)
    return (time.process_time() - start) / len(mails)


def main() -> None:
    content = load(read_folder(Path(__file__).resolve().parent.parent)).content
    assert content is not None, "the sample project does not check"
    templates = Templates(content)
    ratios = []
    for name in sys.argv[1:] or template_names(content.files):
        for locale in content.project.locales:
            compiled = templates.compile(name, locale)
            shown = render(compiled, sample_scope(content, name, compiled.locale), SAMPLE_ADDRESSES)
            mail = Mail(
                message_id="0f3a9c1d5b7e@mail.rihla.example", date=SAMPLE_NOW,
                sender_name=content.project.brand.name.text(locale, "en"), sender_address="hello@mail.rihla.example",
                recipient="sara@example.com", subject=shown.subject, html=shown.html, text=shown.text,
                unsubscribe_url=SAMPLE_ADDRESSES.unsubscribe_url, feedback_id="welcome:hello:offers:rihla",
                template=compiled.hash, own=_LINKS,
            )  # fmt: skip
            assert _TOKEN in mail.html, "nothing of this mail is its recipient's own"
            mails = recipients(mail)
            for each in mails[:5]:
                assert read(plain_way(each)) == read(build(each)), "the two ways give different mails"
            slow, fast = [], []
            for _ in range(ROUNDS):
                slow.append(per_mail(plain_way, mails[: MAILS // 20]))
                fast.append(per_mail(build, mails))
            ratios.append(statistics.median(slow) / statistics.median(fast))
            print(
                f"{name:22} {locale}  ours {statistics.median(fast) * 1e3:6.3f} ms  "
                f"EmailMessage {statistics.median(slow) * 1e3:6.2f} ms  {ratios[-1]:5.0f}x"
            )
    ratio = statistics.median(ratios)
    print(f"median ratio {ratio:.0f}x, least {min(ratios):.0f}x, at least {AT_LEAST}x; both parse equal")
    sys.exit(0 if ratio >= AT_LEAST else 1)


if __name__ == "__main__":
    main()
