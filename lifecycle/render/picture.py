"""Pictures of a page, taken by Chromium: at the width of a phone and of a desktop."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from lifecycle.base.errors import SettingsError
from lifecycle.render.chromium import FLAGS, TIMEOUT_S, Chromium, find_chromium

#: widths in px
WIDTHS = (375, 700)


def run_chromium(page: Path, *arguments: str) -> str:
    """Run Chromium on a local page with a profile of its own, and return what it prints. Raises SettingsError."""
    chromium = find_chromium()
    with tempfile.TemporaryDirectory(prefix="lifecycle-chromium-", ignore_cleanup_errors=True) as profile:
        call = [chromium, *FLAGS, f"--user-data-dir={profile}", *arguments, page.resolve().as_uri()]
        try:
            done = subprocess.run(call, capture_output=True, timeout=TIMEOUT_S, check=True)  # noqa: S603 - our own arguments
        except (subprocess.SubprocessError, OSError) as error:
            raise SettingsError(f"Chromium took no picture: {error}", hint="try again, or leave --png out") from error
    return done.stdout.decode(errors="replace")


def take_pictures(page: Path, height: int = 320) -> dict[str, Path]:
    """Write page.375.png and page.700.png beside the page and return their paths by `png375`, `png700`.

    Each shows the whole page, and at least `height` px.
    """
    paths = {}
    with Chromium() as browser:
        browser.open(page)
        for width in WIDTHS:
            target = page.with_suffix(f".{width}.png").resolve()
            target.write_bytes(browser.picture(width, height=height))
            paths[f"png{width}"] = target
    return paths
