"""`lifecycle preview`: a page with every mail, from the files; one mail as HTML, text and .eml; pictures of all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.cli.output import emit_json, note, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.render.render import Rendered
    from lifecycle.spec.model import Content
    from lifecycle.workbench.guest import Guest


@click.command(
    epilog="Examples:  lifecycle preview --open  ·  lifecycle preview --png  ·  "
    "lifecycle preview cart/reminder --locale ar --open"
)
@click.argument("template", required=False)
@click.option("--for", "contact", metavar="CONTACT", help="Real data of a contact: its external id, else its email.")
@click.option("--sample", metavar="NAME", help="One of the template's further samples.")
@click.option("--locale", help="The language to show; by default the project's, or the contact's.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write into; by default .lifecycle/preview.")
@click.option(
    "--png", is_flag=True, help="Also take pictures at 375 and 700 px, with Chromium; without TEMPLATE of all."
)
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port; by default a free one.")
@click.option("--open", "show", is_flag=True, help="Open it in a browser.")
@json_option
@pass_session
def command(
    session: Session, template: str | None, contact: str | None, sample: str | None, locale: str | None,
    out: Path | None, png: bool, port: int | None, show: bool,
) -> None:  # fmt: skip
    """Show the mails while they are written.

    Without TEMPLATE a page is served to this machine alone: every mail in every language, for every sample, at any
    width, light and dark, with its plain text, headers, weight and findings. It follows each save. With --png it is
    pictures of them all, and a sheet of those. With TEMPLATE, named as campaigns name it (cart/reminder), one mail is
    written as HTML, text and .eml.
    """
    if template is not None:
        if port is not None:
            raise UsageError("--port is for the page, which is served without TEMPLATE")
        _one(session, template, contact, sample, locale, out, png=png, show=show)
    elif sample is not None:
        raise UsageError("--sample needs a TEMPLATE", hint="the page shows every sample")
    elif png:
        if port is not None:
            raise UsageError("--port is for the page, which is served without --png")
        _all(session, contact, locale, out, show=show)
    elif out is not None:
        raise UsageError("the page writes nothing", hint="--out goes with a TEMPLATE, or with --png")
    else:
        _page(session, contact, locale, port or 0, show=show)


def _page(session: Session, contact: str | None, locale: str | None, port: int, *, show: bool) -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    from lifecycle.base.signals import Signals
    from lifecycle.workbench.serve import Workbench

    signals = Signals()  # before anything starts, so that a stop during the start is a stop too
    engine = session.engine()
    guest = _guest(session, contact)
    with Workbench(session.folder, port=port, guest=guest, cache=engine.check_cache) as bench:
        url = bench.address(locale=locale or (guest.state.locale if guest else None), who="@" if guest else None)
        if session.json:
            emit_json({"url": url})
        else:
            click.echo(url)
        note("Ctrl-C ends it; nothing is sent, and saved files are shown at once")
        if show:
            click.launch(url)
        signals.wait()


def _all(session: Session, contact: str | None, locale: str | None, out: Path | None, *, show: bool) -> None:
    """Take pictures of every mail."""
    from lifecycle.render.compile import Templates
    from lifecycle.render.picture import WIDTHS
    from lifecycle.workbench.gallery import INDEX, SCHEMES, scenes, take

    content = session.files("templates/", "locales/")
    _known_locale(content, locale)
    locales = (locale,) if locale else content.project.locales
    guest = _guest(session, contact)
    folder = _folder(session, out)
    total = (
        sum(1 for _ in scenes(content, locales, Templates(content), everybody=guest is None))
        * len(WIDTHS)
        * len(SCHEMES)
    )
    with progress("pictures", total) as done:
        gallery = take(content, folder, locales, guest, done)
    index = folder / INDEX
    if session.json:
        emit_json({
            "folder": str(folder), "index": str(index), "mails": [scene.name for scene in gallery.mails],
            "pictures": len(gallery.pictures), "failed": {scene.name: why for scene, why in gallery.failed.items()},
        })  # fmt: skip
    else:
        click.echo(f"{len(gallery.pictures)} pictures of {len(gallery.mails)} mails")
        for scene, why in gallery.failed.items():
            note(f"not shown  {scene.name}: {why}")
        note(str(index))
    if show:
        click.launch(str(index))


def _one(
    session: Session, template: str, contact: str | None, sample: str | None, locale: str | None, out: Path | None,
    *, png: bool, show: bool,
) -> None:  # fmt: skip
    """Write one mail."""
    from lifecycle.render.check import check_template
    from lifecycle.render.compile import Templates
    from lifecycle.render.render import render
    from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
    from lifecycle.spec.diagnostics import as_json, as_text

    content = session.files("templates/", "locales/")
    _known(content, template)
    if sample is not None and contact is not None:
        raise UsageError("a mail is shown to a sample or to a contact", hint="leave out --sample or --for")
    guest = _guest(session, contact)
    _known_locale(content, locale)
    wanted = locale or (guest.state.locale if guest else None) or content.project.default_locale
    compiled = Templates(content).compile(template, wanted)
    if guest is None:
        scope = sample_scope(content, template, compiled.locale, sample=sample or "")
    else:
        from lifecycle.workbench.guest import guest_scope

        scope = guest_scope(guest, content, template, compiled.locale)
    mail = render(compiled, scope, SAMPLE_ADDRESSES)
    name = ".".join(filter(None, (template.replace("/", "-"), sample, compiled.locale)))
    paths = _write(_folder(session, out), name, mail, content, compiled.locale)
    if png:
        from lifecycle.render.picture import take_pictures

        paths |= take_pictures(paths["html"])
    problems = check_template(content, template, compiled.locale)
    if session.json:
        weight = len(mail.html.encode())
        emit_json({
            "template": template, "locale": compiled.locale, "subject": mail.subject, "preheader": mail.preheader,
            "bytes": weight, "files": {name: str(path) for name, path in paths.items()},
            "problems": as_json(problems),
        })  # fmt: skip
    else:
        click.echo(
            f"Subject:   {mail.subject}\nPreheader: {mail.preheader}\n"
            f"Weight:    {len(mail.html.encode()) / 1024:.1f} KB of 102 KB\n"
        )
        click.echo(mail.text)
        for found in problems:
            note(as_text(found, content.files))
        for path in paths.values():
            note(str(path))
    if show:
        click.launch(str(paths["html"]))


def _known(content: Content, template: str) -> None:
    from lifecycle.render.source import template_names
    from lifecycle.spec.diagnostics import did_you_mean

    names = template_names(content.files)
    if template not in names:
        hint = did_you_mean(template, names) or f"there are: {', '.join(names)}"
        raise NotFoundError(f'no template "{template}"', hint=hint)


def _known_locale(content: Content, locale: str | None) -> None:
    if locale is not None and locale not in content.project.locales:
        raise UsageError(f'the project has no locale "{locale}"', hint=f"it has {', '.join(content.project.locales)}")


def _guest(session: Session, contact: str | None) -> Guest | None:
    """Return what is known of a contact named by its external id, else its email. Raises NotFoundError."""
    if contact is None:
        return None
    from lifecycle.workbench.guest import load_guest

    engine = session.engine()
    return load_guest(engine.store, contact, engine.clock.now())


def _folder(session: Session, out: Path | None) -> Path:
    """Return the folder to write into, made. Raises UsageError when it cannot be."""
    folder = out or session.folder / ".lifecycle" / "preview"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", hint="--out names another folder") from error
    return folder


def _write(folder: Path, name: str, mail: Rendered, content: Content, locale: str) -> dict[str, Path]:
    """Write the parts and return their paths by kind."""
    from lifecycle.render.eml import as_eml

    parts = {"html": mail.html.encode(), "txt": mail.text.encode(), "eml": as_eml(mail, content.project, locale)}
    paths = {}
    for kind, data in parts.items():
        paths[kind] = folder / f"{name}.{kind}"
        paths[kind].write_bytes(data)
    return paths
