"""MJML to HTML with its CSS inlined: the slow part, done once per template version and locale."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

import mjml
from premailer import Premailer

from lifecycle.base.errors import ContentError

_KEEP = ["width", "height", "align", "bgcolor", "valign"]
_DOCTYPE = "<!doctype html>"
#: what holds a fluid hero open; mrml forgets the unit, and without it the hero has the height of its text
_SHARE = re.compile(r"(<td style=\"mso-padding-bottom-alt:0;padding-bottom:[\d.]+)(?=;)")
_MARK = "/*author*/"
_OPENING = re.compile(r"<(?:mj-)?style\b[^>]*(?<!/)>")
#: a style element of the compiler's own, and one of an author's
_STYLE = re.compile(rf"<style\b([^>]*)>(?!{re.escape(_MARK)})")
_IGNORED = ' data-premailer="ignore"'
_MARKED = re.compile(rf"(<style\b[^>]*>){re.escape(_MARK)}")


@lru_cache(maxsize=512)
def to_html(source: str) -> str:
    """Return finished HTML for MJML without Jinja, CSS inlined, the same for the same source. Raises ContentError."""
    return inline_css(from_mjml(mark_styles(source)))


def from_mjml(source: str) -> str:
    """Return HTML whose CSS is not inlined. Raises ContentError. Nothing is fetched: no fonts, no includes."""
    try:
        return _SHARE.sub(r"\1%", str(mjml.mjml2html(source, fonts={})))
    except Exception as error:  # mrml raises bare exceptions of its own
        # its positions are those of what we made of the template, and would mislead
        reason = str(error).partition(" at position")[0]
        raise ContentError(f"MJML does not compile: {reason}") from error


def inline_css(page: str) -> str:
    """Return the page with the CSS of the blocks that `mark_styles` marked in style attributes; they stay as well."""
    marked, found = _MARKED.subn(r"\1", _STYLE.sub(rf"<style\1{_IGNORED}>", page))
    if not found:
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
    return _DOCTYPE + str(inlined).removeprefix("<!DOCTYPE html>").lstrip().replace(_IGNORED, "")


def mark_styles(source: str) -> str:
    """Return MJML in which the authors' CSS can be told from what the MJML compiler adds of its own."""
    return _OPENING.sub(rf"\g<0>{_MARK}", source)
