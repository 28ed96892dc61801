"""`lifecycle schema`."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.base.errors import UsageError
from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session


@click.command(epilog="Examples:  lifecycle schema --out schemas  ·  lifecycle schema | jq .campaign")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write NAME.schema.json files there.")
@json_option
@pass_session
def command(session: Session, out: Path | None) -> None:
    """Write the JSON Schemas for editors.

    One for each kind of file: project, segment, campaign, journey. Editors with yaml-language-server find them by the
    first line of a file, `# yaml-language-server: $schema=../schemas/campaign.schema.json`, and then complete, explain
    and underline while you type. Without --out they are printed as one JSON document by name.
    """
    from lifecycle.spec.schema import as_json, schemas

    made = schemas()
    if out is None:
        emit_json(made)
        return
    folder = out if out.is_absolute() else session.folder / out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in made.items():
            (folder / f"{name}.schema.json").write_text(as_json(schema), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    if session.json:
        emit_json({"written": [f"{name}.schema.json" for name in made], "folder": str(folder)})
    else:
        note(f"wrote {len(made)} schemas to {out}")
