"""The little of ASGI that raw applications need. Source: ASGI HTTP specification 2.4."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]


class BodyTooLargeError(Exception):
    """The request's body is past its limit."""


def header(scope: Scope, name: bytes) -> str:
    """Return a request header by its lower-case name, "" when it is not there."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def client_ip(scope: Scope) -> str:
    """Return the address the request came from (the proxy's word only where the server trusts it), "" for a socket."""
    client = scope.get("client")
    return client[0] if client else ""


async def reply(send: Send, status: int, headers: list[Header], body: bytes = b"") -> None:
    """Send a whole response."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def limited(receive: Receive, limit: int) -> Receive:
    """Return `receive` that raises BodyTooLargeError once more than `limit` bytes have come."""
    seen = 0

    async def counted() -> Event:
        nonlocal seen
        event = await receive()
        if event["type"] == "http.request":
            seen += len(event.get("body", b""))
            if seen > limit:
                raise BodyTooLargeError
        return event

    return counted


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the request's body. Raises BodyTooLargeError past `limit` bytes, CancelledError when the client left."""
    chunks = []
    receive = limited(receive, limit)
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise asyncio.CancelledError
        chunks.append(event.get("body", b""))
        if not event.get("more_body", False):
            return b"".join(chunks)
