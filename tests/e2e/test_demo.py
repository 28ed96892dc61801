"""`lifecycle demo`: ends by itself, adds up, replaces its own folder and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminal import Said, Terminal


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Terminal, Said]:
    """Return a demo that ended, as a real process: the terminal before its folder, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    terminal = Terminal(folder)
    with terminal.start("demo", "--people", "10", "--out", "out", "--json") as running:
        said = running.end(within_s=200)
    return Terminal(folder / "out"), said


def test_demo_ends_by_itself_and_its_numbers_add_up(lived: tuple[Terminal, Said]) -> None:
    """Ledger, folder of mails and funnel tell the same numbers; stdout holds nothing but the JSON."""
    terminal, said = lived
    assert said.code == 0, said.err
    found = said.json
    assert found["adds_up"] is True
    ledger = found["ledger"]
    parts = [ledger[name] for name in ("open", "accepted", "rejected", "failed", "unknown")]
    assert ledger["selected"] == sum(parts) + sum(ledger["skipped"].values()) + sum(ledger["cancelled"].values())
    assert ledger["accepted"] == found["mails"] == len(list((terminal.folder / "mails").rglob("*.eml")))
    assert found["mails"] > 0
    for name in ("selected", "accepted"):
        assert sum(campaign[name] for campaign in found["campaigns"].values()) == ledger[name]
    # those who only looked have no stage yet; nobody is in two
    assert 0 < sum(row["contacts"] for row in found["funnel"]["stages"]) <= found["overview"]["contacts"]
    assert "<html" in (terminal.folder / "report.html").read_text(encoding="utf-8")


def test_what_it_says_to_look_at_is_there(lived: tuple[Terminal, Said]) -> None:
    """The commands of its last lines work on the folder it left."""
    terminal, _ = lived
    terminal.ok("check")
    terminal.ok("explain", "sara@example.com")
    terminal.ok("report")
    terminal.ok("preview", "cart/reminder", "--locale", "ar")


def test_next_run_replaces_the_demo_and_spares_what_is_not_one(lived: tuple[Terminal, Said], tmp_path: Path) -> None:
    """The folder's mark decides; a folder of somebody's own is refused by its name, and untouched."""
    terminal, _ = lived
    left = terminal.folder / "left-behind"
    left.touch()
    before = Terminal(terminal.folder.parent).type("demo", "--people", "1", "--out", "out", "--json")
    assert before.code == 0, before.err
    assert before.json["shoppers"] < 10
    assert not left.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    said = Terminal(tmp_path).type("demo", "--people", "1", "--out", "mine")
    assert said.code == 2
    assert "mine is not empty" in said.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"
