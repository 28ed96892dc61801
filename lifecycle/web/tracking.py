"""`GET /o/{token}.gif` and `GET /c/{token}/{n}`: raw ASGI, because every reader of every mail comes here.

The reply goes out after the hit is committed. A bad token gets the pixel that a good one gets; a bad link a 404 page. A
click leads to the address that the mail pointed at, which we stored, never to one that the request names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from lifecycle.base.errors import StoreError, TokenError
from lifecycle.base.tokens import Purpose
from lifecycle.engagement.hits import Sighting
from lifecycle.web.asgi import Receive, Scope, Send, client_ip, reply
from lifecycle.web.parts import WebParts

#: A transparent GIF of one pixel, 43 bytes.
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_NO_STORE = (b"cache-control", b"no-store, private, max-age=0")
_NO_REFERRER = (b"referrer-policy", b"no-referrer")
_PIXEL_HEADERS = [
    (b"content-type", b"image/gif"),
    (b"content-length", b"43"),
    _NO_STORE,
    (b"x-content-type-options", b"nosniff"),
]
#: Numbers of links have at most so many digits.
_MOST_DIGITS = 5

Page = Callable[[Scope, Receive, Send], Awaitable[None]]


def pixel_app(parts: WebParts) -> Page:
    """Return the ASGI application for `/o/…`."""
    record, now, read = parts.recorder.record, parts.clock.now, parts.tokens.read

    async def pixel(scope: Scope, _receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await reply(send, 405, [(b"allow", b"GET, HEAD")])
            return
        try:
            row = int(read(Purpose.OPEN, scope["path"][3:].removesuffix(".gif")))
            await record(_sighting(scope, row, "open", now()))
        except (TokenError, ValueError):
            pass  # the same pixel: nobody learns what a token looks like
        except StoreError:
            await reply(send, 503, [(b"retry-after", b"10"), _NO_STORE])
            return
        await send({"type": "http.response.start", "status": 200, "headers": _PIXEL_HEADERS})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else PIXEL})

    return pixel


def click_app(parts: WebParts, not_found: Page, trouble: Page) -> Page:
    """Return the ASGI application for `/c/…`; `not_found` answers what leads nowhere, `trouble` what is not stored."""
    record, now, read = parts.recorder.record, parts.clock.now, parts.tokens.read

    async def click(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await reply(send, 405, [(b"allow", b"GET, HEAD")])
            return
        token, _, number = scope["path"][3:].partition("/")
        target = None
        if number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
            try:
                row = int(read(Purpose.CLICK, token))
                target = await record(_sighting(scope, row, "click", now(), int(number)))
            except (TokenError, ValueError):
                target = None
            except StoreError:
                await trouble(scope, receive, send)  # here somebody looks at the answer
                return
        if target is None:
            await not_found(scope, receive, send)
            return
        await reply(send, 302, [(b"location", target.encode("ascii")), _NO_STORE, _NO_REFERRER])

    return click


def _sighting(scope: Scope, row: int, kind: Literal["open", "click"], at: Any, link: int | None = None) -> Sighting:
    agent = b""
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent = value
            break
    return Sighting(row, kind, at, scope["method"], agent.decode("latin-1"), client_ip(scope), link)
