"""Every sample mail in both languages in Chromium, as wide as a phone and a desktop, light and dark.

The pictures are build artefacts, for looking at: artefacts/mails/MAIL.LOCALE.WIDTH.light|dark.png.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from chromium import Chromium, find_chromium
from views import VIEWS, look

from lifecycle.render.compile import Templates
from lifecycle.render.picture import take_pictures
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.render.source import template_names
from lifecycle.spec.project import load, read_folder

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts" / "mails"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="NO BROWSER: apt-get install chromium to test mails"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """Yield one browser for all mails of this process."""
    with Chromium() as started:
        yield started


@cache
def templates() -> Templates:
    """Return the sample project's templates."""
    found = load(read_folder(ROOT)).content
    assert found is not None
    return Templates(found)


@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("name", template_names(read_folder(ROOT)))
def test_mail_reads_well_on_phone_and_desktop_in_light_and_dark(browser: Chromium, name: str, locale: str) -> None:
    """views.py says what is asked; nothing is fetched, so images are off. Four pictures show the whole mail."""
    content = templates().content
    compiled = templates().compile(name, locale)
    assert compiled.locale == locale
    page = render(compiled, sample_scope(content, name, locale), SAMPLE_ADDRESSES).html
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    picture = ARTEFACTS / f"{name.replace('/', '-')}.{locale}"
    assert list(look(browser, page, picture)) == []
    for view in VIEWS:
        data = picture.with_name(f"{picture.name}.{view}.png").read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", data[16:24])
        assert width == view.width
        assert height > 400
    assert browser.ask(f"document.documentElement.lang === '{locale}'")


def test_preview_takes_pictures_at_both_widths(tmp_path: Path) -> None:
    """`lifecycle preview --png` has no driver: it starts Chromium once for each."""
    page = tmp_path / "mail.html"
    page.write_text("<!doctype html><title>A mail</title><p>Hello", encoding="utf-8")
    for name, picture in take_pictures(page, height=300).items():
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert f"png{struct.unpack('>I', data[16:20])[0]}" == name
