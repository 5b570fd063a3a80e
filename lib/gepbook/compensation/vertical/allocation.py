"""Sharing a fund among counties by factors and effect, within bounds to last year (因素法分配)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gepbook.errors import CoverageError

FACTORS = {
    "regulating_value": "调节服务价值",
    "redline_area": "生态保护红线面积",
    "gep_improvement": "可比价GEP增量",
    "fiscal_gap": "财政收支缺口",
    "resident_population": "常住人口",
}
#: Rounding of a sum of bounded amounts, as a share of the fund.
ROUNDING = 1e-12


def shares(factors: pd.DataFrame, weights: dict[str, float]) -> pd.DataFrame:
    r"""Return each county's share of a fund by factor (分配份额).

    A factor that is zero in every county, such as the improvement in a pack's first year, has nothing
    to share by: its weight goes to the others in proportion.

    Parameters
    ----------
    factors : DataFrame, counties × factors, ≥ 0
        Negative improvements and gaps are set to zero before the call.
    weights : dict
        Weight of each factor; they sum to 1.

    Returns
    -------
    DataFrame, counties × factors, dimensionless
        Sums to 1 over the whole table.

    Raises
    ------
    CoverageError
        For a missing or negative figure, or when every factor is zero everywhere.

    Notes
    -----
    .. math:: s_{if} = w_f \, x_{if} / \sum_j x_{jf}

    Source: design; 浙委办发〔2021〕82号 五(一) names the factors, publishes no formula.
    """
    problems = [
        f"vertical compensation: {county}: {factor} is {value}; it must be a number ≥ 0. "
        "Correct the county's data."
        for factor, values in factors.items()
        for county, value in values.items()
        if not value >= 0
    ]
    if problems:
        raise CoverageError(problems)
    totals = factors.sum()
    usable = pd.Series(weights)[totals.index].where(totals > 0, 0.0)
    if usable.sum() == 0:
        raise CoverageError("vertical compensation: every factor is zero in every county.")
    return factors / totals.where(totals > 0, 1.0) * (usable / usable.sum())


def effect_multiplier(
    score: pd.Series, elasticity: float, bounds: tuple[float, float]
) -> pd.Series:
    r"""Return what last year's effect does to a county's share (绩效系数).

    Parameters
    ----------
    score : Series, 0–100, NaN where there was no appraisal
    elasticity : float
        Relative change of the share for a score that is off the mean by all of it.
    bounds : (float, float)
        Least and greatest multiplier.

    Returns
    -------
    Series, dimensionless
        1 at the mean score and where there was none.

    Notes
    -----
    .. math:: m_i = \min(\max(1 + k (e_i / \bar e - 1), m_{low}), m_{high})

    Source: design; 浙委办发〔2021〕82号 五(一) asks to tie funds to effect, publishes no formula.
    """
    mean = score.mean()
    if not mean > 0:
        return pd.Series(1.0, index=score.index)
    return (1 + elasticity * (score / mean - 1)).clip(*bounds).fillna(1.0)


def bounded(
    budget: float, share: np.ndarray, last: np.ndarray, fall: float, rise: float
) -> np.ndarray:
    r"""Return amounts that follow shares but change little from last year (保底与封顶).

    A county gets at least (1 − fall) and at most (1 + rise) of what it got last year, both times the
    change of the fund. Counties without a share get nothing, those without a last year are unbounded.

    Parameters
    ----------
    budget : float, CNY
    share : ndarray, (counties,), ≥ 0
    last : ndarray, (counties,), CNY
        0 or NaN where a county got nothing.
    fall, rise : float, ≥ 0
        `fall` at most 1.

    Returns
    -------
    ndarray, (counties,), CNY
        Sums to the budget.

    Notes
    -----
    .. math:: A_i = \min(\max(\lambda s_i, (1 - f) g L_i), (1 + r) g L_i), \; \sum_i A_i = B, \;
              g = B / \sum_{s_j > 0} L_j

    The sum grows with λ from at most to at least the budget, piece by piece in a straight line, so λ is
    found exactly between two of its corners. Source: design.
    """
    here = (share > 0) & (budget > 0)
    if not here.any():
        return np.zeros_like(share, dtype="float64")
    known = np.where(here, np.nan_to_num(last), 0.0)
    growth = budget / known.sum() if known.sum() > 0 else 0.0
    low = (1 - fall) * growth * known
    high = np.where(known > 0, (1 + rise) * growth * known, np.inf)
    wanted = np.where(here, share, 0.0)

    def at(factor: np.ndarray) -> np.ndarray:
        """Return the amounts for some λ, λ × counties."""
        return np.clip(factor[:, None] * wanted, low, high)

    corners = np.concatenate([low[here] / wanted[here], high[here] / wanted[here]])
    corners = np.unique(corners[np.isfinite(corners)])
    reached = at(corners).sum(axis=1) if len(corners) else np.array([])
    place = int(np.searchsorted(reached, budget * (1 - ROUNDING)))
    if place < len(corners):
        left = corners[place - 1] if place else 0.0
        before = at(np.array([left])).sum()
        step = (budget - before) / (reached[place] - before) if reached[place] > before else 1.0
        return at(np.array([left + step * (corners[place] - left)]))[0]
    start = corners[-1] if len(corners) else 0.0  # beyond all corners the unbounded take the rest
    base = at(np.array([start]))[0]
    free = here & ~np.isfinite(high)
    if not free.any():
        return base
    return base + np.where(free, wanted, 0.0) / wanted[free].sum() * (budget - base.sum())
