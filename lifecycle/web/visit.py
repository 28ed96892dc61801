"""One request to a contact's page: what its token names, what is noted of it, how we answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from lifecycle.base.errors import TokenError
from lifecycle.base.tokens import Purpose
from lifecycle.engagement.hits import HitKind, Sighting
from lifecycle.spec.model import Content
from lifecycle.web.asgi import client_ip
from lifecycle.web.pages import Look, accepted_languages, look
from lifecycle.web.parts import WebParts

#: A form of ours is far shorter.
MAX_FORM_BYTES = 64 * 1024

T = TypeVar("T")


class Visit:
    """A request with what belongs to it. `at` is when it came, aware UTC."""

    def __init__(self, parts: WebParts, request: Request) -> None:
        self.parts = parts
        self.request = request
        self.at: datetime = parts.clock.now()

    def subject(self, purpose: Purpose) -> str:
        """Return what the path's token names. Raises TokenError, which is answered alike for every bad token."""
        return self.parts.tokens.read(purpose, self.request.path_params["token"])

    def message_row(self, purpose: Purpose) -> int:
        """Return messages.id from the path's token. Raises TokenError."""
        try:
            return int(self.subject(purpose))
        except ValueError as error:
            raise TokenError from error

    def sighting(self, message_row: int, kind: HitKind) -> Sighting:
        """Return this request as a raw hit."""
        request = self.request
        agent = request.headers.get("user-agent", "")
        return Sighting(message_row, kind, self.at, request.method, agent, client_ip(request.scope))

    def look(self, content: Content | None, locale: str | None = None) -> Look:
        """Return the look of the answer: in the contact's locale, else as the browser asks."""
        asked = accepted_languages(self.request.headers.get("accept-language", ""))
        return look(content, [locale, *asked])

    def link(self, purpose: Purpose, message_row: int) -> str:
        """Return the address of another page of the same message, relative to this one: it works below any prefix."""
        return f"../{purpose.value}/{self.parts.tokens.make(purpose, str(message_row))}"

    async def form(self) -> ImmutableMultiDict[str, str]:
        """Return the fields of a posted form, urlencoded or multipart; files are left out."""
        if self.request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with self.request.form(max_files=0, max_fields=100) as form:
                return ImmutableMultiDict([(key, value) for key, value in form.multi_items() if isinstance(value, str)])
        body = await self.request.body()
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100)
        return ImmutableMultiDict([(key, value.replace("\0", "")) for key, value in pairs])


async def in_thread(work: Callable[[], T]) -> T:
    """Run what reads or writes the database away from the loop."""
    return await run_in_threadpool(work)
