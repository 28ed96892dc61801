"""`lifecycle test`: passes when exactly the expected mails come, and shows the difference when not."""

from __future__ import annotations

from lifecycle.plan.journey_tests import Result, run_tests
from lifecycle.spec.journey_tests import load_journey_tests
from lifecycle.spec.project import load
from shop import sample_files

TEST = """
test: A bag left alone
campaign: cart-abandonment
given:
  contact: {email: sara@example.com, consent: {offers: CONSENT}}
  events:
    - {at: +0m, event: Product Added, properties: {cart_id: c, product_id: p, name: P, price: 10, quantity: 1}}
expect: EXPECT
"""
TWO = "[{at: +60m, send: cart/reminder}, {at: +24h, send: cart/sizing}"


def _run(expect: str, consent: str = "true", test: str = TEST, **files: str) -> Result:
    text = test.replace("EXPECT", expect).replace("CONSENT", consent)
    every = {**sample_files(), **{path.replace("__", "/"): found for path, found in files.items()}}
    content = load(every).content
    assert content is not None
    tests, diagnostics = load_journey_tests({"tests/journeys/one.yaml": text}, content)
    assert not [found for found in diagnostics if found.is_error], diagnostics
    [result] = run_tests(tests, content)
    return result


def test_a_test_whose_mails_all_come_passes() -> None:
    """Each at its minute, and no other."""
    result = _run(TWO + ", {at: +72h, send: cart/last-call}]")
    assert result.passed, result.diff


def test_a_failing_test_prints_the_difference() -> None:
    """What is missing, what nobody expected, and what is as expected, in the order of time."""
    result = _run("[{at: +61m, send: cart/reminder}, {at: +24h, send: cart/sizing}]")
    assert not result.passed
    assert [line.split() for line in result.diff] == [
        ["-", "+61m", "cart/reminder"],
        ["+1d", "cart/sizing"],
        ["+", "+1h", "cart/reminder"],
        ["+", "+3d", "cart/last-call"],
    ]


def test_a_missing_mail_says_why_it_was_skipped() -> None:
    """The reason stands beside it."""
    result = _run("[{at: +1h, send: cart/reminder}]", consent="false")
    assert "(skipped: not_consented at +1h)" in result.diff[0]


def test_nothing_is_something_to_expect() -> None:
    """No mail at all; one that comes makes it fail."""
    assert _run("nothing", consent="false").passed
    assert not _run("nothing").passed


def test_what_the_contact_is_at_the_start_triggers_nothing_and_its_first_event_does() -> None:
    """An event at +0m brings it into the segment; a contact that was in it before does not enter it."""
    segment = "segment: fans\nlabel: Fans\nwhere: {any: [{event: Signed Up}, {contact.country: SA}]}\n"
    campaign = """
campaign: fans
stage: awareness
topic: offers
send_window: {quiet_hours: ignore}
trigger: {segment_entered: fans}
steps: [{send: welcome/hello}]
"""
    head = "test: Fans\ncampaign: fans\ngiven:\n"
    event = "  events: [{at: +0m, event: Signed Up}]\n"
    new = "  contact: {email: a@example.com, consent: {offers: true}}\n"
    old = "  contact: {email: a@example.com, country: SA, consent: {offers: true}}\n"
    files = {"segments__fans.yaml": segment, "campaigns__fans.yaml": campaign}
    assert _run("[{at: +0m, send: welcome/hello}]", test=head + new + event + "expect: EXPECT\n", **files).passed
    assert _run("nothing", test=head + old + event + "expect: EXPECT\n", **files).passed


def test_what_time_brings_can_be_tested() -> None:
    """A birthday: at nine where the contact is."""
    campaign = """
campaign: birthday
stage: retention
topic: offers
reentry: always
trigger: {date: {of: contact.birthday, every: year}}
steps: [{send: welcome/hello}]
"""
    test = """
test: Happy birthday
campaign: birthday
given:
  start: 2026-11-01T00:00:00Z
  contact: {email: a@example.com, birthday: "1990-11-03", timezone: Africa/Cairo, consent: {offers: true}}
expect: EXPECT
"""
    result = _run("[{at: +55h, send: welcome/hello}]", test=test, **{"campaigns__birthday.yaml": campaign})
    assert result.passed, result.diff
