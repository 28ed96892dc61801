"""`/p/{token}`: the preference centre: topics, language, a pause, everything off."""

from __future__ import annotations

from typing import Any

from babel.dates import format_date
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lifecycle.base.errors import TokenError
from lifecycle.base.tokens import Purpose
from lifecycle.base.units import Duration, parse_zone
from lifecycle.engagement.addressee import addressee
from lifecycle.engagement.hits import note
from lifecycle.engagement.preferences import Choice, read_preferences, save_choice
from lifecycle.spec.model import Content, Topic
from lifecycle.web.pages import language_names, masked, page
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import Visit, in_thread

#: How long a break may be.
PAUSES = {"week": Duration.parse("1w"), "month": Duration.parse("1mo"), "quarter": Duration.parse("3mo")}


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""

    async def show(request: Request) -> Response:
        visit = Visit(parts, request)
        row = visit.message_row(Purpose.PREFERENCES)

        def answer() -> Response:
            content = parts.current_content()
            with parts.store.read() as connection:
                found = addressee(connection, row)
                if found is None:
                    raise TokenError
                held = read_preferences(connection, found.contact, _topics(content))
            return _form(visit, content, found.contact, held)

        return await in_thread(answer)

    async def save(request: Request) -> Response:
        visit = Visit(parts, request)
        row = visit.message_row(Purpose.PREFERENCES)
        form = await visit.form()

        def answer() -> Response:
            content = parts.current_content()
            with parts.store.write() as connection:
                found = addressee(connection, row, lock=True)
                if found is None:
                    raise TokenError
                held = read_preferences(connection, found.contact, _topics(content))
                choice = _choice(form.multi_items(), held.topics, content, visit)
                save_choice(connection, found.contact, choice, at=visit.at, source="preferences")
                note(connection, visit.sighting(row, "preferences"), found.message)
            shown = visit.look(content, choice.locale or found.contact.locale)
            return page(
                "notice", shown, title=shown.text("saved.title"), text=shown.text("saved.text"),
                link=visit.link(Purpose.PREFERENCES, row), link_text=shown.text("saved.back"),
            )  # fmt: skip

        return await in_thread(answer)

    return [Route("/p/{token}", show, methods=["GET"]), Route("/p/{token}", save, methods=["POST"])]


def _topics(content: Content | None) -> tuple[Topic, ...]:
    return () if content is None else content.project.topics


def _choice(form: list[tuple[str, str]], held: Any, content: Content | None, visit: Visit) -> Choice:
    """Return what the form asks for; what it does not say, or says beyond what we offered, stays as it is."""
    said = dict(form)
    if said.get("do") == "all_off":
        return Choice(topics=dict.fromkeys(held, False))
    wanted = {value for key, value in form if key == "topic"}
    pause = said.get("pause", "keep")
    locales = () if content is None else content.project.locales
    return Choice(
        topics={topic: topic in wanted for topic, granted in held.items() if granted != (topic in wanted)},
        locale=said["locale"] if said.get("locale") in locales else None,
        pause_until_at=PAUSES[pause].after(visit.at) if pause in PAUSES else None,
        resume=pause == "none",
    )


def _form(visit: Visit, content: Content | None, contact: Any, held: Any) -> Response:
    shown = visit.look(content, contact.locale)
    project = None if content is None else content.project
    default = "en" if project is None else project.default_locale
    locales = () if project is None else project.locales
    until = held.paused_until_at
    paused = until is not None and until > visit.at
    return page(
        "preferences", shown, title=shown.text("preferences.title"), email=masked(contact.email),
        topics=[
            {
                "id": topic.topic,
                "label": topic.label.text(shown.language, default) or topic.topic,
                "description": topic.description.text(shown.language, default),
                "granted": held.topics[topic.topic],
            }
            for topic in _topics(content)
        ],
        languages=language_names(locales),
        locale=contact.locale if contact.locale in locales else shown.language,
        paused_until=format_date(
            until.astimezone(parse_zone(project.timezone if project else "UTC")), locale=shown.language
        ) if paused else "",
    )  # fmt: skip
