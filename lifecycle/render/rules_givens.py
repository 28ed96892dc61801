"""What a campaign has to give the templates it sends; found where a template's reads meet the steps before its send."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule, Severity


class CouponExpired(Rule):
    """The coupon has expired before the mail that brings it.

    The wait between the coupon and the mail is as long as the coupon is valid, or longer; or the night that may hold
    the mail is. Fix: make the coupon right before the send, or let it be valid for longer.
    """

    code = "LC407"
    severity = Severity.WARNING


class CouponNotMade(Rule):
    """The mail names a coupon that is not made on every way to it.

    The `coupon` step comes after the send, or in one arm of a branch only: some get the mail without a code, which ends
    in render_error. Fix: make the coupon before the branch, or guard it in the template with `{% if coupon %}`.
    """

    code = "LC413"


class DataNotGiven(Rule):
    """The template reads something from `data` that this send does not give.

    What stands under `data:` of a send step is what its template knows as `data`. Fix: add it there, or guard it in the
    template with `{% if data.NAME %}`.
    """

    code = "LC419"


class AttributeMayBeMissing(Rule):
    """An attribute is printed that a contact may not have.

    Whoever has none gets no mail: it ends in render_error. Fix: say what stands there instead,
    `{{ contact.first_name or "there" }}`, or guard it with `{% if contact.first_name %}`.
    """

    code = "LC522"
    severity = Severity.WARNING
