"""`check` as the suite runs it: whole, but templates that a fault does not touch are looked at once a process.

A campaign that does not read takes what it sends out of every campaign's hands, so there is one memory of the checked
templates for each set of campaigns that read. Likewise no text is read twice: the same text is the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache
from unittest.mock import patch

from lifecycle.plan.diagnose import diagnose, diagnose_loaded
from lifecycle.render.check_cache import CheckCache, Kept
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.journey_tests import load_journey_tests
from lifecycle.spec.place import Place
from lifecycle.spec.project import load
from lifecycle.spec.source import read
from shop import sample_files

_READERS = (
    "lifecycle.spec.project",
    "lifecycle.spec.journey_tests",
    "lifecycle.spec.source",
    "lifecycle.render.sample_file",
)
_read = lru_cache(maxsize=2000)(read)
_KEPT: dict[frozenset[str], Kept] = {}


@cache
def _of_the_sample() -> Kept:
    memory = CheckCache()
    diagnose(sample_files(), memory)
    return memory.recall()


def check(files: Mapping[str, str]) -> list[Diagnostic]:
    """Return what `check` reports of a project that is nearly the sample."""
    with _reading_once():
        return _check(files)


def check_yaml(files: Mapping[str, str]) -> list[Diagnostic]:
    """Return what `check` reports of the YAML files of a project that is nearly the sample; templates are left out."""
    with _reading_once():
        loaded = load(files)
        journeys = load_journey_tests(files, loaded.partial, loaded.declared)[1] if loaded.partial is not None else []
        return [*loaded.diagnostics, *journeys]


@contextmanager
def _reading_once() -> Iterator[None]:
    with ExitStack() as stack:
        for module in _READERS:
            stack.enter_context(patch(f"{module}.read", _read))
        yield


def _check(files: Mapping[str, str]) -> list[Diagnostic]:
    loaded = load(files)
    if loaded.partial is None:
        return diagnose_loaded(files, loaded)  # without lifecycle.yaml no template is looked at
    sound = frozenset(loaded.partial.campaigns)
    memory = CheckCache()
    memory.keep(_KEPT.get(sound) or _of_the_sample())
    found = diagnose_loaded(files, loaded, memory)
    _KEPT.setdefault(sound, memory.recall())
    return found


def told(found: list[Diagnostic]) -> list[tuple[str, Place]]:
    """Return codes and places, in an order of their own."""
    return sorted(((each.code, each.place) for each in found), key=str)
