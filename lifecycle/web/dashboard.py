"""`/`: the dashboard, behind a login: the reports of `lifecycle report`, as pages."""

from __future__ import annotations

from datetime import timedelta

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lifecycle.base.errors import NotFoundError
from lifecycle.report.catalogue import NAMES, OF_ALL, OF_CAMPAIGN, build
from lifecycle.report.files import as_html
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.model import Content
from lifecycle.web.asgi import client_ip
from lifecycle.web.pages import fragment, look, notice, page
from lifecycle.web.parts import WebParts
from lifecycle.web.rates import Rate
from lifecycle.web.sessions import Sessions
from lifecycle.web.visit import Visit, in_thread

#: The windows that can be chosen, in days; 0 is all time.
PERIODS = {7: "7 days", 30: "30 days", 90: "90 days", 0: "all time"}
_HEADERS = {
    # a report's bars and cells carry their lengths and colours as style attributes
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def routes(parts: WebParts) -> list[Route]:
    """Return the routes."""
    sessions = Sessions(parts)
    tries = Rate(parts.clock, burst=5, per_minute=5)

    async def front(request: Request) -> Response:
        return await _report(request, "overview", None)

    async def report(request: Request) -> Response:
        return await _report(request, request.path_params["name"], request.path_params.get("campaign"))

    async def _report(request: Request, name: str, campaign: str | None) -> Response:
        if not sessions.logged_in(request):
            return RedirectResponse(_up(request) + "login", 303, {"Cache-Control": "no-store"})
        visit = Visit(parts, request)
        days = _days(request)

        def work() -> Response:
            content = parts.current_content()
            if content is None or name not in NAMES or (name in OF_CAMPAIGN) is (campaign is None):
                return notice("gone" if content is not None else "trouble", look(content, ["en"]), status=404)
            window = ALL_TIME if days == 0 else Window(visit.at - timedelta(days=days), None)
            try:
                with parts.store.read() as connection:
                    found = build(connection, content, name, campaign, window=window)
            except NotFoundError:
                return notice("gone", look(content, ["en"]), status=404)
            bar = _bar(content, name, campaign, days, _up(request), sessions.session_proof(request))
            made = as_html(found, made_at=visit.at)
            return HTMLResponse(made.replace("<body>", f"<body>{bar}", 1), 200, _HEADERS)

        return await in_thread(work)

    async def login(request: Request) -> Response:
        if request.method == "GET":
            return await _form()
        visit = Visit(parts, request)
        form = await visit.form()
        if not tries.allows(client_ip(request.scope)):
            return await _form("Too many tries. Wait a minute.", 429)
        if not sessions.login_form_is_ours(request, form.get("proof", "")):
            return await _form("The form was open for too long. Try again.", 403)
        if not sessions.password_is_right(form.get("password", "")):
            return await _form("That is not the password.", 403)
        response = RedirectResponse("./", 303, {"Cache-Control": "no-store"})
        sessions.open(response)
        return response

    async def _form(wrong: str = "", status: int = 200) -> Response:
        content = await in_thread(parts.current_content)
        value = sessions.begin_form()
        response = page(
            "login", look(content, ["en"]), status=status, title="Dashboard", wrong=wrong, proof=sessions.proof(value),
            shut=parts.admin_password is None,
        )  # fmt: skip
        # no-referrer would make browsers send a form's Origin as "null"
        response.headers["Referrer-Policy"] = "same-origin"
        sessions.give_form(response, value)
        return response

    async def logout(request: Request) -> Response:
        form = await Visit(parts, request).form()
        response = RedirectResponse("login", 303, {"Cache-Control": "no-store"})
        if sessions.logged_in(request) and form.get("proof", "") == sessions.session_proof(request):
            sessions.close(response)
        return response

    return [
        Route("/", front, methods=["GET"]),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/reports/{name}", report, methods=["GET"]),
        Route("/reports/{name}/{campaign}", report, methods=["GET"]),
    ]


def _days(request: Request) -> int:
    wanted = request.query_params.get("days", "30")
    return int(wanted) if wanted.isascii() and wanted.isdecimal() and int(wanted[:5]) in PERIODS else 30


def _up(request: Request) -> str:
    """Return the way from this page to the front page: relative, so that a path prefix before us does not matter."""
    return "../" * (request.url.path.count("/") - 1) or "./"


def _bar(content: Content, name: str, campaign: str | None, days: int, up: str, proof: str) -> Markup:
    here = f"reports/{name}" + (f"/{campaign}" if campaign else "")
    return fragment(
        "bar", up=up, here=here, report_name=name, campaign=campaign, days=days, periods=PERIODS, proof=proof,
        reports=list(OF_ALL), campaigns=sorted(content.campaigns), brand=content.project.brand.name.text("en", "en"),
    )  # fmt: skip
