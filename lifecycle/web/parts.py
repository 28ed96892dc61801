"""What the web application is built from; wiring fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lifecycle.base.clock import Clock
from lifecycle.base.errors import LifecycleError
from lifecycle.base.tokens import Tokens
from lifecycle.engagement.recorder import Recorder
from lifecycle.providers.feedback import Feedback
from lifecycle.providers.hook import Hook
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store


@dataclass(frozen=True, kw_only=True)
class WebParts:
    """Everything that answering a request needs.

    `content` returns what is in force; it is called in worker threads, often, and may raise ContentError. `secret` (16
    bytes or more) signs the dashboard's cookies; without `admin_password` the dashboard stays shut. `write_keys` are
    those of Segment's API; none means that it refuses everyone. `base_url` is how the outside names us. `hooks` are the
    webhooks by provider; `feedback` writes down what they tell, in one transaction, and returns how much of it was new.
    """

    store: Store
    clock: Clock
    tokens: Tokens
    content: Callable[[], Content | None]
    secret: bytes
    base_url: str = "http://localhost:8000"
    write_keys: frozenset[str] = frozenset()
    admin_password: str | None = None
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    feedback: Callable[[Sequence[Feedback]], int] | None = None
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        """Make what all requests share."""
        object.__setattr__(self, "recorder", Recorder(self.store))

    @property
    def is_https(self) -> bool:
        """Say whether the outside reaches us by HTTPS: then cookies are for HTTPS only."""
        return self.base_url.startswith("https:")

    def current_content(self) -> Content | None:
        """Return the content in force, or None when there is none that can be used: pages then do without a brand."""
        try:
            return self.content()
        except LifecycleError:
            return None
