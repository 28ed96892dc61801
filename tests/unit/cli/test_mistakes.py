"""A person's mistake ends in a sentence that says what to do, with the right exit code; never in a traceback."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from databases import fresh_postgres
from terminal import Said, Terminal, person, shop


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in force with one contact."""
    terminal = shop(tmp_path_factory.mktemp("mistakes") / "shop")
    terminal.ok("import", "contacts", str(terminal.write("people.ndjson", person("sara"))))
    terminal.ok("apply")
    return terminal.folder


@pytest.fixture
def terminal(made: Path, tmp_path: Path) -> Terminal:
    """Return a copy of it."""
    return Terminal(shutil.copytree(made, tmp_path / "shop"))


def refused(said: Said, code: int, *words: str) -> Said:
    """Expect that exit code, these words on stderr, and no traceback anywhere."""
    assert said.code == code, said
    for word in words:
        assert word in said.err, said.err
    assert "Traceback" not in said.out + said.err
    return said


NO_PROJECT = (
    ["check"], ["plan"], ["apply"], ["send", "welcome"], ["run"], ["report"], ["segments"], ["stages"], ["outbox"],
    ["doctor"], ["migrate"], ["explain", "sara"], ["contact", "show", "sara"], ["tickets"], ["test"], ["worker"],
    ["preview", "welcome/hello"], ["pause", "welcome"], ["import", "contacts", "x.csv"],
    ["simulate", "--from", "2026-01-01", "--to", "2026-02-01"], ["bounces"],
)  # fmt: skip


@pytest.mark.parametrize("words", NO_PROJECT, ids=lambda words: words[0])
def test_command_outside_a_project_says_so(tmp_path: Path, words: list[str]) -> None:
    """Exit 2, the way to a project, and nothing made in the folder."""
    refused(Terminal(tmp_path).type(*words), 2, "no lifecycle.yaml", "lifecycle init")
    assert list(tmp_path.iterdir()) == []


UNKNOWN = (
    (["chekc"], 2, "check"),
    (["send", "welcom"], 1, "welcome"),
    (["send", "welcom", "--dry-run"], 1, "welcome"),
    (["pause", "welcom"], 1, "welcome"),
    (["report", "lift", "welcom"], 1, "welcome"),
    (["report", "campaign", "welcom"], 1, "welcome"),
    (["segments", "count", "vipp"], 1, "vip"),
    (["segments", "members", "vipp"], 1, "vip"),
    (["segments", "explain", "vipp", "sara"], 1, "vip"),
    (["segments", "explain", "vip", "nobody"], 1, "nobody"),
    (["contact", "show", "nobody"], 1, "nobody"),
    (["contact", "erase", "nobody", "--yes"], 1, "nobody"),
    (["explain", "nobody"], 1, "nobody"),
    (["explain", "sara", "welcom"], 1, "welcome"),
    (["preview", "welcome/helo"], 1, "welcome/hello"),
    (["preview", "welcome/hello", "--locale", "fr"], 2, "fr"),
    (["preview", "welcome/hello", "--for", "nobody"], 1, "nobody"),
    (["outbox", "resolve", "999", "--as", "sent"], 1, "999"),
    (["import", "contacts", "missing.csv"], 2, "missing.csv"),
    (["import", "people", "missing.csv"], 2, "contacts"),
    (["apply", "--plan", "missing.json"], 2, "missing.json"),
    (["send", "thank-you", "--since", "yesterdayish"], 2, "yesterdayish"),
    (["send", "thank-you", "--until", "2026-01-01"], 2, "--since"),
    (["send", "thank-you", "--since", "2026-02-01", "--until", "2026-01-01"], 2, "empty"),
    (["send", "newsletter", "--to", "not an address"], 2, "not an e-mail address"),
    (["send", "newsletter", "--limit", "0"], 2, "--limit"),
    (["stages", "--since", "soon"], 2, "soon"),
    (["segments", "count", "vip", "--at", "soon"], 2, "soon"),
    (["run", "--port", "70000"], 2, "--port"),
    (["check", "no-such-file.yaml"], 2, "no-such-file.yaml"),
)


@pytest.mark.parametrize(("words", "code", "named"), UNKNOWN, ids=[" ".join(words) for words, _, _ in UNKNOWN])
def test_what_does_not_exist_is_named(terminal: Terminal, words: list[str], code: int, named: str) -> None:
    """An unknown name says what was meant, or at least what was not found."""
    refused(terminal.type(*words), code, named)


@pytest.mark.parametrize(
    "words", [["check"], ["plan"], ["apply"], ["test"], ["segments"], ["preview", "cart/reminder"]]
)
def test_broken_project_file_is_shown_with_its_place(terminal: Terminal, words: list[str]) -> None:
    """Exit 3 and the line itself with a caret."""
    terminal.edit("lifecycle.yaml", ("currency: SAR", "curency: SAR"))
    said = terminal.type(*words)
    refused(said, 3)
    assert "lifecycle.yaml:" in said.out + said.err
    assert "^^^^^^^" in said.out + said.err
    assert 'did you mean "currency"' in said.out + said.err


@pytest.mark.parametrize("text", ["", "project: [", "\x00", "- a\n- b\n", "project: {<<: *x}"])
def test_file_that_is_no_project_at_all(terminal: Terminal, text: str) -> None:
    """Empty, cut off, binary, a list, a merge: exit 3, from every command."""
    (terminal.folder / "lifecycle.yaml").write_text(text)
    for words in (["check"], ["plan"]):
        refused(terminal.type(*words), 3)


def test_file_in_another_encoding_is_said(terminal: Terminal) -> None:
    """Saved as Latin-1 by an old editor."""
    (terminal.folder / "campaigns" / "welcome.yaml").write_bytes("campaign: caf\xe9".encode("latin-1"))
    said = terminal.type("check")
    refused(said, 3)
    assert "welcome.yaml" in said.out + said.err


DATABASES = (
    ("mysql://localhost/x", "mysql"),
    ("nonsense", "nonsense"),
    ("sqlite:////proc/nowhere/x.db", "x.db"),
    ("postgresql://nobody@127.0.0.1:1/x", "127.0.0.1"),
)


@pytest.mark.parametrize(("url", "named"), DATABASES)
@pytest.mark.parametrize("words", [["report"], ["migrate"], ["outbox"], ["run", "--port", "0"]], ids=lambda w: w[0])
def test_database_that_cannot_be_opened(terminal: Terminal, url: str, named: str, words: list[str]) -> None:
    """Exit 1, its name, no password."""
    terminal.variables["LIFECYCLE_DATABASE_URL"] = url
    refused(terminal.type(*words), 1, named)


def test_password_of_the_database_is_never_shown(terminal: Terminal) -> None:
    """Neither in the error nor by doctor."""
    terminal.variables["LIFECYCLE_DATABASE_URL"] = "postgresql://shop:hunter2@127.0.0.1:1/x"
    for words in (["outbox"], ["doctor"], ["migrate"]):
        said = terminal.type(*words)
        assert said.code == 1
        assert "hunter2" not in said.out + said.err


def test_file_that_is_no_database(terminal: Terminal) -> None:
    """Somebody else's file is not overwritten."""
    file = terminal.folder / "notes.db"
    file.write_text("not a database, but long enough to be looked at" * 20)
    terminal.variables["LIFECYCLE_DATABASE_URL"] = f"sqlite:///{file}"
    refused(terminal.type("outbox"), 1, "notes.db", "not a database")
    assert file.read_text().startswith("not a database")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_database_that_may_not_be_written(terminal: Terminal) -> None:
    """A read-only folder says so."""
    folder = terminal.folder / ".lifecycle"
    (folder / "lifecycle.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        refused(terminal.type("apply"), 1, "writable")
    finally:
        folder.chmod(0o755)


def test_database_of_a_later_version_is_not_touched(terminal: Terminal) -> None:
    """Going back to an older program says so rather than guess."""
    with sqlite3.connect(terminal.folder / ".lifecycle" / "lifecycle.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    refused(terminal.type("outbox"), 1, "9999")


def test_postgresql_waits_for_migrate(terminal: Terminal, postgres_server: str) -> None:
    """Nobody migrates a shared database by looking at it."""
    terminal.variables["LIFECYCLE_DATABASE_URL"] = fresh_postgres(postgres_server)
    refused(terminal.type("outbox"), 1, "is empty", "lifecycle migrate")
    refused(terminal.type("run", "--port", "0"), 1, "lifecycle migrate")
    assert terminal.type("doctor").code == 1
    terminal.ok("migrate")
    terminal.ok("migrate")
    terminal.ok("outbox")


@pytest.mark.parametrize("url", ["carrier-pigeon://loft", "redis://127.0.0.1:1/0", "redis://127.0.0.1:notaport/0"])
def test_broker_that_is_none(terminal: Terminal, url: str) -> None:
    """Doctor says so; what does not need the broker works."""
    terminal.variables["LIFECYCLE_BROKER_URL"] = url
    found = terminal.type("doctor", "--json")
    assert found.code == 1
    assert [one["what"] for one in found.json["findings"] if one["verdict"] == "wrong"] == ["broker"]
    terminal.ok("outbox")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "short", ["send", "newsletter"]), ("PORT", "eighty", ["outbox"]), ("PORT", "99999", ["web"]),
        ("RATE_PER_S", "fast", ["outbox"]), ("SMTP_URL", "http://mail", ["send", "newsletter"]),
        ("BROKER_URL", "carrier-pigeon://loft", ["worker"]), ("DKIM_DOMAIN", "rihla.example", ["send", "newsletter"]),
        ("WORKERS", "0", ["outbox"]), ("PORT", "nan", ["outbox"]), ("RATE_PER_S", "-1", ["outbox"]),
        ("BOUNCES", "imap://host", ["bounces"]),
    ],
)  # fmt: skip
def test_setting_that_cannot_be_is_named(terminal: Terminal, name: str, value: str, words: list[str]) -> None:
    """Exit 1, or 2 where a command cannot be meant so, and the name of the variable."""
    terminal.variables[f"LIFECYCLE_{name}"] = value
    refused(terminal.type(*words), 1, f"LIFECYCLE_{name}")


@pytest.mark.parametrize(
    "words",
    [
        ["check"], ["segments"], ["stages"], ["plan"], ["apply"], ["report"], ["outbox"], ["doctor"], ["tickets"],
        ["test"], ["contact", "show", "sara"], ["explain", "sara"], ["segments", "count", "vip"],
        ["segments", "members", "vip"], ["preview", "welcome/hello"], ["pause", "welcome"], ["resume", "welcome"],
        ["cancel", "welcome"], ["send", "newsletter", "--dry-run"], ["migrate"], ["report", "funnel"],
        ["report", "canvas"], ["report", "deliverability"], ["report", "cohorts"], ["report", "lift", "welcome"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_json_stands_alone_on_stdout(terminal: Terminal, words: list[str]) -> None:
    """One document, nothing beside it."""
    json.loads(terminal.ok(*words, "--json").out)


@pytest.mark.parametrize("words", [["outbox"], ["segments"], ["segments", "count", "vip"], ["contact", "show", "sara"]])
def test_json_may_be_asked_for_before_the_command(terminal: Terminal, words: list[str]) -> None:
    """`--json` before it says the same as behind it."""
    before, behind = terminal.ok("--json", *words).json, terminal.ok(*words, "--json").json
    for found in (before, behind):
        for row in found if isinstance(found, list) else [found]:
            row.pop("at", None)  # the instant of asking
    assert before == behind


def test_no_colour_where_nobody_sees_it(terminal: Terminal) -> None:
    """Piped, or NO_COLOR: no escape sequence in anything that is printed."""
    for words in (["report"], ["segments"], ["explain", "sara"], ["doctor"], ["plan"], ["send", "welcom"]):
        said = terminal.type(*words)
        assert "\x1b" not in said.out + said.err
    piped = subprocess.run(
        terminal.command("report"), env=terminal.environ() | {"NO_COLOR": ""}, capture_output=True, check=True
    )
    assert b"\x1b" not in piped.stdout


@pytest.mark.parametrize("words", [["report"], ["contact", "export", "sara"], ["--help"]], ids=" ".join)
def test_reader_that_goes_away_is_no_failure(terminal: Terminal, words: list[str]) -> None:
    """`lifecycle report | head -0`: no traceback, no noise at the interpreter's end."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            terminal.command(*words),
            env=terminal.environ(),
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_erasing_asks_nobody_who_cannot_answer(terminal: Terminal) -> None:
    """Without a terminal and without --yes: exit 2, and nothing erased."""
    with terminal.start("contact", "erase", "sara") as running:
        refused(running.end(), 2, "--yes")
    terminal.ok("contact", "show", "sara")
