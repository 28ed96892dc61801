"""One Chromium without a window that takes many pictures, driven over two pipes (Chrome DevTools Protocol).

Starting Chromium takes about a second, a picture a tenth of one: so one run serves them all. The protocol over pipes
needs no library, and no port that others could reach. Source: chromium, --remote-debugging-pipe: JSON, ended by NUL.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import selectors
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from lifecycle.base.errors import SettingsError

TIMEOUT_S = 60
#: how long the pictures inside a page may take to come
LOAD_TIMEOUT_S = 10
#: what Chromium can draw in one picture, in px
MAX_HEIGHT = 16_000
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
_HINT = "try again, or leave --png out"


def find_chromium() -> str:
    """Return the path of Chromium. Raises SettingsError when there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise SettingsError(
            "there is no Chromium to take pictures with", hint="apt-get install chromium, or leave --png out"
        )
    return found


class Chromium:
    """A browser with one page. Everything raises SettingsError when Chromium does not do what it is asked."""

    def __init__(self) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="lifecycle-chromium-", ignore_cleanup_errors=True)
        arguments = [
            find_chromium(), *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={self._profile.name}", "about:blank",
        ]  # fmt: skip
        theirs, self._to = _pipe()
        self._from, ours = _pipe()
        self._pid = os.posix_spawn(
            arguments[0],
            arguments,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs, 3), (os.POSIX_SPAWN_DUP2, ours, 4),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,
        )  # fmt: skip
        os.close(theirs)
        os.close(ours)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._from, selectors.EVENT_READ)
        self._heard = b""
        self._asked = 0
        #: what has loaded, by Chromium's names for it
        self._loaded: set[str] = set()
        try:
            target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
            attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
            self._page: str | None = attached["sessionId"]
            self._ask("Page.enable")
            self._ask("Page.setLifecycleEventsEnabled", {"enabled": True})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def open(self, page: Path) -> None:
        """Show a local page; return when it and its images are there, or when those take too long."""
        loader = self._ask("Page.navigate", {"url": page.resolve().as_uri()})["loaderId"]
        deadline = time.monotonic() + LOAD_TIMEOUT_S
        while loader not in self._loaded:
            if self._next(deadline) is None:
                self._ask("Page.stopLoading")
                return

    def view(self, width: int, *, dark: bool = False, height: int = 320) -> None:
        """Look from now on as a window of this size in px does, and a reader who chose this appearance."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", size)

    def picture(self, width: int, *, dark: bool = False, height: int = 320) -> bytes:
        """Return the whole page, at least `height` px of it, as PNG, as wide as a window of `width` px shows it."""
        self.view(width, dark=dark, height=height)
        whole = self._ask("Page.getLayoutMetrics")["cssContentSize"]["height"]
        clip = {"x": 0, "y": 0, "width": width, "height": min(whole, MAX_HEIGHT), "scale": 1}
        taken = self._ask("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        return base64.b64decode(taken["data"])

    def close(self) -> None:
        """End it, with all its processes: it is asked to, which lets it tidy up, and made to."""
        with suppress(SettingsError, OSError):
            self._call("Browser.close")
            while self._next(time.monotonic() + 5) is not None:
                pass
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._selector.close()
        for descriptor in (self._to, self._from):
            with suppress(OSError):
                os.close(descriptor)
        self._profile.cleanup()

    def _ask(self, method: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._call(method, given, session=self._page)

    def _call(self, method: str, given: dict[str, Any] | None = None, *, session: str | None = None) -> dict[str, Any]:
        self._asked += 1
        message: dict[str, Any] = {"id": self._asked, "method": method, "params": given or {}}
        if session is not None:
            message["sessionId"] = session
        self._say(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + TIMEOUT_S
        while (told := self._next(deadline)) is not None:
            if told.get("id") != self._asked:
                continue
            answer: dict[str, Any] = told.get("result", {})
            reason = told.get("error", {}).get("message") or answer.get("errorText")
            if reason:
                raise SettingsError(f"Chromium took no picture: {reason}", hint=_HINT)
            return answer
        raise SettingsError(f"Chromium did not answer within {TIMEOUT_S} s", hint=_HINT)

    def _say(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._to, data) :]
        except OSError as error:
            raise SettingsError("Chromium ended too early", hint=_HINT) from error

    def _next(self, deadline: float) -> dict[str, Any] | None:
        """Return the next message, None when none came before the deadline."""
        while b"\0" not in self._heard:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                return None
            data = os.read(self._from, 1 << 20)
            if not data:
                raise SettingsError("Chromium ended too early", hint=_HINT)
            self._heard += data
        message, _, self._heard = self._heard.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        if told.get("method") == "Page.lifecycleEvent" and told["params"]["name"] == "load":
            self._loaded.add(told["params"]["loaderId"])
        return told


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe that no child inherits, numbered so that they are in the way of nobody's 3 and 4."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
