"""`import` and `contact` on the command line: what they print, where, and how they exit."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from lifecycle.cli.main import run

REPOSITORY = Path(__file__).parents[3]
PEOPLE = "external_id,email,first_name\nu1,sara@shop.example,سارة\nu2,broken@@x,Omar\n"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a command in a project and returns exit code, stdout and stderr."""
    shutil.copy(REPOSITORY / "lifecycle.yaml", tmp_path)
    for name in ("LIFECYCLE_DATABASE_URL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    capsys.readouterr()

    def called(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(tmp_path), *arguments])
        return code, *capsys.readouterr()

    return called


def test_rejected_rows_are_told_on_stderr_with_their_file(call: Any, tmp_path: Path) -> None:
    """Exit 0; with --strict, 1. What is stored is on stdout."""
    people = str(tmp_path / "people.csv")
    code, out, err = call("import", "contacts", people)
    assert (code, out) == (0, "2 read, 1 stored, 0 stored before, 1 rejected, 1 new contacts\n")
    assert err == f"1 rejected, each with its reason in {tmp_path / 'people.rejects.csv'}\n"
    code, out, _ = call("import", "contacts", people, "--strict", "--json")
    assert code == 1
    assert json.loads(out) == {
        "read": 2, "stored": 0, "duplicates": 1, "rejected": 1, "skipped": 0, "contacts": 0,
        "reject_file": str(tmp_path / "people.rejects.csv"),
    }  # fmt: skip


def test_a_missing_file_a_wrong_kind_and_a_wrong_map_are_told_without_a_traceback(call: Any, tmp_path: Path) -> None:
    """Usage is 2; a mistake in a map is a content error, with its frame."""
    assert call("import", "contacts", str(tmp_path / "none.csv"))[0] == 2
    assert call("import", "friends", str(tmp_path / "people.csv"))[0] == 2
    (tmp_path / "map.yaml").write_text("contact: {email: '{email}'}\ntimestamp: '{at}'\ncases: [{evnt: x}]\n")
    code, _, err = call("import", "events", str(tmp_path / "people.csv"), "--map", str(tmp_path / "map.yaml"))
    assert code == 3
    assert "map.yaml:3:10: error LC104" in err
    assert 'did you mean "event"?' in err


def test_a_contact_can_be_shown_suppressed_exported_and_erased(call: Any, tmp_path: Path) -> None:
    """Named by its external id or its address."""
    call("import", "contacts", str(tmp_path / "people.csv"))
    shown = json.loads(call("contact", "show", "SARA@shop.example", "--json")[1])
    assert (shown["external_id"], shown["attributes"], shown["suppressed"]) == ("u1", {"first_name": "سارة"}, None)
    assert "سارة" in call("contact", "show", "u1")[1]
    assert call("contact", "suppress", "u1")[0] == 0
    assert json.loads(call("contact", "show", "u1", "--json")[1])["suppressed"] == "by_hand"
    assert call("contact", "unsuppress", "sara@shop.example")[0] == 0
    code, _, err = call("contact", "export", "u1", "--out", str(tmp_path / "u1.json"))
    assert (code, json.loads((tmp_path / "u1.json").read_text(encoding="utf-8"))["email"]) == (
        0,
        "sara@shop.example",
    ), err
    code, _, err = call("contact", "erase", "u1")
    assert (code, "--yes" in err) == (2, True)
    assert call("contact", "erase", "u1", "--yes")[0] == 0
    assert call("contact", "show", "u1")[0] == 1


def test_a_merge_is_shown_with_its_time_and_cause_and_that_it_is_for_good(call: Any, tmp_path: Path) -> None:
    """Whoever looks a contact up sees who went into it, and by which message."""
    told = [
        {"type": "identify", "userId": "u1", "traits": {"email": "sara@shop.example"}},
        {"type": "track", "anonymousId": "v-7", "event": "Seen"},
    ]
    joined = {"type": "identify", "userId": "u1", "anonymousId": "v-7", "messageId": "m-1"}
    for name, lines in (("a", told), ("b", [joined])):
        (tmp_path / f"{name}.ndjson").write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
        assert call("import", "contacts", str(tmp_path / f"{name}.ndjson"))[0] == 0
    shown = " ".join(call("contact", "show", "v-7")[1].split())
    assert re.search(r"merged v-7, \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ by anonymous id, message m-1", shown), shown
    assert "a merge cannot be undone" in shown
    assert json.loads(call("contact", "show", "u1", "--json")[1])["merged"][0]["contact"] == "v-7"


def test_a_project_with_errors_can_still_import(call: Any, tmp_path: Path) -> None:
    """Facts are taken even when nobody can judge them yet."""
    (tmp_path / "lifecycle.yaml").write_text("project: [", encoding="utf-8")
    code, out, err = call("import", "contacts", str(tmp_path / "people.csv"))
    assert (code, "1 stored" in out, "content has errors" in err) == (0, True, True)
