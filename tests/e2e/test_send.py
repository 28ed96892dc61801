"""`lifecycle send` through a real SMTP server: over history, against a wrong port, and interrupted."""

from __future__ import annotations

import email
import email.policy
import re
import signal
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from lifecycle.web.app import create_app
from lifecycle.web.serve import Server
from lifecycle.wiring import Engine, Settings
from servers import Rule, Sink
from terminal import SECRET, Terminal, event, eventually, person, shop

HUMAN = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
#: Who ordered when: three orders inside November, by two people; the others lie before it or at its end.
ORDERS = (
    ("sara", "2026-10-31T20:59:59Z", "o1"),  # the last second of October in Riyadh
    ("sara", "2026-11-01T09:00:00Z", "o2"),
    ("sara", "2026-11-03T09:00:00Z", "o3"),
    ("omar", "2026-11-04T09:00:00Z", "o4"),
    ("lina", "2026-11-04T21:00:00Z", "o5"),  # 5 November, 00:00 in Riyadh
)
WINDOW = ("--since", "2026-11-01", "--until", "2026-11-05", "--run", "thanks")
SHOE = {"product_id": "madar", "name": "Madar 2", "price": 400, "quantity": 1, "url": "https://rihla.example/madar"}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shop's folder with the history in it. No caps: they are another test's."""
    terminal = shop(tmp_path_factory.mktemp("send") / "shop", LIFECYCLE_SECRET_KEY=SECRET)
    terminal.edit("lifecycle.yaml", ("at_most: 2, per: 1d", "at_most: 50, per: 1d"), ("at_most: 5,", "at_most: 50,"))
    terminal.edit("campaigns/thank-you.yaml", ("    deadline: 3d\n", ""))
    people = [person(name) for name in ("sara", "omar", "lina")]
    orders = [
        event(name, "Order Completed", at, order_id=key, total=400, currency="SAR", products=[SHOE])
        for name, at, key in ORDERS
    ]
    terminal.ok("import", "events", str(terminal.write("history.ndjson", *people, *orders)))
    # a letter to so many that it can be interrupted
    readers = [person(f"reader{number}") for number in range(40)]
    terminal.ok("import", "contacts", str(terminal.write("readers.ndjson", *readers)))
    terminal.ok("apply")
    return terminal.folder


@pytest.fixture
def terminal(imported: Path, tmp_path: Path) -> Terminal:
    """Return a shop of this test's own, as `imported` left it."""
    import shutil

    return Terminal(shutil.copytree(imported, tmp_path / "shop"), LIFECYCLE_SECRET_KEY=SECRET)


def kept(folder: Path) -> list[EmailMessage]:
    """Return the mails that the server kept, parsed."""
    parse = email.message_from_bytes
    return [parse(path.read_bytes(), policy=email.policy.default) for path in sorted(folder.glob("*.eml"))]


def test_orders_of_a_window_are_thanked_for_once_each(terminal: Terminal, tmp_path: Path) -> None:
    """One mail an order inside [since, until) in the project's zone; each parses; nobody twice."""
    with Sink(tmp_path, keep=True) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        first = terminal.json("send", "thank-you", *WINDOW)
        assert first["enrolled"] == 3, first
        assert first["outcomes"]["sent"] == 3, first
        again = terminal.json("send", "thank-you", *WINDOW)
        assert again["outcomes"] == {}, again
        assert sorted(mail.recipients[0] for mail in sink.accepted()) == [
            "omar@example.com", "sara@example.com", "sara@example.com",
        ]  # fmt: skip
        assert set(sink.counts().values()) == {1}
        for mail in kept(tmp_path):
            assert not mail.defects
            assert mail["Subject"]
            assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
            assert plain is not None
            assert html is not None
            assert not plain.defects + html.defects


def test_link_and_pixel_of_a_sent_mail_are_recorded(terminal: Terminal, tmp_path: Path) -> None:
    """The links in the mail lead to the engine's web server, which records them and passes on to the shop."""
    with Sink(tmp_path, keep=True) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        terminal.ok("send", "thank-you", *WINDOW, "--limit", "1")
        (mail,) = kept(tmp_path)
    html = mail.get_body(("html",))
    assert html is not None
    text = html.get_content()
    engine = Engine(Settings.read(terminal.folder, terminal.variables))
    try:
        with (
            Server(create_app(engine.web_parts()), port=0) as server,
            httpx.Client(base_url=server.url, headers={"User-Agent": HUMAN}) as browser,
        ):
            pixel = re.search(r'https?://[^"]+/o/[^"]+\.gif', text)
            links = re.findall(r'https?://[^"]+/c/[^"]+', text)
            assert pixel is not None
            assert browser.get(urlsplit(pixel.group()).path).headers["content-type"] == "image/gif"
            answer = browser.get(urlsplit(links[0]).path)
            assert answer.status_code == 302
            target = urlsplit(answer.headers["location"])
            assert target.netloc == "rihla.example", answer.headers
            assert "utm_campaign=thank-you" in target.query
            assert browser.get("/c/forged/1").status_code == 404
    finally:
        engine.close()
    hits = terminal.dump()["hits"]
    assert len(hits) == 2
    assert {"open", "click"} <= {value for row in hits for value in row if isinstance(value, str)}


def test_wrong_mail_server_is_an_error_and_loses_nothing(terminal: Terminal, tmp_path: Path) -> None:
    """Exit 1, a sentence that names the server; the rows stay queued, and leave once a server is there."""
    terminal.variables["LIFECYCLE_SMTP_URL"] = "smtp://127.0.0.1:1"
    said = terminal.type("send", "thank-you", *WINDOW)
    assert said.code == 1
    assert "could not be sent" in said.err
    assert "127.0.0.1:1" in said.err
    assert "Traceback" not in said.err
    assert terminal.states()["queued"] + terminal.states()["deferred"] == 3
    assert terminal.type("doctor").code == 1
    with Sink(tmp_path) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        terminal.ok("send", "thank-you", *WINDOW)
        assert len(sink.accepted()) == 3
        assert terminal.states()["sent"] == 3


def test_interrupted_send_is_finished_later_without_doubles(terminal: Terminal, tmp_path: Path) -> None:
    """Ctrl-C against a slow server: exit 130 within seconds; the next `send` finishes, each mail at most once."""
    with Sink(tmp_path, Rule(at="dot", keep=True, delay_s=0.2)) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        with terminal.start("send", "newsletter", "--run", "november") as running:
            eventually(lambda: len(sink.accepted()) >= 3)
            said = running.stop(signal.SIGINT)
        assert said.code == 130, said
        assert "Traceback" not in said.err, said.err
        assert "interrupted" in said.err
        assert len(sink.accepted()) < 43
    # another folder: a quicker server, which counts on its own
    (tmp_path / "second").mkdir()
    with Sink(tmp_path / "second") as later:
        terminal.variables["LIFECYCLE_SMTP_URL"] = later.url
        terminal.ok("send", "newsletter", "--run", "november")
        both = sink.counts() + later.counts()
    assert set(both.values()) == {1}
    found = terminal.states()
    # nothing is even in doubt: the mail under way was finished, and its outcome written
    assert found["sent"] == len(both) == 43, found


def test_test_mail_goes_to_one_address_and_is_no_fact(terminal: Terminal, tmp_path: Path) -> None:
    """--to sends one mail, made out for a contact, and the tables stay as they were."""
    before = terminal.dump()
    with Sink(tmp_path, keep=True) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        found = terminal.json("send", "newsletter", "--to", "me@example.com")
        assert found["outcome"] == "sent"
        assert [mail.recipients for mail in sink.accepted()] == [["me@example.com"]]
    assert terminal.dump() == before


def test_some_rejected_recipients_are_exit_five(terminal: Terminal, tmp_path: Path) -> None:
    """The rest is sent; the exit code says that it was not all."""
    with Sink(tmp_path, Rule(at="rcpt", match="reader7@", answer="550 5.1.1 no such user")) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        said = terminal.type("send", "newsletter", "--run", "november", "--json")
        assert said.code == 5, said
        assert said.json["outcomes"]["sent"] == 42
        assert len(sink.accepted()) == 42
