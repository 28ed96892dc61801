"""The headers that the page shows are those that a send writes."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from sqlalchemy import insert, update

from ledger import add_contacts, add_rows, later, make_parts
from lifecycle.base.clock import ManualClock
from lifecycle.base.tokens import Tokens
from lifecycle.deliver.compose import Composer
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.send import deliver_batch
from lifecycle.providers.memory import MemoryProvider
from lifecycle.render.compile import Templates
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.spec.model import Send, walk_steps
from lifecycle.spec.project import load
from lifecycle.store.engine import Store
from lifecycle.store.tables import consents, contacts
from lifecycle.workbench.envelope import header_of
from shop import sample_files

#: what names this one mail
_OWN = {"Date", "Message-ID", "To", "List-Unsubscribe", "Content-Type"}

#: a confirmation that speaks of no order: nobody here has one
_PLAIN = (
    "---\nsubject: شكراً لك\n---\n"
    "<mjml><mj-body><mj-section><mj-column><mj-text>Thanks</mj-text></mj-column></mj-section></mj-body></mjml>"
)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("name", ["newsletter", "welcome", "order-confirmation"])
def test_headers_are_those_of_a_mail_that_was_sent(store: Store, clock: ManualClock, name: str, locale: str) -> None:
    """A broadcast, a campaign that an event triggers, a transactional mail: field by field, in the same order."""
    content = load({**sample_files(), "templates/order/confirmation.mjml": _PLAIN}).content
    assert content is not None
    campaign = content.campaigns[name]
    step = next(step for step in walk_steps(campaign.steps) if isinstance(step, Send))
    people = add_contacts(store, 1)
    add_rows(
        store, people, campaign=name, step=step.id, template=step.template, topic=campaign.topic, kind=campaign.kind,
        locale=locale, sender=step.sender,
    )  # fmt: skip
    with store.write() as connection:
        connection.execute(update(contacts).values(attributes={"first_name": "Sara"}))
        said = {"granted": True, "at": later(days=-1), "source": "", "text": "", "contact_id": people[0]}
        if campaign.topic is not None:
            connection.execute(insert(consents), [{**said, "topic": campaign.topic}])
    clock.move_to(later(hours=3))
    provider = MemoryProvider()
    plain = make_parts(store, clock, provider, content=content)
    composer = Composer(Tokens(b"k" * 32), "https://shop.example/")
    deliver_batch(Parts(store=store, clock=clock, content=lambda: content, channels=plain.channels, compose=composer))
    sent = message_from_bytes(provider.accepted[0].data, policy=policy.default)
    compiled = Templates(content).compile(step.template, locale)
    mail = render(compiled, sample_scope(content, step.template, locale), SAMPLE_ADDRESSES)
    shown, _ = header_of(mail, content, step.template, locale, "")
    assert [field for field, _ in shown] == sent.keys()
    own = {*_OWN, "Subject"}  # what it says may be about the person
    assert {field: value for field, value in shown if field not in own} == {
        field: str(value) for field, value in sent.items() if field not in own
    }
