"""`outbox`, `pause`, `resume` and `cancel`, as an operator types them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from ledger import START, add_contacts, add_rows
from lifecycle.base.clock import SystemClock
from lifecycle.cli.main import run
from lifecycle.spec.project import read_folder
from lifecycle.store.engine import Store
from lifecycle.store.migrate import prepare
from lifecycle.store.tables import enrolments, messages

SHOP = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project whose ledger has three open mails of the newsletter, one of them unknown."""
    for path, text in read_folder(SHOP).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.delenv("LIFECYCLE_DATABASE_URL", raising=False)
    store = Store(f"sqlite:///{tmp_path / '.lifecycle' / 'lifecycle.db'}")
    prepare(store)
    add_rows(store, add_contacts(store, 3), campaign="newsletter", topic="newsletter")
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id == 1).values(state="unknown", detail="no answer"))
        connection.execute(update(messages).where(messages.c.id == 2).values(detail="connection refused"))
    store.close()
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], project: Path, *words: str) -> tuple[int, str, str]:
    """Run the command line and return exit code, stdout and stderr."""
    code = run(["-C", str(project), *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_outbox_shows_states_and_what_holds_mails_up(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table on stdout, the trouble and the next step on stderr."""
    code, out, err = call(capsys, project, "outbox")
    assert code == 0
    assert "queued" in out
    assert "unknown" in out
    assert "1 waiting: connection refused" in err
    assert "--state unknown" in err
    found = json.loads(call(capsys, project, "outbox", "--json")[1])
    assert {one["state"]: one["rows"] for one in found["states"]} == {"queued": 2, "unknown": 1}
    assert found["troubles"][0]["detail"] == "connection refused"


def test_unknown_is_listed_and_resolved(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """List, resolve, and a second time is an error that says so."""
    rows = json.loads(call(capsys, project, "outbox", "--state", "unknown", "--json")[1])
    assert [(row["id"], row["contact"], row["detail"]) for row in rows] == [(1, "c1", "no answer")]
    assert call(capsys, project, "outbox", "resolve", "1", "--as", "sent")[0] == 0
    code, _, err = call(capsys, project, "outbox", "resolve", "1", "--as", "not-sent")
    assert code == 2
    assert "is sent, not unknown" in err
    assert call(capsys, project, "outbox", "resolve", "99", "--as", "sent")[0] == 1


def test_outbox_says_which_campaigns_are_held_and_by_what(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A brake pauses by itself: somebody has to be told."""
    assert call(capsys, project, "pause", "newsletter")[0] == 0
    assert "newsletter is paused since 20" in call(capsys, project, "outbox")[2]
    found = json.loads(call(capsys, project, "outbox", "--json")[1])
    assert [one["campaign"] for one in found["paused"]] == ["newsletter"]


def test_campaign_is_paused_resumed_and_cancelled(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says what it did, also when there was nothing to do."""
    assert "is paused" in call(capsys, project, "pause", "newsletter")[2]
    assert "already" in call(capsys, project, "pause", "newsletter")[2]
    assert json.loads(call(capsys, project, "--json", "resume", "newsletter")[1])["changed"] is True
    assert "was not paused" in call(capsys, project, "resume", "newsletter")[2]
    done = json.loads(call(capsys, project, "cancel", "newsletter", "--yes", "--json")[1])
    assert (done["messages"], done["sending"]) == (2, 0)


def test_mistyped_campaign_gets_a_suggestion(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, the wrong name, the right one."""
    code, _, err = call(capsys, project, "pause", "newsleter")
    assert code == 1
    assert "newsleter" in err
    assert "newsletter" in err.replace("newsleter", "")


def test_outbox_says_who_waits_at_which_limit_and_until_when(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do `explain`, of one contact, and `doctor`, of the warm-up's day."""
    monkeypatch.setenv("LIFECYCLE_MAIL_FOLDER", str(project / "mails"))
    page = project / "lifecycle.yaml"
    today = SystemClock().now().date()
    added = (
        "policies:\n"
        "  sending_limits: [{domains: [example.org], at_most: 1000, per: 1h}]\n"
        f"  warm_up: {{provider: folder, starts: {today - timedelta(days=1)}, from: 200, to: 800, over: 3d}}\n"
    )
    page.write_text(page.read_text().replace("policies:\n", added, 1))
    assert call(capsys, project, "check")[0] == 0
    store = Store(f"sqlite:///{project / '.lifecycle' / 'lifecycle.db'}")
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id > 1).values(queue="example.org"))
        entry = {"contact_id": 2, "campaign": "newsletter", "entry_key": "", "occurrence": "1", "version": "0" * 32}
        at = {"opened_at": START, "anchor_at": START}
        rest = {"state": "completed", "reason": "", "position": [], "variants": {}, "context": {}}
        connection.execute(enrolments.insert().values(id=1, **entry, **at, **rest))
        connection.execute(update(messages).where(messages.c.contact_id == 2).values(enrolment_id=1))
    store.close()
    err = call(capsys, project, "outbox")[2]
    assert "2 wait for the limit of example.org: 1,000 per 1h, until about 20" in err
    found = json.loads(call(capsys, project, "outbox", "--json")[1])
    assert [one["rows"] for one in found["limits"]] == [2]
    said = call(capsys, project, "explain", "c2", "newsletter")[1]
    assert "waits for the limit of example.org: 1,000 per 1h" in " ".join(said.split())
    assert "the warm-up of folder: 400 mails today, day 2 of 3; 0 have gone" in call(capsys, project, "doctor")[1]


def test_doctor_names_a_senders_providers_and_mails_of_one_that_is_gone(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order; and a receipt that SES may have is not given to anybody else."""
    monkeypatch.setenv("LIFECYCLE_MAIL_FOLDER", str(project / "mails"))
    page = project / "lifecycle.yaml"
    page.write_text(page.read_text().replace("    reply_to:", "    provider: [smtp, folder]\n    reply_to:", 1))
    store = Store(f"sqlite:///{project / '.lifecycle' / 'lifecycle.db'}")
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id == 3).values(kind="transactional", provider="ses"))
    store.close()
    said = call(capsys, project, "doctor")[1]
    assert "asks for smtp, which is not set up: its mails go by folder" in said
    assert "1 mails wait for ses, which is not set up: it may have accepted them already" in said
