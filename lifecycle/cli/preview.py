"""`lifecycle preview`: one mail as HTML, text and .eml, from the files, for the sample or for a contact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.audience.state import ContactState
    from lifecycle.render.render import Rendered
    from lifecycle.spec.model import Content


@click.command(epilog="Example:  lifecycle preview cart/reminder --locale ar --open")
@click.argument("template")
@click.option("--for", "contact", metavar="CONTACT", help="Real data of a contact: its external id, else its email.")
@click.option("--locale", help="The language to show; by default the project's, or the contact's.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write into; by default .lifecycle/preview.")
@click.option("--png", is_flag=True, help="Also take pictures at 375 and 700 px, with Chromium.")
@click.option("--open", "show", is_flag=True, help="Open the HTML in a browser.")
@json_option
@pass_session
def command(
    session: Session, template: str, contact: str | None, locale: str | None, out: Path | None, png: bool, show: bool
) -> None:
    """Render one mail as HTML, text and .eml.

    TEMPLATE is named as campaigns name it: cart/reminder.
    """
    from lifecycle.render.check import check_template
    from lifecycle.render.compile import Templates
    from lifecycle.render.render import render
    from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
    from lifecycle.spec.diagnostics import as_json, as_text

    content = session.files("templates/", "locales/")
    _known(content, template)
    state = _state(session, contact) if contact else None
    if locale is not None and locale not in content.project.locales:
        raise UsageError(f'the project has no locale "{locale}"', hint=f"it has {', '.join(content.project.locales)}")
    wanted = locale or (state.locale if state else None) or content.project.default_locale
    compiled = Templates(content).compile(template, wanted)
    scope = (
        sample_scope(content, template, compiled.locale)
        if state is None
        else _real_scope(session, content, template, state, compiled.locale)
    )
    mail = render(compiled, scope, SAMPLE_ADDRESSES)
    folder = out or session.folder / ".lifecycle" / "preview"
    paths = _write(folder, f"{template.replace('/', '-')}.{compiled.locale}", mail, content, compiled.locale)
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


def _state(session: Session, contact: str) -> ContactState:
    """Return what is known of a contact named by its external id, else its email. Raises NotFoundError."""
    from lifecycle.journey.load import load_states
    from lifecycle.store.contacts import find_contact

    with session.engine().store.read() as connection:
        row = find_contact(connection, contact)
        return load_states(connection, [row])[row]


def _real_scope(session: Session, content: Content, template: str, state: ContactState, locale: str) -> dict[str, Any]:
    """Return the scope of a contact; what only an enrolment would make (a coupon) comes from the sample."""
    from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
    from lifecycle.render.scope import build
    from lifecycle.render.usage import campaigns_of
    from lifecycle.spec.model import EventTrigger

    campaign = next(iter(campaigns_of(content, template)), None)
    if campaign is None:
        raise UsageError(f"no campaign sends {template}", hint="without --for it is shown with its sample")
    trigger = campaign.trigger
    names = trigger.events if isinstance(trigger, EventTrigger) else ()
    event = next((past for past in reversed(state.events) if past.name in names), None)
    now = session.engine().clock.now()
    real = build(
        state, content, campaign, now=now, event=event, context={}, addresses=SAMPLE_ADDRESSES, locale=locale, data={}
    )
    sample = sample_scope(content, template, locale)
    made = {
        name: sample[name] for name in ("coupon", "referral") if name in sample and not real.get(name, {}).get("code")
    }
    return real | made


def _write(folder: Path, name: str, mail: Rendered, content: Content, locale: str) -> dict[str, Path]:
    """Write the parts and return their paths by kind."""
    from lifecycle.render.eml import as_eml

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", hint="--out names another folder") from error
    parts = {"html": mail.html.encode(), "txt": mail.text.encode(), "eml": as_eml(mail, content.project, locale)}
    paths = {}
    for kind, data in parts.items():
        paths[kind] = folder / f"{name}.{kind}"
        paths[kind].write_bytes(data)
    return paths
