"""Render a recipient from a compiled template, against Jinja + MJML + premailer for each recipient.

    python benchmarks/render.py [TEMPLATE …]

Both run in this process on the same templates and people, in turns, so that a busy machine slows both. The baseline
does what nearly everybody does: Jinja over the MJML, mjml, then `premailer` with its defaults. The DOMs have to be
equal. Prints each template and, over all of them, the ratio; at least 200.
"""

from __future__ import annotations

import html
import logging
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mjml
from lxml import etree  # type: ignore[import-untyped] # lxml has no stubs of its own
from lxml import html as lxml_html
from premailer import Premailer

from lifecycle.render import head, rtl
from lifecycle.render.compile import Compiled, Templates
from lifecycle.render.inline import to_html
from lifecycle.render.links import Register
from lifecycle.render.render import own_urls, render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.render.sandbox import Budget
from lifecycle.render.source import template_names
from lifecycle.spec.project import load, read_folder

ROUNDS = 7
PEOPLE = 100
AT_LEAST = 200


def variables(compiled: Compiled, scope: dict[str, Any], subject: str, preheader: str) -> dict[str, Any]:
    register = Register(SAMPLE_ADDRESSES.click_url, compiled.base, compiled.utm, own=own_urls(SAMPLE_ADDRESSES))
    return {
        **compiled.constants, **scope, "t": compiled.texts[0].t, "_budget": Budget(), "_link": register.link,
        "_click": SAMPLE_ADDRESSES.click_url, "_open": SAMPLE_ADDRESSES.open_url, "_subject": subject,
        "_preheader": preheader,
    }  # fmt: skip


def plain_way(rendered_mjml: Callable[[], str]) -> str:
    """Render the MJML for one person, compile it, inline its CSS."""
    page = mjml.mjml2html(rendered_mjml(), fonts={})
    return str(Premailer(page, cssutils_logging_level=logging.CRITICAL).transform())


def page_of(compiled: Compiled, rendered_mjml: str, preheader: str) -> str:
    """Return the page of the plain way as our compiler would finish it: its CSS settings, its preheader, its pixel."""
    page = to_html(rendered_mjml)
    # what hides the preheader knows it by its token
    shown = html.escape(preheader, quote=False)
    page = head.pad_preheader(page.replace(f">{shown}<", ">{{ _preheader }}<", 1)).replace("{{ _preheader }}", shown)
    # mrml writes a title into aria-label as Rust would; with the title still a token, ours is spared that
    page = re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), page)
    page = rtl.turn_page(page) if compiled.dir == "rtl" else page
    return head.add_pixel(page).replace("{{ _open }}", SAMPLE_ADDRESSES.open_url)


def dom(page: str) -> bytes:
    """Return a canonical form: comments, filling and white space between tags do not count."""
    tree = lxml_html.document_fromstring(page.replace(head.PADDING, ""))
    etree.strip_tags(tree, etree.Comment)
    for element in tree.iter():
        element.text = " ".join(element.text.split()) if element.text else None
        element.tail = " ".join(element.tail.split()) if element.tail else None
        if "style" in element.attrib:
            element.set("style", element.get("style", "").replace(" ", "").rstrip(";"))
    return bytes(etree.tostring(tree, method="c14n"))


def measure(compiled: Compiled, scope: dict[str, Any]) -> tuple[float, float]:
    """Return seconds of CPU for a recipient: the plain way, and ours. Raises AssertionError when the DOMs differ."""
    mail = render(compiled, scope, SAMPLE_ADDRESSES)
    template = compiled.sandboxes[0].build(compiled.mjml, "baseline", {})
    named = variables(compiled, scope, mail.subject, mail.preheader)
    plain = page_of(compiled, template.render(named), mail.preheader)
    assert dom(plain) == dom(mail.html), "the two ways give different mails"
    slow, fast = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        plain_way(lambda: template.render(named))
        slow.append(time.process_time() - start)
        start = time.process_time()
        for _ in range(PEOPLE):
            render(compiled, scope, SAMPLE_ADDRESSES)
        fast.append((time.process_time() - start) / PEOPLE)
    return statistics.median(slow), statistics.median(fast)


def main() -> None:
    content = load(read_folder(Path(__file__).resolve().parent.parent)).content
    assert content is not None, "the sample project does not check"
    templates = Templates(content)
    both: list[tuple[float, float]] = []
    for name in sys.argv[1:] or template_names(content.files):
        for locale in content.project.locales:
            compiled = templates.compile(name, locale)
            slow, fast = measure(compiled, sample_scope(content, name, compiled.locale))
            both.append((slow, fast))
            print(f"{name:22} {locale}  compiled {fast * 1e3:6.3f} ms  plain {slow * 1e3:6.1f} ms  {slow / fast:5.0f}x")
    ratio = statistics.median(slow / fast for slow, fast in both)
    print(f"median ratio {ratio:.0f}x, at least {AT_LEAST}x; the DOMs are equal")
    sys.exit(0 if ratio >= AT_LEAST else 1)


if __name__ == "__main__":
    main()
