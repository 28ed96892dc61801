"""From LIFECYCLE_* variables to providers and webhooks, and what doctor says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lifecycle.base.errors import SettingsError
from lifecycle.spec.model import PROVIDERS, LocalText, Sender
from lifecycle.wiring import Engine, Settings
from mail_apis import ACCESS_KEY, REGION, SECRET_KEY, TOKEN, MailApi
from sns import ARN
from terminal import Terminal
from website import web_content

SES = {
    "LIFECYCLE_SES_REGION": REGION, "LIFECYCLE_SES_ACCESS_KEY": ACCESS_KEY, "LIFECYCLE_SES_SECRET_KEY": SECRET_KEY,
}  # fmt: skip
POSTMARK = {"LIFECYCLE_POSTMARK_TOKEN": TOKEN}
HOOKS = {"LIFECYCLE_SES_TOPIC_ARN": ARN, "LIFECYCLE_POSTMARK_HOOK": "postmark:correct horse"}
SMTP = {"LIFECYCLE_SMTP_URL": "smtp://127.0.0.1:9"}


def engine(folder: Path, variables: dict[str, str]) -> Engine:
    """Return an engine with those settings and no others."""
    return Engine(Settings.read(folder, variables))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[MailApi]:
    """Yield both services."""
    with MailApi(tmp_path) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a fresh sample project."""
    Terminal(tmp_path).ok("init", "shop")
    return tmp_path / "shop"


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, ["folder"]),
        (SMTP, ["smtp"]),
        (SES, ["ses"]),
        (POSTMARK | SES | SMTP, ["smtp", "ses", "postmark"]),
        (POSTMARK | {"LIFECYCLE_MAIL_FOLDER": "mails"}, ["postmark", "folder"]),
    ],
)
def test_what_is_set_up_is_a_provider_and_the_first_is_the_default(
    tmp_path: Path, variables: dict[str, str], names: list[str]
) -> None:
    """Files only where they were asked for, or where there is nothing else: a mail must not become one by mistake."""
    channels = engine(tmp_path, variables).channels()
    assert ([channel.name for channel in channels], channels.default) == (names, names[0])
    channels.close()


def test_content_knows_every_provider_by_its_name(tmp_path: Path) -> None:
    """What can be set up can be named in `senders`, `sending_limits` and `warm_up`, and nothing else."""
    everything = SES | POSTMARK | {"LIFECYCLE_SMTP_URL": "smtp://mail.example", "LIFECYCLE_MAIL_FOLDER": str(tmp_path)}
    channels = engine(tmp_path, everything).channels()
    assert {channel.name for channel in channels} == set(PROVIDERS)
    channels.close()


def test_a_sender_chooses_among_them(tmp_path: Path) -> None:
    """One that names what is not set up gets the default."""
    channels = engine(tmp_path, SES | POSTMARK).channels()
    senders = {name: Sender("a@b.example", LocalText("A"), providers=(name,)) for name in ("ses", "postmark", "smtp")}
    project = replace(web_content().project, senders=senders)
    assert [channels.of(name, project).name for name in senders] == ["ses", "postmark", "ses"]
    channels.close()


@pytest.mark.parametrize("missing", list(SES))
def test_half_a_setting_is_refused(tmp_path: Path, missing: str) -> None:
    """Region and keys go together."""
    with pytest.raises(SettingsError, match="halves"):
        engine(tmp_path, {name: value for name, value in SES.items() if name != missing}).channels()


@pytest.mark.parametrize(
    "variables",
    [
        SES | {"LIFECYCLE_SES_ACCESS_KEY": "clé"},
        SES | {"LIFECYCLE_SES_REGION": "eu west"}, SES | {"LIFECYCLE_SES_ENDPOINT": "http://api.example"},
        POSTMARK | {"LIFECYCLE_POSTMARK_STREAM": "a/b"}, {"LIFECYCLE_POSTMARK_TOKEN": "a\nb"},
    ],
)  # fmt: skip
def test_setting_that_makes_no_sense_is_refused(tmp_path: Path, variables: dict[str, str]) -> None:
    """At the start, not with the first mail."""
    with pytest.raises(SettingsError, match="LIFECYCLE_"):
        engine(tmp_path, variables).channels()


def test_hooks_are_those_that_are_set_up(tmp_path: Path) -> None:
    """They need no key for sending."""
    assert set(engine(tmp_path, HOOKS).hooks()) == {"ses", "postmark"}
    assert engine(tmp_path, SES | POSTMARK).hooks() == {}


def test_no_credential_shows_in_a_repr(tmp_path: Path) -> None:
    """Settings end up in logs and tracebacks."""
    found = engine(tmp_path, SES | POSTMARK | HOOKS)
    shown = repr(found.settings) + "".join(repr(vars(provider)) for provider in found.providers())
    assert not any(secret in shown for secret in (SECRET_KEY, "correct horse"))
    assert not any(secret in repr(found.settings) for secret in (ACCESS_KEY, TOKEN))


class TestDoctor:
    """`lifecycle doctor`."""

    def found(self, folder: Path, variables: dict[str, str]) -> dict[str, Any]:
        """Return what is wrong or noted, by the first word of each line; and the lines of what is right."""
        said = Terminal(folder, **variables).type("doctor", "--json").json
        lines = [one for one in said["findings"] if one["what"] in {"mail", "senders", "hooks"}]
        assert "example" not in {one["todo"] for one in lines}
        return {one["detail"]: one["verdict"] for one in lines}

    def test_each_provider_is_reached(self, project: Path, api: MailApi) -> None:
        """And the webhooks say where providers shall post."""
        ends = {"LIFECYCLE_SES_ENDPOINT": api.url, "LIFECYCLE_POSTMARK_ENDPOINT": api.url}
        assert self.found(project, SES | POSTMARK | HOOKS | ends) == {
            "SES in eu-west-1 answers": "ok",
            "Postmark, stream outbound answers": "ok",
            "http://127.0.0.1:8000/hooks/ses takes its events": "ok",
            "http://127.0.0.1:8000/hooks/postmark takes its events": "ok",
        }

    def test_what_is_wrong_with_one_hides_nothing_of_the_other(self, project: Path, api: MailApi) -> None:
        """A wrong token beside a good key; and that bounces do not come back."""
        ends = {"LIFECYCLE_SES_ENDPOINT": api.url, "LIFECYCLE_POSTMARK_ENDPOINT": api.url}
        found = self.found(project, SES | ends | {"LIFECYCLE_POSTMARK_TOKEN": "wrong"})
        assert sorted(found.values()) == ["note", "note", "ok", "wrong"]
        assert any("401" in line for line, verdict in found.items() if verdict == "wrong")
        assert found["bounces and complaints of ses do not come back"] == "note"

    def test_sender_whose_provider_is_not_set_up_is_said(self, project: Path, api: MailApi) -> None:
        """Wrong where mails really leave; a note where they are files anyhow."""
        page = project / "lifecycle.yaml"
        page.write_text(
            page.read_text().replace("    reply_to: care@", "    provider: postmark\n    reply_to: care@", 1)
        )
        line = 'sender "rihla" asks for postmark, which is not set up: its mails go by '
        assert self.found(project, {})[line + "folder"] == "note"
        assert self.found(project, SES | {"LIFECYCLE_SES_ENDPOINT": api.url})[line + "ses"] == "wrong"
