"""Every table. Stages meet here and nowhere else: each says which stage writes it.

Hot paths use SQLAlchemy Core on `Table.__table__`; models serve reading and tests. `_at` is an aware UTC instant.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import DDL, BigInteger, Index, Numeric, Table, UniqueConstraint, event, text
from sqlmodel import Field, SQLModel

from lifecycle.store.amounts import KeptAmount, KeptRating
from lifecycle.store.columns import BigKey, Instant, Json, Money


def _key() -> Any:
    return Field(default=None, primary_key=True, sa_type=BigKey)


def _contact(**options: Any) -> Any:
    return Field(sa_type=BigKey, index=options.pop("index", True), **options)


# ---------------------------------------------------------------- intake


class Contact(SQLModel, table=True):
    """A person. Written by intake; `stage*`, `review_at` and `flips` by audience.

    `identifier` is the first identifier the contact came with, and never changes: hashes (holdouts, splits, samples)
    use it. `external_id` is the userId. `address_key` is the e-mail as compared. A contact merged into another keeps
    its row with `merged_into`.
    """

    __tablename__: ClassVar[str] = "contacts"
    __table_args__ = (
        # few ever: who is left out of a ranking, and whom a merge has brought
        Index(
            "contacts_gone", "id",
            sqlite_where=text("merged_into IS NOT NULL OR erased_at IS NOT NULL"),
            postgresql_where=text("merged_into IS NOT NULL OR erased_at IS NOT NULL"),
        ),
        Index(
            "contacts_merged", "merged_into",
            sqlite_where=text("merged_into IS NOT NULL"), postgresql_where=text("merged_into IS NOT NULL"),
        ),
    )  # fmt: skip
    id: int | None = _key()
    identifier: str
    external_id: str | None = Field(default=None, unique=True)
    email: str | None = None
    address_key: str | None = Field(default=None, index=True)
    locale: str | None = None
    timezone: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    account_id: int | None = Field(default=None, sa_type=BigKey, index=True)
    created_at: datetime = Field(sa_type=Instant)
    erased_at: datetime | None = Field(default=None, sa_type=Instant)
    merged_into: int | None = Field(default=None, sa_type=BigKey)
    stage: str | None = Field(default=None, index=True)
    stage_since_at: datetime | None = Field(default=None, sa_type=Instant)
    #: when the passing of time may next change this contact's stage or a membership
    review_at: datetime | None = Field(default=None, sa_type=Instant)
    #: never later than review_at: what is looked for (audience.reviews)
    wake_at: datetime | None = Field(default=None, sa_type=Instant, index=True)
    #: stages whose own condition held when it was last asked; None: not known
    holding: list[str] | None = Field(default=None, sa_type=Json)
    #: by segment, and `stage:ID`, the instant, in ISO 8601, at which time may next change it; None: not known
    flips: dict[str, str] | None = Field(default=None, sa_type=Json)


class Identity(SQLModel, table=True):
    """Another name of a contact: kind is anonymous_id, alias or email (an address it had before)."""

    __tablename__: ClassVar[str] = "identities"
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    contact_id: int = _contact()


class Merge(SQLModel, table=True):
    """Append-only: that a contact was merged into another, and why. There is no undo.

    `stays` is who it became then; `contacts.merged_into` says who that is today. `cause` is the kind of name that said
    so: anonymous_id, email or alias; `message_id` the message that used it.
    """

    __tablename__: ClassVar[str] = "merges"
    goes: int = Field(sa_type=BigKey, primary_key=True)
    stays: int = Field(sa_type=BigKey)
    at: datetime = Field(sa_type=Instant)
    cause: str
    message_id: str = ""


class Account(SQLModel, table=True):
    """A company, from `group`."""

    __tablename__: ClassVar[str] = "accounts"
    id: int | None = _key()
    external_id: str = Field(unique=True)
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class Event(SQLModel, table=True):
    """What a contact did. `id` is the order of arrival; `at` is clamped to `received_at`.

    `live` events may trigger; history (imports, events more than 24 h late) feeds facts, exits and goals only.
    """

    __tablename__: ClassVar[str] = "events"
    __table_args__ = (
        # with what they came to and how they rate, so that neither needs a row of theirs
        Index("events_by_contact", "contact_id", "name", "at", "worth", "rating"),
        # only for questions that say `id > 0`, and so for none about one contact: PostgreSQL takes the last hour of a
        # name to be next to nothing, and would read all of it for each contact
        Index("events_by_name", "name", "at", sqlite_where=text("id > 0"), postgresql_where=text("id > 0")),
    )
    id: int | None = _key()
    message_id: str = Field(unique=True)
    contact_id: int = _contact(index=False)
    name: str
    at: datetime = Field(sa_type=Instant)
    received_at: datetime = Field(sa_type=Instant)
    properties: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    live: bool = True
    #: of `properties.total`, in ten-thousandths; kept by the database (store.amounts)
    worth: int | None = Field(default=None, sa_type=BigInteger, sa_column_args=(KeptAmount(),))
    #: `properties.rating`; kept by the database (store.amounts)
    rating: Decimal | None = Field(default=None, sa_type=Numeric, sa_column_args=(KeptRating(),))


class Inbox(SQLModel, table=True):
    """Work that intake leaves for the journey, written in the transaction that stores it, deleted when advanced.

    A contact with a row here is not mailed until the row is gone: whatever was acknowledged prevents the mail.
    `event_id` is None when something else changed: `what` is of which kind (intake.news), None: of any.
    History leaves a row only for contacts that are inside a campaign.
    """

    __tablename__: ClassVar[str] = "inbox"
    id: int | None = _key()
    contact_id: int = _contact()
    event_id: int | None = Field(default=None, sa_type=BigKey)
    what: str | None = None


class Touched(SQLModel, table=True):
    """Contacts that history has touched; written by intake, deleted when their memberships have been brought up to it.

    One row for a batch: `contacts` are their rows, `told` what is new about any of them (intake.news).
    """

    __tablename__: ClassVar[str] = "touched"
    id: int | None = _key()
    at: datetime = Field(sa_type=Instant)
    contacts: list[int] = Field(sa_type=Json)
    told: dict[str, Any] = Field(sa_type=Json)


class Order(SQLModel, table=True):
    """One order of one contact, from Order Completed, Order Updated, Order Refunded and Order Cancelled."""

    __tablename__: ClassVar[str] = "orders"
    contact_id: int = Field(sa_type=BigKey, primary_key=True)
    order_id: str = Field(primary_key=True)
    #: None when only a refund is known yet: such an order does not count
    total: Decimal | None = Field(default=None, sa_type=Money)
    refunded: Decimal = Field(default=Decimal(0), sa_type=Money)
    at: datetime | None = Field(default=None, sa_type=Instant)


class Facts(SQLModel, table=True):
    """Rollups of a contact's events, kept by intake as events come. Missing row: no facts.

    `orders_total`, `orders_count`, `orders_last_at` ignore refunds. None means the contact does not have the fact.
    """

    __tablename__: ClassVar[str] = "facts"
    contact_id: int = Field(sa_type=BigKey, primary_key=True)
    orders_count: int = 0
    orders_total: Decimal | None = Field(default=None, sa_type=Money, index=True)
    #: half to even at four decimals
    orders_average: Decimal | None = Field(default=None, sa_type=Money)
    orders_net: Decimal | None = Field(default=None, sa_type=Money)
    orders_refunded: Decimal | None = Field(default=None, sa_type=Money)
    orders_first_at: datetime | None = Field(default=None, sa_type=Instant)
    orders_last_at: datetime | None = Field(default=None, sa_type=Instant)
    cart_total: Decimal | None = Field(default=None, sa_type=Money)
    cart_items: int | None = None
    #: {"cart_id", "lines": [{product_id, name, price, quantity, url, image_url, …}], "updated_at"}
    cart: dict[str, Any] | None = Field(default=None, sa_type=Json)
    #: of Product Viewed; `views_last_*` are of the newest by (at, id). Written without being read (intake.views)
    views_count: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    views_last_at: datetime | None = Field(default=None, sa_type=Instant)
    views_last_event: int | None = Field(default=None, sa_type=BigKey)
    views_last_product: str | None = None
    views_last_category: str | None = None
    points_balance: int | None = None
    points_tier: str | None = None
    nps_score: int | None = None
    referrals_count: int | None = None
    #: the instant of the newest event of orders and carts folded in: an older one means folding again from the events
    folded_at: datetime | None = Field(default=None, sa_type=Instant)


class ProductRow(SQLModel, table=True):
    """A product as the newest orders tell of it. `sold`: the contacts who bought it (intake.restock)."""

    __tablename__: ClassVar[str] = "products"
    product_id: str = Field(primary_key=True)
    name: str
    price: Decimal | None = Field(default=None, sa_type=Money)
    category: str | None = None
    url: str | None = None
    image_url: str | None = None
    sold: int


class BoughtTogether(SQLModel, table=True):
    """A product that is bought together with another; place 0 is the closest. Closeness: 0 to 1."""

    __tablename__: ClassVar[str] = "bought_together"
    product_id: str = Field(primary_key=True)
    place: int = Field(primary_key=True)
    other_id: str
    closeness: float


class StocktakingRow(SQLModel, table=True):
    """When the products were last counted from the orders, and which event was the newest then. One row at most."""

    __tablename__: ClassVar[str] = "stocktakings"
    id: int = Field(default=1, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    newest_event: int | None = Field(default=None, sa_type=BigKey)


class Consent(SQLModel, table=True):
    """Append-only: who said what about which topic, when, where, to which text. The latest `at` (then id) holds."""

    __tablename__: ClassVar[str] = "consents"
    __table_args__ = (Index("consents_by_contact", "contact_id", "topic", "at", "id"),)
    id: int | None = _key()
    contact_id: int = _contact(index=False)
    topic: str
    granted: bool
    at: datetime = Field(sa_type=Instant)
    source: str = ""
    text: str = ""


class Suppression(SQLModel, table=True):
    """An address that is never mailed again, by its hash, so that it outlives erasure."""

    __tablename__: ClassVar[str] = "suppressions"
    address_hash: str = Field(primary_key=True)
    reason: str
    at: datetime = Field(sa_type=Instant)
    source: str = ""


class Undeclared(SQLModel, table=True):
    """Undeclared things that came anyway, counted: `what` is an event, or event.property."""

    __tablename__: ClassVar[str] = "undeclared"
    what: str = Field(primary_key=True)
    seen: int = 0
    first_at: datetime = Field(sa_type=Instant)


# ---------------------------------------------------------------- audience


class StageTransition(SQLModel, table=True):
    """A contact's stage changed.

    `cause` is an event's name, `time`, `import`, `apply`, `rebuild`, `attribute` or `consent`.
    """

    __tablename__: ClassVar[str] = "stage_transitions"
    id: int | None = _key()
    contact_id: int = _contact()
    before: str | None = None
    after: str | None = None
    at: datetime = Field(sa_type=Instant, index=True)
    cause: str


class Membership(SQLModel, table=True):
    """A stay of a contact in a segment; open while `left_at` is None. Written by whoever holds the contact.

    Those of one contact lie together, and no index knows when one ends: a refresh writes one place for each contact.
    """

    __tablename__: ClassVar[str] = "memberships"
    __table_args__ = ({"sqlite_with_rowid": False},)
    contact_id: int = _contact(primary_key=True, index=False)
    segment: str = Field(primary_key=True)
    entered_at: datetime = Field(sa_type=Instant, primary_key=True)
    left_at: datetime | None = Field(default=None, sa_type=Instant)
    cause: str


class Rank(SQLModel, table=True):
    """A contact's place in the ranking by a fact, as it was last taken account of. `place` is the negated value.

    Kept for the facts that the content in force has a `{top: …}` of, and for contacts that have the fact and count.
    """

    __tablename__: ClassVar[str] = "ranks"
    __table_args__ = (Index("ranks_in_order", "fact", "place", "contact_id"), {"sqlite_with_rowid": False})
    fact: str = Field(primary_key=True)
    contact_id: int = Field(sa_type=BigKey, primary_key=True)
    place: int = Field(sa_type=BigKey)


class TopBoundary(SQLModel, table=True):
    """Where a top share ends: `inside` of the fact's `holders` contacts stand up to (place, contact_id).

    In `ranks`, places from `first_place` to `last_place` are exact, others at least on their side (audience.ranking).
    """

    __tablename__: ClassVar[str] = "top_boundaries"
    fact: str = Field(primary_key=True)
    share: str = Field(primary_key=True)
    holders: int
    inside: int
    place: int = Field(sa_type=BigKey)
    contact_id: int = Field(sa_type=BigKey)
    first_place: int = Field(sa_type=BigKey, sa_column_kwargs={"server_default": text(str(1 - 2**63))})
    last_place: int = Field(sa_type=BigKey, sa_column_kwargs={"server_default": text(str(2**63 - 1))})


# ---------------------------------------------------------------- plan


class Version(SQLModel, table=True):
    """Content that was put into force, whole: file texts by path. Never deleted; enrolments are pinned to it."""

    __tablename__: ClassVar[str] = "versions"
    hash: str = Field(primary_key=True)
    files: dict[str, str] = Field(sa_type=Json)


class Application(SQLModel, table=True):
    """One `apply`; the newest is in force. A rollback is an apply of an older version."""

    __tablename__: ClassVar[str] = "applications"
    id: int | None = _key()
    version: str
    at: datetime = Field(sa_type=Instant)


class SendingLimitState(SQLModel, table=True):
    """How much of a sending limit is used, by its key. Written by deliver (`deliver.allowance` says what it means)."""

    __tablename__: ClassVar[str] = "sending_limits"
    key: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    full_ns: int = Field(sa_type=BigInteger)
    begun: int


class CampaignState(SQLModel, table=True):
    """What an operator or a brake did to a campaign, and how far its broadcasts have come."""

    __tablename__: ClassVar[str] = "campaign_states"
    campaign: str = Field(primary_key=True)
    paused_at: datetime | None = Field(default=None, sa_type=Instant)
    paused_by: str | None = None
    resumed_at: datetime | None = Field(default=None, sa_type=Instant)
    scheduled_to: datetime | None = Field(default=None, sa_type=Instant)


# ---------------------------------------------------------------- journey


class Enrolment(SQLModel, table=True):
    """One entry of one contact into one campaign.

    `state`: waiting, active, completed, exited, goal_met, held_out, refused. `occurrence` names the entry (DESIGN,
    meaning 10). `entry_key` is "" for a missing key. `position` is the path of the step it stands at: [2, 0, 1] is
    step 2, its inner list 0, step 1. `context` is what the steps made (coupons, the events' ids).
    """

    __tablename__: ClassVar[str] = "enrolments"
    __table_args__ = (
        Index(
            "enrolments_open", "campaign", "contact_id", "entry_key", unique=True,
            sqlite_where=text("state IN ('waiting', 'active')"),
            postgresql_where=text("state IN ('waiting', 'active')"),
        ),
        Index("enrolments_due", "due_at"),
        Index("enrolments_by_contact", "contact_id", "campaign"),
    )  # fmt: skip
    id: int | None = _key()
    campaign: str
    contact_id: int = _contact(index=False)
    entry_key: str = ""
    occurrence: str
    version: str
    state: str
    reason: str = ""
    #: the first matching event, the crossing of the segment's edge, …
    opened_at: datetime = Field(sa_type=Instant)
    #: the last event that restarted the clock: deadlines count from here
    anchor_at: datetime = Field(sa_type=Instant)
    activated_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    position: list[int] = Field(default_factory=list, sa_type=Json)
    #: arm of the holdout: "treated", "held_out" (campaign) or "held_out_global"; None before activation
    arm: str | None = None
    #: variants taken, by split id
    variants: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    trigger_event_id: int | None = Field(default=None, sa_type=BigKey)
    last_event_id: int | None = Field(default=None, sa_type=BigKey)
    context: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    goal_at: datetime | None = Field(default=None, sa_type=Instant)
    goal_value: Decimal | None = Field(default=None, sa_type=Money)


class Decision(SQLModel, table=True):
    """Why: one row for each decision on a contact, with the values it saw. `explain` prints these."""

    __tablename__: ClassVar[str] = "decisions"
    __table_args__ = (Index("decisions_by_contact", "contact_id", "campaign", "id"),)
    id: int | None = _key()
    contact_id: int = _contact(index=False)
    campaign: str
    enrolment_id: int | None = Field(default=None, sa_type=BigKey)
    version: str
    at: datetime = Field(sa_type=Instant)
    step: str = ""
    #: opened, restarted, refused, activated, held_out, sent_on, waited, branched, split, skipped, exited, …
    decision: str
    reason: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


# ---------------------------------------------------------------- deliver


class Message(SQLModel, table=True):
    """The ledger: one row for each (campaign, step, contact, occurrence) that was reached (DESIGN section 5)."""

    __tablename__: ClassVar[str] = "messages"
    __table_args__ = (
        UniqueConstraint("campaign", "step", "contact_id", "occurrence", name="messages_once"),
        Index(
            "messages_due", "priority", "due_at", "id",
            sqlite_where=text("state IN ('queued', 'deferred') AND queue = ''"),
            postgresql_where=text("state IN ('queued', 'deferred') AND queue = ''"),
        ),
        # what waits at a sending limit, out of the way of all others
        Index(
            "messages_parked", "queue", "priority", "due_at", "id",
            sqlite_where=text("state IN ('queued', 'deferred') AND queue <> ''"),
            postgresql_where=text("state IN ('queued', 'deferred') AND queue <> ''"),
        ),
        Index(
            "messages_parked_late", "deadline_at",
            sqlite_where=text("state IN ('queued', 'deferred') AND queue <> '' AND deadline_at IS NOT NULL"),
            postgresql_where=text("state IN ('queued', 'deferred') AND queue <> '' AND deadline_at IS NOT NULL"),
        ),
        Index(
            "messages_held", "lease_until_at",
            sqlite_where=text("state IN ('claimed', 'sending')"),
            postgresql_where=text("state IN ('claimed', 'sending')"),
        ),
        Index("messages_by_contact", "contact_id", "sent_at"),
        Index(
            "messages_by_ref", "provider_ref",
            sqlite_where=text("provider_ref IS NOT NULL"), postgresql_where=text("provider_ref IS NOT NULL"),
        ),
        Index("messages_by_campaign", "campaign", "state"),
    )  # fmt: skip
    id: int | None = _key()
    campaign: str
    step: str
    contact_id: int = _contact(index=False)
    occurrence: str
    enrolment_id: int | None = Field(default=None, sa_type=BigKey, index=True)
    version: str
    kind: str
    topic: str | None = None
    template: str
    locale: str | None = None
    variant: str | None = None
    sender: str | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    priority: int = 50
    state: str
    reason: str = ""
    #: the key of the sending limit at which it waits; "" for the general queue
    queue: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    #: the instant the step was reached
    reached_at: datetime = Field(sa_type=Instant)
    #: not before
    due_at: datetime = Field(sa_type=Instant)
    #: not after, inclusive
    deadline_at: datetime | None = Field(default=None, sa_type=Instant)
    lease_until_at: datetime | None = Field(default=None, sa_type=Instant)
    fence: int = 0
    #: claims that ended without an outcome: three quarantine the row
    crashes: int = 0
    attempts: int = 0
    worker: str | None = None
    message_id: str
    template_hash: str | None = None
    address: str | None = None
    #: who was given it; while it waits: who may have accepted it already, so that nobody else is given it
    provider: str | None = None
    provider_ref: str | None = None
    #: the last answer or error, for people
    detail: str = ""
    #: targets of tracked links whose address is this recipient's own, by number
    links: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    sending_at: datetime | None = Field(default=None, sa_type=Instant)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    delivered_at: datetime | None = Field(default=None, sa_type=Instant)
    bounced_at: datetime | None = Field(default=None, sa_type=Instant)
    complained_at: datetime | None = Field(default=None, sa_type=Instant)
    #: first human open and click
    opened_at: datetime | None = Field(default=None, sa_type=Instant)
    clicked_at: datetime | None = Field(default=None, sa_type=Instant)
    unsubscribed_at: datetime | None = Field(default=None, sa_type=Instant)


class FeedbackRow(SQLModel, table=True):
    """What somebody told of a mail that was accepted (providers.feedback). `event` is unique, so that it counts once.

    `message_row` is None while no mail has the name `ref`: it may be told before the answer that gave it was written.
    """

    __tablename__: ClassVar[str] = "feedback"
    __table_args__ = (
        Index("feedback_by_message", "message_row"),
        Index("feedback_by_time", "taken_at"),
        Index(
            "feedback_waiting", "taken_at",
            sqlite_where=text("message_row IS NULL"), postgresql_where=text("message_row IS NULL"),
        ),
    )  # fmt: skip
    id: int | None = _key()
    provider: str
    event: str = Field(unique=True)
    kind: str
    at: datetime = Field(sa_type=Instant)
    taken_at: datetime = Field(sa_type=Instant)
    message_row: int | None = Field(default=None, sa_type=BigKey)
    ref: str | None = None
    recipient_hash: str | None = None
    enhanced: str = ""
    detail: str = ""


class TemplateVersion(SQLModel, table=True):
    """A compiled template that was sent, by its hash: the targets of its fixed links by number."""

    __tablename__: ClassVar[str] = "template_versions"
    hash: str = Field(primary_key=True)
    template: str
    locale: str
    links: dict[str, str] = Field(default_factory=dict, sa_type=Json)


# ---------------------------------------------------------------- engagement


class Hit(SQLModel, table=True):
    """One raw open, click, unsubscribe, preference or view. Kept as it came; `verdict` is ours: human or machine."""

    __tablename__: ClassVar[str] = "hits"
    __table_args__ = (Index("hits_by_message", "message_row", "kind"),)
    id: int | None = _key()
    message_row: int = Field(sa_type=BigKey)
    contact_id: int = _contact()
    kind: str
    link: int | None = None
    at: datetime = Field(sa_type=Instant)
    method: str = "GET"
    user_agent: str = ""
    ip: str = ""
    verdict: str = "human"
    why: str = ""


# ---------------------------------------------------------------- rewards, feedback


class PointsEntry(SQLModel, table=True):
    """Points given or taken; the balance is the sum. `entry` makes it happen once."""

    __tablename__: ClassVar[str] = "points"
    id: int | None = _key()
    contact_id: int = _contact()
    entry: str = Field(unique=True)
    points: int
    at: datetime = Field(sa_type=Instant)
    reason: str = ""


class CouponRow(SQLModel, table=True):
    """A coupon of one contact's own."""

    __tablename__: ClassVar[str] = "coupons"
    code: str = Field(primary_key=True)
    contact_id: int = _contact()
    campaign: str
    percent: int | None = None
    amount: int | None = None
    made_at: datetime = Field(sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)


class TicketRow(SQLModel, table=True):
    """Something for the team to do about a contact."""

    __tablename__: ClassVar[str] = "tickets"
    id: int | None = _key()
    contact_id: int = _contact()
    entry: str = Field(unique=True)
    subject: str
    note: str = ""
    state: str = "open"
    opened_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)


class Referral(SQLModel, table=True):
    """A contact's own referral code, and by whom a friend came (`friend_id` None for the code itself)."""

    __tablename__: ClassVar[str] = "referrals"
    id: int | None = _key()
    code: str = Field(index=True)
    contact_id: int = _contact()
    friend_id: int | None = Field(default=None, sa_type=BigKey, unique=True)
    at: datetime = Field(sa_type=Instant)


class WebhookCall(SQLModel, table=True):
    """A call to make to a webhook: queued, sent, failed."""

    __tablename__: ClassVar[str] = "webhook_calls"
    id: int | None = _key()
    entry: str = Field(unique=True)
    webhook: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    state: str = "queued"
    attempts: int = 0
    due_at: datetime = Field(sa_type=Instant)


def _table(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


# the same tables for SQLAlchemy Core
contacts = _table(Contact)
identities = _table(Identity)
merges = _table(Merge)
accounts = _table(Account)
events = _table(Event)
inbox = _table(Inbox)
touched = _table(Touched)
orders = _table(Order)
facts = _table(Facts)
consents = _table(Consent)
suppressions = _table(Suppression)
undeclared = _table(Undeclared)
stage_transitions = _table(StageTransition)
memberships = _table(Membership)
ranks = _table(Rank)
top_boundaries = _table(TopBoundary)
products = _table(ProductRow)
bought_together = _table(BoughtTogether)
stocktakings = _table(StocktakingRow)
versions = _table(Version)
applications = _table(Application)
campaign_states = _table(CampaignState)
sending_limits = _table(SendingLimitState)
enrolments = _table(Enrolment)
decisions = _table(Decision)
messages = _table(Message)
feedback = _table(FeedbackRow)
template_versions = _table(TemplateVersion)
hits = _table(Hit)
points = _table(PointsEntry)
coupons = _table(CouponRow)
tickets = _table(TicketRow)
referrals = _table(Referral)
webhook_calls = _table(WebhookCall)

#: Of each page of these, PostgreSQL leaves a fifth free: a row that is written again and again stays in its page, and
#: no index hears of it.
_ROOMY = DDL("ALTER TABLE %(table)s SET (fillfactor = 80)")  # type: ignore[no-untyped-call]
for _rewritten in (contacts, memberships):
    event.listen(_rewritten, "after_create", _ROOMY.execute_if(dialect="postgresql"))
