"""Whose CSS is inlined, and which measures the MJML compiler understands."""

from __future__ import annotations

from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml has no stubs of its own
from rendering import mail, mjml

IMAGE = '<mj-image src="https://shop.example/1.png" alt="A shoe" padding="0 20px" />'


def styled(css: str, body: str, locale: str = "en") -> str:
    """Return the HTML of a mail with CSS of its author's."""
    head = f"<mj-head><mj-style>{css}</mj-style></mj-head>"
    source = mjml(body).replace("<mjml>", f"<mjml>{head}")
    return mail("", locale, files={"templates/mail.mjml": source}).html


def test_css_beside_a_media_query_is_inlined() -> None:
    """One block of CSS with both is what people write."""
    css = ".lead { margin: 3px } @media only screen and (max-width: 480px) { .lead { margin: 0 } }"
    page = styled(css, '<mj-text><p class="lead">Hi</p></mj-text>')
    assert lxml_html.document_fromstring(page).xpath("//p/@style") == ["margin:3px"]
    assert "@media only screen and (max-width: 480px)" in page


def test_css_of_a_carousel_is_not_inlined() -> None:
    """It hides the arrows until a picture is chosen; in a style attribute it would hide them for good."""
    images = "".join(f'<mj-carousel-image src="https://shop.example/{n}.png" alt="{n}" />' for n in (1, 2))
    page = styled(".lead { margin: 3px }", f"<mj-carousel>{images}</mj-carousel>")
    assert lxml_html.document_fromstring(page).xpath("//label/@style") == []


def test_marks_of_the_inliner_are_not_sent() -> None:
    """What tells the authors' CSS from the compiler's is nobody's business."""
    page = styled(".lead { margin: 3px }", "<mj-text>Hi</mj-text>")
    assert "premailer" not in page
    assert "/*author*/" not in page


def test_columns_are_turned_in_a_mail_with_css_too() -> None:
    """Inlining writes the columns' styles anew, with spaces."""
    page = styled("div { margin: 0 }", "<mj-text>مرحبا</mj-text>", "ar")
    columns = lxml_html.document_fromstring(page).xpath("//div[contains(@class, 'mj-outlook-group-fix')]/@style")
    assert columns
    assert all("text-align:right" in style for style in columns)


def test_a_bare_zero_in_a_padding_counts() -> None:
    """`0 20px` leaves 560 of 600 px for the picture, as `0px 20px` does."""
    tree = lxml_html.document_fromstring(mail(IMAGE).html)
    assert tree.xpath("//img[@alt='A shoe']/@width") == ["560"]


def test_an_icon_without_a_text_is_passed_over_aloud() -> None:
    """Without alt a screen reader reads the file's name; the word beside the icon is there anyway."""
    icons = "".join(
        f'<mj-social-element name="web" href="https://shop.example"{alt}>Web</mj-social-element>'
        for alt in ("", ' alt="Shop"')
    )
    tree = lxml_html.document_fromstring(mail(f"<mj-social>{icons}</mj-social>").html)
    assert tree.xpath("//img[contains(@src, 'web.png')]/@alt") == ["", "Shop"]


def test_a_fluid_hero_keeps_the_shape_of_its_picture() -> None:
    """Cells of a padding in percent hold it open, however wide the mail is."""
    source = mjml("").replace(
        "<mj-section>",
        '<mj-hero mode="fluid-height" background-url="https://shop.example/h.jpg" background-width="600px"'
        ' background-height="300px"><mj-text>Out</mj-text></mj-hero><mj-section>',
    )
    assert "padding-bottom:50%" in mail("", files={"templates/mail.mjml": source}).html
