"""Pictures of a mail at the widths of a phone and of a desktop, by Debian's Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from lifecycle.base.errors import SettingsError

#: widths in px
WIDTHS = (375, 700)
TIMEOUT_S = 60
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
)  # fmt: skip


def find_chromium() -> str:
    """Return the path of Chromium. Raises SettingsError when there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise SettingsError(
            "there is no Chromium to take pictures with", hint="apt-get install chromium, or leave --png out"
        )
    return found


def run_chromium(page: Path, *arguments: str) -> str:
    """Run Chromium on a local page with a profile of its own, and return what it prints. Raises SettingsError."""
    chromium = find_chromium()
    with tempfile.TemporaryDirectory(prefix="lifecycle-chromium-", ignore_cleanup_errors=True) as profile:
        call = [chromium, *_FLAGS, f"--user-data-dir={profile}", *arguments, page.resolve().as_uri()]
        try:
            done = subprocess.run(call, capture_output=True, timeout=TIMEOUT_S, check=True)  # noqa: S603 - our own arguments
        except (subprocess.SubprocessError, OSError) as error:
            raise SettingsError(f"Chromium took no picture: {error}", hint="try again, or leave --png out") from error
    return done.stdout.decode(errors="replace")


def take_pictures(page: Path, height: int = 1600) -> dict[str, Path]:
    """Write page.375.png and page.700.png beside the page and return their paths by `png375`, `png700`."""
    paths = {}
    for width in WIDTHS:
        target = page.with_suffix(f".{width}.png").resolve()
        run_chromium(page, f"--screenshot={target}", f"--window-size={width},{height}")
        if not target.is_file():
            raise SettingsError("Chromium took no picture", hint="try again, or leave --png out")
        paths[f"png{width}"] = target
    return paths
