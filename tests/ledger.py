"""A ledger with mails in it, and a delivery that needs no templates: for tests of what happens between the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from lifecycle.audience.state import ContactState
from lifecycle.base.clock import Clock
from lifecycle.base.errors import RenderError
from lifecycle.base.ids import keyed_hash
from lifecycle.base.units import Duration
from lifecycle.deliver.channel import Channel, Channels
from lifecycle.deliver.mime import Mail, build
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.release import Ready, Spoiled
from lifecycle.journey.load import load_states
from lifecycle.providers.base import Outgoing, Provider
from lifecycle.spec.conditions import AllOf
from lifecycle.spec.model import (
    Brand,
    Campaign,
    Content,
    FrequencyCap,
    LocalText,
    ManualTrigger,
    Policies,
    Project,
    Send,
    Sender,
    SendingLimit,
    Stage,
    Topic,
    WarmUp,
)
from lifecycle.store.engine import Store
from lifecycle.store.tables import consents, contacts, messages

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def make_content(
    *,
    caps: Sequence[FrequencyCap] = (),
    limits: Sequence[SendingLimit] = (),
    warm_up: Sequence[WarmUp] = (),
    providers: Sequence[str] = (),
    **campaign: Any,
) -> Content:
    """Return content with three campaigns: `news` (marketing), `loud` (the same, other priority) and `receipt`."""
    project = Project(
        project="shop",
        brand=Brand(LocalText("Rihla"), "https://rihla.example"),
        senders={"main": Sender("hello@rihla.example", LocalText("Rihla"), providers=tuple(providers))},
        default_locale="en",
        locales=("en", "ar"),
        timezone="Asia/Riyadh",
        currency="SAR",
        topics=(Topic("offers", LocalText("Offers"), default="granted"),),
        stages=(Stage("awareness", LocalText("Awareness"), "tofu", AllOf(())),),
        policies=Policies(frequency_caps=tuple(caps), sending_limits=tuple(limits), warm_up=tuple(warm_up)),
    )
    news = Campaign("news", "awareness", ManualTrigger(), (Send("hello", "hello"),), topic="offers", **campaign)
    receipt = replace(news, campaign="receipt", kind="transactional", topic=None)
    loud = replace(news, campaign="loud", priority=90)
    campaigns = {each.campaign: each for each in (news, receipt, loud)}
    return Content(project, {}, campaigns, {}, "0" * 32, dict.fromkeys(campaigns, "0" * 32))


def cap(at_most: int, per: str) -> FrequencyCap:
    """Return a cap over all topics."""
    return FrequencyCap(at_most, Duration.parse(per))


def limit(at_most: int, per: str, *domains: str, provider: str | None = None) -> SendingLimit:
    """Return a sending limit."""
    return SendingLimit(at_most, Duration.parse(per), provider, domains)


def add_contacts(store: Store, number: int, *, address: Callable[[int], str | None] | None = None) -> list[int]:
    """Store contacts 1 to `number` and return their ids."""
    named = address or (lambda index: f"c{index}@example.org")
    rows = []
    for index in range(1, number + 1):
        email = named(index)
        rows.append(
            {
                "id": index, "identifier": f"c{index}", "external_id": f"c{index}", "email": email,
                "address_key": email.lower() if email else None, "attributes": {}, "created_at": START,
            }
        )  # fmt: skip
    with store.write() as connection:
        connection.execute(insert(contacts), rows)
    return list(range(1, number + 1))


def add_rows(store: Store, people: Sequence[int], *, campaign: str = "news", **values: Any) -> None:
    """Queue one mail of the campaign for each contact, due at START unless `values` say otherwise."""
    kind = "transactional" if campaign == "receipt" else "marketing"
    common = {
        "campaign": campaign, "step": "hello", "occurrence": "1", "version": "0" * 32, "kind": kind,
        "topic": None if kind == "transactional" else "offers", "template": "hello", "data": {}, "priority": 50,
        "state": "queued", "reached_at": START, "due_at": START, **values,
    }  # fmt: skip
    rows = [
        {
            **common, "contact_id": person,
            "message_id": keyed_hash(b"k" * 16, campaign, common["step"], str(person), common["occurrence"]),
        }
        for person in people
    ]  # fmt: skip
    with store.write() as connection:
        connection.execute(insert(messages), rows)


def states(store: Store) -> Counter[str]:
    """Count the ledger's rows by state, with the reason where there is one: `sent`, `skipped/not_consented`."""
    with store.read() as connection:
        found = connection.execute(select(messages.c.state, messages.c.reason)).all()
    return Counter(f"{state}/{reason}" if reason else state for state, reason in found)


def rows_of(store: Store, *columns: str) -> list[Any]:
    """Return the ledger's rows in the order of ids, all columns or those named."""
    picked = [messages.c[name] for name in columns] if columns else [messages]
    with store.read() as connection:
        return list(connection.execute(select(*picked).order_by(messages.c.id)).all())


def withdraw(store: Store, contact_id: int, at: datetime, topic: str = "offers") -> None:
    """Record that the contact does not consent any more."""
    with store.write() as connection:
        connection.execute(insert(consents).values(contact_id=contact_id, topic=topic, granted=False, at=at))


class PlainCompose:
    """Composes without templates: a subject, a line. `spoil` names the contacts whose mail cannot be rendered."""

    def __init__(self, spoil: Mapping[int, Exception] | None = None) -> None:
        self.spoil = dict(spoil or {})

    def begin(self, connection: Connection, rows: Sequence[Claimed], content: Content) -> PlainComposition:
        """Load the contacts."""
        del content
        return PlainComposition(self, load_states(connection, {row.contact_id for row in rows}, histories=False))


class PlainComposition:
    """The mails of some rows."""

    def __init__(self, compose: PlainCompose, found: dict[int, ContactState]) -> None:
        self.compose = compose
        self.states = found

    def one(self, row: Claimed, stamp: datetime) -> Ready | Spoiled:
        """Make a mail."""
        if row.contact_id in self.compose.spoil:
            raise self.compose.spoil[row.contact_id]
        state = self.states[row.contact_id]
        if not state.email:
            return Spoiled(row, "no_address", state="skipped")
        message_id = f"{row.message_id}@rihla.example"
        data = build(
            Mail(
                message_id=message_id, date=stamp, sender_name="Rihla", sender_address="hello@rihla.example",
                recipient=state.email, subject=f"Hello {row.contact_id}", html="<p>Hello</p>", text="Hello",
            )
        )  # fmt: skip
        sender = f"bounce+{row.id}@rihla.example"
        return Ready(row, Outgoing(row.id, message_id, sender, state.email, data), state.email, stamp, "h" * 32)

    def record(self, connection: Connection, ready: Sequence[Ready]) -> None:
        """There are no templates to record."""


def make_parts(
    store: Store,
    clock: Clock,
    *providers: Provider,
    content: Content | None = None,
    spoil: Mapping[int, Exception] | None = None,
    rate_per_s: float | None = None,
    **options: Any,
) -> Parts:
    """Return parts that deliver through the providers, the first being the default."""
    found = content or make_content()
    channels = Channels([Channel(provider, clock, rate_per_s=rate_per_s) for provider in providers])
    return Parts(
        store=store, clock=clock, content=lambda: found, compose=PlainCompose(spoil), channels=channels, **options
    )


def broken(text: str = "undefined variable") -> RenderError:
    """Return the error of a mail that cannot be rendered."""
    return RenderError(text, where="templates/hello.mjml:3")


def later(**length: float) -> datetime:
    """Return START plus that long."""
    return START + timedelta(**length)
