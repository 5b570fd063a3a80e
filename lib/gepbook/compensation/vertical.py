"""Vertical ecological compensation (纵向生态保护补偿): a provincial pool shared among counties."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from gepbook.errors import CoverageError, ParameterError
from gepbook.params import Params, check_weights, parameter

FACTORS = {
    "regulating_value": "调节服务价值",
    "redline_area": "生态保护红线面积",
    "gep_improvement": "可比价GEP增量",
    "fiscal_gap": "财政收支缺口",
    "resident_population": "常住人口",
}
CENTS_PER_YUAN = 100


def _check_weights(weights: dict[str, float]) -> dict[str, float]:
    """Refuse weights that are not exactly those of the known factors or do not sum to 1."""
    check_weights(weights, FACTORS)
    return weights


class VerticalParams(Params):
    """Rules of the vertical scheme (纵向补偿规则)."""

    budget_cny: float = parameter("CNY a-1", "资金总额 B", ge=0)
    weights: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1)]], AfterValidator(_check_weights)
    ] = parameter("1", "因素权重 w_f, Σ = 1")


def shares(factors: pd.DataFrame, weights: dict[str, float]) -> pd.DataFrame:
    r"""Return each county's share of the pool by factor (分配份额).

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


def allocate(budget_cny: float, county_shares: pd.Series) -> pd.Series:
    """Return whole-cent allocations that sum to the budget exactly (最大余额法).

    Parameters
    ----------
    budget_cny : float, CNY
        A whole number of cents.
    county_shares : Series, dimensionless, sums to 1

    Returns
    -------
    Series, CNY, same index
        Remaining cents go to the largest remainders, ties to the lower county code.

    Raises
    ------
    ParameterError
        For a negative budget.
    """
    if budget_cny < 0:
        raise ParameterError(f"vertical compensation: budget must be ≥ 0, got {budget_cny}.")
    cents = round(budget_cny * CENTS_PER_YUAN)
    exact = county_shares.sort_index() * cents
    whole = np.floor(exact).astype("int64")
    remaining = cents - int(whole.sum())
    order = (exact - whole).sort_values(ascending=False, kind="stable").index
    whole[order[:remaining]] += 1
    return whole.reindex(county_shares.index) / CENTS_PER_YUAN
