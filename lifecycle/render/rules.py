"""Every mistake a template, a catalog or a finished mail can have, each with its permanent code.

LC5xx templates and MJML, LC6xx catalogs and locales, LC7xx quality. A docstring's first line is the default message;
the rest is the entry in docs/diagnostics.md.
"""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule, Severity


class TemplateMissing(Rule):
    """There is no template of that name.

    `send: cart/reminder` needs templates/cart/reminder.mjml, or reminder.LOCALE.mjml for the project's default locale.
    Fix: write the file, or correct the name.
    """

    code = "LC501"


class FrontMatterWrong(Rule):
    """The front matter is not as it should be.

    A template opens with `---`, a few lines of YAML and `---`: subject (required), preheader, plain. A value that
    begins with `{{` has to stand in quotes: `subject: "{{ t('welcome.subject') }}"`.
    """

    code = "LC502"


class UndefinedVariable(Rule):
    """The template uses a variable that no mail has.

    `{{ contatc.first_name }}` renders for nobody. Fix: correct the name; docs/templates.md lists what is in scope.
    """

    code = "LC503"


class UnknownFilter(Rule):
    """The template uses a filter or a test that does not exist.

    `{{ cart.total | mony }}`. Fix: correct the name. Filters that could make a mail unsafe (`safe`) or huge
    (`indent`, `center`) are left out on purpose.
    """

    code = "LC504"


class JinjaSyntax(Rule):
    """The Jinja cannot be read.

    `{% if contact.first_name }` or a `{{` that is never closed. Fix: close it.
    """

    code = "LC505"


class StatementRefused(Rule):
    """A template does not take this statement, or not here.

    `if`, `for`, `set`, `with`, `raw`, `block`, `extends` and `include` are all there is. Text comes from catalogs and
    pieces from partials, so there are no macros. Fix: use an include with `{% set %}` before it.
    """

    code = "LC506"


class StatementInTag(Rule):
    """A statement stands inside a tag.

    `<mj-text {% if vip %}color="#fff"{% endif %}>` cannot be compiled once for everybody. Fix: an expression inside
    the quotes, `color="{{ '#fff' if vip else '#000' }}"`.
    """

    code = "LC507"


class StatementCrossesElements(Rule):
    """A block begins in one element and ends in another, or stands where MJML lays out widths.

    Widths are fixed when the template is compiled, so a condition around one `mj-column` of a section is refused, as is
    one inside mj-wrapper, mj-group, mj-social or mj-navbar. Fix: put the whole section into the block.
    """

    code = "LC508"


class PlaceholderInWidth(Rule):
    """A measure depends on the recipient.

    `width="{{ contact.width }}"` cannot be compiled: MJML computes with widths, heights and paddings. Fix: a fixed
    measure, or one from `brand`, which is known when the template is compiled.
    """

    code = "LC509"


class IncludeWrong(Rule):
    """An include, layout or block cannot be expanded.

    Names are literal and stay inside templates/: `{% include "partials/button.mjml" %}`. A file may not include itself,
    ten levels deep is the limit, and a child of a layout writes inside `{% block %}` only.
    """

    code = "LC510"


class MarkupBroken(Rule):
    """The MJML is not well formed.

    A tag that is not closed, a bare `<`, an attribute without quotes. Fix: close, escape (`&lt;`) or quote it.
    """

    code = "LC511"


class UnknownTag(Rule):
    """MJML has no such tag.

    `<mj-buton>` would vanish without a word from the mail. Fix: correct the name.
    """

    code = "LC512"


class UnknownAttribute(Rule):
    """The tag has no such attribute.

    `<mj-text colour="#333">` has no effect. Fix: correct the name.
    """

    code = "LC513"


class TagMisplaced(Rule):
    """The tag or text may not stand here.

    `<mj-text>` belongs into a `mj-column`, a column into a `mj-section`. Misplaced ones vanish or break the layout in
    Outlook. Fix: wrap it.
    """

    code = "LC514"


class BadAttributeValue(Rule):
    """The attribute's value is not of its kind.

    `width="wide"`, `color="dark grey"`, `align="middle"`. Fix: a measure (`12px`, `50%`), a colour, one of the words.
    """

    code = "LC515"


class LinkRefused(Rule):
    """The link goes nowhere a mail may lead.

    `javascript:` and `data:` are refused, and a link without https:// cannot be followed from a mail. Fix: an absolute
    https address, mailto:, tel:, or one of unsubscribe_url, preferences_url, view_url.
    """

    code = "LC516"


class NotCompiled(Rule):
    """MJML could not compile the template.

    Our own checker found nothing, the MJML compiler did: CDATA, a processing instruction, an odd attribute name.
    Fix: simplify the markup.
    """

    code = "LC517"


class NotInScope(Rule):
    """A campaign sends the template, and cannot fill one of its variables.

    `coupon.code` needs a `coupon` step before the send; `event.…` needs a trigger that is an event. Without it every
    recipient ends in render_error. Fix: add the step, or guard with `{% if coupon %}`.
    """

    code = "LC518"


class CatalogWrong(Rule):
    """A catalog of texts is not as it should be.

    locales/LOCALE.yaml is a map of keys to texts, maps, or plurals by category (zero, one, two, few, many,
    other; see LC606). Links stand in templates, where they are tracked, never in catalogs.
    """

    code = "LC601"


class UnknownKey(Rule):
    """No catalog has the text.

    `t('cart.titel')` is in neither the locale's catalog nor the default one's. Fix: correct the key, or add the text.
    """

    code = "LC602"


class LocaleFallsBack(Rule):
    """A locale falls back to another.

    A template or text for that locale is missing, so its readers get the default one. Fix: add the text to
    locales/LOCALE.yaml, or templates/NAME.LOCALE.mjml.
    """

    code = "LC603"
    severity = Severity.WARNING


class NoLocaleToFallBackTo(Rule):
    """The template exists for some locales only, and not for the default.

    templates/NAME.ar.mjml alone leaves readers of other languages without a mail. Fix: add NAME.mjml or the default's.
    """

    code = "LC604"


class MissingArgument(Rule):
    """The text has a placeholder that the call does not fill.

    "Hello {name}" called as `t('hello')`. Fix: `t('hello', name=contact.first_name)`; a plural needs `count=`.
    """

    code = "LC605"


class PluralFormMissing(Rule):
    """A plural lacks a form that its locale has.

    Arabic says zero, one, two, few (3 to 10), many (11 to 99) and other, by CLDR; English one and other. Without `few`,
    three pieces read as a hundred do. What only fractions or a round million take is not asked for, but for `other`,
    which is always needed. Fix: write the form; where two read alike, write the same text twice.
    """

    code = "LC606"


class PluralFormUnused(Rule):
    """A plural has a form that its locale never takes.

    `few` in English: no number is few there, so nobody reads it. Fix: delete it, or look whether the text stands in the
    right catalog.
    """

    code = "LC607"
    severity = Severity.WARNING


class PluralFormUnknown(Rule):
    """A plural has a form that no language has.

    The forms are zero, one, two, few, many and other. There is no `=0` and no `none`. Fix: correct the name.
    """

    code = "LC608"


class CatalogOfNoLocale(Rule):
    """A catalog is named after no locale of the project.

    locales/ar.yaml serves ar, and ar-SA where that has no text of its own. Fix: rename the file, or add the locale to
    `locales.available`.
    """

    code = "LC609"
    severity = Severity.WARNING


class PlaceholderOfOneLocale(Rule):
    """A text has a placeholder that the default locale's text does not have.

    {nmae} in Arabic, where English has {name}: templates do not fill it, and the mail ends in render_error. Fix:
    correct the name, or add the placeholder to the other locale.
    """

    code = "LC610"


class PlaceholderLost(Rule):
    """A text lacks a placeholder that the default locale's text has.

    English says {percent}, Arabic does not, so its readers are not told. The forms zero, one and two may do without
    {count}. Fix: say it in both.
    """

    code = "LC611"
    severity = Severity.WARNING


class KeyOfOneLocale(Rule):
    """A catalog has a key that the default locale's catalog does not have.

    Most often it is misspelt, and readers of the locale get the default's text instead. Fix: correct the key, or add it
    to the default's catalog.
    """

    code = "LC612"
    severity = Severity.WARNING


class TextMarkup(Rule):
    """The markup of a text is not balanced.

    An unclosed <b> makes the rest of the mail bold. Fix: close it; `<` as a sign is written &lt;.
    """

    code = "LC613"


class LinksDiffer(Rule):
    """Two locales of a mail lead to different places.

    templates/NAME.ar.mjml is held against templates/NAME.mjml: each link, as often as it is there. Tracking parameters
    and the locale itself (/ar/shoes, ?lang=ar) make no difference. Fix: correct the link, or add it.
    """

    code = "LC614"
    severity = Severity.WARNING


class VariablesDiffer(Rule):
    """Two locales of a mail show different things.

    One uses coupon.code, the other does not: one of the two was edited alone. Fix: use it in both.
    """

    code = "LC615"
    severity = Severity.WARNING


class FrontMatterDiffers(Rule):
    """The front matter of one locale has what another's lacks.

    A plain text written by hand, in one version of the mail alone: the other's is made from its MJML. Without a subject
    it is LC502, without a preheader LC703. Fix: write it for both.
    """

    code = "LC616"
    severity = Severity.WARNING


class NoUnsubscribeLink(Rule):
    """A marketing mail has no way out.

    A template that a marketing campaign sends links to `unsubscribe_url` or `preferences_url`. Fix: include the footer
    partial, or write `<a href="{{ unsubscribe_url }}">`.
    """

    code = "LC701"


class MissingAlt(Rule):
    """An image has no alternative text.

    Many read mails with images off, or aloud. Fix: alt="what it shows", or alt="" for decoration.
    """

    code = "LC702"
    severity = Severity.WARNING


class ShortPreheader(Rule):
    """The preheader is not between 40 and 90 characters long.

    Inboxes show it beside the subject; when it is short they fill up with whatever the mail begins with.
    """

    code = "LC703"
    severity = Severity.WARNING


class TooHeavy(Rule):
    """The mail weighs more than 102 KB.

    Gmail clips it there, and the unsubscribe link with it. Weighed is the HTML for the sample, with CSS inlined and
    links as long as the tracked ones. Fix: fewer sections, less repeated CSS.
    """

    code = "LC704"
    severity = Severity.WARNING


class LowContrast(Rule):
    """Text stands out too little from its background.

    WCAG asks for a contrast of 4.5 to 1. Fix: a darker text or a lighter background.
    """

    code = "LC705"
    severity = Severity.WARNING


class ImageOnly(Rule):
    """The mail has hardly a word in it.

    A mail of images alone is blank with images off and looks like spam. Fix: write what it says as text.
    """

    code = "LC706"
    severity = Severity.WARNING


class InsecureLink(Rule):
    """A link or image goes over http.

    Mail clients warn, or do not load it. Fix: https.
    """

    code = "LC707"
    severity = Severity.WARNING


class SubjectLooksLikeSpam(Rule):
    """The subject looks like spam.

    Capitals throughout, several exclamation marks, `؟!`, `$$`, more than two emoji, or a `Re:` that answers nobody cost
    a place in the inbox. Words are not judged. Fix: write as you would to a friend.
    """

    code = "LC708"
    severity = Severity.WARNING
