"""Bodies that are spliced of what a template's mails have in common read as those that are encoded whole."""

from __future__ import annotations

import itertools
import re
from email import message_from_bytes, policy

from hypothesis import example, given
from hypothesis import strategies as st

from lifecycle.deliver.body import _memory, body

LINKS = re.compile(r"(https://shop\.example/[a-z]+/[A-Za-z0-9_.-]+)")
_names = (f"template {number}" for number in itertools.count())

lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=90)
#: What a template says, where {} is the recipient's own and <> a value.
templates = st.lists(
    st.one_of(lines, lines.map(lambda text: f"{text}{{}}/3 {text} {{}}"), lines.map(lambda text: f"{text} <>")),
    min_size=1,
    max_size=12,
)
values = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=80), min_size=3, max_size=6)


def read(encoded: bytes) -> tuple[str, bytes]:
    """Return the transfer encoding, and the octets that a reader gets, its line ends being line feeds."""
    parsed = message_from_bytes(b"Content-Type: text/html; charset=utf-8\r\n" + encoded, policy=policy.default)
    payload = parsed.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return str(parsed["Content-Transfer-Encoding"]), payload.replace(b"\r\n", b"\n")


def mails(template: list[str], said: list[str]) -> list[str]:
    """Return a mail for each value, each with links of its own."""
    page = "\n".join(template)
    return [
        page.replace("{}", f"https://shop.example/c/MTIz.{number}{'t' * 60}").replace("<>", value)
        for number, value in enumerate(said)
    ]


@given(templates, values)
@example(["a" * 76 + "{}/3" + "b" * 75, "é", "<> "], ["Sara", "سارة", " "])
@example(["{}", "{}", ""], ["1", "2", "3"])
@example(["é <>", "x" * 1100], ["\x00", "a", "b\nc"])
def test_spliced_bodies_read_as_whole_ones(template: list[str], said: list[str]) -> None:
    """With a memory and without, a reader gets the same octets in the same encoding, and no line is too long."""
    name = next(_names)
    for page in mails(template, said):
        spliced, whole = body(page, template=name, own=LINKS), body(page)
        assert read(spliced) == read(whole)
        if b": quoted-printable" in spliced:
            assert max(map(len, spliced.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76


def test_what_all_mails_say_is_spliced_from_the_third_on() -> None:
    """The first two tell what differs; after that only the lines with links and names are encoded."""
    template = ["<html>", *[f"<p>Ça va, {number}?</p>" for number in range(40)], "{}/1 <>", "</html>"]
    for page in mails(template, ["Sara", "Omar"]):
        assert _memory("letter", len(template) - 1).splice(page, LINKS) is None
        body(page, template="letter", own=LINKS)
    memory = _memory("letter", len(template) - 1)
    for page in mails(template, ["Lina", "Zaynab", "José"]):
        spliced = memory.splice(page, LINKS)
        assert spliced is not None
        assert read(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + spliced)[1] == page.encode()


def test_a_mail_unlike_the_others_is_not_taken_for_one() -> None:
    """A line that was the same in all is not in this one: it is encoded whole, and the next ones know of it."""
    template = ["Größe <>", "a line that all of them have", "and that is the end of it, goodbye"]
    for page in mails(template, ["1", "2", "3"]):
        body(page, template="offer", own=LINKS)
    other = mails(["Größe <>", "a line that this one has", "and that is the end of it, goodbye"], ["4"])[0]
    assert _memory("offer", 2).splice(other, LINKS) is None
    assert read(body(other, template="offer", own=LINKS))[1] == other.encode()
    assert _memory("offer", 2).splice(other, LINKS) is not None


def test_mails_that_have_nothing_in_common_are_given_up() -> None:
    """Learning ends: it costs more than it brings."""
    for number in range(60):
        page = "\n".join(f"é {number} {line}, and words that need no quoting" for line in range(3))
        assert read(body(page, template="odd", own=LINKS))[1] == page.encode()
    assert _memory("odd", 2)._surprises <= 17
