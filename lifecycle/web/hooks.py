"""`POST /hooks/{provider}`: where providers tell what became of the mails they took.

What comes is verified before anything in it is read further. 200 means committed, also for what was told before; 403
that the provider did not send it, which is no reason to send it again; 503 that it is worth another try.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lifecycle.base.errors import ForgedError, GarbledError, LifecycleError
from lifecycle.web.asgi import App, BodyTooLargeError, client_ip, read_body
from lifecycle.web.parts import WebParts
from lifecycle.web.rates import Rate
from lifecycle.web.visit import in_thread

log = logging.getLogger("lifecycle.web")

#: SNS posts at most 256 KB, Postmark's bounces with their content may be longer.
MAX_HOOK_BYTES = 512 * 1024


def hooks_app(parts: WebParts) -> App:
    """Return the ASGI application for `/hooks/…`."""
    # a provider tells of each mail, from few addresses: this is for whoever guesses passwords and signatures
    by_ip = Rate(parts.clock, burst=2000, per_minute=60_000)

    async def take(request: Request) -> Response:
        name = request.path_params["provider"][:40]
        hook, feedback = parts.hooks.get(name), parts.feedback
        if hook is None:
            return _refusal(404, "no_such_hook", f'no provider "{name}" sends events here')
        if feedback is None:
            return _refusal(503, "unavailable", "events are not taken yet; send it again")
        if not by_ip.allows(client_ip(request.scope)):
            return _refusal(429, "too_many", "too many requests from one address")
        body = await read_body(request.receive, MAX_HOOK_BYTES)
        headers = {key.lower(): value for key, value in request.headers.items()}

        def work() -> int:
            told = hook.read_events(body, headers)
            return feedback(told) if told else 0

        # the provider may hang up; what was begun is finished
        taken = await asyncio.shield(asyncio.ensure_future(in_thread(work)))
        return JSONResponse({"taken": taken})

    app = Starlette(routes=[Route("/hooks/{provider}", take, methods=["POST"])])
    app.add_exception_handler(LifecycleError, _failed)
    app.add_exception_handler(BodyTooLargeError, _too_large)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _broken)
    return app


def _failed(request: Request, error: Exception) -> Response:
    """Answer what was raised on purpose. Only what the provider can mend by posting again is a 503."""
    message = error.message if isinstance(error, LifecycleError) else ""
    log.warning("hook %s: %s", request.path_params.get("provider", "")[:40], message)
    match error:
        case ForgedError():
            return _refusal(403, "forged", message)
        case GarbledError():
            return _refusal(400, "garbled", message)
        case _:
            return _refusal(503, "unavailable", "it could not be taken; send it again")


def _too_large(_request: Request, _error: Exception) -> Response:
    return _refusal(413, "too_large", f"a request has at most {MAX_HOOK_BYTES} bytes")


def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _refusal(status, "no_such_hook", "POST /hooks/PROVIDER")


def _broken(_request: Request, _error: Exception) -> Response:
    return _refusal(500, "broken", "it could not be taken")


def _refusal(status: int, code: str, message: str) -> Response:
    headers = {503: {"Retry-After": "60"}, 429: {"Retry-After": "60"}}.get(status)
    return JSONResponse({"success": False, "code": code, "message": message}, status, headers)
