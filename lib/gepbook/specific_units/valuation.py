"""What a specific unit is worth on a market: by income, by comparison, by cost (市场化估价).

Three answers to three questions, set side by side and never averaged. What a VEP accounts follows the
guide of Beijing, 北京市特定地域单元生态产品价值（VEP）核算及应用指南（试行）, read second-hand: the costs
of protecting and using ecological products, and the income expected from running them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from gepbook.params import Params, parameter

SECTION = "specific_unit"
RightName = Literal["forest", "water", "energy", "tourism", "carbon", "land_use", "fishing"]
RIGHT_ZH: dict[RightName, str] = {
    "forest": "林权",
    "water": "取水与供水权",
    "energy": "水能利用权",
    "tourism": "旅游经营权",
    "carbon": "碳汇权益",
    "land_use": "土地使用权",
    "fishing": "养殖与捕捞权",
}
FACTORS = ("time_factor", "location_factor", "condition_factor")


def _all_rights(table: dict[str, float]) -> dict[str, float]:
    """Refuse a table that lacks a kind of right or has one that does not exist."""
    if set(table) != set(get_args(RightName)):
        raise ValueError(f"must list exactly the rights {', '.join(get_args(RightName))}")
    return table


#: A share for every right, keyed by its name.
ByRight = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=1)]],
    AfterValidator(_all_rights),
]


class SpecificUnitParams(Params):
    """Parameters of the value of specific units."""

    discount_rate: float = parameter("1", "还原利率 r", gt=0, lt=1)
    income_growth: float = parameter("1", "收益年增长率 g", gt=-1, lt=1)
    operating_cost_share: ByRight = parameter("1", "经营成本占收入比重 k, 按权属")
    contribution_rate: ByRight = parameter("1", "生态贡献率 c, 按权属")
    longest_term_year: int = parameter("a", "最长收益年限", ge=1)
    interest_rate: float = parameter("1", "利息率 i", ge=0, lt=1)
    profit_rate: float = parameter("1", "利润率 p", ge=0, lt=1)
    fewest_comparables: int = parameter("1", "可比案例最少个数", ge=1)
    largest_adjustment: float = parameter("1", "单项修正上限", ge=0, lt=1)
    largest_total_adjustment: float = parameter("1", "综合修正上限", ge=0, lt=1)
    outside_percent: float = parameter("percent", "允许超出县界的面积占比", ge=0, lt=100)


@dataclass(frozen=True)
class MarketValue:
    """What comparables say (市场比较结果).

    `table` has a row a comparable with `total_factor` (1), `adjusted_cny_ha` (CNY ha-1) and
    `left_out`, the reason where it does not count. The values are NaN where the method does not apply.
    """

    table: pd.DataFrame
    mean_cny: float
    lowest_cny: float
    highest_cny: float
    not_applicable: str = ""


@dataclass(frozen=True)
class CostValue:
    """What protecting and developing costs, CNY (成本法结果)."""

    protection_cny: float
    development_cny: float
    interest_cny: float
    profit_cny: float

    @property
    def total_cny(self) -> float:
        """The sum."""
        return self.protection_cny + self.development_cny + self.interest_cny + self.profit_cny


def net_incomes(
    income_cny: float, operating_cost_share: float, growth: float, years: int
) -> np.ndarray:
    r"""Return the net income of each year of a term (年净收益).

    Parameters
    ----------
    income_cny : float, CNY a-1
        Gross income of the first year.
    operating_cost_share, growth : float, 1
    years : int, a

    Returns
    -------
    ndarray, dims (year,), CNY a-1

    Notes
    -----
    .. math:: R_t = E (1 - k) (1 + g)^{t-1}

    Source: income approach of appraisal, GB/T 50291-2015 房地产估价规范 (recalled).
    """
    return income_cny * (1 - operating_cost_share) * (1 + growth) ** np.arange(years)


def capitalised(
    incomes_cny: Sequence[float] | np.ndarray, contribution: float, rate: float
) -> float:
    r"""Return the present value of the ecosystem's part of a series of incomes, CNY (收益还原法).

    Parameters
    ----------
    incomes_cny : sequence, dims (year,), CNY a-1
        Net income at the end of each year.
    contribution : float, 1
        Share of the income due to the ecosystem (生态贡献率).
    rate : float, 1
        Discount rate.

    Notes
    -----
    .. math:: V = \sum_{t=1}^{n} \frac{c \, R_t}{(1 + r)^t}

    Source: income approach of appraisal, GB/T 50291-2015 房地产估价规范 (recalled); the contribution
    rate follows the guide of Beijing on VEP (second-hand).
    """
    incomes = np.asarray(incomes_cny, dtype="float64")
    return float((contribution * incomes / (1 + rate) ** np.arange(1, len(incomes) + 1)).sum())


def compared(comparables: pd.DataFrame, area_ha: float, params: SpecificUnitParams) -> MarketValue:
    r"""Return the value of an area by the adjusted prices of comparables (市场比较法).

    Parameters
    ----------
    comparables : DataFrame
        Columns `price_cny_ha` (CNY ha-1) and the factors for time, location and condition (1).
    area_ha : float, ha

    Returns
    -------
    MarketValue
        Comparables that need too much adjustment are listed and left out; where too few are left the
        method does not apply.

    Notes
    -----
    .. math:: V = \frac{A}{m} \sum_{j=1}^{m} P_j \, k_t \, k_l \, k_c

    Source: comparison approach of appraisal, GB/T 50291-2015 房地产估价规范 (recalled).
    """
    table = comparables.copy()
    factors = table[list(FACTORS)].astype("float64")
    table["total_factor"] = factors.prod(axis="columns")
    table["adjusted_cny_ha"] = table["price_cny_ha"] * table["total_factor"]
    single = (factors - 1).abs().max(axis="columns")
    total = (table["total_factor"] - 1).abs()
    tolerance = 1e-9  # of the arithmetic: 1.2 − 1 is a little more than 0.2
    table["left_out"] = ""
    table.loc[total > params.largest_total_adjustment + tolerance, "left_out"] = (
        f"综合修正超过 {params.largest_total_adjustment:.0%} / adjusted too much in all"
    )
    table.loc[single > params.largest_adjustment + tolerance, "left_out"] = (
        f"单项修正超过 {params.largest_adjustment:.0%} / one factor adjusts too much"
    )
    used = table.loc[table["left_out"] == "", "adjusted_cny_ha"] * area_ha
    if len(used) < params.fewest_comparables:
        reason = (
            f"可用可比案例 {len(used)} 个，少于 {params.fewest_comparables} 个 / "
            f"{len(used)} usable comparables, fewer than {params.fewest_comparables}"
        )
        return MarketValue(table, np.nan, np.nan, np.nan, reason)
    return MarketValue(table, float(used.mean()), float(used.min()), float(used.max()))


def by_cost(
    amounts_cny: Mapping[str, float], period_year: float, params: SpecificUnitParams
) -> CostValue:
    r"""Return what it costs to protect and develop a unit, with interest and profit (成本法).

    Parameters
    ----------
    amounts_cny : mapping, CNY
        Outlays for `protection` and `development`.
    period_year : float, a
        Years from the first outlay to full operation.

    Notes
    -----
    .. math:: V = E_p + E_d + E_p[(1+i)^n - 1] + E_d[(1+i)^{n/2} - 1] + p (E_p + E_d)

    Protection is paid at the start, development evenly over the period. Source: cost approach of
    GB/T 18508 城镇土地估价规程 and GB/T 28406 农用地估价规程, acquisition read as protection (recalled).
    """
    protection, development = amounts_cny["protection"], amounts_cny["development"]
    growth = 1 + params.interest_rate
    interest = protection * (growth**period_year - 1)
    interest += development * (growth ** (period_year / 2) - 1)
    profit = params.profit_rate * (protection + development)
    return CostValue(protection, development, interest, profit)
