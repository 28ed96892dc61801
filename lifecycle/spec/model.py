"""The content as data: a project, its segments and campaigns. Frozen, equal by value, places aside.

Read DESIGN section 4 beside this file: each class is one of its tables, each field one of its keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Literal, TypeAlias, get_args

from lifecycle.base.units import Duration, LocalWindow, Share
from lifecycle.spec.conditions import Condition, PropertyTest
from lifecycle.spec.place import Place

_NO_TIME = Duration()
_FIVE_DAYS = Duration(5 * 86400)
_GOAL_WINDOW = Duration(30 * 86400)

Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: as datetime.weekday counts them
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Funnel: TypeAlias = Literal["tofu", "mofu", "bofu", "post"]
Kind: TypeAlias = Literal["marketing", "transactional"]
#: Who may deliver, by the names that content gives them: what `wiring` can set up.
PROVIDERS: tuple[str, ...] = ("smtp", "ses", "postmark", "folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LocalText(_Node):
    """Text for people: one for all (`everywhere`), or one by locale."""

    everywhere: str | None = None
    by_locale: Mapping[str, str] = field(default_factory=dict)

    def text(self, locale: str, fallback: str) -> str:
        """Return the text for `locale`, else its language, else `fallback`'s, else any; "" when there is none."""
        if self.everywhere is not None:
            return self.everywhere
        for wanted in (locale, locale.split("-", maxsplit=1)[0], fallback):
            if wanted in self.by_locale:
                return self.by_locale[wanted]
        return next(iter(self.by_locale.values()), "")


# ---------------------------------------------------------------- lifecycle.yaml


@dataclass(frozen=True, slots=True)
class Brand(_Node):
    """Who sends. `colours` and `fonts` are free names that templates use as brand.colours.NAME."""

    name: LocalText
    url: str
    logo: str | None = None
    postal_address: LocalText = LocalText("")
    colours: Mapping[str, str] = field(default_factory=dict)
    fonts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sender(_Node):
    """A From identity; `address` is the key `from`. `providers` are tried in order; none is the default one."""

    address: str
    name: LocalText
    reply_to: str | None = None
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic(_Node):
    """What people consent to and unsubscribe from."""

    topic: str
    label: LocalText
    description: LocalText = LocalText("")
    default: Literal["granted", "denied"] = "denied"


@dataclass(frozen=True, slots=True)
class Stage(_Node):
    """One stage of the journey and its place on the canvas."""

    stage: str
    label: LocalText
    funnel: Funnel
    when: Condition
    keep_for: Duration | None = None
    needs: tuple[str, ...] = ()
    moment: str = ""
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FrequencyCap(_Node):
    """At most that many marketing messages (of the topic, or all) in any rolling window of `per`."""

    at_most: int
    per: Duration
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class SendingLimit(_Node):
    """At most that many mails begun in any rolling window of `per`: by a provider, to some domains, or both."""

    at_most: int
    per: Duration
    provider: str | None = None
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WarmUp(_Node):
    """How many mails a provider that is new to mailbox providers is given a day; `first` is the key `from`.

    The days are the project's; each has the same multiple of the day before, and the last one has `to`.
    """

    provider: str
    starts: date
    first: int
    to: int
    over: Duration


@dataclass(frozen=True, slots=True)
class QuietHours(_Node):
    """Local hours without marketing: hold until they end (`next`) or give the message up (`skip`)."""

    window: LocalWindow
    then: Literal["next", "skip"] = "next"


@dataclass(frozen=True, slots=True)
class Policies(_Node):
    """What holds for every marketing message of the project."""

    frequency_caps: tuple[FrequencyCap, ...] = ()
    quiet_hours: QuietHours | None = None
    global_holdout: Share | None = None
    attribution_click: Duration = _FIVE_DAYS
    consent: Literal["single", "double"] = "single"
    utm: Mapping[str, str] = field(default_factory=dict)
    sending_limits: tuple[SendingLimit, ...] = ()
    warm_up: tuple[WarmUp, ...] = ()


PropertyType: TypeAlias = Literal["text", "number", "int", "bool", "instant", "date", "list", "object"]


@dataclass(frozen=True, slots=True)
class EventSchema(_Node):
    """A declared event: dotted property paths and their types; `[]` marks a list (`products[].price`)."""

    event: str
    properties: Mapping[str, PropertyType] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tier(_Node):
    """A tier of the loyalty programme: who has `at_least` points (the key `from`) is in it, or in a later one."""

    tier: str
    at_least: int
    label: LocalText
    from_place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Rewards(_Node):
    """The loyalty programme; `tiers` ascend. Below the first, and without tiers, a contact is in none."""

    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True)
class Gift(_Node):
    """What one side of a referral gets: exactly one of percent, amount (in the currency) and points.

    `expires` is of the coupon that percent and amount make; points have none.
    """

    percent: int | None = None
    amount: int | None = None
    points: int | None = None
    expires: Duration | None = None


@dataclass(frozen=True, slots=True)
class Referrals(_Node):
    """What a friend and the advocate who sent them get, and how long after the friend's order the advocate gets it."""

    friend: Gift | None = None
    advocate: Gift | None = None
    release_after: Duration = _NO_TIME


@dataclass(frozen=True, slots=True)
class Survey(_Node):
    """A question with a score: nps from 0 to 10, csat from 1 to `scale`."""

    survey: str
    kind: Literal["nps", "csat"]
    question: LocalText = LocalText("")
    scale: int = 5


@dataclass(frozen=True, slots=True)
class WebhookTarget(_Node):
    """Where the steps `webhook: NAME` go: https only, outside of this network."""

    url: str
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project(_Node):
    """lifecycle.yaml."""

    project: str
    brand: Brand
    senders: Mapping[str, Sender]
    default_locale: str
    locales: tuple[str, ...]
    timezone: str
    currency: str
    topics: tuple[Topic, ...]
    stages: tuple[Stage, ...]
    policies: Policies = Policies()
    events: Mapping[str, EventSchema] = field(default_factory=dict)
    contact_attributes: Mapping[str, PropertyType] = field(default_factory=dict)
    account_attributes: Mapping[str, PropertyType] = field(default_factory=dict)
    rewards: Rewards = Rewards()
    referrals: Referrals = Referrals()
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    webhooks: Mapping[str, WebhookTarget] = field(default_factory=dict)

    def topic(self, name: str) -> Topic | None:
        """Return the topic of that id, or None."""
        return next((topic for topic in self.topics if topic.topic == name), None)

    def sender(self, name: str | None) -> Sender:
        """Return the sender of that name; the first declared for None. Raises KeyError for an unknown name."""
        return next(iter(self.senders.values())) if name is None else self.senders[name]


# ---------------------------------------------------------------- segments/*.yaml


@dataclass(frozen=True, slots=True)
class Segment(_Node):
    """segments/NAME.yaml."""

    segment: str
    label: LocalText
    where: Condition
    description: LocalText = LocalText("")


# ---------------------------------------------------------------- campaigns/*.yaml


@dataclass(frozen=True, slots=True)
class EventTrigger(_Node):
    """An event comes; with `quiet_for`, once none of them has come for that long."""

    events: tuple[str, ...]
    where: tuple[PropertyTest, ...] = ()
    quiet_for: Duration | None = None
    restart_on: tuple[str, ...] = ()
    key: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SegmentTrigger(_Node):
    """The contact enters, or leaves, a segment."""

    segment: str
    edge: Literal["entered", "left"] = "entered"


@dataclass(frozen=True, slots=True)
class StageTrigger(_Node):
    """The contact enters a stage."""

    stage: str


@dataclass(frozen=True, slots=True)
class DateTrigger(_Node):
    """A date of the contact or account comes round; `at` is local time of the contact."""

    owner: Literal["contact", "account"]
    path: tuple[str, ...]
    every: Literal["year", "month"] | None = None
    offset: Duration = _NO_TIME
    at: time = time(9, 0)


@dataclass(frozen=True, slots=True)
class ScheduleTrigger(_Node):
    """A broadcast to the audience at each instant of a cron expression, in the project's zone."""

    cron: str


@dataclass(frozen=True, slots=True)
class BroadcastTrigger(_Node):
    """One broadcast; `at` is wall-clock time of each contact's zone or of the project's."""

    at: datetime
    timezone: Literal["contact", "project"] = "project"


@dataclass(frozen=True, slots=True)
class ManualTrigger(_Node):
    """`lifecycle send`, and nothing else."""


Trigger: TypeAlias = (
    EventTrigger | SegmentTrigger | StageTrigger | DateTrigger | ScheduleTrigger | BroadcastTrigger | ManualTrigger
)


@dataclass(frozen=True, slots=True)
class Send(_Node):
    """Send a template. `deadline` counts from the last event that restarted the clock, else the trigger; inclusive."""

    id: str
    template: str
    deadline: Duration | None = None
    skip_if: Condition | None = None
    sender: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    deadline_place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Wait(_Node):
    """Wait for a duration, or until a time.

    `until`: until clocks of the contact show it on one of `weekdays` (any when empty). `date`: until the instant in the
    trigger's event at that path, plus `offset`. Exactly one of duration, until and date is set.
    """

    id: str
    duration: Duration | None = None
    until: time | None = None
    weekdays: tuple[Weekday, ...] = ()
    date: tuple[str, ...] | None = None
    offset: Duration = _NO_TIME


@dataclass(frozen=True, slots=True)
class WaitFor(_Node):
    """Wait for an event; `then` runs when it comes, `on_timeout` when it does not, and both go on after this step."""

    id: str
    events: tuple[str, ...]
    timeout: Duration
    where: tuple[PropertyTest, ...] = ()
    then: tuple[Step, ...] = ()
    on_timeout: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Arm(_Node):
    """One way of a branch; `when` is None for `otherwise`."""

    when: Condition | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Branch(_Node):
    """The first arm whose condition holds; none when none does."""

    id: str
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Variant(_Node):
    """One way of a split, taken by weight / sum of weights of the contacts."""

    variant: str
    weight: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Winner(_Node):
    """Choose the variant with the best `metric` after that long; later entrants all take it."""

    metric: Literal["conversion", "value", "clicked", "opened"]
    after: Duration


@dataclass(frozen=True, slots=True)
class Split(_Node):
    """Weighted variants by stable hash of the contact's first identifier."""

    id: str
    variants: tuple[Variant, ...]
    winner: Winner | None = None


@dataclass(frozen=True, slots=True)
class Update(_Node):
    """Set attributes of the contact."""

    id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Points(_Node):
    """Give (or, negative, take) points: a number, or `per` a property of the trigger's event, or take all there are."""

    id: str
    give: int = 0
    per: tuple[str, ...] | None = None
    reason: str = ""
    takes_all: bool = False


@dataclass(frozen=True, slots=True)
class Coupon(_Node):
    """Make a coupon of this contact's own; later templates see it under `name` (the key `as`)."""

    id: str
    percent: int | None = None
    amount: int | None = None
    expires: Duration | None = None
    name: str = "coupon"


@dataclass(frozen=True, slots=True)
class Emit(_Node):
    """Record an event of our own for the contact; it can trigger other campaigns."""

    id: str
    event: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook(_Node):
    """Call a webhook declared in lifecycle.yaml."""

    id: str
    webhook: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket(_Node):
    """Open a ticket for the team."""

    id: str
    subject: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exit(_Node):
    """End the enrolment here."""

    id: str
    reason: str = ""


Step: TypeAlias = Send | Wait | WaitFor | Branch | Split | Update | Points | Coupon | Emit | Webhook | Ticket | Exit


@dataclass(frozen=True, slots=True)
class Goal(_Node):
    """What the campaign is for: the condition becomes true within that long of the activation.

    `value` is a path below the properties of the event that met it (`properties.total`), for revenue.
    """

    when: Condition
    within: Duration | None = None
    value: tuple[str, ...] | None = None

    @property
    def window(self) -> Duration:
        """Return for how long it is watched for, from the activation: 30 days unless `within` says otherwise."""
        return self.within or _GOAL_WINDOW


@dataclass(frozen=True, slots=True)
class Reentry(_Node):
    """Whether a contact may enter again: `once`, `always`, or `after` that long since the last activation."""

    mode: Literal["once", "always", "after"] = "once"
    after: Duration | None = None


@dataclass(frozen=True, slots=True)
class SendWindow(_Node):
    """When the campaign may mail: the project's quiet hours kept or ignored, and local hours and days of its own."""

    quiet_hours: Literal["keep", "ignore"] = "keep"
    hours: LocalWindow | None = None
    weekdays: tuple[Weekday, ...] = ()
    then: Literal["next", "skip"] = "next"


@dataclass(frozen=True, slots=True)
class Campaign(_Node):
    """campaigns/NAME.yaml."""

    campaign: str
    stage: str
    trigger: Trigger
    steps: tuple[Step, ...]
    topic: str | None = None
    label: LocalText = LocalText("")
    status: Literal["live", "draft"] = "live"
    kind: Kind = "marketing"
    starts: datetime | None = None
    ends: datetime | None = None
    priority: int = 50
    audience: Condition | None = None
    reentry: Reentry = Reentry()
    enroll: Literal["future", "current_and_future"] = "future"
    exit_when: Condition | None = None
    goal: Goal | None = None
    holdout: Share | None = None
    send_window: SendWindow = SendWindow()
    on_change: Literal["keep", "migrate", "restart", "exit"] = "keep"


def inner_lists(step: Step) -> tuple[tuple[Step, ...], ...]:
    """Return the lists of steps inside `step`, in the order in which paths number them."""
    match step:
        case WaitFor(then=then, on_timeout=on_timeout):
            return (then, on_timeout)
        case Branch(arms=arms):
            return tuple(arm.steps for arm in arms)
        case Split(variants=variants):
            return tuple(variant.steps for variant in variants)
        case _:
            return ()


def walk_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield each step and the steps inside it, in the order of writing."""
    for step in steps:
        yield step
        for inner in inner_lists(step):
            yield from walk_steps(inner)


# ---------------------------------------------------------------- all of it


@dataclass(frozen=True, slots=True)
class Content:
    """One version of everything: the parsed files and their texts by path (posix, relative to the project).

    `hash` names the version; `campaign_hashes` each campaign's own file, by which enrolments are pinned.
    """

    project: Project
    segments: Mapping[str, Segment]
    campaigns: Mapping[str, Campaign]
    files: Mapping[str, str]
    hash: str
    campaign_hashes: Mapping[str, str]
