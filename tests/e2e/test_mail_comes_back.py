"""A mail of the sample shop, and what its reader does with it over HTTP: every address in it works."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from lifecycle.base.clock import ManualClock
from lifecycle.intake.restock import restock
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


_SHELF = """<mj-section><mj-column>{% for item in recommendations.popular %}
<mj-text><a href="{{ item.url }}">{{ item.name }}</a></mj-text>{% endfor %}</mj-column></mj-section>{% endblock %}"""


def test_recommendations_that_have_changed_since_are_not_shown_in_the_browser(store: Store, clock: ManualClock) -> None:
    """The link of a product leads where it led in the mail: when other products stand there by now, none are shown."""
    shop = Shop(store, clock, edited("templates/welcome/hello.mjml", ("{% endblock %}", _SHELF)))

    def buy(product: str, *people: str) -> None:
        line = {"product_id": product, "name": product.title(), "price": 9, "url": f"https://rihla.example/{product}"}
        for person in people:
            shop.contact(person)
            shop.track(person, "Order Completed", order_id=f"{person}-{product}", total=9, products=[line])
        restock(store, "https://rihla.example", clock.now())

    buy("socks", "u1", "u2")
    shop.contact("noor")
    shop.track("noor", "Signed Up")
    shop.work()
    mail = next(mail for mail in shop.mails() if "lace up" in str(mail["Subject"]).lower())
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert ">Socks</a>" in html
    with Website(store, clock, content=shop.content) as site:
        site.parts.tokens._key = shop.tokens._key
        view = next(path for path in paths(html) if path.startswith("/v/"))
        assert ">Socks</a>" in site.browser.get(view).text
        clock.advance(timedelta(hours=1))
        buy("laces", "u3", "u4", "u5")
        shown = site.browser.get(view)
        assert shown.status_code == 200
        assert "Laces" not in shown.text
        assert "Socks" not in shown.text
