"""The routes of the page. Everything is read; mails are shown in a sandbox that runs no script."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from lifecycle.base.errors import NotFoundError
from lifecycle.render.appearance import in_appearance, without_images
from lifecycle.workbench.desk import Desk
from lifecycle.workbench.hub import Hub

_PARTS = {"/": ("index.html", "text/html"), "/style.css": ("style.css", "text/css")} | {
    f"/{name}.js": (f"{name}.js", "text/javascript")
    for name in ("app", "dom", "frame", "grid", "panels", "place", "source")
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: what a mail client allows: pictures and fonts from anywhere, no script, no form; links lead nowhere in a sandbox
_MAIL_POLICY = (
    "default-src 'none'; img-src https: http: data:; font-src https: http: data:; "
    "style-src 'unsafe-inline' https: http:; form-action 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)
#: links open windows, which a sandbox does not let them: they can be hovered over, and are inert
_INERT = '<base target="_blank">'


def create_app(desk: Desk, hub: Hub) -> Starlette:
    """Return the application."""

    async def part(request: Request) -> Response:
        name, kind = _PARTS[request.url.path]
        headers = {"Content-Security-Policy": _PAGE_POLICY}
        return Response(_read(name), media_type=f"{kind}; charset=utf-8", headers=headers)

    async def overview(_request: Request) -> Response:
        return await _answered(desk.overview)

    async def mail(request: Request) -> Response:
        template, locale, who = _which(request)
        return await _answered(lambda: desk.mail(template, locale, who))

    async def page(request: Request) -> Response:
        template, locale, who = _which(request)
        wanted = request.query_params

        def work() -> Response:
            try:
                made = desk.page(template, locale, who)
            except NotFoundError:
                made = None
            headers = {"Content-Security-Policy": _MAIL_POLICY}
            if made is None:
                return HTMLResponse("<!doctype html><title>nothing to show</title>", 404, headers)
            shown = in_appearance(made, dark=wanted.get("dark") == "1")
            if wanted.get("images") == "0":
                shown = without_images(shown)
            return HTMLResponse(shown.replace("<head>", "<head>" + _INERT, 1), 200, headers)

        return await run_in_threadpool(work)

    async def events(_request: Request) -> Response:
        first = {"version": desk.version, "checked": desk.is_checked}
        return StreamingResponse(hub.listen(first), media_type="text/event-stream")

    return Starlette(
        routes=[
            *(Route(path, part) for path in _PARTS),
            Route("/overview", overview),
            Route("/events", events),
            Route("/mail/{template:path}", mail),
            Route("/page/{template:path}", page),
        ]
    )


def _which(request: Request) -> tuple[str, str, str]:
    wanted = request.query_params
    return request.path_params["template"], wanted.get("locale", ""), wanted.get("who", "")


async def _answered(work: Callable[[], dict[str, Any]]) -> Response:
    """Return what `work` finds as JSON; ASCII, so that bytes of a file that are no text do no harm."""

    def answer() -> Response:
        try:
            return Response(json.dumps(work(), default=str), media_type="application/json")
        except NotFoundError as error:
            wrong = {"message": error.message, "hint": error.hint}
            return Response(json.dumps(wrong), 404, media_type="application/json")

    return await run_in_threadpool(answer)


@cache
def _read(name: str) -> bytes:
    return (resources.files("lifecycle.workbench") / "page" / name).read_bytes()
