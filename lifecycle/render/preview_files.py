"""Renders one template of a folder with its sample, for people at work on templates.

python -m lifecycle.render.preview_files cart/reminder ar out.html
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Write the HTML named by the third argument and print subject, preheader and text."""
    from lifecycle.base.errors import LifecycleError
    from lifecycle.render.compile import Templates
    from lifecycle.render.render import render
    from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
    from lifecycle.spec.diagnostics import as_text
    from lifecycle.spec.project import load, read_folder

    template, locale, out = sys.argv[1:4]
    files = read_folder(Path())
    loaded = load(files)
    if loaded.content is None:
        sys.exit("\n".join(as_text(found, files) for found in loaded.diagnostics))
    try:
        compiled = Templates(loaded.content).compile(template, locale)
        mail = render(compiled, sample_scope(loaded.content, template, compiled.locale), SAMPLE_ADDRESSES)
    except LifecycleError as error:
        found = getattr(error, "diagnostics", ())
        sys.exit("\n".join(as_text(one, files) for one in found) or f"{error.message} ({getattr(error, 'where', '')})")
    Path(out).write_text(mail.html, encoding="utf-8")
    sys.stdout.write(f"Subject: {mail.subject}\nPreheader: {mail.preheader}\n\n{mail.text}\n")


if __name__ == "__main__":
    main()
