"""Every sample mail in both languages, in Chromium, as wide as a phone and a desktop; pictures: artefacts/mails."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from lifecycle.render.compile import Templates
from lifecycle.render.picture import run_chromium, take_pictures
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.render.source import template_names
from lifecycle.spec.model import Content
from lifecycle.spec.project import load, read_folder

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts" / "mails"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium: apt-get install chromium"),
]

#: asks each mail, in an iframe of either width, what can be seen only once it is laid out
_PROBE = """<!doctype html><meta charset="utf-8"><pre id="out"></pre><script>
const mails = MAILS, out = {};
function look(frame, name, width) {
  const page = frame.contentDocument, wide = page.documentElement.scrollWidth;
  const texts = [...page.querySelectorAll('td > div')].filter(
    one => one.textContent.trim() && !one.querySelector('table'));
  const clipped = [...page.querySelectorAll("a")].filter(one => one.clientWidth > 0
    && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline').length;
  out[name + '@' + width] = {overflow: wide - width, clipped: clipped, dir: page.documentElement.dir,
    aligned: [...new Set(texts.map(one => getComputedStyle(one).textAlign))], title: page.title,
    images: [...page.images].filter(one => !one.hasAttribute('alt')).length};
}
for (const [name, source] of Object.entries(mails)) for (const width of [375, 700]) {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'border:0;height:2000px;width:' + width + 'px'; document.body.append(frame);
  frame.contentDocument.open(); frame.contentDocument.write(source); frame.contentDocument.close();
  look(frame, name, width); frame.remove();
}
document.getElementById('out').textContent = JSON.stringify(out);
</script>"""


@pytest.fixture(scope="module")
def content() -> Content:
    """Return the sample project."""
    found = load(read_folder(ROOT)).content
    assert found is not None
    return found


@pytest.fixture(scope="module")
def mails(content: Content) -> dict[str, str]:
    """Return each sample mail's HTML by template and locale; nothing in them is fetched."""
    templates = Templates(content)
    made = {}
    for name in template_names(content.files):
        for locale in content.project.locales:
            compiled = templates.compile(name, locale)
            page = render(compiled, sample_scope(content, name, compiled.locale), SAMPLE_ADDRESSES).html
            made[f"{name.replace('/', '-')}.{locale}"] = re.sub(r'src="https?:[^"]*"', 'src=""', page)
    return made


@pytest.fixture(scope="module")
def seen(mails: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what Chromium saw of each mail at each width, from one run of it."""
    page = tmp_path_factory.mktemp("probe") / "probe.html"
    literal = json.dumps(mails).replace("</", "<\\/").replace("<!--", "<\\u0021--")
    page.write_text(_PROBE.replace("MAILS", literal), encoding="utf-8")
    dumped = run_chromium(page, "--dump-dom")
    found = re.search(r'<pre id="out">(.*?)</pre>', dumped, re.DOTALL)
    assert found, "the probe did not run"
    read: dict[str, dict[str, Any]] = json.loads(html.unescape(found[1]))
    return read


def test_no_mail_overflows_its_width(seen: dict[str, dict[str, Any]]) -> None:
    """A phone never scrolls sideways."""
    assert {name: one["overflow"] for name, one in seen.items() if one["overflow"] > 0} == {}


def test_no_button_is_clipped(seen: dict[str, dict[str, Any]]) -> None:
    """The whole label is seen, also in the longer language."""
    assert [name for name, one in seen.items() if one["clipped"]] == []


def test_text_is_aligned_to_the_side_its_language_begins(seen: dict[str, dict[str, Any]]) -> None:
    """Right in Arabic, left in English; centred is allowed in both."""
    wrong = {"ar": {"left"}, "en": {"right"}}
    off = {name: one["aligned"] for name, one in seen.items() if wrong[name.split("@")[0][-2:]] & set(one["aligned"])}
    assert off == {}
    assert all((one["dir"] == "rtl") == (".ar@" in name) for name, one in seen.items())


def test_every_mail_has_a_title_and_every_image_its_text(seen: dict[str, dict[str, Any]]) -> None:
    """For those who listen."""
    assert [name for name, one in seen.items() if not one["title"] or one["images"]] == []


def test_pictures_are_taken_of_a_mail_in_both_languages(mails: dict[str, str]) -> None:
    """At 375 and 700 px, into artefacts/, which git ignores; `lifecycle preview --png` takes the others."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for name in ("cart-reminder.ar", "cart-reminder.en"):
        page = ARTEFACTS / f"{name}.html"
        page.write_text(mails[name], encoding="utf-8")
        for picture in take_pictures(page).values():
            assert picture.read_bytes().startswith(b"\x89PNG")
