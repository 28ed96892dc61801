"""Told to end in the middle of a batch: what is under way is finished, the rest handed back, nothing left in doubt."""

from __future__ import annotations

import shutil
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from lifecycle import runtime
from lifecycle.base.clock import SystemClock
from lifecycle.runtime import Runtime
from lifecycle.wiring import Engine, Settings
from servers import Rule, Sink
from terminal import SECRET, Terminal, eventually, shop

PEOPLE = [f"reader{number}" for number in range(14)]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a shop in which so many people have just signed up."""
    made = shop(tmp_path_factory.mktemp("stop") / "shop", LIFECYCLE_SECRET_KEY=SECRET)
    made.ok("apply")
    made.sign_up(*PEOPLE)
    return made.folder


@pytest.fixture
def terminal(busy: Path, tmp_path: Path) -> Terminal:
    """Return a shop of this test's own, as `busy` left it."""
    return Terminal(shutil.copytree(busy, tmp_path / "shop"), LIFECYCLE_SECRET_KEY=SECRET)


def test_process_told_to_end_finishes_its_mail_and_hands_the_rest_back(terminal: Terminal, tmp_path: Path) -> None:
    """SIGTERM against a slow server: exit 0, what arrived is written, the others are queued again, none is held."""
    with Sink(tmp_path, Rule("dot", delay_s=0.15, keep=True)) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        with terminal.start("run", "--port", "0") as running:
            eventually(lambda: len(sink.accepted()) >= 3)
            said = running.stop()
        assert said.code == 0, said
        assert "Traceback" not in said.err, said.err
        arrived = len(sink.accepted())
        assert arrived < len(PEOPLE), "it was in the middle of it"
        assert terminal.states() == Counter(sent=arrived, queued=len(PEOPLE) - arrived), said.err
        assert set(sink.counts().values()) == {1}


def test_second_signal_ends_it_at_once(terminal: Terminal, tmp_path: Path) -> None:
    """Somebody who cannot wait for a server that does not answer says so twice."""
    with Sink(tmp_path, Rule("dot", delay_s=60, keep=True)) as sink:
        terminal.variables["LIFECYCLE_SMTP_URL"] = sink.url
        with terminal.start("run", "--port", "0") as running:
            eventually(sink.accepted)
            running.process.send_signal(signal.SIGINT)
            running.saw("stopping")
            assert running.stop(signal.SIGTERM).code == -signal.SIGTERM


@pytest.mark.parametrize(("at", "left"), [("mail", {}), ("dot", {"unknown": 1})])
def test_server_that_does_not_answer_is_not_waited_for(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, left: dict[str, int]
) -> None:
    """After a while the connections are cut: what had not begun goes back, what is in doubt is written as that."""
    monkeypatch.setattr(runtime, "STOP_S", 0.3)
    with Sink(tmp_path, Rule(at, delay_s=60, keep=True)) as sink:
        settings = Settings.read(
            terminal.folder,
            {"LIFECYCLE_SMTP_URL": sink.url, "LIFECYCLE_SECRET_KEY": SECRET, "LIFECYCLE_WORKERS": "1"},
        )
        engine = Engine(settings, SystemClock())
        with Runtime(engine, web=False):
            eventually(lambda: terminal.states()["sending"])
            eventually(lambda: at == "mail" or sink.accepted())
        engine.close()
        assert terminal.states() == Counter({"queued": len(PEOPLE) - len(left), **left})
    assert [thread.name for thread in threading.enumerate() if thread.name in {"scheduler", "heartbeat"}] == []
