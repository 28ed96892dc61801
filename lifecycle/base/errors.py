"""The exceptions of the package.

LifecycleError                 anything we raise on purpose; the command line prints it without a traceback
├── UsageError                 the caller's words are off (exit 2)
├── ContentError               YAML or templates do not check (exit 3); carries the diagnostics
├── StalePlanError             the plan no longer fits the database (exit 4)
├── SettingsError              a setting is missing or wrong
├── StoreError                 the database cannot be used as it is
├── NotFoundError              a contact, campaign or segment of that name does not exist
├── TokenError                 a token is not ours, or not for this purpose; never says more
├── RenderError                one recipient's mail cannot be rendered (reason render_error)
├── HookError                  what was posted to a provider's webhook is not taken
│   ├── ForgedError            its signature, topic, time or password is wrong
│   ├── GarbledError           it is no event of that provider
│   └── UnverifiedError        it cannot be verified just now: the provider may post it again
└── DeliveryError              a provider did not accept a message
    ├── TransientError         may work later: back off, same Message-ID
    ├── PermanentError         will never work for this recipient: one terminal row
    ├── AmbiguousError         it may have been accepted: `unknown`, never silently retried
    └── MisconfiguredError     wrong host, port, credentials: nobody's mail is at fault; stop and say so
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class LifecycleError(Exception):
    """Something went wrong that a person can act on. `hint` says how."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LifecycleError):
    """The command or request does not make sense as written."""


class ContentError(LifecycleError):
    """The project's content has errors; `diagnostics` holds each with its place."""

    def __init__(
        self, message: str, *, diagnostics: Sequence[Any] = (), files: Mapping[str, str] | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = tuple(diagnostics)
        #: the texts that the diagnostics point into, by path, so that frames can be drawn
        self.files: Mapping[str, str] = files or {}


class StalePlanError(LifecycleError):
    """The database or the files changed since the plan was made."""


class SettingsError(LifecycleError):
    """A setting is missing or wrong."""


class StoreError(LifecycleError):
    """The database cannot be reached, is read-only, or is at another version."""


class NotFoundError(LifecycleError):
    """Nothing has that name."""


class TokenError(LifecycleError):
    """The token is not valid."""

    def __init__(self) -> None:
        super().__init__("the token is not valid")


class RenderError(LifecycleError):
    """This recipient's mail cannot be rendered. `where` is file:line of the template when it is known."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(message)
        self.where = where


class HookError(LifecycleError):
    """What was posted to a provider's webhook is not taken."""


class ForgedError(HookError):
    """The signature, topic, time or password is wrong."""


class GarbledError(HookError):
    """It is no event of that provider."""


class UnverifiedError(HookError):
    """It cannot be verified just now."""


class DeliveryError(LifecycleError):
    """A provider did not accept a message. `code` is the SMTP or HTTP status, `enhanced` the RFC 3463 one."""

    def __init__(self, message: str, *, code: int = 0, enhanced: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.enhanced = enhanced


class TransientError(DeliveryError):
    """It may work later."""


class PermanentError(DeliveryError):
    """It will never work for this recipient."""


class AmbiguousError(DeliveryError):
    """The provider may or may not have accepted it."""


class MisconfiguredError(DeliveryError):
    """The provider cannot be used as it is set up."""
