"""Mistakes around a template's sample, the person that previews and checks show a mail to: LC519 to LC521."""

from __future__ import annotations

from lifecycle.spec.diagnostics import Rule, Severity


class SampleWrong(Rule):
    """The sample is not as it should be.

    templates/NAME.sample.yaml is a map of what a mail can speak of: contact, account, event, cart, order, points,
    referral, data, and coupons by the name of their step. It lies over a person that is built in. `samples` holds
    further people by name, each a map of the same names, which lies over the plain one. Fix: correct it.
    """

    code = "LC519"


class SampleFails(Rule):
    """The mail cannot be shown to its sample.

    `{{ contact.shoe_size }}` fails for everybody who has no shoe size, and the sample is one of them: the mail's
    weight, preheader and text are not judged, and `lifecycle preview` shows nothing. Fix: give NAME.sample.yaml what
    it lacks, or the template a default: `{{ contact.shoe_size | default('–') }}`.
    """

    code = "LC520"
    severity = Severity.WARNING


class SampleOfNothing(Rule):
    """The sample belongs to no template.

    `remindr.sample.yaml` beside `reminder.mjml` is read by nobody; one sample serves all locales of a template. Fix:
    name it NAME.sample.yaml.
    """

    code = "LC521"
    severity = Severity.WARNING
