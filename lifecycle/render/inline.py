"""MJML to HTML with its CSS inlined: the slow part, done once per template version and locale."""

from __future__ import annotations

import logging
from functools import lru_cache

import mjml
from premailer import Premailer

from lifecycle.base.errors import ContentError

_KEEP = ["width", "height", "align", "bgcolor", "valign"]
_DOCTYPE = "<!doctype html>"


@lru_cache(maxsize=512)
def to_html(source: str) -> str:
    """Return finished HTML for MJML without Jinja, CSS inlined, the same for the same source. Raises ContentError."""
    return inline_css(from_mjml(source))


def from_mjml(source: str) -> str:
    """Return HTML whose CSS is not inlined. Raises ContentError. Nothing is fetched: no fonts, no includes."""
    try:
        return str(mjml.mjml2html(source, fonts={}))
    except Exception as error:  # mrml raises bare exceptions of its own
        # its positions are those of what we made of the template, and would mislead
        reason = str(error).partition(" at position")[0]
        raise ContentError(f"MJML does not compile: {reason}") from error


def inline_css(page: str) -> str:
    """Return the page with the authors' CSS in style attributes; MJML's own style blocks stay as they are."""
    mine, marked = _mark_own_styles(page)
    if not mine:
        return page if page.startswith(_DOCTYPE) else _DOCTYPE + page
    inlined = Premailer(
        marked,
        allow_network=False,
        allow_loading_external_files=False,
        disable_basic_attributes=_KEEP,
        keep_style_tags=True,
        strip_important=False,
        disable_validation=True,
        cssutils_logging_level=logging.CRITICAL,
    ).transform()
    # premailer drops the doctype, and without it mail clients fall into quirks mode
    return _DOCTYPE + str(inlined).removeprefix("<!DOCTYPE html>").lstrip()


def _mark_own_styles(page: str) -> tuple[bool, str]:
    """Return whether authors wrote CSS at all, and the page in which premailer leaves MJML's own CSS alone.

    mrml puts the authors' blocks last, behind its `mj-full-width-mobile` block or its media queries.
    """
    parts = page.split("<style")
    marked = [parts[0]]
    found = False
    for part in parts[1:]:
        own = any(
            mark in part
            for mark in (
                "#outlook a",
                ".mj-outlook-group-fix",
                "@media only screen and (m",
                ".moz-text-html",
                "mj-full-width-mobile",
            )
        )
        found = found or not own
        marked.append((' data-premailer="ignore"' if own else "") + part)
    return found, "<style".join(marked)
