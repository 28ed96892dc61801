"""`lifecycle explain`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lifecycle.cli.output import cell, console, emit_json
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from rich.tree import Tree

    from lifecycle.audience.clauses import Clause
    from lifecycle.plan.explain import CampaignStory, Entered, Story

#: What a reason means, for people.
REASONS = {
    "held_out": "held out: kept without mails, to measure what the campaign changes",
    "not_consented": "does not consent to the topic",
    "suppressed": "the address is suppressed (bounce, complaint, by hand or erasure)",
    "not_in_audience": "the campaign's audience condition did not hold",
    "reentry": "has been in this campaign already and may not enter again yet",
    "exit_condition": "the campaign's exit_when came true",
    "goal_met": "did what the campaign is for",
    "frequency_capped": "one more mail would have exceeded a frequency cap",
    "quiet_hours": "quiet hours, or outside the campaign's send window",
    "past_deadline": "too late: the step's deadline had passed",
    "no_address": "has no e-mail address",
    "invalid_address": "the e-mail address is not valid",
    "render_error": "the mail could not be rendered for this contact",
    "skip_if": "the step's skip_if held",
    "campaign_paused": "the campaign is paused",
    "campaign_ended": "the campaign was removed, ended or made a draft",
    "cancelled": "somebody cancelled the campaign",
    "duplicate": "was enrolled by this very trigger already",
    "quarantined": "killed its worker three times",
    "erased": "the contact was erased",
    "coupon_unavailable": "no coupon could be made",
}


@click.command(epilog="Examples:  lifecycle explain sara@example.com  ·  lifecycle explain u-17 cart-abandonment")
@click.argument("contact")
@click.argument("campaign", required=False)
@json_option
@pass_session
def command(session: Session, contact: str, campaign: str | None) -> None:
    """Say why a contact did or did not get its mails.

    Every decision with its time and the values it saw; every campaign, those that never touched the contact included.
    CONTACT is an external id or an e-mail address.
    """
    from lifecycle.base.errors import NotFoundError
    from lifecycle.plan.explain import explain
    from lifecycle.spec.diagnostics import did_you_mean
    from lifecycle.store.contacts import find_contact

    engine = session.engine()
    content = engine.content()
    with engine.store.read() as connection:
        contact_id = find_contact(connection, contact)
        story = explain(connection, contact_id, content, engine.clock.now(), campaign)
    if campaign is not None and campaign not in content.campaigns and not story.campaigns[0].entered:
        raise NotFoundError(f'no campaign "{campaign}"', hint=did_you_mean(campaign, content.campaigns))
    if session.json:
        emit_json(asdict(story))
        return
    _print(story)


def _print(story: Story) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    head = (
        f"[bold]{escape(story.contact)}[/] {escape(story.email or 'no e-mail address')} · stage {story.stage or 'none'}"
    )
    if story.suppressed:
        head += f" · [red]suppressed ({escape(story.suppressed)})[/]"
    tree = Tree(head)
    if story.segments:
        tree.add("segments: " + ", ".join(story.segments))
    for campaign in story.campaigns:
        _campaign(tree.add(f"[bold]{escape(campaign.campaign)}[/]"), campaign)
    console().print(tree, soft_wrap=False)  # a tree is cut, not wrapped, where lines may be of any length


def _campaign(node: Tree, campaign: CampaignStory) -> None:
    if not campaign.entered:
        node.add("never entered: its trigger has not fired for this contact")
    if campaign.consent is not None:
        node.add(f"consents to its topic: {'yes' if campaign.consent else 'no'}")
    for name, found in (("audience now", campaign.audience), ("exit_when now", campaign.exit_when)):
        if found:
            _clauses(node.add(name), found)
    for entered in campaign.entered:
        _entered(node, entered)


def _clauses(node: Tree, found: list[Clause] | Any) -> None:
    from rich.markup import escape

    for clause in found:
        mark = "[green]✓[/]" if clause.holds else "[red]✗[/]"
        saw = f" (saw {escape(str(clause.saw))})" if clause.saw not in (None, "") else ""
        node.add(f"{'  ' * clause.depth}{mark} {escape(clause.text)}{saw}")


def _entered(node: Tree, entered: Entered) -> None:
    from rich.markup import escape

    words = REASONS.get(entered.reason, entered.reason)
    title = f"{cell(entered.opened_at)} [bold]{entered.state}[/]" + (f" – {escape(words)}" if words else "")
    inner = node.add(title)
    for decision in entered.decisions:
        detail = ", ".join(
            f"{key} {value}" for key, value in decision["detail"].items() if value not in (None, "", [], {})
        )
        what = " ".join(part for part in (decision["decision"].replace("_", " "), decision["step"]) if part)
        reason = f" ({decision['reason']})" if decision["reason"] not in {"", decision["decision"]} else ""
        inner.add(f"{cell(decision['at'])} {escape(what + reason)}" + (f": {escape(detail)}" if detail else ""))
    for mail in entered.messages:
        words = REASONS.get(mail["reason"], mail["reason"])
        when = cell(mail["sent_at"] or mail["reached_at"])
        marks = [name for name in ("opened", "clicked") if mail[f"{name}_at"]]
        line = f"{when} mail {mail['step']}: [bold]{mail['state']}[/]" + (f" – {escape(words)}" if words else "")
        inner.add(
            line
            + (f" ({', '.join(marks)})" if marks else "")
            + (f" {escape(mail['detail'])}" if mail["detail"] else "")
            + (f" – waits for {escape(mail['waits_for'])}" if mail["waits_for"] else "")
        )
