"""The bounce box: each report is taken once, whatever dies in between, and nothing is lost or answered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from ledger import add_contacts, add_rows
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import SettingsError, StoreError
from lifecycle.base.tokens import Tokens
from lifecycle.deliver.bounce_box import UNCLAIMED, Read, read_box, sent_by
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.runtime import Runtime
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages
from lifecycle.wiring import Engine, Settings

AT = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
TOKENS = Tokens(b"a key of tests, long enough")
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "bounces"


class Taker:
    """Takes as the ledger does: each event once."""

    def __init__(self) -> None:
        self.events: dict[str, Feedback] = {}

    def __call__(self, told: Sequence[Feedback]) -> int:
        """Take them, and return how many were new."""
        before = len(self.events)
        for one in told:
            self.events.setdefault(one.event, one)
        return len(self.events) - before


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Return an empty Maildir."""
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    return tmp_path / "box"


def put(box: Path, *names: str) -> None:
    """Deliver reports of the corpus."""
    for number, name in enumerate(names):
        (box / "new" / f"179369640{number}.M1P{number}.mail").write_bytes((GOLDEN / f"{name}.eml").read_bytes())


def files(folder: Path) -> list[str]:
    """Return the names in a folder; none of one that is not there."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def look(box: Path, taker: Taker) -> Read:
    """Look once."""
    return read_box(box, TOKENS, taker, AT)


def test_reports_are_taken_and_filed_as_seen(box: Path) -> None:
    """What counts is handed on in one call; the mail lies in cur, seen; a second look finds nothing."""
    put(box, "postfix-unknown", "yahoo-arf", "vacation")
    taker = Taker()
    found = look(box, taker)
    assert found.taken == 2
    assert found.mails == {"ours": 2, "auto_reply": 1}
    assert {one.kind for one in taker.events.values()} == {Kind.HARD, Kind.COMPLAINED}
    assert files(box / "new") == []
    assert [name.rpartition(":")[2] for name in files(box / "cur")] == ["2,S"] * 3
    assert str(look(box, taker)) == "nothing"


def test_what_is_not_ours_is_kept_for_people(box: Path) -> None:
    """Forged, contradictory, a letter, octets, a folder: none counts, all lie in .unclaimed, a Maildir of its own."""
    put(box, "forged-token", "two-rows", "letter")
    (box / "new" / "4.octets").write_bytes(b"\0\xff" * 10)
    (box / "new" / "5.folder").mkdir()
    (box / "new" / "6.link").symlink_to("/etc/hostname")
    taker = Taker()
    found = look(box, taker)
    assert taker.events == {}
    assert found.mails == {"not_ours": 1, "contradictory": 1, "no_report": 4}
    assert files(box / "cur") == files(box / "new") == []
    assert len(files(box / UNCLAIMED / "new")) == 6
    assert files(box / UNCLAIMED) == ["cur", "maildirfolder", "new", "tmp"]


def test_killed_between_taking_and_filing_it_counts_once(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process takes the same event again, which is nothing new."""
    put(box, "postfix-unknown")
    taker = Taker()

    def killed(*_paths: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            look(box, taker)
    assert len(taker.events) == 1
    assert len(files(box / "new")) == 1
    assert look(box, taker).taken == 0
    assert len(files(box / "cur")) == 1


def test_two_processes_at_once_count_it_once(box: Path) -> None:
    """The second has read the file before the first files it: it takes nothing new, and misses no file."""
    put(box, "postfix-unknown", "qmail-unknown")
    taker = Taker()
    counts: list[int] = []

    def first(told: Sequence[Feedback]) -> int:
        counts.append(look(box, taker).taken)  # the second, whole, while the first is between reading and filing
        return taker(told)

    assert read_box(box, TOKENS, first, AT).taken == 0
    assert counts == [2]
    assert len(files(box / "cur")) == 2


def test_database_that_is_away_leaves_everything(box: Path) -> None:
    """The batch stays in new until it can be written down."""
    put(box, "postfix-unknown", "letter")

    def away(told: Sequence[Feedback]) -> int:
        raise StoreError("the database is away")

    with pytest.raises(StoreError):
        read_box(box, TOKENS, away, AT)
    assert len(files(box / "new")) == 2
    assert look(box, Taker()).taken == 1


def test_one_report_that_cannot_be_taken_holds_up_no_other(box: Path) -> None:
    """A bug at one report: the others count, and that one is set aside."""
    put(box, "postfix-unknown", "yahoo-arf", "postfix-full")
    taker = Taker()

    def breaks(told: Sequence[Feedback]) -> int:
        if any(one.kind is Kind.COMPLAINED for one in told):
            raise ZeroDivisionError
        return taker(told)

    assert read_box(box, TOKENS, breaks, AT).taken == 2
    assert len(files(box / "cur")) == 2
    assert len(files(box / UNCLAIMED / "new")) == 1


def test_what_is_no_maildir_says_so(tmp_path: Path) -> None:
    """A mistyped path is a sentence, and not an empty box for ever."""
    with pytest.raises(SettingsError, match="no Maildir"):
        look(tmp_path / "nowhere", Taker())


@pytest.mark.parametrize(("text", "path"), [("maildir:/var/b", "/var/b"), ("maildir:///var/b", "/var/b"), ("", None)])
def test_setting_names_a_maildir(tmp_path: Path, text: str, path: str | None) -> None:
    """LIFECYCLE_BOUNCES=maildir:/PATH; unset, nobody looks."""
    found = Settings.read(tmp_path, {"LIFECYCLE_BOUNCES": text}).bounces
    assert found == (Path(path) if path is not None else None)


@pytest.mark.parametrize("text", ["imap://host", "/var/b", "maildir:"])
def test_setting_that_is_no_maildir_says_so(tmp_path: Path, text: str) -> None:
    """Another kind of box, or a bare path, is refused with an example."""
    with pytest.raises(SettingsError) as caught:
        Settings.read(tmp_path, {"LIFECYCLE_BOUNCES": text})
    assert "maildir:/PATH" in caught.value.hint


def test_ledger_says_what_was_sent(store: Store) -> None:
    """A row's Message-ID and address; None for a row that is not there."""
    add_rows(store, add_contacts(store, 1))
    with store.write() as connection:
        connection.execute(update(messages).values(address="c1@example.org"))
        row, message_id = connection.execute(select(messages.c.id, messages.c.message_id)).one()
    known = sent_by(store)(row)
    assert known is not None
    assert (known.message_id, known.address) == (message_id, "c1@example.org")
    assert sent_by(store)(row + 1) is None


def test_scheduler_looks_every_ten_seconds(box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chore reads the box that is set, and not more often than every ten seconds."""
    clock = ManualClock(AT)
    settings = Settings.read(tmp_path, {"LIFECYCLE_BOUNCES": f"maildir:{box}", "LIFECYCLE_SECRET_KEY": "x" * 16})
    engine, taker = Engine(settings, clock), Taker()
    try:
        runtime = Runtime(engine, web=False, scheduler=False, workers=False)
        monkeypatch.setattr(engine, "take_feedback", taker)
        put(box, "letter")
        runtime.read_bounces()
        assert files(box / "new") == []
        put(box, "letter")
        runtime.read_bounces()
        assert len(files(box / "new")) == 1
        clock.advance(timedelta(seconds=10))
        runtime.read_bounces()
        assert files(box / "new") == []
    finally:
        engine.close()
