"""`lifecycle bounces` reads what came back by hand: a Maildir, an mbox, one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lifecycle.providers.feedback import Feedback
from lifecycle.wiring import Engine
from terminal import Terminal

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "bounces"
#: the key under which the corpus was made
KEY = "a key of tests, long enough"


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Return a project whose secret is the corpus's."""
    folder = tmp_path_factory.mktemp("bounces")
    Terminal(folder).ok("init", "shop")
    return Terminal(folder / "shop", LIFECYCLE_SECRET_KEY=KEY)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Feedback]:
    """Record what the engine is told to write down."""
    found: list[Feedback] = []

    def take(_engine: Engine, told: Sequence[Feedback]) -> int:
        found.extend(told)
        return len(told)

    monkeypatch.setattr(Engine, "take_feedback", take)
    return found


def test_dry_run_shows_and_takes_nothing(terminal: Terminal, taken: list[Feedback]) -> None:
    """A file is read to the row, the kind and the words."""
    said = terminal.json("bounces", str(GOLDEN / "postfix-unknown.eml"), "--dry-run")
    assert [(one["verdict"], one["kind"], one["row"], one["status"]) for one in said] == [
        ("ours", "hard", 4711, "5.1.1")
    ]
    assert taken == []


def test_mbox_is_read_whole_and_left_alone(terminal: Terminal, taken: list[Feedback], tmp_path: Path) -> None:
    """Each mail of it is looked at; the file stays as it was."""
    mails = [(GOLDEN / f"{name}.eml").read_bytes() for name in ("postfix-full", "letter", "yahoo-arf")]
    box = tmp_path / "box.mbox"
    box.write_bytes(b"".join(b"From MAILER-DAEMON Tue Nov  3 09:00:02 2026\n" + mail + b"\n" for mail in mails))
    before = box.read_bytes()
    said = terminal.json("bounces", str(box))
    assert [one["kind"] for one in said] == ["soft", "", "complained"]
    assert [one.kind for one in taken] == ["soft", "complained"]
    assert box.read_bytes() == before


def test_maildir_is_read_and_filed(terminal: Terminal, taken: list[Feedback], tmp_path: Path) -> None:
    """The same as the scheduler does; with --dry-run nothing is moved."""
    for part in ("new", "cur", "tmp"):
        (tmp_path / part).mkdir()
    mail = tmp_path / "new" / "1.x"
    mail.write_bytes((GOLDEN / "postfix-unknown.eml").read_bytes())
    assert "1 would be taken" in terminal.ok("bounces", str(tmp_path), "--dry-run").err
    assert mail.exists()
    assert terminal.json("bounces", str(tmp_path)) == {"mails": {"ours": 1}, "new": 1}
    assert not mail.exists()
    assert len(taken) == 1


def test_no_box_and_no_file_say_what_to_name(terminal: Terminal, tmp_path: Path) -> None:
    """A sentence and a hint, no traceback."""
    said = terminal.type("bounces")
    assert (said.code, "LIFECYCLE_BOUNCES" in said.err) == (2, True)
    said = terminal.type("bounces", str(tmp_path / "nowhere.eml"))
    assert said.code == 2
    assert "cannot read" in said.err


def test_doctor_says_whether_the_box_can_be_read(terminal: Terminal, tmp_path: Path) -> None:
    """How many wait; or what is wrong, and how the setting looks."""
    (tmp_path / "new").mkdir()
    reader = Terminal(terminal.folder, **terminal.variables, LIFECYCLE_BOUNCES=f"maildir:{tmp_path}")
    assert f"0 mails wait in {tmp_path}" in reader.type("doctor").out
    (tmp_path / "new").rmdir()
    said = reader.type("doctor")
    assert (said.code, "no Maildir" in said.out) == (1, True)
