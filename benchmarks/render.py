"""Render a recipient from a compiled template, against Jinja + MJML + premailer for each recipient.

    python benchmarks/render.py [TEMPLATE] [LOCALE]

Both run in this process on the same template and people; the DOMs have to be equal. Prints the ratio; at least 200.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from lifecycle.render import head, rtl
from lifecycle.render.compile import Compiled, Templates
from lifecycle.render.inline import to_html
from lifecycle.render.links import Register
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.render.sandbox import Budget
from lifecycle.spec.project import load, read_folder

BASELINE_PEOPLE = 8
PEOPLE = 2000
AT_LEAST = 200


def people(scope: dict[str, Any], number: int) -> list[dict[str, Any]]:
    return [{**scope, "contact": {**scope["contact"], "first_name": f"Sara {index}"}} for index in range(number)]


def plain_way(compiled: Compiled, scope: dict[str, Any], subject: str, preheader: str) -> str:
    """Render the MJML with Jinja for one person, then compile it and inline its CSS, as nearly everybody does."""
    register = Register(SAMPLE_ADDRESSES.click_url, compiled.base, compiled.utm)
    variables = {
        **compiled.constants, **scope, "t": compiled.texts[0].t, "_budget": Budget(), "_link": register.link, "_click": SAMPLE_ADDRESSES.click_url,
        "_open": SAMPLE_ADDRESSES.open_url, "_subject": subject, "_preheader": preheader,
    }  # fmt: skip
    template = compiled.sandboxes[0].build(compiled.mjml, "baseline", {})
    to_html.cache_clear()
    page = to_html(template.render(variables))
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
            element.set("style", element.get("style", "").replace(" ", "").replace(";", ";\n").strip().rstrip(";"))
    return bytes(etree.tostring(tree, method="c14n"))


def main() -> None:
    template, locale = (sys.argv[1:] + ["cart/reminder", "ar"])[:2] if len(sys.argv) > 2 else ("cart/reminder", "ar")
    content = load(read_folder(Path(__file__).resolve().parent.parent)).content
    assert content is not None, "the sample project does not check"
    compiled = Templates(content).compile(template, locale)
    scope = sample_scope(content, template, compiled.locale)
    slow: list[float] = []
    for person in people(scope, BASELINE_PEOPLE):
        mail = render(compiled, person, SAMPLE_ADDRESSES)
        start = time.process_time()
        page = plain_way(compiled, person, mail.subject, mail.preheader)
        slow.append(time.process_time() - start)
        assert dom(page) == dom(mail.html), "the two ways give different mails"
    crowd = people(scope, PEOPLE)
    start = time.process_time()
    for person in crowd:
        render(compiled, person, SAMPLE_ADDRESSES)
    fast = (time.process_time() - start) / PEOPLE
    baseline = statistics.median(slow)
    ratio = baseline / fast
    print(
        f"{template} ({locale}): compiled {fast * 1e3:.3f} ms, Jinja + MJML + premailer {baseline * 1e3:.1f} ms a recipient"
    )
    print(f"ratio {ratio:.0f}x, at least {AT_LEAST}x; the DOMs are equal")
    sys.exit(0 if ratio >= AT_LEAST else 1)


if __name__ == "__main__":
    main()
