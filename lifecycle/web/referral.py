"""`/r/{code}`: where a friend lands: on to the shop, which gets the code as `ref` and says so in its own events."""

from __future__ import annotations

import re

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lifecycle.base.errors import TokenError
from lifecycle.engagement.targets import safe_target
from lifecycle.store.tables import referrals
from lifecycle.web.parts import WebParts
from lifecycle.web.visit import in_thread

_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""

    async def land(request: Request) -> Response:
        code = request.path_params["code"]

        def work() -> Response:
            content = parts.current_content()
            shop = None if content is None else safe_target(content.project.brand.url)
            if shop is None or not _CODE.fullmatch(code):
                raise TokenError
            with parts.store.read() as connection:
                known = connection.execute(select(referrals.c.id).where(referrals.c.code == code).limit(1)).scalar()
            # a friend with a mistyped code is still a friend: the shop's front door, without a code
            place = shop if known is None else f"{shop}{'&' if '?' in shop else '?'}ref={code}"
            return RedirectResponse(place, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

        return await in_thread(work)

    return [Route("/r/{code}", land, methods=["GET"])]
