"""The statistics of lift, in plain Python: distributions, intervals at a fixed horizon, intervals that may be watched.

Sources. Regularised incomplete gamma: DLMF 8.11.4 (series) and 8.9.2 (continued fraction). Regularised incomplete beta:
DLMF 8.17.22. Both fractions by Lentz's method, as modified by Thompson and Barnett (1986). Welch's test: B. L. Welch,
Biometrika 34 (1947). Sequential intervals: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy
and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024),
arXiv:2103.06476, with the boundary of a Gaussian mixture. Several arms: S. Holm, Scand. J. Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

#: The error that every interval and correction here allows.
ALPHA = 0.05
#: The number of contacts, over both arms, at which the sequential interval is narrowest; it holds at any number.
TUNED_FOR = 5_000
_TINY = 1e-300
_EPSILON = 1e-15
_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What a comparison needs of an arm: how many contacts, their mean and variance, and the variance of that mean."""

    size: int
    mean: float
    #: of one contact, with n - 1
    variance: float
    #: variance of the mean, as the metric's test defines it
    squared_error: float


def proportion(successes: int, size: int) -> Sample:
    """Return the sample of a conversion; its squared error is Wald's p(1 - p)/n."""
    if size == 0:
        return Sample(0, 0.0, 0.0, 0.0)
    rate = successes / size
    spread = rate * (1 - rate)
    return Sample(size, rate, spread * size / (size - 1) if size > 1 else 0.0, spread / size)


def amounts(values: Sequence[float], zeros: int = 0) -> Sample:
    """Return the sample of `values` and of `zeros` further contacts who spent nothing."""
    size = len(values) + zeros
    if size == 0:
        return Sample(0, 0.0, 0.0, 0.0)
    mean = math.fsum(values) / size
    squares = math.fsum((value - mean) ** 2 for value in values) + zeros * mean**2
    variance = squares / (size - 1) if size > 1 else 0.0
    return Sample(size, mean, variance, variance / size)


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of two means, its 95% from low to high, and the two-sided p; None where nothing can be told."""

    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def wald(arm: Sample, control: Sample) -> Interval:
    """Return the difference of two proportions, unpooled, normal."""
    difference, error = _difference(arm, control)
    if error == 0:
        return Interval(difference)
    reach = normal_quantile(1 - ALPHA / 2) * error
    return Interval(difference, difference - reach, difference + reach, normal_two_sided(difference / error))


def welch(arm: Sample, control: Sample) -> Interval:
    """Return the difference of two means of unequal variances, Student's t with Welch and Satterthwaite's freedom."""
    difference, error = _difference(arm, control)
    if error == 0:
        return Interval(difference)
    freedom = error**4 / sum(each.squared_error**2 / (each.size - 1) for each in (arm, control))
    reach = t_quantile(1 - ALPHA / 2, freedom) * error
    return Interval(difference, difference - reach, difference + reach, t_two_sided(difference / error, freedom))


def anytime(arm: Sample, control: Sample, comparisons: int = 1) -> Interval:
    """Return an interval that holds at all looks at once, and over all `comparisons` at once (Bonferroni).

    Its p, which is of this comparison alone, may be watched as it goes as well.
    The squared error is the greater of the unpooled and the pooled one: an arm in which nothing has happened yet would
    otherwise claim to be certain, and looking early is what this interval is for.
    """
    difference, error = _difference(arm, control)
    if arm.size < 2 or control.size < 2:
        return Interval(difference)
    pooled = (arm.variance * (arm.size - 1) + control.variance * (control.size - 1)) / (arm.size + control.size - 2)
    error = max(error, math.sqrt(pooled * (1 / arm.size + 1 / control.size)))
    if error == 0:
        return Interval(difference)
    alpha = ALPHA / comparisons
    information = (arm.size + control.size) * _rho_squared(alpha)
    reach = error * math.sqrt(2 * (1 + 1 / information) * math.log(math.sqrt(1 + information) / alpha))
    # the p at which the interval's edge meets zero: one over the mixture's likelihood ratio
    evidence = (difference / error) ** 2 / 2 * information / (1 + information) - math.log1p(information) / 2
    return Interval(difference, difference - reach, difference + reach, math.exp(-max(0.0, evidence)))


def _rho_squared(alpha: float) -> float:
    """Return the mixture's variance that makes the interval narrowest at TUNED_FOR."""
    spend = -2 * math.log(alpha)
    return (spend + math.log(spend) + 1) / TUNED_FOR


def _difference(arm: Sample, control: Sample) -> tuple[float, float]:
    """Return the difference and its standard error, the latter 0 where an arm has fewer than two contacts."""
    enough = arm.size >= 2 and control.size >= 2
    return arm.mean - control.mean, math.sqrt(arm.squared_error + control.squared_error) if enough else 0.0


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return the p values corrected for their number by Holm's step-down; None stays None, and counts for nothing."""
    known = sorted((p, index) for index, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    most = 0.0
    for place, (p, index) in enumerate(known):
        most = max(most, min(1.0, p * (len(known) - place)))
        corrected[index] = most
    return corrected


def chi_square_p(observed: Sequence[int], weights: Sequence[float]) -> float | None:
    """Return the p of the counts under the weights (Pearson); None for no counts or fewer than two cells."""
    total, whole = sum(observed), sum(weights)
    if total == 0 or len(observed) < 2 or whole <= 0:
        return None
    statistic = 0.0
    for count, weight in zip(observed, weights, strict=True):
        expected = total * weight / whole
        if expected == 0:
            if count:
                return 0.0
            continue
        statistic += (count - expected) ** 2 / expected
    return upper_gamma((len(observed) - 1) / 2, statistic / 2)


# ---------------------------------------------------------------- distributions


def normal_two_sided(z: float) -> float:
    """Return the probability of a standard normal at least as far from 0 as z."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_quantile(probability: float) -> float:
    """Return the z below which that probability lies, in (0, 1)."""
    return _invert(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)), probability)


def t_two_sided(t: float, freedom: float) -> float:
    """Return the probability of Student's t at least as far from 0 as t."""
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_quantile(probability: float, freedom: float) -> float:
    """Return the t below which that probability lies, in (0, 1)."""

    def below(t: float) -> float:
        tail = t_two_sided(t, freedom) / 2
        return tail if t < 0 else 1 - tail

    return _invert(below, probability)


def _invert(below: Callable[[float], float], probability: float) -> float:
    """Return where a rising function of (-∞, ∞) reaches `probability`, by widening and halving."""
    low, high = -1.0, 1.0
    while below(low) > probability:
        low *= 2
    while below(high) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        low, high = (middle, high) if below(middle) < probability else (low, middle)
    return (low + high) / 2


def upper_gamma(shape: float, x: float) -> float:
    """Return the regularised upper incomplete gamma function Q(shape, x), for shape > 0 and x >= 0."""
    if x <= 0:
        return 1.0
    scale = math.exp(-x + shape * math.log(x) - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        for index in range(1, _LIMIT):
            term *= x / (shape + index)
            total += term
            if term < total * _EPSILON:
                break
        return 1 - total * scale
    tail = _lentz((-index * (index - shape), x + 1 - shape + 2 * index) for index in range(1, _LIMIT))
    return scale / (x + 1 - shape + tail)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for a, b > 0 and x in [0, 1]."""
    if x <= 0 or x >= 1:
        return min(1.0, max(0.0, x))
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - incomplete_beta(b, a, 1 - x)
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)

    def terms() -> Iterable[tuple[float, float]]:
        for m in range(_LIMIT):
            if m:
                yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0
            yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0

    return math.exp(log_scale) / a / (1 + _lentz(terms()))


def _lentz(terms: Iterable[tuple[float, float]]) -> float:
    """Return the continued fraction a1/(b1 + a2/(b2 + …)) of the (a, b)."""
    value, upper, lower = _TINY, _TINY, 0.0
    for a, b in terms:
        lower = b + a * lower
        lower = 1 / (lower if lower != 0 else _TINY)
        upper = b + a / upper
        upper = upper if upper != 0 else _TINY
        step = upper * lower
        value *= step
        if abs(step - 1) < _EPSILON * 4:
            break
    return value
