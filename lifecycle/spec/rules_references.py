"""LC2xx: a name that nothing declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from lifecycle.spec.decode import Kind, Reference
from lifecycle.spec.diagnostics import Diagnostic, Rule, Severity, did_you_mean
from lifecycle.spec.model import PROVIDERS, Content, walk_steps

#: The survey that every project has: the page behind `survey_url` asks it.
NPS = "nps"


class UnknownSegment(Rule):
    """No file in segments/ declares this segment.

    Fix: correct the name, or write segments/NAME.yaml.
    """

    code = "LC201"


class UnknownStage(Rule):
    """lifecycle.yaml declares no such stage.

    Fix: correct the name, or add the stage to `stages`.
    """

    code = "LC202"


class UnknownTopic(Rule):
    """lifecycle.yaml declares no such topic.

    Fix: correct the name, or add the topic to `topics`.
    """

    code = "LC203"


class UnknownSender(Rule):
    """lifecycle.yaml declares no such sender.

    Fix: correct the name, or add the sender to `senders`.
    """

    code = "LC204"


class UnknownTemplate(Rule):
    """There is no such template in templates/.

    `send: cart/reminder` needs templates/cart/reminder.mjml, or reminder.LOCALE.mjml.
    """

    code = "LC205"


class UnknownCampaign(Rule):
    """No file in campaigns/ declares this campaign.

    Fix: correct the name, or write campaigns/NAME.yaml.
    """

    code = "LC206"


class UnknownWebhook(Rule):
    """lifecycle.yaml declares no such webhook.

    Fix: correct the name, or add it to `webhooks`.
    """

    code = "LC207"


class UnknownEvent(Rule):
    """lifecycle.yaml declares no such event.

    The event may come all the same, so this is a warning; but a misspelt event never comes. Fix: correct the name, or
    declare it under `events`. A project that declares no event at all is not warned.
    """

    code = "LC208"
    severity = Severity.WARNING


class UnknownStep(Rule):
    """The campaign has no step of that id.

    Fix: name a step by its id (the template's name for a send).
    """

    code = "LC209"


class UnknownTier(Rule):
    """lifecycle.yaml declares no such tier.

    Nobody is ever in it, so the condition would never hold. Fix: correct the name, or add the tier to `rewards: tiers`.
    """

    code = "LC212"


class UnknownSurvey(Rule):
    """lifecycle.yaml declares no such survey.

    The answer may come from elsewhere, so this is a warning; but a misspelt survey is never answered. Fix: correct the
    name, or add the survey to `surveys`. A project that declares no survey at all is not warned.
    """

    code = "LC213"
    severity = Severity.WARNING


class UnknownProvider(Rule):
    """There is no such provider.

    Those that there are: smtp, ses, postmark, and folder, which keeps mails as files. Whether one is set up is a matter
    of the settings; `lifecycle doctor` says.
    """

    code = "LC214"


_RULES: Mapping[Kind, type[Rule]] = {
    "segment": UnknownSegment, "stage": UnknownStage, "topic": UnknownTopic, "sender": UnknownSender,
    "template": UnknownTemplate, "campaign": UnknownCampaign, "webhook": UnknownWebhook, "event": UnknownEvent,
    "step": UnknownStep, "tier": UnknownTier, "survey": UnknownSurvey,
    "provider": UnknownProvider,
}  # fmt: skip


def check_references(
    content: Content, references: Sequence[Reference], declared: Mapping[str, AbstractSet[str]]
) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each name that nothing declares."""
    known = _known(content, declared)
    # what may come from elsewhere is held against declarations only where there are some
    open_kinds = {"event": content.project.events, "survey": content.project.surveys}
    undeclared = {kind for kind, names in open_kinds.items() if not names}
    for reference in references:
        names = known[reference.kind]
        if reference.name in names or reference.kind in undeclared:
            continue
        if reference.kind == "step":
            yield from _unknown_step(reference, content, names)
            continue
        message = f'unknown {reference.kind} "{reference.name}"'
        hint = did_you_mean(reference.name, names) or _instead(reference, names)
        yield _RULES[reference.kind].at(reference.place, message, hint=hint)


def _known(content: Content, declared: Mapping[str, AbstractSet[str]]) -> dict[Kind, Iterable[str]]:
    project = content.project
    return {
        "segment": {**content.segments, **dict.fromkeys(sorted(declared.get("segment", ())))},
        "campaign": {**content.campaigns, **dict.fromkeys(sorted(declared.get("campaign", ())))},
        "stage": [stage.stage for stage in project.stages],
        "topic": [topic.topic for topic in project.topics],
        "sender": project.senders,
        "webhook": project.webhooks,
        "tier": [tier.tier for tier in project.rewards.tiers],
        "survey": {**project.surveys, NPS: None},
        "provider": PROVIDERS,
        "template": templates(content),
        "event": {**project.events, **dict.fromkeys(_emitted(content))},
        "step": {
            f"{campaign.campaign}:{step.id}": None
            for campaign in content.campaigns.values()
            for step in walk_steps(campaign.steps)
        },
    }


def _emitted(content: Content) -> Iterator[str]:
    from lifecycle.spec.model import Emit

    for campaign in content.campaigns.values():
        for step in walk_steps(campaign.steps):
            if isinstance(step, Emit):
                yield step.event


def templates(content: Content) -> dict[str, None]:
    """Return the names by which steps can call templates: `cart/reminder` for reminder.mjml or reminder.ar.mjml."""
    found: dict[str, None] = {}
    for path in content.files:
        if not (path.startswith("templates/") and path.endswith(".mjml")):
            continue
        stem = path.removeprefix("templates/").removesuffix(".mjml")
        if stem.split("/")[0] in {"layouts", "partials"}:
            continue
        found[stem] = None
        head, _, ending = stem.rpartition(".")
        if head and ending in content.project.locales:
            found[head] = None
    return found


def _unknown_step(reference: Reference, content: Content, names: Iterable[str]) -> Iterator[Diagnostic]:
    campaign, _, step = reference.name.partition(":")
    if campaign not in content.campaigns:
        return  # that the campaign is unknown, or broken, has been said
    message = f'the campaign "{campaign}" has no step "{step}"'
    steps = [name.partition(":")[2] for name in names if name.startswith(f"{campaign}:")]
    yield UnknownStep.at(reference.place, message, hint=did_you_mean(step, steps) or "its steps: " + ", ".join(steps))


def _instead(reference: Reference, names: Iterable[str]) -> str:
    """Say where it would be declared."""
    if reference.kind == "template":
        return f"make templates/{reference.name}.mjml"
    if reference.kind in {"segment", "campaign"}:
        return f"make {reference.kind}s/{reference.name}.yaml"
    options = list(names)
    if reference.kind == "provider":
        return "there is " + ", ".join(options)
    if options and len(options) <= 8:
        return "declared: " + ", ".join(options)
    where = "rewards: tiers" if reference.kind == "tier" else f"{reference.kind}s"
    return f"declare it under {where}: in lifecycle.yaml"
