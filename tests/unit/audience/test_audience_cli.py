"""`segments` and `stages`, run as people run them, on the sample shop."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lifecycle.base.clock import SystemClock
from lifecycle.cli.main import run
from lifecycle.intake.messages import accept
from lifecycle.store.engine import Store
from lifecycle.store.migrate import prepare

ROOT = Path(__file__).parents[3]
CLOCK = SystemClock()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the sample shop with two customers: two orders, and one."""
    monkeypatch.delenv("LIFECYCLE_DATABASE_URL", raising=False)
    for name in ("lifecycle.yaml", "segments", "campaigns", "templates", "locales"):
        source = ROOT / name
        target = tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    store = Store(f"sqlite:///{tmp_path / '.lifecycle' / 'lifecycle.db'}")
    prepare(store)
    now = CLOCK.now()
    payloads: list[dict[str, Any]] = [
        {
            "type": "track", "userId": user, "messageId": f"{user}-{days}", "event": "Order Completed",
            "timestamp": (now - timedelta(days=days)).isoformat(),
            "properties": {"order_id": f"{user}-{days}", "total": 100},
        }
        for user, days in (("sara", 1), ("sara", 40), ("omar", 1))
    ]  # fmt: skip
    accept(store, payloads, clock=CLOCK, content=None, live=False)
    store.close()
    return tmp_path


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_count_members_and_explain_agree(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shapes are those of DESIGN section 6."""
    counted = _json(capsys, "-C", str(shop), "segments", "count", "repeat-customers", "--json")
    assert (counted["segment"], counted["count"], set(counted)) == ("repeat-customers", 1, {"segment", "count", "at"})
    members = _json(capsys, "-C", str(shop), "--json", "segments", "members", "repeat-customers")
    assert members == [{"contact": "sara", "entered_at": None}]
    said = _json(capsys, "-C", str(shop), "segments", "explain", "repeat-customers", "omar", "--json")
    assert said["member"] is False
    assert said["clauses"][0]["saw"] == "1"


def test_explain_says_where_the_top_share_begins(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is not in it sees what he would need."""
    said = _json(capsys, "-C", str(shop), "segments", "explain", "vip", "omar", "--json")
    assert (said["member"], said["clauses"][0]["saw"]) == (False, "100; the top 10% begins at 200")


def test_a_moment_of_the_past_has_the_facts_of_that_moment(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten days ago there was one order of Sara's, and none of Omar's."""
    at = (CLOCK.now() - timedelta(days=10)).isoformat()
    assert _json(capsys, "-C", str(shop), "segments", "count", "repeat-customers", "--at", at, "--json")["count"] == 0
    assert (
        _json(capsys, "-C", str(shop), "segments", "count", "first-time-buyers", "--at", "10d", "--json")["count"] == 1
    )


def test_all_segments_are_listed_with_their_counts(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each file."""
    rows = {row["segment"]: row["count"] for row in _json(capsys, "-C", str(shop), "segments", "--json")}
    assert set(rows) == {path.stem for path in (ROOT / "segments").glob("*.yaml")}
    assert rows["repeat-customers"] == 1


def test_stages_are_counted_from_the_files(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both customers are in retention; the funnel follows the project's order."""
    found = _json(capsys, "-C", str(shop), "stages", "--json")
    counts = {row["stage"]: row["contacts"] for row in found["stages"]}
    assert counts["retention"] == 2
    assert found["no_stage"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["segments", "count", "vipp"], 1, 'no segment "vipp"'),
        (["segments", "explain", "vip", "nobody"], 1, 'no contact "nobody"'),
        (["segments", "count", "vip", "--at", "soon"], 2, "not an instant"),
        (["stages", "--since", "ever"], 2, "not an instant"),
    ],
)
def test_a_mistake_is_said_plainly(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    """What is wrong and what to do, on stderr; never a traceback."""
    assert run(["-C", str(shop), *arguments]) == code
    assert message in capsys.readouterr().err
