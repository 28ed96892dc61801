"""SIGINT and SIGTERM as something to wait for, for commands that run until they are told to end."""

from __future__ import annotations

import signal
import threading

_ENDING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """SIGINT and SIGTERM from now on: the first is waited for, a second ends the process at once, losing nothing."""

    def __init__(self) -> None:
        self._told = threading.Event()
        for number in _ENDING:
            signal.signal(number, self._tell)

    def wait(self) -> None:
        """Block until the first signal; return at once when it came already, while things were starting."""
        while not self._told.wait(1):
            pass

    def _tell(self, _number: int, _frame: object) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        self._told.set()
