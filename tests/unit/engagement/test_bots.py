"""Who made a hit: the rules of STANDARDS, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.engagement.bots import BURST_LINKS, BURST_WITHIN, SWEEP_WITHIN, Click, classify, swept

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 "
    "Safari/537.36 Edge/12.246 Mozilla/5.0"
)
GOOGLE_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO_PROXY = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "agent", [PHONE, GOOGLE_PROXY, YAHOO_PROXY, "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Thunderbird/128.0"]
)
def test_a_persons_reader_is_human(agent: str) -> None:
    """Proxies that fetch when somebody reads count as that somebody."""
    verdict = classify("GET", agent, "203.0.113.5", HOUR)
    assert (verdict.name, verdict.why) == ("human", "v1")


@pytest.mark.parametrize(
    ("agent", "ip", "rule"),
    [
        ("Mozilla/5.0", "17.58.3.9", "apple-mpp"),
        ("Mozilla/5.0", "2620:149:a::1", "apple-mpp"),
        ("Mozilla/5.0", "203.0.113.5", "bare-agent"),
        ("Mozilla/5.0", "", "bare-agent"),
        (GMAIL, "66.249.84.1", "gmail-prefetch"),
        ("", "203.0.113.5", "no-agent"),
        ("   ", "203.0.113.5", "no-agent"),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", "203.0.113.5", "scanner"),
        ("python-requests/2.32", "203.0.113.5", "scanner"),
        ("Slackbot-LinkExpanding 1.0", "203.0.113.5", "scanner"),
        ("Mozilla/5.0 HeadlessChrome/120.0", "203.0.113.5", "scanner"),
    ],
)
def test_a_machine_is_known_by_its_name(agent: str, ip: str, rule: str) -> None:
    """Each rule says which it was."""
    verdict = classify("GET", agent, ip, HOUR)
    assert (verdict.name, verdict.reasons) == ("machine", (rule,))


def test_a_head_and_a_hit_right_after_delivery_are_machines() -> None:
    """Both reasons are given when both hold; exactly five seconds is a person's."""
    assert classify("HEAD", PHONE, "", timedelta(seconds=1)).why == "v1 head too-soon"
    assert classify("GET", PHONE, "", timedelta(seconds=4.999)).is_machine
    assert not classify("GET", PHONE, "", timedelta(seconds=5)).is_machine
    assert not classify("GET", PHONE, "", None).is_machine


def clicks(*pairs: tuple[float, int]) -> list[Click]:
    """Return clicks from (seconds, link)."""
    return [Click(NOON + timedelta(seconds=at), link) for at, link in pairs]


def test_three_distinct_links_within_two_seconds_are_a_burst() -> None:
    """All of them, and not the calm one before."""
    assert swept(clicks((0, 1), (60, 1), (60.5, 2), (61.9, 3)), 9) == dict.fromkeys((1, 2, 3), "burst")
    assert swept(clicks((0, 1), (1, 2), (2, 3)), 9) == {}


def test_one_link_clicked_often_is_an_impatient_person() -> None:
    """Only distinct links count."""
    assert swept(clicks((0, 1), (0.1, 1), (0.2, 1), (0.3, 2)), 9) == {}


def test_every_link_of_the_mail_within_seconds_is_a_sweep() -> None:
    """Both of two links; but the only link of a mail is nothing odd."""
    assert swept(clicks((0, 1), (4.9, 2)), 2) == {0: "every-link", 1: "every-link"}
    assert swept(clicks((0, 1), (5, 2)), 2) == {}
    assert swept(clicks((0, 1)), 1) == {}
    assert swept(clicks((0, 1), (1, 2)), 0) == {}


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=12).map(sorted), st.integers(0, 5))
def test_swept_clicks_are_exactly_those_inside_a_dense_window(pairs: list[tuple[float, int]], links: int) -> None:
    """The same as asking of each click whether some window around it is dense, by brute force."""
    made = clicks(*pairs)
    found = swept(made, links)
    for index in range(len(made)):
        dense = False
        for start in made:
            for length, enough in ((BURST_WITHIN, BURST_LINKS), (SWEEP_WITHIN, links if links >= 2 else 99)):
                inside = [each for each in made if start.at <= each.at < start.at + length]
                dense |= made[index] in inside and len({each.link for each in inside}) >= enough
        assert (index in found) is dense
