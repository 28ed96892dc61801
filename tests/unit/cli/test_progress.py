"""Long work shows a person how far it is, and a machine nothing."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from lifecycle.cli.output import progress


class Screen(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Return a terminal of 120 columns."""
    for name, value in {"COLUMNS": "120", "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    return Screen()


def test_bytes_are_shown_as_a_person_reads_them_with_rate_and_rest(screen: Screen) -> None:
    """Half of two megabytes, so many a second, and how long the rest will take."""
    with redirect_stderr(screen), progress("importing events.ndjson", 2_000_000, in_bytes=True) as advance:
        advance(500_000)
        advance(500_000)
    shown = screen.getvalue()
    assert "importing events.ndjson" in shown
    assert "1.0/2.0 MB" in shown
    assert "B/s" in shown
    assert ":" in shown.rpartition("B/s")[2]


def test_other_things_are_counted(screen: Screen) -> None:
    """Mails are not bytes."""
    with redirect_stderr(screen), progress("sending", 10) as advance:
        advance(4)
    assert "4/10" in screen.getvalue()


def test_no_terminal_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on stderr of a script."""
    with progress("sending", 10) as advance:
        advance(4)
    assert capsys.readouterr() == ("", "")
