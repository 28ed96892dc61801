"""The whole HTTP surface as one ASGI application.

Tracking is raw ASGI, contacts' pages are Starlette routes, Segment's API is FastAPI: each request is told apart by the
first part of its path, so that the many pay nothing for the few.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lifecycle.base.errors import StoreError, TokenError
from lifecycle.web import choices, dashboard, leave, operations, referral, signup, survey, view
from lifecycle.web.asgi import App, BodyTooLargeError, Receive, Scope, Send, limited
from lifecycle.web.hooks import hooks_app
from lifecycle.web.pages import notice
from lifecycle.web.parts import WebParts
from lifecycle.web.tracking import click_app, pixel_app
from lifecycle.web.visit import MAX_FORM_BYTES, Visit, in_thread

log = logging.getLogger("lifecycle.web")

__all__ = ["WebParts", "create_app"]


def create_app(parts: WebParts) -> App:
    """Return the application for DESIGN section 7. Its lifespan ends when every hit is written."""
    from lifecycle.web.api import api_app

    pages = _pages(parts)
    api: App = api_app(parts)
    pixel = pixel_app(parts)
    click = click_app(parts, pages, _trouble(parts))
    hooks = hooks_app(parts)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith("/o/"):
                await pixel(scope, receive, send)
            elif path.startswith("/c/"):
                await click(scope, receive, send)
            elif path.startswith("/v1/") or path == "/openapi.json":
                await api(scope, receive, send)
            elif path.startswith("/hooks/"):
                await hooks(scope, receive, send)
            else:
                await pages(scope, limited(receive, MAX_FORM_BYTES), send)
        elif scope["type"] == "lifespan":
            await _lifespan(parts, receive, send)

    return app


async def _lifespan(parts: WebParts, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await parts.recorder.stop()
    await send({"type": "lifespan.shutdown.complete"})


def _in_trouble(parts: WebParts, request: Request) -> Response:
    """Return what somebody is told when the database did not take it, and whoever asks for them when to ask again."""
    look = Visit(parts, request).look(parts.current_content())
    return notice("trouble", look, status=503, headers={"Retry-After": "10"})


def _trouble(parts: WebParts) -> App:
    async def trouble(scope: Scope, receive: Receive, send: Send) -> None:
        response = await in_thread(partial(_in_trouble, parts, Request(scope, receive)))
        await response(scope, receive, send)

    return trouble


def _pages(parts: WebParts) -> App:
    modules = (leave, choices, view, survey, signup, referral, operations, dashboard)
    found = [route for module in modules for route in module.routes(parts)]

    def answer(what: str, status: int) -> Callable[[Request, Exception], Response]:
        def page(request: Request, error: Exception) -> Response:
            headers = dict(getattr(error, "headers", None) or {})
            return notice(what, Visit(parts, request).look(parts.current_content()), status=status, headers=headers)

        return page

    def failed(request: Request, error: Exception) -> Response:
        log.error("%s: %s", request.scope["path"].split("/")[1], error)
        return _in_trouble(parts, request)

    def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        return answer("gone" if status == 404 else "trouble", status)(request, error)

    def broken(request: Request, _error: Exception) -> Response:
        # whatever it was, the answer must not depend on it: no content, no brand
        return notice("trouble", Visit(parts, request).look(None), status=500)

    return Starlette(
        routes=found,
        exception_handlers={
            TokenError: answer("gone", 404),
            StoreError: failed,
            BodyTooLargeError: answer("large", 413),
            HTTPException: refused,
            Exception: broken,
        },
    )
