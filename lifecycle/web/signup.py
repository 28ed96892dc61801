"""`POST /subscribe`: a sign-up form's target. `/confirm/{token}`: the button behind a double opt-in's mail.

A sign-up is answered alike for every address, known or not, suppressed or not, in words, status and time.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lifecycle.base.address import address_key, parse_address
from lifecycle.base.errors import TokenError, UsageError
from lifecycle.base.tokens import Purpose
from lifecycle.engagement.addressee import living_contact
from lifecycle.engagement.signup import SignUp, asked_about, confirm, sign_up
from lifecycle.spec.model import Content
from lifecycle.web.asgi import client_ip
from lifecycle.web.pages import Look, masked, notice, page
from lifecycle.web.parts import WebParts
from lifecycle.web.rates import Rate
from lifecycle.web.visit import Visit, in_thread

#: A sign-up is answered no sooner than this, so that what the database had to do does not show.
ANSWER_AFTER_S = 0.25
#: Consent texts are kept up to here, in characters.
MAX_TEXT = 4000


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""
    by_ip = Rate(parts.clock, burst=10, per_minute=10)
    by_address = Rate(parts.clock, burst=3, per_minute=0.1)

    async def subscribe(request: Request) -> Response:
        visit = Visit(parts, request)
        loop = asyncio.get_running_loop()
        answer_at = loop.time() + ANSWER_AFTER_S
        content = await in_thread(parts.current_content)
        shown = visit.look(content)
        if not by_ip.allows(client_ip(request.scope)):
            return notice("many", shown, status=429, headers={"Retry-After": "60"})
        form = await visit.form()
        try:
            asked = _asked(content, form.get("email", ""), form.get("topic", ""), form.get("consent_text", ""), shown)
        except UsageError:
            return notice("subscribe.wrong", shown, status=422)
        # the same address again and again gets no more mails, and the same answer
        if content is not None and by_address.allows(address_key(asked.email)):
            await in_thread(lambda: sign_up(parts.store, content, parts.clock, asked))
        await asyncio.sleep(max(0.0, answer_at - loop.time()))
        return notice("subscribe", shown)

    async def ask(request: Request) -> Response:
        visit = Visit(parts, request)

        def work() -> Response:
            contact_id, topic = _subject(visit)
            with parts.store.read() as connection:
                contact = living_contact(connection, contact_id)
            if contact is None:
                raise TokenError
            content = parts.current_content()
            shown = visit.look(content, contact.locale)
            return page(
                "ask", shown, title=shown.text("confirm.title"), button=shown.text("confirm.button"),
                text=shown.text("confirm.text", topic=_label(content, topic, shown), email=masked(contact.email)),
            )  # fmt: skip

        return await in_thread(work)

    async def agree(request: Request) -> Response:
        visit = Visit(parts, request)

        def work() -> Response:
            contact_id, topic = _subject(visit)
            content = parts.current_content()
            contact = confirm(parts.store, content, parts.clock, contact_id, topic)
            if contact is None:
                raise TokenError
            shown = visit.look(content, contact.locale)
            return notice("confirmed", shown, topic=_label(content, topic, shown), email=masked(contact.email))

        return await in_thread(work)

    return [
        Route("/subscribe", subscribe, methods=["POST"]),
        Route("/confirm/{token}", ask, methods=["GET"]),
        Route("/confirm/{token}", agree, methods=["POST"]),
    ]


def _asked(content: Content | None, email: str, topic: str, text: str, shown: Look) -> SignUp:
    """Return what the form asks for. Raises UsageError for an address or a topic that is none."""
    if content is None:
        raise UsageError("there is no content yet")
    topics = content.project.topics
    chosen = content.project.topic(topic) if topic else topics[0] if len(topics) == 1 else None
    if chosen is None or len(email) > 320:
        raise UsageError("no such topic")
    locale = shown.language if shown.language in content.project.locales else None
    return SignUp(parse_address(email), chosen.topic, text[:MAX_TEXT], locale)


def _subject(visit: Visit) -> tuple[int, str]:
    """Return the contact and the topic that the token names: itself (`CONTACT:TOPIC`), or by the mail it stands in."""
    first, colon, topic = visit.subject(Purpose.CONFIRM).partition(":")
    if not first.isdecimal():
        raise TokenError
    if colon:
        return int(first), topic
    with visit.parts.store.read() as connection:
        found = asked_about(connection, int(first))
    if found is None:
        raise TokenError
    return found


def _label(content: Content | None, topic: str, shown: Look) -> str:
    declared = None if content is None else content.project.topic(topic)
    return topic if declared is None else declared.label.text(shown.language, topic) or topic
