"""Campaigns that are right, and that a rule which guesses would find fault with: nothing is said of them."""

from __future__ import annotations

import pytest
from golden_diagnostics import FOLDER, read_case

from lifecycle.plan.diagnose import diagnose
from lifecycle.spec.diagnostics import as_text
from lifecycle.spec.project import load

_HEAD = """stage: awareness
topic: offers
goal: {event: Order Completed, within: 5d, value: properties.total}
"""
_STEPS = "steps:\n  - send: welcome/hello\n"
_MAIL = """---
subject: Hello there
preheader: Something of forty characters and more, for the inbox
---
<mjml><mj-body><mj-section><mj-column>
  <mj-text>%s</mj-text>
  <mj-text>Enough words for a mail that is more than one image, so that it counts as text in every inbox.</mj-text>
  <mj-text><a href="{{ unsubscribe_url }}">Leave</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def said_of(**campaigns: str) -> list[str]:
    """Return what `check` says of campaigns by name."""
    files = read_case(FOLDER / "base.case", {}).files
    files |= {f"campaigns/{name}.yaml": f"campaign: {name}\n{_HEAD}{text}" for name, text in campaigns.items()}
    return [as_text(found, files) for found in load(files).diagnostics]


def said_of_mail(body: str, campaign: str) -> list[str]:
    """Return what `check` says of a mail and the campaign that sends it."""
    files = {
        "lifecycle.yaml": read_case(FOLDER / "base.case", {}).files["lifecycle.yaml"],
        "campaigns/promo.yaml": f"campaign: promo\n{_HEAD}{campaign}",
        "templates/mail.mjml": _MAIL % body,
    }
    return [as_text(found, files) for found in diagnose(files)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("contact.locale: {starts_with: ar}", "contact.locale: {starts_with: en}"),
        ("contact.country: SA", "not: {contact.country: {in: [SA, AE]}}"),
        ("orders.count: {at_least: 5}", "not: {orders.count: {at_least: 3}}"),
        ("contact.country: SA", "not: {any: [{contact.country: SA}, {contact.country: AE}]}"),
        (
            "any: [{contact.country: SA}, {contact.country: AE}]",
            "all: [{not: {contact.country: SA}}, {not: {contact.country: AE}}]",
        ),
        ("event: Order Completed", "not: {event: [Order Completed, Product Added]}"),
    ],
)
def test_audiences_that_nobody_is_in_both_of_may_share_a_trigger(one: str, other: str) -> None:
    """Negations, alternatives and the beginnings of texts are seen through."""
    trigger = "trigger: {event: Signed Up}\naudience: {%s}\n"
    assert not said_of(first=trigger % one + _STEPS, second=trigger % other + _STEPS)


def test_audiences_that_somebody_is_in_both_of_are_still_told() -> None:
    """What is not proved is possible: `ar` and `ar-SA`, three and five orders, a value that is missing."""
    for one, other in (
        ("contact.locale: {starts_with: ar}", "contact.locale: {starts_with: ar-SA}"),
        ("orders.count: {at_least: 2}", "not: {orders.count: {at_least: 3}}"),
        ("contact.country: {is_not: SA}", "not: {contact.country: {in: [SA, AE]}}"),
        ("event: Order Completed", "not: {event: Order Completed, within: 30d}"),
    ):
        trigger = "trigger: {event: Signed Up}\naudience: {%s}\n"
        said = said_of(first=trigger % one + _STEPS, second=trigger % other + _STEPS)
        assert len(said) == 1, (one, other)
        assert "LC411" in said[0]


def test_campaigns_of_two_seasons_or_two_sides_of_a_topic_are_apart() -> None:
    """One is over before the other begins; one is for those who did not agree to the other's topic."""
    trigger = "trigger: {event: Signed Up}\n"
    assert not said_of(spring=f"ends: 2026-04-01\n{trigger}{_STEPS}", summer=f"starts: 2026-04-01\n{trigger}{_STEPS}")
    ask = f"{trigger}audience: {{not: {{consent: offers}}}}\n{_STEPS}"
    files = read_case(FOLDER / "base.case", {}).files
    files["campaigns/ask.yaml"] = "campaign: ask\n" + _HEAD.replace("offers", "news") + ask
    files["campaigns/hello.yaml"] = f"campaign: hello\n{_HEAD}{trigger}{_STEPS}"
    assert not load(files).diagnostics


def test_what_comes_after_the_goals_time_may_wait_for_the_same_event() -> None:
    """A goal ends the journey for five days; who orders after ten comes to the step."""
    waiting = "  - wait_for: {event: Order Completed, timeout: 7d, then: [{update: {vip: true}}]}\n"
    assert not said_of(promo=f"trigger: {{event: Signed Up}}\n{_STEPS}  - wait: 10d\n{waiting}")


def test_a_mail_after_the_second_coupon_may_call_it_coupon() -> None:
    """`coupon` is the last that was made; the first one has run out, and nobody speaks of it."""
    steps = """steps:
  - coupon: {percent: 5, expires: 1d, as: first}
  - wait: 3d
  - coupon: {percent: 10, expires: 3d, as: second}
  - send: mail
"""
    trigger = "trigger: {event: Signed Up}\n"
    assert not said_of_mail("{{ coupon.code }} {{ second.percent }}", trigger + steps)
    assert "LC407" in said_of_mail("{{ first.code }}", trigger + steps)[0]


def test_a_value_with_another_in_its_stead_is_not_needed() -> None:
    """`or` asks whether it is there, as `if` and `default` do."""
    steps = "trigger: {event: Signed Up}\nsteps:\n  - send: mail\n"
    assert not said_of_mail("{{ data.colour or 'red' }} {{ coupon.code or 'no code' }}", steps)
