"""The Chromium of `preview`, as tests use it: it shows HTML that it is given, is asked things, and fetches nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from lifecycle.render import chromium


def find_chromium() -> str | None:
    """Return the path of Chromium, None when there is none."""
    return next((path for name in chromium.NAMES if (path := shutil.which(name))), None)


class Chromium(chromium.Chromium):
    """A browser with one page, whose width and colour scheme are set; it fetches nothing from the network."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = self._ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._ask("Network.enable")
        nothing = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self._ask("Network.emulateNetworkConditions", nothing)

    def show(self, page: str) -> None:
        """Show the page's HTML."""
        self._ask("Page.setDocumentContent", {"frameId": self._frame, "html": page})

    def ask(self, script: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise. Raises RuntimeError with its exception."""
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self._ask("Runtime.evaluate", given)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]["exception"].get("description")))
        return answer["result"].get("value")

    def keep(self, path: Path, width: int, *, dark: bool) -> None:
        """Write the whole page as a PNG, however long it is; other processes see all of it or nothing."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(self.picture(width, dark=dark))
        draft.replace(path)
