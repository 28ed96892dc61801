"""A ledger row becomes a mail: template in force, this contact's scope, links by token, headers, signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from lifecycle.audience.state import ContactState
from lifecycle.base.address import ascii_domain, parse_address
from lifecycle.base.errors import ContentError, RenderError, UsageError
from lifecycle.base.tokens import Purpose, Tokens
from lifecycle.deliver.fields import feedback_id, is_triggered, list_id
from lifecycle.deliver.mime import Mail, build
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.release import Ready, Spoiled
from lifecycle.deliver.sign import Signer
from lifecycle.intake.facts import EventFact
from lifecycle.intake.restock import ShelfReader
from lifecycle.intake.shelf import Shelf
from lifecycle.journey.load_for_mail import load_for_mail, load_orders
from lifecycle.journey.load_viewed import load_viewed
from lifecycle.providers.base import Outgoing
from lifecycle.render.compile import Compiled, Templates
from lifecycle.render.render import Addresses, render
from lifecycle.render.scope import build as build_scope
from lifecycle.rewards.referrals import code_of, store_codes
from lifecycle.spec.model import Campaign, Content, Sender
from lifecycle.store.among import IsOneOf
from lifecycle.store.tables import enrolments, template_versions


@dataclass(frozen=True, slots=True)
class MailEntry:
    """What the mail needs of its enrolment."""

    event_id: int | None
    context: Mapping[str, Any]


class Composer:
    """Composes with the templates of the content it is given. Thread-safe; compiled templates are shared."""

    def __init__(self, tokens: Tokens, base_url: str, *, signer: Signer | None = None) -> None:
        self.tokens = tokens
        self.base_url = base_url.rstrip("/")
        #: finds a recipient's own links
        self.links = re.compile(rf"({re.escape(self.base_url)}/[a-z]+/[A-Za-z0-9_.-]+)")
        self.signer = signer
        self._templates: tuple[str, Templates] | None = None
        self._stored: set[str] = set()
        self._shelf = ShelfReader()
        self._lock = Lock()

    def begin(self, connection: Connection, rows: Sequence[Claimed], content: Content) -> Composition:
        """Load the contacts, the enrolments, and the events that the mails speak of."""
        entered = [row.enrolment_id for row in rows if row.enrolment_id is not None]
        entries = {
            found.id: MailEntry(found.trigger_event_id, found.context or {})
            for found in connection.execute(
                select(enrolments.c.id, enrolments.c.trigger_event_id, enrolments.c.context).where(
                    IsOneOf(enrolments.c.id, entered)
                )
            )
        }
        triggers = {found.event_id for found in entries.values() if found.event_id is not None}
        states = load_for_mail(connection, {row.contact_id for row in rows}, triggers)
        viewers, buyers = self._shown(rows, states, content)
        load_viewed(connection, states, viewers)
        load_orders(connection, states, buyers)
        shelf = self.shelf(connection) if buyers else None
        return Composition(self, content, states, entries, shelf)

    def shelf(self, connection: Connection) -> Shelf:
        """Return the products that mails may recommend."""
        return self._shelf.shelf(connection)

    def _shown(
        self, rows: Sequence[Claimed], states: Mapping[int, ContactState], content: Content
    ) -> tuple[set[int], set[int]]:
        """Return the contacts whose mails show what they viewed, and those whose mails recommend something."""
        compiled: dict[tuple[str, str], Compiled | None] = {}
        viewers, buyers = set(), set()
        for row in rows:
            if row.contact_id in states:
                version = row.template, _locale(row, states[row.contact_id], content)
                if version not in compiled:
                    compiled[version] = self._compiled(content, *version)
                found = compiled[version]
                if found is not None and (found.shows_views or found.recommends):
                    viewers.add(row.contact_id)
                if found is not None and found.recommends:
                    buyers.add(row.contact_id)
        return viewers, buyers

    def _compiled(self, content: Content, template: str, locale: str) -> Compiled | None:
        try:
            return self.templates(content).compile(template, locale)
        except ContentError:  # said when the mail is made
            return None

    def templates(self, content: Content) -> Templates:
        """Return the templates of the content, compiled at most once for each version."""
        with self._lock:
            if self._templates is None or self._templates[0] != content.hash:
                self._templates = (content.hash, Templates(content))
            return self._templates[1]

    def addresses(self, row: int) -> Addresses:
        """Return where the links of ledger row `row` lead; each token names the row, for one purpose."""
        subject, base = str(row), self.base_url

        def to(route: str, purpose: Purpose) -> str:
            return f"{base}/{route}/{self.tokens.make(purpose, subject)}"

        return Addresses(
            open_url=to("o", Purpose.OPEN) + ".gif",
            click_url=to("c", Purpose.CLICK),
            unsubscribe_url=to("u", Purpose.UNSUBSCRIBE),
            preferences_url=to("p", Purpose.PREFERENCES),
            view_url=to("v", Purpose.VIEW),
            survey_url=to("s", Purpose.SURVEY),
            confirm_url=to("confirm", Purpose.CONFIRM),
        )

    def store_templates(self, connection: Connection, compiled: Mapping[str, Compiled]) -> None:
        """Store the links of templates that are sent for the first time, so that clicks find their targets."""
        unsure = sorted(set(compiled) - self._stored)
        if not unsure:
            return
        there = select(template_versions.c.hash).where(template_versions.c.hash.in_(unsure))
        # only what somebody committed is remembered: this transaction may yet be rolled back
        self._stored.update(connection.execute(there).scalars())
        rows = [
            {
                "hash": key,
                "template": compiled[key].template,
                "locale": compiled[key].locale,
                "links": dict(compiled[key].links),
            }
            for key in unsure
            if key not in self._stored
        ]
        if rows:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            connection.execute(insert(template_versions).on_conflict_do_nothing(), rows)


class Composition:
    """The mails of some rows."""

    def __init__(
        self,
        composer: Composer,
        content: Content,
        states: dict[int, ContactState],
        entries: Mapping[int, MailEntry],
        shelf: Shelf | None = None,
    ) -> None:
        self._composer = composer
        self._shelf = shelf
        self._content = content
        self._states = states
        self._entries = entries
        self._compiled: dict[str, Compiled] = {}
        #: referral codes that the mails carry, by contact
        self._codes: dict[int, str] = {}

    def one(self, row: Claimed, stamp: datetime) -> Ready | Spoiled:
        """Make one mail, dated `stamp`. Raises RenderError."""
        state = self._states.get(row.contact_id)
        campaign = self._content.campaigns.get(row.campaign)
        if state is None:
            return Spoiled(row, "erased", state="cancelled")
        if campaign is None:
            return Spoiled(row, "campaign_ended", state="cancelled")
        if not state.email:
            return Spoiled(row, "no_address", state="skipped")
        try:
            recipient = parse_address(state.email)
        except UsageError as error:
            return Spoiled(row, "invalid_address", error.message, state="skipped", address=state.email)
        return self._ready(row, state, campaign, recipient, stamp)

    def record(self, connection: Connection, ready: Sequence[Ready]) -> None:
        """Store the links of the templates that are sent, and the referral codes that they carry."""
        sent = {one.template_hash for one in ready}
        people = {one.row.contact_id for one in ready} & set(self._codes)
        if people:
            store_codes(connection, {found: self._codes[found] for found in people}, ready[0].stamp)
        self._composer.store_templates(connection, {key: found for key, found in self._compiled.items() if key in sent})

    def _ready(self, row: Claimed, state: ContactState, campaign: Campaign, recipient: str, stamp: datetime) -> Ready:
        content, project = self._content, self._content.project
        compiled = self._compile(row.template, _locale(row, state, content))
        entry = self._entries.get(row.enrolment_id or 0, MailEntry(None, {}))
        addresses = self._composer.addresses(row.id)
        code = code_of(self._composer.tokens, state.id) if compiled.shows_code else None
        if code is not None:
            state.kept |= {"referral.code": code, "referral.url": f"{self._composer.base_url}/r/{code}"}
        scope = build_scope(
            state, content, campaign, now=stamp, event=_event(state, entry.event_id), context=entry.context,
            addresses=addresses, locale=compiled.locale, data=row.data, shelf=self._shelf,
        )  # fmt: skip
        rendered = render(compiled, scope, addresses)
        if code is not None and (code in rendered.text or code in rendered.html):
            self._codes[state.id] = code
        sender = _sender(project.senders, row.sender)
        domain = ascii_domain(sender.address.rpartition("@")[2])
        marketing = row.is_marketing
        message_id = f"{row.message_id}@{domain}"
        data = build(
            Mail(
                message_id=message_id,
                date=stamp,
                sender_name=sender.name.text(compiled.locale, project.default_locale),
                sender_address=sender.address,
                recipient=recipient,
                reply_to=sender.reply_to,
                subject=rendered.subject,
                html=rendered.html,
                text=rendered.text,
                unsubscribe_url=addresses.unsubscribe_url if marketing else None,
                list_id=list_id(project, row.topic, compiled.locale, domain) if marketing else None,
                feedback_id=feedback_id(project, row.campaign, row.step, row.topic or row.kind),
                auto_submitted=is_triggered(campaign),
                template=compiled.hash,
                own=self._composer.links,
            )
        )
        signer = self._composer.signer
        if signer is not None and (domain == signer.domain or domain.endswith(f".{signer.domain}")):
            data = signer.sign(data, stamp)
        envelope = f"bounce+{self._composer.tokens.make(Purpose.ENVELOPE, str(row.id))}@{domain}"
        mail = Outgoing(
            row.id, message_id, envelope, recipient, data, smtputf8=not recipient.rpartition("@")[0].isascii()
        )
        return Ready(row, mail, state.email or recipient, stamp, compiled.hash, rendered.links)

    def _compile(self, template: str, locale: str) -> Compiled:
        try:
            compiled = self._composer.templates(self._content).compile(template, locale)
        except ContentError as error:
            raise RenderError(f"template {template} does not compile: {error.message}") from error
        self._compiled[compiled.hash] = compiled
        return compiled


def _locale(row: Claimed, state: ContactState, content: Content) -> str:
    return row.locale or state.locale or content.project.default_locale


def _event(state: ContactState, event_id: int | None) -> EventFact | None:
    if event_id is None:
        return None
    return next((event for event in reversed(state.events) if event.id == event_id), None)


def _sender(senders: Mapping[str, Sender], name: str | None) -> Sender:
    """Return the sender by name; the first for None, and for one that was declared when the row was made."""
    return senders[name] if name is not None and name in senders else next(iter(senders.values()))
