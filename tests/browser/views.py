"""How a mail is looked at: on a phone and a desktop, light and dark; and what is found fault with there.

A fault is a line `check: what "text"`, by the view that it was seen in. The checks and their limits:

overflow, clipped  nothing scrolls sideways, no label is cut off
alignment          no paragraph is aligned against its language; centred is allowed
contrast           of each text with what is behind it, as it is drawn. Source: WCAG 2.2, 1.4.3
dark               who chose a dark appearance gets a mail that is mostly dark
inversion          the same where a client makes a dark mail of the light one, whatever it says: Outlook.com inverts
                   light grounds and dark text, Gmail on iOS everything. Their ways are not published and change;
                   inverting the lightness of HSL is near enough to find what vanishes, hence the lower limit
target             height of links that are buttons or stand alone, on a phone. Those in running text are exempt, as in
                   WCAG 2.2, 2.5.8; 44 px are of 2.5.5, and 24 px the least width (2.5.8)
size               of each text on a phone, footers too
label, alt         what a link leads to is said with images off
order, isolation   names, codes and prices in Arabic are drawn from left to right, and a full stop behind stays there
lang, dir, title   for those who listen
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chromium import Chromium

PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
CONTRAST, CONTRAST_LARGE, CONTRAST_INVERTED = 4.5, 3.0, 3.0
TARGET_PX, TEXT_PX = 44, 14


@dataclass(frozen=True, slots=True)
class View:
    """A width in px, and light or dark."""

    width: int
    dark: bool

    def __str__(self) -> str:
        """Return its name in the names of pictures."""
        return f"{self.width}.{'dark' if self.dark else 'light'}"

    def limits(self) -> dict[str, float | bool]:
        """Return what probe.js holds the page against; 0 is not asked for."""
        phone = self.width < 480
        return {
            "width": self.width, "dark": self.dark, "contrast": CONTRAST, "contrastLarge": CONTRAST_LARGE,
            "contrastInverted": CONTRAST_INVERTED, "target": TARGET_PX if phone else 0,
            "textSize": TEXT_PX if phone else 0,
        }  # fmt: skip


VIEWS = tuple(View(width, dark) for width in (375, 700) for dark in (False, True))


def look(browser: Chromium, page: str, picture: Path | None = None) -> Iterator[str]:
    """Yield the faults of a page in all views, `375.dark contrast: …`; pictures are written beside `picture`."""
    for view in VIEWS:
        browser.view(view.width, dark=view.dark)
        browser.show(page)
        for fault in browser.ask(f"({PROBE})({json.dumps(view.limits())})"):
            yield f"{view} {fault}"
        if picture is not None:
            browser.keep(picture.with_name(f"{picture.name}.{view}.png"), view.width, dark=view.dark)
