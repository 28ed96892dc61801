"""`report lift CAMPAIGN`: what the campaign changed, against contacts who were held out of it.

Two intervals stand side by side. The fixed-horizon one (unpooled Wald for conversion, Welch for value) is right when
it is looked at once, at a time chosen beforehand. The other may be looked at daily, and allows for several arms.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from lifecycle.base.errors import NotFoundError
from lifecycle.report import statistics
from lifecycle.report.assigned import CONTROL, TREATED, Assignment, assigned, first_split
from lifecycle.report.content import campaign_label
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet, number
from lifecycle.report.statistics import ALPHA, Interval, Sample
from lifecycle.report.window import Window
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.tables import enrolments, messages

Metric: TypeAlias = Literal["conversion", "value"]
#: Below this the shares of the arms are not what was declared, and no comparison is to be trusted.
RATIO_ALARM = 0.001


@dataclass(slots=True)
class Arm:
    """The contacts of one arm."""

    arm: str
    contacts: int = 0
    conversions: int = 0
    #: of the contacts who brought any
    values: array[float] = field(default_factory=lambda: array("d"))

    def sample(self, metric: Metric) -> Sample:
        """Return what the comparison needs."""
        if metric == "conversion":
            return statistics.proportion(self.conversions, self.contacts)
        return statistics.amounts(self.values, self.contacts - len(self.values))

    def as_json(self) -> dict[str, Any]:
        """Return the arm as DESIGN section 6 has it."""
        value = sum(self.values)
        return {
            "arm": self.arm, "contacts": self.contacts, "conversions": self.conversions,
            "rate": self.conversions / self.contacts if self.contacts else None, "value": number(value),
            "value_per_contact": value / self.contacts if self.contacts else None,
        }  # fmt: skip


def lift(connection: Connection, content: Content, window: Window, name: str) -> Report:
    """Return the lift of one campaign. Raises NotFoundError."""
    campaign = content.campaigns.get(name)
    if campaign is None and not _known(connection, name):
        raise NotFoundError(
            f'no campaign "{name}"', hint=did_you_mean(name, content.campaigns) or "`lifecycle report` lists them"
        )
    found = assigned(connection, content, name, window)
    holdout = holdout_share(content, campaign, found.control)
    weights = variant_weights(campaign)
    named = [*([CONTROL] if holdout is not None else []), *weights]
    seen = sorted({outcome.arm for outcome in found.outcomes.values() if outcome.arm is not None} - set(named))
    if not weights and not set(seen) - {CONTROL}:
        seen.append(TREATED)
    # the control first; of what nobody declared, in the order of the alphabet
    order = sorted([*named, *seen], key=lambda arm: arm != CONTROL)
    arms = {arm: Arm(arm) for arm in order}
    for outcome in found.outcomes.values():
        if outcome.arm is not None:
            arm = arms[outcome.arm]
            arm.contacts += 1
            arm.conversions += outcome.converted
            if outcome.value:
                arm.values.append(outcome.value)
    listed = list(arms.values())
    # a holdout of ours that is declared no more has no share to be held to
    tested = listed if holdout is not None or found.imported else [arm for arm in listed if arm.arm != CONTROL]
    data = {
        "campaign": name, "window": window.as_json(), "arms": [arm.as_json() for arm in listed],
        "comparisons": compare(listed), "sample_ratio_p": sample_ratio_p(tested, holdout, weights),
    }  # fmt: skip
    return _report(content, name, window, data, found)


def compare(arms: list[Arm]) -> list[dict[str, Any]]:
    """Return every comparison with the control: `held_out`, or the first arm where nobody is held out."""
    if len(arms) < 2:
        return []
    control, *others = arms
    rows: list[dict[str, Any]] = []
    metrics: tuple[Metric, ...] = ("conversion", "value")
    for metric in metrics:
        test = statistics.wald if metric == "conversion" else statistics.welch
        base = control.sample(metric)
        fixed = [test(arm.sample(metric), base) for arm in others]
        watched = [statistics.anytime(arm.sample(metric), base, len(others)) for arm in others]
        corrected = statistics.holm([each.p for each in watched])
        for arm, once, ever, p_adjusted in zip(others, fixed, watched, corrected, strict=True):
            rows.append(_comparison(arm.arm, control.arm, metric, once, ever, p_adjusted))
    return rows


def _comparison(
    arm: str, against: str, metric: Metric, once: Interval, ever: Interval, p_adjusted: float | None
) -> dict[str, Any]:
    return {
        "arm": arm, "against": against, "metric": metric, "difference": once.difference, "low": once.low,
        "high": once.high, "p": once.p, "anytime_low": ever.low, "anytime_high": ever.high, "p_adjusted": p_adjusted,
    }  # fmt: skip


def holdout_share(content: Content, campaign: Campaign | None, control: str) -> float | None:
    """Return the declared share of the control, None when none is declared."""
    if campaign is None or campaign.kind == "transactional":
        return None
    share = campaign.holdout if control == CONTROL else content.project.policies.global_holdout
    return float(share.fraction) if share is not None and share.fraction > 0 else None


def variant_weights(campaign: Campaign | None) -> dict[str, float]:
    """Return the declared arms of the treated and their weights; one arm where there is no split."""
    split = first_split(campaign)
    if split is not None:
        return {variant.variant: float(variant.weight) for variant in split.variants}
    return {}


def sample_ratio_p(arms: list[Arm], holdout: float | None, weights: dict[str, float]) -> float | None:
    """Return the p of the arms' sizes under what was declared; variants that nobody declared share equally.

    A control that nobody declared has no declared share: it counts as one more equal arm when the variants are not
    declared either, and stays out of the test when they are.
    """
    treated = [arm for arm in arms if arm.arm != CONTROL]
    declared = bool(weights) and all(arm.arm in weights for arm in treated)
    tested: list[tuple[int, float]] = []
    for arm in arms:
        if arm.arm == CONTROL:
            if holdout is not None:
                tested.append((arm.contacts, holdout))
            elif not declared:
                tested.append((arm.contacts, 1 / len(arms)))
        else:
            part = weights[arm.arm] / sum(weights.values()) if declared else 1 / len(treated)
            control = holdout if holdout is not None else (0.0 if declared else (len(arms) - len(treated)) / len(arms))
            tested.append((arm.contacts, part * (1 - control)))
    return statistics.chi_square_p([count for count, _ in tested], [weight for _, weight in tested])


def _known(connection: Connection, name: str) -> bool:
    in_ledger = select(func.count()).select_from(messages).where(messages.c.campaign == name)
    entered = select(func.count()).select_from(enrolments).where(enrolments.c.campaign == name)
    return bool(connection.execute(in_ledger).scalar_one() or connection.execute(entered).scalar_one())


# ---------------------------------------------------------------- for people


def verdict(row: dict[str, Any]) -> str:
    """Return what the comparison says, in words; it says nothing before it can."""
    if row["p_adjusted"] is None or row["p_adjusted"] >= ALPHA:
        return "cannot tell yet"
    return "higher" if row["difference"] > 0 else "lower"


def _report(content: Content, name: str, window: Window, data: dict[str, Any], found: Assignment) -> Report:
    currency = content.project.currency
    arms = data["arms"]
    comparisons = [{**row, "verdict": verdict(row)} for row in data["comparisons"]]
    sides: tuple[tuple[str, str, Literal["points", "money"]], ...] = (
        ("conversion", "Conversion against the control", "points"),
        ("value", "Value per contact against the control", "money"),
    )
    sheets = [
        Sheet(
            title,
            (
                Column("arm", "Arm", "text"), Column("against", "Against", "text"),
                Column("difference", "Difference", kind),
                Column("low", "95% from", kind), Column("high", "to", kind), Column("p", "p", "probability"),
                Column("anytime_low", "Any time from", kind), Column("anytime_high", "to", kind),
                Column("p_adjusted", "p adjusted", "probability"), Column("verdict", "Verdict", "text"),
            ),
            [row for row in comparisons if row["metric"] == metric],
        )
        for metric, title, kind in sides
    ]  # fmt: skip
    columns = (
        Column("arm", "Arm", "text"), Column("contacts", "Contacts"), Column("conversions", "Conversions"),
        Column("rate", "Rate", "share"), Column("value", "Value", "money"),
        Column("value_per_contact", "Value per contact", "money"),
    )  # fmt: skip
    total = sum(arm["contacts"] for arm in arms)
    return Report(
        title=f"Lift: {campaign_label(content, name)}",
        period=window.words(ZoneInfo(content.project.timezone)),
        currency=currency,
        data=data,
        sheets=(Sheet("Arms, as assigned", columns, arms), *sheets),
        figures=tuple(
            Figure(f"{row['arm']}: {metric}", row["difference"], kind, row["verdict"])
            for metric, _, kind in sides
            for row in comparisons
            if row["metric"] == metric
        ),
        charts=(Chart("Conversion rate", [(arm["arm"], arm["rate"] or 0) for arm in arms], "bars", "share"),)
        if total
        else (),
        notes=tuple(_notes(content.campaigns.get(name), data, found)),
        alarms=tuple(_alarms(data)),
        nothing_yet="" if total else f"Nothing yet: nobody has been assigned to an arm of {name} in this period.",
    )


def _alarms(data: dict[str, Any]) -> list[str]:
    ratio = data["sample_ratio_p"]
    if ratio is None or ratio >= RATIO_ALARM:
        return []
    return [f"The arms' sizes are not what was declared (p {ratio:.2g}): trust no comparison before you know why."]


def _notes(campaign: Campaign | None, data: dict[str, Any], found: Assignment) -> list[str]:
    held_out = any(arm["arm"] == CONTROL for arm in data["arms"])
    said = ["95% is for one look at a time chosen beforehand; any time may be watched daily, for all arms at once."]
    if not held_out:
        said.append("Nobody is held out, so this is no lift: `holdout: 10%` in the campaign makes a control.")
    elif found.control != CONTROL:
        said.append("The control is the project's global holdout: the difference is that of all campaigns together.")
    if campaign is None or campaign.goal is None:
        said.append("No goal is declared; imported contacts count an order within the attribution window.")
    if found.in_two_arms:
        said.append(f"{found.in_two_arms:,} contacts were in two arms (merged) and left the analysis.")
    return said
