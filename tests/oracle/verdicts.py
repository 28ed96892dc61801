"""What our checker and the official validator say of a template, and where they differ, by name and with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lifecycle.render.compile import Templates
from lifecycle.spec.project import load

_FRONT = "---\nsubject: Hello\n---\n"
_PROJECT = """project: shop
brand: {name: Shop, url: https://shop.example, postal_address: 1 Main Street}
senders: {shop: {from: hello@shop.example, name: Shop}}
locales: {default: en, available: [en]}
topics: {offers: {label: Offers}}
stages: [{stage: awareness, label: Awareness, funnel: tofu, when: {contact.email: {exists: true}}}]
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An error that one of the two says of an input; `line` is None where mjml gives up as a whole."""

    of: str
    by: Literal["ours", "mjml"]
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.of}: {self.by} alone says line {self.line}: {self.message}"


@cache
def our_errors(name: str, source: str) -> tuple[Said, ...]:
    """Return the errors of our checker, at the lines of the MJML alone."""
    content = load({"lifecycle.yaml": _PROJECT, "templates/mail.mjml": _FRONT + source}).content
    assert content is not None
    draft = Templates(content).draft("mail", "en")
    return tuple(
        Said(name, "ours", problem.place.line - _FRONT.count("\n"), f"{problem.code} {problem.message}")
        for problem in draft.problems
        if problem.is_error
    )


def their_errors(name: str, recorded: Iterable[dict[str, Any]]) -> list[Said]:
    """Return the errors of the official validator."""
    return [Said(name, "mjml", error["line"], error["message"]) for error in recorded]


def unlike(ours: Iterable[Said], theirs: Iterable[Said]) -> list[Said]:
    """Return what one says of a line where the other says nothing."""
    ours, theirs = list(ours), list(theirs)
    our_lines, their_lines = {said.line for said in ours}, {said.line for said in theirs}
    return [said for said in [*ours, *theirs] if said.line not in our_lines & their_lines]


@dataclass(frozen=True, slots=True)
class Named:
    """A difference in judgement that is meant."""

    name: str
    reason: str
    explains: Callable[[Said], bool]


def _ours(*parts: str) -> Callable[[Said], bool]:
    return lambda said: said.by == "ours" and all(part in said.message for part in parts)


NAMED = (
    Named(
        "OURS_TAKES_CAPITALS",
        "CSS knows Red as red",
        lambda said: said.by == "mjml" and "invalid value: Red" in said.message,
    ),
    Named(
        "OURS_TAKES_ANY_SPACE",
        "two spaces between measures are one to a browser, and we write one for mrml",
        lambda said: said.by == "mjml" and "invalid value: 1px  2px" in said.message,
    ),
    Named(
        "OURS_WANTS_SPACES", "10px,20px is no padding in CSS; mjml's pattern lets commas through", _ours('"10px,20px"')
    ),
    Named(
        "OURS_WANTS_WHOLE_NUMBERS", "mjml is content with a digit somewhere in cellpadding", _ours("is no cellpadding")
    ),
    Named(
        "OURS_REFUSES_WHAT_MRML_IGNORES",
        "gap of a wrapper and the outer colour of a hero: they would be written, and not be seen",
        lambda said: _ours("LC513")(said) and said.message.endswith(('"gap"', '"container-background-color"')),
    ),
    Named(
        "OURS_LOOKS_AT_MJML_ITSELF",
        "mjml skips its outermost tag; what stands in it beside head and body is lost, or written before the doctype",
        lambda said: _ours("may not stand in <mjml>")(said) or _ours("<mjml> has no attribute")(said),
    ),
    Named(
        "OURS_LOOKS_INTO_TEXT",
        "a component inside text or a button is sent as a tag that no client knows",
        lambda said: (
            said.by == "ours"
            and said.message.endswith(
                tuple(f"may not stand in <{tag}>" for tag in ("mj-text", "mj-button", "mj-table", "mj-raw"))
            )
            and "LC514 <mj-" in said.message
        ),
    ),
    Named(
        "OURS_LOOKS_AT_DEFAULTS",
        "mj-all and mj-class are no components to mjml: what is wrong there it does not see, nor where they stand",
        lambda said: (
            said.by == "ours"
            and (said.of.endswith(("of mj-all", "of mj-class")) or "<mj-all> may not stand" in said.message)
        ),
    ),
    Named("OURS_HAS_NO_DEFAULTS_IN_CLASSES", "mrml cannot compile tags inside mj-class", _ours("in <mj-class>")),
    Named("OURS_TELLS_CAPITALS", "mrml knows no <MJ-TEXT>, and drops it", _ours("<MJ-TEXT>")),
    Named(
        "OURS_REFUSES_STRAY_TEXT",
        "text directly in a column or a section is dropped without a word",
        _ours("text stands"),
    ),
    Named(
        "OURS_POINTS_AT_THE_ATTRIBUTE",
        "we say the attribute's line, mjml that of the tag it belongs to",
        lambda said: said.of == "an attribute two lines below its tag",
    ),
    Named("OURS_REFUSES_HTML_ATTRIBUTES", "mrml cannot compile mj-html-attributes", _ours("no <mj-html-attributes>")),
    Named(
        "OURS_SAYS_THAT_A_BODY_IS_MISSING",
        "mjml throws without a line",
        lambda said: said.of in {"a body that is not there", "no mjml at all"},
    ),
    Named("OURS_WANTS_WELL_FORMED_HTML", "mjml repairs silently what is not closed, quoted or unique", _ours("LC511")),
)
