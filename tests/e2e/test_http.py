"""The HTTP surface over a real server and both databases: what readers of mails, shops and operators send us."""

from __future__ import annotations

import contextlib
import gzip
import json
import multiprocessing
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.connection import Connection

import httpx
import pytest
from segment.analytics.client import Client
from sqlalchemy import insert

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import SettingsError
from lifecycle.base.tokens import Purpose
from lifecycle.intake.consent import state
from lifecycle.journey.load import load_states
from lifecycle.journey.policy import Go, Release, Skip, judge
from lifecycle.store.engine import Store
from lifecycle.store.tables import consents, contacts, events, facts, hits, inbox, messages, referrals
from lifecycle.web.app import create_app
from lifecycle.web.serve import Server
from lifecycle.web.sessions import Sessions
from lifecycle.web.tracking import PIXEL
from website import HUMAN, PASSWORD, SHOP_URL, START, WRITE_KEY, Website, web_content


@pytest.fixture
def site(store: Store) -> Iterator[Website]:
    """Yield a site with one contact and one mail that was sent an hour ago."""
    with Website(store, patient=False) as made:
        made.add_contact()
        made.add_mail()
        yield made


def open_link(site: Website, mail: int = 1) -> str:
    """Return the path of a mail's pixel."""
    return site.link(Purpose.OPEN, mail) + ".gif"


class TestOpens:
    """`GET /o/{token}.gif`."""

    def test_an_open_is_recorded_when_the_pixel_arrives(self, site: Website) -> None:
        """The reply is the acknowledgement: by then the hit, the mark and the inbox row are committed."""
        answer = site.browser.get(open_link(site))
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PIXEL, "image/gif")
        assert "no-store" in answer.headers["cache-control"]
        (hit,) = site.rows(hits)
        assert (hit.kind, hit.message_row, hit.contact_id, hit.verdict, hit.ip) == ("open", 1, 1, "human", "127.0.0.1")
        assert site.mail().opened_at == START
        assert [(row.contact_id, row.event_id) for row in site.rows(inbox)] == [(1, None)]

    def test_a_second_open_is_kept_and_changes_nothing_else(self, site: Website) -> None:
        """Only the first open can flip a condition."""
        site.browser.get(open_link(site))
        site.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]  # a ManualClock
        site.browser.get(open_link(site))
        assert (len(site.rows(hits)), site.mail().opened_at, len(site.rows(inbox))) == (2, START, 1)

    @pytest.mark.parametrize(
        "path", ["/o/x.gif", "/o/MQ.AAAA.gif", "/o/.gif", "/o/%00.gif", "/o/MQ", "/o/" + "a" * 4000]
    )
    def test_a_bad_token_gets_the_very_same_pixel(self, site: Website, path: str) -> None:
        """Nobody can tell a bad token from a good one, nor from another bad one."""
        good, bad = site.browser.get(open_link(site)), site.browser.get(path)
        assert (bad.status_code, bad.content) == (200, PIXEL)
        assert {**bad.headers, "date": ""} == {**good.headers, "date": ""}
        assert len(site.rows(hits)) == 1

    def test_a_token_for_another_purpose_opens_nothing(self, site: Website) -> None:
        """Tokens are bound to one purpose."""
        site.browser.get(f"/o/{site.tokens.make(Purpose.CLICK, '1')}.gif")
        assert not site.rows(hits)

    def test_head_is_answered_and_counted_as_a_machine(self, site: Website) -> None:
        """People's readers do not ask for heads."""
        answer = site.browser.head(open_link(site))
        assert (answer.status_code, answer.headers["content-length"]) == (200, "43")
        assert site.rows(hits)[0].verdict == "machine"
        assert site.mail().opened_at is None
        assert not site.rows(inbox)

    def test_hits_at_once_are_each_recorded_once_in_fewer_commits(self, site: Website) -> None:
        """Concurrent hits share transactions, and each is answered."""
        for key in range(2, 42):
            site.add_mail(key)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda key: httpx.get(site.server.url + open_link(site, key)), range(2, 42)))
        assert {answer.status_code for answer in answers} == {200}
        assert sorted(hit.message_row for hit in site.rows(hits)) == list(range(2, 42))


class TestClicks:
    """`GET /c/{token}/{n}`."""

    def test_a_click_leads_to_what_the_mail_pointed_at_and_implies_an_open(self, site: Website) -> None:
        """The target is ours; the redirect tells nobody else about the reader."""
        answer = site.browser.get(site.link(Purpose.CLICK) + "/1")
        assert (answer.status_code, answer.headers["location"]) == (302, SHOP_URL)
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert (site.mail().clicked_at, site.mail().opened_at) == (START, START)
        assert [(hit.kind, hit.link) for hit in site.rows(hits)] == [("click", 1)]

    def test_a_recipients_own_link_wins(self, site: Website) -> None:
        """Links that differ by recipient are stored with the mail, Arabic addresses as URIs."""
        site.add_mail(2, links={"7": "https://rihla.example/هدية?code=A B&to=x"})
        answer = site.browser.get(site.link(Purpose.CLICK, 2) + "/7")
        assert answer.headers["location"] == "https://rihla.example/%D9%87%D8%AF%D9%8A%D8%A9?code=A%20B&to=x"

    @pytest.mark.parametrize(
        "tail",
        [
            "/9",
            "/1/",
            "/01x",
            "/-1",
            "/١",
            "",
            "/",
            "/https://evil.example",
            "/1?url=https://evil.example/",
            "//evil.example/1",
            "/999999",
        ],
    )
    def test_no_request_can_choose_where_to_go(self, site: Website, tail: str) -> None:
        """A tampered number leads to a 404 page, and a query is nothing to us."""
        answer = site.browser.get(site.link(Purpose.CLICK) + tail)
        if tail.startswith("/1?"):
            assert answer.headers["location"] == SHOP_URL
        else:
            assert (answer.status_code, "location" in answer.headers) == (404, False)

    @pytest.mark.parametrize(
        "target",
        [
            "javascript:alert(1)", "JaVaScRiPt:alert(1)", "//evil.example", "data:text/html,x", "/relative", "ftp://x.example/",
            "https://rihla.example@evil.example/", "https:/\\evil.example", "https://", "http://[::1",
            "mailto:a@b.example", " ",
        ],
    )  # fmt: skip
    def test_a_mail_that_points_at_something_odd_leads_nowhere(self, site: Website, target: str) -> None:
        """Even what we stored is checked: only absolute http and https addresses without credentials."""
        site.add_mail(2, links={"1": target})
        answer = site.browser.get(site.link(Purpose.CLICK, 2) + "/1")
        assert (answer.status_code, "location" in answer.headers) == (404, False)
        assert not site.rows(hits)

    def test_line_breaks_in_a_target_make_no_header(self, site: Website) -> None:
        """A target cannot add headers to our answer."""
        site.add_mail(2, links={"1": "https://rihla.example/a\r\nSet-Cookie: x=1"})
        answer = site.browser.get(site.link(Purpose.CLICK, 2) + "/1")
        assert "set-cookie" not in answer.headers
        assert "\n" not in answer.headers.get("location", "")

    def test_bad_tokens_are_all_answered_alike(self, site: Website) -> None:
        """Whatever is wrong with a token: the same page, and no trace."""
        unknown = site.tokens.make(Purpose.CLICK, "999")
        other = site.tokens.make(Purpose.OPEN, "1")
        odd = site.tokens.make(Purpose.CLICK, "not a number")
        bodies = set()
        for token in ("x", unknown, other, odd, site.tokens.make(Purpose.CLICK, "1")[:-1] + "A", "%F0%9F%98%80"):
            answer = site.browser.get(f"/c/{token}/1")
            bodies.add((answer.status_code, answer.content, answer.headers["content-security-policy"]))
        assert len(bodies) == 1
        assert next(iter(bodies))[0] == 404

    def test_a_scanner_that_follows_every_link_is_found_out_and_taken_back(self, site: Website) -> None:
        """The first clicks looked human; with the third within two seconds all three are a machine's."""
        for number in (1, 2, 3):
            site.browser.get(f"{site.link(Purpose.CLICK)}/{number}")
            site.clock.advance(timedelta(milliseconds=300))  # type: ignore[attr-defined]
        assert [(hit.verdict, hit.why.split()[-1]) for hit in site.rows(hits)] == [("machine", "burst")] * 3
        assert (site.mail().clicked_at, site.mail().opened_at) == (None, None)

    def test_a_hit_within_seconds_of_sending_is_a_machines(self, site: Website) -> None:
        """Nobody reads that fast; the redirect works all the same."""
        site.add_mail(2, sent_ago=timedelta(seconds=4))
        assert site.browser.get(site.link(Purpose.CLICK, 2) + "/1").status_code == 302
        assert (site.rows(hits)[0].verdict, site.mail(2).clicked_at) == ("machine", None)


class TestUnsubscribe:
    """`GET,POST /u/{token}`."""

    @pytest.mark.parametrize(
        "request_body",
        [
            {"data": {"List-Unsubscribe": "One-Click"}},
            {"files": {"List-Unsubscribe": (None, "One-Click")}},
            {},
            {"content": b"\xff\x00 not a form", "headers": {"content-type": "multipart/form-data"}},
        ],
        ids=["form", "multipart", "empty", "broken"],
    )
    def test_one_click_works_at_once_without_cookie_or_redirect(
        self, site: Website, request_body: dict[str, object]
    ) -> None:
        """RFC 8058: a POST is enough, whatever its body."""
        answer = site.browser.post(site.link(Purpose.UNSUBSCRIBE), **request_body)  # type: ignore[arg-type]
        assert (answer.status_code, "set-cookie" in answer.headers, answer.history) == (200, False, [])
        with site.store.read() as connection:
            assert state(connection, 1) == {"offers": False}
        assert site.mail().unsubscribed_at == START
        assert site.rows(inbox)
        assert site.rows(hits)[0].kind == "unsubscribe"

    def test_get_shows_a_page_and_changes_nothing(self, site: Website) -> None:
        """Scanners follow links; only the button leaves."""
        answer = site.browser.get(site.link(Purpose.UNSUBSCRIBE))
        assert answer.status_code == 200
        assert '<form method="post">' in answer.text
        assert not [*site.rows(consents), *site.rows(hits), *site.rows(inbox)]

    def test_twice_is_once(self, site: Website) -> None:
        """Mail clients repeat themselves."""
        for _ in range(2):
            assert site.browser.post(site.link(Purpose.UNSUBSCRIBE)).status_code == 200
        assert len(site.rows(consents)) == 1

    def test_only_the_mails_topic_is_left(self, site: Website) -> None:
        """One click acts on the topic of its mail."""
        site.browser.post(site.link(Purpose.UNSUBSCRIBE))
        assert {row.topic for row in site.rows(consents)} == {"offers"}

    def test_a_mail_without_a_topic_leaves_them_all(self, site: Website) -> None:
        """Whoever wants no such mail wants no marketing."""
        site.add_mail(2, topic=None, kind="transactional")
        site.browser.post(site.link(Purpose.UNSUBSCRIBE, 2))
        assert {(row.topic, row.granted) for row in site.rows(consents)} == {("offers", False), ("news", False)}

    def test_who_was_merged_leaves_too(self, site: Website) -> None:
        """An old mail's link acts on the contact that stands for its reader now."""
        site.add_contact(2)
        site.add_contact(3, merged_into=2, external_id=None)
        site.add_mail(3, contact=3)
        site.browser.post(site.link(Purpose.UNSUBSCRIBE, 3))
        assert {row.contact_id for row in site.rows(consents)} == {2}

    def test_bad_tokens_are_answered_alike(self, site: Website) -> None:
        """A forged and an unknown token get the same page, for GET and POST."""
        for ask in (site.browser.get, site.browser.post):
            answers = [ask(f"/u/{token}") for token in ("x", site.tokens.make(Purpose.UNSUBSCRIBE, "99"), "MQ.AAAA")]
            assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}

    def test_it_works_without_any_content_in_force(self, site: Website) -> None:
        """Leaving never depends on the marketers' files."""
        site.content = None  # type: ignore[assignment]
        assert site.browser.post(site.link(Purpose.UNSUBSCRIBE)).status_code == 200
        assert len(site.rows(consents)) == 1


class TestPreferences:
    """`GET,POST /p/{token}`."""

    def test_the_page_shows_what_holds(self, site: Website) -> None:
        """Topics are ticked as consented to."""
        row = {"contact_id": 1, "topic": "news", "granted": True, "at": START, "source": "", "text": ""}
        with site.store.write() as connection:
            connection.execute(insert(consents).values(row))
        page = site.browser.get(site.link(Purpose.PREFERENCES)).text
        assert 'value="news" checked' in page
        assert 'value="offers" checked' not in page
        assert "News &lt;b&gt;" in page
        assert "s•••@example.com" in page

    def test_choices_are_stored(self, site: Website) -> None:
        """Topics, language and a break, in one transaction; what did not change is not recorded."""
        form = {"topic": ["offers", "invented"], "locale": "ar", "pause": "week", "do": "save"}
        answer = site.browser.post(site.link(Purpose.PREFERENCES), data=form)
        assert 'dir="rtl"' in answer.text
        assert [(row.topic, row.granted, row.source) for row in site.rows(consents)] == [
            ("offers", True, "preferences")
        ]
        (contact,) = site.rows(contacts)
        assert contact.locale == "ar"
        assert contact.attributes == {"mail_paused_until": (START + timedelta(days=7)).isoformat()}
        assert site.rows(inbox)

    def test_a_break_can_be_ended(self, site: Website) -> None:
        """Choosing no break resumes; other attributes stay."""
        site.add_contact(2, attributes={"mail_paused_until": "2026-12-01T00:00:00+00:00", "city": "Riyadh"})
        site.add_mail(2, contact=2)
        assert "On a break until Dec 1, 2026" in site.browser.get(site.link(Purpose.PREFERENCES, 2)).text
        site.browser.post(site.link(Purpose.PREFERENCES, 2), data={"pause": "none"})
        assert site.rows(contacts, id=2)[0].attributes == {"city": "Riyadh"}

    def test_a_break_keeps_marketing_away_until_it_ends(self, site: Website) -> None:
        """Mails of that time are skipped; receipts still come, and so does everything afterwards."""
        site.browser.post(site.link(Purpose.PREFERENCES), data={"topic": "offers", "pause": "week"})
        with site.store.read() as connection:
            contact = load_states(connection, [1])[1]
        marketing = Release("hello", "marketing", "offers", None)
        receipt = Release("hello", "transactional", None, None)
        assert judge(marketing, contact, site.content, START + timedelta(days=6)) == Skip("not_consented")
        assert judge(receipt, contact, site.content, START + timedelta(days=6)) == Go()
        assert judge(marketing, contact, site.content, START + timedelta(days=7)) == Go()

    def test_all_off_withdraws_every_topic(self, site: Website) -> None:
        """Even the topics that were never granted are refused from now on."""
        site.browser.post(site.link(Purpose.PREFERENCES), data={"do": "all_off"})
        assert {(row.topic, row.granted) for row in site.rows(consents)} == {("offers", False), ("news", False)}

    def test_an_unknown_language_is_ignored(self, site: Website) -> None:
        """Forms can be made up."""
        site.browser.post(site.link(Purpose.PREFERENCES), data={"locale": "xx", "pause": "century"})
        (contact,) = site.rows(contacts)
        assert (contact.locale, contact.attributes) == ("en", {})


class TestSurvey:
    """`GET,POST /s/{token}`."""

    def test_the_score_in_the_link_preselects_and_records_nothing(self, site: Website) -> None:
        """A scanner that follows all eleven links answers nothing."""
        page = site.browser.get(site.link(Purpose.SURVEY) + "?score=9").text
        assert re.findall(r'value="(\d+)" required checked', page) == ["9"]
        assert not site.rows(events)

    def test_posting_records_the_answer(self, site: Website) -> None:
        """An event that campaigns can act on, and the fact nps.score."""
        for score in ("9", "9", "3"):
            answer = site.browser.post(site.link(Purpose.SURVEY), data={"score": score, "comment": " late "})
            assert answer.status_code == 200
        told = [(row.name, row.properties) for row in site.rows(events)]
        assert told == [("Survey Answered", {"survey": "nps", "score": score, "comment": "late"}) for score in (9, 3)]
        assert site.rows(facts)[0].nps_score == 3
        assert {row.event_id for row in site.rows(inbox)} == {row.id for row in site.rows(events)}

    @pytest.mark.parametrize("score", ["11", "-1", "nine", "", "٩"])
    def test_a_score_that_is_none_asks_again(self, site: Website, score: str) -> None:
        """The form comes back with what was written."""
        answer = site.browser.post(site.link(Purpose.SURVEY), data={"score": score, "comment": "so <b>slow"})
        assert answer.status_code == 422
        assert "so &lt;b&gt;slow" in answer.text
        assert not site.rows(events)


class TestSignUp:
    """`POST /subscribe` and `/confirm/{token}`."""

    FORM = {"email": "new@example.com", "topic": "offers", "consent_text": "Yes, mail me offers."}  # noqa: RUF012

    def test_single_opt_in_is_consent_with_its_words(self, site: Website) -> None:
        """The words that stood beside the button are kept."""
        assert site.browser.post("/subscribe", data=self.FORM).status_code == 200
        (consent,) = site.rows(consents)
        assert (consent.topic, consent.granted, consent.source, consent.text) == (
            "offers",
            True,
            "form",
            self.FORM["consent_text"],
        )
        assert [row.name for row in site.rows(events)] == ["Signed Up"]

    def test_double_opt_in_consents_by_the_button_behind_the_mail(self, store: Store) -> None:
        """The form asks for a mail; its link shows a button; the button consents, once."""
        with Website(store, content=web_content(consent="double")) as site:
            site.browser.post("/subscribe", data=self.FORM)
            assert [row.name for row in site.rows(events)] == ["Subscription Requested"]
            assert not site.rows(consents)
            contact = site.rows(contacts)[0].id
            path = site.link(Purpose.CONFIRM, f"{contact}:offers")
            assert '<form method="post">' in site.browser.get(path).text
            assert not site.rows(consents)
            for _ in range(2):
                assert site.browser.post(path).status_code == 200
            (consent,) = site.rows(consents)
            assert (consent.source, consent.text) == ("double-opt-in", self.FORM["consent_text"])
            assert [row.name for row in site.rows(events)] == ["Subscription Requested", "Signed Up"]

    def test_the_token_of_a_confirmation_mail_finds_its_topic(self, site: Website) -> None:
        """Mails carry a token of their own row."""
        assert site.browser.post(site.link(Purpose.CONFIRM, 1)).status_code == 200
        assert [(row.contact_id, row.topic, row.granted) for row in site.rows(consents)] == [(1, "offers", True)]

    def test_a_known_and_an_unknown_address_get_the_same_answer(self, site: Website) -> None:
        """Nobody learns who is a customer: same status, same bytes; and what is known of the address stays."""
        known = site.browser.post("/subscribe", data=self.FORM | {"email": "SARA1@example.com"})
        unknown = site.browser.post("/subscribe", data=self.FORM | {"email": "nobody@example.com"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        assert site.rows(contacts, id=1)[0].locale == "en"
        assert len(site.rows(contacts)) == 2

    @pytest.mark.parametrize(
        "form", [{"email": "nope"}, {"topic": "unknown"}, {"email": ""}, {"email": "a@b.example" * 50}]
    )
    def test_a_form_that_makes_no_sense_is_told_so(self, site: Website, form: dict[str, str]) -> None:
        """No address, no such topic."""
        assert site.browser.post("/subscribe", data=self.FORM | form).status_code == 422
        assert len(site.rows(contacts)) == 1

    def test_too_many_sign_ups_from_one_place_are_held_back(self, site: Website) -> None:
        """A robot gets no mails sent."""
        answers = [site.browser.post("/subscribe", data=self.FORM | {"email": "bad"}).status_code for _ in range(12)]
        assert answers == [422] * 10 + [429] * 2

    def test_one_address_is_not_mailed_again_and_again(self, site: Website) -> None:
        """The fourth sign-up of an address within the hour is answered as ever and does nothing."""
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(lambda _: site.browser.post("/subscribe", data=self.FORM), range(5)))
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1
        assert len(site.rows(events)) == 3


class TestReferral:
    """`GET /r/{code}`."""

    def test_a_friend_lands_in_the_shop_with_the_code(self, site: Website) -> None:
        """The shop hears of the code as `ref`."""
        with site.store.write() as connection:
            connection.execute(insert(referrals).values(code="SARA-42", contact_id=1, at=START))
        assert site.browser.get("/r/SARA-42").headers["location"] == "https://rihla.example?ref=SARA-42"

    @pytest.mark.parametrize("code", ["UNKNOWN", "x" * 200, "%2F%2Fevil.example", "a%0d%0aSet-Cookie:x"])
    def test_no_code_leads_elsewhere(self, site: Website, code: str) -> None:
        """An unknown code leads to the front door, an odd one nowhere."""
        answer = site.browser.get(f"/r/{code}")
        assert answer.headers.get("location", "https://rihla.example") == "https://rihla.example"
        assert "set-cookie" not in answer.headers


class TestSegmentApi:
    """`POST /v1/…`."""

    AUTH = (WRITE_KEY, "")

    def test_a_stock_client_works_unchanged(self, site: Website) -> None:
        """segment-analytics-python sends identify, track, page, group and alias; all of it arrives once."""
        client = Client(
            WRITE_KEY, host=site.server.url, gzip=True, max_retries=1, on_error=lambda error, _: pytest.fail(str(error))
        )
        client.identify("u1", {"email": "u1@example.com", "first_name": "نورة"})
        client.track("u1", "Order Completed", {"order_id": "o1", "total": 120}, timestamp=START)
        client.page("u1", "Shop", "Home")
        client.group("u1", "acme", {"name": "Acme"})
        client.flush()
        client.join()
        (contact,) = site.rows(contacts, external_id="u1")
        assert (contact.email, contact.attributes["first_name"]) == ("u1@example.com", "نورة")
        assert sorted(row.name for row in site.rows(events)) == ["Order Completed", "Page Viewed"]
        assert site.rows(facts, contact_id=contact.id)[0].orders_count == 1

    @pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group", "alias"])
    def test_each_call_has_its_route(self, site: Website, kind: str) -> None:
        """The type is that of the route."""
        body = {"userId": "u1", "event": "X", "groupId": "g", "previousId": "c1", "messageId": "once"}
        for _ in range(2):
            answer = site.browser.post(f"/v1/{kind}", json=body, auth=self.AUTH)
            assert (answer.status_code, answer.json()) == (200, {"success": True})
        assert len(site.rows(events)) == (1 if kind in {"track", "page", "screen"} else 0)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"authorization": "Basic"},
            {"authorization": "Basic !!!"},
            {"authorization": "Bearer x"},
            {"authorization": "Basic eDo="},
        ],
    )
    def test_without_a_write_key_nothing_is_taken(self, site: Website, headers: dict[str, str]) -> None:
        """401, whatever is wrong with it."""
        answer = site.browser.post("/v1/track", json={"userId": "u", "event": "X"}, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (401, False)
        assert not site.rows(events)

    def test_without_any_write_key_set_everyone_is_refused(self, store: Store) -> None:
        """No keys means shut, not open."""
        with Website(store, write_keys=frozenset()) as site:
            assert site.browser.post("/v1/track", json={}, auth=("", "")).status_code == 401

    def test_good_messages_of_a_batch_are_stored_and_bad_ones_named(self, site: Website) -> None:
        """One bad message takes none of its neighbours down."""
        batch = [
            {"type": "track", "userId": "u1", "event": "A"},
            {"type": "track", "userId": "u1"},
            "nonsense",
            {"type": "track", "userId": "u1", "event": "B", "properties": {"x": "y" * 33_000}},
            {"type": "track", "userId": "u1", "event": "C"},
        ]
        answer = site.browser.post("/v1/batch", json={"batch": batch}, auth=self.AUTH)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        assert [each["index"] for each in answer.json()["rejected"]] == [1, 2, 3]
        assert [row.name for row in site.rows(events)] == ["A", "C"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"{", 400), (b"[]", 400), (b'{"batch": {}}', 400), (b'{"batch": []}', 400), (b"\xff", 400),
            (b'{"a": NaN}', 400), (b"[" * 100_000, 400), (b'{"batch": [1]}', 400), (b" " * 600_000, 413),
            (json.dumps({"batch": [{}] * 3000}).encode(), 413),
        ],
    )  # fmt: skip
    def test_a_body_that_is_none_is_refused_in_json(self, site: Website, body: bytes, status: int) -> None:
        """Never a traceback, never a 500."""
        answer = site.browser.post("/v1/batch", content=body, auth=self.AUTH)
        assert answer.status_code == status
        assert set(answer.json()) == {"success", "code", "message"}

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (gzip.compress(b" " * 50_000_000), 413),
            (b"not gzip", 400),
            (gzip.compress(b"{}")[:-3], 400),
            (gzip.compress(b"{}") * 2, 400),
        ],
        ids=["bomb", "broken", "cut off", "two"],
    )
    def test_compression_is_limited_before_it_expands(self, site: Website, body: bytes, status: int) -> None:
        """50 MB in 50 KB stay 50 KB."""
        answer = site.browser.post("/v1/batch", content=body, headers={"content-encoding": "gzip"}, auth=self.AUTH)
        assert answer.status_code == status

    def test_import_is_history(self, site: Website) -> None:
        """What comes by /v1/import triggers nothing."""
        batch = {"batch": [{"type": "track", "userId": "u1", "event": "A", "timestamp": START.isoformat()}]}
        site.browser.post("/v1/import", json=batch, auth=self.AUTH)
        assert [row.live for row in site.rows(events)] == [False]

    def test_openapi_describes_every_route(self, site: Website) -> None:
        """One operation a call, each with its body and its errors."""
        described = site.browser.get("/openapi.json").json()["paths"]
        assert set(described) == {
            f"/v1/{name}" for name in ("identify", "track", "page", "screen", "group", "alias", "batch", "import")
        }
        assert "requestBody" in described["/v1/batch"]["post"]


class TestDashboard:
    """`/`, behind its login."""

    def log_in(self, site: Website, password: str = PASSWORD) -> httpx.Response:
        """Fill the login form in and send it."""
        proof = re.search(r'name="proof" value="(\w+)"', site.browser.get("/login").text)
        assert proof is not None
        return site.browser.post("/login", data={"proof": proof[1], "password": password})

    def test_nothing_is_shown_without_the_password(self, site: Website) -> None:
        """Every page leads to the login."""
        for path in ("/", "/reports/funnel", "/reports/campaign/hello"):
            answer = site.browser.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].endswith("login")

    def test_the_password_opens_the_reports(self, site: Website) -> None:
        """Overview, funnel and each campaign, as pages that load nothing from elsewhere."""
        assert self.log_in(site).status_code == 303
        for path in ("/", "/reports/funnel?days=0", "/reports/campaign/hello", "/reports/canvas"):
            page = site.browser.get(path)
            assert page.status_code == 200
            assert "Log out" in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]
        assert site.browser.get("/reports/nothing").status_code == 404
        assert site.browser.get("/reports/campaign/nothing").status_code == 404

    def test_a_wrong_password_and_a_foreign_form_stay_out(self, site: Website) -> None:
        """The form must be ours, given to this browser."""
        assert self.log_in(site, "wrong").status_code == 403
        assert site.browser.post("/login", data={"proof": "0" * 32, "password": PASSWORD}).status_code == 403
        assert httpx.post(site.server.url + "/login", data={"password": PASSWORD}).status_code == 403
        assert site.browser.get("/").status_code == 303

    def test_guessing_is_slowed_down(self, site: Website) -> None:
        """Five tries a minute."""
        answers = [self.log_in(site, "wrong").status_code for _ in range(6)]
        assert answers == [403] * 5 + [429]

    def test_a_session_ends(self, site: Website) -> None:
        """After twelve hours, and by logging out with our own form only."""
        self.log_in(site)
        assert site.browser.post("/logout", data={"proof": "0"}).status_code == 303
        assert site.browser.get("/").status_code == 200
        site.clock.advance(timedelta(hours=13))  # type: ignore[attr-defined]
        assert site.browser.get("/").status_code == 303

    def test_a_forged_session_is_none(self, site: Website) -> None:
        """The cookie is signed."""
        site.browser.cookies.set("lifecycle", "99999999999.abc." + "0" * 32)
        assert site.browser.get("/").status_code == 303

    def test_without_a_password_it_stays_shut(self, store: Store) -> None:
        """Not even the empty password opens it."""
        with Website(store, admin_password=None) as site:
            assert "LIFECYCLE_ADMIN_PASSWORD" in site.browser.get("/login").text
            cookie = site.browser.cookies["lifecycle_form"]
            answer = site.browser.post("/login", data={"proof": Sessions(site.parts).proof(cookie), "password": ""})
            assert answer.status_code == 403


class TestOperations:
    """`/healthz`, `/readyz`, `/metrics`, `/hooks`, and what holds everywhere."""

    def test_it_says_how_it_is(self, site: Website) -> None:
        """Alive, ready, and the ledger by state."""
        site.browser.get(open_link(site))
        assert site.browser.get("/healthz").text == "ok\n"
        assert site.browser.get("/readyz").json() == {"ready": True, "checks": {"database": "ok", "content": "ok"}}
        metrics = site.browser.get("/metrics").text
        assert 'lifecycle_messages{state="sent",kind="marketing"} 1\n' in metrics
        assert 'lifecycle_hits{kind="open",verdict="human"} 1\n' in metrics
        assert "lifecycle_hits_recorded_total 1\n" in metrics

    def test_without_content_it_is_not_ready(self, site: Website) -> None:
        """And says what is missing."""
        site.content = None  # type: ignore[assignment]
        answer = site.browser.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["content"]) == (503, "nothing is in force")

    def test_a_provider_without_events_is_told_so(self, site: Website) -> None:
        """A clean 404 in JSON."""
        answer = site.browser.post("/hooks/ses", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_hook")

    @pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.SURVEY, Purpose.VIEW])
    @pytest.mark.parametrize("locale", ["en", "ar"])
    def test_every_page_is_guarded_and_in_the_contacts_language(
        self, site: Website, purpose: Purpose, locale: str
    ) -> None:
        """No scripts, no referrer, no storing, nothing from elsewhere; right to left in Arabic."""
        site.add_contact(2, locale=locale)
        site.add_mail(2, contact=2)
        page = site.browser.get(site.link(purpose, 2), headers={"accept-language": "en"})
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "script" not in policy.replace("sandbox", "")
        assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
        assert f'lang="{locale}" dir="{"rtl" if locale == "ar" else "ltr"}"' in page.text
        assert "red;}" not in page.text
        assert not re.search(r"<(script|img|link|iframe)\b", page.text)

    def test_a_mail_whose_template_is_gone_says_so_politely(self, site: Website) -> None:
        """410, in the contact's language, and the look is counted."""
        assert site.browser.get(site.link(Purpose.VIEW)).status_code == 410
        assert site.rows(hits)[0].kind == "view"

    def test_a_form_that_is_far_too_long_is_refused(self, site: Website) -> None:
        """Before it is read to its end."""
        assert site.browser.post(site.link(Purpose.PREFERENCES), content=b"a" * 100_000).status_code == 413

    @pytest.mark.parametrize("path", ["/nope", "/u/", "/u/a/b", "//evil.example", "/%2e%2e/etc/passwd", "/favicon.ico"])
    def test_an_unknown_path_is_a_page(self, site: Website, path: str) -> None:
        """404, no redirect, no trace."""
        answer = site.browser.get(site.server.url + path)
        assert (answer.status_code, "location" in answer.headers) == (404, False)

    def test_the_access_log_holds_no_tokens_and_no_addresses(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The first part of the path is all it shows."""
        site = Website(store, ManualClock(START))
        token = site.link(Purpose.UNSUBSCRIBE)
        with (
            caplog.at_level("INFO", "lifecycle.web.access"),
            Server(create_app(site.parts), port=0, access_log=True) as server,
        ):
            httpx.get(server.url + token, headers={"User-Agent": HUMAN})
            httpx.post(server.url + "/v1/track")
        assert re.search(r"GET /u/… 404 [\d.]+ ms", caplog.text)
        assert "POST /v1/track 401" in caplog.text
        assert token.split("/")[-1] not in caplog.text
        assert "127.0.0.1" not in caplog.text
        site.__exit__(None, None, None)


class TestFailures:
    """When the database is not there."""

    def test_a_hit_that_was_not_stored_is_not_acknowledged(self, site: Website) -> None:
        """503 and a page, so that whoever asked asks again; nothing is pretended."""
        hits.drop(site.store.engine)
        assert site.browser.get(open_link(site)).status_code in {500, 503}
        assert site.browser.get(site.link(Purpose.CLICK) + "/1").status_code in {500, 503}
        assert site.mail().opened_at is None

    def test_a_taken_port_is_told_in_words(self, site: Website) -> None:
        """With what to do."""
        with pytest.raises(SettingsError, match="cannot listen") as raised:
            Server(create_app(site.parts), port=site.server.port)
        assert "--port 0" in raised.value.hint

    def test_a_queued_mail_is_not_sent_after_an_unsubscribe(self, site: Website) -> None:
        """What was acknowledged before the commit of `sending` prevents the mail."""
        site.add_mail(2, state="queued", sent_at=None, sending_at=None)
        site.browser.post(site.link(Purpose.UNSUBSCRIBE))
        with site.store.read() as connection:
            contact = load_states(connection, [1])[1]
        asked = Release("hello", "marketing", "offers", None)
        assert judge(asked, contact, site.content, site.clock.now()) == Skip("not_consented")
        assert site.rows(messages, id=2)[0].state == "queued"


class TestKill:
    """`kill -9` while hits come in."""

    def test_an_acknowledged_hit_survives_kill_9(self, store: Store) -> None:
        """Every pixel that was answered is in the database; the process had no chance to tidy up."""
        site = Website(store)
        site.add_contact()
        for key in range(1, 201):
            site.add_mail(key)
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve_until_killed, args=(store.url, theirs))
        process.start()
        url = f"http://127.0.0.1:{ours.recv()}"
        answered: list[int] = []

        def ask(key: int) -> None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url + open_link(site, key)).status_code == 200:
                    answered.append(key)
            if len(answered) >= 60:
                process.kill()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(1, 201)))
        process.join()
        assert 60 <= len(answered) < 200
        assert set(answered) <= {hit.message_row for hit in site.rows(hits)}
        site.__exit__(None, None, None)


def serve_until_killed(url: str, pipe: Connection) -> None:
    """Serve in a process of its own; say the port."""
    site = Website(Store(url))
    site.server.start()
    pipe.send(site.server.port)
    pipe.recv()
