"""`lifecycle test`."""

from __future__ import annotations

import click

from lifecycle.cli.output import console, emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session


@click.command(epilog="Examples:  lifecycle test  ·  lifecycle test tests/journeys/cart-emptied.yaml")
@click.argument("paths", nargs=-1, metavar="[FILES]")
@json_option
@pass_session
def command(session: Session, paths: tuple[str, ...]) -> int:
    """Run the journey tests.

    Each of tests/journeys/*.yaml says what a contact does and which mails must come of it; they run on a virtual clock,
    with the engine that sends in earnest. Exit 1 when one fails.
    """
    from pathlib import Path

    from lifecycle.base.errors import ContentError, UsageError
    from lifecycle.plan.journey_tests import run_tests
    from lifecycle.spec.journey_tests import load_journey_tests
    from lifecycle.spec.project import read_folder

    content = session.files()
    files = read_folder(session.folder)
    tests, diagnostics = load_journey_tests(files, content)
    errors = [found for found in diagnostics if found.is_error]
    if errors:
        raise ContentError("the journey tests have errors", diagnostics=errors, files=files)
    if paths:
        wanted = {Path(path).as_posix().removeprefix("./") for path in paths}
        tests = tuple(test for test in tests if test.path in wanted)
        if missing := wanted - {test.path for test in tests}:
            raise UsageError(f"no journey test in {min(missing)}", hint="they are tests/journeys/*.yaml")
    results = run_tests(tests, content)
    failed = [result for result in results if not result.passed]
    if session.json:
        emit_json(
            [
                {"test": one.test.test, "file": one.test.path, "campaign": one.test.campaign, "passed": one.passed,
                 "diff": one.diff}
                for one in results
            ]
        )  # fmt: skip
        return 1 if failed else 0
    out = console()
    for one in results:
        mark = "[green]✓[/]" if one.passed else "[red]✗[/]"
        out.print(f"{mark} {one.test.test}  [dim]{one.test.path}[/]", soft_wrap=True)
        if not one.passed:
            out.print("\n".join(f"    {line}" for line in one.diff), markup=False)
    note(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
