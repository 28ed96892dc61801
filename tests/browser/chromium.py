"""One Chromium for many pages, over the DevTools protocol on a pipe: no port, no driver, no further package.

Source: chromedevtools.github.io/devtools-protocol; --remote-debugging-pipe reads JSON on descriptor 3 and answers on 4,
each message closed by a NUL.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--remote-debugging-pipe",
)  # fmt: skip
ANSWER_S = 60.0


def find_chromium() -> str | None:
    """Return the path of Chromium, None when there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Chromium:
    """A browser with one page, whose width and colour scheme are set; it fetches nothing from the network."""

    def __enter__(self) -> Self:
        """Start it."""
        self._profile = tempfile.mkdtemp(prefix="lifecycle-chromium-")
        (its_in, self._out), (self._in, its_out) = os.pipe(), os.pipe()
        # bash moves them to 3 and 4 without being in the way of them
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 30) for one in (its_in, its_out)]
        call = ["bash", "-c", f'exec "$@" 3<&{high[0]} 4>&{high[1]}', "chromium", find_chromium() or "", *_FLAGS]
        self._process = subprocess.Popen(
            [*call, f"--user-data-dir={self._profile}", "about:blank"],
            pass_fds=high, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for one in (its_in, its_out, *high):
            os.close(one)
        self._number, self._read, self._session = 0, b"", ""
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in pages if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._frame = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self.call("Network.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, and leave nothing behind."""
        for one in (self._out, self._in):
            os.close(one)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to one command. Raises RuntimeError with what Chromium says against it."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                found: dict[str, Any] = answer["result"]
                return found

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._in], [], [], ANSWER_S)
            part = os.read(self._in, 1 << 20) if ready else b""
            if not part:
                raise RuntimeError("Chromium does not answer")
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def view(self, width: int, *, dark: bool) -> None:
        """Look from now on at pages of this width in px, as a reader does who chose this appearance."""
        # low, so that every mail is longer: a shorter one from right to left would be drawn beside its picture
        size = {"width": width, "height": 320, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def show(self, page: str) -> None:
        """Show the page's HTML."""
        self.call("Page.setDocumentContent", frameId=self._frame, html=page)

    def ask(self, script: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise. Raises RuntimeError with its exception."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]["exception"].get("description")))
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG, however long it is; other processes see all of it or nothing."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        made = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(base64.b64decode(made["data"]))
        draft.replace(path)
