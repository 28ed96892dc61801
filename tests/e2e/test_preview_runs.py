"""`lifecycle preview` as a process: the page starts, shows a contact's real data, and ends on Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from lifecycle.render.source import template_names
from shop import sample_files
from terminal import Running, Terminal, event, person


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a new project, as `init` makes it."""
    Terminal(tmp_path).ok("init", "shop")
    return Terminal(tmp_path / "shop")


def address(running: Running) -> str:
    """Return what the process printed first, once it serves."""
    running.saw("Ctrl-C ends it")
    assert running.process.stdout is not None
    return running.process.stdout.readline().decode().strip()


def get(url: str, path: str, cookies: httpx.Cookies | None = None, **query: str) -> Any:
    """Return an answer of the page."""
    answer = httpx.get(url.partition("?")[0] + path, params=query, cookies=cookies, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_served_until_it_is_interrupted(terminal: Terminal, number: int) -> None:
    """On 127.0.0.1 and a free port, which is printed; exit 0, no traceback, nothing written but what `check` knows."""
    with terminal.start("preview") as running:
        url = address(running)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        assert len(get(url, "overview")["templates"]) == len(template_names(sample_files()))
        said = running.stop(number)
    assert said.code == 0, said
    assert "Traceback" not in said.err
    state = terminal.folder / ".lifecycle"
    assert not state.exists() or {path.name for path in state.iterdir()} <= {"check.json"}


def test_json_prints_the_address_and_nothing_else(terminal: Terminal) -> None:
    """For whoever starts it from another program; the language that is asked for is in the address."""
    with terminal.start("preview", "--json", "--locale", "ar") as running:
        running.saw("Ctrl-C ends it")
        said = running.stop(signal.SIGINT)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?locale=ar", json.loads(said.out)["url"])


def test_a_broken_project_is_served_too(terminal: Terminal) -> None:
    """What is wrong is on the page."""
    terminal.edit("lifecycle.yaml", ("currency: SAR", "curency: SAR"))
    with terminal.start("preview") as running:
        found = get(address(running), "overview")
        assert any("curency" in each["message"] for each in found["findings"])
        assert running.stop(signal.SIGINT).code == 0


def test_a_contacts_real_data_is_one_more_choice(terminal: Terminal) -> None:
    """Its own cart instead of the sample's; a mail that no campaign sends is shown to its sample, and says so."""
    added = event(
        "sara", "Product Added", "2026-11-01T09:00:00Z", cart_id="c-1", product_id="p-9", price=777, quantity=1
    )
    added["properties"]["name"] = "Kepler Boot"
    terminal.write("sara.ndjson", person("sara", locale="ar"), added)
    terminal.ok("import", "events", str(terminal.folder / "sara.ndjson"))
    source = (terminal.folder / "templates/order/confirmation.mjml").read_text(encoding="utf-8")
    (terminal.folder / "templates/order/unsent.mjml").write_text(source, encoding="utf-8")
    before = terminal.dump()
    with terminal.start("preview", "--for", "sara") as running:
        url = address(running)
        assert "?locale=ar&who=%40&key=" in url
        plain, _, query = url.partition("?")
        for path in ("", "overview", "events", "mail/cart/reminder?locale=ar&who=@", "?key=guessed"):
            assert httpx.get(plain + path).status_code == 403
        with httpx.Client() as browser:
            way = browser.get(f"{plain}?{query}")
            assert (way.status_code, way.headers["location"]) == (303, "/?locale=ar&who=%40")
            assert "HttpOnly; SameSite=Strict" in way.headers["set-cookie"]
            cookies = browser.cookies
        found = get(url, "overview", cookies)
        assert found["guest"] == {"id": "@", "name": "sara"}
        mail = get(url, "mail/cart/reminder", cookies, locale="ar", who="@")
        assert "Kepler Boot" in mail["mail"]["text"]
        assert dict(mail["mail"]["headers"])["To"] == "sara@example.com"
        assert "Kepler Boot" not in get(url, "mail/cart/reminder", cookies, locale="ar")["mail"]["text"]
        unsent = get(url, "mail/order/unsent", cookies, locale="ar", who="@")
        assert unsent["absent"]
        assert unsent["mail"]
        assert running.stop(signal.SIGINT).code == 0
    assert terminal.dump() == before


REFUSED = (
    (["preview", "--for", "nobody"], 1, "nobody"),
    (["preview", "--sample", "long"], 2, "--sample"),
    (["preview", "--out", "there"], 2, "--out"),
    (["preview", "--png", "--port", "1"], 2, "--port"),
    (["preview", "--png", "--locale", "fr"], 2, "fr"),
    (["preview", "cart/reminder", "--port", "1"], 2, "--port"),
    (["preview", "cart/reminder", "--sample", "logn"], 1, "long"),
    (["preview", "cart/reminder", "--sample", "long", "--for", "sara"], 2, "--for"),
)


def test_what_makes_no_sense_is_refused(terminal: Terminal) -> None:
    """With the option's name, before anything is served or written."""
    for words, code, named in REFUSED:
        said = terminal.type(*words)
        assert (said.code, named in said.err, "Traceback" in said.err) == (code, True, False), (words, said)
    assert not (terminal.folder / ".lifecycle" / "preview").exists()


def test_one_mail_takes_a_further_sample(terminal: Terminal) -> None:
    """It is written under a name of its own."""
    found = terminal.json("preview", "cart/reminder", "--sample", "long")
    assert found["files"]["html"].endswith("cart-reminder.long.en.html")
    assert "Electrolyte" in Path(found["files"]["txt"]).read_text(encoding="utf-8")


def test_a_port_that_is_taken_is_named(terminal: Terminal) -> None:
    """Exit 1 and what to do; a port that is free is taken."""
    with terminal.start("preview") as running:
        port = address(running).rstrip("/").rpartition(":")[2]
        said = terminal.type("preview", "--port", port)
        assert (said.code, f"127.0.0.1:{port}" in said.err, "Traceback" in said.err) == (1, True, False), said
        assert running.stop(signal.SIGINT).code == 0
    with terminal.start("preview", "--port", port) as running:
        assert address(running) == f"http://127.0.0.1:{port}/"
        assert running.stop(signal.SIGINT).code == 0
