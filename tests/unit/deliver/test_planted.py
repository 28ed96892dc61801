"""The proof of the harness: defects that are put into the engine on purpose are seen, each by what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import planted
import pytest
from simulated import live

#: Worlds in which a planted defect must have shown.
ENOUGH = 150
#: Some show seldom: they are looked for from a world on in which they did, and in as many as the others.
FIRST = {planted.unknown_is_retried: 46, planted.limit_not_written: 15}


def caught(plant: Callable[[], Any], *breaks: str) -> int:
    """Return how many worlds it took until the defect broke one of those invariants; fails when it never did."""
    others: list[str] = []
    first = FIRST.get(plant, 0)
    for seed in range(first, first + ENOUGH):
        with plant():
            wrong = live(seed).wrong
        seen = [one for one in wrong if one.partition(":")[0] in breaks]
        if seen:
            print(f"{plant.__name__}: seen in world {seed}: {seen[0]}")
            return seed + 1 - first
        others += wrong
    raise AssertionError(f"{plant.__name__} was never seen to break {breaks}, only {others[:5]}")


def test_the_harness_catches_a_checkpoint_at_fetch() -> None:
    """A mail that counts as sent before it is sent is lost with its worker."""
    assert caught(planted.checkpoint_at_fetch, "lost") <= ENOUGH


def test_the_harness_catches_a_missing_fence() -> None:
    """A worker that slept past its lease writes over what others did: sent twice, or after a cancel, or never over."""
    assert caught(planted.missing_fence, "twice", "objection", "open") <= ENOUGH


@pytest.mark.parametrize("plant", list(planted.PLANTED)[2:], ids=lambda plant: plant.__name__)
def test_the_harness_catches(plant: Callable[[], Any]) -> None:
    """Each of the others, too."""
    assert caught(plant, planted.PLANTED[plant]) <= ENOUGH
