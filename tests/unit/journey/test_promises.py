"""Random campaigns, lives, edits, pauses and downtimes: the promises hold in all of them.

LIFECYCLE_LIVES says how many lives are lived; the gate lives a few, `make torture` thousands.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

from journey_lives import Act, Life, Rules, acts, campaign_texts, rules
from lifecycle.base.clock import ManualClock
from lifecycle.store.engine import Store

LIVES = int(os.environ.get("LIFECYCLE_LIVES", "25"))

#: Without `explain`, which traces every line and takes minutes for lives of this length.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)

_starts = st.sampled_from(["2026-11-01T09:00", "2026-10-23T20:30", "2026-03-28T23:10", "2026-12-31T21:59"])


@settings(max_examples=LIVES, phases=PHASES)
@given(
    policies=rules,
    versions=st.lists(st.tuples(campaign_texts("one"), campaign_texts("two")), min_size=1, max_size=2),
    life=acts,
    start=_starts,
)
def test_no_life_breaks_a_promise(
    policies: Rules, versions: Sequence[Sequence[str]], life: list[Act], start: str
) -> None:
    """At most once; never after exit, goal, withdrawal, erasure; caps, quiet hours and deadlines; all comes to rest."""
    with tempfile.TemporaryDirectory(prefix="lifecycle-lives-") as folder:
        store = Store(f"sqlite:///{folder}/life.db")
        try:
            SQLModel.metadata.create_all(store.engine)
            clock = ManualClock(datetime.fromisoformat(start).replace(tzinfo=UTC))
            lived = Life(store, clock, policies, versions)
            for act in life:
                lived.act(*act)
            lived.finish()
            lived.check()
        finally:
            store.close()
