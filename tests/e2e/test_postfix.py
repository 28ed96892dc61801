"""A real Postfix takes our mails, relays them, and bounces those that fail: what comes back names the right row."""

from __future__ import annotations

import base64
import email
import email.policy
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import select, update

from lifecycle.base.clock import ManualClock
from lifecycle.base.tokens import Tokens
from lifecycle.deliver.bounce_box import UNCLAIMED, Read, read_box, sent_by
from lifecycle.deliver.channel import Channel, Channels
from lifecycle.deliver.compose import Composer
from lifecycle.deliver.feedback import take_feedback
from lifecycle.deliver.sign import Signer
from lifecycle.intake.consent import suppression
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.smtp import SmtpProvider
from lifecycle.store.engine import Store
from lifecycle.store.migrate import prepare
from lifecycle.store.tables import contacts, messages
from postfix import MISSING, Postfix
from servers import Accepted, Rule, Sink
from shop import KEY, Shop
from terminal import eventually

pytestmark = [
    pytest.mark.postfix,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.skipif(not MISSING and os.geteuid() != 0, reason="NOT ROOT: Postfix starts as root alone"),
]

DOMAIN = "mail.rihla.example"
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
#: A name as it comes from a form, where anybody types anything.
NAME = 'Sara"<evil@victim.example>\r\nBcc: evil@victim.example'
#: Whom a mail reaches under a name or an address that is made to mislead servers: exactly that address.
REACHED = {
    "good": "good@customer.example",
    "percent": "omar%victim.example@customer.example",
    "bang": "victim.example!omar@customer.example",
    "encoded": "omar%0d%0arcpt=victim.example@customer.example",
    "arabic": "سارة@customer.example",
    "named": "named@customer.example",
}
BOUNCED = {
    "gone": "gone@customer.example",
    "plus": "gone+2Bevil%victim.example@customer.example",
    "absent": "غائب.gone@customer.example",
    "late": "late@customer.example",
}
#: What is in the database under `email` (an old import, say) and is no address: reaches nobody.
NOBODY = {
    "quoted": '"omar@victim.example"@customer.example',
    "angle": "omar@customer.example>,<evil@victim.example",
    "break": "omar@customer.example>\r\nRCPT TO:<evil@victim.example",
    "spaces": "omar%0aRCPT TO:<evil@victim.example>@customer.example",
    "two": "omar@customer.example, evil@victim.example",
    "route": "@victim.example:omar@customer.example",
    "comment": "omar(evil@victim.example)@customer.example",
}


@dataclass
class Evening:
    """What happened: accepted onward, kept as bytes, taken from the box, and the ledger's rows by contact."""

    accepted: list[Accepted]
    kept: list[bytes]
    read: Read
    told: list[Feedback]
    rows: dict[str, tuple[int, str, str]]
    files: dict[str, int]
    #: why addresses are suppressed afterwards, by contact, and the states of the rows by id
    barred: dict[str, str]
    states: dict[int, str]
    key: bytes = field(repr=False)

    def parsed(self) -> list[EmailMessage]:
        """Return the kept mails."""
        return [email.message_from_bytes(data, policy=email.policy.default) for data in self.kept]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """Send everybody a receipt through Postfix, wait for what comes back, and read it."""
    folder = tmp_path_factory.mktemp("postfix")
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store = Store(f"sqlite:///{folder / 'shop.db'}")
    prepare(store)
    refusals = (
        Rule("rcpt", "550 5.1.1 No such user here", match="gone"),
        Rule("rcpt", "451 4.3.0 Try again later", match="late@"),
    )
    with Sink(folder, *refusals, keep=True) as sink, Postfix(sink.port, DOMAIN) as postfix:
        rows = send(store, postfix, Signer(DOMAIN, "s1", pem))

        def through() -> bool:
            return len(postfix.came_back) >= len(BOUNCED) and len(sink.accepted()) >= len(REACHED)

        try:
            eventually(through, within_s=60)
        except AssertionError as error:
            error.add_note(f"{rows}\n{postfix.log}")
            raise
        told: list[Feedback] = []

        def take(found: Sequence[Feedback]) -> int:
            told.extend(found)
            return take_feedback(store, ManualClock(START + timedelta(hours=1)), found).applied

        read = read_box(postfix.box, Tokens(KEY), take, START, sent_of=sent_by(store))
        files = {
            name: len(list(path.iterdir())) if (path := postfix.box / name).is_dir() else 0
            for name in ("new", "cur", UNCLAIMED)
        }
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kept = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
        with store.read() as connection:
            everybody = {**REACHED, **BOUNCED}.items()
            barred = {name: why for name, address in everybody if (why := suppression(connection, address))}
            states = {row.id: row.state for row in connection.execute(select(messages.c.id, messages.c.state))}
        yield Evening(sink.accepted(), kept, read, told, rows, files, barred, states, base64.b64encode(public))
    store.close()


def send(store: Store, postfix: Postfix, signer: Signer) -> dict[str, tuple[int, str, str]]:
    """Let the engine send a receipt to each; return id, state and Message-ID of the rows by contact."""
    clock = ManualClock(START)
    shop = Shop(store, clock, compose=Composer(Tokens(KEY), "https://mail.rihla.example", signer=signer))
    shop.parts = replace(shop.parts, channels=Channels([Channel(SmtpProvider(postfix.url), clock)]))
    addresses = {**REACHED, **BOUNCED, **NOBODY}
    refused = {topic.topic: False for topic in shop.content.project.topics}  # the receipt alone
    for name in addresses:
        shop.contact(name, first_name=NAME, email=f"{name}@old.example", consent=refused)
    with store.write() as connection:
        for name, address in addresses.items():
            values = {"email": address, "address_key": address.lower()}
            connection.execute(update(contacts).where(contacts.c.external_id == name).values(**values))
    for name in addresses:
        shop.track(name, "Order Completed", order_id=f"R-{name}", total=429, currency="SAR")
    shop.run_until(START + timedelta(seconds=10))
    shop.parts.channels.close()
    query = select(contacts.c.external_id, messages.c.id, messages.c.state, messages.c.message_id)
    query = query.join(contacts, contacts.c.id == messages.c.contact_id)
    with store.read() as connection:
        return {
            row.external_id: (row.id, row.state, row.message_id)
            for row in connection.execute(query.where(messages.c.campaign == "order-confirmation"))
        }


def test_postfix_relays_to_exactly_who_was_meant(evening: Evening) -> None:
    """One recipient a mail, as the contact's address says, whatever is in its local part."""
    assert sorted(mail.recipients for mail in evening.accepted) == sorted([each] for each in REACHED.values())
    assert {evening.rows[name][1] for name in (*REACHED, *BOUNCED)} == {"sent"}


def test_hostile_address_reaches_nobody_at_all(evening: Evening) -> None:
    """What is no address is skipped, and never becomes two."""
    assert {name: evening.rows[name][1] for name in NOBODY} == dict.fromkeys(NOBODY, "skipped")


def test_hostile_name_adds_no_header_and_no_recipient(evening: Evening) -> None:
    """A name with a line break and an address in it is text in the mail, if it is anything."""
    for mail in evening.parsed():
        assert not {"bcc", "cc", "resent-to"} & {name.lower() for name in mail.keys()}  # noqa: SIM118 - a message
        assert len(mail.get_all("To", [])) == 1
        assert "victim.example" not in str(mail["From"]) + str(mail["Subject"]) + str(mail["Reply-To"])


def test_signature_survives_the_way(evening: Evening) -> None:
    """DKIM verifies behind Postfix, as an independent implementation sees it."""
    record = b"v=DKIM1; k=rsa; p=" + evening.key
    assert len(evening.kept) == len(REACHED)
    assert all(dkim.verify(data, dnsfunc=lambda *_args, **_options: record) for data in evening.kept)


def test_bounce_comes_back_to_the_right_row(evening: Evening) -> None:
    """5.1.1 is hard, what expired in the queue is soft; row, address and Message-ID are those of the mail."""
    found = {one.row: (one.kind, one.enhanced, one.recipient) for one in evening.told}
    assert found == {
        evening.rows["gone"][0]: (Kind.HARD, "5.1.1", BOUNCED["gone"]),
        evening.rows["plus"][0]: (Kind.HARD, "5.1.1", BOUNCED["plus"]),
        evening.rows["absent"][0]: (Kind.HARD, "5.1.1", BOUNCED["absent"]),
        evening.rows["late"][0]: (Kind.SOFT, "4.3.0", BOUNCED["late"]),
    }
    ids = {row: message_id for row, _state, message_id in evening.rows.values()}
    for one in evening.told:
        assert one.message_id == f"{ids[one.row or 0]}@{DOMAIN}"
        assert one.at == START
        assert "No such user here" in one.detail or "Try again later" in one.detail


def test_whoever_is_not_there_is_never_mailed_again_and_nobody_else(evening: Evening) -> None:
    """The three whose addresses do not exist are suppressed; who was only late is not, and no neighbour is."""
    assert evening.barred == dict.fromkeys(("gone", "plus", "absent"), "hard_bounce")
    assert {evening.states[evening.rows[name][0]] for name in BOUNCED} == {"bounced"}
    assert {evening.states[evening.rows[name][0]] for name in REACHED} == {"sent"}


def test_bounce_box_is_left_in_order(evening: Evening) -> None:
    """Everything that came back counted, and is filed as seen."""
    assert evening.read.mails == {"ours": len(BOUNCED)}
    assert evening.files == {"new": 0, "cur": len(BOUNCED), UNCLAIMED: 0}
