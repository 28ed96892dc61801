"""the tables of the first day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "accounts",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("attributes", columns.Json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external_id"),
    )
    op.create_table(
        "applications",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "campaign_states",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("paused_at", columns.Instant(), nullable=True),
        sa.Column("paused_by", sa.String(), nullable=True),
        sa.Column("scheduled_to", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("campaign"),
    )
    op.create_table(
        "consents",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("consents_by_contact", "consents", ["contact_id", "topic", "at", "id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("address_key", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("attributes", columns.Json, nullable=False),
        sa.Column("account_id", columns.BigKey, nullable=True),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("erased_at", columns.Instant(), nullable=True),
        sa.Column("merged_into", columns.BigKey, nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("stage_since_at", columns.Instant(), nullable=True),
        sa.Column("review_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external_id"),
    )
    op.create_index(op.f("ix_contacts_account_id"), "contacts", ["account_id"], unique=False)
    op.create_index(op.f("ix_contacts_address_key"), "contacts", ["address_key"], unique=False)
    op.create_index(op.f("ix_contacts_review_at"), "contacts", ["review_at"], unique=False)
    op.create_index(op.f("ix_contacts_stage"), "contacts", ["stage"], unique=False)
    op.create_table(
        "coupons",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=True),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.Column("expires_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_index(op.f("ix_coupons_contact_id"), "coupons", ["contact_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("enrolment_id", columns.BigKey, nullable=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", columns.Json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decisions_by_contact", "decisions", ["contact_id", "campaign", "id"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("entry_key", sa.String(), nullable=False),
        sa.Column("occurrence", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_at", columns.Instant(), nullable=False),
        sa.Column("anchor_at", columns.Instant(), nullable=False),
        sa.Column("activated_at", columns.Instant(), nullable=True),
        sa.Column("ended_at", columns.Instant(), nullable=True),
        sa.Column("due_at", columns.Instant(), nullable=True),
        sa.Column("position", columns.Json, nullable=False),
        sa.Column("arm", sa.String(), nullable=True),
        sa.Column("variants", columns.Json, nullable=False),
        sa.Column("trigger_event_id", columns.BigKey, nullable=True),
        sa.Column("last_event_id", columns.BigKey, nullable=True),
        sa.Column("context", columns.Json, nullable=False),
        sa.Column("goal_at", columns.Instant(), nullable=True),
        sa.Column("goal_value", columns.Money(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("enrolments_by_contact", "enrolments", ["contact_id", "campaign"], unique=False)
    op.create_index("enrolments_due", "enrolments", ["due_at"], unique=False)
    op.create_index(
        "enrolments_open",
        "enrolments",
        ["campaign", "contact_id", "entry_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'active')"),
        postgresql_where=sa.text("state IN ('waiting', 'active')"),
    )
    op.create_table(
        "events",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("received_at", columns.Instant(), nullable=False),
        sa.Column("properties", columns.Json, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at"], unique=False)
    op.create_index("events_by_name", "events", ["name", "at"], unique=False)
    op.create_table(
        "facts",
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("orders_count", sa.Integer(), nullable=False),
        sa.Column("orders_total", columns.Money(), nullable=True),
        sa.Column("orders_net", columns.Money(), nullable=True),
        sa.Column("orders_refunded", columns.Money(), nullable=True),
        sa.Column("orders_first_at", columns.Instant(), nullable=True),
        sa.Column("orders_last_at", columns.Instant(), nullable=True),
        sa.Column("cart_total", columns.Money(), nullable=True),
        sa.Column("cart_items", sa.Integer(), nullable=True),
        sa.Column("cart", columns.Json, nullable=True),
        sa.Column("points_balance", sa.Integer(), nullable=True),
        sa.Column("points_tier", sa.String(), nullable=True),
        sa.Column("nps_score", sa.Integer(), nullable=True),
        sa.Column("referrals_count", sa.Integer(), nullable=True),
        sa.Column("folded_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("contact_id"),
    )
    op.create_index(op.f("ix_facts_orders_total"), "facts", ["orders_total"], unique=False)
    op.create_table(
        "hits",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("message_row", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=True),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("hits_by_message", "hits", ["message_row", "kind"], unique=False)
    op.create_index(op.f("ix_hits_contact_id"), "hits", ["contact_id"], unique=False)
    op.create_table(
        "identities",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.PrimaryKeyConstraint("kind", "value"),
    )
    op.create_index(op.f("ix_identities_contact_id"), "identities", ["contact_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("event_id", columns.BigKey, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_inbox_contact_id"), "inbox", ["contact_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("entered_at", columns.Instant(), nullable=False),
        sa.Column("left_at", columns.Instant(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("memberships_by_contact", "memberships", ["contact_id"], unique=False)
    op.create_index(
        "memberships_open",
        "memberships",
        ["segment", "contact_id"],
        unique=True,
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "messages",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("occurrence", sa.String(), nullable=False),
        sa.Column("enrolment_id", columns.BigKey, nullable=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("variant", sa.String(), nullable=True),
        sa.Column("sender", sa.String(), nullable=True),
        sa.Column("data", columns.Json, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("reached_at", columns.Instant(), nullable=False),
        sa.Column("due_at", columns.Instant(), nullable=False),
        sa.Column("deadline_at", columns.Instant(), nullable=True),
        sa.Column("lease_until_at", columns.Instant(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("template_hash", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("links", columns.Json, nullable=False),
        sa.Column("sending_at", columns.Instant(), nullable=True),
        sa.Column("sent_at", columns.Instant(), nullable=True),
        sa.Column("delivered_at", columns.Instant(), nullable=True),
        sa.Column("bounced_at", columns.Instant(), nullable=True),
        sa.Column("complained_at", columns.Instant(), nullable=True),
        sa.Column("opened_at", columns.Instant(), nullable=True),
        sa.Column("clicked_at", columns.Instant(), nullable=True),
        sa.Column("unsubscribed_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign", "step", "contact_id", "occurrence", name="messages_once"),
    )
    op.create_index(op.f("ix_messages_enrolment_id"), "messages", ["enrolment_id"], unique=False)
    op.create_index("messages_by_campaign", "messages", ["campaign", "state"], unique=False)
    op.create_index("messages_by_contact", "messages", ["contact_id", "sent_at"], unique=False)
    op.create_index(
        "messages_due",
        "messages",
        ["priority", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'deferred')"),
        postgresql_where=sa.text("state IN ('queued', 'deferred')"),
    )
    op.create_index(
        "messages_held",
        "messages",
        ["lease_until_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.create_table(
        "orders",
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("total", columns.Money(), nullable=True),
        sa.Column("refunded", columns.Money(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("contact_id", "order_id"),
    )
    op.create_table(
        "points",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entry"),
    )
    op.create_index(op.f("ix_points_contact_id"), "points", ["contact_id"], unique=False)
    op.create_table(
        "referrals",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("friend_id", columns.BigKey, nullable=True),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("friend_id"),
    )
    op.create_index(op.f("ix_referrals_code"), "referrals", ["code"], unique=False)
    op.create_index(op.f("ix_referrals_contact_id"), "referrals", ["contact_id"], unique=False)
    op.create_table(
        "stage_transitions",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_stage_transitions_at"), "stage_transitions", ["at"], unique=False)
    op.create_index(op.f("ix_stage_transitions_contact_id"), "stage_transitions", ["contact_id"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash"),
    )
    op.create_table(
        "template_versions",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("links", columns.Json, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "tickets",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", columns.Instant(), nullable=False),
        sa.Column("closed_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entry"),
    )
    op.create_index(op.f("ix_tickets_contact_id"), "tickets", ["contact_id"], unique=False)
    op.create_table(
        "undeclared",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("first_at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )
    op.create_table(
        "versions",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("files", columns.Json, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "webhook_calls",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("payload", columns.Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entry"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("webhook_calls")
    op.drop_table("versions")
    op.drop_table("undeclared")
    op.drop_index(op.f("ix_tickets_contact_id"), table_name="tickets")
    op.drop_table("tickets")
    op.drop_table("template_versions")
    op.drop_table("suppressions")
    op.drop_index(op.f("ix_stage_transitions_contact_id"), table_name="stage_transitions")
    op.drop_index(op.f("ix_stage_transitions_at"), table_name="stage_transitions")
    op.drop_table("stage_transitions")
    op.drop_index(op.f("ix_referrals_contact_id"), table_name="referrals")
    op.drop_index(op.f("ix_referrals_code"), table_name="referrals")
    op.drop_table("referrals")
    op.drop_index(op.f("ix_points_contact_id"), table_name="points")
    op.drop_table("points")
    op.drop_table("orders")
    op.drop_index(
        "messages_held",
        table_name="messages",
        sqlite_where=sa.text("state IN ('claimed', 'sending')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending')"),
    )
    op.drop_index(
        "messages_due",
        table_name="messages",
        sqlite_where=sa.text("state IN ('queued', 'deferred')"),
        postgresql_where=sa.text("state IN ('queued', 'deferred')"),
    )
    op.drop_index("messages_by_contact", table_name="messages")
    op.drop_index("messages_by_campaign", table_name="messages")
    op.drop_index(op.f("ix_messages_enrolment_id"), table_name="messages")
    op.drop_table("messages")
    op.drop_index(
        "memberships_open",
        table_name="memberships",
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.drop_index("memberships_by_contact", table_name="memberships")
    op.drop_table("memberships")
    op.drop_index(op.f("ix_inbox_contact_id"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_index(op.f("ix_identities_contact_id"), table_name="identities")
    op.drop_table("identities")
    op.drop_index(op.f("ix_hits_contact_id"), table_name="hits")
    op.drop_index("hits_by_message", table_name="hits")
    op.drop_table("hits")
    op.drop_index(op.f("ix_facts_orders_total"), table_name="facts")
    op.drop_table("facts")
    op.drop_index("events_by_name", table_name="events")
    op.drop_index("events_by_contact", table_name="events")
    op.drop_table("events")
    op.drop_index(
        "enrolments_open",
        table_name="enrolments",
        sqlite_where=sa.text("state IN ('waiting', 'active')"),
        postgresql_where=sa.text("state IN ('waiting', 'active')"),
    )
    op.drop_index("enrolments_due", table_name="enrolments")
    op.drop_index("enrolments_by_contact", table_name="enrolments")
    op.drop_table("enrolments")
    op.drop_index("decisions_by_contact", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index(op.f("ix_coupons_contact_id"), table_name="coupons")
    op.drop_table("coupons")
    op.drop_index(op.f("ix_contacts_stage"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_review_at"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_address_key"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_account_id"), table_name="contacts")
    op.drop_table("contacts")
    op.drop_index("consents_by_contact", table_name="consents")
    op.drop_table("consents")
    op.drop_table("campaign_states")
    op.drop_table("applications")
    op.drop_table("accounts")
