"""From a ledger row to a mail, with the sample shop's own templates."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from ledger import add_contacts, add_rows, later, make_parts, rows_of, states
from lifecycle.base.clock import ManualClock
from lifecycle.base.tokens import Purpose, Tokens
from lifecycle.deliver.compose import Composer
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.send import deliver_batch
from lifecycle.intake.restock import restock
from lifecycle.journey.load_viewed import FIRST
from lifecycle.providers.memory import MemoryProvider
from lifecycle.spec.model import Content
from lifecycle.spec.project import load, read_folder
from lifecycle.store.engine import Store
from lifecycle.store.tables import consents, contacts, events, memberships, messages, template_versions

TOKENS = Tokens(b"k" * 32)
SHOP = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def content() -> Content:
    """Return the sample shop's content."""
    loaded = load(read_folder(SHOP))
    assert loaded.content is not None
    return loaded.content


def shop_parts(store: Store, clock: ManualClock, provider: MemoryProvider, content: Content) -> Parts:
    """Return parts that compose with the shop's templates."""
    plain = make_parts(store, clock, provider, content=content)
    return Parts(
        store=store, clock=clock, content=lambda: content, channels=plain.channels,
        compose=Composer(TOKENS, "https://shop.example/"),
    )  # fmt: skip


def queue(store: Store, content: Content, campaign: str, people: list[int], locale: str | None = None) -> None:
    """Queue the campaign's first template for the contacts, who consent to its topic."""
    from lifecycle.spec.model import Send, walk_steps

    found = content.campaigns[campaign]
    step = next(step for step in walk_steps(found.steps) if isinstance(step, Send))
    add_rows(
        store, people, campaign=campaign, step=step.id, template=step.template, topic=found.topic, kind=found.kind,
        locale=locale,
    )  # fmt: skip
    with store.write() as connection:
        connection.execute(update(contacts).values(attributes={"first_name": "Sara"}))
        if found.topic is not None:
            said = {"topic": found.topic, "granted": True, "at": later(days=-1), "source": "", "text": ""}
            connection.execute(insert(consents), [{**said, "contact_id": person} for person in people])


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_newsletter_arrives_whole(store: Store, clock: ManualClock, content: Content, locale: str) -> None:
    """Headers, both bodies, working tokens in every link, the template's links on record."""
    queue(store, content, "newsletter", add_contacts(store, 2), locale)
    clock.move_to(later(hours=3))
    provider = MemoryProvider()
    result = deliver_batch(shop_parts(store, clock, provider, content))
    assert result.accepted == 2, (result, rows_of(store, "state", "reason", "detail"))
    mail: Any = message_from_bytes(provider.accepted[0].data, policy=policy.default)
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    unsubscribe = str(mail["List-Unsubscribe"])
    token = unsubscribe.removeprefix("<https://shop.example/u/").removesuffix(">")
    assert TOKENS.read(Purpose.UNSUBSCRIBE, token) == "1"
    assert f"https://shop.example/u/{token}" in html
    assert f"https://shop.example/u/{token}" in text
    pixel = re.search(r"https://shop\.example/o/([^\"]+)\.gif", html)
    assert pixel is not None
    assert TOKENS.read(Purpose.OPEN, pixel[1]) == "1"
    assert ('dir="rtl"' in html) == (locale == "ar")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] is None or mail["Auto-Submitted"] == "auto-generated"
    envelope = provider.accepted[0].envelope_sender
    assert TOKENS.read(Purpose.ENVELOPE, envelope.partition("+")[2].partition("@")[0]) == "1"
    assert len(envelope.partition("@")[0]) <= 64
    row = rows_of(store)[0]
    with store.read() as connection:
        stored = connection.execute(select(template_versions)).all()
    assert [one.hash for one in stored] == [row.template_hash]
    numbers = {int(found) for found in re.findall(r"https://shop\.example/c/[^/\"]+/(\d+)", html)}
    assert numbers
    assert numbers <= {int(number) for number in (*stored[0].links, *row.links)}


def test_second_batch_stores_no_template_twice(store: Store, clock: ManualClock, content: Content) -> None:
    """The same version is recorded once, by whichever worker sends it first."""
    people = add_contacts(store, 3)
    queue(store, content, "newsletter", people[:1])
    clock.move_to(later(hours=3))
    parts = shop_parts(store, clock, MemoryProvider(), content)
    deliver_batch(parts)
    queue(store, content, "newsletter", people[1:])
    deliver_batch(parts)
    deliver_batch(shop_parts(store, clock, MemoryProvider(), content))
    assert states(store) == Counter(sent=3)
    with store.read() as connection:
        assert len(connection.execute(select(template_versions.c.hash)).all()) == 1


def test_address_that_is_none_is_skipped(store: Store, clock: ManualClock, content: Content) -> None:
    """A contact with a broken address is skipped with that reason, and the next one is mailed."""
    people = add_contacts(store, 2, address=lambda index: "not an address" if index == 1 else "c2@example.org")
    queue(store, content, "newsletter", people)
    clock.move_to(later(hours=3))
    deliver_batch(shop_parts(store, clock, MemoryProvider(), content))
    assert states(store) == Counter({"sent": 1, "skipped/invalid_address": 1})


def test_unknown_template_fails_its_row_only(store: Store, clock: ManualClock, content: Content) -> None:
    """A row of an older version whose template is gone: failed, with what is missing."""
    queue(store, content, "newsletter", add_contacts(store, 2))
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id == 1).values(template="gone/away"))
    clock.move_to(later(hours=3))
    deliver_batch(shop_parts(store, clock, MemoryProvider(), content))
    assert states(store) == Counter({"sent": 1, "failed/render_error": 1})
    assert "gone/away" in rows_of(store, "detail")[0][0]


_VIEWED = """---
subject: Look again
---
<mjml><mj-body><mj-section><mj-column><mj-text>
{% for shoe in views %}[{{ shoe.product_id }} {{ shoe.name }} {{ shoe.price }} {{ shoe.category | default('-') }}]
{%- else %}nothing{% endfor %} <a href="{{ unsubscribe_url }}">Leave</a>
</mj-text></mj-column></mj-section></mj-body></mjml>
"""


def _viewing(person: int, number: int, at: datetime, **properties: Any) -> dict[str, Any]:
    return {
        "message_id": f"{person}-{number}", "contact_id": person, "name": "Product Viewed", "at": at,
        "received_at": at, "properties": properties, "live": True,
    }  # fmt: skip


def test_a_mail_shows_the_last_different_products_that_were_viewed(store: Store, clock: ManualClock) -> None:
    """Newest first, each once, however often the newest was looked at; with nothing viewed, the other branch."""
    loaded = load({**read_folder(SHOP), "templates/viewed.mjml": _VIEWED})
    assert loaded.content is not None
    keen, idle = add_contacts(store, 2)
    add_rows(store, [keen, idle], campaign="newsletter", step="viewed", template="viewed", kind="transactional")
    shoe = {"product_id": "madar", "name": "Madar", "price": "429.00"}
    viewed = [_viewing(keen, n, later(days=-1, minutes=n), **shoe) for n in range(FIRST * 3)]
    viewed += [
        _viewing(keen, 1000 + n, later(days=-2, minutes=n), sku=f"s{n % 12}", name="Sock", price=9, category="socks")
        for n in range(20)
    ]
    with store.write() as connection:
        connection.execute(insert(events), viewed)
    clock.move_to(later(hours=3))
    provider = MemoryProvider()
    result = deliver_batch(shop_parts(store, clock, provider, loaded.content))
    assert result.accepted == 2, rows_of(store, "state", "reason", "detail")
    shown = {}
    for sent in provider.accepted:
        mail: Any = message_from_bytes(sent.data, policy=policy.default)
        shown[sent.row] = mail.get_body(("plain",)).get_content()
    socks = "".join(f"[s{n} Sock 9 socks]" for n in (7, 6, 5, 4, 3, 2, 1, 0, 11))
    assert f"[madar Madar 429.00 -]{socks} Leave" in " ".join(shown[1].split())
    assert shown[2].startswith("nothing")


_RECOMMENDING = """---
subject: More
---
<mjml><mj-body><mj-section><mj-column><mj-text>
{% for item in recommendations.cross_sell %}
<a href="{{ item.url }}">{{ item.name }} goes with {{ item.because }} {{ item.price | money }}</a>
{% else %}nothing{% endfor %}
{% if 'loyal' in segments %}Loyal{% endif %} <a href="{{ unsubscribe_url }}">Leave</a>
</mj-text></mj-column></mj-section></mj-body></mjml>
"""


def _order(person: int, number: int, at: datetime, *names: str) -> dict[str, Any]:
    lines = [{"product_id": n, "name": n.title(), "price": 45, "url": f"https://rihla.example/{n}"} for n in names]
    told = _viewing(person, number, at, order_id=f"R-{person}-{number}", products=lines)
    return {**told, "name": "Order Completed"}


def test_a_mail_recommends_what_others_bought_with_it_and_not_what_they_own(store: Store, clock: ManualClock) -> None:
    """Computed from the shop's own orders; who bought both before is recommended neither. Segments are in scope."""
    loaded = load({**read_folder(SHOP), "templates/more.mjml": _RECOMMENDING})
    assert loaded.content is not None
    shopper, owner, first, second = add_contacts(store, 4)
    orders = [_order(person, 1, later(days=-9), "madar", "sock") for person in (first, second)]
    orders += [_order(shopper, 1, later(days=-3), "madar"), _order(owner, 1, later(days=-8), "sock")]
    orders += [_order(owner, 2, later(days=-1), "madar")]
    stay = {"contact_id": shopper, "segment": "loyal", "entered_at": later(days=-1), "cause": "x"}
    with store.write() as connection:
        connection.execute(insert(events), orders)
        connection.execute(insert(memberships).values(stay))
    restock(store, "https://rihla.example", clock.now())
    add_rows(store, [shopper, owner], campaign="newsletter", step="more", template="more", kind="transactional")
    clock.move_to(later(hours=3))
    provider = MemoryProvider()
    result = deliver_batch(shop_parts(store, clock, provider, loaded.content))
    assert result.accepted == 2, rows_of(store, "state", "reason", "detail")
    texts = {}
    for sent in provider.accepted:
        mail: Any = message_from_bytes(sent.data, policy=policy.default)
        texts[sent.row] = " ".join(mail.get_body(("plain",)).get_content().split())
    assert texts[1].startswith("Sock goes with Madar SAR 45.00: https://shop.example/c/")
    assert "Loyal Leave" in texts[1]
    assert texts[2].startswith("nothing Leave")
