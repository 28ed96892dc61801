"""The sample's journey tests: every campaign has several, and one that changes its mind fails one of them."""

from __future__ import annotations

import pytest

from lifecycle.plan.journey_tests import Result, run_tests
from lifecycle.spec.journey_tests import JourneyTest, load_journey_tests
from lifecycle.spec.model import Content
from lifecycle.spec.project import load
from shop import sample_files


def _sample(path: str = "", old: str = "", new: str = "") -> tuple[tuple[JourneyTest, ...], Content]:
    files = sample_files()
    if path:
        assert files[path].count(old) == 1, f"{path} has moved on"
        files = {**files, path: files[path].replace(old, new)}
    content = load(files).content
    assert content is not None
    tests, found = load_journey_tests(files, content)
    assert found == []
    return tests, content


def _failures(path: str, old: str, new: str) -> list[Result]:
    tests, content = _sample(path, old, new)
    about = [test for test in tests if path == f"campaigns/{test.campaign}.yaml"]
    return [result for result in run_tests(about, content) if not result.passed]


def test_every_journey_test_of_the_sample_passes() -> None:
    """`lifecycle test` in the sample project."""
    tests, content = _sample()
    assert {result.test.path: result.diff for result in run_tests(tests, content) if not result.passed} == {}


def test_each_campaign_of_the_sample_has_several_journey_tests_and_one_in_arabic() -> None:
    """What nobody expects of a campaign, nobody notices when it is gone."""
    tests, content = _sample()
    for name in content.campaigns:
        about = [test for test in tests if test.campaign == name]
        assert len(about) >= 3, name
        assert any(str(test.given.contact.get("locale", "")).startswith("ar") for test in about), name


@pytest.mark.parametrize(
    ("path", "old", "new", "test"),
    [
        (
            "cart-abandonment",
            "audience: {cart.items: {at_least: 1}}",
            "audience: {cart.items: {at_least: 0}}",
            "cart-emptied",
        ),
        ("cart-abandonment", "send_window: {quiet_hours: ignore}", "send_window: {quiet_hours: keep}", "cart-at-night"),
        (
            "cart-abandonment",
            "{cart.total: {at_least: 600}}",
            "{cart.total: {at_least: 60}}",
            "cart-small-bag-gets-no-code",
        ),
        ("cart-abandonment", "quiet_for: 1h", "quiet_for: 2h", "cart-at-night"),
        ("cart-abandonment", "reentry: {after: 7d}", "reentry: {after: 1d}", "cart-same-bag-within-the-week"),
        ("cart-abandonment", "reentry: {after: 7d}", "reentry: once", "cart-same-bag-a-week-later"),
        ("cart-abandonment", "topic: offers\n", "kind: transactional\n", "cart-without-consent"),
        (
            "welcome",
            "goal: {event: Order Completed, within: 14d, value: properties.total}",
            "goal: {event: Order Refunded, within: 14d}",
            "welcome-ends-with-an-order",
        ),
        ("welcome", "reentry: once", "reentry: always", "welcome-only-once"),
        (
            "welcome",
            "  event: Signed Up\n  where: {properties.source: {is_not: friend}}",
            "  event: Product Viewed",
            "welcome-three-mails",
        ),
        ("welcome", "{is_not: friend}", "{is_not: foe}", "welcome-not-for-a-friends-friend"),
        ("loyalty", "{orders.total: {at_least: 2000}}", "{orders.total: {at_least: 3000}}", "loyalty-vip"),
        ("loyalty", "  - wait: 21d", "  - wait: 14d", "loyalty-second-order"),
        ("loyalty", "{segment_entered: loyal}", "{segment_entered: first-time-buyers}", "loyalty-not-after-one-order"),
        ("newsletter", "topic: newsletter", "topic: offers", "newsletter-not-for-offers"),
        ("newsletter", "topic: newsletter", "topic: launches", "newsletter-goes-when-it-is-sent"),
        (
            "order-confirmation",
            "kind: transactional",
            "kind: marketing\ntopic: offers",
            "order-confirmation-needs-no-consent",
        ),
        ("referral", "exit_when: {event: Order Refunded}\n", "", "referral-not-after-a-refund"),
        (
            "referral",
            "{properties.rating: {at_least: 4}}",
            "{properties.rating: {at_least: 3}}",
            "referral-not-after-a-poor-review",
        ),
        ("referral", "reentry: {after: 180d}", "reentry: {after: 30d}", "referral-once-in-half-a-year"),
        ("referral", "event: Invite Shared", "event: Referral Completed", "referral-shared-in-time"),
        (
            "thank-you",
            "exit_when: {event: [Order Refunded, Order Cancelled]}",
            "exit_when: {event: Order Refunded}",
            "thank-you-stops-when-cancelled",
        ),
        (
            "thank-you",
            "exit_when: {event: [Order Refunded, Order Cancelled]}",
            "exit_when: {event: Order Cancelled}",
            "thank-you-stops-at-a-refund",
        ),
        ("thank-you", "send_window: {quiet_hours: ignore}", "send_window: {quiet_hours: keep}", "thank-you-at-night"),
        (
            "winback",
            "exit_when: {event: Order Completed}\ngoal: {event: Order Completed",
            "goal: {event: Order Refunded",
            "winback-ends-with-an-order",
        ),
        ("winback", "holdout: 10%\n", "", "winback-holdout"),
        ("points", "{contact.club_member: true}", "{contact.email: {exists: true}}", "points-not-without-the-club"),
        ("points", "contact.club_tier: {exists: false}", "contact.club_tier: pacer", "points-tier-reached"),
        ("points", "exit_when: {event: [Order Refunded, Order Cancelled]}\n", "", "points-for-each-order"),
        (
            "points-expiry",
            "exit_when: {event: Order Completed}\ngoal: {event: Order Completed",
            "goal: {event: Order Refunded",
            "points-expiry-kept-by-an-order",
        ),
        ("points-expiry", "  - wait: 6d", "  - wait: 5d", "points-expiry-three-letters"),
        ("birthday", "    deadline: 1d", "    deadline: 1m\n    skip_if: {orders.count: 1}", "birthday-on-the-day"),
        ("birthday", "{orders.count: {at_least: 1}}", "{contact.email: {exists: true}}", "birthday-not-for-strangers"),
        ("nps", "reentry: {after: 90d}", "reentry: always", "nps-once-in-ninety-days"),
        ("nps", "exit_when: {event: [Order Refunded, Order Cancelled]}\n", "", "nps-not-after-a-refund"),
        ("review", "key: properties.order_id", "where: {properties.order_id: R-1}", "review-for-each-order"),
        (
            "review",
            ", Review Submitted]}\ngoal: {event: Review Submitted",
            "]}\ngoal: {event: Order Completed",
            "review-not-twice",
        ),
        (
            "referral-friend",
            "{properties.source: friend}",
            "{properties.source: shop}",
            "referral-friend-not-for-others",
        ),
        ("referral-reward", "exit_when: {event: Referral Cancelled}\n", "", "referral-reward-not-when-cancelled"),
        ("referral-reward", "  - wait: 30d", "  - wait: 3d", "referral-reward-after-the-return-window"),
        ("winback", "  - wait: 7d\n", "", "winback-after-ninety-days"),
    ],
)
def test_a_campaign_that_changes_its_mind_fails_a_journey_test(path: str, old: str, new: str, test: str) -> None:
    """The test that is about it, among others perhaps; its diff says which mail came, or did not."""
    failures = _failures(f"campaigns/{path}.yaml", old, new)
    failed = next((result for result in failures if result.test.path == f"tests/journeys/{test}.yaml"), None)
    assert failed is not None, [result.test.path for result in failures]
    assert any(line.startswith(("- ", "+ ")) for line in failed.diff)


def test_the_difference_is_readable() -> None:
    """Without its exit, the referral campaign asks somebody who sent the pair back: each mail, and when it came."""
    [failure] = _failures("campaigns/referral.yaml", "exit_when: {event: Order Refunded}\n", "")
    assert failure.test.path == "tests/journeys/referral-not-after-a-refund.yaml"
    assert failure.diff == ("+      +1d  referral/invite", "+      +8d  referral/nudge")
