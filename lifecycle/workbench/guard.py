"""Keeps the page to this machine's own browser: no other host's name leads here, and no other page may look in."""

from __future__ import annotations

from lifecycle.web.asgi import App, Event, Receive, Scope, Send, header, reply

_METHODS = frozenset({"GET", "HEAD"})
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


def guarded(app: App) -> App:
    """Return `app` behind a check of Host, so that no foreign name that resolves to us (DNS rebinding) reads mails.

    It answers GET and HEAD alone: there is nothing to change here.
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
        else:
            await app(scope, receive, safe)

    return checked
