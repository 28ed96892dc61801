"""Charts: bars and sparklines for the terminal, geometry of the same for the page's SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Eighths of a character cell, empty to full.
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


def bar(value: float, most: float, width: int = 28) -> str:
    """Return a horizontal bar of up to `width` cells, to an eighth of a cell; "" for nothing."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(min(value / most, 1.0) * width * 8))
    full, rest = divmod(eighths, 8)
    return _EIGHTHS[8] * full + (_EIGHTHS[rest] if rest else "")


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Return one character for each value, its height the value's; more than `width` values are summed in runs."""
    folded = fold(values, width)
    most = max(folded, default=0)
    if most <= 0:
        return _LEVELS[0] * len(folded)
    return "".join(_LEVELS[min(7, int(max(value, 0) / most * 7.999))] for value in folded)


def fold(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` values: the sums of equal runs of the given ones (the last run may be shorter)."""
    run = max(1, -(-len(values) // width))
    return [sum(values[start : start + run]) for start in range(0, len(values), run)]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the page: its label, its value as written, and its length in percent of the longest."""

    label: str
    text: str
    percent: float


def bars(points: Sequence[tuple[str, float]], texts: Sequence[str]) -> list[Bar]:
    """Return the geometry of horizontal bars."""
    most = max((value for _, value in points), default=0)
    return [
        Bar(label, text, round(max(value, 0) / most * 100, 2) if most > 0 else 0.0)
        for (label, value), text in zip(points, texts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """A line chart: SVG paths of the line and of the area below it, and grid lines as (y, value)."""

    path: str
    area: str
    grid: list[tuple[float, float]]
    most: float


def line(values: Sequence[float], width: float, height: float) -> Line:
    """Return the geometry of a line over `values`, the origin at the top left and zero at the bottom."""
    most = ceiling(max(values, default=0))
    step = width / max(1, len(values) - 1)
    corners = [(round(index * step, 2), round(height - value / most * height, 2)) for index, value in enumerate(values)]
    if len(corners) == 1:
        corners.append((width, corners[0][1]))
    path = "M" + " L".join(f"{x:g},{y:g}" for x, y in corners) if corners else ""
    area = f"{path} L{corners[-1][0]:g},{height:g} L0,{height:g} Z" if corners else ""
    return Line(path, area, [(height * part, most * (1 - part)) for part in (0.0, 0.5, 1.0)], most)


def ceiling(value: float) -> float:
    """Return the least of 2, 4, 10, 20, 40, 100, … that is not below `value`: its half is whole, as grids want."""
    scale = 1.0
    while True:
        for step in (2, 4, 10):
            if value <= step * scale:
                return step * scale
        scale *= 10
