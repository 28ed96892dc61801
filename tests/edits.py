"""A piece of the sample project, and edits that introduce mistakes into every kind of its files, or undo them."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shop import sample_files

Files = Mapping[str, str]

#: what is kept of the sample: its cart and order mails
_KEPT = (
    "lifecycle.yaml", "locales/", "segments/", "campaigns/cart-abandonment.", "campaigns/order-confirmation.",
    "templates/cart/discount.", "templates/order/", "templates/layouts/", "templates/partials/",
)  # fmt: skip
#: the sends of the campaign whose templates are not kept
_DROPPED = re.compile(r"  - send: cart/(?:reminder|sizing).*\n(?:    .*\n)*|      - otherwise:\n.*cart/last-call\n")


@cache
def small_sample() -> Files:
    """Return two of the sample's templates with all that they stand on: enough to be told apart, quick to check."""
    kept = {path: text for path, text in sample_files().items() if path.startswith(_KEPT)}
    return {path: _DROPPED.sub("", text) if path.startswith("campaigns/") else text for path, text in kept.items()}


@dataclass(frozen=True)
class Edit:
    """What somebody does to one file: `pattern` there becomes `by`, once. Without a pattern the file is gone."""

    path: str
    pattern: str = ""
    by: str = ""
    #: what check says then, None where the edit is no mistake
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.path} {self.pattern!r} → {self.by!r}"

    def on(self, files: Files) -> Files:
        """Return the files with the edit made."""
        if not self.pattern:
            return {path: text for path, text in files.items() if path != self.path}
        text, count = re.subn(self.pattern, self.by, files.get(self.path, ""), count=1, flags=re.MULTILINE)
        assert count, f"{self} finds nothing to change"
        return {**files, self.path: text}


EDITS = (
    # templates, layouts and partials
    Edit("templates/cart/discount.mjml", r"cart\.url", "cart.ulr", "LC503"),
    Edit("templates/cart/discount.mjml", r"coupon\.expires_at \| countdown", "coupon.expires_at | countdow", "LC504"),
    Edit("templates/cart/discount.mjml", "{% endblock %}", "{% endblok %}", "LC510"),
    Edit("templates/cart/discount.mjml", r"partials/hero\.mjml", "partials/heroo.mjml", "LC510"),
    Edit("templates/cart/discount.mjml", r"cart\.discount\.title", "cart.discount.titel", "LC602"),
    Edit("templates/partials/button.mjml", "<mj-button", "<mj-buton", "LC511"),
    Edit("templates/partials/coupon.mjml", r"coupon\.code", "coupon.kode", "LC503"),
    Edit("templates/partials/footer.mjml", "unsubscribe_url", "view_url"),
    Edit("templates/partials/footer.mjml", "<a href", "<a hrefs"),
    Edit("templates/partials/head.mjml", "mj-attributes", "mj-attribute"),
    Edit("templates/partials/head.mjml", "line-height", "line-hight", "LC513"),
    Edit("templates/partials/head.mjml", r"brand\.colours\.ink", "brand.colors.ink", "LC503"),
    Edit("templates/layouts/base.mjml", r'  {% include "partials/footer\.mjml" %}\n', "", "LC701"),
    Edit("templates/layouts/base.mjml", r"\A", "{# said again #}\n"),
    Edit("templates/layouts/transactional.mjml", "600px", "wide", "LC515"),
    Edit("templates/partials/header.mjml", code="LC510"),
    Edit("templates/cart/discount.mjml", code="LC205"),
    Edit("templates/partials/button.ar.mjml", r"\A\Z", "<mj-section><mj-buton></mj-section>", "LC511"),
    Edit("templates/cart/discount.ar.mjml", r"\A\Z", "<mjml></mjml>", "LC502"),
    Edit("templates/cart/extra.mjml", r"\A\Z", "---\nsubject: Hi\n---\n<mjml><mj-body></mj-body></mjml>", "LC703"),
    # catalogs
    Edit("locales/en.yaml", r"^  unsubscribe: .*\n", "", "LC602"),
    Edit("locales/ar.yaml", r"^  unsubscribe: .*\n", "", "LC603"),
    Edit("locales/ar.yaml", "{date}", "{day}"),
    Edit("locales/en.yaml", "{date}", "{day}"),
    Edit("locales/en.yaml", r"^coupon:", "cupon:", "LC602"),
    Edit("locales/en.yaml", r"\A", "# a remark, and all places move\n"),
    Edit("locales/ar.yaml", r"^footer:", "footer: {", "LC007"),
    Edit("locales/ar.yaml"),
    Edit("locales/en.yaml", code="LC602"),
    Edit("locales/fr.yaml", r"\A\Z", "footer: {help: Oui}\n"),
    # campaigns
    Edit("campaigns/cart-abandonment.yaml", "as: coupon", "as: code"),
    Edit("campaigns/cart-abandonment.yaml", r"^ +- coupon: .*\n", "", "LC518"),
    Edit("campaigns/cart-abandonment.yaml", r"^topic: offers", "topic: offers\nkind: transactional"),
    Edit("campaigns/cart-abandonment.yaml", r"cart/discount", "cart/discont", "LC205"),
    Edit("campaigns/cart-abandonment.yaml", r"^stage: decision", "stage: decison"),
    Edit("campaigns/cart-abandonment.yaml", r"event: \[Product Added, Checkout Started\]", "event: Order Completed"),
    Edit("campaigns/cart-abandonment.yaml", r"^steps:", "steeps:"),
    Edit("campaigns/cart-abandonment.yaml"),
    Edit("campaigns/order-confirmation.yaml", r"^kind: transactional", "kind: marketing\ntopic: offers", "LC701"),
    Edit("campaigns/order-confirmation.yaml", r"order/confirmation", "cart/discount", "LC518"),
    Edit("campaigns/order-confirmation.yaml", r"^  - points:", "  - coupon: {percent: 5, as: thanks}\n  - points:"),
    Edit(
        "campaigns/cart-abandonment.yaml",
        r"event: \[Product Added, Checkout Started\]\n(  .*\n)*audience: .*",
        "segment_entered: cart-abandoners",
    ),
    # segments
    Edit("segments/cart-abandoners.yaml", r"cart\.items", "orders.count"),
    Edit("segments/cart-abandoners.yaml", "^where:", "were:"),
    Edit("segments/cart-abandoners.yaml"),
    # the project
    Edit("lifecycle.yaml", r"available: \[en, ar\]", "available: [en]"),
    Edit("lifecycle.yaml", r"available: \[en, ar\]", "available: [en, ar, fr]", "LC603"),
    Edit("lifecycle.yaml", r"default: en", "default: ar"),
    Edit("lifecycle.yaml", r"currency: SAR", "currency: XXX1"),
    Edit("lifecycle.yaml", r"    ink: ", "    ynk: "),
    Edit("lifecycle.yaml", r"^  utm: .*\n", ""),
    Edit("lifecycle.yaml", r"^    accent: .*", '    accent: "#FFFFFF"', "LC705"),
    Edit("lifecycle.yaml", r"\A", "# a remark, and all places move\n"),
    Edit("lifecycle.yaml", r"^project:", "projct:"),
    # samples
    Edit("templates/cart/discount.sample.yaml"),
    Edit("templates/cart/discount.sample.yaml", r"\Z", "\ncart: {lines: none}\n"),
    Edit("templates/cart/discount.sample.yaml", r"\Z", "\ncuopon: {}\n"),
    Edit("templates/cart/discount.sample.yaml", r"\A", "- {"),
    Edit("templates/order/confirmation.sample.yaml", r"^order:", "ordre:"),
)  # fmt: skip


def at_random(files: Files, seed: int) -> Files:
    """Return files in which one line of one file is gone, doubled, moved, misspelt or taken from another file."""
    dice = random.Random(seed)  # noqa: S311 - a reproducible edit, no secret
    path = dice.choice(sorted(files))
    lines = files[path].split("\n")
    here = dice.randrange(len(lines))
    match dice.randrange(6):
        case 0:
            del lines[here]
        case 1:
            lines.insert(here, lines[here])
        case 2:
            lines.insert(dice.randrange(len(lines)), lines.pop(here))
        case 3:
            other = files[dice.choice(sorted(files))].split("\n")
            lines[here] = dice.choice(other)
        case 4:
            lines[here] = _misspelt(lines[here], dice)
        case _:
            lines[here] = _misspelt(" ".join(lines[here : here + 1]), dice) + dice.choice(["", " x", "}", '"', "%}"])
    return {**files, path: "\n".join(lines)}


def _misspelt(line: str, dice: random.Random) -> str:
    words = list(re.finditer(r"\w{3,}", line))
    if not words:
        return line + "x"
    word = dice.choice(words)
    middle = dice.randrange(word.start() + 1, word.end())
    return line[:middle] + dice.choice(["", "q", "_"]) + line[middle + 1 :]
