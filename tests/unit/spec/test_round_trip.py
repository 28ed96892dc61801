"""What the language can express, it can also say: a model dumped as YAML and loaded again is equal."""

from __future__ import annotations

from typing import Any

import pytest
import strategies
from hypothesis import HealthCheck, Phase, given, settings

from lifecycle.spec.decode import Reading
from lifecycle.spec.decode_campaign import campaign, segment
from lifecycle.spec.decode_project import project
from lifecycle.spec.diagnostics import as_text
from lifecycle.spec.dump import as_yaml, campaign_data, project_data, segment_data
from lifecycle.spec.model import Campaign, Project, Segment
from lifecycle.spec.source import read

# the strategies are as large as the language; Hypothesis may write them out for a note that nobody reads
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

#: campaigns are large values; that is the point
_LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

#: a failure shows its YAML at once; making it smaller would take minutes
_PHASES = [Phase.explicit, Phase.generate]


def _loaded(decode: Any, text: str) -> Any:
    node, found = read("x.yaml", text)
    assert not [each for each in found if each.is_error], text
    assert node is not None
    reading = Reading(locales=strategies.LOCALES)
    try:
        return decode(node, reading)
    except Exception as error:
        frames = "\n".join(as_text(each, {"x.yaml": text}) for each in reading.found)
        raise AssertionError(f"{error!r}\n{frames}") from error


@settings(max_examples=80, suppress_health_check=_LARGE, phases=_PHASES)
@given(strategies.segments)
def test_any_segment_survives_being_written_and_read(made: Segment) -> None:
    """Every leaf and every test, nested."""
    assert _loaded(segment, as_yaml(segment_data(made))) == made


@settings(max_examples=40, suppress_health_check=_LARGE, phases=_PHASES)
@given(strategies.campaigns)
def test_any_campaign_survives_being_written_and_read(made: Campaign) -> None:
    """Every trigger, every step, every key."""
    assert _loaded(campaign, as_yaml(campaign_data(made))) == made


@settings(max_examples=25, suppress_health_check=_LARGE, phases=_PHASES)
@given(strategies.projects)
def test_any_project_survives_being_written_and_read(made: Project) -> None:
    """Every key of lifecycle.yaml."""
    assert _loaded(project, as_yaml(project_data(made))) == made
