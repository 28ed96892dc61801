"""Contacts' pages in a real Chromium: pictures are taken, and the layout is measured where it usually breaks."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.base.tokens import Purpose
from lifecycle.store.engine import Store
from website import Website

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to test pages"),
    pytest.mark.parametrize("store", ["sqlite"], indirect=True),
]
PAGES = [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.SURVEY]


@pytest.fixture
def site(store: Store) -> Iterator[Website]:
    """Yield a site with a contact who reads English (1) and one who reads Arabic (2)."""
    with Website(store) as made:
        for key, locale in ((1, "en"), (2, "ar")):
            made.add_contact(key, locale=locale)
            made.add_mail(key, contact=key)
        yield made


def run(folder: Path, *arguments: str) -> str:
    """Run Chromium without a window and return what it prints."""
    command = [
        CHROMIUM or "", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}", *arguments,
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("mail", [1, 2], ids=["en", "ar"])
@pytest.mark.parametrize("purpose", PAGES)
@pytest.mark.parametrize("width", [500, 1000])
def test_a_page_draws_in_its_direction_at_any_width(
    site: Website, tmp_path: Path, mail: int, purpose: Purpose, width: int
) -> None:
    """The picture has the window's width, the card its colour, and the brand's accent is there."""
    picture = tmp_path / "page.png"
    run(tmp_path, f"--window-size={width},900", f"--screenshot={picture}", site.server.url + site.link(purpose, mail))
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (width, 900)
    assert len(data) > 8000  # something is drawn


@pytest.mark.parametrize("mail", [1, 2], ids=["en", "ar"])
@pytest.mark.parametrize("purpose", PAGES)
def test_nothing_of_a_page_is_blocked_by_its_own_policy(
    site: Website, tmp_path: Path, mail: int, purpose: Purpose
) -> None:
    """Chromium reports each style, script or picture that the policy refuses: there is none."""
    log = tmp_path / "log"
    run(tmp_path, "--enable-logging", f"--log-file={log}", "--dump-dom", site.server.url + site.link(purpose, mail))
    said = log.read_text(errors="replace") if log.exists() else ""
    assert not re.search(r"Content Security Policy|Refused to", said), said
