"""What makes a mail worse: found where it is, and not where it is not. The golden cases hold what is said."""

from __future__ import annotations

import re

import pytest
from rendering import ADDRESSES, checked, mjml

from lifecycle.base.tokens import Purpose, Tokens
from lifecycle.render.contrast import contrast, faint_texts
from lifecycle.render.markup import parse
from lifecycle.render.sample import SAMPLE_ADDRESSES
from lifecycle.render.subject import signs_of_spam
from lifecycle.render.targets import small_targets

DARK = "@media (prefers-color-scheme: dark) { %s }"


def faint(body: str, css: str, *, dark: bool = True) -> list[str]:
    """Return the tags whose text stands out too little in a mail with these sections and this CSS."""
    tree, faults = parse(f"<mjml><mj-head><mj-style>{css}</mj-style></mj-head><mj-body>{body}</mj-body></mjml>")
    assert not faults
    return [element.tag for element, _ in faint_texts(tree, dark=dark)]


def section(inner: str, attributes: str = 'css-class="paper" background-color="#ffffff"') -> str:
    """Return a section with one column."""
    return f"<mj-section {attributes}><mj-column>{inner}</mj-column></mj-section>"


TEXT = '<mj-text css-class="words" color="#111111">Hi</mj-text>'
#: MJML writes the ground into the table inside the div too
GROUND = ".paper, .paper > table { background-color: #1A1B20 !important }"


@pytest.mark.parametrize(
    "words",
    [
        ".words div { color: #eee !important }", ".paper div { color: #eee !important }",
        ".paper td > div { color: #eeeeee !important }", "div { color: #eee !important }",
        "body .words * { color: white !important }", ".words.words div, .other { color: #eee!important }",
    ],
)  # fmt: skip
def test_a_text_that_is_coloured_in_the_dark_is_fine(words: str) -> None:
    """By whichever selector of tags and classes reaches it."""
    assert faint(section(TEXT), DARK % (GROUND + words)) == []


@pytest.mark.parametrize(
    "words",
    [
        "", ".words div { color: #eee }", ".words { color: #eee !important }", ".words > table div { color: #eee }",
        ".wordy div { color: #eee !important }", ".words:hover div { color: #eee !important }",
        "/* .words div { color: #eee !important } */", "@media print { .words div { color: #eee !important } }",
    ],
)  # fmt: skip
def test_a_text_that_stays_dark_on_a_dark_ground_is_found(words: str) -> None:
    """What does not reach it, or does not beat the colour that MJML writes into its tag, is no rule for it."""
    assert faint(section(TEXT), DARK % (GROUND + words)) == ["mj-text"]
    assert faint(section(TEXT), DARK % (GROUND + words), dark=False) == []


def test_the_more_specific_and_the_later_rule_wins() -> None:
    """As in every browser."""
    loud, faded = ".words div { color: #eee !important }", "div { color: #222 !important }"
    assert faint(section(TEXT), DARK % (GROUND + loud + faded)) == []
    assert faint(section(TEXT), DARK % (GROUND + loud + loud.replace("#eee", "#222"))) == ["mj-text"]


def test_a_mail_without_rules_for_the_dark_is_not_judged_there() -> None:
    """It says that it is light; other media queries are none of these rules."""
    assert faint(section(TEXT), "@media (max-width: 480px) { .paper { background: #000 !important } }") == []


def test_a_mail_with_such_rules_needs_a_ground_in_the_dark() -> None:
    """Its page is dark then, and black text without a ground of its own vanishes."""
    assert faint(section(TEXT, ""), DARK % ".rule { border-color: #333 !important }") == ["mj-text"]


def test_a_picture_behind_a_text_and_a_clients_own_link_are_not_judged() -> None:
    """Nobody can tell their colours from the template."""
    picture = section(TEXT, 'background-url="https://x.example/a.png" background-color="#111111"')
    assert faint(picture, "", dark=False) == ["mj-text"]  # the colour is there until the picture is
    assert faint(section(TEXT, 'background-url="https://x.example/a.png"'), "", dark=False) == []
    linked = section('<mj-text css-class="words" color="#111111"><a href="https://x.example">Go</a></mj-text>')
    assert faint(linked, DARK % GROUND) == []


def test_html_inside_a_text_is_judged_with_its_own_styles_and_said_once() -> None:
    """A grey word in a black text is found, a bold one is the same text."""
    assert faint(section('<mj-text>Hi <b>all</b> <i style="color:#bbb">of you</i></mj-text>'), "", dark=False) == ["i"]
    assert faint(section('<mj-text color="#bbbbbb">Hi <b>all</b></mj-text>'), "", dark=False) == ["mj-text"]
    cell = '<mj-table><tr><td bgcolor="#222222" style="color: #333">Hi</td></tr></mj-table>'
    assert faint(section(cell), "", dark=False) == ["td"]
    large = '<mj-text color="#888888" font-size="30px">Hi</mj-text>'
    assert faint(section(large), "", dark=False) == []


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21; what is no hex colour has none."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)
    assert contrast("red", "#fff") is None


@pytest.mark.parametrize(
    ("markup", "height"),
    [
        ("<mj-button>Go</mj-button>", 36),
        ('<mj-button inner-padding="16px 32px" line-height="20px">Go</mj-button>', None),
        ('<mj-button inner-padding="12px 24px 8px" font-size="16px" line-height="1.25">Go</mj-button>', 40),
        ('<mj-button height="48px">Go</mj-button>', None), ('<mj-button inner-padding="2em">Go</mj-button>', None),
        ('<mj-text>See <a href="#">our guide</a> first</mj-text>', None),
        ('<mj-text line-height="23px"><a style="display:inline-block;padding:11px 0" href="#">Go</a></mj-text>', None),
        ('<mj-text line-height="23px"><a style="display:inline-block;padding:2px" href="#">Go</a></mj-text>', 27),
        ('<mj-table><tr><td style="line-height:20px"><a style="display:block" href="#">1</a></td></tr></mj-table>', 20),
        ('<mj-text><a style="display:block" href="#"><img src="https://x.example/a.png" alt="A"/></a></mj-text>', None),
    ],
)  # fmt: skip
def test_targets_are_measured_where_it_can_be_told(markup: str, height: float | None) -> None:
    """Links in running text are exempt, and measures in em or around an image are left to the browser's tests."""
    tree, _ = parse(f"<mjml><mj-body>{section(markup)}</mj-body></mjml>")
    assert [round(found) for _, found in small_targets(tree)] == ([] if height is None else [height])


@pytest.mark.parametrize(
    "subject",
    [
        "BUY ALL SHOES NOW", "FREE!!!", "Free! Now!", "مجاناً！！", "هل رأيت هذا؟!", "Really??",
        "Only today \u203c\ufe0f", "$$$ for you",
        "Re: your order", "FWD: a question", "RE[2]: hello", "رد: طلبك", "🔥🔥🔥 Sale", "ВСЁ ДЛЯ БЕГА ДЁШЕВО",
    ],
)  # fmt: skip
def test_a_subject_that_looks_like_spam_is_found(subject: str) -> None:
    """By how it is written, in any script."""
    assert list(signs_of_spam(subject))


@pytest.mark.parametrize(
    "subject",
    [
        "Sara, your pair is on its way!", "VIP: BARQ", "10% off, for free delivery", "Why not?",
        "طلبك R-20418 وصل!",
        "رمزك RUNNERSCLUB بانتظارك اليوم في المتجر", "Regarding your order: it is packed",
        "🏃🏽‍♀️ Run with us 🇸🇦", "Reward: 300 points",
        "ردّك: وصلنا وشكراً", "Guaranteed cheap viagra, act now", "Is it you? Yes!",
    ],
)  # fmt: skip
def test_an_honest_subject_is_left_alone(subject: str) -> None:
    """Words are not judged, nor names in capitals, a sign with its colour and gender, or a code in Arabic."""
    assert list(signs_of_spam(subject)) == []


def test_a_mail_is_weighed_with_links_as_long_as_tracked_ones() -> None:
    """The sample's tokens are no shorter than those of the ten-thousand-millionth mail, and not much longer."""
    token = Tokens(b"k" * 32).make(Purpose.CLICK, "9999999999")
    for url in (SAMPLE_ADDRESSES.click_url, SAMPLE_ADDRESSES.open_url, SAMPLE_ADDRESSES.unsubscribe_url):
        sample = re.sub(r".*/|\.gif$", "", url)
        assert len(token) <= len(sample) <= len(token) + 12
    assert len(SAMPLE_ADDRESSES.click_url) > len(ADDRESSES.click_url)


def test_a_lang_that_the_project_has_and_an_image_over_https_are_fine() -> None:
    """A template may say its own language; what it does not have, or loads over http, is found."""
    sound = mjml("<mj-text>Good morning to all of you</mj-text>")
    assert checked({"templates/mail.mjml": sound.replace("<mjml>", '<mjml lang="en" dir="ltr">')}) == []
    wrong = sound.replace("<mjml>", '<mjml lang="fr">').replace(
        "<mj-section>", '<mj-section background-url="http://x">'
    )
    assert [found.code for found in checked({"templates/mail.mjml": wrong})] == ["LC711", "LC707"]
