"""Read hostile YAML, against PyYAML's own scanner on the same bytes.

    python benchmarks/hostile.py

Each input of tests/unit/spec/test_source.py is loaded as a segment and as a project, diagnostics and frames included.
Prints processor seconds and their ratio to a bare `yaml.parse` with libyaml; at most a second each is asked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "unit" / "spec"))

from test_source import HOSTILE, PROJECT  # the inputs stand with the test that counts calls

from lifecycle.spec.diagnostics import as_text
from lifecycle.spec.project import load

AT_MOST_S = 1.0


def read(files: Mapping[str, str]) -> float:
    began = time.process_time()
    for found in load(files).diagnostics:
        as_text(found, files)
    return time.process_time() - began


def bare(text: str) -> float:
    began = time.process_time()
    try:
        for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
    except (yaml.YAMLError, UnicodeError, RecursionError):
        pass
    return time.process_time() - began


def main() -> None:
    print(f"{'input':24} {'segment':>9} {'project':>9} {'yaml.parse':>11} {'ratio':>7}")
    worst = 0.0
    for name, text in HOSTILE.items():
        segment = read({"lifecycle.yaml": PROJECT, "segments/x.yaml": text})
        project = read({"lifecycle.yaml": text})
        alone = bare(text)
        worst = max(worst, segment, project)
        print(
            f"{name:24} {segment:8.3f}s {project:8.3f}s {alone:10.3f}s {max(segment, project) / max(alone, 1e-6):6.1f}×"
        )
    print(f"slowest {worst:.2f} s; asked for: at most {AT_MOST_S:.0f} s")


if __name__ == "__main__":
    main()
