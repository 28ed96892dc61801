"""`/u/{token}`: leaving with one click. POST withdraws consent at once; GET asks and changes nothing (RFC 8058)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lifecycle.base.errors import TokenError
from lifecycle.base.tokens import Purpose
from lifecycle.engagement.addressee import Addressee, addressee
from lifecycle.engagement.preferences import unsubscribe
from lifecycle.spec.model import Content
from lifecycle.web.pages import Look, masked, page
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import Visit, in_thread


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""

    async def ask(request: Request) -> Response:
        visit = Visit(parts, request)
        row = visit.message_row(Purpose.UNSUBSCRIBE)

        def answer() -> Response:
            with parts.store.read() as connection:
                found = addressee(connection, row)
            if found is None:
                raise TokenError
            content = parts.current_content()
            shown = visit.look(content, found.contact.locale)
            return page(
                "ask", shown, title=shown.text("unsubscribe.title"), text=_about("unsubscribe", found, content, shown),
                button=shown.text("unsubscribe.button"), link=visit.link(Purpose.PREFERENCES, row),
                link_text=shown.text("unsubscribe.instead"),
            )  # fmt: skip

        return await in_thread(answer)

    async def leave(request: Request) -> Response:
        visit = Visit(parts, request)
        row = visit.message_row(Purpose.UNSUBSCRIBE)
        # the body need not be understood: who posts here wants to leave, as a form, as multipart or with nothing
        one_click = b"List-Unsubscribe" in await request.body()

        def answer() -> Response:
            content = parts.current_content()
            topics = [topic.topic for topic in content.project.topics] if content is not None else []
            with parts.store.write() as connection:
                found = unsubscribe(
                    connection, visit.sighting(row, "unsubscribe"), topics, source="one-click" if one_click else "page"
                )
            if found is None:
                raise TokenError
            shown = visit.look(content, found.contact.locale)
            return page(
                "notice", shown, title=shown.text("unsubscribed.title"),
                text=_about("unsubscribed", found, content, shown),
                link=visit.link(Purpose.PREFERENCES, row), link_text=shown.text("unsubscribed.undo"),
            )  # fmt: skip

        return await in_thread(answer)

    return [Route("/u/{token}", ask, methods=["GET"]), Route("/u/{token}", leave, methods=["POST"])]


def _about(what: str, found: Addressee, content: Content | None, shown: Look) -> str:
    email = masked(found.contact.email)
    topic = found.message.topic
    if topic is None:
        return shown.text(f"{what}.all", email=email)
    declared = None if content is None else content.project.topic(topic)
    label = topic if declared is None else declared.label.text(shown.language, topic)
    return shown.text(f"{what}.text", topic=label, email=email)
