"""`/s/{token}`: a survey. The score in the link preselects; only POST records, so that no scanner answers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lifecycle.base.errors import TokenError
from lifecycle.base.tokens import Purpose
from lifecycle.engagement.addressee import addressee
from lifecycle.engagement.hits import note
from lifecycle.feedback.surveys import MAX_COMMENT, answer
from lifecycle.web.pages import notice, page
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import Visit, in_thread

#: The one survey there is: how likely it is that the contact recommends us.
NPS = "nps"


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""

    async def ask(request: Request) -> Response:
        visit = Visit(parts, request)
        return await _form(visit, visit.message_row(Purpose.SURVEY), _score(request.query_params.get("score")))

    async def record(request: Request) -> Response:
        visit = Visit(parts, request)
        row = visit.message_row(Purpose.SURVEY)
        form = await visit.form()
        score, comment = _score(form.get("score")), form.get("comment", "")[:MAX_COMMENT]
        if score is None:
            return await _form(visit, row, None, comment=comment, missing=True)

        def work() -> Response:
            with parts.store.write() as connection:
                found = addressee(connection, row, lock=True)
                if found is None:
                    raise TokenError
                answer(connection, found.contact_id, NPS, str(row), score, comment, visit.at)
                note(connection, visit.sighting(row, "survey"), found.message)
            return notice("thanks", visit.look(parts.current_content(), found.contact.locale))

        return await in_thread(work)

    async def _form(visit: Visit, row: int, score: int | None, *, comment: str = "", missing: bool = False) -> Response:
        def work() -> Response:
            with parts.store.read() as connection:
                found = addressee(connection, row)
            if found is None:
                raise TokenError
            shown = visit.look(parts.current_content(), found.contact.locale)
            return page(
                "survey", shown, status=422 if missing else 200, title=shown.text("survey.title"), score=score,
                comment=comment, missing=missing,
            )  # fmt: skip

        return await in_thread(work)

    return [Route("/s/{token}", ask, methods=["GET"]), Route("/s/{token}", record, methods=["POST"])]


def _score(text: str | None) -> int | None:
    """Return a score from 0 to 10, None for anything else."""
    return (
        int(text)
        if text is not None and text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= 10
        else None
    )
