"""The statistics agree with printed tables and worked examples."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.report.statistics import (
    amounts,
    anytime,
    chi_square_p,
    holm,
    incomplete_beta,
    normal_quantile,
    normal_two_sided,
    proportion,
    t_quantile,
    t_two_sided,
    upper_gamma,
    wald,
    welch,
)


@pytest.mark.parametrize(
    ("freedom", "probability", "t"),
    [(1, 0.975, 12.706), (2, 0.95, 2.920), (10, 0.975, 2.228), (30, 0.995, 2.750), (120, 0.975, 1.980)],
)
def test_student_s_t_is_that_of_the_tables(freedom: int, probability: float, t: float) -> None:
    """Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2."""
    assert t_quantile(probability, freedom) == pytest.approx(t, abs=5e-4)
    assert t_two_sided(t, freedom) == pytest.approx(2 * (1 - probability), abs=2e-4)


@pytest.mark.parametrize(
    ("freedom", "x", "p"), [(1, 3.841, 0.05), (2, 9.210, 0.01), (5, 11.070, 0.05), (10, 29.588, 0.001)]
)
def test_chi_square_is_that_of_the_tables(freedom: int, x: float, p: float) -> None:
    """Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4."""
    assert upper_gamma(freedom / 2, x / 2) == pytest.approx(p, rel=2e-3)


def test_the_normal_is_that_of_the_tables() -> None:
    """Source: any table; z of 97.5% to seven places."""
    assert normal_quantile(0.975) == pytest.approx(1.9599640, abs=1e-7)
    assert normal_two_sided(2.575829) == pytest.approx(0.01, abs=1e-8)


@given(st.floats(0.5, 60), st.floats(0.0, 200))
def test_gamma_of_whole_shapes_is_a_poisson_sum(shape: float, x: float) -> None:
    """Q(n, x) is the probability of fewer than n events at mean x (DLMF 8.4.10); any shape stays within [0, 1]."""
    whole = math.ceil(shape)
    poisson = sum(math.exp(-x + k * math.log(x) - math.lgamma(k + 1)) if x else float(k == 0) for k in range(whole))
    assert upper_gamma(whole, x) == pytest.approx(poisson, abs=1e-10)
    assert -1e-12 <= upper_gamma(shape, x) <= 1 + 1e-12


@given(st.integers(1, 25), st.integers(1, 25), st.floats(0.001, 0.999))
def test_beta_of_whole_parameters_is_a_binomial_sum(a: int, b: int, x: float) -> None:
    """I_x(a, b) is the probability of a successes or more in a + b - 1 trials (DLMF 8.17.5)."""
    trials = a + b - 1
    tail = sum(math.comb(trials, k) * x**k * (1 - x) ** (trials - k) for k in range(a, trials + 1))
    assert incomplete_beta(a, b, x) == pytest.approx(tail, abs=1e-10)


def test_welch_agrees_with_a_worked_example() -> None:
    """Source: Rosetta Code, "Welch's t-test" (p by R); the first is also example 1 of Wikipedia (p 0.021)."""
    first = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    second = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4]
    found = welch(amounts(first), amounts(second))
    assert found.p is not None
    assert found.p == pytest.approx(0.021378001462867, rel=1e-9)
    assert welch(amounts([3.0, 4.0, 1.0, 2.1]), amounts([490.2, 340.0, 433.9])).p == pytest.approx(
        0.010751561149785, rel=1e-9
    )


def test_wald_is_the_formula_by_hand() -> None:
    """30 of 100 against 20 of 100: 0.1 ± 1.96 × √(0.3·0.7/100 + 0.2·0.8/100) = 0.1 ± 0.1192."""
    found = wald(proportion(30, 100), proportion(20, 100))
    assert found.difference == pytest.approx(0.1)
    assert found.low == pytest.approx(-0.019221, abs=1e-5)
    assert found.high == pytest.approx(0.219221, abs=1e-5)
    assert found.p == pytest.approx(0.100, abs=2e-3)


def test_zeros_need_not_be_listed() -> None:
    """Contacts who spent nothing count in the mean and the variance without a value of their own."""
    assert amounts([5.0, 7.0], zeros=2).mean == amounts([5.0, 7.0, 0.0, 0.0]).mean
    assert amounts([5.0, 7.0], zeros=2).variance == pytest.approx(amounts([5.0, 7.0, 0.0, 0.0]).variance)


def test_holm_is_step_down() -> None:
    """0.01, 0.04, 0.03 over three become 0.03, 0.06, 0.06; what cannot be told takes no part."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, None]) == [0.01, None]


def test_nothing_to_tell_from_tells_nothing() -> None:
    """Empty arms, arms of one, and arms in which nothing happened have a difference and no interval."""
    for arm, control in (
        (proportion(0, 0), proportion(0, 0)),
        (proportion(1, 1), proportion(0, 9)),
        (proportion(0, 9), proportion(0, 9)),
    ):
        for interval in (wald(arm, control), welch(arm, control), anytime(arm, control)):
            assert interval.low is None
            assert interval.p is None


def test_sample_ratios_are_pearson_s() -> None:
    """Source: 821 against 780 with equal shares is X² = 1.05, p 0.3055; 821 against 600 is no accident."""
    p = chi_square_p([821, 780], [1, 1])
    assert p is not None
    assert p == pytest.approx(0.3055, abs=5e-4)
    alarm = chi_square_p([821, 600], [0.5, 0.5])
    assert alarm is not None
    assert alarm < 1e-8
    assert chi_square_p([0, 0], [1, 1]) is None
    assert chi_square_p([5, 1], [1, 0]) == 0.0


@given(st.integers(2, 4000), st.integers(2, 4000), st.data())
def test_the_watched_interval_contains_the_one_for_a_single_look(arms: int, controls: int, data: st.DataObject) -> None:
    """Looking daily costs width, never gains it; more arms cost more; p and interval agree about zero."""
    arm = proportion(data.draw(st.integers(0, arms)), arms)
    control = proportion(data.draw(st.integers(0, controls)), controls)
    once, ever, several = wald(arm, control), anytime(arm, control), anytime(arm, control, 3)
    if (
        once.low is None
        or once.high is None
        or once.p is None
        or ever.low is None
        or ever.high is None
        or ever.p is None
    ):
        return
    assert several.low is not None
    assert several.low <= ever.low <= once.low <= once.high <= ever.high
    assert ever.p >= once.p
    assert (ever.low > 0 or ever.high < 0) == (ever.p < 0.05)


@pytest.mark.parametrize(("rate", "control_share"), [(0.01, 0.1), (0.2, 0.5)])
def test_watching_an_experiment_without_effect_seldom_finds_one(rate: float, control_share: float) -> None:
    """200 experiments of 8,000 contacts without effect, looked at every 100: fewer than 5% are ever called.

    The fixed-horizon p, looked at as often, is wrong in far more; that is why both are printed.
    """
    dice = random.Random(20261101)  # noqa: S311 - a simulation
    called_ever = called_once = 0
    for _ in range(200):
        sizes, wins, ever, once = [0, 0], [0, 0], False, False
        for index in range(1, 8001):
            arm = dice.random() >= control_share
            sizes[arm] += 1
            wins[arm] += dice.random() < rate
            if index % 100 == 0 and not (ever and once):
                pair = (proportion(wins[1], sizes[1]), proportion(wins[0], sizes[0]))
                ever = ever or (anytime(*pair).p or 1) < 0.05
                once = once or (wald(*pair).p or 1) < 0.05
        called_ever += ever
        called_once += once
    assert called_ever <= 10
    assert called_once >= 40
