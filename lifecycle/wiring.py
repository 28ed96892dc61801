"""The only place that builds concrete things: settings become a store, tokens, content, a broker, providers."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.base.clock import Clock, SystemClock
from lifecycle.base.errors import ContentError, SettingsError
from lifecycle.base.tokens import Tokens

if TYPE_CHECKING:
    from lifecycle.deliver.channel import Channels
    from lifecycle.deliver.compose import Composer
    from lifecycle.deliver.parts import Parts
    from lifecycle.deliver.sign import Signer
    from lifecycle.journey.versions import Versions
    from lifecycle.providers.base import Provider
    from lifecycle.providers.feedback import Feedback
    from lifecycle.providers.hook import Hook
    from lifecycle.render.check_cache import CheckCache
    from lifecycle.spec.model import Content
    from lifecycle.spec.project import Loaded
    from lifecycle.store.engine import Store
    from lifecycle.web.parts import WebParts

log = logging.getLogger("lifecycle")

#: Everything the engine keeps beside a project when nothing else is set: database, secret, mails.
STATE_FOLDER = ".lifecycle"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are. Flags win over the environment, the environment over the embedded default."""

    folder: Path
    database_url: str
    broker_url: str | None = None
    smtp_url: str | None = None
    mail_folder: Path = Path()
    #: the folder was asked for by name, so that senders may choose it beside another provider
    keeps_files: bool = False
    ses_region: str | None = None
    ses_access_key: str | None = field(default=None, repr=False)
    ses_secret_key: str | None = field(default=None, repr=False)
    ses_configuration_set: str | None = None
    ses_topic_arn: str | None = None
    ses_endpoint: str | None = None
    postmark_token: str | None = field(default=None, repr=False)
    postmark_stream: str = "outbound"
    postmark_hook: str | None = field(default=None, repr=False)
    postmark_endpoint: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    base_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    write_keys: tuple[str, ...] = field(default=(), repr=False)
    admin_password: str | None = field(default=None, repr=False)
    #: proxies, by address, whose X-Forwarded-For is believed
    proxies: str | None = None
    dkim_selector: str | None = None
    dkim_domain: str | None = None
    dkim_key_file: Path | None = None
    workers: int = 2
    rate_per_s: float | None = None
    #: the Maildir that gets what comes back to our envelope addresses
    bounces: Path | None = None

    @classmethod
    def read(cls, folder: Path, environ: Mapping[str, str] | None = None) -> Settings:
        """Read LIFECYCLE_* variables. Raises SettingsError for one that cannot be read."""
        env = os.environ if environ is None else environ
        state = folder / STATE_FOLDER

        def text(name: str) -> str | None:
            return env.get(f"LIFECYCLE_{name}", "").strip() or None

        def number(name: str, default: float, low: float, high: float) -> float:
            found = text(name)
            try:
                value = default if found is None else float(found)
            except ValueError as error:
                raise SettingsError(f'LIFECYCLE_{name} is not a number: "{found}"') from error
            if not low <= value <= high:
                raise SettingsError(f"LIFECYCLE_{name} is not between {low:g} and {high:g}: {found}")
            return value

        key_file = text("DKIM_KEY_FILE")
        return cls(
            folder=folder,
            database_url=text("DATABASE_URL") or f"sqlite:///{state / 'lifecycle.db'}",
            broker_url=text("BROKER_URL"),
            smtp_url=text("SMTP_URL"),
            mail_folder=Path(text("MAIL_FOLDER") or state / "mails"),
            keeps_files=text("MAIL_FOLDER") is not None,
            ses_region=text("SES_REGION"),
            ses_access_key=text("SES_ACCESS_KEY"),
            ses_secret_key=text("SES_SECRET_KEY"),
            ses_configuration_set=text("SES_CONFIGURATION_SET"),
            ses_topic_arn=text("SES_TOPIC_ARN"),
            ses_endpoint=text("SES_ENDPOINT"),
            postmark_token=text("POSTMARK_TOKEN"),
            postmark_stream=text("POSTMARK_STREAM") or "outbound",
            postmark_hook=text("POSTMARK_HOOK"),
            postmark_endpoint=text("POSTMARK_ENDPOINT"),
            secret_key=text("SECRET_KEY"),
            base_url=(text("BASE_URL") or "http://127.0.0.1:8000").rstrip("/"),
            host=text("HOST") or "127.0.0.1",
            port=int(number("PORT", 8000, 0, 65535)),
            write_keys=tuple(key.strip() for key in (text("WRITE_KEYS") or "").split(",") if key.strip()),
            admin_password=text("ADMIN_PASSWORD"),
            proxies=text("PROXIES"),
            dkim_selector=text("DKIM_SELECTOR"),
            dkim_domain=text("DKIM_DOMAIN"),
            dkim_key_file=Path(key_file) if key_file else None,
            workers=int(number("WORKERS", 2, 1, 64)),
            rate_per_s=number("RATE_PER_S", 0, 0, 1e6) or None,
            bounces=_maildir(text("BOUNCES")),
        )

    def carriers(self) -> list[str]:
        """Return the names of the services that mails go by; none means that they become files."""
        given = {"SMTP": self.smtp_url, "SES": self.ses_region, "Postmark": self.postmark_token}
        return [name for name, setting in given.items() if setting is not None]

    def ses_keys(self) -> tuple[str, str, str] | None:
        """Return region, access key and secret key, None when SES is not set up. Raises SettingsError for a part."""
        region, access_key, secret_key = self.ses_region, self.ses_access_key, self.ses_secret_key
        if region is None or access_key is None or secret_key is None:
            if region or access_key or secret_key:
                hint = "LIFECYCLE_SES_REGION, _SES_ACCESS_KEY and _SES_SECRET_KEY go together"
                raise SettingsError("SES is set by halves", hint=hint)
            return None
        return region, access_key, secret_key

    def secret(self) -> bytes:
        """Return the secret key; without one set, make one once, in the state folder, readable by us alone."""
        if self.secret_key:
            if len(self.secret_key) < 16:
                raise SettingsError(
                    "LIFECYCLE_SECRET_KEY has fewer than 16 characters",
                    hint='python3 -c "import secrets; print(secrets.token_urlsafe(32))" makes one',
                )
            return self.secret_key.encode()
        path = self.folder / STATE_FOLDER / "secret"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _settled(path)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        return _settled(path)


def _maildir(value: str | None) -> Path | None:
    """Return the folder of `maildir:PATH`."""
    if value is None:
        return None
    kind, _, path = value.partition(":")
    if kind != "maildir" or not path:
        raise SettingsError(f'LIFECYCLE_BOUNCES cannot be read: "{value}"', hint="maildir:/PATH names a Maildir")
    return Path(path.removeprefix("//"))


def _settled(path: Path) -> bytes:
    """Read the secret, waiting for another process that is just writing it."""
    waiting = threading.Event()
    for _ in range(50):
        found = path.read_bytes().strip()
        if len(found) >= 16:
            return found
        waiting.wait(0.1)
    raise SettingsError(
        f"{path} holds no secret", hint="delete it and start again; links in mails already sent will die"
    )


class Engine:
    """An opened project: settings, clock, store, tokens and content. Cheap until its parts are used."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self._store: Store | None = None
        self._tokens: Tokens | None = None
        self._loaded: Loaded | None = None
        self._versions: Versions | None = None
        self._check_cache: CheckCache | None = None
        self._lock = threading.RLock()

    @property
    def store(self) -> Store:
        """Return the database, opened and (SQLite) migrated at first use. Raises StoreError when it cannot be used."""
        with self._lock:
            if self._store is None:
                from lifecycle.store.engine import Store
                from lifecycle.store.migrate import prepare

                opened = Store(self.settings.database_url)
                try:
                    prepare(opened)
                except BaseException:
                    opened.close()
                    raise
                self._store = opened
            return self._store

    @property
    def tokens(self) -> Tokens:
        """Return the maker of tokens, keyed by the secret."""
        with self._lock:
            if self._tokens is None:
                self._tokens = Tokens(self.settings.secret())
            return self._tokens

    def files(self, *needs: str) -> Content:
        """Return the content on disk. Raises ContentError with every diagnostic that stands in the way.

        `needs` are the folders that must be free of errors, beside lifecycle.yaml; without any, all of them. An error
        in a file that is not needed stops nothing.
        """
        from lifecycle.spec.project import load, read_folder

        with self._lock:
            if self._loaded is None:
                self._loaded = load(read_folder(self.settings.folder))
            loaded = self._loaded
        errors = [
            found for found in loaded.errors if not needs or found.place.path.startswith(("lifecycle.yaml", *needs))
        ]
        if errors or loaded.partial is None:
            raise ContentError("the content has errors", diagnostics=errors, hint="run `lifecycle check`")
        return loaded.content or loaded.partial

    def checked_files(self) -> Content:
        """Return the content on disk after the whole check, templates included: what may be put into force."""
        from lifecycle.plan.diagnose import diagnose

        content = self.files()
        errors = [found for found in diagnose(content.files, self.check_cache) if found.is_error]
        if errors:
            raise ContentError("the content has errors", diagnostics=errors, files=content.files)
        return content

    @property
    def check_cache(self) -> CheckCache:
        """Return what earlier checks of this folder left, which spares the templates that nobody touched."""
        with self._lock:
            if self._check_cache is None:
                from lifecycle.render.check_cache import FolderCache

                self._check_cache = FolderCache(self.settings.folder / STATE_FOLDER)
            return self._check_cache

    @property
    def versions(self) -> Versions:
        """Return the versions in the database, parsed once each."""
        with self._lock:
            if self._versions is None:
                from lifecycle.journey.versions import Versions

                self._versions = Versions(self.store)
            return self._versions

    def in_force(self) -> Content | None:
        """Return the version in force, None before the first `apply`; notices an apply by another process."""
        return self.versions.in_force()

    def applied(self) -> Content:
        """Return the version in force; before the first `apply`, put the files into force (first use, said aloud)."""
        found = self.in_force()
        if found is not None:
            return found
        from lifecycle.plan.apply import apply

        apply(self.store, self.checked_files(), None, self.clock.now())
        log.warning("nothing was in force yet, so the files are now; `lifecycle apply` puts later edits into force")
        return self.versions.get(self.files().hash)

    def content(self) -> Content:
        """Return the version in force, else the files."""
        return self.in_force() or self.files()

    def signer(self) -> Signer | None:
        """Return the DKIM signer, None when no key is set. Raises SettingsError for half a setting or a bad key."""
        from lifecycle.deliver.sign import Signer

        given = (self.settings.dkim_domain, self.settings.dkim_selector, self.settings.dkim_key_file)
        domain, selector, key_file = given
        if domain is None or selector is None or key_file is None:
            if any(given):
                raise SettingsError(
                    "DKIM is set by halves", hint="LIFECYCLE_DKIM_DOMAIN, _SELECTOR and _KEY_FILE go together"
                )
            return None
        return Signer.from_file(domain, selector, key_file)

    def composer(self) -> Composer:
        """Return what makes mails of ledger rows."""
        from lifecycle.deliver.compose import Composer

        return Composer(self.tokens, self.settings.base_url, signer=self.signer())

    def providers(self) -> list[Provider]:
        """Return the providers that are set up, the default first: SMTP, SES, Postmark, a folder of .eml files.

        The folder stands in for all of them when there is none. Raises SettingsError for half a setting.
        """
        from lifecycle.providers.folder import FolderProvider
        from lifecycle.providers.postmark import ENDPOINT, PostmarkProvider
        from lifecycle.providers.ses import SesProvider
        from lifecycle.providers.smtp import SmtpProvider

        settings = self.settings
        found: list[Provider] = []
        if settings.smtp_url is not None:
            found.append(SmtpProvider(settings.smtp_url, clock=self.clock))
        keys = settings.ses_keys()
        if keys is not None:
            region, access_key, secret_key = keys
            found.append(
                SesProvider(
                    region=region, access_key=access_key, secret_key=secret_key, clock=self.clock,
                    configuration_set=settings.ses_configuration_set, has_topic=settings.ses_topic_arn is not None,
                    endpoint=settings.ses_endpoint,
                )
            )  # fmt: skip
        if settings.postmark_token is not None:
            endpoint = settings.postmark_endpoint or ENDPOINT
            found.append(
                PostmarkProvider(
                    settings.postmark_token, self.clock, stream=settings.postmark_stream, endpoint=endpoint
                )
            )
        if settings.keeps_files or not found:
            found.append(FolderProvider(settings.mail_folder))
        return found

    def channels(self) -> Channels:
        """Return the providers, each with its rate and its pause."""
        from lifecycle.deliver.channel import Channel, Channels

        rate = self.settings.rate_per_s
        return Channels([Channel(provider, self.clock, rate_per_s=rate) for provider in self.providers()])

    def hooks(self) -> dict[str, Hook]:
        """Return the webhooks that are set up, by provider. They need no key for sending."""
        from lifecycle.providers.http_session import fetch
        from lifecycle.providers.postmark import PostmarkHook
        from lifecycle.providers.ses import SesHook

        settings = self.settings
        found: dict[str, Hook] = {}
        if settings.ses_topic_arn is not None:
            found["ses"] = SesHook(settings.ses_topic_arn, self.clock, fetch)
        if settings.postmark_hook is not None:
            found["postmark"] = PostmarkHook(settings.postmark_hook)
        return found

    def take_feedback(self, told: Sequence[Feedback]) -> int:
        """Write down what came back about our mails; return how many of it were new. Raises StoreError."""
        from lifecycle.deliver.feedback import take_feedback

        taken = take_feedback(self.store, self.clock, told)
        return taken.applied + taken.waiting

    def parts(self) -> Parts:
        """Return what delivery works with."""
        from lifecycle.deliver.parts import Parts

        return Parts(
            store=self.store,
            clock=self.clock,
            content=self.applied,
            compose=self.composer(),
            channels=self.channels(),
        )

    def web_parts(self) -> WebParts:
        """Return what the web application works with."""
        from lifecycle.web.parts import WebParts

        settings = self.settings
        return WebParts(
            store=self.store,
            clock=self.clock,
            tokens=self.tokens,
            content=self.content,
            secret=settings.secret(),
            base_url=settings.base_url,
            write_keys=frozenset(settings.write_keys),
            admin_password=settings.admin_password,
            hooks=self.hooks(),
            feedback=self.take_feedback,
        )

    def with_settings(self, **changes: object) -> Engine:
        """Return a new engine with other settings and the same clock."""
        return Engine(replace(self.settings, **changes), self.clock)  # type: ignore[arg-type]  # keys are checked by replace

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store, self._versions = None, None
