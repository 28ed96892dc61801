"""More of what makes a mail worse without making it wrong: the dark, thumbs, and what the head says. LC709 to LC711."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule, Severity


class LowContrastInDark(Rule):
    """Text stands out too little from its background in the dark.

    Judged are the template's own rules under `@media (prefers-color-scheme: dark)`, by tags and classes: what they set,
    and what they forget, as a text that stays dark on a ground that became so. A rule needs `!important` to beat the
    colours that MJML writes into each tag. A mail without such rules is not judged: it says that it is light, and the
    clients that invert it anyway look after the contrast. Fix: colour the text there too.
    """

    code = "LC709"
    severity = Severity.WARNING


class SmallTarget(Rule):
    """What is to be tapped is too small for a thumb.

    A button needs 44 px: its line height and the inner padding above and below; so does a link that is drawn as a
    block. MJML's own button has 36. Links in running text are exempt. Fix: inner-padding="15px 25px", or a higher line.
    """

    code = "LC710"
    severity = Severity.WARNING


class HeadHasNoEffect(Rule):
    """The template says what the engine says itself.

    A mail's title is its subject, its preview the preheader, its language and direction those of the locale it is
    rendered for; so no mail is without them, and `<mj-title>`, `<mj-preview>` or a `lang` of the template's own is
    replaced. Fix: delete it, or write it into the front matter.
    """

    code = "LC711"
    severity = Severity.WARNING
