"""`lifecycle report` and `lifecycle doctor`, as they are called."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from lifecycle.base.clock import ManualClock
from lifecycle.cli.main import run
from lifecycle.cli.report import REPORTS
from lifecycle.report.catalogue import NAMES
from lifecycle.report.health import clock_finding, ledger_findings
from lifecycle.store.engine import Store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Path:
    """Return a project on disk, with no settings at all."""
    for name in ("DATABASE_URL", "BROKER_URL", "SMTP_URL", "SECRET_KEY", "MAIL_FOLDER", "DKIM_DOMAIN"):
        monkeypatch.delenv(f"LIFECYCLE_{name}", raising=False)
    for path, text in files.items():
        file = tmp_path / "shop" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "shop"


def test_the_command_knows_every_report() -> None:
    """Its choices are listed apart, so that --help imports no database; they are the catalogue's."""
    assert REPORTS == NAMES


def test_overview_is_what_report_means(folder: Path, capsys: Any) -> None:
    """Without a name it is the overview, and an empty database says what to do first."""
    assert run(["-C", str(folder), "report"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Overview")
    assert "Nothing yet" in out


@pytest.mark.parametrize("arguments", [["--json", "report", "funnel"], ["report", "funnel", "--json"]])
def test_json_stands_before_or_after_the_command(folder: Path, capsys: Any, arguments: list[str]) -> None:
    """Stdout is one JSON document either way."""
    assert run(["-C", str(folder), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == "funnel"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["report", "campaign"], 2, "welcome"),
        (["report", "overview", "welcome"], 2, "report campaign welcome"),
        (["report", "lift", "welcom"], 1, 'did you mean "welcome"?'),
        (["report", "funnel", "--since", "yesterday"], 2, "30d"),
        (["report", "nonsense"], 2, "nonsense"),
        (["report", "--csv", "/nowhere/at/all.csv"], 2, "cannot write"),
    ],
)
def test_a_mistake_is_answered_with_what_was_meant(
    folder: Path, capsys: Any, arguments: list[str], code: int, said: str
) -> None:
    """The exit code is DESIGN's, the hint names what there is, and there is no traceback."""
    assert run(["-C", str(folder), *arguments]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_files_are_written_and_stdout_stays_for_json(folder: Path, tmp_path: Path, capsys: Any) -> None:
    """CSV and HTML go to their files in one call, JSON to stdout, the words about it to stderr."""
    sheet, page = tmp_path / "r.csv", tmp_path / "r.html"
    assert run(["-C", str(folder), "report", "--csv", str(sheet), "--html", str(page), "--json", "--since", "30d"]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["window"]["since"]
    assert sheet.read_bytes().startswith(b"label,entered,sent")
    assert page.read_text().startswith("<!doctype html>")
    assert str(page) in found.err


def test_a_date_is_midnight_of_the_project(folder: Path, capsys: Any) -> None:
    """2026-11-01 in Riyadh begins at 21:00 UTC the day before."""
    assert run(["-C", str(folder), "report", "--since", "2026-11-01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["window"]["since"] == "2026-10-31T21:00:00Z"


def test_a_sound_installation_has_a_clean_bill(folder: Path, capsys: Any) -> None:
    """Every line is a tick or a note, and the exit code is 0."""
    assert run(["-C", str(folder), "doctor"]) == 0
    lines = [text for text in capsys.readouterr().out.splitlines() if not text.startswith(" ")]
    assert {text[0] for text in lines} == {"✓", "·"}
    assert [text.split()[1] for text in lines[:4]] == ["content", "database", "clock", "ledger"]


def test_each_thing_that_is_wrong_is_said_with_what_to_do(
    folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server, a broker and a database that are not there, half a DKIM setting, a broken file: five crosses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("LIFECYCLE_SMTP_URL", f"smtp://127.0.0.1:{port}")
    monkeypatch.setenv("LIFECYCLE_BROKER_URL", f"redis://127.0.0.1:{port}")
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", f"postgresql://nobody:secret@127.0.0.1:{port}/none")
    monkeypatch.setenv("LIFECYCLE_DKIM_DOMAIN", "shop.example")
    (folder / "campaigns" / "welcome.yaml").write_text("campaign: welcome\n")
    assert run(["-C", str(folder), "doctor", "--json"]) == 1
    out = capsys.readouterr().out
    found = json.loads(out)
    wrong = {finding["what"]: finding for finding in found["findings"] if finding["verdict"] == "wrong"}
    assert set(wrong) == {"content", "database", "broker", "mail", "dkim"}
    assert all(finding["todo"] for finding in wrong.values())
    assert not found["ok"]
    assert "secret" not in out


def test_what_waits_for_somebody_is_found_in_the_ledger(store: Store, pen: Any, clock: ManualClock) -> None:
    """An unknown row, a lease that ended long ago, mail an hour late, and a row without its reason."""
    contact = pen.contact()
    with store.read() as connection:
        assert {finding.verdict for finding in ledger_findings(connection, clock.now())} == {"ok"}
    pen.message(contact, "unknown")
    pen.message(contact, "claimed", lease_until_at=pen.at(-1))
    pen.message(contact, "claimed", lease_until_at=pen.at(1))
    pen.message(contact, "queued", hour=-1)
    pen.message(contact, "skipped", reason="")
    with store.read() as connection:
        found = {finding.what: finding for finding in ledger_findings(connection, clock.now())}
    assert {what: finding.verdict for what, finding in found.items()} == {
        "ledger": "wrong", "unknown": "wrong", "leases": "wrong", "late mail": "note",
    }  # fmt: skip
    assert "1 × skipped, reason missing" in found["ledger"].detail
    assert "1 messages are held" in found["leases"].detail


def test_a_clock_that_is_off_is_told_by_how_much(store: Store, clock: ManualClock) -> None:
    """A minute ahead of PostgreSQL's clock is wrong, its own time is not; SQLite has no clock of its own."""
    with store.read() as connection:
        if store.is_sqlite:
            assert clock_finding(connection, clock.now()).verdict == "ok"
            return
        theirs = connection.scalar(select(func.clock_timestamp()))
        assert theirs is not None
        assert clock_finding(connection, theirs).verdict == "ok"
        found = clock_finding(connection, theirs + timedelta(minutes=1))
    assert found.verdict == "wrong"
    assert "60 s ahead of" in found.detail
