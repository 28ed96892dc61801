"""Check a project of 2,000 files: from nothing, again, and after one text was edited.

    python benchmarks/check.py [--files 2000] [--copies 20]

The project is the sample, several times over: hundreds of templates in two locales with their samples, one catalog for
each locale, hundreds of campaigns and segments. Prints seconds of `lifecycle check`, the start of its process included,
beside what `yaml.CSafeLoader` takes to parse the same YAML and look at nothing. A warm check in at most 5 s.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from lifecycle.spec.project import read_folder

AT_MOST_S = 5.0
SHARED = ("templates/layouts/", "templates/partials/")


def project(sample: dict[str, str], count: int, copies: int) -> Iterator[tuple[str, str]]:
    """Yield paths and texts: every template `copies` times, then campaigns and segments until there are `count`."""
    made = 0
    for path, text in sample.items():
        indented = re.sub(r"^(?=.)", "  ", text, flags=re.MULTILINE)
        again = range(copies) if path.startswith("locales/") else ()
        made += 1
        yield path, text + "".join(f"s{copy}:\n{indented}" for copy in again)
    for copy in range(copies):
        for path, text in sample.items():
            if path.startswith("templates/") and not path.startswith(SHARED):
                made += 1
                yield path.replace("/", f"/s{copy}/", 1), text.replace("t('", f"t('s{copy}.")
    turns = [path for path in sample if path.startswith(("campaigns/", "segments/"))]
    for number in range(count - made):
        copy, path = number // len(turns), turns[number % len(turns)]
        kind, name = path.split("/")[0].removesuffix("s"), Path(path).stem
        text = sample[path].replace(f"{kind}: {name}\n", f"{kind}: {name}-{copy}\n", 1)
        text = re.sub(r"(- send: |\{send: )", rf"\1s{copy % copies}/", text)
        yield f"{kind}s/{name}-{copy}.yaml", text


def check(folder: Path) -> tuple[float, float, str]:
    """Return seconds by the clock and of CPU that `lifecycle check` takes, and its last line."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "lifecycle", "-C", str(folder), "check"], capture_output=True, text=True, check=False
    )
    took, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in {0, 3}, done.stderr
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu, (done.stderr.strip().splitlines() or [""])[-1]


def parse_all(folder: Path) -> float:
    """Return the seconds that libyaml takes for every YAML file."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.yaml"))]
    start = time.perf_counter()
    for text in texts:
        yaml.load(text, Loader=yaml.CSafeLoader)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--copies", type=int, default=20)
    arguments = parser.parse_args()
    sample = {
        path: text
        for path, text in read_folder(Path(__file__).resolve().parent.parent).items()
        if not path.startswith("tests/")
    }
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for path, text in project(sample, arguments.files, arguments.copies):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        baseline = parse_all(folder)
        print(f"CSafeLoader alone        {baseline:6.2f} s")
        cold, cold_cpu, said = check(folder)
        print(f"cold                     {cold:6.2f} s, {cold_cpu:6.2f} s of CPU   {said}")
        warm, warm_cpu, again = check(folder)
        print(f"warm                     {warm:6.2f} s, {warm_cpu:6.2f} s of CPU   {again}")
        assert again == said, "the warm check says something else"
        catalog = folder / "locales/en.yaml"
        catalog.write_text(catalog.read_text(encoding="utf-8").replace("Unsubscribe", "Leave", 1), encoding="utf-8")
        edited, edited_cpu, _ = check(folder)
        print(f"after a text of all      {edited:6.2f} s, {edited_cpu:6.2f} s of CPU")
        campaign = folder / "campaigns/welcome.yaml"
        campaign.write_text(f"# a remark\n{campaign.read_text(encoding='utf-8')}", encoding="utf-8")
        edited, edited_cpu, _ = check(folder)
        print(f"after one campaign       {edited:6.2f} s, {edited_cpu:6.2f} s of CPU")
        size = (folder / ".lifecycle/check.json").stat().st_size
    print(f"cold / warm {cold / warm:.1f}x, warm / CSafeLoader {warm / baseline:.1f}x, the cache {size / 1e6:.1f} MB")
    print(f"warm in {warm:.2f} s, at most {AT_MOST_S:.0f} s")
    sys.exit(0 if warm <= AT_MOST_S else 1)


if __name__ == "__main__":
    main()
