"""Importing files: what is stored, what is rejected and where it goes, and that twice is once."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from arrivals import rows

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import UsageError
from lifecycle.intake import importing, rollup
from lifecycle.intake.importing import Import
from lifecycle.spec.model import Brand, Content, EventSchema, LocalText, Project
from lifecycle.store import tables
from lifecycle.store.engine import Store

CONTENT = Content(
    Project(
        "shop", Brand(LocalText("Shop"), "https://shop.example"), {}, "en", ("en",), "Asia/Riyadh", "SAR", (), (),
        events={"Order Completed": EventSchema("Order Completed", {"total": "number", "gift": "bool"})},
        contact_attributes={"shoe_size": "number", "member": "bool"},
    ),
    {}, {}, {}, "hash", {},
)  # fmt: skip


def run(kind: Any, path: Path, store: Store, clock: ManualClock, **options: Any) -> Any:
    """Import with CONTENT."""
    return Import(kind, path, store, clock, CONTENT, **options).run()


def write(path: Path, text: str) -> Any:
    """Write a file and return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def test_contacts_come_from_csv_by_the_names_of_the_columns(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    """Declared attributes have their type, local times the project's zone, empty cells say nothing."""
    path = write(
        tmp_path / "people.csv",
        "external_id,email,first_name,shoe_size,member,created_at,consent.offers,consent.offers.at,phone\n"
        "u1,Sara@shop.example,سارة,38.5,yes,2026-01-01 03:00,yes,2026-02-01 03:00,0501\n"
        "u2,,,,,,,,\n",
    )
    assert run("contacts", path, store, clock).stored == 2
    sara, other = rows(store, tables.contacts)
    assert sara["attributes"] == {"first_name": "سارة", "shoe_size": 38.5, "member": True, "phone": "0501"}
    assert sara["created_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert rows(store, tables.consents)[0]["at"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert (other["external_id"], other["attributes"]) == ("u2", {})


def test_rejected_rows_are_kept_as_they_came_with_line_and_reason(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """A corrected reject file can be imported as it is."""
    path = write(
        tmp_path / "people.csv",
        'external_id,email,shoe_size\nu1,a@shop.example,40\nu2,broken@@x,41\nu3,b@shop.example,large\nu4,"oops\nu5,few\n',
    )
    outcome = run("contacts", path, store, clock)
    assert (outcome.read, outcome.stored, outcome.rejected) == (5, 1, 4)
    assert outcome.reject_file == tmp_path / "people.rejects.csv"
    with outcome.reject_file.open(encoding="utf-8", newline="") as file:
        found = {int(row["reject_line"]): row for row in csv.DictReader(file)}
    assert sorted(found) == [3, 4, 5, 6]
    assert "not an e-mail address" in found[3]["reject_reason"]
    assert found[4]["reject_reason"] == 'shoe_size: "large" is no number'
    assert found[5]["external_id"] == 'u4,"oops'
    fixed = write(
        tmp_path / "fixed.csv",
        "external_id,email,shoe_size,reject_line,reject_reason\nu2,c@shop.example,41,3,whatever\n",
    )
    assert run("contacts", fixed, store, clock).stored == 1
    assert rows(store, tables.contacts)[-1]["attributes"] == {"shoe_size": 41}


def test_events_come_from_ndjson_and_bad_lines_are_rejected(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    """Lines are Segment messages; `type` may be left out."""
    good = {"userId": "u", "event": "Order Completed", "timestamp": "2026-10-01T00:00:00Z", "properties": {"total": 5}}
    path = write(tmp_path / "e.ndjson", json.dumps(good) + '\n{"userId"\n\n[1]\n' + '{"a":' * 50_000 + "\n")
    outcome = run("events", path, store, clock, rejects=tmp_path / "bad")
    assert (outcome.read, outcome.stored, outcome.rejected) == (4, 1, 3)
    found = [json.loads(line) for line in (tmp_path / "bad").read_text().splitlines()]
    assert [(row["reject_line"], row["original"][:9]) for row in found] == [
        (2, '{"userId"'),
        (4, "[1]"),
        (5, '{"a":{"a"'),
    ]
    assert rows(store, tables.events)[0]["live"] is False


def test_events_come_from_csv_with_typed_and_nested_properties(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    """What is not declared stays text, and is counted as undeclared."""
    path = write(
        tmp_path / "e.csv",
        "contact;event;timestamp;properties.total;properties.gift;properties.to.city;properties.sku\n"
        "a@shop.example;Order Completed;2026-10-01 12:00;12.5;no;جدة;007\n",
    )
    assert run("events", path, store, clock).stored == 1
    row = rows(store, tables.events)[0]
    assert row["properties"] == {"total": 12.5, "gift": False, "to": {"city": "جدة"}, "sku": "007"}
    assert row["at"] == datetime(2026, 10, 1, 9, tzinfo=UTC)
    assert rows(store, tables.contacts)[0]["email"] == "a@shop.example"
    assert {row["what"]: row["seen"] for row in rows(store, tables.undeclared)} == {
        "Order Completed.sku": 1, "Order Completed.to.city": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("events", "contact,event,totl\n", 'column "totl"'),
        ("events", "contact,total\n", 'no column "event"'),
        ("contacts", "name,age\n", "no column names the contact"),
        ("contacts", "email,email\n", "twice"),
        ("messages", "contact,step\n", 'no column "campaign"'),
        ("contacts", "", "empty"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_before_anything_is_stored(
    store: Store, clock: ManualClock, tmp_path: Path, kind: Any, text: str, words: str
) -> None:
    """Not one reject for each row."""
    with pytest.raises(UsageError, match=words):
        run(kind, write(tmp_path / "x.csv", text), store, clock)


def test_an_import_twice_is_an_import_once(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    """Contacts, events, consent, histories and suppressions alike."""
    files = {
        "contacts": "external_id,email,consent.offers\nu1,a@shop.example,yes\nu2,b@shop.example,no\n",
        "events": "contact,event,timestamp\nu1,Seen,2026-10-01\nu2,Seen,2026-10-01\n",
        "messages": "contact,campaign,step,at,outcome\nu1,c,s,2026-10-01,sent\nu2,c,,2026-10-01,held_out\n",
        "suppressions": "email\nc@shop.example\nd@shop.example\n",
    }
    for kind, text in files.items():
        path = write(tmp_path / f"{kind}.csv", text)
        first = run(kind, path, store, clock)
        clock.advance(timedelta(hours=1))
        again = run(kind, path, store, clock)
        assert (first.stored, first.duplicates, again.stored, again.duplicates) == (2, 0, 0, 2), kind
    assert len(rows(store, tables.consents)) == 2


def test_a_history_of_mails_becomes_ledger_rows_and_controls(store: Store, clock: ManualClock, tmp_path: Path) -> None:
    """Opens and clicks have their instants, controls an enrolment, and unknown contacts are rejected."""
    write(tmp_path / "c.csv", "external_id\nu1\nu2\n")
    run("contacts", tmp_path / "c.csv", store, clock)
    path = write(
        tmp_path / "m.csv",
        "contact,campaign,step,variant,at,outcome,clicked_at\n"
        "u1,spring,mail,a,2026-03-01T10:00:00Z,opened,2026-03-02T10:00:00Z\n"
        "u2,spring,,,2026-03-01T10:00:00Z,held_out,\n"
        "u3,spring,mail,a,2026-03-01T10:00:00Z,sent,\n"
        "u1,spring,mail,a,2026-03-01T10:00:00Z,snt,\n",
    )
    outcome = run("messages", path, store, clock)
    assert (outcome.stored, outcome.rejected) == (2, 2)
    sent, held = rows(store, tables.messages)
    assert (sent["state"], sent["variant"], sent["opened_at"], sent["clicked_at"].day) == (
        "delivered",
        "a",
        sent["sent_at"],
        2,
    )
    assert (held["state"], held["reason"], held["sent_at"]) == ("skipped", "held_out", None)
    enrolment = rows(store, tables.enrolments)[0]
    assert (enrolment["state"], enrolment["arm"], enrolment["contact_id"]) == ("held_out", "held_out", 2)


def test_an_import_that_dies_goes_on_where_it_stopped(
    store: Store, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is stored whole or not at all; the second run stores the rest."""
    monkeypatch.setattr(importing, "BATCH", 10)
    path = write(
        tmp_path / "e.csv", "contact,event,timestamp\n" + "".join(f"u{n},Seen,2026-10-01\n" for n in range(35))
    )
    save, saved = rollup.Folding.save, []

    def die(folding: rollup.Folding) -> None:
        saved.append(1)
        if len(saved) == 3:
            raise KeyboardInterrupt
        save(folding)

    monkeypatch.setattr(rollup.Folding, "save", die)
    with pytest.raises(KeyboardInterrupt):
        run("events", path, store, clock)
    assert len(rows(store, tables.events)) == 20
    outcome = run("events", path, store, clock)
    assert (outcome.stored, outcome.duplicates) == (15, 20)
    assert len(rows(store, tables.events)) == 35
