"""A mail of the sample shop, and what its reader does with it over HTTP: every address in it works."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from lifecycle.base.clock import ManualClock
from lifecycle.store.engine import Store
from lifecycle.store.tables import hits
from shop import Shop, edited
from website import HUMAN, Website


def paths(text: str) -> list[str]:
    """Return the paths of our own addresses in a mail, in order, each once."""
    return list(dict.fromkeys(urlsplit(url).path for url in re.findall(r"http://shop\.test/[^\s\"'<>)]+", text)))


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_every_address_in_a_mail_works(store: Store, clock: ManualClock, locale: str) -> None:
    """Pixel, links, view in browser, preferences, one click; and the view is the mail itself."""
    shop = Shop(store, clock)
    shop.contact("noor", locale=locale, first_name="Noor")
    shop.track("noor", "Signed Up")
    shop.work()
    (mail,) = shop.mails()
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    clock.advance(timedelta(hours=2))
    with Website(store, clock, content=shop.content) as site:
        site.parts.tokens._key = shop.tokens._key
        found = paths(html)
        assert {path.split("/")[1] for path in found} >= {"o", "c", "u", "p", "v"}
        for path in found:
            answer = site.browser.get(path)
            assert answer.status_code in {200, 302}, path
            if path.startswith("/c/"):
                assert answer.headers["location"].startswith("https://rihla.example")
                assert "utm_source=lifecycle" in answer.headers["location"]
            clock.advance(timedelta(minutes=1))
        view = site.browser.get(next(path for path in found if path.startswith("/v/")))
        shown = view.text.replace(site.parts.base_url, "http://shop.test")
        assert paths(shown) == found
        assert f'dir="{"rtl" if locale == "ar" else "ltr"}"' in view.text
        row = site.mail(1)
        assert row.opened_at is not None
        assert row.clicked_at is not None
        assert {hit.verdict for hit in site.rows(hits)} == {"human"}
        target = mail["List-Unsubscribe"].strip("<>").replace("http://shop.test", "")
        assert (
            site.browser.post(target, data={"List-Unsubscribe": "One-Click"}, headers={"User-Agent": HUMAN}).status_code
            == 200
        )
        assert site.mail(1).unsubscribed_at == clock.now()


def test_an_edit_after_the_sending_does_not_change_the_mail_in_the_browser(store: Store, clock: ManualClock) -> None:
    """The view is rendered from the version in force when the mail left."""
    shop = Shop(store, clock)
    shop.contact("noor")
    shop.track("noor", "Signed Up")
    shop.work()
    html = shop.mails()[0].get_body(("html",)).get_content()  # type: ignore[union-attr]
    clock.advance(timedelta(hours=1))
    shop.apply(edited("templates/welcome/hello.mjml", ("t('welcome.hello.eyebrow')", "'edited since'")))
    with Website(store, clock, content=shop.content) as site:
        site.parts.tokens._key = shop.tokens._key
        view = site.browser.get(next(path for path in paths(html) if path.startswith("/v/")))
        assert view.status_code == 200
        assert "edited since" not in view.text
