"""`lifecycle preview --png`: whole pictures of every mail, and a sheet that shows them."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path

import pytest

from edits import small_sample
from terminal import Terminal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="NO BROWSER: apt-get install chromium"),
]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a project with two of the sample's mails, one of which a further sample breaks."""
    for path, text in small_sample().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    sample = tmp_path / "templates/cart/discount.sample.yaml"
    sample.write_text(sample.read_text(encoding="utf-8") + "samples: {bare: {coupon: {}}}\n", encoding="utf-8")
    return Terminal(tmp_path)


def size(picture: Path) -> tuple[int, int]:
    """Return width and height of a PNG."""
    found: tuple[int, int] = struct.unpack(">II", picture.read_bytes()[16:24])
    return found


def test_every_mail_is_on_a_picture_and_on_the_sheet(terminal: Terminal, tmp_path: Path) -> None:
    """Four of each mail, as wide as they say and as tall as the mail; one that cannot be made has its reason."""
    out = tmp_path / "pictures"
    found = terminal.json("preview", "--png", "--out", str(out))
    assert found["mails"] == [
        "cart-discount.en", "cart-discount.ar", "order-confirmation.en", "order-confirmation.long.en",
        "order-confirmation.ar", "order-confirmation.long.ar",
    ]  # fmt: skip
    assert sorted(found["failed"]) == ["cart-discount.bare.ar", "cart-discount.bare.en"]
    assert re.match(r"templates/.*\.mjml:\d+: .*percent", found["failed"]["cart-discount.bare.en"])
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == found["pictures"] == 6 * 4
    assert all(size(path)[0] == int(path.name.split(".")[-3]) for path in pictures)
    heights = [size(out / f"order-confirmation.{name}.375.light.png")[1] for name in ("ar", "long.ar")]
    assert 600 < heights[0] < heights[1]
    light, dark = ((out / f"cart-discount.ar.700.{scheme}.png").read_bytes() for scheme in ("light", "dark"))
    assert light != dark
    sheet = Path(found["index"]).read_text(encoding="utf-8")
    assert set(re.findall(r'<img[^>]* src="([^"]+)"', sheet)) == {path.name for path in pictures}
    assert "cart-discount.bare.en" in sheet


def test_one_language_is_enough_when_asked(terminal: Terminal) -> None:
    """Into .lifecycle/preview, with words instead of JSON."""
    said = terminal.ok("preview", "--png", "--locale", "ar")
    assert "12 pictures of 3 mails" in said.out
    assert "cart-discount.bare.ar" in said.err
    assert (terminal.folder / ".lifecycle" / "preview" / "index.html").is_file()
