"""The first day of a new user: from `init` to the first mails, and every view of what happened, by the command line."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from terminal import Terminal, event, person, shop

PEOPLE = (
    person("sara"), person("omar", locale="ar"), person("lina", consent={"newsletter": False}),
    person("noor", email=None),
)  # fmt: skip
MAILED = {"sara", "omar"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a shop that has imported its people and is in force."""
    made = shop(tmp_path_factory.mktemp("day") / "shop")
    made.ok("check")
    file = made.write("people.ndjson", *PEOPLE)
    assert made.json("import", "contacts", str(file)) == {
        "read": 4, "stored": 4, "duplicates": 0, "rejected": 0, "skipped": 0, "contacts": 4, "reject_file": None,
    }  # fmt: skip
    assert made.json("plan")["before"] is None
    assert made.json("apply")["changed"] is True
    return made.folder


@pytest.fixture
def terminal(opened: Path, tmp_path: Path) -> Terminal:
    """Return a shop of this test's own, as `opened` left it."""
    return Terminal(shutil.copytree(opened, tmp_path / "shop"))


def test_new_project_checks_and_its_journey_tests_pass(tmp_path: Path) -> None:
    """`init` makes a project that is right, its own tests included."""
    terminal = Terminal(tmp_path)
    terminal.ok("init", "shop")
    inside = Terminal(tmp_path / "shop")
    assert inside.ok("check").err.endswith("0 errors, 0 warnings\n")
    inside.ok("test")


def test_same_import_and_same_apply_change_nothing(terminal: Terminal) -> None:
    """Both can be said again."""
    again = terminal.json("import", "contacts", str(terminal.folder / "people.ndjson"))
    assert (again["stored"], again["duplicates"]) == (0, 4)
    assert terminal.json("apply")["changed"] is False
    assert "nothing to do" in terminal.ok("plan").out


def test_rehearsal_writes_mails_and_leaves_every_table_as_it_was(terminal: Terminal) -> None:
    """--dry-run shows who and why not, writes the mails where it says, and touches no row."""
    before = terminal.dump()
    out = terminal.folder / "rehearsal"
    found = terminal.json("send", "newsletter", "--dry-run", "--out", str(out))
    assert terminal.dump() == before
    assert {row["contact"] for row in found["rows"] if row["file"]} == MAILED
    assert found["mails"] == len(list(out.glob("*.eml"))) == len(MAILED)
    assert found["skipped"] == {"not_consented": 1, "no_address": 1}
    assert not terminal.mails


def test_nobody_is_mailed_twice_by_the_same_run(terminal: Terminal) -> None:
    """The second `send` of a run finds everybody served; another run is another letter."""
    first = terminal.json("send", "newsletter", "--run", "november")
    assert first["outcomes"] == {"sent": 2}
    assert first["reasons"] == {"not_consented": 1, "no_address": 1}
    assert len(terminal.mails) == 2
    second = terminal.json("send", "newsletter", "--run", "november")
    assert second["outcomes"] == {}
    assert second["refused"] == {"duplicate": 4}
    assert len(terminal.mails) == 2
    assert terminal.json("send", "newsletter", "--run", "december")["outcomes"] == {"sent": 2}
    assert len(terminal.mails) == 4


def test_second_send_says_in_words_that_nobody_is_left(terminal: Terminal) -> None:
    """No empty table: a sentence."""
    terminal.ok("send", "newsletter", "--run", "november")
    again = terminal.ok("send", "newsletter", "--run", "november")
    assert again.out == ""
    assert "nobody new to mail" in again.err
    assert "duplicate" in again.err


def test_every_view_tells_the_same_story(terminal: Terminal) -> None:
    """Report, explain, segments, stages, contact, outbox and doctor after the first letter."""
    terminal.ok("send", "newsletter", "--run", "november")
    overview = terminal.json("report")
    (row,) = [row for row in overview["campaigns"] if row["campaign"] == "newsletter"]
    assert row["sent"] == 2
    states = Counter({one["state"]: one["rows"] for one in terminal.json("outbox")["states"]})
    assert states["sent"] == 2
    assert terminal.json("doctor")["ok"] is True
    assert {row["segment"]: row["count"] for row in terminal.json("segments")}["arabic-speakers"] == 1
    assert terminal.json("segments", "count", "arabic-speakers")["count"] == 1
    assert [row["contact"] for row in terminal.json("segments", "members", "arabic-speakers")] == ["omar"]
    assert terminal.json("segments", "explain", "arabic-speakers", "sara")["member"] is False
    stages = terminal.json("stages")
    assert "awareness" in str(stages)
    assert terminal.json("contact", "show", "omar@example.com")["locale"] == "ar"
    story = terminal.json("explain", "lina", "newsletter")
    assert "not_consented" in str(story)


def test_explanation_is_never_cut(terminal: Terminal) -> None:
    """Whatever the width, the whole reason can be read."""
    terminal.ok("send", "newsletter", "--run", "november")
    terminal.ok("send", "newsletter", "--run", "november")
    terminal.variables["COLUMNS"] = "60"
    said = " ".join(terminal.ok("explain", "lina", "newsletter").out.replace("│", " ").split())
    assert "does not consent to the topic" in said
    assert "was enrolled by this very trigger already" in said


def test_edit_is_planned_with_the_people_and_a_stale_plan_is_refused(terminal: Terminal) -> None:
    """`plan --out` then `apply --plan`; an edit in between makes it stale (exit 4)."""
    terminal.edit("campaigns/welcome.yaml", ("priority: 70", "priority: 71"))
    plan = terminal.folder / "plan.json"
    found = terminal.json("plan", "--out", str(plan))
    assert found["files"] == {"campaigns/welcome.yaml": "changed"}
    terminal.edit("campaigns/welcome.yaml", ("priority: 71", "priority: 72"))
    stale = terminal.type("apply", "--plan", str(plan))
    assert stale.code == 4
    assert "stale" in stale.err
    terminal.ok("plan", "--out", str(plan))
    terminal.ok("apply", "--plan", str(plan))


def test_simulation_sends_nothing_and_repeats_itself(terminal: Terminal) -> None:
    """Events of a file in virtual time; the same seed gives the same rows, and no table changes."""
    events = terminal.write(
        "events.ndjson", person("zed"), event("zed", "Signed Up", "2026-02-01T10:00:00Z", source="web")
    )
    before = terminal.dump()
    window = ("--from", "2026-02-01", "--to", "2026-03-01", "--campaign", "welcome")
    rows = []
    for name in ("one.ndjson", "two.ndjson"):
        out = terminal.folder / name
        terminal.ok("simulate", "--events", str(events), *window, "--out", str(out))
        rows.append(out.read_text(encoding="utf-8"))
    assert rows[0] == rows[1]
    assert [json.loads(row)["step"] for row in rows[0].splitlines()] == [
        "welcome/hello", "welcome/fit", "welcome/first-run",
    ]  # fmt: skip
    assert terminal.dump() == before
    assert not terminal.mails
