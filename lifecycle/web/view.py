"""`/v/{token}`: a mail in the browser, rendered again from the very template it was sent with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from lifecycle.audience.state import ContactState
from lifecycle.base.errors import LifecycleError, TokenError
from lifecycle.base.tokens import Purpose
from lifecycle.deliver.compose import Composer
from lifecycle.engagement.addressee import Addressee, addressee
from lifecycle.engagement.hits import note
from lifecycle.intake.shelf import Shelf
from lifecycle.journey.load import load_states
from lifecycle.journey.versions import Versions
from lifecycle.render.compile import Compiled
from lifecycle.render.render import Rendered, render
from lifecycle.render.scope import build as build_scope
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.tables import applications, enrolments
from lifecycle.web.pages import notice
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import Visit, in_thread

_HEADERS = {
    # a mail has styles everywhere and pictures from anywhere, and no scripts; links open beside it
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; font-src https:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""
    again = _Again(parts)

    async def view(request: Request) -> Response:
        visit = Visit(parts, request)
        row = visit.message_row(Purpose.VIEW)

        def work() -> Response:
            with parts.store.read() as connection:
                found = addressee(connection, row)
                if found is None:
                    raise TokenError
                html = None if found.contact.erased_at is not None else again.html(connection, found)
            with parts.store.write() as connection:
                note(connection, visit.sighting(row, "view"), found.message)
            if html is None:
                return notice("view", visit.look(parts.current_content(), found.contact.locale), status=410)
            return HTMLResponse(html, 200, _HEADERS)

        return await in_thread(work)

    return [Route("/v/{token}", view, methods=["GET"])]


class _Again:
    """Renders mails again."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._composer = Composer(parts.tokens, parts.base_url)
        self._versions = Versions(parts.store)

    def html(self, connection: Connection, found: Addressee) -> str | None:
        """Return the mail's HTML, None where its template, its campaign or its contact is no more."""
        message = found.message
        for content in self._candidates(connection, message):
            campaign = content.campaigns.get(message.campaign)
            compiled = self._compiled(content, found)
            if campaign is None or compiled is None:
                continue
            state = load_states(connection, [found.contact_id]).get(found.contact_id)
            return None if state is None else self._render(connection, found, state, content, campaign, compiled)
        return None

    def _render(
        self,
        connection: Connection,
        found: Addressee,
        state: ContactState,
        content: Content,
        campaign: Campaign,
        compiled: Compiled,
    ) -> str | None:
        message = found.message
        entry = connection.execute(
            select(enrolments.c.trigger_event_id, enrolments.c.context).where(enrolments.c.id == message.enrolment_id)
        ).one_or_none()
        event = None
        if entry is not None:
            event = next((each for each in state.events if each.id == entry.trigger_event_id), None)
        addresses = self._composer.addresses(message.id)

        def shown(shelf: Shelf | None) -> Rendered:
            scope = build_scope(
                state, content, campaign, now=message.sending_at or self._parts.clock.now(), event=event,
                context={} if entry is None else entry.context or {}, addresses=addresses, locale=compiled.locale,
                data=message.data or {}, shelf=shelf,
            )  # fmt: skip
            return render(compiled, scope, addresses)

        try:
            again = shown(self._composer.shelf(connection) if compiled.recommends else None)
            if compiled.recommends and not again.links.items() <= (message.links or {}).items():
                # other products are on the shelf by now: a link must not lead to another one than it shows
                again = shown(None)
        except LifecycleError:
            return None
        return again.html

    def _candidates(self, connection: Connection, message: Any) -> Iterator[Content]:
        """Yield the content that may have made the mail: in force when it was sent, then in force now."""
        if message.sending_at is not None:
            query = select(applications.c.version).where(applications.c.at <= message.sending_at)
            version = connection.execute(query.order_by(applications.c.id.desc()).limit(1)).scalar()
            if version is not None:
                with suppress(LifecycleError):  # it may no longer parse: then the mail is gone, politely
                    yield self._versions.get(version)
        now = self._parts.current_content()
        if now is not None:
            yield now

    def _compiled(self, content: Content, found: Addressee) -> Compiled | None:
        """Return the template, None unless it is the very one that was sent."""
        message = found.message
        locale = message.locale or found.contact.locale or content.project.default_locale
        try:
            compiled = self._composer.templates(content).compile(message.template, locale)
        except LifecycleError:
            return None
        return compiled if compiled.hash == message.template_hash else None
