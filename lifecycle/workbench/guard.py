"""Keeps the page to this machine's own browser: no other host's name leads here, and no other page may look in."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from lifecycle.web.asgi import App, Event, Header, Receive, Scope, Send, header, reply

_METHODS = frozenset({"GET", "HEAD"})
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def guarded(app: App, key: str | None = None) -> App:
    """Return `app` behind a check of Host, so that no foreign name that resolves to us (DNS rebinding) reads mails.

    It answers GET and HEAD alone: there is nothing to change here. With a `key` it answers those who come by the
    address that has it, `/?key=…`, which leaves a cookie: others who can log in to this machine have browsers too.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def safe(event: Event) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [*event.get("headers", ()), *_ALWAYS]
            await send(event)

        port = scope["server"][1]  # the socket's own
        hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        site, mode = header(scope, b"sec-fetch-site"), header(scope, b"sec-fetch-mode")
        if header(scope, b"host").lower() not in hosts:
            await reply(safe, 421, [_TEXT], b"this page is at 127.0.0.1 and localhost alone\n")
        elif scope["method"] not in _METHODS:
            await reply(safe, 405, [_TEXT, (b"allow", b"GET, HEAD")], b"there is nothing to change here\n")
        elif site == "cross-site" and mode != "navigate":
            await reply(safe, 403, [_TEXT], b"another page may not look in here\n")
        elif key is not None and (way := _way_in(scope, key)) is not None:
            await reply(safe, 303, way)
        elif key is not None and not _has(scope, key):
            await reply(safe, 403, [_TEXT], b"open it by the address that `lifecycle preview` printed\n")
        else:
            await app(scope, receive, safe)

    return checked


def _cookie(scope: Scope) -> str:
    return f"lifecycle-preview-{scope['server'][1]}"  # cookies know no ports


def _way_in(scope: Scope, key: str) -> list[Header] | None:
    """Return the answer to the address with the key: the cookie, and the address without it."""
    given = parse_qsl(scope["query_string"].decode("latin-1"))
    if scope["path"] != "/" or not any(_same(value, key) for name, value in given if name == "key"):
        return None
    rest = urlencode([(name, value) for name, value in given if name != "key"])
    cookie = f"{_cookie(scope)}={key}; HttpOnly; SameSite=Strict; Path=/"
    return [(b"location", f"/?{rest}".rstrip("?").encode()), (b"set-cookie", cookie.encode())]


def _has(scope: Scope, key: str) -> bool:
    try:
        found = SimpleCookie(header(scope, b"cookie")).get(_cookie(scope))
    except CookieError:
        return False
    return found is not None and _same(found.value, key)


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())
