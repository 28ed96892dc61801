"""Pictures of every mail: each template in each locale, at both widths, light and dark, and one sheet of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from lifecycle.base.errors import LifecycleError, RenderError
from lifecycle.render.chromium import Chromium
from lifecycle.render.compile import Templates
from lifecycle.render.localise import direction
from lifecycle.render.picture import WIDTHS
from lifecycle.render.render import Rendered, render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_names, sample_scope
from lifecycle.render.source import template_names
from lifecycle.spec.model import Content
from lifecycle.workbench.guest import Guest, guest_scope

#: the last part of a picture's name, and whether it is of a dark client
SCHEMES = {"light": False, "dark": True}
INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Scene:
    """One mail to take pictures of. `sample` is "" for the plain one and for a contact."""

    template: str
    locale: str
    sample: str = ""

    @property
    def name(self) -> str:
        """Return how its files are called."""
        return ".".join(filter(None, (self.template.replace("/", "-"), self.sample, self.locale)))


@dataclass(slots=True)
class Gallery:
    """What was taken: the mails by scene, the pictures, and why a mail has none."""

    folder: Path
    mails: dict[Scene, Rendered] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)
    failed: dict[Scene, str] = field(default_factory=dict)


def scenes(
    content: Content, locales: Iterable[str], templates: Templates, *, everybody: bool = True
) -> Iterator[Scene]:
    """Yield each template in each locale that it is written in, for each of its samples if they are to be shown."""
    for template in template_names(content.files):
        for locale in dict.fromkeys(templates.effective_locale(template, locale) for locale in locales):
            try:
                names = sample_names(content, template) if everybody else ()
            except LifecycleError:
                names = ()
            for sample in ("", *names):
                yield Scene(template, locale, sample)


def take(
    content: Content, folder: Path, locales: Iterable[str], guest: Guest | None, done: Callable[[int], object]
) -> Gallery:
    """Write the pictures and a sheet of them all into `folder`; `done` hears of each picture.

    A mail that cannot be made is left out, with its reason on the sheet. Raises SettingsError without Chromium.
    """
    templates = Templates(content)
    gallery = Gallery(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with Chromium() as browser:
        for scene in scenes(content, locales, templates, everybody=guest is None):
            try:
                mail = _mail(templates, scene, guest)
            except LifecycleError as error:
                where = error.where if isinstance(error, RenderError) else ""
                gallery.failed[scene] = f"{where}: {error.message}" if where else error.message
                done(len(WIDTHS) * len(SCHEMES))
                continue
            gallery.mails[scene] = mail
            page = folder / f"{scene.name}.html"
            page.write_text(mail.html, encoding="utf-8")
            browser.open(page)
            for scheme, dark in SCHEMES.items():
                for width in WIDTHS:
                    target = _picture(folder, scene, width, scheme)
                    target.write_bytes(browser.picture(width, dark=dark))
                    gallery.pictures.append(target)
                    done(1)
    (folder / INDEX).write_text(_sheet(gallery, content), encoding="utf-8")
    return gallery


def _mail(templates: Templates, scene: Scene, guest: Guest | None) -> Rendered:
    compiled = templates.compile(scene.template, scene.locale)
    content = templates.content
    if guest is not None:
        scope = guest_scope(guest, content, scene.template, scene.locale)
    else:
        scope = sample_scope(content, scene.template, scene.locale, sample=scene.sample)
    return render(compiled, scope, SAMPLE_ADDRESSES)


def _picture(folder: Path, scene: Scene, width: int, scheme: str) -> Path:
    return folder / f"{scene.name}.{width}.{scheme}.png"


_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="color-scheme" content="light dark"><style>
body{{margin:0;padding:32px;font:14px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans","Noto Sans Arabic",sans-serif;
  background:light-dark(#f4f4f1,#131416);color:light-dark(#1c1d20,#ecedf0)}}
h1{{margin:0 0 24px;font-size:24px;letter-spacing:-.02em}} h2{{margin:0;font-size:15px}}
p{{margin:2px 0 12px;opacity:.7;text-align:start}}
section{{margin:0 0 36px}} div{{display:flex;gap:14px;align-items:flex-start;overflow-x:auto;padding-bottom:8px}}
img{{display:block;height:420px;width:auto;max-width:none;border-radius:6px;box-shadow:0 6px 24px -8px rgb(0 0 0/.35);
  object-fit:cover;object-position:top}} .wrong{{color:light-dark(#b3261e,#ff8f86);opacity:1}}
</style></head><body><h1>{title}</h1>
"""


def _sheet(gallery: Gallery, content: Content) -> str:
    project = content.project
    brand = project.brand.name.text(project.default_locale, project.default_locale)
    parts = [_HEAD.format(title=f"{escape(brand)}: {len(gallery.mails)} mails")]
    for scene, reason in gallery.failed.items():
        parts.append(f'<section><h2>{escape(scene.name)}</h2><p class="wrong">{escape(reason)}</p></section>\n')
    for scene, mail in gallery.mails.items():
        pictures = "".join(
            f'<a href="{name}"><img loading="lazy" src="{name}" width="{width}" alt="{width} px, {scheme}"></a>'
            for scheme in SCHEMES
            for width in WIDTHS
            for name in [escape(_picture(gallery.folder, scene, width, scheme).name)]
        )
        parts.append(
            f'<section><h2>{scene.name}</h2><p dir="{direction(scene.locale)}">{escape(mail.subject)}</p>'
            f"<div>{pictures}</div></section>\n"
        )
    return "".join([*parts, "</body></html>\n"])
