"""All that is wrong with a project, in one run: what `check` prints and what keeps a version from being applied."""

from __future__ import annotations

from collections.abc import Mapping

from lifecycle.render.check import check_templates
from lifecycle.render.check_cache import CheckCache
from lifecycle.spec.diagnostics import Diagnostic, in_order
from lifecycle.spec.journey_tests import load_journey_tests
from lifecycle.spec.project import Loaded, load


def diagnose(files: Mapping[str, str], cache: CheckCache | None = None) -> list[Diagnostic]:
    """Return all that is wrong with a project: its YAML, its meaning, its journey tests, its templates and catalogs.

    Templates take nearly all of the time; with a `cache`, only those are checked again that read what has changed.
    """
    return diagnose_loaded(files, load(files), cache)


def diagnose_loaded(files: Mapping[str, str], loaded: Loaded, cache: CheckCache | None = None) -> list[Diagnostic]:
    """Return the same, of files that have been loaded already."""
    found = list(loaded.diagnostics)
    if loaded.partial is not None:  # templates are checked against what is sound, so that one run finds everything
        found += load_journey_tests(files, loaded.partial, loaded.declared)[1]
        told = {each.place for each in loaded.errors}  # a send without its template is one mistake, not two
        found += [each for each in check_templates(loaded.partial, cache) if each.place not in told]
    return in_order(found)
