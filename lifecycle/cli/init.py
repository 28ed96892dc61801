"""`lifecycle init`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from lifecycle.base.errors import UsageError
from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session

#: What a project is made of, beside lifecycle.yaml.
FOLDERS = ("segments", "campaigns", "templates", "locales", "tests/journeys", "schemas")

#: What a shop changes first, in the language of whoever will read it; it stands at the top of lifecycle.yaml.
_TO_DO: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Made by `lifecycle init` from the sample shop, Rihla. Make it yours, in this order, before the first mail:",
        "  1. brand: its name, url and postal_address, which stand in every mail; then the colours",
        "  2. senders: from and reply_to, addresses of a domain whose DNS you can change",
        "  3. locales, timezone, currency",
        "  4. topics: what people can say yes to",
        "  5. campaigns/: read each; `status: draft` switches off what you do not want yet",
        "Delete this list when it is done.",
    ),
    "ar": (
        "أنشأه الأمر `lifecycle init` من المتجر النموذجي «رحلة». اجعله متجرك، بهذا الترتيب، قبل أول رسالة:",
        "  1. brand: الاسم name والرابط url والعنوان البريدي postal_address، وهي في كل رسالة؛ ثم الألوان colours",
        "  2. senders: عنوانا from و reply_to من نطاق تملك تغيير سجلاته (DNS)",
        "  3. locales اللغات، timezone المنطقة الزمنية، currency العملة",
        "  4. topics: ما يوافق الناس على استلامه",
        "  5. مجلد campaigns: اقرأ كل حملة؛ السطر `status: draft` يوقف ما لا تريده الآن",
        "احذف هذه القائمة بعد الانتهاء.",
    ),
}


def sample_folder() -> Path:
    """Return the folder of the sample project: inside the installed package, or the checkout it runs from."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "sample"
    return packed if packed.is_dir() else package.parent


def copy_sample(target: Path) -> list[str]:
    """Copy the sample project into `target`; return the files, relative.

    Raises UsageError when one of them is there already, or when they cannot be written; then none is left behind.
    """
    source = sample_folder()
    files = [source / "lifecycle.yaml"]
    for folder in FOLDERS:
        files += sorted(path for path in (source / folder).rglob("*") if path.is_file())
    names = [path.relative_to(source).as_posix() for path in files]
    made: list[Path] = []
    try:
        taken = [name for name in names if (target / name).exists()]
        if taken:
            raise UsageError(f"{target / taken[0]} is there already", hint="nothing was changed; choose another folder")
        for path, name in zip(files, names, strict=True):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            made.append(target / name)
            shutil.copyfile(path, target / name)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise UsageError(f"cannot write {target}: {error.strerror}", hint="choose a folder of your own") from error
    return names


def _project_name(wanted: str) -> str:
    """Return the words as an id; `shop` when no letter of them can stand in one."""
    return re.sub(r"[^a-z0-9-]+", "-", wanted.lower()).strip("-")[:100] or "shop"


def _adapt(text: str, name: str, locale: str) -> str:
    """Return the sample's lifecycle.yaml for a project of that name and default locale, with what to change on top."""
    text = re.sub(r"(?m)^project: .*$", f"project: {name}", text, count=1)
    text = re.sub(r"(?m)^( +default: )(en|ar)$", rf"\g<1>{locale}", text, count=1)
    others = [each for each in ("en", "ar") if each != locale]
    text = re.sub(r"(?m)^( +available: )\[en, ar\]$", rf"\g<1>[{', '.join([locale, *others])}]", text, count=1)
    head, _, rest = text.partition("\n")
    return "\n".join([head, "#", *(f"# {line}" for line in _TO_DO[locale]), rest])


def _next(folder: Path, files: Sequence[str]) -> str:
    here = f"lifecycle -C {folder}"
    return (
        f"made {folder} with {len(files)} files\n"
        f"first:  make it yours: the list at the top of {folder / 'lifecycle.yaml'} says what\n"
        f"then:   {here} check                   finds every mistake, with its line\n"
        f"        {here} test                    lives through the campaigns on a clock of its own\n"
        f"        {here} preview --open          shows the mails while you write them\n"
        f"        {here} apply                   puts it into force\n"
        f"        {here} run                     runs it; mails are files until LIFECYCLE_SMTP_URL says otherwise"
    )


@click.command(
    epilog="Examples:  lifecycle init shop  ·  lifecycle init shop --locale ar && lifecycle -C shop check  ·  "
    "lifecycle init shop --name rihla"
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--locale",
    type=click.Choice(["en", "ar"]),
    default="en",
    show_default=True,
    help="The default locale; the mails come in both.",
)
@click.option("--name", help="The project's name.  [default: the folder's]")
@json_option
@pass_session
def command(session: Session, folder: Path, locale: str, name: str | None) -> None:  # fmt: skip
    """Make a project that passes `check`.

    The five stages, the topics, the sample campaigns with their journey tests, and their mails in English and Arabic,
    commented for a marketer, to change into your own: what to change first stands at the top of lifecycle.yaml. Files
    that are there already are never touched.
    """
    target = folder if folder.is_absolute() else session.folder / folder
    files = copy_sample(target)
    project = target / "lifecycle.yaml"
    adapted = _adapt(project.read_text(encoding="utf-8"), _project_name(name or target.resolve().name), locale)
    project.write_text(adapted, encoding="utf-8")
    ignore = target / ".gitignore"
    if not ignore.exists():
        ignore.write_text(".lifecycle/\ndry-run/\n", encoding="utf-8")
    if session.json:
        emit_json({"folder": str(target), "files": files})
        return
    note(_next(folder, files))
