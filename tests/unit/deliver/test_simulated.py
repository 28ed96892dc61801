"""Delivery in simulated worlds, a seed each: whatever is drawn to go wrong, the invariant holds.

LIFECYCLE_SEEDS says how many worlds are lived, LIFECYCLE_SEED=n lives one again and prints what happened in it.
"""

from __future__ import annotations

import os

import pytest
from simulated import live

ONLY = os.environ.get("LIFECYCLE_SEED")
SEEDS = int(os.environ.get("LIFECYCLE_SEEDS", "200"))
#: Worlds in one test, so that test processes share them out.
CHUNK = 20


@pytest.mark.parametrize("first", [int(ONLY)] if ONLY else range(0, SEEDS, CHUNK))
def test_invariant_holds_in_each_world(first: int) -> None:
    """Each row once, and told truly, whoever died, slept, lost the database or changed their mind meanwhile."""
    for seed in range(first, first + 1 if ONLY else min(first + CHUNK, SEEDS)):
        world = live(seed)
        if world.wrong:
            pytest.fail(world.story(), pytrace=False)
        if ONLY:
            print(world.story())


def test_same_seed_is_the_same_world() -> None:
    """What happened, in order, to the millisecond: a seed that fails can be lived again."""
    first, again = live(7), live(7)
    assert len(first.trace) > 100
    assert first.trace == again.trace
    assert first.log.mails == again.log.mails
