"""Who is logged in, by a signed cookie; and proof that a form was ours. Nothing is stored.

A new password or secret ends every session.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from lifecycle.base.ids import keyed_hash, same
from lifecycle.web.parts import WebParts

#: How long a login lasts, and how long a login form may lie open.
SESSION = timedelta(hours=12)
FORM = timedelta(hours=1)


class Sessions:
    """Makes and checks the cookies of one dashboard."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        # browsers take __Host- cookies from this very host only, and over HTTPS only
        prefix = "__Host-" if parts.is_https else ""
        self._session, self._form = f"{prefix}lifecycle", f"{prefix}lifecycle_form"

    def logged_in(self, request: Request) -> bool:
        """Say whether the request has a session that holds."""
        return self._holds(request.cookies.get(self._session, ""), "session")

    def password_is_right(self, password: str) -> bool:
        """Compare in constant time. Without a password set, nothing is right."""
        wanted = self._parts.admin_password
        return bool(wanted) and same(
            keyed_hash(self._parts.secret, password), keyed_hash(self._parts.secret, wanted or "")
        )

    def open(self, response: Response) -> None:
        """Log in."""
        self._set(response, self._session, self._signed("session", SESSION), SESSION)
        response.delete_cookie(self._form, path="/", secure=self._parts.is_https, httponly=True, samesite="lax")

    def close(self, response: Response) -> None:
        """Log out."""
        response.delete_cookie(self._session, path="/", secure=self._parts.is_https, httponly=True, samesite="lax")

    def begin_form(self) -> str:
        """Return the cookie value for a login form; `proof` of it goes into the form."""
        return self._signed("form", FORM)

    def give_form(self, response: Response, value: str) -> None:
        """Set the login form's cookie."""
        self._set(response, self._form, value, FORM)

    def proof(self, value: str) -> str:
        """Return what a form must carry to come from a page that we gave to the holder of the cookie `value`."""
        return keyed_hash(self._parts.secret, "proof", value)

    def session_proof(self, request: Request) -> str:
        """Return the proof for forms of the request's session."""
        return self.proof(request.cookies.get(self._session, ""))

    def login_form_is_ours(self, request: Request, proof: str) -> bool:
        """Say whether the posted login form was given by us to this browser, lately."""
        value = request.cookies.get(self._form, "")
        return self._holds(value, "form") and same(self.proof(value), proof)

    def _signed(self, what: str, lasts: timedelta) -> str:
        until = int((self._parts.clock.now() + lasts).timestamp())
        body = f"{until}.{secrets.token_urlsafe(12)}"
        return f"{body}.{self._mac(what, body)}"

    def _holds(self, value: str, what: str) -> bool:
        body, _, mac = value.rpartition(".")
        until = body.partition(".")[0]
        if not body or not same(self._mac(what, body), mac) or not until.isdecimal():
            return False
        return int(until) > self._parts.clock.now().timestamp()

    def _mac(self, what: str, body: str) -> str:
        return keyed_hash(self._parts.secret, "dashboard", what, self._parts.admin_password or "", body)

    def _set(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        age = int(lasts.total_seconds())
        response.set_cookie(
            name, value, max_age=age, path="/", secure=self._parts.is_https, httponly=True, samesite="lax"
        )
