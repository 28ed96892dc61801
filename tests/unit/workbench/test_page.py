"""The page of `lifecycle preview` over real HTTP: what it shows, what it keeps to itself, that it follows a save."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edits import small_sample
from lifecycle.workbench.serve import Workbench

MAIL = "templates/order/confirmation.mjml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project with two of the sample's mails."""
    for path, text in small_sample().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


class Browser:
    """A page that is open: it asks, and hears what the server tells."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)

    def json(self, path: str, **query: str) -> Any:
        """Return an answer that must be there."""
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def overview(self) -> Any:
        """Return the project."""
        return self.json("overview")

    def mail(self, template: str = "order/confirmation", locale: str = "en", who: str = "") -> Any:
        """Return all about a mail."""
        return self.json(f"mail/{template}", locale=locale, who=who)

    def page(self, template: str = "order/confirmation", **query: str) -> httpx.Response:
        """Return a mail's HTML."""
        return self.http.get(f"page/{template}", params={"locale": "en", **query})

    def heard(self) -> Iterator[dict[str, Any]]:
        """Yield what the server tells, from now on."""
        with self.http.stream("GET", "events") as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def after(self, change: Any) -> None:
        """Change something, and wait until the server has told of it and has checked it all."""
        heard = self.heard()
        before = next(heard)["version"]
        change()
        for told in heard:
            if told["version"] != before and told["checked"]:
                heard.close()  # type: ignore[attr-defined]  # it is a generator
                return
        raise AssertionError("the server never told")


@pytest.fixture
def open_page(folder: Path) -> Iterator[Browser]:
    """Yield a page that is open on the project, everything checked."""
    with Workbench(folder) as bench:
        browser = Browser(bench.url)
        for told in browser.heard():
            if told["checked"]:
                break
        yield browser
        browser.http.close()


def edit(path: Path, before: str, after: str) -> None:
    """Save a file with something changed."""
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_overview_lists_every_mail_with_its_weight_and_people(open_page: Browser) -> None:
    """Names, languages with their directions, bytes and subjects by language."""
    found = open_page.overview()
    assert [each["name"] for each in found["templates"]] == ["cart/discount", "order/confirmation"]
    assert found["locales"] == [{"id": "en", "dir": "ltr"}, {"id": "ar", "dir": "rtl"}]
    confirmation = found["templates"][1]
    assert confirmation["people"] == ["", "long"]
    assert 5_000 < confirmation["locales"]["ar"]["bytes"] < found["limit"] == 102 * 1024
    assert confirmation["locales"]["ar"]["subject"] != confirmation["locales"]["en"]["subject"]
    assert (confirmation["errors"], confirmation["warnings"]) == (0, 0)
    # what is missing of the whole sample
    assert {each["file"].split("/")[0] for each in found["findings"]} == {"segments"}


def test_mail_has_its_text_headers_and_sources(open_page: Browser) -> None:
    """Headers as a send writes them: decoded, and as they go over the wire."""
    found = open_page.mail("cart/discount", "ar")
    headers = dict(found["mail"]["headers"])
    assert headers["Subject"] == found["mail"]["subject"]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "رحلة" in headers["From"]
    assert "Subject: =?utf-8?b?" in found["mail"]["raw"]
    assert "https://mail.example/" in found["mail"]["text"]
    assert found["dir"] == "rtl"
    assert [file["path"] for file in found["sources"]][:3] == [
        "templates/cart/discount.mjml", "templates/cart/discount.sample.yaml", "templates/layouts/base.mjml",
    ]  # fmt: skip
    transactional = dict(open_page.mail()["mail"]["headers"])
    assert "List-Unsubscribe" not in transactional


def test_each_sample_is_a_choice(open_page: Browser) -> None:
    """The long order is another mail; a name that nobody has shows the plain one and says so."""
    plain, long, nobody = (open_page.mail(who=who) for who in ("", "long", "nobody"))
    assert long["mail"]["bytes"] > plain["mail"]["bytes"]
    assert "Electrolyte" in long["mail"]["text"]
    assert (nobody["mail"]["key"], nobody["absent"], long["absent"]) == (plain["mail"]["key"], True, False)


def test_dark_and_imageless_are_made_of_the_same_mail(open_page: Browser) -> None:
    """The media query is answered by the server, and sources of images are gone."""
    light, dark, bare = open_page.page(), open_page.page(dark="1"), open_page.page(images="0")
    assert "@media (max-width:0)" in light.text
    assert "@media (min-width:0)" in dark.text
    assert "prefers-color-scheme" not in light.text + dark.text
    assert "<img" in light.text
    assert "src=" not in bare.text


def test_mail_is_shown_in_a_sandbox(open_page: Browser) -> None:
    """No script, no form, links that open nothing; the page itself runs its own scripts alone."""
    answer = open_page.page()
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-same-origin" in policy
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert '<base target="_blank">' in answer.text
    page = open_page.http.get("")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert 'style="' not in page.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "127.0.0.1"])
def test_another_hosts_name_leads_nowhere(open_page: Browser, host: str) -> None:
    """A foreign name that resolves to this machine reads nothing (DNS rebinding)."""
    named = host.format(port=open_page.http.base_url.port)
    for path in ("", "overview", "events", "page/order/confirmation?locale=en"):
        assert open_page.http.get(path, headers={"Host": named}).status_code == 421


def test_another_page_may_not_look_in_and_nobody_may_write(open_page: Browser) -> None:
    """What a browser says of the asking page is believed; there is no method but reading."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert open_page.http.get("overview", headers=headers).status_code == 403
    assert open_page.http.post("overview").status_code == 405
    assert "access-control-allow-origin" not in open_page.http.get("overview").headers


@pytest.mark.parametrize("path", ["..%2f..%2flifecycle.yaml", "%2e%2e/lifecycle.yaml", "layouts/base", "order/missing"])
def test_only_templates_are_served(open_page: Browser, path: str) -> None:
    """A path is a template's name or nothing."""
    for root in ("page", "mail", ""):
        assert open_page.http.get(f"{root}/{path}", params={"locale": "en"}).status_code == 404
    assert open_page.http.get("mail/order/confirmation", params={"locale": "../en"}).status_code == 404


def test_a_save_is_told_and_only_what_read_the_file_is_made_again(open_page: Browser, folder: Path) -> None:
    """The mail that was saved has another key, the other one the same."""
    before = open_page.overview()["templates"]
    open_page.after(lambda: edit(folder / MAIL, "{% block body %}", "{% block body %}<mj-section><mj-column>"
        "<mj-text>Saved a moment ago</mj-text></mj-column></mj-section>"))  # fmt: skip
    after = open_page.overview()["templates"]
    assert "Saved a moment ago" in open_page.page().text
    assert after[0]["locales"] == before[0]["locales"]
    assert after[1]["locales"]["en"]["key"] != before[1]["locales"]["en"]["key"]


def test_a_text_that_is_saved_comes_to_the_mails_that_say_it(open_page: Browser, folder: Path) -> None:
    """In its own locale alone."""
    before = open_page.mail(locale="ar")["mail"]["key"]
    subject = open_page.mail()["mail"]["subject"]
    words = subject.split()[0]
    open_page.after(lambda: edit(folder / "locales/en.yaml", words, f"{words}{words}"))
    assert open_page.mail()["mail"]["subject"] != subject
    assert open_page.mail(locale="ar")["mail"]["key"] == before


def test_what_every_mail_stands_on_makes_all_of_them_again(open_page: Browser, folder: Path) -> None:
    """The brand's colours in lifecycle.yaml."""
    before = open_page.overview()["templates"]
    accent = "#BA3B12"
    open_page.after(lambda: edit(folder / "lifecycle.yaml", accent, "#0A5C36"))
    after = open_page.overview()["templates"]
    assert accent not in open_page.page().text
    for one, other in zip(before, after, strict=True):
        for locale in ("en", "ar"):
            assert one["locales"][locale]["key"] != other["locales"][locale]["key"]


def test_a_typo_shows_the_findings_and_keeps_the_last_mail(open_page: Browser, folder: Path) -> None:
    """The place with its frame instead of a stack trace; when it is put right, the mail comes back."""
    whole = open_page.page().text
    open_page.after(lambda: edit(folder / MAIL, "partials/goods.mjml", "partials/goood.mjml"))
    found = open_page.mail()
    assert found["stale"]
    assert [(each["code"], each["file"], each["frame"][1], each["hint"]) for each in found["findings"]] == [
        ("LC510", MAIL, '{% include "partials/goood.mjml" %}', 'did you mean "partials/goods.mjml"?')
    ]
    assert found["mail"]["subject"]
    assert open_page.page().text == whole
    assert open_page.overview()["templates"][1]["errors"] == 1
    open_page.after(lambda: edit(folder / MAIL, "partials/goood.mjml", "partials/goods.mjml"))
    assert not open_page.mail()["stale"]


def test_a_person_whom_the_mail_fails_for_is_shown_the_sample(open_page: Browser, folder: Path) -> None:
    """With the reason, and the finding of `check` at its line; the plain sample's mail is as it was."""
    path = folder / "templates/order/confirmation.sample.yaml"
    open_page.after(lambda: edit(path, "samples:", "samples:\n  bare: {order: {id: R-1}}"))
    bare, plain = open_page.mail(who="bare"), open_page.mail()
    assert (bare["stale"], bare["instead"], plain["instead"]) == (True, True, False)
    assert bare["mail"]["key"] == plain["mail"]["key"]
    assert bare["wrong"]["message"]
    assert "LC520" in {each["code"] for each in bare["findings"]}


def test_a_mistake_that_a_mail_can_be_made_with_is_said_beside_it(open_page: Browser, folder: Path) -> None:
    """An unknown name is an error for `check`; the mail is shown as it would be."""
    open_page.after(lambda: edit(folder / MAIL, "order.lines", "order.linse"))
    found = open_page.mail()
    assert not found["stale"]
    assert [(each["code"], each["frame"][1]) for each in found["findings"]] == [("LC503", "linse")]


def test_a_project_that_cannot_be_read_keeps_its_mails(open_page: Browser, folder: Path) -> None:
    """lifecycle.yaml may be half written, or away for a moment: the server lives, and says what is wrong."""
    whole = (folder / "lifecycle.yaml").read_text(encoding="utf-8")
    open_page.after(lambda: (folder / "lifecycle.yaml").write_text("project: [", encoding="utf-8"))
    found = open_page.overview()
    assert found["broken"]
    assert found["findings"][0]["file"] == "lifecycle.yaml"
    mail = open_page.mail()
    assert mail["stale"]
    assert [each["file"] for each in mail["findings"]] == ["lifecycle.yaml"]
    assert open_page.page().status_code == 200
    open_page.after((folder / "lifecycle.yaml").unlink)
    assert open_page.overview()["broken"]
    open_page.after(lambda: (folder / "lifecycle.yaml").write_text(whole, encoding="utf-8"))
    assert not open_page.overview()["broken"]
    assert not open_page.mail()["stale"]


def test_bytes_that_are_no_text_are_a_finding(open_page: Browser, folder: Path) -> None:
    """They do not break the answer."""
    open_page.after(lambda: (folder / "locales/en.yaml").write_bytes(b"hello: \xff\xfe\n"))
    assert open_page.overview()["findings"]
    assert open_page.mail()["findings"] or open_page.mail()["wrong"]


def test_a_project_of_nothing_but_errors_is_served(tmp_path: Path) -> None:
    """There is a page before there is a project that can be read, and it fills when there is one."""
    (tmp_path / "lifecycle.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    with Workbench(tmp_path) as bench:
        browser = Browser(bench.url)
        found = browser.overview()
        assert (found["broken"], found["templates"]) == (True, [])
        assert browser.http.get("mail/any", params={"locale": "en"}).status_code == 404
        for path, text in small_sample().items():
            if path != "lifecycle.yaml":
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text, encoding="utf-8")
        browser.after(
            lambda: (tmp_path / "lifecycle.yaml").write_text(small_sample()["lifecycle.yaml"], encoding="utf-8")
        )
        assert len(browser.overview()["templates"]) == 2
        browser.http.close()


def test_the_server_ends_while_pages_are_open(folder: Path) -> None:
    """An open line of events ends with it, at once and whole."""
    with Workbench(folder) as bench:
        browser = Browser(bench.url)
        heard = browser.heard()
        next(heard)
    for _ in heard:
        pass  # what was told before the end
    browser.http.close()
