"""Real processes among real servers, killed at random: each mail once, and the ledger tells the truth.

LIFECYCLE_KILLS says how many kills there are, in campaigns of a seed each; LIFECYCLE_CAMPAIGN=n draws one seed's again.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from invariant import ledger
from torture import Campaign

KILLS = int(os.environ.get("LIFECYCLE_KILLS", "10"))
ONLY = os.environ.get("LIFECYCLE_CAMPAIGN")
#: Kills in one campaign.
MOST = 25


@pytest.mark.parametrize("seed", [int(ONLY)] if ONLY else range((KILLS + MOST - 1) // MOST))
def test_invariant_holds_after_kills(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Workers, schedulers, the broker and the database die in mid-campaign; nothing comes twice, nothing is lost."""
    kills = min(MOST, KILLS if ONLY else KILLS - seed * MOST)
    with Campaign(seed, kills, tmp_path) as campaign:
        wrong = campaign.run()
        rows = ledger(campaign.store)
    states = Counter(f"{row.state}/{row.reason}" if row.reason else row.state for row in rows)
    with capsys.disabled():
        print(f"\nseed {seed}: {len(wrong)} violations, {dict(campaign.happened)}, {dict(states)}")
    if wrong:
        said = (tmp_path / "processes.log").read_text()[-20_000:]
        pytest.fail("\n".join([f"seed {seed}", *wrong, *map(str, rows), said]), pytrace=False)
