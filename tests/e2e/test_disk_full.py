"""The disk is full: nothing that was acknowledged is lost, nothing is sent twice, and it is said in a sentence."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from servers import Rule, Sink
from small_disk import SmallDisk, small_disk
from terminal import SECRET, Terminal, event, eventually, person, shop
from website import HUMAN

KEY = "write-key-of-tests"
PEOPLE = [f"reader{number}" for number in range(30)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Yield a real disk that can be filled."""
    try:
        with small_disk(tmp_path / "disk", megabytes=128) as made:
            yield made
    except PermissionError as error:
        pytest.skip(f"NO SMALL DISK: only root may mount one ({error})")


@pytest.fixture
def terminal(disk: SmallDisk) -> Terminal:
    """Return a shop whose folder, database and all, is on the small disk."""
    made = shop(disk.folder / "shop", LIFECYCLE_SECRET_KEY=SECRET, LIFECYCLE_WRITE_KEYS=KEY)
    made.ok("apply")
    return made


def links_of(folder: Path) -> dict[str, str]:
    """Return the paths that the mail which arrived leads to; nothing before there is one."""
    for path in folder.glob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        part = mail.get_body(("html",))
        assert part is not None
        places = {
            "open": (r'"(\S+?/o/\S+?\.gif)"', part.get_content()),
            "click": (r'"(\S+?/c/\S+?/\d+)"', part.get_content()),
            "leave": (r"<(https?://\S+?/u/\S+?)>", str(mail["List-Unsubscribe"])),
        }
        found = {name: re.search(*place) for name, place in places.items()}
        return {name: urlsplit(match[1]).path for name, match in found.items() if match}
    return {}


@pytest.fixture
def crowd(terminal: Terminal) -> Terminal:
    """Return the shop after so many people have just signed up: each is owed a welcome."""
    terminal.sign_up(*PEOPLE)
    return terminal


def test_campaign_goes_on_when_there_is_room_again(crowd: Terminal, disk: SmallDisk, tmp_path: Path) -> None:
    """In the middle of it nothing can be written: each mail arrives once all the same, and none is left in doubt."""
    with Sink(tmp_path, Rule("dot", delay_s=0.1, keep=True)) as sink:
        crowd.variables["LIFECYCLE_SMTP_URL"] = sink.url
        with crowd.start("run", "--port", "0") as running:
            eventually(lambda: len(sink.accepted()) >= 3)
            disk.fill()
            running.saw("disk is full")
            disk.free()
            eventually(lambda: len(sink.accepted()) == len(PEOPLE), within_s=60)
            said = running.stop()
        assert said.code == 0, said
        assert "Traceback" not in said.err, said.err
        assert set(sink.counts().values()) == {1}
        assert crowd.states() == Counter(sent=len(PEOPLE)), said.err


def test_nothing_is_acknowledged_that_is_not_stored(terminal: Terminal, disk: SmallDisk, tmp_path: Path) -> None:
    """Events, hits and an unsubscribe: 503 and when to ask again. The same requests count later, and once each."""
    joined = [person("sara"), event("sara", "Signed Up")]
    joined[0].pop("timestamp")
    viewed = event("sara", "Product Viewed", product_id="p1")
    with Sink(tmp_path, keep=True) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        with terminal.start("run", "--port", "0") as running, running.browser(HUMAN) as client:
            assert client.post("/v1/batch", json={"batch": joined}, auth=(KEY, "")).status_code == 200
            links = eventually(lambda: links_of(tmp_path))

            def ask() -> list[httpx.Response]:
                return [
                    client.post("/v1/track", json=viewed, auth=(KEY, "")),
                    client.get(links["open"]),
                    client.get(links["click"]),
                    client.post(links["leave"], data={"List-Unsubscribe": "One-Click"}),
                ]

            disk.fill()
            answers = ask()
            assert [answer.status_code for answer in answers] == [503] * 4
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
            assert "Rihla" in answers[2].text, "who clicked sees a page of the shop's, not a blank one"
            assert client.get("/healthz").status_code == 200
            running.saw("disk is full")
            disk.free()

            assert [answer.status_code for answer in ask()] == [200, 200, 302, 200]
            said = running.stop()
    assert said.code == 0, said
    assert "Traceback" not in said.err, said.err
    rows = terminal.dump()
    assert sum("Product Viewed" in row for row in rows["events"]) == 1
    hits = Counter(value for row in rows["hits"] for value in row if value in {"open", "click"})
    assert hits == {"open": 1, "click": 1}
    assert terminal.json("contact", "show", "sara")["consent"]["offers"] is False


def test_an_import_that_finds_no_room_goes_on_where_it_was(terminal: Terminal, disk: SmallDisk) -> None:
    """It ends with a sentence, and the same command later stores what is left, and nothing twice."""
    orders = [
        event(f"buyer{number % 500}", "Order Completed", "2026-01-10T10:00:00Z", order_id=f"o{number}", total=10)
        for number in range(70_000)
    ]
    file = str(terminal.write("orders.ndjson", *orders))
    disk.fill(but_megabytes=30)  # enough for the first batch, and not for the fourth
    said = terminal.type("import", "events", file)
    assert said.code == 1, said
    assert "disk is full" in said.err
    assert "free some space" in said.err
    assert "Traceback" not in said.err
    disk.free()
    again = terminal.json("import", "events", file)
    assert again["read"] == again["stored"] + again["duplicates"] == len(orders), again
    assert again["duplicates"] > 0, "it was in the middle of it"
    assert len(terminal.dump()["events"]) == len(orders)
    found = terminal.json("rebuild")
    assert (found["differed"], found["memberships"], found["stages"]) == (0, 0, 0)
