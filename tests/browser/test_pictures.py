"""Pictures by one Chromium: the whole page, at both widths, dark and light, and nothing left running."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from lifecycle.base.errors import SettingsError
from lifecycle.render.appearance import in_appearance
from lifecycle.render.chromium import Chromium
from lifecycle.render.compile import Templates
from lifecycle.render.picture import take_pictures
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.spec.project import load
from shop import sample_files

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium: apt-get install chromium"),
]
PAGE = """<!doctype html><meta name="color-scheme" content="light dark"><style>
body{margin:0;background:#fff}
div{height:2345px} @media (max-width:480px){div{height:3456px}}
@media (prefers-color-scheme:dark){body{background:#000}}
</style><div></div>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Return a page that is taller on a phone, and black in the dark."""
    made = tmp_path / "page.html"
    made.write_text(PAGE, encoding="utf-8")
    return made


def size(picture: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    found: tuple[int, int] = struct.unpack(">II", picture[16:24])
    return found


def words(path: Path) -> str:
    """Return a process's command line, "" for one that is gone or only waits to be counted."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_the_whole_page_is_in_the_picture(page: Path) -> None:
    """Its height is measured at each width, so that nothing is cut off and nothing is added."""
    taken = take_pictures(page)
    assert {name: size(path.read_bytes()) for name, path in taken.items()} == {
        "png375": (375, 3456), "png700": (700, 2345),
    }  # fmt: skip


def test_one_run_takes_dark_and_light_of_several_pages(page: Path, tmp_path: Path) -> None:
    """The same page again is the same picture; dark is another one; the next page is another page."""
    other = tmp_path / "other.html"
    other.write_text("<!doctype html><p style='margin:0;height:500px'>Hi", encoding="utf-8")
    with Chromium() as browser:
        browser.open(page)
        light, dark, again = (browser.picture(375, dark=scheme) for scheme in (False, True, False))
        browser.open(other)
        assert size(browser.picture(700))[0] == 700
        assert size(browser.picture(700)) != size(light)
    assert light == again
    assert light != dark


def test_nothing_of_it_is_left_running(page: Path) -> None:
    """Its processes and its profile are gone, also after a page that is not there."""
    browser = Chromium()
    with pytest.raises(SettingsError, match="took no picture"):
        browser.open(page.with_name("missing.html"))
    browser.close()
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if browser._profile.name in words(path)] == []
    assert not Path(browser._profile.name).exists()


def test_a_page_made_dark_is_drawn_as_a_browser_in_the_dark_draws_it(tmp_path: Path) -> None:
    """`in_appearance` answers as Chromium does, for a mail of the sample in both languages."""
    content = load({**sample_files()}).content
    assert content is not None
    templates = Templates(content)
    with Chromium() as browser:
        for locale in ("en", "ar"):
            compiled = templates.compile("cart/reminder", locale)
            mail = render(compiled, sample_scope(content, "cart/reminder", locale), SAMPLE_ADDRESSES).html
            made = tmp_path / f"{locale}.html"
            made.write_text(mail, encoding="utf-8")
            browser.open(made)
            asked = {dark: browser.picture(375, dark=dark) for dark in (False, True)}
            for dark in (False, True):
                made.write_text(in_appearance(mail, dark=dark), encoding="utf-8")
                browser.open(made)
                assert browser.picture(375, dark=not dark) == asked[dark]
