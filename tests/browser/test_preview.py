"""The page of `lifecycle preview` in a real Chromium: it opens, shows Arabic in the dark, and follows a save."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edits import small_sample
from lifecycle.render.chromium import Chromium
from lifecycle.workbench.serve import Workbench

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="NO BROWSER: apt-get install chromium"),
]
MAIL = "templates/order/confirmation.mjml"
#: the mail that is shown
FRAME = "document.querySelector('#frames iframe:not(.coming)').contentDocument"


class Page:
    """An open page, asked in JavaScript."""

    def __init__(self, browser: Chromium, url: str) -> None:
        self.browser = browser
        #: what Chromium complains of: scripts that fail, and what a policy refuses
        self.faults: list[str] = []
        following = browser._next
        browser._next = lambda deadline: self._noted(following(deadline))  # type: ignore[method-assign]
        browser._ask("Runtime.enable")
        browser._ask("Log.enable")
        self.size(1440, 900)
        browser._ask("Page.navigate", {"url": url})

    def _noted(self, told: dict[str, Any] | None) -> dict[str, Any] | None:
        params = {} if told is None else told.get("params", {})
        if "exceptionDetails" in params or params.get("entry", {}).get("source") in {"security", "javascript"}:
            self.faults.append(json.dumps(params))
        return told

    def size(self, width: int, height: int) -> None:
        """Give the window a size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser._ask("Emulation.setDeviceMetricsOverride", size)

    def ask(self, script: str) -> Any:
        """Return the value of an expression."""
        told = self.browser._ask(
            "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, script: str, within_s: int = 20) -> Any:
        """Return the value of an expression as soon as it is true; the page itself waits."""
        return self.ask(
            f"""new Promise((done, fail) => {{
              const end = performance.now() + {within_s * 1000};
              const look = () => {{
                let value;
                try {{ value = ({script}); }} catch {{}}
                if (value) done(value);
                else if (performance.now() > end) fail(Error({json.dumps(script)} + " never held"));
                else setTimeout(look, 20);
              }};
              look();
            }})"""
        )

    def press(self, key: str) -> None:
        """Press a key."""
        self.ask(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: {key!r}, bubbles: true}}))")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project with two of the sample's mails."""
    for path, text in small_sample().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def page(folder: Path) -> Iterator[Page]:
    """Yield a page that shows the confirmation in Arabic, in a dark client."""
    with Workbench(folder) as bench, Chromium() as browser:
        yield Page(browser, f"{bench.url}?mail=order/confirmation&locale=ar&dark=1")


def test_arabic_is_shown_in_the_dark_in_its_own_direction(page: Page) -> None:
    """The frame's mail is right to left and dark, whatever the machine prefers; its inbox line runs its way too."""
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    assert page.ask(f"{FRAME}.documentElement.dir") == "rtl"
    assert page.ask(f"getComputedStyle({FRAME}.body).backgroundColor") == "rgb(14, 15, 18)"
    page.until("document.querySelector('#inbox .subject').textContent")
    assert page.ask("getComputedStyle(document.querySelector('#inbox .line')).direction") == "rtl"
    page.press("d")
    page.until(f"getComputedStyle({FRAME}.body).backgroundColor !== 'rgb(14, 15, 18)'")
    assert "dark" not in page.ask("location.search")


def test_a_save_reloads_the_mail_where_one_was_reading(page: Page, folder: Path) -> None:
    """The new text is there without a touch, and the page has not jumped."""
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    stage = "document.querySelector('#stage')"
    page.until(f"({stage}.scrollTop = 220) && {stage}.scrollTop === 220")
    path = folder / MAIL
    text = path.read_text(encoding="utf-8")
    new = "{% block body %}<mj-section><mj-column><mj-text>Saved a moment ago</mj-text></mj-column></mj-section>"
    path.write_text(text.replace("{% block body %}", new), encoding="utf-8")
    page.until(f"{FRAME}.body.innerText.includes('Saved a moment ago')")
    assert page.ask(f"{stage}.scrollTop") == 220
    path.write_text(text.replace("partials/goods", "partials/goood"), encoding="utf-8")
    page.until("document.querySelector('#trouble .finding .code')?.textContent === 'LC510'")
    page.until("getComputedStyle(document.querySelector('#device')).opacity < 1")
    assert "Saved a moment ago" in page.ask(f"{FRAME}.body.innerText")
    path.write_text(text, encoding="utf-8")
    page.until(f"!{FRAME}.body.innerText.includes('Saved a moment ago')")
    page.until("document.querySelector('#trouble').hidden")


def test_keys_lead_everywhere_and_the_address_remembers(page: Page) -> None:
    """Next, previous, language, person, width, images, tabs and grid; the back button undoes."""
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    for key, part in (("l", "locale=en"), ("m", "width=375"), ("i", "images=0"), ("s", "who=long"), ("2", "tab=text")):
        page.press(key)
        assert part in page.ask("location.search")
    page.until("document.querySelector('#panel .letter')?.textContent.includes('Electrolyte')")
    page.ask("history.back()")
    page.until("!location.search.includes('tab=text') && !document.querySelector('#device').hidden")
    page.until(f"{FRAME}.body.innerText.includes('Electrolyte')")
    assert page.ask(f"{FRAME}.defaultView.innerWidth") == 375
    page.press("k")
    page.until(f"{FRAME}.title && location.search.includes('mail=cart/discount')")
    page.press("g")
    page.until("document.querySelectorAll('#all .card iframe').length === 4")


def test_the_edge_of_a_mail_can_be_dragged(page: Page) -> None:
    """Both sides move, as it stands in the middle; the mail is laid out anew."""
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    x, y = page.ask("(box => [box.x + 11, box.y + 40])(document.querySelector('#grip').getBoundingClientRect())")
    for kind, at in (("mousePressed", x), ("mouseMoved", x - 60), ("mouseMoved", x - 100), ("mouseReleased", x - 100)):
        mouse = {"type": kind, "x": at, "y": y, "button": "left", "clickCount": 1}
        page.browser._ask("Input.dispatchMouseEvent", mouse)
    page.until("location.search.includes('width=500')")
    page.until(f"{FRAME}.defaultView.innerWidth === 500")
    assert page.ask("document.querySelector('#size').textContent") == "500 px"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (420, 800)])
def test_nothing_sticks_out_of_a_window_and_nothing_is_blocked(page: Page, width: int, height: int) -> None:
    """No part of the page is wider than the window, and its own policy refuses none of it."""
    page.size(width, height)
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    for tab in ("html", "text", "headers", "findings", "source"):
        page.press({"html": "1", "text": "2", "headers": "3", "findings": "4", "source": "5"}[tab])
        page.until(f"document.querySelector('#tabs [data-value={tab}]').getAttribute('aria-pressed') === 'true'")
        wide = "[document.documentElement.scrollWidth, document.querySelector('main').scrollWidth]"
        assert max(page.ask(wide)) <= width, tab
    assert page.faults == []


def test_links_of_a_mail_lead_nowhere(page: Page) -> None:
    """A click on a button of the mail leaves page and mail where they are."""
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    before = page.ask("location.href")
    page.ask(f"[...{FRAME}.querySelectorAll('a')].forEach(one => one.click())")
    page.ask("new Promise(done => setTimeout(done, 500))")  # what would lead away has led away by then
    page.until(f"{FRAME}.body.innerText.includes('R-20418')")
    assert page.ask("location.href") == before
    targets = page.browser._call("Target.getTargets")["targetInfos"]
    assert [one["url"] for one in targets if "mail.example" in one["url"]] == []
