"""`lifecycle init`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click

from lifecycle.base.errors import UsageError
from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session

#: What a project is made of, beside lifecycle.yaml.
FOLDERS = ("segments", "campaigns", "templates", "locales", "tests/journeys", "schemas")


def sample_folder() -> Path:
    """Return the folder of the sample project: inside the installed package, or the checkout it runs from."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "sample"
    return packed if packed.is_dir() else package.parent


def copy_sample(target: Path) -> list[str]:
    """Copy the sample project into `target`; return the files, relative. Raises UsageError when one is there."""
    source = sample_folder()
    files = [source / "lifecycle.yaml"]
    for folder in FOLDERS:
        files += sorted(path for path in (source / folder).rglob("*") if path.is_file())
    names = [path.relative_to(source).as_posix() for path in files]
    taken = [name for name in names if (target / name).exists()]
    if taken:
        raise UsageError(f"{target / taken[0]} is there already", hint="choose an empty folder")
    for path, name in zip(files, names, strict=True):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)
    return names


@click.command(epilog="Example:  lifecycle init shop --locale ar && lifecycle -C shop check")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--locale", type=click.Choice(["en", "ar"]), default="en", show_default=True, help="The default locale.")
@click.option("--name", help="The project's name.  [default: the folder's]")
@json_option
@pass_session
def command(session: Session, folder: Path, locale: str, name: str | None) -> None:
    """Make a project that passes `check`.

    The five stages, the topics, the sample campaigns and their mails in English and Arabic, commented for a marketer,
    to change into your own.
    """
    target = folder if folder.is_absolute() else session.folder / folder
    files = copy_sample(target)
    project = target / "lifecycle.yaml"
    text = project.read_text(encoding="utf-8")
    wanted = re.sub(r"[^a-z0-9-]+", "-", (name or target.resolve().name).lower()).strip("-") or "shop"
    text = re.sub(r"(?m)^project: .*$", f"project: {wanted}", text, count=1)
    text = re.sub(r"(?m)^( +default: )(en|ar)$", rf"\g<1>{locale}", text, count=1)
    project.write_text(text, encoding="utf-8")
    ignore = target / ".gitignore"
    if not ignore.exists():
        ignore.write_text(".lifecycle/\ndry-run/\n", encoding="utf-8")
    if session.json:
        emit_json({"folder": str(target), "files": files})
        return
    note(f"made {target} with {len(files)} files; next:")
    note(f"  lifecycle -C {folder} check\n  lifecycle -C {folder} preview cart/reminder\n  lifecycle -C {folder} run")
