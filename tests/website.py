"""A shop's web server on a free port over a real database, with sent mails to come back from: for tests of the web."""

from __future__ import annotations

import logging
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from types import TracebackType
from typing import Any, Self

import httpx
from sqlalchemy import Table, insert, select

from lifecycle.base.clock import Clock, ManualClock
from lifecycle.base.tokens import Purpose, Tokens
from lifecycle.spec.conditions import AllOf
from lifecycle.spec.model import (
    Brand,
    Campaign,
    Content,
    LocalText,
    ManualTrigger,
    Policies,
    Project,
    Send,
    Sender,
    Stage,
    Topic,
)
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, messages, template_versions
from lifecycle.web.app import WebParts, create_app
from lifecycle.web.serve import Server

SECRET = b"a secret of the tests, long enough"
WRITE_KEY = "key-of-tests"
PASSWORD = "correct horse"
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
#: Somebody's phone.
HUMAN = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
#: The server speaks plain HTTP; reading the machine's certificates for each test would take longer than the test.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: A server that is leaving must not talk into the log of the next test.
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
SHOP_URL = "https://rihla.example/shoes?size=42"


def web_content(**policies: Any) -> Content:
    """Return content in English and Arabic with two topics, and one campaign that nobody enters by itself."""
    project = Project(
        project="shop",
        brand=Brand(
            LocalText(by_locale={"en": "Rihla", "ar": "رحلة"}), "https://rihla.example",
            postal_address=LocalText("3141 Prince Turki St, Riyadh"), colours={"accent": "#BF3F14", "ink": "red;}"},
        ),
        senders={"main": Sender("hello@rihla.example", LocalText("Rihla"))},
        default_locale="en",
        locales=("en", "ar"),
        timezone="Asia/Riyadh",
        currency="SAR",
        topics=(
            Topic("offers", LocalText(by_locale={"en": "Offers", "ar": "العروض"}), LocalText("A code now and then.")),
            Topic("news", LocalText(by_locale={"en": "News <b>", "ar": "الأخبار"})),
        ),
        stages=(Stage("awareness", LocalText("Awareness"), "tofu", AllOf(())),),
        policies=replace(Policies(), **policies),
    )  # fmt: skip
    campaign = Campaign("hello", "awareness", ManualTrigger(), (Send("hello", "hello"),), topic="offers")
    return Content(project, {}, {"hello": campaign}, {}, "0" * 32, {"hello": "0" * 32})


class Website:
    """The server and a browser before it. `with` starts and stops both.

    Who is not `patient` does not wait for the server's end, which takes it a fifth of a second.
    """

    def __init__(
        self, store: Store, clock: Clock | None = None, *, content: Content | None = None, patient: bool = True,
        **parts: Any,
    ) -> None:  # fmt: skip
        self.patient = patient
        self.store = store
        self.clock = clock or ManualClock(START)
        self.tokens = Tokens(SECRET)
        self.content = content if content is not None else web_content()
        settings = {"write_keys": frozenset({WRITE_KEY, "another"}), "admin_password": PASSWORD} | parts
        self.parts = WebParts(
            store=store, clock=self.clock, tokens=self.tokens, content=lambda: self.content, secret=SECRET, **settings
        )
        self.server = Server(create_app(self.parts), port=0)
        self.browser = httpx.Client(base_url=self.server.url, headers={"User-Agent": HUMAN}, verify=_NO_TLS)

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.browser.close()
        if self.patient:
            self.server.stop()
        else:
            Thread(target=self.server.stop, name="leaving").start()

    def add_contact(self, key: int = 1, **values: Any) -> int:
        """Store a contact."""
        row = {
            "id": key, "identifier": f"c{key}", "external_id": f"c{key}", "email": f"sara{key}@example.com",
            "address_key": f"sara{key}@example.com", "locale": "en", "attributes": {}, "created_at": START,
        }  # fmt: skip
        with self.store.write() as connection:
            connection.execute(insert(contacts).values(row | values))
        return key

    def add_mail(
        self, key: int = 1, contact: int = 1, *, sent_ago: timedelta = timedelta(hours=1), **values: Any
    ) -> int:
        """Store a sent ledger row whose template has link 1 to the shop; `links` are the recipient's own."""
        at = self.clock.now() - sent_ago
        row = {
            "id": key, "campaign": "hello", "step": "hello", "contact_id": contact, "occurrence": f"{key}",
            "version": "v", "kind": "marketing", "topic": "offers", "template": "hello", "state": "sent",
            "reached_at": at, "due_at": at, "sending_at": at, "sent_at": at, "message_id": f"m{key}",
            "template_hash": "compiled", "links": {}, "data": {},
        }  # fmt: skip
        with self.store.write() as connection:
            if connection.execute(select(template_versions.c.hash)).first() is None:
                fixed = {"1": SHOP_URL, "2": "https://rihla.example/bags", "3": "https://rihla.example/socks"}
                version = {"hash": "compiled", "template": "hello", "locale": "en", "links": fixed}
                connection.execute(insert(template_versions).values(version))
            connection.execute(insert(messages).values(row | values))
        return key

    def link(self, purpose: Purpose, subject: object = 1) -> str:
        """Return the path of a page for a mail."""
        return f"/{purpose.value}/{self.tokens.make(purpose, str(subject))}"

    def rows(self, table: Table, **where: Any) -> list[Any]:
        """Return the rows of a table, oldest first."""
        query = select(table).order_by(*table.primary_key.columns)
        for column, value in where.items():
            query = query.where(table.c[column] == value)
        with self.store.read() as connection:
            return list(connection.execute(query))

    def mail(self, key: int = 1) -> Any:
        """Return a ledger row."""
        return self.rows(messages, id=key)[0]
